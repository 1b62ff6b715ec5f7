"""Pruning before training: SNIP, GraSP and SynFlow, and the sanity arms of Frankle et al. (2021).

A cell is one seed: a mask by every method and density, the same masks shuffled inside their layers, with other initial
weights, and with the scores turned round, and a training of each.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DATA, N, RATE, SEED, STEPS, WIDTH, Axis, Claim, Control, Estimate, Hero, Number, Params,
    World, arm, charts, complete, grid, later, line, per_seed, planned, profiles, study)  # fmt: skip

METHODS = {"snip": "SNIP", "grasp": "GraSP", "synflow": "SynFlow"}
SOURCES = {"snip": "lee2019snip", "grasp": "wang2020", "synflow": "tanaka2020"}
OTHERS = {"magnitude": "initial magnitude", "random": "random", "after": "final magnitude, after training"}
SANE = {
    "shuffled": "shuffled inside layers",
    "reinit": "other initial weights",
    "inverted": "scores turned round",
}
ARMS = (*METHODS, *OTHERS, *(f"{name}_{end}" for name in METHODS for end in SANE))
DENSITIES = (0.2, 0.05, 0.01)

AXES = (
    DATA.but(help="Data set, or a path to one.", default="digits"), N.but(help="Training samples.", default=1200),
    WIDTH.but(help="Units of the first hidden layer; the second has a third as many.", default=300),
    Axis("densities", "Shares of the weights that are kept, all in one cell.", float, DENSITIES, low=1e-4, high=1,
         inside_cell=True),
    Axis("examples", "Training examples of each class from which scores are found.", int, 10, low=1),
    STEPS.but(help="Steps of Adam in every training.", default=400), BATCH.but(default=60),
    RATE.but(help="Learning rate of Adam, constant.", default=1.2e-3),
    SEED.but(help="Drives the initialisation, the order of the minibatches, the examples and random masks."))  # fmt: skip

PROFILES = profiles(
    {"data": "digits", "n": 1200, "width": 300, "densities": DENSITIES, "examples": 10, "steps": 400, "batch": 60,
     "learning_rate": 1.2e-3},
    quick=("digits, 64-300-100, three densities, 6 seeds: about a minute on two cores", {"seed": planned(6)}),
    laptop=("digits, 64-300-100, six densities, 16 seeds",
            {"densities": (0.5, 0.2, 0.1, 0.05, 0.02, 0.01), "seed": planned(16)}),
    mnist1d=("MNIST-1D, 40-300-100, three densities, 10 seeds, 1,500 steps",
             {"data": "mnist1d", "n": 4000, "steps": 1500, "batch": 100, "seed": planned(10)}),
    paper=("MNIST, the perceptron 784-300-100 of SNIP, 250 epochs in batches of 100, 20 seeds: days; not the "
           "convolutional networks on CIFAR of the others",
           {"data": "mnist", "n": 55_000, "densities": (0.5, 0.2, 0.1, 0.05, 0.02, 0.01), "steps": 137_500, "batch": 100,
            "seed": planned(20)}))  # fmt: skip

DECIDED, LARGER = ("quick", "laptop", "paper"), ("laptop", "paper")
PLACES = {density: grid("density").nearest(density) for density in DENSITIES}
SPARSE, SOME, DENSE = 0.01, 0.05, 0.2
lines = {name: line(name, f"test accuracy of {name.replace('_', ' ')}", "points", 100) for name in ARMS}
SNIP = (
    "Lee et al. prune perceptrons and convolutional networks on MNIST, and others on CIFAR-10.",
    "Here: the perceptron 300-100 on 1,200 digits. 10 points are ours; only the other side of zero contradicts.",
)
FAR = "The source prunes deep convolutional networks on CIFAR and larger images, no perceptrons on small ones."
FAIR = ("Wang et al., Tanaka et al. and Frankle et al. prune VGG and ResNet on CIFAR and larger images.",
        "Here: a perceptron on 1,200 digits; the points asked for are ours.")  # fmt: skip


def first_less_second(one: Any, other: Any) -> Any:
    """The difference, seed by seed."""
    return one - other


def gap(one: str, other: str, density: float) -> Number:
    """One arm less another at a density, in points of test accuracy."""
    place, words = PLACES[density], f"at density {density}, test accuracy of {told(one)} less {told(other)}"
    return per_seed(first_less_second, words, lines[one].at(place), lines[other].at(place), unit="points")


def told(name: str) -> str:
    """The words of an arm."""
    method, _, end = name.partition("_")
    return " ".join(filter(None, ({**METHODS, "after": "final magnitude"}.get(method, method), end)))


def extra(name: str, density: float) -> Number:
    """What shuffling a method's mask costs at a density, less what it costs at 0.2."""
    words = f"from density 0.2 to {density}, rise of the cost of shuffling {METHODS[name]}"
    dear, cheap = (gap(name, f"{name}_shuffled", where) for where in (density, 0.2))
    return per_seed(first_less_second, words, dear, cheap, unit="points")


