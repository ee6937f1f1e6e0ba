"""A sweep against the emulator: complete, attributed, bounded, and with failures recorded."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Fault, Transitions
from mittwald_async.errors import (
    AuthenticationError,
    ClientStateError,
    ConfigurationError,
    PermissionDeniedError,
    ServerError,
)
from mittwald_async.inventory import (
    Bounds,
    Known,
    Row,
    Sweep,
    catalog,
    default_resources,
    sweep,
)
from mittwald_async.inventory.frontier import Owner
from mittwald_async.inventory.row_reader import Reader
from mittwald_async.models import domain as domain_models
from mittwald_async.models import project as project_models

ENGINE = importlib.import_module("mittwald_async.inventory.sweep")
OUTBOX = importlib.import_module("mittwald_async.inventory.buffer")

KINDS = {"customer_order": "order", "conversation_message": "message", "ssh_key": "user_ssh_key"}
"""The emulator's names of resources, where they differ."""

NOT_COUNTED = {
    "app_version": "the emulator's keys of versions are its own",
    "system_software_version": "as app_version",
    "contributor": "everybody's",
}


@asynccontextmanager
async def account(**options: Any) -> AsyncGenerator[tuple[Emulator, Mittwald]]:
    options = {"rate_limit": None, "drift": 0.0, "transitions": Transitions(length=0, failing=0), **options}
    async with Emulator(**options) as api, Mittwald(api.token, base_url=api.url, max_retries=0) as mw:
        yield api, mw


async def rows_of(found: Sweep) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    async for row in found:
        rows.setdefault(row.resource, []).append(row)
    return rows


def ids(api: Emulator, kind: str) -> set[str]:
    """Every id of a kind in the emulator's state."""
    return {api.world.id(kind, key) for key in api.world.keys(kind)}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_sweep_yields_every_row_of_the_account_and_no_other(seed: int) -> None:
    async with account(seed=seed, customers=4, projects=9) as (api, mw):
        found = await rows_of(sweep(mw))
        for resource in default_resources():
            kind = KINDS.get(resource, resource)
            listed = [row.id for row in found.get(resource, [])]
            assert sorted(map(str, listed)) == sorted(ids(api, kind)), resource


async def test_every_resource_can_be_swept() -> None:
    async with account(seed=5, customers=2, projects=3) as (api, mw):
        asked = sweep(mw, resources=["all"])
        found = await rows_of(asked)
        assert asked.failures == []
        counts = api.world.counts()
        for resource in catalog():
            kind = KINDS.get(resource, resource)
            if kind in counts and resource not in NOT_COUNTED:
                assert len(found.get(resource, [])) == counts[kind], resource
        for resource, rows in found.items():
            assert len({row.key for row in rows}) == len(rows), resource


async def test_rows_have_their_customer_and_project_and_the_original_item() -> None:
    async with account(seed=1, customers=3, projects=6) as (_, mw):
        found = await rows_of(sweep(mw))
        projects = {row.id: row for row in found["project"]}
        for resource in ("domain", "mysql_database", "dns_zone", "app_installation", "volume", "ssh_user"):
            for row in found[resource]:
                assert row.customer_id == projects[row.project_id].customer_id, resource
        for row in found["contract"]:
            assert row.customer_id == row.data.customer_id
        first = found["domain"][0]
        assert isinstance(first.data, domain_models.Domain)
        assert first.data.domain_id == first.id
        assert json.loads(first.raw)["domainId"] == first.id
        assert {row.resource for row in found["project"] if isinstance(row.data, project_models.ProjectListItem)}


async def test_a_sweep_of_one_customer_yields_only_its_rows() -> None:
    async with account(seed=1, customers=3, projects=9) as (_, mw):
        everything = await rows_of(sweep(mw))
        chosen = everything["customer"][1].id
        assert chosen is not None
        part = await rows_of(sweep(mw, customers=[chosen]))
        for resource, rows in everything.items():
            expected = sorted(r.key for r in rows if r.customer_id == chosen or (r.customer_id is r.project_id is None))
            assert sorted(r.key for r in part.get(resource, [])) == expected, resource


