"""Singular modes of nested features: against pseudo-inverses, and the sum that explains the peak, term by term."""

import numpy as np
import pytest

from overparam.training.singular_modes import modes, nested_projections

N, TESTS, WIDTHS = 12, 7, (1, 5, 11, 12, 13, 20, 24, 60)


def columns(matrix):
    return lambda start, stop: matrix[:, start:stop]


@pytest.fixture(scope="module", params=["plain", "dead and repeated columns", "twin samples"])
def problem(request):
    rng = np.random.default_rng(0)
    phi, phi_test = rng.normal(size=(N, 60)), rng.normal(size=(TESTS, 60))
    if request.param == "dead and repeated columns":
        phi[:, 3], phi[:, 7], phi_test[:, 7] = 0.0, phi[:, 2], phi_test[:, 2]
    if request.param == "twin samples":
        phi[5] = phi[4]
    y = rng.normal(size=(N, 3))
    return phi, phi_test, y, list(modes(columns(phi), columns(phi_test), N, TESTS, WIDTHS, block=7))


def test_modes_rebuild_the_features_and_drop_what_is_rounding(problem):
    phi, _, _, found = problem
    assert [m.width for m in found] == list(WIDTHS)
    for m in found:
        rows = phi[:, : m.width]
        assert m.size.size == np.linalg.matrix_rank(rows)
        assert (np.diff(m.size) <= 0).all()
        np.testing.assert_allclose(m.left.T @ m.left, np.eye(m.size.size), atol=1e-8)
        np.testing.assert_allclose((m.left * m.size) @ (m.left * m.size).T, rows @ rows.T, atol=1e-8)


def test_predictions_and_weights_are_those_of_the_pseudo_inverse(problem):
    phi, phi_test, y, found = problem
    for m in found:
        rows, rows_test = phi[:, : m.width], phi_test[:, : m.width]
        weights = rows_test @ np.linalg.pinv(rows)
        np.testing.assert_allclose(m.predict(y), weights @ y, rtol=1e-6, atol=1e-7)
        by_hand = N * np.mean([np.sum(w**2) for w in weights])
        assert m.test_parameters == pytest.approx(by_hand, rel=1e-6)
        on_train = N * np.mean([np.sum(w**2) for w in rows @ np.linalg.pinv(rows)])
        assert m.train_parameters == pytest.approx(on_train, rel=1e-8)


def test_a_mean_of_k_samples_has_n_over_k_effective_parameters():
    phi = np.repeat(np.eye(4), 3, axis=0)  # four groups of three: the fit is the mean of a group
    (m,) = modes(columns(phi), columns(np.eye(4)), 12, 4, [4])
    assert m.test_parameters == pytest.approx(12 / 3)
    assert m.train_parameters == pytest.approx(4)


def test_projecting_the_test_features_on_leading_modes_is_leaving_the_others_out(problem):
    phi, phi_test, y, found = problem
    for m in found:
        keep = max(1, m.size.size // 2)
        v = np.linalg.svd(phi[:, : m.width], full_matrices=False)[2][:keep]
        beta = np.linalg.pinv(phi[:, : m.width]) @ y
        np.testing.assert_allclose(
            m.predict(y, slice(0, keep)), phi_test[:, : m.width] @ v.T @ (v @ beta), rtol=1e-6, atol=1e-7
        )


def test_the_prediction_is_the_ideal_fit_less_what_is_not_shown_plus_three_factors_a_mode(problem):
    """Schaeffer et al. 2023: f(x) = x.b - x.(1 - P) b + sum_r (1/s_r) (x.v_r) (u_r.e), with e = Y - Phi b."""
    phi, phi_test, y, found = problem
    rng = np.random.default_rng(1)
    for m in found:
        rows, rows_test = phi[:, : m.width], phi_test[:, : m.width]
        b = rng.normal(size=(m.width, 3))
        e = y - rows @ b
        u, s, vt = np.linalg.svd(rows, full_matrices=False)
        rank = np.linalg.matrix_rank(rows)
        unseen = np.eye(m.width) - vt[:rank].T @ vt[:rank]
        for j, x in enumerate(rows_test):
            excess = sum((1 / s[r]) * (x @ vt[r]) * (u[:, r] @ e) for r in range(rank))
            expected = x @ b - x @ unseen @ b + excess
            np.testing.assert_allclose(m.predict(y)[j], expected, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose((m.predict(y) - m.predict(rows @ b))[j], excess, rtol=1e-6, atol=1e-6)


def test_ideal_fits_of_all_widths_come_from_one_factorisation():
    rng = np.random.default_rng(2)
    rows, y = rng.normal(size=(40, 30)), rng.normal(size=(40, 2))
    rows[:, 4], rows[:, 9] = 0.0, rows[:, 1] - 2 * rows[:, 3]
    found = nested_projections(rows, y, [1, 5, 9, 10, 30, 31], 8)
    assert list(found) == [1, 5, 9, 10, 30]
    for width, part in found.items():
        fitted = rows[:, :width] @ np.linalg.lstsq(rows[:, :width], y, rcond=None)[0]
        np.testing.assert_allclose(part, fitted[:8], atol=1e-10)


def test_an_ideal_fit_without_live_columns_is_zero():
    assert not nested_projections(np.zeros((5, 2)), np.ones((5, 1)), [1, 2], 5)[2].any()
