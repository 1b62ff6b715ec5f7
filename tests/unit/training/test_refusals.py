"""Odd recipes, rules of one's own and members: one clear sentence each, before a step is taken."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.models import linear
from overparam.training import Checkpoint, Keep, Member, Named, Recipe, train

RNG = np.random.default_rng(0)
N, D, K = 8, 3, 2
X = RNG.standard_normal((N, D)).astype(np.float32)
Y = RNG.integers(0, K, N)
SOFT = np.eye(K)[Y]
NETWORK = linear(D, K)


def run(member=None, more=(), network=NETWORK, x=X, y=Y, start=None, keep=None, **changes):
    recipe = Recipe(**{"steps": 50, "learning_rate": 0.1, "batch": 4, "probes": 2, **changes})
    members = [Member(0, y), *more, *([] if member is None else [Member(1, y)])]
    for name, value in (member or {}).items():
        object.__setattr__(members[-1], name, value)  # past the types that the tests check as well
    return train(
        network, recipe, members, x, X, Y if y is SOFT or y is Y else y, start=start, keep=keep,
        progress=lambda fraction: pytest.fail("a step was taken"),
    )  # fmt: skip


def each(function):
    """A loss that gives what a function of the losses gives."""
    return lambda outputs, labels: function(optax.softmax_cross_entropy_with_integer_labels(outputs, labels))


def failing(*given):
    raise ValueError("no such thing")


def at_random(key, x):
    return x + np.random.default_rng().standard_normal()


calls = []


def counting(step):
    calls.append(step)
    return 1.0 / len(calls)


def keeps(update):
    """A transformation with an update of its own."""
    return optax.GradientTransformation(lambda params: jnp.float32(0), update)


def double(tree):
    return jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf]), tree)


class Unhashable:
    __hash__ = None

    def __call__(self, outputs, labels):
        return outputs[:, 0]


class Ambiguous(Unhashable):
    __hash__ = object.__hash__

    def __eq__(self, other):
        return np.array([True, False])


LOSSES = {
    "a scalar": (each(jnp.mean), r"loss: expected one number an example, shape \(4,\).* got shape \(\) of float32"),
    "a column": (each(lambda v: v[:, None]), r"got shape \(4, 1\)"),
    "a number an output": (lambda f, y: f**2, r"got shape \(4, 2\)"),
    "whole numbers": (each(lambda v: jnp.int32(v)), "of int32"),
    "half precision": (each(lambda v: v.astype(jnp.bfloat16)), "of bfloat16"),
    "a pair": (each(lambda v: (v, v)), "got tuple"),
    "nothing": (each(lambda v: None), "got NoneType"),
    "one argument": (lambda f: f[:, 0], "loss: expected a pure JAX function, got TypeError"),
    "a failure": (failing, "got ValueError: no such thing"),
    "an if": (each(lambda v: v if v[0] > 0 else -v), "got TracerBoolConversionError"),
    "NaN": (each(lambda v: v * jnp.nan), "loss: expected finite numbers at the start, got 8 of 8 .* member 0"),
    "log of 0": (each(lambda v: jnp.log(jnp.minimum(v, 0.0))), "expected finite numbers at the start"),
    "a root's slope": (lambda f, y: jnp.sqrt(f[:, 0] * 0), "expected finite slopes at the start"),
    "a batch of 4 alone": (each(lambda v: v.reshape(4)), "loss: expected a pure JAX function, got TypeError"),
    "the mean in every row": (each(lambda v: jnp.full_like(v, v.mean())), "its own outputs and target alone"),
    "less the mean": (each(lambda v: v - v.mean()), "its own outputs and target alone"),
    "a callback": (each(lambda v: jax.pure_callback(lambda u: u, v, v)), "callback"),
    "numpy.random": (each(lambda v: v + np.random.default_rng().standard_normal()), "expected a pure function"),
    "no truth": (Ambiguous(), "loss: expected something that can be hashed and compared, got Ambiguous"),
    "a class": (Unhashable(), "loss: expected something that can be hashed and compared, got Unhashable"),
    "a number": (3, "loss"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_odd_losses_are_refused(name):
    given, words = LOSSES[name]
    with pytest.raises(OverparamError, match=words):
        run(loss=given)


def test_a_loss_that_fails_for_a_later_member_names_it():
    y = np.ones((N, K), np.float32)
    bad = y.copy()
    bad[3] = -1.0
    with pytest.raises(DataError, match="got 1 of 8 that are not for member 2"):
        run({"y": bad}, [Member(5, y)], y=y, loss=lambda f, t: jnp.sum((f - jnp.log(t)) ** 2, axis=1))


RULES = {
    "optimizer not called": ({"optimizer": optax.sgd}, "optimizer: expected a name or an optax transformation, got function"),
    "optimizer of another kind": ({"optimizer": optax.MultiSteps(optax.sgd(0.1), 2)}, "got MultiSteps"),
    "optimizer with momentum": ({"optimizer": optax.sgd(0.1), "momentum": 0.9}, "has its own momentum"),
    "updates of another shape": (
        {"optimizer": keeps(lambda g, s, p=None: (double(g), s))}, "optimizer: expected updates of the parameters' shapes"),
    "updates of another tree": ({"optimizer": keeps(lambda g, s, p=None: ([g], s))}, "expected updates of the parameters'"),
    "updates of another type": (
        {"optimizer": keeps(lambda g, s, p=None: (jax.tree.map(lambda a: a.astype(jnp.bfloat16), g), s))}, "and types"),
    "a state that grows": ({"optimizer": keeps(lambda g, s, p=None: (g, (s, s)))}, "a state that keeps its shapes"),
    "a state of another type": ({"optimizer": keeps(lambda g, s, p=None: (g, jnp.int32(0)))}, "a state that keeps"),
    "init that fails": ({"optimizer": optax.GradientTransformation(failing, failing)}, "optimizer: .* ValueError"),
    "an optimizer that wants the loss": ({"optimizer": optax.polyak_sgd()}, "optimizer: expected a pure JAX function"),
    "a schedule of NaN": ({"schedule": lambda t: jnp.where(t == 40, jnp.nan, 1.0)}, "got nan at step 40"),
    "a negative schedule": ({"schedule": optax.linear_schedule(1.0, -1.0, 40)}, "of at least 0 .* at step 21"),
    "an infinite schedule": ({"schedule": lambda t: 1.0 / t}, "got inf at step 0"),
    "a vector for a schedule": ({"schedule": lambda t: jnp.ones(3)}, r"expected one real number for a step, got shape \(3,\)"),
    "a schedule without a number": ({"schedule": lambda t: None}, "schedule: expected"),
    "complex": ({"schedule": lambda t: 1j * t}, "expected one real number"),
    "a schedule with an if": ({"schedule": lambda t: 1.0 if t > 3 else 0.1}, "TracerBoolConversionError"),
    "a schedule that counts": ({"schedule": counting}, "schedule: expected a pure function"),
    "a schedule in a list": ({"schedule": ["cosine"]}, "schedule"),
    "augment of another shape": ({"augment": lambda k, x: x[:2]}, r"augment: expected inputs of shape .* got shape \(2, 3\)"),
    "augment of another type": ({"augment": lambda k, x: x.astype(jnp.float16)}, "of float16"),
    "augment of whole numbers": ({"augment": lambda k, x: jnp.round(x).astype(int)}, "of int32"),
    "augment without a key": ({"augment": lambda x: x}, "augment: expected a pure JAX function, got TypeError"),
    "augment at random": ({"augment": at_random}, "augment: expected a pure function"),
    "augment that is not finite": ({"augment": lambda k, x: x / 0}, "augment: expected finite inputs back, got 12"),
    "a stream of NaN": ({"stream": lambda k, b: (jnp.full((b, D), jnp.nan), jnp.zeros(b, int))}, "x of the stream: .* finite"),
    "a stream of other classes": ({"stream": lambda k, b: (jnp.ones((b, D)), jnp.full(b, 7))}, "y of the stream: .* from 0 to 1"),
    "a stream at random": ({"stream": lambda k, b: (at_random(k, jnp.ones((b, D))), jnp.zeros(b, int))}, "stream: .* pure"),
    "augment that is none": ({"augment": 3}, "augment: expected a function"),
    "augment without arrays": ({"augment": lambda k, x: None}, "got NoneType"),
    "rates of no layer": ({"layer_rates": {"hidden9": 0.1}}, "layer_rates: 'hidden9' fits none of the parameters"),
    "a negative rate": ({"layer_rates": {"output": -1.0}}, "layer_rates: output: expected"),
    "a rate of NaN": ({"layer_rates": {"output": lambda s: np.nan}}, "layer_rates: output/bias: expected"),
    "a rate that fails": ({"layer_rates": {"output": failing}}, "layer_rates: output/bias: expected a function"),
    "rates in a number": ({"layer_rates": 0.1}, "layer_rates: expected numbers by pattern"),
    "no rates": ({"layer_rates": None}, "layer_rates: expected numbers by pattern"),
    "a text of rates": ({"layer_rates": "output"}, "layer_rates: expected numbers by pattern"),
    "rates without a pattern": ({"layer_rates": [("", 1.0)]}, "layer_rates: expected pairs"),
    "times beyond the end": ({"probe_at": [51]}, "probe_at: expected steps up to the last, 50, got 51"),
    "no times": ({"probe_at": []}, "probe_at: expected at least one step"),
    "half a step": ({"probe_at": [1.5]}, "probe_at: expected a whole number"),
    "one time": ({"probe_at": 5}, "probe_at: expected steps in a list"),
    "text": ({"probe_at": "12"}, "probe_at: expected steps in a list"),
    "negative": ({"probe_at": [-1]}, "probe_at: expected a whole number of at least 0"),
    "replacement of all": ({"batch": None, "sampling": "replacement"}, "sampling: expected 'epochs' with the full batch"),
    "unknown sampling": ({"sampling": ["epochs"]}, "sampling"),
    "unknown spacing": ({"spacing": "evn"}, "unknown spacing 'evn'. Did you mean 'even'"),
    "smoothing of 1": ({"smoothing": 1.0}, "smoothing: expected"),
    "smoothing of a square": ({"smoothing": 0.1, "loss": "squared"}, "smoothing: expected"),
    "smoothing of one's own": ({"smoothing": 0.1, "loss": each(lambda v: v)}, "smoothing: expected"),
    "smoothing of text": ({"smoothing": "0.1"}, "smoothing: expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_odd_rules_are_refused(name):
    given, words = RULES[name]
    with pytest.raises(OverparamError, match=words):
        run(**given)


SOFTS = {
    "half": (
        SOFT / 2,
        "y of member 0: expected rows that are not negative and sum to 1, got a sum of 0.5 in row 0",
    ),
    "negative": (np.where(np.arange(N)[:, None] == 3, [1.5, -0.5], SOFT), "got -0.5 in row 3"),
    "NaN": (np.where(np.arange(N)[:, None] == 5, np.nan, SOFT), "got nan in row 5"),
    "infinite": (np.where(np.arange(N)[:, None] == 2, np.inf, SOFT), "got a sum of inf in row 2"),
    "one class too many": (np.c_[SOFT, np.zeros(N)], "or a distribution over the 2 classes"),
    "flat": (SOFT[:, 0], "or a distribution over the 2 classes"),
}


@pytest.mark.parametrize("name", SOFTS)
def test_odd_soft_targets_are_refused(name):
    given, words = SOFTS[name]
    with pytest.raises(OverparamError, match=words):
        run(y=given)


def ragged():
    return [[1.0, 2.0, 3.0], [1.0]]


MEMBERS = {
    "x of text": ({"x": "x"}, "x of member 1: expected"),
    "x of nothing": ({"x": ragged()}, "x of member 1: expected real numbers in rows of one length"),
    "x of another width": ({"x": X[:, :2]}, r"x of member 1: expected shape \(n, 3\)"),
    "x of another n": ({"x": X[:5]}, "y of member 1: expected 5 entries, one an example"),
    "x of NaN": ({"x": X * np.nan}, "x of member 1: expected finite"),
    "x in one row": ({"x": X[0]}, "x of member 1: expected shape"),
    "a large batch": ({"batch": 9}, "batch of member 1: expected at most the 8 training examples, got 9"),
    "a batch larger than its own": (
        {"x": X[:3], "y": Y[:3]},
        "batch: expected at most the 3 training examples, got 4",
    ),
    "no batch": ({"batch": 0}, "batch of member 1: expected a whole number of at least 1"),
    "half a batch": ({"batch": 2.5}, "batch of member 1: expected"),
    "a negative order": ({"order": -1}, "order: expected a whole number from 0"),
    "half an order": ({"order": 0.5}, "order: expected a whole number from 0"),
    "y of another group": ({"batch": 2, "y": Y + 5}, "y of member 1: expected labels from 0 to 1"),
    "a mask in another group": (
        {"batch": 2, "mask": {"output": {"bias": np.full(K, 0.5)}}},
        "mask of member 1",
    ),
    "a rate in another group": ({"batch": 2, "learning_rate": -1.0}, "learning_rate of member 1: expected"),
    "a state where there is none": (
        {"batch": 2, "state": {"ema": np.ones(2)}},
        "state of member 1: expected names of",
    ),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_odd_members_are_refused_before_any_is_trained(name):
    given, words = MEMBERS[name]
    with pytest.raises(OverparamError, match=words):
        run(given)


def test_members_need_examples():
    with pytest.raises(DataError, match=r"x: expected shape \(n, 3\)"):
        run({"x": X}, x=None)


PARAMS = jax.tree.map(np.asarray, NETWORK.init(jax.random.key(0)))
TRACE = optax.sgd(0.1, 0.9)
STARTS = {
    "another optimizer": ({"slots": optax.adam(0.1).init(PARAMS)}, "start of member 1: expected slots of the optimizer 'sgd'"),
    "another kind of state": ({"slots": (PARAMS,)}, "start of member 1: expected slots"),
    "float64 slots": ({"slots": jax.tree.map(lambda a: np.asarray(a, float), TRACE.init(PARAMS))}, "expected slots"),
    "another step": ({"step": 3}, "start: expected checkpoints of one step"),
    "another origin": ({"origin": {"a": 1}}, "origin of member 1: expected the structure"),
    "no parameters": ({"params": None}, "start of member 1: expected the structure"),
}  # fmt: skip


@pytest.mark.parametrize("name", STARTS)
def test_odd_checkpoints_are_refused(name):
    given, words = STARTS[name]
    points = [Checkpoint(PARAMS), Checkpoint(**{"params": PARAMS, **given})]
    with pytest.raises(UsageError, match=words):
        run({}, start=points, momentum=0.9)


def test_what_is_kept_is_checked_for_every_group():
    with pytest.raises(UsageError, match="keep: expected a step from 0 to 50 as 'a', got 99"):
        run({"batch": 2}, keep={"a": Keep(step=99)})
    with pytest.raises(UsageError, match="keep: a: expected 'test_loss' among the measured numbers"):
        run({"batch": 2}, keep={"a": Keep(value="test_loss", at_most=0.1)})


@pytest.mark.parametrize(
    "given", [(3, "a", "1"), (len, "", "1"), (len, "a", ""), (len, "a", 1), (len, " ", "1"), (len, None, "1")]
)
def test_a_named_function_has_a_name_and_a_version(given):
    with pytest.raises(UsageError, match="Named: expected a function, a name and a version"):
        Named(*given)
