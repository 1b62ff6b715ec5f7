"""Spectra of weights against hand-made ones, what leaves them as they are, and both back ends against one another."""

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.operators.unfolding import Unfolding
from overparam.probes.weights import effective_rank, spectrum, stable_rank, weight_spectra
from tests.tiny_chains import moved, numbers, ours, pushed, theirs

PLAIN = Unfolding((0,), (1,))
rng = np.random.default_rng(0)


def test_ranks_of_equal_values_are_their_number_and_of_one_direction_one():
    for k in (1, 3, 7):
        values = np.r_[np.full(k, 2.5), np.zeros(4)]
        assert stable_rank(values) == pytest.approx(k, abs=1e-12)
        assert effective_rank(values) == pytest.approx(k, abs=1e-12)
    outer = np.outer(rng.normal(size=5), rng.normal(size=4))
    assert spectrum(outer, PLAIN).stable_rank == pytest.approx(1, abs=1e-12)
    assert stable_rank(np.zeros(3)) == 0 == effective_rank(np.zeros(3))


def test_ranks_are_their_definitions_and_lie_below_the_rank():
    matrix = rng.normal(size=(6, 4))
    found = spectrum(matrix, PLAIN)
    values = np.linalg.svd(matrix, compute_uv=False)
    share = values / values.sum()
    assert found.stable_rank == pytest.approx((matrix**2).sum() / values[0] ** 2)
    assert found.effective_rank == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    assert 1 <= found.stable_rank <= found.effective_rank <= 4
    assert found.frobenius == pytest.approx(np.linalg.norm(matrix))
    assert found.spectral == pytest.approx(values[0])


def test_numbers_of_any_size_keep_their_ranks():
    matrix = rng.normal(size=(5, 4))
    want = spectrum(matrix, PLAIN)
    for size in (1e-200, 1e200):
        found = spectrum(size * matrix, PLAIN)
        assert found.stable_rank == pytest.approx(want.stable_rank)
        assert found.effective_rank == pytest.approx(want.effective_rank)


def test_a_permutation_of_units_and_a_rotation_change_nothing():
    matrix = rng.normal(size=(6, 4))
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    want = spectrum(matrix, PLAIN).values
    assert np.abs(spectrum(matrix[::-1], PLAIN).values - want).max() < 1e-12
    assert np.abs(spectrum(matrix @ turn, PLAIN).values - want).max() < 1e-12


def test_groups_are_blocks_of_one_large_matrix():
    kernel = rng.normal(size=(4, 3, 2))
    dense = np.zeros((4, 12))
    dense[:2, :6], dense[2:, 6:] = kernel[:2].reshape(2, 6), kernel[2:].reshape(2, 6)
    found = spectrum(kernel, Unfolding((0,), (1, 2), groups=2))
    assert np.abs(found.values - np.linalg.svd(dense, compute_uv=False)).max() < 1e-12


def test_both_back_ends_agree_and_updates_are_differences():
    after = pushed(numbers("deep"), 0.2)
    results = []
    for opened in (ours("deep"), theirs("deep")):
        found = weight_spectra(moved(opened, after), moved(opened, numbers("deep")))
        results.append([one.values for part in (found.weights, found.updates) for one in part.values()])
        assert not found.left_out
    for one, other in zip(*results, strict=True):
        assert np.abs(one - other).max() < 1e-10
    change = after["l1"]["w"] - numbers("deep")["l1"]["w"]
    assert np.abs(results[0][4] - np.linalg.svd(change, compute_uv=False)).max() < 1e-12


def test_some_layers_and_no_start():
    found = weight_spectra(theirs(), layers="l0")
    assert list(found.weights) == ["l0/w"]
    assert found.updates == {}


def bad():
    model = theirs()
    yield UsageError, "model: expected a model of open_model", lambda: weight_spectra(numbers())
    yield UsageError, "start: expected a model of open_model", lambda: weight_spectra(model, numbers())
    yield (
        UsageError,
        "'l1/b' of shape (5,) in start and of shape (3,) in model",
        lambda: weight_spectra(model, theirs("deep")),
    )
    yield (
        DataError,
        "vector: expected finite numbers",
        lambda: weight_spectra(model, model.at(np.full(model.size, np.nan))),
    )
    yield UsageError, "covers none", lambda: weight_spectra(model, layers="l9")
    yield (
        UsageError,
        "unfold: expected names of arrays of several axes",
        lambda: weight_spectra(model, unfold={"x": (0,)}),
    )
    yield UsageError, "unfold: expected", lambda: weight_spectra(model, unfold={"l0/w": (0, 1)})
    yield UsageError, "unfold: expected", lambda: weight_spectra(model, unfold={"l0/w": (7,)})
    yield UsageError, "unfold: expected", lambda: weight_spectra(model, unfold={"l0/w": 0})


def test_bad_input_is_refused_in_a_sentence():
    for kind, words, call in bad():
        with pytest.raises(kind) as caught:
            call()
        assert words in str(caught.value), str(caught.value)
