"""The drift of the kernel as a probe of training: the same number as that of the kernels, alone and in a stack."""

import jax
import numpy as np
import pytest

from overparam.models import mlp
from overparam.operators import open_model
from overparam.probes import available
from overparam.probes.drift import PROBE, SAMPLE
from overparam.probes.kernel import kernel_drift
from overparam.probes.testing import check_probe
from overparam.training.losses import loss


def test_it_keeps_what_a_probe_must_keep():
    assert available()["kernel_drift"] is PROBE
    check_probe(PROBE)


@pytest.mark.slow
def test_it_is_the_drift_of_the_kernels():
    network = mlp(3, (8,), 2)
    start, end = (network.init(jax.random.key(seed)) for seed in (0, 1))
    x = np.random.default_rng(0).normal(size=(SAMPLE + 5, 3)).astype(np.float32)
    y = np.zeros(len(x), np.int32)
    found = PROBE(network, loss("cross_entropy"), end, start, x, y, x, y)
    first, second = (open_model(network, x[:SAMPLE], params=one) for one in (start, end))
    drift = kernel_drift(first, second, method="rows")
    assert float(found["kernel_change"]) == pytest.approx(drift.relative_change, rel=1e-4)
    assert float(found["kernel_cosine"]) == pytest.approx(drift.cosine, rel=1e-4)
