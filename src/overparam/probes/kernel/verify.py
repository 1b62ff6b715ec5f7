"""Whether a kernel is that of the model: products with a random vector against those of the operators, on every call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from overparam.operators import Model
from overparam.operators.batches import Batch
from overparam.probes.kernel.asked import Asked
from overparam.probes.kernel.factors import Factor
from overparam.probes.kernel.plan import Plan
from overparam.probes.kernel.products import Derivatives
from overparam.probes.kernel.source import Source

SOME = 32  # examples that are looked at where all of them would cost more than the kernel
APART = 1e4  # times the machine epsilon: a larger relative error is no rounding
SEED = 0


def allowed(ask: Asked) -> float:
    """The largest relative error that rounding explains."""
    return APART * float(np.finfo(ask.first.dtype).eps)


def verified(ask: Asked, matrix: np.ndarray) -> float:
    """Relative error of one product of the kernel with a random vector against ``J (J^T u)``, Euclidean.

    A kernel of all outputs, or of one, is multiplied whole. Of kernels of each output or their mean the part of 32 examples
    from all over the data is, with a product for every output.

    Args:
        ask: what was asked.
        matrix: the kernel.
    """
    rng = np.random.default_rng(SEED)
    with ask.first.quiet():
        if ask.outputs in ("each", "mean"):
            return _by_output(ask, matrix, rng)
        u = np.zeros((ask.second.examples, ask.classes))
        u[:, list(ask.chosen)] = rng.normal(size=(ask.second.examples, len(ask.chosen)))
        asked = Derivatives(ask.first).jacobian(Derivatives(ask.second).transpose(u))[:, list(ask.chosen)]
        n, m = ask.first.examples, ask.second.examples
        square = matrix.reshape(n * len(ask.chosen), m * len(ask.chosen))
        found = square @ u[:, list(ask.chosen)].reshape(-1).astype(square.dtype)
        return gap(found, asked.reshape(-1))


def _by_output(ask: Asked, matrix: np.ndarray, rng: np.random.Generator) -> float:
    (i, rows), (j, columns) = _spread(ask.first), _spread(ask.second)
    first, second = Derivatives(ask.first), Derivatives(ask.second)
    v = rng.normal(size=columns.count)
    found = []
    for c in range(ask.classes):
        u = np.zeros((columns.count, ask.classes))
        u[:, c] = v
        pushed = first.batch("jacobian", rows, second.batch("transpose", columns, u.reshape(-1)))
        found.append(pushed.reshape(rows.count, -1)[:, c])
    some = matrix[..., i[:, None], j] @ v.astype(matrix.dtype)
    return gap(some, np.array(found) if ask.outputs == "each" else np.mean(found, axis=0))


def _spread(model: Model) -> tuple[np.ndarray, Batch]:
    """Some examples from all over the data, and where they are; the first ones where they cannot be taken one by one."""
    wanted = np.unique(np.linspace(0, model.examples - 1, min(SOME, model.examples)).astype(int))
    parts, at = [], 0
    for batch in model.batches():
        here = wanted[(wanted >= at) & (wanted < at + batch.count)] - at
        parts += [batch.rows(int(one), int(one) + 1) for one in here]
        at += batch.count
    shapes = {tuple((leaf.shape, str(leaf.dtype)) for leaf in _inputs(one).leaves()) for one in parts}
    if len(shapes) == 1 and all(shape[:1] == (1,) for shape, _ in next(iter(shapes))):
        leaves = zip(*[_inputs(one).leaves() for one in parts], strict=True)
        joined = iter([_joined(model, list(each)) for each in leaves])
        whole = _inputs(parts[0]).mapped(lambda leaf: next(joined))
        return wanted, Batch(whole.args, whole.named, None, len(parts))
    few = _few(model.batches())
    return np.arange(few.count), few


def _inputs(batch: Batch) -> Batch:
    return Batch(batch.args, batch.named, None, batch.count)


def _joined(model: Model, leaves: list[Any]) -> Any:
    if model.back_end == "torch":
        from overparam.probes.kernel.torch_rows import joined

        return joined(leaves)
    from overparam.probes.kernel.jax_rows import joined as jax_joined

    return jax_joined(leaves)


def _few(batches: Iterable[Batch]) -> Batch:
    return next(iter(batches)).rows(0, SOME)


def culprits(ask: Asked, source: Source, plan: Plan) -> tuple[str, ...]:
    """The parameters of factors that are not those of the model: ``|J^T u|`` of each against that of the operators.

    Every factor is measured by its own size, so that a small layer does not hide behind a large one.

    Args:
        ask: what is asked.
        source: of the factors.
        plan: blocks; the factors of the first one are looked at, and kept by the source.
    """
    model = ask.first
    _, block, found = next(source.made(model, plan.block))
    batch, factors = block.rows(0, SOME), [one.part(0, SOME) for one in found]
    u = np.zeros((batch.count, ask.classes))
    u[:, list(ask.chosen)] = np.random.default_rng(SEED).normal(size=(batch.count, len(ask.chosen)))
    back = Derivatives(model).batch("transpose", batch, u.reshape(-1))
    bad: list[str] = []
    seen = {name for factor in factors for name in factor.names}
    whole = float(np.linalg.norm(back.astype(np.float64)))
    for names in _groups(factors):
        ours = sum(
            one.square(source.weights(u[:, list(ask.chosen)], one.arrays()[0]))
            for one in factors
            if set(one.names) & names
        )
        theirs = sum(
            float(np.square(back[model.layout.slices[name]].astype(np.float64)).sum()) for name in names
        )
        floor = float(np.finfo(model.dtype).eps) * whole
        if abs(np.sqrt(max(ours, 0.0)) - np.sqrt(theirs)) > allowed(ask) * np.sqrt(theirs) + floor:
            bad += sorted(names)
    bad += [name for name in model.layout.names if name not in seen and np.any(back[model.layout.slices[name]])]
    return tuple(bad)


def _groups(factors: Sequence[Factor]) -> list[set[str]]:
    """Names of parameters that factors share, together."""
    found: list[set[str]] = []
    for factor in factors:
        own = set(factor.names)
        for other in [one for one in found if one & own]:
            own |= other
            found.remove(other)
        found.append(own)
    return found


def gap(found: np.ndarray, asked: np.ndarray) -> float:
    """Relative difference, Euclidean; infinite where one is not finite."""
    one, other = found.astype(np.float64), asked.astype(np.float64)
    size = float(np.linalg.norm(other))
    apart = float(np.linalg.norm(one - other))
    if not np.isfinite(apart):
        return float("inf")
    return apart / size if size else float(apart > 0)
