"""overparam.width_sweep from Python: resuming, extending, arrays, workers, and the command line on a file."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import overparam
from overparam.core.errors import DataError, UsageError
from overparam.data import from_arrays
from overparam.models import mlp
from overparam.own.family import Family
from overparam.training import Recipe

RECIPE = Recipe(steps=40, learning_rate=0.1, momentum=0.9, batch=20, probes=5)
RNG = np.random.default_rng(0)
CENTRES = RNG.standard_normal((3, 6)) * 2
Y = np.arange(80) % 3
X = CENTRES[Y] + RNG.standard_normal((80, 6))
CODE = """
import overparam
from overparam.models import mlp
from overparam.own.family import Family
from overparam.training import Recipe

def mine(width):
    return mlp(6, (width,), 3)

STUDY = overparam.width_sweep_study(
    mine, name="from-a-file", data={data!r}, widths=(2, 4, 8), seeds=1, noise=(0.15,),
    recipe=Recipe(steps=20, learning_rate=0.1, batch=20, probes=3),
)
"""


def mine(width):
    return mlp(6, (width,), 3)


def sweep(out, **more):
    given = {"data": (X, Y), "widths": (2, 4, 8), "seeds": 2, "recipe": RECIPE, "name": "mine", "on": "inline"}
    return overparam.width_sweep(mine, out=out, progress=False, **{**given, **more})


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return out, sweep(out)


def test_a_sweep_gives_verdicts_causes_a_table_and_a_page(first):
    _, result = first
    assert [v["claim"].split(".")[1] for v in result.verdicts][:2] == ["error-peak", "clean"]
    assert {row["parameters"] for row in result.table()} == {6 * w + w + 3 * w + 3 for w in (2, 4, 8)}
    assert {d["name"] for d in result.diagnoses} >= {"noise", "threshold", "axis"}
    page = result.page.read_text()
    assert "Why no peak?" in page
    assert "overparam.width_sweep(mine, data=&#39;mine-" in page
    assert str(result.out) not in result.path.read_text()


def test_the_same_call_again_computes_nothing_and_more_seeds_or_widths_extend(first):
    out, _ = first
    assert sweep(out).record["cells"]["computed"] == 0
    more = sweep(out, seeds=3)
    assert (more.record["cells"]["total"], more.record["cells"]["computed"]) == (18, 6)
    assert more.record["mark"] == "extended"
    wider = sweep(out, widths=(2, 4, 6, 8))
    assert (wider.record["cells"]["computed"], wider.record["mark"]) == (4, "")
    assert sweep(out, version="2", page=False).record["cells"]["computed"] == 12


def test_a_dataset_and_its_arrays_are_the_same_data(first, tmp_path):
    out, _ = first
    data = from_arrays(X, Y, name="anything")
    assert sweep(out, data=data, page=False).record["cells"]["computed"] == 0


def test_a_diverged_member_is_a_result(tmp_path):
    wild = Recipe(steps=40, learning_rate=1e6, batch=20, probes=5, loss="squared")
    result = sweep(tmp_path, recipe=wild, seeds=1, noise=(0.15,), page=False)
    assert result.record["cells"]["diverged"] == 3
    assert {v["status"] for v in result.verdicts} == {"not_applicable"}


def test_what_fresh_workers_can_import(tmp_path, monkeypatch):
    assert Family(lambda width: mine(width)).importable()[0] is None
    assert "lambda" in Family(lambda width: mine(width)).importable()[1]
    assert "notebook" in Family(_as_main(mine)).importable()[1]
    (tmp_path / "my_networks.py").write_text(CODE.split("STUDY")[0])
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_networks

    assert Family(my_networks.mine).importable() == ((str(tmp_path.resolve()), "my_networks", "mine"), "")


def _as_main(function):
    copy = type(function)(function.__code__, function.__globals__, "mine")
    copy.__module__ = "__main__"
    return copy


def test_a_family_that_cannot_be_imported_runs_here_and_says_so(tmp_path, capsys):
    given = {"data": (X, Y), "widths": (2, 4, 8), "seeds": 1, "noise": (0.15,), "recipe": RECIPE}
    result = overparam.width_sweep(lambda w: mlp(6, (w,), 3), out=tmp_path, name="here", page=False, **given)
    assert result.remark.startswith("computed in this process: worker processes cannot import a lambda")
    assert "computed in this process" in capsys.readouterr().err
    assert result.record["environment"]["executor"] == "inline"


def test_an_importable_family_runs_on_workers(tmp_path, monkeypatch):
    (tmp_path / "my_families.py").write_text(CODE.split("STUDY")[0])
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_families

    given = {"data": (X, Y), "widths": (2, 4, 8), "seeds": 1, "noise": (0.15,), "recipe": RECIPE, "workers": 1}
    result = overparam.width_sweep(my_families.mine, out=tmp_path / "runs", progress=False, page=False, **given)
    assert result.record["failures"] == []
    assert (result.record["cells"]["ok"], result.record["environment"]["executor"]) == (3, "processes")
    assert result.remark == ""
    sys.modules.pop("my_families")


def test_the_command_line_runs_a_file_and_tells_the_causes(tmp_path, capsys, monkeypatch):
    from overparam.cli import main
    from overparam.data import save

    data = save(from_arrays(X, Y, name="blobs"), tmp_path / "blobs.npz")
    file = tmp_path / "my_family.py"
    file.write_text(CODE.format(data=str(data)))

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        assert not ended.value.code
        return capsys.readouterr().out

    shown = call("run", file, "--profile", "quick", "--on", "inline", "--out", tmp_path / "runs")
    assert "why no peak?" in shown
    assert "likely: No width fits the training set." in shown
    rows = json.loads(call("show", "from-a-file", "--json", "--out", tmp_path / "runs"))
    peak = next(row for row in rows if row["claim"] == "from-a-file.error-peak")
    assert "threshold" in {cause["name"] for cause in peak["causes"]}
    assert next(row for row in rows if row["claim"].endswith(".clean"))["causes"] == []


@pytest.mark.parametrize(
    ("more", "error", "text"),
    [
        ({"data": (X, np.zeros(80, int))}, DataError, "labels of at least 2 classes, got 0 in every row"),
        ({"data": 3}, UsageError, r"expected a name, a path, a Dataset, \(x, y\)"),
        ({"data": (X, Y[:5])}, DataError, "expected one label a row"),
        ({"data": (X, np.full(80, 0.5))}, DataError, "expected targets that differ"),
    ],
)
def test_data_that_do_not_fit_are_refused(tmp_path, more, error, text):
    with pytest.raises(error, match=text):
        sweep(tmp_path, **more)


def test_a_regression_from_arrays(tmp_path):
    targets = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], axis=1)
    result = overparam.width_sweep(
        lambda w: mlp(6, (w,), 2), data=(X, targets), widths=(2, 4, 8), seeds=2, out=tmp_path, name="numbers",
        recipe=Recipe(steps=40, learning_rate=0.05, batch=20, probes=5, loss="squared"), progress=False,
    )  # fmt: skip
    assert [v["claim"] for v in result.verdicts] == [
        "numbers.loss-peak",
        "numbers.loss-strong",
    ]
    assert all(row["outputs"] == 2 and row["n"] == 60 for row in result.table())
    assert "target noise" in result.page.read_text()
