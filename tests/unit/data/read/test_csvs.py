"""Text as people have it: each file is read as it is meant, or refused by one sentence."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from overparam import data
from tests.odd_files import FRAME, ROWS, Y, check, refuse, text_of


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", text_of(), []),
        ("t.CSV", text_of(), []),
        ("t.csv", text_of(end="\r\n"), []),
        ("t.csv", "\ufeff" + text_of(), []),
        ("t.csv", text_of().rstrip(), []),
        ("t.csv", "\n\n" + text_of() + "\n\n", []),
        ("t.csv", text_of(";"), ["columns are separated by semicolons"]),
        ("t.csv", text_of("\t"), ["columns are separated by tabs"]),
        ("t.tsv", text_of("\t"), []),
        ("t.csv", text_of(", "), []),
        ("t.csv", text_of().replace("a,b,label", '"a","b",Label '), []),
    ],
)
def test_text_that_is_read(tmp_path, name, text, words):
    (tmp_path / name).write_bytes(text.encode())
    check(str(tmp_path / name), ROWS, Y, *words)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    check(str(tmp_path / f"{name}.gz"), ROWS, Y, *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["got an empty file"]),
        ("\n\n", ["got an empty file"]),
        ("a,b,label\n", ["at least one row"]),
        ("a,b,label", ["at least one row"]),
        ("\ta\tlabel\n0\t1\t0\n1\t2\t1\n", ["Unnamed: 0"]),
        (
            "5.1,3.5,0\n4.9,3.0,1\n",
            ["expected the names of the columns in the first line, got the values 5.1, 3.5, 0"],
        ),
        ("5.1,3.5,setosa\n4.9,3.0,virginica\n", ["expected the names of the columns in the first line"]),
        ("7,0,0,255\n2,0,0,1\n", ["expected the names of the columns in the first line"]),
        ("a,a,label\n1,2,0\n3,4,1\n", ["a name of its own, got a more than once"]),
        ("a,b,label\n1,2,0\n3,1\n", ["expected 3 cells in every row", "got 2"]),
        ("a,b,label\n1,2,0\n3,1,1,5\n", ["expected 3 cells in every row", "got 4"]),
        ('a,b,label\n1,"1,234",0\n3,4,1\n', ["b of type string", "no thousands or decimal commas"]),
        ("a;b;label\n1,5;2;0\n2,5;3;1\n", ["a of type string", "no thousands or decimal commas"]),
        ("a,b,label\n1,2,0\n,3,1\n", ["column a", "1 missing (the first in row 1)"]),
        ("a,b,label\n1,NA,0\n2,3,1\n", ["column b", "1 missing (the first in row 0)"]),
        ("a,b,label\n1,2,\n2,3,1\n", ["column label", "expected a label in every row"]),
        ("a,b,label\n1,?,0\n2,3,1\n", ["b of type string"]),
        ("a,b,label\n1,2021-03-04,0\n2,2021-03-05,1\n", ["b of type date32"]),
        ("a,b,label\n1,inf,0\n2,3,1\n", ["infinite"]),
        ('a,b,label\n1,2,"x\n2,3,y\n3,4,z\n', ["line breaks"]),
        ('a,b,label\n1,"2,0\n2",3,1\n5,6,1\n', ["expected 3 cells in every row"]),
        (",a,label\n0,1,0\n1,2,1\n", ["got columns that look like row numbers", "Unnamed: 0"]),
        ("# a,b,label\n1,2,0\n3,4,1\n", ["a line that starts with #"]),
        ("a b label\n1 2 0\n3 4 1\n", ["separated by commas, semicolons or tabs, got one column"]),
        ("a,b,label\n1,2,0\n3,\0,1\n", ["zero bytes"]),
        ("a,b,label\n1,2,caf\xe9\n3,4,x\n".encode("latin-1"), ["line 2: expected text in UTF-8"]),
        (text_of().encode("utf-16"), ["UTF-16"]),
        (gzip.compress(text_of().encode()), ["gzip data (end its name in .gz)"]),
        ("<!DOCTYPE html><html>", ["a web page"]),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\n", ["a Git LFS pointer"]),
    ],
    ids=range(30),
)
def test_text_that_is_refused(tmp_path, text, words):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    refuse(str(path), "t.csv", *words)


def test_an_unnamed_column_is_left_out_by_the_name_that_is_shown(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv")
    refuse(str(tmp_path / "t.csv"), "t.csv:drop=Unnamed: 0")
    check(f"{tmp_path}/t.csv:drop=Unnamed: 0", ROWS, Y, "left out: Unnamed: 0")


def test_numbers_that_turn_out_to_have_fractions_late_are_read(tmp_path):
    lines = ["a,b,label", *(f"{i % 7},{i % 5},{i % 2}" for i in range(3000)), "0.5,1,0"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert data.load(tmp_path / "t.csv").x.max() == 6


def test_a_quoted_label_that_reads_as_missing_is_a_label(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,label\n" + '1.5,2,"NA"\n2.5,2,DE\n1.5,3,DE\n' * 3)
    assert "labels DE, NA became 0, 1" in data.load(tmp_path / "t.csv", labels="any").notes


def test_numbers_as_names_of_columns(tmp_path):
    wide = pd.DataFrame(np.arange(36.0).reshape(12, 3)[::-1] % 7).assign(label=Y)
    wide.to_csv(tmp_path / "t.csv", index=False)
    check(str(tmp_path / "t.csv"), wide[[0, 1, 2]].to_numpy(), Y)


def test_gzip_that_is_cut_short(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text_of().encode() * 50)[:-20])
    refuse(str(tmp_path / "t.csv.gz"), "expected a whole gzip file")
