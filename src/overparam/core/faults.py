"""What is wrong with a study, found before anything is computed: all faults in one list, with file and line."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from overparam.core.arms import Arm
from overparam.core.claim import Evidence
from overparam.core.errors import MissingEvidence, UsageError, nearest
from overparam.core.expression import Expression, plain
from overparam.core.first_cell import first_reads
from overparam.core.form_faults import form_faults
from overparam.core.needs import Need
from overparam.core.parts import Study
from overparam.core.rule import Rule
from overparam.core.statements import Claim, Form, Kind, Plant


@dataclass(frozen=True)
class Fault:
    """One fault of a study.

    Attributes:
        what: expected, got, and what to do.
        file: name of the study's file, without its folders.
        line: line in it, or 0 where it is not known.
    """

    what: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{place}{self.what}"


class Places:
    """Where names stand in a study's file: the line of a claim, a chart or a misspelt name."""

    def __init__(self, study: Study) -> None:
        """Read the file that declares the study, if there is one."""
        path = Path(study.file)
        self.name = path.name
        self.tree = (
            ast.parse(path.read_text(encoding="utf-8")) if study.file and path.is_file() else ast.parse("")
        )
        self.calls: dict[str, ast.Call] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                first = next(
                    (k.value for k in node.keywords if k.arg == "name"), node.args[0] if node.args else None
                )
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    self.calls.setdefault(f"{getattr(node.func, 'id', '')} {first.value}", node)

    def fault(self, what: str, text: str = "", call: str = "") -> Fault:
        """A fault at the first place of a text inside a call such as ``Claim peak``; else in the file, else at the call."""
        inside = self.calls.get(call)
        line = (self._line(text, inside) if inside else 0) or self._line(text, self.tree)
        return Fault(what, self.name, line or (inside.lineno if inside else 0))

    def _line(self, text: str, within: ast.AST) -> int:
        found = [
            node.lineno
            for node in ast.walk(within)
            if text
            and (
                (isinstance(node, ast.Constant) and node.value == text)
                or (isinstance(node, ast.keyword) and node.arg == text)
            )
        ]
        return min(found, default=0)


def faults(study: Study) -> list[Fault]:
    """Everything that is wrong with a study's declaration, apart from what its profiles cost.

    Nothing of it is computed, but every claim is judged once on its planted worlds.
    """
    places = Places(study)
    return [*_record(study, places), *_axes(study, places), *_charts(study, places), *_claims(study, places)]


