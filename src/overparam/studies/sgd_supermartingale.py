"""The device in the proof that SGD stays near its start, in two parameters: Oymak and Soltanolkotabi (2019).

One tanh unit with two inputs and two samples, so that the expectation over the next step is a sum of two terms and the cover
of a disc is a grid. What rises and what falls in expectation is computed exactly, at states all over the disc.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (Axis, Claim, Control, Estimate, Params, Progress, World, arm, charts, each_cell, planned, profiles,
    study, worst)  # fmt: skip

RINGS = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # distances of states from the start, in radii
KINDS = ("start", "cover", "printed", "corrected")
ROUNDING = 1e-9

AXES = (
    Axis("data", "Law of the two samples.", str, "gaussian", choices=("gaussian",), flag="data"),
    Axis("around", "States on each of ten circles.", int, 24, low=4, high=1000),
    Axis("cover", "Points of the cover along a radius.", int, 40, low=8, high=200),
    Axis("seed", "Draws samples, start and labels.", int, 0, low=0, flag="seeds"))  # fmt: skip

PROFILES = profiles(
    {"data": "gaussian"},
    quick=("240 states, about 5,000 points, 5 seeds: seconds", {"around": 24, "cover": 40, "seed": planned(5)}),
    laptop=("1,000 states, 10 seeds", {"around": 100, "cover": 40, "seed": planned(10)}),
    paper=("10,000 states, 20 seeds; the slides have none", {"around": 1000, "cover": 60, "seed": planned(20)}))  # fmt: skip

WORLD = World(("radius", RINGS), seeds=5, lists={
    "start": [1.0] * 10, "cover": [0.8] * 10, "printed": [0.7] * 10, "corrected": [-1.0] * 10,
    "large_corrected": [3.0] * 10, "large_cover": [9.0] * 10})  # fmt: skip
DRIFT = "expected rise at the next step over the length of the mean step"
L15, SLIDES = ("L15",), "soltanolkotabi2019"

CLAIMS = (
    Claim("one-step", "In expectation the mean distance to a fine cover rises by at most three mean steps, "
          "(3 eta/n) |J^T r|.", L15, SLIDES,
          worst("cover", f"{DRIFT}, of the mean distance to the cover").at_most(3.0).together(),
          arm("all states in the disc"),
          chart="drift", kind="check", effect=WORLD, null=(WORLD.but(lists={"cover": [0.8] * 9 + [3.01]}),)),
    Claim("corrected", "The mean distance to the cover plus (6/alpha) |r| never rises in expectation: a super-martingale.", L15,
          SLIDES,
          worst("corrected", f"{DRIFT}, of distance plus residual").at_most(ROUNDING).together(),
          arm("all states in the disc"),
          Control("A step of 20/b^2, with which a sample's own residual grows.", arm(metrics={"corrected": "large_corrected"})),
          chart="corrected", kind="check", effect=WORLD, null=(WORLD.but(lists={"corrected": [-1.0] * 9 + [0.01]}),)),
    Claim("printed", "Is the potential a super-martingale as it stands on the slide, the mean distance to the cover plus "
          "(3 eta/n) |J^T r|?", L15, SLIDES,
          worst("printed", f"{DRIFT}, of the potential as printed").at_most(ROUNDING).together(),
          arm("all states in the disc"), chart="drift", kind="question",
          effect=WORLD.but(lists={"printed": [-0.1] * 10}), null=(WORLD,)))  # fmt: skip

CHARTS = charts(
    {"radius": "lin distance from the start over the radius"},
    drift=("What rises in expectation", "largest expected rise over the mean step",
           {"start": "distance to the start (attempt I)", "cover": "mean distance to the cover", "printed": "as printed"},
           "Worst of the states on a circle. Below 0 it falls in expectation everywhere there."),
    corrected=("With the residual in it the potential falls", "largest expected rise over the mean step",
               {"corrected": "mean distance to the cover plus (6/alpha) |r|"}))  # fmt: skip


@each_cell
def work(cell: Params, progress: Progress) -> dict[str, Any]:
    """Exact expected rises at states on ten circles, with the step of the proof and with one far too large."""
    import numpy as np

    from overparam.data.stream import stream

    rng = stream("sgd-supermartingale", cell["seed"])
    toy = problem(rng)
    angles = 2 * np.pi * (np.arange(cell["around"]) + rng.uniform()) / cell["around"]
    side = np.linspace(-1, 1, 2 * cell["cover"] + 1)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    points = toy["start"] + toy["radius"] * points[(points**2).sum(axis=1) <= 1]
    found: dict[str, list[float]] = {"radius": list(RINGS)}
    for at, ring in enumerate(RINGS):
        states = toy["start"] + ring * toy["radius"] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        for prefix, step in (("", toy["step"]), ("large_", toy["unstable"])):
            rises = np.array([rise(toy, state, step, points) for state in states]).max(axis=0)
            for name, value in zip(KINDS, rises, strict=True):
                found.setdefault(prefix + name, []).append(float(value))
        progress((at + 1) / len(RINGS))
    return found | {"alpha": toy["alpha"], "eta": toy["step"], "disc": toy["radius"]}


def problem(rng: Any) -> dict[str, Any]:
    """Two samples, a start, labels so near to its values that the key lemma holds, and the step that the proof allows.

    With J the Jacobian at the start, alpha is half of its smallest singular value, L a Lipschitz constant of the Jacobian, the
    residual alpha^2/(4 L), the radius four residuals over alpha, and the step alpha^2/(8 B^2 b^2) with B at least the norm of J
    and b at least that of its rows anywhere.
    """
    import numpy as np

    while True:
        x, start = rng.standard_normal((2, 2)), 0.5 * rng.standard_normal(2)
        alpha = np.linalg.svd(jacobian(x, start), compute_uv=False)[-1] / 2
        if alpha > 0.1:
            break
    lipschitz = (
        4 / (3 * 3**0.5) * float(np.sqrt(((x**2).sum(axis=1) ** 2).sum()))
    )  # of tanh' it is 4/(3 sqrt 3)
    size = alpha**2 / (4 * lipschitz)
    way = rng.standard_normal(2)
    bounds = np.linalg.norm(x, 2), np.linalg.norm(x, axis=1).max()  # the slope of tanh is at most 1
    return {"x": x, "start": start, "y": np.tanh(x @ start) - size * way / np.linalg.norm(way), "alpha": float(alpha),
            "radius": float(4 * size / alpha), "step": float(alpha**2 / (8 * bounds[0] ** 2 * bounds[1] ** 2)),
            "unstable": float(20 / bounds[1] ** 2)}  # fmt: skip


def jacobian(x: Any, w: Any) -> Any:
    """Derivatives of ``tanh(x w)`` in w, shape ``(2, 2)``."""
    import numpy as np

    return (1 - np.tanh(x @ w) ** 2)[:, None] * x


def rise(toy: Any, state: Any, step: float, points: Any) -> tuple[float, ...]:
    """Expected rises at the next step of SGD over the length of the mean step, in the order of ``KINDS``."""
    import numpy as np

    def values(w: Any) -> Any:
        r = np.tanh(toy["x"] @ w) - toy["y"]
        cover = np.linalg.norm(points - w, axis=1).mean()
        slope = step / 2 * np.linalg.norm(jacobian(toy["x"], w).T @ r)
        distance = np.linalg.norm(w - toy["start"])
        return np.array(
            [distance, cover, cover + 3 * slope, cover + 6 / toy["alpha"] * np.linalg.norm(r)]
        ), slope

    r = np.tanh(toy["x"] @ state) - toy["y"]
    after = [values(state - step * one * of)[0] for one, of in zip(jacobian(toy["x"], state), r, strict=True)]
    before, length = values(state)
    return tuple((np.mean(after, axis=0) - before) / length)


def estimate(cell: Params) -> Estimate:
    """Distances of every state, before and after, to every point of the cover."""
    return Estimate(0.2 + 20 * cell["around"] * (1.4e-4 + 5.6e-7 * cell["cover"] ** 2), 1e8)


STUDY = study(
    name="sgd-supermartingale", title="A super-martingale of SGD",
    question="What keeps stochastic gradient descent near its start, in expectation?", x="radius",
    sources=("soltanolkotabi2019",), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=work, estimate=estimate,
    stack_limit=1, values=("radius", *KINDS, *(f"large_{kind}" for kind in KINDS), "alpha", "eta", "disc"),
    differences=(
        "A device of a proof in many dimensions, where the cover has more points than can be listed: looked at in two "
        "parameters, one tanh unit, two samples. It says nothing about networks.",
        "As printed the potential rises where SGD moves away from the start: the distances grow by up to the length of the mean "
        "step, and three of these lengths fall by a small share of it only. With the residual times 6/alpha in their place the "
        "sum falls. That the slide's second term bounds the rise of the first is our reading of it.",
        "Expectations are over the sample of the next step and exact, with no run and no sampling. The step is "
        "alpha^2/(8 B^2 b^2), B and b bounds on the norms of the Jacobian and of its rows; the slide gives none."))  # fmt: skip
