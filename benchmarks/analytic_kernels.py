"""Kernels of infinitely wide networks: ours against neural-tangents, compiled.

    python benchmarks/analytic_kernels.py --neural-tangents PYTHON-WITH-IT [--repeats 5]

NTK in float32 of relu networks: fully connected, three hidden layers, inputs of 784; convolutional, three 3x3
convolutions, flattened; convolutional, two 3x3 convolutions, averaged over positions. Both sides may use two cores,
are processes of their own on the same ones and take turns, and give the whole matrix. The peer is compiled before;
ours compiles nothing. First of all, both must give the same kernel. How to install the peer stands in
tests/golden/make_neural_tangents.py; OVERPARAM_NEURAL_TANGENTS may name its Python.
"""

import os
import sys

import common
from common import goal, ratios, spread

CONV = ["conv", {"window": [3, 3], "weight": 1.4}]
DENSE, RELU = ["dense", 1.4, 0.0], ["relu"]
NETWORKS = {
    "fully connected": [DENSE, RELU] * 3 + [DENSE],
    "flattened": [CONV, RELU] * 3 + [["flatten"], DENSE],
    "averaged": [CONV, RELU] * 2 + [["pool"], DENSE],
}
CASES = {
    "fully connected, n = 2,000": ("fully connected", (2000, 784)),
    "fully connected, n = 4,000": ("fully connected", (4000, 784)),
    "fully connected, 2,000 by 2,000 others": ("fully connected", (2000, 784), 2000),
    "flattened, n = 300 of 12 x 12": ("flattened", (300, 12, 12, 3)),
    "flattened, 200 of 12 x 12 by 200 others": ("flattened", (200, 12, 12, 3), 200),
    "averaged, n = 48 of 8 x 8": ("averaged", (48, 8, 8, 3)),
    "averaged, 32 of 8 x 8 by 32 others": ("averaged", (32, 8, 8, 3), 32),
}
SMALL = {
    "fully connected, n = 50": ("fully connected", (50, 20)),
    "fully connected, 40 by 30 others": ("fully connected", (40, 20), 30),
    "flattened, n = 12 of 5 x 5": ("flattened", (12, 5, 5, 3)),
    "averaged, n = 6 of 4 x 4": ("averaged", (6, 4, 4, 3)),
}
LARGE = (10_000, 784)
GOAL, SECONDS = 1.3, 6.0
AGREEMENT = 1e-5  # of the largest entry, in float32, off the diagonal; on it the peer's angles are rounding


def network(layers):
    from overparam.theory.kernels import Activate, AveragePool, Conv, Dense, Flatten

    kinds = {
        "dense": lambda w, b: Dense(w, b), "conv": lambda one: Conv(tuple(one["window"]), weight_std=one["weight"]),
        "relu": lambda: Activate("relu"), "flatten": Flatten, "pool": AveragePool,
    }  # fmt: skip
    return tuple(kinds[kind](*given) for kind, *given in layers)


