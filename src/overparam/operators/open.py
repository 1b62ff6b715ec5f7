"""The entrance: a model of any framework and its data, checked, as one that can be measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from overparam.core.checked import count, real, shown
from overparam.core.errors import DataError, UsageError
from overparam.core.memory import memory_budget
from overparam.operators.batches import Batch, Batches, batches_of, check_same, row_marks
from overparam.operators.checks import check_outputs, check_passes, check_targets
from overparam.operators.derivatives import unreached
from overparam.operators.generators import generators_kept
from overparam.operators.jax_adapt import adapt, framework_of
from overparam.operators.jax_open import JaxOpening
from overparam.operators.model import MEMORY, PRODUCTS, Model, Settings
from overparam.operators.named_arrays import check_dtype
from overparam.operators.objective import Arithmetic, Objective, named, without
from overparam.operators.opening import Opening, plain
from overparam.operators.output_kinds import check_kinds
from overparam.operators.own_loss import own_loss
from overparam.operators.reading import check_meant

HELD_SHARE = 0.25  # of the memory that may be used: data up to it stay in memory


def open_model(
    model: Any,
    data: Any,
    *,
    params: Any = None,
    loss: str | Callable[[Any, Any], Any] | None = None,
    reduction: str | None = None,
    smoothing: float = 0.0,
    ignore: int | None = None,
    frozen: str | tuple[str, ...] | list[str] = (),
    batch: int | None = None,
    targets: str | None = None,
    evaluation: bool = True,
    call: Mapping[str, Any] | None = None,
    dtype: Any = None,
    memory: float = MEMORY,
    products: int = PRODUCTS,
) -> Model:
    """A model on its data, ready to be measured, after checks that take about four gradients of one batch.

    Nothing of the person's is changed: parameters and buffers are copied, modes, gradients and random generators put back.

    Args:
        model: a :class:`~overparam.Network`; a function ``apply(params, x)`` of JAX, or ``(init, apply)``; a module of Flax
            Linen, Flax NNX or Equinox; or a ``torch.nn.Module``, which PyTorch itself measures on its own device.
        data: ``(inputs, targets)``, inputs alone, a data set, or a loader; see :func:`overparam.operators.batches.batches_of`.
        params: parameters of a network or function, variables of a Linen module, state of an Equinox module that has one.
        loss: a name, see :func:`overparam.operators.objective.named`; a function ``(outputs, targets)`` or loss module, see
            :func:`overparam.operators.own_loss.own_loss`; None takes cross-entropy for whole labels and squared loss for numbers,
            and asks where numbers can be labels: zeros and ones, rows that sum to 1.
        reduction: ``mean`` or ``sum`` over the data, where the loss does not say it itself.
        smoothing: of labels, for cross-entropy by name.
        ignore: the label of positions without one, for cross-entropy by name.
        frozen: patterns of names of parameters that are held.
        batch: examples a batch, where data are arrays.
        targets: key of the targets in batches that are mappings.
        evaluation: whether the model is called in evaluation mode; False calls it as it is.
        call: further arguments by keyword of every call of a JAX module or function.
        dtype: a type that copies of parameters and inputs are cast to; None keeps that of the parameters.
        memory: bytes that kept graphs may take.
        products: how many products to expect, for the choice between keeping a graph and building it anew.

    Returns:
        The model; ``notes`` says what was found, ``convention`` how the loss is summed.

    Raises:
        UsageError: a model, loss or option that cannot be taken; passes that are not the same twice.
        DataError: data that are empty, do not fit or hold missing numbers; parameters or outputs that are not finite.

    >>> import jax
    >>> from overparam.models import linear
    >>> network = linear(2, 1, bias=False)
    >>> x, y = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32), np.zeros(2, np.float32)
    >>> opened = open_model(network, (x, y), params={"output": {"weight": np.zeros((1, 2), np.float32)}})
    >>> opened.convention
    'Loss: mean over 2 examples of half the squared error.'
    >>> opened.product("hessian", np.array([1.0, 1.0])).tolist()
    [0.5, 2.0]
    """
    settings = Settings(_bytes(memory), count(products, "products"))
    if isinstance(model, type):
        raise UsageError(
            f"model: expected a model, got the class {model.__name__}. Make one: {model.__name__}(...)."
        )
    kind = framework_of(model)
    if not kind:
        raise UsageError(
            "model: expected a Network, a function apply(params, x), or a module of Flax, Equinox or PyTorch, got "
            f"{type(model).__name__}."
        )
    if not isinstance(evaluation, bool | np.bool_):
        raise UsageError(f"evaluation: expected True or False, got {shown(evaluation)}.")
    given, wanted = batches_of(data, batch, targets), check_dtype(dtype)
    if kind == "torch":
        if params is not None or call:
            name = "params" if params is not None else "call"
            raise UsageError(
                f"{name}: expected None for a module of PyTorch, got {type(params or call).__name__}."
            )
        from overparam.operators.torch_open import TorchOpening

        back: Opening = TorchOpening(model, evaluation, wanted)
    else:
        back = JaxOpening(adapt(model, params, evaluation, call), wanted)
    read, notes = _read(given, back)
    layout = back.layout
    if frozen:
        kept = set(layout.matching(frozen, "frozen"))
        if kept == set(layout.names):
            raise UsageError("frozen: expected patterns that leave a parameter to derive by, got all of them.")
        first = ", ".join(f"'{one}'" for one in layout.names if one in kept)
        first = first if len(kept) < 4 else f"{', '.join(first.split(', ')[:3])} and {len(kept) - 3} more"
        notes = (f"Held: {len(kept)} of {len(layout.names)} parameters, as frozen= says: {first}.", *notes)
        layout = layout.only(tuple(one for one in layout.names if one not in kept))

    def made(objective: Objective) -> Model:
        return back.made(objective, read, layout, (*back.notes, *notes), settings)

    bare = made(without(reduction))
    check_outputs(bare)
    opened = made(_objective(loss, bare, back.arithmetic, reduction, smoothing, ignore))
    beside = check_targets(opened)
    before = back.mark()
    extra = back.look(opened)
    gradient = check_passes(opened, lambda *parts: back.culprit(opened, *parts))
    beside += check_kinds(opened)
    beside += () if gradient is None else unreached(gradient, opened.layout.slices)
    if back.mark() != before:
        raise UsageError(
            "model: expected a pass that leaves parameters, buffers and generators as they are, got a change. A pass that "
            "assigns to its own tensors does that: return what it computes."
        )
    opened.notes = (
        *opened.notes,
        *extra,
        *beside,
        *((opened.convention,) if opened.objective.total is not None else ()),
    )
    return opened


def _objective(
    loss: Any, bare: Model, arithmetic: Arithmetic, reduction: Any, smoothing: Any, ignore: Any
) -> Objective:
    with bare.quiet():
        aims = next(iter(bare.batches())).targets
    if aims is None:
        if loss is not None:
            raise UsageError(
                f"data: expected targets for loss={shown(loss)}, got inputs alone. Give (inputs, targets)."
            )
        return without(reduction)
    if loss is None:
        with bare.quiet():
            several = not hasattr(aims, "dtype")  # which no loss by name takes, and is told there
            loss = "squared" if several else check_meant(bare.host(one.targets) for one in bare.batches())
    if isinstance(loss, str):
        return named(loss, arithmetic, reduction=reduction, smoothing=smoothing, ignore=ignore)
    if not callable(loss):
        raise UsageError(f"loss: expected a name or a function (outputs, targets), got {type(loss).__name__}.")
    if smoothing or ignore is not None:
        raise UsageError(
            "loss: expected smoothing and ignore for loss='cross_entropy' alone, got them with a function."
        )
    return own_loss(loss, bare, reduction)


def _read(given: Batches, back: Opening) -> tuple[Batches, tuple[str, ...]]:
    """The data in the back end's arrays, in memory where they fit; a loader is gone through twice and compared."""
    notes: set[str] = set()

    def converted(one: Batch) -> Batch:
        return back.batch(one, notes)

    room, size, kept = HELD_SHARE * memory_budget(), 0.0, []
    first: list[list[str]] = []
    with generators_kept(given.given):
        for one in given:
            made = converted(one)
            size += sum(getattr(leaf, "nbytes", 0) for leaf in made.leaves())
            if size <= room:
                kept.append(made)
            if given.loader:
                first.append(row_marks(one, plain))
        if not first and not kept and not size:
            raise DataError("data: expected at least one example, got none.")
        if given.loader:
            check_same(first, [row_marks(one, plain) for one in given], given.given)

    def again() -> Any:
        with generators_kept(given.given):
            for one in given:
                yield converted(one)

    if size <= room:
        return Batches(given.given, lambda: iter(kept), given.loader), tuple(sorted(notes))
    return Batches(given.given, again, given.loader), tuple(sorted(notes))


def _bytes(memory: Any) -> float:
    number = real(memory)
    if not number >= 0:
        raise UsageError(f"memory: expected a number of bytes of at least 0, got {shown(memory)}.")
    return number
