"""What an API calls the parameters of pages. The profile has one name for each; a list that calls them otherwise says
so itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from . import ir

_KINDS = ("limit", "skip", "page")


def usual_names(operations: Sequence[ir.OperationSpec]) -> ir.PagingParameters:
    """What most lists call them."""
    found: dict[str, str] = {}
    for kind in _KINDS:
        counted = Counter(
            name for one in operations if one.paging is not None and (name := getattr(one.paging, kind)) is not None
        )
        found[kind] = counted.most_common(1)[0][0] if counted else kind
    return ir.PagingParameters(**found)
