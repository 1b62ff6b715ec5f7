"""Layer-structured factors of a model of JAX, found from its program: no change to the model, and no Jacobian of it."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np

from overparam.operators.batches import Batch
from overparam.operators.jax_model import JaxModel, Programs
from overparam.probes.kernel.factors import Factor, Outer, Pairs, Rows
from overparam.probes.kernel.jax_rows import JaxSource, alone, example_axes, planned
from overparam.probes.kernel.jax_sites import product_of
from overparam.probes.kernel.jax_walk import (
    CONSTANT,
    INPUT,
    NOTHING,
    PARAMETER,
    Tag,
    Walk,
    applied,
    floating,
)
from overparam.probes.kernel.layers import Group, Layers, Use, best_form, grouped

RESULT = -1  # the site of outputs that no input enters
_LOOKED: WeakKeyDictionary[Programs, dict[Any, Single]] = WeakKeyDictionary()


class JaxStructured(JaxSource):
    """Outer products where the program has them, rows of the other parameters from the operations that they enter."""

    method = "structured"
    model: JaxModel

    def __init__(
        self,
        model: JaxModel,
        chosen: tuple[int, ...],
        wide: bool,
        full: bool = True,
        columns: int = 1,
        forced: tuple[str, ...] = (),
        own_rules: bool = True,
    ) -> None:
        super().__init__(model, chosen, wide)
        self.full, self.columns, self.forced, self.own_rules = full, columns, forced, own_rules
        self._forms: dict[tuple[str, ...], str] = {}
        self._seen: dict[Any, Single] = {}

    def without(self, names: tuple[str, ...]) -> JaxStructured | None:
        """First without walking into functions with derivatives of their own, then with rows for the names."""
        given = (self.model, self.chosen, self.wide, self.full, self.columns)
        if self.own_rules:
            return type(self)(*given, self.forced, False)
        if set(names) <= set(self.forced):
            return None
        return type(self)(*given, (*self.forced, *names), False)

    def factors(self, batch: Batch) -> list[Factor]:
        """One factor a group of parameters, and one of explicit rows."""
        single = self._single(batch)
        program = self._compiled(batch, single)
        found = iter(program(*self.parts(batch)))
        factors: list[Factor] = []
        for group in single.layers.groups:
            arrays = tuple(self.kept(one) for one in next(found))
            if group.form == "rows":
                factors.append(Rows(group.names, *arrays))
            else:
                kind = Outer if group.form == "outer" else Pairs
                factors.append(kind(group.names, arrays[0], arrays[1], group.bias is not None))
        if single.layers.rows:
            factors.append(Rows(single.layers.rows, self.kept(next(found)[0])))
        return factors

    def sizes(self, batch: Batch) -> tuple[float, float]:
        """As the compiler plans them."""
        single = self._single(batch)
        program = self._compiled(batch, single)
        size = sum(one.dtype.itemsize * np.prod(one.shape) for one in jax.tree.leaves(program.out_info))
        each = float(size) / batch.count
        return each * (2 if self.wide and self.model.dtype.itemsize == 4 else 1), planned(
            program
        ) / batch.count + (each if self.wide else 0)

    def _compiled(self, batch: Batch, single: Single) -> Any:
        forms = tuple((group.names, group.form) for group in single.layers.groups)
        key = ("structured", forms, single.layers.rows, self.own_rules)
        return self.compiled(
            key, batch, lambda: jax.vmap(single.program, in_axes=(None, None, *example_axes(batch)))
        )

    def _single(self, batch: Batch) -> Single:
        """The program of one example, looked at once for the shapes of a batch, as long as the model's programs live."""
        leaves = jax.tree.leaves((batch.args, dict(batch.named)))
        shapes = tuple((leaf.shape[1:], leaf.shape[:1] == (batch.count,), str(leaf.dtype)) for leaf in leaves)
        if shapes in self._seen:
            return self._seen[shapes]
        known = _LOOKED.setdefault(self.model.programs, {})
        forms = tuple(sorted(self._forms.items()))
        asked = (self.chosen, self.full, self.columns, self.forced, self.own_rules)
        key = (self.model.layout.names, *asked, shapes, forms)
        if key not in known:
            single = Single(self, batch)
            for group in single.layers.groups:
                past = self._forms.get(group.names)
                group.form = best_form(group, self.columns, len(self.chosen), self.full, past)
            known[key] = single
        single = known[key]
        for group in single.layers.groups:
            self._forms.setdefault(group.names, group.form)
        if not self._seen and single.layers.why:
            self.notes.append(single.layers.why)
        self._seen[shapes] = single
        return single


