"""Subset sums of random numbers, and random networks that are pruned to a given one: Lueker (1998), Pensia et al. (2020).

How far the farthest target of [-1, 1] lies from the 2^m sums of m random numbers is found exactly. On it rests an
explicit mask of a random network of twice the depth, whose distance from the target network is proved on a box.
"""

from __future__ import annotations

import itertools
from typing import Any

from overparam.core import (SEED, Axis, Claim, Control, Estimate, Params, Progress, World, arm, charts, computed,
    each_cell, grid, line, planned, power_law, profiles, renamed, study, within, worst)  # fmt: skip

ITEMS, ASKED, FINER = (10, 12, 14, 16, 18, 20), (10.0, 100.0, 1000.0), (16, 64, 256, 1024, 4096)
KINDS = {
    "gap": 1,
    "product_gap": 2,
    "twice_gap": 4,
    "lattice_gap": 4,
    "positive_gap": 4,
}  # of how many draws one is used
SINGLES = 2**18  # numbers of which single ones are tried

AXES = (
    Axis("data", "Inputs at which the two networks are compared beside the proof: uniform on the unit sphere.", str, "sphere",
         choices=("sphere",)),
    Axis("items", "Numbers m of which all sums are formed, in one cell.", int, ITEMS, low=4, high=40, inside_cell=True,
         flag="items"),
    Axis("draws", "Sequences of numbers, over which a cell takes the mean.", int, 16, low=4),
    Axis("finer", "Accuracies 1/eps asked of the mask, in one cell.", float, ASKED, low=2, high=1e6, inside_cell=True,
         flag="finer"),
    Axis("inputs", "Inputs of the target network.", int, 16, low=1),
    Axis("hidden", "Units of each of its hidden layers.", int, 16, low=1),
    Axis("layers", "Its layers; the random network has twice as many.", int, 2, low=1),
    Axis("bias", "Standard deviation of its biases.", float, 0.0, low=0.0, high=0.2),
    SEED.but(help="Draws the numbers, the target and the random network."))  # fmt: skip

PROFILES = profiles(
    {"finer": ASKED},
    quick=("10 to 20 numbers, a network 16-16-1, 8 seeds: 15 seconds", {"items": ITEMS, "seed": planned(8)}),
    laptop=("10 to 26 numbers, a network 16-16-1, 10 seeds", {"items": (*ITEMS, 22, 24, 26), "seed": planned(10)}),
    paper=("10 to 32 numbers, 20 seeds; the papers' experiments train networks instead. --items 40 takes over an hour a draw",
           {"items": (*ITEMS, 22, 24, 26, 28, 30, 32), "seed": planned(20)}))  # fmt: skip

# what is measured: lines over the number of sums, the accuracy, and the distance asked
gap = line("gap", "worst distance from a sum")
needed = line("needed", "numbers needed")
tried, finer = line("tried", "products tried a weight"), grid("finer", words="1/eps")
counted = worst("counted", "2^m times the worst distance")
certified = worst("certified_over", "proved distance of the pruned network over that asked")
measured = worst("measured_over", "largest distance seen over that proved")
LATTICE = "numbers rounded to multiples of 1/16"
SLACK = 1e-9  # rounding of the evaluation in float64

SUMS = tuple(2**m for m in ITEMS)
GAPS = World(("sums", SUMS), seeds=8, lines={"gap": power_law(-0.9, 14.0), "lattice_gap": [0.04] * 6,
             "twice_gap": power_law(-0.7, 14.0)}, spread={"gap": 0.2, "lattice_gap": 0.1, "twice_gap": 0.2},
             lists={"counted": [2.0] * 6})  # fmt: skip
NEEDS = World(("accuracy", FINER), seeds=8, lines={"needed": [8.0, 10.5, 12.5, 15.0, 17.0], "one_needed": power_law(1.2, 4.0)},
              spread={"needed": 0.05, "one_needed": 0.1})  # fmt: skip
