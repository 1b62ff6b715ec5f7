"""The mask: what it holds, counts and refuses, on disk and inside JAX."""

import hashlib
import pickle

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from overparam.core.errors import DataError, DiskError, UsageError
from overparam.models import Network, cnn, mlp
from overparam.pruning import Mask
from overparam.training import Member
from overparam.training.constants import stacked_constants
from tests.weights import drawn

NETWORK = mlp(4, (6, 5), 3)
PARAMS = drawn(NETWORK)
WEIGHTS = {"hidden1/weight": (6, 4), "hidden2/weight": (5, 6), "output/weight": (3, 5)}


def plain(init, apply=None, **more):
    return Network("own", init, apply or (lambda p, x: x[:, :2]), 3, 2, **more)


def test_a_full_mask_holds_weights_alone():
    mask = Mask.full(NETWORK)
    assert {path: one.shape for path, one in mask} == WEIGHTS
    assert (mask.kept, mask.total, mask.density, mask.collapsed) == (69, 69, 1.0, ())
    assert mask.tree["hidden1"].keys() == {"weight"}
    assert set(Mask.full(NETWORK, but="output", also="*/bias").paths) == {
        "hidden1/weight", "hidden2/weight", "hidden1/bias", "hidden2/bias",
    }  # fmt: skip


def test_convolutions_count_normalisations_and_state_do_not():
    assert set(Mask.full(cnn((8, 8), (2,), 3)).paths) == {"conv1/weight", "output/weight"}

    def init(key):
        return {
            "params": {
                "Dense_0": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)},
                "scan": {"bias": jnp.ones((2, 2)), "scale": jnp.ones((2, 2))},
                "nnx": {"kernel": {"value": jnp.ones((2, 2))}, "bias": {"value": jnp.ones((1, 2))}},
            },
            "batch_stats": {"mean": jnp.ones((2, 2))},
        }

    network = plain(init, lambda p, x: x @ p["params"]["Dense_0"]["kernel"], state=("batch_stats",))
    assert set(Mask.full(network).paths) == {"params/Dense_0/kernel", "params/nnx/kernel/value"}


def test_trees_of_lists_and_tuples_keep_their_paths():
    network = plain(lambda key: [jnp.ones((3, 2)), (jnp.ones((3, 2)), jnp.ones(2))], lambda p, x: x @ p[0])
    mask = Mask.full(network)
    assert mask.paths == ("0", "1/0")
    params = network.init(0)
    half = Mask([np.eye(3, 2), (np.ones((3, 2)),)])
    assert half.check(network).apply(params)[0].sum() == 2
    assert jax.tree.structure(half.apply(params)) == jax.tree.structure(params)
    assert Mask({"w": [[True, False], [False, True]]}).kept == 2


def test_two_arrays_of_one_path_are_refused():
    network = plain(
        lambda key: {"a/b": jnp.ones((3, 2)), "a": {"b": jnp.ones((3, 2))}}, lambda p, x: x @ p["a/b"]
    )
    with pytest.raises(UsageError, match="a path of its own for every array of 'own', got 'a/b' twice"):
        Mask.full(network)
    with pytest.raises(UsageError, match="got 'a/b' twice"):
        Mask({"a/b": [[1]], "a": {"b": [[0]]}})


def test_apply_multiplies_what_it_holds_and_nothing_else():
    mask = Mask.random(NETWORK, 0.5, 1)
    for params in (PARAMS, jax.tree.map(lambda a: np.asarray(a, np.float64), PARAMS)):
        cut = mask.apply(params)
        for path in WEIGHTS:
            layer = path.partition("/")[0]
            assert np.array_equal(cut[layer]["weight"], params[layer]["weight"] * mask.arrays[path])
            assert cut[layer]["bias"] is params[layer]["bias"]
            assert cut[layer]["weight"].dtype == params[layer]["weight"].dtype


