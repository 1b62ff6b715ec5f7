"""Sparse double descent: how pruning changes what a network learns from noisy labels, He et al. (2022).

A network is trained on labels of which a share is wrong, and pruned step by step. At every density a ticket, its mask with
fresh weights, and a random mask are trained; measured are test accuracy, training accuracy and how many wrong labels fit.
"""

from __future__ import annotations

import functools
from typing import Any

from overparam.core import (BATCH, DATA, MOMENTUM, N, NOISE, NOISE_KIND, NONE, RATE, SEED, STEPS, Axis, Claim, Control, Estimate,
    Hero, Params, UsageError, World, arm, charts, complete, each_cell, enough_noise, grid, line, on_average, outcome, planned,
    preferred, profiles, study)  # fmt: skip
from overparam.core.examples import image

DENSITIES = (0.49, 0.24, 0.12, 0.058, 0.028, 0.014, 0.0068, 0.0034)
ROUNDS = tuple(round(0.8**k, 5) for k in range(1, 31))

AXES = (
    DATA.but(default="digits", help="Data set."), N.but(default=1200),
    Axis("network", "lenet: two hidden layers of w and w/3 units; resnet18: its channels begin with w.", str, "lenet",
         choices=("lenet", "resnet18")),
    Axis("width", "w: units of the first hidden layer, or channels of the first stage.", int, 300, low=3),
    NOISE.but(default=0.4), NOISE_KIND.but(default="exclusive"),
    Axis("density", "Shares of the weights that are kept, falling, all in one cell; a round of pruning leads from one to the "
         "next.", float, DENSITIES, low=1e-5, high=0.99, inside_cell=True, flag="densities"),
    Axis("scope", "layer: every layer keeps the same share; global: layers compete. The output layer of lenet, where layers "
         "compete, is not pruned.", str, "layer", choices=("layer", "global")),
    Axis("output", "Where they do not, the density of the output layer is that of the others to this power.", float, 0.472,
         low=0.01, high=1.0),
    Axis("rewind", "Step of the dense run to which tickets go back.", int, 0, low=0),
    STEPS.but(default=1500, help="Steps of every training, counted from the start of the dense run."), BATCH,
    Axis("optimizer", "adam, or sgd.", str, "adam", choices=("adam", "sgd")), RATE.but(default=1.2e-3, help="Learning rate."),
    MOMENTUM.but(default=0.0, help="Momentum of sgd."),
    Axis("decay", "Weight decay.", float, 0.0, low=0.0),
    Axis("drops", "Whether the rate falls to a tenth after half of the steps, and once more after three quarters.", str, "no",
         choices=("no", "yes")),
    Axis("augment", "Whether images are cropped and flipped while training.", str, "no", choices=("no", "yes")),
    SEED.but(help="Draws the wrong labels, the initial weights, the order of the minibatches and the random masks."),
)  # fmt: skip

SMALL = {"data": "digits", "n": 1200, "noise": (0.0, 0.4), "steps": 1500}
MNIST = {
    "data": "mnist",
    "n": 60_000,
    "scope": "global",
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "batch": 128,
}
PROFILES = profiles(
    SMALL,
    quick=("500 digits, 64-300-100-10, four densities, clean labels and 40 % wrong ones, 5 seeds: under a minute on two cores",
           {"n": 500, "steps": 625, "density": (0.49, 0.12, 0.028, 0.0034), "seed": planned(5)}),
    laptop=("1,200 digits, 64-300-100-10, eight densities, clean labels and 40 % wrong ones, 16 seeds: under ten minutes on two "
            "cores", {"density": DENSITIES, "seed": planned(16)}),
    mnist=("2,000 images of MNIST, 784-300-100-10 (LeNet), eight densities, clean labels and 40 % wrong ones, 5 seeds: "
           "the questions alone, in a quarter of an hour on two cores",
           {"data": "mnist", "n": 2000, "steps": 2000, "density": DENSITIES, "seed": planned(5)}),
    lenet=("LeNet on 60,000 images of MNIST as in the released code: 160 epochs of SGD, 24 rounds that take a fifth, 3 seeds: "
           "a day or two of one core", {**MNIST, "steps": 160 * 468, "density": ROUNDS[:24], "seed": planned(3)}),
    paper=("ResNet-18 on CIFAR-10 as published: 20, 40 and 80 % wrong labels, 160 epochs, 30 rounds that take a fifth, back to "
           "step 1,000, 3 seeds: years of one core, for accelerators",
           {**MNIST, "data": "cifar10", "n": 50_000, "network": "resnet18", "width": 64, "noise": (0.0, 0.2, 0.4, 0.8),
            "momentum": 0.9, "decay": 1e-4, "drops": "yes", "augment": "yes", "rewind": 1000, "steps": 160 * 390,
            "density": ROUNDS, "seed": planned(3)}))  # fmt: skip


