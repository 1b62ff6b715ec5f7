"""Data of any form as the four arrays of a training: loaders, mappings and pairs are read into memory."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import UsageError
from overparam.operators.batches import batches_of
from overparam.operators.opening import plain
from overparam.operators.reading import check_meant


def whole_data(data: Any, test: Any, targets: str | None = None) -> tuple[Any, Any, Any, Any]:
    """Arrays ``(x, y, x_test, y_test)`` with an example a row.

    Args:
        data: training data of any form, with test data or without.
        test: test data of any form; None takes those of ``data``, and the training data where it has none.
        targets: key of the targets in mappings.

    Raises:
        UsageError: several inputs, no targets, or something else.
        DataError: no examples.
    """
    if isinstance(data, tuple | list) and len(data) not in (2, 4):
        raise UsageError(
            f"data: expected a Dataset, a loader, or arrays (x, y) or (x, y, x_test, y_test), got {len(data)} parts."
        )
    if isinstance(data, tuple | list) and len(data) == 4 and not all(_batch(one) for one in data):
        own: tuple[Any, ...] = tuple(data)
    elif all(hasattr(data, part) for part in ("x", "y", "x_test", "y_test")):
        own = (data.x, data.y, data.x_test, data.y_test)
    else:
        own = read(data, "data", targets)
    given = own if len(own) == 4 else (*own, *own)
    if test is not None:
        given = (*given[:2], *read(test, "test", targets))
    x, y, x_test, y_test = given
    return rows_of(x), y, rows_of(x_test), y_test


def read(data: Any, name: str, targets: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of all examples of data of any form.

    Args:
        data: as in :func:`overparam.operators.batches.batches_of`.
        name: of the argument, for messages.
        targets: key of the targets in mappings.

    Raises:
        UsageError: several inputs, no targets, or something else.
        DataError: no examples.
    """
    inputs, aims = [], []
    for batch in batches_of(data, targets=targets, name=name):
        given = [*batch.args, *batch.named.values()]
        if len(given) != 1 or not hasattr(given[0], "shape"):
            raise UsageError(f"{name}: expected one array of inputs for a Network, got {len(given)} parts.")
        if batch.targets is None:
            raise UsageError(f"{name}: expected inputs and targets, got inputs alone. Give (inputs, targets).")
        inputs.append(plain(given[0]))
        aims.append(plain(batch.targets))
    return np.concatenate(inputs), np.concatenate(aims)


def rows_of(x: Any) -> Any:
    """Examples of several axes, such as images, as rows; what else is given stays as it is."""
    shape: tuple[int, ...] = getattr(x, "shape", ())
    return plain(x).reshape(shape[0], -1) if len(shape) > 2 and shape[0] else x


def loss_for(loss: Any, y: Any) -> Any:
    """The loss of a Network, where none was named: cross-entropy for labels, squared loss for numbers.

    Args:
        loss: a name, a function, or None.
        y: labels or targets, or None.

    Raises:
        UsageError: numbers that can be labels as well, without a loss.
    """
    if loss == "binary_cross_entropy":
        return binary_cross_entropy
    if loss is not None:
        return loss
    kind = getattr(getattr(y, "dtype", None), "kind", "i")
    return "cross_entropy" if kind != "f" else check_meant([np.asarray(y)])


def binary_cross_entropy(outputs: Any, targets: Any) -> jax.Array:
    """``sum_k log(1 + exp(f_k)) - t_k f_k`` of every example, t from 0 to 1, for several labels at once.

    Args:
        outputs: shape ``(batch, outputs)``.
        targets: the same, or ``(batch,)`` for one output.
    """
    aims = jnp.reshape(targets, outputs.shape)
    return jnp.sum(jax.nn.softplus(outputs) - aims * outputs, axis=1)


def _batch(one: Any) -> bool:
    """Whether something is a batch of inputs and targets, so that four of them are a list of batches."""
    return isinstance(one, tuple | list) and len(one) == 2 and all(hasattr(part, "shape") for part in one)
