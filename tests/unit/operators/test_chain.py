"""Chains of dense layers are recognised in both back ends and of a network; everything that differs is refused by name."""

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import mlp
from overparam.operators import open_model
from overparam.operators.chain import ACTIVATIONS, chain_of
from tests.tiny_chains import LABELS, X, module, moved, numbers, ours, outputs, pushed, theirs
from tests.tiny_models import torch_or_skip


@pytest.mark.parametrize("opened", [theirs, ours])
def test_a_chain_is_recognised_and_follows_the_parameters(opened):
    for params in (numbers("deep"), pushed(numbers("deep"), 0.3)):
        chain = chain_of(moved(opened("deep"), params), "test")
        assert chain.activation == "relu"
        assert not chain.known
        assert chain.trained == (True,) * 3
        want, seen = outputs(params)
        found = chain.preactivations()
        assert max(np.abs(a - b).max() for a, b in zip(found, [*seen, want], strict=True)) < 1e-12


def test_the_form_of_a_network_is_taken_with_its_scales():
    network = mlp(4, (6,), 3, activation="tanh", parametrisation="ntk")
    model = open_model(network, (X.astype(np.float32), LABELS), params=network.init(jax.random.key(0)))
    chain = chain_of(model, "test")
    assert chain.known
    assert chain.activation == "tanh"
    assert chain.scales[0] == pytest.approx(0.5)
    assert np.abs(chain.preactivations()[-1] - model.outputs()).max() < 1e-5


def test_every_activation_of_torch_is_told_from_the_others():
    torch = torch_or_skip()
    nn = torch.nn
    known = {
        "leaky_relu": nn.LeakyReLU(), "tanh": nn.Tanh(), "gelu": nn.GELU(), "gelu_tanh": nn.GELU("tanh"),
        "sigmoid": nn.Sigmoid(), "silu": nn.SiLU(), "softplus": nn.Softplus(), "identity": nn.Identity(),
    }  # fmt: skip
    assert set(known) <= set(ACTIVATIONS)
    for name, one in known.items():
        found = chain_of(open_model(module(numbers(), one), (X, LABELS)), "test")
        assert found.activation == name


def refused(net, data=(X, LABELS)):
    with pytest.raises(UsageError, match="^test: expected a chain of dense layers") as caught:
        chain_of(open_model(net, data), "test")
    return str(caught.value)


def test_what_is_no_chain_is_refused_with_what_differs():
    torch = torch_or_skip()
    nn = torch.nn

    class Skip(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.kind = kind
            self.one, self.two, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x):
            hidden = torch.relu(self.one(x))
            if self.kind == "skip":
                return self.out(torch.relu(self.two(hidden)) + hidden)
            if self.kind == "tied":
                return self.out(torch.relu(self.one(hidden))) + 0 * self.two(x).sum(1, keepdim=True)
            if self.kind == "scaled":
                return self.out(torch.relu(self.two(hidden))) * 2
            return self.out(torch.tanh(self.two(hidden)))

    assert "whose outputs are not those" in refused(Skip("skip").double())
    assert "each used once" in refused(Skip("tied").double()) or "operation 'sum'" in refused(
        Skip("tied").double()
    )
    assert "operation 'mul'" in refused(Skip("scaled").double()) or "whose outputs" in refused(
        Skip("scaled").double()
    )
    assert "whose outputs are not those" in refused(Skip("two activations").double())
    normed = nn.Sequential(
        nn.Linear(4, 5), nn.BatchNorm1d(5, affine=False), nn.ReLU(), nn.Linear(5, 3)
    ).double()
    assert "has the operation" in refused(normed)
    relu6 = nn.Sequential(nn.Linear(4, 5), nn.ReLU6(), nn.Linear(5, 3)).double()
    assert "operation 'hardtanh'" in refused(relu6)
    conv = nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 2), nn.Flatten(), nn.Linear(6, 3)).double()
    assert "operation 'convolution'" in refused(conv)
