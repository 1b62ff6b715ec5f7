"""The study on bias and variance: its estimator against listed worlds and ridge regression, and what it refuses."""

import itertools

import numpy as np
import pytest

from overparam.core.errors import DataError, UsageError
from overparam.data import load
from overparam.studies import bias_variance_work as work
from overparam.studies.bias_variance import STUDY

SMALL = {"n": 20, "sets": 3, "starts": 2, "features": (4, 40), "widths": (2,), "depths": (2,), "steps": 3, "batch": 10,
         "deep_width": 4, "noise": 0.2}  # fmt: skip


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | {"seed": 1000} | change


def test_the_parts_have_the_true_ones_as_their_mean_over_every_draw():
    """Training sets a or b, starts + or -: all draws of 2 sets of 2 starts are listed, and weighted alike."""
    means, shift, target = {"a": 1.0, "b": 3.0}, {"+": 0.5, "-": -0.5}, np.array([[0.5]])
    found = []
    for sets in itertools.product("ab", repeat=2):
        for starts in itertools.product("+-", repeat=4):
            fits = [[means[one] + shift[starts[2 * k + s]] for s in range(2)] for k, one in enumerate(sets)]
            found.append(work.decompose(np.reshape(fits, (2, 2, 1, 1)), target))
    mean = {name: np.mean([one[name] for one in found]) for name in found[0]}
    assert mean["bias"] == pytest.approx((2 - 0.5) ** 2)
    assert mean["variance_data"] == pytest.approx(1.0)
    assert mean["variance_seed"] == pytest.approx(0.25)
    assert mean["variance"] == pytest.approx(1.25)
    assert mean["risk"] == pytest.approx(2.25 + 1.25)


def test_the_parts_of_ridge_regression_are_those_of_the_closed_form():
    rng = np.random.default_rng(0)
    x, tests, theta, noise = (
        rng.standard_normal((15, 4)),
        rng.standard_normal((6, 4)),
        np.array([1.0, -1, 0.5, 2]),
        0.7,
    )
    onto = tests @ np.linalg.solve(x.T @ x + 5 * np.eye(4), x.T)  # predictions from the labels
    bias = np.square(onto @ x @ theta - tests @ theta).sum() / 6
    variance = noise**2 * np.square(onto).sum() / 6
    labels = x @ theta + noise * rng.standard_normal((4000, 15))
    found = work.decompose((labels @ onto.T)[:, None, :, None], (tests @ theta)[:, None])
    # relative errors: of a variance about sqrt(2/4000); of the bias 2 sqrt(variance/4000)/sqrt(bias)
    assert found["variance"] == pytest.approx(variance, rel=5 * (2 / 4000) ** 0.5)
    assert found["bias"] == pytest.approx(bias, abs=5 * 2 * (bias * variance * 6 / 4000) ** 0.5)


def test_one_hot_predictions_give_twice_the_zero_one_error():
    rng = np.random.default_rng(1)
    picks, labels = rng.integers(0, 3, (4, 2, 7)), rng.integers(0, 3, 7)
    found = work.decompose(np.eye(3)[picks], work.expected(labels, 3, 0.0))
    assert found["risk"] / 2 == pytest.approx(np.mean(picks != labels))
    assert found["risk"] == pytest.approx(found["bias"] + found["variance"])
    one_start = work.decompose(np.eye(3)[picks[:, :1]], work.expected(labels, 3, 0.0))
    assert one_start["variance_seed"] == 0


def test_the_noise_is_the_variance_of_the_labels_that_are_drawn():
    target = work.expected(np.arange(3).repeat(2000), 3, 0.3)
    labels = work.drawn(target, 1000, 0)
    assert set(labels.sum(axis=1)) == {1.0}
    share = np.mean(labels.argmax(axis=1) == np.arange(3).repeat(2000))
    assert share == pytest.approx(0.8, abs=5 * (0.16 / 6000) ** 0.5)
    assert work.noise_of(target) == pytest.approx(1 - (0.64 + 2 * 0.01))


def test_training_sets_have_no_row_in_common_and_noise_of_the_asked_share():
    data = load("digits")
    rows, labels = work.split(data, 4, 200, 0.5, 1000)
    assert len(set(np.concatenate(rows))) == 800
    wrong = np.mean(np.concatenate(labels) != data.y[np.concatenate(rows)])
    assert wrong == pytest.approx(0.45, abs=5 * (0.45 * 0.55 / 800) ** 0.5)
    with pytest.raises(DataError, match="--n, --sets: expected at most"):
        work.split(data, 20, 200, 0.0, 1000)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["features", "width", "depth"])
def test_a_cell_gives_lines_over_its_sizes(family):
    found = work.solve(cell(family=family), lambda _: None)
    assert set(found) <= set(STUDY.values)
    assert {len(line) for line in found.values()} == {len(found["size"])}
    for end in ("", "_01"):
        parts = np.array(found["bias" + end]) + found["variance" + end]
        np.testing.assert_allclose(parts, found["risk" + end], rtol=1e-9)
    np.testing.assert_allclose(found["total"], np.array(found["risk"]) + found["noise"], rtol=1e-12)
    if family == "features":
        assert found["train_loss"][1] < 1e-12 < found["train_loss"][0]  # 40 features of 20 samples


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"n": 9}, "--n: expected at least one sample for each of the 10 classes"),
        ({"n": 601, "sets": 2}, "--n, --sets: expected at most the 1,200 training samples of digits"),
        ({"noise": 1.0}, "--noise: expected a share below 1"),
    ],
)
def test_what_cannot_be_parted_is_refused_before_any_fit(asked, text):
    with pytest.raises(UsageError, match=text):
        STUDY.estimate(cell(**asked))
