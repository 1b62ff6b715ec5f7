"""A cell keeps its key: what a person computed is found again by every later version of its study."""

import json
from pathlib import Path

import pytest

from overparam.core.registry import studies
from overparam.sweep.key import cell_name, former_digests

KEYS = json.loads((Path(__file__).parent / "keys.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(KEYS))
def test_a_cell_keeps_its_key(name):
    study = studies()[name]
    for row in KEYS[name]:
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in row["params"].items()}
        params = {**{axis.name: axis.default for axis in study.axes}, **given}
        assert cell_name(study, params, "f" * 16) == row["name"]
        if "former" in row:
            assert former_digests(study, params, "f" * 16) == row["former"]
