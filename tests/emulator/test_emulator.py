"""The emulator as a whole: starting, stopping, two at once, garbage input, failing handlers, reproducibility."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import aiohttp
import msgspec
import pytest

from mittwald_async import UNSET
from mittwald_async.emulator import Emulator, EmulatorOptions, OptionError, Transitions
from mittwald_async.emulator.generic import answer_generically
from mittwald_async.emulator.handlers import HANDLERS, EmulatedCall, handles
from mittwald_async.emulator.identity import Identity, Login
from mittwald_async.emulator.options import OptionsByName
from mittwald_async.emulator.replies import ContentReply, EmptyReply, Fail, Issue, Reply, ValueReply

from ..support.emulator_requests import CALM, EmulatorClient, ReceivedResponse
from ..support.valid_requests import request_for

CALLS = (
    ("GET", "/v2/projects?limit=3", None),
    ("GET", "/v2/customers", None),
    ("GET", "/v2/ai-hosting-models", None),
    ("POST", "/v2/users/self/token-retrieval-key", None),
    ("GET", "/v2/nowhere", None),
    ("GET", "/v2/projects?limit=x", None),
    ("POST", "/v2/users/self/api-tokens", {"description": "one", "roles": ["api_read"]}),
    ("GET", "/v2/users/self/api-tokens", None),
)


async def heard(client: EmulatorClient) -> list[tuple[int, dict[str, str], bytes]]:
    answers = [await client.send(method, url, body) for method, url, body in CALLS]
    project = (await client.get("/v2/projects?limit=1")).ids[0]
    answers.append(await client.patch(f"/v2/projects/{project}/description", {"description": "changed"}))
    answers.append(await client.get(f"/v2/projects/{project}"))
    return [(answer.status, answer.headers, answer.body) for answer in answers]


async def test_the_same_seed_and_calls_yield_the_same_bytes() -> None:
    options: dict[str, Any] = {"clock": "virtual", "lag": 0.5, "drift": 0.3, "rate_limit": (100, 60.0)}
    first, same, other = [await heard(EmulatorClient(seed=seed, **options)) for seed in (3, 3, 4)]
    assert first == same
    assert first != other


async def test_two_emulators_in_one_process_are_independent() -> None:
    first, second = EmulatorClient(), EmulatorClient()
    project = await first.project()
    before = (await second.get(f"/v2/projects/{project}")).body
    assert (await first.delete(f"/v2/projects/{project}")).status == 204
    assert (await first.get(f"/v2/projects/{project}")).status == 404
    assert (await second.get(f"/v2/projects/{project}")).body == before
    token = first.core.tokens.issue("api", Identity("user", first.core.world.main_user))
    assert (await second.get("/v2/projects", x_access_token=token.secret)).status == 401


async def test_it_serves_between_enter_and_exit() -> None:
    emulator = Emulator(seed=7, customers=4, projects=9, **{n: v for n, v in CALM.items() if n != "rate_limit"})
    with pytest.raises(RuntimeError, match="async with"):
        _ = emulator.url
    async with emulator as api, aiohttp.ClientSession(api.url) as session:
        async with session.get("/v2/projects", headers={"X-Access-Token": api.token}) as answer:
            assert (answer.status, len(await answer.json())) == (200, 9)
        async with session.head("/v2/articles") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        assert api.requests[0].operation_id == "project-list-projects"
        url = api.url
    with pytest.raises(RuntimeError, match="async with"):
        _ = emulator.url
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{url}/v2/projects")


@pytest.mark.parametrize("name", ["faults", "projects", "seed", "token", "lagg"])
def test_options_without_effect_on_a_running_emulator_are_refused(name: str) -> None:
    client = EmulatorClient()
    before = client.core.options
    with pytest.raises(OptionError, match=f"only a new emulator can take {name}; a running one takes auth, .*lag, "):
        client.emulator.configure(**{name: getattr(before, name, 1)})
    assert client.core.options is before


async def test_a_reset_discards_all_changes() -> None:
    client = EmulatorClient()
    project = await client.project()
    await client.delete(f"/v2/projects/{project}")
    client.emulator.configure(drift=1.0)
    client.emulator.reset()
    assert (await client.get(f"/v2/projects/{project}")).status == 200
    assert client.emulator.world is client.core.world
    assert client.core.options.drift == 0.0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"port": 70000}, "port"),
        ({"customers": 0}, "customers"),
        ({"projects": -1}, "projects"),
        ({"foreign": -1}, "foreign"),
        ({"drift": 2}, "drift"),
        ({"lag": -1}, "lag"),
        ({"log_size": -1}, "log_size"),
        ({"event_wait": -1}, "event_wait"),
        ({"rate_limit": (0, 1)}, "rate_limit"),
        ({"login_limit": (1, 0)}, "login_limit"),
        ({"transitions": Transitions(failing=2)}, "failing"),
        ({"transitions": Transitions(length=-1)}, "length"),
        ({"auth": False, "mfa": True}, "mfa"),
        ({"lag": 0, "permission_lag": 1}, "permission_lag"),
        ({"projects": "many"}, "projects"),
        ({"transitions": {"unit": "moons"}}, "unit"),
        ({"faults": [{"status": 1}]}, "status"),
        ({"log_size": object()}, "object"),
        ({"nonsense": 1}, "unknown options: nonsense"),
        ({"proejcts": 1}, "unknown options: proejcts; did you mean projects"),
    ],
)
def test_invalid_options_are_refused_in_one_line(options: Any, problem: str) -> None:
    with pytest.raises(OptionError, match=problem) as caught:
        Emulator(**options)
    assert "\n" not in str(caught.value)


async def test_ten_thousand_garbage_requests_do_not_stop_it() -> None:
    dice = random.Random(1)
    client = EmulatorClient()
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW", ""]
    paths = [
        "/",
        "",
        "//",
        "/v2",
        "/v2/projects",
        "/v2/%",
        "/v2/projects/%ff%fe",
        "/v2/" + "a/" * 200,
        "*",
        "/v2/projects/{x}",
    ]
    bodies = [b"", b"{", b"null", b"[" * 2000, b"\x00" * 50, b'{"a":' * 500, b'{"description":1e999}']
    for _ in range(10_000):
        path = dice.choice([*paths, "/v2/" + bytes(dice.randrange(33, 126) for _ in range(12)).decode()])
        query = dice.choice(["", "?limit=", "?&&&==", "?limit[]=1&limit=2", "?%zz=%", "?skip=-9"])
        answer = await client.send(
            dice.choice(methods),
            path + query,
            data=dice.choice(bodies),
            content_type=dice.choice(["", "a/b", "multipart/form-data"]),
        )
        assert 200 <= answer.status < 500, (path, query, answer)
    assert (await client.get("/v2/projects")).status == 200


async def test_garbage_on_the_socket_does_not_stop_it() -> None:
    async with Emulator(**CALM) as emulator:
        port = int(emulator.url.rpartition(":")[2])
        for garbage in (
            b"\x16\x03\x01\x02",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /v2/x HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        ):
            for _ in range(20):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(garbage)
                writer.write_eof()
                await reader.read()
                writer.close()
                await writer.wait_closed()
        async with aiohttp.ClientSession(emulator.url) as session, session.get("/v2/articles") as answer:
            assert answer.status == 200


async def test_an_oversized_body_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mittwald_async.emulator.server.MAX_BODY", 100)
    async with (
        Emulator(**CALM) as emulator,
        aiohttp.ClientSession(emulator.url) as session,
        session.post("/v2/authenticate", data=b"x" * 1000) as answer,
    ):
        assert answer.status == 413


async def test_a_failing_handler_gives_500_and_logs_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    client = EmulatorClient()

    def broken(call: EmulatedCall) -> Reply:
        raise ZeroDivisionError("of all things")

    client.core.handlers["project-list-projects"] = broken
    with caplog.at_level(logging.ERROR, "mittwald_async.emulator"):
        answer = await client.get("/v2/projects")
    assert (answer.status, answer.json["type"]) == (500, "InternalError")
    assert "ZeroDivisionError: of all things" in caplog.text
    assert (await client.get("/v2/customers")).status == 200


async def test_handlers_may_return_every_kind_of_response() -> None:
    client = EmulatorClient()
    replies: list[Reply] = [
        ValueReply({"id": 1}, 202, {"x-more": "1"}),
        EmptyReply(headers={"x-more": "1"}),
        ContentReply(b"0123456789", "text/plain", {"x-more": "1"}),
        Fail.refused("expected phase READY"),
    ]
    answers: list[ReceivedResponse] = []
    for reply in replies:

        def handler(call: EmulatedCall, reply: Reply = reply) -> Reply:
            assert call.body is UNSET
            return reply

        client.core.handlers["project-get-project"] = handler
        answers.append(await client.get("/v2/projects/p"))
    assert [answer.status for answer in answers] == [202, 200, 200, 412]
    assert [answer.headers.get("x-more") for answer in answers] == ["1", "1", "1", None]
    assert answers[3].json == {"type": "VError", "message": "expected phase READY"}


@pytest.mark.parametrize(
    ("wanted", "status", "part", "reported"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=a-b", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
    ],
)
async def test_content_supports_ranges(wanted: str, status: int, part: bytes, reported: str | None) -> None:
    client = EmulatorClient()
    client.core.handlers["file-get-file"] = lambda call: ContentReply(b"0123456789")
    answer = await client.get("/v2/files/f", range=wanted)
    assert (answer.status, answer.body, answer.headers.get("content-range")) == (status, part, reported)


async def test_writes_log_what_they_created() -> None:
    client = EmulatorClient(clock="virtual", lag=1.0)

    def handler(call: EmulatedCall) -> Reply:
        call.wrote(created=["second"])
        return ValueReply({"id": "first"}, 201)

    client.core.handlers["project-create-project"] = handler
    server = client.core.world.sample("serverId")
    made = await client.post(f"/v2/servers/{server}/projects", {"description": "x"})
    assert made.status == 201, made
    view = client.core.events.view(0)
    for new in ("first", "second"):
        with pytest.raises(Fail):
            view.refuse([new])


async def test_generic_responses_keep_the_ids_of_the_path_and_refuse_unknown_ones() -> None:
    client = EmulatorClient()
    client.core.handlers.update(
        dict.fromkeys(("project-get-project", "project-list-invites-for-project"), answer_generically)
    )
    project = await client.project()
    answer = await client.get(f"/v2/projects/{project}")
    assert answer.json["id"] == project
    assert (await client.get(f"/v2/projects/{project}")).body == answer.body
    assert (await client.get("/v2/projects/00000000-0000-4000-8000-000000000000")).status == 404


@pytest.mark.parametrize(
    ("operation_id", "status", "content_type"),
    [
        ("deprecated-container-get-template-icon", 200, "image/svg+xml"),
        ("container-get-service-logs", 200, "text/plain"),
        ("file-get-file", 200, "application/octet-stream"),
        ("project-delete-project", 204, None),
    ],
)
async def test_generic_content_is_stable(operation_id: str, status: int, content_type: str | None) -> None:
    client = EmulatorClient()
    request = await request_for(client, client.core.routes.by_id[operation_id])
    client.core.handlers[operation_id] = answer_generically
    answer = await client.send(request.method, request.url)
    assert (answer.status, answer.headers.get("content-type")) == (status, content_type), answer
    assert answer.body == (await client.send(request.method, request.url)).body


async def test_generic_lists_have_items() -> None:
    client = EmulatorClient()
    client.core.handlers["ai-hosting-get-models"] = answer_generically
    assert len((await client.get("/v2/ai-hosting-models")).json) == 3


async def test_absolute_request_targets_are_understood() -> None:
    async with Emulator(**CALM) as emulator:
        port = int(emulator.url.rpartition(":")[2])

        async def raw(text: str) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(text.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            return head

        assert b" 200 " in await raw("GET http://api.example/v2/articles?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n")


async def test_stopping_twice_is_allowed() -> None:
    emulator = Emulator(**CALM)
    await emulator.__aexit__(None, None, None)
    async with emulator:
        assert emulator.url


def test_a_handler_is_registered_once() -> None:
    name = next(iter(HANDLERS))
    with pytest.raises(ValueError, match=name):
        handles(name)(HANDLERS[name])


def test_fail_creates_errors_by_type() -> None:
    assert [
        (f.status, f.type) for f in (Fail.not_found(), Fail.forbidden(), Fail.conflict("x"), Fail.refused("x"))
    ] == [
        (404, "NotFound"),
        (403, "PermissionDenied"),
        (409, "Conflict"),
        (412, "VError"),
    ]
    assert Fail.invalid("a", "b").issues == (Issue("a", "b", "format"),)


def test_options_are_one_record() -> None:
    options = EmulatorOptions(seed=3)
    assert Emulator.of(options).options == options
    assert msgspec.convert(msgspec.to_builtins(options), EmulatorOptions) == options
    assert Login("u", "e", "p").mfa_code is None


def test_editors_know_every_option() -> None:
    """Options that are not parameters themselves are in the record that `Emulator` accepts by name."""
    own = {"seed", "customers", "projects", "rate_limit", "faults"}
    assert set(OptionsByName.__annotations__) == set(EmulatorOptions.__struct_fields__) - own


async def test_reads_without_a_handler_have_an_ordinary_http_etag() -> None:
    """A client must not mistake it for an event id: sent as `if-event-reached`, it is never reached."""
    client = EmulatorClient(event_wait=0.0, lag=0.1)
    answer = await client.get("/v2/container-template-statistics")
    etag = answer.headers["etag"]
    assert etag.startswith('W/"')
    assert (await client.get("/v2/container-template-statistics")).headers["etag"] == etag
    assert (await client.get("/v2/projects", if_event_reached=etag)).status == 412
