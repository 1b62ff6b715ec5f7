"""The names of stored sweeps stay: what is new in a recipe enters a key where it is used, and nowhere else."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from overparam.api.width_sweep import width_sweep_study
from overparam.api.width_sweep.arms import OF_A_CELL
from overparam.api.width_sweep.work import told
from overparam.core.errors import UsageError
from overparam.models import mlp
from overparam.sweep.key import cell_name
from overparam.sweep.select import select
from overparam.training import Named, Recipe


def two_layers(width):
    return mlp(6, (width, width), 3)


def deep(width, depth=2):
    return mlp(6, (width,) * depth, 3)


def scalar(width):
    return mlp(6, (width,), 1)


def with_statistics(width):
    def init(key):
        return {
            "params": {"w": jax.random.normal(key, (6, width)), "v": jnp.ones((width, 3))},
            "batch_stats": {"mean": jnp.zeros(6)},
        }

    def apply(variables, x):
        return (x - variables["batch_stats"]["mean"]) @ variables["params"]["w"] @ variables["params"]["v"]

    return init, apply, ("batch_stats",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("data")
    x = np.random.default_rng(0).standard_normal((60, 6)).astype("float32")
    np.savez(made / "blobs.npz", x=x, y=np.arange(60) % 3)
    np.savez(made / "wave.npz", x=x, y=np.sin(x[:, 0]))
    return made


def keys(folder, family, data, **more):
    study = width_sweep_study(family, data=str(folder / data), widths=(2, 4, 8), seeds=1, **more)
    cells = select(study, "quick").cells()
    return [cell_name(study, cell, "f").rpartition("--")[2] for cell in (cells[0], cells[-1])]


COSINE = Recipe(60, 0.1, momentum=0.9, batch=20, schedule="cosine", stop_error=0.01, weight_decay=0.001)
ADAM = Recipe(60, 0.1, optimizer="adam", loss="squared", probes=7)


@pytest.mark.parametrize(
    ("family", "data", "more", "frozen"),
    [
        (two_layers, "blobs.npz", {}, ["107f8b9ab2f5fb5e", "dba80a30665de55c"]),
        (deep, "blobs.npz", {"recipe": COSINE, "noise": (0.2,), "version": "2", "n": 40},
         ["615c95b9ec45c006", "05fb553d447fd131"]),
        (scalar, "wave.npz", {"recipe": ADAM}, ["e35970a87df25638", "f94a0e7589763a8f"]),
        (with_statistics, "blobs.npz", {"loss": "squared"}, ["8b53309995626fce", "fcc16078f9f443"]),
    ],
)  # fmt: skip
def test_sweeps_that_were_stored_before_recipes_took_functions_are_found(folder, family, data, more, frozen):
    found = keys(folder, family, data, **more)
    assert [key.endswith(end) for key, end in zip(found, frozen, strict=True)] == [True, True]


def test_an_argument_of_the_family_at_its_default_is_not_in_the_key(folder):
    plain = keys(folder, deep, "blobs.npz")
    assert keys(folder, deep, "blobs.npz", arms={"depth": (2, 3)})[0] == plain[0]
    assert not set(keys(folder, deep, "blobs.npz", arms={"depth": (3, 4)})) & set(plain)


def by(factor):
    return lambda step: factor**step


PLAIN = Recipe(60, 0.1, batch=20)


@pytest.mark.parametrize(
    "more",
    [
        {"smoothing": 0.1}, {"sampling": "replacement"}, {"spacing": "even"}, {"probe_at": (3, 5)},
        {"layer_rates": {"output": 0.5}}, {"augment": lambda key, x: x}, {"loss": lambda f, y: f[:, 0]},
        {"optimizer": optax.sgd(0.1)}, {"optimizer": optax.sgd(0.2)}, {"schedule": by(0.5)}, {"schedule": by(0.9)},
    ],
)  # fmt: skip
def test_what_is_used_is_in_the_key(more):
    plain, found = told(PLAIN, OF_A_CELL), told(Recipe(60, 0.1, batch=20, **more), OF_A_CELL)
    assert set(found) - set(plain) == {"more"}
    assert found["more"] == told(Recipe(90, 0.3, batch=10, **more), OF_A_CELL)["more"]


def test_functions_that_differ_have_other_keys():
    recipes = (
        *(Recipe(60, 1.0, optimizer=optax.sgd(rate)) for rate in (0.1, 0.2)),
        *(Recipe(60, 1.0, schedule=by(factor)) for factor in (0.5, 0.9)),
    )
    assert len({told(one, OF_A_CELL)["more"] for one in recipes}) == 4
    assert told(Recipe(60, 1.0, optimizer=optax.sgd(0.1)), OF_A_CELL) == told(recipes[0], OF_A_CELL)


def test_what_cannot_be_told_apart_is_refused_unless_it_is_named(folder, tmp_path):
    with open(tmp_path / "log", "w") as log:

        def loss(outputs, labels):
            log.write("")
            return outputs[:, 0]

        with pytest.raises(
            UsageError, match="loss: expected something that its code and its values tell apart"
        ):
            keys(folder, two_layers, "blobs.npz", recipe=Recipe(60, 0.1, batch=20, loss=loss))
        named = keys(
            folder, two_layers, "blobs.npz", recipe=Recipe(60, 0.1, batch=20, loss=Named(loss, "mine", "1"))
        )
        other = keys(
            folder, two_layers, "blobs.npz", recipe=Recipe(60, 0.1, batch=20, loss=Named(loss, "mine", "2"))
        )
        assert not set(named) & set(other)
