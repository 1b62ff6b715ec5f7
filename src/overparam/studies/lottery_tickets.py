"""Lottery tickets: Frankle and Carbin (2019), with late resetting, on digits, MNIST and MNIST-1D.

A network is trained, its smallest weights are pruned, the others go back to where they started, and again, through given
densities. At each of them the same number of weights in every layer is trained in other ways.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DATA, LARGEST, N, RATE, SEED, STEPS, Axis, Claim, Control, Estimate, Hero, Params, World,
    arm, charts, grid, has, later, line, planned, profiles, study)  # fmt: skip

DENSITIES = (0.4, 0.2, 0.1, 0.05, 0.025, 0.0125)
MNIST1D = (0.54, 0.29, 0.2, 0.12, 0.08, 0.04, 0.02)
ROUNDS = tuple(round(0.8**k, 5) for k in range(1, 25))

AXES = (
    DATA.but(help="Data set."), N.but(default=1200),
    Axis("network", "lenet: two hidden layers of w and w/3 units (300 and 100), drawn as Keras draws them (glorot_normal); "
         "residual: two of w with a shortcut around the second, drawn as PyTorch draws them.", str, "lenet",
         choices=("lenet", "residual")),
    Axis("width", "Units w of the first hidden layer.", int, 300, low=3),
    Axis("density", "Shares of the weights that are kept, falling, all in one cell; a round of pruning leads from one to the "
         "next.", float, DENSITIES, low=1e-5, high=0.99, inside_cell=True, flag="densities"),
    Axis("output", "The density of the output layer is that of the others to this power: 0.472 where a round takes a tenth "
         "of it and a fifth of the others, 1 for the same.", float, 0.472, low=0.01, high=1.0),
    Axis("rewind", "Step of the dense run to which late resetting goes back; 0: no late resetting.", int, 0, low=0),
    Axis("parents", "Widths of the networks whose tickets are compared at one size, in one cell.", int, (300,), low=3,
         inside_cell=True, flag="parents"),
    Axis("size", "Kept weights at which they are compared.", int, 1000, low=10),
    STEPS.but(default=600, help="Steps of every training, counted from the start of the dense run."), BATCH.but(default=60),
    RATE.but(default=1.2e-3, help="Learning rate of Adam, constant."),
    Axis("early", "Step at which the speed of learning is read.", int, 125, low=1),
    SEED.but(help="Draws the initial weights, the order of the minibatches and the random masks."))  # fmt: skip

PROFILES = profiles(
    {"data": "digits", "density": DENSITIES, "parents": (75, 300)},
    quick=("1,200 digits, 64-300-100-10, six densities, 6 seeds: under a minute on two cores",
           {"seed": planned(6)}),
    laptop=("10,000 of MNIST, 784-300-100-10 (LeNet), six densities, 8 seeds: under ten minutes on two cores",
            {"data": "mnist", "n": 10_000, "steps": 1000, "early": 75, "parents": (100, 300), "size": 5000,
             "seed": planned(8)}),
    mnist1d=("MNIST-1D as its notebook trains it: residual perceptrons of 100 to 500 units, 4 seeds: about fifteen minutes",
             {"data": "mnist1d-5k", "n": 4000, "network": "residual", "width": 500, "density": MNIST1D, "output": 1.0,
              "batch": 100, "steps": 1500, "learning_rate": 0.02, "early": 150, "parents": (100, 250, 500), "size": 6000,
              "seed": planned(4)}),
    rewinding=("late resetting to steps 25 and 100 on MNIST-1D, a residual perceptron of 100 units, 8 seeds: minutes",
               {"data": "mnist1d", "n": 4000, "network": "residual", "width": 100, "density": MNIST1D, "output": 1.0,
                "batch": 100, "steps": 1500, "learning_rate": 0.02, "early": 150, "parents": (100,), "rewind": (25, 100),
                "seed": planned(8)}),
    paper=("LeNet as published: 55,000 of MNIST, 50,380 steps, 24 rounds to half a per cent, 5 seeds: some ten hours",
           {"data": "mnist", "n": 55_000, "steps": 50_380, "early": 5000, "density": ROUNDS, "parents": (100, 300),
            "size": 2000, "seed": planned(5)}))  # fmt: skip


def accuracy(name: str, words: str, metric: str = "accuracy") -> Any:
    """A line of accuracies over the density, in points."""
    return line(f"{name}_{metric}", words, "points", times=100)


# what is measured: lines over the density, one a seed; places are registered from pilot seeds
density = grid("density")
ticket, dense = (
    accuracy("ticket", "test accuracy of tickets"),
    accuracy("dense", "test accuracy of the dense network"),
)
random, again = (
    accuracy("random", "that of random masks"),
    accuracy("again", "that of random masks with fresh weights"),
)
reinit = accuracy("reinit", "that of tickets with fresh weights")
shuffled, once = (
    accuracy("shuffled", "that of shuffled masks"),
    accuracy("one_shot", "that of one-shot tickets"),
)
late = accuracy("late", "test accuracy of tickets that go back to a later step")
soon = accuracy("ticket", "early test accuracy of tickets", "early")
dense_soon = accuracy("dense", "that of the dense network", "early")
reinit_soon = accuracy("reinit", "that of tickets with fresh weights", "early")
parent = line("parent_accuracy", "test accuracy of tickets of one size", "points", times=100)
SPARSE, SPARSER, FIFTH = density.nearest(0.025), density.nearest(0.0125), density.nearest(0.2)
START = arm("tickets set back to their start", rewind=LARGEST)
LATE = arm("the latest step of late resetting", rewind=LARGEST)
PILOT = "After pilots on seeds from 1000 on, before anything was judged."
POINT = 1.0  # the smallest difference worth the name, in points; ours

L58, PAPER = ("L58",), "frankle2019"
LENET = (
    "Frankle and Carbin show it for LeNet on MNIST and for convolutional networks on CIFAR-10, each with one optimizer.",
    "Here: LeNet on 10,000 images for 1,000 steps, or 64-300-100 on 8 x 8 digits; one point is asked, which is ours, and "
    "only the other side of zero contradicts.")  # fmt: skip

ACCURACIES: dict[str, list[float]] = {
    "ticket": [0.948, 0.951, 0.949, 0.942, 0.925, 0.890], "dense": [0.945] * 6,
    "random": [0.940, 0.930, 0.915, 0.890, 0.850, 0.760], "again": [0.940, 0.930, 0.915, 0.890, 0.850, 0.760],
    "shuffled": [0.942, 0.935, 0.925, 0.900, 0.870, 0.800], "reinit": [0.942, 0.935, 0.920, 0.905, 0.875, 0.800],
    "one_shot": [0.948, 0.951, 0.946, 0.934, 0.895, 0.830], "late": [0.95, 0.96, 0.969, 0.965, 0.95, 0.91],
    "longer": [0.948, 0.951, 0.949, 0.942, 0.925, 0.890]}  # fmt: skip
EARLY = {"ticket": [0.88, 0.90, 0.90, 0.88, 0.84, 0.75], "dense": [0.868] * 6, "random": [0.85, 0.8, 0.75, 0.7, 0.6, 0.5],
         "again": [0.85, 0.8, 0.75, 0.7, 0.6, 0.5], "reinit": [0.86, 0.82, 0.78, 0.73, 0.66, 0.55]}  # fmt: skip
LINES = {f"{name}_accuracy": y for name, y in ACCURACIES.items()} | {
    f"{name}_early": y for name, y in EARLY.items()
}
WORLD = World(("density", DENSITIES), lines=LINES, spread=dict.fromkeys(LINES, 0.004), level=0.004, straight=tuple(LINES),
              seeds=8, fixed={"rewind": 0})  # fmt: skip
CALM = WORLD.but(spread={"ticket_accuracy": 0.0015, "dense_accuracy": 0.0015})
PARENTS = World(("parents", (75, 150, 300)), lines={"parent_accuracy": [0.90, 0.91, 0.925]}, spread={"parent_accuracy": 0.005},
                straight=("parent_accuracy",), seeds=8, fixed={"rewind": 0})  # fmt: skip


def ahead(other: str, points: float, at: int, metric: str = "accuracy") -> World:
    """Tickets so many points ahead of another arm, which is as it is, at the density of that place."""
    line_ = list(LINES[f"ticket_{metric}"])
    line_[at] = LINES[f"{other}_{metric}"][at] + points / 100
    return WORLD.but(**{f"ticket_{metric}": line_})


RANDOM_CONTROL = Control("Two random masks under the same rule, the first with fresh weights.",
                         START.but("random masks", metrics={"ticket_accuracy": "again_accuracy"}))  # fmt: skip

CLAIMS = (
    Claim("random", "Tickets are more accurate than random masks that keep as many weights in every layer.", L58, PAPER,
          (ticket.at(SPARSE) - random.at(SPARSE)).at_least(POINT).contradicted(below=0.0), START, RANDOM_CONTROL,
          form="direction", scope=LENET, chart="accuracy", null=(ahead("random", 1.0, 4),), effect=WORLD,
          limit=(ahead("random", 0.0, 4),), against=ahead("random", -4.0, 4)),
    Claim("fresh", "Tickets are more accurate than the same masks with fresh initial weights.", L58, PAPER,
          (ticket.at(SPARSER) - reinit.at(SPARSER)).at_least(POINT).contradicted(below=0.0), START,
          Control("Under random masks of a fifth of the weights, those set back to their start do no better than fresh ones.",
                  rule=(random.at(FIFTH) - again.at(FIFTH)).at_least(POINT)), form="direction", scope=LENET,
          chart="accuracy", history=(
              f"{PILOT} The control of version 1 read the left end, by mistake: the smallest density, which is where the rule "
              "itself reads. At the largest density tickets are 1.2 points ahead on MNIST, so that it is no control either.",),
          null=(ahead("reinit", 1.0, 5),), effect=WORLD, limit=(ahead("reinit", 0.0, 5),), against=ahead("reinit", -4.0, 5)),
    Claim("dense", "Tickets of a fifth of the weights are more accurate than the dense network.", L58, PAPER,
          (ticket.at(FIFTH) - dense.at(FIFTH)).at_least(0.2).contradicted(below=0.0), START,
          Control("Random masks of that density under the same rule.",
                  START.but("random masks", metrics={"ticket_accuracy": "random_accuracy"})),
          profiles=("laptop", "paper"), form="direction", chart="accuracy",
          history=(f"{PILOT} Dense accuracy is 95.6 %, of which one standard error is 0.2 points; version 1 asked 0.24.",),
          null=(CALM.but(ticket_accuracy=[0.947] * 6),), effect=CALM, limit=(CALM.but(ticket_accuracy=[0.945] * 6),),
          against=CALM.but(ticket_accuracy=[0.935] * 6), scope=(
              "Frankle and Carbin print a gain of 0.3 points for LeNet at an eighth of the weights, and none below a 28th.",
              "0.2 points is one standard error of an accuracy of 95.6 % on 10,000 images. Only LeNet on MNIST is judged: on "
              "8 x 8 digits the pilots saw no gain at any density.")),
    Claim("faster", "Tickets learn faster than the dense network.", L58, PAPER,
          (soon.at(FIFTH) - dense_soon.at(FIFTH)).at_least(POINT).contradicted(below=0.0), START,
          Control("Random masks of that density under the same rule.",
                  START.but("random masks", metrics={"ticket_early": "random_early"})),
          profiles=("laptop", "paper"), form="direction", scope=LENET, chart="early", null=(ahead("dense", 1.0, 1, "early"),),
          effect=WORLD, limit=(ahead("dense", 0.0, 1, "early"),), against=ahead("dense", -4.0, 1, "early")),
    Claim("slower", "The same masks with fresh initial weights learn slower than tickets.", L58, PAPER,
          (soon.at(FIFTH) - reinit_soon.at(FIFTH)).at_least(POINT).contradicted(below=0.0), START,
          Control("Under random masks, weights that are set back learn no faster than fresh ones.",
                  START.but("random masks", metrics={"reinit_early": "again_early", "ticket_early": "random_early"})),
          form="direction", scope=LENET, chart="early", history=(
              f"{PILOT} Version 1 read at 2.5 %, where the control varies by 10 points; the source speaks of 21 %.",),
          null=(ahead("reinit", 1.0, 1, "early"),), effect=WORLD,
          limit=(ahead("reinit", 0.0, 1, "early"),), against=ahead("reinit", -4.0, 1, "early")),
    Claim("iterative", "Pruning step by step finds better tickets than pruning once.", L58, PAPER,
          (ticket.at(SPARSER) - once.at(SPARSER)).at_least(POINT).contradicted(below=0.0), START,
          Control("At a fifth of the weights pruning once does as well.",
                  rule=(ticket.at(FIFTH) - once.at(FIFTH)).at_least(POINT)), form="direction", scope=LENET, chart="pruned",
          null=(ahead("one_shot", 1.0, 5),), effect=WORLD, limit=(ahead("one_shot", 0.0, 5),),
          against=ahead("one_shot", -6.0, 5)),
    Claim("wiring", "Do tickets do better than masks that keep every unit's number of outgoing weights, and shuffle where "
          "they go?", L58, PAPER, (ticket.at(SPARSE) - shuffled.at(SPARSE)).at_least(0.0), START, kind="question",
          chart="accuracy", null=(ahead("shuffled", 0.0, 4),), effect=WORLD),
    Claim("parents", "Is a ticket of one size better that comes from a larger network?", L58, PAPER,
          (parent.last - parent.first).at_least(0.0), START.but("tickets of one size", x="parents"),
          needs=(has("parent_accuracy"),), kind="question", chart="parents", profiles=("quick", "laptop", "mnist1d", "paper"),
          history=(f"{PILOT} The profile laptop asks it too.",),
          null=(PARENTS.but(parent_accuracy=[0.9, 0.9, 0.9]),), effect=PARENTS),
    Claim("late", "Where the learning rate is high, tickets that go back to a later step are better than those that go back "
          "to the start.", L58, "frankle2019late",
          (late.at(density.nearest(0.12)) - ticket.at(density.nearest(0.12))).at_least(0.0).contradicted(below=0.0),
          LATE,
          Control("Tickets that go back to the start and train for as many steps more.",
                  LATE.but("more steps", metrics={"late_accuracy": "longer_accuracy"})), form="direction",
          profiles=("rewinding",), chart="late", history=(
              "Read at the latest step alone, 100, of which earlier pilots spoke; step 25 is drawn. Nothing had been judged.",),
          null=(WORLD.but(late_accuracy=ACCURACIES["ticket"]),), effect=WORLD,
          limit=(WORLD.but(late_accuracy=ACCURACIES["ticket"]),), against=WORLD.but(late_accuracy=[0.92] * 6), scope=(
              "Frankle et al. show it for networks on CIFAR-10 and ImageNet, at rates where going back to the start fails.",
              "Here a small perceptron on MNIST-1D with Adam at 0.02; the pilots saw two points at an eighth of the weights.")),
    Claim("table", "On MNIST-1D tickets of 8 % of the weights are several points more accurate than the dense network.", L58,
          "greydanus2024", (ticket.at(density.nearest(0.08)) - dense.at(density.nearest(0.08))).at_least(4.0)
          .contradicted(below=0.0), START,
          Control("Fresh initial weights under the same masks, by the same rule.",
                  START.but("fresh weights", metrics={"ticket_accuracy": "reinit_accuracy"})), form="direction",
          profiles=("mnist1d",), chart="accuracy", null=(WORLD.but(ticket_accuracy=[0.985] * 6),),
          effect=WORLD.but(ticket_accuracy=[1.02] * 6), limit=(WORLD.but(ticket_accuracy=[0.945] * 6),),
          against=WORLD.but(ticket_accuracy=[0.92] * 6), scope=(
              "The notebook of Greydanus and Kobak has 66.4 and 64.8 % dense, 75.6 and 74.4 % with 8 % of the weights: two "
              "trials of a perceptron of 500 units, 100 rounds. Four points are ours.",
              "Here seven rounds lead through its densities; its random masks are 5 points lower already when dense, so that "
              "nothing is asked of the distance to them.")),
    Claim("numbers", "Are the two numbers of the notebook met: about 66 % dense, about 75 % with 8 % of the weights?", L58,
          "greydanus2024", dense.at(density.nearest(0.08)).within(62.0, 70.0)
          & ticket.at(density.nearest(0.08)).within(71.0, 79.0), START, kind="question", profiles=("mnist1d",),
          chart="accuracy", null=(WORLD.but(dense_accuracy=[0.70] * 6, ticket_accuracy=[0.75] * 6),
                                  WORLD.but(dense_accuracy=[0.66] * 6, ticket_accuracy=[0.71] * 6)),
          effect=WORLD.but(dense_accuracy=[0.66] * 6, ticket_accuracy=[0.75] * 6)))  # fmt: skip

SHARE = "share of test images right"
CHARTS = charts(
    {"density": "density: share of weights kept"},
    accuracy=("Test accuracy against density", SHARE,
              {"ticket_accuracy": "tickets", "reinit_accuracy": "their masks, fresh weights",
               "shuffled_accuracy": "their masks, shuffled", "random_accuracy": "random masks", "dense_accuracy": "-dense",
               "published_ticket": "-published tickets (MNIST-1D, width 500)", "published_random": "-published random masks"},
              "Shuffled masks keep every unit's number of outgoing weights, random masks the number of each layer."),
    early=("Early test accuracy: the speed of learning", SHARE,
           {"ticket_early": "tickets", "reinit_early": "their masks, fresh weights", "shuffled_early": "their masks, shuffled",
            "random_early": "random masks", "dense_early": "-dense"}),
    pruned=("Step by step, or once", SHARE, {"ticket_accuracy": "step by step", "one_shot_accuracy": "once",
                                             "dense_accuracy": "-dense"}),
    late=("Late resetting", SHARE, {"late_accuracy": "back to a later step", "start_accuracy": "back to the start",
                                    "longer_accuracy": "back to the start, more steps"}, {"arm": ("rewind", "Step")}),
    parents=("Tickets of one size from networks of several widths", SHARE, {"parent_accuracy": "tickets of one size"},
             "Straight in the logarithm of the kept weights between two densities.",
             {"x": {"parents": "width of the parent"}}),
    kept=("Density of the whole network", "log share of weights kept", {"kept": "weights"}))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """The dense run, and at every density the ticket and its controls."""
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense as layers

    inputs, rounds = shape_of(str(cell["data"])).features, len(cell["density"])

    def size(width: int) -> Any:
        return layers(inputs, width, width if cell["network"] == "residual" else max(1, round(width / 3)), 10)

    many = 1 + rounds * (8 if cell["rewind"] else 6)
    main = cost(cell, size(cell["width"]), chains=many, probes=3)
    others = [
        cost(cell, size(width), chains=1 + rounds, probes=3)
        for width in cell["parents"]
        if width != cell["width"]
    ]
    return Estimate(main.seconds + sum(one.seconds for one in others), main.bytes)


STUDY = study(
    name="lottery-tickets", title="Lottery tickets",
    question="Is there a small part of a network that trains as well as the whole, and what makes it special?", x="density",
    sources=(PAPER, "frankle2019late", "greydanus2024"), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    work=later("overparam.studies.lottery_tickets_work:run"), estimate=estimate, stack_limit=1, first_rows=True,
    hero=Hero("accuracy", fit=("ticket_accuracy", "random_accuracy", "dense_accuracy")),
    profile_history=(f"{PILOT} The speed of learning is read at step 75, where it differs most for its spread; a second parent "
                     "of 100 units, compared at 5,000 weights.",),
    work_history=("More published numbers are drawn, for the notebook's own data; what is computed is the same.",
                  "Other initial weights are drawn in one room of pruning; results are the same."),
    values=("density", "kept", "parents", "parent_accuracy", "published_ticket", "published_random", "start_accuracy",
            *(f"{name}_{metric}" for name in ("dense", "ticket", "random", "again", "shuffled", "reinit", "one_shot", "late",
                                              "longer") for metric in ("accuracy", "early"))),
    differences=(
        "Frankle and Carbin take a fifth of the weights in a round, a tenth of the output layer; here a round halves them, "
        "the output layer to the power 0.472. The profile paper takes a fifth, through 24 rounds.",
        "Quick and laptop train for 600 and 1,000 steps on 1,200 and 10,000 images, not 50,000 steps on 55,000.",
        "Learning speed is the test accuracy at an early step, not the step of the least validation loss.",
        "Accuracies are those after the last step, not at a stopping time chosen on a validation set.",
        "Fresh weights are drawn anew. Zhou et al. permute those of the layer instead.",
        "With late resetting training goes on from the later step with the minibatches that followed, and a fresh optimizer; "
        "its steps in all are those of the other arms.",
        "The notebook of MNIST-1D prunes in 100 rounds, biases too, by the weights at step 1,000 of 1,501, and its minibatches "
        "come in one order. Its random arm starts from the same dense network as its tickets, and shows 5 points less there: "
        "at a rate of 0.02 the last step alone moves by so much.",
        "The samples are one fixed draw: a seed changes the weights, the minibatches and the random masks."))  # fmt: skip
