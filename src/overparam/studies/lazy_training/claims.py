"""The claims on lazy training: sentence, rule in words, control and preconditions."""

from __future__ import annotations

from functools import partial

from overparam.core import Claim, Control, Precondition
from overparam.studies.lazy_training import rules

LINE = "Least-squares line of logarithms, one a seed; the 95 % interval of its slope lies in"
RANDOM_START = "Networks whose output does not start at zero, under the same rule"
MEAN_FIELD = "Mean-field scaling (1/width, step times width), under the same rule: features move at every width"
FITTED = Precondition("fitted", "Every target reaches 5 % of its initial loss within the steps.", rules.fitted)
GENERATED = Precondition("generated", "The targets are functions of generated inputs.", rules.generated)

CLAIMS = (
    Claim(
        name="distance",
        sentence="Output scale alpha: the weights move O(1/alpha) from a start with zero output.",
        ledger=("L22",),
        source="chizat2019",
        rule=f"Largest distance of the weights from their start over alpha. {LINE} [-1.1, -0.9].",
        judge=partial(rules.scaling, metric="distance"),
        control=Control(
            f"{RANDOM_START}: no such fall.", partial(rules.scaling, metric="distance", arm="random_")
        ),
        chart="distance",
    ),
    Claim(
        name="weights",
        sentence="The weights stay O(1/alpha^2) from those of the linearised network.",
        ledger=("L22",),
        source="chizat2019",
        rule=f"Largest distance of the weights from the closed form of the linearised network. {LINE} [-2.2, -1.8].",
        judge=partial(rules.scaling, metric="weight_gap"),
        control=Control(
            f"{RANDOM_START}: no such fall.", partial(rules.scaling, metric="weight_gap", arm="random_")
        ),
        chart="weights",
    ),
    Claim(
        name="outputs",
        sentence="Outputs on test inputs stay O(1/alpha) from those of the linearised network.",
        ledger=("L22",),
        source="chizat2019",
        rule="Largest root mean square difference from the closed form of the linearised network on 100 test "
        f"inputs. {LINE} [-1.15, -0.85].",
        judge=partial(rules.scaling, metric="output_gap"),
        control=Control(
            f"{RANDOM_START}: no such fall.", partial(rules.scaling, metric="output_gap", arm="random_")
        ),
        chart="outputs",
    ),
    Claim(
        name="outputs-bound",
        sentence="Outputs on test inputs stay at most O(1/alpha) from those of the linearised network, whatever makes "
        "the output start at zero.",
        ledger=("L22",),
        source="chizat2019",
        rule="The same difference, for two copies with opposite signs and for outputs less their start: 95 % interval "
        "of the slope at most -0.85, for both.",
        judge=rules.outputs_bounded,
        control=Control(f"{RANDOM_START}: no such fall.", partial(rules.outputs_bounded, arms=("random_",))),
        chart="outputs",
    ),
    Claim(
        name="start",
        sentence="A two-layer ReLU network's kernel starts O(1/sqrt(width)) from its limit.",
        ledger=("L22A",),
        source="du2019",
        rule=f"Spectral norm of H(0) - H over the smallest eigenvalue of H. {LINE} [-0.6, -0.4].",
        judge=partial(rules.widening, metric="start"),
        control=Control(
            "Distance to the kernel of both layers, which is not the limit of these networks: it stays.",
            partial(rules.widening, metric="start", arm="other_"),
        ),
        chart="start",
    ),
    Claim(
        name="movement",
        sentence="No neuron moves farther than O(1/sqrt(width)).",
        ledger=("L22A",),
        source="du2019",
        rule=f"Largest distance of a hidden unit's weights from their start. {LINE} [-0.6, -0.4].",
        judge=partial(rules.widening, metric="moved"),
        control=Control(f"{MEAN_FIELD}.", partial(rules.widening, metric="moved", arm="mean_field_")),
        chart="movement",
    ),
    Claim(
        name="eigenvalue",
        sentence="In a wide network the kernel's smallest eigenvalue stays above half of its limit all along.",
        ledger=("L22A",),
        source="du2019",
        rule="Smallest eigenvalue of H(t) over all probe steps, over that of the limit, at the widest network: the "
        "95 % interval is at least 1/2.",
        judge=rules.kept,
        control=Control(
            "The narrowest network, under the same rule: below.", partial(rules.kept, narrowest=True)
        ),
        chart="eigenvalue",
    ),
    Claim(
        name="deep-start",
        sentence="Kernels of networks with two and three hidden layers start O(1/sqrt(width)) from their limits.",
        ledger=("L22B",),
        source="jacot2018",
        rule=f"Spectral norm of the difference over the limit's smallest eigenvalue, depths 2 and 3. {LINE} "
        "[-0.6, -0.4], at both.",
        judge=rules.deep_start,
        control=Control(
            "Distance to the kernel of one layer more, under the same rule: it stays.",
            partial(rules.deep_start, arm="other_"),
        ),
        chart="deep-start",
    ),
    Claim(
        name="drift",
        sentence="The kernel's relative change in training is at most O(1/sqrt(width)), at depths 1 to 3.",
        ledger=("L22D", "L25"),
        source="lee2019",
        rule="Largest Frobenius norm of G(t) - G(0) over that of G(0), NTK scaling. Least-squares line of "
        "logarithms, one a seed; the 95 % interval of its slope is at most -0.4, at every depth.",
        judge=rules.drifting,
        control=Control(f"{MEAN_FIELD}.", partial(rules.drifting, arms=("mean_field",))),
        chart="drift",
    ),
    Claim(
        name="drift-rate",
        sentence="The kernel's relative change falls like 1/sqrt(width), not faster.",
        ledger=("L22D",),
        source="lee2019",
        rule=f"The same change. {LINE} [-0.6, -0.4], at every depth. The theory gives an upper bound only; the source "
        "reports that measured changes are nearer to 1/width.",
        judge=partial(rules.drifting, exact=True),
        control=Control(f"{MEAN_FIELD}.", partial(rules.drifting, arms=("mean_field",), exact=True)),
        chart="drift",
    ),
    Claim(
        name="ensemble",
        sentence="Over initialisations, trained wide networks have the mean and variance of the Gaussian formula.",
        ledger=("L22D", "L25"),
        source="lee2019",
        rule="On 20 test inputs at the last step: mean of variance over the formula's, 95 % interval over seeds in "
        "[0.9, 1.1]; coefficient of the mean on the formula's mean in [0.9, 1.1]; root mean square distance of the "
        "means in standard errors at most 3.",
        judge=rules.gaussian,
        control=Control(
            "Mean-field scaling (1/width, step times width): no such spread.",
            partial(rules.gaussian, arm="mean_field_"),
        ),
        chart="ensemble",
    ),
    Claim(
        name="bound-order",
        sentence="The bound sqrt(2 y^T H^-1 y / n) orders targets as their test errors do.",
        ledger=("L22C",),
        source="arora2019",
        rule="Spearman's correlation over ten targets of the bound and the mean absolute test error of the trained "
        "network, one a seed: the 95 % interval is at least 0.8.",
        judge=rules.ranked,
        control=Control(
            "The bounds of the same labels shuffled among the samples: no such order.",
            partial(rules.ranked, metric="shuffled_bound"),
        ),
        chart="bound",
    ),
    Claim(
        name="bound-holds",
        sentence="The mean absolute test error is at most the bound.",
        ledger=("L22C",),
        source="arora2019",
        rule="Share of ten targets whose bound is at least the test error: at least 1, so no target of any seed may "
        "exceed it. The term that falls with n, whose constant is not known, is left out, against the claim.",
        judge=rules.above,
        control=Control(
            "The training error in the place of the bound, under the same rule: exceeded.",
            partial(rules.above, metric="train_error"),
        ),
        chart="bound",
    ),
    Claim(
        name="steps",
        sentence="The kernel at the start predicts how many steps a target takes.",
        ledger=("L33", "L22C"),
        source="arora2019",
        rule="Steps to 5 % of the initial loss: predicted over measured, paired by seed, at the target where the mean "
        "over seeds is farthest from 1 (which works against the claim): 95 % interval of the geometric mean in "
        "[0.75, 1.25].",
        judge=rules.timed,
        control=Control(
            "The steps predicted for labels shuffled among the samples, under the same rule: wrong.",
            partial(rules.timed, metric="shuffled_steps"),
        ),
        preconditions=(FITTED,),
        chart="steps",
    ),
    Claim(
        name="random-labels",
        sentence="Random labels take longer than a linear target, but not much: at most ten times the steps.",
        ledger=("L33",),
        source="liang2018",
        rule="Measured steps to 5 % of the initial loss, random labels over the linear target, paired by seed: 95 % "
        "interval of the geometric mean in [1, 10].",
        judge=rules.slower,
        control=Control(
            "Predicted steps of random labels over those of the linear target's labels shuffled: not longer.",
            partial(rules.slower, control=True),
        ),
        preconditions=(GENERATED, FITTED),
        chart="steps",
    ),
    Claim(
        name="gradient",
        sentence="Squared gradient over twice the loss lies between the extreme squared singular values of the Jacobian.",
        ledger=("L24",),
        source="allenzhu2019",
        rule="Exact for the loss |r|^2 / 2. At every probe step of every width and seed, up to rounding (1e-12 of the "
        "largest): no violation allowed.",
        judge=rules.gradients,
        control=Control(
            "The gradient of the mean loss with the same kernel, under the same rule: violated.",
            partial(rules.gradients, lower="mean_low"),
        ),
        chart="eigenvalue",
    ),
)
