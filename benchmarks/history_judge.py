"""Judges comparisons of two sweeps by what an account was while each of them ran. Pure: told the states, asks for
nothing."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TypeAlias

import msgspec

from mittwald_async.inventory import Diff

Thing: TypeAlias = tuple[str, str]
"""Resource and key of something in an account; nothing else ever has them again."""
State: TypeAlias = Mapping[Thing, bytes]
"""An account at a moment: JSON of everything in it."""


class Span(msgspec.Struct, frozen=True):
    """What was in an account while a sweep ran.

    Attributes:
        first: how the account was as the sweep began.
        last: how it was when the sweep had ended.
        created: what was created in between, even if it was deleted before the end: a sweep may have seen that as well.
    """

    first: State
    last: State
    created: Set[Thing] = frozenset()

    @property
    def throughout(self) -> Set[Thing]:
        """What was there all the time, as it was or changed."""
        return self.first.keys() & self.last.keys()

    @property
    def ever(self) -> Set[Thing]:
        """What was there at some time."""
        return self.first.keys() | self.last.keys() | self.created

    @property
    def unchanged(self) -> Set[Thing]:
        """What was there all the time and did not change."""
        return {thing for thing in self.throughout if self.first[thing] == self.last[thing]}


class Judge:
    """Counts what comparisons say wrongly or leave out. What came, went or changed while a sweep ran may be told either
    way.

    Attributes:
        false: things said to be gone that were there all the time as the newer sweep ran, or never as the older one
            did; said to be added, the other way round; said to have changed, although neither sweep could see a
            difference.
        wrong: the same things, each with what was said of it.
        found: changes that were told.
        unknown: changes that were in lists said to be unknown.
        left_out: changes of which nothing was said.
    """

    def __init__(self) -> None:
        self.false = {"gone": 0, "added": 0, "changed": 0}
        self.wrong: list[tuple[str, Thing]] = []
        self.left_out = self.found = self.unknown = 0

    def look(self, diff: Diff, old: Span, new: Span) -> None:
        """Judge a comparison of two sweeps.

        Args:
            diff: the comparison, with the changes of all properties.
            old: what was there while the older sweep ran.
            new: what was there while the newer one ran.
        """
        gone, added, changed = (
            {(change.resource, change.key) for change in changes} for changes in (diff.gone, diff.added, diff.changed)
        )
        still = old.unchanged & new.unchanged
        same = {thing for thing in still if old.first[thing] == new.first[thing]}
        self._note_wrong("gone", (gone & new.throughout) | (gone - old.ever))
        self._note_wrong("added", (added & old.throughout) | (added - new.ever))
        self._note_wrong("changed", changed & same)
        for things, told in (
            (old.throughout - new.ever, gone),
            (new.throughout - old.ever, added),
            (still - same, changed),
        ):
            self.found += len(things & told)
            for thing in things - told:
                if any(one.resource == thing[0] and one.key in (None, thing[1]) for one in diff.unknown):
                    self.unknown += 1
                else:
                    self.left_out += 1

    def _note_wrong(self, said: str, things: Set[Thing]) -> None:
        self.false[said] += len(things)
        self.wrong.extend((said, thing) for thing in things)
