"""Linear systems of m equations in n unknowns: the smallest example of what more parameters do.

Every n of one cell is solved in closed form, with two arms beside it: ``copies_``, where half of the unknowns repeat
others, and ``whitened_``, where all singular values are made equal.
"""

from __future__ import annotations

import math
from typing import Any

from overparam.core import (SEED, Axis, Claim, Control, Estimate, Params, Progress, UsageError, World, arm, around,
    charts, computed, each_cell, grid, line, per_point, per_seed, planned, profiles, renamed, study)  # fmt: skip

RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.94, 0.97, 1.0, 1.03, 1.05, 1.1, 1.15, 1.25, 1.5, 2.0, 3.0,
          4.0, 6.0, 10.0)  # fmt: skip
EXACT_DRAWS = 16  # right-hand sides solved where a solution exists: rounding needs no average

AXES = (
    Axis("data", "Law of the rows of A: standard normal, or uniform on the unit sphere.", str, "gaussian",
         choices=("gaussian", "sphere"), flag="data"),
    Axis("m", "Number of equations.", int, 200, low=2, flag="m"),
    Axis("ratio", "Numbers of unknowns per equation n/m, all in one cell.", float, RATIOS, low=0.001, high=100,
         inside_cell=True, flag="ratios"),
    Axis("draws", "Right-hand sides, each N(0, I), over which a residual is averaged.", int, 4000, low=16, flag="draws"),
    Axis("tolerance", "Relative error of x at which iterations are counted.", float, 1e-6, low=1e-12, high=0.5,
         flag="tolerance"),
    SEED.but(help="Draws the matrices and the right-hand sides."))  # fmt: skip

PROFILES = profiles(
    {"data": "gaussian", "ratio": RATIOS, "draws": 4000, "tolerance": 1e-6, "seed": planned(20)},
    quick=("200 equations, 20 to 2,000 unknowns, 10 seeds: seconds", {"m": 200, "seed": planned(10)}),
    laptop=("100, 200 and 400 equations, up to ten times as many unknowns, 20 seeds", {"m": (100, 200, 400)}),
    paper=("1,000 equations, 100 to 10,000 unknowns, 20 seeds; the slides show no experiment of their own", {"m": 1000}),
)  # fmt: skip

# fmt: off
# what is measured: lines over n/m, one a seed
ratio, residual, solvable, steps = grid("ratio", words="n/m"), line("residual"), line("solvable"), line("iterations")
share = per_point(lambda left, r: left / (1 - r), "mean of |Ax - b|^2 / |b|^2 over 1 - n/m, at n < m",
                  residual.inside(ratio < 1), ratio)
rounding = per_seed(lambda left: [math.log10(max(*row, 1e-40)) for row in left],
                    "largest of these residuals over all n >= m, as a power of ten", residual.inside(ratio >= 1))
matched = per_seed(lambda left, right: ((1 - left).sum(axis=1) + right.sum(axis=1)) / (left.shape[1] + right.shape[1]),
                   "share of the sizes at which rank(A) = m if and only if n >= m",
                   solvable.inside(ratio < 1), solvable.inside(ratio >= 1), estimate="worst")
# fmt: on
GRID = (around(ratio.between(0.8, 1.25), points=5, near=1.0),)
COPIES, WHITE = "half of the unknowns repeat others, rank n/2 rounded up", "all singular values made equal"
WHITENED = arm(WHITE, metrics=renamed("whitened_", "iterations"))
OURS = ("Version 1 was listed as a claim of the slides, which do not speak of gradient descent here. It is a question of ours "
        "now, with the same cut-offs.")  # fmt: skip

# planted worlds: every claim is tested where it is false by a hair (null) and where it is true (effect)
LAW = tuple(max(1 - r, 1e-26) for r in RATIOS)


def descent(at: float = 1.0, end: float = 5.0) -> Any:
    """Iterations that peak at a ratio, are 1,000 at 1.05, and ``end`` from 4 on."""
    return (0.1, 20.0), (at / 1.02, 1e3), (at, 1e5), (at * 1.02, 1e3), (at * 1.1, 1e3), (4.0, end), (10.0, end)


