"""A chart with frames in a browser: slider, keyboard, play, a file of the frame shown, and a phone."""

import copy

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STRIP = "#chart-1 .frames"


def framed(chart):
    out = copy.deepcopy(chart)
    out["frames"] = {"name": "size_step", "title": "step", "values": [20, 600, 12_000]}
    out["series"] = [
        {**copy.deepcopy(one), "frame": step,
         **{name: [None if v is None else v / 2**k for v in one[name]] for name in ("mean", "low", "high")},
         "seeds": [[None if v is None else v / 2**k for v in line] for line in one["seeds"]]}
        for k, step in enumerate((20, 600, 12_000)) for one in chart["series"]
    ]  # fmt: skip
    return out


def words(page):
    return page.run("return document.querySelector(arguments[0]).textContent", f"{STRIP} output")


def at_frame(page, frame):
    page.wait(f"document.getElementById('chart-1').dataset.frame === '{frame}'")


def test_frames_turn_by_slider_keys_and_play_and_a_file_has_the_one_shown(show, record):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    record["charts"][0] = framed(record["charts"][0])
    page = show(record)
    assert words(page) == "step 12,000"
    drawings = page.run("return document.getElementById('chart-1').dataset.drawn")
    last, axis = page.marks("layer_2_layer_2_marks"), page.axis_labels("y")
    slider = page.driver.find_element(By.CSS_SELECTOR, f"{STRIP} input")
    slider.send_keys(Keys.ARROW_LEFT)
    at_frame(page, 1)
    assert slider.get_attribute("aria-valuetext") == words(page) == "step 600"
    middle = page.marks("layer_2_layer_2_marks")
    assert len(middle) == len(last)
    assert middle != last
    assert page.axis_labels("y") == axis
    page.run(
        "document.querySelector(arguments[0]).click()", f"{STRIP} button"
    )  # plays to the last frame, and stops
    at_frame(page, 2)
    page.wait(f"document.querySelector('{STRIP} button').textContent === 'Play'")
    page.run("document.querySelector(arguments[0]).click()", f"{STRIP} button")  # from the first again
    at_frame(page, 0)
    page.run("document.querySelector(arguments[0]).click()", f"{STRIP} button")
    assert (
        page.run("return document.getElementById('chart-1').dataset.drawn") == drawings
    )  # nothing was drawn anew
    slider.send_keys(Keys.HOME)
    at_frame(page, 0)
    press = "document.querySelector('#chart-1 [data-save=svg]').click()"
    name = page.run("return document.getElementById('chart-1').dataset.file") + ".svg"
    assert "step 20" in page.saved(lambda: page.run(press), name).decode()
    assert page.console() == []


def test_a_phone_and_a_reader_who_wants_no_motion(show, record, reader):
    record["charts"][0] = framed(record["charts"][0])
    reader.size(390, 844, mobile=True)
    motion = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", motion)
    try:
        page = show(record)
        assert page.run("return document.documentElement.scrollWidth") <= 390
        box = page.run(
            "const b = document.querySelector(arguments[0]).getBoundingClientRect(); return b.width",
            f"{STRIP} input",
        )
        assert box > 80
        button = f"{STRIP} button"
        assert page.run("return document.querySelector(arguments[0]).textContent", button) == "Next"
        page.run("document.querySelector(arguments[0]).click()", button)  # one frame, and no further
        at_frame(page, 0)
        assert page.run("return document.querySelector(arguments[0]).textContent", button) == "Next"
        assert words(page) == "step 20"
    finally:
        reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
