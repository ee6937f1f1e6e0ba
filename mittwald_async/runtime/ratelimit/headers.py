"""What a response says of the request budget. Pure: an injected clock, no state, no error for invalid values."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from multidict import istr

from ..budget_headers import BudgetHeaders
from ..headers import http_date
from ..logs import logger
from ..operation import RateLimit

MOST_REQUESTS = 10_000_000
"""A limit or remainder above this is ignored as invalid."""
MOST_SECONDS = 86_400.0
"""A reset further away than a day is ignored as invalid, so that a timestamp in its place stops no caller."""

EXEMPT = RateLimit(exempt=True)
_NONE = BudgetHeaders(structured="")
"""No response has a header without a name."""
_LABEL = re.compile(r'"(?:[^"\\]|\\["\\])*"')
"""A string of a structured field."""

_log = logger("ratelimit")
_complained: set[str] = set()


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
            What could be read: values that are not plain non-negative numbers of a sensible size are left out (and logged
            once per header). `None` where nothing was stated.
        """
        if self._structured is not None:
            return _structured(headers, self._structured)
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
        return _budget(name_limit, _count(name_limit, limit), _count(name_remaining, remaining), until)

    def _read_lines(self, headers: Mapping[str, str], wall: Callable[[], float]) -> RateLimit | None:
        """The budget of which least remains, where a gateway and the server behind it state one each. Lines that cannot be
        told apart are ignored: the limit of one with the rest of another is no budget at all."""
        name_limit, name_remaining, name_reset, name_exempt = self._names
        limits, remainders, resets, exempt = (_lines(headers, name) for name in self._names)
        if exempt:
            return self.read({name_exempt: exempt[0]}, wall)
        date = headers.get("Date", "")
        try:
            every = [
                {name_limit: limit, name_remaining: remaining, name_reset: reset, "Date": date}
                for limit, remaining, reset in zip(limits, remainders, resets, strict=True)
            ]
        except ValueError:  # Not as many of each.
            _nonsense(name_remaining, ", ".join(remainders))
            return None
        return _least(self.read(one, wall) for one in every)


def _lines(headers: Mapping[str, str], name: str) -> Sequence[str]:
    """A header line by line."""
    low = name.lower()
    return [value for key, value in headers.items() if key.lower() == low]


def _least(every: Iterable[RateLimit | None]) -> RateLimit | None:
    """That of which least remains; those that do not say when it comes back only if no other does."""

    def rank(one: RateLimit) -> tuple[bool, bool, int]:
        return one.remaining is None, one.reset is None, one.remaining or 0

    return min((one for one in every if one is not None), key=rank, default=None)


def _budget(name: str, most: int | None, left: int | None, until: float | None) -> RateLimit | None:
    if most == 0:  # A budget of nothing looks like a mistake, and believing it would stop every call.
        most = left = None
        _nonsense(name, "0")
    if most is not None and left is not None and left > most:
        left = most
    if most is None and left is None and until is None:
        return None
    return RateLimit(most, left, until)


# -- the IETF draft ---------------------------------------------------------------------------------------------------


def _structured(headers: Mapping[str, str], name: str) -> RateLimit | None:
    """The budget of which least remains, with the policy of the same name. A malformed field is ignored whole."""
    if not name:
        return None
    policies: dict[str, dict[str, float]] = {}
    for label, policy in _items(headers, f"{name}-Policy"):
        policies.setdefault(label, policy)
    return _least(_member(name, state, policies.get(label, {})) for label, state in _items(headers, name))


def _member(name: str, state: dict[str, float], policy: dict[str, float]) -> RateLimit | None:
    """One budget, if it counts requests and says how many remain."""
    left, until, most = state.get("r"), state.get("t", policy.get("w")), policy.get("q")
    if left is None or left > MOST_REQUESTS or most == 0 or not policy.get("qu", True):
        return None  # Policies may count something else, such as bytes.
    # Without a reset the whole window is the longest it can take.
    until = None if until is None or until > MOST_SECONDS else until
    return _budget(name, None if most is None or most > MOST_REQUESTS else int(most), int(left), until)


def _items(headers: Mapping[str, str], name: str) -> list[tuple[str, dict[str, float]]]:
    """The members of a list of strings with whole numbers as parameters; empty if it is malformed."""
    text = ",".join(_lines(headers, name))
    found: list[tuple[str, dict[str, float]]] = []
    for member in _split(text, ",") if text else ():
        label, *parameters = _split(member, ";")
        if not _LABEL.fullmatch(label.strip()):
            _nonsense(name, text)
            return []
        numbers: dict[str, float] = {}
        for parameter in parameters:
            key, _, value = parameter.strip().partition("=")
            if key == "qu":
                numbers[key] = value == '"requests"'
            if key not in ("q", "w", "r", "t"):
                continue  # A partition key, and what may come, says nothing that we need.
            if not (value.isascii() and value.isdigit() and len(value) <= 15):
                _nonsense(name, text)
                return []
            numbers[key] = float(value)
        found.append((label.strip(), numbers))
    return found


def _split(text: str, separator: str) -> list[str]:
    """Split outside quoted strings."""
    parts, begin, quoted, escaped = list[str](), 0, False, False
    for at, sign in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and sign == "\\":
            escaped = True
        elif sign == '"':
            quoted = not quoted
        elif sign == separator and not quoted:
            parts.append(text[begin:at])
            begin = at + 1
    return [*parts, text[begin:]]


# -- numbers ----------------------------------------------------------------------------------------------------------


def _until(name: str, text: str | None, headers: Mapping[str, str], wall: Callable[[], float]) -> float | None:
    """Seconds until a timestamp, by the server's own clock where it says what time it is."""
    if text is None:
        return None
    bare = text.strip()
    if len(bare) > 20 or not bare.isascii() or not bare.replace(".", "", 1).isdigit():
        _nonsense(name, text)
        return None
    date = http_date(headers.get("Date", ""))
    left = float(bare) - (wall() if date is None else date.timestamp())
    if abs(left) > MOST_SECONDS:
        _nonsense(name, text)
        return None
    return max(0.0, left)


def _count(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if len(text) <= 8 and text.isdigit() and text.isascii():
        number = int(text)
        if number <= MOST_REQUESTS:
            return number
    elif (bare := text.strip()) != text:
        return _count(name, bare)
    _nonsense(name, text)
    return None


def _seconds(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    if len(text) <= 5 and text.isdigit() and text.isascii():
        number = float(text)
    else:
        bare = text.strip()
        if len(bare) > 20 or not bare.isascii() or not bare.replace(".", "", 1).isdigit():
            _nonsense(name, text)
            return None
        number = float(bare)
    if number <= MOST_SECONDS:
        return number
    _nonsense(name, text)
    return None


def _nonsense(name: str, text: str) -> None:
    if name not in _complained:
        _complained.add(name)
        _log.warning("ignoring %s: %r (said once)", name, text[:80])
