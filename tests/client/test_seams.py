"""Middleware, observers, the log, whole responses, and calling any operation or route by name."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from mittwald_async import Mittwald, Page
from mittwald_async.errors import ClientStateError, InvalidArgumentError, MaybeSentError, NotFoundError, ServerError
from mittwald_async.runtime.events import (
    AttemptEnded,
    CallEnded,
    CallStarted,
    Event,
    RetryScheduled,
    WaitedForBudget,
    WaitingForBudget,
)
from mittwald_async.runtime.middleware import CallNext, RawResponse, Request

from ..support.scripted_server import CREATE_PROJECT, GET_PROJECT, LIST_PROJECTS, TOKEN, reply, serving, talking

pytestmark = pytest.mark.usefixtures("both_ways")


async def test_middleware_runs_around_every_attempt_and_never_sees_the_token() -> None:
    seen: list[Request] = []

    async def stamp(request: Request, call_next: CallNext) -> RawResponse:
        seen.append(request)
        return await call_next(
            msgspec.structs.replace(request, headers={**request.headers, "X-Attempt": str(request.attempt)})
        )

    async with talking(reply(500), reply(200, {"id": "p-1"}), middleware=[stamp]) as (client, server, _):
        assert await client.sender.value(GET_PROJECT, ("p-1",)) == {"id": "p-1"}
        assert [s.headers["x-attempt"] for s in server.seen] == ["1", "2"]
        assert [r.attempt for r in seen] == [1, 2]
        assert TOKEN not in repr(seen)
        assert all(s.headers["x-access-token"] == TOKEN for s in server.seen)


async def test_middleware_that_forgets_to_return_the_response_gets_an_error() -> None:
    async def forgets(request: Request, call_next: CallNext) -> Any:
        await call_next(request)

    async with talking(reply(200, {}), middleware=[forgets]) as (client, server, _):
        with pytest.raises(ClientStateError, match="middleware returned NoneType"):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"headers": {"Content-Length": "5"}}, "Content-Length: .*framed"),
        ({"headers": {"X": "a\r\nY: b"}}, "X: line breaks"),
        ({"headers": None}, "headers: must be a mapping"),
        ({"method": "GET /"}, "method"),
        ({"method": None}, "method"),
        ({"url": None}, "url"),
        ({"url": "http://127.0.0.1/a HTTP/1.1"}, "url"),
        ({"body": "text"}, "body: must be bytes"),
    ],
)
async def test_changes_by_middleware_are_validated_like_arguments(changes: dict[str, Any], said: str) -> None:
    async def change(request: Request, call_next: CallNext) -> RawResponse:
        return await call_next(msgspec.structs.replace(request, **changes))

    async with talking(reply(200, {}), middleware=[change]) as (client, server, _):
        with pytest.raises(InvalidArgumentError, match=said):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert server.seen == []


async def test_middleware_that_sends_none_gets_an_error() -> None:
    async def forgets(request: Request, call_next: Any) -> RawResponse:
        answer: RawResponse = await call_next(None)
        return answer

    async with talking(reply(200, {}), middleware=[forgets]) as (client, server, _):
        with pytest.raises(ClientStateError, match="gave NoneType to call_next"):
            await client.sender.value(GET_PROJECT, ("p-1",))
        assert server.seen == []


async def test_the_first_middleware_is_outermost() -> None:
    order: list[str] = []

    def named(name: str) -> Any:
        async def middleware(request: Request, call_next: CallNext) -> RawResponse:
            order.append(name)
            answer = await call_next(request)
            order.append(name.upper())
            return answer

        return middleware

    async with talking(reply(200, {}), middleware=[named("a"), named("b")]) as (client, _, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert order == ["a", "b", "B", "A"]


async def test_middleware_can_respond_itself_change_the_body_or_raise() -> None:
    async def cached(request: Request, call_next: CallNext) -> RawResponse:
        return RawResponse(200, {"content-type": "application/json"}, b'{"id": "cached"}')

    async def rewrite(request: Request, call_next: CallNext) -> RawResponse:
        changed = msgspec.structs.replace(request, body=b'{"description": "changed"}')
        return await call_next(changed)

    async def fail(request: Request, call_next: CallNext) -> RawResponse:
        raise LookupError("not today")

    async def breaks(request: Request, call_next: CallNext) -> RawResponse:
        raise MaybeSentError("the middleware's connection broke")

    async with talking(reply(201, {"id": "p-1"})) as (client, server, _):
        assert await client.with_options(middleware=[cached]).sender.value(GET_PROJECT, ("p-1",)) == {"id": "cached"}
        assert server.seen == []
        await client.with_options(middleware=[rewrite]).sender.value(
            CREATE_PROJECT, ("s-1",), body={"description": "x"}
        )
        assert server.seen[0].body == b'{"description": "changed"}'
        assert server.seen[0].headers["content-type"] == "application/json"
        with pytest.raises(LookupError, match="not today"):
            await client.with_options(middleware=[fail]).sender.value(GET_PROJECT, ("p-1",))
        with pytest.raises(MaybeSentError) as caught:
            await client.with_options(middleware=[breaks]).sender.value(GET_PROJECT, ("p-1",))
        assert len(caught.value.attempts) == 4


@pytest.mark.parametrize("size", [10, 3_000_000])
async def test_middleware_may_replace_a_large_body_by_one_of_another_length(size: int) -> None:
    async def other(request: Request, call_next: CallNext) -> RawResponse:
        return await call_next(msgspec.structs.replace(request, body=b"y" * size))

    async with talking(reply(201, {}), middleware=[other], read_timeout=2.0, max_retries=0) as (client, server, _):
        for large in (b"x" * 2_000_000, b"x"):
            assert (await client.request("POST", "/v2/x", body=large)).status == 201
        assert [len(seen.body) for seen in server.seen] == [size, size]
        assert {seen.headers["content-length"] for seen in server.seen} == {str(size)}


async def test_middleware_may_remove_a_large_body() -> None:
    async def none(request: Request, call_next: CallNext) -> RawResponse:
        return await call_next(msgspec.structs.replace(request, body=None))

    async with talking(reply(201, {}), middleware=[none], read_timeout=2.0, max_retries=0) as (client, server, _):
        assert (await client.request("POST", "/v2/x", body=b"x" * 2_000_000)).status == 201
        assert server.seen[0].body == b""
        assert server.seen[0].headers.get("content-length") in (None, "0")


async def test_middleware_that_changes_the_origin_takes_no_token_along() -> None:
    async with serving(reply(200, {})) as other, talking(reply(200, {})) as (client, _, _):

        async def divert(request: Request, call_next: CallNext) -> RawResponse:
            return await call_next(msgspec.structs.replace(request, url=other.url + "/x"))

        await client.with_options(middleware=[divert]).sender.value(GET_PROJECT, ("p-1",))
        assert "x-access-token" not in other.seen[0].headers


async def test_observers_receive_every_event() -> None:
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("the observer's own trouble")

    async with talking(reply(503), reply(200, {}), observers=[broken, heard.append]) as (client, _, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert [type(event) for event in heard] == [CallStarted, AttemptEnded, RetryScheduled, AttemptEnded, CallEnded]
        assert len({event.call for event in heard}) == 1
        assert {event.operation_id for event in heard} == {"project-get-project"}
        attempt, retry, last, end = heard[1:]
        assert isinstance(attempt, AttemptEnded)
        assert isinstance(last, AttemptEnded)
        assert (attempt.status, attempt.error, last.status, last.number) == (503, "503", 200, 2)
        assert isinstance(retry, RetryScheduled)
        assert (retry.wait, retry.reason) == (0.25, "status 503")
        assert isinstance(end, CallEnded)
        assert (end.status, end.error, end.attempts) == (200, None, 2)


async def test_observers_are_notified_of_failures_and_waits() -> None:
    heard: list[Event] = []
    async with talking(reply(404), reply(200, {}), observers=[heard.append], max_rate=(1, 0.05)) as (client, _, _):
        with pytest.raises(NotFoundError):
            await client.sender.value(GET_PROJECT, ("p-1",))
        end = heard[-1]
        assert isinstance(end, CallEnded)
        assert (end.status, end.error) == (404, "NotFoundError")
        await client.sender.value(GET_PROJECT, ("p-1",))
        assert any(isinstance(event, WaitedForBudget) for event in heard)


async def test_the_log_is_silent_by_default_and_holds_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    async with talking(reply(503), reply(200, {})) as (client, _, _):
        await client.request("GET", "/v2/x", query={"token": "hush-hush"})
        assert not [r for r in caplog.records if r.name.startswith("mittwald_async") and r.levelno >= logging.INFO]
        with caplog.at_level(logging.DEBUG, "mittwald_async"):
            await client.request("GET", "/v2/x", query={"token": "hush-hush"})
        text = caplog.text
        assert "GET http://" in text
        assert "token=***" in text
        assert "hush-hush" not in text
        assert TOKEN not in text


def test_log_lines_are_one_per_event(caplog: pytest.LogCaptureFixture) -> None:
    from mittwald_async.runtime import events

    facts: dict[str, Any] = {"call": 1, "operation_id": None, "method": "GET", "url": "u"}
    every: list[Event] = [
        CallStarted(**facts),
        WaitingForBudget(**facts, reason="window", expected=1),
        WaitedForBudget(**facts, seconds=1),
        AttemptEnded(**facts, number=1, status=None, error="broke", seconds=1),
        RetryScheduled(**facts, number=1, reason="broke", wait=1),
        CallEnded(**facts, status=200, error=None, attempts=2, seconds=3),
    ]
    with caplog.at_level(logging.DEBUG, "mittwald_async.calls"):
        for event in every:
            events.tell((), event)
    assert len(caplog.records) == 6
    assert all("\n" not in record.getMessage() for record in caplog.records)


PAGE = {"X-Pagination-TotalCount": "1", "X-Pagination-Limit": "50", "X-Pagination-Skip": "0"}


async def test_methods_can_return_whole_responses() -> None:
    async with talking(reply(201, {"id": "p-1"}, headers={"ETag": "276638689419851"})) as (client, server, _):
        made = await client.response_of(client.project.create_project, "s-1", description="shop")
        assert (made.status, made.event_id, made.data.id) == (201, "276638689419851", "p-1")
        assert made.operation_id == "project-create-project"
        server.then(reply(200, [], headers=PAGE))
        page = await client.response_of(client.project.list_projects, limit=50)
        assert isinstance(page.data, Page)
        assert (page.data.total, page.data.items) == (1, [])
        server.then(reply(200, b"content", headers={"Content-Type": "application/octet-stream", "X-Kind": "file"}))
        file = await client.response_of(client.file.get_file, "f-1")
        assert (file.data, file.status, file.headers["x-kind"]) == (b"content", 200, "file")
        assert file.url.endswith("/v2/files/f-1")
        clone = client.with_options(headers={"X-Clone": "1"})
        server.then(reply(200, []))
        await client.response_of(clone.project.list_projects)
        assert server.seen[-1].headers["x-clone"] == "1"
        with pytest.raises(InvalidArgumentError, match="method of a group"):
            await client.response_of(client.close)
        with pytest.raises(InvalidArgumentError, match="method of a group"):
            await client.response_of(client.close)
        ungrouped: Any = Mittwald.anonymous
        with pytest.raises(InvalidArgumentError, match="method of a group"):
            await client.response_of(ungrouped)


async def test_methods_that_give_nothing_can_return_whole_responses_too() -> None:
    """The event id of a change or a deletion is needed where another client reads what became of it."""
    event = "276638689419851"
    async with talking(reply(204, headers={"ETag": event})) as (client, _, _):
        project = client.project
        for sending in (
            client.response_of(project.update_project, "p-1", description="shop"),
            client.response_of(project.delete_project, "p-1"),
        ):
            response = await sending
            assert (response.status, response.event_id, response.data) == (204, event, None)


async def test_any_operation_can_be_called_by_its_id() -> None:
    async with talking(reply(200, [])) as (client, server, _):
        assert (await client.call("project-list-projects", query={"customerId": "c-1", "limit": 5})) == []
        assert server.seen[0].target == "/v2/projects?customerId=c-1&limit=5"
        with pytest.raises(InvalidArgumentError, match="did you mean project-list-projects"):
            await client.call("project-list-project")
        with pytest.raises(InvalidArgumentError, match="did you mean customerId"):
            await client.call("project-list-projects", query={"costumerId": "c-1"})
        with pytest.raises(InvalidArgumentError, match="needs this path parameter"):
            await client.call("project-get-project")
        assert len(server.seen) == 1


async def test_any_route_can_be_called_with_any_body() -> None:
    async with talking(reply(200, b"raw")) as (client, server, _):
        response = await client.request("post", "/v2/x?a=1", query={"b": [1, 2]}, body={"k": "v"})
        assert (response.data, response.method, response.operation_id) == (b"raw", "POST", None)
        assert server.seen[0].target == "/v2/x?a=1&b=1&b=2"
        assert (server.seen[0].headers["content-type"], server.seen[0].body) == ("application/json", b'{"k":"v"}')
        await client.request("PUT", "/v2/x", body=b"\0\1")
        assert (server.seen[1].headers["content-type"], server.seen[1].body) == ("application/octet-stream", b"\0\1")
        await client.request("PUT", "/v2/x", body="text", headers={"Content-Type": "text/plain"})
        assert (server.seen[2].headers["content-type"], server.seen[2].body) == ("text/plain", b"text")
        await client.request(
            "POST", "/v2/oauth2/token", body={"a": "b c"}, headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert server.seen[3].body == b"a=b+c"
        with pytest.raises(InvalidArgumentError, match="mapping"):
            await client.request("POST", "/x", body="a", headers={"content-type": "application/x-www-form-urlencoded"})


async def test_an_invalid_route_is_refused() -> None:
    async with talking(reply(200)) as (client, server, _):
        await client.request("GET", "/v2/x?next=https://elsewhere.example/")
        await client.request("GET", "/v2/x#part", query={"limit": 1})
        assert [seen.target for seen in server.seen] == ["/v2/x?next=https://elsewhere.example/", "/v2/x?limit=1"]
        for bad in ("https://", "https://host:99999/", "ftp://host/x"):
            with pytest.raises(InvalidArgumentError, match="path"):
                await client.request("GET", bad)
        assert len(server.seen) == 2


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
async def test_a_header_cannot_change_the_body_length(name: str) -> None:
    async with talking(reply(200)) as (client, server, _):
        with pytest.raises(InvalidArgumentError, match="framed"):
            await client.request("POST", "/v2/x", headers={name: "5"}, body=b"x")
        assert server.seen == []


async def test_middleware_cannot_set_an_invalid_url() -> None:
    async def astray(request: Request, call_next: CallNext) -> RawResponse:
        return await call_next(msgspec.structs.replace(request, url="/v2/relative"))

    async with talking(reply(200), middleware=[astray]) as (client, _, _):
        with pytest.raises(InvalidArgumentError, match="url: is not a usable URL"):
            await client.sender.value(GET_PROJECT, ("p-1",))


async def test_bodies_keep_null_where_it_is_a_value_and_are_omitted_when_empty() -> None:
    async with talking(reply(201, {})) as (client, server, _):
        await client.sender.value(CREATE_PROJECT, ("s-1",), body={"description": "x", "note": None, "size": None})
        assert server.seen[0].body == b'{"description":"x","note":null}'


async def test_a_list_reports_its_budget_and_its_failure() -> None:
    limits = {"X-RateLimit-Limit": "3000", "X-RateLimit-Remaining": "2990", "X-RateLimit-Reset": "60"}
    async with talking(reply(200, [], headers=limits), reply(500), max_retries=0) as (client, _, _):
        response = await client.sender.response(LIST_PROJECTS)
        assert response.rate_limit is not None
        assert response.rate_limit.remaining == 2990
        assert client.rate_limit.limit == 3000
        with pytest.raises(ServerError):
            await client.sender.response(LIST_PROJECTS)
