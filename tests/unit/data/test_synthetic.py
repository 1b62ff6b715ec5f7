"""Laws of the inputs, the teacher, and the options in a name."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from overparam import data
from overparam.core.errors import UsageError
from overparam.data import synthetic


def test_gaussian_inputs_are_standard_normal():
    x = data.gaussian(2000, 10, n_test=1).x
    assert stats.kstest(x.ravel(), "norm").pvalue > 1e-4
    assert np.abs(np.cov(x.T) - np.eye(10)).max() < 0.12  # about 5 sqrt(2 / 2000)


def test_sphere_rows_have_norm_one_and_no_preferred_direction():
    made = data.sphere(4000, 5, n_test=7)
    for x in (made.x, made.x_test):
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1.0, rtol=1e-6)
    assert np.abs(made.x.T @ made.x / 4000 - np.eye(5) / 5).max() < 0.02
    # one coordinate of a uniform point on the sphere in R^5: (1 + t) / 2 is Beta(2, 2)
    assert stats.kstest((1 + made.x[:, 0]) / 2, stats.beta(2, 2).cdf).pvalue > 1e-4


@pytest.mark.parametrize("make", [data.gaussian, data.sphere])
def test_one_linear_teacher_labels_both_parts(make):
    from scipy.optimize import linprog

    made = make(60, 4, n_test=60, seed=2)
    x = np.concatenate([made.x, made.x_test]).astype(float)
    sign = 2.0 * np.concatenate([made.y, made.y_test]) - 1
    separated = linprog(
        np.zeros(4), A_ub=-sign[:, None] * x, b_ub=-1e-3 * np.ones(120), bounds=[(None, None)] * 4
    )
    assert separated.status == 0
    flipped = sign.copy()
    flipped[np.argmax(np.abs(x @ separated.x))] *= -1
    assert (
        linprog(
            np.zeros(4), A_ub=-flipped[:, None] * x, b_ub=-1e-3 * np.ones(120), bounds=[(None, None)] * 4
        ).status
        == 2
    )


def test_classes_are_balanced():
    assert data.gaussian(10_000, 3).y.mean() == pytest.approx(0.5, abs=0.025)


def test_seeds_differ_and_repeat():
    assert np.array_equal(data.gaussian(5, 2, seed=1).x, data.gaussian(5, 2, seed=1).x)
    assert not np.array_equal(data.gaussian(5, 2, seed=1).x, data.gaussian(5, 2, seed=2).x)


def test_options_in_any_order_give_one_fingerprint():
    a, b = data.load("gaussian:d=3,n=30"), data.load("gaussian: n=30, d=3, seed=0")
    assert a.fingerprint == b.fingerprint == data.gaussian(30, 3).fingerprint
    assert a.name == "gaussian:n=30,d=3,n_test=1000,seed=0"
    assert np.array_equal(data.load(a.name).x, data.gaussian(30, 3).x)


def test_every_setting_is_part_of_the_fingerprint():
    names = ["gaussian", "sphere", "gaussian:n=201", "gaussian:d=21", "gaussian:n_test=9", "gaussian:seed=1"]
    assert len({data.fingerprint(name) for name in names}) == len(names)


def test_unknown_option_names_the_nearest():
    with pytest.raises(UsageError, match=r"unknown option of gaussian 'sed'\. Did you mean 'seed'\?"):
        data.load("gaussian:sed=1")


@pytest.mark.parametrize("text", ["n=many", "n=1.5", "n"])
def test_option_without_a_whole_number(text):
    with pytest.raises(
        UsageError, match=r"expected n= and a whole number, got .*Write for instance sphere:n=200"
    ):
        synthetic.options("sphere", text)


@pytest.mark.parametrize("key", ["n", "d", "n_test"])
def test_count_below_one(key):
    with pytest.raises(UsageError, match=f"expected {key} to be a whole number of at least 1, got 0"):
        data.sphere(**{key: 0})
    with pytest.raises(UsageError, match=f"expected {key} to be a whole number of at least 1, got 0"):
        data.fingerprint(f"sphere:{key}=0")
