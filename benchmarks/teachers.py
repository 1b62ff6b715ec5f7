"""Tian's two-layer sweep: students that share their examples stacked, against a plain PyTorch loop a run.

    python benchmarks/teachers.py --peer PYTHON [--quick]

The sweep is 4 widths (1, 2, 5, 10 times the teacher) x 3 teachers (5, 10, 20 nodes) x 6 decays x 32 seeds, each of 100,000
steps of batch 16, drawn with replacement from 10,000 examples in 100 dimensions with 50 targets. One stack holds the six
decays of a seed, as the study teacher-student has them: they see the same examples in the same order, and have teachers, and
targets, of their own. A burst of every shape is measured after compilation, and the sweep extrapolated from it: the steps, and
apart from them the study's metrics at 40 times. The peer is what one would write in PyTorch: one run after another, tensors in
memory, autograd and torch.optim.SGD, without metrics. Each has one core and one thread, and takes turns; times are processor
seconds. The sweep on two cores is two such processes.
"""

import sys
import time
from statistics import median

import common

FACTORS, NODES, DECAYS, SEEDS, STEPS = (1, 2, 5, 10), (5, 10, 20), (0.0, 0.5, 1.0, 1.5, 2.0, 2.5), 32, 100_000
INPUTS, OUTPUTS, BATCH, RATE, SCALE = 100, 50, 16, 0.01, 1.5
EXAMPLES, TESTED = 10_000, 2_000
SEGMENT = 500  # steps from one report of progress to the next
LOOKS, TIMES = 5, 40  # probe times of a burst, and of the study


def ours(nodes, factor, steps, examples):
    """Processor seconds of a step and of a look at the metrics, a member, and whether all losses fell."""
    import numpy as np

    from overparam import data
    from overparam.models import holding, mlp
    from overparam.probes import recovery
    from overparam.training import Checkpoint, Member, Recipe, train

    width = nodes * factor
    plain = mlp(INPUTS, (width,), OUTPUTS)
    teachers = [data.teacher(INPUTS, nodes, OUTPUTS, decay=p, seed=0) for p in DECAYS]
    x, _ = teachers[0].examples(examples, scale=SCALE)
    start = [Checkpoint(student(width, 0) | {"teacher": one.params}) for one in teachers]
    stack = [
        Member(0, one.targets(x).astype(np.float32), x=x, state={"teacher": one.params}) for one in teachers
    ]
    looks = tuple(SEGMENT * (i + 1) for i in range(LOOKS))
    recipe = Recipe(steps, RATE, loss="squared", batch=BATCH, sampling="replacement", probe_at=looks)
    told = {}
    found = train(
        holding(plain, teacher=teachers[0].params), recipe, stack, x, *teachers[0].examples(TESTED, scale=SCALE, tag="test"),
        probes={"recovery": recovery(plain)}, start=start,
        progress=lambda fraction: told.setdefault(round(fraction * steps), (time.process_time(), time.perf_counter())),
    )  # fmt: skip
    # from report to report there are 500 steps, and after a probe time a look before them
    between = {at: told[at][0] - told[at - SEGMENT][0] for at in told if at - SEGMENT in told}
    first = looks[-1] + SEGMENT
    cpu, wall = (end - begin for begin, end in zip(told[first], told[steps], strict=True))
    step = cpu / (steps - first)
    look = median(took for at, took in between.items() if at - SEGMENT in looks[1:]) - SEGMENT * step
    return {
        "step": step / len(stack),
        "look": look / len(stack),
        "slowness": wall / cpu,
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
    steps, examples = 4500 if args.quick else 10_000, 1000 if args.quick else EXAMPLES
    repeats = common.repeats(args)
    environment, core = common.describe(), common.cores()[:1]
    times, fell, slowness = {}, True, []
    with common.Children() as children:
        me, other = (
            children.start([who, __file__, "--worker", "serve"], core) for who in (sys.executable, args.peer)
        )
        for nodes, factor in shapes:
            asked = {"nodes": nodes, "factor": factor, "examples": examples}
            lines = times[nodes, factor] = ([], [], [])
            for _ in range(repeats):
                mine = me.ask("ours", steps=steps, **asked)
                theirs = other.ask("peer", steps=steps // 4, **asked)
                for line, value in zip(lines, (mine["step"], theirs["step"], mine["look"]), strict=True):
                    line.append(value)
                fell = fell and mine["fell"]
                slowness.append(mine["slowness"])
            environment["peers"] = {"torch": theirs["torch"]}
            print(
                f"{nodes} nodes, width {nodes * factor}: {common.shown(common.ratios(*lines[:2]), 'x')}",
                flush=True,
            )
    runs = len(DECAYS) * SEEDS
    steps_of, plain, looks_of = (
        [runs * many * sum(line[side][i] for line in times.values()) for i in range(repeats)]
        for side, many in enumerate((STEPS, STEPS, TIMES))
    )
    minutes = common.spread(seconds / 60 / 2 for seconds in steps_of)
    measured = common.spread((a + b) / 60 / 2 for a, b in zip(steps_of, looks_of, strict=True))
    what = f"{len(shapes)} shapes, {len(DECAYS)} decays, {SEEDS} seeds, {STEPS:,} steps"
    title = "Students and teachers against PyTorch"
    common.finish(args, {
        "benchmark": "teachers", "title": title, "environment": environment,
        "question": "How much sooner does Tian's sweep of teachers and students end when those that share examples are stacked?",
        "goals": [
            common.goal(f"Plain PyTorch loop over ours, {what}", common.ratios(steps_of, plain), "x"),
            common.goal(f"Minutes on two cores, {what}", minutes, "min", at_most=60.0),
            common.goal(f"The same with the study's metrics at {TIMES} times", measured, "min", at_most=60.0),
        ],
        "conditions": {
            "problem": f"students {INPUTS}-n-{OUTPUTS}, SGD {RATE}, batch {BATCH} with replacement, {examples:,} examples each",
            "ours": f"stacks of {len(DECAYS)}: the decays of a seed, which share examples and their order; one thread",
            "peer": "one run after another, tensors in memory, one thread, no metrics",
            "repeats": f"{repeats}, in turns; processor seconds after compilation; the sweep is extrapolated to two processes",
        },
        "bars": [{"title": "Times faster than the plain loop, by shape", "unit": "x", "values": [
            {"label": f"{m} nodes, width {m * f}", "mine": True, **common.ratios(*lines[:2])} for (m, f), lines in times.items()
        ]}],
        "tables": [{
            "title": "Microseconds a run and step; milliseconds a run and look at the metrics",
            "columns": ["teacher", "student", "ours", "PyTorch", "a look of ours"], "rows": [
                [m, m * f, *(unit * common.spread(line)["median"] for unit, line in zip((1e6, 1e6, 1e3), lines, strict=True))]
                for (m, f), lines in times.items()
            ]}],
        "notes": common.busy(slowness) + ([] if fell else ["A loss did not fall: the bursts are too short to say anything."]),
    })  # fmt: skip


if __name__ == "__main__":
    main()
