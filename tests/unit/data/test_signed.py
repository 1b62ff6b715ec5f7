"""Inputs of norm 1 with targets +1 and -1."""

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.data.signed import signed_examples


def test_digits_are_centred_unit_rows_of_two_classes():
    x, y = signed_examples("digits", 12, 0, 3)
    assert x.shape == (12, 64)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1.0)
    assert set(y) == {-1.0, 1.0}
    raw, same = signed_examples("digits", 12, 0, 3, raw=True)
    assert (same == y).all()
    assert raw.min() == 0.0 < raw.max() <= 1.0
    centred = raw - raw.mean(axis=0)
    np.testing.assert_allclose(x, centred / np.linalg.norm(centred, axis=1, keepdims=True))
    with pytest.raises(UsageError, match="--n: expected at most .* images of two digits, got 200000"):
        signed_examples("digits", 200_000, 0, 0)
