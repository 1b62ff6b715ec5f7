"""The claims on stochastic gradient descent: sentence, rule in words, control and preconditions."""

from __future__ import annotations

from functools import partial

from overparam.core import Claim, Control, Precondition
from overparam.studies.sgd_moments import rules

CLAIMS = (
    Claim(
        name="mean",
        sentence="Close to its linearisation, the mean loss of stochastic gradient descent follows an exact "
        "recursion for every batch size, with nothing simulated.",
        ledger=("L11",),
        source="mulayoff2024",
        rule="At n, 5n and 20n steps, for batches of 1, 4 and 16 and a quarter of the largest stable step, the mean "
        "loss over runs is compared with the exact one. Its largest distance, divided by 3 standard errors (plus 2h "
        "times the first loss for a network: a heuristic allowance for its curvature), is averaged over seeds: the "
        "95 % Student t interval is at most 1, for every model.",
        judge=rules.mean_is_exact,
        control=Control(
            "The loss of gradient descent with the same step, without batch noise, in place of the exact mean is "
            "too far away.",
            partial(rules.mean_is_exact, metric="descent_deviation"),
        ),
        preconditions=(
            Precondition(
                "tails",
                "The mean of the runs can be trusted: no run carries more than a tenth of the summed loss, and "
                "networks have h of at most 0.1.",
                rules.light_tails,
            ),
        ),
        chart="mean",
    ),
    Claim(
        name="rate",
        sentence="Single-sample descent on a two-layer network with generic inputs shrinks the expected loss at "
        "least by (1 - c d/n^2)^2 a step, with a constant c that does not depend on n.",
        ledger=("L11",),
        source="soltanolkotabi2019",
        rule="c = (1 - sqrt(rho)) n^2/d from the exact factor rho of the expected loss a step, single samples, half "
        "the largest stable step, a linearised tanh network with n^2 first-layer weights (the order of width that the "
        "theorem asks for), n = 20, 40, 80, 160: the least squares slope of log c over log n has a 95 % Student t "
        "interval over seeds that is at least 0. The size of c is reported, not assumed.",
        judge=rules.rate_constant,
        control=Control(
            "Inputs that are not generic, in pairs whose distance falls as 1/n, under the same rule: c falls.",
            partial(rules.rate_constant, metric="crowded_c"),
        ),
        rule_version=2,
        rule_history=(
            "Version 1 kept 32 hidden units for every n, so that the largest n had twice as many weights as samples "
            "and the theorem asked for more; it was inconclusive (slope -0.02, interval -0.15 to 0.11, 5 seeds). Its "
            "control, inputs in a plane, had eigenvalues below rounding at every n and showed nothing. The cut-off is "
            "the same.",
        ),
        chart="rate",
    ),
    Claim(
        name="guarantee",
        sentence="With the step of its theorem, small-batch descent brings the expected squared distance to the "
        "solution below g^t of its start.",
        ledger=("L52",),
        source="ma2018",
        rule="After 100 and 300 steps of batches of 1, 8 and n drawn with replacement, (measured mean - 3 standard "
        "errors) over the guarantee, the largest: the 95 % Student t interval over seeds is at most 1. And the exact "
        "mean never exceeds the guarantee, in no seed, by more than rounding (1e-9).",
        judge=rules.within_guarantee,
        control=Control(
            "The rate that the average eigenvalue would give in place of the smallest is not kept.",
            partial(rules.within_guarantee, metric="over_average"),
        ),
        chart="steps",
    ),
    Claim(
        name="scaling",
        sentence="Up to a critical batch size m* a batch twice as large needs half the steps; far beyond it "
        "the batch size does not matter, so that small batches are as fast as gradient descent.",
        ledger=("L51", "L52"),
        source="ma2018",
        rule="Exact number of steps until the expected loss is a thousandth, with the step of the theorem, against "
        "the batch size, on logarithms, for 5n samples of a linear model: the 95 % Student t interval of the slope "
        "from 1 to m*/2 lies in [-1.2, -0.8], and that of the slope from 8 m* to 32 m* in [-0.25, 0.25]. Settings "
        "with m* below 4 in some seed have no room for the first and are not judged.",
        judge=rules.scales_then_saturates,
        control=Control(
            "The step of one sample for every batch size: larger batches save nothing.",
            partial(rules.scales_then_saturates, arm="fixed_"),
        ),
        preconditions=(
            Precondition(
                "room", "Some setting has m* of at least 4, and the accuracy is reached.", rules.has_room
            ),
        ),
        chart="steps",
    ),
    Claim(
        name="bounds",
        sentence="The largest stable step of every batch size lies between the sufficient bound of Wu, Ma and E and "
        "the smallest of three necessary bounds.",
        ledger=("L56",),
        source="mulayoff2024",
        rule="No failure allowed: log of exact over sufficient, and of necessary over exact, the smallest over all "
        "batch sizes and seeds, is at least -1e-9 (rounding).",
        judge=rules.ordered,
        control=Control(
            "The stable step of gradient descent in place of that of the batch exceeds the necessary bound.",
            partial(rules.ordered, metric="descent_below_necessary"),
        ),
        chart="threshold",
    ),
    Claim(
        name="escape",
        sentence="Stochastic gradient descent leaves a minimum of the training loss when its step is above the "
        "largest stable one of its batch size, and stays when it is below.",
        ledger=("L56",),
        source="wu2018",
        rule="100 runs of 5,000 single-sample steps from a random displacement. At 1.5 times the largest stable step "
        "the mean over runs of the largest loss, over the first loss, is at least 10^2 (that is 10 times the "
        "distance), and so is the median; at 0.9 times the median of the last loss is at most 10^-1: 95 % Student t "
        "intervals over seeds of the powers of ten. 1.1 times is shown and not judged, because the mean is carried "
        "by rare runs there.",
        judge=rules.leaves_above,
        control=Control(
            "Gradient descent with the same steps does not leave: it is the noise of the batch.",
            partial(rules.leaves_above, leaving=("leave_descent", "leave_descent")),
        ),
        chart="escape",
    ),
    Claim(
        name="printed",
        sentence="A minimum at which stochastic gradient descent stays has a non-uniformity s of at most "
        "sqrt(B(n-1)/(n-B)) / step (the condition as it is printed).",
        ledger=("L56",),
        source="wu2018",
        rule="No failure allowed: log of the exact largest stable step over min(2/a, sqrt(B(n-1)/(n-B))/s), the "
        "largest over all batch sizes and seeds, is at most 1e-9; and so is that of a minimum constructed against "
        "it (24 samples in 13 dimensions, B = 3).",
        judge=rules.printed_is_necessary,
        control=Control(
            "Half of the printed bound is exceeded.", partial(rules.printed_is_necessary, factor=0.5)
        ),
        chart="threshold",
    ),
)
