"""What a call reports of its attempts, and the exact bounds of retry and waiting."""

from __future__ import annotations

import asyncio

import pytest

from mittwald_async import AttemptEnded, CallEnded, Event
from mittwald_async.errors import NotFoundError, RateLimitError, ReadTimeoutError, RedirectError, ServerError
from mittwald_async.runtime.middleware import CallNext, RawResponse, Request

from ..support.scripted_server import CREATE_PROJECT, GET_PROJECT, Act, Clock, Seen, hang_up, reply, shared, talking


def after(seconds: float, clocks: list[Clock], answer: bytes) -> Act:
    """A response after a delay."""

    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        clocks[0].time += seconds
        writer.write(answer)

    return act


async def test_events_have_the_seconds_of_each_attempt_and_of_the_whole_call() -> None:
    clocks: list[Clock] = []
    heard: list[Event] = []
    script = after(2.0, clocks, reply(503)), after(3.0, clocks, reply(200, {}))
    async with talking(*script, observers=[heard.append]) as (client, _, clock):
        clocks.append(clock)
        await client.sender.value(GET_PROJECT, ("p-1",))
    assert [event.seconds for event in heard if isinstance(event, AttemptEnded)] == [2.0, 3.0]
    assert [event.seconds for event in heard if isinstance(event, CallEnded)] == [2.0 + 0.25 + 3.0]


async def test_a_failed_call_reports_its_seconds() -> None:
    clocks: list[Clock] = []
    heard: list[Event] = []
    async with talking(after(4.0, clocks, reply(404)), observers=[heard.append]) as (client, _, clock):
        clocks.append(clock)
        with pytest.raises(NotFoundError):
            await client.sender.value(GET_PROJECT, ("p-1",))
    assert [event.seconds for event in heard if isinstance(event, CallEnded)] == [4.0]


async def test_an_attempt_summarises_its_outcome() -> None:
    heard: list[Event] = []
    script = reply(500, {"type": "InternalServerError", "message": "a long story"}), hang_up, reply(200, {})
    async with talking(*script, observers=[heard.append]) as (client, _, _):
        response = await client.sender.response(GET_PROJECT, ("p-1",))
    first, second, last = (event.error for event in heard if isinstance(event, AttemptEnded))
    assert first == "500 InternalServerError"
    assert second is not None
    assert "without a response" in second
    assert last is None
    assert [attempt.reason for attempt in response.attempts] == ["status 500", second, "ok"]


async def test_pauses_of_one_call_add_up_to_at_most_a_minute() -> None:
    async with talking(reply(503), max_retries=50, timeout=None) as (client, server, clock):
        with pytest.raises(ServerError):
            await client.sender.value(GET_PROJECT, ("p-1",))
    assert clock.sleeps == [0.25, 0.5, 1, 2, 4, 8, 10, 10, 10, 10]  # 55.75 s; another 10 s would exceed the limit
    assert len(server.seen) == 11


async def test_jittered_pauses_of_exactly_a_minute_are_allowed() -> None:
    dice = iter([1.0] * 7 + [0.425] * 2)
    async with talking(reply(503), max_retries=50, timeout=None) as (client, _, clock):
        shared(client).chance = lambda: next(dice)
        with pytest.raises(ServerError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert clock.sleeps == [0.5, 1, 2, 4, 8, 16, 20, 8.5]  # 60 s in all


async def test_a_retry_after_a_timeout_costs_twice_the_quota() -> None:
    async def no_answer(request: Request, call_next: CallNext) -> RawResponse:
        raise ReadTimeoutError("nothing came")

    async with talking(reply(500), max_retries=1) as (client, _, _):
        with pytest.raises(ServerError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert shared(client).quota.tokens == 500 - 5
        with pytest.raises(ReadTimeoutError):
            await client.with_options(middleware=[no_answer]).sender.value(GET_PROJECT, ("p-1",))
        assert shared(client).quota.tokens == 500 - 5 - 10
    async with talking(hang_up, max_retries=1) as (client, _, _):
        with pytest.raises(Exception, match="without a response"):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert shared(client).quota.tokens == 500 - 5


async def test_a_throttled_retry_costs_no_quota() -> None:
    async with talking(reply(429), max_retries=1) as (client, server, _):
        with pytest.raises(RateLimitError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 2
        assert shared(client).quota.tokens == 500


async def test_a_wait_of_exactly_max_wait_is_allowed() -> None:
    script = reply(429, headers={"Retry-After": "7"}), reply(200, {"id": "p-1"})
    async with talking(*script, max_retry_wait=7) as (client, _, clock):
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        assert clock.sleeps[0] == 7


async def test_lag_pauses_double_and_are_jittered_by_a_quarter() -> None:
    script = (
        reply(201, {"id": "p-1"}, headers={"ETag": "276638689419851"}),
        *[reply(404)] * 3,
        reply(200, {"id": "p-1"}),
    )
    async with talking(*script) as (client, _, clock):
        shared(client).chance = lambda: 1.0
        await client.sender.value(CREATE_PROJECT, ("s-1",), body={"description": "shop"})
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        assert clock.sleeps == [0.25 * 1.25, 0.5 * 1.25, 1.0 * 1.25]


@pytest.mark.parametrize("status", [300, 304, 399])
async def test_an_unexpected_status_is_reported(status: int) -> None:
    async with talking(reply(status, headers={"Location": "/v2/new"}), reply(200, {})) as (client, server, _):
        with pytest.raises(RedirectError, match="neither a success nor an error") as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.status == status
        assert len(server.seen) == 1
