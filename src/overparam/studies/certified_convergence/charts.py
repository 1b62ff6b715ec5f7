"""The charts of the study on certified convergence: measurements beside what is proved."""

from __future__ import annotations

from overparam.core import Chart, Series, XAxis

OVER = (XAxis("over", "output scale over the certified one"),)
RUNGS = (
    "Jacobian of full rank", "fitted", "certified on the way", "certified beforehand", "law: gradient flow",
    "law: key lemma", "n (Eftekhari)", "n^2/d (talk)", "n^(3/2) (Song)", "kappa^2 n^2/d (Oymak)", "n^4/lambda^4 (Du)",
)  # fmt: skip

CHARTS = (
    Chart(
        "envelope", "The loss under its certified envelope",
        (XAxis("progress", "steps over those promised for a thousandth of the residual"),),
        "residual over its start",
        (
            Series("near_course", "scale 1.2 times the certified one"),
            Series("near_envelope", "theory: envelope at 1.2", dashed=True),
            Series("far_course", "scale 10 times the certified one"),
            Series("far_envelope", "theory: envelope at 10", dashed=True),
        ),
        y_log=True,
        note="Certified at the start: no residual may lie above its dashed line, which promises 0.001 at the right "
        "edge. Runs end at 1e-5 of their residual or after 20,000 steps.",
    ),
    Chart(
        "afterwards", "Certified on the way: a network too narrow for a certificate at its start",
        (XAxis("after", "steps over those at which the certificate first holds"),),
        "residual over its start",
        (
            Series("after_course", "gradient descent"),
            Series("after_envelope", "theory: envelope from there on", dashed=True),
        ),
        y_log=True,
        note="From 1 on the rest of the way is proved, whatever came before.",
    ),
    Chart(
        "ladder", "The ladder of widths",
        (XAxis("rung", "what holds at this width", log=False, names=RUNGS),),
        "hidden units",
        (
            Series("rung_width", "unit rows"),
            Series("raw_rung_width", "inputs as they are"),
        ),
        y_log=True,
        note="The first four are measured or proved here, the laws have explicit constants, the last five are formulas "
        "in print with their constants set to 1, which makes them no theorems.",
    ),
    Chart(
        "path", "Length of the way over the width",
        (XAxis("width", "hidden units k"),),
        "path over |W_0|",
        (
            Series("path", "|v| = |y| / sqrt(kn)"),
            Series("fixed_path", "|v| the same at all widths"),
            Series("theory_path", "theory: k^(-1/2) from the first point", dashed=True),
        ),
        y_log=True,
    ),
    Chart(
        "law", "Room for the path",
        (XAxis("law_width", "hidden units k"),),
        "1/(2h); certified from 1 on",
        (
            Series("room", "|v| = |y| / sqrt(kn)"),
            Series("fixed_room", "|v| the same at all widths"),
        ),
        y_log=True,
    ),
    Chart(
        "shortest", "Does gradient descent take the shortest path?", OVER,
        "distance over a proved lower bound",
        (
            Series("shortest", "gradient descent"),
            Series("nearest", "nearest interpolator that was found"),
            Series("detour", "an interpolator found from elsewhere"),
        ),
        y_log=True,
        note="The lower bound holds for every interpolator there is. The key lemma promises 4 beta/alpha only.",
    ),
    Chart(
        "linear", "Deviation from the linearised course", OVER,
        "largest deviation over h |r_0|",
        (
            Series("linear_over", "linearised at the start"),
            Series("wrong_over", "linearised at another draw"),
        ),
        y_log=True,
        note="At most 1 is claimed.",
    ),
    Chart(
        "lemma", "How much the key lemma leaves", OVER,
        "measured over bound",
        (
            Series("lemma1", "squared residual"),
            Series("lemma2", "distance"),
            Series("lemma3", "|r_0| over beta times the distance"),
            Series("lemma4", "path"),
            Series("path_over", "path over the certified distance"),
        ),
        y_log=True,
        note="All at most 1. The lemma applies from about 8 times the certified scale on.",
    ),
    Chart(
        "switches", "Units of ReLU networks that switch",
        (XAxis("switch_width", "hidden units k"),),
        "share of (sample, unit) pairs",
        (
            Series("switched", "by training"),
            Series("pushed_switched", "by a random push of 5 % of |W_0|"),
            Series("theory_switched", "theory: k^(-1/3) from the first point", dashed=True),
        ),
        y_log=True,
    ),
)  # fmt: skip
