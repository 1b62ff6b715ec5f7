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

RESERVED = (
    "train_loss",
    "train_error",
    "test_loss",
    "test_error",
)  # stopping and divergence are read from them
_ASKED = "function(network, loss, params, params0, x, y, x_test, y_test) -> {name: numbers}"


def check_probes(network: Network, recipe: Recipe, probes: Any, arrays: tuple[Any, ...]) -> Probes:
    """Pairs of name and probe, each found to give numbers or arrays of them; those of this package are tested by themselves.

    Args:
        network: the network.
        recipe: how to train.
        probes: functions by name, or None.
        arrays: x, y of one member, x_test and y_test.

    Raises:
        UsageError: no mapping, a probe that fails or gives something else than real numbers, or one that would replace
            the training loss or what another probe measures.
    """
    if probes is None:
        return ()
    if not isinstance(probes, Mapping) or not all(callable(probe) for probe in probes.values()):
        raise UsageError(f"probes: expected functions by name, as overparam.probes.standard(), got {probes!r}.")
    if all(_of_the_package(probe) for probe in probes.values()):
        return tuple(probes.items())
    measured: dict[str, str] = {}
    for name, probe in sorted(probes.items(), key=lambda pair: not _of_the_package(pair[1])):
        found = _found(name, probe, network, recipe, arrays)
        if not _of_the_package(probe):
            _check_values(name, found)
            for value in found:
                if value in measured or value in RESERVED:
                    by = f"probe '{measured[value]}'" if value in measured else "training itself"
                    raise UsageError(
                        f"probe '{name}': '{value}' is measured by {by}. Give the value another name."
                    )
        for value in found:
            measured[value] = name
    return tuple(probes.items())


def _of_the_package(probe: ProbeFunction) -> bool:
    """Whether a probe is tested by itself: a function of this package that was not made from a person's rule."""
    own = getattr(probe, "function", probe)
    module = str(getattr(own, "__module__", ""))
    made = module.startswith("overparam.probes.") and "<locals>" in str(getattr(own, "__qualname__", ""))
    return module.startswith("overparam.") and not made


def _found(
    name: str, probe: ProbeFunction, network: Network, recipe: Recipe, arrays: tuple[Any, ...]
) -> Mapping[str, Any]:
    """What a probe gives, as shapes."""
    params = layout(network)
    shapes = [jax.ShapeDtypeStruct(np.shape(one), one.dtype) for one in arrays]
    criterion = loss(recipe.loss, recipe.smoothing)
    try:
        found = jax.eval_shape(lambda *given: probe(network, criterion, *given), params, params, *shapes)
    except OverparamError:
        raise
    except Exception as error:
        raise UsageError(f"probe '{name}': expected {_ASKED} of JAX functions, got {told(error)}.") from error
    if not isinstance(found, Mapping):
        raise UsageError(f"probe '{name}': expected {_ASKED}, got {type(found).__name__}.")
    return found


def _check_values(name: str, found: Mapping[str, Any]) -> None:
    for value, one in found.items():
        shape, dtype = getattr(one, "shape", None), getattr(one, "dtype", np.dtype(object))
        kinds = (jnp.floating, jnp.integer, jnp.bool_)
        if shape is None or not any(jnp.issubdtype(dtype, kind) for kind in kinds):
            got = f"shape {shape} of {dtype}" if shape is not None else type(one).__name__
            raise UsageError(
                f"probe '{name}': expected real numbers as '{value}', got {got}. Give one number or array a name."
            )
