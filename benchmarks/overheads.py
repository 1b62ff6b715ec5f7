"""What the laboratory itself costs: probes, the bookkeeping of a cell, resuming, the page.

    python benchmarks/overheads.py [--repeats 3] [--cells 1000] [--done 5000] [--record RUN.json]

- probes: a stack's training with one probe at 30 times in 20,000 steps, over the same without any;
- a cell: ``run_job`` on a study whose work does nothing, one cell a stack and 50 cells a stack, beside a bare loop that
  writes the same bytes to a file of its own;
- resuming: ``make_plan`` on cells that are all stored;
- the page: ``render`` of a stored record, the one of the tests unless another is given.
"""

import json
import sys
import tempfile
from pathlib import Path

import common
import reference
from common import Clock, goal, ratios, spread

RECORD = common.HERE.parent / "tests" / "golden" / "report_record.json"
WIDTH, STACK = 47, 50


# --- in the worker ---


def probe(name, steps, members, n, width=WIDTH):
    """Seconds of a stack's training that carries one probe; ``""`` carries none, ``standard`` the standard ones."""
    import numpy as np

    from overparam.models import mlp
    from overparam.probes import available, standard
    from overparam.training import Member, Recipe, train

    x, y = reference.data(n, members)
    rng = np.random.default_rng(1)
    size = reference.TEST if n == reference.SAMPLES else n
    x_test = rng.standard_normal((size, reference.INPUTS)).astype(np.float32)
    y_test = rng.integers(0, reference.CLASSES, size)
    carried = (
        {"": {}, "standard": standard()}.get(name) if name in ("", "standard") else {name: available()[name]}
    )
    times = max(2, round(reference.PROBES * steps / reference.STEPS)) if carried else 2
    recipe = Recipe(
        steps=steps,
        learning_rate=reference.RATE,
        momentum=reference.MOMENTUM,
        batch=reference.BATCH,
        probes=times,
    )
    network = mlp(reference.INPUTS, (width, width), reference.CLASSES)
    stack = [Member(seed, labels) for seed, labels in enumerate(y)]

    def run():
        with Clock() as clock:
            train(network, recipe, stack, x, x_test, y_test, probes=carried)
        return clock.seconds()

    if (name, steps) not in _WARM:
        _WARM.add((name, steps))
        run()
    return run()


_WARM: set = set()


def probes():
    """Names of all probes."""
    from overparam.probes import available

    return list(available())


def _nothing(cells, report):
    from overparam.core import Outcome

    curve = [round(0.123456 * i, 6) for i in range(30)]
    names = ("step", "test_error", "test_loss", "train_error", "train_loss")
    report(1.0)
    return [Outcome(dict.fromkeys(names, curve)) for _ in cells]


