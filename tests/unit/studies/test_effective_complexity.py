"""The study effective-complexity: profiles, estimate, and tiny real runs of its work."""

from __future__ import annotations

import itertools
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from overparam.core.claim import Evidence
from overparam.core.errors import DataError, MissingEvidence, UsageError
from overparam.models.random_features import RandomFeatures
from overparam.studies.effective_complexity import ARMS, PROFILES, STUDY, searches, sizes
from overparam.studies.effective_complexity_work import AGAIN, bracket, critical_width, emc, grid, search

BASE = {
    "n": 40, "width": (3, 12), "emc_width": (3, 12), "noise": 0.25, "noise_kind": "exclusive", "steps": 300,
    "batch": 10, "learning_rate": 0.05, "momentum": 0.9, "tolerance": 0.1, "draws": 2, "copies": 2, "n_test": 100,
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    from overparam.data import from_arrays, save

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 6))
    y, y_test = rng.integers(0, 3, 120), rng.integers(0, 3, 300)
    x, x_test = (centres[labels] + rng.standard_normal((len(labels), 6)) for labels in (y, y_test))
    return str(
        save(from_arrays(x, y, x_test, y_test, name="blobs"), tmp_path_factory.mktemp("d") / "blobs.npz")
    )


@pytest.fixture(scope="module")
def run(small):
    def go(arm, seeds=(0, 1), **more):
        told = []
        found = STUDY.work([{**BASE, "data": small, "arm": arm, "seed": s, **more} for s in seeds], told.append)
        assert told[-1] == pytest.approx(1.0)
        assert all(b >= a for a, b in itertools.pairwise(told))
        return found

    return go


@pytest.fixture(scope="module")
def base(run):
    return run("base")


def test_profiles_name_every_axis_and_are_allowed():
    for profile in PROFILES.values():
        assert set(profile.axes) == {axis.name for axis in STUDY.axes}
        for axis in STUDY.axes:
            assert tuple(axis.check(v) for v in profile.axes[axis.name]) == profile.axes[axis.name]
        assert set(profile.axes["emc_width"]) <= set(profile.axes["width"])
        assert len(profile.axes["seed"]) >= 10


def test_estimate_grows_with_what_costs():
    from overparam.sweep.select import select

    cost = {cell["arm"]: STUDY.estimate(cell) for cell in select(STUDY, "laptop").cells()}
    assert cost["epochs"].seconds > 2 * cost["base"].seconds
    assert cost["emc-epochs"].seconds > 3 * cost["emc"].seconds > 3 * cost["base"].seconds
    assert cost["shifted"].bytes > cost["base"].bytes


@pytest.mark.slow
def test_values_are_short_finite_json(run, base):
    for outcome in (*base, *run("emc", emc_width=(3,), steps=60)):
        assert len(json.dumps(dict(outcome.values), allow_nan=False)) < 5000
        assert outcome.status == "ok"
    values = base[0].values
    assert values["parameters"] == [7 * w + (w + 1) * w + (w + 1) * 3 for w in (3, 12)]
    assert len(values["train_error"]) == len(values["test_error"]) == 2
    assert all(0 <= e <= 1 for e in (*values["train_error"], *values["test_error"]))
    assert (values["samples"], values["trained_on"]) == (40, 40)


@pytest.mark.slow
def test_a_cell_equals_training_on_the_samples_it_names(small, base):
    """Second path: the ordinary trainer on arrays cut out by hand, with labels noised by hand."""
    from overparam.data import label_noise, load
    from overparam.data.stream import stream
    from overparam.models import mlp
    from overparam.probes import standard
    from overparam.training import Member, Recipe, train

    data = load(small)
    x = np.concatenate([data.x, data.x_test[100:]])
    y = np.concatenate([data.y, data.y_test[100:]])
    rows = stream("training-samples", 1).permutation(320)[:40]
    labels = label_noise(y, 0.25, 3, kind="exclusive", seed=1)[0][rows]
    recipe = Recipe(steps=300, learning_rate=0.05, momentum=0.9, batch=10)
    (alone,) = train(
        mlp(6, (12, 12), 3), recipe, [Member(1, labels)], x[rows], data.x_test[:100], data.y_test[:100],
        probes=standard(),
    )  # fmt: skip
    values = base[1].values
    assert values["train_error"][1] == pytest.approx(alone.values["train_error"][-1], abs=1e-6)
    assert values["test_error"][1] == pytest.approx(alone.values["test_error"][-1], abs=1e-6)
    assert values["wrong_labels"] == pytest.approx(np.mean(labels != y[rows]), abs=1e-6)


