"""How long a call keeps requesting an event, with which pauses, and who takes over when it gives up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.errors import BadRequestError, ConsistencyError, RefusedError, ServerError

from ..support.scripted_server import CREATE_PROJECT, GET_PROJECT, Act, Clock, Seen, reply, shared, talking

NEW = {"description": "shop"}
CREATED = reply(201, {"id": "p-1"}, headers={"ETag": "276638689419851"})
NOT_REACHED = reply(412, {"type": "FailedPrecondition", "message": "lastEventID not reached"})
TURNS = 30
"""Turns of the loop: enough for a request sent now to arrive."""


def held(seconds: float, clocks: list[Clock], answer: bytes) -> Act:
    """A response that the server delays by so many seconds."""

    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        clocks[0].time += seconds
        writer.write(answer)

    return act


@pytest.mark.parametrize(
    ("chance", "pauses"),
    [
        (0.0, [0.375, 0.75, 1.5, 3.0, 3.75, 3.75]),
        (1.0, [0.625, 1.25, 2.5, 5.0, 6.25, 6.25]),
    ],
)
async def test_pauses_double_up_to_five_seconds_and_are_jittered_by_a_quarter(
    chance: float, pauses: list[float]
) -> None:
    async with talking(CREATED, *[NOT_REACHED] * 6, reply(200, {"id": "p-1"})) as (client, _, clock):
        shared(client).chance = lambda: chance
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        assert clock.sleeps == pauses


@pytest.mark.parametrize(("chance", "shortest"), [(0.0, 0.1), (0.5, 0.3), (1.0, 0.5)])
async def test_time_the_server_held_the_request_counts_towards_the_pause(chance: float, shortest: float) -> None:
    clocks: list[Clock] = []
    script = CREATED, held(10.0, clocks, NOT_REACHED), held(0.25, clocks, NOT_REACHED), reply(200, {})
    async with talking(*script) as (client, _, clock):
        clocks.append(clock)
        shared(client).chance = lambda: chance
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert clock.sleeps == pytest.approx([shortest, 0.75 + 0.5 * chance - 0.25])


@pytest.mark.parametrize(("seconds", "requests"), [(120.0, 2), (120.25, 1)])
async def test_without_a_deadline_an_event_is_requested_for_up_to_two_minutes(seconds: float, requests: int) -> None:
    clocks: list[Clock] = []
    script = CREATED, held(seconds, clocks, NOT_REACHED), held(1.0, clocks, NOT_REACHED)
    async with talking(*script, timeout=None) as (client, server, clock):
        clocks.append(clock)
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        with pytest.raises(ConsistencyError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(caught.value.attempts) == requests
        assert len(server.seen) == 1 + requests


async def test_a_longer_deadline_extends_the_two_minutes() -> None:
    clocks: list[Clock] = []
    async with talking(CREATED, held(150.0, clocks, NOT_REACHED), reply(200, {"id": "p-1"}), timeout=200) as (
        client,
        _,
        clock,
    ):
        clocks.append(clock)
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}


@pytest.mark.parametrize("name", ["If-Event-Reached", "if-event-reached"])
async def test_an_event_in_a_callers_header_is_requested_again(name: str) -> None:
    named = {name: "276638689419851"}
    async with talking(NOT_REACHED, reply(200, {"id": "p-1"})) as (client, server, clock):
        assert await client.with_options(headers=named).sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        assert clock.sleeps == [0.5]
        server.then(NOT_REACHED, reply(200, {"id": "p-1"}))
        assert (await client.request("GET", "/v2/projects/p-1", headers=named)).status == 200
        assert clock.sleeps == [0.5, 0.5]


async def test_another_header_of_the_caller_names_no_event() -> None:
    async with talking(NOT_REACHED, headers={"X-Trace": "1"}) as (client, server, _):
        with pytest.raises(RefusedError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        with pytest.raises(RefusedError):
            await client.request("GET", "/v2/projects/p-1", headers={"X-Other": "2"})
        assert len(server.seen) == 2


class Readers:
    """Readers that start while the first one requests the event for the second time."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.tasks: list[asyncio.Task[dict[str, Any]]] = []
        self.client: Mittwald | None = None

    def then(self, answer: bytes) -> Act:
        """Start the readers, let them run until they block, and only then respond to the first one."""

        async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
            assert self.client is not None
            sender = self.client.sender
            self.tasks = [asyncio.create_task(sender.value(GET_PROJECT, ("p-1",))) for _ in range(self.count)]
            for _ in range(TURNS):
                await asyncio.sleep(0)
            writer.write(answer)

        return act


async def test_when_the_requesting_reader_gives_up_another_takes_over() -> None:
    readers, clocks = Readers(3), list[Clock]()

    async def from_5003(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, {"id": "p-1"}) if clocks[0].time >= 5003.0 else NOT_REACHED)

    async with talking(CREATED, NOT_REACHED, readers.then(NOT_REACHED), from_5003) as (client, server, clock):
        readers.client = client
        clocks.append(clock)
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        with pytest.raises(ConsistencyError):
            await client.with_options(timeout=1).sender.value(GET_PROJECT, ("p-1",))
        assert await asyncio.gather(*readers.tasks) == [{"id": "p-1"}] * 3
    # One requests at 0.5, 1.0, 2.0 and 4.0 s; the two others once each.
    assert clock.sleeps == [0.5, 0.5, 1.0, 2.0]
    assert len(server.seen) == 1 + 2 + 4 + 2


@pytest.mark.parametrize(("status", "error"), [(400, BadRequestError), (500, ServerError)])
async def test_an_error_of_another_kind_means_that_the_event_was_reached(status: int, error: type[Exception]) -> None:
    readers, waiting = Readers(3), list[asyncio.StreamWriter]()

    async def all_at_once(seen: Seen, writer: asyncio.StreamWriter) -> None:
        waiting.append(writer)
        if len(waiting) == 3:
            for each in waiting:
                each.write(reply(200, {"id": "p-1"}))

    async with talking(CREATED, NOT_REACHED, readers.then(reply(status)), all_at_once) as (client, server, _):
        readers.client = client
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        with pytest.raises(error):
            await client.with_options(max_retries=0).sender.value(GET_PROJECT, ("p-1",))
        async with asyncio.timeout(5):
            assert await asyncio.gather(*readers.tasks) == [{"id": "p-1"}] * 3
        assert len(server.seen) == 1 + 2 + 3


async def test_all_readers_waiting_for_a_reached_event_continue() -> None:
    readers, waiting = Readers(3), list[asyncio.StreamWriter]()

    async def four_at_once(seen: Seen, writer: asyncio.StreamWriter) -> None:
        waiting.append(writer)
        if len(waiting) >= 4:
            for each in waiting[:4] if len(waiting) == 4 else [writer]:
                each.write(reply(200, {"id": "p-1"}))

    async with talking(CREATED, NOT_REACHED, readers.then(reply(200, {"id": "p-1"})), four_at_once) as (
        client,
        server,
        _,
    ):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        readers.client = client.with_options(after="276638689419850")
        async with asyncio.timeout(5):
            assert await readers.client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
            assert await asyncio.gather(*readers.tasks) == [{"id": "p-1"}] * 3
    named = [seen.headers["if-event-reached"] for seen in server.seen[1:]]
    assert named[:2] == ["276638689419850"] * 2
    assert sorted(named[2:6]) == ["276638689419850"] * 3 + ["276638689419851"]
    assert named[6:] == ["276638689419851"] * 3
