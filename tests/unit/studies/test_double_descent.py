"""The study double-descent: its rules on planted curves, and its preconditions."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence
from overparam.core.errors import MissingEvidence
from overparam.studies.double_descent import STUDY
from overparam.studies.double_descent.work import parameter_count
from overparam.sweep.judge import judge

# The published curve of Greydanus and Kobak (single runs, percent and nats) ...
GRID = (9, 16, 27, 36, 47, 61, 104, 300)
PUBLISHED = {
    0.0: {
        "train_error": (41.3, 28.8, 12.1, 1.4, 0.0, 0.0, 0.0, 0.0),
        "test_error": (49.3, 44.6, 41.0, 41.7, 41.0, 41.2, 38.6, 37.3),
        "test_loss": (1.31, 1.39, 2.31, 4.16, 4.42, 3.78, 3.07, 2.34),
    },
    0.15: {
        "train_error": (47.5, 39.7, 29.6, 19.0, 5.5, 0.0, 0.0, 0.0),
        "test_error": (49.0, 47.2, 50.7, 52.8, 54.05, 54.02, 50.2, 45.5),
        "test_loss": (1.34, 1.32, 1.66, 2.50, 5.70, 5.79, 3.92, 2.63),
    },
}
# ... and the spread over seeds, in points of error and as a share of the loss: of reruns by others, and of our own
# five seeds, whose narrow networks vary twice as much.
RERUN = ((1.3, 1.3, 1.0, 0.5, 0.3, 0.3, 0.6, 0.8), (0.03, 0.03, 0.04, 0.05, 0.06, 0.05, 0.03, 0.04))
OURS = ((2.9, 2.5, 0.8, 0.7, 1.0, 0.7, 0.6, 0.7), (0.05, 0.06, 0.03, 0.05, 0.03, 0.05, 0.03, 0.03))


def planted(rng=None, *, changed=None, clean=None, widths=GRID, seeds=5, n=4000, spread=RERUN):
    """Cells that scatter around the published curve, with lines of the noisy or the clean arm replaced.

    Without a generator the seeds average exactly to the curve and have exactly its spread.
    """
    rows = []
    exact = np.array([-1.0, 0.5, 1.2, -1.1, 0.4]) / np.std([-1.0, 0.5, 1.2, -1.1, 0.4], ddof=1)
    for noise, lines in PUBLISHED.items():
        lines = {**lines, **((changed if noise else clean) or {})}
        for seed in range(seeds):
            for i, width in enumerate(GRID):
                z = rng.standard_normal(3) if rng else np.full(3, exact[(seed + i) % 5])
                error = lines["test_error"][i] + spread[0][i] * z[0]
                loss = lines["test_loss"][i] * np.exp(spread[1][i] * z[1])
                values = {
                    "parameters": parameter_count(40, width, 10),
                    "wrong_labels": round(0.9 * noise + 0.001 * seed * noise, 6),
                    "train_error": lines["train_error"][i] / 100,
                    "test_error": error / 100,
                    "best_test_error": min(error, lines["test_error"][1]) / 100,
                    "test_loss": loss,
                    "best_test_loss": lines.get("best_test_loss", (1.3,) * 8)[i] * (1 + 0.01 * z[2]),
                }
                if width in widths:
                    rows.append(
                        ({"data": "mnist1d", "n": n, "width": width, "noise": noise, "seed": seed}, values)
                    )
    return Evidence(tuple(rows))


CLAIMS = {claim.name: claim for claim in STUDY.claims}
ERROR, LOSS = PUBLISHED[0.15]["test_error"], PUBLISHED[0.15]["test_loss"]
FLAT = (49.0, *(47.2,) * 7)
PLATEAU = (49.0, 47.2, 50.7, 54.0, 54.0, 54.0, 54.0, 54.0)

# Claim, a world in which it is false, a world in which it is true. Each at the edge of the rule or a known trap.
WORLDS = {
    "peak: nothing rises": ("peak", {"changed": {"test_error": FLAT}}, {}),
    "peak: a rise and a plateau": ("peak", {"changed": {"test_error": PLATEAU}}, {}),
    "peak: as often one step too far": (
        "peak",
        {"changed": {"test_error": (49, 47.2, 48, 49, 50, 53, 53, 45.5)}},
        {"changed": {"test_error": (49, 47.2, 50, 54, 53, 52, 50, 45.5)}},
    ),
    "error-peak: a rise of just 3": (
        "error-peak",
        {"changed": {"test_error": (51, 47.2, 47.2, 48, 50.2, 49, 47, 45)}},
        {"changed": {"test_error": (51, 47.2, 48, 50, 53.7, 51, 48, 46)}},
    ),
    "error-peak: a fall of just 4": (
        "error-peak",
        {"changed": {"test_error": (51, 47.2, 49, 53, 54, 54, 52, 50)}},
        {"changed": {"test_error": (51, 47.2, 49, 53, 54, 54, 52, 48)}},
    ),
    "clean: a climb of just 2": (
        "clean",
        {"clean": {"test_error": (49, 44.6, 41, 42, 43, 42, 38, 37)}},
        {"clean": {"test_error": (49, 44.6, 43, 42, 41, 40, 38, 37)}},
    ),
    "loss-peak: a ratio of just 1.5": (
        "loss-peak",
        {"changed": {"test_loss": (1.3, 1.3, 1.6, 2.5, 3.9, 3.7, 3.0, 2.6)}},
        {"changed": {"test_loss": (1.3, 1.3, 1.6, 2.5, 4.6, 4.6, 3.0, 2.6)}},
    ),
    "peak-parameters: nothing rises": (
        "peak-parameters",
        {"changed": {"test_error": FLAT}},
        {"changed": {"test_error": (49, 47.2, 50, 52, 54, 52, 50, 45.5)}},
    ),
    "peak-parameters: a peak at 0.54 per sample": (
        "peak-parameters",
        {"changed": {"test_error": (49, 47.2, 54, 51, 50, 50, 48, 45.5)}},
        {"changed": {"test_error": (49, 47.2, 50, 52, 54, 52, 50, 45.5)}},
    ),
    "error-strong: just as low": (
        "error-strong",
        {"changed": {"test_error": (47.7, *ERROR[1:-1], 47.2)}},
        {"changed": {"test_error": (*ERROR[:-1], 43.7)}},
    ),
    "loss-strong: just as low": (
        "loss-strong",
        {"changed": {"test_loss": (*LOSS[:-1], 1.32)}},
        {"changed": {"test_loss": (*LOSS[:-1], 1.15)}},
    ),
}


@pytest.mark.parametrize("world", WORLDS)
def test_rule_is_calibrated_on_planted_curves(world):
    name, null, effect = WORLDS[world]
    check_rule(CLAIMS[name], lambda rng: planted(rng, **null), lambda rng: planted(rng, **effect))


@pytest.mark.parametrize("world", WORLDS)
def test_rule_supports_no_planted_null_at_our_own_spread(world):
    name, null, _ = WORLDS[world]
    rngs = [np.random.default_rng([7, trial]) for trial in range(200)]
    states = [CLAIMS[name].judge(planted(rng, **null, spread=OURS)).status for rng in rngs]
    assert states.count("supported") <= 10


def test_five_seeds_are_few_for_the_rise_at_our_own_spread():
    """What the profiles' seeds can tell: the published rise of 6.9 points is found in most runs, 20 seeds find it."""
    found = {
        seeds: sum(
            CLAIMS["error-peak"].judge(planted(np.random.default_rng([8, t]), seeds=seeds, spread=OURS)).status
            == "supported"
            for t in range(100)
        )
        for seeds in (5, 20)
    }
    assert 40 <= found[5] <= 75
    assert found[20] >= 95


