"""Tiny models for tests of operators: one network with the same numbers in NumPy, JAX and PyTorch, and its data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

D, W, K, N = 4, 5, 3, 50
rng = np.random.default_rng(0)
X = rng.normal(size=(N, D))
LABELS = rng.integers(0, K, N)
Y = rng.normal(size=(N, K))
PARAMS = {
    "first": {"bias": rng.normal(size=W), "weight": rng.normal(size=(W, D))},
    "last": {"bias": rng.normal(size=K), "weight": rng.normal(size=(K, W))},
}
NAMES = ("first/bias", "first/weight", "last/bias", "last/weight")
SIZE = W + W * D + K + K * W


def apply(params, x):
    """A network of one hidden layer, as a function of JAX."""
    hidden = jnp.tanh(x @ params["first"]["weight"].T + params["first"]["bias"])
    return hidden @ params["last"]["weight"].T + params["last"]["bias"]


def tree(vector):
    """Parameters of the network from one vector, in the order of the leaves."""
    cut = np.cumsum([W, W * D, K])
    parts = jnp.split(vector, cut)
    return {
        "first": {"bias": parts[0], "weight": parts[1].reshape(W, D)},
        "last": {"bias": parts[2], "weight": parts[3].reshape(K, W)},
    }


VECTOR = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(PARAMS)])


def cross_entropy(outputs, labels):
    """Losses of the examples."""
    return jax.nn.logsumexp(outputs, axis=-1) - jnp.take_along_axis(outputs, labels[:, None], 1)[:, 0]


def oracles(loss="cross_entropy"):
    """Loss, gradient, Hessian, Gauss-Newton matrix and Jacobian in float64, written out: no automatic derivative."""
    weight = PARAMS["last"]["weight"]
    hidden = np.tanh(X @ PARAMS["first"]["weight"].T + PARAMS["first"]["bias"])
    outputs = hidden @ weight.T + PARAMS["last"]["bias"]
    slope, inputs = 1 - hidden**2, np.column_stack([np.ones(N), X])
    if loss == "cross_entropy":
        chance = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
        value, back = -np.log(chance[np.arange(N), LABELS]), chance - np.eye(K)[LABELS]
        inner = chance[:, :, None] * np.eye(K) - chance[:, :, None] * chance[:, None, :]
    else:
        value, back, inner = ((outputs - Y) ** 2).sum(1) / 2, outputs - Y, np.tile(np.eye(K), (N, 1, 1))
    first = np.column_stack(
        [np.arange(W), W + np.arange(W * D).reshape(W, D)]
    )  # of a unit: its bias, its weights
    last = W + W * D + K + np.arange(K * W).reshape(K, W)
    jacobian, hessian = np.zeros((N, K, SIZE)), np.zeros((SIZE, SIZE))
    for k in range(K):
        jacobian[:, k, first] = (weight[k] * slope)[:, :, None] * inputs[:, None, :]
        jacobian[:, k, W + W * D + k] = 1
        jacobian[:, k, last[k]] = hidden
    gauss_newton = np.einsum("nip,nij,njq->pq", jacobian, inner, jacobian) / N
    for j in range(W):
        bend = (back @ weight[:, j]) * -2 * hidden[:, j] * slope[:, j]
        hessian[np.ix_(first[j], first[j])] = np.einsum("n,na,nb->ab", bend, inputs, inputs) / N
        mixed = np.einsum("nk,n,na->ka", back, slope[:, j], inputs) / N
        hessian[np.ix_(last[:, j], first[j])], hessian[np.ix_(first[j], last[:, j])] = mixed, mixed.T
    gradient = np.einsum("nk,nkp->p", back, jacobian) / N
    return value.mean(), gradient, gauss_newton + hessian, gauss_newton, jacobian.reshape(N * K, SIZE)


class Loader:
    """Batches of given sizes, again and again; ``change`` makes a pass another one."""

    def __init__(self, sizes=(32, 18), change=None, x=X, y=LABELS):
        self.sizes, self.change, self.x, self.y, self.passes = sizes, change, x, y, 0

    def __iter__(self):
        order = np.arange(len(self.x))
        x = self.x
        self.passes += 1
        if self.change == "shuffle":
            order = np.random.default_rng(self.passes).permutation(order)
        if self.change == "augment":
            x = x + np.random.default_rng(self.passes).normal(size=x.shape)
        if self.change == "redraw":
            order = np.random.default_rng(self.passes).integers(0, len(x), len(x))
        at = 0
        for size in self.sizes:
            rows = order[at : at + size]
            at += size
            yield x[rows], self.y[rows]


def torch_or_skip():
    """PyTorch, or skip the test with the reason."""
    return pytest.importorskip("torch", reason="PyTorch is an optional extra, and is not installed")


def module(hidden=(), dtype=None):
    """The same network as a module of PyTorch: first, tanh and whatever is given, last."""
    torch = torch_or_skip()
    made = torch.nn.Sequential()
    made.add_module("first", torch.nn.Linear(D, W))
    made.add_module("tanh", torch.nn.Tanh())
    for name, one in hidden:
        made.add_module(name, one)
    made.add_module("last", torch.nn.Linear(W, K))
    made = made.double()
    with torch.no_grad():
        for layer, arrays in PARAMS.items():
            for name, array in arrays.items():
                getattr(getattr(made, layer), name).copy_(torch.from_numpy(array))
    return made.to(dtype or torch.float64)


def in_order(model, vector):
    """A vector in the order of the network of JAX, in that of another model."""
    named = dict(zip(NAMES, np.split(vector, np.cumsum([W, W * D, K])), strict=True))
    return np.concatenate([named[name.replace(".", "/")] for name in model.layout.names])


def back(model, vector):
    """A vector of a model in the order of the network of JAX."""
    named = {name.replace(".", "/"): array.ravel() for name, array in model.layout.named(vector).items()}
    return np.concatenate([named[name] for name in NAMES])
