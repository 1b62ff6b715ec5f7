"""Trainings of a family, one a job: by this package where it can, stacked over seeds, else by a person's ``fit``."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from overparam.core.errors import DataError, UsageError
from overparam.models.network import Network
from overparam.operators.jax_network import flat_params, nested_params, network_of
from overparam.operators.model import Model
from overparam.operators.open import open_model
from overparam.own.retraining.built import Built, Family
from overparam.own.retraining.targets import relabelled
from overparam.pruning.loaders import loss_for
from overparam.pruning.mask import Mask
from overparam.pruning.module_format import subject_of, zeroed
from overparam.pruning.module_train import (
    call_fit,
    check_fit,
    check_moved,
    check_same_model,
    fitted,
    refitted,
    seeded,
    takes,
)
from overparam.training import Checkpoint, Member, Recipe, refresh, train
from overparam.training.evaluate import block_of

PASSES = 10  # passes over the data that a person's training is taken for before one was timed
STEPS = 2000


@dataclass(frozen=True, eq=False)
class Job:
    """A training.

    Attributes:
        width: of the model.
        seed: draws the initial weights and the order of the examples.
        labels: other targets of all training examples; None takes the true ones.
        mask: what is kept; None keeps all.
        begun: numbers to start from, by name; None takes those that the seed draws.
    """

    width: int
    seed: int
    labels: np.ndarray | None = None
    mask: Mask | None = None
    begun: Mapping[str, np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Done:
    """A finished training.

    Attributes:
        job: what was asked.
        begun: the numbers that it started from, by name.
        arrays: those at its end.
        outputs: of the training examples, shape ``(n, ...)``.
        test_outputs: of the held-out examples; None without any.
        seconds: that it took, its share of a stack.
    """

    job: Job
    begun: Mapping[str, np.ndarray]
    arrays: Mapping[str, np.ndarray]
    outputs: np.ndarray
    test_outputs: np.ndarray | None
    seconds: float


class Trainer(abc.ABC):
    """How a family is trained.

    Attributes:
        words: how, in a few words.
        family: the family.
    """

    words: str
    family: Family

    @abc.abstractmethod
    def run(self, jobs: Sequence[Job]) -> list[Done]:
        """Train, in the order of the jobs.

        Args:
            jobs: what is trained.

        Raises:
            UsageError: a model or ``fit`` that does not fit.
            DataError: a training that diverged.
        """

    @abc.abstractmethod
    def seconds(self, gradient: float, examples: int, size: int, jobs: int) -> float:
        """About how long trainings take.

        Args:
            gradient: seconds of a gradient of one example.
            examples: in the training set.
            size: parameters over those of the model that was timed.
            jobs: how many.
        """


class OwnTrainer(Trainer):
    """By this package: members of one width side by side."""

    def __init__(
        self, family: Family, recipe: Recipe, data: tuple[Any, Any, Any, Any], outputs: int, call: Any
    ) -> None:
        self.family, self.recipe, self.data, self.outputs, self.call = family, recipe, data, outputs, call
        name = recipe.optimizer if isinstance(recipe.optimizer, str) else "an optimizer"
        self.words = (
            f"{recipe.steps:,} steps of {name}, learning rate {recipe.learning_rate:g}, "
            f"{recipe.batch or 'all'} examples a step"
        )
        self._networks: dict[int, tuple[Network, Mapping[str, str] | None]] = {}

    def run(self, jobs: Sequence[Job]) -> list[Done]:
        """Train the jobs of each width as one stack."""
        found: dict[int, Done] = {}
        for width in dict.fromkeys(job.width for job in jobs):
            some = [i for i, job in enumerate(jobs) if job.width == width]
            found.update(zip(some, self._stack(width, [jobs[i] for i in some]), strict=True))
        return [found[i] for i in range(len(jobs))]

    def seconds(self, gradient: float, examples: int, size: int, jobs: int) -> float:
        """Compiling once a width, and the gradients of all steps."""
        return 4.0 + jobs * self.recipe.steps * (self.recipe.batch or examples) * gradient * size

    def _stack(self, width: int, jobs: Sequence[Job]) -> list[Done]:
        began = time.perf_counter()
        builts = {job.seed: self.family.at(width, job.seed) for job in jobs}
        network, names = self._network(width, next(iter(builts.values())))
        x, y, x_test, y_test = self.data
        members, starts = [], []
        for job in jobs:
            built, mask = builts[job.seed], None if job.mask is None or job.mask.density == 1 else job.mask
            arrays = built.subject.arrays if job.begun is None else job.begun
            if mask is not None:
                arrays = {**arrays, **zeroed(arrays, mask.arrays)}
            member_mask = mask
            if mask is not None and names is not None:
                back = {name: path for path, name in names.items()}
                member_mask = Mask({back[path]: one for path, one in mask})
            members.append(Member(job.seed, y if job.labels is None else job.labels, mask=member_mask))
            whole = built.subject.with_arrays(arrays)[1] if names is None else nested_params(arrays, names)
            starts.append((arrays, whole))
        runs = train(
            network, self.recipe, members, x, x if x_test is None else x_test, y if y_test is None else y_test,
            probes={}, keep_params=True, start=[Checkpoint(whole) for _, whole in starts],
        )  # fmt: skip
        done = []
        for job, (arrays, _), run in zip(jobs, starts, runs, strict=True):
            if run.diverged_at is not None:
                raise DataError(
                    f"fit: expected a training that stays finite, got one that diverged by step {run.diverged_at} at width "
                    f"{width}, seed {job.seed}. Give fit=Recipe(...) with a lower learning rate."
                )
            params = refresh(network, run.params, x)
            numbers = self._arrays(builts[job.seed], params) if names is None else flat_params(params, names)
            outputs = _outputs(network, params, x)
            tested = None if x_test is None else _outputs(network, params, x_test)
            done.append((job, arrays, numbers, outputs, tested))
        each = (time.perf_counter() - began) / len(jobs)
        return [Done(*one, each) for one in done]

    def _network(self, width: int, built: Built) -> tuple[Network, Mapping[str, str] | None]:
        """The network of a width: the person's own, or one around the model; and how its arrays are called."""
        if width not in self._networks:
            if isinstance(built.model, Network):
                self._networks[width] = built.model, None
            else:
                x = self.data[0]
                shape = getattr(self, "shape", x.shape[1:])
                rows = np.zeros((1, *shape), self.kind)
                self._networks[width] = network_of(
                    built.model, built.params, rows, self.outputs, call=self.call
                )
        return self._networks[width]

    shape: tuple[int, ...]
    kind: Any = np.float32

    def _arrays(self, built: Built, params: Any) -> dict[str, np.ndarray]:
        return dict(subject_of(built.model, params).arrays)


