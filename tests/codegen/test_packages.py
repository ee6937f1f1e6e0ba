"""A whole client package for another API: its name, base URL and authentication."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mittwald_async.codegen import ir
from mittwald_async.codegen.__main__ import main
from mittwald_async.codegen.config import Config, Envelope, load_config
from mittwald_async.codegen.errors import DocumentError
from mittwald_async.codegen.names import RESERVED_GROUPS
from mittwald_async.runtime.client import Client
from mittwald_async.runtime.schemes import BASIC, BEARER, CookieToken, HeaderToken, OAuth2, QueryToken

from ..support.openapi_documents import INT, TEXT, Json, compiled, document, obj, ok, operation, parameter, ref

Made = Any


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Generates a package from a document with the command, and imports it."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    made: list[str] = []

    def generate(root: Json, config: str = "", name: str = "shop_client") -> ModuleType:
        (tmp_path / "openapi.json").write_text(json.dumps(root))
        (tmp_path / "shop.toml").write_text(config)
        arguments = ["--spec", str(tmp_path / "openapi.json"), "--out", str(tmp_path / name)]
        assert main([*arguments, "--config", str(tmp_path / "shop.toml")]) == 0
        made.append(name)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield generate
    for loaded in [module for module in sys.modules if module.partition(".")[0] in made]:
        del sys.modules[loaded]


def shop(**rest: Any) -> Json:
    paths: Json = {
        "/orders": {"get": operation("listOrders", responses=ok({"type": "array", "items": ref("Order")}))},
        "/orders/{id}": {
            "get": operation(
                "getOrder", parameters=[parameter("id", "path", required=True)], responses=ok(ref("Order"))
            )
        },
    }
    return {**document({"Order": obj(["id"], id=TEXT)}, paths), **rest}


def test_a_package_is_complete(make: Made, tmp_path: Path) -> None:
    package = make(shop(servers=[{"url": "https://shop.example/api/"}]))
    assert package.__all__ == ["PROFILE", "Shop", "errors", "models", "operations"]
    assert dir(package) == package.__all__
    assert issubclass(package.Shop, Client)
    assert package.PROFILE.base_url == "https://shop.example/api"
    assert package.PROFILE.product == "shop-client/7"
    assert package.PROFILE.token_variables == ("SHOP_API_TOKEN",)
    assert package.Shop.find("getOrder").path == "/orders/{id}"
    assert package.errors.NotFoundError.__module__.startswith("mittwald_async.runtime")
    errors = (tmp_path / "shop_client" / "errors.py").read_text()
    assert (
        "# pyright: reportWildcardImportFromLibrary=false\n" in errors
    )  # for projects that depend on the runtime as a library
    assert (tmp_path / "shop_client" / "py.typed").read_text() == ""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
    client: Any = package.Shop("secret")
    assert client.shop.get_order.__doc__.startswith("Get order.")
    assert client.with_options(max_retries=1).shop is not client.shop


def test_importing_a_package_loads_no_model_and_no_http_library(make: Made, tmp_path: Path) -> None:
    make(shop())
    code = (
        "import sys, shop_client; print([m for m in sys.modules if m in ('aiohttp', 'msgspec', 'shop_client.models')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("title", "name"),
    [("Shop", "Shop"), ("The Shop REST API v2", "Shop"), ("API", "Api"), ("", "Api"), ("Client API", "ClientApi"),
     ("größte 3D-Welt", "Größte3DWelt"), ("class", "Class")],
)  # fmt: skip
def test_the_client_is_named_after_the_title(title: str, name: str) -> None:
    files = compiled_package(shop(info={"title": title, "version": "1"}))
    assert f"class {name}(Groups, Client):" in files["client.py"]


def compiled_package(root: Json, config: Config | None = None) -> dict[str, str]:
    from mittwald_async.codegen.compiler import compile_document
    from mittwald_async.codegen.load import Document

    return compile_document(Document(root, "0"), config or Config(), "shop_client").files


def scheme(kind: str, **rest: Any) -> Json:
    root = shop(security=[{"main": []}])
    root["components"]["securitySchemes"] = {"main": {"type": kind, **rest}}
    return root


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (shop(), BEARER),
        (scheme("http", scheme="Bearer"), BEARER),
        (scheme("http", scheme="basic"), BASIC),
        (scheme("apiKey", **{"in": "header", "name": "X-Key"}), HeaderToken("X-Key")),
        (scheme("apiKey", **{"in": "query", "name": "key"}), QueryToken("key")),
        (scheme("apiKey", **{"in": "cookie", "name": "session"}), CookieToken("session")),
        (
            scheme("oauth2", flows={"clientCredentials": {"tokenUrl": "/token", "scopes": {"read": "", "write": ""}}}),
            OAuth2(token_url="/token", scopes=("read", "write")),
        ),
        (
            scheme("oauth2", flows={"clientCredentials": {"tokenUrl": "oauth/token", "scopes": {}}}),
            OAuth2(token_url="/oauth/token"),
        ),
        (scheme("oauth2", flows={"authorizationCode": {"tokenUrl": "/token"}}), BEARER),
        (scheme("openIdConnect", openIdConnectUrl="/x"), BEARER),
        (scheme("mutualTLS"), BEARER),
    ],
)
def test_authentication_follows_the_document(make: Made, root: Json, expected: object) -> None:
    assert make(root).PROFILE.authentication == expected


def test_the_scheme_that_most_operations_list_first_is_chosen(make: Made) -> None:
    root = shop(security=[{"key": []}, {"bearer": []}])
    root["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    }
    assert make(root).PROFILE.authentication == HeaderToken("X-Key")


def test_server_variables_are_arguments(make: Made) -> None:
    server = {
        "url": "https://{region}.shop.example:{port}/{class}",
        "variables": {
            "region": {"default": "eu", "enum": ["eu", "us"]},
            "port": {"default": "443"},
            "class": {"default": "a"},
        },
    }
    package = make(shop(servers=[server]))
    assert package.PROFILE.base_url == "https://eu.shop.example:443/a"
    assert package.base_url(region="us", class_="b") == "https://us.shop.example:443/b"


def test_a_base_url_with_unusual_characters_is_accepted(make: Made) -> None:
    server = {"url": 'https://x.example/"a\nb\\/{ar"ea}/{c}', "variables": {'ar"ea': {"default": "e"}}}
    package = make(shop(servers=[server]))
    assert package.base_url(ar_ea="x", c="y") == "https://x.example/%22a%0Ab%5C/x/y"


def test_a_base_url_without_a_host_is_required_from_the_user(make: Made) -> None:
    package = make(shop(servers=[{"url": "/api"}]))
    assert package.PROFILE.base_url is None
    with pytest.raises(package.errors.ConfigurationError, match="SHOP_BASE_URL"):
        package.Shop("token")


def test_the_configuration_supplies_what_the_document_lacks(make: Made) -> None:
    config = """
        [api]
        client = "Store"
        base_url = "https://store.example"
        token_variable = "STORE_KEY"
        methods = "path"

        [groups]
        "Shop" = "orders"

        [operations]
        "getOrder" = "archive.fetch"
        "nowhere" = "x"

        [schemas]
        "Order" = "sales.Purchase"
    """
    package = make(shop(), config)
    assert package.PROFILE.base_url == "https://store.example"
    assert package.PROFILE.token_variables == ("STORE_KEY",)
    store = package.Store("token")
    assert store.orders.list
    assert store.archive.fetch
    assert package.models.sales.Purchase(id="1").id == "1"


def test_renames_of_unknown_names_are_findings() -> None:
    made = compiled(shop(), Config(operations={"nowhere": "x"}, groups={"Shop": "orders"}))
    unused = [str(finding) for finding in made.findings if finding.kind == "unused"]
    assert unused == ["[unused] [operations] nowhere: the document has nothing of that name"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[groups]\nx = 1\n', r"\[groups\] must give a new name"),
        ('[groups]\nShop = "my shop"\n', r"\[groups\] 'Shop' must become a Python name, got 'my shop'"),
        ('[operations]\nx = "a.b.c"\n', r"\[operations\] 'x' must become a Python name, or two .*'a.b.c'"),
        ('[schemas]\nX = "class"\n', r"\[schemas\] 'X' must become"),
        ('[pagin]\nlimit = "x"\n', "unknown key 'pagin'; did you mean 'paging'"),
        ('paging = 3\n', r"\[paging\] must be a table"),
        ('[paging]\nlimits = "x"\n', r"\[paging\] has an unknown key 'limits'; did you mean 'limit'"),
        ('[paging]\nzzz = "x"\n', r"\[paging\] has an unknown key 'zzz'; it may have cursor"),
        ('[paging]\nlimit = 3\n', r"\[paging\] limit must be a list of texts"),
        ('[paging]\nitems = [""]\n', r"\[paging\] items must be a list of texts, none of them empty"),
        ('[paging]\nlink = "yes"\n', r"\[paging\] link must be true or false"),
        ('[paging]\nsize = true\n', r"\[paging\] size must be a whole number"),
        ('[paging]\nsize = 0\n', r"\[paging\] size must be at least 1"),
        ('[envelope]\ndata = 1\n', r"\[envelope\] data must be a text"),
        ('[api]\nmethods = "guess"\n', 'methods must be "operation_id" or "path"'),
        ('[api]\nclient = "shop client"\n', "client must be the name of a class"),
        ('[api]\nclient = "None"\n', "client must be the name of a class"),
        ('[api]\nclient = "Client"\n', "client must be the name of a class"),
        ('[api]\nclinet = "Shop"\n', r"\[api\] has an unknown key 'clinet'; did you mean 'client'"),
        ('[api]\nruntime = "os; import sys"\n', "runtime must be the name of a module"),
        ('[api]\ndefault_group = "class"\n', "default_group must be the name of a module"),
        ('[api]\nbase_url = "shop.example"\n', "base_url must begin with https://"),
        ('[api]\ntoken_variable = "A B"\n', "token_variable must be the name of an environment variable"),
        ('[api]\nreference = "{tag.__class__}"\n', "reference knows {tag} and {operation_id} only"),
        ('[api]\npath_prefixes = "/v1"\n', "path_prefixes must be a list of texts"),
        ('[[correction]]\npointer = "#/x"\naction = "set"\nreason = "r"\nvalu = 1\n', "of #/x has an unknown key 'valu'"),
        ('[[correction]]\npointer = "#/x"\naction = "set"\nreason = "r"\nunless = 1\n', "of #/x: unless must be a text"),
    ],
)  # fmt: skip
def test_mistakes_in_the_configuration_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(DocumentError, match=message):
        load_config(path)


def test_names_that_the_client_itself_uses_are_reserved() -> None:
    public = {name for name in dir(Client) if not name.startswith("_")} | {"sender", "profile"}
    assert public <= RESERVED_GROUPS
    paths: Json = {f"/{name}": {"get": operation(f"get-{name}", name)} for name in sorted(RESERVED_GROUPS)}
    groups = {one.group for one in compiled(document(paths=paths)).surface.operations}
    assert groups == {f"{name}_group" for name in RESERVED_GROUPS}


def test_a_foreign_file_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, out = tmp_path / "openapi.json", tmp_path / "shop_client"
    spec.write_text(json.dumps(shop()))
    out.mkdir()
    (out / "client.py").write_text("mine = 1\n")
    (out / "extra.py").write_text("mine = 2\n")
    assert main(["--spec", str(spec), "--out", str(out)]) == 2
    assert "client.py is not a generated file" in capsys.readouterr().err
    (out / "client.py").unlink()
    assert main(["--spec", str(spec), "--out", str(out)]) == 0
    assert (out / "extra.py").read_text() == "mine = 2\n"


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("get", "/spaces/", "list"),
        ("get", "/spaces/{id}", "get"),
        ("post", "/spaces/", "create"),
        ("put", "/spaces/{id}", "replace"),
        ("patch", "/spaces/{id}", "update"),
        ("delete", "/spaces/{id}", "delete"),
        ("get", "/spaces/{id}/contacts", "list_contacts"),
        ("delete", "/spaces/{id}/contacts/{contactId}", "delete_contact"),
        ("post", "/spaces/{id}/contacts", "create_contact"),
        ("post", "/spaces/{id}/reset-counts", "reset_counts"),
        ("post", "/spaces/{id}/contacts/{contactId}/approve", "approve_contact"),
        ("get", "/spaces/export", "export"),
        ("patch", "/spaces/{id}/promotion", "update_promotion"),
        ("get", "/tenants/{id}/spaces", "list_tenant_spaces"),
    ],
)
def test_methods_can_be_named_after_their_routes(method: str, path: str, name: str) -> None:
    many = ok({"type": "array", "items": INT}) if name.startswith("list") else ok(INT)
    paths: Json = {f"/api/v1/secure{path}": {method: operation("x", "Spaces", responses=many)}}
    if "tenants" in path:  # takes the short name first
        first = {"get": operation("first", "Spaces", responses=ok({"type": "array", "items": INT}))}
        paths = {"/api/v1/secure/spaces": first, **paths}
    made = compiled(document(paths=paths), Config(methods="path", path_prefixes=("/api/v1/secure", "/api/v1")))
    found = {one.operation_id: one.name for one in made.surface.operations}
    assert found["x"] == name


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (ref("Orders"), "list"),
        (ref("Same"), "list"),
        (ref("Wrapped"), "list"),
        (ref("Extended"), "list"),
        (ref("Order"), "get"),
        ({"type": "object", "properties": {"result": ref("Order")}}, "get"),
    ],
    ids=["orders", "same", "wrapped", "extended", "order", "wrapped order"],
)
def test_a_route_that_returns_a_list_is_named_list_wherever_the_list_is_described(result: Json, name: str) -> None:
    schemas: Json = {
        "Order": obj(id=TEXT), "Orders": {"type": "array", "items": ref("Order")}, "Same": ref("Orders"),
        "Wrapped": obj(result=ref("Orders")), "Extended": {"allOf": [obj(ok=INT), obj(result=ref("Same"))]},
    }  # fmt: skip
    root = document(schemas, {"/orders": {"get": operation("x", "Orders", responses=ok(result))}})
    [found] = compiled(root, Config(methods="path", envelope=Envelope("result"))).surface.operations
    assert found.name == name


@pytest.mark.parametrize(
    ("beside", "wrapped"), [((), True), (("success", "message"), True), (("success",), False)], ids=str
)
def test_envelopes_are_recognised_by_their_contents(beside: tuple[str, ...], wrapped: bool) -> None:
    whole = obj(["data"], success={"type": "boolean"}, message=TEXT, data=ref("Order"))
    root = document({"Order": obj(["id"], id=TEXT)}, {"/x": {"get": operation("x", responses=ok(whole))}})
    [found] = compiled(root, Config(envelope=Envelope("data", beside))).surface.operations
    assert found.results[0].envelope == (("data", ir.Ref("common", "Order")) if wrapped else None)


def test_paging_is_recognised_by_common_names() -> None:
    page = obj(["items"], items={"type": "array", "items": INT}, pagination=obj(total=INT, hasMore={"type": "boolean"}))
    number: Json = {"type": "integer", "default": 20, "maximum": 50}
    paths: Json = {
        "/a": {
            "get": operation(
                "a", parameters=[parameter("per_page", schema=number), parameter("page")], responses=ok(page)
            )
        },
        "/b": {"get": operation("b", parameters=[parameter("per_page"), parameter("cursor")], responses=ok(page))},
    }
    made = compiled(document(paths=paths))
    first, second = made.surface.operations
    assert first.paging is not None
    assert (first.paging.limit, first.paging.page, first.paging.items) == ("per_page", "page", "items")
    assert (first.paging.total, first.paging.has_more) == ("pagination.total", "pagination.hasMore")
    assert (first.paging.default_limit, first.paging.max_limit) == (20, 50)
    assert second.paging is None  # nothing in the response says where the next page is
    assert made.surface.paging_names == ir.PagingParameters(limit="per_page", skip="skip", page="page")


def test_an_empty_document_yields_a_package(make: Made, tmp_path: Path) -> None:
    package = make({"openapi": "3.1.0"}, name="empty_client")
    assert package.models.__all__ == []
    assert list(package.operations.OPERATIONS) == []
    assert package.Api("token", base_url="https://x.example").base_url == "https://x.example"
    command = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--check",
        "--line-length",
        "120",
        str(tmp_path / "empty_client"),
    ]
    if importlib.util.find_spec("ruff") is not None:
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
