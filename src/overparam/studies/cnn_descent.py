"""Deep double descent with convolutions: a CNN and a residual network against their width (Nakkiran et al. 2020).

The source's two kinds of networks are made small: images of 8 x 8 pixels, the CNN with three of its four convolutions,
two residual stages of one block. The profile ``paper`` has the published sizes and recipes. The statements are those of
any sweep over widths (:mod:`overparam.core.sweeps`); their places are registered from pilot
seeds, for published sizes they follow from the training error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from overparam.core import (DATA, MOST, N, NOISE, NOISE_KIND, PROBES, SEED, STEPS, WIDTH, Arm, Axis, Claim, Control, Estimate,
    FitRule, Hero, Outcome, Params, Progress, UsageError, World, arm, fits, grid, planned, profiles, study)  # fmt: skip
from overparam.core.axes import batch_fits
from overparam.core.causes import diagnose
from overparam.core.examples import image
from overparam.core.sweeps import ERROR, FITTED, FLAT, WidthSweep, width_charts, width_claims

KINDS = ("cnn", "resnet")
WIDTHS, PAPER = (2, 3, 4, 6, 10), (1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64)
PUBLISHED = {"cnn": "nakkiran-cnn", "resnet": "nakkiran-resnet"}  # settings of training.published
CONVOLUTIONS, STAGES = {"small": 3, "published": 4}, {"small": (1, 1), "published": (2, 2, 2, 2)}
SPEED, COMPILED = 0.23, 0.2  # share of the usual rate; further seconds to compile, of one cell

AXES = (
    DATA.but(help="Images: digits, mnist, cifar10, cifar100, or images of your own."),
    N.but(default=1200),
    Axis("network", "cnn: convolutions of k, 2k, 4k, ... channels, each with batch normalisation, and a dense layer. resnet: "
         "pre-activation residual stages of k, 2k, ... channels.", str, "cnn", choices=KINDS, flag="networks"),
    Axis("setting", "small: three convolutions, or two stages of one block, by Adam. published: four convolutions by SGD with a "
         "falling rate, ResNet-18 by Adam, at the published rates.", str, "small", choices=tuple(CONVOLUTIONS)),
    WIDTH.but(help="Channels k of the first layer.", default=4, high=512),
    NOISE.but(help="Share of training labels that are replaced, below 1.", high=0.99), NOISE_KIND.but(default="exclusive"),
    Axis("augment", "Random crops (padding: an eighth of the side) and flips of training images.", str, "no",
         choices=("no", "yes")),
    STEPS.but(help="Training steps; 0 for as many as were published.", default=1800, low=0),
    Axis("batch", "Images in a minibatch.", int, 60, low=2),
    Axis("learning_rate", "Rate of Adam in the small setting.", float, 0.003, low=1e-9),
    PROBES, SEED.but(default=None),
)  # fmt: skip

CIFAR = {"n": 50_000, "setting": "published", "width": PAPER, "steps": 0, "batch": 128, "seed": planned(5)}
PROFILES = profiles(
    {"data": "digits", "n": 1200, "network": KINDS, "setting": "small", "width": WIDTHS, "noise": (0.0, 0.2),
     "noise_kind": "exclusive", "augment": "no", "steps": 1800, "batch": 60, "learning_rate": 0.003, "seed": planned(6)},
    quick=("The CNN on 1,200 digits, 3 widths, clean and 20 % noise, 4 seeds: under a minute on two cores.",
           {"network": "cnn", "width": (2, 4, 6), "seed": planned(4)}),
    laptop=("CNN and residual network on 1,200 digits, 5 widths, clean and 20 % noise, 6 seeds, 90 epochs", {}),
    paper=("CIFAR-10, the five-layer CNN for 500,000 steps of SGD and ResNet-18 for 4,000 epochs of Adam, widths 1 to 64, "
           "five rates of noise, with and without augmentation, 5 seeds: decades on two cores, a month or two on one large GPU",
           {**CIFAR, "data": "cifar10", "noise": (0.0, 0.05, 0.1, 0.15, 0.2), "augment": ("no", "yes")}),
    cifar100=("the same on CIFAR-100 with three rates of noise",
              {**CIFAR, "data": "cifar100", "noise": (0.0, 0.1, 0.2), "augment": "yes"}),
)  # fmt: skip

SMALL, LARGE, L53 = ("quick", "laptop"), ("paper", "cifar100"), ("L53",)
RATIO = grid("parameters", per="n", words="parameters per training image")
REPORT = (
    "Nakkiran et al. show it for a five-layer CNN and ResNet-18 on CIFAR-10 and CIFAR-100 with label noise."
)
SWEEP = WidthSweep(
    left=RATIO.between(0.3, 0.7), peak=RATIO.between(1.4, 2.6),  # from pilot seeds
    scope=(REPORT, "Here: smaller networks of both kinds, 8 x 8 pixels, 1,200 images, 20 % label noise."),
    outside="networks, images and training are smaller than the source's")  # fmt: skip
WHOLE = WidthSweep(scope=(REPORT, "Here: these networks and recipes."), outside="")
FITS = fits(SWEEP.fit, FITTED, before_the_end=False)  # the peak lies before the end, that is asked of its place


# planted worlds: the CNN's sizes and errors in percent, with the noise of pilot seeds
WORLD = World(
    ("width", WIDTHS), apart=True, arms={"noise": (0.2,)}, fixed={"n": 1200}, level=0.005, seeds=6, numbers={"wrong_labels": 0.2},
    lines={"parameters": [90 * k * k + 70 * k + 10 for k in WIDTHS], "train_error": (0.22, 0.15, 0.04, 0.001, 0.0),
           "test_error": (0.11, 0.15, 0.18, 0.14, 0.09), "best_test_error": (0.1, 0.06, 0.05, 0.04, 0.03),
           "test_loss": (0.5, 0.5, 0.55, 0.45, 0.3), "best_test_loss": (0.5, 0.45, 0.4, 0.35, 0.3)},
    spread={"test_error": 0.015, "best_test_error": 0.015},
    straight=("parameters", "train_error", "test_error", "best_test_error"),
)  # fmt: skip
CLEAN = WORLD.but(noise=(0.0,), wrong_labels=0.0, train_error=[0.01, 0.0, 0.0, 0.0, 0.0])


def errors(world: World, metric: str, *percent: float) -> World:
    """A world with other errors, in percent."""
    return world.but(lines={metric: [one / 100 for one in percent]})


def peaks() -> tuple[Claim, ...]:
    """The statement of a sweep over widths on the error, and the same where published sizes can contradict it."""
    small, whole = (
        next(one for one in width_claims(sweep) if one.name == "error-peak") for sweep in (SWEEP, WHOLE)
    )
    given = [
        errors(WORLD, "test_error", *one)
        for one in ((11, 11, 11.5, 9, 6), (11, 15, 19, 18.8, 18.5), (11, 11, 11, 9, 6), (15, 12, 8, 6, 5))
    ]
    needs = tuple(FITS if one.name == FITS.name else one for one in small.needs)
    return (
        replace(small, ledger=L53, history=(), profiles=SMALL, needs=needs, null=tuple(given[:2]), effect=WORLD,
                limit=(given[2],), against=given[3]),
        replace(whole, name="published-peak", ledger=L53, history=(), profiles=LARGE,
                sentence=f"At the published sizes and recipes, too: {whole.sentence[:1].lower()}{whole.sentence[1:]}"),
    )  # fmt: skip


def question(name: str, words: str, on: Arm, control: str, chart: str, world: World, metric: str) -> Claim:
    """Whether no network wider than those left of the peak errs more."""
    climb = (ERROR.inside(RATIO >= 0.75) - SWEEP.low(ERROR)).every
    null = tuple(errors(world, metric, *one) for one in ((7, 8, 5, 3, 2), (7, 5, 3, 2, 8)))
    return Claim(
        name, f"{words}, does no wider network err more than those left of the peak?", L53, SWEEP.source,
        climb.called("test error of a wider network minus that left of the peak").at_most(FLAT), on,
        Control(control, SWEEP.noisy), (FITS, SWEEP.complete), kind="question", chart=chart, profiles=SMALL, null=null,
        effect=errors(world, metric, 7, 3, 2, 1, 1),
    )  # fmt: skip


BEST = arm(
    "most label noise, at the best time",
    complete=SWEEP.metrics,
    noise=MOST,
    metrics={"test_error": "best_test_error"},
)
CLAIMS = (
    *peaks(),
    question("stopped", "With label noise, but stopped at the best time", BEST,
             "At the end of training some wider network does err more.", "stopped-error", WORLD, "best_test_error"),
    question("clean", "With clean labels", SWEEP.clean, "With label noise some wider network does err more.", "error", CLEAN,
             "test_error"),
)  # fmt: skip


def pools(side: int, many: int) -> tuple[int, ...]:
    """Windows of max pooling behind every convolution: none, then 2 x 2, and all that is left behind the last.

    >>> pools(32, 4), pools(8, 3)
    ((1, 2, 2, 8), (1, 2, 4))
    """
    return (1, *[2] * (many - 2), side // 2 ** (many - 2))


def network(cell: Params, shape: Sequence[int], classes: int) -> Any:
    """The network of a cell.

    Args:
        cell: its parameters.
        shape: shape of one image.
        classes: outputs.

    Raises:
        UsageError: examples that are no images, or images that pooling makes too small.
    """
    from overparam.models.five_layer import cnn5
    from overparam.models.resnet import resnet

    sizes = image(shape, cell["network"])
    if cell["network"] == "resnet":
        return resnet(sizes, cell["width"], classes, blocks=STAGES[cell["setting"]])
    return cnn5(sizes, cell["width"], classes, pools=pools(min(sizes[:2]), CONVOLUTIONS[cell["setting"]]))


def checked(cell: Params, shape: Sequence[int]) -> tuple[int, int, int]:
    """Height, width and channels of an image that the network of a cell can take.

    Raises:
        UsageError: examples that are no images, or kernels larger than what reaches them.
    """
    height, wide, channels = image(shape, cell["network"])
    cnn = cell["network"] == "cnn"
    many = CONVOLUTIONS[cell["setting"]] if cnn else len(STAGES[cell["setting"]])
    least = 2 ** (many - 1) + (not cnn)  # the last kernel meets at least 2 x 2 places, one with a stride 3 x 3
    if min(height, wide) < least:
        layers = f"{many} {'convolutions with pooling' if cnn else 'stages'}"
        raise UsageError(
            f"--data: expected images of at least {least} x {least} pixels for the 3x3 kernels of {layers}, got {height} x "
            f"{wide}. Take larger images, or --setting small."
        )
    return height, wide, channels


def recipe(cell: Params, shape: Sequence[int], n: int) -> Any:
    """How a cell's network is trained on n images."""
    from overparam.training import Recipe
    from overparam.training.augment import crop_and_flip
    from overparam.training.published import find

    moved = crop_and_flip(shape, padding=max(1, min(shape[:2]) // 8)) if cell["augment"] == "yes" else None
    if cell["setting"] == "small":
        return Recipe(
            cell["steps"], cell["learning_rate"], optimizer="adam", batch=cell["batch"], augment=moved
        )
    length = {"steps": cell["steps"]} if cell["steps"] else {}
    return find(PUBLISHED[cell["network"]]).recipe(n=n, batch=cell["batch"], augment=moved, **length)


def work(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Train one stack: every seed and rate of noise of one width of one kind of network.

    Members of one seed share initialisation and minibatch order across rates of noise, and the noise of one seed is the
    same at every width and for both kinds of networks.
    """
    from overparam.data import load, subset
    from overparam.sweep.width_work import swept
    from overparam.sweep.work import shared, task

    same = shared(cells)
    shape = subset(load(same["data"]), same["n"]).shape
    stack = task(cells)
    checked(same, shape)
    built = network(same, shape, stack.data.classes)
    return swept(stack, built, recipe(same, shape, stack.data.n), progress)


def operations(cell: Params, shape: Sequence[int]) -> tuple[float, float]:
    """Multiply-adds of convolutions, and entries of all maps, before and behind relu, in a forward pass of one image."""
    height, wide, depth = checked(cell, shape)
    k, products, held = cell["width"], 0.0, 0.0

    def convolve(inputs: int, units: int, halvings: int, taps: int = 9, times: int = 1) -> None:
        nonlocal products, held
        places = height * wide // 4**halvings
        products += times * taps * places * inputs * units
        held += times * places * 2 * units

    if cell["network"] == "cnn":
        for i in range(CONVOLUTIONS[cell["setting"]]):
            convolve(depth if i == 0 else k * 2 ** (i - 1), k * 2**i, max(0, i - 1))
        return products, held
    convolve(depth, k, 0)
    for i, blocks in enumerate(STAGES[cell["setting"]]):
        units = k * 2**i
        convolve(units // 2 if i else units, units, i)
        convolve(units, units, i, times=2 * blocks - 1)
        if i:
            convolve(units // 2, units, i, taps=1)
    return products, held


def estimate(cell: Params) -> Estimate:
    """A compilation for every width, and the steps."""
    from overparam.data import shape_of
    from overparam.sweep.work import Size, check_samples, cost

    shape = shape_of(str(cell["data"]))
    checked(cell, shape.image)
    check_samples(cell, shape)
    batch_fits(cell)
    if not cell["steps"] and cell["setting"] == "small":
        raise UsageError(
            "--steps: expected at least 1 in the small setting, got 0. Only published recipes have a length."
        )
    products, held = operations(cell, shape.image)
    steps = cell["steps"] or (500_000 if cell["network"] == "cnn" else 4000 * (cell["n"] // cell["batch"]))
    outputs = cell["width"] * 2 ** (CONVOLUTIONS[cell["setting"]] - 1) * shape.classes
    held *= (cell["batch"] + 128) / max(
        cell["batch"], 512
    )  # measuring, 512 at a time, keeps no maps for a gradient
    size = Size(round(products / 8 + outputs), round(held), 2.0 * products + 2.0 * outputs, SPEED)
    found = cost(cell, size, steps=steps)
    return Estimate(found.seconds + COMPILED, found.bytes)


STUDY = study(
    name="cnn-descent", title="Deep double descent with convolutions",
    question="Does the test error of convolutional and residual networks peak where they are just able to fit wrong labels?",
    x="width", sources=("nakkiran2020",), values=(*SWEEP.values, "labels_digest"), axes=AXES, profiles=PROFILES,
    claims=CLAIMS, charts=width_charts(SWEEP, few=(2, 4, 10), width="channels k"), work=work, estimate=estimate,
    first_rows=True, stack_by=tuple(axis.name for axis in AXES if axis.name not in ("noise", "seed")),
    fit=FitRule("train_error", 0.01, "width", "training error at most 1 %"), diagnose=diagnose(SWEEP),
    diagnosed_claims=("error-peak",),
    hero=Hero("error", fit=("test_error",), toggled=("train_error",), toggle="training error",
              band="Interpolation threshold: the smallest width whose training error is at most 1 %, from the first to the "
              "last seed."),
    differences=(
        "Quick and laptop train smaller networks of both kinds on 8 x 8 digits: the CNN without its fourth convolution, two "
        "residual stages of one block in place of four of two. The profile `paper` has the published ones.",
        "They train by Adam at 0.003 for 90 epochs in batches of 60; Nakkiran et al. train the CNN by SGD at "
        "0.1/sqrt(1 + t/512) for 500,000 steps, ResNet-18 by Adam at 0.0001 for 4,000 epochs, in batches of 128.",
        "Where the source is silent we choose: how pixels are normalised (here: not beyond the package's own scaling), and the "
        "biases of convolutions in front of batch normalisation.",
        "The left minimum is read at 0.3 to 0.7 parameters per image and the peak at 1.4 to 2.6, registered from pilot seeds; "
        "training errors of at least 20 % and at most 10 % are asked there. With published sizes the peak is read at the first "
        "width whose mean training error is at most 10 %, the source's mark of being just able to fit.",
        "Evaluation uses statistics of the whole training set in place of running averages of batches.",
        "The training and test images are one fixed draw: a seed changes initialisation, minibatch order and label noise. The "
        "digits have 597 test images.",
        "Label noise is exclusive at 20 %, as in the source: a replaced label is always wrong.",
        "No claim is made on the loss: on pilot seeds that of the CNN rises by 6 % only from the left minimum to the peak.",
        "The best time is chosen on the test set, among about 30."))  # fmt: skip
