"""The study on random labels: its networks, variants and times, and bad input."""

import json
from itertools import pairwise

import numpy as np
import pytest

from overparam.core import clean
from overparam.core.crossing import crossing
from overparam.core.errors import DataError, UsageError
from overparam.data import load
from overparam.models import named, parameters
from overparam.studies import random_labels_work
from overparam.studies.random_labels import KERNEL, NETWORKS, STUDY, VARIANTS, WORDS
from overparam.studies.random_labels_work import (
    LEFT,
    PLACES,
    TABLE,
    changed,
    counts_off,
    dense_times,
    network_of,
    noise,
    size_of,
    sizes_of,
)  # fmt: skip

SMALL = {"data": "digits", "n": 100, "network": "mlp-1x8", "steps": 30, "batch": 20}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | change


def work(*cells):
    told = []
    found = STUDY.work(cells, told.append)
    assert told == sorted(told)
    return found


def test_the_networks_of_the_table_have_the_printed_numbers_of_parameters():
    assert counts_off() == 0
    assert {count for _, _, count in TABLE} == {1_209_866, 1_735_178, 1_387_786, 1_649_402}
    # the two dense ones by hand: 28 x 28 x 3 inputs, 512 units a layer, 10 outputs
    first = (28 * 28 * 3 + 1) * 512 + 513 * 10
    assert first == 1_209_866
    assert first + 2 * 513 * 512 == 1_735_178


def test_a_wrong_count_is_found(monkeypatch):
    monkeypatch.setattr(random_labels_work, "TABLE", (("mlp", {"depth": 1}, 1_209_865),))
    counts_off.cache_clear()
    assert counts_off() == 1
    counts_off.cache_clear()


def test_networks_by_name():
    assert (
        parameters(network_of("mlp-3x5", (4, 4), 3))
        == 17 * 5 + 2 * 6 * 5 + 6 * 3
        == size_of("mlp-3x5", 16, 3).parameters
    )
    assert parameters(network_of("linear", (4, 4), 3)) == 17 * 3 == size_of("linear", 16, 3).parameters
    for name in ("alexnet-small", "inception-small"):
        options = {"norm": "none"} if name == "inception-small" else {}
        assert size_of(name, 28 * 28 * 3, 10).parameters == parameters(named(name, (28, 28, 3), 10, **options))
    assert tuple(PLACES) == NETWORKS
    for wrong in ("mlp", "mlp-0x5", "mlp-1x", "kernel-0", "resnet18", ""):
        with pytest.raises(UsageError, match="--networks: expected linear"):
            sizes_of(wrong)


def test_variants_change_what_they_say_and_nothing_else():
    plain = changed("digits", 100, "true")
    assert random_labels_work.VARIANTS == VARIANTS == tuple(WORDS)
    for name in VARIANTS:
        found = changed("digits", 100, name)
        assert np.array_equal(found.y, plain.y)
        assert np.array_equal(found.y_test, plain.y_test)
        assert np.array_equal(found.x, plain.x) == (name in ("true", "half-random", "random"))
    drawn = [noise(cell(variant=name)).apply(plain.y, 10) for name in VARIANTS]
    wrong = [float((y != plain.y).mean()) for y in drawn]
    assert wrong[0] == wrong[3] == wrong[4] == wrong[5] == 0
    assert 0.3 < wrong[1] < 0.6 < wrong[2] < 1


def test_images_of_cifar_are_cropped_and_whitened(monkeypatch):
    from overparam.data import from_arrays

    rng = np.random.default_rng(0)
    x = rng.random((20, 32, 32, 3)).astype(np.float32)
    x[0] = 0.5  # a flat image stays finite
    given = from_arrays(x, np.arange(20) % 2, x, np.arange(20) % 2, name="like cifar")
    monkeypatch.setattr(random_labels_work, "load", lambda name: given)
    found = changed("cifar10", 20, "true")
    assert found.shape == (28, 28, 3)
    assert np.isfinite(found.x).all()
    assert np.allclose(found.x[1:].reshape(19, -1).mean(axis=1), 0, atol=1e-5)
    assert np.allclose(found.x[1:].reshape(19, -1).std(axis=1), 1, atol=1e-4)
    middle = x[3, 2:30, 2:30].astype(float)
    assert np.allclose(found.x[3], (middle - middle.mean()) / middle.std(), atol=1e-4)


