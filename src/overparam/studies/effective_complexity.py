"""Effective model complexity (EMC), the critical size, and what moves it (Nakkiran et al. 2020).

A cell is one setting: it trains a network at every width on n samples, or searches at a few widths for EMC, the largest
number of samples that is learnt. Settings are compared with a base seed by seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from overparam.core import (FRESH, BATCH, DATA, MOMENTUM, N, N_TEST, NOISE, NOISE_KIND, RATE, ROWS, SEED, STEPS, WIDTH, Arm,
    Axis, Claim, Control, FitRule, MissingEvidence, Need, Number, Rule, Series, World, arm, charts, complete,
    enough_noise, grid, inside, later, line, on_average, one_draw, per_seed, planned, profiles, study)  # fmt: skip


class Setting(NamedTuple):
    """What a cell trains: a label, then what is changed against the base."""

    label: str
    noisy: bool = True  # whether labels are replaced at the study's rate
    samples: int = 1  # in units of the study's n
    steps: int = 1  # in units of the study's T
    augmented: bool = False  # whether each sample comes with shifted copies
    redrawn: bool = False  # whether everything random has seeds of its own
    search: bool = False  # whether it searches for EMC at a few widths, in place of training every width


ARMS = {
    "base": Setting("base: label noise, n samples, T steps"),
    "clean": Setting("clean labels", noisy=False),
    "samples": Setting("2n samples, T steps", samples=2),
    "samples-epochs": Setting("2n samples, 2T steps", samples=2, steps=2),
    "shifted": Setting("with shifted copies", augmented=True),
    "epochs": Setting("4T steps", steps=4),
    "repeat": Setting("base with other seeds", redrawn=True),
    "emc": Setting("label noise, T steps", search=True),
    "emc-clean": Setting("clean labels, T steps", noisy=False, search=True),
    "emc-epochs": Setting("label noise, 4T steps", steps=4, search=True),
}
SIZES = tuple(name for name, one in ARMS.items() if not one.search)
SEARCHES = tuple(name for name, one in ARMS.items() if one.search)
GRID = (6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181)  # 2^(k/2), rounded

AXES = (
    DATA,
    Axis("arm", "What is trained: the base, one change of it, or a search for EMC.", str, choices=tuple(ARMS),
         flag="arms"),
    N.but(help="Training samples of the base.", default=1000),
    WIDTH.but(help="Units in each of the two hidden layers, all in one cell.", default=GRID[1:-1], inside_cell=True),
    Axis("emc_width", "Widths at which EMC is searched for, all in one cell.", int, (11, 16, 23, 32), low=1,
         inside_cell=True, flag="emc-widths"),
    NOISE.but(help="Share of training labels replaced in every arm but the clean ones, 0 to 1.", default=0.2),
    NOISE_KIND.but(default="exclusive"), STEPS.but(help="Training steps T of the base.", default=5000, flag="steps"),
    BATCH, RATE, MOMENTUM,
    Axis("tolerance", "Training error that counts as learnt, a share.", float, 0.1, low=0, high=1),
    Axis("draws", "Training sets over which a search averages the training error.", int, 2, low=1),
    Axis("copies", "How often a sample occurs in the arm with shifted copies, itself included.", int, 3, low=1),
    N_TEST.but(help="Test samples kept aside; the others join the pool that training sets are drawn from.",
               default=6000, low=1),
    SEED.but(help="Draws the training samples, the label noise, the initialisation and the minibatches.", default=None),
)  # fmt: skip

PROFILES = profiles(
    {**{axis.name: axis.default for axis in AXES}, "data": "mnist1d", "arm": tuple(ARMS), "seed": planned(10)},
    quick=("MNIST-1D, 500 samples, 6 widths from 6 to 32, 400 epochs, 10 seeds: about a minute on two cores. What moves the "
           "critical size; the searches for EMC, and the peak of the test error, are left to the profile laptop.",
           {"arm": SIZES, "width": GRID[:6], "emc_width": (8, 16), "n": 500, "steps": 2000}),
    laptop=("MNIST-1D, 1,000 samples, 9 widths from 8 to 128, 500 epochs, 10 seeds, EMC at 4 widths: some six minutes "
            "on two cores.", {}),
    paper=("MNIST-1D, 4,000 samples, 8 widths from 16 to 181, 2,000 epochs, 10 seeds, EMC at 4 widths: some hours. "
           "Still the small network on MNIST-1D, not their ResNet18 on CIFAR.",
           {"width": GRID[3:], "emc_width": (23, 32, 45, 64), "n": 4000, "steps": 80_000}))  # fmt: skip
LARGE = ("laptop", "paper")

# what is measured at every width: where the training error first falls to the tolerance, and the peak of the test error
width = grid("width")
train = line("train_error", "training error", "%", times=100)
test = line("test_error", "test error", "points", times=100)
BOTH, UNDERFIT = ("train_error", "test_error"), train.first_below(20.0)
hump = test.hump(left=UNDERFIT.before)
STANDS = (
    on_average("peak", hump.top - hump.low, at_least=1.0),
    on_average("fall", hump.top - test.last, at_least=1.0),
)


def critical_widths(train: Any, widths: Any, rows: Any) -> list[float]:
    """Critical width of each seed in units, read on log width between grid points; an end of the grid beyond it."""
    from overparam.studies.effective_complexity_work import critical_width

    most, ends = 100.0 * rows[0][0]["tolerance"], (widths[0], widths[-1])
    return [min(max(critical_width(widths.tolist(), one, most), ends[0]), ends[1]) for one in train.tolist()]


def steps_from_fit(peak: Any, train: Any, rows: Any, most: float | None = None) -> list[float]:
    """Grid steps from the smallest width that each seed learns at (or falls to an error at), if any, to its peak."""
    learnt = train <= (100.0 * rows[0][0]["tolerance"] if most is None else most)
    return [at - one.argmax() for at, one in zip(peak, learnt, strict=True) if one.any()]


critical = per_seed(critical_widths, "critical width", train, width, ROWS, unit="units")


def setting(name: str) -> Arm:
    """The cells of one arm."""
    return arm(ARMS[name].label, complete=() if ARMS[name].search else BOTH, arm=name)


def ratio(above: Number, below: Number) -> Rule:
    """A critical width is at least a tenth larger than another; the other way round contradicts."""
    return (above / below).at_least(1.1).contradicted(below=1.0)


def medians(*names: str) -> Callable[[Any], str]:
    """A remark: the median critical width in the base and in other arms."""

    def note(view: Any) -> str:
        ends = (view.grid("")[0], view.grid("")[-1])
        found = {name: median(view.read(critical.on(setting(name))).y.tolist()) for name in ("base", *names)}
        told = (f"{name} {'beyond the grid' if x in ends else format(x, '.3g')}" for name, x in found.items())
        return f"Median critical width: {', '.join(told)}."

    return note


# what is measured by the searches: EMC by width
def emc_table(rows: Any) -> Any:
    """EMC of each seed at each width; NaN at the widths where some search hit an end of the grid of sample sizes."""
    import numpy as np

    rows = sorted(rows, key=lambda row: row[0]["seed"])
    table = np.array([values["emc"] for _, values in rows], dtype=np.float64)
    return np.where(np.any([values["emc_censored"] for _, values in rows], axis=0), np.nan, table)


def judged(*tables: Any, least: int = 1) -> list[Any]:
    """Logarithms of EMC at the widths where no search of any arm hit an end."""
    import numpy as np

    kept = np.all([np.isfinite(table[0]) for table in tables], axis=0)
    if kept.sum() < least:
        told = f"EMC lies inside the grid of sample sizes at {kept.sum()} of {len(kept)} widths"
        raise MissingEvidence(f"{told}, asked at least {least}. Search at other widths (--emc-widths).")
    return [np.log(table[:, kept]) for table in tables]


def growth(table: Any) -> Any:
    """EMC at each judged width over that at the next smaller one."""
    logs = judged(table, least=2)[0]
    found = math.e ** (logs[:, 1:] - logs[:, :-1])
    return found[:, 0] if found.shape[1] == 1 else found


def over(above: Any, below: Any) -> Any:
    """Ratio of EMC between two arms, the geometric mean over the judged widths."""
    one, two = judged(above, below)
    return math.e ** (one - two).mean(axis=1)


def half_over_half(table: Any) -> Any:
    """The second half of the seeds over the first, seed by seed, where nothing differs but the seeds."""
    if len(table) < 4:
        raise MissingEvidence(f"halves of the seeds need at least 4 seeds, got {len(table)}. Add seeds.")
    half = len(table) // 2
    return over(table[half : 2 * half], table[:half])


emc = per_seed(emc_table, "EMC", ROWS, unit="samples")
GROWTH = per_seed(growth, "EMC over EMC at the next smaller width", emc, estimate="geometric")
HALVES = per_seed(half_over_half, "EMC of one half of the seeds over the other half", emc, estimate="geometric")


def emc_over(above: str, below: str) -> Number:
    """EMC of one search over another."""
    words = f"EMC ({ARMS[above].label}) over EMC ({ARMS[below].label}), mean over widths"
    return per_seed(over, words, emc.on(setting(above)), emc.on(setting(below)), estimate="geometric")


def left_out(view: Any) -> str:
    """A remark: the widths at which a search hit an end of the grid."""
    widths = view.rows()[0][1]["emc_width"]
    out = [str(w) for w, value in zip(widths, view.read(emc).y[0], strict=True) if math.isnan(value)]
    return f"Left out, because a search hit an end of the grid: width {', '.join(out)}." if out else ""


def moved(there: Number, sign: int) -> Rule:
    """Each seed's own peak lies further right (1) or left (-1) than in the base, in steps of the grid."""
    words = f"grid steps of the peak to the {'right' if sign > 0 else 'left'} of the base"
    number = per_seed(lambda there, here: sign * (there - here), words, there, hump.step.on(setting("base")),
                      unit="grid steps", estimate="step")  # fmt: skip
    return number.at_least(0.0).contradicted(below=0.0)