def share(name: str, words: str) -> Any:
    """A line of shares over the density, in points."""
    return line(name, words, "points", times=100)


# what is measured: lines over the density, one a seed; places are registered from pilot seeds
density = grid("density")
ticket, fresh = (
    share("ticket", "test accuracy of tickets"),
    share("fresh", "that of their masks with fresh weights"),
)
random, dense = share("random", "that of random masks"), share("dense", "that of the dense network")
best = share("best", "test accuracy of the dense network at its best time")
fitted, dense_fitted = (
    share("ticket_train", "accuracy on the training labels"),
    share("dense_train", "training accuracy of the dense network"),
)
wrong, dense_wrong = (
    share("ticket_wrong", "wrong labels fitted"),
    share("dense_wrong", "those of the dense network"),
)
moved, dense_moved = (
    line("ticket_moved", "learning distance of tickets"),
    line("dense_moved", "that of the dense network"),
)
SWEET, EIGHTH, HALF = density.nearest(0.028), density.nearest(0.12), density.nearest(0.49)
NOISY, CLEAN = arm("40 % wrong labels", noise=preferred(0.4)), arm("clean labels", noise=NONE)
LEAST = 5.0  # the smallest rise and fall worth the name, in points; ours

PAPER, L53, L58, L63 = "he2022", ("L53",), ("L58",), ("L63",)
SCOPE = (
    "He et al. show it for LeNet on MNIST, ResNet-18 on CIFAR and others, with 20 to 80 % of the labels wrong, in up to 30 "
    "rounds that take a fifth; they give no number for the rise or the fall.",
    "Here: a perceptron on digits of 8 x 8 pixels, by Adam. Five points are ours. Data, network, steps and places are chosen on "
    "pilot seeds so that it can be seen: it is a statement that such settings exist. On 2,000 images of MNIST a pilot seed saw "
    "no rise, and the profile mnist asks the questions alone.")  # fmt: skip
CHOSEN = ("quick", "laptop", "lenet", "paper")
NEEDS = (enough_noise(0.2), complete(0.2, "ticket", "dense"), on_average("the dense network fits wrong labels", dense_wrong.first,
                                                                         at_least=90.0))  # fmt: skip

# planted worlds, with the spread of the pilot seeds: two points a network with wrong labels
CLEANLY = {"ticket": [0.983, 0.983, 0.981, 0.976, 0.975, 0.965, 0.949, 0.882],
           "fresh": [0.985, 0.979, 0.979, 0.973, 0.957, 0.92, 0.74, 0.43],
           "random": [0.985, 0.979, 0.979, 0.976, 0.934, 0.71, 0.30, 0.14],
           "dense": [0.985] * 8, "best": [0.987] * 8, "ticket_train": [1.0, 1.0, 1.0, 1.0, 0.998, 0.99, 0.96, 0.89],
           "dense_train": [1.0] * 8, "ticket_moved": [12.2, 13.0, 14.1, 15.9, 17.0, 17.3, 16.7, 16.0], "dense_moved": [14.0] * 8,
           "ticket_wrong": [0.0] * 8, "dense_wrong": [0.0] * 8}  # fmt: skip
