"""What people hand to training by mistake: each is one sentence, before anything is compiled."""

from dataclasses import replace

import numpy as np
import pytest

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.models import mlp
from overparam.training import Checkpoint, Member, Recipe, inputs, train
from overparam.training.measures import check_probes

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3))
Y = RNG.normal(size=(8, 2))
LABELS = RNG.integers(0, 2, 8)
NETWORK = mlp(3, (4,), 2)
RECIPE = Recipe(3, 0.1, batch=4, loss="squared", probes=2)


def run(x=X, y=Y, members=None, recipe=RECIPE, **more):
    members = [Member(0, y)] if members is None else members
    return train(NETWORK, recipe, members, x, X, Y, **more)


INPUTS = {
    "complex": (X + 1j, "x: expected real numbers, got complex128"),
    "texts": (X.astype(str), "x: expected real numbers, got <U"),
    "ragged": ([[1, 2, 3], [1, 2]], "x: expected real numbers in rows of one length"),
    "None": (None, r"x: expected shape \(n, 3\) with n >= 1, got \(\)"),
    "NaN": (X * np.nan, "x: expected finite numbers, got 24 that are missing"),
    "times in seconds": (
        np.c_[1.7e9 + np.arange(8.0), X[:, :2]],
        "x: column 0, from 1.7e.09 to .* loses what tells",
    ),
    "too small": (X * 1e-60, "x: column 0, .* loses what tells its numbers apart in float32"),
    "too large": (X * 1e60, "x: column 0, .* loses what tells its numbers apart in float32"),
    "large whole numbers": (2**60 + np.arange(24).reshape(8, 3), "whole numbers beyond 2.53"),
    "whole numbers that fall together": (
        2**30 + np.arange(24).reshape(8, 3),
        "x: column 0, from 1.07374182e.09 to",
    ),
    "masked": (np.ma.masked_array(X, X > 1), "x: expected real numbers, got .* masked entries"),
    "float16": (X.astype(np.float16), r'x: expected float32 or float64, got float16.*x.astype\("float32"\)'),
}
TARGETS = {
    "complex": (Y + 1j, "y of member 0: expected real numbers"),
    "NaN": (Y * np.nan, "y of member 0: expected finite numbers, got 16"),
    "texts": (Y.astype(str), "y of member 0: expected real numbers"),
    "nothing": (np.array([None] * 8), "y of member 0: expected 2 targets an example"),
    "too large": (Y * 1e60, "y of member 0: column 0, .* loses"),
    "an offset": (Y * 1e-6 + 1e6, "y of member 0: column 0, .* loses"),
}
MEMBERS = {
    "one": (Member(0, Y), "members: expected Member.seed, y. of every member in a list, got Member"),
    "dicts": ([{"seed": 0}], "got a list with dict"),
    "none": ([], "got none"),
    **{
        f"seed {seed!r}": ([Member(seed, Y)], "seed: expected a whole number from 0 to 4294967295")
        for seed in (1.5, "0", None, True, -1, 2**40)
    },
    **{
        f"rate {rate!r}": ([Member(0, Y, rate)], "learning_rate of member 0: expected")
        for rate in ("0.1", 0, -1.0, 1e-60, 1e60, np.nan, 1 + 0j, [0.1])
    },
}
STARTS = {
    "a dict": ({"a": 1}, "start: expected Checkpoint"),
    "None": ([None], "start: expected Checkpoint"),
    "half a step": ([Checkpoint({}, step=0.5)], "start: expected checkpoints of one step"),
}
PROBES = {
    "a name twice": (
        {"a": lambda *given: {"v": np.ones(3)}, "b": lambda *given: {"v": np.float32(0)}},
        "probe 'b': 'v' is measured by probe 'a'",
    ),
    "None": ({"a": lambda *given: None}, "probe 'a': expected function.*got NoneType"),
    "a failure": ({"a": lambda *given: 1 / 0}, "got ZeroDivisionError"),
    "one argument": ({"a": lambda params: {}}, "got TypeError"),
    "the training loss": (
        {"a": lambda *given: {"train_loss": np.float32(0)}},
        "is measured by training itself",
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_odd_examples_are_refused(name):
    x, words = INPUTS[name]
    with pytest.raises(OverparamError, match=words):
        run(x)


@pytest.mark.parametrize("name", TARGETS)
def test_odd_targets_are_refused(name):
    y, words = TARGETS[name]
    with pytest.raises(OverparamError, match=words):
        run(y=y)


@pytest.mark.parametrize("name", MEMBERS)
def test_odd_members_are_refused(name):
    members, words = MEMBERS[name]
    with pytest.raises(UsageError, match=words):
        run(members=members)


@pytest.mark.parametrize("name", STARTS)
def test_odd_starts_are_refused(name):
    start, words = STARTS[name]
    with pytest.raises(UsageError, match=words):
        run(start=start)


@pytest.mark.parametrize("name", PROBES)
def test_odd_probes_are_refused(name):
    probes, words = PROBES[name]
    with pytest.raises(UsageError, match=words):
        run(probes=probes)


def test_probes_have_names():
    for probes in ([1], {"a": 1}, "standard"):
        with pytest.raises(UsageError, match="probes: expected functions by name"):
            check_probes(NETWORK, RECIPE, probes, (X, Y, X, Y))


@pytest.mark.parametrize("given", [None, {}, Recipe])
def test_what_is_no_recipe_is_refused(given):
    with pytest.raises(UsageError, match="recipe: expected Recipe"):
        run(recipe=given)


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", "3"), ("steps", 3.0), ("steps", True), ("batch", 2.0), ("learning_rate", "x"), ("learning_rate", 1e-60),
     ("momentum", None), ("weight_decay", 1e-50), ("decay", 1e39), ("probes", None), ("stop_loss", "a")],
)  # fmt: skip
def test_odd_numbers_of_a_recipe_are_refused(name, value):
    with pytest.raises(UsageError, match=f"^{name}: expected"):
        replace(RECIPE, **{name: value})


@pytest.mark.parametrize(
    "x",
    [
        X.tolist(),
        X.astype(int),
        X > 0,
        (100 * X).astype(np.int8),
        np.c_[np.zeros(8), np.full(8, 0.1), X[:, 0]],
        np.c_[np.full(8, 3.0) + 1e-16 * X[:, 0], X[:, :2]],  # constant but for the rounding of float64
        np.c_[np.where(X[:, 0] > 0, X[:, 0], 1e-50), X[:, :2]],
        1e3 + X,
    ],
)
def test_usual_examples_are_taken_as_they_are(x):
    found = inputs.examples("x", x, NETWORK)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.asarray(x, float), rtol=1e-6, atol=1e-30)


def test_a_column_is_judged_by_its_own_spread():
    x = X.copy()
    x[:, 2] = 1e9 + np.arange(8)
    with pytest.raises(DataError, match="column 2"):
        inputs.examples("x", x, NETWORK)
