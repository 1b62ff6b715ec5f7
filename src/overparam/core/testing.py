"""Contract tests for rules, studies, probes and theorems: what a plug-in's author runs on their own."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from overparam.core.claim import Claim, Evidence
from overparam.core.errors import MissingEvidence
from overparam.core.study import Study
from overparam.sweep.key import cell_name
from overparam.sweep.select import select

if TYPE_CHECKING:
    import jax
    import numpy as np
    from numpy.typing import ArrayLike

    from overparam.probes.probe import Probe
    from overparam.theory.theorem import Theorem

Plant = Callable[["np.random.Generator"], Evidence]


def check_rule(
    claim: Claim,
    null: Plant,
    effect: Plant,
    *,
    trials: int = 200,
    power: float = 0.9,
    max_false: int = 10,
    seed: int = 0,
) -> dict[str, Counter[str]]:
    """Judge a claim on planted evidence: it must rarely support a null and mostly support an effect.

    Args:
        claim: the claim whose rule is judged.
        null: makes evidence at or just beyond a cut-off, where the claim is false, from a random generator.
        effect: makes evidence with the effect at the size the rule is meant to find.
        trials: number of planted evidences of each sort.
        power: smallest share of planted effects that must be supported.
        max_false: most planted nulls that may be supported; 10 of 200 goes with a design rate of 2.5 %.
        seed: of the random generators, one a trial.

    Returns:
        How often each status came out, under ``"null"`` and ``"effect"``.

    Raises:
        AssertionError: more false verdicts or fewer found effects than allowed; the text says how many.

    >>> from overparam.core.claim import Control, Finding, Part
    >>> def judge(evidence):
    ...     (x,) = [values["x"] for _, values in evidence.rows]
    ...     return Finding((Part("x", x, x - 1, x + 1, 5, at_least=0.0),))
    >>> claim = Claim("x", "x is positive", (), "", "x >= 0", judge, Control("", judge))
    >>> def plant(x):
    ...     return lambda rng: Evidence((({"seed": 0}, {"x": x + 0.1 * rng.normal()}),))
    >>> check_rule(claim, plant(0.0), plant(2.0), trials=20, max_false=0)["effect"]["supported"]
    20
    """
    import numpy as np

    counts: dict[str, Counter[str]] = {}
    for sort, plant in (("null", null), ("effect", effect)):
        rngs = (np.random.default_rng([seed, sort == "effect", trial]) for trial in range(trials))
        counts[sort] = Counter(claim.judge(plant(rng)).status for rng in rngs)
    false, found = counts["null"]["supported"], counts["effect"]["supported"]
    if false > max_false:
        raise AssertionError(
            f"claim '{claim.name}': expected at most {max_false} of {trials} planted nulls supported, "
            f"got {false} ({_listed(counts['null'])}). "
            "Choose places so that the choice works against the claim, or widen the interval."
        )
    if found < power * trials:
        raise AssertionError(
            f"claim '{claim.name}': expected at least {power:.0%} of {trials} planted effects supported, "
            f"got {found} ({_listed(counts['effect'])}). Add seeds, or state a larger effect."
        )
    return counts


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{status} {count}" for status, count in counts.most_common())


def check_study(study: Study) -> None:
    """Check that a study keeps the contract: everything named exists, is valid, and can be stored and judged.

    Args:
        study: the study; nothing of it is computed.

    Raises:
        AssertionError: the first broken rule, with what was expected.
    """
    axes = {axis.name: axis for axis in study.axes}
    _expect(
        re.fullmatch(r"[a-z][a-z0-9-]*", study.name), f"a name in lower case with dashes, got '{study.name}'"
    )
    _expect({"seed", "data"} <= set(axes), f"axes 'seed' and 'data', got {sorted(axes)}")
    _expect(len({a.option for a in study.axes}) == len(axes), "every axis to have an option of its own")
    _expect(set(study.stack_by) <= set(axes), f"stack_by to name axes, got {study.stack_by}")
    _expect("seed" not in study.stack_by or study.stack_limit == 1, "seeds to share a stack")
    _expect("quick" in study.profiles, f"a profile 'quick', got {sorted(study.profiles)}")
    _expect(study.differences, "at least one known difference from the paper")
    for name, profile in study.profiles.items():
        _expect(set(profile.axes) <= set(axes), f"profile '{name}' to name axes, got {sorted(profile.axes)}")
        for key, values in profile.axes.items():
            kept = tuple(axes[key].check(value) for value in values)
            _expect(kept == tuple(values) and kept, f"profile '{name}' to give '{key}' values of its kind")
        cells = select(study, name).cells()
        cost = study.estimate(cells[0])
        _expect(cost.seconds > 0 and cost.bytes > 0, f"profile '{name}' to cost time and memory")
        names = {cell_name(study, json.loads(json.dumps(cell)), "f") for cell in cells}
        _expect(len(names) == len(cells), f"profile '{name}' to give every cell a name of its own")
    charts = {chart.name for chart in study.charts}
    sources = {source.key for source in study.sources}
    _expect(charts, "at least one chart")
    for chart in study.charts:
        _expect(not chart.arm or chart.arm in axes, f"chart '{chart.name}' to have an axis as its arm")
        _expect(chart.x and chart.series, f"chart '{chart.name}' to have an x axis and a series")
    for source in study.sources:
        _expect(source.bibtex.lstrip().startswith("@"), f"BibTeX for the source '{source.key}'")
    _expect(
        len({claim.name for claim in study.claims}) == len(study.claims) > 0, "claims with names of their own"
    )
    for claim in study.claims:
        _check_claim(claim, charts, sources)


def _check_claim(claim: Claim, charts: set[str], sources: set[str]) -> None:
    who = f"claim '{claim.name}'"
    _expect(claim.sentence and claim.rule and claim.control.sentence, f"{who} to say what it asks and controls")
    _expect(
        claim.source in sources, f"{who} to name one of the sources {sorted(sources)}, got '{claim.source}'"
    )
    _expect(not claim.chart or claim.chart in charts, f"{who} to name one of the charts {sorted(charts)}")
    _expect(
        claim.ledger and all(re.fullmatch(r"L\d+[A-Z]?", entry) for entry in claim.ledger),
        f"{who} to name its ledger numbers such as L53, got {claim.ledger}",
    )
    _expect(
        claim.rule_version == 1 + len(claim.rule_history),
        f"{who} to give one reason a change of its rule: version {claim.rule_version}, "
        f"{len(claim.rule_history)} reasons",
    )
    for rule in (claim.judge, claim.control.judge):
        try:
            status = rule(Evidence(())).status
        except MissingEvidence:
            continue
        _expect(status != "supported", f"{who} not to be supported by no evidence at all")


def check_probe(probe: Probe) -> None:
    """Check that a probe gives the scalars it names, alone and mapped over a stack, and the same each time.

    Args:
        probe: the probe; it is run on a small two-class network.

    Raises:
        AssertionError: the first broken rule, with what was expected.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from overparam.models import mlp
    from overparam.training.losses import loss

    network = mlp(3, (4,), 2)
    rng = np.random.default_rng(0)
    x, x_test = (jnp.asarray(rng.normal(size=(n, 3)), jnp.float32) for n in (8, 6))
    y, y_test = (jnp.asarray(rng.integers(0, 2, n), jnp.int32) for n in (8, 6))

    def measure(key: jax.Array) -> Mapping[str, jax.Array]:
        start = network.init(key)
        moved = jax.tree.map(lambda leaf: leaf + 0.1, start)
        return probe.function(network, loss("cross_entropy"), moved, start, x, y, x_test, y_test)

    keys = jax.random.split(jax.random.key(0), 3)
    alone = [jax.jit(measure)(key) for key in keys]
    stacked = jax.jit(jax.vmap(measure))(keys)
    _expect(set(alone[0]) == set(probe.values), f"values {sorted(probe.values)}, got {sorted(alone[0])}")
    for name in probe.values:
        single = np.array([found[name] for found in alone])
        _expect(single.shape == (3,), f"'{name}' to be a scalar, got shape {single.shape[1:]}")
        _expect(np.isfinite(single).all(), f"'{name}' to be finite on a finite network, got {single}")
        _expect(np.allclose(single, stacked[name], rtol=1e-4, atol=1e-6), f"'{name}' to be equal in a stack")


