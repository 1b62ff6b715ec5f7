"""The study on width and generalization: its rules on planted lines, its cell on a tiny real run."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence
from overparam.core.errors import DataError, MissingEvidence, UsageError
from overparam.studies.width_generalization import STUDY
from overparam.studies.width_generalization import rules as rules_module
from overparam.studies.width_generalization.work import shrink, split
from overparam.sweep.judge import judge

WIDTHS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CLAIMS = {claim.name: claim for claim in STUDY.claims}
METRICS = {"convergence": "test_error", "best-time": "stopped_test_error"}
FALLING = (50.0, 20.0, 9.0, 6.0, 5.0, 4.3, 3.9, 3.6, 3.4, 3.3)  # fit point at 16; from there on it falls
UNFIT = (40.0, 10.0, 1.0)  # train error of the first widths


def planted(
    rng, line=FALLING, widths=WIDTHS, seeds=5, sd=0.2, metric=None, train=UNFIT, fraction=90.0, random=None
):
    """Cells whose test error follows a line in points; ``random`` is that of the random labels."""
    rows = []
    fitted = (*train, *(0.0,) * (len(WIDTHS) - len(train)))
    for labels, errors in (("given", line), ("random", random or (fraction,) * len(WIDTHS))):
        for seed in range(seeds):
            for i, width in enumerate(WIDTHS):
                if width not in widths:
                    continue
                values = {"train_error": fitted[i] / 100, "n_test": 597}
                for name in METRICS.values():
                    usual = FALLING[i] if metric and name != metric and labels == "given" else errors[i]
                    values[name] = max(0.0, usual + sd * rng.standard_normal()) / 100
                params = {"data": "digits", "n": 800, "width": width, "labels": labels, "seed": seed}
                rows.append((params, values))
    return Evidence(tuple(rows))


def from_fit(*errors):
    return (*FALLING[:3], *errors)


NULLS = {
    "flat": from_fit(5, 5, 5, 5, 5, 5, 5),
    "a gain of just a tenth": from_fit(6, 5.9, 5.8, 5.7, 5.6, 5.5, 5.4),
    "one wide network is no better": from_fit(6, 5, 4.5, 4, 6, 3.5, 3.4),
    "falls at once, then rises": from_fit(6, 3.0, 3.3, 3.6, 3.9, 4.2, 4.5),
    "rises": from_fit(5, 5.2, 5.4, 5.6, 5.8, 6, 6.2),
}


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("null", NULLS)
def test_every_rule_on_planted_nulls_and_effects(name, null):
    metric = METRICS[name]
    counts = check_rule(
        CLAIMS[name],
        lambda rng: planted(rng, line=NULLS[null], metric=metric),
        lambda rng: planted(rng, line=from_fit(6, 5.4, 5, 4.7, 4.5, 4.4, 4.3), metric=metric),
    )
    assert counts["effect"]["contradicted"] == 0


def verdicts(evidence):
    return {v.claim.split(".")[1]: v for v in judge(STUDY, evidence, profile="quick", data="digits")}


def test_a_textbook_curve_is_supported_and_its_control_is_not():
    for verdict in verdicts(planted(np.random.default_rng(0))).values():
        assert verdict.status == "supported", verdict.reason
        assert verdict.control["status"] == "contradicted"
        assert "H0 is width 16; the worst of the wide networks has width 256" in verdict.reason
        assert [p["label"] for p in verdict.parts] == [
            "test error at width 256 minus that at width 16",
            "test error at width 16 over that at width 256",
            "Page's test for a falling error from width 16 on: p (bar from 0 to p)",
        ]


def test_the_two_readings_are_judged_apart():
    found = verdicts(planted(np.random.default_rng(0), line=NULLS["rises"], metric="stopped_test_error"))
    assert (found["convergence"].status, found["best-time"].status) == ("supported", "contradicted")


def test_a_gain_with_random_labels_too_takes_the_verdict_back():
    found = verdicts(planted(np.random.default_rng(0), random=tuple(10 * e for e in FALLING)))
    assert {v.status for v in found.values()} == {"inconclusive"}
    assert not any(v.control["ok"] for v in found.values())


def test_one_seed_gives_nothing_better_than_inconclusive():
    assert {v.status for v in verdicts(planted(np.random.default_rng(0), seeds=1)).values()} == {"inconclusive"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"train": (40.0,) * 10}, "no width ends without training error in every seed (lowest: 40.00%)"),
        ({"train": ()}, "first at width 2, the narrowest is 2"),
        ({"widths": WIDTHS[:7]}, "widths end at 8 times the fit point, asked for 16"),
    ],
)
def test_unmet_preconditions_say_why(change, text):
    for verdict in verdicts(planted(np.random.default_rng(0), **change)).values():
        assert verdict.status == "not_applicable"
        assert text in verdict.reason


def test_the_fit_point_asks_for_every_seed():
    evidence = planted(np.random.default_rng(0))
    rows = [
        (p, v | {"train_error": 1 / 800} if (p["width"], p["seed"], p["labels"]) == (16, 3, "given") else v)
        for p, v in evidence.rows
    ]
    assert rules_module.fit_point(evidence, {"n": 800}) == 16
    assert rules_module.fit_point(Evidence(tuple(rows)), {"n": 800}) == 32


def test_missing_arms_and_widths_are_named():
    evidence = planted(np.random.default_rng(0))
    with pytest.raises(MissingEvidence, match="no finished cell has .* at labels=random"):
        CLAIMS["convergence"].control.judge(evidence.where(labels="given"))
    short = planted(np.random.default_rng(0), widths=(8, 16, 32))
    with pytest.raises(MissingEvidence, match="no width from 16 to 64 times the fit point 16"):
        CLAIMS["convergence"].judge(short)
    with pytest.raises(MissingEvidence, match="fewer than three widths"):
        rules_module.trend("p", np.ones((5, 2)))


def test_page_is_the_exact_permutation_test_on_small_tables():
    """Every table of ranks: the share with a sum of products at least as large as the one seen."""
    rng = np.random.default_rng(0)
    orders = list(itertools.permutations(range(1, 5)))
    weights = np.arange(1, 5)
    sums = np.array([sum(np.dot(r, weights) for r in rows) for rows in itertools.product(orders, repeat=3)])
    for trend in (0.0, 0.7, -0.7):
        table = rng.standard_normal((3, 4)) + trend * weights
        ranks = table.argsort(axis=1).argsort(axis=1) + 1
        want = np.mean(sums >= (ranks @ weights).sum())
        assert rules_module.page(table) == pytest.approx(want, rel=1e-9)


def test_a_trend_the_other_way_contradicts_and_none_is_inconclusive():
    falling = np.tile(np.arange(8.0)[::-1], (5, 1)) + 0.01 * np.arange(5)[:, None]
    assert rules_module.trend("p", falling).status == "supported"
    assert rules_module.trend("p", falling[:, ::-1]).status == "contradicted"
    assert rules_module.trend("p", np.random.default_rng(2).standard_normal((5, 8))).status == "inconclusive"


# ------------------------------------------------------------------------------------- the real cell


def cell(**change):
    base = {axis.name: axis.default for axis in STUDY.axes}
    base |= {"data": "digits", "n": 100, "n_validation": 60, "steps": 120, "batch": 20, "learning_rate": 0.1}
    return base | {"width": 24, "labels": "given", "seed": 0} | change


@pytest.fixture(scope="module")
def outcomes():
    told = []
    cells = [cell(labels=labels, seed=seed) for labels in ("given", "random") for seed in (0, 1)]
    found = STUDY.work(cells, told.append)
    assert told[-1] == 1.0
    return found


def test_outcomes_are_finite_short_and_what_the_charts_draw(outcomes):
    drawn = {s.metric for chart in STUDY.charts for s in chart.series}
    drawn |= {x.name for chart in STUDY.charts for x in chart.x} - {"width"}
    for outcome in outcomes:
        assert outcome.status == "ok"
        assert len(json.dumps(dict(outcome.values), allow_nan=False)) < 4000
        assert drawn <= set(outcome.values)
        assert outcome.values["parameters"] == 65 * 24 + 25 * 10
        assert outcome.values["n_test"] == 597


def test_true_labels_are_learnt_and_random_ones_only_memorised(outcomes):
    true, random = outcomes[0].values, outcomes[2].values
    assert true["train_error"] < 0.05
    assert true["test_error"] < 0.3
    assert random["test_error"] > 0.75
    assert random["train_error"] < 0.9


def test_the_stopped_error_is_the_test_error_at_the_stopped_step(outcomes):
    for outcome in outcomes:
        values = outcome.values
        at = values["step"].index(values["stopped_step"])
        assert values["stopped_test_error"] == values["test_error_by_step"][at]
        assert values["oracle_test_error"] == min(values["test_error_by_step"]) <= values["stopped_test_error"]
        assert values["test_error"] == values["test_error_by_step"][-1]


def test_the_best_time_is_chosen_on_validation_samples_that_are_not_trained_on():
    """A second computation: the final network's validation error, by hand, from the same rows."""
    from overparam.data import flatten, load, subset
    from overparam.models import two_layer
    from overparam.studies.width_generalization.work import three
    from overparam.training import Member, Recipe, train

    data = flatten(subset(load("digits"), 160))
    order = split(160)
    assert sorted(order) == list(range(160))
    network = two_layer(64, 24, 10)
    recipe = Recipe(steps=40, learning_rate=0.1, momentum=0.9, batch=20)
    (run,) = train(
        network, recipe, [Member(0, data.y[order[:100]])], data.x[order[:100]],
        np.concatenate([data.x[order[100:]], data.x_test]), np.concatenate([data.y[order[100:]], data.y_test]),
        probes={"three": three(60)}, keep_params=True,
    )  # fmt: skip
    for side, x, y in (
        ("validation", data.x[order[100:]], data.y[order[100:]]),
        ("test", data.x_test, data.y_test),
    ):
        wrong = np.mean(np.asarray(network.apply(run.params, x)).argmax(axis=1) != y)
        assert run.values[f"{side}_error"][-1] == pytest.approx(wrong, abs=1e-6)


