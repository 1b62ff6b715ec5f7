"""Wrong labels: they are fitted last, and early stopping is robust to them (Soltanolkotabi 2019, experiments II and III).

A cell is a network trained on images, or on Gaussian inputs with the labels of the images, some of them wrong; or wide
networks on clusters of several radii, beside what the kernel at their start predicts. Lines run over steps, those of
clusters over the radius too.
"""

from __future__ import annotations

from typing import Any

from overparam.core import (BATCH, DATA, HERE, MOMENTUM, N, NOISE, NOISE_KIND, NONE, RATE, SEED, STEPS, WIDTH, Axis,
    Check, Claim, Control, Estimate, Hero, Params, Series, UsageError, World, arm, charts, enough_noise, grid, later, line, need,
    planned, preferred, profiles, scalar, study)  # fmt: skip

TALK, PAPER, LIANG = "soltanolkotabi2019", "li2020", "liang2018"
RADII, GRID = (
    (0.3, 1.0, 3.0),
    1.35,
)  # radii; factor from one probe time of the clusters to the next, at 4,000 steps

AXES = (
    DATA.but(help="Data set of the images: a name or a path. Clusters do not look at it."),
    Axis("inputs", "images; gaussian: noise of the same mean and variance, with the labels of the images; clusters: rows "
         "around ten centres on the unit sphere, in two classes.", str, choices=("images", "gaussian", "clusters")),
    N.but(help="Training samples of the images.", default=1000),
    Axis("validation", "Further samples of the images, with wrong labels too, that choose when to stop.", int, 200, low=10),
    WIDTH.but(help="Units in each hidden layer of the networks on images.", default=256),
    Axis("depth", "Hidden layers of the networks on images.", int, 2, low=1, high=20),
    NOISE.but(help="Share of the labels that are replaced, of the held-out ones as well."),
    NOISE_KIND.but(default="exclusive"), STEPS.but(help="Training steps on images.", default=4000),
    BATCH.but(default=64), RATE.but(default=0.1), MOMENTUM.but(default=0.0),
    Axis("radius", "Radii of the clusters; the centres have norm 1.", float, RADII, low=0, high=1000, inside_cell=True,
         flag="radii"),
    Axis("cluster_steps", "Steps of gradient descent on clusters.", int, 4000, low=100), SEED)  # fmt: skip

PROFILES = profiles(
    {"data": "digits", "inputs": ("images", "gaussian", "clusters"), "noise": (0.0, 0.2, 0.4, 0.6), "radius": RADII,
     "seed": planned(5)},
    quick=("1,000 digits, Gaussian inputs and clusters; no noise, 20 % and 40 %; 192 units, fewer steps at twice the rate, 4 "
           "seeds: under a minute on two cores",
           {"noise": (0.0, 0.2, 0.4), "width": 192, "steps": 2400, "learning_rate": 0.2, "cluster_steps": 1000,
            "seed": planned(4)}),
    laptop=("1,000 digits, Gaussian inputs and clusters; no noise, 20, 40 and 60 %; 5 seeds", {}),
    mnist=("the same on 2,000 images of MNIST, with 500 more to choose when to stop",
           {"data": "mnist", "n": 2000, "validation": 500}),
    paper=("all of MNIST, a network of four layers, 100 passes, 5 seeds: hours on two cores. The talk's pictures give no "
           "sizes; data and depth are recalled from the paper of Li et al.",
           {"data": "mnist", "n": 50_000, "validation": 10_000, "width": 512, "depth": 3, "steps": 78_000}))  # fmt: skip

# what is measured on images: one number a seed; errors and fits are shares, from 0 to 1
best = scalar("best_test_error", "test error at its least over the run")
stopped = scalar("stopped_test_error", "test error where held-out samples with given labels say to stop")
final = scalar("final_test_error", "test error at the end")
HIDDEN = 0.3  # most of the wrong labels that may be fitted when 90 % of the clean part is
LOST = 0.0693  # nats: a label that is not fitted costs ln 2 or more, so that at most 10 % are not

MANY, FEW = preferred(0.4), preferred(0.2)
IMAGES = arm("images, 40 % of the labels wrong", inputs="images", noise=MANY)
RIGHT = arm("images, no label wrong", inputs="images", noise=NONE)
GAUSSIAN = arm("Gaussian inputs, 40 % of the labels wrong", inputs="gaussian", noise=MANY)
CLUSTERS = arm("clusters, 20 % of the labels wrong", inputs="clusters", x="radius", noise=FEW)
saved, honest = final - best, final - stopped

