"""A client reads its own writes, and does not wait for those of others."""

from __future__ import annotations

import asyncio

import pytest

from mittwald_async.errors import ConsistencyError, NotFoundError, PermissionDeniedError, RefusedError
from mittwald_async.profile import PROFILE
from mittwald_async.runtime.clock import SystemClock
from mittwald_async.runtime.transport.consistency import CAPACITY, EXPIRY, EventLog, created_ids

from ..support.scripted_server import (
    CREATE_PROJECT,
    DELETE_PROJECT,
    GET_PROJECT,
    LIST_PROJECTS,
    Seen,
    Server,
    reply,
    shared,
    talking,
)

NEW = {"description": "shop"}
LAG = {"type": "FailedPrecondition", "message": "lastEventID not reached"}


def created(identity: str, event: str) -> bytes:
    return reply(201, {"id": identity}, headers={"ETag": event})


def events(server: Server) -> list[str | None]:
    return [seen.headers.get("if-event-reached") for seen in server.seen]


async def test_a_read_waits_for_what_was_just_created() -> None:
    async with talking(created("p-1", "276638689419851"), reply(200, [])) as (client, server, _):
        response = await client.sender.response(CREATE_PROJECT, ("s-1",), body=NEW)
        assert response.event_id == "276638689419851"
        await client.sender.value(GET_PROJECT, ("p-1",))
        await client.sender.value(LIST_PROJECTS)
        await client.sender.value(GET_PROJECT, ("p-2",))
        await client.sender.value(LIST_PROJECTS, (), {"customerId": "c-9"})
        assert events(server) == [None, "276638689419851", "276638689419851", None, None]


async def test_clones_read_each_others_writes() -> None:
    async with talking(created("p-1", "276638689419851"), reply(200, {})) as (client, server, _):
        await client.with_options(timeout=9).sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        await client.with_options(max_retries=0).sender.value(GET_PROJECT, ("p-1",))
        assert events(server)[1] == "276638689419851"


async def test_consistency_can_be_disabled_and_an_event_can_be_given() -> None:
    async with talking(created("p-1", "276638689419851"), reply(200, {}), consistency="off") as (client, server, _):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        await client.sender.value(GET_PROJECT, ("p-1",))
        await client.with_options(after="276638689419850").sender.value(GET_PROJECT, ("p-1",))
        assert events(server) == [None, None, "276638689419850"]


async def test_an_event_of_another_process_is_awaited_beside_the_clients_own() -> None:
    async with talking(created("p-1", "276638689419851"), reply(200, {})) as (client, server, _):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        await client.with_options(after="276638689419850").sender.value(GET_PROJECT, ("p-1",))
        assert events(server) == [None, "276638689419850", "276638689419851"]


async def test_a_write_waits_for_the_previous_write() -> None:
    async with talking(created("p-1", "276638689419851"), reply(204), reply(200, {})) as (client, server, _):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        await client.sender.value(DELETE_PROJECT, ("p-1",))
        assert events(server) == [None, "276638689419851"]


async def test_an_event_not_yet_reached_is_requested_again() -> None:
    async with talking(created("p-1", "276638689419851"), *[reply(412, LAG)] * 6, reply(200, {})) as (
        client,
        server,
        clock,
    ):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        response = await client.sender.response(GET_PROJECT, ("p-1",))
        assert [a.reason for a in response.attempts] == ["event not reached"] * 6 + ["ok"]
        assert sum(clock.sleeps) == pytest.approx(0.5 + 1 + 2 + 4 + 5 + 5)
        assert events(server)[1:] == ["276638689419851"] * 7


