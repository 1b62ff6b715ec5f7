"""The study on ticket-transfer: where tickets come from, what of them moves, one tiny cell, and options that do not fit."""

import jax
import numpy as np
import pytest

from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.data import Dataset
from overparam.pruning import Mask, Round
from overparam.pruning.held import Held
from overparam.pruning.iterative import pruned
from overparam.pruning.rounds import Line
from overparam.studies import ticket_transfer_work as work
from overparam.studies.ticket_transfer import SHUFFLED, SOURCES, STUDY, estimate, identity
from overparam.training import Checkpoint
from overparam.training.member import Trained

SIGNALS = {"data": "mnist1d-5k", "other": "mnist1d"}
TINY = {"n": 200, "network": "lenet", "density": (0.5, 0.2), "steps": 4, "batch": 20, "seed": 1000}


def cell(**change):
    return {axis.name: axis.default for axis in STUDY.axes} | TINY | change


def blobs(n=60, shape=(6,), classes=4, name="blobs"):
    random = np.random.default_rng(0)
    x = random.uniform(size=(n, *shape)).astype(np.float32)
    y = (np.arange(n) % classes).astype(np.int32)
    return Dataset(name, name, x, y, x[:8], y[:8], classes, "f" * 16)


def test_halves_are_disjoint_and_have_as_many_of_every_class():
    y = np.array([0] * 7 + [1] * 10 + [2] * 3)
    a, b = work.halves(y, 5)
    assert not set(a) & set(b)
    assert np.bincount(y[a]).tolist() == np.bincount(y[b]).tolist() == [3, 5, 1]
    again, other = work.halves(y, 5)[0], work.halves(y, 6)[0]
    assert (a == again).all()
    assert set(a) != set(other)


def test_every_source_has_the_rows_that_it_says():
    data = blobs(n=80)
    target = work.target_of(data, 3)
    found = work.sources_of(cell(share=0.25), data, 3)
    first, second = work.halves(data.y, 3)
    flat = data.x
    rows = {name: {row.tobytes() for row in one.x} for name, one in found.items()}
    assert all(len(one.x) == len(target.x) == 40 for one in found.values())
    assert rows["half"] == {row.tobytes() for row in flat[first]}
    assert rows["optimizer"] == {row.tobytes() for row in flat[second]} == {row.tobytes() for row in target.x}
    assert len(rows["few"]) == len(rows["classes"]) == 10
    assert rows["few"] < rows["half"]
    assert rows["classes"] < rows["half"]
    assert found["classes"].classes == 2
    assert set(found["classes"].y) == {0, 1}
    assert len(target.x_test) == data.n_test


def test_labels_stay_with_their_rows():
    data = blobs(n=80)
    known = {row.tobytes(): label for row, label in zip(data.x, data.y, strict=True)}
    for one in (work.target_of(data, 1), *work.sources_of(cell(), data, 1).values()):
        assert [known[row.tobytes()] for row in one.x] == one.y.tolist()


@pytest.mark.parametrize(
    ("x", "shape", "means"),
    [
        (np.arange(6.0).reshape(1, 6), (3,), [0.5, 2.5, 4.5]),
        (np.arange(2.0).reshape(1, 2), (4,), [0, 0, 1, 1]),
        (np.arange(16.0).reshape(1, 4, 4), (2, 2), [2.5, 4.5, 10.5, 12.5]),
        (np.arange(4.0).reshape(1, 2, 2), (2, 2), [0, 1, 2, 3]),
        (np.tile([0.0, 3.0, 6.0], (1, 2, 2, 1)), (1, 1), [3.0]),
        (np.ones((1, 2, 2)), (2, 2, 3), [1.0] * 12),
    ],
)
def test_inputs_of_another_shape_are_means_over_areas(x, shape, means):
    found = work.like(x.astype(np.float32), shape, "one")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [means], rtol=1e-6)


@pytest.mark.parametrize(("old", "new"), [(28, 8), (8, 28), (32, 28), (5, 5), (7, 3)])
def test_areas_share_out_every_pixel(old, new):
    weights = work.area(old, new)
    assert weights.shape == (new, old)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(weights.sum(axis=0), new / old, rtol=1e-5)


@pytest.mark.parametrize(("x", "shape"), [(np.ones((2, 6)), (2, 3)), (np.ones((2, 4, 4)), (16,))])
def test_signals_are_no_images(x, shape):
    with pytest.raises(UsageError, match="one: expected (images|signals)"):
        work.like(x, shape, "one")


def test_names_of_the_study_and_of_its_work_agree():
    assert SHUFFLED == work.SHUFFLED
    assert {f"{name}_accuracy" for name in work.names_of(SOURCES)} < set(STUDY.values)


def test_the_optimizers_differ_in_their_own_rates_alone():
    adam, sgd = work.recipe_of(cell(), "adam"), work.recipe_of(cell(), "sgd")
    assert (adam.optimizer, adam.learning_rate, adam.momentum) == ("adam", 1.2e-3, 0.0)
    assert (sgd.optimizer, sgd.learning_rate, sgd.momentum) == ("sgd", 0.1, 0.9)
    assert (adam.batch, adam.steps, adam.times) == (sgd.batch, sgd.steps, sgd.times)


