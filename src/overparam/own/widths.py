"""Widths of one's own model: what its layers have, what counting asks for, and how error falls as the family grows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from overparam.core import clean
from overparam.core.checked import shown
from overparam.core.digits import together
from overparam.core.errors import UsageError
from overparam.core.words import number, wrapped
from overparam.operators.model import Model
from overparam.operators.open import open_model
from overparam.own.retraining.built import LARGEST, Family
from overparam.own.retraining.spread import spread_of
from overparam.own.retraining.trainer import Done, Job, trainer_of
from overparam.pruning.module_fit import right_labels
from overparam.pruning.module_format import Subject, subject_of
from overparam.pruning.rounds import seeds_of
from overparam.pruning.table import columns

FITTED = 1.0  # percent of training labels that are wrong: below it a width fits
FITTED_LOSS = 1e-6  # of a regression: over the loss of its best constant
SEEDS = (0, 1, 2, 3, 4)
WIDE = 80
MOST = 20_000_000  # parameters of a model that is built to be counted


@dataclass(frozen=True)
class Layer:
    """The weights of a layer.

    Attributes:
        name: of the layer.
        shape: of its largest array.
        units: outputs of the layer; None where its framework does not say which axis that is.
        parameters: of all of its arrays.
    """

    name: str
    shape: tuple[int, ...]
    units: int | None
    parameters: int


@dataclass(frozen=True)
class WidthPoint:
    """One width, over seeds.

    Attributes:
        width: the width.
        parameters: that are trained.
        train: mean training error in percent, or loss for numbers.
        test: mean error on held-out data, or None without any.
        low: lower end of the 95 % interval of ``test``, over seeds and held-out examples.
        high: upper end.
        seeds: trainings.
    """

    width: int
    parameters: int
    train: float
    test: float | None
    low: float | None
    high: float | None
    seeds: int


@dataclass(frozen=True)
class Widths:
    """What :func:`widths` found.

    Attributes:
        layers: of the model.
        parameters: that are trained.
        numbers: that the training set asks to fit: examples times outputs; None without data.
        width: of the model in the family; None without ``build``, or where no width has its shapes.
        counted: the smallest width with at least as many parameters as ``numbers``; a count, not a measurement. None without
            ``build`` and data.
        points: one a width that was trained.
        threshold: the smallest of these widths that fits the training set; None where none does.
        what: ``error in %`` or ``loss``.
        words: how they were trained.
    """

    layers: tuple[Layer, ...]
    parameters: int
    numbers: int | None
    width: int | None
    counted: int | None
    points: tuple[WidthPoint, ...]
    threshold: int | None
    what: str
    words: str

    @property
    def best(self) -> int | None:
        """The width with the smallest mean test error; None without held-out data."""
        known = [one for one in self.points if one.test is not None]
        return min(known, key=lambda one: float(one.test or 0.0)).width if known else None

    def sentence(self) -> str:
        """The answer in a few sentences."""
        said = [f"{self.parameters:,} parameters that train"]
        if self.numbers is not None:
            said[0] += f", {self.parameters / self.numbers:.3g} for each of {self.numbers:,} numbers to fit"
        if self.width is not None:
            said.append(f"The model is width {self.width} of the family")
        if self.counted is not None:
            said.append(f"As many parameters as numbers to fit from width {self.counted:,} on, by counting")
        if self.points:
            fits = (
                "no width that was trained fits"
                if self.threshold is None
                else f"width {self.threshold} is the first to fit"
            )
            said.append(f"Of {', '.join(str(one.width) for one in self.points)}, {fits} the training set")
        if self.best is not None:
            said.append(f"The smallest mean test {self.what.partition(' ')[0]} is that of width {self.best}")
        return ". ".join(said) + "."

    def __str__(self) -> str:
        """Tables in lines of at most 80 characters."""
        rows = [("layer", "shape", "units", "parameters")]
        rows += [
            (
                one.name[-40:],
                "x".join(map(str, one.shape)),
                "" if one.units is None else str(one.units),
                f"{one.parameters:,}",
            )
            for one in self.layers
        ]
        lines = [wrapped(self.sentence(), 0, WIDE), "", *columns(rows)]
        if self.points:
            head = ("width", "parameters", f"train {self.what}", f"test {self.what}", "95 % interval", "seeds")
            lines += [
                "",
                wrapped(f"Trained by {self.words}.", 0, WIDE),
                *columns([head, *map(_row, self.points)]),
            ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return dict(clean(asdict(self) | {"best": self.best, "answer": self.sentence()}))


def widths(
    model: Any,
    train: Any = None,
    test: Any = None,
    *,
    params: Any = None,
    build: Callable[..., Any] | None = None,
    fit: Any = None,
    widths: Sequence[int] | None = None,
    seeds: Sequence[int] = SEEDS,
    loss: Any = None,
    progress: Callable[[str], None] | None = None,
    **opening: Any,
) -> Widths:
    """Widths of one's own model and family: counted, and trained where ``widths`` are given.

    Args:
        model: as in :func:`~overparam.operators.open_model`.
        train: training data, as there; None counts parameters alone.
        test: held-out data; None takes those of a data set that has some.
        params: as there.
        build: ``build(width)`` or ``build(width, seed)`` gives an untrained model of any framework, or ``(model, params)``.
        fit: how to train, for models that this package cannot train: ``fit(model, train)`` gives the trained model or its
            parameters; or a :class:`~overparam.Recipe`. See :func:`overparam.pruning.module_train.refitted`.
        widths: to train at, ascending; None trains nothing.
        seeds: of the initial weights and the order of examples, one a training of each width.
        loss: as in :func:`~overparam.operators.open_model`.
        progress: called with one sentence at a time.
        opening: further arguments of ``open_model``.

    Returns:
        Layers, counts and curve; it prints as tables.

    Raises:
        UsageError: a model, family or option that cannot be taken.
        DataError: data that do not fit, or a training that diverged.

    >>> import jax
    >>> from overparam.models import mlp
    >>> found = widths(mlp(3, (4,), 2), params=mlp(3, (4,), 2).init(jax.random.key(0)))
    >>> found.parameters, [(one.name, one.units) for one in found.layers]
    (26, [('hidden1', 4), ('output', 2)])
    """
    how = {"loss": loss, **opening}
    subject = subject_of(
        model, params, **{name: how[name] for name in ("frozen", "evaluation", "call") if name in how}
    )
    asked = None if widths is None else _ascending(widths)
    if asked is not None and (build is None or train is None):
        name = "build" if build is None else "train"
        raise UsageError(f"{name}: expected it with widths={asked}, which are trained, got none.")
    if fit is not None and build is None:
        raise UsageError("build: expected a function from a width to a model, with fit, got none.")
    if test is None and all(getattr(train, part, None) is not None for part in ("x_test", "y_test")):
        test = (train.x_test, train.y_test)
    opened = None if train is None else open_model(model, train, params=params, **how)
    numbers = None if opened is None else opened.examples * math.prod(opened.output_shape)
    layers = _layers(subject)
    size = subject.layout.size
    if build is None:
        return Widths(layers, size, numbers, None, None, (), None, "", "")
    family = Family(build, _example(opened), how.get("frozen") or (), how.get("call"))
    try:
        width = family.width_of(dict(zip(subject.layout.names, subject.layout.shapes, strict=True)))
        counted = None if numbers is None else _counted(family, numbers)
    except UsageError as error:
        if asked is None:
            raise UsageError(f"{error} Where not every width can be built: give widths=.") from error
        width = counted = None  # a family with widths that cannot be built, such as no multiples of its heads
    if asked is None or opened is None:
        return Widths(layers, size, numbers, width, counted, (), None, "", "")
    opened.check_loss()
    held_out = None if test is None else open_model(model, test, params=params, **how)
    every = seeds_of(seeds)
    sizes = [family.size(one) for one in asked]
    if sizes != sorted(set(sizes)):
        raise UsageError(
            f"build: expected more parameters at larger widths, got {', '.join(f'{one:,}' for one in sizes)} at widths "
            f"{', '.join(map(str, asked))}. Use the argument for the size of the layers."
        )
    family.check_seeds(asked[0])
    trainer = trainer_of(family, fit, train, test, opened, held_out, how, asked[0])
    say = progress or (lambda text: None)
    say(f"{len(every) * len(asked)} trainings by {trainer.words}")
    points, fitted = [], []
    what = ""
    for one in asked:
        done = trainer.run([Job(one, seed) for seed in every])
        point, what, fits = _point(one, family, done, opened, held_out, how.get("ignore"))
        say(
            f"width {one}: train {what} {point.train:.4g}"
            + ("" if point.test is None else f", test {point.test:.4g}")
        )
        points.append(point)
        fitted += [one] if fits else []
    return Widths(
        layers, size, numbers, width, counted, tuple(points), min(fitted, default=None), what, trainer.words
    )


def _point(
    width: int, family: Family, done: Sequence[Done], opened: Model, held_out: Model | None, ignore: int | None
) -> tuple[WidthPoint, str, bool]:
    """Errors of one width over seeds, what they are, and whether the training set is fitted."""
    aims = _targets(opened)
    train = np.array([_errors(opened, one.outputs, aims, ignore)[0] for one in done])
    labels = _errors(opened, done[0].outputs, aims, ignore)[1]
    mean = float(np.nanmean(train))
    constant = (
        float(np.mean((aims - aims.mean(0)) ** 2) * np.prod(aims.shape[1:], dtype=float) / 2)
        if not labels
        else 1.0
    )
    fits = mean <= FITTED if labels else mean <= FITTED_LOSS * max(constant, 1e-300)
    size, what = family.size(width), "error in %" if labels else "loss"
    if held_out is None:
        return WidthPoint(width, size, mean, None, None, None, len(done)), what, fits
    theirs = _targets(held_out)
    table = np.array([_errors(held_out, one.test_outputs, theirs, ignore)[0] for one in done])
    table = table[:, np.isfinite(table).all(0)]
    found = spread_of(table, step=100.0 if labels else 0.0)
    known = math.isfinite(found.low)
    low, high = (
        (max(0.0, found.low), min(100.0, found.high) if labels else found.high) if known else (None, None)
    )
    return WidthPoint(width, size, mean, found.mean, low, high, len(done)), what, fits


def _errors(model: Model, outputs: Any, targets: np.ndarray, ignore: int | None) -> tuple[np.ndarray, bool]:
    """What each example has wrong: labels in percent, or its squared loss; and whether it is labels."""
    made = np.asarray(outputs).reshape(len(targets), *model.output_shape)
    right = right_labels(made, targets, model.objective.name, ignore)
    if right is not None:
        return 100 * (1 - right), True
    return ((made.reshape(targets.shape) - targets).reshape(len(made), -1) ** 2).sum(1) / 2, False


def _targets(model: Model) -> np.ndarray:
    with model.quiet():
        return np.concatenate([model.host(batch.targets) for batch in model.batches()])


def _example(opened: Model | None) -> tuple[tuple[Any, ...], Mapping[str, Any]] | None:
    """A first batch of inputs."""
    if opened is None:
        return None
    with opened.quiet():
        batch = next(iter(opened.batches())).rows(0, 2)
        args = tuple(opened.host(one) for one in batch.args if hasattr(one, "shape"))
        return args, {name: opened.host(one) for name, one in batch.named.items() if hasattr(one, "shape")}


def _counted(family: Family, numbers: int) -> int | None:
    """The smallest width with as many parameters as there are numbers to fit."""
    low, high = 0, 1
    while family.size(high) < numbers:
        low, high = high, 2 * high
        if high > LARGEST or family.size(low) > MOST or (low > 1 and family.size(low) == family.size(low // 2)):
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if family.size(middle) < numbers else (low, middle)
    return high


def _layers(subject: Subject) -> tuple[Layer, ...]:
    found = []
    shapes = dict(zip(subject.layout.names, subject.layout.shapes, strict=True))
    first = subject.kind in ("torch", "equinox", "network")
    for layer, names in subject.layout.layers.items():
        largest = max(names, key=lambda name: math.prod(shapes[name]))
        shape = shapes[largest]
        kernel = first or largest.rpartition("/")[2] == "kernel"
        units = (shape[0] if first else shape[-1]) if largest in subject.weights and kernel else None
        found.append(Layer(layer, shape, units, sum(math.prod(shapes[name]) for name in names)))
    return tuple(found)


def _ascending(given: Any) -> list[int]:
    try:
        listed = list(given)
        made = [int(one) for one in listed if int(one) == one and int(one) >= 1]
    except (TypeError, ValueError):
        listed, made = [given], []
    if len(made) != len(listed) or not made or made != sorted(set(made)):
        raise UsageError(f"widths: expected ascending whole numbers from 1 on, each once, got {shown(given)}.")
    return made


def _row(one: WidthPoint) -> tuple[str, ...]:
    test, low, high = ("", "", "") if one.test is None else together(one.test, one.low, one.high)
    span = f"{low} to {high}" if one.low is not None else ""
    return (str(one.width), f"{one.parameters:,}", number(one.train), test, span, str(one.seeds))
