"""What training on squared loss does when the kernel stays as it is: closed forms at any step, infinity included.

>>> import numpy as np
>>> trajectory = kernel_dynamics(np.diag([2.0, 1.0]))
>>> trajectory.loss([1.0, 1.0], [0, 1], rate=0.5).tolist()  # factors 0 and 1/2 of the residuals
[1.0, 0.125]
"""

from overparam.theory.dynamics.arora2019 import THEOREM as ARORA
from overparam.theory.dynamics.arora2019 import GeneralisationBound, generalisation_bound
from overparam.theory.dynamics.du2019 import THEOREM as DU
from overparam.theory.dynamics.du2019 import neuron_movement
from overparam.theory.dynamics.ensemble import THEOREM as ENSEMBLE
from overparam.theory.dynamics.ensemble import Ensemble, ensemble
from overparam.theory.dynamics.kernel import KernelDynamics
from overparam.theory.dynamics.linearised import THEOREM as LINEARISED
from overparam.theory.dynamics.linearised import linearised_loss
from overparam.theory.dynamics.make import feature_dynamics, kernel_dynamics

THEOREMS = (LINEARISED, ENSEMBLE, ARORA, DU)

__all__ = [
    "THEOREMS",
    "Ensemble",
    "GeneralisationBound",
    "KernelDynamics",
    "ensemble",
    "feature_dynamics",
    "generalisation_bound",
    "kernel_dynamics",
    "linearised_loss",
    "neuron_movement",
]
