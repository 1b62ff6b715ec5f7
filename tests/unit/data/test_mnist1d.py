"""The generator against the published package, its invariances, and its settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from overparam import data
from overparam.core.errors import UsageError
from overparam.data.mnist1d import Mnist1d, generate


def published(settings: Mnist1d):
    """Return the published package's data for the settings, global random state put back."""
    package = pytest.importorskip("mnist1d.data", reason="the published generator is not installed")
    args = package.get_dataset_args()
    for key in Mnist1d.__dataclass_fields__:
        assert hasattr(args, key)
        setattr(args, key, getattr(settings, key))
    state = np.random.get_state()  # noqa: NPY002
    try:
        return package.make_dataset(args)
    finally:
        np.random.set_state(state)  # noqa: NPY002


def assert_same(settings: Mnist1d):
    ours, theirs = generate(settings), published(settings)
    for key in ("x", "y", "x_test", "y_test"):
        np.testing.assert_array_equal(ours[key], theirs[key])


@pytest.mark.parametrize(
    "change",
    [
        {"num_samples": 200},
        {"num_samples": 57, "train_split": 0.5, "seed": 7},
        {"num_samples": 40, "shuffle_seq": True},
        {"num_samples": 60, "padding": (10, 21), "final_seq_length": 25, "max_translation": 20},
        {
            "num_samples": 60,
            "scale_coeff": 1.0,
            "corr_noise_scale": 0.5,
            "iid_noise_scale": 0.0,
            "shear_scale": 0.0,
        },
    ],
)
def test_bit_equal_to_the_published_generator(change):
    assert_same(replace(Mnist1d(), **change))


@pytest.mark.slow
def test_bit_equal_at_the_settings_of_the_double_descent_study():
    assert_same(Mnist1d(num_samples=16_000, train_split=0.25))


@pytest.mark.slow
def test_bit_equal_at_the_published_defaults():
    package = pytest.importorskip("mnist1d.data", reason="the published generator is not installed")
    defaults = package.get_dataset_args(as_dict=True)
    ours = Mnist1d()
    shared = {key: defaults[key] for key in Mnist1d.__dataclass_fields__}
    assert {**shared, "padding": tuple(shared["padding"])} == {key: getattr(ours, key) for key in shared}
    assert_same(ours)


def test_named_sets_have_the_stated_sizes():
    for name, n, n_test in (("mnist1d", 4_000, 12_000), ("mnist1d-5k", 4_000, 1_000)):
        made = data.load(name)
        assert (made.n, made.n_test, made.shape, made.classes) == (n, n_test, (40,), 10)
        both = np.concatenate([made.x, made.x_test])
        assert both.mean() == pytest.approx(0, abs=1e-4)
        assert both.std() == pytest.approx(1, abs=1e-4)
        assert np.bincount(np.concatenate([made.y, made.y_test])).tolist() == [(n + n_test) // 10] * 10
        assert "2011.14439" in made.notes


def test_values_are_frozen():
    parts = generate(Mnist1d(num_samples=50))
    np.testing.assert_allclose(
        parts["x"][0, ::8], [0.04023, -0.180392, -0.733248, 0.730991, 1.037032], atol=1e-6
    )
    np.testing.assert_allclose(
        parts["x_test"][-1, ::8], [-0.511803, -0.813366, -0.485903, -0.482823, -0.066181], atol=1e-6
    )
    assert parts["y_test"].tolist() == [7, 9, 5, 3, 1, 9, 3, 7, 0, 8]


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    generate(Mnist1d(num_samples=20))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_without_noise_shift_or_slope_a_class_is_one_shape():
    calm = Mnist1d(
        num_samples=100,
        padding=(36, 36),
        max_translation=1,
        corr_noise_scale=0,
        iid_noise_scale=0,
        shear_scale=0,
    )
    parts = generate(calm)
    centre = parts["x"] - parts["x"][:, -1:]  # the end of a signal is padding: zero before standardising
    for digit in range(10):
        rows = centre[parts["y"] == digit]
        amplitude = np.linalg.norm(rows, axis=1)
        np.testing.assert_allclose(
            rows / amplitude[:, None], np.tile(rows[0] / amplitude[0], (len(rows), 1)), atol=1e-6
        )
        assert amplitude.max() / amplitude.min() <= 1.2 / 0.8 + 1e-9


@pytest.mark.parametrize("change", [{"num_samples": 9}, {"train_split": 0.0}, {"train_split": 1.0}])
def test_empty_part(change):
    with pytest.raises(
        UsageError, match="expected at least 10 samples and a train_split that leaves rows in both"
    ):
        generate(replace(Mnist1d(), **change))


def test_bad_seed():
    with pytest.raises(UsageError, match="seed: expected a whole number"):
        generate(Mnist1d(num_samples=20, seed=-1))
