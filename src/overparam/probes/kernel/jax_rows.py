"""Rows of the Jacobian of a model of JAX, example by example, all of a block in one program."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np

from overparam.operators.batches import Batch
from overparam.operators.jax_model import JaxModel, Programs
from overparam.probes.kernel.factors import Factor, Rows
from overparam.probes.kernel.source import Source

_COMPILED: WeakKeyDictionary[Programs, dict[Any, Any]] = WeakKeyDictionary()


class JaxSource(Source):
    """What sources of JAX share: compiled programs, kept as long as those of the model, and arrays on the host."""

    model: JaxModel

    def joined(self, leaves: list[Any]) -> Any:
        """Arrays one behind the other."""
        return joined(leaves)

    def kept(self, array: Any) -> Any:
        """An array as factors hold it: in NumPy where it lies in main memory, else where it is."""
        if self.wide:
            return np.asarray(array).astype(np.float64)
        return np.asarray(array) if jax.default_backend() == "cpu" else array

    def compiled(self, kind: Any, batch: Batch, make: Any) -> Any:
        """A program for the shapes of a batch; ``make()`` gives the function of trained and held arrays and inputs."""
        known = _COMPILED.setdefault(self.model.programs, {})
        leaves, structure = jax.tree.flatten((batch.args, dict(batch.named)))
        shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
        key = (kind, self.model.layout.names, self.chosen, structure, shapes, batch.count)
        if key not in known:
            made = jax.jit(make())
            known[key] = made.lower(*self.parts(batch)).compile()
        return known[key]

    def parts(self, batch: Batch) -> tuple[Any, ...]:
        """What a program is called with."""
        return self.model.trained, self.model.held, batch.args, dict(batch.named)


class JaxRows(JaxSource):
    """Explicit rows: a reverse pass an example and output."""

    method = "rows"

    def factors(self, batch: Batch) -> list[Factor]:
        """One factor, the rows."""
        program = self.compiled("rows", batch, lambda: self._program(batch))
        return [Rows(self.model.layout.names, self.kept(program(*self.parts(batch))))]

    def sizes(self, batch: Batch) -> tuple[float, float]:
        """As the compiler plans them."""
        program = self.compiled("rows", batch, lambda: self._program(batch))
        rows = float(len(self.chosen)) * self.model.size * (8 if self.wide else self.model.dtype.itemsize)
        return rows, planned(program) / batch.count + (rows if self.wide else 0)

    def _program(self, batch: Batch) -> Any:
        forward, chosen = self.model.programs.forward, np.array(self.chosen)
        axes = example_axes(batch)

        def one(trained: Any, held: Any, args: Any, named: Any) -> Any:
            single = alone(forward, axes, args, named)
            found, back = jax.vjp(lambda own: single({**held, **own})[chosen], trained)
            rows = jax.vmap(back)(jnp.eye(len(chosen), dtype=found.dtype))[0]
            return jnp.concatenate([rows[name].reshape(len(chosen), -1) for name in trained], axis=1)

        return jax.vmap(one, in_axes=(None, None, *axes))


def joined(leaves: list[Any]) -> Any:
    """Arrays one behind the other along their first axis."""
    return jnp.concatenate(leaves)


def example_axes(batch: Batch) -> tuple[Any, Any]:
    """Which inputs hold examples along their first axis: 0 for those, None for others."""
    return jax.tree.map(
        lambda leaf: 0 if leaf.shape[:1] == (batch.count,) else None, (batch.args, dict(batch.named))
    )


def alone(forward: Any, axes: Any, args: Any, named: Any) -> Any:
    """The flat outputs of one example as a function of the named arrays."""
    whole = jax.tree.map(
        lambda axis, leaf: leaf if axis is None else leaf[None],
        axes,
        (args, named),
        is_leaf=lambda axis: axis is None,
    )

    def single(arrays: Any) -> Any:
        return forward(OrderedDict(arrays), *whole[0], **whole[1])[0].reshape(-1)

    return single


def planned(program: Any) -> float:
    """Bytes that a compiled program takes beside its arguments and results, by the compiler's own plan."""
    try:
        return float(program.memory_analysis().temp_size_in_bytes)
    except (AttributeError, NotImplementedError):
        return 0.0
