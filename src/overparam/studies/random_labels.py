"""Networks fit random labels, and learn true ones faster (Zhang et al. 2017; Soltanolkotabi 2019, experiment I).

A cell is one network trained on true labels, on random ones, or on inputs without structure; or a wide network near its
kernel on two classes, beside the steps that the kernel predicts. Lines run over steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from overparam.core import (BATCH, DATA, MOMENTUM, N, RATE, SEED, STEPS, Axis, Check, Claim, Control, Estimate, Hero, Params,
    Series, UsageError, World, arm, charts, later, need, planned, profiles, scalar, study, worst)  # fmt: skip
from overparam.core.examples import image

TALK, ZHANG, LIANG = "soltanolkotabi2019", "zhang2017", "liang2018"
WORDS = {"true": "true labels", "half-random": "half of the labels random", "random": "random labels",
         "shuffled-pixels": "shuffled pixels", "random-pixels": "random pixels", "gaussian": "Gaussian inputs"}  # fmt: skip
VARIANTS = tuple(WORDS)
PUBLISHED = ("mlp-1x512", "mlp-3x512", "alexnet-small", "inception-small")
NETWORKS = ("linear", "mlp-1x32", "mlp-1x512", "mlp-3x128", *PUBLISHED[1:])
WIDE, KERNEL = "mlp-1x512", "kernel-512"

AXES = (
    DATA,
    Axis("network", "linear; mlp-1x512 and mlp-3x512: hidden layers and their units; alexnet-small, inception-small: those of "
         "Zhang et al.; kernel-512: a two-layer network of so many GELU units, trained by descent on two classes.", str,
         flag="networks"),
    Axis("variant", "true: the data as they are. half-random, random: that share of the labels drawn anew from all classes. "
         "shuffled-pixels: one permutation of the pixels for all images; random-pixels: one for each. gaussian: noise of "
         "the images' mean and variance.", str, "true", choices=VARIANTS, flag="variants"),
    N, STEPS.but(default=3000), BATCH.but(default=64), RATE.but(default=0.05), MOMENTUM, SEED)  # fmt: skip

PROFILES = profiles(
    {"data": "digits", "n": 1000, "network": ("linear", WIDE, KERNEL), "variant": VARIANTS, "seed": planned(5)},
    quick=("1,000 digits, networks of 32 and 512 units beside a linear model, six variants, 5 seeds: a minute on two cores",
           {"network": ("linear", "mlp-1x32", WIDE, KERNEL)}),
    laptop=("1,000 digits, networks of one and three layers from 2,410 to 42,634 parameters beside a linear model, six variants, "
            "5 seeds",
            {"network": ("linear", "mlp-1x32", WIDE, "mlp-3x128", KERNEL)}),
    cifar=("2,000 images of CIFAR-10, cropped and whitened, four networks of the talk's table on true and random labels, 5 "
           "seeds: a day on two cores, most of it Inception",
           {"data": "cifar10", "n": 2000, "network": ("linear", *PUBLISHED), "variant": ("true", "random"), "steps": 6000,
            "learning_rate": 0.01}),
    paper=("all of CIFAR-10 as Zhang et al. train on it, some 300 passes, but at a constant rate and one seed each: weeks on "
           "two cores, a day on a GPU", {"data": "cifar10", "n": 50_000, "network": PUBLISHED, "variant": VARIANTS,
           "batch": 128, "steps": 117_000, "learning_rate": 0.01, "seed": planned(1)}))  # fmt: skip

# what is measured: one number a seed
LOST = 0.0693  # nats: a label that is not fitted costs ln 2 or more, so that at most 10 % are not
loss = scalar("final_train_loss", "cross-entropy on the training set at the end")
error = scalar("final_test_error", "test error at the end")
fit = scalar("fit_steps", "steps to fit 99 % of the training set")
kernel_steps = scalar("kernel_steps", "steps to 5 % of the squared residual")
theory = scalar("theory_steps", "the steps that the kernel predicts")


def on(variant: str, network: str = WIDE) -> Any:
    """One network on one variant."""
    return arm(f"{network}, {WORDS[variant]}", network=network, variant=variant)


TRUE, RANDOM = on("true"), on("random")
NEAR_TRUE, NEAR_RANDOM = on("true", KERNEL), on("random", KERNEL)


def _many(view: Any) -> Check:
    """There are many more parameters than samples."""
    found = [
        values["parameters_per_sample"] for _, values in view.rows() if values.get("parameters_per_sample")
    ]
    told = f"{min(found):.3g} parameters a sample" if found else "no network"
    return Check(bool(found) and min(found) >= 5, f"{told}, asked at least 5")


def _ten(view: Any) -> Check:
    """A guess is wrong nine times of ten."""
    found = {values["classes"] for _, values in view.rows() if values.get("classes")}
    return Check(found == {10}, f"{', '.join(str(one) for one in sorted(found)) or 'no'} classes, asked 10")


def _fitted(view: Any) -> Check:
    """Random labels were fitted in time."""
    found = [values.get("fitted") for _, values in view.on(RANDOM).rows()]
    return Check(
        bool(found) and all(found), f"{sum(map(bool, found))} of {len(found)} runs on random labels fitted them"
    )


MANY = need(
    "many parameters", "There are at least 5 parameters a sample.", _many, values=("parameters_per_sample",)
)
TEN = need(
    "ten classes", "There are ten classes, so that chance is an error of 0.9.", _ten, values=("classes",)
)
FITTED = need("fitted", "Random labels are fitted by the end.", _fitted, values=("fitted",))

SETTING = (
    "Here 1,000 digits and one hidden layer of 512 units, SGD with momentum at a constant rate. Cut-offs are ours and decide "
    "support alone."
)
TABLE = ("Covers CIFAR-10 (50,000 images) and networks of 1.2 to 1.7 million parameters.", SETTING)
SLOWER = (
    "Covers Inception and smaller networks on CIFAR-10; the source gives a small constant factor in time, without a number "
    "for it.", SETTING)  # fmt: skip
ANY = (
    "Covers two-layer networks trained by SGD on any separated points, of a width that is a polynomial which is not given.",
    SETTING)  # fmt: skip


def over(**values: Any) -> Any:
    """A planted number by variant; others as ``rest``."""

    def number(network: str, variant: str) -> Any:
        name = "linear" if network == "linear" and "linear" in values else variant.replace("-", "_")
        return values.get(name, values["rest"])

    return number


WORLD = World(
    ("step", (1.0, 2.0)), arms={"network": ("linear", WIDE), "variant": VARIANTS}, seeds=5, straight=("final_test_error",),
    numbers={"final_train_loss": over(linear=1.5, rest=0.03), "final_test_error": over(true=0.03, random=0.9, rest=0.3),
             "fit_steps": over(true=120.0, random=1650.0, shuffled_pixels=118.0, rest=290.0), "parameters_per_sample": 38.4,
             "fitted": 1, "counts_off": 0, "classes": 10},
    spread={"final_train_loss": 0.15, "final_test_error": 0.01, "fit_steps": 0.12})  # fmt: skip
SLOW = {"true": 23.5, "shuffled_pixels": 24.0, "gaussian": 35.0, "random_pixels": 35.0, "rest": 140.0}
NEAR = World(
    ("step", (1.0, 2.0)), arms={"network": (KERNEL,), "variant": VARIANTS}, seeds=5, level=0.2,
    numbers={"kernel_steps": over(**SLOW), "theory_steps": over(**{k: 1.03 * v for k, v in SLOW.items()}),
             "shuffled_steps": over(gaussian=36.0, random_pixels=36.0, rest=150.0)},
    spread={"kernel_steps": 0.03, "theory_steps": 0.03, "shuffled_steps": 0.03})  # fmt: skip


def taking(factor: float, variant: str) -> Any:
    """Steps of one variant that are so many times the predicted ones, which are those of ``SLOW``."""
    return NEAR.but(
        kernel_steps=over(**{**SLOW, variant: factor * SLOW.get(variant, SLOW["rest"])}),
        theory_steps=over(**SLOW),
    )


CLAIMS = (
    Claim("fits", "A network with many more parameters than samples fits its training set, whatever the data: the mean loss at "
          "the end is so small that at most 10 % of the labels are not fitted.", ("L1", "L33", "L36"), ZHANG,
          loss.geometric().at_most(LOST).each("variant"), arm(f"{WIDE}, every variant", network=WIDE),
          Control("A linear model, with fewer parameters than samples, does not.", arm("linear", network="linear")), (MANY,),
          chart="training", form="exists", scope=(*TABLE, ANY[0]), effect=WORLD,
          null=(WORLD.but(final_train_loss=over(random=LOST, rest=0.03)), WORLD.but(final_train_loss=LOST))),
    Claim("adapts", "The same network learns what true labels have to say: its test accuracy is at least three times chance.",
          ("L33",), ZHANG, error.at_most(0.7).contradicted(above=0.9), TRUE, Control("Trained on random labels it is at chance.",
          RANDOM), (MANY, TEN), chart="test", form="direction", scope=TABLE, effect=WORLD,
          null=(WORLD.but(final_test_error=over(true=0.7, random=0.9, rest=0.3)),),
          limit=(WORLD.but(final_test_error=0.9),), against=WORLD.but(final_test_error=over(true=0.96, rest=0.9))),
    Claim("slower", "It takes more steps to fit random labels than true ones.", ("L33",), ZHANG,
          (fit.on(RANDOM) / fit.on(TRUE)).at_least(2.0).contradicted(below=1.0), arm("random over true labels", network=WIDE),
          Control("Shuffled pixels in place of random labels: no more steps.",
                  rule=(fit.on(on("shuffled-pixels")) / fit.on(TRUE)).at_least(2.0)), (MANY,), chart="training",
          form="direction", scope=SLOWER, effect=WORLD, null=(WORLD.but(fit_steps=over(random=240.0, rest=120.0)),),
          history=("Twice the steps, as for the wide network, in place of more steps. The control takes as many steps as true "
                   "labels, so that no number of seeds could have told it from a cut-off of 1. Changed after five judged seeds "
                   "had given 13.4 times the steps and .96 for the control.",),
          limit=(WORLD.but(fit_steps=120.0),), against=WORLD.but(fit_steps=over(random=80.0, rest=120.0))),
    Claim("ease", "Does it take at most 30 times as many?", (), ZHANG, (fit.on(RANDOM) / fit.on(TRUE)).at_most(30.0),
          arm("random over true labels", network=WIDE), None, (MANY, FITTED), chart="training", kind="question", effect=WORLD,
          null=(WORLD.but(fit_steps=over(true=120.0, random=3600.0, rest=290.0)),)),
    Claim("structure", "A wide network adapts to structure: random labels of two classes take it twice the steps of true ones.",
          ("L33",), LIANG, (kernel_steps.on(NEAR_RANDOM) / kernel_steps.on(NEAR_TRUE)).at_least(2.0).contradicted(below=1.0),
          arm("random over true labels, near the kernel", network=KERNEL),
          Control("Gaussian inputs, whose labels mean nothing either, but whose step is larger: not twice the steps.",
                  rule=(kernel_steps.on(on("gaussian", KERNEL)) / kernel_steps.on(NEAR_TRUE)).at_least(2.0)),
          chart="kernel", form="direction", scope=(
              "A slide says that networks adapt to the structure of true labels, without a number.",
              "Here even and odd digits, 100 samples, 512 GELU units, descent with step 1 / largest eigenvalue of the kernel. "
              "That the factor is 2 is ours and decides support alone."), effect=NEAR,
          null=(NEAR.but(kernel_steps=over(true=23.5, rest=47.0)),), limit=(NEAR.but(kernel_steps=23.5),),
          against=NEAR.but(kernel_steps=over(random=11.0, rest=23.5))),
    Claim("time", "Does the kernel at the start predict the steps to fit within 25 %, for every variant?", (), LIANG,
          (kernel_steps / theory).within(0.8, 1.25).each("variant"), arm("near the kernel", network=KERNEL),
          Control("With the labels shuffled among the rows, not for every variant.",
                  arm("labels shuffled", network=KERNEL, metrics={"theory_steps": "shuffled_steps"})), chart="kernel-steps",
          kind="question", effect=NEAR, null=(taking(1.25, "random"), taking(0.8, "true"))),
    Claim("counts", "The networks of the table of Zhang et al. have the numbers of parameters that are printed there: 1,209,866, "
          "1,735,178, 1,387,786 and 1,649,402.", ("L1",), ZHANG, worst("counts_off", "largest difference from the "
          "printed numbers").at_most(0).together(), arm("networks for images of 28 by 28 by 3", network=WIDE), kind="check",
          null=(WORLD.but(counts_off=1),), effect=WORLD))  # fmt: skip


def each(metric: str, network: str, *, dashed: bool = False) -> list[Series]:
    """One line a variant."""
    return [
        Series(metric, words, dashed, {"network": network, "variant": name}) for name, words in WORDS.items()
    ]


def of_table(metric: str) -> list[Series]:
    """True and random labels."""
    return [Series(metric, WORDS[name], False, {"variant": name}) for name in ("true", "random")]


PLACE = {"x": {"parameters": "parameters", "place": "network"}, "along": "network"}
CHARTS = charts(
    {"step": "training step"}, ("", ""),
    training=("Fitting true labels, random ones, and noise", "training error (share of samples)", each("train_error", WIDE),
              "The same network on six variants of the data, as in figure 1 (a) of Zhang et al."),
    test=("Test error of the same networks", "test error (share of samples)", each("test_error", WIDE),
          "Test labels are true; test inputs are changed as the training inputs are."),
    table=("Experiment I: parameters against training and test error", "error at the end (share of samples)",
           [*of_table("final_test_error"),
            *(replace(one, metric="final_train_error", dashed=True, label=f"{one.label}, training set")
              for one in of_table("final_train_error"))], "Each point is a network. With many parameters both kinds of labels "
           "are fitted; only with true ones is the test error small.", PLACE),
    steps=("Steps to fit 99 % of the training set", "log steps", of_table("fit_steps"),
           "Where it is never fitted, the last step.", PLACE),
    kernel=("Near the kernel: what is left of the squared residual", "log mean squared residual",
            [Series(metric, f"{said}{WORDS[name]}", metric != "left", {"network": KERNEL, "variant": name})
             for metric, said in (("left", ""), ("theory_left", "theory: ")) for name in ("true", "random", "gaussian")],
            "The theory is descent on the kernel at the start."),
    kernel_steps=("Near the kernel: steps to 5 % of the squared residual", "log steps",
                  [Series(metric, label, dashed, {"network": KERNEL}) for metric, label, dashed in
                   (("kernel_steps", "measured", False), ("theory_steps", "theory: kernel at the start", True),
                    ("shuffled_steps", "theory, labels shuffled among the rows (control)", True))],
                  {"x": {"variant_place": "data"}, "along": "variant"}))  # fmt: skip
NAMES = {"place": NETWORKS, "variant_place": tuple(WORDS.values())}
CHARTS = tuple(
    replace(one, x=tuple(replace(x, names=NAMES[x.name]) if x.name in NAMES else x for x in one.x))
    for one in CHARTS
)


def estimate(cell: Params) -> Estimate:
    """One training, or descent on a hundred rows beside an eigendecomposition."""
    from overparam.data import shape_of
    from overparam.studies.random_labels_work import CONVOLUTIONS, KERNEL_STEPS, ROWS, size_of, sizes_of
    from overparam.sweep.work import check_samples, cost, dense

    shape = shape_of(str(cell["data"]))
    kind, _, width = sizes_of(cell["network"])
    check_samples({**cell, "batch": 0} if kind == "kernel" else cell, shape)
    if kind == "kernel" and cell["n"] < ROWS:
        raise UsageError(
            f"--n: expected at least the {ROWS} samples of the networks near their kernel, got {cell['n']}. Ask for more, or "
            "leave out the networks called kernel."
        )
    if kind in CONVOLUTIONS:
        image(shape.image, cell["network"])
    if kind == "kernel":
        whole = {**cell, "batch": 0}
        found = cost(whole, dense(shape.features, width, 1), steps=KERNEL_STEPS, n=ROWS, tests=1, probes=200)
        return Estimate(1.2 * found.seconds, found.bytes)  # by the clock of a core
    found = cost(cell, size_of(cell["network"], shape.features, shape.classes), probes=70)
    return Estimate(1.1 * found.seconds, found.bytes)


STUDY = study(
    name="random-labels", title="Random labels are fitted, true ones learnt",
    question="Which data can a network with many parameters fit, how fast, and what does it learn from them?", x="step",
    sources=(TALK, ZHANG, LIANG),
    values=("wrong_labels", "labels_digest", "step", "train_error", "test_error", "train_loss", "final_train_error",
            "final_test_error", "final_train_loss", "parameters", "parameters_per_sample", "counts_off", "classes", "fit_steps",
            "fitted",
            "kernel_steps", "theory_steps", "shuffled_steps", "left", "theory_left", "place", "variant_place"),
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=later("overparam.studies.random_labels_work:run"),
    estimate=estimate,
    hero=Hero("training", fit=("train_error",)),
    differences=(
        "Zhang et al. train on all of CIFAR-10; here 1,000 digits of 8 by 8 pixels, unless another profile is asked for.",
        "The rate is constant. With a schedule both true and random labels are fitted where it drops, which hides the factor "
        "between them; Zhang et al. let it fall by 5 % an epoch.",
        "Random labels are drawn from all classes, as in the source; a tenth of them are right by chance. Test labels are never "
        "changed.",
        "The Inception network is used without batch normalisation; alexnet-small and inception-small run in the profiles "
        "on CIFAR-10 alone. Figures of their layers are recalled; their parameters agree with the printed table.",
        "Not all rows of the table are here: augmentation, weight decay and dropout are left out.",
        "The network near its kernel sees 100 rows in two classes, centred and of norm 1, and starts from zero outputs. Its step "
        "follows the largest eigenvalue of the kernel, which differs between inputs: Gaussian inputs are fitted in fewer steps "
        "than random labels. Outputs are four times what the network's have moved by, which keeps it nearer to its kernel.",
        "On digits random labels take more steps than on CIFAR-10: images that are nearly the same have different labels.",
        "The samples, and the changes of the pixels, are one fixed draw: a seed changes initialisation, minibatches and random "
        "labels."))  # fmt: skip
