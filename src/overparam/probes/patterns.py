"""Which ReLUs switched between two times, on the data, and how many could at most for the distance that the weights moved.

A (example, unit) pair switches if the sign of the unit's input differs. The bound is over every direction of that length:
with ``z_il`` the input of unit l at example i at the start, and ``B_i`` a bound of the change of the whole layer's input,
at most ``max {m : sum of the m smallest z_il^2 <= B_i^2}`` units of the example switch. For the first layer
``B_i = ||(Delta W, Delta b)||_F ||(x_i, 1)||``, which is the exact worst case; for a later one
``B_i = ||(s Delta W, Delta b)||_F ||(h_i, 1)|| + ||s W'||_2 d_i``, h_i what the layer before gives at the start, d_i a bound of
its change, s the layer's forward scale and ``W'`` the matrix at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, Int

from overparam.core.errors import OverparamError, UsageError
from overparam.models.network import Network, PyTree
from overparam.operators import Model
from overparam.operators.chain import Chain, chain_of
from overparam.operators.pairs import check_pair, check_same_data
from overparam.operators.recorder import Gate
from overparam.operators.seen import gates
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss

_SLACK = 1e-12  # relative, for the rounding of the bound's own sums in float64


@dataclass(frozen=True, eq=False)
class Switched:
    """The switches of one ReLU.

    Attributes:
        share: of all (example, unit) pairs that switched, from 0 to 1.
        pairs: how many pairs there are.
        each: switched units of each example; None where examples have no axis of their own.
        silent: share of units that are off at every example at both times and so could not be seen to switch; None as above.
        bound: most units of each example that can switch for the distance moved; None where no bound is known.
    """

    share: float
    pairs: int
    each: Int[np.ndarray, " n"] | None
    silent: float | None
    bound: Int[np.ndarray, " n"] | None = None


@dataclass(frozen=True, eq=False)
class PatternChanges:
    """Switches between two times.

    Attributes:
        share: of all (example, unit) pairs of all ReLUs that switched, from 0 to 1.
        relus: by name, in the order of the pass.
        bounded: what the bounds are of, or why there are none.
    """

    share: float
    relus: Mapping[str, Switched]
    bounded: str


def pattern_changes(start: Model, end: Model) -> PatternChanges:
    """Share of (example, unit) pairs whose ReLU switched between two times, by layer, with the worst case for the distance moved.

    An input of exactly 0 counts as off. ReLUs of any network are watched in a pass (see
    :func:`overparam.operators.seen.gates`); the worst case is known for chains of dense layers with relu or leaky relu,
    where it is exact for the first layer and an upper bound for later ones.

    Cost: two passes over the data; memory: two bytes a pair.

    Args:
        start: the model before training.
        end: the same network on the same data with other parameters.

    Raises:
        UsageError: no models, models of other arrays or data, or a network without a ReLU that can be watched.
        DataError: parameters that are missing or infinite.

    References: S. Oymak and M. Soltanolkotabi, Toward moderate overparameterization, IEEE JSAIT 2020, on changes of the pattern;
        the count of the worst case is derived in :mod:`overparam.theory.certificates.relu`; Y. Li and Y. Liang, NeurIPS 2018, on
        the share that stays.
    """
    check_pair(start, end)
    check_same_data(start, end, ("start", "end"))
    counts = _counted(start, end)
    bounds, words = _bounds(start, end)
    found: dict[str, Switched] = {}
    for name, one in counts.items():
        each = None if one.each is None else np.concatenate(one.each)
        silent = None if one.quiet is None else float(np.mean(one.quiet))
        found[name] = Switched(one.switched / one.pairs, one.pairs, each, silent)
    if bounds is not None and len(bounds) == len(found):
        pairs = zip(found.items(), bounds, strict=True)
        found = {name: replace(relu, bound=bound) for (name, relu), bound in pairs}
    total = sum(one.pairs for one in counts.values())
    return PatternChanges(sum(one.switched for one in counts.values()) / total, found, words)


def most_switches(
    inputs: Float64[np.ndarray, "n units"], reach: Float64[np.ndarray, " n"]
) -> Int[np.ndarray, " n"]:
    """Most units of each example that can switch when the vector of their inputs changes by a given length.

    Args:
        inputs: of the ReLUs at the start.
        reach: largest Euclidean length of the change of an example's inputs.

    Returns:
        ``max {m : sum of the m smallest squares <= reach^2}``, one an example.

    References: derived in :mod:`overparam.theory.certificates.relu`, which also counts rounding.

    >>> most_switches(np.array([[0.3, -0.4, 2.0]]), np.array([0.5])).tolist()
    [2]
    """
    sums = np.cumsum(np.sort(np.square(inputs), axis=1), axis=1)
    return np.asarray((sums <= np.square(reach[:, None]) * (1 + _SLACK)).sum(axis=1))


@dataclass
class _Count:
    switched: int
    pairs: int
    each: list[np.ndarray] | None
    quiet: np.ndarray | None


def _counted(start: Model, end: Model) -> dict[str, _Count]:
    found: dict[str, _Count] = {}
    ours, theirs = _signs(start), _signs(end)
    if len(ours) != len(theirs):
        raise UsageError(
            f"end: expected the {len(ours)} batches of start, got {len(theirs)}. Open both with the same batch."
        )
    for one, other in zip(ours, theirs, strict=True):
        if [a.name for a in one] != [b.name for b in other]:
            raise UsageError(f"end: expected the {len(one)} ReLUs of start, got {len(other)}.")
        for a, b in zip(one, other, strict=True):
            if a.values.shape != b.values.shape or a.apart != b.apart:
                raise UsageError(
                    f"end: expected batches and inputs of start at {a.name}, got shape {b.values.shape} for {a.values.shape}. "
                    "Open both models with the same batch."
                )
            changed = a.values != b.values
            off = ~(a.values | b.values).any(axis=0)
            have = found.setdefault(a.name, _Count(0, 0, [] if a.apart else None, off if a.apart else None))
            have.switched += int(changed.sum())
            have.pairs += changed.size
            if have.each is not None:
                have.each.append(changed.sum(axis=1))
                have.quiet = have.quiet & off if have.quiet is not None else off
    return found


def _signs(model: Model) -> list[list[Gate]]:
    """Which ReLUs are on, of every batch; one byte a pair."""
    return [[Gate(one.name, one.values > 0, one.apart) for one in batch] for batch in gates(model)]


def _bounds(start: Model, end: Model) -> tuple[list[np.ndarray] | None, str]:
    try:
        before, after = chain_of(start, "worst case"), chain_of(end, "worst case")
    except OverparamError as error:
        return None, f"No worst case: {str(error).split(', got ', 1)[-1].split('. ')[0]}."
    if before.activation not in ("relu", "leaky_relu") or before.activation != after.activation:
        return None, f"No worst case: the activation is {before.activation}."
    return worst_case(before, after), (
        "Worst case over all changes of the weights of the same length: exact for the first layer, a bound for later ones."
    )


def worst_case(before: Chain, after: Chain) -> list[Int[np.ndarray, " n"]]:
    """Most units of every example that can switch, layer by layer, for the distance that each layer moved.

    Args:
        before: a chain with relu or leaky relu.
        after: the same with other parameters.
    """
    zs, hidden = before.preactivations()[:-1], [before.inputs, *before.hidden()]
    moved = np.zeros(len(before.inputs))
    found = []
    for at, z in enumerate(zs):
        change = before.scales[at] * (after.weights[at] - before.weights[at])
        sizes = np.square(hidden[at]).sum(axis=1)
        step, bias = float(np.square(change).sum()), before.biases[at]
        other = after.biases[at]
        if bias is not None and other is not None:
            step += float(np.square(other - bias).sum())
            sizes = sizes + 1
        norm = abs(before.scales[at]) * float(np.linalg.norm(after.weights[at], 2))
        moved = np.sqrt(step * sizes) + norm * moved
        found.append(most_switches(z, moved))
    return found


def measure(
    network: Network,
    loss: Loss,
    params: PyTree,
    params0: PyTree,
    x: Examples,
    y: Targets,
    x_test: TestExamples,
    y_test: TestTargets,
) -> Measured:
    """Share of ReLUs of a member that switched since initialisation, on its training set.

    Args:
        network: its pass is watched.
        loss: not used.
        params: the member's parameters.
        params0: its parameters at initialisation.
        x: training examples, shape ``(n, inputs)``.
        y: not used.
        x_test: not used.
        y_test: not used.

    Returns:
        ``switched``, from 0 to 1; 0 where the network has no ReLU.
    """
    from overparam.operators.jax_seen import relu_inputs

    here, start = (relu_inputs(network.apply, one, x) for one in (params, params0))
    if not here:
        return {"switched": jnp.float32(0)}
    changed = [jnp.sum((here[name] > 0) != (start[name] > 0)) for name in here]
    return {"switched": sum(changed) / sum(one.size for one in jax.tree.leaves(here))}


PROBE = Probe(
    "patterns",
    {
        "switched": "Share of (training example, ReLU) pairs whose sign differs from initialisation, 0 to 1; 0 without ReLUs."
    },
    measure,
)
