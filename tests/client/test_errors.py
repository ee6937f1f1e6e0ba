"""Every error says what happened, and no body hides its status."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from mittwald_async import Pages, errors
from mittwald_async.errors import (
    BadRequestError,
    ConsistencyError,
    InvalidArgumentError,
    MittwaldError,
    RefusedError,
    ResponseDecodeError,
    StatusError,
)
from mittwald_async.profile import PROFILE
from mittwald_async.runtime.transport.bodies import ERROR_BODY_LIMIT
from mittwald_async.runtime.transport.responses import masked, status_error

from ..support.scripted_server import CREATE_PROJECT, GET_PROJECT, LIST_PROJECTS, idle_only, reply, talking

pytestmark = pytest.mark.usefixtures("both_ways")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (402, errors.StatusError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (406, errors.StatusError),
        (409, errors.ConflictError),
        (412, errors.RefusedError),
        (418, errors.StatusError),
        (422, errors.UnprocessableError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (304, errors.RedirectError),
    ],
)
async def test_each_status_has_its_class(status: int, kind: type[StatusError]) -> None:
    body = {"type": "SomeError", "message": "told so", "params": {"traceId": "trace-7"}}
    async with talking(reply(status, None if status == 304 else body), max_retries=0) as (client, _, _):
        with pytest.raises(MittwaldError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        error = caught.value
        assert type(error) is kind
        assert isinstance(error, StatusError)
        assert (error.status, error.operation_id, error.method) == (status, "project-get-project", "GET")
        assert error.url.endswith("/v2/projects/p-1")
        assert error.headers["content-type"] == "application/json"
        if status != 304:
            assert (error.type, error.message, error.trace_id) == ("SomeError", "told so", "trace-7")
            assert str(error).startswith(f"{status} SomeError: told so (project-get-project GET http://")
            assert str(error).endswith("[trace trace-7]")


async def test_errors_can_be_pickled() -> None:
    made: list[MittwaldError] = [
        InvalidArgumentError("limit", "is not a number"),
        ResponseDecodeError("no JSON", operation_id="x", json_path="$", body=b"<"),
        errors.PagingError("a page failed", resume="token"),
        errors.OperationFailed("failed", state="error", last={"id": 1}),
        errors.WaitTimeout("late", last=1),
        errors.RateLimitError("slow down", retry_after=5.0, status=429),
    ]
    issue = {"type": "required", "message": "missing", "path": "description"}
    async with talking(reply(400, {"type": "ValidationError", "validationErrors": [issue]})) as (client, _, _):
        with pytest.raises(BadRequestError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        made.append(caught.value)
    for error in made:
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(again) is type(error)
            assert str(again) == str(error)
            assert again.args == error.args
            assert set(vars(again)) == set(vars(error))
    again = pickle.loads(pickle.dumps(made[-1]))
    assert again.headers["CONTENT-TYPE"] == "application/json"


async def test_whole_responses_can_be_pickled() -> None:
    async with talking(reply(200, [{"id": "p-1"}], headers={"X-Twice": "a"})) as (client, _, _):
        response = await client.sender.response(LIST_PROJECTS)
        page = await Pages[Any](client.sender, LIST_PROJECTS)
    for again in (pickle.loads(pickle.dumps(response)), copy.copy(response), copy.deepcopy(response)):
        assert again == response
        assert again.headers["x-TWICE"] == "a"
    revived = pickle.loads(pickle.dumps(page))
    assert revived == page
    assert revived.response.attempts == page.response.attempts


@pytest.mark.parametrize("status", [200, 502])
async def test_an_unrequested_content_coding_is_named(status: int) -> None:
    body = b"\x04\x22\x4d\x18" * 4
    async with talking(reply(status, body, headers={"Content-Encoding": "lz4"}), max_retries=0) as (client, _, _):
        with pytest.raises(
            (ResponseDecodeError, errors.ServerError), match="packed as Content-Encoding 'lz4'"
        ) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert getattr(caught.value, "body", None) == body
        if status == 200:
            with pytest.raises(ResponseDecodeError, match="'lz4'"):  # completeness cannot be checked
                await client.request("GET", "/v2/x")


async def test_validation_errors_name_their_paths() -> None:
    body = {
        "type": "ValidationError",
        "message": "Validation failed",
        "validationErrors": [
            {"path": "body.description", "message": "too short", "type": "minLength", "context": {"min": 3}},
            {"message": "unknown", "path": None},
            "and more",
            3,
        ],
    }
    async with talking(reply(400, body)) as (client, _, _):
        with pytest.raises(BadRequestError) as caught:
            await client.sender.value(CREATE_PROJECT, ("s-1",), body={"description": "x"})
        first, second, third = caught.value.issues
        assert (first.path, first.message, first.type, first.context) == (
            "body.description",
            "too short",
            "minLength",
            {"min": 3},
        )
        assert (second.path, second.message) == ("", "unknown")
        assert (third.path, third.message) == ("", "and more")
        assert "[body.description: too short; unknown; and more]" in str(caught.value)


def test_the_two_kinds_of_412() -> None:
    lag = b'{"type": "FailedPrecondition", "message": "lastEventID not reached", "params": {"traceId": "t"}}'
    assert isinstance(status_error(412, {}, lag, PROFILE), ConsistencyError)
    assert isinstance(
        status_error(412, {}, b'{"type": "VError", "message": "not in this phase"}', PROFILE), RefusedError
    )
    assert isinstance(status_error(412, {}, b"<html>", PROFILE), RefusedError)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b"<html><body>\n<h1>502   Bad Gateway</h1></body></html>",
            "<html><body> <h1>502 Bad Gateway</h1></body></html>",
        ),
        (b"", ""),
        (b'{"type": "X", "mess', '{"type": "X", "mess'),
        (b"[1, 2]", "[1, 2]"),
        (b'{"message": 5, "type": ["x"], "params": [], "validationErrors": {}}', None),
        (b"{" * 100_000, None),
        (b'{"a":' * 100_000, None),
        (b"\xff\xfe\x00", None),
    ],
)
def test_no_body_hides_the_status(body: bytes, message: str | None) -> None:
    error = status_error(502, {}, body, PROFILE)
    assert error.status == 502
    assert error.body == body
    assert len(str(error)) < 400
    if message is not None:
        assert error.message == message


async def test_an_error_body_is_read_up_to_a_limit() -> None:
    async def endless(seen: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 404 No\r\nContent-Length: 1000000000\r\n\r\n")
        chunk = b"x" * 65536
        for _ in range(15_000):
            writer.write(chunk)
            await writer.drain()

    async with talking(endless) as (client, _, _):
        with pytest.raises(errors.NotFoundError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(caught.value.body) == ERROR_BODY_LIMIT
        assert idle_only(client)
        await client.close()


async def test_an_undocumented_error_body() -> None:
    async with talking(reply(200, b"<html>")) as (client, _, _):
        with pytest.raises(ResponseDecodeError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert caught.value.body == b"<html>"
        assert idle_only(client)


async def test_invalid_arguments_are_refused_before_anything_is_sent() -> None:
    async with talking(reply(200, {})) as (client, server, _):
        with pytest.raises(InvalidArgumentError, match="project_id"):
            await client.sender.value(GET_PROJECT, ("..",))
        with pytest.raises(InvalidArgumentError, match="path"):
            await client.request("GET", "v2/projects")
        with pytest.raises(InvalidArgumentError, match="percent-encoded"):
            await client.request("GET", "/v2/projects/a b")
        with pytest.raises(InvalidArgumentError, match="method"):
            await client.request("GET /", "/v2/projects")
        for header in ("Content-Length", "Host", "connection"):
            with pytest.raises(InvalidArgumentError, match=f"{header}: .*framed"):
                await client.request("GET", "/v2/projects", headers={header: "1"})
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("method", {"method": 5}),
            ("path", {"path": None}),
            ("query", {"query": 5}),
            ("query", {"query": {5: 5}}),
            ("headers", {"headers": [("a", "b")]}),
        ]
        for name, arguments in wrong:
            with pytest.raises(InvalidArgumentError, match=f"^{name}: must be"):
                await client.request(**dict[str, Any](method="GET", path="/v2/x") | arguments)
            if name in ("query", "headers"):
                with pytest.raises(InvalidArgumentError, match=f"^{name}: must be"):
                    await client.call("project-list-projects", **arguments)
        nothing: Any = None
        with pytest.raises(InvalidArgumentError, match="operation_id: must be text"):
            await client.call(nothing)
        assert server.seen == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/p?token=abc&x=1", "https://h/p?token=***&x=1"),
        ("https://h/p?a=1&accessToken=abc&client_secret=d#f", "https://h/p?a=1&accessToken=***&client_secret=***"),
        ("https://h/p?to%6Ben=abc&%74oken=abc&x=1", "https://h/p?to%6Ben=***&%74oken=***&x=1"),
        ("https://h/p?next=https%3A%2F%2Fx%3Ftoken%3Dabc&a=1;token=abc", "https://h/p?next=***&a=***"),
        ("https://h/p#access_token=abc", "https://h/p"),
        ("https://h/p?monkey", "https://h/p?monkey"),
        ("https://user:pw@h/p", "https://h/p"),
        ("https://h/mail/a@b", "https://h/mail/a@b"),
        ("https://h/p?q=a@b", "https://h/p?q=a@b"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert masked(url) == shown


async def test_a_secret_in_the_query_is_in_no_message() -> None:
    async with talking(reply(500), max_retries=0) as (client, _, _):
        with pytest.raises(errors.ServerError) as caught:
            await client.request("GET", "/v2/x", query={"token": "hush-hush", "n": 1})
        assert "hush-hush" not in str(caught.value)
        assert "n=1" in caught.value.url
