"""Lists whose pages name the next one: cursors, links, and numbered pages without a size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from multidict import CIMultiDict

from mittwald_async.runtime.errors import InvalidArgumentError, PagingError, ResponseDecodeError, ServerError
from mittwald_async.runtime.lists import ListContext, PagingNames
from mittwald_async.runtime.operation import Operation, Page, Paging, Parameter, Response
from mittwald_async.runtime.paging import Pages
from mittwald_async.runtime.paging.chain import next_link
from mittwald_async.runtime.structs import UNSET

Query = dict[str, object]
ITEMS = [{"id": f"i{number}"} for number in range(7)]


class Server:
    """Has a list of seven items, and serves it in one of several styles."""

    def __init__(self, way: str, *, size: int = 3) -> None:
        self.way, self.size = way, size
        self.asked: list[Query] = []
        self.broken: set[int] = set()
        self.body: object = None
        self.lists = ListContext(PagingNames(skip_parameter="offset", size=3))

    def short_list(self, operation_id: str, announced: int, arrived: int) -> None:
        raise AssertionError("nothing is short")

    async def value(self, *arguments: Any, **named: Any) -> Any:
        return (await self.response(*arguments, **named)).data

    async def response(
        self,
        operation: Operation[Any],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[Any]:
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        self.asked.append(asked)
        if len(self.asked) in self.broken:
            raise ServerError("not now", status=500)
        data, reported = getattr(self, self.way)(asked)
        return Response(data=data, status=200, headers=CIMultiDict(reported), method="GET", url="/things")

    def _from(self, start: int, asked: Query) -> tuple[list[Any], int | None]:
        size = int(str(asked.get("limit", asked.get("per_page", self.size))))
        after = start + size
        return ITEMS[start:after], after if after < len(ITEMS) else None

    def cursor(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        found, after = self._from(int(str(asked.get("cursor", "c0"))[1:]), asked)
        return {"data": found, "meta": {"next": None if after is None else f"c{after}"}}, {}

    def empty_cursor(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        data, reported = self.cursor(asked)
        return {**data, "meta": {"next": data["meta"]["next"] or ""}}, reported

    def address(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        found, after = self._from(int(str(asked.get("cursor", 0))), asked)
        following = None if after is None else f"https://api.example/things?cursor={after}&per_page=3"
        return {"data": found, "meta": {"next": following}}, {}

    def last_id(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        start = int(str(asked["starting_after"])[1:]) + 1 if "starting_after" in asked else 0
        found, after = self._from(start, asked)
        return {"data": found, "has_more": after is not None}, {}

    def link(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        found, after = self._from(int(str(asked.get("after", 0))), asked)
        first = '<https://api.example/things?after=0>; rel="first"'
        following = "" if after is None else f', <https://api.example/things?after={after}&a=1&a=2>; rel="x next"'
        return found, {"link": first + following}

    def page(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        found, _ = self._from((int(str(asked.get("page", 1))) - 1) * self.size, asked)
        return {"data": found}, {}

    def offset(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        found, _ = self._from(int(str(asked.get("offset", 0))), asked)
        return {"data": found, "total": len(ITEMS)}, {}

    def more(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        found, after = self._from(int(str(asked.get("offset", 0))), asked)
        return {"data": found, "has_more": after is not None}, {}

    def circle(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        start = int(str(asked.get("cursor", "c0"))[1:])
        return {"data": ITEMS[start : start + 3], "meta": {"next": "c3" if start != 3 else "c4"}}, {}

    def whole(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        return ITEMS, {}

    def bare(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        return self.body, {}

    def same(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
        return {"data": ITEMS[:3], "meta": {"next": "c0"}}, {}


CURSOR = Paging(items="data", cursor="cursor", next_cursor="meta.next")
WAYS = {
    "cursor": CURSOR,
    "empty_cursor": CURSOR,
    "address": CURSOR,
    "last_id": Paging(items="data", cursor="starting_after", has_more="has_more"),
    "link": Paging(link=True),
    "page": Paging(items="data", page=True),
    "offset": Paging(items="data", skip=True, total="total"),
    "more": Paging(items="data", limit=True, skip=True, has_more="has_more"),
}


def pages(server: Server, paging: Paging, query: Query | None = None, **options: Any) -> Pages[Any]:
    parameters = tuple(Parameter(name=name, wire=name, where="query", type="Any") for name in query or {})
    operation: Operation[Any] = Operation(
        operation_id="list-things", method="GET", path="/things", group="things", name="list", tag="Things",
        parameters=parameters, paging=paging,
    )  # fmt: skip
    return Pages(server, operation, (), query, **options)


@pytest.mark.parametrize("ahead", [0, 4])
@pytest.mark.parametrize("way", WAYS)
async def test_every_item_comes_once(way: str, ahead: int) -> None:
    server = Server(way)
    assert await pages(server, WAYS[way], ahead=ahead).collect() == ITEMS
    assert [item async for item in pages(server, WAYS[way], ahead=ahead)] == ITEMS
    assert await pages(server, WAYS[way]).count() == 7
    assert await pages(server, WAYS[way]).first() == ITEMS[0]


@pytest.mark.parametrize("way", WAYS)
async def test_no_more_pages_are_requested_than_needed(way: str) -> None:
    server = Server(way)
    assert await pages(server, WAYS[way]).collect(3) == ITEMS[:3]
    assert len(server.asked) == 1
    assert await pages(server, WAYS[way]).collect(4) == ITEMS[:4]
    assert len(server.asked) == 3


async def test_only_documented_parameters_are_sent() -> None:
    for way, names in (("cursor", {"cursor"}), ("page", {"page"}), ("offset", {"offset"}), ("link", {"after", "a"})):
        server = Server(way)
        await pages(server, WAYS[way]).collect()
        assert {name for asked in server.asked for name in asked} == names
        assert server.asked[0] == {}


@pytest.mark.parametrize(
    ("way", "given", "expected"),
    [
        ("cursor", {"cursor": "c3"}, ITEMS[3:]),
        ("page", {"page": 2}, ITEMS[3:]),
        ("offset", {"offset": 5}, ITEMS[5:]),
        ("more", {"limit": 2, "offset": 3}, ITEMS[3:]),
        ("link", {"after": 6}, ITEMS[6:]),
    ],
)
async def test_the_callers_start_is_sent_and_the_list_continues_from_there(
    way: str, given: Query, expected: list[Any]
) -> None:
    server = Server(way)
    assert await pages(server, WAYS[way], {"sort": "name", **given}).collect() == expected
    assert server.asked[0] == {"sort": "name", **given}
    assert all(asked["sort"] == "name" for asked in server.asked)
    if "limit" in given:
        assert {asked["limit"] for asked in server.asked} == {2}


async def test_a_lone_limit_is_the_only_parameter_sent() -> None:
    server = Server("page")
    page = await pages(server, Paging(items="data", limit=True), {"limit": 2})
    assert page.items == ITEMS[:2]
    assert await pages(server, Paging(items="data", limit=True), {"limit": 2}).collect() == ITEMS[:2]
    assert await pages(server, Paging(items="data", limit=True)).collect() == ITEMS[:3]
    assert server.asked == [{"limit": 2}, {"limit": 2}, {}]


async def test_a_callers_cursor_disables_concurrent_pages() -> None:
    both = Paging(items="data", limit=True, skip=True, cursor="cursor", next_cursor="meta.next")
    server = Server("cursor")
    assert await pages(server, both, {"cursor": "c2", "limit": 4}).collect() == ITEMS[2:]
    assert server.asked == [{"cursor": "c2", "limit": 4}, {"cursor": "c6", "limit": 4}]


async def test_parameter_names_of_a_list_override_those_of_the_api() -> None:
    named = Paging(items="data", limit=True, skip=True, total="total", limit_name="per_page", skip_name="offset")
    server = Server("offset")
    assert await pages(server, named, {"per_page": 4}).collect() == ITEMS
    assert server.asked == [{"per_page": 4, "offset": 0}, {"per_page": 4, "offset": 4}]


async def test_pages_may_be_counted_from_zero() -> None:
    class Zero(Server):
        def zero(self, asked: Query) -> tuple[Any, Mapping[str, str]]:
            found, _ = self._from(int(str(asked["page"])) * int(str(asked["limit"])), asked)
            return {"data": found}, {}

    server = Zero("zero")
    counted = Paging(items="data", limit=True, page=True, first_page=0)
    assert await pages(server, counted).collect() == ITEMS
    assert [asked["page"] for asked in server.asked] == [0, 1, 2]
    assert await pages(server, counted, {"page": 1, "limit": 3}).collect() == ITEMS[3:]


async def test_an_interrupted_list_resumes_where_it_was() -> None:
    server = Server("cursor")
    server.broken = {2}
    with pytest.raises(PagingError, match="the page at item 3 could not be fetched") as caught:
        await pages(server, CURSOR).collect()
    assert list(caught.value.items) == ITEMS[:3]
    assert await pages(server, CURSOR).resume(caught.value.resume).collect() == ITEMS[3:]
    with pytest.raises(InvalidArgumentError, match="another list"):
        pages(server, CURSOR, {"sort": "name"}).resume(caught.value.resume)


async def test_the_first_page_fails_with_its_own_error() -> None:
    server = Server("cursor")
    server.broken = {1}
    with pytest.raises(ServerError):
        await pages(server, CURSOR).collect()


async def test_a_server_that_repeats_the_same_page_is_an_error() -> None:
    server = Server("same")
    with pytest.raises(PagingError, match="names the same page as the next one"):
        await pages(server, CURSOR, {"cursor": "c0"}).collect()


async def test_pages_that_lead_round_in_a_circle_are_an_error() -> None:
    server = Server("circle")
    with pytest.raises(PagingError, match="names a page as the next one that was read before") as caught:
        await pages(server, CURSOR).collect(100)
    assert list(caught.value.items) == ITEMS[:6]
    assert len(server.asked) == 3


@pytest.mark.parametrize("paging", [Paging(page=True), Paging(skip=True)], ids=["page", "offset"])
async def test_a_server_that_ignores_the_number_of_the_page_is_read_once(paging: Paging) -> None:
    server = Server("whole")
    assert await pages(server, paging).collect(100) == ITEMS
    assert len(server.asked) == 2


@pytest.mark.parametrize("body", [ITEMS, "text", 5])
async def test_a_body_that_is_no_object_around_a_list_is_an_error(body: object) -> None:
    """Its items would be lost, as if there were none."""
    server = Server("bare")
    server.body = body
    with pytest.raises(ResponseDecodeError, match="an object with a list was expected"):
        await pages(server, CURSOR).collect()


async def test_a_list_can_be_read_by_page_or_without_duplicates() -> None:
    server = Server("last_id")
    found: list[Page[Any]] = [page async for page in pages(server, WAYS["last_id"]).pages()]
    assert [(page.skip, len(page)) for page in found] == [(0, 3), (3, 3), (6, 1)]
    assert await pages(Server("cursor"), CURSOR, unique=True).collect() == ITEMS


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ('<https://a.example/x?page=2>; rel="next"', "https://a.example/x?page=2"),
        ('<?a=1,2>; rel=prev, <?b=3;4>; title="a, b; c"; REL="Next last"', "?b=3;4"),
        ('<https://a.example>; rel="nextish"', None),
        ("nonsense", None),
    ],
)
def test_links(header: str, expected: str | None) -> None:
    assert next_link(CIMultiDict({"Link": header})) == expected