# what is measured on clusters: lines over the radius
radius = grid("radius")
measured, predicted = (
    line("stop", "best time to stop"),
    line("predicted_stop", "that which the kernel predicts"),
)
gap = line("loss_gap", "largest difference of the training loss from the kernel's")
output = line("wrong_output", "mean output times given label on the wrong part over that on the clean part, when 95 % of "
              "this is fitted")  # fmt: skip
distance = line("distance_memorized", "distance when 95 % of the wrong labels are fitted") / line(
    "distance_best", "distance at the best time to stop")  # fmt: skip
times = line("memorized_step", "step at which 95 % of the wrong labels are fitted") / line(
    "clean_step", "step at which 95 % of the clean part is")  # fmt: skip
slower = scalar("memorized_step", "step at which 95 % of the wrong labels are fitted") / scalar(
    "clean_step", "step at which 90 % of the clean part is")  # fmt: skip
away = scalar("distance_then", "distance when 90 % of the clean part is fitted") / scalar(
    "distance_memorized", "distance when 95 % of the wrong labels are")  # fmt: skip


def _apart(view: Any) -> Check:
    """Centres are farther apart than a cluster is wide, at the smallest radius."""
    rows = [values for _, values in view.rows() if values.get("separation")]
    gaps, wide = (
        [one[name][0] for one in rows if one[name][0] is not None] for name in ("separation", "diameter")
    )
    ok = bool(gaps) and all(a > b for a, b in zip(gaps, wide, strict=True))
    told = f"centres {min(gaps):.2g} apart, clusters {max(wide):.2g} wide" if gaps else "no clusters"
    return Check(ok, f"{told} at the smallest radius")


APART = need("apart", "At the smallest radius the centres are farther apart than a cluster is wide.", _apart,
             values=("separation", "diameter"))  # fmt: skip
NOISY = enough_noise(0.1)


def _likeliest(view: Any) -> Check:
    """A label that stays is likelier than any other that a sample may get."""
    found = [
        (one["noise"], one.get("noise_kind", "exclusive"), values.get("classes") or 0)
        for one, values in view.rows()
    ]
    ok = [rate < (1.0 - 1.0 / max(k, 1) if kind == "exclusive" else 1.0) for rate, kind, k in found]
    worst = max((rate for rate, _, _ in found), default=0.0)
    kinds = ", ".join(str(k) for k in sorted({k for _, _, k in found}))
    return Check(bool(ok) and all(ok), f"{worst:.0%} of the labels are drawn among {kinds} classes")


LIKELIEST = need("likeliest label", "With its noise the given label of a sample is still most often the clean one.", _likeliest,
                 values=("classes",))  # fmt: skip

SLIDES = (
    "The slides show it as pictures without numbers, data or sizes; the paper of Li et al. shows MNIST (recalled).",
    "Here a small network on 1,000 digits, SGD without momentum at a constant rate; wrong labels are drawn from the other "
    "classes. The cut-offs are ours and decide support alone; only the opposite contradicts.",
)
THEOREM = (
    "Covers rows of norm 1 in small clusters and wide networks of one hidden layer; how small, how wide and how long is "
    "given up to constants that are not.",
    "Here ten clusters of radius 0.3 in 20 dimensions, 512 GELU units, both layers trained, two classes. The cut-offs are "
    "ours and decide support alone; only the opposite contradicts.",
)


def by(images: Any, gaussian: Any, clean: Any = None) -> Any:
    """A planted number by the arm; without noise as on images, unless it is given."""

    def number(inputs: str, noise: float) -> Any:
        return gaussian if inputs == "gaussian" else images if noise or clean is None else clean

    return number


WORLD = World(
    ("step", (1.0, 2.0)), arms={"inputs": ("images", "gaussian"), "noise": (0.0, 0.4)}, seeds=5,
    numbers={"classes": 10, "best_test_error": by(0.07, 0.87, 0.015), "stopped_test_error": by(0.075, 0.9, 0.02),
             "final_test_error": by(0.30, 0.9, 0.015), "wrong_loss": 0.045, "wrong_loss_at_best": 4.0,
             "wrong_fit_then": by(0.03, 0.9), "test_error_then": by(0.13, 0.9), "memorized_step": by(2400.0, 630.0),
             "clean_step": by(65.0, 530.0), "distance_then": by(0.12, 0.85), "distance_memorized": 1.0},
    straight=("best_test_error", "stopped_test_error", "final_test_error", "test_error_then"),
    spread={"best_test_error": 0.008, "stopped_test_error": 0.008, "final_test_error": 0.02, "wrong_loss": 0.1,
            "wrong_fit_then": 0.25, "test_error_then": 0.015, "memorized_step": 0.2, "clean_step": 0.15,
            "distance_then": 0.12, "distance_memorized": 0.05})  # fmt: skip
