"""Losses by name against formulas written out, what they count, and targets that do not fit."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.operators.batches import Batch
from overparam.operators.jax_model import ARITHMETIC
from overparam.operators.objective import mean_or_sum, named

rng = np.random.default_rng(0)
F = rng.normal(size=(6, 4)).astype(np.float32)
LABELS = np.array([0, 3, 2, 2, 1, 0])
LOG = F - np.log(np.exp(F).sum(1, keepdims=True))
SPREAD = rng.dirichlet(np.ones(4), 6).astype(np.float32)
HOT = np.eye(4, dtype=np.float32)[LABELS]
SOME = np.array([0, 3, -1, 2, 1, -1])
WRITTEN_OUT = {
    "labels": (named("cross_entropy", ARITHMETIC), LABELS, -(HOT * LOG).sum(), 6),
    "smoothing": (
        named("cross_entropy", ARITHMETIC, smoothing=0.1), LABELS, -((0.9 * HOT + 0.025) * LOG).sum(), 6,
    ),
    "distributions": (named("cross_entropy", ARITHMETIC), SPREAD, -(SPREAD * LOG).sum(), 6),
    "smoothed distributions": (
        named("cross_entropy", ARITHMETIC, smoothing=0.2), SPREAD, -((0.8 * SPREAD + 0.05) * LOG).sum(), 6,
    ),
    "ignored labels": (named("cross_entropy", ARITHMETIC, ignore=-1), SOME, -(HOT * LOG)[SOME >= 0].sum(), 4),
    "numbers": (named("squared", ARITHMETIC), SPREAD, ((F - SPREAD) ** 2).sum() / 2, 6),
    "labels as one-hot vectors": (named("squared", ARITHMETIC), LABELS, ((F - HOT) ** 2).sum() / 2, 6),
    "several labels": (
        named("binary_cross_entropy", ARITHMETIC), HOT.astype(int), (np.log1p(np.exp(F)) - HOT * F).sum(), 6,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_loss_is_its_formula_and_counts_what_it_says(name):
    objective, targets, total, count = WRITTEN_OUT[name]
    assert float(objective.total(jnp.asarray(F), jnp.asarray(targets))) == pytest.approx(total, rel=1e-5)
    assert objective.counted(F.shape, Batch((F,), {}, targets, 6)) == count
    objective.check(F.shape, targets)


@pytest.mark.slow
def test_positions_of_a_sequence_count_one_by_one():
    objective = named("cross_entropy", ARITHMETIC, ignore=-1)
    outputs, labels = F.reshape(2, 3, 4), SOME.reshape(2, 3)
    flat = WRITTEN_OUT["ignored labels"][2]
    assert float(objective.total(jnp.asarray(outputs), jnp.asarray(labels))) == pytest.approx(flat, rel=1e-5)
    assert objective.counted(outputs.shape, Batch((outputs,), {}, labels, 2)) == 4
    assert named("squared", ARITHMETIC).counted(outputs.shape, Batch((outputs,), {}, outputs, 2)) == 6
    assert objective.said(4) == "Loss: mean over 4 examples of cross entropy, label -1 ignored."


ODD_TARGETS = {
    "a label too large": ("cross_entropy", F.shape, np.array([0, 1, 2, 3, 4, 4]), "from 0 to 3 for 4 outputs, got 4 .2 of 6"),
    "a negative label": ("cross_entropy", F.shape, np.array([0, 1, 2, 3, -100, 0]), "got -100.*give ignore="),
    "labels of one output": ("cross_entropy", (6, 1), np.zeros(6, int), "at least two classes"),
    "labels for a regression": ("squared", (6, 1), np.arange(6), "Give numbers, y.astype"),
    "labels in a column": ("cross_entropy", F.shape, LABELS[:, None], r"labels of shape \(6,\)"),
    "fewer targets": ("squared", F.shape, F[:, :3], r"expected shape \(6, 4\)"),
    "transposed targets": ("squared", F.shape, F.T, r"expected shape \(6, 4\), that of the outputs, got \(4, 6\)"),
    "missing numbers": ("squared", F.shape, np.full((6, 4), np.nan), "finite"),
    "numbers for classes": ("cross_entropy", F.shape, np.abs(F) / 10, "sum to 1"),
    "numbers above 1": ("binary_cross_entropy", F.shape, 2 * HOT, "from 0 to 1"),
    "complex numbers": ("squared", F.shape, F + 1j, "real numbers"),
    "texts": ("cross_entropy", F.shape, LABELS.astype(str), "real numbers or whole labels"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_TARGETS)
def test_targets_that_do_not_fit_are_refused(name):
    loss, shape, targets, words = ODD_TARGETS[name]
    with pytest.raises(DataError, match=f"targets: .*{words}"):
        named(loss, ARITHMETIC).check(shape, targets)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("crossentropy", {}, "unknown loss"),
        ("squared", {"smoothing": 0.1}, "smoothing: expected"),
        ("cross_entropy", {"smoothing": 1.0}, "smoothing: expected"),
        ("squared", {"ignore": -1}, "ignore: expected"),
        ("cross_entropy", {"ignore": True}, "ignore: expected"),
        ("squared", {"reduction": "none"}, "reduction: expected 'mean', 'sum' or None, got 'none'"),
    ],
)
def test_odd_options_are_refused(name, options, words):
    with pytest.raises(UsageError, match=words):
        named(name, ARITHMETIC, **options)


def test_a_mean_and_a_sum_are_told_apart():
    mean, total = (4, 1, 2.5, 1.0, 3.0), (4, 1, 4.0, 1.0, 3.0)
    assert mean_or_sum([mean], 1e-16, None, "l") == "mean"
    assert mean_or_sum([total], 1e-16, None, "l") == "sum"
    assert mean_or_sum([(1, 0, 2.0, 0.0, 0.0)], 1e-16, "sum", "l") == "sum"
    for parts, asked, words in (
        ([(4, 1, 2.6, 1.0, 3.0)], None, "neither"),
        ([mean, total], None, "neither"),
        ([(1, 0, 2.0, 0.0, 0.0)], None, "batches of one example"),
        ([(4, 1, 0.0, 0.0, 0.0)], None, "losses of 0"),
        ([mean], "sum", "expected 'mean'"),
    ):
        with pytest.raises(UsageError, match=words):
            mean_or_sum(parts, 1e-16, asked, "l")
