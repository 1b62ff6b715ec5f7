"""What a probe must keep: it gives the scalars that it names, alone and in a stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from overparam.core.testing import expect

if TYPE_CHECKING:
    import jax

    from overparam.probes.probe import Probe


def check_probe(probe: Probe) -> None:
    """Check that a probe gives the scalars it names, alone and mapped over a stack, and the same each time.

    Args:
        probe: the probe; it is run on a small two-class network.

    Raises:
        AssertionError: the first broken rule, with what was expected.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    from overparam.models import mlp
    from overparam.training.losses import loss

    network = mlp(3, (4,), 2)
    rng = np.random.default_rng(0)
    x, x_test = (jnp.asarray(rng.normal(size=(n, 3)), jnp.float32) for n in (8, 6))
    y, y_test = (jnp.asarray(rng.integers(0, 2, n), jnp.int32) for n in (8, 6))

    def measure(key: jax.Array) -> Mapping[str, jax.Array]:
        start = network.init(key)
        moved = jax.tree.map(lambda leaf: leaf + 0.1, start)
        return probe.function(network, loss("cross_entropy"), moved, start, x, y, x_test, y_test)

    keys = jax.random.split(jax.random.key(0), 3)
    alone = [jax.jit(measure)(key) for key in keys]
    stacked = jax.jit(jax.vmap(measure))(keys)
    expect(set(alone[0]) == set(probe.values), f"values {sorted(probe.values)}, got {sorted(alone[0])}")
    for name in probe.values:
        single = np.array([found[name] for found in alone])
        expect(single.shape == (3,), f"'{name}' to be a scalar, got shape {single.shape[1:]}")
        expect(np.isfinite(single).all(), f"'{name}' to be finite on a finite network, got {single}")
        expect(np.allclose(single, stacked[name], rtol=1e-4, atol=1e-6), f"'{name}' to be equal in a stack")
