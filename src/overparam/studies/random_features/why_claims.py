"""The claims on why there is a peak: three ablations, effective parameters, the theory curve."""

from __future__ import annotations

from functools import partial

from overparam.core import Claim, Control, Precondition
from overparam.studies.random_features import why_rules
from overparam.studies.random_features.claims import BRACKET, FIT, TEN

ARM = Precondition(
    "arm",
    "The cells hold the ablations and the effective parameters.",
    partial(why_rules.has, value="cut_test_loss", advice="Run them with --why all."),
)
CURVE = Precondition(
    "prediction",
    "The cells hold the theory curve.",
    partial(why_rules.has, value="theory_test_loss", advice="Run them with --why all, without label noise."),
)

READING = (
    "The largest squared test loss in [0.8, 1.25] n over that at 0.5 n; the width is that of the largest mean over "
    "all seeds, which works against the claim. Supported when the 95 % interval of its geometric mean is at most 1.5 "
    "for every feature map."
)
UNTOUCHED = Control("The untouched curve under the same rule: it rises.", partial(why_rules.no_peak, arm=""))


def _ablation(name: str, sentence: str, how: str, arm: str) -> Claim:
    return Claim(
        name=name,
        sentence=sentence,
        ledger=("L53",),
        source="schaeffer2023",
        rule=f"{how} {READING}",
        judge=partial(why_rules.no_peak, arm=arm),
        control=UNTOUCHED,
        preconditions=(ARM, FIT, BRACKET),
        chart="ablations",
    )


CLAIMS = (
    _ablation(
        "small-values",
        "The peak needs small singular values of the training features: without them it is gone.",
        "At every width, singular values below half their median count as zero.",
        "cut_",
    ),
    _ablation(
        "residuals",
        "The peak needs targets that the features miss: with targets that N features can represent it is gone.",
        "At every width, the training targets are replaced by those of the ideal fit: least squares with the same "
        "features on the population.",
        "ideal_",
    ),
    _ablation(
        "test-directions",
        "The peak needs test samples along the small singular directions: projected on the leading ones it is gone.",
        "At every width, the test features are projected on the n/2 leading right singular vectors of the training "
        "features.",
        "leading_",
    ),
    Claim(
        name="effective-parameters",
        sentence="Against the effective number of parameters on the test inputs there is no second descent: beyond "
        "the fit point more features make the fit simpler, and the test loss falls as complexity does.",
        ledger=("L53",),
        source="curth2023",
        rule="Three factors, all at most 1.10: the largest rise of the effective number of parameters from any width "
        "from the fit point on to a larger one; and, sorted by it, the largest fall of the squared test loss as the "
        "effective number of parameters grows, right of the minimum up to the fit point and anywhere beyond it. "
        "Widths between the seeds' first and last fit points belong to neither side. "
        "Places are those of the largest mean over all seeds, which works against the claim. Supported when the 95 % "
        "intervals of the geometric means are at most 1.10 for every feature map.",
        judge=why_rules.unfolds,
        control=Control(
            "The number of features itself as the measure of complexity, same rule.",
            partial(why_rules.unfolds, complexity="width"),
        ),
        preconditions=(ARM, FIT, BRACKET, TEN),
        rule_version=2,
        rule_history=(
            "version 2, after a first run on digits: the sides are parted at the measured fit point instead of n. The "
            "rank of ReLU features reaches n only at about 1.03 n, so version 1 took the rise to their peak for one "
            "beyond it, and was contradicted. The cut-offs are as they were; ReLU is inconclusive under version 2.",
        ),
        chart="complexity",
    ),
    Claim(
        name="theory-curve",
        sentence="The test loss follows from the spectrum of the limit kernel and the target alone, away from the "
        "peak.",
        ledger=("L53",),
        source="simon2023",
        rule="Squared test loss over the one predicted by the random-feature eigenframework, at every width outside "
        "[0.8, 1.25] n; read at the widths of the largest and the smallest mean ratio over all seeds, which work "
        "against the claim. Supported when the 95 % intervals of the geometric means lie in [0.8, 1.25] for every "
        "feature map.",
        judge=why_rules.predicted,
        control=Control(
            "The same formula with all eigenvalues equal: the number of features alone does not predict the loss.",
            partial(why_rules.predicted, prediction="white_test_loss"),
        ),
        preconditions=(CURVE, FIT, BRACKET, TEN),
        chart="loss",
    ),
)
