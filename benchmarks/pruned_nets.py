"""This package's side of ``pruning.py``, and the problems that both sides read: images, weights, masks and minibatches."""

import functools
import time

import common
import numpy as np

RATE, BATCH, KEEPS = 1.2e-3, 60, (0.8, 0.8, 0.9)
SIZES = {"LeNet 784-300-100-10": (784, 300, 100, 10), "64-300-100-10": (64, 300, 100, 10)}
LAYERS = ("hidden1", "hidden2", "output")
ROUNDS = {20: 7, 5: 13, 1: 20}  # rounds whose densities are nearest to these, in %


def images(inputs):
    """Bytes and labels: digits of 8 x 8 pixels; MNIST where its files are, else the digits enlarged to 28 x 28."""
    import overparam
    from overparam.core.errors import OverparamError

    name = "digits"
    if inputs == 784:
        try:
            data, name = overparam.load_data("mnist"), "MNIST"
        except OverparamError:
            data, name = overparam.load_data("digits"), "digits enlarged to 28 x 28"
    else:
        data = overparam.load_data("digits")
    found = []
    for x in (data.x, data.x_test):
        if inputs == 784 and x.shape[1] == 8:
            x = np.pad(np.kron(x, np.ones((1, 3, 3), np.float32)), ((0, 0), (2, 2), (2, 2)))
        found.append(np.round(np.asarray(x) * 255).astype(np.uint8).reshape(len(x), -1))
    return name, *found, np.asarray(data.y, np.int64), np.asarray(data.y_test, np.int64)


