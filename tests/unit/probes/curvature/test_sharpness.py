"""Keskar's sharpness and its twin against closed forms, at minima, and under rescaling."""

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from overparam.probes.curvature import sharpness
from tests.linear_model import Linear
from tests.tiny_models import LABELS, PARAMS, X, apply, module


def quadratic(h, w=0.0, minimum=0.0):
    """Loss ``(1/2) sum h_i (w_i - minimum)^2``, as the mean over one example a weight."""
    x = np.diag(np.sqrt(len(h) * np.asarray(h, float)))
    return Linear(x, x @ np.full((len(h), 1), minimum), np.full((len(h), 1), w))


def test_separate_curvatures_in_closed_form():
    """At the minimum 0 of ``(1/2) sum h_i z_i^2`` every corner is the maximum: ``eps^2 sum h / 2``."""
    found = sharpness(quadratic([1.0, 4.0, 9.0]), eps=0.1)
    assert found.percent == pytest.approx(100 * 0.01 * 14 / 2, rel=1e-9)
    assert found.loss == 0
    assert found.norm == 0
    assert np.abs(np.abs(found.step) - 0.1).max() <= 1e-12
    away = sharpness(quadratic([1.0, 4.0], w=3.0, minimum=2.0), eps=0.1)
    loss = 0.5 * 5.0
    highest = 0.5 * 5.0 * 1.4**2
    assert away.percent == pytest.approx(100 * (highest - loss) / (1 + loss), rel=1e-9)
    assert sharpness(quadratic([1.0, 4.0], w=3.0, minimum=2.0), eps=0.1, box="scaled").percent == pytest.approx(
        100 * (0.5 * 5.0 * 1.3**2 - loss) / (1 + loss), rel=1e-9
    )


def test_a_minimum_without_slope_is_not_taken_for_flat():
    """From the minimum itself the gradient leads nowhere: the random starts must."""
    assert sharpness(quadratic([25.0]), eps=0.2, starts=2).percent == pytest.approx(
        100 * 0.5 * 25 * 0.04, rel=1e-9
    )
    assert sharpness(quadratic([25.0]), eps=0.2, starts=0).percent == 0


@pytest.mark.slow
def test_all_corners_of_a_small_network_are_below_what_is_found():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    model = open_model(lambda p, x: jax.numpy.tanh(x @ p["a"]) @ p["b"], (x, y), params={
        "a": rng.normal(size=(3, 2)), "b": rng.normal(size=(2, 2)),
    })  # fmt: skip
    found = sharpness(model, eps=0.05, starts=6)
    corners = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1).T
    edge = 0.05 * (np.abs(model.vector()) + 1)
    highest = max(model.at(model.vector() + edge * corner).loss() for corner in corners[::7])
    assert found.highest >= highest - 1e-9
    assert model.at(model.vector() + found.step).loss() == pytest.approx(found.highest, rel=1e-12)


def test_rescaling_changes_keskars_box_and_not_the_scaled_one():
    def net(params, x):
        return jax.nn.relu(x @ params["a"]) @ params["b"]

    rng = np.random.default_rng(4)
    a, b, c = rng.normal(size=(4, 6)), rng.normal(size=(6, 3)), 2.0 ** np.array([-3, -2, -1, 1, 2, 3])
    one, other = (
        open_model(net, (X, LABELS), params=p) for p in ({"a": a, "b": b}, {"a": a * c, "b": b / c[:, None]})
    )
    plain = [sharpness(m, eps=0.01).percent for m in (one, other)]
    scaled = [sharpness(m, eps=0.01, box="scaled").percent for m in (one, other)]
    assert abs(plain[1] / plain[0] - 1) >= 0.1
    assert scaled[1] == pytest.approx(scaled[0], rel=1e-9)


def test_both_back_ends_and_odd_arguments():
    mine, other = open_model(apply, (X, LABELS), params=PARAMS), open_model(module(), (X, LABELS))
    one, two = sharpness(mine, starts=0, steps=3), sharpness(other, starts=0, steps=3)
    assert one.percent == pytest.approx(two.percent, rel=1e-6)
    assert "L-BFGS-B, 3 iterations" in one.optimizer
    assert one.box == "|z_i| <= eps (|w_i| + 1)"
    for words, more in {
        "eps: expected a positive number, got 0": {"eps": 0},
        "unknown box 'ball'": {"box": "ball"},
        "starts: expected a whole number of at least 0": {"starts": -1},
        "eps: expected a box in which the loss is finite, got 1e\\+308": {"eps": 1e308},
    }.items():
        with pytest.raises(UsageError, match=words):
            sharpness(mine, **more)
    with pytest.raises(UsageError, match="loss: expected one above -1"):
        sharpness(open_model(apply, (X, LABELS), params=PARAMS, loss=lambda f, t: f.sum(-1) - 1e3))
