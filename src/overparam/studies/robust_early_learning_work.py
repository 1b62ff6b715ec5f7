"""The work of robust-early-learning: one network on labels of which some are wrong, its gradients masked or not."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from jaxtyping import Float, Int

from overparam.core import DataError, Outcome, Params, Progress, UsageError, outcome, rounded
from overparam.data import classes_present, coarser, load, subset
from overparam.data.stream import stream
from overparam.models import holding, mlp
from overparam.sweep.work import Shared, shared, task
from overparam.training import Member, Recipe, train
from overparam.training.times import even_times

LOOKS = 41  # times, even over the run, at which it can be stopped
MASKED = ("cdr", "cdr_unscaled", "random")
LINES = ("test_error", "train_error", "validation_error", "wrong_fit", "clean_fit")
HIGHEST = 0x7F7FFFFF  # bits of the largest finite float32
SMALLEST = 0x00800000  # of the smallest normal one: processors may take smaller ones for 0


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: all seeds of one method at one share of wrong labels."""
    given = shared(cells)
    n, held = given["n"], given["validation"]
    if given["batch"] > n:
        raise UsageError(
            f"--batch: expected at most the {n} training samples, got {given['batch']}. Take a smaller batch."
        )
    if not given["noise"] < 1:
        raise UsageError(
            f"--noise: expected a share below 1, got {given['noise']:g}: CDR keeps the share of right labels. Take less."
        )
    data = coarser(load(given["data"]), given["side"])
    if n + held > data.n:
        raise DataError(
            f"--n, --validation: expected at most {data.n:,} labelled samples together, which is what {given['data']} has, "
            f"got {n:,} and {held:,}. Take fewer."
        )
    tests = min(given["n_test"], data.n_test) if given["n_test"] else data.n_test
    stack = task(cells, data=subset(data, n + held, tests))
    data, order = stack.data, stream("robust-early-learning validation", n + held).permutation(n + held)
    rows, kept = np.sort(order[:n]), np.sort(order[n:])
    members = []
    for cell, labels in zip(cells, stack.labels, strict=True):
        classes_present(
            labels[rows], data.classes, f"training labels with noise {cell['noise']:g} in seed {cell['seed']}"
        )
        state = {
            "wrong": (labels[rows] != data.y[rows]).astype(np.float32),
            "held": labels[kept].astype(np.int32),
        }
        members.append(Member(cell["seed"], labels[rows], state=state))
    network = mlp(data.features, (given["width"],) * given["depth"], data.classes, init="he")
    network = holding(network, **(members[0].state or {}))
    x_test = np.concatenate([data.x_test, data.x[kept]])
    y_test = np.concatenate([data.y_test, data.y[kept]])
    runs = train(
        network, recipe_of(given), members, data.x[rows], x_test, y_test, progress=progress,
        probes={"parts": measured(len(data.x_test))},
    )  # fmt: skip
    made = []
    for one, facts in zip(runs, stack.facts, strict=True):
        gone = one.diverged_at is not None
        lines = {name: np.asarray(one.values[name], float) for name in LINES}
        values = {
            **facts,
            "epoch": [float(at) * given["batch"] / n for at in one.steps[1:]],
            **summary(lines, lost=gone),
        }
        made.append(outcome(values, lost=f"step {int(one.diverged_at)}" if gone else ""))  # type: ignore[arg-type]
    return made


def summary(lines: dict[str, Any], *, lost: bool = False) -> dict[str, Any]:
    """What a cell stores: lines over the run, and numbers at its end and where held-out labels say to stop.

    Args:
        lines: shares over the looks, by name, from 0 to 1; what is stored is in percent.
        lost: whether the run diverged, so that there are no numbers.
    """
    points = {name: 100.0 * np.asarray(line, float) for name, line in lines.items()}
    drawn = {name: line[1:] for name, line in points.items()}  # the start, at chance, would set the scale
    found: dict[str, Any] = {
        "test_line": rounded(100 - drawn["test_error"], 4), "wrong_line": rounded(drawn["wrong_fit"], 4),
        "validation_line": rounded(100 - drawn["validation_error"], 4), "clean_line": rounded(drawn["clean_fit"], 4),
    }  # fmt: skip
    stop = 0 if lost else int(np.argmin(lines["validation_error"]))
    for name, at in (("final", -1), ("stopped", stop)):
        found[f"{name}_accuracy"] = None if lost else float(100 - points["test_error"][at])
        found[f"{name}_wrong_fit"] = None if lost else float(points["wrong_fit"][at])
    found["stopped_look"] = None if lost else stop
    return found


@functools.lru_cache(maxsize=8)
def measured(tests: int) -> Any:
    """A probe: errors on training, test and held-out rows, and how much of the wrong and of the right labels is fitted.

    Args:
        tests: test rows; the rows behind them are held out, with the labels that the network holds as ``held``.
    """

    def measure(
        network: Any, loss: Any, params: Any, params0: Any, x: Any, y: Any, x_test: Any, y_test: Any
    ) -> Any:
        fits = (network.apply(params, x).argmax(axis=1) == y).astype(jnp.float32)
        answers, wrong = network.apply(params, x_test).argmax(axis=1), params["wrong"]
        return {
            "train_error": 1 - jnp.mean(fits),
            "clean_fit": jnp.sum((1 - wrong) * fits) / jnp.sum(1 - wrong),
            "wrong_fit": jnp.sum(wrong * fits) / jnp.maximum(jnp.sum(wrong), 1),
            "test_error": jnp.mean(answers[:tests] != y_test[:tests]),
            "validation_error": jnp.mean(answers[tests:] != params["held"]),
        }

    return measure


