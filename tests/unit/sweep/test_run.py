import dataclasses
import json
import os

import pytest

from overparam.core.arms import arm
from overparam.core.errors import StoreError, UsageError
from overparam.sweep import processes
from overparam.sweep import run as sweep
from overparam.sweep.judge import rejudge
from overparam.sweep.record import reconclude
from tests.conftest import TOY

pytestmark = pytest.mark.usefixtures("_digits_fingerprint")


@pytest.fixture
def _digits_fingerprint(monkeypatch):
    monkeypatch.setattr("overparam.data.fingerprint", lambda name, download=False: "0" * 16)


def plan(toy_path, out, **overrides):
    return sweep.make_plan(toy_path, out=out, workers=2, overrides=overrides)


def test_a_run_computes_judges_and_stores(toy_path, tmp_path):
    record = sweep.execute(plan(toy_path, tmp_path), on="inline")
    assert record["cells"] == {"total": 18, "ok": 18, "diverged": 0, "failed": 0, "missing": 0, "computed": 18}
    (verdict,) = record["verdicts"]
    assert verdict["status"] == "supported"
    assert verdict["effect"] == pytest.approx(8.0)
    assert verdict["control"]["ok"]
    assert json.loads((tmp_path / "toy" / "quick.json").read_text()) == record
    assert all(path.stat().st_size < 10_000 for path in (tmp_path / "toy" / "cells").iterdir())


def test_the_same_command_again_computes_nothing(toy_path, tmp_path):
    first = sweep.execute(plan(toy_path, tmp_path), on="inline")
    again = plan(toy_path, tmp_path)
    assert again.stacks == ()
    record = sweep.execute(again, on="inline")
    assert record["cells"]["computed"] == 0
    assert record["verdicts"] == first["verdicts"]


def test_cells_that_another_run_stored_meanwhile_are_not_counted_as_computed(toy_path, tmp_path):
    mine, other = (sweep.make_plan(toy_path, out=tmp_path, overrides={"seeds": 1}) for _ in range(2))
    assert sweep.execute(other, on="inline")["cells"]["computed"] == 6
    heard = []
    cells = sweep.execute(mine, on="processes", listen=heard.append)["cells"]
    assert (cells["computed"], cells["ok"]) == (0, 6)
    assert [event["found"] for event in heard if event["event"] == "cell"] == [True] * 6


def test_more_seeds_and_widths_extend_what_is_stored(toy_path, tmp_path):
    sweep.execute(plan(toy_path, tmp_path), on="inline")
    more = plan(toy_path, tmp_path, seeds="5")
    assert sum(len(s.cells) for s in more.stacks) == 2 * 3 * 2
    record = sweep.execute(more, on="inline")
    assert record["cells"]["computed"] == 12
    assert record["mark"] == "extended"
    assert record["verdicts"][0]["n"] == 3  # between two looks the last one decides
    looked = sweep.execute(plan(toy_path, tmp_path, seeds="6"), on="inline")
    assert (looked["verdicts"][0]["n"], looked["verdicts"][0]["level"]) == (6, 0.99)
    wider = plan(toy_path, tmp_path, widths="8,16,32,64")
    assert {c["width"] for s in wider.stacks for c in s.cells} == {64}


@pytest.mark.slow
def test_processes_give_the_same_numbers_as_inline(toy_path, tmp_path):
    inline = sweep.execute(plan(toy_path, tmp_path / "a"), on="inline")
    spread = sweep.execute(plan(toy_path, tmp_path / "b"), on="processes")
    assert inline["verdicts"] == spread["verdicts"]
    assert inline["charts"] == spread["charts"]


@pytest.mark.slow
def test_a_cell_that_raises_costs_only_itself(toy_path, tmp_path):
    heard = []
    record = sweep.execute(plan(toy_path, tmp_path, fault="raise"), on="processes", listen=heard.append)
    assert record["cells"]["failed"] == 6
    assert record["cells"]["ok"] == 12
    assert {f["params"]["width"] for f in record["failures"]} == {16}
    assert all("planted failure at width 16" in f["traceback"] for f in record["failures"])
    assert sum(e["event"] == "failed" for e in heard) == 6
    assert len(os.listdir(tmp_path / "toy" / "failed")) == 6
    (verdict,) = record["verdicts"]
    assert (verdict["status"], verdict["effect"]) == ("not_applicable", None)
    assert verdict["reason"].startswith("no point within 2% of width = 16")


@pytest.mark.slow
def test_a_worker_that_dies_twice_is_a_failure_and_the_others_go_on(toy_path, tmp_path):
    record = sweep.execute(plan(toy_path, tmp_path, fault="die"), on="processes")
    assert record["cells"]["ok"] == 12
    assert record["cells"]["failed"] == 6
    assert "signal SIGKILL" in record["failures"][0]["error"]
    assert len(os.listdir(tmp_path / "toy" / "failed")) == 6


