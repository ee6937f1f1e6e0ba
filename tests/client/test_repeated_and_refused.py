"""Retries judged by the attempts before them, refused redirects, and calls that are never retried."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from mittwald_async import Mittwald
from mittwald_async.errors import (
    CallTimeoutError,
    ClientStateError,
    ConfigurationError,
    ConflictError,
    ConsistencyError,
    MaybeSentError,
    MittwaldError,
    NotSentError,
    RedirectError,
    RefusedError,
    StatusError,
)
from mittwald_async.runtime.middleware import CallNext, RawResponse, Request
from mittwald_async.runtime.operation import Body, Operation, Parameter, Result
from mittwald_async.runtime.transport.proxies import excepted
from mittwald_async.runtime.transport.session import Session

from ..support.scripted_server import (
    CREATE_PROJECT,
    DELETE_PROJECT,
    GET_PROJECT,
    TOKEN,
    Clock,
    Seen,
    hang_up,
    idle_only,
    reply,
    serving,
    talking,
)
from .test_secrets import frames_of_ours

NEW = {"description": "x"}
NOT_REACHED = reply(412, {"type": "FailedPrecondition", "message": "lastEventID not reached"})
PUT_PROJECT: Operation[None] = Operation(
    operation_id="project-replace",
    method="PUT",
    path="/v2/projects/{projectId}",
    group="project",
    name="replace",
    tag="Project",
    parameters=(Parameter(name="project_id", wire="projectId", where="path", type="str", required=True),),
    body=Body(content_type="application/json", type="Any", required=True, flat=True),
    results=(Result(status=204, type="None"),),
)

WRITES: tuple[Operation[Any], ...] = (CREATE_PROJECT, PUT_PROJECT, DELETE_PROJECT)


@pytest.mark.parametrize("first", [hang_up, reply(502), reply(504)], ids=["lost", "502", "504"])
@pytest.mark.parametrize("second", [404, 410])
async def test_a_deletion_whose_response_was_lost_succeeds(first: Any, second: int) -> None:
    """python-zhmcclient#249: the DELETE was executed, its response lost, and the retry found nothing."""
    async with talking(first, reply(second)) as (client, server, _):
        response = await client.sender.response(DELETE_PROJECT, ("p-1",))
        assert response.status == 204
        assert [attempt.status for attempt in response.attempts][1:] == [second, 204]
        server.then(first, reply(second))
        assert (await client.request("DELETE", "/v2/projects/p-1")).status == 204


@pytest.mark.parametrize("first", [reply(429, headers={"Retry-After": "1"}), None], ids=["refused", "none"])
async def test_a_deletion_of_a_missing_object_is_not_found(first: bytes | None) -> None:
    async with talking(*([first] if first else []), reply(404)) as (client, _, _):
        with pytest.raises(StatusError) as caught:
            await client.sender.value(DELETE_PROJECT, ("p-1",))
        assert caught.value.status == 404
        assert not caught.value.maybe_done


@pytest.mark.parametrize("status", [404, 409, 412, 422, 403])
async def test_a_replacement_whose_response_was_lost_says_it_may_be_done(status: int) -> None:
    async with talking(hang_up, reply(status, {"message": "no"})) as (client, _, _):
        with pytest.raises(StatusError, match="no; an earlier attempt of this call may have done it") as caught:
            await client.sender.value(PUT_PROJECT, ("p-1",), body=NEW)
        assert caught.value.maybe_done


async def test_a_creation_retried_by_middleware_says_it_may_be_done() -> None:
    async def twice(request: Request, call_next: CallNext) -> RawResponse:
        try:
            return await call_next(request)
        except MaybeSentError:
            return await call_next(request)

    async with talking(hang_up, reply(409, {"message": "exists"}), middleware=[twice]) as (client, _, _):
        with pytest.raises(ConflictError, match="an earlier attempt") as caught:
            await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        assert caught.value.maybe_done


async def test_a_write_unsent_on_retry_may_still_have_been_done_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sending = Session._send  # pyright: ignore[reportPrivateUsage] - one attempt is to fail before it is sent

    async def send(self: Session, *arguments: Any) -> Any:
        if server.seen:
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        return await sending(self, *arguments)

    monkeypatch.setattr(Session, "_send", send)
    async with talking(hang_up) as (client, server, _):
        with pytest.raises(MaybeSentError, match="an earlier attempt may have reached the server") as caught:
            await client.sender.value(PUT_PROJECT, ("p-1",), body=NEW)
        assert len(caught.value.attempts) == 4
        assert len(server.seen) == 1