def test_shrinking_averages_areas():
    image = np.random.default_rng(0).random((2, 6, 6))
    blocks = image.reshape(2, 3, 2, 3, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(shrink(image, 3), blocks, rtol=1e-6)
    assert shrink(image, 4).mean() == pytest.approx(image.mean(), rel=1e-6)
    np.testing.assert_allclose(shrink(image, 6), image, rtol=1e-6)
    colours = np.stack([image, 0 * image, 2 * image], axis=-1)
    np.testing.assert_allclose(shrink(colours, 3), blocks, rtol=1e-6)
    ramp = shrink(np.arange(3.0).reshape(1, 1, 3).repeat(3, axis=1), 2)
    np.testing.assert_allclose(ramp[0, 0], [(0 + 0.5) / 1.5, (0.5 + 2) / 1.5], rtol=1e-6)


def test_images_are_shrunk_to_the_side_asked_for():
    (outcome,) = STUDY.work([cell(side=4, steps=20)], lambda f: None)
    assert outcome.values["parameters"] == 17 * 24 + 25 * 10
    with pytest.raises(
        UsageError, match=r"--side: expected 0, or at most the side of the images of Digits 8x8"
    ):
        STUDY.work([cell(side=9)], lambda f: None)
    with pytest.raises(DataError, match="at most 1,200 training rows, got 1,260"):
        STUDY.work([cell(n=1200)], lambda f: None)


def test_a_diverged_member_is_a_result_without_final_values():
    (bad,) = STUDY.work([cell(learning_rate=1e30, steps=40)], lambda f: None)
    assert bad.status == "diverged"
    assert "training diverged at step" in bad.note
    assert bad.values["test_error"] is bad.values["stopped_test_error"] is bad.values["train_error"] is None
    json.dumps(dict(bad.values), allow_nan=False)


def test_estimate_grows_with_what_costs_and_needs_no_numerics():
    assert STUDY.estimate(cell(width=2048, steps=9000)).seconds > 5 * STUDY.estimate(cell(steps=9000)).seconds
    assert STUDY.estimate(cell(data="mnist")).bytes > STUDY.estimate(cell()).bytes
    code = (
        "import sys; from overparam.studies.width_generalization import STUDY;"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_rules_in_words_name_their_reading():
    assert [("at the end of training" in c.rule, "at the best time" in c.rule) for c in STUDY.claims] == [
        (True, False),
        (False, True),
    ]
    assert not any("{" in c.rule for c in STUDY.claims)
