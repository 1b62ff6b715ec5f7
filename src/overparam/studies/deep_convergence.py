"""When deep networks train: Allen-Zhu, Li and Song (2019), the theorem's own objects measured on real deep networks.

SGD trains fully connected, convolutional and residual networks on images, with three losses and a fourth beside.
Chains of ReLU layers with fixed ends, which are the theorem's networks, are followed step by step in float64: time over
depth, samples and nearness of inputs, the gradient against the loss, how far weights and ReLUs move, and a certificate
where one fires.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (DATA, Axis, Check, Claim, Control, DataError, Estimate, Hero, Params, UsageError, World, arm, charts,
    grid, later, line, need, planned, power_law, profiles, scalar, share_of_trials, study, worst)  # fmt: skip
from overparam.core.axes import ascends

WIDTHS, DEPTHS, SAMPLES, GAPS = (16, 32, 64, 128, 256), (1, 2, 4, 8), (16, 32, 64, 128), (0.8, 0.4, 0.2, 0.1)
L23, L24, PAPER = ("L23",), ("L24",), "allenzhu2019"


def several(name: str, text: str, kind: Any, default: Any, low: float, high: float, flag: str = "") -> Axis:
    """An axis whose values are all in one cell."""
    return Axis(name, text, kind, default, low=low, high=high, inside_cell=True, flag=flag)


AXES = (
    DATA.but(help="Images that SGD learns: digits, mnist, cifar10, or images of your own.", default="digits"),
    Axis("images", "How many of them.", int, 60, low=10, high=50_000, flag="images"),
    Axis("layers", "Hidden layers; one convolution, or stage of a residual network, less.", int, 3, low=2, high=8),
    Axis("wide_units", "Units a layer of the wide network.", int, 64, low=1, high=4096),
    Axis("wide_channels", "Channels of its first convolution.", int, 8, low=1, high=512),
    Axis("narrow_units", "Units a layer of the narrow network.", int, 2, low=1, high=4096),
    Axis("narrow_channels", "Channels of its first convolution.", int, 1, low=1, high=512),
    Axis("steps", "Steps of SGD.", int, 4000, low=20, flag="steps"),
    Axis("batch", "Images a step.", int, 20, low=1),
    Axis("n", "Samples of the chains, random signs on the sphere.", int, 32, low=4, high=256, flag="n"),
    Axis("d", "Their inputs.", int, 10, low=3, high=200, flag="d"),
    several("width", "Widths of the chains, ascending.", int, WIDTHS, 4, 2048, "widths"),
    several("depth", "Trained layers of the chains, ascending.", int, DEPTHS, 1, 32, "depths"),
    several("samples", "Numbers of samples, ascending.", int, SAMPLES, 4, 512),
    several("gap", "Distances within pairs of inputs.", float, GAPS, 0.01, 1.4),
    Axis("pair_n", "Samples in pairs.", int, 16, low=4, high=128),
    Axis("repeated", "Inputs that come once more, with the other label.", int, 0, low=0, high=2),
    Axis("seed", "Draws inputs, labels, weights and batches.", int, 0, low=0, flag="seeds"),
)  # fmt: skip
PROFILES = profiles(
    {"data": "digits"},
    quick=("three networks with three losses, chains to 128 units: 4 seeds",
           {"width": (16, 32, 64, 128), "depth": (1, 2, 4), "samples": (16, 32, 64), "gap": (0.8, 0.4, 0.2),
            "seed": planned(4)}),
    laptop=("three networks with three losses, chains to 256 units: 12 seeds", {"seed": planned(12)}),
    paper=("1,000 images, chains to 512 units and 16 layers; the source is a theorem without experiments",
           {"images": 1000, "wide_units": 256, "wide_channels": 32, "steps": 20_000, "batch": 50, "width": (*WIDTHS, 512),
            "depth": (*DEPTHS, 16), "seed": planned(12)}),
)  # fmt: skip


def _apart(view: Any) -> Check:
    """Whether no two inputs with different labels coincide, in any seed."""
    least = min((values.get("separation") or 0.0) for _, values in view.rows())
    told = f"smallest distance of inputs with different labels: {least:.3g}"
    return Check(
        least > 0,
        told if least > 0 else f"{told}; two equal inputs have different labels, and no network fits both",
    )


SEPARATED = (need("separation", "No two inputs of different labels coincide: the theorem's separation is above 0.", _apart,
                  values=("separation",)),)  # fmt: skip


def beside(view: Any) -> str:
    """The theorem's polynomial and the runs with a bounded loss, beside what is judged."""
    rows = [values for _, values in view.rows() if values.get("asked_width") is not None]
    if not rows:
        return ""
    size = sum(values["asked_width"] for values in rows) / len(rows)
    told = f"The theorem's n^24 L^12 / delta^8, as recalled and with constant 1, is a width of 10^{size:.0f}."
    fits, runs = (sum(values.get(name) or 0 for values in rows) for name in ("bounded_fits", "bounded_runs"))
    if not runs:
        return told
    return (f"{told} With a bounded loss, which is flat where a network is wrong and sure, {fits} of {runs} runs fit; for such "
            "losses the theorem, as recalled, promises small gradients only.")  # fmt: skip


