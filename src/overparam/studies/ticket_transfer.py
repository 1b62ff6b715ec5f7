"""Tickets on other data and under other optimizers: Morcos, Yu, Paganini and Tian (2019).

One half of the examples is the target. Tickets are found on it, on the other half and on parts of that, on other data sets,
and on the target with another optimizer; all of them are then trained on the target, beside random tickets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overparam.core import (BATCH, DATA, N, RATE, SEED, STEPS, Axis, Claim, Control, DataError, Estimate, Hero, Line,
    Number, Params, World, arm, charts, grid, has, later, line, planned, profiles, study)  # fmt: skip
from overparam.core.examples import image
from overparam.core.pairs import CHANNELS, weights_and_products

DENSITIES = (0.2, 0.07, 0.03)
ROUNDS = tuple(round(0.8**k, 5) for k in range(1, 31))
SOURCES = {
    "half": "the other half of the examples", "few": "a part of that half", "classes": "half of its classes",
    "other": "another data set", "further": "a further data set", "optimizer": "the other optimizer"}  # fmt: skip
SHUFFLED = ("half", "other", "further", "optimizer")
ALONE = ("half", "few", "classes", "optimizer")  # what needs no second data set

AXES = (
    DATA.but(help="Data set of the target, which is one half of its examples, with equally many of every class.",
             default="digits"),
    N.but(default=1200, help="Training samples of both halves together."),
    Axis("sources", "Where tickets come from, all in one cell. half: the other half; few: a share of it; classes: as many "
         "examples of the first half of the classes; other, further: the data sets named so; optimizer: the target, trained "
         "with the other optimizer. Where the number of classes differs, the output layer is drawn anew.", str, ALONE,
         choices=tuple(SOURCES), inside_cell=True, flag="sources"),
    Axis("share", "Share of the other half that 'few' and 'classes' have.", float, 0.1, low=1e-4, high=1.0, flag="share"),
    Axis("other", "Another data set, or none; images are scaled to the target's shape.", str, "none", flag="other"),
    Axis("further", "A further data set, or none.", str, "none", flag="further"),
    Axis("network", "lenet: two hidden layers of 300 and 100 units, drawn as Keras draws them (glorot_normal); conv2, conv4, "
         "conv6: 3x3 convolutions in pairs, then 256 and 256 units; resnet18: with batch normalisation.", str, "lenet",
         choices=("lenet", *CHANNELS, "resnet18"), flag="networks"),
    Axis("density", "Shares of the weights that are kept, falling, all in one cell; a round of pruning leads from one to the "
         "next.", float, DENSITIES, low=1e-5, high=0.99, inside_cell=True, flag="densities"),
    Axis("scope", "layer: every layer is pruned to the density; global: all layers together, to that of the whole.", str,
         "layer", choices=("layer", "global"), flag="scope"),
    Axis("output", "The density of the output layer is that of the others to this power, where layers are pruned apart.",
         float, 0.472, low=0.01, high=1.0),
    Axis("rewind", "Step of the dense run on the source to which late resetting goes back; 0: to the start.", int, 0, low=0,
         flag="rewind"),
    STEPS.but(default=400, help="Steps of every training."), BATCH.but(default=60),
    Axis("optimizer", "Optimizer on the target and of all tickets but that of the other optimizer.", str, "adam",
         choices=("adam", "sgd"), flag="optimizer"),
    RATE.but(default=1.2e-3, help="Learning rate of Adam."),
    Axis("sgd_rate", "Learning rate of gradient descent with momentum 0.9.", float, 0.1, low=1e-9, flag="sgd-rate"),
    Axis("decay", "Weight decay of both.", float, 0.0, low=0.0, flag="decay"),
    Axis("schedule", "Factor of the learning rate.", str, "constant", choices=("constant", "cosine"), flag="schedule"),
    SEED.but(help="Draws the halves, the initial weights, the order of the minibatches and the random masks."))  # fmt: skip

PROFILES = profiles(
    {"data": "digits", "density": DENSITIES},
    quick=("1,200 digits in two halves, 64-300-100-10, 4 sources, 4 seeds: under a minute on two cores",
           {"steps": 300, "seed": planned(4)}),
    laptop=("1,200 digits in two halves, 6 sources, MNIST and CIFAR-10 in 8 x 8 grey pixels among them, both optimizers, 10 "
            "seeds: under ten minutes on two cores",
            {"sources": tuple(SOURCES), "other": "mnist", "further": "cifar10", "optimizer": ("adam", "sgd"),
             "seed": planned(10)}),
    mnist=("10,000 of MNIST in two halves, 784-300-100-10 (LeNet), 6 sources, digits and CIFAR-10 in 28 x 28 grey pixels among "
           "them, 4 seeds: some ten minutes on two cores",
           {"data": "mnist", "n": 10_000, "sources": tuple(SOURCES), "other": "digits", "further": "cifar10", "steps": 600,
            "seed": planned(4)}),
    paper=("CIFAR-10 in two halves, ResNet-18 instead of VGG-19 and ResNet-50, 30 rounds of a fifth over all layers, 160 epochs "
           "with late resetting by one, CIFAR-100 and Fashion-MNIST, both optimizers, 6 seeds: some seventy years of one core",
           {"data": "cifar10", "n": 50_000, "sources": tuple(SOURCES), "other": "cifar100", "further": "fashion-mnist",
            "network": "resnet18", "density": ROUNDS, "scope": "global", "rewind": 195, "steps": 31_200, "batch": 128,
            "optimizer": ("sgd", "adam"), "learning_rate": 3e-4, "decay": 1e-4, "schedule": "cosine",
            "seed": planned(6)}))  # fmt: skip

# what is measured: test accuracy on the target, lines over the density
density = grid("density")
POINT, CLOSE = (
    1.0,
    0.75,
)  # the smallest difference worth the name, in points; the share of a gain that is close to it: ours


def accuracy(name: str, words: str) -> Line:
    """A line of test accuracies over the density, in points."""
    return line(f"{name}_accuracy", words, "points", times=100)


random, own = (
    accuracy("random", "that of three random tickets"),
    accuracy("own", "that of the target's own tickets"),
)
TICKETS = {name: accuracy(name, f"test accuracy of tickets of {words}") for name, words in SOURCES.items()}
few, classes = TICKETS["few"], TICKETS["classes"]
shuffled = accuracy("half_shuffled", "that of their masks, shuffled")
fresh = accuracy("half_fresh", "that of their masks with fresh weights")
SPARSE = density.nearest(0.03)
MOVED = arm("tickets on the target")

MORCOS = "morcos2019"
SCOPE = (
    "Morcos et al. show it for VGG-19 and ResNet-50 on halves of CIFAR-10, six sets of images, and two optimizers on CIFAR-10, "
    "with late resetting.",
    "Here: a perceptron of 300 and 100 units on small images, set back to the start. One point and three quarters are ours, and "
    "only tickets that are no better than random ones contradict.")  # fmt: skip

PLANTED = {
    "dense": [0.975] * 3, "own": [0.968, 0.964, 0.955], "random": [0.963, 0.943, 0.850], "again": [0.963, 0.943, 0.850],
    "half": [0.970, 0.965, 0.956], "few": [0.963, 0.955, 0.930], "classes": [0.963, 0.948, 0.905],
    "other": [0.968, 0.964, 0.952], "further": [0.966, 0.958, 0.940], "optimizer": [0.970, 0.966, 0.962],
    "half_shuffled": [0.962, 0.950, 0.885], "other_shuffled": [0.962, 0.950, 0.885], "half_fresh": [0.964, 0.955, 0.930],
    "further_shuffled": [0.962, 0.948, 0.870], "optimizer_shuffled": [0.962, 0.950, 0.885]}  # fmt: skip
LINES = {f"{name}_accuracy": y for name, y in PLANTED.items()}
WORLD = World(("density", DENSITIES), lines=LINES, spread=dict.fromkeys(LINES, 0.006), level=0.004, straight=tuple(LINES),
              seeds=8)  # fmt: skip


def at(name: str, value: float) -> World:
    """The planted world with another accuracy at the smallest density."""
    return WORLD.but(**{f"{name}_accuracy": [*PLANTED[name][:2], value]})


def gained(share: float) -> float:
    """The accuracy at the smallest density that has this share of what the own ticket gains over the random one."""
    return PLANTED["random"][2] + share * (PLANTED["own"][2] - PLANTED["random"][2])


def gain(of: Line) -> Number:
    """What a ticket gains over the random one."""
    return of.at(SPARSE) - random.at(SPARSE)


def moves(name: str, sentence: str, **more: Any) -> Claim:
    """Tickets of a source are more accurate on the target than random ones."""
    base = PLANTED["random"][2]
    return Claim(name, sentence, ("L62",), MORCOS, gain(TICKETS[name]).at_least(POINT).contradicted(below=0.0), MOVED,
                 Control("One more random ticket under the same rule.",
                         MOVED.but("random tickets", metrics={f"{name}_accuracy": "again_accuracy"})),
                 form="direction", scope=SCOPE, chart="accuracy", null=(at(name, base + POINT / 100),), effect=WORLD,
                 limit=(at(name, base),), against=at(name, base - 0.04), **more)  # fmt: skip


def close(name: str, sentence: str, **more: Any) -> Claim:
    """They have most of what the target's own tickets gain."""
    return Claim(f"{name}-close", sentence, ("L62",), MORCOS,
                 gain(TICKETS[name]).over_mean_of(gain(own)).at_least(CLOSE).contradicted(below=0.0), MOVED,
                 Control("Their masks, with every unit's outgoing weights shuffled, under the same rule.",
                         MOVED.but("shuffled masks", metrics={f"{name}_accuracy": f"{name}_shuffled_accuracy"})),
                 form="direction", scope=SCOPE, chart="accuracy", null=(at(name, gained(CLOSE)),), effect=WORLD,
                 limit=(at(name, gained(0.0)),), against=at(name, gained(-0.5)), **more)  # fmt: skip


