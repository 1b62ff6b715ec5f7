"""Least squares with more unknowns than labels: where gradient descent ends, how fast, and by how long a way.

The arms: gradient descent; ``momentum_``, with the same step and nine tenths of the last move; ``overshoot_``, with the
step 1.9 / |X|^2; ``adam_``; and ``tall_``, gradient descent with half as many unknowns as labels. All statements are
proved, so nothing is averaged: one run beyond a cut-off fails the check.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (Axis, Check, Claim, Control, Estimate, Params, World, arm, charts, later, need, planned,
    profiles, renamed, study, worst)  # fmt: skip

AXES = (
    Axis("data", "Where inputs and labels come from: normal inputs and labels, or digits labelled even and odd.", str,
         choices=("gaussian", "digits"), flag="data"),
    Axis("inputs", "Inputs as they are, or with the mean taken out and norm 1.", str, "raw",
         choices=("raw", "normalised"), flag="inputs"),
    Axis("n", "Labels.", int, 20, low=2, flag="n"),
    Axis("features", "Random ReLU features that the inputs are lifted to; 0 for the inputs themselves (4 n unknowns of "
         "normal inputs, 64 of digits).", int, 0, low=0, flag="features"),
    Axis("step", "Step of gradient descent, in units of 1/|X|^2.", float, 1.0, low=0.01, high=1.99, flag="step"),
    Axis("seed", "Draws the inputs, the labels, the features and the start.", int, 0, low=0, flag="seeds"))  # fmt: skip
PROFILES = profiles(
    {"data": ("gaussian", "digits"), "inputs": ("raw", "normalised"), "step": 1.0},
    quick=("20 labels, normal inputs and digits, with and without 400 features, 5 seeds",
           {"n": 20, "features": (0, 400), "seed": planned(5)}),
    laptop=("10, 20 and 30 labels, up to 1,600 features, 10 seeds",
            {"n": (10, 20, 30), "features": (0, 400, 1600), "seed": planned(10)}),
    paper=("10, 20 and 30 labels, up to 6,400 features, 20 seeds; the slides show no experiment of their own",
           {"n": (10, 20, 30), "features": (0, 400, 1600, 6400), "seed": planned(20)}))  # fmt: skip

SMALL, ROUNDING, AGREES = 1e-8, 1e-9, 1e-6
fits = worst("residual", "last residual over the first").at_most(SMALL)
closest = (
    worst("distance", "distance from the closest solution, relative").at_most(SMALL)
    & worst("outside", "move outside of the span of the rows, relative").at_most(SMALL))  # fmt: skip
rate = (
    worst("excess", "ratio of successive residuals over the rate, less 1").at_most(ROUNDING)
    & worst("gap", "relative distance of the residual from the closed form").at_most(AGREES)
    & worst("slow_gap", "relative error of the slowest component's rate").at_most(AGREES))  # fmt: skip
short = (
    worst("path_share", "path over sqrt(n) distances").at_most(1 + ROUNDING)
    & worst("overshoot", "overshoot of a component, relative").at_most(AGREES))  # fmt: skip
ENDS = ("distance", "outside")
MOMENTUM = arm("momentum 0.9", metrics=renamed("momentum_", *ENDS))
ADAM = arm("Adam", metrics=renamed("adam_", *ENDS))


def _full_rank(view: Any) -> Check:
    for p, v in view.rows():
        if v["rank"] < p["n"]:
            return Check(
                False, f"rank {v['rank']} of {p['n']} at seed {p['seed']}. Take fewer samples or features."
            )
    return Check(True, "every matrix has rank n")


def _settled(view: Any) -> Check:
    rows = [v for _, v in view.rows()]
    late = [v["predicted_steps"] for v in rows if not v["settled"]]
    detail = f"{len(late)} of {len(rows)} runs need more steps than allowed, up to {max(late, default=0)}. Take fewer samples."
    return Check(
        not late, detail if late else f"the longest run takes {max(v['predicted_steps'] for v in rows)} steps"
    )


def _small_step(view: Any) -> Check:
    largest = max(p["step"] for p, _ in view.rows())
    return Check(largest <= 1, f"the largest step is {largest:g} / |X|^2")


RANK = need(
    "rank", "Every input matrix has rank n, so that all labels can be fitted.", _full_rank, values=("rank",)
)
SETTLED = need("settled", "The closed form leaves at most 1e-10 of the slowest component within 400,000 steps.", _settled,
               values=("predicted_steps", "settled"))  # fmt: skip
STEP = need("step", "The step is at most 1/|X|^2.", _small_step, "step")

CUTS = {"residual": SMALL, "distance": SMALL, "outside": SMALL, "excess": ROUNDING, "gap": AGREES, "slow_gap": AGREES,
        "path_share": 1 + ROUNDING, "overshoot": AGREES, "momentum_distance": SMALL, "momentum_outside": SMALL}  # fmt: skip
FINE = World(
    fixed={"inputs": "raw", "n": 20, "features": 0, "step": 1.0},
    numbers={**{name: 0.3 * cut for name, cut in CUTS.items()}, "rank": 20, "settled": 1, "predicted_steps": 100,
             **dict.fromkeys(("tall_residual", "adam_distance", "adam_outside", "overshoot_path_share",
                              "overshoot_overshoot", "momentum_excess", "momentum_gap", "momentum_slow_gap"), 2.0)},
)  # fmt: skip


def beyond(*metrics: str) -> tuple[World, ...]:
    """Worlds in which one number lies just beyond its cut-off."""
    return tuple(FINE.but(**{name: CUTS[name] * (1 + 1e-6)}) for name in metrics)


L12, TALK = ("L12",), "soltanolkotabi2019"
CLAIMS = (
    Claim("global", "With at least as many unknowns as labels, gradient descent on least squares fits every label.", L12, TALK,
          fits.together(), kind="check", needs=(RANK, SETTLED), chart="residual", null=beyond("residual"), effect=FINE,
          control=Control("Half as many unknowns as labels (random combinations of the inputs): a residual remains.",
                          arm("half as many unknowns", metrics=renamed("tall_", "residual")))),
    Claim("closest", "Of all solutions, gradient descent ends at the one closest to its start.", L12, TALK,
          closest.together(), kind="check", needs=(RANK, SETTLED), chart="ends", null=beyond(*ENDS), effect=FINE,
          control=Control("Adam, which scales every coordinate by itself, fits the labels elsewhere.", ADAM)),
    Claim("momentum", "Momentum keeps this: its moves are sums of gradients, so it ends at the same closest solution.", L12,
          TALK, closest.together(), MOMENTUM, kind="check", needs=(RANK, SETTLED), chart="ends",
          null=beyond("momentum_distance", "momentum_outside"), effect=FINE, control=Control("Adam under the same rule.", ADAM)),
    Claim("rate", r"The error shrinks every step at least by $\max_j |1 - \eta s_j^2|$, and the whole curve of the residual is "
          "known beforehand.", L12, TALK, rate.together(), kind="check", needs=(RANK, SETTLED), chart="residual",
          null=beyond("excess", "gap", "slow_gap"), effect=FINE,
          control=Control("The heavy ball at the same step follows another curve.",
                          arm("momentum 0.9", metrics=renamed("momentum_", "excess", "gap", "slow_gap")))),
    Claim("path", "The way is short: at most sqrt(n) times the distance, because no singular component turns back.", L12, TALK,
          short.together(), kind="check", needs=(RANK, SETTLED, STEP), chart="path", null=beyond("path_share", "overshoot"),
          effect=FINE, control=Control("Gradient descent with the step 1.9 / |X|^2 overshoots.",
                                       arm("step 1.9 / |X|^2", metrics=renamed("overshoot_", "path_share", "overshoot")))),
)  # fmt: skip

STEPS, PLAIN = {"times": "steps"}, {"fit": False}
LABELS = {"x": {"n": "lin labels n"}, **PLAIN}
CHARTS = charts(
    STEPS, ("inputs", "inputs"),
    residual=("How fast the labels are fitted", "log residual, relative to the start",
              {"residual_line": "gradient descent", "theory_line": "-theory: closed form",
               "momentum_line": "momentum 0.9, same step"},
              "Straight lines are single components; the slowest is left alone at the end. Runs that had settled are not "
              "continued, so late points average over fewer seeds.", PLAIN),
    path=("How long the way is", "path length over the distance to the closest solution", {"path_line": "gradient descent"},
          "The straight way is 1; the claim promises at most sqrt(n).", PLAIN),
    ends=("Where each method ends", "log distance from the closest solution, relative",
          {"distance": "gradient descent", "momentum_distance": "momentum 0.9", "adam_distance": "Adam",
           "adam_residual": "Adam: residual left, relative"},
          "Adam fits the labels at another solution: the distance does not fall with its residual.", LABELS),
    ways=("The way of gradient descent against its bounds", "log path length over distance",
          {"path": "gradient descent", "overshoot_path": "step 1.9 / |X|^2", "momentum_path": "momentum 0.9",
           "theory_path_low": "-theory: at least", "theory_path_high": "-theory: at most"}, LABELS))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Expected cost of a cell on one core; the number of steps is guessed from the sort of inputs."""
    n = cell["n"]
    p = cell["features"] or (4 * n if cell["data"] == "gaussian" else 64)
    steps = 5.0 * n if cell["data"] == "gaussian" else (20.0 if cell["inputs"] == "normalised" else 50.0) * n**2
    steps *= 10.0 if cell["features"] and cell["data"] == "gaussian" else 1.0
    steps = min(400_000, steps / min(cell["step"], 1.0))
    return Estimate(0.4 + 3 * steps * (1.5e-5 + n * p * 1e-9) + 20_000 * n * p * 6e-10, 3e8 + 64.0 * n * p)


