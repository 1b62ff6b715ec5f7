"""Statistics of batches: found from the examples, by hand; who stops, starts again or has a batch of one."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.training import Checkpoint, Member, Recipe, refresh, train
from tests.unit.training.test_splits import NORMAL, D, X, Y

RECIPE = Recipe(6, 0.1, batch=4, probe_at=(3,))
MEMBERS = [Member(0, Y), Member(1, Y, learning_rate=1e4), Member(2, Y), Member(0, 1 - Y)]


def by_hand(w, x, batch):
    """Mean over batches of the means, and of the mean squares less that mean's square."""
    hidden = np.asarray(x, float) @ np.asarray(w, float)
    blocks = hidden[: len(x) // batch * batch].reshape(-1, batch, hidden.shape[1])
    mean = blocks.mean(axis=(0, 1))
    return mean, (blocks**2).mean(axis=(0, 1)) - mean**2


def close(found, want):
    np.testing.assert_allclose(found["mean"], want[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["variance"], want[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("batch", "size"), [(None, 12), (5, 5), (12, 12)])
def test_statistics_are_those_of_the_batches(batch, size):
    params = NORMAL.init(jax.random.key(0))
    found = refresh(NORMAL, params, X, batch=batch)
    close(found["statistics"]["bn"], by_hand(params["w"], X, size))
    assert found["w"] is params["w"] or np.array_equal(found["w"], params["w"])


def with_variance(params, x):
    hidden = x @ params["w"]
    return {"bn": {"mean": hidden.mean(axis=0), "variance": hidden.var(axis=0)}}


@pytest.mark.parametrize(("shift", "batch"), [(0.0, 5), (1000.0, 12), (1000.0, 4)])
def test_the_variance_of_batches_is_not_lost_beside_a_large_mean(shift, batch):
    network = replace(NORMAL, moments=with_variance)
    params = NORMAL.init(jax.random.key(0))
    x = X + np.float32(shift) * np.arange(12, dtype=np.float32)[:, None] // 4
    found = refresh(network, params, x, batch=batch)["statistics"]["bn"]
    want = by_hand(params["w"], x, batch)
    np.testing.assert_allclose(found["mean"], want[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["variance"], want[1], rtol=1e-4)


@pytest.fixture(scope="module")
def runs():
    return train(NORMAL, RECIPE, MEMBERS, X, X, Y, keep_params=True, probes={"norm": norm})


def norm(network, loss, params, params0, x, y, x_test, y_test):
    """What a probe sees: the statistics of now, and those of the start."""
    return {"now": params["statistics"]["bn"]["mean"], "then": params0["statistics"]["bn"]["mean"]}


def test_a_member_ends_with_the_statistics_of_its_parameters(runs):
    for one in (runs[0], runs[2], runs[3]):
        close(one.params["statistics"]["bn"], by_hand(one.params["w"], X, 4))
        outputs = np.asarray(NORMAL.apply(one.params, X), float)
        labels = 1 - Y if one is runs[3] else Y
        losses = np.log(np.exp(outputs).sum(1)) - outputs[np.arange(12), labels]
        assert one.values["train_loss"][-1] == pytest.approx(losses.mean(), rel=1e-5)
        np.testing.assert_allclose(one.values["now"][-1], one.params["statistics"]["bn"]["mean"], rtol=1e-6)
        assert (one.values["then"] == 0).all()  # the start as init gives it
    assert "statistics" not in str(jax.tree.structure(runs[0].checkpoint.slots))


def test_a_checkpoint_goes_on_with_statistics_of_its_own_examples(runs):
    point = replace(runs[0].checkpoint, step=3)
    rest = train(NORMAL, RECIPE, MEMBERS, X, X, Y, start=[point] * 4, keep_params=True, probes={"norm": norm})
    np.testing.assert_allclose(rest[0].values["now"][0], runs[0].values["now"][-1], rtol=1e-6)
    other = Checkpoint(
        {**point.params, "statistics": {"bn": {"mean": np.ones(4, "f"), "variance": np.ones(4, "f")}}}, 3
    )
    again = train(NORMAL, RECIPE, MEMBERS, X, X, Y, start=[other] * 4, keep_params=True, probes={"norm": norm})
    assert rest[0].values["train_loss"].tolist() == again[0].values["train_loss"].tolist()


def test_a_member_that_stops_keeps_the_statistics_of_then(runs):
    level = float(runs[0].values["train_loss"][1])
    stopped = train(
        NORMAL, replace(RECIPE, stop_loss=level), MEMBERS, X, X, Y, keep_params=True, probes={"norm": norm}
    )
    assert stopped[0].stopped_at == 3
    close(stopped[0].params["statistics"]["bn"], by_hand(stopped[0].params["w"], X, 4))
    assert (stopped[0].values["now"][2] == stopped[0].values["now"][1]).all()


@pytest.mark.parametrize(
    ("recipe", "members", "words"),
    [
        (replace(RECIPE, batch=1), [Member(0, Y)], "batch: expected at least 2 examples where batches normalise, as in 'normal'"),
        (RECIPE, [Member(0, Y, batch=1), Member(0, Y)], "a batch of one has no variance"),
        (replace(RECIPE, batch=None), [Member(0, Y[:1], x=X[:1]), Member(0, Y)], "a batch of one has no variance"),
        (RECIPE, [Member(0, Y, state={"statistics": NORMAL.init(jax.random.key(0))["statistics"]})], "found anew"),
    ],
)  # fmt: skip
def test_a_batch_of_one_is_refused_before_training(recipe, members, words):
    with pytest.raises(UsageError, match=words):
        train(NORMAL, recipe, members, X, X, Y, progress=lambda fraction: pytest.fail("trained"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"training": lambda p, x: x}, "network.training: expected a pure JAX function, got TypeError"),
        ({"training": lambda p, x, k: x[:, :3]}, r"training\(params, x, key\) of 'normal' to give outputs of shape \(4, 2\)"),
        ({"training": lambda p, x, k: x[:, :2] * np.random.default_rng().random()}, "network.training: expected a pure"),
        ({"moments": lambda p, x: {}}, r"moments\(params, x\) of 'normal'"),
        ({"moments": lambda p, x: {"bn": {"mean": jnp.ones(3), "square": jnp.ones(3)}}}, r"moments\(params, x\)"),
        ({"moments": lambda p, x: {"bn": {"mean": jnp.ones(4)}}}, "network.moments: expected .* KeyError"),
        ({"moments": lambda p, x: 3}, "network.moments: expected"),
    ],
)  # fmt: skip
def test_an_odd_training_pass_is_refused(change, words):
    with pytest.raises(UsageError, match=words):
        train(replace(NORMAL, **change), RECIPE, [Member(0, Y)], X, X, Y)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"batch": 1}, "batch: expected a whole number of at least 2"),
        ({"batch": 0}, "batch: expected"),
        ({"batch": 13}, "batch: expected a whole number of at most 12, got 13"),
        ({"batch": 2.0}, "batch: expected"),
        ({"x": X[:1]}, "x: expected at least 2 examples"),
        ({"x": X[:, :3]}, rf"x: expected shape \(n, {D}\)"),
        ({"x": None}, "x: expected"),
        ({"params": {"w": 1}}, "params: expected the structure"),
        ({"network": None}, "network: expected a network"),
    ],
)
def test_refresh_names_what_does_not_fit(given, words):
    given = {"network": NORMAL, "params": NORMAL.init(jax.random.key(0)), "x": X, **given}
    with pytest.raises((UsageError, DataError), match=words):
        refresh(given.pop("network"), given.pop("params"), given.pop("x"), **given)
