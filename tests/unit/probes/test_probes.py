import importlib.metadata

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import linear, mlp
from overparam.probes import Probe, available, norm, standard
from overparam.training import Member, Recipe, train
from overparam.training.losses import loss

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 30).astype(np.int32)
X_TEST = RNG.standard_normal((50, 4)).astype(np.float32)
Y_TEST = RNG.integers(0, 3, 50).astype(np.int32)


def apply_all(params, params0, network, y=Y, y_test=Y_TEST, kind="cross_entropy"):
    def measure(params, params0, y, y_test):
        values = {}
        for probe in standard().values():
            values.update(probe(network, loss(kind), params, params0, X, y, X_TEST, y_test))
        return values

    values = jax.jit(measure)(params, params0, y, y_test)
    return {name: float(value) for name, value in values.items()}


def test_fit_is_loss_and_error_on_either_set():
    network = linear(4, 3)
    params = network.init(jax.random.key(0))
    values = apply_all(params, params, network)
    w, b = (np.asarray(params["output"][k], np.float64) for k in ("weight", "bias"))
    for side, x, y in (("train", X, Y), ("test", X_TEST, Y_TEST)):
        f = x @ w.T + b
        p = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True)
        assert values[f"{side}_loss"] == pytest.approx(-np.log(p[np.arange(len(y)), y]).mean(), rel=1e-5)
        assert values[f"{side}_error"] == pytest.approx(np.mean(f.argmax(axis=1) != y), abs=1e-6)


def test_norms_are_euclidean_over_all_parameters():
    network = mlp(4, (5,), 3)
    params0, params = (network.init(jax.random.key(s)) for s in (0, 1))
    flat0, flat = (np.concatenate([np.ravel(v) for v in jax.tree.leaves(p)]) for p in (params0, params))
    values = apply_all(params, params0, network)
    assert values["norm"] == pytest.approx(np.linalg.norm(flat), rel=1e-5)
    assert values["distance"] == pytest.approx(np.linalg.norm(flat - flat0), rel=1e-5)
    assert values["relative_distance"] == pytest.approx(values["distance"] / np.linalg.norm(flat0), rel=1e-5)


def test_targets_give_no_error():
    network = linear(4, 1)
    params = network.init(jax.random.key(0))
    values = apply_all(params, params, network, np.zeros(30, np.float32), np.zeros(50, np.float32), "squared")
    assert "train_error" not in values
    assert values["test_loss"] > 0


@pytest.mark.slow
def test_probes_give_the_names_they_declare():
    network = linear(4, 3)
    params = network.init(jax.random.key(0))
    for name, probe in available().items():
        given = probe(
            network, loss("cross_entropy"), params, params, X, jnp.asarray(Y), X_TEST, jnp.asarray(Y_TEST)
        )
        assert probe.name == name
        assert set(given) == set(probe.values)
        assert all(np.shape(value) == () for value in given.values())
        assert all(sentence.endswith(".") for sentence in probe.values.values())


@pytest.mark.slow
def test_a_new_probe_is_a_function():
    def sharpest(network, loss, params, params0, x, y, x_test, y_test):
        return {"largest_weight": jnp.max(jnp.abs(params["output"]["weight"]))}

    recipe = Recipe(20, 0.1, probes=4)
    probes = {**standard(), "largest": Probe("largest", {"largest_weight": "Largest weight."}, sharpest)}
    runs = train(
        linear(4, 3), recipe, [Member(0, Y), Member(1, Y)], X, X_TEST, Y_TEST, probes=probes, keep_params=True
    )
    for run in runs:
        assert run.values["largest_weight"][-1] == pytest.approx(np.abs(run.params["output"]["weight"]).max())
        assert run.values["norm"][-1] == pytest.approx(float(norm(run.params)), rel=1e-6)
        assert run.values["distance"][0] == 0
        assert run.values["test_loss"].shape == run.steps.shape == (4,)


class Point:
    value = "elsewhere:PROBE"

    def __init__(self, loaded):
        self.load = lambda: loaded


@pytest.mark.parametrize(
    ("loaded", "text"),
    [
        (3, "elsewhere:PROBE: expected a Probe, got int. Point to a Probe object."),
        (Probe("fit", {}, lambda *a: {}), "elsewhere:PROBE: a probe named 'fit' is already there. Rename one"),
    ],
)
def test_a_wrong_plug_in_is_named(loaded, text, monkeypatch):
    monkeypatch.setattr("overparam.probes.catalog.entry_points", lambda group: [Point(loaded)])
    with pytest.raises(UsageError, match=text):
        available()


def test_a_plug_in_is_found(monkeypatch):
    new = Probe("new", {"new": "New."}, lambda *a: {"new": jnp.float32(0)})
    monkeypatch.setattr("overparam.probes.catalog.entry_points", lambda group: [Point(new)])
    names = "curvature distance fit kernel_drift margins new norms patterns silent weights"
    assert list(available()) == names.split()
    assert importlib.metadata.entry_points(group="overparam.probes") is not None


def test_silent_classes_are_those_that_are_never_predicted():
    network = linear(4, 3)
    params = {"output": {"weight": np.zeros((3, 4), np.float32), "bias": np.array([0.0, 2.0, 1.0], np.float32)}}
    found = available()["silent"](
        network, loss("squared"), params, params, X, jnp.asarray(Y), X_TEST, jnp.asarray(Y_TEST)
    )
    assert int(found["silent_classes"]) == 2
