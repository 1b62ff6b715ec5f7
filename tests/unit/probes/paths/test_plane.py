"""Planes through three networks: coordinates of length, points at the networks themselves."""

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import linear, mlp
from overparam.probes.paths import along, bezier, plane, straight

RNG = np.random.default_rng(0)
NETWORK = mlp(4, (5,), 3)
A, B, C = (NETWORK.init(jax.random.key(i)) for i in range(3))
X, Y = RNG.normal(size=(20, 4)).astype(np.float32), RNG.integers(0, 3, 20)


def flat(params):
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(params)])


def test_lengths_of_the_picture_are_those_of_the_weights():
    found = plane(NETWORK, [A, B, C], points=5)
    solutions = [flat(one) for one in (A, B, C)]
    for i in range(3):
        for j in range(i):
            apart = np.linalg.norm(found.corners[i] - found.corners[j])
            assert apart == pytest.approx(np.linalg.norm(solutions[i] - solutions[j]), rel=1e-10)
    for at in (0, 7, 24):  # any point of the grid, as the network that it stands for
        here = flat(found.path.params(at))
        for corner, solution in zip(found.corners, solutions, strict=True):
            assert np.linalg.norm(here - solution) == pytest.approx(
                np.linalg.norm(found.path.t[at] - corner), rel=1e-5
            )


def test_the_grid_is_row_by_row_and_has_room_around_the_networks():
    found = plane(NETWORK, [A, B, C], points=6, margin=0.5)
    values = found.grid(np.arange(36.0))
    assert values[2, 3] == 15.0
    assert found.path.t[15].tolist() == [found.across[3], found.up[2]]
    wide = np.ptp(found.corners, axis=0).max()
    assert found.across[0] == pytest.approx(found.corners[:, 0].min() - 0.5 * wide)
    assert found.up[-1] == pytest.approx(found.corners[:, 1].max() + 0.5 * wide)


@pytest.mark.slow
def test_the_loss_at_a_corner_is_that_of_the_network():
    found = plane(NETWORK, [A, B, C], points=2, margin=0.0)  # a corner of the box is a
    measured = along(found.path, X, Y, each=False)
    alone = along(straight(NETWORK, A, B, 2), X, Y)
    at = int(np.argmin(np.linalg.norm(found.path.t - found.corners[0], axis=1)))
    if np.allclose(found.path.t[at], found.corners[0]):
        assert measured.loss[at] == pytest.approx(alone.loss[0], rel=1e-5)
    assert measured.error is not None


def test_a_path_is_projected_and_its_distance_said():
    found = plane(NETWORK, [A, B, C], points=3)
    on, off = found.projected(bezier(NETWORK, A, C, B, 5))
    assert np.allclose(on[0], found.corners[0], atol=1e-6)
    assert np.allclose(on[-1], found.corners[1], atol=1e-6)
    assert np.abs(off).max() < 1e-6
    other = NETWORK.init(jax.random.key(9))
    _, off = found.projected(straight(NETWORK, A, other, 3))
    assert off[-1] > 0.1


def test_three_on_a_line_have_no_plane():
    network = linear(1, 1)
    a, b = (network.init(jax.random.key(i)) for i in range(2))
    middle = straight(network, a, b, 3).params(1)
    for third in (a, b, middle):
        with pytest.raises(UsageError, match="not on one line"):
            plane(network, [a, b, third])
    with pytest.raises(UsageError, match="three networks"):
        plane(network, [a, b])
    with pytest.raises(UsageError, match="points"):
        plane(NETWORK, [A, B, C], points=1)
