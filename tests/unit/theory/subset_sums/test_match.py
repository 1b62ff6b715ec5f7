"""The mask and its proof: against plain evaluation, searches for worse inputs, and masks that others made."""

import itertools

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.theory.certificates.dense import evaluate
from overparam.theory.subset_sums import drawn, match_by_pruning, plan
from overparam.theory.subset_sums.bound import target_of
from overparam.theory.subset_sums.match import proved, value


def network(widths, seed, bias=0.0):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(b, a)) for a, b in itertools.pairwise(widths)]
    weights = [one / np.linalg.norm(one, 2) for one in weights]
    biases = [np.clip(bias * rng.normal(size=b), -1, 1) for b in widths[1:]] if bias else None
    return weights, biases, rng


def matched(widths, seed, eps=0.05, bias=0.0, low=-1.0, high=1.0, **more):
    weights, biases, rng = network(widths, seed, bias)
    size = plan(weights, eps, low, high, biases)
    random, offsets = drawn(size, rng)
    given = {"tolerance": size.deviation, "items": 40} | more
    found = match_by_pruning(weights, random, low, high, biases, offsets, **given)
    return weights, biases, random, offsets, found, rng


CASES = [
    ((3, 1), 0.0, -1.0, 1.0), ((1, 1), 0.0, -1.0, 1.0), ((4, 5, 2), 0.0, -1.0, 1.0), ((4, 5, 2), 0.1, -1.0, 1.0),
    ((3, 4, 4, 1), 0.1, 0.0, 1.0), ((3, 4, 2), 0.0, -2.0, -0.5), ((2, 3, 3, 3, 1), 0.05, -0.5, 2.0),
]  # fmt: skip


@pytest.mark.parametrize(("widths", "bias", "low", "high"), CASES)
def test_no_input_of_the_box_breaks_the_proof(widths, bias, low, high):
    weights, biases, _, _, found, rng = matched(widths, 3, 0.05, bias, low, high)
    assert found.error <= 0.05
    x = rng.uniform(low, high, (4000, widths[0]))
    x[:1500] = rng.choice([low, high], (1500, widths[0]))
    x[1500:2000] = np.clip(0.0, low, high)
    apart = np.abs(found.value(x) - value(weights, x, biases))
    assert (apart.max(axis=0) <= found.errors + 1e-13).all()
    assert apart.max() > found.error / 1e4  # the bound says something
    long = [one.astype(np.longdouble) for one in found.network.weights]
    h, f = x[:500].astype(np.longdouble), x[:500].astype(np.longdouble)
    for place, one in enumerate(long):
        c = found.network.biases[place]
        h = h @ one.T + (0 if c is None else c)
        h = np.maximum(h, 0) if place < len(long) - 1 else h
    for place, one in enumerate(weights):
        f = f @ one.astype(np.longdouble).T + (0 if biases is None else biases[place])
        f = np.maximum(f, 0) if place < len(weights) - 1 else f
    assert (np.abs(h - f).max(axis=0) <= found.errors + 1e-17).all()


def test_a_search_uphill_finds_nothing_beyond_the_proof():
    """Random steps that keep what increases the distance: a lower bound of the truth, still below what is proved."""
    weights, _, _, _, found, rng = matched((4, 6, 1), 5)
    x = rng.uniform(-1, 1, (64, 4))
    best = np.abs(found.value(x) - value(weights, x)).ravel()
    for _ in range(150):
        y = np.clip(x + 0.3 * rng.normal(size=x.shape), -1, 1)
        new = np.abs(found.value(y) - value(weights, y)).ravel()
        x[new > best], best = y[new > best], np.maximum(new, best)
    assert found.error / 50 < best.max() <= found.error


def test_masks_are_zeros_and_ones_and_make_the_network():
    _, _, random, offsets, found, _ = matched((3, 4, 2), 1, bias=0.1)
    assert len(found.masks) == 4
    for mask, one, made in zip(found.masks, random, found.network.weights, strict=True):
        assert mask.shape == one.shape
        assert set(np.unique(mask)) <= {0, 1}
        assert np.array_equal(mask * one, made)
    for mask, c, made in zip(found.bias_masks[::2], offsets, found.network.biases[::2], strict=True):
        assert np.array_equal(mask * c, made)
    kept = sum(int(mask.sum()) for mask in (*found.masks, *found.bias_masks[::2]))
    assert found.kept == kept
    assert found.density == kept / (sum(one.size for one in random) + sum(len(c) for c in offsets))
    for first, second in zip(found.masks[::2], found.masks[1::2], strict=True):
        used = first.any(axis=1) | (second.any(axis=0))
        assert (first.sum(axis=1)[used] <= 1).all()
    assert evaluate(found.network, np.zeros((1, 3))).outputs.shape == (1, 2)


