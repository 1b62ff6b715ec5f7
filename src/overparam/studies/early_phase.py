"""The early phase of training (Frankle, Schwab and Morcos 2020): what it costs to perturb the weights of an early step.

A sparse network takes the weights that a dense run had at step k, perturbed or not, and is trained from them for as many steps
whatever k is. Beside the perturbations stand a fresh start, a fresh start with k steps more, and another order of the samples.
"""

from __future__ import annotations

from overparam.core import (BATCH, DATA, N, RATE, SEED, STEPS, WIDTH, Axis, Claim, Control, Estimate, Hero, Number, Params,
    World, arm, charts, later, line, on_average, planned, profiles, study)  # fmt: skip

EARLY = (0, 25, 100, 400)
TOLD = {
    "none": "unperturbed", "order": "unperturbed, another order of the samples", "shuffled": "shuffled within layers",
    "reinit": "drawn anew", "signs": "signs drawn anew", "magnitudes": "sizes shuffled, signs kept", "noise": "with noise",
    "longer": "drawn anew, and k steps more",
}  # fmt: skip

AXES = (
    DATA.but(help="Data set, or a path to one.", default="mnist1d"), N.but(default=4000),
    WIDTH.but(help="Units of both hidden layers of a perceptron with a shortcut around the second.", default=60),
    Axis("density", "Share of the weights of every layer that is kept: the largest at the end of a dense run.", float, 0.1,
         low=0.005, high=1.0),
    Axis("early", "Steps of the dense run whose weights are perturbed, ascending from 0, all in one cell.", int, EARLY, low=0,
         inside_cell=True, flag="early"),
    STEPS.but(default=800, help="Steps of Adam of the dense run, and of every training from the weights of an early step."),
    BATCH.but(default=100), RATE.but(default=0.005, help="Learning rate of Adam, constant."),
    SEED.but(help="Draws the initial weights, the fresh ones, the order of the samples and the perturbations."))  # fmt: skip

PROFILES = profiles(
    {"data": "mnist1d", "early": EARLY},
    quick=("MNIST-1D, 60 units, a tenth of the weights, 8 seeds: about a minute on two cores. It draws the lines and judges none",
           {"seed": planned(8)}),
    laptop=("the same with six early steps and 48 seeds: some minutes on two cores",
            {"early": (0, 25, 50, 100, 200, 400), "seed": planned(48)}),
    paper=("MNIST-1D, 300 units, a twentieth of the weights, 10,000 steps, 20 seeds: many hours of a core. The source's networks "
           "on CIFAR-10, with masks of many rounds, take weeks and are left out",
           {"width": 300, "density": 0.05, "steps": 10_000, "early": (0, 100, 500, 2000, 4000), "seed": planned(20)}),
)  # fmt: skip

# what is measured: lines over the early step k, one a seed
COSTLY = {
    "order": "another order", "shuffled": "shuffling", "reinit": "drawing anew", "signs": "new signs",
    "magnitudes": "shuffling sizes", "noise": "noise", "longer": "a fresh start with k steps more",
}  # fmt: skip
cost = {name: line(f"{name}_cost", f"cost of {told}", "points") for name, told in COSTLY.items()}
plain = line("none", "test accuracy of unperturbed weights", "points")
RUNS = arm("sparse networks")


def rise(name: str) -> Number:
    """How much more an arm costs at the last early step than at the first."""
    return cost[name].last - cost[name].first


half = line("shuffled_cost", "half the cost of shuffling", "points", 0.5)
loss, plain_loss = (
    line("shuffled_loss", "test loss of shuffled weights"),
    line("none_loss", "that of unperturbed weights"),
)
heavier = (loss.last - plain_loss.last) - (loss.first - plain_loss.first)
ranked = cost["shuffled"].rank_with(line("early", "the early step"))

# planted worlds, with the numbers and spreads of the pilot seeds
COSTS = {
    "order": [0.0, -0.2, -0.2, -0.1], "shuffled": [0.8, 1.4, 3.9, 4.9], "reinit": [0.5, 1.8, 4.1, 5.5],
    "signs": [0.0, 1.3, 3.1, 3.9], "magnitudes": [0.0, 0.5, 0.5, 0.3], "noise": [0.2, 0.3, 1.9, 1.9],
    "longer": [0.5, 1.0, 2.5, 4.1],
}  # fmt: skip
PLANTED = {
    **{f"{name}_cost": values for name, values in COSTS.items()}, "none": [40.0, 42.0, 44.5, 45.5],
    "none_loss": [2.0] * 4, "order_loss": [2.0] * 4, "shuffled_loss": [2.0, 2.0, 2.05, 2.07],
}  # fmt: skip
SPREAD = {name: 0.05 if "loss" in name else 2.6 for name in PLANTED} | {
    "order_cost": 0.6,
    "longer_cost": 4.0,
    "magnitudes_cost": 1.0,
}
WORLD = World(("early", EARLY), lines=PLANTED, spread=SPREAD, seeds=48, straight=tuple(PLANTED))