@pytest.mark.slow
def test_arms_change_what_they_say_and_nothing_else(run, base):
    longer = run("base", steps=1200)
    assert [o.values for o in run("epochs")] == [o.values for o in longer]
    assert [o.values for o in run("clean")] == [o.values for o in run("base", noise=0.0)]
    assert [o.values for o in run("samples")] == [o.values for o in run("base", n=80)]
    assert [o.values for o in run("samples-epochs")] == [o.values for o in run("base", n=80, steps=600)]
    assert [o.values for o in run("repeat")] == [o.values for o in run("base", seeds=(AGAIN, AGAIN + 1))]
    assert run("clean")[0].values["wrong_labels"] == 0


@pytest.mark.slow
def test_augmented_arm_trains_on_copies_of_the_same_noisy_samples(run, base):
    for plain, more in zip(base, run("shifted"), strict=True):
        assert more.values["wrong_labels"] == plain.values["wrong_labels"]
        assert (more.values["samples"], more.values["trained_on"]) == (40, 80)
    assert run("shifted", copies=1)[0].values == base[0].values


@pytest.mark.slow
def test_critical_width_is_where_the_train_error_crosses(run):
    for outcome in run("base", noise=0.0, steps=600, tolerance=0.2):
        values = outcome.values
        errors = values["train_error"]
        inside = errors[0] > 0.2 and min(errors) <= 0.2
        assert (values["critical_width"] is not None) == inside
        if inside:
            assert 3 < values["critical_width"] <= 12


@pytest.mark.slow
def test_a_search_gives_emc_its_bracket_and_every_size_visited(run):
    for outcome in run("emc", tolerance=0.25):
        values = outcome.values
        assert values["emc_width"] == [3, 12]
        assert values["scan_n"] == [10, 20, 40, 80, 160]
        for i, width in enumerate((3, 12)):
            visited = dict(zip(values[f"visited_n_{width}"], values[f"visited_error_{width}"], strict=True))
            assert set(values["scan_n"]) <= set(visited)
            assert values[f"scan_error_{width}"] == [visited[n] for n in values["scan_n"]]
            learnt = [n for n, error in visited.items() if error <= 0.25]
            assert values["emc_low"][i] == max(learnt, default=None)
            if values["emc_censored"][i] == 0:
                assert values["emc_low"][i] <= values["emc"][i] < values["emc_high"][i]
            else:
                assert values["emc"][i] is None
                assert f"at width {width} EMC is " in outcome.note
        assert (values["emc_low"][1] or 0) > (values["emc_low"][0] or 0)


@pytest.mark.slow
def test_a_search_averages_the_train_error_over_its_draws(run):
    """One draw a cell under the seeds of the two draws gives the two errors that the search averaged."""
    (both,) = run("emc", seeds=(3,), emc_width=(3,), draws=2)
    single = run("emc", seeds=(6, 7), emc_width=(3,), draws=1)
    means = np.mean([o.values["scan_error_3"] for o in single], axis=0)
    assert both.values["scan_error_3"] == pytest.approx(means.tolist(), abs=1e-5)


@pytest.mark.slow
def test_a_diverged_member_is_a_result(run):
    (lost,) = run("base", seeds=(0,), learning_rate=1e30)
    assert lost.status == "diverged"
    assert lost.note == "training diverged at width 3, 12"
    assert (lost.values["train_error"], lost.values["critical_width"]) == ([None] * 2, None)
    (searched,) = run("emc", seeds=(0,), learning_rate=1e30, emc_width=(3,))
    assert (searched.values["emc"], searched.values["emc_censored"]) == ([None], [-1])
    json.dumps([dict(lost.values), dict(searched.values)], allow_nan=False)


def test_too_few_samples_and_too_large_a_batch_are_told(run):
    with pytest.raises(DataError, match="expected at least 800 samples to draw from, got 320"):
        run("samples", n=400)
    with pytest.raises(UsageError, match="expected room for a minibatch of 200 between n/4 and 4n, got n = 40"):
        run("emc", batch=200)


def test_every_arm_is_in_a_profile():
    assert set(PROFILES["laptop"].axes["arm"]) == set(ARMS)


POINTS = grid(1000, 100, 100_000)


