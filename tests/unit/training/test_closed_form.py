"""Closed forms over nested widths against one independent solve a width."""

import numpy as np
import pytest
from scipy import linalg
from sklearn.linear_model import Ridge, RidgeCV

from overparam.core.errors import DataError, UsageError
from overparam.training.closed_form import kernel_solution, min_norm, ridge
from overparam.training.nested import add_gram, gather, segments

N, TEST, OUT = 30, 17, 3
WIDTHS = [1, 2, 7, 15, 29, 30, 31, 32, 45, 90]


def columns(matrix):
    return lambda start, stop: matrix[:, start:stop]


def problem(seed=0, width=90, change=None):
    rng = np.random.default_rng(seed)
    phi, phi_test = rng.standard_normal((N, width)), rng.standard_normal((TEST, width))
    y, y_test = np.eye(OUT)[rng.integers(0, OUT, N)], np.eye(OUT)[rng.integers(0, OUT, TEST)]
    if change:
        change(phi, phi_test, y)
    return phi, phi_test, y, y_test


def solved(phi, phi_test, y, y_test, widths=WIDTHS, block=8):
    return min_norm(columns(phi), columns(phi_test), y, y_test, widths, block=block)


def expected(phi, phi_test, y, y_test, width, driver=np.linalg.lstsq):
    cutoff = max(len(phi), width) * np.finfo(float).eps
    c, _, rank, s = driver(phi[:, :width], y, cutoff)
    p, q = phi[:, :width] @ c, phi_test[:, :width] @ c
    return {
        "train_loss": ((p - y) ** 2).sum() / len(y),
        "test_loss": ((q - y_test) ** 2).sum() / len(y_test),
        "train_error": np.mean([a.argmax() != b.argmax() for a, b in zip(p, y, strict=True)]),
        "test_error": np.mean([a.argmax() != b.argmax() for a, b in zip(q, y_test, strict=True)]),
        "norm": np.sqrt((c**2).sum()),
        "rank": rank,
        "condition": s[0] / s[rank - 1] if rank else np.nan,
    }


def assert_same(fits, problem, rtol=1e-8):
    for fit in fits:
        want = expected(*problem, fit.width)
        assert fit.rank == want["rank"], (fit.width, fit.method)
        for name in ("test_loss", "norm", "test_error"):
            np.testing.assert_allclose(
                getattr(fit, name), want[name], rtol=rtol, err_msg=f"{name} at {fit.width}"
            )
        np.testing.assert_allclose(fit.train_loss, want["train_loss"], rtol=rtol, atol=1e-12)
        np.testing.assert_allclose(fit.train_error, want["train_error"])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("block", [1, 8, 1000])
def test_min_norm_equals_one_lstsq_a_width(seed, block):
    p = problem(seed)
    fits = solved(*p, block=block)
    assert [f.width for f in fits] == WIDTHS
    assert_same(fits, p)
    assert [f.method for f in fits] == ["qr"] * 6 + ["cholesky"] * 4
    assert all(f.penalty == 0 for f in fits)


def test_min_norm_equals_scipys_complete_orthogonal_decomposition():
    p = problem(5, change=lambda phi, test, y: phi.__setitem__((slice(None), slice(4, 8)), phi[:, :4]))
    for fit in solved(*p):
        c, _, rank, _ = linalg.lstsq(p[0][:, : fit.width], p[2], cond=1e-12, lapack_driver="gelsy")
        assert fit.rank == rank
        np.testing.assert_allclose(fit.norm, np.linalg.norm(c), rtol=1e-8)


def test_conditions_are_those_of_the_features_to_within_the_one_norm():
    p = problem(1)
    for fit in solved(*p):
        want = expected(*p, fit.width)["condition"]
        assert want / 3 <= fit.condition <= 3 * N * want


def zero(phi, test, y):
    phi[:, [0, 3, 4, 20]] = 0


def copies(phi, test, y):
    phi[:, 5:10] = phi[:, 0:5]
    test[:, 5:10] = test[:, 0:5]


def low_rank(phi, test, y):
    rng = np.random.default_rng(9)
    mix = rng.standard_normal((12, phi.shape[1]))
    phi[:] = rng.standard_normal((N, 12)) @ mix
    test[:] = rng.standard_normal((TEST, 12)) @ mix


def same_rows(phi, test, y):
    phi[3] = phi[11]
    y[3] = [1, 0, 0]
    y[11] = [0, 1, 0]


def everything(phi, test, y):
    zero(phi, test, y)
    copies(phi, test, y)
    same_rows(phi, test, y)


@pytest.mark.parametrize("change", [zero, copies, low_rank, same_rows, everything], ids=lambda f: f.__name__)
@pytest.mark.parametrize("block", [4, 1000])
def test_rank_deficient_features_give_the_minimum_norm_solution(change, block):
    p = problem(2, change=change)
    assert_same(solved(*p, block=block), p, rtol=1e-7)


