"""Which weights a mask keeps, and what it does with them: the deconstruction of lottery tickets by Zhou et al. (2019).

A cell is one dense training and all that follows from it: rounds of pruning by each criterion, one mask trained with every
action on kept and on pruned weights, and masks on initial weights that are not trained at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from overparam.core import (BATCH, DATA, N, RATE, SEED, STEPS, WIDTH, Axis, Claim, Control, Estimate, Hero, Line, Number, Params,
    Rule, World, arm, charts, complete, grid, later, line, per_seed, planned, profiles, scalar, study)  # fmt: skip

ASKED = ("large_final", "magnitude_increase", "random", "small_final")  # what is judged
MORE = ("movement", "large_final_same_sign", "large_final_diff_sign", "large_init", "large_init_large_final", "small_init",
        "small_init_small_final", "magnitude_increase_same_sign", "magnitude_increase_diff_sign")  # fmt: skip
ACTIONS = {
    "rewind": "initial values",
    "reinit": "the layer's values, permuted",
    "reshuffle": "kept values, permuted",
    "signed_reinit": "permuted, signs kept",
    "signed_constant": "constant, signs kept",
    "freeze": "pruned frozen",
    "variant": "frozen if they grew",
    "as_many": "as many zeros, random places",
    "reverse": "frozen if they shrank",
    "matched": "scaled by density^-1/2",
    "half": "scaled by 1/2",
    "random_signs": "random signs",
    "final_signs": "signs of the final weights",
}
DENSITIES = (0.4, 0.15, 0.06, 0.025)

AXES = (
    DATA.but(help="Data set, or a path to one.", default="digits"), N.but(help="Training samples.", default=1200),
    WIDTH.but(help="Units of the first hidden layer; the second has a third as many.", default=300),
    Axis("criteria", "Criteria, all in one cell.", str, (*ASKED, *MORE), choices=(*ASKED, *MORE), inside_cell=True),
    Axis("densities", "Shares of the weights that are kept, one a round, all in one cell. The output layer keeps the power "
         "0.472 of it.", float, DENSITIES, low=1e-4, high=1, inside_cell=True),
    Axis("action_density", "Share of the weights that is kept where actions are compared.", float, 0.05, low=1e-4, high=1),
    STEPS.but(help="Steps of Adam in every training.", default=500), BATCH.but(default=60),
    RATE.but(help="Learning rate of Adam, constant.", default=1.2e-3),
    SEED.but(help="Drives the initialisation, the order of the minibatches and what masks and actions draw."))  # fmt: skip

SMALL = {"data": "digits", "n": 1200, "width": 300, "densities": DENSITIES, "action_density": 0.05, "steps": 500, "batch": 60,
         "learning_rate": 1.2e-3}  # fmt: skip
PROFILES = profiles(
    SMALL,
    quick=("digits, 64-300-100, four criteria, all actions, 10 seeds: under a minute on two cores",
           {"criteria": ASKED, "seed": planned(10)}),
    laptop=("digits, 64-300-100, thirteen criteria, 20 seeds", {"criteria": (*ASKED, *MORE), "seed": planned(20)}),
    mnist=("10,000 images of MNIST, 784-300-100, four criteria, 5 seeds: some ten minutes on two cores",
           {"data": "mnist", "n": 10_000, "steps": 1000, "criteria": ASKED, "seed": planned(5)}),
    paper=("The source's perceptron on MNIST: 50,380 steps, 24 rounds that keep 0.8 (output layer 0.9), thirteen criteria, 5 "
           "seeds: over a day of one core",
           {"data": "mnist", "n": 55_000, "steps": 50_380, "densities": tuple(round(0.8**k, 6) for k in range(1, 25)),
            "action_density": round(0.8**13, 6), "criteria": (*ASKED, *MORE), "seed": planned(5)}))  # fmt: skip

# what is measured: test accuracy, lines over the density, and one number an action
LAST = (0.06, 0.025)  # where criteria part; at 0.4 all networks are near the dense one
SCOPE = (
    "Zhou et al. train a perceptron of 300 and 100 units on MNIST, and convolutional networks on CIFAR-10, in 24 rounds that "
    "keep 80 % of the weights.",
    "Here: the same perceptron on 1,200 digits of 8 x 8 pixels, or on 10,000 of MNIST, in four rounds. Cut-offs are ours, and "
    "only the other side of zero contradicts.",
)
NEAR = (SCOPE[0], "Here: the perceptron on smaller data, in four rounds; as good as means within 1 point, or half a point "
        "where the pilots allow it, which is ours and contradicts no one.")  # fmt: skip
FULL = ("quick", "laptop", "mnist")


def points(name: str) -> Line:
    """Test accuracy of a criterion, in points over the density."""
    return line(name, f"test accuracy of {name}", "points", 100)


def in_points(share: Any) -> Any:
    """Shares in points."""
    return 100.0 * share


def number(name: str) -> Number:
    """Test accuracy of an action, in points."""
    return per_seed(in_points, f"test accuracy with {name}", scalar(name), unit="points")


def apart(one: Line, other: Line, density: float) -> Number:
    """One less the other at a density."""
    place, name = grid("density").nearest(density), other.words.removeprefix("test accuracy of ")
    words = f"at density {density}, {one.words} less {name}"
    return per_seed(first_less_second, words, one.at(place), other.at(place), unit="points")


def first_less_second(one: Any, other: Any) -> Any:
    """The difference, seed by seed."""
    return one - other


def over(better: Line, worse: Line, least: float) -> Rule:
    """One is better than the other by so many points at both small densities; the other way round contradicts."""
    first, second = (apart(better, worse, d).at_least(least).contradicted(below=0.0) for d in LAST)
    return first & second


large, grown, chance, small = (points(name) for name in ASKED)
rewind, reinit, reshuffle, signed, constant = (number(name) for name in list(ACTIONS)[:5])
variant, as_many, reverse, zero = number("variant"), number("as_many"), number("reverse"), rewind
best, by_chance = number("untrained_best"), number("untrained_random_best")


def equal(other: Line) -> Rule:
    """Within a point of large_final at three densities."""
    one, two, three = (apart(other, large, d).within(-1.0, 1.0) for d in (0.4, *LAST))
    return one & two & three


# planted worlds; the spreads give the differences those of the pilot seeds, where networks of one seed go together
PLANTED = World(
    ("density", DENSITIES), straight=(*ASKED, *ACTIONS, "untrained_best", "untrained_random_best"), seeds=10,
    lines={"large_final": [0.965, 0.965, 0.955, 0.90], "magnitude_increase": [0.965, 0.962, 0.953, 0.90],
           "random": [0.96, 0.95, 0.925, 0.75], "small_final": [0.955, 0.93, 0.86, 0.35]},
    numbers=dict.fromkeys(ACTIONS, 0.95) | {"reinit": 0.932, "reshuffle": 0.935, "variant": 0.966, "as_many": 0.955,
             "reverse": 0.895, "untrained_best": 0.93, "untrained_random_best": 0.15},
    spread=dict.fromkeys((*ASKED, *ACTIONS), 0.003) | {"random": 0.01, "small_final": 0.02, "untrained_best": 0.02,
            "untrained_random_best": 0.03, "rewind": 0.0015, "signed_constant": 0.0015, "final_signs": 0.0015, "half": 0.0015,
            "reinit": 0.008, "reshuffle": 0.008, "random_signs": 0.008, "matched": 0.007, "variant": 0.007, "as_many": 0.003,
            "reverse": 0.012})  # fmt: skip


def lower(points_: float, name: str = "large_final") -> list[float]:
    """A planted line so many points below another."""
    return [value - points_ / 100 for value in PLANTED.lines[name]]


READ = (complete(0.2, "large_final"),)
L60 = ("L60",)
CLAIMS = (
    Claim("large", "Keeping the weights that are largest at the end is better than keeping random ones.", L60, "zhou2019",
          over(large, chance, 1.0), arm(), Control("Against keeping those that grew most, which also looks at the training, it "
          "is not better by as much.", rule=over(large, grown, 1.0)), READ, chart="criteria", form="direction", scope=SCOPE,
          profiles=FULL, null=(PLANTED.but(random=lower(1.0)),), effect=PLANTED,
          limit=(PLANTED.but(random=lower(0.0)),), against=PLANTED.but(random=lower(-2.0))),
    Claim("small", "Keeping the weights that are smallest at the end is worse than keeping random ones.", L60, "zhou2019",
          over(chance, small, 1.0), arm(), Control("Keeping those that grew most in place of the smallest: not worse than random "
          "ones.", rule=over(chance, grown, 1.0)), READ, chart="criteria", form="direction", scope=SCOPE,
          profiles=FULL, null=(PLANTED.but(small_final=lower(1.0, "random")),), effect=PLANTED,
          limit=(PLANTED.but(small_final=lower(0.0, "random")),), against=PLANTED.but(small_final=lower(-2.0, "random"))),
    Claim("growth", "Masks by growth of magnitude do as well as masks by final magnitude.", L60, "zhou2019", equal(grown), arm(),
          Control("Random masks in place of those by growth.", rule=equal(chance)), READ, chart="criteria", form="equal",
          scope=NEAR, profiles=("quick", "laptop"), null=(PLANTED.but(magnitude_increase=lower(1.0)),
          PLANTED.but(magnitude_increase=lower(-1.0))), effect=PLANTED),
    Claim("lost-signs", "Kept weights that start at permuted initial values, so that their signs are lost, learn worse than at "
          "their own.", L60, "zhou2019", (rewind - reinit).at_least(0.4).contradicted(below=0.0)
          & (rewind - reshuffle).at_least(0.4).contradicted(below=0.0), arm(), Control("With one constant a layer, but the own "
          "sign, in place of permuted values.", rule=(rewind - constant).at_least(0.4)), READ, chart="actions",
          form="direction", scope=SCOPE, profiles=("quick", "laptop"),
          null=(PLANTED.but(reinit=0.946), PLANTED.but(reshuffle=0.946)), effect=PLANTED,
          limit=(PLANTED.but(reinit=0.95),), against=PLANTED.but(reinit=0.965)),
    Claim("own-signs", "With their own signs alone, and one constant a layer as their size, kept weights do as well as with "
          "their initial values.", L60, "zhou2019", (constant - rewind).within(-0.5, 0.5), arm(), Control("With permuted initial "
          "values and no sign kept.", rule=(reinit - rewind).within(-0.5, 0.5)), READ, chart="actions", form="equal",
          scope=NEAR, profiles=("quick", "laptop"), null=(PLANTED.but(signed_constant=0.945),
          PLANTED.but(signed_constant=0.955)), effect=PLANTED),
    Claim("towards-zero", "Pruned weights do best at 0 where they moved towards 0, and frozen at their start where they moved "
          "away: better than all at 0.", L60, "zhou2019", (variant - zero).at_least(0.25).contradicted(below=0.0), arm(),
          Control("The other way round: 0 where they moved away.", rule=(reverse - zero).at_least(0.25)), READ,
          chart="actions", form="direction", scope=SCOPE, profiles=("quick", "laptop"),
          null=(PLANTED.but(variant=0.9525),), effect=PLANTED, limit=(PLANTED.but(variant=0.95),),
          against=PLANTED.but(variant=0.94)),
    Claim("which-zero", "Which pruned weights are 0 matters: those that moved towards 0 are a better choice than as many at "
          "random places.", L60, "zhou2019", (variant - as_many).at_least(0.0).contradicted(below=0.0), arm(),
          Control("The other way round: 0 where they moved away.", rule=(reverse - as_many).at_least(0.0)), READ,
          chart="actions", form="direction", scope=SCOPE, profiles=("quick", "laptop"),
          null=(PLANTED.but(variant=0.955),), effect=PLANTED, limit=(PLANTED.but(variant=0.955),),
          against=PLANTED.but(variant=0.944)),
    Claim("untrained", "There are masks under which the initial weights, not trained at all, are far better than chance: here 20 "
          "points above it, at the density that does best on training examples.", L60, "zhou2019",
          best.at_least(30.0), arm("final magnitude where the sign stayed"),
          Control("Random masks, their density chosen the same way.", rule=by_chance.at_least(30.0)), READ,
          chart="untrained", form="exists",
          scope=(*SCOPE[:1], "Here the mask is found in one pruning of the dense run. Chance is 10 %."),
          profiles=("quick", "laptop", "mnist", "paper"),
          null=(PLANTED.but(untrained_best=0.30),), effect=PLANTED),
    Claim("signs", "Are the signs that kept weights have after training a better start than those before?", L60, "zhou2019",
          (number("final_signs") - rewind).at_least(0.25), arm(), Control("Random signs.",
          rule=(number("random_signs") - rewind).at_least(0.25)), READ, chart="actions", kind="question",
          profiles=("quick", "laptop"), null=(PLANTED.but(final_signs=0.9525),), effect=PLANTED.but(final_signs=0.96)),
    Claim("scale", "Is it better by a point or more to scale the kept initial weights up, so that a unit's input varies "
          "as without a mask?", L60,
          "zhou2019", (number("matched") - rewind).at_least(1.0), arm(), Control("Half the initial weights.",
          rule=(number("half") - rewind).at_least(1.0)), READ, chart="actions", kind="question",
          profiles=("quick", "laptop"), null=(PLANTED.but(matched=0.96),), effect=PLANTED.but(matched=0.97)))  # fmt: skip

CHARTS = charts(
    {"density": "density: share of the weights that is kept"},
    criteria=("Test accuracy against density, by criterion", "test accuracy", {name: name for name in (*ASKED, *MORE)},
              "Rounds of pruning; kept weights go back to their initial values before each."),
    untrained=("Masks on weights that are not trained", "test accuracy",
               {"untrained": "final magnitude where the sign stayed", "untrained_constant": "the same, one constant a layer",
                "untrained_large_final": "final magnitude", "untrained_random": "random"},
               "No step is taken from the initial weights.", {"x": {"untrained_density": "density"}}),
    actions=("One mask, many starts", "test accuracy", {"action_accuracy": "test accuracy"},
             "The mask is by final magnitude in one pruning. Pruned weights are 0 unless they are frozen at their start.",
             {"x": {"action": "lin start of the training"}}))  # fmt: skip
CHARTS = (
    *CHARTS[:2],
    replace(CHARTS[2], x=(replace(CHARTS[2].x[0], names=tuple(ACTIONS.values())),)),
)


def estimate(cell: Params) -> Estimate:
    """Trainings of every criterion and action, measured at their ends alone, and one after another on a processor.

    That and the masks take twice what trainings side by side take, measured on two cores.
    """
    from overparam.data import shape_of
    from overparam.sweep.work import cost, dense

    shape = shape_of(str(cell["data"]))
    size = dense(shape.features, cell["width"], max(1, round(cell["width"] / 3)), shape.classes)
    trainings = 1 + len(set(cell["criteria"])) * len(set(cell["densities"])) + len(ACTIONS)
    found = cost(cell, size, trained=trainings, probes=4)
    return Estimate(2.0 * found.seconds, found.bytes)


STUDY = study(
    name="mask-criteria", title="Which weights a mask keeps",
    question="What makes a sparse mask good: which weights it keeps, what they start with, or what becomes of the others?",
    x="density", sources=("zhou2019",), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    hero=Hero("criteria", fit=ASKED),
    values=("dense", "density", *ASKED, *MORE, *ACTIONS, "action", "action_accuracy", "untrained_density",
            *(name + end for name in ("untrained", "untrained_constant", "untrained_large_final", "untrained_random")
              for end in ("", "_best", "_chosen"))),
    work=later("overparam.studies.mask_criteria_work:run"), estimate=estimate,
    differences=(
        "Four rounds, to densities 0.4, 0.15, 0.06 and 0.025, in place of 24 that keep 0.8 each; the profile paper has those.",
        "At density 0.15 growth and final magnitude are compared in the chart alone: the pilots ask for some 135 seeds there.",
        "Small networks on small data. On MNIST-1D the pilots saw the same order of criteria with four times the spread, and no "
        "effect of the actions at all: actions are judged on digits.",
        "reinit permutes all initial values of the layer, as the source's code does; it draws none anew.",
        "Zhou et al. find the best mask for untrained weights over all criteria and rounds on the test set; here the criterion "
        "is theirs, and the density is chosen on 1,000 training examples.",
        "Whether initialisations can be improved is asked by no one in the source: signs of the final weights, and other scales, "
        "are arms of ours.",
        "The training and test samples are one fixed draw: an interval does not cover the draw of the data."))  # fmt: skip
