"""Empirical tangent kernels: full blocks of an MLP and a CNN against neural-tangents, nngeometry and the usual recipe.

    python benchmarks/own_kernel.py --torch PYTHON [--tangents PYTHON] [--geometry PYTHON] [--short]

Full kernel of all pairs of outputs, 10 outputs, float32: an MLP 784-512-512-10 and a CNN of two convolutions (16 and 32
channels, 3 x 3, stride 2) and a dense layer, on 28 x 28 numbers. Ours by PyTorch and by JAX, checked as on every call;
neural-tangents by its structured derivatives; nngeometry's Gram matrix; and the recipe of PyTorch's tutorial, which forms the
Jacobian with ``vmap(jacrev)``. All have one set of weights and inputs from a file, and must agree before anything is timed.
One thread on one core, in turns, in processor seconds; what is compiled is compiled before, and its time is told. Peaks of
memory come from processes of their own. A peer whose Python is not given is left out and said so. ``--torch`` is a Python with
PyTorch and what the package needs; the others are Pythons with the peer alone.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import own_kernel_work

LONG = {"few": 200, "many": 2000, "check": 20}
SHORT = {"few": 12, "many": 30, "check": 5}
PEERS = {
    "tangents": "neural-tangents, structured derivatives",
    "geometry": "nngeometry",
    "recipe": "PyTorch, vmap(jacrev)",
}
SAME = 1e-4  # relative difference of kernels in float32
MOST = {"mlp": 2.5e9, "cnn": 4e9}


def main():
    parser = common.arguments(__doc__, repeats=5)
    parser.add_argument("--short", action="store_true", help="as --quick")
    for name in ("torch", "tangents", "geometry"):
        parser.add_argument(f"--{name}", default="", help=f"Python for {name}")
    args = parser.parse_args()
    if args.worker:
        own_kernel_work.serve()
        return
    args.quick = args.quick or args.short
    pythons = {"torch": args.torch or args.peer, "tangents": args.tangents, "geometry": args.geometry}
    if not pythons["torch"]:
        common.skip("own_kernel needs PyTorch beside the package: give --torch PYTHON")
    common.finish(args, measured(pythons, dict(SHORT if args.quick else LONG), common.repeats(args)))


def measured(pythons, size, repeats):
    """The result of this benchmark alone."""
    environment = common.describe(versions(pythons))
    found = section(pythons, size, repeats)
    return {
        "benchmark": "own_kernel", "title": "Tangent kernels of your own network", "environment": environment,
        "question": "Is the structured kernel as fast as the fastest peer, and does it keep its memory?",
        "conditions": {
            "problem": f"full kernel of 10 outputs, float32; {size['few']} examples, and {size['many']:,} for memory",
            "repeats": f"{repeats}, in turns; processor seconds of one core; compiled before",
        },
        **found,
    }  # fmt: skip


def versions(pythons):
    """Versions of the peers that are measured, each from its own Python."""
    named = {"torch": "torch", "tangents": "neural-tangents", "geometry": "nngeometry"}
    read = "from importlib.metadata import version; import sys; print(version(sys.argv[1]))"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {
        name: subprocess.run(
            [pythons[side], "-c", read, name], capture_output=True, text=True, env=clean
        ).stdout.strip()
        for side, name in named.items()
        if pythons.get(side)
    }


def section(pythons, size, repeats):
    """Goals, bars, tables and notes.

    Args:
        pythons: by name: ``torch`` has PyTorch and the package, ``tangents`` neural-tangents, ``geometry`` nngeometry.
        size: numbers of examples, ``few``, ``many`` and to ``check``.
        repeats: how often is measured.
    """
    found = {"goals": [], "bars": [], "tables": [], "notes": []}
    with tempfile.TemporaryDirectory() as folder, common.Children() as children:
        sides = {
            name: children.start(command, common.cores()[:1]) for name, command in commands(pythons).items()
        }
        missing = [words for name, words in PEERS.items() if name not in sides]
        if missing:
            found["notes"].append(
                f"Not measured, because no Python was given that has them: {', '.join(missing)}."
            )
        path = str(Path(folder) / "nets.npz")
        sides["jax"].ask("write", path=path, n=size["few"])
        for net in ("mlp", "cnn"):
            apart = agreement(sides, net, path, size["check"])
            found["notes"].append(
                f"{net}: kernels of {size['check']} examples agree to {apart:.1g} of the largest entry."
            )
            compare(sides, net, path, size, repeats, found)
        for net in ("mlp", "cnn"):
            memory(pythons, net, path, size, found)
    return found


def commands(pythons):
    """What starts each side."""
    here = Path(__file__)
    peer = str(here.with_name("peer_own_kernel.py"))
    found = {"jax": [sys.executable, str(here), "--worker", "jax"]}
    found["torch"] = [pythons["torch"], str(here), "--worker", "torch"]
    found["recipe"] = [pythons["torch"], peer, "recipe"]
    for name in ("tangents", "geometry"):
        if pythons.get(name):
            found[name] = ["env", "-u", "PYTHONPATH", pythons[name], peer, name]
    return found


def agreement(sides, net, path, n):
    """Largest relative difference of anybody's kernel from ours by PyTorch."""
    import numpy as np

    kernels = {name: np.array(side.ask("matrix", path=path, net=net, n=n)) for name, side in sides.items()}
    size = np.abs(kernels["torch"]).max()
    apart = {name: float(np.abs(one - kernels["torch"]).max() / size) for name, one in kernels.items()}
    worst = max(apart, key=apart.get)
    if not apart[worst] <= SAME:
        raise RuntimeError(f"{net}: the kernel of {worst} differs by {apart[worst]:.2g}: nothing is timed")
    return apart[worst]


