"""Edge-popup: subnetworks of randomly weighted networks, found by learned scores, Ramanujan et al. (2020).

Weights stay as they were drawn; which of them are kept is learned. Accuracy is measured against the share that is kept and
against the width, with signed constants and with Kaiming's normal weights, beside trained weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overparam.core import (DATA, HERE, N, SEED, Axis, Claim, Control, Estimate, Outcome, Params, Progress, World, arm, charts,
    complete, grid, line, outcome, planned, profiles, renamed, scalar, shares, study, within)  # fmt: skip
from overparam.core.pairs import NETWORKS, TOLD, weights_and_products

DENSITIES, WIDTHS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98), (0.1, 0.3, 1.0)
MIDDLE = 0.5  # density at which widths are compared
KINDS = ("constant", "normal")  # weights of edge_popup

AXES = (
    DATA.but(default="digits"), N.but(default=1200),
    Axis("network", TOLD, str, "fc", choices=NETWORKS, flag="networks"),
    Axis("density", "Shares of the weights of every layer that are kept, in one cell.", float, DENSITIES, low=0.001, high=1.0,
         inside_cell=True, flag="densities"),
    Axis("width", "Factors of all hidden widths, of networks that keep half, in one cell.", float, WIDTHS, low=0.01, high=8.0,
         inside_cell=True, flag="widths"),
    Axis("steps", "Steps with which scores are learned, at a rate that falls as a cosine.", int, 800, low=1),
    Axis("rate", "First learning rate of the scores.", float, 0.5, low=1e-9, flag="rate"),
    Axis("decay", "Weight decay of the scores.", float, 1e-4, low=0.0, flag="decay"),
    Axis("batch", "Minibatch.", int, 128, low=1),
    Axis("dense_rate", "Learning rate of Adam, with which weights are trained in as many steps.", float, 1.2e-3, low=1e-9,
         flag="dense-rate"),
    SEED.but(help="Draws the weights, the first scores and the minibatches."))  # fmt: skip

PROFILES = profiles(
    {"network": "fc"},
    quick=("Digits, 64-300-100-10, 4 shares kept, 2 widths, 6 seeds: under a minute on two cores",
           {"data": "digits", "n": 1200, "steps": 500, "density": (0.02, 0.3, 0.5, 0.98), "width": (0.1, 1.0),
            "seed": planned(6)}),
    laptop=("MNIST, 10,000 samples, 784-300-100-10, 7 shares kept, 3 widths, 1,200 steps, 5 seeds",
            {"data": "mnist", "n": 10_000, "steps": 1200, "rate": 0.1, "seed": planned(5)}),
    paper=("MNIST, 60,000 samples, 100 epochs at rate 0.1, as the code's: hours a seed. CIFAR-10: --data cifar10 --n 50000 "
           "--networks conv2,conv4,conv6 --steps 39000, without the crops and flips",
           {"data": "mnist", "n": 60_000, "steps": 46_800, "rate": 0.1, "seed": planned(3),
            "density": (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98), "width": (0.1, 0.3, 1.0, 2.0)}))  # fmt: skip

# what is measured: test accuracy, lines over the density, and over the width
kept, share_kept = line("constant", "test accuracy of signed constants", "points"), grid("density")
normal = line("normal", "test accuracy of normal weights", "points")
wide = line("wide", "test accuracy at half kept", "points")
trained = scalar("trained", "that of trained weights", "points")
middle, half = share_kept.between(0.29, 0.71), share_kept.near(MIDDLE)
NEAR = 3.0  # points below trained weights that are nearly as accurate
FALL, RIGHT = 10.0, 3.0  # points of a fall to the left, and to the right

POPPED = arm("edge-popup, signed constants")
START = arm("scores before training", metrics=renamed("start_", "constant"))
BOTH = START.but(metrics=renamed("start_", "normal"))
WIDER = arm("half kept", x="width")
START_WIDE = WIDER.but("half kept, scores before training", metrics={"wide": "start_wide"})
UNTRAINED = "Before the scores are trained, with as many weights kept, the same rule finds none."
SCOPE = (
    "The source shows it for convolutional networks on CIFAR-10 and residual ones on ImageNet, in 100 epochs.",
    "Here is its network of dense layers, on digits and MNIST, in about a thousand steps.",
)
OTHER = (
    "a small network of dense layers, trained shortly on easy images, contradicts nothing said of large ones"
)
ELSEWHERE: Any = {"form": "direction", "scope": SCOPE, "outside": OTHER}
WHOLE = complete(0.2)

HIGH, LOW = (40.0, 95.0, 97.0, 97.0, 96.5, 96.0, 96.0), [10.0] * 7
PLANTED = World(("density", DENSITIES), seeds=6, numbers={"trained": 97.5},
                lines={"constant": HIGH, "normal": tuple(y - 1 for y in HIGH), "start_constant": LOW, "start_normal": LOW},
                spread=dict.fromkeys(("constant", "normal", "start_constant", "start_normal", "trained"), 0.4),
                straight=("constant", "normal", "start_constant", "start_normal", "trained"))  # fmt: skip
WIDE = World(("width", WIDTHS), seeds=6, lines={"wide": (85.0, 94.0, 97.0), "start_wide": [10.0] * 3},
             spread={"wide": 0.6, "start_wide": 2.0}, straight=("wide", "start_wide"))  # fmt: skip


def at(place: int, value: float) -> World:
    """The planted world with another accuracy at one density."""
    return PLANTED.but(constant=tuple(value if i == place else y for i, y in enumerate(HIGH)))


CLAIMS = (
    Claim("subnetwork", "A randomly weighted network holds a subnetwork that is nearly as accurate, without training of any "
          "weight, as the network when trained: at most 3 points below, where 30 to 70 % are kept.", ("L63A",),
          "ramanujan2020", (kept - trained).at(HERE).at_least(-NEAR).each(middle), POPPED, Control(UNTRAINED, START), (WHOLE,),
          form="exists", chart="density", effect=PLANTED, null=(at(2, 94.5), at(3, 94.5), at(4, 94.5))),
    Claim("constant", "Signed constants are better random weights than normal ones.", ("L63A",), "ramanujan2020",
          (kept.inside(middle).mean() - normal.inside(middle).mean()).at_least(0.0), POPPED, Control(UNTRAINED, BOTH), (WHOLE,),
          chart="density", effect=PLANTED, null=(PLANTED.but(normal=HIGH),), **ELSEWHERE),
    Claim("wider", "Wider random networks hold better subnetworks at one share kept.", ("L63A",), "ramanujan2020",
          (wide.last - wide.first).at_least(1.0), WIDER, Control(UNTRAINED, START_WIDE), (WHOLE,), chart="width", effect=WIDE,
          null=(WIDE.but(wide=(96.0, 96.5, 97.0)),), **ELSEWHERE),
    Claim("few", "Where hardly any weight is kept, 2 %, the subnetwork is much worse than at half: by 10 points at least.",
          ("L63A",), "ramanujan2020", (kept.at(half) - kept.at(share_kept.near(0.02))).at_least(FALL), POPPED,
          Control(UNTRAINED, START), (WHOLE,), chart="density", effect=PLANTED, null=(at(0, 87.0),), **ELSEWHERE),
    Claim("most", "Is it also worse where nearly all are kept, 98 %, than at half: by 3 points or more?", ("L63A",),
          "ramanujan2020", (kept.at(half) - kept.at(share_kept.near(0.98))).at_least(RIGHT), POPPED, kind="question",
          needs=(WHOLE,), chart="density", effect=at(6, 90.0), null=(at(6, 94.0),)))  # fmt: skip

CHARTS = charts(
    {"density": "lin share of weights kept"},
    density=("Subnetworks of a random network", "test accuracy, %",
             {"constant": "signed constants", "normal": "Kaiming's normal weights",
              "start_constant": "signed constants, scores untrained",
              "trained_line": "-trained weights, all kept"}, "No weight is trained but in the dashed line."),
    width=("Width of the random network, half of it kept", "test accuracy, %",
           {"wide": "signed constants", "start_wide": "scores untrained"},
           {"x": {"width": "factor of the hidden widths"}}))  # fmt: skip


def network(name: str, data: Any, factor: float) -> Any:
    """One of the source's networks, without biases, its hidden widths multiplied."""
    from overparam.models.frankle import frankle

    return frankle(name, data.image, data.classes, factor=factor, init="he", bias=False)


