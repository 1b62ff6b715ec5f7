"""A person's network on its data, opened unless it is already."""

from __future__ import annotations

import inspect
from typing import Any

from overparam.core.errors import DataError, UsageError, nearest
from overparam.operators import Model, open_model


def opened_model(model: Any, data: Any, options: dict[str, Any], name: str = "model") -> Model:
    """A model on its data, opened unless it is already.

    Args:
        model: any model, or an open one.
        data: for it; None for an open one.
        options: of ``open_model``.
        name: of the argument, for messages.

    Raises:
        UsageError: data beside an open model, none for another, or an option that is unknown.
    """
    if isinstance(model, Model):
        if data is not None or options:
            given = "data" if data is not None else next(iter(options))
            raise UsageError(f"{given}: expected none beside a model of open_model(...), which has its own.")
        return model
    if data is None:
        raise UsageError("data: expected (inputs, targets), a data set or a loader, got None.")
    known = [one for one in inspect.signature(open_model).parameters if one not in ("model", "data")]
    odd = next((one for one in options if one not in known), None)
    if odd is not None:
        raise UsageError(
            f"{odd}: expected options of open_model ({', '.join(known)}), got this one.{nearest(odd, known)}"
        )
    try:
        return open_model(model, data, **options)
    except (UsageError, DataError) as error:
        if name == "model" or not str(error).startswith(("model:", "params:")):
            raise
        kind, _, rest = str(error).partition(":")
        raise type(error)(f"{'params of ' if kind == 'params' else ''}{name}: {rest.strip()}") from error
