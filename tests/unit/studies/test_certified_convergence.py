"""The study on certified convergence: real cells at small size, and their parts against brute force."""

import json

import numpy as np
import pytest

from overparam.core import Evidence, clean
from overparam.data.signed import signed_examples
from overparam.own.descent import descend
from overparam.own.instance import draw_instance, lipschitz_everywhere
from overparam.own.laziness import lazy_scale
from overparam.studies import certified_convergence_work as measure
from overparam.studies.certified_convergence import STUDY, WORLD, run
from overparam.sweep.judge import judge
from overparam.theory.certificates import certify_two_layer
from overparam.theory.certificates.run_check import check_run, key_lemma

CLAIMS = {claim.name: claim for claim in STUDY.claims}


@pytest.fixture(scope="module")
def outcomes():
    told = []
    small = {"n": 6, "d": 8, "widest": 512, "activation": "gelu"}
    cells = [{axis.name: axis.default for axis in STUDY.axes} | small | {"seed": seed} for seed in (0, 1)]
    found = STUDY.work(cells, told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    return cells, found


@pytest.fixture(scope="module")
def data():
    return signed_examples("sphere", 6, 8, 0)


@pytest.fixture(scope="module")
def certified_start(data):
    base = draw_instance(*data, "gelu", 18, 0, scale=1.0, antisymmetric=True)
    return base.scaled(3 * lazy_scale(base).scale)


def verdicts(evidence):
    found = judge(STUDY, evidence, profile="laptop", data="planted")
    return {verdict.claim.partition(".")[2]: verdict for verdict in found}


def test_a_world_in_which_all_is_true_passes_with_its_controls():
    for name, verdict in verdicts(WORLD(np.random.default_rng(0))).items():
        assert (verdict.status, verdict.control["ok"]) == ("supported", True), name


def test_one_seed_decides_no_claim_and_no_question():
    for verdict in verdicts(WORLD.but(seeds=1)(np.random.default_rng(0))).values():
        assert verdict.kind == "check" or verdict.status in ("inconclusive", "not_applicable"), verdict.claim


def test_a_faster_fall_keeps_the_bound_and_nothing_here_contradicts_it():
    """The theorem bounds the way from above, and these widths lie below those it asks for."""
    for power, status in ((-1.0, "supported"), (-0.3, "inconclusive"), (0.5, "inconclusive")):
        world = WORLD.but(path=[k**power for k in WORLD.over[1]])
        assert CLAIMS["path"].judge(world(np.random.default_rng(0))).status == status


def test_settings_are_judged_apart_and_named():
    rows = [
        ({**p, "activation": name}, v)
        for name in ("gelu", "tanh")
        for p, v in WORLD(np.random.default_rng(0)).rows
    ]
    labels = [part.label for part in CLAIMS["shortest"].judge(Evidence(tuple(rows))).parts]
    assert [label.partition(":")[0] for label in labels] == ["activation gelu", "activation tanh"]


def test_preconditions_and_notes_say_what_is_missing():
    few = WORLD.but(certified=[0] * 6 + [1])(np.random.default_rng(0))
    assert not CLAIMS["certified"].preconditions[0].check(few).ok
    assert CLAIMS["certified"].preconditions[0].check(few).detail == "5 certified runs"
    holes = WORLD(np.random.default_rng(0))
    holes.rows[2][1]["path"][0] = None
    assert not CLAIMS["path"].preconditions[0].check(holes).ok
    cut = CLAIMS["certified"].judge(run(3, cut=1)(np.random.default_rng(0)))
    assert cut.note == "5 of 30 certified runs were cut at 20,000 steps."


@pytest.mark.slow
def test_real_cells_are_small_and_obey_every_hard_rule(outcomes):
    cells, found = outcomes
    evidence = Evidence(tuple((c, clean(o.values)) for c, o in zip(cells, found, strict=True)))
    for name in ("certified", "refused", "contraction", "key-lemma", "potential", "linear"):
        assert CLAIMS[name].judge(evidence).status == "supported", name
        assert CLAIMS[name].judge_control(evidence).status == "contradicted", name
    for values in (o.values for o in found):
        assert set(values) == set(STUDY.values)
        assert len(json.dumps(clean(values), allow_nan=False)) < 10_000
        for chart in STUDY.charts:
            assert (
                len({len(values[name]) for name in (chart.x[0].name, *(s.metric for s in chart.series))}) == 1
            )
        assert values["certified"] == [0, 1, 1, 1, 1, 1, 1]
        assert values["h"][0] > 0.5 > values["h"][1]
        drawn = zip(values["near_course"], values["near_envelope"], strict=True)
        assert all(a is None or a <= b for a, b in drawn)
        assert values["near_envelope"][-1] <= measure.GOAL
        assert values["width"] == [128, 256, 512]
        assert values["theory_path"][-1] == pytest.approx(values["path"][0] / 2, rel=1e-5)


def test_a_run_agrees_with_the_general_check(certified_start):
    """Potential, distance and contraction from lengths of steps, against the check on all positions."""
    start = certified_start
    values, _ = measure.one_run(start, start, 0)
    found = certify_two_layer(start.weights, start.output, start.x, start.y, "gelu")
    beta = np.sqrt(np.linalg.eigvalsh(start.kernel())[-1]) * measure.ALLOWED
    beta += 8 * lipschitz_everywhere(start) * found.residual / found.sigma
    step = min(found.step, 1 / (2 * beta**2) / measure.ALLOWED)
    found = certify_two_layer(start.weights, start.output, start.x, start.y, "gelu", step=step)
    w, positions, norms = start.weights.copy(), [], []
    for _ in range(len(descend(start, step, measure.STEPS, tolerance=measure.DEEP).norms)):
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
    """A run that stands still breaks the first inequality, one that runs away the second and the fourth."""
    start = certified_start
    found = certify_two_layer(start.weights, start.output, start.x, start.y, "gelu")
    premises = key_lemma(found.sigma, found.beta, found.lipschitz, found.residual, found.step)
    still = measure.lemma("", descend(start, 1e-12, 50), premises, found.beta, 0.0)
    assert still["lemma1"] > 1
    assert still["lemma3"] > 1  # nothing is fitted this close to the start
    away = measure.lemma("x_", descend(start, 2 * found.beta, 200), premises, found.beta, 0.0)
    assert min(away["x_lemma1"], away["x_lemma2"], away["x_lemma4"]) > 1


@pytest.mark.slow
def test_impossible_tasks_are_impossible(data):
    x, y = data
    bad_x, bad_y = measure.contradicting(x, y)
    assert (bad_x[0] == bad_x[1]).all()
    assert bad_y[0] == -bad_y[1]
    assert (x[1] != bad_x[1]).any()  # the data themselves are left alone
    unranked = measure.certified_runs(bad_x, bad_y, "gelu", 0, lambda _: None)
    assert (unranked["certified"], unranked["lazy_scale"]) == ([], None)
    given = measure.saturating(x, y, 0)
    assert len(given) > 5
    assert not any(given)
    assert measure.REACH < 1  # |f| <= sum |v| < |y|: no weights fit
    found = measure.impossible(x, y, "tanh", 0, 5.0)
    assert len(found["impossible_certified"]) == len(measure.OVER) + len(given)
    assert sum(found["impossible_certified"]) == 0


def test_a_certificate_on_the_way_is_kept(data):
    found = measure.certified_on_the_way(*data, "gelu", 0)
    assert (found["after_certified"], found["after_failed"]) == ([1], [0])
    assert found["after_h"] > 0.5
    assert found["after_residual"] < 1
    pairs = list(zip(found["after_course"], found["after_envelope"], strict=True))
    assert pairs[0][1] is None
    later = [(a, b) for a, b in pairs if b is not None]
    assert len(later) > 5
    assert all(a <= b * (1 + 1e-9) for a, b in later)
