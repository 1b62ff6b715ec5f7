"""The register: what changed without a new version is told, by the command that ``make check`` runs."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import overparam
from overparam.core import Control, arm, enough_noise, line, need, register
from overparam.core.errors import UsageError
from overparam.core.registry import ships, studies
from tests.toy_study import STUDY as TOY

RISE = TOY.claims[0]
SOURCE = Path(overparam.__file__).parents[1]


def of(**changes):
    """The toy study as it is now, with other fields of its claim."""
    return replace(TOY, claims=(replace(RISE, **changes),))


def toy(study=TOY):
    return replace(study, decides="quick")


def registered(study=TOY):
    return register.renewed({}, register.snapshot([toy(study)]), "2026-11-28")


def told(study, before=None):
    return register.differences(before or registered(), register.snapshot([toy(study)]))


def test_nothing_changed_nothing_told():
    assert told(TOY) == []
    assert register.missing(registered(), register.snapshot([toy()])) == []


def test_a_changed_cut_off_is_told_with_both_values():
    found = told(of(rule=replace(RISE.rule, cuts=(replace(RISE.rule.cuts[0], at_least=1.5),))))
    assert found == [
        'toy.rise: the rule (cut-off "at least 2" to "at least 1.5") changed without a new version. Add its reason to '
        "history=, then run `make register`."
    ]


def other(view):
    return None


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"on": arm("most label noise", noise=0.2)}, "the arm"),
        ({"x": "parameters"}, "the arm"),
        ({"control": Control("", arm(noise=0.1))}, "the control"),
        ({"control": Control("without noise", RISE.control.on, line("error").last.at_least(1.0))}, "the control"),
        ({"needs": (enough_noise(0.2), *RISE.needs[1:])}, "what is needed"),
        ({"needs": RISE.needs[:1]}, "what is needed"),
        ({"needs": (*RISE.needs, need("more", "More.", other))}, "what is needed"),
        ({"rule": line("loss").last.at_least(2.0)}, "the rule (what it compares)"),
        ({"rule": RISE.rule & RISE.rule}, "the rule (number of comparisons)"),
        ({"kind": "question"}, "the rule (what it compares)"),
        ({"outside": "another setting"}, "the rule (what it compares)"),
        ({"profiles": ("paper",)}, "whether the deciding profile judges it"),
    ],
)  # fmt: skip
def test_what_changed_is_named(changes, what):
    assert [what in one and "toy.rise" in one for one in told(of(**changes))] == [True]


def test_words_are_no_change():
    words = {"sentence": "Other words.", "chart": "", "control": replace(RISE.control, sentence="Other words.")}
    assert told(of(**words, on=replace(RISE.on, words="other words"))) == []
    assert told(of(profiles=("quick", "paper"))) == []


def test_a_new_version_with_its_reason_may_be_written_once():
    changed = of(rule=line("error").last.at_least(1.0), history=("the last width tells more",))
    assert told(changed) == []
    assert register.missing(registered(), register.snapshot([toy(changed)])) == [
        "toy.rise: its new version is not in the register. Run `make register`."
    ]
    after = register.renewed(registered(), register.snapshot([toy(changed)]), "2026-12-01")
    first, second = after["studies"]["toy"]["statements"]["rise"]["versions"]
    assert (first["version"], first["date"], first["reason"]) == (1, "2026-11-28", "first")
    assert (second["version"], second["date"], second["reason"]) == (
        2,
        "2026-12-01",
        "the last width tells more",
    )
    assert first["rule"] != second["rule"]
    assert first["needs"] == second["needs"]
    more = of(rule=line("error").last.at_least(0.5), history=changed.claims[0].history)
    assert "without a new version" in told(more, after)[0]


def test_a_version_that_goes_down_and_a_rewritten_reason_are_told():
    after = registered(of(history=("one reason", "another")))
    assert "went down from 3 to 2" in told(of(history=("one reason",)), after)[0]
    assert (
        'the reason of version 2 was rewritten: it was "one reason"'
        in told(of(history=("no", "another")), after)[0]
    )


def test_what_vanishes_needs_a_line():
    before = registered(replace(TOY, claims=(RISE, replace(RISE, name="other"))))
    assert told(TOY, before)[0].startswith('toy.other: in the register, and no longer there. Add "toy.other"')
    assert told(TOY, {**before, "retired": {"toy.other": "said twice"}}) == []
    assert register.differences(before, {})[0].startswith("toy: in the register, and no longer there.")
    after = register.renewed(
        {**before, "retired": {"toy.other": "said twice"}}, register.snapshot([toy()]), "2026-12-01"
    )
    assert after["retired"]["toy.other"] == {"date": "2026-12-01", "reason": "said twice"}
    assert (
        "retired in the register, and there again"
        in told(replace(TOY, claims=(RISE, replace(RISE, name="other"))), after)[0]
    )


def test_the_deciding_profile_has_versions():
    quick = replace(
        TOY.profiles["quick"], axes={**TOY.profiles["quick"].axes, "width": (8, 16, 64), "seed": (0, 1)}
    )
    changed = replace(TOY, profiles={"quick": quick})
    assert "toy: the deciding profile changed (seed, width) without a new version" in told(changed)[0]
    assert told(replace(changed, profile_history=("two seeds are enough",))) == []
    help_alone = replace(TOY.profiles["quick"], help="other words")
    assert told(replace(TOY, profiles={"quick": help_alone})) == []


def work(cells, progress):
    return []


def test_the_code_of_the_work_has_reasons():
    changed = replace(TOY, work=work)
    assert "toy: the code of its work changed without a reason" in told(changed)[0]
    assert told(replace(changed, work_history=("faster, the same results",))) == []
    assert "cell_version changed without a reason" in told(replace(TOY, cell_version=2))[0]
    assert told(replace(changed, cell_version=2, work_history=("a mistake",))) == []
    before = registered(replace(TOY, cell_version=2))
    assert "cell_version went down from 2 to 1" in told(TOY, before)[0]


def test_the_register_is_not_written_over_a_silent_change():
    with pytest.raises(UsageError, match="without a new version"):
        register.renewed(registered(), register.snapshot([toy(of(needs=()))]), "2026-12-01")


def test_the_file_holds_every_statement_of_the_package():
    now = {one.name: {claim.name for claim in one.claims} for one in studies().values() if ships(one)}
    held = register.read()["studies"]
    assert {name: set(one["statements"]) for name, one in held.items()} == now
    text = register.FILE.read_text(encoding="utf-8")
    assert json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n" == text


STUDY = '''"""A study of the package."""
from overparam.core import (
    MOST, NONE, Axis, Check, Claim, Control, Estimate, Source, arm, charts, each_cell, enough_noise, grid, line, need, per_seed,
    profiles, study,
)

LEAST, FEW = 2.0, 3
AXES = (
    Axis("data", "Data set.", str, flag="data"), Axis("width", "Width.", int, low=1, flag="widths"),
    Axis("noise", "Label noise.", float, low=0, high=1), Axis("seed", "Seed.", int, low=0, flag="seeds"),
)
error = line("error", "test error", "points")
doubled = per_seed(lambda y: 2 * y[:, -1] + FEW, "twice the error", error)

def many(view):
    return Check(len(view.evidence.rows) >= FEW, "cells")

CLAIMS = (
    Claim("rise", "It rises.", ("L54",), "toy", (error.last - error.first).at_least(LEAST), arm("most", noise=MOST),
          Control("not without noise", arm("clean", noise=NONE)), (enough_noise(0.1), need("many", "Many cells.", many))),
    Claim("high", "It is high.", ("L54",), "toy", doubled.at_least(1.0), arm("most", noise=MOST),
          Control("not without noise", arm("clean", noise=NONE)), (enough_noise(0.1),)),
)

@each_cell
def work(cell, progress):
    from overparam.studies.planted_work import solve
    return solve(cell)

STUDY = study(
    name="planted", title="Planted", question="Does it rise?", x="width", axes=AXES, claims=CLAIMS, values=("error",), work=work,
    sources=(Source("toy", "A. Author, A toy, 2020.", "", "@misc{toy}"),), estimate=lambda cell: Estimate(0.01, 1e6),
    differences=(), charts=(), decides="quick",
    profiles=profiles({"data": "digits", "noise": (0.0, 0.2), "seed": (0, 1, 2)}, quick=("a look", {"width": (8, 16)})),
)
'''
WORK = '''"""Its work."""

FACTOR = 2.0
UNUSED = 1


def solve(cell):
    """The error of a cell."""
    return {"error": FACTOR * cell["width"]}
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package's hall and one study in another folder, with a register of its own."""
    folder = tmp_path_factory.mktemp("package")
    rooms = folder / "overparam"
    shutil.copytree(SOURCE / "overparam" / "core", rooms / "core", ignore=shutil.ignore_patterns("*.pyc"))
    (rooms / "studies").mkdir()
    for name in ("__init__.py", "studies/__init__.py", "studies/sources.bib"):
        shutil.copy(SOURCE / "overparam" / name, rooms / name)
    (rooms / "studies" / "planted.py").write_text(STUDY)
    (rooms / "studies" / "planted_work.py").write_text(WORK)
    assert command(folder, "--write") == (0, "")
    assert command(folder) == (0, "")
    return folder


