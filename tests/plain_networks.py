"""Dense networks written out a second time for tests of certificates: training, random instances, an optimiser."""

from dataclasses import replace

import numpy as np

from overparam.theory.activations import activation
from overparam.theory.certificates import Dense, certify_dense, evaluate, two_layer
from overparam.theory.certificates.dense import difference, moved
from overparam.theory.certificates.jacobian import gram_of, transpose_times


def forward(net, x):
    """Outputs, and what the gradient needs."""
    h, kept = x, []
    for layer, (w, b, s) in enumerate(zip(net.weights, net.biases, net.scales, strict=True)):
        z = s * (h @ w.T) + (0 if b is None else b)
        kept.append((h, z))
        h = net.activation.value(z) if layer < len(net.weights) - 1 else z
    return h, kept


def gradient(net, kept, left):
    """Gradient of half the sum of squares, one matrix a trained layer, biases as last column."""
    found, back = [], left
    for layer in range(len(net.weights) - 1, -1, -1):
        h, z = kept[layer]
        if layer < len(net.weights) - 1:
            back = back * net.activation.slope(z)
        if layer in net.trained:
            part = net.scales[layer] * (back.T @ h)
            if net.biases[layer] is not None:
                part = np.column_stack([part, back.sum(axis=0)])
            found.append(part)
        back = net.scales[layer] * (back @ net.weights[layer])
    return found[::-1]


def dense_jacobian(net, x):
    """J as a matrix, written out."""
    blocks = evaluate(net, x).blocks
    rows = blocks[0].signals.shape[0] * blocks[0].signals.shape[1]
    return np.hstack([np.einsum("nou,nf->nouf", b.signals, b.inputs).reshape(rows, -1) for b in blocks])


def flat(net):
    """Trained parameters as one vector."""
    zero = replace(
        net,
        weights=tuple(0 * w for w in net.weights),
        biases=tuple(None if b is None else 0 * b for b in net.biases),
    )
    return np.concatenate([part.ravel() for part in difference(net, zero)])


def descend(net, x, y, step, steps, stop=0.0):
    """Gradient descent on half the sum of squares: norms of the residuals, positions, and the last network."""
    norms, positions = [], []
    for _ in range(steps + 1):
        outputs, kept = forward(net, x)
        left = outputs - y.reshape(outputs.shape)
        norms.append(float(np.linalg.norm(left)))
        positions.append(flat(net))
        if norms[-1] <= stop or len(norms) > steps:
            break
        net = moved(net, [-step * part for part in gradient(net, kept, left)])
    return np.array(norms), np.array(positions), net


def levenberg_marquardt(net, x, y, steps=200, stop=1e-9):
    """Networks along a Levenberg-Marquardt run, the first one included."""
    y = y.reshape(len(x), -1)
    damping, path = 1e-2, [net]
    size = np.linalg.norm(forward(net, x)[0] - y)
    for _ in range(steps):
        if size <= stop:
            break
        found = evaluate(net, x)
        left = (found.outputs - y).ravel()
        gram, _, exponent = gram_of(found.blocks)
        gram = np.ldexp(gram, 2 * exponent)
        while True:
            # what rounding leaves of the smallest eigenvalues needs a little more
            w = np.linalg.solve(gram + (damping + 1e-14 * np.trace(gram)) * np.eye(len(gram)), left)
            trial = moved(net, [-part for part in transpose_times(found.blocks, w)])
            now = np.linalg.norm(forward(trial, x)[0] - y)
            if np.isfinite(now) and now < size:
                net, size, damping = trial, now, max(damping / 5, 1e-15)
                path.append(net)
                break
            damping *= 4
            if damping > 1e12:
                return path
    return path


def sphere(rng, n, d):
    """Uniform rows of norm 1."""
    x = rng.normal(size=(n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def doubled(rng, units, d, value):
    """Weights and output of a two-layer network with the output 0: half the units repeat with the other sign."""
    w = rng.normal(size=(units // 2, d))
    return np.vstack([w, w]), np.repeat([value, -value], units // 2)


SMOOTH = ("tanh", "softplus", "gelu", "silu", "erf", "sine", "quadratic", "identity")


def instance(seed):
    """A random network, inputs, targets near its outputs, a step (or None) and a loss's name."""
    rng = np.random.default_rng(seed)
    n, d, k = rng.integers(1, 8), rng.integers(1, 7), rng.integers(1, 50)
    outputs = int(rng.integers(1, 4)) if rng.random() < 0.3 else 1
    kind = rng.random()
    name = str(rng.choice(SMOOTH)) if kind < 0.85 else str(rng.choice(["relu", "leaky_relu"]))
    act = activation(name)
    scale = float(np.exp(rng.normal()))
    x = rng.normal(size=(n, d)) * float(np.exp(0.5 * rng.normal()))
    output = rng.normal(size=(outputs, k)) if rng.random() < 0.5 else rng.choice([-1.0, 1.0], size=(outputs, k))
    output = output * np.exp(rng.normal()) / np.sqrt(k)
    bias = rng.normal(size=k) if rng.random() < 0.5 else None
    net = two_layer(rng.normal(size=(k, d)), output, act, bias)
    net = replace(net, scales=(scale, 1.0))
    if kind < 0.15:  # all layers trained
        net = replace(net, trained_output=True, biases=(bias, rng.normal(size=outputs)), scales=(scale, 0.7))
    elif kind < 0.3:  # three layers
        middle = rng.normal(size=(k, k)) / np.sqrt(k)
        net = Dense(
            (net.weights[0], middle, output),
            (bias, bias, None),
            (scale, 1.0, 1.0),
            act,
            bool(rng.random() < 0.5),
        )
    start = evaluate(net, x).outputs
    direction = rng.normal(size=start.shape)
    direction /= np.linalg.norm(direction)
    # residuals around the boundary of what is certified
    probe = certify_dense(net, x, start + 1e-6 * direction, flow=True)
    size = float(np.exp(rng.uniform(-4, 2)))
    if np.isfinite(probe.lipschitz) and probe.lipschitz > 0 and probe.sigma > 0:
        size = float(rng.uniform(0.02, 0.7)) * probe.sigma**2 / probe.lipschitz
    elif not act.smooth and probe.sigma > 0:
        size = float(np.exp(rng.uniform(-9, -3))) * probe.sigma
    y = start + size * direction
    step = None if rng.random() < 0.5 else float(rng.uniform(0.5, 0.999))
    loss = str(rng.choice(["half sum", "mean", "mean squared error"]))
    return net, x, y, step, loss
