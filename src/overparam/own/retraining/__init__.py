"""Your own family of models trained again: other widths, other labels, other masks; by this package or by your ``fit``."""

from overparam.own.retraining.built import Built as Built
from overparam.own.retraining.built import Family as Family
from overparam.own.retraining.trainer import Done as Done
from overparam.own.retraining.trainer import Job as Job
from overparam.own.retraining.trainer import Trainer as Trainer
from overparam.own.retraining.trainer import trainer_of as trainer_of
