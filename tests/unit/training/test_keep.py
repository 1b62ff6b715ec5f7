"""Checkpoints at a step or a crossing, vectors over time, and names that are taken: on numbers given by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import linear
from overparam.training import Keep, Member, Recipe, train
from overparam.training.record import Record, checked_keep, due_times

Y = np.array([1.0, -1.0])
X = np.eye(2, dtype=np.float32)
NETWORK = linear(2, 1, bias=False, init="zeros")
MEMBERS = [Member(0, Y), Member(1, Y), Member(2, Y)]
RECIPE = Recipe(10, 0.1, loss="squared", probe_at=(2, 4, 6))
NAN = float("nan")


def kept(keep, rows, recipe=RECIPE, **more):
    """Steps at which every member's checkpoints were due, from its training losses over the probe times."""
    times = due_times(recipe, keep, 0)
    record = Record(MEMBERS, recipe, times, keep)
    found = [{} for _ in MEMBERS]
    for time, losses in zip(times, rows, strict=True):
        values = {
            "train_loss": np.array(losses, float),
            **{name: np.array(one, float) for name, one in more.items()},
        }
        record.add(values)
        for name, due in record.to_keep(values, time).items():
            for i in due:
                record.kept[i][name] = time
                found[i][name] = time
    return found, record


def test_members_cross_a_level_at_times_of_their_own():
    rows = [[3, 3, 3], [1, 3, 3], [0.5, 1, 3], [0.2, 2, 3], [0.1, 0.5, 3]]
    found, _ = kept({"fit": Keep(value="train_loss", at_most=1.0), "at": Keep(step=4)}, rows)
    assert found == [{"fit": 2, "at": 4}, {"fit": 4, "at": 4}, {"at": 4}]


def test_nothing_is_kept_after_the_end_of_a_run():
    """The first stops at 4 and the second diverges there; what would be due later is missing."""
    rows = [[3, 3, 3], [2, 2, 2], [0.5, NAN, 2], [0.1, 0.1, 0.1], [0.0, 0.0, 0.0]]
    keep = {"late": Keep(step=6), "four": Keep(step=4), "low": Keep(value="train_loss", at_most=0.3)}
    found, record = kept(keep, rows, Recipe(10, 0.1, loss="squared", probe_at=(2, 4, 6), stop_loss=0.6))
    assert found == [{"four": 4}, {}, {"late": 6, "four": 4, "low": 6}]
    runs = record.trained()
    assert [one.stopped_at for one in runs] == [4, None, 6]
    assert [one.diverged_at for one in runs] == [None, 4, None]
    assert runs[0].values["train_loss"].tolist() == [3, 2, 0.5, 0.5, 0.5]
    assert np.isnan(runs[1].values["train_loss"][2:]).all()


def test_a_value_that_is_no_number_crosses_nothing():
    found, _ = kept({"gap": Keep(value="gap", at_most=0.0)}, [[1, 1, 1]] * 5, gap=[NAN, -1.0, np.inf])
    assert found == [{}, {"gap": 0}, {}]


def test_vectors_are_stored_and_end_with_the_run():
    _, record = kept({}, [[1, 1, 1], [1, NAN, 1], [1, 1, 0.1], [1, 1, 5], [1, 1, 5]],
                     Recipe(10, 0.1, loss="squared", probe_at=(2, 4, 6), stop_loss=0.5),
                     curve=np.arange(12.0).reshape(3, 2, 2))  # fmt: skip
    runs = record.trained()
    assert all(one.values["curve"].shape == (5, 2, 2) for one in runs)
    assert np.isnan(runs[1].values["curve"][1:]).all()
    assert (runs[1].values["curve"][0] == [[4, 5], [6, 7]]).all()
    assert (runs[2].values["curve"] == [[8, 9], [10, 11]]).all()


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (
            {"a": Keep(value="train_lost", at_most=1.0)},
            "keep: a: expected 'train_lost' .* nothing of that name",
        ),
        ({"a": Keep(value="curve", at_most=1.0)}, "keep: a: expected 'curve' .* got a vector"),
        ({"a": Keep(step=11)}, "keep: expected a step from 0 to 10 as 'a', got 11"),
    ],
)
def test_what_cannot_be_kept_is_refused(keep, words):
    with pytest.raises(UsageError, match=words):
        kept(keep, [[1, 1, 1]] * 5, curve=np.ones((3, 2)))


