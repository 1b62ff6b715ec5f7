"""Lines paired by seed, and places that are chosen against the claim."""

import numpy as np
import pytest

from overparam.core import Evidence
from overparam.core import lines as places
from overparam.core.errors import MissingEvidence


def evidence(values):
    """Rows of seed -> width -> value of the metric e, and twice that of f."""
    return Evidence(
        tuple(
            (
                {"seed": seed, "width": width, "noise": 0.1},
                {"e": value, "f": None if value is None else 2 * value},
            )
            for seed, line in values.items()
            for width, value in line.items()
        )
    )


def test_pairing_keeps_the_seeds_that_are_whole():
    found = places.align_seeds(
        evidence({0: {4: 1.0, 8: 2.0}, 3: {8: 5.0, 4: 3.0}, 5: {4: 1.0, 8: None}}), "width", "e", "f"
    )
    assert found.x == (4, 8)
    assert found.seeds == (0, 3)
    assert found.dropped == (5,)
    assert found.lines[0].tolist() == [[1.0, 2.0], [3.0, 5.0]]
    assert found.lines[1].tolist() == [[2.0, 4.0], [6.0, 10.0]]


def test_pairing_without_a_whole_seed_says_so():
    with pytest.raises(MissingEvidence, match=r"no seed has 'e' at every width \(noise=0.1\). Resume the run"):
        places.align_seeds(evidence({0: {4: 1.0, 8: None}}), "width", "e", noise=0.1)


def test_places_are_chosen_against_the_claim():
    """Pure noise: leaving one out removes the bias of the maximum, choosing on all seeds lowers the minimum."""
    rng = np.random.default_rng(5)
    rises, lows, climbs = [], [], []
    for _ in range(2000):
        lines = rng.standard_normal((5, 8))
        low, peak, end = places.minimum_peak_end(lines, 4)
        assert end.tolist() == lines[:, -1].tolist()
        rises.append((peak - low).mean())
        lows.append(places.left_minimum(lines, 4).mean())
        climbs.append(places.largest_climb(lines)[0].mean())
    standard_error = np.std(rises) / np.sqrt(2000)
    assert abs(np.mean(rises)) < 4 * standard_error
    assert np.mean(lows) < -0.3
    assert np.mean(climbs) > 0.5


def test_a_planted_peak_is_placed():
    line = np.array([5.0, 2.0, 3.0, 9.0, 4.0, 1.0])
    lines = line + np.arange(3.0)[:, None]
    assert places.peak_places(lines, 3).tolist() == [3, 3, 3]
    low, peak, end = places.minimum_peak_end(lines, 3)
    assert (peak - low).tolist() == [7.0, 7.0, 7.0]
    assert (peak - end).tolist() == [8.0, 8.0, 8.0]


def test_smoothing_keeps_a_straight_line_and_spreads_a_spike():
    straight = np.arange(7.0)[None, :]
    assert places.smoothed(straight, 3)[0, 1:-1].tolist() == straight[0, 1:-1].tolist()
    spike = np.eye(1, 7, 3)
    assert np.allclose(places.smoothed(spike, 5)[0], [0, 0.2 * 5 / 4, 0.2, 0.2, 0.2, 0.25, 0])
