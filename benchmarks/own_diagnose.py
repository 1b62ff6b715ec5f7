"""A checkup without retraining: a convolutional network of half a million parameters and 10,000 images.

    python benchmarks/own_diagnose.py [--torch PYTHON] [--quick]

The network has two convolutions and two dense layers, its weights are random but for a short training on drawn patterns, because
the time does not depend on them. Asked: costs said before anything runs, the first finding within 5 s, everything within 60 s.
Each repeat is a fresh process. One thread; wall-clock and processor seconds are given: where they differ, something else ran.
"""

import sys
import time
from pathlib import Path

import common

FIRST, ALL = 5.0, 60.0  # seconds
LONG = {"images": 10_000, "held_out": 2_000, "hidden": 190}
SHORT = {"images": 300, "held_out": 100, "hidden": 16}


def main():
    parser = common.arguments(__doc__, repeats=3)
    parser.add_argument("--torch", default="", help="Python that has PyTorch and what the package needs")
    args = parser.parse_args()
    if args.worker:
        common.serve({"checkup": checkup})
        return
    if not (args.torch or args.peer):
        common.skip("own_diagnose needs PyTorch beside the package: give --torch PYTHON")
    environment = common.describe()
    found = section(args.torch or args.peer, SHORT if args.quick else LONG, common.repeats(args))
    common.finish(
        args,
        {
            "benchmark": "own_diagnose", "title": "A checkup of your own network", "environment": environment,
            "question": "Is a checkup without retraining done within a minute, and its first finding within seconds?",
            "conditions": {"problem": "CNN of 0.5 M parameters, 10,000 images of 28 x 28, 2,000 held out; one thread"},
            **found,
        },
    )  # fmt: skip


def section(python, size, repeats):
    """Goals, bars, tables and notes.

    Args:
        python: that has PyTorch and the package.
        size: numbers of images and of hidden units.
        repeats: how often is measured.
    """
    found = {"goals": [], "bars": [], "tables": [], "notes": []}
    runs = []
    for _ in range(repeats):
        with common.Children() as children:
            side = children.start([python, str(Path(__file__)), "--worker", "checkup"], common.cores()[:1])
            runs.append(side.ask("checkup", **size))
    for name, text, most in (
        ("first", "seconds to the first finding", FIRST),
        ("wall", "seconds to the last", ALL),
        ("cpu", "processor seconds to the last", None),
    ):
        found["goals"].append(common.goal(text, common.spread([run[name] for run in runs]), "s", at_most=most))
    found["tables"].append(
        {
            "title": "Seconds of each check",
            "columns": ["check", "answer", "said before", "taken"],
            "rows": runs[-1]["rows"],
        }
    )
    found["notes"] += common.busy(run["wall"] / run["cpu"] for run in runs)
    found["notes"].append(
        f"{runs[-1]['parameters']:,} parameters; costs were said before anything ran: {runs[-1]['said']}."
    )
    return found


def checkup(images, held_out, hidden):
    """One checkup, timed from the call."""
    import numpy as np
    import torch

    from overparam.own.diagnosis import diagnose

    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(10, 1, 28, 28)).astype(np.float32)
    y = rng.integers(0, 10, images + held_out)
    x = patterns[y] + 2 * rng.normal(size=(images + held_out, 1, 28, 28)).astype(np.float32)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, 2, 1), torch.nn.ReLU(), torch.nn.Conv2d(16, 56, 3, 2, 1), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(56 * 49, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(20):
        at = torch.from_numpy(rng.integers(0, images, 128))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.from_numpy(x)[at]), torch.from_numpy(y)[at]).backward()
        optimizer.step()
    said, times = [], []
    began, cpu = time.perf_counter(), time.process_time()

    def progress(text):
        said.append(text)
        times.append(time.perf_counter() - began)

    found = diagnose(net.eval(), (x[:images], y[:images]), (x[images:], y[images:]), progress=progress)
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    statuses = ("yes:", "no:", "inconclusive:", "not run:")
    finding = next(at for at, text in enumerate(said) if text[6:].startswith(statuses))
    cost = {one.code: one.seconds for one in found.plan}
    return {
        "first": times[finding], "wall": wall, "cpu": used, "said": all("about" in one for one in said[:3]),
        "parameters": found.subject["parameters"],
        "rows": [[one.code, one.status, cost[one.code], one.seconds] for one in found.answers],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
