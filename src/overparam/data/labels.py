"""The digest of the labels a cell trained on, found without training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from overparam.core.errors import OverparamError
from overparam.data.catalog import fingerprint, load
from overparam.data.dataset import subset
from overparam.data.label_noise import LabelNoise


def labels_digest(params: Mapping[str, Any], data_fingerprint: str | None = None) -> str | None:
    """Return the digest of the training labels of a cell that trains on the first draw of ``n`` rows.

    For cells stored before the digest was among their values. Each (data, n, noise, kind, seed) is drawn once a
    process.

    Args:
        params: with ``data``, ``n``, ``seed``, and where the study has them ``noise`` (a share of the labels) and
            ``noise_kind`` (by default inclusive).
        data_fingerprint: what the cell was computed from; None takes the data that are here.

    Returns:
        As :func:`overparam.data.digest_of`; None where the data set is not here, is another one now, or does not
        have these labels.

    >>> params = {"data": "digits", "n": 100, "noise": 0.2, "seed": 3}
    >>> digits = subset(load("digits"), 100)
    >>> labels_digest(params) == LabelNoise(0.2, seed=3).digest(digits.y, 10)
    True
    """
    try:
        name, n, seed = params["data"], params["n"], params["seed"]
        here = fingerprint(name)
        if data_fingerprint not in (None, here):
            return None
        return _digest(name, here, n, params.get("noise", 0.0), params.get("noise_kind", "inclusive"), seed)
    except (KeyError, TypeError, OverparamError):
        return None


@lru_cache(maxsize=4096)
def _digest(name: str, content: str, n: int, rate: float, kind: Any, seed: int) -> str:
    """The same; ``content`` is in the key, so that a file that has changed is read again."""
    data = subset(load(name, download=False), n)
    return LabelNoise(rate, kind, seed).digest(data.y, data.classes)
