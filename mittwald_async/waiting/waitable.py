"""One kind of thing that can be waited for, and one waiter for one thing of that kind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias, TypeVar, cast

from ..runtime.errors import (
    ApiClientError,
    ConsistencyError,
    NotFoundError,
    OperationFailed,
    PermissionDeniedError,
    RateLimitError,
    ResponseDecodeError,
    ServerError,
    TransportError,
    WaitTimeout,
)
from ..runtime.paging import Pages
from .since import AnyState, Demand, Stamps, no_stamps

T = TypeVar("T")

Key: TypeAlias = tuple[str, ...]
"""What a thing is asked for by; the last part is its id."""

FIRST_INTERVAL = 1.0
"""Seconds from the first poll of a waiter to its second."""
PASSING = (TransportError, ServerError, RateLimitError, ConsistencyError)
"""Errors of a poll that are waited through."""
_ABSENT_LISTS = 2
"""Complete lists in a row without a thing that was never seen, after which it counts as gone."""


class Waitable(Generic[T]):
    """A kind of thing that can be waited for.

    Args:
        name: for messages.
        get: asks for one.
        state: what is shown as its state.
        done: what ends the wait.
        failures: the states that are not left by themselves, for messages.
        failed: what ends the wait as a failure; by default a state among `failures`.
        reason: what the thing itself says about its failure; empty where it says nothing.
        id: its own id, as in the last part of a key. Needed for `list`.
        list: all things of one scope; the scope is `""` where one list has them all.
        scope: the scope of a key as far as it is known without, or else with, the thing itself or one of its kind.
        stamps: when the state was set, if the object says so.
        gone: being away is what is waited for.
        documented: the functions are of this package, and fail only where a response deviates from the document. False:
            they are the caller's, and so are their errors.
    """

    def __init__(
        self,
        name: str,
        get: Callable[[Key], Awaitable[T]],
        *,
        state: Callable[[T], str],
        done: Callable[[T], bool],
        failures: tuple[str, ...] = (),
        failed: Callable[[T], bool] | None = None,
        reason: Callable[[T], str | None] = lambda thing: None,
        id: Callable[[T], str] | None = None,
        list: Callable[[str], Pages[Any]] | None = None,
        scope: Callable[[Key, T | None], str | None] = lambda key, thing: "",
        stamps: Stamps = no_stamps,
        gone: bool = False,
        documented: bool = True,
    ) -> None:
        self.name: str = name
        self.get: Callable[[Key], Awaitable[T]] = get
        self.state: Callable[[T], str] = state
        self.done: Callable[[T], bool] = done
        self.failures: tuple[str, ...] = failures
        self.failed: Callable[[T], bool] = failed or (lambda thing: state(thing) in failures)
        self.reason: Callable[[T], str | None] = reason
        self.id: Callable[[T], str] | None = id
        self.list: Callable[[str], Pages[Any]] | None = list
        self.scope: Callable[[Key, T | None], str | None] = scope
        self.stamps: Stamps = stamps
        self.gone: bool = gone
        self.documented: bool = documented

    def id_of(self, thing: T) -> str:
        """Its own id; empty where a response has something else in its place."""
        assert self.id is not None
        try:
            found = cast("object", self.id(thing))
        except AttributeError:
            return ""
        return found if isinstance(found, str) else ""


class Waiter(Generic[T]):
    """One waiter: what for, what it saw, and when it looks again."""

    def __init__(
        self,
        kind: Waitable[T],
        key: Key,
        now: float,
        on_change: Callable[[str, T], object] | None,
        demand: Demand[T] | None = None,
        before: T | None = None,
    ) -> None:
        self.kind: Waitable[T] = kind
        self.key: Key = key
        self.scope: str | None = kind.scope(key, before) if kind.list is not None else None
        self.listable: bool = True
        self.due: float = now
        self.interval: float = FIRST_INTERVAL
        self.last: T | None = None
        self.error: ApiClientError | None = None
        self.result: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._demand: Demand[T] = demand or AnyState()
        self._state: str | None = None
        self._stale = False
        self._absent = 0
        self._missing_since: float | None = now
        self._on_change = on_change

    def __str__(self) -> str:
        return f"{self.kind.name} {'/'.join(self.key)}".strip()

    def saw(self, thing: T, now: float) -> None:
        """The thing came; end the wait if that is what was waited for."""
        if self.result.done():
            return
        try:
            self.last, self.error, self._missing_since, self._absent = thing, None, None, 0
            state, failed, done = self._judged(thing)
            self._follow(state, thing)
            final = failed or done
            self._stale = not self._demand.met(thing, final, now)
            if not final or self._stale:
                return
            if failed:
                self.result.set_exception(self._failure(thing))
            else:
                self.result.set_result(thing)
        except Exception as error:
            self.fail(error)

    def _judged(self, thing: T) -> tuple[str, bool, bool]:
        """The state, and whether it is a failure or what is waited for."""
        kind = self.kind
        try:
            if kind.list is not None:
                self.scope = kind.scope(self.key, thing)
            failed = kind.failed(thing)
            return kind.state(thing), failed, not failed and kind.done(thing)
        except (AttributeError, TypeError) as error:
            if not kind.documented:
                raise
            raise ResponseDecodeError(
                f"{self} is not as documented, so that its state cannot be read: {error}",
                operation_id=None,
                json_path="$",
                body=b"",
            ) from error

    @property
    def settles(self) -> float | None:
        """When a state that is not trusted yet will be; `None` if never."""
        return self._demand.settles if self._stale else None

    def _follow(self, state: str, thing: T) -> None:
        if state != self._state:
            self._state = state
            if self._on_change is not None:
                self._on_change(state, thing)

    def _failure(self, thing: T) -> OperationFailed:
        state = self.kind.state(thing)
        text = f"{self} failed: its state is {state!r}"
        if reason := self.kind.reason(thing):
            text += f" ({reason})"
        if self.kind.failures:
            text += f"; failed states are {', '.join(self.kind.failures)}"
        return OperationFailed(text, state=state, last=thing)

    def missed(self, now: float, grace: float, error: ApiClientError) -> None:
        """The object is missing or forbidden; end the wait if that is expected, or persists."""
        self.error = error
        if self.kind.gone and (isinstance(error, NotFoundError) or self.last is not None):
            self._is_gone()
        elif self.long_missing(now, grace):
            self.fail(error)
        elif self._missing_since is None:
            self._missing_since = now

    def long_missing(self, now: float, grace: float) -> bool:
        return self._missing_since is not None and now - self._missing_since >= grace

    def not_listed(self, now: float) -> None:
        """A complete list came without the thing."""
        self._absent += 1
        if self.kind.gone and (self.last is not None or self._absent >= _ABSENT_LISTS):
            self._is_gone()
        if self._missing_since is None:
            self._missing_since = now

    def _is_gone(self) -> None:
        if not self.result.done():
            self.result.set_result(self.last)

    def fail(self, error: BaseException) -> None:
        if not self.result.done():
            self.result.set_exception(error)

    def forget(self) -> None:
        """The result is no longer needed, whatever it is."""
        if not self.result.cancel() and not self.result.cancelled():
            self.result.exception()

    def failed_to_ask(self, error: Exception, now: float, grace: float) -> None:
        """What an error of a poll means for this waiter."""
        if isinstance(error, NotFoundError | PermissionDeniedError):
            self.missed(now, grace, error)
        elif isinstance(error, PASSING):
            self.error = error
        else:
            self.fail(error)

    def timed_out(self, seconds: float) -> WaitTimeout:
        if self.kind.gone:
            seen = "it is still there" if self._state is None else f"it is still there, as {self._state!r}"
            return WaitTimeout(f"{self} was not gone within {seconds:g} s: {seen}", last=self.last)
        seen = "it was never seen" if self._state is None else f"its last state is {self._state!r}"
        if self._stale:
            seen += ", which is still the one before the change"
        return WaitTimeout(f"{self} did not get ready within {seconds:g} s: {seen}", last=self.last)
