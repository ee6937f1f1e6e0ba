"""What a response says of the request budget. Pure: an injected clock, no state, no error for invalid values."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from multidict import istr

from ..budget_headers import BudgetHeaders
from ..headers import http_date
from ..operation import RateLimit
from .header_values import MOST_REQUESTS, MOST_SECONDS, budget_of, complain, least_left, lines_of
from .ietf_headers import read_ietf

EXEMPT = RateLimit(exempt=True)
_NONE = BudgetHeaders(structured="")
"""No response has a header without a name."""


class HeaderReader:
    """Reads the headers in which one API states its budget, and no others.

    Args:
        form: which headers, and what the reset means; `None`: the API states no budget.
    """

    __slots__ = ("_by_lower", "_names", "_seconds", "_structured")

    def __init__(self, form: BudgetHeaders | None) -> None:
        form = form or _NONE
        # Strings whose folding is known: in a case-insensitive mapping they are found in half the time.
        names = (istr(form.limit), istr(form.remaining), istr(form.reset), istr(form.exempt or ""))
        self._names = names
        self._by_lower = {name.lower(): name for name in names if name}
        self._seconds = form.reset_is == "seconds"
        self._structured = form.structured

    def read(self, headers: Mapping[str, str], wall: Callable[[], float] = time.time) -> RateLimit | None:
        """The budget as one response states it.

        Args:
            headers: of any case; a case-insensitive mapping is read fastest.
            wall: seconds since 1970, asked where the reset is a timestamp and the response has no `Date`.

        Returns:
            What could be read: values that are not plain non-negative numbers of a sensible size are left out (and
                logged
            once per header). `None` where nothing was stated.
        """
        if self._structured is not None:
            return read_ietf(headers, self._structured)
        name_limit, name_remaining, name_reset, name_exempt = self._names
        limit, remaining, reset = headers.get(name_limit), headers.get(name_remaining), headers.get(name_reset)
        exempt = headers.get(name_exempt)
        getall = getattr(headers, "getall", None)
        if getall is not None and len(getall(name_remaining, ())) > 1:
            return self._read_lines(headers, wall)
        if limit and remaining and reset and exempt is None and len(limit) <= 7 and len(reset) <= 4:
            # Nearly every answer: three plain numbers that make sense.
            digits = limit + remaining + reset
            if len(digits) <= 18 and digits.isdigit() and digits.isascii() and self._seconds:
                whole, rest = int(limit), int(remaining)
                if 0 < whole >= rest:
                    return RateLimit(whole, rest, float(reset))
        if limit is None and remaining is None and reset is None and exempt is None:
            by_lower = self._by_lower
            found = {by_lower[low]: value for name, value in headers.items() if (low := name.lower()) in by_lower}
            if not found:
                return None
            limit, remaining, reset = found.get(name_limit), found.get(name_remaining), found.get(name_reset)
            exempt = found.get(name_exempt)
        if exempt is not None and exempt.strip().lower() in ("yes", "true", "1"):
            return EXEMPT
        until = _seconds(name_reset, reset) if self._seconds else _until(name_reset, reset, headers, wall)
        return budget_of(
            name_limit, _count(name_limit, _without_policies(limit)), _count(name_remaining, remaining), until
        )

    def _read_lines(self, headers: Mapping[str, str], wall: Callable[[], float]) -> RateLimit | None:
        """The budget of which least remains, where a gateway and the server behind it state one each. Lines that cannot
        be told apart are ignored: the limit of one and the rest of another do not make a budget."""
        name_limit, name_remaining, name_reset, name_exempt = self._names
        limits, remainders, resets, exempt = (lines_of(headers, name) for name in self._names)
        if exempt:
            return self.read({name_exempt: exempt[0]}, wall)
        date = headers.get("Date", "")
        try:
            every = [
                {name_limit: limit, name_remaining: remaining, name_reset: reset, "Date": date}
                for limit, remaining, reset in zip(limits, remainders, resets, strict=True)
            ]
        except ValueError:  # Not as many of each.
            complain(name_remaining, ", ".join(remainders))
            return None
        return least_left(self.read(one, wall) for one in every)


# -- numbers ----------------------------------------------------------------------------------------------------------


def _until(name: str, text: str | None, headers: Mapping[str, str], wall: Callable[[], float]) -> float | None:
    """Seconds until a timestamp, by the server's own clock where it says what time it is."""
    if text is None:
        return None
    bare = text.strip()
    if len(bare) > 20 or not bare.isascii() or not bare.replace(".", "", 1).isdigit():
        complain(name, text)
        return None
    date = http_date(headers.get("Date", ""))
    left = float(bare) - (wall() if date is None else date.timestamp())
    if abs(left) > MOST_SECONDS:
        complain(name, text)
        return None
    return max(0.0, left)


def _without_policies(limit: str | None) -> str | None:
    """Early drafts let policies follow the limit, as in `10, 10;w=1, 50;w=60`; a second bare number is not a policy."""
    if limit is None or ";" not in limit:
        return limit
    first, *policies = limit.split(",")
    return first if all(";" in policy for policy in policies) else limit


def _count(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if len(text) <= 8 and text.isdigit() and text.isascii():
        number = int(text)
        if number <= MOST_REQUESTS:
            return number
    elif (bare := text.strip()) != text:
        return _count(name, bare)
    complain(name, text)
    return None


def _seconds(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    if len(text) <= 5 and text.isdigit() and text.isascii():
        number = float(text)
    else:
        bare = text.strip()
        if len(bare) > 20 or not bare.isascii() or not bare.replace(".", "", 1).isdigit():
            complain(name, text)
            return None
        number = float(bare)
    if number <= MOST_SECONDS:
        return number
    complain(name, text)
    return None
