"""How often the checks that train are wrong: planted cases on digits, judged by the rules of the checks themselves.

    python benchmarks/retrained_rates.py            # measures on fresh seeds; writes results/retrained_rates.json and the rates
    python benchmarks/retrained_rates.py --set 5    # 5 cases of each setting on the other seeds; writes nothing

Every case is a training set of its own, drawn from the 1,797 digits, with the rest held out, and five seeds, the fewest that the
checks take. The truth of a setting is its mean effect over all cases; within a point of the cut-off of OP009 neither answer is
right. Settings: for OP008 a network at which twice the width changes the error by less than half a point, and two at the
interpolation threshold, which is about the smallest width that fits; for OP009 too few weights, and enough; for OP010 a mask
drawn like its control, and a network that has a ticket.

Seeds: the settings and the rules were chosen on cases 0 to 99 of each setting; the rates are measured on cases from 731,000 on,
which set nothing: other training sets, starts, orders, random labels and masks, of the same 1,797 digits.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
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
FALSE, TRUE = 60, 10  # cases of a setting where yes is not true, which give the rate, and of one where it is
EXAMPLES = 200
SET, FRESH = 0, 731_000  # first cases: those on which settings were chosen, and those that measure the rates
APART = 100  # cases between two settings, so that no two share a training set
RESULTS = Path(__file__).parent / "results" / "retrained_rates.json"
RATES = FOLDER.parent / "error_rates_trained.json"


def recipe(steps: int) -> Recipe:
    """How all of them are trained."""
    return Recipe(steps, 3e-3, optimizer="adam", batch=50, probes=2)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """All digits."""
    data = flatten(overparam.load_data("digits"))
    return np.concatenate([data.x, data.x_test]), np.concatenate([data.y, data.y_test])


class Cases:
    """Training sets, and trainings on them."""

    def __init__(self, cases: int, first: int) -> None:
        self.first = first
        self.x, self.y = digits()
        self.rows = [np.random.default_rng((first + i, 0)).permutation(len(self.x)) for i in range(cases)]

    def seed(self, case: int, at: int) -> int:
        """Seed of a training."""
        return 1000 * (self.first + case) + at

    def train(
        self, width: int, steps: int, labels: Any = None, masks: Any = None, starts: Any = None
    ) -> list[list[Any]]:
        """Parameters of every case and seed."""
        network = mlp(64, (width,), 10)
        members, begun = [], []
        for i, rows in enumerate(self.rows):
            kept = rows[:EXAMPLES]
            for s in range(SEEDS):
                y = self.y[kept] if labels is None else labels[i][s]
                mask = None if masks is None else masks[i][s]
                members.append(Member(self.seed(i, s), y, x=self.x[kept], mask=mask))
                if starts is not None:
                    begun.append(Checkpoint(starts[i][s]))
        some = self.x[:1], self.x[:1], self.y[:1]
        runs = train(network, recipe(steps), members, *some, probes={}, keep_params=True, start=begun or None)
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
    found = Counter(statuses)
    return {
        "truth": truth, **more, "cases": len(statuses), "mean_effect": float(np.mean(effects)), "statuses": dict(found),
        "wrong_yes": found["yes"] if truth == "no" else None,
        "wrong_no": found["no"] if truth == "yes" else None,
    }  # fmt: skip


def widths(cases: Cases, narrow: int, steps: int) -> dict[str, Any]:
    """OP008 from a width to twice it."""
    few, many = (cases.train(width, steps) for width in (narrow, 2 * narrow))
    own = range(len(cases.rows))
    judged = [wider.judged(cases.errors(few, i), cases.errors(many, i)) for i in own]
    effects = [gain.mean for _, _, gain in judged]
    return told(
        [one for one, _, _ in judged], effects, "yes" if np.mean(effects) >= wider.POINTS else "no",
        width=narrow, steps=steps,
        training_error_percent=float(np.mean([cases.errors(few, i, held_out=False) for i in own])),
    )  # fmt: skip


def labels(cases: Cases, width: int, steps: int) -> dict[str, Any]:
    """OP009 at a width."""
    drawn = [
        [
            random_labels(cases.y[rows[:EXAMPLES]], np.random.default_rng((s, 9, cases.first + i)))
            for s in range(SEEDS)
        ]
        for i, rows in enumerate(cases.rows)
    ]
    made = cases.train(width, steps, labels=drawn)
    judged = [
        fitting.judged(100.0 - cases.errors(made, i, held_out=False, labels=drawn[i])) for i in range(len(made))
    ]
    effects = [one[1] for one in judged]
    apart = float(np.mean(effects)) - fitting.FITTED
    truth = "edge" if abs(apart) < 1 else "yes" if apart > 0 else "no"
    return told([one[0] for one in judged], effects, truth, width=width, steps=steps)


def pruned(cases: Cases, width: int, steps: int, criterion: str) -> dict[str, Any]:
    """OP010 where the ticket is drawn at random like its control, or is the largest weights."""
    dense = cases.train(width, steps)
    network, names = mlp(64, (width,), 10), ("hidden1/weight", "output/weight")
    masks: Mapping[int, list[Any]] = {0: [], 1: []}
    starts: Mapping[int, list[Any]] = {0: [], 1: []}
    for i, some in enumerate(dense):
        both = [
            tickets.masks_of(dict(leaves(params)), names, cases.seed(i, s), criterion)
            for s, params in enumerate(some)
        ]
        begun = [network.init(jax.random.key(cases.seed(i, s))) for s in range(len(some))]
        for arm in (0, 1):
            masks[arm].append([one[arm] for one in both])
            starts[arm].append([one[arm].apply(start) for one, start in zip(both, begun, strict=True)])
    ticket, other = (cases.train(width, steps, masks=masks[arm], starts=starts[arm]) for arm in (0, 1))
    judged = [
        tickets.judged(*(cases.errors(one, i) for one in (dense, ticket, other)))
        for i in range(len(cases.rows))
    ]
    lost, better = (float(np.mean([one[k].mean for one in judged])) for k in (2, 3))
    truth = "yes" if criterion != "random" and lost <= tickets.SAME and better > 0 else "no"
    return told(
        [one[0] for one in judged], [lost], truth,
        criterion=criterion, width=width, steps=steps, random_above_ticket=better,
    )  # fmt: skip


# how many cases, the function, what it is given; for each check first those where yes is not true, then those where it is
SETTINGS: Mapping[str, tuple[tuple[int, Callable[..., dict[str, Any]], tuple[Any, ...]], ...]] = {
    "OP009": ((FALSE, labels, (8, 300)), (TRUE, labels, (128, 600))),
    "OP008": ((FALSE, widths, (64, 300)), (TRUE, widths, (7, 900)), (TRUE, widths, (8, 900))),
    "OP010": ((FALSE, pruned, (16, 300, "random")), (TRUE, pruned, (128, 300, "large_final"))),
}


def shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside the answers: for each check its false yes, and what it says where yes is true."""
    checks = {}
    for code, settings in found["checks"].items():
        some = {truth: [one for one in settings if one["truth"] == truth] for truth in ("no", "yes")}
        cases = {truth: sum(one["cases"] for one in rows) for truth, rows in some.items()}
        wrong = sum(one["wrong_yes"] for one in some["no"])
        upper = bound(wrong, cases["no"])
        words = f"yes in {wrong} of {cases['no']} cases on digits where it is not true (at most {100 * upper:.2g} % with 95 %"
        words += " confidence)"
        if some["yes"]:
            said = [sum(one["statuses"].get(status, 0) for one in some["yes"]) for status in ("yes", "no")]
            words += f"; in {cases['yes']} where it is, yes in {said[0]} and no in {said[1]}"
        checks[code] = {"false": wrong, "of": cases["no"], "upper": upper, "words": f"{words}."}
    return {
        "made_by": "benchmarks/retrained_rates.py", "networks": found["setting"], "seeds": found["seeds"], "checks": checks,
    }  # fmt: skip


