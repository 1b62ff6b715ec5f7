"""A model of JAX of any kind trained by a recipe of this package, under a mask."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from overparam.core.errors import DataError
from overparam.operators.jax_network import flat_params, nested_params, network_of
from overparam.pruning.loaders import read
from overparam.pruning.mask import Mask
from overparam.pruning.module_format import Subject
from overparam.training import Checkpoint, Member, Recipe, train


def by_recipe(
    subject: Subject,
    begun: Mapping[str, np.ndarray],
    mask: Mask | None,
    data: Any,
    recipe: Recipe,
    seed: int = 0,
    targets: str | None = None,
) -> dict[str, np.ndarray]:
    """The numbers of a model of JAX at the end of a training in float32, in evaluation mode, so without dropout.

    Args:
        subject: the model.
        begun: numbers to start from, by name.
        mask: what is kept; None keeps all.
        data: training data of any form.
        recipe: how to train.
        seed: draws the minibatches.
        targets: key of the targets in mappings.

    Raises:
        UsageError: a model whose own training renews statistics of batches, or data that are no rows of it.
        DataError: the training diverged.
    """
    x, y = read(data, "data", targets)
    network, names = network_of(subject.model, subject.params, x[:1], 1)
    rows = x.reshape(len(x), -1)
    start = nested_params(begun, names)
    found = jax.eval_shape(network.apply, start, jax.ShapeDtypeStruct((2, rows.shape[1]), np.float32))
    network = dataclasses.replace(network, outputs=found.shape[1])
    back = {name: path for path, name in names.items()}
    own = None if mask is None or mask.density == 1 else Mask({back[path]: one for path, one in mask})
    (run,) = train(
        network, recipe, [Member(seed, y, mask=own)], rows, rows[:1], y[:1],
        probes={}, keep_params=True, start=[Checkpoint(start)],
    )  # fmt: skip
    if run.diverged_at is not None:
        raise DataError(
            f"fit: expected a training that stays finite, got one that diverged by step {run.diverged_at}. Lower its learning "
            "rate."
        )
    arrays = flat_params(run.params, names)
    return {name: arrays[name] for name in subject.layout.names}
