"""House rules that no linter knows: file length, empty rooms, study files' imports. Run by ``make check``."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 400


def problems() -> list[str]:
    """Return one sentence a broken rule."""
    found = []
    for path in sorted(ROOT.glob("src/**/*.py")) + sorted(ROOT.glob("tests/**/*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > LONGEST:
            found.append(f"{path.relative_to(ROOT)}: expected at most {LONGEST} lines, got {len(lines)}")
    rooms = sorted(p for p in (ROOT / "src/overparam").iterdir() if p.is_dir() and p.name != "__pycache__")
    found += [
        f"{room.relative_to(ROOT)}: an empty room"
        for room in rooms
        if not any(path.name != "__init__.py" for path in room.rglob("*.py"))
    ]
    for path in sorted((ROOT / "src/overparam/studies").rglob("*.py")):
        for name in _module_level_imports(path):
            top = name.split(".")[0]
            own = name == "overparam.core" or name.startswith("overparam.studies")
            if top not in sys.stdlib_module_names and not own:
                found.append(f"{path.relative_to(ROOT)}: imports {name} at its top; move it into the function")
    return found


def _module_level_imports(path: Path) -> list[str]:
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


if __name__ == "__main__":
    broken = problems()
    sys.exit("\n".join(broken) if broken else 0)
