"""Many wide networks trained alike, beside the Gaussian formula of infinitely wide ones (Lee et al. 2019)."""

from __future__ import annotations

from typing import Any

from overparam.core import (LAZY_TRAINING, NEAR_KERNEL, Axis, Claim, Control, Estimate, Formerly, Params, Progress, World,
    arm, charts, descent, each_cell, joined, planned, preferred, profiles, renamed, scalar, study, within)  # fmt: skip

BOTH = ("sphere", "digits")
SHARE, TEST, CHUNK = 0.5, 20, 50  # step times largest eigenvalue; test inputs; networks at a time

AXES = joined(NEAR_KERNEL, Axis("ensemble_width", "Hidden units.", int, 512, low=2),
              Axis("members", "Networks.", int, 100, low=10))  # fmt: skip

WIDTHS = (128, 512, 2048)
PROFILES = profiles(
    {"n": 16, "steps": 200, "ensemble_width": WIDTHS, "members": 50},
    quick=("50 networks of 32 to 512 units, 8 seeds: a minute",
           {"n": 8, "steps": 100, "ensemble_width": (32, 128, 512), "seed": planned(8)}),
    laptop=("sphere and digits, 50 networks of 128 to 2,048 units, 8 seeds", {"data": BOTH, "seed": planned(8)}),
    paper=("centred and raw inputs, 400 networks of 128 to 2,048 units, 10 seeds; few are published",
           {"data": BOTH, "inputs": ("unit", "raw"), "n": 32, "steps": 4000, "members": 400, "seed": planned(10)}),
)  # fmt: skip

HERE = arm("20 test inputs at the last step", inputs=preferred("unit"))
READ = ("variance_ratio", "mean_share", "z")
NEAR = 0.15  # of the formula's: ours; its standard error over 8 seeds is 0.03
ratio = scalar("variance_ratio", "mean variance over the formula's").across("ensemble_width")
share = scalar("mean_share", "coefficient of the mean on the formula's mean").across("ensemble_width")


def along(low: float, middle: float, high: float) -> Any:
    """A number at the three widths."""
    return lambda ensemble_width: dict(zip(WIDTHS, (low, middle, high), strict=True))[ensemble_width]


WORLD = World(
    arms={"ensemble_width": WIDTHS}, fixed={"inputs": "unit"}, straight=READ, seeds=8,
    numbers={"variance_ratio": along(1.4, 1.1, 1.02), "mean_share": along(1.03, 1.01, 1.0), "z": 1.2,
             "mean_field_variance_ratio": along(0.06, 0.015, 0.004), "mean_field_mean_share": 0.9, "mean_field_z": 9.0},
    spread={"variance_ratio": 0.07, "mean_share": 0.02})  # fmt: skip

CLAIMS = (
    Claim("ensemble", "As the width grows, mean and variance of trained networks over initialisations tend to those "
                      "of the Gaussian formula.", ("L22D", "L25"), "lee2019",
          ratio.tends_to(1.0, within=NEAR) & share.tends_to(1.0, within=NEAR), HERE,
          Control("Mean-field scaling (1/width, step times width): no such spread.",
                  HERE.but("mean-field scaling", metrics=renamed("mean_field_", *READ[:2]))), chart="ensemble", form="limit",
          scope=("Covers networks in the scaling 1/sqrt(width) with a step below a critical one, as the width goes "
                 "to infinity.",
                 "Here one hidden layer of tanh units, widths that differ 16-fold, and gradient descent, in the "
                 "formula too."),
          history=("What the source gives is a limit: judged by its trend over three widths, where one width (512) "
                   "was asked to be within 10 %. The distance of the means in standard errors, which grows with the "
                   "number of networks, is shown and no longer judged. New levels, fresh seeds.",),
          effect=WORLD, against=WORLD.but(variance_ratio=along(1.2, 1.5, 1.8)),
          null=(WORLD.but(variance_ratio=along(1.2, 1.18, 1.15)), WORLD.but(variance_ratio=along(1.8, 1.6, 1.4)),
                WORLD.but(mean_share=along(0.82, 0.84, 0.85))),
          limit=(WORLD.but(variance_ratio=along(1.5, 1.5, 1.5)), WORLD.but(mean_share=along(0.95, 0.9, 0.85)))),
)  # fmt: skip

CHARTS = charts(
    {"time": "steps"}, ("ensemble_width", "hidden units"),
    ensemble=("Spread over initialisations", "standard deviation on test inputs",
              {"spread": "trained networks", "mean_field_spread": "mean-field scaling (control)",
               "theory_spread": "-theory: Gaussian formula"}))  # fmt: skip


