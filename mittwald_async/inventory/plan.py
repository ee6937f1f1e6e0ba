"""How to get an inventory with the fewest requests: pure arithmetic, nothing is sent.

Requests are the currency (3000 per 600 s were seen), so each resource is listed through the route that needs the fewest
of them for the scope asked. What is not known yet — how many projects an account has — stays unknown in the plan: a
step then says "1 per project" instead of a number. Counts come from an earlier sweep, or from asking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from math import ceil, inf

import msgspec

from ..runtime.errors import ConfigurationError
from .catalog import ListRoute, Resource, Scope, catalog
from .columns import names_project_only

BUDGET = (3000, 600.0)
"""Requests and seconds of one window, as seen by third parties for a user's token."""

GUESSED_ITEMS = 10
"""Items of a resource that a project is taken to have where they were never counted: rather too many."""


class Target(msgspec.Struct, frozen=True):
    """What part of the account is asked for. Both `None`: all of it."""

    customers: tuple[str, ...] | None = None
    projects: tuple[str, ...] | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.customers is None and self.projects is None

    def admits(self, customer_id: str | None, project_id: str | None, owners: Set[str] | None = None) -> bool:
        """Whether a row belongs to what was asked. What belongs to no customer and no project belongs to every target.

        Args:
            customer_id: whose row it is.
            project_id: of which project.
            owners: the customers of the projects asked for, where they are known.
        """
        if self.whole or (customer_id is None and project_id is None):
            return True
        if self.projects is not None and project_id is not None:
            return project_id in self.projects
        wanted = owners if self.customers is None else self.customers
        return wanted is None or customer_id in wanted


def target(customers: Iterable[str] | None = None, projects: Iterable[str] | None = None) -> Target:
    """Make a target.

    Raises:
        ConfigurationError: both are given, or one is empty, or an id is empty.
    """
    if customers is not None and projects is not None:
        raise ConfigurationError("ask for customers or for projects, not for both: a project has one customer")

    def ids(given: Iterable[str] | None, what: str) -> tuple[str, ...] | None:
        if given is None:
            return None
        if isinstance(given, str):
            raise ConfigurationError(f"{what} is a list of ids, not one string")
        unique = tuple(dict.fromkeys(given))
        if not unique or not all(map(_is_id, unique)):
            raise ConfigurationError(f"{what} must name at least one id, all of them text and none empty")
        return unique

    return Target(ids(customers, "customers"), ids(projects, "projects"))


def _is_id(given: object) -> bool:
    return isinstance(given, str) and bool(given)


class Known(msgspec.Struct, frozen=True):
    """What is known of an account before the sweep."""

    items: Mapping[str, int] = {}
    """Items in the account, by resource."""
    owners: Mapping[str, int] = {}
    """Projects that have at least one item, by resource (for `Resource.requires`)."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of a plan: which list, for whom, at which price."""

    resource: str
    route: ListRoute
    delivered: bool
    """False: only its ids are needed, for the lists of others."""
    lists: int | None
    """How many lists are asked for; `None`: as many as there are owners."""
    requests: int | None
    """Requests expected; `None` where the number of owners is not known."""
    spare: tuple[ListRoute, ...] = ()
    """Routes to fall back on when the credentials are refused the chosen one."""

    @property
    def price(self) -> str:
        """The requests in words."""
        if self.requests is not None:
            return str(self.requests)
        return "1 per page" if self.route.scope == "account" else f"1 per {self.owner}"

    @property
    def owner(self) -> str:
        """Whose lists they are: `account`, `customer`, `project` or the parent's resource."""
        if self.route.scope != "parent":
            return self.route.scope
        return catalog()[self.resource].parent or "parent"


class Plan(msgspec.Struct, frozen=True):
    """Steps in the order they start, parents first."""

    steps: tuple[Step, ...]
    target: Target

    @property
    def requests(self) -> int:
        """Requests of the steps whose number is known."""
        return sum(step.requests or 0 for step in self.steps)

    @property
    def open(self) -> tuple[Step, ...]:
        """Steps whose number of requests shows only on the way."""
        return tuple(step for step in self.steps if step.requests is None)

    def step(self, resource: str) -> Step | None:
        """The step of a resource, if it is in the plan."""
        return next((step for step in self.steps if step.resource == resource), None)


def seconds_for(requests: int, budget: tuple[int, float] = BUDGET, left: int | None = None) -> float:
    """The least time a budget allows for so many requests: whole windows to wait for.

    Args:
        requests: how many.
        budget: requests per seconds.
        left: what remains of the current window; all of it by default.

    Returns:
        Seconds; 0 where nothing has to be waited for.
    """
    limit, period = budget
    over = requests - (limit if left is None else left)
    return ceil(over / limit) * period if over > 0 else 0.0


