"""Your own network: tangent kernels, Hessian-vector products, curvature and the checkup, against the packages that people use.

    python benchmarks/own_network.py --peer PYTHON [--tangents PYTHON] [--geometry PYTHON] [--torch PYTHON] [--only SECTION ...]

Each section is a file that also runs alone, says there what it measures, and writes its own result: own_kernel.py,
own_products.py, own_curvature.py, own_diagnose.py. ``--peer`` is a Python with the packages of peers_curvature.txt,
``--tangents`` one with neural-tangents. This Python needs PyTorch, Flax and the package, or ``--torch`` names one for the
kernels and the checkup.
"""

import subprocess
import sys
from pathlib import Path

import common

SECTIONS = ("kernel", "products", "curvature", "diagnose")


def main():
    parser = common.arguments(__doc__, repeats=5)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    for name in ("torch", "tangents", "geometry"):
        parser.add_argument(f"--{name}", default="", help=f"Python for {name}")
    args = parser.parse_args()
    if not args.peer:
        common.skip("own_network needs the peers of peers_curvature.txt: give --peer PYTHON")
    failed = []
    for section in args.only:
        print(f"== own_{section}", flush=True)
        code = subprocess.run(command(section, args)).returncode
        if code not in (0, common.SKIPPED):
            failed.append(section)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def command(section, args):
    """What runs a section."""
    found = [sys.executable, str(Path(__file__).with_name(f"own_{section}.py"))]
    if section in ("kernel", "diagnose"):
        found += ["--torch", args.torch or sys.executable]
    if section == "kernel":
        found += ["--tangents", args.tangents, "--geometry", args.geometry or args.peer]
    if section in ("products", "curvature"):
        found += ["--peer", args.peer]
    found += [f"--{name}" for name in ("quick", "full") if getattr(args, name)]
    found += ["--repeats", str(args.repeats)] if args.repeats else []
    return found + (["--out", str(args.out)] if args.out else [])


if __name__ == "__main__":
    main()
