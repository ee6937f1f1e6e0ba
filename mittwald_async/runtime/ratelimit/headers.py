"""What a response says of the request budget. Pure: no clock, no state, no raising on nonsense."""

from __future__ import annotations

from collections.abc import Mapping

from multidict import istr

from ..logs import logger
from ..operation import RateLimit

# Strings whose folding is known: in a case-insensitive mapping they are found in half the time.
_LIMIT, _REMAINING, _RESET, _EXEMPT = (
    istr("X-RateLimit-Limit"),
    istr("X-RateLimit-Remaining"),
    istr("X-RateLimit-Reset"),
    istr("X-RateLimit-Exempt"),
)
_RETRY = istr("Retry-After")
_NAMES = {name.lower(): name for name in (_LIMIT, _REMAINING, _RESET, _EXEMPT)}

MOST_REQUESTS = 10_000_000
"""A limit or remainder above this is taken for nonsense."""
MOST_SECONDS = 86_400.0
"""A reset further away than a day is taken for nonsense; so a timestamp in its place stops nobody."""

EXEMPT = RateLimit(exempt=True)

_log = logger("ratelimit")
_complained: set[str] = set()


def read_headers(headers: Mapping[str, str]) -> RateLimit | None:
    """The budget as one response tells it.

    Args:
        headers: of any case; a case-insensitive mapping is read fastest.

    Returns:
        What could be read: values that are no plain non-negative numbers of a sensible size are left out (and logged
        once per header). `None` where nothing was said.
    """
    limit, remaining, reset = headers.get(_LIMIT), headers.get(_REMAINING), headers.get(_RESET)
    exempt = headers.get(_EXEMPT)
    if limit and remaining and reset and exempt is None and len(limit) <= 7 and len(reset) <= 4:
        # Nearly every answer: three plain numbers that make sense.
        digits = limit + remaining + reset
        if len(digits) <= 18 and digits.isdigit() and digits.isascii():
            whole, rest = int(limit), int(remaining)
            if 0 < whole >= rest:
                return RateLimit(whole, rest, float(reset))
    if limit is None and remaining is None and reset is None and exempt is None:
        found = {_NAMES[low]: value for name, value in headers.items() if (low := name.lower()) in _NAMES}
        if not found:
            return None
        limit, remaining, reset = found.get(_LIMIT), found.get(_REMAINING), found.get(_RESET)
        exempt = found.get(_EXEMPT)
    if exempt is not None and exempt.strip().lower() in ("yes", "true", "1"):
        return EXEMPT
    most, left = _count(_LIMIT, limit), _count(_REMAINING, remaining)
    if most == 0:  # A budget of nothing cannot be told from a mistake, and believing it would stop the world.
        most = left = None
        _nonsense(_LIMIT, "0")
    if most is not None and left is not None and left > most:
        left = most
    until = _seconds(_RESET, reset)
    if most is None and left is None and until is None:
        return None
    return RateLimit(most, left, until)


def read_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that a refusal asks everybody to wait; `None` where it says nothing, or not in seconds.

    Args:
        headers: of any case.
    """
    text = headers.get(_RETRY)
    if text is None:
        text = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    if text is None or not text.strip()[:1].isdigit():
        return None  # A date, most likely; whoever repeats the call reads it, with a clock.
    return _seconds(_RETRY, text)


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
