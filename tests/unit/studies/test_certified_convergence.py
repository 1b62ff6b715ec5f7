"""The study on certified convergence: every rule on planted cells."""

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence
from overparam.core.errors import MissingEvidence
from overparam.studies.certified_convergence import STUDY, rules, rules_widths

CLAIMS = {claim.name: claim for claim in STUDY.claims}
RUNS = 7
WIDTHS = [2**i for i in range(7, 14)]
RELU_WIDTHS = [2**i for i in range(8, 15)]
FORMULAS = ["a", "b"]


def smooth_cell(rng):
    """What a cell of a smooth activation holds, each as a function that draws it."""
    marks = [0] + [1] * (RUNS - 1)

    def each(value, spread=0.0):
        return lambda: [None, *(value * np.exp(spread * rng.standard_normal(RUNS - 1))).tolist()]

    def power(slope):
        return lambda: [w**slope * np.exp(0.05 * rng.standard_normal()) for w in WIDTHS]

    def size(middle, spread=0.3):
        return lambda: middle * np.exp(spread * rng.standard_normal())

    return {
        "certified": lambda: marks, "failed": each(0), "after_certified": lambda: [1], "after_failed": lambda: [0],
        "impossible_certified": lambda: [0] * RUNS, "impossible_failed": lambda: [0] * RUNS,
        "contraction_over": each(-0.01, 0.3), "fast_over": each(0.05, 0.3),
        "linear_over": each(0.3, 0.3), "wrong_over": each(3.0, 0.3),
        "potential_rise": each(-1e-8), "printed_rise": each(0.5, 0.3),
        "lemma_applies": lambda: [0, 0, 0, 0, 1, 1, 1],
        **{f"lemma{i}": each(1.0 if i == 1 else 0.3) for i in (1, 2, 3, 4)},
        **{f"printed_lemma{i}": each(1e8) for i in (1, 2, 3, 4)},
        "shortest": each(1.05, 0.01), "detour": each(2.3, 0.02), "path_over": each(0.5, 0.05),
        "width": lambda: WIDTHS, "path": power(-0.5), "fixed_path": power(-1.0),
        "law_width": lambda: WIDTHS, "room": power(0.5), "fixed_room": power(1.0),
        "beforehand": size(50_000), "fit": size(8, 0.1), "afterwards": size(8, 0.1),
        "draw0": size(50_000), "draw1": size(50_000),
        "smooth_formula": lambda: FORMULAS, "smooth_width": lambda: [size(4e5)() for _ in FORMULAS],
        "count_formula": lambda: ["parameters = samples"], "count_width": lambda: [2.0],
    }  # fmt: skip


def relu_cell(rng):
    """What a cell of relu holds."""
    return {
        "switch_width": lambda: RELU_WIDTHS,
        "switched_over": lambda: [0.1] * 7,
        "pushed_switched_over": lambda: [0.1] * 7,
        "switched": lambda: [w**-0.8 * np.exp(0.2 * rng.standard_normal()) for w in RELU_WIDTHS],
        "pushed_switched": lambda: [0.02 * np.exp(0.02 * rng.standard_normal()) for w in RELU_WIDTHS],
    }  # fmt: skip


def planted(rng, seeds=5, activations=("tanh",), only=(), **change):
    """Cells as measured, with their noise; ``change`` makes a value from (rng, seed, the usual value)."""
    rows = []
    for activation in activations:
        for seed in range(seeds):
            cell = relu_cell(rng) if activation == "relu" else smooth_cell(rng)
            values = {name: draw() for name, draw in cell.items() if not only or name in only}
            values |= {name: make(rng, seed, values[name]) for name, make in change.items() if name in values}
            rows.append(({"data": "sphere", "n": 20, "d": 10, "activation": activation, "seed": seed}, values))
    return Evidence(tuple(rows))


def both(rng, **change):
    return planted(rng, activations=("gelu", "relu", "tanh"), **change)


def one_entry(seed, value, at=3):
    """The value in one run of one seed: what a hard check must see."""
    return lambda rng, s, usual: [value if (s == seed and i == at) else v for i, v in enumerate(usual)]


def tilt(widths, slope, noise=0.05):
    return lambda rng, s, usual: [w**slope * np.exp(noise * rng.standard_normal()) for w in widths]


def factor(mean, spread):
    return lambda rng, s, usual: mean * np.exp(spread * rng.standard_normal())


