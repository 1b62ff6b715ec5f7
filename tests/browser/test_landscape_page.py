"""The page of two networks: pictures are drawn, the pointer is answered, nothing is wider than a phone."""

import math

import pytest

from overparam.report import landscape


def record():
    t = [i / 10 for i in range(11)]
    grid = [[0.1 + x * x + y * y for x in range(-3, 4)] for y in range(-3, 4)]
    return {
        "kind": "connect", "title": "Paths between two networks", "question": "Is there a path of low loss?",
        "head": "Two networks with 10 parameters on 20 examples.", "verdict": "Found: bezier.", "notes": ["<b>a note</b>"],
        "paths": [
            {"name": name, "status": status, "words": "A path.", "t": t, "loss": [size * math.sin(math.pi * s) for s in t],
             "error": [0.1 * size * math.sin(math.pi * s) for s in t],
             "facts": [{"label": "Barrier of the loss", "told": "1, 0.9 to 1.1", "words": "Highest at t = 0.5."}]}
            for name, status, size in (("straight", "not found", 2.0), ("bezier", "found", 0.1))
        ],
        "surface": {
            "across": list(range(7)), "up": list(range(7)), "loss": grid, "error": grid, "names": ["a", "b", "bend"],
            "corners": [[1, 1], [5, 1], [3, 4]], "curve": [[1, 1], [3, 2.5], [5, 1]],
        },
    }  # fmt: skip


@pytest.fixture
def page(driver, tmp_path):
    file = landscape.write(record(), tmp_path / "paths.html")

    def opened(width, height):
        driver.set_window_size(width, height)
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        driver.get(file.as_uri())
        driver.set_script_timeout(120)
        driver.execute_async_script(
            "const done = arguments[0]; const look = () => "
            "document.querySelectorAll('figure[data-drawn]').length === 3 ? done() : setTimeout(look, 50); look();"
        )
        return driver

    yield opened
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 390])
def test_the_plane_is_drawn_and_answers_the_pointer(page, width):
    driver = page(width, 900)
    wide = driver.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide[0] <= wide[1]
    plane = driver.find_elements("css selector", "figure.drawing")[2]
    cells = plane.find_elements("css selector", ".mark-rect.role-mark path")
    assert len(cells) == 49
    texts = [one.text for one in plane.find_elements("css selector", ".mark-text text")]
    assert {"a", "b", "bend"} <= set(texts)
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", cells[24])
    from selenium.webdriver import ActionChains

    ActionChains(driver).move_to_element(cells[10]).perform()
    driver.set_script_timeout(30)
    told = driver.execute_async_script(
        "const done = arguments[0]; const look = () => { const box = document.querySelector('#vg-tooltip-element'); "
        "box && box.textContent.includes('loss') ? done(box.textContent) : setTimeout(look, 50); }; look();"
    )
    assert "loss" in told
    assert "error" in told
    assert not driver.find_elements("css selector", "li b b")
    assert "<b>a note</b>" in driver.find_element("id", "notes").text
