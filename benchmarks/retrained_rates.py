"""How often the checks that train are wrong: planted cases on digits, judged by the rules of the checks themselves.

Every case is a training set of its own, drawn from the 1,797 digits, with the rest held out, and five seeds, the fewest that the
checks take. The truth of a setting is its mean effect over all cases. Writes ``results/retrained_rates.json``.

    python benchmarks/retrained_rates.py --cases 60
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy.stats import beta

import overparam
from overparam.data import flatten
from overparam.models import mlp
from overparam.models.state import leaves
from overparam.own.diagnosis.check import FOLDER
from overparam.own.diagnosis.checks import random_labels as fitting
from overparam.own.diagnosis.checks import tickets, wider
from overparam.own.retraining.targets import random_labels
from overparam.training import Checkpoint, Member, Recipe, train

SEEDS = 5
EXAMPLES = 200
RECIPE = Recipe(300, 3e-3, optimizer="adam", batch=50, probes=2)
LONG = Recipe(600, 3e-3, optimizer="adam", batch=50, probes=2)
RESULTS = Path(__file__).parent / "results" / "retrained_rates.json"
RATES = FOLDER.parent / "error_rates_trained.json"


def digits() -> tuple[np.ndarray, np.ndarray]:
    """All digits."""
    data = flatten(overparam.load_data("digits"))
    return np.concatenate([data.x, data.x_test]), np.concatenate([data.y, data.y_test])


class Cases:
    """Training sets, and trainings on them."""

    def __init__(self, cases: int, first: int) -> None:
        self.x, self.y = digits()
        self.rows = [np.random.default_rng((first + i, 0)).permutation(len(self.x)) for i in range(cases)]

    def train(
        self, width: int, recipe: Recipe, labels: Any = None, masks: Any = None, starts: Any = None
    ) -> list[list[Any]]:
        """Parameters of every case and seed."""
        network = mlp(64, (width,), 10)
        members, begun = [], []
        for i, rows in enumerate(self.rows):
            kept = rows[:EXAMPLES]
            for s in range(SEEDS):
                y = self.y[kept] if labels is None else labels[i][s]
                mask = None if masks is None else masks[i][s]
                members.append(Member(1000 * i + s, y, x=self.x[kept], mask=mask))
                if starts is not None:
                    begun.append(Checkpoint(starts[i][s]))
        some = self.x[:1], self.x[:1], self.y[:1]
        runs = train(network, recipe, members, *some, probes={}, keep_params=True, start=begun or None)
        flat = [jax.tree.map(np.asarray, run.params) for run in runs]
        return [flat[i * SEEDS : (i + 1) * SEEDS] for i in range(len(self.rows))]

    def errors(
        self, params: list[list[Any]], case: int, held_out: bool = True, labels: Any = None
    ) -> np.ndarray:
        """Errors in percent on what a case holds out, or on what it was trained on, shape ``(seeds, examples)``."""
        rows = self.rows[case][EXAMPLES:] if held_out else self.rows[case][:EXAMPLES]
        aims = [self.y[rows]] * SEEDS if labels is None else labels
        return np.array(
            [100.0 * (forward(p, self.x[rows]).argmax(1) != y) for p, y in zip(params[case], aims, strict=True)]
        )


def forward(params: Any, x: np.ndarray) -> np.ndarray:
    """Outputs of a network with one hidden layer."""
    first, last = params["hidden1"], params["output"]
    return np.maximum(x @ first["weight"].T + first["bias"], 0) @ last["weight"].T + last["bias"]


def bound(wrong: int, n: int) -> float:
    """Upper end of the one-sided 95 % interval of a share."""
    return 1.0 if wrong == n else float(beta.ppf(0.95, wrong + 1, n - wrong))


def told(statuses: list[str], effects: list[float], truth: str, **more: Any) -> dict[str, Any]:
    """What a setting gave."""
    n, found = len(statuses), Counter(statuses)
    return {
        "truth": truth, "cases": n, "mean_effect": float(np.mean(effects)), "statuses": dict(found),
        "wrong_yes": found["yes"] if truth == "no" else None,
        "wrong_no": found["no"] if truth == "yes" else None,
        "bound_yes": bound(found["yes"], n) if truth == "no" else None, **more,
    }  # fmt: skip


def widths(cases: Cases, grid: tuple[int, ...]) -> list[dict[str, Any]]:
    """OP008 from each width to twice it."""
    made = {w: cases.train(w, RECIPE) for w in grid}
    fits = {
        w: float(np.mean([cases.errors(made[w], i, held_out=False) for i in range(len(cases.rows))]))
        for w in grid
    }
    found = []
    for narrow in grid:
        if 2 * narrow not in made:
            continue
        judged = [
            wider.judged(cases.errors(made[narrow], i), cases.errors(made[2 * narrow], i))
            for i in range(len(cases.rows))
        ]
        effects = [gain.mean for _, _, gain in judged]
        truth = "yes" if np.mean(effects) >= wider.POINTS else "no"
        more = {"width": narrow, "training_error_percent": fits[narrow]}
        found.append(told([one for one, _, _ in judged], effects, truth, **more))
    return found


def labels(cases: Cases) -> list[dict[str, Any]]:
    """OP009 where there are too few parameters, and where there are many."""
    drawn = [
        [random_labels(cases.y[rows[:EXAMPLES]], np.random.default_rng((s, 9, i))) for s in range(SEEDS)]
        for i, rows in enumerate(cases.rows)
    ]
    found = []
    for width, recipe in ((2, RECIPE), (8, RECIPE), (64, LONG)):
        made = cases.train(width, recipe, labels=drawn)
        judged = [
            fitting.judged(100.0 - cases.errors(made, i, held_out=False, labels=drawn[i]))
            for i in range(len(made))
        ]
        effects = [one[1] for one in judged]
        apart = float(np.mean(effects)) - fitting.FITTED
        truth = (
            "edge" if abs(apart) < 1 else "yes" if apart > 0 else "no"
        )  # at the cut-off itself neither is right
        found.append(told([one[0] for one in judged], effects, truth, width=width, steps=recipe.steps))
    return found


def pruned(cases: Cases, width: int) -> list[dict[str, Any]]:
    """OP010 where the ticket is drawn at random like its control, and where it is the largest weights."""
    dense = cases.train(width, RECIPE)
    network, names = mlp(64, (width,), 10), ("hidden1/weight", "output/weight")
    found = []
    for criterion in ("random", "large_final"):
        arms: Mapping[int, list[Any]] = {0: [], 1: []}
        starts: Mapping[int, list[Any]] = {0: [], 1: []}
        for i, some in enumerate(dense):
            rows: Mapping[int, list[Any]] = {0: [], 1: []}
            begun: Mapping[int, list[Any]] = {0: [], 1: []}
            for s, params in enumerate(some):
                both = tickets.masks_of(dict(leaves(params)), names, 1000 * i + s, criterion)
                first = network.init(jax.random.key(1000 * i + s))
                for arm, mask in enumerate(both):
                    rows[arm].append(mask)
                    begun[arm].append(mask.apply(first))
            for arm in (0, 1):
                arms[arm].append(rows[arm])
                starts[arm].append(begun[arm])
        ticket, other = (cases.train(width, RECIPE, masks=arms[arm], starts=starts[arm]) for arm in (0, 1))
        judged = [
            tickets.judged(*(cases.errors(one, i) for one in (dense, ticket, other)))
            for i in range(len(cases.rows))
        ]
        lost, better = (float(np.mean([one[k].mean for one in judged])) for k in (2, 3))
        truth = "yes" if criterion != "random" and lost <= tickets.SAME and better > 0 else "no"
        more = {
            "criterion": criterion,
            "width": width,
            "ticket_above_whole": lost,
            "random_above_ticket": better,
        }
        found.append(told([one[0] for one in judged], [lost], truth, **more))
    return found


def shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside the answers: for each check its false yes, and what it says where yes is true."""
    checks = {}
    for code, settings in found["checks"].items():
        false = [one for one in settings if one["wrong_yes"] is not None]
        true = [one for one in settings if one["truth"] == "yes"]
        wrong, n = sum(one["wrong_yes"] for one in false), sum(one["cases"] for one in false)
        most = 100 * bound(wrong, n)
        words = f"yes in {wrong} of {n} cases on digits where it is not true (at most {most:.2g} % with 95 % confidence)"
        if true:
            said = sum(one["statuses"].get("yes", 0) for one in true)
            words += f"; in {said} of {sum(one['cases'] for one in true)} where it is"
        checks[code] = {"false": wrong, "of": n, "upper": bound(wrong, n), "words": f"{words}."}
    return {"made_by": "benchmarks/retrained_rates.py", "networks": found["setting"], "checks": checks}


def main() -> None:
    """Run all settings and write what they gave."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--cases", type=int, default=60)
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--only", default="OP008,OP009,OP010")
    given = asked.parse_args()
    cases = Cases(given.cases, given.first)
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"setting": {}, "checks": {}}
    found["setting"] = {
        "data": "digits", "examples": EXAMPLES, "held_out": len(cases.x) - EXAMPLES, "seeds": SEEDS, "cases": given.cases,
        "network": "mlp 64-width-10, relu", "recipe": "Adam 3e-3, batch 50, 300 steps",
    }  # fmt: skip
    for code, run in (
        ("OP008", lambda: widths(cases, (4, 8, 64, 128))),
        ("OP009", lambda: labels(cases)),
        ("OP010", lambda: pruned(cases, 32)),
    ):
        if code in given.only:
            began = time.time()
            found["checks"][code] = run()
            print(code, f"{time.time() - began:.0f} s", json.dumps(found["checks"][code], indent=1), flush=True)
            RESULTS.write_text(json.dumps(found, indent=1) + "\n")
            RATES.write_text(json.dumps(shown(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