class FitTrainer(Trainer):
    """By a person's function, one after another."""

    def __init__(
        self, family: Family, fit: Callable[..., Any], train: Any, test: Any, how: Mapping[str, Any]
    ) -> None:
        check_fit(fit)
        self.family, self.fit, self.train, self.test, self.how = family, fit, train, test, how
        self.words = f"your {getattr(fit, '__name__', 'fit')}"

    def run(self, jobs: Sequence[Job]) -> list[Done]:
        """Train each job with the person's function."""
        return [self._one(job) for job in jobs]

    def seconds(self, gradient: float, examples: int, size: int, jobs: int) -> float:
        """Some passes over the data: how long it takes is not known before one was timed."""
        return jobs * PASSES * examples * gradient * size

    def _one(self, job: Job) -> Done:
        began = time.perf_counter()
        built = self.family.at(job.width, job.seed)
        data = self.train if job.labels is None else relabelled(self.train, job.labels, self.how.get("targets"))
        begun = built.subject.arrays if job.begun is None else job.begun
        if job.mask is not None:
            begun = {**begun, **zeroed(begun, job.mask.arrays)}
        if job.mask is not None or job.begun is not None:
            model, params, _ = refitted(built.subject, begun, job.mask, data, self.fit, job.seed)
        else:
            given = built.made if not _is_parts(built) else built.model
            if _is_parts(built) and not takes(self.fit, "params"):
                raise UsageError(
                    "fit: expected a function that takes params, because build gives them apart from the model, got one without. "
                    "Write fit(model, train, params)."
                )
            more = {"seed": job.seed, "params": built.params, "width": job.width}
            with seeded(job.seed):
                found = call_fit(self.fit, given, data, more)
            model, params = fitted(found, built.model, built.params)
        opened = _opened(model, data, params, self.how)
        numbers = opened.layout.named(opened.vector())
        check_same_model(begun, numbers)
        check_moved(begun, numbers)  # buffers move in a pass alone
        tested = None if self.test is None else _opened(model, self.test, params, self.how).outputs()
        return Done(job, begun, numbers, opened.outputs(), tested, time.perf_counter() - began)


