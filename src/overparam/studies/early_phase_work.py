"""The work of early-phase: a run is kept at early steps, its weights are perturbed there, and training starts from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from overparam.core import Outcome, Params, Progress, UsageError, outcome
from overparam.data.stream import stream
from overparam.models.residual_mlp import residual_mlp
from overparam.pruning import Mask, Weights, choose
from overparam.pruning.draws import other_start
from overparam.pruning.measured import PROBES
from overparam.sweep.work import shared, task
from overparam.training import Checkpoint, Keep, Member, Recipe, train

PERTURBED = ("none", "order", "shuffled", "reinit", "signs", "magnitudes", "noise")
ARMS = (*PERTURBED, "longer")
OTHER = 1_000_000  # added to a seed: another order of the samples


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: all seeds of one setting; every perturbation at every early step, side by side."""
    given = shared(cells)
    times, steps = ascending(given["early"], given["steps"]), given["steps"]
    stack = task(cells)
    data, seeds = stack.data, [int(cell["seed"]) for cell in cells]
    if given["batch"] > data.n:
        raise UsageError(
            f"--batch: expected at most the {data.n} training samples, got {given['batch']}. Take a smaller batch."
        )
    network = residual_mlp(data.features, given["width"], data.classes)
    recipe = Recipe(steps, given["learning_rate"], optimizer="adam", batch=given["batch"], probe_at=(steps,))
    rows = (data.x, data.x_test, data.y_test)
    dense = train(
        network, recipe, stack.members, *rows, probes=PROBES, keep={f"at{k}": Keep(step=k) for k in times},
        keep_params=True, progress=lambda share: progress(0.05 * share),
    )  # fmt: skip
    lost = ["" if one.diverged_at is None else f"step {int(one.diverged_at)} (dense)" for one in dense]
    found: list[dict[str, Any]] = [{"early": times} for _ in seeds]
    members, starts, names, longer = [], [], [], []
    for at, (seed, one) in enumerate(zip(seeds, dense, strict=True)):
        if lost[at]:
            continue
        mask, fresh = mask_of(network, one, given["density"], seed), other_start(network, seed)
        found[at] |= {"dense": 100.0 * (1 - float(one.values["test_error"][-1])), "kept": mask.density}
        longer.append((at, Member(seed, data.y, mask=mask), Checkpoint(mask.apply(fresh))))
        for k in times:
            for name, params in perturbed(one.kept[f"at{k}"].params, fresh, mask, seed, k).items():
                members.append(Member(seed, data.y, order=seed + OTHER if name == "order" else None, mask=mask))
                starts.append(Checkpoint(mask.apply(params)))
                names.append((at, name))
    if members:
        runs = train(
            network, recipe, members, *rows, probes=PROBES, start=starts,
            progress=lambda share: progress(0.05 + 0.85 * share),
        )  # fmt: skip
        for (at, name), one in zip(names, runs, strict=True):
            _add(found[at], name, one, 1)
        recipe = replace(recipe, steps=steps + times[-1], probe_at=tuple(steps + k for k in times))
        more = train(
            network, recipe, [one for _, one, _ in longer], *rows, probes=PROBES, start=[at for *_, at in longer],
            progress=lambda share: progress(0.9 + 0.1 * share),
        )  # fmt: skip
        for (at, *_), one in zip(longer, more, strict=True):
            _add(found[at], "longer", one, len(times))
    for values in found:
        costs(values)
    return [outcome(values, lost=gone) for values, gone in zip(found, lost, strict=True)]


def ascending(early: Sequence[int], steps: int) -> list[int]:
    """The early steps, checked.

    Args:
        early: ascending from 0, two or more.
        steps: of a training.

    Raises:
        UsageError: others.

    >>> ascending((0, 10, 100), 100)
    [0, 10, 100]
    """
    found = [int(k) for k in early]
    if len(found) < 2 or found[0] != 0 or any(b <= a for a, b in pairwise(found)) or found[-1] > steps:
        raise UsageError(
            f"--early: expected two or more steps that ascend from 0 up to at most the {steps} of the dense run, got "
            f"{', '.join(map(str, found))}. Take others, or more --steps."
        )
    return found


def costs(values: dict[str, Any]) -> None:
    """Add what every perturbation costs: points of test accuracy below the unperturbed weights of the same step.

    Args:
        values: of one seed; more is added.

    >>> found = {"none": [60.0, None], "shuffled": [58.5, 50.0]}
    >>> costs(found)
    >>> found["shuffled_cost"]
    [1.5, None]
    """
    for name in ARMS[1:]:
        if name in values:
            pairs = zip(values["none"], values[name], strict=True)
            values[f"{name}_cost"] = [None if None in pair else pair[0] - pair[1] for pair in pairs]


def _add(values: dict[str, Any], name: str, run: Any, many: int) -> None:
    """Write down the last measurements of a run: test accuracy in percent, and test loss; None where it diverged."""
    gone = run.diverged_at is not None
    for key, metric in ((name, "test_error"), (f"{name}_loss", "test_loss")):
        last = np.asarray(run.values[metric], float)[-many:]
        told = 100.0 * (1 - last) if metric == "test_error" else last
        values.setdefault(key, []).extend([None] * many if gone else told.tolist())


def mask_of(network: Any, one: Any, density: float, seed: int) -> Mask:
    """The largest weights of every layer at the end of the dense run; all of them at density 1."""
    full = Mask.full(network)
    return (
        full
        if density >= 1
        else choose("large_final", Weights(None, one.params, full, None, (seed, 0)), density)
    )


def perturbed(params: Any, fresh: Any, mask: Mask, seed: int, k: int) -> dict[str, Any]:
    """The weights of one early step, and what each perturbation makes of the kept ones, layer by layer.

    Args:
        params: parameters at that step.
        fresh: another draw of the initial weights.
        mask: which weights are kept.
        seed: of the run.
        k: the step.

    Returns:
        By name: ``none``; ``order``, the same weights, for another order of the samples; ``shuffled`` in another order;
        ``reinit`` from the other draw; ``signs`` drawn anew, sizes kept; ``magnitudes`` in another order, signs kept; ``noise``
        added, Gaussian, of the standard deviation of the kept weights.
    """
    made: dict[str, Any] = {
        name: {layer: dict(own) for layer, own in (fresh if name == "reinit" else params).items()}
        for name in PERTURBED
    }
    for path, where in mask.arrays.items():
        layer, name = path.split("/")
        random = stream(f"early-phase {path} {k}", seed)
        kept = np.asarray(where, bool)
        old = np.asarray(params[layer][name], np.float32)
        values = old[kept]
        order = random.permutation(len(values))
        flips = np.where(random.randint(0, 2, size=len(values)), 1.0, -1.0)
        new: Mapping[str, Any] = {
            "shuffled": values[order],
            "signs": np.abs(values) * flips,
            "magnitudes": np.sign(values) * np.abs(values[order]),
            "noise": values + values.std() * random.standard_normal(len(values)),
        }
        for what, entries in new.items():
            array = old.copy()
            array[kept] = entries
            made[what][layer][name] = array
    return made
