"""What a theorem must keep: a source, assumptions, and a pure function that agrees with a simulation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from overparam.core.testing import expect

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from overparam.theory.theorem import Theorem


def check_theorem(
    theorem: Theorem,
    simulate: Callable[..., tuple[ArrayLike, ArrayLike]] | None = None,
    *,
    tolerance: float = 0.1,
    z: float = 3.0,
) -> None:
    """Check that a theorem keeps the contract: honest about its source and its assumptions, and a pure function.

    Its function must say what it returns and its References, give float64 that is finite, or infinite where the
    theorem says so, give the same twice, and leave its inputs alone. Its assumptions must be in one of the three
    states, each with a detail, and at least one must have been checked or be said to be unchecked.

    Args:
        theorem: the theorem; it is called with its example.
        simulate: called with the example as keyword arguments, returns an independent estimate and its standard
            error, of the shape of the function's value; points where either is not finite are left out.
        tolerance: largest relative difference from the estimate.
        z: standard errors allowed on top of it.

    Raises:
        AssertionError: the first broken rule, with what was expected.

    >>> from overparam.theory import available
    >>> check_theorem(available()["noise-floor"])
    """
    import copy

    import numpy as np

    who = f"theorem '{theorem.name}'"
    expect(re.fullmatch(r"[a-z][a-z0-9-]*", theorem.name), f"{who} to have a name in lower case with dashes")
    doc = theorem.function.__doc__ or ""
    expect("References:" in doc, f"{who} to give References in its docstring")
    expect(">>>" in doc, f"{who} to have a doctest")
    expect(theorem.citation, f"{who} to have a citation")
    given = copy.deepcopy(dict(theorem.example))
    first, again = theorem.function(**given), theorem.function(**given)
    for name, value in theorem.example.items():
        expect(np.array_equal(np.asarray(value), np.asarray(given[name])), f"{who} to leave '{name}' alone")
    values, twice = _numbers(first), _numbers(again)
    expect(values, f"{who} to return numbers, got {type(first).__name__}")
    for name, value in values.items():
        expect(value.dtype == np.float64, f"{who}: '{name}' to be float64, got {value.dtype}")
        expect(not np.isnan(value).any(), f"{who}: '{name}' to hold no NaN")
        where = f"{who}: '{name}' to be finite, or to say where it is infinite"
        expect(np.isfinite(value).all() or theorem.infinite, where)
        expect(value.tobytes() == twice[name].tobytes(), f"{who}: '{name}' to be the same twice")
    asked = theorem.assumptions(**given)
    expect(asked, f"{who} to list its assumptions")
    expect(len({one.name for one in asked}) == len(asked), f"{who} to name its assumptions differently")
    for one in asked:
        expect(
            one.state in ("holds", "fails", "unchecked"),
            f"{who}: assumption '{one.name}' to hold, fail or be unchecked",
        )
    if simulate is None:
        return
    mean, error = (np.asarray(v, dtype=np.float64) for v in simulate(**given))
    value = next(iter(values.values()))
    expect(mean.shape == value.shape, f"{who}: a simulation of shape {value.shape}, got {mean.shape}")
    near = np.isfinite(mean) & np.isfinite(error) & np.isfinite(value)
    expect(near.any(), f"{who}: a simulation with a finite point")
    off = np.abs(mean - value)[near] - z * error[near]
    worst = float((off / np.abs(value[near])).max())
    expect(
        worst <= tolerance, f"{who} within {tolerance:g} of its simulation, got {worst:.3g} beyond {z:g} s.e."
    )


def _numbers(value: Any) -> dict[str, Any]:
    """The float64 arrays in a theorem's value: itself, or the fields of a dataclass that are floats or arrays."""
    import dataclasses

    import numpy as np

    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        fields = {"value": value}
    return {name: np.asarray(v) for name, v in fields.items() if isinstance(v, float | np.ndarray)}
