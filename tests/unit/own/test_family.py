"""A user's function becomes a family: what is accepted, what is refused with which words, and what its tag sees."""

from __future__ import annotations

import functools
import types

import jax
import jax.numpy as jnp
import pytest

from overparam.core.errors import UsageError
from overparam.models import Network, mlp, parameters
from overparam.own.family import Family


def mine(width):
    return mlp(6, (width,), 3)


def pair(width):
    def init(key):
        return {"w": jax.random.normal(key, (6, width)), "v": jnp.zeros((width, 3))}

    return init, lambda params, x: jnp.tanh(x @ params["w"]) @ params["v"]


class Model:
    """An object with init and apply, as from a framework."""

    def __init__(self, width):
        self.init, self.apply = pair(width)


@pytest.mark.parametrize("make", [mine, pair, Model, functools.partial(mine), lambda w: mlp(6, (w,), 3)])
def test_a_network_a_pair_and_an_object_are_families(make):
    family = Family(make)
    network = family.network(4, 6, 3)
    params = network.init(jax.random.key(0))
    assert network.apply(params, jnp.ones((5, 6))).shape == (5, 3)
    assert family.size(4) == parameters(network) == sum(leaf.size for leaf in jax.tree.leaves(params))


def normalised(width):
    """As Flax gives it: parameters and running statistics beside each other."""

    def init(key):
        statistics = {"mean": jnp.zeros(width), "var": jnp.ones(width)}
        return {"params": pair(width)[0](key), "batch_stats": statistics}

    def apply(variables, x):
        params, own = variables["params"], variables["batch_stats"]
        return jnp.tanh((x @ params["w"] - own["mean"]) / jnp.sqrt(own["var"])) @ params["v"]

    return init, apply


@pytest.mark.parametrize(
    "make",
    [
        lambda w: (*normalised(w), ("batch_stats",)),
        lambda w: (*normalised(w), "batch_stats"),
        lambda w: types.SimpleNamespace(init=normalised(w)[0], apply=normalised(w)[1], state=["batch_stats"]),
        lambda w: Network("own", *normalised(w), 6, 3, state=("batch_stats",)),
    ],
)
def test_a_family_declares_its_state(make):
    family = Family(make)
    network = family.network(4, 6, 3)
    assert network.state == ("batch_stats",)
    assert family.size(4) == parameters(network) == Family(pair).size(4)
    assert family.held(4)[0] == ("batch_stats",)
    assert len(family.held(4)) == 3
    assert Family(pair).held(4) == ()


def test_a_family_with_state_that_is_not_declared_is_refused():
    with pytest.raises(
        UsageError, match=r"^family 'normalised': 'batch_stats/mean' of .* state=\('batch_stats',\)"
    ):
        Family(normalised).network(4, 6, 3)
    with pytest.raises(
        UsageError, match="^family 'family': expected every output of .* to depend on its own row alone"
    ):
        Family(lambda w: (pair(w)[0], lambda p, x: pair(w)[1](p, x - x.mean(0)))).network(4, 6, 3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda w: mlp(6, (w,), 4), r"expected outputs of shape \(batch, 3\) at width 4, .* got \(batch, 4\)"),
        (lambda w: mlp(5, (w,), 3), r"expected apply\(params, x\) to take x of shape \(batch, 6\)"),
        (lambda w: "no network", "expected a Network, an object with init.* got str"),
        (
            lambda w: (lambda key, x: {}, lambda p, x: x),
            r"family '<?\w+>?': expected init\(key\) -> params of 'family width 4', got TypeError",
        ),
        (
            lambda w: (lambda key: {"n": 3}, lambda p, x: x),
            "expected parameters that are arrays of floats from init of",
        ),
        (lambda w: (lambda key: {}, lambda p, x: x), "got no array"),
        (lambda w: [][w], "expected a network for width 4, got IndexError"),
    ],
)
def test_what_is_no_network_is_refused(make, text):
    with pytest.raises(UsageError, match=text):
        Family(make).network(4, 6, 3)


@pytest.mark.parametrize(
    ("make", "widths", "text"),
    [
        (lambda w: mlp(6, (5,), 3), (2, 4, 8), "got 53 at each of 2, 4, 8: it ignores its width"),
        (lambda w: mlp(6, (w % 8,), 3), (2, 7, 10), "got 73 at width 7 and 23 at width 10"),
        (mine, (4, 2, 8), r"expected ascending widths, each once, got \[4, 2, 8\]. Give \[2, 4, 8\]"),
        (mine, (2, 4, 4, 8), "each once"),
        (mine, (2, 4), "at least 3 whole numbers from 1 on"),
        (mine, (0, 2, 4), "at least 3 whole numbers from 1 on"),
        (mine, (1.5, 2, 4), "at least 3 whole numbers from 1 on"),
    ],
)
def test_widths_that_make_no_sweep_are_refused(make, widths, text):
    with pytest.raises(UsageError, match=text):
        Family(make).check_widths(widths)


