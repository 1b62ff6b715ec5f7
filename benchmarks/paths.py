"""A straight path of 61 networks of three hidden layers: loss and error at every point, against a plain PyTorch loop.

    python benchmarks/paths.py --peer PYTHON [--quick]

Both sides have the same two networks 784-512-512-512-10 and the same 10,000 examples, one core and one thread, and take turns.
The loop is what one would write in PyTorch: for every point the state is interpolated and loaded, and the examples go through
under no_grad in batches of 1,000. Ours is ``along(straight(...))`` after its first call, losses of every example kept. That both
find the same losses is checked.
"""

import sys

import common

WIDTHS, INPUTS, OUTPUTS, POINTS, EXAMPLES, BATCH = (512, 512, 512), 784, 10, 61, 10_000, 1_000


def problem(points, examples):
    """Both networks by numpy, so that both sides have the same, and the examples."""
    import numpy as np

    sizes = (INPUTS, *WIDTHS, OUTPUTS)
    names = [*(f"hidden{i + 1}" for i in range(len(WIDTHS))), "output"]
    ends = []
    for seed in (0, 1):
        random = np.random.default_rng((11, seed))
        ends.append({
            name: {
                "weight": (random.standard_normal((wide, inner)) * (2 / inner) ** 0.5).astype(np.float32),
                "bias": (0.1 * random.standard_normal(wide)).astype(np.float32),
            }
            for name, inner, wide in zip(names, sizes[:-1], sizes[1:], strict=True)
        })  # fmt: skip
    random = np.random.default_rng(12)
    x = random.standard_normal((examples, INPUTS)).astype(np.float32)
    y = random.integers(0, OUTPUTS, examples).astype(np.int64)
    return ends, x, y, np.linspace(0.0, 1.0, points)


def ours(points, examples):
    """Seconds of one path, and its losses."""
    from overparam.models import mlp
    from overparam.probes.paths import along, straight

    (a, b), x, y, _ = problem(points, examples)
    network = mlp(INPUTS, WIDTHS, OUTPUTS)
    path = straight(network, a, b, points)
    if not ours.ready:  # compiled once, as for every further path of a study
        along(path, x, y)
        ours.ready = True
    with common.Clock() as clock:
        found = along(path, x, y)
    return {**clock.seconds(), "loss": found.loss.tolist(), "error": found.error.tolist()}


ours.ready = False


def peer(points, examples):
    """Seconds of the plain loop, and its losses."""
    import torch

    torch.set_num_threads(1)
    (a, b), x, y, places = problem(points, examples)
    layers, last = [], INPUTS
    for wide in WIDTHS:
        layers += [torch.nn.Linear(last, wide), torch.nn.ReLU()]
        last = wide
    net = torch.nn.Sequential(*layers, torch.nn.Linear(last, OUTPUTS)).eval()

    def state(params):
        return {
            f"{2 * i}.{name}": torch.from_numpy(array)
            for i, layer in enumerate(params.values())
            for name, array in layer.items()
        }

    first, second = state(a), state(b)
    examples_in, labels = torch.from_numpy(x), torch.from_numpy(y)

    def run(count):
        losses, errors = [], []
        with torch.no_grad():
            for t in places[:count].tolist():
                net.load_state_dict({name: (1 - t) * first[name] + t * second[name] for name in first})
                loss = wrong = 0.0
                for at in range(0, len(labels), BATCH):
                    outputs, aims = net(examples_in[at : at + BATCH]), labels[at : at + BATCH]
                    loss += float(torch.nn.functional.cross_entropy(outputs, aims, reduction="sum"))
                    wrong += float((outputs.argmax(1) != aims).sum())
                losses.append(loss / len(labels))
                errors.append(wrong / len(labels))
        return losses, errors

    run(2)
    with common.Clock() as clock:
        losses, errors = run(points)
    return {**clock.seconds(), "loss": losses, "error": errors, "torch": torch.__version__}


def main():
    args = common.arguments(__doc__).parse_args()
    if args.worker:
        common.serve({"ours": ours, "peer": peer})
        return
    if not args.peer:
        print("no Python with PyTorch was given with --peer")
        sys.exit(common.SKIPPED)
    asked = {"points": 5 if args.quick else POINTS, "examples": 1000 if args.quick else EXAMPLES}
    repeats, environment, core = common.repeats(args), common.describe(), common.cores()[:1]
    mine, theirs, gap, apart = [], [], 0.0, 0.0
    with common.Children() as children:
        me, other = (
            children.start([who, __file__, "--worker", "serve"], core) for who in (sys.executable, args.peer)
        )
        for _ in range(repeats):
            mine.append(me.ask("ours", **asked))
            theirs.append(other.ask("peer", **asked))
            pairs = list(zip(mine[-1]["loss"], theirs[-1]["loss"], strict=True))
            gap = max(gap, *(abs(a - b) / b for a, b in pairs))
            apart = max(
                apart, *(abs(a - b) for a, b in zip(mine[-1]["error"], theirs[-1]["error"], strict=True))
            )
            print(f"{mine[-1]['cpu']:.2f} s against {theirs[-1]['cpu']:.2f} s of processor", flush=True)
    environment["peers"] = {"torch": theirs[-1]["torch"]}
    sides = {kind: [[one[kind] for one in side] for side in (mine, theirs)] for kind in ("cpu", "wall")}
    what = f"{asked['points']} points, {asked['examples']:,} examples"
    ratio = {kind: common.ratios(*reversed(pair)) for kind, pair in sides.items()}
    common.finish(args, {
        "benchmark": "paths", "title": "A path of networks against PyTorch", "environment": environment,
        "question": "Does a path of 61 networks cost no more than a PyTorch loop over the same networks?",
        "goals": [
            common.goal(f"Ours over a plain PyTorch loop, processor time, {what}", ratio["cpu"], "x", at_most=1.0),
            common.goal(f"The same by the clock, {what}", ratio["wall"], "x", at_most=1.0),
        ],
        "conditions": {
            "problem": f"two networks {INPUTS}-512-512-512-{OUTPUTS}, ReLU, cross-entropy and error at every point",
            "ours": "along(straight(...)), after its first call, losses of every example kept, one thread",
            "peer": f"load_state_dict and batches of {BATCH:,} under no_grad, one thread",
            "repeats": f"{repeats}, in turns, on one core",
        },
        "bars": [{"title": "Seconds of processor a path", "unit": "s", "values": [
            {"label": name, "mine": name == "ours", **common.spread(line)}
            for name, line in zip(("ours", "PyTorch loop"), sides["cpu"], strict=True)
        ]}],
        "tables": [],
        "notes": [f"largest relative difference of a loss {gap:.1e}, of an error {apart:.1e}"],
    })  # fmt: skip


if __name__ == "__main__":
    main()
