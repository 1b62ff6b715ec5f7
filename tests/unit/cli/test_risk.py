import numpy as np
import pandas as pd
import pytest

from overparam.cli import app, entry


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    from rich.console import Console

    monkeypatch.setattr(app, "out_console", Console(width=200))
    monkeypatch.setattr(app, "err_console", Console(width=200, stderr=True))


def call(*arguments):
    with pytest.raises(SystemExit) as exit_:
        entry.main([str(a) for a in arguments])
    return exit_.value.code


@pytest.mark.parametrize("features", ["fourier", "relu", "linear"])
def test_a_data_set_becomes_a_table_and_a_page(tmp_path, capsys, features):
    out = tmp_path / "curve.html"
    asked = ("risk", "digits", "--features", features, "--samples", "300", "--n", "40", "--out", out)
    assert call(*asked, "--widths", "10,40,200", "--ridge", "0.01") == 0
    shown = capsys.readouterr().out
    assert f"page: {out}" in shown
    assert "enough samples: 300 samples, n = 40" in shown
    assert "marginal likelihood" in shown
    assert out.stat().st_size > 100_000


def test_a_file_of_ones_own_works_and_the_page_goes_under_runs(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 6)).astype("float32")
    np.savez(tmp_path / "mine.npz", x=x, y=(x[:, 0] > 0).astype(int))
    monkeypatch.chdir(tmp_path)
    assert call("risk", "mine.npz", "--ridge", "optimal", "--noise", "0.1") == 0
    assert "0.1, given" in capsys.readouterr().out
    assert (tmp_path / "runs" / "risk" / "mine-fourier.html").exists()


def regression_files(folder):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    y = x[:, 0] + 0.1 * rng.normal(size=80)
    columns = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]}
    pd.DataFrame({**columns, "target": y}).to_csv(folder / "real.csv", index=False)
    pd.DataFrame({**columns, "label": np.round(3 * y + 20).astype(int)}).to_parquet(folder / "whole.parquet")
    np.savez(folder / "two.npz", x=x, y=np.stack([y, x[:, 1]], 1))
    pd.DataFrame({**columns, "kind": np.array(["u", "v"])[(y > 0) * 1]}).to_csv(
        folder / "text.csv", index=False
    )


@pytest.mark.parametrize(
    ("name", "told", "outputs"),
    [
        ("real.csv", "targets are numbers;", 1),
        ("whole.parquet:targets=numbers", "targets are numbers;", 1),
        ("two.npz", "targets are numbers, 2 a row;", 2),
        ("text.csv:label=kind,labels=any", "2 classes;", 2),
    ],
)
def test_targets_that_are_numbers_make_a_regression_and_that_is_said(
    name, told, outputs, tmp_path, monkeypatch, capsys
):
    regression_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert call("risk", name, "--features", "linear", "--noise", "0.01") == 0
    shown = capsys.readouterr().out
    assert f"60 of 60 training rows, 3 features, {told}" in " ".join(shown.split())
    assert f"outputs: {outputs}" in shown
    assert max(map(len, shown.splitlines())) < 80
    assert (tmp_path / "runs" / "risk" / f"{name.split('.')[0]}-linear.html").exists()


def test_whole_numbers_that_are_no_classes_name_both_options(tmp_path, monkeypatch, capsys):
    regression_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert call("risk", "whole.parquet") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "expected labels 0 to K - 1, each of them present, got" in said
    assert "labels=any" in said


def test_a_long_computation_says_how_long_and_a_large_one_is_refused(tmp_path, monkeypatch, capsys):
    from overparam.api import progress
    from overparam.cli import risk

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(progress, "LONG", 0.0)
    assert call("risk", "digits", "--samples", "60", "--features", "relu") == 0
    assert "risk of digits: under 1 s on one core" in capsys.readouterr().err
    monkeypatch.setattr("overparam.core.memory.memory_budget", lambda: 1e5)
    assert call("risk", "digits", "--samples", "600") == 2
    assert "--samples: expected at most what fits 0.0001 GB of memory" in capsys.readouterr().err
    assert sum(risk._cost("relu", 3000, 3072)) > 60


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["digits", "--features", "fourie"], "unknown features 'fourie'. Did you mean 'fourier'?"),
        (["digits", "--ridge", "-1"], "--ridge: expected a number of at least 0, or optimal, got '-1'"),
        (["digits", "--noise", "much"], "--noise: expected a number of at least 0, got 'much'"),
        (["digits", "--widths", "3,x"], "--widths: expected whole numbers of at least 1"),
        (["digits", "--samples", "1"], "--samples: expected a whole number of at least 2, got 1"),
        (["digits", "--out", "x.png"], "--out: expected a file ending in .html"),
        (["digits", "--samples", "50", "--n", "50"], "n: expected fewer training samples than the 50 samples"),
        (["digts"], "Did you mean 'digits'?"),
    ],
)
def test_bad_usage_is_answered_with_exit_code_two(arguments, text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("risk", *arguments) == 2
    assert text in capsys.readouterr().err.replace("\n", "")
    assert not (tmp_path / "runs").exists()
