"""Other kinds of files, odd paths, and the options in a name."""

from __future__ import annotations

import io

import numpy as np
import pytest

from overparam import data
from overparam.core.errors import UsageError
from tests.odd_files import ROWS, A, B, Y, check, refuse, text_of, write_table

X = np.array(ROWS)
LABELS = np.array(Y)
XT, YT = X[:3] + 100, LABELS[:3]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("a.mat", "scipy.io.loadmat"), ("a.pt", "torch.load"), ("a.pkl", "A pickle can run code"),
        ("a.arrow", "read_feather"), ("a.feather", "read_feather"), ("a.jsonl", "lines=True"), ("a.xlsx", "read_excel"),
        ("a.h5", "h5py"), ("a.zip", "Unpack it first"), ("a.tar.gz", "Unpack it first"), ("a.txt", "rename it to .csv"),
        ("a.png", "Put all images into one array"), ("t10k-labels-idx1-ubyte.gz", "MNIST's own format"),
        ("a.gz", "a.csv.gz"), ("a.xyz", "Write the data as one of these"), ("a", "Write the data as one of these"),
    ],
)  # fmt: skip
def test_other_kinds_are_refused_with_the_way(tmp_path, name, word):
    (tmp_path / name).write_bytes(b"?")
    refuse(str(tmp_path / name), "expected .npz, .parquet, .csv or .tsv", word)


@pytest.mark.parametrize(
    "name", ["none.npz", "none.csv.gz", "no/folder", "a\0b.csv", "x" * 5000 + ".csv", "~nobody-here/a.csv"]
)
def test_paths_that_lead_nowhere(name):
    refuse(name, "expected a")


@pytest.mark.parametrize("name", [None, 5, "", "  ", b"a.csv", ["digits"]])
def test_names_that_are_none(name):
    refuse(name, "expected the name or the path of a data set")


def test_files_named_as_what_they_are_not(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, x=X, y=Y)
    for name in ("t.parquet", "t.csv", "t.npz.gz"):
        (tmp_path / name).write_bytes(buffer.getvalue())
        refuse(str(tmp_path / name), name)
    (tmp_path / "t.npz").write_bytes(b"")
    refuse(str(tmp_path / "t.npz"), "got an empty file")


def test_options_reach_the_fingerprint(tmp_path):
    write_table({"a": A, "b": B, "c": [i % 5 for i in range(12)], "label": Y}, tmp_path / "t.parquet")
    path = str(tmp_path / "t.parquet")
    names = [
        path,
        f"{path}:drop=c",
        f"{path}:drop=c+a",
        f"{path}:pixels=keep",
        f"{path}:labels=any",
        f"{path}:label=b,labels=any",
    ]
    assert len({data.fingerprint(name) for name in names}) == len(names)
    assert data.load(path, drop="c").fingerprint == data.fingerprint(f"{path}:drop=c")
    assert data.load(path, drop=["c", "a"]) is data.load(f"{path}:drop=c+a")
    assert data.fingerprint(f"{path}:labels=as-is,pixels=auto") == data.fingerprint(path)


def test_a_name_that_is_a_file_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv:label=a.csv").write_text(text_of())
    check("t.csv:label=a.csv", ROWS, Y)


def test_named_sets_take_no_options_of_files():
    for name in ("digits:labels=any", "mnist:pixels=keep"):
        refuse(name, "expected no options for")
    with pytest.raises(UsageError):
        data.load("gaussian:n=5", labels="any")
    with pytest.raises(UsageError, match="expected n= once, got it twice in 'n=5,n=6'"):
        data.load("gaussian:n=5,n=6")
