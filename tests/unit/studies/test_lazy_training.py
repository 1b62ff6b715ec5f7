"""The study on lazy training: its rules on planted lines."""

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence
from overparam.core.errors import MissingEvidence
from overparam.studies.lazy_training import PROFILES, SCALES, STUDY, WIDTHS

CLAIMS = {claim.name: claim for claim in STUDY.claims}
A, M = np.array(SCALES), np.array(WIDTHS, dtype=float)
DEEP = M[M <= 256]
T = np.arange(1.0, 11.0)
SEEDS = 6


def noisy(rng, line, spread=0.1):
    """Multiplicative noise, the same at all points but a tenth: seeds differ in level, slopes by a hundredth."""
    return line * np.exp(spread * rng.standard_normal()) * np.exp(0.3 * spread * rng.standard_normal(len(line)))


def ten_targets(rng):
    error = np.linspace(0.3, 1.2, 10) * np.exp(0.03 * rng.standard_normal(10))
    measured = np.linspace(40, 200, 10) * np.exp(0.04 * rng.standard_normal(10))
    return {
        "test_error": error,
        "bound": 2 * error * np.exp(0.05 * rng.standard_normal(10)),
        "shuffled_bound": 2 + 0.1 * rng.standard_normal(10),
        "train_error": 0.1 * error,
        "vacuous": np.zeros(10),
        "steps": measured,
        "theory_steps": measured * np.exp(0.03 * rng.standard_normal(10)),
        "shuffled_steps": 200 * np.exp(0.04 * rng.standard_normal(10)),
    }


MAKE = {
    "scale": lambda rng: {
        "distance": noisy(rng, 5 / A), "random_distance": noisy(rng, 5 + 0 * A),
        "weight_gap": noisy(rng, 2 / A**2), "random_weight_gap": noisy(rng, 2 + 0 * A),
        "output_gap": noisy(rng, 1 / A), "random_output_gap": noisy(rng, 1 + 0 * A),
        "centred_output_gap": noisy(rng, 1 / A),
    },
    "width": lambda rng: {
        "start": noisy(rng, 10 / M**0.5), "other_start": noisy(rng, 20 + 0 * M),
        "moved": noisy(rng, 3 / M**0.5), "mean_field_moved": noisy(rng, 3 + 0 * M),
        "lowest": np.clip(0.9 - 2 / M**0.5 + 0.02 * rng.standard_normal(len(M)), 0.01, 1),
        "gradient_low": np.full(len(M), 1e-4), "gradient_high": np.full(len(M), 0.3),
        "mean_low": np.full(len(M), -0.1),
    },
    "drift": lambda rng: {
        **{f"drift_{k}": noisy(rng, 1 / DEEP**0.5) for k in (1, 2, 3)},
        **{f"start_{k}": noisy(rng, 1 / DEEP**0.5) for k in (1, 2, 3)},
        **{f"other_start_{k}": noisy(rng, 5 + 0 * DEEP) for k in (1, 2, 3)},
        "drift_mean_field": noisy(rng, 1 + 0 * DEEP),
    },
    "targets": ten_targets,
    "ensemble": lambda rng: {
        "variance_ratio": 1 + 0.04 * rng.standard_normal(),
        "mean_field_variance_ratio": 0.1 + 0.02 * rng.random(),
        "mean_share": 1 + 0.02 * rng.standard_normal(), "mean_field_mean_share": 0.9 + 0.01 * rng.random(),
        "z": 1 + 0.3 * rng.random(), "mean_field_z": 9 + rng.random(),
    },
}  # fmt: skip

PLACES = {"scale": ("scale", A), "width": ("width", M), "drift": ("width", DEEP), "targets": ("target", T)}


