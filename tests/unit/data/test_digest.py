"""LabelNoise draws what label_noise drew; a digest tells labels apart and finds those of a stored cell."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.data import LabelNoise, digest_of, label_noise, labels_digest, load, subset
from overparam.data.stream import stream


@pytest.mark.parametrize("kind", ["inclusive", "exclusive"])
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_the_draws_are_those_of_a_stored_seed(kind, seed):
    """Positions, then labels, of the stream "label-noise": changing this orphans every stored cell."""
    y = np.arange(50) % 5
    random = stream("label-noise", seed)
    order = random.permutation(50)
    drawn = random.randint(0, 5, size=50) if kind == "inclusive" else (y + random.randint(1, 5, size=50)) % 5
    expected = y.copy()
    expected[order[:15]] = drawn[order[:15]]
    noise = LabelNoise(0.3, kind, seed)
    assert noise.apply(y, 5).tolist() == expected.tolist()
    assert noise.apply(y, 5).dtype == np.int32
    assert label_noise(y, 0.3, 5, kind=kind, seed=seed)[0].tolist() == expected.tolist()
    assert noise.digest(y, 5) == digest_of(expected)


def test_without_noise_the_labels_are_as_they_were():
    y = np.arange(20) % 4
    assert LabelNoise(seed=3).apply(y, 4).tolist() == y.tolist()
    assert LabelNoise(0.0, "exclusive", 1).digest(y, 4) == LabelNoise(0.0, "inclusive", 2).digest(y, 4)


@pytest.mark.parametrize(
    ("settings", "text"),
    [((1.5,), "rate from 0 to 1"), ((True,), "rate from 0 to 1"), ((0.1, "pairflip"), "'inclusive' or")],
)
def test_a_wrong_noise_is_refused_when_it_is_made(settings, text):
    with pytest.raises(UsageError, match=text):
        LabelNoise(*settings)


def test_digests_of_these_labels_never_change():
    assert digest_of([0, 1, 2, 3]) == "f6a2c676b2b6ea85"
    assert digest_of([0.0, 0.5]) == "8903f1f804cdd10c"


def test_a_digest_does_not_depend_on_the_type_but_on_every_value_and_the_shape():
    y = np.array([3, 1, 2])
    assert len({digest_of(y.astype(kind)) for kind in (np.int8, np.int64, np.uint16, ">i4")}) == 1
    assert len({digest_of(v) for v in ([3, 1, 2], [1, 3, 2], [3, 1], [[3, 1, 2]], [3.0, 1.0, 2.0])}) == 5


@pytest.mark.parametrize("name", ["digits", "mnist1d-5k"])
def test_labels_of_a_stored_cell_are_found_again(name):
    cell = {"data": name, "n": 200, "noise": 0.15, "noise_kind": "exclusive", "seed": 4, "width": 9}
    data = subset(load(name), 200)
    expected = LabelNoise(0.15, "exclusive", 4).digest(data.y, 10)
    assert labels_digest(cell) == expected
    assert labels_digest(cell, load(name).fingerprint) == expected
    assert labels_digest({**cell, "seed": 5}) != expected


def test_without_an_axis_for_noise_labels_are_clean():
    clean = digest_of(subset(load("digits"), 50).y)
    assert labels_digest({"data": "digits", "n": 50, "seed": 1}) == clean


@pytest.mark.parametrize(
    "cell",
    [
        {"data": "nowhere.npz", "n": 10, "seed": 0},
        {"data": "digits", "n": 10**6, "seed": 0},
        {"data": "digits", "n": [10, 20], "seed": 0},
        {"data": "digits", "seed": 0},
        {"data": "digits", "n": 10, "noise": 180.0, "seed": 0},
    ],
)
def test_where_labels_cannot_be_found_there_is_no_digest(cell):
    assert labels_digest(cell) is None


def test_other_data_than_those_of_the_cell_have_no_digest():
    assert labels_digest({"data": "digits", "n": 10, "seed": 0}, "0123456789abcdef") is None
