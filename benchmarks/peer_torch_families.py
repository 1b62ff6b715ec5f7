"""The peer of ``convolution.py`` on the families: the same networks and steps in a plain PyTorch loop."""

import functools

import common
import torch
from torch import nn
from torch.nn.functional import cross_entropy

RATE, MOMENTUM = 0.01, 0.9


class Block(nn.Module):
    """Norm, relu, 3x3 convolution, twice, added to the input."""

    def __init__(self, inner, units, stride):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inner), nn.BatchNorm2d(units)
        self.conv1 = nn.Conv2d(inner, units, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(units, units, 3, 1, 1, bias=False)
        self.side = nn.Conv2d(inner, units, 1, stride, bias=False) if stride > 1 or inner != units else None

    def forward(self, x):
        first = torch.relu(self.norm1(x))
        side = x if self.side is None else self.side(first)
        return self.conv2(torch.relu(self.norm2(self.conv1(first)))) + side


def network(name, width, size):
    if name == "mlp":
        return nn.Sequential(
            nn.Linear(40, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
        )
    layers, inner = [], 3
    if name == "resnet":
        layers.append(nn.Conv2d(3, width, 3, 1, 1, bias=False))
        inner = width
        for i in range(4):
            for j in range(2):
                layers.append(Block(inner, width * 2**i, 2 if i and not j else 1))
                inner = width * 2**i
        layers += [
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(inner, 10),
        ]
        return nn.Sequential(*layers)
    if name == "cnn5":
        for i, window in enumerate((1, 2, 2, 8)):
            layers += [nn.Conv2d(inner, width * 2**i, 3, 1, 1), nn.BatchNorm2d(width * 2**i), nn.ReLU()]
            layers += [nn.MaxPool2d(window)] if window > 1 else []
            inner = width * 2**i
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inner * (size // 32) ** 2, 10))
    pairs = int(name[4:]) // 2
    for i in range(pairs):
        for _ in range(2):
            layers += [nn.Conv2d(inner, width * 2**i, 3, 1, 1), nn.ReLU()]
            inner = width * 2**i
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    inner *= (size // 2**pairs) ** 2
    for _ in range(2):
        layers += [nn.Linear(inner, 4 * width), nn.ReLU()]
        inner = 4 * width
    return nn.Sequential(*layers, nn.Linear(inner, 10))


@functools.lru_cache(maxsize=4)
def prepared(name, width, size, batch, layout, compiled=False, device="cpu"):
    torch.manual_seed(0)
    n, net = 4 * batch, network(name, width, size)
    x = torch.randn((n, 3, size, size) if name != "mlp" else (n, 40))
    y = torch.randint(0, 10, (n,))
    if layout == "channels_last":
        x, net = x.contiguous(memory_format=torch.channels_last), net.to(memory_format=torch.channels_last)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    net, x, y = net.to(device), x.to(device), y.to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    return (torch.compile(net) if compiled else net), optimizer, x, y


def seconds(threads, steps, batch, members=1, **options):
    """Wall-clock and processor seconds a step, after one step that is not counted; members make no difference."""
    torch.set_num_threads(threads)
    net, optimizer, x, y = prepared(batch=batch, **options)
    net.train()

    def run(steps):
        for rows in torch.randint(0, len(x), (steps, batch), device=x.device):
            optimizer.zero_grad()
            cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
        if x.is_cuda:
            torch.cuda.synchronize()

    run(1)
    with common.Clock() as clock:
        run(steps)
    return {name: value / steps for name, value in clock.seconds().items()}


def versions():
    return {"torch": torch.__version__}


if __name__ == "__main__":
    common.serve({"seconds": seconds, "versions": versions})