def test_a_diverged_cell_is_a_result(toy_path, tmp_path):
    record = sweep.execute(plan(toy_path, tmp_path, fault="diverge"), on="inline")
    assert record["cells"]["diverged"] == 6
    assert {d["params"]["width"] for d in record["diverged"]} == {32}
    assert "NaN" not in (tmp_path / "toy" / "quick+fault=diverge.json").read_text()
    assert plan(toy_path, tmp_path, fault="diverge").stacks == ()


def test_a_damaged_cell_is_kept_aside_and_computed_again(toy_path, tmp_path):
    sweep.execute(plan(toy_path, tmp_path), on="inline")
    victim = sorted((tmp_path / "toy" / "cells").iterdir())[0]
    whole = json.loads(victim.read_text())
    victim.write_text(victim.read_text()[:50])
    again = plan(toy_path, tmp_path)
    assert again.damaged == (victim.stem,)
    sweep.execute(again, on="inline")
    assert json.loads(victim.read_text())["values"] == whole["values"]
    assert victim.with_suffix(".damaged").exists()


def test_one_arm_alone_cannot_be_supported_without_its_control(toy_path, tmp_path):
    record = sweep.execute(plan(toy_path, tmp_path, noise="0.2"), on="inline")
    (verdict,) = record["verdicts"]
    assert verdict["status"] == "inconclusive"
    assert verdict["control"]["status"] == "not_run"
    assert "no finished cell at noise = 0" in verdict["reason"]


def test_an_unmet_precondition_is_named(toy_path, tmp_path):
    record = sweep.execute(plan(toy_path, tmp_path, noise="0,0.05"), on="inline")
    (verdict,) = record["verdicts"]
    assert (verdict["status"], verdict["reason"]) == (
        "not_applicable",
        "most label noise 5%, asked at least 10%",
    )


def test_fewer_seeds_than_planned_give_an_estimate_and_no_verdict(toy_path, tmp_path):
    record = sweep.execute(plan(toy_path, tmp_path, seeds="1"), on="inline")
    (verdict,) = record["verdicts"]
    assert (verdict["status"], verdict["mark"]) == ("not_applicable", "exploratory, below plan")
    assert verdict["reason"].startswith(
        "below plan: 1 of 3 planned seeds (0 to 2); so far test error at width = 16"
    )
    assert verdict["effect"] == pytest.approx(8.0)
    assert record["planned"]["below"]


def test_a_control_that_shows_the_effect_too_bars_support(toy, tmp_path):
    claim = toy.claims[0]
    same = dataclasses.replace(
        claim, control=dataclasses.replace(claim.control, on=arm("20 % noise", noise=0.2))
    )
    broken = dataclasses.replace(toy, claims=(same,))
    record = sweep.execute(sweep.make_plan(broken, out=tmp_path), on="inline")
    assert record["verdicts"][0]["status"] == "inconclusive"
    assert "the control shows the effect too" in record["verdicts"][0]["reason"]


def test_a_changed_rule_is_noticed_and_judged_again_without_computing(toy_path, toy, tmp_path):
    record = sweep.execute(plan(toy_path, tmp_path), on="inline")
    assert rejudge(toy, record) == []
    changed = dataclasses.replace(toy, claims=(dataclasses.replace(toy.claims[0], history=("stricter",)),))
    assert rejudge(changed, record) == ["toy.rise"]
    again = reconclude(toy, record, tmp_path)
    assert again["verdicts"] == record["verdicts"]
    for kept in ("created", "environment", "cells", "seconds"):
        assert again[kept] == record[kept]


def test_the_record_holds_curves_with_intervals_and_the_fit_point(toy_path, tmp_path):
    (chart,) = sweep.execute(plan(toy_path, tmp_path), on="inline")["charts"]
    noisy = next(s for s in chart["series"] if s["arm"] == 0.2 and s["metric"] == "error")
    assert noisy["x"] == {"width": [8, 16, 32], "parameters": [80, 160, 320]}
    assert noisy["mean"] == pytest.approx([10.1, 18.1, 10.1])
    assert noisy["n"] == [3, 3, 3]
    assert noisy["low"][0] < 10.1 < noisy["high"][0]
    assert (noisy["average"], noisy["seed_names"]) == ("arithmetic", [0, 1, 2])
    line = chart["lines"][0]
    assert line["x"] == {"width": 16, "parameters": 160}
    assert line["detail"] == "train error <= 1 % first at width 16, 3 of 3 seeds"


def test_a_logarithmic_chart_shows_geometric_means(toy, tmp_path):
    log = dataclasses.replace(toy, charts=(dataclasses.replace(toy.charts[0], y_log=True),))
    record = sweep.execute(sweep.make_plan(log, out=tmp_path), on="inline")
    by_metric = {s["metric"]: s for s in record["charts"][0]["series"]}
    assert by_metric["error"]["average"] == "geometric"
    assert by_metric["error"]["mean"][0] == pytest.approx((9.98 * 10.1 * 10.22) ** (1 / 3), rel=1e-5)
    assert by_metric["train_error"]["average"] == "arithmetic", "zeros have no logarithm"


