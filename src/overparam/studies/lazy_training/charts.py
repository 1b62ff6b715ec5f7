"""What is drawn of lazy training: measurements beside the kernel's theory."""

from __future__ import annotations

from overparam.study import Chart, Series, XAxis

SCALE = (XAxis("scale", "output scale alpha"),)
WIDTH = (XAxis("width", "hidden units"),)
TARGET = (XAxis("target", "target", log=False),)

CHARTS = (
    Chart(
        "distance", "How far the weights move", SCALE, "largest distance of the weights from their start",
        (
            Series("distance", "zero output at the start"),
            Series("random_distance", "random output at the start"),
            Series("theory_distance", "theory: linearised network", dashed=True),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
        note="The step is divided by alpha squared. Without a zero output the first outputs grow with alpha, so that "
        "the weights must undo them, however large alpha is.",
    ),
    Chart(
        "weights", "Weights and linearised weights", SCALE, "largest distance between them",
        (
            Series("weight_gap", "zero output at the start"),
            Series("random_weight_gap", "random output at the start"),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
    ),
    Chart(
        "outputs", "Outputs and linearised outputs", SCALE, "root mean square difference on test inputs",
        (
            Series("output_gap", "zero output at the start: two copies"),
            Series("centred_output_gap", "zero output: less the start's"),
            Series("random_output_gap", "random output at the start"),
            Series("drift", "relative change of the kernel, zero output", dashed=True),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
    ),
    Chart(
        "start", "The kernel at the start and its limit", WIDTH, "difference over the limit's smallest eigenvalue",
        (
            Series("start", "two-layer ReLU, hidden layer trained"),
            Series("other_start", "from the kernel of both layers (control)"),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
        note="Below 1/2 the smallest eigenvalue is surely more than half of the limit's.",
    ),
    Chart(
        "movement", "How far a neuron moves", WIDTH, "largest distance of a hidden unit's weights from their start",
        (
            Series("moved", "NTK scaling"),
            Series("mean_field_moved", "mean-field scaling (control)"),
            Series("theory_moved", "theory: bound", dashed=True),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
        note="The bound is that of Du et al. with the constant of a one-line derivation; it supposes that the kernel's "
        "smallest eigenvalue stays above half of its limit.",
    ),
    Chart(
        "eigenvalue", "Smallest eigenvalue during training", WIDTH, "smallest eigenvalue over that of the limit",
        (Series("lowest", "lowest of all probe steps"),),
        arm="inputs", arm_title="inputs",
    ),
    Chart(
        "deep-start", "Deep kernels at the start and their limits", WIDTH,
        "difference over the limit's smallest eigenvalue",
        (
            Series("start_1", "1 hidden layer"),
            Series("start_2", "2 hidden layers"),
            Series("start_3", "3 hidden layers"),
            Series("other_start_2", "2 layers from the limit of 3 (control)"),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
    ),
    Chart(
        "drift", "How much the kernel changes in training", WIDTH, "largest relative change of the kernel",
        (
            Series("drift_1", "1 hidden layer"),
            Series("drift_2", "2 hidden layers"),
            Series("drift_3", "3 hidden layers"),
            Series("drift_mean_field", "mean-field scaling (control)"),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
        note="Theory promises at most 1/sqrt(width).",
    ),
    Chart(
        "ensemble", "Spread over initialisations", (XAxis("time", "steps"),), "standard deviation on test inputs",
        (
            Series("spread", "trained networks"),
            Series("mean_field_spread", "mean-field scaling (control)"),
            Series("theory_spread", "theory: Gaussian formula", dashed=True),
        ),
        arm="inputs", arm_title="inputs",
    ),
    Chart(
        "bound", "Bound and test error of ten targets", TARGET, "mean absolute error, in units of the target",
        (
            Series("test_error", "test error of the trained network"),
            Series("train_error", "training error"),
            Series("bound", "theory: bound of Arora et al.", dashed=True),
        ),
        arm="inputs", arm_title="inputs",
        note="Targets of mean square 1. Generated inputs: linear, tilted, linear + product, square, product, absolute "
        "value, sine, sign of a product, odd cubic, random. Digits: each digit against the rest.",
    ),
    Chart(
        "steps", "Steps to 5 % of the initial loss", TARGET, "steps of gradient descent",
        (
            Series("steps", "trained network"),
            Series("theory_steps", "theory: kernel at the start", dashed=True),
            Series("shuffled_steps", "theory: shuffled labels", dashed=True),
        ),
        y_log=True, arm="inputs", arm_title="inputs",
    ),
)  # fmt: skip
