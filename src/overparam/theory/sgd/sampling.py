"""The variance that minibatch sampling adds, one number for every way of drawing; and checks shared in this folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.inputs import count, numbers, positive

LARGEST = 1e60  # its square is a kernel's entry, and squares of these are added


def batch_noise(n: int, batch: int, replacement: bool = False) -> float:
    r"""Share p of the one-sample noise that is left in the mean of a batch, from 0 to 1.

    .. math:: p = \frac{n - B}{B (n - 1)} \quad\text{without replacement}, \qquad p = \frac1B \quad\text{with}

    For any numbers :math:`a_i` the mean of a batch has the variance p times that of one :math:`a_i`. Batches are
    drawn anew and independently at every step; an epoch's shuffled order is another law.

    Args:
        n: number of samples.
        batch: B; at most n without replacement.
        replacement: whether a sample can be in a batch more than once.

    Returns:
        p; 0 for the full batch, and for n = 1, where nothing is random.

    Raises:
        UsageError: a count below 1, or a batch larger than the set.

    References: variance of the mean of a sample from a finite population; W. Cochran, Sampling techniques (1977),
        theorem 2.2 (number recalled, not checked).

    >>> batch_noise(10, 1), batch_noise(10, 10), batch_noise(10, 4, replacement=True)
    (1.0, 0.0, 0.25)
    """
    n, batch = count(n, "n"), count(batch, "batch")
    if not isinstance(replacement, bool | np.bool_):
        raise UsageError(f"replacement: expected True or False, got {type(replacement).__name__}.")
    if n == 1:
        return 0.0
    if replacement:
        return 1.0 / batch
    if batch > n:
        raise UsageError(
            f"batch: expected at most the {n} samples, got {batch}. A batch without replacement holds every "
            "sample at most once; take a smaller one, or replacement=True."
        )
    return (n - batch) / (batch * (n - 1))


def positive_step(step: Any) -> float:
    """Return a finite step above 0.

    Raises:
        UsageError: it is something else.
    """
    advice = " The step multiplies the gradient of the mean of (1/2) residual^2 over the batch."
    return positive(step, "step", what="a finite number above 0", advice=advice)


def share(value: Any, name: str) -> float:
    """Return a number between 0 and 1, both left out.

    Raises:
        UsageError: it is something else.
    """
    found = positive(value, name, what="a number between 0 and 1")
    if not found < 1:
        raise UsageError(f"{name}: expected a number between 0 and 1, got {value!r}.")
    return found


def sizes_of(batches: Any, name: str = "batches") -> list[int]:
    """Return batch sizes, whole numbers of at least 1, as a list.

    Raises:
        UsageError: no list of such numbers.
    """
    if isinstance(batches, str | bytes) or not isinstance(batches, Iterable):
        raise UsageError(f"{name}: expected batch sizes in a list, got {batches!r}.")
    return [count(one, name) for one in batches]


def finite(
    values: ArrayLike, name: str, dims: tuple[int, ...], shape: str, low: float = 0.0, high: float = LARGEST
) -> Float64[np.ndarray, "*shape"]:
    """Return an array of finite numbers in float64 with one of some numbers of dimensions.

    Args:
        values: the array.
        name: of the argument, for messages.
        dims: allowed numbers of dimensions.
        shape: the shape in words, for messages.
        low: least size that the largest entry may have, if it is not 0.
        high: largest size that an entry may have.

    Raises:
        DataError: another shape, nothing in it, missing or infinite values, or a size out of bounds.
    """
    out = numbers(values, name, low, high)
    if out.ndim not in dims or not out.size:
        raise DataError(f"{name}: expected shape {shape}, nothing empty, got {out.shape}.")
    bad = int((~np.isfinite(out)).sum())
    if bad:
        raise DataError(
            f"{name}: expected finite numbers, got {bad} of {out.size} that are missing or infinite. "
            "Find the sample they come from and drop or mend it."
        )
    return out


def kernel_matrix(values: ArrayLike, outputs: int = 1) -> Float64[np.ndarray, "n n"]:
    """Return a kernel matrix in float64, symmetric to rounding and positive semidefinite to rounding.

    Args:
        values: ``G = J J^T``, rows ordered sample by sample, the outputs of one sample next to each other; shape
            ``(samples * outputs, samples * outputs)``.
        outputs: number of outputs.

    Raises:
        DataError: another shape, missing numbers, not symmetric, or a negative eigenvalue.
    """
    out = finite(values, "kernel", (2,), "(samples * outputs, samples * outputs)", 1e-60, 1e60)
    rows, outputs = len(out), count(outputs, "outputs")
    if out.shape[1] != rows or rows % outputs:
        raise DataError(
            f"kernel: expected a square matrix whose size is a multiple of the {outputs} outputs, got {out.shape}."
        )
    scale = float(np.abs(out).max())
    worst = float(np.abs(out - out.T).max())
    if worst > 1e-6 * scale:
        raise DataError(
            f"kernel: expected a symmetric matrix, got entries that differ by {worst:.3g} from their mirror images."
        )
    out = (out + out.T) / 2
    least = float(np.linalg.eigvalsh(out)[0])
    if least < -1e-6 * scale * rows:
        raise DataError(
            f"kernel: expected a positive semidefinite matrix such as J J^T, got the eigenvalue {least:.6g}."
        )
    return out
