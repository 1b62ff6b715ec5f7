"""The work of teacher-student: students of several widths for every teacher, and one of two hidden layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from overparam import data
from overparam.core import Outcome, Params, Progress, outcome, rounded, within
from overparam.data.stream import stream
from overparam.models import holding, mlp
from overparam.probes import recovery
from overparam.sweep.work import shared
from overparam.training import Checkpoint, Member, Recipe, train

SPREAD = 0.005  # standard deviation of the weights at the start, as published
LEARNT, LEVEL, COVERED = (
    0.9,
    0.95,
    0.8,
)  # correlation of a node that counts as learnt, as found; share of nodes that are covered
ROUNDING = 1e-4
DIGITS = 4  # of lines over steps
SHOWN = 1_000  # examples of which each one's own gradient is taken
BINS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
EVERY = 4  # probe times from one picture of the sizes to the next


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """A stack of teachers: students of every width side by side, then those of two hidden layers."""
    given = shared(cells)
    factors = sorted(set(given["factors"]))
    teachers = [
        data.teacher(given["d"], given["nodes"], given["outputs"], decay=cell["decay"], seed=cell["seed"])
        for cell in cells
    ]
    sets = examples(teachers, cells, scale=1.5)
    times = probe_times(given["steps"])
    found: list[dict[str, Any]] = [
        {"factor": list(factors), "step": list(times), "node": list(range(1, given["nodes"] + 1)),
         "strength": one.strengths.tolist(), "observed": float(one.observed(x).min())}
        for one, (x, _) in zip(teachers, sets, strict=True)]  # fmt: skip
    lost = [""] * len(cells)
    units = np.cumsum([0] + [f + 3 for f in factors] + [15])
    for at, factor in enumerate(factors):
        width = max(1, round(factor * given["nodes"]))
        student = mlp(given["d"], (width,), given["outputs"])
        recipe = Recipe(given["steps"], given["learning_rate"], loss="squared", batch=given["batch"],
                        sampling="replacement", probe_at=times)  # fmt: skip
        starts = [small(one, width, cell["seed"]) for one, cell in zip(teachers, cells, strict=True)]
        part = within(progress, units[at] / units[-1], units[at + 1] / units[-1])
        runs = trained(student, recipe, cells, teachers, sets, starts, 1.5, part)
        for i, one in enumerate(runs):
            lost[i] = lost[i] or ("" if one.diverged_at is None else f"step {int(one.diverged_at)}")
            record(found[i], one.values, factor, times, given["steps"])
    deep(cells, found, times, within(progress, units[-2] / units[-1], 1.0))
    return [outcome(values, lost=gone) for values, gone in zip(found, lost, strict=True)]


def examples(teachers: Sequence[Any], cells: Sequence[Params], *, scale: float) -> list[tuple[Any, Any]]:
    """Examples of every teacher; teachers of one seed share the inputs, which makes one product of their students' layers."""
    inputs: dict[int, Any] = {}
    found = []
    for one, cell in zip(teachers, cells, strict=True):
        seed = cell["seed"]
        if seed not in inputs:
            inputs[seed] = one.examples(cell["n"], scale=scale, seed=seed)[0]
        found.append((inputs[seed], one.targets(inputs[seed]).astype(np.float32)))
    return found


def trained(
    student: Any, recipe: Any, cells: Sequence[Params], teachers: Any, sets: Any, starts: Any, scale: float, part: Progress
) -> Any:  # fmt: skip
    """Students of one shape, each with its own teacher and examples, measured against it at the probe times."""
    network = holding(student, teacher=teachers[0].params)
    members = [Member(cell["seed"], y, x=x, state={"teacher": one.params})
               for cell, one, (x, y) in zip(cells, teachers, sets, strict=True)]  # fmt: skip
    # the same for all seeds: what a cell holds does not depend on those beside it
    x_test, y_test = teachers[0].examples(2000, scale=scale, tag="test")
    probes = {"recovery": recovery(student, level=LEVEL, rows=min(SHOWN, len(sets[0][0])))}
    return train(
        network, recipe, members, sets[0][0], x_test, y_test, probes=probes, start=starts, progress=part
    )


def probe_times(steps: int) -> tuple[int, ...]:
    """About forty times, even in the logarithm, from 20 steps to the last."""
    return tuple(sorted({max(1, round(t)) for t in np.geomspace(min(20, steps), steps, 40)}))


def small(teacher: Any, width: int, seed: int) -> Any:
    """Weights of standard deviation 0.005 and no biases, as published."""
    random = stream(f"teacher-student start {width}", seed)
    shapes = {"hidden1": (width, teacher.inputs), "output": (teacher.outputs, width)}
    own = {name: {"weight": (SPREAD * random.standard_normal(shape)).astype(np.float32), "bias": np.zeros(shape[0], np.float32)}
           for name, shape in shapes.items()}  # fmt: skip
    return Checkpoint(own | {"teacher": teacher.params})


def record(found: dict[str, Any], values: Any, factor: float, times: Sequence[int], steps: int) -> None:
    """What one student leaves in its cell: lines over steps, over nodes and over the widths."""
    name = f"{factor:g}".replace(".", "_")
    take = slice(-len(times), None)  # the probe times of a run have 0 before them
    best = np.asarray(values["teacher_correlation"], float)[take]
    first = learnt_at(best, times)
    losses = list(values["teacher_loss"])[take]
    found[f"loss_{name}"] = rounded(losses, DIGITS)
    coverage = list(values["coverage"])[take]
    found[f"gradient_{name}"] = rounded(list(values["largest_gradient"])[take], DIGITS)
    found[f"miss_{name}"] = rounded(1.0 - best.min(axis=1), DIGITS)
    found[f"found_{name}"] = best[-1].tolist()
    found[f"learnt_{name}"] = [steps if t is None else t for t in first]
    half = len(first) // 2
    shape = l_shape(values, take, times)
    for key, value in {
        "coverage": coverage[-1],
        "final_loss": losses[-1],
        "cover_time": covered_at(best, times, steps),
        "never": sum(t is None for t in first),
        "order": order([steps + 1 if t is None else t for t in first]),
        "unmatched": missing(best[-1]),
        "weak_over_strong": missing(best[-1][len(first) - half :]) / missing(best[-1][:half]),
    }.items():
        found.setdefault(key, []).append(value)
    if factor == max(found["factor"]):
        found |= shape


