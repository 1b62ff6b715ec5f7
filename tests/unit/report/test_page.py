import base64
import copy
import hashlib
import itertools
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from overparam.core.errors import StoreError
from overparam.report import charts, render, summary_html, write
from overparam.report.page import embed

NASTY = "<script>window.__pwned=1</script><img src=x onerror=window.__pwned=1>'\"&\u2028"
LOADS = {"src", "srcset", "href", "data", "poster", "action", "background"}


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, scripts, and the text outside of them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.texts, self._inside = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            attrs, text = self.scripts[-1]
            self.scripts[-1] = (attrs, text + data)
        elif self._inside != "style":
            self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def _drawn():
    return {}


@pytest.fixture(autouse=True)
def _each_chart_is_drawn_once(_drawn, monkeypatch):
    """These tests look at what stands around the charts; most have the same ones."""

    def parcel(chart):
        text = json.dumps(chart)
        if text not in _drawn:
            _drawn[text] = charts.parcel(chart)
        return copy.deepcopy(_drawn[text])

    monkeypatch.setattr("overparam.report.page.parcel", parcel)


@pytest.fixture
def page(record):
    return Page(render(record))


def test_the_page_loads_nothing(record):
    page = Page(render(record))
    for tag, attrs in page.elements:
        if tag == "a":
            continue
        for name in LOADS & set(attrs):
            assert attrs[name].startswith("data:"), (tag, name, attrs[name])
    styles = re.findall(r"<style>(.*?)</style>", render(record), re.S)
    assert len(styles) == 1
    assert not re.search(r"@import|url\(|@font-face", styles[0])


def test_only_citations_link_outside(page, record):
    outside = {a["href"] for a in page.all("a") if not a["href"].startswith("#")}
    assert outside == {source["url"] for source in record["sources"] if source["url"]}


