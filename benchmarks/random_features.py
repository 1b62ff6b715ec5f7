"""The whole random-feature curve against one solve a width: numpy.linalg.lstsq, and scikit-learn's Ridge.

    python benchmarks/random_features.py [--n 1000] [--threads 1] [--repeats 3] [--full]

Ours is ``overparam.training.closed_form.min_norm`` on the widths of the study random-features; it draws features a block
at a time, twice. The peers draw all features once and then solve every width by itself, which is what one would write.
Each curve is computed in a process of its own, whose largest memory is told; all take turns on the same cores. The curves
of ours and of lstsq must agree wherever the features are well-conditioned.

``--full`` adds the curve of Belkin et al. (n = 10,000, up to 60,000 features; ours takes minutes and up to 12 GB). There
lstsq is timed on affordable sizes only; its whole curve is extrapolated by a law of operations fitted to those.
"""

import functools
import sys

import common
from common import Clock, goal, ratios, spread

PENALTY = 1e-8
AGREEMENT, WELL = 1e-6, 1e6
GOAL = 10.0


# --- in the worker ---


@functools.cache
def problem(data, n, n_test, scale):
    """Inputs, one-hot targets and the feature map."""
    import numpy as np

    from overparam.data import load, subset
    from overparam.models.random_features import RandomFeatures, fourier_scale

    if data == "random":
        rng = np.random.default_rng(0)
        x, x_test = rng.standard_normal((n, 64)), rng.standard_normal((n_test or n, 64))
        labels, test_labels = (np.argmax(a[:, :10], axis=1) for a in (x, x_test))
    else:
        whole = load(data, download=False)
        part = subset(whole, n, min(n_test or whole.n_test, whole.n_test), seed=0)
        x, x_test = (a.reshape(len(a), -1).astype(np.float64) for a in (part.x, part.x_test))
        labels, test_labels = part.y, part.y_test
    one_hot = np.eye(10)
    features = RandomFeatures("fourier", x.shape[1], 0, scale or fourier_scale(x))
    return x, x_test, one_hot[labels], one_hot[test_labels], features


def ours(data, n, n_test, scale, widths):
    """The curve by one factorisation and running Gram matrices."""
    from overparam.training.closed_form import min_norm
    from overparam.training.nested import held

    x, x_test, y, y_test, phi = problem(data, n, n_test, scale)
    drawing = []

    def columns(inputs):
        def draw(start, stop):
            with Clock() as clock:
                drawn = phi(inputs, start, stop)
            drawing.append(clock.wall)
            return drawn

        return draw

    with Clock() as clock:
        train, test = (held(columns(inputs), len(inputs), widths[-1]) for inputs in (x, x_test))
        fits = min_norm(train, test, y, y_test, widths)
    found = {"losses": [fit.test_loss for fit in fits], "conditions": [fit.condition for fit in fits]}
    return {**clock.seconds(), **found, "drawing": sum(drawing), "peak": common.peak_bytes()}


def one_by_one(data, n, n_test, scale, widths, how):
    """The curve by one solve a width."""
    import numpy as np

    if how == "ridge":
        from sklearn.linear_model import Ridge
    x, x_test, y, y_test, phi = problem(data, n, n_test, scale)
    losses = []
    with Clock() as clock:
        with Clock() as drawing:
            features, tests = phi(x, 0, widths[-1]), phi(x_test, 0, widths[-1])
        for width in widths:
            if how == "ridge":
                model = Ridge(alpha=PENALTY, fit_intercept=False).fit(features[:, :width], y)
                predicted = model.predict(tests[:, :width])
            else:
                predicted = tests[:, :width] @ np.linalg.lstsq(features[:, :width], y, rcond=None)[0]
            losses.append(float(np.square(predicted - y_test).sum(axis=1).mean()))
    return {**clock.seconds(), "losses": losses, "drawing": drawing.wall, "peak": common.peak_bytes()}


def one_lstsq(n, width):
    """Seconds of one lstsq of a random matrix with 10 targets; its cost hardly depends on the entries."""
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((n, width)), rng.standard_normal((n, 10))
    with Clock() as clock:
        np.linalg.lstsq(a, b, rcond=None)
    return clock.wall


