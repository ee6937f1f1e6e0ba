"""Lists in pages: defaults per operation, skip before page, refusals, and headers that some lists omit."""

from __future__ import annotations

from itertools import chain

import pytest

from mittwald_async.emulator.behaviours import paging
from mittwald_async.emulator.options import EmulatorOptions
from mittwald_async.emulator.replies import Fail, ListReply
from mittwald_async.operations import OPERATIONS

from ..support.emulator_requests import EmulatorClient


def page_headers(headers: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix("x-pagination-"): value for name, value in headers.items() if "pagination" in name}


async def test_the_pages_together_are_the_whole_list() -> None:
    client = EmulatorClient(projects=7)
    whole = await client.get("/v2/projects")
    assert page_headers(whole.headers) == {"limit": "10000", "skip": "0", "totalcount": "7", "page": "1"}
    by_skip = [(await client.get(f"/v2/projects?limit=3&skip={skip}")).ids for skip in (0, 3, 6, 9)]
    by_page = [(await client.get(f"/v2/projects?limit=3&page={page}")).ids for page in (1, 2, 3, 4)]
    assert by_skip == by_page
    assert list(chain.from_iterable(by_skip)) == whole.ids
    assert [len(ids) for ids in by_skip] == [3, 3, 1, 0]


async def test_skip_takes_precedence_over_page() -> None:
    client = EmulatorClient(projects=7)
    answer = await client.get("/v2/projects?limit=3&skip=0&page=3")
    assert page_headers(answer.headers) == {"limit": "3", "skip": "0", "totalcount": "7", "page": "1"}


async def test_page_zero_is_the_first_and_limit_zero_is_empty() -> None:
    client = EmulatorClient(projects=7)
    assert (await client.get("/v2/projects?limit=3&page=0")).ids == (await client.get("/v2/projects?limit=3")).ids
    assert (await client.get("/v2/projects?limit=0")).json == []


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "skip=1.5", "skip=-1", "page=", "limit=99999999999999999999"])
async def test_invalid_numbers_are_refused(query: str) -> None:
    answer = await EmulatorClient().get(f"/v2/projects?{query}")
    assert (answer.status, answer.json["type"]) == (400, "ValidationError")
    assert answer.json["validationErrors"][0]["path"].rpartition(".")[2] == query.partition("=")[0]


async def test_a_list_may_refuse_more_than_its_maximum() -> None:
    client = EmulatorClient()
    assert (await client.get("/v2/extensions?limit=1000")).status == 200
    refused = await client.get("/v2/extensions?limit=1001")
    assert refused.status == 400
    assert refused.json["validationErrors"] == [
        {"path": "pagination.limit", "message": "Must be less than or equal to 1000", "type": "maximum"}
    ]
    assert (await client.get("/v2/projects?limit=100000")).status == 200
    strict = EmulatorClient(max_limit={"*": 50, "project-list-projects": 60})
    assert (await strict.get("/v2/projects?limit=60")).status == 200
    assert (await strict.get("/v2/customers?limit=51")).status == 400


def test_defaults_depend_on_the_operation() -> None:
    items = ListReply(range(20_000))
    reported = {
        name: paging.cut(OPERATIONS[name], items, {}, EmulatorOptions())[1]["X-Pagination-Limit"]
        for name in ("project-list-projects", "customer-list-customers", "notifications-list-notifications")
    }
    assert list(reported.values()) == ["10000", "1000", "500"]
    unsaid = OPERATIONS["app-list-appinstallations"]
    assert len(paging.cut(unsaid, items, {}, EmulatorOptions())[0]) == 20_000
    assert len(paging.cut(unsaid, items, {}, EmulatorOptions(default_limit=50))[0]) == 50


def test_some_lists_send_no_totals_and_some_no_page() -> None:
    items = ListReply(range(5))
    page, headers = paging.cut(
        OPERATIONS["order-list-project-orders"], items, {"limit": 2, "skip": 2}, EmulatorOptions()
    )
    assert (page, headers) == ([2, 3], {})
    _, headers = paging.cut(OPERATIONS["app-list-appversions"], items, {}, EmulatorOptions())
    assert headers == {"X-Pagination-Limit": "5", "X-Pagination-Skip": "0", "X-Pagination-TotalCount": "5"}
    page, headers = paging.cut(OPERATIONS["backup-list-project-backup-schedules"], items, {}, EmulatorOptions())
    assert (page, headers) == ([0, 1, 2, 3, 4], {})


async def test_the_list_without_skip_refuses_it() -> None:
    lacking = [o for o in OPERATIONS.values() if o.paging is not None and o.paging.limit and not o.paging.skip]
    assert lacking
    for operation in lacking:
        assert paging.cut(operation, ListReply(range(9)), {"limit": 4, "page": 2, "skip": 0}, EmulatorOptions())[0] == [
            4,
            5,
            6,
            7,
        ]


def test_wrapped_lists_have_their_total() -> None:
    operation = OPERATIONS["leadfyndr-list-leads"]
    assert operation.paging is not None
    listing = ListReply([{"id": "a"}, {"id": "b"}], {"extra": 1})
    body = paging.wrapped(operation, [{"id": "a"}], listing)
    assert body[operation.paging.items] == [{"id": "a"}]
    assert body["extra"] == 1
    if operation.paging.total is not None:
        assert body[operation.paging.total] == 2


def test_an_operation_without_a_list_may_still_return_one() -> None:
    operation = OPERATIONS["project-get-project"]
    assert paging.cut(operation, ListReply(range(3)), {}, EmulatorOptions()) == ([0, 1, 2], {})
    assert paging.most(operation, EmulatorOptions()) is None


def test_a_refusal_is_a_client_error() -> None:
    with pytest.raises(Fail, match="validation"):
        paging.cut(OPERATIONS["extension-list-extensions"], ListReply(range(3)), {"limit": 5000}, EmulatorOptions())
