"""Operations of made-up documents become methods that send what the document describes."""

from __future__ import annotations

import importlib
import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.runtime.files import Download
from mittwald_async.runtime.operation import Body, Paging, Parameter, Redirect, Result
from mittwald_async.runtime.paging import Pages

from ..support.openapi_documents import (
    CONFIG,
    INT,
    TEXT,
    Json,
    Package,
    Recorder,
    body,
    document,
    given,
    obj,
    ok,
    operation,
    parameter,
    ref,
)


def signature(method: Any) -> list[str]:
    return [str(one) for one in inspect.signature(method).parameters.values()]


@pytest.fixture
def sender() -> Recorder:
    return Recorder()


async def test_a_small_api(tmp_path: Path, sender: Recorder) -> None:
    schemas = {"shop.order.Order": obj(["id"], id=TEXT)}
    paths: Json = {
        "/orders/{orderId}": {
            "parameters": [parameter("orderId", "path", required=True)],
            "get": operation(
                "shop-get-order", responses=ok(ref("shop.order.Order"), also={"404": {}, "503": {}, "418": {}})
            ),
            "put": operation(
                "shop-update-order",
                requestBody=body(obj(["text"], text=TEXT, note={"type": "string", "nullable": True})),
                responses={"204": {}},
            ),
        },
        "/orders": {
            "get": operation(
                "shop-list-orders",
                parameters=[
                    parameter("limit", schema={"type": "integer", "default": 50, "maximum": 500}),
                    parameter("page", schema=INT),
                    parameter("tag", schema={"type": "array", "items": TEXT}),
                ],
                responses={
                    "200": {
                        "headers": {"X-Pagination-TotalCount": {}},
                        **ok({"type": "array", "items": ref("shop.order.Order")})["200"],
                    }
                },
            ),
        },
    }
    package = Package(document(schemas, paths, security=[{"key": []}]), tmp_path)
    shop = package.group("shop", sender)

    await shop.get_order("o-1")
    assert (sender.operation.operation_id, sender.path) == ("shop-get-order", ("o-1",))
    assert sender.operation.results == (Result(status=200, type="order.Order", content_type="application/json"),)
    assert sender.operation.errors == (404, 418, 503)

    await shop.update_order("o-1", text="x")
    assert given(sender.body) == {"text": "x"}
    await shop.update_order("o-1", text="x", note=None)
    assert sender.body == {"text": "x", "note": None}
    assert sender.operation.body.properties[1] == Parameter(
        name="note", wire="note", where="body", type="str", nullable=True
    )

    pages = shop.list_orders(tag=["a", "b"], limit=10)
    assert isinstance(pages, Pages)
    listing = package.operations.OPERATIONS["shop-list-orders"]
    assert listing.paging == Paging(limit=True, page=True, default_limit=50, max_limit=500, totals=True)
    assert listing.secured
    assert listing is package.api("shop").LIST_ORDERS


async def test_docstrings_state_the_facts(tmp_path: Path, sender: Recorder) -> None:
    paths: Json = {
        "/v/{id}": {
            "get": operation(
                "shop-get-it",
                security=[],
                parameters=[
                    parameter("id", "path", {"type": "string", "format": "uuid"}, required=True),
                    parameter(
                        "size", schema={"type": "integer", "minimum": 1, "maximum": 9, "default": 3}, deprecated=True
                    ),
                    parameter("least", schema={"type": "integer", "minimum": 1}),
                    parameter(
                        "X-Kind", "header", {"type": "string", "enum": ["a", "b"], "maxLength": 4, "pattern": r"^\w+$"}
                    ),
                ],
                responses=ok(also={"400": {}, "404": {}, "500": {}, "503": {}, "302": {}, "default": {}}),
            ),
            "delete": operation(
                "shop-old-thing-deprecated",
                deprecated=True,
                parameters=[parameter("id", "path", required=True)],
                **{"x-removed-upstream": True},
            ),
        }
    }
    api = Package(document(paths=paths), tmp_path).api("shop")
    assert inspect.cleandoc(api.ShopGroup.get_it.__doc__).splitlines() == [
        "Get it.",
        "",
        "`GET /v/{id}`",
        "https://docs.example/shop/shop-get-it",
        "Needs no token.",
        "",
        "Args:",
        "    id: str (uuid).",
        "    size: int; 1 to 9; server default 3; deprecated.",
        "    least: int; at least 1.",
        r'    x_kind: str; header `X-Kind`; known values "a", "b"; at most 4 long; pattern `^\w+$`.',
        "",
        "Returns: nothing.",
        "Raises: BadRequestError (400), NotFoundError (404), ServerError (500, 503).",
    ]
    assert "has removed this operation" in api.ShopGroup.old_thing_deprecated.__doc__
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await api.ShopGroup(sender).old_thing_deprecated("x")
    assert [str(one.message) for one in caught] == ["shop-old-thing-deprecated is removed by the provider"]


