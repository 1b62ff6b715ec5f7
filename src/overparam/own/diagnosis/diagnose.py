"""The entrance: a trained network and its data, checked, then asked the coded questions within a budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from overparam.core.checked import count, real, shown
from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.operators import Model, open_model
from overparam.operators.generators import generators_kept
from overparam.own.diagnosis.check import asked
from overparam.own.diagnosis.checkup import Checkup
from overparam.own.diagnosis.context import Context, Pace
from overparam.own.diagnosis.rows import on_data
from overparam.own.diagnosis.run import plan, planned, run
from overparam.own.diagnosis.start import opened_start
from overparam.own.diagnosis.tasks import SAID
from overparam.own.diagnosis.words import about
from overparam.training.recipe import Recipe

LEAST = 1.0  # seconds
FEWEST = 2  # training examples


@generators_kept()
def diagnose(
    model: Any,
    train: Any,
    test: Any = None,
    *,
    params: Any = None,
    start: Any = None,
    loss: str | Callable[[Any, Any], Any] | None = None,
    build: Callable[..., Any] | None = None,
    fit: Callable[..., Any] | None = None,
    widths: Sequence[int] | None = None,
    log: Any = None,
    budget: float = 60.0,
    only: str | Sequence[str] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    reduction: str | None = None,
    smoothing: float = 0.0,
    ignore: int | None = None,
    frozen: str | Sequence[str] = (),
    batch: int | None = None,
    targets: str | None = None,
    evaluation: bool = True,
    call: Mapping[str, Any] | None = None,
    dtype: Any = None,
) -> Checkup:
    """What a trained network and its data say about fit, labels, laziness, flatness, pruning, stopping and width.

    Everything is looked at and what each check would cost is said before the first of them runs. The cheapest runs first;
    what does not fit into the budget is told with its cost. An interrupt keeps what is finished. Nothing of the person's is
    changed.

    Args:
        model: as :func:`~overparam.operators.open_model` takes it, trained.
        train: what it was trained on, ``(inputs, targets)``, a data set or a loader; without augmentation or shuffling.
        test: held-out data of the same kind; None takes those of a data set that has some.
        params: parameters of a network or function, see :func:`~overparam.operators.open_model`.
        start: the parameters before training: of the kind of ``params``, a module, a state dict, or one flat vector.
        loss: as :func:`~overparam.operators.open_model` takes it.
        build: ``build(width)`` gives an untrained model, for the checks that train.
        fit: ``fit(model, train, ...)`` trains one that this package cannot train.
        widths: that the checks which train try.
        log: what training wrote down: rows, a mapping of columns, or a path to CSV or JSON; see OP007.
        budget: seconds, opening included.
        only: a code, or several.
        seed: of every draw.
        progress: called with one sentence at a time.
        reduction: see :func:`~overparam.operators.open_model`, as for all that follow.
        smoothing: of labels.
        ignore: the label of positions without one.
        frozen: patterns of names of parameters that are held.
        batch: examples a batch, where data are arrays.
        targets: key of the targets in batches that are mappings.
        evaluation: whether the model is called in evaluation mode.
        call: further arguments by keyword of every call.
        dtype: a type that copies of parameters and inputs are cast to.

    Returns:
        The answers; ``print`` gives a text, ``save`` a page, JSON, or the ranked labels as CSV.

    Raises:
        UsageError: a model, option or number that cannot be taken; a budget below a second.
        DataError: data that are empty, of one example, do not fit or hold missing numbers; parameters that are not finite.

    >>> import jax, numpy as np
    >>> from overparam.models import linear
    >>> x = np.eye(4, dtype=np.float32)
    >>> params = {"output": {"weight": x[:2] - x[2:], "bias": np.zeros(2, np.float32)}}
    >>> found = diagnose(linear(4, 2), (x, np.array([0, 1, 1, 0])), params=params, only="OP002")
    >>> found["OP002"].status
    'yes'
    """
    began = time.monotonic()
    seconds = real(budget)
    if not (math.isfinite(seconds) and seconds >= LEAST):
        raise UsageError(
            f"budget: expected a number of seconds of at least {LEAST:g}, got {shown(budget)}. Opening a model and one pass "
            "alone take about that; 60 is the default."
        )
    wanted = asked(only)
    number = count(seed, "seed", 0)
    for name, one in (("build", build), ("fit", fit), ("progress", progress)):
        if one is not None and not callable(one) and not (name == "fit" and isinstance(one, Recipe)):
            raise UsageError(f"{name}: expected a function, got {type(one).__name__}.")
    if not isinstance(frozen, str | list | tuple | set | frozenset):
        raise UsageError(f"frozen: expected a pattern of names of parameters, or several, got {shown(frozen)}.")
    say = progress or (lambda text: None)
    how = {
        "loss": loss, "reduction": reduction, "smoothing": smoothing, "ignore": ignore, "batch": batch,
        "targets": targets, "evaluation": evaluation, "call": call, "dtype": dtype,
        "frozen": frozen if isinstance(frozen, str) else tuple(frozen),
    }  # fmt: skip
    if test is None and all(getattr(train, part, None) is not None for part in ("x_test", "y_test")):
        test = (train.x_test, train.y_test)
    opened = _opened("train", model, train, params=params, **how)
    if opened.examples < FEWEST:
        raise DataError(
            f"train: expected at least {FEWEST} examples, got {opened.examples}. Nothing can be said of one example."
        )
    held_out = None if test is None else _held_out(opened, model, test, params=params, **how)
    begun = None if start is None else opened_start(opened, model, start, train, params=params, **how)
    given = {"model": model, "train": train, "test": test, "params": params, **how}
    context = Context(
        opened,
        held_out,
        begun,
        given,
        build,
        fit,
        widths,
        log,
        seconds,
        began,
        number,
        ignore,
        say,
        _pace(opened),
    )
    entries = plan(context, wanted)
    for each in planned(entries):
        say(f"{each.code} {each.name}: {_cost(each.seconds)}{each.words}")
    answers, stopped = run(context, entries)
    return Checkup(
        answers,
        planned(entries),
        _subject(context),
        _notes(context),
        seconds,
        time.monotonic() - began,
        number,
        stopped,
    )


def _opened(name: str, model: Any, data: Any, **how: Any) -> Model:
    """Open a model; errors about ``data`` name the argument that a person wrote."""
    try:
        opened = open_model(model, data, **how)
    except OverparamError as error:
        text = str(error.args[0]) if error.args else ""
        if text.startswith("data:"):
            raise type(error)(f"{name}:{text.removeprefix('data:')}") from error
        if name != "train" and text.startswith(("targets:", "model:", "loss:")):
            raise type(error)(f"{name}, {text}") from error
        raise
    if opened.objective.total is None:
        raise UsageError(
            f"{name}: expected (inputs, targets), got inputs alone. Every check compares with targets."
        )
    return opened


def _held_out(opened: Model, model: Any, test: Any, **how: Any) -> Model:
    """The model on held-out data, with the compiled programs of the one on training data."""
    other = _opened("test", model, test, **how)
    if other.output_shape != opened.output_shape:
        raise DataError(
            f"test: expected outputs of shape {opened.output_shape} an example, as on train, got {other.output_shape}."
        )
    ours, theirs = opened.objective.name, other.objective.name
    if ours != theirs:
        raise DataError(
            f"test: expected targets of the kind of train, which gave the loss {ours}, got others, which gave {theirs}. "
            "Give both alike, or loss=."
        )
    made = on_data(opened, other.data)  # type: ignore[attr-defined]
    made.notes = other.notes
    return made


def _pace(model: Model) -> Pace:
    """Seconds an example of passes over the first batch; programs are compiled before."""
    with model.quiet():
        batch = next(iter(model.batches()))
        times = []
        for call in (model.batch_outputs, model.batch_loss):
            model.host(_array(call(batch)))
            began = time.perf_counter()
            model.host(_array(call(batch)))
            times.append((time.perf_counter() - began) / batch.count)
    return Pace(times[0], max(times))


def _array(found: Any) -> Any:
    return found[1] if isinstance(found, tuple) else found


def _subject(context: Context) -> dict[str, Any]:
    model = context.model
    return {
        "back_end": model.back_end,
        "parameters": model.size,
        "layers": len(model.layout.layers),
        "examples": model.examples,
        "held_out": 0 if context.test is None else context.test.examples,
        "outputs": list(model.output_shape),
        "task": SAID[context.task],
        "dtype": model.dtype.name,
    }


def _notes(context: Context) -> tuple[str, ...]:
    """What was found at opening, what only the held-out data show, and how outputs are read."""
    known = context.model.notes
    more = () if context.test is None else context.test.notes
    held_out = [f"On test: {one}" for one in more if one not in known and not one.startswith("Loss: ")]
    return (*known, *held_out, *_read_as(context))


def _read_as(context: Context) -> tuple[str, ...]:
    """How outputs are read, where that is not the loss's own convention."""
    if context.task in ("classes", "positions", "channels") and callable(context.given["loss"]):
        axis = "second" if context.task == "channels" else "last"
        return (f"Predicted is the largest output along the {axis} axis, as whole labels are given.",)
    return ()


def _cost(seconds: float | None) -> str:
    return "" if seconds is None else f"{about(seconds)}, "