PEAK_AT_FIT = per_seed(steps_from_fit, "steps from the smallest width that is learnt to the peak", hump.step, train, ROWS,
                       unit="grid steps", estimate="step").within(-1.0, 1.0)  # fmt: skip
HALF_WAY = per_seed(steps_from_fit, "steps from the smallest width with a training error of 40 % to the peak", hump.step,
                    train, ROWS, 40.0, unit="grid steps", estimate="step").within(-1.0, 1.0)  # fmt: skip
NOISY, FIXED = enough_noise(0.1), one_draw(among={"arm": ("base", "shifted", "epochs")})
PEAK = (NOISY, inside(UNDERFIT), complete(0.2, *BOTH), FIXED, *STANDS)
SHARE = per_seed(
    lambda c, widths: (c > widths[0]) & (c < widths[-1]), "share of seeds inside the grid", critical, width
)
INSIDE = on_average("grid", SHARE, at_least=0.8)


def compared(*names: str) -> tuple[Need, ...]:
    """What a comparison of these arms with the base needs."""
    lost = (complete(0.2, *BOTH).on(setting(name)) for name in ("base", *names))
    return (INSIDE.on(setting("base")), FIXED, *lost)


# planted worlds: cells in which a statement is true by a hair or plainly, with the noise of seeds 0 to 9
FIXED_AXES = {"noise": 0.2, "tolerance": 0.1}
PLANTED, SEARCHED = GRID[1:-1], (11, 16, 23, 32)


