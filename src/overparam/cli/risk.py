"""The verb ``overparam risk``: the predicted risk curve of random features on a data set."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from overparam.api.progress import steps_of
from overparam.cli.app import Whole, console, say_path
from overparam.core.errors import UsageError, unknown
from overparam.core.words import wrapped

KINDS = ("fourier", "relu", "linear")
_ROWS = 200


def risk(
    data: str,
    /,
    *,
    features: str = "fourier",
    n: Whole | None = None,
    widths: str = "",
    ridge: str = "0",
    noise: str = "",
    samples: Whole = 2000,
    scale: float = 0.0,
    seed: Whole = 0,
    out: Annotated[Path | None, Parameter(name="--out")] = None,
) -> int:
    """Predict the test error of random features against their number: nothing is trained.

    The spectrum is that of the features' limit kernel on samples of the data. Prints a table with what the
    prediction assumes, and writes a page.

    Parameters
    ----------
    data
        Name of a data set, or the path of a file of your own; targets that are not whole numbers make a regression,
        and targets=numbers behind the path (mine.csv:targets=numbers) asks for one.
    features
        fourier, relu or linear (random directions of the inputs themselves).
    n
        Training samples to predict for; by default a fifth of --samples.
    widths
        Numbers of features, for instance 50,100,200; by default from 0.05 n to 20 n.
    ridge
        Penalty added to the kernel matrix (the mean over features); or optimal, for the best at each width.
    noise
        Variance of the labels' noise, summed over classes; estimated by default.
    samples
        Training rows that give the spectrum, at most.
    scale
        Standard deviation of the Fourier directions; by default 2 over the samples' median distance.
    seed
        Which rows are drawn.
    out
        File to write, ending in .html; by default under runs/risk.
    """
    if features not in KINDS:
        raise unknown("features", features, KINDS)
    if out is not None and out.suffix != ".html":
        raise UsageError(f"--out: expected a file ending in .html, got '{out}'.")
    penalty: Any = ridge if ridge == "optimal" else _number("ridge", ridge)
    known = None if not noise else _number("noise", noise)
    chosen = _widths(widths)
    if samples < 2:
        raise UsageError(f"--samples: expected a whole number of at least 2, got {samples}.")
    from overparam.data.classes import shown
    from overparam.data.stream import stream
    from overparam.data.targets import supervised
    from overparam.own.risk import risk_curve

    whole, told = supervised(data)
    many = len(whole.x)
    some = stream("subset", seed).permutation(many)[:samples] if samples < many else slice(None)
    x, y = whole.x[some], whole.y[some]
    seconds = _cost(features, *x.shape)
    _check_memory(features, *x.shape)
    about = f"{shown(data)}: {len(x):,} of {many:,} training rows, {x.shape[1]:,} features, {told}"
    with steps_of(f"risk of {shown(data)}", sum(seconds), console(err=True)) as step:
        step("kernel", 0.0)
        made = _given(x, features, scale, lambda part: step("kernel", part * seconds[0]))
        step("spectrum and curve", seconds[0])
        curve = risk_curve(y=y, n=n, widths=chosen, ridge=penalty, noise=known, **made)
    text = f"{wrapped(about)}\n\n{curve}"
    console().print(text, highlight=False, markup=False, soft_wrap=True)
    page = curve.save(out or Path("runs") / "risk" / f"{_slug(data)}-{features}.html")
    say_path("page", page)
    return 0


def _cost(kind: str, n: int, d: int) -> tuple[float, float]:
    """Expected seconds on one core of the kernel, and of its spectrum with the curve: measured constants."""
    if kind == "linear":
        return 0.0, 1.2e-9 * n * d * min(n, d) + 1e-10 * n * n
    pairs = float(n) * n * d
    distances = 5e-10 * min(n, 2000) ** 2 * d + 6e-11 * pairs
    return (2.2e-9 * pairs if kind == "relu" else distances), 4.5e-10 * float(n) ** 3


def _check_memory(kind: str, n: int, d: int) -> None:
    """Refuse what the machine has no memory for, before it is asked for."""
    from overparam.core.memory import memory_budget

    needed = 8.0 * n * (4 * d if kind == "linear" else 8 * n + d)
    if needed > memory_budget():
        raise UsageError(
            f"--samples: expected at most what fits {memory_budget() / 1e9:.2g} GB of memory, got {n:,} samples of {d:,} "
            f"features, which take {needed / 1e9:.2g} GB. Ask for fewer."
        )


def _given(x: Any, kind: str, scale: float, done: Callable[[float], object]) -> dict[str, Any]:
    """The limit kernel of random features on the rows, or the rows themselves."""
    import numpy as np

    rows = np.asarray(x, dtype=np.float64)
    if kind == "linear":
        return {"features": rows}
    from overparam.models.random_features import RandomFeatures, fourier_scale

    size = (scale or fourier_scale(rows)) if kind == "fourier" else 1.0
    features = RandomFeatures(kind, rows.shape[1], 0, size)
    if kind == "fourier":
        return {"kernel": features.kernel(rows, rows)}
    parts = []
    for start in range(0, len(rows), _ROWS):  # each entry is computed by itself: blocks change none
        parts.append(features.kernel(rows[start : start + _ROWS], rows))
        done(min(1.0, (start + _ROWS) / len(rows)))
    return {"kernel": np.concatenate(parts)}


def _slug(data: str) -> str:
    from overparam.sweep.key import slug

    return slug({"data": _stem(data)})[5:]


def _stem(data: str) -> str:
    """A file's name without folders and ending; the name of a data set as it is."""
    from overparam.core import data_name

    base, _ = data_name.cut(data)
    if not base.endswith((*data_name.SUFFIXES, ".gz")):
        return data if base == data or not data_name.on_disk(base) else Path(base).name
    return Path(base.removesuffix(".gz")).stem


def _number(option: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        more = ", or optimal" if option == "ridge" else ""
        raise UsageError(f"--{option}: expected a number of at least 0{more}, got '{text}'.")
    return value


def _widths(text: str) -> list[int] | None:
    if not text:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"--widths: expected whole numbers of at least 1 such as 50,100,200, got '{text}'.")
    return sorted({int(part) for part in parts})
