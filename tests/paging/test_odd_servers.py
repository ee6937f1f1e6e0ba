"""Whatever a server says about its list, reading ends and returns every item that could be known to exist.

`corpus/` holds unusual servers, one case per file, with the expected outcome; `tests/support/odd_lists.py` explains the
keywords. The remaining cases are generated.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mittwald_async.errors import MittwaldError, PagingError
from tests.support.clock import run_virtual

from ..support.odd_lists import Case, Quirk, Read, read, spans

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.json"))


def outcome(case: Case) -> Read:
    """The outcome of a case. It must leave no task behind."""

    async def run() -> Read:
        found = await asyncio.wait_for(read(case), 1000)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        return found

    return run_virtual(run())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_list_that_once_caused_a_failure(path: Path) -> None:
    case = msgspec.json.decode(path.read_bytes(), type=Case)
    found = outcome(case)
    assert spans(found.ids) == case.gives, case.why
    assert (type(found.error).__name__ if found.error else None) == case.error
    assert (None if found.rest is None else spans(found.rest)) == case.rest
    if case.requests is not None:
        assert found.requests == case.requests


BABBLE = ["", "x", "-3", "1e3", "4.5", "10, 10", "NaN", "0x10", "9" * 5000]
"""Header texts that are not counts."""

SIZES = st.integers(0, 60)
ASKED = st.fixed_dictionaries(
    {"limit": st.integers(1, 12)}, optional={"skip": st.integers(0, 70), "page": st.integers(0, 8)}
)
NO_NUMBERS = st.just(msgspec.UNSET) | st.none() | st.sampled_from(BABBLE)
LIES = NO_NUMBERS | st.integers(0, 10**12).map(str)
IN_PAGES = st.sampled_from(["skip", "page", "untold", "untold page"])
ANY_QUIRK = st.builds(
    Quirk,
    on=st.none() | st.integers(1, 8),
    total=LIES,
    limit=LIES,
    skip=LIES,
    give=st.none() | st.integers(0, 12),
    more=st.integers(0, 5),
    again=st.booleans(),
    length=st.none() | SIZES,
    status=st.sampled_from([None, None, None, 400, 502]),
    says=st.sampled_from(["limit: too much", "limit must be less than 7", "sortOrder: unknown"]),
)
PUSHED = st.builds(Quirk, on=st.integers(1, 8), pushed=st.integers(1, 5))
"""Not on every response: a list that grows as fast as it is read has no end."""
ANY_CASE = st.builds(
    Case,
    why=st.just("made up"),
    items=SIZES,
    kind=IN_PAGES | st.just("whole"),
    ask=ASKED,
    ahead=st.integers(0, 6),
    unique=st.booleans(),
    quirks=st.lists(ANY_QUIRK | PUSHED, max_size=4).map(tuple),
)


@settings(max_examples=400, deadline=None)
@given(case=ANY_CASE)
def test_reading_any_server_ends(case: Case) -> None:
    """Reading ends soon, with an explicit error if any; unique lists have no duplicates; a failure can be resumed."""
    found = outcome(case)
    assert found.error is None or isinstance(found.error, MittwaldError), found.error
    assert found.error is None or any(quirk.status for quirk in case.quirks)
    if case.unique:
        assert len(set(found.ids)) == len(found.ids)
    if isinstance(found.error, PagingError):
        assert found.rest is not None


@settings(max_examples=300, deadline=None)
@given(
    items=SIZES,
    kind=IN_PAGES,
    ask=ASKED,
    ahead=st.integers(0, 6),
    told=st.lists(st.builds(Quirk, total=NO_NUMBERS, limit=NO_NUMBERS, skip=NO_NUMBERS), max_size=8),
)
def test_missing_or_invalid_headers_lose_nothing(
    items: int, kind: Any, ask: dict[str, int], ahead: int, told: list[Quirk]
) -> None:
    """The pages are right, but the headers about them are not: every item comes once, in order."""
    quirks = tuple(msgspec.structs.replace(says, on=number) for number, says in enumerate(told, 1))
    found = outcome(Case(why="made up", items=items, kind=kind, ask=ask, ahead=ahead, quirks=quirks))
    start = ask.get("skip", (max(ask.get("page", 1), 1) - 1) * ask["limit"])
    assert found.error is None
    assert found.ids == list(range(start, items))


@settings(max_examples=300, deadline=None)
@given(
    items=SIZES,
    limit=st.integers(1, 12),
    page=st.integers(0, 8) | st.none(),
    ahead=st.integers(0, 6),
    total=st.integers(0, 10**12) | SIZES,
    skip=st.integers(0, 10**12) | SIZES,
)
def test_impossible_numbers_lose_nothing(
    items: int, limit: int, page: int | None, ahead: int, total: int, skip: int
) -> None:
    """A total below the items of a page, or a page with an impossible start, is ignored."""
    start = ((page or 1) - 1) * limit
    if min(items, start + limit) <= total < items:
        total = items  # possible for a list that ends with this page or a later one
    if page is None or skip in ((page - 1) * limit, page * limit):
        skip = start
    ask = {"limit": limit} if page is None else {"limit": limit, "page": page}
    lies = Quirk(total=str(total), skip=str(skip))
    found = outcome(Case(why="made up", items=items, ask=ask, ahead=ahead, quirks=(lies,)))
    assert found.ids == list(range(start, items))
