"""The bound for fixed functions over an orthonormal family, against projections done by hand."""

import itertools

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.barron1993 import average_error, linear_floor

CUBE = np.array(list(itertools.product((-1.0, 1.0), repeat=5)))
FAMILY = np.stack([CUBE[:, list(one)].prod(axis=1) for one in itertools.combinations(range(5), 2)], axis=1)


def test_no_functions_do_better_than_the_bound_and_members_of_the_family_reach_it():
    rng = np.random.default_rng(0)
    for n in (1, 3, 7, 10):
        for features in (rng.standard_normal((32, n)), (CUBE @ rng.standard_normal((5, n))) ** 2):
            assert average_error(features, FAMILY) >= linear_floor(n, 10) - 1e-12
        assert average_error(FAMILY[:, :n], FAMILY) == pytest.approx(linear_floor(n, 10), abs=1e-12)
    mixed = FAMILY @ np.linalg.qr(rng.standard_normal((10, 4)))[0]
    assert average_error(mixed, FAMILY) == pytest.approx(0.6)


def test_it_is_the_least_squares_of_every_target():
    rng = np.random.default_rng(1)
    features = np.column_stack([rng.standard_normal((32, 4)), np.zeros(32)])
    features = np.column_stack([features, features[:, 0] + features[:, 1]])  # a rank of 4
    left = [
        np.square(FAMILY[:, i] - features @ np.linalg.lstsq(features, FAMILY[:, i], rcond=None)[0]).mean()
        for i in range(10)
    ]
    assert average_error(features, FAMILY) == pytest.approx(np.mean(left))
    assert average_error(1e100 * features, 1e-100 * FAMILY) == pytest.approx(np.mean(left))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: linear_floor(-1, 3), UsageError, "functions: expected a whole number of at least 0, got -1"),
        (lambda: linear_floor(1, 0), UsageError, "family: expected a whole number of at least 1, got 0"),
        (lambda: average_error(CUBE[:3], FAMILY), DataError, "family: expected shape .* with 3 rows"),
        (
            lambda: average_error(CUBE, 0 * FAMILY),
            DataError,
            "family: expected targets that are not 0 everywhere",
        ),
    ],
)
def test_bad_input_is_refused_with_its_reason(call, error, text):
    with pytest.raises(error, match=text):
        call()
