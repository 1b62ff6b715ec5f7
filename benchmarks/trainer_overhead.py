"""What the trainer costs beyond a bare loop: ratio of their times, alternating, one core and one thread each.

    python benchmarks/trainer_overhead.py --widths 16 47 104 --repeats 3

Both train ten MLPs 40-H-H-10 on the same random data (n = 4,000) for the same number of steps; see
bare_loop.py. The trainer also carries its standard probes: 30 log-spaced times over 20,000 steps, on 4,000 training
and 12,000 test examples; a shorter run has proportionally fewer times. Times are processor seconds of one core, so
that a busy neighbour counts less. Compilation is left out of the ratio and shown beside it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
FULL_STEPS, FULL_PROBES, TEST = 20_000, 30, 12_000
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


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
        command.append("--worker")
    environment = {**os.environ, "XLA_FLAGS": ONE_THREAD, "OMP_NUM_THREADS": "1"}
    pin = (lambda: os.sched_setaffinity(0, {core})) if hasattr(os, "sched_setaffinity") else None
    done = subprocess.run(command, env=environment, preexec_fn=pin, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 47, 104])
    for name, default in (("width", 47), ("steps", FULL_STEPS), ("members", 10), ("n", 4000), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(trainer(args.width, args.steps, args.members, args.n)))
        return
    shared = {"steps": args.steps, "members": args.members, "n": args.n}
    rows = []
    for width in args.widths:
        bare, ours = [], []
        for _ in range(args.repeats):
            bare.append(apart("bare_loop.py", args.core, width=width, **shared))
            ours.append(apart(Path(__file__).name, args.core, width=width, **shared))
        ratios = [b["seconds"] / a["seconds"] for a, b in zip(bare, ours, strict=True)]
        scale = 1e6 / args.steps / args.members
        row = {
            "width": width,
            "ratio": median(ratios),
            "ratios": ratios,
            "bare_us_per_member_step": median(b["seconds"] for b in bare) * scale,
            "trainer_us_per_member_step": median(o["seconds"] for o in ours) * scale,
            "trainer_first_run_extra_seconds": median(o["first"] - o["seconds"] for o in ours),
        }
        rows.append(row)
        print(
            f"H={width:4d}  ratio {row['ratio']:.2f} ({min(ratios):.2f} to {max(ratios):.2f}, n={len(ratios)})"
            f"  bare {row['bare_us_per_member_step']:.1f}, trainer {row['trainer_us_per_member_step']:.1f}"
            f" us/member-step  compilation {row['trainer_first_run_extra_seconds']:.1f} s"
        )
    print(json.dumps({"machine": platform.processor() or platform.machine(), **shared, "rows": rows}))


if __name__ == "__main__":
    main()
