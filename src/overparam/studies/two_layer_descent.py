"""Two-layer networks on the squared loss: the double descent of Belkin et al. (2019), with and without weight reuse.

One hidden layer of H units is trained at every width, from random weights and from the trained weights of the width
before. Widths are compared by p/(nK): parameters over training samples times classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overparam.core import (MOST, NONE, PROBES, Axis, Claim, Control, Estimate, FitRule, Line, Number, Outcome, Params,
    Progress, UsageError, World, arm, around, charts, clean_arm, complete, enough_noise, fine_step, fits, grid, line,
    one_draw, outcome, profiles, reaches, shares, study, within)  # fmt: skip

WIDTHS = (2, 4, 7, 11, 16, 22, 28, 34, 40, 44, 48, 53, 58, 64, 71, 82, 96, 114, 136, 160)
QUICK = (6, 12, 24, 40, 48, 53, 58, 71, 120, 160)
PAPER = (5, 6, 9, 13, 15, 25, 30, 34, 38, 41, 44, 47, 48, 49, 50, 51, 57, 63, 88, 107, 252, 314, 1006)
FITTED = 1e-2  # training loss over that of zero outputs: at most 2 % of the labels can then be missed

AXES = (
    Axis("data", "Data set, or a path to one.", str, "digits", flag="data"),
    Axis("n", "Training samples.", int, 400, low=2),
    Axis("width", "Hidden units, ascending, all in one cell.", int, WIDTHS, low=1, inside_cell=True, flag="widths"),
    Axis("noise", "Share of training labels replaced by a class drawn from all classes.", float, 0.0, low=0, high=1),
    Axis("reuse", "Also train the two arms of weight reuse (all), or not (none).", str, "all", choices=("all", "none")),
    Axis("steps", "Training steps a width.", int, 20_000, low=1),
    Axis("batch", "Samples in a minibatch.", int, 50, low=1),
    Axis("learning_rate", "Rate of SGD for squares averaged over samples and outputs.", float, 0.1, low=1e-9),
    Axis("momentum", "Momentum of SGD.", float, 0.95, low=0, high=0.9999),
    Axis("schedule", "Rate below p = nK: constant, or published (10 % less every 500 epochs, stop at no train error).",
         str, "constant", choices=("constant", "published"), flag="schedule"),
    Axis("spread", "Standard deviation of the weights that reuse adds.", float, 0.1, low=0.0, flag="spread"),
    PROBES,
    Axis("seed", "Draws the start, minibatches, added weights and label noise.", int, 0, low=0, flag="seeds"),
)  # fmt: skip

PROFILES = profiles(
    {"seed": (0, 1, 2, 3, 4)},
    quick=("10 widths, clean and 20 % noise: under a minute; too few rates for the claim 'dose'",
           {"width": QUICK, "noise": (0.0, 0.2), "steps": 10_000}),
    laptop=("20 widths, five rates of noise", {"width": WIDTHS, "noise": (0.0, 0.05, 0.1, 0.15, 0.2)}),
    paper=("MNIST, 4,000 samples, the 23 published sizes and schedule, 6,000 epochs: most of a day on two cores",
           {"data": "mnist", "n": 4000, "width": PAPER, "noise": (0.0, 0.2), "batch": 128, "steps": 6000 * 31,
            "schedule": "published"}))  # fmt: skip

# what is measured: lines over the width, one a seed
ratio = grid("ratio", words="p/(nK)")
loss, error = line("test_loss", "test loss"), line("test_error", "test error", unit="points", times=100)
below, smooth = line("below_test_loss", "test loss with reuse"), loss.smoothed(5)
window, here = ratio.between(0.75, 1.35), ratio < 1
hump = smooth.hump(left=ratio < 0.75)
rise = hump.top / hump.low


def drop(which: Line, step: int = 0) -> Number:
    """Test loss at the last width below nK over that at the next."""
    return which.at(here.last.step(step)) / which.at(here.last.step(step + 1))


NOISY, CLEAN = arm("most label noise", noise=MOST), arm("clean labels", noise=NONE)
REUSED = CLEAN.but("clean labels, reuse at every width", metrics={"test_loss": "continuous_test_loss"})
GRID, END = around(window, points=5, left=3), reaches(ratio, 2.9)
FIT = fits(line("train_loss_ratio", "training loss over that of zero outputs"), FITTED)
FIT_NOISY = FIT.on(NOISY)
SOME, MUCH, ZERO, FIXED = enough_noise(0.1), enough_noise(0.2), clean_arm(), one_draw()
WHOLE = complete(0.2, axis="noise")
SAME = "With clean labels the same rule finds none."
L53, L54 = ("L53",), ("L53", "L54")

# planted worlds: every claim is tested where it is false by a hair (null) and where it is true (effect)
HEIGHTS = {0.0: 0.96, 0.05: 1.03, 0.1: 1.15, 0.15: 1.28, 0.2: 1.42}  # by rate of noise, from public logs
CHAIN = ((0.04, 0.084), (0.2, 0.07), (1.0, 0.294), (3.0, 0.322))  # the test loss with reuse, at p/(nK)


def hill(height: float, end: float = 0.6, at: float = 1.0) -> Any:
    """The test loss: 0.07 left of the window, ``height`` times that around ``at`` nK, and ``end`` of it at 3 nK."""
    top = (0.81 * at, height), (1.21 * at, height)
    knots = ((0.04, 1.3), (0.2, 1.0), (0.65 * at, 1.0), *top, (3.0, height * end))
    return tuple((x, 0.07 * y) for x, y in knots)


def cliff(times: float) -> Any:
    """The test loss with reuse: so many times that without at the last width below nK, and equal from there on."""
    high, low = 0.0672 * times, 0.0672
    return ((0.04, 0.084), (0.2, 0.07), (0.905, high), (0.997, high), (0.998, low), (1.21, low), (3.0, 0.0403))


WORLD = World(
    ("width", WIDTHS), ("ratio", tuple((75 * w + 10) / 4000 for w in WIDTHS)), level=0.03, arms={"noise": tuple(HEIGHTS)},
    lines={"test_loss": lambda noise: hill(HEIGHTS[noise]), "below_test_loss": CHAIN, "continuous_test_loss": CHAIN,
     "test_error": lambda noise: ((0.04, 0.45 + 0.6 * noise), (3.0, 0.2 + 0.6 * noise)),
     "train_loss_ratio": ((1.0, 0.5), (1.6, 0.5), (1.61, 1e-5))},
    spread={"test_loss": 0.07, "below_test_loss": 0.07, "continuous_test_loss": 0.07, "test_error": 0.05},
    numbers={"wrong_labels": lambda noise: 0.9 * noise})  # fmt: skip
TOP, BASE = WORLD.but(noise=(0.2,)), WORLD.but(noise=(0.0,))
FALLING = BASE.but(test_loss=((0.04, 0.1), (3.0, 0.03)))

CLAIMS = (
    Claim("peak", "With label noise and no reuse, the squared test loss peaks close to p = nK.", L53, "belkin2019",
          hump.place(ratio).within(0.75, 1.35) & rise.at_least(1.05) & (hump.top / loss.last).at_least(1.05), NOISY,
          Control(SAME, CLEAN), (SOME, GRID, END, FIXED, FIT, WHOLE), chart="loss",
          null=tuple(TOP.but(test_loss=h) for h in (hill(1.5, at=1.6), hill(1.0), hill(1.4, end=1.0))), effect=TOP),
    Claim("rise", "With 20 % label noise the squared test loss rises from its first minimum to the peak.", L54, "josch14",
          rise.at_least(1.15), NOISY, Control(SAME, CLEAN), (MUCH, GRID, FIXED, FIT, WHOLE), chart="loss",
          null=(TOP.but(test_loss=hill(1.15)),), effect=TOP.but(test_loss=hill(1.4))),
    Claim("fall", "With 20 % label noise the squared test loss falls well below the peak at p = 3 nK.", L53, "belkin2019",
          (loss.last / hump.top).at_most(0.75), NOISY,
          Control("As far in parameters before the threshold, from nK/3 to the peak, it does not fall so.",
                  rule=(hump.top / smooth.at(ratio.nearest(1 / 3))).at_most(0.75)), (MUCH, GRID, END, FIXED, FIT, WHOLE),
          chart="loss", null=(TOP.but(test_loss=hill(1.3, end=0.75)),), effect=TOP.but(test_loss=hill(1.3))),
    Claim("clean", "With clean labels the squared test loss does not rise as the width grows.", L54, "josch14",
          smooth.climb(factor=True).at_most(1.15), CLEAN,
          Control("With the most label noise the same rule finds a climb.", NOISY), (ZERO, SOME, GRID, FIT, WHOLE),
          chart="loss", null=(BASE.but(test_loss=hill(1.15)),), effect=FALLING),
    Claim("error-no-peak", "The 0-1 test error has no peak at any rate of label noise.", L53, "josch14",
          error.smoothed(5).climb().at_most(2.0).each("noise"), arm("every rate of noise"),
          Control("Read from the widest network to the narrowest the same lines climb.",
                  rule=error.smoothed(5).backwards().climb().at_most(2.0).each("noise")),
          (SOME, GRID, FIXED, FIT_NOISY, WHOLE), chart="error",
          null=(BASE.but(test_error=((0.04, 0.2), (0.65, 0.2), (0.82, 0.22), (3.0, 0.22))),), effect=WORLD),
    Claim("cliff", "The published fall of the test loss at p = nK comes from the reuse of weights, which stops there.",
          L53, "josch14", (drop(below) / drop(loss)).at_least(2.0), CLEAN,
          Control("One step before, where both reuse weights, there is none.",
                  rule=(drop(below, -1) / drop(loss, -1)).at_least(2.0)), (ZERO, GRID, fine_step(here, 1.25), FIT, WHOLE),
          chart="reuse", null=(BASE.but(below_test_loss=cliff(2.0)),), effect=BASE.but(below_test_loss=cliff(3.5))),
    Claim("continuous", "If weights are reused at every width, the test loss does not fall beyond p = nK.", L53,
          "josch14", (smooth.inside(window).largest() / loss.last).at_most(1.25), REUSED,
          Control("Without reuse the same rule finds a fall.", CLEAN), (ZERO, GRID, END, FIT, WHOLE), chart="reuse",
          null=(BASE.but(continuous_test_loss=hill(2.0, end=0.8)),),
          effect=BASE.but(continuous_test_loss=hill(2.0, end=0.98))),
    Claim("dose", "The more label noise, the higher the peak stands over the first minimum.", L54, "josch14",
          rise.across("noise").growth().at_least(1.10), arm("every rate of noise"),
          Control("Over the distance from the middle rate a steady growth cancels.",
                  rule=rise.across("noise").growth(from_middle=True).at_least(1.10)),
          (ZERO, MUCH, GRID, FIXED, FIT_NOISY, WHOLE), chart="loss",
          null=(WORLD.but(test_loss=lambda noise: hill(1.2 * 1.1 ** (noise / 0.2))),),
          effect=WORLD.but(test_loss=lambda noise: hill(1.35 ** (noise / 0.2)))))  # fmt: skip

ARMS = {"": "no reuse", "below_": "reuse below the threshold", "continuous_": "reuse at every width"}
METRICS = ("train_loss", "test_loss", "train_error", "test_error", "norm", "silent_classes")
SQUARED, SHARE = "squared loss, mean over samples and outputs", "share of samples misclassified"


def _arms(metric: str) -> dict[str, str]:
    return {prefix + metric: label for prefix, label in ARMS.items()}


CHARTS = charts(
    {"width": "hidden units H", "parameters": "parameters p", "ratio": "p / (n K)"}, ("noise", "Label noise"),
    loss=("Test loss without reuse", SQUARED, {"test_loss": "test"}, "Always answering 1/K costs 0.09 at K = 10."),
    error=("0-1 error without reuse", SHARE, {"test_error": "test", "train_error": "-training, given labels"}),
    reuse=("Test loss and the reuse of weights", f"log {SQUARED}", _arms("test_loss"),
           "A fall between the two arms at p = nK is where the reuse stops, not where networks begin to fit."),
    reuse_error=("0-1 test error and the reuse of weights", SHARE, _arms("test_error")),
    train=("Training loss", f"log {SQUARED}", _arms("train_loss"), "The fit point is measured, not set at p = nK."),
    silent=("Classes that are never predicted", "classes", _arms("silent_classes")),
    norm=("Norm of the parameters", "log Euclidean norm", _arms("norm")))  # fmt: skip


def size(inputs: int, width: int, outputs: int) -> int:
    """Weights and biases of a network inputs-width-outputs."""
    return (inputs + 1) * width + (width + 1) * outputs


def work(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Train one stack: every seed and rate of noise, width after width, from random weights and from the width before."""
    from overparam.models import two_layer
    from overparam.models.two_layer import widen
    from overparam.probes import standard
    from overparam.probes.silent import PROBE
    from overparam.sweep.work import task

    stack = task(cells)
    common, data = stack.shared, stack.data
    widths, reuse = common["width"], common["reuse"] == "all"
    if list(widths) != sorted(set(widths)):
        raise UsageError(f"--widths: expected ascending widths, got {', '.join(map(str, widths))}. Sort them.")
    sizes = [size(data.features, width, data.classes) for width in widths]
    fresh: list[list[Any]] = [[] for _ in cells]
    chain: list[list[Any]] = [[] for _ in cells]
    for width, span in zip(widths, shares([2e4 + p for p in sizes]), strict=True):
        network = two_layer(data.features, width, data.classes, init="glorot")
        starts = [stack.fresh(network)]
        if reuse and chain[0]:
            grown = [
                widen(ends[-1]["params"], width, common["spread"], cell["seed"])
                for ends, cell in zip(chain, cells, strict=True)
            ]
            starts.append(grown)
        probes = {**standard(), "silent": PROBE}
        found = stack.ends(network, recipe(common, width, data), starts, within(progress, *span), probes)
        for lines, ends in ((fresh, found[0]), (chain, found[-1])):
            for own, end in zip(lines, ends, strict=True):
                own.append({**end, "train_loss_ratio": 2 * end["train_loss"]})
    ratios = [p / (data.n * data.classes) for p in sizes]
    fixed = {"width": list(widths), "parameters": sizes, "ratio": ratios}
    below_nk, scale = sum(r < 1 for r in ratios), 2 / data.classes
    factors = {metric: scale if metric.endswith("loss") else 1.0 for metric in METRICS}
    made = []
    for facts, own, grown in zip(stack.facts, fresh, chain, strict=True):
        arms = (
            {"": own, "below_": grown[:below_nk] + own[below_nk:], "continuous_": grown} if reuse else {"": own}
        )
        fit = {"train_loss_ratio": [end["train_loss_ratio"] for end in own]}
        made.append(outcome({**fixed, **fit, **facts}, arms, factors, words=ARMS, places=("width", widths)))
    return made