def command(folder, *more):
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    made = [sys.executable, "-m", "overparam.core.register", *more]
    done = subprocess.run(made, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


def test_make_check_runs_the_command():
    recipe = (SOURCE.parent / "Makefile").read_text(encoding="utf-8").split("\ncheck:")[1].split("\n\n")[0]
    assert "$(BIN)/python -m overparam.core.register\n" in recipe + "\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("planted.py", "LEAST, FEW = 2.0", "LEAST, FEW = 1.5", 'planted.rise: the rule (cut-off "at least 2" to "at least 1.5")'),
        ("planted.py", "enough_noise(0.1)", "enough_noise(0.2)", "planted.rise: what is needed changed"),
        ("planted.py", "FEW = 2.0, 3", "FEW = 2.0, 4", "planted.high: the rule (what it compares) changed"),
        ("planted.py", "FEW = 2.0, 3", "FEW = 2.0, 4", "planted.rise: what is needed changed"),
        ("planted.py", "noise=MOST", "noise=0.2", "planted.rise: the arm changed"),
        ("planted.py", "noise=NONE", "noise=0.1", "planted.rise: the control changed"),
        ("planted.py", "(8, 16)", "(8, 32)", "planted: the deciding profile changed (width)"),
        ("planted.py", "(0, 1, 2)", "(0, 1)", "planted: the deciding profile changed (seed)"),
        ("planted.py", "return solve(cell)", "return solve({**cell})", "planted: the code of its work changed"),
        ("planted_work.py", "FACTOR = 2.0", "FACTOR = 3.0", "planted: the code of its work changed"),
        ("planted_work.py", "UNUSED = 1", "UNUSED = 2", ""),
        ("planted_work.py", "The error of a cell", "Other words", ""),
        ("planted.py", "It rises.", "It rises fast.", ""),
        ("planted.py", '"a look"', '"another look"', ""),
    ],
)  # fmt: skip
def test_the_command_fails_on_a_change_without_a_version(package, file, old, new, expected):
    path = package / "overparam" / "studies" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    before = (package / "overparam" / "studies" / "register.json").read_text(encoding="utf-8")
    try:
        code, error = command(package)
        refused, why = command(package, "--write") if "cut-off" in expected else (code, "was not written")
    finally:
        path.write_text(text, encoding="utf-8")
    assert (code, refused) == ((1, 1) if expected else (0, 0)), error
    assert expected in error
    assert "was not written" in why
    assert (package / "overparam" / "studies" / "register.json").read_text(encoding="utf-8") == before


def test_a_verdict_is_told_what_the_register_says():
    held = {**registered(), "disclosed": {"toy.rise": "Once more.", "toy": "All of it.", "toy.other": "No."}}
    verdict = {"claim": "toy.rise", "rule_fingerprint": RISE.fingerprint}
    assert register.stamp({**verdict, "rule_fingerprint": toy().claims[0].fingerprint}, held) == {
        "version": 1, "date": "2026-11-28", "same": True, "disclosed": ["All of it.", "Once more."],
    }  # fmt: skip
    assert register.stamp({**verdict, "rule_fingerprint": "other"}, held)["same"] is False
    assert register.stamp({**verdict, "claim": "toy.new"}, held) == {}


def test_changes_of_the_past_that_no_version_tells_of_are_disclosed():
    said = register.read()["disclosed"]
    assert {"sample-descent-mlp.bump", "sample-descent-mlp.plateau", "two-layer-descent", "lazy-width"} <= set(
        said
    )
