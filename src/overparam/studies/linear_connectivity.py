"""Linear mode connectivity against the step of the split: Frankle, Dziugaite, Roy and Carbin (2020), on networks and tickets.

A run is copied at some step, the copy sees the samples in another order from there on, and the straight path between both ends
is looked at. How high is the barrier on it, and from which step on is there none?
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DATA, N, RATE, SEED, STEPS, WIDTH, Axis, Check, Claim, Control, Hero, World,
    arm, charts, grid, has, later, line, need, on_average, per_seed, planned, profiles, study)  # fmt: skip

SPLITS = (0.0, 0.0125, 0.0625, 0.25)
STABLE = 2.0  # points: "stable" of the source
BELONGS = "0: what belongs to the data set."

AXES = (
    DATA.but(help="Data set: digits or MNIST for perceptrons, CIFAR-10 for convolutions, MNIST-1D for a residual perceptron and "
                  "its tickets."),
    Axis("network", "auto: what belongs to the data set; mlp: two hidden layers of w units; lenet: of w and w/3; cnn: two "
         "convolutions of w and 2w channels; residual: two layers of w units with a shortcut around the second.", str, "auto",
         choices=("auto", "mlp", "lenet", "cnn", "residual")),
    Axis("split", "Shares of the training steps after which two runs part, ascending from 0, all in one cell.", float, SPLITS,
         low=0.0, high=0.99, inside_cell=True, flag="splits"),
    Axis("points", "Points of a path, both ends among them.", int, 21, low=3, high=1001, flag="points"),
    Axis("tickets", "auto: tickets too, where networks are trained with Adam (lenet, residual).", str, "auto",
         choices=("auto", "none"), flag="tickets"),
    Axis("density", "Shares of the weights that rounds of pruning keep, falling to that of the tickets, all in one cell.", float,
         (0.4, 0.2, 0.13, 0.09), low=1e-3, high=0.99, inside_cell=True, flag="densities"),
    N.but(default=0, low=0, help=f"Training samples. {BELONGS}"),
    WIDTH.but(default=0, low=0, help=f"Units w of the first layer. {BELONGS}"),
    STEPS.but(default=0, low=0, help=f"Steps of a whole run. {BELONGS}"),
    BATCH.but(default=0, low=0, help=f"Samples of a minibatch. {BELONGS}"),
    RATE.but(default=0.0, low=0.0, help="Learning rate: of SGD with momentum 0.9 and a cosine to 0 for mlp and cnn, of Adam for "
                                        f"the others. {BELONGS}"),
    SEED.but(help="Draws the initial weights and the order of the samples; the copy takes an order of its own."))  # fmt: skip

PROFILES = profiles(
    {"split": SPLITS},
    quick=("1,200 digits, a perceptron of 64 and 64 units, splits up to a quarter of 800 steps, 8 seeds: a minute on two cores",
           {"data": "digits", "seed": planned(8)}),
    laptop=("a perceptron on MNIST (14 x 14 pixels), convolutions on CIFAR-10 (16 x 16), tickets on MNIST-1D, 8 seeds: under ten "
            "minutes on two cores", {"data": ("mnist", "cifar10", "mnist1d"), "seed": planned(8)}),
    paper=("LeNet-300-100 on 55,000 of MNIST for 24,000 steps (recalled), tickets of 15 rounds: some hours a seed. The source's "
           "ResNet-20 and VGG-16 on CIFAR-10 take days on a CPU and are left out",
           {"data": "mnist", "network": "lenet", "n": 55_000, "width": 300, "steps": 24_000, "batch": 60, "points": 31,
            "density": tuple(round(0.8**k, 5) for k in range(1, 16)), "split": (0.0, 0.005, 0.02, 0.1),
            "seed": planned(3)}))  # fmt: skip

# what is measured: lines over the share of the steps at which two runs part, one a seed
split = grid("split", words="share of the steps before the split")
LATE, SOON = split.nearest(0.25), split.nearest(0.0625)
FLOOR = 1e-6  # nats, what float32 tells
loss = line("loss_barrier", "barrier of the training loss").floor(FLOOR)
ranked = per_seed(lambda found: -0.7 - found, "-0.7 less the rank correlation of the barrier of the training loss with the split",
                  loss.rank_with(line("split", "share of the steps before the split")))  # fmt: skip
error = line("error_barrier", "barrier of the training error", "points", times=100)
test = line("test_barrier", "barrier of the test error", "points", times=100)
ends = line("child_error", "training error at the ends", "points", times=100)
ticket = line("ticket_test_barrier", "barrier of the test error between tickets", "points", times=100)
ticket_right = line("ticket_accuracy", "test accuracy of tickets", "points", times=100)
dense_right = line("dense_accuracy", "test accuracy of the dense network", "points", times=100)
RANDOM = {"ticket_test_barrier": "random_test_barrier", "ticket_accuracy": "random_accuracy"}
RUNS = arm("runs that part")


def not_early(name: str) -> Control:
    """Runs with as few steps after the split, and none before it: what is left when only the time to part is shorter."""
    renamed = {f"{name}_barrier": f"skipped_{name}_barrier"}
    return Control("Runs of the initial weights that leave out the steps before the split, and train as long as the others after "
                   "it.", arm("runs without the steps before the split", metrics=renamed))  # fmt: skip


def kind(*names: str) -> Any:
    """That networks are of some kind."""

    def check(view: Any) -> Check:
        seen = sorted({str(values["kind"]) for _, values in view.evidence.rows if "kind" in values})
        return Check(set(seen) <= set(names), f"networks: {', '.join(seen)}")

    return need("network", f"The network is one of {', '.join(names)}.", check, values=("kind",))


FITTED = on_average("every end fits its samples", ends.top(), at_most=2.0)

# planted worlds: a perceptron whose barrier falls, a convolution that is unstable first, tickets of both kinds
CURVES: dict[str, list[float]] = {
    "loss_barrier": [4e-3, 3e-3, 1e-3, 6e-5], "skipped_loss_barrier": [4e-3, 4e-3, 5e-3, 5e-3],
    "error_barrier": [0.08, 0.06, 0.02, 0.004], "skipped_error_barrier": [0.08, 0.08, 0.09, 0.08],
    "test_barrier": [0.003, 0.002, 0.001, 0.0005], "stranger_test_barrier": [0.25] * 4, "child_error": [0.0] * 4,
    "ticket_test_barrier": [0.09, 0.026, 0.011, 0.004], "random_test_barrier": [0.11, 0.08, 0.068, 0.05],
    "ticket_accuracy": [0.59, 0.611, 0.6185, 0.614], "random_accuracy": [0.466, 0.438, 0.407, 0.379],
    "dense_accuracy": [0.626] * 4}  # fmt: skip
NOISE = {"loss_barrier": 0.5, "skipped_loss_barrier": 0.5, "error_barrier": 0.006, "skipped_error_barrier": 0.01,
         "test_barrier": 0.002, "stranger_test_barrier": 0.03, "ticket_test_barrier": 0.006, "random_test_barrier": 0.02,
         "ticket_accuracy": 0.009, "random_accuracy": 0.017, "dense_accuracy": 0.005}  # fmt: skip
WORLD = World(("split", SPLITS), lines=CURVES, spread=NOISE, seeds=8,
              straight=tuple(name for name in CURVES if "loss" not in name))  # fmt: skip


def with_one(name: str, value: float, place: int = 3) -> World:
    """The planted world with another value at one split, the last unless said."""
    values = CURVES[name]
    return WORLD.but(**{name: [*values[:place], value, *values[place + 1 :]]})


SOURCE = "frankle2020linear"
SCOPE = (
    "Frankle et al. (in part recalled): LeNet-300-100 on MNIST, ResNet-20 and VGG-16 on CIFAR-10, larger ones on ImageNet; three "
    "initialisations, 30 points of a path, test error.",
    "Here: smaller networks on a few thousand images, 21 points, and one copy a split: the run itself is the other.")  # fmt: skip
SMALLER = "The source's networks and data sets are larger than these, so that nothing here contradicts it."

CLAIMS = (
    Claim("stable-start", "A small perceptron is stable to the order of its samples from the start: runs that share only their "
          "initial weights are joined by a straight path on which the test error rises by less than 2 points.", ("L63C",), SOURCE,
          test.first.at_most(STABLE), RUNS, Control("Runs from different initial weights.",
                                                    arm("different initial weights",
                                                        metrics={"test_barrier": "stranger_test_barrier"})),
          (kind("mlp", "lenet"), FITTED), chart="test", form="bound", outside=SMALLER, scope=(
              *SCOPE, "2 points are the source's own bound of what it calls stable; it finds LeNet on MNIST so at step 0."),
          null=(WORLD.but(test_barrier=[0.02, 0.01, 0.01, 0.01]),), effect=WORLD),
    Claim("falls", "The later two runs part, the lower the barrier between their ends: after a quarter of the steps the training "
          "loss rises by at most half as much as from the start.", ("L63C",), SOURCE,
          (loss.at(LATE) / loss.first).at_most(0.5).contradicted(above=1.0), RUNS, not_early("loss"), (FITTED,), chart="barrier",
          form="direction", outside=SMALLER, scope=(*SCOPE, "Half is ours; the source shows instability falling with the step."),
          null=(with_one("loss_barrier", 2e-3),), effect=WORLD, limit=(with_one("loss_barrier", 4e-3),),
          against=WORLD.but(loss_barrier=[1e-3, 2e-3, 8e-3, 3e-2])),
    Claim("becomes-stable", "A convolutional network is not stable at its start, and becomes so early in training: from the "
          "start the training error rises by more than 2 points on the path, after a quarter of the steps by less.",
          ("L63C",), SOURCE,
          error.first.at_least(STABLE) & error.at(LATE).at_most(STABLE), RUNS, not_early("error"), (kind("cnn"), FITTED),
          chart="error",
          form="exists", scope=(
              *SCOPE, "The source reads the test error; 1,000 images teach so little that six in ten test images are wrong and "
              "the barrier of the test error says little, so that the training error is read, which ends near 0."),
          null=(WORLD.but(error_barrier=[0.02, 0.02, 0.01, 0.004]), with_one("error_barrier", 0.02)), effect=WORLD),
    Claim("tickets", "Tickets are stable and better where they go back to a later step, and unstable and worse where they go "
          "back to their start: the barrier of the test error is above 2 points at the start and below it after a sixteenth of "
          "the steps, where accuracy is higher.", ("L63C",), SOURCE,
          ticket.first.at_least(STABLE) & ticket.at(SOON).at_most(STABLE)
          & (ticket_right.at(SOON) - ticket_right.first).at_least(0.0), RUNS,
          Control("Random masks of the same density in every layer.", arm("random masks", metrics=RANDOM)),
          (has("ticket_accuracy", "Networks trained with Adam have tickets: --data mnist1d."),), chart="tickets", form="exists",
          scope=(*SCOPE, "Tickets here: nine in a hundred of the weights of a perceptron on MNIST-1D."),
          null=(with_one("ticket_test_barrier", 0.02, 0), with_one("ticket_test_barrier", 0.02, 2),
                with_one("ticket_accuracy", 0.59, 2)), effect=WORLD),
    Claim("matches", "Do tickets that go back to a sixteenth of the steps match the dense network, and those that go back to "
          "the start not?", ("L63C",), SOURCE, (ticket_right.at(SOON) - dense_right.at(SOON)).at_least(0.0)
          & (dense_right.first - ticket_right.first).at_least(0.0), RUNS, kind="question",
          needs=(has("ticket_accuracy", "Networks trained with Adam have tickets: --data mnist1d."),), chart="accuracy",
          null=(WORLD.but(ticket_accuracy=[0.59, 0.611, 0.626, 0.63]), WORLD.but(ticket_accuracy=[0.626, 0.63, 0.645, 0.65])),
          effect=WORLD.but(ticket_accuracy=[0.59, 0.62, 0.645, 0.65])),
    Claim("order", "Do the barriers of the training loss fall from split to split: is their rank correlation with the split "
          "below -0.7 for more than half of the parents?", ("L63C",), SOURCE,
          ranked.positive_share().at_least(0.5), RUNS, kind="question",
          needs=(FITTED,), chart="barrier",
          null=(WORLD.but(loss_barrier=[1.3e-3, 1.15e-3, 1e-3, 0.65e-3], spread={"loss_barrier": 0.4}),),
          effect=WORLD.but(loss_barrier=[4e-3, 3.2e-3, 1e-3, 6e-5], spread={"loss_barrier": 0.15})),
    Claim("soon", "Is the barrier of the training loss at most half of what it is from the start already after a sixteenth of "
          "the steps?", ("L63C",), SOURCE, (loss.at(SOON) / loss.first).at_most(0.5), RUNS, kind="question", needs=(FITTED,),
          chart="barrier", null=(WORLD.but(loss_barrier=[4e-3, 3e-3, 2e-3, 6e-5]),), effect=WORLD.but(
              loss_barrier=[4e-3, 3e-3, 4e-4, 6e-5])))  # fmt: skip

RISE, OTHERS = "rise above the mean of the ends", "-different initial weights"
CHARTS = charts(
    {"step": "lin step of the split", "split": "lin share of the steps before the split"},
    barrier=("The barrier between two ends against the step at which they part", "log barrier of the training loss (nats)",
             {"loss_barrier": "runs that part", "skipped_loss_barrier": "the same without the steps before the split",
              "stranger_loss_barrier": OTHERS}, "Barrier: the highest point of a straight path above the mean of its ends."),
    test=("Test error on the straight path", f"share of test samples: {RISE}",
          {"test_barrier": "runs that part", "skipped_test_barrier": "without the steps before the split",
           "stranger_test_barrier": OTHERS}, "Below 2 points the source calls a network stable."),
    error=("Training error on the straight path", f"share of samples: {RISE}",
           {"error_barrier": "runs that part", "skipped_error_barrier": "without the steps before the split",
            "stranger_error_barrier": OTHERS}),
    path=("Along the path", "training loss (nats)", {"path_start": "runs that part at the start",
          "path_late": "at the last split", "path_stranger": OTHERS}, {"x": {"t": "lin place on the path"}}),
    tickets=("Tickets: test error on the straight path", f"share of test samples: {RISE}",
             {"ticket_test_barrier": "tickets", "random_test_barrier": "random masks"}),
    accuracy=("Tickets: accuracy against the step they go back to", "share of test samples right",
              {"ticket_accuracy": "tickets", "random_accuracy": "random masks", "dense_accuracy": "-dense"}),
    distance=("How far the ends are apart", "distance over the norm", {"distance": "runs that part",
              "skipped_distance": "without the steps before the split", "stranger_distance": OTHERS}))  # fmt: skip

COUNTED = ("loss_barrier", "error_barrier", "test_barrier", "distance")
VALUES = (
    "kind", "split", "step", "t", "path_start", "path_late", "path_stranger", "child_error", "child_test_error", "dense_accuracy",
    *(f"{way}{name}" for way in ("", "skipped_", "stranger_") for name in COUNTED),
    *(f"{way}_{name}" for way in ("ticket", "random") for name in ("test_barrier", "error_barrier", "accuracy")))  # fmt: skip


STUDY = study(
    name="linear-connectivity", title="Linear mode connectivity",
    question="From which step on do two runs end in minima that a straight path of low loss joins?", x="split",
    sources=(SOURCE,), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, values=VALUES,
    hero=Hero("barrier", fit=("loss_barrier", "skipped_loss_barrier", "stranger_loss_barrier")),
    work=later("overparam.studies.linear_connectivity_work:run"),
    estimate=later("overparam.studies.linear_connectivity_work:estimate"), first_rows=True, stack_limit=8,
    differences=(
        "Frankle et al. train two or more copies from the step of the split; here the run itself is one of them, which saves "
        "half of the training and leaves the law of the pair as it is.",
        "They read the test error at 30 points; here training loss, training error and test error at 21.",
        "Perceptrons on 1,200 digits or 4,000 images of MNIST, SGD with a cosine; convolutions of 12 and 24 channels on 1,000 "
        "images of CIFAR-10; not LeNet-300-100, ResNet-20 and VGG-16.",
        "A later split leaves fewer steps to part. The arm without the steps before the split has as few, at the same rates, "
        "from the initial weights: what falls only in the other arm is due to the steps before the split.",
        "Tickets are found with four rounds of pruning, the first to four tenths, not with fifths. Their second run differs in "
        "the order of the samples from the step on to which weights went back.",
        "A straight path without a barrier shows that two ends are joined at the points that were looked at. One with a barrier "
        "says that this path is none, and nothing of others."))  # fmt: skip
