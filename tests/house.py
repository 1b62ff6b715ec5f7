"""House rules that no linter knows: file length, empty rooms, studies' imports, cycles. Run by ``make check``."""

from __future__ import annotations

import ast
import configparser
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src/overparam"
LONGEST = 400


def problems() -> list[str]:
    """Return one sentence a broken rule."""
    found = []
    for path in sorted(ROOT.glob("src/**/*.py")) + sorted(ROOT.glob("tests/**/*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > LONGEST:
            found.append(f"{path.relative_to(ROOT)}: expected at most {LONGEST} lines, got {len(lines)}")
    rooms = sorted(
        {PACKAGE / p.relative_to(PACKAGE).parts[0] for p in PACKAGE.rglob("*") if _is_a_file_of_ours(p)}
    )
    found += [
        f"{room.relative_to(ROOT)}: an empty room"
        for room in rooms
        if room.is_dir() and not any(path.name != "__init__.py" for path in room.rglob("*.py"))
    ]
    loose = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    found += [f"src/overparam/{name}: expected every file in a room" for name in sorted(loose)]
    for path in sorted((PACKAGE / "studies").rglob("*.py")):
        for name in _module_level_imports(path):
            top = name.split(".")[0]
            own = name.startswith("overparam.core")
            if path.stem.endswith("_work"):
                continue  # imported inside functions of its study alone, which the next rule sees to
            if name.endswith("_work") or (top not in sys.stdlib_module_names and not own):
                found.append(f"{path.relative_to(ROOT)}: imports {name} at its top; move it into the function")
    graph = imports(PACKAGE)
    found += [f"modules that import each other: {', '.join(group)}" for group in cycles(graph)]
    found += [f"study {a}: imports the study {b}" for a, b in between_studies(graph)]
    found += [f"{name}: expected to be the source of a contract in .importlinter" for name in uncovered(graph)]
    found += [text for path in sorted(PACKAGE.rglob("*.py")) for text in past_the_door(path)]
    return found + beside_studies(PACKAGE / "studies")


def _is_a_file_of_ours(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def past_the_door(path: Path) -> list[str]:
    """Operations on files that do not go through ``core/disk.py``: changes anywhere, looks in the rooms of the store."""
    name = path.relative_to(PACKAGE).as_posix()
    if name == "core/disk.py":
        return []
    looks = name.startswith(("store/", "sweep/", "report/", "api/", "cli/")) and name not in ELSEWHERE
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = _called(node) if isinstance(node, ast.Call) else ""
        module, _, method = called.rpartition(".")
        if module == "disk":
            continue
        changes = (
            (module == "os" and method in OS)
            or (module in ("shutil", "tempfile", "fcntl") and name not in ELSEWHERE)
            or (bool(module) and method in CHANGES)
            or (method == "replace" and _names_a_file(node))
            or (method == "open" and _mode(node) & set("wax+"))
        )
        if (changes and name not in ELSEWHERE) or (
            looks and (called == "open" or (module and method in LOOKS))
        ):
            found.append(f"src/overparam/{name}:{node.lineno}: {called} passes by core/disk.py")
    return found


OS = {
    "open",
    "replace",
    "rename",
    "link",
    "symlink",
    "unlink",
    "remove",
    "mkdir",
    "makedirs",
    "rmdir",
    "fsync",
    "sync",
}
OS |= {"truncate", "utime", "listdir", "scandir", "walk", "stat", "lstat", "mkfifo", "chmod"}
CHANGES = {
    "write_text",
    "write_bytes",
    "unlink",
    "rename",
    "mkdir",
    "rmdir",
    "touch",
    "hardlink_to",
    "symlink_to",
}
LOOKS = {
    "open",
    "read_text",
    "read_bytes",
    "exists",
    "lexists",
    "is_file",
    "is_dir",
    "stat",
    "lstat",
    "iterdir",
    "glob",
}
LOOKS |= {"rglob", "listdir", "scandir", "samefile"}
ELSEWHERE = {  # what they touch lies in no results folder and no cache
    "api/width_sweep/run.py": "a study written for its worker processes",
    "cli/streams.py": "the streams of this program",
    "report/page.py": "templates of the package",
    "sweep/environment.py": "the package's own folder",
    "sweep/fresh.py": "where Python looks for modules",
    "sweep/key.py": "a person's data and probe files",
    "sweep/processes.py": "what the system says of its processors; what workers say",
    "sweep/quota.py": "what the system says of the processors of a container",
    "sweep/select.py": "a person's data and probe files",
}


def _called(node: ast.Call) -> str:
    """The words before the brackets of a call; what stands before the last dot is ``?`` where it is no plain name."""
    if isinstance(node.func, ast.Attribute):
        return f"{node.func.value.id if isinstance(node.func.value, ast.Name) else '?'}.{node.func.attr}"
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _names_a_file(node: ast.Call) -> bool:
    """Whether a call of ``replace`` is that of a path, which takes one argument, and not that of a text or a record."""
    return len(node.args) == 1 and not node.keywords and _called(node) != "dataclasses.replace"


def _mode(node: ast.Call) -> set[str]:
    given = [*node.args[-1:], *(word.value for word in node.keywords if word.arg == "mode")]
    return {
        sign
        for one in given
        if isinstance(one, ast.Constant)
        for sign in str(one.value)
        if len(str(one.value)) < 4
    }


def beside_studies(folder: Path) -> list[str]:
    """What lies in the folder of the studies and is neither a study in one file nor its work file."""
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    studies = {name for name in files if _holds_a_study(folder / f"{name}.py")}
    works = {f"{name}_work" for name in studies}
    folders = {path.name for path in folder.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    return [
        f"studies/{name}: expected a study, or NAME_work.py" for name in sorted(files - studies - works)
    ] + [f"studies/{name}/: expected one file a study" for name in sorted(folders)]


def _holds_a_study(path: Path) -> bool:
    targets = (
        target
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    )
    return any(isinstance(target, ast.Name) and target.id == "STUDY" for target in targets)


def _module_level_imports(path: Path) -> list[str]:
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


def modules(package: Path) -> dict[str, Path]:
    """Every module below a package's folder, by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: Path) -> dict[str, set[str]]:
    """The modules of the package that each of its modules imports anywhere in its text.

    ``from room import name`` is an import of ``room.name`` where that is a module, else of ``room``. The packages
    that a module lies in do not count.
    """
    known = modules(package)
    return {name: _imports(path, known) - {name} for name, path in known.items()}


def _imports(path: Path, known: Mapping[str, Path]) -> set[str]:
    wanted = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            inner = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            wanted |= {whole if whole in known else str(node.module) for whole in inner.values()}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            wanted |= {node.value.partition(":")[0]} if ":" in node.value else set()  # a reference for later
    return wanted & set(known)


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or not, each sorted.

    >>> cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})
    [['a', 'b', 'c']]
    """
    reach = {name: _reached(graph, name) for name in graph}
    groups = {
        tuple(sorted(other for other in reach[name] if name in reach[other]))
        for name in graph
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for other in graph[waiting.pop()] - found:
            found.add(other)
            waiting.append(other)
    return found


def between_studies(graph: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """Pairs of a study and another study whose modules it imports."""
    studies = {
        path.name if path.is_dir() else path.stem
        for path in (PACKAGE / "studies").iterdir()
        if (path.is_dir() and (path / "__init__.py").is_file() and _holds_a_study(path / "__init__.py"))
        or (path.suffix == ".py" and _holds_a_study(path))
    }  # fmt: skip
    parts = {name: name.split(".")[2] for name in graph if name.startswith("overparam.studies.")}
    pairs = {(parts[a], parts[b]) for a in parts for b in graph[a] if b in parts}
    return {
        (a, b)
        for a, b in pairs
        if a in studies and b in studies and a.removesuffix("_work") != b.removesuffix("_work")
    }


def uncovered(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that are the source of no contract in ``.importlinter`` but those of the whole package."""
    read = configparser.ConfigParser()
    read.read(ROOT / ".importlinter", encoding="utf-8")
    sources = {
        source
        for section in read.sections()
        for key in ("source_modules", "containers")
        for source in read.get(section, key, fallback="").split()
        if source != "overparam"
        if read.get(section, "as_packages", fallback="True") == "True"
    }
    return [
        name
        for name in graph
        if name != "overparam" and not any(f"{name}.".startswith(f"{s}.") for s in sources)
    ]


if __name__ == "__main__":
    broken = problems()
    sys.exit("\n".join(broken) if broken else 0)
