"""Streams are frozen, separate by purpose, and leave numpy's global state alone."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.data.stream import stream


def test_numbers_are_frozen():
    assert stream("subset", 0).permutation(8).tolist() == [5, 0, 2, 6, 1, 3, 7, 4]


def test_streams_of_two_purposes_are_unrelated():
    a, b = stream("a", 1).standard_normal(4000), stream("b", 1).standard_normal(4000)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.08  # 5 standard errors of 1/sqrt(4000)


def test_global_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    stream("a", 1).rand(10)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "0", None])
def test_seed_out_of_range(seed):
    with pytest.raises(UsageError, match=r"seed: expected a whole number from 0 to 4294967295, got "):
        stream("a", seed)


def test_numpy_integers_are_seeds():
    assert stream("a", np.int64(3)).rand() == stream("a", 3).rand()
