"""Objects that a notebook shows: each says which page module draws it, by name, and hands it plain values."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

PAGES = "overparam.report"


class Shown:
    """An object with a picture: ``drawn_by`` names a module of the report that draws what :meth:`shown` gives.

    The module is looked up when it is asked for, so that neither a theorem nor a measurement imports a page.
    """

    drawn_by = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        raise NotImplementedError

    def shown(self) -> Mapping[str, Any]:
        """What is drawn: plain JSON types, by default all of the object."""
        return self.to_dict()

    @property
    def page(self) -> Any:
        """The module that draws it."""
        return import_module(f"{PAGES}.{self.drawn_by}")

    def _repr_html_(self) -> str:
        return str(self.page.fragment(self.shown()))
