"""Study `effective-complexity`: EMC, the critical size, and what moves it (Nakkiran et al. 2020)."""

from __future__ import annotations

from overparam.core import Axis, Chart, FitRule, Profile, Series, Study, XAxis
from overparam.studies.effective_complexity.arms import ARMS, SEARCHES, SIZES
from overparam.studies.effective_complexity.claims import CLAIMS
from overparam.studies.effective_complexity.work import estimate, work
from overparam.studies.sources import NAKKIRAN

GRID = (6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181)  # 2^(k/2), rounded

AXES = (
    Axis("data", "Data set: a name or the path of an .npz file.", str, flag="data"),
    Axis(
        "arm", "What is trained: the base, one change of it, or a search for EMC.", str, choices=tuple(ARMS),
        flag="arms",
    ),
    Axis("n", "Training samples of the base.", int, default=1000, low=2, flag="n"),
    Axis("width", "Units in each of the two hidden layers, all in one cell.", int, GRID[1:-1], low=1, inside_cell=True,
         flag="widths"),
    Axis("emc_width", "Widths at which EMC is searched for, all in one cell.", int, (11, 16, 23, 32), low=1,
         inside_cell=True, flag="emc-widths"),
    Axis("noise", "Share of training labels replaced in every arm but the clean ones, 0 to 1.", float, 0.2, low=0,
         high=1),
    Axis("noise_kind", "What replaces a label: inclusive draws from all classes, exclusive from the wrong ones.",
         str, "exclusive", choices=("inclusive", "exclusive")),
    Axis("steps", "Training steps T of the base.", int, default=5000, low=1, flag="steps"),
    Axis("batch", "Samples in a minibatch.", int, default=100, low=1),
    Axis("learning_rate", "Learning rate of SGD, constant.", float, default=0.01, low=1e-9),
    Axis("momentum", "Momentum of SGD.", float, default=0.9, low=0, high=0.9999),
    Axis("tolerance", "Train error that counts as learnt, a share.", float, default=0.1, low=0, high=1),
    Axis("draws", "Training sets over which a search averages the train error.", int, default=2, low=1,
         flag="draws"),
    Axis("copies", "How often a sample occurs in the arm with shifted copies, itself included.", int, default=3, low=1,
         flag="copies"),
    Axis("n_test", "Test samples kept aside; the others join the pool that training sets are drawn from.", int,
         default=6000, low=1, flag="n-test"),
    Axis("seed", "Draws the training samples, the label noise, the initialisation and the minibatches.", int, low=0,
         flag="seeds"),
)  # fmt: skip


def _profile(
    text: str, arms: tuple[str, ...], widths: tuple[int, ...], searched: tuple[int, ...], **more: object
) -> Profile:
    fixed = {axis.name: axis.default for axis in AXES if not axis.inside_cell} | {"data": "mnist1d"} | more
    single = {name: (value,) for name, value in fixed.items()}
    curves = {"arm": arms, "width": widths, "emc_width": searched, "seed": tuple(range(10))}
    return Profile(text, {**single, **curves})


PROFILES = {
    "quick": _profile(
        "MNIST-1D, 500 samples, 6 widths from 6 to 32, 400 epochs, 10 seeds: under a minute on two cores. The shifts "
        "of the critical width and the effect of label noise on EMC can be judged; EMC at longer training is left "
        "out, and the peak of the test error is seldom clear at this size.",
        (*SIZES, "emc", "emc-clean"), GRID[:6], (8, 16), n=500, steps=2000,
    ),
    "laptop": _profile(
        "MNIST-1D, 1,000 samples, 9 widths from 8 to 128, 500 epochs, 10 seeds, EMC at 4 widths: some six minutes on "
        "two cores.",
        (*SIZES, *SEARCHES), GRID[1:-1], (11, 16, 23, 32),
    ),
    "paper": _profile(
        "MNIST-1D, 4,000 samples, 8 widths from 16 to 181, 2,000 epochs, 10 seeds, EMC at 4 widths: some hours. Still "
        "the small network on MNIST-1D, not their ResNet18 on CIFAR.",
        (*SIZES, *SEARCHES), GRID[3:], (23, 32, 45, 64), n=4000, steps=80_000,
    ),
}  # fmt: skip

_X = (XAxis("width", "hidden width"), XAxis("parameters", "parameters"))

