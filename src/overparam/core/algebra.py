"""Everything that a study file says, in one import. Standard library only."""

from overparam.core.arms import LARGEST, MOST, NONE, Arm, Choice, arm, renamed
from overparam.core.axes import (
    ACTIVATION, BATCH, DATA, DIMENSION, EPOCHS, MOMENTUM, N, N_TEST, NOISE, NOISE_KIND, RATE, SEED, STEPS, WIDTH, WIDTHS,
)
from overparam.core.claim import Check, Evidence, Finding, Params, Part
from overparam.core.declare import chart, charts, profiles, study
from overparam.core.diagnosis import Diagnosis
from overparam.core.errors import MissingEvidence, UsageError
from overparam.core.expressions import (
    ROWS, VIEW, Hump, Line, Number, line, per_point, per_seed, scalar, share_of_trials, total, worst,
)
from overparam.core.needs import (
    Need, around, clean_arm, complete, enough_noise, enough_seeds, fine_step, fits, has, need, one_draw, reaches,
)
from overparam.core.outcomes import each_cell
from overparam.core.places import END, START, Grid, Place, Region, grid
from overparam.core.rule import Rule
from overparam.core.statements import Claim, Control
from overparam.core.study import Axis, Chart, Estimate, FitRule, Formerly, Outcome, Profile, Progress, Series, Source, Study
from overparam.core.worlds import World, together
