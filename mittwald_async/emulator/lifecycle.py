"""Things that take time: what an object becomes, and when."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any

import msgspec

from .listing import Key

Subject = tuple[str, Key]
"""Kind and key of the object that changes."""


class TransitionStep(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One change of an object: the end of a phase."""

    set: dict[str, Any] = {}
    drop: tuple[str, ...] = ()
    stamp: tuple[str, ...] = ()
    """Properties that get the moment of the change."""
    then: str = ""
    """Name of what happens instead of a change of properties, see `views.after_step`."""
    remove: bool = False
    """The object is deleted."""


class Transition(msgspec.Struct, kw_only=True):
    """The steps an object has before it."""

    steps: list[TransitionStep]
    due: float | None = None
    """Unix seconds of the next step."""
    reads: int | None = None
    """Reads until the next step."""


class RunningTransitions:
    """Every transition in progress."""

    def __init__(self) -> None:
        self.running: dict[Subject, Transition] = {}
        self._heap: list[tuple[float, int, Subject]] = []
        self._order = 0

    def start(self, subject: Subject, transition: Transition) -> None:
        """Replaces the transition in progress of the same object."""
        self.running[subject] = transition
        if transition.due is not None:
            self._order += 1
            heappush(self._heap, (transition.due, self._order, subject))

    def stop(self, subject: Subject) -> None:
        self.running.pop(subject, None)

    def due(self, now: float) -> Iterator[tuple[Subject, Transition]]:
        """What is over by now, each taken out of the schedule; outdated entries are skipped."""
        while self._heap and self._heap[0][0] <= now:
            moment, _, subject = heappop(self._heap)
            transition = self.running.get(subject)
            if transition is not None and transition.due == moment:
                yield subject, transition

    @property
    def waiting(self) -> bool:
        return bool(self._heap)
