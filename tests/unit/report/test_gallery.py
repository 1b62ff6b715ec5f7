"""The gallery: what is on it, where its links lead, and that it loads nothing."""

import json
import re
import shutil
from pathlib import Path

import pytest

import overparam
from overparam.core.errors import DamageWarning, UsageError
from overparam.report.gallery import Card, _in_sight, render, thumbnail

pytestmark = pytest.mark.filterwarnings("ignore::overparam.core.errors.DamageWarning")
RECORD = Path(__file__).parents[2] / "golden" / "report_record.json"


@pytest.fixture
def runs(tmp_path, record):
    """A results folder with two studies, three runs, their pages, and one damaged record."""
    for study, run, sequence in (
        ("double-descent", "quick", 1),
        ("double-descent", "laptop+a=b", 2),
        ("other", "quick", 1),
    ):
        folder = tmp_path / "runs" / study
        folder.mkdir(parents=True, exist_ok=True)
        made = {
            "schema": 1,
            "sequence": sequence,
            **record,
            "study": study,
            "run": run,
            "profile": run.split("+")[0],
        }
        (folder / f"{run}.json").write_text(json.dumps(made), encoding="utf-8")
        (folder / f"{run}.html").write_text("a page", encoding="utf-8")
    (tmp_path / "runs" / "other" / "laptop.json").write_text("{", encoding="utf-8")
    return tmp_path / "runs"


def links(text):
    return re.findall(r'<a href="([^"#]+)"', text)


def test_every_run_has_a_card_with_its_counts_and_a_relative_link(runs, record):
    with pytest.warns(DamageWarning, match=r"other/laptop\.json: expected a run record"):
        path = overparam.gallery(out=runs)
    text = path.read_text(encoding="utf-8")
    assert path == runs / "gallery.html"
    assert links(text) == [
        "double-descent/laptop%2Ba%3Db.html", "double-descent/quick.html", "other/quick.html",
    ]  # fmt: skip
    assert text.count("<svg") > 3
    assert text.count(record["question"]) == 2
    for status in {v["status"] for v in record["verdicts"]}:
        count = sum(v["status"] == status for v in record["verdicts"])
        assert text.count(f"{count} {status.replace('_', ' ')}</span>") == 3
    assert "other/laptop.json" in text


def test_links_follow_the_place_of_the_file(runs, tmp_path):
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    path = overparam.gallery(out=runs, to=tmp_path / "elsewhere" / "deep" / "all.html")
    found = links(path.read_text(encoding="utf-8"))
    assert found[1] == "../../runs/double-descent/quick.html"
    assert (path.parent / found[1]).resolve().is_file()


def test_a_missing_page_is_written(runs):
    (runs / "other" / "quick.html").unlink()
    overparam.gallery(out=runs)
    assert (runs / "other" / "quick.html").stat().st_size > 100_000


def test_it_asks_the_network_for_nothing_and_shows_text_as_text(record):
    nasty = "<script>window.x=1</script>"
    text = render([Card({**record, "title": nasty, "question": nasty, "profile": nasty}, "a.html", "")])
    assert nasty not in text
    assert not re.search(r"(src|href|data)=\"(https?:|//)|@import|url\((?!#)", text)
    assert "default-src 'none'" in text


@pytest.mark.slow
def test_twenty_runs_stay_below_a_megabyte(record):
    cards = [Card(record, f"{i}.html", thumbnail(record, f"t{i}-")) for i in range(20)]
    assert len(render(cards).encode()) < 1_000_000


def test_a_picture_uses_the_colours_of_the_page_and_ids_of_its_own(record):
    picture = thumbnail(record, "t7-")
    assert "var(--hue0)" in picture
    assert all(name.startswith("t7-") for name in re.findall(r'\bid="([^"]+)"', picture))
    assert all(name.startswith("t7-") for name in re.findall(r"url\(#([^)]+)\)", picture))
    assert thumbnail({**record, "charts": []}, "t") == ""


def test_an_empty_store_says_what_to_do(tmp_path, runs):
    with pytest.raises(
        UsageError, match=r"expected stored runs in .*, got none. Run `overparam run random-features"
    ):
        overparam.gallery(out=tmp_path / "nothing")
    with pytest.raises(UsageError, match="expected a file ending in .html"):
        overparam.gallery(out=runs, to=tmp_path / "all.pdf")
    shutil.rmtree(runs / "double-descent")
    shutil.rmtree(runs / "other")
    with pytest.raises(UsageError, match="got none"):
        overparam.gallery(out=runs)


def test_the_command_prints_the_path(runs, capsys):
    from overparam.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["gallery", "--out", str(runs)])
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "gallery.html" in said.out
    assert "laptop.json" in "".join(said.err.split())
    (runs / "other" / "laptop.json").unlink()
    with pytest.raises(SystemExit) as ended:
        main(["gallery", "--out", str(runs)])
    assert not ended.value.code


def test_a_small_picture_leaves_out_what_is_rounding_on_a_logarithmic_axis():
    def line(label, mean, dashed):
        return {"label": label, "mean": mean, "dashed": dashed}

    lines = [
        line("test", [1.0, 50.0, None], False),
        line("limit", [0.5, 0.5], True),
        line("train", [1.0, 1e-9], True),
    ]
    kept = _in_sight({"y_log": True, "series": lines})
    assert [one["label"] for one in kept] == ["test", "limit"]
    assert _in_sight({"y_log": False, "series": lines}) == lines