def test_densities_are_exact_and_draws_follow_the_key():
    drawn = {key: Mask.random(NETWORK, {"hidden*": 0.25, "output": 0.0}, key) for key in (0, 1)}
    again = Mask.random(NETWORK, drawn[0].densities, 0)
    assert drawn[0] == again != drawn[1]
    assert drawn[0].densities == {"hidden1/weight": 0.25, "hidden2/weight": 8 / 30, "output/weight": 0.0}
    assert drawn[0].collapsed == ("output/weight",)
    assert Mask.random(NETWORK, 0.3, jax.random.key(3)) == Mask.random(NETWORK, 0.3, jax.random.key(3))
    for kept in range(1, 31):  # k of 30 by its density, whatever float it is
        assert Mask.random(NETWORK, {"hidden2": kept / 30}, 0).densities["hidden2/weight"] == kept / 30


def test_every_place_is_drawn_alike():
    network = mlp(3, (), 2)
    counts = sum(Mask.random(network, 0.5, key).arrays["output/weight"] for key in range(600))
    assert np.all(np.abs(counts - 300) < 5 * np.sqrt(150))


def test_equal_masks_hash_alike_and_pickle():
    one, other = Mask.random(NETWORK, 0.5, 1), Mask.random(NETWORK, 0.5, 2)
    assert one == Mask(one) == pickle.loads(pickle.dumps(one)) != other
    assert hash(one) == hash(Mask(one.tree))
    assert one != "mask"
    assert one != Mask({"w": [[1]]})
    assert repr(one) == "Mask(35 of 69 weights, density 0.507246)"


def test_a_mask_does_not_change():
    mask = Mask.full(NETWORK)
    with pytest.raises(UsageError, match="a mask does not change"):
        mask.kept = 3
    with pytest.raises(ValueError, match="read-only"):
        mask.arrays["output/weight"][0, 0] = 0
    with pytest.raises(TypeError):
        mask.arrays["output/weight"] = 0
    given = np.ones((2, 2))
    copied = Mask({"w": given})
    given[:] = 0
    assert copied.kept == 4


def test_the_report_is_exact():
    assert Mask.random(NETWORK, {"hidden1": 1 / 3, "output": 0}, 0).report().splitlines() == [
        "layer           shape  kept  of  density",
        "hidden1/weight  6x4    8     24  0.333333",
        "hidden2/weight  5x6    30    30  1",
        "output/weight   3x5    0     15  0",
        "all                    38    69  0.550725",
    ]


def test_it_is_a_pytree_for_jit_vmap_and_members():
    masks = [Mask.random(NETWORK, 0.5, key) for key in (0, 1)]
    stacked = jax.tree.map(lambda *one: jnp.stack(one), *masks)
    found = jax.jit(jax.vmap(lambda mask: mask.apply(PARAMS)))(stacked)
    for i, mask in enumerate(masks):
        assert np.array_equal(found["output"]["weight"][i], mask.apply(PARAMS)["output"]["weight"])
    assert jax.tree.map(lambda one: one, masks[0]) == masks[0]
    told = []
    jax.jit(lambda mask: told.append(repr(mask)))(masks[0])
    assert told == ["Mask(hidden1/weight, hidden2/weight, output/weight)"]


def test_a_member_takes_the_mask_itself_or_its_tree():
    mask = Mask.random(NETWORK, 0.5, 0)
    one = stacked_constants(
        NETWORK, [Member(0, np.zeros(3), mask=mask), Member(0, np.zeros(3), mask=mask.tree)]
    )
    for path, own in mask:
        layer = one["mask"][path.partition("/")[0]]
        assert np.array_equal(layer["weight"][0], own)
        assert np.array_equal(layer["weight"][1], own)
        assert layer["bias"].all()


