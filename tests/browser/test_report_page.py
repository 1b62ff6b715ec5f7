import csv
import io
import json

import pytest

from overparam.report.charts import spec
from overparam.report.view import ALL, first_view

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NASTY = "<script>window.__pwned=1</script><img src=x onerror=window.__pwned=1>"


def click(page, selector):
    page.run("document.querySelector(arguments[0]).click()", selector)


def test_the_page_asks_the_network_for_nothing_and_reports_no_error(page):
    for toggle, value in (("arm", ALL), ("x", "1"), ("x_log", None), ("y_log", None), ("seeds", None)):
        page.choose(toggle, value)
    page.saved(lambda: click(page, "#chart-1 [data-save=png]"), "double-descent-error.png")
    requests = page.requests()
    assert len(requests) == 1
    assert requests[0].startswith("file://")
    assert page.console() == []


def test_every_chart_is_drawn(page):
    for number in (1, 2):
        box = page.run(
            "const b = document.querySelector(`#chart-${arguments[0]} .plot svg`).getBoundingClientRect();"
            "return [b.width, b.height]",
            number,
        )
        assert box[0] > 600
        assert box[1] > 300
        assert len(page.marks("layer_2_layer_2_marks", number)) == 2 * 19
        assert (
            page.run("return document.querySelectorAll(`#chart-${arguments[0]} .drawing`).length", number) == 1
        )


def test_the_fit_point_is_a_labelled_dashed_line(page):
    text = page.run("return document.querySelector('#chart-1 .layer_0_layer_3_marks').textContent")
    assert text == "fit point"
    dash = (
        "return document.querySelector('#chart-1 .layer_0_layer_1_marks line').getAttribute('stroke-dasharray')"
    )
    assert page.run(dash)


def test_the_arm_toggle_changes_the_lines(page):
    noisy = page.marks("layer_2_layer_2_marks")
    page.choose("arm", "0")
    clean = page.marks("layer_2_layer_2_marks")
    assert clean != noisy
    page.choose("arm", ALL)
    assert len(page.marks("layer_2_layer_2_marks")) == 4 * 19
    legend = page.run(
        "return [...document.querySelectorAll('#chart-1 .legend button')].map((b) => b.textContent)"
    )
    assert legend == [
        f"{kind} error, label noise {arm} %" for arm in ("0", "15") for kind in ("test", "training")
    ]


def test_the_horizontal_axis_toggle(page):
    assert page.axis_labels("x")[-1] == "300"
    page.choose("x", "1")
    assert page.axis_labels("x")[-1].replace(",", "") == "100000"
    titles = page.run(
        "return [...document.querySelectorAll('#chart-1 .role-axis-title')].map((t) => t.textContent)"
    )
    assert "Parameters p" in titles
    assert "Width H" not in titles


def test_the_logarithm_toggles(page):
    assert page.axis_labels("x")[:3] == ["2", "3", "4"]
    page.choose("x_log")
    assert page.axis_labels("x")[0] in ("0", "50")
    assert page.axis_labels("y")[-1] == "80"
    drawn = len(page.marks("layer_2_layer_2_marks"))
    page.choose("y_log")
    assert len(page.marks("layer_2_layer_2_marks")) < drawn
    note = page.run("return document.querySelector('#chart-1 [data-lognote]').textContent")
    assert note.startswith("Not positive, so left out on the logarithmic vertical axis: training error")
    page.choose("y_log")
    assert page.run("return document.querySelector('#chart-1 [data-lognote]').textContent") == ""


def test_single_seeds_and_the_legend(page):
    assert page.run("return document.querySelectorAll('#chart-1 .layer_1_marks path').length") == 0
    page.choose("seeds")
    assert page.run("return document.querySelectorAll('#chart-1 .layer_1_marks path').length") == 10
    button = "#chart-1 .legend button[data-line='test error']"
    page.redrawn(lambda: click(page, button))
    assert len(page.marks("layer_2_layer_2_marks")) == 19
    assert (
        page.run("return document.querySelector(arguments[0]).getAttribute('aria-pressed')", button) == "false"
    )
    page.redrawn(lambda: click(page, button))
    assert len(page.marks("layer_2_layer_2_marks")) == 2 * 19