# what is measured
fits = share_of_trials(
    scalar("sgd_fits"), scalar("sgd_runs"), "share of runs of SGD that end with every training label right"
)
slow, many = (
    line("depth_steps", "steps to 1 % of the loss over depth"),
    line("samples_steps", "steps to 1 % of the loss over n"),
)
straight = line("straight", "R^2 of the logarithm of the loss over steps, from 10 % to 0.01 %")
ratio = line("ratio", "least |grad F|^2/(2 F) of a run over the kernel's smallest eigenvalue at its start")
shift = line("moved", "largest relative change of a layer, spectral norms")
switch = line("switched", "share of ReLUs that switch")
defect = line(
    "defect", "what a move adds to the loss beyond its slope, over the most for the linearised network"
)
WIDE = grid("width") >= 32
pair, equal = (line(f"{name}_steps", f"steps on pairs of inputs with {words} labels") for name, words in (
    ("pair", "different"), ("equal", "equal")))  # fmt: skip
fired = share_of_trials(
    scalar("fired_count"), scalar("fired_of"), "share of tanh networks whose certificate fires on the way"
)
STRAIGHT, QUARTER, POWER_DEPTH, POWER_N, POWER_GAP = 0.95, 0.25, 0.5, 2.0, 2.0

# planted worlds
BASE = World(
    ("width", WIDTHS), seeds=12, fixed={"n": 32},
    numbers={"sgd_fits": 9, "sgd_runs": 9, "narrow_fits": 0, "narrow_runs": 9, "separation": 0.4, "stuck_ratio": 0.001,
             "stuck_straight": 0.3, "fired_count": 4, "fired_of": 4, "asked_width": 40.0},
    lines={"straight": [0.99] * 5, "ratio": [1.0] * 5, "moved": power_law(-0.8), "switched": power_law(-0.4),
           "featured_moved": power_law(-0.1), "featured_switched": power_law(-0.1), "defect": [0.6] * 5,
           "featured_defect": [3.0] * 5},
    lists={"outside": [-1e-3]}, straight=("straight",),
    spread={"sgd_fits": 0.0, "sgd_runs": 0.0, "narrow_fits": 0.0, "narrow_runs": 0.0, "fired_count": 0.0, "fired_of": 0.0,
            "separation": 0.0, "asked_width": 0.0, "straight": 0.005, "ratio": 0.2, "moved": 0.15, "switched": 0.1, "defect": 0.2,
            "featured_defect": 0.2})  # fmt: skip
DEEP = World(("depth", DEPTHS), seeds=12, lines={"depth_steps": power_law(0.0, 150), "small_steps": power_law(0.9, 150)},
             lists={"samples": SAMPLES, "samples_steps": [35.0, 100.0, 260.0, 600.0]}, numbers={"separation": 0.4},
             spread={"depth_steps": 0.2, "small_steps": 0.2, "separation": 0.0})  # fmt: skip
MANY = World(("samples", SAMPLES), seeds=12, lines={"samples_steps": power_law(1.4, 0.7)}, numbers={"separation": 0.4},
             spread={"samples_steps": 0.2, "separation": 0.0})  # fmt: skip
NEARNESS = tuple(1 / gap for gap in GAPS)
PAIRS = World(("nearness", NEARNESS), seeds=12, lines={"pair_steps": power_law(1.2, 20), "equal_steps": power_law(0.0, 20)},
              spread={"pair_steps": 0.2, "equal_steps": 0.2}, numbers={"separation": 0.4})  # fmt: skip

