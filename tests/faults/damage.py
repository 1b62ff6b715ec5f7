"""Ways in which a stored file can be damaged, and what is said of each."""

import json
import os
import socket

from overparam.store.seal import sealed

HUGE = 10**400


def of(path):
    """The document of a file."""
    return json.loads(path.read_bytes())


def put(path, document):
    """Write a document with a seal that holds, as another program could."""
    path.write_bytes(sealed({k: v for k, v in document.items() if k != "sha256"}))


def sets(*keys, to):
    """Change one place of a document."""

    def change(path):
        document = of(path)
        place = document
        for key in keys[:-1]:
            place = place[key]
        if to is DROP:
            del place[keys[-1]]
        else:
            place[keys[-1]] = to
        put(path, document)

    return change


DROP = object()


def raw(change):
    """Change the bytes of a file."""
    return lambda path: path.write_bytes(change(path.read_bytes()))


def unsealed(change):
    """Change the text of a file that has no seal."""

    def apply(path):
        document = {k: v for k, v in of(path).items() if k != "sha256"}
        path.write_text(change(json.dumps(document)), encoding="utf-8")

    return apply


def becomes(make):
    """Put something that is no file in the place of a file."""

    def apply(path):
        path.unlink()
        make(path)

    return apply


def _socket(path):
    here = os.getcwd()
    server = socket.socket(socket.AF_UNIX)
    try:
        os.chdir(path.parent)  # a socket's path is short
        server.bind("s")
        os.replace("s", path.name)
    finally:
        os.chdir(here)
        server.close()


def _sparse(path):
    with path.open("wb") as file:
        file.truncate(2**31)


TEXTS = {
    "cut": (raw(lambda b: b[:60]), "no JSON"),
    "empty": (raw(lambda b: b""), "it is empty"),
    "blank": (raw(lambda b: b" \n"), "it is empty"),
    "words": (raw(lambda b: b"hello"), "no JSON"),
    "edited": (raw(lambda b: b.replace(b'"seconds": ', b'"seconds": 1', 1)), "changed after it was written"),
    "latin": (raw(lambda b: b.replace(b"digits", b"dig\xefts", 1)), "no UTF-8"),
    "utf-16": (raw(lambda b: b.decode().encode("utf-16")), "no UTF-8"),
    "mark": (raw(lambda b: b"\xef\xbb\xbf" + b), "byte order mark"),
    "zero": (raw(lambda b: b.replace(b"digits", b"dig\0its", 1)), "no JSON"),
    "deep": (raw(lambda b: b"[" * 200_000), "nested too deeply"),
    "deep objects": (raw(lambda b: b'{"a":' * 200_000), "nested too deeply"),
    "nan": (unsealed(lambda t: t.replace('"schema": 1', '"schema": 1, "x": NaN')), "NaN, which is no number"),
    "infinity": (unsealed(lambda t: t.replace('"schema": 1', '"schema": 1, "x": [-Infinity]')), "no number"),
    "1e400": (unsealed(lambda t: t.replace('"schema": 1', '"schema": 1, "x": [1, 1e400]')), "finite number"),
    "digits": (unsealed(lambda t: t.replace('"schema": 1', '"schema": 1, "x": 1' + "0" * 5000)), "of digits"),
    "twice": (unsealed(lambda t: t.replace('"schema": 1', '"schema": 1, "schema": 1')), "'schema' twice"),
    "half": (unsealed(lambda t: t.replace('"schema": 1', '"schema": 1, "x": "\\ud83d"')), "surrogate pair"),
    "list": (raw(lambda b: b"[]"), "expected an object, got a list"),
    "null": (raw(lambda b: b"null"), "expected an object, got null"),
    "another": (raw(lambda b: b'{"somebody": "else"}'), "it has no 'schema'"),
    "schema alone": (raw(lambda b: b'{"schema": 1}'), "it has no '"),
    "schema text": (sets("schema", to="1"), "schema: expected a whole number from 1 to 1000, got '1'"),
    "schema true": (sets("schema", to=True), "schema: expected a whole number from 1 to 1000, got true"),
    "schema -1": (sets("schema", to=-1), "got -1"),
    "schema 1.5": (sets("schema", to=1.5), "got 1.5"),
    "schema null": (sets("schema", to=None), "got null"),
}
"""Of any JSON file: how it is damaged, and what is said."""

