"""The lines of certificates, of stochastic gradient descent, of sufficient widths, and of a person's own network."""

from __future__ import annotations

import jax
import numpy as np

from overparam.models import two_layer
from overparam.theory.activations import activation
from overparam.theory.certificates import two_layer as dense
from overparam.theory.sgd import minimum_of_features
from tests.public.case import Case, Law
from tests.public.kernels import V, W
from tests.public.rooms import PARAMS, WIDE
from tests.public.theory import A, K, U, X, Y

DENSE = dense(W, V, activation("tanh"))
SIMPLE = two_layer(3, 4, activation="tanh", parametrisation="ntk", train_output=False)
START = SIMPLE.init(jax.random.key(0))
MINIMUM = minimum_of_features(X)
NEVER = "a bound that does not exist"
SEVERAL = "several are predicted at once"
LAW = {"n": 4, "d": 3, "kappa": 3.0, "curvature": 0.25, "start": 1.0, "sharpness": 1.0}
JACOBIAN = {
    "jacobian": X,
    "residual": Y / 8,
    "lipschitz": 0.1,
    "jacobian_error": 1e-12,
    "residual_error": 1e-12,
    "radius": 10.0,
    "step": 0.1,
    "loss": "mean",
}
SUMMED = np.array([0.5, -0.75, 0.3125, 0.875, -0.4375, 0.0625])
SMALL = {"weights": [[[0.5, -0.25]], [[0.75]]]}
RANDOM = [np.cos(np.arange(1, 1 + a * b)).reshape(a, b) for a, b in ((16, 2), (1, 16), (8, 1), (1, 8))]

