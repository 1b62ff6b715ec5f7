"""A study that costs nothing: error = bump at width 16 under noise, plus a seed's own offset and a little noise."""

import os
import signal

from overparam.core import (
    MOST,
    NONE,
    Axis,
    Claim,
    Control,
    Estimate,
    FitRule,
    Outcome,
    Source,
    World,
    arm,
    charts,
    enough_noise,
    enough_seeds,
    grid,
    line,
    need,
    per_seed,
    profiles,
    study,
)  # fmt: skip

WIDTHS = (8, 16, 32)
AXES = (
    Axis("data", "Data set.", str, flag="data"),
    Axis("width", "Width.", int, low=1, flag="widths"),
    Axis("noise", "Label noise, a fraction.", float, low=0, high=1),
    Axis("fault", "What goes wrong.", str, default="none", choices=("none", "raise", "die", "diverge")),
    Axis("seed", "Seed.", int, low=0, flag="seeds"),
)
ERROR = line("error", "test error", "points")
NOISY, CLEAN = arm("most label noise", noise=MOST), arm("clean labels", noise=NONE)
RISE = ERROR.at(grid("width").near(16)) - ERROR.first
RISING = World(
    ("width", WIDTHS), arms={"noise": (0.0, 0.2)}, lines={"error": lambda noise: [10.0, 10 + 40 * noise, 10.0]},
    spread={"error": 0.3}, straight=("error",), apart=True, fixed={"fault": "none"},
)  # fmt: skip
FLAT = RISING.but(error=[10.0, 12.0, 10.0])
CLAIMS = (
    Claim(
        "rise", "Label noise makes the error rise at width 16.", ("L54",), "toy", RISE.at_least(2.0), NOISY,
        Control("without noise it does not rise", CLEAN), (enough_noise(0.1), enough_seeds(1)), chart="error",
        null=(FLAT,), effect=RISING, form="exists",
    ),
)  # fmt: skip


def work(cells, progress):
    """Make up the error of every cell, and go wrong where the cell says so."""
    outcomes = []
    for index, cell in enumerate(cells):
        width, noise, seed = cell["width"], cell["noise"], cell["seed"]
        if cell["fault"] == "raise" and width == 16:
            raise ValueError("planted failure at width 16")
        if cell["fault"] == "die" and width == 16:
            os.kill(os.getpid(), signal.SIGKILL)
        bump = 40 * noise if width == 16 else 0.0
        loss = float("nan") if cell["fault"] == "diverge" and width == 32 else 1.0 / width
        wiggle = 0.02 * ((seed * width // 8) % 3 - 1)
        values = {
            "error": 10 + bump + 0.1 * seed + wiggle,
            "train_error": 0.5 if width < 16 else 0.0,
            "loss": loss,
            "parameters": 10 * width,
            "step": [0, 1],
            "path": [1.0, loss],
        }
        outcomes.append(
            Outcome(values, "diverged" if loss != loss else "ok", f"offset {seed}" if seed > 2 else "")
        )
        progress((index + 1) / len(cells))
    return outcomes


STUDY = study(
    name="toy",
    title="A toy study", question="Does the error rise at width 16?", x="width", axes=AXES, claims=CLAIMS,
    sources=(Source("toy", "A. Author, A toy, 2020.", "https://example.org", "@misc{toy}"),),
    values=("error", "train_error", "loss", "parameters", "step", "path"), work=work,
    estimate=lambda params: Estimate(0.01 * params["width"], 1e6), differences=("it is a toy",),
    stack_by=("data", "width", "fault"), fit=FitRule("train_error", 0.01, "width", "train error <= 1 %"),
    profiles=profiles(
        {"data": "digits", "noise": (0.0, 0.2), "seed": (0, 1, 2)}, quick=("quick look", {"width": (8, 16, 32)})
    ),
    charts=charts(
        {"width": "width", "parameters": "parameters"}, ("noise", ""),
        error=("Error", "error, %", {"error": "test error", "train_error": "-train error"}),
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "STUDY", "need", "per_seed"]
