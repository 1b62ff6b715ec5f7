"""What must be true of a run before a claim may be judged: preconditions that studies share. Standard library at the top."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from overparam.core.arms import Arm
from overparam.core.claim import Check
from overparam.core.code import value_of
from overparam.core.expressions import Line, Number, line
from overparam.core.operands import of_kind
from overparam.core.places import Grid, Place, Region

if TYPE_CHECKING:
    from overparam.core.view import View


@dataclass(frozen=True)
class Need:
    """A precondition.

    Attributes:
        name: short name.
        sentence: what is asked, in words.
        check: reads the cells of one setting through the claim's arm.
        axes: axes that it compares, so that they are no settings.
        values: names among the cells' values that it looks up.
        together: whether all settings are looked at as one.
    """

    name: str
    sentence: str
    check: Callable[[View], Check]
    axes: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    together: bool = False

    @property
    def tree(self) -> tuple[Any, ...]:
        """What is asked, as plain values: the check with all that it depends on; words do not enter."""
        return ("need", value_of(self.check), tuple(sorted(self.axes)), self.together)

    def on(self, arm: Arm) -> Need:
        """The same asked of another arm than the claim's."""
        words = f"{self.sentence.removesuffix('.')} ({arm.words})."
        axes = self.axes | frozenset(arm.where)
        read = {arm.metrics.get(name, name) for name in self.values} | {*arm.metrics.values(), *arm.complete}
        return replace(
            self, sentence=words, check=lambda view: self.check(view.on(arm)), axes=axes, values=frozenset(read)
        )


def need(
    name: str, sentence: str, check: Callable[[View], Check], *axes: str, values: tuple[str, ...] = (),
    together: bool = False,
) -> Need:  # fmt: skip
    """A precondition of a study's own: ``check`` takes a :class:`~overparam.core.view.View`.

    Args:
        name: short name.
        sentence: what is asked, in words.
        check: whether it is met, with the measured detail.
        axes: axes that it compares.
        values: names among the cells' values that it looks up.
        together: whether all settings are looked at as one.
    """
    return Need(name, sentence, check, frozenset(axes), frozenset(values), together)


def enough_noise(asked: float, axis: str = "noise", words: str = "label noise") -> Need:
    """Some arm has at least this rate of noise."""
    of_kind(asked, ("real",), "enough_noise, asked")

    def check(view: View) -> Check:
        level = max(view.evidence.levels(axis), default=0.0)
        return Check(level >= asked - 1e-9, f"most {words} {level:.0%}, asked at least {asked:.0%}")

    return Need("noise", f"Some arm has at least {asked:.0%} {words}.", check, frozenset({axis}))


def clean_arm(axis: str = "noise", words: str = "clean labels") -> Need:
    """Some arm has no noise."""

    def check(view: View) -> Check:
        there = 0.0 in view.evidence.levels(axis)
        return Check(there, f"{words} are among the arms" if there else f"no arm has {words}: add --{axis} 0")

    return Need(words, f"Some arm has {words}.", check, frozenset({axis}))


def one_draw(axis: str = "noise", over: str = "", among: Mapping[str, tuple[Any, ...]] | None = None) -> Need:
    """Label noise is drawn once a seed: the same labels at every size, and more noise adds to less.

    Compared are the digests of the labels that each cell trained on (value ``labels_digest``), or the shares of wrong
    labels where some cell of a seed holds none.

    Args:
        axis: the rate of noise.
        over: another axis with arms that share the labels, for instance the model.
        among: an axis with the values whose cells share the labels, where others have their own.
    """
    shared = among or {}

    def check(view: View) -> Check:
        drawn: dict[int, dict[float, list[tuple[float, str | None]]]] = {}
        for params, values in view.evidence.rows:
            if values.get("wrong_labels") is None or any(
                params[name] not in some for name, some in shared.items()
            ):
                continue
            of_seed = drawn.setdefault(params["seed"], {}).setdefault(params.get(axis, 0.0), [])
            of_seed.append((values["wrong_labels"], values.get("labels_digest")))
        for seed, by_rate in sorted(drawn.items()):
            for found in by_rate.values():
                digests = {digest for _, digest in found}
                if len({share for share, _ in found} if None in digests else digests) > 1:
                    return Check(
                        False, f"seed {seed}: sizes or arms at one rate of noise train on different labels"
                    )
            shares = [max(share for share, _ in by_rate[rate]) for rate in sorted(by_rate)]
            if shares != sorted(shares):
                return Check(
                    False, f"seed {seed} has fewer wrong labels at more noise: the draws are not nested"
                )
        every = all(digest for by_rate in drawn.values() for found in by_rate.values() for _, digest in found)
        how = (
            "labels compared by their digests"
            if every
            else "shares of wrong labels compared where a digest lacks"
        )
        return Check(True, f"one draw a seed ({how})")

    return Need(
        "fixed noise", "Label noise is drawn once a seed, the same labels for every size, and more noise adds to less.",
        check, frozenset({axis, *shared, *([over] if over else [])}), frozenset({"wrong_labels", "labels_digest"}), True,
    )  # fmt: skip


