"""Every erratum of the page is confirmed by its check, and the page holds the numbers that the checks give."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from overparam.core import findings

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = (ROOT / "docs" / "errata.template").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")


def load():
    spec = importlib.util.spec_from_file_location("errata", ROOT / "docs" / "errata.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ERRATA = load()


@pytest.mark.parametrize("check", ERRATA.CHECKS, ids=lambda check: check.__name__)
def test_a_check_confirms_its_erratum_and_the_page_shows_its_numbers(check):
    holds, numbers = check()
    assert holds, numbers
    assert f"- **Check**: {numbers}\n" in PAGE


def test_the_page_is_the_template_with_numbers():
    parts = re.split(r"\{\{[a-z_]+\}\}", TEMPLATE)
    assert re.fullmatch(".*".join(map(re.escape, parts)), PAGE)


def test_every_erratum_has_all_four_lines_and_every_place_a_check():
    sections = TEMPLATE.split("\n### ")[1:]
    assert len(sections) == len(ERRATA.CHECKS)
    for section in sections:
        for word in ("Printed", "Correct", "Why", "Check"):
            assert section.count(f"- **{word}**: ") == 1, section.splitlines()[0]
    places = re.findall(r"\{\{([a-z_]+)\}\}", TEMPLATE)
    assert sorted(places) == sorted(check.__name__ for check in ERRATA.CHECKS)


def test_a_check_that_fails_or_has_no_place_stops_the_page(monkeypatch):
    def denied():
        return False, "no"

    monkeypatch.setattr(ERRATA, "CHECKS", (denied,))
    with pytest.raises(AssertionError, match="denied does not confirm what the page lists: no"):
        ERRATA.page(TEMPLATE)

    def lost():
        return True, "yes"

    monkeypatch.setattr(ERRATA, "CHECKS", (lost,))
    with pytest.raises(AssertionError, match="expected one place for lost"):
        ERRATA.page(TEMPLATE)


def test_the_findings_that_the_page_names_stand():
    """The studies' verdicts behind two errata, where their runs are in the record of findings."""
    found = findings.read(findings.FILE)
    for study, statement in (
        ("effective-complexity", "epochs-shift"),
        ("effective-complexity", "emc-epochs"),
        ("linear-system", "solvable"),
    ):
        verdicts = found.get(study, {"verdicts": []})["verdicts"]
        assert {one["status"] for one in verdicts if one["statement"] == statement} <= {"supported"}, statement


def test_the_course_of_students_is_descent_on_the_loss():
    """Gradient by differences of a loss from its own quadrature: directions on a fine circle."""
    angles = np.linspace(0, 2 * np.pi, 20_001)[:-1]
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def loss(w):
        error = np.maximum(circle @ np.array(w).T, 0).sum(axis=1) - np.maximum(circle[:, 0], 0)
        return np.square(error).mean()  # E |x|^2 / 2 = 1 in the plane

    start = [[0.6, 0.5], [0.3, -0.4]]
    w = np.array(start)
    for _ in range(200):
        gradient = np.zeros_like(w)
        for where in np.ndindex(w.shape):
            e = np.zeros_like(w)
            e[where] = 1e-5
            gradient[where] = (loss(w + e) - loss(w - e)) / 2e-5
        w = w - 0.5 * gradient
        if np.linalg.norm(gradient) < 1e-9:
            break
    assert ERRATA.course(start, 200)[200] == pytest.approx(loss(w), rel=0.05)
