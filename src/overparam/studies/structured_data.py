"""What a wide network does on structured data: Li and Liang (2018), its theorem's assumption measured on the data.

Two layers, the first trained by SGD at a rate that falls with the width: test error, distance, switched ReLUs and spectra
against the width, beside a rate that does not fall and random labels.
"""

from __future__ import annotations

from math import log
from typing import Any

from overparam.core import (BATCH, DATA, N, STEPS, VIEW, Axis, Check, Claim, Control, Estimate, Hero, Params, Series, UsageError,
    World, arm, batch_fits, charts, grid, holding, later, line, need, per_seed, planned, preferred, profiles,
    study)  # fmt: skip

QUICK, WIDTHS = (16, 64, 256, 1024), (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
TRAINED = ("plain", "constant-rate", "random-labels")
TIGHT, LOOSE = "components:d=80,spread=1,within=0.02", "components:d=80,spread=1"
AXES = (
    DATA.but(help="Data set; components are drawn anew for every seed, of others the seed chooses the rows."), N,
    Axis("width", "Hidden units m.", int, low=1, flag="widths"),
    Axis("training", "Plain: given labels, learning rate divided by the width; constant-rate: divided by 16 whatever the width; "
         "random-labels: as plain, with labels drawn anew from all classes.", str, "plain", choices=TRAINED),
    Axis("rate", "Learning rate before it is divided.", float, 10.0, low=1e-9),
    STEPS.but(default=400), BATCH.but(help="Samples in a minibatch, drawn with replacement.", default=16),
    Axis("probe_times", "Times at which the distance is measured.", int, 12, low=2),
    Axis("seed", "Draws data, initial weights, minibatches and random labels.", int, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": (TIGHT, LOOSE, "digits"), "n": 100, "training": TRAINED, "seed": planned(8)},
    quick=("tight and loose components and digits, 100 samples, 16 to 1,024 units, 8 seeds: a minute", {"width": QUICK}),
    laptop=("tight and loose components and digits, 100 samples, 16 to 8,192 units, 8 seeds",
            {"width": WIDTHS[::2] + WIDTHS[-1:]}),
    paper=("10 classes of 2 components in 1,000 dimensions, spread 5, 1,000 samples, and MNIST, 500 to 16,000 units, 8 "
           "seeds; MNIST has 400 steps here, the paper 20,000: hours",
           {"data": ("components", "mnist"), "n": 1000, "width": (500, 1000, 2000, 4000, 8000, 16_000)}))  # fmt: skip

LAZY = arm("rate over the width, given labels", training="plain")
CONSTANT = arm("constant rate, given labels", training="constant-rate")
NOISY = arm("rate over the width, random labels", training="random-labels")
error, fit = (
    line("test_error", "test error", "points", 100),
    line("train_error", "training error", "points", 100),
)
moved, flips = line("moved", "relative distance from the start"), line("flips", "share of ReLUs that switched")
update, start = (
    line("rank_update", "95 % rank of the update"),
    line("rank_start", "95 % rank of the weights at the start"),
)
kept = line("kept", "smallest eigenvalue of the kernel at the end over that at the start")
low, high = line("gradient_low", "lower margin"), line("gradient_high", "upper margin")
need_n = line("need", "samples needed for a test error of 5 %")
need_far = line("need_far", "samples needed in four times the dimensions")
need_parts = line("need_parts", "samples needed for four times the components")
NARROWER, FLIPS = grid("width").nearest(64), flips.inside(grid("width") >= 64)
NEEDED = arm("rate over the width, given labels", training="plain", only=holding("need"))
AT_256 = arm("256 units, rate over the width, given labels", training="plain", width=preferred(256),
             only=holding("need_far"))  # fmt: skip
SLOPE, SLOWER, SMALL, SWITCHED, RANK, EPS, MORE = -1 / 3, -0.15, 0.25, 0.2, 1 / 3, 1.0, 5.0


def both_hold(low: Any, high: Any) -> Any:
    """No margin is below zero by more than rounding of the eigenvalues."""
    return (low >= -1e-10) & (high >= -1e-10)


def widest_factor(view: Any, metric: str) -> Any:
    """By which factor, up or down, a metric of the widest network differs between both rates, less 4/3, seed by seed."""
    import numpy as np

    one, other = (view.on(arm, frozenset({metric})).line(metric).y[:, -1] for arm in (LAZY, CONSTANT))
    return np.maximum(one / other, other / one) - 4 / 3


def rank_factor(view: Any) -> Any:
    """Of the rank of the update."""
    return widest_factor(view, "rank_update")


def distance_factor(view: Any) -> Any:
    """Of the relative distance from the start."""
    return widest_factor(view, "moved")


BOTH_RATES = "at the right end, by which factor it differs between both rates, less 4/3"
RANKS = per_seed(rank_factor, f"95 % rank of the update {BOTH_RATES}", VIEW).positive_share()
DISTANCES = per_seed(distance_factor, f"relative distance {BOTH_RATES}", VIEW).positive_share()


def above(number: Any, cut: float) -> Any:
    """At most half of the seeds lie above a cut-off."""
    return number.plus(-cut).positive_share().at_most(0.5)


def over_twice(one: Any, other: Any) -> Any:
    """What one number has beyond twice the other."""
    return one - 2.0 * other


def over_a_quarter(one: Any, other: Any) -> Any:
    """What one number has beyond 5/4 of the other."""
    return one - 1.25 * other


def over_a_third(one: Any, other: Any) -> Any:
    """What one number has beyond a third of the other."""
    return one - RANK * other


def no_more(one: Any, other: Any, beyond: Any) -> Any:
    """In at most half of the seeds one number is beyond a multiple of the other."""
    words = {over_twice: "twice", over_a_quarter: "5/4 of", over_a_third: "a third of"}[beyond]
    return per_seed(beyond, f"{one.words} less {words} {other.words}", one, other).positive_share().at_most(0.5)


def measured(view: Any) -> str:
    """What the theorem asks of the data, as measured."""
    values = [values for _, values in view.rows() if "diameter_ratio" in values]
    if not values:
        return ""
    ratio = min(one["diameter_ratio"] for one in values)
    allowed, parts = values[0]["allowed_ratio"], min(one["parts_needed"] for one in values)
    return (
        f"diameter of a component over separation of the classes at least {ratio:.3g}, allowed {allowed:.3g}; components a "
        f"class that the assumption needs: {parts:g} or more"
    )


def _structured(view: Any) -> Check:
    return Check(all(values["structured"] == 1 for _, values in view.rows()), measured(view))


def _positive(view: Any) -> Check:
    widest = max(params["width"] for params, _ in view.rows())
    found = min(values["lowest"] for params, values in view.rows() if params["width"] == widest)
    return Check(
        found >= 3e-4, f"smallest eigenvalue over largest {found:.2g} at the widest network, asked for 0.0003"
    )


STRUCTURED = need(
    "structured data", "Each class is a union of components whose diameter is at most 1/(8 l) of the separation of the "
    "classes, l components a class (one where it is not known).", _structured,
    values=("structured", "diameter_ratio", "allowed_ratio", "parts_needed"))  # fmt: skip
POSITIVE = need("distinct samples", "The kernel at the start is not singular: no two samples nearly coincide.", _positive,
                values=("lowest",))  # fmt: skip


def _reached(view: Any) -> Check:
    rows = [(int(params["width"]), values) for params, values in view.rows()]
    widths = {width for width, _ in rows}
    read = {max(widths), min(widths, key=lambda width: abs(log(width / 64)))}
    found = [values["need"] < values["need_none"] for width, values in rows if width in read]
    named = " and ".join(f"{width:,}" for width in sorted(read))
    return Check(
        all(found),
        f"with {named} units a number of samples that was tried suffices {sum(found)} of {len(found)} times",
    )


REACHED = need("enough samples", "At the widths that are compared some number of samples that was tried is enough.", _reached,
               values=("need", "need_none"))  # fmt: skip


def planted(**by: Any) -> Any:
    """A line of a metric by training: ``lazy`` plain, ``other`` at the constant rate, ``noisy`` with random labels."""

    def lines(training: str) -> Any:
        return by.get(
            {"plain": "lazy", "constant-rate": "other", "random-labels": "noisy"}[training], by["lazy"]
        )

    return lines


LEARNT, FALLS, STAYS = [0.3, 0.02, 0.004, 0.003], [0.9, 0.47, 0.24, 0.12], [0.9, 0.85, 0.8, 0.8]
WORLD = World(
    ("width", QUICK), apart=True, arms={"training": TRAINED}, seeds=8,
    lines={"test_error": planted(lazy=LEARNT, noisy=[0.9, 0.8, 0.7, 0.7]), "train_error": [0.4, 0.05, 0.004, 0.003],
           "moved": planted(lazy=FALLS, other=STAYS), "flips": planted(lazy=FALLS, other=[0.4, 0.4, 0.4, 0.35]),
           "rank_update": planted(lazy=[11.0, 13, 15, 16], noisy=[14.0, 30, 45, 50]), "rank_start": [14.0, 40, 68, 74],
           "kept": [0.0, 0.4, 0.8, 0.95],
           "need": [60.0, 30, 26, 25], "need_far": [20.0] * 4, "need_parts": [110.0] * 4,
           "gradient_low": [0.01, 0.1, 0.2, 0.3], "gradient_high": [0.9, 0.8, 0.7, 0.6]},
    spread={"test_error": 0.4, "train_error": 0.4, "moved": 0.06, "flips": 0.06, "rank_update": 0.05, "rank_start": 0.01,
            "kept": 0.04, "need": 0.1, "need_far": 0.1, "need_parts": 0.1}, level=0.02,
    straight=("kept", "gradient_low", "gradient_high"), fixed={"n": 100},
    numbers={"structured": 1, "diameter_ratio": 0.03, "allowed_ratio": 0.0625, "parts_needed": 2, "lowest": 0.01,
             "need_none": 160},
)  # fmt: skip
AT_HALF = [0.9, 0.7, 0.5, 0.5]
PAPER = "liang2018"
ON_MNIST = "The source shows it on MNIST, at widths and steps that the slides do not give: nothing here contradicts it."
SHOWN = ("On the slides: MNIST, one width.",
         "Here: components and digits of norm 1, 100 samples, 400 steps; the cut-offs are ours.")  # fmt: skip
THEOREM = ("Promises a width, polynomial in what is known of the data, without constants or exponent.",
           "The widest network can show one, and never refute it. That half of the seeds is enough is ours.")  # fmt: skip
COUNTED = (
    "Bounds the samples by a polynomial in the logarithm of the width and in what is known of the structure; constants and "
    "exponents are not given, so nothing contradicts.",
    "Here the least number that reaches 5 %, of 1, 2 or 4 samples a component, at 256 units where the dimension is "
    "changed; twice and a quarter more are ours.",
)
NOT_LEARNT = "After training on random labels, under the same rule: nothing is there to be learnt."
NARROW = "The narrowest network, under the same rule."
AS_FAST = "With a rate that does not fall with the width, under the same rule."

CLAIMS = (
    Claim("learns", "On structured data there is a width at which SGD learns a network with a test error of at most 1 %.",
          ("L34",), PAPER, above(error.last, EPS), LAZY, Control(NOT_LEARNT, NOISY), (STRUCTURED,),
          chart="error", form="exists", scope=THEOREM, note=measured,
          null=(WORLD.but(test_error=[0.3, 0.02, 0.01, 0.01]),), effect=WORLD),
    Claim("beyond", "Is a test error of at most 5 % reached at the widest network, whether the assumption holds or not?",
          ("L34",), PAPER, above(error.last, MORE), LAZY, Control(NOT_LEARNT, NOISY), chart="error",
          kind="question", note=measured, null=(WORLD.but(test_error=[0.3, 0.1, 0.05, 0.05]),), effect=WORLD),
    Claim("fits", "There is a width at which SGD fits random labels, with a training error of at most 1 %.", ("L36",), PAPER,
          above(fit.last, EPS), NOISY, Control(NARROW, rule=above(fit.first, EPS)), chart="random", form="exists",
          scope=("Promises such a width for any data, polynomial in the number of points, without constants.",
                 "The widest network can show one, and never refute it. That half of the seeds is enough is ours."),
          needs=(POSITIVE,), null=(WORLD.but(train_error=[0.4, 0.05, 0.01, 0.01]),), effect=WORLD),
    Claim("samples-width", "The samples that are needed depend on the width by its logarithm alone: at the widest network "
          "at most twice as many as at 64 units.", ("L35",), PAPER, no_more(need_n.last, need_n.at(NARROWER), over_twice), NEEDED,
          Control("Four times the components in place of more units, under the same rule: more are needed.", AT_256,
                  rule=no_more(need_parts.last, need_n.last, over_twice)), (REACHED,), chart="samples", form="bound",
          scope=COUNTED, null=(WORLD.but(need=[60, 30, 40, 60]),), effect=WORLD),
    Claim("samples-dimension", "The samples that are needed do not grow with the dimension: in four times as many dimensions at "
          "most a quarter more.", ("L35",), PAPER, no_more(need_far.last, need_n.last, over_a_quarter), AT_256,
          Control("Four times the components in place of the dimensions, under the same rule: more are needed.",
                  rule=no_more(need_parts.last, need_n.last, over_a_quarter)), (REACHED,), chart="samples", form="bound",
          scope=COUNTED, null=(WORLD.but(need=[60, 30, 26, 25], need_far=[32.5] * 4),), effect=WORLD),
    Claim("distance", "Relative to its size the distance of the weights from their start is small in wide networks (at most a "
          "quarter), and falls as they widen.", ("L39",), PAPER,
          moved.slope().at_most(SLOPE) & moved.last.at_most(SMALL), LAZY, Control(AS_FAST, CONSTANT), chart="distance",
          form="bound", scope=SHOWN, outside=ON_MNIST,
          null=(WORLD.but(moved=planted(lazy=[0.6, 0.378, 0.238, 0.15], other=STAYS)),
                WORLD.but(moved=planted(lazy=[2.0, 1, 0.5, 0.25], other=STAYS))), effect=WORLD),
    Claim("patterns", "In wide networks most ReLUs stay as they were (at most a fifth switch), and the share falls as they "
          "widen.", ("L40",), PAPER, FLIPS.slope().at_most(SLOWER) & flips.last.at_most(SWITCHED), LAZY,
          Control(AS_FAST, CONSTANT), chart="patterns", form="bound", scope=SHOWN, outside=ON_MNIST,
          null=(WORLD.but(flips=planted(lazy=[0.3, 0.22, 0.1787, 0.1451], other=STAYS)),
                WORLD.but(flips=planted(lazy=[1.0, 0.7, 0.35, 0.2], other=STAYS))), effect=WORLD),
    Claim("rank", "The accumulated update has a low rank: at the widest network at most a third of that of the weights at the "
          "start (directions that hold 95 % of the squares).", ("L41",), PAPER,
          no_more(update.last, start.last, over_a_third), LAZY,
          Control("After training on random labels, which have no structure, the same rule.", NOISY), chart="rank",
          form="bound", scope=SHOWN, outside=ON_MNIST,
          null=(WORLD.but(rank_update=planted(lazy=[11, 16, 20, 74 / 3], noisy=[14, 30, 45, 50])),), effect=WORLD),
    Claim("rank-lazy", "Is the rank of the update the same, within a factor of 4/3, at a rate that does not fall with the width?",
          ("L41",), PAPER, RANKS.at_most(0.5), LAZY, Control("The distance from the start, under the same rule.",
          rule=DISTANCES.at_most(0.5)), chart="rank", kind="question",
          null=(WORLD.but(rank_update=planted(lazy=[11, 13, 15, 16], other=[11, 13, 13, 12])),
                WORLD.but(rank_update=planted(lazy=[11, 13, 15, 16], other=[11, 15, 18, 64 / 3]))), effect=WORLD),
    Claim("steep", "There is a width at which the kernel's smallest eigenvalue keeps half of its size in training, so that a "
          "large error means a large gradient.", ("L38",), PAPER, kept.last.at_least(0.5), LAZY,
          Control(NARROW, rule=kept.first.at_least(0.5)), (POSITIVE,), chart="steep", form="exists",
          scope=("The slide says it of a neighbourhood of the start that grows, relatively, with the width.",
                 "Here the neighbourhood is what training passes through, of 20 training samples; one half is ours."),
          null=(WORLD.but(kept=AT_HALF),), effect=WORLD),
    Claim("gradient", "The squared gradient over the squared residual lies between the extreme eigenvalues of the kernel, over "
          "the squared number of samples.", ("L38",), PAPER,
          low.share(both_hold, "no margin is violated at any width", high).at_least(1.0), LAZY, chart="steep", kind="check",
          effect=WORLD, null=(WORLD.but(gradient_low=[0.01, -1e-9, 0.2, 0.3]), WORLD.but(gradient_high=[-1e-9, 0.8, 0.7, 0.6]))),
)  # fmt: skip


def drawn(metric: str, label: str, training: str = "plain", *, dashed: bool = False) -> Series:
    """A metric in one arm."""
    return Series(metric, label, dashed, {"training": training})


def arms(metric: str, *more: str) -> tuple[Series, ...]:
    """A metric with the rate over the width, with the constant rate, and where asked with random labels."""
    found = (
        drawn(metric, "rate over the width"),
        drawn(metric, "constant rate (control)", "constant-rate", dashed=True),
    )
    return found if not more else (*found, drawn(metric, more[0], "random-labels", dashed=True))


UNITS, STEP = {"width": "hidden units m"}, {"step": "training step"}
OF_WIDTH = {"x": STEP, "arm": ("width", "hidden units")}
CHARTS = charts(
    UNITS,
    error=("Test error against width", "test error (share of samples)", arms("test_error"), {"fit": False}),
    random=("Training error on random labels", "training error (share of samples)",
            (drawn("train_error", "random labels", "random-labels"), drawn("train_error", "given labels", dashed=True)),
            {"fit": False}),
    samples=("Samples that are needed", "log samples for a test error of 5 %",
             (drawn("need", "as given"), drawn("need_far", "four times the dimensions", dashed=True),
              drawn("need_parts", "four times the components (control)", dashed=True)),
             "On generated components alone. One sample a component is the least that is tried; twice the largest stands where "
             "none was enough.", {"fit": False}),
    distance=("Relative distance from the start", "log distance over norm of the start", arms("moved", "random labels"),
              {"fit": False}),
    distance_steps=("Relative distance against steps", "distance over norm of the start", arms("moved_by_step"), OF_WIDTH),
    patterns=("Activation patterns that change", "log share of (sample, unit) pairs", arms("flips", "random labels"),
              {"fit": False}),
    patterns_steps=("Activation difference against steps", "share of (sample, unit) pairs", arms("flips_by_step"), OF_WIDTH),
    spectrum=("Singular values of the weights and of the accumulated update", "over the largest",
              (drawn("spectrum_weights", "weights at the end"), drawn("spectrum_update", "update"),
               drawn("spectrum_update", "update, constant rate", "constant-rate", dashed=True),
               drawn("spectrum_update", "update, random labels", "random-labels", dashed=True)),
              "The first 64. The update is of low rank at the constant rate too: its rank is no sign of laziness.",
              {"x": {"index": "number of the singular value"}, "arm": ("width", "hidden units")}),
    rank=("Ranks against width", "directions that hold 95 % of the squares",
          (drawn("rank_start", "weights at the start"), *arms("rank_update", "update, random labels")), {"fit": False}),
    steep=("What is left of the kernel's smallest eigenvalue", "at the end over at the start", arms("kept"),
           "Of the first 20 training samples. 0 where the kernel is singular at the start.", {"fit": False}))  # fmt: skip


def checked(cell: Params, shape: Any) -> None:
    """Raise UsageError for a number of samples, or a name of components, that cannot be."""
    head, _, tail = str(cell["data"]).partition(":")
    if head == "components":
        given = {part.partition("=")[0].strip() for part in tail.split(",")} & {"n", "seed"}
        if given:
            raise UsageError(
                f"--data: expected components without {' and '.join(sorted(given))}, got {cell['data']}. Say --n and --seeds: "
                "each seed draws components of its own."
            )
        from overparam.data.components import options

        settings = options(tail)
        many, what = int(settings["classes"] * settings["parts"]), "components"
    else:
        many, what = shape.classes, "classes"
        if cell["n"] > shape.train:
            raise UsageError(
                f"--n: expected at most the {shape.train:,} training samples of {cell['data']}, got {cell['n']:,}. Ask for "
                "fewer."
            )
        if head == "clusters":
            from overparam.data import load

            load(cell["data"])  # refuses clusters that meet
    if cell["n"] < many:
        raise UsageError(
            f"--n: expected at least one sample for each of the {many} {what} of {cell['data']}, got {cell['n']}. Ask for more."
        )
    batch_fits(cell)


def estimate(cell: Params) -> Estimate:
    """Two layers on minibatches, the spectra of their weights, and the trainings that find how many samples are needed.

    Data sets of one width are in one stack: sixteen cells share a compilation, elsewhere eight.
    """
    from overparam.core.cost import START
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    shape = shape_of(str(cell["data"]))
    checked(cell, shape)
    asked = cell["training"] == "plain" and str(cell["data"]).startswith("components")
    size, probes = dense(shape.features, cell["width"], shape.classes), cell["probe_times"]
    own, more = (cost(cell, size, probes=probes, trained=k) for k in (1, 4 if asked else 1))
    spectra = 2e-9 * cell["width"] * shape.features * min(cell["width"], shape.features)
    return Estimate(more.seconds - START / 16 + spectra + 0.15, own.bytes + 8 * 400 * cell["width"])


STUDY = study(
    name="structured-data", title="Wide networks on structured data", x="width",
    question="Does SGD learn structured data in a wide network near its start, and do real data have the structure asked for?",
    sources=(PAPER,), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, hero=Hero("distance-steps", together=False),
    work=later("overparam.studies.structured_data_work:run"), estimate=estimate,
    stack_by=("n", "width", "rate", "steps", "batch", "probe_times"),
    values=("train_error", "test_error", "moved", "flips", "moved_spectral", "rank_start", "rank_weights", "rank_update",
            "stable_start", "stable_update", "lowest", "kept", "gradient_low", "gradient_high", "separation", "diameter_ratio",
            "allowed_ratio", "parts_needed", "structured", "step", "moved_by_step", "flips_by_step", "index",
            "spectrum_weights", "spectrum_update", "need", "need_far", "need_parts", "need_none"),
    differences=(
        "The paper has 10 classes of 2 components in 1,000 dimensions with spread 5 (recalled): there one sample a component "
        "tells the classes at every width. quick and laptop take a spread of 1 in 80 dimensions, once with tight components, "
        "on which the theorem's assumption holds, and once with components as wide as their means are long.",
        "On digits and MNIST a class is measured as one component, l = 1, on up to 2,000 rows, and the least l is shown that "
        "could meet the assumption: nearly every image would be a component of its own.",
        "Where the data are carried into more dimensions by an isometry, the need is the same by symmetry of the start. Here "
        "they are drawn anew, with means and components of the same length: then it falls with the dimension.",
        "All rows have norm 1, as the theorem has it.",
        "The relative distance falls because the learning rate does: that is the paper's rate, and the arm with a constant rate "
        "is there to show it. At 16 units both are equal.",
        "The low rank of the update is no evidence of laziness: with the constant rate, where weights move far, it is the same.",
        "The slide on singular values breaks off; that the update has a low rank is how it is read.",
        "The law of the gradient is one of the mean cross-entropy on the 20 samples whose kernel is found, at the end of "
        "training.",
        "On tight components random labels give an update of low rank too: the inputs span no more directions. There the control "
        "of the rank says so.",
        "At widths up to 1,024 the share of ReLUs that switch falls more slowly than the distance, on digits about as the width "
        "to the power -0.2; with wider networks on other pilots it was near -1/2.",
        "400 steps do not fit random labels on digits.",
        "Digits have 597 test samples that every seed shares."))  # fmt: skip
