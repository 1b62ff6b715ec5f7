"""A study around a user's family: the claims, charts and causes of a width sweep."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from overparam.api.width_sweep.family import Family, Make, called, check_widths
from overparam.api.width_sweep.given import numeric
from overparam.api.width_sweep.work import estimator, worker
from overparam.core import Axis, Claim, FitRule, Params, Profile, Study
from overparam.core.errors import UsageError
from overparam.core.registry import packaged
from overparam.studies.sources import NAKKIRAN
from overparam.studies.widths.arms import Reading
from overparam.studies.widths.causes import diagnose
from overparam.studies.widths.charts import charts
from overparam.studies.widths.claims import error_claims, loss_claims, loss_place
from overparam.training import Recipe

RECIPE = Recipe(steps=20_000, learning_rate=0.01, momentum=0.9, batch=100)
_AXES_OF_RECIPE = ("steps", "batch", "learning_rate", "momentum", "weight_decay")


def width_sweep_study(
    family: Make,
    *,
    data: str,
    widths: Sequence[int],
    name: str = "",
    noise: Sequence[float] = (0.0, 0.15),
    seeds: int | Sequence[int] = 5,
    recipe: Recipe | None = None,
    loss: str | None = None,
    n: int = 0,
    version: str = "",
    title: str = "",
) -> Study:
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
        version: any text; change it to have everything computed anew when something has changed that the source
            of the function does not show.
        title: heading of the page.

    Returns:
        The study. A sweep without an error (a regression) has no claims about one.

    Raises:
        UsageError: a family, widths or a recipe that cannot be swept; the text says what to do.
    """
    if not callable(family):
        raise UsageError(f"family: expected a function from a width to a network, got {type(family).__name__}.")
    if not isinstance(data, str):
        raise UsageError(
            f"data: expected the name or path of a data set, got {type(data).__name__}. In a study file, save arrays "
            "with overparam.data.save and give the path; overparam.width_sweep takes arrays as they are."
        )
    made = Family(family, version)
    labels = not numeric(data)
    name = _named(name or called(family).replace("_", "-").lower())
    sizes = check_widths(made, widths)
    base = _recipe(recipe, loss, labels)
    reading = Reading(
        loss=base.loss,  # type: ignore[arg-type]
        labels=labels,
        single=("family", "n", "steps", "batch", "learning_rate", "momentum", "weight_decay", "noise_kind"),
        regularisers=_stops(base),
        unseen="what the network does inside (dropout, normalisation) is not looked at",
    )
    values = {
        "data": (data,), "family": (made.tag,), "n": (n,), "width": sizes, "noise": tuple(noise),
        "batch": (base.batch or 0,), "seed": tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds),
        **{axis: (getattr(base, axis),) for axis in _AXES_OF_RECIPE if axis != "batch"},
    }  # fmt: skip
    axes = _axes(made, base, labels)
    claims = _claims(reading)
    profile = Profile("The values that were given for this family.", _checked(axes, values))
    return Study(
        name=name,
        title=title or f"The width of {called(family)}",
        question=f"How {'do test error and test loss' if labels else 'does the test loss'} of this family change as "
        "it grows past the interpolation threshold?",
        sources=(NAKKIRAN,),
        axes=axes,
        profiles={"quick": profile},
        work=worker(made, base, labels),
        stack_by=tuple(axis.name for axis in axes if axis.name not in ("noise", "seed")),
        estimate=estimator(made, base, labels),
        claims=claims,
        charts=charts(reading, _few(sizes), width="width"),
        differences=_differences(made, reading),
        fit=FitRule(reading.fit_metric, 0.01, "width", f"{reading.fit_words} at most 1 %"),
        diagnose=diagnose(reading),
        diagnosed_claims=tuple(
            c.name for c in claims if c.name in ("peak", "error-peak", "loss-peak", "loss-at-fit")
        ),
        extra_identity=lambda params: _identity(made, base, params),
    )


def _claims(reading: Reading) -> tuple[Claim, ...]:
    return (
        *(error_claims(reading) if reading.labels else ()),
        *((loss_place(reading),) if reading.loss == "squared" else ()),
        *loss_claims(reading),
    )


def _named(name: str) -> str:
    taken = name == "data" or packaged(name) is not None
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or taken:
        why = "it belongs to the package" if taken else "only a-z, 0-9 and dashes, a letter first"
        raise UsageError(
            f"name: expected a name of your own for the study, got '{name}' ({why}). Give name='...'."
        )
    return name


