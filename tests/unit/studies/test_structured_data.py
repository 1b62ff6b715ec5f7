"""The study on structured data: its network, data, kernel, ranks, samples needed, and what it refuses."""

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.studies import structured_data_work as work
from overparam.studies.structured_data import REACHED, STUDY, TIGHT, over_a_third, over_twice


class View:
    """The cells that a need reads."""

    def __init__(self, rows):
        self._rows = rows

    def rows(self):
        return self._rows


SMALL = {
    "data": "components:d=6,classes=2,spread=1,n_test=20",
    "n": 8,
    "width": 16,
    "steps": 5,
    "batch": 4,
    "probe_times": 3,
}
RNG = np.random.default_rng(0)


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | SMALL | {"seed": 1000} | change


@pytest.mark.slow
def test_a_run_gives_every_value_and_both_rates_agree_at_16_units():
    plain, constant, noisy = work.run(
        [cell(), cell(training="constant-rate"), cell(training="random-labels")], lambda _: None
    )
    assert set(plain.values) <= set(STUDY.values)
    assert plain.values["moved"] == constant.values["moved"] > 0
    assert noisy.values["moved"] != plain.values["moved"]
    assert "need" in plain.values
    assert "need" not in constant.values
    assert "need_far" not in plain.values
    assert plain.values["moved_by_step"][0] == plain.values["flips_by_step"][0] == 0
    assert plain.values["gradient_low"] > -1e-10
    assert plain.values["gradient_high"] > -1e-10


@pytest.mark.slow
def test_the_network_is_the_sum_over_units_and_its_outer_weights_stay():
    net = work.li_liang(3, 5, 2)
    params = net.init(jax.random.key(0))
    w, a = (np.asarray(params[k]["weight"]) for k in ("hidden1", "output"))
    x = RNG.standard_normal((4, 3)).astype(np.float32)
    by_hand = [[sum(a[i, r] * max(0.0, w[r] @ row) for r in range(5)) for i in range(2)] for row in x]
    np.testing.assert_allclose(net.apply(params, x), by_hand, rtol=1e-5, atol=1e-6)
    assert net.state == ("output",)
    wide = work.li_liang(50, 400, 2).init(jax.random.key(1))["hidden1"]["weight"]
    assert float(np.std(wide)) == pytest.approx(1 / 20, rel=0.05)  # 20,000 entries: one standard error is 0.5 %


def test_the_kernel_is_that_of_the_jacobian():
    w, a, x = RNG.standard_normal((5, 3)), RNG.standard_normal((2, 5)), RNG.standard_normal((4, 3))
    rows = [
        [(a[i, r] * (w[r] @ row > 0) * row[j]) for r in range(5) for j in range(3)]
        for row in x
        for i in range(2)
    ]
    np.testing.assert_allclose(work.kernel(w, a, x), np.array(rows) @ np.array(rows).T, atol=1e-12)


def test_the_gradient_is_that_of_the_loss_by_differences():
    first, last, a, x = (RNG.standard_normal(s) for s in ((6, 3), (6, 3), (2, 6), (5, 3)))
    y = np.array([0, 1, 0, 1, 1])
    found = work.gradients(first, last, a, x, y)

    def logits(w):
        return np.maximum(x @ w.T, 0) @ a.T

    def loss(w):
        f = logits(w)
        return float(np.mean(np.log(np.exp(f).sum(axis=1)) - f[np.arange(5), y]))

    slope = np.zeros_like(last)
    for at in np.ndindex(*last.shape):
        step = np.zeros_like(last)
        step[at] = 1e-6
        slope[at] = (loss(last + step) - loss(last - step)) / 2e-6
    chance = np.exp(logits(last)) / np.exp(logits(last)).sum(axis=1, keepdims=True)
    size = np.square(slope).sum() * 25 / np.square(chance - np.eye(2)[y]).sum()
    values = np.linalg.eigvalsh(work.kernel(last, a, x))
    assert found["gradient_low"] == pytest.approx((size - values[0]) / values[-1], abs=1e-6)
    assert found["gradient_high"] == pytest.approx((values[-1] - size) / values[-1], abs=1e-6)


