"""The hall: everything that a study file says, in one import, and how the package speaks of errors.

Standard library only at import time::

    from overparam.core import Axis, Claim, line, study
"""
# ruff: noqa: F401, I001
# mypy: implicit-reexport

from overparam.core.arms import LARGEST, MOST, NONE, Arm, Choice, Only, arm, holding, preferred, renamed
from overparam.core.axes import (
    ACTIVATION, BATCH, CERTIFIED_AXES, DATA, DIMENSION, EPOCHS, LAZY_TRAINING, MOMENTUM, N, NEAR_KERNEL, NOISE, NOISE_KIND,
    N_TEST, PROBES, RATE, SEED, STEPS, WIDTH, WIDTHS, batch_fits, joined,
)  # fmt: skip
from overparam.core.claim import Check, Curve, Evidence, Finding, Params, Part, Precondition, Status, Verdict
from overparam.core.cost import NARROW, computed, descent
from overparam.core.declare import chart, charts, profiles, study
from overparam.core.diagnosis import Diagnosis
from overparam.core.errors import (
    DataError, MissingEvidence, NewerError, NullSpaceWarning, OverparamError, StackError, StoreError,
    UsageError, nearest, unknown,
)  # fmt: skip
from overparam.core.expressions import (
    ROWS, VIEW, Hump, Line, Number, line, per_point, per_seed, raw, scalar, share_of_trials, total, worst,
)  # fmt: skip
from overparam.core.looks import FRESH, planned
from overparam.core.needs import (
    Need, around, clean_arm, complete, enough_noise, enough_seeds, fine_step, fits, has, inside, need,
    on_average, one_draw, reaches, spans,
)  # fmt: skip
from overparam.core.outcomes import counted, each_cell, later, lost_in, outcome, rounded, shares, within
from overparam.core.parts import (
    Axis, Chart, Estimate, FitRule, Formerly, Hero, Outcome, Profile, Progress, Series, Source, Study, XAxis, clean,
)  # fmt: skip
from overparam.core.places import END, HERE, START, Grid, Place, Region, grid
from overparam.core.rule import Rule
from overparam.core.sources import cited, source
from overparam.core.statements import Claim, Control, same_numbers
from overparam.core.worlds import World, power_law, together
