"""Every operation of the second API, called with the least and the most that its document allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from document_samples import Json, Samples, is_array, is_object
from document_server import METHODS, DocumentServer, Request
from platform_client import Platform
from platform_client.operations import OPERATIONS

from mittwald_async.runtime.codec import dump
from mittwald_async.runtime.files import Download
from mittwald_async.runtime.paging import Pages

FILE = b"\x00\xff what is in the file"


def operations_of(document: Json) -> Iterator[tuple[str, Json]]:
    for entry in document["paths"].values():
        for method, node in entry.items():
            if method in METHODS:
                yield node["operationId"], node


def request_for(node: Json, samples: Samples, full: bool) -> tuple[Json, Json, Any]:
    """Path, query and body for an operation, in the document's names."""
    parameters = node.get("parameters", [])
    path = {one["name"]: samples.value(one["schema"], full=full) for one in parameters if one["in"] == "path"}
    query = {
        one["name"]: 5 if one["name"] == "limit" else samples.value(one["schema"], full=full)
        for one in parameters
        if one["in"] == "query" and (full or one.get("required"))
    }
    described = node.get("requestBody", {})
    if not described or not (full or described.get("required")):
        return path, query, None
    kind, media = next(iter(described["content"].items()))
    body = samples.value(media["schema"], full=full)
    if kind == "multipart/form-data":
        binary = {name for name, part in media["schema"]["properties"].items() if part.get("format") == "binary"}
        body = {name: FILE if name in binary else value for name, value in body.items()}
    return path, query, body


def comparable(value: Any) -> Any:
    """JSON with instants and numbers independent of their notation."""
    if is_object(value):
        return {name: comparable(part) for name, part in value.items()}
    if is_array(value):
        return [comparable(part) for part in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).isoformat()
        except ValueError:
            return value
    return value


def as_text(body: Any) -> Any:
    """A body as the server records it: files as text."""
    if is_object(body):
        return {name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in body.items()}
    return body


def arguments_for(operation_id: str, path: Json, query: Json, body: Any) -> tuple[list[Any], Json]:
    """The same request as arguments of the method."""
    operation = OPERATIONS[operation_id]
    names = {(one.where, one.wire): one.name for one in operation.parameters}
    given = {names["query", wire]: value for wire, value in query.items()}
    positional = [path[one.wire] for one in operation.parameters if one.where == "path"]
    if body is not None and operation.body is not None:
        if operation.body.flat:
            by_wire = {one.wire: one.name for one in operation.body.properties}
            given |= {by_wire[wire]: value for wire, value in body.items()}
        else:
            positional.append(body)
    return positional, given


@pytest.mark.parametrize("full", [False, True], ids=["minimal", "maximal"])
async def test_every_operation_can_be_called_and_its_response_decodes_without_loss(
    platform_document: Json, full: bool
) -> None:
    samples = Samples(platform_document)
    server = DocumentServer(platform_document, full=full, limit=10**6)
    operations = dict(operations_of(platform_document))
    assert len(operations) == len(OPERATIONS) == 527
    lost: list[str] = []
    async with server.running() as url, Platform("token", base_url=url, strict=True) as client:
        for operation_id, node in operations.items():
            path, query, body = request_for(node, samples, full)
            positional, given = arguments_for(operation_id, path, query, body)
            operation = OPERATIONS[operation_id]
            method = getattr(getattr(client, operation.group), operation.name)
            sent = kept_answer(server, operation_id, node)
            response = await client.response_of(method, *positional, **given)
            came = server.requests.pop()
            assert not server.requests
            assert came.operation_id == operation_id
            assert comparable(came.body) == comparable(as_text(body)), operation_id
            if operation.paged and "limit" in query:
                assert came.query == {name: str(value) for name, value in query.items()}
            if not sent:
                continue
            page = response.data.response if operation.paging is not None else response
            whole = page.data if page.envelope is None else page.envelope
            decoded = json.loads(whole if isinstance(whole, bytes) else msgspec.json.encode(dump(whole)))
            if comparable(decoded) != comparable(sent[0]):
                lost.append(operation_id)
    assert server.refused == []
    assert lost == []


def kept_answer(server: DocumentServer, operation_id: str, node: Json) -> list[Any]:
    """Make the server respond with a sample of the first success, and record it in the returned list."""
    status = min(status for status in node["responses"] if status.startswith("2"))
    sent: list[Any] = []

    def answer(came: Request) -> Any:
        [media] = node["responses"][status]["content"].values()
        sent.append(server.samples.value(media["schema"], full=server.full))
        return sent[-1]

    server.overrides[operation_id] = answer
    return sent


async def test_every_operation_can_be_called_by_its_id(platform_document: Json) -> None:
    samples = Samples(platform_document)
    server = DocumentServer(platform_document, limit=10**6)
    async with server.running() as url, Platform("token", base_url=url) as client:
        for operation_id, node in operations_of(platform_document):
            path, query, body = request_for(node, samples, True)
            rest: Json = {} if body is None else {"body": body}
            await client.call(operation_id, path=path, query=query, **rest)
            came = server.requests.pop()
            assert came.operation_id == operation_id
            assert came.query == {name: str(value) for name, value in query.items()}
            assert comparable(came.body) == comparable(as_text(body)), operation_id
    assert server.refused == []


def test_all_lists_with_a_limit_are_read_page_by_page() -> None:
    limited = [one for one in OPERATIONS.values() if {"limit", "offset"} <= {p.wire for p in one.parameters}]
    assert len(limited) == 33
    client = Platform("token", base_url="http://127.0.0.1")
    for operation in limited:
        path = ["x" for one in operation.parameters if one.where == "path"]
        assert operation.paged
        assert isinstance(getattr(getattr(client, operation.group), operation.name)(*path), Pages)


def test_files_are_downloads() -> None:
    client = Platform("token", base_url="http://127.0.0.1")
    assert isinstance(client.files.download("id"), Download)