def test_zoom_buttons(page):
    before = page.marks("layer_2_layer_2_marks")
    click(page, "#chart-1 [data-zoom='0.6667']")
    page.wait(
        "document.querySelector('#chart-1 .layer_2_layer_2_marks path').getAttribute('transform') !== arguments[0]",
        page.run("return arguments[0].match(/translate.*\\)/)[0]", before[0]),
    )
    page.redrawn(lambda: click(page, "#chart-1 [data-zoom='0']"))
    assert page.marks("layer_2_layer_2_marks") == before


def test_hovering_tells_value_interval_and_n(page, record):
    from selenium.webdriver.common.action_chains import ActionChains

    point = page.run(
        "const p = document.querySelectorAll('#chart-1 .hover_marks path')[16];"
        "p.scrollIntoView({block: 'center', behavior: 'instant'}); return p"
    )
    ActionChains(page.driver).move_to_element(point).perform()
    text = page.wait("document.querySelector('#vg-tooltip-element.visible')?.textContent")
    series = record["charts"][0]["series"][2]
    assert series["label"] == "test error"
    assert "Width H177" in text
    assert f"Error (%){series['mean'][16]:.4g}" in text
    assert text.endswith("n = 5 seeds")


def test_dark_and_light(page):
    colours = (
        "return [getComputedStyle(document.body).backgroundColor,"
        "getComputedStyle(document.querySelector('#chart-1 .layer_2_layer_0_marks path')).stroke]"
    )
    light = page.run(colours)
    click(page, "#theme")
    dark = page.run(colours)
    assert sum(map(int, dark[0][4:-1].split(","))) < 120 < 700 < sum(map(int, light[0][4:-1].split(",")))
    assert dark[1] != light[1]
    assert page.run("return document.querySelector('#theme').getAttribute('aria-pressed')") == "true"
    click(page, "#theme")
    assert page.run(colours) == light


def test_dark_is_the_default_where_the_system_is_dark(page):
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        assert page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
        click(page, "#theme")
        assert page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 252)"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_large_type_enlarges_text_and_charts(page):
    sizes = (
        "return [parseFloat(getComputedStyle(document.querySelector('.sentence')).fontSize),"
        "parseFloat(document.querySelector('#chart-1 .role-axis-label text').getAttribute('font-size')"
        " || getComputedStyle(document.querySelector('#chart-1 .role-axis-label text')).fontSize)]"
    )
    before = page.run(sizes)
    page.redrawn(lambda: page.redrawn(lambda: click(page, "#size"), 1), 2)
    after = page.run(sizes)
    assert all(b > 1.3 * a for a, b in zip(before, after, strict=True))


def test_svg_is_a_file_of_its_own(page):
    svg = page.saved(lambda: click(page, "#chart-1 [data-save=svg]"), "double-descent-error.svg").decode()
    assert svg.startswith("<svg")
    assert "Test and training error against width" in svg
    assert "var(--" not in svg
    assert ">training error<" in svg


def test_png_is_a_picture(page):
    png = page.saved(lambda: click(page, "#chart-2 [data-save=png]"), "double-descent-loss.png")
    assert png.startswith(b"\x89PNG")
    assert len(png) > 20_000


def test_csv_has_the_rows_of_the_record(page, record):
    text = page.saved(lambda: click(page, "#chart-1 [data-save=csv]"), "double-descent-error.csv").decode()
    table = list(csv.DictReader(io.StringIO(text)))
    stored = [
        (s["label"], s["arm"], width, mean)
        for s in record["charts"][0]["series"]
        for width, mean in zip(s["x"]["width"], s["mean"], strict=True)
    ]
    assert [(r["series"], float(r["noise"]), int(r["width"]), float(r["mean"])) for r in table] == stored


def test_json_is_the_specification_of_what_is_shown(page, record):
    page.choose("arm", ALL)
    page.choose("x", "2")
    page.choose("y_log")
    text = page.saved(lambda: click(page, "#chart-1 [data-save=json]"), "double-descent-error.json").decode()
    chart = record["charts"][0]
    assert json.loads(text) == spec(chart, first_view(chart).with_(arm=ALL, x=2, y_log=True))


