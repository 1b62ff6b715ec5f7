"""The claims about a width sweep: sentences, rules in words, preconditions and negative controls."""

from __future__ import annotations

from collections.abc import Callable

from overparam.core import Claim, Control, Evidence, Finding
from overparam.studies.widths.arms import Arm, Reading
from overparam.studies.widths.preconditions import clean, extends, noisy
from overparam.studies.widths.rules import (
    FALL,
    FLAT,
    LOSS_FALL,
    LOSS_RATIO,
    LOSS_RISE,
    PER_SAMPLE,
    RISE,
    SOME_FALL,
    error_below_minimum,
    error_peak,
    loss_below_minimum,
    loss_peak,
    loss_peak_at_fit,
    no_climb,
    peak_at_fit,
    peak_parameters,
)

LONG = 10.0  # parameters of the right end over those of the fit point, for the strong forms
FAR = 4.0  # the same, for the fall of the loss
LEDGER = ("L53", "L54")
SOURCE = "nakkiran2020"


def error_claims(reading: Reading) -> tuple[Claim, ...]:
    """The claims about the test error: ``peak``, ``error-peak``, ``clean`` and ``error-strong``."""
    before = _before(reading)
    places = f"The left minimum (lowest mean test error among {before})"
    held_out = (
        f"{places} and the peak (largest to the right of it) are chosen without the seed they are read at."
    )
    return (
        Claim(
            "peak",
            "With label noise the test error peaks where the network is just able to fit the training set.",
            LEDGER, SOURCE,
            f"{places} starts the search: each seed's width of largest test error to the right of it, as an "
            f"index of the width grid. {_placed(reading)} The peak must stand out: "
            f"rise at least {RISE:g} points and fall at least {SOME_FALL:g} point, places chosen without the seed "
            "they are read at.",
            lambda e: peak_at_fit(reading.noisy(e)),
            Control("With clean labels the same rule finds no peak.", lambda e: peak_at_fit(reading.clean(e))),
            noisy(reading), chart="error",
        ),
        Claim(
            "error-peak",
            "With label noise the test error first falls, then rises to a peak, then falls again as the width "
            "grows.",
            LEDGER, SOURCE,
            f"Peak minus left minimum at least {RISE:g} points and peak minus right end at least {FALL:g} points, "
            f"paired over seeds, 95 % Student t intervals. {held_out}",
            lambda e: error_peak(reading.noisy(e)),
            Control("With clean labels the same rule finds no peak.", lambda e: error_peak(reading.clean(e))),
            noisy(reading), chart="error",
        ),
        Claim(
            "clean",
            "With clean labels the test error does not rise to a peak: it falls or stays as the width grows.",
            LEDGER, SOURCE,
            f"The largest climb of the test error from any width to a larger one is at most {FLAT:g} points (95 % "
            "Student t interval over seeds). The two widths are those of the largest climb of the mean line over "
            "all seeds, which can only enlarge it.",
            lambda e: no_climb(reading.clean(e)),
            Control("With label noise the same rule finds a climb.", lambda e: no_climb(reading.noisy(e))),
            clean(reading), chart="error",
        ),
        Claim(
            "error-strong",
            "With label noise the widest networks have a lower test error than the minimum before the peak.",
            LEDGER, SOURCE,
            "Test error of the left minimum minus that at the right end is at least 0 points (95 % Student t "
            "interval, paired over seeds). The left minimum is that of the mean line over all seeds, which can "
            "only lower it.",
            lambda e: error_below_minimum(reading.noisy(e)),
            Control(
                "The network at the fit point, judged in place of the right end, is not below the left minimum.",
                lambda e: error_below_minimum(*_at_fit(reading, e)),
            ),
            (*noisy(reading), extends(reading, LONG)), chart="error",
        ),
    )  # fmt: skip


