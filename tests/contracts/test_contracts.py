"""Every study, probe and theorem that can be found keeps its contract; so does a plug-in's, with the same functions."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from overparam.api.testing import check_probe, check_study, check_theorem
from overparam.core import Estimate, Profile
from overparam.core.registry import studies
from overparam.core.testing import calibrate
from overparam.probes import available
from overparam.theory import available as theorems
from tests import simulations
from tests.conftest import TOY


def documented(function):
    """Give a function the docstring that a theorem has."""
    function.__doc__ = "A number.\n\nReferences: none.\n\n>>> 1\n1\n"
    return function


def overwrite(p):
    p += 1
    return 1.0


@pytest.mark.parametrize("study", [pytest.param(s, id=name) for name, s in studies().items()])
def test_a_study_keeps_its_contract(study):
    check_study(study)


@pytest.mark.parametrize("probe", [pytest.param(p, id=name) for name, p in available().items()])
def test_a_probe_keeps_its_contract(probe):
    check_probe(probe)


def test_a_list_of_studies_needs_neither_numpy_nor_jax():
    code = (
        "import sys; from overparam.core.registry import studies; studies();"
        "print({'numpy', 'jax', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_toy_study_keeps_its_contract(toy):
    check_study(toy)
    assert TOY.exists()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "My Study"}, "a name in lower case with dashes"),
        ({"stack_by": ("depth",)}, "stack_by: no axis 'depth'"),
        ({"stack_whole": ("nodes",)}, "stack_whole: expected axes that are not in stack_by, got 'nodes'"),
        ({"stack_whole": ("data",)}, "stack_whole: expected axes that are not in stack_by, got 'data'"),
        ({"stack_by": ("data", "seed")}, "expected seeds to share a stack"),
        ({"profiles": {"slow": Profile("", {})}}, "a profile 'quick'"),
        ({"differences": ()}, "at least one known difference"),
        ({"charts": ()}, "at least one chart"),
        ({"sources": ()}, "no source 'toy'"),
        ({"claims": ()}, "claims with names of their own"),
        ({"values": ()}, "expected 'values'"),
        ({"estimate": lambda cell: Estimate(0.0, 1.0)}, "an estimate above 0"),
        ({"estimate": lambda cell: cell["nothing"]}, "the estimate raised KeyError"),
    ],
)
def test_a_broken_study_is_told_what_was_expected(toy, change, text):
    with pytest.raises(AssertionError, match=text):
        check_study(dataclasses.replace(toy, **change))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"ledger": ("fifty",)}, "expected ledger numbers such as L53"),
        ({"chart": "nowhere"}, "no chart 'nowhere'"),
        ({"sentence": ""}, "expected a sentence"),
        ({"control": None}, "expected a control"),
        ({"null": ()}, "expected a planted null"),
        ({"effect": None}, "expected a planted effect"),
        ({"null": (), "kind": "check", "form": ""}, "expected a planted violation"),
        ({"form": ""}, "expected the form of what the source says"),
        ({"form": "limit"}, "a limit is judged by its trend"),
        ({"profiles": ("slow",)}, "no profile 'slow'"),
    ],
)
def test_a_broken_claim_is_told_what_was_expected(toy, change, text):
    claim = dataclasses.replace(toy.claims[0], **change)
    with pytest.raises(AssertionError, match=text):
        check_study(dataclasses.replace(toy, claims=(claim,)))


def test_a_check_of_what_is_proved_needs_no_control_and_no_effect(toy):
    claim = dataclasses.replace(toy.claims[0], kind="check", control=None, effect=None)
    check_study(dataclasses.replace(toy, claims=(claim,)))


# Claims whose worlds take seconds each to draw: with the slow tests.
COSTLY = {
    "lazy-targets.steps",
    "random-features.effective-parameters",
    "random-features.ridge",
    "sample-descent.ridge",
    "two-layer-descent.clean",
}


def _claims(*costly):
    """Every claim with its number of seeds; the marks are for those of COSTLY."""
    return [
        pytest.param(claim, len(study.profiles[study.decides].axes["seed"]), id=name, marks=costly)
        if name in COSTLY
        else pytest.param(claim, len(study.profiles[study.decides].axes["seed"]), id=name)
        for study_name, study in studies().items()
        for claim in study.claims
        for name in [f"{study_name}.{claim.name}"]
    ]


def test_costly_claims_are_claims():
    assert {one.id for one in _claims()} >= COSTLY


@pytest.mark.parametrize(("claim", "seeds"), _claims(pytest.mark.slow))
def test_both_error_rates_and_power_hold_in_planted_worlds(claim, seeds):
    calibrate(claim, 20, seeds=seeds, noises=("normal",))


@pytest.mark.long
@pytest.mark.parametrize(("claim", "seeds"), _claims())
def test_both_error_rates_and_power_hold_on_many_draws_of_every_noise(claim, seeds):
    """``OVERPARAM_DRAWS=4000`` for the long form."""
    calibrate(claim, int(os.environ.get("OVERPARAM_DRAWS", "400")), seeds=seeds)


def test_a_probe_that_gives_other_names_is_refused():
    probe = next(iter(available().values()))
    with pytest.raises(AssertionError, match="expected values"):
        check_probe(dataclasses.replace(probe, values={"something_else": "else"}))


@pytest.mark.parametrize("theorem", [pytest.param(t, id=name) for name, t in theorems().items()])
def test_a_theorem_keeps_its_contract(theorem):
    check_theorem(theorem)


def _simulated(name):
    """The theorem's example as actual regressions."""
    return {
        "weak-features": lambda coefficients, n, widths, noise: simulations.weak_features(
            coefficients, n, widths, noise, repetitions=100
        ),
        "random-feature-ridge": lambda eigenvalues, coefficients_squared, n, ridge, noise, widths: (
            simulations.random_features(
                eigenvalues, coefficients_squared, n, widths, ridge, noise, repetitions=40
            )
        ),
        "general-ridgeless": lambda eigenvalues, coefficients, n, noise: simulations.covariance(
            eigenvalues, coefficients, n, noise, repetitions=30
        ),
    }[name]


