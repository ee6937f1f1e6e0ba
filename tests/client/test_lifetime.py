"""Opening, closing and cloning clients, and clear errors for misuse."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from mittwald_async import Mittwald, Options, Pool
from mittwald_async.errors import ClientStateError, ConfigurationError, NotFoundError
from mittwald_async.runtime.events import Event

from ..support.scripted_server import GET_PROJECT, TOKEN, Clock, Seen, reply, serving, shared, talking

pytestmark = pytest.mark.usefixtures("both_ways")


async def test_a_client_that_is_not_open_says_so() -> None:
    client = Mittwald(TOKEN, base_url="http://127.0.0.1:1")
    with pytest.raises(ClientStateError, match="async with"):
        await client.sender.value(GET_PROJECT, ("p-1",))
    with pytest.raises(ClientStateError, match="not open"):
        _ = client.rate_limit
    assert "not open" in repr(client)


async def test_a_closed_client_says_so_and_cannot_be_opened_again() -> None:
    async with talking(reply(200, {})) as (client, _, _):
        await client.close()
        with pytest.raises(ClientStateError, match="closed"):
            await client.sender.value(GET_PROJECT, ("p-1",))
        with pytest.raises(ClientStateError, match="closed"):
            await client.__aenter__()
        assert "closed" in repr(client)


@pytest.mark.parametrize("status", [200, 503])
async def test_closing_ends_waiting_calls(status: int) -> None:
    """Calls may wait minutes for the next budget window or before a retry."""
    limits = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}
    answer = reply(200, {}, headers=limits) if status == 200 else reply(503, headers={"Retry-After": "60"})
    async with serving(reply(200, {}, headers=limits if status == 200 else None), answer) as server:
        client = await Mittwald(TOKEN, base_url=server.url).__aenter__()
        await client.sender.value(GET_PROJECT, ("p-1",))
        calls = [asyncio.ensure_future(client.sender.value(GET_PROJECT, ("p-1",))) for _ in range(3)]
        while len(server.seen) < (1 if status == 200 else 4):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await client.close()
        async with asyncio.timeout(2):
            ended = await asyncio.gather(*calls, return_exceptions=True)
        assert [str(end).partition(":")[0] for end in ended] == ["the client is closed"] * 3
        assert all(isinstance(end, ClientStateError) for end in ended)


async def test_a_client_is_opened_once() -> None:
    async with talking(reply(200, {})) as (client, _, _):
        with pytest.raises(ClientStateError, match="open already"):
            await client.__aenter__()


async def test_of_two_tasks_opening_a_client_at_once_one_gets_an_error() -> None:
    client = Mittwald(TOKEN, base_url="https://127.0.0.1:1")
    opening = [asyncio.ensure_future(client.__aenter__()) for _ in range(2)]
    opened = await asyncio.gather(*opening, return_exceptions=True)
    assert client in opened
    assert [type(result) for result in opened if result is not client] == [ClientStateError]
    await client.close()


@pytest.mark.parametrize("body", [b"Content-Length: 1000\r\n\r\nbegin", b"\r\nwhatever comes until the end"])
async def test_closing_interrupts_reading_a_body(body: bytes) -> None:
    async def half(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + body)
        await asyncio.sleep(30)

    async def read(client: Mittwald, url: str) -> bytes:
        return await client.download(url + "/export.tar")

    async with talking(half, timeout=None, read_timeout=None) as (client, server, _):
        tasks: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(read(client, server.url)),
            asyncio.ensure_future(client.sender.value(GET_PROJECT, ("p-1",))),
        ]
        while len(server.seen) < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        await client.close()
        for task in tasks:
            with pytest.raises(ClientStateError, match="the client is closed"):
                await asyncio.wait_for(task, 5)


def test_a_session_of_another_loop_is_refused() -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def use(session: aiohttp.ClientSession) -> None:
        with pytest.raises(ConfigurationError, match="belongs to another event loop"):
            async with Mittwald(TOKEN, session=session):
                pass

    with asyncio.Runner() as one, asyncio.Runner() as other:
        session = one.run(make())
        other.run(use(session))
        one.run(session.close())


def test_use_from_another_loop_is_detected() -> None:
    async def open_one() -> Mittwald:
        return await Mittwald(TOKEN, base_url="http://127.0.0.1:1").__aenter__()

    async def use(client: Mittwald) -> None:
        with pytest.raises(ClientStateError, match="another event loop"):
            await client.sender.value(GET_PROJECT, ("p-1",))

    with asyncio.Runner() as first, asyncio.Runner() as second:
        client = first.run(open_one())
        second.run(use(client))
        with pytest.raises(ClientStateError, match="another event loop"):
            second.run(client.close())
        assert "open>" in repr(client), "a close that fails leaves it as it was"
        first.run(client.close())


async def test_an_external_session_is_used_and_left_open() -> None:
    async with serving(reply(200, {"id": "p-1"})) as server, aiohttp.ClientSession() as session:
        async with Mittwald(TOKEN, base_url=server.url, session=session) as client:
            assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        assert not session.closed
        async with session.get(server.url) as response:
            assert response.status == 200
    async with (
        serving(reply(404, {"message": "gone"})) as server,
        aiohttp.ClientSession(raise_for_status=True) as session,
        Mittwald(TOKEN, base_url=server.url, session=session) as client,
    ):
        with pytest.raises(NotFoundError, match="gone"):
            await client.sender.value(GET_PROJECT, ("p-1",))
    with pytest.raises(ConfigurationError, match="closed"):
        async with Mittwald(TOKEN, base_url=server.url, session=session):
            pass


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
async def test_copying_a_client_is_refused_with_advice(duplicate: Callable[[object], object]) -> None:
    async with talking(reply(200, {})) as (client, _, _):
        for one in (client, client.with_options(priority=1)):
            with pytest.raises(TypeError, match="with_options makes clones"):
                duplicate(one)


async def test_middleware_of_an_external_session_may_call_the_client() -> None:
    async def first_asks(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.path == "/v2/projects/p-1":
            await clients[0].sender.value(GET_PROJECT, ("p-2",))
        return await handler(request)

    clients: list[Mittwald] = []
    async with (
        serving(reply(200, {"id": "p"})) as server,
        aiohttp.ClientSession(middlewares=(first_asks,)) as session,
        Mittwald(TOKEN, base_url=server.url, session=session) as client,
    ):
        clients.append(client)
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p"}
        assert [seen.target for seen in server.seen] == ["/v2/projects/p-2", "/v2/projects/p-1"]


async def test_a_clone_shares_everything_but_its_options() -> None:
    async with talking(reply(200, {})) as (client, server, _):
        clone = client.with_options(timeout=5, headers={"X-One": "1"})
        second = clone.with_options(headers={"x-one": "2", "X-Two": "2"}, strict=True)
        assert (clone.options.timeout, second.options.timeout, client.options.timeout) == (5, 5, 120)
        assert shared(clone) is shared(second) is shared(client)
        await second.sender.value(GET_PROJECT, ("p-1",))
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert (server.seen[0].headers["x-one"], server.seen[0].headers["x-two"]) == ("2", "2")
        assert "x-one" not in server.seen[1].headers
        assert server.connections == 1
        with pytest.raises(ClientStateError, match="clone"):
            await clone.close()
        with pytest.raises(ClientStateError, match="clone"):
            await clone.__aenter__()


def test_with_options_takes_every_option_of_the_constructor() -> None:
    fixed = {"self", "token", "credentials", "base_url", "session", "pool", "clock", "allow_http"}
    constructor = set(inspect.signature(Mittwald.__init__).parameters) - fixed
    clone = set(inspect.signature(Mittwald.with_options).parameters) - {"self"}
    assert constructor == clone == set(Options.__struct_fields__)


def test_defaults_are_the_same_everywhere() -> None:
    signature = inspect.signature(Mittwald.__init__)
    plain = Options()
    for name in Options.__struct_fields__:
        default = signature.parameters[name].default
        assert (default or getattr(plain, name)) == getattr(plain, name), name


FRAMING = ("Content-Length", "transfer-encoding", "Host", "CONNECTION", "Keep-Alive", "TE", "Trailer", "Upgrade")


async def _observes(event: Event) -> None:
    """An async observer, which the client would never await."""


class _Observes:
    async def __call__(self, event: Event) -> None:
        """An async callable, likewise."""


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"connect_timeout": -1}, "connect_timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"consistency": "never"}, "consistency"),
        ({"pace": "fast"}, "pace"),
        ({"reserve": 1.0}, "reserve"),
        ({"max_rate": (0, 1)}, "max_rate"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"headers": {"X": "a\r\nY: b"}}, "X"),
        ({"user_agent": "a\nb"}, "user_agent"),
        ({"base_url": "api.mittwald.de"}, "base_url"),
        ({"base_url": "https://user:pw@api.mittwald.de"}, "credentials do not belong"),
        ({"base_url": "https://["}, "base_url"),
        ({"base_url": 5}, "base_url"),
        ({"base_url": "https://api.mittwald.de/v2/"}, "leave out the /v2"),
        ({"token": ""}, "token"),
        ({"timeout": "5"}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"max_retries": None}, "max_retries"),
        ({"max_retries": 1.5}, "max_retries"),
        ({"max_retry_wait": None}, "max_retry_wait"),
        ({"reserve": "0.5"}, "reserve"),
        ({"max_rate": 5}, "max_rate"),
        ({"max_rate": (1, 2, 3)}, "max_rate"),
        ({"max_rate": ("a", 1)}, "max_rate"),
        ({"max_concurrency": 1.5}, "max_concurrency"),
        ({"priority": "high"}, "priority"),
        ({"headers": {"X": 1}}, "X"),
        ({"user_agent": 5}, "user_agent"),
        ({"middleware": [5]}, "middleware"),
        ({"observers": [None]}, "observers"),
        ({"observers": [_observes]}, "plain function"),
        ({"observers": [_Observes()]}, "plain function"),
        ({"middleware": 5}, "middleware: must be an iterable"),
        ({"observers": print}, "observers: must be an iterable"),
        ({"headers": 5}, "headers: must be a mapping"),
        ({"headers": {5: "x"}}, "headers"),
        ({"strict": "yes"}, "strict"),
        ({"session": 5}, "session must be an aiohttp.ClientSession, got int"),
        ({"pool": 5}, "pool must be a Pool, got int"),
        ({"clock": 5}, "clock"),
        ({"token": 5}, "token must be text, got int"),
        ({"token": "lone surrogate \udc80"}, "token"),
        *(({"headers": {name: "x"}}, f"{name}.*framed") for name in FRAMING),
        ({"headers": {"A Name": "x"}}, "is not a header name"),
        ({"headers": {"X": "a\x00b"}}, "control characters"),
        ({"headers": {"X": "\udc80"}}, "surrogates"),
    ],
)
def test_invalid_options_are_refused_immediately(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Mittwald(**dict[str, Any](token=TOKEN) | options)
    if options.keys() <= set(Options.__struct_fields__):
        with pytest.raises(ConfigurationError, match=named):
            Mittwald(TOKEN).with_options(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"connections": -1},
        {"connections": 1.5},
        {"keepalive": 0},
        {"dns_ttl": -1},
        {"compressed": 5},
        {"trust_env": "no"},
        {"tls": True},
    ],
)
def test_invalid_pools_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Pool(**options)


def test_the_environment_supplies_the_url_and_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MITTWALD_API_TOKEN", raising=False)
    monkeypatch.delenv("MITTWALD_API_BASE_URL", raising=False)
    with pytest.raises(ConfigurationError, match="MITTWALD_API_TOKEN"):
        Mittwald()
    assert "https://api.mittwald.de" in repr(Mittwald(TOKEN))
    monkeypatch.setenv("MITTWALD_API_TOKEN", TOKEN)
    monkeypatch.setenv("MITTWALD_API_BASE_URL", "http://127.0.0.1:9/base/")
    assert "http://127.0.0.1:9/base," in repr(Mittwald())


async def test_an_anonymous_client_sends_no_token() -> None:
    async with serving(reply(200, {})) as server:
        async with Mittwald.anonymous(base_url=server.url, clock=Clock()) as client:
            await client.with_options(timeout=7).sender.value(GET_PROJECT, ("p-1",))
        assert "x-access-token" not in server.seen[0].headers
    with pytest.raises(ConfigurationError, match="anonymous"):
        Mittwald.anonymous(**dict[str, Any](token=TOKEN))


async def test_the_user_agent_is_sent_and_cookies_are_not_kept() -> None:
    setting = reply(200, {}, headers={"Set-Cookie": "a=b; Path=/"})
    async with talking(setting, user_agent="shop/1.0") as (client, server, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        await client.sender.value(GET_PROJECT, ("p-1",))
        agent = server.seen[0].headers["user-agent"]
        assert agent.startswith("shop/1.0 mittwald-async/")
        assert "python/" in agent
        assert "aiohttp/" in agent
        assert "cookie" not in server.seen[1].headers
        assert "gzip" in server.seen[0].headers["accept-encoding"]
        assert server.seen[0].headers["x-access-token"] == TOKEN
    async with talking(reply(200, {}), pool=Pool(compressed=False)) as (client, server, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert server.seen[0].headers["accept-encoding"] == "identity"


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(reply(200, {"via": "proxy"})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//user:pass-for-tests@"))
        monkeypatch.setenv("no_proxy", "direct.invalid")
        async with Mittwald(TOKEN, base_url="http://api.invalid", allow_http=True) as client:
            assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"via": "proxy"}
        assert proxy.seen[0].target == "http://api.invalid/v2/projects/p-1"
        assert proxy.seen[0].headers["proxy-authorization"].startswith("Basic ")
        async with Mittwald(TOKEN, base_url="http://direct.invalid", allow_http=True, max_retries=0) as client:
            with pytest.raises(Exception, match="cannot connect"):
                await client.sender.value(GET_PROJECT, ("p-1",))
        async with Mittwald(TOKEN, base_url=proxy.url, pool=Pool(trust_env=False)) as client:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert proxy.seen[1].target == "/v2/projects/p-1"


@pytest.mark.parametrize("proxy", ["socks5://user:hush@127.0.0.1:1080", "http://user:hush@[", "http://:80", "h:99999"])
async def test_an_unsupported_proxy_is_reported(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    async with Mittwald(TOKEN, base_url="http://api.invalid", allow_http=True) as client:
        with pytest.raises(ConfigurationError, match="the environment's proxy for http ") as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert "hush" not in str(caught.value)


async def test_tls_is_prepared_only_for_https_and_outside_the_loop() -> None:
    async with Mittwald(TOKEN, base_url="https://127.0.0.1:1", max_retries=0) as client:
        session = shared(client).session
        assert session is not None
        with pytest.raises(Exception, match="cannot connect"):
            await client.sender.value(GET_PROJECT, ("p-1",))
