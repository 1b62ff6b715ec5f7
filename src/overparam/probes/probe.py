"""A probe: a measurement of one member, as a pure function of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from overparam.models.network import Network, PyTree
from overparam.training.evaluate import Examples, Targets
from overparam.training.loop import Measured, ProbeFunction, TestExamples, TestTargets
from overparam.training.losses import Loss


@dataclass(frozen=True)
class Probe:
    """A measurement and the names of the numbers it gives.

    Attributes:
        name: name of the probe.
        values: the names it gives, each with one sentence that ends with the unit.
        function: ``function(network, loss, params, params0, x, y, x_test, y_test)`` gives scalars by name. It
            is compiled and mapped over the members, so it must be a pure JAX function. ``params0`` are the
            parameters at initialisation, ``x`` ``(n, inputs)`` and ``y`` ``(n, ...)`` the member's training
            set. Of both, ``split(network.state, params)[0]`` are those that are trained.
    """

    name: str
    values: Mapping[str, str]
    function: ProbeFunction

    def __hash__(self) -> int:
        """Hash by name and function, so that compiled programs are found again."""
        return hash((self.name, self.function))

    def __call__(
        self,
        network: Network,
        loss: Loss,
        params: PyTree,
        params0: PyTree,
        x: Examples,
        y: Targets,
        x_test: TestExamples,
        y_test: TestTargets,
    ) -> Measured:
        """Measure one member; see ``function``."""
        return self.function(network, loss, params, params0, x, y, x_test, y_test)