def searched(measure, cells, points, tolerance):
    found = [emc(errors, tolerance) for errors in search(measure, cells, points, tolerance)]
    return [
        SimpleNamespace(**{name.removeprefix("emc_"): value for name, value in one.items()}) for one in found
    ]


def looked_up(errors):
    """A measure that reads errors by place, and notes what was asked."""
    asked_for = []

    def measure(asked):
        asked_for.extend(place for _, place in asked)
        return [errors[place] for _, place in asked]

    return measure, asked_for


@pytest.mark.parametrize("features", ["linear", "fourier"])
@pytest.mark.parametrize("number", [40, 75])
def test_emc_of_least_squares_with_random_labels_is_the_number_of_features(features, number):
    """Golden: N coefficients fit any N labels under squared loss and none of N + 1 random ones."""

    def train_loss(n, draw):
        rng = np.random.default_rng([n, draw])
        if features == "linear":
            phi = rng.standard_normal((n, number))
        else:
            phi = RandomFeatures("fourier", 8, draw, 1.0)(rng.standard_normal((n, 8)), 0, number)
        y = rng.choice([-1.0, 1.0], n)
        solution, *_ = np.linalg.lstsq(phi, y, rcond=None)
        return float(np.mean((phi @ solution - y) ** 2))

    for points in (tuple(range(number - 9, number + 9)), grid(number, 2, 1000)):

        def measure(asked, points=points):
            return [np.mean([train_loss(points[place], draw) for draw in range(3)]) for _, place in asked]

        (found,) = searched(measure, 1, points, 1e-6)
        assert found.low == number
        assert found.censored == 0
        assert number <= found.emc < found.high


def test_search_finds_what_looking_everywhere_finds_when_the_error_grows():
    rng = np.random.default_rng(1)
    for _ in range(100):
        errors = np.sort(rng.uniform(0, 0.3, len(POINTS)))
        measure, asked = looked_up(errors)
        (found,) = searched(measure, 1, POINTS, 0.1)
        learnt = [n for n, error in zip(POINTS, errors, strict=True) if error <= 0.1]
        assert found.low == (learnt[-1] if learnt else None)
        assert found.censored == (-1 if not learnt else 1 if len(learnt) == len(POINTS) else 0)
        assert len(asked) == len(set(asked)) <= 7
        if found.censored == 0:
            assert found.low <= found.emc < found.high
            assert POINTS.index(found.high) == POINTS.index(found.low) + 1


def test_a_small_size_that_fails_by_chance_does_not_hide_larger_ones():
    errors = np.where(np.arange(len(POINTS)) <= 10, 0.05, 0.5)
    errors[0] = 0.2
    (found,) = searched(looked_up(errors)[0], 1, POINTS, 0.1)
    assert (found.low, found.high) == (POINTS[10], POINTS[11])


def test_emc_is_read_where_the_error_crosses_the_tolerance():
    errors = np.full(len(POINTS), 0.4)
    errors[:9] = 0.05
    errors[9] = 0.15
    (found,) = searched(looked_up(errors)[0], 1, POINTS, 0.1)
    assert found.emc == pytest.approx(math.sqrt(POINTS[8] * POINTS[9]))


def test_an_end_of_the_grid_is_said_and_no_number_is_given():
    for error, censored, low in ((0.0, 1, POINTS[-1]), (0.9, -1, None)):
        (found,) = searched(looked_up(np.full(len(POINTS), error))[0], 1, POINTS, 0.1)
        assert (found.emc, found.censored, found.low) == (None, censored, low)


def test_cells_are_searched_in_step_and_do_not_mix():
    limits = (300, 1000, 3000, 50, 10**6)

    def measure(asked):
        return [0.0 if POINTS[place] <= limits[cell] else 1.0 for cell, place in asked]

    found = searched(measure, len(limits), POINTS, 0.1)
    assert [one.low for one in found] == [297, 1000, 2828, None, 4000]
    assert [one.censored for one in found] == [0, 0, 0, -1, 1]


def test_grid_is_a_quarter_octave_grid_through_n():
    assert 1000 in POINTS
    assert (POINTS[0], POINTS[-1], len(POINTS)) == (250, 4000, 17)
    assert all(1.18 < b / a < 1.20 for a, b in itertools.pairwise(POINTS))
    assert grid(1000, 600, 1500) == (707, 841, 1000, 1189, 1414)
    assert bracket({3: 0.2}, 0.1) == (None, 3)


