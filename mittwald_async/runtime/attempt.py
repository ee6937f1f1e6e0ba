"""The record of one try of a call, as responses and errors carry it."""

from __future__ import annotations

import msgspec


class Attempt(msgspec.Struct, frozen=True):
    """One try of a call: what it ended in and how long was slept after it."""

    number: int
    """Counted from 1."""
    status: int | None
    """HTTP status, `None` where no response came."""
    reason: str
    """Why it was repeated, or `ok`, or the error's text."""
    seconds: float
    """From sending to the end of this attempt."""
    waited: float = 0.0
    """Seconds slept before the next attempt."""
