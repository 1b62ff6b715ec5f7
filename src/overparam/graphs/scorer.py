"""A graph convolutional network that predicts how good a node is, from its degree and those of its neighbours.

Two layers take the mean over the neighbours, as GraphSAGE does. It is trained by JAX on segment sums over the edges; a trained
one is evaluated by the same formula on sparse matrices, at the nodes that are asked for alone.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy import sparse

from overparam.core.checked import count, positive
from overparam.data.graphs import Graph
from overparam.data.stream import stream
from overparam.graphs.greedy import spans

Weights = Mapping[str, np.ndarray]
RATE, PADDED = 0.01, 1024


def features(graph: Graph) -> np.ndarray:
    """What the network sees of a node: its degree over the largest, and 1. ``(nodes, 2)`` in float32."""
    share = graph.degrees / graph.degrees.max()
    return np.stack([share, np.ones(graph.nodes)], axis=1).astype(np.float32)


def initial(width: int, seed: int) -> dict[str, np.ndarray]:
    """Random weights of a network of a width, scaled by He's rule."""
    w, rng = count(width, "width"), stream(f"graph scorer {width}", seed)

    def drawn(rows: int, columns: int) -> np.ndarray:
        return (rng.standard_normal((rows, columns)) * np.sqrt(2 / rows)).astype(np.float32)

    return {
        "own": drawn(2, w), "near": drawn(2, w), "bias": np.zeros(w, np.float32), "own2": drawn(w, w) / 2,
        "near2": drawn(w, w) / 2, "bias2": np.zeros(w, np.float32), "out": drawn(w, 1) / 2,
    }  # fmt: skip


def _first(p: Any, x: Any, mean: Any, relu: Any) -> Any:
    return relu(x @ p["own"] + mean @ p["near"] + p["bias"])


def _second(p: Any, h: Any, mean: Any, relu: Any) -> Any:
    return (relu(h @ p["own2"] + mean @ p["near2"] + p["bias2"]) @ p["out"])[:, 0]


def score(weights: Weights, graph: Graph, nodes: np.ndarray) -> np.ndarray:
    """What a network says of some nodes.

    Args:
        weights: of the network.
        graph: any graph.
        nodes: node numbers.

    Returns:
        A number a node: larger is better.
    """
    x = features(graph)
    degrees = graph.degrees.astype(np.float32)
    sums = np.add.reduceat(x[graph.neighbours, 0], graph.starts[:-1])
    mean = np.stack([sums / degrees, x[:, 1]], axis=1)
    h = _first(weights, x, mean, _relu)
    starts, lengths = graph.starts[nodes], graph.degrees[nodes]
    near = graph.neighbours[spans(starts, lengths)]
    pointers = np.concatenate([[0], np.cumsum(lengths)])
    rows = sparse.csr_matrix((np.ones(len(near), np.float32), near, pointers), shape=(len(nodes), graph.nodes))
    return np.asarray(_second(weights, h[nodes], (rows @ h) / degrees[nodes, None], _relu))


def _relu(x: Any) -> Any:
    return np.maximum(x, 0, out=x)


@functools.lru_cache(maxsize=32)
def _program(nodes: int) -> Any:
    adam = optax.adam(RATE)

    def loss(p: Any, x: Any, sources: Any, neighbours: Any, degrees: Any, target: Any, weight: Any) -> Any:
        def mean(h: Any) -> Any:
            sums = jax.ops.segment_sum(h[neighbours], sources, nodes + 1, indices_are_sorted=True)
            return sums[:nodes] / degrees[:, None]

        h = _first(p, x, mean(x), jax.nn.relu)
        off = _second(p, h, mean(h), jax.nn.relu) - target
        return (weight * off * off).sum() / weight.sum()

    @jax.jit
    def train(p: Any, steps: Any, *data: Any) -> Any:
        def step(_: Any, now: Any) -> Any:
            p, state = now
            change, state = adam.update(jax.grad(loss)(p, *data), state)
            return optax.apply_updates(p, change), state

        p, _ = jax.lax.fori_loop(0, steps, step, (p, adam.init(p)))
        return p, loss(p, *data)

    return train


def train_scorer(
    graph: Graph, nodes: np.ndarray, target: np.ndarray, *, width: int, steps: int = 300, seed: int = 0
) -> tuple[dict[str, np.ndarray], float]:
    """Train a network on some nodes of a graph by Adam on the mean square error.

    Args:
        graph: to train on.
        nodes: node numbers of the examples.
        target: (examples,) how good each is.
        width: units of both layers.
        steps: full-batch steps.
        seed: of the initial weights.

    Returns:
        The weights, and the mean square error that is left over the variance of the targets.

    Raises:
        UsageError: a bad number.
    """
    weight, wanted = np.zeros(graph.nodes, np.float32), np.zeros(graph.nodes, np.float32)
    weight[nodes], wanted[nodes] = 1.0, target
    idle = -len(graph.neighbours) % PADDED  # edges of no node, so that graphs of one size share a program
    sources = np.pad(graph.sources, (0, idle), constant_values=graph.nodes)
    neighbours = np.pad(graph.neighbours, (0, idle))
    data = (features(graph), sources, neighbours, graph.degrees.astype(np.float32), wanted, weight)
    found, left = _program(graph.nodes)(initial(width, seed), count(steps, "steps"), *map(jnp.asarray, data))
    scale = positive(max(float(np.var(target)), 1e-12), "target")
    return {name: np.asarray(one) for name, one in found.items()}, float(left) / scale