class _Sizes:
    """Numbers of owners and items within a target, `inf` where they are unknown."""

    def __init__(self, target: Target, known: Known) -> None:
        self._target, self._known = target, known

    def items(self, resource: str) -> float:
        return self._known.items.get(resource, inf)

    def guess(self, route: ListRoute) -> float:
        """Requests for a list of the whole account of unknown length. Where the number of projects is unknown too, a
        bit more than one: it tells its length with its first page, which lists of unknown many owners never do."""
        projects = self.items("project")
        return 1.5 if projects == inf or not route.page_size else ceil(projects * GUESSED_ITEMS / route.page_size)

    def owners(self, resource: Resource, route: ListRoute) -> float:
        """Lists that a route takes."""
        if route.scope == "account":
            return 1
        if route.scope == "parent":
            return self._share(resource.parent or "")
        return self.scoped(route.scope, resource.requires)

    def scoped(self, scope: Scope, having: str | None = None) -> float:
        target = self._target
        if scope == "customer":
            if target.customers is not None:
                return len(target.customers)
            if target.projects is not None:
                # At most one customer for each project.
                return len(target.projects) if len(target.projects) == 1 else inf
            return self.items("customer")
        if having is not None and target.whole and having in self._known.owners:
            return self._known.owners[having]
        return len(target.projects) if target.projects is not None else self._share("project")

    def _share(self, resource: str) -> float:
        return self.items(resource) if self._target.whole else inf


def _price(resource: Resource, route: ListRoute, sizes: _Sizes) -> float:
    """Requests of a route: a page for each list, and further pages of the account's own list."""
    lists = sizes.owners(resource, route)
    if route.scope == "account" and route.page_size is not None:
        total = sizes.items(resource.name)
        if total == 0:
            return 1 + _checks(resource, sizes)
        return ceil(total / route.page_size) if total != inf else inf
    return lists


def _checks(resource: Resource, sizes: _Sizes) -> int:
    """Requests that check an empty list of the whole account against a narrower one."""
    narrower = any(route.scope in ("project", "customer") and not route.last_resort for route in resource.routes)
    return int(narrower and sizes.items("project") > 0)


_PREFERENCE: Mapping[Scope, int] = {"account": 0, "customer": 1, "project": 2, "parent": 3}
"""Among routes of unknown or equal price, the wider scope: it can only be fewer lists."""


def _ranked(resource: Resource, target: Target, sizes: _Sizes) -> list[ListRoute]:
    def rank(route: ListRoute) -> tuple[float, float]:
        if route.last_resort:
            return (inf, len(_PREFERENCE))
        price = _price(resource, route, sizes)
        if price == inf and route.scope == "account":
            price = sizes.guess(route)
        return (price, _PREFERENCE[route.scope])

    # Projects that are to be found through their customers, who are to be found through the projects: not a way.
    possible = [route for route in resource.routes if resource.name not in _needs(resource, route, target)]
    return sorted(possible, key=rank)


def make_plan(resources: Iterable[Resource], target: Target, known: Known | None = None) -> Plan:
    """Choose the cheapest route for each resource and add the owners their lists need.

    Args:
        resources: what to deliver.
        target: for which part of the account.
        known: counts from an earlier sweep or from asking.

    Returns:
        The steps in the order of the catalog, those included that are only asked for the ids of others.
    """
    wanted = {resource.name: resource for resource in resources}
    sizes = _Sizes(target, known or Known())
    steps: dict[str, Step] = {}

    def add(resource: Resource, *, delivered: bool) -> None:
        if resource.name in steps:
            return
        routes = _ranked(resource, target, sizes)
        for needed in _needs(resource, routes[0], target):
            add(catalog()[needed], delivered=needed in wanted)
        steps[resource.name] = _step(resource, routes, sizes, delivered=delivered)

    for resource in wanted.values():
        add(resource, delivered=True)
    order = {name: place for place, name in enumerate(catalog())}
    return Plan(tuple(sorted(steps.values(), key=lambda step: order[step.resource])), target)


def _needs(resource: Resource, route: ListRoute, target: Target) -> Iterable[str]:
    """Resources whose ids a route needs."""
    if route.scope == "parent" and resource.parent:
        yield resource.parent
    elif route.scope == "customer" and target.customers is None:
        # A project shows its customer, so requesting projects answers both.
        yield "customer" if target.projects is None else "project"
    elif route.scope == "project" and target.projects is None:
        yield "project"
    if route.scope == "project" and target.projects is None and resource.requires:
        yield resource.requires
    if resource.name != "project" and (names_project_only(resource) or _mixes_owners(resource, route, target)):
        yield "project"


def _mixes_owners(resource: Resource, route: ListRoute, target: Target) -> bool:
    """Whether a list holds things of customers of whom only those of some projects are asked for: the projects tell
    whose they are."""
    owned = any(known.scope in ("customer", "project") for known in resource.routes)
    return target.projects is not None and route.scope == "account" and owned


def _step(resource: Resource, routes: list[ListRoute], sizes: _Sizes, *, delivered: bool) -> Step:
    lists = sizes.owners(resource, routes[0])
    price = _price(resource, routes[0], sizes)
    return Step(
        resource=resource.name,
        route=routes[0],
        delivered=delivered,
        lists=None if lists == inf else int(lists),
        requests=None if price == inf else int(price),
        spare=tuple(routes[1:]),
    )
