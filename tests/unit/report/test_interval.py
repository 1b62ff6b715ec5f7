import pytest

from overparam.report.interval import plot


def part(**changed):
    base = {"label": "rise", "effect": 6.0, "low": 4.0, "high": 8.0, "n": 5, "at_least": 3.0, "at_most": None}
    return {**base, "unit": "points", "status": "supported", **changed}


def test_places_are_an_affine_map_of_the_values():
    made = plot(part())
    scale = (made.high - made.low) / (8.0 - 4.0)
    assert made.effect - made.low == pytest.approx(scale * 2.0, abs=0.02)
    assert made.low - made.cuts[0][0] == pytest.approx(scale * 1.0, abs=0.02)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"at_least": None, "at_most": -5.0},
        {"at_least": 0.7, "at_most": 200.0},
        {"low": None, "high": None, "n": 1},
    ],
)
def test_everything_is_inside_the_picture(changed):
    made = plot(part(**changed))
    places = [made.effect, made.low, made.high, *made.allowed, *(at for at, _, _ in made.cuts)]
    assert all(0 <= p <= 100 for p in places if p is not None)


def test_the_allowed_band_begins_at_the_cutoff_and_holds_a_supported_bar():
    made = plot(part())
    assert made.allowed == (made.cuts[0][0], 100.0)
    assert made.allowed[0] < made.low < made.high < made.allowed[1]


def test_a_contradicted_bar_lies_outside_the_band():
    made = plot(part(at_least=10.0, status="contradicted"))
    assert made.high < made.allowed[0]


def test_two_cutoffs_bound_the_band_on_both_sides():
    made = plot(part(at_least=3.0, at_most=9.0))
    assert [label for _, label, _ in made.cuts] == ["≥ 3", "≤ 9"]
    assert made.allowed == (made.cuts[0][0], made.cuts[1][0])


def test_cutoffs_that_are_close_share_one_label():
    made = plot(part(effect=50.0, low=1.0, high=100.0, at_least=4.0, at_most=5.0))
    assert sorted(label for _, label, _ in made.cuts) == ["", "4 to 5"]


def test_what_has_no_cutoff_asks_for_no_place():
    made = plot(part(at_least=None, at_most=None))
    assert made.cuts == ()
    assert made.allowed == (0.0, 0.0)


def test_one_seed_has_a_dot_and_no_bar():
    made = plot(part(low=None, high=None, n=1, status="inconclusive"))
    assert made.low is None
    assert made.high is None
    assert "one seed: no interval" in made.text


def test_nothing_measured_gives_no_picture():
    assert plot(part(effect=None, low=None, high=None, n=0)) is None


def test_the_picture_is_also_in_words():
    assert plot(part()).text == "rise: 6 points, 95 % interval 4 to 8, n = 5 seeds; asked: at least 3 points"


def test_equal_numbers_still_have_a_scale():
    made = plot(part(effect=3.0, low=3.0, high=3.0))
    assert 0 < made.effect < 100


def test_a_wide_range_is_on_a_logarithmic_scale():
    made = plot(part(effect=1000.0, low=100.0, high=10000.0, at_least=10.0))
    assert made.log
    cut = made.cuts[0][0]
    assert made.high - made.effect == pytest.approx(made.effect - made.low, abs=0.02)
    assert made.low - cut == pytest.approx(made.effect - made.low, abs=0.02)


def test_a_range_that_touches_zero_stays_linear():
    assert not plot(part(effect=1000.0, low=-100.0, high=2100.0, at_least=10.0)).log
    assert not plot(part(effect=1000.0, low=0.0, high=2000.0, at_least=10.0)).log
