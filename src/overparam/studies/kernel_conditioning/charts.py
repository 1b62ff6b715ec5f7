"""The pictures of the study."""

from __future__ import annotations

from overparam.core import Chart, Series, XAxis

X = (XAxis("ratio", "rows per feature n/d"), XAxis("rows", "rows n"))

CHARTS = (
    Chart(
        "kappa", "Conditioning of the data", X, "kappa = sqrt(d/n) |X| / smallest eigenvalue",
        (Series("kappa", "kappa"), Series("theory_kappa", "theory: constant from n = d on", dashed=True)),
        y_log=True, arm="activation", arm_title="activation",
        note="The slides say that generic data have a kappa that does not depend on n between d and about d^2. The "
        "line is each run's own kappa at n = d.",
    ),
    Chart(
        "eigenvalue", "The smallest eigenvalue and its lower bounds", X, "smallest eigenvalue of the covariance",
        (
            Series("smallest", "smallest eigenvalue"),
            Series("proved", "proved in float64", dashed=True),
            Series("hermite", "theory: 20 Hermite terms and the rest", dashed=True),
            Series("lemma", "theory: the two-factor term alone (the lemma)", dashed=True),
            Series("schur", "theory: Schur", dashed=True),
        ),
        y_log=True, arm="activation", arm_title="activation",
        note="The lemma is empty for odd activations (tanh, sine2), whose E phi'' is 0. Bounds of zero are not "
        "drawn.",
    ),
    Chart(
        "width", "From infinite width to k units", (XAxis("width", "hidden units k"),),
        "smallest eigenvalue of J J^T / |v|^2 over its limit",
        (
            Series("kept_mean", "mean over draws"),
            Series("kept_low", "lowest twentieth of the draws"),
            Series("half", "theory: half, promised at the matrix Chernoff width", dashed=True),
        ),
        arm="activation", arm_title="activation",
        note="At n = d rows, up to the width that the matrix Chernoff bound asks.",
    ),
    Chart(
        "images", "Images as they are, and centred", X, "kappa",
        (
            Series("kappa", "centred and divided by their norms", where={"data": "digits"}),
            Series("uncentred_kappa", "divided by their norms only", where={"data": "digits"}),
            Series("raw_kappa", "as they are", where={"data": "digits"}),
        ),
        y_log=True, arm="activation", arm_title="activation",
        note="Pixels are not negative, so one direction carries most of every image.",
    ),
)  # fmt: skip
