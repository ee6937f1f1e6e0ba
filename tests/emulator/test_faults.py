"""Injected faults: which requests they hit, how often, and what arrives."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from mittwald_async.emulator import Emulator, EmulatorOptions, Fault, OptionError
from mittwald_async.emulator.faults import matches, parsed
from mittwald_async.operations import OPERATIONS

from ..support.emulator_requests import CALM, EmulatorClient


@asynccontextmanager
async def served(*faults: Fault, **options: Any) -> AsyncGenerator[tuple[Emulator, aiohttp.ClientSession]]:
    async with Emulator(**{**CALM, **options}, faults=faults) as emulator:
        headers = {"x-access-token": emulator.token}
        async with aiohttp.ClientSession(emulator.url, headers=headers) as session:
            yield emulator, session


async def read(session: aiohttp.ClientSession) -> bytes:
    async with session.get("/v2/projects") as response:
        return await response.read()


async def statuses(client: EmulatorClient, times: int, url: str = "/v2/projects") -> list[int]:
    return [(await client.get(url)).status for _ in range(times)]


async def test_a_fault_hits_a_given_number_of_times() -> None:
    client = EmulatorClient(faults=[Fault(operation="project-list-projects", status=503, count=2, after=1)])
    assert await statuses(client, 5) == [200, 503, 503, 200, 200]
    assert (await client.get("/v2/customers")).status == 200


async def test_a_response_is_lost_after_the_write_was_executed() -> None:
    lost = Fault(operation="ssh-user-create-ssh-user", executed=True, reset="before", count=1)
    async with served(lost) as (emulator, session):
        url = f"/v2/projects/{emulator.world.seeded.id('project', 0)}/ssh-users"
        body = {"authentication": {"password": "Sicher-1234567"}, "description": "deploy"}
        with pytest.raises(aiohttp.ClientError):
            await session.post(url, json=body)
        [write] = emulator.writes
        assert (write.operation_id, write.body) == ("ssh-user-create-ssh-user", body)
        assert len(write.created) == 1
        assert [entry.status for entry in emulator.requests] == [201]


async def test_a_proxy_returns_502_after_the_write_was_executed() -> None:
    client = EmulatorClient(faults=[Fault(operation="*", executed=True, status=502, html=True, count=1, after=1)])
    url = f"/v2/projects/{await client.project()}/description"
    answer = await client.patch(url, {"description": "a"})
    assert (answer.status, answer.headers["content-type"]) == (502, "text/html")
    assert len(client.emulator.writes) == 1
    refused = EmulatorClient(faults=[Fault(operation="*", status=502, after=1)])
    assert (
        await refused.patch(f"/v2/projects/{await refused.project()}/description", {"description": "a"})
    ).status == 502
    assert refused.emulator.writes == []


async def test_a_response_stalls_after_the_write_was_executed() -> None:
    client = EmulatorClient(clock="virtual", faults=[Fault(operation="deprecated-*", stall=30.0)])
    url = f"/v2/projects/{await client.project()}/description"
    task = asyncio.create_task(client.patch(url, {"description": "a"}))
    await asyncio.sleep(0)
    assert (len(client.emulator.writes), task.done()) == (1, False)
    client.emulator.advance(30)
    assert (await task).status == 204


@pytest.mark.parametrize("unannounced", [False, True])
async def test_a_compressed_body_is_truncated(unannounced: bool) -> None:
    async with Emulator(**CALM, faults=[Fault(gzip=True, truncate=200, unannounced=unannounced)]) as emulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(emulator.url.rpartition(":")[2]))
        writer.write(f"GET /v2/projects HTTP/1.1\r\nHost: x\r\nX-Access-Token: {emulator.token}\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    assert b"Content-Encoding: gzip" in head
    assert (b"Content-Length" in head) is not unannounced
    assert len(body) == 200
    with pytest.raises(EOFError):
        gzip.decompress(body)


async def test_a_compressed_body_can_be_complete() -> None:
    async with served(Fault(gzip=True)) as (_, session):
        assert len(msgspec.json.decode(await read(session))) == 20


async def test_probability_follows_the_seed() -> None:
    def client(seed: int) -> EmulatorClient:
        return EmulatorClient(faults=[Fault(probability=0.5, status=500, seed=seed)])

    first, same, other = [await statuses(client(seed), 40) for seed in (1, 1, 2)]
    assert first == same != other
    assert 5 < first.count(500) < 35


async def test_the_first_matching_fault_applies() -> None:
    client = EmulatorClient(faults=[Fault(status=500, count=1), Fault(status=502, count=1)])
    assert await statuses(client, 3) == [500, 502, 200]


def test_patterns_match_operation_ids_or_routes() -> None:
    operation = OPERATIONS["project-list-projects"]
    meant = ["*", "project-*", "project-list-projects", "GET *", "GET /v2/projects", "* /v2/proj*"]
    assert all(matches(pattern, operation) for pattern in meant)
    assert not any(matches(pattern, operation) for pattern in ("project", "POST *", "GET /v2/servers"))


async def test_a_refused_request_is_not_executed_unless_configured() -> None:
    for executed in (False, True):
        client = EmulatorClient()
        project = await client.project()
        client.emulator.inject(Fault(operation="*-update-project-description", status=500, executed=executed))
        assert (await client.patch(f"/v2/projects/{project}/description", {"description": "after"})).status == 500
        happened = (await client.get(f"/v2/projects/{project}")).json["description"] == "after"
        assert happened is executed


async def test_error_bodies_can_be_the_apis_a_proxys_or_anything() -> None:
    client = EmulatorClient(
        faults=[Fault(status=500, count=1), Fault(status=502, html=True, count=1), Fault(status=418, body="{", count=1)]
    )
    like_the_api = await client.get("/v2/projects")
    assert like_the_api.json == {"type": "InternalError", "message": "something went wrong"}
    proxy = await client.get("/v2/projects")
    assert (proxy.headers["content-type"], b"<html>" in proxy.body) == ("text/html", True)
    assert (await client.get("/v2/projects")).body == b"{"


async def test_invalid_headers_can_replace_or_remove_the_real_ones() -> None:
    client = EmulatorClient(
        rate_limit=(10, 60.0),
        faults=[Fault(headers={"x-ratelimit-reset": "soon", "x-ratelimit-limit": "", "x-new": "1"})],
    )
    headers = (await client.get("/v2/projects")).headers
    assert (headers["x-ratelimit-reset"], headers["x-new"]) == ("soon", "1")
    assert "x-ratelimit-limit" not in headers
    assert headers["x-ratelimit-remaining"] == "9"


@pytest.mark.parametrize("moment", ["before", "during", "after"])
async def test_connections_can_be_reset_at_any_point(moment: Any) -> None:
    async with served(Fault(reset=moment)) as (emulator, session):
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await read(session)
        emulator.core.faults.clear()
        assert await read(session)


async def test_a_body_can_be_truncated() -> None:
    async with served(Fault(truncate=10, count=1)) as (_, session):
        with pytest.raises(aiohttp.ClientPayloadError):
            await read(session)


async def test_a_body_can_drip_and_a_response_can_be_late() -> None:
    async with served(Fault(drip=0.01, delay=0.05)) as (_, session):
        began = time.monotonic()
        async with session.get("/v2/projects") as response:
            assert time.monotonic() - began >= 0.05
            assert len(await response.json()) == 20
        assert time.monotonic() - began >= 0.14


async def test_a_reset_before_the_response_changes_nothing() -> None:
    async with served() as (emulator, session):
        async with session.get("/v2/projects") as response:
            project = (await response.json())[0]["id"]
        emulator.inject(Fault(operation="*-update-project-description", reset="before"))
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await session.patch(f"/v2/projects/{project}/description", json={"description": "x"})
        async with session.get(f"/v2/projects/{project}") as response:
            assert (await response.json())["description"] != "x"


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        ({"probability": 2}, "probability"),
        ({"status": 99}, "status"),
        ({"html": True}, "need a status"),
        ({"html": True, "body": "x", "status": 500}, "contradict"),
        ({"unannounced": True}, "unannounced needs truncate"),
        ({"reset": "after", "truncate": 3}, "contradict"),
        ({"delay": -1}, "0 or more"),
        ({"headers": {"x-broken": "a\r\nb"}}, "headers"),
        ({"headers": {"x broken": "a"}}, "headers"),
        ({"reset": "never"}, "fault"),
        ({"statsu": 500}, "unknown statsu"),
        ("anything", "fault"),
    ],
)
def test_invalid_faults_are_refused(plan: Any, problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        parsed(plan)


@pytest.mark.parametrize("operation", ["project-list-project", "projekt-*", "GET /v2/projekts", "get /v2/projects"])
async def test_a_fault_that_could_never_happen_is_refused_and_changes_nothing(operation: str) -> None:
    """A typo would let the test of an outage pass without one."""
    typo = Fault(operation=operation, status=500)
    async with served() as (emulator, session):
        with pytest.raises(OptionError, match="no operation is"):
            emulator.inject(Fault(operation="project-*"), typo)
        assert emulator.core.faults.dump() == []
        before = emulator.world
        with pytest.raises(OptionError, match="no operation is"):
            emulator.core.reset(EmulatorOptions(faults=(typo,)))
        assert emulator.world is before
        emulator.inject(Fault(operation="GET /v2/projects", status=500, count=1))
        async with session.put("/__emulator/faults", json=[{"operation": operation, "status": 500}]) as response:
            assert response.status == 400
        assert [plan["operation"] for plan in emulator.core.faults.dump()] == ["GET /v2/projects"]


def test_a_fault_with_a_typo_gets_a_suggestion() -> None:
    with pytest.raises(OptionError, match="did you mean project-list-projects"):
        _ = Emulator(faults=[Fault(operation="project-list-project", status=500)]).core


async def test_a_running_emulator_accepts_faults_as_json() -> None:
    plan: Any = {"operation": "project-list-projects", "status": 500}
    typo: Any = {"stauts": 500}
    async with served() as (emulator, _):
        emulator.inject(plan)
        with pytest.raises(OptionError, match="unknown stauts"):
            emulator.inject(typo)
        assert [found["status"] for found in emulator.core.faults.dump()] == [500]


def test_faults_are_read_from_json_and_reported_with_their_hits() -> None:
    client = EmulatorClient()
    client.core.faults.add(*parsed([{"operation": "a*", "status": 500}, {"delay": 1}]))
    assert [(plan["operation"], plan["hits"]) for plan in client.core.faults.dump() if "operation" in plan] == [
        ("a*", 0)
    ]
    client.core.faults.clear()
    assert client.core.faults.dump() == []
