"""What capacity bounds say of trained networks: VC dimension, norms and PAC-Bayes beside the measured error.

Two-layer networks that tell the upper from the lower half of the classes, at several widths. Each bound is read from the
network itself, which makes it smaller than a valid one: where it says nothing, a valid one says nothing either.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from overparam.core import (BATCH, DATA, N, RATE, STEPS, Axis, Claim, Control, Estimate, Hero, Params, UsageError, World, arm,
    batch_fits, charts, later, line, planned, profiles, study, worst)  # fmt: skip

QUICK, WIDTHS = (32, 64, 128, 512), (32, 64, 128, 256, 512, 1024, 2048)
AXES = (
    DATA.but(help="Data set of classes; the upper half of them is told from the lower.", default="digits"),
    N.but(help="Training samples; all others test.", default=1400),
    Axis("width", "Hidden units.", int, low=1, flag="widths"),
    Axis("labels", "Training labels: as given, or fair coins.", str, "given", choices=("given", "random")),
    STEPS.but(default=300), BATCH, RATE.but(default=0.1),
    Axis("seed", "Draws the training samples, weights, minibatches, random labels and the noise of the weights.", int, low=0,
         flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"labels": ("given", "random"), "seed": planned(8)},
    quick=("digits, 1,400 samples, 32 to 512 units, 8 seeds: a minute", {"width": QUICK}),
    laptop=("digits, 1,400 samples, 32 to 2,048 units, 8 seeds", {"width": WIDTHS}),
    paper=("MNIST, 55,000 samples, 32 to 2,048 units, as Dziugaite and Roy without their search for the best noise: "
           "hours",
           {"data": "mnist", "n": 55_000, "width": WIDTHS, "steps": 10_000}))  # fmt: skip

NAMES = {"vc": ("VC dimension", "bartlett2019"), "path": ("path norm", "neyshabur2015norm"),
         "frobenius": ("Frobenius norms", "golowich2018"), "spectral": ("spectral norms", "bartlett2017")}  # fmt: skip
bound = {
    name: line(name, f"bound by {words} on test less training error") for name, (words, _) in NAMES.items()
}
gap = line("gap", "test less training error (at least half a test sample)").floor(1e-9).floor(0.5, per="n_test")
pac = line("pac", "PAC-Bayes bound on the error with noisy weights")
error = line("test_error", "test error (at least half a sample)").floor(0.5, per="n_test")
GIVEN, COINS = arm("given labels", labels="given"), arm("random labels", labels="random")
LOOSE, NOTHING, SAYS, GUESS = 10.0, 1.0, 0.9, 0.5

WORLD = World(
    ("width", QUICK), apart=True, arms={"labels": ("given", "random")}, seeds=8, fixed={"n": 1400}, numbers={"n_test": 397},
    lines={"vc": [3.3] * 4, "path": [60.0, 100, 170, 300], "frobenius": [12.0, 18, 30, 60], "spectral": [4e3, 9e3, 1.6e4, 3e4],
           "gap": [0.015, 0.02, 0.022, 0.02], "pac": [0.6, 0.58, 0.57, 0.56], "test_error": [0.09, 0.06, 0.05, 0.045],
           "excess": [-0.3] * 4},
    spread={"path": 0.1, "frobenius": 0.1, "spectral": 0.1, "gap": 0.3, "pac": 0.03, "test_error": 0.1, "vc": 0.001},
    straight=("excess",), level=0.02)  # fmt: skip
SCOPE = (
    "The source says of known capacities that they are usually too loose to be useful for networks; no number is given.",
    "Here two-layer networks on digits; too loose is, for us, a bound of 1 or more in at least half of the seeds, and "
    "of ten times the gap.")  # fmt: skip


PRINTED = {  # as in the files of theory/
    "vc": "As printed (Bartlett et al. 2019, theorem 6): 2 sqrt(2 (ln S(2n) + ln(2/delta)) / n) with S(2n) at most (2en/h)^h or "
          "2^(2n), and h = L + sum_i W_i log2(4eR log2(2eR)).",
    "path": "As printed (Neyshabur et al. 2015, theorem 1): 2R/margin + 3 sqrt(ln(2/delta) / 2n) with R = 2^(d-1) |w|_path "
            "sqrt(4 ln(2D) / n) max |x|_inf.",
    "frobenius": "As printed (Golowich et al. 2018, theorem 1): 2R/margin + 3 sqrt(ln(2/delta) / 2n) with R = prod |W_j|_F "
                 "(sqrt(2d ln 2) + 1) sqrt(sum |x_i|^2) / n.",
    "spectral": "As printed (Bartlett et al. 2017, lemma A.8): 8/n + 72 |X|_F ln(2W) ln(n) R / (margin n) + 3 sqrt(ln(1/delta) / "
                "2n) with R = prod |W_j| (sum (|W_j - M_j|_{2,1} / |W_j|)^(2/3))^(3/2), M_j the start.",
}  # fmt: skip


def said(name: str) -> Callable[[Any], str]:
    """What a bound says at the widest networks, and by how much it misses the measured gap."""

    def note(view: Any) -> str:
        rows = [(params["width"], values) for params, values in view.rows() if name in values]
        if not rows:
            return ""
        widest = max(width for width, _ in rows)
        own = [values for width, values in rows if width == widest]
        size = median(values[name] for values in own)
        far = median(values[name] / max(values["gap"], 0.5 / values["n_test"]) for values in own)
        return (
            f"at {widest:,} units the bound is {size:.3g}, {far:.3g} times the gap (medians): as a share of samples it says "
            f"{'nothing' if size >= NOTHING else 'something'}"
        )

    return note


def loose(name: str) -> Claim:
    """The claim on one bound: the source says it of known bounds in general, and names none."""
    words, _ = NAMES[name]
    rule = (bound[name].last / gap.last).at_least(LOOSE) & bound[name].last.plus(
        -NOTHING
    ).positive_share().at_least(0.5)
    just = {name: [NOTHING] * 4}
    return Claim(
        name, f"The bound by {words} is too loose for a trained network: above 1, and ten times the measured gap.", ("L46",),
        "he2021", rule, GIVEN,
        Control("The PAC-Bayes bound in its place: below 1.", GIVEN.but("PAC-Bayes", metrics={name: "pac"})),
        chart="bounds", form="direction", scope=(*SCOPE, PRINTED[name]), note=said(name),
        null=(WORLD.but(**just, spread={**WORLD.spread, name: 0.1}), WORLD.but(**{name: [3.0] * 4}, gap=[0.3] * 4)),
        effect=WORLD)  # fmt: skip


CLAIMS = (
    *(loose(name) for name in NAMES),
    Claim("pac-says", "Does the PAC-Bayes bound say something of these networks: is it at most 0.9?", ("L46",), "dziugaite2017",
          pac.last.at_most(SAYS), GIVEN, Control("The bound by VC dimension in its place.",
          GIVEN.but("VC dimension", metrics={"pac": "vc"})), chart="pac", kind="question",
          null=(WORLD.but(pac=[0.9] * 4),), effect=WORLD),
    Claim("pac-guess", "Does the PAC-Bayes bound go below one half, the error of a coin?", ("L46",), "dziugaite2017",
          pac.last.at_most(GUESS), GIVEN, Control("With random labels, whose true error is one half.", COINS), chart="pac",
          kind="question", null=(WORLD.but(pac=[0.5] * 4),),
          effect=WORLD.but(pac=lambda labels: [0.4 if labels == "given" else 0.65] * 4)),
    Claim("wider", "Do the bounds by norms grow as networks widen, at least as the width to the power 0.1?", ("L46",), "he2021",
          bound["path"].slope().at_least(0.1) & bound["frobenius"].slope().at_least(0.1)
          & bound["spectral"].slope().at_least(0.1), GIVEN,
          Control("The test error in the place of the Frobenius norms: it falls.", GIVEN.but("test error", metrics={
          "frobenius": "test_error"})), chart="bounds", kind="question",
          null=(WORLD.but(frobenius=[10, 10.718, 11.487, 13.195]),), effect=WORLD),
    Claim("valid", "No bound lies below the error that it bounds.", ("L46",), "he2021", worst("excess").at_most(0.0), arm(),
          chart="bounds", kind="check", effect=WORLD, null=(WORLD.but(excess=[-0.3, -0.3, 0.01, -0.3]),)),
)  # fmt: skip

CHARTS = charts(
    {"width": "hidden units"}, ("labels", "labels"),
    bounds=("What bounds say of the gap between test and training error", "log share of samples",
            {**{name: words for name, (words, _) in NAMES.items()}, "pac_gap": "-PAC-Bayes, noisy weights",
             "gap": "measured gap"},
            "Above 1 a bound says nothing. Each is an upper bound for 95 % of draws of the training set; PAC-Bayes bounds the "
            "gap of the network with noisy weights.", {"fit": False}),
    pac=("The PAC-Bayes contrast", "share of samples",
         {"pac": "PAC-Bayes bound, noisy weights", "noisy_test_error": "test error, noisy weights",
          "test_error": "test error", "train_error": "-training error"},
         "The bound is on the network with Gaussian noise on its weights, whose spread is the best of twelve.", {"fit": False}),
    distance=("Distance from the start", "log distance", {"distance": "weights at the end less at the start"}, {"fit": False}),
)  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """Two layers, and some four hundred passes with noisy weights."""
    from overparam.data import load, shape_of
    from overparam.data.hub import SETS
    from overparam.sweep.work import cost, dense

    shape = shape_of(str(cell["data"]))
    if cell["n"] < shape.classes:
        raise UsageError(
            f"--n: expected at least one training sample for each of the {shape.classes} classes of {cell['data']}, got "
            f"{cell['n']}. Ask for more."
        )
    published = SETS[cell["data"]].rows if cell["data"] in SETS else ()  # of which a part may be here
    most = max(shape.train + shape.test, sum(published))
    if cell["n"] >= most:
        raise UsageError(
            f"--n: expected fewer than the {most:,} samples of {cell['data']}, so that some test, got "
            f"{cell['n']:,}. Ask for fewer."
        )
    batch_fits(cell)
    if str(cell["data"]).startswith("clusters"):
        load(cell["data"])  # refuses clusters that meet
    size = dense(shape.features, cell["width"], 1)
    found = cost(cell, size, probes=2)
    return Estimate(
        found.seconds + 400 * (2e-11 * size.flops * cell["n"] + 2e-8 * size.parameters), found.bytes
    )


STUDY = study(
    name="capacity-bounds", title="What capacity bounds say of trained networks", x="width",
    question="Are classical bounds on these very networks vacuous, by how much, and is PAC-Bayes?",
    sources=("he2021", *(source for _, source in NAMES.values()), "dziugaite2017"), axes=AXES, profiles=PROFILES, claims=CLAIMS,
    charts=CHARTS, hero=Hero("bounds", together=False),
    work=later("overparam.studies.capacity_bounds_work:run"), estimate=estimate,
    stack_by=("data", "n", "width", "steps", "batch", "learning_rate"),
    values=("train_error", "test_error", "gap", "n_test", *NAMES, "pac", "pac_gap", "pac_spread", "pac_kl", "noisy_train_error",
            "noisy_test_error", "excess", "distance"),
    differences=(
        "The source names VC dimension and Rademacher complexity without a formula; the four bounds here came later, and "
        "their constants are recalled, not looked up.",
        "Norms and margin are those of the trained network, the margin the best of five quantiles of the training margins: a "
        "valid bound would pay for both, and be larger.",
        "Two classes, upper against lower half, because the VC dimension and PAC-Bayes' theorem are of two classes. No biases.",
        "The bound by VC dimension stands at 3.33 or so wherever the dimension is above twice the number of samples: it then "
        "counts all labelings.",
        "Dziugaite and Roy train the noise of every weight; here one spread is chosen among twelve, for prior and posterior. "
        "With 1,400 samples that bound is not below one half.",
        "Training samples of a seed are drawn from all 1,797 digits, the rest tests; an interval covers that draw in part.",
        "Narrower networks than 32 units may die at this learning rate, and are left out.",
        "The gap counts as at least half a test sample where the test error is not above the training error."))  # fmt: skip
