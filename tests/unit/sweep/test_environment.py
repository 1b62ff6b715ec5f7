import subprocess

import pytest

import overparam.sweep.environment as environment_module
from overparam.sweep.environment import _commit, environment
from overparam.sweep.quota import cpu_quota


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


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {"cpu.max": "max 100000"}, None),
        ("0::/\n", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3.0),
        ("0::/a/b\n", {"cpu.max": "50000 100000", "a/b/cpu.max": "200000 100000"}, 0.5),
        ("3:cpuset:/\n2:cpu,cpuacct:/c\n",
         {"cpu,cpuacct/c/cpu.cfs_quota_us": "200000", "cpu,cpuacct/c/cpu.cfs_period_us": "100000"}, 2.0),
        ("2:cpu:/c\n", {"cpu/c/cpu.cfs_quota_us": "-1\n", "cpu/c/cpu.cfs_period_us": "100000\n"}, None),
        ("2:cpu:/gone\n", {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4.0),
        (None, {"cpu.max": "200000 100000"}, 2.0),
        ("nonsense\n\n::", {"cpu.max": "nonsense"}, None),
        ("0::/\n", {"cpu.max": "100000 0"}, None),
    ],
)  # fmt: skip
def test_the_processors_that_a_container_is_granted(tmp_path, own, files, quota):
    if own is not None:
        (tmp_path / "own").write_text(own)
    for name, text in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cpu_quota(tmp_path / "groups", tmp_path / "own") == quota


@pytest.mark.parametrize(("quota", "found"), [(None, 8), (0.2, 1), (1.0, 1), (2.5, 3), (64.0, 8)])
def test_no_more_workers_than_a_container_is_granted(monkeypatch, quota, found):
    monkeypatch.setattr(environment_module, "cpu_quota", lambda: quota)
    monkeypatch.setattr(environment_module.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert environment_module.cores() == found
