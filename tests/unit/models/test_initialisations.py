import jax
import numpy as np
import pytest
from scipy import stats

from overparam.models import initialisation, mlp

IN, OUT = 50, 400
WEIGHT_VARIANCE = {
    "torch": 1 / (3 * IN),
    "he": 2 / IN,
    "lecun": 1 / IN,
    "glorot": 2 / (IN + OUT),
    "normal": 1.0,
    "zeros": 0.0,
}
BIAS_VARIANCE = {"torch": 1 / (3 * IN), "normal": 1.0}


@pytest.mark.parametrize("name", sorted(WEIGHT_VARIANCE))
def test_moments_are_those_of_the_law(name):
    (layer,) = initialisation(name).draw(jax.random.key(3), [(IN, OUT)], True)
    weight, bias = np.asarray(layer["weight"], np.float64), np.asarray(layer["bias"], np.float64)
    assert weight.shape == (OUT, IN)
    assert bias.shape == (OUT,)
    wanted = WEIGHT_VARIANCE[name]
    # The sample variance of 20,000 normal entries has relative standard deviation sqrt(2/20,000) = 1 %.
    assert np.mean(weight**2) == pytest.approx(wanted, rel=0.04, abs=1e-12)
    assert abs(weight.mean()) <= 4 * np.sqrt(wanted / weight.size)
    assert np.mean(bias**2) == pytest.approx(BIAS_VARIANCE.get(name, 0.0), rel=0.3, abs=1e-12)


@pytest.mark.parametrize(("name", "bound"), [("torch", IN**-0.5), ("glorot", (6 / (IN + OUT)) ** 0.5)])
def test_uniform_laws_fill_their_interval(name, bound):
    (layer,) = initialisation(name).draw(jax.random.key(4), [(IN, OUT)], True)
    weight = np.asarray(layer["weight"], np.float64).ravel()
    assert np.abs(weight).max() <= bound
    assert stats.kstest(weight, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3


def test_normal_laws_are_normal():
    (layer,) = initialisation("he").draw(jax.random.key(5), [(IN, OUT)], False)
    weight = np.asarray(layer["weight"], np.float64).ravel()
    assert list(layer) == ["weight"]
    assert stats.kstest(weight, stats.norm(0, (2 / IN) ** 0.5).cdf).pvalue > 1e-3


def test_layers_and_seeds_are_independent():
    network = mlp(30, (30, 30), 30, bias=False)
    a, b = (network.init(jax.random.key(seed)) for seed in (0, 1))
    pieces = [np.asarray(p[layer]["weight"]).ravel() for p in (a, b) for layer in p]
    correlation = np.corrcoef(pieces) - np.eye(6)
    assert np.abs(correlation).max() < 4 / np.sqrt(900)


def test_the_same_key_gives_the_same_parameters():
    network = mlp(3, (4,), 2)
    a, b = (network.init(jax.random.key(7)) for _ in range(2))
    assert jax.tree.all(jax.tree.map(np.array_equal, a, b))
