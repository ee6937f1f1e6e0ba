"""Headers: which can be sent, which hide their values, and how those of an answer are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


class RedactedStr(str):
    """A header value whose `repr` tells nothing: it may stand in the locals of any frame of a traceback."""

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
        return f"{name!r} is no header name"
    if name.lower() in _FRAMING:
        return "says how the request is framed and where it goes, which is not the caller's to say"
    if _FORBIDDEN_IN_HEADERS.search(value):
        return "line breaks, control characters and lone surrogates cannot be sent in a header"
    return ""


def copied(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Headers that can be pickled: as they come they are a view, which cannot."""
    copy = getattr(headers, "copy", None)
    return headers if copy is None else cast("Mapping[str, str]", copy())