WORLD = World(
    ("ratio", RATIOS), seeds=10, straight=("solvable", "copies_solvable"),
    lines={"residual": LAW, "copies_residual": [max(1 - r / 2, 1e-3) for r in RATIOS], "iterations": descent(),
           "whitened_iterations": [1.0] * len(RATIOS), "solvable": [r >= 1 for r in RATIOS],
           "copies_solvable": [r >= 2 for r in RATIOS]},
    spread={"residual": 0.01, "copies_residual": 0.01, "iterations": 0.2})  # fmt: skip

CLAIMS = (
    Claim("residual", "Below m unknowns a random right-hand side keeps the share 1 - n/m of its squared length as "
          "residual, on average; from n = m on nothing is left.", ("L48",), "he2021",
          share.every.within(0.97, 1.03) & rounding.at_most(-20.0), needs=GRID, chart="residual", kind="check",
          control=Control("The same rule finds another line.", arm(COPIES, metrics=renamed("copies_", "residual"))),
          history=("Version 1 was listed as a claim of the slides, which do not speak of the residual: the mean is exact for "
                   "normal right-hand sides. It is a check now, of every n < m by itself; version 1 read the n at which the "
                   "mean over the seeds was farthest from 1.",),
          null=(*(WORLD.but(residual=[times * y for y in LAW]) for times in (0.95, 1.05)),
                WORLD.but(residual=[1.06 * y if r == 0.8 else y for r, y in zip(RATIOS, LAW, strict=True)]),
                WORLD.but(residual=[max(y, 1e-19) for y in LAW])), effect=WORLD),
    Claim("solvable", "Ax = b has a solution for every b exactly when there are at least as many unknowns as equations, "
          "n >= m (for a matrix of full rank).", ("L48",), "he2021", matched.at_least(1.0), needs=GRID, chart="rank",
          control=Control("The same rule disagrees: enough unknowns do not suffice.",
                          arm(COPIES, metrics=renamed("copies_", "solvable"))),
          history=("Version 1 took the mean over the seeds; one seed in which it does not hold now fails the check.",),
          null=(WORLD.but(solvable=[r >= 1.03 for r in RATIOS]),), effect=WORLD, kind="check"),
    Claim("slowest", "Does gradient descent need most iterations where unknowns and equations are equally many?",
          ("L48",), "he2021", steps.peak_place(ratio).within(0.9, 1.1), needs=GRID, chart="iterations",
          control=Control("The same rule finds no peak at n = m.", WHITENED), kind="question", history=(OURS,),
          null=tuple(WORLD.but(iterations=descent(at)) for at in (0.9, 1.1)), effect=WORLD),
    Claim("faster", "Does gradient descent become fast with more unknowns than equations: at n = 4m less than a twentieth "
          "of the iterations at n = 1.05m?", ("L48",), "he2021",
          (steps.at(ratio.near(4)) / steps.at(ratio.near(1.05))).at_most(1 / 20),
          needs=GRID, chart="iterations", control=Control("The same rule finds no gain.", WHITENED), kind="question",
          history=(OURS,), null=(WORLD.but(iterations=descent(end=50)),), effect=WORLD))  # fmt: skip

PLAIN, HALF, EDGES = "Gaussian A", "half of the unknowns are copies", "-theory: Marchenko-Pastur edges"
CHARTS = charts(
    {"ratio": "unknowns per equation n/m", "unknowns": "unknowns n"},
    residual=("What no choice of x can fit", "residual |Ax - b|^2 / |b|^2",
              {"residual": PLAIN, "copies_residual": HALF, "theory_residual": "-theory: 1 - n/m"},
              "Mean over right-hand sides. From n = m on the residual is rounding, about 1e-28."),
    rank=("Rank of the system", "log rank of A",
          {"rank": PLAIN, "copies_rank": HALF, "theory_rank": "-theory: min(m, n)"},
          "Every right-hand side has a solution where the rank reaches the number of equations. Counted are singular "
          "values above max(m, n) times 2.2e-16 of the largest."),
    iterations=("Iterations of gradient descent", "log iterations to the asked relative error of x",
                {"iterations": PLAIN, "whitened_iterations": WHITE, "theory_iterations": EDGES},
                "From the singular values, without running the iterations; step 2/(largest + smallest squared singular "
                "value). The theory line bounds the iterations of an infinitely large system and has a pole at n = m; a "
                "finite one has a smallest singular value above zero."),
    condition=("Condition number", "log condition number of A^T A on its range",
               {"condition": PLAIN, "theory_condition": EDGES}))  # fmt: skip


