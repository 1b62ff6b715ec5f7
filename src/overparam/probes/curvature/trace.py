"""The trace of the Hessian or the Gauss-Newton matrix, exact where that is cheap, else with its standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.core.checked import count, shown
from overparam.core.errors import UsageError, unknown
from overparam.core.stats import quantile
from overparam.operators.linear import Layers
from overparam.probes.curvature.products import Symmetric, columns_that_fit, generator_of, products_of

METHODS = ("deflated", "plain")


@dataclass(frozen=True)
class Trace:
    """A trace and what it is worth.

    Attributes:
        estimate: unit: loss over squared parameters.
        standard_error: of the estimate; 0 where it is exact.
        samples: independent random vectors that the standard error comes from; 0 where the trace is exact.
        products: how many products were made.
        method: in words.
    """

    estimate: float
    standard_error: float
    samples: int
    products: int
    method: str

    @property
    def exact(self) -> bool:
        """Whether no random vector was used."""
        return self.samples == 0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Ends of the interval for the trace, by Student's t.

        Args:
            level: between 0 and 1.

        Raises:
            UsageError: another level.

        >>> Trace(2.0, 0.0, 0, 3, "exact").interval()
        (2.0, 2.0)
        """
        half = quantile(level, max(1, self.samples - 1)) * self.standard_error
        return self.estimate - half, self.estimate + half


def trace(
    model: Any,
    *,
    of: str = "hessian",
    layers: Layers = None,
    products: int = 96,
    method: str = "deflated",
    scaled: bool = False,
    seed: int | np.random.Generator = 0,
) -> Trace:
    r"""Trace of the Hessian of the loss, by a fixed number of products; unit: loss over squared parameters.

    The mean of ``z^T H z`` over random signs z is the trace. ``deflated`` takes a third of the products for the range of
    ``H S``, S random, whose trace is then exact, and estimates the rest alone, by z of one length. Both are unbiased, because
    the number of products is fixed before: stopping when the mean settles, as PyHessian does, was 23 % low. The standard error
    is that of the independent samples. Where products are at least as many as rows, the trace is exact.

    Args:
        model: of :func:`overparam.operators.open_model`, with a loss.
        of: ``hessian`` or ``gauss_newton``.
        layers: patterns of names of parameters, for their diagonal block; None for all.
        products: how many to make; at least 6, and 2 for ``plain``.
        method: ``deflated`` or ``plain``.
        scaled: whether rows and columns are multiplied by the sizes of their parameters, see
            :func:`~overparam.probes.curvature.eigenvalues.top_eigenvalues`; unit: loss.
        seed: of the random signs; or a generator of NumPy.

    Returns:
        The estimate, its standard error and what it took.

    Raises:
        UsageError: a number that is no count, an unknown name, a model without a loss, or vectors beyond memory.
        DataError: second derivatives that are not finite.

    Cost: that many products, each 2 to 3 gradients over the data; ``deflated`` keeps a third as many vectors of the parameters.

    References: M. Hutchinson, A stochastic estimator of the trace of the influence matrix, Comm. Stat. Simul. 18 (1989);
        R. Meyer, C. Musco, C. Musco and D. Woodruff, Hutch++: optimal stochastic trace estimation, SOSA 2021,
        arXiv:2010.09649, algorithm 1 (number recalled).

    >>> from overparam.models import linear
    >>> from overparam.operators import open_model
    >>> x, y = np.array([[2.0, 0.0], [0.0, 4.0]], np.float32), np.zeros(2, np.float32)
    >>> weight = {"output": {"weight": np.zeros((1, 2), np.float32)}}
    >>> trace(open_model(linear(2, 1, bias=False), (x, y), params=weight)).estimate
    10.0
    """
    if not isinstance(method, str) or method not in METHODS:
        raise unknown("method", method if isinstance(method, str) else shown(method), METHODS)
    number = count(products, "products", 6 if method == "deflated" else 2)
    rng = generator_of(seed)
    return traced(products_of(model, of, layers, scaled), number, method, rng)


def traced(made: Symmetric, number: int, method: str, rng: np.random.Generator) -> Trace:
    """The same, of any products.

    Args:
        made: the products.
        number: how many to make.
        method: of :data:`METHODS`.
        rng: of the random signs.

    Raises:
        UsageError: vectors beyond memory.
    """
    size, before = made.size, made.made
    if size <= number:
        diagonal = [float(made(row)[at]) for at, row in enumerate(np.eye(size))]
        return Trace(math.fsum(diagonal), 0.0, 0, size, "exact: the diagonal, entry by entry")
    basis, known = None, 0.0
    if method == "deflated":
        rank = number // 3
        columns_that_fit(size, 8, 3 * rank, "products")
        images = np.stack([made(signs(rng, size)) for _ in range(rank)], axis=1)
        basis = np.linalg.qr(images)[0] if images.any() else images[:, :0]
        known = math.fsum(float(one @ made(one)) for one in np.ascontiguousarray(basis.T))
        number -= made.made - before
    found = np.empty(number)
    for at in range(number):
        z = signs(rng, size) if basis is None else _round(rng, size, basis)
        found[at] = z @ made(z)
    words = "random signs"
    if basis is not None:
        words = f"random vectors outside of {basis.shape[1]} directions that are exact"
    return Trace(known + float(found.mean()), standard_error(found), number, made.made - before, words)


def _round(rng: np.random.Generator, size: int, basis: np.ndarray) -> np.ndarray:
    """A vector of random direction outside of the span of orthonormal columns, as long as the root of what is left."""
    z = rng.normal(size=size)
    for _ in range(2):
        z -= basis @ (basis.T @ z)
    return np.asarray(z * (math.sqrt(size - basis.shape[1]) / float(np.linalg.norm(z))))


def signs(rng: np.random.Generator, size: int) -> np.ndarray:
    """Random signs, shape ``(size,)``, in float64."""
    return rng.integers(0, 2, size).astype(np.float64) * 2.0 - 1.0


def standard_error(found: np.ndarray) -> float:
    """Of the mean of independent samples.

    Args:
        found: shape ``(samples,)``, at least two.

    Raises:
        UsageError: fewer than two.

    >>> standard_error(np.array([1.0, 3.0]))
    1.0
    """
    if len(found) < 2:
        raise UsageError(f"samples: expected at least 2, got {len(found)}.")
    return float(found.std(ddof=1) / math.sqrt(len(found)))