def recipe(cell: Params, width: int, data: Any) -> Any:
    """A constant rate, or below p = nK the published schedule; 2/K turns the mean of squares into half their sum."""
    from overparam.training import Recipe
    from overparam.training.orders import steps_per_epoch

    more: dict[str, Any] = {}
    if cell["schedule"] == "published" and size(data.features, width, data.classes) < data.n * data.classes:
        period = 500 * steps_per_epoch(data.n, cell["batch"])
        more = {"schedule": "step", "period": period, "decay": 0.9, "stop_error": 0.0, "probes": 100}
    rate = 2 * cell["learning_rate"] / data.classes
    return Recipe(**{"steps": cell["steps"], "learning_rate": rate, "momentum": cell["momentum"], "batch": cell["batch"],
                     "loss": "squared", "probes": 2, **more})  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Every width is trained twice where weights are reused."""
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    inputs = shape_of(str(cell["data"])).features
    sizes = [dense(inputs, width, 10) for width in cell["width"]]
    return cost(cell, sizes, chains=1 if cell["reuse"] == "none" else 2, probes=2)


STUDY = study(
    name="two-layer-descent", title="Double descent in two-layer networks, with and without the reuse of weights",
    question="Does the squared test loss of a trained two-layer network peak at p = nK, and how much of the published "
    "peak is due to weights reused from narrower networks?", x="width", sources=("belkin2019", "josch14"),
    values=("width", "parameters", "ratio", "wrong_labels", "labels_digest", "train_loss_ratio",
            *(prefix + metric for prefix in ARMS for metric in METRICS)), axes=AXES, profiles=PROFILES, claims=CLAIMS,
    charts=CHARTS, work=work, estimate=estimate, first_rows=True,
    fit=FitRule("train_loss_ratio", FITTED, "width", f"training loss at most {FITTED:g} of that of zero outputs"),
    differences=(
        "Quick and laptop use 400 digits of 8 x 8 pixels and 20,000 steps (quick: 10,000); the paper 4,000 of MNIST and "
        "up to 6,000 epochs.",
        "The paper names no learning rate, batch or activation: here 0.1 (of the mean over outputs), 50 and ReLU.",
        "The rate is constant; the profile paper has the published schedule, checked at 100 times.",
        "The paper shows reuse below the threshold and clean labels only; the other arms follow the public logs.",
        "The published N(0, 0.01) of added weights is read as a variance. Every width trains for all steps, with the "
        "same minibatches and fresh momentum. Starts are Glorot-uniform with zero biases at every width.",
        "The samples are one fixed draw: a seed changes the start, minibatches, added weights and label noise.",
        "Label noise is inclusive: the new label may be the old one, so 20 % leaves 18 % of ten classes wrong.",
        "No theory curve is drawn: there is no closed form for these trained networks."))  # fmt: skip