DOSE = WORLD.but(noise=(0.2, 0.6), inputs=("images",), best_test_error=0.1,
                 final_test_error=lambda inputs, noise: 0.1 + (0.07 if noise < 0.5 else 0.35))  # fmt: skip
PLANTED = World(
    ("radius", RADII), fixed={"inputs": "clusters", "noise": 0.2}, seeds=5, straight=("wrong_output", "loss_gap"),
    lines={"stop": [20.0, 30.0, 60.0], "predicted_stop": [20.0, 30.0, 61.0], "shuffled_stop": [4000.0, 300.0, 180.0],
           "loss_gap": [0.008, 0.009, 0.01], "shuffled_loss_gap": [0.1, 0.05, 0.01], "wrong_output": [-0.85, -0.6, 0.8],
           "distance_memorized": [11.0, 3.0, 1.0], "distance_best": [1.0, 1.0, 1.0],
           "memorized_step": [1600.0, 60.0, 1.1], "clean_step": [1.0, 1.0, 1.0]},
    numbers={"classes": 2}, lists={"separation": [0.9] * 3, "diameter": [0.58, 1.3, 1.6]},
    spread={"stop": 0.02, "predicted_stop": 0.02, "loss_gap": 0.002, "wrong_output": 0.09, "distance_memorized": 0.2,
            "distance_best": 0.1, "memorized_step": 0.4, "clean_step": 0.1})  # fmt: skip
L3, L37 = ("L3",), ("L37",)
V2 = ("version 2, before any judged seed: noise after which the clean label of a sample is no likelier than others is no case "
      "of what is said.",)  # fmt: skip

