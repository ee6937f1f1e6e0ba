"""Headers: which can be sent, which hide their values, and how those of a response are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf
from typing import SupportsIndex, cast

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_FORBIDDEN_IN_HEADERS = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_SECRET_HEADER = re.compile("token|secret|password|key|auth|cookie|session|signature", re.I)
_FRAMING = frozenset(
    (
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers that would make the server wait for bytes that never come, take the rest for the next request, or take the
request for another's."""


_LONGEST_WAIT = 31 * 86_400.0
"""Seconds: a server that asks for a longer wait means something else."""


class RedactedStr(str):
    """A header value with an opaque `repr`: it may be among the locals of any frame of a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __getitem__(self, key: SupportsIndex | slice) -> RedactedStr:
        return RedactedStr(super().__getitem__(key))  # tools that shorten long texts for display show the piece


def redacted(name: str, value: str) -> str:
    """The value of a header as it may lie about: sealed where the name sounds like a secret."""
    return RedactedStr(value) if _SECRET_HEADER.search(name) else value


def header_flaw(name: str, value: str) -> str:
    """What keeps a header from being sent; empty if nothing does."""
    if not _HEADER_NAME.fullmatch(name):
        return f"{name!r} is not a header name"
    if name.lower() in _FRAMING:
        return "says how the request is framed and where it goes, which is not the caller's to say"
    if _FORBIDDEN_IN_HEADERS.search(value):
        return "line breaks, control characters and lone surrogates cannot be sent in a header"
    return ""


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that a response asks to wait: `Retry-After` as a number or as an HTTP date (RFC 9110, 10.2.3).

    A date is compared with the response's own `Date`, so that it does not matter what this machine's clock shows.

    Args:
        headers: of the response, in any case.
        now: the present, where the response has no usable `Date`; by default of this machine.

    Returns:
        More than 0 and at most 31 days. `None` where nothing sensible is asked for: no header, zero, a moment that has
        passed, no number and no date, or a wait so long that it can only be a mistake.
    """
    text = _named(headers, "Retry-After").strip()
    if not text:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        seconds = float(text) if len(text) <= 20 else inf
    else:
        moment = http_date(text)
        if moment is None:
            return None
        seconds = (moment - (http_date(_named(headers, "Date")) or now or datetime.now(UTC))).total_seconds()
    return seconds if 0 < seconds <= _LONGEST_WAIT else None


def http_date(text: str) -> datetime | None:
    """The moment an HTTP date names, with a time zone; `None` where it is not one."""
    from email.utils import parsedate_to_datetime  # most programs never read a date in a header

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _named(headers: Mapping[str, str], name: str) -> str:
    """A header whatever the mapping thinks of case; empty where it is not there."""
    found = headers.get(name)
    if found is None:
        found = next((value for key, value in headers.items() if key.lower() == name.lower()), "")
    return found


def copied(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Headers that can be pickled: as they come they are a view, which cannot."""
    copy = getattr(headers, "copy", None)
    return headers if copy is None else cast("Mapping[str, str]", copy())