FAR = (
    "The theorem asks for a width that is a polynomial of high degree in n, L and 1/delta; these networks are many orders of "
    "magnitude narrower, and nothing seen at them contradicts it."
)
SCOPE = ("Covers ReLU networks of any depth from He's weights, inputs of norm 1 that lie apart, SGD with a small step, and fully "
         "connected, convolutional and residual networks; widths, steps and times are polynomials without constants.",
         FAR)  # fmt: skip
CLAIMS = (
    Claim("accuracy", "SGD brings wide fully connected, convolutional and residual networks to 100 % training accuracy, "
          "with cross-entropy, squared loss and a smooth loss that is not convex.", L23, PAPER,
          fits.at_least(0.9), arm("wide networks"),
          Control("Narrow networks of the same kinds.",
                  arm("narrow networks", metrics={"sgd_fits": "narrow_fits", "sgd_runs": "narrow_runs"})),
          SEPARATED, chart="sgd", form="exists", effect=BASE, null=(BASE.but(numbers={**BASE.numbers, "sgd_fits": 8.1}),),
          scope=(*SCOPE, "Here images with their own labels, no layer fixed, and one loss that is not convex but gradient "
                 "dominant; nine of ten runs are ours."),
          note=beside),
    Claim("linear", "Descent minimizes the squared loss at a linear rate: the logarithm of the loss falls in a straight line.",
          L23, PAPER, straight.last.at_least(STRAIGHT), arm("the widest chain"),
          Control("One input with both labels: the loss stays up.",
                  rule=scalar("stuck_straight", "the same where one input has both labels").at_least(STRAIGHT)),
          SEPARATED, chart="linear", form="exists", scope=(*SCOPE, "R^2 of 0.95 is ours."), effect=BASE,
          null=(BASE.but(lines={**BASE.lines, "straight": [0.95] * 5}),)),
    Claim("depth", "The time to a small loss is polynomial in the number of layers: it grows at most like their "
          "square root.", L23, PAPER, slow.slope().at_most(POWER_DEPTH), arm(x="depth"),
          Control("Weights of half of He's variance, at the same step: signals and gradients shrink with every layer.",
                  arm("half of the variance", x="depth", metrics={"depth_steps": "small_steps"})), SEPARATED, chart="depth",
          form="bound", effect=DEEP, null=(DEEP.but(depth_steps=power_law(POWER_DEPTH, 100)),), outside=FAR,
          scope=(*SCOPE, "A polynomial of any degree agrees; growth that is faster than all of them is not told from one by four "
                 "depths, so that nothing contradicts. The root is ours, from pilots.")),
    Claim("samples", "Does the time to a small loss grow at most like the square of the number of samples?", L23, PAPER,
          many.slope().at_most(POWER_N), arm(x="samples"), None, SEPARATED, chart="samples", kind="question", effect=MANY,
          null=(MANY.but(samples_steps=power_law(POWER_N, 0.1)),)),
    Claim("separation", "Does the time grow as inputs of different labels come nearer, with a power of 1/delta from 0.3 to the 2 "
          "that is recalled of the theorem?", L23, PAPER, pair.slope().within(0.3, POWER_GAP), arm(x="nearness"),
          Control("Pairs with equal labels: being near costs nothing.",
                  arm("equal labels", x="nearness", metrics={"pair_steps": "equal_steps"})), SEPARATED, chart="pairs",
          kind="question", effect=PAIRS,
          null=(PAIRS.but(pair_steps=power_law(0.3, 20)), PAIRS.but(pair_steps=power_law(2.0, 2)))),
    Claim("gradient", "Near the start there is no critical point with a loss: all along, |grad F|^2/(2 F) stays above a quarter "
          "of the kernel's smallest eigenvalue at the start.", L24, PAPER, ratio.last.at_least(QUARTER), arm("the widest chain"),
          Control("One input with both labels: the gradient vanishes and the loss does not.",
                  rule=scalar("stuck_ratio", "the same where one input has both labels").at_least(QUARTER)),
          SEPARATED, chart="gradient", form="exists", effect=BASE, null=(BASE.but(ratio=[0.25] * 5),),
          scope=(*SCOPE, "The theorem bounds the gradient by the loss times delta m/(d n^2) without a constant; the eigenvalue "
                 "stands for that product, and the quarter is ours.")),
    Claim("smooth", "Near the start the loss is semi-smooth: a move adds to it, beyond its slope, no more than the most for the "
          "linearised network.", L24, PAPER, defect.last.at_most(1.0), arm("the widest chain"),
          Control("An output 1/sqrt(m) as large, so that features move.",
                  arm("small outputs", metrics={"defect": "featured_defect"})), SEPARATED, chart="smooth", form="exists",
          effect=BASE,
          null=(BASE.but(defect=[1.0] * 5),),
          scope=(*SCOPE, "Moves no longer than the run: along the negative gradient, at random and to the end. The theorem has "
                 "a term in |W'| besides, whose constant is not given and which is not needed here.")),
    Claim("near", "The wider the chain, the nearer to its start training ends: no layer moves farther than O(1/sqrt(m)), and "
          "ever fewer ReLUs switch.", L24, PAPER,
          shift.inside(WIDE).slope().at_most(-0.4) & switch.inside(WIDE).slope().at_most(-0.2), arm("widths from 32 on"),
          Control("An output 1/sqrt(m) as large, so that features move.",
                  arm("small outputs", metrics={"moved": "featured_moved", "switched": "featured_switched"})), SEPARATED,
          chart="near", form="bound", effect=BASE, outside=FAR,
          null=(BASE.but(moved=power_law(-0.4)), BASE.but(switched=power_law(-0.2))),
          scope=(*SCOPE, "The powers -1/2 and -1/3 are recalled; the margins are ours.")),
    Claim("bounds", "|grad F|^2/(2 F) lies between the extreme squared singular values of the Jacobian.", L24, PAPER,
          worst("outside", "distance outside over the larger").at_most(1e-9), chart="gradient", kind="check", effect=BASE,
          null=(BASE.but(lists={"outside": [1.1e-9]}),)),
    Claim("certificate", "Does a proof that a fit of every label is near fire on the way, for most tanh networks of one to four "
          "layers?", L23, PAPER, fired.at_least(0.5), chart="certificate", kind="question", effect=BASE,
          null=(BASE.but(numbers={**BASE.numbers, "fired_count": 2}),)),
)  # fmt: skip

