"""Modules and data of PyTorch that are often odd: each is measured rightly, or refused in a sentence."""

import warnings

import numpy as np
import pytest

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.operators import hessian, open_model
from tests.tiny_models import LABELS, K, X, Y, torch_or_skip

torch = torch_or_skip()
nn = torch.nn
ROWS = X.astype(np.float32)
SEQUENCES, FEW = np.random.default_rng(0).normal(size=(6, 7, 4)), LABELS[:6]
TOKENS = np.random.default_rng(1).integers(0, 11, (6, 5))
NEXT = np.where(np.arange(5) == 4, -100, np.roll(TOKENS, -1, 1))
SEVERAL = np.random.default_rng(2).random((50, K)) < 0.5


class Made(nn.Module):
    """A module of inner ones and a pass."""

    def __init__(self, answer, **inner):
        super().__init__()
        torch.manual_seed(0)
        for name, make in inner.items():
            setattr(self, name, make())
        self.answer = answer

    def forward(self, *args, **words):
        return self.answer(self, *args, **words)


def linear(answer=lambda self, x: self.a(x), outputs=K):
    return Made(answer, a=lambda: nn.Linear(4, outputs))


def tokens(answer=lambda self, ids: self.out(self.embed(ids).tanh())):
    return Made(answer, embed=lambda: nn.Embedding(11, 4), out=lambda: nn.Linear(4, 11))


def recurrent(kind, first=True):
    return Made(
        lambda self, x: self.out(self.layer(x)[0][:, -1]),
        layer=lambda: getattr(nn, kind)(4, 5, batch_first=first),
        out=lambda: nn.Linear(5, K),
    )


def attention():
    return Made(
        lambda self, x: self.out(self.layer(x, x, x, need_weights=False)[0].mean(1)),
        layer=lambda: nn.MultiheadAttention(4, 2, batch_first=True),
        out=lambda: nn.Linear(4, K),
    )


@pytest.mark.parametrize("make", [lambda: recurrent("LSTM"), lambda: recurrent("GRU"), attention])
def test_second_derivatives_are_those_of_the_gradient(make):
    """The central difference of a gradient is off by step squared and by rounding over step: below 1e-7 here."""
    model = open_model(make().double(), (SEQUENCES, FEW))
    vector, step = np.random.default_rng(1).normal(size=model.size), 1e-5
    ahead, behind = (model.at(model.vector() + sign * step * vector).gradient() for sign in (1, -1))
    want = (ahead - behind) / (2 * step)
    assert np.abs(model.product("hessian", vector) - want).max() < 1e-7 * max(1, np.abs(want).max())
    vectors = np.random.default_rng(2).normal(size=(model.size, 3))
    one_by_one = np.stack([model.product("hessian", column) for column in vectors.T], axis=1)
    assert np.abs(hessian(model) @ vectors - one_by_one).max() < 1e-12


def narrow(self, x):
    return self.a(x.bfloat16().float()).bfloat16().float()


