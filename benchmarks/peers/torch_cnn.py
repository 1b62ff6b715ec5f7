"""A plain PyTorch loop for ../convolution.py: the same networks, data shapes, optimizer and evaluations.

    PYTHON benchmarks/peers/torch_cnn.py '{"case": "cnn", "channels": 8, ...}'

Runs once to warm up, then once for every line on its standard input, and prints the seconds of each run.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy


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
    shape = (n, 3, width, width) if case == "cnn" else (n, 1, width)
    x, y = torch.randn(shape), torch.randint(0, 10, (n,))
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


def main():
    options = json.loads(sys.argv[1])
    torch.set_num_threads(options.pop("threads"))
    options.pop("members")
    run(**options)
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        run(**options)
        print(json.dumps((time.perf_counter() - begin) / options["steps"]), flush=True)


if __name__ == "__main__":
    main()
