"""Kernels of infinitely wide two-layer networks: the covariance of the trained hidden layer, and of the features."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import UsageError
from overparam.theory.activations import ACTIVATIONS, Activation, sine
from overparam.theory.activations import activation as activation_of
from overparam.theory.activations import leaky_relu as leaky
from overparam.theory.kernels.row_angles import Angles, angles, rows_of
from overparam.theory.kernels.series import kernel_by_series

_PROBES = np.array([-2.5, -1.0, -0.3, 0.0, 0.7, 1.9])
Square = Float64[np.ndarray, "n n"]
Rectangle = Float64[np.ndarray, "n m"]


def covariance(x: ArrayLike, activation: str | Activation) -> Square:
    r"""Covariance of the data as a two-layer network with a trained hidden layer sees it, in squared units of x.

    .. math:: \Sigma(X) = E_w[\phi'(Xw)\phi'(Xw)^T] \circ XX^T, \qquad w \sim N(0, I)

    The limit of ``J J^T / |v|^2`` as ``f(x) = sum_l v_l phi(w_l.x)`` becomes wide. For ReLU it is
    ``x.z (pi - angle) / (2 pi)``, the matrix H of Du et al.

    Args:
        x: rows of inputs, shape ``(n, features)``, of any norm; a zero row gives a zero row and column.
        activation: phi, by its name, or one of :mod:`overparam.theory.activations`.

    Returns:
        Symmetric and positive semi-definite up to rounding, shape ``(n, n)``, float64.

    Raises:
        DataError: inputs that are no finite table.
        UsageError: an unknown activation, or a series that does not converge (long, almost parallel rows).

    Assumptions: weights are standard normal and there is no bias. Append a constant coordinate for one.

    References:
        S. Oymak and M. Soltanolkotabi, arXiv:1902.04674, definition 1.1 (number recalled, not checked); S. Du,
        X. Zhai, B. Poczos, A. Singh, ICLR 2019, the Gram matrix H; C. Williams, NIPS 1996 (erf).

    >>> covariance(np.eye(2), "relu").tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    >>> bool(np.allclose(covariance([[1.0, 2.0]], "quadratic"), 4 * 25))
    True
    """
    return covariance_with_error(x, activation)[0]


def cross_covariance(x: ArrayLike, z: ArrayLike, activation: str | Activation) -> Rectangle:
    """The covariance between the rows of x and those of z, as :func:`covariance`.

    Args:
        x: shape ``(n, features)``.
        z: shape ``(m, features)``.
        activation: phi.

    Returns:
        Shape ``(n, m)``, float64.

    Raises:
        DataError: inputs that are no finite tables, or of different numbers of features.
        UsageError: as :func:`covariance`.

    References: as :func:`covariance`.

    >>> cross_covariance([[2.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], "identity").tolist()
    [[2.0, 0.0]]
    """
    geometry = angles(rows_of(x), rows_of(z, "z"))
    return slope_moment(geometry, activation)[0] * geometry.inner


def second_moment(x: ArrayLike, activation: str | Activation, z: ArrayLike | None = None) -> Rectangle:
    r"""``E[phi(w.x) phi(w.z)]`` for standard normal w: the kernel of infinitely many random features.

    Args:
        x: shape ``(n, features)``.
        activation: phi.
        z: shape ``(m, features)``; None: x.

    Returns:
        Shape ``(n, m)``, float64.

    Raises:
        DataError: inputs that are no finite tables.
        UsageError: as :func:`covariance`.

    References: Y. Cho and L. Saul, NIPS 2009 (ReLU); C. Williams, NIPS 1996, equation 11 (erf; number recalled).

    >>> second_moment(np.eye(2), "relu").round(6).tolist()  # 1/2 and 1/(2 pi)
    [[0.5, 0.159155], [0.159155, 0.5]]
    """
    geometry = angles(rows_of(x), None if z is None else rows_of(z, "z"))
    form = closed_form(activation_of(activation))
    if form is None:
        act = _smooth(activation_of(activation))
        return kernel_by_series(act.value, geometry)[0]
    return form[1](geometry)


def two_layer_ntk(x: ArrayLike, activation: str | Activation) -> Square:
    r"""Neural tangent kernel of the two-layer network with both layers trained, over the width.

    .. math:: E[\phi'\phi'^T] \circ XX^T + E[\phi\phi^T]

    The limit for ``f(x) = (1/sqrt k) sum_l v_l phi(w_l.x)``, all weights standard normal, no biases.

    Args:
        x: shape ``(n, features)``.
        activation: phi.

    Returns:
        Shape ``(n, n)``, float64.

    Raises:
        DataError: inputs that are no finite table.
        UsageError: as :func:`covariance`.

    References: A. Jacot, F. Gabriel, C. Hongler, NeurIPS 2018, theorem 1.

    >>> two_layer_ntk([[1.0, 0.0]], "relu").tolist()
    [[1.0]]
    """
    return covariance(x, activation) + second_moment(x, activation)


def covariance_with_error(x: ArrayLike, activation: str | Activation) -> tuple[Square, float]:
    r"""The covariance, and a bound on the spectral norm of its error.

    An entry is ``x.z F`` with ``F = E[phi' phi']``. With unit roundoff u, inner products err by ``(d + 4) u |x||z|``,
    cosines by ``(d + 8) u``, and F by at most ``|x||z| B2^2`` times that (ReLU: ``1/(2 pi sin 0.14)``; times 4 for every
    leaky slope), so every
    entry errs by at most ``e |x||z|`` and the matrix by ``e sum_i |x_i|^2``.

    Args:
        x: shape ``(n, features)``.
        activation: phi.

    Returns:
        The matrix, and the bound. It supposes elementary functions exact to a few units in the last place and, for
        activations without a closed form, coefficients exact to 32 units: the trapezoid rule is not bounded.

    References: N. Higham, Accuracy and stability of numerical algorithms, 2002, section 3.1.

    >>> matrix, error = covariance_with_error(np.eye(2), "tanh")
    >>> 0 < error < 1e-12
    True
    """
    rows = rows_of(x)
    return covariance_of(angles(rows), rows.shape[1], activation_of(activation))


def covariance_of(geometry: Angles, d: int, act: Activation) -> tuple[Square, float]:
    """As :func:`covariance_with_error`, from the geometry of rows with d features."""
    moment, left_out = slope_moment(geometry, act)
    top = float(geometry.left.max()) ** 2
    largest = float(np.abs(moment).max(initial=0.0))
    bend = act.largest_curvature
    steep = top * bend**2 + math.sqrt(top * largest) * bend if act.smooth else 5.0
    unit = float(np.finfo(np.float64).eps) / 2
    each = unit * ((d + 4) * largest + 4 * (d + 8) * steep + 64 * largest) + left_out
    return moment * geometry.inner, each * float((geometry.left**2).sum())


def slope_moment(geometry: Angles, activation: str | Activation) -> tuple[Rectangle, float]:
    """``E[phi'(w.x) phi'(w.z)]`` from the geometry of the rows, and a bound on what a cut series left out.

    Raises:
        UsageError: an activation whose slope jumps and that has no closed form.

    References: as :func:`covariance`.
    """
    act = activation_of(activation)
    form = closed_form(act)
    if form is not None:
        return form[0](geometry), 0.0
    return kernel_by_series(_smooth(act).slope, geometry)


def closed_form(act: Activation) -> tuple[Callable[[Angles], Rectangle], Callable[[Angles], Rectangle]] | None:
    """The closed forms of ``E[phi' phi']`` and ``E[phi phi]`` for an activation; None if there is none here."""
    if act.name == "relu" or act.name.startswith("leaky_relu"):
        below = float(act.slope(np.array([-1.0]))[0])
        if _is(act, leaky(below) if -1 <= below <= 1 else ACTIVATIONS["relu"]):
            return (lambda g: _step(g, below)), (lambda g: _ramp(g, below))
    if act.name.startswith("sine"):
        omega = float(act.slope(np.array([0.0]))[0])
        if omega > 0 and _is(act, sine(omega)):
            return (lambda g: _waves(g, omega, 1) * omega**2), (lambda g: _waves(g, omega, -1))
    plain = {
        "erf": (_erf_slopes, _erf_values),
        "quadratic": (
            lambda g: 4.0 * g.inner,
            lambda g: np.multiply.outer(g.left, g.right) ** 2 + 2 * g.inner**2,
        ),
        "identity": (lambda g: np.ones_like(g.inner), lambda g: g.inner.copy()),
    }
    return plain[act.name] if act.name in plain and _is(act, ACTIVATIONS[act.name]) else None


def _is(act: Activation, known: Activation) -> bool:
    return np.array_equal(act.slope(_PROBES), known.slope(_PROBES)) and np.array_equal(
        act.value(_PROBES), known.value(_PROBES)
    )


def _smooth(act: Activation) -> Activation:
    if not act.smooth:
        raise UsageError(
            f"activation '{act.name}': expected one with a closed form, or with a slope that does not jump. "
            "Use relu or leaky_relu, or give its curvature."
        )
    return act


def _step(g: Angles, below: float) -> Rectangle:
    return below + (1.0 - below) ** 2 * (np.pi - g.angle) / (2.0 * np.pi)


def _ramp(g: Angles, below: float) -> Rectangle:
    arc = np.multiply.outer(g.left, g.right) * (g.sine + (np.pi - g.angle) * g.cosine) / (2.0 * np.pi)
    return below * g.inner + (1.0 - below) ** 2 * arc


def _erf_root(g: Angles) -> Rectangle:
    p, q = g.left[:, None] ** 2, g.right[None, :] ** 2
    return np.sqrt(1.0 + 2.0 * (p + q) + 4.0 * p * q * g.sine**2)


def _erf_slopes(g: Angles) -> Rectangle:
    return (4.0 / np.pi) / _erf_root(g)


def _erf_values(g: Angles) -> Rectangle:
    return (2.0 / np.pi) * np.arctan2(2.0 * g.inner, _erf_root(g))


def _waves(g: Angles, omega: float, sign: int) -> Rectangle:
    squares = np.add.outer(g.left**2, g.right**2)
    apart, together = np.maximum(squares - 2.0 * g.inner, 0.0), np.maximum(squares + 2.0 * g.inner, 0.0)
    return 0.5 * (np.exp(-0.5 * omega**2 * apart) + sign * np.exp(-0.5 * omega**2 * together))