def planted(rng, seeds=SEEDS, inputs="unit", only=None, **change):
    """Cells of all experiments as theory says; ``change`` replaces a metric by a function of (rng, line, seed)."""
    rows = []
    base = {axis.name: axis.default for axis in STUDY.axes} | {"inputs": inputs}
    for seed in range(seeds):
        for experiment, make in MAKE.items():
            if only not in (None, experiment):
                continue
            values = {
                name: change[name](rng, line, seed) if name in change else line
                for name, line in make(rng).items()
            }
            made = {k: np.asarray(v, dtype=float).tolist() for k, v in values.items()}
            if experiment in PLACES:
                name, x = PLACES[experiment]
                made[name] = x.tolist()
            rows.append((base | {"experiment": experiment, "seed": seed}, made))
    return Evidence(tuple(rows))


def tilt(x, by):
    return lambda rng, line, seed: line * (x / x[0]) ** by


def worst_target(rng, line, seed):
    return line * np.where(T == 4, 1.25, 1.0)


NULLS = {
    "distance/slow": ("distance", {"distance": tilt(A, 0.1)}),
    "distance/fast": ("distance", {"distance": tilt(A, -0.1)}),
    "weights/slow": ("weights", {"weight_gap": tilt(A, 0.2)}),
    "weights/fast": ("weights", {"weight_gap": tilt(A, -0.2)}),
    "outputs/slow": ("outputs", {"output_gap": tilt(A, 0.15)}),
    "outputs/fast": ("outputs", {"output_gap": tilt(A, -0.15)}),
    "outputs-bound/copies": ("outputs-bound", {"output_gap": tilt(A, 0.15)}),
    "outputs-bound/centred": ("outputs-bound", {"centred_output_gap": tilt(A, 0.15)}),
    "start/slow": ("start", {"start": tilt(M, 0.1)}),
    "start/fast": ("start", {"start": tilt(M, -0.1)}),
    "movement/slow": ("movement", {"moved": tilt(M, 0.1)}),
    "movement/fast": ("movement", {"moved": tilt(M, -0.1)}),
    "eigenvalue": ("eigenvalue", {"lowest": lambda rng, line, s: np.full(len(M), 0.495 + 0.02 * rng.standard_normal())}),
    "deep-start/2": ("deep-start", {"start_2": tilt(DEEP, 0.1)}),
    "deep-start/3": ("deep-start", {"start_3": tilt(DEEP, -0.1)}),
    "drift/1": ("drift", {"drift_1": tilt(DEEP, 0.1)}),
    "drift/3": ("drift", {"drift_3": tilt(DEEP, 0.1)}),
    "drift-rate/fast": ("drift-rate", {"drift_2": tilt(DEEP, -0.1)}),
    "drift-rate/slow": ("drift-rate", {"drift_2": tilt(DEEP, 0.1)}),
    "ensemble/variance": ("ensemble", {"variance_ratio": lambda rng, v, s: 1.1 * v}),
    "ensemble/little": ("ensemble", {"variance_ratio": lambda rng, v, s: 0.9 * v}),
    "ensemble/mean": ("ensemble", {"mean_share": lambda rng, v, s: 0.9 * v}),
    "ensemble/far": ("ensemble", {"z": lambda rng, v, s: 3 + 0.3 * rng.standard_normal()}),
    "bound-order": (
        "bound-order",
        {"bound": lambda rng, b, s: T + 2.45 * rng.standard_normal(10)},
    ),
    "bound-holds": ("bound-holds", {"bound": lambda rng, b, s: np.where((s == 2) & (T == 7), 0.1, b)}),
    "steps/late": ("steps", {"theory_steps": worst_target}),
    "steps/early": ("steps", {"theory_steps": lambda rng, v, s: v * np.where(T == 9, 0.75, 1.0)}),
    "random-labels/equal": ("random-labels", {"steps": lambda rng, v, s: 40 * np.exp(0.04 * rng.standard_normal(10))}),
    "random-labels/slow": (
        "random-labels",
        {"steps": lambda rng, v, s: np.where(T == 10, 400.0, 40.0) * np.exp(0.04 * rng.standard_normal(10))},
    ),
    "gradient/low": ("gradient", {"gradient_low": lambda rng, v, s: np.where((s == 1) & (M == 64), -1e-11, v)}),
    "gradient/high": ("gradient", {"gradient_high": lambda rng, v, s: np.where((s == 5) & (M == 16), -1e-11, v)}),
}  # fmt: skip


