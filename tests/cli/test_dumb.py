"""A dumb terminal is as wide as it says."""

from __future__ import annotations

import os
import shutil

import pytest

from mittwald_async.cli import output


def test_a_table_on_a_wide_dumb_terminal_breaks_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("FORCE_COLOR", "1")  # treats captured output as a terminal
    monkeypatch.setattr(output, "_on_terminal", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((120, 40)))
    id = "8b129e0c-7026-4131-8b64-9b1d7c751454"
    lines = output.table_text(("one", "two", "three"), [(id, id, id)] * 2).splitlines()
    assert lines[1:] == [f"{id}  {id}  {id}"] * 2
