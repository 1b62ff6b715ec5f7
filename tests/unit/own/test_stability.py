"""The stable step of a network: closed forms, simulation of the moments, both back ends, conventions of the loss."""

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.operators import open_model
from overparam.own.stability import stability
from overparam.theory.sgd import minimum_of_hessians, step_bounds
from overparam.theory.sgd.threshold import bounds_of
from tests.tiny_models import PARAMS, K, Loader, N, X, apply, module

LABELS = np.random.default_rng(1).integers(0, K, N)
SMALL = slice(0, 12)
RNG = np.random.default_rng(2)


def line(params, x):
    return x @ params["w"]


def test_a_linear_model_is_the_theorem_itself():
    x = RNG.normal(size=(9, 3))
    model = open_model(line, (x, np.zeros((9, 1))), params={"w": np.zeros((3, 1))})
    found = stability(model, [1, 4, 9])
    for size, one in zip(found.batches, found.bounds, strict=True):
        want = step_bounds(x, size)
        for name in ("exact", "sufficient", "necessary", "sharpness", "nonuniformity", "descent"):
            assert getattr(one, name) == pytest.approx(getattr(want, name), rel=1e-6), name
        assert one.sufficient <= one.exact * (1 + 1e-9) <= one.necessary * (1 + 2e-9)
    assert found.descent == pytest.approx(2 / np.linalg.eigvalsh(x.T @ x / 9)[-1], rel=1e-9)
    assert found.hessian_descent == pytest.approx(found.descent, rel=1e-9)
    assert found.bounds[2].exact == pytest.approx(found.descent, rel=1e-6)
    assert found.table()[0]["batch"] == 1


def softmax_hessians(x, w):
    p = np.exp(x @ w)
    p /= p.sum(1, keepdims=True)
    inner = np.einsum("nk,kl->nkl", p, np.eye(w.shape[1])) - np.einsum("nk,nl->nkl", p, p)
    return np.einsum("nkl,ni,nj->nikjl", inner, x, x).reshape(len(x), w.size, w.size)


@pytest.mark.slow
def test_cross_entropy_of_both_back_ends_against_the_examples_own_hessians():
    x, w = X[SMALL], RNG.normal(size=(4, K))
    want = bounds_of(minimum_of_hessians(softmax_hessians(x, w)), 1.0)
    found = stability(open_model(line, Loader((7, 5), x=x, y=LABELS[SMALL]), params={"w": w}), 1)
    for name in ("exact", "sharpness", "nonuniformity", "trace"):
        assert getattr(found.bounds[0], name) == pytest.approx(getattr(want, name), rel=1e-5), name
    data = (X[SMALL], LABELS[SMALL])
    mine, other = stability(open_model(apply, data, params=PARAMS), 2), stability(open_model(module(), data), 2)
    assert mine.bounds[0].exact == pytest.approx(other.bounds[0].exact, rel=1e-8)
    assert mine.hessian_descent == pytest.approx(other.hessian_descent, rel=1e-8)


def test_steps_are_in_the_convention_of_the_loss():
    """A sum over a batch of 3 is three times as steep as its mean; twice the loss halves every step."""
    x, aims, params = X[SMALL], np.zeros((12, 2)), {"w": RNG.normal(size=(4, 2))}

    def found(**more):
        return stability(open_model(line, (x, aims), params=params, **more), 3)

    mean, total = found(), found(reduction="sum")
    twice = found(loss=lambda f, t: ((f - t) ** 2).sum(-1))
    assert total.bounds[0].exact == pytest.approx(mean.bounds[0].exact / 3, rel=1e-9)
    assert total.bounds[0].sharpness == pytest.approx(mean.bounds[0].sharpness * 3, rel=1e-9)
    assert total.descent == pytest.approx(mean.descent / 12, rel=1e-9)
    assert total.hessian_descent == pytest.approx(mean.hessian_descent / 12, rel=1e-6)
    assert twice.bounds[0].exact == pytest.approx(mean.bounds[0].exact / 2, rel=1e-9)


def test_gradient_descent_on_examples_grows_beyond_the_threshold_and_not_below():
    """The exact second moment of single-example steps on a linear model, all of it written out."""
    x = RNG.normal(size=(6, 2))
    step = stability(open_model(line, (x, np.zeros((6, 1))), params={"w": np.ones((2, 1))}), 1).bounds[0].exact
    for factor, grows in ((0.99, False), (1.01, True)):
        maps = [np.eye(2) - factor * step * np.outer(one, one) for one in x]
        radius = np.abs(np.linalg.eigvals(np.mean([np.kron(m, m) for m in maps], axis=0))).max()
        assert (radius > 1) == grows


def test_what_cannot_be_judged_is_refused(monkeypatch):
    x, params = X[SMALL], {"w": RNG.normal(size=(4, K))}
    model = open_model(line, (x, LABELS[SMALL]), params=params)
    for words, batch in {
        "batch: expected at most the 12 samples, got 13": 13,
        "batch: expected a whole number of at least 1, got 0": 0,
        "batch: expected a batch size, or several, got none": [],
    }.items():
        with pytest.raises(UsageError, match=words):
            stability(model, batch)
    ignoring = open_model(lambda p, x: x @ p["w"], (x.reshape(6, 2, 4), LABELS[SMALL].reshape(6, 2)),
                          params=params, ignore=int(LABELS[0]))  # fmt: skip
    with pytest.raises(UsageError, match="weighs every example alike"):
        stability(ignoring, 1)
    with pytest.raises(UsageError, match="convex in the outputs, got the second derivative -"):
        stability(open_model(line, (x, LABELS[SMALL]), params=params, loss=lambda f, t: -(f**2).sum(-1)), 1)
    flat = open_model(line, (x, LABELS[SMALL]), params=params, loss=lambda f, t: f.sum(-1))
    with pytest.raises(DataError, match="no curvature at any example"):
        stability(flat, 1)
    monkeypatch.setattr("overparam.own.stability.MOST_ROWS", 30)
    with pytest.raises(UsageError, match="at most 30 examples times outputs, got 36"):
        stability(model, 1)
    with pytest.raises(UsageError, match="open_model"):
        stability(params, 1)
