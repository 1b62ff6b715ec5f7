"""Training data with other targets, in the form and types that were given."""

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.data import Dataset
from overparam.own.retraining.targets import random_labels, relabelled

X = np.arange(12.0).reshape(6, 2)
Y = np.array([0, 1, 2, 0, 1, 2], np.int32)
NEW = np.array([2, 2, 2, 1, 1, 1])


def test_arrays_mappings_and_batches_keep_their_form():
    x, y = relabelled((X, Y), NEW)
    assert x is X
    assert y.dtype == np.int32
    assert y.tolist() == NEW.tolist()
    assert relabelled([X, Y], NEW)[1].tolist() == NEW.tolist()
    found = relabelled({"image": X, "label": Y}, NEW)
    assert list(found) == ["image", "label"]
    assert found["label"].tolist() == NEW.tolist()
    assert relabelled({"a": X, "b": Y}, NEW, "b")["b"].tolist() == NEW.tolist()
    batches = relabelled([(X[:4], Y[:4]), (X[4:], Y[4:])], NEW)
    assert [one[1].tolist() for one in batches] == [[2, 2, 2, 1], [1, 1]]
    assert Y.tolist() == [0, 1, 2, 0, 1, 2]
    with pytest.raises(UsageError, match="expected 7 examples in every pass, got 6"):
        relabelled([(X[:4], Y[:4]), (X[4:], Y[4:])], np.zeros(7, int))


def test_a_data_set_stays_one():
    x = X.astype(np.float32)
    data = Dataset("own", "own", x, Y, x, Y, 3, "0" * 16)
    assert isinstance(relabelled(data, NEW), Dataset)
    assert relabelled(data, NEW).y.tolist() == NEW.tolist()


def test_tensors_stay_tensors():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    found = relabelled(loader, NEW)
    assert found[1][1].tolist() == [1, 1]
    assert found[0][1].dtype == torch.int32


def test_random_labels_are_drawn_among_those_that_occur():
    rng = np.random.default_rng(0)
    many = random_labels(np.repeat([3, 7], 500), rng)
    assert set(many.tolist()) == {3, 7}
    assert abs((many == 3).mean() - 0.5) < 4 * 0.5 / np.sqrt(1000)
    held = random_labels(np.array([[1, 9], [9, 2]]), rng, 9)
    assert (held == 9).tolist() == [[False, True], [True, False]]
    numbers = np.linspace(0, 1, 50)
    assert sorted(random_labels(numbers, rng)) == sorted(numbers)