async def test_a_sweep_of_some_projects_yields_only_their_rows() -> None:
    async with account(seed=2, customers=3, projects=9) as (_, mw):
        everything = await rows_of(sweep(mw))
        chosen = [str(row.id) for row in everything["project"][:2]]
        part = await rows_of(sweep(mw, projects=chosen, resources=["project", "domain", "cronjob", "mysql_user"]))
        for resource in ("project", "domain", "cronjob"):
            expected = sorted(r.key for r in everything[resource] if r.project_id in chosen)
            assert sorted(r.key for r in part.get(resource, [])) == expected, resource


async def test_an_extension_token_without_account_wide_lists_can_sweep_its_project() -> None:
    async with account(seed=1, customers=2, projects=4) as (api, mw):
        extension = next(
            item
            for item in await mw.marketplace.extension_list_extension_instances().collect()
            if item.aggregate_reference.aggregate == "project"
        )
        made = api.world.extension_secret(extension.id)
        assert made is not None
        project = extension.aggregate_reference.id
        answer = await mw.call(
            "extension-authenticate-instance",
            path={"extensionInstanceId": extension.id},
            body={"extensionInstanceSecret": made[0]},
        )
        async with Mittwald(answer.public_token, base_url=api.url, max_retries=0) as scoped:
            asked = sweep(scoped, projects=[project], resources=["project", "app_installation", "dns_zone", "domain"])
            found = await rows_of(asked)
            assert asked.failures == []
            assert [row.id for row in found["project"]] == [project]
            expected = await mw.app.list_appinstallations(project).collect()
            assert {row.id for row in found.get("app_installation", [])} == {item.id for item in expected}


async def test_a_failed_list_is_recorded_and_the_rest_continues() -> None:
    async with account(seed=1, customers=2, projects=5) as (api, mw):
        api.inject(Fault(operation="cronjob-list-cronjobs", status=500, count=1))
        asked = sweep(mw, resources=["project", "cronjob", "domain"])
        found = await rows_of(asked)
        (failure,) = asked.failures
        assert (failure.resource, failure.operation, failure.status) == ("cronjob", "cronjob-list-cronjobs", 500)
        assert failure.project_id in {row.id for row in found["project"]}
        assert "500" in str(failure)
        assert len(found["domain"]) == api.world.counts()["domain"]


async def test_strict_stops_at_the_first_failure() -> None:
    async with account(seed=1, customers=2, projects=5) as (api, mw):
        api.inject(Fault(operation="cronjob-list-cronjobs", status=500))
        with pytest.raises(ServerError):
            await rows_of(sweep(mw, resources=["cronjob"], bounds=Bounds(strict=True)))


async def test_an_invalid_token_ends_the_sweep_at_the_first_response() -> None:
    async with (
        account(seed=1, customers=2, projects=5) as (api, _),
        Mittwald("wrong-token-for-tests", base_url=api.url) as mw,
    ):
        with pytest.raises(AuthenticationError):
            await rows_of(sweep(mw, bounds=Bounds(concurrency=1)))
        assert len(api.requests) <= 2


async def test_a_token_that_expires_midway_spends_no_requests_on_the_remaining_lists() -> None:
    async with account(seed=1, customers=2, projects=40) as (api, mw):
        api.inject(Fault(operation="*", status=401, after=30))
        with pytest.raises(AuthenticationError):
            await rows_of(sweep(mw, bounds=Bounds(concurrency=4)))
        assert len(api.requests) < 30 + 20


async def test_a_single_list_with_401_is_an_ordinary_failure() -> None:
    async with account(seed=1, customers=2, projects=5) as (api, mw):
        api.inject(Fault(operation="cronjob-list-cronjobs", status=401, count=2))
        asked = sweep(mw, resources=["project", "cronjob", "dns_zone"], bounds=Bounds(concurrency=1))
        found = await rows_of(asked)
        assert {failure.status for failure in asked.failures} == {401}
        assert {row.id for row in found["dns_zone"]} == ids(api, "dns_zone")


async def test_a_forbidden_list_without_a_narrower_one_is_a_failure() -> None:
    async with account(seed=1, customers=2, projects=5) as (api, mw):
        api.inject(Fault(operation="customer-list-customers", status=403))
        asked = sweep(mw, resources=["customer", "project"])
        found = await rows_of(asked)
        assert [failure.status for failure in asked.failures] == [403]
        assert len(found["project"]) == 5
        with pytest.raises(PermissionDeniedError):
            await rows_of(sweep(mw, resources=["customer"], bounds=Bounds(strict=True)))


