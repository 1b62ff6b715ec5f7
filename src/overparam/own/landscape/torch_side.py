"""What the landscape asks of PyTorch itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from overparam.operators.batches import Batch, walk
from overparam.own.landscape.refresh import Refresh, check_counted

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None


def refresh(model: Any) -> Refresh | None:
    """How the statistics of BatchNorm are found anew; None where no layer keeps any.

    Every batch normalises itself; means and variances are then those of all batches together.

    Args:
        model: an open one.
    """
    named = {
        name: one
        for name, one in model.module.named_modules()
        if isinstance(one, torch.nn.modules.batchnorm._BatchNorm) and one.running_mean is not None
    }
    if not named:
        return None
    layers = tuple(named.values())

    def key(name: str, part: str) -> str:
        return f"{name}.{part}" if name else part

    def found(vector: np.ndarray) -> Mapping[str, Any]:
        here = model.at(vector)
        kept = [(one, one.momentum) for one in layers]
        total, parts = 0, {name: [] for name in named}
        try:
            with here.quiet(), torch.no_grad():
                for one in layers:
                    one.training, one.momentum = True, 1.0
                for batch in here.batches():
                    if batch.count < 2:
                        continue
                    held = {name: one.clone() for name, one in here.held.items()}
                    torch.func.functional_call(
                        here.module, {**held, **here.trained}, batch.args, dict(batch.named)
                    )
                    total += batch.count
                    for name in named:
                        mean, var = (held[key(name, part)] for part in ("running_mean", "running_var"))
                        parts[name].append((batch.count, mean, var))
        finally:
            for one, momentum in kept:
                one.momentum = momentum
        check_counted(total)
        held = dict(here.held)
        for name, each in parts.items():
            mean = sum(n * m for n, m, _ in each) / total
            held[key(name, "running_mean")] = mean
            held[key(name, "running_var")] = sum(n * (v + (m - mean) ** 2) for n, m, v in each) / total
        return held

    names = [
        key(name, part) for name in named for part in ("running_mean", "running_var", "num_batches_tracked")
    ]
    return Refresh(tuple(one for one in names if one in model.held), found, True, layers)


def program(model: Any) -> Any:
    """Outputs of a batch and the loss of every example, as a function of a model, held arrays and a batch.

    Args:
        model: an open one.
    """
    total = model.objective.total

    def run(here: Any, held: Mapping[str, Any], batch: Batch) -> tuple[Any, Any]:
        with torch.no_grad():
            own = {name: one.clone() for name, one in held.items()}
            outputs = torch.func.functional_call(
                here.module, {**own, **here.trained}, batch.args, dict(batch.named)
            )
            each = torch.func.vmap(lambda o, t: total(o[None], walk(t, lambda leaf: leaf[None])))(
                outputs, batch.targets
            )
        return outputs, each

    return run


def together(parts: Sequence[Any]) -> Any:
    """Tensors one behind the other.

    Args:
        parts: along their first axis.
    """
    return torch.cat(list(parts))


def tensor(array: np.ndarray, like: Any = None, device: Any = None) -> Any:
    """An array as a tensor.

    Args:
        array: in NumPy.
        like: a tensor whose type and device it gets.
        device: of it, without one to be like.
    """
    if like is None:
        return torch.as_tensor(array, device=device)
    return torch.as_tensor(array, dtype=like.dtype, device=like.device)
