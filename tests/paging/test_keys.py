"""The identity of items, in lists with and without an id."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.errors import DriftWarning, ResponseDecodeError
from mittwald_async.inventory import catalog
from mittwald_async.inventory.list_reader import raw_operation
from mittwald_async.operations import OPERATIONS
from mittwald_async.runtime.paging import Pages
from mittwald_async.runtime.paging.keys import ItemKeys

from ..support.list_server import SKIPPED, ListServer, listing


@pytest.mark.parametrize(
    ("path", "item", "key"),
    [
        ("/v2/projects", {"id": "p-1", "projectId": "x"}, "p-1"),
        ("/v2/domains", {"domainId": "d-1", "projectId": "p-1"}, "d-1"),
        ("/v2/customers/{customerId}/contracts", {"customerId": "c-1", "contractId": "k-1"}, "k-1"),
        ("/v2/users/self/api-tokens", {"apiTokenId": "t-1"}, "t-1"),
        ("/v2/users/self/sessions", {"tokenId": "t-1", "device": {}}, "t-1"),
        ("/v2/customers/{customerId}/exports", {"customerId": "c-1", "exportId": "e-1"}, "e-1"),
        ("/v2/entries", {"id": None}, None),
        ("/v2/entries", 5, None),
    ],
)
def test_the_lists_own_key_identifies_items(path: str, item: Any, key: str | None) -> None:
    assert ItemKeys(path).of(item) == key


def test_items_without_a_key_are_identified_by_content() -> None:
    keys = ItemKeys("/v2/activities")
    assert keys.of({"a": 1}) == keys.of({"a": 1}) != keys.of({"a": 2})


def test_every_paged_list_of_the_catalog_uses_the_catalogs_key() -> None:
    for resource in catalog().values():
        for route in resource.routes:
            operation = OPERATIONS.get(route.operation_id)
            paging = operation.paging if operation is not None else None
            if paging is not None and paging.limit and resource.key is not None:
                item = {"customerId": "c", "projectId": "p"} if resource.key == "id" else {}
                item |= {"projectId": "p"} if "domain" in resource.name else {}
                keys = ItemKeys(OPERATIONS[route.operation_id].path)
                assert keys.of(item | {resource.key: "own"}) == "own", route.operation_id


async def test_domains_inserted_at_the_top_during_paging_come_once() -> None:
    """python-gitlab#2979: duplicates from shifting offsets were recognised only by `id`, which domains lack."""
    domains = [{"domainId": f"d-{number}", "projectId": "p-1"} for number in range(40)]
    server = ListServer(list(domains))
    server.before = lambda number: server.items.insert(0, {"domainId": f"new-{number}"}) if number > 1 else None
    operation = msgspec.structs.replace(listing(SKIPPED), path="/v2/domains")
    pages: Pages[Any] = Pages(server, operation, (), {"limit": 10})
    assert await pages.with_options(unique=True, ahead=0).collect() == domains


@pytest.mark.parametrize("strict", [False, True])
async def test_fewer_items_than_announced_are_a_warning_and_an_error_when_strict(strict: bool) -> None:
    """A list announced 208 items and delivered 2, without any warning."""
    body = '[{"id": "p-1"}, {"id": "p-2"}]'
    async with (
        Emulator(rate_limit=None, customers=1, projects=2) as api,
        Mittwald(api.token, base_url=api.url) as mw,
    ):
        headers = {"X-Pagination-TotalCount": "208", "X-Pagination-Limit": "1000"}
        api.inject(Fault(operation="project-list-projects", status=200, body=body, headers=headers))
        lists = raw_operation("project-list-projects")
        pages: Pages[Any] = Pages(mw.with_options(strict=strict).sender, lists, (), {"limit": 1000})
        if strict:
            with pytest.raises(ResponseDecodeError, match="announced 208 items and sent 2"):
                await pages.collect()
        else:
            with pytest.warns(DriftWarning, match="announced 208 items and sent 2"):
                assert len(await pages.collect()) == 2
