"""S2V-DQN, the learned solver that GCOMB is compared with: embeddings by structure2vec, and Q-learning on small graphs.

At every choice all nodes are embedded anew by several rounds over all edges, and the node with the largest Q is taken. Sums over
neighbours are divided by the largest degree of the graph: without that what is learnt on small graphs does not carry over.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy import sparse

from overparam.core.checked import count
from overparam.core.errors import UsageError
from overparam.data.graphs import Graph
from overparam.data.stream import stream
from overparam.graphs.cover import Cover, budget_of
from overparam.graphs.greedy import Choice, Gains

ROUNDS, WIDTH = 4, 64  # as published
DISCOUNT, AHEAD, BATCH, RATE, LEAST = 0.8, 2, 16, 3e-3, 0.05
Weights = Mapping[str, np.ndarray]


def initial(width: int, seed: int) -> dict[str, np.ndarray]:
    """Random weights."""
    w, rng = count(width, "width"), stream("structure2vec", seed)

    def drawn(rows: int, columns: int) -> np.ndarray:
        return (rng.standard_normal((rows, columns)) / np.sqrt(rows)).astype(np.float32)

    return {"chosen": drawn(1, w), "degree": drawn(1, w), "near": drawn(w, w), "all": drawn(w, w), "own": drawn(w, w),
            "out_all": drawn(w, 1), "out_own": drawn(w, 1)}  # fmt: skip


def values(p: Any, chosen: Any, degrees: Any, total: Any, relu: Any, rounds: int = ROUNDS) -> Any:
    """Q of every node.

    Args:
        p: weights.
        chosen: (nodes, 1) 1 where a node was chosen.
        degrees: (nodes, 1) neighbours, scaled.
        total: the scaled sum over the neighbours, as a function of (nodes, width) arrays.
        relu: of the array library.
        rounds: of embedding.
    """
    base = chosen @ p["chosen"] + degrees @ relu(p["degree"])
    h = relu(base)
    for _ in range(rounds - 1):
        h = relu(base + total(h) @ p["near"])
    pooled = relu(h.mean(axis=0, keepdims=True) @ p["all"]) @ p["out_all"]
    return (pooled + relu(h @ p["own"]) @ p["out_own"])[:, 0]


def solve_by_embedding(weights: Weights, graph: Graph, cover: Cover, budget: int, visit: Any = None) -> Choice:
    """Choose nodes of a graph, each with the largest Q.

    Args:
        weights: from :func:`train_embedding`.
        graph: any graph.
        cover: what nodes cover; it is looked at for the gains that are returned, not for the choice.
        budget: nodes to choose.
        visit: called after every choice, if given.

    Raises:
        UsageError: the budget is not from 1 to the number of nodes.

    References: Dai et al. 2017, algorithm 1.
    """
    most = budget_of(budget, graph.nodes)
    scale = 1 / float(graph.degrees.max())
    shape, ones = (graph.nodes, graph.nodes), np.full(len(graph.neighbours), scale, np.float32)
    adjacent = sparse.csr_matrix((ones, graph.neighbours, graph.starts), shape=shape)
    chosen = np.zeros((graph.nodes, 1), np.float32)
    degrees = (scale * graph.degrees[:, None]).astype(np.float32)
    nodes: list[int] = []
    for _ in range(most):
        q = values(weights, chosen, degrees, lambda h: adjacent @ h, lambda x: np.maximum(x, 0))
        nodes.append(int(np.argmax(np.where(chosen[:, 0] > 0, -np.inf, q))))
        chosen[nodes[-1]] = 1.0
        if visit is not None:
            visit()
    gains = Gains(cover)
    added = [gains.take(node) for node in nodes]
    looked = most * (ROUNDS - 1) * len(graph.neighbours)
    return Choice(np.array(nodes), np.array(added), most * graph.nodes, looked)


@functools.lru_cache(maxsize=8)
def _program(nodes: int, width: int) -> Any:
    adam = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(RATE))

    def q_of(p: Any, adjacent: Any, chosen: Any) -> Any:
        degrees = adjacent.sum(axis=1, keepdims=True)
        return values(p, chosen[:, None], degrees, lambda h: adjacent @ h, jax.nn.relu)

    many = jax.vmap(q_of, in_axes=(None, 0, 0))

    def loss(p: Any, old: Any, adjacent: Any, before: Any, action: Any, paid: Any, after: Any) -> Any:
        now = many(p, adjacent, before)[jnp.arange(len(action)), action]
        then = jnp.where(after > 0, -jnp.inf, many(old, adjacent, after)).max(axis=1)
        return jnp.square(now - jax.lax.stop_gradient(paid + DISCOUNT**AHEAD * then)).mean()

    @jax.jit
    def step(p: Any, old: Any, state: Any, *batch: Any) -> Any:
        change, state = adam.update(jax.grad(loss)(p, old, *batch), state, p)
        return optax.apply_updates(p, change), state

    return step, adam.init, jax.jit(q_of)


def train_embedding(
    graphs: Sequence[Graph],
    covers: Sequence[Cover],
    *,
    turns: int = 10,
    steps: int = 400,
    width: int = WIDTH,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Train by Q-learning two steps ahead with replay, one choice of one episode for each step of Adam.

    Args:
        graphs: small ones of as many nodes each.
        covers: what their nodes cover.
        turns: choices of an episode.
        steps: of Adam.
        width: of the embeddings.
        seed: of initial weights and exploration.

    Returns:
        The weights.

    Raises:
        UsageError: graphs of different sizes, as many turns as nodes, or a bad number.
    """
    sizes = sorted({graph.nodes for graph in graphs})
    if len(sizes) != 1 or len(covers) != len(graphs):
        raise UsageError(
            f"graphs: expected graphs of one size with a cover each, got {sizes} nodes. Draw them alike."
        )
    n, many = sizes[0], count(turns, "turns", low=AHEAD + 1)
    if many >= n:
        raise UsageError(f"turns: expected fewer than the {n} nodes, got {many}. Take fewer.")
    dense = np.zeros((len(graphs), n, n), np.float32)
    for place, graph in enumerate(graphs):
        dense[place, graph.sources, graph.neighbours] = 1 / graph.degrees.max()
    step, start, q_of = _program(n, width)
    rng = stream("structure2vec exploration", seed)
    p: Any = initial(width, seed)
    old, state = p, start(p)
    memory: list[tuple[int, np.ndarray, int, float, np.ndarray]] = []
    done, total = 0, count(steps, "steps")
    while done < total:
        which = int(rng.randint(len(graphs)))
        gains, chosen, course = Gains(covers[which]), np.zeros(n, np.float32), []
        unit = max(1, int(gains.now.max()))
        for turn in range(many):
            q = np.where(chosen > 0, -np.inf, np.asarray(q_of(p, dense[which], chosen)))
            free = rng.random_sample() < max(LEAST, 1.0 - 2 * done / total)
            action = int(rng.choice(np.flatnonzero(chosen == 0))) if free else int(np.argmax(q))
            course.append((chosen.copy(), action, gains.take(action) / unit))
            chosen[action] = 1.0
            if turn >= AHEAD:
                before, first, paid = course[turn - AHEAD]
                memory.append((which, before, first, paid + DISCOUNT * course[turn - 1][2], course[turn][0]))
            if len(memory) >= BATCH and done < total:
                places = rng.randint(len(memory), size=BATCH)
                whose, before_, acted, paid_, after = zip(*(memory[i] for i in places), strict=True)
                p, state = step(
                    p,
                    old,
                    state,
                    dense[list(whose)],
                    np.stack(before_),
                    np.array(acted),
                    np.array(paid_, np.float32),
                    np.stack(after),
                )
                done += 1
                if done % 25 == 0:
                    old = p
    return {name: np.asarray(one) for name, one in p.items()}
