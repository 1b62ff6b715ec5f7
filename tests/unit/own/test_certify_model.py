"""Certificates of models: those of the network of the package, and of a module that is the same chain."""

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import two_layer
from overparam.operators import open_model
from overparam.own.certify import certify
from overparam.own.certify_model import certify_model
from tests.tiny_chains import LABELS, X, Y, theirs
from tests.tiny_models import torch_or_skip

x = np.eye(3, dtype=np.float32)
y = np.array([1.0, -1.0, 0.5], np.float32)


def test_a_network_of_the_package_has_its_own_certificate():
    network = two_layer(3, 4000, 1, activation="tanh", parametrisation="ntk", train_output=False)
    params = network.init(jax.random.key(0))
    want = certify(network, params, x, y, flow=True)
    found = certify_model(open_model(network, (x, y), params=params, reduction="sum"), flow=True)
    assert found.certified
    assert found.method == want.method == "gradient flow"
    for part in ("sigma", "beta", "lipschitz", "residual", "h", "radius"):
        assert getattr(found, part) == getattr(want, part), part


def test_a_module_with_its_output_frozen_has_the_certificate_of_the_same_network():
    torch = torch_or_skip()
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 2000, bias=False), torch.nn.Tanh(), torch.nn.Linear(2000, 1, bias=False)
    ).double()
    with torch.no_grad():
        net[0].weight.normal_()
        net[2].weight.copy_(torch.where(torch.arange(2000) % 2 == 0, 1.0, -1.0) / 2000**0.5)
    net[2].weight.requires_grad_(False)
    found = certify_model(
        open_model(net, (x.astype(float), y[:, None].astype(float)), reduction="sum"), flow=True
    )
    assert found.certified
    assert any("Assumed: the model is a chain of 2 dense layers with tanh" in one for one in found.notes)
    loss = torch.nn.MSELoss()
    other = certify_model(open_model(net, (x.astype(float), y[:, None].astype(float)), loss=loss), flow=True)
    assert other.certified


def test_what_has_no_certificate_is_refused_with_what_would_do():
    torch = torch_or_skip()
    conv = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 4)), torch.nn.Conv1d(1, 2, 2), torch.nn.Flatten(), torch.nn.Linear(6, 3)
    ).double()
    sigmoid = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Sigmoid(), torch.nn.Linear(5, 3)).double()
    frozen = open_model(sigmoid[:1], (X, np.ones((12, 5))), frozen="0.bias")
    cases = [
        ("model: expected a squared loss", lambda: certify_model(theirs())),
        ("model: expected a model of open_model", lambda: certify_model(conv)),
        ("certificate: expected a chain of dense layers", lambda: certify_model(open_model(conv, (X, Y)))),
        ("expected an activation with proved bounds", lambda: certify_model(open_model(sigmoid, (X, Y)))),
        ("certificate: expected every layer to be trained", lambda: certify_model(frozen)),
        (
            "data: expected numbers as targets",
            lambda: certify_model(open_model(sigmoid, (X, LABELS), loss="squared")),
        ),
    ]
    for words, call in cases:
        with pytest.raises(UsageError) as caught:
            call()
        assert words in str(caught.value), str(caught.value)
