"""Errors of the second API: type, message, request id, issues, and the documented body."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from aiohttp import web
from document_samples import Json
from document_server import DocumentServer
from platform_client import PROFILE, Platform, errors
from platform_client.models import common

from mittwald_async.runtime.error_bodies import ErrorBody


async def test_an_error_has_everything_from_its_body(platform_document: Json) -> None:
    server = DocumentServer(platform_document)
    async with server.running() as url, Platform("token", base_url=url) as client:
        with pytest.raises(errors.UnprocessableError) as caught:
            await client.spaces.create(name="x", type="system")
    error = caught.value
    assert (error.status, error.type, error.message) == (422, "Validation Error", "the body is not as documented")
    assert [(issue.path, issue.message) for issue in error.issues] == [("name", "'x' is too short")]
    assert isinstance(error.data, common.StandardErrorResponse)
    assert error.data.request_id == error.trace_id
    assert error.data.status_code == 422
    revived = pickle.loads(pickle.dumps(error))
    assert revived.data == error.data


async def test_the_budget_is_read_from_headers_with_a_time_of_day(platform_document: Json) -> None:
    server = DocumentServer(platform_document, limit=40)
    async with server.running() as url, Platform("token", base_url=url) as client:
        await client.spaces.get("a")
        assert client.rate_limit.limit == 40
        assert client.rate_limit.remaining == 39
        assert PROFILE.budget_headers is not None
        assert PROFILE.budget_headers.reset_is == "epoch"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": 1}', b"[1]", b'{"error"'])
async def test_an_undocumented_error_body_is_still_an_error(body: bytes) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=404, body=body, content_type="application/json")

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with Platform("token", base_url=f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            with pytest.raises(errors.NotFoundError) as caught:
                await client.spaces.get("a")
    finally:
        await runner.cleanup()
    assert caught.value.body == body
    found: Any = caught.value.data
    if body == b'{"error": 1}':
        assert found.error == 1
    else:
        assert found == ([1] if body == b"[1]" else None)


READ = ErrorBody(issues=("details",), trace_id=("requestId",))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"details": {"name": "too short"}}', [("name", "too short")]),
        (b'{"details": {"name": ["too short", "no"], "age": "x"}}', [("name", "too short"), ("name", "no"), ("age", "x")]),
        (b'{"details": [{"field": "name", "message": "too short"}]}', [("name", "too short")]),
        (b'{"details": ["too short"]}', [("", "too short")]),
        (b'{"details": {"limit": 5}}', [("limit", "5")]),
        (b'{"details": {"name": {"message": "too short", "path": "a.name"}}}', [("a.name", "too short")]),
        (b'{"details": {"name": {"allowed": [1]}}}', [("name", "")]),
        (b'{"details": {}}', []),
        (b'{"details": null}', []),
        (b'{"details": 3}', []),
    ],
)  # fmt: skip
def test_issues_in_several_formats(body: bytes, expected: list[tuple[str, str]]) -> None:
    assert [(issue.path, issue.message) for issue in READ.read(body).issues] == expected


def test_further_properties_of_an_issue_are_kept() -> None:
    [issue] = READ.read(b'{"details": {"name": {"allowed": [1]}}}').issues
    assert issue.context == {"allowed": [1]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"errors": [{"code": "E1", "title": "gone"}, {"code": "E2"}]}', ("E1", "gone")),
        (b'{"errors": []}', ("", "")),
        (b'{"errors": {"0": {"code": "E1"}}}', ("E1", "")),
        (b'{"errors": "no"}', ("", "")),
    ],
)
def test_a_number_in_a_path_is_a_list_index(body: bytes, expected: tuple[str, str]) -> None:
    facts = ErrorBody(type=("errors.0.code",), message=("errors.0.title",)).read(body)
    assert (facts.type, facts.message) == expected
