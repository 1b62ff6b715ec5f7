"""The cells of the study on certified convergence: real ones at small size, and their parts against brute force."""

import json
from itertools import combinations

import numpy as np
import pytest

from overparam.core import Evidence, clean
from overparam.core.errors import UsageError
from overparam.own.descent import descend
from overparam.own.instance import draw_instance
from overparam.own.laziness import lazy_scale
from overparam.studies.certified_convergence import STUDY, afterwards, data, impossible, runs, widths
from overparam.theory.certificates import certify_two_layer
from overparam.theory.certificates.run_check import check_run, key_lemma


def cell(**change):
    small = {"n": 6, "d": 8, "widest": 512, "largest": 8192, "activation": "gelu"}
    return {axis.name: axis.default for axis in STUDY.axes} | small | change


@pytest.fixture(scope="module")
def outcomes():
    told = []
    cells = [cell(seed=seed, activation=name) for name in ("gelu", "relu") for seed in (0, 1)]
    found = STUDY.work(cells, told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    return cells, found


@pytest.fixture(scope="module")
def certified_start():
    x, y = data.examples(cell())
    base = draw_instance(x, y, "gelu", 18, 0, scale=1.0, antisymmetric=True)
    return base.scaled(3 * lazy_scale(base).scale)


def test_cells_are_small_json_with_every_charted_value(outcomes):
    _, found = outcomes
    held = set()
    for outcome in found:
        assert outcome.status == "ok"
        text = json.dumps(clean(outcome.values), allow_nan=False)
        assert len(text) < 10_000
        held |= set(outcome.values)
    digits = {"raw_rung_width"}
    for chart in STUDY.charts:
        for one in chart.series:
            assert one.metric in held | digits, one.metric
            holder = found[2] if "switched" in one.metric else found[0]
            if one.metric in holder.values:
                assert len(holder.values[one.metric]) == len(holder.values[chart.x[0].name])


def test_real_cells_obey_every_hard_rule(outcomes):
    cells, found = outcomes
    evidence = Evidence(tuple((c, clean(o.values)) for c, o in zip(cells, found, strict=True)))
    hard = {"certified", "refused", "contraction", "key-lemma", "potential", "linear"}
    for claim in STUDY.claims:
        if claim.name in hard:
            assert claim.judge(evidence).status == "supported", claim.name
            assert claim.control.judge(evidence).status == "contradicted", claim.name
    for values in (o.values for o in found[:2]):
        assert values["certified"] == [0, 1, 1, 1, 1, 1, 1]
        assert values["h"][0] > 0.5 > values["h"][1]
        drawn = zip(values["near_course"], values["near_envelope"], strict=True)
        assert all(a is None or a <= b for a, b in drawn)
        assert values["near_envelope"][-1] <= runs.GOAL
        assert values["cut"] == [None, *[int(c) for c in values["cut"][1:]]]
        assert values["smooth_formula"][0] == "Eftekhari et al."
        assert values["rank"] <= values["fit"] <= values["afterwards"]


def test_a_run_agrees_with_the_general_check(certified_start):
    """Potential, distance and contraction from lengths of steps, against the check on all positions."""
    start = certified_start
    values, _ = runs.one_run(start, start, 0)
    found = certify_two_layer(start.weights, start.output, start.x, start.y, "gelu")
    beta = np.sqrt(np.linalg.eigvalsh(start.kernel())[-1]) * runs.ALLOWED
    beta += 8 * runs.lipschitz_everywhere(start) * found.residual / found.sigma
    step = min(found.step, 1 / (2 * beta**2) / runs.ALLOWED)
    found = certify_two_layer(start.weights, start.output, start.x, start.y, "gelu", step=step)
    w, positions, norms = start.weights.copy(), [], []
    for _ in range(len(descend(start, step, runs.STEPS, tolerance=runs.DEEP).norms)):
        r = start.residual(w)
        positions.append(w.ravel().copy())
        norms.append(np.linalg.norm(r))
        w = w - step * (start.jacobian(w).T @ r).reshape(w.shape)
    check = check_run(found, np.array(norms), np.array(positions))
    assert check.holds
    assert values["potential_rise"] == pytest.approx(-check.potential, rel=1e-3, abs=1e-12)
    assert values["path_over"] == pytest.approx(1 - check.path, rel=1e-9)
    factors = np.array(norms[1:]) / np.array(norms[:-1])
    assert values["contraction_over"] == pytest.approx(factors.max() - found.rate, abs=1e-8)
    assert values["failed"] == 0
    assert 1 <= values["nearest"] <= values["shortest"] * (1 + 1e-9)
    assert values["shortest"] < 1.2 < values["detour"]


def test_a_planted_violation_is_seen(certified_start):
    """A course that stands still breaks the first inequality, one that runs away the second and the fourth."""
    course = descend(certified_start, 1e-12, 50)
    found = certify_two_layer(
        certified_start.weights, certified_start.output, certified_start.x, certified_start.y, "gelu"
    )
    premises = key_lemma(found.sigma, found.beta, found.lipschitz, found.residual, found.step)
    still = runs.lemma("", course, premises, found.beta, 0.0)
    assert still["lemma1"] > 1
    assert still["lemma3"] > 1  # nothing is fitted this close to the start
    away = runs.lemma("x_", descend(certified_start, 2 * found.beta, 200), premises, found.beta, 0.0)
    assert min(away["x_lemma1"], away["x_lemma2"], away["x_lemma4"]) > 1


def test_runs_without_rank_are_not_certified():
    x, y = data.contradicting(*data.examples(cell()))
    found = runs.certified_runs(x, y, "gelu", 0, lambda _: None)
    assert found["certified"] == []
    assert found["lazy_scale"] is None


def test_impossible_tasks_are_impossible():
    x, y = data.examples(cell())
    bad_x, bad_y = data.contradicting(x, y)
    assert (bad_x[0] == bad_x[1]).all()
    assert bad_y[0] == -bad_y[1]
    assert (x[1] != bad_x[1]).any()  # the data themselves are left alone
    given = impossible.saturating(x, y, 0)
    assert len(given) > 5
    assert not any(given)
    nu = impossible.REACH / impossible.UNITS
    assert nu * impossible.UNITS < np.abs(y).max()  # |f| <= sum |v| < |y|: no weights fit
    found = impossible.attempts(x, y, "tanh", 0, 5.0)
    assert len(found["impossible_certified"]) == len(runs.OVER) + len(given)
    assert sum(found["impossible_certified"]) == 0


def test_a_certificate_on_the_way_is_kept():
    x, y = data.examples(cell())
    found = afterwards.fired(x, y, "gelu", 0)
    assert found["after_certified"] == [1]
    assert found["after_failed"] == [0]
    assert found["after_h"] > 0.5
    assert found["after_residual"] < 1
    assert found["after_envelope"][0] is None
    later = [
        (a, b) for a, b in zip(found["after_course"], found["after_envelope"], strict=True) if b is not None
    ]
    assert len(later) > 5
    assert all(a <= b * (1 + 1e-9) for a, b in later)


def test_switches_against_all_subsets():
    """The worst case of a sample: the largest set of units whose squared distances sum to at most the movement."""
    x, y = data.examples(cell(n=4, d=3))
    start = draw_instance(x, y, "relu", 8, 0, scale=1.0, antisymmetric=True)
    move = np.random.default_rng(0).standard_normal(start.weights.shape)
    for size in (0.1, 0.5, 1.5):
        moved = start.weights + size * move / np.linalg.norm(move)
        share, over = widths._counted(start, moved)
        flips = ((x @ start.weights.T > 0) != (x @ moved.T > 0)).sum(axis=1)
        away = (np.abs(x @ start.weights.T) / np.linalg.norm(x, axis=1)[:, None]) ** 2
        most = [
            max(m for m in range(9) for some in combinations(range(8), m) if sum(row[list(some)]) <= size**2)
            for row in away
        ]
        assert share == pytest.approx(flips.sum() / 32)
        want = max(0.0 if f == 0 else f / m for f, m in zip(flips, most, strict=True))
        assert over == pytest.approx(want)
        assert over <= 1


def test_the_bound_on_switches_can_be_broken():
    """Moved farther than said, more units switch than allowed: the check is not empty."""
    x, y = data.examples(cell(n=4, d=3))
    start = draw_instance(x, y, "relu", 8, 0, scale=1.0, antisymmetric=True)
    found = widths._counted(start, -start.weights)
    assert found == (1.0, 1.0)


def test_paths_and_rooms_follow_their_laws(outcomes):
    values = outcomes[1][0].values
    assert values["width"] == [128, 256, 512]
    assert values["law_width"] == [512, 1024, 2048]
    rooms, fixed = values["room"], values["fixed_room"]
    assert rooms[-1] / rooms[0] == pytest.approx(2, rel=0.5)
    assert fixed[-1] / fixed[0] == pytest.approx(4, rel=0.5)
    assert values["theory_path"][0] == values["path"][0]
    assert values["theory_path"][-1] == pytest.approx(values["path"][0] / 2, rel=1e-5)


def test_digits_are_centred_unit_rows_of_two_classes():
    x, y = data.examples(cell(data="digits", n=12, seed=3))
    assert x.shape == (12, 64)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1.0)
    assert set(y) == {-1.0, 1.0}
    raw, same = data.examples(cell(data="digits", n=12, seed=3), raw=True)
    assert (same == y).all()
    assert raw.min() == 0.0 < raw.max() <= 1.0
    centred = raw - raw.mean(axis=0)
    np.testing.assert_allclose(x, centred / np.linalg.norm(centred, axis=1, keepdims=True))
    with pytest.raises(UsageError, match="--n: expected at most .* images of two digits, got 200000"):
        data.examples(cell(data="digits", n=200_000))


@pytest.mark.slow
def test_a_cell_of_digits_shows_the_ladder_of_raw_inputs():
    values = STUDY.work([cell(data="digits", n=8)], lambda _: None)[0].values
    assert len(values["raw_rung_width"]) == len(values["rung"]) == len(values["rung_width"])
    assert values["raw_rung_width"][-1] is None
    assert values["raw_fit"] is not None
