"""Which lists a rolling sweep asks again, and which it carries forward: pure arithmetic, nothing is sent or read.

A list that was read `t` days ago, and in which `r` items change a day, has about `r * t` wrong rows by now, and has had
`r * t² / 2` wrong row-days since. Asking where those are most for a request is what keeps the fewest rows wrong with a
given number of requests: each list is then asked in proportion to the square root of its rate, so busy lists come often
and no list is starved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from math import inf

import msgspec

from ..runtime.errors import ConfigurationError
from .frontier import ListId

DAY = 86_400.0
"""Seconds."""

ASSUMED_RATE = 0.02
"""Changes a day in a list of which nothing was learned: what people change in a project of a dozen lists is about one
item a week."""

PRIOR_DAYS = 10.0
"""So many days of `ASSUMED_RATE` weigh in with what was seen of a resource: a single change on the first day is
luck."""

SHARED_DAYS = 30.0
"""So many days of its resource's rate weigh in with what was seen of one list: lists of one kind are much alike, and
one list alone shows a change in months."""

HALF_LIFE = 60.0
"""Days after which what was seen counts half: a project that was busy while it was built is quiet afterwards."""

MARGIN = 0.05
"""Share of the requests that is kept for repeats, further pages and things that are new."""

SAME_SWEEP = 0.05
"""Share of the time between sweeps by which the next one may be late without a list exceeding its greatest age."""


def _check(name: str, given: object, kind: type | tuple[type, ...], unit: str) -> None:
    if given is None:
        return
    if not isinstance(given, kind) or not isinstance(given, int | float):
        raise ConfigurationError(f"{name} must be a number of {unit}, got {given!r}")
    if not given > 0:
        raise ConfigurationError(f"{name} must be more than 0, got {given!r}")


class Rolling(msgspec.Struct, frozen=True, kw_only=True):
    """How a rolling sweep chooses. At least one of the two is given.

    Raises:
        ConfigurationError: neither is given, or one is not more than 0.
    """

    max_requests: int | None = None
    """Requests to spend; `None`: as many as `max_age` takes."""
    max_age: float | None = None
    """Seconds that may pass between two readings of a list; `None`: any."""

    def __post_init__(self) -> None:
        if self.max_requests is None and self.max_age is None:
            raise ConfigurationError("a rolling sweep needs max_requests or max_age: how much to ask for")
        _check("max_requests", self.max_requests, int, "requests")
        _check("max_age", self.max_age, (int, float), "seconds")

    @property
    def max_days(self) -> float | None:
        """`max_age` in days."""
        return None if self.max_age is None else self.max_age / DAY


class ListState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one list."""

    id: ListId
    price: int = 1
    """Requests it takes."""
    age: float | None = None
    """Days since it was read to its end; `None`: never."""
    tried: float | None = None
    """Days since it was asked last, whether or not that worked; `None`: never."""
    changes: float = 0.0
    """Items seen to be added, changed or gone, older ones counting less."""
    days: float = 0.0
    """Days between readings in which these were seen, older ones counting less."""
    feeder: ListId | None = None
    """The list that its owner is in: to be asked with it, since the owner may be gone."""
    always: bool = False
    """Everything else depends on it."""


class ListSelection(msgspec.Struct, frozen=True):
    """What a rolling sweep asks for."""

    asked: frozenset[ListId]
    carried: frozenset[ListId]
    """Not asked again; what they held stays as it is known."""


class Freshness(msgspec.Struct, frozen=True):
    """How old what is known has become, after a sweep."""

    lists: int
    unread: int
    """Lists that were never read to their end."""
    overdue: int
    """Lists that were read longer ago than `max_age`, or never."""
    oldest: float
    """Seconds since the list was read that was read longest ago; 0 where none was."""


