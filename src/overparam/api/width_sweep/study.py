"""A study around a family of networks: work, claims, charts and causes of a sweep over its widths."""

from __future__ import annotations  # noqa: I001

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from overparam.api.width_sweep import probes as measured
from overparam.api.width_sweep.arms import OF_A_CELL, RECIPE, Arms, checked
from overparam.api.width_sweep.families import family_of
from overparam.api.width_sweep.reading import Reading, check_loss
from overparam.api.width_sweep.work import Sweep
from overparam.core import (
    BATCH, DATA, MOMENTUM, N, NOISE, NOISE_KIND, RATE, SEED, STEPS, WIDTH, Axis, Profile, Study, UsageError, study,
)  # fmt: skip
from overparam.core.axes import PROBES
from overparam.core.registry import packaged
from overparam.data.targets import numeric, rows
from overparam.own.family import Family, Make
from overparam.training import Recipe, fingerprint
from overparam.training.losses import EachLoss

USUAL = Recipe(steps=20_000, learning_rate=0.01, momentum=0.9, batch=100)
SUM = 1e-5  # what the sum of a distribution may miss in float32
_COMMANDS = ("profile", "out", "workers", "memory", "time_limit", "on", "dry_run", "plan", "help")


def width_sweep_study(
    family: Make | str, *, data: str | os.PathLike[str], widths: Sequence[int], name: str = "",
    noise: Sequence[float] = (0.0, 0.15), seeds: int | Sequence[int] = 5, recipe: Recipe | None = None,
    loss: str | EachLoss | None = None, n: int = 0, version: str = "", title: str = "",
    arms: Mapping[str, Any] | None = None, probes: Any = None,
) -> Study:  # fmt: skip
    """Make a study of a family of networks: a width sweep with the claims about double descent.

    In a file, ``STUDY = overparam.width_sweep_study(...)`` makes ``overparam run my_family.py`` work.

    Args:
        family: a function from a width to a :class:`~overparam.models.Network`, to an object with
            ``init(key) -> params`` and ``apply(params, x) -> outputs``, or to the pair of the two; or the name of a family
            of the package, such as ``resnet18``. Examples come to ``apply`` as flat rows. Keyword arguments of the function
            with a number or a text as default are axes.
        data: name or path of a data set; an ``.npz`` whose ``y`` is not whole is a regression, or holds distributions over
            the classes where the loss is ``cross_entropy``.
        widths: at least 3, ascending.
        name: name of the study; by default the function's.
        noise: shares of training labels (or targets) that are replaced; 0 is the negative control.
        seeds: their number, or the seeds.
        recipe: how to train; by default SGD with momentum 0.9, learning rate 0.01, batch 100, 20,000 steps. Its loss,
            optimizer, schedule and augmentation may be your own.
        loss: ``cross_entropy`` or ``squared``, or a function; by default the recipe's, or ``squared`` for a regression.
        n: training rows; 0 for all.
        version: any text; change it to have everything computed anew when something has changed that the code of the
            function does not show (another package, a file that it reads).
        title: heading of the page.
        arms: axes with several values, each a line in the charts and judged apart: numbers of the recipe, ``n``,
            ``noise_kind``, keyword arguments of the family, and ``recipe`` with whole recipes by name.
        probes: what else is measured: names of probes, or functions by name, as for :func:`overparam.train`.

    Returns:
        The study. A sweep without an error (a regression) has no claims about one, and under a loss of your own there are
        none about ratios of it.

    Raises:
        UsageError: a family, widths, arms, probes or a recipe that cannot be swept; the text says what to do.
    """
    if isinstance(noise, str | bytes) or not isinstance(noise, Iterable):
        raise UsageError(f"noise: expected a list of shares, such as (0.0, 0.15), got {noise!r}.")
    noise = tuple(noise)
    if isinstance(data, os.PathLike):
        data = os.fspath(data)
    if not isinstance(data, str):
        raise UsageError(
            f"data: expected the name or path of a data set, got {type(data).__name__}. In a study file, save arrays "
            "with overparam.data.save and give the path; overparam.width_sweep takes arrays as they are."
        )
    labels, made = not numeric(data), family_of(family, data, version)
    called = _named(name or made.name.replace("_", "-").lower())
    if recipe is not None and not isinstance(recipe, Recipe):
        raise UsageError(f"recipe: expected Recipe(steps, learning_rate, ...), got {type(recipe).__name__}.")
    plain = _axes(made, USUAL, labels)
    given = checked(arms, {axis.name: axis for axis in plain})
    recipes = _recipes(recipe, loss, data, labels, given)
    reading = Reading(recipes, labels, frozenset(given.values))
    base = reading.first
    axes = {axis.name: axis for axis in _axes(made, base, labels)}
    if given.recipes:
        axes = {key: axis for key, axis in axes.items() if key not in OF_A_CELL}
        seed = axes.pop("seed")
        axes |= {
            RECIPE: Axis(RECIPE, "How the networks are trained.", str, choices=tuple(recipes)),
            "seed": seed,
        }
    named, own = measured.given(probes)
    values: dict[str, tuple[Any, ...]] = {
        "data": (data,), "family": (made.tag,), "n": (n,), "noise": tuple(noise),
        "seed": _seeds(seeds), "batch": (base.batch or 0,),
        "probes": named or ("none",), **{axis: (getattr(base, axis),) for axis in OF_A_CELL if axis != "batch"},
        **{key: (value,) for key, value in _keywords(made, axes).items()},
    }  # fmt: skip
    _once(given, noise, n)
    values |= given.values
    keywords = tuple(_keywords(made, axes))
    sizes = _sizes(made, widths, keywords, values)
    kept = {
        key: tuple(dict.fromkeys(axes[key].check(v) for v in some))
        for key, some in values.items()
        if key in axes
    }
    kept["width"] = sizes
    for key in ("noise", "seed"):
        if not kept[key]:
            raise UsageError(f"{key}: expected at least one value, got none. Leave it out for the default.")
    _possible(reading, given)
    claims, sweep = reading.claims, Sweep(made, reading, keywords, own)
    asked = "do test error and test loss" if labels else "does the test loss"
    few = dict.fromkeys(sizes[i] for i in (len(sizes) // 4, len(sizes) // 2, len(sizes) - 1))
    return study(
        name=called,
        title=title or f"The width of {made.name}",
        question=f"How {asked} of this family change as it grows past the interpolation threshold?",
        x="width", sources=("nakkiran2020", "belkin2019"), values=(*reading.sweep.values, "labels_digest", "n"),
        axes=tuple(axes.values()),
        profiles={"quick": Profile("The values that were given for this family.", kept)},
        work=sweep.work, estimate=sweep.estimate, extra_identity=sweep.identity,
        stack_by=tuple(key for key in axes if key not in ("noise", "seed")),
        claims=claims, charts=reading.charts(tuple(few)), differences=_differences(made, reading),
        fit=reading.fit, diagnose=reading.diagnose,
        diagnosed_claims=tuple(c.name for c in claims if c.name in ("error-peak", "loss-peak")),
    )  # fmt: skip


def _seeds(given: Any) -> tuple[int, ...]:
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        return tuple(range(int(given)))
    if isinstance(given, bool | str | bytes) or not isinstance(given, Iterable):
        raise UsageError(f"seeds: expected their number or a list of seeds, got {given!r}.")
    return tuple(given)


def _recipes(recipe: Recipe | None, loss: Any, data: str, labels: bool, arms: Arms) -> Mapping[str, Recipe]:
    """The recipe of the sweep under the empty name, or those of the arms."""
    if arms.recipes and (recipe is not None or loss is not None):
        which = "recipe" if recipe is not None else "loss"
        raise UsageError(
            f"{which}: expected it in the recipes of the arms alone, got it beside them. Leave {which}= out."
        )
    found = arms.recipes or {"": _recipe(recipe, loss, labels)}
    check_loss(found, labels)
    for name, one in found.items():
        if not labels and one.loss == "cross_entropy" and not _distributions(data):
            where = f" in '{name}'" if name else ""
            raise UsageError(
                f"loss: expected 'squared' for numbers as targets{where}, got 'cross_entropy'. Give loss=squared; for soft "
                "targets every row of y is a distribution over the classes."
            )
        fingerprint(one)
    return found


def _recipe(recipe: Recipe | None, loss: Any, labels: bool) -> Recipe:
    wanted = loss or (recipe.loss if recipe is not None else "cross_entropy" if labels else "squared")
    if recipe is not None and recipe.loss != wanted:
        told = recipe.loss if isinstance(recipe.loss, str) else getattr(recipe.loss, "__name__", "function")
        got = loss if isinstance(loss, str) else getattr(loss, "__name__", "function")
        raise UsageError(f"loss: expected the recipe's '{told}', got '{got}'. Give it in the recipe.")
    return dataclasses.replace(recipe or USUAL, loss=wanted)


def _distributions(data: str) -> bool:
    y = rows(data, 0, False).y
    return (
        y.ndim == 2 and bool((y >= 0).all()) and bool((abs(y.sum(axis=1, dtype=np.float64) - 1) <= SUM).all())
    )


def _once(arms: Arms, noise: Sequence[float], n: int) -> None:
    """Raise where an axis is given twice."""
    for name, there in (("noise", noise != (0.0, 0.15)), ("n", bool(n))):
        if name in arms.values and there:
            raise UsageError(f"arms: expected '{name}' once, got it as {name}= too. Leave one of them out.")


def _sizes(
    made: Family, widths: Sequence[int], keywords: Sequence[str], values: Mapping[str, Any]
) -> tuple[int, ...]:
    """The widths, found to make networks that grow whatever else the family is called with."""
    sizes: tuple[int, ...] = ()
    for key in keywords or ("",):
        for value in values[key] if key else (0,):
            own = {one: values[one][0] for one in keywords} | ({key: value} if key else {})
            sizes = made.at(**own).check_widths(widths)
    return sizes


def _possible(reading: Reading, arms: Arms) -> None:
    """Raise where an arm and the rest of the recipe do not go together."""
    for name in OF_A_CELL:
        for value in arms.values.get(name, ()):
            try:
                changes: dict[str, Any] = {name: value or None if name == "batch" else value}
                dataclasses.replace(reading.first, **changes)
            except UsageError as error:
                raise UsageError(f"arms: {name} {value} does not go with the recipe: {error}") from error


def _keywords(made: Family, axes: Mapping[str, Axis]) -> dict[str, Any]:
    """Arguments of the family that are axes, with their defaults."""
    return {name: value for name, value in made.keywords.items() if name in axes and _own(axes[name])}


def _own(axis: Axis) -> bool:
    return axis.help.startswith(_OWN)


_OWN = "Argument of the family"


def _axes(made: Family, base: Recipe, labels: bool) -> tuple[Axis, ...]:
    what, none = "labels" if labels else "targets", {"default": None}
    drawn = f"Drives the initialisation, the order of the minibatches and the draw of the {what} replaced."
    optimizer = base.optimizer if isinstance(base.optimizer, str) else "an optimizer of your own"
    schedule = base.schedule if isinstance(base.schedule, str) else "a schedule of your own"
    plain = (
        DATA, Axis("family", "The function and a hash of its source and version.", str, choices=(made.tag,)),
        N.but(help="Training samples; 0 for all.", default=0, low=0), WIDTH.but(help="The argument of the family."),
        NOISE.but(help=f"Share of training {what} that are replaced, 0 to 1."), *((NOISE_KIND,) if labels else ()),
        STEPS.but(**none), BATCH.but(help="Samples in a minibatch; 0 for all.", low=0, **none),
        RATE.but(help=f"Learning rate ({optimizer}, {schedule}).", low=1e-12, **none),
        MOMENTUM.but(help="Momentum.", default=0.0), Axis("weight_decay", "Weight decay.", float, 0.0, low=0), PROBES,
    )  # fmt: skip
    taken = {
        *_COMMANDS,
        *(name for axis in plain for name in (axis.name, axis.option)),
        "seed",
        "seeds",
        RECIPE,
    }
    own = (
        Axis(name, f"{_OWN}; by default {value}.", type(value), value)
        for name, value in made.keywords.items()
        if name not in taken and re.fullmatch(r"[a-z][a-z0-9_]*", name)
    )
    return (*plain, *own, SEED.but(help=drawn, **none))


def _named(name: str) -> str:
    taken = name == "data" or packaged(name) is not None
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or taken:
        why = "it belongs to the package" if taken else "only a-z, 0-9 and dashes, a letter first"
        raise UsageError(f"name: expected a name of your own for the study, got '{name}' ({why}). Give name=.")
    return name


def _differences(made: Family, reading: Reading) -> tuple[str, ...]:
    return (
        "Family, data and recipe are the user's own: nothing here is a rerun of a published experiment.",
        "The cut-offs are those of the study double-descent, chosen for ten classes and an error near 50 %; on other data a "
        "real peak may be smaller.",
        f"The family is known by its code, with what it closes over and names ({made.tag}), and the shapes of its "
        "parameters. Other packages do not show: change `version` when they do.",
        "The samples are one fixed draw: a seed changes initialisation, minibatch order and noise, so an interval does not "
        "cover the draw of the data.",
        *reading.differences,
    )