def last(value: float, name: str = "shuffled_cost") -> World:
    """The planted world with another value at the last step."""
    return WORLD.but(**{name: [*PLANTED[name][:-1], value]})


L63D, SOURCE, LARGER = ("L63D",), "frankle2020early", ("laptop", "paper")
SCOPE = (
    "Frankle, Schwab and Morcos perturb sparse networks found by magnitude pruning of many rounds (ResNet-20 and others on "
    "CIFAR-10) at steps between 0 and a few thousand, and read the test accuracy where training ends.",
    "Here: a sparse perceptron on MNIST-1D, one round of pruning, Adam at a constant rate. The points asked for are ours. The "
    "source shows in pictures, as we recall them, that perturbations cost more at later steps; its abstract says that random "
    "weights with the signs kept do not do, and that weights depend on each other after a few hundred steps.",
)
SMALLER = "The source's networks and data sets are larger than these, so that nothing here contradicts it."
NEEDS = (on_average("unperturbed weights learn", plain.last, at_least=20.0),)
ORDER = "The same weights, unperturbed, and another order of the samples."


def later_costs(name: str, sentence: str) -> Claim:
    """The claim on one perturbation."""
    key = f"{name}_cost"
    return Claim(
        f"{name}-later", sentence, L63D, SOURCE, rise(name).at_least(1.0).contradicted(below=0.0), RUNS,
        Control(ORDER, arm("another order", metrics={key: "order_cost"})), NEEDS, chart="cost", form="direction", scope=SCOPE,
        outside=SMALLER, profiles=LARGER, null=(last(PLANTED[key][0] + 1.0, key),), effect=WORLD,
        limit=(last(PLANTED[key][0], key),), against=last(PLANTED[key][0] - 5.0, key))  # fmt: skip


CLAIMS = (
    later_costs("shuffled", "The first steps settle much of what follows: to shuffle the weights within their layers costs more "
                "the later it is done, at the last early step 1 point of test accuracy more than at the start."),
    later_costs("reinit", "To draw the weights anew costs more the later it is done, at the last early step 1 point of test "
                "accuracy more than at the start."),
    later_costs("signs", "To draw the signs of the weights anew costs more the later it is done, at the last early step 1 point "
                "of test accuracy more than at the start."),
    Claim("sizes", "Signs are not enough: with the signs kept and the sizes shuffled within their layers, the last early step "
          "ends with a lower test accuracy than unperturbed weights.", L63D, SOURCE,
          cost["magnitudes"].last.at_least(0.0).contradicted(below=0.0), RUNS,
          Control(ORDER, arm("another order", metrics={"magnitudes_cost": "order_cost"})), NEEDS, chart="cost", form="direction",
          scope=(*SCOPE, "The source draws new sizes; shuffled ones keep the sizes that a layer has, and so change less."),
          outside=SMALLER, profiles=LARGER, null=(last(0.0, "magnitudes_cost"),), effect=last(0.6, "magnitudes_cost"),
          limit=(last(0.0, "magnitudes_cost"),), against=last(-2.0, "magnitudes_cost")),
    Claim("rank", "Does the cost of shuffling rise with the step: is their rank correlation above 0 for more than half of the "
          "dense runs?", L63D, SOURCE, ranked.positive_share().at_least(0.5), RUNS,
          Control(ORDER, arm("another order", metrics={"shuffled_cost": "order_cost"})), NEEDS, chart="cost", kind="question",
          profiles=LARGER, null=(WORLD.but(shuffled_cost=[1.0] * 4),), effect=WORLD),
    Claim("signs-or-sizes", "Is it the signs: where they are kept, does shuffling the sizes cost at most half of shuffling both, "
          "at the last early step?", L63D, SOURCE, (half.last - cost["magnitudes"].last).at_least(0.0), RUNS,
          Control("Where the sizes are kept and the signs drawn anew, it does not.",
                  rule=(half.last - cost["signs"].last).at_least(0.0)), NEEDS, chart="cost", kind="question",
          profiles=LARGER, null=(last(2.45, "magnitudes_cost"),), effect=last(-0.2, "magnitudes_cost")),
    Claim("noise", "Does noise as large as the weights cost more at the last early step than at the start?", L63D,
          SOURCE, rise("noise").at_least(0.0), RUNS, Control(ORDER, arm("another order", metrics={"noise_cost": "order_cost"})),
          NEEDS, chart="cost", kind="question", profiles=LARGER, null=(last(0.2, "noise_cost"),),
          effect=last(2.6, "noise_cost")),
    Claim("more-steps", "Is it more than the k steps themselves: do the weights of the last early step end 1 point above a "
          "fresh start that trains as many steps more?", L63D, SOURCE, cost["longer"].last.at_least(1.0), RUNS,
          Control(ORDER, arm("another order", metrics={"longer_cost": "order_cost"})), NEEDS, chart="accuracy", kind="question",
          profiles=LARGER, null=(last(1.0, "longer_cost"),), effect=WORLD),
    Claim("fresh", "Are shuffled weights of the last early step still better than a fresh start?", L63D, SOURCE,
          (cost["reinit"].last - cost["shuffled"].last).at_least(0.0), RUNS, None, NEEDS, chart="accuracy", kind="question",
          profiles=LARGER, null=(last(5.5),), effect=last(3.0)),
    Claim("loss", "Does the test loss rise as well: above that of unperturbed weights, more at the last early step than at the "
          "start?", L63D, SOURCE, heavier.at_least(0.0), RUNS,
          Control(ORDER, arm("another order", metrics={"shuffled_loss": "order_loss"})), NEEDS, chart="loss", kind="question",
          profiles=LARGER, null=(last(2.0, "shuffled_loss"),), effect=last(2.08, "shuffled_loss")),
)  # fmt: skip

