"""Every public function answers what is odd with a number or with one clear sentence; a new one needs a line."""

from __future__ import annotations

import pytest

from tests.public import theory
from tests.public.case import problems

CASES = {**theory.CASES}


@pytest.mark.parametrize("name", CASES)
def test_a_function_takes_what_is_meant_and_names_what_is_not(name):
    assert problems(name, CASES[name]) == []
