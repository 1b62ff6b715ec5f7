"""The table of docs/theory.md holds what the functions give, and what the simulations gave."""

import re

import pytest

from tests.docs.test_examples import ROOT
from tests.theory_table import lines

ROW = re.compile(r"^\| (.+?) \| ([\d.]+) \| ([\d.]+) \(([\d.]+), (\d+)\) \| ([\d.]+) \|$", re.M)


@pytest.fixture(scope="module")
def printed():
    return {row[0]: row[1:] for row in ROW.findall((ROOT / "docs" / "theory.md").read_text(encoding="utf-8"))}


def test_the_formulas_give_what_is_printed(printed):
    table = lines()
    assert set(printed) == {line.what for line in table}
    for line in table:
        assert printed[line.what][0] == f"{line.theory:.3f}"
        assert printed[line.what][4] == line.printed


def test_printed_simulations_agree_with_the_formulas(printed):
    for what, (theory, mean, error, *_) in printed.items():
        if "floor" in what:
            assert float(mean) > float(theory)
        elif "weak" in what:
            assert abs(float(mean) - float(theory)) <= 3 * float(error) + 1e-3
        else:
            assert abs(float(mean) / float(theory) - 1) <= 0.1


def test_a_share_of_the_simulations_gives_the_same(printed):
    for line in lines(scale=0.02):
        assert abs(line.simulated - float(printed[line.what][1])) <= 5 * line.error + 0.02 * line.simulated


@pytest.mark.slow
def test_the_simulations_give_what_is_printed(printed):
    for line in lines(scale=1.0):
        assert line.simulated == pytest.approx(float(printed[line.what][1]), rel=5e-3)
        assert str(line.repetitions) == printed[line.what][3]
