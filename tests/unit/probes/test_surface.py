"""Loss on a line and a plane against losses at the same parameters, closed forms, and statistics that are held."""

import numpy as np
import pytest

from overparam.core.errors import UsageError
from overparam.operators import open_model
from overparam.probes.surface import loss_line, loss_plane
from tests.tiny_chains import LABELS, X, Y, apply, moved, numbers, ours, pushed, theirs
from tests.tiny_models import torch_or_skip

rng = np.random.default_rng(7)


def quadratic():
    """A linear model and its squared loss, the curvature of which is known."""
    return open_model(lambda p, x: x @ p["w"], (X, Y), params={"w": rng.normal(size=(4, 3))}, loss="squared")


def test_a_quadratic_loss_on_a_line_is_its_closed_form():
    start = quadratic()
    end = start.at(start.vector() + rng.normal(size=12))
    found = loss_line(start, end, points=5, reach=(-0.5, 2.0))
    assert found.at.tolist() == pytest.approx([-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2])
    step = end.vector() - start.vector()
    slope, bend = start.gradient() @ step, step @ start.product("hessian", step)
    want = start.loss() + found.at * slope + found.at**2 * bend / 2
    assert np.abs(found.loss - want).max() < 1e-10 * np.abs(want).max()
    assert found.error is None
    assert found.barrier == 0
    assert loss_line(start, end, points=3, reach=(-0.01, 1.01)).at.tolist() == pytest.approx(
        [-0.01, 0, 0.5, 1, 1.01]
    )
    assert found.length == pytest.approx(np.linalg.norm(step))


@pytest.mark.slow
@pytest.mark.parametrize("opened", [theirs, ours])
def test_points_of_a_line_are_losses_there_with_their_barrier(opened):
    start, end = opened(), moved(opened(), pushed(numbers(), 1.5))
    found = loss_line(start, end, points=9, reach=(0, 1))
    for t, loss in zip(found.at, found.loss, strict=True):
        assert loss == pytest.approx(start.at((1 - t) * start.vector() + t * end.vector()).loss(), rel=1e-10)
    straight = (1 - found.at) * found.loss[0] + found.at * found.loss[-1]
    assert found.barrier == pytest.approx((found.loss - straight).max())
    assert found.worst in found.at
    assert found.error_barrier == pytest.approx(found.error.max() - (found.error[0] + found.error[-1]) / 2)
    wrong = np.mean(end.outputs().argmax(1) != LABELS)
    assert found.error[-1] == pytest.approx(wrong)


def test_two_orders_of_the_same_network_have_a_barrier_and_none_after_turning_back():
    params, order = numbers(), np.roll(np.arange(6), 2)
    other = {
        "l0": {"w": params["l0"]["w"][order], "b": params["l0"]["b"][order]},
        "l1": {"w": params["l1"]["w"][:, order], "b": params["l1"]["b"]},
    }
    start = theirs()
    assert loss_line(start, start, points=3).barrier == 0
    assert abs(np.diff(loss_line(start, moved(start, other), points=3, reach=(0, 1)).loss[[0, 2]])[0]) < 1e-12


def test_both_back_ends_agree():
    results = [loss_line(one, moved(one, pushed(numbers(), 0.7)), points=4) for one in (theirs(), ours())]
    assert np.abs(results[0].loss - results[1].loss).max() < 1e-10 * results[0].loss.max()
    assert results[0].error.tolist() == results[1].error.tolist()


def test_statistics_that_differ_are_interpolated_or_held_as_asked():
    torch = torch_or_skip()
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
    ).double()
    models = []
    for _ in range(2):
        net(3 + 2 * torch.randn(20, 4, dtype=torch.float64))
        models.append(open_model(net, (X, LABELS)))
    start, end = models
    start = start.at(start.vector() + 0.2 * rng.normal(size=start.size))
    found = loss_line(start, end, points=3, reach=(0, 1))
    assert found.loss[0] == pytest.approx(start.loss(), rel=1e-12)
    assert found.loss[-1] == pytest.approx(end.loss(), rel=1e-12)
    assert "are interpolated; they are not computed anew" in found.notes[0]
    held = loss_line(start, end, points=3, reach=(0, 1), statistics="end")
    assert held.loss[0] == pytest.approx(end.at(start.vector()).loss())
    assert held.loss[0] != pytest.approx(start.loss(), rel=1e-6)
    other = loss_line(start, end, points=3, reach=(0, 1), statistics="start")
    assert other.loss[0] == pytest.approx(start.loss())
    assert other.loss[-1] != pytest.approx(end.loss(), rel=1e-6)
    plane = loss_plane(start, end, end.at(end.vector() + rng.normal(size=end.size)), points=3)
    assert sum("Held are the statistics of the centre" in note for note in plane.notes) == 2


