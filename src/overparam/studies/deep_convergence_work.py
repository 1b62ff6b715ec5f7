"""The work of deep-convergence: deep ReLU chains under descent, certificates on the way, and SGD on three kinds of networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from overparam.core import DataError, Outcome, Params, Progress, UsageError, outcome
from overparam.data import flatten, load, signed, subset
from overparam.data.stream import stream
from overparam.models import cnn, mlp
from overparam.models.resnet import resnet
from overparam.sweep.work import shared
from overparam.theory.activations import activation
from overparam.theory.certificates import Dense, certify_dense
from overparam.theory.certificates.dense import evaluate
from overparam.theory.sufficient_width import separation
from overparam.training import Member, Recipe, train
from overparam.training.levenberg_marquardt import levenberg_marquardt
from overparam.training.relu_chain import (
    Run,
    descend,
    draw,
    moved,
    moves,
    outside,
    passed,
    size,
    switched,
)

SHARE = 0.5  # of the step 1 over the largest eigenvalue of the kernel at the start
GOAL, DEEP, NEAR = 1e-2, 1e-4, 3e-2  # loss over that of answering 0: of times, of runs over the width, of pairs
HIDDEN, DEPTH, SMALL = 64, 3, 0.5  # units and layers where they are not what varies; variance of the control
BROAD, DRAWS = (
    128,
    2,
)  # units over depth and samples; draws of the weights that are averaged over depth and width
STUCK = 1500  # steps where two equal inputs have different labels
# most steps of chains with half of the variance; where they do not suffice they stand for the time
SLOW = 1000
CERTIFIED_N, CERTIFIED_WIDTH, CERTIFIED_DEPTHS = 20, 16, (1, 2, 3, 4)
NETWORKS = ("fc", "cnn", "resnet")
RATES = (0.05, 0.02, 0.01, 0.3)  # of SGD, for each loss
JUDGED, BOUNDED = 3, 3  # how many losses the claim is about; the loss that is counted beside
LOOKS = 20  # at the training error of a run


def defect(run: Run, y: Any, seed: int) -> float:
    """How much more than its slope a move adds to the loss, over what it adds at most to a linear network with this J.

    ``D / (s^2 |W'|^2 / 2)`` with ``D = F(W + W') - F(W) - <grad F, W'>`` and s the largest singular value of J at the start; the
    largest over the networks that were kept and three moves at most as long as the whole run: along the negative gradient,
    in a random direction, and to the end of the run.
    """
    rng = stream("deep-convergence directions", seed)
    top, whole = float(np.linalg.eigvalsh(run.kernel)[-1]), size(moves(run.start, run.end))
    largest = -math.inf
    for chain in run.kept[:-1] or run.kept:
        seen = passed(chain)
        r = seen.outputs - y
        grad = seen.gradient(r)
        drawn = [rng.standard_normal(one.shape) for one in grad]
        for way in ([-one for one in grad], drawn, moves(chain, run.end)):
            long = size(way)
            if not long:
                continue
            move = [min(1.0, whole / long) * one for one in way]
            after = passed(chain.at([a + b for a, b in zip(chain.weights, move, strict=True)])).outputs - y
            slope = sum(float((a * b).sum()) for a, b in zip(grad, move, strict=True))
            rise = 0.5 * float(after @ after - r @ r) - slope
            largest = max(largest, rise / (0.5 * top * size(move) ** 2))
    return largest


def straightness(run: Run, high: float = 0.1) -> float:
    """R^2 of log F over the steps, from the first loss below a share of ``|y|^2 / 2`` on; 0 where there are not three."""
    steps = np.flatnonzero(np.minimum.accumulate(run.losses) <= high * run.size)
    if len(steps) < 3 or np.ptp(run.losses[steps]) == 0:
        return 0.0
    return float(np.corrcoef(steps, np.log(run.losses[steps]))[0, 1] ** 2)


def contradicted(x: Any, y: Any, rows: int) -> tuple[Any, Any]:
    """The same samples, the last ones replaced by the first ones with the other label: nothing fits both."""
    if not rows:
        return x, y
    x, y = x.copy(), y.copy()
    x[-rows:], y[-rows:] = x[:rows], -y[:rows]
    return x, y


def pairs(n: int, d: int, distance: float, seed: int) -> Any:
    """Rows of norm 1 in pairs that lie a given distance apart, shape ``(n, d)``, and the pairs' numbers."""
    rng = stream("deep-convergence pairs", seed)
    base = rng.standard_normal((n // 2, d))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    side = rng.standard_normal(base.shape)
    side -= (side * base).sum(axis=1, keepdims=True) * base
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    angle = 2 * math.asin(distance / 2)
    return np.concatenate([base, math.cos(angle) * base + math.sin(angle) * side])


def drawn(seed: int) -> range:
    """Seeds of the draws of the weights that are averaged in a cell; no two cells share one."""
    return range(DRAWS * seed, DRAWS * (seed + 1))


def averaged(values: Sequence[float | None]) -> float | None:
    """Mean over draws; None where one of them has no value."""
    known = [one for one in values if one is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def over_width(x: Any, y: Any, widths: Sequence[int], seed: int) -> dict[str, Any]:
    """Runs of every width, and beside them networks whose output is 1/sqrt(width) as large, of which features move."""
    found: dict[str, list[Any]] = {"width": list(widths)}
    excess = -math.inf
    for width in widths:
        rows = []
        for weights in drawn(seed):
            run = descend(draw(x, width, DEPTH, weights), y, SHARE, DEEP)
            lowest = float(np.linalg.eigvalsh(run.kernel)[0])
            excess = max(excess, outside(run, y))
            other = descend(draw(x, width, DEPTH, weights, scale=width**-0.5), y, SHARE, GOAL, most=STUCK)
            rows.append({
                "width_steps": run.steps_to(GOAL), "ratio": float(run.ratios.min()) / lowest if lowest > 0 else None,
                "straight": straightness(run), "moved": max(moved(run)), "switched": switched(run),
                "defect": defect(run, y, weights), "featured_moved": max(moved(other)), "featured_switched": switched(other),
                "featured_defect": defect(other, y, weights),
            })  # fmt: skip
        for name in rows[0]:
            found.setdefault(name, []).append(averaged([row[name] for row in rows]))
    return {**found, "outside": [excess]}


def over_depth(x: Any, y: Any, depths: Sequence[int], seed: int) -> dict[str, Any]:
    """Steps at every depth; the control has half of the variance and the step of the full one."""
    found: dict[str, list[Any]] = {"depth": list(depths), "depth_steps": [], "small_steps": []}
    for depth in depths:
        steps, small, layers = [], [], []
        for weights in drawn(seed):
            run = descend(draw(x, BROAD, depth, weights), y, SHARE, GOAL)
            steps.append(run.steps_to(GOAL))
            layers.append(moved(run))
            weak = draw(x, BROAD, depth, weights, variance=SMALL)
            ended = descend(weak, y, SHARE, GOAL, most=SLOW, rate=run.rate)
            small.append(ended.steps_to(GOAL) or float(SLOW))
        found["depth_steps"].append(averaged(steps))
        found["small_steps"].append(averaged(small))
    return {**found, "layer": [i + 1 for i in range(depth)], "layer_moved": np.mean(layers, axis=0).tolist()}


def stuck(x: Any, y: Any, seed: int) -> dict[str, Any]:
    """A run where one input has both labels: no network fits them."""
    lowest = float(np.linalg.eigvalsh(passed(draw(x, BROAD, DEPTH, seed)).kernel())[0])
    x, y = contradicted(x, y, 1)
    run = descend(draw(x, BROAD, DEPTH, seed), y, SHARE, DEEP, most=STUCK)
    return {"stuck_ratio": float(run.ratios.min()) / lowest, "stuck_straight": straightness(run)}


def over_pairs(n: int, d: int, gaps: Sequence[float], seed: int) -> dict[str, Any]:
    """Steps on pairs of inputs ever nearer to each other, with different labels and, beside them, with equal ones."""
    signs = np.where(stream("deep-convergence signs", seed).uniform(size=n // 2) < 0.5, -1.0, 1.0)
    found: dict[str, list[Any]] = {"nearness": [1 / gap for gap in gaps], "pair_steps": [], "equal_steps": []}
    for gap in gaps:
        start = draw(pairs(n, d, gap, seed), HIDDEN, DEPTH, seed)
        for name, other in (("pair_steps", -signs), ("equal_steps", signs)):
            found[name].append(descend(start, np.concatenate([signs, other]), SHARE, NEAR).steps_to(NEAR))
    return found


def certified(x: Any, y: Any, depths: Sequence[int], seed: int) -> dict[str, Any]:
    """Whether a proof that an interpolator is near fires on the way of Levenberg-Marquardt, of tanh networks of every depth."""
    fired, left = [], []
    for depth in depths:
        rng = stream(f"deep-convergence certificate {depth}", seed)
        sizes = (x.shape[1], *[CERTIFIED_WIDTH] * depth, 1)
        shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
        start = np.concatenate([(rng.standard_normal(one) / math.sqrt(one[1])).ravel() for one in shapes])
        first: list[float] = []

        def network(theta: Any, shapes: Any = shapes) -> Dense:
            cuts = np.cumsum([a * b for a, b in shapes])[:-1]
            weights = tuple(part.reshape(s) for part, s in zip(np.split(theta, cuts), shapes, strict=True))
            return Dense(weights, (None,) * len(weights), (1.0,) * len(weights), activation("tanh"))

        def residual(theta: Any, network: Any = network) -> Any:
            return evaluate(network(theta), x).outputs[:, 0] - y

        def jacobian(theta: Any, network: Any = network) -> Any:
            blocks = evaluate(network(theta), x).blocks
            rows = [np.einsum("iu,if->iuf", b.signals[:, 0], b.inputs).reshape(len(x), -1) for b in blocks]
            return np.concatenate(rows, axis=1)

        def visit(_: int, theta: Any, r: Any, network: Any = network, first: Any = first) -> bool:
            if np.linalg.norm(r) < 0.1 and certify_dense(network(theta), x, y, flow=True).certified:
                first.append(float(np.linalg.norm(r)))
            return bool(first)

        levenberg_marquardt(residual, jacobian, start, tolerance=1e-13, iterations=100, visit=visit)
        fired.append(int(bool(first)))
        left.append(first[0] if first else None)
    return {
        "certified_depth": list(depths), "fired": fired, "fired_residual": left, "fired_count": sum(fired),
        "fired_of": len(fired),
    }  # fmt: skip


def one_of_four(outputs: Any, targets: Any) -> Any:
    """The loss that a row of the targets names in its last entry, so that one compiled program serves all four.

    0: cross-entropy. 1: half of the squared distance r of the outputs to the label. 2: half the sum of ``r^2 + 3 sin^2 r``,
    which is smooth, not convex, and gradient dominant: ``|g'|^2 >= g/32``. 3: half of the squared distance of the softmax to the
    label, which is smooth, bounded by 1, not convex in the outputs, and flat where the softmax is wrong and sure.

    Args:
        outputs: shape ``(batch, classes)``.
        targets: one-hot labels, and which loss, shape ``(batch, classes + 1)``.

    References: loss 2 is the example of Karimi, Nutini and Schmidt, Linear convergence of gradient and proximal-gradient methods
    under the Polyak-Lojasiewicz condition, ECML 2016, section 2.
    """
    label, which = targets[:, :-1], targets[:, -1:]
    r = outputs - label
    soft = jax.nn.softmax(outputs) - label
    entropy = jax.nn.logsumexp(outputs, axis=1) - jnp.sum(outputs * label, axis=1)
    terms = jnp.where(which == BOUNDED, soft**2, r**2 + jnp.where(which == 2, 3 * jnp.sin(r) ** 2, 0.0))
    return jnp.where(which[:, 0] == 0, entropy, 0.5 * jnp.sum(terms, axis=1))


def wrong(
    network: Any, loss: Any, params: Any, params0: Any, x: Any, y: Any, x_test: Any, y_test: Any
) -> dict[str, Any]:
    """A probe: share of training examples whose largest output is not the label."""
    outputs = network.apply(params, x)
    return {"wrong": jnp.mean(jnp.argmax(outputs, axis=1) != jnp.argmax(y[:, :-1], axis=1))}


def networks(shape: Sequence[int], classes: int, depth: int, width: int, channels: int) -> dict[str, Any]:
    """A fully connected, a convolutional and a residual network with He's initial weights and no normalisation.

    Args:
        shape: of an image.
        classes: outputs.
        depth: hidden layers, convolutions with a pooling behind each, and stages of one block each, less one of the first.
        width: units of the fully connected network.
        channels: of the first convolutions.

    Raises:
        DataError: examples that are no images.
    """
    if len(shape) < 2:
        raise DataError(
            f"--data: expected images, for convolutions, got examples of shape {tuple(shape)}. Take digits."
        )
    grown = tuple(channels * 2**i for i in range(depth - 1))
    return {
        "fc": mlp(int(np.prod(shape)), (width,) * depth, classes, init="he"),
        "cnn": cnn(shape, grown, classes, init="he", pool_every=1),
        "resnet": resnet(shape, channels, classes, blocks=(1,) * (depth - 1), norm="none", init="he"),
    }


def by_sgd(cells: Sequence[Params], progress: Progress) -> list[dict[str, Any]]:
    """Wrong training labels under SGD, of wide networks with four losses and of narrow ones with the first three."""
    given = shared(cells)
    data = load(given["data"])
    if given["images"] > data.n or given["batch"] > given["images"]:
        raise UsageError(
            f"--images, --batch: expected a batch of at most the images and no more than the {data.n:,} of {given['data']}, got "
            f"{given['images']:,} and {given['batch']:,}. Take fewer."
        )
    shape, classes = data.shape, data.classes
    data = flatten(subset(data, given["images"], 1))
    label = np.eye(classes, dtype=np.float32)[data.y]
    targets = [np.column_stack([label, np.full(data.n, k, np.float32)]) for k in range(len(RATES))]
    recipe = Recipe(given["steps"], 0.1, batch=given["batch"], loss=one_of_four, probes=LOOKS, spacing="even")
    found: list[dict[str, Any]] = [{"sgd_wrong": [], "narrow_wrong": [], "bounded_wrong": []} for _ in cells]
    plan = [(side, name) for side in ("wide", "narrow") for name in NETWORKS]
    for at, (side, name) in enumerate(plan):
        network = networks(shape, classes, given["layers"], given[f"{side}_units"], given[f"{side}_channels"])[
            name
        ]
        wanted = [
            (k, place) for k in range(len(RATES) if side == "wide" else JUDGED) for place in range(len(cells))
        ]
        members = [Member(cells[place]["seed"], targets[k], RATES[k]) for k, place in wanted]
        runs = train(network, recipe, members, data.x, data.x[:1], targets[0][:1], probes={"wrong": wrong})
        for (k, place), run in zip(wanted, runs, strict=True):
            values = found[place]
            error = np.nan_to_num(np.asarray(run.values["wrong"], float), nan=1.0)
            last = data.n if run.diverged_at is not None else round(float(error[-1]) * data.n)
            kind = "narrow" if side == "narrow" else "bounded" if k == BOUNDED else "sgd"
            values[f"{kind}_wrong"].append(last)
            if k < JUDGED:
                curve = f"{side}_{name}"
                values["sgd_step"] = [int(step) for step in run.steps]
                values[curve] = values.get(curve, 0.0) + error / JUDGED
        progress((at + 1) / len(plan))
    for values in found:
        for kind in ("sgd", "narrow", "bounded"):
            left = values[f"{kind}_wrong"]
            values |= {f"{kind}_fits": sum(one == 0 for one in left), f"{kind}_runs": len(left)}
    return found


def by_descent(cell: Params, progress: Progress) -> dict[str, Any]:
    """The theorem's chains: over depth, samples, nearness and width; certificates; what its polynomial asks for."""
    seed, n, d, widths = cell["seed"], cell["n"], cell["d"], cell["width"]
    given = signed("sphere", n, 1, d=d, seed=seed)
    x, y = contradicted(given.x, given.y, cell["repeated"])
    apart = separation(x, y)
    found: dict[str, Any] = {"separation": apart, "depth": list(cell["depth"]), "width": list(widths)}
    if apart == 0:
        return found
    depth = max(cell["depth"])
    found["asked_width"] = math.log10(float(n)) * 24 + 12 * math.log10(depth) - 8 * math.log10(separation(x))
    found |= over_depth(x, y, cell["depth"], seed) | stuck(x, y, seed)
    progress(0.3)
    found |= over_pairs(cell["pair_n"], d, cell["gap"], seed)
    steps = []
    for many in cell["samples"]:
        more = signed("sphere", many, 1, d=d, seed=seed)
        steps.append(descend(draw(more.x, BROAD, DEPTH, seed), more.y, SHARE, GOAL).steps_to(GOAL))
    found |= {"samples": list(cell["samples"]), "samples_steps": steps}
    few = signed("sphere", CERTIFIED_N, 1, d=d, seed=seed)
    found |= certified(few.x, few.y, CERTIFIED_DEPTHS, seed)
    progress(0.5)
    return found | over_width(x, y, widths, seed)


def run(cells: Sequence[Params], progress: Progress) -> list[Outcome]:
    """All seeds of one setting: SGD side by side, chains one after another."""
    trained = by_sgd(cells, lambda share: progress(0.5 * share))
    made = []
    for at, (cell, values) in enumerate(zip(cells, trained, strict=True)):
        begin = 0.5 + 0.5 * at / len(cells)

        def told(share: float, begin: float = begin) -> None:
            progress(begin + 0.5 * share / len(cells))

        made.append(outcome({**values, **by_descent(cell, told)}, digits=6))
    return made
