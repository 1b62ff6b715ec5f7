"""The work of deep-kernel: networks of finite width made of the layers whose limits are known, trained beside their kernel."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core import DataError, Outcome, Params, Progress, UsageError, outcome
from overparam.data import coarser, load
from overparam.data.stream import stream
from overparam.models.convolution import convolve
from overparam.theory.dynamics import kernel_dynamics
from overparam.theory.kernels import Activate, Conv, Dense, Flatten, Residual, kernels
from overparam.training.full_batch import descend

KINDS = ("fc", "cnn", "resnet")
WINDOW = 3  # pixels on a side of the kernels
UNITS = {"fc": 4, "cnn": 1, "resnet": 1}  # or channels, for one of --widths
MANY = {"fc": 2, "cnn": 1, "resnet": 1}  # networks for one of --draws: dense ones vary more, and take less time
GAIN = math.sqrt(2)
RELU = Activate("relu")
LINES = ("start", "other_start", "drift", "function", "featured_drift", "featured_function")


def layers_of(kind: str, depth: int) -> tuple[Any, ...]:
    """The layers of a network, in the NTK parametrisation.

    Args:
        kind: ``fc``: dense hidden layers; ``cnn``: 3x3 convolutions; ``resnet``: a convolution, then blocks of relu and
            convolution added to their input, one fewer. Of both the last layer reads all places.
        depth: hidden layers, at least 1.

    >>> len(layers_of("fc", 2)), len(layers_of("cnn", 2)), len(layers_of("resnet", 2))
    (5, 6, 5)
    """
    if kind == "fc":
        return (*((Dense(GAIN), RELU) * depth), Dense())
    conv = Conv((WINDOW, WINDOW), weight_std=GAIN)
    if kind == "cnn":
        return (*((conv, RELU) * depth), Flatten(), Dense())
    return (conv, *((Residual((RELU, conv)),) * (depth - 1)), RELU, Flatten(), Dense())


@functools.lru_cache(maxsize=64)
def finite(layers: tuple[Any, ...], shape: tuple[int, ...], width: int) -> tuple[Any, Any]:
    """The network of these layers with one output and ``width`` units, or channels, in every hidden layer.

    Args:
        layers: dense and convolutional (3x3, zeros at the edge), relu, residual and flatten.
        shape: of an example: ``(features,)``, or ``(channels, height, width)``.
        width: hidden units.

    Returns:
        ``draw(rng)``, a list of arrays of standard normal entries, and ``model(params, x)`` from rows to one output each.
    """
    sizes: list[tuple[int, ...]] = []

    def shapes(several: Sequence[Any], now: tuple[int, ...], last: bool) -> tuple[int, ...]:
        for at, one in enumerate(several):
            if isinstance(one, Conv):
                sizes.append((width, now[0], WINDOW, WINDOW))
                now = (width, *now[1:])
            elif isinstance(one, Dense):
                units = 1 if last and at == len(several) - 1 else width
                sizes.append((units, now[0]))
                now = (units,)
            elif isinstance(one, Residual):
                now = shapes(one.branch, now, False)
            elif isinstance(one, Flatten):
                now = (math.prod(now),)
        return now

    shapes(layers, shape, True)

    def through(several: Sequence[Any], params: Any, h: Any) -> Any:
        for one in several:
            if isinstance(one, Conv):
                weight = next(params)
                h = one.weight_std / math.sqrt(math.prod(weight.shape[1:])) * convolve(h, weight, padding=1)
            elif isinstance(one, Dense):
                weight = next(params)
                h = one.weight_std / math.sqrt(weight.shape[1]) * (weight @ h)
            elif isinstance(one, Residual):
                h = h + through(one.branch, params, h)
            elif isinstance(one, Flatten):
                h = h.reshape(-1, h.shape[-1])
            else:
                h = jax.nn.relu(h)
        return h

    def model(params: Any, x: Any) -> Any:
        return through(layers, iter(params), x.T.reshape(*shape, x.shape[0]))[0]

    def draw(rng: Any) -> list[Any]:
        return [rng.standard_normal(size) for size in sizes]

    return draw, model


def task(cell: Params) -> tuple[Any, Any, Any]:
    """Training images, their labels +1 and -1, and test images, each with mean square 1, channels last.

    The mean over all of them is taken off first.

    Raises:
        DataError: examples that are no images, or images that are equal to their mean.
        UsageError: images smaller than the kernels of convolutions, or more of them than there are.
    """
    data = load(cell["data"])
    if len(data.shape) < 2:
        raise DataError(f"--data: expected images, got examples of shape {data.shape}. Take digits.")
    data = coarser(data, cell["side"])
    if min(data.shape[:2]) < WINDOW:
        raise UsageError(
            f"--side: expected images of {WINDOW} x {WINDOW} pixels or more, as large as the kernels of the convolutions, got "
            f"{' x '.join(map(str, data.shape[:2]))} at --side {cell['side']}. Take a longer side."
        )
    n, tests = cell["n"], cell["n_test"]
    if n + tests > data.n:
        raise UsageError(
            f"--n, --n-test: expected at most {data.n:,} images together, all that '{cell['data']}' trains on, got "
            f"{n:,} + {tests:,}. Take fewer."
        )
    chosen = stream("deep-kernel images", cell["seed"]).permutation(data.n)[: n + tests]
    x = np.asarray(data.x[chosen], np.float64)
    x = x[..., None] if x.ndim == 3 else x
    x = x - x.mean(axis=0)
    sizes = np.sqrt(np.square(x).mean(axis=(1, 2, 3), keepdims=True))
    if not sizes.all():
        raise DataError(
            f"--data: expected images that differ from their mean, got {np.sum(sizes == 0)} that do not in '{cell['data']}'. "
            "Take these out."
        )
    x /= sizes
    y = np.where(np.asarray(data.y)[chosen] % 2 == 0, 1.0, -1.0)
    return x[:n], y[:n], x[n:]


def share(change: Any, of: Any) -> float:
    """Frobenius norm of one over that of the other."""
    return float(np.linalg.norm(change) / np.linalg.norm(of))


def one_kind(kind: str, cell: Params, progress: Progress) -> dict[str, list[float]]:
    """A kind of networks over the width: kernels at the start and in training, and functions after it, beside their limits."""
    x, y, z = task(cell)
    n, depth = len(x), cell["layers"]
    whole = np.concatenate([x, z])
    flat = whole.reshape(len(whole), -1)
    rows = flat if kind == "fc" else whole.transpose(0, 3, 1, 2).reshape(len(whole), -1)
    shape = (flat.shape[1],) if kind == "fc" else (x.shape[3], *x.shape[1:3])
    given = flat if kind == "fc" else whole
    pair = kernels(layers_of(kind, depth), given)
    limit, other = np.asarray(pair.ntk), np.asarray(pair.nngp)  # of all layers, and of the last alone
    rate = cell["share"] / float(np.linalg.eigvalsh(limit[:n, :n])[-1])
    course = kernel_dynamics(limit[:n, :n])
    found: dict[str, list[float]] = {name: [] for name in LINES}
    for at, channels in enumerate(cell["width"]):
        width, many = UNITS[kind] * channels, MANY[kind] * networks(cell, channels)
        draw, model = finite(layers_of(kind, depth), shape, width)
        rng = stream(f"deep-kernel {kind} {width}", cell["seed"])
        stack = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(draw(rng) for _ in range(many)))
        inputs, outputs = jnp.asarray(rows), over_stack(model)
        firsts, before = np.asarray(outputs(stack, inputs)), np.asarray(grams(model)(stack, inputs[:n]))
        seen: dict[str, list[float]] = {name: [] for name in LINES}
        seen["start"] = [share(gram - limit[:n, :n], limit[:n, :n]) for gram in before]
        seen["other_start"] = [share(gram - other[:n, :n], other[:n, :n]) for gram in before]
        for name, scale in (("", 1.0), ("featured_", 0.5 * width**-0.5)):
            rates, scales = np.full(many, rate / scale**2), np.full(many, scale)
            targets = np.broadcast_to(y, (many, n))
            done = descend(model, stack, rows[:n], targets, rates, scales, (0, cell["steps"]), lambda _: None)
            end = done.params[1]
            after, lasts = np.asarray(grams(model)(end, inputs[:n])), np.asarray(outputs(end, inputs[n:]))
            seen[f"{name}drift"] = [share(now - gram, gram) for now, gram in zip(after, before, strict=True)]
            for first, last in zip(scale * firsts, scale * lasts, strict=True):
                told = course.predict(first[n:], limit[n:, :n], first[:n] - y, [cell["steps"]], rate)
                wanted = np.asarray(told).reshape(-1) - first[n:]
                seen[f"{name}function"].append(share(last - first[n:] - wanted, wanted))
        for name, values in seen.items():
            found[name].append(float(np.mean(values)))
        progress((at + 1) / len(cell["width"]))
    return found


def networks(cell: Params, width: int) -> int:
    """Networks of a width: as many times ``draws`` as it is narrower than the widest, which takes no longer.

    >>> [networks({"draws": 2, "width": (8, 16, 64)}, w) for w in (8, 16, 64)]
    [16, 8, 2]
    """
    return round(cell["draws"] * max(cell["width"]) / width)


@functools.lru_cache(maxsize=64)
def over_stack(model: Any) -> Any:
    """Compiled: outputs of a stack of networks, ``(members, rows)``."""
    return jax.jit(jax.vmap(model, in_axes=(0, None)))


@functools.lru_cache(maxsize=64)
def grams(model: Any) -> Any:
    """Compiled: the tangent kernels of a stack of networks, ``(members, n, n)``, one network after another."""

    def one(params: Any, x: Any) -> Any:
        leaves = [leaf.reshape(len(x), -1) for leaf in jax.tree.leaves(jax.jacrev(model)(params, x))]
        return sum(leaf @ leaf.T for leaf in leaves)

    return jax.jit(lambda stack, x: jax.lax.map(lambda params: one(params, x), stack))


def run(cell: Params, progress: Progress) -> Outcome:
    """All kinds of one seed."""
    found: dict[str, Any] = {"width": list(cell["width"]), "order": [width**-0.5 for width in cell["width"]]}
    with jax.enable_x64(True):
        for at, kind in enumerate(KINDS):
            begin = at / len(KINDS)

            def told(part: float, begin: float = begin) -> None:
                progress(begin + part / len(KINDS))

            found |= {f"{kind}_{name}": line for name, line in one_kind(kind, cell, told).items()}
    return outcome(found, digits=6)
