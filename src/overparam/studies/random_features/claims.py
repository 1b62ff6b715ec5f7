"""The claims on random features: sentence, rule in words, control and preconditions."""

from __future__ import annotations

from functools import partial

from overparam.core import Claim, Control, Precondition
from overparam.studies.random_features import rules

FIT = Precondition(
    "fit",
    "Every seed fits its training set at some width: train loss at most 1e-6 of the initial loss.",
    rules.fit_reached,
)
BRACKET = Precondition(
    "bracket",
    "The widths surround n: at least five in [0.8, 1.25] n, one of them within 2 % of n.",
    rules.bracketed,
)
TEN = Precondition("right-end", "The widths go on to at least 10 n.", partial(rules.reaches, ratio=10.0))
TWENTY = Precondition("right-end", "The widths go on to at least 20 n.", partial(rules.reaches, ratio=20.0))

RIDGE_ARM = "Ridge with the penalty of smallest leave-one-out error, on the same features, under the same rule"
CLAIMS = (
    Claim(
        name="peak",
        sentence="The squared test loss of the minimum-norm solution peaks where the number of features equals "
        "the number of training samples.",
        ledger=("L53",),
        source="belkin2019",
        rule="For each seed the width of the largest squared test loss; supported when the 95 % interval of "
        "its geometric mean, no narrower than the grid, lies in [0.9, 1.1] n for every feature map.",
        judge=rules.peak,
        control=Control(f"{RIDGE_ARM}: no peak at n.", partial(rules.peak, arm="ridge_")),
        preconditions=(FIT, BRACKET),
        chart="loss",
    ),
    Claim(
        name="height",
        sentence="The peak is tall: the squared loss falls at least tenfold from it to the right end, and the "
        "0-1 error at least twofold.",
        ledger=("L53",),
        source="belkin2019",
        rule="Ratio of the test metric at its peak to that at the largest width; the peak is the width in "
        "[0.8, 1.25] n where the other seeds are largest. Supported when the 95 % intervals of the geometric "
        "mean ratios are at least 10 (squared loss) and at least 2 (0-1 error) for every feature map.",
        judge=rules.height,
        control=Control(f"{RIDGE_ARM}: no tall peak.", partial(rules.height, arm="ridge_")),
        preconditions=(FIT, BRACKET, TEN),
        chart="loss",
    ),
    Claim(
        name="norm",
        sentence="The norm of the coefficients peaks at the same place as the loss, and is smaller again at "
        "the right end.",
        ledger=("L53",),
        source="belkin2019",
        rule="The width of the largest coefficient norm, as in the claim 'peak', in [0.9, 1.1] n; and the "
        "ratio of the norm at its peak (chosen on the other seeds, in [0.8, 1.25] n) to that at the largest "
        "width at least 1; 95 % intervals, every feature map.",
        judge=rules.norm,
        control=Control(f"{RIDGE_ARM}: the norm does not peak at n.", partial(rules.norm, arm="ridge_")),
        preconditions=(FIT, BRACKET, TEN),
        chart="norm",
    ),
    Claim(
        name="descent",
        sentence="Beyond the peak the test loss falls a second time (the weak form of double descent).",
        ledger=("L53",),
        source="belkin2019",
        rule="Ratio of the squared test loss at n to that at 10 n, paired by seed; supported when the 95 % "
        "interval of its geometric mean is at least 1 for every feature map.",
        judge=rules.descent,
        control=Control(
            "The decade before: from 0.1 n to n, ten times more features must not lower the loss, same rule.",
            partial(rules.descent, start=0.1, stop=1.0),
        ),
        preconditions=(FIT, BRACKET, TEN),
        chart="loss",
    ),
    Claim(
        name="strong",
        sentence="The second descent ends below the first minimum: 10 n features beat the best number below n "
        "(the strong form of double descent).",
        ledger=("L53",),
        source="belkin2019",
        rule="Ratio of the smallest squared test loss of all widths below n (each seed's own, which works "
        "against the claim) to that at 10 n; supported when the 95 % interval of its geometric mean is at "
        "least 1 for every feature map.",
        judge=rules.strong,
        control=Control(
            "Barely more features than samples: 1.1 n of them, which fit the training set as exactly, must not "
            "beat the best width below n.",
            partial(rules.strong, at=1.1),
        ),
        preconditions=(FIT, BRACKET, TEN),
        rule_version=2,
        rule_history=(
            "version 2, after a first run on digits: the best width below n is each seed's own instead of the other "
            "seeds', which can only work against the claim; the cut-off is as it was, and the claim was supported "
            "under both.",
        ),
        chart="loss",
    ),
    Claim(
        name="kernel-limit",
        sentence="With many features the minimum-norm solution is the ridgeless solution of the limit kernel.",
        ledger=("L53",),
        source="belkin2019",
        rule="Ratio of the squared test loss at 20 n to that of the ridgeless kernel solution on the same "
        "samples; supported when the 95 % interval of its geometric mean lies in [0.9, 1.1] for every feature "
        "map.",
        judge=rules.kernel_limit,
        control=Control(
            "At N = n, where the features are far from their limit, the same rule.",
            partial(rules.kernel_limit, at=1.0),
        ),
        preconditions=(FIT, BRACKET, TWENTY),
        chart="loss",
    ),
    Claim(
        name="ridge",
        sentence="Optimal ridge regularisation removes the peak: more features never cost test loss.",
        ledger=("L53",),
        source="belkin2019",
        rule="Largest factor by which the squared test loss of tuned ridge rises from any width to any larger "
        "one; the two widths are those of the largest mean rise over all seeds, which works against the claim. "
        "Supported when the 95 % interval of its geometric "
        "mean is at most 1.10 for every feature map.",
        judge=rules.no_rise,
        control=Control(
            "The minimum-norm solution under the same rule: it rises.", partial(rules.no_rise, arm="")
        ),
        preconditions=(BRACKET, TEN),
        rule_version=2,
        rule_history=(
            "version 2, after a first run on digits: reading each seed's rise at the other seeds' widths supported 25 of "
            "200 planted nulls; the widths of the largest mean rise over all seeds work against the claim instead. The "
            "cut-off is as it was, and the claim was supported under both.",
        ),
        chart="loss",
    ),
)
