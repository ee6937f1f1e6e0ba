"""Who makes the checks of a report, and that it shows the same either way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mittwald_async.inventory.report import page
from mittwald_async.inventory.report.facts import facts_of

from ...support.inventory_file import InventoryFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = InventoryFile(tmp_path / "inventory.sqlite")
    customer = {"customerId": "c1", "name": "Braun GmbH"}
    project = {"id": "p1", "shortId": "p-one", "description": "Shop", "customerId": "c1", "enabled": False}
    for at, catches in (("2026-11-26T03:00:00+00:00", False), ("2026-11-27T03:00:00+00:00", True)):
        address = {"id": "1", "address": "a@example.org", "isCatchAll": catches, "projectId": "p1", "customerId": "c1"}
        made.sweep({"customer": [customer], "project": [project], "mail_address": [address]}, at=at)
    return made.path


def test_a_report_shows_the_same_whoever_checks(file: Path) -> None:
    here, apart = facts_of(file), facts_of(file, apart=True)
    apart.made_at = here.made_at
    assert here.findings.total > 1
    assert here.new == 1
    assert here == apart


@pytest.mark.parametrize(("asked", "large", "apart"), [(True, True, True), (True, False, False), (False, True, False)])
def test_only_a_large_file_is_checked_apart_and_only_where_that_is_allowed(
    file: Path, asked: bool, large: bool, apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("altair", reason="needs the extra `report`")
    seen: list[bool] = []

    def facts(*_: Any, apart: bool) -> None:
        seen.append(apart)
        raise InterruptedError

    monkeypatch.setattr(page, "prepare", lambda: None)
    monkeypatch.setattr(page, "facts_of", facts)
    monkeypatch.setattr(page, "LARGE", file.stat().st_size + (0 if large else 1))
    with pytest.raises(InterruptedError):
        page.report_html(file, apart=asked)
    assert seen == [apart]
