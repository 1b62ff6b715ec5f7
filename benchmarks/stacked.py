"""Stacked training against what one would write in PyTorch, on the sweep of the study double-descent.

    python benchmarks/stacked.py --peer PYTHON-WITH-TORCH [--widths 16 47 300] [--steps 2000] [--repeats 3]

MLPs 40-H-H-10, n = 4,000, batch 100, SGD with momentum 0.9 and learning rate 0.01, cross-entropy, 10 members with their
own labels and minibatch orders, random data of the shape of MNIST-1D. Ours is ``overparam.training.train``, with the
standard probes at 30 times in 20,000 steps on 4,000 + 12,000 examples (a shorter run has proportionally fewer), and
without. Peers: peer_torch.py. Contestants take turns on the same cores; every ratio is of one repeat. First of all, three
nets and a float64 oracle in NumPy must reach the same losses from the same weights and minibatches.
"""

import json
import sys
import tempfile
from pathlib import Path
from statistics import median

import common
import reference
from common import Clock, goal, ratios, spread

AGREEMENT, AGREEMENT_STEPS = 1e-4, 200
NARROW = 47
SWEEP = reference.STEPS * reference.MEMBERS  # member-steps of a width


# --- in the worker ---


def ours(width, steps, members, n, probes):
    """Seconds of a stack's training once it is compiled; the first call of a shape also tells how long that took."""
    import numpy as np

    from overparam.models import mlp
    from overparam.probes import standard
    from overparam.training import Member, train

    x, y = reference.data(n, members)
    rng = np.random.default_rng(1)
    size = reference.TEST if n == reference.SAMPLES else n
    x_test = rng.standard_normal((size, reference.INPUTS)).astype(np.float32)
    y_test = rng.integers(0, reference.CLASSES, size)
    times = max(2, round(reference.PROBES * steps / reference.STEPS)) if probes else 2
    stack = [Member(seed, labels) for seed, labels in enumerate(y)]
    network, recipe = mlp(reference.INPUTS, (width, width), reference.CLASSES), _recipe(steps, times)

    def once():
        with Clock() as clock:
            train(network, recipe, stack, x, x_test, y_test, probes=standard() if probes else None)
        return clock

    shape = (width, steps, members, n, probes)
    if shape not in _COMPILED:
        first, second = once(), once()
        _COMPILED[shape] = max(0.0, first.cpu - second.cpu)
    return {**once().seconds(), "compile": _COMPILED[shape]}


_COMPILED: dict = {}