def trainer_of(
    family: Family,
    fit: Any,
    train: Any,
    test: Any,
    opened: Model,
    tested: Model | None,
    how: Mapping[str, Any],
    width: int,
) -> Trainer:
    """How a family is trained: by a person's function where there is one, else by this package.

    Args:
        family: the family.
        fit: the function, a :class:`~overparam.Recipe`, or None.
        train: training data, as they were given.
        test: held-out data, as they were given, or None.
        opened: a model on the training data.
        tested: a model on the held-out data, or None.
        how: arguments of :func:`overparam.operators.open_model`.
        width: at which the family is looked at.

    Raises:
        UsageError: a model that this package cannot train, without ``fit``.
    """
    if fit is not None and not isinstance(fit, Recipe):
        return FitTrainer(family, fit, train, test, how)
    built = family.at(width)
    if built.subject.kind == "torch":
        raise UsageError("fit: expected a function fit(model, train) for a module of PyTorch, got none.")
    x, y = arrays_of_model(opened)
    x_test, y_test = (None, None) if tested is None else arrays_of_model(tested)
    if len(opened.output_shape) > 1:
        raise UsageError(
            f"fit: expected a function fit(model, train) for outputs of shape {opened.output_shape} an example, got none."
        )
    for name in ("ignore", "reduction", "dtype", "frozen"):
        if how.get(name) not in (None, "mean", "", ()):
            raise UsageError(f"fit: expected a function fit(model, train) where {name} is given, got none.")
    recipe = (
        fit if isinstance(fit, Recipe) else default_recipe(len(x), _loss(how, y), how.get("smoothing") or 0.0)
    )
    rows = lambda a: None if a is None else a.reshape(len(a), -1)  # noqa: E731
    outputs = int(np.prod(opened.output_shape, dtype=int))
    made = OwnTrainer(family, recipe, (rows(x), y, rows(x_test), y_test), outputs, how.get("call"))
    made.shape, made.kind = x.shape[1:], x.dtype
    if not isinstance(built.model, Network):
        made._network(width, built)
        made.words += ", in evaluation mode: without dropout"
    return made


def default_recipe(n: int, loss: Any, smoothing: float = 0.0) -> Recipe:
    """How a model is trained where nothing is said: Adam on minibatches, its rate falling to 0.

    Args:
        n: training examples.
        loss: the loss.
        smoothing: of labels.
    """
    batch = None if n <= 64 else 64
    return Recipe(
        STEPS, 3e-3, optimizer="adam", batch=batch, schedule="cosine", loss=loss, smoothing=smoothing, probes=2
    )


def arrays_of_model(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets that a model was opened on.

    Args:
        model: of any back end.

    Raises:
        UsageError: several inputs.
    """
    inputs, aims = [], []
    with model.quiet():
        for batch in model.batches():
            given = [*batch.args, *batch.named.values()]
            if len(given) != 1 or not hasattr(given[0], "shape") or not hasattr(batch.targets, "shape"):
                raise UsageError(
                    f"fit: expected a function fit(model, train) for a model of {len(given)} inputs, got none."
                )
            inputs.append(model.host(given[0]))
            aims.append(model.host(batch.targets))
    return np.concatenate(inputs), np.concatenate(aims)


def _loss(how: Mapping[str, Any], y: np.ndarray) -> Any:
    loss = how.get("loss")
    if loss is None and y.dtype.kind == "f":
        return "squared"
    return loss_for(loss, y)


def _outputs(network: Network, params: Any, x: Any) -> np.ndarray:
    size = block_of(network) or 1024
    call = _jitted(network)
    return np.concatenate([np.asarray(call(params, x[at : at + size])) for at in range(0, len(x), size)])


_CALLS: dict[Network, Any] = {}


def _jitted(network: Network) -> Any:
    if network not in _CALLS:
        _CALLS.clear()
        _CALLS[network] = jax.jit(network.apply)
    return _CALLS[network]


def _opened(model: Any, data: Any, params: Any, how: Mapping[str, Any]) -> Model:
    return open_model(model, data, params=params, **how)


def _is_parts(built: Built) -> bool:
    """Whether build returned model and parameters apart."""
    return isinstance(built.made, tuple | list) and built.params is not None and built.made[0] is built.model
