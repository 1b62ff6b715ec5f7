"""Distances against hand-made moves, and both back ends against one another."""

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.probes.distance import distance
from tests.tiny_chains import moved, numbers, ours, pushed, theirs


def test_a_planted_move_is_measured_layer_by_layer_and_unit_by_unit():
    before, after = numbers(), numbers()
    change = np.zeros_like(after["l0"]["w"])
    change[2] = [3.0, 0.0, 4.0, 0.0]
    after["l0"] = {"w": after["l0"]["w"] + change, "b": after["l0"]["b"]}
    after["l1"] = {"w": 1.5 * after["l1"]["w"], "b": after["l1"]["b"]}
    found = distance(moved(theirs(), before), moved(theirs(), after))
    one, two = found.arrays["l0/w"], found.arrays["l1/w"]
    assert one.frobenius == pytest.approx(5) == one.spectral
    assert one.units[2] == pytest.approx(5)
    assert np.delete(one.units, 2).max() == 0 == np.delete(one.relative_units, 2).max()
    assert one.relative_spectral == pytest.approx(5 / np.linalg.norm(before["l0"]["w"], 2))
    assert (two.relative, two.relative_spectral) == (pytest.approx(0.5), pytest.approx(0.5))
    assert np.abs(two.relative_units - 0.5).max() < 1e-12
    assert found.whole.frobenius == pytest.approx(np.hypot(5, two.frobenius))
    assert found.shares["l0"] == pytest.approx(25 / found.whole.frobenius**2)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.arrays["l0/b"].frobenius == 0
    assert found.arrays["l0/b"].spectral is None


def test_a_low_rank_move_is_larger_in_the_spectral_norm():
    before = numbers("deep")
    after = {name: dict(layer) for name, layer in before.items()}
    u, v = np.random.default_rng(0).normal(size=(2, 6))
    after["l1"]["w"] = before["l1"]["w"] + np.outer(u[:5], v)
    one = distance(moved(theirs("deep"), before), moved(theirs("deep"), after)).arrays["l1/w"]
    assert one.relative_spectral > one.relative


def test_no_move_and_a_start_of_zero():
    model = theirs()
    same = distance(model, model)
    assert same.whole.frobenius == 0
    assert same.shares == {}
    assert same.arrays["l0/w"].relative == 0
    found = distance(model.at(np.zeros(model.size)), model)
    one = found.arrays["l0/w"]
    assert found.whole.relative is None
    assert one.relative is None
    assert one.relative_spectral is None
    assert np.isinf(one.relative_units).all()


def test_both_back_ends_agree():
    before, after = numbers("deep"), pushed(numbers("deep"), 0.1)
    found = [distance(moved(one, before), moved(one, after)) for one in (theirs("deep"), ours("deep"))]
    assert found[0].whole.frobenius == pytest.approx(found[1].whole.frobenius, rel=1e-10)
    for (_, one), (_, other) in zip(
        sorted(found[0].arrays.items()),
        sorted(found[1].arrays.items(), key=lambda p: p[0].replace("weight", "w")),
        strict=True,
    ):
        assert one.frobenius == pytest.approx(other.frobenius, rel=1e-10)
        if one.units is not None:
            assert np.abs(one.units - other.units).max() < 1e-10


def test_bad_input_is_refused_in_a_sentence():
    model = theirs()
    cases = [
        (UsageError, "start: expected a model of open_model", lambda: distance(None, model)),
        (UsageError, "end: expected a model of open_model", lambda: distance(model, None)),
        (UsageError, "end: expected the arrays of start", lambda: distance(model, theirs("deep"))),
        (UsageError, "no shape, as it is not there", lambda: distance(model, ours())),
        (
            DataError,
            "vector: expected finite numbers",
            lambda: distance(model, model.at(np.full(model.size, np.inf))),
        ),
    ]
    for kind, words, call in cases:
        with pytest.raises(kind) as caught:
            call()
        assert words in str(caught.value), str(caught.value)