class Single:
    """The program of one example: its sites, the layers that they make, and the program that gives their factors."""

    def __init__(self, source: JaxStructured, batch: Batch) -> None:
        model, axes = source.model, example_axes(batch)
        self.chosen, self.forced, self.own_rules = source.chosen, source.forced, source.own_rules
        self.names = model.layout.names
        self.dims = {name: one.ndim for name, one in model.trained.items()}
        forward = model.programs.forward

        def outputs(trained: Any, held: Any, args: Any, named: Any) -> Any:
            return alone(forward, axes, args, named)({**held, **trained})

        args, named = jax.tree.map(
            lambda axis, leaf: jax.ShapeDtypeStruct(leaf.shape if axis is None else leaf.shape[1:], leaf.dtype),
            axes,
            (batch.args, dict(batch.named)),
            is_leaf=lambda one: one is None,
        )
        given = (model.trained, model.held, args, named)
        self.closed = jax.make_jaxpr(outputs)(*given)
        self.tags = [Tag(PARAMETER, frozenset({n}), (), tuple(a.shape)) for n, a in model.trained.items()]
        self.tags += [NOTHING] * len(jax.tree.leaves(model.held))
        kinds = jax.tree.leaves(axes, is_leaf=lambda one: one is None)
        self.tags += [Tag(CONSTANT if axis is None else INPUT) for axis in kinds]
        self.sites: dict[int, tuple[Any, list[Tag]]] = {}
        self.shapes: dict[int, list[Any]] = {}
        jax.eval_shape(lambda *all_: self._look(all_), *jax.tree.leaves(given))
        self.layers = self._layers()

    def _look(self, values: Any) -> Any:
        """Find the sites."""

        def site(number: int, equation: Any, values: Any, tags: Any) -> list[Any]:
            found = applied(equation, values)
            self.sites[number] = (equation, list(tags))
            self.shapes[number] = [jax.ShapeDtypeStruct(one.shape, one.dtype) for one in found]
            return found

        walk = Walk(site, self.own_rules)
        found, tags = walk.run(self.closed.jaxpr, self.closed.consts, values, self.tags)
        if tags[0].origin >= 0:
            walk.used[tags[0].origin] = walk.used.get(tags[0].origin, 0) + 1
        if tags[0].kind == PARAMETER:
            self.sites[RESULT] = (None, [tags[0]])
            self.shapes[RESULT] = [jax.ShapeDtypeStruct(found[0].shape, found[0].dtype)]
        self.used = walk.used
        return found[0]

    def _layers(self) -> Layers:
        uses: dict[str, list[Use | None]] = {}
        for number, (equation, tags) in self.sites.items():
            for operand, tag in enumerate(tags):
                for name in tag.names if tag.kind == PARAMETER else ():
                    uses.setdefault(name, []).append(_use(number, equation, operand, tag))
        rows = set(self.forced) & set(uses)
        layers = Layers()
        for name, found in uses.items():
            products = [one for one in found if one is not None]
            groups = None
            if name not in rows and len(products) == len(found):
                groups = grouped(name, products)
            if groups is None:
                rows.add(name)
            else:
                layers.groups += groups
        for name in sorted(rows):
            if len(uses[name]) == 1:
                self._join_bias(name, layers, rows)
        order = {name: at for at, name in enumerate(self.names)}
        layers.groups.sort(key=lambda group: order[group.name])
        layers.rows = tuple(sorted(rows, key=order.__getitem__))
        large = [n for n in layers.rows if self.dims[n] > 1]
        if large:
            layers.why = f"Explicit rows for {_few(large)}, which enter other operations than one product."
        return layers

    def _join_bias(self, name: str, layers: Layers, rows: set[str]) -> None:
        """A parameter that is added to the results of one product, each entry to one of them, is its bias."""
        for equation, tags in self.sites.values():
            operand = next((k for k, tag in enumerate(tags) if name in tag.names), None)
            if operand is None:
                continue
            if equation is None or equation.primitive.name not in ("add", "add_any") or name in self.forced:
                return
            other, own = tags[1 - operand], tags[operand]
            group = next(
                (g for g in layers.groups if len(g.uses) == 1 and g.uses[0].number == other.origin), None
            )
            if group is None or group.bias or own.moves is None or own.scale is not None or other.moves is None:
                return
            same = own.names == {name} and self.used.get(other.origin) == 1
            if not same or self.sites[other.origin][1][group.uses[0].product.operand].scale is not None:
                return
            shape = tuple(equation.outvars[0].aval.shape)
            results, added = (np.broadcast_to(one.picked(), shape).ravel() for one in (other, own))
            if results.size != int(np.prod(other.shape)):
                return
            placed = np.empty(results.size, np.int64)
            placed[results] = added
            use = group.uses[0]
            table = np.asarray(use.product.results(placed.reshape(other.shape))).reshape(use.positions, -1)
            whole = np.array_equal(np.sort(table[0]), np.arange(int(np.prod(own.shape))))
            if whole and (table == table[0]).all() and np.unique(results).size == results.size:
                group.bias = name
                rows.discard(name)
            return

    def program(self, trained: Any, held: Any, args: Any, named: Any) -> list[tuple[Any, ...]]:
        """Arrays of the factors of one example."""
        values = jax.tree.leaves((trained, held, args, named))
        size = len(jax.tree.leaves(trained))
        wanted = {use.number: use for group in self.layers.groups for use in group.uses}
        entered = {
            number
            for number, (_, tags) in self.sites.items()
            if any(tag.names & set(self.layers.rows) for tag in tags)
        }
        zeros = {
            number: [jnp.zeros(one.shape, one.dtype) for one in self.shapes[number] if floating(one)]
            for number in (*wanted, *entered)
        }

        def moved(added: Any) -> tuple[Any, Any]:
            seen: dict[int, Any] = {}

            def site(number: int, equation: Any, inner: Any, tags: Any) -> list[Any]:
                if number in zeros:
                    seen[number] = tuple(inner)
                return _plus(applied(equation, inner), added.get(number))

            found, _ = self._run(site, values)
            return _plus([found], added.get(RESULT))[0][np.array(self.chosen)], seen

        out, back, seen = jax.vjp(moved, zeros, has_aux=True)
        slopes = jax.vmap(back)(jnp.eye(len(self.chosen), dtype=out.dtype))[0]
        arrays = [self._arrays(group, seen, slopes) for group in self.layers.groups]
        if self.layers.rows:
            arrays.append((self._rows(values, size, entered, seen, slopes),))
        return arrays

    def _run(self, site: Any, values: Any) -> tuple[Any, Any]:
        walk = Walk(site, self.own_rules)
        found, tags = walk.run(self.closed.jaxpr, self.closed.consts, values, self.tags)
        return found[0], tags[0]

    def _arrays(self, group: Group, seen: Any, slopes: Any) -> tuple[Any, ...]:
        inputs, back = [], []
        for use in group.uses:
            product, tag = use.product, self.sites[use.number][1][use.product.operand]
            inputs.append(product.inputs(seen[use.number][1 - product.operand]))
            found = jax.vmap(product.results)(slopes[use.number][0])
            back.append(found if tag.scale is None else found * tag.scale)
        x, g = jnp.concatenate(inputs), jnp.concatenate(back, axis=1)  # (T, G, I) or (T,), and (C, T, G, O)
        if group.form == "outer":
            return x[0], g[:, 0]
        if group.form == "pairs":
            return x, g
        if x.ndim == 1:
            rows = jnp.zeros((len(g), group.uses[0].wide, g.shape[-1]), g.dtype).at[:, x].add(g[:, :, 0])
        else:
            rows = jnp.einsum("tgi,ctgo->cgio", x, g)
        rows = rows.reshape(len(g), -1)
        if group.bias is not None:
            rows = jnp.concatenate([rows, g.sum(1).reshape(len(g), -1)], axis=1)
        return (rows,)

    def _rows(self, values: Any, size: int, entered: set[int], seen: Any, slopes: Any) -> Any:
        """Explicit rows: through each operation that the parameters enter, then back to the parameters themselves."""
        names = self.names

        def leaves(own: Any) -> dict[tuple[int, int], Any]:
            found: dict[tuple[int, int], Any] = {}

            def site(number: int, equation: Any, inner: Any, tags: Any) -> list[Any]:
                if number in entered:
                    found.update(((number, k), inner[k]) for k in _entering(inner, tags))
                return applied(equation, inner)

            result, _ = self._run(site, [*own, *values[size:]])
            if RESULT in entered:
                found[RESULT, 0] = result
            return found

        rows: dict[tuple[int, int], Any] = {}
        for number in entered:
            if number == RESULT:
                rows[RESULT, 0] = slopes[RESULT][0]
                continue
            equation, tags = self.sites[number]
            at = _entering(seen[number], tags)

            def through(*own: Any, number: int = number, at: Any = at, equation: Any = equation) -> Any:
                inner = list(seen[number])
                for k, one in zip(at, own, strict=True):
                    inner[k] = one
                return [one for one in applied(equation, inner) if floating(one)]

            _, back = jax.vjp(through, *(seen[number][k] for k in at))
            for k, one in zip(at, jax.vmap(back)(slopes[number]), strict=True):
                rows[number, k] = one
        own = values[:size]
        _, pull = jax.vjp(leaves, own)
        found = dict(zip(names, jax.vmap(pull)(rows)[0], strict=True))
        chosen = [found[name].reshape(len(self.chosen), -1) for name in self.layers.rows]
        return jnp.concatenate(chosen, axis=1)


