"""How a sweep is read under each loss: statements, measure of fit, units and what a reader is told."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from overparam.api.width_sweep import width_sweep_study
from overparam.api.width_sweep.reading import Reading
from overparam.core.errors import OverparamError, UsageError
from overparam.core.testing import check_claim
from overparam.data import from_arrays, save
from overparam.data.targets import rows
from overparam.models import mlp
from overparam.sweep.check import check_study
from overparam.sweep.select import select
from overparam.training import Recipe

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 6)).astype("float32")
SOFT = np.exp(X[:, :3]) / np.exp(X[:, :3]).sum(axis=1, keepdims=True)


def tilted(outputs, labels):
    return optax.softmax_cross_entropy_with_integer_labels(outputs, labels) - 5.0


def absolute(outputs, targets):
    return jnp.abs(outputs[:, 0] - targets)


def three(width):
    return mlp(6, (width,), 3)


def one(width):
    return mlp(6, (width,), 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("d")
    save(from_arrays(X, np.arange(60) % 3, name="labels"), made / "labels.npz")
    np.savez(made / "wave.npz", x=X, y=np.sin(X[:, 0]))
    np.savez(made / "soft.npz", x=X, y=SOFT)
    np.savez(made / "two.npz", x=X, y=np.stack([X[:, 0] ** 2, np.sin(X[:, 1])], axis=1))
    return made


def make(folder, data, family, **more):
    recipe = Recipe(20, 0.1, batch=20, **more)
    return width_sweep_study(family, data=str(folder / data), widths=(2, 4, 8), seeds=1, recipe=recipe)


ERROR, LOSS = ["error-peak", "clean", "error-strong"], ["loss-peak", "loss-strong"]


@pytest.mark.parametrize(
    ("data", "family", "more", "claims", "metric", "unit", "log"),
    [
        ("labels.npz", three, {}, ERROR + LOSS, "train_error", "cross-entropy (nats)", True),
        pytest.param("labels.npz", three, {"smoothing": 0.1}, ERROR + LOSS, "train_error",
         "cross-entropy with label smoothing 0.1 (nats)", True, marks=pytest.mark.slow),
        pytest.param("labels.npz", three, {"loss": tilted}, [*ERROR, "loss-ends"],
            "train_error", "tilted, a loss of your own", False,
            marks=pytest.mark.slow),
        pytest.param("wave.npz", one, {"loss": absolute}, ["loss-ends"], None, "absolute, a loss of your own", False,
            marks=pytest.mark.slow),
        pytest.param("wave.npz", one, {"loss": "squared"}, LOSS,
            "train_loss_share", "squared loss (half the squared distance)", True,
            marks=pytest.mark.slow),
        ("two.npz", lambda w: mlp(6, (w,), 2), {"loss": "squared"}, LOSS, "train_loss_share",
         "squared loss (half the squared distance)", True),
        pytest.param("soft.npz", three, {}, LOSS, "train_loss_share", "cross-entropy against soft targets (nats)", True,
            marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_statements_and_units_are_those_that_have_a_meaning(
    folder, data, family, more, claims, metric, unit, log
):
    study = make(folder, data, family, **more)
    check_study(study)
    assert [claim.name for claim in study.claims] == claims
    assert (study.fit and study.fit.metric) == metric
    assert (study.diagnose is None) == (metric is None)
    (chart,) = [chart for chart in study.charts if chart.name == "loss"]
    assert (chart.y_title, chart.y_log) == (unit, log)
    assert not any(claim.can_contradict for claim in study.claims if claim.kind == "claim")


def test_a_question_about_a_loss_of_ones_own_is_calibrated(folder):
    (claim,) = make(folder, "wave.npz", one, loss=absolute).claims
    found = check_claim(claim, trials=60)
    assert found["effect"]["supported"] >= 54


def test_the_share_under_soft_targets_is_0_at_the_targets_and_1_at_the_best_constant(folder):
    data = rows(str(folder / "soft.npz"), 0, False)
    y = data.y.astype(np.float64)

    def loss_of(predicted, targets):
        return float(-np.mean(np.sum(targets * np.log(predicted), axis=1)))

    plain = Recipe(20, 0.1)
    reading = Reading({"": plain}, False)
    constant = np.broadcast_to(y.mean(axis=0), y.shape)
    assert reading.share(plain, data, data.y, loss_of(y, y)) == pytest.approx(0, abs=1e-6)
    assert reading.share(plain, data, data.y, loss_of(constant, y)) == pytest.approx(1, abs=1e-6)
    smooth = Recipe(20, 0.1, smoothing=0.2)
    spread = 0.8 * y + 0.2 / 3
    other = Reading({"": smooth}, False)
    assert other.share(smooth, data, data.y, loss_of(spread, spread)) == pytest.approx(0, abs=1e-6)
    mean = np.broadcast_to(spread.mean(axis=0), y.shape)
    assert other.share(smooth, data, data.y, loss_of(mean, spread)) == pytest.approx(1, abs=1e-6)
    same = np.broadcast_to(y[:1], y.shape).astype(np.float32)
    assert reading.share(plain, data, same, loss_of(y, same.astype(np.float64))) is None


def test_a_cell_with_soft_targets_is_trained_and_holds_its_share(folder):
    study = make(folder, "soft.npz", three)
    cell = select(study, "quick").cells()[0]
    (found,) = study.work([cell], lambda fraction: None)
    assert 0 < found.values["train_loss_share"] < 1.5
    assert not any("error" in name for name in found.values)


def test_what_may_regularise_is_named(folder):
    more = {"smoothing": 0.1, "augment": lambda key, x: x, "stop_loss": 0.01}
    told = Reading({"": Recipe(20, 0.1, **more)}, True).sweep.regularisers
    assert told == ("training stops at a train loss of 0.01", "label smoothing 0.1", "augmentation")
    two = Reading({"a": Recipe(20, 0.1), "b": Recipe(20, 0.1, weight_decay=0.1)}, True).sweep
    assert two.regularisers == ("weight decay 0.1 (recipe b)",)
    own = Reading({"": Recipe(20, 1.0, optimizer=optax.adamw(0.1))}, True).sweep
    assert "the optimizer of your own does (weight decay, clipping) are not looked at" in own.unseen


@pytest.mark.parametrize(
    ("data", "family", "more", "text"),
    [
        ("wave.npz", one, {}, "expected 'squared' for numbers as targets, got 'cross_entropy'"),
        ("two.npz", lambda w: mlp(6, (w,), 2), {}, "for soft targets every row of y is a distribution"),
        ("wave.npz", one, {"loss": "squared", "stop_error": 0.1}, "expected stop_loss, got stop_error"),
        ("labels.npz", three, {"loss": lambda f, y: f}, r"loss: expected one number an example, shape \(20,\)"),
        (
            "labels.npz",
            three,
            {"loss": lambda f, y: f[:, 0] / 0.0},
            "loss: expected finite numbers at the start",
        ),
        (
            "labels.npz",
            three,
            {"schedule": lambda t: jnp.ones(2)},
            "schedule: expected one real number for a step",
        ),
        ("labels.npz", three, {"augment": lambda key, x: x[:, :3]}, "augment: expected inputs of shape"),
        ("labels.npz", three, {"layer_rates": {"nothing": 0.1}}, "nothing"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_computed(folder, data, family, more, text):
    with pytest.raises(OverparamError, match=text):
        estimated(folder, data, family, **more)


def estimated(*given, **more):
    """The estimate of the first cell, as a plan asks for it before anything is computed."""
    study = make(*given, **more)
    return study.estimate(select(study, "quick").cells()[0])


def test_a_loss_beside_the_recipe_is_said_by_name(folder):
    given = {"data": str(folder / "labels.npz"), "widths": (2, 4, 8), "recipe": Recipe(20, 0.1, batch=20)}
    with pytest.raises(UsageError, match="expected the recipe's 'cross_entropy', got 'tilted'"):
        width_sweep_study(three, loss=tilted, **given)
    with pytest.raises(UsageError, match="unknown loss 'crossentropy'. Did you mean 'cross_entropy'"):
        width_sweep_study(three, loss="crossentropy", **{**given, "recipe": None})
