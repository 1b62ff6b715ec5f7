"""The curvature of the loss by the outputs, example by example, in both back ends."""

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from tests.tiny_models import LABELS, PARAMS, K, Loader, N, X, Y, apply, module


def test_both_back_ends_are_the_closed_form():
    mine, other = open_model(apply, Loader(), params=PARAMS), open_model(module(), (X, LABELS), batch=49)
    p = np.exp(mine.outputs())
    p /= p.sum(1, keepdims=True)
    want = np.einsum("nk,kl->nkl", p, np.eye(K)) - np.einsum("nk,nl->nkl", p, p)
    assert np.abs(mine.output_curvature() - want).max() <= 1e-12
    assert np.abs(other.output_curvature() - want).max() <= 1e-12
    for loss in ("squared", lambda out, targets: (out - targets).sum(-1)):
        found = open_model(module(), (X, Y), loss=loss).output_curvature()
        assert found.shape == (N, K, K)
        assert np.abs(found - np.eye(K) * (loss == "squared")).max() == 0
    with pytest.raises(UsageError, match="targets and a loss"):
        open_model(module(), X).output_curvature()
