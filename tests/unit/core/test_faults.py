"""A study with a fault is told so before anything is computed, each fault with its line, all in one list."""

import pytest

from overparam.core.errors import UsageError
from overparam.core.registry import find
from overparam.sweep.check import check, check_study, refuse
from overparam.sweep.run import make_plan
from tests.conftest import TOY


def written(tmp_path, *changes):
    text = TOY.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    return path


def line_of(path, text):
    return next(
        i for i, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1) if text in line
    )


def test_the_toy_study_has_no_fault():
    assert check(find(str(TOY))) == []


FAULTS = {
    "a metric of a rule": ('line("error"', 'line("eror"', "no value 'eror' to read. Did you mean 'error'?", 'line("eror"'),
    "a metric of a chart": (
        '{"error": "test error"', '{"errr": "test error"', "no value 'errr'. Did you mean 'error'?", '"errr"'
    ),
    "an x of a chart": ('{"width": "width"', '{"witdh": "width"', "no axis or value 'witdh' for x", '"witdh"'),
    "an arm of a chart": ('("noise", "")', '("nose", "")', "no axis 'nose' for its arm", '"nose"'),
    "an axis of an arm": ("noise=NONE)", "noize=NONE)", "no axis 'noize'. Did you mean 'noise'?", "noize=NONE"),
    "a source": ('"toy", RISE', '"tyo", RISE', "no source 'tyo'. Did you mean 'toy'?", '"tyo"'),
    "a chart of a claim": ('chart="error"', 'chart="errors"', "no chart 'errors'. Did you mean 'error'?", '"errors"'),
    "the study's x": ('x="width"', 'x="wdth"', "no axis or value 'wdth' for x", 'x="wdth"'),
    "an axis of stack_by": ('"width", "fault"),', '"wdth", "fault"),', "stack_by: no axis 'wdth'", '"wdth"'),
    "an axis of a profile": (
        '{"width": (8, 16, 32)}', '{"widht": (8, 16, 32)}', "profile 'quick': no axis 'widht'", '"widht"'
    ),
    "no control": ('Control("without noise it does not rise", CLEAN)', "None", "expected a control", "Claim("),
    "no planted null": ("null=(FLAT,)", "null=()", "expected a planted null, where it is false by a hair", "Claim("),
    "no planted effect": ("effect=RISING", "effect=None", "expected a planted effect, where it is true", "Claim("),
    "no seed": ('    Axis("seed"', '    Axis("sead"', "expected an axis 'seed'", ""),
    "no values": (
        'values=("error", "train_error", "loss", "parameters", "step", "path")', "values=()",
        "expected 'values', the names of everything", "",
    ),
    "a rule that raises": (
        "RISE = ", "RISE = per_seed(lambda y: 1 / 0, 'broken', ERROR)\nOLD = ", "its rule raised ZeroDivisionError", "Claim("
    ),
    "a need that raises": (
        "enough_seeds(1)", "need('odd', 'Odd.', lambda view: view.nothing)", "its need 'odd' raised AttributeError", "Claim("
    ),
    "a metric of a need on another arm": (
        "enough_seeds(1)", 'enough_seeds(1).on(arm("other", metrics={"error": "eror"}))', "need 'seeds': no value 'eror'",
        '"eror"',
    ),
    "a rule beyond its world": (
        "noise=MOST)", "noise=0.9)", "cannot be computed on a planted world: no finished cell at noise = 0.9", "Claim("
    ),
    "a control that is the claim": (
        'Control("without noise it does not rise", CLEAN)', 'Control("again", NOISY)', "its control is the claim itself",
        "Claim(",
    ),
    "a null that is the effect": ("null=(FLAT,)", "null=(RISING,)", "a planted null is the planted effect", "Claim("),
    "one null for several": ("null=(FLAT,)", "null=FLAT", "expected a tuple for null", "null=FLAT"),
    "a text for several": ("null=(FLAT,)", 'history="newer", null=(FLAT,)', "expected a tuple for history", "history="),
    "a number for a rule": ("RISE.at_least(2.0)", "RISE", "expected a rule, got Number", "Claim("),
    "a kind": ("null=(FLAT,)", 'kind="chek", null=(FLAT,)', "no kind 'chek'. Did you mean 'check'?", '"chek"'),
    "a rule that reads nothing": (
        "RISE = ", "RISE = per_seed(lambda: [3.0, 3.1], 'made up')\nOLD = ", "got one that reads nothing", "Claim("
    ),
    "a world without evidence": ("effect=RISING", "effect=lambda rng: []", "returns Evidence, got list", "Claim("),
    "an estimate of another kind": (
        'Estimate(0.01 * params["width"], 1e6)', '0.01 * params["width"]', "expected an Estimate, got float", "estimate="
    ),
    "a work that is none": ("work=work", "work=None", "expected a function for work, got NoneType", "work=None"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_line(tmp_path, name):
    old, new, text, at = FAULTS[name]
    path = written(tmp_path, (old, new))
    found = check(find(str(path)))
    hits = [fault for fault in found if text in fault.what]
    assert hits, [str(fault) for fault in found]
    assert hits[0].file == "mine.py"
    if at:
        assert hits[0].line == line_of(path, at)


def test_an_axis_that_work_reads_from_the_first_cell_must_be_in_stack_by(tmp_path):
    apart = written(tmp_path, ("    outcomes = []", '    outcomes, first = [], cells[0]["width"]'))
    assert check(find(str(apart))) == []
    shared = written(tmp_path, ("    outcomes = []", '    outcomes, first = [], cells[0]["noise"]'))
    (fault,) = check(find(str(shared)))
    assert "'noise' is read from the first cell, but stack_by lacks it" in fault.what
    assert fault.line == line_of(shared, 'cells[0]["noise"]')


FIRST = {
    "by its place": 'x = cells[0]["noise"]',
    "by its place from the right": 'x = cells[-1]["noise"]',
    "under a name": 'a = cells[0]; x = a["noise"]',
    "under a name with a kind": 'a: dict = cells[0]; x = a["noise"]',
    "as the first of all": '(a, *rest) = cells; x = a["noise"]',
    "as the next": 'x = next(iter(cells))["noise"]',
    "with get": 'x = cells[0].get("noise")',
    "in a copy": 'a = {**cells[0]}; x = dict(a)["noise"]',
    "of other cells": 'these = list(cells); x = these[0]["noise"]',
    "in passing": 'x = (a := cells[0])["noise"]',
    "by a function": "x = rate(cells[0])",
}


@pytest.mark.parametrize("how", FIRST)
def test_an_axis_of_the_first_cell_is_found_however_it_is_read(tmp_path, how):
    path = written(
        tmp_path,
        ("    outcomes = []", f"    outcomes = []; {FIRST[how]}"),
        ("def work(", 'def rate(one):\n    return one["noise"]\n\n\ndef work('),
    )
    (fault,) = check(find(str(path)))
    assert "'noise' is read from the first cell, but stack_by lacks it" in fault.what
    assert fault.line == line_of(path, 'one["noise"]' if how == "by a function" else FIRST[how])


def test_an_axis_that_every_cell_is_asked_for_is_no_fault(tmp_path):
    loop = "for a in cells: x = rate(a), a['noise']"
    path = written(
        tmp_path,
        ("    outcomes = []", f"    outcomes = []\n    {loop}"),
        ("def work(", 'def rate(one):\n    return one["noise"]\n\n\ndef work('),
    )
    assert check(find(str(path))) == []


def test_all_faults_come_at_once_and_nothing_is_computed_or_written(tmp_path):
    path = written(
        tmp_path, *[FAULTS[name][:2] for name in ("a metric of a chart", "a source", "no planted effect")]
    )
    out = tmp_path / "runs"
    with pytest.raises(UsageError) as caught:
        make_plan(str(path), out=out)
    lines = str(caught.value).splitlines()
    assert lines[0] == "the study 'toy' has 3 faults; nothing was computed:"
    assert all(line.startswith("mine.py:") for line in lines[1:])
    assert not out.exists()
    study = find(str(path))
    with pytest.raises(AssertionError, match="3 faults"):
        check_study(study)
    with pytest.raises(UsageError, match="3 faults"):
        refuse(study)
