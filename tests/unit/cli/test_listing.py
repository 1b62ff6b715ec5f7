"""What `overparam ls STUDY` says of an axis."""

from rich.console import Console

from overparam.cli.listing import study
from overparam.core import Axis
from overparam.studies.graph_coverage import STUDY


def test_values_of_a_curve_are_told_alike_in_a_profile_and_by_default():
    console = Console(width=300, no_color=True)
    with console.capture() as said:
        console.print(study(STUDY))
    assert "quick 2, 32 · laptop 2, 8, 32, 128 · paper 2, 8, 32, 128" in said.get()
    assert "a whole number from 20 to 1,000,000." in said.get()


def test_ends_of_a_range_are_read_at_a_glance():
    assert Axis("n", "", int, 1, low=10, high=50_000).expected == "a whole number from 10 to 50000"
    assert Axis("n", "", int, 1, high=4_000_000).expected == "a whole number of at most 4,000,000"
    assert Axis("rate", "", float, 1.0, low=1e-6).expected == "a number of at least 1e-06"
