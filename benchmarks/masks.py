"""What masks cost: a step of a stack of MLPs whose members have masks, over the same stack without.

    python benchmarks/masks.py [--widths 8 64 256 1024]

MLPs 40-H-H-10, batch 100, SGD with momentum; half of every weight's entries are masked, another half for every member. Both
stacks are trained in turns in one process on one core. Times are processor seconds.
"""

import sys

import common
import families

BATCH = 100


def main():
    parser = common.arguments(__doc__, repeats=5)
    parser.add_argument("--widths", type=int, nargs="+")
    parser.add_argument("--steps", type=int, help="steps of a repeat (default: about 0.3 seconds of them)")
    args = parser.parse_args()
    if args.worker:
        common.serve({"seconds": families.seconds})
        return
    goals, rows, bars, repeats = [], [], [], common.repeats(args)
    environment = common.describe()
    with common.Children() as children:
        me = children.start([sys.executable, __file__, "--worker", "serve"], common.cores()[:1])
        for width in args.widths or ([8] if args.quick else [8, 32, 128, 300, 1024]):
            members = 10 if width <= 128 else 2
            taken = args.steps or (2 if args.quick else max(2, int(6e5 / (width + 30) ** 2)))
            times = {False: [], True: []}
            for _ in range(repeats):
                for masked, line in times.items():
                    options = {"name": "mlp", "width": width, "size": 32, "batch": BATCH, "masked": masked}
                    line.append(me.ask("seconds", steps=min(60, taken), members=members, **options)["cpu"])
            found = common.ratios(times[False], times[True])
            goals.append(common.goal(f"With masks over without, H = {width}", found, "x", at_most=1.1))
            bars.append({"label": f"H = {width}", "mine": True, **found})
            rows.append([width, members, *(1e6 * common.spread(line)["median"] for line in times.values())])
            print(f"H = {width}: {common.shown(found, 'x')}", flush=True)
    title = "A step with masks over a step without"
    common.finish(args, {
        "benchmark": "masks", "title": title, "environment": environment, "goals": goals,
        "question": "What do members' own masks cost in a step?",
        "conditions": {
            "problem": "MLPs 40-H-H-10, batch 100, SGD with momentum, half of every weight masked",
            "repeats": f"{repeats}, in turns in one process; processor seconds of one core, after compilation",
        },
        "bars": [{"title": title, "unit": "x", "values": bars}],
        "tables": [{"title": "Microseconds a member and step", "rows": rows,
                    "columns": ["H", "members", "without", "with"]}],
        "notes": [],
    })  # fmt: skip


if __name__ == "__main__":
    main()