def test_every_rule_is_calibrated():
    assert {name for name, _, _ in WORLDS.values()} == set(CLAIMS)


@pytest.mark.parametrize(
    ("name", "twin"),
    [(n, {"clean": {**PUBLISHED[0.15]}}) for n in ("peak", "error-peak", "peak-parameters")]
    + [("clean", {"changed": {**PUBLISHED[0.0]}})]
    + [("loss-peak", {"changed": {"best_test_loss": LOSS}})],
)
def test_control_notices_when_the_effect_is_where_it_must_not_be(name, twin):
    rng = np.random.default_rng(3)
    clear = {"test_error": (49, 47.2, 50, 52, 55, 52, 50, 45.5)}
    flat = {"test_error": (49, 44.6, 43, 42, 41, 40, 38, 37)}
    twin = {arm: {**lines, **(clear if arm == "clean" else flat)} for arm, lines in twin.items()}
    states = [CLAIMS[name].control.judge(planted(rng, **twin)).status for _ in range(20)]
    ordinary = [CLAIMS[name].control.judge(planted(rng)).status for _ in range(20)]
    assert states.count("supported") >= 18
    assert "supported" not in ordinary


def test_fit_point_control_notices_a_curve_without_a_peak():
    rng = np.random.default_rng(4)
    falling = {
        "test_error": (56, 54, 52, 50, 48, 46, 44, 42),
        "test_loss": (3, 2.8, 2.4, 2, 1.8, 1.4, 1.2, 1.1),
    }
    for name in ("error-strong", "loss-strong"):
        assert CLAIMS[name].control.judge(planted(rng, changed=falling)).status == "supported"
        assert CLAIMS[name].control.judge(planted(rng)).status == "contradicted"


def verdicts(evidence):
    return {v.claim.split(".")[1]: v for v in judge(STUDY, evidence, profile="laptop", data="mnist1d")}


def test_published_curve_gets_the_expected_verdicts():
    found = verdicts(planted())
    assert {name: v.status for name, v in found.items()} == {
        "peak": "supported",
        "error-peak": "supported",
        "clean": "inconclusive",
        "loss-peak": "supported",
        "peak-parameters": "inconclusive",
        "error-strong": "inconclusive",
        "loss-strong": "contradicted",
    }
    assert all(v.control["ok"] for v in found.values())


