"""What the planned seeds of a run can see, statement by statement, before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overparam.core import Evidence, Finding, Part, Study
from overparam.core.errors import OverparamError
from overparam.core.looks import FIRST_LOOK, FIRST_PILOT
from overparam.core.statements import Claim
from overparam.store import CellStore
from overparam.sweep.run import Plan

MANY = 200  # seeds of a planted world, from which a spread is read


@dataclass(frozen=True)
class Power:
    """What a number of seeds can see of one statement.

    Attributes:
        claim: name of the statement.
        label: what is measured by the part that decides.
        spread: standard deviation of a seed (for ratios: of the logarithm), with the allowance for few pilots.
        source: where the spread comes from, in words.
        cut: the cut-off that is nearest.
        seen: the value that the planned seeds tell from it with 90 % power.
        planted: the effect of the planted world.
        needed: fewest seeds that find the planted effect with 90 % power; None for more than 10,000.
        why: why there is nothing to say, in words; empty where there is.
    """

    claim: str
    label: str = ""
    spread: float | None = None
    source: str = ""
    cut: float | None = None
    seen: float | None = None
    planted: float | None = None
    needed: int | None = None
    unit: str = ""
    why: str = ""


def powers(plan: Plan) -> list[Power]:
    """The power of every statement that the profile judges, at the planned number of seeds.

    The spread of a seed is that of the pilots (seeds from 1000 on) among the stored cells, where there are at least
    three; else that of the planted world in which the statement is true.
    """
    selection = plan.selection
    seeds = len(selection.study.profiles[selection.profile].axes.get("seed", (0,)))
    pilots = _pilots(plan)
    judged = [one for one in selection.study.claims if not one.profiles or selection.profile in one.profiles]
    return [_power(claim, seeds, pilots) for claim in judged]


def _power(claim: Claim, seeds: int, pilots: Mapping[str, Evidence]) -> Power:
    from overparam.core.power import seeds_for, spread, upper, visible

    if claim.kind == "check":
        return Power(claim.name, why="a check of what is proved: one violation decides")
    for estimate, of in (("signs", "seeds"), ("binomial", "trials")):
        shares = [cut for cut in claim.rule.cuts if getattr(cut.number, "estimate", "") == estimate]
        if shares:
            least = max(_agreeing(cut.at_least, cut.at_most) for cut in shares)
            return Power(claim.name, why=f"a share of {of}: {least} that all agree are the fewest that decide")
    planted, why = _judged(claim, _drawn(claim))
    if planted is None:
        return Power(claim.name, why=why)
    part, source, factor = planted, "planted", 1.0
    for evidence in pilots.values():
        found, _ = _judged(claim, evidence)
        if found is not None and found.n >= 3:
            part, factor, source = found, upper(found.n), f"{found.n} pilots"
            break
    log = _geometric(claim, planted)
    low, high = (math.log(e) if log else e for e in (_end(part.low), _end(part.high)))
    sd = factor * spread(low, high, part.n, FIRST_LOOK)
    cut, side = _nearest(planted)
    if cut is None or planted.effect is None or not sd > 0:
        return Power(claim.name, planted.label, why="no spread, or no cut-off")
    away = visible(seeds) * sd
    seen = cut * math.exp(side * away) if log else cut + side * away
    gap = abs(math.log(planted.effect / cut)) if log else abs(planted.effect - cut)
    return Power(
        claim.name, planted.label, sd, source, cut, seen, planted.effect, seeds_for(gap / sd), planted.unit
    )


def _agreeing(at_least: object, at_most: object) -> int:
    """Fewest seeds or trials, all of one sign, whose exact interval keeps to a share: ``((1 - level) / 2)^(1/n)`` from 1."""
    far = (
        at_least
        if isinstance(at_least, float | int)
        else 1.0 - float(at_most)
        if isinstance(at_most, float | int)
        else 0.5
    )
    return math.ceil(math.log((1 - FIRST_LOOK) / 2) / math.log(min(max(far, 1e-6), 1 - 1e-6)))


def _drawn(claim: Claim) -> Evidence | None:
    import numpy as np

    if claim.effect is None:
        return None
    world: Any = claim.effect.but(seeds=MANY) if hasattr(claim.effect, "but") else claim.effect
    return world(np.random.default_rng(0))


def _judged(claim: Claim, evidence: Evidence | None) -> tuple[Part | None, str]:
    if evidence is None:
        return None, "no planted effect"
    try:
        found: Finding = claim.judge(evidence)
    except OverparamError as error:
        return None, str(error)
    part = found.binding if found.parts else None
    if part is None or part.decided:
        return None, "a trend or a place is judged, which has no single spread"
    if part.low is None or part.high is None or part.n < 2:
        return None, "no interval in the planted world"
    return part, ""


def _geometric(claim: Claim, part: Part) -> bool:
    logs = [cut.number.estimate == "geometric" for cut in claim.rule.cuts]  # type: ignore[attr-defined]
    cut, _ = _nearest(part)
    return all(logs) and bool(cut and cut > 0 and part.effect and part.effect > 0)


def _nearest(part: Part) -> tuple[float | None, float]:
    """The nearest cut-off, and on which side of it the statement is supported."""
    cuts = [(one, side) for one, side in ((part.at_least, 1.0), (part.at_most, -1.0)) if one is not None]
    effect = part.effect or 0.0
    return min(cuts, key=lambda one: abs(effect - one[0]), default=(None, 1.0))


def _end(value: float | None) -> float:
    return math.nan if value is None else value


def _pilots(plan: Plan) -> dict[str, Evidence]:
    """The stored cells of pilot seeds that agree with the plan's on everything but the seed, by data set."""
    study: Study = plan.selection.study
    store = CellStore(plan.out, study.name)
    wanted = {
        _but_seed(study, params, print_) for params, print_ in zip(plan.cells, plan.fingerprints, strict=True)
    }
    heads, _ = store.heads()
    rows: dict[str, list[Any]] = {}
    pilots = [name for name, head in heads.items() if head.params.get("seed", 0) >= FIRST_PILOT]
    cells, _ = store.readable(pilots)
    fixed = {axis.name: axis.default for axis in study.axes}
    for cell in cells.values():
        params = {**fixed, **cell.params}
        if _but_seed(study, params, str(cell.document.get("data_fingerprint"))) in wanted:
            rows.setdefault(str(cell.params["data"]), []).append((params, cell.values))
    return {name: Evidence(tuple(found)) for name, found in rows.items()}


def _but_seed(study: Study, params: Mapping[str, Any], fingerprint: str) -> tuple[Any, ...]:
    def plain(value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    kept = (
        plain(params.get(axis.name, axis.default)) for axis in study.axes if axis.name not in ("seed", "data")
    )
    return (fingerprint, *kept)
