"""The five studies of lazy training: their cells against networks written out in numpy, and their former keys."""

import functools
import json
import math
import subprocess
import sys

import numpy as np
import pytest

from overparam.core import clean, power_law
from overparam.core.claim import Evidence
from overparam.data import signed
from overparam.studies import kernel_drift, lazy_ensemble, lazy_scale, lazy_targets, lazy_width
from overparam.sweep.key import cell_name, former_digests

FILES = {
    "scale": lazy_scale,
    "width": lazy_width,
    "drift": kernel_drift,
    "ensemble": lazy_ensemble,
    "targets": lazy_targets,
}
SMALL = {
    "n": 8, "steps": 40, "scale": (1.0, 8.0, 64.0), "units": 16, "width": (16, 64), "widest_deep": 16,
    "ensemble_width": 32, "members": 60, "samples": 16, "targets_width": 64, "target_steps": 60,
}  # fmt: skip


def cell(which, **change):
    axes = {axis.name: axis.default for axis in FILES[which].STUDY.axes}
    return axes | {name: value for name, value in SMALL.items() if name in axes} | change


@functools.lru_cache
def outcome(which):
    told = []
    (found,) = FILES[which].STUDY.work([cell(which)], told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert set(found.values) == set(FILES[which].STUDY.values)
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000
    return found


def weights(width, d, key, output):
    """The initial weights that the package draws, in float64."""
    import jax

    from overparam.models import two_layer

    network = two_layer(
        d, width, activation="tanh", bias=False, parametrisation="ntk_unit", train_output=output
    )
    params = network.init(jax.random.key(key))
    return {name: np.asarray(layer["weight"], np.float64) for name, layer in params.items()}


@pytest.mark.slow
def test_the_scale_experiment_is_descent_written_out_in_numpy():
    """Two copies with opposite signs, by hand: distances, gap to the linear model, gap of the outputs."""
    given = signed("sphere", 8, 100, d=10, seed=0)
    drawn = weights(8, 10, 0, True)
    w0, a0 = np.tile(drawn["hidden1"], (2, 1)), np.tile(drawn["output"][0], 2)
    signs = np.repeat([1.0, -1.0], 8) / math.sqrt(16)
    x, y = given.x, given.y

    def gradients(w, a, inputs):
        h = np.tanh(inputs @ w.T)
        return h * signs, np.einsum("nm,nd->nmd", (1 - h**2) * (a * signs), inputs)

    def outputs(w, a, inputs):
        return np.tanh(inputs @ w.T) @ (a * signs)

    ja, jw = gradients(w0, a0, x)
    jac = np.concatenate([ja, jw.reshape(8, -1)], axis=1)
    ta, tw = gradients(w0, a0, given.x_test)
    jac_test = np.concatenate([ta, tw.reshape(100, -1)], axis=1)
    rate = 0.5 / np.linalg.eigvalsh(jac @ jac.T)[-1]
    for k, alpha in enumerate(SMALL["scale"]):
        w, a, line = w0.copy(), a0.copy(), np.zeros(jac.shape[1])
        far, gap, apart = 0.0, 0.0, 0.0
        for step in range(41):
            moved = np.concatenate([a - a0, (w - w0).ravel()])
            if step in (0, 1, 2, 3, 5, 8, 14, 24, 40):
                far = max(far, np.linalg.norm(moved))
                gap = max(gap, np.linalg.norm(moved - line))
                off = alpha * (outputs(w, a, given.x_test) - jac_test @ line)
                apart = max(apart, float(np.sqrt(np.mean(off**2))))
                straight = np.linalg.norm(line)
            r = alpha * outputs(w, a, x) - y
            ga, gw = gradients(w, a, x)
            a, w = a - rate / alpha * r @ ga, w - rate / alpha * np.einsum("n,nmd->md", r, gw)
            line = line - rate / alpha * jac.T @ (alpha * jac @ line - y)
        values = outcome("scale").values
        assert values["distance"][k] == pytest.approx(far, rel=1e-5)
        assert values["weight_gap"][k] == pytest.approx(gap, rel=1e-4)
        assert values["output_gap"][k] == pytest.approx(apart, rel=1e-4)
        assert values["theory_distance"][k] == pytest.approx(straight, rel=1e-5)
    assert values["distance"][0] / values["distance"][2] == pytest.approx(64, rel=0.3)
    assert values["random_distance"][1] / values["random_distance"][2] < 2
    assert values["centred_output_gap"][1] / values["centred_output_gap"][2] == pytest.approx(8, rel=0.3)


@pytest.mark.slow
def test_kernels_at_the_start_are_those_of_the_hidden_layer():
    """By hand: half of the units drawn, signs +-1, kernel (1/m) sum 1(w.x > 0) 1(w.z > 0) x.z."""
    x = signed("sphere", 8, 1, d=10, seed=0).x
    limit = x @ x.T * (math.pi - np.arccos(np.clip(x @ x.T, -1, 1))) / (2 * math.pi)
    smallest = np.linalg.eigvalsh(limit)[0]
    values = outcome("width").values
    assert values["smallest"] == pytest.approx(smallest, rel=1e-5)
    for k, m in enumerate(SMALL["width"]):
        on = (x @ weights(m // 2, 10, 0, False)["hidden1"].T > 0) * 1.0
        gram = on @ on.T / (m // 2) * (x @ x.T)
        assert values["start"][k] == pytest.approx(np.linalg.norm(gram - limit, 2) / smallest, rel=1e-4)
        assert values["lowest"][k] <= np.linalg.eigvalsh(gram)[0] / smallest * (1 + 1e-6)
        assert 0 < values["moved"][k] < values["theory_moved"][k]
    assert min(values["gradient_low"] + values["gradient_high"]) >= -1e-12
    assert max(values["mean_low"]) < 0


@pytest.mark.slow
def test_all_depths_drift_and_the_ensemble_starts_with_the_formula_s_spread():
    values = outcome("drift").values
    assert values["width"] == [16]
    for depth in (1, 2, 3):
        assert 0 < values[f"drift_{depth}"][0] < values["drift_mean_field"][0] * 3
        assert values[f"start_{depth}"][0] > 0
    values = outcome("ensemble").values
    assert values["spread"][0] == pytest.approx(values["theory_spread"][0], rel=0.25)
    assert values["mean_field_spread"][0] < 0.5 * values["theory_spread"][0]
    assert values["mean_share"] == pytest.approx(1, abs=0.3)


@pytest.mark.slow
def test_bounds_and_steps_of_the_targets():
    values = outcome("targets").values
    given = signed("sphere", 16, 500, d=10, seed=0)
    y, _ = lazy_targets.ten_targets(cell("targets"), given)
    assert np.square(y).mean(axis=1) == pytest.approx(np.ones(10))
    limit = given.x @ given.x.T * (math.pi - np.arccos(np.clip(given.x @ given.x.T, -1, 1))) / (2 * math.pi)
    for k in range(10):
        want = math.sqrt(2 * y[k] @ np.linalg.solve(limit, y[k]) / 16)
        assert values["bound"][k] == pytest.approx(want, rel=1e-4)
    assert values["theory_steps"][0] == pytest.approx(values["steps"][0], rel=0.35)
    assert values["steps"][0] < values["steps"][9]
    assert 0 < values["test_error"][0] < values["test_error"][9]


def test_digits_are_centred_and_normalised_or_raw():
    unit, raw = (signed("digits", 12, 5, d=0, seed=0, unit=unit) for unit in (True, False))
    assert raw.x.min() >= 0
    shifted = raw.x - raw.x.mean(axis=0)
    assert unit.x == pytest.approx(shifted / np.linalg.norm(shifted, axis=1, keepdims=True))
    y, y_test = lazy_targets.ten_targets(cell("targets", data="digits"), unit)
    assert (y.shape, y_test.shape) == ((10, 12), (10, 5))
    assert (y.sum(axis=0) == -8).all()  # one digit is +1


def test_centred_inputs_are_judged_where_there_are_raw_ones_too_and_needs_can_fail():
    rng = np.random.default_rng(0)
    claim = lazy_scale.STUDY.claims[0]
    rising = lazy_scale.WORLD.but(inputs="raw", distance=((1.0, 1.0), (256.0, 9.0)))(rng)
    both = Evidence(lazy_scale.WORLD(rng).rows + rising.rows)
    assert (claim.judge(both).status, claim.judge(rising).status) == ("supported", "contradicted")
    generated, fitted = lazy_targets.STUDY.claims[3].preconditions
    rows = lazy_targets.WORLD(rng).rows
    params, values = rows[-1]
    lost = Evidence((*rows[:-1], (params, values | {"steps": [None, *values["steps"][1:]]})))
    assert fitted.check(lost).detail == "1 of 60 runs did not reach it"
    digits = Evidence(tuple((params | {"data": "digits"}, values) for params, values in rows))
    assert [one.check(digits).ok for one in (generated, fitted)] == [False, True]


def status(module, name, world, trial=0):
    claim = next(one for one in module.STUDY.claims if one.name == name)
    return claim.judge(world(np.random.default_rng(trial))).status


@pytest.mark.parametrize(
    ("slope", "says"), [(-2.0, "supported"), (-1.0, "supported"), (-0.5, "inconclusive"), (0.3, "contradicted")]
)
def test_a_bound_is_met_by_a_faster_fall_and_contradicted_by_none_alone(slope, says):
    """The gap of outputs may fall like 1/alpha^2: that is O(1/alpha) too, whatever makes the output start at zero."""
    for gap in ("output_gap", "centred_output_gap"):
        world = lazy_scale.WORLD.but(**{gap: power_law(slope)})
        assert status(lazy_scale, "outputs", world) == says
    assert status(kernel_drift, "drift", kernel_drift.WORLD.but(drift_2=power_law(slope))) == says
    assert status(lazy_width, "movement", lazy_width.WORLD.but(moved=power_law(min(slope, 0.3) + 0.2))) == (
        "supported" if slope <= -1 else "contradicted" if slope > 0 else "inconclusive"
    )


@pytest.mark.parametrize(
    ("ratios", "says"),
    [
        ((1.77, 1.16, 0.98), "supported"),  # measured by others at 128, 512 and 2,048 units
        ((1.05, 1.02, 1.01), "supported"),
        ((1.5, 1.5, 1.5), "inconclusive"),
        ((1.2, 1.5, 2.0), "contradicted"),
        ((0.8, 0.5, 0.2), "contradicted"),
    ],
)
def test_a_limit_is_judged_by_its_trend_over_the_widths(ratios, says):
    world = lazy_ensemble.WORLD.but(variance_ratio=lazy_ensemble.along(*ratios))
    assert status(lazy_ensemble, "ensemble", world) == says


def test_steps_must_tend_to_those_predicted_at_every_target():
    one = functools.partial(lazy_targets.taking, target=7)
    for factors, says in (
        ((1.6, 1.3, 1.1), "supported"),
        ((2.0, 2.0, 2.0), "inconclusive"),
        ((2.0, 3.0, 5.0), "contradicted"),
    ):
        assert status(lazy_targets, "steps", lazy_targets.WORLD.but(steps=one(*factors))) == says


def test_a_wide_network_below_half_contradicts_nothing_and_a_question_can_be_answered_no():
    low = lazy_width.KEPT.but(lowest=[0.1] * 7)
    assert status(lazy_width, "eigenvalue", low) == "inconclusive"
    slow = lazy_targets.WORLD.but(steps=[40.0] * 9 + [1600.0])
    assert status(lazy_targets, "random-labels", slow) == "contradicted"
    assert {one.name: one.kind for one in lazy_targets.STUDY.claims}["random-labels"] == "question"


def test_cells_of_the_former_study_are_found_under_the_values_of_any_of_its_profiles():
    """Key of lazy-training's first quick cell, n 16 and so on: computed before the study was divided."""
    first = cell("scale", n=16, steps=200, scale=lazy_scale.QUICK, units=128)
    assert "6bace2aa46b745d9" in former_digests(lazy_scale.STUDY, first, "f")
    assert cell_name(lazy_scale.STUDY, first, "f")[-16:] not in former_digests(lazy_scale.STUDY, first, "f")


def test_importing_and_estimating_needs_no_numerics():
    code = (
        "import sys; from overparam.studies import kernel_drift, lazy_ensemble, lazy_scale, lazy_targets, lazy_width;"
        "[m.STUDY.estimate({a.name: a.default for a in m.STUDY.axes})"
        " for m in (kernel_drift, lazy_ensemble, lazy_scale, lazy_targets, lazy_width)];"
        "print(sorted({'numpy', 'jax', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
