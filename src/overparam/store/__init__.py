"""What is stored: one JSON file a cell, or packs of them, one record a run; readable with ``json`` alone."""

from overparam.store.cells import Cell, CellStore
from overparam.store.packs import Head
from overparam.store.records import RecordStore
from overparam.store.views import open_views

__all__ = [
    "Cell",
    "CellStore",
    "Head",
    "RecordStore",
    "open_views",
]
