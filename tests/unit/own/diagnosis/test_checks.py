"""Every check without retraining on a linear network whose answers are known, in PyTorch, and what is refused before."""

import random

import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, OverparamError, UsageError
from overparam.own.diagnosis import diagnose, label_scores
from overparam.own.diagnosis.check import rules_applied
from overparam.own.diagnosis.checks import pruning
from overparam.own.diagnosis.checks.lazy import unexplained
from overparam.own.diagnosis.checks.pruning import judged
from overparam.own.diagnosis.tasks import wrong_share

torch = pytest.importorskip(
    "torch", reason="the checks are tried on a module of PyTorch, which compiles nothing"
)
PART = label_scores._part
MUCH = 600.0  # seconds: no check is cut


def clusters(n, seed, classes=3):
    """Points around three directions of the plane."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    angle = 2 * np.pi * labels / classes
    return (np.stack([np.cos(angle), np.sin(angle)], 1) + 0.15 * rng.normal(size=(n, 2))).astype(
        np.float32
    ), labels


def nearest(extra=0):
    """The linear network that says the nearest direction; further inputs have tiny weights."""
    angle = 2 * np.pi * np.arange(3) / 3
    weight = np.concatenate([np.stack([np.cos(angle), np.sin(angle)], 1), np.full((3, extra), 1e-4)], 1)
    net = torch.nn.Linear(2 + extra, 3)
    net.weight.data = torch.tensor(5 * weight, dtype=torch.float32)
    net.bias.data.zero_()
    return net


X, Y = clusters(120, 0)
HELD = clusters(700, 1)


def one(code, net, train=(X, Y), test=HELD, **more):
    return diagnose(net, train, test, only=code, budget=MUCH, **more)


def test_what_fits_and_what_does_not():
    found = one("OP001", nearest())["OP001"]
    assert (found.status, found.effect.value, found.effect.whole) == ("yes", 0.0, True)
    wrong = one("OP001", nearest(), (X, (Y + 1) % 3))["OP001"]
    assert (wrong.status, wrong.effect.value) == ("no", 100.0)
    line = torch.nn.Linear(2, 1)
    aims = line(torch.tensor(X)).detach().numpy()
    fit = one("OP001", line, (X, aims), None)["OP001"]
    assert fit.status == "yes"
    assert fit.effect.value == pytest.approx(0, abs=1e-6)
    off = one("OP001", line, (X, aims + 3 * aims.std() * np.sign(aims - aims.mean())), None)["OP001"]
    assert off.status == "no"
    assert one("OP001", line, (X, np.ones((120, 1), np.float32)), None)["OP001"].status == "inconclusive"


def test_flipped_labels_come_first_and_are_counted():
    labels = Y.copy()
    labels[:24] = (labels[:24] + 1) % 3
    checkup = one("OP003", nearest(), (X, labels))
    found, ranking = checkup["OP003"], checkup.labels
    assert found.status == "yes"
    assert set(ranking.index[:24]) == set(range(24))
    assert (ranking.suggested[:24] == Y[ranking.index[:24]]).all()
    excess = found.beside[-1]
    assert excess.low <= 24 <= excess.high
    assert sorted(ranking.index.tolist()) == list(range(120))
    assert len(ranking.csv().splitlines()) == 121


def test_clean_labels_raise_no_alarm_and_without_held_out_ones_there_is_a_ranking_alone():
    found = one("OP003", nearest())["OP003"]
    assert found.status in ("no", "inconclusive")
    alone = one("OP003", nearest(), test=None)
    assert alone["OP003"].status == "inconclusive"
    assert "nothing tells hard examples from wrong labels" in alone["OP003"].words
    assert len(alone.labels) == 120


def test_held_out_labels_that_the_kernel_misses_keep_the_verdict_away():
    labels, rng = Y.copy(), np.random.default_rng(0)
    labels[:24] = (labels[:24] + 1) % 3
    noise = HELD[0], rng.integers(0, 3, 700)
    found = one("OP003", nearest(), (X, labels), noise)["OP003"]
    assert found.status == "inconclusive"
    assert "hard, not wrong" in found.words


def after(calls, function):
    """A function that is interrupted after some calls."""
    made = []

    def call(*given):
        made.append(1)
        if len(made) > calls:
            raise KeyboardInterrupt
        return function(*given)

    return call


def test_an_interrupt_keeps_the_parts_that_are_ranked(monkeypatch):
    monkeypatch.setattr(label_scores, "PART", 40)
    for calls, ranked in ((2, 80), (0, None)):
        monkeypatch.setattr(label_scores, "_part", after(calls, PART))
        checkup = diagnose(nearest(), (X, Y), HELD, budget=MUCH, only=("OP001", "OP003", "OP005"))
        assert checkup.stopped
        assert checkup["OP001"].status == "yes"
        assert checkup["OP005"].status == "not run"
        if ranked is None:
            assert "Stopped by hand while it ran" in checkup["OP003"].words
            assert checkup.labels is None
        else:
            assert f"{ranked} of 120 labels were ranked before it was stopped by hand" in checkup["OP003"].words
            assert len(checkup.labels) == ranked
            assert "Stopped by hand; what was finished is kept." in " ".join(str(checkup).split())


def test_an_interrupt_keeps_the_densities_that_are_pruned(monkeypatch):
    monkeypatch.setattr(pruning, "wrong_share", after(3, wrong_share))
    checkup = one("OP006", nearest(28), *(
        (np.concatenate([x, np.ones((len(x), 28), np.float32)], 1), y) for x, y in ((X, Y), HELD)
    ))  # fmt: skip
    assert checkup.stopped
    assert len(checkup["OP006"].tables[0].rows) == 3  # the whole network and two densities
    assert "Stopped by hand after density" in checkup["OP006"].words


def test_other_tasks_have_no_suspect_labels():
    found = one("OP003", torch.nn.Linear(2, 1), (X, X[:, :1]), None)["OP003"]
    assert found.status == "not applicable"
    assert "one class each" in found.words


def test_a_linear_network_is_lazy_and_one_that_is_another_is_not():
    start = torch.nn.Linear(2, 3)
    found = one("OP004", nearest(), start=start)["OP004"]
    assert found.status == "yes"
    assert found.effect.value == pytest.approx(0, abs=1e-4)
    assert found.beside[1].value == pytest.approx(0, abs=1e-4)  # its kernel does not move
    torch.manual_seed(0)
    first, last = (
        torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)) for _ in range(2)
    )
    assert one("OP004", last, start=first.state_dict())["OP004"].status == "no"
    assert one("OP004", last)["OP004"].status == "not applicable"
    assert "nothing was trained" in one("OP004", last, start=last)["OP004"].words
    change = np.array([[1.0], [2.0]])
    assert unexplained(change, 0 * change)[0] == 1.0


def test_curvature_of_a_line_is_that_of_its_inputs():
    line = torch.nn.Linear(2, 1, bias=False)
    found = one("OP005", line, (X, X[:, :1]), None)["OP005"]
    matrix = X.T.astype(np.float64) @ X / len(X)
    assert found.status == "inconclusive"
    assert found.effect.value == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-4)
    trace = next(part for part in found.beside if part.label == "trace of the Hessian")
    assert trace.value == pytest.approx(np.trace(matrix), rel=1e-4)


def test_weights_that_do_nothing_can_go_and_weights_that_do_all_cannot():
    wide = tuple((np.concatenate([x, np.ones((len(x), 28), np.float32)], 1), y) for x, y in ((X, Y), HELD))
    with rules_applied():
        found = one("OP006", nearest(28), *wide)["OP006"]
    assert found.status == "yes"
    assert float(found.effect.label.rpartition(" ")[2]) <= 0.1  # 6 of 90 weights do the work
    assert found.tables[0].rows[0] == (1.0, found.tables[0].rows[0][1], 0.0, 0.0, 0.0)
    assert one("OP006", nearest(), test=None)["OP006"].status == "not applicable"
    few = HELD[0][:50], HELD[1][:50]
    with rules_applied():
        found = one("OP006", nearest(), test=few)["OP006"]
    assert found.status != "yes"  # 50 examples cannot show a loss of a point


def test_the_first_failure_ends_the_way_down():
    rows = [(0.8, 99, 0.1, 0, 0.5), (0.6, 98, 0.9, 0, 1.5), (0.5, 99, 0.1, 0, 0.5)]
    assert judged(rows)[:2] == ("yes", 0)
    assert judged([(0.8, 90, 9.0, 5.0, 12.0)])[0] == "no"
    assert judged([(0.8, 99, 0.5, -1.0, 2.0)])[0] == "inconclusive"


def test_the_network_and_its_generators_are_left_as_they_were():
    net, before = nearest(), torch.random.get_rng_state()
    old = {name: one.clone() for name, one in net.state_dict().items()}
    diagnose(net, (X, Y), HELD, budget=MUCH, only=("OP001", "OP003", "OP006"))
    assert all(torch.equal(one, old[name]) for name, one in net.state_dict().items())
    assert torch.equal(before, torch.random.get_rng_state())
    assert net.training


def test_the_same_seed_gives_the_same_answers():
    one, other = (
        diagnose(nearest(), (X, Y), HELD, budget=MUCH, only=("OP003", "OP006"), seed=3).to_dict()
        for _ in range(2)
    )
    for checkup in (one, other):
        for answer in checkup["answers"]:
            answer["seconds"] = 0
    assert one["answers"] == other["answers"]


class Random(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(2, 3)

    def forward(self, x):
        return self.line(x) + torch.randn(len(x), 3)


def broken():
    net = nearest()
    net.weight.data[0, 0] = float("nan")
    return net


@pytest.mark.parametrize(
    ("net", "train", "test", "more", "text"),
    [
        (nearest(), [], None, {}, "train: expected at least one example"),
        (nearest(), (X[:0], Y[:0]), None, {}, "train: expected at least one example, got none"),
        (nearest(), (X[:1], Y[:1]), None, {}, "train: expected at least 2 examples, got 1"),
        (nearest(), (X, Y + 1), None, {}, "expected labels from 0 to 2 for 3 outputs, got 3"),
        (nearest(), (X, Y), (HELD[0], HELD[1] + 1), {}, "test, targets: expected labels from 0 to 2"),
        (nearest(), (X, Y), (HELD[0][:, :1], HELD[1]), {}, "takes the inputs of data"),
        (nearest(), X, None, {}, "got inputs alone"),
        (broken(), (X, Y), None, {}, "finite"),
        (Random(), (X, Y), None, {}, "same loss and gradient in two passes"),
        (nearest(), (X, Y), (HELD[0], HELD[1] * 1.0), {}, "test, targets: expected shape"),
        (
            nearest(),
            (X, Y),
            (HELD[0], np.eye(3)[HELD[1]]),
            {},
            "test, loss: expected a loss for targets that are one-hot",
        ),
        (
            nearest(),
            (X, Y),
            (HELD[0], HELD[0][:, [0, 0, 1]]),
            {},
            "test: expected targets of the kind of train",
        ),
        (nearest(), (X, Y), None, {"frozen": "last"}, "frozen: expected"),
        (nearest(), (X, Y), None, {"frozen": 3}, "frozen: expected a pattern"),
        (nearest(), (X, Y), None, {"frozen": "*"}, "frozen: .*got all of them"),
        (
            nearest(),
            (X, Y),
            None,
            {"start": nearest().double()},
            "start: expected parameters of float32.*got float64",
        ),
        (nearest(), (X, Y), None, {"start": np.full(9, np.nan)}, "start: expected finite numbers"),
        (nearest(), (X, Y), None, {"start": broken()}, "start: .*finite"),
        (torch.nn.Linear(2, 1), (X, Y), None, {}, "at least two classes for whole labels, got one output"),
        (nearest().half(), (X.astype(np.float16), Y), None, {}, "float16"),
        (
            nearest(),
            (X, Y),
            None,
            {"budget": 0.01},
            "budget: expected a number of seconds of at least 1, got 0.01",
        ),
        (nearest(), (X, Y), None, {"budget": float("inf")}, "budget: expected a number of seconds"),
        (nearest(), (X, Y), None, {"seed": -1}, "seed: expected a whole number"),
        (nearest(), (X, Y), None, {"only": "OP01"}, "unknown check 'OP01'"),
        (
            nearest(),
            (X, Y),
            None,
            {"start": torch.nn.Linear(2, 3, bias=False)},
            "start: expected the names and shapes",
        ),
        (
            nearest(),
            (X, Y),
            None,
            {"start": {"weight": torch.zeros(3, 2)}},
            "start: expected a state dict of Linear",
        ),
        (
            nearest(),
            (X, Y),
            None,
            {"start": np.zeros(4)},
            "start: expected one vector of the 9 trained parameters",
        ),
        (nearest(), (X, Y), None, {"start": 3}, "start: expected a Linear or its state dict"),
        (nearest(), (X, Y), None, {"build": 3}, "build: expected a function, got int"),
        (nearest(), (X, Y), None, {"progress": 3}, "progress: expected a function, got int"),
    ],
)
def test_what_cannot_be_diagnosed_is_refused_in_a_sentence(net, train, test, more, text):
    with pytest.raises(OverparamError, match=text) as caught:
        diagnose(net, train, test, **{"budget": MUCH, **more})
    assert isinstance(caught.value, UsageError | DataError)
    assert str(caught.value).count("\n") == 0


def test_the_door_speaks_unless_it_is_told_not_to(capsys):
    overparam.diagnose(nearest(), (X, Y), only="OP002", budget=MUCH)
    said = capsys.readouterr().err
    assert "OP002 parameters per example: under 0.1 s" in said
    overparam.diagnose(nearest(), (X, Y), only="OP002", budget=MUCH, progress=False)
    assert capsys.readouterr().err == ""


def test_frozen_parameters_are_said_and_left_out():
    net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Linear(4, 3))
    held = diagnose(net, (X, Y), only="OP002", budget=MUCH, frozen="0")
    assert held.subject["parameters"] == 15
    assert held.notes[0] == "Held: 2 of 4 parameters, as frozen= says: '0.weight', '0.bias'."
    net[0].requires_grad_(False)
    by_flag = diagnose(net, (X, Y), only="OP002", budget=MUCH)
    assert by_flag.subject["parameters"] == 15
    assert any("Held: 2 of 4 parameters are frozen (requires_grad=False)" in note for note in by_flag.notes)


class Draws(torch.utils.data.Dataset):
    """Examples that are read with draws of every generator, which do not change them."""

    def __len__(self):
        return 40

    def __getitem__(self, at):
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
        return X[at], int(Y[at])


def test_generators_of_python_numpy_torch_and_a_loader_are_put_back():
    own = torch.Generator().manual_seed(4)
    loader = torch.utils.data.DataLoader(Draws(), batch_size=16, generator=own)

    def states():
        return (
            random.getstate(),
            str(np.random.get_state()),  # noqa: NPY002
            torch.get_rng_state().tolist(),
            own.get_state().tolist(),
        )

    net = nearest()  # which draws
    before = states()
    diagnose(net, loader, budget=MUCH, only=("OP001", "OP003"))
    assert states() == before
    with pytest.raises(OverparamError):
        diagnose(net, loader, test=(X[:, :1], Y), budget=MUCH)
    assert states() == before


def test_what_only_the_held_out_data_show_is_told():
    shifted = HELD[0], np.where(HELD[1] == 0, 1, HELD[1])
    notes = diagnose(nearest(), (X, Y), shifted, budget=MUCH, only="OP002").notes
    assert [note.partition(":")[0] for note in notes] == ["Loss", "On test"]
    assert "No example has label 0" in notes[1]