TRIED = (10.0, 13.4, 16.8)
MASKS = World(("finer", ASKED), seeds=8, lines={"tried": TRIED, "one_tried": power_law(1.0, 40.0)},
              spread={"tried": 0.02, "one_tried": 0.05},
              lists={"certified_over": [0.5] * 3, "shuffled_over": [30.0, 300.0, 3e3], "measured_over": [0.2] * 3})  # fmt: skip

CLAIMS = (
    Claim("falls", "Of m random numbers some subset sum is exponentially near, in m, to every target in [-1, 1].", ("L61",),
          "lueker1998", gap.slope().at_most(-0.5).contradicted(above=0.0), arm("draws from U[-1, 1]"),
          Control("The same numbers rounded to multiples of 1/16, under the same rule: a sum comes no nearer than 1/32.",
                  arm(LATTICE, metrics=renamed("lattice_", "gap"))), chart="gaps", form="bound", effect=GAPS,
          null=(GAPS.but(gap=power_law(-0.5, 1.0)),), limit=(GAPS.but(gap=power_law(0.0, 0.1)),),
          against=GAPS.but(gap=power_law(0.1, 0.05)), scope=(
              "The theorem asks for C log(1/min(eps, delta)) numbers, with a constant that is not given: a fall of any rate "
              "agrees. Asked here is a halving by two numbers at most.",
              "Here the numbers are those of the theorem, 10 to 32 of them; the distance is exact.")),
    Claim("rate", "Does each number nearly halve the worst distance, as the count of the sums allows at best?", ("L61",),
          "lueker1998", gap.slope().within(-1.05, -0.8), arm("draws from U[-1, 1]"),
          Control("Half as many numbers, each of them twice: 3^(m/2) sums are different, 0.79 powers of two a number.",
                  arm("each number twice", metrics=renamed("twice_", "gap"))), chart="gaps", kind="question", effect=GAPS,
          null=(GAPS.but(gap=power_law(-0.8, 5.0)), GAPS.but(gap=power_law(-1.05, 30.0)))),
    Claim("counting", "No numbers do better than counting: 2^m sums leave a target at a distance of at least 2^-m.",
          ("L61",), "pensia2020", counted.at_least(1.0 - SLACK), arm("every draw of every kind, without rounding"),
          chart="gaps", kind="check", null=(GAPS.but(counted=[2.0] * 5 + [0.99]),), effect=GAPS),
    Claim("log", "Numbers are needed in proportion to log(1/eps) at most: from eps = 1/16 to 1/4096, of which the logarithm is "
          "three times as large, at most three times as many.", ("L61",), "lueker1998",
          (needed.last / needed.first).at_most(3.0), arm("draws from U[-1, 1]", x="accuracy"),
          Control("Without sums, one number within eps of every target: hundreds of times as many.",
                  arm("single numbers", x="accuracy", metrics=renamed("one_", "needed"))), chart="needed", form="bound",
          null=(NEEDS.but(needed=[8.0, 10.0, 14.0, 19.0, 24.0]),), effect=NEEDS),
    Claim("mask", "A random ReLU network of twice the depth, wider by a factor that is logarithmic, has a mask under which it "
          "is the target network up to the distance asked, proved on the whole box [-1, 1]^d.", ("L61",), "malach2020",
          certified.at_most(1.0), arm("every distance asked, every seed", x="finer"),
          Control("The same mask with its weights shuffled inside each block: as many are kept, and nothing is near.",
                  arm("shuffled", x="finer", metrics={"certified_over": "shuffled_over"})), chart="mask", form="exists",
          null=(MASKS.but(certified_over=[0.5, 0.5, 1.01]),), effect=MASKS),
    Claim("holds", "The pruned network is nowhere seen farther from its target than is proved.", ("L61",), "malach2020",
          measured.at_most(1.0 + SLACK), arm("unit sphere and corners of the box", x="finer"), chart="mask", kind="check",
          null=(MASKS.but(measured_over=[0.2, 1.001, 0.2]),), effect=MASKS),
    Claim("width", "The products a weight needs grow at most in proportion to log(1/eps): from eps = 0.1 to 0.001, at most "
          "three times as many.", ("L61",), "pensia2020", (tried.at(finer.near(1000)) / tried.at(finer.near(10))).at_most(3.0),
          arm("weights of the mask", x="finer"),
          Control("Without sums, one product near enough to each weight: a hundred times as many.",
                  arm("single products", x="finer", metrics=renamed("one_", "tried"))), chart="width", form="bound",
          null=(MASKS.but(tried=(10.0, 17.0, 30.0)),), effect=MASKS))  # fmt: skip

