"""How long it takes to list 5,000 stored cells: ``python benchmarks/store_listing.py [COUNT]``.

Writes synthetic cells of a real cell's size to a temporary folder, then times ``overparam ls --stored`` as a fresh
process, beside ``overparam --help`` (the cost of starting) and a bare loop of ``json.loads`` over the same files.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from overparam.store import CellStore

REPEATS = 3


def fill(folder: Path, count: int) -> None:
    store = CellStore(folder, "double-descent")
    curve = [round(0.123456 * i, 6) for i in range(30)]
    for i in range(count):
        document = {
            "schema": 1,
            "study": "double-descent",
            "cell_version": 1,
            "params": {"data": "mnist1d", "width": i % 300 + 1, "noise": 0.15, "seed": i},
            "values": dict.fromkeys(("step", "test_error", "test_loss", "train_error", "train_loss"), curve),
            "status": "ok",
            "note": "",
            "seconds": 1.5,
        }
        store.folder.mkdir(parents=True, exist_ok=True)
        (store.folder / f"width={i % 300 + 1},seed={i}--{i:016x}.json").write_text(json.dumps(document))


def best(*command: str) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    overparam = str(Path(sys.executable).with_name("overparam"))
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), count)
        start = time.perf_counter()
        for path in (Path(folder) / "double-descent" / "cells").iterdir():
            json.loads(path.read_bytes())
        bare = time.perf_counter() - start
        listed = best(overparam, "ls", "--stored", "--out", folder)
        helped = best(overparam, "--help")
    print(
        f"{count} cells: ls --stored {listed:.2f} s, bare json loop {bare:.2f} s, overparam --help {helped:.2f} s"
    )


if __name__ == "__main__":
    main()
