import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def modules(monkeypatch):
    """Import a benchmark by its file name, as its own folder's scripts do."""
    from importlib import import_module

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == BENCHMARKS:
            del sys.modules[name]


def script(name, *options, **more):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, str(BENCHMARKS / name), *map(str, options)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=300, **more
    )


def result(goals, **more):
    environment = {
        "overparam": "0", "commit": "", "dirty": False, "python": "3", "versions": {"numpy": "2"}, "platform": "P",
        "processor": "a <b>processor</b>", "cores": 2, "memory_gb": 8.0, "peers": {"torch": "1"},
        "started": "2026-01-02T03:04:05Z", "load_average": [0.1, 0.2, 0.3], "load_average_after": [0.4, 0.5, 0.6],
    }  # fmt: skip
    bars = [{"title": "Seconds", "unit": "s", "values": [
        {"label": name, "mine": mine, "median": 2.0, "low": 1.0, "high": 3.0, "n": 3}
        for name, mine in (("ours", True), ("<i>peer</i>", False))
    ]}]  # fmt: skip
    tables = [{"title": "Numbers", "columns": ["H", "us"], "rows": [[3, 1234.5], ["x", None]]}]
    return {
        "benchmark": "stacked", "title": "Stacks", "question": "How fast?", "environment": environment,
        "conditions": {"repeats": "3"}, "goals": goals, "bars": bars, "tables": tables, "notes": ["a note"],
        "quick": False,
        **more,
    }  # fmt: skip


