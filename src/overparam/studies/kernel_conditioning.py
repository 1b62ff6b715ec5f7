"""How well conditioned data are for a wide two-layer network, and whether that depends on their number n.

Sigma(X) = E[phi'(Xw) phi'(Xw)^T] o XX^T is the covariance of n rows X in d dimensions, w standard normal and o the
product of entries; kappa = sqrt(d/n) |X| / lambda, with lambda its smallest eigenvalue. Lines run along n.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (Axis, Check, Claim, Control, Estimate, Evidence, MissingEvidence, Number, Params, Series,
    World, arm, charts, computed, grid, later, line, need, per_seed, profiles, scalar, share_of_trials,
    study)  # fmt: skip

ACTIVATIONS = ("relu", "softplus", "gelu", "tanh", "sine2")
MEDIUM = (0.5, 1.0, 1.5, 2.2, 3.3, 5.0, 7.0, 10.0)
AXES = (
    Axis("data", "Rows: uniform on the unit sphere, or digits, centred and divided by their norms.", str, "sphere",
         choices=("sphere", "digits"), flag="data"),
    Axis("activation", "Activation phi; sine2 is sin(2z).", str, "relu", choices=ACTIVATIONS, flag="activations"),
    Axis("d", "Features of the sphere; digits have 64.", int, 40, low=8, high=400, flag="d"),
    Axis("ratio", "Numbers of rows per feature n/d, all in one cell.", float, MEDIUM, low=0.05, high=100,
         inside_cell=True, flag="ratios"),
    Axis("units", "Hidden units of the Monte-Carlo Gram matrix.", int, 4096, low=16, high=1_000_000, flag="units"),
    Axis("draws", "Draws of the weights at which the smallest eigenvalue is compared with its limit.", int, 20, low=1,
         high=1000, flag="draws"),
    Axis("seed", "Draws the rows and the weights.", int, 0, low=0, flag="seeds"))  # fmt: skip
PROFILES = profiles(
    {"data": ("sphere", "digits"), "activation": ACTIVATIONS, "units": 4096, "draws": 20, "seed": tuple(range(10))},
    quick=("sphere in 20 dimensions and digits, up to five rows a feature, 5 seeds",
           {"d": 20, "ratio": (0.5, 1.0, 1.4, 2.0, 2.8, 4.0, 5.0), "seed": tuple(range(5))}),
    laptop=("sphere in 40 dimensions and digits, up to ten rows a feature, 10 seeds", {"d": 40, "ratio": MEDIUM}),
    paper=("sphere in 80 dimensions and digits, up to twenty rows a feature, 10 seeds; the sources show no experiment",
           {"d": 80, "ratio": (*MEDIUM, 14.0, 20.0)}))  # fmt: skip

SPREAD, SLOPE, WORSE, EXACT, KEPT = 5.0, 0.15, 10.0, -10.0, 0.95  # cut-offs; the sources give no numbers
per_feature = grid("rows", per="features")


def window(n: Any, ratio: Any) -> Any:
    """Which sizes lie in d <= n <= d^2/4, where kappa should be constant; ``ratio`` is n/d."""
    return (ratio >= 0.999) & (ratio**2 / n <= 1.001 / 4)


def window_slope(kappa: Any, n: Any, ratio: Any) -> Any:
    """Least-squares slope of log kappa over log n there."""
    import numpy as np

    inside = window(n, ratio)
    if inside.sum() < 2:
        raise MissingEvidence("no two sizes in d <= n <= d^2/4. Add some to --ratios.")
    x = np.log(n[inside]) - np.log(n[inside]).mean()
    return np.log(kappa[:, inside]) @ x / (x @ x)


def share(metric: str, words: str) -> Number:
    """Share of the sizes at which something holds."""
    return line(metric).mean().called(f"share of the sizes at which {words}")


def _uniform(view: Any) -> Check:
    kinds = view.evidence.levels("data")
    return Check(kinds == ("sphere",), f"data {', '.join(map(str, kinds))}")


def _sizes(view: Any) -> Check:
    view.aligned()  # raises where no seed is complete
    n, ratio, d = view.grid("rows"), view.read(per_feature), view.value("features")
    found = n[window(n, ratio)]
    ok = len(found) >= 4 and found[0] <= 1.05 * d and found[-1] >= 0.95 * d * d / 4
    ends = f" from {found[0]:g} to {found[-1]:g}" if len(found) else ""
    return Check(bool(ok), f"{len(found)} sizes{ends}")


def _pessimism(view: Any) -> str:
    found = sorted(view.read(scalar("pessimism")).y)
    return f"the width asked for is {found[(len(found) - 1) // 2]:.3g} times one that was enough (median over seeds)."


OFFSET, DRAWS = scalar("offset"), scalar("drawn")
UNIFORM = need("uniform", "The rows are uniform on the unit sphere.", _uniform)
SPAN = need("sizes", "At least four sizes lie in d <= n <= d^2/4, both ends reached within 5 %.", _sizes,
            values=("features",))  # fmt: skip
IMAGES = need(
    "images", "The rows are images: before centring the mean row holds at least a quarter of the mean squared norm.",
    lambda view: Check(view.read(OFFSET).y.min() >= 0.25, f"it holds {view.read(OFFSET).y.min():.3g} or more"),
    values=("offset",))  # fmt: skip
MANY = need(
    "draws", "At least 100 draws of the weights for every activation.",
    lambda view: Check(view.read(DRAWS).y.sum() >= 100, f"{view.read(DRAWS).y.sum():g} draws"), values=("drawn",),
)  # fmt: skip

TALK = "soltanolkotabi2019"
D, ROWS = 40, tuple(round(40 * ratio) for ratio in MEDIUM)  # the planted worlds
ONES, HELD, FAILED = [1.0] * 8, ("lemma_held", "series_held", "schur_held"), ("full_held", "minus_held")


def power(exponent: float) -> list[float]:
    """Kappa: 20 at n = d, and a power of n."""
    return [20.0 * (n / D) ** exponent for n in ROWS]


WORLD = World(
    ("rows", ROWS), arms={"activation": ("relu", "softplus")}, seeds=10, fixed={"data": "sphere", "d": D},
    lines={"kappa": power(0), "flat_kappa": power(2), "gram_error": [2.5] * 8, "folded_error": [30.0] * 8,
           "uncentred_ratio": [30.0] * 8, "ball_ratio": ONES, **dict.fromkeys(HELD, ONES),
           **dict.fromkeys(FAILED, [0.0] * 8)},
    numbers={"features": D, "jacobian_log": -14.0, "plain_jacobian_log": -0.4, "offset": 0.7, "kept": 20, "starved": 0,
             "drawn": 20, "pessimism": 200.0},
    spread={"kappa": 0.05, "flat_kappa": 0.05, "gram_error": 0.1, "folded_error": 0.1, "uncentred_ratio": 0.1,
            "ball_ratio": 0.01, "jacobian_log": 0.2, "plain_jacobian_log": 0.1},
    straight=(*HELD, *FAILED, "jacobian_log", "plain_jacobian_log"))  # fmt: skip


def broken(metric: str) -> Any:
    """A world in which something fails at one size of one seed."""

    def fails(seed: int) -> list[float]:
        return [float(seed > 0), *ONES[1:]]

    return lambda rng: Evidence(tuple((p, {**v, metric: fails(p["seed"])}) for p, v in WORLD(rng).rows))


def keeping(chance: float) -> Any:
    """A world in which each of the 200 draws of an activation has this chance to keep half of the eigenvalue."""
    return lambda rng: WORLD.but(kept=rng.binomial(200, chance) / 10)(rng)


def constant(activation: str, called: str) -> Claim:
    """Kappa does not depend on n, for one activation."""
    world = WORLD.but(activation=(activation,))
    return Claim(
        f"constant-{activation}", "For generic data (uniform on the sphere) kappa scales like a constant: it does not "
        f"depend on n, from n = d to the order of d^2 ({called}).", ("L9",), TALK,
        per_seed(window_slope, "slope of log kappa over log n at the sizes d <= n <= d^2/4", line("kappa"), grid("rows"),
                 per_feature).within(-SLOPE, SLOPE), arm(f"activation {called}", activation=activation),
        Control("Rows that are not generic, in 6 of the d dimensions: kappa grows.",
                arm(f"rows in 6 dimensions, {called}", metrics={"kappa": "flat_kappa"}, activation=activation)),
        (UNIFORM, SPAN), chart="kappa", null=(world.but(kappa=power(SLOPE)), world.but(kappa=power(-SLOPE))),
        effect=world.but(kappa=power(0.05)))  # fmt: skip


CLAIMS = (
    Claim("gram-limit", "The covariance Sigma(X) = E[phi'(Xw) phi'(Xw)^T] o XX^T is the limit of J J^T / |v|^2 at "
          "infinite width.", ("L7",), TALK,
          line("gram_error", "difference of entries from the closed form, times sqrt(k), over its largest entry").top()
          .at_most(SPREAD), arm("Gram matrix of k random units"),
          Control("Absolute values of the weights in place of the weights.",
                  arm("absolute values of the weights", metrics={"gram_error": "folded_error"})),
          null=(WORLD.but(gram_error=[SPREAD] * 8, level=0.1, spread={"gram_error": 0.0}),), effect=WORLD),
    Claim("hermite-lemma", "Sigma(X) is at least (E phi'')^2 (XX^T) o (XX^T) as a matrix, and equals its Hermite "
          "series.", ("L8",), TALK,
          share("lemma_held", "Sigma's smallest eigenvalue is at least (E phi'')^2 times that of (XX^T) o (XX^T), up to "
                "n times 2.2e-16 of the largest").at_least(1)
          & share("series_held", "20 terms differ from an independent value by at most the tail and 1e-10").at_least(1),
          kind="check", chart="eigenvalue", null=(broken("lemma_held"), broken("series_held")), effect=WORLD,
          control=Control("The inequality with E phi'^2, the slope's whole weight, in place of (E phi'')^2: too much.",
                          rule=share("full_held", "the bound with E phi'^2 holds").at_least(1))),
    *(constant(*one) for one in zip(ACTIVATIONS, ("ReLU", "softplus", "GELU", "tanh", "sin(2z)"), strict=True)),
    Claim("images", "Uncentred images are badly conditioned: kappa explodes, and centring cures it.", ("L9",), TALK,
          line("uncentred_ratio", "kappa of uncentred rows over that of the same rows centred before")
          .last.geometric().at_least(WORSE), arm("rows divided by their norms"),
          Control("Rows on the sphere, as many and as long, before and after centring.",
                  arm("rows on the sphere", metrics={"uncentred_ratio": "ball_ratio"})), (IMAGES,), chart="images",
          null=(WORLD.but(uncentred_ratio=[WORSE] * 8, spread={"uncentred_ratio": 0.2}),), effect=WORLD),
    Claim("jacobian", "The Jacobian is the row-wise Khatri-Rao product of phi'(XW^T) diag(v) and X, and "
          "J J^T = [phi'(XW^T) diag(v)^2 phi'(XW^T)^T] o XX^T.", ("L16",), TALK,
          scalar("jacobian_log", "relative difference from automatic differentiation in float64, of J or J J^T, "
                 "whichever is larger, as a power of ten").at_most(EXACT),
          kind="check", null=(WORLD.but(jacobian_log=-9.5),), effect=WORLD,
          control=Control("The formula without diag(v)^2, as the slides print it, for output weights that differ.",
                          arm("without diag(v)^2", metrics={"jacobian_log": "plain_jacobian_log"}))),
    Claim("schur", "For positive semi-definite A and B: lambda_min(A o B) >= min B_ii lambda_min(A), and "
          "lambda_max(A o B) <= max B_ii lambda_max(A).", ("L17",), TALK,
          share("schur_held", "both bounds hold in both orders, up to 1e-12 of the norms").at_least(1),
          arm("A = E[phi' phi'^T] and B = XX^T"), kind="check", chart="eigenvalue", null=(broken("schur_held"),),
          control=Control("The lower bound for B = XX^T with its diagonal removed, which is not positive semi-definite.",
                          arm("B without its diagonal", metrics={"schur_held": "minus_held"})), effect=WORLD),
    Claim("concentration", "At k of the order of |X|^2 log(n) / lambda units the smallest eigenvalue of J J^T is at "
          "least half of its limit k nu^2 lambda.", ("L18",), TALK,
          share_of_trials(scalar("kept"), DRAWS, "share of the draws with at least half of the limit's eigenvalue, at "
                          "k = 8 B1^2 |X|^2 log(n/0.05) / lambda units").at_least(KEPT),
          arm("as many rows as features, the width of the matrix Chernoff bound"),
          Control("The same at k = n/d units, where J has as many columns as rows.",
                  arm("as many rows as features, n/d units", metrics={"kept": "starved"})),
          (MANY,), chart="width", note=_pessimism, null=(keeping(KEPT),), effect=keeping(0.999)))  # fmt: skip

CHARTS = charts(
    {"ratio": "rows per feature n/d", "rows": "rows n"}, ("activation", "activation"),
    kappa=("Conditioning of the data", "log kappa = sqrt(d/n) |X| / smallest eigenvalue",
           {"kappa": "kappa", "theory_kappa": "-theory: constant from n = d on"},
           "The slides say that generic data have a kappa that does not depend on n between d and about d^2. The line is "
           "each run's own kappa at n = d."),
    eigenvalue=("The smallest eigenvalue and its lower bounds", "log smallest eigenvalue of the covariance",
                {"smallest": "smallest eigenvalue", "proved": "-proved in float64",
                 "hermite": "-theory: 20 Hermite terms and the rest",
                 "lemma": "-theory: the two-factor term alone (the lemma)", "schur": "-theory: Schur"},
                "The lemma is empty for odd activations (tanh, sine2): E phi'' is 0. Bounds of zero are not drawn."),
    width=("From infinite width to k units", "smallest eigenvalue of J J^T / |v|^2 over its limit",
           {"kept_mean": "mean over draws", "kept_low": "lowest twentieth of the draws",
            "half": "-theory: half, promised at the matrix Chernoff width"},
           "At n = d rows, up to the width that the matrix Chernoff bound asks.", {"x": {"width": "hidden units k"}}),
    images=("Images as they are, and centred", "log kappa",
            [Series(metric, label, where={"data": "digits"}) for metric, label in
             {"kappa": "centred and divided by their norms", "uncentred_kappa": "divided by their norms only",
              "raw_kappa": "as they are"}.items()],
            "Pixels are not negative, so one direction carries most of every image."))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Eigenvalues, Hermite series and Monte-Carlo Gram matrices of every size, then widths at n = d."""
    digits, act, units = cell["data"] == "digits", cell["activation"], cell["units"]
    d = 64 if digits else cell["d"]
    sizes = [max(2.0, ratio * d) for ratio in cell["ratio"]]
    matrices, series = 12 if digits else 7, 1900 if act in ("relu", "sine2") else 7700
    flops = sum(matrices * (13 * n**3 + series * n**2) + units * n * (6.4 * n + 1280) for n in sizes)
    wide = {"relu": 1e3, "softplus": 5e3, "gelu": 1.6e3, "tanh": 2.2e3, "sine2": 450}[act] * d / 40
    flops += cell["draws"] * wide * (12 if digits else 1) * d * (3.2 * d + 1280)
    return computed(flops, 3e7 + 14 * max(sizes) ** 2 + 3 * max(sizes) * units)


