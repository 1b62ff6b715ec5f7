"""Schedules that are given numbers: closed forms, equality, fingerprints, and what is refused."""

import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import linear as line
from overparam.training import Member, Recipe, fingerprint, train
from overparam.training.schedules import cosine, drops, exponential, linear

STEPS = range(40)
FORMS = [
    (drops((8, 12)), lambda t: 0.1 ** ((t >= 8) + (t >= 12))),
    (drops([5], 0.5, warmup=4), lambda t: min(1, (t + 1) / 4) * 0.5 ** (t >= 5)),
    (drops(np.array([3, 30]), 2.0), lambda t: 2.0 ** ((t >= 3) + (t >= 30))),
    (exponential(0.95, 7), lambda t: 0.95 ** (t // 7)),
    (exponential(0.5, warmup=3), lambda t: min(1, (t + 1) / 3) * 0.5**t),
    (cosine(40), lambda t: (1 + math.cos(math.pi * t / 40)) / 2),
    (
        cosine(25, warmup=5),
        lambda t: (t + 1) / 5 if t < 5 else (1 + math.cos(math.pi * min(t - 5, 20) / 20)) / 2,
    ),
    (linear(10, 30, 0.01), lambda t: 1 - 0.99 * min(max(t - 10, 0), 20) / 20),
    (linear(0, 20, warmup=2), lambda t: min(1, (t + 1) / 2) * max(0, 1 - t / 20)),
]


@pytest.mark.parametrize(("schedule", "form"), FORMS, ids=[str(one) for one, _ in FORMS])
def test_a_schedule_is_its_formula_compiled_or_not(schedule, form):
    want = [form(t) for t in STEPS]
    got = jax.jit(jax.vmap(schedule))(jnp.arange(40))
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, want, atol=2e-6)
    assert float(schedule(7)) == pytest.approx(want[7], abs=2e-6)


def test_equal_arguments_give_equal_schedules_and_others_do_not():
    again = [drops([8, 12]), exponential(0.95, 7), cosine(40), linear(10, 30, 0.01)]
    prints = {fingerprint(Recipe(40, 0.1, schedule=one)) for one, _ in FORMS}
    assert len(prints) == len(FORMS)
    for one in again:
        assert fingerprint(Recipe(40, 0.1, schedule=one)) in prints
        assert Recipe(40, 0.1, schedule=one) == Recipe(40, 0.1, schedule=pickle.loads(pickle.dumps(one)))


def test_a_schedule_reaches_training():
    """Where its factor is 0, nothing moves."""
    x, y = np.eye(3, dtype=np.float32), np.array([0, 1, 2])
    recipe = Recipe(8, 0.5, schedule=linear(3, 4, 0.0), batch=2, probe_at=(4, 8))
    (run,) = train(line(3, 3), recipe, [Member(0, y)], x, x, y)
    losses = run.values["train_loss"]
    assert losses[0] > losses[1] == losses[2]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: drops(()), r"at: expected steps, as \(8000, 12000\), got \(\)"),
        (lambda: drops(80), "at: expected steps, as .*, got 80"),
        (lambda: drops("80"), "at: expected steps"),
        (lambda: drops(b"80"), "at: expected steps"),
        (lambda: drops({80, 120}), "at: expected steps"),
        (lambda: drops(None), "at: expected steps"),
        (lambda: drops((80.5,)), "at: expected a whole number of at least 1, got 80.5"),
        (lambda: drops((True,)), "at: expected a whole number"),
        (lambda: drops((0, 5)), "at: expected a whole number of at least 1, got 0"),
        (lambda: drops((120, 80)), "at: expected steps that ascend"),
        (lambda: drops((80, 80)), "at: expected steps that ascend"),
        (lambda: drops((80,), 0.0), "factor: expected a number above 0"),
        (lambda: drops((80,), math.nan), "factor: expected a number above 0"),
        (lambda: drops((80,), "0.1"), "factor: expected a number above 0"),
        (lambda: drops((80,), warmup=-1), "warmup: expected a whole number of at least 0"),
        (lambda: drops((80,), warmup=2.0), "warmup: expected a whole number"),
        (lambda: exponential(-1.0), "factor: expected a number above 0"),
        (lambda: exponential(0.5, 0), "period: expected a whole number of at least 1"),
        (lambda: cosine(0), "steps: expected a whole number of at least 1"),
        (lambda: cosine(5, warmup=5), "warmup: expected fewer than the 5 steps, got 5"),
        (lambda: linear(5, 5), "end: expected a step behind 5"),
        (lambda: linear(-1, 5), "begin: expected a whole number of at least 0"),
        (lambda: linear(1, 5, -0.1), "last: expected a number of at least 0"),
        (lambda: linear(1, 5, math.inf), "last: expected a number of at least 0"),
    ],
)
def test_what_is_odd_is_named(make, text):
    with pytest.raises(UsageError, match=f"^{text}"):
        make()
