"""The claims on certified convergence: sentence, rule in words, control and preconditions."""

from __future__ import annotations

from functools import partial

from overparam.core import Claim, Control, Precondition
from overparam.studies.certified_convergence import rules, rules_widths

CERTIFIED = Precondition(
    "certified", "At least ten runs are certified in every setting.", rules.enough_certified
)
APPLIES = Precondition(
    "applies", "At least ten runs in every setting meet the premises of the key lemma.", rules.lemma_applied
)


def _spanned(metric: str, x: str) -> Precondition:
    return Precondition(
        "widths",
        "At least four widths were measured, the largest 16 times the smallest.",
        partial(rules_widths.spanned, metric=metric, x=x),
    )


FOUND = Precondition(
    "found", "Every seed has a width that is certified beforehand.", rules_widths.certified_at_some_width
)
HARD = "A hard check: no run of any seed may differ, and the only tolerance is rounding, 1e-9."

CLAIMS = (
    Claim(
        name="certified",
        sentence="A network whose start is certified reaches zero loss by gradient descent, under the proved envelope "
        "and within the proved distance.",
        ledger=("L4",),
        source="oymak2020",
        rule="Failures among certified runs: at most 0. A run fails if its residual is above the envelope at any step, "
        "if it moves farther than proved, or if it has not come to a thousandth of its residual after the steps that "
        f"the certificate promises (at most 20,000 are run). Every seed has a certified run. {HARD}",
        judge=rules.never_fails,
        control=Control(
            "The same on data that no network fits (equal inputs with opposite targets): no run is certified there.",
            partial(rules.never_fails, arm="impossible_"),
        ),
        preconditions=(CERTIFIED,),
        chart="envelope",
    ),
    Claim(
        name="refused",
        sentence="No certificate is given where no interpolator exists, at any output scale or place on the way.",
        ledger=("L1",),
        source="soltanolkotabi2019",
        rule="Certificates on equal inputs with opposite targets, over all output scales, and (tanh) on the whole way "
        "of Levenberg-Marquardt into saturation where the outputs cannot reach the targets: at most 0, and every seed "
        "was tried. A hard check.",
        judge=rules.never_certified,
        control=Control(
            "The same rule on the original data, where certificates are given.",
            partial(rules.never_certified, arm=""),
        ),
        preconditions=(CERTIFIED,),
        chart="envelope",
    ),
    Claim(
        name="contraction",
        sentence="Every step contracts the residual at least by the proved factor.",
        ledger=("L5",),
        source="oymak2020",
        rule="Largest |r_{t+1}|/|r_t| over all steps less the proved factor, worst certified run: at most 1e-9. "
        "A hard check.",
        judge=rules.contracts,
        control=Control(
            "Against a factor with four times the proved progress, 1 - 4(1 - factor).",
            partial(rules.contracts, metric="fast_over"),
        ),
        preconditions=(CERTIFIED,),
        chart="envelope",
    ),
    Claim(
        name="linear",
        sentence="A certified network trains like its linearisation: the residuals differ by at most h times the start.",
        ledger=("L5",),
        source="soltanolkotabi2019",
        rule="Largest |r_t - r_t(linearised)| / (h |r_0|) over the steps, worst certified run: at most 1. "
        "An allowance that is not proved.",
        judge=rules.stays_linear,
        control=Control(
            "Linearised at another draw of the weights of the same width.",
            partial(rules.stays_linear, metric="wrong_over"),
        ),
        preconditions=(CERTIFIED,),
        chart="linear",
    ),
    Claim(
        name="key-lemma",
        sentence="The four inequalities of the key lemma hold: geometric decrease, short distance, within a constant of "
        "the shortest, short path.",
        ledger=("L13",),
        source="oymak2019",
        rule="With alpha = sigma_min/2, beta on the ball, h <= 1/16 and eta <= 1/(2 beta^2), each inequality as measured "
        f"over bound: at most 1 + 1e-9 in the worst run. {HARD}",
        judge=rules.lemma_holds,
        control=Control(
            "With the step as the slide prints it, 2 beta, where the reciprocal and the square are lost.",
            partial(rules.lemma_holds, arm="printed_"),
        ),
        preconditions=(APPLIES,),
        chart="lemma",
    ),
    Claim(
        name="potential",
        sentence="Residual plus weighted length of the path never rises.",
        ledger=("L14",),
        source="soltanolkotabi2019",
        rule="V_t = |r_t| + c sum (sigma - L s) times the length of a step, s the path before it: largest "
        "(V_{t+1} - V_t)/V_0, worst certified run, at most 1e-12. A hard check.",
        judge=rules.potential_falls,
        control=Control(
            "As the slide prints it, without the factor alpha: a residual plus a length, which depends on the unit of "
            "the targets. Here the unit is a thousand.",
            partial(rules.potential_falls, metric="printed_rise"),
        ),
        preconditions=(CERTIFIED,),
        chart="lemma",
    ),
    Claim(
        name="switches",
        sentence="In wide ReLU networks few units switch on the way, and never more than the weights' movement allows.",
        ledger=("L10", "L40"),
        source="oymak2020",
        rule="Slope of log share of switched (sample, unit) pairs over log width: the 95 % Student t interval is at most "
        "-1/3. And the switched units of a sample never exceed the exact worst case for the distance moved, a hard "
        "check.",
        judge=rules_widths.few_switches,
        control=Control(
            "Weights pushed at random by a fixed share of their norm, in place of training: the share stays.",
            partial(rules_widths.few_switches, arm="pushed_"),
        ),
        preconditions=(_spanned("switched", "switch_width"),),
        chart="switches",
    ),
    Claim(
        name="path",
        sentence="The way to zero loss gets shorter with the width: path over |W_0| falls like 1/sqrt(k).",
        ledger=("L6",),
        source="oymak2020",
        rule="Slope of log(path/|W_0|) over log k, at |v_l| = |y|/sqrt(kn): the 95 % Student t interval over seeds lies "
        "in [-0.6, -0.4], and that of R^2 is at least 0.98. And no certified path is longer than proved.",
        judge=rules_widths.path_shrinks,
        control=Control(
            "Output weights that do not shrink with the width: the same rule finds another power.",
            partial(rules_widths.path_shrinks, arm="fixed_"),
        ),
        preconditions=(_spanned("path", "width"),),
        chart="path",
    ),
    Claim(
        name="shortest",
        sentence="Gradient descent ends close to the nearest interpolator: at most 20 % farther than a proved lower "
        "bound for all of them.",
        ledger=("L13",),
        source="oymak2019",
        rule="Distance from the start to the proved end over the lower bound, worst certified run of a seed: the 95 % "
        "Student t interval is at most 1.2.",
        judge=rules.shortest,
        control=Control(
            "An interpolator found from a start that was moved at random by twice that distance.",
            partial(rules.shortest, metric="detour"),
        ),
        preconditions=(CERTIFIED,),
        chart="shortest",
    ),
    Claim(
        name="gap",
        sentence="Networks fit, and are proved on their way to be near an interpolator, at a small part of the width at "
        "which that is proved beforehand.",
        ledger=("L4", "L21"),
        source="oymak2020",
        rule="Width certified at the start over the width that is fitted, and over the width certified on the way: the "
        "95 % interval of each geometric mean is at least 10.",
        judge=rules_widths.gap,
        control=Control(
            "The certified width over that of another draw of the weights.",
            partial(rules_widths.gap, top="draw0", below=("draw1",)),
        ),
        preconditions=(FOUND,),
        chart="ladder",
    ),
    Claim(
        name="formulas",
        sentence="The width that is proved for the data at hand is below every published formula for smooth activations "
        "with its constant set to 1.",
        ledger=("L21",),
        source="soltanolkotabi2019",
        rule="Each formula over the certified width: the 95 % interval of its geometric mean is at least 1. With "
        "constants set to 1 the formulas are no theorems.",
        judge=rules_widths.below_print,
        control=Control(
            "Counting parameters: the width k = n/d of as many parameters as samples, under the same rule.",
            partial(rules_widths.below_print, names="count_formula", widths="count_width"),
        ),
        preconditions=(FOUND,),
        chart="ladder",
    ),
    Claim(
        name="law",
        sentence="The room for the path, 1/(2h), grows like the square root of the width.",
        ledger=("L38",),
        source="oymak2020",
        rule="Slope of log 1/(2h) over log k at |v_l| = |y|/sqrt(kn), with the Lipschitz constant that holds everywhere: "
        "the 95 % Student t interval over seeds lies in [0.45, 0.55].",
        judge=rules_widths.law_of_width,
        control=Control(
            "Output weights that do not shrink with the width: the same rule finds another power.",
            partial(rules_widths.law_of_width, arm="fixed_"),
        ),
        preconditions=(_spanned("room", "law_width"),),
        chart="law",
    ),
)
