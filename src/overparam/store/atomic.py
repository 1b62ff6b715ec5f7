"""Files that are either whole or absent: written beside their place, flushed to disk, then renamed."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam.errors import StoreError


def write_text(path: Path, text: str) -> Path:
    """Write a text file atomically (UTF-8); see :func:`write_bytes`."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file atomically, making its folder.

    Raises:
        StoreError: the folder cannot be written; the old file, if any, is untouched.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"expected to write {path}, got: {error.strerror or error}. "
            "Free some space or permissions, or choose another folder."
        ) from error
    return path


def write_json(path: Path, value: Mapping[str, Any]) -> Path:
    """Write a JSON object atomically, one line a key; a number that is not finite is refused, not written."""
    lines = (f"{json.dumps(k)}: {json.dumps(v, allow_nan=False, ensure_ascii=False)}" for k, v in value.items())
    return write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")
