"""The work of label-noise: networks on images with wrong labels, and wide networks on clusters beside their kernel."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core import Outcome, Params, Progress, outcome, rounded
from overparam.core.crossing import crossing
from overparam.data import classes_present, clusters, gaussian_pixels, load, subset
from overparam.data.stream import stream
from overparam.models import holding, mlp, two_layer
from overparam.models.state import split
from overparam.own.jacobian import empirical_kernel
from overparam.sweep.work import noise_of, shared, task
from overparam.theory.li2020 import early_stopping, top_alignment
from overparam.training import Member, Recipe, train
from overparam.training.times import probe_times

TIMES, CLUSTER_TIMES = 60, 30  # probe times of images and of clusters
ROWS, FEATURES, CENTRES, UNITS = (
    200,
    20,
    10,
    512,
)  # of the clusters: rows, dimension, centres; units of their network
ROUNDING = 1e-6  # of shares in float32
SCALE = 4.0  # of the outputs on clusters, which keeps the network near its kernel
FITS, CLEAN, ALL = (
    0.9,
    0.95,
    0.95,
)  # shares that count as: the clean part of images, of clusters, the wrong part
COURSE = (
    "train_error",
    "test_error",
    "test_loss",
    "clean_fit",
    "wrong_fit",
    "corrected",
    "validation_error",
    "distance",
)
AT = ("best", "stopped", "final")
IMAGES = ("step", *COURSE, *(f"{name}_test_error" for name in AT), "best_step", "stopped_step", "wrong_loss",
          "wrong_loss_at_best", "wrong_fit_at_best", "clean_step", "memorized_step", "memorized", "wrong_fit_then",
          "test_error_then", "distance_then", "distance_memorized")  # fmt: skip
OF_RADIUS = ("radius", "separation", "diameter", "stop", "predicted_stop", "shuffled_stop", "loss_gap", "shuffled_loss_gap",
             "wrong_output", "wrong_fit_then", "clean_step", "memorized_step", "memorized", "distance_best",
             "distance_memorized", "predicted_distance", "saved", "alignment")  # fmt: skip
ENDS = ("tight", "loose")
CLUSTERS = (*OF_RADIUS, *(f"{end}_{what}" for end in ENDS for what in ("clean_error", "predicted")))


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: every seed of one setting, on images, on Gaussian inputs, or on clusters of every radius."""
    given = shared(cells)
    return (on_clusters if given["inputs"] == "clusters" else on_images)(cells, progress)


@functools.lru_cache(maxsize=8)
def measured(tests: int) -> Any:
    """A probe: fit of the clean and of the wrong part, errors on test and held-out rows, and distance from the start.

    Args:
        tests: test rows; the rows behind them are held out, with the labels that the network holds as ``held``.
    """

    def measure(
        network: Any, loss: Any, params: Any, params0: Any, x: Any, y: Any, x_test: Any, y_test: Any
    ) -> Any:
        outputs, others = network.apply(params, x), network.apply(params, x_test)
        told, answers, wrong = outputs.argmax(axis=1), others.argmax(axis=1), params["wrong"]
        fits, each = (told == y).astype(jnp.float32), loss.each(outputs, y)
        many = jnp.sum(wrong)
        return {
            "train_error": 1 - jnp.mean(fits),
            "clean_fit": jnp.sum((1 - wrong) * fits) / jnp.sum(1 - wrong),
            "wrong_fit": jnp.sum(wrong * fits) / many,
            "wrong_loss": jnp.sum(wrong * each) / many,
            "corrected": jnp.sum(wrong * (told == params["clean"])) / many,
            "test_error": jnp.mean(answers[:tests] != y_test[:tests]),
            "test_loss": jnp.mean(loss.each(others[:tests], y_test[:tests])),
            "validation_error": jnp.mean(answers[tests:] != params["held"]),
            "distance": _moved(network, params, params0, relative=True),
        }

    return measure


