"""Clusters and components: their geometry by brute force, their names, and what is refused."""

import numpy as np
import pytest

from overparam import data
from overparam.core.errors import DataError, UsageError


@pytest.mark.parametrize("radius", [0.0, 0.1, 0.3])
def test_rows_have_norm_one_and_lie_within_the_radius_of_their_own_centre(radius):
    made = data.clusters(60, 12, 6, classes=3, radius=radius, n_test=40, seed=2)
    for x, y, own in (
        (made.data.x, made.data.y, made.own),
        (made.data.x_test, made.data.y_test, made.own_test),
    ):
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1.0, rtol=1e-6)
        gaps = np.linalg.norm(x[:, None].astype(float) - made.centres[None], axis=2)
        assert (gaps[np.arange(len(x)), own] <= radius + 1e-6).all()
        assert np.array_equal(gaps.argmin(axis=1), own)  # separated: the own centre is the nearest
        assert np.array_equal(y, own % 3)
    apart = np.linalg.norm(made.centres[:, None] - made.centres[None], axis=2)
    assert made.separation == pytest.approx(apart[np.triu_indices(6, 1)].min())
    assert made.diameter <= 2 * radius + 1e-12


def test_at_a_large_radius_nothing_is_left_of_the_centre():
    made = data.clusters(400, 30, 2, radius=1e6, separated=False)
    along = (made.data.x * made.centres[made.own]).sum(axis=1)
    assert np.abs(along).max() < 1e-2


def test_the_sizes_of_clusters_and_classes_are_even():
    made = data.clusters(25, 15, 10, classes=5)
    assert sorted(np.bincount(made.own)) == [2] * 5 + [3] * 5
    assert sorted(np.bincount(made.data.y)) == [5] * 5


def test_components_have_the_published_law():
    made = data.components(2000, 50, 2, 2, spread=5.0, within=1.0, seed=1)
    # four means found as averages: within a component the expected squared distance is within^2
    from scipy.cluster.vq import kmeans2

    centres, own = kmeans2(made.x.astype(float), 4, minit="++", seed=0)
    gaps = np.square(made.x - centres[own]).sum(axis=1)
    assert gaps.mean() == pytest.approx(1.0, abs=5 * np.sqrt(2 / 50 / 2000) + 0.01)
    assert all(len(set(made.y[own == j])) == 1 for j in range(4))


def test_names_load_what_the_functions_make():
    for made, name in (
        (
            data.clusters(30, 9, 4, radius=0.2, n_test=8, seed=3).data,
            "clusters:seed=3,n_test=8,n=30,d=9,clusters=4,radius=.2",
        ),
        (data.components(40, 9, 3, spread=1.0, n_test=8), "components:n=40,d=9,classes=3,spread=1,n_test=8"),
    ):
        loaded = data.load(name)
        assert (loaded.name, loaded.fingerprint) == (made.name, made.fingerprint)
        assert np.array_equal(loaded.x, made.x)
        assert np.array_equal(loaded.y_test, made.y_test)
        assert data.load(made.name).fingerprint == made.fingerprint  # its own name finds it again
        shape = data.shape_of(name)
        assert (shape.features, shape.classes, shape.train, shape.test) == (9, made.classes, made.n, 8)
        assert data.fingerprint(name) == made.fingerprint
    assert {"clusters", "components"} <= {one.name for one in data.describe()}


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("clusters:radius=0.9", DataError, "expected centres farther apart than the diameter of a cluster, 1.8, got"),
        ("clusters:n=9", UsageError, "at least one training row each, 10, got n=9"),
        ("clusters:clusters=3,classes=4", UsageError, "expected at least one a class, 4, got clusters=3"),
        ("clusters:radius=-1", UsageError, "clusters: expected radius from 0 to 1e"),
        ("clusters:radius=nan", UsageError, "clusters: expected radius from 0"),
        ("clusters:radius=wide", UsageError, "expected radius= and a number, got 'radius=wide'"),
        ("clusters:n=1.5", UsageError, "expected n= and a whole number"),
        ("clusters:separated=2", UsageError, "separated .1 or 0.: expected a whole number of at most 1"),
        ("clusters:d=1", UsageError, "clusters: d: expected a whole number of at least 2"),
        ("clusters:n=1000000000", UsageError, "expected n, n_test and d with at most"),
        ("clusters:seed=-1", UsageError, "seed: expected"),
        ("clusters:width=3", UsageError, "unknown option of clusters 'width'"),
        ("components:n=19", UsageError, "at least one training row each, 20, got n=19"),
        ("components:within=0", UsageError, "expected within above 0"),
        ("components:classes=1", UsageError, "components: classes: expected a whole number of at least 2"),
        ("components:spread=inf", UsageError, "expected spread from 0"),
        ("components:d=2,d=3", UsageError, "expected d= once"),
    ],
)  # fmt: skip
def test_what_is_refused(name, error, words):
    with pytest.raises(error, match=words):
        data.load(name)


def test_separated_is_true_or_false():
    with pytest.raises(UsageError, match="separated: expected True or False, got 'no'"):
        data.clusters(separated="no")
