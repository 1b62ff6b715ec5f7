import json

import pytest

from overparam.report.theme import DARK, LIGHT, config


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("hues", "paper"), [(LIGHT, "#fdfdfc"), (DARK, "#14171b")])
def test_every_hue_stands_out_from_its_paper(hues, paper):
    assert all(contrast(hue, paper) >= 3 for hue in hues)
    assert len(set(hues)) == len(hues)


def test_light_and_dark_have_the_same_hues_in_the_same_order():
    assert len(LIGHT) == len(DARK)


def test_the_page_colours_follow_its_variables_and_a_file_has_its_own():
    assert "var(--ink)" in json.dumps(config(screen=True))
    assert "var(" not in json.dumps(config(screen=False))


def test_large_type_is_larger():
    assert (
        config(screen=True, large=True)["axis"]["labelFontSize"]
        >= 1.4 * config(screen=True)["axis"]["labelFontSize"]
    )