def test_a_file_gives_the_mask_back(tmp_path):
    for mask in (Mask.random(NETWORK, 0.5, 0), Mask({"a~/b 1/é": [[1, 0]], "c": [1]})):
        path = mask.save(tmp_path / "deep" / "mask.safetensors")
        assert Mask.load(path) == mask == Mask.load(str(path))
    assert path.read_bytes() == mask.save(tmp_path / "other").read_bytes()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "a damaged one"),
        (b"no mask at all", "a damaged one"),
        ("cut", "a damaged one"),
        ("flipped", "a damaged one"),
        (safetensors.numpy.save({"w": np.full((2, 2), 0.5)}), "w: expected 0 and 1 alone, got 0.5"),
        (safetensors.numpy.save({"w": np.full((2, 2), np.nan)}), "w: expected 0 and 1 alone, got nan"),
        (safetensors.numpy.save({}), "expected arrays of 0 and 1 by the names of layers, got none"),
        (
            safetensors.numpy.save({"w": np.ones((2, 2))}, {"holds": "checkpoint"}),
            "says that it holds 'checkpoint'",
        ),
        (safetensors.numpy.save({"w": np.full((2, 2), 255, np.uint8)}), "w: expected 0 and 1 alone, got 255"),
        (
            safetensors.numpy.save({"w": np.full((2, 2), 1 + 1e-12)}),
            "expected 0 and 1 alone, got 1.000000000001",
        ),
        (
            safetensors.numpy.save({"w": np.ones((0, 2))}),
            r"array of 0 and 1, got array of float64, shape \(0, 2\)",
        ),
        (
            safetensors.numpy.save({"w": np.ones((2, 2), ml_dtypes.bfloat16)}),
            "expected a mask of booleans, whole numbers or floats, got tensors of type BF16",
        ),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, told):
    path = tmp_path / "mask"
    whole = Mask.full(NETWORK).save(path).read_bytes()
    path.write_bytes({"cut": whole[:-5], "flipped": b"\xff" + whole[1:]}.get(content, content))
    with pytest.raises(DataError, match=told) as caught:
        Mask.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_and_no_place_are_told(tmp_path):
    with pytest.raises(DataError, match="expected the file of a mask, got none of that name"):
        Mask.load(tmp_path / "nothing")
    with pytest.raises(DiskError):
        Mask.load(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError):
        Mask.full(NETWORK).save(tmp_path / "file" / "mask")


