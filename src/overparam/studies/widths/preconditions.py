"""What must be true of a width sweep before a claim about it may be judged."""

from __future__ import annotations

from overparam.core import Check, Evidence, Precondition
from overparam.studies.widths.arms import FITTED, UNDERFIT, Arm, Reading

NOISE = 0.10  # rate of noise from which a rise is expected in trained networks
LOST = 0.2  # share of the seeds that may be incomplete


def noisy(reading: Reading) -> tuple[Precondition, ...]:
    """Preconditions of the claims about the arm with the most noise."""
    measure, noise = reading.fit_words, reading.noise_words
    return (
        Precondition(
            "noise", f"Some arm has at least {NOISE:.0%} {noise}.", lambda e: _noise_level(reading, e)
        ),
        Precondition(
            "left part",
            f"Some width has a mean {measure} of at least {UNDERFIT:g} %.",
            lambda e: _left_part(reading, e),
        ),
        Precondition(
            "fit point",
            f"Some width before the last has a mean {measure} of at most {FITTED:g} %.",
            lambda e: _passes(reading.noisy(e)),
        ),
        Precondition(
            "fixed noise",
            f"{noise.capitalize()} is drawn once a seed, the same at every width.",
            lambda e: noise_is_fixed(reading, e),
        ),
        _complete(reading),
    )


def clean(reading: Reading) -> tuple[Precondition, ...]:
    """Preconditions of the claims about the arm without noise."""
    return (
        Precondition(
            "fit point",
            f"With {reading.clean_words} some width before the last has a mean {reading.fit_words} of at most "
            f"{FITTED:g} %.",
            lambda e: _passes(reading.clean(e)),
        ),
        _complete(reading),
    )


def extends(reading: Reading, times: float) -> Precondition:
    """The right end is far enough from the fit point.

    Args:
        reading: how the sweep is read.
        times: asked ratio of the parameters of the two.
    """

    def check(evidence: Evidence) -> Check:
        which = reading.noisy(evidence)
        ratio = which.parameters[-1] / which.parameters[which.fit_point]
        has = f"the right end has {ratio:.3g} times the parameters of the fit point, asked at least {times:g}"
        return Check(
            ratio >= times, has if ratio >= times else f"{has}: the curve ends too early, add larger widths"
        )

    sentence = f"The right end has at least {times:g} times the parameters of the fit point."
    return Precondition("length", sentence, check)


def noise_is_fixed(reading: Reading, evidence: Evidence) -> Check:
    """Whether the share of wrong labels is the same at every width, for each seed of the noisiest arm."""
    drawn: dict[int, set[float]] = {}
    for params, values in evidence.where(noise=reading.noisy(evidence).noise).rows:
        drawn.setdefault(params["seed"], set()).add(values["wrong_labels"])
    what = "labels" if reading.labels else "targets"
    loose = [str(seed) for seed, shares in sorted(drawn.items()) if len(shares) > 1]
    if loose:
        return Check(False, f"the share of wrong {what} differs between widths for seed {', '.join(loose)}")
    mean = sum(min(shares) for shares in drawn.values()) / len(drawn)
    return Check(True, f"each seed has one draw for all widths; {mean:.1%} of the {what} are wrong on average")


def complete(reading: Reading, evidence: Evidence) -> Check:
    """Whether at most 20 % of the seeds are lost, in the clean and in the noisiest arm."""
    told, ok = [], True
    levels = evidence.levels("noise")
    for which in (reading.arm(evidence, level) for level in sorted({0.0, *levels[-1:]} & {*levels})):
        total = len(which.seeds) + len(which.dropped)
        ok = ok and len(which.dropped) <= LOST * total
        lost = f"; diverged or missing: seed {', '.join(map(str, which.dropped))}" if which.dropped else ""
        told.append(f"{which.name}: {len(which.seeds)} of {total} seeds are complete{lost}")
    return Check(ok, "; ".join(told) + ("" if ok else f"; at most {LOST:.0%} may be lost"))


def _complete(reading: Reading) -> Precondition:
    sentence = f"At most {LOST:.0%} of the seeds are lost, by divergence or otherwise."
    return Precondition("complete", sentence, lambda e: complete(reading, e))


def _noise_level(reading: Reading, evidence: Evidence) -> Check:
    level = max(evidence.levels("noise"), default=0.0)
    return Check(level >= NOISE, f"most {reading.noise_words} {level:.0%}, asked at least {NOISE:.0%}")


def _left_part(reading: Reading, evidence: Evidence) -> Check:
    which = reading.noisy(evidence)
    widths = which.widths[: which.left_end]
    return Check(True, f"the left part of the curve has the widths {', '.join(map(str, widths))}")


def _passes(which: Arm) -> Check:
    index = which.fit_point
    text = f"at {which.name} the fit point is width {which.widths[index]} of at most {which.widths[-1]}"
    past = index < len(which.widths) - 1
    return Check(past, text if past else f"{text}: the curve ends at its fit point, add larger widths")