def test_a_missing_peer_skips_the_benchmark_and_keeps_its_old_result(tmp_path):
    (tmp_path / "stacked.json").write_text(json.dumps(result([])))
    done = script("run.py", "--only", "stacked", "--quick", "--peer", "none", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "skipped: stacked needs PyTorch" in done.stdout
    assert "make bench" in done.stdout
    assert json.loads((tmp_path / "stacked.json").read_text()) == result([])


@pytest.mark.slow
def test_the_runner_measures_draws_and_describes_the_machine(tmp_path):
    done = script("run.py", "--only", "store_listing", "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "store_listing.json").read_text())
    assert found["quick"] is True
    assert found["goals"][0]["n"] == 1
    assert {"processor", "cores", "python", "versions", "started", "load_average"} <= found[
        "environment"
    ].keys()
    assert "these are no measurements" in (tmp_path / "index.html").read_text()


def test_pruning_without_its_peer_is_skipped():
    done = script("pruning.py", "--short")
    assert done.returncode == 77
    assert "pruning needs PyTorch" in done.stdout


def test_a_failing_benchmark_fails_the_run(modules, monkeypatch, tmp_path):
    run = modules("run")
    monkeypatch.setattr(sys, "argv", ["run.py", "--only", "overheads", "--quick", "--out", str(tmp_path)])
    monkeypatch.setattr(run.subprocess, "run", lambda command: subprocess.CompletedProcess(command, 1))
    with pytest.raises(SystemExit, match="failed: overheads"):
        run.main()


def test_peers_are_pinned(modules):
    lines = [line for line in modules("run").LIST.read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert all(re.fullmatch(r"[a-z-]+==[0-9.]+(a[0-9]+)?([+]cpu)?", line) for line in lines)


@pytest.mark.parametrize(
    "width", [pytest.param(3, marks=pytest.mark.slow), pytest.param(12, marks=pytest.mark.slow)]
)
def test_ours_trains_as_the_oracle_does(modules, tmp_path, width):
    found = modules("stacked").agree(str(tmp_path / "start.npz"), width, steps=7, members=2, n=300)
    assert found["ours"] == pytest.approx(found["oracle"], rel=1e-5)
    assert found["ours"][0] != pytest.approx(found["ours"][1], rel=1e-3)


def test_the_oracle_moves_along_the_gradient(modules):
    import numpy as np

    reference = modules("reference")
    rng = np.random.default_rng(0)
    x, y = reference.data(200, 1)
    sizes = (reference.INPUTS, 4, 4, reference.CLASSES)
    params = {
        name: {"weight": rng.standard_normal((b, a)) * a**-0.5, "bias": rng.standard_normal(b)}
        for name, a, b in zip(reference.LAYERS, sizes[:-1], sizes[1:], strict=True)
    }
    everything = np.arange(200)[None, :]
    start = reference.mean_loss(params, x, y[0])
    fall = start - reference.losses(params, x, y[0], everything)
    squares, step = 0.0, 1e-5
    for layer in params.values():
        for values in layer.values():
            for place in np.ndindex(values.shape):
                values[place] += step
                squares += ((reference.mean_loss(params, x, y[0]) - start) / step) ** 2
                values[place] -= step
    assert fall == pytest.approx(reference.RATE * squares, rel=0.02)


def test_disagreeing_nets_are_not_timed(modules):
    stacked = modules("stacked")

    class Answers:
        def __init__(self, answer):
            self.answer = answer

        def ask(self, do, **request):
            return dict(self.answer)

    class Contest:
        workers = (Answers({"ours": [1.0], "oracle": [1.0]}),)
        plains = (Answers({"plain": [1.01], "stacked": [1.0]}),)

    with pytest.raises(SystemExit, match="disagree at width 3 .*'plain': 0.01.*nothing was timed"):
        stacked.check(Contest(), 3, 300)


class Loops:
    """Both sides of the pruning benchmark, which say what they are told to."""

    def __init__(self, **given):
        self.given = {
            "agree": {"loss": 1.0, "losses": [1.0], "kept": [3]},
            "whole": {"fits": [{"train_loss": 0.5}], "kept": [[5], [3]]},
            "overlap": 1.0,
        } | given

    def ask(self, do, **request):
        answer = self.given[do]
        return {**answer, "kept": [answer["kept"]]} if do == "agree" and "members" in request else answer


OTHER_LOOPS = {
    "another loss": ({"agree": {"loss": 1.01, "kept": [3]}}, {}, "prune disagrees .*nothing timed"),
    "a weight that is not 0": ({"agree": {"loss": 1.0, "kept": [4]}}, {}, "prune disagrees .*nothing timed"),
    "another mask": ({}, {"overlap": 0.9}, "0.9000 of the kept weights are the same.*nothing timed"),
    "fewer weights": (
        {"whole": {"fits": [{"train_loss": 0.5}], "kept": [[5], [2]]}}, {}, "one pruning disagrees.*nothing timed",
    ),
    "another loss after pruning": (
        {"whole": {"fits": [{"train_loss": 0.51}], "kept": [[5], [3]]}}, {}, "losses differ by 2.0e-02.*nothing timed",
    ),
}  # fmt: skip


def test_loops_under_masks_that_agree_are_timed(modules):
    bench = modules("pruning")
    told = bench.agreement(Loops(), Loops(), {"LeNet": "file"}, {"checked": 6, "members": (1, 2)})
    assert "100.00 % of the kept weights are the same" in told


@pytest.mark.parametrize(("theirs", "ours", "told"), OTHER_LOOPS.values(), ids=OTHER_LOOPS)
def test_loops_under_masks_that_disagree_are_not_timed(modules, theirs, ours, told):
    bench = modules("pruning")
    with pytest.raises(SystemExit, match=told):
        bench.agreement(Loops(**ours), Loops(**theirs), {"LeNet": "file"}, {"checked": 6, "members": (1, 2)})


def test_whole_steps_of_a_stack_are_timed(modules):
    found = modules("families").seconds(2, 3, name="mlp", width=4, size=8, batch=5)
    assert min(found.values()) > 0


@pytest.mark.long
def test_a_short_run_of_pruning_measures_everything(modules, tmp_path):
    peer = BENCHMARKS / ".peers/bin/python"
    if not peer.exists():
        pytest.skip("the peers' environment is made by make bench")
    done = script("pruning.py", "--short", "--peer", peer, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "pruning.json").read_text())
    assert found["quick"] is True
    texts = " ".join(goal["text"] for goal in found["goals"])
    for words in ("torch.nn.utils.prune over ours", "A whole pruning", "Cutting alone", "Share of evaluation"):
        assert words in texts
    assert "all loops reach the same training loss" in found["notes"][0]


def test_the_curve_agrees_with_one_solve_a_width(modules):
    bench = modules("random_features")
    request = {"data": "digits", "n": 40, "n_test": 50, "scale": 0.0, "widths": [4, 10, 20, 80, 200]}
    replies = {"ours": [bench.ours(**request)], "lstsq a width": [bench.one_by_one(**request, how="lstsq")]}
    assert bench.agreement(replies)[0] < 1e-9
    replies["ours"][0]["losses"][0] *= 1.001
    with pytest.raises(SystemExit, match="disagree"):
        bench.agreement(replies)


def test_an_extrapolation_finds_a_planted_law(modules):
    law = modules("random_features").law
    sizes = [(1500, 1500), (3000, 3000), (3000, 9000), (10_000, 500)]
    planted = [2e-11 * max(s) * min(s) ** 2 + 9e-11 * min(s) ** 3 for s in sizes]
    predict, error = law(sizes, planted)
    assert error < 1e-9
    assert predict(10_000, 60_000) == pytest.approx(2e-11 * 6e4 * 1e8 + 9e-11 * 1e12)
    assert law(sizes, [planted[0] * 2, *planted[1:]])[1] > 0.1


def test_kernels_that_disagree_are_not_timed(modules):
    import numpy as np

    bench = modules("analytic_kernels")

    class Side:
        def __init__(self, factor):
            self.factor = factor

        def ask(self, do, **request):
            kernel = np.array(bench.matrix(**request))
            return (kernel + self.factor * kernel.max() * (1 - np.eye(*kernel.shape))).tolist()

    assert bench.check(Side(0.0), Side(1e-6)) == pytest.approx(1e-6, rel=0.05)
    with pytest.raises(SystemExit, match="disagree by 1.0e-04 of the largest entry; nothing was timed"):
        bench.check(Side(0.0), Side(1e-4))


def test_kernels_without_their_peer_are_skipped(monkeypatch):
    monkeypatch.delenv("OVERPARAM_NEURAL_TANGENTS", raising=False)
    done = script("analytic_kernels.py", "--quick")
    assert done.returncode == 77
    assert "OVERPARAM_NEURAL_TANGENTS" in done.stdout


def test_goals_are_judged_by_the_median(modules):
    common = modules("common")
    assert common.ratios([1.0, 2.0, 1.0], [2.0, 2.0, 5.0]) == {"median": 2.0, "low": 1.0, "high": 5.0, "n": 3}
    fast = common.goal("fast", common.spread([1.0, 4.0, 9.0]), "x", at_least=4.0)
    assert fast["met"] is True
    assert common.goal("slow", common.spread([1.0, 4.0, 9.0]), "x", at_most=3.0)["met"] is False
    assert common.goal("told", common.spread([1.0]), "x")["met"] is None
    assert common.busy([1.0, 1.05]) == []
    assert "1.50 times" in common.busy([1.0, 1.5])[0]


def test_bookkeeping_is_measured_on_stored_cells(modules, monkeypatch):
    monkeypatch.setattr("overparam.data.fingerprint", lambda name, download=False: "0" * 16)
    found = modules("overheads").bookkeeping(cells=20, stack=8)
    assert found["cells"] == 20
    assert 0 < found["bytes"] < 10_000


def test_the_page_shows_every_number_and_loads_nothing(modules):
    common, page = modules("common"), modules("page")
    goals = [
        common.goal("Ours <script>", common.spread([5.0, 7.0, 6.0]), "x", at_least=6.0),
        common.goal("Small", common.spread([0.5]), "s", at_most=0.25),
    ]
    text = page.render([result(goals)])
    assert "<script" not in text
    assert "Ours &lt;script&gt;" in text
    assert "<b>6</b> x" in text
    assert "at least 6" in text
    assert 'class="missed">missed' in text
    assert "prefers-color-scheme: dark" in text
    assert "var(--hue0)" in text
    assert text.count("<svg") == 1
    for attribute in ("src=", "url(http", "@import", '<link rel="stylesheet'):
        assert attribute not in text
    assert "<i>peer</i>" not in text


def test_the_table_goes_between_its_marks(modules):
    common, page = modules("common"), modules("page")
    goals = [common.goal("Ours | theirs", common.spread([5.0, 7.0, 6.0]), "x", at_least=8.0)]
    table = page.table([result(goals)])
    assert "| `stacked.py` | Ours / theirs | 6 x (5 to 7, n = 3) | at least 8: **missed** |" in table
    assert "torch 1" in table
    once = page.between((BENCHMARKS / "README.md").read_text(encoding="utf-8"), table)
    assert page.between(once, table) == once
    assert once.count("Ours / theirs") == 1


@pytest.mark.slow
def test_committed_results_can_be_drawn(modules):
    page = modules("page")
    results = page.stored(BENCHMARKS / "results")
    assert all(not r["quick"] for r in results)
    assert all(f'id="{r["benchmark"]}"' in page.render([r]) for r in results)