CHARTS = charts(
    {"sums": "subset sums 2^m"},
    gaps=("How near subset sums come to every target", "log worst distance of a target in [-1, 1]",
          {"gap": "uniform numbers", "product_gap": "products of two (weights of a network)", "twice_gap": "each number twice",
           "lattice_gap": "multiples of 1/16", "positive_gap": "positive numbers alone", "theory_gap": "-theory: at least 2^-m"},
          "Geometric means over the draws of a seed. Positive numbers never come near to -1."),
    needed=("Numbers needed for every target", "log numbers needed",
            {"needed": "subset sums", "one_needed": "single numbers", "theory_needed": "-theory: at least log2(1/eps)"},
            "Of one growing sequence, mean over draws; single numbers of one draw.",
            {"x": {"accuracy": "accuracy 1/eps"}}),
    mask=("A mask of a random network of twice the depth", "log distance from the target network",
          {"certified": "proved on the box", "seen": "largest seen at 2,000 inputs", "shuffled": "the mask shuffled (proved)",
           "one": "one product a weight (proved)", "theory_asked": "-asked"}, {"x": {"finer": "1 / distance asked"}}),
    width=("What a weight asks for", "log numbers",
           {"tried": "products tried a weight", "units": "units an input in the random network",
            "one_tried": "products until one alone is near (expected)", "theory_units": "-theory: Pensia et al. with C = 1"},
           "C is not given in print; the units here follow from the measured law and from the signs that are drawn.",
           {"x": {"finer": "1 / distance asked"}}),
    kept=("Weights that are kept", "log density", {"kept": "share of the random network's weights"},
          {"x": {"finer": "1 / distance asked"}}))  # fmt: skip


@each_cell
def work(cell: Params, progress: Progress) -> dict[str, Any]:
    """Gaps of every kind of numbers, numbers needed, then the masks."""
    found = gaps(cell, within(progress, 0.0, 0.7))
    found |= numbers_needed(cell)
    return found | masks(cell, within(progress, 0.75, 1.0))


