"""The model with the parameters that training began from, however they were kept."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.operators import Model, open_model


def opened_start(opened: Model, model: Any, start: Any, train: Any, *, params: Any, **how: Any) -> Model:
    """The model before training, on the same data.

    Args:
        opened: the trained model.
        model: as the person gave it.
        start: parameters of the kind of ``params``, a module, a state dict of PyTorch, or one flat vector.
        train: the training data.
        params: parameters as the person gave them.
        how: other arguments of :func:`~overparam.operators.open_model`.

    Raises:
        UsageError: they are of another kind, or their names or shapes are not those of the trained model.
        DataError: they are not finite.
    """
    if (
        isinstance(start, np.ndarray)
        and start.ndim == 1
        and opened.size > 1
        and not isinstance(params, np.ndarray)
    ):
        if start.shape != (opened.size,):
            raise UsageError(
                f"start: expected one vector of the {opened.size:,} trained parameters, got {start.shape}. Or give "
                "parameters of the kind of params."
            )
        if not np.isfinite(start).all():
            raise DataError("start: expected finite numbers, got some that are missing or infinite.")
        return opened.at(start)
    try:
        found = _opened(opened, model, start, train, how)
    except OverparamError as error:
        text = str(error.args[0]) if error.args else ""
        raise type(error)(f"start: {text.removeprefix('params: ').removeprefix('model: ')}") from error
    if found.layout != opened.layout:
        odd = next(
            (
                f"'{name}' of {shape}"
                for name, shape in zip(found.layout.names, found.layout.shapes, strict=True)
                if name not in opened.layout.slices
                or (name, shape) not in set(zip(opened.layout.names, opened.layout.shapes, strict=True))
            ),
            f"{found.size:,} parameters",
        )
        raise UsageError(
            f"start: expected the names and shapes of the trained parameters, got {odd}. Give the parameters of this "
            "very model before training."
        )
    if found.dtype != opened.dtype:
        raise UsageError(
            f"start: expected parameters of {opened.dtype}, as those of the trained model, got {found.dtype}."
        )
    return found


def _opened(opened: Model, model: Any, start: Any, train: Any, how: Mapping[str, Any]) -> Model:
    if opened.back_end == "torch":
        if isinstance(start, Mapping):
            module = copy.deepcopy(model)
            try:
                module.load_state_dict(start)
            except Exception as error:
                first = str(error).strip().splitlines()[-1].strip()
                raise UsageError(
                    f"expected a state dict of {type(model).__name__}, got one that does not fit: {first}"
                ) from error
        elif type(start) is type(model):
            module = start
        else:
            raise UsageError(
                f"expected a {type(model).__name__} or its state dict as it was before training, got {type(start).__name__}."
            )
        return open_model(module, train, **how)
    if type(start) is type(model) and hasattr(model, "__dict__") and how.get("held") is None and _holds(model):
        return open_model(start, train, **how)
    if _holds(model):
        raise UsageError(
            f"expected a {type(model).__name__} as it was before training, got {type(start).__name__}."
        )
    return open_model(model, train, params=start, **how)


def _holds(model: Any) -> bool:
    """Whether a module of JAX holds its own parameters."""
    from overparam.operators.jax_adapt import framework_of

    return framework_of(model) in ("nnx", "equinox")
