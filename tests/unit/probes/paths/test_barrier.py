"""Barriers against hand calculations, and how often their intervals hold the truth."""

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import mlp
from overparam.probes.paths import Along, along, barrier, straight


def measured(losses, wrong=None, t=None):
    """Losses of every example at every point as what along() gives."""
    losses = np.asarray(losses, np.float64)
    t = np.linspace(0, 1, len(losses)) if t is None else np.asarray(t)
    faults = None if wrong is None else np.asarray(wrong, bool)
    error = None if faults is None else faults.mean(axis=1)
    return Along(t, losses.mean(axis=1), error, losses, faults, losses.shape[1], ())


LOSSES = [[0.0, 2.0], [5.0, 3.0], [2.0, 4.0]]  # means 1, 4, 3


@pytest.mark.parametrize(("above", "value"), [("larger", 1.0), ("linear", 2.0), ("mean", 2.0)])
def test_what_a_barrier_is_measured_from(above, value):
    found = barrier(measured(LOSSES), above=above)
    assert (found.value, found.t, found.n) == (value, 0.5, 2)
    assert found.low <= value <= found.high


def test_linear_and_mean_differ_off_the_middle():
    losses = np.repeat([[0.0], [3.0], [0.0], [0.0], [4.0]], 3, axis=1)
    assert barrier(measured(losses), above="linear").value == 2.0  # 3 - 4/4
    assert barrier(measured(losses), above="mean").value == 2.0  # the end: 4 - 2


def test_no_point_is_below_the_ends():
    found = barrier(measured([[1.0, 2.0], [0.0, 0.5], [1.5, 1.0]]))
    assert (found.value, found.low) == (0.0, 0.0)


def test_the_same_network_twice_has_no_barrier_and_no_doubt():
    network = mlp(3, (4,), 2)
    a = network.init(jax.random.key(0))
    x = np.random.default_rng(0).normal(size=(20, 3))
    found = along(straight(network, a, a, 5), x, np.zeros(20, int))
    for of in ("loss", "error"):
        one = barrier(found, of=of)
        assert one.value <= 1e-6
        assert one.high <= 1e-6
        assert one.said(1e-3) == "found"


def test_found_is_said_where_the_whole_interval_is_within_the_tolerance():
    one = barrier(measured(np.random.default_rng(0).normal(size=(3, 400)) * 0.1 + [[1.0], [1.05], [1.0]]))
    assert one.said(one.high) == "found"
    assert one.said(one.value) == "not found"
    with pytest.raises(UsageError, match="tolerance"):
        one.found(-1.0)


@pytest.mark.parametrize("rise", [0.0, 0.1])
def test_the_interval_holds_the_largest_rise(rise):
    """The true rise is that of the means; the highest of 15 points is chosen on the same examples."""
    rng, hits, n = np.random.default_rng(1), 0, 200
    truth = np.zeros(15)
    truth[5] = rise
    for draw in range(100):
        noise = rng.standard_exponential((15, n)) - 1  # skewed, as losses are
        hits += (one := barrier(measured(truth[:, None] + noise), seed=draw)).low <= rise <= one.high
    assert hits >= 89  # 95 % of 100 less 2.7 standard deviations


def test_no_disagreement_in_few_examples_is_not_certainty():
    wrong = np.zeros((3, 50), bool)
    wrong[1, :2] = True
    few = barrier(measured(np.zeros((3, 50)), wrong), of="error")
    assert few.value == pytest.approx(0.04)
    assert few.low == 0.0
    assert few.high > 0.04 + 1.5 / 50
    wrong[1] = wrong[0] = [True] + [False] * 49
    wrong[1, 1] = True  # one example of fifty
    assert barrier(measured(np.zeros((3, 50)), wrong), of="error").low == 0.0


def test_points_beyond_the_ends_do_not_count():
    losses = np.repeat([[9.0], [1.0], [2.0], [1.0], [9.0]], 2, axis=1)
    assert barrier(measured(losses, t=[-1, 0, 0.5, 1, 2])).value == 1.0


def test_a_loss_that_is_not_finite_inside_is_an_infinite_barrier():
    losses = np.ones((3, 4))
    losses[1, 2] = np.inf
    found = barrier(measured(losses))
    assert found.value == np.inf
    assert found.said(1.0) == "not found"
    losses[0] = np.nan
    with pytest.raises(DataError, match="diverged"):
        barrier(measured(losses))


def test_one_example_gives_no_certainty():
    assert barrier(measured([[1.0], [1.1], [1.0]])).high == np.inf


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: barrier("along"), "along: expected what"),
        (lambda: barrier(measured(LOSSES), of="accuracy"), "accuracy"),
        (lambda: barrier(measured(LOSSES), above="lower"), "lower"),
        (lambda: barrier(measured(LOSSES), level=95), "level"),
        (lambda: barrier(measured(LOSSES), of="error"), "labels as targets"),
        (lambda: barrier(measured(LOSSES, t=[0.1, 0.5, 1.0])), "both ends"),
        (lambda: barrier(Along(np.array([0.0, 1.0]), np.zeros(2), None, None, None, 3, ())), "each=True"),
    ],
)
def test_what_cannot_be_is_refused(call, text):
    with pytest.raises(UsageError, match=text):
        call()
