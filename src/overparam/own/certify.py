"""Certificates of your own network: whether training it from these parameters provably converges to zero loss.

>>> import jax, numpy as np
>>> from overparam.models import two_layer
>>> network = two_layer(3, 4000, 1, activation="tanh", parametrisation="ntk", train_output=False)
>>> x = np.eye(3)
>>> certify(network, network.init(jax.random.key(0)), x, np.array([1.0, -1.0, 0.5]), flow=True).method
'gradient flow'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from overparam.core.errors import DataError, UsageError
from overparam.models import Network
from overparam.models.check import check_kind, check_network, check_params
from overparam.models.mlp import layer_names
from overparam.models.passes import check_one_pass
from overparam.theory.activations import activation
from overparam.theory.certificates import (
    Certificate,
    Dense,
    FirstCertified,
    ShortestPath,
    certify_dense,
    first_certified,
)
from overparam.theory.certificates import shortest_path as _shortest_path
from overparam.theory.inputs import array_of

PyTree = Any


def certify(
    network: Network,
    params: PyTree,
    x: ArrayLike,
    y: ArrayLike,
    *,
    step: float | None = None,
    loss: str = "half sum",
    flow: bool = False,
) -> Certificate:
    """Whether gradient descent on a squared loss, from these parameters, provably converges to a fit of every target.

    The proof covers the rounding of its own numbers; training is taken in exact arithmetic, on the float64 network with
    exactly these parameters, so a run in float32 is not covered. A network may train well without a certificate: "not
    certified" never says that training fails.

    Args:
        network: a network of dense layers: ``two_layer``, ``mlp`` or ``linear``. With one hidden layer and the output
            fixed (``train_output=False``) the bounds are sharpest; relu is certified in that case only.
        params: its parameters; float32 is cast exactly.
        x: inputs, shape ``(n, features)``.
        y: targets, shape ``(n,)`` for one output or ``(n, outputs)``; numbers, not class labels.
        step: of gradient descent on ``loss``; None takes half the largest that is certified.
        loss: ``half sum`` of squares; its ``mean`` over examples, the loss ``squared`` of :mod:`overparam.training`; or
            ``mean squared error`` over examples and outputs, as PyTorch has it.
        flow: whether the statement is for gradient flow instead.

    Returns:
        The certificate with its constants, conditions and rounding budget.

    Raises:
        UsageError: a network whose structure is not known or that trains by another pass, integer labels, or shapes that do
            not fit.
        DataError: numbers that are missing or infinite.

    References: derived in :mod:`overparam.theory.certificates.interpolation`.
    """
    dense, notes = dense_of(network, params)
    return certify_dense(dense, x, y, step=step, flow=flow, loss=loss, notes=notes)


def certify_path(
    network: Network,
    params: Iterable[PyTree],
    x: ArrayLike,
    y: ArrayLike,
    *,
    step: float | None = None,
    loss: str = "half sum",
    flow: bool = False,
) -> FirstCertified:
    """The first of several parameters, in the order of training, from which convergence to zero loss is proved.

    Args:
        network: as in :func:`certify`.
        params: parameters at several times of a run.
        x: inputs, shape ``(n, features)``.
        y: targets.
        step: as in :func:`certify`.
        loss: as in :func:`certify`.
        flow: as in :func:`certify`.

    Raises:
        UsageError: as :func:`certify`.
        DataError: as :func:`certify`.

    References: as :func:`certify`.
    """
    if isinstance(params, Mapping) or not isinstance(params, Iterable):
        raise UsageError(
            f"params: expected the parameters of several times of a run, in a list, got {type(params).__name__}. "
            "For one time use certify."
        )
    return first_certified(lambda one: certify(network, one, x, y, step=step, loss=loss, flow=flow), params)


def shortest_path(network: Network, start: PyTree, end: PyTree, x: ArrayLike, y: ArrayLike) -> ShortestPath:
    """How much farther than the nearest interpolator the one is to which a training run led, with a proved bound.

    Args:
        network: as in :func:`certify`.
        start: parameters before training.
        end: parameters after it.
        x: inputs, shape ``(n, features)``.
        y: targets.

    Raises:
        UsageError: as :func:`certify`.
        DataError: as :func:`certify`.

    References: derived in :mod:`overparam.theory.certificates.shortest_path`.
    """
    return _shortest_path(dense_of(network, start)[0], dense_of(network, end)[0], x, y)


def dense_of(network: Network, params: PyTree) -> tuple[Dense, tuple[str, ...]]:
    """The layers of a network with their parameters in float64, and what was done to these.

    Args:
        network: a network of dense layers.
        params: its parameters.

    Raises:
        UsageError: the network's structure is not known, or the parameters are of another network.
        DataError: parameters that are missing or infinite.
    """
    check_network(network)
    check_one_pass(network, "certify")
    form = network.form
    if form is None:
        raise UsageError(
            f"certify: the structure of '{network.name}' is not known, so no Lipschitz constant of its Jacobian is. "
            "Give a network of dense layers (two_layer, mlp, linear), or your own proved bounds to "
            "overparam.theory.certificates.certify_jacobian."
        )
    names = layer_names(len(form.sizes) - 2)
    trained = names if form.signs is None else names[:-1]
    if not isinstance(params, Mapping) or set(params) != set(trained):
        got = sorted(params) if isinstance(params, Mapping) else type(params).__name__
        raise UsageError(f"params: expected the layers {', '.join(trained)}, got {got}.")
    weights, biases = [], []
    kinds: set[str] = set()
    for name, inputs, units in zip(trained, form.sizes[:-1], form.sizes[1:], strict=False):
        layer = params[name]
        kept = {"weight", "bias"} if form.bias else {"weight"}
        if not isinstance(layer, Mapping) or set(layer) != kept:
            inside = sorted(layer) if isinstance(layer, Mapping) else type(layer).__name__
            raise UsageError(f"params: expected {' and '.join(sorted(kept))} in {name}, got {inside}.")
        weights.append(_array(layer["weight"], (units, inputs), f"{name}.weight", kinds))
        biases.append(_array(layer["bias"], (units,), f"{name}.bias", kinds) if form.bias else None)
    check_params(network, params)
    scales = list(form.scales)
    if form.signs is not None:
        # the network multiplies in float32: that product is its last matrix
        weights.append(np.asarray(form.scales[-1] * form.signs, dtype=np.float64))
        biases.append(None)
        scales[-1] = 1.0
    notes = [f"Parameters were given in {kind} and taken as they are, in float64." for kind in sorted(kinds)]
    return (
        Dense(
            tuple(weights), tuple(biases), tuple(float(s) for s in scales), activation(form.activation),
            form.signs is None,
        ),
        tuple(notes),
    )  # fmt: skip


def _array(values: Any, shape: tuple[int, ...], name: str, kinds: set[str]) -> np.ndarray:
    check_kind(values, f"params, {name}")
    array = array_of(values, f"params, {name}")
    if array.shape != shape:
        raise UsageError(f"params: expected {name} of shape {shape}, got {array.shape}.")
    if array.dtype != np.float64:
        kinds.add(str(array.dtype))
    array = array.astype(np.float64)
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise DataError(f"params: expected finite numbers in {name}, got {bad} that are missing or infinite.")
    return array
