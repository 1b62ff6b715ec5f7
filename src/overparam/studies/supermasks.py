"""Supermasks: what masks make of untrained weights, in the seven columns of Zhou, Lan, Liu and Yosinski (2019).

Masks of a trained network over its initial weights, masks that are learned over them, with signed constants and with
dynamic rescaling, and the trained network itself. Each published number stands beside ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overparam.core import (DATA, N, SEED, Axis, Claim, Control, Estimate, Outcome, Params, Progress, World, arm,
    charts, complete, outcome, planned, profiles, renamed, scalar, shares, study, within)  # fmt: skip
from overparam.core.pairs import NETWORKS, TOLD, weights_and_products

ROUNDS = (0, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24)
CRITERIA = (
    "large_final",
    "large_final_same_sign",
    "magnitude_increase",
    "magnitude_increase_same_sign",
    "movement",
)
BEST = "large_final_same_sign"  # the source's winner, drawn against density
MASKED = {"mask_init": "rewind", "mask_constant": "signed_constant"}  # column to mask-1 action
LEARNED = {  # column to (signed constants, dynamic rescaling)
    "learned_init": (False, False), "learned_constant": (True, False),
    "rescaled_init": (False, True), "rescaled_constant": (True, True)}  # fmt: skip
COLUMNS = {**dict.fromkeys(MASKED), **dict.fromkeys(LEARNED), "trained": None}
PUBLISHED = {"fc": (79.3, 86.3, 95.3, 96.4, 97.8, 98.0, 97.7), "conv2": (22.3, 37.4, 64.4, 66.3, 65.0, 66.0, 69.2),
             "conv4": (23.7, 39.7, 65.4, 66.2, 71.7, 72.5, 75.4),
             "conv6": (24.0, 41.0, 65.3, 65.4, 76.3, 76.5, 78.3)}  # fmt: skip
CHOSEN_ON = 1000  # training images on which criterion and density of the first two columns are chosen
SAMPLES = 10  # masks that are drawn for one reported accuracy, as in the source

AXES = (
    DATA.but(default="digits"), N.but(default=1200),
    Axis("network", TOLD, str, "fc", choices=NETWORKS, flag="networks"),
    Axis("dense_steps", "Steps of Adam with which weights are trained.", int, 600, low=1, flag="dense-steps"),
    Axis("dense_rate", "Its learning rate.", float, 1.2e-3, low=1e-9, flag="dense-rate"),
    Axis("dense_batch", "Its minibatch.", int, 60, low=1, flag="dense-batch"),
    Axis("steps", "Steps with which a mask is learned.", int, 800, low=1),
    Axis("rate", "Learning rate of the scores, without rescaling.", float, 400.0, low=1e-9, flag="rate"),
    Axis("rescaled_rate", "Learning rate of the scores, with rescaling.", float, 100.0, low=1e-9, flag="rescaled-rate"),
    Axis("batch", "Minibatch of the scores.", int, 100, low=1),
    Axis("rounds", "Prunings k tried: 0.8^k of the weights stay, 0.9^k of the last layer's, in one cell.", int, ROUNDS, low=0,
         high=60, inside_cell=True, flag="rounds"),
    SEED.but(help="Draws the initial weights, the minibatches and the masks."))  # fmt: skip

PAPER = {"data": "mnist", "n": 55_000, "dense_steps": 50_380, "steps": 440_000, "rate": 100.0, "rescaled_rate": 100.0,
         "batch": 250, "rounds": tuple(range(25)), "seed": planned(3)}  # fmt: skip

PROFILES = profiles(
    {"network": "fc", "seed": planned(8)},
    quick=("Digits, 64-300-100-10, 800 steps, 8 seeds: under a minute on two cores",
           {"data": "digits", "n": 1200, "rounds": (0, 2, 4, 8, 12, 16, 20, 24)}),
    laptop=("MNIST, 10,000 samples, 784-300-100-10; masks are learned in 1,500 steps, not 440,000; 8 seeds",
            {"data": "mnist", "n": 10_000, "dense_steps": 1000, "steps": 1500, "rescaled_rate": 200.0}),
    tenth=("10,000 of MNIST; else as the profile paper, with a tenth of its steps, 44,000, for masks: 20 minutes a seed",
           {**PAPER, "n": 10_000, "steps": 44_000}),
    paper=("MNIST, 55,000 samples, 440,000 steps at rate 100 and minibatch 250, as published: 3 to 4 hours a seed. CIFAR-10: "
           "--data cifar10 --n 45000 --networks conv2,conv4,conv6, of which the source prints neither rate nor length",
           PAPER))  # fmt: skip

# what is measured: test accuracy of each column, one number a seed
POINTS = "points"
mask_init = scalar("mask_init", "mask, initial weights", POINTS)
mask_constant = scalar("mask_constant", "mask, constants", POINTS)
learned_init = scalar("learned_init", "learned mask, initial weights", POINTS)
learned_constant = scalar("learned_constant", "learned mask, constants", POINTS)
rescaled_init = scalar("rescaled_init", "rescaled learned mask, initial weights", POINTS)
rescaled_constant = scalar("rescaled_constant", "rescaled learned mask, constants", POINTS)
trained = scalar("trained", "trained weights", POINTS)

RANDOM = arm("random masks", metrics=renamed("random_", *MASKED))


def shuffled(*names: str) -> Any:
    """The same columns under learned masks whose places are shuffled."""
    return arm("learned masks, shuffled in each layer", metrics=renamed("shuffled_", *names))


ALL = arm("seven columns")
MOST = 20.0  # points above chance from which an untrained network counts as far above it
NEAR = 3.0  # points below trained weights that still compete
NO_TREND = "Masks of the same densities whose places are shuffled tell none of it."
SCOPE = (
    "The source shows it for one network on MNIST and three on CIFAR-10, with scores trained for 440,000 steps.",
    "Here the same network learns masks on fewer images, in about a thousand steps, at larger rates.",
)
SHORT = "a training of masks that is hundreds of times shorter contradicts nothing"
LEARNT: Any = {"form": "direction", "scope": SCOPE, "outside": SHORT, "chart": "columns"}


def table(view: Any) -> str:
    """A remark: every column of ours, the interval in which a further run falls, and the published number."""
    import numpy as np

    from overparam.core.stats import prediction_interval

    rows, told = view.rows(), []
    published = PUBLISHED[rows[0][0].get("network", "fc")]
    for name, number in zip(COLUMNS, published, strict=True):
        found = [values[name] for _, values in rows if values.get(name) is not None]
        if len(found) > 1:
            low, high = np.clip(prediction_interval(np.asarray(found)), 0.0, 100.0)
            told.append(
                f"{name.replace('_', ' ')} {np.mean(found):.1f} ({low:.1f} to {high:.1f}), published {number}"
            )
    return (
        f"Ours, the interval of one further run, and the mean published for this network on its own data: {'; '.join(told)}."
        if told
        else ""
    )


NUMBERS = {"mask_init": 90.0, "mask_constant": 95.0, "learned_init": 92.0, "learned_constant": 94.0, "rescaled_init": 97.0,
           "rescaled_constant": 97.2, "trained": 98.0, "random_mask_init": 15.0, "random_mask_constant": 15.0,
           **{f"shuffled_{name}": 12.0 for name in LEARNED}}  # fmt: skip
WORLD = World(
    ("column", tuple(range(1, 8))),
    seeds=8,
    lines={"accuracy": [90.0] * 7},
    numbers=NUMBERS,
    spread=dict.fromkeys(NUMBERS, 0.8),
    straight=tuple(NUMBERS),
)
WHOLE = complete(0.2, "accuracy")

CLAIMS = (
    Claim("untrained", "A mask of an untrained network, its weights the initial ones or signed constants, has an accuracy far "
          "above chance: 20 points above 10 % at least.", ("L60",), "zhou2019",
          mask_init.at_least(10 + MOST) & mask_constant.at_least(10 + MOST), ALL,
          Control("The best random mask of the same densities, chosen alike, has not.", RANDOM), (WHOLE,), form="exists",
          chart="density", effect=WORLD, note=table,
          null=(WORLD.but(mask_init=30.0), WORLD.but(mask_constant=30.0))),
    Claim("constant", "Under a mask from training, signed constants are better untrained weights than the initial ones.",
          ("L60",), "zhou2019", (mask_constant - mask_init).at_least(0.0).contradicted(below=0.0), ALL,
          Control("Under random masks they are not.", RANDOM), (WHOLE,), form="direction", chart="density", scope=(
              "The source shows it for one network on MNIST and three on CIFAR-10, at the best density for each.",
              "Here is its network on MNIST or on digits; criterion and density are chosen on training images."),
          effect=WORLD, null=(WORLD.but(mask_constant=90.0),), limit=(WORLD.but(mask_constant=90.0),),
          against=WORLD.but(mask_constant=86.0)),
    Claim("learned-constant", "Under learned masks without rescaling, signed constants are better than initial weights.",
          ("L60",), "zhou2019", (learned_constant - learned_init).at_least(0.0), ALL,
          Control(NO_TREND, shuffled("learned_constant", "learned_init")), (WHOLE,),
          effect=WORLD, null=(WORLD.but(learned_constant=92.0),), **LEARNT),
    Claim("rescaled", "Learned masks are better with dynamic rescaling than without, over initial weights and over constants.",
          ("L60",), "zhou2019", (rescaled_init - learned_init).at_least(0.0)
          & (rescaled_constant - learned_constant).at_least(0.0), ALL, Control(NO_TREND, shuffled(*LEARNED)), (WHOLE,),
          effect=WORLD, null=(WORLD.but(rescaled_init=92.0), WORLD.but(rescaled_constant=94.0)), **LEARNT),
    Claim("compete", "A learned mask over signed constants, rescaled, competes with trained weights: it is at most 3 points "
          "below.", ("L60",), "zhou2019", (rescaled_constant - trained).at_least(-NEAR), ALL,
          Control(NO_TREND, shuffled("rescaled_constant")), (WHOLE,),
          effect=WORLD, null=(WORLD.but(rescaled_constant=95.0),), **LEARNT),
    Claim("same-rescaled", "With rescaling, does it matter no longer whether weights are initial ones or constants: less than "
          "1 point?", ("L60",), "zhou2019", (rescaled_constant - rescaled_init).within(-1.0, 1.0), ALL, kind="question",
          chart="columns", needs=(WHOLE,), effect=WORLD.but(rescaled_constant=97.0, spread=dict.fromkeys(NUMBERS, 0.3)),
          null=(WORLD.but(rescaled_constant=98.0), WORLD.but(rescaled_constant=96.0))),
    Claim("order", "Is a learned mask without rescaling better than one from training over constants, as published (95.3 "
          "against 86.3), in so few steps too?", ("L60",), "zhou2019", (learned_init - mask_constant).at_least(0.0), ALL,
          kind="question", chart="columns", needs=(WHOLE,), effect=WORLD.but(learned_init=97.0),
          null=(WORLD.but(learned_init=95.0),)))  # fmt: skip

CHARTS = charts(
    {"column": "lin column of the source's table"},
    density=("Masks of a trained network over its initial weights", "test accuracy, %",
             {"one_shot_init": "large_final_same_sign, initial weights",
              "one_shot_constant": "large_final_same_sign, signed constants",
              "one_shot_random": "random mask, initial weights", "trained_line": "-trained weights"},
             "Nothing is trained after the mask is applied.", {"x": {"density": "density: share of weights kept"}}),
    columns=("The seven columns", "test accuracy, %",
             {"accuracy": "ours", "published": "-published, of this network in the source"},
             "1 mask, initial weights; 2 mask, signed constants; 3 learned mask, initial weights; 4 learned mask, signed "
             "constants; 5 and 6 as 3 and 4 with dynamic rescaling; 7 trained weights."))  # fmt: skip


def network(name: str, data: Any) -> Any:
    """One of the source's networks, for examples of the shape of a data set."""
    from overparam.models.frankle import frankle

    return frankle(name, data.image, data.classes)


