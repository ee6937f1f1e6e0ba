"""Which list is due when: parents before children, each list once, none omitted, and an end."""

from __future__ import annotations

from contextlib import suppress

import anyio
import pytest

from mittwald_async.inventory import Known, chosen, make_plan, target
from mittwald_async.inventory.frontier import Frontier, ListId, Owner, Unit


def frontier(
    *resources: str, skip: frozenset[ListId] = frozenset(), known: Known | None = None, **part: list[str]
) -> Frontier:
    return Frontier(make_plan(chosen(resources), target(**part), known), skip)


async def due(found: Frontier) -> list[tuple[str, str | None]]:
    """Everything that is due now."""
    units = await taken(found)
    return [(unit.resource.name, unit.owner.id) for unit in units]


async def taken(found: Frontier) -> list[Unit]:
    units: list[Unit] = []
    with anyio.move_on_after(0.01), suppress(StopAsyncIteration):
        while True:
            units.append(await anext(found))
    return units


PROJECTS = [Owner("p-1", "c-1", "p-1"), Owner("p-2", "c-2", "p-2")]


async def test_children_become_due_once_as_parents_are_found() -> None:
    found = frontier("project", "cronjob", "cronjob_execution")
    (projects,) = await taken(found)
    assert projects.resource.name == "project"
    found.found("project", PROJECTS[:1])
    (first,) = await taken(found)
    assert (first.resource.name, first.owner) == ("cronjob", PROJECTS[0])
    found.found("project", PROJECTS)
    found.found("cronjob", [Owner("j-1", "c-1", "p-1")])
    assert await due(found) == [("cronjob", "p-2"), ("cronjob_execution", "j-1")]


async def test_it_ends_when_every_list_has_ended() -> None:
    found = frontier("project", "cronjob")
    (projects,) = await taken(found)
    found.found("project", PROJECTS[:1])
    found.ended(projects)
    (cronjobs,) = await taken(found)
    found.ended(cronjobs)
    with pytest.raises(StopAsyncIteration):
        await anext(found)


async def test_a_waiting_consumer_is_woken_by_new_lists() -> None:
    found = frontier("project", "cronjob")
    (projects,) = await taken(found)
    woken: list[str] = []

    async def consume() -> None:
        async for unit in found:
            woken.append(unit.resource.name)
            found.ended(unit)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(consume)
        await anyio.lowlevel.checkpoint()
        found.found("project", PROJECTS)
        found.ended(projects)
    assert woken == ["cronjob", "cronjob"]


async def test_lists_of_the_account_wait_until_projects_show_their_customers() -> None:
    found = frontier("project", "domain", "customer")
    first = await taken(found)
    assert [unit.resource.name for unit in first] == ["customer", "project"]
    found.ended(first[1])
    assert await due(found) == [("domain", None)]


async def test_volumes_are_requested_where_stacks_were_found() -> None:
    found = frontier("project", "stack", "volume")
    (projects,) = await taken(found)
    found.found("project", PROJECTS)
    found.ended(projects)
    (stacks,) = await taken(found)
    found.found("stack", [Owner("s-1", None, "p-2"), Owner("s-2", None, "p-2")])
    found.ended(stacks)
    (volumes,) = await taken(found)
    assert volumes.owner == Owner("p-2", "c-2", "p-2")


async def test_if_stacks_could_not_be_listed_volumes_of_every_project_are_requested() -> None:
    found = frontier("project", "stack", "volume")
    (projects,) = await taken(found)
    found.found("project", PROJECTS)
    found.ended(projects)
    (stacks,) = await taken(found)
    found.ended(stacks, failed=True)
    assert await due(found) == [("volume", "p-1"), ("volume", "p-2")]


async def test_a_refused_list_of_the_account_is_replaced_by_the_projects_lists() -> None:
    found = frontier("project", "app_installation")
    (projects,) = await taken(found)
    found.found("project", PROJECTS)
    found.ended(projects)
    (installations,) = await taken(found)
    assert found.refused(installations)
    found.ended(installations)
    assert await due(found) == [("app_installation", "p-1"), ("app_installation", "p-2")]


async def test_given_projects_also_have_an_alternative_route() -> None:
    found = frontier("project", projects=["p-1"])
    (projects,) = await taken(found)
    assert projects.route.scope == "account"
    assert found.refused(projects)
    found.ended(projects)
    (one,) = await taken(found)
    assert one.route.single
    assert one.owner.id == "p-1"
    assert not found.refused(one)


async def test_a_refused_list_without_an_alternative_stays_refused() -> None:
    found = frontier("customer")
    (customers,) = await taken(found)
    assert not found.refused(customers)


async def test_lists_of_an_earlier_run_are_not_requested_again() -> None:
    skip = frozenset({("project", "project-list-projects", None), ("cronjob", "cronjob-list-cronjobs", "p-1")})
    found = frontier("project", "cronjob", skip=skip)
    found.found("project", PROJECTS)
    assert await due(found) == [("cronjob", "p-2")]


async def test_stopping_ends_it_with_lists_still_due() -> None:
    found = frontier("project", "cronjob")
    found.stop()
    with pytest.raises(StopAsyncIteration):
        await anext(found)


async def test_customers_of_given_projects_are_requested_once() -> None:
    found = frontier("contract", projects=["p-1", "p-2"])
    (projects,) = await taken(found)
    assert projects.resource.name == "project"
    found.found("project", [Owner("p-1", "c-1", "p-1"), Owner("p-2", "c-1", "p-2")])
    assert await due(found) == [("contract", "c-1")]
