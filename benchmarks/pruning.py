"""Masks: training steps and a whole iterative pruning against PyTorch, what cutting units out gains, what evaluation costs.

    python benchmarks/pruning.py --peer PYTHON-WITH-TORCH [--steps 3000] [--wholes 3] [--short]

Steps: LeNet 784-300-100-10 and 64-300-100-10, batch 60, Adam, 20 % of the weights kept; ours with masks and without, a plain
PyTorch loop, the same with ``torch.nn.utils.prune``, and a loop as a published framework has it (peer_torch_pruning.py).
Whole: LeNet is trained, pruned to 0.8 of the hidden layers' weights and 0.9 of the output's, set back and trained again,
until 1 % is left, each time in fresh processes and with all compilation. Everything has one thread on one core, takes turns,
and is timed in processor seconds; the goals are for members side by side, as the package trains seeds. Both sides start from
one file of weights, masks and minibatches; if they then disagree, nothing is timed. ``--short`` takes few steps and rounds:
whether all of it runs.
"""

import sys
import tempfile
from pathlib import Path

import common
import pruned_nets

SHORT = {
    "problems": slice(1, 2),
    "densities": slice(2, 3),
    "examples": 900,
    "steps": 12,
    "wholes": 1,
    "rounds": 2,
    "stepped": 4,
    "checked": 6,
    "members": (1, 2),
}
LONG = {
    "problems": slice(2),
    "densities": slice(3),
    "examples": 10_000,
    "steps": 3000,
    "wholes": 3,
    "rounds": 21,
    "stepped": 60,
    "checked": 60,
    "members": (1, 4, 8),
}
ASKED = {"LeNet 784-300-100-10": 3.0, "64-300-100-10": 4.5}
CLOSE = 1e-4  # relative difference of losses
DENSE = 5  # steps until networks without masks are compared: rounding is 1e-4 of the loss on MNIST after 10, 1e-2 after 60
PEERS = {
    "plain": "a plain PyTorch loop without masks", "prune": "torch.nn.utils.prune",
    "fused": "torch.nn.utils.prune with Adam(fused=True)", "loader": "a published framework's loop",
}  # fmt: skip
EVERY, EVALUATED = 100, 70_000  # steps between evaluations in published code, and examples of each


def main():
    parser = common.arguments(__doc__, repeats=7)
    parser.add_argument("--short", action="store_true", help="as --quick")
    parser.add_argument("--steps", type=int, help=f"steps of a round (default {LONG['steps']:,})")
    parser.add_argument(
        "--wholes", type=int, help=f"how often a whole pruning is timed (default {LONG['wholes']})"
    )
    parser.add_argument("--rounds", type=int, help=f"how often is pruned (default {LONG['rounds']})")
    args = parser.parse_args()
    if args.worker:
        pruned_nets.serve()
        return
    args.quick = args.quick or args.short
    if not args.peer:
        common.skip("pruning needs PyTorch: give --peer PYTHON, or run `make bench`, which installs peers.txt")
    size = dict(SHORT if args.quick else LONG)
    size.update({k: getattr(args, k) for k in ("steps", "wholes", "rounds") if getattr(args, k) is not None})
    with tempfile.TemporaryDirectory() as folder:
        common.finish(args, measured(args.peer, size, common.repeats(args), Path(folder)))


def measured(peer, size, repeats, folder):
    """The result: first whether all agree, then steps, then the whole."""
    sides, found = Sides(peer), {"goals": [], "bars": [], "tables": [], "notes": []}
    with common.Children() as children:
        me, other = sides.start(children, "ours"), sides.start(children, "peer")
        environment = common.describe(other.ask("versions"))
        paths, told = written(me, size, folder)
        name, first = next(iter(paths.items()))
        found["notes"].append(agreement(me, other, paths, size))
        for each, path in paths.items():
            steps(me, other, each, path, size, repeats, found)
        looked = published(other, first, size)
    whole(sides, name, first, size, repeats, found)
    title = "Published code: share of evaluation in a plain PyTorch loop"
    found["goals"].append(common.goal(f"{title}, {EVALUATED:,} examples every {EVERY} steps", looked, ""))
    return {
        "benchmark": "pruning", "title": "Training under masks, and iterative pruning", "environment": environment,
        "question": "Is pruning faster than the usual loops, does cutting pay, and what does evaluation cost?",
        "conditions": {
            "problem": f"{told}; batch {pruned_nets.BATCH}, Adam at {pruned_nets.RATE:g}",
            "steps": f"20 % of the weights kept at random; {size['stepped']} steps at a time",
            "whole": f"{size['rounds']} prunings, {size['steps']:,} steps a round, training and test part evaluated before and "
            "after each; ours with compaction='auto', fresh processes, all compilation included",
            "repeats": f"{repeats} of steps and {size['wholes']} of the whole, in turns; processor seconds of one core",
        },
        **found,
    }  # fmt: skip