def sizes(moved: Mapping[str, float] = {}, at: Mapping[str, Sequence[int]] = {}, rise: float = 0.06) -> World:
    """Training errors that fall through 10 % at critical widths (base: 19), test errors that peak so many steps after it."""

    def test_error(arm: str) -> list[float]:
        first = next(i for i, w in enumerate(PLANTED) if w >= moved.get(arm, 19.0))
        tops = at.get(arm, at.get("", (0,)))
        return [
            0.5 - 0.005 * first + rise if i - first in tops else 0.5 - 0.005 * i for i in range(len(PLANTED))
        ]

    return World(
        ("width", PLANTED), arms={"arm": ("base", "repeat", *moved)}, fixed=FIXED_AXES, seeds=10, level=0.036,
        spread={"train_error": 0.0, "test_error": 0.012}, straight=BOTH,
        lines={"test_error": test_error,
               "train_error": lambda arm: [0.1 + 0.4 * math.log2(moved.get(arm, 19.0) / w) for w in PLANTED]},
        numbers={"wrong_labels": lambda arm: 0.2 * (arm != "clean")})  # fmt: skip


def widths_of(*names: str, sign: int = 1) -> dict[str, Any]:
    """Worlds in which the critical width of arms is a factor away from that of the base."""

    def world(factor: float, other: float = 1.5) -> World:
        return sizes({name: 19.0 * (factor if i == 0 else other) ** sign for i, name in enumerate(names)})

    return {"null": (world(1.1),), "effect": world(1.35, 1.35), "limit": (world(1.0),), "against": world(0.75)}