CHARTS = (
    Chart(
        "emc", "Effective model complexity against width",
        (XAxis("emc_width", "hidden width"), XAxis("emc_parameters", "parameters")),
        "EMC (training samples)",
        (
            *(Series("emc", ARMS[name].label, where={"arm": name}) for name in SEARCHES),
            Series(
                "emc_parameters", "theory: linear least squares, one sample a parameter", dashed=True,
                where={"arm": "emc"},
            ),
        ),
        y_log=True, fit=False,
        note="EMC is the largest number of samples that is learnt to a train error of 10 %, on average over training "
        "sets. A search that hits an end of the grid is not drawn. The dashed line is EMC of linear least squares "
        "with as many parameters and random targets.",
    ),
    Chart(
        "search", "Train error against the number of samples", (XAxis("scan_n", "training samples"),),
        "train error (share of samples)",
        tuple(Series(f"scan_error_{width}", f"width {width}") for width in GRID[1:8]),
        arm="arm", arm_title="search", fit=False,
        note="The first round of each search, averaged over training sets. EMC is where a line crosses 0.1.",
    ),
    Chart(
        "critical", "Critical width of each seed", (XAxis("seed", "seed", log=False),), "critical width (units)",
        tuple(Series("critical_width", ARMS[name].label, where={"arm": name}) for name in SIZES),
        y_log=True, fit=False,
        note="Where the train error first falls to 10 %. Each point is one seed; the sign tests compare, seed by seed, "
        "each setting with the base. A critical width outside the grid is not drawn.",
    ),
    Chart(
        "arms", "Test error against width in every setting", _X, "test error (share of samples)",
        tuple(Series("test_error", ARMS[name].label, where={"arm": name}) for name in SIZES if name != "repeat"),
        fit=False,
    ),
    Chart(
        "train", "Train error against width in every setting", _X, "train error (share of samples)",
        tuple(Series("train_error", ARMS[name].label, where={"arm": name}) for name in SIZES if name != "repeat"),
        fit=False,
        note="Against the given labels, copies included where there are any.",
    ),
    Chart(
        "error", "Error against width", _X, "error (share of samples)",
        (Series("test_error", "test"), Series("train_error", "train, against the given labels", dashed=True)),
        arm="arm", arm_title="setting",
        note="The test labels are clean: test error counts true mistakes.",
    ),
)  # fmt: skip

STUDY = Study(
    name="effective-complexity",
    title="Effective model complexity and what moves the critical size",
    question="How many samples can a training procedure learn, and does the peak of the test error follow?",
    sources=(NAKKIRAN,),
    axes=AXES,
    profiles=PROFILES,
    work=work,
    stack_by=tuple(axis.name for axis in AXES if axis.name != "seed"),
    estimate=estimate,
    claims=CLAIMS,
    charts=CHARTS,
    fit=FitRule("train_error", 0.1, "width", "training error at most 10 %"),
    stack_limit=10,
    differences=(
        "The network is a ReLU MLP d-H-H-K on MNIST-1D with SGD at a constant rate; Nakkiran et al. train ResNet18, a "
        "five-layer CNN and Transformers with Adam or a decaying rate. No result here is a rerun of theirs.",
        "A training procedure here is a number of steps, the same for every number of samples: with a number of "
        "epochs, small training sets would see few steps, and EMC would not be a matter of size alone. So twice the "
        "samples at T steps are half the epochs; an arm with twice the steps keeps the epochs, and the claim on "
        "samples asks for both.",
        "There is no augmentation on the fly: each sample comes with a fixed set of copies, moved by 1 to 5 places "
        "around the end and scaled by 0.9 to 1.1, with the label of the sample, wrong or not. The number of steps is "
        "that of the base, and the train error counts the copies.",
        "The critical width is read between grid points on log width. Nakkiran et al. define the critical regime by "
        "EMC close to n without a number for close; here the peak must lie within one grid step of a factor 1.4.",
        "A search for EMC looks at sample sizes a factor 2 apart from n/4 to 4n, then halves the bracket above the "
        "largest that is learnt, down to a factor 1.19, and reads EMC inside it. A larger size that is learnt beyond "
        "one that is not could be missed between the first sizes.",
        "The mean over training sets is over a few draws (two by default), and each seed has draws of its own.",
        "Training sets are drawn from a pool of all samples but 6,000 test samples: the published training part and "
        "the rest of the test part. So a number of samples above 4,000 can be had; the split is not the published one.",
        "Label noise is exclusive (a wrong class), 20 % by default, and drawn once for each sample and seed.",
        "A seed changes everything: training samples, noise, initialisation and minibatch order.",
    ),
)
