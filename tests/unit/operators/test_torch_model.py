"""The back end of PyTorch against dense derivatives, against that of JAX to 1e-10, and what it must leave as it is."""

import copy

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.operators import gauss_newton, hessian, jacobian, open_model
from tests.tiny_models import (
    LABELS,
    PARAMS,
    VECTOR,
    D,
    K,
    Loader,
    N,
    W,
    X,
    Y,
    apply,
    back,
    in_order,
    module,
    oracles,
    torch_or_skip,
)

torch = torch_or_skip()
TARGETS = torch.from_numpy(LABELS)
INPUTS = torch.from_numpy(X)


def digest(net):
    from overparam.operators.torch_adapt import digest as of

    return of(net)


def close(one, other, tolerance=1e-10):
    return np.abs(one - other).max() <= tolerance * max(1.0, np.abs(other).max())


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(50, marks=pytest.mark.slow),
        pytest.param(32, marks=pytest.mark.slow),
        pytest.param(49, marks=pytest.mark.slow),
    ],
)
def test_both_back_ends_agree(batch):
    ours = open_model(module(), (X, LABELS), batch=batch)
    theirs = open_model(apply, (X, LABELS), params=PARAMS, batch=batch)
    assert ours.layout.names == ("first.weight", "first.bias", "last.weight", "last.bias")
    vector = np.random.default_rng(1).normal(size=ours.size)
    rows = np.random.default_rng(2).normal(size=N * K)
    assert close(ours.loss(), theirs.loss())
    assert close(ours.outputs(), theirs.outputs())
    assert close(back(ours, ours.gradient()), theirs.gradient())
    for kind in ("hessian", "gauss_newton", "jacobian"):
        found = ours.product(kind, in_order(ours, vector))
        found = found if kind == "jacobian" else back(ours, found)
        assert close(found, theirs.product(kind, vector)), kind
    assert close(back(ours, ours.product("transpose", rows)), theirs.product("transpose", rows))


def ways(model, kind, slow):
    return [way.name for way in model.ways(kind) if (way.ready > 0) == slow]


@pytest.mark.parametrize("slow", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_way_is_the_dense_derivative(slow):
    """Derivatives in forward mode take PyTorch half a minute to load."""
    loss, gradient, *dense = oracles()
    model = open_model(module(), (X, LABELS), batch=32)
    assert close(model.loss(), loss)
    assert close(back(model, model.gradient()), gradient)
    order = in_order(model, np.arange(model.size)).astype(int)
    for kind, want in zip(("hessian", "gauss_newton", "jacobian"), dense, strict=True):
        want = want[:, order] if kind == "jacobian" else want[np.ix_(order, order)]
        names = ways(model, kind, slow)
        assert len(names) == (1 if slow else 2)
        for name in names:
            one = open_model(module(), (X, LABELS), batch=32)
            one.settings = type(one.settings)(way=name)
            vector = np.random.default_rng(3).normal(size=one.size)
            assert close(one.product(kind, vector), want @ vector), name
            assert one.costs[kind].startswith(name)


def test_the_trial_says_what_it_found_and_keeps_to_the_memory():
    model = open_model(module(), (X, LABELS), batch=10, memory=0)
    model.product("hessian", np.ones(model.size))
    assert not model._kept
    assert "above memory=0" in model.costs["hessian"]
    assert "double backward" in model.costs["hessian"]


def test_parts_and_other_parameters():
    model = open_model(module(), (X, LABELS))
    whole = hessian(model) @ np.eye(model.size)
    at = model.layout.slices["last.weight"]
    assert close(hessian(model, layers="last.weight") @ np.eye(K * W), whole[at, at])
    shifted = model.at(model.vector() + 0.1)
    theirs = open_model(apply, (X, LABELS), params=PARAMS).at(VECTOR + 0.1)
    assert close(shifted.loss(), theirs.loss())
    assert close(model.loss(), oracles()[0])


def test_a_training_that_goes_on_changes_no_operator():
    net = module()
    model = open_model(net, (X, LABELS))
    before = model.loss()
    with torch.no_grad():
        for one in net.parameters():
            one.mul_(2.0)
    assert model.loss() == before


def attention():
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True)
            self.out = torch.nn.Linear(4, K)

        def forward(self, x):
            return self.out(self.layer(x).mean(1))

    torch.manual_seed(0)
    return Block().double()


def noted(model, words):
    return any(words in note for note in model.notes)


def test_attention_is_switched_to_a_kernel_with_second_derivatives_and_said():
    x = np.random.default_rng(0).normal(size=(6, 3, 4))
    net = attention()
    model = open_model(net, (x, LABELS[:6]))
    assert noted(model, "plain kernel")
    assert noted(model, "Evaluation mode, which it was not in")
    vector = np.random.default_rng(1).normal(size=model.size)
    step = 1e-6
    numeric = (
        model.at(model.vector() + step * vector).gradient()
        - model.at(model.vector() - step * vector).gradient()
    ) / (2 * step)
    assert close(model.product("hessian", vector), numeric, 1e-6)
    assert net.training
    assert torch.backends.mha.get_fastpath_enabled()


