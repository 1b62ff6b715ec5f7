"""The study of CNN and residual network over their widths: sizes, recipes, a tiny run, and what is refused."""

import numpy as np
import pytest

from overparam.core import UsageError
from overparam.core.worlds import together
from overparam.data import shape_of
from overparam.models import parameters
from overparam.models.size import forward_pass
from overparam.studies.cnn_descent import CLEAN, STUDY, WORLD, checked, network, operations, pools, recipe
from overparam.sweep.judge import judge
from overparam.sweep.plan import stacks

PROFILES = STUDY.profiles


def cell(**change):
    axes = {axis.name: axis.default for axis in STUDY.axes}
    return axes | {"data": "digits", "n": 1000, "width": 4, "noise": 0.2, "seed": 1000} | change


@pytest.mark.parametrize("k", [1, 3, 9])
def test_the_small_networks_have_the_parameters_of_their_layers(k):
    cnn, resnet = (network(cell(network=kind, width=k), (8, 8), 10) for kind in ("cnn", "resnet"))
    # 3x3 kernels with biases, scale and offset of each of k + 2k + 4k channels, a dense layer on the last 4k
    assert parameters(cnn) == 9 * (k + 2 * k * k + 8 * k * k) + 7 * k + 14 * k + 10 * (4 * k + 1)
    # kernels without biases; a 1x1 convolution on the side of the second block; five normalisations
    kernels = 9 * (k + 2 * k * k + 2 * k * k + 4 * k * k) + 2 * k * k
    assert parameters(resnet) == kernels + 2 * (k + k + k + 2 * k + 2 * k) + 10 * (2 * k + 1)


def test_the_published_networks_have_the_published_sizes():
    for kind, count in (("cnn", 1_558_026), ("resnet", 11_172_170)):
        given = cell(network=kind, setting="published", width=64, data="cifar10")
        assert parameters(network(given, (32, 32, 3), 10)) == count


@pytest.mark.parametrize("kind", ["cnn", "resnet"])
@pytest.mark.parametrize(("setting", "shape"), [("small", (8, 8)), ("published", (32, 32, 3))])
def test_the_arithmetic_of_a_pass_is_what_the_compiler_counts(kind, setting, shape):
    given = cell(network=kind, setting=setting, width=8)
    flops, _ = forward_pass(
        network(given, shape, 10), rows=2
    )  # so few that no loop hides operations from the count
    assert 2 * operations(given, shape)[0] == pytest.approx(flops, rel=0.15)


def test_recipes_are_as_published_where_they_are_asked():
    (one,) = (profile.axes for name, profile in PROFILES.items() if name == "paper")
    paper = cell(**{name: values[0] for name, values in one.items()})
    sgd = recipe(paper, (32, 32, 3), 50_000)
    assert (sgd.optimizer, sgd.learning_rate, sgd.momentum, sgd.batch, sgd.steps) == (
        "sgd",
        0.1,
        0.0,
        128,
        500_000,
    )
    assert (sgd.schedule, sgd.period, sgd.augment) == ("inverse_sqrt", 512, None)
    adam = recipe(paper | {"network": "resnet", "augment": "yes"}, (32, 32, 3), 50_000)
    assert (adam.optimizer, adam.learning_rate, adam.batch, adam.steps) == ("adam", 1e-4, 128, 4000 * 390)
    assert adam.augment.padding == 4
    assert recipe(paper | {"steps": 7}, (32, 32, 3), 50_000).steps == 7
    small = recipe(cell(), (8, 8), 1000)
    assert (small.optimizer, small.learning_rate, small.batch, small.steps) == ("adam", 0.003, 60, 1800)


def test_pooling_leaves_one_place():
    for side, many in ((8, 3), (32, 4), (28, 3), (14, 3)):
        left = side
        for window in pools(side, many):
            left //= window
        assert left == 1


def test_a_peak_is_found_and_its_controls_hold():
    both = together(CLEAN.but(test_error=[0.07, 0.03, 0.02, 0.01, 0.01]), WORLD)
    given = judge(STUDY, both(np.random.default_rng(0)), profile="laptop", data="digits")
    found = {v.claim.split(".")[1]: v for v in given}
    assert found["error-peak"].status == "supported"
    assert found["error-peak"].control["ok"]
    for name in ("stopped", "clean"):
        assert found[name].status == "supported"
        assert found[name].control["ok"]


def test_what_is_small_never_contradicts_what_is_published():
    claims = {claim.name: claim for claim in STUDY.claims}
    assert not claims["error-peak"].can_contradict
    assert claims["published-peak"].can_contradict
    assert set(claims["published-peak"].profiles) == {"paper", "cifar100"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cnn", "resnet"])
def test_a_tiny_stack_holds_what_is_declared(kind):
    cells = [cell(network=kind, width=1, n=40, steps=4, batch=20, noise=noise) for noise in (0.0, 0.2)]
    found = STUDY.work(cells, lambda done: None)
    for one, wrong in zip(found, (0.0, 0.2), strict=True):
        assert set(one.values) == set(STUDY.values)
        assert one.values["wrong_labels"] == wrong
        assert one.values["parameters_per_sample"] == pytest.approx(one.values["parameters"] / 40)
        assert all(
            len(one.values[f"{name}_by_step"]) == len(one.values["step"])
            for name in ("test_error", "train_loss")
        )


@pytest.mark.parametrize(
    ("axis", "value", "text"),
    [
        ("width", 0, "--widths: expected a whole number from 1 to 512, got 0"),
        ("noise", 1.0, r"--noise: expected a number from 0 to 0\.99, got 1"),
        ("noise", -0.1, r"--noise: expected a number from 0 to 0\.99, got -0\.1"),
        ("network", "vgg", "--networks: expected one of cnn, resnet, got 'vgg'"),
    ],
)
def test_values_out_of_range_are_refused(axis, value, text):
    with pytest.raises(UsageError, match=text):
        STUDY.axis(axis).check(value)


@pytest.mark.parametrize(("kind", "setting", "least"), [("cnn", "small", 4), ("cnn", "published", 8), ("resnet", "small", 3),
                                                       ("resnet", "published", 9)])  # fmt: skip
def test_the_smallest_images_are_those_that_every_kernel_fits(kind, setting, least):
    given = cell(network=kind, setting=setting, width=1)
    assert checked(given, (least, least)) == (least, least, 1)
    assert parameters(network(given, (least, least), 10)) > 0
    with pytest.raises(
        UsageError, match=rf"at least {least} x {least} pixels .* got {least - 1} x {least}\. Take larger"
    ):
        checked(given, (least - 1, least))
    with pytest.raises(UsageError):
        network(given, (least - 1, least - 1), 10)


def test_what_does_not_go_together_is_refused():
    with pytest.raises(UsageError, match="network 'cnn' needs images"):
        stacks(STUDY, [cell(data="mnist1d")])
    with pytest.raises(UsageError, match="--steps: expected at least 1 in the small setting"):
        STUDY.estimate(cell(steps=0))
    with pytest.raises(UsageError, match="--batch: expected at most the 30 training"):
        STUDY.estimate(cell(n=30))


def test_wider_longer_and_published_networks_cost_more():
    seconds = [
        STUDY.estimate(cell(**one)).seconds
        for one in (
            {},
            {"width": 9},
            {"width": 9, "steps": 6000},
            {"width": 64, "setting": "published", "steps": 0},
        )
    ]
    assert seconds == sorted(seconds)
    assert shape_of("digits").image == (8, 8)
