"""A statement tried on its planted worlds: how often it errs, for support and for contradiction, and what it finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from overparam.core.statements import Claim, Plant

NOISES = ("normal", "t3", "ar", "skew")
"""Shapes of noise in which error rates are asked: see :class:`~overparam.core.worlds.World`."""
BOUNDS = {400: (16, 32), 4000: (120, 200)}
"""Draws to the most errors, without and with skewness: bounds that a correct rule meets."""


def expect(holds: object, what: str) -> None:
    """Raise AssertionError with what was expected, unless it holds."""
    if not holds:
        raise AssertionError(f"expected {what}")


def allowed(draws: int, noise: str) -> int:
    """Most errors among so many draws that a rule may make.

    A correct rule errs in 1.5 % of the draws (a 97 % interval has two sides), with skewness 1 in about 4 %. For numbers
    of draws without a bound of their own: what a binomial count at these rates exceeds with a probability of 1e-4.

    >>> allowed(400, "normal"), allowed(400, "skew"), allowed(40, "normal")
    (16, 32, 5)
    """
    from scipy.stats import binom

    skew = noise == "skew"
    if draws in BOUNDS:
        return BOUNDS[draws][skew]
    return int(binom.ppf(1 - 1e-4, draws, 0.04 if skew else 0.015))


def calibrate(
    claim: Claim,
    draws: int = 400,
    *,
    seeds: int | None = None,
    noises: tuple[str, ...] = NOISES,
    power: float = 0.9,
    seed: int = 0,
) -> dict[str, Counter[str]]:
    """Judge a statement on its planted worlds, many times, and ask for both error rates and for power.

    A check of what is proved may never pass in a world that violates it.

    Args:
        claim: the statement with its worlds, bound to a study's x.
        draws: of each world and each shape of noise.
        seeds: the planned number of seeds; by default as the worlds have.
        noises: shapes of noise; worlds that are plain functions have only their own.
        power: least share of the draws of ``effect`` that must be supported, and of ``against`` contradicted; asked
            under normal noise.
        seed: of the random generators.

    Returns:
        How often each status came out, under ``"null 1, normal"``, ``"effect"``, ``"limit 1, t3"``, ``"against"``.

    Raises:
        AssertionError: a world is missing, or a rate is out of bounds; the text says which and how often.
    """
    _complete(claim)
    found: dict[str, Counter[str]] = {}
    wrong: list[str] = []
    for name, status, world in _worlds(claim):
        shapes = noises if hasattr(world, "but") and claim.kind != "check" else noises[:1]
        for shape in shapes:
            counts = _tried(claim, _with(world, seeds, shape), draws, (seed, _number(name)))
            found[f"{name}, {shape}"] = counts
            most = 0 if claim.kind == "check" else allowed(draws, shape)
            if counts[status] > most:
                wrong.append(
                    f"at most {most} of {draws} draws of {name} ({shape}) {status}, got {_listed(counts)}"
                )
    for name, status, one in (
        ("effect", "supported", claim.effect),
        ("against", "contradicted", claim.against),
    ):
        if one is None or (status == "contradicted" and not claim.can_contradict):
            continue
        counts = found[name] = _tried(claim, _with(one, seeds, noises[0]), draws, (seed, _number(name)))
        if counts[status] < power * draws - 3 * (draws * power * (1 - power)) ** 0.5:
            wrong.append(f"at least {power:.0%} of {draws} draws of {name} {status}, got {_listed(counts)}")
    if wrong:
        raise AssertionError(f"'{claim.name}': expected {'; '.join(wrong)}.")
    return found


def check_claim(claim: Claim, *, trials: int = 200, seeds: int | None = None) -> dict[str, Counter[str]]:
    """The same under normal noise alone, with fewer draws: for a test of a study of your own."""
    return calibrate(claim, trials, seeds=seeds, noises=("normal",))


def supported(claim: Claim, trials: int, seed: int = 0) -> dict[str, int]:
    """How many draws of each planted world are supported: of the nulls and of the effect."""
    worlds = {f"null {i}": world for i, world in enumerate(claim.null, start=1)}
    worlds |= {"effect": claim.effect} if claim.effect is not None else {}
    return {
        name: _tried(claim, world, trials, (seed, _number(name)))["supported"] for name, world in worlds.items()
    }


def _complete(claim: Claim) -> None:
    missing = [] if claim.null else ["null="]
    missing += ["effect="] if claim.effect is None and claim.kind != "check" else []
    if claim.kind == "claim" and claim.can_contradict:
        missing += [] if claim.limit else ["limit="]
        missing += ["against="] if claim.against is None else []
    if missing:
        raise AssertionError(f"'{claim.name}': expected planted worlds, {' and '.join(missing)}. Plant them.")


def _worlds(claim: Claim) -> Iterator[tuple[str, str, Plant]]:
    for i, world in enumerate(claim.null, start=1):
        yield f"null {i}", "supported", world
    for i, world in enumerate(claim.limit, start=1):
        yield f"limit {i}", "contradicted", world


def _number(name: str) -> int:
    return sum(map(ord, name))


def _with(world: Plant, seeds: int | None, noise: str) -> Callable[..., Any]:
    if not hasattr(world, "but"):
        return world
    changed: Plant = world.but(**{"noise": noise, **({"seeds": seeds} if seeds else {})})
    return changed


def _tried(claim: Claim, world: Plant, trials: int, seed: tuple[int, int]) -> Counter[str]:
    import numpy as np

    claim = replace(claim, note=None)
    return Counter(claim.judge(world(np.random.default_rng([*seed, trial]))).status for trial in range(trials))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{status} {count}" for status, count in counts.most_common())
