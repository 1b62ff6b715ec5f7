"""What must be true of a run before a claim of the study may be judged."""

from __future__ import annotations

from overparam.studies.double_descent import curves
from overparam.studies.double_descent.curves import Arm, clean, noisy
from overparam.study import Check, Evidence, Precondition

NOISE = 0.10  # rate of label noise from which a rise is expected in trained networks
LOST = 0.2  # share of the seeds that may be incomplete


def _noise_level(evidence: Evidence) -> Check:
    level = max(evidence.levels("noise"), default=0.0)
    return Check(level >= NOISE, f"most label noise {level:.0%}, asked at least {NOISE:.0%}")


def _noise_is_fixed(evidence: Evidence) -> Check:
    drawn: dict[int, set[float]] = {}
    for params, values in evidence.where(noise=noisy(evidence).noise).rows:
        drawn.setdefault(params["seed"], set()).add(values["wrong_labels"])
    loose = [str(seed) for seed, shares in sorted(drawn.items()) if len(shares) > 1]
    if loose:
        return Check(False, f"the share of wrong labels differs between widths for seed {', '.join(loose)}")
    mean = sum(min(shares) for shares in drawn.values()) / len(drawn)
    return Check(True, f"each seed has one draw for all widths; {mean:.1%} of the labels are wrong on average")


def _complete(evidence: Evidence) -> Check:
    told, ok = [], True
    levels = evidence.levels("noise")
    for which in (curves.arm(evidence, level) for level in sorted({0.0, *levels[-1:]} & {*levels})):
        total = len(which.seeds) + len(which.dropped)
        ok = ok and len(which.dropped) <= LOST * total
        lost = f"; diverged or missing: seed {', '.join(map(str, which.dropped))}" if which.dropped else ""
        told.append(f"{which.name}: {len(which.seeds)} of {total} seeds are complete{lost}")
    return Check(ok, "; ".join(told) + ("" if ok else f"; at most {LOST:.0%} may be lost"))


def _left_part(evidence: Evidence) -> Check:
    which = noisy(evidence)
    widths = which.widths[: which.left_end]
    return Check(True, f"the left part of the curve has the widths {', '.join(map(str, widths))}")


def _passes(which: Arm) -> Check:
    index = which.fit_point
    text = f"at {which.name} the fit point is width {which.widths[index]} of at most {which.widths[-1]}"
    past = index < len(which.widths) - 1
    return Check(past, text if past else f"{text}: the curve ends at its fit point, add larger widths")


def extends(times: float) -> Precondition:
    """The right end is far enough from the fit point.

    Args:
        times: asked ratio of the parameters of the two.
    """

    def check(evidence: Evidence) -> Check:
        which = noisy(evidence)
        ratio = which.parameters[-1] / which.parameters[which.fit_point]
        has = f"the right end has {ratio:.3g} times the parameters of the fit point, asked at least {times:g}"
        return Check(
            ratio >= times, has if ratio >= times else f"{has}: the curve ends too early, add larger widths"
        )

    sentence = f"The right end has at least {times:g} times the parameters of the fit point."
    return Precondition("length", sentence, check)


COMPLETE = Precondition(
    "complete", f"At most {LOST:.0%} of the seeds are lost, by divergence or otherwise.", _complete
)
NOISY = (
    Precondition("noise", f"Some arm has at least {NOISE:.0%} label noise.", _noise_level),
    Precondition("left part", "Some width has a mean train error of at least 20 %.", _left_part),
    Precondition(
        "fit point",
        "Some width before the last has a mean train error of at most 1 %.",
        lambda evidence: _passes(noisy(evidence)),
    ),
    Precondition("fixed noise", "Label noise is drawn once a seed, the same at every width.", _noise_is_fixed),
    COMPLETE,
)
CLEAN = (
    Precondition(
        "fit point",
        "With clean labels some width before the last has a mean train error of at most 1 %.",
        lambda evidence: _passes(clean(evidence)),
    ),
    COMPLETE,
)