def test_a_dead_column_shifts_the_threshold_and_needs_no_svd():
    p = problem(2, change=zero)
    by_width = {f.width: f for f in solved(*p)}
    assert by_width[1].rank == 0
    assert by_width[1].norm == 0
    assert np.isnan(by_width[1].condition)
    assert by_width[30].rank == 26
    assert by_width[30].train_loss > 1e-3
    assert by_width[45].rank == 30
    assert by_width[45].train_loss < 1e-20
    assert {f.method for f in by_width.values()} <= {"qr", "cholesky"}


def test_contradicting_labels_of_equal_inputs_leave_their_exact_loss():
    p = problem(2, change=same_rows)
    last = solved(*p)[-1]
    assert last.method == "svd"
    assert last.rank == N - 1
    np.testing.assert_allclose(
        last.train_loss, 1.0 / N, rtol=1e-9
    )  # two targets at distance sqrt 2, met half way


@pytest.mark.parametrize(("power", "methods"), [(4, {"cholesky"}), (8, {"qr"}), (15, {"svd"})])
def test_the_method_follows_the_condition_and_stays_accurate(power, methods):
    rng = np.random.default_rng(0)
    u = np.linalg.qr(rng.standard_normal((N, N)))[0]
    v = np.linalg.qr(rng.standard_normal((60, N)))[0]
    phi = (u * np.logspace(0, -power, N)) @ v.T
    phi_test = rng.standard_normal((TEST, 60))
    true = v[:, :5].sum(axis=1, keepdims=True)
    y, y_test = phi @ true, phi_test @ true
    (fit,) = min_norm(columns(phi), columns(phi_test), y, y_test, [60])
    assert {fit.method} == methods
    assert fit.rank == (N if power < 14 else int((np.logspace(0, -power, N) > 60 * 2.2e-16).sum()))
    assert fit.test_loss < 1e-12 * (10.0 ** (2 * max(0, power - 8)) if power < 14 else 1e12)
    if power < 14:
        assert 10.0**power / 30 < fit.condition < 10.0**power * 300


def test_no_hidden_ridge_a_nearly_singular_square_system_is_still_fitted():
    rng = np.random.default_rng(0)
    phi = rng.standard_normal((N, N))
    phi[:, -1] = phi[:, 0] + 1e-9 * phi[:, -1]
    y = rng.standard_normal((N, 2))
    (fit,) = min_norm(columns(phi), columns(phi), y, y, [N])
    assert fit.rank == N
    assert fit.norm > 1e7
    assert fit.train_loss < 1e-10


def test_one_output_counts_signs():
    phi = np.eye(4)
    y = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    (fit,) = min_norm(columns(phi), columns(-phi), y, y, [4])
    assert (fit.train_error, fit.test_error) == (0.0, 1.0)


def test_every_column_is_read_twice_in_bounded_blocks():
    phi, phi_test, y, y_test = problem(0)
    seen = []

    def train(start, stop):
        seen.append((start, stop))
        return phi[:, start:stop]

    told = []
    min_norm(train, columns(phi_test), y, y_test, WIDTHS, block=8, progress=told.append)
    count = np.zeros(90, int)
    for start, stop in seen:
        assert stop - start <= 8
        count[start:stop] += 1
    assert count.max() <= 3  # a block that does not fit the QR is read once more
    assert count.min() >= 2
    assert told == sorted(told)
    assert told[-1] == 1.0


PENALTIES = [1e-6, 1e-3, 1e-2, 0.1, 1.0, 10.0]


@pytest.mark.parametrize("change", [None, everything])
def test_ridge_chooses_and_solves_as_sklearn(change):
    phi, phi_test, y, y_test = problem(3, change=change)
    for fit in ridge(columns(phi), columns(phi_test), y, y_test, WIDTHS, PENALTIES, block=8):
        a, b = phi[:, : fit.width], phi_test[:, : fit.width]
        unit = (a**2).sum() / N
        if unit == 0:
            assert fit.norm == 0
            continue
        oracle = RidgeCV(alphas=[p * unit for p in PENALTIES], fit_intercept=False).fit(a, y)
        np.testing.assert_allclose(fit.penalty, oracle.alpha_, rtol=1e-12)
        np.testing.assert_allclose(fit.norm, np.linalg.norm(oracle.coef_), rtol=1e-6)
        np.testing.assert_allclose(fit.test_loss, ((oracle.predict(b) - y_test) ** 2).sum() / TEST, rtol=1e-6)
        np.testing.assert_allclose(
            fit.train_loss, ((oracle.predict(a) - y) ** 2).sum() / N, rtol=1e-5, atol=1e-9
        )


