"""A study around a family of networks: work, claims, charts and causes of a sweep over its widths."""

from __future__ import annotations  # noqa: I001

import dataclasses
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from overparam.core import (
    BATCH, DATA, MOMENTUM, N, NOISE, NOISE_KIND, RATE, SEED, STEPS, WIDTH, Axis, Estimate, FitRule, Outcome, Params,
    Profile, Progress, Study, UsageError, study,
)  # fmt: skip
from overparam.core.causes import diagnose
from overparam.core.registry import packaged
from overparam.core.sweeps import WidthSweep, width_charts, width_claims
from overparam.data.targets import numeric, rows
from overparam.own.family import Family, Make
from overparam.training import Recipe

RECIPE = Recipe(steps=20_000, learning_rate=0.01, momentum=0.9, batch=100)
OF_A_CELL = ("steps", "batch", "learning_rate", "momentum", "weight_decay")


def width_sweep_study(
    family: Make, *, data: str | os.PathLike[str], widths: Sequence[int], name: str = "", noise: Sequence[float] = (0.0, 0.15),
    seeds: int | Sequence[int] = 5, recipe: Recipe | None = None, loss: str | None = None, n: int = 0,
    version: str = "", title: str = "",
) -> Study:  # fmt: skip
    """Make a study of a family of networks: a width sweep with the claims about double descent.

    In a file, ``STUDY = overparam.width_sweep_study(...)`` makes ``overparam run my_family.py`` work.

    Args:
        family: a function from a width to a :class:`~overparam.models.Network`, to an object with
            ``init(key) -> params`` and ``apply(params, x) -> outputs``, or to the pair of the two. Examples come
            to ``apply`` as flat rows.
        data: name or path of a data set; an ``.npz`` whose ``y`` is not whole is a regression.
        widths: at least 3, ascending.
        name: name of the study; by default the function's.
        noise: shares of training labels (or targets) that are replaced; 0 is the negative control.
        seeds: their number, or the seeds.
        recipe: how to train; by default SGD with momentum 0.9, learning rate 0.01, batch 100, 20,000 steps.
        loss: ``cross_entropy`` or ``squared``; by default the recipe's, or ``squared`` for a regression.
        n: training rows; 0 for all.
        version: any text; change it to have everything computed anew when something has changed that the code of the
            function does not show (another package, a file that it reads).
        title: heading of the page.

    Returns:
        The study. A sweep without an error (a regression) has no claims about one.

    Raises:
        UsageError: a family, widths or a recipe that cannot be swept; the text says what to do.
    """
    if not callable(family):
        raise UsageError(f"family: expected a function from a width to a network, got {type(family).__name__}.")
    if isinstance(data, os.PathLike):
        data = os.fspath(data)
    if not isinstance(data, str):
        raise UsageError(
            f"data: expected the name or path of a data set, got {type(data).__name__}. In a study file, save arrays "
            "with overparam.data.save and give the path; overparam.width_sweep takes arrays as they are."
        )
    labels, made = not numeric(data), Family(family, version)
    base = _recipe(recipe, loss, labels)
    limits = (("train error", base.stop_error), ("train loss", base.stop_loss))
    stops = tuple(f"training stops at a {what} of {limit:g}" for what, limit in limits if limit is not None)
    unseen = "what the network does inside (dropout, normalisation) is not looked at"
    given = WidthSweep(base.loss, labels, stops, unseen)  # type: ignore[arg-type]
    sizes, sweep = made.check_widths(widths), _Sweep(made, base, labels)
    values = {
        "data": (data,), "family": (made.tag,), "n": (n,), "width": sizes, "noise": tuple(noise),
        "seed": tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds), "batch": (base.batch or 0,),
        **{axis: (getattr(base, axis),) for axis in OF_A_CELL if axis != "batch"},
    }  # fmt: skip
    axes = {axis.name: axis for axis in _axes(made, base, labels)}
    kept = {key: tuple(dict.fromkeys(axes[key].check(v) for v in some)) for key, some in values.items()}
    for key in ("noise", "seed"):
        if not kept[key]:
            raise UsageError(f"{key}: expected at least one value, got none. Leave it out for the default.")
    claims = width_claims(given)
    asked = "do test error and test loss" if labels else "does the test loss"
    few = dict.fromkeys(sizes[i] for i in (len(sizes) // 4, len(sizes) // 2, len(sizes) - 1))
    return study(
        name=_named(name or made.name.replace("_", "-").lower()),
        title=title or f"The width of {made.name}",
        question=f"How {asked} of this family change as it grows past the interpolation threshold?",
        x="width", sources=("nakkiran2020", "belkin2019"), values=(*given.values, "labels_digest", "n"),
        axes=tuple(axes.values()),
        profiles={"quick": Profile("The values that were given for this family.", kept)},
        work=sweep.work, estimate=sweep.estimate, extra_identity=sweep.identity,
        stack_by=tuple(key for key in axes if key not in ("noise", "seed")),
        claims=claims, charts=width_charts(given, tuple(few), width="width"), differences=_differences(made, given),
        fit=FitRule(given.fit_metric, 0.01, "width", f"{given.fit.words} at most 1 %"), diagnose=diagnose(given),
        diagnosed_claims=tuple(c.name for c in claims if c.name in ("error-peak", "loss-peak")),
    )  # fmt: skip


def _recipe(recipe: Recipe | None, loss: str | None, labels: bool) -> Recipe:
    wanted = loss or (recipe.loss if recipe is not None else "cross_entropy" if labels else "squared")
    if recipe is not None and recipe.loss != wanted:
        raise UsageError(f"loss: expected the recipe's '{recipe.loss}', got '{loss}'. Give it in the recipe.")
    if not labels and wanted != "squared":
        raise UsageError(f"loss: expected 'squared' for numbers as targets, got '{wanted}'. Give loss=squared.")
    return dataclasses.replace(recipe or RECIPE, loss=wanted)


def _axes(family: Family, base: Recipe, labels: bool) -> tuple[Axis, ...]:
    what, none = "labels" if labels else "targets", {"default": None}
    drawn = f"Drives the initialisation, the order of the minibatches and the draw of the {what} replaced."
    return (
        DATA, Axis("family", "The function and a hash of its source and version.", str, choices=(family.tag,)),
        N.but(help="Training samples; 0 for all.", default=0, low=0), WIDTH.but(help="The argument of the family."),
        NOISE.but(help=f"Share of training {what} that are replaced, 0 to 1."), *((NOISE_KIND,) if labels else ()),
        STEPS.but(**none), BATCH.but(help="Samples in a minibatch; 0 for all.", low=0, **none),
        RATE.but(help=f"Learning rate ({base.optimizer}, {base.schedule}).", low=1e-12, **none),
        MOMENTUM.but(help="Momentum.", default=0.0), Axis("weight_decay", "Weight decay.", float, 0.0, low=0),
        SEED.but(help=drawn, **none),
    )  # fmt: skip


def _named(name: str) -> str:
    taken = name == "data" or packaged(name) is not None
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or taken:
        why = "it belongs to the package" if taken else "only a-z, 0-9 and dashes, a letter first"
        raise UsageError(f"name: expected a name of your own for the study, got '{name}' ({why}). Give name=.")
    return name


def _differences(family: Family, given: WidthSweep) -> tuple[str, ...]:
    told = (
        (True, "Family, data and recipe are the user's own: nothing here is a rerun of a published experiment."),
        (True, "The cut-offs are those of the study double-descent, chosen for ten classes and an error near 50 %; on "
         "other data a real peak may be smaller."),
        (True, f"The family is known by its code, with what it closes over and names ({family.tag}), and the shapes of its "
         "parameters. Other packages do not show: change `version` when they do."),
        (True, "The samples are one fixed draw: a seed changes initialisation, minibatch order and noise, so an interval "
         "does not cover the draw of the data."),
        (given.loss == "squared", "Under squared loss the interpolation threshold is where the training loss is at most "
         "1 % of that of the best constant: a choice of ours, since gradient steps do not reach zero."),
        (not given.labels, "Target noise replaces a share of the training targets by those of other rows; the papers add "
         "noise to all."),
    )  # fmt: skip
    return tuple(sentence for here, sentence in told if here)


@dataclass(frozen=True)
class _Sweep:
    """What a cell of a family does, and what it costs; ``OF_A_CELL`` of the recipe come from the cell."""

    family: Family
    base: Recipe
    labels: bool

    def recipe(self, cell: Params) -> Recipe:
        """The recipe of a cell; a batch of 0 is the whole training set."""
        own = {name: cell[name] for name in OF_A_CELL}
        return dataclasses.replace(self.base, **{**own, "batch": own["batch"] or None})

    def identity(self, cell: Params) -> dict[str, Any]:
        """What tells a cell from others besides its parameters: the shapes of the network, the rest of the recipe."""
        shapes = repr(self.family.shapes(cell["width"]))
        rest = {name: value for name, value in dataclasses.asdict(self.base).items() if name not in OF_A_CELL}
        held = self.family.held(cell["width"])
        state = {"state": hashlib.sha256(repr(held).encode()).hexdigest()[:16]} if held else {}
        return {"shapes": hashlib.sha256(shapes.encode()).hexdigest()[:16], "recipe": rest, **state}

    def work(self, cells: Sequence[Params], progress: Progress) -> list[Outcome]:
        """Train one stack: every seed and rate of noise of one width."""
        from overparam.sweep.width_work import swept
        from overparam.sweep.work import Task, rounded, shared

        same = shared(cells)
        if same["family"] != self.family.tag:
            raise UsageError(
                f"family: expected {same['family']} as when the run began, got {self.family.tag}. Its file was changed, "
                "or another module of the same name was found. Run it again."
            )
        data = rows(same["data"], same["n"], self.labels)
        network = self.family.network(same["width"], data.x.shape[1], data.outputs)
        stack = Task(cells, data, [data.noisy(c["noise"], c["seed"], c.get("noise_kind", "")) for c in cells])
        found = swept(stack, network, self.recipe(cells[0]), progress, n=len(data.x))
        if self.base.loss != "squared":
            return found
        for i, (one, y) in enumerate(zip(found, stack.labels, strict=True)):
            loss, null = one.values["train_loss"], data.constant_loss(y)
            share = None if loss is None or null == 0 else rounded(loss / null, 6)
            found[i] = dataclasses.replace(one, values={**one.values, "train_loss_share": share})
        return found

    def estimate(self, cell: Params) -> Estimate:
        """Expected cost of a cell, after its network and recipe were checked on the data.

        The arithmetic is that of the network's own forward pass, as the compiler counts it.
        """
        from overparam.sweep.work import cost

        self.recipe(cell)
        data = rows(cell["data"], cell["n"], self.labels)
        n, inputs = data.x.shape
        if cell["batch"] > n:
            raise UsageError(
                f"batch: expected at most {n:,}, the training rows, got {cell['batch']:,}. "
                "Give a recipe with a smaller batch, or batch=None for all rows."
            )
        size = _size(self.family, cell["width"], inputs, data.outputs)
        return cost(cell, size, n=n, tests=len(data.x_test), inputs=inputs)


@lru_cache(maxsize=512)
def _size(family: Family, width: int, inputs: int, outputs: int) -> Any:
    from overparam.models.size import forward_pass
    from overparam.sweep.work import Size

    p, (flops, numbers) = family.size(width), forward_pass(family.network(width, inputs, outputs))
    return Size(p, numbers or inputs + p, flops or 2.0 * p)