NOISILY = {"ticket": [0.69, 0.70, 0.77, 0.885, 0.90, 0.888, 0.82, 0.74],
           "fresh": [0.72, 0.84, 0.895, 0.92, 0.905, 0.83, 0.53, 0.25],
           "random": [0.73, 0.84, 0.91, 0.913, 0.87, 0.64, 0.29, 0.15],
           "dense": [0.69] * 8, "best": [0.94] * 8, "ticket_train": [0.997, 0.93, 0.745, 0.62, 0.59, 0.57, 0.53, 0.50],
           "dense_train": [0.998] * 8, "ticket_moved": [28.5, 26.0, 23.3, 19.0, 16.1, 14.3, 13.1, 12.0],
           "dense_moved": [31.0] * 8, "ticket_wrong": [0.99, 0.83, 0.39, 0.10, 0.05, 0.04, 0.05, 0.06],
           "dense_wrong": [0.995] * 8}  # fmt: skip


def both(name: str, noisy: list[float], clean: list[float]) -> Any:
    """A planted line with wrong and with clean labels."""
    return lambda noise: noisy if noise else clean


WORLD = World(("density", DENSITIES), arms={"noise": (0.0, 0.4)}, straight=tuple(NOISILY), seeds=5, level=0.003,
              lines={name: both(name, line_, CLEANLY[name]) for name, line_ in NOISILY.items()},
              spread={name: 0.3 if name.endswith("moved") else 0.015 for name in NOISILY
                      if not name.endswith("wrong")} | {"ticket_wrong": 0.02})  # fmt: skip


def noisily(**lines: list[float]) -> World:
    """The planted world with other lines under wrong labels."""
    return WORLD.but(**{name: both(name, line_, CLEANLY[name]) for name, line_ in lines.items()})


def shifted(name: str, points: float, of: str = "dense") -> World:
    """One line, under wrong labels, so many points above another everywhere."""
    return noisily(**{name: [one + points / 100 for one in NOISILY[of]]})


def falls(points: float) -> World:
    """Tickets that lose so many points between 0.028 and the smallest density."""
    return noisily(ticket=[*NOISILY["ticket"][:7], NOISILY["ticket"][4] - points / 100])


RISE = (ticket.at(SWEET) - dense.first).at_least(LEAST)
COLLAPSE = (ticket.at(SWEET) - ticket.first).at_least(LEAST)
FORGETS = (dense_wrong.first - wrong.at(SWEET)).at_least(50.0)
SHIFT = (fitted.at(EIGHTH).on(CLEAN) - fitted.at(EIGHTH)).at_least(LEAST)
SAME = "With clean labels, by the same rule."

