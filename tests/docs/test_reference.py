"""The reference lists what exists, and the whole vocabulary; the toc lists every page."""

import re
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
API = (DOCS / "api.md").read_text(encoding="utf-8")
TARGETS = re.findall(r"^\.\. auto(module|function|class):: (\S+)$", API, re.M)
VOCABULARY = (
    "declare",
    "parts",
    "statements",
    "expressions",
    "places",
    "rule",
    "arms",
    "needs",
    "worlds",
    "outcomes",
)


@pytest.mark.parametrize(("kind", "name"), TARGETS, ids=[name for _, name in TARGETS])
def test_what_the_reference_lists_is_there_and_says_what_it_is(kind, name):
    if kind == "module":
        found = import_module(name)
    else:
        module, _, own = name.rpartition(".")
        found = getattr(import_module(module), own)
    assert found.__doc__


def test_the_vocabulary_is_in_the_reference():
    listed = {name for kind, name in TARGETS if kind == "module"}
    assert {f"overparam.core.{name}" for name in VOCABULARY} <= listed


def test_members_that_are_named_are_there():
    named = re.findall(r"^\.\. automodule:: (\S+)\n   :members: (.+)$", API, re.M)
    assert len(named) >= 4
    for module, members in named:
        assert all(hasattr(import_module(module), one) for one in members.split(", ")), module


def test_every_page_is_in_the_toc():
    toc = re.search(r"\{toctree\}\n(?::.*\n)*\n(.*?)```", (DOCS / "index.md").read_text(encoding="utf-8"), re.S)
    assert sorted(toc.group(1).split()) == sorted(
        page.stem for page in DOCS.glob("*.md") if page.stem != "index"
    )
