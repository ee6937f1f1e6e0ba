"""The report in a real browser: it works, loads nothing, and shows every name as plain text."""

from __future__ import annotations

import re
from collections.abc import Generator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.inventory.report import write_report

from ...support.inventory_file import InventoryFile
from .browser import DESK, PHONE, Page, browser, in_browser, opened

pytest.importorskip("altair", reason="needs the extra `report`")
pytestmark = in_browser

BREAKOUT = '</script><script>document.title = "taken over"</script>'
MARKUP = "<img src=x onerror=\"document.title='taken over'\"> & 'quotes' \"double\""
RIGHT_TO_LEFT = "متجر \u202eevil 🦊"
LONG = "x" * 300
CUSTOMERS = [
    {"customerId": f"c{number}", "name": name} for number, name in enumerate((BREAKOUT, MARKUP, RIGHT_TO_LEFT, LONG))
]


def projects(storage: int, extra: str = "") -> list[dict[str, Any]]:
    return [
        {
            "id": f"p{number}",
            "shortId": f"p-{number}",
            "description": f"{extra if number == 5 else ''}Projekt {number} {CUSTOMERS[number % 4]['name']}",
            "customerId": f"c{number % 4}",
            "serverId": "s1" if number < 3 else None,
            "enabled": number % 10 != 0,
            "createdAt": "2025-01-01T00:00:00Z",
            "webStorageUsageInBytes": storage * (number + 1),
        }
        for number in range(60)
    ]


def inventory(path: Path) -> Path:
    """Two sweeps of an account with hostile names."""
    made = InventoryFile(path)
    fixed: dict[str, Any] = {
        "customer": CUSTOMERS,
        "server": [{"id": "s1", "shortId": "s-one", "description": MARKUP, "storage": "20Gi", "customerId": "c1"}],
        "certificate": [
            {"id": str(n), "commonName": f"host{n}.example", "validTo": f"2026-12-{n + 1:02}T00:00:00Z"}
            for n in range(20)
        ],
        "domain": [{"domainId": "1", "domain": "ends.example", "scheduledDeletionDate": "2026-12-20T00:00:00Z"}],
        "app_installation": [
            {
                "id": "1",
                "appName": MARKUP,
                "appExternalVersion": "1.0",
                "projectId": "p1",
                "systemSoftware": [{"name": "php", "externalVersion": "7.4.33"}],
            }
        ],
        "backup": [{"id": "1", "projectId": "p1", "status": "Completed", "createdAt": "2026-11-26T00:00:00Z"}],
        "customer_membership": [{"id": "1", "email": BREAKOUT, "mfa": False, "customerId": "c0", "role": "owner"}],
    }
    made.sweep({**fixed, "project": projects(1_234_567)}, at="2026-11-26T03:00:00+00:00")
    failure = {"resource": "mail_address", "project": "p1", "error": MARKUP}
    made.sweep({**fixed, "project": projects(1_234_567, "Neu: ")}, failures=[failure])
    return made.path


@pytest.fixture(scope="module")
def driver() -> Generator[Any]:
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return write_report(inventory(folder / "inventory.sqlite"), folder / "report.html", locale="de")


@pytest.fixture
def page(driver: Any, report: Path) -> Page:
    return opened(driver, report)


def table(page: Page, name: str) -> list[list[str]]:
    """The visible cells of a table."""
    rows = page.run(
        "return [...document.querySelectorAll(`[data-table=${arguments[0]}] tbody tr`)]"
        ".map(row => [...row.cells].map(cell => cell.textContent))",
        name,
    )
    return list(rows)


def heading(page: Page, name: str, column: str) -> Any:
    buttons = page.all(f"[data-table={name}] th button")
    return next(button for button in buttons if button.text == column)


def test_it_opens_without_errors_and_requests_nothing(page: Page, report: Path) -> None:
    page.run("document.querySelectorAll('details').forEach(one => one.open = true); scrollTo(0, 1e6)")
    assert page.errors() == []
    assert page.requests() == [report.as_uri()]
    assert page.run("return performance.getEntriesByType('resource').length") == 0


def test_every_section_has_contents(page: Page) -> None:
    sections = page.texts("main h2")
    assert len(sections) == len(page.all("nav a")) + 1
    for name in ("findings", "customers", "servers", "people", "changes", "unseen"):
        assert table(page, name), name
    assert len(page.all("figure svg")) == 5
    targets = {link.get_attribute("href").partition("#")[2] for link in page.all("nav a")}
    assert all(page.all(f"#{target}") for target in targets)


def test_names_are_shown_as_plain_text(page: Page) -> None:
    assert page.driver.title == "Inventory report"
    assert page.all("main img") == []
    names = {row[0] for row in table(page, "customers")}
    assert names == {customer["name"] for customer in CUSTOMERS}
    assert table(page, "people")[0][0] == BREAKOUT
    assert any(MARKUP in cell for row in table(page, "unseen") for cell in row)
    assert page.run("return document.querySelectorAll('script').length") == 2


