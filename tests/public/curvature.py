"""The lines of what measures curvature."""

from __future__ import annotations

import numpy as np

from tests.linear_model import Linear
from tests.public.case import Case

X = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, -1.0], [1.0, 0.5, 3.0]])
MODEL = Linear(X, np.zeros((3, 2)), np.full((3, 2), 0.5))
FOUND = {"model": MODEL, "of": "hessian", "seed": 0}

CASES = {
    "probes.curvature.eigenvalues.top_eigenvalues": Case(
        {**FOUND, "k": 2, "which": "largest", "tolerance": 1e-3, "products": 50},
        numbers="tolerance",
        sizes="k products seed",
        choices="of which",
    ),
    "probes.curvature.trace.trace": Case(
        {**FOUND, "products": 12, "method": "plain"}, sizes="products seed", choices="of method"
    ),
    "probes.curvature.density.spectral_density": Case(
        {**FOUND, "steps": 10, "samples": 3, "scale": "log", "width": 0.1, "points": 200},
        numbers="width",
        sizes="steps samples points seed",
        choices="of scale",
    ),
    "probes.curvature.layers.per_layer": Case(
        {**FOUND, "by": "array", "samples": 3, "tolerance": 1e-3},
        numbers="tolerance",
        sizes="samples seed",
        choices="of by",
    ),
    "probes.curvature.sharpness.sharpness": Case(
        {"model": MODEL, "eps": 0.125, "box": "scaled", "steps": 3, "starts": 2, "seed": 0},
        numbers="eps",
        sizes="steps starts seed",
        choices="box",
    ),
    "probes.curvature.subspace.subspace_sharpness": Case(
        {"model": MODEL, "eps": 0.125, "dimensions": 2, "steps": 3, "seed": 0},
        numbers="eps",
        sizes="dimensions steps seed",
    ),
}
