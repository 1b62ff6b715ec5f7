"""The peer of ``pruning.py``: training under masks and iterative pruning in PyTorch, run by the peers' own Python.

Four loops over the same problem, which ``pruned_nets.py`` wrote to a file:

- ``plain``: no mask; tensors in memory, one permutation and one gather an epoch;
- ``prune``: the same loop, with the masks in ``torch.nn.utils.prune``;
- ``fused``: that with ``Adam(fused=True)``, which few loops ask for;
- ``loader``: what a published framework (open_lth) is described to do, written anew: every weight is multiplied by its
  mask, looked up by name, before each forward pass, evaluation included; a ``DataLoader`` makes every example a tensor of
  its own; after each epoch the test part is evaluated, and the network and the optimizer's state are written to a file.
"""

import functools
import tempfile
import time

import common
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import prune
from torch.utils.data import DataLoader, Dataset

RATE, BATCH = 1.2e-3, 60
PART = 512  # examples that are evaluated together


@functools.lru_cache(maxsize=4)
def problem(path):
    """Images of bytes and labels, training and test; weights, biases and masks by layer; rows of minibatches."""
    with np.load(path) as stored:
        found = {name: torch.from_numpy(value) for name, value in stored.items()}
    many = sum(name.startswith("mask") for name in found)
    layers = [[found[f"{part}{i}"] for part in ("weight", "bias", "mask")] for i in range(many)]
    return found, layers


class Masked(nn.Module):
    """A network whose weights are multiplied by their masks before each pass."""

    def __init__(self, net, masks):
        super().__init__()
        self.net = net
        for name, mask in masks.items():
            self.register_buffer(buffer(name), mask)

    def forward(self, x):
        for name, values in self.net.named_parameters():
            if hasattr(self, buffer(name)):
                values.data *= getattr(self, buffer(name))
        return self.net(x)


def buffer(name):
    return "mask_of_" + name.replace(".", "_")


class Images(Dataset):
    """Examples that are scaled one by one, as they are asked for."""

    def __init__(self, images, labels):
        self.images, self.labels = images.numpy(), labels.tolist()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        pixels = torch.from_numpy(self.images[i]).float().div(255.0)
        return pixels.sub(0.0).div(1.0), self.labels[i]  # minus a mean, over a spread


def network(layers, masked):
    """The layers' network with masks of ``torch.nn.utils.prune`` or without."""
    parts = []
    for weight, bias, mask in layers:
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        if masked:
            prune.custom_from_mask(layer, "weight", mask)
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def floats(images):
    return images.float() / 255


