"""Published settings: the look-up, the numbers that sources print, epochs as steps, and what must be given."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import overparam
from overparam.core.errors import UsageError
from overparam.models import parameters
from overparam.training import fingerprint
from overparam.training.published import RECIPES, Published, find
from overparam.training.published.setting import Build
from overparam.training.schedules import cosine, drops, linear
from overparam.training.update import direction, schedule_factor

FILL = {"optimizer": "sgd", "learning_rate": 0.1, "batch": 32, "epochs": 2, "n": 1000, "width": 64}
NUMBERS = {  # optimizer, rate, momentum, decay, batch, steps, as the sources and their arithmetic have them
    "zhou-lenet": ("adam", 1.2e-3, 0.0, 0.0, 60, 50_380),
    "zhou-conv2": ("adam", 2e-4, 0.0, 0.0, 60, 20_250),
    "zhou-conv4": ("adam", 3e-4, 0.0, 0.0, 60, 25_500),
    "zhou-conv6": ("adam", 3e-4, 0.0, 0.0, 60, 30_000),
    "lottery-lenet": ("adam", 1.2e-3, 0.0, 0.0, 60, 50_000),
    "google-lenet": ("sgd", 0.1, 0.0, 0.0, 64, 50_000),
    "open-lth-lenet": ("sgd", 0.1, 0.0, 0.0, 128, 40 * 468),
    "supermask-lenet": ("sgd", 100.0, 0.9, 0.0, 250, 440_000),
    "mnist1d-mlp": ("sgd", 0.01, 0.9, 0.0, 100, 20_000),
    "nakkiran-cnn": ("sgd", 0.1, 0.0, 0.0, 128, 500_000),
    "nakkiran-resnet": ("adam", 1e-4, 0.0, 0.0, 128, 4_000 * 390),
    "lottery-vgg19": ("sgd", 0.1, 0.9, 1e-4, 64, 160 * (45_000 // 64)),
    "josch14-mlp": ("sgd", 0.02, 0.95, 0.0, 128, 6_000 * 31),
    "tian-two-layer": ("sgd", 0.01, 0.0, 0.0, 16, 100_000),
    "tian-multilayer": ("sgd", 0.004, 0.0, 0.0, 64, 100 * 3_125),
    "edge-popup-imagenet": ("sgd", 0.256, 0.875, 3.05e-5, 256, 100 * 5_004),
    "grasp-vgg19": ("sgd", 0.1, 0.9, 5e-4, 128, 160 * 390),
}
SIZES = {  # weights and biases, by the sources' own counts
    "zhang-mlp-1x512": (None, 1_209_866),
    "zhang-mlp-3x512": (None, 1_735_178),
    "zhang-inception-plain": (None, 1_649_402),
    "zhang-alexnet": (None, 1_387_786),
    "pluskid-wide-resnet": (None, 369_498),
    "nakkiran-cnn": (64, 1_558_026),
    "du-gd": (50, 50 * 1000),
    "mnist1d-mlp": (300, 105_610),
    "mnist1d-cnn": (100, 65_810),
    "belkin-mlp": (50, 795 * 50 + 10),
    "zhou-lenet": (None, 266_200 + 410),
    "zhou-conv2": (None, 4_300_992 + 2 * 64 + 522),
    "zhou-conv4": (None, 2_425_024 + 2 * 64 + 2 * 128 + 522),
    "zhou-conv6": (None, 2_261_184 + 2 * 64 + 2 * 128 + 2 * 256 + 522),
}


def asked(one: Published) -> dict:
    return {name: FILL[name] for name in one.asks}


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_makes_a_recipe_from_what_it_asks_for_and_nothing_less(name):
    one = find(name)
    recipe = one.recipe(**asked(one))
    assert recipe == one.recipe(**asked(one))  # equal, so that compiled programs are found again
    assert len(fingerprint(recipe)) == 16
    factors = [float(schedule_factor(recipe, jnp.int32(t))) for t in (0, recipe.steps // 2, recipe.steps - 1)]
    assert all(0 <= factor <= 1 and math.isfinite(factor) for factor in factors)
    for left_out in one.asks:
        with pytest.raises(UsageError, match=left_out):
            one.recipe(**{key: value for key, value in asked(one).items() if key != left_out})


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_says_where_it_is_from(name):
    one = find(name)
    assert one.name == name == name.lower()
    for text in (one.source, one.citation, one.place, one.network, one.data):
        assert text
    assert set(one.beside) <= set(RECIPES) - {name}
    known = {field.name for field in dataclasses.fields(Published)}
    assert len(set(one.recalled)) == len(one.recalled)
    for field in one.recalled:
        assert field in known
        assert getattr(one, field) is not None or (field == "learning_rate" and one.rate_text)
    assert one.epochs is None or one.steps is None
    assert callable(one.learning_rate) <= bool(one.rate_text)
    assert one.loss_share == 1.0 or not one.weight_decay  # a share would scale the decay too
    if one.learning_rate is None:
        assert "learning_rate" in one.unknown


@pytest.mark.parametrize("name", NUMBERS)
def test_recipes_have_the_printed_numbers(name):
    one = find(name).recipe()
    got = (one.optimizer, one.learning_rate, one.momentum, one.weight_decay, one.batch, one.steps)
    assert got == NUMBERS[name]


@pytest.mark.parametrize("name", SIZES)
def test_networks_have_the_published_number_of_parameters(name):
    width, count = SIZES[name]
    assert parameters(find(name).model(width)) == count


def test_schedules_in_epochs_become_steps_with_the_examples_and_the_batch():
    assert find("open-lth-resnet20").recipe().schedule == drops((80 * 390, 120 * 390))
    assert find("open-lth-resnet20").recipe(n=1000).schedule == drops((80 * 7, 120 * 7))
    assert find("open-lth-resnet20").recipe(batch=64, steps=99).schedule == drops((80 * 781, 120 * 781))
    assert find("edge-popup-imagenet").recipe(n=2560).schedule == cosine(1000, warmup=50)
    assert find("garipov-vgg16").recipe(n=1280).schedule == linear(1000, 1800, 0.01)
    assert find("lottery-resnet18-warm").recipe().schedule == drops((20_000, 25_000), warmup=20_000)
    zhang = find("zhang-inception").recipe(batch=100, epochs=30)
    assert (zhang.schedule, zhang.period, zhang.decay, zhang.steps) == ("step", 500, 0.95, 15_000)
    belkin = find("belkin-mlp-reuse").recipe(learning_rate=0.1, batch=40)
    assert (belkin.period, belkin.decay, belkin.steps, belkin.stop_error) == (50_000, 0.9, 600_000, 0.0)
    full = find("cdr-lenet").recipe(batch=None)
    assert (full.steps, full.schedule) == (100, drops((10, 20)))


def test_momentum_rises_as_it_is_told():
    """Two examples an epoch of one step each: a buffer of 1 is multiplied by .5, .52, .54, ..., .9."""
    recipe = find("neyshabur-mlp").recipe(n=200, epochs=30)
    rule = direction(recipe)
    slots, found = rule.init(jnp.zeros(())), []
    step = jax.jit(lambda gradient, slots: rule.update(gradient, slots, jnp.zeros(())))
    for t in range(60):
        move, slots = step(jnp.float32(1.0 if t == 0 else 0.0), slots)
        found.append(float(move))
    want = np.cumprod([1.0, *(min(0.9, 0.5 + 0.02 * (t // 2)) for t in range(1, 60))])
    np.testing.assert_allclose(found, want, rtol=1e-4)
    assert (recipe.momentum, recipe.period, recipe.decay) == (0.0, 2, 0.99)


def test_a_share_of_the_loss_scales_the_published_rate_alone():
    josch = find("josch14-mlp")
    assert josch.recipe().learning_rate == 0.02
    assert josch.recipe(learning_rate=0.3).learning_rate == 0.3
    assert josch.recipe(loss="cross_entropy").learning_rate == 0.1


def test_fingerprints_tell_settings_apart():
    neyshabur = find("neyshabur-mlp")
    prints = [fingerprint(neyshabur.recipe(epochs=3, n=n)) for n in (1000, 1000, 2000)]
    assert prints[0] == prints[1] != prints[2]
    own = {name: fingerprint(one.recipe()) for name, one in RECIPES.items() if not one.asks}
    same = {frozenset(name for name in own if own[name] == value) for value in own.values()}
    assert {one for one in same if len(one) > 1} == {
        frozenset({"grasp-resnet32", "open-lth-resnet20", "open-lth-vgg16", "sparse-descent"}),
        frozenset({"lottery-conv6", "zhou-conv6"}),  # 40 epochs of 750 steps are 30,000
        frozenset({"mnist1d-cnn", "mnist1d-mlp"}),
        frozenset({"curve-resnet164", "curve-wrn28"}),
    }


def test_rates_by_width_and_by_layer():
    assert find("li-liang-synthetic").recipe(width=500).learning_rate == 0.02
    assert find("heckel-slow-output").recipe().layer_rates == (("output", 0.01),)
    assert find("tian-two-layer").recipe().sampling == "replacement"
    assert find("edge-popup-imagenet").recipe().smoothing == 0.1


def test_everything_can_be_changed():
    recipe = find("zhou-lenet").recipe(steps=7, optimizer="sgd", momentum=0.5, probes=3, schedule="cosine")
    assert (recipe.steps, recipe.optimizer, recipe.momentum, recipe.probes) == (7, "sgd", 0.5, 3)
    assert recipe.learning_rate == 1.2e-3
    assert overparam.published("zhou-lenet") is find("zhou-lenet")


def test_a_network_as_a_call_reads_as_it_is_typed():
    assert str(find("mnist1d-mlp").build) == "named('mlp', (40,), 10, width=width, depth=2, init='torch')"
    assert find("mnist1d-mlp").model(9).name == "mlp 40-9-9-10 relu"
    assert find("zhou-conv2").model() is find("zhou-conv2").model()
    assert isinstance(find("nakkiran-cnn").build, Build)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: find("lotery-conv2"), "unknown recipe 'lotery-conv2'. Did you mean 'lottery-conv2'?"),
        (lambda: find("zhang-mlp"), "Those that begin so: zhang-mlp-1x512, zhang-mlp-3x512. Give the whole name."),
        (lambda: find("Zhou-Conv2"), "Those that begin so: zhou-conv2. Give the whole name."),
        (lambda: find(""), "unknown recipe ''"),
        (lambda: find(None), "of type NoneType, which is no name"),
        (lambda: find(["a"]), "of type list, which is no name"),
        (lambda: find("zhang-inception").recipe(), "does not give batch and epochs. Choose: recipe(batch=..., epochs=...)"),
        (lambda: find("oymak-gd").recipe(), "At most 1/(2 beta^2) for the sum of squares"),
        (lambda: find("li-liang-mnist").recipe(), "its learning rate is 4,000/m for width m. Give recipe(width=...)"),
        (lambda: find("nguyen-mnist").recipe(optimizer="sgd", batch=8), "does not give the number of training examples"),
        (lambda: find("zhou-lenet").recipe(period=3), "zhou-lenet: period counts for schedule='step' alone"),
        (lambda: find("cdr-lenet").recipe(decay=0.5), "cdr-lenet: decay counts for schedule='step' alone"),
        (lambda: find("nakkiran-cnn").recipe(decay=0.5), "nakkiran-cnn: decay counts for schedule='step' alone"),
        (lambda: find("zhou-lenet").recipe(lr=0.1), "unknown change 'lr'."),
        (lambda: find("zhou-lenet").recipe(batchsize=1), "unknown change 'batchsize'. Did you mean 'batch'?"),
        (lambda: find("zhou-lenet").recipe(epochs=1, steps=1), "expected epochs or steps, got both"),
        (lambda: find("zhou-lenet").recipe(epochs=0), "epochs: expected a whole number of at least 1, got 0"),
        (lambda: find("zhou-lenet").recipe(epochs=1.5), "epochs: expected a whole number"),
        (lambda: find("zhou-lenet").recipe(steps=-1), "steps: expected a whole number of at least 1"),
        (lambda: find("zhou-lenet").recipe(n=0), "n: expected a whole number of at least 1, got 0"),
        (lambda: find("zhou-lenet").recipe(n=59), "batch: expected at most the 59 training examples, got 60"),
        (lambda: find("zhou-lenet").recipe(batch="60"), "batch: expected a whole number"),
        (lambda: find("zhou-lenet").recipe(batch=0), "batch: expected a whole number of at least 1"),
        (lambda: find("zhou-lenet").recipe(learning_rate="fast"), "learning_rate: expected a number above 0"),
        (lambda: find("li-liang-synthetic").recipe(width=0), "width: expected a whole number of at least 1"),
        (lambda: find("mnist1d-mlp").model(), "mnist1d-mlp: expected a width, got none"),
        (lambda: find("mnist1d-mlp").model(0), "width: expected a whole number of at least 1"),
        (lambda: find("zhou-lenet").model(300), "expected no width, for its network has its own"),
        (lambda: find("grasp-vgg19").model(), "its network, VGG-19, is not among those of this package"),
    ],
)  # fmt: skip
def test_what_is_odd_or_missing_is_named(call, text):
    with pytest.raises(UsageError) as error:
        call()
    assert text in str(error.value)
