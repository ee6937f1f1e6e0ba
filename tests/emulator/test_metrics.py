"""The metrics proxy and the activity log."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator

from ..support.emulator_requests import CALM, EmulatorClient
from ..support.emulator_state import Scenario

URL = "/v2/apps/metrics/api/ds/query"
SOURCE = {"uid": "MetricsAuthPrometheus"}


def asked(*expressions: str, **more: Any) -> dict[str, Any]:
    queries = [{"refId": chr(65 + n), "expr": text, "datasource": SOURCE} for n, text in enumerate(expressions)]
    return {"queries": queries, "from": "now-1d", "to": "now", **more}


async def test_a_range_query_returns_a_series_in_buckets_of_five_minutes() -> None:
    client = EmulatorClient(clock="virtual", on="2026-05-02")
    cpu = f'sum(rate(container_cpu_usage_seconds_total{{project_id="{await client.project()}"}}[5m]))'
    answer = await client.post(URL, asked(cpu))
    assert answer.status == 200
    assert answer.headers["etag"].startswith('W/"'), "an HTTP etag, which is no event id"
    result = answer.json["results"]["A"]
    [frame] = result["frames"]
    assert [field["type"] for field in frame["schema"]["fields"]] == ["time", "number"]
    times, values = frame["data"]["values"]
    assert len(times) == len(values) == 289
    assert {later - time for time, later in pairwise(times)} == {300_000}
    assert times[-1] == client.core.clock.now() * 1000
    known = [value for value in values if value is not None]
    assert 280 < len(known) < 289, "a few are missing"
    assert 0 < min(known) < max(known) < 2, "cores"
    assert (await client.post(URL, asked(cpu))).body == answer.body


async def test_an_instant_query_returns_one_value_and_groups_are_series() -> None:
    client = EmulatorClient(clock="virtual", on="2026-05-02")
    body = asked("sum by (pod) (container_memory_usage_bytes)")
    body["queries"][0]["instant"] = True
    frames = (await client.post(URL, body)).json["results"]["A"]["frames"]
    assert [frame["schema"]["fields"][1]["labels"] for frame in frames] == [{"pod": "pod-a"}, {"pod": "pod-b"}]
    assert [len(frame["data"]["values"][0]) for frame in frames] == [1, 1]


async def test_errors_of_single_queries_are_inside_a_200() -> None:
    client = EmulatorClient()
    answer = await client.post(URL, asked("sum(up", "up", "", **{"from": "now-90d"}))
    assert answer.status == 200
    results = answer.json["results"]
    assert "parse error" in results["A"]["error"]
    assert "maximum resolution" in results["B"]["error"]
    assert results["C"]["status"] == 400
    elsewhere = asked("up")
    elsewhere["queries"][0]["datasource"] = {"uid": "other"}
    assert (await client.post(URL, elsewhere)).json["results"]["A"]["status"] == 404


async def test_foreign_projects_have_no_series_and_a_token_is_required() -> None:
    client = EmulatorClient()
    foreign = client.core.world.seeded.id("project", 20)
    answer = await client.post(URL, asked(f'up{{project_id="{foreign}"}}'))
    assert answer.json["results"]["A"]["frames"] == []
    assert (await client.post(URL, {"queries": []})).status == 400
    assert (await client.post(URL, asked("up", **{"from": "yesterday"}))).status == 400
    client.token = None
    assert (await client.post(URL, asked("up"))).status == 401


async def test_queries_count_against_the_budget() -> None:
    client = EmulatorClient(rate_limit=(1, 60.0))
    assert [(await client.post(URL, asked("up"))).status for _ in range(2)] == [200, 429]


async def test_the_activity_log_of_a_project_names_databases_and_apps() -> None:
    scenario = Scenario()
    database = scenario.find("mysql_database", status="ready", version="8.4")
    url = f"/v2/projects/{database['projectId']}/activities"
    before = await scenario.fetch(url)
    assert {entry["aggregate"]["domain"] for entry in before} >= {"database", "app"}
    assert before == sorted(before, key=lambda entry: str(entry["dateTime"]), reverse=True)
    scenario.advance()
    since = scenario.world.now()
    await scenario.perform("PATCH", f"/v2/mysql-databases/{database['id']}", {"version": "8.0"})
    [entry] = await scenario.fetch(f"{url}?startTime={since}")
    assert entry["action"]["name"] == "database.mysql-version-set"
    assert entry["action"]["changes"] == {"before": {"version": "8.4"}, "after": {"version": "8.0"}}
    assert entry["aggregate"]["id"] == database["id"]
    assert entry["user"] == {"id": scenario.world.main_user, "type": "user"}
    scenario.advance(2)
    assert len(await scenario.fetch(url)) == len(before) + 1, "what the system does is not in it"
    assert len(await scenario.fetch(f"{url}?aggregateId={database['id']}")) == 2
    assert (await scenario.fetch(f"{url}?order=asc"))[-1] == entry
    assert await scenario.fetch(f"{url}?fulltextSearch=version-set&endTime={since}") == [entry]
    assert await scenario.fetch(f"{url}?aggregateDomain=mail&aggregateName=x") == []


async def test_the_client_reads_the_log_without_a_warning() -> None:
    async with Emulator(**CALM) as emulator, Mittwald(emulator.token, base_url=emulator.url, strict=True) as mw:
        project = (await mw.project.list_projects()).items[0]
        database = (await mw.database.list_mysql_databases(project.id)).items[0]
        await mw.database.patch_mysql_database(database.id, version="8.4" if database.version != "8.4" else "8.0")
        entries = (await mw.project.list_project_activities(project.id)).items
        assert entries[0].action.name == "database.mysql-version-set"  # type: ignore[union-attr]  # known
