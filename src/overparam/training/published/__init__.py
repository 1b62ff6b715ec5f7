"""Published settings by name: which optimizer, rate, batch, schedule, length and initialisation a source has."""

from overparam.training.published.catalog import RECIPES as RECIPES
from overparam.training.published.catalog import find as find
from overparam.training.published.setting import Published as Published
