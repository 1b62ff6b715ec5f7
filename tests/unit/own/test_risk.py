import json
import math
import re

import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, StoreError, UsageError
from overparam.own.risk import find_peak, risk_curve
from overparam.theory import risk_parts
from overparam.theory.assumption import failing

RNG = np.random.default_rng(0)
X = RNG.standard_normal((600, 300)) / np.arange(1, 301) ** 0.5
B = RNG.standard_normal(300)
NOISE = 1.0
Y = X @ B + np.sqrt(NOISE) * RNG.standard_normal(600)


def measured(n, width, repetitions):
    """Least squares on random features of the samples themselves, tested on those left out."""
    rng = np.random.default_rng(1)
    out = []
    for _ in range(repetitions):
        order = rng.permutation(600)
        train, test = order[:n], order[n:]
        phi = X @ rng.standard_normal((300, width))
        fit = np.linalg.lstsq(phi[train], Y[train], rcond=0)[0]
        out.append(np.square(phi[test] @ fit - Y[test]).mean())
    return float(np.mean(out))


def test_predictions_meet_measurements_on_a_persons_own_features():
    curve = risk_curve(features=X, y=Y, n=60, widths=[15, 30, 60, 120, 400])
    assert NOISE / 1.6 < curve.noise.variance < NOISE * 1.6
    for width in (15, 30, 120, 400):
        predicted = curve.risk[curve.widths.index(width)]
        assert predicted == pytest.approx(measured(60, width, 60), rel=0.12)
    assert curve.peak_width == 60
    assert math.isinf(curve.peak_risk)


def test_it_is_the_formula_on_the_spectrum_when_the_noise_is_none():
    kernel = X @ X.T / 300
    curve = risk_curve(kernel=kernel, y=Y, n=50, widths=[10, 100], ridge=0.02, noise=0.0)
    e, u = np.linalg.eigh(kernel)
    energy = (u.T @ Y) ** 2 / 600
    lam = np.maximum(e, 0) / 600
    parts = risk_parts(lam, energy, 50, [10, 100], 0.02)
    z = (lam / (lam + parts.gamma[:, None])).sum(axis=1)
    trained = 50 / 600 * np.square(1 - z / 50)
    assert curve.risk == pytest.approx(parts.total / (1 - 50 / 600 + trained), rel=1e-6)
    assert curve.variance == (0.0, 0.0)


def test_parts_add_up_and_the_floor_and_the_best_penalty_bound_them():
    for ridge in (0.0, 0.1, "optimal"):
        curve = risk_curve(features=X, y=Y, ridge=ridge, noise=0.5)
        assert curve.n == 120
        for row in curve.table():
            if math.isfinite(row["risk"]):
                assert row["risk"] == pytest.approx(row["signal"] + row["variance"] + 0.5)
            assert row["optimal_risk"] <= row["risk"] * (1 + 1e-9)
            assert row["variance"] >= row["floor"] or ridge != 0
        assert np.all(np.diff(curve.optimal_risk) <= 1e-6)


def test_the_best_penalty_has_no_peak_and_the_words_say_so():
    curve = risk_curve(features=X, y=Y, n=60, ridge="optimal")
    assert (curve.peak_width, curve.peak_risk, curve.rises_from) == (None, None, None)
    assert "not predicted to hurt with the best penalty" in curve.answer
    plain = risk_curve(features=X, y=Y, n=60)
    assert f"from width {plain.rises_from} to 60" in plain.answer
    assert "mostly from label noise" in risk_curve(features=X, y=Y, n=60, noise=2 * NOISE).answer


def test_labels_become_one_hot_and_outputs_are_summed():
    labels = (Y > 0).astype(int) + (Y > 1)
    curve = risk_curve(features=X, y=labels, n=60, noise=0.0)
    assert curve.outputs == 3
    assert curve.zero_risk == pytest.approx(1.0)
    apart = [risk_curve(features=X, y=(labels == c).astype(float), n=60, noise=0.0).risk for c in range(3)]
    assert curve.risk == pytest.approx(np.sum(apart, axis=0))


def test_what_is_assumed_is_checked_on_the_data():
    good = risk_curve(features=X, y=Y, n=60, widths=[20, 200], noise=1.0)
    states = {a.name: a.state for a in good.assumptions}
    assert states["large n"] == states["enough samples"] == states["off the peak"] == "holds"
    assert states["gaussian design"] == "unchecked"
    assert states["numerical rank"] == "fails"  # 300 features on 600 samples
    few = risk_curve(features=X, y=Y, n=300, widths=[290], noise=1.0)
    assert {"enough samples", "off the peak"} <= {a.name for a in failing(few.assumptions)}
    twice = risk_curve(features=np.r_[X, X[:9]], y=np.r_[Y, Y[:9]], n=60, noise=1.0)
    (repeats,) = [a for a in twice.assumptions if a.name == "no repeated samples"]
    assert (repeats.state, repeats.detail) == ("fails", "9 repeat an earlier one")