def searches(factors: Mapping[str, float], power: float = 1.3) -> World:
    """EMC that crosses n = 1000 at width 20, times a factor of each arm."""
    return World(
        ("emc_width", SEARCHED), arms={"arm": tuple(factors)}, fixed=FIXED_AXES, seeds=10, spread={"emc": 0.08},
        lines={"emc": lambda arm: [1000 * factors[arm] * (w / 20) ** power for w in SEARCHED]},
        lists={"emc_censored": (0,) * 4}, numbers={"samples": 1000})  # fmt: skip


def emc_worlds(name: str) -> dict[str, Any]:
    """Worlds in which the EMC of an arm is a factor away from that of the base."""
    null, effect, limit, against = (searches({"emc": 1.0, name: factor}) for factor in (1.2, 1.35, 1.0, 0.85))
    return {"null": (null,), "effect": effect, "limit": (limit,), "against": against}


L54, N20, BASE, EMC = ("L54",), "nakkiran2020", setting("base"), setting("emc")
HILLS = {"samples": 40.0, "epochs": 10.0}
SCOPE = (
    "Nakkiran et al. say so of every training procedure, and show it for ResNets, convolutional networks and Transformers "
    "on images and translation, without numbers for a shift.",
    "Here: a small perceptron on MNIST-1D, SGD with momentum for a fixed number of steps, augmentation by fixed copies.",
)
V2 = "version 2, before seeds 100 and up:"
V3 = "version 3, before seeds 100 and up: where a line reaches a level is read by one function of core, to the same digits."
RATIOS = (
    f"{V2} a ratio by seed with an interval on logarithms in place of a sign test, at least a tenth (ours) to support; "
    "only a shift the other way contradicts.",
    V3,
)
FIFTH = (f"{V2} at least a fifth (ours) to support; only the other direction contradicts.",)
SAME = "The base drawn again with other seeds does not shift the critical width so far."
AGAIN = Control(SAME, setting("repeat"))


def shifts(name: str, sentence: str, *arms: str, sign: int = 1, needs: tuple[Need, ...] = ()) -> Claim:
    """A claim that the critical width of arms is larger (1) or smaller (-1) than that of the base."""
    rules = [ratio(*(critical.on(one), critical.on(BASE))[::sign]) for one in map(setting, arms[1:])]
    rule = ratio(*(critical, critical.on(BASE))[::sign])
    for more in rules:
        rule &= more
    return Claim(
        name, sentence, L54, N20, rule, setting(arms[0]), AGAIN, (*needs, *compared(*arms)), RATIOS, "critical",
        form="direction", scope=SCOPE, note=medians(*arms), **widths_of(*arms, sign=sign))  # fmt: skip