def work(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """Train the weights of every seed, then scores at every density and width."""
    import jax

    from overparam.data import shape_of
    from overparam.probes import standard
    from overparam.pruning import edge_popup
    from overparam.sweep.work import task
    from overparam.training import Checkpoint, Recipe, train

    stack = task(cells)
    common, data = stack.shared, stack.data
    shape = shape_of(common["data"])
    densities, widths = sorted(set(common["density"])), sorted(set(common["width"]))
    scores = Recipe(common["steps"], common["rate"], momentum=0.9, weight_decay=common["decay"], batch=common["batch"],
                    schedule="cosine", probes=2)  # fmt: skip
    dense = Recipe(common["steps"], common["dense_rate"], optimizer="adam", batch=common["batch"], probes=2)
    factors = [(density, 1.0) for density in densities]
    factors += [(MIDDLE, width) for width in widths if (MIDDLE, width) not in factors]
    spans = shares([0.3, *[0.2 + 2 * factor for _, factor in factors]])
    found: dict[Any, list[tuple[float, float]]] = {}

    def run(recipe: Any, net: Any, span: tuple[float, float], start: Any = None) -> list[tuple[float, float]]:
        members = stack.members * (len(start) // len(cells) if start else 1)
        runs = train(net, recipe, members, data.x, data.x_test, data.y_test, probes={"fit": standard()["fit"]}, start=start,
                     progress=within(progress, *span))  # fmt: skip
        return [tuple(100.0 * (1.0 - one.values["test_error"][[0, -1]])) for one in runs]

    ends = run(dense, network(common["network"], shape, 1.0), spans[0])
    for span, (density, factor) in zip(spans[1:], factors, strict=True):
        plain, kinds = network(common["network"], shape, factor), [*KINDS][: 2 if factor == 1.0 else 1]
        nets = [edge_popup(plain, density, weights=kind) for kind in kinds]
        # a network with scores holds its weights: one program serves both kinds
        starts = [Checkpoint(jax.jit(net.init)(jax.random.key(cell["seed"]))) for net in nets for cell in cells]
        runs = run(scores, nets[0], span, starts)
        for place, kind in enumerate(kinds):
            found[kind, density, factor] = runs[place * len(cells) : (place + 1) * len(cells)]
    made = []
    for i in range(len(cells)):
        own: dict[str, Any] = {"density": densities, "width": widths, "trained": ends[i][1]}
        for kind in KINDS:
            pairs = [found[kind, density, 1.0][i] for density in densities]
            own |= {f"start_{kind}": [first for first, _ in pairs], kind: [last for _, last in pairs]}
        pairs = [found["constant", MIDDLE, width][i] for width in widths]
        own |= {"start_wide": [first for first, _ in pairs], "wide": [last for _, last in pairs]}
        own["trained_line"] = [ends[i][1]] * len(densities)
        lost = [name for name in (*KINDS, "wide") if any(y != y for y in own[name])]
        made.append(outcome(own, lost=", ".join(lost)))
    return made


def estimate(cell: Params) -> Estimate:
    """Every density is trained with both kinds of weights; finding the largest scores takes some fifty sums a step."""
    from overparam.data import shape_of

    shape = shape_of(str(cell["data"]))

    def size(factor: float) -> tuple[float, float]:
        return weights_and_products(cell["network"], shape.image, shape.classes, factor)

    def seconds(factor: float) -> float:
        weights, products = size(factor)
        return float(cell["steps"]) * (4e-4 + 2.5e-8 * weights + 8 * cell["batch"] * products / 8e10)

    many = len(KINDS) * len(cell["density"])
    total = many * seconds(1.0) + sum(seconds(width) for width in cell["width"] if width != 1.0) + 0.4 * many
    return Estimate(total + seconds(1.0) / 2, 3e8 + 40.0 * size(max(1.0, *cell["width"]))[0])


STUDY = study(
    name="edge-popup", title="Subnetworks of randomly weighted networks",
    question="How good is the best part of a network whose weights are random and stay so, against the share that is kept?",
    x="density", sources=("ramanujan2020",), axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=work,
    estimate=estimate, stack_limit=3,
    work_history=("The networks are made in one room of models; results are the same.",),
    values=("density", *KINDS, *(f"start_{kind}" for kind in KINDS), "trained", "trained_line", "width", "wide", "start_wide"),
    differences=(
        "The source's results are of convolutional networks on CIFAR-10 and ImageNet; quick and laptop have dense layers, digits "
        "and MNIST. The profile paper has the setting of its code for MNIST, and can have its convolutions.",
        "Scores are learned in 500 steps (quick) or 1,200 (laptop), not in 100 epochs; the rate on digits, 0.5, is ours.",
        "Weights are scaled by the share that is kept: sqrt(2 / (density fan_in)). The code of the source reads one argument as "
        "the share kept here and as the share removed there; here there is one density.",
        "Trained weights are those of Adam, in as many steps; the source's own baseline is gradient descent at 0.01.",
        "An accuracy that falls on both sides, as the source draws it, is asked on the left as a claim and on the right as a "
        "question: pilot seeds fell there on digits, by 68 points.",
        "CIFAR-10 is without the source's crops and flips.",
    ))  # fmt: skip
