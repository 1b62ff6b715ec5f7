"""Standard axes, and the names and defaults that stored cells are found by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from overparam.core.axes import (
    DATA,
    NOISE,
    NOISE_KIND,
    SEED,
    STANDARD,
    STEPS,
    WIDTH,
    WIDTHS,
    N,
    ascends,
    batch_fits,
)
from overparam.core.errors import UsageError
from overparam.core.registry import find

KEPT = json.loads((Path(__file__).parents[2] / "golden" / "axes.json").read_text(encoding="utf-8"))


def test_an_axis_with_a_change_is_a_new_axis():
    noisy = NOISE.but(default=0.2)
    assert (noisy.default, noisy.name, noisy.check("0.5")) == (0.2, "noise", 0.5)
    assert NOISE.default is None
    assert WIDTHS.inside_cell
    assert not WIDTH.inside_cell
    with pytest.raises(TypeError):
        NOISE.but(defualt=0.2)


def test_names_and_options_are_those_in_use():
    assert [axis.name for axis in STANDARD] == [
        "data", "n", "n_test", "d", "width", "noise", "noise_kind", "activation", "steps", "epochs", "batch",
        "learning_rate", "momentum", "probes", "seed",
    ]  # fmt: skip
    assert [axis.option for axis in (DATA, N, WIDTH, NOISE_KIND, STEPS, SEED)] == [
        "data", "n", "widths", "noise-kind", "steps", "seeds",
    ]  # fmt: skip
    assert {axis.kind for axis in STANDARD} == {str, int, float}


@pytest.mark.parametrize("name", sorted(KEPT))
def test_axes_and_defaults_of_a_study_never_change(name):
    """They are in the keys of stored cells: a parameter at its default drops out of the key, and a new axis has one."""
    axes = {axis.name: axis.default for axis in find(name).axes}
    kept = {key: default for key, default in axes.items() if key in KEPT[name]}
    assert json.loads(json.dumps(kept)) == KEPT[name]
    assert all(default is not None for key, default in axes.items() if key not in kept)


def test_a_minibatch_is_no_larger_than_the_training_set():
    batch_fits({"n": 10, "batch": 10})
    with pytest.raises(UsageError, match="--batch: expected at most the 10 training samples, got 11"):
        batch_fits({"n": 10, "batch": 11})


def test_values_inside_a_cell_ascend_and_come_once():
    ascends({"ratio": (0.5, 1.0, 2.0)}, "ratio", "ratios", "ratios")
    for given in ([2.0, 1.0], [1.0, 1.0]):
        with pytest.raises(
            UsageError, match=r"--ratios: expected ratios that ascend, got \[.*\]. Name each once, in order"
        ):
            ascends({"ratio": given}, "ratio", "ratios", "ratios")
