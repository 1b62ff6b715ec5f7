"""A line of the table, and what is asked of a function when one of its arguments is odd."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from overparam.core.errors import NullSpaceWarning, OverparamError
from tests.public import odd

TOLD = ("expected", "unknown", "overflow", "singular")
KINDS: Mapping[str, Callable[[Any], Iterable[odd.Odd]]] = {
    "arrays": odd.arrays,
    "numbers": odd.numbers,
    "sizes": odd.sizes,
    "choices": odd.choices,
}


@dataclasses.dataclass(frozen=True)
class Law:
    """How a result changes when arguments are multiplied: ``f(s x) = s^degree f(x)``.

    Attributes:
        degrees: by argument, the power of s it is multiplied with.
        degree: of what is read.
        read: what is compared, of the result.
        tolerance: relative, by the rounding of the function; powers of two add none of their own.
        scales: exponents of two; beyond a result's range the function may refuse, never give another number.
        refused: reason why it may refuse although the result is a number of float64.
    """

    degrees: Mapping[str, float]
    degree: float
    read: Callable[[Any], Any] = lambda found: found
    tolerance: float = 1e-12
    scales: tuple[int, ...] = (-500, 500)
    refused: str = ""


@dataclasses.dataclass(frozen=True)
class Case:
    """One valid call of a public function, with small arguments, and the kind of each argument.

    Attributes:
        call: keyword arguments; a callable with the name ``made`` in front makes one when it is asked for.
        arrays: names of arguments that are arrays of real numbers, separated by spaces.
        numbers: of those that are one real number.
        sizes: of those that are a whole number.
        choices: of those that are a name out of a list.
        infinite: where a result may be infinite, in words; empty if it never is.
        missing: where it may be NaN, in words; empty if it never is.
        laws: how it scales.
        other: a name that a message may use instead of the argument's, by argument.
        lean: whether the function is slow: only what must be refused, another scale, and what gives the same.
        slow: whether it is so slow that only what must be refused is tried.
        accepts: "argument: odd value" that is taken although it looks odd, with the reason.
    """

    call: Mapping[str, Any]
    arrays: str = ""
    numbers: str = ""
    sizes: str = ""
    choices: str = ""
    infinite: str = ""
    missing: str = ""
    laws: tuple[Law, ...] = ()
    other: Mapping[str, str] = dataclasses.field(default_factory=dict)
    lean: bool = False
    slow: bool = False
    accepts: Mapping[str, str] = dataclasses.field(default_factory=dict)


def function_of(name: str) -> Callable[..., Any]:
    """The function of a line: module and name, without the name of the package."""
    module, _, own = name.rpartition(".")
    return getattr(import_module(f"overparam.{module}"), own)


def problems(name: str, case: Case) -> list[str]:
    """What a function makes of odd arguments, where it is neither a number nor one clear sentence."""
    function = function_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", NullSpaceWarning)  # says what is never learnt, on purpose
        expected = _called(function, case.call)
        found = list(_numbers_amiss(expected, case, "valid call"))
        for kind, values in KINDS.items():
            for argument in getattr(case, kind).split():
                for what, value, rule in values(case.call[argument]):
                    if rule == odd.MAY and (case.slow or (case.lean and not what.startswith("times"))):
                        continue
                    if rule == odd.SAME and case.slow:
                        continue
                    found += _tried(function, case, argument, what, value, rule, expected)
        for law in case.laws:
            found += _scaled(function, case, law, expected)
    return found


def _called(function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    signature = inspect.signature(function)
    positional = [one for one in signature.parameters.values() if one.kind is inspect.Parameter.POSITIONAL_ONLY]
    assert not positional
    return function(**given)


def _tried(
    function: Callable[..., Any], case: Case, argument: str, what: str, value: Any, rule: str, expected: Any
) -> Iterator[str]:
    where = f"{argument} {what}"
    given = {**case.call, argument: value}
    before = copy.deepcopy(value) if isinstance(value, np.ndarray) else None
    try:
        result = _called(function, given)
    except OverparamError as error:
        text = str(error)
        names = f"{argument}|{case.other.get(argument, argument)}"
        if rule == odd.SAME and f"{argument}: {what}" not in case.accepts:
            yield f"{where}: refused with {text!r}"
        if not any(word in text for word in TOLD):
            yield f"{where}: says neither what was expected nor what it was: {text!r}"
        elif what not in odd.MISFITS and not re.search(rf"\b({names})\b", text):
            yield f"{where}: names another argument: {text!r}"
        return
    except Exception as error:
        yield f"{where}: raises {type(error).__name__}: {error}"
        return
    if before is not None and not _equal(before, value):
        yield f"{where}: changes its argument"
    if rule == odd.MUST and f"{argument}: {what}" not in case.accepts:
        yield f"{where}: is taken for a number"
    elif rule == odd.SAME and not _close(_leaves(result), _leaves(expected), 1e-9):
        yield f"{where}: gives another result"
    yield from _numbers_amiss(result, case, where)


def _scaled(function: Callable[..., Any], case: Case, law: Law, expected: Any) -> Iterator[str]:
    for exponent in law.scales:
        given = dict(case.call)
        for argument, power in law.degrees.items():
            given[argument] = np.ldexp(np.array(case.call[argument], np.float64), round(power * exponent))
        where = f"{', '.join(law.degrees)} times 2^{exponent}"
        want = np.asarray(law.read(expected), dtype=np.float64)
        with np.errstate(all="ignore"):
            want = np.ldexp(want, round(law.degree * exponent))
        try:
            got = np.asarray(law.read(_called(function, given)), dtype=np.float64)
        except OverparamError as error:
            if not law.refused and np.isfinite(want).all() and (np.abs(want) > 1e-300).all():
                yield f"{where}: refused with {str(error)!r}"
            continue
        except Exception as error:
            yield f"{where}: raises {type(error).__name__}: {error}"
            continue
        if not _close([got], [want], law.tolerance):
            yield f"{where}: expected {want.ravel()[:4].tolist()}, got {got.ravel()[:4].tolist()}"


def _numbers_amiss(result: Any, case: Case, where: str) -> Iterator[str]:
    for one in _leaves(result):
        if np.isnan(one).any() and not case.missing:
            yield f"{where}: gives NaN"
            return
        if np.isinf(one).any() and not case.infinite:
            yield f"{where}: gives infinity"
            return


def _leaves(value: Any) -> list[np.ndarray]:
    """Every number in a result, as arrays."""
    if value is None or isinstance(value, str | bytes | bool) or callable(value):
        return []
    if dataclasses.is_dataclass(value):
        return [leaf for field in dataclasses.fields(value) for leaf in _leaves(getattr(value, field.name))]
    if isinstance(value, Mapping):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    if isinstance(value, list | tuple | set | frozenset):
        return [leaf for one in value for leaf in _leaves(one)]
    out = np.asarray(value)
    return [out.astype(np.float64)] if out.dtype.kind in "fiub" else []


def _close(got: list[np.ndarray], want: list[np.ndarray], tolerance: float) -> bool:
    if len(got) != len(want):
        return False
    for a, b in zip(got, want, strict=True):
        if a.shape != b.shape or not (np.isfinite(a) == np.isfinite(b)).all():
            return False
        size = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
        near = np.isfinite(b)
        with np.errstate(all="ignore"):
            off = np.abs(a[near] / 2 - b[near] / 2)
        if (off > tolerance * size / 2 + 1e-307).any():
            return False
    return True


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    if a.dtype.kind == "O":
        return all(x is y or repr(x) == repr(y) for x, y in zip(a.ravel(), b.ravel(), strict=True))
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()
