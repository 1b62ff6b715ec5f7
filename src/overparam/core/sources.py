"""Publications by key, from the one file that holds them all: ``studies/sources.bib``.

Citation, link and BibTeX entry are formatted from an entry's fields, so they cannot part.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from overparam.core.errors import UsageError, unknown
from overparam.core.parts import Source

NEEDED = ("author", "title", "year")
OURS = ("venue", "presenter", "remark")
"""Fields that no BibTeX style knows: the place as a citation names it, who gave a talk on the paper, why it is cited."""

_START = re.compile(r"@(\w+)\{\s*([^\s,{}]+)\s*,\s*")
_FIELD = re.compile(r"(\w+)\s*=\s*\{")
_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "c": "\u0327", "v": "\u030c",
    "H": "\u030b",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One BibTeX entry: its kind (``article``, ...), key and fields in their order."""

    kind: str
    key: str
    fields: Mapping[str, str]


def source(key: str) -> Source:
    """Return the publication of a key.

    Raises:
        UsageError: no entry has this key; the text names near ones.

    >>> source("belkin2020").url
    'https://arxiv.org/abs/1903.07571'
    """
    known = entries()
    if key not in known:
        raise unknown("source", key, known, "Add an entry to studies/sources.bib.")
    entry = known[key]
    return Source(key, citation(entry), link(entry), bibtex(entry))


def cited(*keys: str) -> tuple[Source, ...]:
    """Return several publications, in the order of their keys."""
    return tuple(source(key) for key in keys)


@lru_cache(maxsize=1)
def entries() -> Mapping[str, Entry]:
    """Every entry of ``studies/sources.bib`` by key."""
    from importlib.resources import files

    return parse((files("overparam") / "studies" / "sources.bib").read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, Entry]:
    """Read BibTeX: entries with values in braces, and comment lines that begin with ``%``.

    Args:
        text: the content of a file.

    Returns:
        Entries by key.

    Raises:
        UsageError: anything else, a key or a field twice, or an entry without author, title or year; with the line.

    >>> parse("@misc{a, author = {B, C}, title = {The {D}}, year = {1999}}")["a"].fields["title"]
    'The {D}'
    """
    found: dict[str, Entry] = {}
    text = re.sub(r"^[ \t]*%.*$", "", text, flags=re.MULTILINE)
    at = _blank(text, 0)
    while at < len(text):
        start = _START.match(text, at)
        if start is None:
            raise _wrong(text, at, "an entry such as @article{key, ...}")
        kind, key = start[1].lower(), start[2]
        fields, end = _fields(text, start.end())
        if key in found:
            raise _wrong(text, at, f"one entry '{key}'")
        missing = [name for name in NEEDED if not fields.get(name)]
        if missing:
            raise _wrong(text, at, f"fields {', '.join(NEEDED)} in '{key}' ({', '.join(missing)} missing)")
        found[key] = Entry(kind, key, fields)
        at = _blank(text, end)
    return found


def _fields(text: str, at: int) -> tuple[dict[str, str], int]:
    fields: dict[str, str] = {}
    while not text.startswith("}", at):
        start = _FIELD.match(text, at)
        if start is None:
            raise _wrong(text, at, "a field such as title = {...}, or the end of the entry")
        if start[1] in fields:
            raise _wrong(text, at, f"field '{start[1]}' once")
        end = _closed(text, start.end())
        fields[start[1]] = " ".join(text[start.end() : end].split())
        at = _blank(text, end + 1)
        if text.startswith(",", at):
            at = _blank(text, at + 1)
        elif not text.startswith("}", at):
            raise _wrong(text, at, "a comma or the end of the entry")
    return fields, at + 1


def _closed(text: str, at: int) -> int:
    """The place of the brace that closes the one before ``at``."""
    depth = 1
    for place in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise _wrong(text, at, "a closing brace")


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _wrong(text: str, at: int, expected: str) -> UsageError:
    line = text.count("\n", 0, at) + 1
    got = text[at : at + 30].split("\n")[0] or "the end"
    return UsageError(f"sources.bib, line {line}: expected {expected}, got '{got}'. Correct the entry.")


def citation(entry: Entry) -> str:
    """One line: authors, title, where and when, and why it is cited.

    >>> citation(entries()["belkin2019"])[-42:]
    'trade-off, PNAS 116(32):15849-15854, 2019.'
    """
    fields = entry.fields
    presenter = f"{_people(fields['presenter'])}, talk on " if "presenter" in fields else ""
    parts = [presenter + _people(fields["author"]), _plain(fields["title"]), _place(entry)]
    remark = f" ({_plain(fields['remark'])})" if "remark" in fields else ""
    return f"{', '.join(parts)}{remark}."


def link(entry: Entry) -> str:
    """Where it is found: its own link, else arXiv, else its DOI; empty if nowhere."""
    fields = entry.fields
    if "url" in fields:
        return fields["url"]
    if "eprint" in fields:
        return f"https://arxiv.org/abs/{fields['eprint']}"
    return f"https://doi.org/{fields['doi']}" if "doi" in fields else ""


def bibtex(entry: Entry) -> str:
    """The entry with the fields that BibTeX knows, one a line."""
    lines = [f"  {name} = {{{value}}}" for name, value in entry.fields.items() if name not in OURS]
    return f"@{entry.kind}{{{entry.key},\n" + ",\n".join(lines) + "\n}"


def _place(entry: Entry) -> str:
    fields = entry.fields
    if entry.kind != "article":
        return _plain(fields.get("venue", fields["year"]))
    number = f"({fields['number']})" if "number" in fields else ""
    pages = f":{fields['pages'].replace('--', '-')}" if "pages" in fields else ""
    return (
        f"{_plain(fields.get('venue', fields['journal']))} {fields['volume']}{number}{pages}, {fields['year']}"
    )


def _people(authors: str) -> str:
    """Initials and names, as in ``A. Curth, A. Jeffares and M. van der Schaar``.

    >>> _people("van der Schaar, Mihaela and E, Weinan and others")
    'M. van der Schaar, W. E et al.'
    """
    names = [name.strip() for name in re.split(r"\s+and\s+", _plain(authors))]
    told = [_person(name) for name in names if name != "others"]
    if len(told) < len(names):
        return ", ".join(told) + " et al."
    return " and ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else told[0]


def _person(name: str) -> str:
    last, _, first = (part.strip() for part in name.partition(","))
    return " ".join([*(f"{given[0]}." for given in first.split()), last])


def _plain(text: str) -> str:
    r"""Text without LaTeX: accents composed, braces gone.

    >>> _plain(r"Poincar{\'e}, L{\'e}na{\"i}c, {SGD}")
    'Poincaré, Lénaïc, SGD'
    """
    composed = re.sub(r"\\(\W|[cvH](?=[\s{]))\s*\{?(\w)\}?", lambda m: m[2] + _ACCENTS.get(m[1], ""), text)
    return unicodedata.normalize("NFC", re.sub(r"[{}]", "", composed))
