"""The path through subnetworks: its bound, its corners by another forward pass, and what is refused."""

import itertools

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import cnn, mlp
from overparam.probes.paths import along, polygon
from overparam.probes.paths.subnetworks import (
    Subnetwork,
    carried,
    dropped,
    features,
    outputs_of,
    through_subnetworks,
)

SIZES, KEPT = (4, 6, 7, 5, 3), (3, 3, 2)
UNITS = [np.array([0, 2, 5]), np.array([1, 2, 6]), np.array([3, 4])]


def network():
    return mlp(SIZES[0], SIZES[1:-1], SIZES[-1])


def drawn(seed):
    return jax.tree.map(np.asarray, network().init(jax.random.key(seed)))


def examples():
    rng = np.random.default_rng(7)
    return rng.normal(size=(30, SIZES[0])).astype(np.float32), rng.integers(0, SIZES[-1], 30)


def small(entry, rng):
    widths = [(SIZES[0], *KEPT)[entry], *KEPT[entry:], SIZES[-1]]
    return Subnetwork(
        entry, tuple((rng.normal(size=(b, a)), rng.normal(size=b)) for a, b in itertools.pairwise(widths))
    )


def family(seed):
    rng = np.random.default_rng(seed)
    return [small(entry, rng) for entry in (3, 2, 1, 0)]


def read(params, one, x):
    """What a subnetwork reads, by a forward pass of its own."""
    h = x.astype(np.float64)
    for name in [f"hidden{i + 1}" for i in range(one.entry)]:
        h = np.maximum(h @ params[name]["weight"].T.astype(np.float64) + params[name]["bias"], 0)
    return h[:, UNITS[one.entry - 1]] if one.entry else h


def entropy(outputs, y):
    return float(np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(len(y)), y]))


def loss_of(params, one, x, y):
    h = read(params, one, x)
    for weight, bias in one.layers[:-1]:
        h = np.maximum(h @ weight.T + bias, 0)
    return entropy(h @ one.layers[-1][0].T + one.layers[-1][1], y)


@pytest.mark.slow
def test_the_loss_on_the_path_is_at_most_that_of_the_worst_subnetwork_and_reaches_it():
    a, b, (x, y) = drawn(0), drawn(1), examples()
    of_a, of_b = family(2), family(3)
    corners = through_subnetworks(network(), a, b, of_a, of_b, UNITS)
    found = along(polygon(network(), corners, (len(corners) - 1) * 5 + 1), x, y)
    worst = max(loss_of(p, one, x, y) for p, group in ((a, of_a), (b, of_b)) for one in group)
    ends = [entropy(np.asarray(network().apply(p, x)), y) for p in (a, b)]
    assert found.loss[[0, -1]] == pytest.approx(ends, rel=1e-5)
    assert max(*ends, worst) == pytest.approx(found.loss.max(), rel=1e-5)  # the head turns to every one of them


def test_every_subnetwork_is_passed_in_its_order():
    a, b, (x, y) = drawn(0), drawn(1), examples()
    of_a, of_b = family(2), family(3)
    corners = through_subnetworks(network(), a, b, of_a, of_b, UNITS)
    losses = [entropy(np.asarray(network().apply(one, x)), y) for one in corners]
    seen = [losses[0]] + [b for a, b in itertools.pairwise(losses) if abs(a - b) > 1e-4]
    wanted = [loss_of(a, one, x, y) for one in of_a] + [loss_of(b, one, x, y) for one in reversed(of_b)]
    assert seen[1:-1] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.slow
def test_two_networks_may_meet_at_one_subnetwork_on_the_inputs():
    a, b, (x, y) = drawn(0), drawn(1), examples()
    of_a, of_b = family(2), family(3)
    of_b[-1] = of_a[-1]
    shared = through_subnetworks(network(), a, b, of_a, of_b, UNITS)
    assert len(shared) < len(through_subnetworks(network(), a, b, of_a, family(3), UNITS))
    found = along(polygon(network(), shared, (len(shared) - 1) * 3 + 1), x, y)
    worst = max(loss_of(p, one, x, y) for p, group in ((a, of_a), (b, of_b)) for one in group)
    assert found.loss.max() <= max(worst, found.loss[0], found.loss[-1]) * (1 + 1e-5)


def test_dropped_units_scale_the_others_up():
    params = drawn(0)
    x, _ = examples()
    one = dropped(network(), params, UNITS, 2)
    h = read(params, Subnetwork(2, ()), x)
    h3 = np.maximum(
        7 / 3 * h @ params["hidden3"]["weight"][np.ix_(UNITS[2], UNITS[1])].T
        + params["hidden3"]["bias"][UNITS[2]],
        0,
    )
    wanted = 5 / 2 * h3 @ params["output"]["weight"][:, UNITS[2]].T + params["output"]["bias"]
    assert outputs_of(one, network(), h) == pytest.approx(wanted, rel=1e-6)
    assert [w.shape for w, _ in dropped(network(), params, UNITS, 0).layers] == [(3, 4), (3, 3), (2, 3), (3, 2)]


def test_features_are_those_of_the_network():
    params, (x, _) = drawn(0), examples()
    last = features(network(), params, x, 3)
    outputs = last @ params["output"]["weight"].T + params["output"]["bias"]
    assert outputs == pytest.approx(np.asarray(network().apply(params, x)), rel=1e-4, abs=1e-5)
    assert (features(network(), params, x, 0) == x).all()


@pytest.mark.parametrize("hidden", [0, 1, 3])
def test_a_carried_classifier_keeps_its_outputs_and_its_loss(hidden):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6))
    weight, bias = rng.normal(size=(3, 6)), rng.normal(size=3)
    y = (x @ weight.T + bias).argmax(axis=1)
    one = carried(weight, bias, x, hidden, 1, 1e-2)
    outputs = outputs_of(one, network(), x)
    plain = x @ weight.T + bias
    ratio = (outputs - outputs[:, :1])[:, 1:] / (plain - plain[:, :1])[:, 1:]
    assert ratio == pytest.approx(np.full_like(ratio, ratio[0, 0]), rel=1e-6)
    each = np.log(np.exp(outputs - outputs.max(axis=1, keepdims=True)).sum(axis=1))
    assert (outputs.argmax(axis=1) == y).all()
    assert each.max() <= 1e-2 * (1 + 1e-6)
    assert len(one.layers) == hidden + 1


def refused(words, **change):
    given = {"of_a": family(2), "of_b": family(3), "units": UNITS, "network": network()} | change
    with pytest.raises(UsageError, match=words):
        through_subnetworks(given["network"], drawn(0), drawn(1), given["of_a"], given["of_b"], given["units"])


def test_what_does_not_fit_is_refused():
    refused("entries 3 to 0", of_a=family(2)[1:])
    refused("some, not all", units=[np.arange(6), *UNITS[1:]])
    refused("some, not all", units=[np.array([0, 0, 2]), *UNITS[1:]])
    refused("some, not all", units=UNITS[:2])
    refused("of entry 0 layers from 4 units", of_b=[small(2, np.random.default_rng(0)).__class__(3, family(2)[1].layers[1:]),
                                                    *family(3)[1:-1], Subnetwork(0, family(3)[-1].layers[:2])])  # fmt: skip
    refused("an mlp with biases", network=cnn((4, 4), (2,), 3))
    refused("an mlp with biases", network=mlp(4, (6, 7, 5), 3, bias=False))
