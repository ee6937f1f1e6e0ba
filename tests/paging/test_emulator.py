"""Lists as the emulator pages them, with faults injected, through the whole client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator
from mittwald_async.emulator.faults import Fault
from mittwald_async.errors import NotFoundError, PagingError
from mittwald_async.runtime.concurrency import fan_out, fan_out_items
from mittwald_async.runtime.operation import Page


@asynccontextmanager
async def account(*, retries: int = 0, **options: Any) -> AsyncGenerator[tuple[Emulator, Mittwald], None]:
    given: dict[str, Any] = {"seed": 5, "projects": 35, "rate_limit": None, "drift": 0.0, **options}
    async with (
        Emulator(**given) as emulator,
        Mittwald(emulator.token, base_url=emulator.url, max_retries=retries) as client,
    ):
        yield emulator, client


def asked(emulator: Emulator, path: str) -> list[str]:
    return [entry.query for entry in emulator.requests if entry.path == path]


async def test_pages_ahead_yield_the_same_items_as_one_page() -> None:
    async with account() as (emulator, mw):
        whole = await mw.project.list_projects()
        assert isinstance(whole, Page)
        assert (len(whole), whole.total) == (35, 35)
        assert await mw.project.list_projects(limit=4).collect() == whole.items
        assert await mw.project.list_projects(limit=4, skip=6).collect() == whole.items[6:]
        assert await mw.project.list_projects(limit=4, page=3).collect() == whole.items[8:]
        assert await mw.project.list_projects().count() == 35
        assert await mw.project.list_projects().first() == whole.items[0]
        response = await mw.response_of(mw.project.list_projects, limit=3)
        assert response.data.items == whole.items[:3]
        assert len(emulator.requests) == 1 + 9 + 8 + 7 + 3


async def test_every_form_of_list() -> None:
    async with account() as (_, mw):
        customer = await mw.customer.list_customers().first()
        project = await mw.project.list_projects().first()
        app = await mw.app.list_apps().first()
        assert customer is not None
        assert project is not None
        assert app is not None
        assert len(await mw.user.list_ssh_keys().collect()) > 0
        assert len(await mw.app.list_appversions(app.id).collect()) > 0
        for pages in (
            mw.contract.order_list_customer_orders(customer.customer_id, limit=1),
            mw.database.list_mysql_databases(project.id),
            mw.domain.ingress_list_ingresses(limit=5),
        ):
            items: list[Any] = await pages.collect()
            assert len(items) == await pages.count()
            assert [item async for item in pages] == items


async def test_a_refused_size_is_learned_once_for_all_clones() -> None:
    async with account(max_limit={"*": 8}) as (emulator, mw):
        assert len(await mw.project.list_projects().collect()) == 35
        assert len(await mw.with_options(timeout=60).project.list_projects().collect()) == 35
        assert len([query for query in asked(emulator, "/v2/projects") if "limit=10000" in query]) == 1
        assert len(asked(emulator, "/v2/projects")) == 1 + 5 + 5


async def test_page_errors_are_retried_or_resumed() -> None:
    async with account(retries=0) as (emulator, mw):
        whole = await mw.project.list_projects().collect()
        emulator.inject(Fault(operation="project-list-projects", probability=0.3, status=503, seed=3))
        got: list[Any] = []
        pages = mw.project.list_projects(limit=3)
        interrupted = 0
        while True:
            try:
                async for item in pages:
                    got += [item]
                break
            except PagingError as error:
                interrupted += 1
                pages = pages.resume(error.resume)
        assert got == whole
        assert interrupted > 0


async def test_projects_created_while_they_are_listed() -> None:
    async with account() as (_, mw):
        server = await mw.project.list_servers().first()
        assert server is not None
        seen: list[str] = []
        async for project in mw.project.list_projects(limit=5).with_options(unique=True):
            seen.append(project.id)
            if len(seen) % 7 == 0 and len(seen) < 30:
                await mw.project.create_project(server.id, description="one more")
        assert len(seen) == len(set(seen))
        assert len(seen) >= 35


async def test_leaving_early_keeps_the_client_usable() -> None:
    async with account() as (emulator, mw):
        emulator.inject(Fault(operation="project-list-projects", after=1, delay=0.2))
        async for _ in mw.project.list_projects(limit=5):
            break
        await asyncio.sleep(0)
        assert (await mw.customer.list_customers()).total
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_failed_projects_in_a_fan_out_lose_nothing_else() -> None:
    async with account() as (emulator, mw):
        emulator.inject(Fault(operation="database-list-mysql-databases", probability=0.2, status=404, seed=1))
        failed = 0
        done = 0
        async for outcome in fan_out(
            mw.project.list_projects(limit=10), lambda p: mw.database.list_mysql_databases(p.id).collect(), limit=8
        ):
            done += 1
            failed += isinstance(outcome.error, NotFoundError)
        assert done == 35
        assert 0 < failed < 20


async def test_merging_many_lists() -> None:
    async with account() as (_, mw):
        merged = fan_out_items(
            mw.project.list_projects(limit=10), lambda p: mw.domain.ingress_list_ingresses(project_id=p.id, limit=2)
        )
        ids = sorted([ingress.id async for project, ingress in merged if ingress.project_id == project.id])
        assert ids == sorted([ingress.id async for ingress in mw.domain.ingress_list_ingresses()])


async def test_many_tasks_stay_within_a_small_budget() -> None:
    """Fan-out and limiter: however many tasks run, almost no call is throttled and none is lost."""
    async with account(retries=3, rate_limit=(250, 1.0)) as (_, mw):
        projects = await mw.project.list_projects().collect()
        ids = [project.id for project in projects] * 30
        done = [outcome async for outcome in fan_out(ids[:400], mw.project.get_project, limit=1000)]
        assert [outcome.error for outcome in done if not outcome.ok] == []
        assert len(done) == 400
        assert mw.rate_limit.throttled < 10


async def test_a_missing_project_is_its_own_error() -> None:
    async with account() as (_, mw):
        with pytest.raises(NotFoundError):
            await mw.database.list_mysql_databases("00000000-0000-4000-8000-000000000000").collect()
