"""The claims about a sweep over the width of a network: the same for a study and for a person's own family.

They depend on what the networks are trained on, a :class:`WidthSweep`. Standard library at the top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from overparam.core.arms import MOST, NONE, Arm, arm
from overparam.core.claim import Check
from overparam.core.declare import charts
from overparam.core.expressions import Line, Number, line
from overparam.core.needs import Need, complete, enough_noise, fits, need, one_draw
from overparam.core.parts import Chart, Series
from overparam.core.places import Place, Region
from overparam.core.rule import Rule
from overparam.core.statements import Claim, Control
from overparam.core.worlds import World

if TYPE_CHECKING:
    from overparam.core.view import View

UNDERFIT = 20.0  # percent of the mean measure of fit: the left part of the curve lies at or above it
ABLE = 10.0  # percent: a network is just able to fit, as Nakkiran et al. put it (effective model complexity)
FITTED = 1.0  # percent of the mean measure of fit: the threshold is the first width at or below it
NOISE, LOST = 0.10, 0.2  # rate of noise from which a rise is expected; share of the seeds that may be lost
RISE = 0.5  # points: one binomial standard error of an error near 50 % on 12,000 test samples
FLAT = 1.0  # points: with clean labels no wider network errs more by as much
LOSS_RISE = 1.1  # times: the smallest rise and fall of the loss worth the name
FAR = 4.0  # parameters of the right end over those of the threshold
ERROR, LOSS = line("test_error", "test error", "points", 100), line("test_loss", "test loss")
LEDGER = ("L53", "L54")
OWN = "No source speaks of this family on these data."
STRONG = (
    "Belkin et al. say that the best of the wide models is often better than the best of the narrow ones; they do not say "
    "that it always is, and they do not replace labels.",
)
PLACES = (
    "version {}: the left minimum and the peak are registered from pilot seeds (for a family of your own they follow from "
    "the training error); leaving one seed out read a peak too low. "
)
PEAK = (
    PLACES.format(2)
    + "The least rise and fall are half a point, what the test set resolves (they were 3 and 4), and only a "
    "curve that goes the other way contradicts. The statements peak and peak-parameters read the same numbers: they are "
    "part of it.",
)
CLEAN = (
    "version 2: every wider network is compared with the left part, not the places of the largest climb of the mean, and at "
    "most 1 point is allowed (it was 2); a question, because no source says how much clean labels may rise.",
)
EVERY = (
    "version 2: the right end is compared with every width of the left part, not with the lowest of the mean; that it may "
    "lie below them is said to exist, so nothing contradicts it.",
)
LOSS_PEAK = (
    "version 2: the peak is sought to the right of the left minimum, as for the error. Over all widths the control took the "
    "large loss of the narrowest networks (at most 3 units a layer) for a peak.",
    PLACES.format(3)
    + "A rise and a fall of 1.1 times are asked (it was a fall of 1.5 times), and only a curve that goes "
    "the other way contradicts.",
)
LOSS_STRONG = (
    "version 2: the right end is compared with every width of the left part; a question, because no source says that the "
    "loss of wide networks falls below the left minimum, and Greydanus and Kobak report the opposite.",
)


@dataclass(frozen=True)
class WidthSweep:
    """What the networks are trained on, which decides how a sweep is read.

    The *measure of fit* places the interpolation threshold. Under cross-entropy it is the training error. Under squared
    loss it is the training loss as a share of the loss of the best constant prediction: a network may have every label
    right long before it passes through the targets.

    Attributes:
        loss: what the networks are trained on.
        labels: whether the targets are classes, so that there is an error; else they are numbers.
        regularisers: what the recipe does besides lowering the loss, in words; empty if nothing.
        unseen: what may regularise without showing in the recipe, in words; empty if nothing.
        left: the widths of the left minimum, registered from pilot seeds; None for the widest that underfits.
        peak: the widths of the peak, registered from pilot seeds; None for the first that is just able to fit.
        source: who reports the peak.
        scope: what that source covers, and how the setting differs.
        outside: why the setting lies outside what the source covers; empty if it does not.
        full: names of the profiles whose curve goes on far enough to be compared with the left part; empty for all.
    """

    loss: Literal["cross_entropy", "squared"] = "cross_entropy"
    labels: bool = True
    regularisers: tuple[str, ...] = ()
    unseen: str = ""
    left: Region | None = None
    peak: Region | None = None
    source: str = "nakkiran2020"
    scope: tuple[str, ...] = (
        "Nakkiran et al. report it for ResNets, convolutional networks and Transformers.",
    )
    outside: str = OWN
    full: tuple[str, ...] = ()

    def low(self, of: Line) -> Number:
        """A line at the left minimum: its mean over registered widths, or at the widest width that underfits."""
        if self.left is None:
            return of.at(self.left_end.step(-1)).called(f"{of.words} at the widest width that underfits")
        return of.inside(self.left).mean().called(f"mean {of.words} left of the peak ({self.left.words})")

    def top(self, of: Line) -> Number:
        """A line at the peak, alike."""
        if self.peak is None:
            return of.at(self.able).called(f"{of.words} at the first width that is just able to fit")
        return of.inside(self.peak).mean().called(f"mean {of.words} at the peak ({self.peak.words})")

    def rise(self, of: Line) -> Number:
        """From the left minimum to the peak: a difference of errors, a ratio of losses."""
        return self.top(of) / self.low(of) if of is LOSS else self.top(of) - self.low(of)

    def fall(self, of: Line) -> Number:
        """From the peak to the right end, alike."""
        return self.top(of) / of.last if of is LOSS else self.top(of) - of.last

    def stands_out(self, of: Line) -> Rule:
        """Rise to the peak and fall from it: contradicted where either goes the other way."""
        least, none = (LOSS_RISE, 1.0) if of is LOSS else (RISE, 0.0)
        rule = self.rise(of).at_least(least) & self.fall(of).at_least(least)
        return rule.contradicted(below=none)

    @property
    def fit_metric(self) -> str:
        """Name of the measure of fit among a cell's values, a share."""
        return "train_error" if self.loss == "cross_entropy" else "train_loss_share"

    @property
    def fit(self) -> Line:
        """The measure of fit, in percent."""
        share = "training loss as a share of the best constant's"
        return line(self.fit_metric, "training error" if self.loss == "cross_entropy" else share, "%", 100)

    @property
    def left_end(self) -> Place:
        """The end of the left part: the first width with a mean measure of fit below 20 %."""
        return self.fit.first_below(UNDERFIT)

    @property
    def threshold(self) -> Place:
        """The interpolation threshold: the first width with a mean measure of fit of at most 1 %."""
        return self.fit.first_at_most(FITTED)

    @property
    def able(self) -> Place:
        """The first width with a mean measure of fit of at most 10 %."""
        return self.fit.first_at_most(ABLE)

    @property
    def noise(self) -> str:
        """What is replaced in an arm with noise, in words."""
        return "label noise" if self.labels else "target noise"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What must be finite at every width for a seed to count."""
        errors = ("test_error", "train_error", "best_test_error") if self.labels else ()
        return tuple(dict.fromkeys((*errors, self.fit_metric, "test_loss", "best_test_loss")))

    @property
    def values(self) -> tuple[str, ...]:
        """Names of all that a cell holds."""
        ends = (*(("test_error", "train_error") if self.labels else ()), "test_loss", "train_loss")
        fixed = ("parameters", "outputs", "parameters_per_sample", "wrong_labels", "step", "norm", "distance")
        return tuple(dict.fromkeys((*self.metrics, *ends, *(f"{name}_by_step" for name in ends), *fixed)))

    @property
    def noisy(self) -> Arm:
        """The arm with the most noise."""
        return arm(f"most {self.noise}", complete=self.metrics, noise=MOST)

    @property
    def clean(self) -> Arm:
        """The arm without noise."""
        return arm("clean labels" if self.labels else "clean targets", complete=self.metrics, noise=NONE)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What must be true before a claim about the arm with the most noise may be judged."""

        def underfits(view: View) -> Check:
            widths, end = _shown(view.grid("")), _index(view, self.left_end)
            return Check(True, f"the left part of the curve has the widths {', '.join(widths[:end])}")

        left = f"Some width has a mean {self.fit.words} of at least {UNDERFIT:g} %, and some has less."
        drawn = f"{self.noise.capitalize()} is drawn once a seed, alike at every width, and more adds to less."
        return (
            enough_noise(NOISE, words=self.noise), need("left part", left, underfits, values=(self.fit_metric,)),
            fits(self.fit, FITTED), self.placed, replace(one_draw(), sentence=drawn), self.complete,
        )  # fmt: skip

    @property
    def placed(self) -> Need:
        """The left minimum and the peak lie where they are said to lie: on both sides of being able to fit."""

        def check(view: View) -> Check:
            left, peak = (float(view.read(read(self.fit)).y.mean()) for read in (self.low, self.top))
            told = f"mean {self.fit.words} {left:.1f} % left of the peak and {peak:.1f} % at it"
            return Check(
                left >= UNDERFIT and peak <= ABLE, f"{told}; asked at least {UNDERFIT:g} and at most {ABLE:g} %"
            )

        asked = (
            f"Left of the peak the mean {self.fit.words} is at least {UNDERFIT:g} %, at it at most {ABLE:g} %."
        )
        more = ("parameters",) if self.left is not None else ()
        return need("places", asked, check, values=(self.fit_metric, *more))

    @property
    def complete(self) -> Need:
        """Few seeds are lost, in the arm without noise and in the arm with the most."""
        asked = complete(LOST)

        def check(view: View) -> Check:
            levels = view.evidence.levels("noise")
            ends = sorted({0.0, *levels[-1:]} & {*levels})
            found = [(level, asked.check(view.on(self.clean.but(noise=level), frozenset()))) for level in ends]
            told = (f"{level:.0%} {self.noise}: {one.detail}" for level, one in found)
            return Check(all(one.ok for _, one in found), "; ".join(told))

        return replace(asked, check=check, axes=frozenset({"noise"}))

    def extends(self, times: float) -> Need:
        """The right end has so many times the parameters of the interpolation threshold."""

        def check(view: View) -> Check:
            sizes = view.grid("parameters")
            ratio = sizes[-1] / sizes[_index(view, self.threshold)]
            told = f"the right end has {ratio:.3g} times the parameters of the interpolation threshold"
            more = "" if ratio >= times else ": add larger widths"
            return Check(ratio >= times, f"{told}, asked at least {times:g}{more}")

        asked = f"The right end has at least {times:g} times the parameters of the interpolation threshold."
        return need("length", asked, check, values=("parameters",))

    def where_it_peaks(self, of: Line) -> Callable[[View], str]:
        """A remark: the widths of the seeds' peaks, and the interpolation threshold."""

        def note(view: View) -> str:
            widths = _shown(view.grid(""))
            found = view.read(of.hump(self.left_end.before).step).y
            peaks = ", ".join(widths[i] for i in sorted({int(i) for i in found}))
            return f"The seeds peak at width {peaks}; interpolation threshold at {widths[_index(view, self.threshold)]}."

        return note


