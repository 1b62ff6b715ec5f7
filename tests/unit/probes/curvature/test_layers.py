"""Each layer's block against the dense Hessian, with the names of the layout, in both back ends."""

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from overparam.probes.curvature import layers as module_of
from overparam.probes.curvature import per_layer
from tests.tiny_models import LABELS, PARAMS, X, apply, module, oracles


@pytest.fixture(scope="module")
def dense():
    return oracles()[2]


def largest(block):
    values = np.linalg.eigvalsh(block)
    return values[np.abs(values).argmax()]


def test_blocks_of_both_back_ends(dense, monkeypatch):
    one = open_model(apply, (X, LABELS), params=PARAMS)
    found = per_layer(one)
    assert [(layer.name, layer.size) for layer in found] == [("first", 25), ("last", 18)]
    assert found[0].arrays == ("first/bias", "first/weight")
    at = 0
    for layer in found:
        block = dense[at : at + layer.size, at : at + layer.size]
        at += layer.size
        assert abs(layer.top - largest(block)) <= 1e-10
        assert abs(layer.trace.estimate - np.trace(block)) <= 1e-10
        assert layer.converged
        assert layer.trace.exact
    other = per_layer(open_model(module(), (X, LABELS)))
    assert [layer.name for layer in other] == ["first", "last"]
    for mine, theirs in zip(found, other, strict=True):
        assert abs(mine.top - theirs.top) <= 1e-10
    monkeypatch.setattr(module_of, "DENSE", 10)
    sampled = per_layer(one, samples=20)
    monkeypatch.setattr("overparam.probes.curvature.eigenvalues.DENSE", 10)
    for mine, exact in zip(sampled, found, strict=True):
        assert not mine.trace.exact
        assert mine.trace.samples == 20
        assert abs(mine.top - exact.top) <= 1e-3 * abs(exact.top)
        assert abs(mine.trace.estimate - exact.trace.estimate) <= 6 * mine.trace.standard_error


def test_arrays_patterns_and_odd_arguments(dense):
    one = open_model(apply, (X, LABELS), params=PARAMS)
    found = per_layer(one, by="array", layers="*/weight", of="hessian")
    assert [layer.name for layer in found] == ["first/weight", "last/weight"]
    at = one.layout.slices["last/weight"]
    assert abs(found[1].top - largest(dense[at, at])) <= 1e-10
    assert [layer.arrays for layer in per_layer(one, layers="last/bias")] == [("last/bias",)]
    for words, more in {
        "unknown by 'block'": {"by": "block"},
        "samples: expected a whole number of at least 2": {"samples": 1},
        "layers: expected a pattern of names of parameters, got 'conv'": {"layers": "conv"},
        "tolerance: expected a positive number, got -1": {"tolerance": -1},
    }.items():
        with pytest.raises(UsageError, match=words):
            per_layer(one, **more)
