import importlib.util
import os
import signal
from pathlib import Path

import pytest

# Small matrices on busy cores: one thread is many times faster than two that wait for each other.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Compiling is most of what these tests take, and their programs are too small to gain from optimisation: without it a
# training compiles in less than half the time. Tolerances allow for another order of sums. make test-machines sets 0, so the
# numerical tests also run as users' programs are compiled.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

from hypothesis import HealthCheck, settings

import overparam.sweep.run as run_module
from overparam.core import Evidence

# What is cheap and breaks first runs first, what drives whole programs last.
ORDER = ("tests/unit", "src", "tests/docs", "tests/golden", "tests/contracts", "tests/faults", "tests/browser")


# A property holds or does not; how long an example takes is a matter of what else the machine does.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

TOY = Path(__file__).with_name("toy_study.py")


def pytest_configure():
    """A framework that is missing is a skipped test, but an error where all of them are asked for."""
    if os.environ.get("OVERPARAM_REQUIRE_FRAMEWORKS") == "1":
        missing = [name for name in ("torch", "flax", "equinox") if importlib.util.find_spec(name) is None]
        if missing:
            raise pytest.UsageError(
                f"OVERPARAM_REQUIRE_FRAMEWORKS=1 asks for {', '.join(missing)}: not installed"
            )


def pytest_collection_modifyitems(items):
    """Sort by room, and leave the order inside a room."""
    items.sort(key=lambda item: next((i for i, room in enumerate(ORDER) if item.nodeid.startswith(room)), 0))


@pytest.fixture(autouse=True)
def _signals():
    """The command line, called in this process, takes Ctrl-C over; the next test gets it as it was."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    yield
    for one, handler in before.items():
        if handler is not None and signal.getsignal(one) is not handler:
            signal.signal(one, handler)


@pytest.fixture
def toy_path() -> str:
    return str(TOY)


@pytest.fixture
def toy():
    from overparam.core.registry import find

    return find(str(TOY))


@pytest.fixture
def evidence():
    """Build Evidence from ``(params, values)`` pairs."""
    return lambda rows: Evidence(tuple((dict(p), dict(v)) for p, v in rows))


@pytest.fixture(autouse=True)
def _no_commit_lookup(monkeypatch, request):
    """Tests do not ask git who they are, unless they test just that."""
    if "environment" not in request.node.nodeid:
        monkeypatch.setattr("overparam.sweep.environment._git", lambda *a: None)
    assert run_module
