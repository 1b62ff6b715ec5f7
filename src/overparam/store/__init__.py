"""What is stored: one JSON file a cell, one record a run; readable with ``json`` alone."""

from overparam.store.atomic import check_writable, write_bytes, write_json, write_text
from overparam.store.cells import Cell, CellStore
from overparam.store.records import RecordStore

__all__ = ["Cell", "CellStore", "RecordStore", "check_writable", "write_bytes", "write_json", "write_text"]
