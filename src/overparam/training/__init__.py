"""How it learns: recipes, and stacks of members trained as one array program."""

from overparam.training.fingerprint import Named as Named
from overparam.training.fingerprint import fingerprint as fingerprint
from overparam.training.losses import Loss as Loss
from overparam.training.losses import loss as loss
from overparam.training.member import Checkpoint as Checkpoint
from overparam.training.member import Member as Member
from overparam.training.member import Trained as Trained
from overparam.training.orders import orders as orders
from overparam.training.recipe import Recipe as Recipe
from overparam.training.record import Keep as Keep
from overparam.training.stack import train as train
from overparam.training.statistics import refresh as refresh
from overparam.training.times import probe_times as probe_times
