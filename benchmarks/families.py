"""Whole training steps of the trainer on a family's network, without probes: one side of ``convolution.py`` and others."""

import functools

import common

RATE, MOMENTUM = 0.01, 0.9


def network(name, width, size=32):
    """A network of a family on colour images of ``size`` x ``size`` with ten classes, or of an mlp on 40 features."""
    from overparam.models import cnn, mlp
    from overparam.models.five_layer import cnn5
    from overparam.models.resnet import resnet

    image = (size, size, 3)
    if name.startswith("conv"):  # Conv2, Conv4, Conv6: pairs of w, 2w, 4w channels and two dense layers
        pairs = int(name[4:]) // 2
        channels = tuple(width * 2**i for i in range(pairs) for _ in range(2))
        return cnn(image, channels, 10, dense=(4 * width, 4 * width))
    if name == "mlp":
        return mlp(40, (width, width), 10)
    return {"resnet": resnet, "cnn5": cnn5}[name](image, width, 10)


@functools.lru_cache(maxsize=8)
def steps_of(name, width, size, batch, members, masked=False, form="auto"):
    """A function that takes some steps of a stack and returns when they are done."""
    import jax
    import numpy as np

    from overparam.training import Member, Recipe
    from overparam.training.choice import one_by_one
    from overparam.training.constants import stacked_constants
    from overparam.training.loop import advance, fresh_params, fresh_slots

    net, n, capacity = network(name, width, size), 4 * batch, 64
    recipe = Recipe(steps=capacity, learning_rate=RATE, momentum=MOMENTUM, batch=batch, probes=2)
    rng = np.random.default_rng(0)
    x = jax.numpy.asarray(rng.standard_normal((n, net.inputs)).astype(np.float32))
    y = jax.numpy.asarray(rng.integers(0, 10, (members, n)).astype(np.int32))
    seeds = jax.numpy.arange(members, dtype=np.uint32)
    rows = jax.numpy.asarray(rng.integers(0, n, (members, capacity, batch)).astype(np.uint16))
    params = fresh_params(seeds, network=net)
    stack = [Member(i, np.asarray(y[i]), mask=_mask(net, i) if masked else None) for i in range(members)]
    own, rates = stacked_constants(net, stack), jax.numpy.full(members, RATE, np.float32)
    state = [params, fresh_slots(params, own, network=net, recipe=recipe)]
    one = one_by_one(net, form)

    def run(steps):
        state[:] = advance(
            *state, rates, seeds, own, y, x, rows, 0, 0, steps, network=net, recipe=recipe, one_by_one=one
        )
        jax.block_until_ready(state)

    return run


def _mask(net, seed):
    """Half of every weight's entries; biases are whole."""
    import numpy as np

    from overparam.models.check import layout

    rng = np.random.default_rng(seed)
    return {
        layer: {"weight": rng.integers(0, 2, leaves["weight"].shape).astype(np.float32)}
        for layer, leaves in layout(net).items()
        if "weight" in leaves
    }


def seconds(steps, members, **options):
    """Wall-clock and processor seconds a member and step, after one run that is not counted."""
    run = steps_of(members=members, **options)
    run(1)
    with common.Clock() as clock:
        run(steps)
    return {name: value / steps / members for name, value in clock.seconds().items()}