def test_the_record_can_be_saved(page, record):
    text = page.saved(lambda: click(page, "#record"), "double-descent-laptop.json").decode()
    assert json.loads(text) == record


def test_injected_text_is_shown_and_does_not_run(show, record):
    record.update(study=NASTY, title=NASTY, question=NASTY)
    for verdict in record["verdicts"]:
        verdict.update(claim=f"{NASTY}.{NASTY}", sentence=NASTY, data=NASTY, reason=NASTY)
    record["failures"][0].update(error=NASTY, traceback=NASTY, params={"data": NASTY})
    for chart in record["charts"]:
        chart.update(title=NASTY, note=NASTY, y_title=NASTY, arm_title=NASTY)
        chart["x"][0]["title"] = NASTY
        for series in chart["series"]:
            series.update(label=f"{NASTY} {series['label']}", data=NASTY)
        for line in chart["lines"]:
            line.update(label=NASTY, detail=NASTY, data=NASTY)
    page = show(record)
    page.choose("arm", ALL)
    from selenium.webdriver.common.action_chains import ActionChains

    point = page.run(
        "const p = document.querySelectorAll('#chart-1 .hover_marks path')[9];"
        "p.scrollIntoView({block: 'center', behavior: 'instant'}); return p"
    )
    ActionChains(page.driver).move_to_element(point).perform()
    tip = page.wait("document.querySelector('#vg-tooltip-element.visible')?.textContent")
    assert NASTY in tip
    assert page.run("return window.__pwned") is None
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert page.run("return document.querySelector('h1').textContent") == NASTY
    assert page.run("return document.querySelector('.sentence').textContent") == NASTY
    assert page.run("return document.querySelector('#chart-1 .legend button').textContent").startswith(NASTY)
    assert len(page.requests()) == 1
    assert page.console() == []


@pytest.mark.parametrize("width", [360, 390])
@pytest.mark.parametrize("large", [False, True])
def test_a_phone_never_scrolls_sideways(reader, drawn, width, large):
    reader.size(width, 844, mobile=True)
    reader.open(drawn)
    reader.choose("arm", ALL)
    if large:
        reader.redrawn(lambda: click(reader, "#size"))
    reader.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert reader.run("return document.documentElement.scrollWidth") == width
    outside = reader.run(
        "return [...document.querySelectorAll('main *, footer *')].filter((e) => "
        "!e.closest('svg, pre, .hidden') && e.getBoundingClientRect().right > arguments[0] + 1)"
        ".map((e) => e.tagName + '.' + e.className)",
        width,
    )
    assert outside == []


def test_the_keyboard_reaches_and_works_the_toggles(page):
    from selenium.webdriver.common.keys import Keys

    first = page.driver.find_element("css selector", "#chart-1 [data-toggle=arm][value='0.15']")
    page.run("arguments[0].focus()", first)
    before = page.marks("layer_2_layer_2_marks")
    page.redrawn(lambda: first.send_keys(Keys.ARROW_LEFT))
    assert page.marks("layer_2_layer_2_marks") != before
    assert page.run("return document.activeElement.value") == "0"
    legend = page.driver.find_element("css selector", "#chart-1 .legend button")
    page.run("arguments[0].focus()", legend)
    page.redrawn(lambda: legend.send_keys(Keys.ENTER))
    assert page.run("return document.activeElement.textContent") == "test error"


@pytest.mark.parametrize(("width", "height", "mobile"), [(1440, 900, False), (390, 844, True)])
def test_the_first_screen_shows_the_curve(reader, drawn, width, height, mobile):
    reader.size(width, height, mobile=mobile)
    reader.open(drawn)
    box = reader.run(
        "const b = document.querySelector('#chart-1 .plot svg').getBoundingClientRect(); return [b.top, b.bottom]"
    )
    assert 0 < box[0] < box[1] <= height


def test_section_links_are_there_on_a_phone(reader, drawn):
    reader.size(390, 844, mobile=True)
    reader.open(drawn)
    links = reader.run(
        "return [...document.querySelectorAll('.toolbar nav a')].map((a) => [a.hash, a.offsetWidth, a.offsetHeight])"
    )
    assert {"#verdicts", "#charts", "#run", "#sources"} <= {link[0] for link in links}
    assert all(link[1] > 0 and link[2] > 0 for link in links)


