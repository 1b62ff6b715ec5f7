"""The checks that train: their rules on planted errors, the whole way on a small family, and what they ask for."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from overparam.models import mlp
from overparam.own.diagnosis import diagnose, retrained
from overparam.own.diagnosis.checks import random_labels, tickets, wider
from overparam.training import Recipe

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5)).astype(np.float32)
Y = np.argmax(X[:, :3] + 0.3 * X[:, 2:], axis=1)
TRAIN, TEST = (X[:50], Y[:50]), (X[50:], Y[50:])
RECIPE = Recipe(80, 0.03, optimizer="adam", batch=25, probes=2)


def errors(share, seeds=6, examples=2000, seed=0, same=None):
    """Errors in percent; with ``same``, those of another network changed at a share of the examples."""
    rng = np.random.default_rng(seed)
    if same is None:
        return 100.0 * (rng.random((seeds, examples)) < share)
    return np.where(rng.random(same.shape) < share, 100.0 - same, same)


def test_wider_says_yes_no_and_neither():
    narrow = errors(0.2)
    assert wider.judged(narrow, errors(0.1, seed=1))[0] == "yes"
    assert wider.judged(narrow, errors(0.001, seed=1, same=narrow))[0] == "no"
    few = errors(0.2, seeds=5, examples=100)
    assert wider.judged(few, errors(0.18, 5, 100, seed=1))[0] == "inconclusive"
    assert wider.judged(errors(0.1), errors(0.2, seed=1))[0] == "no"
    losses = np.abs(np.random.default_rng(0).normal(size=(6, 500))) + 1
    assert wider.judged(losses, 0.8 * losses, numbers=True)[0] == "yes"
    assert wider.judged(losses, 0.99 * losses, numbers=True)[0] == "no"


def test_a_change_of_half_a_point_is_hardly_ever_called_help():
    """At the cut-off itself at most 2.5 % say yes: of 200 draws 5, and 4 standard deviations above it 14."""
    said = 0
    for i in range(200):
        rng = np.random.default_rng(i)
        hard = 100.0 * (rng.random(300) < 0.1)  # examples that every training gets wrong
        noise = rng.normal(size=(2, 5, 1)) * 2
        narrow, wide = (np.clip(hard + rng.normal(size=(5, 300)) * 15 + one, -50, 150) for one in noise)
        said += wider.judged(narrow + 0.5, wide)[0] == "yes"
    assert said <= 14


def test_random_labels_are_fitted_or_not():
    assert random_labels.judged(100.0 - errors(0.01, 5))[0] == "yes"
    assert random_labels.judged(100.0 - errors(0.5, 5))[0] == "no"
    assert random_labels.judged(100.0 - errors(0.05, 5, 100))[0] == "inconclusive"
    status, mean, low, high = random_labels.judged(np.full((5, 20), 100.0))
    assert (status, mean, high) == ("inconclusive", 100.0, 100.0)  # 20 of 20 allow a share of 83 %
    assert low == pytest.approx(100 * 0.025 ** (1 / 20))


def test_a_ticket_is_as_good_as_the_whole_and_better_than_chance():
    dense = errors(0.1)
    ticket = errors(0.001, seed=1, same=dense)
    random = errors(0.2, seed=2)
    assert tickets.judged(dense, ticket, random)[0] == "yes"
    assert tickets.judged(dense, ticket, ticket)[0] != "yes"
    assert tickets.judged(dense, errors(0.2, seed=3), random)[0] == "no"
    assert tickets.judged(dense, errors(0.1, 6, 2000, 4), errors(0.05, seed=5))[0] == "no"


@pytest.fixture(scope="module")
def checkup():
    network = mlp(5, (6,), 3)
    params = network.init(jax.random.key(5))
    return diagnose(
        network, TRAIN, TEST, params=params, build=lambda width: mlp(5, (width,), 3), fit=RECIPE,
        only=["OP008", "OP009", "OP010"], budget=600,
    )  # fmt: skip


@pytest.mark.slow
def test_the_whole_way(checkup):
    assert [one.code for one in checkup.answers] == ["OP008", "OP009", "OP010"]
    for one in checkup.answers:
        assert one.status in ("yes", "no", "inconclusive")
        assert one.effect.low <= one.effect.value <= one.effect.high
        assert one.effect.n >= 5
        assert one.rule
        assert one.next.words
    assert "from width 6 to 12" in checkup["OP008"].effect.label
    assert [row[:2] for row in checkup["OP008"].tables[0].rows] == [(6, 57), (12, 111)]
    assert (
        "overparam.diagnose(model, train, test, params=params, build=build, fit=fit"
        in checkup["OP009"].next.call
    )
    assert all(one.seconds > 0 for one in checkup.plan)
    assert max(map(len, str(checkup).splitlines())) <= 80


def answers(**more):
    network = mlp(5, (6,), 3)
    given = {
        "params": network.init(jax.random.key(0)),
        "fit": RECIPE,
        "only": ["OP008", "OP009", "OP010"],
        **more,
    }
    test = given.pop("test", TEST)
    return diagnose(given.pop("model", network), given.pop("train", TRAIN), test, **given)


@pytest.mark.slow
def test_what_is_not_given_is_said():
    for one in answers().answers:
        assert one.status == "not applicable"
        assert "Give build=, a function from a width to an untrained model." in one.words
    found = answers(build=lambda width: mlp(5, (width,), 3), test=None, budget=1)
    assert "Give test=" in found["OP008"].words
    assert found["OP009"].status == "not run"
    assert "of the budget" in found["OP009"].words
    assert 'only="OP009", budget=' in found["OP009"].next.call


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda width: mlp(5, (width, 2), 3), "none. Give widths="),
        (lambda width: 1 / 0, "ZeroDivisionError"),
        (lambda width: None, "build: expected a model"),
        (lambda: None, "build"),
    ],
)
def test_a_family_of_another_kind_is_an_answer_not_a_crash(build, text):
    for one in answers(build=build).answers:
        assert one.status == "not run"
        assert text in one.words


def test_torch_asks_for_a_function():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")
    net = torch.nn.Linear(5, 3)
    found = answers(model=net, params=None, fit=None, build=lambda width: torch.nn.Linear(5, 3))
    for one in found.answers:
        assert one.status == "not applicable"
        assert "Give fit=" in one.words


def test_a_function_that_does_not_train_on_what_it_is_given_has_no_random_labels():
    torch = pytest.importorskip("torch", reason="PyTorch is an optional extra")

    def make(width):
        return torch.nn.Sequential(torch.nn.Linear(5, width), torch.nn.Linear(width, 3))

    def fit(model, train, given=TRAIN):
        with torch.no_grad():
            model[0].bias += float(given[1].mean())

    found = answers(model=make(4), params=None, fit=fit, build=make, only="OP009", budget=600)["OP009"]
    assert found.status == "not run"
    assert "the same numbers from random labels and from true ones" in found.words


def test_an_interrupt_keeps_the_seeds_that_are_finished():
    class Slow:
        def run(self, jobs):
            if jobs[0] == 3:
                raise KeyboardInterrupt
            return list(jobs)

    context = SimpleNamespace(
        kept={"retrained": SimpleNamespace(trainer=Slow())}, seed=0, stopped=False, left=lambda: 60.0, say=print
    )
    done, _ = retrained.trained(context, lambda seed: [seed], 9)
    assert done == [[0], [1], [2]]
    assert context.stopped
    with pytest.raises(KeyboardInterrupt):
        retrained.trained(SimpleNamespace(**{**vars(context), "seed": 2}), lambda seed: [seed], 9)
