"""Training of a model of any framework by a person's own function, under a mask that stays."""

from __future__ import annotations

import contextlib
import inspect
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from overparam.core.checked import count
from overparam.core.errors import OverparamError, UsageError
from overparam.models.passes import told
from overparam.operators.generators import generators_kept
from overparam.operators.jax_adapt import framework_of
from overparam.operators.opening import plain
from overparam.pruning.mask import Mask
from overparam.pruning.module_format import HOLDING, Subject, subject_of, unwrapped_module
from overparam.pruning.module_recipe import by_recipe
from overparam.training.recipe import Recipe

FITS = "fit(model, train) that trains the model and returns it, or its parameters"


def refitted(
    subject: Subject,
    begun: Mapping[str, np.ndarray],
    mask: Mask | None,
    train: Any,
    fit: Any,
    seed: int = 0,
    targets: str | None = None,
) -> tuple[Any, Any, dict[str, np.ndarray]]:
    """A copy of a model trained by a person's function; weights where a mask is 0 stay exactly 0.

    ``fit`` is called as ``fit(model, train)`` with a copy that starts at the given numbers. Whatever of ``params``, ``mask``
    and ``seed`` stands among the names of its arguments is given besides, by name. In a module of PyTorch the gradients of
    pruned weights are set to 0 by hooks, so any optimizer of it that starts afresh leaves them at 0; for other models ``fit``
    must take ``mask`` (booleans by parameter name) and keep to it. What it returns is checked.

    Args:
        subject: the model.
        begun: numbers to start from, by name.
        mask: what is kept; None keeps all.
        train: the training data, as the person gave them.
        fit: the function; or, for models of JAX, a recipe.
        seed: for the generators of Python, NumPy and PyTorch, which are put back.
        targets: key of the targets in mappings, for a recipe.

    Returns:
        Model and parameters as the person's framework has them, and the numbers by name.

    Raises:
        UsageError: no function, one that fails, gives something else, or moves pruned weights.
        DataError: a training that diverged.
    """
    if train is None:
        raise UsageError("data: expected training data for fit, got none. Call prune(model, data=...).")
    if isinstance(fit, Recipe) and subject.kind != "torch":
        arrays = by_recipe(subject, begun, mask, train, fit, count(seed, "seed", 0), targets)
        return *subject.with_arrays(arrays), arrays
    check_fit(fit)
    model, params = subject.with_arrays(begun)
    more: dict[str, Any] = {"seed": count(seed, "seed", 0)}
    separate = subject.kind not in HOLDING
    if separate:
        more["params"] = params
    if mask is not None:
        more["mask"] = subject.native({path: one == 1 for path, one in mask})
    needed = [name for name in (("params",) if separate else ()) if not takes(fit, name)]
    if mask is not None and subject.kind != "torch" and mask.density < 1 and not takes(fit, "mask"):
        needed.append("mask")
    if needed:
        names = ", ".join(("model", "train", *needed))
        raise UsageError(
            f"fit: expected a function that takes {' and '.join(needed)}, because a model of {_said(subject.kind)} is trained "
            f"under a mask, got one without. Write fit({names})."
        )
    before = buffers_of(model)
    with seeded(seed), _held_at_zero(subject, model, mask):
        found = call_fit(fit, model, train, more)
    model, params = fitted(found, model, params)
    own = subject_of(model, params)
    arrays = {}
    for name, shape in zip(subject.layout.names, subject.layout.shapes, strict=True):
        if name not in own.arrays or own.arrays[name].shape != shape:
            raise UsageError(
                f"fit: expected the model that it was given, trained, got one without '{name}' of {shape}."
            )
        arrays[name] = own.arrays[name]
    check_moved({**begun, **before}, {**arrays, **buffers_of(model)})
    if mask is not None:
        for path, one in mask:
            moved = int(np.count_nonzero(arrays[path][one == 0]))
            if moved:
                raise UsageError(
                    f"fit: expected pruned weights to stay 0, got {moved:,} that moved at '{path}'. Train the very model that "
                    "fit is given with a new optimizer, or take mask and multiply the weights by it after every step."
                )
    return model, params, arrays


def check_fit(fit: Any) -> None:
    """Raise unless a person's training function was given.

    Raises:
        UsageError: something else.
    """
    if isinstance(fit, Recipe):
        raise UsageError(
            f"fit: expected a function {FITS}, got a Recipe, by which this package trains networks and models of "
            "JAX alone."
        )
    if not callable(fit):
        raise UsageError(f"fit: expected a function {FITS}, got {type(fit).__name__}.")


