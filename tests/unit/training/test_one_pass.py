"""Where training is predicted or done by the pass that evaluates, a network that trains by another one is refused."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.models import linear, two_layer
from overparam.models.linearised import linearise
from overparam.own import certify, empirical_kernel, predict, sgd_curve
from overparam.training import Member, Recipe
from overparam.training.full_batch import scalar_model
from overparam.training.levenberg_marquardt import fit_network
from overparam.training.subsets import train_subsets

X, Y = np.eye(3), np.array([1.0, -1.0, 0.5])
PLAIN = two_layer(3, 4, activation="tanh")
DRAWS = replace(PLAIN, name="draws", training=lambda params, x, key: PLAIN.apply(params, x))
PARAMS = PLAIN.init(jax.random.key(0))
USERS = {
    "certify": lambda network: certify(network, PARAMS, X, Y),
    "predict": lambda network: predict(network, X, Y, params=PARAMS),
    "infinite width": lambda network: predict(network, X, Y),
    "sgd_curve": lambda network: sgd_curve(network, PARAMS, X, Y),
    "linearise": lambda network: linearise(network, PARAMS),
    "gradient descent": scalar_model,
    "fit_network": lambda network: fit_network(network, PARAMS, X, Y),
}


@pytest.mark.parametrize("user", USERS)
def test_a_network_that_trains_by_another_pass_is_refused(user):
    with pytest.raises(
        UsageError, match="trains by the pass with which it is evaluated, got 'draws'.*training=None"
    ):
        USERS[user](DRAWS)


def test_what_is_said_of_the_evaluated_network_holds_for_it():
    """A kernel is that of the outputs as they are evaluated, and a network told not to draw is any other."""
    assert np.array_equal(empirical_kernel(DRAWS, PARAMS, X), empirical_kernel(PLAIN, PARAMS, X))
    assert scalar_model(replace(DRAWS, training=None))


LABELS = np.array([0, 1, 2])
NETWORK = linear(3, 3)


def subsets(members=None, network=NETWORK, **changes):
    recipe = Recipe(**{"steps": 2, "learning_rate": 0.1, "batch": 2, **changes})
    return train_subsets(network, recipe, members or [Member(0, LABELS)], [np.arange(3)], X)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"sampling": "replacement"}, UsageError, "expected sampling='epochs'"),
        ({"stream": lambda key, batch: (X, LABELS)}, UsageError, "got a stream"),
        ({"members": [Member(0, LABELS, x=X)]}, UsageError, "got x of member 0"),
        ({"members": [Member(0, LABELS), Member(0, LABELS, mask={})]}, UsageError, "got mask of member 1"),
        ({"members": [Member(0, LABELS, trained={})]}, UsageError, "got trained of member 0"),
        ({"members": [Member(0, LABELS, offset={})]}, UsageError, "got offset of member 0"),
        ({"members": [Member(0, LABELS, state={})]}, UsageError, "got state of member 0"),
        ({"members": [Member(0, LABELS, batch=1)]}, UsageError, "got batch of member 0"),
        ({"network": replace(NETWORK, moments=lambda p, x: {})}, UsageError, "network without statistics of batches"),
        ({"loss": lambda f, y: f.sum()}, UsageError, "loss: expected one number an example"),
        ({"loss": lambda f, y: f[:, 0] * np.nan}, DataError, "loss: expected finite numbers at the start"),
        ({"layer_rates": {"none": 1.0}}, UsageError, "layer_rates: 'none' fits none"),
        ({"augment": lambda key, x: x[:1]}, UsageError, "augment: expected inputs"),
        ({"schedule": lambda t: -1.0 * t}, UsageError, "schedule: expected finite factors of at least 0"),
    ],
)  # fmt: skip
def test_subsets_refuse_what_they_do_not_take(given, kind, words):
    with pytest.raises(kind, match=words):
        subsets(**given)


def test_subsets_take_the_rules_of_a_recipe():
    """Rates by layer, an augmentation and a schedule of one's own; times of probes have no meaning here."""
    rules = {
        "layer_rates": {"output/bias": 0.0},
        "augment": lambda key, x: 0.0 * x,
        "schedule": lambda t: 1.0 + t,
    }
    params = subsets(probe_at=[1, 2], **rules)
    start = NETWORK.init(jax.random.key(0))["output"]
    assert np.array_equal(params["output"]["bias"][0], start["bias"])
    assert np.array_equal(params["output"]["weight"][0], start["weight"])  # inputs of 0 move no weight
    assert not np.array_equal(subsets(loss="squared")["output"]["bias"][0], start["bias"])
