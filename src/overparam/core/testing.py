"""A claim tried on its planted worlds: rarely supported where it is false by a hair, mostly where it is true."""

from __future__ import annotations

from collections import Counter

from overparam.core.statements import Claim, Plant


def expect(holds: object, what: str) -> None:
    """Raise AssertionError with what was expected, unless it holds."""
    if not holds:
        raise AssertionError(f"expected {what}")


def check_claim(
    claim: Claim, *, trials: int = 200, power: float = 0.9, max_false: int | None = None, seed: int = 0
) -> dict[str, Counter[str]]:
    """Judge a claim on its planted worlds, many times.

    A check of what is proved may never be supported in a world that violates it. A claim may be supported in 5 % of the
    draws of a null: the rules are built for 2.5 %, and more than 10 of 200 has a probability of 1 % at that rate.

    Args:
        claim: the claim with its worlds, bound to a study's x.
        trials: draws of each world.
        power: smallest share of the draws of the effect that must be supported.
        max_false: most draws of a null that may be supported; by default 5 % of the trials, and none for a check.
        seed: of the random generators, one a draw.

    Returns:
        How often each status came out, under ``"null 1"``, ``"null 2"``, ... and ``"effect"``.

    Raises:
        AssertionError: more false verdicts or fewer found effects than allowed, or no world; the text says how many.
    """
    if not claim.null or (claim.effect is None and claim.kind != "check"):
        raise AssertionError(f"claim '{claim.name}': expected planted worlds, null= and effect=. Plant them.")
    allowed = max_false if max_false is not None else 0 if claim.kind == "check" else trials // 20
    counts = {
        f"null {i}": _tried(claim, world, trials, (seed, i)) for i, world in enumerate(claim.null, start=1)
    }
    for name, count in counts.items():
        if count["supported"] > allowed:
            raise AssertionError(
                f"claim '{claim.name}': expected at most {allowed} of {trials} draws of {name} supported, got "
                f"{count['supported']} ({_listed(count)}). Choose places so that the choice works against the claim."
            )
    if claim.effect is not None:
        counts["effect"] = _tried(claim, claim.effect, trials, (seed, 0))
        if counts["effect"]["supported"] < power * trials:
            raise AssertionError(
                f"claim '{claim.name}': expected at least {power:.0%} of {trials} draws of the effect supported, got "
                f"{counts['effect']['supported']} ({_listed(counts['effect'])}). Add seeds, or plant a larger effect."
            )
    return counts


def supported(claim: Claim, trials: int, seed: int = 0) -> dict[str, int]:
    """How many draws of each planted world are supported: of the nulls (false by a hair) and of the effect."""
    worlds = {f"null {i}": world for i, world in enumerate(claim.null, start=1)}
    worlds |= {"effect": claim.effect} if claim.effect is not None else {}
    return {
        name: _tried(claim, world, trials, (seed, i))["supported"]
        for i, (name, world) in enumerate(worlds.items())
    }


def _tried(claim: Claim, world: Plant, trials: int, seed: tuple[int, int]) -> Counter[str]:
    import numpy as np

    return Counter(claim.judge(world(np.random.default_rng([*seed, trial]))).status for trial in range(trials))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{status} {count}" for status, count in counts.most_common())