def numbers(kind: str, rng: Any, m: int) -> Any:
    """One sequence of a kind, of which the first ones are taken."""
    import numpy as np

    drawn = rng.uniform(-1.0, 1.0, m)
    if kind == "product_gap":
        return drawn * rng.uniform(0.0, 1.0, m)
    if kind == "twice_gap":
        return np.repeat(drawn[: (m + 1) // 2], 2)[:m]
    if kind == "lattice_gap":
        return np.rint(16 * drawn) / 16
    return np.abs(drawn) if kind == "positive_gap" else drawn


def gaps(cell: Params, progress: Progress) -> dict[str, Any]:
    """The worst gap at every m: the geometric mean over the draws, and the least of its products with 2^m."""
    import numpy as np

    from overparam.data.stream import stream
    from overparam.theory.subset_sums import worst_gap

    items = sorted(set(cell["items"]))
    logs = {kind: np.zeros((max(2, cell["draws"] // share), len(items))) for kind, share in KINDS.items()}
    total = sum(len(rows) * 2.0**m for rows in logs.values() for m in items)
    least, done = np.full(len(items), np.inf), 0.0
    for kind, rows in logs.items():
        rng = stream(f"subset-sums {kind}", cell["seed"])
        for row in rows:
            sequence = numbers(kind, rng, items[-1])
            for place, m in enumerate(items):
                one = worst_gap(sequence[:m], most_seconds=1e9)
                row[place] = np.log2(one.distance)
                least[place] = min(least[place], one.high * 2.0**m)
                done += 2.0**m
                progress(min(1.0, done / total))
    means = {kind: np.exp2(rows.mean(axis=0)).tolist() for kind, rows in logs.items()}
    return {
        "sums": [2**m for m in items],
        **means,
        "theory_gap": [2.0**-m for m in items],
        "counted": least.tolist(),
    }


def numbers_needed(cell: Params) -> dict[str, Any]:
    """Numbers of a growing sequence at which every target is within 1/16 to 1/4096 of a sum, or of a single one."""
    import numpy as np

    from overparam.data.stream import stream
    from overparam.theory.subset_sums import worst_gap

    rng, counts = stream("subset-sums needed", cell["seed"]), np.zeros((cell["draws"], len(FINER)))
    for row in counts:
        sequence, place = rng.uniform(-1.0, 1.0, 40), 0
        for m in range(4, 41):
            eps = worst_gap(sequence[:m], most_seconds=1e9).distance
            while place < len(FINER) and eps <= 1 / FINER[place]:
                row[place], place = m, place + 1
            if place == len(FINER):
                break
    singles = rng.uniform(-1.0, 1.0, SINGLES)

    def distance(n: int) -> float:
        points = np.sort(np.append(singles[:n], 0.0))
        return float(max(np.diff(points).max() / 2, points[0] + 1, 1 - points[-1]))

    alone: list[int | None] = []
    for accuracy in FINER:
        low, high = 1, SINGLES
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if distance(middle) <= 1 / accuracy else (middle, high)
        alone.append(high if high < SINGLES else None)
    return {"accuracy": list(FINER), "needed": counts.mean(axis=0).tolist(), "one_needed": alone,
            "theory_needed": np.log2(FINER).tolist()}  # fmt: skip


def masks(cell: Params, progress: Progress) -> dict[str, Any]:
    """A random network for every distance asked, its mask, the proof, and what is seen at inputs."""
    import numpy as np

    from overparam.data import load
    from overparam.data.stream import stream
    from overparam.theory.subset_sums import asked_width, drawn, match_by_pruning, plan
    from overparam.theory.subset_sums.match import value

    rng = stream("subset-sums network", cell["seed"])
    widths = (cell["inputs"], *[cell["hidden"]] * (cell["layers"] - 1), 1)
    weights = [rng.standard_normal((b, a)) for a, b in itertools.pairwise(widths)]
    weights = [one / np.linalg.norm(one, 2) for one in weights]
    some = bool(cell["bias"])
    biases = [np.clip(cell["bias"] * rng.standard_normal(b), -1, 1) for b in widths[1:]] if some else None
    sphere = load(f"{cell['data']}:n=1000,d={max(2, widths[0])},n_test=1,seed={cell['seed']}").x[:, : widths[0]]
    x = np.concatenate([sphere.astype(np.float64), rng.choice([-1.0, 1.0], (1000, widths[0]))])
    rows = []
    asked = sorted(set(cell["finer"]))
    for place, accuracy in enumerate(asked):
        eps = 1 / accuracy
        planned_size = plan(weights, eps, biases=biases)
        random, offsets = drawn(planned_size, rng)
        given: dict[str, Any] = {
            "weights": weights,
            "random_weights": random,
            "biases": biases,
            "random_biases": offsets,
        }
        best = match_by_pruning(**given, tolerance=planned_size.deviation, items=40)
        alone = match_by_pruning(**given, items=40, choose="one")
        other = shuffled(best, given, rng)
        seen = float(np.abs(best.value(x) - value(weights, x, biases)).max())
        sizes = np.abs(np.concatenate([one.ravel() for one in weights]))
        # a product of draws has density log(1/|w|)/2 at w
        expected = (
            float((1 / (-np.log(sizes[sizes < 1]) * planned_size.deviation)).mean())
            if (sizes < 1).any()
            else None
        )
        allowed = asked_width(widths, eps)
        rows.append({
            "finer": accuracy, "certified": best.error, "certified_over": best.error / eps, "shuffled": other,
            "shuffled_over": other / eps, "one": alone.error, "seen": seen, "measured_over": seen / best.error,
            "theory_asked": eps, "tried": float(np.mean([mean for _, mean in best.tried])), "one_tried": expected,
            "units": planned_size.units, "theory_units": float(allowed.pensia[0]) / widths[0], "kept": best.density})  # fmt: skip
        progress((place + 1) / len(asked))
    return {name: [row[name] for row in rows] for name in rows[0]}


def shuffled(best: Any, given: Any, rng: Any) -> float:
    """The proved distance of a mask of which the outgoing weights are shuffled among the units of one input and sign."""
    import numpy as np

    from overparam.theory.subset_sums.bound import target_of
    from overparam.theory.subset_sums.match import proved

    masks = [one.copy() for one in best.masks]
    for first, kept, out in zip(given["random_weights"][::2], masks[::2], masks[1::2], strict=True):
        for block in range(kept.shape[1]):
            for sign in (1, -1):
                units = np.flatnonzero((sign * first * kept)[:, block] > 0)
                for row in out:
                    row[units] = rng.permutation(row[units])
    target = target_of(given["weights"], biases=given["biases"])
    return proved(target, given["random_weights"], given["random_biases"], masks, best.bias_masks).error


def estimate(cell: Params) -> Estimate:
    """Sums of every kind of numbers, about 40 % of which lie in [-1, 1]; then the masks."""
    used = sum(max(2, cell["draws"] // share) for share in KINDS.values())
    seconds = used * sum(4e-9 * 2.0**m + 6e-4 for m in cell["items"]) + 0.02 * cell["draws"]
    weights = cell["inputs"] * cell["hidden"] * 2 + cell["hidden"] ** 2 * max(0, cell["layers"] - 2)
    seconds += sum(weights * 6e-4 * finer**0.12 for finer in cell["finer"])
    return computed(seconds * 8e10 * 0.4, 2.0 ** min(27, max(cell["items"])))


STUDY = study(
    name="subset-sums", title="Subset sums and pruned random networks",
    question="How near do the subset sums of random numbers come to every target, and does a random network contain a given one?",
    x="sums", sources=("lueker1998", "pensia2020", "malach2020", "orseau2020", "he2021"), axes=AXES, profiles=PROFILES,
    claims=CLAIMS, charts=CHARTS, work=work, estimate=estimate, stack_limit=1,
    values=("sums", *KINDS, "theory_gap", "counted", "accuracy", "needed", "one_needed", "theory_needed", "finer", "certified",
            "certified_over", "shuffled", "shuffled_over", "one", "seen", "measured_over", "theory_asked", "tried", "one_tried",
            "units", "theory_units", "kept"),
    differences=(
        "The theorems ask for C log(1/min(eps, delta)) numbers and do not give C. Here the distance of each sequence is exact, "
        "and the network's size follows from a measured law, not from a theorem.",
        "The theorems hold for all targets at once, with a probability over the random network; here one target is drawn for "
        "each random network, and its mask is found and proved.",
        "Inputs of the theorems lie in the ball of norm 1; the proof here is on the box [-1, 1]^d, which is larger.",
        "Targets are random matrices divided by their spectral norms, as the theorems ask, not trained networks.",
        "A mask is found in 2^(m/2) steps a weight, m about 20. The source calls the computation hard: it is in the worst case, "
        "for large m, and nothing about that is judged here.",
        "Orseau et al. draw weights from a law for which the proof is simple (hyperbolic); only uniform weights are tried.",
    ))  # fmt: skip
