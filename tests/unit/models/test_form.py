"""A network's form says exactly what its apply computes."""

import jax
import numpy as np
import pytest

from overparam.models import mlp, two_layer
from overparam.models.activations import activation
from tests import rounding


def by_form(form, params, x):
    names = [f"hidden{i + 1}" for i in range(len(form.sizes) - 2)]
    names += ["output"] if form.signs is None else []
    act = activation(form.activation)
    h = x.T
    for depth, name in enumerate(names):
        layer = params[name]
        h = form.scales[depth] * layer["weight"] @ h + (layer["bias"][:, None] if form.bias else 0.0)
        if depth < len(form.sizes) - 2:
            h = act(h)
    return (h if form.signs is None else form.scales[-1] * form.signs @ h).T


@pytest.mark.parametrize(
    "network",
    [
        mlp(3, (5, 4), 2, activation="tanh"),
        mlp(3, (5,), 1, parametrisation="ntk", gain=1.5, bias=False),
        two_layer(3, 6, 2, train_output=False, parametrisation="ntk_unit"),
        two_layer(3, 6, 1, activation="silu"),
        mlp(3, (), 2),
    ],
    ids=lambda network: network.name,
)
def test_form_recomputes_the_outputs(network):
    params = network.init(jax.random.key(1))
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    form = network.form
    assert form.sizes[0] == network.inputs
    assert form.sizes[-1] == network.outputs
    found = np.asarray(network.apply(params, x))
    allowed = rounding.sums(7, layers=3) * max(1, np.abs(found).max())
    np.testing.assert_allclose(by_form(form, params, x), found, rtol=0, atol=allowed)
