"""Families of any framework, built and trained: their widths, seeds, masks; what cannot be trained is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import mlp
from overparam.operators import open_model
from overparam.own.retraining import Family, Job, trainer_of
from overparam.pruning import Mask
from overparam.training import Recipe

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4)).astype(np.float32)
Y = np.argmax(X[:, :3], axis=1)
RECIPE = Recipe(60, 0.05, optimizer="adam", batch=10, probes=2)


def apply(params, x):
    return jax.nn.relu(x @ params["first"]["w"] + params["first"]["b"]) @ params["last"]["w"]


def build(width, seed):
    rng = np.random.default_rng(seed)
    first = {"w": rng.normal(size=(4, width)).astype(np.float32) / 2, "b": np.zeros(width, np.float32)}
    return apply, {"first": first, "last": {"w": rng.normal(size=(width, 3)).astype(np.float32) / 2}}


def opened(family, width=4):
    built = family.at(width)
    return open_model(built.model, (X, Y), params=built.params)


def trainer(family, fit, how=None):
    model = opened(family)
    return trainer_of(family, fit, (X, Y), (X[:9], Y[:9]), model, None, how or {}, 4)


def test_the_width_of_a_model_is_found_by_its_shapes():
    family = Family(build)
    for width in (1, 5, 12):
        model = opened(family, width)
        assert family.width_of(dict(zip(model.layout.names, model.layout.shapes, strict=True))) == width
    assert family.width_of({"w": (4, 5), "b": (3,), "v": (5, 3)}) is None


@pytest.mark.slow
def test_functions_are_trained_like_the_network_that_they_are():
    family = Family(build)
    own = trainer(family, RECIPE)
    one, other, again = own.run([Job(4, 0), Job(8, 0), Job(4, 1)])
    assert one.arrays["first/w"].shape == (4, 4)
    assert other.arrays["first/w"].shape == (4, 8)
    assert not np.allclose(one.begun["first/w"], again.begun["first/w"])
    want = np.asarray(apply({"first": {"w": one.arrays["first/w"], "b": one.arrays["first/b"]},
                             "last": {"w": one.arrays["last/w"]}}, X))  # fmt: skip
    assert np.allclose(one.outputs, want, atol=1e-5)
    assert (one.outputs.argmax(1) == Y).mean() > 0.8
    mask = Mask({"first/w": RNG.integers(0, 2, (4, 4)), "last/w": np.ones((4, 3))})
    (held,) = own.run([Job(4, 0, mask=mask)])
    assert not held.arrays["first/w"][mask.arrays["first/w"] == 0].any()
    assert not np.allclose(held.arrays["first/b"], held.begun["first/b"])


@pytest.mark.slow
def test_a_network_keeps_its_own_pass_and_parameters():
    family = Family(lambda width: mlp(4, (width,), 3))
    (done,) = trainer(family, RECIPE).run([Job(6, 2)])
    assert set(done.arrays) == {"hidden1/weight", "hidden1/bias", "output/weight", "output/bias"}
    assert done.test_outputs is None
    assert (done.outputs.argmax(1) == Y).mean() > 0.8


def test_a_function_of_ones_own_trains_modules_of_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")

    def make(width):
        return torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.ReLU(), torch.nn.Linear(width, 3))

    seen = []

    def fit(model, train, seed, width):
        seen.append((seed, width, train[1][:3].tolist()))
        optimizer = torch.optim.Adam(model.parameters(), 0.05)
        for _ in range(40):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(
                model(torch.from_numpy(train[0])), torch.from_numpy(train[1])
            ).backward()
            optimizer.step()

    family = Family(make)
    family.check_seeds(4)
    first, again, other = trainer(family, fit).run([Job(4, 0), Job(4, 0), Job(4, 0, labels=np.zeros_like(Y))])
    assert all(np.array_equal(first.arrays[name], again.arrays[name]) for name in first.arrays)
    assert seen[2] == (0, 4, [0, 0, 0])
    assert (other.outputs.argmax(1) == 0).all()
    assert first.test_outputs.shape == (9, 3)
    with pytest.raises(UsageError, match="fit: expected a function fit.model, train. for a module of PyTorch"):
        trainer(family, None)


def test_a_function_that_trains_nothing_or_another_model_is_refused():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")

    def make(width):
        return torch.nn.Sequential(
            torch.nn.Linear(4, width), torch.nn.BatchNorm1d(width), torch.nn.Linear(width, 3)
        )

    def passes(model, train):
        model.train()(torch.from_numpy(train[0]))  # moves running statistics, and no parameter

    def another(model, train):
        return make(7)

    same = "fit: expected a training of the model that fit is given, got it back as it was"
    other = r"fit: expected the model that it was given, trained, got one with .* at '0.bias'"
    for fit, text in ((passes, same), (lambda model, train: None, same), (another, other)):
        with pytest.raises(UsageError, match=text):
            trainer(Family(make), fit).run([Job(4, 0)])
    begun = Family(build)
    with pytest.raises(UsageError, match=same):
        trainer(begun, lambda model, train, params: params).run([Job(4, 0)])


WRONG = {
    "no function": (lambda: Family(3), "build: expected a function from a width to a model, got int"),
    "a number": (lambda: Family(lambda width: width).at(3), r"build: expected a model.*build\(3\), got int"),
    "a function alone": (lambda: Family(lambda width: apply).at(3), "got a function alone, whose parameters nobody knows"),
    "three parts": (lambda: Family(lambda width: (1, 2, 3)).at(3), "got 3 parts"),
    "one that fails": (lambda: Family(lambda width: 1 / 0).at(3), "ZeroDivisionError"),
    "one seed": (lambda: Family(lambda width: build(width, 0)).check_seeds(3), r"got the same in two calls of build\(3\).*seed"),
    "a width of a half": (lambda: Family(build).at(0.5), "width: expected a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case):
    call, text = WRONG[case]
    with pytest.raises(UsageError, match=text):
        call()


@pytest.mark.slow
def test_linen_modules_are_drawn_by_their_init():
    linen = pytest.importorskip("flax.linen", reason="Flax is an optional extra")
    family = Family(
        lambda width: linen.Sequential([linen.Dense(width), jnp.tanh, linen.Dense(3)]), ((X[:2],), {})
    )
    one, other = family.at(5, 0), family.at(5, 1)
    assert not np.allclose(one.subject.arrays["layers_0/kernel"], other.subject.arrays["layers_0/kernel"])
    (done,) = trainer(family, RECIPE).run([Job(5, 0)])
    assert (done.outputs.argmax(1) == Y).mean() > 0.8


def test_a_linen_module_without_an_example_is_refused():
    linen = pytest.importorskip("flax.linen", reason="Flax is an optional extra")
    with pytest.raises(UsageError, match="a Linen module whose shapes nobody knows"):
        Family(lambda width: linen.Dense(width)).at(3)


def test_statistics_of_batches_ask_for_a_function():
    linen = pytest.importorskip("flax.linen", reason="Flax is an optional extra")

    class Net(linen.Module):
        width: int

        @linen.compact
        def __call__(self, x, train=False):
            x = linen.BatchNorm(use_running_average=not train)(linen.Dense(self.width)(x))
            return linen.Dense(3)(x)

    family = Family(lambda width: Net(width), ((X[:2],), {}))
    with pytest.raises(UsageError, match="fit: expected a function.*keeps statistics"):
        trainer(family, None)
