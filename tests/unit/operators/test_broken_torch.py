"""Modules, losses and loaders of PyTorch that were read wrongly, or gave a raw error, once."""

import numpy as np
import pytest

from overparam.core.errors import OverparamError, UsageError
from overparam.operators import open_model

torch = pytest.importorskip("torch", reason="PyTorch is an extra: pip install 'overparam[torch]'")


def data():
    draw = torch.Generator().manual_seed(0)
    return torch.randn(12, 4, generator=draw), torch.arange(12) % 3


def function(once):
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.tanh()

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * (1 - x.tanh() ** 2)

    if once:
        Own.backward = staticmethod(torch.autograd.function.once_differentiable(Own.backward))
    return Own


class Net(torch.nn.Module):
    def __init__(self, middle=torch.tanh):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = torch.nn.Linear(4, 5), torch.nn.Linear(5, 3)
        self.scale = torch.nn.Parameter(torch.tensor(1.5))
        self.middle = middle

    def forward(self, x):
        return self.last(self.middle(self.first(x))) * self.scale


def test_a_parameter_without_axes_and_a_derivative_of_ones_own_have_the_right_products():
    plain, own = (open_model(Net(middle), data()) for middle in (torch.tanh, function(False).apply))
    vector = np.random.default_rng(0).normal(size=plain.size)
    want = plain.product("hessian", vector)
    np.testing.assert_allclose(own.product("hessian", vector), want, atol=1e-5 * np.abs(want).max())
    assert any("first and second ones agree with differences" in note for note in own.notes)
    with pytest.raises(UsageError, match="'Own', whose backward pass is marked once_differentiable"):
        open_model(Net(function(True).apply), data())


def ignoring(outputs, targets):
    return torch.nn.functional.cross_entropy(outputs, targets, ignore_index=0)


class Failing:
    def __iter__(self):
        raise OSError("no disk")


ODD = {
    "a mean over what is not ignored, all losses alike": (lambda: data(), {"loss": ignoring}, "neither"),
    "a class of losses": (
        data,
        {"loss": torch.nn.CrossEntropyLoss},
        r"got the class CrossEntropyLoss. Make one",
    ),
    "a loader that fails": (Failing, {}, "expected batch 0 of Failing, got OSError: no disk"),
    "sparse inputs": (lambda: (data()[0].to_sparse(), data()[1]), {}, "got a sparse one"),
    "nested inputs": (lambda: (torch.nested.nested_tensor(list(data()[0])), data()[1]), {}, "got a nested one"),
    "lists": (lambda: (data()[0].tolist(), data()[1].tolist()), {}, "got list and list"),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("name", ODD)
def test_what_cannot_be_read_is_told(name):
    made, options, words = ODD[name]
    net = Net()
    with torch.no_grad():
        net.last.weight.mul_(1e-4)
        net.last.bias.zero_()
    with pytest.raises(OverparamError, match=words):
        open_model(net, made(), **options)


def test_a_class_of_models_is_told():
    with pytest.raises(UsageError, match="got the class Net. Make one"):
        open_model(Net, data())
