"""A recipe: how to train. Optimizer, step size and schedule, minibatch, loss, stopping, probe times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from jaxtyping import PRNGKeyArray

from overparam.core.errors import UsageError, unknown
from overparam.training.losses import loss
from overparam.training.numbers import number, whole
from overparam.training.optimizers import OPTIMIZERS, transformation
from overparam.training.schedules import SCHEDULES
from overparam.training.times import even_times, probe_times

Stream = Callable[..., tuple[Any, Any]]
Augment = Callable[[PRNGKeyArray, Any], Any]
Rate = float | Callable[[tuple[int, ...]], float]
SAMPLING = ("epochs", "replacement")
SPACING = ("log", "even")


@dataclass(frozen=True)
class Recipe:
    """How to train; the same for all members of a stack but for what a member has of its own.

    A step is ``p <- p - learning_rate * factor(step) * direction``. With g the gradient of the mean loss plus
    ``weight_decay * p``, the direction is

    - ``sgd``: the momentum buffer ``v <- momentum * v + g`` (heavy ball, no dampening), on a minibatch;
    - ``gd``: the same on the full batch, so ``batch`` must be None;
    - ``adam``: Adam with decay rates 0.9 and 0.999 and epsilon 1e-8; momentum must be 0;
    - an optax transformation of your own: minus its update, which has its own learning rate, momentum and decay; then
      ``learning_rate`` multiplies it and is usually 1.

    Functions of your own enter the key of a cell by their code and everything it depends on; see
    :func:`overparam.training.fingerprint`.

    Attributes:
        steps: number of steps in all.
        learning_rate: step size; a member may have its own.
        optimizer: ``sgd``, ``adam`` or ``gd``, or an ``optax.GradientTransformation``.
        momentum: coefficient of the momentum buffer, from 0 to below 1.
        weight_decay: coefficient of the penalty ``weight_decay/2 |p|^2``, over all parameters.
        batch: examples a minibatch; None is the full batch. A member may have its own.
        loss: ``cross_entropy`` or ``squared``, see :func:`overparam.training.losses.loss`; or a function
            ``(outputs, targets) -> losses`` from ``(batch, outputs)`` and the batch's targets to ``(batch,)``.
        smoothing: share of every label's mass that cross-entropy spreads evenly over the classes, from 0 to below 1.
        schedule: factor of the learning rate at step t: ``constant`` 1; ``inverse_sqrt``
            1/sqrt(1 + floor(t/period)); ``cosine`` (1 + cos(pi t/steps))/2; ``step`` decay^floor(t/period); or a
            function of t, such as an optax schedule.
        period: steps between two changes of ``inverse_sqrt`` and ``step``.
        decay: factor of one change of ``step``.
        layer_rates: factors of the learning rate by layer, pairs of a pattern of paths (as for ``Network.state``) and a
            number or a function of the array's shape, for instance ``{"hidden1": 0.0, "output/weight": lambda s: 64 / s[1]}``;
            the first pattern that fits counts, without one it is 1.
        sampling: ``epochs`` reshuffles every epoch and drops the incomplete last batch; ``replacement`` draws every
            example of a batch independently.
        stream: ``(key, batch) -> (x, y)``, a pure JAX function that draws every minibatch anew, so that no example is seen
            twice; members of one ``order`` see the same. With a third argument, ``(key, batch, held)``, it is given what
            the member's network holds constant, for instance a teacher of its own (:func:`overparam.models.holding`). The
            training set and the labels of the members are then only what ``train_loss`` is measured on.
        augment: ``(key, x) -> x``, applied to every minibatch in training alone; the key is the member's at that step.
        stop_error: a member stops when its training error at a probe time is at most this share.
        stop_loss: a member stops when its training loss at a probe time is at most this.
        probes: number of probe times: 0, 1 and then evenly in the logarithm of the step, the last step among
            them.
        spacing: ``log``, as above, or ``even``: evenly from 0 to the last step.
        probe_at: the probe times themselves, ascending; 0 and the last step are added.

    Raises:
        UsageError: an unknown name or a value outside its range.

    References:
        momentum: Polyak, Some methods of speeding up the convergence of iteration methods, 1964. adam: Kingma
        and Ba, Adam, ICLR 2015, algorithm 1. inverse_sqrt: Nakkiran et al., Deep double descent, ICLR 2020,
        appendix B. smoothing: Szegedy et al., Rethinking the Inception architecture, CVPR 2016, section 7.
    """

    steps: int
    learning_rate: float
    optimizer: Any = "sgd"
    momentum: float = 0.0
    weight_decay: float = 0.0
    batch: int | None = None
    loss: Any = "cross_entropy"
    schedule: Any = "constant"
    period: int = 512
    decay: float = 0.1
    stop_error: float | None = None
    stop_loss: float | None = None
    probes: int = 30
    smoothing: float = 0.0
    layer_rates: Mapping[str, Rate] | tuple[tuple[str, Rate], ...] = ()
    sampling: str = "epochs"
    stream: Stream | None = None
    augment: Augment | None = None
    spacing: str = "log"
    probe_at: Sequence[int] | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        transformation(self.optimizer)
        if not callable(self.schedule) and self.schedule not in tuple(SCHEDULES):
            raise unknown("schedule", self.schedule, SCHEDULES, "Or give a function of the step.")
        for name, value, known in (("sampling", self.sampling, SAMPLING), ("spacing", self.spacing, SPACING)):
            if not isinstance(value, str) or value not in known:
                raise unknown(name, value, known)
        loss(self.loss, self.smoothing)
        whole("steps", self.steps, 1)
        whole("period", self.period, 1)
        whole("probes", self.probes, 2)
        if self.batch is not None:
            whole("batch", self.batch, 1)
        number("learning_rate", self.learning_rate, above=0.0, single=True)
        number("momentum", self.momentum, least=0.0, below=1.0)
        number("weight_decay", self.weight_decay, least=0.0, single=True)
        number("decay", self.decay, above=0.0, single=True)
        if self.stop_error is not None:
            number("stop_error", self.stop_error, least=0.0, below=1.0)
        if self.stop_loss is not None:
            number("stop_loss", self.stop_loss, least=0.0)
        for name, form in (("augment", "(key, x) -> x"), ("stream", "(key, batch) -> (x, y)")):
            given = getattr(self, name)
            if given is not None and not callable(given):
                raise UsageError(f"{name}: expected a function {form}, got {type(given).__name__}.")
        if self.stream is not None and (self.batch is None or self.sampling != "epochs"):
            raise UsageError(
                f"stream: expected a batch and no sampling of the training set, got batch={self.batch} and "
                f"sampling='{self.sampling}'. Give batch= examples that are drawn in every step."
            )
        self._check_optimizer()
        object.__setattr__(self, "layer_rates", _rates(self.layer_rates))
        object.__setattr__(self, "probe_at", _times(self.probe_at, self.steps))
        for one in fields(self):
            given = getattr(self, one.name)
            try:
                told_apart = hash(given) is not None and bool(given == given)
            except Exception:
                told_apart = False
            if not told_apart:
                raise UsageError(
                    f"{one.name}: expected something that can be hashed and compared, got {type(given).__name__}. Wrap it in a "
                    "plain function."
                )

    def _check_optimizer(self) -> None:
        if self.optimizer == "gd" and self.batch is not None:
            raise UsageError(
                f"optimizer 'gd' uses the full batch: expected batch=None, got {self.batch}. "
                "Use optimizer='sgd' for minibatches."
            )
        if self.optimizer == "adam" and self.momentum:
            raise UsageError(
                f"optimizer 'adam' has its own averages: expected momentum=0, got {self.momentum:g}. "
                "Leave it out."
            )
        if self.optimizer not in OPTIMIZERS and (self.momentum or self.weight_decay):
            raise UsageError(
                "optimizer: a transformation of your own has its own momentum and decay: expected momentum=0 and "
                f"weight_decay=0, got {self.momentum:g} and {self.weight_decay:g}. Build them into it with optax.chain."
            )

    @property
    def times(self) -> tuple[int, ...]:
        """The probe times, ascending, from 0 to the last step."""
        if self.probe_at is not None:
            return tuple(sorted({0, *self.probe_at, self.steps}))
        return (probe_times if self.spacing == "log" else even_times)(self.steps, self.probes)


def _rates(given: Any) -> tuple[tuple[str, Rate], ...]:
    pairs = given.items() if isinstance(given, Mapping) else given
    if not isinstance(pairs, Iterable) or isinstance(pairs, str):
        raise UsageError(
            f"layer_rates: expected numbers by pattern, as {{'hidden1': 0.1}}, got {type(given).__name__}."
        )
    found = []
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) and pair[0]):
            raise UsageError(f"layer_rates: expected pairs of a pattern and a number, got {pair!r}.")
        if not callable(pair[1]):
            number(f"layer_rates: {pair[0]}", pair[1], least=0.0, single=True)
        found.append(pair)
    return tuple(found)


def _times(given: Any, steps: int) -> tuple[int, ...] | None:
    if given is None:
        return None
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        raise UsageError(f"probe_at: expected steps in a list, as [0, 10, 100], got {given!r}.")
    times = list(given)
    for time in times:
        whole("probe_at", time, 0)
        if time > steps:
            raise UsageError(f"probe_at: expected steps up to the last, {steps}, got {time}.")
    if not times:
        raise UsageError(
            "probe_at: expected at least one step, got none. probes=2 looks at the start and the end."
        )
    return tuple(sorted({int(time) for time in times}))
