"""Models and losses of JAX that are often odd: indices outside, narrow types, modes of training, labels read as others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.operators import open_model
from overparam.operators.jax_trace import mark_of
from tests.tiny_models import LABELS, K, X, Y

ROWS = X.astype(np.float32)
WEIGHT = {"w": np.arange(12, dtype=np.float32).reshape(4, 3) / 10}
TOKENS = np.random.default_rng(1).integers(0, 11, (6, 5))
NEXT = np.where(np.arange(5) == 4, -100, np.roll(TOKENS, -1, 1))
EMBEDDING = {"e": np.eye(11, 4, dtype=np.float32), "o": np.ones((4, 11), np.float32)}


def linear(params, x):
    return x @ params["w"]


def tokens(params, ids):
    return jnp.tanh(params["e"][ids]) @ params["o"]


def clamping(out, labels):
    return jax.nn.logsumexp(out, axis=-1) - out[jnp.arange(len(out)), labels]


def drawn(params, x):
    return linear(params, x) + jax.random.normal(
        jax.random.key(np.random.default_rng().integers(10**6)), (1, 3)
    )


REFUSED = {
    "tokens outside": (
        tokens, (TOKENS + 5, NEXT), EMBEDDING, {"ignore": -100}, DataError, r"got 15, which is outside .*\(11, 4\)",
    ),
    "tokens outside at the end": (
        tokens, (np.r_[np.tile(TOKENS, (50, 1)), TOKENS + 6], np.tile(NEXT, (51, 1))), EMBEDDING, {"ignore": -100}, DataError,
        "got 16",
    ),
    "tokens too large": (tokens, (TOKENS + 2**40, NEXT), EMBEDDING, {}, DataError, "whole numbers from"),
    "labels that are clamped": (linear, (ROWS, LABELS + 1), WEIGHT, {"loss": clamping}, DataError, "got 3 .* reads as other"),
    "labels counted from the end": (linear, (ROWS, LABELS - 1), WEIGHT, {"loss": clamping}, DataError, "got -1 .* reads as"),
    "a mean of labels that are clamped": (
        linear, (ROWS, LABELS + 1), WEIGHT, {"loss": lambda out, aim: clamping(out, aim).mean()}, DataError, "reads as other",
    ),
    "a loss of NumPy": (
        linear, (ROWS, LABELS), WEIGHT, {"loss": lambda out, aim: np.mean(np.asarray(out))}, UsageError, "no NumPy",
    ),
    "a loss as a float": (linear, (ROWS, LABELS), WEIGHT, {"loss": lambda out, aim: float(out.sum())}, UsageError, "no float"),
    "true and false": (linear, (ROWS, Y > 0), WEIGHT, {}, DataError, "got bool"),
    "a key that a pass draws": (drawn, (ROWS, LABELS), WEIGHT, {}, UsageError, "pure function"),
    "a branch by numbers": (
        lambda params, x: linear(params, x) if x.sum() > 0 else -linear(params, x), (ROWS, LABELS), WEIGHT, {}, UsageError,
        "TracerBoolConversionError",
    ),
    "complex outputs": (lambda params, x: jnp.fft.fft(linear(params, x)), (ROWS, LABELS), WEIGHT, {}, UsageError, "complex64"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_read_wrongly_is_refused(name):
    model, data, params, options, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        open_model(model, data, params=params, **options)


def test_a_loss_of_pytorch_is_refused_for_a_model_of_jax():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra, and is not installed")
    with pytest.raises(UsageError, match="got CrossEntropyLoss of PyTorch"):
        open_model(linear, (ROWS, LABELS), params=WEIGHT, loss=torch.nn.CrossEntropyLoss())


def test_a_model_opened_again_shares_programs_and_a_changed_one_does_not():
    scale = [1.0]

    def scaled(params, x):
        return scale[0] * linear(params, x)

    one, two = (open_model(scaled, (ROWS[:half], LABELS[:half]), params=WEIGHT) for half in (25, 50))
    assert one.programs is two.programs
    scale[0] = 2.0
    three = open_model(scaled, (ROWS, LABELS), params=WEIGHT)
    assert three.programs is not two.programs
    assert np.allclose(three.outputs(), 2 * two.outputs())


def test_a_mark_tells_how_operations_are_joined():
    minus, back = (mark_of(function, 1.0, 2.0) for function in (lambda a, b: a - b, lambda a, b: b - a))
    assert minus != back
    assert mark_of(lambda a: a * np.ones(3), 1.0) != mark_of(lambda a: a * np.arange(3.0), 1.0)


@pytest.mark.slow
def test_modes_of_training_of_flax_are_told():
    pytest.importorskip("flax", reason="Flax is optional, and is not installed")
    from flax import linen, nnx

    class Drops(linen.Module):
        @linen.compact
        def __call__(self, x):
            return linen.Dense(K)(linen.Dropout(0.5, deterministic=False)(x))

    key = jax.random.key(0)
    params = Drops().init({"params": key, "dropout": key}, ROWS)
    with pytest.raises(UsageError, match=r"begins at 'Dropout_0' \(Dropout\): dropout is drawn"):
        open_model(Drops(), (ROWS, LABELS), params=params, call={"rngs": {"dropout": key}})

    class Norms(nnx.Module):
        def __init__(self, rngs):
            self.norm, self.last = nnx.BatchNorm(4, rngs=rngs), nnx.Linear(4, K, rngs=rngs)

        def __call__(self, x):
            return self.last(self.norm(x))

    with pytest.raises(UsageError, match="[Mm]easure in evaluation mode"):
        open_model(Norms(nnx.Rngs(0)), (ROWS, LABELS), evaluation=False)


def test_a_state_of_equinox_is_left_as_it_is_and_its_normalisation_named():
    eqx = pytest.importorskip("equinox", reason="Equinox is optional, and is not installed")

    class Norms(eqx.Module):
        last: eqx.nn.Linear
        norm: eqx.nn.BatchNorm

        def __call__(self, x, state):
            return self.norm(self.last(x), state)

    net, state = eqx.nn.make_with_state(
        lambda: Norms(eqx.nn.Linear(4, K, key=jax.random.key(0)), eqx.nn.BatchNorm(K, "batch", mode="batch"))
    )()
    open_model(net, (ROWS, LABELS), params=state)
    with pytest.raises(UsageError, match=r"'norm' \(BatchNorm\): it normalises by the batch"):
        open_model(net, (ROWS, LABELS), params=state, evaluation=False)


def test_errors_of_flax_and_equinox_say_what_to_give():
    eqx = pytest.importorskip("equinox", reason="Equinox is optional, and is not installed")
    linen = pytest.importorskip("flax.linen", reason="Flax is optional, and is not installed")
    key = jax.random.key(0)

    class Norms(linen.Module):
        @linen.compact
        def __call__(self, x, train=False):
            return linen.Dense(K)(linen.BatchNorm(use_running_average=not train)(x))

    class Drops(eqx.Module):
        last: eqx.nn.Linear
        drop: eqx.nn.Dropout

        def __call__(self, x, *, key=None):
            return self.drop(self.last(x), key=key)

    class Whole(eqx.Module):
        inner: eqx.nn.Linear

        def __call__(self, x):
            return jax.vmap(self.inner)(x)

    class Keeps(eqx.Module):
        inner: eqx.nn.Linear

        def __call__(self, x, state):
            return self.inner(x), state

    line, params = eqx.nn.Linear(4, K, key=key), Norms().init(key, ROWS)
    drops = Drops(line, eqx.nn.Dropout(0.5))
    for model, options, words in (
        (Norms(), {"params": params["params"]}, "Give all collections of its variables"),
        (Norms(), {"params": params, "call": {"train": True}}, "evaluation=True"),
        (drops, {"evaluation": False}, "measure in evaluation mode|Measure in evaluation mode"),
        (Whole(line), {}, "for one that takes whole batches give a function of its arrays"),
        (Keeps(line), {}, "params: expected the state that the Equinox module Keeps takes, got None"),
        (line, {"params": WEIGHT}, "expected None, or the eqx.nn.State of the Equinox module Linear"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            open_model(model, (ROWS, LABELS), **options)
        assert "https://" not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert open_model(drops, (ROWS, LABELS)).size == 15