def width_claims(sweep: WidthSweep) -> tuple[Claim, ...]:
    """The peak of error and loss, what clean labels do, and whether the right end beats the left part."""
    noise, noisy, clean, needs = sweep.noise, sweep.noisy, sweep.clean, sweep.needs
    stopped = noisy.but(f"{noisy.words}, at the best time", metrics={"test_loss": "best_test_loss"})
    at_peak = "The network at the peak, in place of the widest, is not below them."
    left, long = sweep.left_end.before, (*needs, sweep.extends(FAR))
    above, times = ERROR.inside(left), LOSS.inside(left)
    less = (above - ERROR.last).every.called("test error left of the peak minus that of the widest")
    lower = (times / LOSS.last).every.geometric().called("test loss left of the peak over that of the widest")
    wider = ERROR.inside(sweep.left_end.onward) - sweep.low(ERROR)
    climbs = wider.every.called("test error of a wider network minus that left of the peak")
    top, base = planted(sweep, 0.15), planted(sweep, 0.0)
    about_error = (
        Claim("error-peak",
              "With label noise the test error rises to a peak where the network is just able to fit the training set, "
              "and falls again as the network grows.",
              LEDGER, sweep.source, sweep.stands_out(ERROR), noisy,
              Control("With clean labels the test error does not rise so at the same widths.", clean), needs,
              form="direction", scope=sweep.scope, outside=sweep.outside, chart="error", history=PEAK,
              note=sweep.where_it_peaks(ERROR),
              null=(top(49, 47.2, 47.2, 48, 47.7, 47, 45, 41), top(49, 47.2, 47.2, 50, 53.2, 53, 52.9, 52.7)),
              effect=top(49, 47.2, 47.2, 50, 51.2, 49, 47, 45),
              limit=(top(49, 47.2, 47.2, 47.2, 47.2, 46, 44, 40), top(49, 47.2, 47.2, 50, 53.2, 53.2, 53.2, 53.2)),
              against=top(53, 50, 48, 46, 44.5, 43, 41, 39)),
        Claim("clean",
              "With clean labels, does no wider network err more than those left of the peak?", LEDGER, sweep.source,
              climbs.at_most(FLAT), clean,
              Control("With label noise some wider network does err more.", noisy),
              (fits(sweep.fit, FITTED), sweep.complete), kind="question", chart="error", history=CLEAN,
              null=(base(49, 43, 43, 44, 41, 40, 39, 37), base(49, 43, 43, 43, 44, 44, 43, 43)),
              effect=base(52, 47, 44, 42.5, 41, 40, 38, 37)),
        Claim("error-strong",
              "With label noise the widest networks err less than every network left of the peak.", LEDGER, "belkin2019",
              less.at_least(0.0), noisy,
              Control(at_peak, rule=(above - sweep.top(ERROR)).every.at_least(0.0)), long, form="exists", scope=STRONG,
              outside=sweep.outside, chart="error", history=EVERY, profiles=sweep.full,
              null=(top(51, 49.2, 47.2, 50, 53, 52, 50, 47.2),), effect=top(51, 49.2, 48.7, 51, 54, 52, 49, 46)),
    )  # fmt: skip
    about_loss = (
        Claim("loss-peak",
              f"With {noise} the test loss at the end of training rises to a peak where the network is just able to fit "
              "the training set, and falls again as the network grows.",
              LEDGER, sweep.source, sweep.stands_out(LOSS), noisy,
              Control("The loss at its best time (an oracle that sees the test set stops) does not peak.", stopped), needs,
              form="direction", scope=sweep.scope, outside=sweep.outside, chart="loss", history=LOSS_PEAK,
              note=sweep.where_it_peaks(LOSS),
              null=tuple(top(loss=curve) for curve in (
                  (1.1, 1, 1, 1.1, 1.1, 1, 0.9, 0.7), (1.1, 1, 1, 1.5, 2.2, 2.2, 2.1, 2))),
              effect=top(loss=(1.1, 1, 1, 1.1, 1.4, 1.3, 1.1, 0.9)),
              limit=tuple(top(loss=curve) for curve in (
                  (1.1, 1, 1, 1, 1, 0.9, 0.8, 0.6), (1.1, 1, 1, 1.5, 2.4, 2.4, 2.4, 2.4))),
              against=top(loss=(1.2, 1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7))),
        Claim("loss-strong",
              f"With {noise}, is the test loss of the widest networks below that of every network left of the peak?",
              LEDGER, sweep.source, lower.at_least(1.0), noisy,
              Control(at_peak, rule=(times / sweep.top(LOSS)).every.geometric().at_least(1.0)), long, kind="question",
              chart="loss", history=LOSS_STRONG,
              null=(top(loss=(1.34, 1.32, 1.66, 2.5, 5.7, 5.8, 3.9, 1.32)),),
              effect=top(loss=(1.34, 1.32, 1.66, 2.5, 5.7, 5.8, 3.9, 1.15))),
    )  # fmt: skip
    return (*(about_error if sweep.labels else ()), *about_loss)


