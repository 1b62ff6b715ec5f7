"""The peers of ``own_kernel.py``, each in a Python of its own: neural-tangents, nngeometry, and the recipe of a tutorial."""

import sys
from pathlib import Path

import common
from own_kernel_work import read, torch_net

WHICH = sys.argv[-1]
compiled = {}

if WHICH == "tangents":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "golden"))
    from make_neural_tangents import stubs

    stubs()


def tangents(path, net, n):
    """Structured derivatives of neural-tangents, compiled; layout (n, C, n, C)."""
    import jax
    import neural_tangents as nt
    import numpy as np
    from jax import lax

    if (net, n) in compiled:
        made, given = compiled[net, n]
        return np.asarray(made(*given).block_until_ready())
    x, weights = read(path, net, n)

    def mlp(p, x):
        hidden = jax.nn.relu(x @ p["w0"] + p["b0"])
        return jax.nn.relu(hidden @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]

    def cnn(p, x):
        hidden = x.reshape(-1, 28, 28, 1)
        for k in "01":
            order = ("NHWC", "HWIO", "NHWC")
            found = lax.conv_general_dilated(
                hidden, p[f"k{k}"], (2, 2), ((1, 1), (1, 1)), dimension_numbers=order
            )
            hidden = jax.nn.relu(found + p[f"b{k}"])
        return hidden.reshape(hidden.shape[0], -1) @ p["w2"] + p["b2"]

    made = nt.empirical_ntk_fn(
        {"mlp": mlp, "cnn": cnn}[net],
        trace_axes=(),
        vmap_axes=0,
        implementation=nt.NtkImplementation.STRUCTURED_DERIVATIVES,
    )
    given = (jax.tree_util.tree_map(jax.numpy.asarray, weights), jax.numpy.asarray(x))
    compiled[net, n] = (jax.jit(lambda p, x: made(x, None, p).transpose(0, 2, 1, 3)), given)
    return tangents(path, net, n)


def torch_parts(path, net, n):
    """The module and its inputs, read once."""
    if (net, n) not in compiled:
        compiled[net, n] = torch_net(path, net, n)
    return compiled[net, n]


def geometry(path, net, n):
    """The Gram matrix of nngeometry, layout (C, n, C, n) turned to ours."""
    import torch
    from nngeometry.gram import GramMatrix

    made, x = torch_parts(path, net, n)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, torch.zeros(n)), batch_size=n)
    found = GramMatrix(made, loader, function=lambda *given: made(given[0]))
    return found.data.permute(1, 0, 3, 2).detach().numpy()


def recipe(path, net, n):
    """``vmap(jacrev)`` of all parameters, contracted, as the tutorial has it."""
    import torch
    from torch.func import functional_call, jacrev, vmap

    made, x = torch_parts(path, net, n)
    own = {name: one.detach() for name, one in made.named_parameters()}

    def single(params, row):
        return functional_call(made, params, (row.unsqueeze(0),)).squeeze(0)

    found = vmap(jacrev(single), (None, 0))(own, x)
    total = 0
    for one in found.values():
        rows = one.flatten(2)
        total = total + torch.einsum("Naf,Mbf->NaMb", rows, rows)
    return total.detach().numpy()


ours = {"tangents": tangents, "geometry": geometry, "recipe": recipe}[WHICH]


def matrix(path, net, n):
    return ours(path, net, n).tolist()


def timed(path, net, n):
    with common.Clock() as clock:
        ours(path, net, n)
    return {**clock.seconds(), "peak": common.peak_bytes()}


if __name__ == "__main__":
    common.serve({"timed": timed, "matrix": matrix})
