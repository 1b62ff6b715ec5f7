"""Your own family: a function from a width to a network becomes a study with the same page, verdicts and store."""

from overparam.api.width_sweep.run import width_sweep as width_sweep
from overparam.api.width_sweep.study import width_sweep_study as width_sweep_study
