"""Where a file reads a parameter from one cell that it takes out of several by its place. Standard library only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any


def first_reads(tree: ast.AST) -> Iterator[tuple[int, Any]]:
    r"""Line and name of everything that some function of a file reads from one cell alone.

    A function that one cell is handed to reads it too.

    Args:
        tree: the file.

    >>> list(first_reads(ast.parse("def work(cells, progress):\n    first = cells[0]\n    return first['width']")))
    [(3, 'width')]
    """
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    single: dict[str, set[str]] = {name: set() for name in functions}
    todo = list(functions)
    while todo:
        name = todo.pop()
        one = _One({arg.arg for arg in functions[name].args.args}, set(single[name]))
        one.visit(functions[name])
        yield from ((node.lineno, axis) for node, axis in one.read)
        for called, position in one.given:
            if called in functions and position < len(functions[called].args.args):
                arg = functions[called].args.args[position].arg
                if arg not in single[called]:
                    single[called].add(arg)
                    todo.append(called)


class _One(ast.NodeVisitor):
    """What a function reads by name from one cell that it takes out of several by its place.

    Attributes:
        many: names that stand for cells.
        one: names that stand for one cell among them.
        read: where an axis is read from one cell, and the axis.
        given: functions that one cell is handed to, and at which place.
    """

    def __init__(self, many: set[str], one: set[str]) -> None:
        self.many, self.one = set(many) - one, one
        self.read: list[tuple[ast.expr, Any]] = []
        self.given: list[tuple[str, int]] = []

    def _cells(self, node: ast.AST) -> bool:
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") in ("list", "tuple", "iter")
            and node.args
        ):
            return self._cells(node.args[0])
        return isinstance(node, ast.Name) and node.id in self.many

    def _single(self, node: ast.AST) -> bool:
        if isinstance(node, ast.NamedExpr):
            return self._single(node.value)
        if isinstance(node, ast.Name):
            return node.id in self.one
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", "")
            if called == "next":
                return bool(node.args) and self._cells(node.args[0])
            return called == "dict" and len(node.args) == 1 and self._single(node.args[0])
        if isinstance(node, ast.Dict):
            return len(node.keys) == 1 and node.keys[0] is None and self._single(node.values[0])
        if not isinstance(node, ast.Subscript) or not self._cells(node.value):
            return False
        place = node.slice.operand if isinstance(node.slice, ast.UnaryOp) else node.slice
        return isinstance(place, ast.Constant) and isinstance(place.value, int)

    def _bind(self, target: ast.AST, value: ast.AST) -> None:
        if isinstance(target, ast.Name):
            for names, holds in ((self.one, self._single(value)), (self.many, self._cells(value))):
                names.add(target.id) if holds else names.discard(target.id)
        elif isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                for part, given in zip(target.elts, value.elts, strict=True):
                    self._bind(part, given)
            elif self._cells(value):
                self.one |= {part.id for part in target.elts if isinstance(part, ast.Name)}

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            self._bind(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.generic_visit(node)
        if node.value is not None:
            self._bind(node.target, node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.generic_visit(node)
        self._bind(node.target, node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.generic_visit(node)
        if isinstance(node.slice, ast.Constant) and self._single(node.value):
            self.read.append((node, node.slice.value))

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name):
            self.given += [(node.func.id, i) for i, arg in enumerate(node.args) if self._single(arg)]
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "get" and self._single(node.func.value):
            self.read += [(node, arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)]
