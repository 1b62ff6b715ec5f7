"""A study that costs nothing, in the algebra: the error rises at width 16 under noise, plus a seed's own offset."""

from overparam.core.algebra import (
    MOST, NONE, Axis, Claim, Control, Estimate, Outcome, Source, World, arm, charts, enough_seeds, grid, line, need,
    per_seed, profiles, study,
)  # fmt: skip

WIDTHS = (8, 16, 32)
AXES = (
    Axis("data", "Data set.", str, "digits", flag="data"),
    Axis("width", "Units.", int, low=1, flag="widths"),
    Axis("noise", "Label noise, a share.", float, low=0, high=1),
    Axis("seed", "Draws the offset.", int, low=0, flag="seeds"),
)
ERROR = line("error", "test error", "points")
NOISY, CLEAN = arm("most label noise", noise=MOST), arm("clean labels", noise=NONE)
RISE = ERROR.at(grid("width").near(16)) - ERROR.first
RISING = World(
    ("width", WIDTHS), arms={"noise": (0.0, 0.2)}, lines={"error": lambda noise: [10.0, 10 + 40 * noise, 10.0]},
    spread={"error": 0.3}, straight=("error",), apart=True,
)  # fmt: skip
FLAT = RISING.but(error=[10.0, 12.0, 10.0])
CLAIMS = (
    Claim(
        "rise", "Label noise makes the error rise at width 16.", ("L54",), "planted", RISE.at_least(2.0), NOISY,
        Control("Clean labels show none.", CLEAN), (enough_seeds(3),), chart="error", null=(FLAT,), effect=RISING,
    ),
)  # fmt: skip


def work(cells, progress):
    """Make up the error of every cell."""
    found = []
    for cell in cells:
        bump = 40 * cell["noise"] if cell["width"] == 16 else 0.0
        found.append(Outcome({"error": 10 + bump + 0.1 * cell["seed"], "loss": 1.0 / cell["width"]}))
    return found


STUDY = study(
    name="small", title="A small study", question="Does the error rise at width 16?", x="width", axes=AXES, claims=CLAIMS,
    sources=(Source("planted", "A. Author, A small study, 2020.", "", "@misc{planted}"),), values=("error", "loss"),
    work=work, estimate=lambda cell: Estimate(0.01, 1e6), differences=("It is made up.",),
    profiles=profiles({"data": "digits", "noise": (0.0, 0.2), "seed": (0, 1, 2)}, quick=("a look", {"width": (8, 16, 32)})),
    charts=charts({"width": "units"}, ("noise", "Label noise"), error=("Error", "points", {"error": "test", "loss": "-loss"})),
)  # fmt: skip
__all__ = ["STUDY", "need", "per_seed"]
