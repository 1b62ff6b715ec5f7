"""A model of JAX on its way to be measured."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core.errors import UsageError
from overparam.models.network import AnyArray
from overparam.operators.batches import Batch, Batches
from overparam.operators.checks import apart
from overparam.operators.jax_adapt import Adapted, is_number
from overparam.operators.jax_along import JaxAlong, told_derivatives
from overparam.operators.jax_look import check_indices, culprit, half_inside, own_derivatives
from overparam.operators.jax_model import ARITHMETIC, JaxModel, Programs, compiled
from overparam.operators.jax_trace import mark_of
from overparam.operators.layout import Layout
from overparam.operators.model import ROWS, Model, Settings
from overparam.operators.named_arrays import check_arrays
from overparam.operators.objective import Objective
from overparam.operators.opening import Opening, check_leaf, check_whole, fitting, plain, rounded
from overparam.operators.telling import SAME, told_of

ADVICE = {
    "half": 'Cast them if their rounding is meant: jax.tree.map(lambda a: a.astype("float32"), params).',
    "kinds": "If it is state, hold it: frozen='...', or keep it outside of the parameters.",
    "several": 'Cast them to one type: jax.tree.map(lambda a: a.astype("float32"), params).',
    "none": "Give those that training changes.",
}


class JaxOpening(Opening):
    """A model of JAX on its way to be measured."""

    arithmetic = ARITHMETIC

    def __init__(self, adapted: Adapted, dtype: np.dtype | None) -> None:
        for name, leaf in adapted.trained.items():
            if not is_number(leaf):
                raise UsageError(f"params: expected an array at '{name}', got {type(leaf).__name__}.")
        arrays = {name: np.asarray(leaf) for name, leaf in adapted.trained.items()}
        finite = {
            name: bool(np.isfinite(one.astype(np.float64)).all()) for name, one in arrays.items() if _real(one)
        }
        found = check_arrays(adapted.trained, finite, ADVICE)
        self.adapted, self.dtype = adapted, dtype or found
        self.outputs = compiled(adapted.forward)
        self.arrays = {name: one.astype(self.dtype) for name, one in arrays.items()}
        self.layout = Layout(tuple(arrays), tuple(one.shape for one in arrays.values()), "/")
        self.notes = (*adapted.notes, *_shared(adapted))

    def batch(self, given: Batch, notes: set[str]) -> Batch:
        """Examples as JAX arrays, floats in the type of the parameters."""
        inputs = {id(leaf) for leaf in (*given.args, *given.named.values())}

        def change(leaf: AnyArray) -> Any:
            array = check_whole(check_leaf(plain(leaf)), np.int64 if self.dtype == np.float64 else np.int32)
            if self.adapted.features is not None and id(leaf) in inputs:
                array = fitting(array, self.adapted.features).astype(self.dtype)
            if array.dtype.kind not in "iub":
                if np.dtype(array.dtype).itemsize > self.dtype.itemsize:
                    notes.add(rounded(array.dtype.name, self.dtype.name))
                array = array.astype(self.dtype)
            return jnp.asarray(array)

        with jax.enable_x64(self.dtype == np.float64):
            return given.mapped(change)

    def made(
        self, objective: Objective, data: Batches, layout: Layout, notes: tuple[str, ...], settings: Settings
    ) -> Model:
        """The model with a loss."""
        with jax.enable_x64(self.dtype == np.float64):
            held = {name: jnp.asarray(one) for name, one in self.arrays.items() if name not in layout.slices}
            held |= {name: self._wide(leaf) for name, leaf in self.adapted.held.items()}
        programs = Programs(self.adapted.forward, self.outputs, objective.total, self.adapted.network)
        made = JaxModel(programs, objective, self.arrays, held, data, layout, self.dtype, notes, settings)
        made.advice = self.adapted.advice
        return made

    def look(self, model: Model) -> tuple[str, ...]:
        """Trace loss and pass twice: random numbers drawn by a pass itself, and values that it changes, are found only so.

        A model that was opened before shares the programs that were compiled for it.
        """
        assert isinstance(model, JaxModel)
        with model.quiet():
            rows = next(iter(model.batches())).rows(0, ROWS)
            given = (model.trained, model.held, rows.args, dict(rows.named), rows.targets)

            def run(trained: Any, held: Any, args: Any, named: Any, targets: Any) -> Any:
                outputs = self.adapted.forward({**held, **trained}, *args, **named)
                return (
                    outputs
                    if model.objective.total is None
                    else (model.objective.total(outputs, targets), outputs)
                )

            with told_of(f"loss: expected {model.objective.name} to be a function of JAX arrays", SAME):
                mark, again = mark_of(run, *given), mark_of(run, *given)
            if mark != again:
                raise UsageError(
                    "model: expected a pure function, got other operations or constants in a second call with the same "
                    "parameters and inputs. Random numbers of numpy.random or random, and values that a call changes, do "
                    "that: draw from keys that are held."
                )
            half = half_inside(run, *given)
            said = self._derivatives(model, *given)
            if any(leaf.dtype.kind in "iu" for leaf in Batch(rows.args, rows.named).leaves()):
                check_indices(model.eager, model.batches())
        model.programs = _shared_programs(self.adapted.source, mark, model)
        if half:
            said.insert(0, f"A part of the pass computes in {half}: derivatives are good to about 3 digits.")
        return tuple(said)

    def _derivatives(
        self, model: JaxModel, trained: Any, held: Any, args: Any, named: Any, targets: Any
    ) -> list[str]:
        """What is to be said of derivatives of a person's own and of stopped gradients; a wrong one is refused."""
        forward, total = self.adapted.forward, model.objective.total
        whole = {**held, **trained}
        said = told_derivatives(
            "pass", "model", own_derivatives(lambda own: forward(own, *args, **named), whole),
            lambda change: JaxAlong(change(forward), trained, held, Batch(args, named)),
        )  # fmt: skip
        if total is not None and not model.objective.named:
            outputs = model.eager(Batch(args, named))
            beside = float(jnp.abs(outputs).sum())

            def loss(own: Any) -> Any:
                return total(own["outputs"], targets)

            said += told_derivatives(
                "loss", "loss", own_derivatives(total, outputs, targets),
                lambda change: JaxAlong(change(loss), {"outputs": outputs}, {}, Batch(()), beside),
            )  # fmt: skip
        return list(said)

    def culprit(self, model: Model, one: Batch, other: Batch, start: int) -> str:
        """The part whose outputs depend on other examples."""
        assert isinstance(model, JaxModel)
        return culprit(self.adapted.source, model, one, other, lambda a, b: apart(a, b, start, self.dtype))

    def _wide(self, leaf: Any) -> Any:
        floats = is_number(leaf) and _real(np.asarray(leaf)) and np.asarray(leaf).dtype.kind not in "iub"
        return jnp.asarray(np.asarray(leaf), self.dtype) if floats else leaf


_PROGRAMS: OrderedDict[tuple[Any, ...], tuple[Any, Programs]] = OrderedDict()
PROGRAMS = 8


def _shared_programs(source: Any, mark: str, model: JaxModel) -> Programs:
    """The programs of the same object with the same trace, compiled before; those of the last few are kept."""
    key = (id(source), mark, model.layout, tuple(model.held))
    if key not in _PROGRAMS:
        _PROGRAMS[key] = (source, model.programs)  # the object is kept, so that no other one gets its id
    _PROGRAMS.move_to_end(key)
    while len(_PROGRAMS) > PROGRAMS:
        _PROGRAMS.popitem(last=False)
    return _PROGRAMS[key][1]


def _real(array: np.ndarray) -> bool:
    return array.dtype.kind != "c"


def _shared(adapted: Adapted) -> list[str]:
    first: dict[int, str] = {}
    said = []
    for name, leaf in adapted.trained.items():
        if id(leaf) in first:
            said.append(
                f"'{first[id(leaf)]}' and '{name}' are one array and count as two parameters, as JAX updates them apart."
            )
        first.setdefault(id(leaf), name)
    return said