def inputs(shape, others=0):
    """Random inputs; and others, if any."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(np.float32)
    return x, rng.standard_normal((others, *shape[1:])).astype(np.float32) if others else None


def kernel(layers, shape, others=0):
    import numpy as np

    from overparam.theory.kernels import kernels

    x, z = inputs(shape, others)
    with common.Clock() as clock:
        found = kernels(network(layers), x, z, get="ntk", dtype=np.float32).ntk
    return found, clock


def matrix(layers, shape, others=0):
    """The kernel itself."""
    return kernel(layers, shape, others)[0].tolist()


def timed(layers, shape, others=0, warm=True):
    """Seconds of one kernel, after one that is not counted."""
    if warm:
        kernel(layers, shape, others)
    _, clock = kernel(layers, shape, others)
    return {**clock.seconds(), "peak": common.peak_bytes()}


def asked(case):
    """A case as a request."""
    layers, shape, *others = case
    return {"layers": NETWORKS[layers], "shape": shape, "others": others[0] if others else 0}


def check(me, peer):
    """Largest difference of the two sides over small networks; ends the run where it is too large."""
    import numpy as np

    apart = 0.0
    for case in SMALL.values():
        mine, theirs = (np.array(side.ask("matrix", **asked(case))) for side in (me, peer))
        off = np.abs(mine - theirs)
        if len(case) == 2:
            np.fill_diagonal(off, 0)
        apart = max(apart, float(off.max() / np.abs(theirs).max()))
    if not apart <= AGREEMENT:
        raise SystemExit(f"the kernels disagree by {apart:.1e} of the largest entry; nothing was timed")
    return apart


def main():
    parser = common.arguments(__doc__, repeats=5)
    parser.add_argument(
        "--neural-tangents",
        default=os.environ.get("OVERPARAM_NEURAL_TANGENTS", ""),
        help="Python that has neural-tangents",
    )
    args = parser.parse_args()
    if args.worker:
        common.serve({"timed": timed, "matrix": matrix})
        return
    if not args.neural_tangents:
        common.skip(
            "analytic_kernels needs neural-tangents in a Python of its own: give --neural-tangents PYTHON, or set "
            "OVERPARAM_NEURAL_TANGENTS; tests/golden/make_neural_tangents.py says how to install it"
        )
    cases, large = (SMALL, (60, 784)) if args.quick else (CASES, LARGE)
    cores, mine = common.cores()[:2], [sys.executable, __file__, "--worker", "one"]
    times = {name: {"ours": [], "neural-tangents": []} for name in cases}
    with common.Children() as children:
        me = children.start(mine, cores)
        peer = children.start([args.neural_tangents, str(common.HERE / "peer_neural_tangents.py")], cores)
        environment = common.describe(peer.ask("versions"))
        apart = check(me, peer)
        for name, case in cases.items():
            for _ in range(common.repeats(args)):
                for side, child in (("ours", me), ("neural-tangents", peer)):
                    answer = child.ask("timed", **asked(case))
                    times[name][side].append(answer["wall"])
    alone = []
    for _ in range(min(3, common.repeats(args))):
        with common.Children() as children:
            child = children.start(mine, cores)
            alone.append(child.ask("timed", **asked(("fully connected", large)), warm=False))
    least = None if args.quick else GOAL
    goals = [
        goal(f"NTK over ours, {name}", ratios(*found.values()), "x", at_least=least)
        for name, found in times.items()
    ]
    size = f"fully connected, n = {large[0]:,}"
    goals += [
        goal(f"Ours, {size}, in a fresh process", spread(one["wall"] for one in alone), "s", at_most=SECONDS),
        goal(f"Largest memory of that process, {size}", spread(one["peak"] / 1e9 for one in alone), "GB"),
    ]
    common.finish(args, {
        "benchmark": "analytic_kernels", "title": "Kernels of infinitely wide networks", "environment": environment,
        "question": "How long does one wait for the exact NTK of a wide network?",
        "conditions": {
            "networks": "relu, NTK only, float32; three hidden layers on 784 inputs; three 3x3 convolutions, flattened; "
                        "two 3x3 convolutions, averaged over all positions",
            "threads": "two cores for each side", "peer": "one compiled program for the whole matrix, compiled before",
            "repeats": f"{common.repeats(args)}, in turns; wall clock",
        },
        "goals": goals,
        "bars": [{"title": f"Seconds, {name}", "unit": "s", "values": [
            {"label": side, "mine": side == "ours", **spread(line)} for side, line in found.items()]}
            for name, found in times.items()],
        "tables": [],
        "notes": [
            f"On small networks the two sides' kernels differ off the diagonal by at most {apart:.1e} of the largest "
            f"entry in float32 (asked: {AGREEMENT:g}); in float64 the tests ask 1e-12.",
            "Ours computes half of a symmetric matrix, in blocks that stay in a core's cache; the peer computes all "
            "entries. Between two sets of examples both compute all.",
        ],
    })  # fmt: skip


if __name__ == "__main__":
    main()
