"""The curvature of a member while it trains: largest eigenvalue and trace of the Hessian of its training loss, in a stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from overparam.models.network import Network, PyTree
from overparam.models.state import join, split
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets, block_of
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss

STEPS = 12  # of the Lanczos method
SIGNS = 8  # random vectors of the trace
ROUNDING = 1e-4  # of the eigenvalue, in float32

Vector = Float[Array, " params"]


def measure(
    network: Network,
    loss: Loss,
    params: PyTree,
    params0: PyTree,
    x: Examples,
    y: Targets,
    x_test: TestExamples,
    y_test: TestTargets,
) -> Measured:
    """Largest eigenvalue of the Hessian of the mean training loss, and its trace, each with an error.

    Twelve Lanczos steps with full reorthogonalisation from one random start, and eight vectors of random signs; both are the
    same for all members and at all times, so that differences are those of the networks. Against ``2 / step`` the eigenvalue
    says whether gradient descent is at the edge of stability. Single networks of any framework have
    :func:`~overparam.probes.curvature.top_eigenvalues`, which goes on until it has converged.

    Args:
        network: tells what is held constant and is not derived by.
        loss: the loss it was trained with.
        params: the member's parameters.
        params0: not used.
        x: training examples, shape ``(n, inputs)``, all at once: memory is that of a gradient over them.
        y: training labels or targets.
        x_test: not used.
        y_test: not used.

    Returns:
        ``top_eigenvalue``, the largest by sign that was seen, never above the largest; ``top_residual``: an eigenvalue lies
        within that distance of it; ``trace`` and ``trace_error``, its standard error; unit: loss over squared parameters.

    References: as for :func:`~overparam.probes.curvature.top_eigenvalues` and :func:`~overparam.probes.curvature.trace`; J.
        Cohen, S. Kaur, Y. Li, J. Kolter and A. Talwalkar, Gradient descent on neural networks typically occurs at the edge of
        stability, ICLR 2021, for the comparison with 2 / step.
    """
    trained, held = split(network.state, params)
    flat, tree = ravel_pytree(trained)

    def value(vector: Vector) -> Float[Array, ""]:
        return loss.mean(network.apply(join(tree(vector), held), x), y)

    product = jax.linearize(jax.grad(value), flat)[1]
    start, signs = jax.random.split(jax.random.key(0))
    unroll = STEPS if block_of(network) else 1  # a loop makes convolutions slow on a CPU
    top, residual = _largest(product, jax.random.normal(start, flat.shape, flat.dtype), unroll)
    z = jax.random.rademacher(signs, (SIGNS, flat.size), flat.dtype)
    found = jnp.sum(z * jax.vmap(product)(z), axis=1)
    error = jnp.std(found, ddof=1) / SIGNS**0.5
    return {
        "top_eigenvalue": top,
        "top_residual": jnp.maximum(residual, ROUNDING * jnp.abs(top)),
        "trace": jnp.mean(found),
        "trace_error": error,
    }


def _largest(
    product: Callable[[Any], Any], start: Vector, unroll: int = 1
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The largest eigenvalue within the Lanczos basis, and the norm of its residual."""

    def step(carry: Any, at: Any) -> tuple[Any, Any]:
        basis, alive, scale, first = carry
        image = product(basis[at])
        along = jnp.dot(basis[at], image)
        first = jnp.where(at == 0, along, first)
        for _ in range(2):
            image = image - basis.T @ (basis @ image)
        left = jnp.linalg.norm(image)
        scale = jnp.maximum(scale, jnp.abs(along) + left)
        found = jnp.where(
            alive, along, first
        )  # behind the end of a basis that has closed: a value within the spectrum
        alive = alive & (left > 1e-5 * scale)
        image = jnp.where(alive, image / jnp.where(alive, left, 1.0), 0.0)
        return (basis.at[at + 1].set(image), alive, scale, first), (found, jnp.where(alive, left, 0.0))

    zero = jnp.zeros((), start.dtype)
    basis = jnp.zeros((STEPS + 1, start.size), start.dtype).at[0].set(start / jnp.linalg.norm(start))
    _, (diagonal, beside) = lax.scan(
        step, (basis, jnp.asarray(True), zero, zero), jnp.arange(STEPS), unroll=unroll
    )
    inner = jnp.diag(diagonal) + jnp.diag(beside[:-1], 1) + jnp.diag(beside[:-1], -1)
    values, vectors = jnp.linalg.eigh(inner)
    return values[-1], beside[-1] * jnp.abs(vectors[-1, -1])


PROBE = Probe(
    "curvature",
    {
        "top_eigenvalue": "Largest eigenvalue of the Hessian of the training loss; unit: loss over squared parameters.",
        "top_residual": "Distance within which an eigenvalue lies; unit: loss over squared parameters.",
        "trace": "Trace of the Hessian of the training loss; unit: loss over squared parameters.",
        "trace_error": "Standard error of the trace; unit: loss over squared parameters.",
    },
    measure,
)
