"""The study two-layer-descent: its rules on planted curves, and its preconditions."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence, clean
from overparam.core.errors import MissingEvidence
from overparam.studies.two_layer_descent import STUDY, WIDTHS
from overparam.sweep.judge import judge

RATIO = (75 * np.array(WIDTHS) + 10) / 4000
RATES = (0.0, 0.05, 0.1, 0.15, 0.2)
# Peak over left minimum in the public logs, smoothed a little so that the dose is steady.
HEIGHTS = dict(zip(RATES, (0.96, 1.03, 1.15, 1.28, 1.42), strict=True))
CLAIMS = {claim.name: claim for claim in STUDY.claims}
BELOW = RATIO < 1
HERE = int(BELOW.sum()) - 1  # the last width below the threshold


def through(*knots):
    """Log of a curve that is linear between knots (p/(nK), value), both logarithmic."""
    x, y = np.log(np.array(knots)).T
    return np.interp(np.log(RATIO), x, y)


def hill(height, end=0.6, at=1.0, low=1.0):
    """Flat at 1 left of the window, a plateau of five widths around ``at``, and ``end`` of it at the right end."""
    return through(
        (0.04, 1.3),
        (0.2, low),
        (0.65 * at, 1.0),
        (0.81 * at, height),
        (1.21 * at, height),
        (3.0025, height * end),
    )


def errors(noise, climb=0.0):
    """A test error that falls with the width, with a climb of so many points over flat stretches of six widths."""
    falling = 45 - 6 * np.log(RATIO / RATIO[0]) + 60 * noise
    step = np.where(np.arange(len(RATIO)) < 8, 20.0, 20.0 + climb)
    return step if climb else falling


def planted(
    rng=None, rates=RATES, seeds=5, spread=0.07, loss=None, error=None, below=None, continuous=None, **values
):
    """Cells around a curve for each rate of noise; ``loss`` and the like replace it (log loss, points of error)."""
    rows = []
    for noise in rates:
        main = hill(HEIGHTS[noise]) if loss is None else loss(noise)
        chain = (
            through((0.04, 1.2), (0.2, 1.0), (1.0, 4.2), (3.0025, 4.6)) if continuous is None else continuous
        )
        for seed in range(seeds):
            level = np.log(0.07) + (0.03 * rng.standard_normal() if rng else 0.0)

            def drawn(line, level=level):
                return np.exp(level + line + (spread * rng.standard_normal(line.size) if rng else 0.0))

            none, grown = drawn(main), drawn(chain)
            reused = np.where(BELOW, grown if below is None else drawn(below), none)
            wrong = errors(noise) if error is None else error(noise)
            own = {
                "width": list(WIDTHS), "ratio": RATIO.tolist(), "wrong_labels": 0.9 * noise + 0.001 * seed * noise,
                "test_loss": none, "below_test_loss": reused, "continuous_test_loss": grown,
                "train_loss_ratio": np.where(RATIO < 1.6, 0.5, 1e-5),
            }  # fmt: skip
            for prefix in ("", "below_", "continuous_"):
                own[f"{prefix}test_error"] = (wrong + (1.2 * rng.standard_normal(20) if rng else 0.0)) / 100
            rows.append(({"data": "digits", "n": 400, "noise": noise, "seed": seed}, clean(own | values)))
    return Evidence(tuple(rows))


def at(rates, **change):
    return {"rates": rates, **change}


def with_cliff(factor):
    """The arm with reuse below the threshold, with a drop of so many times that without reuse."""
    drop = hill(0.96)[HERE] - hill(0.96)[HERE + 1]
    line = through((0.04, 1.2), (0.2, 1.0), (1.0, 2.0))
    return line - line[HERE] + hill(0.96)[HERE + 1] + np.log(factor) + drop


TOP, ZERO = (0.2,), (0.0,)
# Claim, evidence in which it is false by a hair or in a known way, evidence in which it is true.
WORLDS = {
    "peak: too far right": ("peak", at(TOP, loss=lambda _: hill(1.5, at=1.6)), at(TOP)),
    "peak: too far left": ("peak", at(TOP, loss=lambda _: np.roll(hill(1.5), -4)), at(TOP)),
    "peak: only a fall": ("peak", at(TOP, loss=lambda _: hill(1.0)), at(TOP)),
    "peak: a falling line": ("peak", at(TOP, loss=lambda _: -0.4 * np.log(RATIO)), at(TOP)),
    "peak: a rise and a plateau": ("peak", at(TOP, loss=lambda _: hill(1.4, end=1.0)), at(TOP)),
    "rise: just 1.15": ("rise", at(TOP, loss=lambda _: hill(1.15)), at(TOP, loss=lambda _: hill(1.4))),
    "fall: just 0.75": ("fall", at(TOP, loss=lambda _: hill(1.3, end=0.75)), at(TOP, loss=lambda _: hill(1.3))),
    "clean: a climb of just 1.15": (
        "clean",
        at(ZERO, loss=lambda _: hill(1.15)),
        at(ZERO, loss=lambda _: -0.3 * np.log(RATIO)),
    ),
    "error: a climb of just 2 points at one rate": (
        "error-no-peak",
        {"error": lambda noise: errors(noise, climb=2.0 * (noise == 0.1))},
        {},
    ),
    "cliff: just twice": ("cliff", at(ZERO, below=with_cliff(2.0)), at(ZERO, below=with_cliff(3.5))),
    "continuous: just 1.25": (
        "continuous",
        at(ZERO, continuous=hill(2.0, end=0.8)),
        at(ZERO, continuous=hill(2.0, end=0.98)),
    ),
    "dose: growth of just 1.10": (
        "dose",
        {"loss": lambda noise: hill(1.2 * 1.10 ** (noise / 0.2))},
        {"loss": lambda noise: hill(1.0 * 1.35 ** (noise / 0.2))},
    ),
}


@pytest.mark.parametrize("world", WORLDS)
def test_rule_is_calibrated_on_planted_curves(world):
    name, null, effect = WORLDS[world]
    check_rule(CLAIMS[name], lambda rng: planted(rng, **null), lambda rng: planted(rng, **effect))


def test_every_claim_has_a_planted_null():
    assert {name for name, *_ in WORLDS.values()} == set(CLAIMS)


def test_the_published_shape_supports_every_claim_and_no_control():
    for verdict in judge(
        STUDY, planted(np.random.default_rng(1), spread=0.02), profile="laptop", data="digits"
    ):
        assert verdict.status == "supported", (verdict.claim, verdict.reason)
        assert verdict.control["status"] == "contradicted" or verdict.claim.endswith(".dose"), verdict.control


FALLING = -0.4 * np.log(RATIO)
OPPOSITE = {
    "peak": {"loss": lambda _: FALLING},
    "rise": {"loss": lambda _: FALLING},
    "fall": {"loss": lambda _: -FALLING},
    "clean": {"loss": lambda _: -FALLING},
    "error-no-peak": {"error": lambda _: np.linspace(10.0, 40.0, 20)},
    "cliff": {"below": hill(0.96)},
    "continuous": {"continuous": hill(2.0, end=0.3)},
    "dose": {"loss": lambda noise: hill(1.5 - 2 * noise)},
}


@pytest.mark.parametrize("name", CLAIMS)
def test_the_opposite_contradicts(name):
    evidence = planted(np.random.default_rng(2), spread=0.02, **OPPOSITE[name])
    assert CLAIMS[name].judge(evidence).status == "contradicted"


def test_effects_are_the_planted_numbers():
    exact = planted(below=with_cliff(5.0), continuous=hill(2.0, end=0.9))
    parts = {name: claim.judge(exact).parts for name, claim in CLAIMS.items()}
    assert parts["peak"][0].effect == pytest.approx(RATIO[HERE], rel=1e-3)
    assert parts["rise"][0].effect == pytest.approx(1.42, rel=1e-3)
    assert parts["fall"][0].effect == pytest.approx(0.6, rel=1e-3)
    assert parts["cliff"][0].effect == pytest.approx(5.0, rel=1e-3)
    assert parts["continuous"][0].effect == pytest.approx(1 / 0.9, rel=1e-3)
    line = errors(0.1)
    mean = [line[max(0, i - 2) : i + 3].mean() for i in range(20)]
    climb = max(mean[j] - mean[i] for i in range(20) for j in range(i + 1, 20))
    assert parts["error-no-peak"][2].effect == pytest.approx(climb)
    assert CLAIMS["error-no-peak"].control.judge(exact).parts[2].effect == pytest.approx(mean[0] - mean[-1])


def test_the_cliff_is_that_of_adjacent_widths():
    line = np.zeros(20)
    line[HERE] = np.log(3.0)
    finding = CLAIMS["cliff"].judge(planted(rates=ZERO, loss=lambda _: 0 * RATIO, below=line))
    assert finding.parts[0].effect == pytest.approx(3.0)
    assert "width 53 to 58" in finding.parts[0].label
    assert CLAIMS["cliff"].control.judge(planted(rates=ZERO, loss=lambda _: 0 * RATIO, below=line)).parts[
        0
    ].effect == pytest.approx(1 / 3)


def test_dose_needs_three_rates_and_its_control_cancels_a_steady_growth():
    with pytest.raises(MissingEvidence, match="at least three rates of label noise, got 2"):
        CLAIMS["dose"].judge(planted(rates=(0.0, 0.2)))
    steady = planted(loss=lambda noise: hill(1.2 * 1.5 ** (noise / 0.2)))
    assert CLAIMS["dose"].judge(steady).parts[0].effect == pytest.approx(1.5, rel=1e-3)
    assert CLAIMS["dose"].control.judge(steady).parts[0].effect == pytest.approx(1.0, abs=1e-3)


def verdict(evidence, name):
    (found,) = [v for v in judge(STUDY, evidence, profile="laptop", data="d") if v.claim.endswith(f".{name}")]
    return found


def without(evidence, keep):
    """The same evidence with some widths only."""
    rows = []
    for params, values in evidence.rows:
        cut = {k: [v for v, k_ in zip(line, keep, strict=True) if k_] if isinstance(line, list) else line
               for k, line in values.items()}  # fmt: skip
        rows.append((params, cut))
    return Evidence(tuple(rows))


@pytest.mark.parametrize(
    ("claim", "evidence", "text"),
    [
        ("peak", lambda: planted(rates=(0.0, 0.05)), "most label noise 5%, asked at least 10%"),
        ("rise", lambda: planted(rates=(0.0, 0.15)), "most label noise 15%, asked at least 20%"),
        ("cliff", lambda: planted(rates=(0.2,)), "no arm has clean labels"),
        ("peak", lambda: without(planted(), (RATIO < 0.8) | (RATIO > 1.2)), "widths in [0.75, 1.35] nK and 8"),
        ("fall", lambda: without(planted(), RATIO < 2), "the widths end at 1.8 nK, asked at least 2.9 nK"),
        ("cliff", lambda: without(planted(), abs(RATIO - 1.04) > 0.06), "times the parameters of width 48"),
        ("rise", lambda: planted(train_loss_ratio=[0.5] * 20), "no width reaches a training loss of 0.01"),
        ("rise", lambda: planted(train_loss_ratio=[0.5] * 19 + [0.0]), "the curve ends at its fit point"),
    ],
)
def test_preconditions_say_what_is_missing(claim, evidence, text):
    found = verdict(evidence(), claim)
    assert found.status == "not_applicable"
    assert text in found.reason


def test_noise_that_is_not_nested_is_refused():
    rows = planted().rows
    odd = tuple((p, v | {"wrong_labels": 0.2 - p["noise"]}) for p, v in rows)
    assert "fewer wrong labels at more noise" in verdict(Evidence(odd), "rise").reason


def test_lost_seeds_cost_the_arm_they_are_lost_in():
    rows = []
    for params, values in planted().rows:
        lost = (
            {"continuous_test_loss": [*values["continuous_test_loss"][:-1], None]} if params["seed"] < 2 else {}
        )
        rows.append((params, values | lost))
    evidence = Evidence(tuple(rows))
    assert "reuse at every width, clean labels: 2 of 5 seeds are lost" in verdict(evidence, "continuous").reason
    assert verdict(evidence, "cliff").status == "supported"
    assert verdict(evidence, "peak").status == "supported"


def test_a_mix_of_settings_is_refused_and_one_seed_is_inconclusive():
    mixed = tuple((p | {"steps": 100 + p["seed"]}, v) for p, v in planted().rows)
    assert "a rule judges one value of 'steps'" in verdict(Evidence(mixed), "rise").reason
    assert CLAIMS["rise"].judge(planted(seeds=1)).status == "inconclusive"
