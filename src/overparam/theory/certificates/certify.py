"""Certificates of networks of dense layers, of two-layer networks, and of anything whose Jacobian is bounded."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.theory.activations import Activation
from overparam.theory.activations import activation as activation_of
from overparam.theory.certificates import relu
from overparam.theory.certificates.certificate import Certificate
from overparam.theory.certificates.deep_lipschitz import NetworkLipschitz
from overparam.theory.certificates.dense import Dense, checked_network, evaluate, two_layer
from overparam.theory.certificates.exact import exact_array
from overparam.theory.certificates.examples import examples, why_singular
from overparam.theory.certificates.from_start import Facts, conclude
from overparam.theory.certificates.jacobian import spectrum
from overparam.theory.certificates.residual import residual
from overparam.theory.certificates.rounding import (
    above,
    below,
    exponent_of,
    gamma,
    norm_above,
    scaled_above,
    scaled_below,
    sum_above,
)
from overparam.theory.certificates.rump import largest_eigenvalue_bound, smallest_eigenvalue_bound
from overparam.theory.inputs import all_finite, nonnegative

MOST_TARGETS = 50_000  # a Gram matrix of 20 GB


def certify_two_layer(
    weights: ArrayLike,
    output: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    activation: str | Activation,
    *,
    bias: ArrayLike | None = None,
    step: float | None = None,
    flow: bool = False,
    loss: str = "half sum",
) -> Certificate:
    """Whether training the first layer of ``f(x) = sum_l v_l phi(w_l.x + b_l)`` provably converges to zero loss.

    Args:
        weights: W, shape ``(units, features)``, trained.
        output: v, shape ``(units,)``, or V of shape ``(outputs, units)``, fixed.
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)`` or ``(n, outputs)``.
        activation: name in :func:`~overparam.theory.activations.activation`.
        bias: b, shape ``(units,)``, trained; None for none.
        step: of gradient descent; None takes half the largest that is certified.
        flow: whether the statement is for gradient flow instead.
        loss: ``half sum`` of squares, its ``mean`` over examples, or ``mean squared error``.

    Returns:
        The certificate; ``certified`` is False, with the reason, wherever anything could not be proved.

    Raises:
        UsageError: shapes that do not fit, an unknown name, integer labels.
        DataError: numbers that are missing or infinite.

    References: derived in :mod:`~overparam.theory.certificates.interpolation`; relu:
        :mod:`~overparam.theory.certificates.relu`.

    >>> found = certify_two_layer([[1.0]], [1.0], [[1.0]], [0.8], "tanh")
    >>> found.verdict, found.distance < 0.2
    ('certified', True)
    """
    network = two_layer(weights, output, activation_of(activation), bias)
    return certify_dense(network, x, y, step=step, flow=flow, loss=loss)


def certify_dense(
    network: Dense,
    x: ArrayLike,
    y: ArrayLike,
    *,
    step: float | None = None,
    flow: bool = False,
    loss: str = "half sum",
    notes: tuple[str, ...] = (),
) -> Certificate:
    """Whether training a network of dense layers provably converges to zero loss.

    Args:
        network: layers with their parameters.
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)`` or ``(n, outputs)``.
        step: of gradient descent; None takes half the largest that is certified.
        flow: whether the statement is for gradient flow instead.
        loss: ``half sum`` of squares, its ``mean`` over examples, or ``mean squared error``.
        notes: put before those of the inputs.

    Returns:
        The certificate.

    Raises:
        UsageError: shapes that do not fit, integer labels.
        DataError: numbers that are missing or infinite.

    References: as :func:`certify_two_layer`; other depths use the recursion of
        :mod:`~overparam.theory.certificates.deep_lipschitz`.
    """
    checked_network(network)
    inputs, targets, said = examples(x, y, network.weights[0].shape[1], len(network.weights[-1]))
    if targets.size > MOST_TARGETS:
        raise UsageError(
            f"x: expected at most {MOST_TARGETS:,} targets in all, got {targets.size:,}: a matrix of that many rows and "
            "columns is factorised. Take a sample of the examples."
        )
    found = evaluate(network, inputs)
    singular = spectrum(found.blocks, network.parameters)
    left = residual(found, targets)
    counted = None
    if not network.activation.smooth and len(network.weights) == 2 and not network.trained_output:
        counted = relu.switches(network, found)
    facts = Facts(
        singular.smallest,
        singular.largest,
        left.norm,
        NetworkLipschitz(network, found),
        counted,
        (len(inputs), targets.shape[1], network.parameters),
        {
            "forming the Gram matrix, on sigma^2": scaled_above(singular.forming_error, 2 * singular.exponent),
            "entries of the Jacobian, on sigma": singular.entry_error,
            "residual, on its norm": left.error,
        },
        lambda: why_singular(network, inputs, singular),
    )
    return conclude(facts, step, flow, loss, (*notes, *said))


def certify_jacobian(
    jacobian: ArrayLike,
    residual: ArrayLike,
    lipschitz: float,
    *,
    jacobian_error: float,
    residual_error: float,
    radius: float = math.inf,
    step: float | None = None,
    flow: bool = False,
    loss: str = "half sum",
) -> Certificate:
    """The same for any model, from its Jacobian, its residual and a Lipschitz constant that the caller has proved.

    Args:
        jacobian: J at the start in float64, shape ``(n, parameters)``; a row an example (and output).
        residual: ``f - y`` there, shape ``(n,)``.
        lipschitz: a constant of J in spectral norm, on the ball of that radius around the start.
        jacobian_error: bound on the Frobenius norm of the error of ``jacobian``. Automatic differentiation gives none.
        residual_error: bound on the norm of the error of ``residual``.
        radius: of that ball; infinite where the constant holds everywhere.
        step: of gradient descent; None takes half the largest that is certified.
        flow: whether the statement is for gradient flow instead.
        loss: ``half sum`` of squares, its ``mean`` over rows, or ``mean squared error``.

    Returns:
        The certificate: as true as the three bounds that were given.

    Raises:
        UsageError: shapes that do not fit, other numbers than float64, or a negative bound.
        DataError: numbers that are missing or infinite, or a residual whose norm is.

    References: derived in :mod:`~overparam.theory.certificates.interpolation`.

    >>> certify_jacobian(np.eye(2, 3), [0.1, 0.0], 1.0, jacobian_error=0, residual_error=0).verdict
    'certified'
    """
    matrix, left = exact_array(jacobian, "jacobian"), exact_array(residual, "residual")
    for name, array in (("jacobian", matrix), ("residual", left)):
        if array.dtype.kind != "f" or array.dtype.itemsize != 8:
            raise UsageError(f"{name}: expected float64, got {array.dtype}. Compute it in float64.")
    if matrix.ndim != 2 or not matrix.size or left.shape != (len(matrix),):
        raise UsageError(
            f"jacobian, residual: expected shapes (n, parameters) and (n,), got {matrix.shape} and {left.shape}."
        )
    for name, array in (("jacobian", matrix), ("residual", left)):
        all_finite(array, name)
    bend = nonnegative(lipschitz, "lipschitz")
    everywhere = isinstance(radius, float) and radius == math.inf
    reach = math.inf if everywhere else nonnegative(radius, "radius")
    off, error = nonnegative(jacobian_error, "jacobian_error"), nonnegative(residual_error, "residual_error")
    total = sum_above(norm_above(left), error)
    if not math.isfinite(total):
        raise DataError(
            "residual: expected a norm that float64 holds, got one beyond 1.8e308. Rescale the problem."
        )
    exponent = exponent_of(matrix)
    small, away = np.ldexp(matrix, -exponent), above(scaled_above(off, -exponent))
    gram = small @ small.T
    gram = np.tril(gram) + np.tril(gram, -1).T
    forming = gamma(small.shape[1] + 4) * above(norm_above(small) ** 2)
    low = 0.0
    if matrix.shape[1] >= len(matrix):
        low = below(below(math.sqrt(smallest_eigenvalue_bound(gram, forming))) - away)
    facts = Facts(
        scaled_below(low, exponent),
        scaled_above(above(math.sqrt(largest_eigenvalue_bound(gram, forming)) + away), exponent),
        total,
        lambda r: bend if r <= reach else math.inf,
        None,
        (len(matrix), 1, matrix.shape[1]),
        {
            "forming the Gram matrix, on sigma^2": scaled_above(forming, 2 * exponent),
            "entries of the Jacobian, on sigma": off,
            "residual, on its norm": error,
        },
        lambda: (
            "there are fewer parameters than rows"
            if matrix.shape[1] < len(matrix)
            else "its rows depend on each other, or nearly so beside its error and the rounding of float64"
        ),
        f"the Lipschitz constant was given up to a radius of {reach:.4g}, and the path may need more: at least "
        f"r/sigma. Prove it on a larger ball.",
    )
    return conclude(facts, step, flow, loss, ("Bounds of the three errors and of L were given, not checked.",))
