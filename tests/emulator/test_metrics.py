"""The metrics proxy and the activity log."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator

from ..support.emulator_requests import CALM, Talk
from ..support.emulator_state import Story

URL = "/v2/apps/metrics/api/ds/query"
SOURCE = {"uid": "MetricsAuthPrometheus"}


def asked(*expressions: str, **more: Any) -> dict[str, Any]:
    queries = [{"refId": chr(65 + n), "expr": text, "datasource": SOURCE} for n, text in enumerate(expressions)]
    return {"queries": queries, "from": "now-1d", "to": "now", **more}


async def test_a_range_query_returns_a_series_in_buckets_of_five_minutes() -> None:
    talk = Talk(clock="virtual", on="2026-05-02")
    cpu = f'sum(rate(container_cpu_usage_seconds_total{{project_id="{await talk.project()}"}}[5m]))'
    answer = await talk.post(URL, asked(cpu))
    assert answer.status == 200
    assert answer.headers["etag"].startswith('W/"'), "an HTTP etag, which is no event id"
    result = answer.json["results"]["A"]
    [frame] = result["frames"]
    assert [field["type"] for field in frame["schema"]["fields"]] == ["time", "number"]
    times, values = frame["data"]["values"]
    assert len(times) == len(values) == 289
    assert {later - time for time, later in pairwise(times)} == {300_000}
    assert times[-1] == talk.core.clock.now() * 1000
    known = [value for value in values if value is not None]
    assert 280 < len(known) < 289, "a few are missing"
    assert 0 < min(known) < max(known) < 2, "cores"
    assert (await talk.post(URL, asked(cpu))).body == answer.body


async def test_an_instant_query_returns_one_value_and_groups_are_series() -> None:
    talk = Talk(clock="virtual", on="2026-05-02")
    body = asked("sum by (pod) (container_memory_usage_bytes)")
    body["queries"][0]["instant"] = True
    frames = (await talk.post(URL, body)).json["results"]["A"]["frames"]
    assert [frame["schema"]["fields"][1]["labels"] for frame in frames] == [{"pod": "pod-a"}, {"pod": "pod-b"}]
    assert [len(frame["data"]["values"][0]) for frame in frames] == [1, 1]


async def test_errors_of_single_queries_are_inside_a_200() -> None:
    talk = Talk()
    answer = await talk.post(URL, asked("sum(up", "up", "", **{"from": "now-90d"}))
    assert answer.status == 200
    results = answer.json["results"]
    assert "parse error" in results["A"]["error"]
    assert "maximum resolution" in results["B"]["error"]
    assert results["C"]["status"] == 400
    elsewhere = asked("up")
    elsewhere["queries"][0]["datasource"] = {"uid": "other"}
    assert (await talk.post(URL, elsewhere)).json["results"]["A"]["status"] == 404


async def test_foreign_projects_have_no_series_and_a_token_is_required() -> None:
    talk = Talk()
    foreign = talk.core.world.seeded.id("project", 20)
    answer = await talk.post(URL, asked(f'up{{project_id="{foreign}"}}'))
    assert answer.json["results"]["A"]["frames"] == []
    assert (await talk.post(URL, {"queries": []})).status == 400
    assert (await talk.post(URL, asked("up", **{"from": "yesterday"}))).status == 400
    talk.token = None
    assert (await talk.post(URL, asked("up"))).status == 401


async def test_queries_count_against_the_budget() -> None:
    talk = Talk(rate_limit=(1, 60.0))
    assert [(await talk.post(URL, asked("up"))).status for _ in range(2)] == [200, 429]


async def test_the_activity_log_of_a_project_names_databases_and_apps() -> None:
    story = Story()
    database = story.where("mysql_database", status="ready", version="8.4")
    url = f"/v2/projects/{database['projectId']}/activities"
    before = await story.seen(url)
    assert {entry["aggregate"]["domain"] for entry in before} >= {"database", "app"}
    assert before == sorted(before, key=lambda entry: str(entry["dateTime"]), reverse=True)
    story.wait()
    since = story.world.now()
    await story.done("PATCH", f"/v2/mysql-databases/{database['id']}", {"version": "8.0"})
    [entry] = await story.seen(f"{url}?startTime={since}")
    assert entry["action"]["name"] == "database.mysql-version-set"
    assert entry["action"]["changes"] == {"before": {"version": "8.4"}, "after": {"version": "8.0"}}
    assert entry["aggregate"]["id"] == database["id"]
    assert entry["user"] == {"id": story.world.main_user, "type": "user"}
    story.wait(2)
    assert len(await story.seen(url)) == len(before) + 1, "what the system does is not in it"
    assert len(await story.seen(f"{url}?aggregateId={database['id']}")) == 2
    assert (await story.seen(f"{url}?order=asc"))[-1] == entry
    assert await story.seen(f"{url}?fulltextSearch=version-set&endTime={since}") == [entry]
    assert await story.seen(f"{url}?aggregateDomain=mail&aggregateName=x") == []


async def test_the_client_reads_the_log_without_a_warning() -> None:
    async with Emulator(**CALM) as emulator, Mittwald(emulator.token, base_url=emulator.url, strict=True) as mw:
        project = (await mw.project.list_projects()).items[0]
        database = (await mw.database.list_mysql_databases(project.id)).items[0]
        await mw.database.patch_mysql_database(database.id, version="8.4" if database.version != "8.4" else "8.0")
        entries = (await mw.project.list_project_activities(project.id)).items
        assert entries[0].action.name == "database.mysql-version-set"  # type: ignore[union-attr]  # known
