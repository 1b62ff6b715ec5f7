"""A linear model with squared loss in NumPy, as the operators see a model: nothing is compiled, and all is known."""

import numpy as np

from overparam.operators.batches import Batch
from overparam.operators.layout import Layout
from overparam.operators.model import Model, Settings
from overparam.operators.objective import Objective
from overparam.operators.ways import Way


def _total(outputs, targets):
    return 0.5 * ((outputs - targets) ** 2).sum()


OBJECTIVE = Objective("squared", _total, lambda shape, batch: float(shape[0]))


class Linear(Model):
    """Outputs ``x @ w`` with ``w`` of shape ``(features, outputs)``, in float64, whose rows are two named arrays."""

    back_end = "numpy"

    def __init__(self, x, y, w, objective=OBJECTIVE):
        self.x, self.y, self.w = (np.asarray(one, np.float64) for one in (x, y, w))
        names, shapes = ("first/weight",), (self.w.shape,)
        if len(self.w) > 1:
            names, shapes = (*names, "last/weight"), ((1, self.w.shape[1]), (len(self.w) - 1, self.w.shape[1]))
        super().__init__(Layout(names, shapes), objective, np.dtype(np.float64), (), Settings())

    def batches(self):
        yield Batch((self.x,), {}, self.y, len(self.x))

    def ways(self, kind):
        def make(batch):
            x = batch.args[0]

            def product(vector):
                if kind == "transpose":
                    return (x.T @ vector.reshape(len(x), -1)).ravel()
                moved = x @ vector.reshape(self.w.shape)
                return moved if kind == "jacobian" else (x.T @ moved).ravel()

            return product

        return (Way("plain", make),)

    def native(self, vector):
        return vector

    def host(self, array):
        return np.asarray(array)

    def batch_outputs(self, batch):
        return batch.args[0] @ self.w

    def batch_loss(self, batch):
        rest = self.batch_outputs(batch) - batch.targets
        with np.errstate(over="ignore", invalid="ignore"):
            return float(_total(rest, 0.0)), (batch.args[0].T @ rest).ravel()

    def batch_curvature(self, batch):
        return np.tile(np.eye(self.w.shape[1]), (batch.count, 1, 1))

    def vector(self):
        return self.w.ravel().copy()

    def at(self, vector):
        return Linear(self.x, self.y, np.asarray(vector).reshape(self.w.shape), self.objective)

    def only(self, layers):
        raise NotImplementedError

    def under(self, objective):
        return Linear(self.x, self.y, self.w, objective)