def epochs(n, steps):
    """Row numbers of the minibatches of one epoch after another."""
    while steps > 0:
        taken = min(n // BATCH, steps)
        yield torch.randperm(n)[: taken * BATCH].view(taken, BATCH)
        steps -= taken


def train(net, optimizer, x, y, orders):
    """Take a step a minibatch."""
    for rows in orders:
        xs, ys = (
            x.index_select(0, rows.reshape(-1)).split(BATCH),
            y.index_select(0, rows.reshape(-1)).split(BATCH),
        )
        for batch_x, batch_y in zip(xs, ys, strict=True):
            optimizer.zero_grad()
            cross_entropy(net(batch_x), batch_y).backward()
            optimizer.step()


def train_loader(net, optimizer, images, tested, orders):
    """The same with a loader, and after each epoch an evaluation and a file; a sixth as many examples are tested."""
    with tempfile.TemporaryFile() as file:
        for rows in orders:
            for batch_x, batch_y in DataLoader(Images(*images), batch_sampler=rows.tolist()):
                optimizer.zero_grad()
                net.train()
                cross_entropy(net(batch_x), batch_y).backward()
                optimizer.step()
            net.eval()
            with torch.no_grad():
                some = [part[: rows.numel() // 6] for part in tested]  # 60,000 and 10,000 in the published data
                for batch_x, batch_y in DataLoader(Images(*some), batch_size=BATCH):
                    outputs = net(batch_x)
                    cross_entropy(outputs, batch_y).item(), (outputs.argmax(1) == batch_y).sum().item()
            file.seek(0)
            torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, file)


def begin(path, kind):
    """A network and its optimizer at the start, and a function that trains them over orders."""
    found, layers = problem(path)
    net = network(layers, kind in ("prune", "fused"))
    if kind == "loader":
        net = Masked(net, {f"{2 * i}.weight": mask for i, (_, _, mask) in enumerate(layers)})
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, **({"fused": True} if kind == "fused" else {}))
    if kind == "loader":
        images, tested = (found["x"], found["y"]), (found["x_test"], found["y_test"])
        return net, lambda orders: train_loader(net, optimizer, images, tested, orders)
    x = floats(found["x"])
    return net, lambda orders: train(net, optimizer, x, found["y"], orders)


@functools.lru_cache(maxsize=16)
def warm(path, kind):
    """A trained function after one step that is not counted."""
    torch.set_num_threads(1)
    go = begin(path, kind)[1]
    go([torch.arange(BATCH)[None]])
    return go


def step(path, kind, steps):
    """Seconds a step; to ``loader`` these steps are an epoch."""
    found, _ = problem(path)
    go, n = warm(path, kind), len(found["y"])
    with common.Clock() as clock:
        go(epochs(n, steps))
    return {name: value / steps for name, value in clock.seconds().items()}


def fit(net, x, y):
    """Mean loss and error rate."""
    with torch.no_grad():
        outputs = torch.cat([net(part) for part in x.split(PART)])
        return cross_entropy(outputs, y).item(), (outputs.argmax(1) != y).float().mean().item()


def agree(path, kind, steps):
    """Training loss after the stored minibatches, and how many weights are not 0."""
    torch.set_num_threads(1)
    found, _ = problem(path)
    net, go = begin(path, kind)
    go([found["rows"][:steps]])
    loss = fit(net, floats(found["x"]), found["y"])[0]
    linear = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    return {"loss": loss, "kept": [int((layer.weight != 0).sum()) for layer in linear]}


def evaluation(path, examples):
    """Seconds to evaluate some examples once, of a network without masks."""
    torch.set_num_threads(1)
    found, layers = problem(path)
    net, x, y = network(layers, False), floats(found["x"])[:examples], found["y"][:examples]
    fit(net, x, y)
    with common.Clock() as clock:
        fit(net, x, y)
    return clock.seconds()


def whole(path, rounds, steps, keeps, stored=False, out=""):
    """Iterative pruning: train; prune the smallest weights of every layer; set the rest back, and again.

    ``keeps`` is the share of every layer that a round leaves. With ``stored`` every round sees the stored minibatches;
    ``out`` is a file for the masks.
    """
    torch.set_num_threads(1)
    found, layers = problem(path)
    net = network(layers, False)
    linear = [layer for layer in net if isinstance(layer, nn.Linear)]
    x, x_test, fits, kept, looking = floats(found["x"]), floats(found["x_test"]), [], [], 0.0
    with common.Clock() as clock:
        for number in range(rounds + 1):
            if number:
                for layer, keep, (weight, bias, _) in zip(linear, keeps, layers, strict=True):
                    left = int(layer.weight_mask.sum()) if number > 1 else layer.weight.numel()
                    prune.l1_unstructured(layer, "weight", amount=int(left * (1 - keep) + 1e-9))
                    with torch.no_grad():
                        layer.weight_orig.copy_(weight)
                        layer.bias.copy_(bias)
            optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
            for last in (False, True):
                begun = time.process_time()
                seen = fit(net, x, found["y"]), fit(net, x_test, found["y_test"])
                looking += time.process_time() - begun
                if not last:
                    train(
                        net,
                        optimizer,
                        x,
                        found["y"],
                        [found["rows"][:steps]] if stored else epochs(len(x), steps),
                    )
            fits.append({"train_loss": seen[0][0], "test_error": seen[1][1]})
            kept.append([int(layer.weight_mask.sum()) if number else layer.weight.numel() for layer in linear])
    if out:
        np.savez(out, **{f"mask{i}": layer.weight_mask.numpy() for i, layer in enumerate(linear)})
    return {**clock.seconds(), "fits": fits, "kept": kept, "looking": looking}


def versions():
    return {"torch": torch.__version__, "numpy": np.__version__}


if __name__ == "__main__":
    common.serve({"step": step, "agree": agree, "evaluation": evaluation, "whole": whole, "versions": versions})