CLAIMS = (
    Claim("fitted", "Trained to the end, the network fits the wrong labels too: their mean loss is so small that at most 10 % "
          "of them are not fitted.", ("L2",), TALK, scalar("wrong_loss", "cross-entropy of the wrong part at the end")
          .geometric().at_most(LOST), IMAGES, Control("Where the test error is least, they are not.",
          IMAGES.but("images, at the best time to stop", metrics={"wrong_loss": "wrong_loss_at_best"})), (NOISY,),
          chart="parts", form="exists", scope=SLIDES, null=(WORLD.but(wrong_loss=LOST),), effect=WORLD),
    Claim("costs", "That costs on clean test labels: at the end the test error is 8 points above that of training without "
          "wrong labels.", ("L2",), TALK, (final - final.on(RIGHT)).at_least(0.08).contradicted(below=0.0), IMAGES,
          Control("At the best time to stop it does not cost that much.", rule=(best - best.on(RIGHT)).at_least(0.08)),
          (NOISY, LIKELIEST), V2, chart="error", form="direction", scope=SLIDES,
          null=(WORLD.but(final_test_error=by(0.095, 0.9, 0.015)),), effect=WORLD,
          limit=(WORLD.but(final_test_error=by(0.015, 0.9, 0.015)),),
          against=WORLD.but(final_test_error=by(0.015, 0.9, 0.2))),
    Claim("stopping", "Somewhere on the way the test error is 8 points below that at the end: stopping early is robust to "
          "wrong labels.", L3, TALK, saved.at_least(0.08), IMAGES,
          Control("Without wrong labels stopping saves less.", RIGHT), (NOISY, LIKELIEST), V2, chart="error", form="exists",
          scope=(*SLIDES, "The best time is read on the test labels themselves, so the difference is never below 0."),
          null=(WORLD.but(final_test_error=by(0.15, 0.9, 0.015)),), effect=WORLD),
    Claim("honest", "Stopped by held-out samples whose labels are as wrong, the test error is 8 points below that at the end.",
          L3, TALK, honest.at_least(0.08).contradicted(below=0.0), IMAGES,
          Control("Without wrong labels stopping so saves less.", RIGHT), (NOISY, LIKELIEST), V2, chart="validation",
          form="direction", scope=SLIDES, null=(WORLD.but(final_test_error=by(0.155, 0.9, 0.015)),), effect=WORLD,
          limit=(WORLD.but(final_test_error=by(0.075, 0.9, 0.015)),), against=WORLD.but(stopped_test_error=0.4)),
    Claim("kept", "Do held-out samples with wrong labels keep four fifths of what the best time to stop saves?", (), TALK,
          honest.over_mean_of(saved).at_least(0.8), IMAGES, None, (NOISY,), chart="validation", kind="question",
          null=(WORLD.but(stopped_test_error=by(0.116, 0.9)),), effect=WORLD),
    Claim("dose", "Does stopping early save 5 points more at 60 % of wrong labels than at 20 %?", (), TALK,
          (saved.on(IMAGES.but("60 %", noise=0.6)) - saved.on(IMAGES.but("20 %", noise=0.2))).at_least(0.05), IMAGES, None,
          (NOISY,), chart="error", kind="question", profiles=("laptop", "mnist", "paper"),
          null=(DOSE.but(final_test_error=lambda inputs, noise: 0.1 + (0.07 if noise < 0.5 else 0.12)),), effect=DOSE),
    Claim("clean-first", "When 90 % of the clean part is fitted, the network generalizes (a test error of at most 20 %), and "
          "at most 30 % of the wrong labels are fitted.", ("L3", "L37"), PAPER,
          scalar("wrong_fit_then", "share of the wrong labels that are fitted then").at_most(HIDDEN)
          & scalar("test_error_then", "test error then").at_most(0.2), IMAGES,
          Control("On Gaussian inputs, which have no structure, both parts are fitted at once.", GAUSSIAN),
          (NOISY, LIKELIEST), V2, chart="parts", form="exists", scope=SLIDES, effect=WORLD,
          null=(WORLD.but(wrong_fit_then=by(HIDDEN, 0.9)), WORLD.but(test_error_then=by(0.2, 0.9)))),
    Claim("later", "Wrong labels are memorized later: it takes three times as many steps to fit 95 % of them as to fit 90 % of "
          "the clean part.", L37, LIANG, slower.at_least(3.0).contradicted(below=1.0), IMAGES,
          Control("On Gaussian inputs hardly more.", GAUSSIAN), (NOISY, LIKELIEST), V2, chart="parts", form="direction",
          scope=(SLIDES[0].replace("The slides show it as pictures", "A remark to a theorem,"), *SLIDES[1:]), effect=WORLD,
          null=(WORLD.but(memorized_step=by(195.0, 630.0)),), limit=(WORLD.but(memorized_step=by(65.0, 630.0)),),
          against=WORLD.but(memorized_step=by(30.0, 630.0))),
    Claim("farther", "To fit the wrong labels the network goes far from its start: when 90 % of the clean part is fitted it "
          "has gone less than half of that way.", L3, PAPER, away.at_most(0.5).contradicted(above=1.0), IMAGES,
          Control("On Gaussian inputs more than half.", GAUSSIAN), (NOISY, LIKELIEST), V2, chart="distance", form="direction",
          scope=SLIDES, effect=WORLD, null=(WORLD.but(distance_then=by(0.5, 0.85)),),
          limit=(WORLD.but(distance_then=by(1.0, 0.85)),), against=WORLD.but(distance_then=by(1.5, 0.85))),
    Claim("clusters-first", "On clusters descent fits the clean labels first: when it fits 95 % of them, its outputs on the "
          "wrong part still point to the clean labels.", L3, PAPER, output.first.at_most(-0.5), CLUSTERS,
          Control("At a radius at which there are no clusters they point to the given labels.",
                  rule=output.last.at_most(-0.5)), (NOISY, LIKELIEST, APART), V2, chart="radius-output", form="exists",
          scope=THEOREM, effect=PLANTED, null=(PLANTED.but(wrong_output=[-0.5, 0.0, 0.4]),)),
    Claim("clusters-farther", "On clusters it takes three times the distance, and three times the steps, to fit the wrong "
          "labels.", L3, PAPER, distance.first.at_least(3.0).contradicted(below=1.0)
          & times.first.at_least(3.0).contradicted(below=1.0), CLUSTERS,
          Control("At a radius at which there are no clusters neither.",
                  rule=distance.last.at_least(3.0) & times.last.at_least(3.0)), (NOISY, LIKELIEST, APART), V2,
          chart="radius-distance", form="direction", scope=THEOREM, effect=PLANTED,
          null=(PLANTED.but(distance_memorized=[3.0, 2.0, 1.1]), PLANTED.but(memorized_step=[3.0, 2.0, 1.6])),
          limit=(PLANTED.but(distance_memorized=[1.0, 1.0, 1.0]), PLANTED.but(memorized_step=[1.0, 1.0, 1.0])),
          against=PLANTED.but(distance_memorized=[0.4] * 3)),
    Claim("stopping-time", f"Does the kernel at the start predict the best time to stop within a factor of {GRID}, a probe "
          "time, at every radius?", (), PAPER,
          (measured.at(HERE) / predicted.at(HERE)).within(1 / GRID, GRID).each(radius >= 0), CLUSTERS,
          Control("With the labels shuffled among the rows, not at every radius.",
                  CLUSTERS.but("labels shuffled", metrics={"predicted_stop": "shuffled_stop"})), (NOISY,),
          chart="radius-stop", kind="question", effect=PLANTED,
          null=(PLANTED.but(stop=[20 * GRID, 30.0, 60.0], predicted_stop=[20.0, 30.0, 60.0]),
                PLANTED.but(stop=[20.0, 30.0, 60 / GRID], predicted_stop=[20.0, 30.0, 60.0]))),
    Claim("course", "Does the training loss stay within 0.02 of what the kernel at the start predicts, at every radius and "
          "time?", (), PAPER, gap.at(HERE).at_most(0.02).each(radius >= 0), CLUSTERS,
          Control("With the labels shuffled among the rows, not at every radius.",
                  CLUSTERS.but("labels shuffled", metrics={"loss_gap": "shuffled_loss_gap"})), (NOISY,), chart="clusters",
          kind="question", effect=PLANTED, null=(PLANTED.but(loss_gap=[0.02, 0.01, 0.01]),)))  # fmt: skip


