"""The study of feature correction: a student that holds the target, alignment against regression, and plain loops."""

import json
import math

import numpy as np
import pytest

from overparam.core import UsageError, clean
from overparam.studies import feature_correction_work as work
from overparam.studies.feature_correction import STUDY
from overparam.theory.kernels import fully_connected, kernels

SMALL = {"d": 6, "products": 3, "n": 60, "width": (8, 24), "second": 4, "steps": 12, "batch": 8}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def solution(d, products, alpha):
    """Weights that give the target: a product is a difference of squares, on both levels."""
    w = np.zeros((2 * products, d))
    for j in range(products):
        w[2 * j, [2 * j, 2 * j + 1]] = 0.5
        w[2 * j + 1, [2 * j, 2 * j + 1]] = 0.5, -0.5
    z = np.zeros((products, 2 * products))
    z[np.arange(products), 2 * np.arange(products)] = 1.0
    z[np.arange(products), 2 * np.arange(products) + 1] = -1.0
    after = np.roll(z, -1, axis=0)
    v = np.concatenate([(z + after) / 2, (z - after) / 2])
    b = alpha * np.repeat([1.0, -1.0], products)
    return {"W": w, "V": v, "a": z.sum(axis=0), "b": b, "c": np.zeros(2 * products), "e": np.zeros(())}


def test_the_student_can_hold_the_target_and_then_spans_its_products():
    x = np.random.default_rng(0).standard_normal((20, 8))
    p = solution(8, 3, 0.7)
    assert np.asarray(work.outputs(p, x)) == pytest.approx(work.target(x, 3, 0.7), rel=1e-4, abs=1e-4)
    assert work.alignment(p["W"], 3) == pytest.approx(1.0)
    by_hand = x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] + x[:, 4] * x[:, 5]
    assert work.target(x, 3, 0.0) == pytest.approx(by_hand)


def test_the_target_s_variance_is_that_of_signs_on_which_it_is_a_sum_of_characters():
    """Products of different inputs have variance 1 under signs as under Gaussians, and signs can be counted."""
    import itertools

    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=8)))
    for products in (3, 4):
        assert np.var(work.target(signs, products, 0.7)) == pytest.approx(work.variance(products, 0.7))


def test_alignment_is_the_share_that_regression_on_the_features_explains():
    rng = np.random.default_rng(1)
    w = rng.standard_normal((6, 4))
    x = rng.standard_normal((60_000, 4))
    features = np.column_stack([np.square(x @ w.T), np.ones(len(x))])
    z = work.first_level(x, 2)
    left = z - features @ np.linalg.lstsq(features, z, rcond=None)[0]
    assert work.alignment(w, 2) == pytest.approx(1 - np.square(left).mean(), abs=0.01)
    assert work.alignment(rng.standard_normal((10, 4)), 2) == pytest.approx(
        1.0
    )  # 10 products of two of four inputs
    assert work.alignment(np.eye(4), 2) == 0.0


def adam(p, trained, x, y, order, rate):
    """Plain Adam on the mean squared error, with numerical gradients in float64."""
    p = {k: np.array(v, float) for k, v in p.items()}
    first, second = ({k: np.zeros_like(v) for k, v in p.items()} for _ in range(2))

    def loss(q, rows):
        h = np.square(x[rows] @ q["W"].T)
        out = h @ q["a"] + np.square(h @ q["V"].T + q["c"]) @ q["b"] + q["e"]
        return np.square(out - y[rows]).mean()

    for t, rows in enumerate(order):
        grads = {}
        for k, v in p.items():
            grads[k] = np.zeros_like(v)
            for at in np.ndindex(v.shape):
                up, down = ({**p, k: v.copy()} for _ in range(2))
                up[k][at] += 1e-5
                down[k][at] -= 1e-5
                grads[k][at] = (loss(up, rows) - loss(down, rows)) / 2e-5
        now = rate * 0.5 * (1 + math.cos(math.pi * t / len(order)))
        for k, g in grads.items():
            first[k] = 0.9 * first[k] + 0.1 * g
            second[k] = 0.999 * second[k] + 0.001 * g**2
            step = first[k] / (1 - 0.9 ** (t + 1)) / (np.sqrt(second[k] / (1 - 0.999 ** (t + 1))) + 1e-8)
            if k in trained:
                p[k] = np.array(p[k] - now * step)  # a scalar stays an array
    return p


def test_stages_train_their_parts_alone_by_adam_on_a_cosine():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((30, 4))
    y = work.target(x, 2, 0.5)
    order = rng.integers(0, 30, size=(5, 6)).astype(np.int32)
    begin = work.start(rng, 4, 3, 2)
    arms = ["joint", "layerwise", "longer"]
    found = work.train([begin] * 3, arms, x.astype(np.float32), y.astype(np.float32), order, 5, 0.05)
    for arm, got in zip(arms, found, strict=True):
        want = adam(begin, work.STAGES[arm], x, y, order, 0.05)
        for k in work.PARTS:
            assert got[k] == pytest.approx(want[k], rel=2e-3, abs=2e-4), (arm, k)
            if k not in work.STAGES[arm]:
                assert (got[k] == begin[k]).all()


def test_kernels_are_those_of_their_formulas_and_ridge_is_a_plain_solve():
    rng = np.random.default_rng(3)
    x, z, y = rng.standard_normal((12, 5)), rng.standard_normal((7, 5)), rng.standard_normal(12)
    assert work.polynomial(x, z)[2, 3] == pytest.approx((1 + x[2] @ z[3] / 5) ** 4)
    limit = kernels(fully_connected(2, "relu", math.sqrt(2)), x, z).ntk
    assert work.tangent(x, z) / work.tangent(x, z)[0, 0] == pytest.approx(limit / limit[0, 0], rel=1e-6)
    target = rng.standard_normal(7)
    errors = []
    for penalty in work.PENALTIES:
        k = work.polynomial(x, x)
        fit = np.linalg.solve(k + penalty * np.trace(k) / 12 * np.eye(12), y)
        errors.append(np.square(work.polynomial(z, x) @ fit - target).mean())
    assert work.ridge(work.polynomial, x, y, z, target) == pytest.approx(min(errors))


def test_a_small_cell_holds_what_is_declared():
    told = []
    (found,) = STUDY.work([cell()], told.append)
    values = found.values
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert set(values) == set(STUDY.values)
    assert len(json.dumps(clean(values), allow_nan=False)) < 9_000
    assert values["below"] <= 1e-9
    assert values["spans"] == pytest.approx([0.0], abs=1e-6)  # 24 units, 21 products
    assert values["aligned_random"] == values["aligned_start"]
    assert values["aligned_layerwise"] == values["aligned_layer1"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"width": (24, 8)}, r"--widths: expected numbers of units that ascend, got \[24, 8\]"),
        ({"products": 4}, "--products: expected at most d/2, 3, since each takes two inputs of its own, got 4"),
        ({"batch": 61}, "--batch: expected at most n, 60, got 61. Take smaller batches"),
    ],
)
def test_what_does_not_go_together_is_refused(change, text):
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**change))
