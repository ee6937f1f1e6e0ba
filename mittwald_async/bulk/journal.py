"""`Journal`: writes in bulk that survive the end of the program."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from ..client import Mittwald
from ..runtime.clock import SYSTEM_CLOCK, Clock
from ..runtime.errors import ClientStateError, ConfigurationError, InvalidArgumentError
from .group_commit import GroupCommit
from .journal_file import Claim, JournalFile, NewRun, NoteState
from .lock import WriterLock
from .records import ItemOutcome, ItemState, JournalEntry, JournalError, Stage, Verdict, Verified
from .runner import Run

T = TypeVar("T")
R = TypeVar("R")

_LIMIT = 64
"""Items in flight at once by default, as for `fan_out`."""
_SETTLE = 2.0
"""Seconds after which a read shows a write that was carried out. The emulator's lag is 0.25 s; the API's documentation
gives 10 s as the longest wait for an event, and a moment as the usual one."""
_GRACE = 10.0
"""Seconds for the answers that are awaited when a run is cancelled."""


class Journal:
    """A file that knows of every item whether it was done, so that a job goes on where it ended, however it ended.

        async with bulk.Journal("rename.journal") as journal:
            async for done in journal.run(rows, rename, key=lambda row: row["id"]):
                ...

    Args:
        path: the file; created, readable for its owner only, where there is none. One process writes to it at a time.
        client: whose account the journal is for. Checked at once; without it, before the first write that is sent
            through a client of this package. Give it where a run may find everything done.
        account: a name for the account, where its token changes; without it the journal belongs to the token (or
            login) that it was begun with.
        clock: where time comes from; for tests.

    Raises (on entering):
        JournalError: another process writes to the file, it is not a journal, or it is another account's.
        OSError: the file cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        client: Mittwald | None = None,
        account: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.path: Path = Path(path)
        self._client = client
        self._account = account
        self._clock = clock
        self._store: JournalFile | None = None
        self._lock: WriterLock | None = None
        self._commits: GroupCommit | None = None
        self._owner: tuple[str | None, str | None] = (None, None)
        self._salt = b""
        self._run: Run | None = None
        self._reader: JournalFile | None = None
        self.interrupted: int = 0
        """Items that were in flight when the previous program ended."""

    async def __aenter__(self) -> Self:
        if self._store is not None:
            raise ClientStateError("the journal is open already: use it")
        self._lock = WriterLock(self.path)
        try:
            self._store = JournalFile(self.path)
            self._store.release_owner()
            self._owner, self._salt = self._store.account, self._store.salt
            if self._client is not None:
                self.check_owner(*identity_of(self._client))
            self.interrupted = self._store.interrupted()
            # Of its own, so that looking never sees half of what is just being written.
            self._reader = JournalFile(self.path, writable=False)
        except BaseException:
            await self.close()
            raise
        self._commits = GroupCommit(self._store.apply)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the file and let others write to it. Harmless when repeated."""
        if self._run is not None:
            await self._run.close()
        commits, self._commits = self._commits, None
        if commits is not None:
            await commits.close()
        for store in (self._reader, self._store):
            if store is not None:
                store.close()
        self._reader = self._store = None
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    # -- doing things -------------------------------------------------------------------------------------------------

    def run(
        self,
        items: Iterable[T] | AsyncIterable[T],
        work: Callable[[T], Awaitable[R]],
        *,
        key: Callable[[T], str | int] | None = None,
        input: Callable[[T], Any] | None = None,
        limit: int = _LIMIT,
        at_most: int | None = None,
        verify: Callable[[T], Awaitable[Verified]] | None = None,
        keep: Callable[[R], Any] | None = None,
        then: Sequence[Stage | Callable[[T, tuple[Any, ...]], Awaitable[Any]]] | Stage | Callable[..., Any] = (),
        name: str = "",
        retry_failed: bool = True,
        redo_changed: bool = False,
        writes_through_client: bool = False,
        stop_after_failures: int | None = None,
        settle: float = _SETTLE,
        grace: float = _GRACE,
    ) -> AsyncGenerator[ItemOutcome[T]]:
        """Do `work` for every item that is not done yet, many at once.

        That an item is *started* is on disk before `work` is called for it (see `writes_through_client`), and that it
        is *done* is on disk before its outcome is delivered. Items that are done are passed over. An item that was
        *started* when the program ended, or whose answer was lost, is read back by `verify`; without it, or where it
        cannot tell, the item is *unknown*: it is delivered as such in every run and never repeated.

        Args:
            items: any iterable or async iterable, of any length: rows of a file, a `Pages`, a generator.
            work: gives an awaitable for an item. Pacing, priorities and retries are those of the client it uses.
            key: what makes an item the same in the next run, text or a number; the item itself by default.
            input: what of an item its work depends on, as plain data; the item itself by default, where it is plain
                data and not a model of the API, which changes by itself. See `redo_changed`.
            limit: items in flight at once, 1 or more.
            at_most: end after this many due items; the next run continues.
            verify: `verify(item)` reads whether `work` was carried out: `DONE`, `NOT_DONE` or `CANNOT_TELL`, or
                `(DONE, result)`. See `verifier_for`.
            keep: what of a result goes into the journal, all of it by default. It must have a form in JSON. Where it
                has none, the item is done all the same; if stages follow, it is *unknown*, and they are not begun.
            then: further stages, each `func(item, results)` or a `Stage`. What they write through a client of this
                package is noted as *started* when it is sent; stages that only read or wait are simply repeated after
                a crash. `results` are what was kept of the stages before.
            name: of the job. Items of different jobs in one file have nothing to do with each other.
            retry_failed: do again what failed in an earlier run.
            redo_changed: do again what was done with another input; such items are delivered with a
                `ChangedInputError` otherwise.
            writes_through_client: every write of `work` goes through a client of this package. *started* is then noted
                when a write is really about to be sent, and not before `work` is called: what was still waiting for the
                request budget when the program ended is simply done in the next run.
            stop_after_failures: begin nothing further after so many items have failed or are unknown in this run.
                Credentials that are refused end the run at once: every further item would fail the same way.
            settle: seconds after which a read shows what was written; *not done* counts only from then on.
            grace: seconds to await responses in flight when the run is cancelled.

        Yields:
            An `ItemOutcome` for each item that was not skipped, as they come.

        Raises:
            InvalidArgumentError: an argument cannot be used.
            DuplicateKeyError (while iterating): two items have the same key. Items in flight finish first.
            JournalError (while iterating): the client is another account's than the journal.
            sqlite3.Error (while iterating): the journal cannot be written, for example because the disk is full.
            Exception (while iterating): what `items` or `key` raises, after the outcomes of the items before it.
        """
        if not isinstance(items, Iterable | AsyncIterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgumentError("items", f"must be an iterable or async iterable, got {type(items).__name__}")
        _check_callables(
            work=work,
            key=str if key is None else key,
            input=str if input is None else input,
            verify=str if verify is None else verify,
            keep=str if keep is None else keep,
        )
        _check_counts(
            limit=limit,
            at_most=1 if at_most is None else at_most,
            stop_after_failures=1 if stop_after_failures is None else stop_after_failures,
        )
        _check_seconds(settle=settle, grace=grace)
        stages = (_first_stage(work, keep, verify), *_further_stages(then))
        return self._deliver(
            items,
            key,
            name,
            Run(
                stages=stages,
                job=0,
                again=(ItemState.PLANNED, *((ItemState.FAILED,) if retry_failed else ())),
                redo_changed=redo_changed,
                start_early=not writes_through_client,
                stop_after_failures=stop_after_failures,
                at_most=at_most,
                input=input,
                settle=settle,
                grace=grace,
                apply=self._apply,
                check_owner=self.check_owner,
                claim=self._claim,
                clock=self._clock,
            ),
            limit,
        )

    async def _deliver(
        self,
        items: Iterable[T] | AsyncIterable[T],
        key: Callable[[T], str | int] | None,
        name: str,
        run: Run,
        limit: int,
    ) -> AsyncGenerator[ItemOutcome[T]]:
        self._open_reader()
        if self._run is not None:
            raise ClientStateError("a run of this journal is in progress; end it, or use another journal")
        self._run = run
        try:
            run.job, run.began, run.salt = await self._apply(NewRun(name)), self._clock.now(), self._salt
            async with aclosing(run.outcomes(items, key, limit)) as outcomes:
                async for outcome in outcomes:
                    yield outcome
        finally:
            self._run = None

    # -- whose it is --------------------------------------------------------------------------------------------------

    def check_owner(self, identity: str | None, server: str) -> None:
        """Refuse a client of another account or server than the journal's.

        Raises:
            JournalError: it is another's. Nothing was sent.
        """
        account, place = self._owner
        mine = self._account or identity or "anonymous"
        if account is not None and place != server:
            raise JournalError(f"{self.path}: begun at {place}, but the client talks to {server}; use another journal")
        if account is not None and account != mine:
            raise JournalError(
                f"{self.path}: belongs to another account or token; use its token, or another journal"
                " (account=… names an account whose token changes)"
            )

    async def _claim(self, identity: str | None, server: str) -> None:
        """Note whose journal it is, before the first write goes out."""
        if self._owner[0] is None:
            mine = self._account or identity or "anonymous"
            before = await self._apply(Claim(mine, server))
            self._owner = before or (mine, server)
        self.check_owner(identity, server)

    # -- looking ------------------------------------------------------------------------------------------------------

    def counts(self, name: str | None = None) -> dict[ItemState, int]:
        """Items by state; of one job, or of all."""
        return self._open_reader().counts(name)

    def entries(self, state: ItemState | None = None, *, name: str | None = None) -> Iterator[JournalEntry]:
        """Items as the file has them, by key.

        Args:
            state: only those in this state.
            name: only those of this job.
        """
        return self._open_reader().entries(state, name)

    async def resolve(self, key: str | int, verdict: Verdict, *, result: Any = None, name: str = "") -> None:
        """Settle an unknown item that no read can verify.

        Args:
            key: the item's.
            verdict: `DONE`, or `NOT_DONE` to have it done in the next run.
            result: what its answer would have been, for the stages after it.
            name: of the job.

        Raises:
            JournalError: the journal has no unknown item of this key.
            InvalidArgumentError: the verdict is neither of the two.
        """
        if self._run is not None:
            raise ClientStateError("a run of this journal is in progress; resolve items before or after it")
        store = self._open_reader()
        if verdict not in (Verdict.DONE, Verdict.NOT_DONE):
            raise InvalidArgumentError("verdict", "must be DONE or NOT_DONE")
        found = next((one for one in store.entries(ItemState.UNKNOWN, name) if one.key == str(key)), None)
        if found is None:
            raise JournalError(f"{self.path}: has no unknown item {str(key)!r}")
        job = await self._apply(NewRun(name))
        if verdict is Verdict.NOT_DONE:
            await self._apply(NoteState(job, found.key, ItemState.PLANNED, found.stage))
            return
        results = msgspec.json.encode([*found.results, result]).decode()
        # Whether stages follow is known to the next run alone; it takes a done item of fewer stages as due.
        await self._apply(NoteState(job, found.key, ItemState.DONE, found.stage + 1, results))

    async def _apply(self, change: Any) -> Any:
        if self._commits is None:
            raise ClientStateError("the journal is not open: use it inside `async with`")
        return await self._commits.apply(change)

    def _open_reader(self) -> JournalFile:
        if self._reader is None or self._commits is None:
            raise ClientStateError("the journal is not open: use it inside `async with`")
        return self._reader


def _check_callables(**given: object) -> None:
    for name, value in given.items():
        if not callable(value):
            raise InvalidArgumentError(name, f"must be callable, got {type(value).__name__}")


def _check_counts(**given: object) -> None:
    for name, value in given.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidArgumentError(name, f"must be a whole number, 1 or more, got {value!r}")


def _check_seconds(**given: float) -> None:
    for name, value in given.items():
        if not 0 <= value < float("inf"):
            raise InvalidArgumentError(name, f"must be seconds, 0 or more, got {value!r}")


def _first_stage(work: Any, keep: Any, verify: Any) -> Stage:
    """`work` and `verify` as a stage, which has none before it."""

    def func(item: Any, _: tuple[Any, ...]) -> Any:
        return work(item)

    def read_back(item: Any, _: tuple[Any, ...]) -> Any:
        return verify(item)

    return Stage(func, keep, None if verify is None else read_back)


def _further_stages(then: Any) -> tuple[Stage, ...]:
    given: list[Any] = [then] if isinstance(then, Stage) or callable(then) else list(then)
    for one in given:
        if not isinstance(one, Stage) and not callable(one):
            raise InvalidArgumentError("then", f"must be functions or Stages, got {type(one).__name__}")
    return tuple(one if isinstance(one, Stage) else Stage(one) for one in given)


def identity_of(client: Mittwald) -> tuple[str | None, str]:
    """Digest of a client's credentials, and its server.

    Raises:
        ConfigurationError: it is not a client.
    """
    shared = getattr(client, "_shared", None)
    if shared is None:
        raise ConfigurationError(f"client must be a Mittwald, got {type(client).__name__}")
    credentials = shared.credentials
    return (None if credentials is None else credentials.identity), str(shared.origin)


def read_journal(path: str | os.PathLike[str]) -> JournalFile:
    """Open a journal for looking at it, also while another process writes to it. Close it afterwards.

    Raises:
        JournalError: there is none, or the file is something else.
    """
    return JournalFile(Path(path), writable=False)