def planted(sweep: WidthSweep, noise: float) -> Callable[..., World]:
    """One arm of the published sweep of Greydanus and Kobak, ``(*errors in percent, loss=curve) -> world``."""
    published = {
        "fit": (47.5, 39.7, 29.6, 19.0, 5.5, 0, 0, 0), "error": (49, 47.2, 50.7, 52.8, 54.05, 54.02, 50.2, 45.5),
        "loss": (1.34, 1.32, 1.66, 2.5, 5.7, 5.79, 3.92, 2.63),
    } if noise else {
        "fit": (41.3, 28.8, 12.1, 1.4, 0, 0, 0, 0), "error": (49.3, 44.6, 41, 41.7, 41, 41.2, 38.6, 37.3),
        "loss": (1.31, 1.39, 2.31, 4.16, 4.42, 3.78, 3.07, 2.34),
    }  # fmt: skip
    fit, error = ([v / 100 for v in published[name]] for name in ("fit", "error"))
    shares = {"train_error": fit, sweep.fit_metric: fit, "test_error": error, "best_test_error": error}
    plain = World(
        ("width", (9, 16, 27, 36, 47, 61, 104, 300)), apart=True, arms={"noise": (noise,)}, fixed={"n": 4000},
        lines={"parameters": (559, 1098, 2143, 3178, 4663, 6903, 16234, 105610), "test_loss": published["loss"],
               "best_test_loss": [1.3] * 8, **shares},
        spread={"test_error": 0.012, "best_test_error": 0.012, "test_loss": 0.06, "best_test_loss": 0.03},
        level=0.003, straight=("parameters", *shares), numbers={"wrong_labels": 0.9 * noise}, seeds=8,
    )  # fmt: skip

    def changed(*error: float, loss: Sequence[float] = ()) -> World:
        own = {"test_error": [v / 100 for v in error]} if error else {}
        return plain.but(lines={**own, **({"test_loss": loss} if loss else {})})

    return changed


