"""What a rule must keep: it rarely supports a null and mostly supports an effect, on planted evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from overparam.core.claim import Claim, Evidence

if TYPE_CHECKING:
    import numpy as np

Plant = Callable[["np.random.Generator"], Evidence]


def check_rule(
    claim: Claim,
    null: Plant,
    effect: Plant,
    *,
    trials: int = 200,
    power: float = 0.9,
    max_false: int = 10,
    seed: int = 0,
) -> dict[str, Counter[str]]:
    """Judge a claim on planted evidence: it must rarely support a null and mostly support an effect.

    Args:
        claim: the claim whose rule is judged.
        null: makes evidence at or just beyond a cut-off, where the claim is false, from a random generator.
        effect: makes evidence with the effect at the size the rule is meant to find.
        trials: number of planted evidences of each sort.
        power: smallest share of planted effects that must be supported.
        max_false: most planted nulls that may be supported; 10 of 200 goes with a design rate of 2.5 %.
        seed: of the random generators, one a trial.

    Returns:
        How often each status came out, under ``"null"`` and ``"effect"``.

    Raises:
        AssertionError: more false verdicts or fewer found effects than allowed; the text says how many.

    >>> from overparam.core.claim import Control, Finding, Part
    >>> def judge(evidence):
    ...     (x,) = [values["x"] for _, values in evidence.rows]
    ...     return Finding((Part("x", x, x - 1, x + 1, 5, at_least=0.0),))
    >>> claim = Claim("x", "x is positive", (), "", "x >= 0", judge, Control("", judge))
    >>> def plant(x):
    ...     return lambda rng: Evidence((({"seed": 0}, {"x": x + 0.1 * rng.normal()}),))
    >>> check_rule(claim, plant(0.0), plant(2.0), trials=20, max_false=0)["effect"]["supported"]
    20
    """
    import numpy as np

    counts: dict[str, Counter[str]] = {}
    for sort, plant in (("null", null), ("effect", effect)):
        rngs = (np.random.default_rng([seed, sort == "effect", trial]) for trial in range(trials))
        counts[sort] = Counter(claim.judge(plant(rng)).status for rng in rngs)
    false, found = counts["null"]["supported"], counts["effect"]["supported"]
    if false > max_false:
        raise AssertionError(
            f"claim '{claim.name}': expected at most {max_false} of {trials} planted nulls supported, "
            f"got {false} ({_listed(counts['null'])}). "
            "Choose places so that the choice works against the claim, or widen the interval."
        )
    if found < power * trials:
        raise AssertionError(
            f"claim '{claim.name}': expected at least {power:.0%} of {trials} planted effects supported, "
            f"got {found} ({_listed(counts['effect'])}). Add seeds, or state a larger effect."
        )
    return counts


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{status} {count}" for status, count in counts.most_common())


def expect(holds: object, what: str) -> None:
    """Raise AssertionError with what was expected, unless it holds."""
    if not holds:
        raise AssertionError(f"expected {what}")
