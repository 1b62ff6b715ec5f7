"""MNIST-1D: ten short signals, stretched, shifted, sheared and buried in noise; generated in a second.

A rewrite of the published generator that draws the same random numbers in the same order, in arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overparam.core.errors import UsageError
from overparam.data.cache import cached_arrays
from overparam.data.dataset import Dataset, digest
from overparam.data.stream import whole_seed

CREDIT = (
    "Greydanus and Kobak, Scaling down deep learning with MNIST-1D, ICML 2024, arXiv:2011.14439 (Apache-2.0)"
)
_VERSION = "mnist1d v1"
_TINY = 1e-8  # added to a template, so that only the padding is exactly zero and is filled with noise
_SMOOTH = 2.0  # standard deviation of the filter that correlates the noise, in samples

_STROKES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)


@dataclass(frozen=True)
class Mnist1d:
    """Settings of the generator; the defaults are the published ones.

    Attributes:
        num_samples: signals in all, rounded down to a multiple of ten.
        train_split: share of them that trains.
        padding: least and most zeros put behind a template of 12 samples.
        scale_coeff: width of the range of amplitudes around 1.
        max_translation: shifts are 0 to this minus 1 samples, around the end.
        corr_noise_scale: standard deviation of the noise in the padding before it is smoothed.
        iid_noise_scale: standard deviation of the white noise everywhere.
        shear_scale: width of the range of slopes.
        shuffle_seq: one fixed permutation of the samples of every signal (a control for spatial order).
        final_seq_length: samples of a finished signal.
        seed: which draw.
    """

    num_samples: int = 5_000
    train_split: float = 0.8
    padding: tuple[int, int] = (36, 60)
    scale_coeff: float = 0.4
    max_translation: int = 48
    corr_noise_scale: float = 0.25
    iid_noise_scale: float = 0.02
    shear_scale: float = 0.75
    shuffle_seq: bool = False
    final_seq_length: int = 40
    seed: int = 42


SETTINGS = {"mnist1d": Mnist1d(num_samples=16_000, train_split=0.25), "mnist1d-5k": Mnist1d()}


def fingerprint(settings: Mnist1d) -> str:
    """Return the fingerprint: the settings and the version of the generator determine every value."""
    return digest(_VERSION, *(f"{key}={value}" for key, value in asdict(settings).items()))


def title(name: str) -> str:
    """Return the heading."""
    return "MNIST-1D" if name == "mnist1d" else "MNIST-1D 5k"


def rows(settings: Mnist1d) -> tuple[int, int]:
    """Return the numbers of training and test signals."""
    n, cut = _sizes(settings)
    return cut, n - cut


def detail(settings: Mnist1d) -> str:
    """Return the sizes in words."""
    n, cut = _sizes(settings)
    return f"{cut:,} training and {n - cut:,} test signals of {settings.final_seq_length} samples, 10 classes"


def load(name: str) -> Dataset:
    """Return ``mnist1d`` (4,000 training and 12,000 test signals) or ``mnist1d-5k`` (4,000 and 1,000).

    Signals have shape ``(n, 40)`` and are standardised as published: mean 0 and standard deviation 1 over
    the whole set, both parts together.
    """
    settings = SETTINGS[name]
    arrays, _ = cached_arrays(digest("arrays", fingerprint(settings)), lambda: _float32(settings))
    return Dataset(
        name=name,
        title=title(name),
        **arrays,
        classes=10,
        fingerprint=fingerprint(settings),
        notes=(
            f"{CREDIT}. Generated with the published settings, num_samples {settings.num_samples:,} and "
            f"train_split {settings.train_split:g}; standardised over both parts together."
        ),
    )


def generate(settings: Mnist1d) -> dict[str, NDArray[Any]]:
    """Generate the data set.

    Each signal is one of ten templates: dilated by padding with zeros and resampling, scaled, shifted around
    the end, its padding filled with correlated noise, white noise added, sheared and resampled.

    Args:
        settings: what to draw.

    Returns:
        ``x`` of shape ``(n, final_seq_length)``, ``y`` of shape ``(n,)``, ``x_test`` and ``y_test``, in
        float64 and int64; the values of the published generator with the same settings.

    Raises:
        UsageError: settings that leave a part empty, or a seed out of range.

    References:
        Greydanus and Kobak 2024, arXiv:2011.14439, section 2.

    >>> parts = generate(Mnist1d(num_samples=50))
    >>> parts["x"].shape, parts["x_test"].shape
    ((40, 40), (10, 40))
    """
    from scipy.ndimage import gaussian_filter1d

    n, cut = _sizes(settings)
    low, high = settings.padding
    length = len(_STROKES[0]) + high
    y = np.repeat(np.arange(10), n // 10)

    random = np.random.RandomState(whole_seed(settings.seed))
    pads, shifts = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    scales, slopes = np.empty(n), np.empty(n)
    noise = np.empty((n, 2 * length))
    for i in range(n):
        pads[i] = int(random.rand() * (high - low + 1))
        scales[i] = random.rand()
        shifts[i] = random.randint(0, settings.max_translation)
        noise[i] = random.randn(2 * length)
        slopes[i] = random.rand()
    order = random.permutation(n)

    x = _dilated(low, high, length)[y, pads]
    x *= (1 + settings.scale_coeff * (scales - 0.5))[:, None]
    x = np.take_along_axis(x, (np.arange(length) - shifts[:, None]) % length, axis=1)
    correlated = gaussian_filter1d(settings.corr_noise_scale * noise[:, :length], _SMOOTH, axis=1)
    x = np.where(x != 0, x, correlated) + settings.iid_noise_scale * noise[:, length:]
    x -= (settings.shear_scale * (slopes - 0.5))[:, None] * np.linspace(-0.5, 0.5, length)

    old, new = np.linspace(0, 1, length), np.linspace(0, 1, settings.final_seq_length)
    x = np.stack([np.interp(new, old, signal) for signal in x])[order]
    y = y[order]
    if settings.shuffle_seq:
        x = x[:, random.permutation(settings.final_seq_length)]
    x = (x - x.mean()) / x.std()
    return {"x": x[:cut], "y": y[:cut], "x_test": x[cut:], "y_test": y[cut:]}


def _dilated(low: int, high: int, length: int) -> NDArray[np.float64]:
    """Return every template with every padding, resampled to one length: ``(10, paddings, length)``."""
    strokes = np.asarray(_STROKES, dtype=np.float64)
    strokes -= strokes.mean(axis=1, keepdims=True)
    strokes /= strokes.std(axis=1, keepdims=True)
    strokes -= strokes[:, :1]
    templates = strokes / 6.0 + _TINY
    grid = np.linspace(0, 1, length)
    table = np.empty((len(templates), high - low + 1, length))
    for pad in range(low, high + 1):
        knots = np.linspace(0, 1, templates.shape[1] + pad)
        for digit, template in enumerate(templates):
            table[digit, pad - low] = np.interp(grid, knots, np.concatenate([template, np.zeros(pad)]))
    return table


def _sizes(settings: Mnist1d) -> tuple[int, int]:
    n = settings.num_samples // 10 * 10
    cut = int(n * settings.train_split)
    if not 0 < cut < n:
        raise UsageError(
            f"mnist1d: expected at least 10 samples and a train_split that leaves rows in both parts, got "
            f"num_samples {settings.num_samples} and train_split {settings.train_split:g}."
        )
    return n, cut


def _float32(settings: Mnist1d) -> tuple[Mapping[str, NDArray[Any]], Mapping[str, Any]]:
    parts = generate(settings)
    kinds = {"x": np.float32, "y": np.int32}
    return {name: array.astype(kinds[name[0]]) for name, array in parts.items()}, {}