@pytest.mark.parametrize(
    "given",
    [{}, {"step": 1.5}, {"step": -1}, {"step": True}, {"step": 1, "value": "a", "at_most": 1.0}, {"step": 1, "at_most": 1.0},
     {"value": "a"}, {"at_most": 1.0}, {"value": 3, "at_most": 1.0}, {"value": "a", "at_most": NAN},
     {"value": "a", "at_most": "x"}, {"value": "", "at_most": 1.0}, {"step": None, "value": None, "at_most": 1.0}],
)  # fmt: skip
def test_a_keep_is_a_step_or_a_level(given):
    with pytest.raises(UsageError, match="^keep"):
        Keep(**given)


@pytest.mark.parametrize(
    "given", [[Keep(step=1)], Keep(step=1), "a", {"a": 3}, {3: Keep(step=1)}, {"a": {"step": 1}}]
)
def test_keeps_have_names(given):
    with pytest.raises(UsageError, match=r"^keep: expected Keep\(...\) by name"):
        checked_keep(given)


def curve(network, loss, params, params0, x, y, x_test, y_test):
    return {"weights": params["output"]["weight"][0], "flag": jnp.bool_(True), "count": jnp.int32(3)}


def test_a_stack_keeps_and_measures_what_was_asked_for():
    """Gradient descent on two examples: the residual is (1 - rate / 2)^t of the targets."""
    members = [
        Member(0, Y, learning_rate=1.0),
        Member(0, Y, learning_rate=0.5),
        Member(0, Y, learning_rate=1e30),
    ]
    keep = {"half": Keep(value="train_loss", at_most=0.5 / 4**2), "two": Keep(step=3)}
    runs = train(NETWORK, Recipe(10, 0.1, loss="squared", probe_at=range(0, 10, 2)), members, X, X, Y, keep=keep,
                 probes={"curve": curve}, keep_params=True)  # fmt: skip
    assert runs[0].steps.tolist() == [0, 2, 3, 4, 6, 8, 10]
    assert [one.kept["half"].step if "half" in one.kept else None for one in runs] == [2, 6, None]
    for one, rate in zip(runs[:2], (1.0, 0.5), strict=True):
        np.testing.assert_allclose(
            one.kept["two"].params["output"]["weight"][0], Y * (1 - (1 - rate / 2) ** 3), rtol=1e-6
        )
        np.testing.assert_allclose(
            one.values["weights"], Y * (1 - (1 - rate / 2) ** one.steps[:, None]), rtol=1e-5, atol=1e-7
        )
        assert (one.values["flag"] == 1).all()
        assert (one.values["count"] == 3).all()
    lost = runs[2]
    assert lost.diverged_at == 2
    assert lost.values["weights"].shape == (7, 2)
    assert np.isnan(lost.values["weights"][1:]).all()
    assert (lost.values["weights"][0] == 0).all()
    # a second part keeps by its own rules, from its first step on
    rest = train(NETWORK, Recipe(10, 0.1, loss="squared", probe_at=range(0, 10, 2)), members[:2] + members[:1], X, X, Y,
                 probes={"curve": curve}, keep=keep, start=[one.kept["two"] for one in (*runs[:2], runs[0])])  # fmt: skip
    assert [one.kept["half"].step for one in rest] == [3, 6, 3]


@pytest.mark.parametrize("name", ["train_loss", "train_error", "test_loss", "test_error"])
def test_a_probe_may_not_take_a_name_of_training(name):
    with pytest.raises(UsageError, match=f"'{name}' is measured by training itself"):
        train(NETWORK, RECIPE, MEMBERS, X, X, Y, probes={"mine": lambda *given: {name: jnp.float32(0)}})
