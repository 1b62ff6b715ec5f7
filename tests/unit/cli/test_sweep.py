"""``overparam sweep``: what is refused with which words and exit code; nothing is computed."""

from __future__ import annotations

import numpy as np
import pytest

from overparam.cli import entry
from overparam.cli.sweep import _again
from overparam.data import from_arrays, save

TEXT = """
from overparam.models import mlp
from overparam.training import Recipe

def mine(width, depth=1):
    return mlp(6, (width,) * depth, 3)

RECIPE = Recipe(steps=40, learning_rate=0.1, batch=20)
NUMBER = 3
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("d")
    (folder / "mine.py").write_text(TEXT)
    x = np.random.default_rng(0).standard_normal((60, 6))
    return folder, str(save(from_arrays(x, np.arange(60) % 3, name="blobs"), folder / "blobs.npz"))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"family": "mlpp"}, "unknown family 'mlpp'. Did you mean 'mlp'?"),
        ({"family": "conv2"}, "family 'conv2' needs images"),
        ({"family": "linear"}, "has no width"),
        ({"family": "{folder}/mine.py"}, "mine.py:mine, got"),
        ({"family": "{folder}/mine.py:min"}, "holds no 'min'. Did you mean 'mine'?"),
        ({"family": "{folder}/mine.py:NUMBER"}, "got int"),
        ({"family": "nowhere.py:mine"}, "found nothing at nowhere.py"),
        ({"data": "blob"}, "unknown data set 'blob'"),
        ({"widths": "2,4"}, "at least 3 whole numbers"),
        ({"widths": "a,b,c"}, "--widths: expected whole numbers with commas between them, got 'a,b,c'"),
        ({"widths": ""}, "--widths: expected whole numbers"),
        ({"widths": "2,4.5,8"}, "--widths: expected whole numbers"),
        ({"seeds": "x"}, "--seeds: expected whole numbers"),
        ({"seeds": "0"}, "seed: expected at least one value"),
        ({"noise": "much"}, "--noise: expected numbers"),
        ({"noise": "2"}, "expected a number from 0 to 1, got 2"),
        ({"recipe": "{folder}/mine.py:mine"}, "expected a Recipe as"),
        ({"recipe": "{folder}/mine.py:RECIP"}, "holds no 'RECIP'. Did you mean 'RECIPE'?"),
        ({"optimizer": "sdg"}, "unknown optimizer 'sdg'. Did you mean 'sgd'?"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'. Did you mean 'cosine'?"),
        ({"loss": "crossentropy"}, "unknown loss 'crossentropy'"),
        ({"steps": "0"}, "steps: expected a whole number of at least 1, got 0"),
        ({"batch": "61"}, "batch: expected at most 45, the training rows, got 61"),
        ({"arm": "learning_rate"}, "--arm: expected an axis with its values"),
        ({"arm": "learning_rate="}, "--arm: expected an axis with its values"),
        ({"arm": "depht=1,2"}, "unknown axis of arms 'depht'. Did you mean 'depth'?"),
        ({"arm": "depth=1"}, "expected at least 2 values for 'depth', got 1 alone"),
        ({"arm": "learning_rate=0.1,fast"}, "for 'learning_rate', got 'fast'"),
        ({"arm": "recipe={folder}/mine.py:RECIPE,{folder}/mine.py:RECIPE"}, "got 'RECIPE' twice"),
        ({"probe": "nroms"}, "unknown probe 'nroms'. Did you mean 'norms'?"),
        ({"probe": "norms,{folder}/mine.py:mine"}, "names alone or functions of yours alone"),
        ({"on": "cloud"}, "unknown executor 'cloud'"),
        ({"memory": "lots"}, "--memory: expected a size"),
        ({"name": "double-descent"}, "it belongs to the package"),
        ({"wdths": "3"}, "--wdths"),
    ],
)  # fmt: skip
def test_bad_input_ends_in_one_sentence(given, tmp_path, capsys, changes, text):
    folder, data = given
    usual = {
        "family": "{folder}/mine.py:mine",
        "data": data,
        "widths": "2,4,8",
        "seeds": "1",
        "batch": "20",
        "on": "inline",
    }
    all_ = {key: value.replace("{folder}", str(folder)) for key, value in {**usual, **changes}.items()}
    words = [all_.pop("family"), *(word for key, value in all_.items() for word in (f"--{key}", value))]
    with pytest.raises(SystemExit) as ended:
        entry.main(["sweep", *words, "--out", str(tmp_path), "--dry-run"])
    told = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert ended.value.code == 2, told
    assert text.replace("{folder}", str(folder)) in told or text in told
    assert "Traceback" not in told


def test_a_dry_run_computes_nothing(given, tmp_path, capsys):
    folder, data = given
    with pytest.raises(SystemExit) as ended:
        entry.main(["sweep", f"{folder}/mine.py:mine", "--data", data, "--widths", "2,4,8", "--batch", "20",
                    "--arm", "depth=1,2", "--out", str(tmp_path / "new"), "--dry-run"])  # fmt: skip
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert "60: 0 done, 60 to do" in shown
    assert "depth" in shown
    assert not (tmp_path / "new").exists()


def test_the_command_that_repeats_a_sweep_names_no_folder():
    options = {
        "widths": "2,4,8",
        "seeds": "5",
        "noise": "0,0.15",
        "n": 0,
        "recipe": "/a/b/mine.py:RECIPE",
        "steps": 10,
    }
    several = {"arm": ["recipe=/a/mine.py:A,/a/mine.py:B", "depth=1,2"], "probe": ["norms"]}
    told = _again(
        "/a/b/mine.py:mine", "mnist", options, several, {"name": "", "title": "a title", "version": ""}
    )
    assert told == (
        "overparam sweep mine.py:mine --data mnist --widths 2,4,8 --recipe mine.py:RECIPE --steps 10 --title 'a title' "
        "--arm recipe=mine.py:A,mine.py:B --arm depth=1,2 --probe norms"
    )