ARMS = ("", "momentum_", "overshoot_")
FACTS = ("residual", "distance", "outside", "path", "path_share", "overshoot", "excess")
STUDY = study(
    name="least-squares", title="Least squares with more unknowns than labels",
    question="Where does gradient descent end when many solutions exist, how fast, and by how long a way?", x="times",
    sources=(TALK,), axes=AXES, profiles=PROFILES, work=later("overparam.studies.least_squares_work:solve"),
    estimate=estimate, stack_limit=4, claims=CLAIMS, charts=CHARTS,
    values=(*(name + fact for name in ARMS for fact in FACTS),
            *(name + fact for name in ARMS[:2] for fact in ("gap", "slow_gap")), "rank", "unknowns", "distance_scale",
            "condition", "theory_rate", "predicted_steps", "settled", "theory_path_low", "theory_path_high", "times",
            "residual_line", "theory_line", "momentum_line", "path_line", "tall_residual", "adam_distance",
            "adam_outside", "adam_residual"),
    differences=(
        "The slides name three properties in words: global convergence, the closest optimum, a relatively short path. "
        "The cut-offs, the rate and the bound sqrt(n) on path over distance are added; the bound is proved for steps up "
        "to 1/|X|^2.",
        "The slides do not say that X must have rank n; with dependent rows descent ends at the closest least-squares "
        "solution instead. Here the rank is a precondition.",
        "Momentum is sometimes said to lose the closest solution. From rest it cannot: its moves are sums of gradients, "
        "which lie in the span of the rows. It has a claim of its own; the control is Adam.",
        "Labels of digits are +1 for even and -1 for odd; the slides show no data.",
        "Digits are taken at 10 to 30 samples: more would need more than 400,000 steps, since their matrices are "
        "ill-conditioned.",
        "Adam runs 20,000 steps with a learning rate that falls from 0.01 to 0 along a cosine; how much of the residual "
        "it leaves is drawn beside its distance."))  # fmt: skip
