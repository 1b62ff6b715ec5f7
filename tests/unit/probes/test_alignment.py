"""Alignment with a reference: what is the same is found the same, whatever the order and scale of its units."""

import itertools

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from overparam.operators.chain import chain_of
from overparam.probes.alignment import alignment, cka
from overparam.probes.matching import matched
from tests.tiny_chains import LABELS, X, apply, moved, numbers, ours, outputs, pushed, theirs

rng = np.random.default_rng(2)


def shuffled(params, order, factor):
    """The same network with its hidden units in another order and rescaled."""
    one, two = params["l0"], params["l1"]
    return {
        "l0": {"w": (one["w"] * factor[:, None])[order], "b": (one["b"] * factor)[order]},
        "l1": {"w": (two["w"] / factor)[:, order], "b": two["b"]},
    }


def test_cka_is_its_definition_and_stays_under_rotation_and_scale():
    x, y = rng.normal(size=(10, 4)), rng.normal(size=(10, 3))
    centre = np.eye(10) - 0.1
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    want = np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    for found in (cka(x, y), cka(5 * x @ turn + 3, y), cka(y, x)):
        assert found == pytest.approx(want)
    wide = rng.normal(size=(4, 50))  # more features than examples: the other form
    assert cka(x @ wide, x @ wide) == pytest.approx(1)
    gram = centre @ (x @ wide) @ (x @ wide).T @ centre
    assert cka(x @ wide, y) == pytest.approx(
        np.trace(gram @ m) / np.sqrt(np.trace(gram @ gram) * np.trace(m @ m))
    )
    assert cka(np.ones((10, 2)), y) is None
    assert cka(np.zeros((10, 2)), y) is None


@pytest.mark.parametrize("opened", [theirs, ours])
def test_a_shuffled_and_rescaled_network_is_the_same(opened):
    order, factor = rng.permutation(6), np.exp(rng.normal(size=6))
    found = alignment(opened(), moved(opened(), shuffled(numbers(), order, factor)))
    assert (found.cka, found.units.cosine) == (pytest.approx(1), pytest.approx(1))
    assert found.agreement == 1 == found.specialised.recovered
    assert found.units.before < 0.99
    assert found.units.optimal
    assert found.units.orders[0].tolist() == order.tolist()
    assert np.abs(found.specialised.best - 1).max() < 1e-12
    assert found.notes == ()


def test_the_best_permutation_is_found_among_all():
    one, other = chain_of(theirs(), "test"), chain_of(moved(theirs(), pushed(numbers(), 1.0)), "test")
    found, _ = matched(one, other)
    best = -1.0
    from overparam.probes.matching import _cosine, _layers, _permuted

    left, right = _layers(one), _layers(other)
    for order in itertools.permutations(range(6)):
        best = max(best, _cosine(_permuted(left, [np.array(order)]), right))
    assert found.cosine == pytest.approx(best)


def test_a_deep_chain_is_matched_and_its_layers_compared():
    params = numbers("deep")
    order = rng.permutation(6)
    other = {
        "l0": {"w": params["l0"]["w"][order], "b": params["l0"]["b"][order]},
        "l1": {"w": params["l1"]["w"][:, order], "b": params["l1"]["b"]},
        "l2": params["l2"],
    }
    found = alignment(theirs("deep"), moved(theirs("deep"), other))
    assert found.units.cosine == pytest.approx(1)
    assert not found.units.optimal
    assert np.abs(np.diag(found.layers) - 1).max() < 1e-12
    assert found.layers.shape == (2, 2)
    assert found.specialised is None
    assert "one hidden layer" in found.notes[0]


def test_both_back_ends_agree_and_meet_each_other():
    other = pushed(numbers(), 0.5)
    results = [
        alignment(a, moved(b, other)) for a, b in ((theirs(), theirs()), (ours(), ours()), (ours(), theirs()))
    ]
    for one in results[1:]:
        assert one.cka == pytest.approx(results[0].cka, abs=1e-10)
        assert one.units.cosine == pytest.approx(results[0].units.cosine, abs=1e-10)
        assert np.abs(one.specialised.correlation - results[0].specialised.correlation).max() < 1e-10
        assert np.abs(one.layers - results[0].layers).max() < 1e-10
        assert one.agreement == results[0].agreement


def test_a_wider_student_that_holds_its_teacher_recovers_it():
    teacher = numbers()
    draw = np.random.default_rng(4)
    wide = {
        "l0": {
            "w": np.vstack([draw.normal(size=(3, 4)), teacher["l0"]["w"]]),
            "b": np.r_[draw.normal(size=3), teacher["l0"]["b"]],
        },
        "l1": {"w": np.hstack([np.zeros((3, 3)), teacher["l1"]["w"]]), "b": teacher["l1"]["b"]},
    }
    student = open_model(apply, (X, LABELS), params=wide)
    found = alignment(student, theirs())
    assert found.units is None
    assert found.cka == pytest.approx(1)
    assert found.specialised.correlation.shape == (6, 9)
    assert found.specialised.recovered == 1
    assert found.specialised.fan_out[:3].max() == 0 < found.specialised.fan_out[3:].min()
    assert np.abs(np.diag(found.specialised.cosine[:, 3:]) - 1).max() < 1e-12
    on = (outputs(teacher)[1][0] > 0).mean(axis=0)
    assert np.abs(found.specialised.seen - np.minimum(on, 1 - on)).max() < 1e-12


def test_bad_input_is_refused_in_a_sentence():
    model = theirs()
    other = open_model(lambda p, x: x @ p["w"], (X[::-1].copy(), LABELS), params={"w": np.ones((4, 3))})
    fewer = open_model(lambda p, x: x @ p["w"], (X[:5], LABELS[:5]), params={"w": np.ones((4, 3))})
    narrow = open_model(lambda p, x: x @ p["w"], (X, LABELS % 2), params={"w": np.ones((4, 2))})
    cases = [
        (UsageError, "model: expected a model of open_model", lambda: alignment(None, model)),
        (UsageError, "reference: expected a model of open_model", lambda: alignment(model, None)),
        (
            UsageError,
            "reference: expected the inputs of model, in the same order",
            lambda: alignment(model, other),
        ),
        (UsageError, "reference: expected the 12 examples of model, got 5", lambda: alignment(model, fewer)),
        (UsageError, "reference: expected outputs of shape (3,)", lambda: alignment(model, narrow)),
    ]
    for kind, words, call in cases:
        with pytest.raises(kind) as caught:
            call()
        assert words in str(caught.value), str(caught.value)


def test_a_network_of_zeros_has_no_alignment_and_says_so():
    found = alignment(theirs(), theirs().at(np.zeros(theirs().size)))
    assert found.cka is None
    assert found.units is None
    assert any("No CKA of outputs" in note for note in found.notes)
    assert any("is zero" in note for note in found.notes)
