import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from overparam.core.errors import UsageError
from overparam.training.losses import loss, wrong

F = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
Y = np.array([0, 2, 1, 1, 2], np.int32)


def test_cross_entropy_is_minus_the_log_probability():
    expected = -log_softmax(F.astype(np.float64), axis=1)[np.arange(5), Y]
    np.testing.assert_allclose(loss("cross_entropy").each(jnp.asarray(F), jnp.asarray(Y)), expected, rtol=1e-5)


def test_cross_entropy_of_huge_outputs_is_finite():
    f = jnp.array([[1e4, 0.0], [0.0, 1e4]])
    assert loss("cross_entropy").each(f, jnp.array([0, 0])).tolist() == [0.0, 1e4]


def test_squared_on_labels_is_half_the_distance_to_the_one_hot_vector():
    expected = 0.5 * np.sum((F - np.eye(3)[Y]) ** 2, axis=1)
    np.testing.assert_allclose(loss("squared").each(jnp.asarray(F), jnp.asarray(Y)), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 3)])
def test_squared_on_targets_has_the_residual_as_gradient(shape):
    f = F[:, : 1 if len(shape) == 1 or shape[1] == 1 else 3]
    t = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    slope = jax.grad(lambda f: loss("squared").mean(f, jnp.asarray(t)))(jnp.asarray(f))
    np.testing.assert_allclose(slope, (f - t.reshape(f.shape)) / 5, rtol=1e-5, atol=1e-7)


def test_wrong_takes_the_first_of_equal_outputs():
    assert wrong(jnp.array([[1.0, 1.0], [0.0, 2.0]]), jnp.array([1, 1])).tolist() == [1.0, 0.0]


def test_an_unknown_loss_is_named():
    with pytest.raises(UsageError, match=r"unknown loss 'crossentropy'. Did you mean 'cross_entropy'\?"):
        loss("crossentropy")
