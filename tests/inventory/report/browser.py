"""A real browser for the report: headless Chromium, as packaged by Debian."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PHONE = (390, 844)
DESK = (1280, 900)


def why_not() -> str:
    """What is missing for browser tests; empty if nothing is."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        return "needs chromium and chromedriver"
    if find_spec("selenium") is None:
        return "needs selenium (extra `dev`)"
    return ""


in_browser = pytest.mark.skipif(bool(why_not()), reason=why_not() or "ready")


class Page:
    """An open page and the browser's log."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def run(self, script: str, *values: object) -> Any:
        """The result of a script."""
        return self.driver.execute_script(script, *values)

    def texts(self, selector: str) -> list[str]:
        """The text of all visible elements that match."""
        return [element.text for element in self.all(selector)]

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def errors(self) -> list[str]:
        """Console messages that matter."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "DEBUG"]

    def requests(self) -> list[str]:
        """Every URL requested since the last call."""
        found: list[str] = []
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                found.append(event["params"]["request"]["url"])
        return found

    def emulate(self, *, size: tuple[int, int] = DESK, dark: bool = False, media: str = "screen") -> None:
        """Change the screen size or the colour scheme."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})


@contextmanager
def browser() -> Generator[Any]:
    """A driver of a headless Chromium without network access, which quits with the block."""
    webdriver: Any = import_module("selenium.webdriver")
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service: Any = import_module("selenium.webdriver.chrome.service").Service(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def opened(driver: Any, path: Path) -> Page:
    """A page from disk, opened on a desktop screen in light mode."""
    page = Page(driver)
    page.emulate()
    page.errors()
    page.requests()
    driver.get(path.as_uri())
    return page
