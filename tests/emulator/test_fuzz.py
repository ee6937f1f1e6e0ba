"""Every operation responds to any input, and never with 500: random paths, queries and bodies, and inputs that once
caused failures."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mittwald_async.emulator.routes import PLACEHOLDER
from mittwald_async.operations import OPERATIONS

from ..support.emulator_requests import EmulatorClient
from ..support.valid_requests import Request, request_for

IDS = sorted(OPERATIONS)
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.json"))

ODD = st.sampled_from(["-1", "0", "7", "true", "null", "2026-01-01", "1e9", "ä", "%", "p-000000"])
QUIET = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
TEXT = st.text(max_size=12)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def client() -> EmulatorClient:
    return EmulatorClient(customers=2, projects=3)


def answer(client: EmulatorClient, method: str, url: str, body: Any) -> int:
    """The status of one request; a failing handler is a 500 of the emulator."""

    async def ask() -> int:
        return (await client.send(method, url, body)).status

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def valid(client: EmulatorClient) -> dict[str, Request]:
    """A valid request for every operation, with existing ids."""

    async def made() -> dict[str, Request]:
        found: dict[str, Request] = {}
        for operation_id, route in client.core.routes.by_id.items():
            if "logout" not in operation_id:
                found[operation_id] = await request_for(client, route)
        return found

    return asyncio.run(made())


@QUIET
@given(data=st.data())
def test_a_valid_request_with_one_random_value_gets_a_response(
    client: EmulatorClient, valid: dict[str, Request], data: st.DataObject
) -> None:
    request = valid[data.draw(st.sampled_from(sorted(valid)))]
    body: dict[str, Any] | None = document(request)
    url = request.url
    if body is not None and data.draw(st.booleans()):
        body[data.draw(st.sampled_from(sorted(body)) if body else TEXT)] = data.draw(JSON)
    else:
        wires = [p.wire for p in request.route.operation.parameters if p.where == "query"]
        wire = data.draw(st.sampled_from(wires) if wires else TEXT)
        url += ("&" if "?" in url else "?") + f"{quote(wire)}={quote(data.draw(ODD | TEXT))}"
    assert answer(client, request.method, url, body) != 500, (request.method, url, body)


def document(request: Request) -> dict[str, Any] | None:
    """The body if it is a JSON object."""
    found: Any = json.loads(request.body) if request.headers.get("content-type", "").endswith("json") else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


@QUIET
@given(operation=st.sampled_from(IDS), value=TEXT.filter(lambda text: text not in ("", ".", "..")), body=JSON)
def test_random_ids_and_bodies_get_a_response(client: EmulatorClient, operation: str, value: str, body: Any) -> None:
    found = OPERATIONS[operation]
    path = PLACEHOLDER.sub(lambda _: quote(value, safe=""), found.path)
    assert answer(client, found.method, path, body) != 500


@pytest.mark.parametrize("case", CORPUS, ids=lambda path: path.stem)
def test_former_failures_get_a_response(client: EmulatorClient, case: Path) -> None:
    found = json.loads(case.read_text(encoding="utf-8"))
    assert answer(client, found["method"], found["url"], found["body"]) != 500
