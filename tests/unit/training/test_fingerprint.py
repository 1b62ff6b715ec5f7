"""What tells a recipe from every other one, functions of a person's own included."""

import functools
import os
import runpy
import subprocess
import sys
from collections import namedtuple
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from overparam.core.errors import UsageError
from overparam.training import Named, Recipe, fingerprint

WEIGHTS = np.array([1.0, 2.0])
SCALE = 2


def of(**changes):
    return fingerprint(Recipe(**{"steps": 10, "learning_rate": 0.1, **changes}))


def squared(outputs, targets):
    return jnp.sum((outputs - targets) ** 2, axis=1)


def absolute(outputs, targets):
    return jnp.sum(jnp.abs(outputs - targets), axis=1)


def by_default(outputs, targets, power=2):
    return jnp.sum(jnp.abs(outputs - targets) ** power, axis=1)


def weighted(outputs, targets):
    return squared(outputs * WEIGHTS, targets)


def scaled(outputs, targets):
    return SCALE * squared(outputs, targets)


def times(factor):
    return lambda outputs, targets: factor * squared(outputs, targets)


def wrapped(factor):
    def around(inner):
        @functools.wraps(inner)
        def call(*given):
            return factor * inner(*given)

        return call

    return around(squared)


def with_slope(slope):
    @jax.custom_vjp
    def twice(outputs):
        return outputs * 2

    twice.defvjp(lambda outputs: (outputs * 2, None), lambda _, back: (slope * back,))
    return lambda outputs, targets: jnp.sum(twice(outputs), axis=1)


class Scaled:
    factor = 2

    def __init__(self, by):
        self.by = by

    def __call__(self, outputs, targets):
        return self.by * squared(outputs, targets)

    def root(self, outputs, targets):
        return self.by * absolute(outputs, targets)


class Slots(NamedTuple):
    count: int
    mean: float = 0.0


def plain_steps(rate, slots=Slots):
    """An optimizer of a person's own whose state is a named tuple, as optax writes them."""
    return optax.GradientTransformation(
        lambda params: slots(0, 1.0), lambda g, state, _=None: (jax.tree.map(lambda x: -rate * x, g), state)
    )


class Slotted:
    __slots__ = ("by",)

    def __init__(self, by):
        self.by = by

    def __call__(self, outputs, targets):
        return self.by * squared(outputs, targets)


def written(text):
    names = {}
    exec(text, names)
    return names["rule"]


def attributed(value):
    def rule(outputs, targets):
        return outputs[:, 0] * rule.by

    rule.by = value
    return rule


# each in a row differs from all others: one is another loss, optimizer or schedule
APART = {
    "loss": [
        lambda: squared, lambda: absolute, lambda: by_default, lambda: weighted, lambda: functools.partial(by_default, power=3),
        lambda: functools.partial(by_default, power=3.0), lambda: functools.partial(by_default, power=np.float32(3)),
        lambda: times(1), lambda: times(2), lambda: times(2.0), lambda: times(2 + 1e-14), lambda: times(np.ones(2)),
        lambda: times(np.ones(2, np.float32)), lambda: times(np.ones((2, 1))), lambda: times(np.array([1.0, 2.0])),
        lambda: times(jnp.ones(2, jnp.int32)), lambda: times((1, 2)), lambda: times([1, 2]), lambda: times({"a": 1, "b": 2}),
        lambda: times({"b": 2, "a": 1}), lambda: times({1, 2}), lambda: times("a"), lambda: times(b"a"), lambda: times(None),
        lambda: times(True), lambda: times(np.ma.array([1.0, 2.0], mask=[0, 1])),
        lambda: times(jax.random.key(0)), lambda: times(jax.random.key(1)), lambda: times(np.zeros(5000)),
        lambda: times(np.arange(5000.0)), lambda: times(jnp.float32), lambda: times(np.dtype("f4")),
        lambda: wrapped(2), lambda: wrapped(3), lambda: jax.vmap(squared), lambda: jax.vmap(squared, in_axes=(0, None)),
        lambda: jax.grad(squared), lambda: jax.grad(squared, argnums=1), lambda: jax.jit(squared), lambda: jax.jit(absolute),
        lambda: with_slope(1.0), lambda: with_slope(2.0), lambda: Scaled(1), lambda: Scaled(2), lambda: Scaled(1).root,
        lambda: Scaled(2).root, lambda: Slotted(1), lambda: Slotted(2), lambda: attributed(1), lambda: attributed(2),
        lambda: written("def rule(f, t): return f[:, 0]"), lambda: written("def rule(f, t): return f[:, 1]"),
        lambda: {1: 2}.get, lambda: {1: 3}.get, lambda: optax.huber_loss, lambda: functools.partial(optax.huber_loss, delta=2.0),
        lambda: (lambda f, t: f[:, 0], lambda f, t: f[:, 1])[0], lambda: (lambda f, t: f[:, 0], lambda f, t: f[:, 1])[1],
        lambda: optax.softmax_cross_entropy,
        lambda: Named(squared, "a", "1"), lambda: Named(squared, "a", "2"), lambda: Named(squared, "b", "1"),
        lambda: functools.partial(Named(squared, "a", "1"), 1), lambda: functools.partial(Named(squared, "a", "2"), 1),
    ],
    "optimizer": [
        lambda: optax.sgd(0.1), lambda: optax.sgd(0.2), lambda: optax.sgd(0.1, momentum=0.9), lambda: optax.sgd(0.1, 0.9, True),
        lambda: optax.adam(0.1), lambda: optax.adam(0.1, b1=0.8), lambda: optax.adamw(0.1),
        lambda: optax.adamw(0.1, weight_decay=0.1),
        lambda: optax.lion(0.1), lambda: optax.lamb(0.1), lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1)),
        lambda: optax.chain(optax.clip_by_global_norm(2.0), optax.sgd(0.1)),
        lambda: optax.chain(optax.sgd(0.1), optax.clip_by_global_norm(1.0)), lambda: optax.sgd(optax.constant_schedule(0.1)),
        lambda: optax.sgd(optax.cosine_decay_schedule(0.1, 10)), lambda: optax.sgd(optax.cosine_decay_schedule(0.1, 20)),
        lambda: optax.masked(optax.sgd(0.1), {"a": True}), lambda: optax.masked(optax.sgd(0.1), {"a": False}),
        lambda: optax.sgd(Named(len, "rate", "1")), lambda: optax.sgd(Named(len, "rate", "2")),
    ],
    "schedule": [
        lambda: "cosine", lambda: "step", lambda: optax.cosine_decay_schedule(0.1, 10),
        lambda: optax.cosine_decay_schedule(0.1, 20),
        lambda: optax.piecewise_constant_schedule(1.0, {5: 0.1}), lambda: optax.piecewise_constant_schedule(1.0, {6: 0.1}),
        lambda: optax.join_schedules([optax.constant_schedule(1.0), optax.constant_schedule(0.5)], [5]),
        lambda: optax.join_schedules([optax.constant_schedule(1.0), optax.constant_schedule(0.5)], [6]),
        lambda: optax.warmup_cosine_decay_schedule(0.0, 1.0, 2, 10), lambda: optax.warmup_cosine_decay_schedule(0.0, 1.0, 3, 10),
    ],
    "layer_rates": [
        lambda: {"a": 1.0}, lambda: {"a": 2.0}, lambda: {"a": 1.0, "*": 2.0}, lambda: {"*": 2.0, "a": 1.0}, lambda: {"a": len},
        lambda: {"a": lambda shape: 1 / shape[0]}, lambda: {"a": lambda shape: 1 / shape[1]}, lambda: {"a": Named(len, "n", "1")},
    ],
}  # fmt: skip


