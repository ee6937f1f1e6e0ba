"""Control routes, which the real API does not have, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import aiohttp
import msgspec
import pytest

from mittwald_async.emulator import Emulator

from ..support.emulator_requests import CALM


def emulator_session(emulator: Emulator) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(emulator.url, headers={"x-access-token": emulator.token})


class Remote:
    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self._session = session

    async def ask(self, method: str, path: str, json: Any = None, status: int = 200) -> Any:
        data = None if json is None else msgspec.json.encode(json)
        async with self._session.request(
            method, path, data=data, headers={"content-type": "application/json"}
        ) as answer:
            body = await answer.read()
            assert answer.status == status, body
            return msgspec.json.decode(body) if body else None

    async def control(self, method: str, name: str, json: Any = None, status: int = 200) -> Any:
        return await self.ask(method, f"/__emulator/{name}", json, status)


@asynccontextmanager
async def served(**options: Any) -> AsyncGenerator[Remote]:
    options.setdefault("on", date(2026, 1, 1))
    async with Emulator(**{**CALM, **options}) as emulator, emulator_session(emulator) as session:
        yield Remote(emulator, session)


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with served(clock="virtual") as remote:
        yield remote


async def test_status_describes_what_is_served(remote: Remote) -> None:
    status = await remote.control("GET", "status")
    assert status["options"]["projects"] == 20
    assert "token" not in status["options"]
    assert status["objects"]["project"] >= 20
    assert status["clock"]["virtual"] is True
    assert await remote.control("GET", "") == status


async def test_unknown_control_routes_list_the_known_ones(remote: Remote) -> None:
    answer = await remote.control("GET", "nothing", status=404)
    assert "POST reset" in answer["routes"]


async def test_a_reset_can_change_sizes(remote: Remote) -> None:
    before = await remote.ask("GET", "/v2/projects")
    await remote.ask("PATCH", f"/v2/projects/{before[0]['id']}/description", {"description": "changed"}, 204)
    await remote.control("POST", "reset")
    assert await remote.ask("GET", "/v2/projects") == before
    await remote.control("POST", "clock", {"advance": 50})
    await remote.control("POST", "reset")
    assert (await remote.control("GET", "clock"))["iso"] == "2026-01-01T00:00:00.000Z"
    status = await remote.control("POST", "reset", {"seed": 5, "projects": 3})
    assert status["options"]["seed"] == 5
    other = await remote.ask("GET", "/v2/projects")
    assert len(other) == 3
    assert other[0]["id"] != before[0]["id"]


@pytest.mark.parametrize("body", [{"port": 1}, {"projects": -1}, {"nonsense": 1}, {"seed": "x"}, [1], "x"])
async def test_an_invalid_reset_is_refused_and_changes_nothing(remote: Remote, body: Any) -> None:
    before = await remote.control("GET", "status")
    assert (await remote.control("POST", "reset", body, 400))["error"]
    assert await remote.control("GET", "status") == before


async def test_faults_are_added_replaced_and_cleared(remote: Remote) -> None:
    assert len(await remote.control("POST", "faults", {"operation": "project-*", "status": 503, "count": 1})) == 1
    assert len(await remote.control("POST", "faults", [{"status": 500, "count": 1}])) == 2
    await remote.ask("GET", "/v2/projects", status=503)
    assert [plan["hits"] for plan in await remote.control("GET", "faults")] == [1, 0]
    assert len(await remote.control("PUT", "faults", [])) == 0
    await remote.control("POST", "faults", {"status": 500})
    await remote.control("DELETE", "faults")
    await remote.ask("GET", "/v2/projects")
    await remote.control("POST", "faults", {"status": 1}, 400)


async def test_the_clock_is_advanced(remote: Remote) -> None:
    before = await remote.control("GET", "clock")
    after = await remote.control("POST", "clock", {"advance": 90})
    assert after["now"] == before["now"] + 90
    for wrong in ({"advance": -1}, {}, {"advance": "x"}, 3):
        await remote.control("POST", "clock", wrong, 400)


async def test_transitions_and_behaviours_can_change_while_it_runs(remote: Remote) -> None:
    assert await remote.control("PUT", "transitions", {"unit": "reads", "length": 3}) == {
        "unit": "reads",
        "length": 3.0,
        "failing": 0.0,
    }
    await remote.control("PUT", "transitions", {"unit": "moons"}, 400)
    await remote.control("PUT", "transitions", {"moons": 1}, 400)
    behaviours = await remote.control("PATCH", "behaviours", {"rate_limit": [2, 60], "drift": 1.0})
    assert (behaviours["rate_limit"], behaviours["drift"]) == ([2, 60.0], 1.0)
    assert "xUndocumented" in str(await remote.ask("GET", "/v2/projects"))
    await remote.ask("GET", "/v2/projects")
    await remote.ask("GET", "/v2/projects", status=429)
    await remote.control("PATCH", "behaviours", {"seed": 1}, 400)
    await remote.control("PATCH", "behaviours", {"drift": 7}, 400)


async def test_requests_are_logged_and_counted(remote: Remote) -> None:
    await remote.ask("GET", "/v2/projects?limit=1")
    await remote.ask("GET", "/v2/nowhere", status=404)
    entries = await remote.control("GET", "requests")
    assert [(e["path"], e["query"], e["operation_id"], e["status"]) for e in entries] == [
        ("/v2/projects", "limit=1", "project-list-projects", 200),
        ("/v2/nowhere", "", None, 404),
    ]
    assert len(await remote.control("GET", "requests?operation=project-*")) == 1
    assert len(await remote.control("GET", "requests?limit=1")) == 1
    assert await remote.control("GET", "requests?limit=0") == []
    await remote.control("GET", "requests?limit=x", status=400)
    counters = await remote.control("GET", "counters")
    assert counters["operations"] == {"": {"404": 1}, "project-list-projects": {"200": 1}}
    assert counters["requests"] == 2
    await remote.control("DELETE", "requests")
    assert await remote.control("GET", "requests") == []


async def test_writes_are_logged_as_events(remote: Remote) -> None:
    project = (await remote.ask("GET", "/v2/projects"))[0]["id"]
    await remote.ask("PATCH", f"/v2/projects/{project}/description", {"description": "changed"}, 204)
    (event,) = await remote.control("GET", "events")
    assert (event["project_id"], event["created"]) == (project, [])
    assert event["operation_id"].endswith("update-project-description")


async def test_the_state_moves_to_another_emulator(remote: Remote) -> None:
    project = (await remote.ask("GET", "/v2/projects"))[0]["id"]
    await remote.ask("PATCH", f"/v2/projects/{project}/description", {"description": "moved house"}, 204)
    await remote.control("POST", "clock", {"advance": 5})
    dumped = await remote.control("GET", "state")
    async with served(clock="virtual", seed=99, projects=1) as other:
        await other.control("PUT", "state", dumped)
        assert (await other.ask("GET", f"/v2/projects/{project}"))["description"] == "moved house"
        assert await other.ask("GET", "/v2/projects") == await remote.ask("GET", "/v2/projects")
        assert (await other.control("GET", "clock"))["now"] == (await remote.control("GET", "clock"))["now"]


@pytest.mark.parametrize(
    "dumped", [[], {}, {"version": 2}, {"version": 1}, {"version": 1, "sizes": {}}, {"version": 1, "sizes": 3}]
)
async def test_an_invalid_state_is_refused(remote: Remote, dumped: Any) -> None:
    before = await remote.ask("GET", "/v2/projects")
    assert (await remote.control("PUT", "state", dumped, 400))["error"]
    assert await remote.ask("GET", "/v2/projects") == before


async def test_bodies_that_are_not_json_are_refused(remote: Remote) -> None:
    async with (
        aiohttp.ClientSession(remote.emulator.url) as session,
        session.post("/__emulator/reset", data=b"{") as answer,
    ):
        assert answer.status == 400
