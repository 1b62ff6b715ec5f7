"""The claims on sample-wise double descent: sentence, rule in words, control and preconditions."""

from __future__ import annotations

from functools import partial

from overparam.core import Claim, Control, Precondition
from overparam.studies.sample_descent import rules

BRACKET = Precondition(
    "bracket",
    "The numbers of samples surround N: at least five in [0.8, 1.25] N, one of them within 2 % of N.",
    rules.bracketed,
)
RIDGE_ARM = "Ridge with the penalty of smallest leave-one-out error, on the same samples, under the same rule"

CLAIMS = (
    Claim(
        name="peak",
        sentence="For a model of fixed size N the test loss peaks where the number of samples equals N.",
        ledger=("L53", "L54"),
        source="nakkiran2020",
        rule="For each seed the number of samples of the largest squared test loss; supported when the 95 % interval "
        "of its geometric mean, no narrower than the grid, lies in [0.9, 1.1] N.",
        judge=rules.peak,
        control=Control(f"{RIDGE_ARM}: no peak at N.", partial(rules.peak, arm="ridge_")),
        preconditions=(BRACKET,),
        chart="loss",
    ),
    Claim(
        name="height",
        sentence="With as many samples as parameters the test loss is at least twice what a quarter of the samples "
        "give.",
        ledger=("L53", "L54"),
        source="nakkiran2020",
        rule="Ratio of the squared test loss at N samples to that at N/4, paired by seed; the 95 % interval of its "
        "geometric mean is at least 2.",
        judge=rules.height,
        control=Control(
            f"{RIDGE_ARM}: four times the samples do not cost.", partial(rules.height, arm="ridge_")
        ),
        preconditions=(BRACKET,),
        chart="loss",
    ),
    Claim(
        name="more-data-hurts",
        sentence="More samples can make the test loss worse, with everything else the same.",
        ledger=("L54",),
        source="nakkiran2019",
        rule="Ratio of the squared test loss at a larger to that at a smaller number of samples, the two numbers "
        "those of the largest mean climb of every second seed, read at the other seeds; the 95 % interval of its "
        "geometric mean is at least 1.",
        judge=rules.more_hurts,
        control=Control(f"{RIDGE_ARM}: no such pair is found.", partial(rules.more_hurts, arm="ridge_")),
        preconditions=(BRACKET,),
        rule_version=2,
        rule_history=(
            "version 2, changed after a first quick run: reading each seed at the places of all others supported 12 of "
            "200 planted flat lines; half of the seeds now choose, the other half is read. The cut-off is as it was, "
            "and the claim was supported under both.",
        ),
        chart="loss",
    ),
    Claim(
        name="ridge",
        sentence="With tuned ridge regularisation more samples never hurt.",
        ledger=("L53", "L54"),
        source="nakkiran2021",
        rule="Largest factor by which the squared test loss of tuned ridge rises from any number of samples to a "
        "larger one, the two numbers those of the largest mean rise over all seeds (which works against the claim): "
        "the 95 % interval of its geometric mean is at most 1.10.",
        judge=rules.no_rise,
        control=Control(
            "The minimum-norm solution under the same rule: it rises.", partial(rules.no_rise, arm="")
        ),
        preconditions=(BRACKET,),
        chart="loss",
    ),
)