@each_cell
def work(cell: Params, progress: Progress) -> dict[str, Any]:
    """Solve every size of one cell, plain and in the two control arms."""
    import numpy as np

    from overparam.data import load
    from overparam.data.stream import stream
    from overparam.theory.marchenko1967 import condition, descent_iterations, mean_descent_iterations

    m, tolerance = cell["m"], cell["tolerance"]
    sizes = [max(1, round(ratio * m)) for ratio in cell["ratio"]]
    if sizes != sorted(set(sizes)):
        raise UsageError(f"--ratios: expected ascending ratios that give different numbers of unknowns at m = {m}, "
                         f"got {sizes}. Leave some out, or use more equations.")  # fmt: skip
    b = stream("linear-system", cell["seed"]).standard_normal((m, cell["draws"]))
    rows = []
    for n in sizes:
        a = load(f"{cell['data']}:n={m},d={n},n_test=1,seed={cell['seed']}").x.astype(np.float64)
        (found, u, s, vt), kappa = solved(a, b), condition(m, n)
        copies, *_ = solved(np.concatenate([a[:, : n - n // 2], a[:, : n // 2]], axis=1), b)
        white = np.linalg.svd(u @ vt, compute_uv=False)[: len(s)]
        rows.append({
            "unknowns": n, "ratio": n / m, "condition": float(s[0] / s[-1]) ** 2, **found,
            **{f"copies_{name}": value for name, value in copies.items()},
            "iterations": mean_descent_iterations(s, tolerance),
            "whitened_iterations": mean_descent_iterations(white, tolerance),
            "theory_residual": max(0.0, 1 - n / m), "theory_rank": min(m, n), "theory_condition": kappa,
            "theory_iterations": descent_iterations(kappa, tolerance)})  # fmt: skip
        progress(len(rows) / len(sizes))
    return {name: [row[name] for row in rows] for name in rows[0]}


def solved(a: Any, b: Any) -> tuple[dict[str, float], Any, Any, Any]:
    """Rank and mean residual of A over right-hand sides, x really computed; and U, s, V^T without what is rounding."""
    import numpy as np

    u, s, vt = np.linalg.svd(a, full_matrices=False)
    rank = int((s > max(a.shape) * np.finfo(np.float64).eps * s[0]).sum())
    u, s, vt, b = u[:, :rank], s[:rank], vt[:rank], b if rank < len(a) else b[:, :EXACT_DRAWS]
    left = b - a @ (vt.T @ ((u.T @ b) / s[:, None]))
    residual = float(((left**2).sum(axis=0) / (b**2).sum(axis=0)).mean())
    return {"rank": rank, "solvable": int(rank == len(a)), "residual": residual}, u, s, vt


def estimate(cell: Params) -> Estimate:
    """Three singular value decompositions a size, the residuals, and the draw of the matrices."""
    m, draws, sizes = cell["m"], cell["draws"], [max(1.0, ratio * cell["m"]) for ratio in cell["ratio"]]
    flops = sum(64 * min(m, n) ** 2 * max(m, n) + 6 * m * n * draws * (n < 2 * m) + 1e3 * m * n for n in sizes)
    return computed(flops, 8 * m * max(sizes) + 6 * m * draws)


STUDY = study(
    name="linear-system", title="A linear system as it gains unknowns",
    question="When does Ax = b have a solution, and how fast does gradient descent find it?",
    x="ratio", sources=("he2021", "marchenko1967"), stack_limit=1,
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=work, estimate=estimate,
    values=("unknowns", "ratio", "rank", "copies_rank", "theory_rank", "solvable", "copies_solvable", "residual",
            "copies_residual", "theory_residual", "condition", "theory_condition", "iterations", "whitened_iterations",
            "theory_iterations"),
    differences=(
        "The slides write the condition for a solution as 'rank(A) <= n', which holds for every matrix with n columns "
        "and so asks nothing. Read here as: at least as many unknowns as equations, n >= m.",
        "A random matrix has full rank; n >= m alone does not suffice for others, as the control shows.",
        "The slides show no experiment and do not speak of gradient descent here: its iterations are added, as the "
        "smallest example of more parameters making training faster.",
        "Iterations are computed from the singular values in closed form and averaged over right-hand sides, for the "
        "step that is best for each matrix.",
        "A is given with 24-bit entries, as the data set's inputs are; all computations are in float64.",
        "For one seed the matrices of all sizes are cut from one stream of numbers: sizes are not independent.",
    ))  # fmt: skip