def write(path, sizes, examples, steps, density=0.2):
    """Write a problem: weights drawn by this package, random masks of a density, and rows of minibatches; its data's name."""
    import jax

    from overparam.pruning import Mask
    from overparam.training.orders import orders

    name, x, x_test, y, y_test = images(sizes[0])
    x, y, x_test, y_test = x[:examples], y[:examples], x_test[:examples], y_test[:examples]
    net = network(sizes)
    params, mask = jax.tree.map(np.asarray, net.init(jax.random.key(0))), Mask.random(net, density, 0)
    rows = orders([0], range(-(-steps // (len(x) // BATCH))), len(x), BATCH)[0, :steps].astype(np.int64)
    arrays = {
        f"{part}{i}": params[layer][part] for i, layer in enumerate(LAYERS) for part in ("weight", "bias")
    }
    arrays |= {f"mask{i}": mask.arrays[f"{layer}/weight"] for i, layer in enumerate(LAYERS)}
    np.savez(path, x=x, y=y, x_test=x_test, y_test=y_test, rows=rows, **arrays)
    return {"data": name, "examples": len(x), "tests": len(x_test)}


def network(sizes):
    from overparam.models import mlp

    return mlp(sizes[0], tuple(sizes[1:-1]), sizes[-1], init="glorot_normal")


@functools.lru_cache(maxsize=4)
def read(path):
    """Network, weights, mask and data (inputs in float32) of a problem."""
    from overparam.pruning import Mask

    with np.load(path) as stored:
        found = dict(stored)
    params = {
        layer: {part: found[f"{part}{i}"] for part in ("weight", "bias")} for i, layer in enumerate(LAYERS)
    }
    mask = Mask({f"{layer}/weight": found[f"mask{i}"] for i, layer in enumerate(LAYERS)})
    sizes = (params["hidden1"]["weight"].shape[1], *(len(params[layer]["bias"]) for layer in LAYERS))
    x, x_test = (found[name].astype(np.float32) / 255 for name in ("x", "x_test"))
    return network(sizes), params, mask, (x, found["y"], x_test, found["y_test"])


def recipe(steps):
    from overparam.training import Recipe

    return Recipe(steps, RATE, optimizer="adam", batch=BATCH, probes=2)


def stepper(net, params, mask, members, data):
    """A function that takes some steps of a stack of members with these weights and this mask, or none."""
    import jax

    from overparam.training import Member
    from overparam.training.choice import one_by_one
    from overparam.training.constants import stacked_constants
    from overparam.training.loop import advance, fresh_slots
    from overparam.training.orders import orders

    x, y = data[:2]
    capacity = len(x) // BATCH
    own = stacked_constants(net, [Member(i, y, mask=mask) for i in range(members)])
    begun = params if mask is None else mask.apply(params)
    stacked = jax.tree.map(lambda leaf: jax.numpy.asarray(np.stack([leaf] * members)), begun)
    state = [stacked, fresh_slots(stacked, own, network=net, recipe=recipe(capacity))]
    rows = jax.numpy.asarray(orders(range(members), range(1), len(x), BATCH))
    seeds, rates = jax.numpy.arange(members, dtype=np.uint32), jax.numpy.full(members, RATE, np.float32)
    x, y = jax.numpy.asarray(x), jax.numpy.asarray(np.stack([y.astype(np.int32)] * members))

    def run(steps):
        while steps > 0:
            taken, steps = min(steps, capacity), steps - capacity
            state[:] = advance(
                *state, rates, seeds, own, y, x, rows, 0, 0, taken, network=net, recipe=recipe(capacity),
                one_by_one=one_by_one(net),
            )  # fmt: skip
        jax.block_until_ready(state)

    run(1)
    return run


@functools.lru_cache(maxsize=16)
def stack(path, members, masked):
    net, params, mask, data = read(path)
    return stepper(net, params, mask if masked else None, members, data)


def step(path, members, masked, steps):
    """Seconds a member and step, after one step that is not counted."""
    return spent(stack(path, members, masked), steps, members)


def spent(run, steps, members):
    with common.Clock() as clock:
        run(steps)
    return {name: value / steps / members for name, value in clock.seconds().items()}


def agree(path, members, masked, steps):
    """Training losses after the stored minibatches, and how many weights of each layer are not 0."""
    from overparam.training import Checkpoint, Member, train

    net, params, mask, (x, y, x_test, y_test) = read(path)
    stacked = [Member(i, y, order=0, mask=mask if masked else None) for i in range(members)]
    runs = train(
        net, recipe(steps), stacked, x, x_test, y_test, start=[Checkpoint(params)] * members, keep_params=True
    )
    kept = [[int((run.params[layer]["weight"] != 0).sum()) for layer in LAYERS] for run in runs]
    return {"losses": [float(run.values["train_loss"][-1]) for run in runs], "kept": kept}


class Looks:
    """Processor seconds that a block spends measuring; and the shapes in which members were trained."""

    def __enter__(self):
        from overparam.training import group

        self._group, self._measure, self.seconds, self.shapes = group, group.measure, 0.0, []
        group.measure = self._timed
        return self

    def __exit__(self, *error):
        self._group.measure = self._measure

    def _timed(self, params, *rest, **more):
        import jax

        begun = time.process_time()
        found = jax.block_until_ready(self._measure(params, *rest, **more))
        self.seconds += time.process_time() - begun
        self.shapes.append(
            [params["hidden1"]["weight"].shape[2], *(params[a]["bias"].shape[1] for a in LAYERS[:2])]
        )
        return found


rounds_of = {}


def whole(path, rounds, steps, members, compaction="auto"):
    """Iterative pruning; every layer keeps its share a round."""
    from overparam.pruning import iterate

    net, params, _, data = read(path)
    rates = dict(zip(LAYERS, KEEPS, strict=True))
    with common.Clock() as clock, Looks() as looks:
        found = iterate(
            net, recipe(steps), data, range(members), rounds, rates=rates, build=lambda seed: start(net, params, seed),
            compaction=compaction,
        )  # fmt: skip
    rounds_of[path] = found
    first = [one.lines[0] for one in found]
    fits = [{name: float(a.run.values[name][-1]) for name in ("train_loss", "test_error")} for a in first]
    kept = [[int(a.mask.arrays[f"{layer}/weight"].sum()) for layer in LAYERS] for a in first]
    return {
        **clock.seconds(), "fits": fits, "kept": kept, "looking": looks.seconds, "shapes": looks.shapes[::2],
    }  # fmt: skip


def start(net, params, seed):
    """The stored weights of seed 0, and drawn ones of the others."""
    import jax

    return params if seed == 0 else jax.tree.map(np.asarray, net.init(jax.random.key(seed)))


def overlap(path, masks):
    """Share of the weights in the last round's mask of seed 0 that the peer keeps too."""
    mask = rounds_of[path][-1].masks[0]
    with np.load(masks) as stored:
        both = sum(int((stored[f"mask{i}"] * mask.arrays[f"{a}/weight"]).sum()) for i, a in enumerate(LAYERS))
    return both / mask.kept


@functools.lru_cache(maxsize=8)
def cut(path, number, members):
    """Steps of a round of the last iterative pruning, in full shape and cut; the cut one's sizes."""
    from overparam.pruning.compact import compact
    from overparam.pruning.shape import silent_features

    net, _, _, data = read(path)
    line = rounds_of[path][number].lines[0]
    small = compact(net, line.start, line.mask, silent=silent_features(net, data[0], data[2]))
    runs = (
        stepper(net, line.start, line.mask, members, data),
        stepper(small.network, small.params, small.mask, members, (small.rows(data[0]), data[1])),
    )
    return *runs, [len(small.inputs), *(len(small.units[layer]) for layer in LAYERS[:2])], line.mask.density


def gain(path, number, members, steps):
    """Seconds a member and step of both."""
    full, small, sizes, density = cut(path, number, members)
    return {
        "full": spent(full, steps, members), "cut": spent(small, steps, members), "sizes": sizes, "density": density,
    }  # fmt: skip


def serve():
    names = {"write": write, "step": step, "agree": agree, "whole": whole, "overlap": overlap, "gain": gain}
    common.serve(names)