THINGS = {
    "folder": (becomes(lambda p: p.mkdir()), "a folder, no file"),
    "full folder": (becomes(lambda p: (p.mkdir(), (p / "x").write_text("x"))), "a folder, no file"),
    "pipe": (becomes(os.mkfifo), "a pipe, no file"),
    "socket": (becomes(_socket), "a socket, no file"),
    "device": (becomes(lambda p: p.symlink_to("/dev/zero")), "a device, no file"),
    "nowhere": (becomes(lambda p: p.symlink_to("/nowhere/at/all")), "a link that leads to no file"),
    "circle": (becomes(lambda p: p.symlink_to(p)), "a link that leads to no file"),
    "elsewhere": (becomes(lambda p: p.symlink_to("/etc/passwd")), "no JSON"),
    "2 GB": (_sparse, "it has more than"),
}
"""What can lie in the place of a file."""

CELLS = {
    "no params": (sets("params", to=DROP), "it has no 'params'"),
    "params list": (sets("params", to=[1]), "params: expected an object, got a list"),
    "values null": (sets("values", to=None), "values: expected an object, got null"),
    "values list": (sets("values", to=[]), "values: expected an object, got a list"),
    "a strange name": (sets("values", "a\nb", to=1), "names of 1 to 200 characters"),
    "status": (sets("status", to="done"), "expected one of 'ok', 'diverged', got 'done'"),
    "status number": (sets("status", to=5), "got 5"),
    "note list": (sets("note", to=["x"]), "note: expected a text, got a list"),
    "seconds text": (sets("seconds", to="1"), "seconds: expected a number"),
    "seconds negative": (sets("seconds", to=-1.0), "seconds: expected a number from 0"),
    "version text": (sets("cell_version", to="1"), "cell_version: expected a whole number"),
    "environment": (sets("environment", to=[]), "environment: expected an object"),
    "device": (sets("environment", "device", to=3), "environment.device: expected a text, got 3"),
    "another study": (sets("study", to="other"), "a cell of 'other'"),
    "a study outside": (sets("study", to="../../x"), "study: expected a name of letters"),
    "another cell": (sets("cell", to="a--1"), "it holds the cell a--1"),
    "error text": (sets("values", "error", to="10.5"), "its error is '10.5', expected a number"),
    "error object": (sets("values", "error", to={"a": 1}), "its error is an object, expected a number"),
    "error huge": (sets("values", "error", to=HUGE), "a huge whole number"),
    "points of text": (sets("values", "train_error", to=[0.5, "x"]), "its train_error is 'x'"),
    "deep values": (sets("values", "path", to=json.loads("[" * 60 + "]" * 60)), "at most 32 levels"),
    "another width": (sets("params", "width", to=64), "width is 64, its name says otherwise"),
    "another seed": (sets("params", "seed", to=77), "seed is 77, its name says otherwise"),
    "seed text": (sets("params", "seed", to="x"), "seed is 'x', its name says otherwise"),
    "another data set": (sets("params", "data", to="mnist1d"), "data set is 'mnist1d', its name says otherwise"),
    "no seed": (sets("params", "seed", to=DROP), "no seed among its parameters"),
    "came from outside": (sets("formerly", to={"study": "../x", "name": "a"}), "formerly.study: expected a name"),
}  # fmt: skip
"""Of a cell."""


def tree(folder, without=()):
    """Every file below a folder with its content; of links and pipes, that they are there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not any(one in path.parents or one == path for one in without):
            plain = path.is_file() and not path.is_symlink() and path.stat().st_size < 10**7
            found[path.relative_to(folder).as_posix()] = path.read_bytes() if plain else b"?"
    return found
