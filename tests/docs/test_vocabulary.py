"""The page of the vocabulary: its examples run, and no word of the algebra is missing from it."""

import doctest
import inspect
from pathlib import Path

from overparam.core import expressions, needs, places
from overparam.core.arms import Choice
from overparam.core.expression import WORDS
from overparam.core.rule import Rule

PAGE = Path(__file__).resolve().parents[2] / "docs" / "vocabulary.md"


def test_the_examples_of_the_vocabulary_run():
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 35
    assert found.failed == 0


def test_every_public_word_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    words = set(WORDS) - {"trend"}
    for kind in (
        expressions.Line,
        expressions.Number,
        expressions.Hump,
        places.Region,
        places.Place,
        places.Grid,
        Rule,
    ):
        own = [name for name, value in vars(kind).items() if callable(value) or isinstance(value, property)]
        words |= {name for name in own if name[0] != "_"} - {
            "tree",
            "reads",
            "values",
            "axes",
            "words",
            "fingerprint",
        }
    for module in (expressions, needs):
        public = inspect.getmembers(module, inspect.isfunction)
        words |= {name for name, one in public if one.__module__ == module.__name__}
    words |= {"MOST", "LARGEST", "NONE", "START", "END", "ROWS", Choice.__name__}
    words -= {"called", "bracketed"}
    assert [word for word in sorted(words) if word not in text] == []
