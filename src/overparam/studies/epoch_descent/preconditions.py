"""What must be true of a run before a claim of the study may be judged."""

from __future__ import annotations

from collections.abc import Callable

from overparam.core import Check, Evidence, Precondition
from overparam.studies.epoch_descent.courses import (
    UNDERFIT,
    Course,
    critical,
    large,
    linear_lines,
    most_noise,
    networks,
)
from overparam.studies.epoch_descent.rules import FITTED

NOISE = 0.10  # rate of label noise from which a rise is expected in trained networks
LOST = 0.2  # share of the seeds that may be incomplete
NEARLY = 10.0  # percentage points of mean train error at the end, for a network near the fit point

Pick = Callable[[Evidence, str], Course]


def _noise_level(evidence: Evidence) -> Check:
    level = max(evidence.levels("noise"), default=0.0)
    return Check(level >= NOISE, f"most label noise {level:.0%}, asked at least {NOISE:.0%}")


def _noise_is_fixed(evidence: Evidence) -> Check:
    drawn: dict[int, set[float]] = {}
    for params, values in evidence.where(noise=most_noise(evidence)).rows:
        if "wrong_labels" in values:
            drawn.setdefault(params["seed"], set()).add(values["wrong_labels"])
    loose = [str(seed) for seed, shares in sorted(drawn.items()) if len(shares) > 1]
    if loose:
        return Check(False, f"the share of wrong labels differs between networks for seed {', '.join(loose)}")
    mean = sum(min(shares) for shares in drawn.values()) / max(1, len(drawn))
    return Check(
        True, f"each seed has one draw for all networks; {mean:.1%} of the labels are wrong on average"
    )


def _complete(name: str, seeds: tuple[int, ...], dropped: tuple[int, ...]) -> Check:
    total = len(seeds) + len(dropped)
    lost = f"; diverged or missing: seed {', '.join(map(str, dropped))}" if dropped else ""
    ok = len(dropped) <= LOST * total
    detail = f"{name}: {len(seeds)} of {total} seeds are complete{lost}"
    return Check(ok, detail if ok else f"{detail}; at most {LOST:.0%} may be lost")


def _fits(which: Course, cutoff: float) -> Check:
    end = float(which.lines["train_error"].mean(axis=0)[-1])
    detail = f"{which.name} ends with a mean train error of {end:.2g} %, asked at most {cutoff:g} %"
    return Check(
        end <= cutoff, detail if end <= cutoff else f"{detail}. Train for more epochs, or take a larger one."
    )


def _left_part(which: Course) -> Check:
    last = which.epochs[which.left - 1]
    return Check(
        True, f"{which.name}: the first minimum is sought up to epoch {last:.3g}, {which.left} evaluations"
    )


def _two_sizes(evidence: Evidence, family: str) -> Check:
    small, big = critical(evidence, family), networks(evidence, family)[-1]
    return Check(True, f"{small.model} is judged, {big} is its control")


def _common(family: str, pick: Pick) -> tuple[Precondition, ...]:
    return (
        Precondition("noise", f"Some cells have at least {NOISE:.0%} label noise.", _noise_level),
        Precondition(
            "left part",
            f"The mean train error falls below {UNDERFIT:g} % during training.",
            lambda e: _left_part(pick(e, family)),
        ),
        Precondition(
            "fixed noise", "Label noise is drawn once a seed, the same for every network.", _noise_is_fixed
        ),
        Precondition(
            "complete",
            f"At most {LOST:.0%} of the seeds are lost, by divergence or otherwise.",
            lambda e: _complete(pick(e, family).name, pick(e, family).seeds, pick(e, family).dropped),
        ),
    )


def for_large(family: str) -> tuple[Precondition, ...]:
    """What a claim on the largest network of a family needs."""
    fit = Precondition(
        "fit",
        f"The largest network ends with a mean train error of at most {FITTED:g} %.",
        lambda e: _fits(large(e, family), FITTED),
    )
    return (*_common(family, large), fit)


def for_critical(family: str) -> tuple[Precondition, ...]:
    """What a claim on the network near the fit point needs."""
    return (
        Precondition("two sizes", "The family has a smaller network, too.", lambda e: _two_sizes(e, family)),
        *_common(family, critical),
        Precondition(
            "fit",
            f"The smallest network ends with a mean train error of at most {NEARLY:g} %: it is near its fit point.",
            lambda e: _fits(critical(e, family), NEARLY),
        ),
    )


def _linear_complete(evidence: Evidence) -> Check:
    found = linear_lines(evidence, "risk", "balanced_risk", "theory", "balanced_theory")
    return _complete("linear model", found.seeds, found.dropped)


FOR_LINEAR = (
    Precondition("noise", f"Some cells have at least {NOISE:.0%} label noise.", _noise_level),
    Precondition("complete", f"At most {LOST:.0%} of the seeds are lost.", _linear_complete),
)
