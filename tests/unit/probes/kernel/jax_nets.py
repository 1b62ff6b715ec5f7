"""Networks of JAX for tests of kernels: what a layer-structured kernel must take apart, and what it must not."""

import jax
import jax.numpy as jnp
import numpy as np

rng = np.random.default_rng(0)
N, D, C, T, V = 6, 4, 3, 5, 7
ROWS = rng.normal(size=(N, D))
IMAGES = rng.normal(size=(N, 6, 5, 2))
SEQUENCES = rng.normal(size=(N, T, D))
CODES = rng.integers(0, V, (N, T))


def of(*shape):
    return rng.normal(size=shape) / np.sqrt(max(1, np.prod(shape[:-1])))


def mlp(p, x):
    return jax.nn.relu(x @ p["a"] + p["b"]) @ p["c"].T + p["d"]


def left_operand(p, x):
    return jax.vmap(lambda row: p["c"] @ jnp.tanh(p["a"].T @ row + p["b"]) + p["d"])(x)


def jitted(p, x):
    return jax.jit(lambda q, y: jax.jit(mlp)(q, y) + 0.0)(p, x)


def remat(p, x):
    inner = jax.checkpoint(lambda q, y: jnp.tanh(y @ q["a"] + q["b"]))
    return inner(p, x) @ p["c"].T + p["d"]


@jax.custom_jvp
def block(w, x):
    return jnp.tanh(x @ w)


block.defjvp(lambda primals, tangents: jax.jvp(lambda w, x: jnp.tanh(x @ w), primals, tangents))


def custom_rule(p, x):
    return block(p["a"], x) @ p["c"].T


def straight_through(p, x):
    """The derivative of a block is not that of what it computes, as stop_gradient says."""
    line = jnp.tanh(x @ p["e"]) @ p["a"]
    return (line + jax.lax.stop_gradient(jnp.sign(line) - line)) @ p["c"].T


def twice(p, x):
    hidden = jnp.tanh(x @ p["e"])
    return jnp.tanh(hidden @ p["e"]) @ p["a"] @ p["c"].T


def tied(p, x):
    return jnp.tanh(x @ p["e"]) @ p["e"].T @ p["a"] @ p["c"].T


def also_elsewhere(p, x):
    return mlp(p, x) + 0.3 * jnp.sum(p["a"] ** 2) * x[:, :C]


def split(p, x):
    q, k = jnp.split(p["w"], 2, axis=1)
    return jnp.tanh(x @ q) * (x @ k) @ p["c"].T + (x @ q[:, 1:3]) @ p["f"]


def low_rank(p, x):
    return jnp.tanh(x @ (p["e"] + 0.5 * p["u"] @ p["v"])) @ p["a"] @ p["c"].T


def scaled(p, x):
    return jnp.tanh(x @ (p["a"] * 0.3) + 2.0 * p["b"]) @ (-p["c"].T / 4.0)


def masked(p, x):
    return jnp.tanh(x @ (p["a"] * (np.arange(20).reshape(4, 5) % 2))) @ p["c"].T


def bias_only(p, x):
    return jnp.broadcast_to(p["d"], (len(x), C))


def held_stop(p, x):
    return jnp.tanh(x @ jax.lax.stop_gradient(p["a"]) + p["b"]) @ p["c"].T


def scanned(p, x):
    def step(h, row):
        return jnp.tanh(h @ p["e"] + row @ p["g"]), None

    first = jnp.zeros((len(x), D))
    return jax.lax.scan(step, first, x.swapaxes(0, 1))[0] @ p["a"] @ p["c"].T


def norm(p, x):
    centred = x - x.mean(-1, keepdims=True)
    scaled_ = centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return jnp.tanh(scaled_ * p["scale"] + p["shift"]) @ p["a"] @ p["c"].T


def conv(p, x):
    first = jax.lax.conv_general_dilated(
        x, p["k"], (2, 1), ((1, 2), (0, 1)), rhs_dilation=(1, 2), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    hidden = jnp.tanh(first + p["kb"])
    grouped = jax.lax.conv_general_dilated(
        hidden, p["k2"], (1, 1), ((1, 1), (1, 2)), lhs_dilation=(1, 2), dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=2,
    )  # fmt: skip
    return jnp.tanh(grouped).mean((1, 2)) @ p["last"]


def attention(p, x):
    q, k, v = (jnp.einsum("ntd,dhe->nhte", x, p[name]) for name in "qkv")
    weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) / 2.0, axis=-1)
    return (jnp.einsum("nhte,hed->ntd", weights @ v, p["o"]) + p["ob"] + x).mean(1) @ p["a"] @ p["c"].T