def compare(sides, net, path, size, repeats, found):
    """Seconds of every side, in turns."""
    n = size["few"]
    first = {
        name: side.ask("timed", path=path, net=net, n=n) for name, side in sides.items() if name != "recipe"
    }
    seconds = {name: [] for name in sides}
    for _ in range(repeats):
        for name in first:
            seconds[name].append(sides[name].ask("timed", path=path, net=net, n=n)["cpu"])
    seconds["recipe"] = [sides["recipe"].ask("timed", path=path, net=net, n=n)["cpu"]]
    words = {"torch": "ours, PyTorch", "jax": "ours, JAX", **PEERS}
    found["bars"].append(
        {
            "title": f"{net}, n = {n}: processor seconds of the full kernel",
            "unit": "s",
            "values": [
                {"label": words[name], "mine": name in ("torch", "jax"), **common.spread(each)}
                for name, each in seconds.items()
            ],
        }
    )
    found["notes"].append(f"{net}: the first kernel of JAX takes {first['jax']['cpu']:.1f} s, with compiling.")
    for name, least in (("tangents", 1.0), ("geometry", None), ("recipe", None)):
        if name in sides:
            theirs = (
                seconds[name] if len(seconds[name]) == repeats else seconds[name] * repeats
            )  # the recipe runs once
            each = common.ratios(seconds["torch"], theirs)
            text = f"{net}, n = {n}: {PEERS[name]}, over ours by PyTorch"
            found["goals"].append(common.goal(text, each, "x", at_least=least if net == "mlp" else None))
    ratio = common.ratios(seconds["torch"], seconds["jax"])
    text = f"{net}, n = {n}: ours by JAX over ours by PyTorch, compiled"
    found["goals"].append(common.goal(text, ratio, "x", at_most=1.2))


def memory(pythons, net, path, size, found):
    """Peak of a fresh process for many examples, and of what was planned."""
    n = size["many"]
    rows = []
    for name in ("torch", "jax"):
        with common.Children() as children:
            side = children.start(commands(pythons)[name], common.cores()[:1])
            idle = side.ask("idle", path=path, net=net, n=n)
            got = side.ask("timed", path=path, net=net, n=n)
            rows.append(
                [
                    name,
                    n,
                    got["wall"],
                    got["cpu"],
                    got["planned"] / 1e9,
                    (got["peak"] - idle) / 1e9,
                    got["peak"] / 1e9,
                ]
            )
            text = f"{net}, n = {n:,}: peak of the process, ours by {name}"
            goal = MOST[net] / 1e9 if name == "torch" else None
            found["goals"].append(common.goal(text, common.spread([got["peak"] / 1e9]), "GB", at_most=goal))
            text = f"{net}, n = {n:,}: memory used over memory planned, ours by {name}"
            found["goals"].append(
                common.goal(text, common.spread([(got["peak"] - idle) / got["planned"]]), "", at_most=1.0)
            )
    found["tables"].append(
        {
            "title": f"{net}: full kernel of many examples",
            "columns": ["back end", "n", "wall s", "cpu s", "planned GB", "used GB", "process GB"],
            "rows": rows,
        }
    )


if __name__ == "__main__":
    main()
