"""Responses that a document describes by a range of statuses or of content types are read as it says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mittwald_async.codegen.config import Envelope
from mittwald_async.errors import StatusError
from mittwald_async.runtime.files import Download
from mittwald_async.runtime.operation import Body

from ..support.openapi_documents import (
    CONFIG,
    INT,
    TEXT,
    Json,
    Package,
    body,
    document,
    obj,
    ok,
    operation,
    ref,
)
from ..support.scripted_server import reply, talking

FILE: Json = {"type": "string", "format": "binary"}
MADE = obj(["id"], id=INT)


def write_that_answers(responses: Json) -> Json:
    return document(paths={"/made": {"post": operation("shop-make", responses=responses)}})


@pytest.mark.parametrize("status", ["2XX", "default"])
async def test_a_write_may_answer_with_any_success_that_a_range_covers(status: str, tmp_path: Path) -> None:
    """An error would say that the write may not have been done, and it would be sent again."""
    package = Package(write_that_answers({status: ok(MADE)["200"]}), tmp_path)
    async with talking(reply(201, {"id": 7}), reply(202, {"id": 8}), reply(204)) as (client, _, _):
        shop = package.group("shop", client.sender)
        assert [(await shop.make()).id, (await shop.make()).id] == [7, 8]
        assert await shop.make() is None


async def test_a_status_of_its_own_precedes_the_range(tmp_path: Path) -> None:
    package = Package(write_that_answers({"2XX": ok(obj(x=TEXT))["200"], "201": ok(MADE)["200"]}), tmp_path)
    async with talking(reply(201, {"id": 7}), reply(200, {"x": "y"})) as (client, _, _):
        shop = package.group("shop", client.sender)
        assert (await shop.make()).id == 7
        assert (await shop.make()).x == "y"


async def test_an_envelope_is_taken_off_whatever_success_the_range_covers(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, envelope=Envelope(data="data"))
    package = Package(write_that_answers({"2XX": ok(obj(["data"], data=MADE))["200"]}), tmp_path, config)
    async with talking(reply(201, {"data": {"id": 7}})) as (client, _, _):
        shop = package.group("shop", client.sender)
        assert (await shop.make()).id == 7
        response = await client.sender.response(package.operations.OPERATIONS["shop-make"])
        assert (response.data.id, response.envelope.data.id) == (7, 7)


async def test_a_repeated_deletion_is_a_success_also_where_the_document_names_a_range(tmp_path: Path) -> None:
    root = document(paths={"/made": {"delete": operation("shop-drop", responses={"2XX": {"description": "gone"}})}})
    package = Package(root, tmp_path)
    async with talking(reply(502), reply(404)) as (client, server, _):
        response = await client.response_of(package.group("shop", client.sender).drop)
        assert (response.status, len(server.seen)) == (204, 2)


async def test_bodies_of_errors_are_read_by_status_then_range_then_default(tmp_path: Path) -> None:
    def error(name: str) -> Json:
        described: Json = ok(ref(f"shop.{name}"))["200"]
        return described

    schemas = {f"shop.{name}": obj(**{name: TEXT}) for name in ("Own", "Client", "Server", "Any")}
    responses = {
        "204": {},
        "404": error("Own"),
        "4XX": error("Client"),
        "5XX": error("Server"),
        "default": error("Any"),
    }
    root = document(schemas, {"/made": {"post": operation("shop-make", responses=responses)}})
    package = Package(root, tmp_path)
    found: dict[int, str] = {}
    async with talking(reply(200), max_retries=0) as (client, server, _):
        for status in (404, 400, 500, 600):
            server.then(reply(status, {"x": "y"}))
            with pytest.raises(StatusError) as caught:
                await package.group("shop", client.sender).make()
            found[status] = type(caught.value.data).__name__
    assert found == {404: "Own", 400: "Client", 500: "Server", 600: "Any"}


@pytest.mark.parametrize("content_type", ["*/*", "application/json"])
async def test_a_file_stays_bytes_whatever_content_type_the_document_gives_it(
    content_type: str, tmp_path: Path
) -> None:
    paths: Json = {"/file": {"get": operation("shop-file", responses=ok(FILE, content_type))}}
    package = Package(document(paths=paths), tmp_path)
    picture = b"\x89PNG\r\n\xff\0"
    async with talking(reply(200, picture, headers={"Content-Type": "image/png"})) as (client, _, _):
        download = package.group("shop", client.sender).file()
        assert isinstance(download, Download)
        assert await download == picture


@pytest.mark.parametrize("content_type", ["*/*", "image/*", "application/*"])
async def test_a_file_is_uploaded_as_it_is_under_a_content_type_that_exists(content_type: str, tmp_path: Path) -> None:
    put = operation("shop-put", requestBody=body(FILE, content_type), responses={"204": {}})
    package = Package(document(paths={"/file": {"put": put}}), tmp_path)
    assert package.operations.OPERATIONS["shop-put"].body == Body(
        content_type="application/octet-stream", type="bytes", required=True
    )


def test_a_property_without_a_name_is_no_envelope(tmp_path: Path) -> None:
    package = Package(write_that_answers({"201": ok(obj(["", "id"], id=INT, **{"": INT}))["200"]}), tmp_path)
    assert "async def make(self) -> shop.MakeResult:" in package.made.files["api/shop.py"]
