"""The work of random-labels: networks on true and on meaningless data, and wide ones beside the time that the kernel predicts."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from overparam.core import DataError, Outcome, Params, Progress, UsageError, outcome
from overparam.core.crossing import crossing
from overparam.data import (
    LabelNoise,
    classes_present,
    flatten,
    gaussian_pixels,
    load,
    random_pixels,
    shuffled_pixels,
    subset,
)
from overparam.data.stream import stream
from overparam.models import Network, linear, mlp, named, parameters, two_layer
from overparam.own.jacobian import empirical_kernel
from overparam.probes import outputs, standard
from overparam.sweep.work import Size, dense, shared, task
from overparam.theory.dynamics import kernel_dynamics
from overparam.training import Member, Recipe, train
from overparam.training.times import probe_times

RATES = {"half-random": 0.5, "random": 1.0}  # shares of the labels that are replaced
IMAGES = {"shuffled-pixels": shuffled_pixels, "random-pixels": random_pixels, "gaussian": gaussian_pixels}
VARIANTS = ("true", "half-random", "random", *IMAGES)
TIMES, FITTED, LEFT = 70, 0.01, 0.05  # probe times; error that counts as fitted; share of the squared residual
ROUNDING = 1e-6  # of shares in float32
ROWS, KERNEL_STEPS = 100, 1000  # of the networks near their kernel
SCALE = 4.0  # of the outputs of the networks near their kernel
CROP = 28  # side of what is taken from the middle of an image of CIFAR-10
CONVOLUTIONS = {
    "alexnet-small": Size(1_387_786, 90_000, 5.0e7, 0.7),
    "inception-small": Size(1_649_402, 600_000, 4.5e8, 0.7),
}
NETWORKS = ("linear", "mlp-1x32", "mlp-1x512", "mlp-3x128", "mlp-3x512", "alexnet-small", "inception-small")
PLACES = {name: at for at, name in enumerate(NETWORKS, 1)}
TABLE: tuple[tuple[str, dict[str, Any], int], ...] = (  # of Zhang et al., with what is printed there
    ("mlp", {"depth": 1}, 1_209_866),
    ("mlp", {"depth": 3}, 1_735_178),
    ("alexnet-small", {}, 1_387_786),
    ("inception-small", {"norm": "none"}, 1_649_402),
)


def sizes_of(name: str) -> tuple[str, int, int]:
    """The kind, depth and width of a network by its name, such as ``mlp-1x512`` or ``kernel-512``.

    >>> sizes_of("mlp-3x512"), sizes_of("kernel-64"), sizes_of("linear")
    (('mlp', 3, 512), ('kernel', 1, 64), ('linear', 0, 0))
    """
    found = re.fullmatch(r"(?:(mlp)-([1-9]\d?)x|(kernel)-)([1-9]\d{0,4})", name)
    if found:
        return (found[1] or found[3], int(found[2] or 1), int(found[4]))
    if name in ("linear", *CONVOLUTIONS):
        return (name, 0, 0)
    raise UsageError(
        f"--networks: expected linear, mlp-DEPTHxWIDTH such as mlp-1x512, kernel-WIDTH, or one of {', '.join(CONVOLUTIONS)}, "
        f"got '{name}'. The numbers are hidden layers and units."
    )


def network_of(name: str, shape: Sequence[int], classes: int) -> Network:
    """The network of a name for examples of a shape."""
    kind, depth, width = sizes_of(name)
    features = int(np.prod(shape))
    if kind == "linear":
        return linear(features, classes)
    if kind == "mlp":
        return mlp(features, (width,) * depth, classes, init="he")
    return named(name, shape, classes)


def size_of(name: str, features: int, classes: int) -> Size:
    """What a network costs; convolutional ones at their published size."""
    kind, depth, width = sizes_of(name)
    if kind in CONVOLUTIONS:
        return CONVOLUTIONS[kind]
    return dense(features, *[width] * depth, classes)


@functools.lru_cache(maxsize=1)
def counts_off() -> int:
    """Largest difference between the parameters of a network of the table of Zhang et al. and the number printed there."""
    shape = (CROP, CROP, 3)
    return max(abs(parameters(named(family, shape, 10, **axes)) - printed) for family, axes, printed in TABLE)


def changed(name: str, n: int, variant: str) -> Any:
    """The first n rows of a data set with their inputs changed as a variant says; CIFAR-10 cropped and each image whitened."""
    data = subset(load(name), n)
    if data.shape == (32, 32, 3):
        edge = (32 - CROP) // 2
        parts = [x[:, edge : edge + CROP, edge : edge + CROP] for x in (data.x, data.x_test)]
        data = replace(data, x=_whitened(parts[0]), x_test=_whitened(parts[1]))
    return IMAGES[variant](data) if variant in IMAGES else data


def _whitened(x: Any) -> Any:
    """Every image with mean 0 and variance 1."""
    rows = x.reshape(len(x), -1).astype(np.float64)
    spread = np.maximum(rows.std(axis=1, keepdims=True), rows.shape[1] ** -0.5)
    return ((rows - rows.mean(axis=1, keepdims=True)) / spread).reshape(x.shape).astype(np.float32)


def noise(cell: Params) -> LabelNoise:
    """The label noise of a cell's variant, drawn by its seed."""
    return LabelNoise(RATES.get(cell["variant"], 0.0), "inclusive", cell["seed"])


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: every seed of one network on one variant of the data."""
    given = shared(cells)
    return (near_kernel if sizes_of(given["network"])[0] == "kernel" else trained)(cells, progress)


def trained(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Every seed of one network on one variant, trained with momentum at a constant rate."""
    given = shared(cells)
    data = changed(given["data"], given["n"], given["variant"])
    network = network_of(given["network"], data.shape, data.classes)
    stack = task(cells, data=data, noise=noise)
    for y in stack.labels:
        classes_present(y, data.classes, f"training labels of the variant '{given['variant']}'")
    recipe = Recipe(
        given["steps"], given["learning_rate"], momentum=given["momentum"], batch=given["batch"],
        probe_at=probe_times(given["steps"], TIMES),
    )  # fmt: skip
    made = []
    count = parameters(network)
    runs = stack.curves(network, recipe, progress, {"fit": standard()["fit"]}, digits=5)
    for whole, facts in zip(runs, stack.facts, strict=True):
        one = whole.since(1)  # axes are logarithmic
        names = ("train_error", "test_error", "train_loss")
        values: dict[str, Any] = {
            **facts,
            "step": one.steps,
            **one.lines(*names),
            **one.ends(*names, prefix="final_"),
        }
        steps = crossing(one.steps, one.values["train_error"], FITTED + ROUNDING, never=math.inf)  # type: ignore[arg-type]
        lost, fitted = bool(one.lost), steps < math.inf
        values |= {
            "parameters": count, "parameters_per_sample": count / given["n"], "counts_off": counts_off(),
            "classes": data.classes, "place": PLACES.get(given["network"]),
            "fit_steps": None if lost else min(steps, float(one.steps[-1])), "fitted": None if lost else int(fitted),
        }  # fmt: skip
        made.append(outcome(values, lost=one.lost))
    return made


