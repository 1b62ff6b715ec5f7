"""The derivatives of a model as SciPy linear operators: any routine that takes one takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from overparam.core.errors import UsageError
from overparam.operators.model import Model

Layers = str | tuple[str, ...] | list[str] | None


class Derivative(LinearOperator):
    """A derivative of a model as a linear operator of SciPy.

    Attributes:
        model: the model.
        kind: of product, see :meth:`overparam.operators.Model.product`.
        products: how many products were made.
    """

    def __init__(self, model: Model, kind: str) -> None:
        self.model, self.kind, self.products = model, kind, 0
        rows = model.rows if kind == "jacobian" else model.size
        super().__init__(model.dtype, (rows, model.size))

    def _matvec(self, vector: Any) -> np.ndarray:
        self.products += 1
        return self.model.product(self.kind, np.asarray(vector).ravel())

    def _rmatvec(self, vector: Any) -> np.ndarray:
        if self.kind != "jacobian":
            return self._matvec(vector)
        self.products += 1
        return self.model.product("transpose", np.asarray(vector).ravel())

    def _matmat(self, vectors: Any) -> np.ndarray:
        self.products += vectors.shape[1]
        return self.model.product(self.kind, np.asarray(vectors))

    def _rmatmat(self, vectors: Any) -> np.ndarray:
        self.products += vectors.shape[1]
        return self.model.product("transpose" if self.kind == "jacobian" else self.kind, np.asarray(vectors))


def jacobian(model: Model, layers: Layers = None) -> LinearOperator:
    """Derivative of all outputs by the parameters, J, shape ``(rows, size)``; unit: outputs over parameters.

    Rows go over examples, the outputs of one inner, in C order; columns as ``model.layout`` says. ``J @ J.T`` is the operator of
    the empirical tangent kernel.

    Args:
        model: of :func:`overparam.operators.open_model`.
        layers: patterns of names of the parameters to derive by; None for all.

    Raises:
        UsageError: something else than a model, or patterns that cover nothing.
    """
    return Derivative(_part(model, layers), "jacobian")


def hessian(model: Model, layers: Layers = None) -> LinearOperator:
    """Second derivative of the loss by the parameters, H, shape ``(size, size)``; unit: loss over squared parameters.

    Args:
        model: of :func:`overparam.operators.open_model`.
        layers: patterns of names, for a diagonal block; None for all.

    Raises:
        UsageError: something else than a model, one without a loss, or patterns that cover nothing.
    """
    return Derivative(_part(model, layers, loss=True), "hessian")


def gauss_newton(model: Model, layers: Layers = None) -> LinearOperator:
    """The part ``sum_i J_i^T H_i J_i`` of the Hessian, H_i the Hessian of an example's loss by its outputs, divided as the loss.

    Shape ``(size, size)``; unit: loss over squared parameters. For cross-entropy it is the Fisher matrix.

    Args:
        model: of :func:`overparam.operators.open_model`.
        layers: patterns of names, for a diagonal block; None for all.

    Raises:
        UsageError: something else than a model, one without a loss, or patterns that cover nothing.

    References: N. Schraudolph, Fast curvature matrix-vector products for second-order gradient descent, Neural Computation
        14 (2002), section 3 (recalled).
    """
    return Derivative(_part(model, layers, loss=True), "gauss_newton")


def _part(model: Model, layers: Layers, loss: bool = False) -> Model:
    if not isinstance(model, Model):
        raise UsageError(f"model: expected one of open_model(...), got {type(model).__name__}.")
    if loss:
        model.check_loss()
    return model if layers is None else model.only(layers)
