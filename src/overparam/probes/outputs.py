"""What a member answers to every example, over time: from it residuals, modes and any other error can be found later."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from overparam.core.checked import shown
from overparam.core.errors import UsageError
from overparam.models.network import Network, PyTree
from overparam.probes.probe import Probe
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, TestExamples, TestTargets
from overparam.training.losses import Loss

PARTS = ("train", "test")


def outputs(parts: Sequence[str] = ("train",)) -> Probe:
    """The outputs of a member on its training examples, on the test examples, or both.

    Args:
        parts: any of ``train`` and ``test``.

    Returns:
        A probe for :func:`overparam.training.train`; its arrays ``train_outputs`` of shape ``(n, outputs)`` and
        ``test_outputs`` of ``(n_test, outputs)`` stand at every probe time. With
        :func:`overparam.theory.li2020.mode_energies` they tell which modes of the initial kernel are learnt.

    Raises:
        UsageError: no part, or another word.

    >>> sorted(outputs(("train", "test")).values)
    ['test_outputs', 'train_outputs']
    """
    given = tuple(parts) if isinstance(parts, list | tuple) else (parts,)
    if not given or any(one not in PARTS for one in given):
        raise UsageError(f"parts: expected any of train and test in a list, got {shown(parts)}.")
    wanted = tuple(one for one in PARTS if one in given)

    def measure(
        network: Network, loss: Loss, params: PyTree, params0: PyTree, x: Examples, y: Targets,
        x_test: TestExamples, y_test: TestTargets,
    ) -> Measured:  # fmt: skip
        rows = {"train": x, "test": x_test}
        return {f"{one}_outputs": jnp.asarray(network.apply(params, rows[one])) for one in wanted}

    return Probe(
        "outputs",
        {
            f"{one}_outputs": f"Outputs on the {one} examples, one row each, in the unit of the targets."
            for one in wanted
        },
        measure,
    )
