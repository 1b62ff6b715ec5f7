"""The eigenvalues of the Hessian or the Gauss-Newton matrix that stand out, with what they are worth."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from overparam.core.checked import count, positive, shown
from overparam.core.errors import UsageError, unknown
from overparam.operators.linear import Layers
from overparam.probes.curvature.lanczos import Basis
from overparam.probes.curvature.products import (
    Symmetric,
    check_symmetric,
    columns_that_fit,
    generator_of,
    products_of,
)

WHICH = ("magnitude", "largest", "smallest")
DENSE = 64  # rows up to which the whole matrix is written out
EVERY = 4  # products between two looks at what has converged
SEEN, MISSED = 0.25, 1e-3  # see steps_needed
LIMIT = (200, 30)  # products at most: so many, and so many a value


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """Some eigenvalues of a symmetric matrix, and what they are worth.

    Attributes:
        values: in the order that was asked for, shape ``(k,)``; unit: loss over squared parameters.
        vectors: orthonormal columns, shape ``(size, k)``.
        residuals: ``|H v - value v|``, shape ``(k,)``: an eigenvalue lies within that distance of each value. In float64 they
            follow from the recurrence up to rounding; in float32, and beside copies, they are measured by one more product each.
        tolerance: what residuals had to stay below.
        searched: whether the directions outside of the vectors were searched, and held no eigenvalue that belongs to the list.
        products: how many products were made.
        dense: whether the whole matrix was written out.
    """

    values: np.ndarray
    vectors: np.ndarray = field(repr=False)
    residuals: np.ndarray
    tolerance: float
    searched: bool
    products: int
    dense: bool = False

    @property
    def converged(self) -> bool:
        """Whether every residual is below the tolerance, and the search found that none is missing."""
        return self.searched and bool((self.residuals <= self.tolerance).all())


def top_eigenvalues(
    model: Any,
    k: int = 10,
    *,
    of: str = "hessian",
    layers: Layers = None,
    which: str = "magnitude",
    scaled: bool = False,
    tolerance: float | None = None,
    products: int | None = None,
    seed: int | np.random.Generator = 0,
) -> Eigenvalues:
    r"""The k eigenvalues of the Hessian of the loss that stand out; unit: loss over squared parameters.

    The Lanczos method with full reorthogonalisation and thick restarts; then the directions outside of the vectors found are
    searched from a new random start, until their largest eigenvalue is known to be none of the list: one start sees one copy of
    a multiple eigenvalue only, and a linear model with squared loss has as many copies as outputs. Up to 64 rows, or where k
    values take as many products, the whole matrix is written out.

    Args:
        model: of :func:`overparam.operators.open_model`, with a loss.
        k: how many; all where the matrix has fewer.
        of: ``hessian``, or ``gauss_newton`` for its part ``sum_i J_i^T H_i J_i`` without negative eigenvalues.
        layers: patterns of names of parameters, for their diagonal block; None for all.
        which: ``magnitude`` for the largest sizes, ``largest`` or ``smallest`` by sign.
        scaled: whether rows and columns are multiplied by the sizes of their parameters, ``|w| H |w|``: what rescaling the
            weights of a network without changing its outputs leaves as it is; unit: loss.
        tolerance: of residuals, as a share of the largest size; by default 1e-6, and 1e-4 in float32.
        products: how many at most; by default 200 and 30 a value. Where they do not suffice, what was reached is returned with
            its residuals, and ``converged`` is False.
        seed: of the starts; or a generator of NumPy.

    Returns:
        Values, vectors, residuals, and whether they converged.

    Raises:
        UsageError: a number that is no count, an unknown name, a model without a loss, vectors beyond memory, or products that
            belong to no symmetric matrix.
        DataError: second derivatives that are not finite.

    Cost: some 4 k to 8 k products, each 2 to 3 gradients over the data; keeps about ``3 k + 30`` vectors of the parameters.

    References: K. Wu and H. Simon, Thick-restart Lanczos method for large symmetric eigenvalue problems, SIAM J. Matrix Anal.
        Appl. 22 (2000), section 2; B. Parlett, The symmetric eigenvalue problem (1998), theorem 4.5.1, for the bound by
        residuals (numbers recalled).

    Squared loss of one linear output, mean over two examples: the Hessian is ``x^T x / 2``.

    >>> from overparam.models import linear
    >>> from overparam.operators import open_model
    >>> x, y = np.array([[2.0, 0.0], [0.0, 4.0]], np.float32), np.zeros(2, np.float32)
    >>> weight = {"output": {"weight": np.zeros((1, 2), np.float32)}}
    >>> top_eigenvalues(open_model(linear(2, 1, bias=False), (x, y), params=weight), k=2).values.tolist()
    [8.0, 2.0]
    """
    k = count(k, "k")
    if not isinstance(which, str) or which not in WHICH:
        raise unknown("which", which if isinstance(which, str) else shown(which), WHICH)
    made = products_of(model, of, layers, scaled)
    share = (
        (1e-6 if made.dtype == np.float64 else 1e-4) if tolerance is None else positive(tolerance, "tolerance")
    )
    if share >= 1:
        raise UsageError(
            f"tolerance: expected a share of the largest eigenvalue below 1, got {shown(tolerance)}."
        )
    limit = LIMIT[0] + LIMIT[1] * k if products is None else count(products, "products")
    rng = generator_of(seed)
    return leading(made, k, which, share, limit, rng)


def leading(
    made: Symmetric, k: int, which: str, share: float, limit: int, rng: np.random.Generator
) -> Eigenvalues:
    """The same, of any products.

    Args:
        made: the products.
        k: how many.
        which: of :data:`WHICH`.
        share: tolerance of residuals, of the largest size.
        limit: of products.
        rng: of the starts.

    Raises:
        UsageError: vectors beyond memory, or no symmetric matrix.
    """
    size, before = made.size, made.made
    k = min(k, size)
    room = 3 * k + 30
    if size <= max(DENSE, room) and size <= limit:
        columns_that_fit(size, 8, 3 * size, "k")
        values, vectors = np.linalg.eigh(made.dense())
        best = _first(values, which, k)
        scale = float(np.abs(values).max())
        rounding = np.full(k, scale * size * float(np.finfo(made.dtype).eps))
        return Eigenvalues(
            values[best], vectors[:, best], rounding, max(share * scale, rounding[0]), True, size, True
        )
    if limit < 2 * k + 2:
        raise UsageError(f"products: expected at least {2 * k + 2:,} for {k:,} eigenvalues, got {limit:,}.")
    room = min(room, size, columns_that_fit(size, made.dtype.itemsize, 2 * k + 8, "k") - k)
    measured = made.dtype != np.float64
    search = Search(made, which, k, share / 2, room, before + limit - k, rng)
    values, vectors, residuals = search.run()
    while True:
        search.searched = size == k
        if search.searched or not search.budget:
            break
        extra = search.run(vectors, float(_rank(values, which).min()))
        if not len(extra[0]):
            break
        measured = True  # what was found is orthogonal to vectors that have residuals of their own
        values, residuals = np.concatenate([values, extra[0]]), np.concatenate([residuals, extra[2]])
        best = _first(values, which, k)
        values, residuals = values[best], residuals[best]
        vectors = np.concatenate([vectors, extra[1]], axis=1)[:, best]
    wide = np.asarray(vectors, np.float64)
    if measured:
        images = np.stack([made(np.asarray(one, np.float64)) for one in vectors.T], axis=1)
        values = np.einsum("ij,ij->j", wide, images)
        residuals = np.linalg.norm(images - wide * values, axis=0)
    order = _first(values, which, k)
    residuals = np.maximum(residuals[order], search.scale * math.sqrt(size) * float(np.finfo(np.float64).eps))
    return Eigenvalues(
        values[order], wide[:, order], residuals, share * search.scale, search.searched, made.made - before
    )


Found = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(eq=False)
class Search:
    """Lanczos runs that share their settings, and what they have seen.

    Attributes:
        scale: the largest size of an eigenvalue that was seen.
        searched: whether the last run came to its end.
    """

    made: Symmetric
    which: str
    k: int
    share: float
    room: int
    last: int
    rng: np.random.Generator
    scale: float = 0.0
    searched: bool = False

    @property
    def budget(self) -> bool:
        """Whether a product may be made."""
        return self.made.made < self.last

    def run(self, against: np.ndarray | None = None, floor: float = -math.inf) -> Found:
        """Values, vectors and residuals that rank first; or those that rank above a floor, outside of the vectors that are known.

        Args:
            against: vectors that are known, orthonormal columns.
            floor: rank of the last of them.

        Returns:
            Shapes ``(found,)``, ``(size, found)`` and ``(found,)``.

        Raises:
            UsageError: no symmetric matrix.
        """
        size, known = self.made.size, 0 if against is None else against.shape[1]
        basis = Basis(self.made, size, min(self.room, size - known), self.made.dtype)
        wanted, least = (self.k, self.k) if against is None else (0, min(basis.room, steps_needed(size)))
        self.searched, going, count_ = False, basis.start(self.rng.normal(size=size), against), 0
        while True:
            while going and self.budget and basis.used < basis.room:
                going = basis.grow(against)
                count_ += 1
                if not going and basis.used < wanted:
                    going = basis.start(self.rng.normal(size=size), against)
                if count_ % EVERY == 0 and count_ >= least:
                    break
            values, inside, residuals = basis.ritz()
            self.scale = max(self.scale, float(np.abs(values).max()))
            check_symmetric(basis.gap, self.scale, self.made.dtype)
            margin = self.share * self.scale
            ranks = _rank(values, self.which)
            if against is None:
                picked = _first(values, self.which, self.k)
                done = len(picked) >= self.k and bool((residuals[picked] <= margin).all())
            else:
                picked = np.flatnonzero(ranks > floor + 2 * margin)
                open_ = (ranks + residuals > floor + 2 * margin) & (residuals > margin)
                done = count_ >= least and not open_.any()
            if done or not going or not self.budget:
                self.searched = done or not going
                vectors = basis.vectors[:, : basis.used] @ inside[:, picked].astype(self.made.dtype)
                return values[picked], vectors, residuals[picked]
            if basis.used == basis.room:
                kept = _first(values, self.which, wanted + (basis.room - wanted) // 2)
                basis.shrink(values[kept], inside[:, kept])


def steps_needed(size: int) -> int:
    """Products after which a random start has seen three quarters of the largest eigenvalue, but for one start in a thousand.

    Args:
        size: of the matrix.

    References: J. Kuczynski and H. Wozniakowski, Estimating the largest eigenvalue by the power and Lanczos algorithms with a
        random start, SIAM J. Matrix Anal. Appl. 13 (1992), theorem 4.2 (number and constant 1.648 recalled).

    >>> steps_needed(3466)
    12
    """
    return math.ceil((math.log(1.648 * math.sqrt(size) / MISSED) / math.sqrt(SEEN) + 1) / 2)


def _rank(values: np.ndarray, which: str) -> np.ndarray:
    """What is larger the earlier a value comes."""
    return np.abs(values) if which == "magnitude" else values if which == "largest" else -values


def _first(values: np.ndarray, which: str, k: int) -> np.ndarray:
    """Places of the k values that come first."""
    return np.argsort(-_rank(values, which), kind="stable")[:k]
