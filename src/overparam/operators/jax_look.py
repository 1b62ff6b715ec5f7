"""What a pass of JAX does that its numbers do not show: indices outside, half precision, own derivatives, who mixes examples."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import checkify

from overparam.core.errors import DataError
from overparam.operators.batches import Batch
from overparam.operators.jax_adapt import framework_of
from overparam.operators.jax_plain import RULES
from overparam.operators.jax_trace import primitives

HALF = ("float16", "bfloat16")
_LIBRARIES = ("jax", "flax", "equinox", "optax", "haiku")
_DECORATORS = (  # places in libraries that wrap a person's functions
    "jax/_src/custom_derivatives.py",
    "equinox/_ad.py",
    "flax/core/lift.py",
    "flax/nnx/transforms/autodiff.py",
)
_REPAIR = {
    "Dropout": "dropout is drawn for a whole batch; measure in evaluation mode, evaluation=True",
    "BatchNorm": "it normalises by the batch; measure in evaluation mode with running averages",
}


def half_inside(run: Callable[..., Any], *given: Any) -> str:
    """The narrow type of floats in which a part of a function computes; empty where there is none."""
    for equation in primitives(run, *given):
        for one in equation.outvars:
            name = str(getattr(one.aval, "dtype", ""))
            if name in HALF or name.startswith("float8"):
                return name
    return ""


def own_derivatives(run: Callable[..., Any], *given: Any) -> tuple[list[str], bool]:
    """Names of a person's functions with derivatives of their own, and whether a person's code stops gradients.

    What JAX and the libraries on it define, such as relu and softmax, is taken to be right.

    Args:
        run: a function of arrays.
        given: what it is traced with.
    """
    names, stops = [], False
    for equation in primitives(run, *given):
        if own_rule(equation):
            names.append(f"'{_source(equation)[0]}'")
        elif equation.primitive.name == "stop_gradient":
            stops |= not _stopped_by_library(equation)
    return list(dict.fromkeys(names)), stops


def own_rule(equation: Any) -> bool:
    """Whether an operation has derivatives that a person's code defines, if by a decorator of a library.

    Args:
        equation: of a trace.
    """
    if equation.primitive.name not in RULES:
        return False
    name, place = _source(equation)
    lent = any(one in place.replace("\\", "/") for one in _DECORATORS) and name != "_nondifferentiable"
    return lent or not _in_library(place)


def _source(equation: Any) -> tuple[str, str]:
    """Name and place of the function of an operation with derivatives of its own."""
    inner = equation.params.get("call_jaxpr")
    told = str(getattr(getattr(getattr(inner, "jaxpr", inner), "debug_info", None), "func_src_info", ""))
    name, _, place = told.partition(" at ")
    return name or "a function", place


def _stopped_by_library(equation: Any) -> bool:
    """Whether the code that calls stop_gradient is of a library; unknown counts as a person's."""
    frames = getattr(getattr(equation.source_info, "traceback", None), "frames", ())
    called = False
    for one in frames:
        if called and one.function_name != "api_boundary" and "traceback_util" not in one.file_name:
            return _in_library(one.file_name)
        called = called or one.function_name.split(".")[-1] == "stop_gradient"
    return False


def _in_library(place: str) -> bool:
    roots = [str(Path(str(sys.modules[one].__file__)).parent) for one in _LIBRARIES if one in sys.modules]
    return any(place.startswith(root) for root in roots)


def check_indices(run: Callable[[Batch], Any], batches: Iterator[Batch]) -> None:
    """Raise where whole numbers among the inputs lead outside of an array, which JAX reads as another place or as missing.

    The examples with the largest and the smallest number of each input are tried.

    Args:
        run: a pass over a batch.
        batches: of the data.

    Raises:
        DataError: one leads outside.
    """
    ends: dict[tuple[int, bool], tuple[int, Batch, int]] = {}
    for batch in batches:
        for at, leaf in enumerate(Batch(batch.args, batch.named).leaves()):
            if leaf.dtype.kind not in "iu" or not leaf.size:
                continue
            rows = np.asarray(leaf).reshape(batch.count, -1)
            for largest in (True, False):
                of_rows = rows.max(1) if largest else rows.min(1)
                row = int(of_rows.argmax() if largest else of_rows.argmin())
                value = int(of_rows[row])
                found = ends.get((at, largest))
                if found is None or (value > found[0] if largest else value < found[0]):
                    ends[at, largest] = (value, batch, row)
    for value, batch, row in ends.values():
        one = batch.rows(row, row + 1)
        leaves, structure = jax.tree.flatten((one.args, dict(one.named)))

        def again(*given: Any, one: Batch = one, structure: Any = structure) -> Any:
            args, named = jax.tree.unflatten(structure, given)
            return run(Batch(args, named, None, one.count))

        try:
            error, _ = checkify.checkify(again, errors=checkify.index_checks)(*leaves)
        except Exception:  # an operation that cannot be watched is no fault of the model
            return
        words = error.get()
        if words:
            shape = re.search(r"shape (\([^)]*\))", words)
            raise DataError(
                f"data: expected whole numbers that are places in the arrays of the model, got {value}, which is outside"
                f"{f' of an array of shape {shape[1]}' if shape else ''}. JAX would read another place without a word."
            )


def culprit(source: Any, model: Any, one: Batch, other: Batch, differs: Callable[[Any, Any], bool]) -> str:
    """The part of a module whose outputs differ between two batches with the same first examples, in words.

    Args:
        source: the module.
        model: it, opened.
        one: some examples.
        other: fewer of them.
        differs: whether two outputs are apart.
    """
    kind = framework_of(source)
    if kind == "linen":
        passes = [_by_module(lambda batch=batch: model.eager(batch)) for batch in (one, other)]  # type: ignore[misc]
        for (name, kept, first), (again, _, second) in zip(*passes, strict=False):
            if name == again and differs(first, second):
                return _words(name, kept)
        return ""
    if kind not in ("nnx", "equinox"):
        return ""
    if kind == "nnx":
        from flax import nnx

        parts = [("/".join(map(str, path)), part) for path, part in nnx.iter_modules(source)]
    else:
        import equinox as eqx

        kinds = (eqx.nn.Dropout, eqx.nn.BatchNorm)
        every = jax.tree_util.tree_leaves_with_path(source, is_leaf=lambda leaf: isinstance(leaf, kinds))
        parts = [(jax.tree_util.keystr(path, simple=True, separator="/"), part) for path, part in every]
    named = [_words(path, type(part).__name__) for path, part in parts if type(part).__name__ in _REPAIR]
    return " or ".join(named[:3])


def _by_module(call: Callable[[], Any]) -> list[tuple[str, str, np.ndarray]]:
    """Outputs of every inner module of Flax Linen in one pass, in the order in which they finish."""
    from flax import linen

    found: list[tuple[str, str, np.ndarray]] = []

    def listen(function: Any, args: Any, words: Any, context: Any) -> Any:
        out = function(*args, **words)
        if context.method_name == "__call__" and context.module.path and isinstance(out, jax.Array):
            found.append(("/".join(context.module.path), type(context.module).__name__, np.asarray(out)))
        return out

    with linen.intercept_methods(listen):
        call()
    return found


def _words(path: str, kind: str) -> str:
    why = _REPAIR.get(kind, "")
    return f"'{path}' ({kind}){f': {why}' if why else ''}"
