"""Spans and moments as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ..runtime.errors import ConfigurationError

_LONGEST = timedelta(days=36_525)
"""Longer spans lead out of the calendar."""

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def days(text: str) -> timedelta:
    """`90d`, `12h` or `6w` as a span.

    Raises:
        ConfigurationError: it is not such a span, not above zero, or more than a century.
    """
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", text.strip().lower())
    if found is not None and int(found[1]) * _UNITS[found[2]] > _LONGEST:
        raise ConfigurationError(f"{text!r} is more than a hundred years")
    if found is None or not int(found[1]):
        raise ConfigurationError(f"{text!r} is not a span of time; say it like 90d, 12h or 6w")
    return int(found[1]) * _UNITS[found[2]]


def moment(text: str) -> datetime:
    """A date, a date and time (of this machine's zone if it names none), or `3d` for three days ago.

    Raises:
        ConfigurationError: it is none of these.
    """
    if re.fullmatch(r"[0-9]{1,6}[hdwHDW]", text.strip()):
        return datetime.now(UTC) - days(text)
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):  # Such as a moment before the year 1 in the zone of UTC.
        raise ConfigurationError(
            f"{text!r} is not a moment; say it like 2026-05-01, 2026-05-01T12:00, 3d, or give a sweep's number"
        ) from None
