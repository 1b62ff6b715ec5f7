"""The rules of the study on stochastic gradient descent on planted data, and its cells against other computations."""

import json
import math
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from overparam.api.testing import check_rule, check_study
from overparam.core import Evidence, clean
from overparam.core.errors import MissingEvidence
from overparam.studies.sgd_moments import STUDY, problems, runs
from overparam.theory.sgd import expected_course

work = import_module("overparam.studies.sgd_moments.work")
CLAIMS = {claim.name: claim for claim in STUDY.claims}
SIZES = list(work.SIZES)
GOOD = {
    "deviation": 0.65, "descent_deviation": 3.0, "tail": 0.02, "h": 0.0, "over_guarantee": 0.4,
    "exact_over_guarantee": 0.6, "over_average": 9.0, "critical": 12.0, "small_slope": -1.0, "large_slope": -0.02,
    "fixed_small_slope": 0.0, "fixed_large_slope": 0.0, "above_sufficient": 0.1, "below_necessary": 0.1,
    "descent_below_necessary": -1.0, "over_printed": -0.3, "built_over_printed": -0.1, "rate_slope": 0.5,
    "crowded_slope": -2.0, "leave_mean": 8.0, "leave_median": 6.0, "end_median": -6.0, "leave_descent": 0.0,
}  # fmt: skip
SPREAD = {
    "deviation": 0.15, "over_guarantee": 0.1, "small_slope": 0.05, "large_slope": 0.03, "rate_slope": 0.2,
    "leave_mean": 2.0, "leave_median": 2.0, "end_median": 2.0,
}  # fmt: skip


def planted(seeds=8, model="features", **means):
    """Evidence with the given means, normal spread over seeds; the values of a good run elsewhere."""

    def draw(rng):
        rows = []
        for seed in range(seeds):
            v = {k: m + SPREAD.get(k, 0.0) * rng.normal() for k, m in (GOOD | means).items()}
            for name, slope in (("c", v.pop("rate_slope")), ("crowded_c", v.pop("crowded_slope"))):
                v[name] = [3.0 * (n / 20) ** slope for n in SIZES]
            v["size"] = SIZES
            v["share_of_edge"] = list(work.SHARES)
            for name in ("leave_mean", "leave_median", "leave_descent"):
                v[name] = [0.0, 0.5 * v[name], v[name]]
            v["end_median"] = [v["end_median"], 0.0, 5.0]
            rows.append(({"model": model, "seed": seed, "data": "sphere"}, v))
        return Evidence(tuple(rows))

    return draw


@pytest.mark.parametrize(
    ("name", "nulls"),
    [
        ("mean", [{"deviation": 1.0}]),
        ("rate", [{"rate_slope": 0.0}]),
        ("guarantee", [{"over_guarantee": 1.0}, {"exact_over_guarantee": 1.0 + 2e-9}]),
        ("scaling", [{"small_slope": -0.8}, {"small_slope": -1.2}, {"large_slope": -0.25}]),
        ("bounds", [{"above_sufficient": -2e-9}, {"below_necessary": -2e-9}]),
        ("escape", [{"leave_mean": 2.0}, {"leave_median": 2.0}, {"end_median": -1.0}]),
        ("printed", [{"over_printed": 2e-9}, {"built_over_printed": 2e-9}]),
    ],
)
def test_rules_rarely_support_a_null_and_find_their_effect(name, nulls):
    for null in nulls:
        check_rule(CLAIMS[name], planted(**null), planted())


def test_controls_of_a_good_run_do_not_pass():
    evidence = planted()(np.random.default_rng(0))
    for claim in STUDY.claims:
        assert claim.judge(evidence).status == "supported", claim.name
        assert claim.control.judge(evidence).status == "contradicted", claim.name
        assert all(one.check(evidence).ok for one in claim.preconditions), claim.name


def test_one_failure_among_many_seeds_is_enough_for_rules_without_failures():
    evidence = planted()(np.random.default_rng(0))
    evidence.rows[3][1]["below_necessary"] = -1e-6
    assert CLAIMS["bounds"].judge(evidence).status == "contradicted"
    evidence.rows[3][1]["over_printed"] = 1e-6
    assert CLAIMS["printed"].judge(evidence).status == "contradicted"


