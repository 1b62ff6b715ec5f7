"""Python files as plain values: what they say, without comments, docstrings, annotations and positions.

Nothing is imported or run here: a name is followed through the text of the files that belong together. What comes out
is the same on every computer, in every folder and under every version of Python. Standard library only.
"""

from __future__ import annotations

import ast
import dis
import functools
import linecache
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import Any

Follow = Callable[[str], bool]
"""Whether the text of a file is read."""
PACKAGE = Path(__file__).resolve().parents[1]
_FOREIGN = {"site-packages", "dist-packages"}
_SKIPPED = ("ctx", "type_comment")
_LATER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def beside(path: str) -> Follow:
    """Whether a file belongs to a study's file.

    Such are the files in the folder of the study and below, or in its whole package where the folder is part of one;
    for a study that comes with ``overparam`` the files in the folder of its studies.
    """
    own = resolved(path)
    if PACKAGE in own.parents:
        return lambda file: resolved(file).parent == PACKAGE / "studies"
    root = own.parent
    while (root / "__init__.py").is_file() and root.parent != root:
        root = root.parent

    def belongs(file: str) -> bool:
        found = resolved(file)
        inside = root in found.parents and not _FOREIGN & set(found.relative_to(root).parts)
        return inside and PACKAGE not in found.parents

    belongs.__dict__["root"] = str(root)
    return belongs


@functools.lru_cache(maxsize=4096)
def resolved(path: str) -> Path:
    """A path without links."""
    return Path(path).resolve()