OTHER = mlp(4, (7, 5), 3)
BAD = {
    "a mask of another network": (
        lambda: Mask.full(OTHER).check(NETWORK),
        UsageError,
        "shape .6, 4. at hidden1/weight",
    ),
    "more layers": (lambda: Mask.full(NETWORK).check(mlp(4, (6,), 3)), UsageError, "got 'hidden2/weight'"),
    "of another network": (lambda: Mask.of({"x": [[1]]}, NETWORK), UsageError, "belongs to another network"),
    "weights of another network": (
        lambda: Mask.full(OTHER).apply(PARAMS),
        UsageError,
        "belongs to another network",
    ),
    "no weights": (
        lambda: Mask.full(NETWORK).apply({}),
        UsageError,
        "params: expected an array at hidden1/weight",
    ),
    "a half": (lambda: Mask({"w": [[1, 0.5]]}), DataError, "expected 0 and 1 alone, got 0.5"),
    "text": (lambda: Mask({"w": [["1", "0"]]}), DataError, "w.*expected an array of 0 and 1"),
    "nothing": (lambda: Mask({}), UsageError, "got none"),
    "an empty array": (lambda: Mask({"w": np.ones((0, 2))}), DataError, "expected an array of 0 and 1"),
    "a density of 0": (lambda: Mask.random(NETWORK, 0, 0), UsageError, "above 0 and at most 1, got 0"),
    "a density above 1": (lambda: Mask.random(NETWORK, 1.5, 0), UsageError, "at most 1, got 1.5"),
    "a density that is true": (lambda: Mask.random(NETWORK, True, 0), UsageError, "got True"),
    "a percentage in text": (lambda: Mask.random(NETWORK, "20%", 0), UsageError, "got '20%'"),
    "a layer's density": (
        lambda: Mask.random(NETWORK, {"output": -1}, 0),
        UsageError,
        "density: output: expected",
    ),
    "no such layer": (
        lambda: Mask.random(NETWORK, {"head": 0.5}, 0),
        UsageError,
        "'head' covers none of the arrays",
    ),
    "a plain number": (lambda: Mask(True), DataError, "mask: expected an array of 0 and 1, got bool"),
    "numbers in a list of arrays": (
        lambda: Mask([np.ones((2, 2)), [1, 0]]),
        DataError,
        "1/0: expected an array of 0 and 1, got int",
    ),
    "an array above another": (
        lambda: Mask({"a": [[1]], "a/b": [[1]]}),
        UsageError,
        "an array at 'a', got one there and others below it",
    ),
    "an array below another": (lambda: Mask({"a/b": [[1]], "a": [[1]]}), UsageError, "others below it"),
    "a file without a name": (
        lambda: Mask.full(NETWORK).save(""),
        UsageError,
        "path: expected the name of a file",
    ),
    "a file with a nought": (lambda: Mask.full(NETWORK).save("a\0b"), UsageError, "path: expected the name"),
    "no file": (lambda: Mask.load(3), UsageError, "path: expected the name of a file, got 3"),
    "no key": (lambda: Mask.random(NETWORK, 0.5, None), UsageError, "key: expected a key such as"),
    "a negative key": (lambda: Mask.random(NETWORK, 0.5, -1), UsageError, "key: expected a key"),
    "leaving out what is not there": (
        lambda: Mask.full(NETWORK, but="head"),
        UsageError,
        "but: 'head' covers none",
    ),
    "leaving out a number": (lambda: Mask.full(NETWORK, but=3), UsageError, "but: expected names of layers"),
    "leaving out all": (
        lambda: Mask.full(NETWORK, but="*"),
        UsageError,
        "expected an array of two or more axes",
    ),
    "no network": (lambda: Mask.full("mlp"), UsageError, "network: expected a network"),
    "nothing to prune": (
        lambda: Mask.full(plain(lambda key: {"a": jnp.ones(3)}, lambda p, x: (x * p["a"])[:, :2])),
        UsageError,
        "an array of two or more axes to prune in 'own', got none",
    ),
}


@pytest.mark.parametrize(("call", "kind", "told"), BAD.values(), ids=BAD)
def test_what_is_no_mask_is_refused_in_a_sentence(call, kind, told):
    with pytest.raises(kind, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_mask_of_other_kinds_of_numbers_and_without_words_about_itself_is_read(tmp_path):
    for kind in (np.uint8, np.int64, np.float16, np.float32, np.float64, np.bool_):
        path = tmp_path / "mask"
        path.write_bytes(safetensors.numpy.save({"w": np.eye(3).astype(kind)}))
        assert Mask.load(path) == Mask({"w": np.eye(3)})
    assert Mask({"gain": np.array(1.0)}).total == 1


@pytest.mark.slow
def test_what_is_drawn_is_what_was_always_drawn():
    from overparam.pruning import transfer
    from overparam.pruning.tickets import _drawn

    def digest(mask):
        found = hashlib.sha256()
        for path, one in sorted(mask):
            found.update(path.encode())
            found.update(np.asarray(one).tobytes())
        return found.hexdigest()[:16]

    network = mlp(10, (20,), 5)
    mask = Mask.random(network, {"hidden1": 0.1, "output": 0.33}, (3, 1))
    assert digest(mask) == "d164130fcc11f82d"
    assert digest(_drawn(mask, Mask.random(network, 0.6, 1), (7, 2))) == "ef05b1496ab8386c"
    params = jax.device_get(network.init(jax.random.key(0)))
    assert digest(transfer(mask, params, mlp(10, (20,), 7), 5).mask) == "8c5c78d2ac2fb216"
