"""The claims of the study: sentences, rules in words, preconditions and negative controls."""

from __future__ import annotations

from overparam.core import Claim, Control
from overparam.studies.levels import most_noise
from overparam.studies.two_layer_descent.curves import SMOOTH, WINDOW, arm
from overparam.studies.two_layer_descent.preconditions import (
    CLEAN,
    CLOSE_STEP,
    FIT,
    FIT_CLEAN,
    FIXED,
    REACHES,
    SURROUNDED,
    complete,
    noise_of,
)
from overparam.studies.two_layer_descent.rules import (
    CLIFF,
    CLIMB,
    DOSE,
    FALL,
    LEVEL,
    RISE,
    STANDS_OUT,
    cliff,
    dose,
    fall,
    fall_before,
    first_peak,
    level,
    no_error_climb,
    no_rise,
    rise,
)

_SMOOTHED = f"running mean over {SMOOTH} widths"
_LEFT = f"the left minimum (lowest among the widths below {WINDOW[0]:g} nK parameters)"
_HELD_OUT = "Both places are chosen on the mean of the other seeds."
_INTERVAL = "95 % Student t interval over seeds, on logarithms"
_SAME_CLEAN = "With clean labels the same rule"

CLAIMS = (
    Claim(
        "peak",
        "With label noise, and no reuse of weights, the squared test loss peaks where the number of parameters is "
        "close to the number of samples times that of classes, p = nK.",
        ("L53",), "belkin2019",
        f"At the most label noise, on the {_SMOOTHED} of the test loss: p/(nK) at each seed's largest value to the "
        f"right of {_LEFT}. The 95 % interval of its geometric mean, no narrower than the grid resolves, lies in "
        f"[{WINDOW[0]:g}, {WINDOW[1]:g}]. The peak must stand out: at least {STANDS_OUT:g} times the left minimum and "
        f"the right end. {_HELD_OUT}",
        lambda e: first_peak(e, most_noise(e)),
        Control(f"{_SAME_CLEAN} finds no peak.", lambda e: first_peak(e, 0.0)),
        (noise_of(0.1), SURROUNDED, REACHES, FIXED, FIT, complete("")),
        chart="loss",
    ),
    Claim(
        "rise",
        "With 20 % label noise the squared test loss rises from its first minimum to the peak.",
        ("L53", "L54"), "josch14",
        f"At the most label noise, on the {_SMOOTHED} of the test loss: the peak (largest value to the right of "
        f"{_LEFT}) over the left minimum, geometric mean at least {RISE:g}; {_INTERVAL}. {_HELD_OUT}",
        lambda e: rise(arm(e, most_noise(e))),
        Control(f"{_SAME_CLEAN} finds no rise.", lambda e: rise(arm(e, 0.0))),
        (noise_of(0.2), SURROUNDED, FIXED, FIT, complete("")),
        chart="loss",
    ),
    Claim(
        "fall",
        "With 20 % label noise the squared test loss falls again beyond the peak: at p = 3 nK it is well below.",
        ("L53",), "belkin2019",
        f"At the most label noise: the test loss at the widest network over that of the peak (largest {_SMOOTHED} to "
        f"the right of {_LEFT}), geometric mean at most {FALL:g}; {_INTERVAL}. {_HELD_OUT}",
        lambda e: fall(arm(e, most_noise(e))),
        Control(
            "As far in parameters before the threshold, from nK/3 to the peak, the loss does not fall so.",
            lambda e: fall_before(arm(e, most_noise(e))),
        ),
        (noise_of(0.2), SURROUNDED, REACHES, FIXED, FIT, complete("")),
        chart="loss",
    ),
    Claim(
        "clean",
        "With clean labels the squared test loss does not rise: it falls or stays as the width grows.",
        ("L53", "L54"), "josch14",
        f"The largest factor by which the {_SMOOTHED} of the test loss climbs from any width to a larger one, "
        f"geometric mean at most {RISE:g}; {_INTERVAL}. The two widths are those of the largest climb of the mean "
        "over all seeds, which can only enlarge it.",
        lambda e: no_rise(arm(e, 0.0)),
        Control("With the most label noise the same rule finds a climb.", lambda e: no_rise(arm(e, most_noise(e)))),
        (CLEAN, noise_of(0.1), SURROUNDED, FIT_CLEAN, complete("")),
        chart="loss",
    ),
    Claim(
        "error-no-peak",
        "The 0-1 test error has no peak at any rate of label noise: it falls or stays as the width grows.",
        ("L53",), "josch14",
        f"At every rate of label noise, on the {_SMOOTHED} of the test error: the largest climb from any width to a "
        f"larger one is at most {CLIMB:g} points (95 % Student t interval over seeds). The two widths are those of "
        "the largest climb of the mean over all seeds, which can only enlarge it.",
        no_error_climb,
        Control(
            "Read from the widest network to the narrowest the same lines climb.",
            lambda e: no_error_climb(e, backwards=True),
        ),
        (noise_of(0.1), SURROUNDED, FIXED, FIT, complete("")),
        chart="error",
    ),
    Claim(
        "cliff",
        "The sharp fall of the test loss at p = nK in the published curve comes from the reuse of weights, which stops "
        "there.",
        ("L53",), "josch14",
        "With clean labels: test loss at the last width below nK parameters over that at the next width, with weights "
        f"reused below nK; divided by the same ratio without reuse. Geometric mean at least {CLIFF:g}; {_INTERVAL}.",
        cliff,
        Control(
            "One step before, where both networks reuse weights, the same rule finds no cliff.",
            lambda e: cliff(e, shift=-1),
        ),
        (CLEAN, SURROUNDED, CLOSE_STEP, FIT_CLEAN, complete("", "below_")),
        chart="reuse",
    ),
    Claim(
        "continuous",
        "If weights are reused at every width, the test loss does not fall beyond p = nK.",
        ("L53",), "josch14",
        f"With clean labels: largest {_SMOOTHED} of the test loss at a width with p in [{WINDOW[0]:g}, {WINDOW[1]:g}] "
        f"nK, over the test loss of the widest network, geometric mean at most {LEVEL:g}; {_INTERVAL}. The width is "
        "that of the largest mean over all seeds, which works against the claim.",
        lambda e: level(arm(e, 0.0, "continuous_")),
        Control("Without reuse the same rule finds a fall.", lambda e: level(arm(e, 0.0))),
        (CLEAN, SURROUNDED, REACHES, FIT_CLEAN, complete("", "continuous_")),
        chart="reuse",
    ),
    Claim(
        "dose",
        "The more label noise, the higher the peak of the squared test loss stands over its first minimum.",
        ("L53", "L54"), "josch14",
        f"On the {_SMOOTHED} of the test loss: height is the peak (largest value to the right of {_LEFT}) over the "
        "left minimum, both chosen on the other seeds. Each seed's least-squares slope of log height over the rate "
        "of noise gives the factor of growth from the least noise to the most; geometric mean at least "
        f"{DOSE:g}; {_INTERVAL}.",
        dose,
        Control(
            "The slope over the distance from the middle rate, in which a steady growth cancels, gives no such factor.",
            lambda e: dose(e, bend=True),
        ),
        (CLEAN, noise_of(0.2), SURROUNDED, FIXED, FIT, complete("")),
        chart="loss",
    ),
)  # fmt: skip
