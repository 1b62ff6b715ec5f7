"""What must be true of a run before a claim of the study may be judged."""

from __future__ import annotations

from functools import partial

from overparam.core import Check, Evidence, Precondition
from overparam.studies.levels import most_noise, one_setting
from overparam.studies.two_layer_descent.curves import FITTED, SINGLE, WINDOW, arm, fit_point
from overparam.studies.two_layer_descent.work import ARMS

LOST = 0.2  # share of the seeds that may be incomplete
DENSE = 5  # widths inside the window
LEFT = 3  # widths to the left of it
END = 2.9  # of p/(nK), at the right end
CLOSE = 1.25  # ratio of the parameters of the two widths around the threshold
TINY = 1e-9  # so that a rate of 0.2 is at least 20 %


def _noise_level(evidence: Evidence, asked: float) -> Check:
    level = max(evidence.levels("noise"), default=0.0)
    return Check(level >= asked - TINY, f"most label noise {level:.0%}, asked at least {asked:.0%}")


def _clean_labels(evidence: Evidence) -> Check:
    there = 0.0 in evidence.levels("noise")
    return Check(
        there, "clean labels are among the arms" if there else "no arm has clean labels: add --noise 0"
    )


def _noise_is_fixed(evidence: Evidence) -> Check:
    drawn: dict[int, dict[float, float]] = {}
    for params, values in evidence.rows:
        drawn.setdefault(params["seed"], {})[params["noise"]] = values["wrong_labels"]
    for seed, shares in sorted(drawn.items()):
        ordered = [shares[rate] for rate in sorted(shares)]
        if ordered != sorted(ordered):
            return Check(False, f"seed {seed} has fewer wrong labels at more noise: the draws are not nested")
    rate = max(evidence.levels("noise"))
    mean = sum(shares[rate] for shares in drawn.values() if rate in shares) / sum(
        rate in s for s in drawn.values()
    )
    return Check(
        True, f"one draw a seed for all widths; at {rate:.0%} noise {mean:.1%} of the labels are wrong"
    )


def _fits(evidence: Evidence, clean: bool) -> Check:
    which = arm(evidence, 0.0 if clean else most_noise(evidence))
    index = fit_point(evidence, which.noise)
    text = f"at {which.name} the fit point is width {which.widths[index]} ({which.ratio[index]:.3g} nK)"
    past = index < len(which.widths) - 1
    return Check(past, text if past else f"{text}: the curve ends at its fit point, add larger widths")


def _complete(evidence: Evidence, prefixes: tuple[str, ...]) -> Check:
    one_setting(evidence, SINGLE)
    told, ok, levels = [], True, evidence.levels("noise")
    for prefix in prefixes:
        for noise in levels:
            which = arm(evidence, noise, prefix)
            total = len(which.seeds) + len(which.dropped)
            if which.dropped:
                ok = ok and len(which.dropped) <= LOST * total
                told.append(f"{ARMS[prefix]}, {which.name}: {len(which.dropped)} of {total} seeds are lost")
    return Check(ok, "; ".join(told) or "all seeds are complete")


def _surrounded(evidence: Evidence) -> Check:
    which = arm(evidence, evidence.levels("noise")[0])
    left, inside = sum(r < WINDOW[0] for r in which.ratio), len(which.window)
    text = f"{inside} widths in [{WINDOW[0]:g}, {WINDOW[1]:g}] nK and {left} to the left of it"
    return Check(inside >= DENSE and left >= LEFT, f"{text}, asked at least {DENSE} and {LEFT}")


def _reaches(evidence: Evidence) -> Check:
    end = arm(evidence, evidence.levels("noise")[0]).ratio[-1]
    return Check(end >= END, f"the widths end at {end:.3g} nK, asked at least {END:g} nK")


def _close(evidence: Evidence) -> Check:
    which = arm(evidence, evidence.levels("noise")[0])
    here = which.last_below
    step = which.ratio[here + 1] / which.ratio[here]
    text = f"width {which.widths[here + 1]} has {step:.3g} times the parameters of width {which.widths[here]}"
    return Check(step <= CLOSE, f"{text}, asked at most {CLOSE:g} times")


def noise_of(asked: float) -> Precondition:
    """Some arm has at least this rate of label noise."""
    sentence = f"Some arm has at least {asked:.0%} label noise."
    return Precondition("noise", sentence, partial(_noise_level, asked=asked))


def complete(*prefixes: str) -> Precondition:
    """Few seeds are lost in these arms of weight reuse."""
    sentence = f"At most {LOST:.0%} of the seeds of an arm are lost, by divergence or otherwise."
    return Precondition("complete", sentence, partial(_complete, prefixes=prefixes))


CLEAN = Precondition("clean labels", "Some arm has clean labels.", _clean_labels)
FIXED = Precondition(
    "fixed noise",
    "Label noise is drawn once a seed, for all widths, and more noise adds to less.",
    _noise_is_fixed,
)
_SMALL = f"a mean training loss of at most {FITTED:g} of that of zero outputs"
FIT = Precondition(
    "fit point", f"Without reuse and with the most noise some width before the last has {_SMALL}.",
    partial(_fits, clean=False),
)  # fmt: skip
FIT_CLEAN = Precondition(
    "fit point", f"Without reuse and with clean labels some width before the last has {_SMALL}.",
    partial(_fits, clean=True),
)  # fmt: skip
SURROUNDED = Precondition(
    "widths",
    f"At least {DENSE} widths have p in [{WINDOW[0]:g}, {WINDOW[1]:g}] nK, and at least {LEFT} fewer parameters.",
    _surrounded,
)
REACHES = Precondition("right end", f"The widths go on to at least {END:g} nK parameters.", _reaches)
CLOSE_STEP = Precondition(
    "step", f"The two widths around p = nK differ by at most a factor {CLOSE:g} in parameters.", _close
)
