"""``python -m overparam.cli``."""

from overparam.cli import main

main()