CLAIMS = (
    shifts("noise-shift", "Label noise moves the critical size to larger networks.", "clean", sign=-1, needs=(NOISY,)),
    shifts("samples-shift", "More training samples move the critical size to larger networks.", "samples",
           "samples-epochs"),
    shifts("augmentation-shift", "Data augmentation moves the critical size to larger networks.", "shifted"),
    shifts("epochs-shift", "More epochs of training move the critical size to smaller networks.", "epochs", sign=-1),
    Claim("peak-shift", "The peak of the test error moves with the critical size: to larger networks with more samples, to "
          "smaller ones with more epochs.", L54, N20,
          moved(hump.step, 1) & moved(hump.step.on(setting("epochs")), -1), setting("samples"),
          Control("The base drawn again with other seeds does not move the peak.", setting("repeat")),
          (*PEAK, *compared("samples", "epochs"), *(one.on(setting(name)) for name in ("base", "epochs") for one in STANDS)),
          (f"{V2} steps by seed in place of a sign test; that the peak stands out is a precondition, not a part; with shifted "
           "copies it rises by 0.7 points only (seeds 0 to 9) and cannot be placed, so that arm is left out.", V3),
          chart="arms", form="direction", scope=SCOPE, profiles=LARGE,
          null=(sizes({**HILLS, "epochs": 19.0}, {"": (0, 1)}),), effect=sizes(HILLS),
          limit=(sizes({**HILLS, "epochs": 19.0}, {"": (0, 1)}), sizes({**HILLS, "samples": 19.0}, {"": (0, 1)})),
          against=sizes({"samples": 10.0, "epochs": 40.0})),
    Claim("peak-at-fit", "The test error peaks where effective model complexity equals the number of training samples: at "
          "the smallest width that learns them to 10 %.", L54, N20, PEAK_AT_FIT, BASE,
          Control("The smallest width with a training error of 40 % lies further left.", rule=HALF_WAY), PEAK,
          (f"{V2} peak-at-emc read the same crossing by a search and is no statement of its own any more; that the peak stands "
           "out is a precondition; one grid step of a factor 1.4 is ours and contradicts no one.",), chart="error",
          form="equal", scope=SCOPE, note=medians(), profiles=LARGE,
          null=(sizes(at={"": (1,)}), sizes(at={"": (-1,)})), effect=sizes()),
    Claim("emc-width", "Effective model complexity grows with width.", L54, N20,
          GROWTH.at_least(1.2).contradicted(below=1.0), EMC,
          Control("Two halves of the seeds at the same widths do not differ so far.", rule=HALVES.at_least(1.2)),
          history=FIFTH, chart="emc", form="direction", scope=SCOPE, note=left_out, profiles=LARGE,
          null=(searches({"emc": 1.0}, 0.552),), effect=searches({"emc": 1.0}, 1.2), limit=(searches({"emc": 1.0}, 0.0),),
          against=searches({"emc": 1.0}, -0.5)),
    Claim("emc-epochs", "Effective model complexity grows with the length of training.", L54, N20,
          emc_over("emc-epochs", "emc").at_least(1.2).contradicted(below=1.0), EMC,
          Control("Two halves of the seeds at the same steps do not differ so far.", rule=HALVES.at_least(1.2)),
          history=FIFTH, chart="emc", form="direction", scope=SCOPE, note=left_out, profiles=LARGE,
          **emc_worlds("emc-epochs")),
    Claim("emc-noise", "Label noise lowers effective model complexity.", L54, N20,
          emc_over("emc-clean", "emc").at_least(1.2).contradicted(below=1.0), EMC,
          Control("Two halves of the seeds at one noise do not differ so far.", rule=HALVES.at_least(1.2)), (NOISY,),
          FIFTH, "emc", form="direction", scope=SCOPE, note=left_out, profiles=LARGE,
          **emc_worlds("emc-clean")))  # fmt: skip


def _by_arm(metric: str, names: Sequence[str]) -> tuple[Series, ...]:
    return tuple(Series(metric, ARMS[name].label, where={"arm": name}) for name in names)


