"""Deep ReLU chains: outputs, gradients and kernels against automatic differentiation, runs against a closed form, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core import DataError, UsageError
from overparam.models.deep import FIXED, deep_mlp
from overparam.own.jacobian import empirical_kernel
from overparam.training.relu_chain import (
    Chain,
    descend,
    draw,
    moved,
    moves,
    outside,
    passed,
    size,
    switched,
)

RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 3)) / 2
Y = np.array([1.0, -1.0, 1.0, 1.0])


def params_of(chain, first):
    layers = {f"hidden{i + 1}": {"weight": w} for i, w in enumerate(chain.weights)}
    return layers | {FIXED: {"input": first, "output": chain.output[None]}}


@pytest.mark.parametrize("depth", [1, 3])
def test_outputs_gradients_and_kernel_are_those_of_the_network_of_the_theorem(depth):
    first = RNG.normal(size=(5, 3))
    weights = tuple(RNG.normal(size=(5, 5)) for _ in range(depth))
    chain = Chain(weights, np.maximum(first @ X.T, 0), RNG.normal(size=5))
    network, params = deep_mlp(3, 5, depth, 1), params_of(chain, first)
    found = passed(chain)
    with jax.enable_x64(True):
        want = np.asarray(network.apply(params, jnp.asarray(X)))[:, 0]

        def half(layers):
            r = network.apply({**params, **layers}, jnp.asarray(X))[:, 0] - Y
            return 0.5 * jnp.sum(r * r)

        layers = {name: own for name, own in params.items() if name != FIXED}
        slope = jax.grad(half)(layers)
    assert found.outputs == pytest.approx(want, abs=1e-12)
    for i, own in enumerate(found.gradient(found.outputs - Y)):
        assert own == pytest.approx(np.asarray(slope[f"hidden{i + 1}"]["weight"]), abs=1e-10)
    assert found.kernel() == pytest.approx(empirical_kernel(network, params, X), rel=1e-9)
    move = [1e-6 * RNG.normal(size=w.shape) for w in weights]
    after = passed(chain.at([w + m for w, m in zip(weights, move, strict=True)])).outputs
    assert found.along(move) == pytest.approx(after - found.outputs, abs=1e-9)


def test_a_drawn_chain_has_the_law_of_the_theorem():
    chain = draw(X, 400, 2, 0)
    assert np.square(chain.weights[1]).mean() == pytest.approx(2 / 400, rel=0.02)
    assert np.square(chain.output).mean() == pytest.approx(1.0, rel=0.3)
    weak = draw(X, 400, 2, 0, variance=0.25, scale=0.5)
    assert weak.weights[1] == pytest.approx(chain.weights[1] / 2)
    assert weak.output == pytest.approx(chain.output / 2)
    assert (draw(X, 8, 1, 3).weights[0] == draw(X, 8, 1, 3).weights[0]).all()


def test_a_chain_of_one_unit_that_stays_on_falls_as_least_squares_do():
    chain = Chain((np.array([[1.0]]),), np.array([[1.0, 2.0]]), np.array([1.0]))
    run = descend(chain, np.array([3.0, 6.0]), 0.5, 1e-6)  # kernel x x^T, so that r halves at every step
    assert run.kernel == pytest.approx(np.array([[1.0, 2.0], [2.0, 4.0]]))
    assert run.losses[:4] == pytest.approx(10.0 / 4.0 ** np.arange(4))
    assert run.ratios[:4] == pytest.approx(5.0)  # |J^T r|^2 / |r|^2, r along the only direction
    assert run.steps_to(10.01 / 16 / 22.5) == 2.0
    assert run.steps_to(1e-9) is None
    assert outside(run, np.array([3.0, 6.0])) <= 1e-12
    assert moved(run) == pytest.approx([run.end.weights[0][0, 0] - 1.0])
    assert switched(run) == 0.0
    assert size(moves(run.start, run.end)) == pytest.approx(moved(run)[0])


@pytest.mark.parametrize(("width", "depth"), [(0, 1), (4, 0), (4, 1.5)])
def test_no_layers_and_no_units_are_refused(width, depth):
    with pytest.raises(UsageError, match=r"expected a whole number of at least 1, got"):
        draw(X, width, depth, 0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"x": X[0]}, r"x: expected inputs of shape \(n, features\), got \(3,\)"),
        ({"x": X * np.nan}, "x: expected finite numbers, got 12"),
        ({"x": X * 0}, "start: expected inputs that move some weight"),
        ({"variance": 0.0}, "variance: expected a positive number"),
        ({"scale": -1.0}, "scale: expected a positive number"),
        ({"y": Y[:3]}, r"y: expected shape \(4,\), a target a sample, got \(3,\)"),
        ({"y": 1.0}, r"y: expected shape \(4,\)"),
        ({"y": Y * np.inf}, "y: expected finite numbers, got 4"),
        ({"y": Y * 0}, "y: expected some target other than 0"),
        ({"share": -0.5}, "share: expected a number above 0 and below 2, got -0.5"),
        ({"share": np.nan}, "share: expected a number above 0 and below 2"),
        ({"least": 0.0}, "least: expected a positive number"),
        ({"most": 0}, "most: expected a whole number of at least 1"),
        ({"rate": -1.0}, "rate: expected a positive number"),
    ],
)
def test_what_cannot_be_drawn_or_descended_is_refused(change, text):
    drawn = {"x": X, "variance": 1.0, "scale": 1.0}
    ran = {"y": Y, "share": 0.5, "least": 0.1, "most": 3, "rate": None}
    for name, value in change.items():
        (drawn if name in drawn else ran)[name] = value

    def run():
        return descend(draw(width=4, depth=2, seed=0, **drawn), **ran)

    with pytest.raises((DataError, UsageError), match=text):
        run()
