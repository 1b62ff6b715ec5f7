"""What is stored: one JSON file a cell, or packs of them, one record a run; readable with ``json`` alone."""

from overparam.store.atomic import check_writable, write_bytes, write_json, write_text
from overparam.store.cells import Cell, CellStore
from overparam.store.packs import Head
from overparam.store.records import RecordStore
from overparam.store.views import open_views

__all__ = [
    "Cell",
    "CellStore",
    "Head",
    "RecordStore",
    "check_writable",
    "open_views",
    "write_bytes",
    "write_json",
    "write_text",
]
