"""Levenberg-Marquardt in float64: a strong optimizer for small least-squares problems, more parameters than samples.

Where gradient descent does not fit, one cannot tell a network that is too small from a budget that is too small. This
method settles it on problems of some hundred samples: it solves an n x n system a step, whatever the width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy import linalg

from overparam.core.checked import count, numbers, real, shown
from overparam.core.errors import DataError, UsageError

Residual = Callable[[np.ndarray], np.ndarray]
Visit = Callable[[int, np.ndarray, np.ndarray], bool]
Stop = Literal["fitted", "asked", "gradient", "step", "iterations", "damping"]

START = 1e-3  # first damping, as a share of the largest diagonal entry of J J^T
STALLED = 1e-15  # relative length of a step that no longer moves the parameters
FLAT = 1e-14  # |J^T r| / (|J| |r|) at which the gradient counts as zero
REASONS: dict[Stop, str] = {
    "fitted": "the residual reached the tolerance",
    "asked": "the caller asked to stop",
    "gradient": "the gradient vanished while the residual did not: a local minimum, a saddle or a saturated net",
    "step": "steps became too short to move the parameters",
    "iterations": "the budget of iterations was used up",
    "damping": "no step reduced the residual, however strong the damping",
}


@dataclass(frozen=True, eq=False)
class LeastSquaresFit:
    """What the optimizer reached.

    Attributes:
        params: the parameters, shape ``(params,)``.
        residual: f(params) - y there, shape ``(n,)``.
        norms: ``|r|`` at the start and after every accepted step, shape ``(steps,)``.
        iterations: systems solved, accepted or not.
        stop: why it ended, as one word.
    """

    params: Float64[np.ndarray, " params"]
    residual: Float64[np.ndarray, " n"]
    norms: Float64[np.ndarray, " steps"]
    iterations: int
    stop: Stop

    @property
    def fitted(self) -> bool:
        """Whether the residual reached the tolerance."""
        return self.stop == "fitted"

    @property
    def norm(self) -> float:
        """``|f - y|`` at the end."""
        return float(self.norms[-1])

    @property
    def reason(self) -> str:
        """Why it ended, in words."""
        return REASONS[self.stop]


def levenberg_marquardt(
    residual: Residual,
    jacobian: Residual,
    start: ArrayLike,
    *,
    tolerance: float = 1e-10,
    iterations: int = 200,
    visit: Visit | None = None,
) -> LeastSquaresFit:
    r"""Minimise ``(1/2)|r(theta)|^2``; the result is a local minimum or a fit, in the units of r.

    A step solves :math:`(J^\top J + \mu I)\,\delta = -J^\top r`; with more parameters than samples in the dual form
    :math:`\delta = -J^\top (J J^\top + \mu I)^{-1} r`, which is the same vector. The damping :math:`\mu` follows
    the gain ratio (actual over predicted decrease) :math:`g`: times :math:`\max(1/3, 1 - (2g - 1)^3)` after a step
    that helped, and times 2, 4, 8, ... after steps that did not, which are not taken.

    Args:
        residual: r, from parameters ``(params,)`` to ``(n,)``, float64.
        jacobian: its Jacobian, ``(n, params)``.
        start: where to start.
        tolerance: the fit is reached at ``|r| <= tolerance |r(start)|``.
        iterations: most systems solved.
        visit: called with (accepted steps, parameters, residual) at the start and after each accepted step; a true
            answer stops.

    Returns:
        Parameters, residual and why it stopped.

    Raises:
        UsageError: a tolerance or budget out of range.
        DataError: a start that is no vector of finite numbers, or a residual that is not finite there.

    References: D. Marquardt, SIAM Journal on Applied Mathematics 11 (1963); the damping rule is that of H. B. Nielsen,
        Damping parameter in Marquardt's method, IMM-REP-1999-05 (equation 2.5, recalled).

    >>> target = np.array([4.0])
    >>> fit = levenberg_marquardt(lambda t: t**2 - target, lambda t: 2 * np.diag(t), [1.0])
    >>> fit.stop, round(float(fit.params[0]), 9)
    ('fitted', 2.0)
    """
    theta = _numbers(start, "start", 1e100)
    if theta.ndim != 1 or not theta.size or not np.isfinite(theta).all():
        raise DataError(f"start: expected a vector of finite numbers, got shape {theta.shape}.")
    given, tolerance = tolerance, real(tolerance)
    if not 0 < tolerance < 1:
        raise UsageError(f"tolerance: expected a number between 0 and 1, got {shown(given)}.")
    iterations = count(iterations, "iterations")
    r = _numbers(residual(theta), "residual", 1e150)
    if not np.isfinite(r).all():
        raise DataError(
            "residual: expected finite numbers at the start, got some that are missing or infinite."
        )
    norms = [float(np.linalg.norm(r))]
    goal = tolerance * norms[0]
    step_of, g, scale = _system(np.asarray(jacobian(theta), dtype=np.float64), r)
    mu, growth = START * scale, 2.0
    done = 0
    stop: Stop | None = "fitted" if norms[0] == 0 else None
    if stop is None and visit is not None and visit(0, theta, r):
        stop = "asked"
    while stop is None:
        if np.linalg.norm(g) <= FLAT * math.sqrt(scale * len(r)) * norms[-1]:
            stop = "gradient"
            break
        if done >= iterations:
            stop = "iterations"
            break
        done += 1
        delta = step_of(mu)
        gain, trial = -math.inf, None
        if delta is not None:
            if np.linalg.norm(delta) <= STALLED * (np.linalg.norm(theta) + STALLED):
                stop = "step"
                break
            with np.errstate(all="ignore"):  # a trial out of bounds is a step that did not help
                trial = np.asarray(residual(theta + delta), dtype=np.float64)
            if np.isfinite(trial).all():
                predicted = 0.5 * float(delta @ (mu * delta - g))
                actual = 0.5 * float((r - trial) @ (r + trial))
                gain = actual / predicted if predicted > 0 else -math.inf
        if delta is None or trial is None or not gain > 0:
            mu, growth = mu * growth, growth * 2
            stop = "damping" if not math.isfinite(mu) or growth > 2.0**60 else None
            continue
        theta, r = theta + delta, trial
        norms.append(float(np.linalg.norm(r)))
        mu, growth = mu * max(1 / 3, 1 - (2 * gain - 1) ** 3), 2.0
        if visit is not None and visit(len(norms) - 1, theta, r):
            stop = "asked"
        elif norms[-1] <= goal:
            stop = "fitted"
        else:
            step_of, g, scale = _system(np.asarray(jacobian(theta), dtype=np.float64), r)
    return LeastSquaresFit(theta, r, np.array(norms), done, stop)


def _numbers(values: Any, name: str, high: float) -> np.ndarray:
    """Real numbers in float64, with room for their squares."""
    return numbers(values, name, high=high)


def _system(j: np.ndarray, r: np.ndarray) -> tuple[Callable[[float], np.ndarray | None], np.ndarray, float]:
    """The damped step as a function of the damping, the gradient, and the largest diagonal entry of J J^T."""
    g = j.T @ r
    wide = j.shape[1] > j.shape[0]
    gram = j @ j.T if wide else j.T @ j
    scale = max(float((j * j).sum(axis=1).max()), np.finfo(np.float64).tiny)

    def step(mu: float) -> np.ndarray | None:
        damped = gram.copy()
        damped[np.diag_indices_from(damped)] += mu
        try:
            factor = linalg.cho_factor(damped, lower=True, check_finite=False)
        except linalg.LinAlgError:
            return None
        if wide:
            return -(j.T @ linalg.cho_solve(factor, r, check_finite=False))
        return np.asarray(-linalg.cho_solve(factor, g, check_finite=False))

    return step, g, scale


def fit_network(
    network: Any, params: Any, x: ArrayLike, y: ArrayLike, *, tolerance: float = 1e-10, iterations: int = 200
) -> tuple[Any, LeastSquaresFit]:
    """Fit targets with any network by Levenberg-Marquardt in float64, from given parameters.

    Args:
        network: a :class:`~overparam.models.network.Network`.
        params: where to start, as ``network.init`` gives them.
        x: inputs, shape ``(n, inputs)``.
        y: real targets, shape ``(n,)`` for one output, or ``(n, outputs)``; for classes, one-hot rows or +1 and -1.
        tolerance: as in :func:`levenberg_marquardt`.
        iterations: as in :func:`levenberg_marquardt`.

    Returns:
        The parameters, float64 and shaped like ``params`` (what the network holds constant as given), and the fit; its
        residual has outputs in the last, fastest place.

    Raises:
        DataError: shapes that do not fit the network, missing values, or integer labels for several outputs.
        UsageError: parameters of another network, numbers of fewer than 32 bits, or a network whose outputs depend on
            other rows than their own or that trains by another pass.

    >>> import jax
    >>> from overparam.models import two_layer
    >>> network = two_layer(2, 4, activation="tanh")
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> _, fit = fit_network(network, network.init(jax.random.key(0)), x, np.array([1.0, -1.0, 0.5]))
    >>> fit.fitted, len(fit.residual)
    (True, 3)
    """
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    from overparam.models.check import check_kind, check_network, check_params, double
    from overparam.models.passes import check_one_pass, check_rows
    from overparam.models.state import join, split

    check_network(network)
    check_one_pass(network, "fit_network")
    check_params(network, params)
    for name, values in (("x", x), ("y", y)):
        check_kind(values, name, f'{name}.astype("float32")')
    rows, targets = _numbers(x, "x", 1e100), _numbers(y, "y", 1e150)
    given = np.asarray(y)
    if rows.ndim != 2 or rows.shape[1] != network.inputs or not len(rows):
        raise DataError(f"x: expected shape (n, {network.inputs}) with n >= 1, got {rows.shape}.")
    if network.outputs > 1 and given.ndim == 1 and np.issubdtype(given.dtype, np.integer):
        raise DataError(
            f"y: expected real targets of shape ({len(rows)}, {network.outputs}), got integer labels. Squared loss "
            "needs numbers: pass one-hot rows, np.eye(classes)[y], or +1 and -1 for two classes."
        )
    if targets.shape not in {(len(rows), network.outputs), (len(rows),) if network.outputs == 1 else ()}:
        raise DataError(f"y: expected shape ({len(rows)}, {network.outputs}), got {given.shape}.")
    if not (np.isfinite(rows).all() and np.isfinite(targets).all()):
        raise DataError(
            "x, y: expected finite numbers, got some that are missing or infinite. Leave those rows out."
        )
    with jax.enable_x64(True):
        check_network(network)  # nothing in it rounds to float32
        check_rows(network, double(network, params), rows)
        trained, held = split(network.state, double(network, params))
        flat, shaped = ravel_pytree(trained)
        flat_y = targets.reshape(-1)

        @jax.jit
        def residual(theta: Any) -> Any:
            return network.apply(join(shaped(theta), held), rows).reshape(-1) - flat_y

        slope = jax.jit(jax.jacrev(residual))
        fit = levenberg_marquardt(
            lambda t: np.asarray(residual(t)),
            lambda t: np.asarray(slope(t)),
            np.asarray(flat, dtype=np.float64),
            tolerance=tolerance,
            iterations=iterations,
        )
        fitted = join(jax.tree.map(np.asarray, shaped(jnp.asarray(fit.params))), held)
    return fitted, fit