async def test_locations_and_names_of_parameters(tmp_path: Path, sender: Recorder) -> None:
    paths: Json = {
        "/x/{b}/{a-a}": {
            "parameters": [parameter("token"), parameter("replaced", schema=INT)],
            "post": operation(
                "shop-x",
                parameters=[
                    parameter("a-a", "path", required=True),
                    parameter("b", "path", required=True),
                    {"$ref": "#/components/parameters/Shared"},
                    parameter("replaced", schema=TEXT, required=True),
                    parameter("Token", "header", required=True),
                    parameter("session", "cookie"),
                    parameter("class"),
                    parameter("structured", schema=obj(x=INT)),
                    {"name": "json", "in": "query", "content": {"application/json": {"schema": obj(y=INT)}}},
                    parameter("piped", schema={"type": "array", "items": TEXT}, style="pipeDelimited"),
                ],
                requestBody=body(obj(["b", "query_token"], b=INT, query_token=INT, token=INT)),
            ),
        }
    }
    root = document(paths=paths)
    root["components"]["parameters"] = {"Shared": parameter("shared", schema={"type": "boolean"})}
    package = Package(root, tmp_path)
    shop = package.group("shop", sender)
    await shop.x(
        "1", "2", token="3", replaced="4", header_token="5", session="6", class_="7", shared=True, structured={"x": 1}, json={"y": 1},
        piped=["8"], body_b=9, query_token=10, body_token=11,
    )  # fmt: skip
    assert sender.path == ("1", "2")
    assert sender.query == {
        "token": "3", "replaced": "4", "class": "7", "shared": True, "structured": {"x": 1}, "json": {"y": 1}, "piped": ["8"],
    }  # fmt: skip
    assert sender.headers == {"Token": "5", "session": "6"}
    assert sender.body == {"b": 9, "query_token": 10, "token": 11}
    assert [one.where for one in sender.operation.parameters if one.wire == "session"] == ["cookie"]
    ways = {one.wire: (one.style, one.explode, one.content_type) for one in sender.operation.parameters if one.styled}
    assert ways == {
        "structured": ("form", True, None),
        "json": (None, None, "application/json"),
        "piped": ("pipeDelimited", False, None),
    }


