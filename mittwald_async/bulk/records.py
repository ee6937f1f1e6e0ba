"""What a journal speaks of: states, verdicts, outcomes, stages, errors."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias

import msgspec
from typing_extensions import TypeVar

from ..runtime.errors import ApiClientError, ConfigurationError

T = TypeVar("T")
R = TypeVar("R", default=Any)


class ItemState(enum.StrEnum):
    """How far an item is."""

    PLANNED = "planned"
    """Its next stage has not been sent."""
    STARTED = "started"
    """A write is about to be sent, or has been and its answer is awaited."""
    DONE = "done"
    FAILED = "failed"
    """The API refused it, or it failed before anything was sent: nothing has changed."""
    UNKNOWN = "unknown"
    """It may have been carried out: the answer was lost, or the program ended before it came. Or it was, but its result
    could not be kept, which the stages after it may need."""


class Verdict(enum.Enum):
    """What reading back says of a write."""

    DONE = "done"
    NOT_DONE = "not done"
    CANNOT_TELL = "cannot tell"


DONE, NOT_DONE, CANNOT_TELL = Verdict.DONE, Verdict.NOT_DONE, Verdict.CANNOT_TELL

Verified: TypeAlias = "Verdict | tuple[Verdict, Any]"
"""A verdict, or one with the result that the lost answer would have had: `(bulk.DONE, found.id)`."""


class JournalError(ConfigurationError):
    """The journal cannot be used like this. Nothing was sent for the items it concerns."""


class BlankJournalError(JournalError):
    """There is nothing in the file yet: the program that created it ended right then, or its disk was full."""


class DuplicateKeyError(JournalError):
    """Two items of one run have the same key.

    Attributes:
        key: theirs.
        rows: their positions in the source, from 1.
    """

    def __init__(self, key: str, first: int, second: int) -> None:
        super().__init__(f"rows {first} and {second} both have the key {key!r}; every item needs a key of its own")
        self.key = key
        self.rows: tuple[int, int] = (first, second)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.key, *self.rows)


class ChangedInputError(ApiClientError):
    """The item was done with another input. It was not done again."""


class UnknownOutcomeError(ApiClientError):
    """The write may have been executed, and no read could tell. It was not repeated."""


class ItemOutcome(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What became of one item in a run.

    Attributes:
        item: what the source gave.
        key: its key.
        row: its position in the source, from 1.
        state: `DONE`, `FAILED` or `UNKNOWN`.
        result: of the last stage, `None` where it failed. Where reading back found it done: what `verify` gave.
        error: why it is not done; on a done item, that its input has changed or its result could not be kept.
        stage: stages that are done, 0 where not even the work is.
        verified: reading back decided.
        seconds: how long it took in this run.
    """

    item: T
    key: str
    row: int
    state: ItemState
    result: Any = None
    error: Exception | None = None
    stage: int = 0
    verified: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Done, and nothing to say about it."""
        return self.state is ItemState.DONE and self.error is None


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One item as the journal has it.

    Attributes:
        key: the item's.
        state: how far it is.
        stage: stages that are done.
        results: what was kept of each of them, as JSON values.
        error: why it failed or is unknown; empty otherwise.
        at: Unix seconds of the last change.
    """

    key: str
    state: ItemState
    stage: int
    results: tuple[Any, ...]
    error: str
    at: float


class Stage(msgspec.Struct, frozen=True):
    """A further step of every item, for `then=`.

    Attributes:
        func: `func(item, results)` gives an awaitable; `results` are what was kept of the stages before, as JSON
            values, in the same form whether they come from this run or an earlier one.
        keep: what of its result goes into the journal, all of it by default.
        verify: `verify(item, results)` reads back whether this stage's write was carried out.
    """

    func: Callable[[Any, tuple[Any, ...]], Awaitable[Any]]
    keep: Callable[[Any], Any] | None = None
    verify: Callable[[Any, tuple[Any, ...]], Awaitable[Verified]] | None = None
