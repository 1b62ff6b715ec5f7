"""Networks of squares: minima and saddles from a width on, and the mean-field limit of very wide ones.

``f(x) = sum_l v_l (w_l . x)^2`` with fixed signs v is ``x^T M x``: so the least loss of any width is known by convex
optimisation, saddles and the speed of escape by one small matrix, and the limit of infinitely many units by logistic curves.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (Axis, Check, Claim, Control, Estimate, Hero, Params, UsageError, World, arm, charts,
    computed, each_cell, later, line, need, planned, power_law, profiles, study, worst)  # fmt: skip

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24)
UNITS = (32, 128, 512, 2048)
KINDS = {"both": "signs +1 and -1", "plus": "all signs +1"}

AXES = (
    Axis("data", "Law of the inputs.", str, "gaussian", choices=("gaussian",), flag="data"),
    Axis("d", "Inputs of the network whose minima are sought.", int, 8, low=3, high=40, flag="d"),
    Axis("n", "Samples it is trained on; by default fewer than products of two inputs.", int, 20, low=3, high=2000, flag="n"),
    Axis("many", "Samples of a second training set; by default more than that.", int, 60, low=4, high=5000, flag="many"),
    Axis("width", "Its numbers of units, all in one cell.", int, WIDTHS, low=1, high=400, inside_cell=True,
         flag="widths"),
    Axis("starts", "Random starts at each width.", int, 4, low=2, high=100, flag="starts"),
    Axis("steps", "Most steps of a descent.", int, 3000, low=100, flag="steps"),
    Axis("tolerance", "Excess loss, over that of answering zero, up to which the least loss counts as reached.", float, 1e-6,
         low=1e-9, high=1e-2),
    Axis("escape_steps", "Most steps of gradient descent away from a saddle.", int, 20_000, low=100),
    Axis("units", "Units of the networks near the mean-field limit, all in one cell.", int, UNITS, low=4,
         high=100_000, inside_cell=True, flag="units"),
    Axis("inputs", "Their inputs.", int, 6, low=2, high=40),
    Axis("rate", "Their step, in units of the limit's time.", float, 1e-3, low=1e-6, high=0.02),
    Axis("horizon", "Time until which they are followed.", float, 1.0, low=0.01, high=10),
    Axis("batch", "Fresh examples in a step of the arm that learns from samples.", int, 256, low=1, high=100_000),
    Axis("seed", "Draws examples, labels, starts and weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "gaussian"},
    quick=("8 inputs, 20 and 60 samples, up to 24 units; the limit with up to 2,048: 5 seeds", {"seed": planned(5)}),
    laptop=("12 inputs, 40 and 120 samples, up to 32 units and 8 starts; the limit with up to 8,192: 10 seeds",
            {"d": 12, "n": 40, "many": 120, "width": (*WIDTHS[:8], 9, 10, 11, 12, 14, 16, 20, 24, 32), "starts": 8,
             "units": (*UNITS, 8192), "seed": planned(10)}),
    paper=("20 inputs, 60 and 300 samples, up to 48 units; the sources prove, and show few experiments: half an hour, 20 seeds",
           {"d": 20, "n": 60, "many": 300, "width": (*WIDTHS[:8], 10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48), "starts": 8,
            "units": (*UNITS, 8192), "seed": planned(20)}))  # fmt: skip

# what is measured
excess = {name: worst(f"{name}_beyond", f"excess loss of a start, {words}") for name, words in
          {"both": "both signs and 2 d units or more", "plus": "signs +1 and d units or more",
           "root": "signs +1 and the root of 2 n units or more"}.items()}  # fmt: skip
REACHED = 1e-6  # of the loss of answering zero
gap = line("gap", "largest relative distance of the loss from the limit's")
strict = (worst("curvature_over_law", "lowest curvature over that of the law").at_least(1 - 1e-6)
          & worst("growth_off", "relative distance of the growth from the law's").at_most(0.05)
          & worst("escaped_excess", "excess loss after the escape").at_most(REACHED))  # fmt: skip


def wide(name: str) -> Any:
    """A need: some width is as large as the theorem asks for."""

    def check(view: Any) -> Check:
        rows = view.rows()
        most = max((max(cell["width"]) for cell, _ in rows), default=0)
        asks = max((max(values.get(f"{name}_asked") or [0]) for _, values in rows), default=0)
        return Check(0 < asks <= most, f"the theorem asks for {asks:g} units, the widest network has {most}")

    return need("wide", "Some network has the width that the theorem asks for.", check,
                values=(f"{name}_asked",))  # fmt: skip


def saddles(view: Any) -> Check:
    """Whether descent of the narrow networks ended at critical points that are not the least loss of all."""
    rows = [values for _, values in view.rows()]
    flat = max((one for values in rows for one in values.get("saddle_flat") or [1.0]), default=1.0)
    over = min((one for values in rows for one in values.get("saddle_excess") or [0.0]), default=0.0)
    return Check(flat <= 1e-6 and over >= 1e-4, f"gradients at most {flat:.1e}, excess losses at least {over:.1e}; asked at most "
                 "1e-6 and at least 1e-4")  # fmt: skip


SADDLES = need("saddles", "The narrow networks end at critical points whose loss is not the least.", saddles,
               values=("saddle_flat", "saddle_excess"))  # fmt: skip


def ended(view: Any) -> Check:
    """Whether descent away from the saddles ended where the gradient is zero and no direction is curved down."""
    rows = [values for _, values in view.rows()]
    flat = max((one for values in rows for one in values.get("escaped_flat") or [1.0]), default=1.0)
    lowest = min((one for values in rows for one in values.get("minimum_curvature") or [-1.0]), default=-1.0)
    return Check(flat <= 1e-6 and lowest >= -1e-6, f"gradients at most {flat:.1e}, curvature at least {lowest:.1e} of the "
                 "largest; asked at most 1e-6 and at least -1e-6")  # fmt: skip


ENDED = need("ended", "Descent has left the saddles for a minimum of second order: flat, and in no direction curved down.", ended,
             values=("escaped_flat", "minimum_curvature"))  # fmt: skip
PLACE = ("The talk names the previous work and no width; the widths here are recalled from the papers.",)
WORLD = World(
    seeds=10, fixed={"width": (1, 24), "n": 20},
    lists={"both_beyond": [1e-15, 1e-12], "plus_beyond": [1e-15] * 4, "root_beyond": [1e-15] * 4, "width": [1, 24],
           "both_first": [0.5, 0.6], "plus_first": [0.2, 0.3], "both_asked": [16, 16], "plus_asked": [8, 8],
           "root_asked": [7, 11], "needed_over": [0.25, 0.6], "traps": [0.5, 0.75], "curvature_over_law": [1.0, 1.0],
           "growth_off": [0.005, 0.002], "escaped_excess": [1e-15] * 2, "minimum_curvature": [-1e-10] * 2,
           "escaped_flat": [1e-9] * 2,
           "saddle_flat": [1e-9] * 2, "saddle_excess": [0.1, 0.3]})  # fmt: skip
WIDE = World(("units", UNITS), seeds=10, level=0.3, spread={"gap": 0.4}, fixed={"n": 20},
             lines={"gap": power_law(-0.7, 7), "lazy_gap": [0.9, 1.0, 1.0, 1.0]})  # fmt: skip

CLAIMS = (
    Claim("global", "With 2 d units, half of them with sign -1, no start ends above the least loss of all widths, whatever the "
          "labels: all local minima are global.", ("L21",), "soltanolkotabi2018", excess["both"].at_most(REACHED),
          needs=(wide("both"),), chart="share", kind="check", effect=WORLD,
          control=Control("The narrowest networks, by the same rule: they end above.",
                          rule=worst("both_first", "excess loss at the fewest units").at_most(REACHED)),
          null=(WORLD.but(both_beyond=[1e-15, 1.1e-6]),)),
    Claim("global-plus", "With all signs +1, d units are enough for that, against the least loss over positive semidefinite "
          "matrices.", ("L21",), "soltanolkotabi2018", excess["plus"].at_most(REACHED), needs=(wide("plus"),), chart="share",
          kind="check", effect=WORLD, null=(WORLD.but(plus_beyond=[1.1e-6, 1e-15]),),
          control=Control("The narrowest networks, by the same rule: they end above.",
                          rule=worst("plus_first", "excess loss at the fewest units").at_most(REACHED))),
    Claim("root", "With all signs +1 already the root of 2 n units are enough, for n samples.", ("L21",), "du2018",
          excess["root"].at_most(REACHED), arm("signs +1, labels that do not depend on the inputs but for their length"),
          Control("The narrowest networks, by the same rule: they end above.",
                  rule=worst("plus_first", "excess loss at the fewest units").at_most(REACHED)), (wide("root"),), chart="share",
          form="bound", effect=WORLD, null=(WORLD.but(root_beyond=[1e-15, 2e-6]),), scope=(
              "Du and Lee prove it for a loss with a little weight decay and a random perturbation.", *PLACE),
          outside="The loss here has neither weight decay nor a perturbation, for which alone the theorem is proved."),
    Claim("saddles", "A critical point of a narrow network with idle units added has negative curvature of 2 mu, mu the largest "
          "eigenvalue of S in size; descent leaves it by (1 + 2 rate mu)^t and ends at the least loss.", ("L21",),
          "soltanolkotabi2018", strict, needs=(SADDLES, ENDED), chart="share", kind="check",
          effect=WORLD, history=(
              "In one of the first ten seeds descent had not ended when its curvature was read: it now goes on past further "
              "saddles, and that it has ended is asked for before it is judged.",),
          null=(WORLD.but(curvature_over_law=[1.0, 0.99]), WORLD.but(growth_off=[0.051, 0.01]),
                WORLD.but(escaped_excess=[1e-15, 2e-6]))),
    Claim("narrower", "Are three quarters of the 2 d units already enough for every start in every seed?", ("L21",),
          "soltanolkotabi2018",
          worst("needed_over", "units from which on every start reaches the least loss, over 2 d").at_most(0.75),
          chart="share", kind="question", effect=WORLD, null=(WORLD.but(needed_over=[0.25, 0.8]),)),
    Claim("traps", "Do narrower networks have bad local minima: is there in every seed a width at which a third of the starts "
          "ends above the best of them?", ("L21",), "soltanolkotabi2018",
          worst("traps", "largest share of such starts of a width").at_least(1 / 3), chart="traps", kind="question",
          effect=WORLD, null=(WORLD.but(traps=[0.75, 0.25]),)),
    Claim("mean-field", "As the width grows, with outputs over the width and steps times the width, the loss follows the curve "
          "of the mean-field limit.", ("L22",), "mei2018", gap.tends_to(0.0, within=0.1, rate=-0.5), arm("all inputs at once"),
          Control("Outputs over the root of the width from output zero, beside the same limit: these follow another one.",
                  arm("lazy scaling", metrics={"gap": "lazy_gap"})), chart="limit", form="limit", effect=WIDE,
          scope=("Mei, Montanari and Nguyen: one-pass SGD with small steps, any time that is fixed while the width grows; the "
                 "distance is of the order of the root of 1/width.",
                 "Here squares as activation, Gaussian inputs, a quadratic target, and the exact gradient in small steps; 0.1 is "
                 "ours and decides support alone."),
          outside="The theorem asks for a bounded activation (recalled), which squares are not.",
          null=(WIDE.but(gap=power_law(-0.166, 1)), WIDE.but(gap=[2.0, 1.5, 1.2, 1.0]), WIDE.but(gap=[1.0] * 4),
                WIDE.but(gap=power_law(0.7, 0.1))), x="units"),
)  # fmt: skip

SETS = {f"{prefix}{kind}": f"{dash}{words}, {more} samples" for prefix, more, dash in (("", "few", ""), ("many_", "many", "-"))
        for kind, words in KINDS.items()}  # fmt: skip


def lines_of(what: str) -> dict[str, str]:
    """A quantity for both kinds of networks and both training sets."""
    return {f"{name}_{what}": words for name, words in SETS.items()}


CHARTS = charts(
    {"width": "units"},
    share=("Starts that reach the least loss of all widths", "share of starts", lines_of("share"),
           "Proved to be all from 2 d units on with both signs, from d on with signs +1."),
    excess=("How far the worst start stays above it", "log excess loss over that of answering zero", lines_of("excess"),
            "Drawn no lower than 1e-15."),
    traps=("Starts that end at a bad local minimum", "share of starts", lines_of("trapped"),
           "Critical points above the best end of the same width."),
    limit=("Distance from the mean-field limit", "log largest relative distance of the loss from the limit's",
           {"gap": "mean-field scaling", "sgd_gap": "the same, fresh examples", "lazy_gap": "lazy scaling (control)"},
           {"x": {"units": "units"}}),
    curves=("Loss curves and their limits in closed form", "log loss over all inputs",
            {"wide_loss": "mean field, most units", "narrow_loss": "mean field, fewest units",
             "limit_loss": "-theory: mean-field limit, logistic", "wide_lazy_loss": "lazy, most units",
             "narrow_lazy_loss": "lazy, fewest units", "lazy_limit_loss": "-theory: lazy limit, exponential"},
            "Time is steps times the rate. Both scalings start at the same loss.", {"x": {"time": "lin time"}}),
)  # fmt: skip


STEEP = 0.05  # rate times inputs: beyond, steps are no longer small


def checked(cell: Params) -> None:
    """Raise UsageError for values that do not go together."""
    d, few, many = cell["d"], cell["n"], cell["many"]
    if not d <= few < many:
        raise UsageError(
            f"--n, --many: expected d <= n < many with d = {d} inputs, got {few} and {many}. Take other numbers of samples."
        )
    if cell["rate"] * cell["inputs"] > STEEP:
        raise UsageError(
            f"--rate: expected at most {STEEP / cell['inputs']:.3g} with {cell['inputs']} inputs, got {cell['rate']:g}: larger "
            "steps are far from the limit of small ones. Take a smaller rate."
        )
    if cell["horizon"] < 2 * cell["rate"]:
        raise UsageError(
            f"--horizon: expected at least two steps of {cell['rate']:g}, got {cell['horizon']:g}. Follow them for longer."
        )


def estimate(cell: Params) -> Estimate:
    """Descents from all starts, the convex problem, the escape, and the networks near the limit."""
    checked(cell)
    n, d, width, units = cell["n"], cell["d"], cell["width"], cell["units"]
    samples = n + cell["many"]
    descents = 2.0 * cell["starts"] * sum(width) * samples * d * 6 * min(cell["steps"], 500)
    convex = 8e8 * (d / 8) ** 3 + 3000.0 * samples * d * d
    escapes = 0.1 * cell["escape_steps"] * 12.0 * samples * d * d + 120.0 * (2 * d * d) ** 3
    steps = cell["horizon"] / cell["rate"]
    limits = steps * (
        3 * 8.0 * sum(units) * cell["inputs"] ** 2 + len(units) * 6 * cell["batch"] * cell["inputs"] ** 2
    )
    return computed(descents + convex + escapes + limits, 1e6 + 8 * max(units) * cell["inputs"] + 20 * samples * d * d,
                    speed=0.02, steps=3 * len(units) * steps, step=4e-5)  # fmt: skip


VALUES = (
    "width", *(f"{name}_{what}" for name in SETS for what in ("excess", "share", "trapped", "needed", "least")),
    *(f"{name}_{what}" for name in ("both", "plus", "root") for what in ("asked", "beyond")),
    "both_first", "plus_first", "needed_over", "traps", "saddle_flat",
    "saddle_excess", "escaped_excess", "saddle_curvature", "curvature_over_law", "minimum_curvature", "escaped_flat",
    "growth_off", "units", "time", "gap", "sgd_gap", "lazy_gap", "limit_loss", "lazy_limit_loss", "narrow_loss", "wide_loss",
    "narrow_lazy_loss", "wide_lazy_loss",
)  # fmt: skip
STUDY = study(
    name="quadratic", title="Networks of squares: minima, saddles, and the mean-field limit",
    question="From which width on is every minimum of a network of squares global, and what do very wide ones follow?",
    x="width", sources=("soltanolkotabi2018", "du2018", "mei2018", "soltanolkotabi2019"), axes=AXES, profiles=PROFILES,
    claims=CLAIMS, charts=CHARTS, hero=Hero("curves"), values=VALUES, estimate=estimate, stack_limit=1,
    work=each_cell(later("overparam.studies.quadratic_work:run")), cell_version=2,
    work_history=("Descent away from a saddle goes on past further ones, until it has ended.",),
    differences=(
        "The talk names this line of work as previous and unrealistic, without a width. That 2 d units suffice with d of each "
        "sign, d with one sign, and the root of 2 n with weight decay is recalled from the papers.",
        "Minima are sought by a quasi-Newton method (L-BFGS), which stops at critical points as gradient descent does and is "
        "faster; the escape from saddles is followed by gradient descent itself.",
        "Labels are drawn independently of the inputs. With signs +1 they get a multiple of the input's squared length on top: "
        "one or two units would answer them otherwise.",
        "The least loss of any width is that of least squares, or of a convex problem over positive semidefinite matrices whose "
        "gap is proved to be below 1e-12 of the loss of answering zero, or which stops after 200,000 steps.",
        "Near the mean-field limit inputs are Gaussian and the loss is over all of them, in closed form; the output has a "
        "constant that is the best one at each time. Then the limit has one logistic curve for each eigenvalue of the target.",
        "The lazy networks have outputs over the root of the width, from output zero: their limit is exponential.",
    ))  # fmt: skip