def work(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Train the weights of every seed, prune them at every density, and learn four masks."""
    import jax
    import jax.numpy as jnp

    from overparam.data import shape_of
    from overparam.probes import standard
    from overparam.pruning import learned_mask, sampled, shuffle, supermask
    from overparam.pruning.wrapped import own_weights
    from overparam.sweep.work import task
    from overparam.training import Checkpoint, Recipe, train
    from overparam.training.evaluate import fit
    from overparam.training.losses import loss

    stack = task(cells)
    common, data = stack.shared, stack.data
    plain, rule = network(common["network"], shape_of(common["data"])), loss("cross_entropy")
    error = jax.jit(lambda params, x, y: fit(plain, rule, params, x, y)[1])
    tests = jnp.asarray(data.x_test), jnp.asarray(data.y_test)
    few = jnp.asarray(data.x[:CHOSEN_ON]), jnp.asarray(data.y[:CHOSEN_ON])

    def accuracy(params: Any, some: Any) -> float:
        return 100.0 * (1.0 - float(error(params, *some)))

    spans = shares([common["dense_steps"] / 4, 100, common["steps"] * 2, common["steps"] * 2])
    given: Any = (stack.members, data.x, data.x_test, data.y_test)
    recipe = Recipe(
        common["dense_steps"], common["dense_rate"], optimizer="adam", batch=common["dense_batch"], probes=2
    )
    dense = train(plain, recipe, *given, probes={"fit": standard()["fit"]}, keep_params=True,
                  progress=within(progress, *spans[0]))  # fmt: skip
    made: list[dict[str, Any]] = []
    lost: list[list[str]] = [[] for _ in cells]
    for cell, start, run in zip(cells, map(jax.device_get, begun(plain, cells)), dense, strict=True):
        own = untrained(
            cell, plain, start, run.params, lambda params, on: accuracy(params, few if on == "few" else tests)
        )
        made.append({**own, "trained": 100.0 * (1.0 - float(run.values["test_error"][-1]))})
    for half, rescaled in enumerate((False, True)):
        names = [name for name, kind in LEARNED.items() if kind[1] == rescaled]
        nets = [
            supermask(plain, constant=1.0 if LEARNED[name][0] else None, rescaled=rescaled) for name in names
        ]
        starts = [Checkpoint(one) for net in nets for one in begun(net, cells)]
        rate = common["rescaled_rate" if rescaled else "rate"]
        recipe = Recipe(common["steps"], rate, momentum=0.9, batch=common["batch"], probes=2)
        # constants are weights like others, which a network with scores holds: one program serves both
        runs = train(nets[0], recipe, stack.members * len(names), *given[1:], probes={"sampled": sampled(SAMPLES)},
                     keep_params=True, start=starts, progress=within(progress, *spans[2 + half]))  # fmt: skip
        for place, run in enumerate(runs):
            which, name = place % len(cells), names[place // len(cells)]
            own = made[which]
            if run.diverged_at is not None:
                lost[which].append(name.replace("_", " "))
                own |= dict.fromkeys((name, f"shuffled_{name}", f"rounded_{name}", f"density_{name}"))
                continue
            mask, weights = learned_mask(run.params), own_weights(run.params)
            other = shuffle(mask, 10 * cells[which]["seed"] + list(LEARNED).index(name))
            own[name] = 100.0 * (1.0 - float(run.values["sampled_test_error"][-1]))
            own[f"shuffled_{name}"] = accuracy(other.apply(weights), tests)
            own[f"rounded_{name}"] = accuracy(mask.apply(weights), tests)
            own[f"density_{name}"] = mask.density
    fixed = {"column": list(range(1, 8)), "published": list(PUBLISHED[common["network"]])}
    return [
        outcome({**fixed, **own, "accuracy": [own[name] for name in COLUMNS],
                 "trained_line": [own["trained"]] * len(own["density"])}, lost=", ".join(gone))
        for own, gone in zip(made, lost, strict=True)
    ]  # fmt: skip


def begun(net: Any, cells: Sequence[Params]) -> list[Any]:
    """The parameters with which every seed starts."""
    import jax

    start = jax.jit(net.init)
    return [start(jax.random.key(cell["seed"])) for cell in cells]


def untrained(cell: Params, plain: Any, initial: Any, final: Any, accuracy: Any) -> dict[str, Any]:
    """Masks of a run over its initial weights: the best by training images of both columns, and lines over density."""
    from overparam.pruning import MASK1, Mask, Weights, choose

    full, lines, tried = Mask.full(plain), {}, {}
    seen = Weights(initial, final, full, key=cell["seed"])
    rounds = sorted(set(cell["rounds"]), reverse=True)
    for criterion in (*CRITERIA, "random"):
        masks = [choose(criterion, seen, 0.8**k, rates={"output": 0.9**k}) for k in rounds]
        for name, action in MASKED.items():
            starts = [MASK1[action](initial, mask) for mask in masks]
            tried[name, criterion] = [(accuracy(start, "few"), i, start) for i, start in enumerate(starts)]
            if criterion in (BEST, "random"):
                lines[name, criterion] = [accuracy(start, "tests") for start in starts]
    densities = [mask.density for mask in masks]
    found: dict[str, Any] = {
        "density": densities,
        "one_shot_init": lines["mask_init", BEST],
        "one_shot_constant": lines["mask_constant", BEST],
        "one_shot_random": lines["mask_init", "random"],
    }
    for name in MASKED:
        for prefix, among in (("", CRITERIA), ("random_", ("random",))):
            options = [(*one, criterion) for criterion in among for one in tried[name, criterion]]
            _, place, start, criterion = max(options, key=lambda one: (one[0], one[1]))
            found[prefix + name] = accuracy(start, "tests")
            if not prefix:
                found |= {f"criterion_{name}": criterion, f"density_{name}": densities[place]}
    return found


def sizes(cell: Params) -> tuple[float, float]:
    """Weights of a cell's network, and the products of one forward pass of an image."""
    from overparam.data import shape_of

    shape = shape_of(str(cell["data"]))
    return weights_and_products(cell["network"], shape.image, shape.classes)


def estimate(cell: Params) -> Estimate:
    """Four masks are learned; every step draws a number a weight for each."""
    weights, products = sizes(cell)
    product = 2 / 8e10
    learned = len(LEARNED) * cell["steps"] * (4e-4 + 1.2e-8 * weights + 3 * cell["batch"] * products * product)
    dense = cell["dense_steps"] * (2e-4 + 2e-9 * weights + 3 * cell["dense_batch"] * products * product)
    masks = (
        len(cell["rounds"]) * (len(CRITERIA) + 1) * (2e-3 + 6e-8 * weights + 2 * CHOSEN_ON * products * product)
    )
    return Estimate(1.0 + learned + dense + masks, 3e8 + 60.0 * weights)


STUDY = study(
    name="supermasks", title="Supermasks: masks over untrained weights",
    question="How good is a network whose weights were never trained, under a mask from a trained network and under one that "
    "is learned itself?", x="column", sources=("zhou2019",), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    work=work, estimate=estimate, stack_limit=4,
    work_history=("The networks are made in one room of models; results are the same.",),
    values=("density", "one_shot_init", "one_shot_constant", "one_shot_random", "trained_line", "column", "accuracy",
            "published", *COLUMNS, *(f"random_{name}" for name in MASKED),
            *(f"{what}_{name}" for name in MASKED for what in ("criterion", "density")),
            *(f"{what}_{name}" for name in LEARNED for what in ("shuffled", "rounded", "density"))),
    differences=(
        "The source trains scores for 440,000 steps at rate 100 and minibatches of 250; quick and laptop take 800 and 1,500 "
        "steps at larger rates, which pilot seeds chose. What is ruled are directions, not accuracies.",
        "Quick has 1,200 digits, laptop and tenth 10,000 of MNIST; the source 55,000 of it. The profile paper has its setting; "
        "tenth has it but for the images and the steps of masks, 44,000.",
        "The source takes the best pruning rate of the first two columns; here criterion and rate are chosen on 1,000 training "
        "images, and test images are looked at once. Pruning is in one shot there and here.",
        "Random masks are chosen alike, among as many densities.",
        "The source trains the weights of the last column for 55 epochs; here for 600 steps on digits and 1,000 on MNIST, "
        "in tenth and paper as many steps as there.",
        "Its learning rates and lengths for masks on CIFAR-10 are not published: convolutions run with those of MNIST "
        "unless others are given.",
        "Biases are not masked and start at 0, so that the rescaling of a finished mask changes no prediction; what it changes "
        "is how scores are trained.",
    ))  # fmt: skip
