"""Metrics as a resource: rows without a list operation, planned, resumed and compared like any other."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from mittwald_async.cli.failures import grouped
from mittwald_async.emulator import Fault
from mittwald_async.inventory import Bounds, Known, catalog, default_resources, sweep
from mittwald_async.inventory.computed import COMPUTED
from mittwald_async.inventory.fields import changed_fields
from mittwald_async.metrics import READY_MADE
from mittwald_async.metrics.summary import MetricSummary, with_maxima
from mittwald_async.operations import OPERATIONS

from ..support.metrics_server import frame, grafana
from .test_run import account, job, run
from .test_sweep import rows_of

ROUTE = "POST /v2/apps/metrics/api/ds/query"


def keys(path: Path) -> int:
    """The number of metrics in the file."""
    with closing(sqlite3.connect(path)) as db:
        (count,) = db.execute("SELECT count(*) FROM v_metrics").fetchone()
    return int(count)


async def test_each_project_has_a_row_per_metric_and_the_plan_counts_the_requests() -> None:
    async with account(seed=1, customers=2, projects=5) as (_, mw):
        found = sweep(mw, resources=["metrics"], known=Known(items={"project": 5}))
        rows = (await rows_of(found))["metrics"]
        assert found.requests == found.plan.requests == 6
        assert not found.plan.open
        customer_of = {one.id: one.customer_id async for one in mw.project.list_projects()}
        month = await mw.metrics.usage(rows[0].project_id or "", start=timedelta(days=30))
    assert sorted((row.project_id or "", row.id) for row in rows) == sorted(
        (project, metric) for project in customer_of for metric in READY_MADE
    )
    assert all(row.customer_id == customer_of[row.project_id or ""] and not row.drifted for row in rows)
    assert len({row.key for row in rows}) == 20
    items: dict[str, MetricSummary] = {
        row.data.metric: row.data for row in rows if row.project_id == rows[0].project_id
    }
    assert {name: one.unit for name, one in items.items()} == {
        "cpu": "cores",
        "memory": "bytes",
        "storage": "bytes",
        "requests": "requests per second",
    }
    for series in month:
        one = items[series.ref_id]
        assert one.latest_value is not None
        assert one.latest_value_at is not None
        assert one.maximum_of_30_days == series.maximum


def test_metrics_are_swept_only_when_named() -> None:
    assert "metrics" not in default_resources()
    assert catalog()["metrics"].nested, "each project has a metric of that name"
    assert not COMPUTED.keys() & OPERATIONS.keys()


async def test_a_sweep_of_some_projects_requests_only_theirs() -> None:
    async with account(seed=1, customers=2, projects=5) as (_, mw):
        wanted = [one.id async for one in mw.project.list_projects()][1:3]
        rows = (await rows_of(sweep(mw, resources=["metrics"], projects=wanted)))["metrics"]
    assert {row.project_id for row in rows} == set(wanted)
    assert all(row.customer_id for row in rows)


async def test_projects_whose_metrics_fail_are_one_line_and_the_others_succeed() -> None:
    async with account(seed=1, customers=2, projects=6) as (api, mw):
        api.inject(Fault(operation=ROUTE, status=403, type="PermissionDeniedError", count=3))
        found = sweep(mw, resources=["metrics"])
        rows = (await rows_of(found))["metrics"]
    assert len(rows) == 12
    assert {failure.status for failure in found.failures} == {403}
    assert {failure.project_id for failure in found.failures}.isdisjoint(row.project_id for row in rows)
    (line,) = grouped(found.failures)
    assert line.startswith("metrics: 3 lists, such as that of ")


async def test_a_refused_metric_keeps_the_rows_of_the_others() -> None:
    def answer(body: dict[str, Any]) -> Any:
        results: dict[str, Any] = {one["refId"]: {"frames": [frame(one["refId"], [7])]} for one in body["queries"]}
        results["maximum of cpu"] = {"status": 422, "error": "too many samples"}
        return {"results": results}

    async with grafana(answer) as (mw, _):
        found = sweep(mw, resources=["metrics"], projects=["p-1"])
        rows = (await rows_of(found))["metrics"]
    assert [row.data.metric for row in rows] == ["memory", "storage", "requests"]
    (failure,) = [one for one in found.failures if one.resource == "metrics"]
    assert failure.error == "query maximum of cpu: too many samples"
    assert failure.owner == "p-1"


async def test_a_project_without_samples_has_rows_that_say_so() -> None:
    def answer(body: dict[str, Any]) -> Any:
        results: dict[str, Any] = {one["refId"]: {"frames": []} for one in body["queries"]}
        return {"results": results}

    async with grafana(answer) as (mw, _):
        rows = (await rows_of(sweep(mw, resources=["metrics"], projects=["p-1"])))["metrics"]
    assert [(row.data.metric, row.data.latest_value, row.data.maximum_of_30_days) for row in rows] == [
        (metric, None, None) for metric in READY_MADE
    ]


async def test_resuming_requests_only_the_missing_projects(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    async with account(seed=1, customers=2, projects=6) as (_, mw):
        first = await run(path, mw, resources=["metrics"], bounds=Bounds(max_requests=4, concurrency=1))
        assert first.state == "incomplete"
        assert first.rows["metrics"] == 12
        with job(path, resources=["metrics"], resume=True) as made:
            second = await made.run(mw)
    assert second.state == "done"
    assert second.requests == 3
    assert keys(path) == 24


async def test_a_partly_failed_project_is_requested_again(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    refused: dict[str, Any] = {name: {"frames": [frame(name, [7])]} for name in with_maxima(READY_MADE)}
    refused |= {"cpu": {"status": 422, "error": "busy"}}
    async with account(seed=1, customers=1, projects=2) as (api, mw):
        api.inject(Fault(operation=ROUTE, status=200, body=json.dumps({"results": refused}), count=1))
        first = await run(path, mw, resources=["metrics"])
        assert (first.state, keys(path)) == ("incomplete", 7)
        second = await run(path, mw, resources=["metrics"], resume=True)
    assert (second.state, keys(path)) == ("done", 8)


def test_metric_values_count_as_changes_only_on_request() -> None:
    item = {"projectId": "p-1", "metric": "cpu", "latestValue": 1.5, "maximumOf30Days": 2, "unit": "cores"}
    later = {**item, "latestValue": 1.6, "latestValueAt": "2026-05-01T12:00:00Z", "maximumOf30Days": 2.5}
    before, after = json.dumps(item), json.dumps(later)
    assert changed_fields(before, after) == {}
    assert changed_fields(before, after, all_fields=True).keys() == {
        "latestValue",
        "latestValueAt",
        "maximumOf30Days",
    }
