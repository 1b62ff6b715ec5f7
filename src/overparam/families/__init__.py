"""Your own family: a function from a width to a network becomes a study with the same page, verdicts and store."""

from overparam.families.run import widths as widths
from overparam.families.study import widths_study as widths_study
