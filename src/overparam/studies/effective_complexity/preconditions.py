"""What must be true of a run before a claim of the study may be judged."""

from __future__ import annotations

from collections.abc import Sequence

from overparam.core import Check, Evidence, MissingEvidence, Precondition
from overparam.studies.effective_complexity.curves import sizes

SEEDS = 10  # with 5, a sign test cannot fall below 6 %
NOISE = 0.10  # rate of label noise from which a rise is expected in trained networks
LOST = 0.2  # share of the seeds that may be incomplete
INSIDE = 0.8  # share of the seeds whose critical width in the base must lie inside the grid


def sign_test(*arms: str) -> tuple[Precondition, ...]:
    """What the sign test on these arms and the base needs."""
    names = ("base", *arms)
    return (
        Precondition(
            "seeds",
            f"At least {SEEDS} seeds are complete in each arm, and at most {LOST:.0%} are lost.",
            lambda e: _seeds(e, names, SEEDS),
        ),
        Precondition(
            "grid",
            f"For at least {INSIDE:.0%} of the seeds the critical width of the base lies inside the width grid.",
            _inside,
        ),
        FIXED,
    )


def _seeds(evidence: Evidence, names: Sequence[str], least: int) -> Check:
    told, ok = [], True
    for which in (sizes(evidence, name) for name in names):
        total = len(which.seeds) + len(which.dropped)
        ok = ok and len(which.seeds) >= least and len(which.dropped) <= LOST * total
        lost = f" (diverged or missing: seed {', '.join(map(str, which.dropped))})" if which.dropped else ""
        told.append(f"{which.arm}: {len(which.seeds)} of {total} seeds{lost}")
    return Check(
        ok, "; ".join(told) + ("" if ok else f"; asked at least {least} each, with at most {LOST:.0%} lost")
    )


def _inside(evidence: Evidence) -> Check:
    which = sizes(evidence, "base")
    inside = sum(0 < width < float("inf") for width in which.critical)
    detail = (
        f"the critical width lies between {which.widths[0]} and {which.widths[-1]} for {inside} of "
        f"{len(which.seeds)} seeds"
    )
    ok = inside >= INSIDE * len(which.seeds)
    return Check(ok, detail if ok else f"{detail}, asked at least {INSIDE:.0%}: add widths at that end")


def _noise_level(evidence: Evidence) -> Check:
    level = max(evidence.levels("noise"), default=0.0)
    return Check(
        level >= NOISE, f"label noise {level:.0%} in every arm but the clean ones, asked at least {NOISE:.0%}"
    )


def _noise_is_fixed(evidence: Evidence) -> Check:
    """Arms on the same samples must have the same share of wrong labels, seed by seed."""
    drawn: dict[int, set[float]] = {}
    for arm in ("base", "shifted", "epochs"):
        for params, values in evidence.where(arm=arm).rows:
            drawn.setdefault(params["seed"], set()).add(values["wrong_labels"])
    if not drawn:
        raise MissingEvidence("no finished cell of the arm 'base'. Run with --arms that name it.")
    loose = [str(seed) for seed, shares in sorted(drawn.items()) if len(shares) > 1]
    if loose:
        return Check(False, f"the share of wrong labels differs between arms for seed {', '.join(loose)}")
    mean = sum(min(shares) for shares in drawn.values()) / len(drawn)
    return Check(
        True, f"each seed has one draw for all widths and arms; {mean:.1%} of the labels are wrong on average"
    )


def _left_part(evidence: Evidence) -> Check:
    which = sizes(evidence, "base")
    listed = ", ".join(map(str, which.widths[: which.left_end]))
    return Check(True, f"the left part of the curve has the widths {listed}")


NOISY = Precondition("noise", f"The noisy arms have at least {NOISE:.0%} label noise.", _noise_level)
FIXED = Precondition(
    "fixed noise",
    "Label noise is drawn once a seed, the same at every width and in every arm.",
    _noise_is_fixed,
)
LEFT = Precondition("left part", "Some width has a mean train error of at least 20 %.", _left_part)
COMPLETE = Precondition(
    "complete", f"At most {LOST:.0%} of the seeds are lost, by divergence or otherwise.",
    lambda e: _seeds(e, ("base",), 1),
)  # fmt: skip
PEAK = (NOISY, LEFT, COMPLETE, FIXED)
