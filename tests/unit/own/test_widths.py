"""Widths of one's own model: layers, counts, a curve, and what is refused."""

import json

import jax
import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, UsageError
from overparam.models import mlp
from overparam.training import Recipe

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype(np.float32)
Y = np.argmax(X[:, :3], axis=1)
TRAIN, TEST = (X[:25], Y[:25]), (X[25:], Y[25:])
RECIPE = Recipe(60, 0.05, optimizer="adam", batch=5, probes=2)
NETWORK = mlp(4, (6,), 3)
PARAMS = NETWORK.init(jax.random.key(0))


def build(width):
    return mlp(4, (width,), 3)


@pytest.mark.slow
def test_layers_and_counts_need_no_training():
    found = overparam.widths(NETWORK, TRAIN, params=PARAMS, build=build)
    assert [(one.name, one.shape, one.units, one.parameters) for one in found.layers] == [
        ("hidden1", (6, 4), 6, 30),
        ("output", (3, 6), 3, 21),
    ]
    assert (found.parameters, found.numbers, found.width) == (51, 75, 6)
    assert found.counted == 9  # 8 w + 3 parameters, 75 numbers
    assert found.points == ()
    assert "As many parameters as numbers to fit from width 9 on, by counting." in str(found).replace("\n", " ")


@pytest.mark.slow
def test_the_curve_has_a_threshold_and_a_best_width():
    told = []
    found = overparam.widths(
        NETWORK,
        TRAIN,
        TEST,
        params=PARAMS,
        build=build,
        fit=RECIPE,
        widths=[1, 8],
        seeds=[0, 1, 2],
        progress=told.append,
    )
    narrow, wide = found.points
    assert (narrow.parameters, wide.parameters, narrow.seeds) == (11, 67, 3)
    assert narrow.train > wide.train
    assert wide.low <= wide.test <= wide.high <= 100
    assert found.threshold == (8 if wide.train <= 1 else None)
    assert found.best == 8
    assert max(map(len, str(found).splitlines())) <= 80
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["best"] == 8
    assert told[0].startswith("6 trainings by 60 steps of adam")


def test_modules_of_torch_are_trained_by_a_function():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")

    def make(width):
        return torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.ReLU(), torch.nn.Linear(width, 1))

    def fit(model, train):
        optimizer = torch.optim.Adam(model.parameters(), 0.05)
        for _ in range(5):
            optimizer.zero_grad()
            x, y = (torch.from_numpy(one) for one in train)
            ((model(x)[:, 0] - y) ** 2).mean().backward()
            optimizer.step()

    numbers = (X[:25], X[:25, 0])
    found = overparam.widths(
        make(2), numbers, (X[25:], X[25:, 0]), build=make, fit=fit, widths=[2, 4], seeds=[0, 1]
    )
    assert found.what == "loss"
    assert found.width == 2
    assert found.layers[0].units == 2
    with pytest.raises(UsageError, match="fit: expected a function fit.model, train. for a module of PyTorch"):
        overparam.widths(make(2), numbers, build=make, widths=[2, 4])


WRONG = {
    "no family": (lambda: overparam.widths(NETWORK, TRAIN, params=PARAMS, widths=[2, 4]), UsageError, "build: expected it"),
    "no data": (lambda: overparam.widths(NETWORK, params=PARAMS, build=build, widths=[2]), UsageError, "train: expected it"),
    "a training alone": (lambda: overparam.widths(NETWORK, TRAIN, params=PARAMS, fit=RECIPE), UsageError, "build: expected"),
    "falling widths": (
        lambda: overparam.widths(NETWORK, TRAIN, params=PARAMS, build=build, widths=[4, 2]), UsageError, "widths: expected asc",
    ),
    "no widths": (
        lambda: overparam.widths(NETWORK, TRAIN, params=PARAMS, build=build, widths=[]), UsageError, "widths: expected asc",
    ),
    "one width as a number": (
        lambda: overparam.widths(NETWORK, TRAIN, params=PARAMS, build=build, widths=4), UsageError, "widths: expected asc",
    ),
    "a family that ignores its width": (
        lambda: overparam.widths(NETWORK, TRAIN, params=PARAMS, build=lambda width: NETWORK, widths=[2, 4]), UsageError,
        "build: expected more parameters at larger widths",
    ),
    "a family with one draw": (
        lambda: overparam.widths(
            NETWORK, TRAIN, params=PARAMS, widths=[2, 4],
            build=lambda w: (build(w), build(w).init(jax.random.key(0))),
        ),
        UsageError, "build: expected other initial weights",
    ),
    "a training by name": (
        lambda: overparam.widths(NETWORK, TRAIN, params=PARAMS, build=build, fit="adam", widths=[2]), UsageError, "fit: expected",
    ),
    "no seeds": (
        lambda: overparam.widths(NETWORK, TRAIN, params=PARAMS, build=build, widths=[2], seeds=[]), UsageError, "seeds: expected",
    ),
    "labels outside": (
        lambda: overparam.widths(NETWORK, (X, Y + 9), params=PARAMS, build=build), DataError, "labels from 0 to 2",
    ),
    "no model": (lambda: overparam.widths(3, TRAIN), UsageError, "model: expected a Network"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case):
    call, kind, text = WRONG[case]
    with pytest.raises(kind, match=text):
        call()