def test_nothing_of_the_module_changes():
    net = module([("norm", torch.nn.BatchNorm1d(W)), ("drop", torch.nn.Dropout(0.5))]).train()
    net.drop.eval()
    net(INPUTS).sum().backward()
    python, mark = np.random.get_state()[1].copy(), digest(net)  # noqa: NPY002
    model = open_model(
        net, torch.utils.data.DataLoader(torch.utils.data.TensorDataset(INPUTS, TARGETS), batch_size=49)
    )
    vector = np.ones(model.size)
    for kind in ("hessian", "gauss_newton", "jacobian"):
        model.product(kind, vector)
    model.loss_and_gradient()
    assert digest(net) == mark
    assert (np.random.get_state()[1] == python).all()  # noqa: NPY002
    assert net.norm.training
    assert not net.drop.training
    assert noted(model, "Evaluation mode")


def forgetful():
    class Always(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.dropout(x, 0.5, training=True)

    return Always()


def counting():
    class Counts(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x):
            self.seen += 1
            return x * self.seen

    return Counts()


CULPRITS = {
    "dropout": (lambda: [("drop", torch.nn.Dropout(0.5))], False, "'drop' .Dropout.: dropout is drawn anew"),
    "dropout that never rests": (lambda: [("always", forgetful())], True, "two passes .* begins at 'always' .Always."),
    "statistics of batches": (
        lambda: [("norm", torch.nn.BatchNorm1d(W, track_running_stats=False))], True,
        "its own example alone.* begins at 'norm' .BatchNorm1d.: it normalises by the batch",
    ),
    "statistics in training": (lambda: [("norm", torch.nn.BatchNorm1d(W))], False, "own example alone.* 'norm'"),
}  # fmt: skip


@pytest.mark.parametrize("name", CULPRITS)
def test_the_culprit_of_two_different_passes_is_named(name):
    hidden, evaluation, words = CULPRITS[name]
    with pytest.raises(UsageError, match=words):
        open_model(module(hidden()), (X, LABELS), evaluation=evaluation)


def test_a_buffer_that_a_pass_changes_is_copied_for_every_pass():
    net = module([("count", counting())])
    model = open_model(net, (X, LABELS))
    assert noted(model, "A pass changes 'count.seen'")
    assert model.loss() == model.loss()
    assert net.count.seen == 0


@pytest.mark.parametrize(
    ("change", "words"), [("shuffle", "another order"), ("augment", "augments"), ("redraw", "draws")]
)
def test_a_loader_that_changes_is_refused(change, words):
    with pytest.raises(UsageError, match=words):
        open_model(module(), Loader(change=change))


def test_a_shuffling_loader_of_pytorch_is_named_and_its_generator_put_back():
    made = torch.Generator().manual_seed(0)
    rows = torch.utils.data.TensorDataset(INPUTS, TARGETS)
    loader = torch.utils.data.DataLoader(rows, batch_size=20, shuffle=True, generator=made)
    before = made.get_state()
    with pytest.raises(UsageError, match="another order: the loader shuffles"):
        open_model(module(), loader)
    assert torch.equal(before, made.get_state())


def loss_of(net, loss, targets):
    with torch.no_grad():
        return float(loss(net(INPUTS), targets))


def some_ignored():
    found = TARGETS.clone()
    found[::3] = -100
    return found


NUMBERS = torch.from_numpy(Y)
LOSSES = {
    "cross-entropy": (lambda: torch.nn.CrossEntropyLoss(), lambda: TARGETS, "mean over 50 labels"),
    "smoothing": (lambda: torch.nn.CrossEntropyLoss(label_smoothing=0.1), lambda: TARGETS, "label smoothing 0.1"),
    "ignored": (lambda: torch.nn.CrossEntropyLoss(), some_ignored, "mean over 33 labels"),
    "another label ignored": (lambda: torch.nn.CrossEntropyLoss(ignore_index=1), lambda: TARGETS, "label 1 ignored"),
    "weights": (
        lambda: torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)), lambda: TARGETS,
        "class weights",
    ),
    "a sum": (lambda: torch.nn.CrossEntropyLoss(reduction="sum"), lambda: TARGETS, "sum over 50 labels"),
    "squares": (lambda: torch.nn.MSELoss(), lambda: NUMBERS, "mean over 150 elements"),
    "a function, mean": (lambda: torch.nn.functional.cross_entropy, lambda: TARGETS, "mean over 50 examples"),
    "a function, sum": (
        lambda: lambda out, aim: torch.nn.functional.mse_loss(out, aim, reduction="sum"), lambda: NUMBERS, "sum over 50",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_pytorch_is_that_of_the_whole_data_in_one_batch(name):
    loss, targets, words = LOSSES[name][0](), LOSSES[name][1](), LOSSES[name][2]
    net = module()
    model = open_model(net, [(INPUTS[:49], targets[:49]), (INPUTS[49:], targets[49:])], loss=loss)
    assert model.loss() == pytest.approx(loss_of(net, loss, targets), rel=1e-12)
    assert words in model.convention


def test_a_function_that_is_neither_mean_nor_sum_is_refused():
    def ignoring(out, aim):
        return torch.nn.functional.cross_entropy(out, aim)

    with pytest.raises(UsageError, match="neither"):
        open_model(module(), (INPUTS, some_ignored()), loss=ignoring)


def tied():
    net = torch.nn.Sequential(
        torch.nn.Linear(D, D, bias=False), torch.nn.Tanh(), torch.nn.Linear(D, D, bias=False)
    )
    net[2].weight = net[0].weight
    return net.double()


def test_a_tied_weight_counts_once():
    net = tied()
    model = open_model(net, (X, X), loss="squared")
    assert model.layout.names == ("0.weight",)
    assert noted(model, "Tied: '2.weight' is '0.weight'")

    def loss(weight):
        out = torch.tanh(INPUTS @ weight.T) @ weight.T
        return ((out - INPUTS) ** 2).sum() / (2 * N)

    dense = torch.func.jacrev(torch.func.jacrev(loss))(net[0].weight.detach()).reshape(D * D, D * D)
    assert close(hessian(model) @ np.eye(D * D), dense.numpy())


def test_frozen_parameters_are_held_and_said():
    net = module()
    net.last.requires_grad_(False)
    model = open_model(net, (X, LABELS))
    assert model.layout.names == ("first.weight", "first.bias")
    assert noted(model, "2 of 4 parameters are frozen")
    assert jacobian(model).shape == (N * K, W * D + W)
    assert gauss_newton(model).dtype == np.float64


def changed(change):
    net = module()
    change(net)
    return net


def poison(net):
    with torch.no_grad():
        net.last.weight[0, 0] = float("nan")


class Told(torch.nn.Module if torch else object):
    def __init__(self, answer):
        super().__init__()
        self.inner, self.answer = module(), answer

    def forward(self, x):
        return self.answer(self.inner(x))


ODD = {
    "half precision": (lambda: module(dtype=torch.float16), UsageError, "got float16 at 'first.weight'.*float"),
    "bfloat16": (lambda: module(dtype=torch.bfloat16), UsageError, "got bfloat16"),
    "complex parameters": (lambda: module(dtype=torch.complex128), UsageError, "real parameters, got complex128"),
    "missing numbers": (lambda: changed(poison), DataError, "missing or infinite at 'last.weight'"),
    "all frozen": (lambda: changed(lambda net: net.requires_grad_(False)), UsageError, "Every parameter is frozen"),
    "two types": (lambda: changed(lambda net: net.last.float()), UsageError, "parameters of one type"),
    "a lazy module": (lambda: torch.nn.LazyLinear(3), UsageError, "never called"),
    "no numbers yet": (lambda: torch.nn.Linear(D, K, device="meta"), UsageError, "meta device"),
    "other inputs": (lambda: torch.nn.Linear(7, 3).double(), UsageError, "takes the inputs of data"),
    "one output": (lambda: torch.nn.Linear(D, 1).double(), DataError, "at least two classes"),
    "too few outputs": (lambda: torch.nn.Linear(D, 2).double(), DataError, "labels from 0 to 1 for 2 outputs, got 2"),
    "a tuple": (lambda: Told(lambda out: (out, out)), UsageError, "one array of outputs, got tuple"),
    "a mean": (lambda: Told(lambda out: out.mean()), UsageError, "one row an example"),
    "a cast": (lambda: Told(lambda out: out.float()), UsageError, "outputs of float64.*got float32"),
    "infinite outputs": (lambda: Told(lambda out: out / 0), DataError, "finite outputs"),
    "sparse gradients": (lambda: torch.nn.Embedding(3, 3, sparse=True), UsageError, "sparse=False"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Complex modules:UserWarning")
@pytest.mark.parametrize("name", ODD)
def test_odd_modules_are_refused_in_a_sentence(name):
    make, kind, words = ODD[name]
    with pytest.raises(kind, match=words):
        open_model(make(), (X, LABELS))


def test_a_wrapper_is_taken_off_and_parameters_are_not_asked_for():
    model = open_model(torch.nn.DataParallel(module()), (X, LABELS))
    assert noted(model, "without its wrapper DataParallel")
    assert model.layout.names[0] == "first.weight"
    with pytest.raises(UsageError, match="params: expected None"):
        open_model(module(), (X, LABELS), params=PARAMS)
    single = open_model(copy.deepcopy(module()).float(), (X, LABELS))
    assert hessian(single).dtype == np.float32
    assert noted(single, "rounded to float32")
    double = open_model(module(dtype=torch.float32), (X, LABELS), dtype="float64")
    assert double.product("hessian", np.ones(double.size)).dtype == np.float64
