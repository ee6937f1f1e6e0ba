"""Decoders of types: the plain ones, or the accelerated ones where they are allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from .._accel import PURE, instance_checks, list_decoder
from ..schema.types import variants_of
from ..schema.typing_utils import DATETIMES, bare, is_stand_in, parts_of
from ..schema.unions import hook

Decoder = Callable[[bytes], Any]
"""From JSON to a value. It raises what msgspec raises."""

_ROUNDED_UP = re.compile(rb"\.[0-9]{6}[5-9](?<=:[0-9]{2}\.[0-9]{7})").search
"""What msgspec rounds up: a seventh digit of a second from 5 on. Below that, its rounding is cutting."""
_ESCAPED = re.compile(rb"\\(?=u00(?:2[Ee]|3[0-9Aa]))").search
"""A digit, a point or a colon as an escape, behind which such a date-time could hide. No usual writer escapes these."""


if not PURE:
    instance_checks.skip()


class TooPreciseError(msgspec.ValidationError):
    """A date-time has more digits than Python's `datetime` holds. msgspec would round them, up to the next year."""


def decoder_of(expected: Any) -> Decoder:
    """The strict decoder of a type."""
    return guarded(plain_decoder(expected) if PURE else list_decoder.decoder_of(expected), expected)


def plain_decoder(expected: Any) -> Decoder:
    """msgspec's decoder, with the plans of unions as they are written."""
    return msgspec.json.Decoder(expected, dec_hook=hook).decode


def guarded(decode: Decoder, expected: Any) -> Decoder:
    """The decoder, refusing date-times that msgspec would round."""
    if not holds_times(expected):
        return decode

    def decode_unless_too_precise(body: bytes) -> Any:
        # Not by `too_precise`: every answer comes this way.
        if _ROUNDED_UP(body) is not None or (b"\\" in body and too_precise(body)):
            raise TooPreciseError("a date-time has more digits than microseconds")
        return decode(body)

    return decode_unless_too_precise


def holds_times(expected: Any, seen: set[Any] | None = None) -> bool:
    """Whether values of a type can contain date-times, at any depth."""
    seen = set() if seen is None else seen
    expected = bare(expected)
    if expected in seen:
        return False
    if expected in DATETIMES:
        return True
    seen.add(expected)
    parts = variants_of(expected) if is_stand_in(expected) else parts_of(expected)
    return any(holds_times(part, seen) for part in parts)


def too_precise(body: bytes) -> bool:
    """Whether a body may have a date-time that msgspec rounds up. All of it is searched, whatever its size.

    A pattern that begins with one plain character is the fastest search that Python has for this: it takes a sixth of
    decoding messages and a third of decoding projects, which have five date-times each.
    """
    if _ROUNDED_UP(body) is not None:
        return True
    backslash = body.find(b"\\")
    return backslash >= 0 and _ESCAPED(body, backslash) is not None