async def test_a_refused_list_of_the_account_falls_back_to_the_projects_lists() -> None:
    async with account(seed=1, customers=2, projects=5) as (api, mw):
        api.inject(Fault(operation="app-list-appinstallations-for-user", status=403))
        asked = sweep(mw, resources=["app_installation"])
        found = await rows_of(asked)
        assert asked.failures == []
        assert {row.id for row in found["app_installation"]} == ids(api, "app_installation")
        assert {row.operation for row in found["app_installation"]} == {"app-list-appinstallations"}


async def test_a_refused_list_of_the_account_falls_back_to_the_customers_lists() -> None:
    async with account(seed=5, customers=4, projects=12) as (api, mw):
        everything = await rows_of(sweep(mw))
        project = everything["project"][0]
        api.inject(Fault(operation="order-list-orders", status=403))
        asked = sweep(mw)  # Other lists also start from the customers.
        found = await rows_of(asked)
        assert asked.failures == []
        assert {row.id for row in found["customer_order"]} == {row.id for row in everything["customer_order"]}
        asked = sweep(mw, resources=["customer", "customer_order"])  # No other list does.
        found = await rows_of(asked)
        assert asked.failures == []
        assert {row.id for row in found["customer_order"]} == {row.id for row in everything["customer_order"]}
        asked = sweep(mw, resources=["project", "customer_order"], projects=[str(project.id)])
        found = await rows_of(asked)
        assert asked.failures == []
        theirs = {row.id for row in everything["customer_order"] if row.customer_id == project.customer_id}
        assert {row.id for row in found["customer_order"]} == theirs


@pytest.mark.filterwarnings("ignore::mittwald_async.errors.DriftWarning")  # of the content type
async def test_responses_that_are_not_json_count_as_requests() -> None:
    async with account(seed=1, customers=2, projects=5) as (api, mw):
        api.inject(Fault(operation="dns-list-dns-zones", status=200, html=True))
        asked = sweep(mw, resources=["project", "dns_zone"])
        await rows_of(asked)
        assert len(asked.failures) == 5
        assert asked.requests == len(api.requests)


async def test_refused_lists_without_a_replacement_are_failures() -> None:
    async with account(seed=1, customers=2, projects=5) as (api, mw):
        for operation in ("project-list-projects", "customer-list-customers", "app-list-appinstallations-for-user"):
            api.inject(Fault(operation=operation, status=403))
        asked = sweep(mw, resources=["customer", "project", "app_installation"])
        assert await rows_of(asked) == {}
        failed = {(failure.resource, failure.status) for failure in asked.failures}
        assert failed == {("customer", 403), ("project", 403), ("app_installation", 403)}
        with pytest.raises(PermissionDeniedError):
            await rows_of(sweep(mw, resources=["project"], bounds=Bounds(strict=True)))


async def test_a_sweep_of_some_projects_lists_only_their_customers() -> None:
    async with account(seed=2, customers=4, projects=9) as (_, mw):
        everything = await rows_of(sweep(mw))
        project = everything["project"][0]
        found = await rows_of(sweep(mw, projects=[str(project.id)]))
        for resource in ("customer", "server", "customer_order", "contract", "extension_instance"):
            whose = {row.customer_id for row in found.get(resource, [])}
            assert whose <= {project.customer_id}, resource
        assert [row.id for row in found["customer"]] == [project.customer_id]


async def test_a_short_list_without_a_total_costs_one_request() -> None:
    async with account(seed=1, customers=2, projects=3) as (api, mw):
        (customer, *_) = (await mw.customer.list_customers()).items
        found = await rows_of(sweep(mw, resources=["customer_order"], customers=[customer.customer_id]))
        assert 0 < len(found["customer_order"]) < 10
        sent = [entry for entry in api.requests if entry.operation_id == "order-list-customer-orders"]
        assert len(sent) == 1


