"""Stochastic gradient descent against its exact mean, its largest stable step and its critical batch size."""

from __future__ import annotations

from overparam.core import Axis, Chart, Profile, Series, Source, Study, XAxis
from overparam.studies.sgd_moments.claims import CLAIMS
from overparam.studies.sgd_moments.work import MEAN_BATCHES, estimate, work
from overparam.studies.sources import SOLTANOLKOTABI

MA = Source(
    key="ma2018",
    citation="S. Ma, R. Bassily and M. Belkin, The power of interpolation: understanding the effectiveness of SGD in "
    "modern over-parametrized learning, ICML 2018.",
    url="https://arxiv.org/abs/1712.06559",
    bibtex="""@inproceedings{ma2018power,
  title     = {The power of interpolation: understanding the effectiveness of {SGD} in modern over-parametrized learning},
  author    = {Ma, Siyuan and Bassily, Raef and Belkin, Mikhail},
  booktitle = {International Conference on Machine Learning},
  year      = {2018},
  eprint    = {1712.06559},
  archivePrefix = {arXiv}
}""",
)
WU = Source(
    key="wu2018",
    citation="L. Wu, C. Ma and W. E, How SGD selects the global minima in over-parameterized learning: a dynamical "
    "stability perspective, NeurIPS 2018.",
    url="https://papers.nips.cc/paper/8049-how-sgd-selects-the-global-minima-in-over-parameterized-learning-a-"
    "dynamical-stability-perspective",
    bibtex="""@inproceedings{wu2018sgd,
  title     = {How {SGD} selects the global minima in over-parameterized learning: a dynamical stability perspective},
  author    = {Wu, Lei and Ma, Chao and E, Weinan},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2018}
}""",
)
MULAYOFF = Source(
    key="mulayoff2024",
    citation="R. Mulayoff and T. Michaeli, Exact mean square linear stability analysis for SGD, COLT 2024 (the "
    "threshold exists in closed form; the recursion of the residual's second moment is elementary).",
    url="https://arxiv.org/abs/2306.07850",
    bibtex="""@inproceedings{mulayoff2024exact,
  title     = {Exact mean square linear stability analysis for {SGD}},
  author    = {Mulayoff, Rotem and Michaeli, Tomer},
  booktitle = {Conference on Learning Theory},
  year      = {2024},
  eprint    = {2306.07850},
  archivePrefix = {arXiv}
}""",
)

AXES = (
    Axis("data", "Inputs: uniform on the unit sphere, or digits (labels: even or odd).", str, "sphere",
         choices=("sphere", "digits"), flag="data"),
    Axis("inputs", "As they are, or with their mean taken away and each divided by its length.", str, "centred",
         choices=("raw", "centred"), flag="inputs"),
    Axis("model", "Linear in the inputs; features: a two-layer tanh network linearised at its start, 32 units; "
         "network: the same network itself, with h = 0.05.", str, "linear",
         choices=("linear", "features", "network"), flag="models"),
    Axis("n", "Number of samples.", int, 40, low=17, high=160, flag="n"),
    Axis("d", "Dimension of inputs on the sphere.", int, 20, low=3, flag="d"),
    Axis("share", "Step of the courses, as a share of the largest stable one.", float, 0.25, low=0.01, high=0.99,
         flag="share"),
    Axis("runs", "Runs of a linear model; a network has a fifth of it.", int, 1000, low=50, flag="runs"),
    Axis("seed", "Draws the data, the targets, the weights and the batches.", int, 0, low=0, flag="seeds"),
)  # fmt: skip


def _profile(text: str, data: tuple[str, ...], inputs: tuple[str, ...], runs: int, seeds: int) -> Profile:
    return Profile(
        text,
        {
            "data": data, "inputs": inputs, "model": ("linear", "features", "network"), "n": (40,), "d": (20,),
            "share": (0.25,), "runs": (runs,), "seed": tuple(range(seeds)),
        },
    )  # fmt: skip


BOTH = ("raw", "centred")
PROFILES = {
    "quick": _profile("40 samples on the sphere, 5 seeds, 600 runs: under a minute", ("sphere",), ("centred",), 600, 5),
    "laptop": _profile("40 samples of sphere and digits, raw and centred, 8 seeds", ("sphere", "digits"), BOTH, 1000, 8),
    "paper": _profile(
        "the same with 20 seeds and 4,000 runs; the sources show other experiments or none",
        ("sphere", "digits"),
        BOTH,
        4000,
        20,
    ),
}  # fmt: skip

