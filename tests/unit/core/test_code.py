"""A function's values follow what it computes, and nothing else."""

import functools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import overparam
from overparam.core import Choice, arm, enough_noise, line, need, on_average, one_draw, per_seed
from overparam.core.code import code_of, digest, value_of, work_of
from overparam.core.plugin import from_file

CUT = 1.0
TABLE = {"low": 1.0, "high": 2.0}


def helper(x):
    return x > CUT


def rule(x):
    return helper(x)


def again(x):
    return again(x - 1) if x else CUT


class Cutter:
    def __init__(self, cut):
        self.cut = cut

    def above(self, x):
        return x > self.cut

    def __call__(self, x):
        return self.above(x)


def module(folder, text, name="mine"):
    path = folder / f"{name}.py"
    path.write_text(textwrap.dedent(text))
    return from_file(path, "study")


def changes(tmp_path, before, after, asked="f"):
    """Whether the values of a function differ between two texts of its file."""
    one, two = (tmp_path / name for name in ("one", "two"))
    for folder in (one, two):
        folder.mkdir(exist_ok=True)
    first = value_of(getattr(module(one, before), asked))
    return first != value_of(getattr(module(two, after), asked))


def test_a_global_constant_enters_however_deep(monkeypatch):
    before = code_of(rule)
    monkeypatch.setattr(sys.modules[__name__], "CUT", 2.0)
    assert code_of(rule) != before
    monkeypatch.setattr(sys.modules[__name__], "CUT", 1)  # 1 is 1.0
    assert code_of(rule) == before


def test_a_function_that_calls_itself_ends(monkeypatch):
    before = code_of(again)
    monkeypatch.setattr(sys.modules[__name__], "CUT", 2.0)
    assert code_of(again) != before


def test_closures_defaults_partials_and_methods_enter():
    def above(cut):
        def holds(x):
            return x > cut

        return lambda x: holds(x)

    def given(x, cut=1.0, *, least=2):
        return x > cut + least

    def other(x, cut=1.0, *, least=3):
        return x > cut + least

    def add(a, b):
        return a + b

    assert code_of(above(1)) == code_of(above(1)) != code_of(above(2))  # a function that is closed over
    assert code_of(given)[1][1][1] != code_of(other)[1][1][1]  # a default by keyword
    assert code_of(functools.partial(add, 1)) != code_of(functools.partial(add, 2))
    assert code_of(functools.partial(add, b=1)) != code_of(functools.partial(add, b=2))
    assert code_of(Cutter(1).above) == code_of(Cutter(1).above) != code_of(Cutter(2).above)
    assert code_of(Cutter(1)) != code_of(Cutter(2))


