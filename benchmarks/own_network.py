"""Your own network: tangent kernels, Hessian-vector products and curvature against the packages that people use.

    python benchmarks/own_network.py --peer PYTHON [--torch PYTHON] [--tangents PYTHON] [--geometry PYTHON] [--only SECTION ...]

Each section is a file that also runs alone, and says there what it measures: own_kernel.py, own_products.py, own_curvature.py.
``--peer`` is a Python with the packages of peers_curvature.txt. This Python needs PyTorch, Flax and the package.
"""

import sys
import tempfile
from pathlib import Path

import common
import own_curvature
import own_kernel
import own_products

SECTIONS = ("kernel", "products", "curvature")


def main():
    parser = common.arguments(__doc__, repeats=5)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    for name in ("torch", "tangents", "geometry"):
        parser.add_argument(f"--{name}", default="", help=f"Python for {name} (tangent kernels)")
    args = parser.parse_args()
    if not args.peer:
        common.skip("own_network needs the peers of peers_curvature.txt: give --peer PYTHON")
    found = {"goals": [], "bars": [], "tables": [], "notes": []}
    environment = common.describe()
    for section in args.only:
        for kind, lines in measured(section, args).items():
            found[kind] += lines
    common.finish(args, {
        "benchmark": "own_network", "title": "Your own network", "environment": environment,
        "question": "Are kernels, products and curvature of a person's own network as fast as the fastest peer, and right?",
        "conditions": {"repeats": f"{common.repeats(args)}, in turns; processor seconds of one core"},
        **found,
    })  # fmt: skip


def measured(section, args):
    """Goals, bars, tables and notes of a section."""
    if section == "kernel":
        pythons = {
            "torch": args.torch or sys.executable,
            "tangents": args.tangents,
            "geometry": args.geometry or args.peer,
        }
        size = dict(own_kernel.SHORT if args.quick else own_kernel.LONG)
        return own_kernel.section(pythons, size, common.repeats(args))
    with tempfile.TemporaryDirectory() as folder, common.Children() as children:
        name = "peer_own_products.py" if section == "products" else "peer_torch_curvature.py"
        command = ["env", "-u", "PYTHONPATH", args.peer, str(Path(__file__).with_name(name))]
        other = children.start(command, common.cores()[:1])
        if section == "products":
            return own_products.measured(children, other, common.repeats(args), args.quick)
        return own_curvature.measured(children, other, common.repeats(args), args.quick, Path(folder))


if __name__ == "__main__":
    main()
