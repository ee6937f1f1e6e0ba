"""`docs/another-api.md` works from top to bottom."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mittwald_async.codegen.__main__ import main
from mittwald_async.codegen.config import Budget, Config, PagingConfig, load_config

PAGE = Path(__file__).resolve().parents[2] / "docs" / "another-api.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_page_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    names: dict[str, Any] = {}
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, PAGE, "exec", dont_inherit=True), names)
        elif language == "console":
            for line in text.splitlines():
                words = shlex.split(line.removeprefix("$ "))
                assert words[:3] == ["python", "-m", "mittwald_async.codegen"]
                assert main(words[3:]) == 0
    assert names["shop"].base_url == "https://us.shop.example"
    assert "Orders.get" in capsys.readouterr().out.replace("OrdersGroup", "Orders")
    asyncio.run(look_around(names))
    assert capsys.readouterr().out.splitlines() == [
        "0 t0", "1 t1", "2 t2", "gone no such ticket t-1", "Problem(code='gone', text='no such ticket', trace='t-1')",
    ]  # fmt: skip
    assert asyncio.run(keys_sent(names["DeskByHeader"])) == ({}, "a-key")
    for loaded in [module for module in sys.modules if module.partition(".")[0] in ("shop_client", "desk_client")]:
        del sys.modules[loaded]


async def keys_sent(kind: Any) -> tuple[dict[str, str], str | None]:
    """The query and the key header that the page's second class sends with a call."""
    seen: list[tuple[dict[str, str], str | None]] = []

    async def one(request: web.Request) -> web.Response:
        seen.append((dict(request.query), request.headers.get("X-Desk-Key")))
        return web.json_response({"result": {"id": 1, "title": "t"}})

    app = web.Application()
    app.router.add_get("/tickets/1", one)
    async with TestServer(app) as server, kind("a-key", base_url=str(server.make_url(""))) as desk:
        await desk.tickets.get(1)
    return seen[0]


async def look_around(names: dict[str, Any]) -> None:
    """The page's function, against a server that behaves as the page describes."""
    tickets = [{"id": number, "title": f"t{number}"} for number in range(3)]

    async def listed(request: web.Request) -> web.Response:
        assert request.query["api_key"] == "a-key"
        start, size = int(request.query.get("cursor", 0)), 2
        following = str(start + size) if start + size < len(tickets) else None
        return web.json_response({"result": tickets[start : start + size], "meta": {"next": following}})

    async def gone(request: web.Request) -> web.Response:
        return web.json_response({"code": "gone", "text": "no such ticket", "trace": "t-1"}, status=404)

    application = web.Application()
    application.router.add_get("/api/tickets", listed)
    application.router.add_get("/api/tickets/99", gone)
    async with (
        TestServer(application) as server,
        names["TicketDesk"]("a-key", base_url=str(server.make_url("/api"))) as desk,
    ):
        await names["look"](desk)


def test_every_configuration_key_is_documented_and_the_examples_parse(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    reported = set(re.findall(r"`([a-z_]+)`", page))
    inner = {
        "runtime",
        "removed_marker",
        "groups",
        "operations",
        "schemas",
        "paging",
        "envelope",
        "errors",
        "budget",
        "corrections",
        "_used",
    }
    assert {found.name for found in fields(Config)} - inner <= reported
    assert {found.name for found in fields(PagingConfig)} - {"link"} <= reported
    assert {found.name for found in fields(Budget)} - {"exempt", "structured"} <= reported
    for number, (_, text) in enumerate(block for block in BLOCKS if block[0] == "toml"):
        assert tomllib.loads(text)
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        load_config(path)
