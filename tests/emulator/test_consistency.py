"""Reads show a write once its event has arrived, or if they wait for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mittwald_async.emulator.behaviours.consistency import Events, Visibility

from ..support.emulator_requests import EmulatorClient, ReceivedResponse


def lagging(lag: float = 1.0, **options: float) -> EmulatorClient:
    return EmulatorClient(clock="virtual", lag=lag, **options)


async def renamed(client: EmulatorClient, project: str, name: str = "renamed") -> str:
    answer = await client.patch(f"/v2/projects/{project}/description", {"description": name})
    assert answer.status == 204, answer
    return answer.headers["etag"]


async def description(client: EmulatorClient, project: str, **headers: str) -> str:
    return str((await client.get(f"/v2/projects/{project}", **headers)).json["description"])


async def waiting(client: EmulatorClient, url: str, event: str) -> asyncio.Task[ReceivedResponse]:
    task = asyncio.create_task(client.get(url, if_event_reached=event))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_a_change_is_visible_after_the_lag() -> None:
    client = lagging()
    project = await client.project()
    before = await description(client, project)
    await renamed(client, project)
    assert await description(client, project) == before
    client.emulator.advance(1.1)
    assert await description(client, project) == "renamed"


async def test_of_two_hidden_changes_the_older_state_is_visible() -> None:
    client = lagging()
    project = await client.project()
    before = await description(client, project)
    await renamed(client, project, "first")
    client.emulator.advance(0.6)
    await renamed(client, project, "second")
    assert await description(client, project) == before
    client.emulator.advance(0.6)
    assert await description(client, project) == "first"
    client.emulator.advance(0.6)
    assert await description(client, project) == "second"


async def test_a_read_that_asks_for_the_event_waits_for_it() -> None:
    client = lagging()
    project = await client.project()
    event = await renamed(client, project)
    task = await waiting(client, f"/v2/projects/{project}", event)
    assert not task.done()
    client.emulator.advance(1.1)
    assert (await task).json["description"] == "renamed"
    assert await description(client, project, if_event_reached=f'"{event}"') == "renamed"


async def test_waiting_ends_in_a_retryable_412() -> None:
    client = lagging(lag=30.0)
    project = await client.project()
    event = await renamed(client, project)
    task = await waiting(client, f"/v2/projects/{project}", event)
    client.emulator.advance(10.1)
    answer = await task
    assert answer.status == 412
    assert (answer.json["type"], answer.json["message"]) == ("FailedPrecondition", "lastEventID not reached")
    assert answer.json["params"]["traceId"]


async def test_an_unknown_event_is_never_reached() -> None:
    client = lagging(event_wait=0.0)
    assert (await client.get("/v2/projects", if_event_reached="unheard-of")).status == 412


async def test_a_created_object_is_not_visible_at_first() -> None:
    client = lagging()
    project = await client.project()
    url = f"/v2/projects/{project}/cronjobs"
    before = (await client.get(url)).ids
    installation = client.core.world.sample("appInstallationId")
    assert installation is not None
    body: dict[str, Any] = {
        "active": True,
        "description": "nightly",
        "interval": "0 3 * * *",
        "appId": installation,
        "destination": {"url": "https://cron.example/"},
        "timeout": 60,
    }
    made = await client.post(url, body)
    assert made.status == 201, made
    new = made.json["id"]
    assert (await client.get(f"/v2/cronjobs/{new}")).status == 404
    assert (await client.get(url)).ids == before
    client.emulator.advance(1.1)
    assert (await client.get(f"/v2/cronjobs/{new}")).status == 200
    assert new in (await client.get(url)).ids


async def test_a_deleted_object_is_still_visible_at_first() -> None:
    client = lagging()
    job = client.core.world.sample("cronjobId")
    assert (await client.delete(f"/v2/cronjobs/{job}")).status == 204
    assert (await client.get(f"/v2/cronjobs/{job}")).status == 200
    client.emulator.advance(1.1)
    assert (await client.get(f"/v2/cronjobs/{job}")).status == 404


async def test_without_lag_everything_is_visible_at_once() -> None:
    client = lagging(lag=0.0)
    project = await client.project()
    assert await renamed(client, project)
    assert await description(client, project) == "renamed"


async def test_permissions_may_lag_behind_the_event() -> None:
    client = lagging(permission_lag=5.0)
    events = client.core.events
    event = events.wrote(["fresh-id"], None)
    client.emulator.advance(1.1)
    number = await events.reach(event, client.core.trace_id)
    assert not events.view(number).whole
    statuses = {(await client.get(f"/v2/projects/{value}")).status for value in ("fresh-id",)}
    assert statuses <= {403, 404}
    client.emulator.advance(5.0)
    assert events.view(number).whole


def refusal(view: Visibility, value: str) -> int:
    try:
        view.refuse([value])
    except Exception as error:
        return int(getattr(error, "status", 0))
    return 200


async def test_missing_objects_are_sometimes_forbidden_and_sometimes_not_found() -> None:
    client = lagging()
    values = [f"id-{number}" for number in range(20)]
    client.core.events.wrote(values, None)
    view = client.core.events.view(0)
    assert {refusal(view, value) for value in values} == {403, 404}
    assert refusal(view, "another") == 200


async def test_event_ids_are_growing_decimal_numbers_that_restart_after_a_reset() -> None:
    first, same = EmulatorClient(clock="virtual", on="2026-01-01"), EmulatorClient(clock="virtual", on="2026-01-01")
    ids = [first.core.events.wrote([], None) for _ in range(3)]
    assert all(id.isdecimal() for id in ids)
    assert sorted(ids, key=int) == ids
    assert len(set(ids)) == 3
    assert same.core.events.wrote([], None) == ids[0]
    first.emulator.reset()
    assert first.core.events.wrote([], None) == ids[0]


async def test_accounts_never_share_event_ids() -> None:
    client = EmulatorClient(clock="virtual", accounts=[{}, {}])
    assert len({tenant.events.wrote([], None) for tenant in client.core.tenants}) == 2


async def test_old_events_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mittwald_async.emulator.behaviours.consistency._REMEMBERED", 5)
    client = lagging(event_wait=0.0)
    events: Events = client.core.events
    oldest = events.wrote([], None)
    for _ in range(5):
        events.wrote([], None)
    client.emulator.advance(2)
    assert (await client.get("/v2/projects", if_event_reached=oldest)).status == 412


async def test_a_failed_write_is_not_an_event() -> None:
    client = lagging()
    answer = await client.patch("/v2/projects/00000000-0000-4000-8000-000000000000/description", {"description": "x"})
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
    client = lagging()
    client.core.events.wrote(["id-5", "id-7"], None)
    items = Counted(length)
    page = list(client.core.events.view(0).without_new(items)[0:10])
    assert [item["id"] for item in page] == [f"id-{number}" for number in (0, 1, 2, 3, 4, 6, 8, 9, 10, 11)]
    assert items.made <= 100
    client.emulator.advance(2)
    client.core.events.wrote([], None)
    assert client.core.events.view(0).without_new(items) is items