def test_critical_width_is_linear_in_the_logarithm_and_takes_the_first():
    widths = (8, 16, 32, 64)
    assert critical_width(widths, (0.5, 0.3, 0.0, 0.0), 0.1) == pytest.approx(16 * 2 ** (2 / 3))
    assert critical_width(widths, (0.5, 0.1, 0.2, 0.0), 0.1) == pytest.approx(16)
    assert critical_width(widths, (0.05, 0.3, 0.0, 0.0), 0.1) == 0
    assert critical_width(widths, (0.5, 0.4, 0.3, 0.2), 0.1) == math.inf


def test_the_critical_width_is_to_the_digit_what_stored_cells_were_read_with():
    """Against the text of version 1, on lines of every kind: cells in which it is stored stay comparable."""

    def former(widths, errors, tolerance):
        i = next((i for i, error in enumerate(errors) if error <= tolerance), None)
        if not i:
            return math.inf if i is None else 0.0
        share = (errors[i - 1] - tolerance) / (errors[i - 1] - errors[i])
        return float(widths[i - 1] * (widths[i] / widths[i - 1]) ** share)

    rng, kinds = np.random.default_rng(0), set()
    for _ in range(300):
        widths = sorted(rng.choice(np.arange(2, 300), 9, replace=False).tolist())
        errors = (np.sort(rng.uniform(0, 0.9, 9))[::-1] + 0.1 * rng.uniform(-1, 1, 9)).round(3).tolist()
        was = former(widths, errors, 0.1)
        assert critical_width(widths, errors, 0.1) == was
        kinds.add("none" if was == math.inf else "all" if was == 0 else "inside")
    assert {"none", "inside"} <= kinds


CLAIMS = {claim.name: claim for claim in STUDY.claims}


def edited(world, change):
    rows = world(np.random.default_rng(0)).rows
    return Evidence(tuple((params, {**values, **(change(params, values) or {})}) for params, values in rows))


@pytest.mark.parametrize(
    ("width", "status"), [(25.0, "supported"), (19.0, "inconclusive"), (14.0, "contradicted")]
)
def test_a_shift_is_a_ratio_by_seed_and_only_the_other_way_contradicts(width, status):
    claim = CLAIMS["augmentation-shift"]
    (part,) = claim.judge(sizes({"shifted": width})(np.random.default_rng(0))).parts
    assert (part.status, part.n) == (status, 10)
    assert part.effect == pytest.approx(width / 19.0, rel=0.08)


def test_a_critical_width_beyond_the_grid_is_read_at_its_end():
    """So the ratio is understated: 128 over 19 in place of more."""
    beyond = {"train_error": [1.0] * 9}
    claim, world = CLAIMS["augmentation-shift"], sizes({"shifted": 40.0})
    one = claim.judge(edited(world, lambda p, v: beyond if p["arm"] == "shifted" else None))
    assert (one.status, one.parts[0].n) == ("supported", 10)
    assert one.parts[0].effect == pytest.approx(128 / 19, rel=0.1)
    assert "shifted beyond the grid" in one.note
    both = claim.judge(edited(world, lambda p, v: beyond))
    assert both.status == "inconclusive"
    grid_need = next(need for need in claim.preconditions if need.name == "grid")
    assert not grid_need.check(edited(world, lambda p, v: beyond)).ok


def ended(widths, seeds=(3,)):
    def change(params, values):
        if "emc" not in values or params["seed"] not in seeds:
            return None
        hit = [w in widths for w in values["emc_width"]]
        emc_ = [None if h else e for h, e in zip(hit, values["emc"], strict=True)]
        return {"emc": emc_, "emc_censored": [int(h) for h in hit]}

    return change


def test_a_width_whose_search_hit_an_end_is_left_out_and_named():
    claim = CLAIMS["emc-width"]
    found = claim.judge(edited(searches({"emc": 1.0}), ended({32})))
    assert len(found.parts) == 2
    assert found.note == "Left out, because a search hit an end of the grid: width 32."
    with pytest.raises(MissingEvidence, match="at 1 of 4 widths, asked at least 2"):
        claim.judge(edited(searches({"emc": 1.0}), ended({16, 23, 32})))


def test_the_peak_is_placed_only_where_it_stands_out():
    claim = CLAIMS["peak-at-fit"]
    met = {}
    for rise in (0.06, 0.0):
        cells = sizes(rise=rise)(np.random.default_rng(0))
        met[rise] = all(need.check(cells).ok for need in claim.preconditions)
    assert met == {0.06: True, 0.0: False}