CLAIMS = (
    Claim("rise", "With many wrong labels, a network that is pruned to a few per cent of its weights and trained again is more "
          "accurate than the dense network.", L63, PAPER, RISE, NOISY, Control(SAME, CLEAN), NEEDS, form="exists",
          scope=SCOPE, chart="accuracy", profiles=CHOSEN, null=(shifted("ticket", 5.0),), effect=WORLD),
    Claim("collapse", "Pruned further, it loses what it had gained: test accuracy collapses.", L63, PAPER, COLLAPSE, NOISY,
          Control("From half of the weights to the same density it does not fall.",
                  rule=(ticket.at(HALF) - ticket.at(SWEET)).at_least(LEAST)), NEEDS, form="exists", scope=SCOPE,
          chart="accuracy", profiles=CHOSEN, null=(falls(5.0),), effect=WORLD),
    Claim("forgets", "The rise comes with less overfitting: the dense network fits the wrong labels, the pruned one does not.",
          L63, PAPER, FORGETS, NOISY, Control("With half of the weights they are fitted still.",
                                              rule=(dense_wrong.first - wrong.at(HALF)).at_least(50.0)), NEEDS, form="exists",
          scope=(*SCOPE[:1], "Here: half of the wrong labels, at the density at which the rise is read, which is ours."),
          chart="fits", profiles=CHOSEN, null=(shifted("ticket_wrong", -50.0, "dense_wrong"),), effect=WORLD),
    Claim("threshold", "Wrong labels shift the interpolation threshold to larger models: at an eighth of the weights clean "
          "labels are fitted, and noisy ones are not any more.", ("L54",), "nakkiran2020", SHIFT, NOISY,
          Control("With half of the weights both are fitted.",
                  rule=(fitted.at(HALF).on(CLEAN) - fitted.at(HALF)).at_least(LEAST)), NEEDS, form="direction",
          scope=("Nakkiran et al. say it of the width of dense networks.",
                 "Here the number of weights is that of a mask. Five points are ours."),
          outside="the size of a network is the density of its mask, not its width", chart="fits",
          profiles=CHOSEN, null=(shifted("ticket_train", -5.0, "dense_train"),), effect=WORLD),
    Claim("dip", "Does test accuracy first fall, as the critical phase of the source has it: is it below that of the dense "
          "network where half of the weights are pruned?", L53, PAPER, (dense.first - ticket.at(HALF)).at_least(0.0), NOISY,
          needs=NEEDS, kind="question", chart="accuracy", null=(shifted("ticket", 0.0),), effect=shifted("ticket", -6.0)),
    Claim("fresh", "May a winning ticket lose: with wrong labels, and an eighth of the weights, are fresh weights under its mask "
          "more accurate?", L58, PAPER, (fresh.at(EIGHTH) - ticket.at(EIGHTH)).at_least(1.0), NOISY, Control(SAME, CLEAN),
          NEEDS, kind="question", chart="accuracy", null=(shifted("fresh", 1.0, "ticket"),), effect=WORLD),
    Claim("again", "Does it win where the fewest weights are kept?", L58, PAPER, (ticket.first - fresh.first).at_least(1.0),
          NOISY, needs=NEEDS, kind="question", chart="accuracy", null=(shifted("fresh", -1.0, "ticket"),), effect=WORLD),
    Claim("random", "Does a random mask that keeps as many weights in every layer rise above the dense network as well?", L58,
          PAPER, (random.at(SWEET) - dense.first).at_least(LEAST), NOISY, Control(SAME, CLEAN), NEEDS, kind="question",
          chart="accuracy", null=(shifted("random", 5.0),), effect=WORLD),
    Claim("stopped", "Is the pruned network, trained to the end, better than the dense one at its best time?", L63, PAPER,
          (ticket.at(SWEET) - best.first).at_least(0.0), NOISY, needs=NEEDS, kind="question", chart="accuracy",
          null=(shifted("ticket", 0.0, "best"),), effect=shifted("ticket", 6.0, "best")),
    Claim("moved", "Does the learning distance tell of it: do the weights of the pruned network end nearer to their start than "
          "those of the dense one?", (), PAPER, (moved.at(SWEET) / dense_moved.first).at_most(0.9), NOISY,
          Control(SAME, CLEAN), NEEDS, kind="question", chart="moved", effect=WORLD,
          null=(noisily(ticket_moved=[28.0] * 8),)))  # fmt: skip

CHARTS = charts(
    {"density": "density: share of weights kept"}, ("noise", "Wrong labels"),
    accuracy=("Accuracy against density", "share of images right",
              {"ticket": "tickets", "fresh": "their masks, fresh weights", "random": "random masks", "dense": "-dense",
               "best": "-dense, at its best time", "ticket_train": "-tickets, on the labels they train on"},
              "Test images have right labels. The best time is chosen on them, which favours the dense network."),
    fits=("Which training labels are fitted", "share of labels fitted",
          {"ticket_train": "tickets, all labels", "ticket_wrong": "tickets, wrong labels", "fresh_wrong": "fresh weights, wrong "
           "labels", "random_wrong": "random masks, wrong labels", "dense_wrong": "-dense, wrong labels"}),
    moved=("The learning distance", "distance of the weights from their start",
           {"ticket_moved": "tickets", "fresh_moved": "their masks, fresh weights", "random_moved": "random masks",
            "dense_moved": "-dense"}, "The Euclidean norm over kept weights."))  # fmt: skip


