"""``overparam ls --networks``: every family at 80 columns, one network layer by layer, and what is refused."""

import re

import pytest

from overparam.models import named, parameters
from overparam.models.families import FAMILIES


def test_the_table_fits_80_columns_and_has_every_family_with_its_size(said):
    code, table, _ = said("ls", "--networks")
    assert code == 0
    assert max(map(len, table.splitlines())) <= 80
    first = [line.split() for line in table.splitlines() if line[1:2].strip() and line.split()[0] in FAMILIES]
    assert [line[0] for line in first] == list(FAMILIES)  # none is folded
    for line in first:
        family = FAMILIES[line[0]]
        assert f"{parameters(named(line[0], family.shape, family.outputs)):,}" in line
        assert "x".join(map(str, family.shape)) in table
        assert family.source.split(",")[0].split()[0] in table


def test_one_network_is_shown_layer_by_layer(said):
    code, page, _ = said("ls", "--networks", "cnn5", "--shape", "32x32x1", "--outputs", "3", "--width", "2")
    assert code == 0
    assert max(map(len, page.splitlines())) <= 80
    rows = {line.split()[0]: line.split()[1:] for line in page.splitlines() if line.strip()}
    assert rows["conv1"] == ["2x1x3x3", str(2 * 9 + 2)]
    assert rows["norm4"] == ["16", "32"]
    assert rows["output"] == ["3x16", "51"]
    assert rows["statistics"] == ["(60", "held", "constant)"]
    assert rows["trained"] == [f"{parameters(named('cnn5', (32, 32), 3, width=2)):,}"]
    assert rows["1,558,026"][0] == "32x32x3"
    assert rows["norm"] == ["batch", "in", "Python:", "overparam.models.named"]


@pytest.mark.parametrize("name", ["deep-mlp", "two-layer-signs", "linear", "mlp"])
def test_the_counts_of_the_layers_add_up(said, name):
    code, page, _ = said("ls", "--networks", name, "--shape", "7")
    assert code == 0
    layers = page[page.rindex("parameters") :]
    counts = [int(n.replace(",", "")) for n in re.findall(r" ([\d,]+)\s*$", layers, re.M)]
    assert sum(counts[:-1]) == counts[-1]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("ls", "--networks", "resnet81"), "unknown network 'resnet81'. Did you mean 'resnet18'?"),
        (("ls", "--networks", ""), ""),
        (("ls", "--networks", "mlp", "--shape", "28*28"), "--shape: expected height and width"),
        (("ls", "--networks", "mlp", "--shape", "-3"), "--shape"),
        (("ls", "--networks", "mlp", "--shape", "٣x٣"), "--shape: expected height and width"),
        (("ls", "--networks", "mlp", "--shape", "2x2x2x2"), "--shape: expected height and width"),
        (("ls", "--networks", "mlp", "--shape", "0"), "shape: expected a whole number of at least 1, got 0"),
        (("ls", "--networks", "resnet18", "--shape", "784"), "shape: expected (height, width)"),
        (("ls", "--networks", "resnet18", "--shape", "8x8"), "would meet nothing but padding"),
        (("ls", "--networks", "resnet18", "--depth", "3"), "depth: 'resnet18' has no such axis"),
        (
            ("ls", "--networks", "mlp", "--width", "0"),
            "--width: expected a whole number of at least 1, got '0'",
        ),
        (
            ("ls", "--networks", "mlp", "--width", "2.5"),
            "--width: expected a whole number of at least 1, got '2.5'.",
        ),
        (("ls", "--networks", "mlp", "--width", "1e3"), "--width: expected a whole number"),
        (("ls", "--networks", "mlp", "--depth", "True"), "--depth: expected a whole number"),
        (("ls", "--networks", "mlp", "--outputs", "0x10"), "--outputs: expected a whole number"),
        (("ls", "--networks", "mlp", "--outputs", "1_000"), "--outputs: expected a whole number"),
        (
            ("ls", "--networks", "mlp", "--outputs", "-1"),
            "--outputs: expected a whole number of at least 1, got '-1'",
        ),
        (("ls", "--networks", "--width", "3"), "--width: expected the name of a network with it"),
        (("ls", "mlp", "--shape", "3"), "--shape: expected --networks and a network's name with it."),
        (("ls", "--networks", "--ledger"), "expected one of --stored, --probes, --theorems, --networks"),
    ],
)
def test_what_is_wrong_is_said(said, words, text):
    code, _, err = said(*words)
    assert code == (2 if text else 0)
    assert text in " ".join(err.split())
