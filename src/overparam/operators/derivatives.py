"""Whether the derivatives of a model are those of its outputs: compared with differences along one direction."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

Word = Literal["same", "apart", "unknown"]

NEAR = 1e-8  # step of the differences of first derivatives: hardly a ReLU turns within it
FINER = 8.0  # the second step is that much smaller
LOOSE = 1e-3  # relative, of differences of first derivatives


class Along(abc.ABC):
    """A number that a model computes, ``s(t) = <u, f(theta + t v)>``, f the outputs of a few examples, u and v random.

    Attributes:
        exact: whether it is computed in float64.
        size: usual size of the first derivative, ``sqrt(sum_i (g_i v_i)^2)``, g the gradient of s by the parameters.
        scale: usual size of the numbers that s is a sum of, with those that a loss subtracts from each other: s is not known
            better than to their rounding, though it may be far smaller.
    """

    exact: bool
    size: float
    scale: float = 0.0

    @abc.abstractmethod
    def value(self, t: float) -> float:
        """The number."""

    @abc.abstractmethod
    def slope(self, t: float) -> float:
        """Its derivative by t, from a reverse pass: ``<J^T u, v>``."""

    @abc.abstractmethod
    def pushed(self) -> float:
        """``<u, J v>`` at 0, from the derivative of the reverse pass by what it gets."""

    @abc.abstractmethod
    def bend(self) -> float:
        """The second derivative by t at 0, from the derivative of the reverse pass by the parameters."""


class Compared(NamedTuple):
    """A derivative and differences.

    Attributes:
        word: whether they are the same; unknown where differences at two steps contradict each other, as at a kink.
        said: what the derivative says.
        differences: what the differences say.
    """

    word: Word
    said: float
    differences: float


def first_order(line: Along) -> Compared:
    """The derivative of a reverse pass against central differences of the outputs.

    The step h is the cube root of the machine epsilon, where truncation, about h^2, and rounding, about epsilon over h, are of
    one size: both are far below the 20 h that are asked.

    Args:
        line: the number along the direction.
    """
    for kind in (np.float64, np.float32) if line.exact else (np.float32,):
        found = _at_step(line, float(np.finfo(kind).eps))
        if found.word == "same" or (found.word == "apart" and found.differences):
            break  # else a part of the pass may compute in a narrower type, in which a small step changes nothing
    return found


def _at_step(line: Along, eps: float) -> Compared:
    step = eps ** (1 / 3)
    middle, said = line.value(0.0), line.slope(0.0)
    found = []
    for h in (step, step / FINER):
        ahead, behind = line.value(h), line.value(-h)
        found.append(((ahead - behind) / (2 * h), (ahead - middle) / h, (middle - behind) / h))
    whole = max(abs(said), abs(found[0][0]), line.size)
    noise = abs(found[0][0] - found[1][0]) + 50 * eps * max(abs(middle), line.scale) / step
    kink = abs(found[1][1] - found[1][2])
    return _compared(said, found[0][0], 20 * step * whole, noise + kink)


def second_order(line: Along) -> Compared:
    """The derivative of a reverse pass by the parameters against differences of the reverse pass.

    Args:
        line: the number along the direction.
    """
    said = line.bend()
    if not line.exact:
        return Compared("unknown", said, float("nan"))
    found = [(line.slope(h) - line.slope(-h)) / (2 * h) for h in (NEAR, NEAR / FINER)]
    whole = max(abs(said), abs(found[0]))
    floor = 1e-5 * line.size  # rounding of a slope, 1e-16, over the smaller step is 1e-7 of it
    noise = abs(found[0] - found[1]) + 50 * float(np.finfo(np.float64).eps) * line.scale / NEAR
    return _compared(said, found[0], LOOSE * whole + floor, noise)


def both_ways(line: Along) -> Compared:
    """``<u, J v>`` against ``<J^T u, v>``: apart where a reverse pass is not linear in what it gets, or is detached from it.

    Args:
        line: the number along the direction.
    """
    said, back = line.pushed(), line.slope(0.0)
    return _compared(said, back, (LOOSE if line.exact else 1e-2) * max(abs(said), abs(back), line.size), 0.0)


def _compared(said: float, differences: float, allowed: float, noise: float) -> Compared:
    gap = abs(said - differences)
    if not np.isfinite([gap, allowed, noise]).all():
        return Compared("unknown", said, differences)
    if gap <= allowed:
        return Compared("same", said, differences)
    return Compared("apart" if gap > allowed + 4 * noise else "unknown", said, differences)


def own_rules(line: Along, part: str, one: str, names: str, tool: str, meant: str) -> tuple[str, str]:
    """What to say of derivatives of a person's own: a fault, after "expected", or else a note; one of both is empty.

    Args:
        line: the number along the direction.
        part: what is looked at, in words: the pass or the loss.
        one: name of the function that the line is of, or several.
        names: of all functions.
        tool: that tells more.
        meant: how a person says that another derivative is meant, that of s.
    """
    first = first_order(line)
    if first.word == "apart":
        return (
            f"functions whose backward pass is their derivative, got {one}: along one direction it says {first.said:.4g}, "
            f"differences {first.differences:.4g}. Repair it, {tool} tells more; where another derivative is "
            f"meant, as of a straight-through estimator, write {meant}, s with that derivative.",
            "",
        )
    ways = both_ways(line)
    if ways.word == "apart":
        return _unlinear(ways, one, tool), ""
    second = second_order(line)
    if second.word == "apart":
        return (
            f"functions whose backward pass can be derived, got {one}: its derivative says {second.said:.4g}, differences "
            f"of gradients {second.differences:.4g}. Do not detach what it uses; {tool} tells more.",
            "",
        )
    unknown = [words for words, one in (("first", first), ("second", second)) if one.word == "unknown"]
    told = (
        f"{' and '.join(unknown)} ones could not be compared with differences: {tool} does that."
        if unknown
        else "first and second ones agree with differences along one direction."
    )
    return "", f"The {part} has derivatives of its own ({names}); {told}"


def _unlinear(ways: Compared, names: str, tool: str) -> str:
    return (
        f"functions whose backward pass is linear and can be derived, got {names}: products with the Jacobian and with "
        f"its transpose contradict each other ({ways.said:.4g} and {ways.differences:.4g}). {tool} tells more."
    )


def rules_beside(line: Along, plain: Along | None, part: str, names: str, tool: str) -> tuple[str, str]:
    """The same where differences tell nothing, because gradients are stopped beside the functions.

    A rule and what it stands for differ where a number lies at a kink; so they are compared at two places.

    Args:
        line: the number along the direction.
        plain: the same with the derivatives of what the functions compute in place of their own; None where there are none.
        part: what is looked at, in words: the pass or the loss.
        names: of the functions.
        tool: that tells more.
    """
    first = second = None
    ways = both_ways(line)
    if ways.word == "apart":
        return _unlinear(ways, names, tool), ""
    if plain is not None:
        allowed = 1e-4 if line.exact else 1e-2
        slopes = [(line.slope(t), plain.slope(t)) for t in (0.0, 0.01)]
        found = [_compared(*pair, allowed * max(*map(abs, pair), line.size), 0.0) for pair in slopes]
        first = next((one for one in found if one.word != "apart"), found[0])
        pair = line.bend(), plain.bend()
        second = _compared(*pair, allowed * max(*map(abs, pair)) + 1e-5 * line.size, 0.0)
    for kind, one in (("", first), (" of the backward pass", second if line.exact else None)):
        if one is not None and one.word == "apart":
            return (
                f"functions whose derivatives are those of what they compute, got {names}: along one direction the derivative"
                f"{kind} is {one.said:.4g}, by JAX itself {one.differences:.4g}. {tool} tells more.",
                "",
            )
    known = first is not None and second is not None and first.word == second.word == "same"
    told = (
        "first and second ones agree with those by JAX of what it computes, along one direction."
        if known
        else f"beside stopped gradients they could not be compared: {tool} does that."
    )
    return "", f"The {part} has derivatives of its own ({names}); {told}"


def detached(line: Along, part: str) -> str:
    """A sentence where the derivative is not that of the whole pass or loss; else nothing.

    Args:
        line: the number along the direction.
        part: what is looked at, in words: the pass or the loss.
    """
    first = first_order(line)
    if first.word != "apart":
        return ""
    return (
        f"The derivative is not that of the whole {part}: along one direction it says {first.said:.4g}, differences "
        f"{first.differences:.4g}. A part of it is detached (detach, no_grad, stop_gradient), or a hook changes its gradient: "
        "every derivative is that of the reverse pass."
    )


def unreached(gradient: np.ndarray, slices: Mapping[str, slice]) -> tuple[str, ...]:
    """A sentence on arrays of parameters whose whole gradient is exactly 0; empty where there are none.

    Args:
        gradient: of the loss on some examples, shape ``(size,)``.
        slices: of the arrays, by name.

    >>> unreached(np.array([0.0, 0.0, 1.0]), {"a": slice(0, 2), "b": slice(2, 3)})
    ("The gradient of 'a' is exactly 0 on the first batch: not used in the pass, detached, or behind zeros.",)
    """
    none = [name for name, cut in slices.items() if gradient[cut].size and not gradient[cut].any()]
    if not none or len(none) == sum(cut.stop > cut.start for cut in slices.values()):
        return ()  # all of them: a minimum
    more = f" and {len(none) - 1} more" if len(none) > 1 else ""
    return (
        f"The gradient of '{none[0]}'{more} is exactly 0 on the first batch: not used in the pass, detached, or behind zeros.",
    )