@dataclass(frozen=True, eq=False)
class Text:
    """A file that was read.

    Attributes:
        path: where it lies.
        tree: its syntax without annotations, docstrings and statements that do nothing.
        code: what Python makes of it.
    """

    path: str
    tree: ast.Module
    code: CodeType

    @cached_property
    def codes(self) -> dict[tuple[str, int], list[CodeType]]:
        """Functions and classes as Python made them, by name and first line."""
        found: dict[tuple[str, int], list[CodeType]] = {}
        waiting = [self.code]
        while waiting:
            for one in waiting.pop().co_consts:
                if isinstance(one, CodeType):
                    found.setdefault((one.co_name, one.co_firstlineno), []).append(one)
                    waiting.append(one)
        return found

    @cached_property
    def nodes(self) -> dict[tuple[str, int], list[ast.AST]]:
        """Functions and classes as they are written, by name and first line."""
        found: dict[tuple[str, int], list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                found.setdefault((node.name, first), []).append(node)
            elif isinstance(node, ast.Lambda):
                found.setdefault(("<lambda>", node.lineno), []).append(node)
        return found

    @cached_property
    def bound(self) -> dict[str, list[ast.stmt]]:
        """The statements at the top of the file that give a name its value, or change it."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in dict.fromkeys(_binds(statement)):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def rebound(self) -> frozenset[str]:
        """The names that some function declares ``global``: their values change while the program runs."""
        return frozenset(
            name for node in ast.walk(self.tree) if isinstance(node, ast.Global) for name in node.names
        )

    def node(self, code: CodeType) -> ast.AST | None:
        """The function as it is written; None where the text is not the one that it was made from."""
        key = (code.co_name, code.co_firstlineno)
        written = self.nodes.get(key, [])
        if not any(alike(code, one) for one in self.codes.get(key, ())):
            return None
        if len(written) > 1:
            written = [one for one in written if isinstance(one, ast.Lambda) and _spans(code, one.body)]
        return written[0] if len(written) == 1 else None


def read(path: str, namespace: Mapping[str, Any] | None = None) -> Text | None:
    """Read a file, or a cell of a notebook; None where there is no text, or none of Python."""
    linecache.checkcache(path)
    lines = linecache.getlines(path, dict(namespace) if namespace else None)
    return _parsed(path, "".join(lines)) if lines else None


@functools.lru_cache(maxsize=512)
def _parsed(path: str, text: str) -> Text | None:
    try:
        tree = ast.parse(text)
        code = compile(tree, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return Text(path, _Bare().visit(tree), code)


class _Bare(ast.NodeTransformer):
    """Take away what has no effect: annotations, docstrings, ``pass``, and imports for type checkers."""

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_If(self, node: ast.If) -> ast.AST | None:
        name = getattr(node.test, "id", getattr(node.test, "attr", ""))
        return None if name == "TYPE_CHECKING" and not node.orelse else self.generic_visit(node)


def alike(one: CodeType, other: CodeType) -> bool:
    """Whether two functions as Python made them do the same, wherever they stand."""
    names = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_argcount", "co_flags")
    if any(getattr(one, name) != getattr(other, name) for name in names):
        return False
    pairs = list(zip(one.co_consts, other.co_consts, strict=False))
    return len(one.co_consts) == len(other.co_consts) and all(
        alike(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else repr(a) == repr(b)
        for a, b in pairs
        if not (isinstance(a, frozenset) and a == b)
    )


def _spans(code: CodeType, body: ast.expr) -> bool:
    """Whether the code of a lambda was made from this body: where its instructions stand."""
    whole = (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset)
    spans = [one for one in code.co_positions() if None not in one and one[2:] != (0, 0)]
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    return whole in spans and all((a, c) >= start and (b, d) <= end for a, b, c, d in spans)


def shape(node: Any) -> Any:
    """A piece of syntax as nested tuples, without positions and what is empty."""
    return _shape(node) if isinstance(node, ast.AST) else tuple(shape(one) for one in node)


@functools.lru_cache(maxsize=8192)
def _shape(node: ast.AST) -> Any:
    return _shaped(node)


def _shaped(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return tuple([_shaped(one) for one in node])
    if isinstance(node, ast.Constant):
        return ("Constant", type(node.value).__name__, repr(node.value))
    if isinstance(node, ast.JoinedStr):
        return ("JoinedStr", *_joined(node.values))
    if not isinstance(node, ast.AST):
        return node
    fields = [
        (name, value) for name, value in node.__dict__.items() if name in node._fields and name not in _SKIPPED
    ]
    kept = sorted([(name, _shaped(value)) for name, value in fields if value is not None and value != []])
    return (type(node).__name__, *kept)


def _joined(values: Iterable[ast.expr]) -> list[Any]:
    """The parts of an f-string, neighbouring texts as one: versions of Python cut them differently."""
    parts: list[Any] = []
    for one in values:
        text = str(one.value) if isinstance(one, ast.Constant) else None
        if text is not None and parts and isinstance(parts[-1], str):
            parts[-1] += text
        elif text != "":
            parts.append(_shaped(one) if text is None else text)
    return parts


@functools.lru_cache(maxsize=8192)
def loaded(code: CodeType) -> frozenset[str]:
    """The global names that a function and the functions inside it read or write."""
    found = {
        one.argval
        for one in dis.get_instructions(code)
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
    }
    inner = (one for one in code.co_consts if isinstance(one, CodeType) and one.co_name != "__annotate__")
    return frozenset(found).union(*(loaded(one) for one in inner))


@functools.lru_cache(maxsize=8192)
def uses(node: ast.AST) -> Mapping[str, frozenset[str] | None]:
    """All names in a piece of syntax, each with the attributes through which it is used.

    None stands for a name that is also used by itself.
    """
    through: dict[int, str] = {}
    found: dict[str, set[str] | None] = {}
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute):
            through[id(one.value)] = one.attr
        elif isinstance(one, ast.Name):
            asked = found.setdefault(one.id, set())
            if id(one) not in through:
                found[one.id] = None
            elif asked is not None:
                asked.add(through[id(one)])
    return {name: None if asked is None else frozenset(asked) for name, asked in found.items()}


@functools.lru_cache(maxsize=8192)
def imported(node: ast.AST) -> tuple[tuple[ast.Import | ast.ImportFrom | str, ast.alias | None], ...]:
    """What is imported anywhere in a piece of syntax, and what is named to be imported later."""
    found: list[Any] = []
    for one in ast.walk(node):
        if isinstance(one, ast.Import | ast.ImportFrom):
            found += [(one, alias) for alias in one.names]
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and _LATER.fullmatch(one.value):
            found.append((one.value, None))
    return tuple(found)


def _binds(node: ast.AST) -> Iterator[str]:
    """The names to which a statement at the top of a file gives a value, or whose value it changes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id
    if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        yield from _root(node)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from _root(node.value.func)
    for inner in ast.iter_child_nodes(node):
        yield from _binds(inner)


def _root(node: ast.AST) -> Iterator[str]:
    inner = node
    while isinstance(inner, ast.Attribute | ast.Subscript):
        inner = inner.value
    if isinstance(inner, ast.Name) and inner is not node:
        yield inner.id
