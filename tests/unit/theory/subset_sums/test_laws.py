"""What the theorems ask for: by hand, against the counting bound, and for a person's own layers."""

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.subset_sums import asked_width, items_asked, measured_law, own_layer_width
from overparam.theory.subset_sums.laws import PRODUCTS, UNIFORM, items_assumptions


def test_width_by_hand():
    """Layers 3 -> 4 -> 2: 12 and 8 weights, depth 2, min(0.1, 0.05)."""
    found = asked_width((3, 4, 2), 0.1, 0.05)
    tolerance = 0.05 / (np.array([12, 8]) * 2)
    assert found.tolerance == pytest.approx(tolerance)
    assert found.fewest == pytest.approx(np.log2(1 / tolerance))
    assert found.pensia == pytest.approx(2 * np.array([3, 4]) * np.log(1 / tolerance))
    assert found.malach.tolist() == [4.0**5 * 4] * 2
    assert found.single == pytest.approx(4 * np.array([3, 4]) / tolerance * np.log(20 / 0.05))
    assert found.measured == pytest.approx(2 * np.array([3, 4]) * found.items)
    assert (found.items >= found.fewest).all()
    assert str(found).count("layer") == 2
    assert "C is not given: no theorem" in str(found)


def test_enough_single_numbers_are_enough():
    """The union bound with explicit constants: of (2/t) log(k/delta) draws each of k weights has one within t."""
    rng, t, k, delta = np.random.default_rng(0), 0.05, 20, 0.05
    n = int(2 / t * np.log(k / delta)) + 1
    missed = 0
    for _ in range(400):
        draws, weights = rng.uniform(-1, 1, n), rng.choice([-1.0, 1.0], k)  # the ends are hardest
        missed += bool((np.abs(draws[:, None] - weights).min(axis=0) > t).any())
    assert missed <= 0.05 * 400


def test_the_laws_are_those_of_fresh_sequences():
    """Sequences of other seeds: the geometric mean at m = 14 within what the spread allows, and the slope nearby."""
    rng = np.random.default_rng(77)
    for law, factor in ((UNIFORM, False), (PRODUCTS, True)):
        rows = rng.uniform(-1, 1, (40, 16)) * (rng.uniform(0, 1, (40, 16)) if factor else 1.0)
        found = measured_law(rows, (12, 14, 16))
        at = [one.start - 14 * one.slope for one in (found, law)]
        assert abs(at[0] - at[1]) < 4 * law.spread / 40**0.5
        assert abs(found.slope - law.slope) < 0.3
        assert 0.5 < found.spread / law.spread < 1.7


def test_counting_stands_below_the_measured_law():
    found = items_asked([0.25, 1e-3, 1e-5])
    assert (found.measured >= found.fewest).all()
    assert (found.constant >= 1 / np.log(2)).all()
    assert items_assumptions([1e-9])[2].state == "fails"


def test_own_layers_are_divided_by_their_norms():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(5, 3)), rng.normal(size=(2, 5))]
    norms = np.prod([np.linalg.norm(one, 2) for one in weights])
    found, want = own_layer_width(weights, 0.1), asked_width((3, 5, 2), 0.1 / norms)
    assert np.array_equal(found.items, want.items)
    assert np.array_equal(
        own_layer_width([7.0 * one for one in weights], 4.9).pensia, own_layer_width(weights, 0.1).pensia
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: asked_width((3,), 0.1), "^widths: expected"),
        (lambda: asked_width("34", 0.1), "^widths: expected"),
        (lambda: asked_width(5, 0.1), "^widths: expected"),
        (lambda: asked_width({3, 4}, 0.1), "^widths: expected"),
        (lambda: asked_width({3: 1, 4: 1}, 0.1), "^widths: expected"),
        (lambda: asked_width((3, 2.5), 0.1), r"^widths\[1\]: expected a whole number"),
        (lambda: asked_width((3, 0), 0.1), r"^widths\[1\]: expected a whole number"),
        (lambda: asked_width((3, 2), 1.0), "^eps: expected"),
        (lambda: asked_width((3, 2), 0.1, 0), "^delta: expected"),
        (lambda: items_asked([0.0, 0.5]), "^eps: expected accuracies between 0 and 1"),
        (lambda: items_asked([2.0]), "^eps: expected accuracies between 0 and 1"),
        (lambda: items_asked(0.1), "^eps: expected"),
        (lambda: measured_law([[0.5, 0.25]], [1]), "^items: expected at least two different"),
        (lambda: measured_law([[0.5, 0.25]], 2), "^items: expected at least two different"),
        (lambda: measured_law([[0.5, 0.25]], [1, 3]), "^items: expected a whole number of at most 2, got 3"),
        (lambda: measured_law([0.5, 0.25], [1, 2]), "^sequences: expected one sequence a row"),
        (lambda: measured_law([[0.5, np.nan]], [1, 2]), "^sequences: expected finite"),
        (lambda: own_layer_width([[[0.5]]], 0.6), "^eps: expected a distance above 0 and below 0.5"),
        (lambda: own_layer_width([[[0.5]]], "0.1"), "^eps: expected"),
        (lambda: own_layer_width([[[0.0]]], 0.6), r"^weights\[0\]: expected a layer that is not all zeros"),
        (lambda: own_layer_width([], 0.6), "^weights: expected a list of matrices"),
        (lambda: own_layer_width([[[1.0]], [[1.0, 1.0]]], 0.6), "expected layer 2 to have 1 columns"),
    ],
)
def test_what_is_out_of_range_is_refused(call, text):
    with pytest.raises((UsageError, DataError), match=text):
        call()
