"""Convolutional networks: the trainer against a plain PyTorch loop, default layout and channels_last.

    python benchmarks/convolution.py --peer PYTHON-WITH-TORCH [--channels 8 32 64] [--families conv2:64 resnet:8] [--threads 2]

Families: whole training steps (forward, backward, SGD with momentum) of Conv2, Conv4, Conv6 (64, 128, 256 channels, batch
60) and of ResNet-18 of width k (batch 128) on 32x32x3 images, without probes. ``--full`` adds ResNets up to width 64, and
``--families NAME:WIDTH`` takes others. Conv6 and ResNets whose last stage has 128 channels or more are named apart.

Two cases with the trainer's evaluations.
``cnn``: two 3x3 convolutions, one 2x2 max pooling and a dense output on 32x32x3 images, batch 128.
``cnn1d``: the three strided convolutions of MNIST-1D on signals of 40 samples, batch 100. Both sides take the same
number of SGD steps with momentum on random data, and evaluate loss and error of the training set before and after.
The trainer trains a stack of members and is divided by their number. All sides are processes of their own on the
same cores, and take turns: a ratio compares neighbours in time.
"""

import sys
from pathlib import Path

import common
import families

FAMILIES = ("conv2:64", "conv4:64", "conv6:64", "resnet:8", "resnet:16", "resnet:32")
WIDER = ("resnet:64",)
BATCH = {"conv": 60, "resnet": 128}
CASES = {
    "cnn": {"width": 32, "n": 512, "batch": 128, "members": 2},
    "cnn1d": {"width": 40, "n": 4000, "batch": 100, "members": 10},
}
NAMES = {"cnn": "3x3 on images", "cnn1d": "on signals (MNIST-1D)"}
LONGER = 50  # steps of the signals over those of the images
warm = {}


def timed(case, channels, width, n, batch, steps, members):
    """Seconds a member and step of the trainer, after one run that is not counted."""
    key = (case, channels, steps)
    if key not in warm:
        warm[key] = problem(case, channels, width, n, batch, steps, members)
        warm[key]()
    with common.Clock() as clock:
        warm[key]()
    return clock.wall / steps / members


def problem(case, channels, width, n, batch, steps, members):
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


def compare(me, peer, case, channels, steps, repeats, threads):
    """Seconds a member and step of every side, repeat by repeat."""
    options = {"case": case, "channels": channels, "steps": steps, **CASES[case]}
    layouts = ("default", "channels_last") if case == "cnn" else ("default",)
    sides = {"overparam": lambda: me.ask("timed", **options)} | {
        layout: lambda layout=layout: peer.ask("timed", threads=threads, layout=layout, **options)
        for layout in layouts
    }
    times = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            times[name].append(run())
    return times


def family(me, peer, case, repeats, threads, quick):
    """Seconds a step of every side on a family, repeat by repeat."""
    name, width = case.split(":")
    batch = 4 if quick else BATCH["resnet" if name == "resnet" else "conv"]
    options = {"name": name, "width": int(width), "size": 32, "batch": batch, "steps": 1 if quick else 2}
    sides = {"overparam": lambda: me.ask("seconds", members=1, **options)} | {
        layout: lambda layout=layout: peer.ask("seconds", threads=threads, layout=layout, **options)
        for layout in ("default", "channels_last")
    }
    times = {side: [] for side in sides}
    for _ in range(repeats):
        for side, run in sides.items():
            times[side].append(run()["wall"])
    return times


def record(name, times, goals, rows, values):
    """Ratios, bars and times of one network."""
    found = {
        side: common.ratios(line, times["overparam"]) for side, line in times.items() if side != "overparam"
    }
    goals.append(common.goal(f"The trainer over PyTorch, {name}", found["default"], "x", at_most=1.0))
    if "channels_last" in found:
        text = f"The trainer over PyTorch with channels_last, {name}"
        goals.append(common.goal(text, found["channels_last"], "x"))
    values.append({"label": name, "mine": True, **found["default"]})
    middle = {side: 1e3 * common.spread(line)["median"] for side, line in times.items()}
    rows.append([name, *(middle.get(side) for side in ("overparam", "default", "channels_last"))])
    print(f"{name}: " + common.shown(found["default"], "x"), flush=True)


