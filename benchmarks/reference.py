"""The problem of ``stacked.py`` in NumPy alone: data, sizes, operations, and training in float64 as an oracle.

Every net of that benchmark must reach the losses of :func:`losses` from the same weights and minibatches.
"""

import numpy as np

INPUTS, CLASSES, BATCH, RATE, MOMENTUM, SAMPLES, TEST = 40, 10, 100, 0.01, 0.9, 4000, 12_000
WIDTHS = (2, 3, 4, 5, 7, 9, 12, 16, 21, 27, 36, 47, 61, 80, 104, 135, 177, 230, 300)
STEPS, MEMBERS, PROBES = 20_000, 10, 30
LAYERS = ("hidden1", "hidden2", "output")


def data(n=SAMPLES, members=MEMBERS):
    """Random inputs, and random labels for each member."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, INPUTS)).astype(np.float32)
    return x, rng.integers(0, CLASSES, (members, n)).astype(np.int32)


def operations(width):
    """Floating-point operations of the matrix products of a step: forward, and backward for weights and inputs.

    >>> operations(1) == 2 * 100 * (2 * 40 + 3 * 1 + 3 * 10)
    True
    """
    return 2 * BATCH * (2 * INPUTS * width + 3 * width**2 + 3 * width * CLASSES)


def forward(params, x):
    """Outputs, and the inputs of every layer."""
    kept = [x]
    for i, name in enumerate(LAYERS):
        out = kept[-1] @ params[name]["weight"].T + params[name]["bias"]
        kept.append(np.maximum(out, 0.0) if i < len(LAYERS) - 1 else out)
    return kept


def mean_loss(params, x, y):
    """Mean cross-entropy in nats."""
    out = forward(params, np.asarray(x, np.float64))[-1]
    top = out.max(axis=1)
    return float(np.mean(np.log(np.exp(out - top[:, None]).sum(axis=1)) + top - out[np.arange(len(y)), y]))


def losses(params, x, y, rows):
    """Training loss of one member after SGD with momentum over the minibatches ``rows``, in float64.

    Args:
        params: weights ``(outputs, inputs)`` and biases by layer.
        x: shape ``(n, inputs)``.
        y: labels, shape ``(n,)``.
        rows: shape ``(steps, batch)``.
    """
    params = {a: {b: np.array(v, np.float64) for b, v in layer.items()} for a, layer in params.items()}
    speed = {a: {b: np.zeros_like(v) for b, v in layer.items()} for a, layer in params.items()}
    x = np.asarray(x, np.float64)
    for chosen in rows:
        kept = forward(params, x[chosen])
        raised = np.exp(kept[-1] - kept[-1].max(axis=1, keepdims=True))
        back = raised / raised.sum(axis=1, keepdims=True)
        back[np.arange(len(chosen)), y[chosen]] -= 1.0
        back /= len(chosen)
        for i in reversed(range(len(LAYERS))):
            name = LAYERS[i]
            gradient = {"weight": back.T @ kept[i], "bias": back.sum(axis=0)}
            back = (back @ params[name]["weight"]) * (kept[i] > 0)
            for kind, value in gradient.items():
                speed[name][kind] = MOMENTUM * speed[name][kind] + value
                params[name][kind] = params[name][kind] - RATE * speed[name][kind]
    return mean_loss(params, x, y)


def read(path):
    """Initial weights of all members by layer, and their minibatch rows, as ``stacked.py`` wrote them."""
    with np.load(path) as stored:
        arrays = dict(stored)
    rows = arrays.pop("rows").astype(np.int64)
    params = {layer: {kind: arrays[f"{layer}.{kind}"] for kind in ("weight", "bias")} for layer in LAYERS}
    return params, rows
