import json
import shutil

import pytest

import overparam
from tests.browser.conftest import RECORD

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def drawn_gallery(drawn, tmp_path_factory):
    """A gallery of two runs, drawn once."""
    runs = tmp_path_factory.mktemp("runs")
    for study in ("double-descent", "other"):
        (runs / study).mkdir()
        made = {
            "schema": 1,
            "sequence": 1,
            **json.loads(RECORD.read_text(encoding="utf-8")),
            "study": study,
            "run": "quick",
        }
        (runs / study / "quick.json").write_text(json.dumps(made), encoding="utf-8")
        shutil.copy(drawn, runs / study / "quick.html")
    return overparam.gallery(out=runs)


@pytest.fixture
def gallery(reader, drawn_gallery):
    reader.open(drawn_gallery)
    return reader


def test_it_asks_the_network_for_nothing_and_reports_no_error(gallery):
    gallery.run("document.getElementById('theme').click()")
    assert len(gallery.requests()) == 1
    assert gallery.console() == []


def test_pictures_are_seen_in_both_themes(gallery):
    colours = []
    for _ in range(2):
        gallery.run("document.getElementById('theme').click()")
        box = gallery.run(
            "const b = document.querySelector('.thumb svg').getBoundingClientRect(); return [b.width, b.height]"
        )
        assert box[0] > 200
        assert box[1] > 100
        colours.append(
            gallery.run(
                "return [...document.querySelectorAll('.thumb svg path[stroke]')].map((e) => getComputedStyle(e).stroke)"
            )
        )
    assert colours[0] != colours[1]
    assert not any(colour == "none" for colour in colours[0][:1])


def test_a_card_leads_to_its_page(gallery):
    gallery.run("document.querySelector('.card a').click()")
    gallery.wait("document.getElementById('verdicts') !== null")
    assert gallery.run("return location.pathname").endswith("double-descent/quick.html")


def test_it_fits_a_telephone(gallery):
    gallery.size(390, 800, mobile=True)
    assert gallery.run("return document.documentElement.scrollWidth <= window.innerWidth")
