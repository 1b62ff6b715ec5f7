"""Door: from the terminal. Every heavy import is lazy."""

from overparam.cli.entry import main as main
