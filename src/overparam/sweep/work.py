"""What work functions share: the data of a stack, its labels and members, and what training leaves.

Imported inside work functions, never at the top of a study::

    def work(cells, progress):
        from overparam.sweep.work import outcome, task

        stack = task(cells)
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from overparam.core.claim import Params
from overparam.core.cost import NARROW, computed, descent
from overparam.core.errors import DataError, StackError, UsageError
from overparam.core.outcomes import each_cell, lost_in, outcome, rounded, shares, within
from overparam.core.parts import Outcome, Progress
from overparam.sweep.cost import Size, convolutional, cost, dense

__all__ = [
    "NARROW", "Outcome", "Shared", "Size", "Task", "TrainingCurve", "check_samples", "computed", "convolutional", "cost",
    "dense", "descent", "each_cell", "lost_in", "outcome", "rounded", "shared", "shares", "task", "within",
]  # fmt: skip

_DIGITS = 6


class Shared(Mapping[str, Any]):
    """The parameters on which all cells of a stack agree; reading one on which they do not is an error.

    >>> both = Shared([{"width": 4, "seed": 0}, {"width": 4, "seed": 1}])
    >>> both["width"], "seed" in both
    (4, False)
    """

    def __init__(self, cells: Sequence[Params]) -> None:
        self._first = cells[0]
        self._several = {
            name: list(dict.fromkeys(cell[name] for cell in cells))
            for name in self._first
            if any(cell[name] != self._first[name] for cell in cells)
        }

    def __getitem__(self, name: str) -> Any:
        """The value of an axis.

        Raises:
            StackError: the cells have several.
        """
        if name in self._several:
            found = ", ".join(map(str, self._several[name][:8]))
            raise StackError(
                f"axis '{name}': expected one value in a stack, got {found}. Add '{name}' to the study's stack_by, or "
                "read it from each cell."
            )
        return self._first[name]

    def __contains__(self, name: object) -> bool:
        return name in self._first and name not in self._several

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._first if name not in self._several)

    def __len__(self) -> int:
        return len(self._first) - len(self._several)


def shared(cells: Sequence[Params]) -> Shared:
    """The axes of a stack that all its cells agree on, as a mapping; see :class:`Shared`."""
    return Shared(cells)


@dataclass(frozen=True, eq=False)
class TrainingCurve:
    """One member over its probe times, rounded; None where a number is not finite.

    Attributes:
        steps: probe times, in steps.
        values: one list a metric, over the probe times.
        diverged_at: the probe time at which training had diverged, or None.
        params: parameters at the end, if they were kept.
    """

    steps: list[int]
    values: Mapping[str, list[float | None]]
    diverged_at: int | None = None
    params: Any = None

    @property
    def lost(self) -> str:
        """Where training diverged, in words for :func:`outcome`; empty if it did not."""
        return "" if self.diverged_at is None else f"step {int(self.diverged_at)}"

    def since(self, step: int) -> TrainingCurve:
        """The same without the probe times before a step."""
        first = next((i for i, at in enumerate(self.steps) if at >= step), len(self.steps))
        kept = {name: line[first:] for name, line in self.values.items()}
        return replace(self, steps=self.steps[first:], values=kept)

    def lines(self, *names: str, suffix: str = "") -> dict[str, list[float | None]]:
        """Metrics over the probe times; also where the member diverged."""
        return {name + suffix: self.values[name] for name in names}

    def ends(self, *names: str, prefix: str = "") -> dict[str, float | None]:
        """Metrics at the end, and the probes that the person asked for; None where the member diverged."""
        gone = self.diverged_at is not None
        asked = [] if prefix else [name for name in self.values if name.startswith("probe_")]
        return {prefix + name: None if gone else self.values[name][-1] for name in (*names, *asked)}

    def best(
        self, *names: str, prefix: str = "best_", at: tuple[str, Sequence[Any]] | None = None
    ) -> dict[str, Any]:
        """Smallest values over the probe times, and where: the first such time; None where the member diverged.

        Args:
            names: metrics.
            prefix: put before their names.
            at: what tells the place: its name, put behind, and its values over the probe times.
        """
        found: dict[str, Any] = {}
        for name in names:
            known = [(v, i) for i, v in enumerate(self.values[name]) if v is not None]
            value, place = min(known) if known and self.diverged_at is None else (None, None)
            found[prefix + name] = value
            if at is not None:
                found[f"{prefix}{name}_{at[0]}"] = None if place is None else at[1][place]
        return found


@dataclass(frozen=True, eq=False)
class Task:
    """The data of a stack and one member a cell, which trains on the cell's own labels.

    Attributes:
        cells: parameters of the cells.
        data: the data set, with labels as they were given.
        labels: what each member trains on.
    """

    cells: Sequence[Params]
    data: Any
    labels: Sequence[Any]

    @cached_property
    def shared(self) -> Shared:
        """The axes that all cells agree on; see :class:`Shared`."""
        return Shared(self.cells)

    @cached_property
    def members(self) -> list[Any]:
        """One :class:`overparam.training.Member` a cell: its seed and its labels."""
        from overparam.training import Member

        return [Member(seed=cell["seed"], y=y) for cell, y in zip(self.cells, self.labels, strict=True)]

    @cached_property
    def wrong(self) -> list[float]:
        """Share of wrong labels (or rows with a wrong target) of each member, from 0 to 1."""
        wrong = ((y != self.data.y).reshape(len(y), -1).any(axis=1) for y in self.labels)
        return [float(rounded(float(some.mean()), _DIGITS)) for some in wrong]

    @cached_property
    def digests(self) -> list[str]:
        """Digest of the labels that each member trains on, see :func:`overparam.data.digest_of`."""
        from overparam.data import digest_of

        return [digest_of(y) for y in self.labels]

    @property
    def facts(self) -> list[dict[str, Any]]:
        """What every cell stores of its labels: ``wrong_labels`` and ``labels_digest``."""
        pairs = zip(self.wrong, self.digests, strict=True)
        return [{"wrong_labels": wrong, "labels_digest": digest} for wrong, digest in pairs]

    def fresh(self, network: Any) -> list[Any]:
        """Random parameters of every member, those that training from its seed would start from (numpy arrays)."""
        import jax
        import jax.numpy as jnp

        from overparam.training.loop import fresh_params

        seeds = jnp.asarray([cell["seed"] for cell in self.cells], jnp.uint32)
        drawn = jax.device_get(fresh_params(seeds, network=network))
        return [jax.tree.map(lambda leaf, i=i: leaf[i], drawn) for i in range(len(self.cells))]

    def ends(
        self,
        network: Any,
        recipe: Any,
        starts: Sequence[Sequence[Any]],
        progress: Progress,
        probes: Mapping[str, Any] | None = None,
        *,
        keep: bool = True,
    ) -> list[list[dict[str, Any]]]:
        """Train every start of every cell in one stack, and keep the ends.

        Args:
            network: the network.
            recipe: how to train.
            starts: groups of parameters, each with one entry a cell (for instance ``fresh``, then grown ones).
            progress: told the fraction done.
            probes: what is measured; by default the standard probes.
            keep: whether parameters at the end are kept.

        Returns:
            For each group one dict a cell: the last value of every metric (NaN where it diverged), ``diverged_at``
            and ``params``.
        """
        from overparam.training import Checkpoint

        begin = [Checkpoint(params) for group in starts for params in group]
        many = len(self.cells)
        found = [
            {
                **{name: float(line[-1]) for name, line in run.values.items()},
                "diverged_at": run.diverged_at,
                "params": run.params,
            }
            for run in self._train(network, recipe, progress, probes, keep, len(starts), begin)
        ]
        return [found[i : i + many] for i in range(0, len(found), many)]

    def curves(
        self,
        network: Any,
        recipe: Any,
        progress: Progress,
        probes: Mapping[str, Any] | None = None,
        *,
        keep: bool = False,
        digits: int = _DIGITS,
    ) -> list[TrainingCurve]:
        """Train every cell from its seed, measured at the recipe's probe times.

        Args:
            network: the network.
            recipe: how to train; ``recipe.probes`` is the number of probe times.
            progress: told the fraction done.
            probes: what is measured; by default the standard probes.
            keep: whether parameters at the end are kept.
            digits: significant digits.
        """
        runs = self._train(network, recipe, progress, probes, keep, 1, None)
        return [
            TrainingCurve(
                [int(step) for step in run.steps],
                {name: rounded(line, digits) for name, line in run.values.items()},
                run.diverged_at,
                run.params,
            )
            for run in runs
        ]

    def _train(
        self, network: Any, recipe: Any, progress: Progress, probes: Any, keep: bool, groups: int, start: Any
    ) -> Sequence[Any]:
        from overparam.probes import standard
        from overparam.training import train

        data = self.data
        measured = {**(standard() if probes is None else probes), **self._asked()}
        return train(
            network, recipe, self.members * groups, data.x, data.x_test, data.y_test,
            probes=measured, progress=progress, keep_params=keep, start=start,
        )  # fmt: skip

    def _asked(self) -> dict[str, Any]:
        """The probes that the person asked for, under names of their own."""
        from overparam.probes.catalog import asked

        names = self.shared["probes"] if "probes" in self.cells[0] else ("none",)
        return {f"asked {name}": asked(name) for name in names if name != "none"}


def task(
    cells: Sequence[Params],
    *,
    data: Any = None,
    flat: bool = True,
    noise: Callable[[Params], Any] | None = None,
) -> Task:
    """The data of a stack, and the labels of each cell with its own noise.

    Noise is drawn from the clean labels and the seed alone, so members of one seed see the same wrong labels at every
    width, and more noise contains less. The training rows are the first draw of ``n`` rows, whatever the seed.

    Args:
        cells: parameters of the cells; they agree on ``data`` and ``n``.
        data: the data set, if it is not the one that ``data`` names or not its first ``n`` rows.
        flat: whether inputs become vectors.
        noise: the :class:`overparam.data.LabelNoise` of a cell; by default that of ``noise`` (a share of the labels;
            none without the axis), ``noise_kind`` (inclusive without the axis) and ``seed``.

    Raises:
        DataError: fewer training samples than asked for.
        StackError: cells of several data sets or numbers of samples.
    """
    from overparam.data import flatten, load, subset

    if data is None:
        common = shared(cells)
        data = subset(load(common["data"]), common["n"])
    data = flatten(data) if flat else data
    of_cell = noise or noise_of
    return Task(cells, data, [of_cell(cell).apply(data.y, data.classes) for cell in cells])


def check_samples(cell: Params, shape: Any, *, held: int = 0) -> None:
    """Refuse numbers of samples that no run of a cell could have, before any of its seeds is worked on.

    Args:
        cell: its parameters, with ``data``, ``n`` and, where rows are taken in minibatches, ``batch``.
        shape: from :func:`overparam.data.shape_of`.
        held: further training samples that the cell sets aside.

    Raises:
        UsageError: fewer samples than classes, a batch larger than the training set, or data without classes.
        DataError: more samples than there are.

    >>> from overparam.data import shape_of
    >>> check_samples({"data": "digits", "n": 1000, "batch": 64}, shape_of("digits"), held=200)
    """
    name, n = cell["data"], cell["n"]
    if shape.classes < 2:
        raise UsageError(
            f"--data: expected labels of at least 2 classes, got {name}, which has none. Take other data."
        )
    if n < shape.classes:
        raise UsageError(
            f"--n: expected at least one sample for each of the {shape.classes} classes of {name}, got {n}. Ask for more."
        )
    if shape.train and n + held > shape.train:
        more = f", {held:,} that are set aside among them" if held else ""
        raise DataError(
            f"--n: expected at most the {shape.train:,} training samples of {name}{more}, got {n:,}. Ask for fewer."
        )
    if cell.get("batch", 0) > n:
        raise UsageError(
            f"--batch: expected at most the {n:,} training samples, got {cell['batch']:,}. Take a smaller batch."
        )


def noise_of(cell: Params) -> Any:
    """The label noise of a cell: its ``noise``, ``noise_kind`` and ``seed``."""
    from overparam.data import LabelNoise

    return LabelNoise(cell.get("noise", 0.0), cell.get("noise_kind", "inclusive"), cell["seed"])
