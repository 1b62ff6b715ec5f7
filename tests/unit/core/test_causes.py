"""Why there is no peak: each cause, planted alone, is named, and the others are ruled out."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.core.causes import CAUSES, diagnose
from overparam.core.claim import Evidence
from overparam.core.diagnosis import Diagnosis
from overparam.core.sweeps import WidthSweep
from overparam.studies.double_descent import STUDY
from overparam.sweep.cost import dense

GRID = (9, 16, 27, 36, 47, 52, 57, 61, 68, 75, 104, 140, 300)
TRAIN = (47.5, 39.7, 29.6, 19.0, 5.5, 3.0, 1.8, 0.5, 0.2, 0.1, 0.0, 0.0, 0.0)
TEST = (49.0, 47.2, 50.7, 52.8, 54.0, 54.2, 54.3, 54.1, 53.5, 53.0, 48.0, 46.0, 44.0)
FALLING = (49.0, 46.0, 44.0, 43.0, 42.0, 41.0, 40.5, 40.0, 39.5, 39.0, 38.0, 37.5, 37.0)
LOSS = (1.34, 1.32, 1.66, 2.5, 5.7, 5.8, 5.9, 5.7, 5.0, 4.6, 3.0, 2.8, 2.6)
SPREAD = np.array([-1.0, 0.5, 1.2, -1.1, 0.4])
DEPEND_ON_FIT = {"length", "grid", "axis"}  # on the threshold


def sweep(
    *,
    top=0.15,
    train=TRAIN,
    test=TEST,
    keep=GRID,
    seeds=5,
    n=4000,
    spread=0.4,
    half=1.0,
    params=None,
    change=None,
    classes=10,
):
    """A sweep with a clear peak: cells of a clean and a noisy arm. ``half`` is the train error at half the steps."""
    rows = []
    for noise in sorted({0.0, top}):
        for seed in range(seeds):
            for i, width in enumerate(GRID):
                z = spread * SPREAD[(seed + i) % 5] if seeds > 2 else spread * (-1) ** (seed + i % 2)
                error = (test if noise else FALLING)[i] + z
                fit = train[i] / 100
                values = {
                    "parameters": dense(40, width, width, 10).parameters, "outputs": classes,
                    "wrong_labels": round(0.9 * noise + 0.001 * seed * noise, 6),
                    "train_error": fit, "train_loss_share": fit, "test_error": error / 100,
                    "best_test_error": error / 100,
                    "test_loss": LOSS[i] * (1 + 0.01 * z), "best_test_loss": 1.3 * (1 + 0.01 * z),
                    "step": [0, 1, 10_000, 20_000],
                    "train_error_by_step": [0.9, 0.9, half * fit, fit],
                    "train_loss_by_step": [2.3, 2.3, half * fit, fit],
                }  # fmt: skip
                cell = {"n": n, "width": width, "noise": noise, "seed": seed, "steps": 20_000, **(params or {})}
                values |= (change or (lambda cell: {}))(cell)
                if width in keep:
                    rows.append((cell, values))
    return Evidence(tuple(rows))


FLOOR = tuple(max(5.0, v) for v in TRAIN)
# Name: the sweep, how it is read, the causes that are there, and those that then cannot be told.
WORLDS = {
    "a clear peak": ({}, WidthSweep(), set(), set()),
    "too little noise": ({"top": 0.05, "test": FALLING}, WidthSweep(), {"noise"}, set()),
    "no noise": ({"top": 0.0}, WidthSweep(), {"noise"}, set()),
    "nothing fits": ({"train": FLOOR}, WidthSweep(), {"threshold"}, DEPEND_ON_FIT),
    "too few steps": ({"train": FLOOR, "half": 2.0}, WidthSweep(), {"threshold", "steps"}, DEPEND_ON_FIT),
    "nothing underfits": ({"keep": GRID[4:]}, WidthSweep(), {"left part"}, {"seeds"}),
    "the curve ends early": ({"keep": GRID[:11]}, WidthSweep(), {"length"}, set()),
    "a coarse grid": ({"keep": (9, 16, 27, 36, 47, 61, 104, 140, 300)}, WidthSweep(), {"grid"}, set()),
    "two seeds": ({"seeds": 2, "spread": 3.0}, WidthSweep(), {"seeds"}, set()),
    "one seed": ({"seeds": 1}, WidthSweep(), {"seeds"}, set()),
    "weight decay": ({"params": {"weight_decay": 5e-4}}, WidthSweep(), {"regularisation"}, set()),
    "an early stop": ({}, WidthSweep(regularisers=("training stops early",)), {"regularisation"}, set()),
    "the error under squared loss": ({"n": 400}, WidthSweep(loss="squared"), {"metric"}, set()),
    "p = n is elsewhere": ({"n": 40_000}, WidthSweep(), {"axis"}, set()),
    "p = nK is elsewhere": ({"n": 4000}, WidthSweep(loss="squared"), {"metric", "axis"}, set()),
    "noise drawn at every width": (
        {"change": lambda cell: {"wrong_labels": 0.2} if (cell["width"], cell["seed"]) == (47, 3) else {}},
        WidthSweep(), {"redrawn noise"}, set(),
    ),
    "seeds that diverged": (
        {"change": lambda cell: {"test_error": None} if cell["seed"] > 2 and cell["width"] == 300 else {}},
        WidthSweep(), {"lost seeds"}, set(),
    ),
    "numbers as targets": ({"classes": 1}, WidthSweep(loss="squared", labels=False), set(), {"smooth targets"}),
}  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
def test_a_cause_planted_alone_is_named_and_the_others_are_ruled_out(world):
    planted, given, there, untold = WORLDS[world]
    found = {item.name: item.state for item in diagnose(given)(sweep(**planted))}
    assert {name for name, state in found.items() if state == "likely"} == there
    assert {name for name, state in found.items() if state == "not_checked"} == untold
    assert len(found) == len(CAUSES)


def detail(name, given=None, **planted):
    return next(i.detail for i in diagnose(given or WidthSweep())(sweep(**planted)) if i.name == name)


def test_a_detail_gives_the_measured_number():
    assert detail("noise", top=0.05) == "The most label noise is 5%; a rise is expected from 10% on."
    assert detail("noise") == "The most label noise is 15%; 13.5% are really wrong."
    assert "the mean training error is 5.0 % at the widest width (300), asked at most 1 %" in detail(
        "threshold", train=FLOOR
    )
    assert "went from 0.1 at step 10000 to 0.05 at step 20000: still falling" in detail(
        "steps", train=FLOOR, half=2.0
    )
    assert "more steps alone will not fit" in detail("steps", train=FLOOR)
    assert (
        detail("axis")
        == "At the threshold (width 61) p/n = 1.73 and p/(nK) = 0.173 with K = 10 outputs: close to p = n."
    )
    assert "2 of 9 widths lie within 0.75 to 1.35 times the threshold (61), asked at least 5" in detail(
        "grid", keep=(9, 16, 27, 36, 47, 61, 104, 140, 300)
    )
    assert "Weight decay 0.0005." in detail("regularisation", params={"weight_decay": 5e-4})
    assert detail("length", keep=GRID[:11]).startswith("The right end has 2.35 times the parameters")


def test_several_settings_leave_everything_that_is_measured_unchecked():
    found = diagnose(WidthSweep())(sweep(change=None, params=None).where(noise=0.15))
    mixed = Evidence(tuple(({**p, "steps": 100 * (1 + p["seed"] % 2)}, v) for p, v in sweep().rows))
    states = {i.name: i for i in diagnose(WidthSweep())(mixed)}
    assert states["grid"].state == "not_checked"
    assert states["grid"].detail == "Several settings (steps 100; steps 200). Run them one at a time."
    assert states["oracle"].state == "ruled_out"
    assert all(isinstance(item, Diagnosis) for item in found)


def test_cells_without_lines_or_outputs_are_not_guessed_at():
    bare = Evidence(
        tuple(
            (p, {k: v for k, v in values.items() if not k.endswith("_by_step") and k != "outputs"})
            for p, values in sweep(train=FLOOR).rows
        )
    )
    assert {i.name: i.state for i in diagnose(WidthSweep())(bare)}["steps"] == "not_checked"
    squared = {i.name: i for i in diagnose(WidthSweep(loss="squared"))(_without(sweep(n=400), "outputs"))}
    assert squared["axis"].state == "not_checked"
    assert "K is not stored" in squared["axis"].detail


def _without(evidence, name):
    return Evidence(tuple((p, {k: v for k, v in values.items() if k != name}) for p, values in evidence.rows))


def test_no_cells_are_no_evidence():
    states = {item.state for item in diagnose(WidthSweep())(Evidence(()))}
    assert "ruled_out" in states  # what cannot occur by the way the sweep is made
    assert {i.name: i.state for i in diagnose(WidthSweep())(Evidence(()))}["threshold"] == "not_checked"


def test_the_study_asks_why_only_where_no_peak_is_supported():
    from overparam.sweep.diagnose import diagnoses
    from overparam.sweep.judge import judge

    def asked(evidence):
        verdicts = [v.to_dict() for v in judge(STUDY, evidence, profile="quick", data="mnist1d")]
        (found,) = diagnoses(STUDY, {"mnist1d": evidence}, verdicts)
        return found

    there, absent = asked(sweep()), asked(sweep(top=0.05, test=FALLING))
    assert (there["open"], absent["open"]) == (False, True)
    assert absent["claims"] == ["double-descent.error-peak", "double-descent.loss-peak"]
    assert [i["name"] for i in absent["items"] if i["state"] == "likely"] == ["noise"]
