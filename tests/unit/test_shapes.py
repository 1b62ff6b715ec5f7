"""Shapes are annotated with jaxtyping in one vocabulary, checked under pytest and nowhere else."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Float, TypeCheckError, jaxtyped

import overparam
from overparam.core.errors import DataError
from overparam.models import mlp
from overparam.models.mlp import affine
from overparam.probes import norms
from overparam.training import Recipe
from overparam.training.inputs import examples
from overparam.training.loop import advance, fresh_params, fresh_slots
from overparam.training.losses import loss, wrong
from overparam.training.nested import WidthFit, add_gram, squared_loss
from overparam.training.update import schedule_factor
from tests.shapes import check

SOURCE = Path(overparam.__file__).parent
MODULES = {
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(SOURCE.rglob("*.py"))
}
VOCABULARY = {
    "_",  # an axis whose length differs from array to array of a list
    *("members", "*members", "*sets", "streams", "batch", "classes", "params", "features", "steps"),
    *("n", "n_test", "m"),  # examples of a whole set, of the test set, of a second set
    *("units", "inputs"),  # outputs of a hidden layer; inputs where `features` counts random features
    *("seeds", "points", "times"),  # lines of a curve, its points, probe times
    *("some_seeds", "read_seeds"),  # seeds that choose a place, and seeds it is read at
    *("rank", "kept", "directions"),  # singular or eigen directions: all, those kept, those that are learnt
    *("channels", "*space", "*space_out", "*window"),  # maps of a convolution: before, behind; its kernel
    *("_channels", "_space", "*_space", "_batch"),  # the same where they change
    *(
        "height",
        "width",
        "rows",
        "places",
        "high",
        "wide",
    ),  # images and kernels of two axes, and what comes out
    *("blocks", "columns", "layers"),  # of a weight as matrices: groups or heads, inputs and taps; of a network
    *(
        "labels",
        "levels",
        "others",
        "teacher",
        "student",
    ),  # that count; of quantiles; a second set of features, units
    *("*features", "*shape", "..."),
}

NETWORK = mlp(3, (4,), 2)
RECIPE = Recipe(steps=2, learning_rate=0.1)
X, Y = jnp.ones((6, 3)), jnp.zeros((1, 6), jnp.int32)


def dtypes(tree):
    """The names that a module takes from jaxtyping."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "jaxtyping"]
    return {alias.name for node in imports for alias in node.names}


ANNOTATED = [name for name, tree in MODULES.items() if dtypes(tree)]


def take_two_steps(x, y, rates):
    params = fresh_params(jnp.zeros(1, jnp.uint32), network=NETWORK)
    slots = fresh_slots(params, {}, network=NETWORK, recipe=RECIPE)
    return advance(
        params, slots, rates, jnp.zeros(1, jnp.uint32), {}, y, x, None, 0, 0, 2, network=NETWORK, recipe=RECIPE
    )


@jaxtyped(typechecker=check)
def returned(rows) -> Float[np.ndarray, "n features"]:
    return rows


WRONG = {
    "an example that is not a row": lambda: NETWORK.apply(NETWORK.init(jax.random.key(0)), jnp.ones(3)),
    "a layer's columns": lambda: affine({"weight": jnp.ones((2, 3))}, 1.0, jnp.ones(3)),
    "labels of another batch": lambda: wrong(jnp.ones((4, 2)), jnp.zeros(3, jnp.int32)),
    "a vector of outputs": lambda: loss("squared").mean(jnp.ones(4), jnp.ones(4)),
    "targets that would be broadcast": lambda: squared_loss(np.ones((4, 2)), np.ones((4, 1))),
    "float32 where float64 is meant": lambda: squared_loss(np.ones((4, 2), np.float32), np.ones((4, 2))),
    "a Gram matrix of other samples": lambda: add_gram(np.zeros((3, 3), order="F"), np.ones((4, 2))),
    "several steps at once": lambda: schedule_factor(RECIPE, jnp.arange(3)),
    "what is returned": lambda: returned(np.ones(2)),
    "examples inside a compiled loop": lambda: take_two_steps(jnp.ones((6, 3, 1)), Y, jnp.ones(1)),
    "rates inside a compiled loop": lambda: take_two_steps(X, Y, jnp.ones((1, 1))),
    "labels of other examples inside a compiled loop": lambda: take_two_steps(X, Y[:, :5], jnp.ones(1)),
    "a probe's test labels": lambda: norms.measure(
        NETWORK, loss("squared"), jnp.ones(2), jnp.ones(2), X, Y[0], X, jnp.zeros(5, jnp.int32)
    ),
    "a field": lambda: import_module("overparam.training").Trained(
        0, np.zeros((2, 1), int), {}, None, None, None
    ),
}


@pytest.mark.parametrize("call", [pytest.param(call, id=what) for what, call in WRONG.items()])
def test_a_wrong_shape_is_caught(call):
    with pytest.raises(TypeCheckError, match="Type-check error whilst checking the"):
        call()


def test_right_shapes_pass():
    params, _ = take_two_steps(X, Y, jnp.ones(1))
    assert params["output"]["weight"].shape == (1, 2, 4)
    assert squared_loss(np.zeros((2, 1)), np.ones((2, 1))) == 1.0


def test_the_library_s_own_errors_come_first():
    with pytest.raises(DataError, match=r"x: expected shape \(n, 3\) with n >= 1, got \(3,\)"):
        examples("x", np.ones(3), NETWORK)


def test_scalars_are_left_to_the_library():
    assert WidthFit("9", *[None] * 6, condition=1, method=2).width == "9"


@pytest.mark.parametrize("name", ANNOTATED)
def test_every_annotated_module_is_checked(name):
    loader = import_module(name).__spec__.loader
    assert type(loader).__name__ == "_JaxtypingLoader", f"add {name} to --jaxtyping-packages in pyproject.toml"


@pytest.mark.parametrize("name", ANNOTATED)
def test_shapes_are_written_in_one_vocabulary(name):
    names = dtypes(MODULES[name])
    subscripts = [node for node in ast.walk(MODULES[name]) if isinstance(node, ast.Subscript)]
    shapes = [ast.literal_eval(s.slice.elts[1]) for s in subscripts if getattr(s.value, "id", "") in names]
    assert all(isinstance(shape, str) for shape in shapes), "quote every shape: anything else is not checked"
    assert {word for shape in shapes for word in shape.split()} <= VOCABULARY
    assert shapes or names == {"PRNGKeyArray"}


@pytest.mark.parametrize("name", ANNOTATED)
def test_every_annotation_has_a_meaning(name):
    """What does not resolve would be passed over in silence."""
    own = [v for v in vars(import_module(name)).values() if getattr(v, "__module__", "") == name]
    own = [v for v in own if hasattr(v, "__qualname__")]  # functions and classes, no objects
    methods = [m for v in own if isinstance(v, type) for m in vars(v).values()]
    hints = [get_type_hints(v) for v in own + methods if hasattr(v, "__annotations__")]
    assert hints


def test_nothing_is_checked_outside_tests():
    code = (
        "import sys, numpy as np; from overparam.theory.eigenframework import times\n"
        "assert times(np.ones((2, 3)), np.ones((2, 3))).shape == (2, 3)\n"
        "assert not {'beartype', 'jax'} & set(sys.modules), 'imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
