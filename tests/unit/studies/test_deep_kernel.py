"""The study of deep networks beside their kernels: finite networks against their limits, a tiny cell, and what is refused."""

import json

import jax
import numpy as np
import pytest

from overparam.cli import entry
from overparam.core import DataError, Evidence, UsageError, clean
from overparam.studies import deep_kernel_work as work
from overparam.studies.deep_kernel import STUDY, WORLD
from overparam.studies.deep_kernel_work import finite, layers_of, one_kind, task
from overparam.sweep.judge import judge
from overparam.theory.kernels import Dense, kernels
from overparam.training.full_batch import model_jacobian

RNG = np.random.default_rng(2)
TINY = {"n": 4, "n_test": 4, "side": 4, "layers": 2, "width": (2, 4), "steps": 5, "draws": 2}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


@pytest.mark.parametrize(("kind", "width", "many"), [("fc", 96, 150), ("cnn", 48, 36), ("resnet", 48, 12)])
def test_kernels_of_finite_networks_are_on_average_near_the_analytic_ones(kind, width, many):
    images = RNG.normal(size=(3, 3, 3, 2))
    given = images.reshape(3, -1) if kind == "fc" else images
    layers = layers_of(kind, 2)
    limit = kernels(layers, given, get="ntk").ntk
    shape = (18,) if kind == "fc" else (2, 3, 3)
    rows = given if kind == "fc" else images.transpose(0, 3, 1, 2).reshape(3, -1)
    draw, model = finite(layers, shape, width)
    with jax.enable_x64(True):
        grams = []
        for seed in range(many):
            jacobian = model_jacobian(model, draw(np.random.default_rng(seed)), rows)
            grams.append(jacobian @ jacobian.T)
    mean = np.mean(grams, axis=0)
    other = kernels(layers_of(kind, 3), given, get="ntk").ntk
    near, far = (np.linalg.norm(mean - one) / np.linalg.norm(one) for one in (limit, other))
    assert near < 0.1
    assert near < far / 2  # of one layer more


def test_a_linear_network_is_a_product_with_its_inputs():
    draw, model = finite((Dense(2.0),), (4,), 7)
    (weight,) = draw(np.random.default_rng(0))
    x = RNG.normal(size=(3, 4))
    with jax.enable_x64(True):
        assert np.asarray(model([weight], x)) == pytest.approx(2.0 / 2.0 * x @ weight[0], rel=1e-6)


def test_images_have_mean_square_one_and_labels_are_signs():
    x, y, z = task(cell())
    assert x.shape == (4, 4, 4, 1)
    assert z.shape == (4, 4, 4, 1)
    assert np.square(x).mean(axis=(1, 2, 3)) == pytest.approx(1.0)
    assert set(y) <= {1.0, -1.0}
    assert (task(cell(seed=1))[0] != x).any()


@pytest.mark.slow
def test_a_tiny_cell_holds_what_is_declared():
    told = []
    (found,) = STUDY.work([cell()], told.append)
    assert told == sorted(told)
    assert set(found.values) == set(STUDY.values)
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000
    assert all(np.isfinite(found.values[name]).all() for name in STUDY.values)


def test_a_world_in_which_all_is_true_is_answered_with_its_controls():
    for verdict in judge(
        STUDY, Evidence(WORLD(np.random.default_rng(0)).rows), profile="laptop", data="planted"
    ):
        assert verdict.status == "supported", (verdict.claim, verdict.reason)
        assert verdict.control["ok"], verdict.claim


def test_a_model_that_is_linear_in_its_weights_is_its_kernel_at_every_width(monkeypatch):
    monkeypatch.setattr(work, "layers_of", lambda kind, depth: (Dense(),))
    with jax.enable_x64(True):
        found = one_kind("fc", cell(), lambda _: None)
    for name, values in found.items():
        assert values == pytest.approx([0.0, 0.0], abs=1e-9), name


@jax.jit
def dense(weights, x):
    """Two hidden layers of relu, without the study's layers."""
    one, two, three = weights
    h = jax.nn.relu(one @ x.T * np.sqrt(2 / one.shape[1]))
    h = jax.nn.relu(two @ h * np.sqrt(2 / two.shape[1]))
    return (three @ h)[0] / np.sqrt(three.shape[1])


@jax.jit
def tangents(weights, x):
    leaves = [leaf.reshape(len(x), -1) for leaf in jax.jacrev(dense)(weights, x)]
    return sum(leaf @ leaf.T for leaf in leaves)


@jax.jit
def stepped(weights, x, y, rate):
    slopes = jax.grad(lambda now: 0.5 * ((dense(now, x) - y) ** 2).sum())(weights)
    return [leaf - rate * slope for leaf, slope in zip(weights, slopes, strict=True)]


