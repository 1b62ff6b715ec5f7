"""A training log: the forms it may have, what is refused, and when an earlier stop is said to have been better."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from overparam.core.errors import DataError, OverparamError
from overparam.own.diagnosis.check import rules_applied
from overparam.own.diagnosis.checks.stopping import CHECK, bound, crossed
from overparam.own.diagnosis.training_log import read_log

ROWS = [{"epoch": 1, "val_loss": 0.9}, {"epoch": 2, "val_loss": 0.5}, {"epoch": 3, "val_loss": 0.6}]


def test_rows_columns_and_files_are_one(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss,val_loss\n1,1,0.9\n2,1,0.5\n3,1,0.6\n")
    (tmp_path / "log.json").write_text(json.dumps(ROWS))
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    columns = {"epoch": np.arange(1, 4), "val/loss": np.array([0.9, 0.5, 0.6])}
    for given in (ROWS, columns, *(tmp_path / f"log.{end}" for end in ("csv", "json", "jsonl"))):
        found = read_log(given)
        assert found.values.tolist() == [0.9, 0.5, 0.6]
        assert (found.unit, found.kind, found.steps.tolist()) == ("epoch", "loss", [1, 2, 3])


def test_percent_shares_and_missing_rows():
    assert read_log({"step": [1, 2], "test_accuracy": [50.0, 92.0]}).values == pytest.approx([0.5, 0.08])
    assert read_log({"step": [1, 2], "test_acc": [0.5, 0.92]}).values == pytest.approx([0.5, 0.08])
    found = read_log({"step": [1, 2, 3], "test_error": [0.5, None, 0.1]})
    assert (found.dropped, found.steps.tolist()) == (1, [1, 3])
    each = read_log([{"step": 1, "val_losses": [1.0, 2.0]}, {"step": 2, "val_losses": [0.0, 1.0]}])
    assert each.each.shape == (2, 2)
    assert each.values.tolist() == [1.5, 0.5]


@pytest.mark.parametrize(
    ("log", "text"),
    [
        (3, "log: expected rows as mappings"),
        ([], "log: expected rows as mappings"),
        ({"epoch": [1, 2], "loss": [1, 2]}, "log: expected a column such as val_loss"),
        ({"val_loss": [1, 2]}, "log: expected a column of steps"),
        (
            {"epoch": [1, 2], "val_loss": [1, 2], "test_loss": [1, 2]},
            "one column of held-out loss, got val_loss, test_loss",
        ),
        ({"epoch": [1, 1], "val_loss": [1, 2]}, "'epoch' to ascend, got 1 after 1"),
        ({"epoch": [1, 2], "val_loss": [1, "x"]}, "expected numbers in 'val_loss', got 'x'"),
        ({"epoch": [1, 2], "val_loss": [1, float("inf")]}, "finite numbers in 'val_loss'"),
        ({"epoch": [1, 2], "val_loss": [None, 2]}, "at least two rows with 'val_loss', got 1"),
        ({"epoch": [1, 2, 3], "val_loss": [1, 2]}, "columns of one length"),
        ({"epoch": [1, 2], "val_acc": [0.5, 130]}, "shares from 0 to 1, or percent"),
        ({"epoch": [1, 2], "val_acc": [0.5, 1.5]}, "which may be either"),
        ([{"epoch": 1, "val_loss": [1, 2]}, {"epoch": 2, "val_loss": [1]}], "as many numbers in every row"),
        ("nowhere.csv", "expected a file of text at 'nowhere.csv'"),
    ],
)
def test_what_is_no_log_is_refused_by_name(log, text):
    with pytest.raises(OverparamError, match=text):
        read_log(log)


def test_json_that_does_not_parse_and_other_endings(tmp_path):
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "a.xml").write_text("<a/>")
    with pytest.raises(DataError, match=r"expected JSON in 'a.json'"):
        read_log(tmp_path / "a.json")
    with pytest.raises(OverparamError, match=r"ends in .csv, .json or .jsonl, got 'a.xml'"):
        read_log(str(tmp_path / "a.xml"))


def asked(log, examples=None, seed=0):
    test = None if examples is None else SimpleNamespace(examples=examples)
    context = SimpleNamespace(log=log, test=test, draw=lambda stream: np.random.default_rng((seed, stream)))
    with rules_applied():  # whatever its error rate: what the rule says is what is tried here
        return CHECK.run(context)


def noisy(mean, n, rng):
    """Losses of n examples at each time: what is their own stays, what changes is noise."""
    own = rng.exponential(size=n)
    return [m + own + 0.3 * rng.normal(size=n) for m in mean]


def test_a_plateau_is_no_reason_and_a_rise_is_one():
    """Picking the lowest of ten equal points makes the end look worse; what other examples chose does not."""
    rng = np.random.default_rng(0)
    wrong = 0
    for seed in range(200):
        each = np.array(noisy([0.5] * 10, 200, rng))
        wrong += crossed(each, np.random.default_rng(seed))[1] > 0
    assert wrong <= 13  # 2.5 % of 200, and three standard deviations
    rising = {"epoch": range(1, 7), "val_losses": noisy([0.9, 0.5, 0.4, 0.5, 0.6, 0.7], 400, rng)}
    found = asked({name: list(one) for name, one in rising.items()})
    assert found.status == "yes"
    assert "epoch 3 of 6" in found.words
    falling = {"epoch": list(range(1, 7)), "val_losses": noisy([9, 5, 4, 3, 2, 1.0], 4000, rng)}
    assert asked(falling).status == "no"


def test_numbers_alone_where_the_log_tells_no_noise():
    found = asked(ROWS)
    assert found.status == "inconclusive"
    assert found.effect.value == pytest.approx(0.1)
    assert "per" not in found.status
    assert found.next is not None
    assert "A minimum that was picked looks better than it is" in found.words


def test_accuracy_needs_more_than_the_best_of_all_points_explains():
    small = {"epoch": [1, 2, 3], "val_acc": [0.90, 0.92, 0.91]}
    assert asked(small, 1000).status == "inconclusive"
    large = {"epoch": [1, 2, 3], "val_acc": [0.90, 0.92, 0.80]}
    assert asked(large, 1000).status == "yes"
    assert asked(large).status == "inconclusive"
    assert bound(np.array([0.1, 0.2]), 10**6) == pytest.approx(0.1, abs=0.002)
