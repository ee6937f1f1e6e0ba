"""Reads show a write once its event has arrived, or if they wait for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mittwald_async.emulator.behaviours.consistency import Events, Visibility

from ..support.emulator_requests import Heard, Talk


def lagging(lag: float = 1.0, **options: float) -> Talk:
    return Talk(clock="virtual", lag=lag, **options)


async def renamed(talk: Talk, project: str, name: str = "renamed") -> str:
    answer = await talk.patch(f"/v2/projects/{project}/description", {"description": name})
    assert answer.status == 204, answer
    return answer.headers["etag"]


async def description(talk: Talk, project: str, **headers: str) -> str:
    return str((await talk.get(f"/v2/projects/{project}", **headers)).json["description"])


async def waiting(talk: Talk, url: str, event: str) -> asyncio.Task[Heard]:
    task = asyncio.create_task(talk.get(url, if_event_reached=event))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_a_change_is_visible_after_the_lag() -> None:
    talk = lagging()
    project = await talk.project()
    before = await description(talk, project)
    await renamed(talk, project)
    assert await description(talk, project) == before
    talk.emulator.advance(1.1)
    assert await description(talk, project) == "renamed"


async def test_of_two_hidden_changes_the_older_state_is_visible() -> None:
    talk = lagging()
    project = await talk.project()
    before = await description(talk, project)
    await renamed(talk, project, "first")
    talk.emulator.advance(0.6)
    await renamed(talk, project, "second")
    assert await description(talk, project) == before
    talk.emulator.advance(0.6)
    assert await description(talk, project) == "first"
    talk.emulator.advance(0.6)
    assert await description(talk, project) == "second"


async def test_a_read_that_asks_for_the_event_waits_for_it() -> None:
    talk = lagging()
    project = await talk.project()
    event = await renamed(talk, project)
    task = await waiting(talk, f"/v2/projects/{project}", event)
    assert not task.done()
    talk.emulator.advance(1.1)
    assert (await task).json["description"] == "renamed"
    assert await description(talk, project, if_event_reached=f'"{event}"') == "renamed"


async def test_waiting_ends_in_a_retryable_412() -> None:
    talk = lagging(lag=30.0)
    project = await talk.project()
    event = await renamed(talk, project)
    task = await waiting(talk, f"/v2/projects/{project}", event)
    talk.emulator.advance(10.1)
    answer = await task
    assert answer.status == 412
    assert (answer.json["type"], answer.json["message"]) == ("FailedPrecondition", "lastEventID not reached")
    assert answer.json["params"]["traceId"]


async def test_an_unknown_event_is_never_reached() -> None:
    talk = lagging(event_wait=0.0)
    assert (await talk.get("/v2/projects", if_event_reached="unheard-of")).status == 412


async def test_a_created_object_is_not_visible_at_first() -> None:
    talk = lagging()
    project = await talk.project()
    url = f"/v2/projects/{project}/cronjobs"
    before = (await talk.get(url)).ids
    installation = talk.core.world.sample("appInstallationId")
    assert installation is not None
    body: dict[str, Any] = {
        "active": True,
        "description": "nightly",
        "interval": "0 3 * * *",
        "appId": installation,
        "destination": {"url": "https://cron.example/"},
        "timeout": 60,
    }
    made = await talk.post(url, body)
    assert made.status == 201, made
    new = made.json["id"]
    assert (await talk.get(f"/v2/cronjobs/{new}")).status == 404
    assert (await talk.get(url)).ids == before
    talk.emulator.advance(1.1)
    assert (await talk.get(f"/v2/cronjobs/{new}")).status == 200
    assert new in (await talk.get(url)).ids


async def test_a_deleted_object_is_still_visible_at_first() -> None:
    talk = lagging()
    job = talk.core.world.sample("cronjobId")
    assert (await talk.delete(f"/v2/cronjobs/{job}")).status == 204
    assert (await talk.get(f"/v2/cronjobs/{job}")).status == 200
    talk.emulator.advance(1.1)
    assert (await talk.get(f"/v2/cronjobs/{job}")).status == 404


async def test_without_lag_everything_is_visible_at_once() -> None:
    talk = lagging(lag=0.0)
    project = await talk.project()
    assert await renamed(talk, project)
    assert await description(talk, project) == "renamed"


async def test_permissions_may_lag_behind_the_event() -> None:
    talk = lagging(permission_lag=5.0)
    events = talk.core.events
    event = events.wrote(["fresh-id"], None)
    talk.emulator.advance(1.1)
    number = await events.reach(event, talk.core.trace_id)
    assert not events.view(number).whole
    statuses = {(await talk.get(f"/v2/projects/{value}")).status for value in ("fresh-id",)}
    assert statuses <= {403, 404}
    talk.emulator.advance(5.0)
    assert events.view(number).whole


def refusal(view: Visibility, value: str) -> int:
    try:
        view.refuse([value])
    except Exception as error:
        return int(getattr(error, "status", 0))
    return 200


async def test_missing_objects_are_sometimes_forbidden_and_sometimes_not_found() -> None:
    talk = lagging()
    values = [f"id-{number}" for number in range(20)]
    talk.core.events.wrote(values, None)
    view = talk.core.events.view(0)
    assert {refusal(view, value) for value in values} == {403, 404}
    assert refusal(view, "another") == 200


async def test_event_ids_are_growing_decimal_numbers_that_restart_after_a_reset() -> None:
    first, same = Talk(clock="virtual", on="2026-01-01"), Talk(clock="virtual", on="2026-01-01")
    ids = [first.core.events.wrote([], None) for _ in range(3)]
    assert all(id.isdecimal() for id in ids)
    assert sorted(ids, key=int) == ids
    assert len(set(ids)) == 3
    assert same.core.events.wrote([], None) == ids[0]
    first.emulator.reset()
    assert first.core.events.wrote([], None) == ids[0]


async def test_accounts_never_share_event_ids() -> None:
    talk = Talk(clock="virtual", accounts=[{}, {}])
    assert len({tenant.events.wrote([], None) for tenant in talk.core.tenants}) == 2


async def test_old_events_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mittwald_async.emulator.behaviours.consistency._REMEMBERED", 5)
    talk = lagging(event_wait=0.0)
    events: Events = talk.core.events
    oldest = events.wrote([], None)
    for _ in range(5):
        events.wrote([], None)
    talk.emulator.advance(2)
    assert (await talk.get("/v2/projects", if_event_reached=oldest)).status == 412


async def test_a_failed_write_is_not_an_event() -> None:
    talk = lagging()
    answer = await talk.patch("/v2/projects/00000000-0000-4000-8000-000000000000/description", {"description": "x"})
    assert answer.status == 404
    assert "etag" not in answer.headers


class Counted:
    """A list that counts how many of its items were read."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.made = 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> list[dict[str, str]]:
        numbers = range(self.length)[part]
        self.made += len(numbers)
        return [{"id": f"id-{number}"} for number in numbers]


@pytest.mark.parametrize("length", [100, 1_000_000])
async def test_hiding_an_item_in_a_long_list_does_not_generate_the_list(length: int) -> None:
    talk = lagging()
    talk.core.events.wrote(["id-5", "id-7"], None)
    items = Counted(length)
    page = list(talk.core.events.view(0).without_new(items)[0:10])
    assert [item["id"] for item in page] == [f"id-{number}" for number in (0, 1, 2, 3, 4, 6, 8, 9, 10, 11)]
    assert items.made <= 100
    talk.emulator.advance(2)
    talk.core.events.wrote([], None)
    assert talk.core.events.view(0).without_new(items) is items