def test_weights_without_rounding_are_met_exactly():
    """w = 1/2 from the product of 1/2 and 1; -1/2 for the negative part from |-1/2| and -1."""
    found = match_by_pruning([[[0.5]]], [[[0.5], [-0.5]], [[1.0, -1.0]]])
    assert [mask.tolist() for mask in found.masks] == [[[1], [1]], [[1, 1]]]
    assert found.error < 1e-14
    assert found.value([[2.0], [-2.0]]).tolist() == [[1.0], [-1.0]]


def test_a_side_that_no_input_has_needs_no_units():
    up = match_by_pruning([[[0.5]]], [[[0.5], [-0.5]], [[1.0, -1.0]]], low=0.0)
    assert up.masks[0].tolist() == [[1], [0]]
    down = match_by_pruning([[[0.5]]], [[[0.5], [-0.5]], [[1.0, -1.0]]], high=0.0)
    assert down.masks[0].tolist() == [[0], [1]]
    assert max(up.error, down.error) < 1e-14


def test_where_nothing_is_near_the_error_says_so():
    found = match_by_pruning([[[0.5]]], [[[1.0], [-1.0]], [[0.125, 0.125]]])
    assert 0.625 > found.error >= 0.5  # -1/2 is nearest to the empty sum
    assert found.deviations[0] == pytest.approx(0.5)
    apart = np.abs(found.value([[1.0], [-1.0]]) - [[0.5], [-0.5]])
    assert apart.max() == pytest.approx(found.error)
    none = match_by_pruning([[[0.5, 0.25]]], [np.zeros((4, 2)), np.zeros((1, 4))])
    assert none.kept == 0
    assert 0.75 <= none.error < 0.75 + 1e-12


def test_a_tolerance_of_zero_tries_all_and_a_single_product_is_worse():
    weights, _, random, offsets, coarse, _ = matched((3, 4, 1), 2)
    fine = match_by_pruning(weights, random, random_biases=offsets, items=24)
    one = match_by_pruning(weights, random, random_biases=offsets, items=24, choose="one")
    assert fine.error < coarse.error < 0.05 < one.error
    assert fine.tried[0][0] == 24
    assert coarse.tried[0][1] < 20


def test_a_mask_of_others_is_proved_with_the_error_it_has():
    weights, _, random, offsets, found, rng = matched((3, 4, 1), 4)
    target = target_of(weights)
    again = proved(target, random, offsets, found.masks, found.bias_masks)
    assert again.error == found.error
    empty = [np.zeros_like(mask) for mask in found.masks]
    nothing = proved(target, random, offsets, empty, found.bias_masks)
    x = rng.uniform(-1, 1, (500, 3))
    assert np.abs(value(weights, x)).max() <= nothing.error
    with pytest.raises(
        UsageError, match=r"^masks: expected units of the first layer of a pair to keep one weight"
    ):
        proved(target, random, offsets, [np.ones_like(mask) for mask in found.masks], found.bias_masks)


def test_silent_units_carry_no_error():
    """A hidden unit that is off on the whole box in both networks leaves the output alone."""
    weights, biases = [[[0.25]], [[1.0]]], [[-0.9], None]
    random = [np.array([[0.5], [-0.5], [0.3], [0.2]]), np.array([[0.4, -0.4, 0.1, -0.9]]), [[0.5]], [[0.5]]]
    found = match_by_pruning(weights, random, biases=biases, random_biases=[[0.1, 0.1, 0.9, 0.99], None])
    assert found.error < 1e-12 + 0.0 * found.kept
    assert np.array_equal(found.value([[1.0], [-1.0]]), np.zeros((2, 1)))


def test_the_plan_has_enough_units_and_its_distance_keeps_the_proof():
    for eps in (0.3, 0.01):
        weights, _, _, _, found, _ = matched((4, 4, 1), 6, eps)
        size = plan(weights, eps)
        assert found.error <= eps
        assert max(found.deviations) <= size.deviation * (1 + 1e-9)
        assert size.shapes[0] == (4 * size.units, 4)
    assert plan(network((4, 4, 1), 6)[0], 0.3).items < plan(network((4, 4, 1), 6)[0], 0.01).items
    assert plan([[[0.5]]], 100.0).items >= 1


