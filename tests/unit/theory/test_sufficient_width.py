"""Published widths against their formulas by hand, the two laws against the number h itself, separation by hand."""

import math

import numpy as np
import pytest

from overparam.api.testing import check_theorem
from overparam.core.errors import DataError, UsageError
from overparam.theory import available
from overparam.theory.activations import activation
from overparam.theory.sufficient_width import flow_width, lemma_width, published_widths, separation
from overparam.theory.sufficient_width.published import CONSTANT


def table(**change):
    return published_widths(
        **({"n": 20, "d": 10, "norm": 2.0, "separation": 0.5, "smallest": 0.25, "relu_smallest": 0.5} | change)
    )


def test_every_formula_by_hand():
    kappa = math.sqrt(10 / 20) * 2.0 / 0.25
    relu = math.sqrt(10 / 20) * 2.0 / 0.5
    want = {
        "Oymak-Soltanolkotabi": kappa**2 * 400 / 10,
        "talk, generic data": 40.0,
        "Du et al., deep": 160000 / 0.25**4,
        "Song et al.": 20**1.5,
        "Eftekhari et al.": 20.0,
        "Oymak-Soltanolkotabi, ReLU": 20 * 64 / 0.5**4,
        "talk, ReLU": relu**6 * 160000 / 1000,
        "talk, ReLU, separated data": 20.0**12 / 0.5**4,
        "Du et al.": 20.0**6 / 0.5**4,
        "Allen-Zhu et al.": 20.0**24,
        "Zou-Gu": 20.0**8 / 0.5**4,
    }
    found = table()
    assert {row.name: row.width for row in found.rows} == pytest.approx(want)
    assert (np.diff(found.widths) >= 0).all()
    assert {row.note for row in found.rows} == {CONSTANT}
    assert all(
        row.seen in ("recalled, not checked", "from an abstract", "from a talk's slides") for row in found.rows
    )
    assert all(row.citation for row in found.rows)


def test_slides_relu_formula_is_that_of_the_talk():
    """sqrt(k d) = kappa^3 (n / d) n, and with |X|^2 = n / d, lambda = 1 both ReLU rows are n^4 / d^3."""
    rows = {r.name: r.width for r in table(norm=math.sqrt(2.0), relu_smallest=1.0).rows}
    assert rows["talk, ReLU"] == pytest.approx(20**4 / 10**3)
    assert rows["Oymak-Soltanolkotabi, ReLU"] == pytest.approx(20**4 / 10**3)
    kappa = math.sqrt(10 / 20) * 2.0 / 0.5
    k = {r.name: r.width for r in table().rows}["talk, ReLU"]
    assert math.sqrt(k * 10) == pytest.approx(kappa**3 * (20 / 10) * 20)


def test_separation_row_follows_from_the_eigenvalue_row():
    """n^12 / delta^4 is n |X|^6 / lambda^4 with |X|^2 = n and lambda = delta / n^2."""
    n, delta = 7, 0.3
    rows = {
        r.name: r.width for r in published_widths(n, 5, math.sqrt(n), delta, relu_smallest=delta / n**2).rows
    }
    assert rows["talk, ReLU, separated data"] == pytest.approx(rows["Oymak-Soltanolkotabi, ReLU"])


def test_depth_and_missing_eigenvalues():
    shallow, deep = ({r.name: r.width for r in table(depth=h).rows} for h in (1, 3))
    assert deep["Zou-Gu"] / shallow["Zou-Gu"] == pytest.approx(3.0**12)
    assert {r.network for r in table(smallest=None).rows} == {"ReLU"}
    assert {r.network for r in table(relu_smallest=None).rows} == {"smooth"}
    assert math.isinf(table(smallest=0.0).widths[-1])
    with pytest.raises(UsageError, match="smallest, relu_smallest: expected at least one of them"):
        table(smallest=None, relu_smallest=None)
    with pytest.raises(UsageError, match="n: expected a whole number of at least 1"):
        table(n=0)
    with pytest.raises(UsageError, match="relu_smallest: expected a finite number of at least 0"):
        table(relu_smallest=-1.0)


