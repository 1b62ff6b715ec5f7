"""The least code that trains a stack of MLPs in JAX: no package, no probes, no store.

    python benchmarks/bare_loop.py --width 47 --steps 20000

Trains MLPs 40-H-H-10 with cross-entropy and SGD with momentum on random data, each member with its own labels
and its own minibatches, reshuffled every epoch on the host. Prints one JSON line: processor seconds of a first call
(compilation and one epoch) and of the run.
"""

import argparse
import itertools
import json
import time

import jax
import jax.numpy as jnp
import numpy as np

INPUTS, CLASSES, BATCH, RATE, MOMENTUM = 40, 10, 100, 0.01, 0.9
BLOCK = 100  # epochs drawn at once


def data(n, members):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, INPUTS)).astype(np.float32)
    return x, rng.integers(0, CLASSES, (members, n)).astype(np.int32)


def init(key, width):
    sizes = (INPUTS, width, width, CLASSES)
    params = []
    for a, b in itertools.pairwise(sizes):
        key, draw = jax.random.split(key)
        params.append(tuple(a**-0.5 * p for p in _uniform(draw, a, b)))
    return params


def _uniform(key, a, b):
    flat = jax.random.uniform(key, (a * b + b,), minval=-1.0, maxval=1.0)
    return flat[: a * b].reshape(b, a), flat[a * b :]


def cost(params, x, y):
    h = x.T
    for weight, bias in params[:-1]:
        h = jax.nn.relu(weight @ h + bias[:, None])
    weight, bias = params[-1]
    f = weight @ h + bias[:, None]
    return jnp.mean(jax.nn.logsumexp(f, axis=0) - jnp.sum(f * jax.nn.one_hot(y, CLASSES, axis=0), axis=0))


@jax.jit
def run(params, velocity, rows, y, x, last):
    def member(params, velocity, rows, y):
        def step(t, state):
            params, velocity = state
            gradient = jax.grad(cost)(params, x[rows[t]], y[rows[t]])
            velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, gradient)
            return jax.tree.map(lambda p, v: p - RATE * v, params, velocity), velocity

        return jax.lax.fori_loop(0, last, step, (params, velocity))

    return jax.vmap(member)(params, velocity, rows, y)


def draw(members, epochs, first, n):
    def order(member, epoch):
        return np.random.default_rng((member, epoch)).permutation(n).astype(np.uint16)

    rows = [[order(m, e) for e in range(first, first + epochs)] for m in range(members)]
    return np.array(rows).reshape(members, -1, BATCH)


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("width", 47), ("steps", 20_000), ("members", 10), ("n", 4000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    x, y = data(args.n, args.members)
    x, y = jnp.asarray(x), jnp.asarray(y)
    epoch = args.n // BATCH
    epochs = min(BLOCK, -(-args.steps // epoch))
    params = jax.vmap(lambda s: init(jax.random.key(s), args.width))(jnp.arange(args.members))
    velocity = jax.tree.map(jnp.zeros_like, params)

    begin = time.process_time()
    jax.block_until_ready(run(params, velocity, draw(args.members, epochs, 0, args.n), y, x, epoch))
    first = time.process_time() - begin

    begin = time.process_time()
    for step in range(0, args.steps, epochs * epoch):
        rows = draw(args.members, epochs, step // epoch, args.n)
        params, velocity = run(params, velocity, rows, y, x, min(epochs * epoch, args.steps - step))
    jax.block_until_ready(params)
    seconds = time.process_time() - begin
    print(json.dumps({"first": first, "seconds": seconds}))


if __name__ == "__main__":
    main()
