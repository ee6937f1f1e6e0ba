"""What an API calls the parameters of pages. The profile has one name for each; a list that calls them otherwise cannot
be read ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from . import ir
from .errors import Findings

_KINDS = ("limit", "skip", "page")


def usual_names(operations: Sequence[ir.Operation]) -> ir.PagingNames:
    """What most lists call them."""
    found: dict[str, str] = {}
    for kind in _KINDS:
        counted = Counter(
            name for one in operations if one.paging is not None and (name := getattr(one.paging, kind)) is not None
        )
        found[kind] = counted.most_common(1)[0][0] if counted else kind
    return ir.PagingNames(**found)


def settle_paging(operations: Sequence[ir.Operation], names: ir.PagingNames, findings: Findings) -> None:
    """Give back as they come the objects around lists whose next page the runtime could not ask for: a method that
    promised all items would leave out the rest."""
    for operation in operations:
        paging = operation.paging
        if paging is None or paging.items is None:
            continue
        asks = paging.limit == names.limit and (
            (paging.skip is not None and paging.skip == names.skip)
            or (paging.page is not None and paging.page == names.page)
        )
        if not asks or "." in paging.items:
            operation.paging = None
            findings.add("paging", operation.pointer, "a page with what is beside it: the caller asks for the next one")
