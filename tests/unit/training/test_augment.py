"""Augmentations: where every pixel comes from, how often, and what decides it."""

import itertools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.models import linear
from overparam.training import Member, Recipe, fingerprint, train
from overparam.training.augment import centre_crop, crop_and_flip
from overparam.training.loop import step_key

SHAPE = (3, 2, 2)
ROWS = np.arange(1.0, 13.0, dtype=np.float32)[None]


def variants(row, shape, padding, fill):
    """Every image that a crop and a flip can give, by brute force, flips behind."""
    height, width, channels = shape
    image = row.reshape(shape)
    padded = np.empty((height + 2 * padding, width + 2 * padding, channels), np.float32)
    padded[:] = fill
    padded[padding : padding + height, padding : padding + width] = image
    places = itertools.product(range(2 * padding + 1), repeat=2)
    cuts = [padded[i : i + height, j : j + width] for i, j in places]
    return [cut.reshape(-1) for cut in cuts] + [cut[:, ::-1].reshape(-1) for cut in cuts]


@pytest.mark.parametrize(("padding", "flip", "fill"), [(2, False, -7.0), (1, True, (-1.0, -2.0))])
def test_every_image_is_a_crop_or_its_mirror_and_all_of_them_come(padding, flip, fill):
    many = 600
    augment = jax.jit(crop_and_flip(SHAPE, padding, flip=flip, fill=fill))
    moved = np.asarray(augment(jax.random.key(1), np.tile(ROWS, (many, 1))))
    known = variants(ROWS[0], SHAPE, padding, fill)
    known = known if flip else known[: len(known) // 2]
    counts = [int((moved == one).all(axis=1).sum()) for one in known]
    distinct = {one.tobytes() for one in known}
    assert {one.tobytes() for one in moved} <= distinct
    if len(distinct) == len(known):  # else some crops are equal, all padding
        assert sum(counts) == many
        expected = many / len(known)
        assert all(abs(count - expected) < 5 * np.sqrt(expected) for count in counts)


def test_half_of_the_images_are_flipped():
    """4,000 fair draws: within 5 standard deviations, which is missed once in two million."""
    augment = jax.jit(crop_and_flip((1, 2), 0))
    moved = np.asarray(augment(jax.random.key(5), np.tile(np.array([[0.0, 1.0]], np.float32), (4000, 1))))
    flipped = float((moved[:, 0] == 1.0).sum())
    assert abs(flipped - 2000) < 5 * np.sqrt(1000)


def test_the_key_alone_decides_and_a_stack_does_not():
    augment = crop_and_flip((8, 8, 3))
    x = np.random.default_rng(0).normal(size=(5, 192)).astype(np.float32)
    compiled = jax.jit(augment)
    first, again, other = (np.asarray(compiled(jax.random.key(k), x)) for k in (0, 0, 1))
    assert (first == again).all()
    assert not (first == other).all()
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    keys = jnp.stack([jax.random.key(1), jax.random.key(0)])
    stacked = np.asarray(jax.jit(jax.vmap(augment))(keys, np.stack([x, x])))
    assert (stacked[1] == first).all()


def test_channels_move_together():
    x = np.random.default_rng(0).normal(size=(4, 25, 1)).astype(np.float32).repeat(3, axis=2).reshape(4, 75)
    moved = np.asarray(jax.jit(crop_and_flip((5, 5, 3), 2))(jax.random.key(0), x)).reshape(4, 25, 3)
    assert (moved[..., 0] == moved[..., 1]).all()
    assert (moved[..., 0] == moved[..., 2]).all()


def test_a_shift_and_a_centre_crop_are_a_random_crop():
    """A 3 by 3 window in 5 by 5 pixels: all nine places, and never a padded pixel."""
    x = np.tile(np.arange(1.0, 26.0, dtype=np.float32)[None], (300, 1))
    shift, cut_out = crop_and_flip((5, 5), 1, flip=False), centre_crop((5, 5), 3, 3)
    cut = np.asarray(jax.jit(lambda key: cut_out(shift(key, x)))(jax.random.key(0))).reshape(300, 3, 3)
    image = np.arange(1.0, 26.0).reshape(5, 5)
    places = {image[i : i + 3, j : j + 3].tobytes() for i in range(3) for j in range(3)}
    assert {one.astype(np.float64).tobytes() for one in cut} == places


def test_equal_arguments_give_equal_functions_and_others_another_fingerprint():
    own = [
        crop_and_flip((2, 2, 3), p, flip=f, fill=v)
        for p, f, v in ((1, True, 0.0), (2, True, 0.0), (1, False, 0.0), (1, True, 1.0))
    ]
    assert len({fingerprint(Recipe(3, 0.1, augment=one)) for one in own}) == 4
    assert crop_and_flip([2, 2, 3], 1, fill=(0, 0, 0)) == own[0] == pickle.loads(pickle.dumps(own[0]))


@pytest.mark.slow
def test_it_trains():
    """A step on a mirrored image: the gradient of the first step is that of the image as the key leaves it."""
    x, y = np.eye(2, 12, dtype=np.float32), np.zeros(2)
    recipe = Recipe(1, 1.0, optimizer="gd", loss="squared", augment=crop_and_flip((2, 2, 3), 1), probes=2)
    (run,) = train(
        linear(12, 1, bias=False, init="zeros"), recipe, [Member(3, y + 1.0)], x, x, y, keep_params=True
    )
    key = jax.random.split(step_key(3, 0))[1]
    seen = recipe.augment(key, jnp.asarray(x))
    np.testing.assert_allclose(run.params["output"]["weight"], seen.mean(axis=0)[None], atol=1e-6)


def test_images_of_another_size_are_refused_before_training():
    x = np.random.default_rng(0).normal(size=(8, 12)).astype(np.float32)
    recipe = Recipe(3, 0.1, batch=4, augment=crop_and_flip((4, 4)))
    with pytest.raises(UsageError, match="expected rows of 16 numbers, images of 4 by 4 pixels"):
        train(linear(12, 2), recipe, [Member(0, np.arange(8) % 2)], x, x, np.arange(8) % 2)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: crop_and_flip((4,)), "shape: expected .height, width."),
        (lambda: crop_and_flip(16), "shape: expected .height, width."),
        (lambda: crop_and_flip("44"), "shape: expected .height, width."),
        (lambda: crop_and_flip((4, 4, 3, 1)), "shape: expected .height, width."),
        (lambda: crop_and_flip((4, 0)), "shape: expected a whole number of at least 1, got 0"),
        (lambda: crop_and_flip((4, 4.5)), "shape: expected a whole number"),
        (lambda: crop_and_flip((4, 4), -1), "padding: expected a whole number of at least 0"),
        (
            lambda: crop_and_flip((2, 4), 5),
            "padding: expected at most the 4 pixels of the image's longer side, got 5",
        ),
        (lambda: crop_and_flip((4, 4), 10**9), "padding: expected at most the 4 pixels"),
        (lambda: crop_and_flip(b"44"), "shape: expected .height, width."),
        (lambda: crop_and_flip((4, 4), 1.5), "padding: expected a whole number"),
        (lambda: crop_and_flip((4, 4), flip="no"), "flip: expected True or False, got 'no'"),
        (lambda: crop_and_flip((4, 4), flip=1), "flip: expected True or False, got 1"),
        (lambda: crop_and_flip((4, 4, 3), fill=(0.0, 1.0)), "fill: expected one number, or one for each of 3"),
        (lambda: crop_and_flip((4, 4), fill=np.nan), "fill: expected finite numbers, got nan"),
        (lambda: crop_and_flip((4, 4), fill="0"), "fill: expected a number, or one a channel"),
        (lambda: crop_and_flip((4, 4), fill=None), "fill: expected a number, or one a channel"),
        (lambda: centre_crop((4, 4), 5, 4), "centre_crop: expected at most 4 by 4 pixels, got 5 by 4"),
        (lambda: centre_crop((4, 4), 0, 4), "height: expected a whole number of at least 1"),
        (lambda: centre_crop((4, 4), 2, 2)(np.zeros((3, 15))), "x: expected rows of 16 numbers"),
        (lambda: centre_crop((4, 4), 2, 2)(np.zeros(16)), "x: expected rows of 16 numbers"),
    ],
)
def test_what_is_odd_is_named(make, text):
    with pytest.raises(UsageError, match=f"^{text}"):
        make()
