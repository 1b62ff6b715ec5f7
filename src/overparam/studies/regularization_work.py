"""The work of regularization: one network trained with one regularizer, for every seed and share of wrong labels at once."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from overparam.core import DataError, Outcome, Params, Progress, UsageError, outcome, rounded
from overparam.data import coarser, load, subset
from overparam.models import named
from overparam.probes import standard
from overparam.sweep.work import Shared, shared, task
from overparam.training import Recipe, train

LOOKS = (0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # shares of a run
EARLY = 0.05  # share of a run until which two runs that should be one are compared: rounding grows later
NORMED = ("norm", "norm_decay", "norm_rate")
LARGE = ("large", "large_steps", "large_rate")


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: all seeds and all shares of wrong labels of one regularizer."""
    given = shared(cells)
    data = coarser(load(given["data"]), given["side"])
    if given["n"] > data.n:
        raise DataError(
            f"--n: expected at most the {data.n:,} training samples of {given['data']}, got {given['n']:,}. Take fewer."
        )
    tests = min(given["n_test"], data.n_test) if given["n_test"] else data.n_test
    stack = task(cells, data=subset(data, given["n"], tests))
    recipe = recipe_of(given)
    network = named(
        "mlp", (stack.data.features,), stack.data.classes, width=given["width"], depth=given["depth"], init="he",
        norm="batch" if given["method"] in NORMED else "none",
        dropout=given["dropout"] if given["method"] == "dropout" else 0.0,
    )  # fmt: skip
    few = stack.data
    runs = train(
        network, recipe, stack.members, few.x, few.x_test, few.y_test, progress=progress, probes=standard()
    )
    made = []
    for one, facts in zip(runs, stack.facts, strict=True):
        gone = one.diverged_at is not None
        lines = {
            name: np.asarray(one.values[name], float) for name in ("train_error", "test_error", "train_loss")
        }
        points = {side: 100.0 * (1 - lines[f"{side}_error"]) for side in ("train", "test")}
        right = {f"{side}_line": rounded(one_line[1:], 5) for side, one_line in points.items()}
        ends = {f"{side}_accuracy": None if gone else float(one_line[-1]) for side, one_line in points.items()}
        until = early_until(recipe.steps)
        early = {
            int(at): float(loss)
            for at, loss in zip(one.steps, lines["train_loss"], strict=True)
            if 0 < at <= until
        }
        values = {
            **facts, "share": [100.0 * float(at) / recipe.steps for at in one.steps[1:]], **right, **ends,
            "early_step": list(early), "early_loss": rounded(list(early.values()), 7), "steps_taken": recipe.steps,
        }  # fmt: skip
        made.append(outcome(values, lost=f"step {int(one.diverged_at)}" if gone else ""))  # type: ignore[arg-type]
    return made


def early_until(steps: int) -> int:
    """The last step of the early part of a run, at least 2."""
    return max(2, round(EARLY * steps))