@each_cell
def work(cell: Params, progress: Any) -> Any:
    """The dense network, then at every density the ticket, its mask with fresh weights, and a random mask."""
    import numpy as np

    from overparam.data import load
    from overparam.pruning import Mask, first_round, next_round
    from overparam.pruning.draws import other_start
    from overparam.sweep.work import task
    from overparam.training import Checkpoint, Member, train

    stack, seed, many = task([cell]), cell["seed"], len(cell["density"])
    data, y, shape = stack.data, stack.labels[0], load(cell["data"]).x.shape[1:]
    network, probes = network_of(cell, shape, data.classes), probes_of(cell["data"], cell["n"])
    arrays, common = (data.x, y, data.x_test, data.y_test), {"rewind": cell["rewind"], "probes": probes}
    end, arms = recipe_of(cell, shape, (cell["steps"],)), arms_of(cell)  # before the first hour of training
    found: dict[str, Any] = {"density": list(cell["density"]), **stack.facts[0]}
    lost: list[str] = []

    def note(name: str, place: int, mask: Any, start: Any, run: Any) -> None:
        if run.diverged_at is not None:
            lost.append(f"step {int(run.diverged_at)} ({name})")
            return
        last = {metric: float(line_[-1]) for metric, line_ in run.values.items()}
        values = {name: 1 - last["test_error"], f"{name}_train": 1 - last["train_error"],
                  f"{name}_moved": distance(mask, start, run.params)}  # fmt: skip
        if cell["noise"]:
            values[f"{name}_wrong"] = 1 - last["wrong_error"]
        for metric, value in values.items():
            found.setdefault(metric, [None] * many)[place] = value

    times = sorted({*(round(t) for t in np.geomspace(min(5, cell["steps"]), cell["steps"], 16)), cell["steps"]})
    before = first_round(network, recipe_of(cell, shape, tuple(times)), arrays, [seed], **common)
    dense_ = before.lines[0]
    progress(1 / (1 + 3 * many))
    fresh_ = other_start(network, seed)
    for place, one in enumerate(arms):
        note("dense", place, dense_.mask, dense_.start, dense_.run)
        before = next_round(network, end, arrays, before, [one], **common)
        for line_ in before.lines:
            note("ticket", place, line_.mask, line_.start, line_.run)
            drawn = Mask.random(network, line_.mask.densities, (seed, place))
            starts = {
                "fresh": (line_.mask, line_.mask.apply(fresh_)),
                "random": (drawn, drawn.apply(dense_.start)),
            }
            for name, (mask, start) in starts.items():
                (run,) = train(network, end, [Member(seed, y, mask=mask)], data.x, data.x_test, data.y_test, probes=probes,
                               start=[Checkpoint(start)], keep_params=True)  # fmt: skip
                note(name, place, mask, start, run)
        progress((1 + 3 * (place + 1)) / (1 + 3 * many))
    if dense_.run.diverged_at is None:
        found["best"] = [1 - float(np.min(dense_.run.values["test_error"]))] * many
    return outcome(found, lost=", ".join(dict.fromkeys(lost)))


def network_of(cell: Params, shape: Any, classes: int) -> Any:
    """LeNet's two hidden layers, or the residual network, drawn as He et al. draw them."""
    from math import prod

    from overparam.models import mlp, named

    if cell["network"] == "resnet18":
        return named("resnet18", shape, classes, width=cell["width"])
    return mlp(prod(shape), (cell["width"], max(1, round(cell["width"] / 3))), classes, init="he")