def agree(path, width, steps, members, n):
    """Training losses of ours and of the oracle; weights and minibatches go to ``path`` for the peers."""
    import jax
    import numpy as np

    from overparam.models import mlp
    from overparam.training import Member, train
    from overparam.training.orders import orders, steps_per_epoch

    x, y = reference.data(n, members)
    network = mlp(reference.INPUTS, (width, width), reference.CLASSES)
    epochs = -(-steps // steps_per_epoch(n, reference.BATCH))
    rows = orders(range(members), range(epochs), n, reference.BATCH)[:, :steps].astype(np.int64)
    params = jax.vmap(lambda seed: network.init(jax.random.key(seed)))(np.arange(members, dtype=np.uint32))
    params = jax.tree.map(np.asarray, params)
    flat = {f"{layer}.{kind}": value for layer, kinds in params.items() for kind, value in kinds.items()}
    np.savez(path, rows=rows, **flat)
    stack = [Member(seed, labels) for seed, labels in enumerate(y)]
    found = train(network, _recipe(steps, 2), stack, x, x, y[0])
    single = [jax.tree.map(lambda a, i=i: a[i], params) for i in range(members)]
    return {
        "ours": [float(run.values["train_loss"][-1]) for run in found],
        "oracle": [reference.losses(single[i], x, y[i], rows[i]) for i in range(members)],
    }


def gemm(size=2048):
    """Single-precision matrix product on this worker's cores: operations a second, the better of JAX and NumPy."""
    import jax
    import numpy as np

    a = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    b, product = jax.numpy.asarray(a), jax.jit(lambda p: p @ p)
    seconds = []
    for run in (lambda: a @ a, lambda: product(b).block_until_ready()):
        run()
        for _ in range(3):
            with Clock() as clock:
                run()
            seconds.append(clock.wall)
    return 2 * size**3 / min(seconds)


def _recipe(steps, times):
    from overparam.training import Recipe

    return Recipe(
        steps=steps,
        learning_rate=reference.RATE,
        momentum=reference.MOMENTUM,
        batch=reference.BATCH,
        probes=times,
    )


# --- in the runner ---


class Contest:
    """All contestants; each gives microseconds a member-step at a width: of the clock, and of processors."""

    def __init__(self, children, peer, steps, members, n, most=2):
        self.size = {"steps": steps, "n": n}
        self.members, self.slowness = members, []
        on = common.cores()[:most]
        me = [sys.executable, __file__, "--worker", "serve"]
        torch = [peer, str(common.HERE / "peer_torch.py")]
        self.workers = [children.start(me, [core]) for core in on]
        self.plains = [children.start(torch, [core]) for core in on]
        self.wide = children.start(torch, on) if len(on) > 1 else None
        self.contestants = {
            "ours": lambda w: self._stack(w, self.workers[:1], True),
            "ours without probes": lambda w: self._stack(w, self.workers[:1], False),
            "PyTorch loop": lambda w: self._plain(w, self.plains[:1], 1),
            "PyTorch stacked by hand": lambda w: self._hand(w, self.plains[0], 1),
        }
        if self.wide:
            self.contestants |= {
                "ours, 2 workers": lambda w: self._stack(w, self.workers, True),
                "PyTorch loop, 2 threads": lambda w: self._plain(w, [self.wide], 2),
                "PyTorch loop, 2 processes": lambda w: self._plain(w, self.plains, 1),
                "PyTorch stacked by hand, 2 threads": lambda w: self._hand(w, self.wide, 2),
            }
        self.compile = {}

    def _stack(self, width, workers, probes):
        request = {"width": width, "members": self.members, "probes": probes, **self.size}
        found = self._all(workers, "ours", request, self.members)
        if probes:
            self.compile[width] = max(reply["compile"] for reply in self.replies)
        return found

    def _plain(self, width, children, threads):
        return self._all(children, "plain", {"width": width, "threads": threads, **self.size}, 1)

    def _hand(self, width, child, threads):
        request = {"width": width, "members": self.members, "threads": threads, **self.size}
        return self._all([child], "stacked", request, self.members)

    def _all(self, children, do, request, members):
        for child in children:
            child.send(do, **request)
        self.replies = [child.receive() for child in children]
        if request.get("threads", 1) == 1:
            self.slowness += [reply["wall"] / reply["cpu"] for reply in self.replies]
        scale = 1e6 / (request["steps"] * members * len(children))
        return scale * max(r["wall"] for r in self.replies), scale * sum(r["cpu"] for r in self.replies)


def check(contest, width, n):
    """Largest relative difference of any net's training loss from the float64 oracle; raises if they disagree."""
    members, steps = 2, min(AGREEMENT_STEPS, 5 * (n // reference.BATCH))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "start.npz")
        found = contest.workers[0].ask("agree", path=path, width=width, steps=steps, members=members, n=n)
        found |= contest.plains[0].ask("agree", path=path, n=n, members=members)
    oracle = found.pop("oracle")
    apart = {k: max(abs(v / o - 1) for v, o in zip(line, oracle, strict=True)) for k, line in found.items()}
    worst = max(apart.values())
    if not worst <= AGREEMENT:
        raise SystemExit(f"the nets disagree at width {width} after {steps} steps: {apart}; nothing was timed")
    return worst, steps


def measure(contest, widths, repeats):
    """Microseconds a member-step, by contestant and width, one value a repeat: of the clock, and of processors."""
    names = list(contest.contestants)
    times, cpu = ({name: {width: [] for width in widths} for name in names} for _ in range(2))
    for width in widths:
        for repeat in range(repeats):
            turn = names[repeat % len(names) :] + names[: repeat % len(names)]
            for name in turn:
                for kept, found in zip((times, cpu), contest.contestants[name](width), strict=True):
                    kept[name][width].append(found)
        line = ", ".join(f"{name} {median(times[name][width]):.1f}" for name in names)
        print(f"H = {width}: {line} us/member-step", flush=True)
    return times, cpu


def sweep(times, repeats, extra=0.0):
    """Seconds of the whole sweep, one value a repeat: the sum over widths, at 20,000 steps of 10 members."""
    return [extra + sum(line[i] for line in times.values()) * SWEEP / 1e6 for i in range(repeats)]


def best(*lines):
    """The quickest of several contestants, repeat by repeat."""
    return [min(values) for values in zip(*lines, strict=True)]


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--widths", type=int, nargs="+")
    parser.add_argument("--steps", type=int, help="measured steps (default 2,000 of the study's 20,000)")
    parser.add_argument("--members", type=int, default=reference.MEMBERS)
    parser.add_argument("--n", type=int, default=reference.SAMPLES)
    parser.add_argument("--one-core", action="store_true", help="leave out what runs on two cores")
    parser.add_argument("--record", type=Path, help="a run's stored record, whose real seconds are told beside")
    args = parser.parse_args()
    if args.worker:
        common.serve({"ours": ours, "agree": agree, "gemm": gemm})
        return
    if not args.peer:
        common.skip("stacked needs PyTorch: give --peer PYTHON, or run `make bench`, which installs peers.txt")
    widths = tuple(args.widths or ((3, NARROW) if args.quick else reference.WIDTHS))
    steps, repeats = args.steps or (200 if args.quick else 2000), common.repeats(args)
    with common.Children() as children:
        contest = Contest(children, args.peer, steps, args.members, args.n, 1 if args.one_core else 2)
        environment = common.describe(contest.plains[0].ask("versions"))
        apart = {width: check(contest, width, args.n) for width in sorted({widths[0], widths[-1]})}
        print(f"all nets agree with float64: {apart} (largest relative difference of the loss, steps)")
        peak = [contest.workers[0].ask("gemm")]
        times, cpu = measure(contest, widths, repeats)
        peak.append(contest.workers[0].ask("gemm"))
    result = report(times, cpu, widths, steps, repeats, args, contest, max(peak))
    worst, after = max(apart.values())
    result["notes"].insert(
        0,
        f"Ours, both PyTorch loops and a float64 oracle in NumPy start from the same weights and see the same "
        f"minibatches: after {after} steps their training losses differ by at most {worst:.1e} of the oracle's "
        f"(asked: at most {AGREEMENT:g}; widths {' and '.join(map(str, apart))}).",
    )
    if args.record:
        stored = json.loads(args.record.read_text(encoding="utf-8"))
        where = stored["environment"]
        result["notes"].append(
            f"A real run of profile {stored['profile']} took {stored['seconds']:.0f} s with {where['workers']} workers "
            f"({stored['cells']['computed']} cells computed)."
        )
    common.finish(args, {**result, "environment": environment})


def report(times, cpu, widths, steps, repeats, args, contest, peak):
    """The result file's content, but for the environment."""
    ours, plain, hand = times["ours"], times["PyTorch loop"], times["PyTorch stacked by hand"]
    pair = "ours, 2 workers" in times
    whole = set(widths) == set(reference.WIDTHS)
    what = "whole sweep" if whole else f"{len(widths)} widths"
    goals, narrow = [], [w for w in widths if w <= NARROW]
    if narrow:
        at = min(narrow, key=lambda w: ratios(ours[w], plain[w])["median"])
        text = (
            f"Against a plain PyTorch loop, one thread each, least favourable width up to {NARROW} (H = {at})"
        )
        goals.append(goal(text, ratios(ours[at], plain[at]), "x", at_least=6.0))
    mine, theirs, compilation = sweep(ours, repeats), sweep(plain, repeats), sum(contest.compile.values())
    text = f"Against a plain PyTorch loop, one thread each, {what}"
    goals.append(goal(text, ratios(mine, theirs), "x", at_least=3.5))
    first = sweep(ours, repeats, compilation)
    goals.append(
        goal(f"{text}, with compiling every width for the first time", ratios(first, theirs), "x", at_least=3.5)
    )
    used = [sweep(cpu[name], repeats) for name in ("ours", "PyTorch loop")]
    goals.append(goal(f"{text}, in processor time", ratios(*used), "x"))
    if pair:
        both = sweep(times["ours, 2 workers"], repeats)
        two = {
            w: best(times["PyTorch loop, 2 threads"][w], times["PyTorch loop, 2 processes"][w]) for w in widths
        }
        text = f"On two cores: our 2 workers against a plain loop in 2 threads or 2 processes, the better a width, {what}"
        goals.append(goal(text, ratios(both, sweep(two, repeats)), "x", at_least=3.5))
    text = f"Against PyTorch stacked by hand, one thread each, {what}"
    goals.append(goal(text, ratios(mine, sweep(hand, repeats)), "x"))
    text = f"Ours with the standard probes over ours without, {what}"
    goals.append(goal(text, ratios(sweep(times["ours without probes"], repeats), mine), "x"))
    if pair:
        efficiency = spread(one / double for one, double in zip(mine, both, strict=True))
        goals.append(goal(f"Two workers on two cores: speed over that of one worker, {what}", efficiency, "x"))
    shares = {w: spread(reference.operations(w) / (v * 1e-6) / peak for v in ours[w]) for w in widths}
    top = max(widths, key=lambda w: shares[w]["median"])
    text = f"Share of the core's matrix-product peak ({peak / 1e9:.0f} GF/s), best width (H = {top})"
    goals.append(goal(text, shares[top], ""))
    seconds = {name: spread(sweep(line, repeats)) for name, line in times.items()}
    return {
        "benchmark": "stacked",
        "title": "Stacked training against PyTorch",
        "question": "How much sooner does a sweep over widths end when the members of a width are one array program?",
        "conditions": {
            "problem": f"MLP 40-H-H-10, n = {args.n:,}, batch 100, SGD 0.01 with momentum 0.9, cross-entropy, "
            f"{args.members} members",
            "ours": "one worker, one thread, standard probes at 30 times in 20,000 steps, on 4,000 + 12,000 examples",
            "peers": "tensors in memory, one permutation and one gather an epoch, no probes; one thread unless said",
            "whole sweep": f"extrapolated from {steps:,} measured steps a width: the sum over {len(widths)} widths of "
            f"10 members and 20,000 steps; compilation apart ({compilation:.0f} s for all widths, then kept on disk)",
            "repeats": f"{repeats}, taking turns; wall-clock time",
        },
        "goals": goals,
        "bars": [
            {"title": f"Seconds of the {what}", "unit": "s",
             "values": [{"label": name, "mine": name.startswith("ours"), **found} for name, found in seconds.items()]},
            {"title": "Times faster than the plain PyTorch loop, one thread each, by width", "unit": "x",
             "values": [{"label": f"H = {w}", "mine": True, **ratios(ours[w], plain[w])} for w in widths]},
        ],
        "tables": [
            {
                "title": "Microseconds a member-step (median), and ours as a share of the core's peak",
                "columns": ["H", *times, "ratio, one thread", "share of peak"],
                "rows": [
                    [w, *(median(times[name][w]) for name in times), ratios(ours[w], plain[w])["median"],
                     shares[w]["median"]]
                    for w in widths
                ],
            }
        ],
        "notes": common.busy(contest.slowness),
    }  # fmt: skip


if __name__ == "__main__":
    main()
