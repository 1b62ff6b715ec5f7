"""The table of docs/theory.md: each line a formula, its parameters, and a simulation of the same."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from overparam.theory import noise_floor, random_feature_risk, ridgeless_risk, weak_features_risk
from tests import simulations

B = np.full(100, 0.1)
LAM = 1.0 / np.arange(1, 401) ** 1.5
K = (30, 60, 100, 200, 800)
SIZES = (20, 60, 200)
FLOORS = (15, 30, 200)


@dataclass(frozen=True)
class Line:
    """One number: what, the figures printed in the literature notes, the value, the simulation."""

    what: str
    printed: str
    theory: float
    simulated: float | None = None
    error: float | None = None
    repetitions: int = 0


def ridgeless_case(n: int) -> dict[str, Any]:
    lam = 1.0 / np.sqrt(np.arange(1, 5 * n + 1))
    return {
        "eigenvalues": lam,
        "coefficients": np.sqrt(1.0 / lam.sum()) * np.ones(5 * n),
        "n": n,
        "noise": 0.25,
    }


def lines(scale: float = 0.0) -> list[Line]:
    """The table; simulated with that share of the repetitions, or not at all."""
    out = []
    reps = max(2, round(2000 * scale))
    theory = weak_features_risk(B, 20, (5, 30, 60), 0.25)
    found = simulations.weak_features(B, 20, (5, 30, 60), 0.25, reps) if scale else None
    for i, (p, was) in enumerate(zip((5, 30, 60), ("1.428", "2.228", "0.926"), strict=True)):
        out.append(_line(f"weak features, n = 20, p = {p}", was, theory[i], found, i, reps))
    for n, was, share in zip(SIZES, ("2.068", "1.335", "1.107"), (1.0, 0.25, 0.05), strict=True):
        reps = max(2, round(2000 * share * scale))
        case = ridgeless_case(n)
        one = simulations.covariance(**case, repetitions=reps) if scale else None
        found = None if one is None else ([one[0]], [one[1]])
        out.append(_line(f"ridgeless, n = {n}, p = {5 * n}", was, ridgeless_risk(**case), found, 0, reps))
    reps = max(2, round(400 * scale))
    theory = random_feature_risk(LAM, LAM, 60, K, 1e-3, 0.25)
    found = simulations.random_features(LAM, LAM, 60, K, 1e-3, 0.25, reps) if scale else None
    for i, (k, was) in enumerate(zip(K, ("1.071", "4.93", "0.881", "0.515", "0.395"), strict=True)):
        out.append(_line(f"random features, n = 60, k = {k}", was, theory[i], found, i, reps))
    reps = max(2, round(2000 * scale))
    theory = noise_floor(20, FLOORS, 1.0)
    found = simulations.noise_part(20, FLOORS, 1.0, reps) if scale else None
    for i, (p, was) in enumerate(zip(FLOORS, ("2.50", "1.82", "0.11"), strict=True)):
        out.append(_line(f"noise floor, n = 20, p = {p}", was, theory[i], found, i, reps))
    return out


def _line(what: str, printed: str, theory: Any, found: Any, i: int, reps: int) -> Line:
    if found is None:
        return Line(what, printed, float(theory))
    return Line(what, printed, float(theory), float(found[0][i]), float(found[1][i]), reps)


def markdown(table: list[Line]) -> str:
    """The table in Markdown."""
    head = [
        "| what | formula | simulation (s.e., repetitions) | printed elsewhere, another draw |",
        "|---|---|---|---|",
    ]
    rows = [
        f"| {x.what} | {x.theory:.3f} | {x.simulated:.3f} ({x.error:.3f}, {x.repetitions}) | {x.printed} |"
        for x in table
    ]
    return "\n".join([*head, *rows])


if __name__ == "__main__":
    print(markdown(lines(1.0)))  # noqa: T201