@pytest.mark.parametrize("field", APART)
def test_what_differs_has_another_fingerprint_and_the_same_has_the_same(field):
    first, again = ([of(**{field: make()}) for make in APART[field]] for _ in range(2))
    assert first == again
    twice = [i for i, one in enumerate(first) if one in first[:i]]
    assert not twice


def test_a_global_counts_by_what_it_is_when_it_is_told(monkeypatch):
    before = of(loss=weighted), of(loss=scaled)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3)
    monkeypatch.setattr(sys.modules[__name__], "WEIGHTS", WEIGHTS + 1)
    assert not set(before) & {of(loss=weighted), of(loss=scaled)}


def test_one_recipe_said_in_two_ways_has_one_fingerprint():
    assert of() == of(probes=30, schedule="constant", momentum=0) == of(learning_rate=np.float64(0.1))
    assert of(learning_rate=1) == of(learning_rate=1.0)
    assert of(probe_at=[5, 3]) == of(probe_at=np.array([3, 5]))
    assert of(layer_rates={"a": 1}) == of(layer_rates=(("a", 1.0),))
    assert (
        len(
            {of(), of(steps=11), of(batch=2), of(sampling="replacement"), of(spacing="even"), of(smoothing=0.1)}
        )
        == 6
    )


@pytest.mark.parametrize("value", [np.random.default_rng(0), iter([1]), sys.stdout, __import__("threading").Lock(),
                                   __import__("re").compile("a"), __import__("random").Random(0)])  # fmt: skip
def test_what_cannot_be_told_is_refused_unless_it_is_named(value):
    def rule(outputs, targets, by=value):
        return outputs[:, 0] if by else outputs[:, 1]

    for given in (rule, times(value), jax.jit(rule), functools.partial(squared, value)):
        with pytest.raises(
            UsageError, match=r"^loss: expected something that its code and its values tell apart, .*Named\("
        ):
            of(loss=given)
    assert of(loss=Named(rule, "rule", "1")) != of(loss=Named(rule, "rule", "2"))


@pytest.mark.parametrize("given", [None, 3, Recipe, {}])
def test_what_is_no_recipe_has_no_fingerprint(given):
    with pytest.raises(UsageError, match="recipe: expected Recipe"):
        fingerprint(given)


PROGRAM = """
import optax
from overparam.training import Recipe, fingerprint
def loss(f, t, names=frozenset({"a", "b", "c"})):
    return f[:, 0] if "a" in {"x", "y", "z"} else f[:, 1]
print(fingerprint(Recipe(10, 0.1, loss=loss, optimizer=optax.chain(optax.clip(1.0), optax.adamw(0.1)))))
"""


@pytest.mark.slow
def test_another_process_gives_the_same(tmp_path, capsys):
    (tmp_path / "rule.py").write_text(PROGRAM)
    runpy.run_path(str(tmp_path / "rule.py"))
    there = subprocess.run(
        [sys.executable, "rule.py"], cwd=tmp_path, check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    ).stdout  # fmt: skip
    assert there == capsys.readouterr().out


def test_named_tuples_of_an_own_optimizer_are_told_by_their_fields():
    assert of(optimizer=plain_steps(0.1)) == of(optimizer=plain_steps(0.1))
    assert of(optimizer=plain_steps(0.1)) != of(optimizer=plain_steps(0.2))
    orders = [namedtuple("Pair", names) for names in ("a b", "a b", "b a")]
    same, again, other = (of(optimizer=plain_steps(0.1, kind)) for kind in orders)
    assert same == again != other
