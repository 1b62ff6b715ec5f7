"""Width sweeps under squared loss: the fit point by the train loss, and the rule for the place of the loss's peak."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.api.testing import check_rule
from overparam.core import Evidence, MissingEvidence
from overparam.studies.widths.arms import Reading
from overparam.studies.widths.claims import loss_claims, loss_place

GRID = (4, 8, 16, 24, 32, 48, 64, 200)
FIT = (60.0, 45.0, 30.0, 19.0, 5.5, 0.8, 0.3, 0.1)
PEAK = (1.0, 0.9, 1.0, 1.2, 1.8, 1.5, 1.2, 0.9)
READING = Reading(loss="squared", labels=False)
PLACE = loss_place(READING)
OTHERS = {claim.name: claim for claim in loss_claims(READING)}


def sweep(rng=None, loss=PEAK, best=(0.9,) * 8, spread=0.04, fit=FIT):
    rows = []
    for noise in (0.0, 0.15):
        for seed in range(5):
            for i, width in enumerate(GRID):
                z = rng.standard_normal(2) if rng else (0.0, 0.0)
                values = {
                    "parameters": 10 * width, "outputs": 1, "n": 300, "wrong_labels": 0.15 if noise else 0.0,
                    "train_loss_share": fit[i] / 100, "test_loss": loss[i] * np.exp(spread * z[0]),
                    "best_test_loss": best[i] * np.exp(spread * z[1]),
                }  # fmt: skip
                rows.append(({"n": 0, "width": width, "noise": noise, "seed": seed}, values))
    return Evidence(tuple(rows))


NULLS = {
    "a peak as often one step too far": (1.0, 0.9, 1.0, 1.1, 1.3, 2.4, 2.4, 1.0),
    "a rise of just 1.2": (1.0, 0.9, 0.93, 0.97, 1.08, 1.0, 0.95, 0.85),
    "a fall of just 1.1": (1.0, 0.9, 1.0, 1.3, 1.65, 1.3, 1.4, 1.5),
    "no peak": (1.0, 0.95, 0.9, 0.88, 0.86, 0.84, 0.82, 0.8),
}


@pytest.mark.parametrize("null", NULLS)
def test_the_place_of_the_loss_peak_is_calibrated(null):
    check_rule(PLACE, lambda rng: sweep(rng, NULLS[null]), lambda rng: sweep(rng))


def test_the_control_notices_a_peak_at_the_best_time():
    rng = np.random.default_rng(1)
    seen = [PLACE.control.judge(sweep(rng, best=PEAK)).status for _ in range(20)]
    usual = [PLACE.control.judge(sweep(rng)).status for _ in range(20)]
    assert seen.count("supported") >= 18
    assert "supported" not in usual


def test_the_fit_point_is_where_the_loss_is_one_percent_of_the_best_constants():
    arm = READING.noisy(sweep())
    assert (arm.widths[arm.left_end], arm.widths[arm.fit_point]) == (24, 48)
    assert (arm.n, arm.name, arm.per_sample[0]) == (300, "15% target noise", 40 / 300)
    with pytest.raises(MissingEvidence, match=r"mean train loss \(as a share of the best constant's\) of 1 %"):
        _ = READING.noisy(sweep(fit=(60.0, *(5.0,) * 7))).fit_point


def test_a_regression_speaks_of_targets_and_its_preconditions_hold():
    assert "target noise" in PLACE.sentence
    for precondition in (*PLACE.preconditions, *OTHERS["loss-peak"].preconditions):
        assert precondition.check(sweep()).ok, precondition.name
    assert "label" not in " ".join(p.sentence for p in PLACE.preconditions)
    assert OTHERS["loss-peak"].judge(sweep(np.random.default_rng(0))).status == "supported"
