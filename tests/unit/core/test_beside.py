"""A person's file finds what lies beside it, from every folder, and nobody else does."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from overparam.core import beside
from overparam.core.code import value_of
from overparam.core.errors import UsageError
from overparam.core.outcomes import later
from overparam.core.plugin import from_file


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Write files below a folder; none of their names may show in Python's own modules afterwards."""
    before = set(sys.modules)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def write(**files):
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            for folder in path.parents:
                if folder.name.startswith("pack"):
                    (folder / "__init__.py").touch()
        return tmp_path

    yield write
    new = {name for name in set(sys.modules) - before if name.partition(".")[0] in ("helper", "lib", "pack")}
    assert new == set()


def value(path, name="VALUE"):
    return getattr(from_file(path, "study"), name)


WAYS = {
    "import helper": "import helper\nVALUE = helper.X",
    "import helper as h": "import helper as h\nVALUE = h.X",
    "from helper import X": "from helper import X as VALUE",
    "from helper import *": "from helper import *\nVALUE = X",
    "from . import helper": "from . import helper\nVALUE = helper.X",
    "from .helper import X": "from .helper import X\nVALUE = X",
    "inside a function": "def f():\n    from helper import X\n    return X\nVALUE = f()",
    "import lib.inner": "import lib.inner\nVALUE = lib.inner.X",
    "import lib.inner as i": "import lib.inner as i\nVALUE = i.X",
    "from lib import inner": "from lib import inner\nVALUE = inner.X",
    "from lib.inner import X": "from lib.inner import X\nVALUE = X",
    "a helper of a helper": "from second import X\nVALUE = X",
    "later": "from overparam.core.outcomes import later\nVALUE = later('helper:get')()",
    "later in a helper": "from third import get\nVALUE = get()",
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_import_a_file_beside(put, way):
    folder = put(
        mine=WAYS[way], helper="X = 7\ndef get():\n    return X\n", lib__inner="from helper import X\n",
        second="import helper\nX = helper.X\n",
        third="from overparam.core.outcomes import later\nget = later('helper:get')\n",
    )  # fmt: skip
    assert value(folder / "mine.py") == 7


@pytest.mark.parametrize("reference", ["relative", "home", "link", "space", "letters", "dots"])
def test_each_way_to_name_the_file(put, reference, monkeypatch):
    folder = put(mine="from helper import X as VALUE", helper="X = 7")
    monkeypatch.setenv("HOME", str(folder))
    path = folder / "mine.py"
    if reference == "link":
        path = Path("link.py")
        path.symlink_to(folder / "mine.py")
    for name, text in (("space", "my study.py"), ("letters", "größe-1.py"), ("dots", "mine.v2.py")):
        if reference == name:
            path = path.rename(folder / text)
    path = {"relative": Path("../mine.py"), "home": Path("~/mine.py")}.get(reference, path)
    assert value(path) == 7


def test_two_folders_have_a_helper_each_now_and_later(put):
    text = (
        "import helper\nVALUE = helper.X\ndef work():\n    import helper, lazy\n    return helper.X, lazy.X\n"
    )
    folder = put(
        a__mine=text, b__mine=text, a__helper="X = 1", b__helper="X = 2", a__lazy="X = 10", b__lazy="X = 20"
    )
    one, other = (from_file(folder / name / "mine.py", "study") for name in "ab")
    assert (one.VALUE, other.VALUE) == (1, 2)
    assert (one.work(), other.work(), one.work()) == ((1, 10), (2, 20), (1, 10))
    assert "helper" not in sys.modules
    assert not {str(folder / "a"), str(folder / "b")} & set(sys.path)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("helper")


def test_another_helper_on_the_path_does_not_take_its_place(put, monkeypatch):
    folder = put(mine="from helper import X as VALUE", helper="X = 7", other__helper="X = 8")
    monkeypatch.syspath_prepend(folder / "other")
    assert importlib.import_module("helper").X == 8
    assert value(folder / "mine.py") == 7
    assert sys.modules.pop("helper").X == 8


@pytest.mark.parametrize("name", ["json", "random", "numpy", "jax", "sys", "overparam", "rich", "PIL"])
def test_a_file_beside_never_takes_the_place_of_what_python_needs(put, name):
    attribute = {"PIL": "__version__", "overparam": "run", "rich": "print", "sys": "path"}.get(name, "__name__")
    folder = put(
        mine=f"import {name}\nfrom {name} import {attribute}\nVALUE = {name}",
        **{name: "raise RuntimeError('run')"},
    )
    assert value(folder / "mine.py") is sys.modules[name]


def test_a_name_that_only_the_passed_over_file_has_is_told(put):
    folder = put(mine="from random import my_draw", random="def my_draw():\n    return 4\n")
    with pytest.raises(
        UsageError, match=r"cannot import 'my_draw' from 'random'.*random\.py beside .* Rename the file"
    ):
        from_file(folder / "mine.py", "study")


def test_a_file_named_like_another_installed_package_is_refused(put):
    folder = put(mine="import pytest", pytest="X = 1")
    with pytest.raises(
        UsageError, match=r"one module 'pytest', got two: the file .*pytest\.py and the installed package"
    ):
        from_file(folder / "mine.py", "study")


def test_a_folder_without_a_file_for_packages_comes_last(put):
    folder = put(
        mine="import pytest\nimport pictures.one\nVALUE = (pytest, pictures.one.X)",
        pytest__x="",
        pictures__one="X = 1",
    )
    assert value(folder / "mine.py") == (pytest, 1)


def test_a_study_among_installed_packages_gets_those(put, monkeypatch):
    folder = put(**{"site-packages__mine": "import other\nVALUE = other", "site-packages__other": ""})
    monkeypatch.syspath_prepend(folder / "site-packages")
    assert value(folder / "site-packages" / "mine.py") is sys.modules.pop("other")


def test_a_study_in_a_package_imports_from_its_package_in_both_ways(put):
    text = "from . import near\nfrom ..far import X\nfrom pack.far import X as Y\n"
    text += "import near as again\nVALUE = (near.X, X, Y, again.X)"
    folder = put(pack__sub__mine=text, pack__sub__near="X = 1", pack__far="X = 2")
    (folder / "pack" / "sub" / "__init__.py").touch()
    assert value(folder / "pack" / "sub" / "mine.py") == (1, 2, 2, 1)


def test_the_package_of_a_study_that_asks_nothing_of_it_is_not_run(put):
    folder = put(pack__mine="VALUE = 1")
    (folder / "pack" / "__init__.py").write_text("raise RuntimeError('run')")
    assert value(folder / "pack" / "mine.py") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "from .. import x",
            "ImportError on import: .*Outside a package a file imports from its own folder alone",
        ),
        ("import no_such_module_anywhere", "ModuleNotFoundError on import: .*put its file beside this one"),
        ("import broken", r"SyntaxError on import: .*broken\.py"),
        ("import sys; sys.exit('no main guard')", "SystemExit on import: no main guard"),
        ("raise ValueError", "ValueError on import: it says no more"),
        ("import helper.inner", "'.*helper' is not a package"),
        ("VALUE = '\\0'\n\0", "on import"),
    ],
)
def test_what_cannot_be_imported_is_a_sentence(put, text, said):
    folder, before = put(mine=text, broken="def (:", helper="X = 1"), set(sys.modules)
    with pytest.raises(UsageError, match=said) as error:
        from_file(folder / "mine.py", "study")
    assert beside.PREFIX not in str(error.value)
    assert not [name for name in set(sys.modules) - before if name.endswith((".mine", ".broken"))]