def test_times_to_fit():
    times = dense_times(400)
    assert times[:65] == tuple(range(65))
    assert times[-1] == 400
    assert max(b / a for a, b in pairwise(times[64:])) < 1.08
    t = np.array(times)
    for rate in (0.01, 0.1, 0.5):  # what is left falls as exp(-rate t): to 5 % at log(20) / rate
        assert crossing(times, np.exp(-rate * t), LEFT, scale="log") == pytest.approx(np.log(20) / rate)


@pytest.mark.parametrize("variant", ["true", pytest.param("gaussian", marks=pytest.mark.slow)])
def test_a_cell_of_a_trained_network_has_its_lines_and_numbers(variant):
    (found,) = work(cell(variant=variant, seed=1000))
    known = set(STUDY.values) - {
        "kernel_steps",
        "theory_steps",
        "shuffled_steps",
        "left",
        "theory_left",
        "variant_place",
    }
    assert set(found.values) == known
    assert found.values["parameters"] == 65 * 8 + 9 * 10
    assert found.values["step"][-1] == 30
    assert len(json.dumps(clean(found.values), allow_nan=False)) < 9_000


@pytest.mark.slow
def test_a_wide_network_keeps_the_time_of_its_kernel(monkeypatch):
    monkeypatch.setattr(random_labels_work, "KERNEL_STEPS", 60)
    monkeypatch.setattr(random_labels_work, "ROWS", 30)
    (found,) = work(cell(variant="true", network=KERNEL, seed=1000))
    values = found.values
    assert set(values) <= set(STUDY.values)
    assert values["kernel_steps"] == pytest.approx(values["theory_steps"], rel=0.25)
    assert 0.2 < values["theory_left"][0] < 1.0  # labels of size 1, outputs from zero, after one step
    assert np.abs(np.subtract(values["left"], values["theory_left"])).max() < 0.1
    assert values["variant_place"] == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"batch": 101}, "--batch: expected at most the 100 training samples, got 101"),
        ({"n": 8, "batch": 8}, "--n: expected at least one sample for each of the 10 classes"),
        ({"n": 1201}, "--n: expected at most the 1,200 training samples of digits, got 1,201"),
        ({"n": 99, "network": KERNEL}, "--n: expected at least the 100 samples"),
        ({"network": "mlp"}, "--networks: expected linear"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_seed(change, told):
    with pytest.raises((UsageError, DataError), match=told):
        STUDY.estimate(cell(variant="true", seed=0, **change))


def test_a_class_that_vanishes_in_one_draw_is_refused_before_training(monkeypatch):
    monkeypatch.setattr(random_labels_work, "train", None)
    with pytest.raises(DataError, match="training labels of the variant 'random': expected every class"):
        work(cell(variant="random", seed=0, n=12, batch=4))


def test_a_network_of_convolutions_on_signals_is_refused_before_the_work_starts():
    for name in ("alexnet-small", "inception-small"):
        with pytest.raises(UsageError, match="needs images"):
            STUDY.estimate(cell(data="mnist1d", network=name, variant="true"))


@pytest.mark.parametrize("claim", [pytest.param(c, id=c.name) for c in STUDY.claims if c.control])
def test_a_control_fails_where_the_statement_holds(claim):
    planted = claim.effect(np.random.default_rng(0))
    found, control = claim.judge(planted), claim.judge_control(planted)
    assert found.status == "supported"
    assert control.status != "supported"


def test_the_cost_of_the_original_configuration_is_told():
    def seconds(name):
        axes = {k: v[-1] for k, v in STUDY.profiles[name].axes.items()}
        return STUDY.estimate(cell() | axes).seconds

    assert seconds("paper") > 1000 * seconds("laptop")
    assert load("digits").n >= STUDY.profiles["laptop"].axes["n"][0]
