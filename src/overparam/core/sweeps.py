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
from overparam.core.expressions import Hump, Line, line
from overparam.core.needs import Need, complete, enough_noise, fits, need, one_draw
from overparam.core.parts import Chart, Series
from overparam.core.places import Place
from overparam.core.rule import Rule
from overparam.core.statements import Claim, Control
from overparam.core.worlds import World

if TYPE_CHECKING:
    from overparam.core.view import View

UNDERFIT = 20.0  # percent of the mean measure of fit: the left part of the curve lies at or above it
FITTED = 1.0  # percent of the mean measure of fit: the threshold is the first width at or below it
NOISE, LOST = 0.10, 0.2  # rate of noise from which a rise is expected; share of the seeds that may be lost
RISE, FALL, SOME_FALL = 3.0, 4.0, 1.0  # points: minimum to peak, peak to right end, the same of a placed peak
FLAT = 2.0  # points: with clean labels the test error climbs by no more
LOSS_RATIO, LOSS_RISE, LOSS_FALL = 1.5, 1.2, 1.1  # peak of the loss over its right end; the two of a placed one
LONG, FAR = 10.0, 4.0  # parameters of the right end over those of the threshold: strong forms, fall of the loss
ERROR, LOSS = line("test_error", "test error", "points", 100), line("test_loss", "test loss")
LEDGER, SOURCE = ("L53", "L54"), "nakkiran2020"


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
    """

    loss: Literal["cross_entropy", "squared"] = "cross_entropy"
    labels: bool = True
    regularisers: tuple[str, ...] = ()
    unseen: str = ""

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
            fits(self.fit, FITTED), replace(one_draw(), sentence=drawn), self.complete,
        )  # fmt: skip

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

    def where_it_peaks(self, hump: Hump) -> Callable[[View], str]:
        """A remark: the widths of the seeds' peaks, and the interpolation threshold."""

        def note(view: View) -> str:
            widths = _shown(view.grid(""))
            peaks = ", ".join(widths[i] for i in sorted({int(i) for i in view.read(hump.step).y}))
            return f"Peak at width {peaks}; interpolation threshold at {widths[_index(view, self.threshold)]}."

        return note


def error_stands_out(hump: Hump, fall: float) -> Rule:
    """Rise to the peak of the test error and fall from it, in points."""
    return (hump.top - hump.low).at_least(RISE) & (hump.top - ERROR.last).at_least(fall)


def loss_stands_out(hump: Hump, fall: float) -> Rule:
    """Peak of the test loss over its left minimum and over its right end."""
    return (hump.top / hump.low).at_least(LOSS_RISE) & (hump.top / LOSS.last).at_least(fall)