def test_one_training_sample_and_singular_designs_have_values():
    curve = risk_curve(features=X, y=Y, n=1, widths=[1, 2, 50], noise=1.0)
    assert curve.risk[0] == np.inf
    assert np.isfinite(curve.risk[1:]).all()
    low = risk_curve(features=X[:, :5], y=Y, n=60, widths=[2, 5, 60, 100], noise=1.0)
    assert np.isfinite(low.risk).all()  # five directions are never interpolated at n = 60
    assert low.risk[1] == pytest.approx(low.risk[3])
    exactly = risk_curve(features=X[:, :60], y=Y, n=60, widths=[10, 60, 90], noise=1.0)
    assert exactly.risk[1:] == (np.inf, np.inf)
    assert math.isinf(exactly.kernel_risk)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"kernel": np.eye(600)}, UsageError, "expected features or kernel, got both"),
        ({"features": None}, UsageError, "expected features or kernel, got neither"),
        ({"n": 600}, UsageError, "n: expected fewer training samples than the 600 samples"),
        ({"n": 0}, UsageError, "n: expected a whole number of at least 1, got 0"),
        ({"ridge": -0.1}, UsageError, "ridge: expected a finite number of at least 0, got -0.1"),
        ({"ridge": "best"}, UsageError, "ridge: expected a number of at least 0, or 'optimal', got 'best'"),
        ({"noise": -1.0}, UsageError, "noise: expected a finite number"),
        ({"noise": 1e9}, UsageError, "noise: expected at most the targets' mean square"),
        ({"widths": [5, 5]}, UsageError, "widths: expected ascending whole numbers"),
        ({"widths": []}, UsageError, "widths: expected whole numbers"),
        ({"y": np.ones(600)}, DataError, "y: expected targets that vary, got a constant"),
        ({"y": np.ones(600, int)}, DataError, "y: expected labels of at least 2 classes, got 1 everywhere"),
        ({"y": np.where(Y > 2, np.nan, Y)}, DataError, "y: expected finite numbers, got"),
        (
            {"y": Y[:9]},
            DataError,
            r"features: expected shape \(samples, (features|columns)\) with 9 rows, got \(600, 300\)",
        ),
        ({"y": ["a"] * 600}, DataError, "y: expected labels of at least 2 classes, got a everywhere"),
        (
            {"y": np.arange(600)},
            DataError,
            "y: expected labels that many samples share, got 600 different ones",
        ),
        ({"y": [None, *Y[1:]]}, DataError, "y: expected a value everywhere, got 1 missing of 600"),
        ({"y": Y + 1j}, DataError, "y: expected numbers of shape"),
        ({"y": np.array([["a", "b"]] * 600)}, DataError, "y: expected one label a sample, got text"),
        ({"features": np.where(X > 3, np.nan, X)}, DataError, "features: expected finite numbers"),
    ],
)
def test_bad_input_is_named(change, error, text):
    with pytest.raises(error, match=text):
        risk_curve(**{"features": X, "y": Y, **change})


@pytest.mark.parametrize(
    ("line", "peak"),
    [
        ([5, 1, 3, 2], (1, 2)),
        ([9, 2, 1, 1.5, 0.5], (2, 3)),
        ([1, 2, 3], None),
        ([3, 2, 1], None),
        ([1, np.inf, 2], (0, 1)),
        ([1, 1.001, 1], None),
        ([1], None),
    ],
)
def test_a_peak_lies_between_lower_values(line, peak):
    assert find_peak(np.array(line, dtype=float)) == peak


def test_a_curve_is_shown_as_text_table_fragment_and_page(tmp_path):
    curve = overparam.risk_curve(features=X, y=Y, n=60)
    lines, shown = str(curve).splitlines(), " ".join(str(curve).split())
    assert curve.answer in shown
    assert "unchecked gaussian design" in shown
    assert "95 % interval" in shown
    assert "infinite" in shown
    assert max(len(line) for line in lines) < 80
    assert set(curve.table()[0]) == {
        "width", "risk", "signal", "variance", "floor", "optimal_risk", "optimal_ridge",
    }  # fmt: skip
    json.dumps(curve.to_dict(), allow_nan=False)
    assert "<script" not in curve._repr_html_()
    page = curve.save(tmp_path / "new" / "curve.html").read_text()
    assert "Predicted risk curve" in page
    assert "predicted, not measured" in page
    assert not re.search(r'(?:src|href)="https?:', page)
    assert curve.assumptions[0].sentence in page
    with pytest.raises(UsageError, match=r"expected a path that ends in \.html"):
        curve.save(tmp_path / "curve.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="expected to write"):
        curve.save(tmp_path / "file" / "curve.html")


def test_labels_of_every_kind_give_one_curve():
    import pandas as pd

    from overparam.data import from_arrays

    labels = (Y > 0).astype(int)
    named = np.array(["low", "high"])[labels]
    first = risk_curve(features=X, y=labels, n=60, widths=[30, 60, 90], noise=0.1).risk
    whole = from_arrays(X, labels, X, labels, name="a")
    for y in (named, named.tolist(), named.astype(object), pd.Series(named, dtype="category"), labels > 0,
              pd.Series(labels, dtype="Int64"), labels[:, None], labels + 5, whole, np.eye(2)[labels]):  # fmt: skip
        assert risk_curve(features=X, y=y, n=60, widths=[30, 60, 90], noise=0.1).risk == pytest.approx(first)


def test_very_small_and_large_errors_still_fit_80_columns():
    for unit in (1e-9, 1e9):
        lines = str(risk_curve(features=X, y=Y * unit, n=60, noise=0.1 * unit**2)).splitlines()
        assert max(map(len, lines)) < 80
