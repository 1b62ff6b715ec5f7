"""How clearly every example is on its side: margins of the outputs, as they are or divided by a size of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, Int

from overparam.core.checked import real, shown
from overparam.core.errors import DataError, UsageError
from overparam.models.network import Network, PyTree
from overparam.operators import Model
from overparam.operators.chain import Chain, chain_of
from overparam.operators.objective import Objective
from overparam.operators.pairs import check_model
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss

SCALES = ("none", "spectral", "path")
_LIPSCHITZ = ("identity", "relu", "leaky_relu", "tanh")  # activations of slope at most 1, and 0 at 0


@dataclass(frozen=True, eq=False)
class Margins:
    """The margin of every label that counts.

    Attributes:
        values: in the unit of the outputs over that of ``scale``, shape ``(labels,)``; above 0 where the label is predicted.
        examples: the example of each.
        kind: ``classes``: output of the label less the largest other; ``signs``: output times the label's sign.
        scale: what the differences of outputs were divided by.
        scaled: how, in words.
        ignored: how many labels count for nothing.
    """

    values: Float64[np.ndarray, " labels"]
    examples: Int[np.ndarray, " labels"]
    kind: str
    scale: float
    scaled: str
    ignored: int

    @property
    def wrong(self) -> float:
        """Share of labels with a margin of at most 0; a tie counts as wrong."""
        return float(np.mean(self.values <= 0))

    @property
    def smallest(self) -> float:
        """The margin of the set: its smallest."""
        return float(self.values.min())

    def quantiles(
        self, levels: Sequence[float] = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
    ) -> Float64[np.ndarray, " levels"]:
        """Quantiles of the margins, interpolated linearly.

        Args:
            levels: from 0 to 1.

        Raises:
            UsageError: other levels.
        """
        asked = np.asarray([real(one) for one in levels], np.float64)
        if not asked.size or not ((asked >= 0) & (asked <= 1)).all():
            raise UsageError(f"levels: expected numbers from 0 to 1, got {shown(levels)}.")
        return np.quantile(self.values, asked)


def margins(model: Model, scale: str | float = "none") -> Margins:
    """How far the output of every label is above the largest other one; for labels of two kinds, output times sign.

    Labels are whole numbers, one-hot rows, 0 and 1 of a binary cross-entropy (one margin an output, so also for several
    labels at once), or -1 and 1 of one output. Positions of a sequence are labels of their own; ignored ones are left out.

    Cost: one pass over the data; a scale by name also takes an SVD a layer.

    Args:
        model: of :func:`overparam.operators.open_model`, with targets.
        scale: ``none``; for a chain of dense layers ``spectral``, the product of the spectral norms, or ``path``, the root of
            the sum over all paths of the squared products of their weights; or a number of your own. A margin over the
            product of spectral norms, activations of slope at most 1, is at most root 2 times the distance to the nearest input
            of another label.

    Raises:
        UsageError: a model without targets, a scale that the model does not have, or classes along an unknown axis.
        DataError: targets that are no labels, none that counts, or outputs that are missing or infinite.

    References: P. Bartlett, D. Foster and M. Telgarsky, NeurIPS 2017, section 2: margins over the product of spectral norms
        (their factor of (2, 1) norms is left out); B. Neyshabur, R. Salakhutdinov and N. Srebro, Path-SGD, NeurIPS 2015:
        path norm (both recalled).
    """
    check_model(model).check_loss()
    factor, words = _scale(model, scale)
    parts: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    kind, ignored, at = "", 0, 0
    with model.quiet():
        for batch in model.batches():
            outputs = np.asarray(model.host(model.batch_outputs(batch)), np.float64)
            targets = np.asarray(model.host(batch.targets))
            if not np.isfinite(outputs).all():
                raise DataError("model: expected finite outputs, got some that are missing or infinite.")
            kind, found, kept = margins_of(model.objective, outputs, targets)
            where = np.broadcast_to(np.arange(batch.count).reshape(-1, *[1] * (kept.ndim - 1)), kept.shape)
            parts.append(found[kept])
            rows.append(where[kept] + at)
            ignored += int((~kept).sum())
            at += batch.count
    values = np.concatenate(parts)
    if not values.size:
        raise DataError("data: expected at least one label that counts, got none but ignored ones.")
    return Margins(values / factor, np.concatenate(rows), kind, factor, words, ignored)


def margins_of(
    objective: Objective, outputs: np.ndarray, targets: np.ndarray
) -> tuple[str, np.ndarray, np.ndarray]:
    """The kind of margin of a batch, the margins, and which of them count.

    Args:
        objective: the loss, which says where the classes are and what is ignored.
        outputs: shape ``(n, ...)``.
        targets: as the model's data have them.

    Raises:
        UsageError: classes along an unknown axis.
        DataError: targets that are no labels.
    """
    single = outputs.ndim == 1 or outputs.shape[-1] == 1
    if objective.name in ("binary_cross_entropy", "BCEWithLogitsLoss", "SoftMarginLoss"):
        return _signs(outputs, targets, (0, 1) if objective.name != "SoftMarginLoss" else (-1, 1))
    if targets.dtype.kind in "iu" and not (targets.shape == outputs.shape and single):
        axis = _axis(objective.axis, outputs.shape, targets.shape)
        scores = np.moveaxis(outputs, axis, -1)
        kept = np.ones(targets.shape, bool) if objective.ignore is None else targets != objective.ignore
        return "classes", _classes(scores, np.where(kept, targets, 0)), kept
    if single:
        return _signs(outputs, targets, (-1, 1))
    if targets.shape == outputs.shape and targets.dtype.kind == "f":
        axis = -1 if objective.axis is None else objective.axis
        hot = np.moveaxis(targets, axis, -1)
        if ((hot == 0) | (hot == 1)).all() and (hot.sum(-1) == 1).all():
            found = _classes(np.moveaxis(outputs, axis, -1), hot.argmax(-1))
            return "classes", found, np.ones(found.shape, bool)
    raise DataError(
        f"targets: expected labels (whole numbers, one-hot rows, 0 and 1, or -1 and 1), got numbers of shape {targets.shape}: "
        "margins are those of a classification. For a regression look at residuals, model.outputs() - y."
    )


def _axis(known: int | None, outputs: tuple[int, ...], labels: tuple[int, ...]) -> int:
    """The axis of the classes."""
    fits = [one for one in (-1, 1) if outputs[:one] + (outputs[2:] if one == 1 else ()) == labels]
    if len(outputs) == 2 and fits:
        return 1
    if known is not None:
        fits = [one for one in fits if one == known]
    if len(fits) != 1:
        raise UsageError(
            f"loss: expected one that says along which axis of the outputs {outputs} the classes are, for labels {labels}, got "
            "a function. Give loss='cross_entropy' (last axis) or torch.nn.CrossEntropyLoss() (second axis)."
        )
    return fits[0]


def _classes(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if scores.shape[-1] < 2:
        raise DataError(f"model: expected outputs of at least two classes, got {scores.shape[-1]}.")
    own = np.take_along_axis(scores, labels[..., None].astype(np.int64), -1)[..., 0]
    others = scores.copy()
    np.put_along_axis(others, labels[..., None].astype(np.int64), -np.inf, -1)
    return np.asarray(own - others.max(-1))


def _signs(
    outputs: np.ndarray, targets: np.ndarray, pair: tuple[int, int]
) -> tuple[str, np.ndarray, np.ndarray]:
    aims = targets.reshape(outputs.shape)
    if not ((aims == pair[0]) | (aims == pair[1])).all():
        raise DataError(
            f"targets: expected labels {pair[0]} and {pair[1]} for this loss and one output a label, got other numbers: margins "
            "are those of a classification. For a regression look at residuals, model.outputs() - y."
        )
    return "signs", np.where(aims == pair[1], outputs, -outputs), np.ones(outputs.shape, bool)


def _scale(model: Model, scale: Any) -> tuple[float, str]:
    if isinstance(scale, str):
        if scale not in SCALES:
            raise UsageError(f"scale: expected one of {', '.join(SCALES)}, or a number, got '{scale}'.")
        if scale == "none":
            return 1.0, "as the outputs are"
        chain = chain_of(model, f"scale='{scale}'")
        number = spectral_product(chain) if scale == "spectral" else path_norm(chain)
        if not 0 < number < np.inf:
            raise DataError(
                f"scale: expected a network with a positive {scale} norm, got {number:g}: a layer of zeros has no normalised "
                "margin."
            )
        return (
            number,
            f"over the {'product of spectral norms' if scale == 'spectral' else 'path norm'}, {number:.4g}",
        )
    number = real(scale)
    if not 0 < number < np.inf:
        raise UsageError(
            f"scale: expected a positive number, or one of {', '.join(SCALES)}, got {shown(scale)}."
        )
    return number, f"over {number:.4g}"


def spectral_product(chain: Chain) -> float:
    """Product of the spectral norms of a chain's matrices: a Lipschitz constant of its outputs, Euclidean.

    Args:
        chain: of dense layers, activations of slope at most 1.

    Raises:
        UsageError: an activation with a larger slope.

    >>> one = np.array([[3.0, 0.0], [0.0, 1.0]])
    >>> spectral_product(Chain(("w",), (one,), (None,), (2.0,), "identity", (True,), one, True))
    6.0
    """
    if chain.activation not in (*_LIPSCHITZ, "softplus", "sigmoid"):
        raise UsageError(
            f"scale: expected an activation of slope at most 1 for 'spectral' ({', '.join(_LIPSCHITZ)}, softplus, sigmoid), got "
            f"{chain.activation}. Give a number."
        )
    norms = [abs(s) * float(np.linalg.norm(w, 2)) for s, w in zip(chain.scales, chain.weights, strict=True)]
    return float(np.prod(norms))


def path_norm(chain: Chain) -> float:
    """Root of the sum over paths from an input, or a bias, to an output of the squared product of the weights on it.

    It stays when a unit's weights in are multiplied by a positive number and those out divided by it.

    Args:
        chain: of dense layers with a positively homogeneous activation.

    Raises:
        UsageError: another activation.

    >>> w = (np.array([[3.0], [4.0]]), np.array([[1.0, 2.0]]))
    >>> round(path_norm(Chain(("a", "b"), w, (None, None), (1.0, 1.0), "relu", (True, True), w[0], True)) ** 2, 12)
    73.0
    """
    if chain.activation not in ("identity", "relu", "leaky_relu"):
        raise UsageError(
            f"scale: expected relu, leaky relu or identity for 'path', got {chain.activation}: rescaling a unit would change "
            "the network. Give scale='spectral' or a number."
        )
    total = np.ones(chain.weights[0].shape[1])
    for weight, bias, scale in zip(chain.weights, chain.biases, chain.scales, strict=True):
        total = np.square(scale * weight) @ total + (0.0 if bias is None else np.square(bias))
    return float(np.sqrt(total.sum()))


def measure(
    network: Network,
    loss: Loss,
    params: PyTree,
    params0: PyTree,
    x: Examples,
    y: Targets,
    x_test: TestExamples,
    y_test: TestTargets,
) -> Measured:
    """Smallest, median and mean margin of a member on its training set.

    Args:
        network: the network.
        loss: not used.
        params: the member's parameters.
        params0: not used.
        x: training examples, shape ``(n, inputs)``.
        y: training labels; targets of another kind have no margin.
        x_test: not used.
        y_test: not used.

    Returns:
        ``margin_smallest``, ``margin_median``, ``margin_mean``, in the unit of the outputs; nothing for a regression.
    """
    if not jnp.issubdtype(y.dtype, jnp.integer) or network.outputs < 2:
        return {}
    scores = network.apply(params, x)
    own = jnp.take_along_axis(scores, y[:, None], axis=1)[:, 0]
    others = jnp.where(jnp.arange(scores.shape[1]) == y[:, None], -jnp.inf, scores)
    found = own - jnp.max(others, axis=1)
    return {"margin_smallest": found.min(), "margin_median": jnp.median(found), "margin_mean": found.mean()}


PROBE = Probe(
    "margins",
    {
        "margin_smallest": "Output of the label less the largest other, smallest of the training set, in the outputs' unit.",
        "margin_median": "Output of the label less the largest other, median of the training set, in the outputs' unit.",
        "margin_mean": "Output of the label less the largest other, mean of the training set, in the outputs' unit.",
    },
    measure,
)
