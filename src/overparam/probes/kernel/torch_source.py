"""Layer-structured factors of a module of PyTorch, found by watching a pass: no change to the module, and no Jacobian of it."""

from __future__ import annotations

import math
from typing import Any

from overparam.core.errors import UsageError
from overparam.operators.batches import Batch
from overparam.operators.torch_model import TorchModel
from overparam.operators.torch_quiet import gradients
from overparam.probes.kernel.factors import Factor, Outer, Pairs, Rows
from overparam.probes.kernel.layers import Group, Layers, Use, best_form, grouped
from overparam.probes.kernel.torch_examples import Place, by_example, place_of
from overparam.probes.kernel.torch_rows import TorchSource, graph_bytes
from overparam.probes.kernel.torch_watch import INPUT, Site, Watch

try:
    import torch
except ModuleNotFoundError:  # an optional extra: this module is of use with it alone
    torch = None


class TorchStructured(TorchSource):
    """Outer products where a pass has them, rows of the other parameters from the operations that they enter."""

    method = "structured"

    def __init__(
        self,
        model: TorchModel,
        chosen: tuple[int, ...],
        wide: bool,
        full: bool = True,
        columns: int = 1,
        forced: tuple[str, ...] = (),
    ) -> None:
        super().__init__(model, chosen, wide)
        self.full, self.columns, self.forced = full, columns, forced
        self._layers: Layers | None = None
        self._places: list[Place | None] = []
        self._apart: tuple[str, ...] = ()  # names whose rows come from a reverse pass an example

    def without(self, names: tuple[str, ...]) -> TorchStructured | None:
        """With rows by a reverse pass an example for the names."""
        if set(names) <= set(self.forced):
            return None
        return type(self)(self.model, self.chosen, self.wide, self.full, self.columns, (*self.forced, *names))

    def factors(self, batch: Batch) -> list[Factor]:
        """One factor a group of parameters, and one of explicit rows."""
        layers = self._looked()
        sites, outputs = self._pass(batch)
        if self._marks(sites) != self._shapes:
            raise UsageError(
                "method: expected a pass that takes the same way for all examples, got another one for some of them. Ask for "
                "method='rows'."
            )
        n = batch.count
        flat = outputs.reshape(n, -1)
        edges = [one.meeting.edge for one in sites if one.meeting is not None]
        made = {id(group): _Made(self, group, sites, n) for group in layers.groups}
        local = [name for name in layers.rows if name not in self._apart]
        rows: list[Any] = []
        for at, c in enumerate(self.chosen):
            found = iter(
                torch.autograd.grad(
                    flat[:, c].sum(), edges, retain_graph=True, allow_unused=True, materialize_grads=False
                )
                if edges
                else ()
            )
            slopes = [next(found) if one.meeting is not None else None for one in sites]
            for group in layers.groups:
                made[id(group)].take(at, slopes)
            if local:
                rows.append(self._local(local, sites, slopes, n))
        factors = [made[id(group)].factor() for group in layers.groups]
        parts = [torch.stack(rows, dim=1)] if local else []
        if self._apart:
            parts.append(self.rows(batch, self._apart))
        if parts:
            factors.append(Rows((*local, *self._apart), self.kept(torch.cat(parts, dim=2))))
        return factors

    def sizes(self, batch: Batch) -> tuple[float, float]:
        """From one pass over a few examples."""
        layers, itemsize = self._looked(), self.model.dtype.itemsize
        few = batch.rows(0, 2).mapped(lambda leaf: leaf.clone())  # or the graph would hold the storage of all
        sites, _ = self._pass(few)
        graph = graph_bytes(self.model, few) / few.count
        numbers, patches = 0.0, 0.0
        for group in layers.groups:
            use, positions = group.uses[0], group.positions
            if group.form == "rows":
                numbers += len(self.chosen) * (use.groups * use.wide * use.outputs + use.groups * use.outputs)
            else:
                inputs = 1 if use.table else use.groups * use.wide
                numbers += positions * (inputs + len(self.chosen) * use.groups * use.outputs)
            patches = max(patches, 2.0 * positions * use.groups * (1 if use.table else use.wide))
            patches += positions * use.groups * (1 if use.table else use.wide)
        numbers += len(self.chosen) * sum(self.model.trained[name].numel() for name in layers.rows)
        results = sum(one.meeting.result.numel() for one in sites if one.meeting is not None) / few.count
        factor = numbers * itemsize
        working = 2 * graph + (patches + 3 * results) * itemsize
        if layers.rows:
            working += (
                3.0 * len(self.chosen) * itemsize * sum(self.model.trained[n].numel() for n in layers.rows)
            )
        return factor * (2 if self.wide and itemsize == 4 else 1), working + (factor if self.wide else 0)

    def _pass(self, batch: Batch) -> tuple[list[Site], Any]:
        watch = Watch(self.model.trained, self.model.held)
        with watch:
            outputs = self.model.forward(self.model.trained, batch)
        self._free = watch.result(outputs).kind != INPUT
        return watch.sites, outputs

    def _looked(self) -> Layers:
        """What enters where, and where examples lie, found by two passes over a few examples."""
        if self._layers is not None:
            return self._layers
        whole = next(iter(self.model.batches()))
        if whole.count > 1:
            few = whole.rows(0, min(3, whole.count))
            small = few.rows(0, few.count - 1)
        else:
            small = whole.rows(0, 1)
            few = Batch(
                *small.mapped(
                    lambda leaf: torch.cat([leaf, leaf]) if leaf.shape[:1] == (1,) else leaf
                ).__dict__.values()
            )
            few = Batch(few.args, few.named, None, 2)
        sites, _ = self._pass(few)
        others, _ = self._pass(small)
        same = len(sites) == len(others)
        self._places = [
            place_of(one.meeting, other.meeting, one.leaf, few.count, small.count)
            if same and one.leaf.shape == other.leaf.shape
            else None
            for one, other in zip(sites, others, strict=False)
        ]
        self._places += [None] * (len(sites) - len(self._places))
        self._shapes = self._marks(sites)
        self._layers = self._sorted(sites)
        for group in self._layers.groups:
            group.form = best_form(group, self.columns, len(self.chosen), self.full)
        if self._apart:
            large = [name for name in self._apart if self.model.trained[name].dim() > 1] or list(self._apart)
            self.notes.append(
                f"Explicit rows for {_few(large)}, which enter other operations than products, tables, sums and scales."
            )
        return self._layers

    def _marks(self, sites: list[Site]) -> list[Any]:
        """What must be the same in every pass."""
        places = [*self._places, *([None] * len(sites))]
        return [place and tuple(one.leaf.shape) for one, place in zip(sites, places, strict=False)]

    def _sorted(self, sites: list[Site]) -> Layers:
        uses: dict[str, list[tuple[Site, Use | None]]] = {}
        for at, one in enumerate(sites):
            for name in one.tag.names:
                uses.setdefault(name, []).append(
                    (one, self._use(one, self._places[at] if self._places else None))
                )
        apart = {name for name in self.model.layout.names if name in self.forced}
        for name, met in uses.items():
            if self._free or any(self._places[one.number] is None for one, _ in met):
                apart.add(name)
        layers = Layers()
        rows: set[str] = set()
        for name, met in uses.items():
            products = [use for _, use in met if use is not None]
            groups = None
            if name not in apart and len(products) == len(met):
                groups = grouped(name, products)
            if groups is None:
                rows.add(name)
            else:
                layers.groups += groups
        for name in sorted(rows - apart):
            if len(uses[name]) == 1:
                self._join_bias(name, uses[name][0][0], layers, sites, rows)
        order = {name: at for at, name in enumerate(self.model.layout.names)}
        layers.groups.sort(key=lambda group: order[group.name])
        self._apart = tuple(name for name in self.model.layout.names if name in apart)
        local = sorted(rows - apart, key=order.__getitem__)
        layers.rows = (*local, *self._apart)
        return layers

    def _join_bias(self, name: str, site: Site, layers: Layers, sites: list[Site], rows: set[str]) -> None:
        """The bias of the very call that multiplies with a weight."""
        if site.meeting is None or site.meeting.kind != "added" or not site.tag.whole or site.tag.scale != 1:
            return
        for group in layers.groups:
            use = group.uses[0]
            met = sites[use.number]
            same = met.meeting is not None and met.meeting.edge == site.meeting.edge
            if len(group.uses) == 1 and same and group.bias is None and met.tag.scale == 1:
                if site.leaf.numel() == use.groups * use.outputs:
                    group.bias = name
                    rows.discard(name)
                return

    def _use(self, site: Site, place: Place | None) -> Use | None:
        meeting, tag = site.meeting, site.tag
        if meeting is None or place is None or meeting.kind not in ("product", "table") or tag.pick is None:
            return None
        pick, shape = tag.pick, self.model.trained[next(iter(tag.names))].shape

        def picked() -> Any:
            codes = torch.arange(math.prod(shape)).reshape(shape)
            return meeting.parameters(pick(codes)).numpy()

        return Use(
            site.number, next(iter(tag.names)), place.positions, meeting.groups, meeting.wide, meeting.outputs,
            meeting.kind == "table", picked, tag.whole,
        )  # fmt: skip

    def _local(self, names: list[str], sites: list[Site], slopes: list[Any], n: int) -> Any:
        """Rows of one output from the operations that parameters enter, ``(n, size)``."""
        total = {name: torch.zeros(n, self.model.trained[name].numel(), dtype=self.model.trained[name].dtype,
                                   device=self.model.device) for name in names}  # fmt: skip
        for site, slope in zip(sites, slopes, strict=True):
            if slope is None or not site.tag.names & set(names):
                continue
            place = self._places[site.number]
            assert place is not None
            assert site.meeting is not None
            leaf = by_example(site.meeting, place, slope, site.leaf, n)
            for name, found in self._pulled(site, leaf, names):
                total[name] += found.reshape(n, -1)
        return torch.cat([total[name] for name in names], dim=1)

    def _pulled(self, site: Site, rows: Any, names: list[str]) -> list[tuple[str, Any]]:
        """Rows by a leaf as rows by the parameters that it was made of."""
        if site.leaf is self.model.trained.get(next(iter(site.tag.names))):
            return [(next(iter(site.tag.names)), rows)]
        wanted = [name for name in names if name in site.tag.names]
        own = [self.model.trained[name] for name in wanted]

        def back(one: Any, batched: bool) -> Any:
            return gradients(
                site.leaf, own, one, batched, retain_graph=True, allow_unused=True, materialize_grads=True
            )

        try:
            found = back(rows, batched=True)
        except RuntimeError:
            each = [back(one, batched=False) for one in rows]
            found = [torch.stack(parts) for parts in zip(*each, strict=True)]
        return list(zip(wanted, found, strict=True))


