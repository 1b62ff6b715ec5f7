"""What names stand for, followed through the text of the files that belong together. Standard library only."""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator
from typing import Any

from overparam.core.syntax import Follow, Text, imported, loaded, read, resolved, shape, uses


class Slice:
    """What some names stand for, as it is written in the files that are followed."""

    def __init__(self, follow: Follow) -> None:
        """Nothing is read yet."""
        self.follow = follow
        self.found: dict[tuple[str, str], Any] = {}

    @property
    def shapes(self) -> tuple[Any, ...]:
        """What was found, by name: which file it stands in does not show."""
        return tuple(sorted(((name, found) for (_, name), found in self.found.items()), key=repr))

    def name(self, text: Text, name: str) -> bool:
        """Follow a name at the top of a file; whether it is bound there."""
        key = (text.path, name)
        if key in self.found:
            return True
        statements = text.bound.get(name, [])
        if not statements:
            return any(self._star(text, name))
        self.found[key] = ()
        self.found[key] = tuple(self._statement(text, one, name) for one in statements)
        return True

    def module(self, text: Text) -> None:
        """Follow a whole file."""
        if (text.path, "") in self.found:
            return
        self.found[text.path, ""] = ()
        for name in text.bound:
            self.name(text, name)
        loose = [one for one in text.tree.body if not any(one in some for some in text.bound.values())]
        self.found[text.path, ""] = shape(loose)

    def imports(self, text: Text, node: ast.AST) -> None:
        """Follow what is imported anywhere in a piece of syntax, and what is named to be imported later."""
        for one, alias in imported(node):
            if isinstance(one, str):
                self.later(text.path, one)
            elif alias is not None:
                self._import(text, one, alias)

    def later(self, near: str, reference: str) -> None:
        """Follow ``module:name``."""
        module, _, name = reference.partition(":")
        found = self._file(near, module)
        if found is not None:
            self.name(found, name)

    def _statement(self, text: Text, node: ast.stmt, name: str) -> Any:
        if isinstance(node, ast.Import | ast.ImportFrom):
            alias = next(
                one for one in node.names if name in (one.asname, one.name, one.name.partition(".")[0])
            )
            return self._import(text, node, alias)
        names = frozenset(uses(node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            inner = (loaded(code) for code in text.codes.get((node.name, first), ()))
            given = [node.args] if not isinstance(node, ast.ClassDef) else [*node.bases, *node.keywords]
            names &= frozenset().union(*inner, *(uses(one) for one in (*node.decorator_list, *given)))
        for one in sorted(names - {name}):
            self.name(text, one)
        self.imports(text, node)
        return shape(node)

    def _import(self, text: Text, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Any:
        if isinstance(node, ast.Import):
            found = self._file(text.path, alias.name)
            if found is not None:
                self.module(found)
            return ("import", alias.name)
        module = node.module or ""
        inner = self._file(text.path, f"{module}.{alias.name}" if module else alias.name, node.level)
        whole = self._file(text.path, module, node.level) if inner is None else None
        if inner is not None:
            self.module(inner)
        elif whole is not None and whole.path != text.path:
            self.name(whole, alias.name)
        return ("import", f"{'.' * node.level}{module}", alias.name)

    def _star(self, text: Text, name: str) -> Iterator[bool]:
        for one in text.bound.get("*", ()):
            if isinstance(one, ast.ImportFrom):
                found = self._file(text.path, one.module or "", one.level)
                yield found is not None and found.path != text.path and self.name(found, name)

    def _file(self, near: str, module: str, level: int = 0) -> Text | None:
        """The text of a module among the files that are followed, found without importing it."""
        top = getattr(self.follow, "root", None)  # the folder of the study, where its files also look
        tops = (os.path.join(top, *module.split(".")),) if top and module and not level else ()
        for base in (*_candidates(near, module, level), *tops):
            for path in (f"{base}.py", os.path.join(base, "__init__.py")):
                if os.path.isfile(path) and self.follow(path):
                    return read(path)
        return None


@functools.lru_cache(maxsize=4096)
def _candidates(near: str, module: str, level: int) -> tuple[str, ...]:
    """Where a module may lie that a file imports: in its folder, or in a folder around its package."""
    folder = resolved(near).parent
    tops = [folder.parents[level - 2] if level > 1 else folder]
    while not level and (tops[-1] / "__init__.py").is_file() and tops[-1].parent != tops[-1]:
        tops.append(tops[-1].parent)
    return tuple(str(top.joinpath(*module.split(".")) if module else top) for top in tops)
