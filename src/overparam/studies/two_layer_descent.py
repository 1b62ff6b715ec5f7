"""Two-layer networks on the squared loss: the double descent of Belkin et al. (2019), with and without weight reuse.

One hidden layer of H units is trained at every width, from random weights and from the trained weights of the width
before. Widths are compared by p/(nK): parameters over training samples times classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overparam.core import (FRESH, MOST, NONE, PROBES, Axis, Claim, Control, Estimate, FitRule, Line, Number, Outcome, Params,
    Progress, UsageError, World, arm, around, charts, clean_arm, complete, enough_noise, fine_step, fits, grid, line,
    one_draw, outcome, planned, profiles, reaches, shares, study, within)  # fmt: skip

WIDTHS = (2, 4, 7, 11, 16, 22, 28, 34, 40, 44, 48, 53, 58, 64, 71, 82, 96, 114, 136, 160)
QUICK = (6, 12, 24, 40, 48, 53, 58, 71, 160)
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
    {"seed": planned(8)},
    quick=("9 widths, clean and 20 % noise, 6 seeds, half the steps: under a minute on two cores. Judged is the reuse of "
           "weights; with label noise networks of these widths do not fit in so few steps.",
           {"width": QUICK, "noise": (0.0, 0.2), "steps": 10_000, "seed": planned(6)}),
    laptop=("20 widths, five rates of noise, 8 seeds", {"width": WIDTHS, "noise": (0.0, 0.05, 0.1, 0.15, 0.2)}),
    paper=("MNIST, 4,000 samples, the 23 published sizes and schedule, 6,000 epochs: most of a day on two cores",
           {"data": "mnist", "n": 4000, "width": PAPER, "noise": (0.0, 0.2), "batch": 128, "steps": 6000 * 31,
            "schedule": "published"}))  # fmt: skip

# what is measured: lines over the width, one a seed
ratio = grid("ratio", words="p/(nK)")
loss, error = line("test_loss", "test loss"), line("test_error", "test error", unit="points", times=100)
below = line("below_test_loss", "test loss with reuse below the threshold")
window, here = ratio.between(0.75, 1.35), ratio < 1
left, beyond = ratio.between(0.4, 0.7), ratio >= 0.4  # from pilot seeds
foot, crest = loss.inside(left).mean(), loss.inside(window).mean()
rise, fall = crest / foot, crest / loss.last
bump = error.inside(window).mean() - error.inside(left).mean()
bump_back = error.inside(left).mean() - error.inside(window).mean()
LEAST = 1.1  # times: the smallest rise and fall worth the name


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
REUSE = (
    "Belkin et al. show it on MNIST with 4,000 samples, 6,000 epochs and a falling rate, and on small images of cats and "
    "dogs; here are 400 digits, more steps a sample, and a constant rate.",
)
LOGS = ("The logs are of MNIST with 4,000 samples, one recipe and five runs; here are 400 digits.",)
ELSEWHERE = "logs of one data set say nothing of another"
FITS = (
    "version 2, not raised at the time: after a pilot run a training loss of 1e-2 of that of zero outputs counts as fitted, "
    "where it was 1e-3.",
)
OURS = "Logs of one data set contradict nothing here. "
PLACES = (
    "The left minimum is the mean over 0.4 to 0.7 nK and the peak the mean over 0.75 to 1.35 nK, registered from pilot "
    "seeds; leaving one seed out read a peak too low. "
)
LOGGED: Any = {"form": "direction", "scope": LOGS, "outside": ELSEWHERE, "profiles": ("laptop", "paper")}

# planted worlds: every statement is tested where it is false by a hair (null) and where it is true (effect)
HEIGHTS = {0.0: 0.96, 0.05: 1.1, 0.1: 1.3, 0.15: 1.5, 0.2: 1.8}  # by rate of noise, steeper than in public logs


def hill(height: float, end: float = 0.6) -> Any:
    """The test loss: 0.07 left of the window, ``height`` times that inside, and ``end`` of the height at 3 nK."""
    knots = ((0.04, 1.3), (0.2, 1.0), (0.69, 1.0), (0.74, height), (1.36, height), (3.0, height * end))
    return tuple((x, 0.07 * y) for x, y in knots)


def chain(height: float, times: float) -> Any:
    """The test loss with reuse below nK: from 0.034 left of it to so many times that, and a fall by ``times`` at nK."""
    high, low = 0.034 * height, 0.034 * height / times
    left = (0.04, 0.084), (0.2, 0.06), (0.39, 0.034), (0.71, 0.034)
    return (*left, (0.99, high), (0.998, high), (0.999, low), (3.0, low))


def cliff(times: float) -> Any:
    """The same, with a fall at nK that is so many times the one without reuse, and equal ends."""
    high, low = 0.07 * times, 0.07
    return ((0.04, 0.084), (0.2, 0.07), (0.905, high), (0.997, high), (0.998, low), (1.21, low), (3.0, 0.04))


def level(edge: float) -> Any:
    """The test loss with reuse at every width: level inside the window, at ``edge`` times that at the right end."""
    return ((0.04, 0.084), (0.2, 0.06), (0.74, 0.05), (1.36, 0.05), (3.0, 0.05 * edge))


WORLD = World(
    ("width", WIDTHS), ("ratio", tuple((75 * w + 10) / 4000 for w in WIDTHS)), level=0.05, arms={"noise": tuple(HEIGHTS)},
    lines={"test_loss": lambda noise: hill(HEIGHTS[noise]), "below_test_loss": chain(1.6, 4.0),
     "continuous_test_loss": level(1.0),
     "test_error": lambda noise: ((0.04, 0.9), (0.3, 0.6), (0.6, 0.3 + 0.6 * noise), (3.0, 0.1 + 0.6 * noise)),
     "train_loss_ratio": ((1.0, 0.5), (1.6, 0.5), (1.61, 1e-5))},
    spread={"test_loss": 0.15, "below_test_loss": 0.15, "continuous_test_loss": 0.08, "test_error": 0.02},
    straight=("test_error",), numbers={"wrong_labels": lambda noise: 0.9 * noise}, seeds=8)  # fmt: skip
TOP, BASE = WORLD.but(noise=(0.2,)), WORLD.but(noise=(0.0,))
FALLING = BASE.but(test_loss=((0.04, 0.1), (3.0, 0.02)))
FALLS = ((0.04, 0.9), (0.3, 0.6), (0.6, 0.42), (3.0, 0.2))

CLAIMS = (
    Claim("published", "With weights reused below the threshold, as published, the squared test loss of clean labels rises "
          "to a peak at p = nK and falls beyond it.", L53, "belkin2019",
          ((below.at(here) / below.inside(left).mean()).at_least(LEAST) & (below.at(here) / below.last).at_least(LEAST))
          .contradicted(below=1.0), CLEAN,
          Control("Without reuse it does not rise so.", rule=(loss.at(here) / foot).at_least(LEAST)),
          (ZERO, GRID, END, FIT, WHOLE), form="direction", scope=REUSE, chart="reuse",
          null=(BASE.but(below_test_loss=chain(1.1, 4.0)), BASE.but(below_test_loss=chain(1.6, 1.1))), effect=BASE,
          limit=(BASE.but(below_test_loss=chain(1.0, 4.0)), BASE.but(below_test_loss=chain(1.6, 1.0))),
          against=BASE.but(below_test_loss=chain(0.6, 1.2))),
    Claim("peak", "With 20 % label noise and no reuse, the squared test loss rises to a peak near p = nK and falls beyond it.",
          L54, "josch14", rise.at_least(LEAST) & fall.at_least(LEAST), NOISY, Control(SAME, CLEAN),
          (MUCH, GRID, END, FIXED, FIT, WHOLE), (*FITS, "version 3: " + PLACES + "The statements rise and fall read the "
          "same numbers and are part of it; a rise and a fall of 1.1 times are asked. " + OURS), "loss", **LOGGED,
          null=(TOP.but(test_loss=hill(1.1)), TOP.but(test_loss=hill(1.8, end=1 / 1.1))), effect=TOP),
    Claim("clean", "With clean labels and no reuse, the squared test loss does not rise as the width grows.", L54, "josch14",
          loss.inside(beyond).smoothed(5).climbs(factor=True).at_most(1.15), CLEAN,
          Control("Read from the widest network to the narrowest the same line climbs.",
                  rule=loss.inside(beyond).smoothed(5).backwards().climbs(factor=True).at_most(1.15)),
          (ZERO, GRID, FIT, WHOLE), (*FITS, "version 3: every climb from 0.4 nK on is judged by itself, not the largest of "
          "the mean. " + OURS), "loss", **LOGGED,
          null=(BASE.but(test_loss=((0.04, 0.07), (0.4, 0.07), (3.0, 0.07 * 1.2))),), effect=FALLING),
    Claim("error-no-peak", "The 0-1 test error has no peak where the squared test loss has one, at any rate of label noise.",
          L53, "josch14", bump.at_most(2.0).each("noise"), arm("every rate of noise"),
          Control("Read from right to left the same lines climb.", rule=bump_back.at_most(2.0).each("noise")),
          (SOME, GRID, FIXED, FIT_NOISY, WHOLE), (*FITS, "version 3: read at the registered places of the loss, not at the "
          "largest climb of the mean. " + OURS), "error", **LOGGED,
          null=(BASE.but(test_error=((0.04, 0.2), (0.69, 0.2), (0.74, 0.22), (3.0, 0.22))),),
          effect=WORLD.but(test_error=FALLS)),
    Claim("cliff", "The published fall of the test loss at p = nK comes from the reuse of weights, which stops there.",
          L53, "josch14", (drop(below) / drop(loss)).at_least(1.25), CLEAN,
          Control("One step before, where both reuse weights, there is none.",
                  rule=(drop(below, -1) / drop(loss, -1)).at_least(1.25)), (ZERO, GRID, fine_step(here, 1.25), FIT, WHOLE),
          (*FITS, "version 3: a fall 1.25 times that without reuse is asked, the smallest worth the name (it was 2). " + OURS),
          "reuse", form="direction", scope=LOGS, outside=ELSEWHERE,
          null=(BASE.but(below_test_loss=cliff(1.25)),), effect=BASE.but(below_test_loss=cliff(2.5))),
    Claim("continuous", "If weights are reused at every width, the test loss does not fall beyond p = nK.", L53,
          "josch14", (loss.inside(window) / loss.last).every.geometric().at_most(1.25), REUSED,
          Control("Without reuse the same rule finds a fall.", CLEAN), (ZERO, GRID, END, FIT, WHOLE),
          (*FITS, "version 3: every width of the window is compared with the right end, not the largest of the mean. " + OURS),
          "reuse", form="direction", scope=LOGS, outside=ELSEWHERE,
          null=(BASE.but(continuous_test_loss=level(0.8)),), effect=BASE),
    Claim("dose", "The more label noise, the higher the peak stands over the left minimum.", L54, "josch14",
          rise.across("noise").growth().at_least(1.10), arm("every rate of noise"),
          Control("Over the distance from the middle rate a steady growth cancels.",
                  rule=rise.across("noise").growth(from_middle=True).at_least(1.10)),
          (ZERO, MUCH, GRID, FIXED, FIT_NOISY, WHOLE), (*FITS, "version 3: " + PLACES + OURS), "loss", **LOGGED,
          null=(WORLD.but(test_loss=lambda noise: hill(1.2 * 1.1 ** (noise / 0.2))),),
          effect=WORLD.but(test_loss=lambda noise: hill(1.5 ** (noise / 0.2)))))  # fmt: skip

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
    profile_history=(FRESH,),
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
