"""Which of the states that are seen count: those that were set after a change, not the one before it.

A change made elsewhere is named by the caller: `since=`, an object read before it or a moment. A change made through
this client moments ago is known without being named.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

import msgspec

from ..runtime.errors import InvalidArgumentError

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

Stamps: TypeAlias = Callable[[Any], tuple[datetime, ...]]
"""When the state of an object was set, if it says so; its parts may have their own states."""

SETTLE = 10.0
"""Seconds after a write of ours during which an unchanged state is not believed. Servers start changes a moment
later."""
_SECOND = timedelta(seconds=1)
"""Resolution of a `Date` header."""


class Demand(Protocol[T_contra]):
    """What a state must fulfil to count, beyond being a final one."""

    @property
    def settles(self) -> float | None:
        """Clock reading from which on an unchanged state counts as well; `None`: never, or always."""
        ...

    def met(self, thing: T_contra, final: bool, now: float) -> bool:
        """Does this state count? Asked for every state seen, in order; `final`: it would end the wait."""
        ...


class AnyState:
    """Every state counts."""

    settles: float | None = None

    def met(self, thing: object, final: bool, now: float) -> bool:
        return True


class LaterThanMoment(Generic[T]):
    """A state set after a moment."""

    settles: float | None = None

    def __init__(self, moment: datetime, stamps: Stamps) -> None:
        self._moment = moment
        self._stamps = stamps

    def met(self, thing: T, final: bool, now: float) -> bool:
        return any(stamp > self._moment for stamp in self._stamps(thing))


class LaterThanObject(Generic[T]):
    """A state set after the one of an object read before. Once another state was seen, every state is a later one."""

    settles: float | None = None

    def __init__(self, before: Any, stamps: Stamps) -> None:
        self._before = before
        self._known = stamps(before)
        self._stamps = stamps
        self._met = False

    def met(self, thing: T, final: bool, now: float) -> bool:
        stamps = self._stamps(thing)
        if stamps and self._known:
            self._met |= max(stamps) > max(self._known)
        else:
            self._met |= differs(self._before, thing)
        return self._met


class AfterOwnWrite(Generic[T]):
    """A state that takes a write of this client into account.

    Args:
        written: when the server answered the write, by the server's clock to the second.
        until: clock reading from which on an unchanged state is believed: the write changed nothing that takes time.
        stamps: when states were set.
    """

    def __init__(self, written: datetime, until: float, stamps: Stamps) -> None:
        self._written = written + _SECOND
        self.settles: float | None = until
        self._stamps = stamps
        self._first: tuple[datetime, ...] | None = None
        self._changed = False

    def met(self, thing: T, final: bool, now: float) -> bool:
        stamps = self._stamps(thing)
        if self._first is None:
            self._first = stamps
        later = any(stamp >= self._written for stamp in stamps)
        self._changed |= not final or later or stamps != self._first
        return self._changed or (self.settles is not None and now >= self.settles)


def stamps_of(*names: str) -> Stamps:
    """The moments in these attributes; `a.b` is the attribute `b` of `a`."""

    def stamps(thing: Any) -> tuple[datetime, ...]:
        found: list[datetime] = []
        for name in names:
            value = thing
            for part in name.split("."):
                value = getattr(value, part, None)
            if isinstance(value, datetime):
                found.append(aware(value))
        return tuple(found)

    return stamps


def no_stamps(thing: object) -> tuple[datetime, ...]:
    """For objects that do not say when their state was set."""
    return ()


def aware(moment: datetime) -> datetime:
    """The moment with a zone; one that came without is UTC, as servers mean it."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def differs(one: Any, other: Any) -> bool:
    """Do two objects differ in a field that both have? An item of a list may have fewer than the object itself."""
    if type(one) is type(other) or not isinstance(one, msgspec.Struct) or not isinstance(other, msgspec.Struct):
        return bool(one != other)
    common = set(one.__struct_fields__) & set(other.__struct_fields__)
    return any(getattr(one, name) != getattr(other, name) for name in common)


def checked_since(since: object, name: str, stamps: Stamps, id: Callable[[Any], str] | None, key: str) -> Demand[Any]:
    """The demand that `since=` means.

    Raises:
        InvalidArgumentError: it is a moment without a zone, a moment where objects do not say when their state was set,
            or another thing's object.
    """
    if isinstance(since, datetime):
        if since.tzinfo is None:
            raise InvalidArgumentError("since", "needs a time zone, such as datetime.now(UTC)")
        if stamps is no_stamps:
            raise InvalidArgumentError(
                "since", f"must be the {name} as read before: it does not say when its state was set"
            )
        return LaterThanMoment(since, stamps)
    if since is None or isinstance(since, str | bytes | int | float):
        raise InvalidArgumentError(
            "since", f"must be the {name} as read before, or a datetime, not {type(since).__name__}"
        )
    if id is not None:
        try:
            found = cast("object", id(since))
        except AttributeError:
            raise InvalidArgumentError(
                "since", f"must be the {name} as read before, or a datetime, not {type(since).__name__}"
            ) from None
        if isinstance(found, str) and key and found != key:
            raise InvalidArgumentError("since", f"is {name} {found}, but {key} is waited for")
    return LaterThanObject(since, stamps)
