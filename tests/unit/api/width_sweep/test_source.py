"""A sweep written down for worker processes and as a call: what has a name, and what has not."""

from __future__ import annotations

import functools
import inspect
import sys

import numpy as np
import optax
import pytest

from overparam.api.width_sweep import width_sweep_study
from overparam.api.width_sweep.source import command, fingerprint, unchanged, written
from overparam.core.errors import UsageError
from overparam.data import from_arrays, save
from overparam.own.family import Family
from overparam.training import Named, Recipe

TEXT = """
import jax.numpy as jnp
import optax
from overparam.models import mlp
from overparam.training import Recipe

def mine(width, depth=1):
    return mlp(6, (width,) * depth, 3)

def loss(outputs, labels, weight=1.0):
    return weight * optax.softmax_cross_entropy_with_integer_labels(outputs, labels)

def half(step):
    return 0.5 ** (step // 10)

def size(network, loss, params, params0, x, y, x_test, y_test):
    return {"size": jnp.mean(network.apply(params, x_test) ** 2)}

ADAMW = optax.adamw(0.01)
BOTH = {"a": Recipe(20, 0.1, batch=20), "b": Recipe(20, 0.2, batch=20)}
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    (folder / "networks_of_mine.py").write_text(TEXT)
    sys.path.insert(0, str(folder))
    x = np.random.default_rng(0).standard_normal((60, 6))
    data = save(from_arrays(x, np.arange(60) % 3, name="blobs"), folder / "blobs.npz")
    try:
        import networks_of_mine

        yield networks_of_mine, {"data": str(data), "widths": (2, 4, 8), "seeds": 1}
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("networks_of_mine", None)


def text_of(module, more, family=None):
    made = Family(family or module.mine)
    return written(made, width_sweep_study(made.make, **more), more)


CASES = {
    "plain": lambda m: {"noise": (0.2,), "title": "it's a \\ title"},
    "recipe": lambda m: {"recipe": Recipe(20, np.float64(0.1), batch=np.int64(20), probe_at=[3, 5])},
    "own": lambda m: {"recipe": Recipe(20, 1.0, batch=20, optimizer=m.ADAMW, loss=m.loss, schedule=m.half)},
    "package": lambda m: {
        "recipe": Recipe(20, 0.1, batch=20, loss=optax.softmax_cross_entropy_with_integer_labels)
    },
    "partial": lambda m: {"recipe": Recipe(20, 0.1, batch=20, loss=functools.partial(m.loss, weight=2.0))},
    "named": lambda m: {"recipe": Recipe(20, 0.1, batch=20, loss=Named(m.loss, "mine", "1"))},
    "rates": lambda m: {"recipe": Recipe(20, 0.1, batch=20, layer_rates={"output": 0.5})},
    "arms": lambda m: {"arms": {"depth": (1, 2), "learning_rate": np.array([0.1, 0.2])}},
    "recipes": lambda m: {"arms": {"recipe": m.BOTH}},
    "probes": lambda m: {"probes": {"size": m.size}},
    "names": lambda m: {"probes": ["norms"]},
}


@pytest.mark.parametrize("case", CASES)
def test_the_file_for_workers_holds_the_same_study(given, case):
    module, base = given
    more = {**base, **CASES[case](module)}
    text, why = text_of(module, more)
    assert why == ""
    space: dict = {}
    exec(compile(text, "<made>", "exec"), space)
    here, there = width_sweep_study(module.mine, **more), space["STUDY"]
    assert (there.name, there.title) == (here.name, here.title)
    assert {k: p.axes for k, p in there.profiles.items()} == {k: p.axes for k, p in here.profiles.items()}
    assert fingerprint(there) == fingerprint(here)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"recipe": Recipe(20, 0.1, batch=20, loss=lambda f, y: f[:, 0])}, r"the loss \(lambda\)"),
        ({"recipe": Recipe(20, 1.0, batch=20, optimizer=optax.adamw(0.3))}, "the optimizer"),
        ({"recipe": Recipe(20, 0.1, batch=20, schedule=optax.cosine_decay_schedule(1.0, 20))}, "the schedule"),
        ({"probes": {"size": lambda *given: {"size": 1.0}}}, r"the size \(lambda\)"),
    ],
)
def test_what_has_no_name_is_computed_here_and_the_way_to_workers_is_told(given, more, text):
    module, base = given
    found, why = text_of(module, {**base, **more})
    assert found == ""
    assert why.startswith("worker processes cannot import ")
    assert __import__("re").search(text, why)
    assert why.endswith(
        "put them into a file with STUDY = overparam.width_sweep_study(...), and run that file."
    )


def test_other_functions_than_when_the_run_began_are_refused(given):
    module, base = given
    study = width_sweep_study(module.mine, **base)
    assert unchanged(study, fingerprint(study)) is study
    with pytest.raises(UsageError, match="recipe and probes: expected them as when the run began"):
        unchanged(study, "0" * 16)


def test_the_call_is_told_by_names_and_without_addresses(given):
    module, base = given
    usual = inspect.signature(width_sweep_study).parameters
    more = {**base, **CASES["own"](module), "probes": {"size": module.size}, "noise": (0.0, 0.15)}
    told = command("mine", more, usual)
    assert told == (
        "overparam.width_sweep(mine, data='blobs.npz', widths=(2, 4, 8), seeds=1, recipe=Recipe(steps=20, "
        "learning_rate=1.0, optimizer=..., batch=20, loss=loss, schedule=half), probes={'size': size})"
    ) or ("blobs-" in told and "0x" not in told)
