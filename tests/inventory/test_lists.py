"""One list, read to its end: also where the server does not say where that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec
import pytest

from mittwald_async.inventory import catalog
from mittwald_async.inventory.frontier import Owner, Unit
from mittwald_async.inventory.lists import Listing, Mark, raw_items
from mittwald_async.operation import Operation, Response
from mittwald_async.structs import UNSET

T = TypeVar("T")


class Capping:
    """A server of orders that gives no more than 20 at once and does not tell how many there are."""

    def __init__(self, count: int) -> None:
        self.items = [msgspec.Raw(b'{"orderId":"o-%d"}' % number) for number in range(count)]
        self.requests = 0

    async def response(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[T]:
        self.requests += 1
        start = cast("int", (query or {}).get("skip", 0))
        data: Any = self.items[start : start + 20]
        return Response(data=data, status=200, headers={}, method="GET", url="")

    async def value(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> T:
        return (await self.response(operation, path, query, headers, body)).data


def listing(server: Capping) -> Listing:
    orders = catalog()["customer_order"]
    route = orders.route("customer")
    assert route is not None
    return Listing(server, Unit(orders, route, Owner("c-1", "c-1")), Mark())


@pytest.mark.parametrize("count", [20, 30, 40, 47])
async def test_a_round_short_page_without_a_total_may_be_a_cap(count: int) -> None:
    server = Capping(count)
    orders = listing(server)
    assert await orders.only() is None
    parts = [part async for part in orders.parts()]
    assert [item for part in parts for item in raw_items(part.items)] == [bytes(item) for item in server.items]
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


@pytest.mark.parametrize("count", [0, 7, 19])
async def test_any_other_short_page_is_the_whole_list(count: int) -> None:
    server = Capping(count)
    only = await listing(server).only()
    assert only is not None
    assert len(only.items) == count
    assert only.done
    assert server.requests == 1
