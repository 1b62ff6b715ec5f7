"""overparam: a laboratory for over-parameterized learning.

>>> import overparam
>>> result = overparam.run("double-descent", profile="quick")   # doctest: +SKIP
>>> result.verdicts                                             # doctest: +SKIP

Names below are imported on first use, so that ``import overparam`` costs nothing (PEP 562).

Importing it makes JAX multiply float32 as float32. On graphics processors JAX rounds the factors to 11 bits unless told
otherwise: on an NVIDIA H200 the training loss of a small network was then 2.5 % off after 200 steps. A precision that you
set yourself, by ``JAX_DEFAULT_MATMUL_PRECISION`` or ``jax.config``, is kept.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any


def _multiply_in_float32() -> None:
    """Set JAX's precision of products where nothing is set, without importing JAX; child processes inherit it."""
    jax = sys.modules.get("jax")
    if jax is None or not hasattr(jax, "config"):
        os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    elif jax.config.jax_default_matmul_precision is None:
        jax.config.update("jax_default_matmul_precision", "highest")


_multiply_in_float32()

_WHERE = {
    "run": "api.run",
    "load": "api.run",
    "gallery": "api.run",
    "ledger": "api.ledger",
    "width_sweep": "api.width_sweep",
    "width_sweep_study": "api.width_sweep",
    "Result": "api.result",
    "risk_curve": "own.risk",
    "RiskCurve": "own.risk_values",
    "Assumption": "theory",
    "certify": "own",
    "predict": "own",
    "Prediction": "own",
    "sgd_curve": "own",
    "width_ladder": "own",
    "widths": "own.widths",
    "Widths": "own.widths",
    "diagnose": "api.diagnose",
    "Checkup": "own.diagnosis",
    "connect": "own.landscape",
    "Connection": "own.landscape",
    "sharpness": "own.landscape",
    "Flatness": "own.landscape",
    "Ladder": "own",
    "studies": "core.registry",
    "find": "core.registry",
    "Study": "core.parts",
    "Axis": "core.parts",
    "Profile": "core.parts",
    "Chart": "core.parts",
    "XAxis": "core.parts",
    "Series": "core.parts",
    "FitRule": "core.parts",
    "Source": "core.parts",
    "Estimate": "core.parts",
    "Outcome": "core.parts",
    "Claim": "core.statements",
    "Control": "core.statements",
    "check": "sweep.check",
    "Check": "core.claim",
    "Evidence": "core.claim",
    "Finding": "core.claim",
    "Part": "core.claim",
    "Verdict": "core.claim",
    "Diagnosis": "core.diagnosis",
    "Dataset": "data",
    "load_data": "data:load",
    "label_noise": "data",
    "LabelNoise": "data",
    "Network": "models",
    "linear": "models",
    "two_layer": "models",
    "mlp": "models",
    "cnn": "models",
    "cnn1d": "models",
    "linearise": "models",
    "Recipe": "training",
    "Member": "training",
    "published": "training.published:find",
    "train": "training",
    "open_model": "operators",
    "hessian": "operators",
    "gauss_newton": "operators",
    "jacobian": "operators",
    "Mask": "pruning",
    "prune": "pruning",
    "check_claim": "core.testing",
    "check_study": "sweep.check",
    "check_probe": "probes.testing",
    "check_theorem": "theory.testing",
    "OverparamError": "core.errors",
    "UsageError": "core.errors",
    "DataError": "core.errors",
    "StoreError": "core.errors",
}

__all__ = [*_WHERE, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("overparam")
    if name not in _WHERE:
        from overparam.core.errors import nearest

        raise AttributeError(f"module 'overparam' has no attribute '{name}'.{nearest(name, _WHERE)}")
    module, _, other = _WHERE[name].partition(":")
    value = getattr(import_module(f"overparam.{module}"), other or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