STUDY = study(
    name="kernel-conditioning", title="How well conditioned data are for a wide two-layer network",
    question="Do the data let a wide network fit any labels, how well, and does that depend on how many rows there are?",
    x="rows", sources=(TALK, "oymak2020", "tropp2012"), axes=AXES, profiles=PROFILES,
    work=later("overparam.studies.kernel_conditioning_work:solve"), estimate=estimate, stack_limit=1, claims=CLAIMS,
    charts=CHARTS,
    values=(*HELD, *FAILED, "rows", "ratio", "features", "offset", "kappa", "theory_kappa", "flat_kappa", "singular",
            "smallest", "proved", "norm", "hermite", "lemma", "schur", "gram_error", "folded_error", "jacobian_log",
            "plain_jacobian_log", "raw_kappa", "uncentred_kappa", "ball_kappa", "ball_centred_kappa", "uncentred_ratio",
            "ball_ratio", "width", "kept_mean", "kept_low", "half", "chernoff", "kept", "starved", "drawn", "needed",
            "pessimism"),
    differences=(
        "The slides print the Hermite lemma with an equals sign and mu_2; read here as 'at least, as matrices' and mu_1 "
        "= E phi'', counting from 0 as the slide's own sum does.",
        "The slides define Sigma by (1/k) E[J J^T], and drop the output weights from J J^T: right for output weights +1 "
        "and -1 only. Here J J^T keeps them and is divided by |v|^2.",
        "'Scales like a constant' has no numbers in the slides; the cut-off 0.15 on the slope of log kappa is ours, as "
        "is the window d <= n <= d^2/4.",
        "The width at which the Gram matrix concentrates has no constant in the slides; matrix Chernoff gives 8.",
        "Rows of all sizes are nested in one draw: sizes are not independent.",
        "Digits are centred with the mean of all 1,200 training images and divided by their norms; the sources speak of "
        "unit rows only. Sizes beyond 1,200 are left out.",
        "A smallest eigenvalue below its rounding is replaced by that rounding in kappa, which is then a lower bound.",
    ))  # fmt: skip