def test_what_is_hidden_in_a_function_is_not_interpolated_in_silence():
    def hidden(factor):
        return open_model(
            lambda p, x: factor * (x @ p["w"]), (X, LABELS), params={"w": np.ones((4, 3)) * np.arange(3)}
        )

    one, other = hidden(1.0), hidden(2.0)
    with pytest.raises(UsageError, match="something inside of the model that differs"):
        loss_line(one, other, points=3)
    assert loss_line(one, other, points=3, reach=(0, 1), statistics="end").loss[0] == pytest.approx(
        other.loss()
    )


def test_a_plane_holds_its_three_networks():
    start = theirs()
    second, third = (moved(start, pushed(numbers(), 0.8, seed)) for seed in (1, 2))
    found = loss_plane(start, second, third, points=4)
    for name, model in (("centre", start), ("second", second), ("third", third)):
        at = start.vector() + np.array(found.places[name]) @ found.directions
        assert np.abs(at - model.vector()).max() < 1e-10
        assert found.x[0] <= found.places[name][0] <= found.x[-1]
        assert found.y[0] <= found.places[name][1] <= found.y[-1]
    assert np.abs(found.directions @ found.directions.T - np.eye(2)).max() < 1e-12
    point = start.vector() + found.x[1] * found.directions[0] + found.y[2] * found.directions[1]
    assert found.loss[2, 1] == pytest.approx(start.at(point).loss(), rel=1e-10)


@pytest.mark.parametrize("opened", [theirs, ours])
def test_random_directions_have_the_lengths_of_the_units(opened):
    model = opened("deep")
    found = loss_plane(model, points=3, reach=(-0.1, 0.1), seed=4)
    own = model.layout.named(model.vector())
    for direction in found.directions:
        for name, array in model.layout.named(direction).items():
            want = np.linalg.norm(own[name], axis=1) if array.ndim == 2 else 0
            got = np.linalg.norm(array, axis=1) if array.ndim == 2 else np.abs(array).max()
            assert np.abs(got - want).max() < 1e-12
    assert found.loss[1, 1] == pytest.approx(model.loss())
    again, other = (loss_plane(model, points=3, reach=(-0.1, 0.1), seed=seed) for seed in (4, 5))
    assert (again.loss == found.loss).all()
    assert not (other.loss == found.loss).all()


def test_a_loss_that_overflows_is_infinite():
    start = quadratic()
    found = loss_line(start, start.at(np.full(12, 1e300)), points=3, reach=(0, 1))
    assert np.isinf(found.loss[-1])
    assert found.barrier == np.inf


def test_bad_input_is_refused_in_a_sentence():
    model = theirs()
    bare = open_model(apply, X, params=numbers())
    mean = open_model(apply, (X, LABELS), params=numbers(), reduction="sum")
    vectors = open_model(lambda p, x: x[:, :3] + p["b"], (X, LABELS), params={"b": np.ones(3)})
    cases = [
        ("start: expected a model of open_model", lambda: loss_line(None, model)),
        ("end: expected the arrays of start", lambda: loss_line(model, theirs("deep"))),
        ("loss: expected a model that was opened with targets", lambda: loss_line(bare, model)),
        ("end: expected the loss of start", lambda: loss_line(model, mean)),
        ("points: expected at least 3", lambda: loss_line(model, model, points=2)),
        ("points: expected a whole number", lambda: loss_line(model, model, points=2.5)),
        ("reach: expected a first t of at most 0", lambda: loss_line(model, model, reach=(0.2, 1))),
        ("reach: expected two finite numbers", lambda: loss_line(model, model, reach=(1, 0))),
        ("reach: expected two finite numbers", lambda: loss_line(model, model, reach=3)),
        ("statistics: expected one of interpolate, start, end", lambda: loss_line(model, model, statistics="batch")),
        ("third: expected three networks", lambda: loss_plane(model, model)),
        ("second: expected another network than the centre", lambda: loss_plane(model, model, model)),
        ("third: expected a network off the line", lambda: loss_plane(model, *(model.at(k * model.vector()) for k in (2, 3)))),
        ("seed: expected a whole number", lambda: loss_plane(model, seed=-1)),
        ("centre: expected a network with weights of at least two axes", lambda: loss_plane(vectors)),
    ]  # fmt: skip
    for words, call in cases:
        with pytest.raises(UsageError) as caught:
            call()
        assert words in str(caught.value), str(caught.value)
