"""Changes of a record set: each can be made to a set, and says of a set whether it is made."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import msgspec

from ..runtime.errors import InvalidArgumentError
from .record_sets import RecordSet


class RecordSetChange(Protocol):
    """A change of one record set."""

    def holds(self, current: RecordSet) -> bool:
        """Is there nothing left to do? Asked again after the write, when others may have written as well."""
        ...

    def made(self, current: RecordSet) -> RecordSet:
        """The set with the change made.

        Raises:
            InvalidArgumentError: the change does not fit what is there.
        """
        ...


class Add:
    """One more value. A TTL is set once: programs that want different ones must not undo each other without end."""

    def __init__(self, type: str, value: str, ttl: int | None) -> None:
        self.type: str = type
        self.value: str = value
        self.ttl: int | None = ttl
        self._done = False

    def holds(self, current: RecordSet) -> bool:
        return self.value in current.values[self.type] and (self._done or self.ttl in (None, current.ttl))

    def made(self, current: RecordSet) -> RecordSet:
        if current.managed:
            raise InvalidArgumentError(
                "type", f"the {self.type} records are managed by mittwald; to replace them, use set()"
            )
        values = current.values[self.type]
        if self.type == "CNAME" and values not in ((), (self.value,)):
            raise InvalidArgumentError(
                "value", f"the name has a CNAME already, {values[0]}, and can have one only; to replace it, use set()"
            )
        if self.value not in values:
            values = (*values, self.value)
        ttl = current.ttl if self._done or self.ttl is None else self.ttl
        self._done = True
        return msgspec.structs.replace(current, values={**current.values, self.type: values}, ttl=ttl)


class Remove(msgspec.Struct, frozen=True):
    """One value less, or all of a type."""

    type: str
    value: str | None

    def holds(self, current: RecordSet) -> bool:
        values = current.values[self.type]
        return not values if self.value is None else self.value not in values

    def made(self, current: RecordSet) -> RecordSet:
        values = current.values[self.type]
        rest = tuple(value for value in values if self.value is not None and value != self.value)
        return msgspec.structs.replace(current, values={**current.values, self.type: rest})


class Replace:
    """These values instead of all others of a type. Made once: what others add later stays, what they lose is put
    back."""

    def __init__(self, type: str, values: tuple[str, ...], ttl: int | None) -> None:
        self.type: str = type
        self.values: tuple[str, ...] = values
        self.ttl: int | None = ttl
        self._done = False

    def holds(self, current: RecordSet) -> bool:
        there = current.values[self.type]
        if current.managed:
            return False
        if self._done:
            return set(self.values) <= set(there)
        return set(self.values) == set(there) and self.ttl in (None, current.ttl)

    def made(self, current: RecordSet) -> RecordSet:
        if self.type == "CNAME" and len(self.values) > 1:
            raise InvalidArgumentError("values", "must be one: a name can have one CNAME only")
        there = current.values[self.type] if self._done else ()
        values = tuple(dict.fromkeys((*there, *self.values)))
        self._done = True
        ttl = current.ttl if self.ttl is None else self.ttl
        return RecordSet(values={**current.values, self.type: values}, ttl=ttl)


AnyChange: TypeAlias = Add | Remove | Replace


def conflict(one: AnyChange, other: AnyChange) -> bool:
    """Would one change undo the other, so that they have to be made one after the other?"""
    if one.type != other.type:
        return False
    if isinstance(one, Add) and isinstance(other, Add):
        return one.type == "CNAME"
    if isinstance(one, Replace) or isinstance(other, Replace):
        return True
    return type(one) is not type(other) and (None in (one.value, other.value) or one.value == other.value)
