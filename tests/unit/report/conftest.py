import copy
import json
from pathlib import Path

import pytest

RECORD = Path(__file__).parents[2] / "golden" / "report_record.json"


@pytest.fixture(scope="session")
def _stored():
    return json.loads(RECORD.read_text(encoding="utf-8"))


@pytest.fixture
def record(_stored):
    """A run's record that a test may change."""
    return copy.deepcopy(_stored)


@pytest.fixture
def chart(record):
    return record["charts"][0]
