"""Waiting for transitions of the emulator, through the whole client, on a fast clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator
from mittwald_async.emulator.faults import Fault
from mittwald_async.emulator.options import Transitions
from mittwald_async.errors import BadRequestError, OperationFailed
from mittwald_async.models.database import CreateMySqlDatabase, CreateMySqlUserWithDatabase
from mittwald_async.runtime.concurrency import gather_bounded
from mittwald_async.waiting import Waiters
from mittwald_async.waiting.waiters import RemembersWrites


class FastClock:
    """Twenty virtual seconds per real second."""

    def now(self) -> float:
        return asyncio.get_running_loop().time() * 20

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / 20)


@asynccontextmanager
async def account(**options: Any) -> AsyncGenerator[tuple[Emulator, Mittwald, Waiters], None]:
    given: dict[str, Any] = {
        "seed": 5,
        "projects": 4,
        "rate_limit": None,
        "drift": 0.0,
        "lag": 0.1,
        "permission_lag": 0.1,
        "transitions": Transitions(length=0.2, failing=0.0),
        **options,
    }
    async with Emulator(**given) as emulator, Mittwald(emulator.token, base_url=emulator.url) as client:
        yield emulator, client, Waiters(client, clock=FastClock())


async def server_of(mw: Mittwald) -> str:
    server = await mw.project.list_servers().first()
    assert server is not None
    return server.id


async def test_a_project_from_creation_to_ready() -> None:
    async with account() as (_, mw, wait):
        created = await mw.project.create_project(await server_of(mw), description="shop")
        reported: list[str] = []
        project = await wait.project_ready(created.id, on_change=lambda state, project: reported.append(state))
        assert (project.id, project.status) == (created.id, "ready")
        assert reported[-1] == "ready"
        assert (await mw.wait.project_ready(created.id)).description == "shop"


async def test_fifty_projects_share_their_polls() -> None:
    async with account(transitions=Transitions(length=1.0, failing=0.0)) as (emulator, mw, wait):
        server = await server_of(mw)

        async def create(number: int) -> str:
            return (await mw.project.create_project(server, description=f"shop {number}")).id

        ids = await gather_bounded(range(50), create, limit=10)
        before = len(emulator.requests)
        projects = await asyncio.gather(*(wait.project_ready(id) for id in ids))
        assert [project.id for project in projects] == ids
        assert len(emulator.requests) - before < 50


async def test_a_project_that_fails() -> None:
    async with account(transitions=Transitions(length=0.1, failing=1.0)) as (_, mw, wait):
        created = await mw.project.create_project(await server_of(mw), description="shop")
        with pytest.raises(OperationFailed):
            await wait.project_ready(created.id)


async def test_failing_polls_are_tolerated() -> None:
    async with account() as (emulator, mw, wait):
        created = await mw.project.create_project(await server_of(mw), description="shop")
        emulator.inject(Fault(operation="project-get-project", count=4, status=502, html=True))
        assert (await wait.project_ready(created.id)).status == "ready"


async def test_a_backup_and_its_export() -> None:
    async with account() as (_, mw, wait):
        project = await mw.project.list_projects().first()
        assert project is not None
        backup = await mw.backup.create_project_backup(
            project.id, expiration_time=datetime.now(UTC) + timedelta(days=3)
        )
        assert (await wait.backup_completed(backup.id)).status.lower() == "completed"
        await mw.backup.create_project_backup_export(backup.id, format="tar")
        exported = await wait.backup_export_completed(backup.id)
        assert exported.export is not None
        assert exported.export.download_url


async def test_databases() -> None:
    async with account() as (_, mw, wait):
        project = await mw.project.list_projects().first()
        version = await mw.database.list_redis_versions().first()
        assert project is not None
        assert version is not None
        redis = await mw.database.create_redis_database(project.id, description="cache", version=version.number)
        assert (await wait.redis_database_ready(redis.id)).status == "ready"
        for mysql in await mw.database.list_mysql_databases(project.id).collect():
            assert (await wait.mysql_database_ready(mysql.id)).id == mysql.id


async def test_an_object_already_in_the_state_is_ready_at_once() -> None:
    async with account(projects=12) as (_, mw, wait):
        installations = await mw.app.list_appinstallations_for_user().collect()
        ready = [found for found in installations if found.phase == "ready"]
        assert ready
        found = await asyncio.gather(*(wait.app_installation_ready(installation.id) for installation in ready))
        assert [installation.id for installation in found] == [installation.id for installation in ready]
        assert (await wait.server_ready(await server_of(mw))).status == "ready"
        orders = [order async for order in mw.contract.order_list_orders() if order.status == "EXECUTED"]
        for order in orders[:2]:
            assert (await wait.order_executed(order.order_id)).order_id == order.order_id
        services = [service async for service in mw.container.list_accessible_services() if service.status == "running"]
        for service in services[:2]:
            assert (await wait.service_running(service.stack_id, service.id)).id == service.id


async def test_a_client_remembers_its_changes() -> None:
    """So do its clones. Creating a child changes another object, and a refused write changes nothing."""
    async with account() as (_, mw, _wait):
        project = await mw.project.list_projects().first()
        assert project is not None
        pipeline = mw.sender
        assert isinstance(pipeline, RemembersWrites)
        await mw.mail.create_deliverybox(project.id, description="box", password="Correct-Horse-9-Battery")
        assert pipeline.last_write(project.id) is None
        with pytest.raises(BadRequestError):
            await mw.project.update_project(project.id, description=5)  # type: ignore[arg-type]
        assert pipeline.last_write(project.id) is None
        await mw.with_options(consistency="off").project.update_project(project.id, description="shop")
        found = pipeline.last_write(project.id)
        assert found is not None
        assert 0 <= found[0] < 5
        assert abs((datetime.now(UTC) - found[1]).total_seconds()) < 5


async def test_a_version_patched_moments_ago_is_waited_for() -> None:
    """mittwald/cli#2005: ready immediately, though the change had not even started."""
    async with account(transitions=Transitions(length=1.0, failing=0.0)) as (_, mw, _wait):
        project = await mw.project.list_projects().first()
        assert project is not None
        created = await mw.database.create_mysql_database(
            project.id,
            database=CreateMySqlDatabase(description="shop", version="8.0"),
            user=CreateMySqlUserWithDatabase(password="Correct-Horse-9-Battery", access_level="full"),
        )
        before = await mw.wait.mysql_database_ready(created.id)
        await mw.database.patch_mysql_database(created.id, version="8.4")
        after = await mw.wait.mysql_database_ready(created.id)
        assert after.version == "8.4"
        assert after.status_set_at > before.status_set_at
