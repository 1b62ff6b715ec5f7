"""Widths of one task on one axis: where it has full rank, where it fits, where that is proved, and those in print."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core import clean
from overparam.core.errors import UsageError
from overparam.core.shown import Shown
from overparam.own.instance import Instance, draw_instance, examples, flow_certificate
from overparam.own.laziness import LazyScale, kernel_drift, lazy_scale
from overparam.own.search import double_and_bisect, even_widths, first
from overparam.theory.activations import Activation
from overparam.theory.activations import activation as activation_of
from overparam.theory.certificates.words import SCOPE, at_least
from overparam.theory.inputs import count
from overparam.theory.kernels.covariance import covariance
from overparam.theory.sufficient_width import (
    PublishedWidth,
    flow_width,
    lemma_width,
    published_widths,
    separation,
)
from overparam.training.levenberg_marquardt import levenberg_marquardt

FIT = 1e-3  # |r| over its start: a training loss of a millionth
BUDGET = 200  # systems solved by Levenberg-Marquardt
DEEPEST = 1e-10  # |r| over its start at which the optimizer stops
UNIT_NORM = 1e-6

Rows = Float64[np.ndarray, "n features"]


@dataclass(frozen=True)
class Rung:
    """One width of the ladder.

    Attributes:
        name: ``rank``, ``fit``, ``afterwards`` or ``beforehand``.
        width: hidden units; None if none was found.
        low: smallest over the draws, where every draw has its own.
        high: largest over the draws.
        draws: draws of the weights.
        meaning: what holds at this width.
        note: why there is none, or what to know.
        each: the width of every draw, where every draw has its own.
    """

    name: str
    width: int | None
    low: int | None
    high: int | None
    draws: int
    meaning: str
    note: str = ""
    each: tuple[int | None, ...] = ()


MEANINGS = {
    "rank": "the Jacobian at the start is proved to have rank n in every draw",
    "fit": "Levenberg-Marquardt brings the training loss to a millionth of its start in every draw",
    "afterwards": "somewhere on its way a certificate proves that an interpolator is near, in every draw",
    "beforehand": "the start is certified: gradient flow is proved to converge to an interpolator (median draw)",
}


@dataclass(frozen=True, eq=False)
class Ladder(Shown):
    """Widths of one data set and activation, from what happens to what is proved to what is in print.

    Attributes:
        n: samples.
        d: features.
        activation: its name.
        rungs: rank, fit, afterwards, beforehand.
        published: widths in print with constant 1, ascending; empty where inputs have not norm 1.
        flow_law: width of the law ``sqrt(k d) = 2 B2 rho kappa n`` with rho = 1; None as for ``published``.
        lemma_law: that of the key lemma, with 16 in place of 2.
        lazy: the output scale from which gradient flow of a narrow network is proved to converge to zero loss.
        drift: relative change of its kernel at that scale, measured over gradient descent.
        obstacle: why no width can fit or certify this data; empty if nothing is known against it.
    """

    drawn_by = "table"

    n: int
    d: int
    activation: str
    rungs: tuple[Rung, ...]
    published: tuple[PublishedWidth, ...]
    flow_law: float | None
    lemma_law: float | None
    lazy: LazyScale | None
    drift: float | None
    obstacle: str = ""

    def __getitem__(self, name: str) -> Rung:
        """The rung of that name."""
        return next(rung for rung in self.rungs if rung.name == name)

    @property
    def gap(self) -> float | None:
        """Certified width at the start over fitted width; None if one is missing."""
        top, bottom = self["beforehand"].width, self["fit"].width
        return None if top is None or bottom is None else top / bottom

    def table(self) -> list[tuple[str, str, str]]:
        """Lines of (width, what it is, what to know), ascending; what is missing comes last."""
        lines: list[tuple[float, str, str, str]] = []
        for rung in self.rungs:
            single = rung.low is None or rung.high is None or rung.low == rung.high
            spread = "" if single else f" (draws from {rung.low:,} to {rung.high:,})"
            shown = "none found" if rung.width is None else f"{rung.width:,}"
            lines.append((rung.width or math.inf, shown, rung.meaning + spread, rung.note))
        explicit = "explicit constant, for a kernel that has concentrated"
        if self.flow_law is not None and self.lemma_law is not None:
            lines.append((self.flow_law, _shown(self.flow_law), "law: gradient flow", explicit))
            lines.append((self.lemma_law, _shown(self.lemma_law), "law: key lemma of a talk", explicit))
        lines += [
            (one.width, _shown(one.width), f"{one.name}: {one.formula}", f"{one.note}; {one.seen}")
            for one in self.published
        ]
        lines.sort(key=lambda line: line[0])
        return [(shown, what, note) for _, shown, what, note in lines]

    def sentence(self) -> str:
        """The answer in one or two sentences."""
        if self.obstacle:
            return self.obstacle
        said = f"{self.n} samples, {self.d} features, {self.activation}: "
        fit, top = self["fit"].width, self["beforehand"].width
        said += f"fitted at {fit:,} units" if fit else "fitted at no width that was tried"
        draw = " (median draw)" if self["beforehand"].draws > 1 else ""
        said += (
            f", proved beforehand at {top:,}{draw}."
            if top
            else ", proved beforehand at no width that was tried."
        )
        if self.lazy is not None and self.lazy.scale is not None:
            said += (
                f" With {self.lazy.width} units gradient flow is proved to fit from output scale "
                f"{at_least(self.lazy.scale, 3)} on"
            )
            said += "." if self.drift is None else f"; there its kernel moves by {self.drift:.2%} (measured)."
        if not self.published:
            said += " Widths in print ask for inputs of norm 1: divide the rows by their norms to see them."
        return said

    def __str__(self) -> str:
        """The table as text."""
        return "\n".join(
            [
                self.sentence(),
                *(
                    f"{w:>12}  {what}  [{note}]" if note else f"{w:>12}  {what}"
                    for w, what, note in self.table()
                ),
                SCOPE,
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return dict(clean(asdict(self) | {"answer": self.sentence(), "scope": SCOPE}))

    def shown(self) -> dict[str, Any]:
        """Return what is drawn: the answer and the table as texts."""
        return {
            "answer": self.sentence(),
            "columns": ["hidden units", "what", ""],
            "rows": self.table(),
            "remark": SCOPE,
        }


def width_ladder(
    x: ArrayLike,
    y: ArrayLike,
    activation: str | Activation = "softplus",
    *,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    largest: int = 2**18,
    lazy_width: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Ladder:
    """Widths at which a two-layer network has full rank, fits, and is proved to fit, beside those in print.

    The network is ``f(x) = sum_l v_l phi(w_l.x)`` with fixed ``|v_l| = |y| / sqrt(k n)``, half of each sign, and
    W ~ N(0, 1), drawn afresh at every width. A width is certified, not the smallest certified one: the condition is
    random. The widths say at which sizes something is known, not that a narrower network would not train.

    Args:
        x: inputs, shape ``(n, features)``; published widths ask for rows of norm 1.
        y: real targets, shape ``(n,)``, for instance +1 and -1.
        activation: a smooth one has all four widths; relu has no flow certificate at this output scale in practice.
        seeds: draws of the weights.
        largest: largest width tried for the certificate.
        lazy_width: width of the network whose lazy scale is found; by default 3 n, even.
        progress: told the fraction done.

    Returns:
        The ladder; it prints as a table.

    Raises:
        DataError: inputs or targets of the wrong shape or kind, or missing values.
        UsageError: no seed, or an unknown activation.

    References: the certificate is that of :mod:`overparam.theory.certificates`; published widths cite their papers.
    """
    rows, targets = examples(x, y)
    act = activation_of(activation)
    if not isinstance(seeds, Sequence) or not len(seeds):
        raise UsageError(f"seeds: expected at least one, in a list, got {seeds!r}.")
    largest = count(largest, "largest", 2)
    lazy_width = None if lazy_width is None else count(lazy_width, "lazy_width", 2)
    tell = progress or (lambda _: None)
    n, d = rows.shape
    stuck = obstacle(rows, targets)
    if stuck:
        none = tuple(Rung(name, None, None, None, len(seeds), text, stuck) for name, text in MEANINGS.items())
        return Ladder(n, d, act.name, none, (), None, None, None, None, stuck)

    def draw(width: int, seed: int) -> Instance:
        return draw_instance(rows, targets, act, width, seed)

    def full_rank(width: int) -> bool:
        return all(flow_certificate(draw(width, seed)).sigma > 0 for seed in seeds)

    rank = first(full_rank, iter(range(max(1, -(-n // d)), 8 * n + 1)))
    tell(0.05)
    runs: dict[int, tuple[bool, bool]] = {}

    def run(width: int) -> tuple[bool, bool]:
        if width not in runs:
            each = [fitted_and_proved(draw(width, seed)) for seed in seeds]
            runs[width] = all(a for a, _ in each), all(b for _, b in each)
        return runs[width]

    start = rank or max(1, -(-n // d))
    fit = first(lambda k: run(k)[0], even_widths(start, 8 * n))
    post = first(lambda k: run(k)[1], even_widths(start, 8 * n)) if act.smooth else None
    tell(0.4)
    certified = []
    for i, seed in enumerate(seeds):

        def proved(width: int, seed: int = seed) -> bool:
            return flow_certificate(draw(width, seed)).certified

        certified.append(double_and_bisect(proved, 2, largest))
        tell(0.4 + 0.5 * (i + 1) / len(seeds))
    lazy, drift = None, None
    if act.smooth:
        narrow = lazy_width or 3 * n + n % 2
        zero = draw_instance(rows, targets, act, narrow, seeds[0], scale=1.0, antisymmetric=True)
        lazy = lazy_scale(zero)
        drift = None if lazy.scale is None else kernel_drift(zero.scaled(lazy.scale))
    tell(1.0)
    missing = f"none up to {8 * n:,}"
    rungs = (
        _one("rank", rank, len(seeds), missing),
        _one("fit", fit, len(seeds), f"{missing} in {BUDGET} steps of the optimizer"),
        _one("afterwards", post, len(seeds), missing if act.smooth else "asks for a smooth activation"),
        _several("beforehand", certified, f"not certified in every draw up to {largest:,}"),
    )
    return Ladder(n, d, act.name, rungs, *in_print(rows, act), lazy, drift)


def obstacle(x: Rows, y: Float64[np.ndarray, " n"]) -> str:
    """A sentence on data that no network of this form can fit; empty if none is known.

    >>> obstacle(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1.0, -1.0]))
    'Rows 0 and 1 of x are equal and their targets differ: no network fits both. Leave one of them out.'
    """
    zero = np.flatnonzero(~x.any(axis=1))
    if len(zero):
        return (
            f"Row {zero[0]} of x is zero: without biases its output does not depend on the weights. Leave it out, or "
            "append a constant feature."
        )
    order = np.lexsort(x.T)
    for a, b in pairwise(order):
        if np.array_equal(x[a], x[b]):
            i, j = sorted((int(a), int(b)))
            what = (
                "with equal targets: the Jacobian never has full rank, so nothing can be certified"
                if y[a] == y[b]
                else "and their targets differ: no network fits both"
            )
            return f"Rows {i} and {j} of x are equal {what}. Leave one of them out.".replace(
                "equal with", "equal, with"
            )
    return ""


def fitted_and_proved(instance: Instance) -> tuple[bool, bool]:
    """Whether Levenberg-Marquardt fits from this start, and whether a certificate fires on its way.

    Args:
        instance: where to start.

    Returns:
        A training loss of a millionth of its start was reached; an iterate was certified.
    """
    act, shape = instance.activation, instance.weights.shape
    proved = [False]
    bound = flow_certificate(instance).lipschitz if act.smooth else math.inf

    def visit(_: int, theta: np.ndarray, r: np.ndarray) -> bool:
        w = theta.reshape(shape)
        if not proved[0] and math.isfinite(bound):
            smallest = float(np.linalg.eigvalsh(instance.kernel(w))[0])
            if bound * float(np.linalg.norm(r)) < smallest:  # worth a proof: h < 1 by an estimate
                proved[0] = flow_certificate(instance, w).certified
        return proved[0] and float(np.linalg.norm(r)) <= FIT * start

    start = float(np.linalg.norm(instance.residual()))
    found = levenberg_marquardt(
        lambda t: instance.residual(t.reshape(shape)),
        lambda t: instance.jacobian(t.reshape(shape)),
        instance.weights.ravel(),
        tolerance=DEEPEST,
        iterations=BUDGET,
        visit=visit,
    )
    return found.norm <= FIT * start, proved[0]


def in_print(x: Rows, act: Activation) -> tuple[tuple[PublishedWidth, ...], float | None, float | None]:
    """Published widths and the two explicit laws for inputs of norm 1; nothing for others."""
    n, d = x.shape
    if np.abs(np.linalg.norm(x, axis=1) - 1).max() > UNIT_NORM:
        return (), None, None
    norm = float(np.linalg.norm(x, 2))

    def smallest(of: str | Activation) -> float:
        return max(0.0, float(np.linalg.eigvalsh(covariance(x, of))[0]))

    relu, apart = smallest("relu"), min(separation(x), math.sqrt(2))  # one row has no pair
    if not act.smooth:
        return published_widths(n, d, norm, apart, relu_smallest=relu).rows, None, None
    own = smallest(act)
    rows = published_widths(n, d, norm, apart, smallest=own, relu_smallest=relu).rows
    if own == 0:
        return rows, None, None
    kappa = math.sqrt(d / n) * norm / own
    return rows, flow_width(n, d, kappa, act.largest_curvature), lemma_width(n, d, kappa, act.largest_curvature)


def _shown(width: float) -> str:
    if math.isinf(width):
        return "infinite"
    return f"{width:,.0f}" if width < 1e9 else f"{width:.1e}"


def _one(name: str, width: int | None, draws: int, missing: str) -> Rung:
    return Rung(name, width, width, width, draws, MEANINGS[name], missing if width is None else "")


def _several(name: str, widths: Sequence[int | None], missing: str) -> Rung:
    known = sorted(width for width in widths if width is not None)
    found = len(known) == len(widths)
    middle = known[(len(known) - 1) // 2] if found else None
    low, high = (known[0] if known else None), (known[-1] if found else None)
    return Rung(name, middle, low, high, len(widths), MEANINGS[name], "" if found else missing, tuple(widths))