def of(kind: str, **metrics: str) -> list[Series]:
    """Series of one kind of inputs; a label that starts with ``-`` is drawn dashed."""
    return [
        Series(m, label.removeprefix("-"), label.startswith("-"), {"inputs": kind})
        for m, label in metrics.items()
    ]


OVER_RADII = {"x": {"radius": "radius of the clusters"}, "arm_first": 0.2}
FITS = {"clean_fit": "clean part", "wrong_fit": "wrong labels", "corrected": "-wrong part, by its clean labels"}
CHARTS = charts(
    {"step": "training step"}, ("noise", "share of wrong labels"),
    error=("Test error over training, with wrong labels", "error (share of samples)",
           of("images", test_error="test, clean labels", train_error="-training, given labels"),
           "With wrong labels the test error falls, and rises while they are fitted: the end is experiment II of the talk, "
           "the least is experiment III."),
    parts=("Images: the clean part and the wrong labels", "share that is fitted", of("images", **FITS),
           "Of the training samples. The dashed line is the share of wrongly labelled samples that get their clean label."),
    gaussian=("Gaussian inputs: the same", "share that is fitted", of("gaussian", **FITS),
              "Without structure in the inputs the clean part is not first."),
    validation=("How one can know when to stop", "error (share of samples)",
                of("images", test_error="test, clean labels", validation_error="-held-out samples, given labels"),
                "Held-out samples have as many wrong labels as training samples; their least is where a person would stop."),
    distance=("Distance from the start", "log distance over the norm of the start",
              [*of("images", distance="images"), *of("gaussian", distance="-Gaussian inputs")],
              "All parameters as one vector."),
    clusters=("Clusters: error to the clean labels, and what the kernel predicts", "log mean squared error",
              of("clusters", tight_clean_error="smallest radius", tight_predicted="-theory: smallest radius",
                 loose_clean_error="largest radius", loose_predicted="-theory: largest radius"),
              "On the training samples; the network starts from zero outputs. The theory is the decomposition of the labels "
              "along the kernel at the start.", {"arm_first": 0.2}),
    radius_stop=("Clusters: the best time to stop", "log steps",
                 of("clusters", stop="measured", predicted_stop="-theory: kernel at the start",
                    shuffled_stop="-theory, labels shuffled among the rows (control)"),
                 OVER_RADII),
    radius_output=("Clusters: the wrong part when 95 % of the clean part is fitted",
                   "mean output times given label, over that of the clean part",
                   of("clusters", wrong_output="wrong part"),
                   "At -1 wrongly labelled samples get their clean labels as strongly as the others do, at 1 the "
                   "given ones.", OVER_RADII),
    radius_distance=("Clusters: distance from the start", "log distance",
                     of("clusters", distance_best="at the best time to stop",
                        distance_memorized="when 95 % of the wrong labels are fitted, or at the end",
                        predicted_distance="-theory: the latter"), OVER_RADII))  # fmt: skip


