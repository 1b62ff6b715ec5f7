"""How long it takes to list 5,000 stored cells: ``python benchmarks/store_listing.py [COUNT]``.

Writes synthetic cells of a real cell's size to a temporary folder, then times ``overparam ls --stored`` as a fresh
process, beside ``overparam --help`` (the cost of starting) and a bare loop of ``json.loads`` over the same files.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from synthetic_store import OVERPARAM, best, fill


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as folder:
        each = fill(Path(folder), count)
        start = time.perf_counter()
        for path in (Path(folder) / "double-descent" / "cells").iterdir():
            json.loads(path.read_bytes())
        bare = time.perf_counter() - start
        listed = best(*OVERPARAM, "ls", "--stored", "--out", folder)
        helped = best(*OVERPARAM, "--help")
    print(
        f"{count} cells of {each} bytes: ls --stored {listed:.2f} s, bare json loop {bare:.2f} s, "
        f"overparam --help {helped:.2f} s"
    )


if __name__ == "__main__":
    main()
