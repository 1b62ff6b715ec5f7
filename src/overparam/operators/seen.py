"""What a pass of a model is made of, watched from outside: products with its arrays, and the inputs of its ReLUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from overparam.core.errors import UsageError
from overparam.operators.model import Model
from overparam.operators.recorder import Gate, Seen


def see(model: Model) -> Seen:
    """What a pass of the model is made of, without a change to it; cost: one pass over two examples.

    Args:
        model: of :func:`overparam.operators.open_model`.

    Raises:
        UsageError: something else than a model.
    """
    return _back_end(model).see(model)


def gates(model: Model) -> Iterator[list[Gate]]:
    """The inputs of every ReLU of the model, batch by batch; cost: one pass.

    A ReLU is what passes its input above zero, and below zero gives 0 or a multiple of it: relu, leaky relu, PReLU and ReLU6,
    as modules or functions. ELU, GELU, SiLU and softplus are none.

    Args:
        model: of :func:`overparam.operators.open_model`.

    Raises:
        UsageError: something else than a model, one without a ReLU, or with one inside a compiled loop.
    """
    found = False
    for one in _back_end(model).gates(model):
        if not one:
            break
        found = True
        yield one
    if not found:
        raise UsageError(
            "model: expected a network with ReLUs (relu, leaky relu, PReLU, ReLU6), got one in whose pass none was seen. Smooth "
            "activations have no pattern of signs: compare outputs or kernels instead."
        )


def _back_end(model: Any) -> Any:
    if not isinstance(model, Model):
        raise UsageError(f"model: expected one of open_model(...), got {type(model).__name__}.")
    if model.back_end == "torch":
        from overparam.operators import torch_seen

        return torch_seen
    from overparam.operators import jax_seen

    return jax_seen
