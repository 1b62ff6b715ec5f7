"""The exploratory study of a trained network on ever more samples: its rules on planted lines, a tiny real run."""

import json

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence
from overparam.core.errors import MissingEvidence
from overparam.studies.sample_descent_mlp import STUDY
from overparam.sweep.judge import judge

GRID = (500, 1000, 2000, 3000, 4000)
CLAIMS = {claim.name: claim for claim in STUDY.claims}
CLEAN = (62.0, 56.0, 50.0, 46.0, 42.0)
TRAINED = (0.0, 0.0, 5.0, 12.0, 19.0)


def planted(
    rng,
    noisy=(66.0, 62.0, 57.0, 55.0, 53.0),
    clean=CLEAN,
    seeds=10,
    sd=0.7,
    train=TRAINED,
    noise=0.15,
    widths=(36,),
):
    rows = []
    for width in widths:
        for level, line in ((0.0, clean), (noise, noisy)):
            for seed in range(seeds):
                for n, error, fitted in zip(GRID, line, train, strict=True):
                    params = {
                        "data": "mnist1d",
                        "n": n,
                        "width": width,
                        "noise": level,
                        "seed": seed,
                        "steps": 9,
                    }
                    error = (error + sd * rng.standard_normal()) / 100
                    rows.append((params, {"test_error": error, "train_error": fitted / 100}))
    return Evidence(tuple(rows))


BUMP = {"noisy": (66.0, 56.0, 60.0, 57.0, 53.0)}
STALL = {"noisy": (66.0, 62.0, 55.0, 56.0, 57.0)}
WORLDS = {
    "bump: flat": ("bump", {"noisy": (56.0,) * 5}, BUMP),
    "bump: a plateau": ("bump", {"noisy": (66.0, 56.0, 56.0, 56.0, 56.0)}, BUMP),
    "bump: a steady fall": ("bump", {"noisy": CLEAN}, BUMP),
    "plateau: every doubling gains just 1": ("plateau", {"noisy": (58.0, 57.0, 56.0, 55.4, 55.0)}, STALL),
    "plateau: one doubling gains just 1": ("plateau", {"noisy": (66.0, 61.0, 56.0, 55.8, 55.0)}, STALL),
    "plateau: a steady fall": ("plateau", {"noisy": CLEAN}, STALL),
}


@pytest.mark.parametrize("world", WORLDS)
def test_every_rule_on_planted_nulls_and_effects(world):
    name, null, effect = WORLDS[world]
    check_rule(CLAIMS[name], lambda rng: planted(rng, **null), lambda rng: planted(rng, **effect))


def test_every_claim_is_calibrated():
    assert {name for name, _, _ in WORLDS.values()} == set(CLAIMS)


def verdicts(evidence):
    return {v.claim.split(".")[1]: v for v in judge(STUDY, evidence, profile="laptop", data="mnist1d")}


def test_a_bump_is_also_a_plateau_and_one_seed_is_not_enough():
    found = verdicts(planted(np.random.default_rng(0), noisy=(66.0, 56.0, 60.0, 61.0, 56.0), widths=(27, 36)))
    assert {name: v.status for name, v in found.items()} == {"bump": "supported", "plateau": "supported"}
    assert all(v.control["ok"] for v in found.values())
    assert [p["label"].split(":")[0] for p in found["bump"].parts] == ["width 27", "width 36"]
    alone = verdicts(planted(np.random.default_rng(0), seeds=1))
    assert {v.status for v in alone.values()} == {"inconclusive"}


def test_a_control_with_the_effect_takes_the_verdict_back():
    twin = (66.0, 56.0, 60.0, 61.0, 56.0)
    found = verdicts(planted(np.random.default_rng(0), noisy=twin, clean=twin))
    assert {v.status for v in found.values()} == {"inconclusive"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"noise": 0.05}, "most label noise 5%, asked at least 10%"),
        ({"train": (5.0, 5.0, 9.0, 12.0, 19.0)}, "mean train error 5.0% at 500 samples, 19.0% at 4000"),
        ({"train": (0.0, 0.0, 0.0, 0.0, 0.0)}, "0.0% at 4000; asked at most 1% and at least 5%"),
    ],
)
def test_unmet_preconditions_say_why(change, text):
    for verdict in verdicts(planted(np.random.default_rng(0), **change)).values():
        assert verdict.status == "not_applicable"
        assert text in verdict.reason


def test_missing_evidence_is_named():
    evidence = planted(np.random.default_rng(0))
    with pytest.raises(MissingEvidence, match="no finished cell has label noise"):
        CLAIMS["bump"].judge(evidence.where(noise=0.0))
    with pytest.raises(MissingEvidence, match="one number of samples only"):
        CLAIMS["bump"].judge(evidence.where(n=500))
    some = Evidence(tuple(row for row in evidence.rows if row[0]["n"] in (2000, 3000)))
    with pytest.raises(MissingEvidence, match="no number of samples is twice another"):
        CLAIMS["plateau"].judge(some)


def test_a_tiny_run_gives_what_rules_and_charts_read():
    base = {name: values[0] for name, values in STUDY.profiles["quick"].axes.items()}
    rows = []
    for n in (40, 80):
        cells = [{**base, "n": n, "width": 4, "steps": 30, "batch": 20, "noise": z} for z in (0.0, 0.15)]
        outcomes = STUDY.work(cells, lambda f: None)
        rows += [(c, o.values) for c, o in zip(cells, outcomes, strict=True)]
    assert {s.metric for chart in STUDY.charts for s in chart.series} <= set(rows[0][1])
    assert len(json.dumps(rows[0][1])) < 9_000
    parts = CLAIMS["bump"].judge(Evidence(tuple(rows))).parts
    assert parts[0].label == "width 4: rise of the test error from 40 to 80 samples"
