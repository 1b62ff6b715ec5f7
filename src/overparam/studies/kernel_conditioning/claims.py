"""The claims of the study: sentence, rule in words, control and preconditions."""

from __future__ import annotations

from functools import partial

from overparam.core import Claim, Control, Precondition
from overparam.studies.kernel_conditioning import rules
from overparam.studies.kernel_conditioning.work import ACTIVATIONS

UNIFORM = Precondition("uniform", "The rows are uniform on the unit sphere.", rules.uniform_rows)
SPAN = Precondition(
    "sizes",
    "At least four sizes lie in d <= n <= d^2/4, both ends reached within 5 %.",
    rules.sizes_span,
)
IMAGES = Precondition(
    "images",
    "The rows are images: before centring the mean row holds at least a quarter of the mean squared norm.",
    rules.rows_are_images,
)
DRAWN = Precondition("draws", "At least 100 draws of the weights for every activation.", rules.enough_draws)
NAMES = {"sine2": "sin(2z)", "relu": "ReLU", "gelu": "GELU"}


def _constant(activation: str) -> Claim:
    return Claim(
        name=f"constant-{activation}",
        sentence="For generic data (uniform on the sphere) kappa scales like a constant: it does not depend on n, "
        f"from n = d to the order of d^2 ({NAMES.get(activation, activation)}).",
        ledger=("L9",),
        source="soltanolkotabi2019",
        rule="Least-squares slope of log kappa over log n at the sizes d <= n <= d^2/4, for each seed; the 95 % "
        "Student t interval of its mean lies in [-0.15, 0.15].",
        judge=partial(rules.kappa_is_constant, activation=activation),
        control=Control(
            "Rows that are not generic, in 6 of the d dimensions, under the same rule: kappa grows.",
            partial(rules.kappa_is_constant, activation=activation, metric="flat_kappa"),
        ),
        preconditions=(UNIFORM, SPAN),
        chart="kappa",
    )


CLAIMS = (
    Claim(
        name="gram-limit",
        sentence="The covariance Sigma(X) = E[phi'(Xw) phi'(Xw)^T] o XX^T is the limit of J J^T / |v|^2 at infinite "
        "width.",
        ledger=("L7",),
        source="soltanolkotabi2019",
        rule="Largest absolute difference between the Gram matrix of k random units and the closed form, times "
        "sqrt(k), over the largest entry of the closed form; for each seed the largest over all sizes; for every "
        "activation the 95 % Student t interval of its mean is at most 5.",
        judge=rules.gram_is_near,
        control=Control(
            "Absolute values of the weights in place of the weights, under the same rule.",
            partial(rules.gram_is_near, metric="folded_error"),
        ),
    ),
    Claim(
        name="hermite-lemma",
        sentence="Sigma(X) is at least (E phi'')^2 (XX^T) o (XX^T) as a matrix, and equals its Hermite series.",
        ledger=("L8",),
        source="soltanolkotabi2019",
        rule="At every size of every seed, for every activation: the smallest eigenvalue of Sigma is at least "
        "(E phi'')^2 times that of (XX^T) o (XX^T), up to n times 2.2e-16 of the largest; and 20 terms of the series "
        "differ from an independent value of Sigma by at most the tail and 1e-10. No failure is allowed: the 95 % "
        "Student t interval of the share of sizes is at least 1.",
        judge=rules.lemma_holds,
        control=Control(
            "The inequality with E phi'^2, the slope's whole weight, in place of (E phi'')^2: too much to hold.",
            rules.full_term_holds,
        ),
        chart="eigenvalue",
    ),
    *(_constant(activation) for activation in ACTIVATIONS),
    Claim(
        name="images",
        sentence="Uncentred images are badly conditioned: kappa explodes, and centring cures it.",
        ledger=("L9",),
        source="soltanolkotabi2019",
        rule="Kappa of rows divided by their norms over kappa of the same rows centred before, at the largest size, "
        "paired by seed; for every activation the 95 % interval of the geometric mean is at least 10.",
        judge=rules.images_are_worse,
        control=Control(
            "Rows on the sphere, as many and as long, before and after centring, under the same rule.",
            partial(rules.images_are_worse, metric="ball_ratio"),
        ),
        preconditions=(IMAGES,),
        chart="images",
    ),
    Claim(
        name="jacobian",
        sentence="The Jacobian is the row-wise Khatri-Rao product of phi'(XW^T) diag(v) and X, and "
        "J J^T = [phi'(XW^T) diag(v)^2 phi'(XW^T)^T] o XX^T.",
        ledger=("L16",),
        source="soltanolkotabi2019",
        rule="Largest relative difference from automatic differentiation in float64, of J or of J J^T, whichever is "
        "larger, as a power of ten; for every activation the 95 % Student t interval is at most -10.",
        judge=rules.jacobian_is_exact,
        control=Control(
            "The formula without diag(v)^2, as the slides print it, for output weights that differ.",
            partial(rules.jacobian_is_exact, metric="plain_jacobian_log"),
        ),
    ),
    Claim(
        name="schur",
        sentence="For positive semi-definite A and B: lambda_min(A o B) >= min B_ii lambda_min(A), and "
        "lambda_max(A o B) <= max B_ii lambda_max(A).",
        ledger=("L17",),
        source="soltanolkotabi2019",
        rule="With A = E[phi' phi'^T] and B = XX^T, in both orders, at every size of every seed, for every "
        "activation, up to 1e-12 of the norms. No failure is allowed: the 95 % Student t interval of the share of "
        "sizes is at least 1.",
        judge=rules.schur_holds,
        control=Control(
            "The lower bound for B = XX^T with its diagonal removed, which is not positive semi-definite.",
            partial(rules.schur_holds, metric="minus_held"),
        ),
        chart="eigenvalue",
    ),
    Claim(
        name="concentration",
        sentence="At k of the order of |X|^2 log(n) / lambda units the smallest eigenvalue of J J^T is at least half "
        "of its limit k nu^2 lambda.",
        ledger=("L18",),
        source="soltanolkotabi2019",
        rule="At n = d rows and k = 8 B1^2 |X|^2 log(n/0.05) / lambda units (matrix Chernoff): share of the draws, "
        "all seeds together, whose smallest eigenvalue is at least half of the limit's; for every activation the "
        "exact 95 % binomial interval is at least 0.95.",
        judge=rules.width_suffices,
        control=Control(
            "The same at k = n/d units, where J has as many columns as rows.",
            partial(rules.width_suffices, metric="starved"),
        ),
        preconditions=(DRAWN,),
        chart="width",
    ),
)
