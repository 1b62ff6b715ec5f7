"""The first point of a training run from which convergence to zero loss is proved.

The condition may be checked at any iterate. The residual falls while the smallest singular value stays, so it is met at
moderate widths, where from the initial parameters it is hopeless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from overparam.core.errors import UsageError
from overparam.theory.certificates.certificate import Certificate

Point = TypeVar("Point")


@dataclass(frozen=True, eq=False)
class FirstCertified:
    """The first iterate of a run that is certified.

    Attributes:
        index: its place in the list, or None if none is.
        certificate: of that iterate; of the last one if none is. None for an empty list.
        h: the number h of every iterate up to there.
        residuals: bound of ``||f - y||`` of every iterate up to there.
    """

    index: int | None
    certificate: Certificate | None
    h: tuple[float, ...]
    residuals: tuple[float, ...]

    @property
    def certified(self) -> bool:
        """Whether any is."""
        return self.index is not None

    def __str__(self) -> str:
        if self.index is None:
            return f"none of {len(self.h)} iterates is certified; the last: {self.certificate}"
        start = f"h was {self.h[0]:.4g} at the start"
        return f"iterate {self.index} is the first that is certified; {start}\n{self.certificate}"


def first_certified(certify: Callable[[Point], Certificate], iterates: Iterable[Point]) -> FirstCertified:
    """Certify the iterates of a run in their order, until one is.

    Args:
        certify: gives the certificate of one.
        iterates: parameters, in the order of training.

    Raises:
        UsageError: no function, or no list.

    References: derived in :mod:`~overparam.theory.certificates.interpolation`.

    >>> first_certified(lambda point: point, []).certified
    False
    """
    if not callable(certify):
        raise UsageError(f"certify: expected a function of one iterate, got {type(certify).__name__}.")
    if not isinstance(iterates, Iterable):
        raise UsageError(f"iterates: expected a list of parameters, got {type(iterates).__name__}.")
    h: list[float] = []
    residuals: list[float] = []
    found = None
    for index, point in enumerate(iterates):
        found = certify(point)
        h.append(found.h)
        residuals.append(found.residual)
        if found.certified:
            return FirstCertified(index, found, tuple(h), tuple(residuals))
    return FirstCertified(None, found, tuple(h), tuple(residuals))