def described(case):
    """A family's name for a person; where 128 channels or more stand, they are named."""
    name, width = case.split(":")
    most = int(width) * (8 if name == "resnet" else 2 ** (int(name[4:]) // 2 - 1))
    kind = f"ResNet-18 of width {width}" if name == "resnet" else f"{name.capitalize()} from {width} channels"
    return f"{kind} (up to {most} channels)" if most >= 128 else kind


def main():
    parser = common.arguments(__doc__, repeats=5)
    parser.add_argument("--channels", type=int, nargs="*", help="of the image network (default 8 32 64)")
    parser.add_argument("--families", nargs="*", help=f"families and widths (default {' '.join(FAMILIES)})")
    parser.add_argument("--channels1d", type=int, nargs="*", help="of the signal network (default 25)")
    parser.add_argument(
        "--steps", type=int, help=f"of the images (default 4); the signals take {LONGER} times more"
    )
    parser.add_argument("--threads", type=int, default=min(2, len(common.cores())), help="cores of every side")
    args = parser.parse_args()
    if args.worker:
        common.serve({"timed": timed, "seconds": families.seconds})
        return
    if not args.peer:
        common.skip(
            "convolution needs PyTorch: give --peer PYTHON, or run `make bench`, which installs peers.txt"
        )
    on, steps, repeats = (
        common.cores()[: args.threads],
        args.steps or (1 if args.quick else 4),
        common.repeats(args),
    )
    cases = [
        ("cnn", c) for c in ([4] if args.quick else [8, 32, 64] if args.channels is None else args.channels)
    ]
    cases += [
        ("cnn1d", c) for c in ([4] if args.quick else [25] if args.channels1d is None else args.channels1d)
    ]
    usual = ("conv2:4", "resnet:2") if args.quick else FAMILIES + (WIDER if args.full else ())
    wanted = usual if args.families is None else args.families
    goals, rows, values = [], [], []
    with common.Children() as children:
        me = children.start([sys.executable, __file__, "--worker", "serve"], on)
        peer = children.start([args.peer, str(Path(__file__).with_name("peer_torch_cnn.py"))], on)
        other = children.start([args.peer, str(Path(__file__).with_name("peer_torch_families.py"))], on)
        environment = common.describe(peer.ask("versions"))
        for case in wanted:
            times = family(me, other, case, repeats, args.threads, args.quick)
            record(described(case), times, goals, rows, values)
        for case, channels in cases:
            taken = steps * (LONGER if case == "cnn1d" and not args.quick else 1)
            times = compare(me, peer, case, channels, taken, repeats, args.threads)
            name = f"{NAMES[case]}, {channels} channels"
            record(name, times, goals, rows, values)
    title = "Convolutional networks: the trainer over a plain PyTorch loop"
    common.finish(args, {
        "benchmark": "convolution", "title": title, "environment": environment, "goals": goals,
        "question": "Does a convolutional network train as fast as in PyTorch on the same cores?",
        "conditions": {
            "families": "whole steps on 32x32x3 images, SGD with momentum, one member, 2 steps a repeat",
            "problem": "two 3x3 convolutions and a pool on 32x32x3 images, batch 128; three strided convolutions on "
            "signals of 40 samples, batch 100; random data, SGD with momentum",
            "ours": "stacks of 2 (images) and 10 (signals) members, divided by their number",
            "peer": "a plain loop with tensors in memory (peer_torch_cnn.py)",
            "repeats": f"{repeats} runs of {steps} steps (signals {steps * LONGER}) between two evaluations of the "
            f"training set, in turns; wall-clock time on {args.threads} cores",
        },
        "bars": [{"title": title, "unit": "x", "values": values}],
        "tables": [{"title": "Milliseconds a member and step (median)", "rows": rows,
                    "columns": ["network", "trainer", "PyTorch", "PyTorch, channels_last"]}],
        "notes": [],
    })  # fmt: skip


if __name__ == "__main__":
    main()
