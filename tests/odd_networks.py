"""Networks and parameters as people bring them, each with one thing that must be refused, and the words that say so."""

import random
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from overparam.models import Network, mlp

D, K = 3, 2


def init(key):
    first, second = jax.random.split(key)
    return {"w": jax.random.normal(first, (D, 4)), "v": jax.random.normal(second, (4, K))}


def apply(params, x):
    return jnp.tanh(x @ params["w"]) @ params["v"]


PLAIN = Network("plain", init, apply, D, K)


def with_init(make):
    return replace(PLAIN, init=make)


def added(**more):
    """The plain network whose parameters hold more."""
    return with_init(lambda key: {**init(key), **{k: v() if callable(v) else v for k, v in more.items()}})


def cast(kind):
    return with_init(lambda key: jax.tree.map(lambda leaf: leaf.astype(kind), init(key)))


def flax_like(key):
    return {"params": init(key), "batch_stats": {"bn": {"mean": jnp.zeros(4), "var": jnp.ones(4)}}}


INITS = {
    "bfloat16": (cast(jnp.bfloat16), "expected float32 or float64, got bfloat16, which has 3 digits. Cast it"),
    "float16": (cast(jnp.float16), "expected float32 or float64, got float16"),
    "float8": (cast(jnp.float8_e4m3fn), "expected float32 or float64, got float8_e4m3fn, which has 1 digit"),
    "one leaf in bfloat16": (added(b=lambda: jnp.zeros(K, jnp.bfloat16)), "network: b of 'plain'.*got bfloat16"),
    "complex": (cast(jnp.complex64), "got complex64 at 'v'. Give real and imaginary part as two arrays"),
    "integers": (added(n=lambda: jnp.int32(3)), r"got int32 at 'n'. If it is state, declare it: .*state=\('n',\)"),
    "booleans": (added(on=lambda: jnp.ones(4, bool)), "got bool at 'on'"),
    "a key": (added(noise=lambda: jax.random.key(0)), r"got key<fry> at 'noise'.*state=\('noise',\)"),
    "a function": (added(act=lambda: jnp.tanh), "expected arrays from init of 'plain', got .* at 'act'.*eqx.partition"),
    "a text": (added(kind="relu"), "expected arrays from init of 'plain', got str at 'kind'"),
    "an object": (added(o=lambda: object()), "got object at 'o'"),
    "array of texts": (added(o=np.array(["a"])), "got ndarray at 'o'"),
    "no parameters": (with_init(lambda key: {}), "got no array"),
    "None": (with_init(lambda key: None), "got no array"),
    "empty arrays": (with_init(lambda key: {"w": jnp.zeros((0, 3))}), "got nothing"),
    "another argument": (with_init(lambda key, x: init(key)), r"expected init\(key\) -> params of 'plain', got TypeError"),
    "batch_stats": (with_init(flax_like), r"'batch_stats/bn/mean' of 'plain' looks like state.*state=\('batch_stats',\)"),
    "running mean": (added(bn={"running_mean": np.zeros(4, "f")}), r"looks like state.*state=\('\*/running_mean',\)"),
    "mean and var": (added(bn={"scale": np.ones(4, "f"), "mean": np.zeros(4, "f"), "var": np.ones(4, "f")}), "looks like"),
    "a mask": (added(mask=lambda: jnp.ones(4)), r"looks like state .*if it is to be trained, state=\('!mask',\)"),
    "a name that is not there": (replace(PLAIN, state=("batch_stat",)), "'batch_stat' names nothing .* there is v, w"),
    "everything held": (replace(PLAIN, state=("*",)), "got nothing but what is held constant"),
    "random numbers": (with_init(lambda key: {**init(key), "b": jnp.full(2, random.random())}), "init .* pure function"),
}  # fmt: skip


def counted():
    calls = []

    def changing(params, x):
        calls.append(1)
        return apply(params, x) * len(calls)

    return changing


def mixed(params, x):
    return (x.astype(jnp.bfloat16) @ params["w"].astype(jnp.bfloat16)).astype(jnp.float32) @ params["v"]


def inner_mixed(params, x):
    return jax.lax.map(lambda row: mixed(params, row[None])[0], x)


def batch_norm(params, x):
    h = x @ params["w"]
    return ((h - h.mean(0)) / jnp.sqrt(h.var(0) + 1e-5)) @ params["v"]


