"""Models and data that cannot be measured are refused in a sentence before anything long starts."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.models import mlp
from overparam.operators import Model, hessian, open_model
from tests.odd_networks import BY_ROW, INITS, PASSES
from tests.odd_networks import GIVEN as ODD_PARAMS
from tests.tiny_models import LABELS, PARAMS, D, K, Loader, N, X, apply


def scaled(change):
    return jax.tree.map(change, PARAMS)


def mixed():
    return {"first": PARAMS["first"], "last": jax.tree.map(np.float32, PARAMS["last"])}


def noisy(params, x):
    return apply(params, x) + np.random.default_rng().normal()


def batch_norm(params, x):
    out = apply(params, x)
    return (out - out.mean(0)) / out.std(0)


MODELS = {
    "None": (None, PARAMS, UsageError, "model: expected a Network, a function .* got NoneType"),
    "a text": ("resnet", PARAMS, UsageError, "got str"),
    "parameters alone": (PARAMS, None, UsageError, "got dict"),
    "no parameters": (apply, None, UsageError, "params: expected the parameters of a function"),
    "an empty tree": (apply, {}, UsageError, "expected parameters to derive by, got none"),
    "half precision": (apply, scaled(lambda a: a.astype(np.float16)), UsageError, "got float16 at 'first/bias'"),
    "bfloat16": (apply, scaled(lambda a: jnp.asarray(a, jnp.bfloat16)), UsageError, "got bfloat16"),
    "complex": (apply, scaled(lambda a: a + 1j), UsageError, "real parameters, got complex128"),
    "whole numbers": (apply, scaled(lambda a: a.astype(int)), UsageError, "got int64.*frozen"),
    "two types": (apply, mixed(), UsageError, "parameters of one type, got float32 at 'last/bias'"),
    "missing numbers": (apply, scaled(lambda a: a * np.nan), DataError, "missing or infinite at 'first/bias' and 3 more"),
    "texts": (apply, scaled(str), UsageError, "expected an array at 'first/bias', got str"),
    "a pass that fails": (lambda params, x: x @ params["none"], PARAMS, UsageError, "takes the inputs of data .* KeyError"),
    "a tuple": (lambda params, x: (apply(params, x), 0), PARAMS, UsageError, "one array of outputs, got tuple"),
    "a mean": (lambda params, x: apply(params, x).mean(), PARAMS, UsageError, "one row an example, got shape"),
    "a cast": (lambda params, x: apply(params, x).astype("float32"), PARAMS, UsageError, "got float32. Remove casts"),
    "infinite outputs": (lambda params, x: apply(params, x) / 0, PARAMS, DataError, "finite outputs, got 150 of 150"),
    "too few outputs": (lambda params, x: apply(params, x)[:, :2], PARAMS, DataError, "labels from 0 to 1 for 2 outputs"),
    "random numbers": (noisy, PARAMS, UsageError, "pure function"),
    "statistics of batches": (batch_norm, PARAMS, UsageError, "own example alone"),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_odd_models_are_refused(name):
    model, params, kind, words = MODELS[name]
    with pytest.raises(kind, match=words):
        open_model(model, (X, LABELS), params=params)


DATA = {
    "no examples": ((X[:0], LABELS[:0]), DataError, "at least one example"),
    "an empty loader": (Loader(()), DataError, "yields none"),
    "other lengths": ((X, LABELS[:3]), DataError, "50 inputs and 3 targets"),
    "missing inputs": ((X * np.nan, LABELS), DataError, "data: expected finite numbers"),
    "complex inputs": ((X + 1j, LABELS), DataError, "real numbers, got complex128"),
    "texts": ((X.astype(str), LABELS), DataError, "real numbers"),
    "labels outside": ((X, LABELS + 1), DataError, "from 0 to 2 for 3 outputs, got 3"),
    "other inputs": ((X[:, :2], LABELS), UsageError, "takes the inputs of data"),
    "a shuffling loader": (Loader(change="shuffle"), UsageError, "the loader shuffles"),
    "nothing": (None, UsageError, "got NoneType"),
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_odd_data_are_refused(name):
    data, kind, words = DATA[name]
    with pytest.raises(kind, match=words):
        open_model(apply, data, params=PARAMS)


OPTIONS = {
    "loss": ({"loss": "hinge"}, "unknown loss"),
    "loss as a number": ({"loss": 3}, "loss: expected a name or a function"),
    "a loss that fails": ({"loss": lambda out: out.sum()}, "loss: expected <lambda> to take outputs"),
    "a loss of another shape": ({"loss": lambda out, aims: out}, r"one loss an example, shape \(50,\)"),
    "a loss between examples": ({"loss": lambda out, aims: jnp.sum(out) ** 2}, "neither"),
    "smoothing of a function": ({"loss": lambda out, aims: out.sum(1), "smoothing": 0.1}, "for loss='cross_entropy' alone"),
    "reduction": ({"reduction": "none"}, "reduction: expected"),
    "all frozen": ({"frozen": "*"}, "got all of them"),
    "frozen": ({"frozen": "middle"}, "frozen: expected .* covers none"),
    "memory": ({"memory": -1}, "memory: expected"),
    "memory as a text": ({"memory": "1GB"}, "memory: expected"),
    "products": ({"products": 0}, "products: expected"),
    "dtype": ({"dtype": "float16"}, "dtype: expected 'float32', 'float64' or None"),
    "evaluation": ({"evaluation": "yes"}, "evaluation: expected True or False"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_odd_options_are_refused(name):
    options, words = OPTIONS[name]
    with pytest.raises(OverparamError, match=words):
        open_model(apply, (X, LABELS), params=PARAMS, **options)


def test_networks_of_the_package_have_the_checks_that_they_have_elsewhere():
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    odd = [
        *(next(iter(table.values())) for table in (INITS, PASSES)),
        (BY_ROW["centred outputs"][0], "own example"),
    ]
    for network, words in odd:
        with pytest.raises(OverparamError, match=words):
            open_model(network, (rows, np.zeros(4, int)), params=ODD_PARAMS)
    network = mlp(D, (5,), K)
    params = network.init(jax.random.key(0))
    assert isinstance(open_model(network, (X, LABELS), params=params), Model)
    with pytest.raises(UsageError, match="Flatten images to rows"):
        open_model(network, (X[:, :, None], LABELS), params=params)
    with pytest.raises(UsageError, match=r"params=network.init\(key\)"):
        open_model(network, (X, LABELS))


@pytest.mark.slow
def test_one_example_and_unequal_batches_are_measured():
    one = open_model(apply, (X[:1], LABELS[:1]), params=PARAMS)
    assert one.convention == "Loss: mean over 1 example of cross entropy."
    assert hessian(one).shape == (one.size, one.size)
    unequal = open_model(apply, Loader((49, 1)), params=PARAMS)
    assert unequal.examples == N


def test_one_array_in_two_places_is_said():
    shared = np.ones((D, D))
    model = open_model(
        lambda params, x: jnp.tanh(x @ params["a"]) @ params["b"], (X, X), params={"a": shared, "b": shared}
    )
    assert any("'a' and 'b' are one array" in note for note in model.notes)
    assert model.size == 2 * D * D


def test_pytorch_is_not_imported_for_a_model_of_jax():
    code = (
        "import sys, numpy as np; from overparam.operators import hessian, open_model\n"
        "model = open_model(lambda p, x: x @ p, (np.eye(2), np.ones((2, 1))), params=np.ones((2, 1)))\n"
        "assert (hessian(model) @ np.ones(2) == 0.5).all()\n"
        "assert 'torch' not in sys.modules and 'flax' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
