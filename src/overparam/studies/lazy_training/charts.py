"""What is drawn of lazy training: measurements beside the kernel's theory."""

from __future__ import annotations

from overparam.core import Chart, Series, XAxis

SCALE = (XAxis("scale", "output scale alpha"),)
WIDTH = (XAxis("width", "hidden units"),)
TARGET = (XAxis("target", "target", log=False),)


def _line(experiment: str, metric: str, label: str, dashed: bool = False) -> Series:
    return Series(metric, label, dashed, {"experiment": experiment})


CHARTS = (
    Chart(
        "distance", "How far the weights move", SCALE, "largest distance of the weights from their start",
        (
            _line("scale", "distance", "zero output at the start"),
            _line("scale", "random_distance", "random output at the start"),
            _line("scale", "theory_distance", "theory: linearised network", True),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
        note="The step is divided by alpha squared. Without a zero output the first outputs grow with alpha, so that "
        "the weights must undo them, however large alpha is.",
    ),
    Chart(
        "weights", "Weights and linearised weights", SCALE, "largest distance between them",
        (
            _line("scale", "weight_gap", "zero output at the start"),
            _line("scale", "random_weight_gap", "random output at the start"),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
    ),
    Chart(
        "outputs", "Outputs and linearised outputs", SCALE, "root mean square difference on test inputs",
        (
            _line("scale", "output_gap", "zero output at the start: two copies"),
            _line("scale", "centred_output_gap", "zero output: less the start's"),
            _line("scale", "random_output_gap", "random output at the start"),
            _line("scale", "drift", "relative change of the kernel, zero output", True),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
    ),
    Chart(
        "start", "The kernel at the start and its limit", WIDTH, "difference over the limit's smallest eigenvalue",
        (
            _line("width", "start", "two-layer ReLU, hidden layer trained"),
            _line("width", "other_start", "from the kernel of both layers (control)"),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
        note="Below 1/2 the smallest eigenvalue is surely more than half of the limit's.",
    ),
    Chart(
        "movement", "How far a neuron moves", WIDTH, "largest distance of a hidden unit's weights from their start",
        (
            _line("width", "moved", "NTK scaling"),
            _line("width", "mean_field_moved", "mean-field scaling (control)"),
            _line("width", "theory_moved", "theory: bound", True),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
        note="The bound is that of Du et al. with the constant of a one-line derivation; it supposes that the kernel's "
        "smallest eigenvalue stays above half of its limit.",
    ),
    Chart(
        "eigenvalue", "Smallest eigenvalue during training", WIDTH, "smallest eigenvalue over that of the limit",
        (_line("width", "lowest", "lowest of all probe steps"),),
        arm="inputs", arm_title="inputs",
    ),
    Chart(
        "deep-start", "Deep kernels at the start and their limits", WIDTH,
        "difference over the limit's smallest eigenvalue",
        (
            _line("drift", "start_1", "1 hidden layer"),
            _line("drift", "start_2", "2 hidden layers"),
            _line("drift", "start_3", "3 hidden layers"),
            _line("drift", "other_start_2", "2 layers from the limit of 3 (control)"),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
    ),
    Chart(
        "drift", "How much the kernel changes in training", WIDTH, "largest relative change of the kernel",
        (
            _line("drift", "drift_1", "1 hidden layer"),
            _line("drift", "drift_2", "2 hidden layers"),
            _line("drift", "drift_3", "3 hidden layers"),
            _line("drift", "drift_mean_field", "mean-field scaling (control)"),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
        note="Theory promises at most 1/sqrt(width).",
    ),
    Chart(
        "ensemble", "Spread over initialisations", (XAxis("time", "steps"),), "standard deviation on test inputs",
        (
            _line("ensemble", "spread", "trained networks"),
            _line("ensemble", "mean_field_spread", "mean-field scaling (control)"),
            _line("ensemble", "theory_spread", "theory: Gaussian formula", True),
        ),
        arm="inputs", arm_title="inputs",
    ),
    Chart(
        "bound", "Bound and test error of ten targets", TARGET, "mean absolute error, in units of the target",
        (
            _line("targets", "test_error", "test error of the trained network"),
            _line("targets", "train_error", "training error"),
            _line("targets", "bound", "theory: bound of Arora et al.", True),
        ),
        arm="inputs", arm_title="inputs",
        note="Targets of mean square 1. Generated inputs: linear, tilted, linear + product, square, product, absolute "
        "value, sine, sign of a product, odd cubic, random. Digits: each digit against the rest.",
    ),
    Chart(
        "steps", "Steps to 5 % of the initial loss", TARGET, "steps of gradient descent",
        (
            _line("targets", "steps", "trained network"),
            _line("targets", "theory_steps", "theory: kernel at the start", True),
            _line("targets", "shuffled_steps", "theory: shuffled labels", True),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
    ),
)  # fmt: skip
