"""Measures of sharpness against dense Hessians and closed forms; rescaling; points that are no minimum."""

import json

import jax
import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, UsageError
from overparam.models import linear, mlp
from overparam.operators import open_model
from overparam.probes.curvature import subspace_sharpness

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 3)).astype(np.float32)
Y = RNG.integers(0, 2, 30)
NET = mlp(3, (4,), 2)
PARAMS = NET.init(jax.random.key(0))


def test_every_number_against_the_dense_hessian():
    found = overparam.sharpness(NET, (X, Y), params=PARAMS, dtype="float64", k=3)
    model = open_model(NET, (X, Y), params=PARAMS, dtype="float64")
    matrix = np.stack([model.product("hessian", one) for one in np.eye(model.size)], 1)
    values = np.linalg.eigvalsh(matrix)
    w = model.vector()
    assert np.allclose(found.eigenvalues, values[::-1][:3], rtol=1e-6)
    assert found.smallest == pytest.approx(values[0], rel=1e-6)
    assert found.trace == pytest.approx(np.trace(matrix), rel=1e-9)
    assert found.along_weights == pytest.approx(w @ matrix @ w, rel=1e-9)
    assert found.scaled == pytest.approx(
        np.linalg.eigvalsh(np.abs(w)[:, None] * matrix * np.abs(w))[-1], rel=1e-6
    )
    assert found.gradient_norm == pytest.approx(np.linalg.norm(model.gradient()), rel=1e-12)


@pytest.mark.slow
def test_rescaling_layers_changes_sharpness_and_leaves_its_twins():
    """Dinh et al.: a ReLU network with one layer times 8 and the next over 8 is the same function."""
    network = mlp(3, (4,), 2, bias=False)
    a = network.init(jax.random.key(1))
    b = {"hidden1": {"weight": 8 * a["hidden1"]["weight"]}, "output": {"weight": a["output"]["weight"] / 8}}
    assert np.allclose(network.apply(a, X), network.apply(b, X), rtol=1e-5)
    one, two = (overparam.sharpness(network, (X, Y), params=p, dtype="float64", k=1) for p in (a, b))
    assert two.eigenvalues[0] > 4 * one.eigenvalues[0]
    assert two.scaled == pytest.approx(one.scaled, rel=1e-6)
    assert two.along_weights == pytest.approx(one.along_weights, rel=1e-6)


def test_a_quadratic_in_closed_form_and_a_point_beside_its_minimum():
    x = np.diag([2.0, 4.0]).astype(np.float32)  # mean over 2 of half squares: H = diag(2, 8)
    at = {"output": {"weight": np.array([[1.0, -1.0]], np.float32)}}
    y = np.array([2.0, -4.0], np.float32)
    found = overparam.sharpness(linear(2, 1, bias=False), (x, y), params=at, k=2, eps=0.5)
    assert found.minimum
    assert np.allclose(found.eigenvalues, [8.0, 2.0])
    assert found.trace == pytest.approx(10.0)
    assert found.box == pytest.approx(100 * 0.5 * (8 + 2) * 1.0, rel=1e-5)  # eps (|w| + 1) = 1 on both axes
    away = overparam.sharpness(linear(2, 1, bias=False), (x, 0 * y), params=at, k=2)
    assert not away.minimum
    assert away.gradient_norm == pytest.approx(np.hypot(2.0, 8.0), rel=1e-6)
    # one step of 1/8: the second weight is at 0, the first at 3/4
    assert away.fall == pytest.approx(1 - 0.5625 / 5, rel=1e-5)
    assert f"the gradient norm is {8.246}" in away.verdict
    assert "Not a minimum" in str(away)


def test_a_saddle_without_slope_is_no_minimum():
    network = mlp(1, (1,), 1, bias=False, activation="identity")
    zero = {
        "hidden1": {"weight": np.zeros((1, 1), np.float32)},
        "output": {"weight": np.zeros((1, 1), np.float32)},
    }
    found = overparam.sharpness(network, (np.ones((2, 1), np.float32), np.ones(2, np.float32)), params=zero)
    assert found.gradient_norm == 0  # the loss is (1 - u v)^2 / 2, with eigenvalues 1 and -1 at 0
    assert found.smallest == pytest.approx(-1.0, abs=1e-5)
    assert not found.minimum
    assert "smallest eigenvalue" in found.verdict


def test_a_subspace_of_all_dimensions_reaches_no_higher_than_its_box_allows():
    x = np.diag([2.0, 4.0]).astype(np.float32)
    model = open_model(
        linear(2, 1, bias=False),
        (x, np.zeros(2, np.float32)),
        params={"output": {"weight": np.zeros((1, 2), np.float32)}},
    )
    found = subspace_sharpness(model, eps=0.5, dimensions=2)
    step = found.step
    assert found.percent == pytest.approx(100 * 0.5 * (2 * step[0] ** 2 + 8 * step[1] ** 2), rel=1e-5)
    assert np.linalg.norm(step) <= 0.5 * 2 + 1e-9  # two columns of length 1, each at most eps
    assert found.percent > 0
    for wrong in ({"dimensions": 0}, {"eps": 0.0}, {"steps": 0}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            subspace_sharpness(model, **wrong)


def test_text_page_and_values(tmp_path):
    found = overparam.sharpness(open_model(NET, (X, Y), params=PARAMS))
    assert max(map(len, str(found).splitlines())) <= 80
    assert "at least" in str(found)
    plain = json.loads(found.save(tmp_path / "s.json").read_text(encoding="utf-8"))
    assert plain["schema"] == "overparam.sharpness"
    page = found.save(tmp_path / "s.html").read_text(encoding="utf-8")
    assert "figure.drawing" not in page  # no picture, so nothing that draws one
    assert "Gradient norm" in page
    assert "Gradient norm" in found._repr_html_()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: overparam.sharpness(NET, (X, Y), params=jax.tree.map(lambda one: one * np.nan, PARAMS)), "missing or infinite"),
        (lambda: overparam.sharpness(NET), "data: expected"),
        (lambda: overparam.sharpness(NET, X, params=PARAMS), "opened with targets"),
        (lambda: overparam.sharpness(open_model(NET, (X, Y), params=PARAMS), (X, Y)), "data: expected none beside"),
        (lambda: overparam.sharpness(NET, (X, Y), params=PARAMS, k=0), "k: expected"),
        (lambda: overparam.sharpness(NET, (X, Y), params=PARAMS, eps=-1), "eps"),
        (lambda: overparam.sharpness(NET, (X, Y), params=PARAMS, box="keskar"), "box: expected options of open_model"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(call, text):
    with pytest.raises((UsageError, DataError), match=text):
        call()
