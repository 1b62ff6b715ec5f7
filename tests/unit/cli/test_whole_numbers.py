"""Whole numbers of the command line are what is written."""

import pytest

from overparam.cli import entry

LINES = {
    "--workers": ("run", "double-descent", "--dry-run", "--workers"),
    "--trials": ("check", "double-descent", "--trials"),
    "--n": ("risk", "digits", "--n"),
    "--samples": ("risk", "digits", "--samples"),
    "--seed": ("risk", "digits", "--seed"),
    "--steps": ("sweep", "cnn5", "--data", "mnist", "--widths", "1,2,3", "--steps"),
    "--batch": ("sweep", "cnn5", "--data", "mnist", "--widths", "1,2,3", "--batch"),
}


@pytest.mark.parametrize("option", LINES)
@pytest.mark.parametrize("text", ["2.5", "1e2", "two", "0x10", "²"])
def test_what_is_no_whole_number_is_refused(option, text, capsys):
    with pytest.raises(SystemExit) as ended:
        entry.main([*LINES[option], text])
    said = "".join(capsys.readouterr())
    assert ended.value.code == 2
    assert f"{option}: expected a whole number, got '{text}'" in " ".join(said.split())
