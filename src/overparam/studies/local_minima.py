"""Local minima: where no residual can be left, and a minimum of any width that is proved to be bad.

Where the Jacobian of the outputs has the rank of the samples, a critical point has no residual. From random starts wide
networks end there. That every local minimum is global is false all the same: one that is not is built and proved.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (Axis, Check, Claim, Control, Estimate, Hero, Params, World, arm, charts, each_cell,
    later, need, planned, profiles, scalar, share_of_trials, study, worst)  # fmt: skip

RATIOS = (0.5, 1.0, 2.0, 4.0)
L49, L50, L51 = ("L49",), ("L50",), ("L51",)
SOUDRY, NGUYEN, YUN = "soudry2016", "nguyen2017", "yun2019"

AXES = (
    Axis("data", "Law of the inputs; labels are +1 and -1 at random.", str, "gaussian", choices=("gaussian",), flag="data"),
    Axis("n", "Samples, of the networks that are trained.", int, 40, low=8, high=400, flag="n"),
    Axis("d", "Their inputs.", int, 10, low=2, high=100, flag="d"),
    Axis("ratio", "First-layer weights over samples, ascending, all in one cell.", float, RATIOS, low=0.01, high=20,
         inside_cell=True),
    Axis("starts", "Random starts of each network.", int, 5, low=1, high=200, flag="starts"),
    Axis("built", "Shapes with a minimum that is built: 1 has 8 units, 2 has 30, 3 two layers of 8, 4 has 200, 5 two of 30.",
         int, (1, 2, 3, 4, 5), low=1, high=5, inside_cell=True),
    Axis("built_n", "Samples of the built minimum.", int, 60, low=4, high=400),
    Axis("built_d", "Inputs of the built minimum.", int, 8, low=1, high=40),
    Axis("steps", "Steps of gradient descent after a kick.", int, 3000, low=10, flag="steps"),
    Axis("dense", "Most parameters for which all second derivatives are computed.", int, 2100, low=0, high=3000),
    Axis("seed", "Draws inputs, labels, starts and kicks.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "gaussian"},
    quick=("40 samples of 10 inputs, 5 starts; minima of 5 shapes, up to 200 units: 5 seeds", {"seed": planned(5)}),
    laptop=("40 samples of 10 inputs, 10 starts; minima of 5 shapes, followed longer: 10 seeds",
            {"starts": 10, "steps": 20_000, "seed": planned(10)}),
    paper=("100 samples of 20 inputs, 10 starts; the sources are theorems: half an hour, 10 seeds",
           {"n": 100, "d": 20, "starts": 10, "steps": 20_000, "seed": planned(10)}),
)  # fmt: skip


def reached(name: str, at_least: int, words: str) -> Any:
    """A need: so many such points were found in all."""

    def check(view: Any) -> Check:
        found = sum(int(values.get(name) or 0) for _, values in view.rows())
        return Check(found >= at_least, f"{found} points, asked at least {at_least}")

    return need(name.replace("_", " "), words, check, values=(name,))


def _proved(view: Any) -> Check:
    """Whether every built minimum of every seed has its proof, and a better point beside it."""
    rows = [values for _, values in view.rows()]
    good = [
        all(one >= 1 for one in values.get("proved") or [0])
        and all(one < 1 for one in values.get("better") or [1])
        for values in rows
    ]
    return Check(
        bool(good) and all(good),
        f"all minima of {sum(good)} of {len(rows)} seeds are proved to be local and not global",
    )


PROVED = need("proved", "Every built point is proved to be a local minimum, and another to have a smaller loss.", _proved,
              values=("proved", "better"))  # fmt: skip

# what is measured
wrong = worst("noise_errors", "share of wrong labels at a differentiable critical point")
ROUNDING = 1 + 1e-6
bound = (worst("plain_excess", "|r| sigma_min(J) over |J^T r|").at_most(ROUNDING)
         & worst("noise_excess", "the same with noise").at_most(ROUNDING))  # fmt: skip
layer = (worst("rank_off", "distance of the rank from the smaller of samples and units + 1").at_most(0)
         & worst("layer_excess", "|r| sigma_min(F) over |F^T r|").at_most(ROUNDING))  # fmt: skip
left = worst("wide_residual", "|r| / |y| at a critical point")
ZERO = 1e-6  # of the size of the labels
proof = (worst("proved", "1 if every condition was proved").at_least(1)
         & worst("better", "loss of other parameters over that of the minimum").at_most(1 - 1e-6)
         & worst("built_gradient", "entry of the gradient in float64").at_most(1e-10)
         & worst("built_curvature", "lowest over largest curvature in float64", missing=0.0).at_least(-1e-8))  # fmt: skip
built = worst("built_loss", "loss of a local minimum")
returns = share_of_trials(
    scalar("returns"), scalar("shape_count"), "share of shapes that return after kicks of 1 and 10 %"
)
escapes = share_of_trials(
    scalar("escapes"), scalar("shape_count"), "share of shapes that end below after a kick of 100 %"
)
kinks = share_of_trials(scalar("narrow_kinks"), scalar("narrow_starts"), "share of starts that end on a kink")
noise = (worst("noisy_rank_short", "samples less rank of J with noise").at_most(0)
         & worst("built_rank_short", "samples less rank of J without").at_least(1))  # fmt: skip

WORLD = World(
    seeds=8,
    numbers={"returns": 3, "escapes": 3, "shape_count": 3, "narrow_kinks": 6, "narrow_starts": 6, "wide_points": 3,
             "noise_points": 5},
    lists={"noise_errors": [0.0], "plain_excess": [0.7], "noise_excess": [0.7], "rank_off": [0], "layer_excess": [0.01],
           "wide_residual": [1e-13], "narrow_residual": [0.5], "proved": [1.0, 1.0], "better": [0.9, 0.92],
           "built_gradient": [1e-15, 1e-14], "built_curvature": [-1e-16, -1e-15], "built_loss": [0.0, 0.0],
           "random_loss": [1e-16], "wide_reached": [1e-16], "few_reached": [0.02], "built_wrong": [0.4],
           "noisy_rank_short": [0], "built_rank_short": [51]},
    spread={"returns": 0.0, "escapes": 0.0, "narrow_kinks": 0.0, "shape_count": 0.0, "narrow_starts": 0.0,
            "wide_points": 0.0, "noise_points": 0.0})  # fmt: skip

CLAIMS = (
    Claim("differentiable", "The classification error is zero at every differentiable critical point to which descent comes, of "
          "networks with at least as many weights as samples and noise like dropout's.", L49, SOUDRY,
          wrong.at_most(0).contradicted(above=1e-3), arm("leaky relu, noise like dropout's"),
          Control("The minimum that is built, without noise: a differentiable one too, and labels are wrong there.",
                  arm("built", metrics={"noise_errors": "built_wrong"})),
          (reached("noise_points", 8, "Enough such points were reached."),), chart="ends", form="bound", effect=WORLD,
          outside="Where J has nearly lost its rank, float64 does not tell a critical point from a slow one.",
          null=(WORLD.but(noise_errors=[0.025]),), limit=(WORLD.but(noise_errors=[1e-3]),),
          against=WORLD.but(noise_errors=[0.1]), scope=(
              "Soudry and Carmon (recalled): one hidden layer, piecewise linear, one output, squared loss, no more samples than "
              "weights of the first layer, almost every data set and almost every draw of noise like dropout's. The slide leaves "
              "the noise out; without it the sentence is false, as the control shows.",
              "Here every sample has its own factor on every unit, normal with mean 1 and deviation 0.25.")),
    Claim("residual", "Wherever J has rank n, the residual is at most the gradient over sigma_min(J): nothing is left at a "
          "differentiable critical point.", L49, SOUDRY, bound, arm("every end, on kinks or not"), chart="ends", kind="check",
          effect=WORLD, null=(WORLD.but(plain_excess=[0.5, 1.1]), WORLD.but(noise_excess=[1.00001]))),
    Claim("noise", "At the built minimum the Jacobian has a rank below n; with noise like dropout's it has rank n, so that the "
          "minimum is none.", L49, SOUDRY, noise, arm("as many units as samples"), chart="ends", kind="check", effect=WORLD,
          null=(WORLD.but(noisy_rank_short=[1]), WORLD.but(built_rank_short=[0]))),
    Claim("kinks", "Do networks with at most as many weights as samples end on kinks, where there is no gradient, in most "
          "starts?", L49, SOUDRY, kinks.at_least(0.5), chart="ends", kind="question", effect=WORLD,
          null=(WORLD.but(narrow_kinks=3),)),
    Claim("rank", "A random tanh layer with a constant has the rank of the samples from n - 1 units on, and the residual is at "
          "most the gradient of the last weights over sigma_min of its features.", L50, NGUYEN, layer, chart="rank",
          kind="check", effect=WORLD, null=(WORLD.but(rank_off=[0, 1]), WORLD.but(layer_excess=[1.1]))),
    Claim("wide", "Critical points of networks with a layer of n - 1 units, to which descent comes from random starts, are "
          "globally optimal.", L50, NGUYEN, left.at_most(ZERO).contradicted(above=1e-2), arm("tanh, n - 1 units"),
          Control("Fewer parameters than samples: the ends have a residual.",
                  arm("narrow", metrics={"wide_residual": "narrow_residual"})),
          (reached("wide_points", 4, "Enough critical points were reached."),), chart="rank", form="bound", effect=WORLD,
          outside="The source speaks of a large class of critical points, and says nothing of the others.",
          null=(WORLD.but(wide_residual=[1.1e-6]),), limit=(WORLD.but(wide_residual=[1e-2]),),
          against=WORLD.but(wide_residual=[0.5]), scope=(
              "Nguyen and Hein (recalled): analytic activation, one layer with at least n - 1 units, narrowing layers behind it, "
              "critical points with features of full rank and a Hessian block that is not degenerate: 'a large class'.",
              "Here one hidden layer, where features of full rank are enough; points that Levenberg-Marquardt reaches.")),
    Claim("counterexample", "Relu networks of every width tried, with one or two layers, have a local minimum with exactly no "
          "gradient, no negative curvature and the loss of a linear model, while other parameters have a smaller loss.", L51, YUN,
          proof, arm("exact arithmetic, and the same in float64"), chart="shapes", kind="check", effect=WORLD,
          null=(WORLD.but(proved=[1.0, 0.0]), WORLD.but(better=[0.9, 1.0]), WORLD.but(built_gradient=[1e-15, 2e-10]),
                WORLD.but(built_curvature=[-1e-15, -2e-8]))),
    Claim("every", "In the modern regime every local minimum is global: its loss is 0.", L51, "he2021",
          built.at_most(ZERO).contradicted(above=1e-2), arm("the built minima"),
          Control("Random starts of the fewest units: what is left there is not 0 either.",
                  arm("8 units", metrics={"built_loss": "few_reached"})), (PROVED,), chart="kicks", form="bound", effect=WORLD,
          null=(WORLD.but(built_loss=[1.1e-6]),), limit=(WORLD.but(built_loss=[1e-2]),), against=WORLD.but(built_loss=[0.4]),
          scope=("The slide says it of networks with more parameters than samples, without a condition.",
                 "Proved to be false in general: typical of what random starts reach, not universal. One such minimum is "
                 "enough.")),
    Claim("typical", "Do random starts of networks of 30 units or more end at the global minimum?", L51, "he2021",
          worst("wide_reached", "loss from a random start, over that of the minimum").at_most(ZERO), chart="shapes",
          kind="question", effect=WORLD, null=(WORLD.but(wide_reached=[2e-6]),)),
    Claim("returns", "Does gradient descent come back to the built minimum after kicks of 1 and 10 % of every parameter, for "
          "most shapes?", L51, YUN, returns.at_least(0.5), chart="kicks", kind="question", effect=WORLD,
          null=(WORLD.but(returns=1.5),)),
    Claim("escapes", "Does it end below after a kick of 100 %, for most shapes?", L51, YUN, escapes.at_least(0.5),
          chart="kicks", kind="question", effect=WORLD, null=(WORLD.but(escapes=1.5),)),
)  # fmt: skip

CHARTS = charts(
    {"ratio": "first-layer weights over samples"},
    between=("From the bad minimum to the end of a random start", "log loss over that of the bad minimum",
             {"between": "loss on the straight line", "level": "-theory: linear model"},
             "The minimum is at 0, the end of a random start of the same network at 1; 30 units. Drawn no lower than 1e-4.",
             {"x": {"line": "lin place on the line"}}),
    kicks=("Gradient descent after a kick", "log loss over that of the bad minimum",
           {"after_kick": "after descent, mean of the shapes on logarithms", "kick_level": "-theory: the minimum itself"},
           "Every parameter is multiplied by 1 plus normal noise of this size.", {"x": {"kick": "size of the kick"}}),
    ends=("Where descent ends: kinks and critical points", "starts",
          {"plain_kinks": "on a kink", "plain_critical": "critical, off all kinks", "noise_kinks": "on a kink, with noise",
           "noise_critical": "critical, off all kinks, with noise"},
          "Leaky relu. Starts that end at neither were not at rest."),
    residuals=("What is left at differentiable critical points", "log |r| / |y|, largest of the starts",
               {"plain_residual": "without noise", "noise_residual": "with noise like dropout's"}),
    rank=("Rank of a random tanh layer with its constant", "rank",
          {"rank": "measured", "rank_wanted": "-theory: smaller of n and units + 1"}, {"x": {"units": "units"}}),
    shapes=("The built minima of each shape", "log loss",
            {"built_loss": "at the minimum, proved", "better_loss": "other parameters, proved",
             "reached_loss": "from a random start"},
            "1: 8 units, 2: 30 units, 3: two layers of 8, 4: 200 units, 5: two layers of 30. Drawn no lower than 1e-16.",
            {"x": {"shape": "lin shape"}}),
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Systems of Levenberg and Marquardt, exact products, dense Hessians, and descent after kicks."""
    from overparam.studies.local_minima_work import fitting

    fitting(cell)
    n, d, sizes = cell["n"], cell["d"], (81, 301, 153, 2001, 1231)
    chosen = [sizes[one - 1] for one in cell["built"] if one <= len(sizes)]
    trusted = 0.5 * cell["starts"] * (n / 40) ** 3 * len(cell["ratio"]) / 10
    kicked = 2.5e-4 * cell["steps"] * sum(0.4 + size * cell["built_n"] / 1e5 for size in chosen)
    hessians = sum(3e-10 * size**3 for size in chosen if size <= cell["dense"])
    return Estimate(0.8 + trusted + kicked + hessians, 2e8 + 24.0 * cell["dense"] ** 2 + 32 * n**2 * d)


