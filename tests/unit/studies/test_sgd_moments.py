"""The study on stochastic gradient descent: its needs, and its cells against other computations."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from overparam.core import clean
from overparam.core.claim import Evidence
from overparam.core.errors import MissingEvidence
from overparam.studies import sgd_moments
from overparam.studies import sgd_moments_work as work
from overparam.studies.sgd_moments import LEFT, RATE, STUDY, WORLD
from overparam.sweep.judge import judge
from overparam.theory.sgd import expected_course
from overparam.training import sgd_runs as runs

CLAIMS = {claim.name: claim for claim in STUDY.claims}


def test_the_work_computes_the_sizes_that_the_study_draws_and_judges():
    names = ("MEAN_BATCHES", "SIZES", "SHARES")
    assert [getattr(work, name) for name in names] == [getattr(sgd_moments, name) for name in names]


def test_controls_of_a_good_run_do_not_pass_and_one_failure_is_enough():
    evidence = WORLD(np.random.default_rng(0))
    for (_, values), *others in zip(
        evidence.rows, *(world(np.random.default_rng(0)).rows for world in (RATE, LEFT)), strict=True
    ):
        values.update({name: value for _, more in others for name, value in more.items()})
    found = judge(STUDY, evidence, profile="laptop", data="planted")
    assert len(found) == len(CLAIMS)
    for verdict in found:
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), verdict.reason
    evidence.rows[3][1]["below_necessary"] = -1e-6
    evidence.rows[3][1]["over_printed"] = 1e-6
    assert CLAIMS["bounds"].judge(evidence).status == CLAIMS["printed"].judge(evidence).status == "contradicted"
    evidence.rows[0][1].update(below_necessary=None, deviation=None)
    assert CLAIMS["bounds"].judge(evidence).status == CLAIMS["mean"].judge(evidence).status == "inconclusive"


def test_only_the_sources_own_words_contradict_them():
    rng = np.random.default_rng(0)
    assert (
        CLAIMS["scaling"].judge(WORLD.but(small_slope=-0.7)(rng)).status == "inconclusive"
    )  # our band, not theirs
    assert CLAIMS["scaling"].judge(WORLD.but(small_slope=-0.1)(rng)).status == "contradicted"
    assert CLAIMS["rate"].judge(RATE.but(c=[n**-0.2 for n in RATE.over[1]])(rng)).status == "inconclusive"
    assert CLAIMS["rate"].judge(RATE.but(c=[1 / n for n in RATE.over[1]])(rng)).status == "contradicted"
    (generic,) = CLAIMS["rate"].preconditions
    digits = Evidence(tuple(({**p, "data": "digits"}, v) for p, v in RATE(rng).rows))
    assert (generic.check(digits).ok, generic.check(digits).detail) == (False, "data digits")


def test_runs_that_all_end_at_the_same_loss_still_decide():
    """Runs are stopped at 10^12 times their first loss: seeds that agree exactly are counted, not averaged."""
    rows = LEFT(np.random.default_rng(0)).rows
    for _, values in rows:
        values["leave_mean"] = values["leave_median"] = [0.0, 12.0, 12.0]
    assert CLAIMS["escape"].judge(Evidence(rows)).status == "supported"
    for _, values in rows:
        values["leave_median"] = [0.0, 0.1, 0.2]
    assert CLAIMS["escape"].judge(Evidence(rows)).status == "contradicted"


def test_needs_say_what_is_unmet_and_settings_without_room_are_not_judged():
    rng = np.random.default_rng(0)
    (tails,), (room,) = CLAIMS["mean"].preconditions, CLAIMS["scaling"].preconditions
    far = tails.check(WORLD.but(tail=0.2)(rng))
    assert (far.ok, far.detail) == (False, "largest share of one run 0.2 (at most 0.1)")
    late = WORLD(rng)
    late.rows[2][1]["small_slope"] = None
    assert "not reached" in room.check(late).detail
    narrow = WORLD.but(critical=2.5, fixed={"model": "linear"})(rng)
    with pytest.raises(MissingEvidence, match=r"no finished cell with m\* of at least 4"):
        room.check(narrow)
    both = Evidence(WORLD.but(fixed={"model": "features"})(rng).rows + narrow.rows)
    assert len(CLAIMS["scaling"].judge(both).parts) == 2
    network = Evidence(both.rows + WORLD.but(deviation=2.0, fixed={"model": "network"})(rng).rows)
    found = CLAIMS["mean"].judge(network).parts
    assert [part.label.split(":")[0] for part in found] == ["model features", "model linear"]
    assert [part.status for part in found] == ["supported", "supported"]


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
    found = work.problem(cell(model="network"), 18)

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
    assert found.h == work.NEARNESS
    lipschitz = 4 / (3 * math.sqrt(3)) * abs(found.output[0]) * np.linalg.norm(found.x, 2) * 1.0001
    assert lipschitz * np.linalg.norm(found.y) / sigma**2 >= found.h


def test_network_runs_are_gradient_descent_for_the_full_batch():
    found = work.problem(cell(model="network"), 18)
    step = 1 / np.linalg.eigvalsh(found.kernel)[-1] * 18 * 0.5
    losses = runs.network_losses(
        found.x, found.y, found.weights, found.output, work.TANH, 18, step, [0, 3], 2, np.random.default_rng(0)
    )
    w = found.weights.copy()
    for _ in range(3):
        z = found.x @ w.T
        left = np.tanh(z) @ found.output - found.y
        w = w - step / 18 * ((left[:, None] * found.output / np.cosh(z) ** 2).T @ found.x)
    want = ((np.tanh(found.x @ w.T) @ found.output - found.y) ** 2).sum() / 2
    assert losses[1] == pytest.approx([want, want], rel=1e-9)


@pytest.mark.parametrize("replacement", [False, True])
def test_linear_runs_have_the_exact_mean(replacement):
    found = work.problem(cell(), 18)
    course = expected_course(found.kernel, -found.y, 3, 1.0, 20, replacement=replacement, times=[0, 5, 20])
    losses = runs.linear_losses(
        found.kernel, -found.y, 3, 1.0, [0, 5, 20], 4000, np.random.default_rng(1), replacement
    )
    error = losses.std(axis=1) / math.sqrt(4000)
    assert (np.abs(losses.mean(axis=1) - course.loss) <= 4 * error + 1e-9).all()


def test_runs_that_leave_are_stopped_and_counted():
    found = work.problem(cell(), 18)
    peak, last = runs.excursions(found.kernel, -found.y, 30.0, 400, 5, np.random.default_rng(0))
    assert peak.tolist() == last.tolist() == [runs.LEFT] * 5
    peak, last = runs.excursions(found.kernel, -found.y, 0.5, 400, 5, np.random.default_rng(0))
    assert (peak == 1.0).all()
    assert (last < 0.1).all()


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_linear_model_of_a_network_predicts_it_closely(outcomes):
    """h = 0.05: the two have one exact course, and their measured medians stay within 10 %."""
    one, other = outcomes["features"].values, outcomes["network"].values
    assert one["exact_4"] == other["exact_4"]
    assert other["mean_16"] == pytest.approx(other["exact_16"], abs=0.1)


@pytest.mark.slow
def test_cells_are_small_json_hold_what_is_drawn_and_are_repeatable(outcomes):
    held = set()
    for outcome in outcomes.values():
        assert len(json.dumps(clean(outcome.values), allow_nan=False)) < 9_500
        held |= set(outcome.values)
    drawn = {s.metric for chart in STUDY.charts for s in chart.series}
    drawn |= {x.name for chart in STUDY.charts for x in chart.x}
    assert drawn <= held
    again = work.curves(cell(), work.problem(cell(), 18), dict.fromkeys((1, 4, 16), 1.0))
    more = work.curves(cell(), work.problem(cell(), 18), dict.fromkeys((1, 4, 16), 1.0))
    assert clean(again) == clean(more)


def test_digits_are_even_or_odd_and_prepared_as_said():
    x, y = work.inputs(cell(data="digits", inputs="centred"), 20)
    assert set(y) == {-1.0, 1.0}
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.ones(20))
    raw, _ = work.inputs(cell(data="digits", inputs="raw"), 20)
    assert raw.min() == 0.0
    assert raw.max() <= 1.0


def test_crowded_inputs_come_in_pairs():
    x, _ = work.inputs(cell(), 18)
    near = work.crowded(x, 0)
    assert np.linalg.norm(near[1::2] - x[::2], axis=1) == pytest.approx(np.full(9, 1 / 18))
    assert (near[::2] == x[::2]).all()


def test_the_wide_kernel_is_that_of_its_features():
    x, _ = work.inputs(cell(), 18)
    kernel = work.wide_kernel(x, 0)
    assert np.linalg.eigvalsh(kernel)[0] > 0
    big = work.wide_kernel(np.tile(x, (6, 1)), 0)[:18, :18]
    assert kernel == pytest.approx(big, abs=0.25 * kernel.max())


def test_importing_and_estimating_needs_no_numerics():
    code = (
        "import sys; from overparam.studies.sgd_moments import STUDY;"
        "STUDY.estimate({a.name: a.default for a in STUDY.axes});"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
