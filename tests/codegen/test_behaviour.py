"""Behaviour that the configuration describes, as found in the generated package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mittwald_async.codegen.compiler import compile_document
from mittwald_async.codegen.config import Budget, Config, Envelope, PagingConfig, load_config
from mittwald_async.codegen.errors import DocumentError
from mittwald_async.codegen.load import Document
from mittwald_async.runtime.operation import Paging
from mittwald_async.runtime.paging import Pages

from ..support.openapi_documents import INT, TEXT, Json, Package, document, obj, ok, operation, parameter, ref

FLAG: Json = {"type": "boolean"}
ITEMS: Json = {"type": "array", "items": ref("Order")}
ORDER = {"Order": obj(["id"], id=TEXT)}


def paging_of(tmp_path: Path, parameters: list[str], schema: Json, config: Config | None = None) -> Paging | None:
    listed = operation(
        "list-orders", parameters=[parameter(name, schema=INT) for name in parameters], responses=ok(schema)
    )
    package = Package(document(ORDER, {"/orders": {"get": listed}}), tmp_path, config or Config())
    found: Paging | None = package.operations.OPERATIONS["list-orders"].paging
    return found


@pytest.mark.parametrize(
    ("parameters", "schema", "expected"),
    [
        (["limit", "offset"], ITEMS, Paging(limit=True, skip=True)),
        (["per_page", "page"], ITEMS, Paging(limit=True, page=True)),
        (["page"], obj(items=ITEMS, total=INT), Paging(page=True, items="items", total="total")),
        (["cursor"], obj(items=ITEMS, next_cursor=TEXT),
         Paging(cursor="cursor", items="items", next_cursor="next_cursor")),
        (["limit", "starting_after"], obj(data=ITEMS, has_more=FLAG),
         Paging(limit=True, cursor="starting_after", items="data", has_more="has_more")),
        (["page[number]", "page[size]"], obj(data=ITEMS, meta=obj(total=INT)),
         Paging(limit=True, page=True, items="data", total="meta.total")),
        (["$skip", "$top"], obj(value=ITEMS), Paging(limit=True, skip=True, items="value")),
        (["page", "size"], obj(content=ITEMS, totalElements=INT),
         Paging(limit=True, page=True, items="content", total="totalElements")),
        (["limit", "offset"], obj(data=obj(orders=ITEMS, total=INT)), None),
        (["limit"], obj(items=ITEMS, total=INT), None),
        (["cursor"], obj(items=ITEMS), None),
        (["page"], obj(items=ITEMS, others=ITEMS, total=INT), None),
    ],
)  # fmt: skip
def test_paging_follows_the_document(
    tmp_path: Path, parameters: list[str], schema: Json, expected: Paging | None
) -> None:
    assert paging_of(tmp_path, parameters, schema) == expected


def test_lists_in_envelopes_are_paged(tmp_path: Path) -> None:
    wrapped = Config(envelope=Envelope("data", ("meta",)))
    deep = obj(["data"], data=obj(orders=ITEMS, total=INT), meta=obj(x=INT))
    assert paging_of(tmp_path, ["limit", "offset"], deep, wrapped) == Paging(
        limit=True, skip=True, items="data.orders", total="data.total"
    )
    assert paging_of(tmp_path / "flat", [], obj(["data"], data=ITEMS), wrapped) == Paging(items="data")


def test_a_list_with_its_own_parameter_names_records_them(tmp_path: Path) -> None:
    paths: Json = {
        f"/{name}": {"get": operation(name, parameters=[parameter(limit), parameter(skip)], responses=ok(ITEMS))}
        for name, limit, skip in (("a", "limit", "offset"), ("b", "limit", "offset"), ("c", "pageSize", "skip"))
    }
    operations = Package(document(ORDER, paths), tmp_path).operations.OPERATIONS
    assert operations["a"].paging == Paging(limit=True, skip=True)
    assert operations["c"].paging == Paging(limit=True, skip=True, limit_name="pageSize", skip_name="skip")


def test_pages_counted_from_zero_and_link_headers(tmp_path: Path) -> None:
    page = parameter("page", schema={"type": "integer", "default": 0})
    listed = operation("a", parameters=[parameter("limit"), page], responses=ok(ITEMS))
    linked = Config(paging=PagingConfig(link=True))
    [found] = Package(document(ORDER, {"/a": {"get": listed}}), tmp_path, linked).operations.OPERATIONS.values()
    assert found.paging == Paging(limit=True, page=True, link=True, first_page=0)


@pytest.mark.parametrize(
    ("name", "beside", "expected"),
    [
        ("page", {"next_page": TEXT}, "next_page"),
        ("offset", {"next_page": obj(offset=TEXT, uri=TEXT)}, "next_page.offset"),
    ],
)
def test_a_textual_page_or_offset_is_a_cursor_if_the_response_names_the_next_one(
    tmp_path: Path, name: str, beside: Json, expected: str
) -> None:
    asked = [parameter(name, schema=TEXT), parameter("limit", schema=INT)]
    listed = operation("a", parameters=asked, responses=ok(obj(data=ITEMS, **beside)))
    [found] = Package(document(ORDER, {"/a": {"get": listed}}), tmp_path).operations.OPERATIONS.values()
    assert found.paging == Paging(limit=True, items="data", cursor=name, next_cursor=expected)


def test_a_textual_size_is_not_a_number_of_items(tmp_path: Path) -> None:
    for folder, schema in (("text", TEXT), ("words", {"type": "string", "enum": ["small", "large"]})):
        size = [parameter("size", schema=schema), parameter("page", schema=INT)]
        listed = operation("a", parameters=size, responses=ok(ITEMS))
        [found] = Package(document(ORDER, {"/a": {"get": listed}}), tmp_path / folder).operations.OPERATIONS.values()
        assert found.paging == Paging(page=True)


def profile(config: Config, root: Json | None = None) -> str:
    paths: Json = {"/a": {"get": operation("a", responses=ok(TEXT))}}
    return compile_document(Document(root or document({}, paths), "0"), config, "shop_client").files["profile.py"]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (Budget(), ""),
        (Budget(headers="X-RateLimit", reset_is="epoch"), 'reset="X-RateLimit-Reset"'),
        (Budget(limit="A", remaining="B", reset="C"), 'BudgetHeaders(limit="A", remaining="B", reset="C"'),
        (Budget(structured="RateLimit"), 'budget_headers=BudgetHeaders(structured="RateLimit")'),
    ],
)
def test_the_budget_is_as_configured(budget: Budget, expected: str) -> None:
    text = profile(Config(budget=budget))
    assert expected in text
    assert ("budget_headers" in text) == bool(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[budget]\nreset_is = "soon"\n', 'reset_is must be "seconds" or "epoch"'),
        ('[budget]\nlimit = "X"\n', "needs headers, or limit, remaining and reset"),
        ('[budget]\nwindow = "X"\n', r"\[budget\] has an unknown key"),
        ('[errors]\ntype = 3\n', r"\[errors\] type must be a list of texts"),
    ],
)  # fmt: skip
def test_configuration_mistakes_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(DocumentError, match=message):
        load_config(path)


def test_a_configuration_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[errors]\ntype = ['code']\n", encoding="utf-8-sig")
    assert load_config(path).errors.type == ("code",)


def test_another_security_scheme_can_be_chosen() -> None:
    root = document({}, {"/a": {"get": operation("a", responses=ok(TEXT))}})
    root["security"] = [{"bearer": []}, {"key": []}]
    root["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    }
    assert "authentication" not in profile(Config(), root)
    assert 'authentication=HeaderToken("X-Key")' in profile(Config(authentication="key"), root)
    with pytest.raises(DocumentError, match="no operation requires the security scheme 'kee'"):
        profile(Config(authentication="kee"), root)


@pytest.fixture
def shop(tmp_path: Path) -> Package:
    """An API with envelopes and documented error bodies."""
    failed = {"content": {"application/json": {"schema": ref("Failure")}}}
    paths: Json = {
        "/orders": {
            "get": operation(
                "list-orders",
                parameters=[parameter("limit", schema=INT), parameter("offset", schema=INT)],
                responses=ok(obj(["data"], data=ITEMS, pagination=obj(total=INT))),
            )
        },
        "/orders/{id}": {
            "get": operation(
                "get-order",
                parameters=[parameter("id", "path", required=True)],
                responses={**ok(obj(success=FLAG, message=TEXT, data=ref("Order"))), "404": failed, "default": failed},
            )
        },
    }
    schemas = {**ORDER, "Failure": obj(["why"], why=TEXT)}
    return Package(document(schemas, paths), tmp_path, Config(envelope=Envelope("data")))


async def test_envelopes_end_to_end(shop: Package) -> None:
    from mittwald_async.runtime.client import Client
    from mittwald_async.runtime.errors import ConflictError, NotFoundError
    from mittwald_async.runtime.profile import Profile

    answers: Json = {
        "/orders/a": (200, {"success": True, "message": "found", "data": {"id": "a"}}),
        "/orders/b": (200, {"success": False, "message": "nothing"}),
        "/orders/c": (404, {"why": "unknown"}),
        "/orders/d": (409, {"why": "busy"}),
        "/orders/e": (200, [1]),
        "/orders": (200, {"data": [{"id": "a"}, {"id": "b"}], "pagination": {"total": 2}}),
    }

    async def answer(request: web.Request) -> web.Response:
        status, body = answers[request.path]
        return web.Response(status=status, body=json.dumps(body), content_type="application/json")

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kind: Any = type("Shop", (Client,), {"profile": Profile(name="shop", product="shop/1"),
                                         "operations": shop.operations.OPERATIONS})  # fmt: skip
    try:
        async with kind("token", base_url=f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            group: Any = shop.group("shop", client.sender)
            assert (await group.get_order("a")).id == "a"
            assert await group.get_order("b") is None
            whole = await client.response_of(group.get_order, "b")
            assert (whole.data, whole.envelope.message) == (None, "nothing")
            with pytest.raises(NotFoundError) as missing:
                await group.get_order("c")
            with pytest.raises(ConflictError) as busy:
                await group.get_order("d")
            assert (missing.value.data.why, busy.value.data.why) == ("unknown", "busy")
            with pytest.warns(match="get-order"):
                assert await group.get_order("e") == [1]
            assert isinstance(group.list_orders(), Pages)
            page = await group.list_orders()
            assert ([one.id for one in page.items], page.total) == (["a", "b"], 2)
            assert page.response.envelope.pagination.total == 2
            assert [one.id for one in await client.call("list-orders")] == ["a", "b"]
            assert (await client.call("get-order", path={"id": "a"})).id == "a"
    finally:
        await runner.cleanup()
