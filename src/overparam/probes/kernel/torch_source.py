"""Placeholder until the structured form is there."""

from overparam.probes.kernel.torch_rows import TorchRows as TorchStructured  # noqa: F401
