"""Label noise: a fixed share of training labels replaced once, the same ones for every model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Int32
from numpy.typing import ArrayLike

from overparam.core.checked import array_of, count, real, shown
from overparam.core.errors import UsageError
from overparam.data.stream import stream

Kind = Literal["inclusive", "exclusive"]


@dataclass(frozen=True)
class LabelNoise:
    r"""One draw of label noise: exactly ``round(rate * n)`` of n training labels become random ones.

    Positions are drawn without replacement. With ``inclusive`` noise the new label is uniform over all K
    classes, so on average a share :math:`rate (1 - 1/K)` of all labels is really wrong; with ``exclusive``
    noise it is uniform over the K - 1 others, and the share is ``rate``. The two kinds are what different
    papers call "label noise": their rates are not comparable.

    Positions and new labels come from one draw a seed, cut at the rate, so noise is nested: whatever is
    replaced at one rate is replaced by the same label at every higher rate. Draw once, before training;
    test labels never come here.

    Attributes:
        rate: share of labels to replace, 0 to 1.
        kind: ``"inclusive"`` or ``"exclusive"``.
        seed: which draw.

    Raises:
        UsageError: a rate outside [0, 1], or an unknown kind.

    References:
        Inclusive: Zhang, Bengio, Hardt, Recht and Vinyals 2017, arXiv:1611.03530. Exclusive: Nakkiran et al.
        2019, arXiv:1912.02292.

    >>> clean = np.zeros(1000, dtype=int)
    >>> int((LabelNoise(0.2, "exclusive").apply(clean, 10) != clean).sum())
    200
    """

    rate: float = 0.0
    kind: Kind = "inclusive"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check kind and rate."""
        if self.kind not in get_args(Kind):
            raise UsageError(f"label noise: expected kind 'inclusive' or 'exclusive', got {shown(self.kind)}.")
        if not 0 <= real(self.rate) <= 1:
            raise UsageError(
                f"label noise: expected a rate from 0 to 1 (a share of labels), got {shown(self.rate)}."
            )

    def apply(self, y: ArrayLike, classes: int) -> Int32[np.ndarray, " n"]:
        """The labels with noise.

        Args:
            y: training labels, shape ``(n,)``, whole numbers 0 to K - 1.
            classes: number of classes K, at least 2.

        Returns:
            int32, shape ``(n,)``.

        Raises:
            UsageError: fewer than 2 classes, or labels out of range.
        """
        return self.draw(y, classes)[0]

    def digest(self, y: ArrayLike, classes: int) -> str:
        """The digest of the labels with noise, see :func:`digest_of`; arguments as for ``apply``."""
        return digest_of(self.apply(y, classes))

    def draw(self, y: ArrayLike, classes: int) -> tuple[Int32[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """The labels with noise, and which were replaced (bool, shape ``(n,)``); arguments as for ``apply``.

        With inclusive noise some of the replaced labels are by chance what they were.
        """
        classes = count(classes, "label noise: classes", 2)
        clean = array_of(y, "y")
        if clean.ndim != 1 or clean.dtype.kind not in "iu":
            raise UsageError(
                f"label noise: expected whole-number labels of shape (n,), got {clean.dtype} {clean.shape}."
            )
        if clean.size and (clean.min() < 0 or clean.max() >= classes):
            raise UsageError(
                f"label noise: expected labels 0 to {classes - 1}, got {clean.min()} to {clean.max()}. "
                "Check the number of classes."
            )
        n = len(clean)
        random = stream("label-noise", self.seed)
        order = random.permutation(n)
        if self.kind == "inclusive":
            drawn = random.randint(0, classes, size=n)
        else:
            drawn = (clean + random.randint(1, classes, size=n)) % classes
        replaced = np.zeros(n, dtype=np.bool_)
        replaced[order[: round(float(self.rate) * n)]] = True
        return np.where(replaced, drawn, clean).astype(np.int32), replaced


def label_noise(
    y: ArrayLike, rate: float, classes: int, *, kind: Kind = "inclusive", seed: int
) -> tuple[Int32[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Replace exactly ``round(rate * n)`` of n training labels by random ones; see :class:`LabelNoise`.

    Args:
        y: training labels, shape ``(n,)``, whole numbers 0 to K - 1.
        rate: share of labels to replace, 0 to 1.
        classes: number of classes K, at least 2.
        kind: ``"inclusive"`` (new labels from all classes) or ``"exclusive"`` (from the wrong ones).
        seed: which draw.

    Returns:
        The labels with noise, int32, shape ``(n,)``, and which were replaced, bool, shape ``(n,)``
        (with inclusive noise some of these kept their label by chance; ``noisy != y`` are the wrong ones).

    Raises:
        UsageError: a rate outside [0, 1], an unknown kind, fewer than 2 classes, or labels out of range.
        DataError: labels that are no real numbers.

    >>> clean = np.zeros(1000, dtype=int)
    >>> noisy, replaced = label_noise(clean, 0.2, 10, kind="exclusive", seed=0)
    >>> int(replaced.sum()), int((noisy != clean).sum())
    (200, 200)
    """
    return LabelNoise(rate, kind, seed).draw(y, classes)


def digest_of(labels: ArrayLike) -> str:
    """A short hash of labels or targets: equal exactly where shape and values are, on every machine.

    Args:
        labels: whole numbers (taken as int32) or numbers (taken as float32), any shape.

    Returns:
        16 hexadecimal digits.

    >>> digest_of([0, 1, 2]) == digest_of(np.array([0, 1, 2])), digest_of([0, 1]) == digest_of([1, 0])
    (True, False)
    """
    values = np.asarray(labels)
    values = np.ascontiguousarray(values, dtype="<i4" if values.dtype.kind in "iu" else "<f4")
    return hashlib.sha256(f"{values.dtype.str}{values.shape}".encode() + values.tobytes()).hexdigest()[:16]