AXIS = {"early": "lin early step k"}
SHOWN = {name: TOLD[name] for name in ("shuffled", "reinit", "signs", "magnitudes", "noise")}
CHARTS = charts(
    AXIS,
    cost=("What perturbing the weights of an early step costs", "points of test accuracy below unperturbed weights",
          {f"{name}_cost": told for name, told in SHOWN.items()} | {"order_cost": "-another order of the samples"},
          "Every training takes as many steps from the weights of step k. Dashed: nothing is perturbed."),
    accuracy=("Test accuracy in the end", "test accuracy, %",
              {"none": "unperturbed", **SHOWN, "longer": f"-{TOLD['longer']}"},
              "Weights that are drawn anew are the same at every k. Dashed: they get the k steps too."),
    loss=("Test loss in the end", "test loss (nats)",
          {f"{name}_loss": told for name, told in ({"none": "unperturbed"} | SHOWN).items()}))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """One dense run, then seven sparse ones at every early step, and one for longer."""
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    shape, width = shape_of(str(cell["data"])), cell["width"]
    found = cost(
        cell, dense(shape.features, width, width, shape.classes), chains=7 * len(cell["early"]) + 2, probes=2
    )
    return Estimate(
        2.5 * found.seconds, found.bytes
    )  # members with minibatches and masks of their own, as measured


STUDY = study(
    name="early-phase", title="The early phase of training",
    question="Do the first steps of training settle what follows: does it cost more to perturb the weights the later it is done?",
    x="early", sources=(SOURCE,), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    hero=Hero("cost", fit=("shuffled_cost", "reinit_cost", "signs_cost")), estimate=estimate,
    work=later("overparam.studies.early_phase_work:run"), first_rows=True, stack_limit=4,
    values=("early", "dense", "kept", *TOLD, *(f"{name}_loss" for name in TOLD),
            *(f"{name}_cost" for name in COSTLY)),
    differences=(
        "Frankle, Schwab and Morcos find masks by pruning a fifth of the weights again and again; here one round, from the "
        "weights at the end of a dense run, the same share of every layer. Such a network ends far below a dense one.",
        "They train the rest of a fixed number of steps after the perturbation; here all train for as many steps whatever k is, "
        "so that a later perturbation does not leave less time. The state of Adam starts anew everywhere.",
        "Unperturbed weights of step k have had k steps more than a fresh start. That with k steps more shows how much "
        "of the cost is those steps alone.",
        "Weights that are drawn anew, biases too, are one draw a seed: the same at every step, so that their cost rises exactly "
        "as what unperturbed weights gain. The other perturbations leave biases alone.",
        "Perturbations act on the kept weights of one layer at a time. The source also shuffles within a filter and over the "
        "whole network, flips chosen signs, adds noise of several sizes, and pretrains on other labels: not done here.",
        "A perceptron on MNIST-1D, not residual networks on CIFAR-10."))  # fmt: skip