def test_ridge_chooses_the_penalty_that_brute_force_leaving_one_out_chooses():
    phi, phi_test, y, y_test = problem(4)
    noisy = y + 0.3 * np.random.default_rng(0).standard_normal(y.shape)
    chosen = []
    for fit in ridge(columns(phi), columns(phi_test), noisy, y_test, [7, 30, 90], PENALTIES):
        a = phi[:, : fit.width]
        unit = (a**2).sum() / N
        errors = []
        for p in PENALTIES:
            error = 0.0
            for i in range(N):
                rest = np.arange(N) != i
                model = Ridge(alpha=p * unit, fit_intercept=False, solver="svd").fit(a[rest], noisy[rest])
                error += ((model.predict(a[i : i + 1])[0] - noisy[i]) ** 2).sum()
            errors.append(error)
        np.testing.assert_allclose(fit.penalty, PENALTIES[int(np.argmin(errors))] * unit, rtol=1e-12)
        chosen.append(PENALTIES[int(np.argmin(errors))])
    assert len(set(chosen)) > 1 or chosen[0] not in (PENALTIES[0], PENALTIES[-1])


def test_ridge_does_not_look_at_the_test_set():
    phi, phi_test, y, y_test = problem(3)
    one = ridge(columns(phi), columns(phi_test), y, y_test, WIDTHS, PENALTIES)
    two = ridge(columns(phi), columns(-phi_test), y, 1 - y_test, WIDTHS, PENALTIES)
    assert [f.penalty for f in one] == [f.penalty for f in two]
    assert [f.norm for f in one] == [f.norm for f in two]


def test_kernel_solution_is_a_direct_solve():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((20, 40))
    k, k_test, y = a @ a.T, rng.standard_normal((7, 20)), rng.standard_normal((20, 2))
    found = kernel_solution(k, k_test, y)
    np.testing.assert_allclose(found.predictions, k_test @ np.linalg.solve(k, y), rtol=1e-9)
    assert (found.rank, found.method) == (20, "cholesky")
    assert np.linalg.cond(k) / 5 < found.condition < np.linalg.cond(k) * 20


def test_kernel_solution_of_low_rank_is_the_pseudo_inverse():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((20, 6))
    k, k_test, y = a @ a.T, rng.standard_normal((7, 6)) @ a.T, rng.standard_normal((20, 2))
    found = kernel_solution(k, k_test, y)
    np.testing.assert_allclose(found.predictions, k_test @ np.linalg.pinv(k, rcond=1e-12) @ y, rtol=1e-8)
    assert (found.rank, found.method) == (6, "eigh")
    np.testing.assert_allclose(found.condition, np.linalg.cond(a) ** 2, rtol=1e-8)


def test_gather_stops_before_more_live_columns_than_samples():
    phi = problem(0, change=zero)[0]
    tall = gather(columns(phi), N, [10, 33, 34, 36, 60], block=5)
    assert tall.counts == {10: 7, 33: 29, 34: 30}
    assert tall.reach == 34
    assert tall.matrix.shape == (N, 30)
    np.testing.assert_array_equal(tall.matrix, phi[:, tall.index])


@pytest.mark.parametrize("order", ["C", "F"])
def test_add_gram_fills_the_lower_triangle_in_place(order):
    part = np.array(problem(0)[0][:, :11], order=order)
    gram = np.zeros((N, N), order="F")
    out = add_gram(gram, part)
    assert np.shares_memory(out, gram)
    np.testing.assert_allclose(np.tril(add_gram(out, part)), np.tril(2 * part @ part.T), atol=1e-12)


def test_segments_cover_everything_once_and_end_at_every_cut():
    runs = list(segments(3, 50, [7, 20, 50], block=6))
    assert [i for a, b in runs for i in range(a, b)] == list(range(3, 50))
    assert {7, 20, 50} <= {b for _, b in runs}
    assert max(b - a for a, b in runs) == 6


@pytest.mark.parametrize("widths", [[], [0, 1], [3, 2], [2, 2]])
def test_widths_must_ascend(widths):
    with pytest.raises(UsageError, match=r"expected ascending widths of at least 1, got .* Sort them"):
        solved(*problem(0), widths=widths)


def test_targets_must_be_columns():
    phi, phi_test, y, y_test = problem(0)
    with pytest.raises(DataError, match=r"expected y \(samples, outputs\).*got \(30,\)"):
        solved(phi, phi_test, y[:, 0], y_test)


@pytest.mark.parametrize("penalties", [[], [0.0], [-1.0], [np.inf]])
def test_penalties_must_be_positive(penalties):
    phi, phi_test, y, y_test = problem(0)
    with pytest.raises(UsageError, match=r"expected positive penalties.*Use min_norm for no penalty"):
        ridge(columns(phi), columns(phi_test), y, y_test, [3], penalties)


def test_kernel_shapes_are_checked():
    with pytest.raises(DataError, match=r"kernel, kernel_test, y: expected shapes \(samples, samples\)"):
        kernel_solution(np.eye(3), np.ones((2, 2)), np.ones((3, 1)))
