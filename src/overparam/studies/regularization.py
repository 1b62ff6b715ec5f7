"""Regularization, explicit and implicit, in one grid: weight decay, dropout, batch normalisation and the noise of SGD.

One overfitting network is trained with each, on clean labels and on labels of which three in ten are wrong; every number is
a difference to the plain network of the same seed. Two rival explanations stand beside: fewer steps, and a changed rate.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DATA, EPOCHS, MOMENTUM, N, N_TEST, NOISE, NOISE_KIND, NONE, RATE, SEED, WIDTH, Axis, Claim,
    Control, Estimate, Hero, Number, Params, Series, World, arm, chart, enough_noise, later, line, on_average,
    planned, preferred, profiles, scalar, study)  # fmt: skip

METHODS = {
    "plain": "plain", "decay": "weight decay", "weak": "weight decay, a tenth of it", "dropout": "dropout",
    "norm": "batch normalisation", "large": "large batches", "large_steps": "large batches, as many steps",
    "large_rate": "large batches, rate in proportion", "norm_decay": "batch normalisation and decay",
    "norm_rate": "batch normalisation and a growing rate",
}  # fmt: skip

AXES = (
    DATA.but(help="Data set, or a path to one.", default="digits"),
    Axis("side", "Longest side of an image in pixels; larger images are averaged over squares of pixels.", int, 14, low=1),
    N.but(default=1000), N_TEST,
    WIDTH.but(help="Units of every hidden layer.", default=128),
    Axis("depth", "Hidden layers.", int, 2, low=1, high=20),
    NOISE.but(default=0.0), NOISE_KIND.but(default="exclusive"),
    Axis("method", "What regularizes. plain: nothing but SGD. decay, weak: weight decay on all parameters. dropout. norm: batch "
         "normalisation. large: larger batches; large_steps: with as many steps; large_rate: with a rate in proportion. "
         "norm_decay: decay of the weights that are normalised; norm_rate: a growing rate for them in its place.", str, "plain",
         choices=tuple(METHODS), flag="methods"),
    Axis("decay", "Coefficient of weight decay.", float, 0.01, low=1e-9, high=10),
    Axis("weak", "The same of the weaker one.", float, 0.001, low=1e-9, high=10),
    Axis("dropout", "Share of the hidden units that dropout leaves out.", float, 0.5, low=0.01, high=0.99),
    EPOCHS.but(default=40), BATCH.but(default=32), Axis("large", "Samples of a large batch.", int, 250, low=2),
    RATE.but(default=0.02), MOMENTUM, SEED,
)  # fmt: skip
QUICK = ("plain", "decay", "dropout", "norm", "large", "norm_decay", "norm_rate")
PROFILES = profiles(
    {"data": "digits", "noise": (0.0, 0.3), "method": tuple(METHODS)},
    quick=("1,000 digits, clean labels and 30 % wrong ones, seven of the ten arms, 10 seeds: half a minute on two cores. What "
           "SGD's noise does is left to the others", {"method": QUICK, "seed": planned(10)}),
    laptop=("1,000 images of MNIST at 14 x 14 pixels, clean labels and 30 % wrong ones, ten arms, 32 seeds",
            {"data": "mnist", "seed": planned(32)}),
    paper=("MNIST whole, 60,000 images of 28 x 28 pixels, two layers of 512 units, 40 epochs, 8 seeds: days of a core. The "
           "slide names no setting; this is the usual one", {"data": "mnist", "side": 28, "n": 60_000, "width": 512,
                                                            "seed": planned(8)}),
)  # fmt: skip

# what is measured: one number a seed, method and share of wrong labels; everything is read as a difference to plain
accuracy = scalar("test_accuracy", "test accuracy at the end", "points")
fitted = scalar("train_accuracy", "accuracy on its training labels at the end", "points")
WRONG, RIGHT = preferred(0.3), NONE


def on(method: str, noise: Any) -> Any:
    """The cells of a method, on wrong or on clean labels."""
    return arm(
        f"{METHODS[method]}, {'clean labels' if noise == RIGHT else 'wrong labels'}", method=method, noise=noise
    )


def gain(method: str, noise: Any, over: str = "plain") -> Number:
    """Test accuracy of a method less that of another, the same seed, in points."""
    return accuracy.on(on(method, noise)) - accuracy.on(on(over, noise))


def apart(one: str, other: str) -> Number:
    """How far the training losses of two methods lie apart after the first twentieth of the run, in nats."""
    loss = line("early_loss", "training loss after the first twentieth of the run", "nats")
    first, second = (loss.last.on(on(name, RIGHT).but(METHODS[name], x="early_step")) for name in (one, other))
    return first - second


SAME = 1e-3  # nats: rounding and the epsilon of the normalisation stay below 2e-4, an unmatched rate is above 4e-3 (pilots)
SLIDE = (
    "The slide names the kinds of regularization, no strengths, data or networks.",
    "Here a perceptron of two layers on 1,000 small images; strengths are ours and the points asked for too. That some "
    "setting shows it supports the statement; one that does not is no word against it.",
)
NOISY = enough_noise(0.1)
FITS = on_average("the plain network fits clean labels", fitted.on(on("plain", RIGHT)), at_least=99.0)
L57, HE, LARGER = ("L57",), "he2021", ("laptop", "paper")

# planted worlds, with the accuracies and spreads of the pilot seeds: wrong labels spread more
CLEAN = {"plain": 89.4, "decay": 88.6, "weak": 89.5, "dropout": 90.0, "norm": 90.4, "large": 88.1, "large_steps": 88.9,
         "large_rate": 89.3, "norm_decay": 88.8, "norm_rate": 88.9}  # fmt: skip
DIRTY = {"plain": 68.4, "decay": 79.8, "weak": 68.8, "dropout": 81.6, "norm": 66.4, "large": 82.3, "large_steps": 66.7,
         "large_rate": 67.4, "norm_decay": 64.2, "norm_rate": 63.4}  # fmt: skip


def world(clean: dict[str, float] | None = None, dirty: dict[str, float] | None = None, seeds: int = 32,
          spread: float = 0.0) -> World:  # fmt: skip
    """The planted grid with some accuracies changed; those with wrong labels spread more."""
    right, wrong = CLEAN | (clean or {}), DIRTY | (dirty or {})
    return World(("share", (0.0, 100.0)), arms={"method": tuple(METHODS), "noise": (0.0, 0.3)}, seeds=seeds,
                 numbers={"test_accuracy": lambda method, noise: (wrong if noise else right)[method], "train_accuracy": 100.0},
                 straight=("test_accuracy", "train_accuracy"),
                 spread={"test_accuracy": spread or (1.2 if dirty else 0.35)})  # fmt: skip


WORLD, NOISIER = world(), world(dirty=DIRTY)
FEW, FEWER = world(seeds=10), world(dirty=DIRTY, seeds=10)
COURSE = World(
    ("early_step", (1, 2, 3, 4)), arms={"method": ("norm", "norm_decay", "norm_rate"), "noise": (0.0,)}, seeds=10,
    lines={"early_loss": lambda method, noise: [2.0, 1.5, 1.2, 1.0] if method != "norm" else [2.0, 1.51, 1.21, 1.01]},
    spread={"early_loss": 2e-5}, straight=("early_loss",))  # fmt: skip

CLAIMS = (
    Claim("decay", "Weight decay regularizes: with wrong labels it raises the test accuracy, here by 3 points.", L57, HE,
          gain("decay", WRONG).at_least(3.0), on("decay", WRONG),
          Control("On clean labels it does not.", rule=gain("decay", RIGHT).at_least(3.0)), (NOISY, FITS), chart="wrong",
          form="exists", scope=SLIDE, null=(world(dirty={"decay": 71.4}, seeds=10),), effect=FEWER),
    Claim("dropout", "Dropout regularizes: with wrong labels it raises the test accuracy, here by 3 points.", L57, HE,
          gain("dropout", WRONG).at_least(3.0), on("dropout", WRONG),
          Control("On clean labels it does not by as much.", rule=gain("dropout", RIGHT).at_least(3.0)), (NOISY, FITS),
          chart="wrong", form="exists", scope=SLIDE, null=(world(dirty={"dropout": 71.4}, seeds=10),), effect=FEWER),
    Claim("norm", "Batch normalisation regularizes: on clean labels, which the plain network fits too, it raises the test "
          "accuracy, here by 0.2 points.", L57, HE, gain("norm", RIGHT).at_least(0.2), on("norm", RIGHT),
          Control("With wrong labels it does not.", rule=gain("norm", WRONG).at_least(0.2)), (FITS,), chart="clean",
          form="exists", scope=SLIDE, null=(world({"norm": 89.6}, seeds=10),), effect=FEW),
    Claim("sgd", "The noise of SGD regularizes: with wrong labels, at the same rate and as many steps, small batches end above "
          "large ones, here by half a point.", L57, HE, gain("plain", WRONG, "large_steps").at_least(0.5), on("plain", WRONG),
          Control("With as many passes, and so an eighth of the steps, small batches do not end above large ones.",
                  rule=gain("plain", WRONG, "large").at_least(0.5)), (NOISY, FITS),
          chart="sgd", form="exists", scope=(*SLIDE, "With as many steps a large batch sees every sample more often."),
          profiles=LARGER, null=(world(dirty={"large_steps": 67.9}),), effect=NOISIER),
    Claim("sgd-rate", "Do small batches end above large ones with wrong labels also where the rate of the large ones is in "
          "proportion to their size, as many passes?", L57, HE,
          gain("plain", WRONG, "large_rate").at_least(0.0), on("plain", WRONG), None, (NOISY, FITS), chart="sgd",
          kind="question", profiles=LARGER, null=(world(dirty={"large_rate": 68.4}),),
          effect=world(dirty={"large_rate": 67.1})),
    Claim("fewer-steps", "With as many passes over the samples, and so fewer steps, is it large batches that end above small "
          "ones with wrong labels, by 3 points?", L57, HE, gain("large", WRONG).at_least(3.0), on("large", WRONG),
          Control("On clean labels they do not.", rule=gain("large", RIGHT).at_least(3.0)), (NOISY, FITS),
          chart="sgd", kind="question", null=(world(dirty={"large": 71.4}, seeds=10),), effect=FEWER),
    Claim("under-training", "On clean labels, do large batches lose less with as many steps than with as many passes, by 0.2 "
          "points or more: is it training that they lack?", L57, HE,
          gain("large_steps", RIGHT, "large").at_least(0.2), on("large_steps", RIGHT), None, (FITS,), chart="clean",
          kind="question", profiles=LARGER, null=(world({"large_steps": 88.3}),), effect=WORLD),
    Claim("norm-noise", "Does batch normalisation cost half a point or more with wrong labels, which it helps to fit?", L57, HE,
          gain("plain", WRONG, "norm").at_least(0.5), on("norm", WRONG),
          Control("On clean labels it does not.", rule=gain("plain", RIGHT, "norm").at_least(0.5)), (NOISY, FITS), chart="wrong",
          kind="question", profiles=LARGER, null=(world(dirty={"norm": 67.9}),), effect=NOISIER),
    Claim("decay-clean", "Does the decay that helps with wrong labels cost anything on clean ones?", L57, HE,
          gain("plain", RIGHT, "decay").at_least(0.0), on("decay", RIGHT),
          Control("Batch normalisation does not.", rule=gain("plain", RIGHT, "norm").at_least(0.0)), (FITS,), chart="clean",
          kind="question", null=(world({"decay": 89.4}, seeds=10),), effect=FEW),
    Claim("dropout-clean", "Does dropout raise the test accuracy on clean labels too, by 0.2 points or more?", L57, HE,
          gain("dropout", RIGHT).at_least(0.2), on("dropout", RIGHT), None, (FITS,), chart="clean", kind="question",
          profiles=LARGER, null=(world({"dropout": 89.6}),), effect=WORLD),
    Claim("weak", "Is a tenth of the decay too little: does it raise the test accuracy with wrong labels by at most 1.5 points?",
          L57, HE, gain("weak", WRONG).at_most(1.5), on("weak", WRONG),
          Control("The whole decay raises it by more.", rule=gain("decay", WRONG).at_most(1.5)), (NOISY, FITS), chart="wrong",
          kind="question", profiles=LARGER, null=(world(dirty={"weak": 69.9}, spread=0.7),),
          effect=world(dirty=DIRTY, spread=0.7)),
    Claim("rescaled", "Decay of weights that a normalisation follows is a growing learning rate and nothing else: the training "
          "losses of the two stay within 0.001 of each other as long as rounding does not grow.", L57, "li2020exponential",
          apart("norm_decay", "norm_rate").within(-SAME, SAME), arm(x="early_step"),
          Control("Without the growing rate they do not.", rule=apart("norm_decay", "norm").within(-SAME, SAME)), (),
          chart="rate", kind="check", effect=COURSE,
          null=(COURSE.but(early_loss=lambda method, noise: [2.0, 1.5, 1.2, 1.0 + 0.002 * (method == "norm_rate")]),)),
    Claim("rescaled-end", "Do the two also end within 1 point of each other on clean labels?", L57, "li2020exponential",
          gain("norm_decay", RIGHT, "norm_rate").within(-1.0, 1.0), on("norm_decay", RIGHT), None, (FITS,), chart="rate",
          kind="question", profiles=LARGER,
          null=(world({"norm_decay": 89.9}, spread=0.9), world({"norm_decay": 87.9}, spread=0.9)),
          effect=world({"norm_decay": 88.9}, spread=0.9)),
)  # fmt: skip


def courses(
    name: str, title: str, methods: tuple[str, ...], noise: float, side: str = "test", note: str = ""
) -> Any:
    """A chart of accuracies over the run."""
    rows = [Series(f"{side}_line", METHODS[one], where={"method": one, "noise": noise}) for one in methods]
    told = {"test": "test accuracy, %", "train": "accuracy on the given training labels, %"}[side]
    return chart(name, title, told, rows, x={"share": "lin part of the run, %"}, note=note)


ONES = ("plain", "decay", "dropout", "norm", "large")
CHARTS = (
    courses("wrong", "Test accuracy with 30 % wrong labels", ONES, 0.3,
            note="Clean test labels. All but large batches take the same number of steps; large batches take an eighth."),
    courses("clean", "Test accuracy on clean labels", (*ONES, "large_steps"), 0.0,
            note="All but weight decay and large batches fit their training labels; these two nearly do."),
    courses("fit", "How much of the wrong labels' training set is fitted", ONES, 0.3, "train",
            "At 70 % the right labels alone are fitted, at 100 % the wrong ones too."),
    courses("sgd", "Small and large batches with 30 % wrong labels", ("plain", "large", "large_steps", "large_rate"), 0.3,
            note="Large batches with as many passes, with as many steps, and with as many passes at a rate in proportion."),
    courses("rate", "Decay with batch normalisation, and the rate that stands for it", ("norm", "norm_decay", "norm_rate"), 0.0,
            note="The last two are one network in exact arithmetic, but for the epsilon of the normalisation."),
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """One training of a perceptron, with a batch normalisation or a mask at a third more."""
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    shape = shape_of(str(cell["data"]))
    factor = max(1, -(-max(shape.image[:2]) // cell["side"])) if len(shape.image) > 1 else 1
    large = cell["method"].startswith("large")
    batch = cell["large"] if large else cell["batch"]
    steps = cell["epochs"] * (
        cell["n"] // (batch if cell["method"] in ("large", "large_rate") else cell["batch"])
    )
    size = dense(shape.features // factor**2, *[cell["width"]] * cell["depth"], shape.classes)
    found = cost({**cell, "batch": batch}, size, steps=steps, tests=cell["n_test"] or shape.test, probes=15)
    slower = 1.0 if cell["method"].startswith(("norm", "dropout")) else 0.6  # measured
    return Estimate(slower * found.seconds, found.bytes)


STUDY = study(
    name="regularization", title="Regularization, explicit and implicit",
    question="What do weight decay, dropout, batch normalisation and the noise of SGD do to a network that can fit everything?",
    x="share", sources=(HE, "li2020exponential", "srivastava2014", "ioffe2015"), axes=AXES, profiles=PROFILES, claims=CLAIMS,
    charts=CHARTS, hero=Hero("wrong", fit=("test_line",)), estimate=estimate,
    work=later("overparam.studies.regularization_work:run"),
    values=("wrong_labels", "labels_digest", "share", "train_line", "test_line", "train_accuracy", "test_accuracy",
            "early_step", "early_loss", "steps_taken"),
    differences=(
        "The slide names weight decay, SGD, dropout and batch normalisation, and no setting. Network, data and strengths are "
        "ours, chosen on pilot seeds so that the plain network fits its clean labels.",
        "Wrong labels are drawn from the other classes: 30 % are wrong. In 40 passes the plain network fits most of them, "
        "not all; the picture of training accuracies shows how many.",
        "Weight decay is on all parameters, biases included, but for the arm with batch normalisation, where it is on the "
        "weights that a normalisation follows.",
        "Dropout leaves out half of the units of both hidden layers; batch normalisation stands before the activation and is "
        "evaluated with the statistics of the whole training set.",
        "A large batch with as many passes takes an eighth of the steps, with as many steps eight times the passes: the two "
        "differ from small batches in opposite directions, and both are shown.",
        "All accuracies are those at the end: none is stopped early. The training and test samples are one fixed draw, so an "
        "interval does not cover the draw of the data.",
    ))  # fmt: skip
