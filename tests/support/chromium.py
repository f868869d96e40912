"""Headless Chromium from the machine's packages, driven by selenium."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

_PROGRAMS = ("chromium", "chromedriver")

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def is_available() -> bool:
    """Tell whether this machine has Chromium and its driver."""
    return all(map(shutil.which, _PROGRAMS))


def is_wanted() -> bool:
    """Tell whether its tests run: where it is, and on CI, which has to have it."""
    return is_available() or os.environ.get("CI") == "true"


def report_header() -> str:
    """Say whether the dashboard is tested, for pytest's header."""
    if is_available():
        return "dashboard: in Chromium"
    return "dashboard: not in a browser; there is no chromium with chromium-driver on this machine"


@contextmanager
def browser(profile: Path) -> Iterator[Chrome]:
    """Run a browser with a new profile; it logs what its pages ask the network for and what they complain of."""
    found = [shutil.which(name) for name in _PROGRAMS]
    assert all(found), "Chromium is not installed: apt-get install chromium chromium-driver"
    options = ChromeOptions()
    options.binary_location = str(found[0])
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(found[1])))
    try:
        yield driver
    finally:
        driver.quit()


def network_events(driver: Chrome) -> list[tuple[str, dict[str, Any]]]:
    """Return what pages have done on the network since the last call: the names of the events, and what they say."""
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [(message["method"], message["params"]) for message in messages]
