"""The peer of ``stacked.py``: what one would write in PyTorch, run by the peers' own Python.

Two loops over the same problem (reference.py), both with tensors in memory, no DataLoader, one permutation an epoch
and one gather an epoch:

- ``plain``: one network after another, ``nn.Sequential`` and ``torch.optim.SGD``;
- ``stacked``: all members at once with ``baddbmm``, and SGD with momentum by hand.

``torch.optim.SGD`` with ``foreach`` or ``fused`` was no faster in the plain loop, nor in the stacked one.
"""

import common
import reference
import torch
from reference import BATCH, CLASSES, INPUTS, LAYERS, MOMENTUM, RATE
from torch import nn


def plain_epochs(n, steps, generator=None):
    """Row numbers of every epoch's minibatches."""
    done = 0
    while done < steps:
        yield torch.randperm(n, generator=generator)[: min(n // BATCH, steps - done) * BATCH]
        done += n // BATCH


def train_plain(net, x, y, epochs):
    """Train one network over the given epochs."""
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    cost = nn.CrossEntropyLoss()
    for order in epochs:
        xs, ys = x.index_select(0, order).split(BATCH), y.index_select(0, order).split(BATCH)
        for batch_x, batch_y in zip(xs, ys, strict=True):
            optimizer.zero_grad()
            cost(net(batch_x), batch_y).backward()
            optimizer.step()


def network(width):
    return nn.Sequential(
        nn.Linear(INPUTS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, CLASSES)
    )


def outputs(params, h):
    """Outputs of all members, shape (members, batch, classes)."""
    h = torch.baddbmm(params[1], h, params[0]).relu_()
    h = torch.baddbmm(params[3], h, params[2]).relu_()
    return torch.baddbmm(params[5], h, params[4])


def train_stacked(params, x, y, epochs):
    """Train all members over the given epochs; each is of shape (members, steps * batch)."""
    members = len(y)
    speeds = [torch.zeros_like(p) for p in params]
    for order in epochs:
        steps = order.shape[1] // BATCH
        ys = y.gather(1, order).view(members, steps, BATCH).transpose(0, 1).reshape(steps, -1)
        rows = order.view(members, steps, BATCH).transpose(0, 1).reshape(-1)
        xs = x.index_select(0, rows).view(steps, members, BATCH, INPUTS)
        for batch_x, batch_y in zip(xs, ys, strict=True):
            found = outputs(params, batch_x).view(-1, CLASSES)
            cost = nn.functional.cross_entropy(found, batch_y, reduction="sum") / BATCH
            gradients = torch.autograd.grad(cost, params)
            with torch.no_grad():
                for p, v, g in zip(params, speeds, gradients, strict=True):
                    v.mul_(MOMENTUM).add_(g)
                    p.sub_(v, alpha=RATE)


def fresh(width, members):
    """Parameters of all members, drawn as ``nn.Linear`` draws them."""
    params = []
    for a, b in ((INPUTS, width), (width, width), (width, CLASSES)):
        params += [(torch.rand(members, k, b) * 2 - 1) * a**-0.5 for k in (a, 1)]
    return [p.requires_grad_() for p in params]


def tensors(n, members):
    x, y = reference.data(n, members)
    return torch.from_numpy(x), torch.from_numpy(y).long()


def plain(width, steps, n, threads):
    """Seconds of ``steps`` steps of one network."""
    torch.set_num_threads(threads)
    x, y = tensors(n, 1)
    train_plain(network(width), x, y[0], plain_epochs(n, n // BATCH))
    with common.Clock() as clock:
        train_plain(network(width), x, y[0], plain_epochs(n, steps))
    return clock.seconds()


def stacked(width, steps, members, n, threads):
    """Seconds of ``steps`` steps of all members."""
    torch.set_num_threads(threads)
    x, y = tensors(n, members)

    def epochs(count):
        for parts in zip(*(plain_epochs(n, count) for _ in range(members)), strict=True):
            yield torch.stack(parts)

    train_stacked(fresh(width, members), x, y, epochs(n // BATCH))
    with common.Clock() as clock:
        train_stacked(fresh(width, members), x, y, epochs(steps))
    return clock.seconds()


def agree(path, n, members):
    """Training losses of all members from the stored weights and minibatches, by both loops."""
    params, rows = reference.read(path)
    x, y = tensors(n, members)
    rows = torch.from_numpy(rows).reshape(members, -1)
    width = params["hidden1"]["bias"].shape[1]
    alone = []
    for i in range(members):
        net = network(width)
        with torch.no_grad():
            for layer, name in zip((net[0], net[2], net[4]), LAYERS, strict=True):
                layer.weight.copy_(torch.from_numpy(params[name]["weight"][i]))
                layer.bias.copy_(torch.from_numpy(params[name]["bias"][i]))
        train_plain(net, x, y[i], [rows[i]])
        with torch.no_grad():
            alone.append(nn.functional.cross_entropy(net(x), y[i]).item())
    stack = []
    for name in LAYERS:
        stack += [torch.from_numpy(params[name]["weight"]).transpose(1, 2).contiguous()]
        stack += [torch.from_numpy(params[name]["bias"])[:, None, :].clone()]
    stack = [p.requires_grad_() for p in stack]
    train_stacked(stack, x, y, [rows])
    with torch.no_grad():
        found = outputs(stack, x.expand(members, -1, -1))
        together = [nn.functional.cross_entropy(f, labels).item() for f, labels in zip(found, y, strict=True)]
    return {"plain": alone, "stacked": together}


def versions():
    import numpy

    return {"torch": torch.__version__, "numpy": numpy.__version__}


if __name__ == "__main__":
    common.serve({"plain": plain, "stacked": stacked, "agree": agree, "versions": versions})
