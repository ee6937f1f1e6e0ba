"""How one server cuts lists into pages: what it calls things, and how many items it gives at once.

The document states defaults but no maxima, and some lists refuse sizes that others take. So the size starts high, falls
on a refusal, and what was learned is kept for the next call of the same operation.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from .errors import BadRequestError, StatusError, UnprocessableError

USUAL_SIZE = 1000
"""Items per page where the document states no larger default."""
_FLOOR = 10
"""A server that refuses this few refuses something else."""
_REMEMBERED = 1024
"""Operations whose sizes are kept; no API of sensible size has as many lists."""

_NUMBER = re.compile(r"(?P<below>(?:less|lower|smaller) than |below |< ?)?(?<![\w.])(?P<number>\d+)(?![\w.]*\w)")


class PagingNames(msgspec.Struct, frozen=True, kw_only=True):
    """The names on the wire of what has to do with pages."""

    limit_parameter: str = "limit"
    """Query parameter: items per page."""
    skip_parameter: str = "skip"
    """Query parameter: items before the page."""
    page_parameter: str = "page"
    """Query parameter: number of the page."""
    size: int = USUAL_SIZE
    """Items to ask for at once where the document states neither a larger default nor a maximum."""
    total_header: str | None = None
    """Response header: items in the whole list. `None`: there is none (so for the next two)."""
    limit_header: str | None = None
    """Response header: items per page."""
    skip_header: str | None = None
    """Response header: items before the page."""


class PageSizes:
    """What one server was found to take, by operation id."""

    __slots__ = ("_caps", "_longest")

    def __init__(self) -> None:
        self._caps: dict[str, int] = {}
        self._longest: dict[str, int] = {}

    def size(self, operation_id: str, suggested: int, asked: int | None = None) -> int:
        """Items to ask for: the caller's number, else the suggested one, but no more than is known to work."""
        wanted = asked or suggested
        return min(wanted, self._caps.get(operation_id, wanted)) if self._caps else wanted

    def refused(self, operation_id: str, allowed: int) -> None:
        """The server takes at most `allowed`."""
        _keep(self._caps, operation_id, min(allowed, self._caps.get(operation_id, allowed)))

    def arrived(self, operation_id: str, count: int) -> None:
        """A page of `count` items came."""
        _keep(self._longest, operation_id, max(count, self._longest.get(operation_id, 0)))

    def may_be_cut(self, operation_id: str, count: int) -> bool:
        """Whether a page of `count` items, shorter than asked for, could be a silent cap instead of the list's end.

        Only of interest where the server states no total. A cap is a round number and no page was ever longer than it.
        """
        return count > 0 and count % _FLOOR == 0 and count >= self._longest.get(operation_id, 0)


class ListContext:
    """What a client and its clones know of the lists of one server."""

    __slots__ = ("names", "operations", "sizes")

    def __init__(self, names: PagingNames | None = None) -> None:
        self.names: PagingNames = names or PagingNames()
        self.sizes: PageSizes = PageSizes()
        self.operations: dict[int, Any] = {}
        """What is known of the operations that were asked, by identity. It keeps them alive."""


def _keep(table: dict[str, int], key: str, value: int) -> None:
    table[key] = value
    if len(table) > _REMEMBERED:
        del table[next(iter(table))]


def smaller(error: BaseException, tried: int, default: int | None, parameter: str = "limit") -> int | None:
    """The page size to try after `error`, or `None` where the error is not about the page size.

    A number in the complaint is believed; without one the documented default is next, then half and half again.
    """
    if not isinstance(error, BadRequestError | UnprocessableError):
        return None
    complaint = _complaint(error, parameter)
    if complaint is None:
        return None
    text, numbers = complaint
    for match in _NUMBER.finditer(text):
        numbers.append(int(match["number"]) - (1 if match["below"] else 0))
    allowed = [number for number in numbers if 1 <= number < tried]
    if allowed:
        return max(allowed)
    if default is not None and 1 <= default < tried:
        return default
    return tried // 2 if tried > _FLOOR else None


def _complaint(error: StatusError, parameter: str) -> tuple[str, list[int]] | None:
    """What the server says about the page size: the text and the numbers that come with it."""
    for issue in error.issues:
        last = re.split(r"[./\[\]]+", issue.path)[-1].lower()
        if last == parameter.lower() or _names_limit(issue.message, parameter):
            context = [v for v in issue.context.values() if isinstance(v, int) and not isinstance(v, bool)]
            return issue.message, context
    return (error.message, []) if _names_limit(error.message, parameter) else None


def _names_limit(text: str, parameter: str) -> bool:
    """Whether a text speaks of the page size. A rate limit is something else."""
    words = "|".join(re.escape(word) for word in {"limit", parameter})
    return re.search(rf"(?<!rate )(?<!rate-)\b(?:{words})\b", text, re.IGNORECASE) is not None
