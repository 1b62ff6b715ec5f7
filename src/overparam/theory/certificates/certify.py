"""Certificates of networks of dense layers, of two-layer networks, and of anything whose Jacobian is bounded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from overparam.errors import UsageError
from overparam.theory.activations import Activation
from overparam.theory.activations import activation as activation_of
from overparam.theory.assumption import Assumption, checked
from overparam.theory.certificates import interpolation, relu
from overparam.theory.certificates.certificate import Certificate, step_factor
from overparam.theory.certificates.deep_lipschitz import NetworkLipschitz
from overparam.theory.certificates.dense import Dense, evaluate, two_layer
from overparam.theory.certificates.examples import examples, why_singular
from overparam.theory.certificates.interpolation import Ball
from overparam.theory.certificates.jacobian import spectrum
from overparam.theory.certificates.residual import residual
from overparam.theory.certificates.rounding import above, below, gamma, norm_above
from overparam.theory.certificates.rump import largest_eigenvalue_bound, smallest_eigenvalue_bound
from overparam.theory.inputs import nonnegative


@dataclass(frozen=True)
class Facts:
    """What is known at the start, and the two conditions as functions of it."""

    sigma: float
    norm: float
    residual: float
    lipschitz: Callable[[float], float]
    switches: relu.Switches | None
    sizes: tuple[int, int, int]
    rounding: dict[str, float]
    why: Callable[[], str]

    def flow(self) -> tuple[Ball | None, float]:
        """The ball of gradient flow, and h."""
        if self.switches is not None:
            return relu.flow_ball(self.sigma, self.norm, self.residual, self.switches)
        ball = interpolation.flow_ball(self.sigma, self.residual, self.lipschitz)
        if self.sigma <= 0 or not math.isfinite(self.residual):
            return None, math.inf
        bend = ball.lipschitz if ball else self.lipschitz(above(self.residual / self.sigma))
        return ball, above(bend * self.residual) / below(self.sigma * self.sigma)

    def descent(self, step: float) -> Ball | None:
        """The ball of gradient descent with that step on half the sum of squares."""
        if self.switches is not None:
            return relu.descent_ball(self.sigma, self.norm, self.residual, self.switches, step)
        return interpolation.descent_ball(self.sigma, self.norm, self.residual, self.lipschitz, step)

    def largest_step(self) -> float:
        """Largest step on half the sum of squares that is certified, within a thousandth."""
        if not (self.sigma > 0 and math.isfinite(self.residual)):
            return 0.0
        return interpolation.largest_step(self.descent, self.norm)


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
    """Whether training the first layer of ``f(x) = sum_l v_l phi(w_l.x + b_l)`` provably reaches zero loss.

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
    """Whether training a network of dense layers provably reaches zero loss.

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
    inputs, targets, said = examples(x, y, network.weights[0].shape[1], len(network.weights[-1]))
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
            "forming the Gram matrix, on sigma^2": singular.forming_error,
            "entries of the Jacobian, on sigma": singular.entry_error,
            "residual, on its norm": left.error,
        },
        lambda: why_singular(network, inputs, singular),
    )
    return _conclude(facts, step, flow, loss, (*notes, *said))


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
        UsageError: shapes that do not fit, or a negative bound.
        DataError: numbers that are missing or infinite.

    References: derived in :mod:`~overparam.theory.certificates.interpolation`.

    >>> certify_jacobian(np.eye(2, 3), [0.1, 0.0], 1.0, jacobian_error=0, residual_error=0).verdict
    'certified'
    """
    matrix, left = np.asarray(jacobian), np.asarray(residual)
    for name, array in (("jacobian", matrix), ("residual", left)):
        if array.dtype != np.float64:
            raise UsageError(f"{name}: expected float64, got {array.dtype}. Compute it in float64.")
    if matrix.ndim != 2 or left.shape != (len(matrix),):
        raise UsageError(
            f"jacobian, residual: expected shapes (n, parameters) and (n,), got {matrix.shape} and {left.shape}."
        )
    bend, reach = nonnegative(lipschitz, "lipschitz"), float(radius)
    off, error = nonnegative(jacobian_error, "jacobian_error"), nonnegative(residual_error, "residual_error")
    gram = matrix @ matrix.T
    gram = np.tril(gram) + np.tril(gram, -1).T
    forming = gamma(matrix.shape[1] + 4) * above(norm_above(matrix) ** 2)
    low = 0.0
    if matrix.shape[1] >= len(matrix):
        low = below(below(math.sqrt(smallest_eigenvalue_bound(gram, forming))) - off)
    facts = Facts(
        low,
        above(math.sqrt(largest_eigenvalue_bound(gram, forming)) + off),
        above(norm_above(left) + error),
        lambda r: bend if r <= reach else math.inf,
        None,
        (len(matrix), 1, matrix.shape[1]),
        {
            "forming the Gram matrix, on sigma^2": forming,
            "entries of the Jacobian, on sigma": off,
            "residual, on its norm": error,
        },
        lambda: (
            "there are fewer parameters than rows"
            if matrix.shape[1] < len(matrix)
            else "its rows are dependent"
        ),
    )
    return _conclude(facts, step, flow, loss, ("Bounds of the three errors and of L were given, not checked.",))