@pytest.mark.parametrize("name", ["weak-features", "random-feature-ridge", "general-ridgeless"])
def test_a_theorem_meets_its_simulation(name):
    check_theorem(theorems()[name], _simulated(name))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "Noise Floor"}, "a name in lower case with dashes"),
        ({"citation": ""}, "to have a citation"),
        ({"assumptions": lambda **_: ()}, "to list its assumptions"),
        ({"function": lambda n, p, noise: 1.0}, "References in its docstring"),
        ({"function": documented(lambda n, p, noise: np.float32([1.0]))}, "to be float64, got float32"),
        ({"function": documented(lambda n, p, noise: float("nan"))}, "to hold no NaN"),
        ({"function": documented(lambda n, p, noise: float("inf"))}, "to be finite, or to say where"),
        ({"function": documented(lambda n, p, noise: "text")}, "to return numbers, got str"),
        ({"function": documented(lambda n, p, noise, seen=[]: seen.append(0) or float(len(seen)))}, "the same twice"),
        ({"function": documented(overwrite), "example": {"p": np.ones(2)}}, "to leave 'p' alone"),
    ],
)  # fmt: skip
def test_a_broken_theorem_is_told_what_was_expected(change, text):
    with pytest.raises(AssertionError, match=text):
        check_theorem(dataclasses.replace(theorems()["noise-floor"], **change))


def test_a_theorem_that_misses_its_simulation_is_refused():
    theorem = theorems()["noise-floor"]
    value = theorem.function(**theorem.example)
    check_theorem(theorem, lambda **_: (value * 1.05, np.zeros(4)))
    with pytest.raises(AssertionError, match="within 0.1 of its simulation, got 0.2 beyond 3 s.e."):
        check_theorem(theorem, lambda **_: (value * 1.2, np.zeros(4)))
