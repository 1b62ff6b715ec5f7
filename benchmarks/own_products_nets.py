"""The networks of ``own_products.py`` in PyTorch, for both sides; no package is imported but PyTorch."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention


class Block(nn.Module):
    """One block of attention with four heads and one hidden layer, on 64 places of 32 numbers."""

    def __init__(self, width=128, heads=4, inputs=32, classes=10):
        super().__init__()
        self.heads, self.inner = heads, nn.Linear(inputs, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.triple, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down, self.out = (
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
            nn.Linear(width, classes),
        )

    def forward(self, x):
        x = self.inner(x)
        batch, places, width = x.shape
        parts = self.triple(self.first(x)).view(batch, places, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, places, width)
        x = x + self.merge(mixed)
        x = x + self.down(gelu(self.up(self.second(x))))
        return self.out(x.mean(1))


def network(name):
    """A network in evaluation mode with seeded weights."""
    torch.manual_seed(0)
    if name == "mlp":
        layers = [
            nn.Linear(784, 512),
            nn.BatchNorm1d(512),
            nn.ReLU(),
            nn.Linear(512, 512),
            nn.BatchNorm1d(512),
            nn.ReLU(),
        ]
        return nn.Sequential(*layers, nn.Linear(512, 10)).eval()
    if name == "cnn":
        layers = []
        for before, behind in ((1, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(before, behind, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(*layers[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)).eval()
    return Block().eval()


SHAPES = {"mlp": (784,), "cnn": (1, 28, 28), "attention": (64, 32)}


def data(name, batch):
    """One batch of normal numbers and random labels."""
    random = np.random.default_rng(0)
    return random.normal(size=(batch, *SHAPES[name])).astype(np.float32), random.integers(0, 10, batch)