def much(name: str, sentence: str) -> Claim:
    """Whether tickets of another data set have most of it."""
    return Claim(f"{name}-close", sentence, ("L62",), MORCOS, gain(TICKETS[name]).over_mean_of(gain(own)).at_least(CLOSE),
                 MOVED, kind="question", chart="accuracy", null=(at(name, gained(CLOSE)),), effect=at(name, gained(1.0)),
                 **elsewhere(name))  # fmt: skip


def elsewhere(name: str) -> Mapping[str, Any]:
    """What a claim about another data set needs."""
    return {"needs": (has(f"{name}_accuracy"),), "profiles": ("laptop", "mnist", "paper")}


CLAIMS = (
    moves("half", "A ticket of one half of the examples is more accurate on the other half than a random ticket."),
    close("half", "It has at least three quarters of what a ticket of that half itself gains."),
    moves("optimizer", "A ticket found with one optimizer is more accurate with another than a random ticket."),
    close("optimizer", "It has at least three quarters of what a ticket found with that optimizer gains."),
    moves("classes", "A ticket found on some examples of half of the classes, whose output layer is drawn anew, is more accurate "
          "on all classes than a random ticket."),
    moves("other", "A ticket of another data set of the same kind is more accurate than a random ticket.", **elsewhere("other")),
    moves("further", "A ticket of images of another kind is more accurate than a random ticket.", **elsewhere("further")),
    Claim("larger", "Tickets of a larger data set are better than those of a smaller one.", ("L62",), MORCOS,
          (TICKETS["half"].at(SPARSE) - few.at(SPARSE)).at_least(0.0).contradicted(below=0.0), MOVED,
          Control("Random tickets under the same rule: one more, and the mean of the others.",
                  MOVED.but("random tickets", metrics={"half_accuracy": "again_accuracy", "few_accuracy": "random_accuracy"})),
          form="direction", scope=(
              "Morcos et al. find it when tickets of small sets of images are compared with those of ImageNet and Places365.",
              "Here all of one half of the examples is compared with a tenth of it."), chart="sizes",
          null=(at("few", PLANTED["half"][2]),), effect=WORLD, limit=(at("few", PLANTED["half"][2]),),
          against=at("few", PLANTED["half"][2] + 0.04)),
    Claim("more-classes", "Is a ticket of more classes better, at as many examples?", ("L62",), MORCOS,
          (few.at(SPARSE) - classes.at(SPARSE)).at_least(0.0), MOVED, kind="question", chart="sizes",
          null=(at("classes", PLANTED["few"][2]),), effect=WORLD),
    much("other", "Has a ticket of another data set three quarters of what the target's own ticket gains?"),
    much("further", "Has a ticket of images of another kind three quarters of what the target's own ticket gains?"),
    Claim("wiring", "Does more move than how many weights leave every input and unit?", ("L62",), MORCOS,
          (TICKETS["half"].at(SPARSE) - shuffled.at(SPARSE)).at_least(0.0), MOVED, kind="question", chart="parts",
          null=(at("half_shuffled", PLANTED["half"][2]),), effect=WORLD),
    Claim("weights", "Do the initial weights of a ticket add to what its mask alone carries over?", ("L62",), MORCOS,
          (TICKETS["half"].at(SPARSE) - fresh.at(SPARSE)).at_least(0.0), MOVED, kind="question", chart="parts",
          null=(at("half_fresh", PLANTED["half"][2]),), effect=WORLD))  # fmt: skip