def _record(study: Study, at: Places) -> Iterator[Fault]:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", study.name):
        yield at.fault(f"expected a name in lower case with dashes, got '{study.name}'", study.name)
    if "quick" not in study.profiles:
        yield at.fault(f"expected a profile 'quick', got {sorted(study.profiles)}", "profiles")
    if not study.differences:
        yield at.fault("expected at least one known difference from the paper", "differences")
    if not study.charts:
        yield at.fault("expected at least one chart", "charts")
    if not study.values:
        yield at.fault("expected 'values', the names of everything that the work returns", "work")
    if len({claim.name for claim in study.claims}) != len(study.claims) or not study.claims:
        names = [claim.name for claim in study.claims]
        more = sorted({name for name in names if names.count(name) > 1})
        yield at.fault(
            f"expected claims with names of their own, got {', '.join(more) or 'none'}{' twice' if more else ''}",
            more[0] if more else "claims",
        )
    for what, names in (
        ("chart", [one.name for one in study.charts]),
        ("source", [one.key for one in study.sources]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield at.fault(f"expected {what}s with names of their own, got '{name}' twice", name)
    if study.decides not in study.profiles and len(study.profiles) > 1:
        yield at.fault(
            f"decides: no profile '{study.decides}'.{nearest(study.decides, study.profiles)}", "decides"
        )
    for name in study.diagnosed_claims:
        if name not in {claim.name for claim in study.claims}:
            yield at.fault(f"diagnosed_claims: no claim '{name}'.", name)
    if not callable(study.work):
        yield at.fault(f"expected a function for work, got {type(study.work).__name__}", "work")
    for source in study.sources:
        if not source.bibtex.lstrip().startswith("@"):
            yield at.fault(f"expected BibTeX for the source '{source.key}'", source.key)


def _axes(study: Study, at: Places) -> Iterator[Fault]:
    axes = {axis.name: axis for axis in study.axes}
    for name in ("seed", "data"):
        if name not in axes:
            yield at.fault(f"expected an axis '{name}', got {', '.join(axes)}. Every study has one", "axes")
    if len({axis.option for axis in study.axes}) < len(study.axes):
        yield at.fault("expected every axis to have a name and an option of its own", "axes")
    for name in study.stack_by:
        if name not in axes:
            yield at.fault(f"stack_by: no axis '{name}'.{nearest(name, axes)}", name)
    for name in study.stack_whole:
        if name not in axes or name in study.stack_by:
            yield at.fault(f"stack_whole: expected axes that are not in stack_by, got '{name}'", name)
    if "seed" in study.stack_by and study.stack_limit > 1:
        yield at.fault("stack_by: expected seeds to share a stack; leave 'seed' out", "stack_by")
    for profile, one in study.profiles.items():
        for name, values in one.axes.items():
            if name not in axes:
                yield at.fault(f"profile '{profile}': no axis '{name}'.{nearest(name, axes)}", name)
                continue
            try:
                kept = tuple(axes[name].check(value) for value in values)
            except UsageError as error:
                yield at.fault(f"profile '{profile}': {error}", name)
                continue
            if not kept or kept != tuple(values):
                yield at.fault(
                    f"profile '{profile}': expected values of their kind for '{name}', got {values}", name
                )
    yield from _first_cell(study, at)


def _first_cell(study: Study, at: Places) -> Iterator[Fault]:
    """Axes that work reads from the first cell alone, although the cells of a stack may differ in them."""
    shared = {axis.name for axis in study.axes} - set(study.stack_by)
    for lineno, axis in sorted({(line, name) for line, name in first_reads(at.tree) if name in shared}):
        yield Fault(
            f"'{axis}' is read from the first cell, but stack_by lacks it: the cells of a stack may differ in it. Add "
            f"'{axis}' to stack_by, or read it from each cell",
            at.name,
            lineno,
        )


def _charts(study: Study, at: Places) -> Iterator[Fault]:
    if not study.values:
        return
    axes, values = {axis.name for axis in study.axes}, set(study.values)
    for chart in study.charts:
        who = f"chart '{chart.name}'"
        if not chart.x or not chart.series:
            yield at.fault(f"{who}: expected an x axis and a series", chart.name)
        if chart.arm and chart.arm not in axes:
            yield at.fault(f"{who}: no axis '{chart.arm}' for its arm.{nearest(chart.arm, axes)}", chart.arm)
        for name in (*(x.name for x in chart.x), *([chart.along] if chart.along else [])):
            if name not in axes | values:
                yield at.fault(f"{who}: no axis or value '{name}' for x.{nearest(name, axes | values)}", name)
        if chart.frame and chart.frame not in axes | values:
            yield at.fault(
                f"{who}: no axis or value '{chart.frame}' for its frames.{nearest(chart.frame, axes | values)}",
                chart.frame,
            )
        if chart.frame and chart.frame in {chart.arm, chart.along, *(x.name for x in chart.x)}:
            yield at.fault(
                f"{who}: expected frames over something that is not drawn otherwise, got '{chart.frame}' twice",
                chart.frame,
            )
        for series in chart.series:
            if series.metric not in values:
                yield at.fault(
                    f"{who}: no value '{series.metric}'.{nearest(series.metric, values)}", series.metric
                )
            for name in series.where:
                if name not in axes:
                    yield at.fault(f"{who}: no axis '{name}' for a series.{nearest(name, axes)}", name)
    if study.fit:
        for name in {study.fit.metric} - values | {study.fit.x} - values - axes:
            yield at.fault(f"fit: no value '{name}'.{nearest(name, values)}", name)


def _claims(study: Study, at: Places) -> Iterator[Fault]:
    sources, charts = {source.key for source in study.sources}, {chart.name for chart in study.charts}
    for claim in study.claims:
        who, call = f"claim '{claim.name}'", f"Claim {claim.name}"
        if not claim.sentence:
            yield at.fault(f"{who}: expected a sentence", "", call)
        if claim.source not in sources:
            yield at.fault(
                f"{who}: no source '{claim.source}'.{nearest(claim.source, sources)}", claim.source, call
            )
        if claim.chart and claim.chart not in charts:
            yield at.fault(f"{who}: no chart '{claim.chart}'.{nearest(claim.chart, charts)}", claim.chart, call)
        if not (claim.ledger or claim.kind == "question") or not all(
            re.fullmatch(r"L\d+[A-Z]?", entry) for entry in claim.ledger
        ):
            yield at.fault(f"{who}: expected ledger numbers such as L53, got {claim.ledger}", "", call)
        if claim.control is None and claim.kind == "claim":
            yield at.fault(f"{who}: expected a control. Name an arm or a rule where it must fail", "", call)
        odd = [*_shape(claim, at, who, call)]
        yield from odd
        if odd:
            continue
        yield from _empty(claim, at, who, call)
        for name, what in form_faults(claim, study.profiles):
            yield at.fault(f"{who}: {what}", name, call)
        wrong = [*_names(study, claim, at, who, call)] if study.values else []
        yield from wrong
        yield from _planted(claim, at, who, call, broken=bool(wrong))


def _shape(claim: Claim, at: Places, who: str, call: str) -> Iterator[Fault]:
    """Parts of a claim that are of another kind than they should be, for instance one world where several belong."""
    kinds: tuple[tuple[str, Any], ...] = (
        ("needs", Need), ("null", Callable), ("limit", Callable), ("history", str), ("scope", str), ("ledger", str),
        ("profiles", str),
    )  # fmt: skip
    for name, kind in kinds:
        found = getattr(claim, name)
        if not isinstance(found, tuple | list) or not all(isinstance(one, kind) for one in found):
            yield at.fault(f"{who}: expected a tuple for {name}, got {found!r:.60}", name, call)
    rules = [claim.rule, *([claim.control.rule] if claim.control and claim.control.rule is not None else [])]
    for rule in rules:
        if not isinstance(rule, Rule):
            yield at.fault(
                f"{who}: expected a rule, got {type(rule).__name__}. Compare the number: .at_least(...), .at_most(...)",
                "", call,
            )  # fmt: skip
    for name, known in (("kind", get_args(Kind)), ("form", get_args(Form))):
        found = getattr(claim, name)
        if found not in known:
            yield at.fault(f"{who}: no {name} '{found}'.{nearest(found, known)}", found, call)


def _empty(claim: Claim, at: Places, who: str, call: str) -> Iterator[Fault]:
    """A rule that reads nothing or that nothing can meet, and a control that is the claim itself."""
    for rule in (claim.rule, *([claim.control.rule] if claim.control and claim.control.rule else [])):
        if not rule.cuts or not all(_reads_cells(cut.number) for cut in rule.cuts):
            yield at.fault(f"{who}: expected a rule that reads the cells, got one that reads nothing", "", call)
        for cut in rule.cuts:
            bounds = [one for one in (cut.at_least, cut.at_most) if isinstance(one, int | float)]
            if any(math.isnan(one) for one in bounds) or (len(bounds) == 2 and bounds[0] > bounds[1]):
                yield at.fault(
                    f"{who}: nothing lies within its cut-offs {bounds}. Give the lower one first", "", call
                )
    if claim.control:
        rule, arm = claim.control.rule or claim.rule, claim.control.on or claim.on
        if (rule.tree, plain(arm), arm.complete) == (claim.rule.tree, plain(claim.on), claim.on.complete):
            yield at.fault(
                f"{who}: its control is the claim itself, which it can only repeat. Name an arm or a rule where it must "
                "fail", "", call,
            )  # fmt: skip


def _reads_cells(expression: Expression) -> bool:
    return expression.op in ("rows", "view") or bool(expression.values) or any(
        _reads_cells(one) for one in expression.of if isinstance(one, Expression)
    )  # fmt: skip


def _names(study: Study, claim: Claim, at: Places, who: str, call: str) -> Iterator[Fault]:
    """Metrics, axes and x that a claim, its control and its needs speak of, and the study does not have."""
    axes, values = {axis.name for axis in study.axes}, set(study.values)
    pairs: list[tuple[Rule, Arm]] = [(claim.rule, claim.on)]
    if claim.control:
        pairs.append((claim.control.rule or claim.rule, claim.control.on or claim.on))
    wrong: dict[str, str] = {}
    for rule, arm in pairs:
        for name in rule.values | frozenset(arm.complete):
            read = arm.metrics.get(name, name)
            if read not in axes | values:
                wrong[read] = f"{who}: no value '{read}' to read.{nearest(read, values | axes)}"
        for name in set(arm.metrics) - rule.values:
            wrong[name] = (
                f"{who}: its arm renames '{name}', which the rule does not read.{nearest(name, rule.values)}"
            )
        for name in (*arm.where, *rule.axes):
            if name not in axes:
                wrong[name] = f"{who}: no axis '{name}'.{nearest(name, axes)}"
        if (arm.x or claim.x) not in axes | values:
            wrong[arm.x or claim.x] = f"{who}: no axis or value '{arm.x or claim.x}' for x"
    for need in claim.needs:
        for name in need.values - values - axes - {"labels_digest"}:
            wrong[name] = f"{who}, need '{need.name}': no value '{name}' to read.{nearest(name, values)}"
        for name in need.axes - axes:
            wrong[name] = f"{who}, need '{need.name}': no axis '{name}'.{nearest(name, axes)}"
    for name, what in wrong.items():
        yield at.fault(what, name, call)


def _planted(claim: Claim, at: Places, who: str, call: str, *, broken: bool) -> Iterator[Fault]:
    """Every claim has planted worlds, and its rule, control and needs can be computed there."""
    if not claim.null:
        what = "a planted violation" if claim.kind == "check" else "a planted null, where it is false by a hair"
        yield at.fault(f"{who}: expected {what} (null=)", "", call)
    if claim.effect is None and claim.kind != "check":
        yield at.fault(f"{who}: expected a planted effect, where it is true (effect=)", "", call)
    if broken:
        return
    more = [one for one in (claim.effect, claim.against) if one is not None]
    worlds: Iterable[Plant] = (*claim.null, *claim.limit, *more)
    found: dict[str, None] = {}
    drawn: list[Any] = []
    for world in worlds:
        import numpy as np

        try:
            evidence = world(np.random.default_rng(0))
        except Exception as error:
            found[f"{who}: a planted world raised {type(error).__name__}: {error}"] = None
            continue
        if not isinstance(evidence, Evidence):
            found[f"{who}: expected a planted world that returns Evidence, got {type(evidence).__name__}"] = (
                None
            )
            continue
        drawn.append(evidence.rows)
        if claim.effect is not None and world is claim.effect and drawn[-1] in drawn[:-1]:
            found[f"{who}: a planted null is the planted effect; one of them must be false"] = None
        jobs = {"its rule": claim.judge, **({"its control": claim.judge_control} if claim.control else {})}
        for what, judge in jobs.items():
            try:
                judge(evidence)
            except MissingEvidence as error:
                if what == "its rule":
                    found[f"{who}: its rule cannot be computed on a planted world: {error}"] = None
            except Exception as error:
                found[f"{who}: {what} raised {type(error).__name__}: {error}"] = None
        for one in claim.preconditions:
            try:
                one.check(evidence)
            except MissingEvidence:
                continue
            except Exception as error:
                found[f"{who}: its need '{one.name}' raised {type(error).__name__}: {error}"] = None
    for what in found:
        yield at.fault(what, "", call)
