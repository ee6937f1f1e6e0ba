"""A generated client against a server: requests arrive as the document describes them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mittwald_async.codegen.compiler import compile_document
from mittwald_async.codegen.config import Config
from mittwald_async.codegen.load import Document

from ..support.openapi_documents import INT, TEXT, Json, body, document, obj, ok, operation, parameter
from .roundtrip import write


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """A server that returns the request it received."""

    async def answer(request: web.Request) -> web.Response:
        form: Json = {}
        if request.content_type.startswith(("multipart/", "application/x-www")):
            for key, value in (await request.post()).items():
                raw: Any = value.file.read() if isinstance(value, web.FileField) else value
                kind = f" as {value.content_type}" if isinstance(value, web.FileField) else ""
                form.setdefault(key, []).append(raw if isinstance(raw, str) else bytes(raw).decode() + kind)
        shown = {key: request.headers[key] for key in ("Authorization", "X-Color", "Cookie") if key in request.headers}
        return web.json_response({"path": request.raw_path, "headers": shown, "form": form})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def api() -> Json:
    array: Json = {"type": "array", "items": TEXT}
    seen = ok(obj(["path", "headers", "form"], path=TEXT, headers={"type": "object"}, form={"type": "object"}))
    form = obj(
        ["file"], file={"type": "string", "format": "binary"}, count=INT, tags=array, meta=obj(since=INT),
        more={"type": "array", "items": {"type": "string", "format": "binary"}},
    )  # fmt: skip
    described = body(form, "multipart/form-data")
    described["content"]["multipart/form-data"]["encoding"] = {"file": {"contentType": "image/png"}}
    paths: Json = {
        "/things/{ids}": {
            "get": operation(
                "get-things",
                parameters=[
                    parameter("ids", "path", array, required=True),
                    parameter("filter", schema=obj(status=TEXT), style="deepObject", explode=True),
                    parameter("sort", schema=array, explode=False),
                    parameter("X-Color", "header", obj(R=INT)),
                    parameter("x-color", "cookie"),
                ],
                responses=seen,
            )
        },
        "/upload": {"post": operation("upload", requestBody=described, responses=seen)},
        "/form": {
            "post": operation(
                "form",
                requestBody=body(obj(tags=array, at=obj(x=INT)), "application/x-www-form-urlencoded"),
                responses=seen,
            )
        },
    }
    return document(paths=paths)


async def test_styles_and_forms_arrive_as_documented(
    echo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(compile_document(Document(api(), "0"), Config(client="Echo"), "echo_client"), tmp_path / "echo_client")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    import echo_client  # type: ignore[import-not-found]  # pyright: ignore

    package: Any = echo_client
    async with package.Echo("secret", base_url=echo) as client:
        seen = await client.shop.get_things(
            ["a", "b/c"], filter={"status": "new"}, sort=["x", "y"], x_color={"R": 3}, cookie_x_color="green"
        )
        assert seen.path == "/things/a,b%2Fc?filter%5Bstatus%5D=new&sort=x,y"
        assert seen.headers == {"Authorization": "Bearer secret", "X-Color": "R,3", "Cookie": "x-color=green"}
        seen = await client.shop.upload(file=b"content", count=3, tags=["a", "b"], meta={"since": 1}, more=[b"1", b"2"])
        assert seen.form == {
            "file": ["content as image/png"], "count": ["3"], "tags": ["a", "b"], "meta": ['{"since":1}'],
            "more": ["1 as application/octet-stream", "2 as application/octet-stream"],
        }  # fmt: skip
        seen = await client.shop.form(tags=["a", "b"], at={"x": 1})
        assert seen.form == {"tags": ["a", "b"], "x": ["1"]}
    for loaded in [module for module in sys.modules if module.partition(".")[0] == "echo_client"]:
        del sys.modules[loaded]
