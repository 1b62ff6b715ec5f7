"""A study that goes wrong on demand. Its numbers depend on width and seed alone."""

import os
import signal
import threading
from pathlib import Path

from overparam.core import (
    Axis,
    Claim,
    Control,
    Estimate,
    Outcome,
    Source,
    World,
    arm,
    charts,
    profiles,
    scalar,
    study,
)  # fmt: skip

FAULTS = ("none", "held", "stubborn", "meet", "hang", "memory", "kill", "crash", "compile", "end", "shared")


def first(place):
    """Say that this process came to a place of the work, by a link to its number; whether none came there before."""
    try:
        (Path(os.environ["FAULTS_PLACES"]) / place).symlink_to(str(os.getpid()))
    except FileExistsError:
        return False
    return True


def stay():
    """Go on no more."""
    threading.Event().wait()


def meet():
    """The first two processes that come here wait for each other; the others pass by."""
    pipe = Path(os.environ["FAULTS_PLACES"]) / "pipe"
    if first("one"):
        pipe.open("r").close()
    elif first("other"):
        pipe.open("w").close()


def work(cells, report):
    import numpy as np

    fault = cells[0]["fault"]
    log = os.environ.get("FAULTS_LOG")
    if fault == "memory" and len(cells) > 2:
        raise MemoryError
    if fault == "kill" and len(cells) > 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "shared":
        from overparam.sweep.work import shared

        assert shared(cells)["seed"] >= 0  # the stack has several seeds
    if fault == "meet":
        meet()
    outcomes = []
    for index, cell in enumerate(cells):
        bad = cell["width"] == 2 and cell["seed"] == 1
        if fault in ("held", "stubborn") and bad and first("held"):
            if fault == "stubborn":
                signal.signal(signal.SIGTERM, lambda *_: first("asked to end"))
            stay()
        if fault == "hang" and bad:
            first(f"hung {os.getpid()}")
            stay()
        if fault == "crash" and bad:
            os._exit(3)
        if fault == "compile" and bad:
            import jax

            jax.jit(lambda x: x + 1).lower(1.0).compile(compiler_options={"xla_no_such_option": True})
        if log:
            with Path(log).open("a") as file:
                file.write(f"{cell['width']} {cell['seed']}\n")
        draw = np.random.default_rng([cell["width"], cell["seed"]]).standard_normal((20, cell["width"]))
        outcomes.append(Outcome({"norm": float(np.linalg.norm(draw, 2)), "line": draw[0].tolist()}))
        report((index + 1) / len(cells))
    if fault == "end" and log and Path(log).read_text().count("\n") == len(cells):
        os.kill(os.getpid(), signal.SIGKILL)  # the first stack, when all its work is done and nothing is stored
    return outcomes


NORM, WIDE = scalar("norm"), arm("width 6", width=6)
PLANTED = World(arms={"width": (1, 6)}, numbers={"norm": lambda width: 4.0 + width}, spread={"norm": 0.01})
CLAIMS = (
    Claim("norm", "The norm is at least 5 at width 6.", ("L1",), "none", NORM.at_least(5.0), WIDE,
          Control("It is not at width 1.", arm("width 1", width=1)), null=(PLANTED.but(norm=5.0),), effect=PLANTED,
          form="exists"),
)  # fmt: skip
STUDY = study(
    name="faults",
    title="What can go wrong",
    question="Is anything lost?",
    x="width",
    sources=(Source("none", "A. Author, Faults, 2020.", "https://example.org", "@misc{none}"),),
    axes=(
        Axis("data", "Data set.", str, flag="data"),
        Axis("width", "Width.", int, low=1, flag="widths"),
        Axis("fault", "What goes wrong.", str, default="none", choices=FAULTS),
        Axis("seed", "Seed.", int, low=0, flag="seeds"),
    ),
    profiles=profiles(
        {"data": "gaussian"}, quick=("a look", {"width": (1, 2, 3, 4, 5, 6), "seed": (0, 1, 2, 3)})
    ),
    work=work,
    values=("norm", "line"),
    estimate=lambda params: Estimate(0.1, 1e6),
    claims=CLAIMS,
    charts=charts({"width": "width"}, norm=("Norm", "norm", {"norm": "norm"})),
    differences=("it goes wrong on purpose",),
)
