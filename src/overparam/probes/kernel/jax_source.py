"""Placeholder until the structured form is there."""

from overparam.probes.kernel.jax_rows import JaxRows as JaxStructured  # noqa: F401