def bent(rng, s, usual):
    """A line with R^2 near 0.98: residuals of 0.12 beside the 0.69 that a slope of -1/2 moves the logarithm."""
    return [w**-0.5 * np.exp(0.12 * rng.standard_normal()) for w in WIDTHS]


NULLS = {
    "certified/one failure": ("certified", {"failed": one_entry(2, 1)}),
    "certified/failure on the way": ("certified", {"after_failed": lambda r, s, u: [int(s == 4)]}),
    "certified/a seed without one": ("certified", {"certified": lambda r, s, u: [0] * RUNS if s == 1 else u}),
    "refused/one given": ("refused", {"impossible_certified": one_entry(0, 1)}),
    "refused/none tried": ("refused", {"impossible_certified": lambda r, s, u: [] if s == 1 else u}),
    "contraction": ("contraction", {"contraction_over": one_entry(3, 1.1e-9)}),
    "linear": ("linear", {"linear_over": one_entry(1, 1.001)}),
    **{f"key-lemma/{i}": ("key-lemma", {f"lemma{i}": one_entry(0, 1 + 2e-9, at=5)}) for i in (1, 2, 3, 4)},
    "key-lemma/diverged": ("key-lemma", {"lemma1": one_entry(0, None, at=6)}),
    "potential": ("potential", {"potential_rise": one_entry(2, 1.1e-12)}),
    "switches/slope": ("switches", {"switched": tilt(RELU_WIDTHS, -1 / 3, 0.1)}),
    "switches/bound": ("switches", {"switched_over": one_entry(4, 1.01)}),
    "path/too flat": ("path", {"path": tilt(WIDTHS, -0.4)}),
    "path/too steep": ("path", {"path": tilt(WIDTHS, -0.6)}),
    "path/crooked": ("path", {"path": bent}),
    "path/longer than proved": ("path", {"path_over": one_entry(4, 1.001)}),
    "shortest": ("shortest", {"shortest": lambda r, s, u: [None] + [1.2 * np.exp(0.02 * r.standard_normal())] * 6}),
    "gap/fit": ("gap", {"beforehand": factor(80, 0.2)}),
    "gap/afterwards": ("gap", {"afterwards": factor(5_000, 0.2)}),
    "formulas": ("formulas", {"smooth_width": lambda r, s, u: [u[0], 50_000 * np.exp(0.3 * r.standard_normal())]}),
    "law/flat": ("law", {"room": tilt(WIDTHS, 0.45)}),
    "law/steep": ("law", {"room": tilt(WIDTHS, 0.55)}),
}  # fmt: skip


HARD = ("certified", "refused", "contraction", "linear", "key-lemma", "potential")
NEEDS = {
    "certified": ("certified", "failed", "after_certified", "after_failed"),
    "refused": ("impossible_certified",),
    "contraction": ("certified", "contraction_over"),
    "linear": ("certified", "linear_over"),
    "key-lemma": ("lemma_applies", "lemma1", "lemma2", "lemma3", "lemma4"),
    "potential": ("certified", "potential_rise"),
    "switches": ("switch_width", "switched", "switched_over"),
    "path": ("width", "path", "certified", "path_over"),
    "shortest": ("certified", "shortest"),
    "gap": ("beforehand", "fit", "afterwards"),
    "formulas": ("beforehand", "smooth_formula", "smooth_width"),
    "law": ("law_width", "room"),
}


@pytest.mark.parametrize("case", NULLS)
def test_every_rule_on_planted_nulls_and_effects(case):
    """A hard check does not depend on noise: 20 trials, none supported. The others: the usual 200."""
    name, null = NULLS[case]
    only, activations = NEEDS[name], ("relu",) if name == "switches" else ("tanh",)
    trials = {"trials": 20, "max_false": 0, "power": 1.0} if name in HARD else {}

    def plant(**change):
        return lambda rng: planted(rng, activations=activations, only=only, **change)

    counts = check_rule(CLAIMS[name], plant(**null), plant(), **trials)
    assert counts["effect"]["contradicted"] == 0


def test_every_claim_has_a_planted_null():
    assert {name for name, _ in NULLS.values()} == set(CLAIMS)


@pytest.mark.parametrize("case", [case for case, (name, _) in NULLS.items() if name in HARD])
def test_a_hard_check_is_contradicted_by_one_run(case):
    name, null = NULLS[case]
    assert CLAIMS[name].judge(both(np.random.default_rng(0), **null)).status == "contradicted"


