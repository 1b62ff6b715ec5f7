"""The charts of the study on random features."""

from __future__ import annotations

from overparam.core import Chart, Series, XAxis

X = (XAxis("width", "random features N"), XAxis("ratio", "random features per training sample N/n"))
COMPLEXITY = (
    XAxis("test_parameters", "effective parameters on the test inputs"),
    XAxis("train_parameters", "effective parameters on the training inputs"),
    *X,
)
CHARTS = (
    Chart(
        "loss", "Squared loss", X, "squared loss, summed over classes",
        (
            Series("test_loss", "test, minimum norm"),
            Series("ridge_test_loss", "test, tuned ridge"),
            Series("limit_test_loss", "test, ridgeless kernel limit", dashed=True),
            Series("theory_test_loss", "theory (eigenframework): minimum norm", dashed=True),
            Series("theory_ridge_test_loss", "theory (eigenframework): best ridge", dashed=True),
            Series("train_loss", "training, minimum norm", dashed=True),
        ),
        y_log=True, arm="features", arm_title="Features",
        note="A training loss below 1e-9 of its initial value is rounding and drawn there. The charts on "
        "ablations and complexity ask what the peak needs (Schaeffer et al. 2023) and to which axis it belongs "
        "(Curth et al. 2023).",
    ),
    Chart(
        "error", "0-1 error", X, "fraction of samples misclassified",
        (
            Series("test_error", "test, minimum norm"),
            Series("ridge_test_error", "test, tuned ridge"),
            Series("train_error", "training, minimum norm", dashed=True),
        ),
        arm="features", arm_title="Features",
    ),
    Chart(
        "norm", "Norm of the coefficients", X, "Frobenius norm",
        (Series("norm", "minimum norm"), Series("ridge_norm", "tuned ridge")),
        y_log=True, arm="features", arm_title="Features",
    ),
    Chart(
        "rank", "Rank of the features on the training samples", X, "numerical rank",
        (Series("rank", "rank"),),
        arm="features", arm_title="Features",
        note="Singular values below max(n, N) times 2.2e-16 of the largest count as zero. For some directions "
        "a ReLU feature without a bias is zero, or linear, on all samples, so the rank can stay below N and n.",
    ),
    Chart(
        "ablations", "What the peak needs", X, "squared test loss, summed over classes",
        (
            Series("test_loss", "untouched"),
            Series("cut_test_loss", "without small singular values"),
            Series("ideal_test_loss", "without residuals of the ideal fit"),
            Series("leading_test_loss", "test features on the leading modes"),
        ),
        y_log=True, arm="features", arm_title="Features",
        note="The excess of the test loss over the ideal fit's is a sum over singular modes of three factors: one "
        "over the singular value, the test features along the mode, and what the features miss of the training "
        "targets. Each ablation takes one of them away.",
    ),
    Chart(
        "complexity", "Test loss against complexity", COMPLEXITY, "squared test loss, summed over classes",
        (
            Series("below_test_loss", "up to n features"),
            Series("beyond_test_loss", "from n features on"),
        ),
        y_log=True, arm="features", arm_title="Features", fit=False, along="width",
        note="The effective number of parameters on the test inputs is n times the mean squared length of the "
        "weights that a prediction gives to the training targets. On the training inputs it is the rank of the "
        "features. Points are means over the seeds at one number of features.",
    ),
    Chart(
        "parameters", "Effective number of parameters", X, "effective parameters",
        (
            Series("test_parameters", "on the test inputs"),
            Series("train_parameters", "on the training inputs", dashed=True),
        ),
        y_log=True, arm="features", arm_title="Features",
    ),
)  # fmt: skip