def fits(measure: Line, at_most: float, *, before_the_end: bool = True) -> Need:
    """The mean of a measure of fit falls to a cut-off along the line; its first such point is the interpolation threshold.

    Args:
        measure: the training error or loss.
        at_most: the cut-off, in the unit of the measure.
        before_the_end: whether some point must follow.
    """
    of_kind(at_most, ("real",), "fits, at_most")

    def check(view: View) -> Check:
        seen = view.on(view.arm, measure.reads)
        mean, x = seen.read(measure).y.mean(axis=0), seen.grid("")
        hits = [i for i, value in enumerate(mean) if value <= at_most]
        if not hits:
            return Check(
                False, f"no {view.x} reaches a mean {measure.words} of {at_most:g} (lowest: {mean.min():.2g})"
            )
        ok = hits[0] < len(mean) - 1 or not before_the_end
        where = f"interpolation threshold at {view.x} {x[hits[0]]:g}"
        return Check(ok, where if ok else f"{where}: the curve ends there, add larger ones")

    end = " before the last" if before_the_end else ""
    return Need(
        "interpolation threshold", f"Some {'point' if end else 'size'}{end} has a mean {measure.words} of at most "
        f"{at_most:g}{' ' + measure.unit if measure.unit else ''}.", check, values=measure.values,
    )  # fmt: skip


def around(region: Region, points: int, left: int = 0, near: float | None = None, within: float = 0.02) -> Need:
    """Enough points lie in a region, to the left of it, and perhaps close to one value."""
    of_kind(points, ("whole",), "around, points")
    of_kind(left, ("whole",), "around, left")
    of_kind(near, ("real", "none"), "around, near")

    def check(view: View) -> Check:
        from overparam.core.view import along, mask

        grid: Grid = region.of[0]
        g, inside = along(view, None, grid), mask(view, region)
        count, below = int(inside.sum()), int((g < region.of[1]).sum())
        told, ok = f"{count} points with {region.words}", count >= points and below >= left
        if left:
            told += f" and {below} to the left"
        if near is not None:
            nearest = float(g[abs(g / near - 1).argmin()])
            told, ok = (
                f"{told}, the nearest to {near:g} at {nearest:.3g}",
                ok and abs(nearest / near - 1) <= within,
            )
        return Check(ok, f"{told}; asked at least {points}" + (f" and {left}" if left else ""))

    more = f", and {left} to the left of it" if left else ""
    more += f", one of them within {within:.0%} of {near:g}" if near is not None else ""
    return Need("grid", f"At least {points} points with {region.words}{more}.", check, values=region.values)


def reaches(grid: Grid, asked: float, within: float = 0.0) -> Need:
    """The grid goes on to a value; ``within`` is a relative tolerance."""
    of_kind(asked, ("real",), "reaches, asked")
    of_kind(within, ("real",), "reaches, within")

    def check(view: View) -> Check:
        from overparam.core.view import along

        end = float(along(view, None, grid)[-1])
        ok = end >= asked * (1 - within)
        return Check(ok, f"the grid ends at {grid.words} = {end:.3g}, asked at least {asked:g}")

    return Need(
        "right end", f"The grid goes on to {grid.words} of at least {asked:g}.", check, values=grid.values
    )


def fine_step(region: Region, at_most: float) -> Need:
    """The last point of a region and the next differ by at most a factor."""
    of_kind(at_most, ("real",), "fine_step, at_most")

    def check(view: View) -> Check:
        from overparam.core.view import along, index

        g, here = along(view, None, region.of[0]), index(view, region.last)
        step = float(g[here + 1] / g[here])
        return Check(step <= at_most, f"the step there is a factor {step:.3g}, asked at most {at_most:g}")

    what = f"The last point with {region.words} and the next differ by at most a factor {at_most:g}."
    return Need("step", what, check, values=region.values)


