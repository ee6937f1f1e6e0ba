"""`docs/webhooks.md`: its applications receive signed calls, and its exchange yields a working token."""

from __future__ import annotations

import ast
import inspect
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator
from mittwald_async.errors import TransportError
from mittwald_async.webhooks import ReplayedError, Verifier
from tests.readme.blocks import DOCS, blocks
from tests.support.webhook_sender import Sender, call

PAGE = DOCS / "webhooks.md"
SECTIONS = {block.name.removeprefix("webhooks: ").rpartition(" ")[0]: block.text for block in blocks(PAGE, "python")}


async def run(section: str, mw: Any) -> dict[str, Any]:
    """The names that the block of a section defines."""
    names: dict[str, Any] = {"mw": mw, "__name__": "page"}
    code = compile(SECTIONS[section], str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    result: Any = eval(code, names)
    if inspect.iscoroutine(result):
        await result
    return names


@asynccontextmanager
async def application(section: str, sender: Sender) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the page's application, whose keys come from the sender."""

    client = SimpleNamespace(webhooks=Verifier(sender.groups))
    app = (await run(section, client))["app"]
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://extension.example") as http:
        yield http


async def test_a_shared_store_refuses_a_repeated_call() -> None:
    async with Emulator(drift=0.0) as api, Mittwald(api.token, base_url=api.url) as mw:
        store = (await run("start", mw))["Calls"]()
    sender, body = Sender(), call()
    verifier = Verifier(sender.groups, store=store)
    await verifier.verify(sender.headers(body), body)
    with pytest.raises(ReplayedError):
        await verifier.verify(sender.headers(body), body)


@pytest.mark.parametrize("section", ["FastAPI", "Starlette"])
async def test_an_application_processes_a_signed_call_once(section: str, capsys: pytest.CaptureFixture[str]) -> None:
    sender, body = Sender(), call()
    async with application(section, sender) as http:
        for _ in range(2):
            response = await http.post("/webhooks", content=body, headers=sender.headers(body))
            assert response.status_code == 204
    assert capsys.readouterr().out == "ExtensionAddedToContext i-1\n"


@pytest.mark.parametrize("section", ["FastAPI", "Starlette"])
async def test_an_application_refuses_a_tampered_call(section: str, capsys: pytest.CaptureFixture[str]) -> None:
    sender, body = Sender(), call()
    async with application(section, sender) as http:
        response = await http.post("/webhooks", content=body + b" ", headers=sender.headers(body))
    assert response.status_code == 401
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("section", ["FastAPI", "Starlette"])
async def test_an_application_asks_for_redelivery_while_keys_cannot_be_fetched(section: str) -> None:
    sender, body = Sender(), call()
    sender.trouble = TransportError("the connection broke")
    async with application(section, sender) as http:
        response = await http.post("/webhooks", content=body, headers=sender.headers(body))
    assert response.status_code == 503


async def test_the_exchange_returns_a_token_of_the_user() -> None:
    async with Emulator(drift=0.0) as api, Mittwald(api.token, base_url=api.url) as mw:
        user_of = (await run("Session tokens", mw))["user_of"]
        instance = await mw.marketplace.extension_list_extension_instances().first()
        assert instance is not None
        issued = await mw.marketplace.extension_generate_session_token(instance.id, str(uuid4()))
        access = await user_of(issued.session_token, f"secret-of-{instance.extension_id}")
        async with Mittwald(access.public_token, base_url=api.url) as user:
            assert (await user.user.get_user("self")).user_id
