"""Tian's two-layer sweep: students stacked, each with its own teacher and examples, against a plain PyTorch loop a run.

    python benchmarks/teachers.py --peer PYTHON [--quick]

The sweep is 4 widths (1, 2, 5, 10 times the teacher) x 3 teachers (5, 10, 20 nodes) x 6 decays x 32 seeds, each of 100,000
steps of batch 16, drawn with replacement from 10,000 examples in 100 dimensions with 50 targets. One stack holds students of
one shape. A burst of every shape is measured, after compilation and without metrics, and the sweep extrapolated from it. The
peer is what one would write in PyTorch: one run after another, tensors in memory, autograd and torch.optim.SGD. Each has one
core and one thread, and takes turns; times are processor seconds.
"""

import sys
import time

import common

FACTORS, NODES, DECAYS, SEEDS, STEPS = (1, 2, 5, 10), (5, 10, 20), 6, 32, 100_000
INPUTS, OUTPUTS, BATCH, RATE, SCALE = 100, 50, 16, 0.01, 1.5
EXAMPLES = 10_000
STACK = 8  # members; measured: larger stacks fall out of the cache


def ours(nodes, factor, steps, examples, members=STACK):
    """Seconds of a burst of steps of a whole stack, and the losses at its end."""

    from overparam import data
    from overparam.models import mlp
    from overparam.training import Checkpoint, Member, Recipe, train

    width = nodes * factor
    network = mlp(INPUTS, (width,), OUTPUTS)
    teachers = [data.teacher(INPUTS, nodes, OUTPUTS, seed=s) for s in range(members)]
    sets = [one.examples(examples, scale=SCALE, seed=s) for s, one in enumerate(teachers)]
    start = [Checkpoint(student(width, s)) for s in range(members)]
    stack = [Member(s, y, x=x) for s, (x, y) in enumerate(sets)]
    recipe = Recipe(steps, RATE, loss="squared", batch=BATCH, sampling="replacement", probe_at=(steps // 2,))
    told = []
    found = train(
        network, recipe, stack, sets[0][0], sets[0][0][:8], sets[0][1][:8], start=start,
        progress=lambda fraction: told.append((fraction, time.process_time())),
    )  # fmt: skip
    half = max(
        now for fraction, now in told if fraction <= 0.5
    )  # what is compiled is compiled in the first half
    seconds = (max(now for _, now in told) - half) / (steps - steps // 2)
    return {
        "step": seconds / members,
        "fell": all(one.values["train_loss"][-1] < one.values["train_loss"][0] for one in found),
    }


def student(width, seed):
    """Weights N(0, 0.005^2) and biases 0, as published, by numpy so that both sides have the same."""
    import numpy as np

    random = np.random.default_rng((7, width, seed))
    shapes = {"hidden1": (width, INPUTS), "output": (OUTPUTS, width)}
    return {
        name: {
            "weight": (0.005 * random.standard_normal(shape)).astype(np.float32),
            "bias": np.zeros(shape[0], np.float32),
        }
        for name, shape in shapes.items()
    }


def peer(nodes, factor, steps, examples):
    """Seconds a step of one run in PyTorch: an eager loop over the same kind of problem, one thread."""
    import torch

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    width = nodes * factor
    teacher = torch.nn.Sequential(
        torch.nn.Linear(INPUTS, nodes), torch.nn.ReLU(), torch.nn.Linear(nodes, OUTPUTS)
    )
    x = SCALE * torch.randn(examples, INPUTS, generator=generator)
    with torch.no_grad():
        y = teacher(x)
    own = student(width, 0)
    net = torch.nn.Sequential(torch.nn.Linear(INPUTS, width), torch.nn.ReLU(), torch.nn.Linear(width, OUTPUTS))
    with torch.no_grad():
        for layer, name in ((net[0], "hidden1"), (net[2], "output")):
            layer.weight.copy_(torch.from_numpy(own[name]["weight"]))
            layer.bias.copy_(torch.from_numpy(own[name]["bias"]))
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)

    def run(count):
        for _ in range(count):
            rows = torch.randint(examples, (BATCH,), generator=generator)
            optimizer.zero_grad()
            (0.5 * (net(x[rows]) - y[rows]).square().sum(dim=1).mean()).backward()
            optimizer.step()

    run(max(10, steps // 10))
    with common.Clock() as clock:
        run(steps)
    return {"step": clock.cpu / steps, "torch": torch.__version__}


def main():
    args = common.arguments(__doc__).parse_args()
    if args.worker:
        common.serve({"ours": ours, "peer": peer})
        return
    if not args.peer:
        print("no Python with PyTorch was given with --peer")
        sys.exit(common.SKIPPED)
    shapes = [(5, 1), (10, 5)] if args.quick else [(m, f) for m in NODES for f in FACTORS]
    steps, examples, repeats = (
        400 if args.quick else 4000,
        1000 if args.quick else EXAMPLES,
        common.repeats(args),
    )
    environment, core = common.describe(), common.cores()[:1]
    times, fell = {}, True
    with common.Children() as children:
        me, other = (
            children.start([who, __file__, "--worker", "serve"], core) for who in (sys.executable, args.peer)
        )
        for nodes, factor in shapes:
            asked = {"nodes": nodes, "factor": factor, "examples": examples}
            lines = times[nodes, factor] = ([], [])
            for _ in range(repeats):
                mine, theirs = (
                    me.ask("ours", steps=steps, **asked),
                    other.ask("peer", steps=steps // 2, **asked),
                )
                lines[0].append(mine["step"])
                lines[1].append(theirs["step"])
                fell = fell and mine["fell"]
            environment["peers"] = {"torch": theirs["torch"]}
            print(
                f"{nodes} nodes, width {nodes * factor}: {common.shown(common.ratios(*lines), 'x')}", flush=True
            )
    runs = DECAYS * SEEDS * STEPS
    whole = [[runs * sum(line[side][i] for line in times.values()) for i in range(repeats)] for side in (0, 1)]
    minutes = common.spread(seconds / 60 / 2 for seconds in whole[0])
    what = f"{len(shapes)} shapes, {DECAYS} decays, {SEEDS} seeds, {STEPS:,} steps"
    title = "Students and teachers against PyTorch"
    common.finish(args, {
        "benchmark": "teachers", "title": title, "environment": environment,
        "question": "How much sooner does Tian's sweep of teachers and students end when students of one shape are stacked?",
        "goals": [
            common.goal(f"Plain PyTorch loop over ours, {what}", common.ratios(*whole), "x"),
            common.goal(f"Minutes on two cores, {what}", minutes, "min", at_most=60.0),
        ],
        "conditions": {
            "problem": f"students {INPUTS}-n-{OUTPUTS}, SGD {RATE}, batch {BATCH} with replacement, {examples:,} examples each",
            "ours": f"stacks of {STACK}, each member with its own teacher and examples, one thread",
            "peer": "one run after another, tensors in memory, one thread",
            "repeats": f"{repeats}, in turns; processor seconds after compilation, without metrics; the sweep is extrapolated",
        },
        "bars": [{"title": "Times faster than the plain loop, by shape", "unit": "x", "values": [
            {"label": f"{m} nodes, width {m * f}", "mine": True, **common.ratios(*lines)} for (m, f), lines in times.items()
        ]}],
        "tables": [{"title": "Microseconds a run and step", "columns": ["teacher", "student", "ours", "PyTorch"], "rows": [
            [m, m * f, *(1e6 * common.spread(line)["median"] for line in lines)] for (m, f), lines in times.items()
        ]}],
        "notes": [] if fell else ["a loss did not fall: the bursts are too short to say anything"],
    })  # fmt: skip


if __name__ == "__main__":
    main()
