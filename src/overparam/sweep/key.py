"""The name of a cell: what identifies it, readable first, then a hash of all of it.

A cell's key is made of its resolved parameters, the fingerprint of its data and the study's ``cell_version``;
never of the profile's name. Parameters at their default drop out, so a new option orphans no old result.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam.study import Params, Study

_LONGEST = 80


def identity(study: Study, params: Params, fingerprint: str) -> dict[str, Any]:
    """Return what identifies a cell, as JSON types; the data set's name is replaced by its fingerprint."""
    kept = {
        axis.name: _plain(params[axis.name])
        for axis in study.axes
        if axis.name != "data" and (axis.default is None or params[axis.name] != axis.default)
    }
    return {"data_fingerprint": fingerprint, "cell_version": study.cell_version, "params": kept}


def cell_name(study: Study, params: Params, fingerprint: str) -> str:
    """Return the cell's file name without its ending: a readable part, two dashes, 16 hexadecimal digits."""
    which = identity(study, params, fingerprint)
    text = json.dumps(which, sort_keys=True, separators=(",", ":"), allow_nan=False)
    digest = hashlib.sha256(f"{study.name}:{text}".encode()).hexdigest()[:16]
    return f"{slug({'data': Path(params['data']).stem, **which['params']})}--{digest}"


def slug(values: Mapping[str, Any]) -> str:
    """Return a short readable text that is safe as a file name everywhere.

    >>> slug({"data": "mnist1d", "width": 47, "noise": 0.15})
    'data=mnist1d,width=47,noise=0.15'
    """
    parts = [f"{name}={value}" for name, value in values.items() if not isinstance(value, list | tuple)]
    return re.sub(r"[^A-Za-z0-9=.,_+-]+", "-", ",".join(parts))[:_LONGEST]


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
