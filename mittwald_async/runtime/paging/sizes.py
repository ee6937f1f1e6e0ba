"""How many items to ask for at once, and what to ask for when the server says that was too many.

The document states defaults but no maxima, and at least one list refuses more than 1000. So the size starts high, falls
on a refusal, and what was learned is kept for the next call of the same operation.
"""

from __future__ import annotations

import re
from weakref import WeakKeyDictionary

from ..errors import BadRequestError, StatusError, UnprocessableError
from ..operation import Operation, Paging, Sender

_USUAL = 1000
"""Items per page where the document states no larger default: the highest value known to be refused by no list."""
_FLOOR = 10
"""A server that refuses this few refuses something else."""
_REMEMBERED = 1024
"""Operations whose sizes are kept; the API has fewer lists than a tenth of that."""

_ABOUT_LIMIT = re.compile(r"(?<!rate )(?<!rate-)\blimit\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?P<below>(?:less|lower|smaller) than |below |< ?)?(?<![\w.])(?P<number>\d+)(?![\w.]*\w)")


class PageSizes:
    """What one server was found to take, by operation. Shared by everything that talks to it."""

    __slots__ = ("_caps", "_longest")

    def __init__(self) -> None:
        self._caps: dict[str, int] = {}
        self._longest: dict[str, int] = {}

    def size(self, operation: Operation[object], asked: int | None = None) -> int:
        """Items to ask for: the caller's number or the most the document suggests, but no more than is known to work."""
        if asked and not self._caps:
            return asked
        paging = operation.paging or Paging()
        wanted = asked or paging.max_limit or max(paging.default_limit or 0, _USUAL)
        return min(wanted, self._caps.get(operation.operation_id, wanted))

    def refused(self, operation: Operation[object], allowed: int) -> None:
        """The server takes at most `allowed`."""
        _keep(self._caps, operation.operation_id, min(allowed, self._caps.get(operation.operation_id, allowed)))

    def arrived(self, operation: Operation[object], count: int) -> None:
        """A page of `count` items came."""
        _keep(self._longest, operation.operation_id, max(count, self._longest.get(operation.operation_id, 0)))

    def may_be_cut(self, operation: Operation[object], count: int) -> bool:
        """Whether a page of `count` items, shorter than asked for, could be a silent cap instead of the list's end.

        Only of interest where no total is told. A cap is a round number and no page was ever longer than it.
        """
        return count > 0 and count % _FLOOR == 0 and count >= self._longest.get(operation.operation_id, 0)


def _keep(table: dict[str, int], key: str, value: int) -> None:
    table[key] = value
    if len(table) > _REMEMBERED:
        del table[next(iter(table))]


_BY_SENDER: WeakKeyDictionary[Sender, PageSizes] = WeakKeyDictionary()


def sizes_of(sender: Sender) -> PageSizes:
    """The sizes that belong to a sender: its own `page_sizes` (clones share theirs), else ones kept beside it."""
    own = getattr(sender, "page_sizes", None)
    if isinstance(own, PageSizes):
        return own
    try:
        return _BY_SENDER.setdefault(sender, PageSizes())
    except TypeError:  # cannot be referred to weakly: nothing is remembered beyond this list
        return PageSizes()


def smaller(error: BaseException, tried: int, default: int | None) -> int | None:
    """The page size to try after `error`, or `None` where the error is not about the page size.

    A number in the complaint is believed; without one the documented default is next, then half and half again.
    """
    if not isinstance(error, BadRequestError | UnprocessableError):
        return None
    complaint = _complaint(error)
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


def _complaint(error: StatusError) -> tuple[str, list[int]] | None:
    """What the server says about `limit`: the text and the numbers that come with it."""
    for issue in error.issues:
        if re.split(r"[./\[\]]+", issue.path)[-1].lower() == "limit" or _ABOUT_LIMIT.search(issue.message):
            context = [v for v in issue.context.values() if isinstance(v, int) and not isinstance(v, bool)]
            return issue.message, context
    return (error.message, []) if _ABOUT_LIMIT.search(error.message) else None
