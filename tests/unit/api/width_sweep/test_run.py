"""overparam.width_sweep from Python and from the shell: resuming, extending, arrays, workers, what is one's own."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import overparam
from overparam.api.width_sweep.run import prepare
from overparam.core.errors import DataError, UsageError
from overparam.data import from_arrays
from overparam.models import mlp
from overparam.own.family import Family
from overparam.sweep.select import select
from overparam.training import Recipe

RECIPE = Recipe(steps=40, learning_rate=0.1, momentum=0.9, batch=20, probes=5)
RNG = np.random.default_rng(0)
CENTRES = RNG.standard_normal((3, 6)) * 2
Y = np.arange(80) % 3
X = CENTRES[Y] + RNG.standard_normal((80, 6))
OWN = """
import jax.numpy as jnp
import optax
import overparam
from overparam.models import mlp
from overparam.training import Recipe

def mine(width):
    return mlp(6, (width,), 3)

def loss(outputs, labels):
    return optax.softmax_cross_entropy_with_integer_labels(outputs, labels) + 0.01 * jnp.mean(outputs**2, axis=1)

def half(step):
    return 0.5 ** (step // 10)

ADAMW = optax.adamw(0.01)

def gain(network, loss, params, params0, x, y, x_test, y_test):
    outputs = network.apply(params, x_test)
    return {"gain": jnp.mean(outputs**2), "means": jnp.mean(outputs, axis=0)}

RECIPE = Recipe(steps=40, learning_rate=0.1, momentum=0.9, batch=20, probes=5)
"""
STUDY = """
STUDY = overparam.width_sweep_study(mine, name="mine", data={data!r}, widths=(2, 4, 8), seeds=2, recipe=RECIPE)
"""


def mine(width):
    return mlp(6, (width,), 3)


def sweep(out, run=overparam.width_sweep, **more):
    given = {"data": (X, Y), "widths": (2, 4, 8), "seeds": 2, "recipe": RECIPE, "name": "mine", "on": "inline"}
    quiet = {"progress": False} if run is overparam.width_sweep else {}
    return run(mine, out=out, **{**given, **quiet, **more})


def to_do(out, **more):
    """How many cells such a sweep would compute, and its mark."""
    plan = sweep(out, prepare, **more).plan
    return sum(len(stack.cells) for stack in plan.stacks), plan.selection.mark


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A module of one's own on the path, with everything that a sweep can be given."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "my_networks.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    try:
        import my_networks

        yield my_networks
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("my_networks", None)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return out, sweep(out)


@pytest.mark.slow
def test_a_sweep_gives_verdicts_causes_a_table_and_a_page(first):
    _, result = first
    assert [v["claim"].split(".")[1] for v in result.verdicts][:2] == ["error-peak", "clean"]
    assert {row["parameters"] for row in result.table()} == {6 * w + w + 3 * w + 3 for w in (2, 4, 8)}
    assert {d["name"] for d in result.diagnoses} >= {"noise", "threshold", "axis"}
    page = result.page.read_text()
    assert "Why no peak?" in page
    assert "overparam.width_sweep(mine, data=&#39;mine-" in page
    assert str(result.out) not in result.path.read_text()


@pytest.mark.slow
def test_the_same_call_again_computes_nothing_and_more_seeds_or_widths_extend(first):
    out, _ = first
    assert to_do(out) == (0, "")
    assert to_do(out, data=from_arrays(X, Y, name="anything")) == (0, "")
    assert to_do(out, seeds=3) == (6, "extended")
    assert to_do(out, widths=(2, 4, 6, 8)) == (4, "")
    assert to_do(out, version="2") == (12, "")
    assert to_do(out, arms={"learning_rate": (0.1, 0.2)}) == (12, "")
    assert to_do(out, probes=("norms",)) == (12, "")
    again = sweep(out)
    assert (again.record["cells"]["computed"], again.record["cells"]["total"]) == (0, 12)


@pytest.mark.slow
def test_the_shell_and_python_share_their_cells(first, module, capsys):
    out, _ = first
    (data,) = (out / "data").glob("mine-*.npz")
    file = f"{module.__file__}:mine"
    given = (
        "--data",
        data,
        "--widths",
        "2,4,8",
        "--seeds",
        "2",
        "--recipe",
        f"{module.__file__}:RECIPE",
        "--name",
        "mine",
    )
    shown = call(capsys, "sweep", file, *given, "--out", out, "--dry-run")
    assert "12: 12 done, 0 to do" in shown
    shown = call(capsys, "sweep", file, *given, "--out", out)
    assert "12 cells, all from the store" in shown
    assert "page: " in shown
    page = (out / "mine" / "quick.html").read_text()
    assert "overparam sweep my_networks.py:mine --data mine-" in page
    assert str(out) not in page
    assert "48: 12 done, 36 to do" in call(
        capsys,
        "sweep",
        file,
        *given,
        "--arm",
        "learning-rate=0.1,0.2",
        "--arm",
        "momentum=0,0.9",
        "--out",
        out,
        "--dry-run",
    )


def call(capsys, *arguments):
    from overparam.cli import main

    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    assert not ended.value.code
    return capsys.readouterr().out


def test_a_family_that_cannot_be_imported_runs_here_and_says_so(tmp_path):
    given = {"data": (X, Y), "widths": (2, 4, 8), "out": tmp_path, "recipe": RECIPE}
    ready = prepare(lambda w: mlp(6, (w,), 3), name="here", **given)
    assert ready.remark.startswith("computed in this process: worker processes cannot import a lambda")
    assert (ready.on, ready.text) == ("inline", "")
    assert prepare(lambda w: mlp(6, (w,), 3), name="here", on="inline", **given).remark == ""


def test_a_diverged_member_is_a_result(first):
    out, _ = first
    (data,) = (out / "data").glob("mine-*.npz")
    wild = Recipe(steps=20, learning_rate=1e6, batch=20, probes=3, loss="squared")
    study = overparam.width_sweep_study(mine, data=data, widths=(2, 4, 8), seeds=1, noise=(0.15,), recipe=wild)
    (found,) = study.work(select(study, "quick").cells()[:1], lambda fraction: None)
    assert (found.status, found.values["train_loss_share"], found.values["test_error"]) == (
        "diverged",
        None,
        None,
    )


def test_what_fresh_workers_can_import(module):
    assert Family(lambda width: mine(width)).importable()[0] is None
    assert "lambda" in Family(lambda width: mine(width)).importable()[1]
    assert "notebook" in Family(_as_main(mine)).importable()[1]
    folder = str(module.__file__).rpartition("/")[0]
    assert Family(module.mine).importable() == ((folder, "my_networks", "mine"), "")


def _as_main(function):
    copy = type(function)(function.__code__, function.__globals__, "mine")
    copy.__module__ = "__main__"
    return copy


@pytest.mark.slow
def test_workers_train_by_a_loss_an_optimizer_and_a_schedule_of_ones_own(module, tmp_path):
    recipe = Recipe(20, 1.0, optimizer=module.ADAMW, loss=module.loss, schedule=module.half, batch=20, probes=3)
    given = {"data": (X, Y), "widths": (2, 4, 8), "seeds": 1, "noise": (0.15,), "recipe": recipe, "workers": 1}
    result = overparam.width_sweep(
        module.mine, out=tmp_path, progress=False, probes={"gain": module.gain}, **given
    )
    assert result.record["failures"] == []
    assert (result.record["cells"]["ok"], result.record["environment"]["executor"]) == (3, "processes")
    assert result.remark == ""
    assert [v["claim"].split(".")[1] for v in result.verdicts] == [
        "error-peak",
        "clean",
        "error-strong",
        "loss-ends",
    ]
    row = result.table()[0]
    assert len(row["probe_means"]) == 3
    assert row["probe_gain"] == row["probe_gain_by_step"][-1]
    charts = {chart["name"]: chart for chart in result.record["charts"]}
    assert charts["loss"]["y_title"] == "loss, a loss of your own"
    assert [line["label"] for line in charts["probe-means"]["series"]] == ["number 1", "number 2", "number 3"]
    assert charts["probe-gain-by-step"]["x"][0]["name"] == "step"


@pytest.mark.slow
def test_numbers_under_a_loss_of_ones_own_are_drawn_and_asked_for_their_direction(tmp_path, capsys):
    def absolute(outputs, targets):
        return abs(outputs - targets).sum(axis=1)

    targets = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], axis=1)
    given = {"data": (X, targets), "widths": (1, 2, 4), "seeds": 1, "noise": (0.15,), "name": "numbers"}
    recipe = Recipe(20, 0.1, batch=20, probes=3, loss=absolute)
    result = overparam.width_sweep(lambda width: mlp(6, (width,), 2), out=tmp_path, recipe=recipe, **given)
    assert result.record["environment"]["executor"] == "inline"
    assert "computed in this process" in capsys.readouterr().err
    assert result.record["cells"]["ok"] == 3
    assert [v["claim"] for v in result.verdicts] == ["numbers.loss-ends"]
    assert result.record["diagnoses"] == []
    assert all(row["outputs"] == 2 and row["n"] == 60 for row in result.table())
    page = result.page.read_text()
    assert "target noise" in page
    assert "loss=absolute" in page


def test_the_command_line_runs_a_file_and_tells_the_causes(first, tmp_path, capsys):
    out, _ = first
    (data,) = (out / "data").glob("mine-*.npz")
    file = tmp_path / "my_family.py"
    file.write_text(OWN + STUDY.format(data=str(data)))
    shown = call(capsys, "run", file, "--profile", "quick", "--on", "inline", "--out", out)
    assert "12 cells, all from the store" in shown
    assert "why no peak?" in shown
    assert "likely: No width fits the training set." in shown
    rows = json.loads(call(capsys, "show", "mine", "--json", "--out", out))
    peak = next(row for row in rows if row["claim"] == "mine.error-peak")
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