def test_no_line_of_a_chart_averages_over_another_axis(toy, tmp_path):
    without_arm = dataclasses.replace(toy, charts=(dataclasses.replace(toy.charts[0], arm=""),))
    record = sweep.execute(sweep.make_plan(without_arm, out=tmp_path), on="inline")
    (chart,) = record["charts"]
    found = {s["label"]: s["mean"][1] for s in chart["series"] if s["metric"] == "error"}
    assert found == pytest.approx({"test error, noise 0.0": 10.1, "test error, noise 0.2": 18.1})
    labels = [line["label"] for line in chart["lines"]]
    assert labels == [f"interpolation threshold, noise {noise}" for noise in (0.0, 0.2)]


@pytest.mark.slow
def test_a_stack_whose_worker_dies_loses_only_the_cell_that_kills_it(toy_path, tmp_path):
    text = TOY.read_text().replace(
        'cell["fault"] == "die" and width == 16', 'cell["fault"] == "die" and seed == 1'
    )
    (tmp_path / "deadly.py").write_text(text)
    record = sweep.execute(plan(str(tmp_path / "deadly.py"), tmp_path / "out", fault="die"), on="processes")
    assert record["cells"]["failed"] == 6
    assert record["cells"]["ok"] == 12
    assert record["cells"]["missing"] == 0
    assert {f["params"]["seed"] for f in record["failures"]} == {1}


def test_work_may_ask_for_an_axis_that_its_study_lacks_but_not_the_first_cell_alone(tmp_path):
    start = "    outcomes = []\n"
    for name, line in (("asks", "cells[0].get('kind')"), ("reads", "[c['seed'] for c in cells[:1]]")):
        text = TOY.read_text().replace(start, f"    {line}\n{start}", 1).replace('cell["seed"]', "0")
        (tmp_path / f"{name}.py").write_text(text)
    asked = sweep.execute(plan(str(tmp_path / "asks.py"), tmp_path / "a"), on="inline")
    assert asked["cells"]["ok"] == 18
    read = sweep.execute(plan(str(tmp_path / "reads.py"), tmp_path / "b"), on="inline")
    assert read["cells"]["failed"] == 18
    assert "reads 'seed' from the first cell of a stack whose cells differ" in read["failures"][0]["error"]


def test_nothing_stored_tells_where_it_was_made(tmp_path):
    (tmp_path / "private").mkdir()
    study = tmp_path / "private" / "mine.py"
    study.write_text(TOY.read_text())
    data = str(tmp_path / "private" / "mine.npz")
    record = sweep.execute(plan(str(study), tmp_path / "out", data=data, fault="raise"), on="inline")
    assert {v["data"] for v in record["verdicts"]} == {"mine.npz"}
    assert record["overrides"]["data"] == "mine.npz"
    assert record["reference"] == "mine.py"
    for path in (tmp_path / "out").rglob("*.json"):
        assert str(tmp_path) not in path.read_text(), path.name
        assert "private" not in path.name


def test_a_changed_default_without_a_new_version_is_noticed(toy, tmp_path):
    sweep.execute(sweep.make_plan(toy, out=tmp_path), on="inline")
    axes = tuple(dataclasses.replace(a, default="raise") if a.name == "fault" else a for a in toy.axes)
    with pytest.raises(
        StoreError, match="default of an axis of 'toy' was changed without raising its cell_version"
    ):
        sweep.make_plan(dataclasses.replace(toy, axes=axes), out=tmp_path)


def test_a_study_made_in_a_program_cannot_go_to_workers(toy, tmp_path):
    with pytest.raises(UsageError, match="worker processes cannot import the study 'toy'"):
        sweep.execute(sweep.make_plan(toy, out=tmp_path), on="processes")
    with pytest.raises(UsageError, match="unknown executor 'proceses'. Did you mean 'processes'"):
        sweep.execute(sweep.make_plan(toy, out=tmp_path), on="proceses")


def test_a_results_folder_that_cannot_be_written_stops_the_run(toy_path, tmp_path):
    (tmp_path / "toy").write_text("a file in the way")
    for on in ("inline", "processes"):
        with pytest.raises(StoreError, match="expected"):
            sweep.execute(plan(toy_path, tmp_path), on=on)


def test_workers_get_one_thread_and_their_own_core(monkeypatch):
    monkeypatch.setattr(processes, "gpus", lambda: 0)
    env = processes.worker_environment(0, 1)
    assert {env[k] for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")} == {"1"}
    assert "intra_op_parallelism_threads=1" in env["XLA_FLAGS"]
    assert "xla-" in env["JAX_COMPILATION_CACHE_DIR"]
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "mine")
    assert processes.worker_environment(0, 1)["JAX_COMPILATION_CACHE_DIR"] == "mine"
    monkeypatch.setattr(processes, "gpus", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert [processes.worker_environment(i, 2)["CUDA_VISIBLE_DEVICES"] for i in (0, 1)] == ["4", "7"]


def test_a_time_limit_must_be_positive(toy_path, tmp_path):
    with pytest.raises(UsageError, match="limit: expected a positive number of seconds, got 0"):
        sweep.execute(plan(toy_path, tmp_path), on="inline", limit=0)
