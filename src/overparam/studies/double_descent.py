"""Deep double descent: test error and test loss of a trained network against its width (Nakkiran et al. 2020).

A ReLU network d-H-H-K is trained by SGD at every width H, with and without label noise. The claims are those of any
sweep over widths (:mod:`overparam.core.sweeps`), and one of this study's own.
"""

from __future__ import annotations


from overparam.core import (BATCH, DATA, MOMENTUM, N, NOISE, NOISE_KIND, PROBES, RATE, SEED, STEPS, WIDTH, Claim, Control,
    FitRule, grid, later, profiles, study)  # fmt: skip
from overparam.core.causes import diagnose
from overparam.core.sweeps import (
    ERROR, SOME_FALL, WidthSweep, error_stands_out, planted, width_charts, width_claims)  # fmt: skip

WIDTHS = (2, 3, 4, 5, 7, 9, 12, 16, 21, 27, 36, 47, 61, 80, 104, 135, 177, 230, 300)
AXES = (
    DATA, N.but(default=4000), WIDTH, NOISE, NOISE_KIND, STEPS, BATCH, RATE, MOMENTUM, PROBES, SEED.but(default=None),
)  # fmt: skip

PROFILES = profiles(
    {"data": "mnist1d", "n": 4000, "width": WIDTHS, "noise": (0.0, 0.15), "noise_kind": "inclusive", "steps": 20_000,
     "batch": 100, "learning_rate": 0.01, "momentum": 0.9, "seed": tuple(range(5))},
    quick=("MNIST-1D, 7 widths from 9 to 104, clean and 15 % noise, 5 seeds, 500 epochs: about two minutes on one core. "
           "The curve ends before the fall of the loss and the strong forms can be judged.",
           {"width": (9, 16, 27, 36, 47, 61, 104)}),
    laptop=("MNIST-1D, the 19 widths of Greydanus and Kobak from 2 to 300, clean and 15 % noise, 5 seeds, 500 epochs: "
            "about ten minutes on one core.", {}),
    paper=("The noise protocol of Nakkiran et al. (labels replaced by wrong ones at rates 0, 5, 10, 15 and 20 %) and "
           "2,000 epochs, with 10 seeds: some hours. Still the small network on MNIST-1D, not their ResNet18 on CIFAR.",
           {"noise": (0.0, 0.05, 0.1, 0.15, 0.2), "noise_kind": "exclusive", "steps": 80_000, "seed": tuple(range(10))}),
)  # fmt: skip

SWEEP = WidthSweep()
HUMP = ERROR.hump(SWEEP.left_end.before)
TOP = planted(SWEEP, 0.15)

CLAIMS = (
    *width_claims(SWEEP),
    Claim("peak-parameters", "With label noise the test error peaks where the number of parameters is close to the "
          "number of samples.", ("L53", "L54"), "greydanus2024",
          HUMP.place(grid("parameters", per="n")).within(0.7, 2.0) & error_stands_out(HUMP, SOME_FALL), SWEEP.noisy,
          Control("With clean labels the same rule finds no peak.", SWEEP.clean), SWEEP.needs, chart="error",
          note=SWEEP.where_it_peaks(HUMP), null=(TOP(49, *[47.2] * 7), TOP(49, 47.2, 54, 51, 50, 50, 48, 45.5)),
          effect=TOP(49, 47.2, 50, 52, 54, 52, 50, 45.5)))  # fmt: skip


STUDY = study(
    name="double-descent", title="Deep double descent in the width of a trained network",
    question="How do test error and test loss change as a trained network grows past the interpolation threshold?",
    x="width", sources=("nakkiran2020", "greydanus2024"), values=(*SWEEP.values, "labels_digest"), axes=AXES,
    profiles=PROFILES, claims=CLAIMS, charts=width_charts(SWEEP, few=(16, 47, 104)),
    work=later("overparam.sweep.width_work:mlp_cells"), estimate=later("overparam.sweep.width_work:mlp_cost"),
    first_rows=True, stack_by=tuple(axis.name for axis in AXES if axis.name not in ("noise", "seed")),
    fit=FitRule("train_error", 0.01, "width", "training error at most 1 %"), diagnose=diagnose(SWEEP),
    diagnosed_claims=("peak", "error-peak", "loss-peak"),
    differences=(
        "The network is a ReLU MLP d-H-H-K on MNIST-1D, the small setting of Greydanus and Kobak; Nakkiran et al. train "
        "ResNet18, a five-layer CNN and Transformers. No result here is a rerun of theirs.",
        "Label noise is inclusive by default (uniform over all classes, so 15 % noise leaves 13.5 % of 10-class labels "
        "wrong); Nakkiran et al. replace labels by wrong ones only. The profile `paper` does as they do.",
        "One optimizer: SGD with learning rate 0.01 and momentum 0.9 at a constant rate for 500 epochs. Nakkiran et al. "
        "use Adam for 4,000 epochs and SGD with a decaying rate.",
        "The training and test samples are one fixed draw: a seed changes initialisation, minibatch order and label "
        "noise, so an interval does not cover the draw of the data.",
        "The interpolation threshold is a training error of at most 1 %; Nakkiran et al. put it where the effective "
        "model complexity equals n, with a training error of 10 %.",
        "There is no data augmentation, weight decay, dropout or batch normalisation.",
        "Probe times are log-spaced, so the best time is the best of about 30."))  # fmt: skip
