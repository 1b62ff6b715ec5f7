"""What a person measures in a sweep: names and functions, what is stored and drawn, and what is refused."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.api.width_sweep import width_sweep_study
from overparam.core import Evidence
from overparam.core.errors import OverparamError
from overparam.data import from_arrays, save
from overparam.models import mlp
from overparam.sweep.curves import draw
from overparam.sweep.key import cell_name
from overparam.sweep.select import select
from overparam.training import Recipe

RECIPE = Recipe(20, 0.1, batch=20, probes=3)


def mine(width):
    return mlp(6, (width,), 3)


def measured(network, loss, params, params0, x, y, x_test, y_test):
    outputs = network.apply(params, x_test)
    return {"size": jnp.mean(outputs**2), "means": jnp.mean(outputs, axis=0), "many": jnp.zeros(20)}


def gives(value):
    return lambda *given: {"value": value}


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    x = np.random.default_rng(0).standard_normal((60, 6))
    return str(
        save(from_arrays(x, np.arange(60) % 3, name="blobs"), tmp_path_factory.mktemp("d") / "blobs.npz")
    )


def make(data, **more):
    return width_sweep_study(mine, **{"data": data, "widths": (2, 4, 8), "seeds": 1, "recipe": RECIPE, **more})


@pytest.mark.slow
def test_numbers_are_kept_over_time_vectors_at_the_end_and_short_ones_are_drawn(blobs):
    study = make(blobs, probes={"outputs": measured}, noise=(0.15,))
    cells = select(study, "quick").cells()
    (found,) = study.work(cells[:1], lambda fraction: None)
    values = found.values
    assert len(values["probe_means"]) == 3
    assert values["probe_size"] == values["probe_size_by_step"][-1]
    assert len(values["probe_size_by_step"]) == len(values["step"])
    assert values["probe_many"] == [0.0] * 20
    assert found.note == "probe_many: 20 numbers, stored and not drawn"
    evidence = Evidence(tuple((cell, values) for cell in cells))
    charts = {chart["name"]: chart for chart in draw(study, {"d": evidence})}
    assert {name for name in charts if "probe" in name} == {"probe-means", "probe-size", "probe-size-by-step"}
    assert [line["label"] for line in charts["probe-means"]["series"]] == ["number 1", "number 2", "number 3"]
    assert charts["probe-size"]["series"][0]["x"]["width"] == [2, 4, 8]
    assert charts["probe-size-by-step"]["x"][0]["name"] == "step"


def test_a_probe_is_in_the_key_by_its_code(blobs):
    def key(**more):
        study = make(blobs, **more)
        return cell_name(study, select(study, "quick").cells()[0], "f")

    one, two = ({"probes": {"v": gives(value)}} for value in (1.0, 2.0))
    assert len({key(), key(**one), key(**two), key(probes=("norms",)), key(probes={"w": gives(1.0)})}) == 5
    assert key(**one) == key(probes={"v": gives(1.0)})
    assert key(probes="norms") == key(probes=["norms"])


@pytest.mark.parametrize(
    ("probes", "text"),
    [
        ("nroms", "unknown probe 'nroms'. Did you mean 'norms'"),
        (("norms", "norms"), "expected each name once, got 'norms' twice"),
        ((), "probes: expected names"),
        ({}, "probes: expected names"),
        ({"v": lambda *given: {}}, "probes: expected numbers by name, got none"),
        (3, "probes: expected names"),
        ((3,), "probes: expected names"),
        ({"v": 3}, "probes: expected names .* got int as 'v'"),
        ({"v": "norms"}, "got str as 'v'"),
        ({1: gives(1.0)}, "got function as 1"),
        ({"v": dict}, "expected a function as 'v', got the class dict"),
        ({"v": lambda: {}}, "probe 'v .own.'"),
        ({"v": lambda *given: 3.0}, "probe 'v .own.': expected .* got float|got "),
        ({"v": gives(1j)}, "expected real numbers as 'probe_value'"),
        ({"v": gives(np.zeros((2, 2)))}, "as 'value', got an array of shape"),
        ({"v": gives(np.zeros(501))}, "as 'value', got 501 numbers"),
        ({"v": gives(1.0), "w": gives(2.0)}, "'probe_value' is measured by probe 'v .own.'"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_computed(blobs, probes, text):
    with pytest.raises(OverparamError, match=text):
        estimated(make, blobs, probes=probes)


def estimated(make, *given, **more):
    """The estimate of the first cell, as a plan asks for it before anything is computed."""
    study = make(*given, **more)
    return study.estimate(select(study, "quick").cells()[0])
