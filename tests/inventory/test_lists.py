"""Reading one list to its end, even if the server does not say where that is."""

from __future__ import annotations

import msgspec
import pytest

from mittwald_async.inventory import catalog
from mittwald_async.inventory.frontier import Owner, Unit
from mittwald_async.inventory.list_reader import Listing, ListPosition, raw_items

from ..support.list_server import ListServer


def capping(count: int) -> ListServer:
    """A server of orders that sends at most 20 at once and no total."""
    orders = [msgspec.Raw(b'{"orderId":"o-%d"}' % number) for number in range(count)]
    server = ListServer(orders, totals=False, told_limit=False)
    server.silent_cap = 20
    return server


def listing(server: ListServer) -> Listing:
    orders = catalog()["customer_order"]
    route = orders.route("customer")
    assert route is not None
    return Listing(server, Unit(orders, route, Owner("c-1", "c-1")), ListPosition())


@pytest.mark.parametrize("count", [20, 30, 40, 47])
async def test_a_round_short_page_without_a_total_may_be_capped(count: int) -> None:
    server = capping(count)
    orders = listing(server)
    assert await orders.only() is None
    parts = [part async for part in orders.parts()]
    assert [item for part in parts for item in raw_items(part.items)] == [bytes(item) for item in server.items]
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


@pytest.mark.parametrize("count", [0, 7, 19])
async def test_any_other_short_page_is_the_whole_list(count: int) -> None:
    server = capping(count)
    only = await listing(server).only()
    assert only is not None
    assert len(only.items) == count
    assert only.done
    assert len(server.sent) == 1


def paged(count: int) -> tuple[ListServer, Listing]:
    orders = [msgspec.Raw(b'{"orderId":"o-%d"}' % number) for number in range(count)]
    server = ListServer(orders)
    server.silent_cap = 20
    return server, listing(server)


async def test_an_unchanged_list_is_confirmed_with_one_more_request_per_page() -> None:
    server, orders = paged(60)
    assert await orders.only() is None
    items = [item async for part in orders.parts() for item in raw_items(part.items)]
    assert len(items) == 60
    assert not orders.moved
    assert len(server.sent) == 3 + 2


@pytest.mark.parametrize("page", [1, 2])
async def test_equally_many_deletions_and_additions_between_pages_are_noticed(page: int) -> None:
    """The total is unchanged, and the first item of the next page has moved to a page that was already read."""
    server, orders = paged(60)
    assert await orders.only() is None
    found: list[bytes] = []
    number = 0
    async for part in orders.parts():
        number += 1
        found += raw_items(part.items)
        if number == page:
            del server.items[3]
            server.items.append(msgspec.Raw(b'{"orderId":"o-new"}'))
    hidden = {bytes(item) for item in server.items} - set(found)
    assert orders.moved or not hidden


async def test_a_changed_item_has_not_moved() -> None:
    server, orders = paged(40)
    assert await orders.only() is None
    async for part in orders.parts():
        if not part.at:
            server.items[19] = msgspec.Raw(b'{"orderId":"o-19","status":"NEW"}')
    assert not orders.moved
