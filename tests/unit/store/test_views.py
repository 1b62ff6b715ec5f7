import json
import math
import sys

import pytest

pytest.importorskip("duckdb")

from overparam.core.errors import DamageWarning, OverparamError, StoreError, UsageError
from overparam.store import CellStore, pack
from overparam.store.views import open_views, query

pytestmark = pytest.mark.filterwarnings("ignore::overparam.core.errors.DamageWarning")


def write(store, name, params, values, **changed):
    base = {"study": store.study, "cell_version": 1, "params": params, "values": values}
    store.write(name, {**base, "status": "ok", "seconds": 0.5, **changed})


@pytest.fixture
def out(tmp_path):
    store = CellStore(tmp_path, "double-descent")
    for i, width in enumerate((8, 16, 32, 64)):
        write(
            store, f"w={width}--{i}", {"width": width, "data": "digits"}, {"loss": 1 / width, "curve": [i, 0.5]}
        )
        if i == 1:
            pack.pack(store)
    write(store, "w=8--9", {"width": 8, "data": "digits"}, {"loss": None, "curve": []}, status="diverged")
    (store.folder / "bad--1.json").write_text("{")
    (store.folder / "bad--2.json").write_text('{"schema": 1}')
    write(
        CellStore(tmp_path, "toy"),
        "a--1",
        {"status": "x", "seed": 2**63, "step": 3},
        {"step": [1], "seconds": 9},
    )
    (tmp_path / "data").mkdir()
    return tmp_path


def test_packed_and_loose_cells_are_one_table_under_two_names(out):
    for table in ('"double-descent"', "double_descent"):
        columns, rows = query(f"SELECT width, loss, curve, status, seconds FROM {table} ORDER BY cell", out)
        assert columns == ["width", "loss", "curve", "status", "seconds"]
        assert rows == [
            (16, 1 / 16, [1, 0.5], "ok", 0.5),
            (32, 1 / 32, [2, 0.5], "ok", 0.5),
            (64, 1 / 64, [3, 0.5], "ok", 0.5),
            (8, 1 / 8, [0, 0.5], "ok", 0.5),
            (8, None, [], "diverged", 0.5),
        ]
    assert query("SELECT width - 9 FROM double_descent ORDER BY 1 LIMIT 1", out)[1] == [(-1,)]


def test_a_query_agrees_with_the_table_from_python(out):
    cells, _ = CellStore(out, "double-descent").readable(sorted(CellStore(out, "double-descent").names()))
    mean = math.fsum(c.values["loss"] for c in cells.values() if c.values["loss"] is not None) / 4
    assert query("SELECT avg(loss) FROM double_descent", out)[1][0][0] == pytest.approx(mean)


def test_names_that_clash_are_told_apart_and_large_numbers_kept_as_text(out):
    columns, rows = query("SELECT * FROM toy", out)
    assert dict(zip(columns, rows[0], strict=True)) == {
        "cell": "a--1", "status": "ok", "seconds": 0.5, "status_param": "x", "seed": str(2**63), "step": 3,
        "step_value": [1], "seconds_value": 9,
    }  # fmt: skip


def test_a_file_wins_over_a_packed_cell(out):
    write(CellStore(out, "double-descent"), "w=8--0", {"width": 8, "data": "digits"}, {"loss": 5.0})
    assert query("SELECT loss FROM double_descent WHERE cell = 'w=8--0'", out)[1] == [(5.0,)]


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        (
            "SELECT widht FROM double_descent",
            "Did you mean 'width'? Tables: double-descent, double_descent. Columns:",
        ),
        ("SELECT * FROM double_desent", "Did you mean 'double_descent'?"),
        ("SELEC 1", "syntax error"),
        (" ", "expected SQL, got nothing. Tables: double_descent, toy"),
        ("SELECT loss FROM double_descent WHERE data > 3", "Cannot compare values of type VARCHAR"),
    ],
)
def test_a_wrong_query_is_a_usage_error(out, sql, text):
    with pytest.raises(UsageError) as error:
        query(sql, out)
    assert text in str(error.value)


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{}/x.csv'",
        "ATTACH '{}/x.db'",
        "EXPORT DATABASE '{}/x'",
        "SELECT * FROM read_text('{}/toy/cells/a--1.json')",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ],
)
def test_a_query_touches_no_file(out, sql):
    before = sorted(out.rglob("*"))
    with pytest.raises(UsageError, match="redirect its output"):
        query(sql.format(out), out)
    assert sorted(out.rglob("*")) == before


def test_a_query_sees_no_variable_of_the_program(out):
    secret = {"a": [1]}
    with pytest.raises(UsageError, match="secret does not exist"):
        query("SELECT * FROM secret", out)
    assert secret


def test_nothing_stored_and_unknown_studies_are_named(out, tmp_path):
    with pytest.raises(UsageError, match=r"expected stored cells in .*none.*Run a study first"):
        open_views(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="unknown stored study 'toi'. Did you mean 'toy'"):
        open_views(out, ["toi"])
    with open_views(out) as connection:
        assert {t for (t,) in connection.execute("SHOW TABLES").fetchall()} == {
            "double-descent", "double_descent", "toy",
        }  # fmt: skip


def test_a_newer_cell_is_refused(out):
    store = CellStore(out, "toy")
    document = json.loads(store.path("a--1").read_text())
    store.path("a--1").write_text(json.dumps({**document, "schema": 99}))
    with pytest.raises(StoreError, match=r"a--1.json: expected schema 1 or older, got 99.*upgrade"):
        query("SELECT * FROM toy", out)


def test_names_that_differ_in_case_only_are_told_apart(tmp_path):
    write(CellStore(tmp_path, "toy"), "a--1", {"width": 3}, {"Loss": 1.0, "loss": 2.0})
    assert query("SELECT loss, loss_value FROM toy", tmp_path)[1] == [(1.0, 2.0)]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_columns_of_several_kinds_are_one_column_however_they_are_read(tmp_path, monkeypatch, batch):
    monkeypatch.setattr("overparam.store.views._BATCH", batch)
    store = CellStore(tmp_path, "toy")
    write(store, "a--1", {"x": 1}, {"n": 1, "f": 1, "l": [], "m": "s", "e": None, "z": [], "d": {"a": 1}})
    write(store, "a--2", {"x": 2}, {"n": -2, "f": 2.5, "l": [1, 2], "m": 3, "e": None, "z": []})
    write(store, "a--3", {"x": 3}, {"n": None, "f": None, "l": [0.5, None], "m": None, "e": None, "late": True})
    columns, rows = query("SELECT * FROM toy ORDER BY cell", tmp_path)
    found = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    assert found["n"] == [1, -2, None]
    assert found["f"] == [1.0, 2.5, None]
    assert found["l"] == [[], [1.0, 2.0], [0.5, None]]
    assert found["m"] == ["s", "3", None]
    assert found["e"] == [None] * 3
    assert found["z"] == [[], [], None]
    assert found["d"] == ['{"a": 1}', None, None]
    assert found["late"] == [None, None, True]


def test_without_duckdb_the_way_to_install_it_is_told(out, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(OverparamError, match=r"pip install 'overparam\[query\]'"):
        query("SELECT 1", out)


def test_cells_that_cannot_be_read_are_counted_and_named(out):
    with pytest.warns(DamageWarning, match=r"double-descent: 2 of 7 cells cannot be read.*: bad--1, bad--2\."):
        assert query("SELECT count(*) FROM double_descent", out)[1] == [(5,)]
