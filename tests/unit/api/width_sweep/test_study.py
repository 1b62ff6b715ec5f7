"""The study around a family: its contract, its claims, its refusals, and that it computes what a built-in study does."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.api.testing import check_study
from overparam.api.width_sweep import width_sweep_study
from overparam.core.errors import DataError, UsageError
from overparam.data.targets import Rows
from overparam.models import mlp
from overparam.sweep.key import cell_name
from overparam.sweep.select import select
from overparam.training import Recipe

RECIPE = Recipe(steps=60, learning_rate=0.1, momentum=0.9, batch=20)
SQUARED = Recipe(steps=60, learning_rate=0.1, momentum=0.9, batch=20, loss="squared")


def two_layers(width):
    return mlp(6, (width, width), 3)


def scalar(width):
    return mlp(6, (width,), 1)


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    from overparam.data import from_arrays, save

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 6)) * 2
    y, y_test = rng.integers(0, 3, 60), rng.integers(0, 3, 90)
    x, x_test = (centres[labels] + rng.standard_normal((len(labels), 6)) for labels in (y, y_test))
    return str(
        save(from_arrays(x, y, x_test, y_test, name="blobs"), tmp_path_factory.mktemp("d") / "blobs.npz")
    )


@pytest.fixture(scope="module")
def wave(tmp_path_factory):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((80, 6))
    path = tmp_path_factory.mktemp("d") / "wave.npz"
    np.savez(path, x=x, y=np.sin(x[:, 0]) + 0.1 * rng.standard_normal(80))
    return str(path)


def make(data, family=two_layers, **more):
    return width_sweep_study(
        family, **{"data": data, "widths": (2, 4, 8), "seeds": 2, "recipe": RECIPE, **more}
    )


def with_statistics(width):
    def init(key):
        return {
            "params": {"w": jnp.ones((6, width)), "v": jnp.ones((width, 3))},
            "batch_stats": {"mean": jnp.zeros(6)},
        }

    def apply(variables, x):
        return (x - variables["batch_stats"]["mean"]) @ variables["params"]["w"] @ variables["params"]["v"]

    return init, apply, ("batch_stats",)


def test_what_is_held_constant_enters_the_key_and_nothing_else_changes(blobs):
    cell = {"width": 4}
    plain, held = (make(blobs, family).extra_identity(cell) for family in (two_layers, with_statistics))
    other = make(blobs, lambda width: (*with_statistics(width)[:2], "batch_*")).extra_identity(cell)
    assert set(held) - set(plain) == {"state"}
    assert held["shapes"] == other["shapes"]
    assert held["state"] != other["state"]


def test_the_study_keeps_the_contract(blobs, wave):
    check_study(make(blobs))
    check_study(make(blobs, recipe=SQUARED))
    check_study(make(wave, scalar, recipe=SQUARED))


def test_a_family_may_be_called_as_a_file_beside_the_studies(blobs):
    assert make(blobs, name="levels").name == "levels"
    with pytest.raises(UsageError, match="got 'double-descent' \\(it belongs to the package\\)"):
        make(blobs, name="double-descent")


def test_claims_fit_what_there_is_to_judge(blobs, wave):
    def names(study):
        return [claim.name for claim in study.claims]

    family = make(blobs)
    assert names(family) == ["error-peak", "clean", "error-strong", "loss-peak", "loss-strong"]
    assert names(make(blobs, loss="squared", recipe=None)) == names(family)
    regression = make(wave, scalar, recipe=None)
    assert names(regression) == ["loss-peak", "loss-strong"]
    assert regression.fit.metric == "train_loss_share"
    assert not any("error" in chart.name for chart in regression.charts)
    assert set(regression.diagnosed_claims) == {"loss-peak"}


def test_no_source_is_contradicted_by_a_family_of_your_own(blobs):
    claims = [claim for claim in make(blobs).claims if claim.kind == "claim"]
    assert [claim.name for claim in claims] == ["error-peak", "error-strong", "loss-peak"]
    assert not any(claim.can_contradict for claim in claims)


@pytest.mark.slow
def test_work_finds_what_the_built_in_study_finds(blobs):
    from overparam.studies.double_descent import STUDY

    base = {
        "data": blobs, "n": 60, "width": 4, "noise_kind": "inclusive", "steps": 60, "batch": 20,
        "learning_rate": 0.1, "momentum": 0.9,
    }  # fmt: skip
    cells = [{**base, "noise": noise, "seed": seed} for noise in (0.0, 0.3) for seed in (0, 1)]
    theirs = STUDY.work(cells, lambda fraction: None)
    study = make(blobs)
    own = [{**cell, "family": study.axis("family").choices[0], "weight_decay": 0.0} for cell in cells]
    for mine, built_in in zip(study.work(own, lambda fraction: None), theirs, strict=True):
        assert mine.values == {**built_in.values, "n": 60}


@pytest.mark.slow
def test_a_regression_measures_loss_alone_and_its_share_of_the_best_constant(wave):
    study = make(wave, scalar, recipe=None)
    cells = [{**cell, "steps": 40, "batch": 0} for cell in select(study, "quick").cells()[:2]]
    for outcome in study.work(cells, lambda fraction: None):
        values = outcome.values
        assert not any("error" in name for name in values)
        with np.load(wave) as arrays:
            null = 0.5 * np.var(arrays["y"])
        assert values["n"] == 60
        assert values["train_loss_share"] == pytest.approx(values["train_loss"] / null, rel=0.3)
    noisy = [{**cell, "noise": 0.5, "steps": 1} for cell in cells[:1]]
    assert study.work(noisy, lambda fraction: None)[0].values["wrong_labels"] == pytest.approx(0.5, abs=0.02)


def test_the_best_constant_by_brute_force():
    none = np.zeros((5, 1), np.float32)
    y = np.array([0, 2, 2, 1, 2], np.int32)
    hot = np.eye(3)[y]
    found = Rows(none, y, none, y, 3, True).constant_loss(y)
    assert found == pytest.approx(0.5 * np.mean(np.sum((hot - hot.mean(0)) ** 2, axis=1)))
    t = np.array([[1.0, 0.0], [3.0, 4.0]], np.float32)
    assert Rows(none, t, none, t, 2, False).constant_loss(t) == pytest.approx(0.5 * (1.0 + 4.0))


def test_a_cell_is_known_by_family_shapes_and_recipe_and_not_by_seeds_or_widths(blobs):
    def names(study):
        return {cell_name(study, cell, "f") for cell in select(study, "quick").cells()}

    first = names(make(blobs))
    assert first < names(make(blobs, seeds=3))
    assert first < names(make(blobs, widths=(2, 4, 6, 8)))
    for other in (
        make(blobs, version="2"),
        make(blobs, recipe=Recipe(steps=60, learning_rate=0.1, momentum=0.9, batch=20, schedule="cosine")),
        make(blobs, recipe=Recipe(steps=61, learning_rate=0.1, momentum=0.9, batch=20)),
    ):
        assert not first & names(other)


DEPTH = 1


def of_a_global(width):
    return mlp(6, (width,) * DEPTH, 3)


def test_a_global_that_the_function_names_changes_tag_and_key(blobs, monkeypatch):
    study = make(blobs, of_a_global)
    cell = select(study, "quick").cells()[0]
    before = cell_name(study, cell, "f")
    monkeypatch.setattr(f"{__name__}.DEPTH", 2, raising=False)
    monkeypatch.setitem(of_a_global.__globals__, "DEPTH", 2)
    changed = make(blobs, of_a_global)
    assert changed.axis("family").choices != study.axis("family").choices
    assert cell_name(changed, cell, "f") != before


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"name": "double-descent"}, "expected a name of your own for the study, got 'double-descent'"),
        ({"name": "My Study"}, "only a-z, 0-9 and dashes"),
        ({"loss": "squared"}, "expected the recipe's 'cross_entropy', got 'squared'"),
        ({"data": (1, 2)}, "expected the name or path of a data set, got tuple"),
        ({"family": "no function"}, "unknown family 'no function'"),
        ({"noise": ()}, "noise: expected at least one value"),
        ({"noise": (0.0, 1.5)}, "expected a number from 0 to 1"),
        ({"widths": (4, 2, 8)}, "expected ascending widths"),
    ],
)
def test_what_cannot_be_swept_is_refused(blobs, more, text):
    with pytest.raises(UsageError, match=text):
        make(**{"data": blobs, **more})


def test_a_batch_larger_than_the_data_is_refused_before_anything_runs(blobs, tmp_path):
    from overparam.sweep.run import make_plan

    study = make(blobs, recipe=Recipe(steps=60, learning_rate=0.1, batch=100))
    with pytest.raises(UsageError, match="batch: expected at most 60, the training rows, got 100"):
        make_plan(study, out=tmp_path)
    wrong = make(blobs, lambda width: mlp(6, (width,), 5), name="wrong")
    with pytest.raises(UsageError, match=r"expected outputs of shape \(batch, 3\)"):
        make_plan(wrong, out=tmp_path)


def test_numbers_as_targets_need_the_squared_loss_and_labels_are_no_numbers(blobs, wave):
    with pytest.raises(UsageError, match="expected 'squared' for numbers as targets, got 'cross_entropy'"):
        make(wave, scalar)
    from overparam.data.targets import rows

    with pytest.raises(DataError, match="expected classes as targets, got numbers"):
        rows(wave, 0, True)
    with pytest.raises(DataError, match="expected at most 60 training rows, got 99"):
        rows(wave, 99, False)
    assert len(rows(wave, 30, False).x) == 30