def estimate(cell: Params) -> Estimate:
    """A network on images, or one network a radius on clusters by descent on all rows.

    By the clock of a core 1.35 and 3.9 times what products of matrices take: probes of parts, and kernels with their modes.
    """
    from overparam.data import shape_of
    from overparam.sweep.work import check_samples, cost, dense

    clusters = cell["inputs"] == "clusters"
    shape = None if clusters else shape_of(str(cell["data"]))
    if shape:
        check_samples(cell, shape, held=cell["validation"])
    whole, kinds = (cell["n"], shape.classes) if shape else (200, 2)
    if cell["noise_kind"] == "exclusive" and whole - round(cell["noise"] * whole) < kinds:
        raise UsageError(
            f"--noise: expected a share that leaves each of the {kinds} classes a label of its own, got {cell['noise']:g} of "
            f"{whole:,} labels. Take less noise."
        )
    if clusters:
        own = {**cell, "batch": 0}
        found = cost(own, dense(20, 512, 1), steps=cell["cluster_steps"], n=200, tests=1, inputs=20,
                     trained=len(cell["radius"]))  # fmt: skip
        return Estimate(3.9 * found.seconds, found.bytes)
    rows = cell["n"] + cell["validation"]
    assert shape is not None
    found = cost(
        cell, dense(shape.features, *[cell["width"]] * cell["depth"], shape.classes), n=rows, probes=60
    )
    return Estimate(1.35 * found.seconds, found.bytes)


WORK = ("step", "classes", "wrong_labels", "labels_digest", "train_error", "test_error", "test_loss", "clean_fit", "wrong_fit",
        "corrected", "validation_error", "distance", "best_test_error", "stopped_test_error", "final_test_error", "best_step",
        "stopped_step", "wrong_loss", "wrong_loss_at_best", "wrong_fit_at_best", "clean_step", "memorized_step", "memorized",
        "wrong_fit_then", "test_error_then", "distance_then", "distance_memorized", "radius", "separation", "diameter", "stop",
        "predicted_stop", "shuffled_stop", "loss_gap", "shuffled_loss_gap", "wrong_output", "distance_best",
        "predicted_distance", "saved", "alignment", "tight_clean_error", "tight_predicted", "loose_clean_error",
        "loose_predicted")  # fmt: skip

STUDY = study(
    name="label-noise", title="Wrong labels are learnt last",
    question="What does a wide network learn first when labels are wrong, and what does stopping early save?", x="step",
    sources=(TALK, PAPER, LIANG), values=WORK, axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS,
    work=later("overparam.studies.label_noise_work:run"), estimate=estimate,
    hero=Hero("error", fit=("test_error", "train_error")),
    differences=(
        "The talk's pictures give neither numbers nor sizes; that the paper's network on MNIST has four layers is recalled.",
        "Wrong labels are drawn from the other classes, so that a rate of 40 % is 40 % of wrong labels. Drawn from all "
        "classes, as the talk's \"another random label\" can be read, a tenth of them would be right by chance.",
        "The best time to stop is read on test labels: no person has these. Held-out samples with labels as wrong as the "
        "others' choose a time of their own beside it.",
        "A part counts as fitted at the first of 60 probe times (30 on clusters), even in the logarithm; where the wrong labels "
        "are not fitted by the end, the end stands for the time, which makes its claims harder to support.",
        "Distances are compared where 90 % of the clean part is fitted, not at the best time: on Gaussian inputs the best "
        "time is noise at the start, and would pass for an early stop.",
        "Clusters are learnt with squared loss by descent on all rows, with step 1 / largest eigenvalue of the kernel; two "
        "classes, labels -1 and 1. Outputs are four times what the network's have moved by: training from zero outputs, nearer "
        "to the kernel than without that factor (pilots: differences of the loss up to 0.05 without it).",
        "The best time on clusters is that of the least squared error to the clean labels of the training rows. Where the "
        "error in classes is zero for long it has no least; the time that is best on test rows can be later.",
        "At a radius of 1 clusters meet, and still something is saved: only at 3 they are gone.",
        "With more than half of the labels of two classes wrong, the clean labels of the clusters are the given ones turned "
        "round: stopping then has nothing to save.",
        "Digits are one fixed draw: a seed changes initialisation, order of the minibatches and wrong labels. Clusters are "
        "drawn anew with every seed."))  # fmt: skip