def loss_claims(reading: Reading) -> tuple[Claim, ...]:
    """The claims about the test loss: ``loss-peak`` and ``loss-strong``."""
    return (
        Claim(
            "loss-peak",
            f"With {reading.noise_words} the test loss at the end of training peaks, and falls well below the peak "
            "for wider networks.",
            LEDGER, SOURCE,
            f"Largest test loss to the right of the left minimum (lowest mean test loss among {_before(reading)}) "
            "over the test loss at the right end, at least "
            f"{LOSS_RATIO:g} (geometric mean over seeds, 95 % Student t interval on logarithms); both places are "
            "chosen without the seed they are read at.",
            lambda e: loss_peak(reading.noisy(e)),
            _stopped(lambda e: loss_peak(reading.noisy(e), "best_test_loss")),
            (*noisy(reading), extends(reading, FAR)), chart="loss",
            rule_version=2,
            rule_history=(
                "2: the peak is sought to the right of the left minimum, as for the error. Over all widths the "
                "control took the large loss of the narrowest networks (at most 3 units a layer) for a peak.",
            ),
        ),
        Claim(
            "loss-strong",
            f"With {reading.noise_words} the widest networks have a lower test loss than the minimum before the "
            "peak.",
            LEDGER, SOURCE,
            "Test loss of the left minimum over that at the right end is at least 1 (geometric mean over seeds, "
            "95 % Student t interval on logarithms). The left minimum is that of the mean line over all seeds.",
            lambda e: loss_below_minimum(reading.noisy(e)),
            Control(
                "The network at the fit point, judged in place of the right end, is not below the left minimum.",
                lambda e: loss_below_minimum(*_at_fit(reading, e)),
            ),
            (*noisy(reading), extends(reading, LONG)), chart="loss",
        ),
    )  # fmt: skip


def loss_place(reading: Reading) -> Claim:
    """The claim ``loss-at-fit``: for squared loss, whose error need not peak."""
    return Claim(
        "loss-at-fit",
        f"With {reading.noise_words} the test loss peaks where the network is just able to fit the training set.",
        LEDGER, SOURCE,
        f"The left minimum (lowest mean test loss among {_before(reading)}) starts the search: each seed's width of "
        f"largest test loss to the right of it, as an index of the width grid. {_placed(reading)} The peak must "
        f"stand out: at least {LOSS_RISE:g} times the left minimum and {LOSS_FALL:g} times the right end "
        "(geometric means over seeds), places chosen without the seed they are read at.",
        lambda e: loss_peak_at_fit(reading.noisy(e)),
        _stopped(lambda e: loss_peak_at_fit(reading.noisy(e), "best_test_loss")),
        noisy(reading), chart="loss",
    )  # fmt: skip


def peak_size(reading: Reading, source: str) -> Claim:
    """The claim ``peak-parameters``: where the peak of the error lies in parameters per sample."""
    return Claim(
        "peak-parameters",
        "With label noise the test error peaks where the number of parameters is close to the number of "
        "samples.",
        LEDGER, source,
        "Parameters per training sample at each seed's largest test error to the right of the left minimum: "
        "the 95 % interval of their geometric mean, no narrower than the grid resolves, lies in "
        f"[{PER_SAMPLE[0]:g}, {PER_SAMPLE[1]:g}]. The peak must stand out: rise at least {RISE:g} points and "
        f"fall at least {SOME_FALL:g} point.",
        lambda e: peak_parameters(reading.noisy(e)),
        Control("With clean labels the same rule finds no peak.", lambda e: peak_parameters(reading.clean(e))),
        noisy(reading), chart="error",
    )  # fmt: skip


def _before(reading: Reading) -> str:
    return f"the widths before the mean {reading.fit_words} falls below 20 %"


def _placed(reading: Reading) -> str:
    return (
        "The 95 % Student t interval of the mean index, taken no narrower than half "
        f"a grid step each way, lies between half a step before the first width with mean {reading.fit_words} below "
        "20 % and half a step after the first with at most 1 % (the fit point)."
    )


def _at_fit(reading: Reading, evidence: Evidence) -> tuple[Arm, int]:
    which = reading.noisy(evidence)
    return which, which.fit_point


def _stopped(judge: Callable[[Evidence], Finding]) -> Control:
    return Control(
        "The loss at its best time (stopped by an oracle that sees the test set) does not peak.", judge
    )
