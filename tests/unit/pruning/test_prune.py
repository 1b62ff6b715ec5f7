"""One's own network pruned in a few lines: what is measured, what goes on from there, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import overparam
from overparam import data
from overparam.core.errors import DataError, UsageError
from overparam.core.pairs import NETWORKS
from overparam.models import Network, mlp
from overparam.pruning import CRITERIA, Mask, transfer, variant
from overparam.pruning.recipes import VARIANTS
from overparam.training import Recipe
from tests.weights import drawn, forward

NETWORK = mlp(6, (12,), 3)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype(np.float32)
Y = np.argmax(X[:, :3], axis=1)
DATA = (X, Y, X[:30], Y[:30])
RECIPE = Recipe(150, 0.1, momentum=0.9, batch=10, probes=2)
PARAMS = drawn(NETWORK, size=0.4)
LAST = jax.tree.map(lambda a: (a + 0.1 * RNG.normal(size=a.shape)).astype(np.float32), PARAMS)


@pytest.fixture(scope="module")
def pruned():
    return overparam.prune(NETWORK, PARAMS, DATA, density=0.4)


def accuracy(params):
    return float(np.mean(np.argmax(forward(NETWORK, params, X[:30]), axis=1) == Y[:30]))


def test_before_and_after_are_those_of_the_test_part(pruned):
    assert pruned.density == pruned.mask.density == pytest.approx(0.4, abs=0.01)
    assert pruned.before.accuracy == pytest.approx(accuracy(PARAMS), abs=1e-6)
    assert pruned.after.accuracy == pytest.approx(accuracy(pruned.mask.apply(PARAMS)), abs=1e-6)
    assert repr(pruned).startswith(
        "Pruned('mlp 6-12-3 relu', density 0.407407 by large_final, before accuracy "
    )
    assert repr(pruned).count(", n = 30)") == 2
    assert not pruned.params["output"]["weight"][pruned.mask.arrays["output/weight"] == 0].any()


@pytest.mark.slow
def test_retraining_helps_and_keeps_the_mask(pruned):
    again = pruned.retrain(RECIPE)
    assert again.after.accuracy > max(0.8, pruned.after.accuracy)
    assert again.mask is pruned.mask
    for path, one in again.mask:
        assert not again.params[path.partition("/")[0]]["weight"][one == 0].any()
    rewound = pruned.retrain(RECIPE, start=LAST)
    assert not np.array_equal(rewound.params["output"]["weight"], again.params["output"]["weight"])


def test_the_curve_prunes_the_same_weights_anew(pruned):
    points = pruned.curve([1.0, 0.4, 0.05])
    assert [round(point.density, 2) for point in points] == [1.0, 0.41, 0.06]
    assert points[0].accuracy == pruned.before.accuracy
    assert points[1].loss == pruned.after.loss
    assert points[0].collapsed == ()


@pytest.mark.parametrize("criterion", [*CRITERIA, "grasp", "synflow"])
def test_every_criterion_prunes(criterion):
    one = overparam.prune(NETWORK, LAST, DATA, criterion, 0.5, initial=PARAMS)
    assert one.criterion == criterion
    if criterion not in ("same_sign", "diff_sign"):
        assert one.mask.kept == 54


def test_nothing_is_measured_without_data():
    one = overparam.prune(NETWORK, PARAMS, density=0.5)
    assert (one.before, one.after) == (None, None)
    assert repr(one) == "Pruned('mlp 6-12-3 relu', density 0.5 by large_final)"
    calls = (lambda: one.retrain(RECIPE), lambda: one.curve([0.5]), lambda: one.search(RECIPE, [0], [0.5]))
    for call in calls:
        with pytest.raises(UsageError, match="data: expected a data set for .*, got none"):
            call()


def test_a_layer_that_collapsed_is_said():
    params = {**PARAMS, "hidden1": {**PARAMS["hidden1"], "weight": 0.001 * PARAMS["hidden1"]["weight"]}}
    one = overparam.prune(NETWORK, params, DATA, density=0.2, scope="global")
    assert one.mask.collapsed == ("hidden1/weight",)
    assert repr(one).endswith("collapsed: hidden1/weight)")


def test_functions_of_another_library_and_a_data_set():
    def init(key):
        return {"params": {"Dense_0": {"kernel": jnp.ones((6, 3)), "bias": jnp.zeros(3)}}}

    def apply(params, x):
        return x @ params["params"]["Dense_0"]["kernel"] + params["params"]["Dense_0"]["bias"]

    network = Network("flax", init, apply, 6, 3)
    images = data.from_arrays(X.reshape(60, 2, 3), Y, X[:30].reshape(30, 2, 3), Y[:30], name="own")
    one = overparam.prune(network, init(None), images, density=0.25)
    assert one.mask.densities == {"params/Dense_0/kernel": 5 / 18}
    assert one.after.accuracy is not None


def test_batch_statistics_are_found_anew():
    def forward(p, x, mean, variance):
        return (x @ p["a"]["weight"].T - mean) / jnp.sqrt(variance + 1e-5)

    def moments(p, x):
        hidden = x @ p["a"]["weight"].T
        return {"n": {"mean": hidden.mean(axis=0), "square": jnp.square(hidden).mean(axis=0)}}

    network = Network(
        "normalised",
        lambda key: {
            "a": {"weight": jax.random.normal(key, (3, 6))},
            "statistics": {"n": {"mean": jnp.zeros(3), "variance": jnp.ones(3)}},
        },
        lambda p, x: forward(p, x, p["statistics"]["n"]["mean"], p["statistics"]["n"]["variance"]),
        6, 3, state=("statistics",), training=lambda p, x, key: forward(p, x, x.mean(), x.var()), moments=moments,
    )  # fmt: skip
    one = overparam.prune(network, network.init(jax.random.key(0)), DATA, density=0.5)
    assert np.allclose(
        one.params["statistics"]["n"]["mean"], (X @ one.params["a"]["weight"].T).mean(axis=0), atol=1e-5
    )


OTHER = mlp(6, (13,), 3)
BAD = {
    "a criterion": (lambda: overparam.prune(NETWORK, PARAMS, DATA, "large"), UsageError, "criterion.*'large'.*large_"),
    "snip without data": (lambda: overparam.prune(NETWORK, PARAMS, None, "snip"), UsageError, "Give data="),
    "grasp without data": (lambda: overparam.prune(NETWORK, PARAMS, None, "grasp"), UsageError, "Give x and y"),
    "movement without a start": (
        lambda: overparam.prune(NETWORK, PARAMS, DATA, "movement"), UsageError, "the start of the run.*Give initial=",
    ),
    "a density of 0": (lambda: overparam.prune(NETWORK, PARAMS, DATA, density=0), UsageError, "density: expected the share"),
    "a density in percent": (lambda: overparam.prune(NETWORK, PARAMS, density=20), UsageError, "got 20"),
    "weights of another network": (
        lambda: overparam.prune(NETWORK, drawn(OTHER)), UsageError, "params: hidden1/bias: expected",
    ),
    "a mask of another network": (
        lambda: overparam.prune(NETWORK, PARAMS, mask=Mask.full(OTHER)), UsageError, "belongs to another network",
    ),
    "a tree for a mask": (lambda: overparam.prune(NETWORK, PARAMS, mask=PARAMS), UsageError, "mask: expected a Mask"),
    "a start of another network": (
        lambda: overparam.prune(NETWORK, PARAMS, initial=drawn(OTHER)), UsageError, "initial: hidden1",
    ),
    "weights that diverged": (
        lambda: overparam.prune(NETWORK, jax.tree.map(lambda a: a * np.nan, PARAMS)), DataError, "expected finite numbers",
    ),
    "three arrays": (lambda: overparam.prune(NETWORK, PARAMS, (X, Y, X)), UsageError, "data: expected a Dataset, a loader"),
    "test data alone": (lambda: overparam.prune(NETWORK, PARAMS, test=(X, Y)), UsageError, "data: expected training data"),
    "no network": (lambda: overparam.prune("mlp", PARAMS), UsageError, "model: expected a Network"),
    "rates with synflow": (
        lambda: overparam.prune(NETWORK, PARAMS, None, "synflow", rates={"output": 0.9}), UsageError, "rates: expected none",
    ),
    "a scope": (lambda: overparam.prune(NETWORK, PARAMS, scope="net"), UsageError, "scope.*'net'"),
    "no layer": (lambda: overparam.prune(NETWORK, PARAMS, leave="head"), UsageError, "leave: 'head' covers none"),
    "a key": (lambda: overparam.prune(NETWORK, PARAMS, None, "random", key="x"), UsageError, "key: expected a key"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "told"), BAD.values(), ids=BAD)
def test_what_cannot_be_pruned_is_refused_in_a_sentence(call, kind, told):
    with pytest.raises(kind, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_ticket_moves_to_another_number_of_classes():
    mask = Mask.random(NETWORK, 0.5, 0)
    same, more = transfer(mask, PARAMS, NETWORK, 1), transfer(mask, PARAMS, mlp(6, (12,), 5), 1)
    assert same.mask == mask
    assert (same.redrawn, same.said) == ((), "")
    assert jax.tree.all(jax.tree.map(np.array_equal, same.params, PARAMS))
    assert more.redrawn == ("output/bias", "output/weight")
    assert more.said == (
        "The number of outputs differs: output/bias, output/weight are drawn anew, with a random mask of the same density."
    )
    assert more.params["output"]["weight"].shape == (5, 12)
    assert np.array_equal(more.params["hidden1"]["weight"], PARAMS["hidden1"]["weight"])
    assert np.array_equal(more.mask.arrays["hidden1/weight"], mask.arrays["hidden1/weight"])
    assert more.mask.densities["output/weight"] == 0.5
    for other, told in (
        (mlp(7, (12,), 3), "differs in the number of outputs alone, got hidden1/weight"),
        (mlp(6, (12, 4), 3), "no counterpart of 'hidden2"),
        (mlp(6, (), 3), "no counterpart of 'hidden1/bias'"),
    ):
        with pytest.raises(UsageError, match=told):
            transfer(mask, PARAMS, other, 1)


def flax(outputs, inputs=6):
    def init(key):
        return {"kernel": jax.random.normal(key, (inputs, outputs)), "bias": jnp.zeros(outputs)}

    return Network(f"flax {inputs}-{outputs}", init, lambda p, x: x @ p["kernel"] + p["bias"], inputs, outputs)


def test_a_head_may_have_its_outputs_last():
    mask = Mask.random(flax(3), 0.5, 0)
    moved = transfer(mask, flax(3).init(jax.random.key(0)), flax(5), 1)
    assert moved.redrawn == ("bias", "kernel")
    assert moved.mask.densities == {"kernel": 0.5}


def held(outputs):
    def init(key):
        return {"fixed": jax.random.normal(key, (6, 4)), "w": jnp.ones((4, outputs))}

    return Network("held", init, lambda p, x: x @ p["fixed"] @ p["w"], 6, outputs, state=("fixed",))


def test_what_a_network_holds_moves_with_its_ticket():
    params = held(3).init(jax.random.key(0))
    moved = transfer(Mask.full(held(3)), params, held(5), 1)
    assert np.array_equal(moved.params["fixed"], params["fixed"])
    assert moved.redrawn == ("w",)


def test_a_head_that_has_no_mask_is_drawn_without_one():
    moved = transfer(Mask({"hidden1/weight": np.ones((12, 6))}), PARAMS, mlp(6, (12,), 5), 1)
    assert moved.said == "The number of outputs differs: output/bias, output/weight are drawn anew."
    assert moved.mask.paths == ("hidden1/weight",)


MOVES = {
    "other inputs, kernels as in Flax": (
        lambda: transfer(Mask.full(flax(3)), flax(3).init(jax.random.key(0)), flax(3, 7), 1), "the number of outputs alone",
    ),
    "inputs as many as classes": (lambda: transfer(Mask.full(NETWORK), PARAMS, mlp(3, (12,), 3), 1), "outputs alone"),
    "no biases there": (
        lambda: transfer(Mask.full(NETWORK), PARAMS, mlp(6, (12,), 3, bias=False), 1), "no counterpart of 'hidden1/bias'",
    ),
    "a mask of another network": (
        lambda: transfer(Mask.full(mlp(6, (13,), 3)), PARAMS, NETWORK, 1), "mask: expected an array of shape .12, 6.",
    ),
    "no weights": (lambda: transfer(Mask.full(NETWORK), None, NETWORK, 1), "no counterpart"),
    "weights that diverged": (
        lambda: transfer(Mask.full(NETWORK), jax.tree.map(lambda a: a * np.nan, PARAMS), NETWORK, 1), "expected finite numbers",
    ),
    "no network": (lambda: transfer(Mask.full(NETWORK), PARAMS, "mlp", 1), "network: expected a network"),
    "no key": (lambda: transfer(Mask.full(NETWORK), PARAMS, mlp(6, (12,), 5), None), "key: expected a key"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "told"), MOVES.values(), ids=MOVES)
def test_a_ticket_moves_nowhere_else(call, told):
    with pytest.raises((UsageError, DataError), match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_published_procedure_says_all_of_itself(name):
    one = variant(name)
    text = str(one)
    assert text.splitlines()[0] == name
    assert all(len(line) <= 110 for line in text.splitlines())
    assert all(key in text for key in (one.source[:20], str(one.batch), one.init, "differs"))
    for network in one.settings:
        assert f"{one.settings[network].steps:,} steps" in text
        assert one.recipe(network).steps == one.settings[network].steps
        made = one.network(network)
        if one.learned:
            with pytest.raises(UsageError, match="got one that learns a mask"):
                one.arm(network)
        else:
            assert one.arm(network).name == name
            assert set(Mask.full(made).paths) > {"output/weight"}
    for network in set(NETWORKS) - set(one.settings):
        with pytest.raises(UsageError, match="unknown network"):
            one.recipe(network)


def test_procedures_differ_where_their_sources_do():
    zhou, paper, google, lab = (variant(one) for one in ("zhou2019", "frankle2019", "google-lth", "open-lth"))
    assert (zhou.recipe().optimizer, zhou.recipe().learning_rate, zhou.recipe().batch) == ("adam", 1.2e-3, 60)
    assert (google.recipe().optimizer, google.recipe().learning_rate) == ("sgd", 0.1)
    assert (lab.scope, lab.leave, lab.recipe().batch) == ("global", ("output",), 128)
    assert paper.arm().rates == zhou.arm().rates == {"hidden*": 0.8, "output": 0.9}
    assert zhou.steps("conv6") == 750_000
    with pytest.raises(UsageError, match="variant.*'zhou'.*zhou2019"):
        variant("zhou")


def test_the_names_at_the_top():
    assert overparam.Mask is Mask
    assert callable(overparam.prune)
    assert {"Mask", "prune"} <= set(dir(overparam))


DEAD = {name: dict(own) for name, own in PARAMS.items()}
DEAD["hidden1"]["bias"] = np.full(12, -1e3, np.float32)  # no unit is ever on, and no weight has a gradient
FEW = Recipe(1, 0.1, probes=2)
NOTHING_TOLD = {
    **{
        name: (lambda name=name: overparam.prune(NETWORK, DEAD, DATA, name, 0.3), DataError, f"'{name}': .* got 0 for all")
        for name in ("snip", "grad", "grasp")
    },
    "nothing moved": (
        lambda: overparam.prune(NETWORK, PARAMS, None, "movement", 0.3, initial=PARAMS), DataError, "got 0 for all 108 weights",
    ),
    "synflow of zeros": (
        lambda: overparam.prune(NETWORK, jax.tree.map(np.zeros_like, PARAMS), None, "synflow", 0.3), DataError, "got 0 for all",
    ),
    "seeds that nothing reads": (
        lambda: overparam.prune(NETWORK, PARAMS, DATA).curve([0.5], seeds=(0, 1)), UsageError, "steps, start or seeds",
    ),
    "a curve over what decides by itself": (
        lambda: overparam.prune(NETWORK, PARAMS, DATA, "same_sign", initial=LAST).curve([0.5, 0.2]), UsageError,
        "decides by itself how many weights stay",
    ),
    "a search by what decides by itself": (
        lambda: overparam.prune(NETWORK, PARAMS, DATA, "same_sign", initial=LAST).search(FEW, (0, 1), (0.5,)), UsageError,
        "decides by itself how many weights stay",
    ),
    "a density where rounds prune": (
        lambda: variant("zhou2019").network(density=0.1), UsageError, "density: expected none for variant 'zhou2019'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "told"), NOTHING_TOLD.values(), ids=NOTHING_TOLD)
def test_what_would_be_ignored_or_drawn_without_a_word_is_refused(call, kind, told):
    with pytest.raises(kind, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_after_a_collapse_pruning_goes_on():
    from overparam.pruning.at_init import at_init

    none = Mask({"hidden1/weight": np.ones((12, 6)), "output/weight": np.zeros((3, 12))})
    mask = at_init("snip", NETWORK, PARAMS, 0.5, X, Y, none)
    assert mask.kept == 36
    assert mask.collapsed == ("output/weight",)


def test_a_learned_mask_keeps_the_density_that_is_asked_for():
    learned = variant("ramanujan2020")
    assert learned.network() is learned.network(density=0.3)
    assert learned.network(density=0.1) is not learned.network()
