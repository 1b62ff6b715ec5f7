"""Over-realised students of a relu teacher whose nodes are unequally strong: Tian (2019).

Students with 1, 2, 5 and 10 nodes for every node of a two-layer teacher see examples of it. The fan-out of teacher node i is
divided by (i + 1)^decay. Which nodes are found, when, and what becomes of the gradient of every single example?
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DIMENSION, N, RATE, SEED, STEPS, Axis, Claim, Control, Estimate, Hero, Params, World, arm,
    charts, grid, later, line, on_average, per_seed, planned, power_law, preferred, profiles, scalar, study)  # fmt: skip

FACTORS = (0.5, 1.0, 2.0, 5.0, 10.0)
NAMES = {0.5: "0_5", 1.0: "1", 2.0: "2", 5.0: "5", 10.0: "10"}
FRAMES = {
    "first": "at the first probe",
    "early": "half of the probes later",
    "late": "three quarters",
    "end": "at the end",
}
DECAYS = (0.0, 0.5, 1.0, 1.5)

AXES = (
    Axis("data", "Law of the inputs: Gaussian, of standard deviation 1.5.", str, "gaussian", choices=("gaussian",), flag="data"),
    DIMENSION.but(default=30, help="Features."),
    Axis("nodes", "Hidden nodes of the teacher.", int, 10, low=4, high=100, flag="nodes"),
    Axis("outputs", "Targets.", int, 20, low=1, high=1000),
    Axis("decay", "Exponent p: the fan-out of teacher node i is divided by (i + 1)^p.", float, 0.0, low=0.0, high=5.0, flag="decay"),
    Axis("factors", "Student nodes for every teacher node, all in one cell.", float, FACTORS, choices=FACTORS, inside_cell=True),
    Axis("deep_factor", "The same for students of two hidden layers.", int, 5, low=1, high=20),
    Axis("deep_rate", "Learning rate of students of two hidden layers.", float, 0.004, low=1e-6),
    N.but(default=10_000, help="Training examples."), STEPS.but(default=20_000, low=100, help="Steps of SGD."),
    BATCH.but(default=16), RATE.but(help="Learning rate of SGD without momentum.", default=0.01),
    SEED.but(help="Draws the teacher, the examples, the start and the minibatches."))  # fmt: skip

PROFILES = profiles(
    {"data": "gaussian", "nodes": 10, "factors": FACTORS, "n": 10_000, "batch": 16, "learning_rate": 0.01},
    quick=("10 nodes in 30 dimensions, two decays, 12,000 steps, 5 seeds: about a minute on two cores",
           {"d": 30, "outputs": 20, "decay": (0.0, 1.0), "steps": 12_000, "seed": planned(5)}),
    laptop=("10 nodes in 100 dimensions, 50 targets, four decays, 20,000 steps, 5 seeds",
            {"d": 100, "outputs": 50, "decay": DECAYS, "steps": 20_000, "seed": planned(5)}),
    paper=("the published sweep: 4 widths (and one below), 5, 10 and 20 nodes, 6 decays, 100,000 steps, 32 seeds: hours",
           {"d": 100, "outputs": 50, "nodes": (5, 10, 20), "decay": (0.0, 0.5, 1.0, 1.5, 2.0, 2.5), "steps": 100_000,
            "seed": planned(32)}))  # fmt: skip

# what is measured: lines over the width, and over the steps of students of one width
factor, step = grid("factor", words="student nodes a teacher node"), grid("step", words="step")
coverage = line("coverage", "share of teacher nodes found", "points", times=100)
cover_time = line("cover_time", "steps to 80 % of the nodes")
ranks = line("order", "rank correlation of a node's place with the time at which it is learnt")
half_gap = line(
    "half_gap", "share of the stronger half found less that of the weaker half", "points", times=100
)
thin = line("thin", "size of students that match no node over that of those that do")
final_loss = line("final_loss", "loss at the end")
SMALLEST = 3e-4  # gradient from which on float32 tells little
HERE, EQUAL = preferred(1.0), arm("equally strong nodes", decay=0.0)
UNEQUAL = arm("nodes of unequal strength", decay=HERE)


def akaike(found: Any, times: Any) -> list[float]:
    """Akaike's criterion of an exponential less that of a power law for the logarithm of the largest gradient.

    Both have two parameters. The points are those from where the gradient has fallen to a tenth of its largest value.
    """
    import numpy as np

    out, at = [], np.asarray(times, float)
    for row in np.asarray(found, float):
        low = np.flatnonzero(row <= row.max() / 10)
        some = np.arange(len(row)) >= (low[0] if len(low) else len(row))
        some &= row > SMALLEST
        if some.sum() < 5:
            out.append(np.nan)
            continue
        y = np.log(row[some])
        rest = [np.square(y - np.polyval(np.polyfit(x, y, 1), x)).sum() for x in (at[some], np.log(at[some]))]
        out.append(float(some.sum() * np.log(rest[0] / rest[1])))
    return out


def aligning(found: Any, miss: Any) -> list[float]:
    """Slope of the logarithm of what is missing to a correlation of 1 over that of the largest gradient, late in the run."""
    import numpy as np

    out = []
    for g, rest in zip(np.asarray(found, float), np.asarray(miss, float), strict=True):
        some = (np.arange(len(g)) >= len(g) // 2) & (g > SMALLEST) & (rest > 1e-6)
        out.append(float(np.polyfit(np.log(g[some]), np.log(rest[some]), 1)[0]) if some.sum() >= 5 else np.nan)
    return out


def late_law(name: str) -> Any:
    """How much better a power law describes the fall of the largest gradient than an exponential."""
    words = f"Akaike's criterion of an exponential less that of a power law, largest gradient of one example, {name}"
    return per_seed(akaike, words, line(f"gradient_{name}", "gradient"), step)


def together(name: str, miss: str) -> Any:
    """How the alignment of nodes follows the largest gradient of one example."""
    words = "power of the largest gradient of one example with which 1 - correlation falls, second half of the probe times"
    return per_seed(aligning, words, line(name, "gradient"), line(miss, "1 - correlation"))