ERROR, NO_FIT, OTHERS = "error (share of samples)", {"fit": False}, [name for name in SIZES if name != "repeat"]
CHARTS = charts(
    {"width": "hidden width", "parameters": "parameters"}, ("", ""),
    emc=("Effective model complexity against width", "log EMC (training samples)",
         (*_by_arm("emc", SEARCHES),
          Series("emc_parameters", "theory: linear least squares, one sample a parameter", True, {"arm": "emc"})),
         "EMC is the largest number of samples that is learnt to a training error of 10 %, on average over training "
         "sets. A search that hits an end of the grid is not drawn. The dashed line is EMC of linear least squares with "
         "as many parameters and random targets.", {"x": {"emc_width": "hidden width", "emc_parameters": "parameters"}}),
    search=("Training error against the number of samples", f"training {ERROR}",
            {f"scan_error_{w}": f"width {w}" for w in GRID[1:8]},
            "The first round of each search, averaged over training sets. EMC is where a line crosses 0.1.",
            {"x": {"scan_n": "training samples"}, "arm": ("arm", "search")}),
    critical=("Critical width of each seed", "log critical width (units)", _by_arm("critical_width", SIZES),
              "Where the training error first falls to 10 %. Each point is one seed; the sign tests compare, seed by "
              "seed, each setting with the base. A critical width outside the grid is not drawn.",
              {"x": {"seed": "lin seed"}}),
    arms=("Test error against width in every setting", f"test {ERROR}", _by_arm("test_error", OTHERS), NO_FIT),
    train=("Training error against width in every setting", f"training {ERROR}", _by_arm("train_error", OTHERS),
           "Against the given labels, copies included where there are any.", NO_FIT),
    error=("Error against width", ERROR, {"test_error": "test", "train_error": "-training, against the given labels"},
           "The test labels are clean: test error counts true mistakes.", {"arm": ("arm", "setting")}))  # fmt: skip


STUDY = study(
    name="effective-complexity", title="Effective model complexity and what moves the critical size",
    question="How many samples can a training procedure learn, and does the peak of the test error follow?", x="width",
    sources=("nakkiran2020",), profile_history=(FRESH,), work_history=(V3.partition(": ")[2].capitalize(),),
    values=("width", "parameters", *BOTH, "samples", "trained_on", "wrong_labels", "critical_width", "emc_width",
            "emc_parameters", "scan_n", "emc", "emc_low", "emc_high", "emc_censored",
            *(f"{name}_{w}" for name in ("scan_error", "visited_n", "visited_error") for w in GRID)), axes=AXES,
    profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=later("overparam.studies.effective_complexity_work:run", ARMS),
    estimate=later("overparam.studies.effective_complexity_work:expected", ARMS), stack_limit=10,
    fit=FitRule("train_error", 0.1, "width", "training error at most 10 %"),
    differences=(
        "The network is a ReLU MLP d-H-H-K on MNIST-1D with SGD at a constant rate; Nakkiran et al. train ResNet18, a "
        "five-layer CNN and Transformers with Adam or a decaying rate. No result here is a rerun of theirs.",
        "A training procedure here is a number of steps, the same for every number of samples: with a number of epochs, "
        "small training sets would see few steps, and EMC would not be a matter of size alone. So twice the samples at T "
        "steps are half the epochs; an arm with twice the steps keeps the epochs, and the claim on samples asks for "
        "both.",
        "There is no augmentation on the fly: each sample comes with a fixed set of copies, moved by 1 to 5 places "
        "around the end and scaled by 0.9 to 1.1, with the label of the sample, wrong or not. The number of steps is "
        "that of the base, and the training error counts the copies.",
        "The critical width is read between grid points on log width. Nakkiran et al. define the critical regime by EMC "
        "close to n without a number for close; here the peak must lie within one grid step of a factor 1.4.",
        "A search for EMC looks at sample sizes a factor 2 apart from n/4 to 4n, then halves the bracket above the "
        "largest that is learnt, down to a factor 1.19, and reads EMC inside it. A larger size that is learnt beyond one "
        "that is not could be missed between the first sizes.",
        "The mean over training sets is over two draws by default, and each seed has draws of its own.",
        "Training sets are drawn from a pool of all samples but 6,000 test samples: the split is not the published one.",
        "Label noise is exclusive (a wrong class), 20 % by default, and drawn once for each sample and seed. A seed changes "
        "everything: training samples, noise, initialisation and minibatch order."))  # fmt: skip