def test_laws_are_h_one_half_and_h_one_sixteenth():
    """h of a real wide network at the width of the law: 1/2 up to the concentration of its kernel."""
    rng = np.random.default_rng(0)
    n, d = 8, 12
    x = rng.standard_normal((n, d))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.sign(rng.standard_normal(n))
    act = activation("tanh")
    wide = rng.standard_normal((400_000, d))
    slopes = act.slope(wide @ x.T)
    smallest = float(np.linalg.eigvalsh((slopes.T @ slopes / len(wide)) * (x @ x.T))[0])
    norm = float(np.linalg.norm(x, 2))
    kappa = math.sqrt(d / n) * norm / smallest
    for law, number in ((flow_width, 1 / 2), (lemma_width, 1 / 16)):
        k = law(n, d, kappa, act.largest_curvature)
        size = np.linalg.norm(y) / math.sqrt(k * n)
        h = act.largest_curvature * size * norm * np.linalg.norm(y) / (size**2 * k * smallest)
        assert h == pytest.approx(number, rel=1e-9)
    k = round(flow_width(n, d, kappa, act.largest_curvature))
    slopes = act.slope(rng.standard_normal((k, d)) @ x.T) * np.linalg.norm(y) / math.sqrt(k * n)
    sigma2 = float(np.linalg.eigvalsh((slopes.T @ slopes) * (x @ x.T))[0])
    h = act.largest_curvature * np.linalg.norm(y) / math.sqrt(k * n) * norm * np.linalg.norm(y) / sigma2
    assert h == pytest.approx(0.5, rel=0.1)
    assert lemma_width(5, 3, 2.0, 0.25) == pytest.approx(64 * flow_width(5, 3, 2.0, 0.25))
    assert flow_width(5, 3, 2.0, 0.25, start=2.0, sharpness=0.5) == pytest.approx(flow_width(5, 3, 2.0, 0.25))


def test_separation_by_hand():
    angle = 0.3
    x = [[2.0, 0.0], [-5 * math.cos(angle), -5 * math.sin(angle)], [0.0, 1.0]]
    assert separation(x) == pytest.approx(2 * math.sin(angle / 2))
    assert separation(x, [0, 0, 1]) == pytest.approx(2 * math.sin((math.pi / 2 - angle) / 2))
    assert separation(x, [1, 1, 1]) == math.inf
    assert separation([[1.0, 2.0], [2.0, 4.0]]) == 0.0
    near = np.array([[1.0, 0.0], [1.0, 1e-9]])
    assert separation(near) == pytest.approx(1e-9, rel=1e-6)  # no digits are lost near a duplicate
    assert separation(1e-200 * np.eye(2)) == pytest.approx(math.sqrt(2))


def test_separation_is_the_smallest_of_all_pairs():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((9, 4))
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    pairs = [min(np.linalg.norm(a - b), np.linalg.norm(a + b)) for i, a in enumerate(u) for b in u[:i]]
    assert separation(x) == pytest.approx(min(pairs), rel=1e-12)


def test_separation_of_bad_input():
    with pytest.raises(DataError, match="got zeros in row 1. Leave the row out, or append a constant"):
        separation([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(DataError, match="x: expected finite numbers"):
        separation([[np.nan, 1.0]])
    with pytest.raises(DataError, match=r"labels: expected shape \(2,\), got \(3,\)"):
        separation(np.eye(2), [0, 1, 2])
    with pytest.raises(DataError, match=r"x: expected shape \(n, features\), got \(2,\)"):
        separation([1.0, 2.0])


@pytest.mark.parametrize("name", ["published-widths", "lazy-flow-width", "key-lemma-width"])
def test_contract(name):
    check_theorem(available()[name])
