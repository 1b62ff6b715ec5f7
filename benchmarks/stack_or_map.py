"""Members one after another against one batch of arrays: what ``overparam.training.choice`` decides by.

    python benchmarks/stack_or_map.py [--widths 16 64 ... 1024] [--members 4]

MLPs 40-H-H-10, batch 100, SGD with momentum, one core. Both forms take the same steps in turns in one process. Convolutional
networks always come one after another on a CPU: a batch of kernels is a grouped convolution.
"""

import sys

import common
import families

BATCH = 100


def main():
    parser = common.arguments(__doc__, repeats=5)
    parser.add_argument("--widths", type=int, nargs="+")
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--steps", type=int, help="steps of a repeat")
    args = parser.parse_args()
    if args.worker:
        common.serve({"seconds": families.seconds})
        return
    from overparam.models import parameters
    from overparam.training.choice import one_by_one

    goals, rows, bars, repeats = [], [], [], common.repeats(args)
    environment, lost = common.describe(), []
    with common.Children() as children:
        me = children.start([sys.executable, __file__, "--worker", "serve"], common.cores()[:1])
        for width in args.widths or ([16] if args.quick else [16, 64, 128, 200, 300, 450, 700, 1024]):
            taken = args.steps or (2 if args.quick else min(60, max(2, int(2e6 / (width + 30) ** 2))))
            times = {"stack": [], "map": []}
            for _ in range(repeats):
                for form, line in times.items():
                    options = {"name": "mlp", "width": width, "size": 32, "batch": BATCH, "form": form}
                    line.append(me.ask("seconds", steps=taken, members=args.members, **options)["cpu"])
            found = common.ratios(times["stack"], times["map"])
            network = families.network("mlp", width)
            chosen = "map" if one_by_one(network) else "stack"
            lost.append(found["median"] if chosen == "map" else 1 / found["median"])
            goals.append(common.goal(f"Map over stack, H = {width}", found, "x"))
            bars.append({"label": f"H = {width}", "mine": True, **found})
            medians = [1e6 * common.spread(line)["median"] for line in times.values()]
            rows.append([width, parameters(network), *medians, chosen])
            print(f"H = {width}: {common.shown(found, 'x')}, chosen: {chosen}", flush=True)
    goals.append(
        common.goal("The chosen form over the other, worst width", common.spread([max(lost)]), "x", at_most=1.1)
    )
    title = "Members one after another over one batch of arrays"
    common.finish(args, {
        "benchmark": "stack_or_map", "title": title, "environment": environment, "goals": goals,
        "question": "From which size on are members trained one after another?",
        "conditions": {
            "problem": f"MLPs 40-H-H-10, {args.members} members, batch 100, SGD with momentum",
            "repeats": f"{repeats}, in turns in one process; processor seconds of one core, after compilation",
        },
        "bars": [{"title": title, "unit": "x", "values": bars}],
        "tables": [{"title": "Microseconds a member and step", "rows": rows,
                    "columns": ["H", "parameters", "stack", "map", "chosen"]}],
        "notes": [],
    })  # fmt: skip


if __name__ == "__main__":
    main()
