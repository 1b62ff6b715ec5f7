"""The back end of JAX: derivatives of a function of named arrays."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.models.network import Network
from overparam.operators.batches import Batch, Batches
from overparam.operators.layout import Layout
from overparam.operators.model import BLOCK, Model, Settings
from overparam.operators.objective import Arithmetic, Objective
from overparam.operators.ways import Way

Arrays = Mapping[str, Any]
Forward = Callable[..., Any]  # forward(arrays, *args, **named) -> outputs

ARITHMETIC = Arithmetic(
    logsumexp=lambda outputs: jax.nn.logsumexp(outputs, axis=-1),
    pick=lambda outputs, labels: jnp.take_along_axis(outputs, labels[..., None].astype(jnp.int32), axis=-1)[
        ..., 0
    ],
    where=lambda condition, value: jnp.where(condition, value, 0),
    softplus=jax.nn.softplus,
)


class JaxModel(Model):
    """A model whose outputs are a pure function of named JAX arrays."""

    back_end = "jax"
    worth = BLOCK  # fewer are not worth another program

    def __init__(
        self,
        programs: Programs,
        objective: Objective,
        trained: Arrays,
        held: Arrays,
        data: Batches,
        layout: Layout,
        dtype: np.dtype,
        notes: tuple[str, ...] = (),
        settings: Settings | None = None,
    ) -> None:
        super().__init__(layout, objective, dtype, notes, settings or Settings())
        self.programs, self.data = programs, data
        with self.quiet():
            self.trained = OrderedDict((name, jnp.asarray(trained[name])) for name in layout.names)
        self.held = dict(held)

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        """Float64 where the parameters have it."""
        return jax.enable_x64(True) if self.dtype == np.float64 else contextlib.nullcontext()

    def batches(self) -> Iterator[Batch]:
        """The data as JAX arrays."""
        return iter(self.data)

    def native(self, vector: np.ndarray) -> Any:
        """A vector as a JAX array."""
        return jnp.asarray(vector)

    def host(self, array: Any) -> np.ndarray:
        """An array in NumPy."""
        return np.asarray(array)

    def batch_outputs(self, batch: Batch) -> Any:
        """Outputs of a batch."""
        return self.programs.outputs(self.trained, self.held, batch.args, dict(batch.named))

    def eager(self, batch: Batch) -> Any:
        """Outputs of a batch, computed one operation after the other."""
        return self.programs.forward({**self.held, **self.trained}, *batch.args, **dict(batch.named))

    def described(self, batch: Batch) -> Any:
        """Shape and type of the outputs of a batch, found without compiling."""
        return jax.eval_shape(self.programs.outputs, self.trained, self.held, batch.args, dict(batch.named))

    def batch_loss(self, batch: Batch) -> tuple[float, Any]:
        """Sum of the losses of a batch and its gradient."""
        loss, gradient = self.programs.gradient(self.trained, self.held, *_parts(batch))
        return float(loss), gradient

    def batch_curvature(self, batch: Batch) -> Any:
        """Second derivatives of the losses of a batch by its outputs."""
        return self.programs.curvature(self.batch_outputs(batch), batch.targets)

    def vector(self) -> np.ndarray:
        """The parameters as one flat vector."""
        return np.concatenate([np.asarray(one).ravel() for one in self.trained.values()])

    def at(self, vector: np.ndarray) -> JaxModel:
        """The same model with other parameters; its compiled programs are used again."""
        return self._again(self.layout.named(self.layout.checked(vector, self.dtype)), self.held, self.layout)

    def only(self, layers: str | tuple[str, ...] | list[str]) -> JaxModel:
        """The same model as a function of some of its parameters."""
        layout = self.layout.only(self.layout.matching(layers))
        held = {**self.held, **{name: one for name, one in self.trained.items() if name not in layout.slices}}
        return self._again(self.trained, held, layout)

    def _again(self, trained: Arrays, held: Arrays, layout: Layout) -> JaxModel:
        return JaxModel(
            self.programs,
            self.objective,
            trained,
            held,
            self.data,
            layout,
            self.dtype,
            self.notes,
            self.settings,
        )

    def under(self, objective: Objective) -> JaxModel:
        """The same model with another loss; its programs are compiled anew."""
        known = self.programs
        return JaxModel(
            Programs(known.forward, known.outputs, objective.total, known.network),
            objective,
            self.trained,
            self.held,
            self.data,
            self.layout,
            self.dtype,
            self.notes,
            self.settings,
        )

    def ways(self, kind: str) -> tuple[Way, ...]:
        """A kept linearisation first, then what is computed anew; by order, because every way would be compiled for a trial."""
        kept, forward, reverse = _NAMES[kind]

        def linear(batch: Batch) -> Callable[[Any], Any]:
            maps = self.programs.linearised(kind, self.trained, self.held, *_parts(batch))
            return _Kept(self.programs, kind, maps, self.trained)

        def plain(name: str) -> Callable[[Batch], Callable[[Any], Any]]:
            def make(batch: Batch) -> Callable[[Any], Any]:
                parts = _parts(batch)
                return lambda vector: self.programs.product(kind, name, self.trained, self.held, *parts, vector)

            return make

        both = [Way(name, plain(name)) for name in dict.fromkeys((forward, reverse))]
        return (Way(kept, linear, lambda made: made.bytes, several=True), *both)


_NAMES = {
    "jacobian": ("kept linearisation", "forward", "reverse twice"),
    "transpose": ("kept linearisation", "reverse", "reverse"),
    "hessian": ("kept linearisation", "forward over reverse", "reverse over reverse"),
    "gauss_newton": ("kept linearisation", "forward and reverse", "reverse three times"),
}


class _Kept:
    """The linear map of a batch, with the intermediate values that it needs."""

    def __init__(self, programs: Programs, kind: str, maps: Any, like: Arrays) -> None:
        self.programs, self.kind, self.maps, self.like = programs, kind, maps, like
        self.bytes = float(sum(leaf.nbytes for leaf in jax.tree.leaves(maps)))

    def __call__(self, vector: Any) -> Any:
        if vector.ndim == 1:
            return self.programs.applied(self.kind, self.maps, self.like, vector)
        missing = BLOCK - len(vector)  # one program for every number of vectors
        padded = jnp.pad(vector, ((0, missing), (0, 0))) if missing else vector
        return self.programs.applied_to_several(self.kind, self.maps, self.like, padded)[: len(vector)]


class Programs:
    """The compiled programs of one function and one loss; models at other parameters and on other data share them."""

    def __init__(
        self, forward: Forward, outputs: Forward, total: Forward | None, network: Network | None = None
    ) -> None:
        self.forward, self.outputs, self.total, self.network = forward, outputs, total, network
        self.gradient = jax.jit(self._gradient)
        self.linearised = jax.jit(self._linearised, static_argnums=0)
        self.applied = jax.jit(self._applied, static_argnums=0)
        self.applied_to_several = jax.jit(
            lambda kind, maps, like, vectors: jax.vmap(lambda one: self._applied(kind, maps, like, one))(
                vectors
            ),
            static_argnums=0,
        )
        self.product = jax.jit(self._product, static_argnums=(0, 1))
        self.curvature = jax.jit(self._curvature)

    def _functions(self, held: Arrays, args: Any, named: Any, targets: Any) -> tuple[Any, Any]:
        """Outputs as a function of the trained arrays, and the loss as one of the outputs."""
        total = self.total
        return (
            lambda trained: self.forward({**held, **trained}, *args, **named),
            lambda outputs: total(outputs, targets) if total is not None else jnp.sum(outputs),
        )

    def _gradient(self, trained: Arrays, held: Arrays, args: Any, named: Any, targets: Any) -> Any:
        outputs, loss = self._functions(held, args, named, targets)
        value, gradient = jax.value_and_grad(lambda own: loss(outputs(own)))(trained)
        return value, flat(gradient)

    def _curvature(self, found: Any, targets: Any) -> Any:
        total = self.total
        assert total is not None
        slope, shape = jax.grad(lambda outputs: total(outputs, targets)), found.shape

        def column(direction: Any) -> Any:
            moved = jnp.broadcast_to(direction.reshape(shape[1:]), shape)
            return jax.jvp(slope, (found,), (moved,))[1].reshape(shape[0], -1)

        return jax.vmap(column, out_axes=2)(jnp.eye(found[0].size, dtype=found.dtype))

    def _linearised(self, kind: str, trained: Arrays, held: Arrays, args: Any, named: Any, targets: Any) -> Any:
        outputs, loss = self._functions(held, args, named, targets)
        if kind == "hessian":
            return jax.linearize(jax.grad(lambda own: loss(outputs(own))), trained)[1]
        if kind == "jacobian":
            return jax.linearize(outputs, trained)[1]
        found, back = jax.vjp(outputs, trained)
        if kind == "transpose":
            return back, found
        return jax.linearize(outputs, trained)[1], jax.linearize(jax.grad(loss), found)[1], back

    def _applied(self, kind: str, maps: Any, like: Arrays, vector: Any) -> Any:
        if kind == "transpose":
            back, found = maps
            return flat(back(vector.reshape(found.shape))[0])
        first = maps[0] if kind == "gauss_newton" else maps
        direction = unflat(vector, like)
        if kind == "gauss_newton":
            _, curved, back = maps
            return flat(back(curved(first(direction)))[0])
        found = first(direction)
        return flat(found) if kind == "hessian" else found

    def _product(
        self,
        kind: str,
        way: str,
        trained: Arrays,
        held: Arrays,
        args: Any,
        named: Any,
        targets: Any,
        vector: Any,
    ) -> Any:
        outputs, loss = self._functions(held, args, named, targets)
        if kind == "transpose":
            found, back = jax.vjp(outputs, trained)
            return flat(back(vector.reshape(found.shape))[0])
        direction = unflat(vector, trained)
        gradient = jax.grad(lambda own: loss(outputs(own)))
        if kind == "hessian" and way == "forward over reverse":
            return flat(jax.jvp(gradient, (trained,), (direction,))[1])
        if kind == "hessian":
            return flat(jax.grad(lambda own: _dot(gradient(own), direction))(trained))
        if way.startswith("forward"):
            found, moved = jax.jvp(outputs, (trained,), (direction,))
        else:
            found, moved = _pushed(outputs, trained, direction)
        if kind == "jacobian":
            return moved
        if way.startswith("forward"):
            curved = jax.jvp(jax.grad(loss), (found,), (moved,))[1]
        else:
            curved = jax.grad(lambda own: jnp.sum(jax.grad(loss)(own) * moved))(found)
        return flat(jax.vjp(outputs, trained)[1](curved)[0])


def compiled(forward: Forward) -> Forward:
    """Outputs of a function of all arrays, as a compiled function of trained and held ones."""
    return jax.jit(lambda trained, held, args, named: forward({**held, **trained}, *args, **named))


def flat(tree: Arrays) -> Any:
    """One vector of named arrays, in their order."""
    return jnp.concatenate([jnp.ravel(one) for one in tree.values()])


def unflat(vector: Any, like: Arrays) -> OrderedDict[str, Any]:
    """Named arrays of the shapes of others, from one vector."""
    found, at = OrderedDict[str, Any](), 0
    for name, one in like.items():
        found[name] = vector[at : at + one.size].reshape(one.shape)
        at += one.size
    return found


def _pushed(outputs: Callable[[Any], Any], trained: Arrays, direction: Arrays) -> tuple[Any, Any]:
    """Outputs and J v from two reverse passes, where there is no forward derivative."""
    found, back = jax.vjp(outputs, trained)
    return found, jax.vjp(back, jnp.zeros_like(found))[1]((direction,))[0]


def _dot(one: Arrays, other: Arrays) -> Any:
    return sum(jnp.sum(one[name] * other[name]) for name in one)


def _parts(batch: Batch) -> tuple[Any, Any, Any]:
    return batch.args, dict(batch.named), batch.targets
