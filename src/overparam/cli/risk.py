"""The verb ``overparam risk``: the predicted risk curve of random features on a data set."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from overparam.cli.app import console, say_path
from overparam.core.errors import UsageError, unknown

KINDS = ("fourier", "relu", "linear")


def risk(
    data: str,
    /,
    *,
    features: str = "fourier",
    n: int | None = None,
    widths: str = "",
    ridge: str = "0",
    noise: str = "",
    samples: int = 2000,
    scale: float = 0.0,
    seed: int = 0,
    out: Annotated[Path | None, Parameter(name="--out")] = None,
) -> int:
    """Predict the test error of random features against their number: nothing is trained.

    The spectrum is that of the features' limit kernel on samples of the data. Prints a table with what the
    prediction assumes, and writes a page.

    Parameters
    ----------
    data
        Name of a data set, or the path of an .npz or .parquet file of your own.
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
    from overparam.data import flatten, load, subset
    from overparam.own.risk import risk_curve

    if samples < 2:
        raise UsageError(f"--samples: expected a whole number of at least 2, got {samples}.")
    whole = load(data)
    rows = flatten(subset(whole, min(samples, whole.n), seed=seed))
    made = _given(rows.x, features, scale)
    curve = risk_curve(y=rows.y, n=n, widths=chosen, ridge=penalty, noise=known, **made)
    console().print(str(curve), highlight=False, markup=False, soft_wrap=True)
    page = curve.save(out or Path("runs") / "risk" / f"{_slug(data)}-{features}.html")
    say_path("page", page)
    return 0


def _given(x: Any, kind: str, scale: float) -> dict[str, Any]:
    """The limit kernel of random features on the rows, or the rows themselves."""
    import numpy as np

    rows = np.asarray(x, dtype=np.float64)
    if kind == "linear":
        return {"features": rows}
    from overparam.models.random_features import RandomFeatures, fourier_scale

    size = (scale or fourier_scale(rows)) if kind == "fourier" else 1.0
    return {"kernel": RandomFeatures(kind, rows.shape[1], 0, size).kernel(rows, rows)}


def _slug(data: str) -> str:
    from overparam.sweep.key import slug

    return slug({"data": Path(data).stem if data.endswith((".npz", ".parquet")) else data})[5:]


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
