"""Deep double descent: test error and test loss of a trained network against its width (Nakkiran et al. 2020).

A ReLU network d-H-H-K is trained by SGD at every width H, with and without label noise. The statements are those of any
sweep over widths (:mod:`overparam.core.sweeps`), at places that were registered from pilot seeds.
"""

from __future__ import annotations


from overparam.core import (BATCH, DATA, MOMENTUM, N, NOISE, NOISE_KIND, PROBES, RATE, SEED, STEPS, WIDTH, FitRule, Hero, grid,
    later, planned, profiles, study)  # fmt: skip
from overparam.core.causes import diagnose
from overparam.core.sweeps import WidthSweep, width_charts, width_claims

WIDTHS = (2, 3, 4, 5, 7, 9, 12, 16, 21, 27, 36, 47, 61, 80, 104, 135, 177, 230, 300)
QUICK = (5, 9, 12, 20, 29, 36, 90)
AXES = (
    DATA, N.but(default=4000), WIDTH, NOISE, NOISE_KIND, STEPS, BATCH, RATE, MOMENTUM, PROBES, SEED.but(default=None),
)  # fmt: skip

PROFILES = profiles(
    {"data": "mnist1d", "n": 4000, "width": WIDTHS, "noise": (0.0, 0.15), "noise_kind": "inclusive", "steps": 20_000,
     "batch": 100, "learning_rate": 0.01, "momentum": 0.9, "seed": planned(8)},
    quick=("MNIST-1D with 2,000 samples, 7 widths from 5 to 90, clean and 20 % noise, 10 seeds, 500 epochs: under a minute "
           "on two cores.",
           {"n": 2000, "width": QUICK, "noise": (0.0, 0.2), "steps": 10_000, "seed": planned(10)}),
    laptop=("MNIST-1D, the 19 widths of Greydanus and Kobak from 2 to 300, clean and 15 % noise, 8 seeds, 500 epochs: "
            "about a quarter of an hour on one core.", {}),
    paper=("The noise protocol of Nakkiran et al. (labels replaced by wrong ones at rates 0, 5, 10, 15 and 20 %) and "
           "2,000 epochs, with 10 seeds: some hours. Still the small network on MNIST-1D, not their ResNet18 on CIFAR.",
           {"noise": (0.0, 0.05, 0.1, 0.15, 0.2), "noise_kind": "exclusive", "steps": 80_000, "seed": planned(10)}),
)  # fmt: skip

RATIO = grid("parameters", per="n", words="parameters per training sample")
SWEEP = WidthSweep(
    left=RATIO.between(0.19, 0.6), peak=RATIO.between(1.05, 1.6), source="greydanus2024", outside="", full=("laptop", "paper"),
    scope=(
        "Greydanus and Kobak report it for this network, these data, this recipe and 15 % label noise, with one seed.",
        "Nakkiran et al. report it for ResNets, convolutional networks and Transformers on images and translation.",
    ),
)  # fmt: skip


STUDY = study(
    profile_history=(
        "version 2: the planned seeds start at 100; seeds 0 to 19 were judged by earlier rules, and count "
        "as pilots. 8 seeds in place of 5, for power.",
    ),
    name="double-descent", title="Deep double descent in the width of a trained network",
    question="How do test error and test loss change as a trained network grows past the interpolation threshold?",
    x="width", sources=("nakkiran2020", "greydanus2024", "belkin2019"), values=(*SWEEP.values, "labels_digest"), axes=AXES,
    profiles=PROFILES, claims=width_claims(SWEEP), charts=width_charts(SWEEP, few=(12, 36, 90, 104)),
    work=later("overparam.sweep.width_work:mlp_cells"), estimate=later("overparam.sweep.width_work:mlp_cost"),
    first_rows=True, stack_by=tuple(axis.name for axis in AXES if axis.name not in ("noise", "seed")),
    fit=FitRule("train_error", 0.01, "width", "training error at most 1 %"), diagnose=diagnose(SWEEP),
    diagnosed_claims=("error-peak", "loss-peak"),
    hero=Hero("error", fit=("test_error",), toggled=("train_error",), toggle="training error",
              band="Interpolation threshold: the smallest width whose training error is at most 1 %, from the first to the "
              "last seed."),
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