@pytest.mark.parametrize(
    "path", ["gone.py", "folder.py", "~nobody-of-this-name/x.py", "x" * 300 + ".py", "a\0b.py"]
)
def test_what_is_no_file_is_a_sentence(put, path):
    Path("folder.py").mkdir()
    with pytest.raises(UsageError, match="expected a Python file with a study, found (nothing|a folder) at"):
        from_file(Path(path), "study")


def test_a_changed_helper_is_read_again_and_an_unchanged_one_is_not(put):
    folder = put(mine="import helper\nVALUE = helper", helper="X = 1")
    first = value(folder / "mine.py")
    assert value(folder / "mine.py") is first
    put(helper="X = 2")  # of the same length, within the same second
    assert value(folder / "mine.py").X == 2
    put(new="X = 3", mine="from new import X as VALUE")
    assert value(folder / "mine.py") == 3


def test_nothing_compiled_is_run_or_left(put):
    folder = put(mine="import helper\nVALUE = helper.X", helper="X = 1")
    value(folder / "mine.py")
    assert not (folder / "__pycache__").exists()


def test_private_names_are_not_shown_and_enter_no_fingerprint(put):
    text = "import helper\nclass Thing:\n    pass\nVALUE = (Thing(), helper, helper.Other())"
    folder = put(
        a__mine=text, b__mine=text, a__helper="class Other:\n    pass", b__helper="class Other:\n    pass"
    )
    one, other = (value_of(value(folder / name / "mine.py")) for name in "ab")
    assert one == other
    assert beside.PREFIX not in repr(one)
    assert "overparam_study_mine" in repr(one)


def test_later_outside_of_a_study_is_as_ever():
    assert later("math:hypot", 4)(3) == 5.0


@pytest.mark.parametrize("given", [["-c"], ["-P", "-c"]])
def test_a_file_is_found_by_its_helper_in_a_program(put, given):
    folder = put(
        mine="from helper import X as VALUE", helper="X = 7", elsewhere__helper="raise RuntimeError('run')"
    )
    code = "from overparam.core.plugin import from_file; from pathlib import Path; "
    code += f"print(from_file(Path({str(folder)!r}) / 'mine.py', 's').VALUE)"
    done = subprocess.run(
        [sys.executable, *given, code], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert (done.stdout, done.stderr) == ("7\n", "")
