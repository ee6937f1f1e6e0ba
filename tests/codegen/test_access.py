"""Servers and security that differ between operations."""

from __future__ import annotations

from pathlib import Path

import pytest

from mittwald_async.codegen.config import Config, PagingConfig
from mittwald_async.codegen.errors import DocumentError

from ..support.openapi_documents import INT, Json, Package, Recorder, compiled, document, ok, operation, parameter


def server(*urls: str) -> list[Json]:
    return [{"url": url} for url in urls]


def routes(root: Json) -> dict[str, str]:
    return {one.operation_id: one.path for one in compiled(root).surface.operations}


def notes(root: Json, kind: str, config: Config | None = None) -> list[str]:
    return [str(one) for one in compiled(root, config or Config()).findings if one.kind == kind]


# ---- servers ----


async def test_an_operation_with_a_server_below_the_base_url_is_called_there(tmp_path: Path) -> None:
    paths: Json = {
        "/volumes": {"servers": server("https://x.example/v4"), "get": operation("list")},
        "/beta": {
            "servers": server("https://x.example/v4"),
            "get": operation("beta", servers=server("https://x.example/v5/", "https://x.example/v4")),
        },
        "/here": {"get": operation("here", servers=server("https://x.example/"))},
        "/relative": {"get": operation("relative", servers=server("/v6"))},
    }
    root = document(paths=paths, servers=server("https://x.example"))
    assert routes(root) == {
        "list": "/v4/volumes", "beta": "/v5/beta", "here": "/here", "relative": "/v6/relative",
    }  # fmt: skip
    assert notes(root, "servers") == []
    recorder = Recorder()
    await Package(root, tmp_path).group("shop", recorder).list()
    assert recorder.operation.path == "/v4/volumes"


@pytest.mark.parametrize("url", ["https://files.example", "https://x.example/v5", "https://x.example/v4/{area}", "/v5"])
def test_an_operation_on_a_server_outside_the_base_url_is_a_finding(url: str) -> None:
    paths: Json = {"/files": {"post": operation("upload", servers=server(url))}}
    root = document(paths=paths, servers=server("https://x.example/v4"))
    [found] = notes(root, "servers")
    assert f"#/paths/~1files/post: only at {url}: a client with that base_url reaches it" in found
    assert routes(root) == {"upload": "/files"}


def test_a_server_that_every_operation_names_is_the_default() -> None:
    paths: Json = {
        "/a": {"get": operation("a", servers=server("https://x.example/api"))},
        "/b": {"servers": server("https://x.example/api"), "get": operation("b")},
        "/c": {"get": operation("c", servers=server("https://other.example"))},
    }
    made = compiled(document(paths=paths))
    assert [one.url for one in made.surface.servers] == ["https://x.example/api"]
    assert len([one for one in made.findings if one.kind == "servers"]) == 1


@pytest.mark.parametrize("odd", [3, [], [3], [{}], [{"url": 3}], {"url": "https://x.example"}])
def test_invalid_servers_of_an_operation(odd: object) -> None:
    root = document(paths={"/a": {"get": operation("a", servers=odd)}}, servers=server("https://x.example"))
    assert routes(root) == {"a": "/a"}


# ---- security ----


def guarded(**demands: list[Json]) -> Json:
    paths: Json = {f"/{name}": {"get": operation(name, security=demand)} for name, demand in demands.items()}
    schemes: Json = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "oauth": {"type": "oauth2", "flows": {}},
        "basic": {"type": "http", "scheme": "basic"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "site": {"type": "apiKey", "in": "query", "name": "site"},
    }
    root = document(paths=paths)
    root["components"]["securitySchemes"] = schemes
    return root


def secured(root: Json, config: Config | None = None) -> dict[str, bool]:
    return {one.operation_id: one.secured for one in compiled(root, config or Config()).surface.operations}


def test_the_token_is_sent_only_where_the_document_requires_it() -> None:
    root = guarded(
        one=[{"bearer": []}], two=[{"basic": []}, {"bearer": []}], three=[{"oauth": []}], login=[{"basic": []}],
        open=[], either=[{}, {"bearer": []}],
    )  # fmt: skip
    assert secured(root) == {
        "one": True, "two": True, "three": True, "login": False, "open": False, "either": False,
    }  # fmt: skip
    [found] = notes(root, "security")
    assert found.startswith("[security] #/components/securitySchemes/basic: #/paths/~1login/get: demanded instead of")
    assert "header Authorization" in found


def test_schemes_required_together_are_reported_once() -> None:
    both: list[Json] = [{"bearer": [], "key": [], "site": []}]
    root = guarded(one=both, two=both, three=[{"bearer": []}])
    assert secured(root) == {"one": True, "two": True, "three": True}
    key, site = notes(root, "security")
    assert "#/paths/~1one/get and 1 more operations: demanded beside the client's own scheme" in key
    assert key.endswith("callers give it themselves (header X-Key)")
    assert site.endswith("(query site)")


def test_the_configured_scheme_takes_precedence() -> None:
    root = guarded(one=[{"bearer": []}], two=[{"bearer": []}, {"key": []}], three=[{"unheard-of": []}])
    assert secured(root, Config(authentication="key")) == {"one": False, "two": True, "three": True}


def test_a_scheme_that_no_operation_requires_is_refused() -> None:
    with pytest.raises(DocumentError, match="no operation requires the security scheme 'site'"):
        compiled(guarded(one=[{"bearer": []}]), Config(authentication="site"))


# ---- two paging styles in one list ----


def listed(*names: str) -> Json:
    given = [parameter(name, schema=INT) for name in names]
    return document(
        paths={"/a": {"get": operation("a", parameters=given, responses=ok({"type": "array", "items": INT}))}}
    )


def test_a_list_with_an_offset_and_a_page_number_uses_the_offset() -> None:
    [found] = notes(listed("limit", "offset", "page"), "paging")
    assert "an offset (offset) and a page number (page): it is read by the offset" in found
    assert notes(listed("limit", "page"), "paging") == []


def test_a_configuration_with_both_styles_is_refused() -> None:
    both = Config(paging=PagingConfig(skip=("start",), page=("number",)))
    with pytest.raises(DocumentError, match=r"#/paths/~1a/get: the list has 'start' and 'number'.*leave one out"):
        compiled(listed("limit", "start", "number"), both)
    assert notes(listed("limit", "number"), "paging", both) == []
    one = Config(paging=PagingConfig(skip=("start",)))
    assert notes(listed("limit", "start", "page"), "paging", one) != []
