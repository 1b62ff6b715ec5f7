import itertools
import math

import jax.numpy as jnp
import pytest

from overparam.core.errors import UsageError
from overparam.training.recipe import Recipe
from overparam.training.times import probe_times
from overparam.training.update import schedule_factor


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"optimizer": "sdg"}, "unknown optimizer 'sdg'. Did you mean 'sgd'?"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'. Did you mean 'cosine'?"),
        ({"loss": "mse"}, "unknown loss 'mse'."),
        ({"steps": 0}, "steps: expected a whole number of at least 1, got 0."),
        ({"batch": 0}, "batch: expected a whole number of at least 1, got 0."),
        ({"probes": 1}, "probes: expected a whole number of at least 2, got 1."),
        ({"learning_rate": 0.0}, "learning_rate: expected a number above 0, got 0.0."),
        ({"learning_rate": math.nan}, "learning_rate: expected a number above 0, got nan."),
        ({"momentum": 1.0}, "momentum: expected a number of at least 0 and below 1, got 1.0."),
        ({"weight_decay": -1.0}, "weight_decay: expected a number of at least 0, got -1.0."),
        ({"stop_error": 1.5}, "stop_error: expected a number of at least 0 and below 1, got 1.5."),
        (
            {"optimizer": "gd", "batch": 10},
            "optimizer 'gd' uses the full batch: expected batch=None, got 10. Use",
        ),
        ({"optimizer": "adam", "momentum": 0.9}, "optimizer 'adam' has its own averages: expected momentum=0"),
    ],
)
def test_wrong_values_are_named(options, text):
    with pytest.raises(UsageError) as error:
        Recipe(**{"steps": 10, "learning_rate": 0.1, **options})
    assert str(error.value).startswith(text)


@pytest.mark.parametrize(
    ("options", "step", "factor"),
    [
        ({}, 77, 1.0),
        ({"schedule": "inverse_sqrt", "period": 4}, 3, 1.0),
        ({"schedule": "inverse_sqrt", "period": 4}, 13, 0.5),
        ({"schedule": "cosine"}, 0, 1.0),
        ({"schedule": "cosine"}, 25, 0.5 + math.sqrt(0.125)),
        ({"schedule": "cosine"}, 100, 0.0),
        ({"schedule": "step", "period": 10, "decay": 0.95}, 9, 1.0),
        ({"schedule": "step", "period": 10, "decay": 0.95}, 30, 0.95**3),
    ],
)
def test_schedules_are_their_formulas(options, step, factor):
    recipe = Recipe(100, 0.1, **options)
    assert float(schedule_factor(recipe, jnp.int32(step))) == pytest.approx(factor, abs=1e-6)


@pytest.mark.parametrize(
    ("steps", "probes"), [(1, 2), (1, 30), (5, 3), (29, 30), (50, 30), (20_000, 30), (10**6, 7)]
)
def test_probe_times_are_distinct_and_end_with_the_run(steps, probes):
    times = probe_times(steps, probes)
    assert len(times) == min(probes, steps + 1)
    assert times[0] == 0
    assert times[-1] == steps
    assert times[1] == 1 or probes == 2
    assert all(a < b for a, b in itertools.pairwise(times))


def test_late_probe_times_are_even_in_the_logarithm():
    times = probe_times(20_000, 30)
    ratios = [b / a for a, b in itertools.pairwise(times) if a > 100]
    assert len(ratios) > 10
    assert max(ratios) / min(ratios) < 1.02
