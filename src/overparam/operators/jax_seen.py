"""The pass of a JAX model, operation by operation: which arrays enter which products, and the inputs of ReLUs."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from overparam.core.errors import UsageError
from overparam.models.state import leaves
from overparam.operators.batches import Batch
from overparam.operators.jax_model import JaxModel, Programs
from overparam.operators.jax_uses import Cell, made, used
from overparam.operators.recorder import Gate, Recorder, Seen, axis_of, by_example

# activations that are no ReLU, though their code takes a maximum with 0
_NAMES = """
    celu elu selu softplus logaddexp logsumexp softmax log_softmax squareplus hard_sigmoid hard_silu hard_swish hard_tanh
    mish gelu silu swish sparse_plus sparse_sigmoid
"""
_SMOOTH = frozenset(_NAMES.split())
_RELU = frozenset({"relu", "relu6", "leaky_relu"})
_INNER = ("call_jaxpr", "fun_jaxpr", "jaxpr")
# functions that are called once, as they are; all others with a program inside are loops, branches or kernels
_CALLS = frozenset({
    *("jit", "pjit", "closed_call", "core_call", "xla_call", "remat", "remat2", "checkpoint"),
    *("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"),
})  # fmt: skip
_HIDDEN = re.compile(r"\brelu6?\b|\bleaky_relu\b|\bmax \S+ 0\.0\b")  # in the text of a program
_PROGRAMS: weakref.WeakKeyDictionary[Programs, Any] = weakref.WeakKeyDictionary()


def see(model: JaxModel) -> Seen:
    """What a pass is made of; nothing is computed.

    Args:
        model: of JAX.
    """
    recorder = Recorder()
    with model.quiet():
        _shapes(model, next(iter(model.batches())), 2, recorder)
    return recorder.seen()


def gates(model: JaxModel) -> Iterator[list[Gate]]:
    """The inputs of every ReLU, batch by batch.

    Args:
        model: of JAX.

    Raises:
        UsageError: a ReLU inside a compiled loop.
    """
    with model.quiet():
        first = next(iter(model.batches()))
        shorter, longer = (_shapes(model, first, count, Recorder()) for count in (2, 3))
        axes = [axis_of(a, b) for a, b in zip(shorter.values(), longer.values(), strict=True)]
        if not axes:
            return
        if model.programs not in _PROGRAMS:
            forward = model.programs.forward
            _PROGRAMS[model.programs] = jax.jit(
                lambda trained, held, args, named: _walked(forward, trained, held, args, named, Recorder())
            )
        program = _PROGRAMS[model.programs]
        for batch in model.batches():
            values = program(model.trained, model.held, batch.args, dict(batch.named))
            yield [
                Gate(name, *by_example(np.asarray(values[name]), axis))
                for name, axis in zip(shorter, axes, strict=True)
            ]


def relu_inputs(apply: Any, params: Any, x: Any) -> dict[str, Any]:
    """The inputs of every ReLU of a function of JAX, by name; itself a pure function that can be compiled and mapped.

    Args:
        apply: ``apply(params, x)``.
        params: its parameters.
        x: its inputs.

    Raises:
        UsageError: a ReLU inside a compiled loop.
    """
    named = dict(leaves(params))
    structure = jax.tree.structure(params)

    def forward(arrays: Any, inputs: Any) -> Any:
        return apply(jax.tree.unflatten(structure, [arrays[name] for name in named]), inputs)

    return _walked(forward, named, {}, (x,), {}, Recorder())


def _shapes(model: JaxModel, batch: Batch, count: int, recorder: Recorder) -> dict[str, tuple[int, ...]]:
    """Shapes of the inputs of the ReLUs in a pass over some examples, in order; the recorder sees what is used."""
    few = batch.mapped(
        lambda leaf: jnp.repeat(leaf[:1], count, axis=0) if leaf.shape[:1] == (batch.count,) else leaf
    )
    found: dict[str, tuple[int, ...]] = {}

    def walk(trained: Any, held: Any, args: Any, named: Any) -> Any:
        values = _walked(model.programs.forward, trained, held, args, named, recorder)
        found.update({name: tuple(one.shape) for name, one in values.items()})
        return values

    jax.eval_shape(walk, model.trained, model.held, few.args, dict(few.named))
    return found


def _walked(forward: Any, trained: Any, held: Any, args: Any, named: Any, recorder: Recorder) -> dict[str, Any]:
    """Inputs of the ReLUs of a pass, by name."""
    given = (trained, held, args, named)
    closed = jax.make_jaxpr(lambda own, kept, inputs, words: forward({**kept, **own}, *inputs, **words))(*given)
    paths = jax.tree_util.tree_flatten_with_path(given)[0]
    cells = []
    for path, leaf in paths:
        name = getattr(path[1], "key", None) if path[0].idx < 2 else None
        cells.append(Cell(leaf, name=name, axes=tuple((i,) for i in range(np.ndim(leaf)))))
    walk = _Walk(recorder)
    walk.run(closed.jaxpr, closed.consts, cells, smooth=False, relu=False)
    return walk.gates


class _Walk:
    """An evaluation of a program that calls no inner function whole."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.gates: dict[str, Any] = {}

    def run(self, jaxpr: Any, consts: Any, cells: list[Cell], smooth: bool, relu: bool) -> list[Cell]:
        env: dict[Any, Cell] = dict(
            zip(jaxpr.constvars, (Cell(one, fixed=True) for one in consts), strict=True)
        )
        env.update(zip(jaxpr.invars, cells, strict=True))

        def read(var: Any) -> Cell:
            return Cell(var.val, fixed=True, zero=_is_zero(var.val)) if isinstance(var, Literal) else env[var]

        for eqn in jaxpr.eqns:
            ins = [read(var) for var in eqn.invars]
            name = eqn.primitive.name
            inner = next((eqn.params[key] for key in _INNER if key in eqn.params), None)
            if inner is not None and name in _CALLS:
                label = str(eqn.params.get("name", ""))
                one, more = (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, ())
                outs = self.run(one, more, ins, smooth or label in _SMOOTH, relu or label in _RELU)
            else:
                self.recorder.operations.add(name)
                if any("axpr" in type(one).__name__ for one in _flat(eqn.params)):
                    self._check_hidden(eqn)
                if not smooth:
                    self._gate(name, ins, relu)
                used(eqn, ins, self.recorder)
                bound = eqn.primitive.get_bind_params(eqn.params)
                functions, params = bound if isinstance(bound, tuple) else ((), bound)  # as JAX before 0.10
                with eqn.ctx.manager:
                    values = eqn.primitive.bind(*functions, *(cell.value for cell in ins), **params)
                values = values if eqn.primitive.multiple_results else [values]
                outs = [made(eqn, ins, value) for value in values]
            env.update(zip(eqn.outvars, outs, strict=True))
        return [read(var) for var in jaxpr.outvars]

    def _gate(self, name: str, ins: list[Cell], relu: bool) -> None:
        """Keep the input of a ReLU, where this operation is the heart of one."""
        found = None
        if name == "max" and any(one.zero for one in ins):
            found = next((one for one in ins if not one.fixed), None)
            if found is not None and found.statistic and not relu:  # a variance kept from below zero
                return
        if name == "select_n" and ins[0].sign is not None and len(ins) == 3:
            of, above = ins[0].sign
            taken, other = (ins[2], ins[1]) if above else (ins[1], ins[2])
            if taken is of and (other.zero or other.multiple is of):
                found = of
        if found is not None and jnp.issubdtype(jnp.result_type(found.value), jnp.floating):
            self.gates[self.recorder.gate()] = found.value

    def _check_hidden(self, eqn: Any) -> None:
        """Raise where a ReLU hides in a loop, the passes of which cannot be told apart."""
        if _HIDDEN.search(str(eqn)):
            raise UsageError(
                f"model: expected ReLUs outside of compiled loops, got one inside '{eqn.primitive.name}', whose passes cannot be "
                "told apart. Unroll the loop: scan(..., unroll=True), or a loop of Python."
            )


def _flat(params: Any) -> list[Any]:
    return [
        one for value in params.values() for one in (value if isinstance(value, tuple | list) else (value,))
    ]


def _is_zero(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind in "iufb" and not array.any()
