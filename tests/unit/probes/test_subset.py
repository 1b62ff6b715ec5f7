"""Loss and error on a part of the training set, and checkpoints at their crossing."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import linear
from overparam.probes import subset
from overparam.training import Keep, Member, Recipe, train

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 4)).astype(np.float32)
TRUE = (X[:, 0] > 0).astype(np.int64)
NOISY = TRUE.copy()
NOISY[:6] = 1 - NOISY[:6]
NETWORK = linear(4, 2)
RECIPE = Recipe(steps=60, learning_rate=0.5, probes=12)


def replaced(x, y):
    return y != jnp.asarray(TRUE)


def weighted(x, y):
    return jnp.where(y != jnp.asarray(TRUE), 3.0, 1.0)


@pytest.fixture(scope="module")
def runs():
    probes = {
        "clean": subset("clean", range(6, 30)),
        "replaced": subset("replaced", replaced),
        "weighted": subset("weighted", weighted),
    }
    keep = {"half": Keep(value="clean_loss", at_most=0.5), "never": Keep(value="replaced_loss", at_most=0.0)}
    members = [Member(0, NOISY), Member(1, TRUE)]
    return train(NETWORK, RECIPE, members, X, X, TRUE, probes=probes, keep=keep, keep_params=True)


@pytest.mark.slow
def test_the_means_are_those_of_the_rows(runs):
    weights = runs[0].params["output"]
    f = X.astype(np.float64) @ np.asarray(weights["weight"], np.float64).T + weights["bias"]
    losses = np.log(np.exp(f).sum(axis=1)) - f[np.arange(30), NOISY]
    wrong = (f.argmax(axis=1) != NOISY).astype(float)
    rows = {"clean": np.r_[[0.0] * 6, [1.0] * 24], "replaced": np.r_[[1.0] * 6, [0.0] * 24]}
    rows["weighted"] = 1.0 + 2.0 * rows["replaced"]
    for name, counted in rows.items():
        share = counted / counted.sum()
        assert runs[0].values[f"{name}_loss"][-1] == pytest.approx(share @ losses, rel=1e-5)
        assert runs[0].values[f"{name}_error"][-1] == pytest.approx(share @ wrong, abs=1e-6)


@pytest.mark.slow
def test_a_rule_reads_the_labels_of_the_member_itself(runs):
    assert np.isnan(runs[1].values["replaced_loss"]).all()  # none were replaced
    assert np.isfinite(runs[0].values["replaced_loss"]).all()


def test_a_checkpoint_stands_at_the_first_probe_time_at_the_level(runs):
    for one in runs:
        line = one.values["clean_loss"]
        assert one.kept["half"].step == one.steps[np.flatnonzero(line <= 0.5)[0]]
        assert "never" not in one.kept


@pytest.mark.parametrize(
    ("name", "where", "words"),
    [
        ("train", [0], "name: expected a name for a part"),
        ("a part", [0], "name: expected a name for a part"),
        (3, [0], "name: expected a name for a part"),
        ("a", [], "where: expected at least one row"),
        ("a", [0, 0], "got a row twice"),
        ("a", [-1], "where: expected row numbers from 0"),
        ("a", [0.5], "where: expected row numbers from 0"),
        ("a", [True], "where: expected row numbers from 0"),
        ("a", None, "where: expected row numbers from 0"),
    ],
)
def test_what_is_no_part_is_refused(name, where, words):
    with pytest.raises((UsageError, DataError), match=words):
        subset(name, where)


@pytest.mark.parametrize(
    ("where", "words"), [([30], "where: expected rows below 30"), (lambda x, y: x, "one number an example")]
)
def test_a_part_of_another_training_set_is_refused(where, words):
    with pytest.raises(DataError, match=words):
        train(NETWORK, RECIPE, [Member(0, TRUE)], X, X, TRUE, probes={"a": subset("a", where)})


def test_two_parts_of_one_name_are_refused():
    probes = {"a": subset("a", [0]), "b": subset("a", [1])}
    with pytest.raises(UsageError, match="'a_(loss|error)' is measured by probe 'a'"):
        train(NETWORK, RECIPE, [Member(0, TRUE)], X, X, TRUE, probes=probes)
