"""What a stack will cost, before it is run: memory and time. Estimates, not measurements."""

from __future__ import annotations

import math

import jax

from overparam.models.network import Network
from overparam.training.evaluate import BLOCK
from overparam.training.feed import buffer_bytes
from overparam.training.recipe import Recipe, direction

# Seconds of a member-step on one core of a 2.6 GHz x86-64 server processor with AVX-512: a fixed part, a part an
# example, a part a parameter (the update) and a part an example and parameter (6 operations, 85 GF/s). Fitted to
# MLPs 40-H-H-10 in stacks of ten, SGD with momentum, H from 9 to 300, batches of 10 to 4,000.
_STEP, _EXAMPLE, _PARAMETER, _PRODUCT = 4e-6, 1e-8, 1.5e-9, 7e-11


def member_seconds(parameters: int, batch: int, steps: int) -> float:
    """Expected seconds of training one member on one core, within a stack; compilation (1 to 3 s) not counted.

    Args:
        parameters: number of trained parameters.
        batch: examples a step (n for the full batch).
        steps: number of steps.

    Returns:
        Seconds; right within a factor of about two for dense networks on the processor it was fitted on.

    >>> 0.5 < member_seconds(4663, 100, 20_000) < 1.5
    True
    """
    return steps * (_STEP + batch * _EXAMPLE + parameters * (_PARAMETER + batch * _PRODUCT))


def stack_bytes(network: Network, recipe: Recipe, members: int, n: int, n_test: int) -> float:
    """Expected peak memory of training a stack, beyond what Python and JAX take at rest.

    Counted are the data, the parameters with their gradients, optimizer state and origin, the minibatch orders,
    and the activations of one minibatch or one block of a measurement.

    Args:
        network: the network.
        recipe: how to train.
        members: members of the stack.
        n: training examples.
        n_test: test examples.

    Returns:
        Bytes; right within a factor of about two for dense networks.

    Raises:
        UsageError: the batch is larger than the training set.
    """
    shapes = jax.eval_shape(network.init, jax.random.key(0))
    leaves = jax.tree.leaves(shapes)
    size = sum(math.prod(leaf.shape) for leaf in leaves)
    slots = sum(
        math.prod(leaf.shape) for leaf in jax.tree.leaves(jax.eval_shape(direction(recipe).init, shapes))
    )
    layers = [max(leaf.shape) for leaf in leaves if len(leaf.shape) > 1] or [network.inputs]
    rows = 2 * max((recipe.batch or n) * sum(layers), min(BLOCK, max(n, n_test)) * max(layers))
    data = network.inputs * (n + n_test) + n_test + members * n * 2
    params = members * (4 * size + 2 * slots)
    activations = members * rows
    return 4.0 * (data + params + activations) + 2 * buffer_bytes(members, n, recipe.batch, recipe.steps)
