"""A seeded account: what exists, and what each thing looks like, without storing any of it.

Every object has a kind and a number. Numbers of a kind run through the objects of the kind above it (projects of
customer 0, of customer 1, …), so the children of one parent are a range, and prefix sums lead from a number to its
parent. Counts are drawn once per kind when it is first asked for; an object itself is made when it is looked at, by a
pure function of seed, kind and number.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from .ids import Dice, Ids
from .vocabulary import (
    AGENCY_KINDS,
    AGENCY_WORDS,
    FIRST_NAMES,
    LEGAL_FORMS,
    PROJECT_WORDS,
    SURNAMES,
    TLDS,
    company,
    slug,
)

DAY: Final = 86400
_HOSTINGS = 64
_COUNTS = 1
"""Purpose of the dice that draw how many children of a kind a parent has."""

Builder = Callable[["SeededAccount", int], dict[str, Any]]
Count = Callable[["SeededAccount", int], int]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A sort of object."""

    name: str
    number: int
    """Part of every id, so it never changes."""
    parent: str | None
    """`None`: belongs to the caller; `count` is then asked once, with parent 0."""
    count: Count
    build: Builder
    id_name: str = "id"
    """Wire name of the object's id."""
    short: str | None = None
    """Prefix of its short ids, where short ids are accepted in paths."""
    first_has_parents_id: bool = False
    """The first object below each parent has the parent's id, as the default stack of a project does."""


KINDS: dict[str, Kind] = {}
KIND_OF_PARAMETER: dict[str, str] = {}
"""Which kind of object a path parameter names."""


def kind(
    name: str,
    number: int,
    *,
    parent: str | None,
    count: Count,
    id_name: str = "id",
    short: str | None = None,
    parameters: tuple[str, ...] = (),
    first_has_parents_id: bool = False,
) -> Callable[[Builder], Builder]:
    """Register the decorated function as the maker of a kind's objects. One of them is named by the path parameters of
    `parameters`; where none are given, by the one named like the kind (`mysqlDatabaseId` for `mysql_database`)."""
    first, *rest = name.split("_")
    camel = first + "".join(word.capitalize() for word in rest)

    def register(build: Builder) -> Builder:
        KIND_OF_PARAMETER.update(dict.fromkeys(parameters or (f"{camel}Id",), name))
        KINDS[name] = Kind(
            name=name,
            number=number,
            parent=parent,
            count=count,
            build=build,
            id_name=id_name,
            short=short,
            first_has_parents_id=first_has_parents_id,
        )
        return build

    return register


def spread(name: str, *weighted: tuple[int, int]) -> Count:
    """Counts drawn from (weight, count) pairs."""
    table = [count for weight, count in weighted for _ in range(weight)]

    def count(account: SeededAccount, parent: int) -> int:
        return table[account.dice(name, parent, _COUNTS).below(len(table))]

    return count


def same_as(name: str, per: int = 1, plus: int = 0) -> Count:
    """As many as the parent has of another kind, times `per`, plus `plus`."""

    def count(account: SeededAccount, parent: int) -> int:
        return len(account.span(name, parent)) * per + plus

    return count