ONE, TWO = [[[0.5, 0.25]]], [np.ones((4, 2)), np.ones((1, 4))]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"weights": []}, "^weights: expected a list of matrices"),
        ({"weights": None}, "^weights: expected a list of matrices"),
        ({"weights": [[0.5, 0.25]]}, r"^weights\[0\]: expected a matrix"),
        ({"weights": [[[0.5, np.nan]]]}, r"^weights\[0\]: expected finite"),
        ({"weights": [[[0.5, 0.25]], [[1.0, 2.0]]]}, "expected layer 2 to have 1 columns"),
        ({"weights": [[["a", "b"]]]}, r"^weights\[0\]: expected real numbers"),
        (
            {"random_weights": TWO[:1]},
            "^random_weights: expected 2 matrices, two for each of the 1 layers, got 1",
        ),
        ({"random_weights": [np.ones((3, 2)), np.ones((1, 3))]}, r"^random_weights\[0\]: expected shape"),
        ({"random_weights": [np.ones((4, 3)), np.ones((1, 4))]}, r"^random_weights\[0\]: expected shape"),
        (
            {"random_weights": [np.ones((4, 2)), np.ones((2, 4))]},
            r"^random_weights\[1\]: expected shape \(1, 4\)",
        ),
        ({"low": 2.0}, "^low: expected at most high"),
        ({"low": [0.0]}, r"^low: expected one number, or shape \(2,\)"),
        ({"high": np.inf}, "^high: expected finite"),
        ({"biases": [[0.1]]}, r"^random_weights\[0\]: expected .* one block an input and one for the bias"),
        ({"biases": []}, "^biases: expected a list of 1, one for each layer"),
        ({"biases": 0.5}, "^biases: expected a list of 1, .* got float"),
        ({"biases": {"b": 1}}, "^biases: expected a list of 1, .* got dict"),
        ({"random_biases": "a"}, "^random_biases: expected a list of 1, .* got str"),
        ({"weights": {"w": 1}}, "^weights: expected a list of matrices, one a layer, got dict"),
        ({"biases": [[0.1, 0.2]]}, r"^biases\[0\]: expected shape \(1,\)"),
        ({"random_biases": [None, None]}, "^random_biases: expected a list of 1"),
        ({"items": 0}, "^items: expected a whole number of at least 1"),
        ({"items": 41}, "^items: expected a whole number of at most 40"),
        ({"tolerance": -1.0}, "^tolerance: expected"),
        ({"choose": "best"}, "^choose: expected 'sum' or 'one'"),
    ],
)
def test_what_does_not_fit_is_said(change, text):
    with pytest.raises((UsageError, DataError), match=text):
        match_by_pruning(**({"weights": ONE, "random_weights": TWO} | change))


def test_a_bias_without_random_biases_is_refused_with_the_reason():
    given = [np.ones((6, 2)), np.ones((1, 6))]
    with pytest.raises(UsageError, match="no sum of weights alone makes a constant"):
        match_by_pruning(ONE, given, biases=[[0.1]])
    with pytest.raises(UsageError, match=r"random_biases\[0\]: expected shape \(6,\)"):
        match_by_pruning(ONE, given, biases=[[0.1]], random_biases=[[0.1]])


@pytest.mark.parametrize(
    ("weights", "more", "text"),
    [
        ([[[1.5]]], {"eps": 0.1}, r"^weights\[0\]: expected sizes of at most 1.* Divide layer 1"),
        ([[[0.5]]], {"eps": 0.1, "biases": [[1.2]]}, r"^biases\[0\]: expected sizes of at most 1"),
        ([[[0.5]]], {"eps": 0.0}, "^eps: expected"),
        ([[[0.5]]], {"eps": 1e-14}, "^eps: expected a distance for which at most 40 products"),
        ([[[0.5]]], {"eps": 1e-300}, "^eps: expected a distance for which at most 40 products"),
        ([[[0.5]]], {"eps": 0.1, "delta": 1.0}, "^delta: expected a probability"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(weights, more, text):
    with pytest.raises(UsageError, match=text):
        plan(weights, **more)


def test_a_draw_needs_a_generator_and_an_evaluation_its_inputs():
    size = plan([[[0.5]]], 0.1)
    with pytest.raises(UsageError, match="^rng: expected a generator"):
        drawn(size, 0)
    with pytest.raises(UsageError, match="^found: expected what plan returned, got NoneType"):
        drawn(None, np.random.default_rng(0))
    found = match_by_pruning(ONE, TWO)
    for x in ([1.0, 2.0], [[1.0]], [[np.nan, 1.0]], "a"):
        with pytest.raises(DataError, match="^x: expected"):
            found.value(x)