def _entering(values: Any, tags: Any) -> list[int]:
    return [k for k, tag in enumerate(tags) if tag.kind == PARAMETER and floating(values[k])]


def _plus(found: list[Any], added: Any) -> list[Any]:
    """Results with something added to those that have derivatives."""
    if added is None:
        return found
    rest = iter(added)
    return [one + next(rest) if floating(one) else one for one in found]


def _use(number: int, equation: Any, operand: int, tag: Tag) -> Use | None:
    """A product that one parameter enters as it is; None for anything else."""
    if equation is None or tag.moves is None or len(tag.names) != 1:
        return None
    product = product_of(equation, operand)
    if product is None:
        return None
    size = product.groups * product.wide * product.outputs
    whole = size == int(np.prod(tag.shape)) and all(
        one[0] not in ("broadcast_in_dim", "slice", "split") for one in tag.moves
    )
    return Use(
        number,
        next(iter(tag.names)),
        product.positions,
        product.groups,
        product.wide,
        product.outputs,
        product.table,
        lambda: product.parameters(tag.picked()),
        whole,
        product,
    )


def _few(names: list[str]) -> str:
    return ", ".join(f"'{one}'" for one in names[:4]) + (
        f" and {len(names) - 4} more" if len(names) > 4 else ""
    )