CASES = {
    "theory.certificates.certify.certify_two_layer": Case(
        {"weights": W, "output": V, "x": X, "y": Y, "activation": "tanh", "step": 0.1, "loss": "mean"},
        arrays="weights output x y",
        numbers="step",
        choices="activation loss",
        infinite=NEVER,
        other={"weights": "parameters", "output": "parameters"},
        slow=True,
    ),
    "theory.certificates.certify.certify_dense": Case(
        {"network": DENSE, "x": X, "y": Y[:, None], "step": 0.1, "loss": "mean"},
        arrays="x y",
        numbers="step",
        choices="loss",
        infinite=NEVER,
        slow=True,
    ),
    "theory.certificates.certify.certify_jacobian": Case(
        JACOBIAN,
        arrays="jacobian residual",
        numbers="lipschitz jacobian_error residual_error radius step",
        choices="loss",
        infinite=NEVER,
        lean=True,
    ),
    "theory.certificates.dense.two_layer": Case(
        {"weights": W, "output": V, "activation": activation("tanh")},
        arrays="weights output",
        other={"weights": "parameters", "output": "parameters"},
    ),
    "theory.certificates.interpolation.smaller_root": Case(
        {"sigma": 2.0, "lipschitz": 1.0, "q": 0.5},
        numbers="sigma lipschitz q",
        infinite=NEVER,
        laws=(Law({"sigma": 1, "q": 2}, 1), Law({"sigma": 1, "lipschitz": 1, "q": 1}, 0)),
    ),
    "theory.certificates.interpolation.assumptions": Case(
        {"sigma": 2.0, "lipschitz": 1.0, "q": 0.5}, numbers="sigma lipschitz q"
    ),
    "theory.certificates.lipschitz.fourth_moment": Case({"x": X}, arrays="x", infinite=NEVER, lean=True),
    "theory.certificates.rump.smallest_eigenvalue_bound": Case(
        {"gram": K, "forming_error": 1e-12}, arrays="gram", numbers="forming_error"
    ),
    "theory.certificates.rump.largest_eigenvalue_bound": Case(
        {"gram": K, "forming_error": 1e-12}, arrays="gram", numbers="forming_error"
    ),
    "theory.certificates.rump.assumptions": Case({"gram": K}, arrays="gram"),
    "theory.certificates.run_check.key_lemma": Case(
        {"sigma": 2.0, "beta": 3.0, "lipschitz": 0.1, "residual": 1.0, "step": 0.05},
        numbers="sigma beta lipschitz residual step",
        infinite=NEVER,
    ),
    "theory.certificates.shortest_path.distance_bound": Case(
        {"network": DENSE, "x": X, "y": Y[:, None], "radius": 5.0}, arrays="x y", numbers="radius", slow=True
    ),
    "theory.matrix_recovery_certificate.certify_recovery": Case(
        {"a": A, "u": U, "y": Y[:2], "step": 0.01}, arrays="a u y", numbers="step", infinite=NEVER, lean=True
    ),
    "theory.sgd.critical_batch.batch_guarantee": Case(
        {"features": X, "batch": 2}, arrays="features", sizes="batch", infinite=NEVER
    ),
    "theory.sgd.critical_batch.guarantee": Case(
        {"beta": 4.0, "largest": 2.0, "smallest": 0.5, "batch": 2},
        numbers="beta largest smallest",
        sizes="batch",
        infinite=NEVER,
        laws=(Law({"beta": 1, "largest": 1, "smallest": 1}, 0, lambda found: found.rate),),
    ),
    "theory.sgd.efficiency.steps_to_accuracy": Case(
        {"kernel": K, "residual": Y, "batches": [1, 4], "steps": [0.01, 0.1], "accuracy": 0.1, "most": 50},
        arrays="kernel residual steps",
        numbers="accuracy",
        sizes="most",
        infinite=NEVER,
        missing="where it is not reached",
        slow=True,
    ),
    "theory.sgd.efficiency.departure": Case(
        {"batches": [1, 2, 4], "steps": [100.0, 50.0, 40.0], "factor": 2.0}, numbers="factor", infinite=NEVER
    ),
    "theory.sgd.efficiency.fastest_step": Case(
        {"features": X, "batch": 2}, arrays="features", sizes="batch", slow=True
    ),
    "theory.sgd.efficiency.stability_atlas": Case(
        {"features": X, "batches": [1, 2], "steps": [0.1, 0.2]}, arrays="features", infinite=NEVER, slow=True
    ),
    "theory.sgd.minimum.minimum_of_features": Case({"features": X}, arrays="features"),
    "theory.sgd.minimum.minimum_of_kernel": Case(
        {"kernel": K, "outputs": 2}, arrays="kernel", sizes="outputs", other={"kernel": "features"}
    ),
    "theory.sgd.minimum.minimum_of_hessians": Case(
        {"hessians": np.stack([K, K])}, arrays="hessians", other={"hessians": "features"}
    ),
    "theory.sgd.moments.expected_course": Case(
        {"kernel": K, "residual": Y, "batch": 2, "step": 0.05, "steps": 3},
        arrays="kernel residual",
        numbers="step",
        sizes="batch steps",
        infinite="a course that diverges",
        lean=True,
    ),
    "theory.sgd.sampling.batch_noise": Case({"n": 4, "batch": 2}, sizes="n batch"),
    "theory.sgd.operator.spectral_radius": Case(
        {"minimum": MINIMUM, "noise": 0.5, "step": 0.1}, numbers="noise step", infinite=NEVER
    ),
    "theory.sgd.threshold.step_bounds": Case(
        {"features": X, "batch": 2}, arrays="features", sizes="batch", slow=True
    ),
    "theory.sgd.threshold.largest_step": Case({"features": X, "batches": [1, 2]}, arrays="features", slow=True),
    "theory.subset_sums.bound.target_of": Case({**SMALL, "low": -1.0, "high": np.ones(2)}, arrays="low high"),
    "theory.subset_sums.gap.worst_gap": Case(
        {"items": SUMMED, "reach": 1.0, "most_seconds": 9.0},
        arrays="items",
        numbers="reach most_seconds",
        laws=(
            Law({"items": 1, "reach": 1}, 1, lambda found: (found.distance, found.target), scales=(-400, 400)),
        ),
    ),
    "theory.subset_sums.laws.asked_width": Case(
        {"widths": (3, 4, 2), "eps": 0.1, "delta": 0.05}, numbers="eps delta"
    ),
    "theory.subset_sums.laws.items_asked": Case({"eps": np.array([0.5, 0.25, 0.125])}, arrays="eps"),
    "theory.subset_sums.laws.items_assumptions": Case({"eps": np.array([0.5, 0.25])}, arrays="eps"),
    "theory.subset_sums.laws.measured_law": Case(
        {"sequences": np.stack([SUMMED, SUMMED[::-1]]), "items": (3, 4, 6)},
        arrays="sequences",
    ),
    "theory.subset_sums.laws.own_layer_width": Case(
        {"weights": [W], "eps": 0.1, "delta": 0.05}, numbers="eps delta"
    ),
    "theory.subset_sums.laws.width_assumptions": Case(
        {"widths": (3, 4, 2), "eps": 0.1, "delta": 0.05}, numbers="eps delta"
    ),
    "theory.subset_sums.match.match_by_pruning": Case(
        {
            **SMALL,
            "random_weights": RANDOM,
            "low": -1.0,
            "high": 1.0,
            "tolerance": 0.1,
            "items": 6,
            "choose": "sum",
        },
        arrays="low high",
        numbers="tolerance",
        sizes="items",
        choices="choose",
        infinite="the curvature of relu at its kink, among what is known of the activation",
    ),
    "theory.subset_sums.nearest.nearest_sums": Case(
        {"items": SUMMED, "targets": np.array([0.5, -0.75])},
        arrays="items targets",
        laws=(Law({"items": 1, "targets": 1}, 1, lambda found: found.distances, scales=(-400, 400)),),
    ),
    "theory.subset_sums.plan.plan": Case(
        {**SMALL, "eps": 0.1, "low": -1.0, "high": 1.0, "delta": 0.05}, arrays="low high", numbers="eps delta"
    ),
    "theory.sufficient_width.laws.flow_width": Case(
        LAW, numbers="kappa curvature start sharpness", sizes="n d", infinite=NEVER
    ),
    "theory.sufficient_width.laws.lemma_width": Case(
        LAW, numbers="kappa curvature start sharpness", sizes="n d", infinite=NEVER
    ),
    "theory.sufficient_width.laws.law_assumptions": Case(LAW, numbers="curvature"),
    "theory.sufficient_width.published.published_widths": Case(
        {"n": 4, "d": 3, "norm": 1.5, "separation": 0.5, "smallest": 0.25, "relu_smallest": 0.25, "depth": 2},
        numbers="norm separation smallest relu_smallest",
        sizes="n d depth",
        infinite="where lambda or delta is 0",
    ),
    "theory.sufficient_width.separation.separation": Case(
        {"x": X, "labels": Y}, arrays="x", laws=(Law({"x": 1}, 0, scales=(-300, 300)),)
    ),
    "own.certify.certify": Case(
        {"network": SIMPLE, "params": START, "x": X, "y": Y, "step": 0.1, "loss": "mean"},
        arrays="x y",
        numbers="step",
        choices="loss",
        infinite=NEVER,
        slow=True,
    ),
    "own.jacobian.jacobian": Case({"network": WIDE, "params": PARAMS, "x": X}, arrays="x", slow=True),
    "own.jacobian.empirical_kernel": Case(
        {"network": WIDE, "params": PARAMS, "x": X, "z": X}, arrays="x z", slow=True
    ),
    "own.sgd.sgd_curve": Case(
        {
            "network": WIDE,
            "params": PARAMS,
            "x": X,
            "y": Y,
            "batch": 2,
            "step": 0.01,
            "steps": 2,
            "loss": "mean",
        },
        arrays="x y",
        numbers="step",
        sizes="batch steps",
        choices="loss",
        infinite=NEVER,
        accepts={"step: list": SEVERAL, "step: array of one": SEVERAL, "batch: list": SEVERAL},
        slow=True,
    ),
    "own.instance.draw_instance": Case(
        {"x": X, "y": Y, "activation": "tanh", "width": 4, "seed": 0, "scale": 1.0},
        arrays="x y",
        numbers="scale",
        sizes="width seed",
        choices="activation",
        lean=True,
    ),
    "own.required_widths.width_ladder": Case(
        {"x": X, "y": Y, "activation": "tanh", "seeds": [0, 1], "largest": 8},
        arrays="x y",
        sizes="largest",
        choices="activation",
        infinite=NEVER,
        slow=True,
    ),
    "data.label_noise.label_noise": Case(
        {"y": np.array([0, 1, 2, 1]), "rate": 0.5, "classes": 3, "seed": 0},
        numbers="rate",
        sizes="classes seed",
    ),
}