STUDY = study(
    name="local-minima", title="Local minima: typical and worst",
    question="Is every local minimum of a wide network global, and where can descent come to rest with a residual?", x="ratio",
    sources=(SOUDRY, NGUYEN, YUN, "ding2022", "he2021"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    hero=Hero("between"), work=each_cell(later("overparam.studies.local_minima_work:run")), estimate=estimate, stack_limit=1,
    values=("ratio", *(f"{arm}_{what}" for arm in ("plain", "noise") for what in (
                "kinks", "critical", "residual", "excess", "errors", "points")),
            "narrow_kinks", "narrow_starts", "units", "rank", "rank_wanted", "rank_off", "narrow_residual", "narrow_points",
            "wide_residual", "wide_points", "layer_excess", "shape", "kick", "proved", "radius", "built_gradient",
            "built_curvature", "built_loss", "better", "better_loss", "reached", "reached_loss", "returned", "escaped",
            "built_wrong", "after_kick", "kick_level", "shape_count", "returns", "escapes", "wide_reached", "few_reached",
            "noisy_rank_short", "built_rank_short", "line", "between", "level"),
    differences=(
        "All sources are theorems without experiments of this kind; the sizes are ours.",
        "Descent is Levenberg and Marquardt's method in float64, which comes to rest in some hundred steps. A point counts as "
        "critical at a gradient of 1e-8 of its size, and as on a kink where a unit gets less than 1e-6 of the input's length.",
        "With at most as many weights as samples most starts end on kinks, where there is no gradient: no theorem on "
        "differentiable points speaks of these, and they are counted and not judged.",
        "The built minimum: biases switch every unit on at every sample, so that the network is affine in a box around the "
        "parameters, and its outputs are those of linear least squares. overparam.theory.yun2019.bad_minimum gives one for "
        "data of your own, with its proof. It is Yun, Sra and Jadbabaie's for relu; Ding, Li and Sun have smooth activations.",
        "Random starts of the fewest units need not reach 0: 8 units are few for 60 labels."))  # fmt: skip
