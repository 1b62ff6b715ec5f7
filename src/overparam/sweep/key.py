"""The name of a cell: what identifies it, readable first, then a hash of all of it.

A cell's key is made of its resolved parameters, the fingerprint of its data and the study's ``cell_version``, and for
a study outside the package of the code of its work; never of the profile's name. Parameters at their default drop out,
so a new option orphans no old result.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overparam.core import Params, Study, data_name
from overparam.core.code import digest, work_of
from overparam.core.errors import UsageError
from overparam.core.registry import ships
from overparam.core.slices import Slice
from overparam.core.syntax import beside, read

_LONGEST = 80


def work_code(study: Study) -> str:
    """The code of a study's work by 16 hexadecimal digits; empty for a study of the package, which has its versions.

    Looked at are the work, what it names in the study's file, and the files beside that it imports. Comments,
    docstrings, claims and charts do not enter.
    """
    return "" if ships(study) else digest(work_of(study.work, study.file))


def identity(study: Study, params: Params, fingerprint: str, code: str | None = None) -> dict[str, Any]:
    """Return what identifies a cell, as JSON types; the data set's name is replaced by its fingerprint.

    A study's ``extra_identity`` adds what its axes do not show, such as the shapes of a user's network.

    Args:
        study: the study.
        params: the cell's parameters.
        fingerprint: of its data.
        code: from :func:`work_code`, which is called if it is not given.
    """
    params = {**params, **shown_probes(params)}
    kept = {
        axis.name: _plain(params[axis.name])
        for axis in study.axes
        if axis.name != "data" and (axis.default is None or params[axis.name] != axis.default)
    }
    own = {} if study.extra_identity is None else {"own": _plain(study.extra_identity(params))}
    work = work_code(study) if code is None else code
    own |= {"work": work} if work else {}
    return {"data_fingerprint": fingerprint, "cell_version": study.cell_version, "params": kept, **own}


def cell_name(study: Study, params: Params, fingerprint: str, code: str | None = None) -> str:
    """Return the cell's file name without its ending: a readable part, two dashes, 16 hexadecimal digits."""
    which = identity(study, params, fingerprint, code)
    return f"{slug({'data': data_name.shown(params['data']), **which['params']})}--{_digest(study.name, which)}"


def former_digests(study: Study, params: Params, fingerprint: str) -> list[str]:
    """Return the 16 hexadecimal digits that end the cell's name in the study that this one was a part of.

    There are several where that study had axes on whose values the cell does not depend.

    Raises:
        ValueError: the study was no part of another.
    """
    was = study.formerly
    if was is None:
        raise ValueError(f"expected a study that was a part of another, got '{study.name}'")
    which = {**identity(study, params, fingerprint, ""), "cell_version": was.cell_version}
    kept = {name: value for name, value in which["params"].items() if name not in was.without}
    then = [{**kept, **_plain(was.params), **_plain(also)} for also in ({}, *was.also)]
    return [_digest(was.study, {**which, "params": one}) for one in then]


def _digest(name: str, which: Mapping[str, Any]) -> str:
    text = json.dumps(which, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(f"{name}:{text}".encode()).hexdigest()[:16]


def shown_probes(params: Params) -> dict[str, Any]:
    """The probes that a person asked for as they are keyed and stored: a file by its name and a hash of its text.

    Raises:
        UsageError: a file that is not there.
    """
    return {"probes": tuple(map(_shown_probe, params["probes"]))} if "probes" in params else {}


def _shown_probe(name: str) -> str:
    if not name.endswith(".py"):
        return name
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(
            f"--probe: expected a Python file with a probe, found nothing at {path}. Check the path."
        )
    text = path.read_bytes() + _beside(str(path))
    return f"{path.stem}-{hashlib.sha256(text).hexdigest()[:8]}"


def _beside(path: str) -> bytes:
    """What a probe's file imports of the files beside it; nothing where it imports none."""
    text = read(path)
    if text is None:
        return b""
    found = Slice(beside(path))
    found.module(text)
    others = sorted(((name, said) for (file, name), said in found.found.items() if file != path), key=repr)
    return repr(others).encode() if others else b""


def slug(values: Mapping[str, Any], whole: Mapping[str, Any] | None = None, *, hashed: bool = False) -> str:
    """Return a short readable text that is safe as a file name everywhere.

    Args:
        values: what is shown; lists are left out.
        whole: everything the name stands for; where given, a text that had to be cut or changed ends in a hash
            of it, so that two names are equal only if what they stand for is.
        hashed: whether to end in the hash in any case.

    >>> slug({"data": "mnist1d", "width": 47, "noise": 0.15})
    'data=mnist1d,width=47,noise=0.15'
    """
    full = ",".join(f"{name}={value}" for name, value in values.items() if not isinstance(value, list | tuple))
    safe = re.sub(r"[^A-Za-z0-9=.,_+-]+", "-", full)[:_LONGEST]
    if whole is None or (safe == full and not hashed):
        return safe
    text = json.dumps(_plain(dict(whole)), sort_keys=True, default=str)
    return f"{safe[: _LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
