"""How many classes a network never names: units or outputs that died in training show here."""

from __future__ import annotations

import jax.numpy as jnp

from overparam.models.network import Network, PyTree
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss


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
    """Number of classes that a network predicts for no training example.

    Args:
        network: the network.
        loss: not used.
        params: the member's parameters.
        params0: not used.
        x: training examples, shape ``(n, inputs)``.
        y: not used.
        x_test: not used.
        y_test: not used.

    Returns:
        ``silent_classes``, from 0 to the number of outputs less one.
    """
    predicted = jnp.argmax(network.apply(params, x), axis=1)
    heard = (predicted[:, None] == jnp.arange(network.outputs)).any(axis=0)
    return {"silent_classes": network.outputs - heard.sum()}


PROBE = Probe(
    "silent", {"silent_classes": "Number of classes that are predicted for no training example."}, measure
)