NETWORKS = {"fc": "fully connected", "cnn": "convolutional", "resnet": "residual"}
CHARTS = charts(
    {"width": "units a layer"},
    sgd=("SGD on images", "share of wrong training labels",
         {f"{side}_{name}": f"{words}, {side}" for side in ("wide", "narrow") for name, words in NETWORKS.items()},
         "Mean over the three losses.", {"x": {"sgd_step": "lin steps"}}),
    depth=("Time over depth", "log steps to 1 % of the loss",
           {"depth_steps": "He's variance", "small_steps": "half of it, to 1,000 steps (control)"},
           {"x": {"depth": "trained layers"}}),
    samples=("Time over samples", "log steps to 1 % of the loss", {"samples_steps": "chain of 128 units"},
             {"x": {"samples": "samples"}}),
    wide=("Time over width", "log steps to 1 % of the loss", {"width_steps": "chain"}),
    pairs=("Time over the nearness of inputs", "log steps to 3 % of the loss",
           {"pair_steps": "different labels", "equal_steps": "equal labels (control)"},
           {"x": {"nearness": "1 / distance within pairs"}}),
    linear=("How straight the logarithm of the loss falls", "R^2", {"straight": "chain"}),
    gradient=("The gradient against the loss", "log least |grad F|^2/(2 F) over the smallest eigenvalue", {"ratio": "chain"}),
    smooth=("How much rougher than its linearisation", "log defect over the linear one",
            {"defect": "largest of all moves", "featured_defect": "small outputs (control)"}),
    near=("How far the end is from the start", "log share",
          {"moved": "layers", "switched": "ReLUs", "featured_moved": "layers, small outputs (control)",
           "featured_switched": "ReLUs, small outputs (control)"}),
    layers=("Which layers move", "relative change", {"layer_moved": "chain of 128 units"}, {"x": {"layer": "lin layer"}}),
    certificate=("Where a certificate fires", "log |r| where it first does", {"fired_residual": "tanh networks of 16 units"},
                 {"x": {"certified_depth": "lin hidden layers"}}),
)  # fmt: skip


