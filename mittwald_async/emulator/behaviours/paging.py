"""Lists in pages: defaults by operation, refusals, and the headers some lists forget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...runtime.operation import Operation
from ..options import EmulatorOptions
from ..replies import Fail, ListReply

REFUSES = {"license-list-licenses-for-project": 1000, "extension-list-extensions": 1000}
"""Largest `limit` of lists that refuse more though the document states no maximum. That such lists exist was seen;
which ones is a guess. `EmulatorOptions.max_limit` adds to it."""

WITHOUT_PAGE_HEADER = frozenset(
    {"app-list-appversions", "app-list-systemsoftwareversions", "app-list-update-candidates-for-appversion"}
)


def most(operation: Operation[Any], options: EmulatorOptions) -> int | None:
    """The largest `limit` this list accepts."""
    own = options.max_limit.get(operation.operation_id, options.max_limit.get("*"))
    if own is not None:
        return own
    paging = operation.paging
    return REFUSES.get(operation.operation_id) or (paging.max_limit if paging else None)


def cut(
    operation: Operation[Any], listing: ListReply, query: Mapping[str, Any], options: EmulatorOptions
) -> tuple[list[Any], dict[str, str]]:
    """The page asked for, and its headers. Raises Fail for a refused `limit`."""
    paging = operation.paging
    items = listing.items
    total = len(items)
    if paging is None:
        return list(items[0:total]), {}
    limit = total
    skip = 0
    if paging.limit:
        limit = query.get("limit", paging.default_limit or options.default_limit or max(total, 1))
        largest = most(operation, options)
        if largest is not None and "limit" in query and limit > largest:
            raise Fail.invalid("pagination.limit", f"Must be less than or equal to {largest}", "maximum")
        skip = query.get("skip", -1)
        if skip < 0 and "skip" in query:
            raise Fail.invalid("pagination.skip", "Must be greater than or equal to 0", "minimum")
        if skip < 0 or not paging.skip:
            skip = max(query.get("page", 1) - 1, 0) * limit
    page = list(items[skip : skip + limit])
    if not paging.totals:
        return page, {}
    headers = {"X-Pagination-Limit": str(limit), "X-Pagination-Skip": str(skip), "X-Pagination-TotalCount": str(total)}
    if operation.operation_id not in WITHOUT_PAGE_HEADER:
        headers["X-Pagination-Page"] = str(skip // limit + 1 if limit else 1)
    return page, headers


def wrapped(operation: Operation[Any], page: list[Any], listing: ListReply) -> Any:
    """The page as the body: bare, or in the property that the facts name, beside a total."""
    paging = operation.paging
    if paging is None or paging.items is None:
        return page
    body = dict(listing.extra)
    if paging.total is not None:
        body.setdefault(paging.total, len(listing.items))
    body[paging.items] = page
    return body
