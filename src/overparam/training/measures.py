"""What must hold of the probes that a stack carries, before it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import OverparamError, UsageError
from overparam.models.check import layout
from overparam.models.network import Network
from overparam.models.passes import told
from overparam.training.loop import ProbeFunction, Probes
from overparam.training.losses import loss
from overparam.training.recipe import Recipe

TAKEN = ("train_loss", "train_error")  # what stopping rules and divergence are read from
_ASKED = "function(network, loss, params, params0, x, y, x_test, y_test) -> {name: scalar}"


def check_probes(network: Network, recipe: Recipe, probes: Any, arrays: tuple[Any, ...]) -> Probes:
    """Pairs of name and probe, each found to give scalars; those of this package are tested by themselves.

    Args:
        network: the network.
        recipe: how to train.
        probes: functions by name, or None.
        arrays: x, y of one member, x_test and y_test.

    Raises:
        UsageError: no mapping, a probe that fails or gives something else than scalars, or one that would replace the
            training loss.
    """
    if probes is None:
        return ()
    if not isinstance(probes, Mapping) or not all(callable(probe) for probe in probes.values()):
        raise UsageError(f"probes: expected functions by name, as overparam.probes.standard(), got {probes!r}.")
    for name, probe in probes.items():
        if not str(getattr(getattr(probe, "function", probe), "__module__", "")).startswith("overparam."):
            _check(name, probe, network, recipe, arrays)
    return tuple(probes.items())


def _check(name: str, probe: ProbeFunction, network: Network, recipe: Recipe, arrays: tuple[Any, ...]) -> None:
    params = layout(network)
    shapes = [jax.ShapeDtypeStruct(np.shape(one), one.dtype) for one in arrays]
    try:
        found = jax.eval_shape(
            lambda *given: probe(network, loss(recipe.loss), *given), params, params, *shapes
        )
    except OverparamError:
        raise
    except Exception as error:
        raise UsageError(f"probe '{name}': expected {_ASKED} of JAX functions, got {told(error)}.") from error
    if not isinstance(found, Mapping):
        raise UsageError(f"probe '{name}': expected {_ASKED}, got {type(found).__name__}.")
    for value, one in found.items():
        shape, dtype = getattr(one, "shape", None), getattr(one, "dtype", np.dtype(object))
        kinds = (jnp.floating, jnp.integer, jnp.bool_)
        if shape != () or not any(jnp.issubdtype(dtype, kind) for kind in kinds):
            got = f"shape {shape} of {dtype}" if shape is not None else type(one).__name__
            raise UsageError(
                f"probe '{name}': expected a real number as '{value}', got {got}. Give one value a name."
            )
        if value in TAKEN:
            raise UsageError(
                f"probe '{name}': '{value}' is measured by training itself. Give the value another name."
            )
