"""Sample-wise double descent in closed form: a model of fixed size N, ever more samples, with tuned ridge beside it."""

from __future__ import annotations

import math
from typing import Any

from overparam.core import (FRESH, N_TEST, NOISE, SEED, Axis, Claim, Control, Estimate, Outcome, Params, Progress, UsageError,
    World, arm, around, charts, computed, each_cell, grid, line, outcome, planned, profiles, renamed, study)  # fmt: skip

PERCENT = (10, 15, 20, 25, 35, 50, 60, 70, 80, 86, 90, 94, 97, 100, 103, 106, 110, 116, 125, 150, 200, 250, 300, 400,
           500)  # fmt: skip
PENALTIES = tuple(10.0 ** (k / 4) for k in range(-32, 17))  # 1e-8 to 1e4 of the mean squared feature length
FLOOR = 1e-9  # of the initial loss; a smaller training loss is rounding


def samples(features: int) -> tuple[int, ...]:
    """Numbers of samples from 0.1 N to 5 N, dense around N."""
    return tuple(features * p // 100 for p in PERCENT)


AXES = (
    Axis("data", "gaussian: linear regression on N standard normal features. Any other data set: classification with N "
         "random Fourier features of it.", str, "gaussian", flag="data"),
    Axis("features", "Number of features N, the size of the model.", int, 300, low=2, flag="features"),
    Axis("n", "Numbers of training samples, all in one cell.", int, samples(300), low=2, inside_cell=True, flag="n"),
    Axis("noise", "Standard deviation of the noise in the targets of linear regression; the signal has variance 1.",
         float, 0.5, low=0.0, flag="noise"),
    NOISE.but(name="label_noise", help="Share of training labels replaced by a class drawn from all.", default=0.0),
    N_TEST.but(help="Most test samples used, for classification; 0 means all."),
    SEED.but(help="Draws the samples, the coefficients, the noise and the random features."))  # fmt: skip

PROFILES = profiles(
    {"features": 300, "n": samples(300), "noise": 0.5, "label_noise": 0.0, "n_test": 0, "seed": planned(20)},
    quick=("300 features, 30 to 1,500 samples: linear regression, Fourier features on digits, 10 seeds: under a minute",
           {"data": ("gaussian", "digits"), "seed": planned(10)}),
    laptop=("the same with 20 seeds, and MNIST-1D", {"data": ("gaussian", "digits", "mnist1d")}),
    paper=("1,000 features (as in Nakkiran 2019), 100 to 5,000 samples, linear regression and Fourier features on "
           "MNIST, 20 seeds", {"data": ("gaussian", "mnist"), "features": 1000, "n": samples(1000)}))  # fmt: skip

# what is measured: the squared test loss over n/N, one line a seed
ratio, loss = grid("n", per="features", words="n/N"), line("test_loss", "squared test loss")
RIDGE = arm("ridge with the penalty of smallest leave-one-out error", metrics=renamed("ridge_", "test_loss"))
GRID = (around(ratio.between(0.8, 1.25), points=5, near=1.0),)


def curve(height: float = 0.0, at: float = 1.0, jump: float = 1.0) -> list[float]:
    """Falls with the samples; the logarithm has a hill at a ratio, or the curve jumps by a factor above N."""
    falling = [(p / 100) ** -0.4 * (jump * 1.03**0.4 if jump > 1 and p > 100 else 1.0) for p in PERCENT]
    hill = [height * math.exp(-((math.log(p / 100 / at) / 0.08) ** 2)) for p in PERCENT]
    return [y * math.exp(h) for y, h in zip(falling, hill, strict=True)]


# planted worlds: cells in which a statement is true by a hair or plainly, with the noise of seeds 0 to 9
FLAT = [1.0] * len(PERCENT)
WORLD = World(("n", samples(300)), lines={"test_loss": curve(3.0), "ridge_test_loss": curve()}, fixed={"features": 300},
              spread={"test_loss": 0.3, "ridge_test_loss": 0.03}, level=0.04, seeds=20)  # fmt: skip
WIDE = WORLD.but(spread={"test_loss": 2.0})  # at N single draws scatter over decades
TWICE, FAR_MORE = (WIDE.but(test_loss=curve(math.log(times * 4**0.4))) for times in (2, 20))  # at N, over N/4

SCOPE = (
    "Nakkiran 2019 shows it for linear regression on Gaussian inputs, Nakkiran et al. 2020 for convolutional networks and "
    "Transformers, without numbers for place or height.",
    "Here: closed forms, with Gaussian inputs and with random Fourier features of digits and MNIST-1D.",
)
V = "before seeds 100 and up:"
CLAIMS = (
    Claim("peak", "For a model of fixed size N the test loss peaks where the number of samples equals N.", ("L53", "L54"),
          "nakkiran2020", loss.peak_place(ratio).within(0.9, 1.1), needs=GRID, chart="loss", form="equal", scope=SCOPE,
          control=Control("Tuned ridge on the same samples: no peak at N.", RIDGE),
          history=(f"version 2, {V} the band of 10 % is ours and contradicts no one.",),
          null=(WORLD.but(test_loss=curve(4.0, 1.16)), WORLD.but(test_loss=curve(4.0, 0.86))), effect=WORLD),
    Claim("more-data-hurts", "More samples can make the test loss worse, with everything else the same: as many as "
          "parameters, against a quarter.", ("L53", "L54"), "nakkiran2019",
          (loss.at(ratio.near(1)) / loss.at(ratio.near(0.25))).at_least(2.0), needs=GRID, chart="loss", form="exists",
          scope=SCOPE, control=Control("Tuned ridge on the same samples: four times the samples do not cost.", RIDGE),
          history=("version 2, changed after a first quick run: reading each seed at the places of all others supported "
                   "12 of 200 planted flat lines; half of the seeds now choose, the other half is read. The cut-off is "
                   "as it was, and the claim was supported under both.",
                   f"version 3, {V} read at N and N/4, one statement with the former `height`; twice is ours, and nothing "
                   "contradicts that it can happen."), null=(TWICE,), effect=FAR_MORE),
    Claim("ridge", "With tuned ridge regularisation more samples never hurt: around n = N the peak is gone.",
          ("L53", "L54"), "nakkiran2021",
          loss.inside(ratio.between(0.5, 2)).climbs(factor=True).at_most(1.10).contradicted(above=1.0), RIDGE,
          Control("The minimum-norm solution under the same rule: it rises.", arm("minimum norm")), GRID, chart="loss",
          form="direction", scope=(
              "Nakkiran et al. 2021 prove it for linear regression on isotropic Gaussian inputs with the best penalty, in "
              "expectation, and find it for random features and networks.",
              "Here: the penalty of smallest leave-one-out error on a grid."),
          history=(f"version 2, {V} every pair of numbers of samples from N/2 to 2 N is judged in place of the largest climb of "
                   "the mean; any rise contradicts, 10 % is ours for support.",),
          null=(WORLD.but(ridge_test_loss=curve(jump=1.10)),), effect=WORLD.but(ridge_test_loss=curve(jump=1.02)),
          limit=(WORLD.but(ridge_test_loss=FLAT),), against=WORLD.but(ridge_test_loss=curve(0.5))),
)  # fmt: skip

SQUARED, PLAIN, TUNED = "log squared loss, summed over outputs", "test, minimum norm", "test, tuned ridge"
CHARTS = charts(
    {"n": "training samples n", "ratio": "training samples per feature n/N"},
    loss=("Test loss as samples are added", SQUARED,
          {"test_loss": PLAIN, "ridge_test_loss": TUNED, "theory_test_loss": "-theory: exact expectation, minimum norm"},
          "The theory line is an expectation for linear regression, infinite at |n - N| <= 1. Measured lines are "
          "geometric means over seeds, which lie below it near N, where single draws scatter over decades."),
    error=("0-1 error as samples are added", "fraction of samples misclassified",
           {"test_error": PLAIN, "ridge_test_error": TUNED}, "Classification only; no claim is made on it."),
    training=("Training loss as samples are added", SQUARED, {"train_loss": "training, minimum norm"},
              "A training loss below 1e-9 of its initial value is rounding and drawn there."),
    norm=("Norm of the coefficients", "log Frobenius norm", {"norm": "minimum norm"}))  # fmt: skip


@each_cell
def work(cell: Params, progress: Progress) -> Outcome:
    """Solve every number of samples of one cell: minimum norm, and ridge tuned by leave-one-out error."""
    import numpy as np

    from overparam.theory.belkin2020 import weak_features_risk
    from overparam.training.closed_form import min_norm, ridge

    size, regression = cell["features"], cell["data"] == "gaussian"
    x, y, x_test, y_test, note = problem(cell)
    scale, least = (size, cell["noise"] ** 2) if regression else (1.0, 0.0)  # the test loss is exact, see below
    sizes, rows, unit = [n for n in cell["n"] if n <= len(x)], [], np.full(size, size**-0.5)
    for n in sizes:
        both = (lambda a, b, n=n: x[:n, a:b]), (lambda a, b: x_test[:, a:b]), y[:n], y_test, [size]
        (plain,), (tuned,) = min_norm(*both), ridge(*both, PENALTIES)
        found = {
            "n": n, "ratio": n / size, "norm": plain.norm, "rank": plain.rank, "ridge_penalty": tuned.penalty,
            "train_loss": max(plain.train_loss, FLOOR * float((y[:n] ** 2).sum(axis=1).mean())),
            "test_loss": scale * plain.test_loss + least, "ridge_test_loss": scale * tuned.test_loss + least}  # fmt: skip
        if regression:  # the exact expected risk
            found["theory_test_loss"] = weak_features_risk(unit, n, [size], noise=least).item()
        else:
            found |= {"test_error": plain.test_error, "ridge_test_error": tuned.test_error}
        rows.append(found)
        progress(len(rows) / len(sizes))
    return outcome({name: [row[name] for row in rows] for name in rows[0]}, digits=7, note=note)


def problem(cell: Params) -> tuple[Any, Any, Any, Any, str]:
    """Features and targets of all samples, those of the test, and what was left out.

    Linear regression: y = <b, x> + noise, x ~ N(0, I), b uniform on the unit sphere. The test loss is |c - b|^2 plus the
    noise variance, so the "test samples" are the unit vectors, with targets b.
    """
    import numpy as np

    from overparam.data import flatten, label_noise, load, subset
    from overparam.data.stream import stream
    from overparam.models.random_features import RandomFeatures, fourier_scale

    size, seed, most = cell["features"], cell["seed"], cell["n"][-1]
    if cell["data"] == "gaussian":
        random = stream("sample-descent", seed)
        x = load(f"gaussian:n={most},d={size},n_test=1,seed={seed}").x.astype(np.float64)
        b: Any = random.standard_normal(size)
        b /= np.linalg.norm(b)
        return x, (x @ b + cell["noise"] * random.standard_normal(most))[:, None], np.eye(size), b[:, None], ""
    whole = flatten(load(cell["data"]))
    sizes = [n for n in cell["n"] if n <= whole.n]
    if not sizes:
        raise UsageError(f"--n: expected some number of samples up to {whole.n:,}, all that {whole.title} has, got "
                         f"{cell['n'][0]:,} and more.")  # fmt: skip
    labels, _ = label_noise(whole.y, cell["label_noise"], whole.classes, seed=seed)
    order = stream("sample-descent-rows", seed).permutation(whole.n)[: sizes[-1]]
    tested = subset(whole, whole.n, min(cell["n_test"] or whole.n_test, whole.n_test), seed=seed)
    x, x_test = whole.x[order].astype(np.float64), tested.x_test.astype(np.float64)
    phi, one_hot = RandomFeatures("fourier", whole.features, seed, fourier_scale(x)), np.eye(whole.classes)
    left_out = len(cell["n"]) - len(sizes)
    note = f"{whole.title} has {whole.n:,} samples: {left_out} larger numbers were left out" if left_out else ""
    return phi(x, 0, size), one_hot[labels[order]], phi(x_test, 0, size), one_hot[tested.y_test], note


def estimate(cell: Params) -> Estimate:
    """An eigendecomposition of an n x n matrix a number of samples."""
    from overparam.data import shape_of

    size, regression = cell["features"], cell["data"] == "gaussian"
    outputs, most, tests = (1, max(cell["n"]), size) if regression else shape_of(cell["data"])[1:4]
    sizes = [n for n in cell["n"] if n <= most] or [cell["n"][0]]
    flops = sum(9 * n**3 + n * n * (4 * size + 300 * outputs) + 4 * tests * size * outputs for n in sizes)
    held = max(sizes) * (3 * max(sizes) + 100 * outputs + 2 * size) + 2 * tests * size
    return computed(flops, held, speed=0.75)


STUDY = study(
    profile_history=(FRESH,),
    name="sample-descent", title="Sample-wise double descent in closed form",
    question="Can more training samples make a model of fixed size worse?",
    x="n", sources=("nakkiran2020", "nakkiran2019", "nakkiran2021", "belkin2020"), stack_limit=1,
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=work, estimate=estimate,
    values=("n", "ratio", "train_loss", "test_loss", "test_error", "theory_test_loss", "norm", "rank",
            *(f"ridge_{name}" for name in ("test_loss", "test_error", "penalty"))),
    differences=(
        "Nakkiran et al. 2020 train five-layer convolutional networks with 20 % label noise and Transformers; these "
        "are closed forms. The study sample-descent-mlp trains a small network.",
        "Nakkiran 2019 uses linear regression with 1,000 features (recalled); quick and laptop use 300.",
        "The coefficients of linear regression are a random direction of length 1, the noise has standard deviation "
        "0.5, and the test loss is exact for each draw: squared distance from the coefficients plus noise variance.",
        "Samples of one seed are nested: a larger training set contains every smaller one.",
        "Tuned ridge takes the penalty of smallest leave-one-out error, not the best one in hindsight.",
        "Numbers of samples that a data set does not have are left out, and the cell says so.",
        "Fourier features are N real cosines with a random phase; their scale is 2 over the samples' median distance; "
        "targets are one-hot and not centred."))  # fmt: skip
