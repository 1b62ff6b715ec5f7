"""What the trainer costs beyond a bare loop: ratio of their times, alternating, one core and one thread each.

    python benchmarks/trainer_overhead.py --widths 16 47 104 --repeats 3

Both train ten MLPs 40-H-H-10 on the same random data (n = 4,000) for the same number of steps; see
bare_loop.py. The trainer also carries its standard probes: 30 log-spaced times over 20,000 steps, on 4,000 training
and 12,000 test examples; a shorter run has proportionally fewer times. Times are processor seconds of one core, so
that a busy neighbour counts less. Compilation is left out of the ratio and shown beside it.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import common

HERE = common.HERE
FULL_STEPS, FULL_PROBES, TEST = 20_000, 30, 12_000


def trainer(width: int, steps: int, members: int, n: int) -> dict[str, float]:
    import bare_loop
    import numpy as np

    from overparam.models import mlp
    from overparam.probes import standard
    from overparam.training import Member, Recipe, train

    x, y = bare_loop.data(n, members)
    rng = np.random.default_rng(1)
    x_test = rng.standard_normal((TEST, x.shape[1])).astype(np.float32)
    y_test = rng.integers(0, bare_loop.CLASSES, TEST)
    network = mlp(bare_loop.INPUTS, (width, width), bare_loop.CLASSES)
    recipe = Recipe(
        steps=steps,
        learning_rate=bare_loop.RATE,
        momentum=bare_loop.MOMENTUM,
        batch=bare_loop.BATCH,
        probes=max(2, round(FULL_PROBES * steps / FULL_STEPS)),
    )
    stack = [Member(seed, labels) for seed, labels in enumerate(y)]

    marks = [time.process_time()]
    for _ in range(2):  # the first run compiles; the second has nothing left to compile
        train(network, recipe, stack, x, x_test, y_test, probes=standard())
        marks.append(time.process_time())
    return {"first": marks[1] - marks[0], "seconds": marks[2] - marks[1]}


def apart(script: str, core: int, **options: int) -> dict[str, float]:
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, str(HERE / script), *words]
    if script == Path(__file__).name:
        command += ["--worker", "once"]
    environment = {**os.environ, "XLA_FLAGS": common.ONE_THREAD, "OMP_NUM_THREADS": "1"}
    pin = (lambda: os.sched_setaffinity(0, {core})) if hasattr(os, "sched_setaffinity") else None
    done = subprocess.run(command, env=environment, preexec_fn=pin, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--widths", type=int, nargs="+")
    for name, default in (("width", 47), ("members", 10), ("n", 4000), ("core", common.cores()[0])):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--steps", type=int)
    args = parser.parse_args()
    steps = args.steps or (200 if args.quick else FULL_STEPS)
    if args.worker:
        print(json.dumps(trainer(args.width, steps, args.members, args.n)))
        return
    environment = common.describe()
    shared = {"steps": steps, "members": args.members, "n": args.n}
    goals, rows, bars = [], [], []
    for width in args.widths or ([16] if args.quick else [16, 47, 104]):
        bare, ours = [], []
        for _ in range(common.repeats(args)):
            bare.append(apart("bare_loop.py", args.core, width=width, **shared))
            ours.append(apart(Path(__file__).name, args.core, width=width, **shared))
        ratio = common.ratios([b["seconds"] for b in bare], [o["seconds"] for o in ours])
        scale = 1e6 / steps / args.members
        compilation = median(o["first"] - o["seconds"] for o in ours)
        rows.append(
            [width, *(median(line["seconds"] for line in side) * scale for side in (bare, ours)), compilation]
        )
        goals.append(common.goal(f"The trainer over a bare loop in JAX, H = {width}", ratio, "x", at_most=1.3))
        bars.append({"label": f"H = {width}", "mine": True, **ratio})
        print(f"H = {width}: {common.shown(ratio, 'x')}", flush=True)
    title = "The trainer over a bare loop in JAX"
    common.finish(args, {
        "benchmark": "trainer_overhead", "title": title, "environment": environment, "goals": goals,
        "question": "What do probes, orders keyed by seed and a general recipe cost beyond the least code that trains?",
        "conditions": {
            "problem": f"MLPs 40-H-H-10, random data, n = {args.n:,}, {steps:,} steps, {args.members} members",
            "ours": "standard probes at 30 times in 20,000 steps, on the training set and 12,000 examples",
            "repeats": f"{common.repeats(args)}, fresh processes in turns; processor seconds of one core, "
            "after compilation",
        },
        "bars": [{"title": title, "unit": "x", "values": bars}],
        "tables": [{"title": "Microseconds a member-step, and seconds of compilation", "rows": rows,
                    "columns": ["H", "bare loop", "trainer", "compilation, s"]}],
        "notes": [],
    })  # fmt: skip


if __name__ == "__main__":
    main()