def call_fit(fit: Callable[..., Any], model: Any, train: Any, more: Mapping[str, Any]) -> Any:
    """Call a person's training function with what it takes.

    Args:
        fit: the function.
        model: the model to be trained.
        train: the training data.
        more: further arguments by name, given where it has them.

    Raises:
        UsageError: it fails.
    """
    given = {name: value for name, value in more.items() if takes(fit, name)}
    try:
        return fit(model, train, **given)
    except OverparamError:
        raise
    except Exception as error:
        raise UsageError(f"fit: expected {FITS}, got {told(error)}.") from error


def fitted(found: Any, model: Any, params: Any) -> tuple[Any, Any]:
    """Model and parameters out of what a training function returned.

    Args:
        found: a model, parameters, a pair of both, or None where a module was trained in place.
        model: the model that it was given.
        params: its parameters, or None.

    Raises:
        UsageError: something else.
    """
    kind = framework_of(model)
    if isinstance(found, tuple) and len(found) == 2 and framework_of(found[0]) == kind and kind != "function":
        return (found[0], None) if kind in ("torch", "nnx") else found  # a module, and what was written down
    if kind in ("torch", "nnx"):
        if found is None:
            return model, None  # trained in place
        if kind == "torch" and isinstance(found, Mapping):
            try:
                unwrapped_module(model).load_state_dict(found)
            except Exception as error:
                raise UsageError(f"fit: expected the state_dict of the model, got {told(error)}.") from error
            return model, None
    if kind in HOLDING:
        if framework_of(found) != kind:
            raise UsageError(
                f"fit: expected the trained module of {HOLDING[kind]}, got {type(found).__name__}. Return it."
            )
        return found, params
    if found is None or framework_of(found) in HOLDING:
        raise UsageError(
            f"fit: expected the trained parameters of a model of {_said(kind)}, got {type(found).__name__}. Return them."
        )
    return model, found


def buffers_of(model: Any) -> dict[str, np.ndarray]:
    """Buffers of a module of PyTorch by name; nothing of other models.

    Args:
        model: of any framework.
    """
    if framework_of(model) != "torch":
        return {}
    return {name: np.array(plain(one)) for name, one in unwrapped_module(model).named_buffers()}


def check_same_model(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> None:
    """Raise unless a training gave back arrays of the names and shapes that it was given; those that it froze may be missing.

    Args:
        before: numbers by name.
        after: the same after it.

    Raises:
        UsageError: it did not.
    """
    shapes = [{name: np.shape(one) for name, one in arrays.items()} for arrays in (before, after)]
    odd = sorted(name for name, shape in shapes[1].items() if shapes[0].get(name) != shape)
    odd = odd or ([] if shapes[1] else sorted(shapes[0]))
    if odd:
        asked, found = (str(one.get(odd[0], "nothing")) for one in shapes)
        raise UsageError(
            f"fit: expected the model that it was given, trained, got one with {found} instead of {asked} at '{odd[0]}'. Train "
            "that very model, and return it."
        )


def check_moved(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> None:
    """Raise if a training left every number as it was.

    Args:
        before: numbers by name.
        after: the same after it.

    Raises:
        UsageError: it did.
    """
    if all(name in after and np.array_equal(one, after[name]) for name, one in before.items()):
        raise UsageError(
            "fit: expected a training of the model that fit is given, got it back as it was. Train that very model, not one "
            "from outside, and return it."
        )


def takes(function: Any, name: str) -> bool:
    """Whether a function has an argument of a name.

    >>> takes(lambda model, train, seed=0: None, "seed"), takes(lambda model, train: None, "seed")
    (True, False)
    """
    try:
        known = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        one.kind is one.VAR_KEYWORD or (one.name == name and one.kind is not one.VAR_POSITIONAL)
        for one in known
    )


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The generators of Python, NumPy and, where it is loaded, PyTorch at a seed; put back afterwards.

    Args:
        seed: of at least 0.
    """
    with generators_kept():
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        if "torch" in sys.modules:
            from overparam.operators.torch_tensors import seed_generators

            seed_generators(seed)
        yield


def _held_at_zero(subject: Subject, model: Any, mask: Mask | None) -> contextlib.AbstractContextManager[Any]:
    """Gradients of pruned weights of a module of PyTorch are 0."""
    if subject.kind != "torch" or mask is None:
        return contextlib.nullcontext()
    from overparam.operators.torch_tensors import held_at_zero

    return held_at_zero(model, mask.arrays)


def _said(kind: str) -> str:
    return {"linen": "Flax Linen", "function": "functions", "network": "this package"}.get(
        kind, HOLDING.get(kind, kind)
    )
