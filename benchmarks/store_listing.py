"""How long it takes to list 5,000 stored cells: ``python benchmarks/store_listing.py [--count 5000]``.

Writes synthetic cells of a real cell's size to a temporary folder, then times ``overparam ls --stored`` as a fresh
process, beside ``overparam --help`` (the cost of starting) and a bare loop of ``json.loads`` over the same files.
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import common
from synthetic_store import OVERPARAM, fill


def seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def parse(folder: Path) -> float:
    start = time.perf_counter()
    for path in folder.iterdir():
        json.loads(path.read_bytes())
    return time.perf_counter() - start


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--count", type=int)
    args = parser.parse_args()
    count, repeats = args.count or (50 if args.quick else 5000), common.repeats(args)
    environment = common.describe()
    listed, helped, bare = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), count)
        for _ in range(repeats):
            listed.append(seconds(*OVERPARAM, "ls", "--stored", "--out", folder))
            bare.append(parse(Path(folder) / "double-descent" / "cells"))
            helped.append(seconds(*OVERPARAM, "--help"))
    what = {f"Listing {count:,} stored cells": listed, "A bare loop that parses their files": bare,
            "Starting: overparam --help": helped}  # fmt: skip
    found = {text: common.spread(line) for text, line in what.items()}
    first = next(iter(what))
    common.finish(args, {
        "benchmark": "store_listing", "title": "Listing stored cells", "environment": environment,
        "question": "How long does one wait for the list of what is stored?",
        "conditions": {"cells": f"{count:,} synthetic cells of a real cell's size",
                       "repeats": f"{repeats}; wall clock, fresh processes"},
        "goals": [common.goal(text, f, "s", at_most=1.0 if text == first else None) for text, f in found.items()],
        "bars": [{"title": "Seconds", "unit": "s",
                  "values": [{"label": text, "mine": text != list(what)[1], **f} for text, f in found.items()]}],
        "tables": [], "notes": [],
    })  # fmt: skip


if __name__ == "__main__":
    main()
