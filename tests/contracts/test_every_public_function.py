"""Every public function answers what is odd with a number or with one clear sentence; a new one needs a line."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import overparam
from tests.public import capacity, curvature, graphs, kernels, networks, proofs, rooms, theory
from tests.public.case import function_of, problems
from tests.public.inner import INNER, WHOLE

CASES = {
    **theory.CASES, **kernels.CASES, **rooms.CASES, **proofs.CASES, **networks.CASES, **curvature.CASES, **capacity.CASES,
    **graphs.CASES,
}  # fmt: skip
PACKAGE = Path(overparam.__file__).parent
ROOMS = (
    "theory",
    "own",
    "data",
    "probes",
    "models",
    "training",
    "operators",
    "pruning",
    "graphs",
    "core/stats.py",
    "core/crossing.py",
)


def functions() -> set[str]:
    """Every function of these rooms whose name, or module's name, has no underscore in front."""
    found = set()
    for room in ROOMS:
        path = PACKAGE / room
        for file in [path] if path.is_file() else path.rglob("*.py"):
            module = ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
            body = ast.parse(file.read_text(encoding="utf-8")).body
            names = [one.name for one in body if isinstance(one, ast.FunctionDef)]
            found |= {f"{module}.{name}" for name in names if not name.startswith("_")}
    return found


def test_every_public_function_has_a_line_or_a_reason():
    excused = {f"{module}.{name}" for module, (names, _) in INNER.items() for name in names.split()}
    every = functions()
    without = {one for one in every - set(CASES) - excused if one.rpartition(".")[0] not in WHOLE}
    assert not without, "write a line for it in tests/public, or its reason in tests/public/inner.py"
    assert not (set(CASES) | excused) - every, "a line for a function that is not there"
    assert not set(CASES) & excused


def test_every_number_in_a_line_is_of_some_kind():
    """An array or a number that no kind names is not tried; only what a function does not look at may be left out."""
    import inspect

    for name, case in CASES.items():
        known = set(inspect.signature(function_of(name)).parameters)
        assert set(case.call) <= known or any("_" in one for one in known), name
        for kind in (case.arrays, case.numbers, case.sizes, case.choices):
            assert set(kind.split()) <= set(case.call), name


@pytest.mark.parametrize("name", CASES)
def test_a_function_takes_what_is_meant_and_names_what_is_not(name):
    assert problems(name, CASES[name]) == []
