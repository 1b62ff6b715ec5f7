"""Switches of ReLUs against counting by hand, and the worst case against the theorem, random pushes and the worst push."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from overparam.probes.patterns import most_switches, pattern_changes, worst_case
from tests.tiny_chains import LABELS, X, apply, moved, numbers, ours, outputs, pushed, theirs
from tests.tiny_models import torch_or_skip


@pytest.mark.parametrize("opened", [theirs, ours])
def test_switches_are_those_counted_by_hand(opened):
    before, after = numbers("deep"), pushed(numbers("deep"), 0.3)
    found = pattern_changes(moved(opened("deep"), before), moved(opened("deep"), after))
    seen, later = outputs(before)[1], outputs(after)[1]
    total = 0
    for one, a, b in zip(found.relus.values(), seen, later, strict=True):
        changed = (a > 0) != (b > 0)
        assert one.each.tolist() == changed.sum(axis=1).tolist()
        assert one.pairs == a.size
        assert one.share == pytest.approx(changed.mean())
        assert one.silent == pytest.approx(np.mean(~((a > 0) | (b > 0)).any(axis=0)))
        assert (one.each <= one.bound).all()
        total += changed.sum()
    assert found.share == pytest.approx(total / sum(a.size for a in seen))
    assert total > 0


def test_no_move_switches_nothing_and_the_bound_is_zero():
    found = pattern_changes(theirs(), theirs())
    (one,) = found.relus.values()
    assert found.share == 0
    assert not one.bound.any()


@pytest.mark.parametrize("seed", range(10))
def test_pushes_of_every_size_stay_within_the_worst_case(seed):
    before = numbers("deep", seed)
    for size in (1e-3, 0.03, 0.3, 3.0):
        after = pushed(before, size, seed + 1)
        pair = [chain_of_numbers(one) for one in (before, after)]
        bounds = worst_case(*pair)
        for a, b, bound in zip(outputs(before)[1], outputs(after)[1], bounds, strict=True):
            assert (((a > 0) != (b > 0)).sum(axis=1) <= bound).all()


def chain_of_numbers(params):
    from overparam.operators.chain import Chain

    layers = list(params.values())
    return Chain(
        tuple(params), tuple(one["w"] for one in layers), tuple(one["b"] for one in layers), (1.0,) * len(layers), "relu",
        (True,) * len(layers), X, False,
    )  # fmt: skip


def test_the_worst_case_of_the_first_layer_is_reached():
    before = numbers()
    z = outputs(before)[1][0][0]
    point = np.r_[X[0], 1.0]
    reach = np.abs(z) / np.linalg.norm(point)
    order = np.argsort(reach)[:3]
    after = {name: {part: one.copy() for part, one in layer.items()} for name, layer in before.items()}
    for unit in order:  # the shortest way over the unit's zero, and a hair beyond
        step = -z[unit] * (1 + 1e-9) / (point @ point) * point
        after["l0"]["w"][unit] += step[:4]
        after["l0"]["b"][unit] += step[4]
    switched = ((z > 0) != (outputs(after)[1][0][0] > 0)).sum()
    assert switched == 3 == worst_case(chain_of_numbers(before), chain_of_numbers(after))[0][0]


def test_the_worst_case_is_that_of_the_certificates():
    from overparam.theory.activations import activation
    from overparam.theory.certificates.dense import evaluate, two_layer
    from overparam.theory.certificates.relu import switches

    weights, out = numbers()["l0"]["w"], numbers()["l1"]["w"]
    found = two_layer(weights, out, activation("relu"))
    allowed = switches(found, evaluate(found, X))
    for radius in (0.01, 0.1, 0.5, 1.0, 3.0):
        reach = radius * np.linalg.norm(X, axis=1)
        assert most_switches(X @ weights.T, reach).tolist() == allowed.counts(radius).tolist()


def test_both_back_ends_agree_and_batches_change_nothing():
    before, after = numbers("deep"), pushed(numbers("deep"), 0.3)
    torch = torch_or_skip()
    del torch
    from tests.tiny_chains import module

    parts = open_model(module(before), (X, LABELS), batch=5)
    results = [
        pattern_changes(moved(one, before), moved(one, after)) for one in (theirs("deep"), ours("deep"), parts)
    ]
    for one in results[1:]:
        assert one.share == results[0].share
        for a, b in zip(one.relus.values(), results[0].relus.values(), strict=True):
            assert a.each.tolist() == b.each.tolist()
            assert a.bound.tolist() == b.bound.tolist()
            assert a.silent == b.silent


def test_a_convolution_is_watched_without_a_worst_case():
    torch = torch_or_skip()
    images = np.random.default_rng(0).normal(size=(6, 1, 5, 5))
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(18, 3)
    ).double()
    one = open_model(net, (images, LABELS[:6]))
    other = one.at(one.vector() + 0.3 * np.random.default_rng(1).normal(size=one.size))
    found = pattern_changes(one, other)
    (relu,) = found.relus.values()
    signs = []
    for model in (one, other):
        net[0].weight.data, net[0].bias.data = (
            torch.from_numpy(model.layout.named(model.vector())[name].copy()) for name in ("0.weight", "0.bias")
        )
        signs.append(net[0](torch.from_numpy(images)).detach().numpy() > 0)
    assert relu.share == pytest.approx(np.mean(signs[0] != signs[1]))
    assert relu.bound is None
    assert "No worst case: one whose pass also has the operation 'convolution'" in found.bounded


def test_the_probe_of_a_stack_counts_the_same():
    from overparam.probes.patterns import PROBE

    before, after = (jax.tree.map(jnp.asarray, one) for one in (numbers("deep"), pushed(numbers("deep"), 0.3)))

    class Two:
        apply = staticmethod(apply)

    x = jnp.asarray(X)
    stack = jax.tree.map(lambda a, b: jnp.stack([a, b]), before, after)
    found = jax.jit(jax.vmap(lambda one: PROBE.function(Two, None, one, before, x, x, x, x)["switched"]))(stack)
    want = pattern_changes(theirs("deep"), moved(theirs("deep"), pushed(numbers("deep"), 0.3))).share
    assert found[0] == 0
    assert float(found[1]) == pytest.approx(want, abs=1e-6)
    smooth = type("Smooth", (), {"apply": staticmethod(lambda p, x: jnp.tanh(x @ p["l0"]["w"].T))})
    assert PROBE.function(smooth, None, before, before, x, x, x, x)["switched"] == 0


def test_bad_input_is_refused_in_a_sentence():
    model = theirs()
    smooth = open_model(lambda p, x: jnp.tanh(x @ p["w"]), (X, LABELS), params={"w": np.ones((4, 3))})
    others = open_model(apply, (X[::-1].copy(), LABELS), params=numbers())
    cases = [
        (UsageError, "end: expected a model of open_model", lambda: pattern_changes(model, numbers())),
        (UsageError, "end: expected the arrays of start", lambda: pattern_changes(model, theirs("deep"))),
        (UsageError, "end: expected the inputs of start", lambda: pattern_changes(model, others)),
        (UsageError, "none was seen", lambda: pattern_changes(smooth, smooth)),
    ]
    for kind, words, call in cases:
        with pytest.raises(kind) as caught:
            call()
        assert words in str(caught.value), str(caught.value)
