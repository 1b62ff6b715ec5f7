"""The work of over-specification: students of one width, at several rates, on fresh examples of a teacher of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core import Outcome, Params, Progress, outcome, rounded, within
from overparam.core.crossing import crossing
from overparam.data.stream import stream
from overparam.data.teachers import Teacher
from overparam.models import holding, two_layer
from overparam.sweep.work import shared
from overparam.training import Member, Recipe, train

FIRST, FINENESS = 10, 1.05  # first probe time, and the factor from one to the next
POINTS = 30  # of a stored curve
LEAST = 0.01  # of the target: a stored loss is not below it
RIDGE = 1e-12  # of the largest diagonal entry of a Gram matrix


def relu_moments(a: Any, b: Any) -> Any:
    """``E relu(a_i . x) relu(b_j . x)`` over standard normal x, for rows a and b.

    References: Cho and Saul, Kernel methods for deep learning, NIPS 2009, equation 6 (degree 1), halved.

    >>> one = np.array([[1.0, 0.0]])
    >>> relu_moments(one, np.array([[2.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])).round(6).tolist()
    [[1.0, 0.0, 0.159155]]
    """
    lengths = np.linalg.norm(a, axis=1)[:, None], np.linalg.norm(b, axis=1)[None, :]
    cosine = np.clip(a @ b.T / (lengths[0] * lengths[1]), -1.0, 1.0)
    angle = np.arccos(cosine)
    return lengths[0] * lengths[1] * (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)


def own_teacher(d: int, nodes: int, seed: int) -> Teacher:
    """A random relu network whose answers have mean square 1 over standard normal inputs."""
    random = stream("over-specification teacher", seed)
    weights = random.standard_normal((nodes, d))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    out = random.standard_normal(nodes)
    out /= math.sqrt(out @ relu_moments(weights, weights) @ out)
    return Teacher((weights, out[None, :]), (np.zeros(nodes), np.zeros(1)))


def frozen_floor(first: Any, teacher: Teacher) -> float:
    """Least mean square error, over that of answering 0, of any output layer on these first weights.

    ``1 - c^T G^+ c`` with the moments G among the students' units and c with the teacher's answers: no training, at any
    rate and for any time, goes below it while the first layer stays as it is.
    """
    gram = relu_moments(first, first)
    cross = relu_moments(first, teacher.weights[0]) @ teacher.weights[1][0]
    gram[np.diag_indices_from(gram)] += RIDGE * gram.max()
    return float(max(0.0, 1.0 - cross @ np.linalg.solve(gram, cross)))


def fresh(key: Any, batch: int, held: Any) -> tuple[Any, Any]:
    """New inputs, and the member's own teacher's answers."""
    first = held["teacher"]["hidden1"]["weight"]
    x = jax.random.normal(key, (batch, first.shape[1]))
    return x, jax.nn.relu(x @ first.T) @ held["teacher"]["output"]["weight"].T


def probe_times(steps: int) -> tuple[int, ...]:
    """Steps at which the loss is looked at: each at most 5 % (or one step) after the one before.

    >>> probe_times(12)
    (10, 11, 12)
    """
    found, at = [], float(FIRST)
    while at < steps:
        found.append(round(at))
        at = max(at * FINENESS, at + 1)
    return tuple(dict.fromkeys([*found, steps]))


def courses(cell: Mapping[str, Any], seed: int, network: Any, recipe: Recipe, progress: Progress) -> Any:
    """The runs of one seed at all rates, on the same fresh examples; the loss is that on 1,000 more of the same teacher."""
    own = own_teacher(cell["d"], cell["nodes"], seed)
    x, y = own.examples(1000, seed=seed, tag="over-specification")
    width = cell["nodes"] * cell["factor"]
    scale = width if cell["parametrisation"] == "mean_field" else 1.0
    members = [
        Member(seed, y, learning_rate=scale * one, state={"teacher": own.params}) for one in cell["rates"]
    ]
    runs = train(network, recipe, members, x, x[:1], y[:1], probes={}, progress=progress)
    zero = float(np.mean(np.square(y)))
    return [(run.steps, 2 * run.values["train_loss"] / zero, run.diverged_at) for run in runs]


def best_of(cell: Mapping[str, Any], found: Any) -> dict[str, Any]:
    """Steps to the target at the seed's own best rate and at the common one; where it is not reached, the budget."""
    steps, target = cell["steps"], cell["target"]
    read: dict[str, Any] = {
        "x_scale": "log",
        "scale": "log",
        "never": math.inf,
    }  # from step 1 on: step 0 has no logarithm
    at = [
        math.inf if lost is not None else crossing(np.maximum(times, 1), losses, target, **read)
        for times, losses, lost in found
    ]
    reach = [(one, i) for i, one in enumerate(at) if one < math.inf]
    ends = [(losses[-1] if lost is None else math.inf, i) for i, (_, losses, lost) in enumerate(found)]
    best = min(reach)[1] if reach else min(ends)[1]
    one = cell["rates"].index(cell["one"])
    times, losses, _ = found[best]
    kept = np.unique(np.searchsorted(times, np.geomspace(FIRST, times[-1], POINTS)).clip(1, len(times) - 1))
    return {
        "steps_best": min(at[best], steps), "steps_one": min(at[one], steps),
        "reached": int(at[best] < math.inf), "failed": int(at[best] == math.inf), "trials": 1,
        "reached_one": int(at[one] < math.inf), "rate_best": cell["rates"][best],
        "on_edge": int(bool(reach) and best in (0, len(found) - 1)),
        "step": [int(times[i]) for i in kept], "loss": [max(losses[i], LEAST * target) for i in kept],
    }  # fmt: skip


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """All seeds of one width, one after another through the same program; then the same with the first layer frozen."""
    given, seeds = shared(cells), [cell["seed"] for cell in cells]
    width, standard = given["nodes"] * given["factor"], given["parametrisation"] == "standard"
    more: dict[str, Any] = {} if standard else {"gain": math.sqrt(given["d"])}
    plain = two_layer(given["d"], width, 1, bias=False, parametrisation=given["parametrisation"], **more)
    network = holding(plain, teacher=own_teacher(given["d"], given["nodes"], 0).params)
    recipe = Recipe(
        given["steps"], 1.0, batch=given["batch"], loss="squared", stream=fresh, probe_at=probe_times(given["steps"]),
    )  # fmt: skip
    frozen = Recipe(
        given["steps"], 1.0, batch=given["batch"], loss="squared", stream=fresh, probe_at=probe_times(given["steps"]),
        layer_rates={"hidden1": 0.0},
    )  # fmt: skip
    done = []
    for place, seed in enumerate(seeds):
        part = within(progress, place / len(seeds), (place + 1) / len(seeds))
        own = own_teacher(given["d"], given["nodes"], seed)
        values = best_of(given, courses(given, seed, network, recipe, within(part, 0.0, 0.7)))
        weights = np.asarray(plain.init(jax.random.key(jnp.uint32(seed)))["hidden1"]["weight"], float)
        floor, kept = frozen_floor(weights, own), given["steps"]
        if floor < given["target"]:  # else no time is enough
            kept = best_of(given, courses(given, seed, network, frozen, within(part, 0.7, 1.0)))["steps_best"]
        values |= {"frozen_floor": floor, "frozen_steps": kept, "rate_on_edge": values.pop("on_edge")}
        done.append(outcome({name: rounded(one) for name, one in values.items()}))
        part(1.0)
    return done
