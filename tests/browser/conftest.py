import copy
import json
import os
import shutil
import time
from pathlib import Path

import pytest

HANGS = 600  # seconds after which something hangs: no time that anything is expected to take
RECORD = Path(__file__).parents[1] / "golden" / "report_record.json"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


def _program(*names):
    return next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    """A headless Chromium that can reach no host."""
    chromium = _program("chromium", "chromium-browser", "google-chrome", "chrome")
    chromedriver = _program("chromedriver", "chromium.chromedriver")
    if not chromium or not chromedriver:
        missing = "no Chromium or no chromedriver on PATH"
        if os.environ.get("OVERPARAM_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{missing}, and OVERPARAM_REQUIRE_BROWSER=1 asks for one")
        pytest.skip(missing)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield made
    made.quit()


class Reader:
    """A person with the page open: looks, presses, saves."""

    def __init__(self, driver, folder):
        self.driver, self.folder = driver, folder
        allow = {"behavior": "allow", "downloadPath": str(folder)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", allow)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, *arguments):
        end = time.monotonic() + HANGS
        while time.monotonic() < end:
            found = self.run(f"return {script}", *arguments)
            if found:
                return found
            time.sleep(0.03)
        raise AssertionError(f"waited in vain for {script}")

    def size(self, width, height, mobile=False):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, path):
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self.driver.get(path.as_uri())
        self.wait("document.documentElement.dataset.ready === 'true'")

    def requests(self):
        """Addresses asked for since the page was opened."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith(("data:", "blob:"))]

    def console(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def redrawn(self, action, number=1):
        """Do something that draws a chart anew; wait for it."""
        before = int(self.run("return document.getElementById(arguments[0]).dataset.drawn", f"chart-{number}"))
        action()
        self.wait(
            "+document.getElementById(arguments[0]).dataset.drawn > arguments[1]", f"chart-{number}", before
        )

    def choose(self, toggle, value=None, number=1):
        """Press a toggle of a chart as a mouse would."""
        which = f"[value='{value}']" if value is not None else ""
        selector = f"#chart-{number} [data-toggle={toggle}]{which}"
        self.redrawn(lambda: self.run("document.querySelector(arguments[0]).click()", selector), number)

    def marks(self, name, number=1):
        """What is drawn of a layer: one path or line each."""
        return self.run(
            "return [...document.querySelectorAll(`#chart-${arguments[1]} .plot .${arguments[0]} > *`)]"
            ".map((e) => e.getAttribute('d') + e.getAttribute('transform') + e.getAttribute('x2'))",
            name, number,
        )  # fmt: skip

    def axis_labels(self, axis, number=1):
        return self.run(
            "return [...document.querySelectorAll(`#chart-${arguments[1]} .plot .role-axis-label`)]"
            ".map((g) => [...g.querySelectorAll('text')].map((t) => t.textContent).filter(Boolean))[arguments[0]]",
            0 if axis == "x" else 1, number,
        )  # fmt: skip

    def saved(self, action, name):
        """Do something that saves a file; return its bytes."""
        action()
        path = self.folder / name
        end = time.monotonic() + HANGS
        while time.monotonic() < end:
            if path.exists() and path.stat().st_size and not list(self.folder.glob("*.crdownload")):
                return path.read_bytes()
            time.sleep(0.03)
        raise AssertionError(f"{name} was not saved; there are {[p.name for p in self.folder.iterdir()]}")


@pytest.fixture
def record():
    return copy.deepcopy(json.loads(RECORD.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """The page of the record as it is, drawn once."""
    from overparam.report import write

    return write(json.loads(RECORD.read_text(encoding="utf-8")), tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture
def reader(driver, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    made = Reader(driver, folder)
    made.size(1280, 900)
    return made


@pytest.fixture
def page(reader, drawn):
    """The page of the record, opened."""
    reader.open(drawn)
    return reader


@pytest.fixture
def show(reader, tmp_path):
    """Write a record's page and open it."""
    from overparam.report import write

    def _show(record):
        reader.open(write(record, tmp_path / "page.html"))
        return reader

    return _show
