"""A study that costs nothing: error = bump at width 16 under noise, plus a seed's own offset."""

import os
import signal

from overparam.core import (
    Axis,
    Chart,
    Check,
    Claim,
    Control,
    Estimate,
    Evidence,
    Finding,
    FitRule,
    Outcome,
    Part,
    Precondition,
    Profile,
    Series,
    Source,
    Study,
    XAxis,
)


def work(cells, report):
    outcomes = []
    for index, cell in enumerate(cells):
        width, noise, seed = cell["width"], cell["noise"], cell["seed"]
        if cell["fault"] == "raise" and width == 16:
            raise ValueError("planted failure at width 16")
        if cell["fault"] == "die" and width == 16:
            os.kill(os.getpid(), signal.SIGKILL)
        bump = 40 * noise if width == 16 else 0.0
        loss = float("nan") if cell["fault"] == "diverge" and width == 32 else 1.0 / width
        values = {
            "error": 10 + bump + 0.1 * seed,
            "train_error": 0.5 if width < 16 else 0.0,
            "loss": loss,
            "parameters": 10 * width,
            "step": [0, 1],
            "path": [1.0, loss],
        }
        outcomes.append(
            Outcome(values, "diverged" if loss != loss else "ok", f"offset {seed}" if seed > 2 else "")
        )
        report((index + 1) / len(cells))
    return outcomes


def _rise(evidence: Evidence, noise: float) -> Finding:
    from overparam.core.stats import mean_interval, part

    curve = evidence.curve("error", "width", noise=noise)
    at = curve.x.index(16)
    rise = [line[at] - line[0] for line in curve.y]
    return Finding((part("rise at width 16", mean_interval(rise), at_least=2.0, unit="points"),))


def _noisy(evidence: Evidence) -> Check:
    top = max(evidence.levels("noise"))
    return Check(top >= 0.1, f"largest label noise {top:g}")


CLAIM = Claim(
    name="rise",
    sentence="Label noise makes the error rise at width 16.",
    ledger=("L54",),
    source="toy",
    rule="error at width 16 minus error at the smallest width is at least 2 points",
    judge=lambda evidence: _rise(evidence, max(evidence.levels("noise"), default=0.0)),
    control=Control("without noise it does not rise", lambda evidence: _rise(evidence, 0.0)),
    preconditions=(Precondition("noise", "label noise of at least 10 %", _noisy),),
    chart="error",
)

STUDY = Study(
    name="toy",
    title="A toy study",
    question="Does the error rise at width 16?",
    sources=(Source("toy", "A. Author, A toy, 2020.", "https://example.org", "@misc{toy}"),),
    axes=(
        Axis("data", "Data set.", str, flag="data"),
        Axis("width", "Width.", int, low=1, flag="widths"),
        Axis("noise", "Label noise, a fraction.", float, low=0, high=1),
        Axis("fault", "What goes wrong.", str, default="none", choices=("none", "raise", "die", "diverge")),
        Axis("seed", "Seed.", int, low=0, flag="seeds"),
    ),
    profiles={
        "quick": Profile(
            "quick look", {"data": ("digits",), "width": (8, 16, 32), "noise": (0.0, 0.2), "seed": (0, 1, 2)}
        )
    },
    work=work,
    stack_by=("data", "width", "fault"),
    estimate=lambda params: Estimate(0.01 * params["width"], 1e6),
    claims=(CLAIM,),
    charts=(
        Chart(
            "error", "Error", (XAxis("width", "width"), XAxis("parameters", "parameters")), "error, %",
            (Series("error", "test error"), Series("train_error", "train error", dashed=True)), arm="noise",
        ),
    ),
    differences=("it is a toy",),
    fit=FitRule("train_error", 0.01, "width", "train error <= 1 %"),
)  # fmt: skip

__all__ = ["CLAIM", "STUDY", "Part"]