def test_other_data_enter_the_key_by_their_content(monkeypatch):
    assert identity(cell()) == {}
    assert set(identity(cell(other="digits"))) == {"other"}
    assert identity(cell(other="digits")) != identity(cell(other="mnist1d"))

    def missing(name):
        raise DataError(name)

    monkeypatch.setattr("overparam.data.fingerprint", missing)
    assert identity(cell(further="digits")) == {"further": "not here"}


def test_cost_grows_with_sources_and_densities():
    plain = estimate(cell()).seconds
    assert estimate(cell(sources=("half",))).seconds < plain
    assert estimate(cell(density=(0.5, 0.4, 0.3, 0.2))).seconds > plain
    assert estimate(cell(sources=tuple(SOURCES))).seconds == plain  # no other data set is named
    assert estimate(cell(sources=tuple(SOURCES), other="mnist1d")).seconds > plain
    assert estimate(cell(network="resnet18")).seconds > estimate(cell(network="conv2")).seconds


@pytest.fixture
def faked(monkeypatch):
    """Work whose trainings end where they begin; what was to be trained is written down."""
    seen = {"recipes": [], "members": []}

    def ended(network, seed, params, error=0.25):
        values = {"test_error": np.array([0.5, error])}
        return Trained(seed, np.array([0, 1]), values, None, None, Checkpoint(params))

    def first(network, recipe, data, seeds, *, rewind=0):
        seen["recipes"].append(recipe.optimizer)
        params = jax.device_get(network.init(jax.random.key(seeds[0])))
        full = Mask.full(network)
        return Round(
            0, (Line(seeds[0], "dense", Held(full, None, params), params, ended(network, seeds[0], params)),)
        )

    def following(network, recipe, data, before, arms, *, rewind=0):
        (line,), (arm,) = before.lines, arms
        held = pruned(network, line, arm, before.number + 1, data, recipe)
        return Round(
            before.number + 1,
            (Line(line.seed, arm.name, held, line.point, ended(network, line.seed, line.run.params)),),
        )

    def train(network, recipe, members, x, x_test, y_test, *, probes, start):
        seen["members"] += list(zip(members, start, strict=True))
        return [
            ended(network, m.seed, s.params, 1 - Mask(m.mask).density)
            for m, s in zip(members, start, strict=True)
        ]

    for name, one in (("first_round", first), ("next_round", following), ("train", train)):
        monkeypatch.setattr(work, name, one)
    return seen


@pytest.mark.slow
def test_what_is_trained_on_the_target(faked):
    sources = ("half", "classes", "other", "optimizer")
    (found,) = work.run([cell(**SIGNALS, sources=sources, rewind=1, density=(0.3,))], lambda _: None)
    assert faked["recipes"] == ["adam", "adam", "adam", "adam", "sgd"]
    by_step = {k: [m for m in faked["members"] if m[1].step == k] for k in (0, 1)}
    assert len(by_step[0]) == len(work.RANDOM) + 1  # random tickets, and fresh weights under a ticket's mask
    assert len(by_step[1]) == 2 * 3 + 1  # tickets and their shuffled masks; that of half of the classes alone
    densities = [Mask(member.mask).densities for member, _ in faked["members"]]
    for one in densities:
        assert one == pytest.approx(
            densities[0], abs=5e-3
        )  # an output layer of another size keeps a whole number of weights
    weights = [np.asarray(start.params["hidden1"]["weight"]) for _, start in by_step[0]]
    assert len({one.tobytes() for one in weights}) == len(weights)
    assert found.values["redrawn"] == ["classes"]
    assert set(found.values) <= set(STUDY.values)
    shares = [
        found.values[f"{name}_accuracy"][0] for name in (*sources, "random", "half_shuffled", "half_fresh")
    ]
    assert shares == pytest.approx([found.values["kept"][0]] * len(shares), abs=5e-3)


def test_layers_together_keep_the_density_of_the_whole(faked):
    (found,) = work.run([cell(sources=("half",), scope="global")], lambda _: None)
    assert found.values["kept"] == pytest.approx([0.5, 0.2], abs=1e-3)
    assert found.values["redrawn"] == []


@pytest.mark.slow
def test_a_cell_is_trained():
    told = []
    (found,) = STUDY.work([cell(**SIGNALS, sources=("classes",), density=(0.3,))], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert found.status == "ok"
    for name in ("own", "dense", "random", "again", "classes"):
        (value,) = found.values[f"{name}_accuracy"]
        assert 0 < value < 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"density": (0.2, 0.5)}, "densities"),
        ({"rewind": 4}, "rewind"),
        ({"batch": 2000}, "batch"),
        ({"n": 5000}, "training rows"),
        ({"other": "mnist1d", "sources": ("other",)}, "other 'mnist1d': expected images"),
        ({"other": "digits", "sources": ("other",)}, "other: expected another data set"),
        ({"further": "digits", "sources": ("further",)}, "further: expected another data set"),
        ({"other": "nowhere", "sources": ("other",)}, "nowhere"),
        ({"data": "gaussian:n=40,d=4", "n": 40, "batch": 5}, "at least 4 classes"),
        (
            {"data": "gaussian:n=40,d=4", "n": 40, "batch": 5, "network": "conv2", "sources": ("half",)},
            "conv2|image",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(change, named):
    with pytest.raises(OverparamError, match=named):
        STUDY.work([cell(**change)], lambda _: None)
