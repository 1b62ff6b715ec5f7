"""Width and generalization: test error of a two-layer network beyond the width that fits (Neyshabur et al. 2015).

H0 is the first width at which every seed ends without training error on the given labels. Every width from 16 to 64 H0 is
compared with it, and the slope of the error from H0 on is judged.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (FRESH, BATCH, DATA, MOMENTUM, N, RATE, STEPS, VIEW, WIDTH, Axis, Check, Claim, Control, Estimate,
    FitRule, Line, MissingEvidence, Params, World, arm, charts, grid, later, line, need, per_seed, planned,
    profiles, renamed, study)  # fmt: skip

POWERS = tuple(2**k for k in range(1, 13))
AXES = (
    DATA, N.but(default=800),
    Axis("n_validation", "Further samples, not trained on, that choose the best time.", int, 400, low=1),
    Axis("side", "Pixels of a side to which images are shrunk, in grey; 0 leaves inputs as they are.", int, 0, low=0),
    WIDTH.but(help="Hidden units H."),
    Axis("labels", "Training labels: as given, or random, each drawn anew from all classes.", str, choices=("given", "random")),
    STEPS.but(default=2000), BATCH, RATE.but(default=0.05), MOMENTUM,
    Axis("seed", "Drives the initialisation, the order of the minibatches and the random labels.", int, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "digits", "n": 800, "n_validation": 400, "side": 0, "steps": 2000, "batch": 100, "learning_rate": 0.05,
     "momentum": 0.9, "labels": ("given", "random"), "seed": planned(5)},
    quick=("digits, 800 samples, 2 to 512 hidden units, given and random labels, 5 seeds, 500 epochs: under a minute on two "
           "cores",
           {"width": POWERS[:9], "steps": 4000}),
    laptop=("digits, 800 samples, 2 to 2,048 hidden units, given and random labels, 5 seeds, 500 epochs",
            {"width": POWERS[:11], "steps": 4000}),
    paper=("MNIST and Fashion-MNIST at 10 x 10 pixels, 40,000 samples and 10,000 for validation, 4 to 4,096 hidden units, "
           "5 seeds, 100 epochs: many hours",
           {"data": ("mnist", "fashion-mnist"), "n": 40_000, "n_validation": 10_000, "side": 10, "width": POWERS[1:],
            "steps": 40_000}))  # fmt: skip

GIVEN, RANDOM = arm("labels as given", labels="given"), arm("random labels", labels="random")
NEAR, FAR, GAIN = 16, 64, 0.10  # times H0; relative gain, the smallest worth the name
width = grid("width", words="width")


def threshold(view: Any) -> float:
    """H0, from the given labels whatever the arm."""
    seen = view.on(GIVEN, frozenset({"train_error"}))
    fitted = (seen.line("train_error").y <= 0).all(axis=0)
    if not fitted.any():
        lowest = float(seen.line("train_error").y.max(axis=0).min())
        raise MissingEvidence(f"no width ends without training error in every seed (lowest: {lowest:.2%}). Add wider "
                              "networks or more --steps.")  # fmt: skip
    return float(seen.grid("width")[int(fitted.argmax())])


def judged(widths: Any, view: Any) -> tuple[int, list[int]]:
    """Index of H0, and of the widths from 16 to 64 H0."""
    first = threshold(view)
    wide = [i for i, w in enumerate(widths) if NEAR * first <= w <= FAR * first]
    if first not in widths or not wide:
        raise MissingEvidence(f"no width from {NEAR} to {FAR} times H0 = {first:g}. Add some to --widths.")
    return int(list(widths).index(first)), wide


def gains(error: Any, widths: Any, view: Any) -> Any:
    """The error at H0 over that of every wide network."""
    first, wide = judged(widths, view)
    return error[:, [first]] / error[:, wide]


def slopes(error: Any, widths: Any, view: Any) -> Any:
    """Each seed's slope of log error over log width, from H0 on."""
    import numpy as np

    first, _ = judged(widths, view)
    x = np.log(np.asarray(widths, dtype=float)[first:])
    x -= x.mean()
    return np.log(error[:, first:]) @ x / (x @ x)