T = (XAxis("time", "steps"),)
B = (XAxis("batch", "batch size B"),)
CHARTS = (
    Chart(
        "mean", "Mean loss of runs and the exact mean", T, "loss, share of its start",
        (
            *(Series(f"mean_{b}", f"measured, B = {b}") for b in MEAN_BATCHES),
            *(Series(f"exact_{b}", f"theory: exact mean, B = {b}", dashed=True) for b in MEAN_BATCHES),
            Series("descent_1", "theory: gradient descent, same step as B = 1", dashed=True),
            Series("median_1", "measured median, B = 1"),
        ),
        y_log=True, arm="model", arm_title="Model", fit=False,
        note="The step is a share of the largest stable one of each batch size. Nothing is fitted. Losses of runs are "
        "skewed: a mean over few runs lies below the exact one more often than above.",
    ),
    Chart(
        "threshold", "Largest stable step of every batch size, and its bounds", B, "step",
        (
            Series("exact_step", "exact"),
            Series("sufficient_step", "theory: sufficient (Wu, Ma and E)", dashed=True),
            Series("necessary_step", "theory: necessary, smallest of three", dashed=True),
            Series("printed_step", "theory: printed as necessary (Wu, Ma and E)", dashed=True),
            Series("descent_step", "theory: gradient descent 2/a", dashed=True),
        ),
        y_log=True, arm="model", arm_title="Model", fit=False,
        note="The printed bound is necessary for the sufficient condition, not for stability.",
    ),
    Chart(
        "steps", "Steps to a thousandth of the loss against the batch size", (XAxis("many_batch", "batch size m"),),
        "steps",
        (
            Series("steps", "exact"),
            Series("perfect_steps", "theory: perfect scaling", dashed=True),
            Series("guaranteed_steps", "theory: guaranteed for the squared distance (bends at m*)", dashed=True),
        ),
        y_log=True, fit=False,
        note="Linear model, five times as many samples, the step of Ma, Bassily and Belkin, batches with "
        "replacement.",
    ),
    Chart(
        "atlas", "Stability: factor of the expected squared distance a step",
        (XAxis("atlas_step", "step, share of 2/a", log=False),), "factor a step",
        (
            *(Series(f"atlas_{b}", f"B = {b}") for b in MEAN_BATCHES),
            Series("atlas_all", "all samples: gradient descent"),
        ),
        y_log=True, arm="model", arm_title="Model", fit=False,
        note="Below 1 the distance to the minimum shrinks; the largest stable step is where a line crosses 1.",
    ),
    Chart(
        "rate", "The constant of the rate of single-sample descent", (XAxis("size", "samples n"),),
        "c = (1 - sqrt(rho)) n^2 / d",
        (Series("c", "inputs of the data"), Series("crowded_c", "inputs in close pairs")),
        y_log=True, fit=False,
        note="From the exact factor of the expected loss a step, at half the largest stable step; n^2 weights.",
    ),
    Chart(
        "escape", "Leaving a minimum: 5,000 single-sample steps",
        (XAxis("share_of_edge", "step, share of the largest stable one", log=False),), "powers of ten of the loss",
        (
            Series("leave_mean", "largest loss, mean of runs"),
            Series("leave_median", "largest loss, median run"),
            Series("end_median", "last loss, median run"),
            Series("leave_descent", "theory: gradient descent, largest loss", dashed=True),
        ),
        arm="model", arm_title="Model", fit=False,
        note="A run that is 10^12 times above its first loss is stopped and counted as that.",
    ),
)  # fmt: skip

STUDY = Study(
    name="sgd-moments",
    title="Stochastic gradient descent without simulation",
    question="How does the mean loss fall for each batch size, up to which step is it stable, and when do larger "
    "batches stop to pay?",
    sources=(SOLTANOLKOTABI, MA, WU, MULAYOFF),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=("data", "inputs", "model", "n", "d", "share", "runs"),
    estimate=estimate,
    stack_limit=1,
    claims=CLAIMS,
    charts=CHARTS,
    differences=(
        "The talk prints the rate with the denominator 'n 2', read as n^2; it gives no c. The rate is computed on "
        "a linearised network of n^2 weights from its exact map, at half the largest stable step, not at a step of "
        "the talk.",
        "The tanh network has 32 hidden units whose output weights are equal in size and cancel at the start, so "
        "that its output is 0 there; its output scale is set so that h is 0.05, which keeps it near linear.",
        "For the network itself the allowance of 2h is wide: the loss of gradient descent would lie within it, too. "
        "The linear models carry the claim on the mean.",
        "Network inputs are divided by their root mean square length.",
        "Batches are drawn anew at every step. Ma, Bassily and Belkin draw with replacement, which is followed in "
        "the two claims on their theorem; everywhere else no sample is twice in a batch.",
        "Ma, Bassily and Belkin test on networks and kernels with measured test errors; here training losses of "
        "linear models are followed, where their theorem speaks.",
        "Wu, Ma and E start on networks at minima found by training; here the minimum is that of the linearised "
        "problem, and every sample is fitted exactly.",
        "The 'necessary' bounds are not those of Wu, Ma and E: their condition on the non-uniformity is judged as "
        "a claim of its own.",
        "Targets of the linear model are a random linear function of the inputs, so that they can be fitted.",
    ),
)
