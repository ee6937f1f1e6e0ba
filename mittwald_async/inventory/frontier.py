"""Which list to ask for next: lists become due as the things that own them are found.

One lane for each step of the plan. A lane holds the owners found so far and hands them out once each; it is complete
when its source is complete and all its lists are done. Lanes earlier in the plan go first, so that parents come early
and the budget never idles while anything is due. Any number of workers take lists from it, all in one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from .catalog import ListRoute, Resource, catalog
from .plan import Plan, Step, Target

ListId: TypeAlias = tuple[str, str, str | None]
"""Resource, operation, id of the owner."""

LONG_LISTS = 2
"""Lists of the whole account read at once: each holds two pages, which can be several megabytes."""

_CHECKED = 10
"""Owners that were asked for, against whose lists an empty list of the whole account is checked, at most."""

_FIRST = frozenset({"customer", "server", "project"})
"""Resources that others wait for."""


class Owner(msgspec.Struct, frozen=True, gc=False):
    """Whose list: a customer, a project, a parent thing, or (`id` None) the account."""

    id: str | None = None
    customer_id: str | None = None
    project_id: str | None = None


ACCOUNT = Owner()


class Unit(msgspec.Struct, frozen=True):
    """One list to ask for."""

    resource: Resource
    route: ListRoute
    owner: Owner


@dataclass(eq=False)
class Lane:
    """The lists of one resource."""

    step: Step
    resource: Resource
    route: ListRoute
    spare: list[ListRoute]
    due: list[Owner] = field(default_factory=list[Owner])
    next: int = 0
    running: int = 0
    ended: int = 0
    known: set[str] = field(default_factory=set[str])
    refused: Unit | None = None
    """The list of the whole account that others were to take the place of."""
    fed: bool = False
    """No further owners will be found."""

    @property
    def exhausted(self) -> bool:
        """Nothing is left to hand out, and nothing more will come."""
        return self.fed and self.next == len(self.due)

    @property
    def complete(self) -> bool:
        return self.fed and self.next == len(self.due) and not self.running

    def add(self, owner: Owner) -> bool:
        """Take an owner once."""
        if owner.id is not None:
            if owner.id in self.known:
                return False
            self.known.add(owner.id)
        self.due.append(owner)
        return True


class Frontier:
    """Hands out lists as they become due: `async for unit in frontier`, in as many workers as there are.

    Args:
        plan: which routes.
        skip: `(resource, operation, owner)` of lists that an earlier run has finished.
        carried: lists that are not asked for, though they are there.
    """

    def __init__(self, plan: Plan, skip: Set[ListId] = frozenset(), carried: Set[ListId] = frozenset()) -> None:
        self._target: Target = plan.target
        self._skip = skip
        self._carried = carried
        resources = catalog()
        self.lanes: dict[str, Lane] = {
            step.resource: Lane(step, resources[step.resource], step.route, list(step.spare)) for step in plan.steps
        }
        self.customer_of: dict[str, str] = {}
        """Project to customer, as far as seen."""
        self._customers: dict[str, Owner] = {}
        """Customers seen, in case that a list which starts late needs them."""
        self._incomplete: set[str] = set()
        """Resources of which a list failed: that they were not seen proves nothing."""
        self._cut: set[str] = set()
        """Resources of which a list was not read to its end, because the requests were used up or it is carried
        forward."""
        self._long = 0
        """Lists of the whole account in flight."""
        self._news = asyncio.Event()
        self._stopped = False
        for lane in self.lanes.values():
            self._begin(lane)
        self._unfed = list(self.lanes.values())
        self._unsettled = True
        """A lane may have become complete since the last look, so that others are fed completely."""
        self._open = list(self.lanes.values())
        """Lanes that have something due, or may have: the others are skipped."""

    # Feeding

    def _begin(self, lane: Lane) -> None:
        """Give a lane the owners that are known from the start."""
        scope, target = lane.route.scope, self._target
        lane.fed = True
        if scope == "account":
            lane.add(ACCOUNT)
        elif scope == "customer" and target.customers is not None:
            for customer in target.customers:
                lane.add(Owner(customer, customer, None))
        elif scope == "project" and target.projects is not None:
            for project in target.projects:
                lane.add(Owner(project, self.customer_of.get(project), project))
        else:
            lane.fed = False

    def source(self, lane: Lane) -> str | None:
        """The resource whose rows are this lane's owners; `None` where they are given."""
        scope, target = lane.route.scope, self._target
        if scope == "parent":
            return lane.resource.parent
        if scope == "customer" and target.customers is None:
            return "customer" if target.projects is None else "project"
        if scope == "project" and target.projects is None:
            having = lane.resource.requires
            return having if having in self.lanes and having not in self._incomplete else "project"
        return None

    def feeds(self, resource: str) -> bool:
        """Whether another list depends on this resource's items."""
        return resource in ("customer", "project") or bool(self._fed_by(resource))

    def found(self, resource: str, owners: Iterable[Owner]) -> None:
        """Things were listed: the lists they own become due."""
        lanes = self._fed_by(resource)
        for owner in owners:
            if resource == "project" and owner.id is not None and owner.customer_id is not None:
                self.customer_of[owner.id] = owner.customer_id
            elif resource == "customer" and owner.id is not None:
                self._customers[owner.id] = owner
            for lane in lanes:
                self._feed(lane, owner)
        self._news.set()

    def _fed_by(self, resource: str) -> list[Lane]:
        return [lane for lane in self._unfed if not lane.fed and self.source(lane) == resource]

    def _feed(self, lane: Lane, owner: Owner) -> None:
        """Turn a thing into the owner of a lane's list: itself, its customer, or its project."""
        if lane.route.scope == "parent":
            lane.add(owner)
        elif lane.route.scope == "customer" and owner.customer_id is not None:
            lane.add(Owner(owner.customer_id, owner.customer_id, None))
        elif lane.route.scope == "project" and owner.project_id is not None:
            customer = owner.customer_id or self.customer_of.get(owner.project_id)
            lane.add(Owner(owner.project_id, customer, owner.project_id))

    def ended(self, unit: Unit, *, failed: bool = False, cut: bool = False) -> None:
        """A list is done, has failed and is not tried again, or was cut off as the requests were used up."""
        lane = self.lanes[unit.resource.name]
        if cut:
            self._cut.add(unit.resource.name)
        if failed and unit.resource.name not in self._incomplete:
            self._incomplete.add(unit.resource.name)
            for other in self.lanes.values():
                if other.resource.requires == unit.resource.name and not other.fed:
                    self._catch_up(other)
        lane.running -= 1
        lane.ended += 1
        account = unit.route.scope == "account"
        self._long -= account
        if lane.complete or failed:
            self._unsettled = True
            self._news.set()
        elif account:
            self._news.set()

    def refused(self, unit: Unit) -> bool:
        """The credentials may not use this list of the whole account. True: other lists take its place."""
        lane = self.lanes[unit.resource.name]
        if unit.route != lane.route:
            return True  # Others were refused before; the lane has moved on.
        others = [route for route in lane.spare if self._can_feed(lane, route)]
        if not others or not (unit.route.scope == "account" or unit.route.by_filter):
            return False
        self._switch(lane, others[0])
        lane.refused = unit
        return True

    def cheaper_route(self, unit: Unit, further: int) -> bool:
        """The list of the whole account turns out to have so many further pages. True: fewer lists take its place."""
        lane = self.lanes[unit.resource.name]
        target = self._target
        given = {"customer": target.customers, "project": target.projects}
        for route in lane.spare:
            owners = given.get(route.scope)
            if owners is not None and len(owners) < further and not route.last_resort:
                self._switch(lane, route)
                return True
        return False

    def narrower(self, unit: Unit, before: Owner | None) -> list[Unit]:
        """Lists of single projects or customers that an empty list of the whole account is checked against.

        Args:
            unit: the list of the whole account.
            before: a project that had something of the resource in an earlier sweep.

        Returns:
            Those of all projects or customers asked for where they are few, else one; none where no owner is known.
        """
        lane = self.lanes[unit.resource.name]
        for route in lane.spare:
            if route.last_resort or route.scope not in ("project", "customer"):
                continue
            owners = self._owners_to_check(route, before)
            if owners:
                return [Unit(unit.resource, route, owner) for owner in owners]
        return []

    def _owners_to_check(self, route: ListRoute, before: Owner | None) -> list[Owner]:
        if route.scope == "project":
            named = self._target.projects
            if named is not None:
                return [Owner(own, self.customer_of.get(own), own) for own in named[:_CHECKED]]
            if before is not None and before.project_id is not None:
                return [Owner(before.project_id, before.customer_id, before.project_id)]
            return [Owner(own, customer, own) for own, customer in list(self.customer_of.items())[:1]]
        customers = self._target.customers or list(self._customers) or list(self.customer_of.values())
        whose = before.customer_id if before is not None else None
        if whose is not None and whose in customers:
            customers = [whose]
        return [Owner(own, own, None) for own in customers[: _CHECKED if self._target.customers else 1]]

    def fall_back(self, unit: Unit, route: ListRoute) -> None:
        """List a resource through another route: the list of the whole account does not show everything."""
        lane = self.lanes[unit.resource.name]
        if unit.route == lane.route:
            self._switch(lane, route)

    def _switch(self, lane: Lane, route: ListRoute) -> None:
        """List this resource through another route from now on."""
        lane.spare = [spare for spare in lane.spare if spare != route]
        lane.route = route
        lane.due, lane.next = [], 0
        lane.known.clear()
        self._begin(lane)
        self._open, self._unsettled = list(self.lanes.values()), True
        if not lane.fed:
            self._unfed = [other for other in self.lanes.values() if not other.fed]
            self._catch_up(lane)
        self._news.set()

    def _can_feed(self, lane: Lane, route: ListRoute) -> bool:
        probe = Lane(lane.step, lane.resource, route, [])
        self._begin(probe)
        source = self.source(probe)
        return probe.fed or (source in self.lanes and source != lane.resource.name)

    def _catch_up(self, lane: Lane) -> None:
        """Give a lane that starts late what has been found before."""
        source = self.source(lane)
        if source == "project":
            for project, customer in self.customer_of.items():
                self._feed(lane, Owner(project, customer, project))
        elif source == "customer":
            for owner in self._customers.values():
                self._feed(lane, owner)

    def customers(self) -> frozenset[str] | None:
        """The customers of the projects asked for; `None` where that is not known."""
        if self._target.projects is None or not self.customer_of:
            return None
        return frozenset(self.customer_of.values())

    def unasked(self) -> list[Unit]:
        """Lists of the whole account that were refused, and in whose place no other list could be asked for."""
        return [lane.refused for lane in self.lanes.values() if lane.refused is not None and not lane.due]

    def complete(self) -> frozenset[str]:
        """Resources of which every list there is was read to its end."""
        whole: set[str] = set()
        for name, lane in self.lanes.items():  # Parents come before children.
            source = self.source(lane)
            fed = source is None or source not in self.lanes or source in whole
            refused = lane.refused is not None and not lane.due
            if lane.complete and fed and not refused and name not in self._incomplete | self._cut:
                whole.add(name)
        return frozenset(whole)

    def stop(self) -> None:
        """Hand out nothing more; what runs may end."""
        self._stopped = True
        self._news.set()

    # Taking

    def __aiter__(self) -> AsyncIterator[Unit]:
        return self

    async def __anext__(self) -> Unit:
        while not self._stopped:
            unit = self._take()
            if unit is not None:
                return unit
            if all(lane.complete for lane in self.lanes.values()):
                self._news.set()
                break
            self._news.clear()
            await self._news.wait()
        raise StopAsyncIteration

    def _take(self) -> Unit | None:
        passed = True
        while passed:
            if self._unsettled:
                self._settle()
            if self._open and self._open[0].exhausted:
                self._open = [lane for lane in self._open if not lane.exhausted]
            passed = False
            for lane in self._open:
                while lane.next < len(lane.due) and self._ready(lane):
                    owner = lane.due[lane.next]
                    lane.next += 1
                    list_id = (lane.resource.name, lane.route.operation_id, owner.id)
                    if list_id in self._carried and list_id not in self._skip:
                        self._cut.add(lane.resource.name)
                    elif list_id not in self._skip:
                        lane.running += 1
                        self._long += lane.route.scope == "account"
                        return Unit(lane.resource, lane.route, owner)
                    lane.ended += 1
                    passed = self._unsettled = True  # What waits for this lane may be due or complete now.
        return None

    def _ready(self, lane: Lane) -> bool:
        """Rows find their customer through their project, so lists that do not start from projects wait for them. Where
        projects are given, they tell the customers as well."""
        account, given = lane.route.scope == "account", self._target.projects is not None
        first = lane.resource.name == "project" or (lane.resource.name in _FIRST and not given)
        if first or not (account or (given and lane.route.scope == "project")):
            return True
        projects = self.lanes.get("project")
        return (projects is None or projects.complete) and not (account and self._long >= LONG_LISTS)

    def _settle(self) -> None:
        """Close lanes whose source is complete, in plan order, so that one pass reaches children's children."""
        before = len(self._unfed)
        for lane in self._unfed:
            if not lane.fed:
                source = self.source(lane)
                feeder = self.lanes.get(source) if source is not None else None
                lane.fed = feeder is None or feeder.complete
        self._unfed = [lane for lane in self._unfed if not lane.fed]
        self._unsettled = len(self._unfed) < before


def progress(lanes: Mapping[str, Lane]) -> Iterable[tuple[str, int, int, bool]]:
    """Per resource: its name, lists ended, lists found, and whether there may be more."""
    for name, lane in lanes.items():
        yield name, lane.ended, len(lane.due), not lane.fed
