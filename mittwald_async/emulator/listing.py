"""Lists that are made while they are read: keys of objects, and their JSON."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import msgspec

Key: TypeAlias = int | str
"""Number of a generated object, id of a created one."""


class Keys:
    """Keys of the objects of one kind below one parent, or of the whole account: a range with holes, then the created.

    Args:
        numbers: the generated ones.
        deleted: sorted numbers of deleted items; numbers not in `numbers` do not matter.
        created: created ones, oldest first.
    """

    __slots__ = ("_created", "_deleted", "_living", "_low", "_numbers")

    def __init__(self, numbers: range, deleted: Sequence[int] = (), created: Sequence[Key] = ()) -> None:
        self._numbers = numbers
        self._deleted = deleted
        self._low = bisect_left(deleted, numbers.start)
        self._living = len(numbers) - (bisect_left(deleted, numbers.stop) - self._low)
        self._created = created

    def __len__(self) -> int:
        return self._living + len(self._created)

    def __getitem__(self, part: slice, /) -> list[Key]:
        start, stop, step = part.indices(len(self))
        if step != 1:
            return list(self)[part]
        found: list[Key] = []
        if start < self._living:
            found.extend(self._from(start, min(stop, self._living) - start))
        if stop > self._living:
            found.extend(self._created[max(0, start - self._living) : stop - self._living])
        return found

    def __iter__(self) -> Iterator[Key]:
        yield from self._from(0, self._living)
        yield from self._created

    def _from(self, index: int, count: int) -> Iterator[int]:
        """`count` living numbers, from the one at `index` on."""
        deleted, low = self._deleted, self._low
        first = self._numbers.start
        hole = low + bisect_right(
            range(len(deleted) - low), index, key=lambda position: deleted[low + position] - first - position
        )
        number = first + index + hole - low
        while count > 0:
            following = deleted[hole] if hole < len(deleted) else self._numbers.stop
            run = min(count, following - number)
            yield from range(number, number + run)
            count -= run
            number = following + 1
            hole += 1


class EncodedList:
    """JSON of the objects behind some keys, made (or remembered) page by page."""

    __slots__ = ("_keys", "_show")

    def __init__(self, keys: Keys | list[Key], show: Callable[[list[Key]], list[msgspec.Raw]]) -> None:
        self._keys = keys
        self._show = show

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, part: slice, /) -> list[msgspec.Raw]:
        return self._show(self._keys[part])
