import numpy as np
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