class Sides:
    """Either side as a process on one core."""

    def __init__(self, peer):
        self._commands = {
            "ours": [sys.executable, __file__, "--worker", "serve"],
            "peer": [peer, str(Path(__file__).with_name("peer_torch_pruning.py"))],
        }

    def start(self, children, name):
        return children.start(self._commands[name], common.cores()[:1])


def written(me, size, folder):
    """Files of the problems by name, and their data in words."""
    paths, told, many = {}, [], size["checked"]
    for name, sizes in list(pruned_nets.SIZES.items())[size["problems"]]:
        paths[name] = str(folder / f"{sizes[0]}.npz")
        data = me.ask("write", path=paths[name], sizes=sizes, examples=size["examples"], steps=many)
        told.append(f"{name} on {data['data']} ({data['examples']:,} and {data['tests']:,} examples)")
    return paths, "; ".join(told)


def agreement(me, other, paths, size):
    """Raise unless every loop reaches one loss, and one pruning one mask; a note about how close they are."""
    worst, most = 0.0, size["checked"]
    few = min(DENSE, most)
    for name, path in paths.items():
        for masked, kinds, many in ((True, ("prune", "fused", "loader"), most), (False, ("plain",), few)):
            ours = [
                me.ask("agree", path=path, members=m, masked=masked, steps=many) for m in size["members"][:2]
            ]
            want, kept = ours[0]["losses"][0], ours[0]["kept"][0]
            seen = {f"ours, {len(one['losses'])} members": (loss, left) for one in ours
                    for loss, left in zip(one["losses"], one["kept"], strict=True)}  # fmt: skip
            for kind in kinds:
                answer = other.ask("agree", path=path, kind=kind, steps=many)
                seen[kind] = answer["loss"], answer["kept"]
            for side, (loss, left) in seen.items():
                worst = max(worst, abs(loss / want - 1))
                if abs(loss / want - 1) > CLOSE or left != kept:
                    raise SystemExit(
                        f"{name}: {side} disagrees ({loss:.6g}, {left} against {want:.6g}, {kept}); nothing timed"
                    )
    path = paths[next(iter(paths))]
    masks, pruning = path + ".masks.npz", {"path": path, "rounds": 1, "steps": few}
    ours = me.ask("whole", members=1, **pruning)
    theirs = other.ask("whole", keeps=pruned_nets.KEEPS, stored=True, out=masks, **pruning)
    same = me.ask("overlap", path=path, masks=masks)
    gap = max(
        abs(b["train_loss"] / a["train_loss"] - 1) for a, b in zip(ours["fits"], theirs["fits"], strict=True)
    )
    if same < 0.999 or ours["kept"] != theirs["kept"] or gap > 10 * CLOSE:
        raise SystemExit(
            f"one pruning disagrees: {same:.4f} of the kept weights are the same, losses differ by {gap:.1e}, kept "
            f"{ours['kept']} and {theirs['kept']}; nothing timed"
        )
    return (
        f"From the same weights, masks and minibatches all loops reach the same training loss after {most} steps "
        f"(without masks {few}) up to {worst:.1e} of it; after {few} steps, one pruning and {few} "
        f"more {100 * same:.2f} % of the kept weights are the same and the losses differ by {gap:.1e}."
    )


