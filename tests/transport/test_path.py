"""How many files and calls a request passes through: a bound, so that growth is noticed.

The figures are counts, equal on every machine; `python -m benchmarks path` lists the files.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from benchmarks.call import page, project
from benchmarks.path import trip, warm
from mittwald_async import Mittwald
from mittwald_async.runtime._accel import PURE

from ..support.scripted_server import reply, serving

BUDGET = {"X-RateLimit-Limit": "9000000", "X-RateLimit-Remaining": "8999999", "X-RateLimit-Reset": "600"}
PAGE = {"X-Pagination-Limit": "20", "X-Pagination-Skip": "0", "X-Pagination-TotalCount": "20"}


async def _get(mw: Mittwald) -> object:
    return await mw.project.get_project("p-000001")


async def _list(mw: Mittwald) -> object:
    return await mw.project.list_projects()


@pytest.mark.skipif(PURE, reason="the fast path is switched off")
@pytest.mark.parametrize(
    ("body", "work", "most_files", "most_calls"),
    [
        ({**project(1), "directories": {"Web": "/html"}}, _get, 12, 24),
        (page(), _list, 16, 38),
    ],
    ids=["a get", "a list page"],
)
async def test_a_warm_call_passes_few_files(
    body: object, work: Callable[[Mittwald], Awaitable[Any]], most_files: int, most_calls: int
) -> None:
    async with (
        serving(reply(200, body, headers={**BUDGET, **PAGE})) as server,
        Mittwald("token-for-tests", base_url=server.url) as mw,
    ):
        found = await warm(lambda: work(mw))
    assert len(found.files) <= most_files, found.files
    assert found.calls <= most_calls, found.way


async def test_calls_are_counted_once_per_file() -> None:
    async def twice() -> None:
        Mittwald("token-for-tests")
        Mittwald("token-for-tests")

    found = await trip(twice)
    assert found.calls == sum(found.calls_in(name) for name in found.files)
    assert found.calls_in("runtime/transport/pipeline.py") == 2
