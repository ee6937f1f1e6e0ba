"""What became of one item, and how far the whole is."""

from __future__ import annotations

from typing import Generic, NamedTuple, cast

import msgspec
from typing_extensions import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Outcome(msgspec.Struct, Generic[T, R], frozen=True):
    """What became of one item.

    Attributes:
        item: what the source gave.
        result: what the function gave for it, `None` if it failed.
        error: why it failed, `None` if it did not.
        seconds: how long it took, waiting for the rate limit included.
    """

    item: T
    result: R | None = None
    error: Exception | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.error is None

    def value(self) -> R:
        """The result; raises the error if there is one instead."""
        if self.error is not None:
            raise self.error
        return cast("R", self.result)


class Progress(NamedTuple):
    """How far a fan-out is.

    Attributes:
        done: items that are finished, failed ones included.
        failed: items that failed.
        running: items in flight.
    """

    done: int
    failed: int
    running: int