def edited(evidence, change):
    return Evidence(
        tuple((params, {**values, **(change(params, values) or {})}) for params, values in evidence.rows)
    )


NOISY_ONLY = ("peak", "error-peak", "loss-peak", "peak-parameters", "error-strong", "loss-strong")
PRECONDITIONS = {
    "no arm has enough noise": (
        Evidence(tuple(({**p, "noise": min(p["noise"], 0.05)}, v) for p, v in planted().rows)),
        NOISY_ONLY,
        "most label noise 5%, asked at least 10%",
    ),
    "the noise is drawn again at one width": (
        edited(planted(), lambda p, v: {"wrong_labels": 0.2} if (p["width"], p["seed"]) == (47, 3) else None),
        NOISY_ONLY,
        "the share of wrong labels differs between widths for seed 3",
    ),
    "nothing underfits": (
        planted(widths=GRID[4:]),
        NOISY_ONLY,
        "at 15% label noise no width has a mean train error of at least 20 %: the left part of the curve cannot be "
        "told apart. Add smaller widths.",
    ),
    "everything underfits": (
        planted(widths=GRID[:3]),
        NOISY_ONLY,
        "at 15% label noise every width has a mean train error of at least 20 %: the left part of the curve cannot "
        "be told apart. Add larger widths.",
    ),
    "nothing fits": (
        planted(widths=GRID[:5]),
        NOISY_ONLY,
        "at 15% label noise no width reaches a mean train error of 1 % (lowest: 5.5 %). Add larger widths or more "
        "steps.",
    ),
    "the curve ends at the fit point": (
        planted(widths=GRID[:6]),
        NOISY_ONLY,
        "at 15% label noise the fit point is width 61 of at most 61: the curve ends at its fit point, add larger "
        "widths",
    ),
    "the curve ends before the strong forms": (
        planted(widths=GRID[:7]),
        ("loss-peak", "error-strong", "loss-strong"),
        "the right end has 2.35 times the parameters of the fit point, asked at least",
    ),
    "the clean arm does not fit": (
        edited(planted(), lambda p, v: {"train_error": 0.02} if p["noise"] == 0 else None),
        ("clean",),
        "at clean labels no width reaches a mean train error of 1 % (lowest: 2.0 %)",
    ),
    "two seeds diverged": (
        edited(
            planted(), lambda p, v: {"test_loss": None} if p["seed"] in (1, 4) and p["width"] == 300 else None
        ),
        tuple(CLAIMS),
        "clean labels: 3 of 5 seeds are complete; diverged or missing: seed 1, 4; 15% label noise: 3 of 5",
    ),
    "two training lengths": (
        Evidence(tuple(({**p, "steps": 1000 + p["width"]}, v) for p, v in planted().rows)),
        tuple(CLAIMS),
        "a rule judges one value of 'steps', got 1009, 1016",
    ),
}


@pytest.mark.parametrize("case", PRECONDITIONS)
def test_unmet_precondition_is_not_applicable_and_says_why(case):
    evidence, names, text = PRECONDITIONS[case]
    found = verdicts(evidence)
    for name in names:
        assert found[name].status == "not_applicable", name
        assert text in found[name].reason


def test_one_diverged_seed_is_named_and_the_rest_is_judged():
    broken = edited(
        planted(),
        lambda p, v: {"test_error": None} if (p["seed"], p["width"], p["noise"]) == (2, 9, 0.15) else None,
    )
    found = verdicts(broken)["error-peak"]
    detail = next(p["detail"] for p in found.preconditions if p["name"] == "complete")
    assert "15% label noise: 4 of 5 seeds are complete; diverged or missing: seed 2" in detail
    assert (found.n, found.status) == (4, "supported")


def test_a_missing_arm_is_missing_evidence():
    noisy_only = planted().where(noise=0.15)
    with pytest.raises(MissingEvidence, match="noise=0.0"):
        CLAIMS["clean"].judge(noisy_only)
    found = verdicts(noisy_only)
    assert found["clean"].status == "not_applicable"
    assert (found["peak"].status, found["peak"].control["status"]) == ("inconclusive", "not_run")
    with pytest.raises(MissingEvidence, match=r"no finished cell has label noise. Run with --noise 0,0.15"):
        CLAIMS["peak"].judge(planted().where(noise=0.0))


def test_one_seed_gives_nothing_better_than_inconclusive():
    assert {v.status for v in verdicts(planted(seeds=1)).values()} == {"inconclusive"}


def test_rules_do_not_depend_on_the_order_of_cells():
    rows = planted().rows
    shuffled = Evidence(tuple(rows[i] for i in np.random.default_rng(0).permutation(len(rows))))
    assert [v.to_dict() for v in verdicts(shuffled).values()] == [
        v.to_dict() for v in verdicts(planted()).values()
    ]
