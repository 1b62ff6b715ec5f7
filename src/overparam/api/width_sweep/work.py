"""What a cell of a family computes, what tells it from others, and what it costs."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from overparam.api.width_sweep.arms import OF_A_CELL
from overparam.api.width_sweep.probes import Own
from overparam.api.width_sweep.reading import Reading
from overparam.core import Estimate, Outcome, Params, Progress, UsageError
from overparam.core.code import digest
from overparam.data.targets import Rows, rows
from overparam.own.family import Family
from overparam.probes import standard
from overparam.training import Recipe, fingerprint

ALWAYS = ("optimizer", "loss", "schedule", "period", "decay", "stop_error", "stop_loss", "probes")
"""Fields of a recipe that are written into every key; the others are, where they are not at their default."""
MEASURED = 512  # examples measured at a time


@dataclass(frozen=True)
class Sweep:
    """A family with what its cells do; ``OF_A_CELL`` of the recipe come from the cell where it has them.

    Attributes:
        family: the family.
        reading: the recipes and how their cells are read.
        keywords: the arguments of the family that are axes.
        probes: what a person measures besides.
    """

    family: Family
    reading: Reading
    keywords: tuple[str, ...] = ()
    probes: Own = dataclasses.field(default_factory=Own)

    @cached_property
    def fingerprint(self) -> str:
        """What recipes and probes are, by 16 hexadecimal digits."""
        recipes = {name: (told(one, OF_A_CELL), fingerprint(one)) for name, one in self.reading.recipes.items()}
        return digest((sorted(recipes.items()), sorted(self.probes.identity.items())))

    def base(self, cell: Params) -> Recipe:
        """The recipe that a cell is trained by, before what it has of its own."""
        return self.reading.recipes[cell.get("recipe", "")]

    def recipe(self, cell: Params) -> Recipe:
        """The recipe of a cell; a batch of 0 is the whole training set."""
        own = {name: cell[name] for name in OF_A_CELL if name in cell}
        if "batch" in own:
            own["batch"] = own["batch"] or None
        return dataclasses.replace(self.base(cell), **own)

    def member_of(self, cell: Params) -> Family:
        """The family with the arguments of a cell."""
        return self.family.at(**{name: cell[name] for name in self.keywords})

    def identity(self, cell: Params) -> dict[str, Any]:
        """What tells a cell from others besides its parameters: the shapes of the network, the rest of the recipe."""
        family = self.member_of(cell)
        shapes = repr(family.shapes(cell["width"]))
        held = family.held(cell["width"])
        state = {"state": hashlib.sha256(repr(held).encode()).hexdigest()[:16]} if held else {}
        found = {
            "shapes": hashlib.sha256(shapes.encode()).hexdigest()[:16],
            "recipe": told(self.base(cell), tuple(name for name in OF_A_CELL if name in cell)),
        }
        return {**found, **state, **self.probes.identity}

    def work(self, cells: Sequence[Params], progress: Progress) -> list[Outcome]:
        """Train one stack: every seed and rate of noise of one width in one arm."""
        from overparam.sweep.width_work import swept
        from overparam.sweep.work import Task, rounded, shared

        same = shared(cells)
        if same["family"] != self.family.tag:
            raise UsageError(
                f"family: expected {same['family']} as when the run began, got {self.family.tag}. Its file was changed, "
                "or another module of the same name was found. Run it again."
            )
        data, recipe = rows(same["data"], same["n"], self.reading.labels), self.recipe(cells[0])
        network = self.member_of(cells[0]).network(same["width"], data.x.shape[1], data.outputs)
        stack = Task(cells, data, [data.noisy(c["noise"], c["seed"], c.get("noise_kind", "")) for c in cells])
        named = standard() if "probes" in same and tuple(same["probes"]) != ("none",) else None
        probes = self.probes.functions or named
        found = swept(stack, network, recipe, progress, probes=probes, n=len(data.x))
        if not self.reading.has_share:
            return found
        for i, (one, y) in enumerate(zip(found, stack.labels, strict=True)):
            loss = one.values["train_loss"]
            share = None if loss is None else rounded(self.reading.share(recipe, data, y, loss), 6)
            found[i] = dataclasses.replace(one, values={**one.values, "train_loss_share": share})
        return found

    def estimate(self, cell: Params) -> Estimate:
        """Expected cost of a cell, after its network, recipe and probes were checked on the data.

        The arithmetic is that of the network's own forward pass, as the compiler counts it.
        """
        from overparam.sweep.work import cost

        recipe, family = self.recipe(cell), self.member_of(cell)
        data = rows(cell["data"], cell["n"], self.reading.labels)
        n, inputs = data.x.shape
        if (recipe.batch or 0) > n:
            raise UsageError(
                f"batch: expected at most {n:,}, the training rows, got {recipe.batch:,}. "
                "Give a recipe with a smaller batch, or batch=None for all rows."
            )
        size = _size(family, cell["width"], inputs, data.outputs)
        size = size._replace(units=max(1, round(size.units * _held(recipe.batch or n))))
        own = any(callable(getattr(recipe, name)) for name in ("loss", "schedule", "augment"))
        if (
            own
            or not isinstance(recipe.optimizer, str)
            or recipe.layer_rates
            or self.probes
            or self.reading.soft
        ):
            self._try(family, cell["width"], recipe, data)
        given = {"steps": recipe.steps, "batch": recipe.batch or 0, **cell}
        return cost(given, size, n=n, tests=len(data.x_test), inputs=inputs)

    def _try(self, family: Family, width: int, recipe: Recipe, data: Rows) -> None:
        """Take one step at the first width with what is a person's own, so that what is wrong shows at once."""
        from overparam.training import Member, train

        if any(one[:2] == (family, recipe) and one[2] is data for one in self._tried):
            return
        some = max(recipe.batch or 0, min(len(data.x), 64))
        first = dataclasses.replace(recipe, steps=1, probes=2, probe_at=None, stop_error=None, stop_loss=None)
        network = family.network(width, data.x.shape[1], data.outputs)
        (run,) = train(
            network, first, [Member(0, data.y[:some])], data.x[:some], data.x_test[:some], data.y_test[:some],
            probes=self.probes.functions,
        )  # fmt: skip
        self.probes.check(run.values)
        self._tried.append((family, recipe, data))

    @cached_property
    def _tried(self) -> list[Any]:
        return []