# --- in the runner ---


def law(sizes, seconds):
    """Fit ``seconds = a max min^2 + b min^3`` over sizes ``(n, width)``, relative errors weighed equally.

    Returns:
        The prediction as a function of n and width, and the largest relative error on the sizes given.

    >>> predict, error = law([(10, 5), (10, 10), (20, 10)], [2 * 250 + 125, 2 * 1000 + 1000, 2 * 2000 + 1000])
    >>> round(predict(30, 10), 6), round(error, 6)
    (7000.0, 0.0)
    """
    import numpy as np
    from scipy.optimize import nnls

    def terms(n, width):
        return np.array([max(n, width) * min(n, width) ** 2, min(n, width) ** 3], dtype=float)

    rows = np.array([terms(*size) / s for size, s in zip(sizes, seconds, strict=True)])
    top = rows.max(axis=0)
    found = nnls(rows / top, np.ones(len(rows)))[0] / top
    return lambda n, width: float(terms(n, width) @ found), float(np.abs(rows @ found - 1).max())


def contest(args, threads, repeats, request):
    """All replies by contestant, one a repeat, each from a fresh process."""
    ways = {
        "ours": ("ours", {}),
        "lstsq a width": ("one_by_one", {"how": "lstsq"}),
        "Ridge a width": ("one_by_one", {"how": "ridge"}),
    }
    replies = {name: [] for name in ways}
    for repeat in range(repeats):
        names = list(ways)[repeat % len(ways) :] + list(ways)[: repeat % len(ways)]
        for name in names:
            do, more = ways[name]
            replies[name].append(alone(threads, do, **request, **more))
    return replies


def alone(threads, do, **request):
    """One answer of a fresh process on the given number of cores."""
    with common.Children() as children:
        return children.start([sys.executable, __file__, "--worker", "serve"], common.cores()[:threads]).ask(
            do, **request
        )