async def test_bodies_of_every_kind(tmp_path: Path, sender: Recorder) -> None:
    union: Json = {"oneOf": [obj(["left"], left=INT), obj(["right"], right=INT)]}
    file: Json = {"type": "string", "format": "binary"}
    bodies: Json = {
        "union": body(union),
        "list": body({"type": "array", "items": INT}),
        "optional": body(obj(["x"], x=INT), required=False),
        "anything": body({}, required=False),
        "free": body({"type": "object"}, required=False),
        "form": body(obj(["x"], x=INT), "application/x-www-form-urlencoded"),
        "multipart": body(obj(["file"], file=file, note=TEXT), "multipart/form-data"),
        "text": body(TEXT, "text/plain"),
        "binary": body(file, "application/octet-stream"),
        "several": {"content": {"text/plain": {"schema": TEXT}, "application/problem+json": {"schema": obj(x=INT)}}},
        "nullable": body({**obj(x=INT), "nullable": True}),
        "shared": {"$ref": "#/components/requestBodies/Shared"},
    }
    paths = {f"/{name}": {"post": operation(f"shop-{name}", requestBody=one)} for name, one in bodies.items()}
    root = document(paths=paths)
    root["components"]["requestBodies"] = {"Shared": body(obj(y=INT))}
    package = Package(root, tmp_path)
    facts = {name: package.operations.OPERATIONS[f"shop-{name}"].body for name in bodies}
    assert facts["union"] == Body(content_type="application/json", type="shop.UnionRequest", required=True)
    assert facts["form"].content_type == "application/x-www-form-urlencoded"
    assert facts["multipart"].properties[0].type == "bytes"
    assert (facts["text"].type, facts["binary"].type) == ("str", "bytes")
    assert facts["several"].content_type == "application/problem+json"
    assert [name for name, one in facts.items() if one.flat] == ["optional", "form", "multipart", "several", "shared"]
    shop = package.group("shop", sender)
    await shop.union({"left": 1})
    assert sender.body == {"left": 1}
    await shop.optional()
    assert given(sender.body) == {}
    await shop.anything()
    assert given({"body": sender.body}) == {}
    await shop.free()
    assert sender.body is None
    await shop.multipart(file=b"x")
    assert given(sender.body) == {"file": b"x"}
    assert package.findings("content")
    assert "Upload" in package.made.files["api/shop.py"]


async def test_results_of_every_kind(tmp_path: Path, sender: Recorder) -> None:
    file: Json = {"type": "string", "format": "binary"}
    item = {"type": "array", "items": obj(["x"], x=INT)}
    answers: Json = {
        "nothing": {"204": {"content": {"application/json": {"schema": {}}}}},
        "text": ok(TEXT, "text/csv; charset=utf-8"),
        "wrapped-file": ok(TEXT, "text/plain;base64"),
        "file": ok(file, "image/png"),
        "accepted": {**ok(obj(x=INT)), "202": ok(obj(["name"], name=TEXT))["200"], "203": ok(obj(["z"], z=INT))["200"]},
        "mixed": {"200": {"content": {"application/json": {"schema": obj(x=INT)}, "text/csv": {"schema": TEXT}}}},
        "any": ok({}),
        "only-default": {"default": ok(obj(x=INT))["200"]},
        "range": {"2XX": ok(obj(x=INT))["200"]},
        "nothing-good": {"400": {}},
        "shared": {"200": {"$ref": "#/components/responses/Shared"}},
        "whole-list": ok(item),
        "maybe-list": ok({**item, "nullable": True}),
    }
    paths = {f"/{name}": {"get": operation(f"shop-{name}", responses=one)} for name, one in answers.items()}
    paths["/upload"] = {"post": operation("shop-upload", requestBody=body(obj(x=INT)), responses=ok(file, "image/png"))}
    shared = {"Shared": ok(obj(x=INT))["200"]}
    package = Package(document(paths=paths, responses=shared), tmp_path)
    facts = {name: package.operations.OPERATIONS[f"shop-{name}"].results for name in answers}
    types = {name: [(one.status, one.type) for one in found] for name, found in facts.items()}
    assert types == {
        "nothing": [(204, "None")],
        "text": [(200, "str")],
        "wrapped-file": [(200, "bytes")],
        "file": [(200, "bytes")],
        "accepted": [(200, "shop.AcceptedResult"), (202, "shop.AcceptedAccepted"), (203, "shop.AcceptedResult203")],
        "mixed": [(200, "shop.MixedResult"), (200, "str")],
        "any": [(200, "Any")],
        "only-default": [(0, "shop.OnlyDefaultResult")],
        "range": [(0, "shop.RangeResult")],
        "nothing-good": [],
        "shared": [(200, "shop.SharedResult")],
        "whole-list": [(200, "list[shop.WholeListItem]")],
        "maybe-list": [(200, "list[shop.MaybeListItem] | None")],
    }
    shop = package.group("shop", sender)
    assert isinstance(shop.file(), Download)
    assert isinstance(shop.whole_list(), Pages)
    assert not package.operations.OPERATIONS["shop-whole-list"].paged
    await shop.upload(x=1)
    assert sender.body == {"x": 1}
    assert {kind for kind in ("default", "status", "success") if package.findings(kind)} == {"default", "success"}


