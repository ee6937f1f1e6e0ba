"""The README's claims about the official SDK hold for the version it names, on the same emulator."""

from __future__ import annotations

import importlib.util
import inspect
import io
import json
import pkgutil
from collections.abc import AsyncIterator
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest

from mittwald_async import Mittwald, codec
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.models import dns

from .blocks import DOCS

INSTALLED = importlib.util.find_spec("mittwald_api_client") is not None
pytestmark = [
    pytest.mark.skipif(not INSTALLED, reason="mittwald-api-client is not installed (extra bench)"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def sdk(path: str) -> Any:
    return import_module(f"mittwald_api_client.{path}")


@pytest.fixture
async def api() -> AsyncIterator[Emulator]:
    async with Emulator(seed=7, lag=0.0, drift=0.0) as emulator:
        yield emulator


@pytest.fixture
async def official(api: Emulator) -> AsyncIterator[Any]:
    async with sdk("client").AuthenticatedClient(base_url=api.url, token=api.token) as client:
        yield client


@pytest.fixture
async def mw(api: Emulator) -> AsyncIterator[Mittwald]:
    async with Mittwald(api.token, base_url=api.url) as client:
        yield client


def modules(package: ModuleType) -> list[str]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [module.name for module in found if not module.ispkg]


def test_the_version_and_the_number_of_operations_named() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert f"`mittwald-api-client` {metadata.version('mittwald-api-client')}" in text
    assert f"{len(modules(sdk('api')))} modules" in text


def test_it_evaluates_neither_the_budget_nor_the_event_of_a_write() -> None:
    """Its own code: everything except the models and the docstrings of operations."""
    root = Path(sdk("client").__file__).parent
    own = [root / "client.py", root / "types.py", root / "errors.py", *(root / "api").rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8").lower() for path in own)
    assert [word for word in ("x-ratelimit", "retry-after", "if-event-reached", "etag") if word in text] == []


async def test_a_download_is_held_in_memory_and_calls_may_be_synchronous() -> None:
    module = sdk("api.file.file_get_file")
    assert "BytesIO(response.content)" in inspect.getsource(module)
    assert not inspect.iscoroutinefunction(module.sync)


async def test_httpx_gives_up_after_five_seconds_and_retries_nothing() -> None:
    httpx = import_module("httpx")
    async with httpx.AsyncClient() as client:
        timeout = client.timeout
        assert (timeout.connect, timeout.read, timeout.write, timeout.pool) == (5, 5, 5, 5)
    assert inspect.signature(httpx.AsyncHTTPTransport).parameters["retries"].default == 0


async def test_it_has_no_timeout(official: Any) -> None:
    timeout = official.get_async_httpx_client().timeout
    assert (timeout.connect, timeout.read, timeout.write, timeout.pool) == (None, None, None, None)


async def test_it_retries_nothing_and_returns_errors(api: Emulator, official: Any) -> None:
    api.inject(Fault(operation="project-list-projects", status=503, count=1))
    found = await sdk("api.project.project_list_projects").asyncio(client=official)
    assert type(found).__name__ == "DeMittwaldV1CommonsError"
    assert len(api.requests) == 1


async def test_an_html_error_body_hides_the_status(api: Emulator, official: Any) -> None:
    api.inject(Fault(operation="project-list-projects", status=502, html=True))
    with pytest.raises(json.JSONDecodeError):
        await sdk("api.project.project_list_projects").asyncio(client=official)


async def test_it_returns_the_first_page_only(official: Any) -> None:
    answer = await sdk("api.project.project_list_projects").asyncio_detailed(client=official, limit=5)
    assert len(answer.parsed) == 5
    assert answer.headers["x-pagination-totalcount"] == "20"


async def test_a_dns_zone_loses_its_records_in_the_sdk_and_not_here(mw: Mittwald, official: Any) -> None:
    project = await mw.project.list_projects().first()
    assert project is not None
    zone = (await mw.domain.dns_list_dns_zones(project.id)).items[0]
    assert isinstance(zone.record_set.txt, dns.RecordTXTComponent)
    theirs = await sdk("api.domain.dns_get_dns_zone").asyncio(UUID(zone.id), client=official)
    kinds = {type(value).__name__ for value in vars_of(theirs.record_set)}
    assert kinds == {"DeMittwaldV1DnsRecordUnset"}
    assert theirs.to_dict()["recordSet"]["txt"] == {}


def vars_of(record_set: Any) -> list[object]:
    return [getattr(record_set, name) for name in ("caa", "cname", "combined_a_records", "mx", "srv", "txt")]


async def test_new_and_missing_values_fail_in_the_sdk(mw: Mittwald) -> None:
    page = await mw.project.list_projects()
    item = json.loads(codec.encode(page.items[0]))
    made = sdk("models").ProjectListProjectsResponse200Item
    with pytest.raises(ValueError, match="brandnew"):
        made.from_dict({**item, "status": "brandnew"})
    with pytest.raises(KeyError, match="description"):
        made.from_dict({name: value for name, value in item.items() if name != "description"})


async def test_an_upload_fails_before_it_is_sent(api: Emulator, official: Any) -> None:
    file = sdk("types").File(payload=io.BytesIO(b"content"), file_name="a.txt")
    body = sdk("models").FileCreateFileBody(file=file)
    with pytest.raises(TypeError, match="Header value must be str"):
        await sdk("api.file.file_create_file").asyncio(client=official, token=uuid4(), body=body)
    assert api.requests == []
