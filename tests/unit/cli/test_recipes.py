"""``overparam ls --recipes``: every setting at 80 columns, one in full, and the call that it prints."""

import re

import pytest

import overparam
from overparam.cli.recipes import call as printed_call
from overparam.training.published import RECIPES, find

FILL = {"optimizer": '"sgd"', "learning_rate": "0.1", "batch": "32", "epochs": "2", "n": "1000", "width": "4"}


def test_the_table_fits_80_columns_and_has_every_setting_with_its_marks(said):
    code, table, _ = said("ls", "--recipes")
    assert code == 0
    assert max(map(len, table.splitlines())) <= 80
    names = [line.split()[0] for line in table.splitlines() if line[1:2].strip() and line.split()[0] in RECIPES]
    assert names == list(RECIPES)  # none is folded, and what is confused stands together
    for one in RECIPES.values():
        assert one.source.split()[0] in table
    (line,) = (line for line in table.splitlines() if line.startswith(" lottery-lenet"))
    assert line.split() == ["lottery-lenet", "LeNet-300-100", "Adam", "0.0012", "60*", "constant*", "50k"]
    (line,) = (line for line in table.splitlines() if line.startswith(" belkin-mlp "))
    assert line.split() == ["belkin-mlp", "MLP", "784-H-10", "SGD", "?", "?", "constant", "6k", "ep"]
    assert "Livni" in table


@pytest.mark.parametrize(
    "name", ["lottery-lenet", "nakkiran-cnn", "tian-multilayer", "oymak-gd", "heckel-slow-output"]
)
def test_one_setting_is_shown_whole(said, name):
    code, page, _ = said("ls", "--recipes", name)
    one, flat = find(name), " ".join(said("ls", "--recipes", name)[1].split())
    assert code == 0
    assert max(map(len, page.splitlines())) <= 80
    assert f"{name}: {one.source}" in flat
    assert " ".join(one.citation.split()) in flat
    assert one.place in flat
    for other in one.beside:
        assert other in page
    for line in printed_call(one).splitlines():
        assert line in page


def test_a_recalled_number_says_so_and_an_unknown_one_too(said):
    page = said("ls", "--recipes", "lottery-lenet")[1]
    rows = {line.split("  ")[0].strip(): line for line in page.splitlines()}
    assert rows["batch"].split() == ["batch", "60", "recalled,", "not", "checked"]
    assert rows["learning rate"].split()[2:] == ["0.0012", "read"]
    assert "not known here" in said("ls", "--recipes", "zhang-inception")[1]


def test_a_beginning_lists_those_that_begin_so(said):
    code, table, _ = said("ls", "--recipes", "zhou")
    assert code == 0
    assert re.findall(r"^ (zhou-\S+)", table, re.M) == ["zhou-lenet", "zhou-conv2", "zhou-conv4", "zhou-conv6"]
    assert "nakkiran" not in table


def test_an_unknown_name_and_two_lists_are_refused(said):
    code, _, error = said("ls", "--recipes", "lotery-lenet")
    assert code == 2
    assert "Did you mean 'lottery-lenet'?" in error
    assert said("ls", "--recipes", "--probes")[0] == 2


def test_the_printed_calls_run():
    assert overparam.published("zhou-lenet").name == "zhou-lenet"
    for one in RECIPES.values():
        text = re.sub(r"(\w+)=\.\.\.", lambda match: f"{match[1]}={FILL[match[1]]}", printed_call(one))
        assert "..." not in text
        names: dict = {}
        exec(text, names)
        assert names["recipe"].steps >= 1
        assert ("network" in names) == (one.build is not None)
