import numpy as np
import pytest

from overparam.operators import open_model
from overparam.own.diagnosis.rows import on_rows

torch = pytest.importorskip("torch")

ROWS = np.array([0, 3, 4, 9, 17, 18, 25])


def test_few_rows_of_many_batches_are_one_batch():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)).astype(np.float32), rng.integers(0, 3, 30)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    some = on_rows(open_model(net, (x, y), batch=4), ROWS)
    assert [batch.count for batch in some.batches()] == [len(ROWS)]
    alone = open_model(net, (x[ROWS], y[ROWS]))
    assert some.loss() == pytest.approx(alone.loss(), rel=1e-6)
    assert np.allclose(some.gradient(), alone.gradient(), atol=1e-6)
    assert [batch.count for batch in on_rows(open_model(net, (x, y), batch=4), ROWS, 3).batches()] == [3, 3, 1]


def test_batches_of_unlike_shapes_stay_apart():
    rng = np.random.default_rng(0)
    loader = [(torch.tensor(rng.integers(0, 5, (4, long))), torch.tensor([0, 1, 2, 0])) for long in (3, 6, 3)]

    class Mean(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.out = torch.nn.Embedding(5, 4), torch.nn.Linear(4, 3)

        def forward(self, tokens):
            return self.out(self.table(tokens).mean(1))

    torch.manual_seed(0)
    model = open_model(Mean(), loader)
    some = on_rows(model, np.array([1, 2, 5, 11]))
    assert [batch.args[0].shape[1] for batch in some.batches()] == [3, 6, 3]
    assert np.allclose(some.outputs(), model.outputs()[[1, 2, 5, 11]], atol=1e-6)
