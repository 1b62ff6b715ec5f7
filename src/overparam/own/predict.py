"""The trajectory of training that the kernel predicts, for your own network or for infinitely wide ones of its form.

>>> import jax, numpy as np
>>> from overparam import predict, two_layer
>>> network = two_layer(2, 64, parametrisation="ntk", activation="tanh")
>>> x, y = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]), np.array([1.0, -1.0, 0.5])
>>> found = predict(network, x, y, seed=0)
>>> found.kind, found.train_loss[-1] < 1e-20
('linearised', True)
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, NullSpaceWarning, UsageError, unknown
from overparam.models import Network
from overparam.models import parameters as count_parameters
from overparam.models.check import check_kind, check_network, check_params, double
from overparam.models.passes import check_one_pass
from overparam.own.jacobian import check_variables, empirical_kernel, jacobian
from overparam.own.prediction import Prediction
from overparam.theory.assumption import Assumption, checked
from overparam.theory.certificates.certificate import LOSSES
from overparam.theory.dynamics import KernelDynamics, ensemble, feature_dynamics, kernel_dynamics
from overparam.theory.dynamics.inputs import step_of, times_of
from overparam.theory.dynamics.kernel import UNSEEN
from overparam.theory.inputs import array_of, count, numbers
from overparam.theory.kernels import dense_network, kernels

PyTree = Any
Examples = Float64[np.ndarray, "n features"]
OtherExamples = Float64[np.ndarray, "n_test features"]
Targets = Float64[np.ndarray, "n classes"]
KINDS = ("linearised", "infinite width")
STEPS = (0, 1, 10, 100, 1000, math.inf)
SHARES = (0.5, 0.1, 0.01, 1e-6)
DENSE = 2e7  # entries of a Jacobian whose singular values are taken, instead of its kernel's eigenvalues


def predict(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    x_test: ArrayLike | None = None,
    *,
    params: PyTree | None = None,
    seed: int | None = None,
    kind: str | None = None,
    rate: float | None = None,
    steps: Sequence[float] = STEPS,
    flow: bool = False,
    loss: str = "half sum",
) -> Prediction:
    """How training on squared loss will go if the kernel stays as it is: loss, outputs, distance, steps to fit.

    With ``params`` or ``seed``: the linearisation of this very network at these parameters. Without them: the mean
    and spread over initialisations of infinitely wide networks of this form, for dense networks in NTK
    parametrisation. Both are in float64 and closed form: any step costs the same, also infinity. How far they hold for
    a finite network is what :func:`overparam.certify` and the studies ``lazy-width`` and ``kernel-drift`` are about.

    Args:
        network: any network; of known form (``mlp``, ``two_layer``) for infinite width.
        x: training inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)`` for one output or ``(n, outputs)``; numbers, not class labels.
        x_test: other inputs, shape ``(n_test, features)``.
        params: parameters at the start.
        seed: instead of params: takes ``network.init(jax.random.key(seed))``.
        kind: ``linearised`` or ``infinite width``; None chooses as above.
        rate: step of gradient descent; None takes half of the largest stable one.
        steps: steps to predict, or times with ``flow``; ``math.inf`` is the end of training.
        flow: gradient flow instead of gradient descent.
        loss: ``half sum`` of squares; its ``mean`` over examples, the loss ``squared`` of :mod:`overparam.training`; or
            ``mean squared error`` over examples and outputs, as PyTorch has it.

    Returns:
        The prediction. Where the kernel is singular what lies there stays, and a ``NullSpaceWarning`` says how much.

    Raises:
        UsageError: inputs of another shape, integer labels, an unknown name, a rate with which training diverges, a
            network without an infinite-width limit here, parameters of another network, numbers of fewer than 32 bits, or
            a network whose outputs depend on other rows than their own or that trains by another pass.
        DataError: numbers that are missing or infinite.

    References: Lee et al. 2019, section 2 (linearised), equations 14 to 16 (infinite width; numbers recalled).

    >>> from overparam import two_layer
    >>> network = two_layer(1, 8, bias=False, parametrisation="ntk")
    >>> found = predict(network, np.array([[1.0]]), np.array([2.0]), np.array([[3.0]]))  # relu: f(3) = 3 f(1)
    >>> found.kind, found.test_outputs[-1].round(9).tolist(), found.test_sd[-1].round(6).tolist()
    ('infinite width', [[6.0]], [0.0])
    """
    check_network(network)
    check_one_pass(network, "predict")
    if params is not None:
        check_params(network, params)
    inputs = _inputs(network, x, "x")
    targets = _targets(network, inputs, y)
    test = None if x_test is None else _inputs(network, x_test, "x_test")
    if not isinstance(loss, str) or loss not in LOSSES:
        raise unknown("loss", loss, LOSSES)
    if params is not None and seed is not None:
        raise UsageError("params and seed: expected one of them, got both. A seed stands for fresh parameters.")
    chosen = kind or (KINDS[0] if params is not None or seed is not None else KINDS[1])
    if not isinstance(chosen, str) or chosen not in KINDS:
        raise unknown("kind", chosen, KINDS)
    times_of(steps, whole=not flow, name="steps")
    step_of(rate)
    if chosen == KINDS[1]:
        if params is not None or seed is not None:
            raise UsageError("kind: 'infinite width' averages over initialisations; leave out params and seed.")
        return _infinite(network, inputs, targets, test, rate, tuple(steps), flow, loss)
    start = network.init(jax.random.key(count(seed or 0, "seed", 0))) if params is None else params
    check_variables(network, start, inputs)
    return _linearised(network, start, inputs, targets, test, rate, tuple(steps), flow, loss)


def _linearised(
    network: Network,
    params: PyTree,
    x: Examples,
    y: Targets,
    test: OtherExamples | None,
    rate: float | None,
    steps: tuple[float, ...],
    flow: bool,
    loss: str,
) -> Prediction:
    out, size = network.outputs, count_parameters(network)
    if len(x) * out * size <= DENSE:
        trajectory = feature_dynamics(jacobian(network, params, x))
    else:
        trajectory = kernel_dynamics(empirical_kernel(network, params, x))
    trajectory = _scaled(trajectory, loss, len(x), out)
    residual = (_outputs(network, params, x) - y).reshape(-1)
    step, share = _step(trajectory, rate, flow), _null_share(trajectory, residual, steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NullSpaceWarning)  # said once, above
        losses = trajectory.loss(residual, steps, step)
        distance = trajectory.distance(residual, steps, step)
        outputs = None
        if test is not None:
            cross = empirical_kernel(network, params, test, x)
            first = _outputs(network, params, test).reshape(-1)
            outputs = trajectory.predict(first, cross, residual, steps, step).reshape(
                len(steps), len(test), out
            )
    lazy = Assumption(
        "lazy training",
        "The network's kernel does not change during training.",
        "unchecked",
        "holds better the wider the network; certify proves it for some",
    )
    return _made(
        trajectory, KINDS[0], network, loss, step, steps, losses, residual, share, len(x), lazy,
        outputs=outputs, sd=None, distance=tuple(map(float, distance)),
    )  # fmt: skip


def _infinite(
    network: Network,
    x: Examples,
    y: Targets,
    test: OtherExamples | None,
    rate: float | None,
    steps: tuple[float, ...],
    flow: bool,
    loss: str,
) -> Prediction:
    form = network.form
    if form is None:
        raise UsageError(
            f"kind: the structure of '{network.name}' is not known, so its infinite width is not either. Give params or "
            "a seed, for the linearised network."
        )
    if form.signs is not None:
        raise UsageError(
            f"kind: '{network.name}' has a fixed output of equally many +1 and -1, whose initial outputs have another "
            "law than the kernel's. Give params or a seed, or train_output=True."
        )
    layers = dense_network(form)
    own: Any = kernels(layers, x)
    trajectory = _scaled(kernel_dynamics(own.ntk), loss, len(x), network.outputs)
    # |r_t|^2 averages to |D y|^2 + outputs tr(D K D): the same sum as for the columns of y and a root of K
    lam, vectors = np.linalg.eigh(own.nngp)
    root = vectors * np.sqrt(np.maximum(lam, 0.0) * network.outputs)
    columns = np.concatenate([-y, root], axis=1)
    step, share = _step(trajectory, rate, flow), _null_share(trajectory, columns, steps)
    outputs = sd = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NullSpaceWarning)  # said once, above
        losses = trajectory.loss(columns, steps, step)
        if test is not None:
            cross, there = kernels(layers, test, x), kernels(layers, test, get="nngp")
            inner, times = _in_own_time(trajectory, step, steps)
            found = ensemble(
                own.ntk, own.nngp, y, times, inner,
                cross_ntk=cross.ntk, cross_nngp=cross.nngp, test_nngp=there.nngp,
            )  # fmt: skip
            outputs, sd = found.mean, found.sd
    lazy = Assumption(
        "infinite width",
        "The network is infinitely wide, its parameters standard normal at the start.",
        "unchecked",
        f"this one has hidden widths {list(form.sizes[1:-1])}",
    )
    return _made(
        trajectory, KINDS[1], network, loss, step, steps, losses, columns, share, len(x), lazy,
        outputs=outputs, sd=sd, distance=None,
    )  # fmt: skip


def _in_own_time(
    trajectory: KernelDynamics, step: float | None, steps: tuple[float, ...]
) -> tuple[float | None, tuple[float, ...]]:
    """Step and times of the loss ``|r|^2 / 2`` that are the same trajectory."""
    if step is None:
        return None, tuple(time / trajectory.divisor for time in steps)
    return step / trajectory.divisor, steps


def _made(
    trajectory: KernelDynamics,
    kind: str,
    network: Network,
    loss: str,
    step: float | None,
    steps: tuple[float, ...],
    losses: Float64[np.ndarray, " times"],
    residual: Float64[np.ndarray, "n ..."],
    share: float,
    n: int,
    assumption: Assumption,
    *,
    outputs: Float64[np.ndarray, "times n_test classes"] | None,
    sd: Float64[np.ndarray, "times n_test"] | None,
    distance: tuple[float, ...] | None,
) -> Prediction:
    limit = trajectory.largest_step()
    first = float(trajectory.loss(residual, [0], step)[0])
    stable = step is None or step < limit
    reached = {one: trajectory.time_to(residual, one * first, step) if stable else math.inf for one in SHARES}
    said = "gradient flow" if step is None else f"step {step:.4g}, limit {limit:.4g}"
    return Prediction(
        kind, network.name, loss, step, steps, tuple(map(float, losses)), outputs, sd, distance, limit, reached,
        float(trajectory.eigenvalues[-1]), float(trajectory.eigenvalues[0]), trajectory.null, share, n, count_parameters(network),
        _curve(trajectory, residual, step, reached, steps) if stable else (),
        (
            assumption,
            checked("stable step", "The step is below 2 / largest eigenvalue of the loss.", stable, said),
            checked(
                "regular kernel",
                "No part of the residual lies where the kernel is zero.",
                share == 0,
                f"{trajectory.null} directions of eigenvalue zero, {share:.3g} of the squared residual there",
            ),
        ),
    )  # fmt: skip


def _curve(
    trajectory: KernelDynamics,
    residual: Float64[np.ndarray, "n ..."],
    step: float | None,
    reached: dict[float, float],
    steps: tuple[float, ...],
) -> tuple[tuple[float, float], ...]:
    """About forty points of the loss, evenly in the logarithm of the step."""
    ends = [one for one in (*reached.values(), *steps) if math.isfinite(one) and one > 0]
    if not ends:
        return ()
    end = max(ends)
    start = 1.0 if step is not None else min(ends) / 100
    places = np.geomspace(start, max(end, start), 40)
    if step is not None:
        places = np.unique(np.round(places))
    return tuple(zip(places.tolist(), trajectory.loss(residual, places, step).tolist(), strict=True))


def _scaled(trajectory: KernelDynamics, loss: str, n: int, outputs: int) -> KernelDynamics:
    divisor = {"half sum": 1.0, "mean": float(n), "mean squared error": n * outputs / 2}[loss]
    return dataclasses.replace(trajectory, divisor=divisor)


def _step(trajectory: KernelDynamics, rate: float | None, flow: bool) -> float | None:
    if flow:
        if rate is not None:
            raise UsageError(f"rate: expected None with flow=True, got {rate!r}. Gradient flow has no step.")
        return None
    limit = trajectory.largest_step()
    return rate if rate is not None else 0.5 * limit if math.isfinite(limit) else 1.0


def _null_share(
    trajectory: KernelDynamics, residual: Float64[np.ndarray, "n ..."], steps: tuple[float, ...]
) -> float:
    share = trajectory.null_share(residual)
    if share <= UNSEEN:
        return 0.0
    if any(math.isinf(one) for one in steps):
        warnings.warn(
            f"{trajectory.null} of {len(trajectory.eigenvalues)} directions of the kernel have eigenvalue zero; {share:.3g} of "
            "the squared residual lies there and is never learnt. Look for duplicated inputs, opposite inputs, or more "
            "samples than parameters.",
            NullSpaceWarning,
            stacklevel=4,
        )
    return share


def _outputs(network: Network, params: PyTree, x: Examples) -> Targets:
    with jax.enable_x64(True):
        return np.asarray(network.apply(double(network, params), jnp.asarray(x)), np.float64)


def _inputs(network: Network, x: ArrayLike, name: str) -> Examples:
    check_kind(x, name, f'{name}.astype("float32")')
    out = numbers(x, name, high=1e100)
    if out.ndim != 2 or out.shape[1] != network.inputs or not len(out):
        raise UsageError(f"{name}: expected shape (n, {network.inputs}), got {out.shape}.")
    if not np.isfinite(out).all():
        raise DataError(f"{name}: expected finite numbers, got some that are missing or infinite.")
    return out


def _targets(network: Network, x: Examples, y: ArrayLike) -> Targets:
    check_kind(y, "y", 'y.astype("float32")')
    out, n = array_of(y, "y"), len(x)
    if out.dtype.kind in "iub":
        raise UsageError(
            f"y: expected targets as floating-point numbers, got {out.dtype}. Encode class labels first, for instance "
            "as numpy.eye(classes)[y], two classes also as 2.0 * y - 1.0; a whole-number target as y.astype(float)."
        )
    wanted = (n, network.outputs)
    if out.shape != wanted and not (network.outputs == 1 and out.shape == (n,)):
        raise UsageError(f"y: expected shape {wanted}, got {out.shape}.")
    if not np.isfinite(out).all():
        raise DataError("y: expected finite numbers, got some that are missing or infinite.")
    return numbers(out, "y", high=1e150).reshape(wanted)
