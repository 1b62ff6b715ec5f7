"""Axes that most studies have; a study says only what it changes: ``NOISE.but(default=0.2)``.

A default stays out of a cell's key, so a study that once had a default keeps it. The ones here are those of most
studies today; where a study has another, it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overparam.core.errors import UsageError
from overparam.core.parts import Axis

DATA = Axis("data", "Data set: a name, or the path of a file or folder of your own.", str, flag="data")
SEED = Axis(
    "seed", "Drives the initialisation, the order of the minibatches and the draw of the label noise.", int, 0, low=0,
    flag="seeds",
)  # fmt: skip
N = Axis("n", "Training samples.", int, low=2)
N_TEST = Axis("n_test", "Most test samples used; 0 means all.", int, 0, low=0)
DIMENSION = Axis("d", "Dimension of generated inputs.", int, low=2)
NOISE = Axis("noise", "Share of training labels that are replaced, 0 to 1.", float, low=0, high=1)
NOISE_KIND = Axis(
    "noise_kind", "What replaces a label: inclusive draws from all classes, exclusive from the wrong ones.", str,
    "inclusive", choices=("inclusive", "exclusive"),
)  # fmt: skip
WIDTH = Axis("width", "Units in each of the two hidden layers.", int, low=1, flag="widths")
WIDTHS = WIDTH.but(help="Hidden units, ascending, all in one cell.", inside_cell=True)
ACTIVATION = Axis("activation", "Activation.", str, flag="activations")
STEPS = Axis("steps", "Training steps.", int, 20_000, low=1)
EPOCHS = Axis("epochs", "Passes over the training samples.", int, low=1, flag="epochs")
BATCH = Axis("batch", "Samples in a minibatch.", int, 100, low=1)
RATE = Axis("learning_rate", "Learning rate of SGD, constant.", float, 0.01, low=1e-9)
MOMENTUM = Axis("momentum", "Momentum of SGD.", float, 0.9, low=0, high=0.9999)
PROBES = Axis(
    "probes", "Further probes, measured at the end of training: names (see `overparam ls --probes`), or files that hold a "
    "PROBE.", str, ("none",), inside_cell=True, flag="probe",
)  # fmt: skip

STANDARD = (
    DATA, N, N_TEST, DIMENSION, WIDTH, NOISE, NOISE_KIND, ACTIVATION, STEPS, EPOCHS, BATCH, RATE, MOMENTUM,
    PROBES, SEED,
)  # fmt: skip

NEAR_KERNEL = (
    Axis("data", "Generated or handwritten inputs.", str, "sphere", choices=("sphere", "gaussian", "digits")),
    Axis("inputs", "Digits centred, all of norm 1 (unit), or raw.", str, "unit", choices=("unit", "raw")),
    Axis("n", "Training samples.", int, 32, low=4, high=500),
    Axis("d", "Dimension of generated inputs.", int, 10, low=3, high=1000),
    Axis("activation", "Activation.", str, "tanh", choices=("tanh", "erf", "gelu", "softplus", "silu", "sine")),
    Axis("steps", "Steps of gradient descent.", int, 400, low=8),
    Axis("seed", "Draws inputs, labels and initial weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
"""Axes of networks near their kernel."""
LAZY_TRAINING = (
    {"n": 16, "steps": 200, "scale": (1.0, 4.0, 16.0, 64.0, 256.0), "width": (16, 64, 256, 1024), "ensemble_width": 256,
     "members": 50, "samples": 50, "targets_width": 512, "target_steps": 400},
    {"steps": 4000, "width": (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192), "widest_deep": 1024,
     "ensemble_width": 2048, "members": 400, "samples": 400, "targets_width": 4096, "target_steps": 4000},
)  # fmt: skip
"""What the profiles quick and paper of the former study lazy-training set, of which each of its parts has a few axes."""
CERTIFIED_AXES = (
    Axis("data", "Inputs: uniform on the unit sphere with random signs, or two classes of handwritten digits.", str,
         "sphere", choices=("sphere", "digits"), flag="data"),
    Axis("n", "Number of samples.", int, 20, low=4, high=200, flag="n"),
    Axis("d", "Features of the points on the sphere; digits have 64.", int, 10, low=2, flag="d"),
    Axis("activation", "Activation, a smooth one.", str, "tanh", choices=("gelu", "softplus", "tanh"), flag="activations"),
    Axis("seed", "Draws the data and the weights.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
"""Axes of networks that are certified."""


def joined(common: tuple[Axis, ...], *own: Axis, without: tuple[str, ...] = ()) -> tuple[Axis, ...]:
    """Common axes, the seed last, with a study's own before it.

    >>> [axis.name for axis in joined(NEAR_KERNEL, N_TEST, without=("activation", "steps"))]
    ['data', 'inputs', 'n', 'd', 'n_test', 'seed']
    """
    kept = [axis for axis in common if axis.name not in without]
    return (*kept[:-1], *own, kept[-1])


def batch_fits(cell: Mapping[str, Any]) -> None:
    """Check that a minibatch is no larger than the training set.

    Args:
        cell: with ``n`` and ``batch``.

    Raises:
        UsageError: a larger one.

    >>> batch_fits({"n": 100, "batch": 100})
    """
    n, batch = cell["n"], cell["batch"]
    if batch > n:
        raise UsageError(
            f"--batch: expected at most the {n:,} training samples, got {batch:,}. Take smaller minibatches, or more samples."
        )


def ascends(cell: Mapping[str, Any], name: str, flag: str, what: str) -> None:
    """Check that the values of an axis inside a cell ascend, each named once.

    Args:
        cell: with the axis.
        name: of the axis.
        flag: its option, for messages.
        what: what its values are, for messages.

    Raises:
        UsageError: they do not.

    >>> ascends({"width": (2, 4)}, "width", "widths", "widths")
    """
    given = list(cell[name])
    if given != sorted(set(given)):
        raise UsageError(f"--{flag}: expected {what} that ascend, got {given}. Name each once, in order.")
