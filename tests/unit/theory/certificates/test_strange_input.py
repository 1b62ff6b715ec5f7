"""What proofs answer to things that are no numbers, networks or certificates: one sentence, never a raw exception."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from overparam.core.errors import OverparamError, UsageError
from overparam.theory.activations import activation
from overparam.theory.certificates import (
    certify_dense,
    certify_jacobian,
    check_run,
    distance_bound,
    first_certified,
    fourth_moment,
    key_lemma,
    nearest_interpolator,
    shortest_path,
    two_layer,
)
from overparam.theory.sgd import (
    counterexample,
    departure,
    guarantee,
    largest_step,
    minimum_of_features,
    spectral_radius,
    stability_atlas,
    steps_to_accuracy,
)
from overparam.theory.sufficient_width import flow_width, published_widths, separation

X, Y = np.array([[1.0, 0.2], [0.3, 1.0]]), np.array([0.1, -0.2])
NET = two_layer(np.eye(2), [1.0, 1.0], activation("tanh"))
DONE = certify_jacobian(np.eye(2, 3), [0.1, 0.0], 1.0, jacobian_error=0, residual_error=0)
MINIMUM = minimum_of_features(X)
STRANGE = [None, "a", b"a", 1j, [], [[1.0], [1.0, 2.0]], {}, object(), math.nan, np.array(["a"])]


@pytest.mark.parametrize("thing", STRANGE, ids=lambda thing: type(thing).__name__)
@pytest.mark.parametrize(
    "call",
    [
        lambda t: certify_dense(t, X, Y),
        lambda t: certify_dense(NET, t, Y),
        lambda t: certify_dense(NET, X, t),
        lambda t: certify_dense(NET, X, Y, loss=t),
        lambda t: certify_dense(NET, X, Y, flow=t),
        lambda t: certify_jacobian(t, Y, 1.0, jacobian_error=0, residual_error=0),
        lambda t: certify_jacobian(X, Y, t, jacobian_error=0, residual_error=0),
        lambda t: certify_jacobian(X, Y, 1.0, jacobian_error=0, residual_error=0, radius=t),
        lambda t: check_run(t, np.array([0.1, 0.05]), np.zeros((2, 3))),
        lambda t: check_run(DONE, t, np.zeros((2, 3))),
        lambda t: check_run(DONE, np.array([0.1, 0.05]), t),
        lambda t: key_lemma(t, 1.0, 1.0, 0.1, 0.1),
        lambda t: key_lemma(1.0, 1.0, t, 0.1, 0.1),
        lambda t: first_certified(t, [1]),
        lambda t: DONE.envelope(t) if not isinstance(t, list) else first_certified(t, []),
        lambda t: fourth_moment(t),
        lambda t: distance_bound(t, X, Y),
        lambda t: distance_bound(NET, X, Y, t),
        lambda t: nearest_interpolator(NET, t, Y),
        lambda t: shortest_path(NET, t, X, Y),
        lambda t: separation(t),
        lambda t: flow_width(20, 10, t, 0.25),
        lambda t: guarantee(t, 1.0, 0.5, 2),
        lambda t: spectral_radius(t, 0.5, 0.1),
        lambda t: spectral_radius(MINIMUM, 0.5, t),
        lambda t: departure(t, [8.0, 4.0]),
        lambda t: departure([1, 2], [8.0, 4.0], t),
        lambda t: steps_to_accuracy(np.eye(2), [1.0, 1.0], [1], [1.0], t),
        lambda t: counterexample(t),
    ],
)
def test_strange_things_are_answered_by_a_sentence(call, thing):
    with pytest.raises(OverparamError, match="expected|unknown") as said:
        call(thing)
    assert len(str(said.value)) > 20


def test_a_step_or_batch_that_is_none_is_named():
    for batches in ("12", 3, [0], [1.5]):
        with pytest.raises(UsageError, match="batches: expected"):
            largest_step(X, batches)
    with pytest.raises(UsageError, match="steps of at most|a step of at most 1e\\+60"):
        spectral_radius(MINIMUM, 0.5, 1e200)
    with pytest.raises(UsageError, match="pairs: expected at most 10,000"):
        counterexample(10**9)
    with pytest.raises(UsageError, match="batch: expected fewer than all 6 samples"):
        counterexample(3, 6)
    with pytest.raises(OverparamError, match="steps: expected"):
        stability_atlas(X, [1], ["a"])


def test_what_asks_for_too_much_is_said_before_memory_is_taken():
    with pytest.raises(UsageError, match="expected at most 50,000 targets in all, got 60,000"):
        certify_dense(NET, np.zeros((60_000, 2)), np.zeros(60_000))
    with pytest.raises(UsageError, match="iterations: expected at most 10,000"):
        fourth_moment(X, 10**9)


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
def test_answers_without_a_unit_stay_when_all_numbers_are_scaled(size):
    found, base = guarantee(size, 0.5 * size, 0.1 * size, 9), guarantee(1.0, 0.5, 0.1, 9)
    assert found.rate == pytest.approx(base.rate)
    assert found.critical == pytest.approx(base.critical)
    assert found.step == pytest.approx(base.step / size)
    assert separation(size * X) == pytest.approx(separation(X))
    assert departure([1, 2, 4], np.array([8.0, 5.0, 4.0]) * size) == pytest.approx(
        departure([1, 2, 4], [8.0, 5.0, 4.0])
    )


@pytest.mark.parametrize("kappa", [1e-300, 1e-170, 1.0, 1e100, 1e200])
def test_widths_are_right_where_products_leave_float64(kappa):
    true = (Fraction(2) * Fraction(kappa) * Fraction(0.25) * 20) ** 2 / 10
    found = flow_width(20, 10, kappa, 0.25)
    assert found == (pytest.approx(float(true)) if true < Fraction(1e308) else math.inf)
    small = flow_width(20, 10, kappa, 0.25, start=1 / kappa)
    assert small == pytest.approx(flow_width(20, 10, 1.0, 0.25), rel=1e-9)


def test_published_widths_at_extreme_numbers_are_ordered_numbers():
    for norm in (0.0, 1e-300, 1e-60, 1e300):
        for value in (0.0, 1e-300, 1e-80, 1e300):
            table = published_widths(20, 10, norm, value, smallest=value, relu_smallest=value, depth=50)
            assert not np.isnan(table.widths).any()
            assert (np.diff(table.widths[np.isfinite(table.widths)]) >= 0).all()
    rows = published_widths(10, 5, 1e-60, 0.1, relu_smallest=1e-80).rows
    (oymak,) = [row for row in rows if row.name == "Oymak-Soltanolkotabi, ReLU"]
    assert oymak.width == pytest.approx(1e-39)