ERROR: Line = line("test_error", "test error").floor(0.5, per="n_test") * 100
GAINS = per_seed(
    gains,
    "test error at H0 over that of a network 16 to 64 times as wide",
    ERROR,
    width,
    VIEW,
    estimate="geometric",
)
SLOPE = per_seed(slopes, "slope of log test error over log width, from H0 on", ERROR, width, VIEW)
IMPROVES = GAINS.at_least(1 / (1 - GAIN)).contradicted(below=1.0) & SLOPE.at_most(0.0).contradicted(above=0.0)
STOPPED = renamed("stopped_", "test_error")


def _fits(view: Any) -> Check:
    first, narrowest = threshold(view), min(view.evidence.levels("width"))
    return Check(first > narrowest, f"first at width {first:g}, the narrowest is {narrowest:g}")


def _reaches(view: Any) -> Check:
    first, widest = threshold(view), max(view.evidence.levels("width"))
    return Check(widest >= NEAR * first, f"widths end at {widest / first:.3g} times H0, asked for {NEAR}")


def _note(view: Any) -> str:
    w = view.grid("width")
    first, wide = judged(w, view)
    return f"H0 is width {w[first]:g}; compared with it are the widths {', '.join(f'{w[i]:g}' for i in wide)}."


NEEDS = (
    need("interpolation threshold", "Some width, not the narrowest, ends without training error in every seed; the first is H0.",
         _fits, "width", "labels", values=("train_error",)),
    need("right end", "The widths go on to at least 16 H0.", _reaches, "width", "labels", values=("train_error",)),
)  # fmt: skip


def curve(*errors: float) -> list[float]:
    """The test error, as a share, from width 2 to 1,024: H0 is 16."""
    return [e / 100 for e in (50.0, 20.0, 9.0, *errors)]


KEEPS = curve(6, 5.4, 5, 4.7, 4.5, 4.4, 4.3)
WORLD = World(
    ("width", POWERS[:10]), arms={"labels": ("given", "random")}, spread={"test_error": 0.1, "stopped_test_error": 0.1},
    level=0.05, lines={"test_error": lambda labels: KEEPS if labels == "given" else [0.9] * 10,
           "stopped_test_error": lambda labels: KEEPS if labels == "given" else [0.9] * 10,
           "train_error": [0.4, 0.1, 0.01, *([0.0] * 7)]},
    numbers={"n_test": 597}, fixed={"n": 800}, straight=("train_error",), apart=True,
)  # fmt: skip
TRUE = curve(6, 5, 4.2, 3.6, 3.2, 2.8, 2.6)
NULLS = (
    curve(6, 5.9, 5.8, 5.7, 5.4, 5.4, 5.4),  # a gain of just a tenth
    curve(6, 5, 4.5, 4, 5.4, 3, 2.8),  # at one wide network a gain of just a tenth
    curve(4, 2, 2.2, 2.4, 2.6, 2.8, 3.0034),  # falls at once, then rises: no slope from H0 on
)
LIMITS = (
    curve(6, 6, 6, 6, 6, 6, 6),  # no gain
    curve(6, 5.5, 5, 5, 6, 4, 4),  # none at one wide network
)
AGAINST = curve(4, 4.4, 4.9, 5.4, 6, 6.6, 7.2)
SCOPE = (
    "Neyshabur et al. show it for two-layer ReLU networks trained by SGD with momentum on MNIST and CIFAR-10 images of 100 "
    "pixels; here are 800 digits of 64 pixels, trained at a constant rate.",
)
HISTORY = (
    "version 2: every width from 16 to 64 H0 is judged by itself, not the one with the largest mean, and each seed's slope "
    "by Student's t in place of Page's test, whose level does not hold where the curve is flat. That an error at most one "
    "standard error above that at H0 is enough was ours and is dropped; only a rise contradicts.",
)


