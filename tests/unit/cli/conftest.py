"""A command of the terminal run in this process, as a person would see it."""

import pytest
from rich.console import Console

from overparam.cli import app, entry


@pytest.fixture
def said(monkeypatch, capsys):
    """Run a command at 80 columns: its exit code, what it printed, and what it said beside."""
    monkeypatch.setattr(app, "out_console", Console(width=80))
    monkeypatch.setattr(app, "err_console", Console(width=300, stderr=True))

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            entry.main([*words])
        shown = capsys.readouterr()
        return ended.value.code, shown.out, shown.err

    return run
