"""The page of the vocabulary: its examples run, and no word of the algebra is missing from it."""

import ast
import dataclasses
import doctest
import inspect
import re
from pathlib import Path

import overparam.core
from overparam.core import arms, axes, declare, expressions, needs, outcomes, places, worlds
from overparam.core.expression import WORDS
from overparam.core.rule import Rule

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "vocabulary.md"
TEXT = PAGE.read_text(encoding="utf-8")


def missing(words):
    return [word for word in sorted(words) if not re.search(rf"\b{word}\b", TEXT)]


def public(module, kind):
    return {
        name
        for name, one in inspect.getmembers(module, kind)
        if one.__module__ == module.__name__ and name[0] != "_"
    }


def test_the_examples_of_the_vocabulary_run():
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 60
    assert found.failed == 0


def test_every_public_word_is_on_the_page():
    words = set(WORDS)
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
        words |= public(module, inspect.isfunction)
    words |= {"START", "END", "HERE", "ROWS", "VIEW"}
    assert missing(words - {"called", "bracketed"}) == []


def test_every_word_of_arms_is_on_the_page():
    words = public(arms, inspect.isfunction) | public(arms, inspect.isclass)
    words |= {name for name, one in vars(arms).items() if isinstance(one, arms.Choice)} | {"NONE", "but"}
    words |= {name for name in inspect.signature(arms.arm).parameters if name not in ("words", "where")}
    assert missing(words) == []


def test_every_word_of_worlds_is_on_the_page():
    words = public(worlds, inspect.isfunction) | public(worlds, inspect.isclass)
    words |= {field.name for field in dataclasses.fields(worlds.World)}
    assert missing(words) == []


def test_every_word_of_a_study_and_its_work_is_on_the_page():
    words = public(declare, inspect.isfunction) | public(outcomes, inspect.isfunction)
    words |= {name for name, one in vars(axes).items() if isinstance(one, axes.Axis)}
    assert missing(words) == []


def test_every_word_that_a_study_imports_is_on_the_page():
    used = set()
    for path in (ROOT / "src" / "overparam" / "studies").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "overparam.core":
                used |= {alias.name for alias in node.names}
    assert len(used) > 60
    assert used <= set(vars(overparam.core))
    assert missing(used) == []
