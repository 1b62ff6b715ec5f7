"""The peer of ``convolution.py``: the same networks in a plain PyTorch loop, run by the peers' own Python."""

import common
import torch
from torch import nn
from torch.nn.functional import cross_entropy

warm = set()


def network(case, channels, width):
    if case == "cnn":
        layers = [nn.Conv2d(3, channels, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(channels * (width // 2) ** 2, 10))
    layers, inner = [], 1
    for taps in (5, 3, 3):
        layers += [nn.Conv1d(inner, channels, taps, stride=2, padding=1), nn.ReLU()]
        inner = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(5 * channels, 10))


def evaluate(net, x, y):
    with torch.no_grad():
        outputs = torch.cat([net(part) for part in x.split(512)])
        return cross_entropy(outputs, y).item(), (outputs.argmax(1) != y).float().mean().item()


def run(case, channels, width, n, batch, steps, layout):
    """Train one network from a fresh start, with an evaluation of the training set before and after."""
    x = torch.randn((n, 3, width, width) if case == "cnn" else (n, 1, width))
    y = torch.randint(0, 10, (n,))
    net = network(case, channels, width)
    if layout == "channels_last":
        x, net = x.contiguous(memory_format=torch.channels_last), net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    evaluate(net, x, y)
    order = iter(())
    for _ in range(steps):
        rows = next(order, None)
        if rows is None:
            order = iter(torch.randperm(n)[: n // batch * batch].split(batch))
            rows = next(order)
        optimizer.zero_grad()
        cross_entropy(net(x[rows]), y[rows]).backward()
        optimizer.step()
    evaluate(net, x, y)


def timed(threads, members, **options):
    """Seconds a step, after one run that is not counted."""
    torch.set_num_threads(threads)
    if tuple(options.items()) not in warm:
        run(**options)
        warm.add(tuple(options.items()))
    with common.Clock() as clock:
        run(**options)
    return clock.wall / options["steps"]


def versions():
    return {"torch": torch.__version__}


if __name__ == "__main__":
    common.serve({"timed": timed, "versions": versions})
