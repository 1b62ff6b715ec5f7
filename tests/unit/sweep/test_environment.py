import subprocess

from overparam.sweep.environment import _commit, environment


def test_the_environment_names_versions_and_commit():
    environment.cache_clear()
    facts = environment()
    assert set(facts) >= {"overparam", "versions", "python", "platform", "commit", "dirty"}
    assert facts["versions"]["jax"][0].isdigit()
    environment.cache_clear()


def test_a_modified_tree_is_marked_in_the_environment(tmp_path, monkeypatch):
    package = tmp_path / "src" / "overparam" / "sweep"
    package.mkdir(parents=True)
    (package / "a.py").write_text("one\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.setattr("overparam.sweep.environment.__file__", str(package / "environment.py"))
    clean = _commit()
    assert len(clean["commit"]) == 12
    assert not clean["dirty"]
    (package / "a.py").write_text("two\n")
    dirty = _commit()
    assert dirty["dirty"]
    assert len(dirty["changes"]) == 8
