"""Data sets without a sweep: the rows of each account are given."""

from __future__ import annotations

import msgspec

from mittwald_async.fleet import Lake
from mittwald_async.fleet.lake import AccountManifest, quoted
from mittwald_async.fleet.tables import AccountTables
from mittwald_async.inventory import Known, Row

from ..support.sample_rows import AT

RUN = "20260102T030405.000000Z-aaaaaa"


def publish(lake: Lake, account: str, projects: list[Row]) -> None:
    """Publish an account with these projects, and show it to readers."""
    tables = AccountTables(lake, f"_runs/{RUN}/account={quoted(account)}/a", ["project"], 1 << 20)
    tables.add("project", [msgspec.structs.replace(one, resource="project") for one in projects])
    manifest = AccountManifest(
        run=RUN,
        account=account,
        part=0,
        parts=1,
        state="done",
        source="https://api.example",
        user_id=None,
        resources=("project",),
        started_at=AT,
        finished_at=AT,
        requests=1,
        drifted=0,
        files=tables.finish(),
        complete=("project",),
        lists=(),
        failures=(),
        known=Known(),
    )
    lake.publish(manifest)
    lake.show(RUN, account)