def claim(name: str, sentence: str, metrics: dict[str, str]) -> Claim:
    """The claim on one reading of the test error."""
    metric = metrics.get("test_error", "test_error")

    def planted(error: list[float]) -> World:
        return WORLD.but(**{metric: error})

    return Claim(
        name, sentence, ("L47",), "neyshabur2015", IMPROVES, GIVEN.but(metrics=metrics),
        Control("With random labels the same widths do not err less.", RANDOM.but(metrics=metrics)), NEEDS, HISTORY,
        "error", note=_note, form="direction", scope=SCOPE, null=tuple(map(planted, NULLS)), effect=planted(TRUE),
        limit=tuple(map(planted, LIMITS)), against=planted(AGAINST))  # fmt: skip


FAR_WIDER = (
    "The test error keeps falling as networks grow far beyond the first width that fits all training samples"
)
CLAIMS = (
    claim("convergence", f"{FAR_WIDER}, at the end of training.", {}),
    claim("best-time", f"{FAR_WIDER}, when training is stopped early.", STOPPED),
)
SHARE = "share of samples"
CHARTS = charts(
    {"width": "hidden units H", "parameters": "parameters", "parameters_per_sample": "parameters per training sample"},
    ("labels", "training labels"),
    error=("Error against width", f"error ({SHARE})",
           {"test_error": "test, end of training", "stopped_test_error": "test, stopped by validation",
            "train_error": "-train, against the given labels"},
           "The best time is the probe time of lowest error on validation samples, the first of equals."),
    loss=("Loss against width", "log cross-entropy (nats)",
          {"test_loss": "test", "train_loss": "-train, against the given labels"}, "At the end of training."),
    oracle=("How much the validation set misses", f"test error ({SHARE})",
            {"stopped_test_error": "stopped by validation", "oracle_test_error": "-best time, chosen on the test set"},
            "The best time on the test set is an oracle, drawn for comparison only; no claim uses it."))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Two layers on the samples, measured with the validation samples."""
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    shape = shape_of(str(cell["data"]))
    inputs = cell["side"] ** 2 or shape.features
    return cost(cell, dense(inputs, cell["width"], 10), inputs=inputs, tests=shape.test + cell["n_validation"])


STUDY = study(
    profile_history=(FRESH,),
    name="width-generalization", title="Test error beyond the width that fits",
    question="Does the test error of a two-layer network keep falling as it grows past the width that fits?", x="width",
    sources=("neyshabur2015",), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    work=later("overparam.studies.width_generalization_work:run"), estimate=estimate,
    fit=FitRule("train_error", 0.0, "width", "no training error"),
    stack_by=("data", "n", "n_validation", "side", "width", "steps", "batch", "learning_rate", "momentum"),
    values=("parameters", "parameters_per_sample", "n_test", "train_error", "train_loss", "test_error", "test_loss",
            "stopped_test_error", "stopped_step", "oracle_test_error", "step", "test_error_by_step"),
    differences=(
        "The paper trains on 50,000 MNIST and 40,000 CIFAR-10 images shrunk to 100 pixels (recalled); quick and laptop "
        "use 800 digits of 8 x 8 pixels. The paper profile takes MNIST and Fashion-MNIST with 40,000 samples.",
        "SGD has a constant learning rate of 0.05 and momentum 0.9; in the paper the rate starts at 0.1 and falls by 1 % "
        "an epoch while momentum rises from 0.5 to 0.9 (recalled).",
        "'At convergence' means after a fixed number of epochs (500 in quick and laptop), whether or not the loss "
        "still falls.",
        "The best time is the best of about 30 probe times, evenly spaced in the logarithm of the step.",
        "Training, validation and test samples are one fixed draw: a seed changes initialisation, minibatch order and "
        "random labels, so an interval does not cover the draw of the data.",
        "Widths are powers of two, so H0 is known to a factor of two.",
        "Initialisation is uniform in plus or minus one over the root of the number of inputs of a layer; the paper "
        "draws Gaussian weights."))  # fmt: skip