# planted worlds, with half a point a network
PLANTED = World(
    ("density", DENSITIES), straight=ARMS, seeds=6, spread=dict.fromkeys(ARMS, 0.005),
    lines={name: [0.97, 0.96, 0.85] for name in (*METHODS, "magnitude", "after")} | {"random": [0.965, 0.93, 0.35]}
    | {f"{name}_{end}": [0.97, 0.96, 0.85] for name in METHODS for end in SANE}
    | {f"{name}_inverted": [0.95, 0.80, 0.12] for name in METHODS}
    | {f"{name}_shuffled": [0.97, 0.96, 0.50] for name in METHODS})  # fmt: skip
FLOW = PLANTED.but(lines={"grasp_gradient": [1.4, 1.4, 1.2], "snip_gradient": [1.0, 0.9, 0.6],
                          "random_gradient": [1.0, 0.9, 0.6]},
                   spread=dict.fromkeys(("snip_gradient", "grasp_gradient", "random_gradient"), 0.05))  # fmt: skip
WIDE = PLANTED.but(seeds=16)  # for what only the planned seeds of the larger profiles can see
READ = (complete(0.2),)
L63B = ("L63B",)


def claims_on(name: str) -> tuple[Claim, ...]:
    """The statements on one method."""
    title = METHODS[name]
    inside = name == "snip"
    better = gap(name, "random", SPARSE).at_least(10.0)
    shuffled, reinit, inverted = (f"{name}_{end}" for end in SANE)
    shuffling = gap(name, shuffled, DENSE).at_most(3.0) & gap(name, shuffled, SOME).at_most(3.0)
    restart = gap(name, reinit, DENSE).at_most(3.0) & gap(name, reinit, SOME).at_most(3.0)
    sparse = Control("At density 0.01 the shuffled mask, which breaks paths, does cost by the same rule.",
                     rule=gap(name, shuffled, SPARSE).at_most(3.0))  # fmt: skip
    dear = {f"{name}_shuffled": [0.97, 0.93, 0.50]}
    return (
        Claim(f"{name}-random", f"{title} finds masks before training that are better than random ones of the same density in "
              "every layer, where few weights are kept: here by 10 points at 1 %.", L63B, SOURCES[name],
              better.contradicted(below=0.0) if inside else better, arm(),
              Control("With the scores turned round it is not better.",
                      rule=gap(inverted, "random", SPARSE).at_least(10.0)),
              READ, chart="methods", form="direction", scope=SNIP if inside else FAIR, outside="" if inside else FAR,
              profiles=DECIDED, null=(PLANTED.but(random=[0.965, 0.93, 0.75]),), effect=PLANTED,
              limit=(PLANTED.but(random=[0.965, 0.93, 0.85]),) if inside else (),
              against=PLANTED.but(random=[0.965, 0.93, 0.9]) if inside else None),
        Claim(f"{name}-shuffle", f"To shuffle a mask of {title} inside its layers costs little: at most 3 points at densities "
              "0.2 and 0.05.", L63B, "frankle2021", shuffling, arm(), sparse, READ, chart=f"{name}-sanity", form="bound",
              scope=FAIR, outside=FAR, profiles=LARGER, null=(WIDE.but(**dear),), effect=WIDE),
        Claim(f"{name}-restart", f"Other initial weights under a mask of {title} cost little: at most 3 points at densities 0.2 "
              "and 0.05.", L63B, "frankle2021", restart, arm(), sparse, READ, chart=f"{name}-sanity", form="bound",
              scope=FAIR, outside=FAR, profiles=LARGER, null=(WIDE.but(**{f"{name}_reinit": [0.97, 0.93, 0.85]}),),
              effect=WIDE),
        Claim(f"{name}-sparser", f"Does shuffling a mask of {title} cost more at density 0.01 than at 0.2, by 10 points or more?",
              L63B, "frankle2021", extra(name, SPARSE).at_least(10.0), arm(),
              Control("At density 0.05 in place of 0.01.", rule=extra(name, SOME).at_least(10.0)), READ,
              chart=f"{name}-sanity", kind="question", profiles=DECIDED,
              null=(PLANTED.but(**{f"{name}_shuffled": [0.97, 0.96, 0.75]}),), effect=PLANTED),
        Claim(f"{name}-turned", f"Does it cost 10 points or more at density 0.05 to turn the scores of {title} round?", L63B,
              "frankle2021", gap(name, inverted, SOME).at_least(10.0), arm(), Control("Other initial weights instead.",
              rule=gap(name, reinit, SOME).at_least(10.0)), READ, chart=f"{name}-sanity", kind="question", profiles=DECIDED,
              null=(PLANTED.but(**{f"{name}_inverted": [0.95, 0.86, 0.12]}),), effect=PLANTED))  # fmt: skip


