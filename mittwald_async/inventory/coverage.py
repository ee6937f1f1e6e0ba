"""What a sweep could see: whether something that it has no row of is gone, or only was not shown.

A resource is *complete* in a sweep when every list of it was read to its end and every owner of such lists was known.
Where it is not, single lists still tell of their owners' things. Everything else is unknown.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from functools import partial

import msgspec

from .catalog import Resource, catalog
from .plan import Target

_OWNER_TABLES = {"account": False, "project": True, "customer": True}
"""Scopes of lists whose owners are all known, and whether they are rows of a table of that name."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """The owner of something, as far as a row shows it."""

    id: str | None
    customer_id: str | None
    project_id: str | None
    parent_id: str | None = None


class Coverage:
    """What one sweep could see.

    Args:
        db: the inventory file.
        sweep: the sweep's number.
        account: its account.
        target: for which part of the account it was.
        carries: what it did not ask for was carried forward, and is not missed.
    """

    def __init__(
        self, db: sqlite3.Connection, sweep: int, account: str, target: Target, *, carries: bool = False
    ) -> None:
        self._db = db
        self.sweep = sweep
        self._account = account
        self._target = target
        self._carries = carries
        self._complete: dict[str, bool] = dict(
            db.execute("SELECT resource, complete FROM coverage WHERE sweep = ?", (sweep,)).fetchall()
        )
        self._read: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        """Owners whose lists were read to their end while nothing moved in them, by resource and scope."""
        for resource, scope, owner in db.execute(
            "SELECT resource, scope, owner FROM lists WHERE sweep = ? AND done AND NOT moved", (sweep,)
        ):
            self._read[resource][scope].add(owner)
        self._scopes: defaultdict[str, set[str]] = defaultdict(set)
        for resource, scope in db.execute("SELECT DISTINCT resource, scope FROM lists WHERE sweep = ?", (sweep,)):
            self._scopes[resource].add(scope)
        # Where no list of a resource was asked for this time, those that were asked last say whose lists they are.
        for resource, scope, _ in (
            db.execute(
                "SELECT resource, scope, max(verified_sweep) FROM list_reads WHERE account = ? GROUP BY resource",
                (account,),
            ).fetchall()
            if carries
            else ()
        ):
            if not self._scopes[resource]:
                self._scopes[resource].add(scope)
        self._tried: defaultdict[str, set[str | None]] = defaultdict(set)
        """Owners whose lists were asked for, by resource; the account's is empty."""
        for table in ("lists", "failures") if carries else ():
            for resource, owner in db.execute(
                f"SELECT resource, coalesce(owner, '') FROM {table} WHERE sweep = ?", (sweep,)
            ):
                self._tried[resource].add(owner)
        self._customers = self._customers_of_target()
        self._all_read: dict[str, int] = {}
        self._absent: dict[tuple[str, str], bool] = {}

    def _customers_of_target(self) -> frozenset[str] | None:
        projects = self._target.projects
        if projects is None or not self._has_table("project"):
            return None
        found = self._db.execute(
            "SELECT DISTINCT customer_id FROM project WHERE account = ? AND id IN (SELECT value FROM json_each(?))",
            (self._account, msgspec.json.encode(projects).decode()),
        )
        return frozenset(customer for (customer,) in found if customer is not None)

    def _has_table(self, name: str) -> bool:
        found = self._db.execute("SELECT 1 FROM resource_tables WHERE name = ?", (name,)).fetchone()
        return found is not None

    @property
    def resources(self) -> frozenset[str]:
        """Resources that were asked for, or for whose ids others needed them."""
        return frozenset(self._complete)

    def asked(self, resource: str, place: Place) -> bool:
        """Whether the sweep was to show such a thing at all."""
        return resource in self._complete and self._target.admits(place.customer_id, place.project_id, self._customers)

    def tried(self, resource: str, place: Place) -> bool:
        """Whether a list that would show such a thing was asked for, or left out by a fault."""
        if not self.asked(resource, place):
            return False
        if not self._carries:
            return True
        owners = self._tried[resource]
        if not owners.isdisjoint(("", place.project_id, place.customer_id, place.parent_id)):
            return True
        known = catalog().get(resource)
        return known is not None and self._owner_absent(known, place)

    def all_read_after(self, resource: str, sweep: int) -> bool:
        """Whether, in a sweep that carries lists forward, every list of the resource there is has been read to its end
        by a sweep after this one. What was missing then, and has not come up in any list since, is gone: it went
        nowhere else."""
        if not (self._carries and self._target.whole and self.complete("project") and self.complete("customer")):
            return False
        if resource not in self._all_read:
            self._all_read[resource] = max(map(partial(self._least_read, resource), _OWNER_TABLES))
        return self._all_read[resource] > sweep

    def _least_read(self, resource: str, scope: str) -> int:
        """The oldest last reading among a resource's lists of a scope; 0 where one was never read, or there is none."""
        owners = {""}
        if _OWNER_TABLES[scope]:
            alive = self._db.execute(
                f'SELECT id FROM "{scope}" WHERE account = ? AND to_sweep IS NULL', (self._account,)
            )
            owners = {own for (own,) in alive}
        read = dict.fromkeys(self._read[resource][scope], self.sweep)
        for owner, before in self._db.execute(
            "SELECT owner, verified_sweep FROM list_reads WHERE account = ? AND resource = ? AND scope = ? "
            "AND verified_sweep IS NOT NULL",
            (self._account, resource, scope),
        ):
            read.setdefault(owner, before)
        return min((read.get(owner, 0) for owner in owners), default=0)

    def complete(self, resource: str) -> bool:
        """Whether every list of the resource was read."""
        return bool(self._complete.get(resource))

    @property
    def whole(self) -> bool:
        """Whether the sweep was of the whole account."""
        return self._target.whole

    def lists_read(self, resource: str, place: Place) -> bool:
        """Whether every list that a project's or a customer's things of this kind would be in was read to its end."""
        if not self.asked(resource, place):
            return False
        known = catalog().get(resource)
        return self.complete(resource) or (known is not None and self._list_read(known, place))

    def covers(self, resource: str, place: Place) -> bool:
        """Whether the sweep would have a row of this thing if it was there."""
        if not self.asked(resource, place):
            return False
        whole = self.complete(resource)
        known = catalog().get(resource)
        if known is None or known.moves:
            # It may be with another owner by now, whose list was not read.
            return whole and self._target.whole
        return whole or self._list_read(known, place) or self._owner_absent(known, place)

    def _list_read(self, resource: Resource, place: Place) -> bool:
        read = self._read[resource.name]
        return bool(
            read["account"]
            or place.project_id in read["project"]
            or (place.project_id is None and place.customer_id in read["customer"])
            or (place.parent_id is not None and place.parent_id in read["parent"])
        )

    def _owner_absent(self, resource: Resource, place: Place) -> bool:
        """Whether that what its list belongs to was not there: then neither was the list, and nothing is left of it."""
        if place.parent_id is not None and resource.parent is not None:
            return self._absent_for_certain(
                resource.parent, Place(place.parent_id, place.customer_id, place.project_id)
            )
        if place.project_id is not None and resource.name != "project" and "project" in self._scopes[resource.name]:
            return self._absent_for_certain("project", Place(place.project_id, place.customer_id, place.project_id))
        return False

    def _absent_for_certain(self, resource: str, place: Place) -> bool:
        found = self._absent.get((resource, place.id or ""))
        if found is None:
            found = not self._alive(resource, place.id) and self.covers(resource, place)
            self._absent[resource, place.id or ""] = found
        return found

    def _alive(self, resource: str, own: str | None) -> bool:
        if not self._has_table(resource):
            return False
        found = self._db.execute(
            f'SELECT 1 FROM "{resource}" WHERE account = ? AND id = ? AND from_sweep <= ? '
            "AND (to_sweep IS NULL OR to_sweep > ?) LIMIT 1",
            (self._account, own, self.sweep, self.sweep),
        )
        return found.fetchone() is not None
