"""The study on the weights of tickets: areas against pairs counted by hand, and one tiny cell."""

import numpy as np
import pytest

from overparam.studies.ticket_weights import STUDY
from overparam.studies.ticket_weights_work import area, moved

TINY = {"data": "digits", "n": 100, "units": 12, "density": (0.5, 0.2), "steps": 8, "batch": 20, "width": (4, 8),
        "samples": 8, "descent": 8}  # fmt: skip


@pytest.mark.slow
def test_a_cell_has_the_values_that_the_study_names():
    told = []
    cell = {axis.name: axis.default for axis in STUDY.axes} | TINY
    first, second = (
        one.values for one in STUDY.work([cell | {"seed": 1000}, cell | {"seed": 1001}], told.append)
    )
    assert told == sorted(told)
    assert told[-1] == 1.0
    for one in (first, second):
        assert set(one) == set(STUDY.values)
        assert all(
            0 < value < 1 for name in ("own", "other", "null", "shuffled") for value in one[f"{name}_auc"]
        )
        assert len(one["moved"]) == len(one["mean_field_moved"]) == len(one["fitted"]) == 2
    assert first["own_auc"] != second["own_auc"]


def test_the_area_counts_pairs():
    rng = np.random.default_rng(0)
    values, kept = rng.integers(0, 6, (5, 7)).astype(float), rng.random((5, 7)) < 0.4
    above = np.subtract.outer(values[kept], values[~kept])
    assert area(values, kept) == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())


def test_without_a_pair_there_is_no_area():
    assert area(np.ones(3), np.zeros(3, bool)) is None
    assert area(np.ones(3), np.ones(3, bool)) is None


def test_movement_is_a_distance():
    first, last = ({"hidden1": {"weight": np.array(one)}} for one in ([[1.0, -2.0]], [[0.5, -3.0]]))
    assert moved(first, last).tolist() == [[0.5, 1.0]]
