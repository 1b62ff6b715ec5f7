"""The study on capacity bounds: its split, outputs and bounds of a network at hand, and what it refuses."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import mlp
from overparam.studies import capacity_bounds_work as work
from overparam.studies.capacity_bounds import NAMES, STUDY, said
from overparam.theory.bartlett2019 import vc_dimension, vc_gap


def cell(**change):
    base = {axis.name: axis.default for axis in STUDY.axes}
    return base | {"n": 60, "width": 4, "steps": 5, "batch": 20, "seed": 1000} | change


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(work, "DRAWS", 20)
    monkeypatch.setattr(work, "SPREADS", (0.1, 0.5))


@pytest.mark.slow
def test_a_run_gives_every_value_and_no_bound_is_below_its_error():
    given, coins = work.run([cell(), cell(labels="random")], lambda _: None)
    assert set(given.values) == set(STUDY.values)
    assert given.values["excess"] < 0
    assert coins.values["excess"] < 0
    assert given.values["vc"] == pytest.approx(vc_gap(vc_dimension([64, 4, 1]), 60), rel=1e-5)
    assert all(given.values[name] > 1 for name in NAMES)
    assert given.values["pac_gap"] == pytest.approx(
        given.values["pac"] - given.values["noisy_train_error"], abs=1e-5
    )
    assert given.values["gap"] == pytest.approx(
        given.values["test_error"] - given.values["train_error"], abs=1e-6
    )


def test_outputs_are_those_of_the_trained_network():
    net = mlp(3, (5,), 1, bias=False, parametrisation="ntk_unit", gain=work.GAIN)
    params = net.init(jax.random.key(1000))
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    np.testing.assert_allclose(
        work.outputs(work.matrices(net, 1000), x), net.apply(params, x)[:, 0], rtol=1e-5, atol=1e-6
    )


def test_a_network_that_stays_at_its_start_costs_the_prior_nothing():
    one = work.split("digits", 60, 1000)
    start = [np.ones((4, 64)), np.ones((1, 4))]
    found = work.pac(start, start, one, one.y, 1000)
    assert found["pac_kl"] == 0
    assert found["noisy_train_error"] < found["pac"] < found["noisy_train_error"] + 0.5


def test_a_split_has_no_row_twice_and_two_balanced_halves():
    one = work.split("digits", 1000, 1000)
    assert len(one.x) == 1000
    assert len(one.x_test) == 797
    assert set(one.y) == {-1.0, 1.0}
    assert abs(one.y.mean()) < 0.2
    np.testing.assert_allclose(np.linalg.norm(one.x, axis=1), 1.0, rtol=1e-5)
    assert not np.array_equal(one.x, work.split("digits", 1000, 1001).x)
    with pytest.raises(DataError, match="--n: expected fewer than"):
        work.split("digits", 1797, 1000)


def test_samples_of_one_kind_alone_are_refused():
    with pytest.raises(DataError, match="--n: expected samples of the upper and of the lower classes"):
        work.split("digits", 1, 1000)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"n": 9}, "--n: expected at least one training sample for each of the 10 classes of digits, got 9"),
        ({"n": 1797}, "--n: expected fewer than the 1,797 samples of digits, so that some test, got 1,797"),
        ({"batch": 61}, "--batch: expected at most the 60 training samples, got 61"),
        ({"data": "digit"}, "digits"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(change, text):
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**change))


def test_a_bound_is_said_with_what_it_says_and_by_how_much_it_misses():
    rows = [
        ({"width": 8}, {"vc": 9.0, "gap": 0.1, "n_test": 100}),
        ({"width": 32}, {"vc": 3.0, "gap": 0.0, "n_test": 100}),
    ]
    view = SimpleNamespace(rows=lambda: rows)
    assert (
        said("vc")(view)
        == "at 32 units the bound is 3, 600 times the gap (medians): as a share of samples it says nothing"
    )
