"""How well a member fits: loss and error on its training set and on the test set."""

from __future__ import annotations

from overparam.models.network import Network, PyTree
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets, fit
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
    """Mean loss and share of wrong labels, on the training set (noisy labels included) and on the test set.

    Args:
        network: the network.
        loss: the loss it was trained with.
        params: the member's parameters.
        params0: not used.
        x: training examples, shape ``(n, inputs)``.
        y: training labels or targets.
        x_test: test examples, shape ``(n_test, inputs)``.
        y_test: test labels or targets.

    Returns:
        ``train_loss``, ``test_loss`` in the loss's unit; ``train_error``, ``test_error`` from 0 to 1, only for
        labels.
    """
    values = {}
    for side, inputs, targets in (("train", x, y), ("test", x_test, y_test)):
        mean, error = fit(network, loss, params, inputs, targets)
        values[f"{side}_loss"] = mean
        if error is not None:
            values[f"{side}_error"] = error
    return values


PROBE = Probe(
    "fit",
    {
        "train_loss": "Mean loss on the training set, in the unit of the loss (nats for cross-entropy).",
        "train_error": "Share of training labels, noisy ones included, that are not predicted, from 0 to 1.",
        "test_loss": "Mean loss on the test set, in the unit of the loss (nats for cross-entropy).",
        "test_error": "Share of test labels that are not predicted, from 0 to 1.",
    },
    measure,
)
