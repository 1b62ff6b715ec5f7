"""Stochastic gradient descent without simulation: exact means, stable steps, critical batch sizes, in float64.

>>> from overparam.theory.sgd import expected_course
>>> expected_course([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], batch=1, step=1.0, steps=2).loss.tolist()
[1.0, 0.5, 0.25]
"""

from overparam.theory.sgd import critical_batch, efficiency, moments, threshold
from overparam.theory.sgd.critical_batch import Guarantee, batch_guarantee, guarantee
from overparam.theory.sgd.efficiency import (
    FastestStep,
    departure,
    fastest_step,
    stability_atlas,
    steps_to_accuracy,
)
from overparam.theory.sgd.minimum import (
    Minimum,
    minimum_of_features,
    minimum_of_hessians,
    minimum_of_kernel,
)
from overparam.theory.sgd.moments import SgdMoments, expected_course
from overparam.theory.sgd.operator import Bracket, spectral_radius
from overparam.theory.sgd.sampling import batch_noise
from overparam.theory.sgd.threshold import StepBounds, counterexample, largest_step, step_bounds

THEOREMS = (*moments.THEOREMS, *threshold.THEOREMS, *critical_batch.THEOREMS, *efficiency.THEOREMS)

__all__ = [
    "Bracket",
    "FastestStep",
    "Guarantee",
    "Minimum",
    "SgdMoments",
    "StepBounds",
    "batch_guarantee",
    "batch_noise",
    "counterexample",
    "departure",
    "expected_course",
    "fastest_step",
    "guarantee",
    "largest_step",
    "minimum_of_features",
    "minimum_of_hessians",
    "minimum_of_kernel",
    "spectral_radius",
    "stability_atlas",
    "step_bounds",
    "steps_to_accuracy",
]