def test_ranks_of_planted_spectra():
    left, right = np.linalg.qr(RNG.standard_normal((8, 8)))[0], np.linalg.qr(RNG.standard_normal((5, 5)))[0]
    start = np.zeros((8, 5))
    update = left[:, :5] @ np.diag([3.0, 3.0, 0.1, 0, 0]) @ right
    found = work.spectra(start + left[:, :5] @ right, left[:, :5] @ right + update)
    assert (found["rank_start"], found["rank_update"]) == (5, 2)
    assert found["stable_update"] == pytest.approx(2 + 0.01 / 9)
    assert found["moved_spectral"] == pytest.approx(3)
    assert work.directions([0.0, 0.0]) == 0


def test_tight_components_meet_the_assumption_and_loose_ones_do_not():
    assert work.geometry(TIGHT, 40, 1000)["structured"] == 1
    loose = work.geometry("components:d=80,spread=1", 40, 1000)
    assert loose["structured"] == 0
    assert loose["diameter_ratio"] > loose["allowed_ratio"]
    digits = work.geometry("digits", 60, 1000)
    assert digits["structured"] == 0
    assert digits["parts_needed"] > 100  # all 1,200 training rows are compared, not 60 of them
    clustered = work.geometry("clusters:n=60,d=20,clusters=6,classes=3,radius=0.005", 30, 1000)
    assert (clustered["structured"], clustered["allowed_ratio"]) == (1, 1 / 16)  # two clusters a class


@pytest.mark.slow
def test_samples_needed_are_the_least_where_the_task_is_easy_and_beyond_all_where_it_is_none():
    common = {"width": 64, "steps": 60, "batch": 8}
    easy = cell(data="components:d=30,classes=2,parts=1,within=0.01,n_test=20", **common)
    none = cell(data="components:d=4,classes=2,parts=2,spread=0,n_test=60", **common)
    assert work.needs([easy], {}, lambda _: None) == [2.0]
    assert work.needs([none], {}, lambda _: None) == [2.0 * 4 * work.TIMES[-1]]


def test_what_a_number_has_beyond_a_multiple():
    assert over_twice(np.array([5.0]), np.array([2.0])).tolist() == [1.0]
    assert over_a_third(np.array([1.0]), np.array([3.0])).tolist() == [0.0]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"data": "components:d=6,classes=4", "n": 7},
            "--n: expected at least one sample for each of the 8 components of",
        ),
        (
            {"data": "digits", "n": 10_000},
            "--n: expected at most the 1,200 training samples of digits, got 10,000",
        ),
        (
            {"data": "digits", "n": 9},
            "--n: expected at least one sample for each of the 10 classes of digits, got 9",
        ),
        ({"batch": 9}, "--batch: expected at most the 8 training samples, got 9"),
        ({"data": "components:n=50,seed=3"}, "--data: expected components without n and seed"),
        ({"data": "component:d=6"}, "components"),
        (
            {"data": "clusters:radius=2", "n": 20},
            "clusters: expected centres farther apart than the diameter of a cluster",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(change, text):
    with pytest.raises(OverparamError, match=text):
        STUDY.estimate(cell(**change))


def test_the_work_itself_refuses_too_few_or_too_many_samples():
    with pytest.raises(UsageError, match="at least one training row each"):
        work.sample("components:d=6,classes=4", 7, 1000)
    with pytest.raises(DataError, match="--n: expected at most"):
        work.sample("digits", 10_000, 1000)
    with pytest.raises(DataError, match="for each of the 10 classes"):
        work.sample("digits", 9, 1000)


def test_a_need_that_no_number_of_samples_meets_is_not_compared():
    rows = [
        ({"width": width}, {"need": need, "need_none": 80.0})
        for width, need in ((16, 80.0), (64, 30.0), (256, 20.0))
    ]
    assert REACHED.check(View(rows)).ok
    found = REACHED.check(View([*rows, ({"width": 1024}, {"need": 80.0, "need_none": 80.0})]))
    assert not found.ok
    assert found.detail == "with 64 and 1,024 units a number of samples that was tried suffices 1 of 2 times"


@pytest.mark.slow
def test_data_sets_of_one_stack_are_each_as_alone():
    both = [cell(), cell(data="components:d=6,classes=2,spread=2,n_test=20"), cell(training="constant-rate")]
    found = work.run(both, lambda _: None)
    for one, made in zip(both, found, strict=True):
        (alone,) = work.run([one], lambda _: None)
        assert made.values["test_error"] == pytest.approx(
            alone.values["test_error"], abs=0.051
        )  # one of 20 samples
        assert made.values["moved"] == pytest.approx(alone.values["moved"], rel=1e-3)
    assert found[0].values["need_none"] == 2 * 4 * 4
