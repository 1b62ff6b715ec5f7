"""The claims of the study: sentences, rules in words, preconditions and negative controls."""

from __future__ import annotations

from overparam.studies.double_descent.curves import clean, noisy
from overparam.studies.double_descent.preconditions import CLEAN, NOISY, extends
from overparam.studies.double_descent.rules import (
    FALL,
    FLAT,
    LOSS_RATIO,
    PER_SAMPLE,
    RISE,
    SOME_FALL,
    error_below_minimum,
    error_peak,
    loss_below_minimum,
    loss_peak,
    no_climb,
    peak_at_fit,
    peak_parameters,
)
from overparam.study import Claim, Control

LONG = 10.0  # parameters of the right end over those of the fit point, for the strong forms
FAR = 4.0  # the same, for the fall of the loss

_LEDGER = ("L53", "L54")
_SOURCE = "nakkiran2020"
_PLACES = (
    "The left minimum (lowest mean test error among the widths before the mean train error falls below 20 %)"
)
_HELD_OUT = f"{_PLACES} and the peak (largest to the right of it) are chosen without the seed they are read at."

CLAIMS = (
    Claim(
        "peak",
        "With label noise the test error peaks where the network is just able to fit the training set.",
        _LEDGER, _SOURCE,
        f"{_PLACES} starts the search: each seed's width of largest test error to the right of it, as an "
        "index of the width grid. The 95 % Student t interval of the mean index, taken no narrower than half "
        "a grid step each way, lies between half a step before the first width with mean train error below "
        "20 % and half a step after the first with at most 1 % (the fit point). The peak must stand out: "
        f"rise at least {RISE:g} points and fall at least {SOME_FALL:g} point, places chosen without the seed "
        "they are read at.",
        lambda e: peak_at_fit(noisy(e)),
        Control("With clean labels the same rule finds no peak.", lambda e: peak_at_fit(clean(e))),
        NOISY, chart="error",
    ),
    Claim(
        "error-peak",
        "With label noise the test error first falls, then rises to a peak, then falls again as the width "
        "grows.",
        _LEDGER, _SOURCE,
        f"Peak minus left minimum at least {RISE:g} points and peak minus right end at least {FALL:g} points, "
        f"paired over seeds, 95 % Student t intervals. {_HELD_OUT}",
        lambda e: error_peak(noisy(e)),
        Control("With clean labels the same rule finds no peak.", lambda e: error_peak(clean(e))),
        NOISY, chart="error",
    ),
    Claim(
        "clean",
        "With clean labels the test error does not rise to a peak: it falls or stays as the width grows.",
        _LEDGER, _SOURCE,
        f"The largest climb of the test error from any width to a larger one is at most {FLAT:g} points (95 % "
        "Student t interval over seeds). The two widths are those of the largest climb of the mean line over "
        "all seeds, which can only enlarge it.",
        lambda e: no_climb(clean(e)),
        Control("With label noise the same rule finds a climb.", lambda e: no_climb(noisy(e))),
        CLEAN, chart="error",
    ),
    Claim(
        "loss-peak",
        "With label noise the test loss at the end of training peaks, and falls well below the peak for "
        "wider networks.",
        _LEDGER, _SOURCE,
        "Largest test loss to the right of the left minimum (lowest mean test loss among the widths before the "
        "mean train error falls below 20 %) over the test loss at the right end, at least "
        f"{LOSS_RATIO:g} (geometric mean over seeds, 95 % Student t interval on logarithms); both places are "
        "chosen without the seed they are read at.",
        lambda e: loss_peak(noisy(e)),
        Control(
            "The loss at its best time (stopped by an oracle that sees the test set) does not peak.",
            lambda e: loss_peak(noisy(e), "best_test_loss"),
        ),
        (*NOISY, extends(FAR)), chart="loss",
        rule_version=2,
        rule_history=(
            "2: the peak is sought to the right of the left minimum, as for the error. Over all widths the control "
            "took the large loss of the narrowest networks (at most 3 units a layer) for a peak.",
        ),
    ),
    Claim(
        "peak-parameters",
        "With label noise the test error peaks where the number of parameters is close to the number of "
        "samples.",
        _LEDGER, "greydanus2024",
        "Parameters per training sample at each seed's largest test error to the right of the left minimum: "
        "the 95 % interval of their geometric mean, no narrower than the grid resolves, lies in "
        f"[{PER_SAMPLE[0]:g}, {PER_SAMPLE[1]:g}]. The peak must stand out: rise at least {RISE:g} points and "
        f"fall at least {SOME_FALL:g} point.",
        lambda e: peak_parameters(noisy(e)),
        Control("With clean labels the same rule finds no peak.", lambda e: peak_parameters(clean(e))),
        NOISY, chart="error",
    ),
    Claim(
        "error-strong",
        "With label noise the widest networks have a lower test error than the minimum before the peak.",
        _LEDGER, _SOURCE,
        "Test error of the left minimum minus that at the right end is at least 0 points (95 % Student t "
        "interval, paired over seeds). The left minimum is that of the mean line over all seeds, which can "
        "only lower it.",
        lambda e: error_below_minimum(noisy(e)),
        Control(
            "The network at the fit point, judged in place of the right end, is not below the left minimum.",
            lambda e: error_below_minimum(noisy(e), noisy(e).fit_point),
        ),
        (*NOISY, extends(LONG)), chart="error",
    ),
    Claim(
        "loss-strong",
        "With label noise the widest networks have a lower test loss than the minimum before the peak.",
        _LEDGER, _SOURCE,
        "Test loss of the left minimum over that at the right end is at least 1 (geometric mean over seeds, "
        "95 % Student t interval on logarithms). The left minimum is that of the mean line over all seeds.",
        lambda e: loss_below_minimum(noisy(e)),
        Control(
            "The network at the fit point, judged in place of the right end, is not below the left minimum.",
            lambda e: loss_below_minimum(noisy(e), noisy(e).fit_point),
        ),
        (*NOISY, extends(LONG)), chart="loss",
    ),
)  # fmt: skip