def _moved(network: Any, params: Any, start: Any, *, relative: bool) -> Any:
    """Distance of all trained numbers from their start, or that over the norm of the start."""
    here, before = (jax.tree.leaves(split(network.state, tree)[0]) for tree in (params, start))
    away = jnp.sqrt(sum(jnp.sum((a - b) ** 2) for a, b in zip(here, before, strict=True)))
    return away / jnp.sqrt(sum(jnp.sum(b**2) for b in before)) if relative else away


def far(
    network: Any, loss: Any, params: Any, params0: Any, x: Any, y: Any, x_test: Any, y_test: Any
) -> Mapping[str, Any]:
    """A probe: outputs on the training rows, and distance from the start."""
    return {
        "outputs": network.apply(params, x)[:, 0],
        "distance": _moved(network, params, params0, relative=False),
    }


def on_images(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Every seed of one rate of noise, on images or on Gaussian inputs with their labels."""
    given = shared(cells)
    n, held = given["n"], given["validation"]
    data = subset(load(given["data"]), n + held)
    stack = task(cells, data=gaussian_pixels(data) if given["inputs"] == "gaussian" else data)
    data, order = stack.data, stream("label-noise validation", n + held).permutation(n + held)
    rows, kept = np.sort(order[:n]), np.sort(order[n:])
    network = mlp(data.features, (given["width"],) * given["depth"], data.classes, init="he")
    members = [_member(data, y, rows, kept, cell) for cell, y in zip(cells, stack.labels, strict=True)]
    network = holding(network, **(members[0].state or {}))
    recipe = Recipe(
        given["steps"], given["learning_rate"], momentum=given["momentum"], batch=given["batch"],
        probe_at=probe_times(given["steps"], TIMES),
    )  # fmt: skip
    x_test = np.concatenate([data.x_test, data.x[kept]])
    y_test = np.concatenate([data.y_test, data.y[kept]])
    runs = train(
        network, recipe, members, data.x[rows], x_test, y_test, progress=progress,
        probes={"parts": measured(len(data.x_test))},
    )  # fmt: skip
    made = []
    for one, facts in zip(runs, stack.facts, strict=True):
        gone = one.diverged_at is not None
        lines = {name: np.asarray(one.values[name], float) for name in (*COURSE, "wrong_loss")}
        drawn = {name: rounded(lines[name][1:], 5) for name in COURSE}  # from step 1 on: axes are logarithmic
        values = {"step": [int(t) for t in one.steps[1:]], **drawn}
        known = dict.fromkeys(set(IMAGES) - set(values)) if gone else stops(np.asarray(one.steps), lines)
        made.append(
            outcome(
                {**facts, "classes": data.classes, **values, **known},
                lost=f"step {int(one.diverged_at)}" if gone else "",  # type: ignore[arg-type]
            )
        )
    return made


def _member(data: Any, labels: Any, rows: Any, held: Any, cell: Params) -> Member:
    """One member with its labels, refused where a class has no label left that is its own."""
    y, clean = labels[rows], data.y[rows]
    rate = f"with noise {cell['noise']:g} in seed {cell['seed']}"
    classes_present(y, data.classes, f"training labels {rate}")
    classes_present(clean[y == clean], data.classes, f"training labels {rate} that are still their own")
    state = {
        "wrong": (y != clean).astype(np.float32),
        "clean": clean.astype(np.int32),
        "held": labels[held].astype(np.int32),
    }
    return Member(cell["seed"], y, state=state)


def first(line: Any, share: float) -> tuple[int, bool]:
    """The first probe time at which a line has reached a share, and whether it has; else the last.

    >>> first(np.array([0.0, 0.5, 0.9]), 0.5), first(np.array([0.0, 0.5]), 0.9)
    ((1, True), (1, False))
    """
    reached = np.flatnonzero(np.asarray(line) >= share - ROUNDING)
    return (int(reached[0]), True) if len(reached) else (len(line) - 1, False)


def when(steps: Any, line: Any, share: float) -> float:
    """The step at which a line reaches a share, straight between probe times, at least 1; the last if it does not.

    >>> round(when(np.array([1, 2, 4]), np.array([0.0, 0.5, 1.0]), 0.75), 3)
    3.0
    """
    return max(1.0, crossing(steps, line, share - ROUNDING, rising=True, never="last"))


def stops(steps: Any, lines: Mapping[str, Any]) -> dict[str, Any]:
    """What a run had reached where it could have been stopped, and when it had fitted each part.

    Args:
        steps: probe times.
        lines: what :func:`measured` gives, over them.

    Returns:
        Errors at the best time, at that which held-out rows with given labels choose, and at the end; and what holds when
        ``FITS`` of the clean part is fitted. None where no label is wrong, or where the clean part is not fitted in time.
    """
    best, stopped = (int(np.argmin(lines[name])) for name in ("test_error", "validation_error"))
    found: dict[str, Any] = {
        f"{name}_test_error": lines["test_error"][i] for name, i in zip(AT, (best, stopped, -1), strict=True)
    }
    found |= {"best_step": int(steps[best]), "stopped_step": int(steps[stopped])}
    noisy = bool(np.isfinite(lines["wrong_fit"]).all())
    then, fitted = first(lines["clean_fit"], FITS)
    late, all_of_it = first(lines["wrong_fit"], ALL) if noisy else (0, False)
    found |= {
        "wrong_loss": lines["wrong_loss"][-1], "wrong_loss_at_best": lines["wrong_loss"][best],
        "wrong_fit_at_best": lines["wrong_fit"][best],
        "clean_step": when(steps, lines["clean_fit"], FITS) if fitted else None,
        "memorized_step": when(steps, lines["wrong_fit"], ALL) if noisy else None, "memorized": int(all_of_it) if noisy else None,
        "wrong_fit_then": lines["wrong_fit"][then] if fitted else None,
        "test_error_then": lines["test_error"][then] if fitted else None,
        "distance_then": lines["distance"][then] if fitted else None,
        "distance_memorized": lines["distance"][late] if noisy else None,
    }  # fmt: skip
    return found


def on_clusters(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Every seed of one rate of noise: a wide network on clusters of every radius, by full descent, beside its kernel."""
    given = shared(cells)
    radii = sorted(set(given["radius"]))
    times = probe_times(given["cluster_steps"], CLUSTER_TIMES)
    network = two_layer(FEATURES, UNITS, activation="gelu", bias=False, parametrisation="ntk_unit")
    made, members, known = [], [], []
    for cell in cells:
        key = jax.random.key(cell["seed"])
        start = network.init(key)
        for radius in radii:
            drawn = clusters(
                ROWS, FEATURES, CENTRES, radius=radius, separated=False, n_test=1, seed=cell["seed"]
            )
            labels = noise_of(cell).apply(drawn.data.y, 2)
            classes_present(labels, 2, f"cluster labels with noise {cell['noise']:g}")
            classes_present(labels[labels == drawn.data.y], 2, "cluster labels that are still their own")
            kernel = empirical_kernel(network, start, drawn.data.x)
            outputs = np.asarray(network.apply(start, drawn.data.x))[:, 0].astype(float)
            rate = 1.0 / float(np.linalg.eigvalsh(kernel)[-1])
            y, clean = (2.0 * one - 1.0 for one in (labels, drawn.data.y))
            # descent on these, in the network's outputs, is descent on the labels in SCALE times what it moved by
            targets = (y / SCALE + outputs).astype(np.float32)
            members.append(Member(cell["seed"], targets, x=drawn.data.x, learning_rate=ROWS * rate))
            known.append((drawn, kernel, rate, y, clean, outputs))
    recipe = Recipe(given["cluster_steps"], 1.0, optimizer="gd", loss="squared", probe_at=times)
    x = known[0][0].data.x  # every member has rows of its own: only their shape counts
    runs = train(
        network, recipe, members, x, x[:1], np.zeros(1, np.float32), probes={"far": far}, progress=progress
    )
    for at, cell in enumerate(cells):
        own = range(at * len(radii), (at + 1) * len(radii))
        lost = [f"step {int(runs[i].diverged_at)}" for i in own if runs[i].diverged_at is not None]  # type: ignore[arg-type]
        if lost:
            made.append(outcome(dict.fromkeys(CLUSTERS), lost=lost[0]))
            continue
        every = [beside_kernel(runs[i], *known[i], seed=cell["seed"]) for i in own]
        values: dict[str, Any] = {name: [one[name] for one in every] for name in OF_RADIUS if name != "radius"}
        for end, one in zip(ENDS, (every[0], every[-1]), strict=True):
            values |= {f"{end}_{what}": rounded(one[what][1:], 5) for what in ("clean_error", "predicted")}
        made.append(
            outcome(
                {
                    "radius": radii,
                    "step": list(times[1:]),
                    "wrong_labels": every[0]["wrong"],
                    "classes": 2,
                    **values,
                }
            )
        )
    return made


def beside_kernel(
    one: Any, drawn: Any, kernel: Any, rate: float, y: Any, clean: Any, outputs: Any, *, seed: int
) -> dict[str, Any]:
    """One trained network on clusters, and what the kernel at its start says of it.

    Args:
        one: the run, with the outputs and distances of :func:`far`.
        drawn: the clusters.
        kernel: tangent kernel at the start.
        rate: step of descent on half the sum of squares.
        y: labels that it was trained on, -1 and 1.
        clean: the labels before noise.
        outputs: what the network answers at the start.
        seed: of the order in which labels are shuffled for the control.
    """
    steps = np.asarray(one.steps)
    answers = SCALE * (np.asarray(one.values["outputs"]) - outputs)
    distance = SCALE * np.asarray(one.values["distance"])
    clean_error = np.square(answers - clean).mean(axis=1)
    loss = 0.5 * np.square(answers - y).mean(axis=1)
    theory = early_stopping(kernel, y, clean, steps, rate=rate)
    order = stream("label-noise shuffled", seed).permutation(len(y))
    shuffled = early_stopping(kernel, y[order], clean[order], steps, rate=rate)
    wrong = y != clean
    fits = y * answers > 0
    right_fit = fits[:, ~wrong].mean(axis=1)
    wrong_fit = fits[:, wrong].mean(axis=1) if wrong.any() else np.full(len(steps), np.nan)
    then, _ = first(right_fit, CLEAN)
    late, all_of_it = first(np.nan_to_num(wrong_fit), ALL)
    best, pulled = int(np.argmin(clean_error)), y * answers[then]
    return {
        "separation": drawn.separation, "diameter": drawn.diameter, "wrong": float(wrong.mean()),
        "clean_error": clean_error, "predicted": theory.clean_error,
        "stop": least(steps, clean_error), "predicted_stop": least(steps, theory.clean_error),
        "shuffled_stop": least(steps, shuffled.clean_error),
        "loss_gap": float(np.abs(loss - theory.loss).max()),
        "shuffled_loss_gap": float(np.abs(loss - shuffled.loss).max()),
        "wrong_output": float(pulled[wrong].mean() / pulled[~wrong].mean()) if wrong.any() else None,
        "wrong_fit_then": float(wrong_fit[then]) if wrong.any() else None,
        "clean_step": when(steps, right_fit, CLEAN), "memorized": int(all_of_it),
        "memorized_step": when(steps, np.nan_to_num(wrong_fit), ALL),
        "distance_best": float(distance[best]), "distance_memorized": float(distance[late]),
        "predicted_distance": float(theory.distance[late]), "saved": float(clean_error[-1] - clean_error[best]),
        "alignment": top_alignment(kernel, clean, CENTRES),
    }  # fmt: skip


def least(steps: Any, line: Any) -> float:
    """The time at which a line is least, between probe times by a parabola in the logarithm of the step; at least 1.

    >>> t = np.array([0, 1, 2, 4, 8])
    >>> round(least(t, (np.log2(np.maximum(t, 0.5)) - 1.25) ** 2), 3)  # 2^1.25
    2.378
    """
    at = int(np.argmin(line))
    if at < 2 or at == len(line) - 1:
        return float(max(1, steps[at]))
    u, v = np.log(np.asarray(steps, float)[at - 1 : at + 2]), np.asarray(line, float)[at - 1 : at + 2]
    a, b, _ = np.polyfit(u - u[1], v, 2)
    return float(np.exp(u[1] + np.clip(-b / (2 * a), u[0] - u[1], u[2] - u[1]))) if a > 0 else float(steps[at])
