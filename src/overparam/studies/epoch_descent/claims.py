"""The claims of the study: sentences, rules in words, preconditions and negative controls."""

from __future__ import annotations

from overparam.core import Claim, Control
from overparam.studies.epoch_descent.courses import critical, large
from overparam.studies.epoch_descent.models import FAMILIES
from overparam.studies.epoch_descent.preconditions import FOR_LINEAR, for_critical, for_large
from overparam.studies.epoch_descent.rules import (
    LOSS_RISE,
    RISE,
    SHARE,
    below_first_minimum,
    no_second_descent,
    peak_place,
    second_descent,
)
from overparam.studies.epoch_descent.rules_linear import DIP, NEAR, minima, theory

_LEDGER = ("L54",)
_SMOOTH = "On a running mean over 5 log-spaced evaluations."
_PLACES = (
    "The first minimum (lowest mean value while the mean train error is at least 20 %) and the peak (largest after "
    "it) are chosen without the seed they are read at."
)
_RISES = {
    "error": f"The peak minus the first minimum is at least {RISE:g} point (95 % Student t interval over seeds)",
    "loss": f"The peak over the first minimum is at least {LOSS_RISE:g} (geometric mean, 95 % Student t interval on "
    "logarithms)",
}
_SHARE = "mean of (peak minus end) over mean of (peak minus first minimum), Fieller's 95 % interval,"

LINEAR = (
    Claim(
        "two-minima",
        "With label noise and features of two scales, the risk of gradient descent has two minima over time: the "
        "fast and the slow features each have a bias-variance trade-off of their own.",
        _LEDGER, "heckel2021",
        f"{_SMOOTH} A minimum counts by what the risk rises by on both of its sides. For each seed's own line the "
        f"second deepest minimum is at least {DIP:g} % deep, the third at most {DIP:g} % (95 % Student t intervals).",
        lambda e: minima(e, 2, "risk"),
        Control(
            "With step sizes matched to the features (in proportion to 1 over the squared scale), where all "
            "trade-offs happen at one time, the same rule finds no two minima.",
            lambda e: minima(e, 2, "balanced_risk"),
        ),
        FOR_LINEAR, chart="risk",
    ),
    Claim(
        "elimination",
        "Step sizes matched to the features eliminate the second descent: the risk has one minimum over time.",
        _LEDGER, "heckel2021",
        f"{_SMOOTH} With step sizes in proportion to 1 over the squared scale, for each seed's own line the deepest "
        f"minimum is at least {DIP:g} % deep, the second at most {DIP:g} % (95 % Student t intervals).",
        lambda e: minima(e, 1, "balanced_risk"),
        Control(
            "With one step size for all features the same rule finds more than one minimum.",
            lambda e: minima(e, 1, "risk"),
        ),
        FOR_LINEAR, chart="risk",
    ),
    Claim(
        "superposition",
        "The risk over time is the sum of one bias-variance trade-off a feature, each on the clock of its own scale.",
        _LEDGER, "heckel2021",
        "Largest factor, over all times, between the risk on the drawn design and the sum for many samples: each "
        f"seed's own worst time, which works against the claim, is at most {NEAR:g} % away (95 % Student t interval).",
        theory,
        Control(
            "The same sum with one clock for all features (the curve of matched step sizes) is not that near.",
            lambda e: theory(e, "balanced_theory"),
        ),
        FOR_LINEAR, chart="risk",
    ),
)  # fmt: skip


def _weak(family: str, metric: str) -> Claim:
    return Claim(
        f"{family}-{metric}-descent",
        f"With label noise the test {metric} of a large {FAMILIES[family]} first falls, then rises to a peak, then "
        "falls again as training goes on.",
        _LEDGER, "nakkiran2020",
        f"{_SMOOTH} {_RISES[metric]}, and the second descent takes back a share of at least {SHARE:g} of that rise: "
        f"{_SHARE} paired over seeds. {_PLACES} The largest network of the family is judged.",
        lambda e: second_descent(large(e, family), f"test_{metric}"),
        Control(
            "With clean labels the same rule finds no rise and second descent.",
            lambda e: second_descent(large(e, family, 0.0), f"test_{metric}"),
        ),
        for_large(family), chart=metric,
    )  # fmt: skip


def _strong(family: str, metric: str) -> Claim:
    asked = (
        "The first minimum over the end is at least 1 (geometric mean over seeds, 95 % Student t interval on "
        "logarithms)"
        if metric == "loss"
        else "The first minimum minus the end is at least 0 points (95 % Student t interval over seeds)"
    )
    return Claim(
        f"{family}-{metric}-strong",
        f"With label noise the test {metric} of a large {FAMILIES[family]} ends below its first minimum.",
        _LEDGER, "nakkiran2020",
        f"{_SMOOTH} {asked}. The first minimum is that of the mean line over all seeds while the mean train error is "
        "at least 20 %, which can only lower it.",
        lambda e: below_first_minimum(large(e, family), f"test_{metric}"),
        Control(
            "The peak, judged in place of the end, is not below the first minimum.",
            lambda e: below_first_minimum(
                large(e, family), f"test_{metric}", peak_place(large(e, family), f"test_{metric}")
            ),
        ),
        for_large(family), chart=metric,
    )  # fmt: skip


def _critical(family: str) -> Claim:
    return Claim(
        f"{family}-critical",
        f"With label noise the test error of a {FAMILIES[family]} near its fit point rises and does not fall again: "
        "longer training only hurts.",
        _LEDGER, "nakkiran2020",
        f"{_SMOOTH} {_RISES['error']}, and the second descent takes back a share of at most {SHARE:g} of that rise: "
        f"{_SHARE} paired over seeds. {_PLACES} The smallest network of the family is judged.",
        lambda e: no_second_descent(critical(e, family), "test_error"),
        Control(
            "The largest network of the family does not behave so under the same rule.",
            lambda e: no_second_descent(large(e, family), "test_error"),
        ),
        for_critical(family), chart="error",
    )  # fmt: skip


CLAIMS = (
    *LINEAR,
    *(
        claim
        for family in FAMILIES
        for claim in (
            _weak(family, "error"),
            _weak(family, "loss"),
            _critical(family),
            _strong(family, "error"),
            _strong(family, "loss"),
        )
    ),
)
