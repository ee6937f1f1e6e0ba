"""Which route draws on which budget: learned from the limits that answers show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ..operation import RateLimit

MOST_ROUTES = 2048
"""Routes remembered; further ones draw on the common budget."""
MOST_SCOPES = 16


class _Estimate(Protocol):
    @property
    def limit(self) -> int | None: ...
    @limit.setter
    def limit(self, limit: int | None) -> None: ...


class RouteBudget(Protocol):
    """What a scope is made of, as far as it matters here."""

    @property
    def estimate(self) -> _Estimate: ...


B = TypeVar("B", bound=RouteBudget)


class RouteBudgets(Generic[B]):
    """The map from routes to budgets.

    A route counts to the common budget until an answer of it shows another limit. A limit that changes for a route
    which had shown the old one means that the budget itself changed, unless another route still shows the old one
    afterwards. The budget with the most routes is the common one; between equals, the larger.
    """

    __slots__ = ("_before", "_changed_at", "_changed_by", "_make", "common", "free", "known", "own")

    def __init__(self, make: Callable[[], B]) -> None:
        self._make = make
        self.known: dict[str, B] = {}
        """The budget of each route that has shown its limit."""
        self._before: int | None = None
        self._changed_by = ""
        self._changed_at = 0.0
        self.common: B = make()
        self.free: B = make()
        """For exempt routes."""
        self.own: list[B] = []
        """Budgets beside the common one."""

    def of(self, route: str) -> B:
        """The budget that a call on this route draws on."""
        return self.known.get(route, self.common)

    def all(self) -> list[B]:
        """Every budget there is."""
        return [self.common, self.free, *self.own]

    def learn(self, route: str, reading: RateLimit, sent_at: float, now: float) -> B | None:
        """Sort a route by what its answer says.

        Returns:
            The budget the answer speaks of; `None` if it should teach nothing (too old, or no room left).
        """
        known = self.known.get(route)
        if reading.exempt:
            if known is None and len(self.known) >= MOST_ROUTES:
                return None
            self.known[route] = self.free
            return self.free
        if known is None and len(self.known) >= MOST_ROUTES:
            return self.common if reading.limit in (None, self.common.estimate.limit) else None
        if reading.limit is None:
            return self.common if known is None or known is self.free else known
        if known is None or known is self.free:
            return self._first_time(route, reading.limit)
        if known.estimate.limit in (None, reading.limit):
            return known
        if known is not self.common:
            return self._moved(route, reading.limit)
        return self._changed(route, reading.limit, sent_at, now)

    def _first_time(self, route: str, limit: int) -> B | None:
        budget = self._with(limit)
        if budget is None:
            return None
        self.known[route] = budget
        if budget is not self.common:
            self._elect(budget)
        return budget

    def _moved(self, route: str, limit: int) -> B | None:
        """A route with a budget of its own shows another limit: its budget changed, or it joins one that is there."""
        mine = self.known[route]
        if not any(b.estimate.limit == limit for b in (self.common, *self.own)):
            return mine
        budget = self._with(limit)
        if budget is not None:
            self.known[route] = budget
            if mine not in self.known.values():
                self.own.remove(mine)
        return budget

    def _changed(self, route: str, limit: int, sent_at: float, now: float) -> B | None:
        """A route of the common budget shows another limit than before."""
        if sent_at < self._changed_at:
            return None  # An answer from before the change.
        if limit == self._before and route != self._changed_by and self._changed_by in self.known:
            alone = self._make()
            alone.estimate.limit = self.common.estimate.limit
            if len(self.own) < MOST_SCOPES:
                self.own.append(alone)
                self.known[self._changed_by] = alone
            self._before = None
        else:
            self._before, self._changed_by = self.common.estimate.limit, route
        self._changed_at = now
        for same in [b for b in self.own if b.estimate.limit == limit]:
            self._merge(same)
        return self.common

    def _with(self, limit: int) -> B | None:
        """The budget of this limit, made if there is none yet."""
        if self.common.estimate.limit in (None, limit):
            return self.common
        for budget in self.own:
            if budget.estimate.limit == limit:
                return budget
        if len(self.own) >= MOST_SCOPES:
            return None
        budget = self._make()
        budget.estimate.limit = limit
        self.own.append(budget)
        return budget

    def _elect(self, rival: B) -> None:
        """Make the rival the common budget if more routes draw on it."""
        routes = list(self.known.values())
        mine, theirs = routes.count(self.common), routes.count(rival)
        larger = (rival.estimate.limit or 0) > (self.common.estimate.limit or 0)
        if theirs > mine or (theirs == mine and larger):
            self.own.remove(rival)
            self.own.append(self.common)
            self.common = rival
            self._before = None

    def _merge(self, gone: B) -> None:
        self.own.remove(gone)
        for route, budget in self.known.items():
            if budget is gone:
                self.known[route] = self.common
