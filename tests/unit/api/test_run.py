import numpy as np
import pytest

import overparam
from overparam.core.errors import OverparamError, UsageError
from tests.conftest import TOY


@pytest.fixture
def result(tmp_path):
    return overparam.run(str(TOY), out=tmp_path, on="inline", progress=False)


def test_every_public_name_is_there():
    for name in overparam.__all__:
        assert getattr(overparam, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'rum'. Did you mean 'run'?"):
        _ = overparam.rum


def test_a_result_holds_verdicts_a_tidy_table_and_a_page(result):
    assert result.verdicts[0]["status"] == "supported"
    table = result.table()
    assert len(table) == 18
    assert {"width", "noise", "seed", "error", "status"} <= set(table[0])
    assert result.page.exists()
    assert repr(result).startswith("Result(toy, quick: 1 supported; page ")


def test_the_table_goes_to_pandas_and_polars(result):
    frame = result.to_pandas()
    assert frame.groupby("width")["error"].mean().loc[16] == pytest.approx(14.1)
    assert result.to_polars().shape[0] == 18


def test_pandas_is_optional(result, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(OverparamError, match=r"to_pandas needs pandas: pip install 'overparam\[pandas\]'"):
        result.to_pandas()


def test_a_notebook_shows_the_verdicts(result):
    html = result._repr_html_()
    assert "supported" in html
    assert "toy.rise" in html or "rise" in html
    assert "<script" not in html


def test_a_stored_run_is_loaded_again(result):
    again = overparam.load("toy", out=result.out)
    assert again.verdicts == result.verdicts
    assert again.table() == result.table()


def test_arrays_can_stand_where_a_data_set_is_named(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2
    one = overparam.run(str(TOY), out=tmp_path, on="inline", progress=False, data=(x, y, x[:10], y[:10]))
    path = one.verdicts[0]["data"]
    assert path.endswith(".npz")
    assert one.record["mark"] == "exploratory"
    again = overparam.run(str(TOY), out=tmp_path, on="inline", progress=False, data=(x, y, x[:10], y[:10]))
    assert again.record["cells"]["computed"] == 0
    other = overparam.run(str(TOY), out=tmp_path, on="inline", progress=False, data=(x + 1, y, x[:10], y[:10]))
    assert other.record["cells"]["computed"] == 18


def test_options_of_a_file_are_part_of_what_a_cell_is(tmp_path):
    path = tmp_path / "mine.csv"
    rows = [f"{i * 7 % 31 / 4},{i % 5},{'xy'[i // 3 % 2]}" for i in range(30)]
    path.write_text("a,b,kind\n" + "\n".join(rows))
    kept = {"out": tmp_path / "runs", "on": "inline", "progress": False, "page": False}
    first = overparam.run(str(TOY), data=f"{path}:label=kind,labels=any", **kept)
    assert first.verdicts[0]["data"] == "mine.csv:label=kind,labels=any"
    again = overparam.run(str(TOY), data=[f"{path}:labels=any,label=kind"], **kept)
    assert again.record["cells"]["computed"] == 0
    both = overparam.run(
        str(TOY), data=[f"{path}:label=kind,labels=any", f"{path}:label=kind,labels=any,drop=b"], **kept
    )
    assert both.record["cells"]["computed"] == first.record["cells"]["computed"]
    assert len({verdict["data"] for verdict in both.verdicts}) == 2


@pytest.mark.parametrize("several", [False, True])
def test_data_by_path_objects(tmp_path, several):
    path = tmp_path / "mine.npz"
    np.savez(path, x=np.arange(60.0).reshape(30, 2) % 7, y=np.arange(30) % 2)
    asked = [path, path] if several else path
    made = overparam.run(str(TOY), out=tmp_path / "runs", on="inline", progress=False, page=False, data=asked)
    assert made.verdicts[0]["data"] == "mine.npz"


def test_data_of_a_wrong_kind_is_refused(tmp_path):
    with pytest.raises(UsageError, match="data: expected a name, a path, a Dataset.*got int"):
        overparam.run(str(TOY), out=tmp_path, on="inline", progress=False, data=3)
