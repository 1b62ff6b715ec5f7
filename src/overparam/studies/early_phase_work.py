"""The work of early-phase: a run is kept at early steps, its weights are perturbed there, and training starts from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

PERTURBED = ("none", "shuffled", "reinit", "signs", "magnitudes", "noise")


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """One stack: all seeds of one density; every perturbation at every early step, side by side."""
    given, stack = shared(cells), task(cells)
    data, seeds, times = stack.data, [int(cell["seed"]) for cell in cells], sorted(set(given["early"]))
    if times[-1] > given["steps"]:
        raise UsageError(
            f"--early: expected steps of the dense run, up to {given['steps']}, got {times[-1]}. Take earlier ones, or more "
            "--steps."
        )
    network = residual_mlp(data.features, given["width"], data.classes)
    recipe = Recipe(
        given["steps"],
        given["learning_rate"],
        optimizer="adam",
        batch=given["batch"],
        probe_at=(given["steps"],),
    )
    rows = (data.x, data.x_test, data.y_test)
    dense = train(
        network, recipe, stack.members, *rows, probes=PROBES, keep={f"at{k}": Keep(step=k) for k in times},
        keep_params=True, progress=lambda share: progress(0.1 * share),
    )  # fmt: skip
    found: list[dict[str, Any]] = [{"early": times} for _ in seeds]
    lost = ["" if one.diverged_at is None else f"step {int(one.diverged_at)} (dense)" for one in dense]
    members, starts, names = [], [], []
    for at, (seed, one) in enumerate(zip(seeds, dense, strict=True)):
        if lost[at]:
            continue
        found[at]["dense"] = 100.0 * (1 - float(one.values["test_error"][-1]))
        mask = mask_of(network, one, given["density"], seed)
        found[at]["kept"] = mask.density
        fresh = other_start(network, seed)
        for k in times:
            weights = one.kept[f"at{k}"].params
            for name, params in perturbed(weights, fresh, mask, seed, k).items():
                members.append(Member(seed, data.y, mask=mask))
                starts.append(Checkpoint(mask.apply(params)))
                names.append((at, name))
    if members:
        runs = train(
            network, recipe, members, *rows, probes=PROBES, start=starts,
            progress=lambda share: progress(0.1 + 0.9 * share),
        )  # fmt: skip
        for (at, name), one in zip(names, runs, strict=True):
            gone = one.diverged_at is not None
            found[at].setdefault(name, []).append(
                None if gone else 100.0 * (1 - float(one.values["test_error"][-1]))
            )
    return [outcome(values, lost=gone) for values, gone in zip(found, lost, strict=True)]


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
        By name: ``none``; ``shuffled`` in another order; ``reinit`` from the other draw; ``signs`` drawn anew, sizes kept;
        ``magnitudes`` in another order, signs kept; ``noise`` added, Gaussian, of the standard deviation of the kept weights.
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
