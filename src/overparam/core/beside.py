"""The files beside a person's own file, imported for it alone. Standard library only.

A study may write ``import helper`` for the ``helper.py`` that lies beside it, from whatever folder it is run, and
``from . import helper``. Such a module lives under a private name of its folder, so that two studies may each have a
``helper``, and nobody else finds either: the path of Python is left as it is. What Python itself or an installed
package calls by a name keeps it; a file beside a study never takes its place.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PREFIX = "overparam_beside_"
INSTALLED = {"site-packages", "dist-packages"}
_SHOWN: dict[str, str] = {}  # what the file of a study was called before it had a private name


def called(module: str) -> str:
    """The name of a module as a person writes it: without the private name of its folder.

    >>> called(f"{PREFIX}0123456789ab.helper"), called("math")
    ('helper', 'math')
    """
    if not module.startswith(PREFIX):
        return module
    return _SHOWN.get(module) or module.partition(".")[2]


def loaded(path: Path, shown: str) -> ModuleType:
    """Run a person's file as a module whose imports find the files beside it.

    Args:
        path: the file; the module's ``__file__`` is its whole path, however it was given.
        shown: what :func:`called` calls it.

    Raises:
        Exception: whatever the file raises.
    """
    path = Path(os.path.abspath(path))  # a worker loads it so; what names __file__ is then the same code there
    root, inside = _place(path)
    package = _package(root)
    name = ".".join([package, *inside, path.stem.replace(".", "_")])
    _forget_changed(package)
    importlib.invalidate_caches()
    spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path)))
    if spec is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    _SHOWN[name] = shown
    sys.modules[name] = module
    try:
        module.__spec__.loader.exec_module(module)  # type: ignore[union-attr]
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def imported(name: str, near: str) -> ModuleType:
    """A module as the module ``near`` means it: a file beside a person's own file, or a module of Python's path."""
    if near.startswith(PREFIX):
        home = near if hasattr(sys.modules.get(near), "__path__") else near.rpartition(".")[0]
        found = _beside(home, name)
        if found is not None:
            return importlib.import_module(found)
    return importlib.import_module(name)


def _place(path: Path) -> tuple[Path, list[str]]:
    """The folder from which a file is imported, without links, and the packages inside it that the file is in."""
    root, inside = path.resolve().parent, list[str]()
    while (root / "__init__.py").is_file() and root.parent != root:
        inside.insert(0, root.name)
        root = root.parent
    return root, inside


def _package(root: Path) -> str:
    """The private package of a folder; its modules are the files there."""
    name = PREFIX + hashlib.sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:12]
    if name not in sys.modules:
        spec = ModuleSpec(name, None, is_package=True)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        sys.modules[name].__path__ = [str(root)]
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return name


def _forget_changed(package: str) -> None:
    """Forget the modules of a folder where the text of one was changed since it was imported."""
    names = [name for name in sys.modules if name.startswith(f"{package}.")]
    loaders = (getattr(sys.modules[name].__spec__, "loader", None) for name in names)
    if any(isinstance(one, _Loader) and one.changed() for one in loaders):
        for name in names:
            sys.modules.pop(name, None)


class _Finder(MetaPathFinder):
    """Finds what has a private name, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PREFIX) or path is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader, spec.cached = _Loader(fullname, spec.loader.path), None
        return spec


class _Loader(SourceFileLoader):
    """Runs the text of a file, never what was once compiled from it, with an import that looks beside it."""

    text = b""

    def get_code(self, fullname: str) -> CodeType:
        self.text = self.get_data(self.path)
        return self.source_to_code(self.text, self.path)

    def exec_module(self, module: ModuleType) -> None:
        home = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": functools.partial(_import, home)}
        super().exec_module(module)

    def changed(self) -> bool:
        """Whether the file says something else now, or is gone."""
        try:
            return self.get_data(self.path) != self.text
        except OSError:
            return True


def _import(
    home: str,
    name: str,
    globals: Mapping[str, Any] | None = None,
    locals: Mapping[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """``__import__`` of the modules of a private package."""
    found = _beside(home, name) if level == 0 else None
    if found is None:
        module = builtins.__import__(name, globals, locals, fromlist or (), level)
        if fromlist and level == 0:
            _explain(home, name, module, fromlist)
        return module
    if fromlist:
        return builtins.__import__(found, globals, locals, fromlist, 0)
    importlib.import_module(found)
    return sys.modules[found.removesuffix(name) + name.partition(".")[0]]


def _beside(home: str, name: str) -> str | None:
    """The private name of a module that lies beside; None where Python's own path has the name.

    Raises:
        ImportError: a file beside and an installed package have the same name.
    """
    top = name.partition(".")[0]
    found = None if _pythons(top) else next(_files(home, top), None)
    if found is None:
        return None
    package, file = found
    if file.is_dir() and importlib.util.find_spec(top) is not None:
        return None  # a folder without __init__.py comes last, as everywhere
    if top != home.partition(".")[2].partition(".")[0]:
        other = _installed(top)
        if other is not None:
            if top in _needed() or Path(other).resolve() == file.resolve():
                return None
            raise ImportError(
                f"expected one module '{top}', got two: the file {file} and the installed package {top}. Rename the file"
            )
    return f"{package}.{name}"


def _files(home: str, top: str) -> Iterator[tuple[str, Path]]:
    """Where a module may lie: in the folder of the module that imports it, or in one around it."""
    while home:
        for folder in getattr(sys.modules.get(home), "__path__", ()) or (_folder(home),):
            base = Path(folder, top)
            for file in (base / "__init__.py", base.with_name(f"{top}.py")):
                if file.is_file():
                    yield home, file
            if base.is_dir() and any(base.glob("*.py")):
                yield home, base
        home = home.rpartition(".")[0]


def _folder(home: str) -> str:
    """The folder of a package that was not imported, because nobody asked for it."""
    package, _, inside = home.partition(".")
    return str(Path(sys.modules[package].__path__[0], *inside.split(".")))


def _pythons(top: str) -> bool:
    return top in sys.stdlib_module_names or top in sys.builtin_module_names or top == "overparam"


def _installed(top: str) -> str | None:
    """Where an installed package of that name lies; None if there is none."""
    folders = [one for one in sys.path if INSTALLED & set(Path(one).parts)]
    spec = PathFinder.find_spec(top, folders)
    return spec.origin if spec is not None else None


@functools.cache
def _needed() -> frozenset[str]:
    """The modules of the packages that this one needs: their names mean them."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, requires
    from re import match

    wanted, waiting = set[str](), ["overparam"]
    while waiting:
        try:
            lines = requires(waiting.pop()) or []
        except PackageNotFoundError:
            continue
        names = [found[0].lower().replace("_", "-") for one in lines if (found := match(r"[\w.-]+", one))
                 and "extra ==" not in one]  # fmt: skip
        waiting += [name for name in names if name not in wanted]
        wanted |= set(names)
    return frozenset(
        module
        for module, owners in packages_distributions().items()
        if wanted & {one.lower().replace("_", "-") for one in owners}
    )


def _explain(home: str, name: str, module: Any, fromlist: Sequence[str]) -> None:
    """Say which file was passed over where a name is missing in Python's own module.

    Raises:
        ImportError: the name is missing, and a file beside has the name of the module.
    """
    missing = [one for one in fromlist if one != "*" and not hasattr(module, one)]
    file = next(_files(home, name.partition(".")[0]), None) if missing else None
    if file is not None:
        raise ImportError(
            f"cannot import '{missing[0]}' from '{name}': that is a module of Python or of an installed package, and "
            f"{file[1]} beside the study never takes its place. Rename the file"
        )
