"""Several values of an axis in one sweep: what is accepted, what is refused with which words, and how it is judged."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.api.width_sweep import width_sweep_study
from overparam.core import Evidence
from overparam.core.errors import UsageError
from overparam.core.testing import check_claim
from overparam.models import mlp
from overparam.sweep.curves import draw
from overparam.sweep.diagnose import diagnoses
from overparam.sweep.judge import judge
from overparam.sweep.select import select
from overparam.training import Recipe

RECIPE = Recipe(steps=20, learning_rate=0.1, momentum=0.9, batch=20)
SGD, ADAM = Recipe(20, 0.1, batch=20), Recipe(40, 0.01, optimizer="adam", batch=10)


def deep(width, depth=2, activation="relu"):
    return mlp(6, (width,) * depth, 3, activation=activation)


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    from overparam.data import from_arrays, save

    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = rng.standard_normal((3, 6))[y] * 2 + rng.standard_normal((60, 6))
    return str(save(from_arrays(x, y, name="blobs"), tmp_path_factory.mktemp("d") / "blobs.npz"))


def make(data, family=deep, **more):
    return width_sweep_study(
        family, **{"data": data, "widths": (2, 4, 8), "seeds": 2, "recipe": RECIPE, **more}
    )


@pytest.mark.parametrize(
    ("arms", "values"),
    [
        ({"learning_rate": (0.01, 0.1)}, {"learning_rate": (0.01, 0.1)}),
        ({"learning_rate": np.array([0.01, 0.1])}, {"learning_rate": (0.01, 0.1)}),
        ({"batch": (None, 20)}, {"batch": (0, 20)}),
        ({"steps": [10, 20], "momentum": (0, 0.9)}, {"steps": (10, 20), "momentum": (0.0, 0.9)}),
        ({"n": (20, 40)}, {"n": (20, 40)}),
        ({"noise": (0, 0.1, 0.2)}, {"noise": (0.0, 0.1, 0.2)}),
        ({"weight_decay": (0, 1e-3)}, {"weight_decay": (0.0, 0.001)}),
        ({"noise_kind": ("inclusive", "exclusive")}, {"noise_kind": ("inclusive", "exclusive")}),
        ({"depth": (2, 1)}, {"depth": (2, 1)}),
        ({"activation": ("tanh", "relu")}, {"activation": ("tanh", "relu")}),
        ({"recipe": {"sgd": SGD, "adam": ADAM}}, {"recipe": ("sgd", "adam")}),
    ],
)
def test_arms_are_axes_with_several_values(blobs, arms, values):
    more = {"recipe": None} if "recipe" in arms else {}
    study = make(blobs, arms=arms, **more)
    axes = select(study, "quick").axes
    assert {name: axes[name] for name in values} == values
    assert len(select(study, "quick").cells()) == 3 * 2 * np.prod([len(v) for v in values.values()]) * (
        1 if "noise" in arms else 2
    )


def test_recipes_as_arms_take_the_place_of_their_numbers(blobs):
    study = make(blobs, recipe=None, arms={"recipe": {"sgd": SGD, "adam": ADAM}})
    cells = {cell["recipe"]: cell for cell in select(study, "quick").cells()}
    assert not {"steps", "batch", "learning_rate", "momentum"} & set(cells["sgd"])
    sweep = study.extra_identity.__self__
    assert (sweep.recipe(cells["sgd"]), sweep.recipe(cells["adam"])) == (SGD, ADAM)
    assert study.extra_identity(cells["sgd"])["recipe"]["steps"] == 20
    assert study.estimate(cells["adam"]).seconds > 0


@pytest.mark.parametrize(
    ("arms", "text"),
    [
        ({"learning_rat": (0.01, 0.1)}, "unknown axis of arms 'learning_rat'. Did you mean 'learning_rate'?"),
        ({"dept": (1, 2)}, "Did you mean 'depth'"),
        ({}, "expected at least one axis"),
        ([("steps", (1, 2))], "expected axes with their values, .* got list"),
        ("steps", "expected axes with their values, .* got str"),
        ({"steps": ()}, "expected at least 2 values for 'steps', got none"),
        ({"steps": (10,)}, "expected at least 2 values for 'steps', got 10 alone"),
        ({"steps": 10}, "expected several values for 'steps', .* got 10"),
        ({"steps": "10,20"}, "expected several values for 'steps', .* got '10,20'"),
        ({"steps": (10, 10.0)}, "expected each value of 'steps' once, got 10 twice"),
        ({"learning_rate": (0.1, np.float64(0.1))}, "each value of 'learning_rate' once"),
        ({"batch": (None, 0)}, "each value of 'batch' once"),
        ({"steps": (10, 2.5)}, "expected a whole number of at least 1, got 2.5"),
        ({"steps": (10, True)}, "expected a whole number of at least 1 for 'steps', got True"),
        ({"steps": (10, "20")}, "expected a whole number of at least 1 for 'steps', got '20'"),
        ({"learning_rate": (0.1, float("nan"))}, "expected a number of at least 1e-12, got nan"),
        ({"learning_rate": (0.1, -1)}, "expected a number of at least 1e-12, got -1"),
        ({"momentum": (0, 1.5)}, "expected a number from 0 to 0.9999, got 1.5"),
        ({"noise": (0, 2)}, "expected a number from 0 to 1, got 2"),
        ({"noise_kind": ("inclusive", "wrong")}, "expected one of inclusive, exclusive, got 'wrong'"),
        ({"width": (2, 4)}, "'width' has an argument of its own: give widths="),
        ({"seed": (0, 1)}, "give seeds="),
        ({"data": ("digits", "mnist1d")}, "give data="),
        ({"family": ("a", "b")}, "give the first argument"),
        ({"probes": ("norms", "fit")}, "give probes="),
        ({"depth": (1, 2.5)}, "expected a whole number, got 2.5"),
        ({"depth": (0, 2)}, "family 'deep'"),
        ({"recipe": (SGD, ADAM)}, "expected recipes by name"),
        ({"recipe": {"sgd": SGD}}, "expected at least 2 values for 'recipe', got 'sgd' alone"),
        ({"recipe": {"sgd": SGD, "adam": "adam"}}, "expected a Recipe as 'adam', got str"),
        ({"recipe": {"a,b": SGD, "adam": ADAM}}, "expected a name without commas"),
        ({"recipe": {1: SGD, "adam": ADAM}}, "expected a name without commas"),
        (
            {"recipe": {"a": SGD, "b": Recipe(20, 0.1, batch=20)}},
            "expected recipes that differ, got the same as 'a' and 'b'",
        ),
        (
            {"recipe": {"sgd": SGD, "adam": ADAM}, "steps": (1, 2)},
            "got 'steps' beside them: every recipe has its own",
        ),
    ],
)
def test_bad_arms_are_refused(blobs, arms, text):
    with pytest.raises(UsageError, match=text):
        make(blobs, arms=arms, recipe=None)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"arms": {"recipe": {"sgd": SGD, "adam": ADAM}}}, "recipe: expected it in the recipes of the arms alone"),
        ({"arms": {"recipe": {"sgd": SGD, "adam": ADAM}}, "recipe": None, "loss": "squared"}, "loss: expected it in the rec"),
        ({"arms": {"noise": (0, 0.1)}, "noise": (0.0, 0.3)}, "expected 'noise' once"),
        ({"arms": {"n": (20, 40)}, "n": 30}, "expected 'n' once"),
        ({"arms": {"momentum": (0, 0.9)}, "recipe": ADAM}, "momentum 0.9 does not go with the recipe: optimizer 'adam'"),
        ({"arms": {"batch": (10, 20)}, "recipe": Recipe(20, 0.1, optimizer="gd")}, "batch 10 does not go with the recipe"),
        ({"arms": {"steps": (5, 20)}, "recipe": Recipe(20, 0.1, probe_at=(10,))}, "steps 5 does not go with the recipe"),
        ({"arms": {"recipe": {"a": SGD, "b": Recipe(20, 0.1, loss="squared")}}, "recipe": None},
         "expected recipes of one loss, .* got 'cross_entropy' in 'a' and 'squared' in 'b'"),
        ({"noise": 0.2}, "noise: expected a list of shares"),
        ({"seeds": True}, "seeds: expected their number or a list of seeds, got True"),
        ({"seeds": 2.5}, "seeds: expected their number"),
        ({"recipe": "adam"}, r"recipe: expected Recipe\(steps, learning_rate, ...\), got str"),
    ],
)  # fmt: skip
def test_arms_and_the_other_arguments_go_together(blobs, more, text):
    with pytest.raises(UsageError, match=text):
        make(blobs, **more)


def test_arguments_whose_names_are_taken_are_no_axes(blobs):
    def family(width, steps=3, out="x", flag=True, nothing=None, *, depth=1):
        return mlp(6, (width,) * depth, 3)

    study = make(blobs, family)
    own = [axis.name for axis in study.axes if axis.help.startswith("Argument of the family")]
    assert own == ["depth"]
    assert study.axis("steps").help == "Training steps."


def rows(rate, least, seeds=4):
    """Cells of a published-looking sweep: with enough of them every need is met; ``least`` is where the error ends."""
    found = []
    fit, error = (0.5, 0.4, 0.15, 0.05, 0.0, 0.0), (0.5, 0.45, 0.47, 0.52, 0.50, least)
    for noise in (0.0, 0.2):
        for seed in range(seeds):
            for i, width in enumerate((2, 4, 8, 16, 32, 128)):
                jitter = 0.002 * ((7 * seed + 3 * i + seed * i) % 5 - 2)
                params = {
                    "data": "d",
                    "n": 0,
                    "width": width,
                    "noise": noise,
                    "learning_rate": rate,
                    "seed": seed,
                }
                top = error[i] if noise else 0.5 - 0.05 * i
                found.append((params, {
                    "train_error": fit[i], "test_error": top + jitter, "best_test_error": top + jitter,
                    "test_loss": 1 + jitter + i / 10, "best_test_loss": 1 + jitter, "parameters": 10 * width,
                    "wrong_labels": 0.9 * noise, "labels_digest": f"{seed}-{noise}", "train_loss": fit[i],
                    "outputs": 3, "n": 60,
                }))  # fmt: skip
    return found


def test_each_arm_is_judged_apart_and_drawn_as_a_line_of_its_own(blobs):
    study = make(blobs, arms={"learning_rate": (0.01, 0.1)})
    evidence = Evidence((*rows(0.01, 0.40), *rows(0.1, 0.52)))
    verdicts = {v.claim.split(".")[1]: v for v in judge(study, evidence, profile="quick", data="d")}
    labels = [part["label"] for part in verdicts["error-peak"].parts]
    assert {label.partition(":")[0] for label in labels} == {"learning rate 0.01", "learning rate 0.1"}
    assert verdicts["error-peak"].status == "inconclusive"
    alone = {
        v.claim.split(".")[1]: v
        for v in judge(study, Evidence(tuple(rows(0.01, 0.40))), profile="quick", data="d")
    }
    assert alone["error-peak"].status == "supported", alone["error-peak"].reason
    (error,) = [one for one in draw(study, {"d": evidence}) if one["name"] == "error"]
    assert {"test, learning rate 0.01", "test, learning rate 0.1"} <= {
        line["label"] for line in error["series"]
    }
    (told,) = diagnoses(study, {"d": evidence}, [])
    threshold = next(item for item in told["items"] if item["name"] == "threshold")
    assert threshold["state"] == "ruled_out"
    assert {item["name"] for item in told["items"]} > {"noise", "steps", "grid"}


def test_arms_of_sample_sizes_train_on_labels_of_their_own(blobs):
    def told(study, differ):
        small = [
            ({**p, "n": 40}, {**v, "labels_digest": v["labels_digest"] + "small" * differ})
            for p, v in rows(0.1, 0.4)
        ]
        large = [({**p, "n": 60}, v) for p, v in rows(0.1, 0.4)]
        peak = next(v for v in judge(study, Evidence((*small, *large)), profile="quick", data="d"))
        return next(need for need in peak.preconditions if need["name"] == "fixed noise")["ok"]

    assert told(make(blobs, arms={"n": (40, 60)}), True)
    assert not told(make(blobs), True)


@pytest.mark.slow
def test_claims_keep_their_error_rates_with_arms(blobs):
    for claim in make(blobs, arms={"n": (40, 60)}).claims[:2]:
        check_claim(claim, trials=100)