async def test_an_immediately_refused_event_is_requested_by_one_reader_with_growing_pauses() -> None:
    created = reply(201, {"id": "p-1"}, headers={"ETag": "276638689419851"})
    async with talking(created, NOT_REACHED, timeout=15) as (client, server, clock):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        readers = [asyncio.create_task(client.sender.value(GET_PROJECT, ("p-1",))) for _ in range(20)]
        ended = await asyncio.gather(*readers, return_exceptions=True)
        assert {type(each) for each in ended} <= {ConsistencyError, CallTimeoutError}
        assert clock.sleeps[:5] == [0.5, 1.0, 2.0, 4.0, 5.0]
        assert len(clock.sleeps) <= 12
        assert len(server.seen) <= 1 + 20 + 8 + 20  # the first, the probes, and each reader once more at its deadline


async def test_readers_get_their_own_responses_once_the_event_is_reached() -> None:
    created = reply(201, {"id": "p-1"}, headers={"ETag": "276638689419851"})
    async with talking(created, *[NOT_REACHED] * 22, reply(200, {"id": "p-1"})) as (client, server, clock):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        found = await asyncio.gather(*(client.sender.value(GET_PROJECT, ("p-1",)) for _ in range(20)))
        assert found == [{"id": "p-1"}] * 20
        assert clock.sleeps == [0.5, 1.0, 2.0]
        assert len(server.seen) == 1 + 20 + 3 + 19


@pytest.mark.usefixtures("both_ways")
async def test_not_reached_without_an_event_is_an_immediate_error() -> None:
    async with talking(NOT_REACHED) as (client, server, _):
        for _ in range(2):
            with pytest.raises(RefusedError):
                await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        assert len(server.seen) == 2
    async with talking(NOT_REACHED, after="276638689419851", timeout=3) as (client, server, _):
        with pytest.raises(ConsistencyError):
            await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)
        assert len(server.seen) > 1


@pytest.mark.parametrize("status", [425, 520, 523, 527])
async def test_gateway_errors_are_retried_for_reads_and_not_for_writes(status: int) -> None:
    async with talking(reply(status), reply(200, {})) as (client, server, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        server.then(reply(status), reply(201, {}))
        with pytest.raises(StatusError):
            await client.sender.value(CREATE_PROJECT, ("s-1",), body=NEW)


def to(place: str, status: int) -> bytes:
    return reply(status, headers={"Location": place})


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_write_never_leaves_its_origin(status: int) -> None:
    async with serving(reply(200, {"id": "stranger"})) as other, talking(to(other.url, status)) as (client, _, _):
        for operation in WRITES:
            body = {"body": {"password": "hush"}} if operation.body else {}
            with pytest.raises(RedirectError, match="another origin"):
                await client.sender.value(operation, ("p-1",), **body)
        assert not other.seen


@pytest.mark.parametrize("status", [301, 302])
async def test_a_moved_write_does_not_become_a_read(status: int) -> None:
    async with talking(to("/v2/new", status), reply(201, {"id": "read"})) as (client, server, _):
        for operation in WRITES:
            server.then(to("/v2/new", status), reply(201, {"id": "read"}))
            body = {"body": NEW} if operation.body else {}
            with pytest.raises(RedirectError, match="does not say what becomes of"):
                await client.sender.value(operation, ("p-1",), **body)


@pytest.mark.parametrize("base_url", ["http://api.example.com", "http://192.168.1.5:8080", "http://[2001:db8::1]"])
def test_a_plain_http_base_url_needs_explicit_permission(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="allow_http=True"):
        Mittwald(TOKEN, base_url=base_url)
    with pytest.raises(ConfigurationError, match="allow_http=True"):
        Mittwald.anonymous(base_url=base_url)
    assert Mittwald(TOKEN, base_url=base_url, allow_http=True).base_url == base_url


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.8.9.10", "[::1]", "api.localhost", "[::ffff:127.0.0.1]"]
)
def test_a_loopback_base_url_needs_no_tls(host: str) -> None:
    assert Mittwald(TOKEN, base_url=f"http://{host}:8080").base_url.startswith("http://")


