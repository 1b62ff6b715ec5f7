"""Stack or map: which form is chosen, and that both give the same results to rounding."""

import jax
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import cnn, mlp
from overparam.training import Member, Recipe, train
from overparam.training.choice import one_by_one


def test_wide_networks_come_one_after_another_on_a_cpu_alone(monkeypatch):
    monkeypatch.setattr("jax.default_backend", lambda: "cpu")
    assert [one_by_one(mlp(40, (width, width), 10)) for width in (16, 200, 300)] == [False, False, True]
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert not one_by_one(mlp(40, (300, 300), 10))


def test_a_person_may_choose_and_other_words_are_refused():
    network = mlp(2, (3,), 2)
    assert (one_by_one(network, "map"), one_by_one(network, "stack")) == (True, False)
    with pytest.raises(UsageError, match="form"):
        one_by_one(network, "loop")


@pytest.mark.parametrize(
    "network", [mlp(6, (5,), 3), pytest.param(cnn((4, 4), (2,), 3), marks=pytest.mark.slow)], ids=["mlp", "cnn"]
)
def test_both_forms_give_the_same_to_rounding(network):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((12, network.inputs)).astype(np.float32)
    mask = {name: {"weight": rng.integers(0, 2, leaves["weight"].shape).astype(np.float32)}
            for name, leaves in network.init(jax.random.key(0)).items()}  # fmt: skip
    members = [Member(seed, rng.integers(0, 3, 12), mask=mask) for seed in range(2)]
    recipe = Recipe(steps=8, learning_rate=0.1, momentum=0.9, batch=4, probes=2)
    runs = [
        train(network, recipe, members, x, x, members[0].y, form=form, keep_params=True)
        for form in ("stack", "map")
    ]
    for one, other in zip(*runs, strict=True):
        np.testing.assert_allclose(one.values["train_loss"], other.values["train_loss"], rtol=1e-5)
        for layer, leaves in one.params.items():
            np.testing.assert_allclose(leaves["weight"], other.params[layer]["weight"], rtol=1e-4, atol=1e-6)
            assert not np.any(np.asarray(leaves["weight"])[mask[layer]["weight"] == 0])