def study(cells):
    """A study that does nothing, with so many cells."""
    from overparam.core import Axis, Claim, Estimate, Source, World, charts, line, profiles
    from overparam.core import study as made

    values = ("step", "test_error", "test_loss", "train_error", "train_loss")
    error, world = line("test_error"), World(("step", (1, 2)), lines={"test_error": ((1, 1), (2, 1))})
    claim = Claim("one", "The error is at most 2.", ("L1",), "none", error.last.at_most(2.0), kind="check",
                  null=(world.but(test_error=((1, 3), (2, 3))),))  # fmt: skip
    return made(
        name="nothing", title="Nothing", question="What does a cell cost?", x="step", claims=(claim,), values=values,
        sources=(Source("none", "none", "https://example.org", "@misc{none}"),),
        axes=(
            Axis("data", "Data set.", str, flag="data"), Axis("width", "Width.", int, low=1, flag="widths"),
            Axis("seed", "Seed.", int, low=0, flag="seeds"),
        ),
        profiles=profiles({"data": "digits", "seed": tuple(range(10))},
                          quick=("nothing", {"width": tuple(range(1, cells // 10 + 1))})),
        work=_nothing, stack_by=("data",), estimate=lambda params: Estimate(1e-3, 1e3), stack_limit=STACK,
        charts=charts({"step": "step"}, error=("Error", "share", {"test_error": "test"})), differences=("it does nothing",),
    )  # fmt: skip


def bookkeeping(cells, stack, plans=1):
    """Seconds of all cells in stacks of so many, of a bare loop that writes the same bytes, and of planning again."""
    from overparam.sweep.environment import environment
    from overparam.sweep.jobs import Job, run_job
    from overparam.sweep.run import make_plan

    found = study(cells)
    environment()  # asks git once a process
    with tempfile.TemporaryDirectory() as folder:
        with Clock() as empty:
            plan = make_plan(found, out=folder, workers=1)
        jobs = [
            Job(i, folder, plan.names[a:b], plan.fingerprints[a:b], plan.cells[a:b])
            for i, (a, b) in enumerate((a, a + stack) for a in range(0, len(plan.cells), stack))
        ]
        with Clock() as written:
            for job in jobs:
                run_job(found, job, lambda event: None)
        files = sorted((Path(folder) / "nothing" / "cells").glob("*.json"))
        contents = [json.loads(path.read_bytes()) for path in files]
        bare = Path(folder) / "bare"
        bare.mkdir()
        with Clock() as loop:
            for path, content in zip(files, contents, strict=True):
                (bare / path.name).write_text(json.dumps(content))
        planned = []
        for _ in range(plans):
            with Clock() as again:
                plan = make_plan(found, out=folder, workers=1)
            planned.append(again.wall)
        if plan.stacks or len(files) != len(plan.cells):
            raise RuntimeError(
                f"{len(files)} of {len(plan.cells)} cells were stored, {len(plan.stacks)} stacks are left"
            )
        size = max(path.stat().st_size for path in files)
    return {
        "cells": len(files), "written": written.wall, "bare": loop.wall, "plans": planned, "first_plan": empty.wall,
        "bytes": size,
    }  # fmt: skip


def page(record):
    """Seconds and bytes of a stored record's page; the first one also loads the chart library."""
    from overparam.report import render

    content = json.loads(Path(record).read_text(encoding="utf-8"))
    with Clock() as clock:
        text = render(content)
    return {**clock.seconds(), "bytes": len(text.encode())}


# --- in the runner ---


def measure_probes(worker, args, repeats):
    """Ratios to training without probes by name of the probe."""
    steps = 200 if args.quick else 2000
    size = {
        "steps": steps,
        "members": 2 if args.quick else reference.MEMBERS,
        "n": 400 if args.quick else reference.SAMPLES,
    }
    names = [*worker.ask("probes"), "standard"]
    bare, carried = {name: [] for name in names}, {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            bare[name].append(worker.ask("probe", name="", **size)["wall"])
            carried[name].append(worker.ask("probe", name=name, **size)["wall"])
    return steps, {name: ratios(bare[name], carried[name]) for name in names}


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--cells", type=int)
    parser.add_argument("--done", type=int)
    parser.add_argument("--record", type=Path, default=RECORD)
    args = parser.parse_args()
    if args.worker:
        common.serve({"probe": probe, "probes": probes, "bookkeeping": bookkeeping, "page": page})
        return
    repeats = common.repeats(args)
    cells, done = args.cells or (50 if args.quick else 1000), args.done or (100 if args.quick else 5000)
    me, core = [sys.executable, __file__, "--worker", "serve"], common.cores()[:1]
    environment = common.describe()
    with common.Children() as children:
        worker = children.start(me, core)
        steps, carried = measure_probes(worker, args, repeats)
        single = [worker.ask("bookkeeping", cells=cells, stack=1) for _ in range(repeats)]
        many = [worker.ask("bookkeeping", cells=cells, stack=STACK) for _ in range(repeats)]
        plans = worker.ask("bookkeeping", cells=done, stack=STACK, plans=repeats)
        pages = [children.start(me, core).ask("page", record=str(args.record)) for _ in range(repeats)]
    goals = [
        goal(f"Training with the standard probes over training without, H = {WIDTH}", carried["standard"], "x",
             at_most=1.3),
        goal("A cell's bookkeeping, one cell a stack", spread(1e3 * r["written"] / r["cells"] for r in single), "ms",
             at_most=10.0),
        goal(f"A cell's bookkeeping, {STACK} cells a stack", spread(1e3 * r["written"] / r["cells"] for r in many), "ms",
             at_most=10.0),
        goal("The same, over writing the same bytes in a bare loop", ratios([r["bare"] for r in many],
             [r["written"] for r in many]), "x"),
        goal(f"Planning a run whose {plans['cells']:,} cells are stored", spread(plans["plans"]), "s"),
        goal("The page of a record, in a fresh process", spread(r["wall"] for r in pages), "s"),
        goal("Its size", spread(r["bytes"] / 1e6 for r in pages), "MB"),
    ]  # fmt: skip
    common.finish(args, {
        "benchmark": "overheads", "title": "What the laboratory itself costs",
        "question": "How much dearer are a probe, a stored cell, a resumed run and a page than doing without?",
        "environment": environment,
        "conditions": {
            "probes": f"MLP 40-{WIDTH}-{WIDTH}-10, {steps:,} steps, 30 probe times in 20,000 steps, one thread",
            "cells": f"{single[0]['cells']:,} cells of {single[0]['bytes']:,} bytes of a study whose work does nothing",
            "repeats": f"{repeats}; wall-clock time",
        },
        "goals": goals,
        "bars": [{"title": "Training with a probe over training without", "unit": "x",
                  "values": [{"label": name, "mine": True, **found} for name, found in carried.items()]}],
        "tables": [{"title": "Training with a probe over training without",
                    "columns": ["probe", "ratio", "lowest", "highest"],
                    "rows": [[name, f["median"], f["low"], f["high"]] for name, f in carried.items()]}],
        "notes": ["Training without probes still measures training loss at the first and the last step."],
    })  # fmt: skip


if __name__ == "__main__":
    main()
