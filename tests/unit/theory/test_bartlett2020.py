import numpy as np
import pytest

from overparam.core.errors import DataError
from overparam.theory import benign_ranks


def test_ranks_are_those_of_their_definition():
    lam = np.random.default_rng(0).exponential(size=40)
    ranks = benign_ranks(lam, 7)
    down = sorted(lam, reverse=True)
    for k in range(40):
        rest = down[k:]
        assert ranks.r[k] == pytest.approx(sum(rest) / rest[0])
        assert ranks.R[k] == pytest.approx(sum(rest) ** 2 / sum(v * v for v in rest))
    for b in (1, 2, 5):
        assert ranks.k_star[b] == next((k for k in range(40) if ranks.r[k] >= 7 * b), None)


def test_a_long_flat_tail_is_benign_and_a_short_one_is_not():
    spiked = np.r_[np.full(5, 1.0), np.full(20_000, 1e-3)]
    ranks = benign_ranks(spiked, 100)
    assert ranks.k_star == {1: 5, 2: 5, 5: 5}
    assert ranks.rate(5) == pytest.approx(5 / 100 + 100 / 20_000)
    steep = benign_ranks(0.5 ** np.arange(50), 100)
    assert steep.k_star == {1: None, 2: None, 5: None}
    assert steep.rate(1) is None


def test_zeros_are_left_out():
    assert len(benign_ranks([1.0, 0.0, 0.0], 2).r) == 1
    assert benign_ranks([0.0], 2).k_star == {1: None, 2: None, 5: None}
    with pytest.raises(DataError, match="no negative number"):
        benign_ranks([-1.0], 2)
