"""Flipped labels put first: the order of OP003 against cleanlab 2.9 and the nearest neighbours of the inputs.

    python benchmarks/label_ranking.py --cleanlab PYTHON-WITH-IT [--seeds 10] [--first 7320000] [--out benchmarks/results]

On digits, MNIST and MNIST-1D, each seed draws 400 training and 500 held-out examples and flips 20 % or 5 % of the training
labels to another class. An MLP with 64 hidden units is trained on them, and the check ranks all labels with its tangent kernel.
cleanlab ranks them by what models say that did not see them (5 folds): the same network, stopped early, which is better for it,
and scikit-learn's logistic regression on standardised inputs, as in its tutorials; the best of its three scores is printed.

Given are the area under the ROC curve and the share of flips among the first as many labels as there are flips, means over seeds
with 95 % intervals. The Python of the peer needs cleanlab 2.9, which brings scikit-learn. MNIST is read from OVERPARAM_DATA; data
that are not there are left out and named.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import common

DATA = ("digits", "mnist", "mnist1d")
RATES = (0.2, 0.05)
N, HELD, WIDTH, STEPS, SHORT, FOLDS = 400, 500, 64, 600, 100, 5
FIRST = 7_320_000  # of seeds that set nothing
WAYS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
OURS = {
    "ridge": "OP003, kernel ridge",
    "neighbours": "neighbours in the kernel",
    "neighbours_of_inputs": "neighbours of the inputs",
}
PEERS = {"network": "cleanlab on the network", "logistic": "cleanlab on logistic regression"}
AREA, PRECISION = 0.98, 0.9


def quality(path):
    """Scores of cleanlab for the arrays in a file, high for suspects: in the peer's Python."""
    import cleanlab
    import numpy as np
    from cleanlab.rank import get_label_quality_scores
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    given = np.load(path)
    x, labels = given["x"], given["labels"]
    plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    said = {
        "network": given["probabilities"].astype(np.float64),
        "logistic": cross_val_predict(plain, x, labels, cv=FOLDS, method="predict_proba"),
    }
    found = {
        name: {way: (-get_label_quality_scores(labels, one, method=way)).tolist() for way in WAYS}
        for name, one in said.items()
    }
    return {"version": cleanlab.__version__, "scores": found}


def drawn(data, rate, seed):
    """Training inputs and labels, held-out ones, and which labels were flipped."""
    import numpy as np

    x, y = (np.concatenate([getattr(data, name), getattr(data, f"{name}_test")]) for name in ("x", "y"))
    rng = np.random.default_rng((seed, round(100 * rate)))
    order = rng.permutation(len(y))[: N + HELD]
    own, held = order[:N], order[N:]
    flipped = np.zeros(N, dtype=bool)
    flipped[rng.choice(N, round(rate * N), replace=False)] = True
    labels = y[own].astype(np.int64)
    labels[flipped] = (labels[flipped] + rng.integers(1, 10, int(flipped.sum()))) % 10
    return x[own], labels, (x[held], y[held].astype(np.int64)), flipped