def by_hand(weights, x, y, z, rate, steps):
    """Descent with kernels at both ends, and descent with the analytic kernel from the same start."""
    both = np.concatenate([x, z])
    limit = kernels(layers_of("fc", 2), both).ntk
    first, begin = np.array(dense(weights, both)), tangents(weights, x)
    told = first
    for _ in range(steps):
        weights = stepped(weights, x, y, rate)
        told = told - rate * limit[:, : len(x)] @ (told[: len(x)] - y)
    end, moved = np.array(dense(weights, both))[len(x) :], told[len(x) :] - first[len(x) :]
    size = np.linalg.norm
    return {
        "start": size(begin - limit[: len(x), : len(x)]) / size(limit[: len(x), : len(x)]),
        "drift": size(tangents(weights, x) - begin) / size(begin),
        "function": size(end - told[len(x) :]) / size(moved),
    }


def test_a_cell_of_dense_networks_is_what_loops_over_steps_give(monkeypatch):
    given = cell(width=(2,), draws=1, share=0.4)
    x, y, z = (part.reshape(len(part), -1) if part.ndim > 1 else part for part in task(given))
    drawn = []
    before = work.finite

    def finite_and_kept(*args):
        draw, model = before(*args)
        return lambda rng: drawn.append(draw(rng)) or drawn[-1], model

    monkeypatch.setattr(work, "finite", finite_and_kept)
    with jax.enable_x64(True):
        found = one_kind("fc", given, lambda _: None)
        top = np.linalg.eigvalsh(kernels(layers_of("fc", 2), x).ntk)[-1]
        each = [by_hand(weights, x, y, z, 0.4 / top, given["steps"]) for weights in drawn]
    assert [len(layer) for layer in drawn[0]] == [8, 8, 1]
    for name in ("start", "drift", "function"):
        assert found[name] == pytest.approx([np.mean([one[name] for one in each])], rel=1e-8), name
    assert found["featured_drift"][0] > 2 * found["drift"][0]


def saved(folder, **arrays):
    np.savez(folder / "own.npz", **arrays)
    return str(folder / "own.npz")


def test_what_does_not_go_together_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--widths: expected widths that ascend"):
        STUDY.estimate(cell(width=(8, 4)))
    with pytest.raises(DataError, match="expected images, got examples of shape"):
        STUDY.estimate(cell(data="mnist1d"))
    pictures = saved(tmp_path, x=RNG.normal(size=(60, 4, 4)), y=np.arange(60) % 2)
    with pytest.raises(
        UsageError, match=r"--n, --n-test: expected at most 45 images together, .* got 40 \+ 40"
    ):
        STUDY.estimate(cell(data=pictures, n=40, n_test=40))
    same = saved(tmp_path, x=np.ones((60, 4, 4)), y=np.arange(60) % 2)
    with pytest.raises(DataError, match="expected images that differ from their mean, got 8 that do not"):
        STUDY.estimate(cell(data=same))
    with pytest.raises(UsageError, match="--side: expected at most the 8 pixels of 'digits', got 9"):
        STUDY.estimate(cell(data="digits", side=9))
    small = saved(tmp_path, x=RNG.normal(size=(60, 2, 5)), y=np.arange(60) % 2)
    with pytest.raises(DataError, match="the 3 x 3 kernels of the convolutions, got 2 x 5 pixels"):
        STUDY.estimate(cell(data=small))
    deep = saved(tmp_path, x=RNG.normal(size=(60, 4, 4, 2, 2)), y=np.arange(60) % 2)
    with pytest.raises(DataError, match="expected images of height, width and channels, got examples of"):
        STUDY.estimate(cell(data=deep))
    alike = saved(tmp_path, x=RNG.normal(size=(60, 4, 4)), y=np.zeros(60, int))
    with pytest.raises(DataError, match="expected labels of at least 2 classes"):
        STUDY.estimate(cell(data=alike))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--depths", "0"), "--depths: expected a whole number from 2 to 8, got '0'"),
        (("--widths", "0,12"), "--widths: expected a whole number from 2 to 4096, got '0'"),
        (("--side", "2"), "--side: expected a whole number from 3 to 32, got '2'"),
        (("--side", "3"), "as large as the kernels of the convolutions, got 2 x 2 at --side 3. Take a longer side"),
    ],
)  # fmt: skip
def test_the_command_line_says_what_was_expected(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        entry.main(["run", "deep-kernel", "--seeds", "1000,1001", "--dry-run", *words])
    assert ended.value.code
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_the_estimate_grows_with_what_is_asked():
    small, wide, long = (STUDY.estimate(cell(**more)) for more in ({}, {"width": (4, 256)}, {"steps": 5000}))
    assert wide.seconds > small.seconds
    assert wide.bytes > small.bytes
    assert long.seconds > small.seconds