def dropout(params, x):
    keep = jax.random.bernoulli(jax.random.key(0), 0.5, (x.shape[0], 4))
    return (jnp.tanh(x @ params["w"]) * keep) @ params["v"]


def called_back(params, x):
    out = apply(params, x)
    return jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct(out.shape, out.dtype), out)


PASSES = {
    "bfloat16 outputs": (lambda p, x: apply(p, x).astype(jnp.bfloat16), "to compute in float32 or float64, got bfloat16"),
    "mixed precision": (mixed, "got bfloat16 in .*good to 3 digits.*dtype=jnp.float32"),
    "mixed precision in a loop": (inner_mixed, "got bfloat16"),
    "reduced precision": (lambda p, x: jax.lax.reduce_precision(apply(p, x), 8, 7), "got 7 bits in reduce_precision"),
    "outputs of one axis": (lambda p, x: apply(p, x)[:, 0], r"got \(batch,\) for a batch of 3"),
    "too many outputs": (lambda p, x: jnp.tanh(x @ p["w"]), r"got \(batch, 4\).*Change the last layer, or give outputs=4"),
    "three axes": (lambda p, x: apply(p, x)[:, None], r"got \(batch, 1, 2\)"),
    "columns": (lambda p, x: apply(p, x).T, r"got \(2, 3\)"),
    "a mean": (lambda p, x: apply(p, x).mean(), "from apply of 'plain', got"),
    "a dict": (lambda p, x: {"logits": apply(p, x)}, "got dict. Return the outputs alone"),
    "updates": (lambda p, x: (apply(p, x), {"batch_stats": {}}), "got tuple. With mutable collections Flax returns"),
    "None": (lambda p, x: None, "got NoneType"),
    "whole numbers": (lambda p, x: apply(p, x).astype(int), "got int32"),
    "complex outputs": (lambda p, x: apply(p, x) + 1j, "got complex64"),
    "other inputs": (lambda p, x: apply(p, x.reshape(-1, 7)), "to take x of shape .batch, 3., got TypeError"),
    "another argument": (lambda p, key, x: apply(p, x), "got TypeError"),
    "numpy on tracers": (lambda p, x: np.tanh(np.asarray(x)), "got TracerArrayConversionError"),
    "random numbers": (lambda p, x: apply(p, x) * random.random(), "apply of 'plain' to be a pure function"),
    "a counter": (counted(), "apply of 'plain' to be a pure function"),
    "a callback": (called_back, "got a callback into Python"),
}  # fmt: skip
PASSES = {name: (replace(PLAIN, apply=made), words) for name, (made, words) in PASSES.items()}
BY_ROW = {
    "batch normalisation": (replace(PLAIN, apply=batch_norm), "depend on its own row alone"),
    "dropout": (replace(PLAIN, apply=dropout), "depend on its own row alone"),
    "centred outputs": (
        replace(PLAIN, apply=lambda p, x: apply(p, x) - apply(p, x).mean(0)),
        "depend on its own row alone",
    ),
}

GIVEN = init(jax.random.key(0))
PARAMS = {
    "bfloat16": (lambda p: jax.tree.map(lambda a: a.astype(jnp.bfloat16), p), "got bfloat16, which has 3 digits"),
    "float16 of numpy": (lambda p: jax.tree.map(lambda a: np.asarray(a, np.float16), p), "got float16"),
    "integers": (lambda p: jax.tree.map(lambda a: a.astype(int), p), "expected an array of floats, got int32"),
    "complex": (lambda p: jax.tree.map(lambda a: a + 0j, p), "expected an array of floats, got complex64"),
    "NaN": (lambda p: jax.tree.map(lambda a: a * np.nan, p), "expected finite numbers"),
    "lists": (lambda p: jax.tree.map(lambda a: np.asarray(a).tolist(), p), "expected the structure"),
    "None": (lambda p: None, "without any array"),
    "no layers": (lambda p: {}, "without any array"),
    "a layer more": (lambda p: {**p, "extra": np.ones(2)}, "'extra.*' besides|expected the layers"),
    "texts": (lambda p: jax.tree.map(str, p), "expected an array, got str"),
    "one axis more": (lambda p: jax.tree.map(lambda a: a[None], p), "expected an array of shape"),
}  # fmt: skip


def known():
    """A network of dense layers, for theorems that know its structure."""
    return mlp(D, (4,), K, activation="tanh")
