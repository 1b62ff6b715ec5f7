"""Blocks, tiles and the peak of memory of a kernel, planned before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from overparam.core.errors import UsageError
from overparam.probes.kernel.asked import Asked
from overparam.probes.kernel.source import Source

TILE = (
    512  # rows of a tile of the kernel: it stays near the processor, and little of the other half is computed
)
HELD = 0.5  # of the memory left beside the kernel: factors of all examples up to it are made once and kept
EASY = 1e9  # bytes of one block above which blocks are made smaller, where nothing forces it


class ShortMemory(UsageError):
    """A memory in which no blocks of a method fit.

    Attributes:
        least: bytes that would do.
    """

    def __init__(self, text: str, least: float) -> None:
        super().__init__(text)
        self.least = least


@dataclass(frozen=True)
class Plan:
    """How a kernel is computed.

    Attributes:
        block: examples at a time.
        stored: whether the factors of all examples are kept.
        tile: examples along the side of a tile.
        bytes: peak of the memory beyond what the model and its data hold.
    """

    block: int
    stored: bool
    tile: int
    bytes: float


def plan(ask: Asked, source: Source) -> Plan:
    """Blocks with which a kernel stays within its memory.

    Args:
        ask: the kernel.
        source: of its factors.

    Raises:
        UsageError: no block fits; the text says how much memory would do.
    """
    factor, working = source.sizes(source.sample(ask.first, ask.block))
    number = ask.first.examples + (0 if ask.symmetric else ask.second.examples)
    least, block = np.inf, min(ask.block, max(ask.first.examples, ask.second.examples))
    while block * (factor + working) > EASY and block > 1:
        block = (block + 1) // 2
    while block >= 1:
        tile = tile_of(ask, block)
        fixed = ask.matrix_bytes + tile_bytes(ask, tile) + block * working
        stored = fixed + number * factor
        if number * factor <= HELD * (ask.memory - ask.matrix_bytes) and stored <= ask.memory:
            return Plan(block, True, tile, stored)
        anew = (
            fixed + 3 * block * factor
        )  # those of the rows, of the columns, and the next ones while they are made
        if anew <= ask.memory:
            return Plan(block, False, tile, anew)
        least = min(least, anew)
        block //= 2
    raise short(ask, source.method, least)


def short(ask: Asked, method: str, least: float) -> ShortMemory:
    """The error of a memory that is too small."""
    shape = "x".join(str(one) for one in ask.shape)
    more = "" if ask.outputs != "full" else " Or ask for less: outputs='mean' or one output."
    text = (
        f"memory: expected at least {said(least)} for method='{method}', of which the kernel of shape {shape} takes "
        f"{said(ask.matrix_bytes)}, got {said(ask.memory)}. Give memory={least * 1.01:.2g} or fewer examples.{more}"
    )
    return ShortMemory(text, least)


def tile_of(ask: Asked, block: int) -> int:
    """Examples along the side of a tile."""
    wide = ask.classes if ask.outputs == "full" else 1
    return max(1, min(block, TILE // wide))


def tile_bytes(ask: Asked, tile: int) -> float:
    """Bytes of the tiles in use: the sum, one part, and the products of inputs."""
    wide = ask.classes if ask.outputs == "full" else 1
    return 3.0 * (tile * wide) ** 2 * ask.dtype.itemsize


def said(number: float) -> str:
    """Bytes for a person.

    >>> said(1.5e9), said(2e6)
    ('1.5 GB', '2 MB')
    """
    return f"{number / 1e9:.3g} GB" if number >= 1e9 else f"{number / 1e6:.3g} MB"
