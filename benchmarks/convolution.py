"""Convolutional networks: the trainer against a plain PyTorch loop, default layout and channels_last.

    python benchmarks/convolution.py --peer /path/of/a/python/that/has/torch

Two cases. ``cnn``: two 3x3 convolutions, one 2x2 max pooling and a dense output on 32x32x3 images, batch 128.
``cnn1d``: the three strided convolutions of MNIST-1D on signals of 40 samples, batch 100. Both sides take the same
number of SGD steps with momentum on random data, and evaluate loss and error of the training set before and after.
The trainer trains a stack of members and is divided by their number. All sides are processes of their own on the
same cores, and run in turn: a ratio compares neighbours in time.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
CASES = {
    "cnn": {"width": 32, "n": 512, "batch": 128, "members": 2},
    "cnn1d": {"width": 40, "n": 4000, "batch": 100, "members": 10},
}


def trainer(case, channels, width, n, batch, steps, members):
    import numpy as np

    from overparam.models import cnn, cnn1d
    from overparam.training import Member, Recipe, train

    image, signal = ((width, width, 3), (channels,) * 2), (width, (channels,) * 3)
    network = cnn(*image, 10) if case == "cnn" else cnn1d(*signal, 10)
    recipe = Recipe(steps=steps, learning_rate=0.01, momentum=0.9, batch=batch, probes=2)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, network.inputs)).astype(np.float32)
    stack = [Member(seed, rng.integers(0, 10, n)) for seed in range(members)]
    return lambda: train(network, recipe, stack, x, x[:1], stack[0].y[:1])


def worker(options):
    threads = options.pop("threads")
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    options.pop("layout")
    run = trainer(**options)
    begin = time.perf_counter()
    run()
    print(json.dumps({"first": time.perf_counter() - begin}), flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        run()
        print(json.dumps((time.perf_counter() - begin) / options["steps"] / options["members"]), flush=True)


def started(python, script, options, cores, *flags):
    pin = (lambda: os.sched_setaffinity(0, cores)) if hasattr(os, "sched_setaffinity") else None
    command = [python, str(HERE / script), *flags, json.dumps(options)]
    side = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=pin
    )
    side.stdout.readline()
    return side


def seconds(side):
    side.stdin.write("run\n")
    side.stdin.flush()
    return json.loads(side.stdout.readline())


def compare(case, channels, steps, args):
    options = {"case": case, "channels": channels, "steps": steps, "threads": args.threads, **CASES[case]}
    cores = set(range(args.threads))
    layouts = ("default", "channels_last") if case == "cnn" else ("default",)
    sides = {
        "overparam": started(sys.executable, Path(__file__).name, {**options, "layout": ""}, cores, "--worker")
    }
    for layout in layouts if args.peer else ():
        sides[layout] = started(args.peer, "peers/torch_cnn.py", {**options, "layout": layout}, cores)
    times = {name: [] for name in sides}
    for _ in range(args.repeats):
        for name, side in sides.items():
            times[name].append(seconds(side))
    for side in sides.values():
        side.stdin.close()
        side.wait()
    row = {"case": case, "channels": channels, "ms": {name: 1e3 * median(t) for name, t in times.items()}}
    text = f"{case:6s} {channels:3d} channels  trainer {row['ms']['overparam']:.2f} ms a member and step"
    for layout in list(sides)[1:]:
        ratios = sorted(ours / peer for ours, peer in zip(times["overparam"], times[layout], strict=True))
        row[f"ratio_{layout}"] = ratios
        text += (
            f"; {layout} {row['ms'][layout]:.2f} ms, trainer / peer {median(ratios):.2f}"
            f" ({ratios[0]:.2f} to {ratios[-1]:.2f}, n={len(ratios)})"
        )
    print(text, flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="Python that has torch; without it only the trainer is timed")
    parser.add_argument("--channels", type=int, nargs="*", default=[8, 32, 64], help="of the image network")
    parser.add_argument("--channels1d", type=int, nargs="*", default=[25])
    parser.add_argument(
        "--steps", type=int, default=8, help="of the image network; the other takes 50 times as many"
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2, help="cores and threads of every side")
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args.worker)
        return
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    rows = [compare("cnn", channels, args.steps, args) for channels in args.channels]
    rows += [compare("cnn1d", channels, 50 * args.steps, args) for channels in args.channels1d]
    print(json.dumps({"threads": args.threads, "load_before": load, "rows": rows}))


if __name__ == "__main__":
    main()
