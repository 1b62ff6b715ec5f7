"""Handwritten digits, 8 by 8 pixels, from scikit-learn: real data that needs no download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.data.cache import cached_arrays
from overparam.data.dataset import Dataset, digest
from overparam.data.stream import stream

TRAIN, TEST = 1_200, 597
_VERSION = "digits v1"

TITLE = "Digits 8x8"
CREDIT = "Alpaydin and Kaynak 1998, UCI Machine Learning Repository (CC BY 4.0), as in scikit-learn"
DETAIL = "1,200 training and 597 test images of 8 x 8, 10 classes"


def fingerprint() -> str:
    """Return the fingerprint: the set and its split are fixed, so that of a version."""
    return digest(_VERSION)


def load() -> Dataset:
    """Return the 1,797 digits, shape ``(n, 8, 8)``, grey values 0 to 16 divided by 16.

    The order is shuffled once and for all; the first 1,200 train, the other 597 test. In scikit-learn's own
    order neighbouring rows come from the same writers, hence the shuffle; writers are in both parts.

    References:
        E. Alpaydin and C. Kaynak, Optical recognition of handwritten digits, UCI Machine Learning
        Repository, 1998 (scikit-learn holds its test part).
    """
    arrays, _ = cached_arrays(digest("arrays", _VERSION), _build)
    return Dataset(
        name="digits",
        title=TITLE,
        **arrays,
        classes=10,
        fingerprint=fingerprint(),
        notes=f"{CREDIT}. A fixed shuffled split of 1,200 and 597; writers are in both parts.",
    )


def _build() -> tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]:
    from sklearn.datasets import load_digits

    raw = load_digits()
    order = stream("digits-split", 0).permutation(len(raw.target))
    x = (raw.images[order] / 16.0).astype(np.float32)
    y = raw.target[order].astype(np.int32)
    return {"x": x[:TRAIN], "y": y[:TRAIN], "x_test": x[TRAIN:], "y_test": y[TRAIN:]}, {}
