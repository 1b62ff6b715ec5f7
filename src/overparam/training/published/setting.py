"""One published setting: every number with where it was read, and the recipe made of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from overparam.core.errors import UsageError, unknown
from overparam.models.network import Network, check_size
from overparam.training.numbers import whole
from overparam.training.orders import steps_per_epoch
from overparam.training.published.timing import UNNAMED, Timing
from overparam.training.recipe import Recipe

FULL = "full"  # the batch of gradient descent
WIDTH = "width"  # stands in the options of a network for the width of a sweep
_OF_THE_RECIPE = tuple(one.name for one in fields(Recipe))


@dataclass(frozen=True)
class Build:
    """A network of this package as a call.

    Attributes:
        function: usually :func:`overparam.models.named`.
        arguments: what it is called with.
        options: keyword arguments; ``WIDTH`` stands for the width of a sweep.
    """

    function: Callable[..., Network]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def swept(self) -> bool:
        """Whether a width is asked for."""
        return WIDTH in self.options.values()

    def __str__(self) -> str:
        """The call as it is typed."""
        given = [repr(one) for one in self.arguments]
        given += [f"{name}={value if value == WIDTH else repr(value)}" for name, value in self.options.items()]
        return f"{self.function.__name__}({', '.join(given)})"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A setting of a paper or of its code: how a network was trained, and where every number comes from.

    None stands for what is not known here: it is never filled in, and :meth:`recipe` asks for it.

    Attributes:
        name: in lower case with dashes.
        source: authors and year, or repository, in a few words.
        citation: the paper.
        place: where the numbers were read.
        network: the network in words.
        build: the same as a call of this package; None where the package has none.
        data: the data in words, with what was done to them.
        n: training examples.
        augmentation: what is done to the images of a batch, in words.
        init: the initial distribution in words.
        optimizer: ``sgd``, ``adam`` or ``gd``.
        learning_rate: as the source gives it, for the loss as the source has it; a function of the width where it is one.
        rate_text: the learning rate in words, where it is no single number.
        momentum: None where none is named, which is 0.
        weight_decay: None where none is named, which is 0.
        batch: examples a minibatch, or ``full``.
        sampling: as in :class:`~overparam.training.Recipe`.
        schedule: of the learning rate; none named is constant.
        epochs: length of the run, or None.
        steps: the same in steps, or None; one of the two.
        loss: as in :class:`~overparam.training.Recipe`.
        loss_share: the source's loss as a multiple of ours, such as ``2/K`` for a mean over K outputs; learning rates are
            multiplied by it.
        smoothing: as in :class:`~overparam.training.Recipe`.
        layer_rates: as in :class:`~overparam.training.Recipe`.
        stop_error: as in :class:`~overparam.training.Recipe`.
        pruning: what is pruned and how often, in words.
        notes: what a reader must know besides.
        recalled: names of attributes that were recalled from the literature, not read.
        beside: names of settings with which it is confused.
    """

    name: str
    source: str
    citation: str
    place: str
    network: str
    build: Build | None = None
    data: str
    n: int | None = None
    augmentation: str | None = None
    init: str | None = None
    optimizer: str | None = None
    learning_rate: float | Callable[[int], float] | None = None
    rate_text: str = ""
    momentum: float | None = None
    weight_decay: float | None = None
    batch: int | str | None = None
    sampling: str = "epochs"
    schedule: Timing = UNNAMED
    epochs: int | None = None
    steps: int | None = None
    loss: str = "cross_entropy"
    loss_share: float = 1.0
    smoothing: float | None = None
    layer_rates: Mapping[str, float] = field(default_factory=dict)
    stop_error: float | None = None
    pruning: str = ""
    notes: str = ""
    recalled: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def unknown(self) -> tuple[str, ...]:
        """What :meth:`recipe` asks for, of ``optimizer``, ``learning_rate``, ``batch`` and ``epochs``."""
        asked = [
            name
            for name in ("optimizer", "learning_rate", "batch")
            if getattr(self, name) is None and not (name == "batch" and self.optimizer == "gd")
        ]
        return tuple(asked + ["epochs"] * (self.epochs is None and self.steps is None))

    @property
    def asks(self) -> tuple[str, ...]:
        """Every argument without which :meth:`recipe` cannot answer: what is unknown, and a width or number of examples."""
        counted = self.steps is None and self.optimizer != "gd"
        return (
            *self.unknown,
            *(["n"] if self.n is None and counted else []),
            *(["width"] if callable(self.learning_rate) else []),
        )

    def recipe(
        self,
        *,
        n: int | None = None,
        epochs: int | None = None,
        steps: int | None = None,
        width: int | None = None,
        **changes: Any,
    ) -> Recipe:
        """The recipe of this setting; what it does not say must be given, and everything can be changed.

        Epochs are turned into steps as the trainer counts them, ``n // batch`` an epoch.

        Args:
            n: training examples, if others than published: an epoch has as many steps as they give.
            epochs: another length.
            steps: another length, in steps.
            width: for learning rates that are a function of the width.
            changes: other attributes of :class:`~overparam.training.Recipe`; a ``learning_rate`` is that of our losses, and
                with another ``loss`` the published one is taken as it is.

        Raises:
            UsageError: something that the source does not say is not given, an unknown name, or a value out of its range.

        >>> from overparam.training.published import find
        >>> recipe = find("zhou-lenet").recipe()
        >>> recipe.optimizer, recipe.learning_rate, recipe.steps == 55 * (55_000 // 60)
        ('adam', 0.0012, True)
        """
        for name in changes:
            if name not in _OF_THE_RECIPE:
                raise unknown(
                    "change",
                    name,
                    (*(one for one in _OF_THE_RECIPE if one != "steps"), "n", "epochs", "width", "steps"),
                )
        if epochs is not None and steps is not None:
            raise UsageError(f"{self.name}: expected epochs or steps, got both. Leave one out.")
        self._check_given(changes, epochs, steps)
        batch = changes.pop("batch", None if self.batch == FULL or self.optimizer == "gd" else self.batch)
        epoch = self._epoch(n, batch, epochs, steps, changes)
        length = self._length(epochs, steps, epoch)
        share = 1.0 if "loss" in changes else self.loss_share
        rate = changes.pop("learning_rate", None)
        made: dict[str, Any] = {
            "optimizer": self.optimizer,
            "momentum": self.momentum or 0.0,
            "weight_decay": self.weight_decay or 0.0,
            "loss": self.loss,
            "smoothing": self.smoothing or 0.0,
            "layer_rates": dict(self.layer_rates),
            "sampling": self.sampling,
            "stop_error": self.stop_error,
        }
        if "schedule" not in changes:
            made |= self.schedule.make(epoch, length)
        made |= changes
        for name, used in (("period", ("step", "inverse_sqrt")), ("decay", ("step",))):
            if name in changes and made["schedule"] not in used:
                raise UsageError(
                    f"{self.name}: {name} counts for schedule='{used[0]}' alone, and the schedule here is another. Give "
                    f"schedule='{used[0]}' with it."
                )
        rate = float(f"{share * self._rate(width):.12g}") if rate is None else rate
        return Recipe(steps=length, learning_rate=rate, batch=batch, **made)

    def model(self, width: int | None = None) -> Network:
        """The network of this setting, of some width where the source sweeps it.

        Where the initial law of the source is not known, it has the package's own.

        Args:
            width: units or channels k; for a setting whose network has a width of its own, left out.

        Raises:
            UsageError: a network that the package does not have, or a width that is missing or not wanted.

        >>> from overparam.training.published import find
        >>> find("zhou-lenet").model().name
        'mlp 784-300-100-10 relu'
        """
        if self.build is None:
            raise UsageError(
                f"{self.name}: its network, {self.network}, is not among those of this package. Give a Network of your own."
            )
        if self.build.swept and width is None:
            raise UsageError(f"{self.name}: expected a width, got none. Its source has: {self.network}.")
        if not self.build.swept and width is not None:
            raise UsageError(f"{self.name}: expected no width, for its network has its own, {self.build}.")
        size = {} if width is None else {"width": check_size("width", width)}
        return self.build.function(*self.build.arguments, **{**self.build.options, **size})

    def _check_given(self, changes: Mapping[str, Any], epochs: int | None, steps: int | None) -> None:
        given = {*changes, *(["epochs"] if epochs is not None or steps is not None else [])}
        missing = [one for one in self.unknown if one not in given]
        if missing:
            said = (
                f" {self.rate_text[0].upper()}{self.rate_text[1:]}."
                if "learning_rate" in missing and self.rate_text
                else ""
            )
            raise UsageError(
                f"{self.name}: its source, as far as it is known here, does not give {_listed(missing)}.{said} Choose: "
                f"recipe({', '.join(f'{one}=...' for one in missing)})."
            )

    def _epoch(
        self, n: int | None, batch: Any, epochs: int | None, steps: int | None, changes: Mapping[str, Any]
    ) -> int:
        """Steps of an epoch; 1 where nothing is counted in epochs."""
        in_epochs = steps is None and (epochs is not None or self.epochs is not None)
        timed = "schedule" not in changes and self.schedule.epochs
        if n is not None:
            whole("n", n, 1)
        if not in_epochs and not timed:
            return 1
        many = self.n if n is None else n
        if batch is None:
            return 1
        whole("batch", batch, 1)
        if many is None:
            raise UsageError(
                f"{self.name}: its source, as far as it is known here, does not give the number of training examples. "
                "Choose: recipe(n=...)."
            )
        return steps_per_epoch(many, batch)

    def _length(self, epochs: int | None, steps: int | None, epoch: int) -> int:
        if steps is not None:
            whole("steps", steps, 1)
            return steps
        if epochs is not None:
            whole("epochs", epochs, 1)
            return epochs * epoch
        return self.steps if self.steps is not None else (self.epochs or 1) * epoch

    def _rate(self, width: int | None) -> float:
        rate = self.learning_rate
        if not callable(rate):
            return float(rate or 0.0)
        if width is None:
            raise UsageError(f"{self.name}: its learning rate is {self.rate_text}. Give recipe(width=...).")
        return rate(check_size("width", width))

    def but(self, name: str, **changes: Any) -> Published:
        """A setting that differs in a few attributes."""
        return dataclasses.replace(self, name=name, **changes)


def _listed(names: list[str]) -> str:
    words = [name.replace("_", " ") for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
