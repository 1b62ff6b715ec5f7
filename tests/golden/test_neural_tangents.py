"""Our kernels against those of neural-tangents 0.6.5 in float64, stored by make_neural_tangents.py.

Both sides are closed forms and agree to rounding, with one exception. Behind a relu the angle of an input with itself
is 0; neural-tangents takes it from rounded covariances, which for flattened convolutions gives up to 1e-8 and as much
in the diagonal of the NTK. Ours is exact there: it is that of a linear network (the last test).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from overparam.theory.activations import leaky_relu, sine
from overparam.theory.kernels import (
    Activate,
    AveragePool,
    Conv,
    Dense,
    Flatten,
    LayerNorm,
    Residual,
    kernels,
    polynomial,
)

STORED = json.loads(Path(__file__).with_name("neural_tangents.json").read_text())


def network(layers):
    made = []
    for kind, *given in layers:
        match kind:
            case "dense":
                made.append(Dense(*given))
            case "conv":
                one = given[0]
                made.append(
                    Conv(
                        tuple(one["window"]),
                        tuple(one["stride"]) if "stride" in one else None,
                        one.get("padding", "SAME"),
                        one.get("weight", 1.0),
                        one.get("bias", 0.0),
                    )
                )
            case "residual":
                made.append(Residual(*(network(path) for path in given)))
            case "norm":
                made.append(LayerNorm())
            case "flatten":
                made.append(Flatten())
            case "pool":
                made.append(AveragePool())
            case "leaky":
                made.append(Activate(leaky_relu(*given)))
            case "sine":
                made.append(Activate(sine(*given)))
            case "polynomial":
                made.append(Activate(polynomial(*given)))
            case _:
                made.append(Activate(kind))
    return tuple(made)


def worst(found, wanted):
    return float((np.abs(found - wanted) / np.abs(wanted).max()).max())


@pytest.mark.parametrize("name", STORED["cases"])
def test_agrees_with_neural_tangents(name):
    case = STORED["cases"][name]
    given = STORED["inputs"][case["inputs"]]
    layers = network(case["layers"])
    for what, z in (("own", None), ("cross", given["z"])):
        found = kernels(layers, given["x"], z)
        for get in ("nngp", "ntk"):
            mine, theirs = getattr(found, get), np.array(case[f"{get} {what}"])
            if what == "own" and get == "ntk" and ["flatten"] in case["layers"]:
                assert worst(np.diag(mine), np.diag(theirs)) < 1e-7
                mine, theirs = (one - np.diag(np.diag(one)) for one in (mine, theirs))
            assert worst(mine, theirs) < 1e-12


@pytest.mark.parametrize("name", ["flatten SAME", "flatten VALID", "flatten CIRCULAR", "flatten stride SAME"])
def test_the_diagonal_is_that_of_a_linear_network(name):
    """relu halves the variance and its slope's square is 1/2, just as ``z / sqrt 2`` does."""
    case = STORED["cases"][name]
    layers, x = network(case["layers"]), STORED["inputs"]["maps"]["x"]
    linear = tuple(Activate(polynomial((0, 0.5**0.5))) if isinstance(one, Activate) else one for one in layers)
    for get in ("nngp", "ntk"):
        mine, exact = (np.diag(getattr(kernels(one, x), get)) for one in (layers, linear))
        np.testing.assert_allclose(mine, exact, rtol=1e-14)