async def test_a_sweep_is_iterated_once_and_with_an_open_client() -> None:
    async with account(seed=1, customers=1, projects=1) as (api, mw):
        asked = sweep(mw, resources=["project"])
        await rows_of(asked)
        with pytest.raises(ConfigurationError, match="iterated once"):
            await rows_of(asked)
        with pytest.raises(ClientStateError):
            await rows_of(sweep(Mittwald(api.token, base_url=api.url), resources=["project"]))


async def test_retries_count_towards_the_request_limit() -> None:
    async with account(seed=1, customers=3, projects=20) as (api, mw):
        api.inject(Fault(operation="dns-list-dns-zones", status=503, probability=0.5))
        asked = sweep(mw.with_options(max_retries=2), bounds=Bounds(max_requests=30))
        await rows_of(asked)
        assert asked.spent
        assert asked.requests == 30
        assert len(api.requests) == 30


async def test_the_plan_of_a_known_account_matches_the_requests_sent() -> None:
    async with account(seed=4, customers=3, projects=8) as (api, mw):
        counts = api.world.counts()
        first = await rows_of(sweep(mw))
        stacks = {row.project_id for row in first["stack"]}
        known = Known(
            items={name: counts.get(KINDS.get(name, name), 0) for name in default_resources()},
            owners={"stack": len(stacks)},
        )
        api.core.log.clear()
        again = sweep(mw, known=known)
        assert again.plan.open == ()
        await rows_of(again)
        sent = Counter(entry.operation_id for entry in api.requests)
        assert sent == {step.route.operation_id: step.requests for step in again.plan.steps if step.requests}
        assert again.requests == again.plan.requests


async def test_all_pages_of_a_long_list_are_read() -> None:
    async with account(seed=1, customers=2, projects=30, max_limit={"*": 7}) as (api, mw):
        found = await rows_of(sweep(mw, resources=["project", "domain"]))
        assert {row.id for row in found["project"]} == ids(api, "project")
        assert {row.id for row in found["domain"]} == ids(api, "domain")


async def test_a_long_list_of_the_account_is_not_read_for_a_few_projects() -> None:
    async with account(seed=1, customers=2, projects=30, max_limit={"app-list-appinstallations-for-user": 7}) as (
        api,
        mw,
    ):
        chosen = [project.id for project in (await mw.project.list_projects(limit=2)).items]
        api.core.log.clear()
        found = await rows_of(sweep(mw, projects=chosen, resources=["app_installation"]))
        expected = [item.id for project in chosen for item in await mw.app.list_appinstallations(project).collect()]
        assert sorted(str(row.id) for row in found["app_installation"]) == sorted(expected)
        sent = Counter(entry.operation_id for entry in api.requests if entry.status == 200)
        assert sent["app-list-appinstallations-for-user"] == 1


async def test_many_lists_waiting_for_a_slow_consumer_all_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OUTBOX, "MOST_WAITING", 10)
    monkeypatch.setattr(ENGINE, "ROWS_AT_ONCE", 4, raising=False)
    async with account(seed=1, customers=2, projects=20, max_limit={"*": 7}) as (api, mw):
        asked = sweep(mw, resources=["project", "dns_zone", "cronjob", "mysql_database", "domain"])
        found: dict[str, set[str | None]] = {name: set() for name in asked.rows}
        with anyio.fail_after(20):
            async with aclosing(asked.batches()) as batches:
                async for batch in batches:
                    assert len(batch.rows) <= 7
                    found[batch.unit.resource.name].update(row.id for row in batch.rows)
                    await anyio.sleep(0.02)
        for name, listed in found.items():
            assert listed == ids(api, name), name


async def test_a_large_page_is_split_and_row_creation_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OUTBOX, "MOST_WAITING", 12)
    monkeypatch.setattr(ENGINE, "ROWS_AT_ONCE", 5)
    made = 0
    original = Reader.rows

    def counting(self: Reader, *arguments: Any) -> list[Row]:
        nonlocal made
        rows = original(self, *arguments)
        made += len(rows)
        return rows

    monkeypatch.setattr(Reader, "rows", counting)
    async with account(seed=1, customers=2, projects=30) as (api, mw):
        asked = sweep(mw, resources=["project", "domain", "ingress", "mail_address", "dns_zone"])
        taken = 0
        async with aclosing(asked.batches()) as batches:
            async for batch in batches:
                assert len(batch.rows) <= 5
                taken += len(batch.rows)
                await anyio.sleep(0.005)
                assert made - taken <= 12
        assert taken == sum(api.world.counts()[name] for name in asked.rows)