def test_a_value_that_is_not_finite_decides_nothing():
    evidence = planted()(np.random.default_rng(0))
    evidence.rows[0][1].update(below_necessary=None, deviation=None)
    assert CLAIMS["bounds"].judge(evidence).status == "inconclusive"
    assert CLAIMS["mean"].judge(evidence).status == "inconclusive"


def test_preconditions_say_what_is_unmet():
    rng = np.random.default_rng(0)
    (tails,), (room,) = CLAIMS["mean"].preconditions, CLAIMS["scaling"].preconditions
    assert not tails.check(planted(tail=0.2)(rng)).ok
    far = tails.check(planted(h=0.2)(rng))
    assert (far.ok, far.detail) == (
        False,
        "largest share of one run 0.02 (at most 0.1), largest h 0.2 (at most 0.1)",
    )
    narrow = planted(critical=2.5)(rng)
    assert not room.check(narrow).ok
    assert CLAIMS["scaling"].judge(narrow).note == "m* below 4, not judged: the only setting."
    late = planted()(rng)
    late.rows[2][1]["small_slope"] = None
    assert "not reached" in room.check(late).detail
    with pytest.raises(MissingEvidence, match="no finished cell has 'deviation'. Run every model"):
        CLAIMS["mean"].judge(Evidence(()))


def test_settings_are_judged_apart_and_named():
    rng = np.random.default_rng(0)
    both = Evidence(planted()(rng).rows + planted(model="linear", deviation=2.0)(rng).rows)
    finding = CLAIMS["mean"].judge(both)
    assert [p.label.split(":")[0] for p in finding.parts] == ["model features", "model linear"]
    assert [p.status for p in finding.parts] == ["supported", "contradicted"]


# ------------------------------------------------------------------------------------- the real cell


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | {"n": 18, "d": 6, "runs": 150} | change


