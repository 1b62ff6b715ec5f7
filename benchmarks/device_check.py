"""Whether a device computes what a CPU does, how fast it trains stacks, and how large a stack may be.

    python benchmarks/device_check.py [--small] [--limit SECONDS] [--peer PYTHON-WITH-TORCH] [--out benchmarks/results]

1. Stacks of MLPs as the demo has them (40-H-H-10, minibatches of 100, momentum) are trained on the device and, in a child
   process, on the CPU. Training losses after 200 steps may differ by 1e-3 of their size: float32, another order of sums.
2. Whole training steps at widths 8 to 4,096 against a plain PyTorch loop on the same device, eager and compiled.
3. The largest stack that trains: members are doubled until memory is short or time is up.

``--small`` takes sizes for a CPU. Without PyTorch on the device the second part has our times alone.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import common
import families

BATCH, CLOSE = 100, 1e-3


def losses(widths, steps, members):
    """Mean training loss of every member after some steps, by width."""
    import numpy as np

    from overparam.models import mlp
    from overparam.training import Member, Recipe, train

    rng, found = np.random.default_rng(0), {}
    x = rng.standard_normal((400, 40)).astype(np.float32)
    labels = rng.integers(0, 10, (members, 400))
    recipe = Recipe(steps=steps, learning_rate=0.05, momentum=0.9, batch=BATCH, probes=2)
    for width in widths:
        stack = [Member(seed, y) for seed, y in enumerate(labels)]
        runs = train(mlp(40, (width, width), 10), recipe, stack, x, x[:10], labels[0][:10])
        found[str(width)] = [float(run.values["train_loss"][-1]) for run in runs]
    return found


def agreement(widths, steps, members):
    """Rows of width, loss here, loss on a CPU, largest relative difference."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    request = json.dumps({"widths": list(widths), "steps": steps, "members": members})
    command = [sys.executable, __file__, "--worker", request]
    other = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    here = losses(widths, steps, members)
    told = other.communicate()[0]
    if other.returncode:
        raise SystemExit("the child on the CPU failed; its message is above")
    there = json.loads(told.splitlines()[-1])
    rows = []
    for width in map(str, widths):
        apart = max(abs(a - b) / abs(b) for a, b in zip(here[width], there[width], strict=True))
        rows.append([int(width), here[width][0], there[width][0], apart])
    return rows


def largest(width, most, until):
    """Members of the largest stack that trained, doubling; and whether memory was what ended it."""
    members, fits = 64, 0
    while members <= most and time.monotonic() < until:
        try:
            families.seconds(1, members, name="mlp", width=width, size=32, batch=BATCH, form="stack")
        except Exception as error:  # the runtime's own class has no public name
            if "RESOURCE_EXHAUSTED" not in str(error) and "out of memory" not in str(error).lower():
                raise
            return fits, True
        finally:
            families.steps_of.cache_clear()
        fits, members = members, 2 * members
    return fits, False


def compared(args, peer, until):
    """Rows of width, members, microseconds a member and step: ours, PyTorch eager, compiled."""
    rows = []
    for width in (8, 32) if args.small else (8, 32, 128, 512, 1024, 4096):
        if time.monotonic() > until:
            break
        members = 10 if args.small else max(2, min(256, 65_536 // width))
        options = {"name": "mlp", "width": width, "size": 32, "batch": BATCH}
        ours = families.seconds(10 if args.small else 50, members, **options)["wall"]
        times = [1e6 * ours]
        for compiled in (False, True):
            asked = {"threads": len(common.cores()), "steps": 50, "layout": "default", "compiled": compiled}
            found = peer.ask("seconds", device="auto", **options, **asked) if peer else None
            times.append(1e6 * found["wall"] if found else None)
        rows.append([width, members, *times])
        print(f"H = {width}, {members} members: {common.number(times[0])} us a member and step", flush=True)
    return rows


def main():
    parser = common.arguments(__doc__, repeats=1)
    parser.add_argument("--small", action="store_true", help="sizes for a CPU")
    parser.add_argument("--limit", type=float, default=480.0, help="seconds after which nothing new is begun")
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(losses(**json.loads(args.worker))))
        return
    args.small = args.small or args.quick
    import jax

    device, begun, notes = jax.devices()[0], time.monotonic(), []
    print(f"device: {device.device_kind} ({device.platform})", flush=True)
    cells = agreement(*(((8, 32), 50, 2) if args.small else ((8, 47, 300), 200, 10)))
    worst = max(row[-1] for row in cells)
    goals = [common.goal("Largest relative difference of training losses from a CPU's", common.spread([worst]), "",
                         at_most=CLOSE)]  # fmt: skip
    with common.Children() as children:
        peer = None
        if args.peer:
            script = str(Path(__file__).with_name("peer_torch_families.py"))
            peer = children.start([args.peer, script], common.cores())
        else:
            notes.append("PyTorch was not given (--peer PYTHON): our times alone.")
        environment = common.describe(peer.ask("versions") if peer else None)
        rows = compared(args, peer, begun + 0.6 * args.limit)
    for row in rows:
        for name, other in zip(("eager", "compiled"), row[3:], strict=True):
            if other is not None:
                ratio = common.spread([other / row[2]])
                goals.append(common.goal(f"PyTorch {name} over ours, H = {row[0]}", ratio, "x"))
    fits, short = largest(16 if args.small else 512, 64 if args.small else 1 << 20, begun + 0.9 * args.limit)
    goals.append(common.goal("Members of the largest stack that trained", common.spread([fits]), ""))
    if not short:
        notes.append("The largest stack was ended by the time or size allowed, not by memory.")
    environment["device"] = f"{device.device_kind} ({device.platform})"
    notes.append(f"Device: {environment['device']}; {time.monotonic() - begun:.0f} s in all.")
    common.finish(args, {
        "benchmark": "device_check", "title": f"Device check: {device.device_kind}", "environment": environment,
        "goals": goals, "question": "Does this device compute what a CPU does, and how fast?",
        "conditions": {
            "agreement": f"MLPs 40-H-H-10 on random labels; at most {CLOSE:g} of the loss",
            "speed": "whole steps, batch 100, SGD with momentum; PyTorch trains one network at a time",
        },
        "bars": [],
        "tables": [
            {"title": "Training loss, first member", "columns": ["H", "device", "CPU", "largest difference"], "rows": cells},
            {"title": "Microseconds a member and step", "rows": rows,
             "columns": ["H", "members", "ours", "PyTorch eager", "PyTorch compiled"]},
        ],
        "notes": notes,
    })  # fmt: skip


if __name__ == "__main__":
    main()
