"""What charts are made of."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.inventory.report.charts import charts_of
from mittwald_async.inventory.report.facts import facts_of

from ...support.inventory_file import InventoryFile

pytest.importorskip("altair", reason="needs the extra `report`")


def test_the_converter_gets_no_character_that_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes XML of the names, and aborts on those that XML cannot hold: no `except` would help."""
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep(
        {
            "customer": [{"customerId": "c1", "name": "Bell \x07, \x0b and \uffff & Söhne"}],
            "project": [{"id": "p1", "customerId": "c1", "webStorageUsageInBytes": 1 << 30}],
        }
    )
    drawn: list[Any] = []

    def convert(chart: Any) -> str:
        drawn.append(chart)
        return "<svg/>"

    monkeypatch.setattr(importlib.import_module("vl_convert"), "vegalite_to_svg", convert)
    assert "storage" in charts_of(facts_of(file.path))
    text = json.dumps(drawn, ensure_ascii=False)
    assert "& Söhne" in text
    assert re.findall(r"\\u00[01]|[\uffff]", text) == []
