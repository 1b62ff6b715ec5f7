"""A predicted risk curve: its values, and what they say in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overparam.core import clean
from overparam.core.errors import UsageError
from overparam.core.shown import Shown
from overparam.core.words import number, wrapped
from overparam.theory import bartlett2020, holzmuller2021, label_variance, nakkiran2021
from overparam.theory.assumption import Assumption
from overparam.theory.label_variance import NoiseEstimate

COLUMNS = ("width", "risk", "signal", "variance", "floor", "optimal_risk", "optimal_ridge")
_HEADS = ("width k", "error", "without noise", "from noise", "floor", "best penalty: error", "penalty")
_NARROW = ("width k", "error", "no noise", "from noise", "floor", "best error", "penalty")
_SHOWN = 16
_WIDE = 79


@dataclass(frozen=True)
class RiskCurve(Shown):
    """A predicted risk curve; all errors are squared errors summed over outputs, on noisy test labels.

    Attributes:
        widths: numbers of features.
        risk: predicted test error on samples not trained on, noise included; infinite at the peak of the minimum
            norm.
        signal: part that would be left without label noise.
        variance: part that label noise in the training set adds.
        floor: Holzmüller's lower bound for ``variance``, over training sets and full-rank features.
        optimal_risk: predicted test error at the best penalty of each width.
        optimal_ridge: that penalty; 0 where none is best, infinite where predicting nothing is best.
        kernel_risk: predicted test error of the kernel, the limit of many features.
        peak_width: the width where the curve peaks between lower values, or None.
        peak_risk: the error there, or None.
        rises_from: the width of the lowest error before the peak, or None.
        n: number of training samples the prediction is for.
        samples: number of samples that gave the spectrum.
        outputs: number of outputs (classes).
        ridge: penalty added to ``(1/k) Phi Phi^T``, or ``"optimal"``.
        noise: variance of the labels' noise, summed over outputs, with its interval and where it comes from. It
            splits the error and does not change it; ``signal + variance + noise`` is the error unless a given
            noise exceeds that.
        zero_risk: error of predicting nothing, the mean squared target.
        rank: number of eigenvalues above rounding.
        ranks: Bartlett's r_0, R_0, and k* by b (None: overfitting is not benign).
        assumptions: what the prediction asks, and what a check of it found.
        citation: where the formulas come from.
    """

    drawn_by = "risk"

    widths: tuple[int, ...]
    risk: tuple[float, ...]
    signal: tuple[float, ...]
    variance: tuple[float, ...]
    floor: tuple[float, ...]
    optimal_risk: tuple[float, ...]
    optimal_ridge: tuple[float, ...]
    kernel_risk: float
    peak_width: int | None
    peak_risk: float | None
    rises_from: int | None
    n: int
    samples: int
    outputs: int
    ridge: float | str
    noise: NoiseEstimate
    zero_risk: float
    rank: int
    ranks: dict[str, Any]
    assumptions: tuple[Assumption, ...]
    citation: str

    def table(self) -> list[dict[str, Any]]:
        """Return one row a width, as ``Result.table`` does; infinite values stay ``inf``."""
        lines = zip(
            self.widths, self.risk, self.signal, self.variance, self.floor, self.optimal_risk,
            self.optimal_ridge, strict=True,
        )  # fmt: skip
        return [dict(zip(COLUMNS, line, strict=True)) for line in lines]

    @property
    def answer(self) -> str:
        """Whether more parameters hurt, when and why, in words."""
        if self.peak_width is None or self.peak_risk is None or self.rises_from is None:
            what = "the best penalty" if self.ridge == "optimal" else "this penalty"
            return f"More parameters are not predicted to hurt with {what}: the curve has no peak."
        low, at = self.widths.index(self.rises_from), self.widths.index(self.peak_width)
        height = "without bound" if math.isinf(self.peak_risk) else f"to {number(self.peak_risk)}"
        beside = min(at + 1, len(self.widths) - 1) if math.isinf(self.peak_risk) else at
        share = self.variance[beside] / max(self.risk[beside] - self.noise.variance, 1e-300)
        why = "label noise" if share > 0.5 else "what the features at hand leave out of the target"
        return (
            f"More parameters are predicted to hurt from width {self.rises_from} to {self.peak_width}: the error "
            f"rises from {number(self.risk[low])} {height}, mostly from {why}, amplified. The best penalty brings "
            f"it to {number(self.optimal_risk[at])} there."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; what is infinite is None."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields |= {"noise": vars(self.noise), "assumptions": [vars(one) for one in self.assumptions]}
        return dict(clean({**fields, "answer": self.answer}))

    def shown(self) -> dict[str, Any]:
        """Return what is drawn: all, with the facts, the rows of the table and the citations as texts."""
        words = {"facts": _facts(self), "rows": _rows(self), "columns": list(_HEADS)}
        return {**self.to_dict(), **words, "citations": _citations(self)}

    def save(self, path: str | Path) -> Path:
        """Write a self-contained HTML page that works offline.

        Raises:
            UsageError: the path does not end in ``.html``.
            StoreError: it cannot be written.
        """
        to = Path(path)
        if to.suffix != ".html":
            raise UsageError(f"save: expected a path that ends in .html, got '{to}'.")
        return Path(self.page.write(self.page.record(self.shown()), to))

    def __str__(self) -> str:
        """The answer, a thinned table, facts, assumptions and the source, in lines of at most 79 characters."""
        rows = self.table()
        step = max(1, -(-len(rows) // _SHOWN))
        kept = [row for i, row in enumerate(rows) if i % step == 0 or row["width"] == self.peak_width]
        lines = [[*_NARROW], *([_value(v) for v in row.values()] for row in kept)]
        if sum(map(_widest, zip(*lines, strict=True))) + 2 * len(_NARROW) > _WIDE:
            lines[1:] = [[_short(v) for v in row.values()] for row in kept]
        wide = [_widest(column) for column in zip(*lines, strict=True)]
        table = ["  ".join(v.rjust(w) for v, w in zip(line, wide, strict=True)) for line in lines]
        told = "best error: at the best penalty of each width, which stands beside it"
        asked = [wrapped(f"  {one.state:<9}  {one.name}: {one.detail}", 13) for one in self.assumptions]
        facts = [wrapped(f"  {name}: {value}", 4) for name, value in _facts(self).items()]
        answer, source = wrapped(self.answer), wrapped(f"after {self.citation}", 2)
        return "\n".join([answer, "", *table, told, "", *facts, "", "assumptions", *asked, "", source])


def _facts(curve: RiskCurve) -> dict[str, str]:
    return {
        "training samples n": str(curve.n),
        "samples of the spectrum": f"{curve.samples}, rank {curve.rank}",
        "outputs": str(curve.outputs),
        "penalty": _penalty(curve),
        "noise variance": _noise(curve),
        "error of predicting nothing": number(curve.zero_risk),
        "error of the kernel": _value(curve.kernel_risk),
        "peak": "none" if curve.peak_width is None else f"width {curve.peak_width}: {_value(curve.peak_risk)}",
        "effective ranks": _ranks(curve),
    }


def _rows(curve: RiskCurve) -> list[list[str]]:
    return [[_value(v) for v in row.values()] for row in curve.table()]


def _value(value: float | None) -> str:
    return "infinite" if value is not None and math.isinf(value) else number(value)


def _short(value: float | None) -> str:
    return f"{value:.3g}" if value is not None and math.isfinite(value) else _value(value)


def _widest(column: tuple[str, ...]) -> int:
    return max(map(len, column))


def _penalty(curve: RiskCurve) -> str:
    if isinstance(curve.ridge, str):
        return "the best one at each width"
    return "none: minimum norm" if curve.ridge == 0 else f"{number(curve.ridge)}, added to the kernel matrix"


def _noise(curve: RiskCurve) -> str:
    found = curve.noise
    if found.how == "given":
        return f"{number(found.variance)}, given"
    return (
        f"{number(found.variance)}, 95 % interval {number(found.low)} to {number(found.high)} ({found.how}, "
        f"{curve.samples} samples)"
    )


def _ranks(curve: RiskCurve) -> str:
    stars = ", ".join(f"{'none' if k is None else k} (b = {b})" for b, k in curve.ranks["k_star"].items())
    return f"r_0 {number(curve.ranks['r_0'])}, R_0 {number(curve.ranks['R_0'])}, k* {stars}"


def _citations(curve: RiskCurve) -> list[str]:
    named = [curve.citation, nakkiran2021.CITATION, holzmuller2021.CITATION, bartlett2020.CITATION]
    return [*named, label_variance.CITATION] if curve.noise.how != "given" else named