def _conclude(facts: Facts, step: float | None, flow: bool, loss: str, notes: tuple[str, ...]) -> Certificate:
    n, outputs, parameters = facts.sizes
    factor = step_factor(loss, n, outputs)
    if step is not None and not (isinstance(step, int | float) and 0 < step < math.inf):
        raise UsageError(f"step: expected a positive number, or None for one that is certified, got {step!r}.")
    flows, h = facts.flow()
    largest = 0.0 if flow else facts.largest_step()
    own = 0.5 * largest if step is None else above(step * factor)
    ball = flows if flow else (facts.descent(own) if own > 0 else None)
    certified = ball is not None
    bend = math.inf if facts.switches is not None else (ball or flows or facts).lipschitz
    number = (
        bend if isinstance(bend, float) else bend(above(facts.residual / facts.sigma) if facts.sigma else 1.0)
    )
    used = 0.0 if flow else (step if step is not None else own / factor)
    assumptions = _assumptions(facts, flows, h, number, ball, flow, used, largest / factor)
    return Certificate(
        certified=certified,
        reason=_reason(facts, flows, h, number, ball, flow, used, largest / factor),
        method="gradient flow" if flow else "gradient descent",
        sigma=facts.sigma,
        beta=ball.beta if ball else facts.norm,
        lipschitz=number,
        residual=facts.residual,
        h=h,
        radius=ball.radius if ball else 0.0,
        distance=ball.radius if ball else math.inf,
        step=used,
        largest_step=below(largest / factor),
        rate=ball.rate if ball else 1.0,
        kept=ball.c if ball else 0.0,
        loss=loss,
        examples=n,
        outputs=outputs,
        parameters=parameters,
        assumptions=assumptions,
        rounding=facts.rounding,
        notes=notes,
    )


def _reason(
    facts: Facts,
    flows: Ball | None,
    h: float,
    bend: float,
    ball: Ball | None,
    flow: bool,
    step: float,
    largest: float,
) -> str:
    what = "gradient flow" if flow else f"gradient descent with step {step:.4g}"
    if ball is not None:
        return (
            f"{what} in exact arithmetic fits every target, within a distance of {ball.radius:.4g}, and multiplies "
            f"the residual by at most {ball.rate:.6g} {'a unit of time' if flow else 'a step'}."
        )
    if facts.sigma <= 0:
        return (
            f"the smallest singular value of the Jacobian is not proved to be positive: {facts.why()}. "
            "Nothing follows about training."
        )
    if facts.switches is None and not math.isfinite(bend):
        return (
            "no Lipschitz constant of the Jacobian is known for this network and activation. Use a smooth activation "
            "with bounded slope, or two layers with only the first trained."
        )
    if flows is None:
        what = "r/(2 int (sigma - delta))" if facts.switches is not None else "L r/sigma^2"
        return (
            f"h = {what} = {h:.4g}, above 1/2: the residual is too large for how fast the Jacobian may change. A "
            "wider network, a larger output scale, or parameters that are trained already bring it down. Nothing "
            "follows about training."
        )
    if not largest:
        return "gradient flow is certified, but no step of gradient descent; ask with flow=True."
    return f"the step {step:.4g} is above the largest that is certified, {largest:.4g}. Nothing follows about training."


def _assumptions(
    facts: Facts,
    flows: Ball | None,
    h: float,
    bend: float,
    ball: Ball | None,
    flow: bool,
    step: float,
    largest: float,
) -> tuple[Assumption, ...]:
    n, outputs, parameters = facts.sizes
    counted = facts.switches is not None
    changes = (
        "which units can switch on the ball is counted" if counted else f"Lipschitz constant at most {bend:.6g}"
    )
    found = [
        checked(
            "enough parameters", "There are at least as many trained parameters as targets.",
            parameters >= n * outputs, f"{parameters} parameters, {n * outputs} targets",
        ),
        checked(
            "independent gradients", "The smallest singular value of the Jacobian is positive.",
            facts.sigma > 0, f"at least {facts.sigma:.6g}",
        ),
        checked(
            "bounded change", "How fast the Jacobian changes is bounded on the ball.",
            counted or math.isfinite(bend), changes,
        ),
        checked("small residual", "h is at most 1/2.", flows is not None, f"h = {h:.6g}"),
    ]  # fmt: skip
    if not flow:
        found.append(
            checked(
                "step", "The step is at most the largest that is certified.",
                ball is not None, f"step {step:.6g}, largest {largest:.6g}",
            )
        )  # fmt: skip
    found.append(
        Assumption(
            "exact arithmetic",
            "Training follows the gradient of all examples in exact arithmetic, from exactly these parameters.",
            "unchecked",
            "rounding of the certificate is accounted for, rounding of the training is not",
        )
    )
    found.append(
        Assumption(
            "elementary functions",
            "tanh, exp, erf and the like are within 32 units of rounding, as tested for NumPy and SciPy.",
            "unchecked",
            "a property of the installation",
        )
    )
    return tuple(found)