MEASURED = {
    "tokens, one ignored": (tokens, (TOKENS, NEXT), {"ignore": -100}, "mean over 24 positions of cross entropy"),
    "tokens in a mapping": (
        lambda: tokens(lambda self, ids, mask: self.out(self.embed(ids)) * mask[..., None]),
        [{"ids": torch.from_numpy(TOKENS), "mask": torch.ones(6, 5), "labels": torch.from_numpy(NEXT)}],
        {"ignore": -100}, "mean over 24",
    ),
    "several labels": (linear, (ROWS, SEVERAL), {"loss": "binary_cross_entropy"}, "binary cross entropy"),
    "numbers in a column": (lambda: linear(outputs=1), (ROWS, Y[:, 0]), {}, "squared"),
    "one example": (linear, (ROWS[:1], LABELS[:1]), {}, "mean over 1 example of"),
    "49 and 1": (linear, [(ROWS[:49], LABELS[:49]), (ROWS[49:], LABELS[49:])], {}, "mean over 50"),
    "half precision inside": (lambda: linear(narrow), (ROWS, LABELS), {}, "computes in bfloat16"),
    "inputs of half precision": (linear, (ROWS.astype(np.float16), LABELS), {}, "mean over 50"),
    "a parameter that is not used": (
        lambda: Made(lambda self, x: self.a(x), a=lambda: nn.Linear(4, K), b=lambda: nn.Linear(4, K)), (ROWS, LABELS), {}, "",
    ),
    "labels that the loss ignores itself": (
        linear, (ROWS, np.where(LABELS == 2, -1, LABELS)),
        {"loss": lambda out, aim: nn.functional.cross_entropy(out, aim, ignore_index=-1, reduction="none")},
        "labels outside 0 to 2 as it reads them",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURED)
def test_what_is_unusual_is_measured_and_said(name):
    make, data, options, words = MEASURED[name]
    model = open_model(make(), data, **options)
    assert any(words in note for note in model.notes)
    assert np.isfinite(model.product("hessian", np.ones(model.size))).all()


def test_inference_mode_around_an_opening_or_a_module_is_no_matter():
    want = open_model(linear(), (ROWS, LABELS)).gradient()
    with torch.inference_mode():
        net, rows = linear(), torch.from_numpy(ROWS) * 1
        assert (open_model(linear(), (rows, LABELS)).gradient() == want).all()
    assert (open_model(net, (rows, LABELS)).gradient() == want).all()


def shared_mask(self, x, mask):
    return self.a(x).mean(1) * mask.sum()


REFUSED = {
    "examples along the second axis": (lambda: recurrent("RNN", False), (SEQUENCES, FEW), {}, UsageError, "a later axis"),
    "a tuple of outputs": (lambda: nn.LSTM(4, 5, batch_first=True), (SEQUENCES, FEW), {}, UsageError, "got tuple"),
    "a mapping of outputs": (lambda: linear(lambda self, x: {"logits": self.a(x)}), (ROWS, LABELS), {}, UsageError, "got dict"),
    "the size of the batch": (lambda: linear(lambda self, x: self.a(x) / len(x)), (ROWS, LABELS), {}, UsageError, "own example"),
    "a mask for all": (
        lambda: linear(shared_mask), [((SEQUENCES, np.ones((7, 7))), FEW)], {}, DataError, "its 6 examples along the first axis",
    ),
    "tokens outside": (tokens, (TOKENS + 5, NEXT), {"ignore": -100}, UsageError, "IndexError"),
    "an ignored label that is not said": (tokens, (TOKENS, NEXT), {}, DataError, "got -100.*give ignore="),
    "classes along the second axis": (
        tokens, (TOKENS, NEXT), {"loss": nn.CrossEntropyLoss()}, DataError, "the second axis.*loss='cross_entropy'",
    ),
    "true and false": (linear, (ROWS, SEVERAL), {}, DataError, "got bool. Give loss='binary_cross_entropy'"),
    "true and false for a module": (linear, (ROWS, SEVERAL), {"loss": nn.BCEWithLogitsLoss()}, DataError, "Give y.float"),
    "several labels for one class": (linear, (ROWS, SEVERAL.astype(int)), {}, DataError, "binary_cross_entropy"),
    "labels as numbers": (linear, (ROWS, LABELS.astype(np.float32)), {}, DataError, "given as integers"),
    "shapes that broadcast": (
        lambda: linear(outputs=1), (ROWS, Y[:, 0]), {"loss": lambda out, aim: ((out - aim) ** 2).mean()}, UsageError, "broadcast",
    ),
    "a loss that is detached": (
        linear, (ROWS, LABELS), {"loss": lambda out, aim: nn.functional.cross_entropy(out.detach(), aim)}, UsageError, "detach",
    ),
    "a loss that is no number": (linear, (ROWS, LABELS), {"loss": lambda out, aim: None}, UsageError, "got NoneType"),
    "masked numbers": (linear, (np.ma.masked_array(ROWS, ROWS > 1), LABELS), {}, DataError, "masked"),
    "a data set": (linear, torch.utils.data.TensorDataset(torch.ones(3, 4)), {}, UsageError, "goes into a loader"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_read_wrongly_is_refused(name):
    make, data, options, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        open_model(make(), data, **options)


def test_an_error_beyond_the_first_batch_says_where():
    ids, aims = np.tile(TOKENS, (50, 1)), np.tile(NEXT, (50, 1))
    ids[-1, -1] = 40
    model = open_model(tokens(), (ids, aims), ignore=-100)
    for call in (model.outputs, model.loss, lambda: model.product("hessian", np.ones(model.size))):
        with pytest.raises(UsageError, match="batch 1, got IndexError"):
            call()
    good = open_model(linear(), (ROWS, LABELS))
    for call in (
        lambda: good.at(np.full(15, np.nan)),
        lambda: good.at(np.ones(15) * 1j),
        lambda: good.product("hessian", np.full(15, np.nan)),
    ):
        with pytest.raises(OverparamError, match="vector: expected"):
            call()


def test_several_products_of_a_recurrent_network_warn_of_nothing():
    model = open_model(recurrent("LSTM"), (SEQUENCES, FEW))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = model.product("hessian", np.eye(model.size, dtype=np.float32)[:, :3])
    assert np.isfinite(found).all()
    assert not [one for one in seen if "performance drop" in str(one.message)]