SHOWN = "share of test images right"
CHARTS = charts(
    {"density": "density: share of weights kept"},
    ("optimizer", "Optimizer on the target"),
    accuracy=("Tickets from elsewhere, on the target", SHOWN,
              {"own_accuracy": "its own", **{f"{name}_accuracy": SOURCES[name] for name in SOURCES if name != "few"},
               "random_accuracy": "random tickets", "dense_accuracy": "-dense"}),
    sizes=("Tickets of much and of little data", SHOWN,
           {f"{name}_accuracy": SOURCES[name] for name in ("half", "few", "classes")}
           | {"random_accuracy": "random tickets"}, "Half of the classes: as many examples as the part."),
    parts=("What moves: mask and weights", SHOWN,
           {"half_accuracy": "tickets of the other half", "half_fresh_accuracy": "their masks, fresh weights",
            "half_shuffled_accuracy": "their masks, shuffled", "random_accuracy": "random tickets"},
           "Shuffled masks keep every unit's number of outgoing weights."),
    shuffled=("Masks from elsewhere, shuffled", SHOWN,
              {f"{name}_shuffled_accuracy": SOURCES[name] for name in SHUFFLED} | {"random_accuracy": "random tickets"}),
    kept=("Density of the whole network", "log share of weights kept", {"kept": "weights"}))  # fmt: skip


