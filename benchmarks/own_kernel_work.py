"""What a worker of ``own_kernel.py`` does: our kernels of the nets in a file, by PyTorch or by JAX."""

import sys

import common

SHAPES = {
    "mlp": {"w0": (784, 512), "b0": (512,), "w1": (512, 512), "b1": (512,), "w2": (512, 10), "b2": (10,)},
    "cnn": {
        "k0": (3, 3, 1, 16),
        "b0": (16,),
        "k1": (3, 3, 16, 32),
        "b1": (32,),
        "w2": (7 * 7 * 32, 10),
        "b2": (10,),
    },
}
ALLOWED = {"mlp": 2.0e9, "cnn": 3.0e9}  # bytes that a kernel of many examples may plan with
kept = {}


def write(path, n):
    """Weights and inputs in one file."""
    import numpy as np

    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(n, 784)).astype(np.float32)}
    for net, shapes in SHAPES.items():
        for name, shape in shapes.items():
            wide = max(1, int(np.prod(shape[:-1])))
            arrays[f"{net}.{name}"] = (rng.normal(size=shape) * np.sqrt(2 / wide)).astype(np.float32)
    np.savez(path, **arrays)
    return True


def read(path, net, n):
    """Inputs, and weights by name; inputs are drawn anew where the file has too few."""
    import numpy as np

    with np.load(path) as file:
        x = file["x"]
        weights = {name: file[f"{net}.{name}"] for name in SHAPES[net]}
    if n > len(x):
        x = np.random.default_rng(1).normal(size=(n, 784)).astype(np.float32)
    return x[:n], weights


def jax_model(path, net, n):
    import jax
    from jax import lax

    from overparam.operators import open_model

    x, weights = read(path, net, n)

    def mlp(p, x):
        hidden = jax.nn.relu(x @ p["w0"] + p["b0"])
        return jax.nn.relu(hidden @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]

    def cnn(p, x):
        hidden = x.reshape(-1, 28, 28, 1)
        for k in "01":
            padding = ((1, 1), (1, 1))
            order = ("NHWC", "HWIO", "NHWC")
            found = lax.conv_general_dilated(hidden, p[f"k{k}"], (2, 2), padding, dimension_numbers=order)
            hidden = jax.nn.relu(found + p[f"b{k}"])
        return hidden.reshape(len(hidden), -1) @ p["w2"] + p["b2"]

    return open_model({"mlp": mlp, "cnn": cnn}[net], x, params=weights)


def torch_net(path, net, n):
    """A module of PyTorch with the weights of the file, and its inputs."""
    import torch

    torch.set_num_threads(1)
    x, weights = read(path, net, n)
    nn = torch.nn
    if net == "mlp":
        made = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    else:
        made = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(7 * 7 * 32, 10),
        )  # fmt: skip
    layers = [one for one in made if hasattr(one, "weight")]
    values = list(weights.values())
    with torch.no_grad():
        for layer, weight, bias in zip(layers, values[::2], values[1::2], strict=True):
            if weight.ndim == 4:
                layer.weight.copy_(torch.from_numpy(weight.transpose(3, 2, 0, 1).copy()))
            elif net == "cnn":
                moved = weight.reshape(7, 7, 32, 10).transpose(3, 2, 0, 1).reshape(10, -1)
                layer.weight.copy_(torch.from_numpy(moved.copy()))
            else:
                layer.weight.copy_(torch.from_numpy(weight.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias))
    return made, torch.from_numpy(x)


def model(path, net, n):
    if (net, n) not in kept:
        if sys.argv[-1] == "jax":
            kept[net, n] = jax_model(path, net, n)
        else:
            from overparam.operators import open_model

            kept[net, n] = open_model(*torch_net(path, net, n))
    return kept[net, n]


def kernel(path, net, n):
    from overparam.probes.kernel import tangent_kernel

    return tangent_kernel(model(path, net, n), method="structured", memory=ALLOWED[net])


def matrix(path, net, n):
    return kernel(path, net, n).matrix.tolist()


def idle(path, net, n):
    """Memory before the kernel: libraries, the model, and a kernel of two examples."""
    model(path, net, n)
    kernel(path, net, 2)
    return common.peak_bytes()


def timed(path, net, n):
    model(path, net, n)
    with common.Clock() as clock:
        found = kernel(path, net, n)
    return {**clock.seconds(), "peak": common.peak_bytes(), "planned": found.bytes, "verified": found.verified}


def serve():
    common.serve({"write": write, "matrix": matrix, "timed": timed, "idle": idle})
