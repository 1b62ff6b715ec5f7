"""Margins against brute force, for every kind of label; scales against closed forms and what must leave them as they are."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.operators import open_model
from overparam.operators.chain import chain_of
from overparam.probes.margins import margins, margins_of, path_norm, spectral_product
from tests.tiny_chains import LABELS, X, moved, numbers, ours, outputs, theirs
from tests.tiny_models import torch_or_skip

rng = np.random.default_rng(3)


def brute(scores, labels):
    return np.array(
        [
            row[y] - max(one for k, one in enumerate(row) if k != y)
            for row, y in zip(scores, labels, strict=True)
        ]
    )


@pytest.mark.parametrize("opened", [theirs, ours])
def test_margins_of_classes_are_those_by_hand(opened):
    found = margins(opened())
    want = brute(outputs(numbers())[0], LABELS)
    assert np.abs(found.values - want).max() < 1e-10
    assert found.kind == "classes"
    assert found.examples.tolist() == list(range(12))
    assert found.wrong == np.mean(want <= 0)
    assert found.smallest == pytest.approx(want.min())
    assert found.quantiles((0.0, 0.5)).tolist() == pytest.approx([want.min(), np.median(want)])


def linear(shape, targets, **more):
    """A model whose outputs are a linear map of the inputs, reshaped."""
    size = int(np.prod(shape))
    weight = rng.normal(size=(4, size))
    model = open_model(
        lambda p, x: (x @ p["w"]).reshape(-1, *shape), (X, targets), params={"w": weight}, **more
    )
    return model, (X @ weight).reshape(-1, *shape)


def test_positions_of_a_sequence_are_labels_and_ignored_ones_are_left_out():
    labels = rng.integers(0, 3, (12, 2))
    labels[0, 0] = labels[3, 1] = -1
    model, scores = linear((2, 3), labels, ignore=-1)
    found = margins(model)
    kept = labels.ravel() >= 0
    want = brute(scores.reshape(-1, 3)[kept], labels.ravel()[kept])
    assert np.abs(found.values - want).max() < 1e-12
    assert found.ignored == 2
    assert found.examples.tolist() == np.repeat(np.arange(12), 2)[kept].tolist()


@pytest.mark.slow
def test_binary_and_several_labels_have_signs():
    labels = rng.integers(0, 2, (12, 3)).astype(float)
    model, scores = linear((3,), labels, loss="binary_cross_entropy")
    found = margins(model)
    assert found.kind == "signs"
    assert np.abs(found.values - (scores * (2 * labels - 1)).ravel()).max() < 1e-12
    model, scores = linear((1,), 2.0 * labels[:, 0] - 1, loss="squared")
    assert np.abs(margins(model).values - scores[:, 0] * (2 * labels[:, 0] - 1)).max() < 1e-12


def test_one_hot_rows_are_labels():
    model, scores = linear((3,), np.eye(3)[LABELS], loss="cross_entropy")
    assert np.abs(margins(model).values - brute(scores, LABELS)).max() < 1e-12


def test_classes_of_torch_lie_along_the_second_axis():
    torch = torch_or_skip()
    net = torch.nn.Sequential(torch.nn.Linear(4, 9), torch.nn.Unflatten(1, (3, 3))).double()
    labels = rng.integers(0, 3, (12, 3))
    labels[1, 2] = -100
    found = margins(open_model(net, (X, labels), loss=torch.nn.CrossEntropyLoss()))
    scores = net(torch.from_numpy(X)).detach().numpy().swapaxes(1, 2).reshape(-1, 3)
    kept = labels.ravel() >= 0
    assert np.abs(found.values - brute(scores[kept], labels.ravel()[kept])).max() < 1e-12
    assert found.ignored == 1


def test_an_axis_that_nobody_knows_is_refused():
    from overparam.operators.objective import Objective

    own = Objective("own", None, lambda s, b: 1.0)
    with pytest.raises(UsageError, match="along which axis"):
        margins_of(own, np.zeros((2, 3, 3)), np.zeros((2, 3), int))
    assert margins_of(own, np.zeros((2, 4, 3)), np.zeros((2, 4), int))[1].shape == (2, 4)


def test_a_tie_is_wrong_and_one_class_alone_has_margins():
    model, _ = linear((3,), np.zeros(12, int))
    still = margins(model.at(np.zeros(model.size)))
    assert still.wrong == 1
    assert still.values.tolist() == [0] * 12


def test_scales_are_their_closed_forms_and_rescaling_of_units_leaves_the_path_norm():
    params = numbers()
    chain = chain_of(theirs(), "test")
    assert spectral_product(chain) == pytest.approx(
        np.prod([np.linalg.norm(one["w"], 2) for one in params.values()])
    )
    total = 0.0  # over all paths, one by one
    for out in range(3):
        for j in range(6):
            w = params["l1"]["w"][out, j] ** 2
            total += w * params["l0"]["b"][j] ** 2 + sum(w * params["l0"]["w"][j, i] ** 2 for i in range(4))
        total += params["l1"]["b"][out] ** 2
    assert path_norm(chain) == pytest.approx(np.sqrt(total))
    factor = np.exp(rng.normal(size=6))
    scaled = {
        "l0": {"w": params["l0"]["w"] * factor[:, None], "b": params["l0"]["b"] * factor},
        "l1": {"w": params["l1"]["w"] / factor, "b": params["l1"]["b"]},
    }
    one, other = (margins(moved(theirs(), each), "path") for each in (params, scaled))
    assert np.abs(one.values - other.values).max() < 1e-10
    spectral = margins(theirs(), "spectral")
    assert np.abs(spectral.values * spectral.scale - margins(theirs()).values).max() < 1e-12


def test_a_spectral_margin_bounds_the_distance_to_another_label():
    found, scores = margins(theirs(), "spectral"), outputs(numbers())[0]
    draw = np.random.default_rng(0)
    for i, margin in enumerate(found.values):
        if margin <= 0:
            continue
        for _ in range(20):
            step = draw.normal(size=4)
            step *= 0.999 * margin / np.sqrt(2) / np.linalg.norm(step)
            assert outputs(numbers(), X[i : i + 1] + step)[0].argmax() == scores[i].argmax()


@pytest.mark.slow
def test_the_probe_of_a_member_is_that_of_a_model():
    from overparam.models import mlp
    from overparam.probes.margins import PROBE

    network = mlp(4, (5,), 3)
    params = {
        "hidden1": {"weight": jnp.ones((5, 4)), "bias": jnp.zeros(5)},
        "output": {"weight": jnp.asarray(rng.normal(size=(3, 5)), jnp.float32), "bias": jnp.zeros(3)},
    }
    x, y = jnp.asarray(X, jnp.float32), jnp.asarray(LABELS, jnp.int32)
    found = PROBE.function(network, None, params, params, x, y, x, y)
    want = brute(np.asarray(network.apply(params, x)), LABELS)
    assert float(found["margin_smallest"]) == pytest.approx(want.min(), abs=1e-5)
    assert float(found["margin_median"]) == pytest.approx(np.median(want), abs=1e-5)
    assert PROBE.function(network, None, params, params, x, x, x, x) == {}


def test_bad_input_is_refused_in_a_sentence():
    model = theirs()
    bare = open_model(lambda p, x: x @ p["w"], X, params={"w": np.ones((4, 3))})
    regression, _ = linear((3,), rng.normal(size=(12, 3)), loss="squared")
    cases = [
        (UsageError, "model: expected a model of open_model", lambda: margins(X)),
        (UsageError, "loss: expected a model that was opened with targets", lambda: margins(bare)),
        (DataError, "margins are those of a classification", lambda: margins(regression)),
        (UsageError, "scale: expected one of none, spectral, path", lambda: margins(model, "l2")),
        (UsageError, "scale: expected a positive number", lambda: margins(model, 0)),
        (UsageError, "scale: expected a positive number", lambda: margins(model, np.nan)),
        (
            DataError,
            "a layer of zeros has no normalised margin",
            lambda: margins(model.at(np.zeros(model.size)), "spectral"),
        ),
        (UsageError, "levels: expected numbers from 0 to 1", lambda: margins(model).quantiles((2,))),
    ]
    for kind, words, call in cases:
        with pytest.raises(kind) as caught:
            call()
        assert words in str(caught.value), str(caught.value)