def embedding(p, codes):
    table = p["table"][codes] + p["positions"]
    return jnp.tanh(table).mean(1) @ p["table"].T[:, :C] + jnp.take(p["other"], codes[:, 0], axis=0)


def wide_twice(p, x):
    """So wide that pairs of positions are cheaper than rows."""
    hidden = jnp.tanh(x @ p["in"])
    return jnp.tanh(jnp.tanh(hidden @ p["w"] + p["b"]) @ p["w"] + p["b"]) @ p["out"]


def large_table(p, codes):
    return jnp.tanh(p["table"][codes[:, :2]]).sum(1) @ p["out"]


DENSE = {"a": of(D, 5), "b": of(5), "c": of(C, 5), "d": of(C)}
E = {"e": of(D, D)}
CASES = {
    "mlp": (mlp, DENSE, ROWS),
    "left operand": (left_operand, DENSE, ROWS),
    "jitted": (jitted, DENSE, ROWS),
    "remat": (remat, DENSE, ROWS),
    "custom rule": (custom_rule, {"a": DENSE["a"], "c": DENSE["c"]}, ROWS),
    "straight through": (straight_through, {"a": DENSE["a"], "c": DENSE["c"], **E}, ROWS),
    "twice": (twice, {"a": DENSE["a"], "c": DENSE["c"], **E}, ROWS),
    "tied": (tied, {"a": DENSE["a"], "c": DENSE["c"], **E}, ROWS),
    "also elsewhere": (also_elsewhere, DENSE, ROWS),
    "split": (split, {"w": of(D, 10), "c": DENSE["c"], "f": of(2, C)}, ROWS),
    "low rank": (low_rank, {"a": DENSE["a"], "c": DENSE["c"], **E, "u": of(D, 2), "v": of(2, D)}, ROWS),
    "scaled": (scaled, {"a": DENSE["a"], "b": DENSE["b"], "c": DENSE["c"]}, ROWS),
    "masked": (masked, {"a": DENSE["a"], "c": DENSE["c"]}, ROWS),
    "bias only": (bias_only, {"d": DENSE["d"]}, ROWS),
    "held stop": (held_stop, {"a": DENSE["a"], "b": DENSE["b"], "c": DENSE["c"]}, ROWS),
    "scanned": (scanned, {"a": DENSE["a"], "c": DENSE["c"], **E, "g": of(D, D)}, SEQUENCES),
    "norm": (norm, {"a": DENSE["a"], "c": DENSE["c"], "scale": of(D), "shift": of(D)}, SEQUENCES[:, 0]),
    "conv": (conv, {"k": of(3, 2, 2, 4), "kb": of(4), "k2": of(3, 3, 2, 6), "last": of(6, C)}, IMAGES),
    "attention": (
        attention,
        {
            **{one: of(D, 2, 3) for one in "qkv"},
            "o": of(2, 3, D),
            "ob": of(D),
            "a": DENSE["a"],
            "c": DENSE["c"],
        },
        SEQUENCES,
    ),
    "wide twice": (wide_twice, {"in": of(D, 64), "w": of(64, 64), "b": of(64), "out": of(64, C)}, ROWS),
    "large table": (large_table, {"table": of(300, 4), "out": of(4, C)}, CODES * 40),
    "embedding": (embedding, {"table": of(V, D), "positions": of(T, D), "other": of(V, C)}, CODES),
}


def oracle(apply, params, x):
    """The kernel ``(n, C, n, C)`` in float64 from the whole Jacobian."""
    with jax.enable_x64(True):
        tree = jax.tree.map(jnp.asarray, params)
        jacobian = jax.jacrev(lambda p: apply(p, jnp.asarray(x)).reshape(len(x), -1))(tree)
        rows = np.concatenate(
            [np.asarray(one).reshape(len(x), -1, np.size(params[n])) for n, one in jacobian.items()], 2
        )
    return np.einsum("ncp,mdp->ncmd", rows, rows)
