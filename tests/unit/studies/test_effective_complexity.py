"""The study effective-complexity: its rules on planted curves, and its preconditions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence
from overparam.core.errors import MissingEvidence
from overparam.studies.effective_complexity import STUDY
from overparam.studies.effective_complexity.arms import SEARCHES, SIZES
from overparam.studies.effective_complexity.curves import sizes
from overparam.sweep.judge import judge

WIDTHS = (8, 11, 16, 23, 32, 45, 64, 91, 128)
SEARCHED = (11, 16, 23, 32)
FIXED = {
    "n": 1000, "noise": 0.2, "noise_kind": "exclusive", "steps": 5000, "batch": 100, "learning_rate": 0.01,
    "momentum": 0.9, "tolerance": 0.1, "draws": 3, "copies": 3, "n_test": 6000,
}  # fmt: skip
CLAIMS = {claim.name: claim for claim in STUDY.claims}

# Where each arm is critical (units), and its EMC as a multiple of 2.0 samples a parameter-like width^1.3.
CRITICAL = {
    "base": 20,
    "clean": 15,
    "samples": 30,
    "samples-epochs": 26,
    "shifted": 40,
    "epochs": 14,
    "repeat": 20,
}
EMC = {"emc": 1.0, "emc-clean": 1.3, "emc-epochs": 1.4}
JITTER = 0.12  # octaves, spread over seeds of a critical width
SPREAD = 0.08  # of the logarithm of EMC over seeds


def planted(
    rng=None,
    *,
    critical=None,
    offset=(0,),
    rise=6.0,
    clean_rise=0.0,
    emc=None,
    growth=1.3,
    seeds=10,
    cut=(),
    only=(),
):
    """Cells with a train error that falls through 10 % at the critical width and a test error that peaks near it.

    Args:
        critical: critical widths of arms, in place of those above.
        offset: grid steps from the smallest width that learns to the peak, drawn at random for each seed.
        rise: height of the peak in points, clean_rise that of the clean arm.
        emc: factors of EMC, in place of those above.
        growth: exponent of EMC in the width.
        cut: arms left out; only: the arms wanted, all if none is named.
    """
    quiet = rng is None
    rng = rng or np.random.default_rng(0)
    rows = []
    wanted = [arm for arm in (*CRITICAL, *EMC) if arm not in cut and (arm in only or not only)]
    for arm, centre in {**CRITICAL, **(critical or {})}.items():
        if arm not in wanted:
            continue
        for seed in range(seeds):
            place = math.log2(centre) + (0.02 * seed if quiet else JITTER * rng.standard_normal())
            train = [min(0.8, max(0.0, 0.1 + 0.4 * (place - math.log2(w)))) for w in WIDTHS]
            first = next((i for i, error in enumerate(train) if error <= 0.1), len(WIDTHS))
            peak = first + int(rng.choice(offset))
            bump = np.exp(-0.5 * ((np.arange(len(WIDTHS)) - peak) / 0.9) ** 2)
            height = clean_rise if arm == "clean" else rise
            test = 50.0 - 0.5 * np.arange(len(WIDTHS)) + height * bump
            test = test + (0.0 if quiet else 0.5) * rng.standard_normal(len(WIDTHS))
            values = {
                "width": list(WIDTHS), "train_error": train, "test_error": (test / 100).tolist(), "samples": 1000,
                "wrong_labels": 0.0 if arm == "clean" else round(0.2 + 0.001 * seed, 6),
            }  # fmt: skip
            rows.append(({"data": "mnist1d", "arm": arm, "seed": seed, **FIXED}, values))
    for arm, factor in {**EMC, **(emc or {})}.items():
        if arm not in wanted:
            continue
        for seed in range(seeds):
            scatter = np.zeros(len(SEARCHED)) if quiet else SPREAD * rng.standard_normal(len(SEARCHED))
            found = [
                1000 * factor * (w / 21) ** growth * math.exp(z) for w, z in zip(SEARCHED, scatter, strict=True)
            ]
            values = {
                "emc_width": list(SEARCHED), "samples": 1000, "emc": found, "emc_censored": [0] * len(SEARCHED),
            }  # fmt: skip
            rows.append(({"data": "mnist1d", "arm": arm, "seed": seed, **FIXED}, values))
    return Evidence(tuple(rows))


# Claim, a world in which it is false, a world in which it is true. Each at the edge of the rule or a known trap.
# The stated effects: a shift of half an octave where seeds spread by 0.12, EMC apart by a tenth where they spread by
# 0.08, a peak of 6 points at the critical width.
UP, DOWN = CRITICAL["base"] * 2**0.5, CRITICAL["base"] / 2**0.5
FAR = {"samples": 40, "shifted": 40, "epochs": 13}
WORLDS = {
    "noise-shift: none": ("noise-shift", {"critical": {"clean": 20}}, {"critical": {"clean": DOWN}}),
    "samples-shift: only because the epochs are fewer": (
        "samples-shift",
        {"critical": {"samples": UP, "samples-epochs": 20}},
        {"critical": {"samples": UP, "samples-epochs": UP}},
    ),
    "augmentation-shift: none": (
        "augmentation-shift", {"critical": {"shifted": 20}}, {"critical": {"shifted": UP}},
    ),
    "epochs-shift: none": ("epochs-shift", {"critical": {"epochs": 20}}, {"critical": {"epochs": DOWN}}),
    "peak-shift: one arm does not move": (
        "peak-shift", {"critical": {**FAR, "epochs": 20}}, {"critical": FAR},
    ),
    "peak-shift: nothing rises": ("peak-shift", {"critical": FAR, "rise": 0.0}, {"critical": FAR}),
    "peak-at-fit: one step too far on average": ("peak-at-fit", {"offset": (0, 1, 2)}, {"offset": (0,)}),
    "peak-at-fit: a rise of just a point": (
        "peak-at-fit", {"rise": 1.9}, {"offset": (0, 0, 0, 1)},
    ),
    "peak-at-emc: one step too far on average": ("peak-at-emc", {"offset": (0, 1, 2)}, {"offset": (0,)}),
    "peak-at-emc: EMC reaches n a step earlier": (
        "peak-at-emc", {"emc": {"emc": 1.6}, "offset": (0, 0, 1)}, {"emc": {"emc": 1.0}},
    ),
    "emc-width: no growth": ("emc-width", {"growth": 0.0}, {"growth": 0.5}),
    "emc-epochs: none": ("emc-epochs", {"emc": {"emc-epochs": 1.0}}, {"emc": {"emc-epochs": 1.1}}),
    "emc-noise: none": ("emc-noise", {"emc": {"emc-clean": 1.0}}, {"emc": {"emc-clean": 1.1}}),
}  # fmt: skip

NEEDS = {  # the arms that a rule reads
    "noise-shift": ("base", "clean"),
    "samples-shift": ("base", "samples", "samples-epochs"),
    "augmentation-shift": ("base", "shifted"),
    "epochs-shift": ("base", "epochs"),
    "peak-shift": ("base", "samples", "shifted", "epochs"),
    "peak-at-fit": ("base",),
    "peak-at-emc": ("base", "emc"),
    "emc-width": ("emc",),
    "emc-epochs": ("emc", "emc-epochs"),
    "emc-noise": ("emc", "emc-clean"),
}


@pytest.mark.parametrize("world", WORLDS)
def test_rule_is_calibrated_on_planted_curves(world):
    name, null, effect = WORLDS[world]
    only = NEEDS[name]
    check_rule(
        CLAIMS[name],
        lambda rng: planted(rng, only=only, **null),
        lambda rng: planted(rng, only=only, **effect),
    )


def test_every_rule_is_calibrated():
    assert {name for name, _, _ in WORLDS.values()} == set(CLAIMS)


def verdicts(evidence):
    return {v.claim.split(".")[1]: v for v in judge(STUDY, evidence, profile="laptop", data="mnist1d")}


def test_the_published_picture_is_supported_throughout():
    found = verdicts(planted(np.random.default_rng(5), critical=FAR))
    assert {v.status for v in found.values()} == {"supported"}
    assert all(v.control["ok"] for v in found.values())


def test_the_opposite_picture_is_contradicted():
    mirrored = {"clean": 30, "samples": 13, "samples-epochs": 13, "shifted": 13, "epochs": 30}
    worse = {"emc": 1.0, "emc-clean": 0.8, "emc-epochs": 0.8}
    found = verdicts(planted(np.random.default_rng(6), critical=mirrored, emc=worse, growth=-0.5))
    for name in (
        "noise-shift",
        "samples-shift",
        "augmentation-shift",
        "epochs-shift",
        "emc-width",
        "emc-epochs",
    ):
        assert found[name].status == "contradicted", name
    assert found["emc-noise"].status == "contradicted"


SHIFTS = ("noise-shift", "samples-shift", "augmentation-shift", "epochs-shift", "peak-shift")


def test_nine_of_ten_seeds_are_needed():
    """The sign test by hand: nine seeds of one sign give 2 (1 + 10) / 2^10 = 2.1 %, eight give 11 %."""
    for against, status in ((0, "supported"), (1, "supported"), (2, "inconclusive"), (5, "inconclusive")):
        rows = []
        for params, values in planted().rows:
            swap = params["arm"] == "epochs" and params["seed"] < against
            train = [1.0 if swap else e for e in values["train_error"]] if "train_error" in values else None
            rows.append((params, {**values, "train_error": train} if train else values))
        (part,) = CLAIMS["epochs-shift"].judge(Evidence(tuple(rows))).parts
        assert (part.status, part.effect, part.n) == (status, 1 - against / 10, 10)


def test_a_critical_width_beyond_the_grid_counts_as_larger_and_two_of_them_as_a_tie():
    beyond = planted(critical={"shifted": 1000})
    finding = CLAIMS["augmentation-shift"].judge(beyond)
    assert (finding.status, finding.parts[0].effect, finding.parts[0].n) == ("supported", 1.0, 10)
    assert "shifted beyond the grid" in finding.note
    both = planted(critical={"shifted": 1000, "base": 1000})
    finding = CLAIMS["augmentation-shift"].judge(both)
    assert (finding.status, finding.parts[0].n) == ("inconclusive", 0)
    assert "10 ties" in finding.note


def test_critical_widths_are_read_back_as_planted():
    found = sizes(planted(), "base")
    assert found.critical == pytest.approx([20 * 2 ** (0.02 * seed) for seed in range(10)], rel=1e-3)
    assert found.fitting == (3,) * 10
    assert found.peaks == (3,) * 10


@pytest.mark.parametrize(
    ("name", "twin"),
    [(n, {"critical": {**FAR, "repeat": 40}}) for n in ("noise-shift", "samples-shift", "augmentation-shift")]
    + [("epochs-shift", {"critical": {**FAR, "repeat": 13}})]
    + [("peak-shift", {"critical": {**FAR, "repeat": 40}})]
    + [("peak-at-fit", {"clean_rise": 6.0}), ("peak-at-emc", {"clean_rise": 6.0, "emc": {"emc-clean": 1.6}})],
)
def test_control_notices_when_the_effect_is_where_it_must_not_be(name, twin):
    rng = np.random.default_rng(3)
    states = [CLAIMS[name].control.judge(planted(rng, **twin)).status for _ in range(20)]
    ordinary = [CLAIMS[name].control.judge(planted(rng)).status for _ in range(20)]
    assert states.count("supported") >= 16
    assert ordinary.count("supported") <= 2


@pytest.mark.parametrize(("name", "better"), [("emc-width", 1), ("emc-epochs", 1), ("emc-noise", -1)])
def test_the_halves_control_notices_halves_that_differ(name, better):
    rows = tuple(
        (p, {**v, "emc": [e * (1.5**better if p["seed"] >= 5 else 1.0) for e in v["emc"]]})
        if "emc" in v
        else (p, v)
        for p, v in planted(np.random.default_rng(7)).rows
    )
    assert CLAIMS[name].control.judge(Evidence(rows)).status == "supported"


def edited(evidence, change):
    return Evidence(
        tuple((params, {**values, **(change(params, values) or {})}) for params, values in evidence.rows)
    )


def ended(seeds, widths, which):
    def change(params, values):
        if params["arm"] != "emc" or params["seed"] not in seeds:
            return None
        hit = [width in widths for width in SEARCHED]
        return {
            "emc": [None if h else e for h, e in zip(hit, values["emc"], strict=True)],
            "emc_censored": [which if h else 0 for h in hit],
        }

    return change


def test_a_width_whose_search_hit_an_end_is_left_out_and_named():
    finding = CLAIMS["emc-width"].judge(edited(planted(), ended({3}, {32}, 1)))
    assert [part.label for part in finding.parts] == [
        "EMC at width 16 over EMC at width 11",
        "EMC at width 23 over EMC at width 16",
    ]
    assert finding.note == "Left out, because a search hit an end of the grid: width 32."
    with pytest.raises(MissingEvidence, match="at 1 of 4 widths, asked at least 2"):
        CLAIMS["emc-width"].judge(edited(planted(), ended({3}, {16, 23, 32}, 1)))


def test_emc_beyond_the_grid_still_reaches_n_but_a_first_width_that_does_tells_nothing():
    judged = CLAIMS["peak-at-emc"].judge(edited(planted(), ended(set(range(10)), {23, 32}, 1)))
    assert judged.parts[0].effect == 0.0
    with pytest.raises(MissingEvidence, match="for 0 of 10 seeds, asked at least 80%"):
        CLAIMS["peak-at-emc"].judge(planted(emc={"emc": 5.0}))
    with pytest.raises(MissingEvidence, match="for 0 of 10 seeds, asked at least 80%"):
        CLAIMS["peak-at-emc"].judge(planted(emc={"emc": 0.2}))


PRECONDITIONS = {
    "five seeds": (planted(seeds=5), SHIFTS, "5 of 5 seeds"),
    "the base never learns": (
        planted(critical={"base": 1000}), SHIFTS[:4], "between 8 and 128 for 0 of 10 seeds, asked at least 80%",
    ),
    "the base always learns": (
        planted(critical={"base": 2}), SHIFTS[:4], "between 8 and 128 for 0 of 10 seeds",
    ),
    "nothing underfits": (
        planted(critical={"base": 2}), ("peak-at-fit", "peak-at-emc", "peak-shift"),
        "in the arm 'base' no width has a mean train error of at least 20 %",
    ),
    "little noise": (
        Evidence(tuple(({**p, "noise": 0.05}, v) for p, v in planted().rows)),
        ("noise-shift", "peak-at-fit", "peak-at-emc", "peak-shift", "emc-noise"),
        "label noise 5% in every arm but the clean ones, asked at least 10%",
    ),
    "noise drawn again in an arm": (
        edited(planted(), lambda p, v: {"wrong_labels": 0.3} if (p["arm"], p["seed"]) == ("epochs", 4) else None),
        (*SHIFTS, "peak-at-fit", "peak-at-emc"),
        "the share of wrong labels differs between arms for seed 4",
    ),
    "three seeds diverged": (
        edited(
            planted(seeds=13),
            lambda p, v: {"train_error": [None] * 9} if p["arm"] == "base" and p["seed"] in (1, 2, 3) else None,
        ),
        (*SHIFTS, "peak-at-fit", "peak-at-emc"),
        "base: 10 of 13 seeds (diverged or missing: seed 1, 2, 3)",
    ),
    "two training lengths": (
        Evidence(tuple(({**p, "steps": 1000 + p["seed"]}, v) for p, v in planted().rows)),
        ("peak-at-fit", "noise-shift", "emc-width", "emc-epochs"),
        "a rule judges one value of 'steps', got 1000, 1001",
    ),
    "no long searches": (planted(cut=("emc-epochs",)), ("emc-epochs",), "no finished cell of the arm 'emc-epochs'"),
    "no second arm of samples": (
        planted(cut=("samples-epochs",)), ("samples-shift",), "no finished cell of the arm 'samples-epochs'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PRECONDITIONS)
def test_unmet_precondition_is_not_applicable_and_says_why(case):
    evidence, names, text = PRECONDITIONS[case]
    found = verdicts(evidence)
    for name in names:
        assert found[name].status == "not_applicable", name
        assert text in found[name].reason


def test_one_seed_gives_nothing_better_than_inconclusive():
    assert {v.status for v in verdicts(planted(seeds=1)).values()} <= {"inconclusive", "not_applicable"}


def test_rules_do_not_depend_on_the_order_of_cells():
    rows = planted(np.random.default_rng(1)).rows
    shuffled = Evidence(tuple(rows[i] for i in np.random.default_rng(0).permutation(len(rows))))
    assert [v.to_dict() for v in verdicts(shuffled).values()] == [
        v.to_dict() for v in verdicts(Evidence(rows)).values()
    ]


def test_planted_arms_are_those_of_the_study():
    assert set(CRITICAL) == set(SIZES)
    assert set(EMC) == set(SEARCHES)
