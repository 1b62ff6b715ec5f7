"""What a network holds constant: declared by path, told apart, put together again, and noticed where it is not declared."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import Network, mlp
from overparam.models.state import is_held, join, leaves, split, undeclared

FLAX = {
    "params": {"Dense_0": {"kernel": 1.0, "bias": 2.0}, "BatchNorm_0": {"scale": 3.0, "bias": 4.0}},
    "batch_stats": {"BatchNorm_0": {"mean": 5.0, "var": 6.0}},
}
HAIKU = {
    "params": {"linear": {"w": 1.0}, "batch_norm": {"scale": 2.0, "offset": 3.0}},
    "state": {"batch_norm/~/mean_ema": {"average": 4.0, "counter": 5, "hidden": 6.0}},
}
OWN = [{"w": 1.0, "mean": 2.0, "var": 3.0}, {"w": 4.0, "running_mean": 5.0}]
NNX = {"bn": {"mean": {"value": 1.0}, "var": {"value": 2.0}, "scale": {"value": 3.0}}}


@pytest.mark.parametrize(
    ("pattern", "path", "held"),
    [
        ("batch_stats", "batch_stats/bn/mean", True),
        ("batch_stats", "params/batch_stats/mean", False),
        ("batch", "batch_stats/bn/mean", False),
        ("*/mean", "layers/3/bn/mean", True),
        ("*/mean", "mean", False),
        ("*_mean", "running_mean", True),
        ("layers/0", "layers/0/w", True),
        ("layers/0", "layers/01/w", False),
        ("state", "state/batch_norm/~/mean_ema/average", True),
    ],
)
def test_a_pattern_goes_from_the_root(pattern, path, held):
    assert is_held((pattern,), path) is held
    assert not is_held((pattern, "!" + path), path)


@pytest.mark.parametrize(
    ("tree", "state", "kept"),
    [
        (FLAX, ("batch_stats",), [5.0, 6.0]),
        (HAIKU, ("state",), [4.0, 5, 6.0]),
        (OWN, ("*/mean", "*/var", "*/running_mean"), [2.0, 3.0, 5.0]),
        (FLAX, ("params", "batch_stats", "!params/Dense_0"), [5.0, 6.0, 4.0, 3.0]),
        (FLAX, (), []),
    ],
)
def test_parts_are_told_apart_and_put_together(tree, state, kept):
    trained, held = split(state, tree)
    assert jax.tree.leaves(held) == kept
    assert len(jax.tree.leaves(trained)) + len(kept) == len(jax.tree.leaves(tree))
    assert join(trained, held) == tree


@pytest.mark.parametrize(
    ("tree", "patterns"),
    [
        (FLAX, {"batch_stats"}),
        (HAIKU, {"state"}),
        (OWN, {"*/mean", "*/var", "*/running_mean"}),
        (NNX, {"*/mean", "*/var"}),
        ({"params": {"w": 1.0}, "memory": {"m": 2.0}}, {"memory"}),
        ({"w": 1.0, "mask": 2.0}, {"mask"}),
        ({"layer": {"w": 1.0, "masks": [2.0]}}, {"*/masks"}),
        ({"bn": {"runningMean": 1.0, "w": 2.0}}, {"*/runningMean"}),
        ({"bn": {"moving_variance": 1.0, "gamma": 2.0}}, {"*/moving_variance"}),
        ({"bn": {"num_batches_tracked": 1.0, "weight": 2.0}}, {"*/num_batches_tracked"}),
        ({"w": 1.0, "bn1_running_var": 2.0}, {"bn1_running_var"}),
        ({"w": 1.0, "rngs": {"dropout": 2.0}}, {"rngs"}),
        ({"w": 1.0, "cache": {"k": 2.0}}, {"cache"}),
        ({"w": 1.0, "counter": 2.0}, {"counter"}),
        ({"norm": {"mean": 1.0, "std": 2.0}}, {"*/mean", "*/std"}),
        ({"net": {"w": 1.0}, "frozen": {"v": 2.0}}, {"frozen"}),
        ({"net": {"w": 1.0}, "bn": {"ema_state_index": {"init": 1.0}}}, {"*/ema_state_index"}),
    ],
)
def test_undeclared_state_is_noticed(tree, patterns):
    found = dict(undeclared((), tree))
    assert set(found) == patterns
    assert not dict(undeclared(tuple(found), tree))  # what is advised declares it
    assert not dict(undeclared(tuple("!" + one for one in found), tree))  # or trains it on purpose


@pytest.mark.parametrize(
    "tree",
    [
        mlp(3, (4,), 2).init(jax.random.key(0)),
        {"params": {"Dense_0": {"kernel": 1.0}, "LayerNorm_0": {"scale": 1.0, "bias": 0.0}}},
        {"attention": {"query": 1.0, "key": {"kernel": 2.0}, "value": 3.0, "out": 4.0}},
        {
            "encoder": {"mean": {"w": 1.0, "b": 2.0}, "var": {"w": 3.0, "b": 4.0}}
        },  # two heads, not two statistics
        {"layer": {"mean": np.ones(3), "var": np.ones(4)}},
        {"gru": {"state_kernel": 1.0, "kernel": 2.0}, "count_embedding": 3.0, "masked_dense": 4.0},
        [1.0, (2.0, {"embedding": 3.0})],
    ],
)
def test_usual_names_of_parameters_are_trained(tree):
    assert not dict(undeclared((), tree))


def test_a_path_names_every_kind_of_container():
    tree = {"a": [1.0, (2.0,)], "b": {"c/d": 3.0}}
    assert [path for path, _ in leaves(tree)] == ["a/0", "a/1/0", "b/c/d"]


@pytest.mark.parametrize("state", [7, ("",), ("!",), (3,), {"batch_stats": 1}, None])
def test_a_declaration_is_a_tuple_of_names(state):
    with pytest.raises(UsageError, match="^state: expected names of what is held constant"):
        Network("n", lambda key: {}, lambda p, x: x, 1, 1, state=state)


def test_one_name_is_a_tuple_of_one():
    network = Network("n", lambda key: {}, lambda p, x: x, 1, 1, state="batch_stats")
    assert network.state == ("batch_stats",)
    assert hash(network)


def test_parts_of_a_stack_keep_their_leading_axis():
    stack = {"w": jnp.ones((3, 2)), "s": jax.random.split(jax.random.key(0), 3)}
    trained, held = split(("s",), stack)
    assert trained["w"].shape == (3, 2)
    assert held["s"].shape == (3,)
