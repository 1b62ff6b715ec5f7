"""Targets and outputs that a loss would read as something else: each is refused with what to give, or told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.operators import open_model
from overparam.operators.reading import check_meant, is_distribution
from overparam.pruning.loaders import loss_for
from tests.tiny_models import LABELS, K, X, torch_or_skip

ROWS = X.astype(np.float32)
WEIGHT = {"w": np.arange(12, dtype=np.float32).reshape(4, 3) / 10}
HOT = np.eye(K, dtype=np.float32)[LABELS]
SEVERAL = (np.random.default_rng(2).random((50, K)) < 0.5).astype(np.float32)
MEANT = {
    "one-hot rows": ([HOT], "one-hot rows.*loss='cross_entropy' for classes, loss='squared'"),
    "distributions": ([np.full((5, 4), 0.25)], "rows that sum to 1"),
    "zeros and ones": ([SEVERAL], "zeros and ones as floats.*loss='binary_cross_entropy' for labels"),
    "a column of zeros and ones": ([SEVERAL[:, :1]], "zeros and ones"),
    "zeros and ones in two batches": ([np.zeros(3), np.ones(2)], "zeros and ones"),
}


@pytest.mark.parametrize("name", MEANT)
def test_numbers_that_can_be_labels_need_a_loss(name):
    targets, words = MEANT[name]
    with pytest.raises(UsageError, match=f"loss: expected a loss for targets that are {words}"):
        check_meant(targets)


def test_numbers_that_cannot_be_labels_and_labels_need_none():
    assert check_meant([np.zeros(4), np.ones(3) * 0.5]) == "squared"
    assert check_meant([np.zeros((4, 2))]) == "squared"  # all alike: no labels
    assert check_meant([HOT[:1], np.array([[0.5, 0.7, 0.1]])]) == "squared"
    assert check_meant([LABELS]) == "cross_entropy"
    assert is_distribution(np.swapaxes(HOT[None], 1, 2), 1)
    assert not is_distribution(HOT * 2)


def linear(params, x):
    return x @ params["w"]


ODD = {
    "one-hot floats": (HOT, {}, UsageError, "one-hot rows"),
    "one-hot whole numbers": (HOT.astype(int), {}, DataError, r"y.argmax\(-1\)"),
    "a column of labels": (LABELS[:, None], {}, DataError, r"without the last axis: y\[..., 0\]"),
    "a column of labels as floats": (
        LABELS[:, None] * 1.0, {}, DataError, r"given as integers: y.reshape\(-1\).astype\(int\)",
    ),
    "labels as floats": (LABELS * 1.0, {}, DataError, r"given as integers: y.astype\(int\)"),
    "numbers of another shape": (X[:, :1], {}, DataError, r"expected shape \(50, 3\), that of the outputs, got \(50, 1\)\.$"),
    "labels from 1": (LABELS + 1, {}, DataError, "begin at 1 are one too large: give y - 1"),
    "an ignored label": (np.where(LABELS == 1, -100, LABELS), {}, DataError, "got -100.*give ignore="),
    "nothing but ignored labels": (np.full(50, -100), {"ignore": -100}, DataError, "none but ignored ones"),
    "targets above 1": (SEVERAL * 255, {"loss": "binary_cross_entropy"}, DataError, "from 0 to 1 for this loss, got 255"),
    "whole numbers for a regression": (
        SEVERAL.astype(int), {"loss": "squared"}, DataError, r"numbers as floats: y.astype\(float\)",
    ),
    "several labels for classes": (SEVERAL, {"loss": "cross_entropy"}, DataError, "sum to 1.*binary_cross_entropy"),
    "labels as numbers for classes": (SEVERAL[:, 0], {"loss": "cross_entropy"}, DataError, "given as integers"),
    "smoothing of a regression": (HOT, {"loss": "squared", "smoothing": 0.1}, UsageError, "smoothing: expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_targets_that_would_be_read_wrongly_are_refused(name):
    targets, options, kind, words = ODD[name]
    with pytest.raises(kind, match=words):
        open_model(linear, (ROWS, targets), params=WEIGHT, **options)


OUTPUTS = {
    "probabilities": (lambda p, x: jax.nn.softmax(linear(p, x)), LABELS, {}, "before the softmax for loss='cross_entropy'"),
    "probabilities, distributions": (
        lambda p, x: jax.nn.softmax(linear(p, x)), HOT, {"loss": "cross_entropy"}, "got probabilities",
    ),
    "sigmoids": (
        lambda p, x: jax.nn.sigmoid(linear(p, x)), SEVERAL, {"loss": "binary_cross_entropy"}, "before the sigmoid",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_behind_a_softmax_or_sigmoid_are_refused(name):
    model, targets, options, words = OUTPUTS[name]
    with pytest.raises(UsageError, match=f"model: expected outputs .*{words}"):
        open_model(model, (ROWS, targets), params=WEIGHT, **options)


def test_probabilities_have_a_loss_of_their_own_and_logarithms_are_told():
    def chosen(p, y):
        return -jnp.log(jnp.take_along_axis(p, y[:, None], 1)[:, 0])

    plain = open_model(linear, (ROWS, LABELS), params=WEIGHT)
    own = open_model(lambda p, x: jax.nn.softmax(linear(p, x)), (ROWS, LABELS), params=WEIGHT, loss=chosen)
    logs = open_model(lambda p, x: jax.nn.log_softmax(linear(p, x)), (ROWS, LABELS), params=WEIGHT)
    for model in (own, logs):  # the same loss of the same network, in float32
        np.testing.assert_allclose(model.gradient(), plain.gradient(), atol=1e-5)
    assert any("Outputs are logarithms of probabilities" in note for note in logs.notes)


def test_a_class_that_never_comes_is_told_where_labels_may_begin_at_1():
    model = open_model(linear, (ROWS, np.where(LABELS == 0, 1, LABELS)), params=WEIGHT)
    assert any("No example has label 0" in note for note in model.notes)


def net(*last):
    torch = torch_or_skip()
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, K), *last)


def test_losses_of_pytorch_that_misread_outputs_are_told_or_refused():
    torch = torch_or_skip()
    model = open_model(net(torch.nn.Softmax(1)), (ROWS, LABELS), loss=torch.nn.CrossEntropyLoss())
    assert any(
        "Look at the loss: expected outputs before the softmax for CrossEntropyLoss" in n for n in model.notes
    )
    model = open_model(net(torch.nn.Sigmoid()), (ROWS, SEVERAL), loss=torch.nn.BCEWithLogitsLoss())
    assert any("before the sigmoid for BCEWithLogitsLoss" in note for note in model.notes)
    for loss in (torch.nn.NLLLoss(), torch.nn.functional.nll_loss):
        with pytest.raises(UsageError, match="expected logarithms of probabilities for"):
            open_model(net(), (ROWS, LABELS), loss=loss)
    assert open_model(net(torch.nn.LogSoftmax(1)), (ROWS, LABELS), loss=torch.nn.NLLLoss()).size == 15


def test_losses_of_pytorch_refuse_targets_outside_their_range():
    torch = torch_or_skip()
    for loss in (torch.nn.BCEWithLogitsLoss(), torch.nn.functional.binary_cross_entropy_with_logits):
        with pytest.raises(DataError, match=r"from 0 to 1 for this loss, got 2 "):
            open_model(net(), (ROWS, 2 * SEVERAL), loss=loss)
    with pytest.raises(DataError, match="begin at 1 are one too large"):
        open_model(net(), (ROWS, LABELS + 1), loss=torch.nn.CrossEntropyLoss())
    weighted = torch.nn.CrossEntropyLoss(weight=torch.tensor([0.1, 0.3, 0.7]))
    said = open_model(net(), (ROWS, LABELS), loss=weighted).convention
    assert len(said) < 80, said  # sums of float32 are rounded before they are shown


def test_positions_are_not_called_examples():
    torch = torch_or_skip()
    ids = np.random.default_rng(1).integers(0, 11, (3, 5))
    model = open_model(torch.nn.Sequential(torch.nn.Embedding(11, 4), torch.nn.Linear(4, 11)), (ids, ids))
    assert model.convention == "Loss: mean over 15 positions of cross entropy."


def test_pruning_asks_for_a_loss_as_well():
    for targets, words in ((HOT, "one-hot rows"), (SEVERAL, "zeros and ones")):
        with pytest.raises(UsageError, match=words):
            loss_for(None, targets)
    assert loss_for(None, LABELS) == "cross_entropy"
    assert loss_for(None, X) == "squared"
    assert loss_for("squared", HOT) == "squared"
