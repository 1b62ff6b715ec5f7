"""A checksum line ends each cell file: the hash of all that stands before it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from overparam.core.atomic import json_text

_MARK = ',\n"sha256": "'


def sealed(document: Mapping[str, Any]) -> bytes:
    """Return a JSON object as bytes, with the SHA-256 of its text as the last entry.

    >>> whole(sealed({"a": 1})), whole(sealed({"a": 1}).replace(b"1", b"2", 1)), whole(b'{"a": 1}')
    (True, False, True)
    """
    body = json_text(document).removesuffix("\n}\n")
    return f'{body}{_MARK}{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'.encode()


def whole(content: bytes) -> bool:
    """Whether a file is as it was written; a file without a seal, from another writer, counts as whole."""
    body, mark, seal = content.rpartition(_MARK.encode())
    return not mark or seal == f'{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()