def told(recipe: Recipe, of_cell: Sequence[str]) -> dict[str, Any]:
    """A recipe as JSON types that stay the same while recipes get more fields: what is new enters if it is used.

    Args:
        recipe: the recipe.
        of_cell: fields that the cell itself holds.

    Raises:
        UsageError: a function that cannot be told from another.
    """
    plain: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for one in dataclasses.fields(recipe):
        value = getattr(recipe, one.name)
        value = value.item() if isinstance(value, np.generic) else value
        old = one.name in ALWAYS or one.name in OF_A_CELL
        if one.name in of_cell:
            continue
        if old and (value is None or isinstance(value, bool | int | float | str)):
            plain[one.name] = value
        elif value != one.default:
            more[one.name] = value
    return {**plain, **({"more": fingerprint(Recipe(10**9, 1.0, **more))} if more else {})}


def _held(batch: int) -> float:
    """Share of the numbers of a forward pass that are held for an example of a block of measurements.

    The compiler counts every number that is read or written: training holds them all for its batch, measuring a quarter.
    """
    return (batch + MEASURED / 4) / max(batch, MEASURED)


@lru_cache(maxsize=512)
def _size(family: Family, width: int, inputs: int, outputs: int) -> Any:
    from overparam.models.size import forward_pass
    from overparam.sweep.work import Size

    p, (flops, numbers) = family.size(width), forward_pass(family.network(width, inputs, outputs))
    return Size(p, numbers or inputs + p, flops or 2.0 * p)