def recipe_of(given: Params | Shared) -> Recipe:
    """How a method is trained; see the study for what each changes.

    Args:
        given: the cell.

    Raises:
        UsageError: batches that are larger than the training set, or a decay that no growing rate stands for.
    """
    n, small, large, rate = given["n"], given["batch"], given["large"], given["learning_rate"]
    method, momentum, decay = given["method"], given["momentum"], given["decay"]
    for name, size in (("batch", small), ("large", large)):
        if size > n:
            raise UsageError(
                f"--{name}: expected at most the {n} training samples, got {size}. Take a smaller one."
            )
    if large <= small:
        raise UsageError(f"--large: expected more than --batch, {small}, got {large}. Take a larger one.")
    steps = given["epochs"] * (n // small)
    batch = large if method in LARGE else small
    if method in ("large", "large_rate"):
        steps = given["epochs"] * (n // large)
    rate = rate * large / small if method == "large_rate" else rate
    options: dict[str, Any] = {"momentum": momentum}
    if method in ("decay", "weak"):
        options["weight_decay"] = decay if method == "decay" else given["weak"]
    if method == "norm_decay":
        options = {"optimizer": decayed_where_normed(decay, momentum)}
    if method == "norm_rate":
        options = {"optimizer": growing_where_normed(rate, decay, momentum)}
    looks = {round(share * steps) for share in LOOKS} | {early_until(steps) // k for k in (1, 2, 4)}
    return Recipe(steps, rate, batch=batch, probe_at=tuple(sorted(looks)), **options)


def normed(params: Any) -> Any:
    """Which arrays are followed by a normalisation, so that their size changes no output: a tree of booleans."""

    def followed(path: Any, leaf: Any) -> bool:
        return str(path[0].key).startswith("hidden") and path[-1].key == "weight"

    return jax.tree_util.tree_map_with_path(followed, params)


@functools.lru_cache(maxsize=8)
def decayed_where_normed(decay: float, momentum: float) -> optax.GradientTransformation:
    """Heavy ball with weight decay on the weights that a normalisation follows, and on no others.

    Args:
        decay: coefficient of the penalty.
        momentum: coefficient of the momentum buffer.
    """
    return optax.chain(
        optax.masked(optax.add_decayed_weights(decay), normed), optax.trace(momentum), optax.scale(-1.0)
    )


@functools.lru_cache(maxsize=8)
def growing_where_normed(rate: float, decay: float, momentum: float) -> optax.GradientTransformation:
    r"""Heavy ball without decay whose rate grows so that the network computes what it would with decay.

    Let a weight :math:`w` be followed by a normalisation, so that its gradient at :math:`c w` is that at :math:`w` over
    :math:`c`. Then :math:`w_t = \alpha^t v_t` takes the steps with decay into steps of :math:`v` without it, with the same
    momentum, at the rate :math:`\eta \alpha^{-2t-1}`, :math:`\alpha` the larger root of
    :math:`\alpha^2 - (1 + \gamma - \eta \lambda) \alpha + \gamma = 0`; the buffer starts at
    :math:`-(1 - \alpha) v_0 / (\alpha \eta)`, because :math:`v_{-1} = \alpha v_0`. Other weights keep their rate.

    Args:
        rate: learning rate of the run with decay.
        decay: its coefficient of the penalty.
        momentum: its momentum.

    Raises:
        UsageError: the two roots are not real.

    References: Li and Arora, An exponential learning rate schedule for deep learning, ICLR 2020, theorem 2.12 (number
        recalled); the formulas are derived here for this package's momentum.
    """
    alpha = shrinking(rate, decay, momentum)

    def start(params: Any) -> Any:
        buffer = jax.tree.map(
            lambda p, on: -(1 - alpha) / (alpha * rate) * p if on else jnp.zeros_like(p), params, normed(params)
        )
        return {"buffer": buffer, "step": jnp.zeros((), jnp.int32)}

    def update(gradient: Any, state: Any, params: Any = None) -> Any:
        buffer = jax.tree.map(lambda m, g: momentum * m + g, state["buffer"], gradient)
        grown = jnp.exp(-(2.0 * state["step"] + 1.0) * math.log(alpha))
        moves = jax.tree.map(lambda m, on: -grown * m if on else -m, buffer, normed(gradient))
        return moves, {"buffer": buffer, "step": state["step"] + 1}

    return optax.GradientTransformation(start, update)


def shrinking(rate: float, decay: float, momentum: float) -> float:
    """The factor by which decay alone shrinks a weight in a step, in the long run.

    Args:
        rate: learning rate.
        decay: coefficient of the penalty.
        momentum: momentum.

    Raises:
        UsageError: with so much decay the weights swing.

    >>> shrinking(0.1, 0.5, 0.0)
    0.95
    """
    middle = 1.0 + momentum - rate * decay
    inside = middle * middle - 4.0 * momentum
    if inside < 0 or middle + math.sqrt(inside) <= 0:
        raise UsageError(
            f"--decay: expected at most {(1 - math.sqrt(momentum)) ** 2 / rate:.3g} at rate {rate:g} and momentum {momentum:g}, "
            f"for which a growing rate stands, got {decay:g}. Take less."
        )
    return (middle + math.sqrt(inside)) / 2.0