def seen_change(
    changes: float, days: float, *, items: int, elapsed: float, half_life: float = HALF_LIFE
) -> tuple[float, float]:
    """What was learned of a list, with one more reading.

    Args:
        changes: as `ListState.changes`.
        days: as `ListState.days`.
        items: items that changed since the reading before.
        elapsed: days since that reading.
        half_life: days after which what was seen counts half.
    """
    kept = 0.5 ** (max(elapsed, 0.0) / half_life)
    return changes * kept + items, days * kept + max(elapsed, 0.0)


def rates(states: Iterable[ListState]) -> Mapping[ListId, float]:
    """Changes a day of each list: what was seen of it, drawn towards what was seen of its resource."""
    states = list(states)
    changes: defaultdict[str, float] = defaultdict(float)
    days: defaultdict[str, float] = defaultdict(float)
    for state in states:
        changes[state.id[0]] += state.changes
        days[state.id[0]] += state.days
    shared = {name: (changes[name] + ASSUMED_RATE * PRIOR_DAYS) / (days[name] + PRIOR_DAYS) for name in changes}
    return {
        state.id: (state.changes + shared[state.id[0]] * SHARED_DAYS) / (state.days + SHARED_DAYS) for state in states
    }


def choose(states: Sequence[ListState], rolling: Rolling, interval: float) -> ListSelection:
    """What to ask: first what everything depends on, what was never asked, what would be too old by the next sweep,
    then what is likeliest to have changed for a request.

    Args:
        states: all lists there are.
        rolling: how many requests, and how old a list may become.
        interval: days until the next sweep.
    """
    budget = inf if rolling.max_requests is None else rolling.max_requests * (1 - MARGIN)
    rate = rates(states)
    known = {state.id: state for state in states}
    asked: set[ListId] = set()
    spent = 0.0
    for state in sorted(states, key=lambda state: _rank(state, rate[state.id], rolling.max_days, interval)):
        needed = [one for one in _with_feeders(state, known) if one.id not in asked]
        price = sum(one.price for one in needed)
        optional = not state.always and spent + price > budget
        if optional or (rolling.max_requests is None and _rank(state, 0.0, rolling.max_days, interval)[0] > 2):
            continue
        asked.update(one.id for one in needed)
        spent += price
    return ListSelection(frozenset(asked), frozenset(known.keys() - asked))


def _rank(state: ListState, rate: float, max_days: float | None, interval: float) -> tuple[int, float]:
    """Its place in the order of asking: class, then how much it matters within that."""
    if state.always:
        return 0, 0.0
    if state.tried is None:
        return 1, float(state.price)
    age = state.tried if state.age is None else state.age
    if max_days is not None and state.age is not None and age + interval * (1 + SAME_SWEEP) > max_days:
        return 2, -age
    # A list that fails each time is asked as one that was read when it was tried: its turn comes, and no more.
    return 3, -rate * age * age / state.price


def _with_feeders(state: ListState, known: Mapping[ListId, ListState]) -> list[ListState]:
    """A list and those that its owners are in."""
    found = [state]
    while found[-1].feeder is not None and found[-1].feeder in known and len(found) <= len(known):
        found.append(known[found[-1].feeder])
    return found


def freshness(states: Iterable[ListState], max_days: float | None) -> Freshness:
    """How old what is known of these lists is."""
    states = list(states)
    ages = [state.age for state in states if state.age is not None]
    overdue = sum(state.age is None or state.age > max_days for state in states) if max_days is not None else 0
    return Freshness(len(states), len(states) - len(ages), overdue, max(ages, default=0.0) * DAY)


def needed_requests(states: Iterable[ListState], max_age: timedelta, interval: float) -> int:
    """Requests of each sweep, for every list to be read again within `max_age`, `interval` days apart."""
    sweeps = max(1, int(max_age.total_seconds() / DAY / interval)) if interval else 1
    always = changing = 0
    for state in states:
        if state.always:
            always += state.price
        else:
            changing += state.price
    return int((always + changing / sweeps) / (1 - MARGIN)) + 1