@each_cell
def work(cell: Params, progress: Progress) -> Any:
    """Train networks that differ in their start alone: mean and variance on test inputs, and the formula's."""
    import jax
    import numpy as np

    from overparam.data import signed
    from overparam.models import mlp
    from overparam.theory.dynamics import ensemble, kernel_dynamics
    from overparam.theory.kernels import dense_network, kernels
    from overparam.training.full_batch import log_steps

    given = signed(cell["data"], cell["n"], TEST, d=cell["d"], seed=cell["seed"], unit=cell["inputs"] == "unit")
    (n, d), width, act = given.x.shape, cell["ensemble_width"], cell["activation"]
    network = mlp(d, (width,), 1, activation=act, bias=False, parametrisation="ntk_unit")
    slow = mlp(d, (width,), 1, activation=act, bias=False, parametrisation="mean_field", gain=d**0.5)
    form: Any = network.form
    whole: Any = kernels(dense_network(form), np.concatenate([given.x, given.x_test]))
    train, test = slice(0, n), slice(n, None)
    rate = SHARE / float(kernel_dynamics(whole.ntk[train, train]).eigenvalues[0])
    steps = log_steps(cell["steps"], 5)
    predicted = ensemble(
        whole.ntk[train, train], whole.nngp[train, train], given.y, steps, rate,
        cross_ntk=whole.ntk[test, train], cross_nngp=whole.nngp[test, train], test_nngp=whole.nngp[test, test],
    )  # fmt: skip
    mean, variance = predicted.mean[-1], np.diagonal(predicted.covariance[-1])
    spread = np.sqrt(np.diagonal(predicted.covariance, axis1=1, axis2=2).mean(axis=1))
    values: dict[str, Any] = {"time": [max(1, step) for step in steps], "theory_spread": spread}
    with jax.enable_x64(True):
        # the mean-field kernel is the other one over the width, so the step is as many times larger
        for k, (prefix, one, step) in enumerate((("", network, rate), ("mean_field_", slow, rate * width))):
            outputs = sample(cell, one, given, step, steps, within(progress, k / 2, (k + 1) / 2))
            end = outputs[-1]
            seen, away = end.var(axis=0, ddof=1), end.mean(axis=0) - mean
            values |= {
                f"{prefix}spread": np.sqrt(outputs.var(axis=1, ddof=1).mean(axis=1)),
                f"{prefix}variance_ratio": float(np.mean(seen / variance)),
                f"{prefix}mean_share": float(end.mean(axis=0) @ mean / (mean @ mean)),
                f"{prefix}z": float(np.sqrt(np.mean((away / np.sqrt(seen / len(end))) ** 2))),
            }
    return values


def sample(cell: Params, network: Any, given: Any, rate: float, steps: Any, progress: Progress) -> Any:
    """Outputs of the trained networks on the test inputs, shape ``(steps, members, n_test)``."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from overparam.training.full_batch import descend, scalar_model

    model, found = scalar_model(network), []
    many = -(-cell["members"] // CHUNK)
    show = jax.jit(jax.vmap(lambda p: model(p, jnp.asarray(given.x_test))))
    keys = jax.random.split(jax.random.fold_in(jax.random.key(cell["seed"]), 1), many * CHUNK)
    y = np.broadcast_to(given.y, (CHUNK, len(given.y)))
    for i in range(many):
        drawn = jax.vmap(network.init)(keys[i * CHUNK : (i + 1) * CHUNK])
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), drawn)
        told = within(progress, i / many, (i + 1) / many)
        run = descend(model, params, given.x, y, np.full(CHUNK, rate), np.ones(CHUNK), steps, told)
        found.append(np.stack([np.asarray(show(p)) for p in run.params]))
    return np.concatenate(found, axis=1)[:, : cell["members"]]


def estimate(cell: Params) -> Estimate:
    """Two ensembles."""
    width = cell["ensemble_width"]
    return descent(cell, 2 * width * cell["members"], 8 * width * cell["d"] * CHUNK * 6)


STUDY = study(
    profile_history=(
        "version 2: the planned seeds start at 100; seeds 0 to 19 were judged by earlier rules, and count "
        "as pilots. Widths 128, 512 and 2,048 in place of one, so that a limit is judged by its trend.",
    ),
    name="lazy-ensemble", title="Wide networks over initialisations, and the Gaussian formula",
    question="Do wide networks, over initialisations, have the mean and variance that their kernels predict?",
    x="time", sources=("lee2019",),
    values=("time", "theory_spread", *(p + name for p in ("", "mean_field_") for name in ("spread", *READ))),
    axes=AXES, profiles=PROFILES, claims=CLAIMS, charts=CHARTS, work=work, estimate=estimate, stack_limit=1,
    formerly=Formerly("lazy-training", {"experiment": "ensemble"}, also=LAZY_TRAINING),
    differences=(
        "Gradient descent with a fixed number of steps stands for the paper's gradient flow; the step is "
        "half of 1 / largest eigenvalue of the limit kernel, in the formula too.",
        "Weights are drawn as 24-bit numbers, all computations are in float64."))  # fmt: skip
