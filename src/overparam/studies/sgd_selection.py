"""Which minima descent selects: sharpness on the line 2/step, non-uniformity by batch, and the exact largest stable step.

One network, one start: only the step and the batch differ. The largest stable step of each batch size is computed for the very
minimum that was reached (overparam.theory.sgd), and the minimum is left beyond it. sgd-moments has the same for linear models.
"""

from __future__ import annotations

import math
from typing import Any

from overparam.core import (HERE, Axis, Check, Claim, Control, Estimate, Hero, Params, World, arm, charts, each_cell, grid, later,
    line, need, planned, power_law, profiles, scalar, share_of_trials, study, worst)  # fmt: skip

TIMES, BATCHES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0), (1, 4, 20)
AXES = (
    Axis("data", "Digits: odd or even.", str, "digits", choices=("digits",), flag="data"),
    Axis("n", "Samples.", int, 80, low=25, high=300, flag="n"),
    Axis("width", "Units of the tanh layer.", int, 32, low=2, high=512, flag="widths"),
    Axis("goal", "Loss, (1/2n) |f - y|^2, below which a run must stay for 100 steps to end.", float, 5e-4, low=1e-8, high=0.1),
    Axis("flow_step", "Step of the run that stands for gradient flow.", float, 0.05, low=1e-5, high=1.0),
    Axis("times", "Steps of gradient descent in multiples of 2/sharpness of that run's end, ascending, all in one cell.", float,
         TIMES, low=0.05, high=20, inside_cell=True),
    Axis("batch", "Batch sizes at the first of these steps, ascending, all in one cell.", int, BATCHES, low=1, high=299,
         inside_cell=True),
    Axis("most", "Most steps of a run.", int, 20_000, low=200),
    Axis("runs", "Runs that try to leave a minimum, of each share of the step.", int, 5, low=1, high=200),
    Axis("follow", "Their steps.", int, 3000, low=20),
    Axis("seed", "Draws samples, weights and batches.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "digits"},
    quick=("80 digits, 32 units, 6 steps, 3 batch sizes: 5 seeds", {"seed": planned(5)}),
    laptop=("100 digits, 32 units, to a tenth of the loss: 8 seeds",
            {"n": 100, "goal": 1e-4, "most": 60_000, "runs": 10, "follow": 5000, "seed": planned(8)}),
    paper=("200 digits, 64 units, to a hundredth of the loss: an hour, 10 seeds; the paper has 1,000 images of two classes of "
           "Fashion-MNIST", {"n": 200, "width": 64, "goal": 1e-5, "most": 200_000, "runs": 10, "follow": 5000,
                             "flow_step": 0.02, "seed": planned(10)}),
)  # fmt: skip

# what is measured
times = grid("times", words="step over 2/sharpness of the flow")
edge = line("edge_over", "sharpness over 2/step")
change = scalar("uneven_change", "log non-uniformity of one sample a step less that of all")
flatter = scalar("sharp_change", "log sharpness of one sample a step less that of all")
uneven = line("uneven", "non-uniformity")
share = scalar(
    "largest_share", "step over the exact largest stable one of the minimum reached, largest of the batch sizes"
)
beyond = share_of_trials(
    scalar("leave_beyond"), scalar("runs"), "share of runs that leave at 1.5 of the largest stable step"
)
below = share_of_trials(scalar("leave_below"), scalar("runs"), "share of runs that leave at 0.9 of it")
kept = worst("bounds_kept", "ratio of steps, exact over sufficient or necessary over exact")


def fits(view: Any) -> Check:
    """Whether every run of every seed ended where it should, and how far from a minimum the worst is."""
    rows = [values for _, values in view.rows()]
    good = sum(bool(values.get("fitted")) for values in rows)
    loss = max((values.get("worst_loss") or 0.0 for values in rows), default=0.0)
    slope = max((values.get("worst_gradient") or 0.0 for values in rows), default=0.0)
    return Check(
        good == len(rows) > 0,
        f"{good} of {len(rows)} seeds; worst end: loss {loss:.3g}, gradient norm {slope:.3g}",
    )


FITS = need("fits", "Every run fits its samples: the loss stays below the goal. Elsewhere the point is no minimum that "
            "interpolates, and the formulas do not hold.", fits, values=("fitted", "worst_loss", "worst_gradient"))  # fmt: skip
L56, WU = ("L56",), "wu2018"
MEAN = "The theorem is about the mean square, which rare runs can carry: most runs may stay where it grows."
PAPER = (
    "Wu, Ma and E (recalled): linear stability of minima that interpolate, for any model; small networks on 1,000 images, "
    "squared loss.",
    "Here 80 digits or more, odd against even, one tanh layer; every run is stopped at a low loss and not at 0.")  # fmt: skip
WORLD = World(
    ("times", TIMES), seeds=8, straight=("uneven_change", "uneven_longer", "sharp_change", "sharp_longer", "edge_over",
          "flow_over"),
    lines={"edge_over": [0.5, 0.75, 0.97, 0.98, 0.99, 1.0], "flow_over": list(TIMES)},
    numbers={"uneven_change": -1.2, "uneven_longer": 0.03, "sharp_change": -1.0, "sharp_longer": 0.03, "largest_share": 0.45,
             "single_descent": 2.4, "leave_beyond": 5, "leave_below": 0, "all_beyond": 0, "all_below": 0, "runs": 5,
             "all_runs": 2, "fitted": 1.0,
             "worst_loss": 5e-4, "worst_gradient": 0.05, "bounds_kept": 1.0},
    spread={"edge_over": 0.02, "flow_over": 0.0, "uneven_change": 0.15, "sharp_change": 0.15, "uneven_longer": 0.02,
            "sharp_longer": 0.02, "largest_share": 0.1, "single_descent": 0.1, "leave_beyond": 0.0, "leave_below": 0.0,
            "all_beyond": 0.0, "all_below": 0.0, "runs": 0.0, "all_runs": 0.0, "fitted": 0.0, "bounds_kept": 0.0})  # fmt: skip
BY_BATCH = World(("batches", (*BATCHES, 80)), seeds=8, lines={"uneven": power_law(0.25, 5.0)}, spread={"uneven": 0.1},
                 numbers={"fitted": 1.0, "worst_loss": 5e-4, "worst_gradient": 0.05},
                 fixed={"data": "digits"})  # fmt: skip

CLAIMS = (
    Claim("line", "Gradient descent ends at minima whose sharpness is at most 2/step, for every step.", L56, WU,
          edge.at(HERE).at_most(1.05).contradicted(above=1.2).each(times >= 0.5), arm("gradient descent"),
          Control("The minimum that gradient flow reaches, at the same steps: it is too sharp for the larger ones.",
                  arm("flow's minimum", metrics={"edge_over": "flow_over"})), (FITS,), chart="line", form="bound", effect=WORLD,
          null=(WORLD.but(edge_over=[0.5, 0.75, 0.97, 1.05, 0.99, 1.0]), WORLD.but(edge_over=[0.5, 0.75, 0.97, 0.98, 0.99,
                1.05])),
          limit=(WORLD.but(edge_over=[0.5, 0.75, 0.97, 1.2, 0.99, 1.0]),), against=WORLD.but(edge_over=[0.5, 0.75, 1.0, 1.5,
                2.0, 3.0]),
          scope=(*PAPER, "5 and 20 % above the line are ours: a stopped run is still going up and down."), x="times"),
    Claim("edge", "Where flow's minimum is too sharp, does gradient descent end at the edge, within 15 % below 2/step?", L56, WU,
          edge.at(HERE).at_least(0.85).each(times >= 1.5), arm("steps beyond 1.5 times 2/sharpness of the flow"),
          Control("At half of it descent ends where the flow does, far below the edge.",
                  rule=edge.at(times.near(0.5)).at_least(0.85)), (FITS,), chart="line", kind="question", effect=WORLD,
          null=(WORLD.but(edge_over=[0.5, 0.75, 0.97, 0.85, 0.99, 1.0]), WORLD.but(edge_over=[0.5, 0.75, 0.97, 0.98, 0.99,
                0.85])), x="times"),
    Claim("uneven", "Stochastic gradient descent leaves minima of large non-uniformity: with one sample a step it ends at "
          "minima less than 0.6 times as non-uniform as those of gradient descent with the same step.", L56, WU,
          change.at_most(-0.5).contradicted(above=0.0), arm("one sample against all, same start and step"),
          Control("Gradient descent for as many steps as the single samples took: longer training is not the cause.",
                  arm("as many steps", metrics={"uneven_change": "uneven_longer"})), (FITS,), chart="batch", form="direction",
          effect=WORLD, null=(WORLD.but(uneven_change=-0.5),), limit=(WORLD.but(uneven_change=0.0),),
          against=WORLD.but(uneven_change=0.5), scope=(*PAPER, "A factor of 0.6 is ours.")),
    Claim("by-batch", "Does non-uniformity fall with the batch size, by a power of it of 0.1 or more?", L56, WU,
          uneven.slope().at_least(0.1), arm("same start and step", x="batches"), needs=(FITS,), chart="batch", kind="question",
          effect=BY_BATCH, null=(BY_BATCH.but(uneven=power_law(0.1, 5.0)),), x="batches"),
    Claim("flatter", "Are minima of one sample a step flatter too: at most 0.8 times as sharp?", L56, WU,
          flatter.at_most(math.log(0.8)), arm("one sample against all, same start and step"),
          Control("Gradient descent for as many steps.", arm("as many steps", metrics={"sharp_change": "sharp_longer"})), (FITS,),
          chart="batch", kind="question", effect=WORLD, null=(WORLD.but(sharp_change=math.log(0.8)),)),
    Claim("stable", "Every minimum that stochastic gradient descent ends at is stable for its step and batch: the step is at "
        "most "
          "the exact largest stable one.", L56, "mulayoff2024", share.at_most(1.0).contradicted(above=1.5),
          arm("batches of 1, 4 and 20"),
          Control("The minimum of gradient descent, for one sample a step: that step is beyond its largest stable one.",
                  arm("one sample a step at descent's minimum", metrics={"largest_share": "single_descent"})), (FITS,),
          chart="share", form="bound", effect=WORLD, null=(WORLD.but(largest_share=1.0),), limit=(WORLD.but(largest_share=1.5),),
          against=WORLD.but(largest_share=3.0), outside=MEAN, scope=(
              "The theorem is about the mean square near a minimum; a run may stay where the mean grows.", *PAPER)),
    Claim("leaves", "Single samples leave the minimum of gradient descent at 1.5 times its exact largest stable step and stay at "
          "0.9 of it.", L56, WU,
          beyond.at_least(0.5).contradicted(below=0.5) & below.at_most(0.25).contradicted(above=0.5),
          arm("residual 0, moved off to a loss of 1e-8"),
          Control("All samples at once with the same steps stay.",
                  arm("gradient descent", metrics={"leave_beyond": "all_beyond", "leave_below": "all_below",
                                                   "runs": "all_runs"})),
          (FITS,),
          chart="leave", form="direction", effect=WORLD,
          null=(WORLD.but(leave_beyond=2.5), WORLD.but(leave_below=1.25)),
          limit=(WORLD.but(leave_beyond=2.5), WORLD.but(leave_below=2.5)), against=WORLD.but(leave_beyond=0, leave_below=5),
          outside=MEAN, scope=(*PAPER, "A loss 100 times the first one is our word for leaving; the shares of runs are ours.")),
    Claim("bounds", "At the minima of this network too the exact largest stable step lies between Wu, Ma and E's sufficient "
          "condition and the corrected necessary ones.", L56, "mulayoff2024", kept.at_least(1 - 1e-6), chart="bounds",
          kind="check", needs=(FITS,), effect=WORLD, null=(WORLD.but(bounds_kept=0.99),)),
)  # fmt: skip

CHARTS = charts(
    {"times": "step over 2/sharpness of the flow"},
    line=("Sharpness on the line 2/step", "log sharpness over that of the flow",
          {"edge_sharp": "end of gradient descent", "level": "-theory: the smaller of 1 and 2/step"},
          "Right: small steps, which end where gradient flow does. Left: large ones, which end on the line.",
          {"x": {"line": "2/step, over the sharpness of the flow"}}),
    batch=("Sharpness and non-uniformity by batch size", "log sharpness or non-uniformity",
           {"uneven": "non-uniformity s", "sharp": "sharpness a"}, "Same start, same step: half of 2/sharpness of the flow.",
           {"x": {"batches": "batch size"}}),
    share=("The step, over the largest stable one", "log share of the exact largest stable step",
           {"share": "at the minimum reached with this batch", "descent_share": "at the minimum of gradient descent"},
           "Above 1 the mean squared distance grows: that minimum would be left.", {"x": {"batches": "batch size"}}),
    bounds=("Largest stable step of the minima reached", "log step",
            {"exact": "exact", "sufficient": "-theory: sufficient (Wu, Ma and E)", "necessary": "-theory: necessary, corrected",
             "printed": "-theory: bound on s, not necessary"},
            "The bound on s follows from the sufficient condition and is not necessary for stability: the exact step may lie "
            "above it.", {"x": {"batches": "batch size"}}),
    leave=("Leaving the minimum of gradient descent", "powers of ten of the loss, median run",
           {"leave_end": "one sample a step", "leave_all_end": "all samples, same step"},
           "Last loss over the first, from residual 0 moved off to 1e-8. At 2 a run is stopped.",
           {"x": {"edge_share": "lin step, over the exact largest stable one of one sample"}}),
    steps=("Steps to the loss", "log steps", {"steps": "gradient descent"}),
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Steps of all runs, and of those that leave."""
    from overparam.studies.sgd_selection_work import fitting

    fitting(cell)
    n, p = cell["n"], 66 * cell["width"]
    whole = 6e-5 + 6.0 * n * p / 6e9
    few = 8e-5
    needed = min(cell["most"], 4.0 * (5e-4 / cell["goal"]) ** 0.6 / cell["flow_step"] * 25)
    runs = needed * whole * (1.2 + 0.2 * len(cell["times"])) + 2 * needed * few * len(cell["batch"])
    away = 3 * cell["follow"] * (cell["runs"] * few + 2 * whole)
    return Estimate(2.0 + 0.65 * (runs + away) + 3e-7 * n**3 * (len(cell["batch"]) + 3), 1e8 + 32.0 * n * p)


STUDY = study(
    name="sgd-selection", title="Which minima descent selects",
    question="How sharp and how non-uniform are the minima at which a step and a batch size let descent stay?", x="times",
    sources=(WU, "mulayoff2024", "he2021"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, hero=Hero("line"),
    work=each_cell(later("overparam.studies.sgd_selection_work:run")), estimate=estimate, stack_limit=1,
    values=("flow_sharpness", "flow_share", "flow_steps", "flow_loss", "times", "line", "level", "edge_over", "edge_sharp",
          "steps",
            "flow_over", "batches", "sharp", "uneven", "share", "batch_steps", "exact", "sufficient", "necessary", "printed",
            "descent_share", "bounds_kept", "longer_loss", "uneven_change", "sharp_change", "uneven_longer", "sharp_longer",
            "largest_share", "single_descent", "residual", "edge_share", "runs", "all_runs",
            "single_share", "moved", "leave", "leave_end",
            "leave_all", "leave_all_end", "leave_below", "leave_beyond", "all_below", "all_beyond", "worst_loss",
            "worst_gradient", "fitted"),
    differences=(
        "The paper trains on two classes of Fashion-MNIST and of CIFAR-10; here digits are odd or even, centred and of length 2.",
        "Steps are multiples of 2/sharpness at the end of a run with a small step, which stands for gradient flow: each seed has "
        "its own.",
        "Sharpness is the largest eigenvalue of the Hessian of the loss for gradient descent; for batches, of the Gauss-Newton "
        "matrix at the end of the run, which is the Hessian where nothing is left.",
        "Batches are drawn without replacement within a step, single samples that leave a minimum with replacement; for one "
        "sample "
        "that is the same.",
        "Before it is left, the minimum of gradient descent is brought to residual 0 by Levenberg and Marquardt's method, which "
        "moves parameters by some per cent.",
        "sgd-moments judges the exact step and its bounds on linear models, and answers whether the printed bound on s is "
        "necessary (it is not): that is not repeated here."))  # fmt: skip