def test_every_inner_link_has_a_target(page):
    targets = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    inner = {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")}
    assert {"chart-1", "chart-2", "source-1", "source-2", "source-3"} <= inner
    assert inner <= targets


def test_ids_are_unique(page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_the_policy_allows_exactly_the_two_scripts(page):
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    code = [text for attrs, text in page.scripts if attrs.get("type") != "application/json"]
    digests = ["sha256-" + base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in code]
    assert len(digests) == 2
    assert re.findall(r"'(sha256-[^']+)'", policy) == digests


def test_the_size_is_at_most_3_mb(record):
    assert len(render(record).encode()) <= 3_000_000
    for chart in record["charts"]:
        for series in chart["series"]:
            series["seeds"] = series["seeds"] * 4
            series["seed_names"] = list(range(len(series["seeds"])))
    record["charts"] = record["charts"] * 2
    assert len(render(record).encode()) <= 3_000_000


def test_texts_are_shown_as_text_wherever_they_stand(record):
    record.update(study=NASTY, title=NASTY, question=NASTY, notes=[NASTY], differences=[NASTY], mark=NASTY)
    record["verdicts"][0].update(
        claim=f"{NASTY}.{NASTY}", sentence=NASTY, reason=NASTY, rule=NASTY, unit=NASTY, data=NASTY,
        ledger=[NASTY],
    )  # fmt: skip
    record["verdicts"][0]["parts"][0].update(label=NASTY, unit=NASTY)
    record["verdicts"][0]["control"].update(sentence=NASTY, detail=NASTY)
    record["failures"][0].update(error=NASTY, traceback=NASTY, params={NASTY: NASTY})
    record["diverged"][0].update(note=NASTY, params={NASTY: NASTY})
    record["sources"][0].update(citation=NASTY, url=f"https://x/{NASTY}", bibtex=NASTY)
    record["parameters"][0].update(name=NASTY, help=NASTY, values=[NASTY])
    record["environment"].update(platform=NASTY, commit=NASTY, versions={NASTY: NASTY})
    record["overrides"] = {NASTY: NASTY}
    record["reference"] = NASTY
    chart = record["charts"][0]
    chart.update(name=NASTY, title=NASTY, note=NASTY, y_title=NASTY, arm=NASTY, arm_title=NASTY)
    chart["x"][0]["title"] = NASTY
    for series in chart["series"]:
        series.update(label=NASTY + series["label"], data=NASTY, arm=NASTY + str(series["arm"]))
    page = Page(render(record))
    assert not page.all("img")
    assert len(page.scripts) == 2 + len(record["charts"]) + 2
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert page.text.count("<script>window.__pwned=1</script>") >= 25
    fragment = Page(summary_html(record))
    assert not fragment.all("img")
    assert not fragment.scripts


def test_embedded_json_cannot_end_its_element_and_reads_back():
    value = {"a": "</script><!-- & \u2028\u2029", "b": [None, 1.5]}
    text = str(embed(value))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_embedded_json_refuses_nan():
    with pytest.raises(ValueError, match="not JSON compliant"):
        embed(float("nan"))


def test_a_script_address_is_not_a_link(record):
    record["sources"][0]["url"] = "javascript:alert(1)"
    assert not any("javascript" in a["href"] for a in Page(render(record)).all("a"))


def test_the_record_is_in_the_page(page, record):
    stored = next(text for attrs, text in page.scripts if attrs.get("id") == "stored")
    assert json.loads(stored) == record


def test_the_summary_is_one_line_of_words(page):
    label = next(attrs["aria-label"] for tag, attrs in page.elements if attrs.get("class") == "tally")
    assert label == "4 supported, 1 contradicted, 1 inconclusive, 1 not applicable"


def statements(page):
    return [attrs for attrs in page.all("details") if attrs.get("class") == "statement"]


def test_what_failed_to_replicate_stands_where_it_stood_in_the_study(page, record):
    shown = [attrs["data-status"] for attrs in statements(page)]
    assert shown == [verdict["status"] for verdict in record["verdicts"]]
    assert "hidden" not in {name for attrs in statements(page) for name in attrs}


def article(record, number):
    text = render(record)
    start = text.index(f'id="verdict-{number}"')
    return text[start : text.index("</details>", start)]


def line(record, number):
    """What a reader sees before pressing."""
    return Page(article(record, number).partition("</summary>")[0]).text


@pytest.mark.parametrize("number", range(1, 8))
def test_every_verdict_has_word_shape_sentence_rule_and_control(record, number):
    verdict, html = record["verdicts"][number - 1], article(record, number)
    text = Page(html).text
    assert verdict["status"].replace("_", " ") in text
    assert f'class="mark s-{verdict["status"]}"' in html
    for needed in (
        verdict["sentence"],
        verdict["rule"],
        f"version {verdict['rule_version']}",
        *verdict["ledger"],
    ):
        assert needed in text
    assert verdict["control"]["sentence"] in text
    assert verdict["control"]["detail"] in text
    for precondition in verdict["preconditions"]:
        assert precondition["sentence"] in text
        assert precondition["detail"] in text


def test_every_part_has_effect_interval_n_cutoff_and_picture(record):
    html = article(record, 1)
    text = Page(html).text
    assert re.search(
        r"5\.\d+ points 95 % interval 4\.\d+ to 6\.\d+, n = 5 seeds asked: at least 3 points", text
    )
    assert re.search(
        r"8\.\d+ points 95 % interval 8\.\d+ to 8\.\d+, n = 5 seeds asked: at least 4 points", text
    )
    assert html.count('<svg class="interval') == 5  # one in the line, two of the rule, two of the control


def test_an_unmet_precondition_is_named(record):
    text = Page(article(record, 7)).text
    assert "Not met" in text
    assert "1 of 2 preconditions met" in text
    assert text.count("he run holds one recipe") >= 2


def test_a_failed_control_is_said(record):
    record["verdicts"][0]["control"]["ok"] = False
    assert '<span class="tick no">Failed</span>' in article(record, 1)
    assert '<span class="tick yes">Passed</span>' in article(record, 2)


def test_the_reason_is_short_beside_the_numbers_and_whole_in_the_details(record):
    record["verdicts"][0]["reason"] += " One seed was left out."
    text = Page(article(record, 1)).text
    assert "The whole interval is on the claim's side. One seed was left out." in text
    assert record["verdicts"][0]["reason"] in text


def test_a_reason_in_other_words_is_shown_whole(record):
    reason = (
        "the rule is met (peak 5), but the control shows the effect too: peak 4 (3 to 5), asked at least 3."
    )
    record["verdicts"][0]["reason"] = reason
    assert Page(article(record, 1)).text.count(reason[1:]) == 1


def test_one_seed_has_no_interval(record):
    verdict = record["verdicts"][0]
    for part in (verdict, *verdict["parts"]):
        part.update(low=None, high=None, n=1, status="inconclusive")
    text = Page(article(record, 1)).text
    assert text.count("one seed: no interval") == 2
    assert "one seed" in line(record, 1)
    assert "inconclusive" in text
    assert "one seed: no interval" in summary_html(record)


def test_no_number_is_shown_as_none_or_nan(page):
    assert not re.search(r"\b(None|nan|NaN|undefined)\b", page.text)


def test_a_record_with_nothing_in_it_still_makes_a_page(record):
    record.update(verdicts=[], charts=[], sources=[], differences=[], failures=[], diverged=[], notes=[])
    record.update(parameters=[], overrides={}, mark="")
    record["environment"].update(dirty=False, commit="")
    text = Page(render(record)).text
    assert "No claim was judged." in text
    assert "Traceback" not in text


def test_a_chart_without_series_says_so(record):
    record["charts"][0].update(series=[], lines=[])
    text = Page(render(record)).text
    assert "No finished cell holds what this chart draws." in text


def test_badges_show_only_when_they_apply(record):
    assert {"exploratory", "dirty: modified code"} <= {t.strip() for t in Page(render(record)).texts}
    record["mark"] = ""
    record["environment"]["dirty"] = False
    for verdict in record["verdicts"]:
        verdict["mark"] = ""
    text = Page(render(record)).text
    assert "exploratory" not in text
    assert "dirty" not in text


def test_run_section_shows_cells_failures_and_command(page, record):
    assert "188 of 190 cells done, 1 diverged, 1 failed, 0 missing." in page.text
    assert "data mnist1d, width 135, noise 0, seed 4" in page.text
    assert record["failures"][0]["error"] in page.text
    assert "RESOURCE_EXHAUSTED" in page.text
    assert "overparam run double-descent --profile laptop --epochs 500" in page.text
    assert "commit 3f9c2a71b4de, modified" in page.text
    for source in record["sources"]:
        assert re.sub(r"\s+", " ", source["bibtex"]) in page.text


def test_headings_step_by_one(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_write_replaces_the_page_and_leaves_no_other_file(record, tmp_path):
    path = tmp_path / "runs" / "page.html"
    path.parent.mkdir()
    path.write_text("old")
    assert write(record, path) == path
    assert path.read_text(encoding="utf-8") == render(record)
    assert list(path.parent.iterdir()) == [path]


def test_a_page_that_cannot_be_written_says_what_to_do(record, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"expected to write .* choose another folder"):
        write(record, tmp_path / "file" / "page.html")


def test_the_notebook_fragment_is_the_verdicts_alone(record):
    page = Page(summary_html(record))
    assert len(page.all("tr")) == 1 + len(record["verdicts"])
    assert not page.scripts
    assert not page.all("html")
    rules = re.search(r"<style>(.*?)</style>", summary_html(record), re.S).group(1)
    selectors = [s for block in re.findall(r"([^{}]+)\{", rules) for s in block.split(",")]
    assert all(".overparam-summary" in selector for selector in selectors)


@pytest.mark.slow
def test_the_page_needs_neither_jax_nor_numpy_nor_scipy(record, tmp_path):
    (tmp_path / "record.json").write_text(json.dumps(record))
    code = (
        "import json, sys; from overparam import report; "
        "before = set(sys.modules); "
        "report.write(json.load(open('record.json')), 'page.html'); "
        "print([m for m in ('jax', 'numpy', 'scipy') if m in sys.modules], "
        "[m for m in ('altair', 'jinja2', 'vl_convert') if m in before])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] []"