def width_claims(sweep: WidthSweep) -> tuple[Claim, ...]:
    """Four claims about an error, where there is one; for squared loss the place of its peak; two about the loss."""
    error, loss = ERROR.hump(sweep.left_end.before), LOSS.hump(sweep.left_end.before)
    noise, noisy, needs, threshold = sweep.noise, sweep.noisy, sweep.needs, sweep.threshold
    stopped = noisy.but(f"{noisy.words}, at the best time", metrics={"test_loss": "best_test_loss"})
    best = Control("The loss at its best time (an oracle that sees the test set stops) does not peak.", stopped)
    no_peak = Control("With clean labels the same rule finds no peak.", sweep.clean)
    at_threshold = "The network at the interpolation threshold, in place of the widest, is not below it."
    strong = (*needs, sweep.extends(LONG))
    note, note_loss = sweep.where_it_peaks(error), sweep.where_it_peaks(loss)
    top, base = planted(sweep, 0.15), planted(sweep, 0.0)
    about_error = (
        Claim("peak", "With label noise the test error peaks where the network is just able to fit the training set.",
              LEDGER, SOURCE,
              error.step.within(sweep.left_end, threshold, slack=0.5) & error_stands_out(error, SOME_FALL),
              noisy, no_peak, needs, chart="error", note=note,
              null=(top(49, *[47.2] * 7), top(49, 47.2, 50.7, *[54] * 5), top(49, 47.2, 48, 49, 50, 53, 53, 45.5)),
              effect=top(49, 47.2, 50, 54, 53, 52, 50, 45.5)),
        Claim("error-peak",
              "With label noise the test error first falls, then rises to a peak, then falls again as the width grows.",
              LEDGER, SOURCE, error_stands_out(error, FALL), noisy, no_peak, needs, chart="error", note=note,
              null=(top(51, 47.2, 47.2, 48, 50.2, 49, 47, 45), top(51, 47.2, 49, 52, 54, 53, 52, 50)),
              effect=top(51, 47.2, 49, 51, 54, 51.5, 49, 46)),
        Claim("clean",
              "With clean labels the test error does not rise to a peak: it falls or stays as the width grows.",
              LEDGER, SOURCE, ERROR.climb().at_most(FLAT), sweep.clean,
              Control("With label noise the same rule finds a climb.", noisy),
              (fits(sweep.fit, FITTED), sweep.complete), chart="error", note=_climb,
              null=(base(49, 44.6, 41, 42, 43, 42, 38, 37),), effect=base(49, 44.6, 43, 42, 41, 40, 38, 37)),
        Claim("error-strong",
              "With label noise the widest networks have a lower test error than the minimum before the peak.",
              LEDGER, SOURCE, (error.floor - ERROR.last).at_least(0.0), noisy,
              Control(at_threshold, rule=(error.floor - ERROR.at(threshold)).at_least(0.0)), strong, chart="error",
              null=(top(49, 47.2, 50.7, 52.8, 54, 54, 50.2, 47.2),),
              effect=top(49, 47.2, 50.7, 52.8, 54, 54, 50.2, 44)),
    )  # fmt: skip
    place = Claim(
        "loss-at-fit", f"With {noise} the test loss peaks where the network is just able to fit the training set.",
        LEDGER, SOURCE, loss.step.within(sweep.left_end, threshold, slack=0.5) & loss_stands_out(loss, LOSS_FALL),
        noisy, best, needs, chart="loss", note=note_loss,
        null=tuple(top(loss=curve) for curve in (
            (1, 0.9, 1, 1.1, 1.3, 2.4, 2.4, 1), (1, 0.9, 0.93, 0.97, 1.08, 1, 0.95, 0.85),
            (1, 0.9, 1, 1.3, 1.65, 1.3, 1.4, 1.5), (1, 0.95, 0.9, 0.88, 0.86, 0.84, 0.82, 0.8))),
        effect=top(loss=(1, 0.9, 1, 1.2, 1.8, 1.5, 1.2, 0.9)),
    )  # fmt: skip
    about_loss = (
        Claim("loss-peak",
              f"With {noise} the test loss at the end of training peaks, and falls well below that for wider networks.",
              LEDGER, SOURCE, (loss.top / LOSS.last).at_least(LOSS_RATIO), noisy, best, (*needs, sweep.extends(FAR)),
              ("the peak is sought to the right of the left minimum, as for the error. Over all widths the control took "
               "the large loss of the narrowest networks (at most 3 units a layer) for a peak.",),
              chart="loss", note=note_loss,
              null=(top(loss=(1.3, 1.3, 1.6, 2.5, 3.9, 3.7, 3, 2.6)),),
              effect=top(loss=(1.3, 1.3, 1.6, 2.5, 4.6, 4.6, 3, 2.6))),
        Claim("loss-strong",
              f"With {noise} the widest networks have a lower test loss than the minimum before the peak.",
              LEDGER, SOURCE, (loss.floor / LOSS.last).at_least(1.0), noisy,
              Control(at_threshold, rule=(loss.floor / LOSS.at(threshold)).at_least(1.0)), strong, chart="loss",
              null=(top(loss=(1.34, 1.32, 1.66, 2.5, 5.7, 5.8, 3.9, 1.32)),),
              effect=top(loss=(1.34, 1.32, 1.66, 2.5, 5.7, 5.8, 3.9, 1.15))),
    )  # fmt: skip
    return (*(about_error if sweep.labels else ()), *((place,) if sweep.loss == "squared" else ()), *about_loss)


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
        spread={"test_error": 0.007, "test_loss": 0.04, "best_test_loss": 0.01}, straight=("parameters", *shares),
        numbers={"wrong_labels": 0.9 * noise},
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


def _climb(view: View) -> str:
    from overparam.core.lines import largest_climb

    low, high = largest_climb(view.read(ERROR).y)[1]
    widths = _shown(view.grid(""))
    return f"Largest climb from width {widths[low]} to {widths[high]}."


def _index(view: View, place: Place) -> int:
    from overparam.core.view import index

    return index(view, place)


def _shown(points: Any) -> list[str]:
    return [f"{point:g}" for point in points]
