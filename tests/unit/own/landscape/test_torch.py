"""PyTorch: statistics of batches by hand, maps that are flattened, buffers that differ."""

import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, UsageError

torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype(np.float32)
Y = RNG.integers(0, 2, 20)
FEW = {"points": 3, "steps": 2}


def normalised(seed):
    torch.manual_seed(seed)
    made = torch.nn.Sequential(
        torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.ReLU(), torch.nn.Linear(3, 2)
    )
    with torch.no_grad():
        made(torch.from_numpy(X[:5]))  # so that both keep other statistics
    return made


def test_statistics_are_found_anew_in_the_middle_by_hand():
    a, b = normalised(0), normalised(1)
    kept = {name: one.clone() for name, one in a.state_dict().items()}
    found = overparam.connect(a, b, (X, Y), paths="straight", batch=20, **FEW)
    middle = {name: (kept[name].double() + b.state_dict()[name].double()) / 2 for name in kept}
    inner = X.astype(np.float64) @ middle["0.weight"].numpy().T + middle["0.bias"].numpy()
    scaled = (inner - inner.mean(axis=0)) / np.sqrt(inner.var(axis=0, ddof=1) + 1e-5)
    hidden = np.maximum(scaled * middle["1.weight"].numpy() + middle["1.bias"].numpy(), 0)
    outputs = hidden @ middle["3.weight"].numpy().T + middle["3.bias"].numpy()
    by_hand = np.mean(np.logaddexp(outputs[:, 0], outputs[:, 1]) - outputs[np.arange(20), Y])
    assert found["straight"].along.loss[1] == pytest.approx(by_hand, rel=1e-5)
    assert "found anew at every point" in " ".join(found.notes)
    assert all(torch.equal(one, kept[name]) for name, one in a.state_dict().items())
    assert a.training
    assert a[1].momentum == 0.1


def test_a_shuffled_convolution_with_normalisation_is_aligned():
    torch.manual_seed(0)
    a = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1, bias=False), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(27, 2),
    )  # fmt: skip
    with torch.no_grad():
        a[1].weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        a[1].bias.copy_(torch.tensor([0.3, 0.2, 0.1]))
    import copy

    b, turn = copy.deepcopy(a), torch.tensor([2, 0, 1])
    with torch.no_grad():
        for one in (b[0].weight, b[1].weight, b[1].bias):
            one.copy_(one[turn])
        b[4].weight.copy_(b[4].weight.reshape(2, 3, 9)[:, turn].reshape(2, 27))
    x = RNG.normal(size=(20, 1, 3, 3)).astype(np.float32)
    found = overparam.connect(a, b, (x, Y), paths="aligned", **FEW)
    assert found["aligned"].loss.value <= 1e-5
    assert found["aligned"].words.startswith("Units of 1 hidden layer are")


class Counted(torch.nn.Module):
    def __init__(self, count, name="out"):
        super().__init__()
        self.add_module(name, torch.nn.Linear(4, 2))
        self.name = name
        self.register_buffer("count", torch.tensor(count))

    def forward(self, x):
        return self.get_submodule(self.name)(x)


@pytest.mark.parametrize(
    ("a", "b", "options", "text"),
    [
        (Counted(1), Counted(2), {}, "b: expected 'count', which is held constant"),
        (Counted(1), Counted(1, "last"), {}, "b: expected parameters with the names of a, got 'last.weight'"),
        (Counted(1), Counted(1).double(), {}, "b: expected parameters of float32"),
        (Counted(1), Counted(1), {"params": (1, 2)}, "params of a: expected None"),
        (normalised(0), normalised(1), {"data": (X[:1], Y[:1])}, "batches of at least 2 examples"),
    ],
)
def test_what_has_no_path_is_refused(a, b, options, text):
    data = options.pop("data", (X, Y))
    with pytest.raises((UsageError, DataError), match=text):
        overparam.connect(a, b, data, **{**FEW, **options})


def test_both_in_double_are_taken_with_a_type():
    found = overparam.connect(Counted(1), Counted(1).double(), (X, Y), dtype="float64", paths="straight", **FEW)
    assert found["straight"].along.loss.shape == (3,)
