"""Which attempts are made, how long the pauses are, and what is reported of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mittwald_async import Event, Mittwald, WaitedForBudget, WaitingForBudget
from mittwald_async.errors import (
    AuthenticationError,
    BadRequestError,
    CallTimeoutError,
    MaybeSentError,
    NotSentError,
    RateLimitError,
    ResponseBrokenError,
    ServerError,
)

from ..support.scripted_server import (
    CREATE_PROJECT,
    GET_PROJECT,
    TOKEN,
    Clock,
    Seen,
    hang_up,
    idle_only,
    reply,
    serving,
    shared,
    talking,
)

pytestmark = pytest.mark.usefixtures("both_ways")

NEW = {"description": "shop"}


async def test_a_read_survives_three_failures() -> None:
    async with talking(reply(500), reply(503), reply(502), reply(200, {"id": "p-1"})) as (client, server, clock):
        response = await client.sender.response(GET_PROJECT, ("p-1",))
        assert response.data == {"id": "p-1"}
        assert [(a.number, a.status, a.reason, a.waited) for a in response.attempts] == [
            (1, 500, "status 500", 0.25),
            (2, 503, "status 503", 0.5),
            (3, 502, "status 502", 1.0),
            (4, 200, "ok", 0.0),
        ]
        assert clock.sleeps == [0.25, 0.5, 1.0]
        assert len(server.seen) == 4


async def test_the_error_lists_every_attempt() -> None:
    async with talking(reply(500, {"type": "InternalServerError", "message": "oops"})) as (client, _, _):
        with pytest.raises(ServerError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        error = caught.value
        assert [(a.status, a.waited) for a in error.attempts] == [(500, 0.25), (500, 0.5), (500, 1.0), (500, 0.0)]
        assert "after 4 attempts" in str(error)
        assert "project-get-project GET http://" in str(error)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_a_write_that_may_be_done_is_not_retried(status: int) -> None:
    async with talking(reply(status), reply(201, {"id": "p-1"})) as (client, server, _):
        with pytest.raises(Exception, match=str(status)):
            await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        assert len(server.seen) == 1


async def test_a_throttled_write_is_retried_with_its_body() -> None:
    async with talking(reply(429, headers={"Retry-After": "7"}), reply(201, {"id": "p-1"})) as (client, server, clock):
        assert await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW) == {"id": "p-1"}
        assert clock.sleeps[0] == 7
        assert server.seen[0].body == server.seen[1].body == b'{"description":"shop"}'


async def test_a_wait_longer_than_max_wait_is_an_error_that_states_it() -> None:
    async with talking(reply(429, headers={"Retry-After": "600"})) as (client, server, clock):
        with pytest.raises(RateLimitError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.retry_after == 600
        assert clock.sleeps == []
        assert len(server.seen) == 1


async def test_no_pause_exceeds_the_deadline() -> None:
    async with talking(reply(503, headers={"Retry-After": "30"}), timeout=20) as (client, server, clock):
        with pytest.raises(ServerError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert clock.sleeps == []
        assert len(server.seen) == 1


async def test_permanent_failures_are_not_retried() -> None:
    async with talking(reply(400, {"type": "ValidationError"})) as (client, server, _):
        with pytest.raises(BadRequestError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 1


async def test_zero_retries_means_one_attempt() -> None:
    async with talking(reply(500), max_retries=0) as (client, server, _):
        with pytest.raises(ServerError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 1


async def test_the_quota_stops_a_retry_storm() -> None:
    async with talking(reply(500)) as (client, server, _):
        for _ in range(40):
            with pytest.raises(ServerError):
                await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 40 + 100
        assert shared(client).quota.tokens == 0


async def test_successes_refill_the_quota() -> None:
    async with talking(reply(500), reply(200, {})) as (client, _, _):
        shared(client).quota.tokens = 20
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert shared(client).quota.tokens == 20
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert shared(client).quota.tokens == 21


async def test_a_server_that_hangs_up_gets_exactly_the_reported_attempts() -> None:
    """aiohttp alone would send each attempt on a reused connection twice, unreported."""
    async with talking(reply(200, {}), hang_up) as (client, server, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        with pytest.raises(ResponseBrokenError, match="without a response") as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(caught.value.attempts) == 4
        assert len(server.seen) == 1 + 4
        assert idle_only(client)


async def test_an_external_session_resends_nothing_unreported_either() -> None:
    import aiohttp

    async with serving(reply(200, {}), hang_up) as server, aiohttp.ClientSession() as session:
        async with Mittwald(TOKEN, base_url=server.url, session=session, clock=Clock()) as client:
            await client.sender.value(GET_PROJECT, ("p-1",))
            with pytest.raises(ResponseBrokenError) as caught:
                await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 1 + len(caught.value.attempts) == 5


async def test_a_write_that_may_have_arrived_is_not_sent_again() -> None:
    async with talking(reply(200, {}), hang_up) as (client, server, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        with pytest.raises(MaybeSentError):
            await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        assert len(server.seen) == 2


async def test_a_refused_connection_means_not_sent() -> None:
    async with serving(reply(200)) as server:
        url = server.url
    async with Mittwald(TOKEN, base_url=url, clock=Clock()) as client:
        with pytest.raises(NotSentError, match=r"cannot connect to 127\.0\.0\.1") as caught:
            await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        assert len(caught.value.attempts) == 4
        assert idle_only(client)


async def test_a_slow_server_is_bounded_by_the_deadline() -> None:
    async def sleep(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with talking(sleep, timeout=0.05) as (client, server, _):
        with pytest.raises(CallTimeoutError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(caught.value.attempts) == len(server.seen) == 1
        assert isinstance(caught.value, TimeoutError)
        assert idle_only(client)


def renewable(*tokens: str) -> Any:
    """Credentials that supply one token after another."""
    left = list(tokens)

    async def source() -> str:
        return left.pop(0)

    return source


async def test_a_rejected_token_is_renewed_once() -> None:
    async with serving(reply(401, {"type": "Unauthorized"}), reply(200, {"id": "p-1"})) as server:
        async with Mittwald(credentials=renewable("first-token", "second-token"), base_url=server.url) as client:
            assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        assert [seen.headers["x-access-token"] for seen in server.seen] == ["first-token", "second-token"]


async def test_a_token_rejected_twice_is_an_error() -> None:
    async with serving(reply(401, {"message": "no"})) as server:
        async with Mittwald(credentials=renewable("first-token", "second-token"), base_url=server.url) as client:
            with pytest.raises(AuthenticationError) as caught:
                await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 2
        assert "token" not in str(caught.value)


async def test_a_rejected_static_token_is_final() -> None:
    async with talking(reply(401)) as (client, server, _):
        with pytest.raises(AuthenticationError, match="401"):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 1


@pytest.mark.parametrize("both_ways", ["the short way"], indirect=True)  # one run takes long enough
async def test_ten_thousand_calls_share_one_token_refresh() -> None:
    asked = 0

    async def source() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return "fetched-token"

    async with serving(reply(200, {})) as server:
        async with Mittwald(credentials=source, base_url=server.url, timeout=None) as client:
            await asyncio.gather(*(client.sender.value(GET_PROJECT, (f"p-{n}",)) for n in range(10_000)))
            assert idle_only(client)
        assert len(server.seen) == 10_000
        assert asked == 1
        assert server.connections <= 128


async def test_waiting_for_the_budget_is_bounded_by_its_own_option() -> None:
    limits = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    async with talking(reply(200, {}, headers=limits), reply(200, {}), timeout=0.3) as (client, server, _):
        heard: list[Event] = []
        await client.sender.value(GET_PROJECT, ("p-1",))
        with pytest.raises(RateLimitError) as caught:
            await client.with_options(max_wait=0.1).sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.retry_after == pytest.approx(1, abs=0.5)
        assert caught.value.status is None
        assert caught.value.operation_id == "project-get-project"
        await client.with_options(observers=[heard.append]).sender.value(GET_PROJECT, ("p-1",))
        waiting, waited = heard[1:3]
        assert isinstance(waiting, WaitingForBudget)
        assert isinstance(waited, WaitedForBudget)
        assert waiting.reason == "window"
        assert waited.seconds > 0.3
        assert len(server.seen) == 2