def test_wrapped_lists_are_paged(tmp_path: Path) -> None:
    paging = [parameter("limit", schema=INT), parameter("skip", schema=INT)]
    items = {"type": "array", "items": TEXT}
    paths: Json = {
        "/w": {"get": operation("shop-wrapped", parameters=paging, responses=ok(obj(things=items, totalCount=INT)))},
        "/t": {"get": operation("shop-two", parameters=paging, responses=ok(obj(things=items, others=items)))},
        "/u": {"get": operation("shop-unpaged", responses=ok(obj(things=items)))},
        "/p": {
            "post": operation(
                "shop-search",
                parameters=paging,
                requestBody=body({"type": "array", "items": TEXT}),
                responses=ok(items),
            )
        },
    }
    package = Package(document(paths=paths), tmp_path)
    found = {name: one.paging for name, one in package.operations.OPERATIONS.items()}
    assert found["shop-wrapped"] == Paging(limit=True, skip=True, items="things", total="totalCount")
    assert found["shop-two"] is found["shop-unpaged"] is None
    assert found["shop-search"] == Paging(limit=True, skip=True)
    assert signature(package.api("shop").ShopGroup.search)[1] == "body: 'Sequence[str]'"


def test_redirects_tags_and_operations_without_an_id(tmp_path: Path) -> None:
    paths: Json = {
        "/old": {"get": {"tags": ["Shop"], "responses": {"308": {}}, "deprecated": True}, "x-note": 1, "summary": "s"},
        "/things/{id}": {"get": {"responses": ok(), "parameters": [parameter("id", "path", required=True)]}},
        "/two": {"get": operation("shop-two", tags=["SSH/SFTP User", "Shop"])},
    }
    package = Package(document(paths=paths), tmp_path)
    operations = package.operations
    assert (Redirect(method="GET", path="/old", tag="Shop"),) == operations.REDIRECTS
    assert dict(operations.GROUPS) == {"default": "DefaultGroup", "ssh_sftp_user": "SshSftpUserGroup"}
    assert list(operations.OPERATIONS) == ["get-things-id", "shop-two"]
    assert (len(operations.OPERATIONS), "shop-two" in operations.OPERATIONS, 3 in operations.OPERATIONS) == (
        2,
        True,
        False,
    )
    assert package.findings("operationId")
    assert package.findings("tags")


def test_a_method_named_like_a_type_does_not_hide_it(tmp_path: Path, sender: Recorder) -> None:
    items = {"type": "array", "items": ref("order.Order")}
    paths: Json = {
        "/l": {"get": operation("shop-list", responses=ok(items))},
        "/o": {"get": operation("shop-order", responses=ok(ref("order.Order")))},
        "/s": {
            "get": operation(
                "shop-str",
                parameters=[parameter("str"), parameter("order", schema={"type": "string", "format": "date-time"})],
                responses=ok(items),
            )
        },
    }
    package = Package(document({"order.Order": obj(x=INT)}, paths), tmp_path)
    text = package.made.files["api/shop.py"]
    assert "from ..models import order as order_" in text
    assert isinstance(package.group("shop", sender).str(str="x"), Pages)


def test_groups_are_created_on_first_use(tmp_path: Path, sender: Recorder) -> None:
    package = Package(document(paths={"/a": {"get": operation("shop-a")}}), tmp_path)

    class Client(package.api("groups").Groups):  # type: ignore[misc]  # a class known only at run time
        def __init__(self) -> None:
            self.sender = sender

    client = Client()
    assert client.shop is client.shop
    assert client.shop.a


def test_models_are_loaded_on_first_use(tmp_path: Path) -> None:
    package = Package(document({"a.X": obj(x=INT), "b.Y": obj(x=INT)}), tmp_path)
    models = importlib.import_module(f"{package.name}.models")
    assert dir(models) == ["a", "b"]
    assert models.a.X(x=1).x == 1
    with pytest.raises(AttributeError, match="no attribute 'c'"):
        _ = models.c


def test_the_configuration_names_the_reference_pages() -> None:
    assert CONFIG.reference.format(tag="t", operation_id="o") == "https://docs.example/t/o"