def _expect(holds: object, what: str) -> None:
    if not holds:
        raise AssertionError(f"expected {what}")


def check_theorem(
    theorem: Theorem,
    simulate: Callable[..., tuple[ArrayLike, ArrayLike]] | None = None,
    *,
    tolerance: float = 0.1,
    z: float = 3.0,
) -> None:
    """Check that a theorem keeps the contract: honest about its source and its assumptions, and a pure function.

    Its function must say what it returns and its References, give float64 that is finite, or infinite where the
    theorem says so, give the same twice, and leave its inputs alone. Its assumptions must be in one of the three
    states, each with a detail, and at least one must have been checked or be said to be unchecked.

    Args:
        theorem: the theorem; it is called with its example.
        simulate: called with the example as keyword arguments, returns an independent estimate and its standard
            error, of the shape of the function's value; points where either is not finite are left out.
        tolerance: largest relative difference from the estimate.
        z: standard errors allowed on top of it.

    Raises:
        AssertionError: the first broken rule, with what was expected.

    >>> from overparam.theory import available
    >>> check_theorem(available()["noise-floor"])
    """
    import copy

    import numpy as np

    who = f"theorem '{theorem.name}'"
    _expect(re.fullmatch(r"[a-z][a-z0-9-]*", theorem.name), f"{who} to have a name in lower case with dashes")
    doc = theorem.function.__doc__ or ""
    _expect("References:" in doc, f"{who} to give References in its docstring")
    _expect(">>>" in doc, f"{who} to have a doctest")
    _expect(theorem.citation, f"{who} to have a citation")
    given = copy.deepcopy(dict(theorem.example))
    first, again = theorem.function(**given), theorem.function(**given)
    for name, value in theorem.example.items():
        _expect(np.array_equal(np.asarray(value), np.asarray(given[name])), f"{who} to leave '{name}' alone")
    values, twice = _numbers(first), _numbers(again)
    _expect(values, f"{who} to return numbers, got {type(first).__name__}")
    for name, value in values.items():
        _expect(value.dtype == np.float64, f"{who}: '{name}' to be float64, got {value.dtype}")
        _expect(not np.isnan(value).any(), f"{who}: '{name}' to hold no NaN")
        where = f"{who}: '{name}' to be finite, or to say where it is infinite"
        _expect(np.isfinite(value).all() or theorem.infinite, where)
        _expect(value.tobytes() == twice[name].tobytes(), f"{who}: '{name}' to be the same twice")
    asked = theorem.assumptions(**given)
    _expect(asked, f"{who} to list its assumptions")
    _expect(len({one.name for one in asked}) == len(asked), f"{who} to name its assumptions differently")
    for one in asked:
        _expect(
            one.state in ("holds", "fails", "unchecked"),
            f"{who}: assumption '{one.name}' to hold, fail or be unchecked",
        )
    if simulate is None:
        return
    mean, error = (np.asarray(v, dtype=np.float64) for v in simulate(**given))
    value = next(iter(values.values()))
    _expect(mean.shape == value.shape, f"{who}: a simulation of shape {value.shape}, got {mean.shape}")
    near = np.isfinite(mean) & np.isfinite(error) & np.isfinite(value)
    _expect(near.any(), f"{who}: a simulation with a finite point")
    off = np.abs(mean - value)[near] - z * error[near]
    worst = float((off / np.abs(value[near])).max())
    _expect(
        worst <= tolerance, f"{who} within {tolerance:g} of its simulation, got {worst:.3g} beyond {z:g} s.e."
    )


def _numbers(value: Any) -> dict[str, Any]:
    """The float64 arrays in a theorem's value: itself, or the fields of a dataclass that are floats or arrays."""
    import dataclasses

    import numpy as np

    if dataclasses.is_dataclass(value):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    else:
        fields = {"value": value}
    return {name: np.asarray(v) for name, v in fields.items() if isinstance(v, float | np.ndarray)}
