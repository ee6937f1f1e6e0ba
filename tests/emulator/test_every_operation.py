"""All 576 operations respond: to valid requests as documented, to invalid ones with the right refusal."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from mittwald_async.emulator.behaviours.auth import OPEN
from mittwald_async.emulator.shapes import ANY, Fixed, Record, Shape
from mittwald_async.operations import OPERATIONS

from ..support import documented_responses as document
from ..support.emulator_requests import EmulatorClient, ReceivedResponse
from ..support.expected_refusals import REFUSALS
from ..support.valid_requests import Request, request_for

DAY = "2026-01-01"
every_operation = pytest.mark.parametrize("operation_id", list(OPERATIONS))


@functools.cache
def shared() -> EmulatorClient:
    """For requests that change nothing."""
    return EmulatorClient(on=DAY)


async def sent(client: EmulatorClient, request: Request, url: str, data: bytes, **headers: str) -> ReceivedResponse:
    spelled = {name.replace("-", "_"): value for name, value in {**request.headers, **headers}.items()}
    return await client.send(request.method, url, data=data, **spelled)


@every_operation
async def test_a_valid_request_is_answered_as_documented(operation_id: str) -> None:
    """With the first documented success, except for the refusals that are listed with their reasons."""
    operation = OPERATIONS[operation_id]
    client = EmulatorClient(on=DAY) if operation.method != "GET" else shared()
    request = await request_for(client, client.core.routes.by_id[operation_id])
    answer = await sent(client, request, request.url, request.body)
    documented = {result.status for result in operation.results} or {204}
    if operation_id in REFUSALS:
        status, says = REFUSALS[operation_id]
        assert answer.status == status, answer
        assert says in said(answer)
    elif operation_id == "user-oauth-get-authorization":
        assert (answer.status, answer.headers["location"][:8]) == (302, "https://")
    else:
        assert answer.status in documented, answer
    if document.AT_HAND and answer.status < 300 and answer.headers.get("content-type") == "application/json":
        assert document.complaints(operation.method, operation.path, answer.status, answer.json) == []


@pytest.mark.parametrize("operation_id", [name for name, operation in OPERATIONS.items() if operation.body is not None])
async def test_a_request_without_its_body_is_answered(operation_id: str) -> None:
    """Refused where the body says what to do; otherwise treated as empty, which changes nothing by itself."""
    operation = OPERATIONS[operation_id]
    client = EmulatorClient()
    request = await request_for(client, client.core.routes.by_id[operation_id])
    answer = await sent(client, request, request.url, b"")
    assert answer.status != 500, answer
    if operation.body is not None and operation.body.required:
        assert answer.status == 400
        assert issues(answer) == {"body"}


def test_listed_refusals_belong_to_existing_operations() -> None:
    assert not set(REFUSALS) - set(OPERATIONS)
    assert len(REFUSALS) < 70, "most requests must succeed"


def said(answer: ReceivedResponse) -> str:
    """The message of a refusal, and those of its issues."""
    body = answer.json
    return " ".join([body["message"], *(issue["message"] for issue in body.get("validationErrors", ()))])


def takes_anything(shape: Shape | None) -> bool:
    return shape is None or shape == ANY or (isinstance(shape, Record | Fixed) and not shape.fields)


@every_operation
async def test_an_invalid_request_is_refused_with_its_issues(operation_id: str) -> None:
    client = EmulatorClient()
    route = client.core.routes.by_id[operation_id]
    request = await request_for(client, route)
    joint = "&" if request.query else "?"
    unknown = await sent(client, request, f"{request.url}{joint}noSuchParameter=1", request.body)
    assert issues(unknown) == {"noSuchParameter"}
    required = {name for name, parameter in route.query.items() if parameter.required}
    if required:
        assert issues(await sent(client, request, request.path, request.body)) == required
    if not takes_anything(client.core.checker.body_shape(route)):
        for nonsense in (b'"nonsense"', b"{", b"[[]]", b"\xff\xfe"):
            assert issues(await sent(client, request, request.url, nonsense))
    stranger = await sent(client, request, request.url, request.body, x_access_token="wrong")
    if route.operation.secured and operation_id not in OPEN:
        assert stranger.status == 401, stranger
    else:
        assert stranger.status != 500, stranger


def issues(answer: ReceivedResponse) -> set[str]:
    assert (answer.status, answer.json["type"]) == (400, "ValidationError"), answer
    return {issue["path"] for issue in answer.json["validationErrors"]}


@pytest.mark.skipif(not document.AT_HAND, reason="the OpenAPI document is not at hand (MITTWALD_OPENAPI)")
async def test_the_validator_rejects_values_that_do_not_fit() -> None:
    assert document.complaints("GET", "/v2/projects", 200, [{"id": 1}])
    assert document.complaints("GET", "/v2/projects", 299, [])
    assert document.complaints("DELETE", "/v2/projects/{projectId}", 204, {})


async def test_invalid_ids_are_refused_and_unknown_ones_are_not_found() -> None:
    client = shared()
    unknown = "00000000-0000-4000-8000-000000000000"
    assert (await client.get(f"/v2/mysql-databases/{unknown}")).status == 404
    answers: list[Any] = [await client.get(f"/v2/cronjobs/{wrong}") for wrong in ("no-uuid", "%00", "..", "a" * 5000)]
    assert {answer.status for answer in answers} <= {400, 404}
