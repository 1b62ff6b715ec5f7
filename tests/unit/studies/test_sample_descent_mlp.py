"""The exploratory study of a trained network on ever more samples: several widths, its needs, a tiny real run."""

import numpy as np
import pytest

from overparam.core.claim import Evidence
from overparam.core.errors import MissingEvidence
from overparam.core.worlds import together
from overparam.studies.sample_descent_mlp import CLAIMS, STUDY, planted
from overparam.sweep.judge import judge

PARTS = {claim.name: claim for claim in STUDY.claims}
BUMP, CLEAN = planted(66, 56, 61, 56), planted(62, 56, 50, 42).but(noise=(0.0,))


def verdicts(evidence):
    return {v.claim.split(".")[1]: v for v in judge(STUDY, evidence, profile="laptop", data="mnist1d")}


def test_a_bump_is_also_a_plateau_at_every_width_and_one_seed_is_not_enough():
    both = together(*(world.but(width=width) for world in (BUMP, CLEAN) for width in (27, 36)))
    found = verdicts(both(np.random.default_rng(0)))
    assert {name: v.status for name, v in found.items()} == {"bump": "supported", "plateau": "supported"}
    assert found["bump"].control["ok"]
    assert found["plateau"].control["ok"]
    assert [p["label"].split(":")[0] for p in found["bump"].parts] == ["width 27", "width 36"]
    alone = verdicts(together(BUMP.but(seeds=1), CLEAN.but(seeds=1))(np.random.default_rng(0)))
    assert {v.status for v in alone.values()} == {"inconclusive"}


def test_a_control_with_the_effect_takes_the_verdict_back():
    found = verdicts(together(BUMP, BUMP.but(noise=(0.0,)))(np.random.default_rng(0)))
    assert {v.status for v in found.values()} == {"inconclusive"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"noise": (0.05,)}, "most label noise 5%, asked at least 10%"),
        (
            {"train_error": (0.05, 0.05, 0.09, 0.19)},
            "mean training error 5.0% at 500 samples, 19.0% at 4000",
        ),
        ({"train_error": (0, 0, 0, 0)}, "0.0% at 4000; asked at most 1% and at least 5%"),
    ],
)
def test_unmet_preconditions_say_why(change, text):
    for verdict in verdicts(BUMP.but(**change)(np.random.default_rng(0))).values():
        assert verdict.status == "not_applicable"
        assert text in verdict.reason


def test_missing_evidence_is_named():
    rows = BUMP(np.random.default_rng(0)).rows
    some = Evidence(tuple(row for row in rows if row[0]["n"] in (500, 2000)))
    with pytest.raises(MissingEvidence, match="no number of samples is twice another"):
        PARTS["plateau"].judge(some)
    with pytest.raises(MissingEvidence, match="noise"):
        PARTS["bump"].judge(CLEAN(np.random.default_rng(0)))


def test_a_curve_that_falls_everywhere_contradicts_no_one_and_answers_the_question():
    falls = planted(62, 56, 50, 42)(np.random.default_rng(0))
    assert PARTS["bump"].judge(falls).status == "inconclusive"
    assert PARTS["plateau"].judge(falls).status == "contradicted"
    assert [claim.kind for claim in CLAIMS] == ["claim", "question"]


@pytest.mark.slow
def test_a_tiny_run_gives_what_rules_and_charts_read():
    base = {name: values[0] for name, values in STUDY.profiles["quick"].axes.items()}
    rows = []
    for n in (40, 80):
        cells = [{**base, "n": n, "width": 4, "steps": 30, "batch": 20, "noise": z} for z in (0.0, 0.15)]
        rows += zip(cells, (o.values for o in STUDY.work(cells, lambda f: None)), strict=True)
    assert {s.metric for chart in STUDY.charts for s in chart.series} <= set(rows[0][1])
    assert PARTS["bump"].judge(Evidence(tuple(rows))).parts[0].n == 1
