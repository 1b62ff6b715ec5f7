"""Contract tests for rules, studies, probes and theorems: what a plug-in's author runs on their own."""

from overparam.core.testing import check_claim
from overparam.probes.testing import check_probe
from overparam.sweep.check import check_study
from overparam.theory.testing import check_theorem

__all__ = ["check_claim", "check_probe", "check_study", "check_theorem"]