def recipe_of(given: Params | Shared) -> Recipe:
    """How a method is trained; see the study for what each changes.

    Args:
        given: the cell.
    """
    steps = given["epochs"] * (given["n"] // given["batch"])
    method, keep = given["method"], 1.0 - given["noise"]
    rate = given["learning_rate"] * {"rate": keep, "rate_twice": keep * keep}.get(method, 1.0)
    decay = 0.0 if method == "plain" else given["decay"]
    looks = even_times(steps, min(LOOKS, steps + 1))
    if method not in MASKED:
        return Recipe(
            steps, rate, momentum=given["momentum"], weight_decay=decay, batch=given["batch"], probe_at=looks
        )
    rule = masked(method, keep, decay, given["momentum"])
    return Recipe(steps, rate, optimizer=rule, batch=given["batch"], probe_at=looks)


@functools.lru_cache(maxsize=16)
def masked(method: str, keep: float, decay: float, momentum: float) -> optax.GradientTransformation:
    """Heavy ball with decay behind a mask of the gradient: the order of the published code.

    Args:
        method: ``cdr``, ``cdr_unscaled`` or ``random``.
        keep: share of the weights whose gradient is kept, and the factor of what is kept (but for ``cdr_unscaled``).
        decay: coefficient of weight decay, which every weight gets.
        momentum: coefficient of the momentum buffer.
    """
    factor = 1.0 if method == "cdr_unscaled" else keep
    first = random_part(keep, factor) if method == "random" else critical_part(keep, factor)
    return optax.chain(first, optax.add_decayed_weights(decay), optax.trace(momentum), optax.scale(-1.0))


def critical_part(keep: float, factor: float) -> optax.GradientTransformation:
    """Keep the gradient where ``|weight x gradient|`` is among the largest of all weights; biases are left alone.

    Args:
        keep: share that is kept, from above 0 to 1.
        factor: what is kept is multiplied by this.

    References: Xia et al., Robust early-learning, ICLR 2021, and its published code, which ranks arrays of two and more
        dimensions together and multiplies what is kept by its share.
    """

    def update(gradient: Any, state: Any, params: Any = None) -> Any:
        scores = [
            jnp.abs(p * g) for p, g in zip(*map(jax.tree.leaves, (params, gradient)), strict=True) if g.ndim > 1
        ]
        least = kth_largest(scores, max(1, int(keep * sum(one.size for one in scores))))
        return jax.tree.map(
            lambda g, p: jnp.where(jnp.abs(p * g) >= least, factor * g, 0.0) if g.ndim > 1 else g,
            gradient,
            params,
        ), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def kth_largest(parts: Sequence[Array], k: int) -> Float[Array, ""]:
    """The k-th largest of finite numbers of at least 0, exactly, without a sort.

    Such float32 numbers are ordered as their bits are, read as whole numbers: the answer is found by bisection of those, in
    31 counts. A sort costs several times a training step on a processor. Numbers below the smallest normal one count as 0.

    Args:
        parts: arrays of any shapes.
        k: which, from 1 on.

    >>> float(kth_largest([jnp.array([3.0, 0.5]), jnp.array([[2.0]])], 2))
    2.0
    """

    def halve(_: Any, bounds: tuple[Int[Array, ""], Int[Array, ""]]) -> tuple[Any, Any]:
        low, high = bounds  # at least k numbers are at least low; fewer are at least high + 1
        middle = low + (high - low + 1) // 2
        value = lax.bitcast_convert_type(middle, jnp.float32)
        enough = sum(jnp.sum(part >= value, dtype=jnp.int32) for part in parts) >= k
        return jnp.where(enough, middle, low), jnp.where(enough, high, middle - 1)

    low, _ = lax.fori_loop(0, 31, halve, (jnp.int32(0), jnp.int32(HIGHEST)))
    return lax.bitcast_convert_type(jnp.where(low < SMALLEST, 0, low), jnp.float32)


def random_part(keep: float, factor: float) -> optax.GradientTransformation:
    """Keep the gradient at random: the same share in the mean, drawn anew in every step; biases are left alone.

    The draw is keyed by the initial weights, so that members of other seeds have other masks, and by the step.

    Args:
        keep: share that is kept.
        factor: what is kept is multiplied by this.
    """

    def start(params: Any) -> Any:
        total = sum(jnp.sum(jnp.abs(leaf)) for leaf in jax.tree.leaves(params))
        bits = lax.bitcast_convert_type(jnp.float32(total), jnp.uint32)
        return {"seed": bits, "step": jnp.zeros((), jnp.int32)}

    def update(gradient: Any, state: Any, params: Any = None) -> Any:
        key = jax.random.fold_in(jax.random.key(state["seed"]), state["step"])
        leaves, structure = jax.tree.flatten(gradient)
        kept = [
            jnp.where(jax.random.bernoulli(jax.random.fold_in(key, i), keep, g.shape), factor * g, 0.0)
            if g.ndim > 1
            else g
            for i, g in enumerate(leaves)
        ]
        return jax.tree.unflatten(structure, kept), {**state, "step": state["step"] + 1}

    return optax.GradientTransformation(start, update)