def near_kernel(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Every seed of one wide network on one variant, two classes by the parity of the label, beside its kernel."""
    given = shared(cells)
    data = flatten(changed(given["data"], given["n"], given["variant"]))
    x = data.x[:ROWS].astype(np.float64) - data.x.mean(axis=0)
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise DataError(
            "data: expected rows that differ from their mean, got one that does not. Take other data."
        )
    x = x / lengths
    network = two_layer(
        x.shape[1], sizes_of(given["network"])[2], activation="gelu", bias=False, parametrisation="ntk_unit"
    )
    parity = (data.y[:ROWS] % 2).astype(np.int32)
    times = dense_times(KERNEL_STEPS)
    members, known = [], []
    for cell in cells:
        labels = noise(cell).apply(parity, 2)
        classes_present(labels, 2, f"labels by parity of the variant '{given['variant']}'")
        start, y = network.init(jax.random.key(cell["seed"])), 2.0 * labels - 1.0
        answers = np.asarray(network.apply(start, x.astype(np.float32)))[:, 0].astype(float)
        kernel = empirical_kernel(network, start, x)
        rate = 1.0 / float(np.linalg.eigvalsh(kernel)[-1])
        # descent on these, in the network's outputs, is descent on the labels in SCALE times what it moved by
        members.append(
            Member(cell["seed"], (y / SCALE + answers).astype(np.float32), learning_rate=ROWS * rate)
        )
        known.append((kernel, rate, y, answers))
    recipe = Recipe(KERNEL_STEPS, 1.0, optimizer="gd", loss="squared", probe_at=times)
    inputs = x.astype(np.float32)
    runs = train(
        network, recipe, members, inputs, inputs[:1], np.zeros(1, np.float32), progress=progress,
        probes={"outputs": outputs()},
    )  # fmt: skip
    made = []
    for one, cell, (kernel, rate, y, answers) in zip(runs, cells, known, strict=True):
        if one.diverged_at is not None:
            made.append(outcome({}, lost=f"step {int(one.diverged_at)}"))
            continue
        left = np.square(SCALE * (np.asarray(one.values["train_outputs"])[:, :, 0] - answers) - y).mean(axis=1)
        mixed = stream("random-labels shuffled", cell["seed"]).permutation(ROWS)
        theory, other = (
            np.square(kernel_dynamics(kernel).residual(-labels, times, rate)).mean(axis=1)
            for labels in (y, y[mixed])
        )
        found = [
            crossing(times, line, LEFT * line[0], scale="log", never="last") for line in (left, theory, other)
        ]
        values: dict[str, Any] = dict(
            zip(("kernel_steps", "theory_steps", "shuffled_steps"), found, strict=True)
        )
        thin = sorted(set(np.searchsorted(times, probe_times(KERNEL_STEPS, TIMES)[1:]).tolist()))
        values |= {
            "step": [int(times[i]) for i in thin],
            "left": left[thin].tolist(),
            "theory_left": theory[thin].tolist(),
        }
        values |= {"parameters": parameters(network), "variant_place": VARIANTS.index(given["variant"]) + 1}
        made.append(outcome(values, digits=5))
    return made


def dense_times(steps: int) -> tuple[int, ...]:
    """Every step up to 64, then 6 % apart, with those at which curves are drawn.

    >>> dense_times(70)[-3:], len(dense_times(1000)) < 200
    ((67, 68, 70), True)
    """
    times, at = set(range(min(steps, 64) + 1)), 64.0
    while at < steps:
        at = min(float(steps), at * 1.06)
        times.add(round(at))
    return tuple(sorted(times | set(probe_times(steps, TIMES))))