def missing(best: Any) -> float:
    """What the mean of the best correlations lacks to 1; at least 1e-4, which rounding can hide."""
    return float(max(1.0 - np.mean(best), ROUNDING))


def covered_at(best: Any, times: Sequence[int], steps: int) -> float:
    """Step at which so many nodes are found that the teacher is covered: between probe times along the logarithm of steps.

    Of the nodes that are needed, the one matched worst passes the level there. A run that does not get there has its last step.
    """
    needed = int(np.ceil(COVERED * best.shape[1] - 1e-9))
    last = np.sort(best, axis=1)[:, -needed]
    above = np.flatnonzero(last >= LEVEL)
    if not len(above):
        return float(steps)
    i = int(above[0])
    if not i:
        return float(times[0])
    share = (LEVEL - last[i - 1]) / (last[i] - last[i - 1])
    return float(np.exp((1 - share) * np.log(times[i - 1]) + share * np.log(times[i])))


def learnt_at(best: Any, times: Sequence[int]) -> list[int | None]:
    """First probe time at which each teacher node has a student of correlation 0.9; None where the run ended before."""
    return [
        next((t for t, row in zip(times, best, strict=True) if row[j] >= LEARNT), None)
        for j in range(best.shape[1])
    ]


def order(first: Sequence[float]) -> float:
    """Spearman's correlation of a node's place in the teacher with the time at which it is learnt.

    Nodes that the run never learns are tied, after all others: that is all that is known of them. 0 if all are tied.
    """
    from scipy.stats import rankdata

    ranks, places = rankdata(first), np.arange(len(first))
    return 0.0 if np.ptp(ranks) == 0 else float(np.corrcoef(ranks, places)[0, 1])


def l_shape(values: Any, take: slice, times: Sequence[int]) -> dict[str, Any]:
    """Mean sizes of student nodes by how well they match a teacher node, bin after bin at every third time and the last."""
    best, size = (np.asarray(values[name], float)[take] for name in ("student_correlation", "size"))
    last = len(best) - 1
    frames = sorted({*range(last, -1, -EVERY), 0})
    middles = [(a + b) / 2 for a, b in pairwise(BINS)]
    means: list[float | None] = []
    for at in frames:
        bins = np.clip(np.digitize(best[at], BINS) - 1, 0, len(BINS) - 2)
        means += [float(size[at][bins == b].mean()) if (bins == b).any() else None for b in range(len(middles))]

    def thin(at: int) -> float | None:
        some = best[at] >= LEVEL
        return float(size[at][~some].mean() / size[at][some].mean()) if 0 < some.sum() < len(some) else None

    half = np.argsort(best[0])
    low, high = size[0][half[: len(half) // 2]], size[0][half[len(half) // 2 :]]
    return {
        "size": rounded(means, DIGITS),
        "size_step": [times[at] for at in frames for _ in middles],
        "correlation": rounded(middles * len(frames), DIGITS),
        "thin": thin(-1),
        "thin_first": float(low.mean() / high.mean()) if len(low) else None,
    }


def deep(
    cells: Sequence[Params], found: list[dict[str, Any]], times: Sequence[int], progress: Progress
) -> None:
    """Teachers and students of two hidden layers, for cells whose nodes are equally strong; the others have none."""
    given = shared(cells)
    some = [i for i, cell in enumerate(cells) if cell["decay"] == 0]
    for i, own in enumerate(found):
        if i not in some:
            own |= {name: [None] * len(times) for name in ("deep_gradient", "deep_miss", "deep_loss")}
    if not some:
        return
    m, mine = given["nodes"], [cells[i] for i in some]
    teachers = [
        data.deep_teacher(given["d"], (m, m), given["outputs"], scale=10.0, seed=cell["seed"]) for cell in mine
    ]
    sets = examples(teachers, mine, scale=10.0)
    student = mlp(given["d"], (given["deep_factor"] * m,) * 2, given["outputs"])
    recipe = Recipe(
        given["steps"],
        given["deep_rate"],
        loss="squared",
        batch=given["batch"],
        sampling="replacement",
        probe_at=times,
    )
    starts = [torch_like(student, one, cell["seed"]) for one, cell in zip(teachers, mine, strict=True)]
    runs = trained(student, recipe, mine, teachers, sets, starts, 10.0, progress)
    for i, one in zip(some, runs, strict=True):
        take = slice(-len(times), None)
        best = np.asarray(one.values["teacher_correlation"], float)[take]
        found[i] |= {
            "deep_gradient": rounded(list(one.values["largest_gradient"])[take], DIGITS),
            "deep_miss": rounded(1.0 - best.mean(axis=1), DIGITS),
            "deep_loss": rounded(list(one.values["teacher_loss"])[take], DIGITS),
        }


def torch_like(student: Any, teacher: Any, seed: int) -> Any:
    """The usual random start of a perceptron, with the teacher beside it."""
    import jax

    return Checkpoint(dict(jax.device_get(student.init(jax.random.key(seed)))) | {"teacher": teacher.params})
