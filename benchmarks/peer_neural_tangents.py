"""The peer of ``analytic_kernels.py``: the same kernels by neural-tangents, compiled, run by a Python that has it."""

import sys
from pathlib import Path

import common
from analytic_kernels import inputs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "golden"))
from make_neural_tangents import network, stubs

stubs()
import jax  # noqa: E402
import neural_tangents  # noqa: E402
import numpy as np  # noqa: E402
from neural_tangents import stax  # noqa: E402

compiled = {}


def kernel(layers, x, z):
    """The NTK, waited for."""
    key = repr(layers)
    if key not in compiled:
        compiled[key] = jax.jit(network(stax, layers)[2], static_argnums=(2,))
    return compiled[key](x, z, "ntk").block_until_ready()


def matrix(layers, shape, others=0):
    """The kernel itself."""
    return np.asarray(kernel(layers, *inputs(shape, others))).tolist()


def timed(layers, shape, others=0):
    """Seconds of one kernel; compiled before."""
    given = inputs(shape, others)
    kernel(layers, *given)
    with common.Clock() as clock:
        kernel(layers, *given)
    return {**clock.seconds(), "peak": common.peak_bytes()}


def versions():
    return {
        "neural-tangents": neural_tangents.__version__,
        "jax": jax.__version__,
        "numpy": np.__version__,
    }


if __name__ == "__main__":
    common.serve({"timed": timed, "matrix": matrix, "versions": versions})