def test_a_statement_opens_from_the_keyboard_and_from_a_link(page):
    from selenium.webdriver.common.keys import Keys

    line = page.driver.find_element("css selector", "#verdict-2 > summary")
    page.run("arguments[0].focus()", line)
    line.send_keys(Keys.ENTER)
    assert page.run("return document.querySelector('#verdict-2').open") is True
    page.run("location.hash = '#verdict-3'")
    page.wait("document.querySelector('#verdict-3').open")


def test_a_hero_shows_all_arms_and_its_hidden_line_on_a_press(show, record):
    record["charts"][0]["hero"] = {
        "chart": "error", "fit": ["test_error"], "toggled": ["train_error"], "toggle": "training error",
        "band": "The threshold.", "together": True,
    }  # fmt: skip
    page = show(record)
    names = "return [...document.querySelectorAll('#chart-1 .legend button')].map((b) => b.dataset.line)"
    assert page.run(names) == [f"test error, label noise {arm} %" for arm in (0, 15)]
    assert len(page.marks("layer_2_layer_2_marks")) == 2 * 19
    before = page.axis_labels("y")
    page.choose("also")
    assert len(page.run(names)) == 4
    assert len(page.marks("layer_2_layer_2_marks")) == 4 * 19
    assert page.axis_labels("y") == before
    note = page.run("return document.querySelector('#chart-1 [data-lognote]').textContent")
    assert "fitted to test error" in note
    fills = page.run(
        "return [...document.querySelectorAll('#chart-1 .layer_0_layer_1_marks line')].map("
        "(e) => [e.getAttribute('stroke'), e.getAttribute('stroke-dasharray')].join())"
    )
    assert len(set(fills)) == 2
    assert page.console() == []


def test_every_control_has_a_name(page):
    nameless = page.run(
        "return [...document.querySelectorAll('button, input, a, svg[role=img]')].filter((e) => "
        "!(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')?.textContent.trim()))"
        ".map((e) => e.outerHTML)"
    )
    assert nameless == []


def test_printing_opens_the_statements_and_is_light(page):
    click(page, "#theme")
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run("return document.querySelectorAll('details.statement:not([open])').length") == 0
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 252)"
        assert page.run("return getComputedStyle(document.querySelector('.toolbar')).display") == "none"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run("return document.querySelectorAll('details[open]').length") == 0


def test_copy_buttons_say_so(page):
    """They say it for a moment only, so all that they say is noted."""
    page.run(
        "const b = document.querySelector('footer [data-copy]'); window.said = [];"
        "new MutationObserver(() => said.push(b.textContent)).observe(b, {childList: true})"
    )
    click(page, "footer [data-copy]")
    page.wait("window.said.includes('Copied')")


def test_one_seed_and_empty_charts_are_drawn_without_an_error(show, record):
    for series in record["charts"][0]["series"]:
        count = len(series["mean"])
        series.update(low=[None] * count, high=[None] * count, n=[1] * count)
        series.update(seeds=series["seeds"][:1], seed_names=series["seed_names"][:1])
        series["mean"][4] = None
    record["charts"][1].update(series=[], lines=[])
    page = show(record)
    assert len(page.marks("layer_2_layer_2_marks")) == 2 * 18
    assert "One seed: no interval" in page.run(
        "return document.querySelector('#chart-1 figcaption').textContent"
    )
    assert "No finished cell" in page.run("return document.querySelector('#chart-2').textContent")
    assert page.console() == []


def test_two_data_sets_have_a_toggle(show, record):
    chart = record["charts"][0]
    chart["series"] += [{**s, "data": "other", "mean": [m / 2 for m in s["mean"]]} for s in chart["series"]]
    page = show(record)
    before = page.marks("layer_2_layer_2_marks")
    page.choose("data", "other")
    assert page.marks("layer_2_layer_2_marks") != before
    assert len(page.marks("layer_2_layer_2_marks")) == 2 * 19