def complete(lost: float = 0.2, *metrics: str, axis: str = "") -> Need:
    """At most this share of the seeds is lost, by divergence or otherwise.

    Args:
        lost: share of the seeds.
        metrics: what a complete seed has at every point; by default what the rule reads.
        axis: an axis whose every value is looked at, for instance the noise.
    """
    of_kind(lost, ("real",), "complete, lost", "Names of metrics follow the share.")

    def check(view: View) -> Check:
        told, ok = [], True
        seen = view.on(view.arm, frozenset(metrics)) if metrics else view
        for level in (view.evidence.levels(axis) or (None,)) if axis else (None,):
            here = seen if level is None else seen.on(seen.arm.but(**{axis: level}))
            found = here.aligned()
            total = len(found.seeds) + len(found.dropped)
            ok = ok and len(found.dropped) <= lost * total
            gone = f"; diverged or missing: seed {', '.join(map(str, found.dropped))}" if found.dropped else ""
            where = "" if level is None else f"{axis} {level:g}: "
            told.append(f"{where}{len(found.seeds)} of {total} seeds are complete{gone}")
        return Check(ok, "; ".join(told) + ("" if ok else f"; at most {lost:.0%} may be lost"))

    sentence = f"At most {lost:.0%} of the seeds are lost, by divergence or otherwise."
    return Need("complete", sentence, check, frozenset({axis} if axis else ()), frozenset(metrics))


def enough_seeds(least: int) -> Need:
    """At least so many seeds are complete in what the rule reads."""
    of_kind(least, ("whole",), "enough_seeds, least")

    def check(view: View) -> Check:
        seeds = len(view.aligned().seeds)
        return Check(seeds >= least, f"{seeds} seeds are complete, asked at least {least}")

    return Need("seeds", f"At least {least} seeds are complete.", check)


def spans(measured: Line, points: int = 4, factor: float = 16) -> Need:
    """A line is measured in every seed at enough points, the largest so many times the smallest: for slopes."""
    of_kind(points, ("whole",), "spans, points")
    of_kind(factor, ("real",), "spans, factor")

    def check(view: View) -> Check:
        found = view.on(view.arm, measured.reads).aligned()
        lost = f", some not measured (seed {', '.join(map(str, found.dropped))})" if found.dropped else ""
        ok = len(found.x) >= points and found.x[-1] >= factor * found.x[0] and not lost
        return Check(ok, f"{len(found.x)} points of {view.x} from {found.x[0]:g} to {found.x[-1]:g}{lost}")

    what = f"At least {points} points were measured, the largest {factor:g} times the smallest."
    return Need("span", what, check, values=measured.values)


def inside(place: Place) -> Need:
    """A place that is chosen by a measure of fit can be told, so that lines have a part before it."""

    def check(view: View) -> Check:
        from overparam.core.view import index

        seen = view.on(view.arm, place.reads)
        x, here = seen.grid(""), index(seen, place)
        return Check(True, f"{place.words} is {view.x} {x[here]:.3g}, with {here} points before it")

    return Need("left part", f"The line has {place.words}, and points before it.", check, values=place.values)


def on_average(
    name: str, number: Number, *, at_least: float | None = None, at_most: float | None = None
) -> Need:
    """The mean of a number over the seeds keeps to a cut-off, without an interval."""
    asked = f"at least {at_least:g}" if at_least is not None else f"at most {at_most:g}"
    asked += f" {number.unit}" if number.unit else ""

    def check(view: View) -> Check:
        mean = float(view.on(view.arm, number.reads).read(number).y.mean())
        ok = (at_least is None or mean >= at_least) and (at_most is None or mean <= at_most)
        return Check(ok, f"mean {number.words} {mean:.3g}, asked {asked}")

    return Need(name, f"The mean over seeds of {number.words} is {asked}.", check, number.axes, number.values)


def has(metric: str, advice: str = "") -> Need:
    """Some finished cell of the arm has this value."""

    def check(view: View) -> Check:
        rows = view.evidence.where(**view.where()).rows
        having = sum(view.name(metric) in values for _, values in rows)
        return Check(having > 0, f"{having} of {len(rows)} cells have it" + ("." if having else f". {advice}"))

    words = line(metric).words
    return Need(f"has {words}", f"Some finished cell has '{words}'.", check, values=frozenset({metric}))
