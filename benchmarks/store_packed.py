"""A large store, packed: ``python benchmarks/store_packed.py [COUNT]``, by default 100,000 cells.

Writes synthetic cells of a real cell's size, then times each verb as a fresh process: listing the loose files,
packing them, listing, the scan of a resumed run, a query, merging into an empty folder and again, the run that
concludes the record and draws the page, and unpacking. Prints seconds, memory and bytes. Goal: listing packed cells
within 2 s.
"""

import sys
import tempfile
import time
from pathlib import Path

from synthetic_store import OVERPARAM, fill, folder_bytes, grid, timed

from overparam.data import fingerprint

SQL = (
    "SELECT width, noise, avg(test_error) AS error, count(*) AS n, max(len(test_error_by_step)) AS points "
    "FROM double_descent GROUP BY ALL ORDER BY ALL"
)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        out, other = f"{folder}/runs", f"{folder}/other"
        start = time.perf_counter()
        each = fill(Path(out), count, fingerprint("mnist1d"))
        print(f"{count} cells of about {each} bytes, written in {time.perf_counter() - start:.1f} s")
        loose = folder_bytes(Path(out))
        widths, noises, seeds = grid(count)
        axes = [
            "--widths",
            ",".join(map(str, widths)),
            "--noise",
            ",".join(map(str, noises)),
            "--seeds",
            str(seeds),
        ]
        run = ["run", "double-descent", *axes, "--out", out]
        steps = [
            ("overparam --help", ["--help"]),
            ("ls --stored, files", ["ls", "--stored", "--out", out]),
            ("run --dry-run, files", [*run, "--dry-run"]),
            ("pack", ["pack", "--out", out]),
            ("ls --stored, packed", ["ls", "--stored", "--out", out]),
            ("ls double-descent --stored, packed", ["ls", "double-descent", "--stored", "--out", out]),
            ("run --dry-run, packed", [*run, "--dry-run"]),
            ("query", ["query", SQL, "--out", out, "--csv"]),
            ("merge into an empty folder", ["merge", out, "--out", other]),
            ("merge again", ["merge", out, "--out", other]),
            ("run: record and page, nothing to compute", [*run, "--workers", "1"]),
            ("pack --unpack", ["pack", "--unpack", "--out", out]),
        ]
        packed = 0
        for what, arguments in steps:
            seconds, busy, memory = timed(*OVERPARAM, *arguments)
            print(f"{what:42} {seconds:7.2f} s, processor {busy:7.2f} s, {memory:6.0f} MB", flush=True)
            packed = folder_bytes(Path(out)) if what == "pack" else packed
    print(f"files {loose / 1e6:.1f} MB, packed {packed / 1e6:.1f} MB ({loose / packed:.1f} times less)")


if __name__ == "__main__":
    main()