@pytest.fixture(scope="module")
def outcomes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "SIZES", (18, 24))
        patch.setattr(work, "ESCAPE", (40, 600))
        patch.setattr(work, "MOST", 500)
        told = []
        names = ("linear", "features", "network")
        found = STUDY.work([cell(model=model) for model in names], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    return dict(zip(names, found, strict=True))


def test_network_gradients_are_those_of_finite_differences():
    found = problems.problem(cell(model="network"), 18)

    def outputs(weights):
        return np.tanh(found.x @ weights.T) @ found.output

    assert np.abs(outputs(found.weights)).max() < 1e-9 * np.abs(found.output).max()
    size = found.weights.size
    for k in np.random.default_rng(0).integers(0, size, 6):
        move = np.zeros(size)
        move[k] = 1e-5
        move = move.reshape(found.weights.shape)
        slope = (outputs(found.weights + move) - outputs(found.weights - move)) / 2e-5
        assert slope == pytest.approx(found.features[:, k], rel=1e-5, abs=1e-6 * np.abs(found.features).max())
    sigma = np.linalg.svd(found.features, compute_uv=False)[-1]
    assert found.h == problems.NEARNESS
    lipschitz = 4 / (3 * math.sqrt(3)) * abs(found.output[0]) * np.linalg.norm(found.x, 2) * 1.0001
    assert lipschitz * np.linalg.norm(found.y) / sigma**2 >= found.h


def test_network_runs_are_gradient_descent_for_the_full_batch():
    found = problems.problem(cell(model="network"), 18)
    step = 1 / np.linalg.eigvalsh(found.kernel)[-1] * 18 * 0.5
    losses = runs.network_losses(found, 18, step, [0, 3], 2, np.random.default_rng(0))
    w = found.weights.copy()
    for _ in range(3):
        z = found.x @ w.T
        left = np.tanh(z) @ found.output - found.y
        w = w - step / 18 * ((left[:, None] * found.output / np.cosh(z) ** 2).T @ found.x)
    want = ((np.tanh(found.x @ w.T) @ found.output - found.y) ** 2).sum() / 2
    assert losses[1] == pytest.approx([want, want], rel=1e-9)


@pytest.mark.parametrize("replacement", [False, True])
def test_linear_runs_have_the_exact_mean(replacement):
    found = problems.problem(cell(), 18)
    course = expected_course(found.kernel, -found.y, 3, 1.0, 20, replacement=replacement, times=[0, 5, 20])
    losses = runs.linear_losses(
        found.kernel, -found.y, 3, 1.0, [0, 5, 20], 4000, np.random.default_rng(1), replacement
    )
    error = losses.std(axis=1) / math.sqrt(4000)
    assert (np.abs(losses.mean(axis=1) - course.loss) <= 4 * error + 1e-9).all()


def test_runs_that_leave_are_stopped_and_counted():
    found = problems.problem(cell(), 18)
    peak, last = runs.excursions(found.kernel, -found.y, 30.0, 400, 5, np.random.default_rng(0))
    assert peak.tolist() == last.tolist() == [runs.LEFT] * 5
    peak, last = runs.excursions(found.kernel, -found.y, 0.5, 400, 5, np.random.default_rng(0))
    assert (peak == 1.0).all()
    assert (last < 0.1).all()


def test_cells_keep_what_theorems_promise(outcomes):
    for outcome in outcomes.values():
        values = outcome.values
        assert values["above_sufficient"] >= -1e-9
        assert values["deviation"] < 3
        assert values["below_necessary"] >= -1e-9
        assert values["built_over_printed"] == pytest.approx(math.log(0.9002059 / 0.7412493), rel=1e-5)
        assert values["exact_step"][-1] == pytest.approx(values["descent_step"][-1], rel=1e-6)
        assert values["exact_1"][0] == values["mean_1"][0] == 1.0
        assert all(a > b for a, b in zip(values["exact_1"][1:], values["descent_1"][1:], strict=True))
    assert outcomes["linear"].values["exact_over_guarantee"] <= 1 + 1e-9
    assert outcomes["linear"].values["over_average"] > outcomes["linear"].values["over_guarantee"]
    assert {"steps", "critical"} <= set(outcomes["linear"].values)
    assert len(outcomes["features"].values["c"]) == 2


def test_the_linear_model_of_a_network_predicts_it_closely(outcomes):
    """h = 0.05: the two have one exact course, and their measured medians stay within 10 %."""
    one, other = outcomes["features"].values, outcomes["network"].values
    assert one["exact_4"] == other["exact_4"]
    assert other["mean_16"] == pytest.approx(other["exact_16"], abs=0.1)


def test_cells_are_small_json_hold_what_is_drawn_and_are_repeatable(outcomes):
    held = set()
    for outcome in outcomes.values():
        assert len(json.dumps(clean(outcome.values), allow_nan=False)) < 9_500
        held |= set(outcome.values)
    drawn = {s.metric for chart in STUDY.charts for s in chart.series}
    drawn |= {x.name for chart in STUDY.charts for x in chart.x}
    assert drawn <= held
    again = work.courses(cell(), problems.problem(cell(), 18), {"exact_step": [1.0] * 3, "batch": [1, 4, 16]})
    more = work.courses(cell(), problems.problem(cell(), 18), {"exact_step": [1.0] * 3, "batch": [1, 4, 16]})
    assert clean(again) == clean(more)


def test_digits_are_even_or_odd_and_prepared_as_said():
    x, y = problems.inputs(cell(data="digits", inputs="centred"), 20)
    assert set(y) == {-1.0, 1.0}
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.ones(20))
    raw, _ = problems.inputs(cell(data="digits", inputs="raw"), 20)
    assert raw.min() == 0.0
    assert raw.max() <= 1.0


def test_crowded_inputs_come_in_pairs():
    x, _ = problems.inputs(cell(), 18)
    near = problems.crowded(x, 0)
    assert np.linalg.norm(near[1::2] - x[::2], axis=1) == pytest.approx(np.full(9, 1 / 18))
    assert (near[::2] == x[::2]).all()


def test_the_wide_kernel_is_that_of_its_features():
    x, _ = problems.inputs(cell(), 18)
    kernel = problems.wide_kernel(x, 0)
    assert np.linalg.eigvalsh(kernel)[0] > 0
    big = problems.wide_kernel(np.tile(x, (6, 1)), 0)[:18, :18]
    assert kernel == pytest.approx(big, abs=0.25 * kernel.max())


def test_a_study_that_keeps_the_contract():
    check_study(STUDY)


def test_importing_and_estimating_needs_no_numerics():
    code = (
        "import sys; from overparam.studies.sgd_moments import STUDY;"
        "STUDY.estimate({a.name: a.default for a in STUDY.axes});"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
