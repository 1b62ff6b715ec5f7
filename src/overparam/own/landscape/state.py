"""Statistics of batches of your own network, found anew at other parameters: PyTorch, Flax Linen, the package."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from overparam.models.check import layout
from overparam.models.network import Network
from overparam.models.state import leaves
from overparam.operators import Model
from overparam.operators.jax_adapt import framework_of
from overparam.own.landscape.refresh import Refresh, check_counted
from overparam.probes.paths.units import tree_of
from overparam.training.statistics import STATISTICS, refreshed

TRAINING = {"train": True, "training": True, "is_training": True, "use_running_average": False}


def refresh_of(given: Any, model: Model, options: Mapping[str, Any]) -> Refresh | None:
    """How the statistics of a model are found anew; None where it keeps none that are known.

    Args:
        given: the network, as the person has it.
        model: the same, opened.
        options: with which it was opened.
    """
    if not options.get("evaluation", True):
        return None
    kind = framework_of(given)
    makers = {"torch": _torch, "linen": _linen, "network": _network}
    return makers[kind](given, model, options) if kind in makers else None


def _torch(given: Any, model: Any, options: Any) -> Refresh | None:
    from overparam.own.landscape import torch_side

    return torch_side.refresh(model)


def _network(network: Network, model: Any, options: Any) -> Refresh | None:
    if network.moments is None:
        return None
    import jax.numpy as jnp

    like = layout(network)
    names = tuple(name for name, _ in leaves(like) if name.startswith(f"{STATISTICS}/"))

    def found(vector: np.ndarray) -> Mapping[str, Any]:
        here = model.at(vector)
        rows = jnp.concatenate([batch.args[0] for batch in here.batches()])
        check_counted(len(rows) if len(rows) > 1 else 0)
        params = tree_of({**here.held, **here.trained}, like)
        return {**here.held, **dict(leaves({STATISTICS: refreshed(network, params, rows)[STATISTICS]}))}

    return Refresh(names, found, False)


def _linen(module: Any, model: Any, options: Any) -> Refresh | None:
    names = tuple(name for name in model.held if name.startswith("(batch_stats/"))
    if not names:
        return None
    import jax

    known = inspect.signature(type(module).__call__).parameters
    mode = {name: value for name, value in TRAINING.items() if name in known}
    call = {name: value for name, value in dict(options.get("call") or {}).items() if name not in mode}
    if not mode:
        return None
    key = jax.random.key(0)

    def once(params: Any, stats: Any, batch: Any) -> Any:
        _, updated = module.apply(
            {"params": params, "batch_stats": stats}, *batch.args, **batch.named, **mode, **call,
            mutable=["batch_stats"], rngs={"dropout": key},
        )  # fmt: skip
        return updated["batch_stats"]

    def found(vector: np.ndarray) -> Mapping[str, Any]:
        here = model.at(vector)
        params = _nested(here.trained)
        stats = _nested({name[len("(batch_stats/") : -1]: here.held[name] for name in names})
        total, parts = 0, []
        with here.quiet():
            for batch in here.batches():
                if batch.count < 2:
                    continue
                # new = m old + (1 - m) batch, linear in the old: two passes give m and the batch
                low, high = (
                    once(params, jax.tree.map(lambda s, v=v: 0 * s + v, stats), batch) for v in (0.0, 1.0)
                )
                own = jax.tree.map(lambda zero, one: zero / (1 - (one - zero)), low, high)
                parts.append((batch.count, dict(leaves(own))))
                total += batch.count
        check_counted(total)
        held = dict(here.held)
        for name in names:
            path = name[len("(batch_stats/") : -1]
            stem, _, last = path.rpartition("/")
            mean = sum(n * one[path] for n, one in parts) / total
            if last == "var" and f"{stem}/mean" in parts[0][1]:
                middle = sum(n * one[f"{stem}/mean"] for n, one in parts) / total
                mean = mean + sum(n * (one[f"{stem}/mean"] - middle) ** 2 for n, one in parts) / total
            held[name] = mean
        return held

    return Refresh(names, found, False)


def _nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for name, leaf in arrays.items():
        *above, own = name.split("/")
        place = whole
        for part in above:
            place = place.setdefault(part, {})
        place[own] = leaf
    return whole