def recipe_of(cell: Params, shape: Any, at: tuple[int, ...]) -> Any:
    """How everything is trained, measured at some steps."""
    from overparam.training import Recipe
    from overparam.training.augment import crop_and_flip
    from overparam.training.schedules import drops

    steps, sgd = cell["steps"], cell["optimizer"] == "sgd"
    if cell["drops"] == "yes" and steps < 4:
        raise UsageError(
            f"drops: expected at least 4 steps, got {steps}. Raise --steps, or leave --drops at no."
        )
    if cell["augment"] == "yes" and len(shape) < 2:
        raise UsageError(
            f"augment: expected images, got examples of shape {tuple(shape)}. Leave --augment at no."
        )
    return Recipe(steps, cell["learning_rate"], optimizer=cell["optimizer"], momentum=cell["momentum"] if sgd else 0.0,
                  weight_decay=cell["decay"], batch=cell["batch"], probe_at=at,
                  schedule=drops((steps // 2, 3 * steps // 4)) if cell["drops"] == "yes" else "constant",
                  augment=crop_and_flip(shape) if cell["augment"] == "yes" else None)  # fmt: skip


def arms_of(cell: Params) -> list[Any]:
    """How every round prunes."""
    from dataclasses import replace

    from overparam.pruning.stages import OUTPUT, stages

    one = stages(cell["density"], output=cell["output"])
    if cell["scope"] == "layer":
        return one
    left = (OUTPUT,) if cell["network"] == "lenet" else ()
    return [replace(arm_, scope="global", rates={}, leave=left) for arm_ in one]


@functools.lru_cache(maxsize=4)
def probes_of(data: str, n: int) -> dict[str, Any]:
    """Accuracy on all training labels, on the wrong ones, and on the test set; the same for all seeds, so that programs are."""
    from overparam.data import load, subset as first
    from overparam.probes import standard
    from overparam.probes.subset import subset

    clean = first(load(data), n).y
    return {"fit": standard()["fit"], "wrong": subset("wrong", lambda x, y: y != clean)}


def distance(mask: Any, start: Any, end: Any) -> float:
    """Euclidean distance of the kept weights from their start."""
    from overparam.pruning.arrays import picked

    a, b = picked(start, mask.arrays, "start"), picked(end, mask.arrays, "end")
    return float(sum(float((((b[path] - a[path]) * kept) ** 2).sum()) for path, kept in mask) ** 0.5)


def estimate(cell: Params) -> Estimate:
    """The dense run, and three trainings at every density."""
    from overparam.data import shape_of
    from overparam.sweep.work import Size, cost, dense as layers

    shape, w = shape_of(str(cell["data"])), cell["width"]
    size = layers(shape.features, w, max(1, round(w / 3)), 10)
    if cell["network"] == "resnet18":
        image(shape.image, "resnet18")
        size = Size(round(11.2e6 * (w / 64) ** 2), round(2e6 * w / 64), 1.1e9 * (w / 64) ** 2, 0.7)
    whole = cost(cell, size, chains=1 + 3 * len(cell["density"]), probes=3)
    return Estimate(whole.seconds, cost(cell, size, chains=2).bytes)  # one training at a time


STUDY = study(
    name="sparse-double-descent", title="Sparse double descent",
    question="Trained on wrong labels, is a network better when most of its weights are pruned, and which part of them is it?",
    x="density", sources=(PAPER, "nakkiran2020"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=work,
    estimate=estimate, stack_limit=1, first_rows=True,
    hero=Hero("accuracy", fit=("ticket", "fresh", "random", "dense", "best")),
    work_history=("Other initial weights are drawn in one room of pruning; results are the same.",),
    values=("density", "wrong_labels", "labels_digest", "best",
            *(name + end for name in ("dense", "ticket", "fresh", "random") for end in ("", "_train", "_wrong", "_moved"))),
    differences=(
        "The source's networks learn MNIST and CIFAR for 160 epochs by SGD; quick, laptop and mnist use Adam on 500 to 2,000 "
        "images. The profiles lenet and paper have its settings as its code has them.",
        "Quick, laptop and mnist prune within layers, the output layer to the power 0.472; the source over all layers together, "
        "as lenet and paper do.",
        "Exactly a share of the labels is replaced by others; the source flips each label with that probability.",
        "The package's ResNet-18 normalises before its convolutions, the source's after them.",
        "Tickets go back to the start, or to step 1,000 (paper); fresh weights and random masks always begin at step 0.",
        "The dip is a question: pilot seeds saw one of a point on 800 digits, none on 1,200, and three points on 2,000 images of "
        "MNIST, where tickets fit every wrong label down to an eighth of the weights.",
        "The best time of the dense network is chosen on the test set, among 17 times.",
        "The samples are one fixed draw: a seed changes the wrong labels, weights, minibatches and random masks."))  # fmt: skip