def identity(cell: Params) -> dict[str, str]:
    """Fingerprints of the other data sets, by axis."""
    from overparam.data import fingerprint

    found = {}
    for name in ("other", "further"):
        if cell[name] != "none":
            try:
                found[name] = fingerprint(cell[name])
            except DataError:  # the work says what is missing; nothing is stored under this name
                found[name] = "not here"
    return found


def estimate(cell: Params) -> Estimate:
    """A chain of tickets for the target and every source, and at every density what is trained beside."""
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    shape, sources = shape_of(str(cell["data"])), set(cell["sources"])
    sources -= {name for name in ("other", "further") if cell[name] == "none"}
    rounds = len(cell["density"])
    beside = 4 + len(sources) + len(sources & set(SHUFFLED)) + ("half" in sources)
    trainings = (1 + len(sources)) * (1 + rounds) + rounds * beside
    if cell["network"] == "lenet":
        one = cost(
            cell, dense(shape.features, 300, 100, shape.classes), n=cell["n"] // 2, chains=trainings, probes=2
        )
        return Estimate(one.seconds + 1.5 * (3 + 2 * len(sources & {"classes", "optimizer"})), one.bytes)
    height, width, _ = image(shape.image, cell["network"])
    if cell["network"] == "resnet18":
        products, weights = 5.6e8 * height * width / 1024, 1.1e7
    else:
        weights, products = weights_and_products(cell["network"], shape.image, shape.classes)
    examples = 3.0 * cell["steps"] * cell["batch"] + 2 * (cell["n"] / 2 + shape.test)
    return Estimate(trainings * 2 * products * examples / 5e10, 2e9 + 40.0 * weights * beside)


STUDY = study(
    name="ticket-transfer", title="Tickets on other data and under other optimizers",
    question="Does a winning ticket win elsewhere: on other examples, other data, with another optimizer?", x="density",
    sources=(MORCOS,), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    work=later("overparam.studies.ticket_transfer_work:run"), estimate=estimate, stack_limit=1, extra_identity=identity,
    hero=Hero("accuracy", fit=("own_accuracy", "half_accuracy", "random_accuracy")),
    work_history=("Networks and other initial weights are made in one room each; results are the same.",),
    values=("density", "kept", "redrawn", "dense_accuracy", "own_accuracy", "random_accuracy", "again_accuracy",
            "half_fresh_accuracy", *(f"{name}_accuracy" for name in SOURCES),
            *(f"{name}_shuffled_accuracy" for name in SHUFFLED)),
    differences=(
        "Morcos et al. prune over all layers together, 30 rounds of a fifth, and train for 160 (VGG-19) or 90 epochs (ResNet-50) "
        "with steps of the rate; quick, laptop and mnist prune in every layer, in three rounds, for some hundred steps at a "
        "constant rate. The profile paper has their rounds, with ResNet-18 and a rate that falls as a cosine.",
        "They set weights back to the end of the first epoch; here, but in the profile paper, to the start.",
        "A random ticket has fresh weights and a random mask with the layer densities of the target's own ticket; the "
        "accuracy of three is averaged. They tell three kinds apart, by what of the mask is kept.",
        "Where the number of classes differs the output layer is drawn anew, with a random mask of the density that it had. "
        "Where it is the same the output layer moves too.",
        "Every source has as many rows as the target; a part of the other half is repeated, so that all train for as many steps "
        "an epoch.",
        "Other images are scaled to the target's shape and made grey where it is; they have one size of image and a network that "
        "averages over places.",
        "Tickets of all sources and of the target start at the same weights of a seed.",
        "Among the six sets of images of the source, SVHN, ImageNet and Places365 are not in this package.",
        "A replication (Gohil et al. 2020) prunes anew on the target in every round and only takes over initial weights; here "
        "the mask moves with them.",
        "The halves are drawn by the seed."))  # fmt: skip
