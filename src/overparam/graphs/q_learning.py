"""GCOMB's choice among good nodes: a linear Q function of what a node's neighbourhood still offers, and of its score."""

from __future__ import annotations

from typing import Any

import numpy as np

from overparam.graphs.cover import Cover
from overparam.graphs.greedy import Choice, Gains

DISCOUNT, AHEAD, RATE, LEAST = 0.8, 2, 0.01, 0.05
SIZE = 7  # pooled over those chosen (2), over the rest (2), of the node (2), and 1


def choose(near: Cover, scores: np.ndarray, weights: np.ndarray, budget: int) -> Choice:
    """Choose candidates one after another, each with the largest Q.

    Q is linear, and what is pooled over all candidates is the same for each of them: it shifts no choice and is left out.

    Args:
        near: what each candidate covers of the sampled neighbourhood.
        scores: (candidates,) of the network.
        weights: (7,) of the Q function.
        budget: at most the number of candidates.

    Returns:
        Numbers of candidates.
    """
    gains, closed = Gains(near), np.zeros(near.nodes)
    slope, bonus = weights[4] / max(1, int(gains.now.max())), weights[5] * scaled(scores)
    nodes, added = [], []
    for _ in range(budget):
        node = int(np.argmax(slope * gains.now + bonus + closed))
        closed[node] = -np.inf
        nodes.append(node)
        added.append(gains.take(node))
    return Choice(np.array(nodes), np.array(added), budget * near.nodes, gains.edges)


def scaled(scores: np.ndarray) -> np.ndarray:
    """Scores over the largest size among them."""
    return np.asarray(scores / max(float(np.abs(scores).max()), 1e-12), np.float64)


class Episode:
    """One course of choices, with the features that the Q function sees."""

    def __init__(self, near: Cover, scores: np.ndarray, reward: Cover, nodes: np.ndarray) -> None:
        self.near, self.reward, self.nodes = Gains(near), Gains(reward), nodes
        self.scores, self.open = scaled(scores), np.ones(near.nodes, bool)
        self.unit, self.paid = max(1, int(self.near.now.max())), max(1, int(self.reward.now.max()))

    def features(self) -> np.ndarray:
        """(candidates, 7)."""
        own = np.stack([self.near.now / self.unit, self.scores], axis=1)
        chosen = own[~self.open].max(axis=0) if (~self.open).any() else np.zeros(2)
        shared = np.concatenate([chosen, own[self.open].max(axis=0)])
        return np.concatenate([np.tile(shared, (len(own), 1)), own, np.ones((len(own), 1))], axis=1)

    def take(self, candidate: int) -> float:
        """Choose a candidate; what it is paid, over the most that the first could be."""
        self.open[candidate] = False
        self.near.take(candidate)
        return self.reward.take(int(self.nodes[candidate])) / self.paid


def learn_q(
    near: Cover, scores: np.ndarray, reward: Cover, nodes: np.ndarray, *, budget: int, episodes: int,
    rng: np.random.RandomState,
) -> np.ndarray:  # fmt: skip
    """Learn the weights of the Q function by Q-learning two steps ahead, with Adam.

    Args:
        near: what each candidate covers of the sampled neighbourhood.
        scores: (candidates,) of the network.
        reward: what nodes really cover.
        nodes: (candidates,) their node numbers in ``reward``.
        budget: choices of an episode, at most the number of candidates less one.
        episodes: how many.
        rng: of first weights and exploration.

    Returns:
        (7,) weights.
    """
    weights, first, second = rng.standard_normal(SIZE) * 0.1, np.zeros(SIZE), np.zeros(SIZE)
    steps = 0
    for episode in range(episodes):
        now, explore = Episode(near, scores, reward, nodes), max(0.9**episode, LEAST)
        past: list[tuple[np.ndarray, float]] = []
        for turn in range(budget):
            seen = now.features()
            value = np.where(now.open, seen @ weights, -np.inf)
            if turn >= AHEAD:
                paid = past[turn - AHEAD][1] + DISCOUNT * past[turn - 1][1]
                steps += 1
                gradient = (past[turn - AHEAD][0] @ weights - paid - DISCOUNT**AHEAD * value.max()) * past[
                    turn - AHEAD
                ][0]
                first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
                weights = weights - RATE * (first / (1 - 0.9**steps)) / (
                    np.sqrt(second / (1 - 0.999**steps)) + 1e-8
                )
            free = rng.random_sample() < explore
            picked = int(rng.choice(np.flatnonzero(now.open))) if free else int(np.argmax(value))
            past.append((seen[picked], now.take(picked)))
    return weights


def sampled(near: Cover, scores: np.ndarray, share: float, rng: np.random.RandomState) -> Cover:
    """Importance sampling: a share of the elements, drawn in proportion to the scores of the candidates that cover them.

    Args:
        near: what each candidate covers.
        scores: (candidates,) of the network.
        share: of the elements that some candidate covers.
        rng: of the draw.

    Returns:
        The same candidates with the elements that were drawn.
    """
    positive = np.maximum(scaled(scores), 0) + 1e-3
    weight = np.asarray(near.incidence.T @ positive)
    there = np.flatnonzero(weight > 0)
    many = max(1, round(share * len(there)))
    keys: Any = np.log(weight[there]) + rng.gumbel(size=len(there))
    kept = np.zeros(near.elements, bool)
    kept[there[np.argpartition(keys, -many)[-many:]]] = True
    rows = near.incidence
    stays = kept[rows.indices]
    pointers = np.concatenate([[0], np.cumsum(stays)])[rows.indptr]
    return Cover(type(rows)((rows.data[stays], rows.indices[stays], pointers), shape=rows.shape))
