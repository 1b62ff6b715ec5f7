"""The study effective-complexity: profiles, estimate, and tiny real runs of its work."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.studies.effective_complexity import PROFILES, STUDY
from overparam.studies.effective_complexity.arms import ARMS
from overparam.studies.effective_complexity.work import estimate, parameter_count, work

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
        found = work([{**BASE, "data": small, "arm": arm, "seed": s, **more} for s in seeds], told.append)
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


def test_importing_and_estimating_needs_neither_numpy_nor_jax():
    code = (
        "import sys; from overparam.studies.effective_complexity import STUDY;"
        "from overparam.sweep.select import select;"
        "[STUDY.estimate(c) for c in select(STUDY, 'laptop').cells()];"
        "print(sorted({'jax', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_estimate_grows_with_what_costs():
    from overparam.sweep.select import select

    cost = {cell["arm"]: estimate(cell) for cell in select(STUDY, "laptop").cells()}
    assert cost["epochs"].seconds > 3 * cost["base"].seconds
    assert cost["emc-epochs"].seconds > 3 * cost["emc"].seconds > 3 * cost["base"].seconds
    assert cost["shifted"].bytes > cost["base"].bytes


def test_values_are_short_finite_json(run, base):
    for outcome in (*base, *run("emc", emc_width=(3,), steps=60)):
        assert len(json.dumps(dict(outcome.values), allow_nan=False)) < 5000
        assert outcome.status == "ok"
    values = base[0].values
    assert values["parameters"] == [parameter_count(6, width, 3) for width in (3, 12)]
    assert len(values["train_error"]) == len(values["test_error"]) == 2
    assert all(0 <= e <= 1 for e in (*values["train_error"], *values["test_error"]))
    assert (values["samples"], values["trained_on"]) == (40, 40)


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


def test_arms_change_what_they_say_and_nothing_else(run, base):
    longer = run("base", steps=1200)
    assert [o.values for o in run("epochs")] == [o.values for o in longer]
    assert [o.values for o in run("clean")] == [o.values for o in run("base", noise=0.0)]
    assert [o.values for o in run("samples")] == [o.values for o in run("base", n=80)]
    assert [o.values for o in run("samples-epochs")] == [o.values for o in run("base", n=80, steps=600)]
    assert [o.values for o in run("repeat")] == [o.values for o in run("base", seeds=(1_000_000, 1_000_001))]
    assert run("clean")[0].values["wrong_labels"] == 0


def test_augmented_arm_trains_on_copies_of_the_same_noisy_samples(run, base):
    for plain, more in zip(base, run("shifted"), strict=True):
        assert more.values["wrong_labels"] == plain.values["wrong_labels"]
        assert (more.values["samples"], more.values["trained_on"]) == (40, 80)
    assert run("shifted", copies=1)[0].values == base[0].values


def test_critical_width_is_where_the_train_error_crosses(run):
    for outcome in run("base", noise=0.0, steps=600, tolerance=0.2):
        values = outcome.values
        errors = values["train_error"]
        inside = errors[0] > 0.2 and min(errors) <= 0.2
        assert (values["critical_width"] is not None) == inside
        if inside:
            assert 3 < values["critical_width"] <= 12


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


def test_a_search_averages_the_train_error_over_its_draws(run):
    """One draw a cell under the seeds of the two draws gives the two errors that the search averaged."""
    (both,) = run("emc", seeds=(3,), emc_width=(3,), draws=2)
    single = run("emc", seeds=(6, 7), emc_width=(3,), draws=1)
    means = np.mean([o.values["scan_error_3"] for o in single], axis=0)
    assert both.values["scan_error_3"] == pytest.approx(means.tolist(), abs=1e-5)


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
