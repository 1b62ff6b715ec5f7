"""What the checks share: the model on its data, outputs computed once, how long a pass takes, what is left of the budget."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from overparam.operators.model import Model
from overparam.own.diagnosis.rows import on_rows
from overparam.own.diagnosis.tasks import Task, task_of


@dataclass(frozen=True)
class Pace:
    """How long passes take, measured on one batch after a first pass that compiles.

    Attributes:
        outputs: seconds an example, forward.
        gradient: seconds an example, loss and gradient.
    """

    outputs: float
    gradient: float


@dataclass(eq=False)
class Context:
    """What a check may use; made once by :func:`~overparam.own.diagnosis.diagnose`.

    Attributes:
        model: on the training data, with its loss.
        test: the same model on held-out data; None where none are given.
        start: the same model with the parameters it began from; None where these are not given.
        given: what the person gave: ``model``, ``train``, ``test`` and the arguments by which a model is opened again.
        build: ``build(width)`` gives an untrained model of that width; None where it is not given.
        fit: ``fit(model, train, ...)`` trains one.
        widths: to try.
        log: what training wrote down, as it was given.
        budget: seconds, all checks together.
        began: ``time.monotonic()`` when the clock of the budget began.
        seed: of every draw.
        ignore: the label of positions without one.
        say: told one sentence at a time.
        pace: how long passes take.
        kept: what checks keep for one another.
        stopped: whether a person stopped a check that kept what it had finished.
    """

    model: Model
    test: Model | None
    start: Model | None
    given: Mapping[str, Any]
    build: Callable[..., Any] | None = None
    fit: Callable[..., Any] | None = None
    widths: Sequence[int] | None = None
    log: Any = None
    budget: float = 60.0
    began: float = 0.0
    seed: int = 0
    ignore: int | None = None
    say: Callable[[str], None] = lambda text: None
    pace: Pace = field(default_factory=lambda: Pace(0.0, 0.0))
    kept: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False

    def left(self) -> float:
        """Seconds of the budget that are left, at least 0."""
        return max(0.0, self.budget - (time.monotonic() - self.began))

    def draw(self, stream: int) -> np.random.Generator:
        """Random numbers of a check's own, the same in every call.

        Args:
            stream: a number of the check.
        """
        return np.random.default_rng((self.seed, stream))

    @functools.cached_property
    def targets(self) -> np.ndarray | None:
        """Targets of all training examples, shape ``(n, ...)``."""
        return _targets(self.model)

    @functools.cached_property
    def test_targets(self) -> np.ndarray | None:
        """Targets of all held-out examples."""
        return None if self.test is None else _targets(self.test)

    @functools.cached_property
    def task(self) -> Task:
        """What is learnt."""
        loss = self.given.get("loss")
        return task_of(self.model, self.targets, loss is None or isinstance(loss, str))

    @functools.cached_property
    def outputs(self) -> np.ndarray:
        """Outputs of all training examples, shape ``(n, *output_shape)``."""
        return self.model.outputs()

    @functools.cached_property
    def test_outputs(self) -> np.ndarray:
        """Outputs of all held-out examples."""
        assert self.test is not None
        return self.test.outputs()

    def some(self, model: Model, count: int, stream: int) -> tuple[Model, np.ndarray]:
        """A model on examples drawn without replacement, all where there are not more, and their positions.

        Args:
            model: on all of its examples.
            count: how many at most.
            stream: a number of the check, see :meth:`draw`.
        """
        n = model.examples
        if count >= n:
            return model, np.arange(n)
        rows = np.sort(self.draw(stream).choice(n, count, replace=False))
        return on_rows(model, rows), rows


def _targets(model: Model) -> np.ndarray | None:
    found = []
    with model.quiet():
        for batch in model.batches():
            if batch.targets is None or not hasattr(batch.targets, "shape"):
                return None
            found.append(model.host(batch.targets))
    return np.concatenate(found)
