"""OP005: how curved the loss is at the parameters, with the twin that rescaling layers does not change, and the norm."""

from __future__ import annotations

import numpy as np

from overparam.own.diagnosis.answer import Answer, Measured, Next, Table
from overparam.own.diagnosis.check import Check, Cost
from overparam.own.diagnosis.context import Context
from overparam.probes.curvature import top_eigenvalues, trace

STREAM = 5
SHARE = 0.2  # of the budget that is left
LOADING = 3.0  # seconds that the first second derivative of a process takes
PRODUCT = 2.5  # gradients a product (measured on a convolutional network: 2.2)
VECTOR = 6e-8  # seconds a parameter and product, to keep vectors orthogonal (measured with half a million parameters)
TOP, TRACE = 40, 24  # products
K = 3
MOST, FEWEST = 2000, 32  # examples


def _products() -> int:
    return 2 * TOP + 2 * TRACE


def _rows(context: Context) -> int:
    rate = max(context.pace.gradient, 1e-9) * PRODUCT * _products()
    return int(
        min(context.model.examples, MOST, max(FEWEST, (SHARE * context.left() - _vectors(context)) / rate))
    )


def _vectors(context: Context) -> float:
    return VECTOR * context.model.size * _products()


def _cost(context: Context) -> Cost:
    many = _rows(context)
    words = f"about {_products()} products with the Hessian on {many:,} examples"
    return Cost(LOADING + _vectors(context) + context.pace.gradient * PRODUCT * _products() * many, words)


def _run(context: Context) -> Answer:
    model, rows = context.some(context.model, _rows(context), STREAM)
    n = len(rows)
    found = [
        (
            top_eigenvalues(model, K, scaled=scaled, products=TOP, tolerance=1e-2, seed=context.seed),
            trace(model, scaled=scaled, products=TRACE, seed=context.seed),
        )
        for scaled in (False, True)
    ]
    (top, total), (twin, twin_total) = found
    slope = float(np.linalg.norm(model.gradient()))
    norm = float(np.linalg.norm(model.vector()))
    vector = top.vectors[:, 0]
    rows_out = tuple(
        (at + 1, float(a), float(ra), float(b), float(rb))
        for at, (a, ra, b, rb) in enumerate(
            zip(top.values, top.residuals, twin.values, twin.residuals, strict=True)
        )
    )
    settled = "" if top.converged and twin.converged else (
        " Not all eigenvalues settled within the products that were made: each is off by at most its residual from some "
        "eigenvalue of the Hessian."
    )  # fmt: skip
    least, most = total.interval()
    twin_least, twin_most = twin_total.interval()
    return CHECK.answer(
        "inconclusive",
        "Flatness has no scale of its own, and no cut-off was found that tells good from bad networks: compare two networks on "
        f"the same data and the same loss.{settled}",
        effect=Measured(f"largest eigenvalue of the Hessian of the loss on {n:,} examples", float(top.values[0])),
        beside=(
            Measured("its residual, by which it is off at most from some eigenvalue", float(top.residuals[0])),
            Measured("trace of the Hessian", total.estimate, "", least, most, total.samples or None, "random vectors",
                     whole=total.exact),
            Measured("largest eigenvalue, weights scaled by their sizes (unit: loss)", float(twin.values[0])),
            Measured("trace, weights scaled by their sizes (unit: loss)", twin_total.estimate, "", twin_least, twin_most,
                     twin_total.samples or None, "random vectors", whole=twin_total.exact),
            Measured("norm of the parameters", norm),
            Measured("norm of the gradient", slope),
            Measured("share of the top direction in its largest layer", _largest(context, vector), "%"),
        ),
        tables=(Table("Largest eigenvalues", ("", "Hessian", "residual", "scaled", "residual"), rows_out),),
        next=Next("The whole spectrum, or layer by layer.",
                  "overparam.probes.curvature.spectral_density(open_model(model, train))"),
    )  # fmt: skip


def _largest(context: Context, vector: np.ndarray) -> float:
    layout = context.model.layout
    parts = [
        sum(float(np.square(vector[layout.slices[a]]).sum()) for a in names) for names in layout.layers.values()
    ]
    return 100 * max(parts) / max(sum(parts), 1e-300)


CHECK = Check(
    "OP005",
    "flatness",
    "Is the minimum flat?",
    "none: numbers alone. The second kind, with rows and columns multiplied by the sizes of the weights, is not changed by "
    "rescaling layers; the plain norm of the parameters predicts generalisation as well.",
    lambda context: "",
    _cost,
    _run,
    (
        "the scale of the weights, for the first kind",
        "the size of the loss: where all examples are fitted with certainty, cross-entropy has hardly any curvature",
        "the examples drawn: the largest eigenvalue on few examples is larger than on many",
    ),
)
