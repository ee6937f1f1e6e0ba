"""One renewal for any number of waiters: before expiry, after a 401, under cancellation, on successive loops."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mittwald_async.credentials import PasswordLogin
from mittwald_async.errors import (
    AuthenticationError,
    ClientStateError,
    ConfigurationError,
    InvalidArgumentError,
    MaybeSentError,
    TransportError,
)
from mittwald_async.runtime.credentials import Secret, TokenSource

from ..support.login_routes import REFRESH, SIGN_IN, ScriptedExchange, never

MANY = 1000


def login(exchange: ScriptedExchange) -> PasswordLogin:
    return PasswordLogin("ada@example.com", "password-for-tests", wall=exchange.clock)


async def test_a_thousand_tasks_fetch_one_token() -> None:
    exchange = ScriptedExchange()
    credentials = login(exchange)
    tokens = await asyncio.gather(*(credentials.token(exchange) for _ in range(MANY)))
    assert set(tokens) == {Secret("token-1")}
    assert exchange.operations == [SIGN_IN]


async def test_a_thousand_401s_with_an_old_token_cause_one_refresh() -> None:
    exchange = ScriptedExchange()
    credentials = login(exchange)
    old = await credentials.token(exchange)

    async def call(number: int) -> bool:
        for _ in range(number % 7):
            await asyncio.sleep(0)  # responses arrive at different times, some after the refresh
        return await credentials.refused(old, exchange)

    assert all(await asyncio.gather(*(call(number) for number in range(MANY))))
    assert exchange.operations == [SIGN_IN, REFRESH]
    assert await credentials.refused(old, never)
    assert credentials.current() == Secret("token-2")


async def test_a_rejected_token_is_not_handed_out_during_its_renewal() -> None:
    exchange = ScriptedExchange()
    credentials = login(exchange)
    old = await credentials.token(exchange)
    exchange.hold = asyncio.Event()
    renewal = asyncio.create_task(credentials.refused(old, exchange))
    await asyncio.sleep(0)
    assert credentials.current() is None
    waiting = asyncio.create_task(credentials.token(exchange))
    await asyncio.sleep(0)
    exchange.hold.set()
    assert (await renewal, await waiting) == (True, Secret("token-2"))


async def test_cancelling_the_first_waiter_does_not_strand_the_others() -> None:
    exchange = ScriptedExchange()
    exchange.hold = asyncio.Event()
    credentials = login(exchange)
    calls = [asyncio.create_task(credentials.token(exchange)) for _ in range(50)]
    await asyncio.sleep(0.001)
    for call in calls[:25]:
        call.cancel()
    await asyncio.sleep(0.001)
    exchange.hold.set()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended[:25])
    assert ended[25:] == [Secret("token-1")] * 25
    assert exchange.operations == [SIGN_IN]


async def test_a_renewal_without_waiters_still_counts() -> None:
    """The refresh token is spent by then: discarding the response would lose the session."""
    exchange = ScriptedExchange()
    credentials = login(exchange)
    old = await credentials.token(exchange)
    exchange.hold = asyncio.Event()
    only = asyncio.create_task(credentials.refused(old, exchange))
    await asyncio.sleep(0.001)
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    exchange.hold.set()
    await asyncio.sleep(0.001)
    assert credentials.current() == Secret("token-2")


async def test_a_failure_without_waiters_is_silent() -> None:
    exchange = ScriptedExchange()
    exchange.hold = asyncio.Event()
    exchange.respond(SIGN_IN, (401, {"message": "no"}))
    only = asyncio.create_task(login(exchange).token(exchange))
    await asyncio.sleep(0.001)
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    exchange.hold.set()
    await asyncio.sleep(0.001)


async def test_a_failure_reaches_every_waiter_and_is_not_kept() -> None:
    exchange = ScriptedExchange()
    credentials = login(exchange)
    old = await credentials.token(exchange)
    exchange.respond(REFRESH, (400, {"message": "used"}))
    exchange.respond(SIGN_IN, (401, {"type": "Wrong", "message": "password changed"}))
    ended = await asyncio.gather(*(credentials.refused(old, exchange) for _ in range(MANY)), return_exceptions=True)
    assert {type(end) for end in ended} == {AuthenticationError}
    assert {str(end) for end in ended} == {
        "401 Wrong: signing in with e-mail and password failed: password changed (user-authenticate POST /v2/authenticate)"
    }
    assert len({id(end) for end in ended}) == MANY  # each call may add its own details
    assert exchange.operations == [SIGN_IN, REFRESH, SIGN_IN]
    assert credentials.current() is None
    assert await credentials.refused(old, exchange)
    assert exchange.operations == [SIGN_IN, REFRESH, SIGN_IN, SIGN_IN]


async def test_an_uncopyable_failure_is_shared() -> None:
    async def broken() -> str:
        raise InvalidArgumentError("vault", "is shut")

    credentials = TokenSource(broken)
    for end in await asyncio.gather(*(credentials.token(never) for _ in range(3)), return_exceptions=True):
        assert isinstance(end, InvalidArgumentError)
        assert end.parameter == "vault"


@pytest.mark.parametrize(
    ("lifetime", "fresh_until"), [(3600, 3540), (600, 540), (100, 90), (10, 9)], ids=lambda value: f"{value}s"
)
async def test_a_token_is_renewed_before_it_expires(lifetime: float, fresh_until: float) -> None:
    exchange = ScriptedExchange()
    exchange.respond(SIGN_IN, (200, exchange.session(seconds=lifetime)))
    credentials = login(exchange)
    await credentials.token(exchange)
    exchange.clock.time += fresh_until - 0.5
    assert credentials.current() == Secret("token-1")
    exchange.clock.time += 0.5
    assert credentials.current() is None
    assert await credentials.token(exchange) == Secret("token-2")


@pytest.mark.parametrize("name", ["expires", "expiresAt", "expiry"])
async def test_expiry_is_read_under_each_of_its_names(name: str) -> None:
    exchange = ScriptedExchange()
    exchange.respond(SIGN_IN, (200, exchange.session(seconds=600, name=name)))
    credentials = login(exchange)
    await credentials.token(exchange)
    exchange.clock.time += 541
    assert credentials.current() is None


@pytest.mark.parametrize(
    "nonsense", ["tomorrow", "2030-13-01T00:00:00Z", True, 1e300, "0001-01-01T00:00:00Z", "2030-01-01", {}, []]
)
async def test_an_invalid_expiry_counts_as_unknown_and_is_reported_once(
    nonsense: object, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = ScriptedExchange()
    exchange.respond(SIGN_IN, (200, {"token": "hidden", "refreshToken": "r", "expires": nonsense}))
    credentials = login(exchange)
    with caplog.at_level(logging.DEBUG, "mittwald_async"):
        await credentials.token(exchange)
    assert len(caplog.records) == 1
    assert "counts as unknown" in caplog.text
    exchange.clock.time += 1e9
    assert credentials.current() == Secret("hidden")


async def test_a_valid_expiry_beside_an_invalid_one_is_used() -> None:
    exchange = ScriptedExchange()
    exchange.respond(
        SIGN_IN, (200, {"token": "t", "expires": "soon", "expiresAt": exchange.clock.stamp(100), "expiry": None})
    )
    credentials = login(exchange)
    await credentials.token(exchange)
    exchange.clock.time += 91
    assert credentials.current() is None


async def test_a_clock_that_runs_ahead_does_not_renew_with_every_call(caplog: pytest.LogCaptureFixture) -> None:
    exchange = ScriptedExchange()
    exchange.respond(SIGN_IN, (200, exchange.session(seconds=-5)))
    credentials = login(exchange)
    for _ in range(3):
        await credentials.token(exchange)
    assert exchange.operations == [SIGN_IN]
    assert "in the past of this machine's clock" in caplog.text


async def test_an_early_renewal_may_fail_while_the_token_is_valid(caplog: pytest.LogCaptureFixture) -> None:
    exchange = ScriptedExchange()
    credentials = login(exchange)
    await credentials.token(exchange)
    exchange.clock.time += 3550
    exchange.respond(REFRESH, (503, "down"), MaybeSentError("reset"), (503, "down"))
    assert await credentials.token(exchange) == Secret("token-1")
    assert await credentials.token(exchange) == Secret("token-1")
    assert exchange.operations == [SIGN_IN, REFRESH]  # not with every call
    assert "ServerError" in caplog.text
    exchange.clock.time += 5
    assert await credentials.token(exchange) == Secret("token-1")
    assert exchange.operations == [SIGN_IN, REFRESH, REFRESH]
    exchange.clock.time += 45
    with pytest.raises(Exception, match="down"):
        await credentials.token(exchange)
    assert await credentials.token(exchange) == Secret("token-2")


async def test_a_rejected_token_is_not_kept_after_a_failed_renewal() -> None:
    exchange = ScriptedExchange()
    credentials = login(exchange)
    old = await credentials.token(exchange)
    exchange.respond(REFRESH, MaybeSentError("reset"))
    with pytest.raises(TransportError):
        await credentials.refused(old, exchange)
    assert credentials.current() is None
    assert await credentials.token(exchange) == Secret("token-2")


def test_successive_loops() -> None:
    exchange = ScriptedExchange()
    credentials = login(exchange)
    assert asyncio.run(credentials.token(exchange)) == Secret("token-1")
    exchange.clock.time += 3600
    assert asyncio.run(credentials.token(exchange)) == Secret("token-2")


def test_a_renewal_that_died_with_its_loop_is_started_again() -> None:
    exchange = ScriptedExchange()
    credentials = login(exchange)

    async def abandon() -> None:
        exchange.hold = asyncio.Event()
        call = asyncio.create_task(credentials.token(exchange))
        await asyncio.sleep(0)
        call.cancel()

    asyncio.run(abandon())
    exchange.hold = None
    assert asyncio.run(credentials.token(exchange)) == Secret("token-1")


async def test_a_renewal_on_another_loop_is_not_awaited() -> None:
    exchange = ScriptedExchange()
    exchange.hold = asyncio.Event()
    credentials = login(exchange)
    here = asyncio.create_task(credentials.token(exchange))
    await asyncio.sleep(0)
    elsewhere = ScriptedExchange(exchange.clock)
    elsewhere.issued = 10
    assert await asyncio.to_thread(lambda: asyncio.run(credentials.token(elsewhere))) == Secret("token-11")
    exchange.hold.set()
    await here


async def test_a_callable_returns_a_token_and_optionally_its_expiry() -> None:
    exchange = ScriptedExchange()
    given: list[object] = [
        "plain",
        (Secret("until"), datetime.fromtimestamp(exchange.clock.time, UTC) + timedelta(seconds=100)),
        ("epoch", exchange.clock.time + 200),
        ("naive", datetime.fromtimestamp(exchange.clock.time + 300, UTC).replace(tzinfo=None)),
        ("text", exchange.clock.stamp(400)),
        ("unknown", None),
    ]

    async def vault() -> str:
        return given.pop(0)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    credentials = TokenSource(vault, wall=exchange.clock)
    seen = await credentials.token(never)
    assert seen == Secret("plain")
    assert await credentials.refused(seen, never)
    for name in ("until", "epoch", "naive", "text"):
        assert credentials.current() == Secret(name)
        exchange.clock.time += 100
        assert credentials.current() is None
        await credentials.token(never)
    assert credentials.current() == Secret("unknown")


async def test_the_same_token_again_causes_no_retry() -> None:
    async def vault() -> str:
        return "always-the-same"

    credentials = TokenSource(vault)
    assert not await credentials.refused(await credentials.token(never), never)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "must be text, got NoneType"),
        ("a b", "holds a character"),
        (("t",), "is not a pair"),
        (5, "must be text, got int"),
    ],
)
async def test_a_callable_that_returns_no_token(given: object, said: str) -> None:
    async def vault() -> str:
        return given  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    with pytest.raises(AuthenticationError, match=said):
        await TokenSource(vault).token(never)


async def test_a_synchronous_callable() -> None:
    with pytest.raises(ConfigurationError, match="has to be async"):
        await TokenSource(lambda: "x").token(never)  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]


async def test_the_error_of_a_callable_is_passed_on_unchanged() -> None:
    class VaultShut(Exception):
        pass

    async def vault() -> str:
        raise VaultShut("until nine")

    credentials = TokenSource(vault)
    for end in await asyncio.gather(*(credentials.token(never) for _ in range(3)), return_exceptions=True):
        assert isinstance(end, VaultShut)


async def test_a_callable_that_cancels_itself() -> None:
    async def vault() -> str:
        raise asyncio.CancelledError

    with pytest.raises(AuthenticationError, match="was cancelled"):
        await TokenSource(vault).token(never)


async def test_a_callable_that_waits_for_its_own_token_gets_an_error() -> None:
    async def vault() -> str:
        return (await credentials.token(never)).reveal()

    credentials = TokenSource(vault)
    with pytest.raises(ClientStateError, match="calls the client that waits for its token"):
        await credentials.token(never)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
async def test_eager_tasks() -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory", None))
    exchange = ScriptedExchange()
    credentials = login(exchange)
    await asyncio.gather(*(credentials.token(exchange) for _ in range(10)))
    assert exchange.operations == [SIGN_IN]


def test_token_sources_share_a_budget_by_name() -> None:
    async def vault() -> str:
        return "t"

    assert TokenSource(vault, identity="ada").identity == TokenSource(vault, identity="ada").identity
    assert TokenSource(vault).identity != TokenSource(vault, identity="ada").identity