def defined(source, name="f"):
    """A function as a file would hold it."""
    import linecache

    lines = source.splitlines(keepends=True)
    file = f"<planted {hash(source)}>"
    linecache.cache[file] = (len(source), None, lines, file)
    space: dict = {}
    exec(compile(source, file, "exec"), space)
    return space[name]


def test_the_tag_sees_code_and_version_and_neither_comments_nor_layout():
    plain = defined("def f(w):\n    return (w, w)\n")
    commented = defined("def f(w):  # a remark\n\n    return (w,\n            w)\n")
    other = defined("def f(w):\n    return (w, w + 1)\n")
    assert Family(plain).tag == Family(commented).tag
    assert Family(plain).tag != Family(other).tag
    assert Family(plain).tag != Family(plain, version="2").tag
    assert Family(plain).tag.startswith("f-")


def test_a_lambda_is_known_by_its_own_code_not_by_the_line_it_stands_on():
    first, seeds = (lambda w: w + 1), 5
    again, seeds = (lambda w: w + 1), seeds + 5
    other = lambda w: w + 2  # noqa: E731
    assert Family(first).tag == Family(again).tag
    assert Family(first).tag != Family(other).tag


def test_what_a_function_closes_over_and_names_shows():
    def deep(depth):
        return lambda width: mlp(6, (width,) * depth, 3)

    assert Family(deep(1)).tag == Family(deep(1)).tag != Family(deep(2)).tag
    one, two = (defined(f"DEPTH = {depth}\ndef f(w):\n    return (w, DEPTH)\n") for depth in (1, 2))
    assert Family(one).tag != Family(two).tag


def test_what_is_bound_by_partial_shows():
    def deep(depth, width):
        return mlp(6, (width,) * depth, 3)

    one, two = (Family(functools.partial(deep, depth)) for depth in (1, 2))
    assert one.tag != two.tag
    assert one.shapes(4) != two.shapes(4)


def test_keyword_arguments_with_a_number_or_a_text_are_axes():
    def family(width, depth=2, *, kind="relu", rate=0.5, flag=True, nothing=None, **more):
        return mlp(6, (width,) * depth, 3, activation=kind)

    made = Family(family)
    assert made.keywords == {"depth": 2, "kind": "relu", "rate": 0.5}
    assert made.at(depth=3).size(4) == parameters(mlp(6, (4,) * 3, 3)) != made.size(4)
    assert made.at(depth=3) is made.at(depth=3)
    assert made.at() is made
    assert made.at(depth=3).tag == made.tag
    assert made.at(depth=3).network(4, 6, 3).name == "family width 4, depth 3"
    assert Family(functools.partial(family, depth=1)).keywords["depth"] == 1
    assert Family(lambda w: mlp(6, (w,), 3)).keywords == {}


def test_a_network_keeps_its_pass_in_training():
    def family(width):
        plain = mlp(6, (width,), 3)
        return Network("own", plain.init, plain.apply, 6, 3, training=lambda p, x, key: plain.apply(p, x))

    assert Family(family).network(4, 6, 3).training is not None


def test_families_by_name_take_their_inputs_and_outputs_from_the_data():
    from overparam.own.packaged import Packaged

    made = Family(Packaged("mlp", (6,), 3))
    assert (made.name, made.importable()) == ("mlp", (("", "", ""), ""))
    assert made.keywords["depth"] == 1
    assert made.size(4) == parameters(mlp(6, (4,), 3))
    assert made.tag == Family(Packaged("mlp", (7,), 3)).tag != Family(Packaged("two-layer", (6,), 3)).tag
    with pytest.raises(UsageError, match="unknown family 'mpl'. Did you mean 'mlp'"):
        Packaged("mpl", (6,), 3)
    with pytest.raises(
        UsageError, match=r"family 'conv2' needs images: expected examples of shape \(height, width\)"
    ):
        Packaged("conv2", (784,), 10)
    with pytest.raises(UsageError, match="family 'linear' has no width that could be swept"):
        Packaged("linear", (6,), 3)
