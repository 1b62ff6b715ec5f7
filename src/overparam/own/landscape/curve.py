"""A bend between two models of any framework, trained so that the loss stays low on the Bezier curve."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from overparam.core.errors import DataError
from overparam.operators import Model
from overparam.operators.batches import Batch
from overparam.own.landscape.pair import Pair
from overparam.own.landscape.refresh import Refresh

BATCH = 128
DECAYS = (0.9, 0.999)
STEP = 0.03  # of the root mean square of the difference of both ends


def learned_bend(
    pair: Pair, b: np.ndarray, *, steps: int, learning_rate: float | None, batch: int = BATCH, seed: int = 0
) -> tuple[np.ndarray | None, str]:
    """The bend between two networks, and how it was trained or why not.

    In every step t is drawn evenly from 0 to 1, and the bend takes a step of Adam down the loss of a minibatch at that point.

    Args:
        pair: the networks.
        b: parameters of the second, perhaps in another order of units.
        steps: how many.
        learning_rate: of Adam, falling to 0 as a cosine; None takes a share of the distance.
        batch: examples a minibatch.
        seed: of t and the minibatches.
    """
    model, refresh = pair.model, pair.refresh
    if refresh is not None and not refresh.batchwise:
        return None, (
            "Not tried: how to take gradients while batches normalise themselves is known for PyTorch modules alone. "
            "learned_bends of overparam.probes.paths does so for networks of the package."
        )
    rng, whole = np.random.default_rng(seed), joined(list(model.batches()))
    middle = (pair.a + b) / 2
    rate = STEP * float(np.sqrt(np.mean((pair.a - b) ** 2))) if learning_rate is None else learning_rate
    if not rate:
        return middle, "Both ends are equal, so the curve is a point."
    bend, first, second = middle.copy(), np.zeros(model.size), np.zeros(model.size)
    size = min(batch, whole.count)
    for step in range(1, steps + 1):
        t = float(rng.uniform())
        rows = rng.choice(whole.count, size, replace=False)
        point = (1 - t) ** 2 * pair.a + 2 * t * (1 - t) * bend + t**2 * b
        try:
            slope = 2 * t * (1 - t) * _gradient(model, refresh, point, _taken(model, whole, np.sort(rows)))
        except DataError:
            return (
                None,
                f"Not tried to the end: the loss was not finite at step {step}. Give a smaller learning_rate.",
            )
        first = DECAYS[0] * first + (1 - DECAYS[0]) * slope
        second = DECAYS[1] * second + (1 - DECAYS[1]) * slope**2
        factor = rate * (1 + np.cos(np.pi * step / steps)) / 2
        bend -= factor * (first / (1 - DECAYS[0] ** step)) / (np.sqrt(second / (1 - DECAYS[1] ** step)) + 1e-8)
    return (
        bend,
        f"The bend took {steps:,} steps of Adam on minibatches of {size}, learning rate {rate:.2g} falling to 0.",
    )


def _gradient(model: Model, refresh: Refresh | None, vector: np.ndarray, batch: Batch) -> np.ndarray:
    here = model.at(vector.astype(model.dtype))
    with here.quiet(), _batchwise(refresh):
        loss, slope = here.batch_loss(batch)
        found = np.asarray(here.host(slope), np.float64)
    if not (np.isfinite(loss) and np.isfinite(found).all()):
        raise DataError("loss: expected finite numbers, got some that are not.")
    return found / batch.count if model.objective.mean else found * model.examples / batch.count


@contextlib.contextmanager
def _batchwise(refresh: Refresh | None) -> Iterator[None]:
    """Batches normalise themselves; the modes are put back by what surrounds it."""
    for layer in refresh.layers if refresh is not None else ():
        layer.training = True
    yield


def joined(batches: list[Batch]) -> Batch:
    """All examples as one batch.

    Args:
        batches: of one model.
    """
    if len(batches) == 1:
        return batches[0]
    parts: list[Iterator[Any]] = [iter(one.leaves()) for one in batches]

    def together(leaf: Any) -> Any:
        each = [next(part) for part in parts]
        if type(leaf).__module__.startswith("torch"):
            from overparam.own.landscape import torch_side

            return torch_side.together(each)
        import jax.numpy as jnp

        return jnp.concatenate(each)

    made = batches[0].mapped(together)
    return Batch(made.args, made.named, made.targets, sum(one.count for one in batches))


def _taken(model: Any, whole: Batch, rows: np.ndarray) -> Batch:
    index: Any = rows
    if model.back_end == "torch":
        from overparam.own.landscape import torch_side

        index = torch_side.tensor(rows, device=model.device)
    made = whole.mapped(lambda leaf: leaf[index])
    return Batch(made.args, made.named, made.targets, len(rows))