def agreement(replies):
    """Largest relative difference of test losses, ours and lstsq, where the features are well-conditioned."""
    mine, theirs = replies["ours"][0], replies["lstsq a width"][0]
    both = zip(mine["losses"], theirs["losses"], mine["conditions"], strict=True)
    apart = [abs(a / b - 1) for a, b, condition in both if condition < WELL]
    if not apart or max(apart) > AGREEMENT:
        raise SystemExit(f"ours and lstsq disagree: {apart}; asked: at most {AGREEMENT:g}")
    return max(apart), len(apart)


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--data", default="digits", help="digits, mnist, mnist1d or random")
    parser.add_argument("--n", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--full-threads", type=int, default=min(2, len(common.cores())))
    args = parser.parse_args()
    if args.worker:
        common.serve({"ours": ours, "one_by_one": one_by_one, "one_lstsq": one_lstsq})
        return
    from overparam.studies.random_features import PAPER_WIDTHS, widths

    n, repeats = args.n or (60 if args.quick else 1000), common.repeats(args)
    environment = common.describe()
    request = {"data": args.data, "n": n, "n_test": 0, "scale": 0.0, "widths": widths(n)}
    replies = contest(args, args.threads, repeats, request)
    apart, compared = agreement(replies)
    wall = {name: [reply["wall"] for reply in line] for name, line in replies.items()}
    cpu = {name: [reply["cpu"] for reply in line] for name, line in replies.items()}
    curve = f"curve of {len(widths(n))} widths, n = {n:,}"
    goals = [
        goal(
            f"Against one lstsq a width, {curve}",
            ratios(wall["ours"], wall["lstsq a width"]),
            "x",
            at_least=GOAL,
        ),
        goal(
            f"Against one Ridge a width, {curve}",
            ratios(wall["ours"], wall["Ridge a width"]),
            "x",
            at_least=GOAL,
        ),
        goal(
            f"Against one lstsq a width, {curve}, in processor time",
            ratios(cpu["ours"], cpu["lstsq a width"]),
            "x",
        ),
        goal(
            f"Against one Ridge a width, {curve}, in processor time",
            ratios(cpu["ours"], cpu["Ridge a width"]),
            "x",
        ),
    ]
    solving = {name: [reply["wall"] - reply["drawing"] for reply in line] for name, line in replies.items()}
    goals += [
        goal(
            f"Against one {name}, {curve}, drawing of features not counted",
            ratios(solving["ours"], solving[name]),
            "x",
        )
        for name in solving
        if name != "ours"
    ]
    goals += [
        goal(f"Largest memory, {name}", spread(reply["peak"] / 1e6 for reply in line), "MB")
        for name, line in replies.items()
    ]
    slowness = [w / c for name in wall for w, c in zip(wall[name], cpu[name], strict=True)]
    notes = [
        f"Test losses of ours and of lstsq differ by at most {apart:.1e} at the {compared} widths where the condition "
        f"number is below {WELL:g} (asked: {AGREEMENT:g}). Nearer to the threshold both are rounding.",
        f"Ridge with penalty {PENALTY:g} forms Gram matrices and so answers another question: close to the minimum-norm "
        "solution where that is well-conditioned, not near the threshold, and without telling rank or condition.",
        *(common.busy(slowness) if args.threads == 1 else []),
    ]
    bars = [
        {"title": f"Seconds of the {curve}", "unit": "s",
         "values": [{"label": k, "mine": k == "ours", **spread(v)} for k, v in wall.items()]},
    ]  # fmt: skip
    table = [
        [k, *(spread(v)[part] for part in ("median", "low", "high")), spread(solving[k])["median"]]
        for k, v in wall.items()
    ]
    conditions = {
        "problem": f"Fourier features of {args.data}, {curve} from {widths(n)[0]:,} to {widths(n)[-1]:,}, 10 classes",
        "threads": f"{args.threads} for each contestant", "repeats": f"{repeats}, fresh processes in turns; wall clock",
    }  # fmt: skip
    if args.full:
        goals += full(args, PAPER_WIDTHS, notes, conditions)
    common.finish(args, {
        "benchmark": "random_features", "title": "A nested curve against one solve a width",
        "question": "How much sooner is the double-descent curve of random features there when widths share their work?",
        "environment": environment, "conditions": conditions, "goals": goals, "bars": bars,
        "tables": [{
            "title": f"Seconds of the {curve}",
            "columns": ["contestant", "median", "lowest", "highest", "median without drawing features"],
            "rows": table,
        }],
        "notes": notes,
    })  # fmt: skip


def full(args, widths, notes, conditions):
    """The published size: ours once, lstsq by extrapolation."""
    threads = args.full_threads
    n = 10_000
    print(f"n = {n:,} on {threads} cores: ours takes minutes", flush=True)
    mine = alone(threads, "ours", data="mnist", n=n, n_test=0, scale=0.2, widths=widths)
    sizes = [(1500, 1500), (3000, 3000), (3000, 9000), (n, 500), (n, 1000), (n, 2000)]
    predict, error = law(
        sizes, [min(alone(threads, "one_lstsq", n=a, width=b) for _ in range(2)) for a, b in sizes]
    )
    held = (n, 3000)
    real = alone(threads, "one_lstsq", n=held[0], width=held[1])
    total = sum(predict(n, width) for width in widths)
    off = predict(*held) / real - 1
    notes.append(
        f"n = {n:,}: ours measured once ({mine['wall']:.0f} s, {mine['peak'] / 1e9:.1f} GB). The {len(widths)} lstsq "
        f"solves are extrapolated to {total:,.0f} s, not counting predictions, by a law a max min^2 + b min^3 "
        f"fitted to {len(sizes)} affordable sizes (largest relative error {error:.0%}); a size left out of the fit, "
        f"{held[0]:,} x {held[1]:,}, was predicted {off:+.0%} off."
    )
    conditions["full size"] = f"MNIST, n = {n:,}, widths to {widths[-1]:,}, {threads} threads each"
    text = f"Against one lstsq a width (extrapolated), the published curve of {len(widths)} widths, n = {n:,}"
    return [
        goal(text, spread([total / mine["wall"]]), "x", at_least=GOAL),
        goal(f"Ours, the published curve, n = {n:,}", spread([mine["wall"]]), "s"),
        goal(f"Largest memory, ours, n = {n:,}", spread([mine["peak"] / 1e9]), "GB"),
    ]


if __name__ == "__main__":
    main()
