"""Odd values for an argument: what a person might hand over instead of what is meant."""

from __future__ import annotations

import datetime
import math
import warnings
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np

SCALES = (1e-300, 1e-160, 1e160, 1e300)
MUST, MAY, SAME = "must be refused", "may be refused", "gives the same"
MISFITS = ("one row less", "no rows", "no columns", "one", "zero", "a million million", "beyond 64 bits")
"""What fits in itself, but not to the other arguments: a message may name any of them."""
Odd = tuple[str, Any, str]


class Dearest:
    """An object that is no number, and that no one can print."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def arrays(valid: Any) -> list[Odd]:
    """In place of an array of real numbers: what must be refused, may be, and what gives the same."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return list(_arrays(valid))


def _arrays(valid: Any) -> Iterator[Odd]:
    v = np.array(valid, dtype=np.float64)
    for s in SCALES:
        yield f"times {s:g}", v * s, MAY
    for name, one in (("NaN", math.nan), ("inf", math.inf), ("-inf", -math.inf)):
        bad = v.copy()
        bad.flat[-1] = one
        yield name, bad, MUST if name == "NaN" else MAY
    yield "complex", v + 1e-3j, MUST
    yield "complex without imaginary part", v + 0j, MUST
    yield "objects with a complex one", _objects(v, 1j), MUST
    yield "objects with a text", _objects(v, "1.0"), MUST
    yield "objects with pandas' NA", _objects(v, _na()), MUST
    yield "texts of numbers", v.astype(str), MUST
    yield "list of texts", v.astype(str).tolist(), MUST
    yield "text", "1.0", MUST
    yield "bytes", b"1.0", MUST
    yield "dates", np.full(v.shape, np.datetime64("2020-01-01")), MUST
    yield "time spans", np.full(v.shape, np.timedelta64(1, "s")), MUST
    yield "masked", np.ma.masked_array(v, mask=np.arange(v.size).reshape(v.shape) == 0), MUST
    yield "structured", np.zeros(v.shape, dtype=[("a", float)]), MUST
    yield "ragged", [[1.0], [1.0, 2.0]], MUST
    yield "dictionary", {"a": 1.0}, MUST
    yield "set", {1.0, 2.0}, MUST
    yield "generator", (one for one in [1.0]), MUST
    yield "unprintable", Dearest(), MUST
    yield "nothing", None, MAY
    yield "boolean", True, MAY
    yield "a number", 1.0, MAY
    yield "huge integer", 10**400, MAY
    yield "empty", np.zeros(0), MAY
    yield "empty list", [], MAY
    yield "no rows", v[:0] if v.ndim else v.reshape(1)[:0], MAY
    yield "no columns", np.zeros((len(v) if v.ndim else 0, 0)), MAY
    yield "three axes more", v[None, None, None], MAY
    yield "one row less", v[:-1] if v.ndim else v, MAY
    yield "negative", -v, MAY
    yield "zeros", 0 * v, MAY
    yield "half", v.astype(np.float16), MAY
    yield "bfloat16", v.astype(_bfloat16()), MAY
    yield "extended", v.astype(np.longdouble), MAY
    yield "integers", np.round(np.nan_to_num(v, posinf=9)).astype(np.int64), MAY
    yield "booleans", v > 0, MAY
    if v.ndim == 2:
        from scipy import sparse

        yield "sparse", sparse.csr_matrix(v), MUST
    yield "objects", v.astype(object), SAME
    if v.ndim:
        yield "decimals", np.array([Decimal(float(one)) for one in v.ravel()], object).reshape(v.shape), SAME
    yield "list", v.tolist(), SAME
    yield "read-only", _read_only(v), SAME
    yield "Fortran order", np.array(v, order="F"), SAME
    yield "strided", _strided(v), SAME
    yield "big-endian", v.astype(">f8"), SAME


def numbers(valid: Any) -> Iterator[Odd]:
    """In place of one real number."""
    v = float(valid)
    for s in SCALES:
        yield f"times {s:g}", v * s, MAY
    for name, one in (("NaN", math.nan), ("inf", math.inf), ("-inf", -math.inf)):
        yield name, one, MUST if name == "NaN" else MAY
    yield "complex", complex(v, 1e-3), MUST
    yield "complex of numpy", np.complex128(complex(v, 1e-3)), MUST
    yield "text of a number", str(v), MUST
    yield "text", "many", MUST
    yield "bytes", b"1", MUST
    yield "boolean", True, MUST
    yield "boolean of numpy", np.bool_(True), MUST
    yield "list", [v], MUST
    yield "array of one", np.array([v]), MUST
    yield "date", datetime.date(2020, 1, 1), MUST
    yield "time span", np.timedelta64(1, "s"), MUST
    yield "masked", np.ma.masked, MUST
    yield "unprintable", Dearest(), MUST
    yield "nothing", None, MAY
    yield "huge integer", 10**400, MAY
    yield "negative", -v, MAY
    yield "zero", 0.0, MAY
    yield "integer", 1, MAY
    yield "0-d array", np.array(v), SAME
    yield "scalar of numpy", np.float64(v), SAME
    yield "decimal", Decimal(v), SAME


def sizes(valid: Any) -> Iterator[Odd]:
    """In place of a whole number."""
    yield "half", valid + 0.5, MUST
    yield "boolean", True, MUST
    yield "text", str(valid), MUST
    yield "NaN", math.nan, MUST
    yield "list", [valid], MUST
    yield "complex", complex(valid, 1e-3), MUST
    yield "date", datetime.date(2020, 1, 1), MUST
    yield "negative", -1, MUST
    yield "huge integer", 10**5000, MUST
    yield "unprintable", Dearest(), MUST
    yield "inf", math.inf, MAY
    yield "nothing", None, MAY
    yield "zero", 0, MAY
    yield "one", 1, MAY
    yield "a million million", 10**12, MAY
    yield "beyond 64 bits", 2**63, MAY
    yield "whole float", float(valid), MAY
    yield "integer of numpy", np.int64(valid), SAME


def choices(valid: Any) -> Iterator[Odd]:
    """In place of a name out of a list."""
    yield "nonsense", "nonsense", MUST
    yield "empty", "", MUST
    yield "number", 3, MUST
    yield "list", ["nonsense"], MUST
    yield "dictionary", {}, MUST
    yield "bytes", b"nonsense", MUST
    yield "nothing", None, MAY


def _objects(v: np.ndarray, last: Any) -> np.ndarray:
    out = v.astype(object)
    if out.ndim == 0:
        return np.array(last, dtype=object)
    out.flat[-1] = last
    return out


def _na() -> Any:
    try:
        import pandas
    except ImportError:
        return object()
    return pandas.NA


def _bfloat16() -> Any:
    import jax.numpy as jnp

    return jnp.bfloat16


def _read_only(v: np.ndarray) -> np.ndarray:
    out = v.copy()
    out.flags.writeable = False
    return out


def _strided(v: np.ndarray) -> np.ndarray:
    if not v.ndim:
        return v
    return np.repeat(v, 2, axis=0)[::2]
