"""Run the benchmarks and draw their page: ``make bench``, or ``python benchmarks/run.py [--only NAME] [--quick]``.

The peers get an environment of their own, benchmarks/.peers, made from peers.txt; ``--peer PYTHON`` takes another one,
``--peer none`` goes without, and the benchmarks that need a peer are then skipped. Results go to benchmarks/results (with
``--quick`` to benchmarks/.quick, unless ``--out`` is given), each with the environment it was measured in.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

import common
import page

NAMES = tuple(
    name for name in page.ORDER if not name.startswith("own_")
)  # these have peers of their own: see own_network.py
TORCH = {
    "stacked",
    "convolution",
    "pruning",
    "teachers",
    "paths",
}  # compared with PyTorch, which has an environment of its own
PEERS, LIST = common.HERE / ".peers", common.HERE / "peers.txt"


def peer_python():
    """Python of the peers' environment, made when peers.txt is new; empty where that fails."""
    python = PEERS / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp, wanted = PEERS / "installed", hashlib.sha256(LIST.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return str(python)
    print("making the peers' environment in benchmarks/.peers", flush=True)
    venv.create(PEERS, with_pip=True, clear=True)
    done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(LIST)])
    if done.returncode:
        print("the peers could not be installed; benchmarks that need them are skipped", flush=True)
        return ""
    stamp.write_text(wanted)
    return str(python)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast")
    parser.add_argument("--full", action="store_true", help="also what takes many minutes or much memory")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--peer", help="Python that has the packages of peers.txt, or none")
    parser.add_argument("--out", type=Path, help="folder for results and page")
    args = parser.parse_args()
    peer = "" if args.peer == "none" else args.peer or (TORCH & set(args.only) and peer_python()) or ""
    out = args.out or (common.HERE / ".quick" if args.quick else common.RESULTS)
    out.mkdir(parents=True, exist_ok=True)
    options = [f"--{name}" for name in ("quick", "full") if getattr(args, name)] + ["--out", str(out)]
    options += ["--repeats", str(args.repeats)] if args.repeats else []
    failed, skipped = [], []
    for name in args.only:
        print(f"== {name}", flush=True)
        command = [
            sys.executable,
            str(common.HERE / f"{name}.py"),
            *options,
            *(["--peer", peer] if peer else []),
        ]
        code = subprocess.run(command).returncode
        if code == common.SKIPPED:
            skipped.append(name)
        elif code:
            failed.append(name)
    page.draw(out, common.HERE / "README.md" if out == common.RESULTS else None)
    print(f"page: {out / 'index.html'}" + (f"; skipped: {', '.join(skipped)}" if skipped else ""))
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