@pytest.mark.parametrize("timeout", [10, None])
async def test_waiting_for_an_event_is_bounded(timeout: float | None) -> None:
    async with talking(created("p-1", "276638689419851"), reply(412, LAG), timeout=timeout) as (client, _, clock):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        with pytest.raises(ConsistencyError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert sum(clock.sleeps) <= (timeout or 120 + 5)


async def test_a_refused_request_is_final() -> None:
    async with talking(reply(412, {"type": "VError", "message": "expected phase APP_PHASE_READY"})) as (
        client,
        server,
        _,
    ):
        with pytest.raises(RefusedError, match="APP_PHASE_READY"):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_lag_after_a_creation_is_waited_out(status: int) -> None:
    async with talking(created("p-1", "276638689419851"), reply(status), reply(status), reply(200, {"id": "p-1"})) as (
        client,
        _,
        clock,
    ):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        assert clock.sleeps == [0.25, 0.5]


async def test_lag_is_retried_four_times_and_only_after_a_creation() -> None:
    async with talking(created("p-1", "276638689419851"), reply(404)) as (client, server, clock):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        with pytest.raises(NotFoundError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(caught.value.attempts) == 5
        with pytest.raises(NotFoundError):
            await client.sender.value(GET_PROJECT, ("p-2",))
        assert len(server.seen) == 1 + 5 + 1
        clock.time += 60
        with pytest.raises(NotFoundError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(caught.value.attempts) == 1


async def test_a_deleted_object_may_disappear_at_once() -> None:
    async with talking(
        created("p-1", "276638689419851"), reply(204, headers={"ETag": "276638689419852"}), reply(403)
    ) as (client, server, _):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        await client.sender.value(DELETE_PROJECT, ("p-1",))
        with pytest.raises(PermissionDeniedError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 3


async def test_each_of_many_writers_reads_its_own_write_and_the_list_waits_for_all() -> None:
    """The server responds late and out of order, so that writes to one server overlap."""
    made = 0

    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        if seen.method == "POST":
            made += 1
            number = made
            await asyncio.sleep(0.02 / number)
            writer.write(created(f"p-{number}", f"27663868941985{number}"))
        else:
            writer.write(reply(200, []))

    async with talking(act) as (client, server, _):
        shared(client).clock = SystemClock()

        async def write_and_read(own: list[str]) -> None:
            response = await client.sender.response(CREATE_PROJECT, ("s-1",), body=NEW)
            own.append(str(response.event_id))
            before = len(server.seen)
            await client.request("GET", "/v2/servers/s-1/projects")
            mine = [s for s in server.seen[before:] if s.headers.get("if-event-reached") == response.event_id]
            assert mine

        # The first call probes the request budget and ends before the others begin.
        await client.sender.value(GET_PROJECT, ("p-0",))
        own: list[str] = []
        await asyncio.gather(*(write_and_read(own) for _ in range(6)))
        assert len(set(own)) == 6
        start = len(server.seen)
        await client.sender.value(LIST_PROJECTS)
        waited = {s.headers.get("if-event-reached") for s in server.seen[start:]}
        assert waited == set(own), "somebody who wrote nothing waits for every concurrent write"
        start = len(server.seen)
        await client.sender.value(LIST_PROJECTS)
        assert len(server.seen) == start + 1, "but only once"


def memory_with(*writes: tuple[str, str, float, float], group: str = "project") -> EventLog:
    memory = EventLog(PROFILE.scope_parameters)
    for event, identity, started, done in writes:
        _wrote(memory, event, identity, started, done, group)
    return memory


def _wrote(
    memory: EventLog, event: str | None, identity: str, started: float, done: float, group: str = "project"
) -> None:
    memory.wrote(
        event, method="PATCH", group=group, names=("projectId",), ids=(identity,), body=b"", started=started, now=done
    )


async def test_a_later_write_replaces_an_earlier_one() -> None:
    memory = EventLog(PROFILE.scope_parameters)
    await asyncio.create_task(_sequential(memory))
    assert memory.events(("p-1",), "project", False, 10) == ["276638689419852"]


async def _sequential(memory: EventLog) -> None:
    _wrote(memory, "276638689419851", "p-1", 0, 1)
    _wrote(memory, "276638689419852", "p-1", 2, 3)


async def test_only_the_last_of_a_clients_own_writes_is_awaited() -> None:
    memory = memory_with(("276638689419851", "p-1", 0, 1), ("276638689419852", "p-2", 2, 3))
    assert memory.events(("p-1", "p-2"), "project", False, 10) == ["276638689419852"]
    assert memory.events(("p-2", "p-1"), "project", False, 10) == ["276638689419852"]
    assert memory.events(("p-1",), "project", False, 10) == ["276638689419851"]


async def test_events_expire() -> None:
    memory = memory_with(("276638689419851", "p-1", 0, 1))
    assert memory.events(("p-1",), "project", False, EXPIRY) == ["276638689419851"]
    assert memory.events(("p-1",), "project", False, EXPIRY + 1) == []
    assert memory.events((), "project", True, EXPIRY + 1) == []


async def test_the_event_log_is_bounded() -> None:
    memory = EventLog(PROFILE.scope_parameters)
    for number in range(CAPACITY + 500):
        memory.wrote(
            f"27663868941985{number}",
            method="POST",
            group="project",
            names=("serverId",),
            ids=(f"s-{number}",),
            body=f'{{"id": "p-{number}"}}'.encode(),
            started=number / 1e4,
            now=number / 1e4,
        )
    assert len(memory) <= 2 * CAPACITY


async def test_old_scopes_are_evicted_by_new_ones() -> None:
    memory = memory_with(("276638689419851", "p-1", 0, 1), ("276638689419852", "p-2", EXPIRY + 5, EXPIRY + 6))
    assert len(memory) == 3  # p-2, the group, and any group


async def test_a_created_object_belongs_to_the_scope_it_was_created_in() -> None:
    memory = EventLog(PROFILE.scope_parameters)
    memory.wrote(
        "276638689419851",
        method="POST",
        group="database",
        names=("projectId",),
        ids=("p-1",),
        body=b'{"id": "db-1"}',
        started=0,
        now=1,
    )
    memory.wrote(
        "276638689419852",
        method="PATCH",
        group="database",
        names=("databaseId",),
        ids=("db-1",),
        body=b"",
        started=2,
        now=3,
    )
    assert memory.events(("p-1",), "database", True, 4) == ["276638689419852"]
    assert memory.events(("p-2",), "database", True, 4) == []


async def test_a_change_of_unknown_scope_counts_for_the_lists_of_its_group() -> None:
    memory = EventLog(PROFILE.scope_parameters)
    memory.wrote(
        "276638689419851",
        method="PATCH",
        group="database",
        names=("databaseId",),
        ids=("db-1",),
        body=b"",
        started=0,
        now=1,
    )
    assert memory.events(("p-1",), "database", True, 2) == ["276638689419851"]
    assert memory.events(("p-1",), "project", True, 2) == []
    assert memory.events(("db-2",), "database", False, 2) == []


async def test_raw_requests_take_part() -> None:
    async with talking(created("p-1", "276638689419851"), reply(200, {})) as (client, server, _):
        await client.request("POST", "/v2/servers/s-1/projects", body=NEW)
        await client.sender.value(GET_PROJECT, ("p-1",))
        await client.request("GET", "/v2/projects/p-1")
        await client.request("GET", "/v2/projects/p-2")
        server.then(reply(200, []))
        await client.sender.value(LIST_PROJECTS)
        assert events(server) == [None, "276638689419851", "276638689419851", None, "276638689419851"]


async def test_a_raw_list_sees_what_a_method_wrote() -> None:
    async with talking(created("p-1", "276638689419851"), reply(200, [])) as (client, server, _):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        await client.request("GET", "/v2/projects")
        await client.request("GET", "/v2/projects/p-2")
        assert events(server) == [None, "276638689419851", None]


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"id": "a", "databaseId": "b", "name": "c", "n": 1, "emptyId": ""}', ("a", "b")),
        (b"", ()),
        (b"[1]", ()),
        (b"{broken", ()),
        (b'{"id": ' + b"[" * 70_000, ()),
    ],
)
def test_ids_in_a_response(body: bytes, ids: tuple[str, ...]) -> None:
    assert created_ids(body) == ids
