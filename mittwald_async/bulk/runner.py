"""One run over the items of a job: what is due, doing it, and what may be said when it does not succeed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from ..runtime import codec
from ..runtime.clock import Clock
from ..runtime.concurrency import FanOut, fan_out
from ..runtime.errors import AuthenticationError, ClientStateError, InvalidArgumentError
from ..runtime.transport.write_watch import WRITE_WATCH
from .journal_file import Begin, KnownItem, NoteState, Release
from .records import (
    ChangedInputError,
    DuplicateKeyError,
    ItemOutcome,
    ItemState,
    JournalError,
    Stage,
    UnknownOutcomeError,
    Verdict,
)
from .write_trace import StoppingError, WriteTrace

T = TypeVar("T")

_ENDS_RUN = (JournalError, ClientStateError, StoppingError)
"""Errors that every further item would end in as well."""
_TRIES = 3
"""Attempts of a stage in one run: a stage is repeated where a lost response was read back as not done."""
_ERROR_LENGTH = 500
"""Characters of an error that the journal keeps."""


class _NotAwaitableError(TypeError):
    """A plain function was given. Whatever it did is done, and nothing is known of it."""


class _Row(NamedTuple):
    item: Any
    key: str
    number: int
    input: bytes | None


class _StageEnd(NamedTuple):
    """How a stage ended: one of the final states, or PLANNED where nothing was sent."""

    state: ItemState
    result: Any = None
    error: Exception | None = None
    verified: bool = False


class Run:
    """The work on one job, once. Made by `Journal.run`."""

    def __init__(
        self,
        *,
        stages: tuple[Stage, ...],
        job: int,
        again: tuple[ItemState, ...],
        redo_changed: bool,
        start_early: bool,
        stop_after_failures: int | None,
        at_most: int | None,
        input: Callable[[Any], Any] | None,
        settle: float,
        grace: float,
        apply: Callable[[Any], Awaitable[Any]],
        check_owner: Callable[[str | None, str], None],
        claim: Callable[[str | None, str], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self.job = job
        self.began: float = 0.0
        """When the run began: what an earlier one left unknown was sent before that."""
        self.salt = b""
        self._stages = stages
        self._again = again
        self._redo_changed = redo_changed
        self._start_early = start_early
        self._failures_left = stop_after_failures
        self._due_left = at_most
        self._input = input
        self._settle = settle
        self._grace = grace
        self._apply = apply
        self._check_owner = check_owner
        self._claim = claim
        self._clock = clock
        self._fan: FanOut[_Row, ItemOutcome[Any] | None] | None = None
        self._error: Exception | None = None
        """End the run once the items in flight are done."""
        self._stopped = False
        self._last_notes: set[asyncio.Task[None]] = set()

    async def outcomes(
        self, items: Iterable[T] | AsyncIterable[T], key: Callable[[T], str | int] | None, limit: int
    ) -> AsyncGenerator[ItemOutcome[T]]:
        """Work on the items and give what became of them."""
        fan = self._fan = fan_out(self._rows(items, key), self._attend, limit=limit)
        try:
            async for done in fan:
                if done.error is not None:
                    self._stop(done.error)
                elif done.result is not None:
                    yield msgspec.structs.replace(done.result, seconds=done.seconds)
        finally:
            await self.close()
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        """End the run early: items in flight are interrupted as by a cancellation."""
        if self._fan is not None:
            await self._fan.aclose()
        if self._last_notes:
            await asyncio.wait(self._last_notes)

    async def _surely(self, note: Coroutine[Any, Any, None]) -> None:
        """Record the state, even if this task is being cancelled, perhaps more than once."""
        task = asyncio.create_task(note)
        self._last_notes.add(task)
        task.add_done_callback(self._last_notes.discard)
        await asyncio.shield(task)

    async def _rows(
        self, items: Iterable[T] | AsyncIterable[T], key: Callable[[T], str | int] | None
    ) -> AsyncGenerator[_Row]:
        number = 0
        async for item in _each(items):
            # An item that was taken and is not due any more is simply not begun.
            if self._stopped:
                return
            number += 1
            yield _Row(item, _key(item, key, number), number, self._digest(item))
            if self._stopped:
                return

    def _digest(self, item: Any) -> bytes | None:
        return fingerprint(item if self._input is None else self._input(item), self.salt)

    def _stop(self, error: Exception | None) -> None:
        self._stopped = True
        if self._error is None:
            self._error = error

    # -- one item -----------------------------------------------------------------------------------------------------

    async def _attend(self, row: _Row) -> ItemOutcome[Any] | None:
        """Process one item. `None`: it was skipped."""
        if self._stopped:
            return None
        begin = Begin(self.job, row.key, row.number, row.input, self._again, self._redo_changed, self._start_early)
        try:
            known: KnownItem = await self._apply(begin)
        except asyncio.CancelledError:
            await self._surely(self._released(row))
            raise
        if known.twin is not None:
            self._stop(DuplicateKeyError(row.key, known.twin, row.number))
            return None
        if self._stopped:
            await self._released(row)
            return None
        if known.changed:
            return self._changed(row, known)
        unfinished = known.state is ItemState.DONE and known.stage < len(self._stages)
        if known.state is not ItemState.UNKNOWN and known.state not in self._again and not unfinished:
            return None
        if self._due_left is not None:
            if not self._due_left:
                self._stop(None)
                await self._released(row)
                return None
            self._due_left -= 1
        results = list(msgspec.json.decode(known.results))
        if known.state is ItemState.UNKNOWN:
            return await self._resolve(row, known.stage, results, known.error)
        return await self._from(row, known.stage, results)

    async def _released(self, row: _Row) -> None:
        """The run ends before anything was sent for the item: should it have been noted as started, take it back."""
        await self._apply(Release(self.job, row.key))

    def _changed(self, row: _Row, known: KnownItem) -> ItemOutcome[Any]:
        error: Exception = ChangedInputError(
            f"row {row.number} ({row.key}): was {known.state} with another input and was not done again"
        )
        return self._outcome(row, _StageEnd(known.state, None, error), known.stage)

    async def _resolve(self, row: _Row, stage: int, results: list[Any], reason: str) -> ItemOutcome[Any] | None:
        """An earlier run left it unknown, for this reason."""
        lost = UnknownOutcomeError(f"row {row.number} ({row.key}): {reason}")
        ended = await self._read_back(row, stage, results, lost, self.began)
        if ended.state is ItemState.UNKNOWN:
            return await self._end(row, stage, ended, reason + _notes(lost, besides=reason))
        if ended.state is ItemState.PLANNED:
            await self._note(row, ItemState.STARTED if self._early(stage) else ItemState.PLANNED, stage)
            return await self._from(row, stage, results)
        return await self._next(row, stage, results, ended)

    async def _from(self, row: _Row, stage: int, results: list[Any]) -> ItemOutcome[Any] | None:
        """Do the stages from this one on."""
        ended = await self._send(row, stage, results)
        return await self._next(row, stage, results, ended)

    async def _next(self, row: _Row, stage: int, results: list[Any], ended: _StageEnd) -> ItemOutcome[Any] | None:
        """Record the end of a stage, and continue with the next one."""
        while ended.state is ItemState.DONE:
            kept, problem = self._kept(self._stages[stage], ended)
            last = stage + 1 == len(self._stages)
            if problem is not None and not last:
                # The stages after it may need the result: it is missing as after a lost answer, and reading back may
                # find it.
                return await self._end(row, stage, _StageEnd(ItemState.UNKNOWN, ended.result, problem))
            stage += 1
            results.append(kept)
            if problem is not None:
                ended = ended._replace(error=problem)
            error = "" if ended.error is None else _text(ended.error)
            state = ItemState.DONE if last else ItemState.PLANNED
            await self._note(row, state, stage, msgspec.json.encode(results).decode(), error)
            if last:
                return self._outcome(row, ended, stage)
            ended = await self._send(row, stage, results)
        return await self._end(row, stage, ended)

    async def _end(self, row: _Row, stage: int, ended: _StageEnd, reason: str | None = None) -> ItemOutcome[Any] | None:
        """Stop the item for now. The journal keeps the reason, by default the error."""
        if reason is None:
            reason = "" if ended.error is None else _text(ended.error)
        await self._note(row, ended.state, stage, None, reason)
        if ended.state is ItemState.PLANNED:
            return None
        if isinstance(ended.error, AuthenticationError):
            self._stop(None)  # a token that is refused once is refused for every further item
        if self._failures_left is not None:
            self._failures_left -= 1
            if self._failures_left <= 0:
                self._stop(None)
        return self._outcome(row, ended, stage)

    def _outcome(self, row: _Row, ended: _StageEnd, stage: int) -> ItemOutcome[Any]:
        return ItemOutcome(
            item=row.item,
            key=row.key,
            row=row.number,
            state=ended.state,
            result=ended.result,
            error=ended.error,
            stage=stage,
            verified=ended.verified,
        )

    async def _note(self, row: _Row, state: ItemState, stage: int, results: str | None = None, error: str = "") -> None:
        await self._apply(NoteState(self.job, row.key, state, stage, results, error))

    def _kept(self, stage: Stage, ended: _StageEnd) -> tuple[Any, Exception | None]:
        """What of a result the journal keeps, as JSON would give it back."""
        try:
            picked = ended.result if stage.keep is None or ended.verified else stage.keep(ended.result)
            return msgspec.json.decode(codec.encode(picked)), None
        except Exception as error:
            return None, JournalError(f"done, but its result could not be kept: {error}; pick a part of it with keep=")

    # -- one stage ----------------------------------------------------------------------------------------------------

    async def _send(self, row: _Row, stage: int, results: list[Any]) -> _StageEnd:
        """Execute a stage. After a lost response it is verified, and repeated if it was not executed."""
        ended = _StageEnd(ItemState.PLANNED)
        for _ in range(_TRIES):
            ended = await self._attempt(row, stage, tuple(results))
            if ended.state is not ItemState.UNKNOWN or self._stages[stage].verify is None:
                return ended
            assert ended.error is not None
            ended = await self._read_back(row, stage, results, ended.error, self._clock.now())
            if ended.state is not ItemState.PLANNED:
                return ended
        return ended._replace(state=ItemState.FAILED)

    def _early(self, stage: int) -> bool:
        """Whether a stage is noted as started before it is called, and not only when it sends something."""
        return stage == 0 and self._start_early

    async def _attempt(self, row: _Row, stage: int, results: tuple[Any, ...]) -> _StageEnd:
        owner: list[tuple[str | None, str]] = []

        def check(identity: str | None, server: str) -> None:
            self._check_owner(identity, server)
            owner[:] = [(identity, server)]

        noted = self._early(stage)

        async def before() -> None:
            nonlocal noted
            await self._claim(*owner[0])
            if not noted:
                await self._note(row, ItemState.STARTED, stage)
                noted = True

        trace = WriteTrace(check, before, self._stages[stage].verify is not None)
        task = asyncio.create_task(_watched(trace, partial(self._stages[stage].func, row.item, results)))
        try:
            result = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # on its own, not with the run
                return self._failed(trace, UnknownOutcomeError("the work was cancelled"), cancelled=True)
            await self._surely(self._cut_off(row, stage, results, trace, task))
            raise
        except Exception as error:
            return self._failed(trace, error)
        return _StageEnd(ItemState.DONE, result)

    def _failed(self, trace: WriteTrace, error: Exception, *, cancelled: bool = False) -> _StageEnd:
        if isinstance(error, _ENDS_RUN) and not trace.touched and not cancelled:
            # Nothing was sent, and nothing of it is the item's fault.
            self._stop(None if isinstance(error, StoppingError) else error)
            return _StageEnd(ItemState.PLANNED)
        misused = isinstance(error, _NotAwaitableError)
        if misused:
            self._stop(error)
        unknown = misused or trace.leaves_unknown(error) or (cancelled and not trace.calls)
        return _StageEnd(ItemState.UNKNOWN if unknown else ItemState.FAILED, None, error)

    async def _cut_off(
        self, row: _Row, stage: int, results: tuple[Any, ...], trace: WriteTrace, task: asyncio.Task[Any]
    ) -> None:
        """The run is cancelled: await responses in flight, send nothing more, and record the state."""
        trace.ending = True
        if trace.pending:
            await asyncio.wait([task], timeout=self._grace)
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            # Without a call, nothing is known of what the work does: it may have sent something by other means.
            touched = trace.touched or (self._early(stage) and not trace.calls)
            state, error = (
                (ItemState.UNKNOWN, "cancelled before the answer came") if touched else (ItemState.PLANNED, "")
            )
            await self._note(row, state, stage, None, error)
        elif (failure := task.exception()) is not None:
            ended = self._failed(trace, cast("Exception", failure))
            await self._note(row, ended.state, stage, None, "" if ended.error is None else _text(ended.error))
        else:
            kept, problem = self._kept(self._stages[stage], _StageEnd(ItemState.DONE, task.result()))
            last = stage + 1 == len(self._stages)
            if problem is not None and not last:
                await self._note(row, ItemState.UNKNOWN, stage, None, _text(problem))
                return
            encoded = msgspec.json.encode([*results, kept]).decode()
            await self._note(row, ItemState.DONE if last else ItemState.PLANNED, stage + 1, encoded)

    async def _read_back(self, row: _Row, stage: int, results: list[Any], lost: Exception, since: float) -> _StageEnd:
        """Whether a write was carried out whose answer is missing. PLANNED: it was not.

        Args:
            since: when the write was on its way at the latest. A read soon after it may not show it yet.
        """
        verify = self._stages[stage].verify
        if verify is None:
            return _StageEnd(ItemState.UNKNOWN, None, lost)
        try:
            # What counts is when a read begins: one that takes long may have seen the world before the write.
            early = since + self._settle - self._clock.now()
            verdict, result = _verdict(await verify(row.item, tuple(results)))
            if verdict is Verdict.NOT_DONE and early > 0:
                await self._clock.sleep(since + self._settle - self._clock.now())
                verdict, result = _verdict(await verify(row.item, tuple(results)))
        except Exception as error:
            lost.add_note(f"reading back failed: {type(error).__name__}: {error}")
            return _StageEnd(ItemState.UNKNOWN, None, lost)
        except asyncio.CancelledError:
            await self._surely(self._note(row, ItemState.UNKNOWN, stage, None, _text(lost)))
            raise
        if verdict is Verdict.DONE:
            return _StageEnd(ItemState.DONE, result, None, verified=True)
        return _StageEnd(ItemState.PLANNED if verdict is Verdict.NOT_DONE else ItemState.UNKNOWN, None, lost)


async def _watched(trace: WriteTrace, start: Callable[[], Awaitable[Any]]) -> Any:
    WRITE_WATCH.set(trace)
    pending: object = start()
    if not inspect.isawaitable(pending):
        raise _NotAwaitableError(f"work and stages have to return an awaitable, got {type(pending).__name__}")
    return await pending


async def _each(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[T]:
    if isinstance(items, AsyncIterable):
        iterator = aiter(items)
        try:
            async for item in iterator:
                yield item
        finally:
            with suppress(AttributeError):
                await cast("Any", iterator).aclose()
    else:
        for item in items:
            yield item


def _key(item: Any, key: Callable[[Any], str | int] | None, number: int) -> str:
    found: object = item if key is None else key(item)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "" or not _is_text(str(found)):
        what = f"the key of row {number}" if key is not None else f"row {number} is used as its own key and"
        raise InvalidArgumentError("key", f"{what} must be text or a whole number, got {found!r:.80}")
    return str(found)


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: half a surrogate pair cannot."""
    return value.isascii() or _writable(value) == value


def _writable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def fingerprint(item: Any, salt: bytes) -> bytes | None:
    """A salted digest of plain data, so that secrets in it are not in the journal. `None` for everything else."""
    if not isinstance(item, str | int | float | Mapping | list | tuple):
        return None
    try:
        content = msgspec.json.encode(item, order="deterministic")
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    return blake2b(content, key=salt, digest_size=16).digest()


def _verdict(given: Any) -> tuple[Verdict, Any]:
    verdict: object
    result: Any
    verdict, result = cast("tuple[object, Any]", given) if isinstance(given, tuple) else (given, None)
    if not isinstance(verdict, Verdict):
        raise TypeError(f"verify must give DONE, NOT_DONE or CANNOT_TELL, got {verdict!r:.80}")
    return verdict, result


def _text(error: Exception) -> str:
    # What cannot be written would take the notes of its whole group with it.
    return _writable(f"{type(error).__name__}: {error}{_notes(error)}")[:_ERROR_LENGTH]


def _notes(error: Exception, besides: str = "") -> str:
    """What was noted on an error, without what is known already."""
    notes = (_writable(note) for note in getattr(error, "__notes__", ()))
    return "".join(f"; {note}" for note in notes if note not in besides)[:_ERROR_LENGTH]
