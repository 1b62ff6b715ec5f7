"""What is left of images when their structure is taken away, and labels that say nothing: the arms of random labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool
from numpy.typing import ArrayLike

from overparam.core.checked import array_of, count, shown
from overparam.core.errors import DataError, UsageError
from overparam.data.dataset import Dataset, content_fingerprint, digest
from overparam.data.label_noise import Kind, LabelNoise
from overparam.data.stream import stream

MOMENTS = ("all", "each")


def shuffled_pixels(dataset: Dataset, *, seed: int = 0) -> Dataset:
    """The same images with their pixels in another order, one order for all: what a pixel says is kept, its place is not.

    The channels of a coloured pixel stay together. A network without knowledge of places learns these as before; a
    convolution does not.

    Args:
        dataset: the data set; both of its parts are changed.
        seed: which permutation.

    References:
        C. Zhang, S. Bengio, M. Hardt, B. Recht, O. Vinyals, Understanding deep learning requires rethinking generalization,
        ICLR 2017, arXiv:1611.03530, section 2.1: "shuffled pixels" (recalled).

    >>> from overparam.data import load
    >>> digits = load("digits")
    >>> bool(np.allclose(shuffled_pixels(digits).x.sum(axis=(1, 2)), digits.x.sum(axis=(1, 2))))
    True
    """
    random = stream("shuffled-pixels", seed)
    train, test = (_pixels(dataset, x) for x in (dataset.x, dataset.x_test))
    order = random.permutation(train.shape[1])
    return _made(dataset, train[:, order], test[:, order], "shuffled pixels", seed)


def random_pixels(dataset: Dataset, *, seed: int = 0) -> Dataset:
    """The same images with the pixels of each in an order of its own: only the histogram of an image is kept.

    Args:
        dataset: the data set; both of its parts are changed.
        seed: which permutations.

    References: Zhang et al. 2017, section 2.1: "random pixels" (recalled).

    >>> from overparam.data import load
    >>> digits = load("digits")
    >>> bool(np.allclose(np.sort(random_pixels(digits).x[0].ravel()), np.sort(digits.x[0].ravel())))
    True
    """
    random = stream("random-pixels", seed)
    parts = []
    for x in (dataset.x, dataset.x_test):
        pixels = _pixels(dataset, x)
        order = random.uniform(size=pixels.shape[:2]).argsort(axis=1)
        parts.append(np.take_along_axis(pixels, order[:, :, None], axis=1))
    return _made(dataset, parts[0], parts[1], "random pixels", seed)


def gaussian_pixels(dataset: Dataset, *, moments: str = "all", seed: int = 0) -> Dataset:
    """Gaussian noise instead of the images, with the labels they had: nothing is left that could be learnt.

    Args:
        dataset: the data set; both of its parts are changed.
        moments: ``all`` gives every number the mean and the variance of all numbers of the training images; ``each`` gives
            those of its own place.
        seed: which draw.

    Raises:
        UsageError: another word for moments.

    References: Zhang et al. 2017, section 2.1: "Gaussian", with the mean and the variance of the original images (recalled).

    >>> from overparam.data import load
    >>> digits = load("digits")
    >>> noise = gaussian_pixels(digits)
    >>> abs(float(noise.x.mean() - digits.x.mean())) < 0.01, bool((noise.y == digits.y).all())
    (True, True)
    """
    if not isinstance(moments, str) or moments not in MOMENTS:
        raise UsageError(f"moments: expected one of {', '.join(MOMENTS)}, got {shown(moments)}.")
    random = stream("gaussian-pixels", seed)
    rows = dataset.x.reshape(dataset.n, -1).astype(np.float64)
    axis = None if moments == "all" else 0
    mean, sd = rows.mean(axis=axis), rows.std(axis=axis)
    parts = [
        (mean + sd * random.standard_normal((len(x), rows.shape[1]))).astype(np.float32)
        for x in (dataset.x, dataset.x_test)
    ]
    name = "Gaussian inputs" if moments == "all" else "Gaussian inputs, moments of each place"
    return _made(dataset, parts[0], parts[1], name, seed)


def random_labels(
    dataset: Dataset, share: float = 1.0, *, kind: Kind = "inclusive", seed: int = 0
) -> tuple[Dataset, Bool[np.ndarray, " n"]]:
    """The same data set with a share of its training labels replaced; test labels are left as they are.

    Args:
        dataset: the data set.
        share: of the training labels, from 0 to 1; with 1 the labels say nothing about the inputs.
        kind: as for :class:`overparam.data.LabelNoise`.
        seed: which draw; the labels are nested over shares.

    Returns:
        The data set and which labels were replaced, bool of shape ``(n,)``.

    Raises:
        UsageError: a share outside [0, 1], or an unknown kind.
        DataError: fewer training rows than classes; a class that has no label left, or, below a share of 1, none that is
            still its own: there is then no clean part of it to be measured on.

    References: Zhang et al. 2017, section 2.1: "random labels" and "partially corrupted labels" (recalled).

    >>> from overparam.data import load
    >>> noisy, replaced = random_labels(load("digits"), 0.2)
    >>> int(replaced.sum()), noisy.n_test
    (240, 597)
    """
    classes_present(dataset.y, dataset.classes)
    noise = LabelNoise(share, kind, seed)
    y, replaced = noise.draw(dataset.y, dataset.classes)
    classes_present(y, dataset.classes, f"labels with a share of {share:g} replaced")
    if share < 1:
        kept = dataset.y[~replaced]
        classes_present(kept, dataset.classes, f"labels that are left of a share of {share:g} replaced")
    made = replace(
        dataset,
        title=f"{dataset.title}, {share:g} of the labels random",
        y=y,
        fingerprint=digest("random labels", dataset.fingerprint, repr(float(share)), kind, f"seed={seed}"),
        notes="; ".join(
            filter(None, (dataset.notes, f"{share:g} of the training labels replaced, {kind}, seed {seed}"))
        ),
    )
    return made, replaced


def classes_present(y: ArrayLike, classes: int, what: str = "training labels") -> None:
    """Refuse labels in which a class does not occur.

    Args:
        y: labels, whole numbers 0 to K - 1, shape ``(n,)``.
        classes: number of classes K, at least 2.
        what: what they are, for messages.

    Raises:
        DataError: fewer labels than classes, or a class that is missing; the text names it.
        UsageError: no number of classes, or labels out of range.

    >>> classes_present([0, 1, 1], 2)
    """
    classes = count(classes, "classes", 2)
    labels = array_of(y, "y")
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise DataError(f"y: expected whole-number labels of shape (n,), got {labels.dtype} {labels.shape}.")
    if len(labels) < classes:
        raise DataError(
            f"{what}: expected at least one a class, {classes}, got {len(labels)}. Take more examples, or less noise."
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise UsageError(f"y: expected labels 0 to {classes - 1}, got {labels.min()} to {labels.max()}.")
    missing = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if len(missing):
        listed = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise DataError(
            f"{what}: expected every class among them, got none of {listed}. Take more examples, or less noise."
        )


def _pixels(dataset: Dataset, x: np.ndarray) -> Any:
    """Inputs as ``(n, pixels, channels)``."""
    return x.reshape(len(x), -1, x.shape[-1] if len(dataset.shape) == 3 else 1)


def _made(dataset: Dataset, train: Any, test: Any, name: str, seed: int) -> Dataset:
    x, x_test = (
        np.ascontiguousarray(new.reshape(old.shape))
        for new, old in ((train, dataset.x), (test, dataset.x_test))
    )
    arrays = (x, dataset.y, x_test, dataset.y_test)
    return replace(
        dataset,
        title=f"{dataset.title}, {name}",
        x=x,
        x_test=x_test,
        fingerprint=content_fingerprint(arrays),
        notes="; ".join(filter(None, (dataset.notes, f"{name}, seed {seed}"))),
    )