@pytest.mark.parametrize("last_page", [False, True])
async def test_items_that_shift_after_deletions_are_not_missed(last_page: bool) -> None:
    async with account(seed=1, customers=2, projects=30, lag=0.0, max_limit={"*": 20}) as (_, mw):
        listed = await mw.mail.list_mail_addresses_for_user().collect()
        # One item on the last page, or many after the first.
        kept = [item.id for item in (listed[:41] if last_page else listed)]
        for item in listed[len(kept) :]:
            await mw.mail.delete_mail_address(item.id)
        found: list[str | None] = []
        gone = 0
        async with aclosing(sweep(mw, resources=["mail_address"]).batches()) as batches:
            async for batch in batches:
                if batch.rows and batch.unit.resource.name == "mail_address":
                    found += [row.id for row in batch.rows]
                    for own in kept[gone : gone + 2]:
                        await mw.mail.delete_mail_address(own)
                    gone += 2
        assert gone >= 4
        assert len(set(found)) == len(found)
        assert set(kept[gone:]) <= set(found)


async def test_unknown_properties_and_values_are_kept_and_deviating_items_counted() -> None:
    async with account(seed=1, customers=2, projects=6, drift=1.0) as (_, mw):
        asked = sweep(mw, resources=["project", "domain", "customer_order"])
        found = await rows_of(asked)
        assert sum(map(len, found.values())) == sum(asked.rows.values())
        assert asked.failures == []


async def test_an_item_of_another_shape_is_stored_raw_and_counted() -> None:
    async with account(seed=1, customers=2, projects=2) as (api, mw):
        body = json.dumps([{"id": "p-odd", "description": 7}])
        api.inject(Fault(operation="project-list-projects", status=200, body=body, count=1))
        asked = sweep(mw, resources=["project"])
        (row,) = (await rows_of(asked))["project"]
        assert (row.id, row.drifted, asked.drifted) == ("p-odd", True, 1)
        assert json.loads(row.raw) == {"id": "p-odd", "description": 7}


def test_invalid_utf8_is_replaced_and_counted() -> None:
    resource = catalog()["project"]
    reader = Reader(resource, resource.routes[0])
    sent = [b'{"id":"p-1","description":"M\xfcller"}', b'{"id":"p-\xff"}', '{"id":"p-3","x":"Müller"}'.encode()]
    rows = reader.rows(sent, Owner(), {}, datetime.now(UTC))
    assert [json.loads(row.raw) for row in rows] == [
        {"id": "p-1", "description": "M\ufffdller"},
        {"id": "p-\ufffd"},
        {"id": "p-3", "x": "Müller"},
    ]
    assert [row.id for row in rows] == ["p-1", "p-\ufffd", "p-3"]
    assert [row.drifted for row in rows][:2] == [True, True]
    assert rows[2].raw is sent[2]


async def test_a_reserve_of_the_budget_is_left_to_others() -> None:
    async with (
        account(seed=1, customers=2, projects=5, rate_limit=(60, 0.5)) as (api, _),
        Mittwald(api.token, base_url=api.url, reserve=0.5) as mw,
    ):
        asked = sweep(mw, bounds=Bounds(concurrency=1))
        async with aclosing(asked.batches()) as batches:
            left = [mw.rate_limit.remaining or 0 async for _ in batches]
        assert asked.requests > 60
        # A request sent at the end of a window may count in the next.
        assert min(left) >= 29
        assert {entry.status for entry in api.requests} == {200}


async def test_leaving_early_leaves_no_task_running() -> None:
    async with account(seed=1, customers=3, projects=20) as (api, mw):
        rows = aiter(sweep(mw))
        await anext(rows)
        await rows.aclose()
        await anyio.sleep(0.05)  # Requests in flight arrive.
        before = len(api.requests)
        await mw.customer.list_customers()
        assert len(api.requests) == before + 1


async def test_invalid_bounds_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="concurrency"):
        Bounds(concurrency=0)
    with pytest.raises(ConfigurationError, match="max_requests"):
        Bounds(max_requests=0)