def width_charts(sweep: WidthSweep, few: Sequence[int], width: str = "hidden width") -> tuple[Chart, ...]:
    """Error and loss against width, at the end and at the best time; training; the distance moved.

    Args:
        sweep: what is trained on; numbers as targets have no error.
        few: the widths whose training is drawn over the steps.
        width: title of the horizontal axis.
    """
    oracle = "The best time is chosen on the test set, among the probe times: an oracle, not a method."
    squared = sweep.loss == "squared"
    unit = "squared loss (half the squared distance)" if squared else "cross-entropy (nats)"
    kind, given = ("error", "labels") if sweep.labels else ("loss", "targets")
    train = f"-train, against the given {given}"
    found = charts(
        {"width": width, "parameters": "parameters", "parameters_per_sample": "parameters per training sample"},
        ("noise", sweep.noise),
        error=("Error against width", "error (share of samples)", {"test_error": "test", "train_error": train},
               "The test labels are clean: test error counts true mistakes."),
        loss=("Loss against width", f"log {unit}", {"test_loss": "test", "train_loss": train},
              "A network that fits all its labels is sure of its mistakes: the loss may peak without the error."
              if sweep.labels else "The test targets are clean."),
        stopped_error=("Error at the end and at the best time", "test error (share of samples)",
                       {"test_error": "end of training", "best_test_error": "-best time"}, oracle),
        stopped_loss=("Loss at the end and at the best time", f"log test {unit}",
                      {"test_loss": "end of training", "best_test_loss": "-best time"}, oracle),
        steps=(f"Test {kind} during training", "test error (share of samples)" if sweep.labels else f"log test {unit}",
               {}, {"x": {"step": "step"}, "fit": False}),
        distance=("How far the parameters move", "log Euclidean norm",
                  {"distance": "distance from initialisation", "norm": "-norm at the end"}),
    )  # fmt: skip
    lines = tuple(Series(f"test_{kind}_by_step", f"width {one}", where={"width": one}) for one in few)
    drawn = (replace(one, series=lines) if one.name == "steps" else one for one in found)
    return tuple(one for one in drawn if sweep.labels or "error" not in one.name)


def _index(view: View, place: Place) -> int:
    from overparam.core.view import index

    return index(view, place)


def _shown(points: Any) -> list[str]:
    return [f"{point:g}" for point in points]
