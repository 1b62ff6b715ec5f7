"""Derivatives of every family against differences in float64, along every layer, where no relu or maximum changes sides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.models import Network, named
from overparam.models.five_layer import cnn5
from overparam.models.resnet import resnet
from overparam.models.state import split
from tests.unit.models.switches import pattern

STEPS = (1e-3, 1e-4, 1e-5, 1e-6)
QUICK = {"xla_backend_optimization_level": 0}  # a program that runs once

SLOW = pytest.mark.slow
NETWORKS = {
    "mlp, batch norm and dropout": (lambda: named("mlp", (4,), 3, width=5, depth=2, norm="batch", dropout=0.4), ()),
    "mlp, layer norm": (lambda: named("mlp", (4,), 3, width=5, depth=2, norm="layer"), ()),
    "two-layer-signs": (lambda: named("two-layer-signs", (4,), 1, width=6), ()),
    "deep-mlp": (lambda: named("deep-mlp", (4,), 2, width=6, depth=3), ()),
    "lenet-300-100": (lambda: named("lenet-300-100", (6,), 2, width=6), ()),
    "lenet5": (lambda: named("lenet5", (16, 16), 2, width=2), SLOW),
    "conv2, dropout": (lambda: named("conv2", (4, 4, 2), 2, width=2, dropout=0.5), ()),
    "conv4": (lambda: named("conv4", (8, 8), 2, width=2), SLOW),
    "conv6, layer norm": (lambda: named("conv6", (8, 8), 2, width=1, norm="layer"), SLOW),
    "cnn1d": (lambda: named("cnn1d", (20,), 2, width=3), SLOW),
    "cnn5": (lambda: cnn5((6, 6, 2), 2, 3, pools=(1, 2)), ()),
    "cnn5 in full": (lambda: named("cnn5", (32, 32), 2, width=1), SLOW),
    "cuda-convnet": (lambda: named("cuda-convnet", (12, 12), 2, width=2), SLOW),
    "alexnet-small, dropout": (lambda: named("alexnet-small", (8, 8), 2, width=2, dropout=0.3), SLOW),
    "inception-small": (lambda: named("inception-small", (8, 8), 2, width=4), SLOW),
    "inception-small, no norm": (lambda: named("inception-small", (8, 8), 2, width=4, norm="none"), SLOW),
    "resnet of two stages": (lambda: resnet((6, 6), 2, 2, blocks=(1, 1)), ()),
    "resnet18": (lambda: named("resnet18", (16, 16), 2, width=1), SLOW),
    "resnet, layer norm": (lambda: named("resnet", (16, 16), 2, width=1, depth=1, norm="layer"), SLOW),
    "resnet-cifar": (lambda: named("resnet-cifar", (8, 8), 2, width=2, depth=8), SLOW),
    "wide-resnet, dropout": (lambda: named("wide-resnet", (8, 8), 2, width=4, depth=10, dropout=0.3), SLOW),
}  # fmt: skip
PASSES = [
    pytest.param(
        make,
        way,
        id=f"{name} in {way}",
        marks=marks or (SLOW if way == "evaluation" and make().training else ()),
    )
    for name, (make, marks) in NETWORKS.items()
    for way in ("training", "evaluation")
    if way == "evaluation" or make().training is not None
]


def drawn(network, rng):
    """Parameters of about the size of an initialisation, none of them 0; statistics are positive."""
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    params = jax.tree.map(
        lambda a: jnp.asarray(rng.standard_normal(a.shape) / np.sqrt(max(1, np.prod(a.shape[1:])))), shapes
    )
    if "statistics" in params:
        params["statistics"] = jax.tree.map(jnp.exp, params["statistics"])
    return params


def differences(network, params, way, rng):
    """For every layer: the derivative along a direction by ``grad``, by differences, and the step; NaN where sides change.

    The differences are central ones at a step and its half, joined so that the error is of fourth order, at the largest
    step at which every relu and every maximum keeps its side.
    """
    x = rng.standard_normal((4, network.inputs))
    weights = rng.standard_normal((4, network.outputs))
    trained, _ = split(network.state, params)
    layers = [name for name, own in trained.items() if jax.tree.leaves(own)]
    along = [jax.tree.map(lambda a: rng.standard_normal(a.shape), trained[name]) for name in layers]

    def outputs(steps):
        near = {
            name: jax.tree.map(lambda a, d, s=step: a + s * d, trained[name], direction)
            for name, direction, step in zip(layers, along, steps, strict=True)
        }
        here = {**params, **near}
        return network.apply(here, x) if way == "evaluation" else network.training(here, x, jax.random.key(5))

    def loss(steps):
        return jnp.sum(weights * outputs(steps))

    start = np.zeros(len(layers))
    points = np.concatenate(
        [start[None], *(s * h * np.eye(len(layers)) for h in STEPS for s in (1.0, -1.0, 0.5, -0.5))]
    )

    def both(at, every):
        return jax.grad(loss)(at), jax.lax.map(lambda one: (loss(one), pattern(outputs, one)), every)

    found = jax.jit(both).lower(start, points).compile(compiler_options=QUICK)(start, points)
    gradient, (values, sides) = jax.tree.map(np.asarray, found)
    values = values[1:].reshape(len(STEPS), 4, len(layers))
    stay = (sides[1:] == sides[:1]).all(axis=1).reshape(len(STEPS), 4, len(layers)).all(axis=1)
    steps = np.array(STEPS)[:, None]
    wide, close = (values[:, 0] - values[:, 1]) / (2 * steps), (values[:, 2] - values[:, 3]) / steps
    by_step = np.where(stay, (4 * close - wide) / 3, np.nan)
    first = np.argmax(stay, axis=0)
    return dict(zip(layers, zip(gradient, by_step[first, range(len(layers))], strict=True), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("make", "way"), PASSES)
def test_gradients_against_differences_in_float64(make, way):
    network, rng = make(), np.random.default_rng(3)
    with jax.enable_x64(True):
        found = differences(network, drawn(network, rng), way, rng)
    scale = max(abs(one) for one, _ in found.values())
    for name, (derivative, difference) in found.items():
        assert not np.isnan(difference), (
            f"{name}: a relu or a maximum changes sides at every step; take another point"
        )
        assert difference == pytest.approx(derivative, rel=1e-6, abs=1e-7 * scale), name


def test_a_wrong_derivative_is_found_and_a_point_on_a_kink_is_not_judged():
    @jax.custom_jvp
    def odd(z):
        return z**3

    odd.defjvp(lambda primals, tangents: (odd(*primals), 3.001 * primals[0] ** 2 * tangents[0]))

    def network(act):
        return Network(
            "n", lambda key: {"a": {"weight": jnp.ones((1, 3))}}, lambda p, x: act(x @ p["a"]["weight"].T), 3, 1
        )

    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        params = {"a": {"weight": jnp.ones((1, 3))}}
        derivative, difference = differences(network(odd), params, "evaluation", rng)["a"]
        assert abs(derivative / difference - 3.001 / 3) < 1e-6
        at_zero = {"a": {"weight": jnp.zeros((1, 3))}}
        assert np.isnan(differences(network(jax.nn.relu), at_zero, "evaluation", rng)["a"][1])


def test_a_pattern_is_the_sides_of_every_maximum():
    def function(x):
        return jnp.maximum(jax.nn.relu(x), x[::-1])

    assert pattern(function, jnp.array([1.0, -2.0, 3.0])).tolist() == [True, False, True, False, True, True]
