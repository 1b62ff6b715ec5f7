"""Second moments of two Gaussian inputs, and what an activation makes of them.

Near-duplicates. relu and its kin see the angle of the two inputs, which a covariance in floating point tells only to
the root of the rounding unit. So they take and give, where it is known, the gap ``sqrt(q q') - c`` with its own
relative accuracy: kernels of rows an angle of 1e-10 apart keep their digits. Smooth activations have no such trouble.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Block = Float[np.ndarray, "..."]
NEAR = 1e-3  # below this 1 - cos, and above 2 minus this, closed forms are replaced by stable ones


@dataclass(frozen=True, eq=False)
class Pair:
    """Second moments of two Gaussian inputs, entry by entry; q1 and q2 broadcast against cov.

    Attributes:
        cov: covariance.
        q1: variance of the first.
        q2: variance of the second.
        gap: ``sqrt(q1 q2) - cov`` to relative accuracy; None where it is not known better than that.
        anti: the same for ``sqrt(q1 q2) + cov``.
        own: where both are one input, as einsum reads it (``"ii->i"``): there the angle is 0 and not rounding.
    """

    cov: Block
    q1: Block
    q2: Block
    gap: Block | None = None
    anti: Block | None = None
    own: str = ""


@dataclass(frozen=True, eq=False)
class Moved:
    """The same behind the activation: covariance, gap if it is known, and ``E[phi' phi']`` if asked for."""

    cov: Block
    gap: Block | None
    slope: Block | None


@dataclass(frozen=True, eq=False)
class Dual:
    """A dual activation.

    Attributes:
        name: of the activation.
        variance: ``E[phi(sqrt(q) g)^2]`` from q.
        pair: from a :class:`Pair`, and whether the slope is asked for.
        kinked: whether phi' jumps, so that the gap is worth carrying.
    """

    name: str
    variance: Callable[[Block], Block]
    pair: Callable[[Pair, bool], Moved]
    kinked: bool = False


def inverse_root(q: Block) -> Block:
    """``1 / sqrt(q)``, and 0 where q is 0: a zero row has the angle 0 with everything, and counts for nothing."""
    return np.divide(1, np.sqrt(q), out=np.zeros_like(q), where=q > 0)


def angle(given: Pair) -> tuple[Block, Block, Block]:
    """``1 - cos t``, the angle t and ``sin t`` of two inputs, with the accuracy that gap and anti allow.

    Args:
        given: their second moments.

    Returns:
        Three arrays of one shape, the caller's to change.

    References: elementary; t = 2 arcsin(sqrt((1 - cos t) / 2)).
    """
    i1, i2 = inverse_root(given.q1), inverse_root(given.q2)
    if given.gap is None:
        h = given.cov * i1
        h *= i2
        np.subtract(1, h, out=h)
        h *= (i1 > 0) & (i2 > 0) if (i1 == 0).any() or (i2 == 0).any() else 1
    else:
        h = given.gap * i1
        h *= i2
    np.clip(h, 0, 2, out=h)
    if given.own:
        np.einsum(given.own, h)[...] = 0
    theta = h * 0.5
    np.sqrt(theta, out=theta)
    np.arcsin(theta, out=theta)
    theta *= 2
    sine = 2 - h
    sine *= h
    np.sqrt(sine, out=sine)
    if given.anti is not None:
        far = h > 2 - NEAR
        other = (given.anti * i1 * i2)[far]
        theta[far] = math.pi - 2 * np.arcsin(np.sqrt(other / 2))
        sine[far] = np.sqrt(other * (2 - other))
    return h, theta, sine