@pytest.mark.parametrize("name", CLAIMS)
def test_controls_contradict_and_one_seed_is_not_enough(name):
    evidence = both(np.random.default_rng(0))
    assert CLAIMS[name].judge(evidence).status == "supported"
    assert CLAIMS[name].control.judge(evidence).status == "contradicted"
    assert all(p.check(evidence).ok for p in CLAIMS[name].preconditions)
    one = planted(np.random.default_rng(0), seeds=1, activations=("tanh", "relu"))
    assert CLAIMS[name].judge(one).status == "inconclusive"


def test_every_claim_names_a_chart_and_a_precondition():
    charts = {chart.name for chart in STUDY.charts}
    assert all(claim.chart in charts and claim.preconditions for claim in STUDY.claims)


def test_settings_are_judged_apart_and_named():
    found = CLAIMS["shortest"].judge(both(np.random.default_rng(0)))
    label = "distance over its lower bound, worst certified run of a seed"
    assert [part.label for part in found.parts] == [f"gelu: {label}", f"tanh: {label}"]
    alone = CLAIMS["shortest"].judge(planted(np.random.default_rng(0)))
    assert [part.label for part in alone.parts] == [label]


def test_cut_runs_are_counted_in_the_label():
    def cut(evidence):
        rows = [(p, {**v, "cut": [None, 1, *[0] * (RUNS - 2)]}) for p, v in evidence.rows]
        return Evidence(tuple(rows))

    found = CLAIMS["certified"].judge(cut(planted(np.random.default_rng(0))))
    assert found.parts[0].label == "failures among 30 certified runs, 5 of them cut at 20,000 steps"


def test_preconditions_say_what_is_missing():
    evidence = planted(np.random.default_rng(0), certified=lambda r, s, u: [0] * 6 + [int(s < 4)])
    check = rules.enough_certified(evidence)
    assert not check.ok
    assert check.detail == "4 certified runs"
    short = planted(np.random.default_rng(0), lemma_applies=lambda r, s, u: [0] * 5 + [1, int(s < 4)])
    assert not rules.lemma_applied(short).ok
    assert "9 runs with h <= 1/16" in rules.lemma_applied(short).detail
    holes = planted(np.random.default_rng(0), path=lambda r, s, u: [None, *u[1:]] if s == 2 else u)
    assert rules_widths.spanned(holes).detail == "7 widths from 128 to 8192, some not measured"
    assert not rules_widths.spanned(holes).ok
    few = planted(np.random.default_rng(0), width=lambda r, s, u: u[:4], path=lambda r, s, u: u[:4])
    assert not rules_widths.spanned(few).ok
    none = planted(np.random.default_rng(0), beforehand=lambda r, s, u: None if s == 0 else u)
    assert rules_widths.certified_at_some_width(none).detail == "4 of 5 seeds"
    assert not rules_widths.certified_at_some_width(none).ok


def test_missing_evidence_is_named():
    relu = planted(np.random.default_rng(0), activations=("relu",))
    with pytest.raises(
        MissingEvidence, match="no finished cell has 'certified'. Run a smooth activation and relu."
    ):
        rules.never_fails(relu)
    smooth = planted(np.random.default_rng(0))
    with pytest.raises(MissingEvidence, match="no finished cell has 'switched'"):
        rules_widths.few_switches(smooth)
    nothing = planted(np.random.default_rng(0), certified=lambda r, s, u: [0] * RUNS)
    with pytest.raises(MissingEvidence, match="no run is marked 'certified'"):
        rules.contracts(nothing)
    with pytest.raises(MissingEvidence, match="no certified run has 'shortest'"):
        rules.shortest(nothing)
    low = planted(np.random.default_rng(0), beforehand=lambda r, s, u: None)
    for rule in (rules_widths.gap, rules_widths.below_print):
        with pytest.raises(MissingEvidence, match="Raise --largest"):
            rule(low)
    with pytest.raises(MissingEvidence, match="needs three positive values"):
        rules_widths.line([1, 2, 4], [1.0, None, 2.0])


def test_an_infinite_formula_is_above_every_width():
    evidence = planted(np.random.default_rng(0), smooth_width=lambda r, s, u: [u[0], None])
    assert rules_widths.below_print(evidence).status == "supported"


def test_lines_are_least_squares():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(1, 9, 12), rng.uniform(1, 9, 12)
    slope, straight = rules_widths.line(x, y)
    fit = np.polyfit(np.log(x), np.log(y), 1)
    assert slope == pytest.approx(fit[0])
    assert straight == pytest.approx(np.corrcoef(np.log(x), np.log(y))[0, 1] ** 2)
