"""The certificate of a model of any framework whose structure allows it: a chain of dense layers and a squared loss."""

from __future__ import annotations

import numpy as np

from overparam.core.errors import UsageError
from overparam.operators import Model
from overparam.operators.chain import Chain, chain_of
from overparam.operators.pairs import check_model
from overparam.theory.activations import activation
from overparam.theory.certificates import Certificate, Dense, certify_dense

_KNOWN = ("relu", "leaky_relu", "tanh", "erf", "gelu", "softplus", "silu", "sine", "quadratic", "identity")
_LOSSES = {
    ("squared", False): "half sum",
    ("squared", True): "mean",
    ("MSELoss", True): "mean squared error",
}


def certify_model(model: Model, *, step: float | None = None, flow: bool = False) -> Certificate:
    """Whether gradient descent on the model's own squared loss, from its parameters, provably converges to a fit of every target.

    As :func:`overparam.certify`, for a model of any framework that is a chain of dense layers with one activation, all of it
    trained or all but the last matrix. Of a network of the package the form is known. That another model is such a
    chain was recognised, and compared at three parameter vectors, which is no proof: the certificate says so.

    Cost: a pass, and a Cholesky factor of the kernel, ``O((n outputs)^3)``.

    Args:
        model: of :func:`overparam.operators.open_model`, with numbers as targets.
        step: of gradient descent on the model's loss; None takes half the largest that is certified.
        flow: whether the statement is for gradient flow instead.

    Raises:
        UsageError: another structure, a loss that is not squared, labels, or layers that are frozen elsewhere than at the end.
        DataError: numbers that are missing or infinite.

    References: derived in :mod:`overparam.theory.certificates.interpolation`.
    """
    check_model(model).check_loss()
    loss = _LOSSES.get((model.objective.name, model.objective.mean))
    if loss is None:
        raise UsageError(
            f"model: expected a squared loss (loss='squared', or torch.nn.MSELoss()), got '{model.convention}' No certificate "
            "for another loss is known: open the model with numbers as targets and loss='squared'."
        )
    y = np.concatenate([np.asarray(model.host(batch.targets)) for batch in model.batches()])
    if y.dtype.kind != "f":
        raise UsageError(
            f"data: expected numbers as targets, got labels of {y.dtype}. Give numbers, such as one-hot rows in floats."
        )
    chain = chain_of(model, "certificate")
    dense = dense_of_chain(chain, model)
    y = y.astype(np.float64).reshape(len(y), -1)
    notes = [f"Parameters and data were given in {model.dtype.name} and taken as they are, in float64."]
    if not chain.known:
        notes.append(
            f"Assumed: the model is a chain of {len(chain.weights)} dense layers with {chain.activation}. It was recognised from "
            "its operations, and its outputs agree at three parameter vectors up to rounding."
        )
    return certify_dense(dense, chain.inputs, y, step=step, flow=flow, loss=loss, notes=tuple(notes))


def dense_of_chain(chain: Chain, model: Model) -> Dense:
    """A chain as the theorems see it.

    Args:
        chain: of the model.
        model: tells which arrays are trained.

    Raises:
        UsageError: an activation without proved bounds, or arrays that are frozen elsewhere than at the end.
    """
    if chain.activation not in _KNOWN:
        raise UsageError(
            f"certificate: expected an activation with proved bounds ({', '.join(_KNOWN)}), got {chain.activation}."
        )
    *before, last = chain.trained
    arrays = sum(chain.trained) + sum(one is not None for one in chain.biases)
    if not all(before) or (not last and chain.biases[-1] is not None) or len(model.layout.names) != arrays:
        raise UsageError(
            "certificate: expected every layer to be trained, or all but a last matrix without bias, got others that are frozen. "
            "Open the model without frozen=, or freeze the output alone."
        )
    return Dense(chain.weights, chain.biases, chain.scales, activation(chain.activation), last)