EXPERIMENT = {
    **dict.fromkeys(("distance", "weights", "outputs", "outputs-bound"), "scale"),
    **dict.fromkeys(("start", "movement", "eigenvalue", "gradient"), "width"),
    **dict.fromkeys(("deep-start", "drift", "drift-rate"), "drift"),
    **dict.fromkeys(("bound-order", "bound-holds", "steps", "random-labels"), "targets"),
    "ensemble": "ensemble",
}


@pytest.mark.parametrize("case", NULLS)
def test_every_rule_on_planted_nulls_and_effects(case):
    name, null = NULLS[case]
    only = EXPERIMENT[name]
    counts = check_rule(
        CLAIMS[name], lambda rng: planted(rng, only=only, **null), lambda rng: planted(rng, only=only)
    )
    assert counts["effect"]["contradicted"] == 0


def test_every_claim_has_a_planted_null():
    assert {name for name, _ in NULLS.values()} == set(CLAIMS)


@pytest.mark.parametrize("name", CLAIMS)
def test_controls_do_not_show_the_effect_and_one_seed_is_not_enough(name):
    evidence = planted(np.random.default_rng(0))
    assert CLAIMS[name].judge(evidence).status == "supported"
    assert CLAIMS[name].control.judge(evidence).status != "supported"
    assert all(p.check(evidence).ok for p in CLAIMS[name].preconditions)
    assert CLAIMS[name].judge(planted(np.random.default_rng(0), seeds=1)).status == "inconclusive"


def test_centred_inputs_are_judged_where_there_are_raw_ones_too():
    rng = np.random.default_rng(0)
    unit, raw = planted(rng), planted(rng, inputs="raw", distance=tilt(A, 1.0))
    for rows in (unit.rows + raw.rows, unit.rows):
        assert CLAIMS["distance"].judge(Evidence(rows)).status == "supported"
    assert CLAIMS["distance"].judge(raw).status == "contradicted"


def test_what_is_missing_is_named():
    evidence = planted(np.random.default_rng(0))
    with pytest.raises(MissingEvidence, match="no finished cell of the experiment 'scale'"):
        CLAIMS["distance"].judge(evidence.where(experiment="width"))
    both = Evidence(evidence.rows + tuple((p | {"n": 16}, v) for p, v in evidence.rows))
    with pytest.raises(MissingEvidence, match="one value of 'n', got 16, 32"):
        CLAIMS["distance"].judge(both)
    short = [
        (p, {k: v[:2] if isinstance(v, list) else v for k, v in values.items()}) for p, values in evidence.rows
    ]
    with pytest.raises(MissingEvidence, match="at least three values of scale, got 2"):
        CLAIMS["distance"].judge(Evidence(tuple(short)))
    zero = planted(np.random.default_rng(0), distance=lambda r, v, s: 0 * v)
    with pytest.raises(MissingEvidence, match="'distance' is not positive"):
        CLAIMS["distance"].judge(zero)


def test_preconditions_say_what_is_wrong():
    fitted = next(p for p in CLAIMS["steps"].preconditions if p.name == "fitted")
    evidence = planted(np.random.default_rng(0))
    lost = [
        (p, v | ({"steps": [None, *v["steps"][1:]]} if "steps" in v and p["seed"] == 1 else {}))
        for p, v in evidence.rows
    ]
    assert fitted.check(Evidence(tuple(lost))).detail == f"1 of {10 * SEEDS} runs did not reach it"
    assert not fitted.check(Evidence(tuple(lost))).ok
    generated = next(p for p in CLAIMS["random-labels"].preconditions if p.name == "generated")
    digits = Evidence(tuple((p | {"data": "digits"}, v) for p, v in evidence.rows))
    assert (generated.check(evidence).ok, generated.check(digits).ok) == (True, False)


def test_profiles_give_every_axis_a_value():
    for profile in PROFILES.values():
        assert set(profile.axes) == {axis.name for axis in STUDY.axes}
