"""What a list yields and requests, for every paging style of the API."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mittwald_async.errors import BadRequestError, InvalidArgumentError, Issue, NotFoundError, ResponseDecodeError
from mittwald_async.profile import PROFILE
from mittwald_async.runtime.lists import ListContext
from mittwald_async.runtime.operation import Page, Paging, Parameter
from mittwald_async.runtime.paging import Pages, PageSizes
from mittwald_async.runtime.structs import UNSET

from ..support.list_server import (
    NUMBERED,
    SKIPPED,
    UNTOLD,
    WHOLE,
    ListServer,
    Thing,
    Wrapped,
    listing,
    pages_of,
    things,
)


async def test_awaiting_returns_the_first_page_with_its_response() -> None:
    server = ListServer(range(120))
    page: Page[int] = await pages_of(server, limit=50)
    assert (page.items[:2], len(page), page.total, page.limit, page.skip) == ([0, 1], 50, 120, 50, 0)
    assert page.response.status == 200
    assert server.sent == [{"limit": 50, "skip": 0}]


async def test_response_has_the_page_as_its_data() -> None:
    response = await pages_of(ListServer(range(3)), limit=50).response()
    assert response.status == 200
    assert response.data.items == [0, 1, 2]


async def test_nothing_is_sent_before_use_and_every_use_requests_again() -> None:
    server = ListServer(range(3))
    pages = pages_of(server)
    assert server.sent == []
    assert pages.total is None
    assert await pages.collect() == [0, 1, 2]
    assert await pages.collect() == [0, 1, 2]
    assert len(server.sent) == 2
    assert pages.total == 3
    assert repr(pages) == "Pages(list-things, total=3)"


@pytest.mark.parametrize(
    "paging",
    [SKIPPED, UNTOLD, NUMBERED, Paging(limit=True, page=True, totals=True)],
    ids=["skip", "untold", "page", "paged"],
)
@pytest.mark.parametrize("total", [0, 1, 9, 10, 11, 30, 95])
async def test_every_item_comes_once_and_in_order(paging: Paging, total: int) -> None:
    server = ListServer(range(total), totals=paging.totals)
    assert [item async for item in pages_of(server, paging, limit=10)] == list(range(total))


async def test_a_list_with_page_numbers_only_is_requested_by_number() -> None:
    server = ListServer(range(25), totals=False)
    assert await pages_of(server, NUMBERED, limit=10).collect() == list(range(25))
    assert server.sent == [{"limit": 10, "page": 1}, {"limit": 10, "page": 2}, {"limit": 10, "page": 3}]


async def test_without_totals_a_short_page_ends_the_list_and_a_full_one_does_not() -> None:
    server = ListServer(range(20), totals=False)
    assert await pages_of(server, UNTOLD, limit=10).collect() == list(range(20))
    assert [query["skip"] for query in server.sent] == [0, 10, 20]


@pytest.mark.parametrize("paging", [WHOLE, Paging(totals=True), None], ids=["bare", "headers only", "no facts"])
async def test_an_unpaged_list_is_one_page(paging: Paging | None) -> None:
    server = ListServer(range(2500), totals=paging is not None and paging.totals)
    pages = Pages(server, listing(paging), (), {"name": "x"})
    assert await pages.collect() == list(range(2500))
    assert [len(page) async for page in pages.pages()] == [2500]
    assert server.sent == [{"name": "x"}, {"name": "x"}]
    assert (await pages).limit in (None, 2500)


async def test_a_wrapped_list_is_unwrapped_from_models_and_plain_json() -> None:
    paging = Paging(limit=True, skip=True, page=True, items="sshKeys", total="totalCount")
    server = ListServer(things(25), totals=False)
    server.shape = lambda items, total: Wrapped(ssh_keys=items, total_count=total)
    assert await pages_of(server, paging, limit=10).collect() == things(25)
    assert len(server.sent) == 3
    server.shape = lambda items, total: {"sshKeys": items, "totalCount": total}
    pages = pages_of(server, paging, limit=10)
    assert await pages.collect() == things(25)
    assert pages.total == 25


NOTHING: list[object] = [None, UNSET, {"sshKeys": None}, {}]


@pytest.mark.parametrize("empty", NOTHING)
async def test_a_missing_optional_list_is_empty(empty: Any) -> None:
    paging = Paging(items=None if empty in (None, UNSET) else "sshKeys")
    server = ListServer([])

    def nothing(items: list[Any], total: int) -> Any:
        return empty

    server.shape = nothing
    assert await pages_of(server, paging).collect() == []


async def test_a_response_that_is_not_a_list_is_reported() -> None:
    server = ListServer([])
    server.shape = lambda items, total: {"error": "?"}
    with pytest.raises(ResponseDecodeError, match="list-things"):
        await pages_of(server)
    server.shape = lambda items, total: {"sshKeys": 7}
    with pytest.raises(ResponseDecodeError, match="sshKeys"):
        await pages_of(server, Paging(items="sshKeys"))


async def test_filters_path_headers_and_body_are_sent_with_every_page() -> None:
    server = ListServer(range(3))
    pages: Pages[int] = Pages(
        server, listing(SKIPPED), ("p-1",), {"q": "x", "limit": 2, "skip": None}, {"h": "1"}, {"b": 2}
    )
    assert await pages.collect() == [0, 1, 2]
    assert server.sent == [{"q": "x", "limit": 2, "skip": 0}, {"q": "x", "limit": 2, "skip": 2}]


class TestWhereToStart:
    async def test_skip_is_sent_unchanged(self) -> None:
        server = ListServer(range(30))
        assert await pages_of(server, limit=10, skip=5).collect() == list(range(5, 30))
        assert [query["skip"] for query in server.sent] == [5, 15, 25]

    async def test_a_page_number_is_sent_unchanged_and_continued(self) -> None:
        server = ListServer(range(45))
        assert await pages_of(server, limit=10, page=3).collect() == list(range(20, 45))
        assert server.sent == [{"limit": 10, "page": 3}, {"limit": 10, "skip": 30}, {"limit": 10, "skip": 40}]
        assert (await pages_of(server, limit=10, page=3)).items == list(range(20, 30))

    async def test_the_server_decides_what_a_page_number_means(self) -> None:
        server = ListServer(range(45))
        counted_from_zero = pages_of(server, limit=10, page=2)
        server.before = lambda number: server.sent[0].update(page=3) if number == 1 else None
        assert await counted_from_zero.collect() == list(range(20, 45))

    @pytest.mark.parametrize("paging", [SKIPPED, NUMBERED, Paging(limit=True, page=True, totals=True)])
    async def test_a_page_number_counts_in_the_callers_page_size_even_if_the_server_caps_it(
        self, paging: Paging
    ) -> None:
        server = ListServer(range(120), totals=paging.totals)
        server.cap = 8
        for _ in range(2):
            assert await pages_of(server, paging, limit=50, page=3).collect() == list(range(100, 120))
            assert (await pages_of(server, paging, limit=50, page=3)).items[0] == 100

    async def test_skip_takes_precedence_over_page(self) -> None:
        server = ListServer(range(9))
        assert await pages_of(server, limit=5, page=2, skip=6).collect() == [6, 7, 8]

    async def test_a_page_number_without_a_limit_counts_in_the_servers_pages(self) -> None:
        server = ListServer(range(70))
        paging = Paging(limit=True, skip=True, page=True, default_limit=30, totals=True)
        assert await pages_of(server, paging, page=2).collect() == list(range(30, 70))
        assert server.sent[0] == {"limit": 30, "page": 2}

    @pytest.mark.parametrize("paging", [SKIPPED, NUMBERED, Paging(limit=True, skip=True, page=True, max_limit=40)])
    async def test_a_page_number_without_a_limit_leaves_an_undocumented_page_size_to_the_server(
        self, paging: Paging
    ) -> None:
        server = ListServer(range(45), totals=False)
        server.default_limit = 20
        pages = pages_of(server, paging, page=2)
        assert await pages.collect() == list(range(20, 45))
        assert server.sent == [{"page": 2}, {"page": 3}, {"page": 4}]
        assert (await pages).items == list(range(20, 40))
        assert await pages.first() == 20
        assert await pages.count() == 45

    async def test_a_page_number_in_a_list_without_skip(self) -> None:
        server = ListServer(range(25), totals=False)
        assert await pages_of(server, NUMBERED, limit=10, page=2).collect() == list(range(10, 25))

    @pytest.mark.parametrize(
        ("name", "value"), [("limit", 0), ("limit", "5"), ("skip", -1), ("page", -1), ("limit", True)]
    )
    def test_invalid_windows_are_refused(self, name: str, value: object) -> None:
        with pytest.raises(InvalidArgumentError, match=name):
            pages_of(ListServer([]), SKIPPED, **{name: value})


async def test_numbers_documented_as_text_may_be_given_as_text() -> None:
    server = ListServer(range(25))
    described = tuple(Parameter(name=name, wire=name, where="query", type="str") for name in ("limit", "page"))
    operation = msgspec.structs.replace(listing(NUMBERED), parameters=described)
    assert await Pages[int](server, operation, (), {"limit": "10", "page": "2"}).collect() == list(range(10, 25))
    with pytest.raises(InvalidArgumentError, match="page"):
        Pages[int](server, operation, (), {"page": "two"})


class TestPageSize:
    @pytest.mark.parametrize(
        ("default", "maximum", "asked"), [(None, None, 1000), (10, None, 1000), (10000, None, 10000), (100, 250, 250)]
    )
    async def test_the_requested_size_follows_the_document(
        self, default: int | None, maximum: int | None, asked: int
    ) -> None:
        server = ListServer(range(3))
        await pages_of(server, Paging(limit=True, skip=True, default_limit=default, max_limit=maximum))
        assert server.sent[0]["limit"] == asked

    async def test_a_refused_size_falls_to_the_allowed_one_and_is_remembered(self) -> None:
        server = ListServer(range(2500))
        server.cap = 1000
        paging = Paging(limit=True, skip=True, default_limit=10000, totals=True)
        assert await pages_of(server, paging).collect() == list(range(2500))
        assert [query["limit"] for query in server.sent] == [10000, 1000, 1000, 1000]
        server.sent.clear()
        assert (await pages_of(server, paging, limit=5000)).limit == 1000
        assert [query["limit"] for query in server.sent] == [1000]

    async def test_awaiting_reduces_the_size_as_well(self) -> None:
        server = ListServer(range(2500))
        server.cap = 500
        assert len(await pages_of(server, limit=800)) == 500

    @pytest.mark.parametrize(
        ("complaint", "sizes"),
        [
            ("limit must be less than 301", [1000, 300]),
            ("limit must be between 1 and 300", [1000, 300]),
            ("limit 1000 exceeds 300", [1000, 300]),
            ("limit too high", [1000, 500, 250]),
        ],
    )
    async def test_wordings_of_a_refusal(self, complaint: str, sizes: list[int]) -> None:
        server = ListServer(range(7))
        server.cap, server.complaint = 300, complaint
        assert await pages_of(server).collect() == list(range(7))
        assert [query["limit"] for query in server.sent] == sizes

    async def test_without_a_number_the_documented_default_is_next(self) -> None:
        server = ListServer(range(7))
        server.cap, server.complaint = 50, "limit: too high"
        await pages_of(server, Paging(limit=True, skip=True, default_limit=30))
        assert [query["limit"] for query in server.sent] == [1000, 30]

    async def test_a_server_that_refuses_every_size_is_an_error(self) -> None:
        server = ListServer(range(7))
        server.cap, server.complaint = 0, "limit: no"
        with pytest.raises(BadRequestError):
            await pages_of(server).collect()
        assert len(server.sent) < 10
        with pytest.raises(BadRequestError):
            await pages_of(server)

    async def test_other_refusals_do_not_change_the_size(self) -> None:
        server = ListServer(range(7))
        server.cap, server.complaint = 0, "rate limit"

        def refuse(number: int) -> None:
            raise BadRequestError("sortOrder: unknown", status=400)

        server.before = refuse
        with pytest.raises(BadRequestError, match="sortOrder"):
            await pages_of(server)
        assert len(server.sent) == 1

    @pytest.mark.parametrize("told", [True, False])
    async def test_a_silent_cap_loses_nothing(self, told: bool) -> None:
        server = ListServer(range(950), told_limit=told)
        server.silent_cap = 300
        assert await pages_of(server).collect() == list(range(950))
        assert [query["skip"] for query in server.sent] == [0, 300, 600, 900]

    async def test_a_silent_cap_without_totals_loses_nothing(self) -> None:
        server = ListServer(range(950), totals=False)
        server.silent_cap = 100
        assert await pages_of(server, UNTOLD).collect() == list(range(950))

    async def test_a_size_refused_midway_loses_nothing(self) -> None:
        server = ListServer(range(95))

        def lower(number: int) -> None:
            server.cap = None if number < 4 else 7

        server.before = lower
        assert await pages_of(server, limit=10).collect() == list(range(95))
        server.sent.clear()
        server.cap = None
        assert await pages_of(server, Paging(limit=True, page=True, totals=True), limit=10).collect() == list(range(95))

    async def test_a_server_that_ignores_limit_and_skip_is_read_once(self) -> None:
        server = ListServer(range(25), totals=False)
        server.deaf = True
        assert await pages_of(server, UNTOLD, limit=10).collect() == list(range(25))
        assert len(server.sent) == 2

    async def test_among_several_issues_the_one_about_the_limit_counts(self) -> None:
        server = ListServer(range(7))

        def refuse(number: int) -> None:
            if number == 1:
                issues = (
                    Issue("query.sort", "unknown"),
                    Issue("query.limit", "too large", context={"max": 250, "strict": True}),
                )
                raise BadRequestError("Validation failed", status=400, issues=issues)

        server.before = refuse
        await pages_of(server)
        assert [query["limit"] for query in server.sent] == [1000, 250]

    def test_the_number_of_remembered_sizes_is_bounded(self) -> None:
        sizes = PageSizes()
        for number in range(2000):
            sizes.refused(f"o{number}", 10)
        assert sizes.size("o0", 1000) == 1000
        assert sizes.size("o1999", 1000) == 10

    async def test_senders_may_remember_page_sizes_or_not(self) -> None:
        class Forgetful(ListServer):
            @property
            def lists(self) -> ListContext:
                return ListContext(PROFILE.paging)

        for kind, limits in ((ListServer, [1000, 5, 5]), (Forgetful, [1000, 5, 1000, 5])):
            server = kind(range(3))
            server.cap = 5
            await pages_of(server)
            await pages_of(server)
            assert [query["limit"] for query in server.sent] == limits


class TestSmallQuestions:
    async def test_first_requests_one_item(self) -> None:
        server = ListServer(range(5000))
        assert await pages_of(server).first() == 0
        assert await pages_of(server, skip=7).first() == 7
        assert [query["limit"] for query in server.sent] == [1, 1]
        assert await pages_of(ListServer([])).first() is None
        assert await pages_of(ListServer([3, 4]), WHOLE).first() == 3

    async def test_count_is_one_small_request(self) -> None:
        server = ListServer(range(5000))
        assert await pages_of(server, limit=50, skip=100).count() == 5000
        assert server.sent == [{"limit": 1, "skip": 0}]

    async def test_count_reads_a_whole_list_without_a_total(self) -> None:
        server = ListServer(range(25), totals=False)
        assert await pages_of(server, UNTOLD, limit=10, skip=10).count() == 25
        assert len(server.sent) == 3
        assert await pages_of(server, SKIPPED, limit=10).count() == 25
        assert await pages_of(ListServer([], totals=False), SKIPPED).count() == 0
        assert await pages_of(ListServer(range(9), totals=False), WHOLE).count() == 9

    async def test_collect_fetches_no_more_than_it_needs(self) -> None:
        server = ListServer(range(5000))
        assert await pages_of(server).collect(0) == []
        assert server.sent == []
        assert await pages_of(server).collect(max_items=7) == list(range(7))
        assert server.sent == [{"limit": 7, "skip": 0}]
        server.sent.clear()
        assert await pages_of(server, limit=100).collect(max_items=250) == list(range(250))
        assert [query["skip"] for query in server.sent] == [0, 100, 200]
        server.sent.clear()
        assert await pages_of(server).collect(max_items=1500) == list(range(1500))
        assert len(server.sent) == 2
        wrong: list[Any] = [-1, "x", 1.5, float("nan"), True]
        for value in wrong:
            with pytest.raises(InvalidArgumentError, match="max_items: must be a whole number, 0 or more"):
                await pages_of(server).collect(value)
            with pytest.raises(InvalidArgumentError, match="ahead: must be a whole number, 0 or more"):
                pages_of(server).with_options(ahead=value)
        no_tokens: list[Any] = [None, 5, b"x"]
        for value in no_tokens:
            with pytest.raises(InvalidArgumentError, match="token: is not a resume token"):
                pages_of(server).resume(value)

    async def test_collect_counts_what_remains_without_duplicates(self) -> None:
        server = ListServer([*things(10), *things(30)[5:]])
        found = await pages_of(server, limit=10).with_options(unique=True).collect(max_items=20)
        assert found == things(20)


async def test_unique_drops_duplicates_and_keeps_items_without_id() -> None:
    doubled = [Thing("a"), Thing("b"), Thing("a", "again"), 5, 5, {"id": "b"}, {"id": "c"}, {"id": None}, Thing("d")]
    server = ListServer(doubled)
    assert len(await pages_of(server, limit=2).collect()) == 9
    kept = await pages_of(server, limit=2).with_options(unique=True).collect()
    assert kept == [Thing("a"), Thing("b"), 5, 5, {"id": "c"}, {"id": None}, Thing("d")]


async def test_an_error_of_the_first_page_is_raised_unchanged() -> None:
    server = ListServer(range(3))

    def missing(number: int) -> None:
        raise NotFoundError("no such project", status=404)

    server.before = missing
    for use in (pages_of(server).collect(), pages_of(server).first(), pages_of(server).count()):
        with pytest.raises(NotFoundError):
            await use
