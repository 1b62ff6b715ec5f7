"""The state of random generators, saved and put back: a measurement draws from none of a person's."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np


@contextlib.contextmanager
def generators_kept(loader: Any = None) -> Iterator[None]:
    """Put back the state of the generators of Python, NumPy and, where it is loaded, PyTorch; and those of a loader.

    Args:
        loader: whose own generators, and those of its samplers, are put back as well.

    >>> with generators_kept():
    ...     drawn = random.random()
    >>> random.random() == drawn
    True
    """
    torch = sys.modules.get("torch")
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    samplers = (loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None))
    found = [getattr(one, "generator", None) for one in samplers]
    own = [one for one in found if one is not None and hasattr(one, "get_state")]
    states = [one.get_state() for one in own]
    plain = torch.get_rng_state() if torch is not None else None
    cuda = torch.cuda.get_rng_state_all() if torch is not None and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        for one, state in zip(own, states, strict=True):
            one.set_state(state)
        if torch is not None and plain is not None:
            torch.set_rng_state(plain)
        if torch is not None and cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