class _Made:
    """The factor of one group while derivatives of one output after another come in."""

    def __init__(self, source: TorchStructured, group: Group, sites: list[Site], n: int) -> None:
        self.source, self.group, self.n = source, group, n
        self.sites = [sites[use.number] for use in group.uses]
        use, kind = group.uses[0], {"dtype": _type(source), "device": source.model.device}
        parts = []
        for site, place in zip(self.sites, self._places(), strict=True):
            assert site.meeting is not None
            parts.append(place.examples(site.meeting.arranged(site.meeting.inputs), n, use.table))
        self.x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        outputs = len(source.chosen)
        if group.form == "rows":
            size = use.groups * use.wide * use.outputs
            more = use.groups * use.outputs if group.bias is not None else 0
            self.rows = torch.zeros(n, outputs, size + more, **kind)
            self.size = size
        else:
            self.g = torch.zeros(n, outputs, self.x.shape[1], use.groups, use.outputs, **kind)

    def _places(self) -> list[Place]:
        found = [self.source._places[use.number] for use in self.group.uses]
        return [one for one in found if one is not None]

    def take(self, at: int, slopes: list[Any]) -> None:
        """Derivatives of one output by the results of all sites."""
        parts = []
        for site, place in zip(self.sites, self._places(), strict=True):
            meeting, slope = site.meeting, slopes[site.number]
            assert meeting is not None
            if slope is None:
                slope = torch.zeros_like(meeting.result)
            g = place.examples(meeting.results(slope), self.n)
            if meeting.padding is not None:
                codes = place.examples(meeting.inputs, self.n, True)
                g = g * (codes != meeting.padding)[:, :, None, None]
            parts.append(g if site.tag.scale == 1 else g * site.tag.scale)
        g = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        if self.group.form != "rows":
            self.g[:, at] = g
            return
        use = self.group.uses[0]
        if use.table:
            target = self.rows[:, at, : self.size].view(self.n, use.wide, use.outputs)
            target.scatter_add_(1, self.x[:, :, None].expand(-1, -1, use.outputs), g[:, :, 0])
        else:
            first = self.x.permute(0, 2, 3, 1) @ g.transpose(1, 2)  # n, G, I, O
            self.rows[:, at, : self.size] = first.reshape(self.n, -1)
        if self.group.bias is not None:
            self.rows[:, at, self.size :] = g.sum(1).reshape(self.n, -1)

    def factor(self) -> Factor:
        """What came together."""
        kept, names = self.source.kept, self.group.names
        if self.group.form == "rows":
            return Rows(names, kept(self.rows))
        ones = self.group.bias is not None
        x = self.x.detach()
        codes = self.group.uses[0].table
        held = x.numpy() if codes and x.device.type == "cpu" else x if codes else kept(x)
        if self.group.form == "outer":
            return Outer(names, held[:, 0], kept(self.g[:, :, 0]), ones)
        return Pairs(names, held, kept(self.g), ones)


def _type(source: TorchStructured) -> Any:
    return getattr(torch, source.model.dtype.name)


def _few(names: list[str]) -> str:
    return ", ".join(f"'{one}'" for one in names[:4]) + (
        f" and {len(names) - 4} more" if len(names) > 4 else ""
    )
