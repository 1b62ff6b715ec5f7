"""Do large batches end in sharp minima? Sharpness at the same epochs, loss, steps and at a tuned rate (Keskar et al. 2017).

A cell trains networks of one start with small and with large batches; lines run along the straight line through two of them,
where 0 is the small-batch network and 1 the large-batch one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from overparam.core import (DATA, SEED, Axis, Check, Claim, Control, Estimate, Hero, N, Params, Series, UsageError, World, arm,
    charts, grid, later, line, need, per_seed, planned, profiles, scalar, study, worst)  # fmt: skip

KESKAR, DINH = "keskar2017", "dinh2017"
ARMS = {"small": "small batch", "large": "large batch, same epochs", "small_matched": "small batch, matched loss",
        "large_matched": "large batch, matched loss", "large_steps": "large batch, same steps",
        "large_tuned": "large batch, same epochs, tuned rate"}  # fmt: skip

AXES = (
    DATA, N.but(default=1000),
    Axis("hidden", "Units of the hidden layers, from the input side.", int, (96, 96), low=1, inside_cell=True),
    Axis("batch", "Samples in a small batch.", int, 32, low=1, flag="batch"),
    Axis("large_batch", "Samples in a large batch.", int, 250, low=2, flag="large-batch"),
    Axis("epochs", "Epochs of both.", int, 30, low=1, flag="epochs"),
    Axis("learning_rate", "Rate of Adam, that of the source.", float, 1e-3, low=1e-7, high=1.0, flag="learning-rate"),
    Axis("tuned_rate", "Rate of Adam that suits the large batch.", float, 1e-2, low=1e-7, high=1.0, flag="tuned-rate"),
    Axis("level", "Training loss at which both are compared when the loss is matched.", float, 0.02, low=1e-6, high=2.0),
    Axis("eps", "Half width of the box, relative to |w| + 1.", float, 1e-3, low=1e-7, high=0.1),
    Axis("points", "Points of a curve, from -1 to 2.", int, 25, low=13, high=601, flag="points"), SEED)  # fmt: skip

PROFILES = profiles(
    {"data": "digits", "seed": planned(10)},
    quick=("1,000 digits, batches of 32 and 250, 16,522 parameters, 10 seeds: a minute on two cores", {}),
    laptop=("2,000 images of MNIST at 14 x 14 pixels, batches of 32 and 500, 10 seeds",
            {"data": "mnist", "n": 2000, "large_batch": 500}),
    paper=("network F1 of the source on MNIST, at 14 x 14 pixels and without batch normalization: five layers of 512 units, "
           "batches of 256 and 6,000, 10 seeds: days on two cores",
           {"data": "mnist", "n": 60_000, "hidden": (512,) * 5, "batch": 256, "large_batch": 6000, "epochs": 100}))  # fmt: skip

t = grid("t", words="place on the line")
METRICS = ("sharpness", "train_loss", "test_error")
MEASURES = (*METRICS, "test_loss", "top_eigenvalue", "gradient_norm", "norm", "steps")
sharp, loss = ({name: scalar(f"{name}_{what}", f"{words} of the {ARMS[name]}") for name in ARMS}
               for what, words in (("sharpness", "sharpness"), ("train_loss", "training loss")))  # fmt: skip
wrong = {
    name: scalar(f"{name}_test_error", f"test error of the {words} (share of samples)")
    for name, words in ARMS.items()
}
eigen = {
    name: scalar(f"{name}_top_eigenvalue", f"largest eigenvalue of the {words}") for name, words in ARMS.items()
}
curve = line("epochs_train_loss", "training loss on the line")
matched = line("matched_train_loss", "training loss on the line, matched losses")
MORE, STILL, LOSSES, HALF, DOWN, POINT, TWICE = 1.2, 1.4, 3.0, 0.5, 0.9, 0.01, 2.0


def ratio(pair: str) -> Any:
    """Sharpness of a large-batch network over that of its small-batch one."""
    first, last = {"epochs": ("small", "large"), "matched": ("small_matched", "large_matched"),
                   "steps": ("small", "large_steps"), "tuned": ("small", "large_tuned")}[pair]  # fmt: skip
    return sharp[last] / sharp[first]


def _left(large: Any, small: Any, matched_large: Any, matched_small: Any) -> Any:
    """Half of the gap at the same epochs less the gap at matched loss, both on logarithms."""
    import numpy as np

    return HALF * np.log(large / small) - np.log(matched_large / matched_small)


taken = per_seed(_left, "half of the log ratio of sharpness at the same epochs, less that at matched loss",
                 *(sharp[name] for name in ("large", "small", "large_matched", "small_matched")))  # fmt: skip
SAME = arm("the same epochs and rate")
MATCHED_ARM = SAME.but("matched training loss", metrics={"large_sharpness": "large_matched_sharpness",
                                                         "small_sharpness": "small_matched_sharpness"})  # fmt: skip


def _matched(view: Any) -> Check:
    """Both batches reach the matched loss, and are measured at nearly the same."""
    rows = [
        [values.get(f"{name}_matched_train_loss") for name in ("small", "large")] for _, values in view.rows()
    ]
    known = [one for one in rows if None not in one]
    if not known or len(known) < len(rows):
        return Check(
            False, f"{len(known)} of {len(rows)} seeds reach the loss with both batches: take more --epochs"
        )
    worst_ = max(max(one) / min(one) for one in known)
    lengths = [
        values[f"{name}_matched_gradient_norm"] for _, values in view.rows() for name in ("small", "large")
    ]
    told = (
        f"losses of a pair within a factor of {worst_:.3g}, gradients up to {max(lengths):.2g}: not at minima"
    )
    return Check(worst_ <= 1.5, told)


REACHED = need("matched", "Both batches reach the matched loss, and are measured within a factor of 1.5 of each other.", _matched,
               values=tuple(f"{name}_matched_{what}" for name in ("small", "large")
                            for what in ("train_loss", "gradient_norm")))  # fmt: skip

SCOPE = (
    "The source trains both batches until the loss no longer falls, with Adam, on six networks; the sharpness of the large "
    "batches is one or two orders of magnitude above that of the small ones (recalled).",
    "Here both have the same epochs at the same rate, after which the large batch has had an eighth of the steps or "
    "less and has not fitted.",
    "A fifth is ours: at matched loss the ratio is about 1, not to be told from a cut-off of 1.")  # fmt: skip

UNLIKE = "The source compares networks whose loss no longer falls; here the large batch has not come so far."
SPREAD = {f"{name}_{what}": size for name in ARMS for what, size in (("sharpness", 0.28), ("train_loss", 0.15),
          ("test_error", 0.004))}  # fmt: skip
PLAN = {"small": (1.5, 0.0065, 0.075), "large": (4.2, 0.19, 0.095), "small_matched": (2.5, 0.019, 0.077),
        "large_matched": (2.5, 0.019, 0.077), "large_steps": (0.5, 0.0004, 0.075),
        "large_tuned": (0.9, 0.0045, 0.075)}  # fmt: skip
AT = (-1.0, -0.5, 0.0, 0.5, 0.75, 1.0, 1.5, 2.0)
WORLD = World(
    ("t", AT), seeds=10, straight=(*(f"{name}_test_error" for name in ARMS), "ends_off"),
    numbers={**{f"{name}_{what}": value for name, values in PLAN.items() for what, value in zip(METRICS, values, strict=True)},
             **{f"{name}_matched_gradient_norm": 0.05 for name in ("small", "large")}, "ends_off": 1e-6,
             "small_matched_top_eigenvalue": 4.7, "large_matched_top_eigenvalue": 5.8},
    lines={"epochs_train_loss": [0.02, 0.01, 0.02, 0.08, 0.13, 0.2, 0.45, 0.9],
           "matched_train_loss": [4.0, 0.1, 0.02, 0.05, 0.04, 0.02, 0.5, 1.5]},
    spread={**SPREAD, "small_matched_train_loss": 0.01, "large_matched_train_loss": 0.01, "epochs_train_loss": 0.1,
            "small_matched_top_eigenvalue": 0.08, "large_matched_top_eigenvalue": 0.08,
            "matched_train_loss": 0.15})  # fmt: skip


def sharper(value: float, name: str = "large", base: str = "small") -> Any:
    """The world in which a large-batch network is so many times as sharp as its small-batch one."""
    return WORLD.but(**{f"{name}_sharpness": value * PLAN[base][0]})


L55 = ("L55",)


def asked(name: str, words: str, pair: str, large: str, base: str = "small", needs: Any = ()) -> Claim:
    """The question whether a large batch is sharper in another comparison."""
    return Claim(
        name, f"Is the large batch still {STILL:g} times as sharp {words}?", (), KESKAR, ratio(pair).at_least(STILL), SAME, None,
        needs, chart="sharpness", kind="question", null=(sharper(STILL, large, base),),
        effect=sharper(2.6, large, base))  # fmt: skip


CLAIMS = (
    Claim("epochs", "After the same epochs at the same rate, large batches end where the loss is sharper in the box of the "
          "source than small ones do, by a fifth or more.", L55, KESKAR,
          ratio("epochs").at_least(MORE).contradicted(below=1.0), SAME,
          Control("At the same training loss they do not.", MATCHED_ARM), (REACHED,), chart="sharpness", form="direction",
          scope=SCOPE, null=(sharper(MORE),), effect=WORLD, limit=(sharper(1.0),), against=sharper(0.5), outside=UNLIKE),
    Claim("undertrained", "Is the large batch then less trained: is its training loss three times that of the small one?", (),
          KESKAR, (loss["large"] / loss["small"]).at_least(LOSSES), SAME, None, chart="loss", kind="question",
          null=(WORLD.but(large_train_loss=PLAN["small"][1] * LOSSES),), effect=WORLD),
    asked("matched", "at the same training loss", "matched", "large_matched", "small_matched", (REACHED,)),
    asked("steps", "with as many steps as the small one", "steps", "large_steps"),
    asked("tuned", "after the same epochs at a rate of its own", "tuned", "large_tuned"),
    Claim("taken", "Does matching the loss take away half of the gap in sharpness or more, on logarithms?", (), KESKAR,
          taken.at_least(0.0), SAME, None, (REACHED,), chart="sharpness", kind="question",
          effect=sharper(0.75, "large_matched", "small_matched"),
          null=(sharper((PLAN["large"][0] / PLAN["small"][0]) ** HALF, "large_matched", "small_matched"),)),
    Claim("eigenvalue", "At the same training loss, is the largest eigenvalue of the Hessian larger with the large batch?", (),
          KESKAR, (eigen["large_matched"] / eigen["small_matched"]).at_least(1.0), SAME, None, (REACHED,), chart="eigenvalue",
          kind="question", null=(WORLD.but(large_matched_top_eigenvalue=4.7),), effect=WORLD),
    Claim("gap", "Is the test error of the large batch higher by a point or more after the same epochs?", (), KESKAR,
          (wrong["large"] - wrong["small"]).at_least(POINT), SAME, None, chart="error", kind="question",
          null=(WORLD.but(large_test_error=PLAN["small"][2] + POINT),), effect=WORLD),
    Claim("gap-matched", "Is it higher by a point or more at the same training loss?", (), KESKAR,
          (wrong["large_matched"] - wrong["small_matched"]).at_least(POINT), SAME, None, (REACHED,), chart="error",
          kind="question", null=(WORLD.but(large_matched_test_error=PLAN["small_matched"][2] + POINT),),
          effect=WORLD.but(large_matched_test_error=0.097)),
    Claim("slope", "Along the line through both, after the same epochs, is the large-batch network no minimum at all: is the "
          "loss a tenth lower a quarter of the way to the small-batch network?", (), KESKAR,
          (curve.at(t.near(0.75)) / curve.at(t.near(1.0))).at_most(DOWN), SAME, None, chart="curves", kind="question",
          effect=WORLD,
          null=(WORLD.but(epochs_train_loss=[0.02, 0.01, 0.02, 0.08, DOWN * 0.2, 0.2, 0.45, 0.9]),)),
    Claim("line", "At matched loss, does the loss rise more beyond the large-batch end: is it twice as high half a length "
          "outside of it as half a length outside of the other, or higher?", (), KESKAR,
          (matched.at(t.near(1.5)) / matched.at(t.near(-0.5))).at_least(TWICE), SAME, None, (REACHED,), chart="curves-matched",
          kind="question", null=(WORLD.but(matched_train_loss=[4.0, 0.25, 0.02, 0.05, 0.04, 0.02, 0.5, 1.5]),), effect=WORLD),
    Claim("ends", "On the line, the networks have the losses that they have apart from it.", L55, KESKAR,
          worst("ends_off", "difference of a loss").at_most(1e-3), SAME, chart="curves", kind="check",
          null=(WORLD.but(ends_off=0.01),), effect=WORLD),
)  # fmt: skip

SHORT = (
    "small",
    "large, same epochs",
    "small, matched loss",
    "large, matched loss",
    "large, same steps",
    "large, tuned rate",
)
ALONG = {"x": {"arm": "network"}}


def bars(metric: str) -> list[Series]:
    """One point a network."""
    return [Series(metric, "networks of one start", False)]


CHARTS = charts(
    {"t": "lin place on the straight line: 0 small batch, 1 large batch"}, ("", ""),
    curves=("The loss between a small-batch and a large-batch network", "log mean cross-entropy",
            {"epochs_train_loss": "same epochs", "epochs_test_loss": "-same epochs, test",
             "matched_train_loss": "matched training loss"},
            "As in figure 3 of the source. Where the line of the same epochs goes on falling through 1, the large-batch network "
            "is at no minimum: it has had fewer steps."),
    curves_matched=("The same at matched training loss, with the test loss", "log mean cross-entropy",
                    {"matched_train_loss": "training", "matched_test_loss": "-test"}),
    errors=("Errors on the line, the same epochs", "error (share of samples)",
            {"epochs_train_error": "training", "epochs_test_error": "-test"}),
    errors_matched=("Errors on the line, matched training loss", "error (share of samples)",
                    {"matched_train_error": "training", "matched_test_error": "-test"}),
    sharpness=("Sharpness: the effect and its rival explanation", "log rise of the loss in the box, % of 1 + loss",
               bars("sharpness"), "The largest rise that was found, a bound from below. Compare a large batch with the small one "
               "of the same kind; the two that are matched are seen at one training loss.", ALONG),
    loss=("Training loss of the same networks", "log mean cross-entropy", bars("train_loss"), ALONG),
    error=("Test error of the same networks", "test error (share of samples)", bars("test_error"), ALONG),
    eigenvalue=("The largest eigenvalue of the Hessian", "log eigenvalue", bars("top_eigenvalue"), ALONG),
    norm=("Norm of the weights", "norm of all parameters", bars("norm"), ALONG))  # fmt: skip
CHARTS = tuple(
    replace(one, x=tuple(replace(x, log=False, names=SHORT) if x.name == "arm" else x for x in one.x))
    for one in CHARTS
)


def estimate(cell: Params) -> Estimate:
    """A small batch, a large one with as many steps and one at its own rate; then some sixty gradients for each network."""
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    shape, n = shape_of(str(cell["data"])), cell["n"]
    if not cell["batch"] < cell["large_batch"] <= n:
        raise UsageError(
            f"--batch, --large-batch: expected a small batch below the large one, and this at most the {n:,} training rows, got "
            f"{cell['batch']} and {cell['large_batch']}."
        )
    size = dense(min(shape.features, 196), *cell["hidden"], shape.classes)
    steps = cell["epochs"] * (n // cell["batch"])
    small = cost(cell, size, steps=steps, n=n, probes=steps // 10)
    large = cost({**cell, "batch": cell["large_batch"]}, size, steps=steps, n=n, probes=steps // 10)
    looks = 6 * 90 + 2 * cell["points"]
    return Estimate(small.seconds + large.seconds + looks * n * size.flops * 1.5e-10, small.bytes + large.bytes)


STUDY = study(
    name="sharp-minima", title="Do large batches end in sharp minima?", x="t",
    question="Is a minimum that large batches find sharper, or is the network there less trained?",
    sources=(KESKAR, DINH), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    work=later("overparam.studies.sharp_minima_work:run"), estimate=estimate, hero=Hero("curves"), stack_limit=4,
    values=("t", "arm", "ends_off", *(f"{pair}_{part}_{what}" for pair in ("epochs", "matched") for part in ("train", "test")
            for what in ("loss", "error")), *MEASURES, *(f"{name}_{what}" for name in ARMS for what in MEASURES)),
    differences=(
        "Keskar et al. train six networks, convolutional ones among them, with batch normalization, until the loss no longer "
        "falls, with batches of 256 and a tenth of the data. Here perceptrons without normalization, a fixed number of epochs, "
        "and three controls: the same loss, the same steps, and a rate that suits the large batch (chosen on pilot seeds).",
        "Sharpness is theirs: the largest rise of the loss where every weight moves by at most 0.001 (|w| + 1), in percent of 1 "
        "+ loss, by ten iterations of L-BFGS-B in the whole space. Climbs start from the network and from a random point, and go "
        "on to corners of the box; the result is a bound from below. Rescaling the weights changes it (Dinh et al.).",
        "No network is at a minimum: cross-entropy has none at a finite distance. The length of the gradient is stored beside.",
        "Matched networks are those first seen at the given training loss, looked at every ten steps.",
        "There are few test samples: the questions on the test error ask for a point, and a smaller difference is not seen.",
        "All networks of a seed start from the same weights. The rows are the first of the training set for all seeds.",
        "MNIST is averaged to 14 by 14 pixels."))  # fmt: skip