def test_changes_are_shown_from_old_to_new(page: Page) -> None:
    (row,) = table(page, "changes")
    assert row[:2] == ["changed", "project"]
    assert row[4] == "description"
    assert row[5].startswith("Projekt 5")
    assert row[6].startswith("Neu: Projekt 5")


def test_search_filters_while_typing(page: Page) -> None:
    page.one("[data-table=customers] input").send_keys("ONERROR quotes")
    assert [row[0] for row in table(page, "customers")] == [MARKUP]
    assert page.one("[data-table=customers] [role=status]").text == "1 of 4."


def test_the_filter_shows_one_severity(page: Page) -> None:
    page.run(
        "const s = document.querySelector('[data-table=findings] select'); s.value = 'info'; s.dispatchEvent(new Event('change'))"
    )
    assert {row[0] for row in table(page, "findings")} == {"info"}


def test_columns_sort_both_ways_with_numbers_and_severities_in_order(page: Page) -> None:
    button = heading(page, "customers", "storage")
    button.click()
    up = [row[0] for row in table(page, "customers")]
    button.click()
    assert [row[0] for row in table(page, "customers")] == up[::-1]
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"
    heading(page, "findings", "severity").click()
    severities = [row[0] for row in table(page, "findings")]
    assert severities == sorted(severities, key=["critical", "high", "medium", "low", "info"].index)


def test_more_rows_are_shown_on_request(page: Page) -> None:
    before = len(table(page, "findings"))
    page.one("[data-table=findings] .more").click()
    assert len(table(page, "findings")) > before == 50


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_needs_no_horizontal_scrolling(page: Page, dark: bool) -> None:
    page.emulate(size=PHONE, dark=dark)
    page.driver.refresh()
    page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
    sorter = page.one("[data-table=customers] .sorter")
    assert sorter.is_displayed()


def test_dark_and_light_follow_the_system(page: Page) -> None:
    colours: list[str] = []
    for dark in (False, True):
        page.emulate(dark=dark)
        colours.append(page.run("return getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 25, 31)"]


def test_printing_shows_every_row_and_no_controls(page: Page) -> None:
    page.run("dispatchEvent(new Event('beforeprint'))")
    page.emulate(media="print", dark=True)
    total = int(page.run("return JSON.parse(document.getElementById('data').textContent).findings.total"))
    assert len(table(page, "findings")) == total > 50
    assert not page.one("[data-table=findings] input").is_displayed()
    assert not page.one("nav").is_displayed()
    assert page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize(
    ("locale", "date", "number"), [("de", "27.11.2026", r"\d,\d"), ("en", "27 Nov 2026", r"\d\.\d")]
)
def test_dates_and_numbers_follow_the_locale(driver: Any, tmp_path: Path, locale: Any, date: str, number: str) -> None:
    path = inventory(tmp_path / "inventory.sqlite")
    page = opened(driver, write_report(path, tmp_path / "report.html", locale=locale))
    assert page.one("header time").text.startswith(date)
    assert page.one("html").get_attribute("lang") == "en"
    sizes = [row[3] for row in table(page, "customers")]
    assert all(re.search(number, one) for one in sizes)


def test_no_label_of_a_chart_is_cut(page: Page) -> None:
    outside = page.run(
        "return [...document.querySelectorAll('figure svg')].flatMap(svg => { const edge = svg.getBoundingClientRect();"
        " return [...svg.querySelectorAll('text')].filter(text => { const box = text.getBoundingClientRect();"
        " return box.left < edge.left - 1 || box.right > edge.right + 1 }).map(text => text.textContent) })"
    )
    assert outside == []


def test_weeks_without_expiring_items_are_shown(page: Page) -> None:
    labels = page.run(
        "return [...document.querySelectorAll('[aria-labelledby=expiry] svg text')].map(t => t.textContent)"
    )
    assert [label for label in labels if label.isdigit()][:26] == [str(week) for week in range(26)]


@pytest.mark.parametrize("column", ["role", "of"])
def test_short_words_in_a_table_are_not_broken(page: Page, column: str) -> None:
    page.emulate(size=DESK)
    lines = page.run(
        "return [...document.querySelectorAll(`[data-table=people] td[data-label=${arguments[0]}]`)]"
        ".map(cell => { const range = document.createRange(); range.selectNodeContents(cell);"
        " return range.getClientRects().length })",
        column,
    )
    assert set(lines) == {1}


@pytest.mark.skipif(find_spec("axe_core_python") is None, reason="needs axe-core-python (extra `dev`)")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_the_page_is_accessible(page: Page, dark: bool, phone: bool) -> None:
    """No violation of any axe-core rule."""
    page.emulate(dark=dark, size=PHONE if phone else DESK)
    page.driver.refresh()
    page.run(files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = page.driver.execute_async_script(
        "const done = arguments[arguments.length - 1]; axe.run().then(done, error => done({violations: [{id: String(error)}]}))"
    )
    assert [
        (one["id"], one.get("impact"), [node["target"] for node in one.get("nodes", ())][:3])
        for one in found["violations"]
    ] == []
    assert len(found["passes"]) > 20