def trained(cases, seeds):
    """Parameters on all labels, and for every example what a network says that was trained without its fold."""
    import jax
    import numpy as np

    import overparam
    from overparam.training import Member, Recipe, train

    inputs = cases[0][0].shape[1]
    network = overparam.mlp(inputs, (WIDTH,), 10)

    def run(steps, members):
        recipe = Recipe(steps=steps, learning_rate=0.003, optimizer="adam", batch=50, probes=2)
        x, y = members[0].x[:2], members[0].y[:2]
        return [
            jax.tree.map(np.asarray, one.params)
            for one in train(network, recipe, members, x, x, y, keep_params=True)
        ]

    whole = run(
        STEPS, [Member(seed, labels, x=x) for seed, (x, labels, _, _) in zip(seeds, cases, strict=True)]
    )
    folds = np.arange(N) % FOLDS
    parts = [(x[folds != k], labels[folds != k]) for x, labels, _, _ in cases for k in range(FOLDS)]
    left = run(SHORT, [Member(seeds[i // FOLDS], y, x=x) for i, (x, y) in enumerate(parts)])
    said = []
    for i, (x, _, _, _) in enumerate(cases):
        one = np.zeros((N, 10))
        for k in range(FOLDS):
            out = np.asarray(network.apply(left[i * FOLDS + k], x[folds == k]), np.float64)
            out = np.exp(out - out.max(1, keepdims=True))
            one[folds == k] = out / out.sum(1, keepdims=True)
        said.append(one)
    return network, whole, said


def area(score, flipped):
    """Area under the ROC curve, ties counted half."""
    from scipy.stats import rankdata

    ones = int(flipped.sum())
    return float((rankdata(score)[flipped].sum() - ones * (ones + 1) / 2) / (ones * (len(score) - ones)))


def precision(score, flipped):
    """Share of flips among the first as many labels as there are flips."""
    import numpy as np

    first = np.argsort(-score, kind="stable")[: flipped.sum()]
    return float(flipped[first].mean())


def ranked(network, params, case, seed):
    """Scores of the check by position, and its answer."""
    import numpy as np

    from overparam.own.diagnosis import diagnose

    x, labels, held, _ = case
    found = diagnose(network, (x, labels), held, params=params, only="OP003", budget=1e6, seed=seed)
    scores = {}
    for name, score in {"ridge": found.labels.score, **found.labels.more}.items():
        scores[name] = np.empty(N)
        scores[name][found.labels.index] = score
    return scores, found["OP003"].status


def measured(name, rate, seeds, peer, say):
    """Area and precision of every score on every seed of a data set and a rate."""
    import numpy as np

    import overparam
    from overparam.data import flatten

    data = flatten(overparam.load_data(name))
    cases = [drawn(data, rate, seed) for seed in seeds]
    network, whole, said = trained(cases, seeds)
    values, answers, version = {}, [], ""
    for at, case in enumerate(cases):
        x, labels, _, flipped = case
        scores, status = ranked(network, whole[at], case, seeds[at])
        answers.append(status)
        if peer is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "case.npz"
                np.savez(path, x=x, labels=labels, probabilities=said[at])
                theirs = peer.ask("quality", path=str(path))
            version = theirs["version"]
            scores |= {
                f"{who}:{way}": np.array(one)
                for who, ways in theirs["scores"].items()
                for way, one in ways.items()
            }
        for who, score in scores.items():
            values.setdefault(who, []).append((area(score, flipped), precision(score, flipped)))
        say(
            f"{name} {rate:.0%} seed {seeds[at]}: {status}, "
            + ", ".join(f"{k} {v[-1][0]:.4f} {v[-1][1]:.3f}" for k, v in values.items())
        )
    return {"data": name, "rate": rate, "answers": answers, "version": version, "scores": summed(values)}


def summed(values):
    """Means over seeds with intervals; of the peer's three scores the one with the largest area."""
    import numpy as np

    from overparam.own.diagnosis.intervals import mean_of

    found = {}
    for who, rows in values.items():
        table = np.array(rows)
        one = {
            what: dict(zip(("mean", "low", "high"), mean_of(table[:, at]), strict=True))
            for at, what in enumerate(("area", "precision"))
        }
        one |= {
            "each": {"area": table[:, 0].tolist(), "precision": table[:, 1].tolist()},
            "way": who.partition(":")[2],
        }
        name = who.partition(":")[0]
        if name not in found or one["area"]["mean"] > found[name]["area"]["mean"]:
            found[name] = one
    return found


def told(one):
    """A mean with its interval."""
    return f"{one['mean']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def tables(found):
    """A row for every data set, rate and score."""
    rows = []
    for case in found:
        counts = ", ".join(
            f"{case['answers'].count(s)} {s}" for s in ("yes", "no", "inconclusive") if s in case["answers"]
        )
        for who, words in (OURS | PEERS).items():
            if who in case["scores"]:
                one = case["scores"][who]
                rows.append(
                    [
                        case["data"],
                        f"{case['rate']:.0%}",
                        words,
                        told(one["area"]),
                        told(one["precision"]),
                        one["way"] or counts,
                    ]
                )
    head = [
        "data",
        "flipped",
        "score",
        "area under ROC",
        "precision at the true count",
        "answers of OP003, or cleanlab's best score",
    ]
    return [{"title": "Means over seeds, 95 % intervals", "columns": head, "rows": rows}]


def main():
    parser = common.arguments(__doc__)
    parser.add_argument(
        "--cleanlab", default=os.environ.get("OVERPARAM_CLEANLAB", ""), help="Python that has cleanlab 2.9"
    )
    parser.add_argument("--seeds", type=int, help="seeds a data set and rate (default 10; 2 with --quick)")
    parser.add_argument("--first", type=int, default=FIRST, help="first seed")
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA)
    args = parser.parse_args()
    if args.worker:
        common.serve({"quality": quality})
        return
    if not args.cleanlab:
        common.skip("label_ranking needs cleanlab in a Python of its own: give --cleanlab PYTHON")
    many = args.seeds or (2 if args.quick else 10)
    if many < 2:
        parser.error("--seeds: expected at least 2, for an interval")
    from overparam.core.errors import OverparamError

    environment = common.describe()
    seeds, found, notes = [args.first + i for i in range(many)], [], []
    with common.Children() as children:
        peer = children.start([args.cleanlab, __file__, "--worker", "quality"], common.cores()[:1])
        for name in args.data:
            try:
                found += [
                    measured(name, rate, seeds, peer, lambda text: print(text, flush=True)) for rate in RATES
                ]
            except OverparamError as error:
                notes.append(f"{name} is left out: {error}")
    if not found:
        common.skip("; ".join(notes))
    environment["peers"] = {"cleanlab": found[0]["version"]}
    goals = []
    for case in found:
        if case["data"] == "digits":
            for what, least in (("area", AREA), ("precision", PRECISION)):
                each = case["scores"]["ridge"]["each"][what]
                text = f"digits, {case['rate']:.0%} flipped, {what}"
                goals.append(common.goal(text, common.spread(each), "", at_least=least))
    common.finish(
        args,
        {
            "benchmark": "label_ranking", "title": "Wrong labels put first", "environment": environment,
            "question": "How well do flipped labels come first, beside cleanlab and the neighbours of the inputs?",
            "conditions": {
                "labels": f"{N} a network, {HELD} held out; {many} seeds from {args.first} on",
                "network": f"MLP, {WIDTH} hidden units, Adam 3e-3, batch 50, {STEPS} steps; in the folds {SHORT}",
                "goals": "the median over seeds counts; means with intervals are in the table",
            },
            "goals": goals, "bars": [], "tables": tables(found), "notes": notes,
            "cases": [{name: case[name] for name in ("data", "rate", "answers", "scores")} for case in found],
        },
    )  # fmt: skip
    if not args.out:
        print(json.dumps(tables(found), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