def below_after() -> tuple[Claim, ...]:
    """What no method on its own is compared with."""
    first, second, third = (gap("after", name, SOME).at_least(0.0) for name in METHODS)
    flow = {
        name: line(f"{name}_gradient", f"norm of the gradient under {name}")
        for name in ("snip", "grasp", "random")
    }
    worse = [0.97, 0.95, 0.85]
    return (
        Claim("after", "Masks that are found before training stay below those of final magnitude, after it.", L63B, "frankle2021",
              first & second & third, arm("density 0.05"), Control("Random masks in place of those after training.",
              rule=gap("random", "snip", SOME).at_least(0.0) & gap("random", "synflow", SOME).at_least(0.0)), READ,
              chart="methods", form="direction", scope=FAIR, outside=FAR, profiles=LARGER, null=(WIDE,),
              effect=WIDE.but(snip=worse, grasp=worse, synflow=worse)),
        Claim("grasp-snip", "Where few weights are kept, GraSP is better than SNIP.", L63B, "wang2020",
              gap("grasp", "snip", SPARSE).at_least(0.0), arm("density 0.01"), Control("GraSP with its scores turned "
              "round.", rule=gap("grasp_inverted", "snip", SPARSE).at_least(0.0)), READ, chart="methods",
              form="direction", scope=FAIR, outside=FAR, profiles=DECIDED, null=(PLANTED,),
              effect=PLANTED.but(grasp=[0.97, 0.96, 0.87])),
        Claim("flow", "GraSP keeps more of the gradient's norm than SNIP.", L63B, "wang2020",
              (flow["grasp"].at(PLACES[SOME]) / flow["snip"].at(PLACES[SOME])).at_least(1.0), arm("density 0.05"),
              Control("Random masks in place of GraSP.",
                      rule=(flow["random"].at(PLACES[SOME]) / flow["snip"].at(PLACES[SOME])).at_least(1.0)),
              READ, chart="flow", form="direction", scope=FAIR, outside=FAR, profiles=DECIDED,
              null=(FLOW.but(grasp_gradient=[1.0, 0.9, 0.6]),), effect=FLOW))  # fmt: skip


CLAIMS = (*(claim for name in METHODS for claim in claims_on(name)), *below_after())

CHARTS = charts(
    {"density": "density: share of the weights that is kept"},
    methods=("Test accuracy against density, by method", "test accuracy", {**METHODS, **OTHERS},
             "All train from the start; the mask of final magnitude is found after training, the others before."),
    **{f"{name}_sanity": (f"{title} and its sanity arms", "test accuracy",
                          {name: title, **{f"{name}_{end}": words for end, words in SANE.items()}, "random": "-random"})
       for name, title in METHODS.items()},
    flow=("What is left of the gradient's norm", "log norm over that of the dense network",
          {f"{name}_gradient": words for name, words in {**METHODS, "random": "random"}.items()},
          "At initialisation, on the examples that scores are found from."),
    collapsed=("Layers that are pruned to nothing", "layers",
               {f"{name}_collapsed": words for name, words in {**METHODS, "magnitude": "initial magnitude",
                                                              "random": "random"}.items()}))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Trainings of every arm at every density, one after another on a processor, and the scores.

    The trainings take twice what they take side by side, measured on two cores.
    """
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    shape = shape_of(str(cell["data"]))
    size = dense(shape.features, cell["width"], max(1, round(cell["width"] / 3)), shape.classes)
    found = cost(cell, size, trained=1 + len(ARMS) * len(set(cell["densities"])), probes=4)
    scores = 1e-7 * size.parameters * len(set(cell["densities"])) * 100  # SynFlow has a hundred rounds
    return Estimate(2.0 * found.seconds + scores, found.bytes)


STUDY = study(
    name="pruning-at-init", title="Pruning before training",
    question="Can good masks be found before training, and is it the weights or the layers' densities that they get right?",
    x="density", sources=("lee2019snip", "wang2020", "tanaka2020", "frankle2021"), axes=AXES, profiles=PROFILES, claims=CLAIMS,
    charts=CHARTS, hero=Hero("methods", fit=(*METHODS, "random")),
    work_history=("Other initial weights are drawn in one room of pruning; results are the same.",),
    values=("dense", "density", *ARMS, *(f"{name}_gradient" for name in (*METHODS, "random")),
            *(f"{name}_collapsed" for name in (*METHODS, "magnitude", "random"))),
    work=later("overparam.studies.pruning_at_init_work:run"), estimate=estimate,
    differences=(
        "A perceptron on small images, trained with Adam; the sources train VGG and ResNet on CIFAR, CIFAR-100 and Tiny ImageNet "
        "with SGD. Only SNIP is tried on a perceptron by its source.",
        "Layers compete in every method, as in the sources; random masks keep the same share of every layer.",
        "Turned round, the scores of SynFlow at the start decide in one step, not in a hundred; all others need one step anyway.",
        "GraSP's network is scored with the weights that it trains from; its published code draws the dense layers anew for "
        "scoring.",
        "The cost of shuffling is a trend over density here: very sparse shuffled masks leave no path from input to output.",
        "A layer that is pruned to nothing leaves the network at chance: that is a result, and the picture shows where.",
        "The training and test samples are one fixed draw: an interval does not cover the draw of the data."))  # fmt: skip
