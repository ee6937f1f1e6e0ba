"""What identifies a row without a key in the next run, whatever file it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mittwald_async import bulk
from mittwald_async.bulk.row_job import FailedFile, RowJob
from mittwald_async.bulk.source_rows import SourceRow
from mittwald_async.bulk.sources import numbered_rows
from mittwald_async.operations import OPERATIONS

ROW: dict[str, Any] = {
    "projectId": "p-4x8k2q",
    "description": "",
    "timeout": 60,
    "active": True,
    "email": None,
    "target": {"appInstallationId": "a-4x8k2q", "destination": {"url": "https://shop.example"}},
    "#note": "for people",
}


def job(rows: Iterable[SourceRow] = ()) -> RowJob:
    return RowJob(OPERATIONS["cronjob-create-cronjob"], lambda: rows)


def test_a_failed_row_keeps_its_identity_in_the_corrected_table(tmp_path: Path) -> None:
    """Otherwise a row whose response was lost would be sent again as a new one."""
    lines = tmp_path / "rows.jsonl"
    lines.write_text(json.dumps(ROW), encoding="utf-8")
    (first,) = numbered_rows(lines)
    failed = FailedFile(tmp_path / "failed.csv", first.values)
    failed.add(bulk.ItemOutcome(item=first, key="x", row=1, state=bulk.ItemState.UNKNOWN, error=OSError("lost")))
    failed.close()
    (again,) = numbered_rows(tmp_path / "failed.csv")
    assert again.values["description"] == "@empty"
    assert again.values["email"] == "@null"
    assert again.values["#state"] == "unknown"
    assert job().key_of(again) == job().key_of(first)


def test_a_comment_is_not_part_of_a_row() -> None:
    plain = {name: value for name, value in ROW.items() if name != "#note"}
    assert job().key_of(SourceRow(2, plain)) == job().key_of(SourceRow(2, ROW))


def test_passwords_at_any_depth_are_not_part_of_a_key() -> None:
    def key(password: str, form: type) -> str:
        mailbox: Any = {"password": password, "quotaInBytes": 1}
        return job().key_of(SourceRow(2, {"mailbox": mailbox if form is dict else json.dumps(mailbox)}))

    assert len({key(password, form) for password in ("One-password-77", "Another-one-78") for form in (dict, str)}) == 1
