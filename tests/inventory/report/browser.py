"""A real browser for the report: Debian's Chromium, without a window."""

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
    """What is missing for tests in a browser; empty: nothing."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        return "needs chromium and chromedriver"
    if find_spec("selenium") is None:
        return "needs selenium (extra `dev`)"
    return ""


in_browser = pytest.mark.skipif(bool(why_not()), reason=why_not() or "ready")


class Page:
    """A page that is open, and what the browser logged of it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def run(self, script: str, *values: object) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *values)

    def texts(self, selector: str) -> list[str]:
        """What the elements that are shown say."""
        return [element.text for element in self.all(selector)]

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def errors(self) -> list[str]:
        """What the console has, without chatter."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "DEBUG"]

    def requests(self) -> list[str]:
        """Every address that was asked for since the last time."""
        found: list[str] = []
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                found.append(event["params"]["request"]["url"])
        return found

    def emulate(self, *, size: tuple[int, int] = DESK, dark: bool = False, media: str = "screen") -> None:
        """Another screen."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})


@contextmanager
def browser() -> Generator[Any]:
    """A driver of a headless Chromium that can reach no network, which ends with the block."""
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
    """A page of the disk, freshly opened at a desk and by day."""
    page = Page(driver)
    page.emulate()
    page.errors()
    page.requests()
    driver.get(path.as_uri())
    return page