async def test_loopback_servers_are_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """localstack#239: a proxy of the environment was used for a loopback server."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with talking(reply(200, {})) as (client, server, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        await client.request("GET", server.url.replace("127.0.0.1", "localhost") + "/x")
        assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("entries", "host", "found"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("fd00::/8", "fd12::1", True),
        ("[fd00::1]", "fd00::1", True),
        ("fd00::1", "fd00:0::1", True),
        ("[fd00::1]:8080", "fd00::1", False),
        ("example.com", "api.example.com", True),
        (".example.com", "example.com", True),
        ("*.example.com", "api.example.com", True),
        ("example.com", "badexample.com", False),
        ("example.com:443", "example.com", True),
        ("example.com:80", "example.com", False),
        ("a.test, 10.0.0.0/8 b.test", "B.test.", True),
        ("*", "anything.test", True),
        ("10.0.0.0/nonsense,::::", "10.1.2.3", False),
        ("", "10.1.2.3", False),
    ],
)
def test_no_proxy_accepts_networks_and_ipv6(entries: str, host: str, found: bool) -> None:
    assert excepted({"no": entries}, host, 443) is found


async def test_an_unsupported_proxy_fails_without_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://user:hush@proxy.test:1080")
    clock = Clock()
    async with Mittwald(TOKEN, base_url="http://api.test", allow_http=True, clock=clock) as client:
        with pytest.raises(ConfigurationError, match=r"socks5://.*trust_env=False") as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert "hush" not in str(caught.value)
        assert not clock.sleeps


@pytest.mark.parametrize("proxy", ["http://", "HTTPS://", "http:// /"])
async def test_a_proxy_without_a_host_is_reported_as_an_invalid_address(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    async with Mittwald(TOKEN, base_url="http://api.test", allow_http=True) as client:
        with pytest.raises(
            ConfigurationError, match=r"proxy for http is not a usable address; Pool\(trust_env=False\)"
        ):
            await client.sender.value(GET_PROJECT, ("p-1",))


async def test_a_cut_tls_handshake_is_retried_and_explained() -> None:
    connections = 0

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read(10)
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Mittwald(TOKEN, base_url=url, clock=Clock()) as client:
            with pytest.raises(NotSentError, match=r"cannot connect to 127\.0\.0\.1:\d+: \w+"):
                await client.sender.value(GET_PROJECT, ("p-1",))
    assert connections == 4


SET_PASSWORD: Operation[None] = Operation(
    operation_id="set-password",
    method="POST",
    path="/v2/users/{userId}/password",
    group="user",
    name="set_password",
    tag="User",
    parameters=(Parameter(name="user_id", wire="userId", where="path", type="str", required=True),),
    body=Body(content_type="application/json", type="Any", required=True, flat=True),
    results=(Result(status=204, type="None"),),
)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize(
    "answer", [reply(400, {"message": "weak"}), hang_up, reply(200, b"<p>")], ids=["400", "lost", "odd"]
)
async def test_a_password_is_in_no_variable_of_a_traceback(answer: Any) -> None:
    hidden = "hush-hush-1234"
    async with talking(answer, max_retries=0) as (client, server, _):
        calls: list[Any] = [
            lambda: client.sender.value(SET_PASSWORD, ("u-1",), body={"password": hidden}),
            lambda: client.call("user-authenticate", body={"email": "a@b.test", "password": hidden}),
            lambda: client.request("POST", "/v2/x", body={"password": hidden}),
            lambda: client.user.authenticate(email="a@b.test", password=hidden),
            lambda: client.response_of(client.user.authenticate, email="a@b.test", password=hidden),
            lambda: client.database.create_mysql_user(
                "d-1", access_level="full", database_id="d-1", description="x", password=hidden
            ),
            lambda: client.call("user-authenticate", body={"password": hidden, "email": object()}),
        ]
        for call in calls:
            try:
                await call()
            except MittwaldError as error:
                for name, variables in frames_of_ours(error):
                    assert hidden not in repr(variables), name
        assert server.seen


async def test_a_password_is_in_no_variable_of_a_cancelled_calls_traceback() -> None:
    hidden = "hush-hush-1234"

    async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with talking(silence) as (client, _, _):
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.1):
                await client.user.authenticate(email="a@b.test", password=hidden)
        current: BaseException | None = caught.value
        while current is not None:
            step = current.__traceback__
            while step is not None:
                if "/tests/" not in step.tb_frame.f_code.co_filename:
                    assert hidden not in repr(step.tb_frame.f_locals), step.tb_frame.f_code.co_qualname
                step = step.tb_next
            current = current.__cause__ or current.__context__


async def test_a_file_requested_by_operation_id_accepts_exactly_one_form() -> None:
    async with talking(reply(200, b"x", headers={"Content-Type": "application/octet-stream"})) as (client, server, _):
        await client.call("file-get-file", path={"fileId": "f-1"})
        await client.call("file-get-file", path={"fileId": "f-1"}, headers={"Accept": "text/plain;base64"})
        assert [seen.headers["accept"] for seen in server.seen] == ["application/octet-stream", "text/plain;base64"]
        assert idle_only(client)


async def test_a_client_closed_before_a_write_is_repeated_says_that_it_may_have_been_done() -> None:
    """Otherwise the error reads as if nothing had been sent."""
    async with talking(reply(502)) as (client, _, clock):
        pausing = asyncio.Event()

        async def pause(seconds: float) -> None:
            pausing.set()
            await asyncio.Event().wait()

        clock.sleep = pause  # type: ignore[method-assign]
        deletion = asyncio.ensure_future(client.project.delete_project("p-1"))
        await pausing.wait()
        await client.close()
        with pytest.raises(ClientStateError, match=r"closed.*an earlier attempt of this call may have done it"):
            await deletion
