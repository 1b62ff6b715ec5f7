"""Axes that most studies have; a study says only what it changes: ``NOISE.but(default=0.2)``.

A default stays out of a cell's key, so a study that once had a default keeps it. The ones here are those of most
studies today; where a study has another, it says so.
"""

from __future__ import annotations

from overparam.core.parts import Axis

DATA = Axis("data", "Data set: a name or the path of an .npz file.", str, flag="data")
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
