"""What is learned about page sizes: from refusals, from received pages, and from servers that cap silently."""

from __future__ import annotations

import pytest

from mittwald_async.errors import (
    ApiClientError,
    BadRequestError,
    Issue,
    NotFoundError,
    PagingError,
    ResponseDecodeError,
    ServerError,
    UnprocessableError,
)
from mittwald_async.runtime.lists import PageSizes, smaller
from mittwald_async.runtime.paging.keys import ItemKeys

from ..support.list_server import UNTOLD, ListServer, pages_of


def refusal(message: str, **context: object) -> BadRequestError:
    return BadRequestError("Validation failed", status=400, issues=(Issue("query.limit", message, context=context),))


@pytest.mark.parametrize(
    ("error", "size"),
    [
        (refusal("too large"), 100),
        (refusal("at most 250"), 250),
        (refusal("must be less than 250"), 249),
        (refusal("must be lower than 250"), 249),
        (refusal("must be smaller than 250"), 249),
        (refusal("must be <250"), 249),
        (refusal("between 1 and 250"), 250),
        (refusal("from 250 to 1000"), 250),
        (refusal("at most 5000"), 100),
        (refusal("at least 0"), 100),
        (refusal("too large", max=250), 250),
        (refusal("too large", strict=True), 100),
        (UnprocessableError("no", status=422, issues=(Issue("limit", "at most 250"),)), 250),
        (BadRequestError("no", status=400, issues=(Issue("query", "limit is at most 250"),)), 250),
        (BadRequestError("the limit is 250", status=400), 250),
        (BadRequestError("limit: too large", status=400), 100),
        (BadRequestError("rate limit: at most 250 calls", status=400), None),
        (BadRequestError("rate-limit of 250 reached", status=400), None),
        (BadRequestError("no", status=400, issues=(Issue("query.sort", "at most 250"),)), None),
        (NotFoundError("limit: at most 250", status=404), None),
    ],
    ids=str,
)
def test_after_a_refusal_the_named_size_or_the_documented_default_is_next(
    error: ApiClientError, size: int | None
) -> None:
    assert smaller(error, 1000, 100) == size


@pytest.mark.parametrize(
    ("tried", "default", "size"),
    [
        (1000, None, 500),
        (1000, 1000, 500),
        (1000, 999, 999),
        (1000, 1, 1),
        (1000, 0, 500),
        (11, None, 5),
        (10, None, None),
    ],
)
def test_without_a_number_or_default_the_size_is_halved_down_to_ten(
    tried: int, default: int | None, size: int | None
) -> None:
    assert smaller(refusal("too large"), tried, default) == size


def test_the_limit_may_have_another_name() -> None:
    error = BadRequestError("no", status=400, issues=(Issue("query.pageSize", "at most 30"),))
    assert smaller(error, 1000, None) is None
    assert smaller(error, 1000, None, "pageSize") == 30
    assert smaller(BadRequestError("pageSize is at most 30", status=400), 1000, None, "pageSize") == 30


def test_a_short_page_may_be_capped_if_it_is_round_and_none_was_longer() -> None:
    sizes = PageSizes()
    assert sizes.may_be_cut("o", 10)
    assert not sizes.may_be_cut("o", 0)
    assert not sizes.may_be_cut("o", 105)
    sizes.arrived("o", 150)
    sizes.arrived("o", 100)
    assert not sizes.may_be_cut("o", 140)
    assert sizes.may_be_cut("o", 150)
    assert sizes.may_be_cut("another", 140)


def test_the_smallest_refusal_counts() -> None:
    sizes = PageSizes()
    sizes.refused("o", 50)
    sizes.refused("o", 80)
    assert (sizes.size("o", 1000), sizes.size("o", 1000, 20), sizes.size("another", 1000)) == (50, 20, 1000)


async def test_a_silent_cap_is_remembered_for_the_next_reading() -> None:
    server = ListServer(range(120))
    server.silent_cap = 50
    assert await pages_of(server).collect() == list(range(120))
    first = len(server.sent)
    assert await pages_of(server).collect() == list(range(120))
    assert [query["limit"] for query in server.sent[:2]] == [1000, 50]
    assert {query["limit"] for query in server.sent[first:]} == {50}


async def test_a_list_that_ends_at_the_cap_teaches_nothing() -> None:
    server = ListServer(range(30))
    server.silent_cap = 30
    assert await pages_of(server).collect() == list(range(30))
    assert await pages_of(server).collect() == list(range(30))
    assert [query["limit"] for query in server.sent] == [1000, 1000]


async def test_an_empty_page_teaches_nothing() -> None:
    server = ListServer(range(120))
    server.silent_cap = 50
    server.shape = lambda items, total: []
    assert await pages_of(server).collect() == []
    assert server.lists.sizes.size("list-things", 1000) == 1000


async def test_an_operation_with_longer_pages_in_the_past_is_not_capped() -> None:
    server = ListServer(range(60), totals=False)
    assert len(await pages_of(server, UNTOLD).collect()) == 60
    server.items = server.items[:50]
    before = len(server.sent)
    assert len(await pages_of(server, UNTOLD).collect()) == 50
    assert len(server.sent) == before + 1


@pytest.mark.parametrize(
    ("path", "item", "key"),
    [
        ("/v2/things", {"id": "a", "thingId": "b"}, "a"),
        ("/v2/things", {"thingId": "b", "otherId": "c"}, "b"),
        ("/v2/policies", {"policyId": "b", "otherId": "c"}, "b"),
        ("/v2/ssh-users", {"sshUserId": "b", "otherId": "c"}, "b"),
        ("/v2/things/{kind}", {"thingId": "b", "otherId": "c"}, "b"),
        ("/v2/projects/{projectId}/things", {"projectId": "p", "otherId": "c"}, "c"),
        ("/{id}", {"otherId": 7}, 7),
        ("/v2/things", {"id": None}, None),
        ("/v2/things", 7, None),
    ],
)
def test_items_are_identified_by_id_or_by_the_lists_key(path: str, item: object, key: object) -> None:
    assert ItemKeys(path).of(item) == key


def test_items_without_an_id_are_identified_by_content() -> None:
    keys = ItemKeys("/v2/things")
    assert keys.of({"oneId": 1, "otherId": 2}) == keys.of({"oneId": 1, "otherId": 2}) is not None
    assert keys.of({"oneId": 1, "otherId": 2}) != keys.of({"oneId": 1, "otherId": 3})
    assert keys.of({"name": object()}) is None


async def test_a_body_that_is_not_a_list_is_reported_with_its_path() -> None:
    server = ListServer(range(3))
    server.shape = lambda items, total: {"items": items}
    with pytest.raises(ResponseDecodeError) as caught:
        await pages_of(server)
    assert (caught.value.operation_id, caught.value.json_path) == ("list-things", "$")


@pytest.mark.parametrize("done", [1, 10, 100, 1000])
async def test_a_resume_token_works_at_any_length(done: int) -> None:
    server = ListServer(range(done + 5))

    def fail(number: int) -> None:
        if number == 2:
            raise ServerError("bad gateway", status=502)

    server.before = fail
    pages = pages_of(server, limit=done)
    with pytest.raises(PagingError) as caught:
        await pages.collect()
    assert await pages.resume(caught.value.resume).collect() == list(range(done, done + 5))