def test_two_lambdas_in_one_line_are_told_apart():
    one, two, same = (lambda x: x + 1), (lambda x: x + 2), (lambda x: x + 1)
    assert code_of(one) != code_of(two)
    assert code_of(one)[1][1][0] == code_of(same)[1][1][0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x):\n    return x + 1", '# why\ndef f(x):\n    """Words."""\n    return (x +\n        1)  # one'),
        ("def f(x):\n    x = x\n    return x", "def f(x: int) -> int:\n    x: int = x\n    pass\n    return x"),
        ("UNUSED = 1\ndef f(x):\n    return x", "UNUSED = 2\ndef f(x):\n    return x"),
        ("CUT = 0.5\ndef f(x):\n    return x > CUT", "HALF = 2\nCUT = 1 / HALF\ndef f(x):\n    return x > CUT"),
        ("def f(x):\n    return x.cut\ncut = 1", "def f(x):\n    return x.cut\ncut = 2"),  # an attribute is no global
        ("SEEN = {}\ndef f(x):\n    SEEN[x] = 1", "SEEN = {}\ndef f(x):\n    SEEN[x] = 1\nf(3)"),  # a cache fills
    ],
)  # fmt: skip
def test_what_has_no_effect_does_not_enter(tmp_path, before, after):
    assert not changes(tmp_path, before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x):\n    return x + 1", "def f(x):\n    return x + 2"),
        ("CUT = 1\ndef f(x):\n    return x > CUT", "CUT = 2\ndef f(x):\n    return x > CUT"),
        ("T = {'a': 1}\ndef f(x):\n    return T", "T = {'a': 2}\ndef f(x):\n    return T"),
        ("T = {'a': 1}\ndef f(x):\n    return T", "T = {'a': 1}\nT['a'] = 2\ndef f(x):\n    return T"),
        ("N = 1\nT = [N]\ndef f(x):\n    return T", "N = 2\nT = [N]\ndef f(x):\n    return T"),
        ("def g(x):\n    return 1\ndef f(x):\n    return g(x)", "def g(x):\n    return 2\ndef f(x):\n    return g(x)"),
        ("class A:\n    k = 1\ndef f(x):\n    return A().k", "class A:\n    k = 2\ndef f(x):\n    return A().k"),
        ("class A:\n    def k(self):\n        return 1\na = A()\ndef f(x):\n    return a.k()",
         "class A:\n    def k(self):\n        return 2\na = A()\ndef f(x):\n    return a.k()"),
        ("import functools\n@functools.lru_cache(1)\ndef f(x):\n    return 1",
         "import functools\n@functools.lru_cache(1)\ndef f(x):\n    return 2"),
        ("def d(g):\n    return lambda x: g(x) + 1\ndef f(x):\n    return [h(x) for h in (d(abs),)]",
         "def d(g):\n    return lambda x: g(x) + 2\ndef f(x):\n    return [h(x) for h in (d(abs),)]"),
        ("import numpy as np\nX = np.arange(3)\ndef f(x):\n    return X",
         "import numpy as np\nX = np.arange(4)\ndef f(x):\n    return X"),
    ],
)  # fmt: skip
def test_what_has_an_effect_enters(tmp_path, before, after):
    assert changes(tmp_path, before, after)


def test_functions_of_other_packages_enter_by_name(tmp_path):
    found = value_of(
        module(
            tmp_path, "from scipy.special import erf\nimport numpy as np\ndef f(x):\n    return np.mean(erf(x))"
        ).f
    )
    assert len(repr(found)) < 600
    assert "erf" in repr(found)


def test_a_function_without_its_text_enters_by_its_bytecode():
    space = {}
    exec("def f(x):\n    return x + 1\ndef g(x):\n    return x + 2", space)
    assert code_of(space["f"]) != code_of(space["g"])


def test_needs_arms_and_choices_enter_with_their_functions():
    def choice(k):
        return Choice("some", lambda axis, levels: levels[k])

    assert enough_noise(0.1).tree == enough_noise(0.1).tree != enough_noise(0.2).tree
    assert enough_noise(0.1).on(arm(width=3)).tree != enough_noise(0.1).on(arm(width=4)).tree
    assert enough_noise(0.1).on(arm()).tree != enough_noise(0.2).on(arm()).tree
    assert one_draw(among={"a": (1,)}).tree != one_draw(among={"a": (2,)}).tree
    error = line("error")
    assert on_average("fit", error.last, at_most=1).tree != on_average("fit", error.first, at_most=1).tree
    assert arm("one", width=choice(0)).tree == arm("other words", width=choice(0)).tree
    assert arm(width=choice(0)).tree != arm(width=choice(1)).tree
    assert need("a", "words", rule).tree == need("a", "other words", rule).tree


def test_an_expression_sees_what_its_function_names(monkeypatch):
    before = per_seed(rule, "a number", line("error")).fingerprint
    monkeypatch.setattr(sys.modules[__name__], "CUT", 2.0)
    assert per_seed(rule, "a number", line("error")).fingerprint != before


def test_the_work_follows_files_beside_it(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("")
    (tmp_path / "parts" / "deep.py").write_text("RATE = 1\ndef rate():\n    return RATE\n")
    (tmp_path / "helpers.py").write_text(
        "from parts.deep import rate\ndef step():\n    return rate()\nUNUSED = 1\n"
    )
    text = "def work(cells, progress):\n    from helpers import step\n    return step()\n"
    mine = module(tmp_path, text)
    before = work_of(mine.work, mine.__file__)
    (tmp_path / "helpers.py").write_text(
        "# why\nfrom parts.deep import rate\ndef step():\n    return rate()\nUNUSED = 2\n"
    )
    assert work_of(mine.work, mine.__file__) == before
    (tmp_path / "parts" / "deep.py").write_text("RATE = 2\ndef rate():\n    return RATE\n")
    assert work_of(mine.work, mine.__file__) != before


def test_work_that_is_imported_later_is_followed(tmp_path):
    (tmp_path / "mine_work.py").write_text("def run(cells, progress):\n    return 1\n")
    mine = module(
        tmp_path,
        "from overparam.core import later\nwork = later('mine_work:run')\nother = later('mine_work:run', 2)",
    )
    before = work_of(mine.work, mine.__file__)
    assert work_of(mine.other, mine.__file__) != before
    (tmp_path / "mine_work.py").write_text("def run(cells, progress):\n    return 2\n")
    assert work_of(mine.work, mine.__file__) != before


def test_where_a_file_lies_does_not_matter(tmp_path):
    text = "import os\nHERE = os.path.dirname(__file__)\ndef f(x):\n    return HERE"
    assert not changes(tmp_path, text, text)


ALL = """
from overparam.core.code import digest, work_of
from overparam.core.registry import packaged
for name in ("double-descent", "effective-complexity", "least-squares"):
    study = packaged(name)
    print(name, digest(work_of(study.work, study.file)), [claim.fingerprint for claim in study.claims])
"""


def test_fingerprints_are_the_same_in_another_folder_under_another_hash_seed(tmp_path):
    source = Path(overparam.__file__).parents[1]
    copied = tmp_path / "copied"
    for room in ("core", "studies"):
        folder = copied / "overparam" / room
        folder.mkdir(parents=True)
        for path in (source / "overparam" / room).iterdir():
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())
    (copied / "overparam" / "__init__.py").write_bytes((source / "overparam" / "__init__.py").read_bytes())

    def told(folder, seed):
        env = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTHONHASHSEED": str(seed),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run(
            [sys.executable, "-c", ALL], env=env, capture_output=True, text=True, check=True
        ).stdout

    assert told(source, 1) == told(copied, 2)


def test_an_object_that_holds_itself_ends():
    one = Cutter(1)
    one.cut = [one]
    assert "again" in repr(code_of(one))


def test_a_digest_is_short_and_stable():
    assert digest(("a", 1)) == digest(("a", 1)) != digest(("a", 2))
    assert len(digest(())) == 16