def _recipe(recipe: Recipe | None, loss: str | None, labels: bool) -> Recipe:
    wanted = loss or (recipe.loss if recipe is not None else "cross_entropy" if labels else "squared")
    if recipe is not None and loss is not None and recipe.loss != loss:
        raise UsageError(
            f"loss: expected the recipe's '{recipe.loss}', got '{loss}'. Give it once, in the recipe."
        )
    if not labels and wanted != "squared":
        raise UsageError(
            f"loss: expected 'squared' for numbers as targets, got '{wanted}'. Give loss='squared'."
        )
    return dataclasses.replace(recipe or RECIPE, loss=wanted)


def _stops(recipe: Recipe) -> tuple[str, ...]:
    limits = (("train error", recipe.stop_error), ("train loss", recipe.stop_loss))
    return tuple(f"training stops at a {what} of {limit:g}" for what, limit in limits if limit is not None)


def _axes(family: Family, base: Recipe, labels: bool) -> tuple[Axis, ...]:
    kind = Axis(
        "noise_kind",
        "What replaces a label: inclusive draws from all classes, exclusive from the wrong ones.",
        str,
        default="inclusive",
        choices=("inclusive", "exclusive"),
    )
    what = "labels" if labels else "targets"
    return (
        Axis("data", "Data set: a name or the path of an .npz file.", str, flag="data"),
        Axis("family", "The function and a hash of its source and version.", str, choices=(family.tag,)),
        Axis("n", "Training samples; 0 for all.", int, default=0, low=0),
        Axis("width", "The argument of the family.", int, low=1, flag="widths"),
        Axis("noise", f"Share of training {what} that are replaced, 0 to 1.", float, low=0, high=1),
        *((kind,) if labels else ()),
        Axis("steps", "Training steps.", int, low=1),
        Axis("batch", "Samples in a minibatch; 0 for all.", int, low=0),
        Axis("learning_rate", f"Learning rate ({base.optimizer}, {base.schedule}).", float, low=1e-12),
        Axis("momentum", "Momentum.", float, default=0.0, low=0, high=0.9999),
        Axis("weight_decay", "Weight decay.", float, default=0.0, low=0),
        Axis(
            "seed",
            f"Drives the initialisation, the order of the minibatches and the draw of the {what} replaced.",
            int,
            low=0,
            flag="seeds",
        ),
    )


def _checked(axes: Sequence[Axis], values: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    kinds = {axis.name: axis for axis in axes}
    found = {name: tuple(dict.fromkeys(kinds[name].check(v) for v in given)) for name, given in values.items()}
    for name in ("noise", "seed"):
        if not found[name]:
            raise UsageError(f"{name}: expected at least one value, got none. Leave it out for the default.")
    return found


def _identity(family: Family, base: Recipe, params: Params) -> dict[str, Any]:
    shapes = repr(family.shapes(params["width"]))
    rest = {k: v for k, v in dataclasses.asdict(base).items() if k not in _AXES_OF_RECIPE}
    return {"shapes": hashlib.sha256(shapes.encode()).hexdigest()[:16], "recipe": rest}


def _few(widths: Sequence[int]) -> tuple[int, ...]:
    places = (len(widths) // 4, len(widths) // 2, len(widths) - 1)
    return tuple(dict.fromkeys(widths[i] for i in places))


def _differences(family: Family, reading: Reading) -> tuple[str, ...]:
    own = (
        "Family, data and recipe are the user's own: nothing here is a rerun of a published experiment.",
        "The cut-offs are those of the study double-descent, chosen for ten classes and an error near 50 %; on other "
        "data a real peak may be smaller.",
        f"The family is known by its source ({family.tag}) and the shapes of its parameters. Closures, defaults made "
        "elsewhere and globals do not show: change `version` when they do.",
        "The samples are one fixed draw: a seed changes initialisation, minibatch order and noise, so an interval does "
        "not cover the draw of the data.",
    )
    squared = (
        "Under squared loss the interpolation threshold is where the train loss is at most 1 % of that of the best "
        "constant: a choice of ours, since gradient steps do not reach zero.",
    )
    targets = (
        "Target noise replaces a share of the training targets by those of other rows; the papers add noise to all.",
    )
    return (*own, *(squared if reading.loss == "squared" else ()), *(() if reading.labels else targets))