def main() -> None:
    """Run all settings and write what they gave."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument(
        "--set", type=int, help="so many cases of the seeds on which settings were chosen; nothing is written"
    )
    asked.add_argument("--only", default=",".join(SETTINGS))
    given = asked.parse_args()
    first = FRESH if given.set is None else SET
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() and given.set is None else {"checks": {}}
    found["setting"] = {
        "data": "digits", "examples": EXAMPLES, "held_out": len(digits()[0]) - EXAMPLES, "seeds": SEEDS,
        "network": "mlp 64-width-10, relu", "recipe": "Adam 3e-3, batch 50",
    }  # fmt: skip
    found["seeds"] = {"set_the_rules": [SET, SET + APART - 1], "measured_from": FRESH, "cases_apart": APART}
    for code, settings in SETTINGS.items():
        if code not in given.only:
            continue
        rows = []
        for at, (many, run, how) in enumerate(settings):
            began = time.process_time()
            rows.append(run(Cases(given.set or many, first + APART * at), *how))
            print(code, f"{time.process_time() - began:.0f} s of processor", json.dumps(rows[-1]), flush=True)
        found["checks"][code] = rows
        if given.set is None:
            RESULTS.write_text(json.dumps(found, indent=1) + "\n")
            RATES.write_text(json.dumps(shown(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
