"""Bias, variance and noise: the parts of the error against the size of a model, classical and modern regime side by side.

Random features fitted by least squares, and trained networks against width and against depth. Many fits of each size, on
training sets without common rows and from several starts, give the parts by an unbiased estimator.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DATA, N, NOISE, RATE, STEPS, Axis, Check, Claim, Control, Estimate, Hero, Params,
    Progress, Series, UsageError, World, arm, batch_fits, charts, each_cell, grid, line, lost_in, need, outcome,
    planned, profiles, study)  # fmt: skip

FEATURES, WIDTHS, DEPTHS = (
    (10, 20, 40, 80, 120, 160, 240, 400, 800, 2000),
    (2, 4, 8, 16, 32, 64, 128, 256),
    (1, 2, 3, 5, 8),
)
FAMILIES = {"features": "random features", "width": "networks against width", "depth": "networks against depth"}
AXES = (
    DATA.but(help="Data set, or a path to one.", default="digits"),
    Axis("family", "Random features fitted by least squares, or trained networks against width or depth.", str, "features",
         choices=tuple(FAMILIES)),
    N.but(help="Samples of one training set.", default=200),
    Axis("sets", "Training sets without common rows; all together have at most as many rows as there are.", int, 4,
         low=2, high=100),
    Axis("starts", "Fits of each training set, each with its own weights.", int, 2, low=1, high=100),
    NOISE.but(help="Share of labels that are replaced by a draw from all classes.", default=0.2),
    Axis("features", "Numbers of random features, in one cell.", int, FEATURES, low=1, inside_cell=True),
    Axis("widths", "Hidden units of a two-layer network, in one cell.", int, WIDTHS, low=1, inside_cell=True),
    Axis("depths", "Hidden layers, in one cell.", int, DEPTHS, low=1, high=50, inside_cell=True),
    Axis("deep_width", "Units of each layer where the depth varies.", int, 32, low=1),
    STEPS.but(help="Steps of Adam.", default=1500), BATCH.but(default=50), RATE.but(help="Learning rate of Adam.", default=3e-3),
    Axis("seed", "Draws training sets, label noise, initial weights and minibatches.", int, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"family": tuple(FAMILIES), "seed": planned(8)},
    quick=("digits, 4 training sets of 200 samples, 20 % label noise; 10 numbers of features, 5 widths, 3 depths, 8 seeds",
           {"widths": (2, 8, 16, 32, 128), "depths": (1, 2, 5), "steps": 1000}),
    laptop=("the same at 8 widths and 5 depths", {}),
    paper=("MNIST, 5 training sets of 2,000 samples, to 20,000 features, 1,024 units and 11 layers; the source states the "
           "decomposition without an experiment: hours",
           {"data": "mnist", "n": 2000, "sets": 5, "features": (50, 100, 200, 400, 800, 1200, 1600, 2400, 4000, 8000, 20_000),
            "widths": (*WIDTHS, 512, 1024), "depths": (1, 2, 3, 5, 8, 11), "deep_width": 128, "steps": 20_000}))  # fmt: skip

size = grid("size", words="size")
risk, bias, variance = (line(name, words) for name, words in (
    ("risk", "squared error to the mean label"), ("bias", "squared bias"), ("variance", "variance")))  # fmt: skip
wrong = line("risk_01", "excess 0-1 error", "points", 100)
votes = line("variance_01", "variance of the 0-1 error")
fit = line("train_loss", "squared training error")
summed, seen = (
    line("total", "squared bias, variance and noise together"),
    line("drawn", "squared error on drawn labels"),
)
RF, NETS, DEEP = (arm(words, family=name) for name, words in FAMILIES.items())
FITTED = 1e-6
THRESHOLD, DIP, BEND = fit.first_at_most(FITTED), size.nearest(80), size.nearest(16)
FLOOR = 1e-4  # a part that its estimator puts below this counts as this, so that it has a logarithm
B, V = bias.floor(FLOOR), variance.floor(FLOOR)
GAIN, HALF = 1.5, 2.0


def _crosses(view: Any) -> Check:
    mean = view.on(view.arm, frozenset({"train_loss"})).line("train_loss").y.mean(axis=0)
    fitted = [i for i, one in enumerate(mean) if one <= FITTED]
    ok = bool(fitted) and 2 <= fitted[0] < len(mean) - 1
    return Check(
        ok,
        f"{len(fitted)} of {len(mean)} sizes fit the training sets; asked: the last two, and not the first two",
    )


CROSSES = need("both regimes", "The sizes reach from below the interpolation threshold (mean squared training error at most "
               "1e-6) to beyond it, by two sizes each.", _crosses, values=("train_loss",))  # fmt: skip
PARTS = ("risk", "bias", "variance", "risk_01", "train_loss", "total", "drawn", "no_variance", "variance_01")
RF_WORLD = World(
    ("size", FEATURES), fixed={"family": "features"}, seeds=8, level=0.05, spread=dict.fromkeys(PARTS, 0.1) | {"risk_01": 0.04},
    lines={"risk": [0.47, 0.41, 0.38, 0.5, 0.84, 2, 2.75, 0.85, 0.53, 0.43],
           "train_loss": [0.7, 0.6, 0.5, 0.3, 0.2, 0.08, *[1e-9] * 4],
           "bias": [0.34, 0.24, 0.16, 0.105, 0.08, 0.065, 0.07, 0.065, 0.065, 0.06],
           "variance": [0.135, 0.17, 0.22, 0.39, 0.76, 1.95, 2.7, 0.78, 0.47, 0.36],
           "risk_01": [0.42, 0.28, 0.2, 0.2, 0.26, 0.39, 0.44, 0.26, 0.205, 0.18],
           "total": [1.0] * 10, "drawn": [1.0] * 10, "no_variance": [0.5] * 10})  # fmt: skip
TIGHT = RF_WORLD.but(spread=dict.fromkeys(PARTS, 0.02), level=0.0)
AT = (2, 8, 16, 32, 128)
NET_WORLD = World(
    ("size", AT), fixed={"family": "width"}, seeds=8, level=0.03, spread=dict.fromkeys(PARTS, 0.05),
    lines={"risk": [0.56, 0.49, 0.41, 0.50, 0.58], "bias": [0.48, 0.28, 0.11, 0.064, 0.053],
           "variance": [0.08, 0.21, 0.30, 0.43, 0.53], "risk_01": [0.66, 0.46, 0.22, 0.19, 0.2],
           "train_loss": [0.8, 0.6, 0.3, 0.1, 0.01],
           "total": [1.0] * 5, "drawn": [1.0] * 5, "no_variance": [0.5] * 5})  # fmt: skip
DEEP_WORLD = NET_WORLD.but(over=("size", (1, 2, 5)), fixed={"family": "depth"}, lines={
    "risk": [0.5, 0.52, 0.55], "bias": [0.064, 0.06, 0.05], "variance": [0.43, 0.45, 0.38], "risk_01": [0.19, 0.2, 0.25],
    "variance_01": [0.17, 0.21, 0.26],
    "train_loss": [0.1, 0.05, 0.02], "total": [1.0] * 3, "drawn": [1.0] * 3, "no_variance": [0.5] * 3})  # fmt: skip
L46, PAPER = ("L46",), "he2021"
SCOPE = (
    "The source states the decomposition and the U of conventional wisdom for models in general, without an experiment; it "
    "goes on to say that over-parametrization helps.",
    "Here digits with 20 % label noise and three families of models; factors are ours, and only the other side of 1 "
    "contradicts.")  # fmt: skip


def change(values: list[float], **at: float) -> list[float]:
    """A line with other values at some places, ``at3=0.5``."""
    return [at.get(f"at{i}", one) for i, one in enumerate(values)]


def flat(world: World, name: str) -> World:
    """A world in which a line does not change."""
    return world.but(**{name: [0.2] * len(world.lines[name])})


BIAS, VARIANCE, ERROR = (RF_WORLD.lines[name] for name in ("bias", "variance", "risk_01"))
NET_RISK = NET_WORLD.lines["risk"]
U_RF = (wrong.first - wrong.at(DIP)).at_least(0.0) & (wrong.at(THRESHOLD) - wrong.at(DIP)).at_least(0.0)
U_NETS = (risk.first - risk.at(BEND)).at_least(0.0) & (risk.last - risk.at(BEND)).at_least(0.0)
NO_U = "The squared bias alone, under the same rule: it does not rise again."
CLAIMS = (
    Claim("features-bias", "Random features: up to the interpolation threshold the bias falls as features are added.", L46, PAPER,
          (B.first / B.at(THRESHOLD)).at_least(GAIN).contradicted(below=1.0), RF, Control("The variance, under the same rule.",
          rule=(V.first / V.at(THRESHOLD)).at_least(GAIN)), (CROSSES,), chart="squared", form="direction", scope=SCOPE,
          null=(RF_WORLD.but(bias=change(BIAS, at6=0.34 / GAIN)),), effect=RF_WORLD,
          limit=(RF_WORLD.but(bias=change(BIAS, at6=0.34)),), against=RF_WORLD.but(bias=change(BIAS, at6=0.6))),
    Claim("features-variance", "Random features: up to the interpolation threshold the variance rises as features are added.",
          L46, PAPER, (V.at(THRESHOLD) / V.first).at_least(GAIN).contradicted(below=1.0), RF,
          Control("From the threshold to the most features, under the same rule: it falls.",
                  rule=(V.last / V.at(THRESHOLD)).at_least(GAIN)), (CROSSES,), chart="squared", form="direction", scope=SCOPE,
          null=(RF_WORLD.but(variance=change(VARIANCE, at6=0.135 * GAIN)),), effect=RF_WORLD,
          limit=(RF_WORLD.but(variance=change(VARIANCE, at6=0.135)),), against=RF_WORLD.but(variance=change(VARIANCE, at6=0.07))),
    Claim("features-u", "Random features: up to the interpolation threshold the 0-1 error has the shape of a U.", L46, PAPER,
          U_RF.contradicted(below=0.0), RF, Control(NO_U, RF.but("random features, squared bias", metrics={"risk_01": "bias"})),
          (CROSSES,), chart="regimes", form="direction", scope=SCOPE,
          null=(RF_WORLD.but(risk_01=change(ERROR, at0=0.2)), RF_WORLD.but(risk_01=change(ERROR, at6=0.2))), effect=RF_WORLD,
          limit=(RF_WORLD.but(risk_01=change(ERROR, at0=0.2)), RF_WORLD.but(risk_01=change(ERROR, at6=0.2))),
          against=RF_WORLD.but(risk_01=change(ERROR, at6=0.1))),
    Claim("features-modern", "Random features: does the variance fall again beyond the threshold, to a half or less?", L46, PAPER,
          (V.at(THRESHOLD) / V.last).at_least(HALF), RF, Control("Before the threshold, under the same rule.",
          rule=(V.first / V.at(THRESHOLD)).at_least(HALF)), (CROSSES,), chart="squared", kind="question",
          null=(RF_WORLD.but(variance=change(VARIANCE, at9=1.35)),), effect=RF_WORLD),
    Claim("features-below", "Random features: do the most features err less than the best before the threshold?", L46, PAPER,
          (wrong.at(DIP) - wrong.last).at_least(0.0), RF, Control("Just beyond the threshold, under the same rule.",
          rule=(wrong.at(DIP) - wrong.at(THRESHOLD.step(1))).at_least(0.0)), (CROSSES,), chart="regimes", kind="question",
          null=(RF_WORLD.but(risk_01=change(ERROR, at9=0.2)),), effect=RF_WORLD.but(risk_01=change(ERROR, at9=0.17))),
    Claim("width-bias", "Trained networks: the bias falls with the width.", L46, PAPER,
          (B.first / B.last).at_least(GAIN).contradicted(below=1.0), NETS, Control("The variance, under the same rule.",
          rule=(V.first / V.last).at_least(GAIN)), chart="squared", form="direction", scope=SCOPE,
          null=(NET_WORLD.but(bias=[0.48, 0.45, 0.4, 0.35, 0.32]),), effect=NET_WORLD, limit=(flat(NET_WORLD, "bias"),),
          against=NET_WORLD.but(bias=[0.2, 0.21, 0.22, 0.25, 0.26])),
    Claim("width-variance", "Trained networks: the variance rises with the width.", L46, PAPER,
          (V.last / V.first).at_least(GAIN).contradicted(below=1.0), NETS, Control("The bias, under the same rule.",
          rule=(B.last / B.first).at_least(GAIN)), chart="squared", form="direction", scope=SCOPE,
          null=(NET_WORLD.but(variance=[0.2, 0.22, 0.25, 0.28, 0.3]),), effect=NET_WORLD,
          limit=(flat(NET_WORLD, "variance"),), against=NET_WORLD.but(variance=[0.2, 0.19, 0.18, 0.17, 0.15])),
    Claim("width-u", "Trained networks: against the width the squared error has the shape of a U.", L46, PAPER,
          U_NETS.contradicted(below=0.0), NETS, Control(NO_U, NETS.but("networks against width, squared bias",
          metrics={"risk": "bias"})), chart="squared", form="direction", scope=SCOPE,
          null=(NET_WORLD.but(risk=change(NET_RISK, at0=0.41)), NET_WORLD.but(risk=change(NET_RISK, at4=0.41))), effect=NET_WORLD,
          limit=(NET_WORLD.but(risk=change(NET_RISK, at0=0.41)), NET_WORLD.but(risk=change(NET_RISK, at4=0.41))),
          against=NET_WORLD.but(risk=change(NET_RISK, at4=0.3))),
    Claim("depth-variance", "Does the variance of the 0-1 error rise with the depth, by a tenth or more?", L46, PAPER,
          (votes.last / votes.first).at_least(1.1), DEEP, Control("The variance of the squared error, under the same rule.",
          rule=(V.last / V.first).at_least(1.1)), chart="zero-one", kind="question",
          null=(DEEP_WORLD.but(variance_01=[0.17, 0.18, 0.187]),), effect=DEEP_WORLD),
    Claim("sum", "The error on labels drawn with the noise is squared bias, variance and noise together.", L46, PAPER,
          (seen.first / summed.first).within(0.9, 1.1) & (seen.last / summed.last).within(0.9, 1.1), arm(),
          Control("Without the variance, under the same rule.", arm("without the variance", metrics={"total": "no_variance"})),
          chart="squared", kind="check", effect=TIGHT, null=(TIGHT.but(drawn=[1.2] * 10),)),
)  # fmt: skip


PART_LABELS = {"risk": "bias + variance", "bias": "squared bias", "variance": "variance", "noise": "-noise"}
FEATURES_01 = tuple(Series(f"{name}_01", label.removeprefix("-"), label.startswith("-"), {"family": "features"})
                    for name, label in PART_LABELS.items())  # fmt: skip
CHARTS = charts(
    {"size": "size: features, hidden units or hidden layers"}, ("family", "models"),
    regimes=("Classical and modern regime: 0-1 error of random features and its parts", "share of samples", FEATURES_01,
             "Left of as many features as samples is the classical regime, right of it the modern one. Trained networks are in "
             "the next charts, against width and against depth.",
             {"fit": False, "x": {"size": "random features"}, "arm": ("", "")}),
    squared=("Squared error and its parts", "log squared error, summed over classes", PART_LABELS,
             "To the mean of the noisy label; the noise comes on top.", {"fit": False}),
    zero_one=("0-1 error and its parts", "share of samples", {f"{name}_01": label for name, label in PART_LABELS.items()},
              "The parts of Kohavi and Wolpert; the noise comes on top.", {"fit": False}),
    sources=("Where the variance comes from", "log variance, summed over classes",
             {"variance": "all", "variance_data": "the draw of the training set", "variance_seed": "the start and minibatches"},
             {"fit": False}),
    fit=("Training error", "log squared error on the given labels", {"train_loss": "training"}, {"fit": False}))  # fmt: skip


@each_cell
def work(cell: Params, progress: Progress) -> Any:
    """Every fit of one family on the training sets of one seed."""
    from overparam.studies.bias_variance_work import solve

    values = solve(cell, progress)
    return outcome(values, lost=lost_in(values))


def estimate(cell: Params) -> Estimate:
    """All fits of all sizes."""
    from overparam.data import load, shape_of
    from overparam.sweep.work import cost, dense

    shape, fits = shape_of(str(cell["data"])), cell["sets"] * cell["starts"]
    if cell["n"] < shape.classes:
        raise UsageError(
            f"--n: expected at least one sample for each of the {shape.classes} classes in a training set, got {cell['n']}. "
            "Ask for more."
        )
    if shape.train and cell["sets"] * cell["n"] > shape.train:
        raise UsageError(
            f"--n, --sets: expected at most the {shape.train:,} training samples of {cell['data']} together, got "
            f"{cell['sets']} x {cell['n']}. Ask for fewer."
        )
    if cell["noise"] >= 1:
        raise UsageError(
            "--noise: expected a share below 1, got 1: with every label drawn anew no class has a label of its own. Take less."
        )
    if str(cell["data"]).startswith("clusters"):
        load(cell["data"])  # refuses clusters that meet
    if cell["family"] == "features":
        products = sum(min(cell["n"], one) ** 2 * max(cell["n"], one) for one in cell["features"])
        return Estimate(0.3 + fits * products * 1.3e-9, 8.0 * (cell["n"] + shape.test) * max(cell["features"]))
    batch_fits(cell)
    deep = cell["family"] == "depth"
    layers = [(cell["deep_width"],) * k for k in cell["depths"]] if deep else [(k,) for k in cell["widths"]]
    sizes = [dense(shape.features, *hidden, shape.classes) for hidden in layers]
    return cost(cell, sizes, trained=fits, probes=2)


STUDY = study(
    name="bias-variance", title="Bias, variance and noise", x="size",
    question="How do bias and variance change with the size of a model, and when is the error a U?",
    sources=(PAPER, "kohavi1996", "yang2020", "neal2018"),
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    hero=Hero("regimes"), work=work, estimate=estimate, stack_limit=1,
    values=("size", "noise", "noise_01", "train_loss", "drawn", "drawn_01", "total", "no_variance",
            *(f"{name}{end}" for name in ("risk", "bias", "variance", "variance_data", "variance_seed") for end in ("", "_01"))),
    differences=(
        "The source states decomposition and U in words; data, models, noise and sizes are ours.",
        "Training labels are noisy, inclusive at 20 %; errors are to the mean of the noisy label, which is known, so bias has no "
        "noise in it. A clean label that is itself unsure counts as bias.",
        "The parts are unbiased for independent training sets. The sets of one seed have no rows in common and are drawn from "
        "one pool, as in Yang et al.; the pool and the test rows are the same for all seeds, so an interval does not cover it.",
        "For the 0-1 error the parts are those of Kohavi and Wolpert, which are half of those of one-hot predictions in squared "
        "loss; with Domingos' parts (main prediction) no unbiased estimator is known to us.",
        "Parts may come out below 0 by chance; for ratios they count as at least 0.0001.",
        "The interpolation threshold of random features is the first size whose mean squared training error is at most 1e-6. "
        "As many features as samples are left out: there the variance has no mean that a few seeds could find.",
        "Random features read inputs less their mean: on raw digits many are nearly dead, and a test row on which one is not "
        "decides the variance. Trained networks read digits as they are.",
        "Trained networks have a fixed number of steps of Adam, so the widest are near a fit and not at it.",
        "One width of 32 units where the depth varies."))  # fmt: skip