def told_apart(data: str, images: int) -> None:
    """Look at the images that SGD learns.

    Raises:
        DataError: labels that are no classes, or two equal images with different labels.
    """
    from overparam.data import load, subset

    seen: dict[bytes, Any] = {}
    few, again = subset(load(data), images, 1), 0
    for image, label in zip(few.x, few.y, strict=True):
        again += seen.setdefault((image + 0.0).tobytes(), label) != label
    if again:
        raise DataError(
            f"--data: expected images that differ where their labels do, got {again} of {images} in '{data}' equal to one with "
            "another label. No network fits both, and the theorem's separation is 0: leave one of them out."
        )


def estimate(cell: Params) -> Estimate:
    """Twelve wide and nine narrow trainings, and chains in float64; what cannot be trained is refused here."""
    from overparam.data import shape_of
    from overparam.studies.deep_convergence_work import networks

    for flag, name in (("widths", "width"), ("depths", "depth"), ("samples", "samples")):
        ascends(cell, name, flag, "values")
    if cell["pair_n"] % 2:
        raise UsageError(
            f"--pair-n: expected an even number of samples, in pairs, got {cell['pair_n']}. Add one."
        )
    if cell["batch"] > cell["images"]:
        raise UsageError(
            f"--batch: expected at most the {cell['images']} images, got {cell['batch']}. Take a smaller batch."
        )
    shape = shape_of(cell["data"])
    if cell["images"] > shape.train:
        raise UsageError(
            f"--images: expected at most the {shape.train:,} of {cell['data']}, got {cell['images']:,}. Take fewer."
        )
    networks(shape.image, shape.classes, cell["layers"], 1, 1)
    told_apart(cell["data"], cell["images"])
    flops = sum(4e3 * m * m * cell["n"] for m in cell["width"]) + 5e3 * 64 * 64 * cell["n"] * sum(cell["depth"])
    trained = cell["steps"] * (cell["batch"] / 20) * (1.0 + (cell["wide_channels"] / 8) ** 2) * 1.3e-3
    return Estimate(4.0 + trained + flops / 3e9, 5e8)


STUDY = study(
    name="deep-convergence", title="When deep networks provably train, and when they do",
    question="How wide and deep must a network be for descent to reach 100 % at a linear rate, and what of the proof is seen?",
    x="width", sources=(PAPER,), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, hero=Hero("sgd"),
    work=later("overparam.studies.deep_convergence_work:run"), estimate=estimate, stack_limit=4,
    values=("sgd_wrong", "narrow_wrong", "sgd_fits", "sgd_runs", "narrow_fits", "narrow_runs",
            "bounded_wrong", "bounded_fits", "bounded_runs", "sgd_step",
            *(f"{side}_{name}" for side in ("wide", "narrow") for name in NETWORKS), "separation", "asked_width", "depth",
            "depth_steps", "small_steps", "layer", "layer_moved", "stuck_ratio", "stuck_straight", "nearness", "pair_steps",
            "equal_steps", "samples", "samples_steps", "certified_depth", "fired", "fired_residual", "fired_count", "fired_of",
            "width", "width_steps", "ratio", "straight", "moved", "switched", "defect", "featured_moved", "featured_switched",
            "featured_defect", "outside"),
    differences=(
        "The source is a theorem without experiments; sizes, data and constants are ours.",
        "The theorem trains the inner layers alone. The chains do so; the three networks that SGD trains are trained whole, from "
        "He's weights, without normalisation.",
        "Chains follow gradient descent on all samples; half of 1 over the kernel's largest eigenvalue at the start stands "
        "for the theorem's unnamed small step.",
        "The loss that is not convex is half the sum of r^2 + 3 sin^2 r over the distances r to the label. It is gradient "
        "dominant, as the theorem, as recalled, asks of such losses for a global minimum. Half of the squared distance of the "
        "softmax to the label is not: in pilots some residual networks kept wrong labels with it. Runs with it are counted "
        "beside the claim and not judged.",
        "Times over depth and everything over the width are means over two draws of the weights.",
        "The certificate is for tanh networks under gradient flow, found on the way of Levenberg and Marquardt's method; for "
        "deep ReLU networks none is known.",
    ))  # fmt: skip
