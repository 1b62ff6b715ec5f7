"""Over-realised students of a relu teacher whose nodes are unequally strong: Tian (2019).

Students with 1, 2, 5 and 10 nodes for every node of a two-layer teacher see examples of it. The fan-out of teacher node i is
divided by (i + 1)^decay. Which nodes are found, when, and what becomes of the gradient of every single example?
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DIMENSION, N, RATE, SEED, STEPS, Axis, Claim, Control, Estimate, Hero, Params, UsageError,
    World, arm, charts, grid, later, line, on_average, per_seed, planned, power_law, preferred, profiles,
    scalar, study)  # fmt: skip

FACTORS = (0.5, 1.0, 2.0, 5.0, 10.0)
NAMES = {0.5: "0_5", 1.0: "1", 2.0: "2", 5.0: "5", 10.0: "10"}
DECAYS = (0.0, 0.5, 1.0, 1.5)

AXES = (
    Axis("data", "Law of the inputs: Gaussian, of standard deviation 1.5.", str, "gaussian", choices=("gaussian",), flag="data"),
    DIMENSION.but(default=30, help="Features."),
    Axis("nodes", "Hidden nodes of the teacher.", int, 10, low=4, high=100, flag="nodes"),
    Axis("outputs", "Targets.", int, 20, low=1, high=1000),
    Axis("decay", "Exponent p: the fan-out of teacher node i is divided by (i + 1)^p.", float, 0.0, low=0.0, high=5.0,
         flag="decay"),
    Axis("factors", "Student nodes for every teacher node, all in one cell.", float, FACTORS, low=0.5, high=10.0,
         inside_cell=True),
    Axis("deep_factor", "The same for students of two hidden layers.", int, 5, low=1, high=20),
    Axis("deep_rate", "Learning rate of students of two hidden layers.", float, 0.004, low=1e-6),
    N.but(default=10_000, help="Training examples."), STEPS.but(default=20_000, low=100, help="Steps of SGD."),
    BATCH.but(default=16), RATE.but(help="Learning rate of SGD without momentum.", default=0.01),
    SEED.but(help="Draws the teacher, the examples, the start and the minibatches."))  # fmt: skip

PROFILES = profiles(
    {"data": "gaussian", "nodes": 10, "factors": FACTORS, "n": 10_000, "batch": 16, "learning_rate": 0.01},
    quick=("10 nodes in 30 dimensions, two decays, 12,000 steps, 5 seeds: about a minute on two cores",
           {"d": 30, "outputs": 20, "decay": (0.0, 1.0), "steps": 12_000, "seed": planned(5)}),
    laptop=("10 nodes in 100 dimensions, 50 targets, four decays, 20,000 steps, 5 seeds",
            {"d": 100, "outputs": 50, "decay": DECAYS, "steps": 20_000, "seed": planned(5)}),
    paper=("the published sweep: 4 widths (and one below), 5, 10 and 20 nodes, 6 decays, 100,000 steps, 32 seeds: hours",
           {"d": 100, "outputs": 50, "nodes": (5, 10, 20), "decay": (0.0, 0.5, 1.0, 1.5, 2.0, 2.5), "steps": 100_000,
            "seed": planned(32)}))  # fmt: skip

# what is measured: lines over the width, and over the steps of students of one width
factor, step = grid("factor", words="student nodes a teacher node"), grid("step", words="step")
coverage = line("coverage", "share of teacher nodes found", "points", times=100)
cover_time = line("cover_time", "steps to 80 % of the nodes")
ranks = line("order", "rank correlation of a node's place with the time at which it is learnt")
unmatched = line("unmatched", "what the mean best correlation lacks to 1")
weak = line(
    "weak_over_strong",
    "what the weaker half of the nodes lacks to a correlation of 1, over what the stronger half lacks",
)
thin = scalar("thin", "size of student nodes that match no node over that of those that do, widest student")
final_loss = line("final_loss", "loss at the end")
SMALLEST = 3e-4  # gradient from which on float32 tells little
HERE, EQUAL = preferred(1.0), arm("equally strong nodes", decay=0.0)
EQUAL_STEPS = EQUAL.but("equally strong nodes", x="step")
UNEQUAL = arm("nodes of unequal strength", decay=HERE)


def akaike(found: Any, times: Any) -> list[float]:
    """Akaike's criterion of an exponential less that of a power law for the logarithm of the largest gradient.

    Both have two parameters. The points are those from the largest value on, above what float32 tells.
    """
    import numpy as np

    out, at = [], np.asarray(times, float)
    for row in np.asarray(found, float):
        if not row.size or not np.isfinite(row).all():
            out.append(np.nan)
            continue
        some = (np.arange(len(row)) >= int(row.argmax())) & (row > SMALLEST)
        if some.sum() < 5:
            out.append(np.nan)
            continue
        y = np.log(row[some])
        rest = [np.square(y - np.polyval(np.polyfit(x, y, 1), x)).sum() for x in (at[some], np.log(at[some]))]
        out.append(float(some.sum() * np.log(rest[0] / rest[1])))
    return out


def aligning(found: Any, miss: Any) -> list[float]:
    """Slope of the logarithm of what is missing to a correlation of 1 over that of the largest gradient, late in the run."""
    import numpy as np

    out = []
    for g, rest in zip(np.asarray(found, float), np.asarray(miss, float), strict=True):
        some = (np.arange(len(g)) >= len(g) // 2) & (g > SMALLEST) & (rest > 1e-6)
        out.append(float(np.polyfit(np.log(g[some]), np.log(rest[some]), 1)[0]) if some.sum() >= 5 else np.nan)
    return out


def late_law(name: str) -> Any:
    """How much better a power law describes the fall of the largest gradient than an exponential."""
    words = f"Akaike's criterion of an exponential less that of a power law, largest gradient of one example, {name}"
    return per_seed(akaike, words, line(f"gradient_{name}", "gradient"), step)


def together(name: str, miss: str) -> Any:
    """How the alignment of nodes follows the largest gradient of one example."""
    words = "power of the largest gradient of one example with which 1 - correlation falls, second half of the probe times"
    return per_seed(aligning, words, line(name, "gradient"), line(miss, "1 - correlation"))


# planted worlds: five seeds in which all is true; equally strong nodes are all found by every width, and are learnt in no order
AT = tuple(20 * 1.18**i for i in range(40))
WIDTHS = World(
    ("factor", FACTORS), arms={"decay": (0.0, 1.0)}, seeds=5, straight=("coverage", "order"), apart=False,
    lines={"coverage": lambda decay: [0.5, 1.0, 1.0, 1.0, 1.0] if decay == 0 else [0.3, 0.65, 0.9, 0.97, 1.0],
           "order": lambda decay: [0.1] * 5 if decay == 0 else [0.9] * 5,
           "unmatched": lambda decay: [0.4, *[1e-4] * 4] if decay == 0 else [0.5, 0.2, 0.05, 0.01, 0.002],
           "weak_over_strong": lambda decay: [1.0] * 5 if decay == 0 else [20.0, 50.0, 10.0, 5.0, 2.0],
           "cover_time": lambda decay: [12e3, 3e3, 2.5e3, 2.2e3, 2e3] if decay == 0 else [12e3, 12e3, 6e3, 4.5e3, 4e3],
           "final_loss": lambda decay: [1e-2, 1e-11, 1e-6, 1e-5, 1e-4]}, numbers={"thin": 0.2, "thin_first": 1.0},
    spread={"coverage": 0.015, "order": 0.05, "unmatched": 0.2, "weak_over_strong": 0.3, "cover_time": 0.1, "final_loss": 0.3,
            "thin": 0.1, "thin_first": 0.1},
    fixed={"observed": 0.3})  # fmt: skip
EXPONENTIAL = [max(1e-5, 10 * 2.718281828 ** (-t / 300)) for t in AT]
PATHS = World(
    ("step", AT), arms={"decay": (0.0, 1.0)}, seeds=5, fixed={"observed": 0.3},
    lines={**{f"gradient_{name}": power_law(-1.0, 200.0) for name in NAMES.values()}, "gradient_1": EXPONENTIAL,
           **{f"miss_{name}": power_law(-1.0, 20.0) for name in NAMES.values()}, "gradient_0_5": power_law(-0.02, 5.0),
           "miss_0_5": power_law(-0.0, 0.8), "deep_gradient": power_law(-1.0, 200.0), "deep_miss": power_law(-0.5, 1.0)},
    spread={**{f"{of}_{name}": 0.1 for of in ("gradient", "miss") for name in NAMES.values()}, "deep_gradient": 0.1,
            "deep_miss": 0.1})  # fmt: skip


def only_unequal(metric: str, *values: float) -> World:
    """The planted world with other values where nodes are of unequal strength."""
    equal = WIDTHS.lines[metric]
    return WIDTHS.but(lines={metric: lambda decay: equal(decay) if decay == 0 else list(values)})


TIAN = "tian2019"
SCOPE = (
    "The abstract: two-layer networks, SGD, teacher nodes with fan-outs of unequal size; no sizes, widths or steps.",
    "Here: the setting of its published code at the smallest sizes that decide (profile paper: as published), data from a grid "
    "that the code leaves out, and a fixed number of steps.")  # fmt: skip
NEVER_SMALL = "The theorem speaks of gradients below a small constant that is not given: none here is known to be below it."
SEEN = (
    on_average(
        "every teacher node is observed: some examples lie on either side of its boundary",
        scalar("observed", "smaller share of examples on one side of a node"),
        at_least=0.05,
    ),
)
ALL_EQUAL = Control("Equally strong nodes.", EQUAL)

CLAIMS = (
    Claim("strong-first", "Teacher nodes with a large fan-out are learnt first.", ("L43",), TIAN,
          ranks.at(factor.near(5)).at_least(0.7).contradicted(below=0.0), UNEQUAL, ALL_EQUAL, SEEN, chart="order",
          form="direction", scope=(*SCOPE, "Nodes that the run never learns are tied after all others. 0.7 is ours."),
          effect=WIDTHS, null=(only_unequal("order", *[0.7] * 5),), limit=(only_unequal("order", *[0.0] * 5),),
          against=only_unequal("order", *[-0.6] * 5)),
    Claim("weak-left", "Subtle teacher nodes are left unlearnt until late: of students as many as teacher nodes, those of the "
                       "weaker "
          "half lack twice as much to a full match at the end as those of the stronger half, or more.", ("L43",), TIAN,
          weak.at(factor.near(1)).geometric().at_least(2.0).contradicted(below=1.0), UNEQUAL, ALL_EQUAL, SEEN, chart="nodes",
          form="direction", scope=(*SCOPE, "Twice is ours."), effect=WIDTHS,
          null=(only_unequal("weak_over_strong", 9.0, 2.0, 2.0, 2.0, 2.0),),
          limit=(only_unequal("weak_over_strong", 9.0, 1.0, 1.0, 1.0, 1.0),),
          against=only_unequal("weak_over_strong", 9.0, 0.2, 1.0, 1.0, 1.0)),
    Claim("covers", "Students with more nodes than the teacher match more of its nodes: with ten for each the mean correlation "
                    "lacks "
          "at most half of what it lacks with one.", ("L45",), TIAN,
          (unmatched.at(factor.near(10)) / unmatched.at(factor.near(1))).at_most(0.5).contradicted(above=1.0),
          UNEQUAL, Control("Equally strong nodes: all are found at any width.", EQUAL), SEEN, chart="coverage", form="direction",
          scope=(*SCOPE, "Half is ours. What is lacking is taken as at least 1e-4."), effect=WIDTHS,
          null=(only_unequal("unmatched", 0.5, 0.2, 0.2, 0.1, 0.1),), limit=(only_unequal("unmatched", *[0.2] * 5),),
          against=only_unequal("unmatched", 0.5, 0.1, 0.2, 0.3, 0.4)),
    Claim("sooner", "They do so in fewer iterations: to 80 % of the nodes, ten for each need at most 0.7 of the steps of one.",
          ("L45",), TIAN,
          (cover_time.at(factor.near(10)) / cover_time.at(factor.near(1))).at_most(0.7).contradicted(above=1.0), UNEQUAL,
          Control("Half as many nodes as the teacher in place of one for each, against one: none covers so many.",
                  rule=(cover_time.at(factor.near(0.5)) / cover_time.at(factor.near(1))).at_most(0.7)), SEEN,
          chart="cover-time", form="direction", scope=(*SCOPE, "A run that never gets there counts with its last step, which can "
                                                        "hide a gain and not make one. 0.7 is ours."), effect=WIDTHS,
          null=(only_unequal("cover_time", 12e3, 1e4, 8e3, 7.5e3, 7e3),), limit=(only_unequal("cover_time", *[1e4] * 5),),
          against=only_unequal("cover_time", 12e3, 5e3, 6e3, 8e3, 1e4)),
    Claim("not-needed", "Does a student with exactly as many nodes learn a teacher of equally strong nodes, to a loss of one "
                        "millionth: "
          "so that more are not necessary?", ("L45",), TIAN, final_loss.at(factor.near(1)).geometric().at_most(1e-6), EQUAL,
          Control("Half as many nodes.", rule=final_loss.at(factor.near(0.5)).geometric().at_most(1e-6)), SEEN, chart="loss",
          kind="question", effect=WIDTHS,
          null=(WIDTHS.but(lines={"final_loss": lambda decay: [1e-2, 1e-6, 1e-6, 1e-5, 1e-4]}),)),
    Claim("slow", "Convergence to points where every example's gradient is small can be slow: a power law describes the largest "
          "gradient of one example better than an exponential, by 10 of Akaike's criterion.", ("L44",), TIAN,
          late_law("10").at_least(10.0), EQUAL_STEPS,
          Control("As many nodes as the teacher: exponential.", arm("one student node for each", decay=0.0, x="step",
                                                                    metrics={"gradient_10": "gradient_1"})),
          SEEN, chart="gradient", form="exists", scope=(*SCOPE, "'It could take a long time': no rate is given. 10 is ours."),
          effect=PATHS, null=(PATHS.but(gradient_10=EXPONENTIAL),)),
    Claim("aligned", "As every example's gradient gets small, every teacher node gets a student node that is aligned with it: "
                     "what "
          "is missing to a correlation of 1 falls at least with the power 0.5 of the largest gradient.", ("L42",), TIAN,
          together("gradient_5", "miss_5").at_least(0.5), EQUAL_STEPS,
          Control("Half as many student nodes as the teacher has, which the theorem excludes.", arm(
              "half as many", decay=0.0, x="step", metrics={"gradient_5": "gradient_0_5", "miss_5": "miss_0_5"})), SEEN,
              chart="miss",
          form="direction", scope=(*SCOPE, "The theorem is a bound with constants that are not at hand; 0.5 is ours. Judged on "
                                           "the "
                                   "worst teacher node; all are observed."), effect=PATHS,
          null=(PATHS.but(miss_5=power_law(-0.5, 1.0)), PATHS.but(miss_5=power_law(0.0, 0.5))), outside=NEVER_SMALL),
    Claim("aligned-deep", "The same holds for the lowest layer of a network with several hidden layers.", ("L42",), TIAN,
          together("deep_gradient", "deep_miss").at_least(0.25), EQUAL_STEPS,
          Control("Half as many student nodes as a two-layer teacher has.", arm(
              "half as many", decay=0.0, x="step", metrics={"deep_gradient": "gradient_0_5", "deep_miss": "miss_0_5"})), SEEN,
              chart="deep",
          form="direction", scope=(*SCOPE, "Two hidden layers; the mean over teacher nodes of the lowest, five student nodes "
                                           "for each. "
                                   "0.25 is ours."), effect=PATHS,
          null=(PATHS.but(deep_miss=power_law(-0.25, 1.0)), PATHS.but(deep_miss=power_law(0.0, 0.5))), outside=NEVER_SMALL),
    Claim("l-shape", "Do student nodes that match no teacher node stay small, at half the size of those that do or less (norm of "
          "incoming times norm of outgoing weights)?", ("L42",), TIAN, thin.geometric().at_most(0.5), EQUAL,
          Control("At the first probe, of nodes of lower and higher correlation.", arm(
              "at the first probe", decay=0.0, metrics={"thin": "thin_first"})), SEEN, chart="size", kind="question",
          effect=WIDTHS, null=(WIDTHS.but(numbers={"thin": 0.5}),)),
    Claim("higher-loss", "Where nodes are equally strong, do ten student nodes for each end at a loss ten times higher or more "
                         "than "
          "one for each?", ("L44",), TIAN, (final_loss.at(factor.near(10)) / final_loss.at(factor.near(1))).at_least(10.0), EQUAL,
          Control("From five for each to ten.",
                  rule=(final_loss.at(factor.near(10)) / final_loss.at(factor.near(5))).at_least(10.0)), SEEN, chart="loss",
          kind="question", effect=WIDTHS.but(final_loss=[1e-2, 1e-11, 1e-6, 1e-5, 2e-5]),
          null=(WIDTHS.but(final_loss=[1e-2, 1e-6, 1e-5, 1e-5, 1e-5]),)))  # fmt: skip

STUDENTS = {name: f"{value:g} student node{'s' * (value != 1)} for each" for value, name in NAMES.items()}
BY_STEP = {"x": {"step": "step"}}
CHARTS = charts(
    {"factor": "student nodes for each teacher node"}, ("decay", "decay of the fan-outs"),
    coverage=("More student nodes cover more teacher nodes", "share of teacher nodes found", {"coverage": "correlation above "
        "0.95"}),
    nodes=("Which nodes are found", "correlation of the best student node",
           {f"found_{name}": words for name, words in STUDENTS.items()}, {"x": {"node": "lin teacher node, strongest first"}}),
    order=("Are strong nodes learnt first?", "rank correlation of place and time", {"order": "place of a node and time at "
        "which it is learnt"},
           "Nodes that are never learnt are tied after all others."),
    learnt=("When nodes are learnt", "log first step with a correlation of 0.9",
            {f"learnt_{name}": words for name, words in STUDENTS.items()},
            "A node that is never learnt is drawn at the last step.", {"x": {"node": "lin teacher node, strongest first"}}),
    cover_time=("Steps to 80 % of the nodes", "log step", {"cover_time": "80 % of the nodes"},
                "A student that does not get there is drawn at the last step."),
    loss=("How the loss falls", "log loss on fresh examples", {f"loss_{name}": words for name, words in STUDENTS.items()},
    BY_STEP),
    gradient=("The largest gradient of a single example", "log norm", {f"gradient_{name}": words for name,
    words in STUDENTS.items()},
              BY_STEP),
    miss=("What is missing to alignment", "log 1 - correlation of the teacher node that is matched worst",
          {f"miss_{name}": words for name, words in STUDENTS.items()}, BY_STEP),
    deep=("Two hidden layers", "log value", {"deep_miss": "1 - mean correlation, lowest layer", "deep_gradient": "largest "
        "gradient"}, BY_STEP),
    size=("The L-shape, as it grows", "log norm of incoming times norm of outgoing weights", {"size": "widest student"},
          "Student nodes by their best correlation with a teacher node, means in seven bins, at every fourth probe time.",
          {"x": {"correlation": "lin best correlation with a teacher node"}, "frame": ("size_step", "step")}))  # fmt: skip

VALUES = (
    "factor", "step", "node", "strength", "observed", "coverage", "final_loss", "cover_time", "never", "order", "unmatched",
    "weak_over_strong", "thin", "thin_first", "correlation", "size", "size_step", "deep_gradient", "deep_miss", "deep_loss",
    *(f"{of}_{name}" for of in ("loss", "gradient", "miss", "found",
    "learnt") for name in NAMES.values()))  # fmt: skip


def refuse(cell: Params) -> None:
    """Refuse sizes with which a teacher or a student cannot be made.

    Nodes have weights from -0.5 to 0.5 in quarters. Of (5^d - 1)/2 pairs of opposite vectors that are not 0 the (3^d - 1)/2
    with entries of -0.5, 0 and 0.5 are twice another one: (5^d - 3^d)/2 lines are left, of which no two are parallel.

    Raises:
        UsageError: more nodes than lines, more rows of a batch than examples, or factors without a place in a cell.
    """
    d, factors = cell["d"], list(cell["factors"])
    if d < 5 and cell["nodes"] > (lines := (5**d - 3**d) // 2):
        raise UsageError(
            f"--nodes: expected at most {lines} in {d} dimensions, where more teacher nodes would be parallel, got "
            f"{cell['nodes']}. Raise --d."
        )
    if not set(factors) <= set(FACTORS) or len(set(factors)) < len(factors):
        raise UsageError(
            f"--factors: expected some of {', '.join(f'{one:g}' for one in FACTORS)}, each once, got "
            f"{', '.join(f'{one:g}' for one in factors)}. Choose among these."
        )
    if cell["batch"] > cell["n"]:
        raise UsageError(
            f"--batch: expected at most {cell['n']}, as many as examples, got {cell['batch']}. Take a smaller one, or raise --n."
        )


def estimate(cell: Params) -> Estimate:
    """Steps of students of every width, and looks at forty probe times; both as measured on one core, and a third more."""
    refuse(cell)
    students, width = len(cell["factors"]) + 1, cell["nodes"] * sum(cell["factors"])
    deep = (2 * cell["deep_factor"] * cell["nodes"]) * (cell["decay"] == 0)
    step = 1.1e-5 * students + 2e-9 * (width + deep) * (cell["d"] + cell["outputs"])
    look = 1.5e-8 * cell["n"] * cell["d"] * students + 1.3e-4 * width
    seconds = cell["steps"] * step + 40 * look
    return Estimate(2.0 + seconds, 4.0 * cell["n"] * (cell["d"] + cell["outputs"]) * 3 + 1e8)


STUDY = study(
    name="teacher-student", title="Students with more nodes than their teacher",
    question="Which teacher nodes do students find, when, and do more student nodes help?", x="factor", sources=("tian2019",),
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, hero=Hero("coverage"),
    work=later("overparam.studies.teacher_student_work:run"), estimate=estimate, values=VALUES, stack_limit=8,
    stack_by=tuple(axis.name for axis in AXES if axis.name not in ("seed", "decay")), stack_whole=("decay",),
    cell_version=2,
    work_history=("Cells of one seed, which had equal inputs and minibatches before, share one array of inputs; equal up to "
                  "rounding.",
                  "All cells are measured on the same test inputs, which were those of the first seed of a stack: a cell "
                  "depended on which seeds were trained beside it.",),
    differences=(
        "Weights of teachers are drawn from a grid that the published code refers to and never defines; -0.5 to 0.5 in "
        "quarters, that "
        "of its sibling repository, is a guess. float32 in place of double precision: losses below about 1e-11 tell nothing.",
        "Profiles quick and laptop have 10 teacher nodes and fewer steps than the 100,000 of the published sweep; half as many "
        "student "
        "nodes as teacher nodes are added, as a control.",
        "A node counts as learnt from a correlation of 0.9 at one of forty probe times; nodes that are not learnt by the end are "
        "tied after all others. Where fan-outs do not decay, the place of a node says nothing of its strength.",
        "The published fan-outs of nodes that match nothing are about 0; here they are about half of the others' after this "
        "many steps. "
        "Norm of incoming times outgoing weights, which does not depend on how a node shares its size between them, tells more.",
        "More student nodes than teacher nodes are called necessary for alignment; a student with exactly as many finds "
        "equally strong "
        "nodes too, and ends at a lower loss.",
        "Several layers: two hidden layers of as many nodes as the two-layer teacher, five students for each, against "
        "50-75-100-125 "
        "nodes and ten for each in the published code."))  # fmt: skip
