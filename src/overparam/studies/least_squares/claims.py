"""The claims on least squares: sentence, rule in words, control and preconditions."""

from __future__ import annotations

from functools import partial

from overparam.core import Claim, Control, Precondition
from overparam.studies.least_squares import rules

RANK = Precondition("rank", "Every input matrix has rank n, so that all labels can be fitted.", rules.full_rank)
SETTLED = Precondition(
    "settled",
    "The closed form leaves at most 1e-10 of the slowest component within 400,000 steps.",
    rules.settled,
)
STEP = Precondition("step", "The step is at most 1/|X|^2.", rules.small_step)
WORST = "The largest value over all runs is judged, so that one run beyond the cut-off contradicts the claim"

CLAIMS = (
    Claim(
        name="global",
        sentence="With at least as many unknowns as labels, gradient descent on least squares fits every label.",
        ledger=("L12",),
        source="soltanolkotabi2019",
        rule=f"|X theta - y| at the end is at most 1e-8 of that at the start. {WORST}.",
        judge=rules.fits,
        control=Control(
            "Half as many unknowns as labels (random combinations of the inputs): a residual remains.",
            partial(rules.fits, arm="tall_"),
        ),
        preconditions=(RANK, SETTLED),
        chart="residual",
    ),
    Claim(
        name="closest",
        sentence="Of all solutions, gradient descent ends at the one closest to its start.",
        ledger=("L12",),
        source="soltanolkotabi2019",
        rule="The end lies within 1e-8 of theta_0 + X^+ (y - X theta_0), found by another solver, and the move has at "
        f"most 1e-8 outside of the span of X's rows; both relative to the distance from the start. {WORST}.",
        judge=rules.closest,
        control=Control(
            "Adam, which scales every coordinate by itself, fits the labels elsewhere.",
            partial(rules.closest, arm="adam_"),
        ),
        preconditions=(RANK, SETTLED),
        chart="ends",
    ),
    Claim(
        name="momentum",
        sentence="Momentum keeps this: its moves are sums of gradients, so it ends at the same closest solution.",
        ledger=("L12",),
        source="soltanolkotabi2019",
        rule=f"As for 'closest', for the heavy ball with momentum 0.9 and the same step. {WORST}.",
        judge=partial(rules.closest, arm="momentum_"),
        control=Control("Adam under the same rule.", partial(rules.closest, arm="adam_")),
        preconditions=(RANK, SETTLED),
        chart="ends",
    ),
    Claim(
        name="rate",
        sentence="The error shrinks every step at least by max_j |1 - eta s_j^2|, and the whole curve of the residual "
        "is known beforehand.",
        ledger=("L12",),
        source="soltanolkotabi2019",
        rule="While a share 1e-4 of the first residual is left: no ratio of successive residuals exceeds "
        "max_j |1 - eta s_j^2| by more than 1e-9 (relative); the residual stays within 1e-6 (relative) of "
        f"the closed form; the slowest component decays at the predicted rate within 1e-6. {WORST}.",
        judge=rules.rate,
        control=Control(
            "The heavy ball at the same step follows another curve.", partial(rules.rate, arm="momentum_")
        ),
        preconditions=(RANK, SETTLED),
        chart="residual",
    ),
    Claim(
        name="path",
        sentence="The way is short: at most sqrt(n) times the distance, because no singular component turns back.",
        ledger=("L12",),
        source="soltanolkotabi2019",
        rule="Path length over distance is at most sqrt(n) (rounding 1e-9), and no component of the error "
        f"changes its sign by more than 1e-6 of its first size. {WORST}.",
        judge=rules.short,
        control=Control(
            "Gradient descent with the step 1.9 / |X|^2 overshoots.", partial(rules.short, arm="overshoot_")
        ),
        preconditions=(RANK, SETTLED, STEP),
        chart="path",
    ),
)
