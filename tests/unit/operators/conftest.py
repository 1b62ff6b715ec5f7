"""Programs of tests run once: they are compiled fast, not to be fast."""

import jax
import pytest


@pytest.fixture(autouse=True, scope="package")
def _compiled_fast():
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