class SeededAccount:
    """What one seed and one size give.

    Args:
        seed: any number.
        customers, projects: how many are the caller's own.
        foreign: projects that belong to one more customer, which the caller may not see.
        mfa: the caller has a second factor.
        epoch: Unix seconds of the midnight (UTC) by which everything is dated.
        email: address of the caller's login; `None`: a generated one.
    """

    def __init__(
        self,
        seed: int,
        customers: int,
        projects: int,
        foreign: int = 0,
        mfa: bool = False,
        *,
        epoch: float,
        email: str | None = None,
    ) -> None:
        self.seed = seed
        self.customers = customers
        self.projects = projects
        self.foreign = foreign
        self.mfa = mfa
        self.epoch = epoch
        self.email = email
        self.ids: Ids = Ids(seed)
        self._sums: dict[str, array[int]] = {}
        self._weights: list[int] | None = None
        self._hosting: dict[int, tuple[dict[int, list[int]], list[int]]] = {}

    # what exists

    def total(self, name: str, *, foreign: bool = False) -> int:
        """Objects of a kind, the caller's own or all."""
        parent = KINDS[name].parent
        if parent is None:
            return self.sums(name)[-1] if foreign or name != "customer" else self.customers
        return self.sums(name)[self.total(parent, foreign=foreign)]

    def span(self, name: str, parent: int) -> range:
        """Numbers of a parent's objects of a kind."""
        sums = self.sums(name)
        return range(sums[parent], sums[parent + 1])

    def parent(self, name: str, number: int) -> int:
        """Number of the object above."""
        return bisect_right(self.sums(name), number) - 1

    def place(self, name: str, number: int) -> tuple[int, int]:
        """The object above and the position below it, from 0."""
        sums = self.sums(name)
        parent = bisect_right(sums, number) - 1
        return parent, number - sums[parent]

    def sums(self, name: str) -> array[int]:
        """How many of a kind there are below all parents before each parent: one entry more than parents."""
        sums = self._sums.get(name)
        if sums is None:
            sums = self._sums[name] = self._counted(KINDS[name])
        return sums

    def _counted(self, kind: Kind) -> array[int]:
        parents = 1 if kind.parent is None else self.total(kind.parent, foreign=True)
        sums, running = array("Q", [0]), 0
        append, count = sums.append, kind.count
        for parent in range(parents):
            running += count(self, parent)
            append(running)
        return sums

    # what it looks like

    def build(self, name: str, number: int) -> dict[str, Any]:
        return KINDS[name].build(self, number)

    def id(self, name: str, number: int) -> str:
        facts = KINDS[name]
        if facts.first_has_parents_id and facts.parent is not None:
            parent, position = self.place(name, number)
            if position == 0:
                return self.id(facts.parent, parent)
        return self.ids.uuid(facts.number, number)

    def number(self, name: str, id: str) -> int | None:
        """Number of the object of a kind that an id names; `None`: it names none of this kind."""
        facts = KINDS[name]
        located = self.ids.locate(id)
        if located is None:
            return None
        kind, number = located
        if kind == facts.number:
            return number if number < self.total(name, foreign=True) else None
        if not facts.first_has_parents_id or facts.parent is None or kind != KINDS[facts.parent].number:
            return None
        below = self.span(name, number) if number < self.total(facts.parent, foreign=True) else range(0)
        return below.start if below else None

    def dice(self, name: str, number: int, purpose: int = 0) -> Dice:
        return self.ids.dice(KINDS[name].number, number, purpose)

    # what many of them need to know

    def brand(self, project: int) -> str:
        """The business a project is for, unique in the account."""
        return company(project)

    def project_title(self, project: int) -> str:
        word = self.dice("project", project, 2).pick(PROJECT_WORDS)
        return f"{self.brand(project)} {word}" if word else self.brand(project)

    def project_short(self, project: int) -> str:
        return self.ids.short("p", project)

    def server_of(self, project: int) -> int | None:
        """Number of the server a project lives on; `None`: it is hosted on its own."""
        servers = self.span("server", self.parent("project", project))
        if not servers:
            return None
        dice = self.dice("project", project, 3)
        return None if dice.chance(15) else dice.pick(servers)

    def weights(self) -> list[int]:
        """Running sums of the customers' weights: a tenth of the customers have most of the projects."""
        if self._weights is None:
            running, sums = 0, [0]
            for customer in range(self.customers):
                dice = self.dice("customer", customer, 3)
                running += 10 + dice.below(20) + (dice.below(400) if dice.chance(10) else 0)
                sums.append(running)
            self._weights = sums
        return self._weights

    def hosting(self, customer: int) -> tuple[dict[int, list[int]], list[int]]:
        """A customer's projects by server, and those that are hosted on their own. The last few asked for are kept:
        who has thousands of projects is asked often."""
        found = self._hosting.get(customer)
        if found is None:
            on: dict[int, list[int]] = {server: [] for server in self.span("server", customer)}
            alone: list[int] = []
            for project in self.span("project", customer):
                server = self.server_of(project)
                (alone if server is None else on[server]).append(project)
            if len(self._hosting) >= _HOSTINGS:
                self._hosting.clear()
            found = self._hosting[customer] = (on, alone)
        return found

    def domain_name(self, domain: int) -> str:
        project, index = self.place("domain", domain)
        name = slug(self.brand(project))
        round_, tld = divmod(index, len(TLDS))
        return f"{name}{f'-{round_}' if round_ else ''}.{TLDS[tld]}"

    def customer_name(self, customer: int) -> str:
        dice = self.dice("customer", customer, 2)
        form = dice.pick(LEGAL_FORMS)
        if dice.chance(40):
            return f"{company(customer * 31 + 7)} {form}"
        return f"{dice.pick(AGENCY_WORDS)} {dice.pick(AGENCY_KINDS)} {form}"

    def person(self, name: str, number: int) -> tuple[str, str, str]:
        """First name, last name and mail address of the person an object is about."""
        dice = self.dice(name, number, 4)
        first, last = dice.pick(FIRST_NAMES), dice.pick(SURNAMES)
        if name == "user" and number == 0 and self.email is not None:
            return first, last, self.email
        return first, last, f"{slug(first)}.{slug(last)}{number}@example.org"

    def moment(self, dice: Dice, days: int, spread: int = 365) -> str:
        """A moment from `days + spread` to `days` days before the account's day; `days` may be negative."""
        return iso(int(self.epoch) - days * DAY - dice.below(spread * DAY))


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return datetime.fromtimestamp(days * DAY, UTC).strftime("%Y-%m-%d")


def iso(at: float, milliseconds: int = 0) -> str:
    """Unix seconds as the API writes them. Days are remembered: formatting dates would be most of the work."""
    days, rest = divmod(int(at), DAY)
    hours, rest = divmod(rest, 3600)
    return f"{_day(days)}T{hours:02d}:{rest // 60:02d}:{rest % 60:02d}.{milliseconds:03d}Z"
