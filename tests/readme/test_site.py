"""The site builds from the pages without network access, and its reference is complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mittwald_async.inventory.checks import all_checks
from mittwald_async.inventory.tables import views
from mittwald_async.operations import OPERATIONS

from .blocks import ROOT

pytest.importorskip("material", reason="mkdocs-material is not installed (extra docs)")


def test_the_reference_has_every_operation_table_and_check(tmp_path: Path) -> None:
    site = tmp_path / "site"
    proxy = "http://127.0.0.1:9"  # where nothing responds: a build that needs the network fails
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--config-file", ".mkdocs.yml", "-d", site],
        cwd=ROOT,
        env={**os.environ, "HTTP_PROXY": proxy, "HTTPS_PROXY": proxy},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    operations, tables, checks, python = (
        (site / "reference" / name / "index.html").read_text(encoding="utf-8")
        for name in ("operations", "tables", "checks", "python")
    )
    assert [name for name in OPERATIONS if f">{name}<" not in operations] == []
    assert [view.name for view in views() if f'id="{view.name}"' not in tables] == []
    assert [check.id for check in all_checks() if f'id="{check.id}"' not in checks] == []
    assert 'id="mittwald_async.fan_out"' in python
    start = (site / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis.com" not in start
    assert "cdn" not in start.lower()