def steps(me, other, name, path, size, repeats, found):
    """Every side's steps in turns, and the ratios to ours."""
    many, most = size["stepped"], size["members"]
    usual = most[1]
    ours = {
        f"{m} {'masked' if masked else 'dense'}": lambda m=m, masked=masked: me.ask(
            "step", path=path, members=m, masked=masked, steps=max(1, many // m)
        )
        for m, masked in [(m, True) for m in most] + [(usual, False)]
    }
    turns = ours | {
        kind: lambda kind=kind: other.ask("step", path=path, kind=kind, steps=many) for kind in PEERS
    }
    times = {side: [] for side in turns}
    for _ in range(repeats):
        for side, run in turns.items():
            times[side].append(run()["cpu"])
    for kind, words in PEERS.items():
        for m in most if kind == "prune" else (usual,):
            mine = times[f"{m} {'dense' if kind == 'plain' else 'masked'}"]
            bound = ASKED[name] if kind == "prune" and m == usual else None
            text = f"A step of {words} over ours{', no masks' if kind == 'plain' else ''}, {name}, {members(m)}"
            found["goals"].append(common.goal(text, common.ratios(mine, times[kind]), "x", at_least=bound))
    masked = common.ratios(times[f"{usual} dense"], times[f"{usual} masked"])
    found["goals"].append(
        common.goal(f"Ours with masks over ours without, {name}, {members(usual)}", masked, "x")
    )
    rows = [[side, 1e3 * common.spread(line)["median"]] for side, line in times.items()]
    labels = {
        **{f"{m} {kind}": f"ours, {members(m)}, {kind}" for m in most for kind in ("masked", "dense")},
        **PEERS,
    }
    found["tables"].append({
        "title": f"Milliseconds a member and step, {name}", "columns": ["side", "ms"],
        "rows": [[labels[side], ms] for side, ms in rows],
    })  # fmt: skip
    bars = [
        {"label": labels[side], "mine": side in ours, **common.spread([1e3 * v for v in line])}
        for side, line in times.items()
    ]
    found["bars"].append({"title": f"A step of {name}", "unit": "ms", "values": bars})
    print(f"{name}: " + "; ".join(f"{labels[side]} {ms:.3g} ms" for side, ms in rows), flush=True)


def members(m):
    return f"{m} member" + ("s side by side" if m > 1 else "")


def whole(sides, name, path, size, repeats, found):
    """A whole iterative pruning on every side, in turns; then what cutting gains at its rounds."""
    usual = str(size["members"][1])
    times, looks, last = {"1": [], usual: [], "peer": []}, [], {}
    ask = {"path": path, "rounds": size["rounds"], "steps": size["steps"]}
    for repeat in range(size["wholes"]):
        for side, line in times.items():
            with common.Children() as children:
                child = sides.start(children, "peer" if side == "peer" else "ours")
                more = {"keeps": pruned_nets.KEEPS} if side == "peer" else {"members": int(side)}
                last[side] = child.ask("whole", **ask, **more)
                if side == "1" and repeat == size["wholes"] - 1:
                    cutting(child, path, size, repeats, found)
            looked = last[side]["looking"] / last[side]["cpu"]
            looks += [] if side == "peer" else [looked]
            line.append(last[side]["cpu"] / more.get("members", 1))
            print(f"whole, {side}: {line[-1]:.4g} s a member, {looked:.1%} of it evaluation", flush=True)
    kept = last["peer"]["kept"]
    if any(last[side]["kept"] != kept for side in ("1", usual)):
        raise SystemExit(f"the sides kept {last['1']['kept'][-1]} and {kept[-1]} weights")
    density = [100 * sum(one) / sum(kept[0]) for one in kept]
    for m, bound in (("1", None), (usual, 4.0)):
        text = f"A whole pruning of {name} to {density[-1]:.2g} % with torch.nn.utils.prune over ours, {members(int(m))}"
        found["goals"].append(common.goal(text, common.ratios(times[m], times["peer"]), "x", at_least=bound))
    share = common.goal("Share of evaluation in our whole pruning", common.spread(looks), "", at_most=0.1)
    looked = common.spread([last["peer"]["looking"] / last["peer"]["cpu"]])
    found["goals"] += [share, common.goal("Share of evaluation in PyTorch's, as often", looked, "")]
    rows = []
    for number, at in enumerate(density):
        errors = [100 * last[side]["fits"][number]["test_error"] for side in ("1", "peer")]
        trained = ["-".join(map(str, last[side]["shapes"][number])) for side in ("1", usual)]
        rows.append([number, at, *errors, *trained])
    shapes = [f"trained as, {members(int(m))}" for m in ("1", usual)]
    columns = ["round", "density, %", "error, ours, %", "error, PyTorch, %", *shapes]
    found["tables"].append({"title": "The pruning of seed 0", "columns": columns, "rows": rows})


def cutting(me, path, size, repeats, found):
    """A step in full shape over one of the network that was cut, at the rounds nearest to 20, 5 and 1 %."""
    for percent, number in list(pruned_nets.ROUNDS.items())[size["densities"]]:
        ask = {"path": path, "number": min(number, size["rounds"]), "members": 1, "steps": size["stepped"]}
        turns = [me.ask("gain", **ask) for _ in range(repeats)]
        ratio = common.ratios([t["cut"]["cpu"] for t in turns], [t["full"]["cpu"] for t in turns])
        shape, density = "-".join(map(str, turns[0]["sizes"])), 100 * turns[0]["density"]
        text = f"Cutting alone near {percent} % ({density:.3g} %, to {shape}): a step in full shape over one of the cut"
        found["goals"].append(common.goal(text, ratio, "x"))


def published(other, path, size):
    """Share of evaluation in a plain loop that evaluates as often as published code does."""
    many = min(size["examples"], 5000)
    looked = other.ask("evaluation", path=path, examples=many)["cpu"] / many * EVALUATED
    step = other.ask("step", path=path, kind="plain", steps=size["stepped"])["cpu"]
    return common.spread([looked / (looked + EVERY * step)])


if __name__ == "__main__":
    main()
