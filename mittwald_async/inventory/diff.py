"""What changed between two sweeps: added, changed, gone, or unknown where one of them could not see."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from .coverage import Coverage, Place
from .fields import MISSING, changed_fields
from .store import SweepRecord

_COLUMNS = "key, id, customer_id, project_id, parent_id, operation, from_sweep, to_sweep, data"


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was added, has changed or is gone."""

    resource: str
    id: str | None
    account: str
    key: str
    """Its key, also where it has no id."""
    name: str | None = None
    """What people call it, where it has a name."""
    customer_id: str | None
    project_id: str | None
    fields: dict[str, tuple[Any, Any]] | None = None
    """Old and new value of each property that differs; only of what has changed."""


class Undecided(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something unknown: a list that one of the sweeps has not read, or a thing that was in such a list."""

    resource: str
    account: str
    sweep: int
    """The sweep that could not see it."""
    reason: str
    operation: str | None = None
    """The list, where it is one."""
    owner: str | None = None
    """Whose list."""
    customer_id: str | None = None
    project_id: str | None = None
    status: int | None = None
    id: str | None = None
    """The thing, where it is one."""
    key: str | None = None
    maybe: str | None = None
    """What it would be if the sweep had seen it before: `added`, `changed` or `gone`."""
    fields: dict[str, tuple[Any, Any]] | None = None


class NewProperty(msgspec.Struct, frozen=True, kw_only=True):
    """A property that most items of a resource have got or lost: the API changed, not the items."""

    resource: str
    account: str
    field: str
    change: str
    """`appeared` or `disappeared`."""
    items: int
    """Items that have got or lost it."""
    of: int
    """Items that both sweeps know."""


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """What changed between two sweeps of each account.

    Attributes:
        added: things that are new for certain.
        changed: things with a property that differs.
        gone: things that are gone for certain.
        unknown: what one of the sweeps could not see.
        properties: properties that most items of a resource have got or lost; the items' own changes do not repeat
            them.
        sweeps: the two sweeps of each account.
        not_compared: accounts with a sweep to compare and none to compare it with.
    """

    added: list[Change]
    changed: list[Change]
    gone: list[Change]
    unknown: list[Undecided]
    properties: list[NewProperty]
    sweeps: list[tuple[SweepRecord, SweepRecord]]
    not_compared: list[str] = []

    @property
    def empty(self) -> bool:
        """Nothing was added, has changed or is gone; something may be unknown."""
        return not (self.added or self.changed or self.gone)

    def as_json(self) -> dict[str, Any]:
        """The four lists, for machines; `properties` and `not_compared` where there is something in them."""
        found: dict[str, Any] = {
            name: [_plain(one) for one in getattr(self, name)] for name in ("added", "changed", "gone", "unknown")
        }
        if self.properties:
            found["properties"] = msgspec.to_builtins(self.properties)
        if self.not_compared:
            found["not_compared"] = self.not_compared
        return found


def _plain(change: Change | Undecided) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(change, fields=None))
    if change.fields is not None:
        # What a version does not have is null for machines, which know no third thing.
        found["fields"] = {
            name: [None if value is MISSING else value for value in pair] for name, pair in change.fields.items()
        }
    return found


class _Version(msgspec.Struct, frozen=True, gc=False):
    key: str
    id: str | None
    customer_id: str | None
    project_id: str | None
    parent_id: str | None
    operation: str
    from_sweep: int
    to_sweep: int | None
    data: str

    @property
    def place(self) -> Place:
        return Place(self.id, self.customer_id, self.project_id, self.parent_id)


class Comparison:
    """Two sweeps of one account, compared.

    Args:
        db: the inventory file.
        before: the older sweep.
        after: the newer one, of the same account.
        all_fields: count changes of volatile properties, too.
    """

    def __init__(self, db: sqlite3.Connection, before: SweepRecord, after: SweepRecord, *, all_fields: bool) -> None:
        self._db = db
        self._before, self._after = before, after
        self._account = after.account
        self._all_fields = all_fields
        self._seen_before = Coverage(db, before.id, before.account, before.target)
        self._seen_after = Coverage(db, after.id, after.account, after.target)

    def add_to(self, diff: Diff, resources: Iterable[str]) -> None:
        """Compare these resources, which have a table."""
        for resource in resources:
            diff.unknown.extend(self._unread(resource))
            self._compare(diff, resource)

    # Things

    def _compare(self, diff: Diff, resource: str) -> None:
        old, new = self._versions(resource)
        changed: list[tuple[_Version, Change]] = []
        for key in old.keys() | new.keys():
            before, after = old.get(key), new.get(key)
            fields = self._fields(before, after)
            if before is not None and after is not None and not fields:
                continue
            what = "added" if before is None else "gone" if after is None else "changed"
            version = after or before
            assert version is not None
            change = self._change(resource, version, fields)
            blind = self._blind(resource, before, after)
            if blind is not None:
                diff.unknown.append(self._unknown(change, what, blind))
            elif what == "changed":
                changed.append((version, change))
            else:
                (diff.added if what == "added" else diff.gone).append(change)
        common = self._of_most([change for _, change in changed], resource, len(old.keys() & new.keys()))
        diff.properties.extend(common)
        left_out = {(one.field, one.change) for one in common}
        for _, change in changed:
            fields = {
                name: pair
                for name, pair in (change.fields or {}).items()
                if (name, _evolution(pair)) not in left_out and not _is_nothing(pair)
            }
            if fields:
                diff.changed.append(msgspec.structs.replace(change, fields=fields))

    def _versions(self, resource: str) -> tuple[dict[str, _Version], dict[str, _Version]]:
        """By key, the versions valid at the older sweep and no longer at the newer, and the other way round."""
        a, b = self._before.id, self._after.id
        old: dict[str, _Version] = {}
        new: dict[str, _Version] = {}
        for found in self._db.execute(
            f'SELECT {_COLUMNS} FROM "{resource}" WHERE account = ? AND '
            "((from_sweep > ? AND from_sweep <= ?) OR (to_sweep > ? AND to_sweep <= ?))",
            (self._account, a, b, a, b),
        ):
            version = _Version(*found)
            if version.from_sweep <= a:
                old[version.key] = version
            elif version.to_sweep is None or version.to_sweep > b:
                new[version.key] = version
        return old, new

    def _fields(self, before: _Version | None, after: _Version | None) -> dict[str, tuple[Any, Any]] | None:
        if before is None or after is None:
            return None
        fields = changed_fields(
            before.data,
            after.data,
            all_fields=self._all_fields,
            common_only=before.operation != after.operation,
        )
        for name in ("customer_id", "project_id"):
            owners = (getattr(before, name), getattr(after, name))
            if None not in owners and owners[0] != owners[1]:
                fields[name] = owners
        return fields

    def _blind(self, resource: str, before: _Version | None, after: _Version | None) -> int | None:
        """The sweep that did not see for itself how things were; `None` where both did."""
        version = before or after
        assert version is not None
        if not self._saw(self._seen_before, resource, before, version):
            return self._before.id
        if not self._saw(self._seen_after, resource, after, before if after is None and before else version):
            return self._after.id
        return None

    def _saw(self, coverage: Coverage, resource: str, version: _Version | None, other: _Version) -> bool:
        """Whether a sweep saw this version, or for certain that there was none."""
        if version is not None and version.from_sweep == coverage.sweep:
            return True
        if version is None and other.to_sweep == coverage.sweep:
            return True
        return coverage.covers(resource, (version or other).place)

    def _change(self, resource: str, version: _Version, fields: dict[str, tuple[Any, Any]] | None) -> Change:
        return Change(
            resource=resource,
            id=version.id,
            account=self._account,
            key=version.key,
            name=_name(version.data),
            customer_id=version.customer_id,
            project_id=version.project_id,
            fields=fields,
        )

    def _unknown(self, change: Change, what: str, sweep: int) -> Undecided:
        return Undecided(
            resource=change.resource,
            account=change.account,
            sweep=sweep,
            reason=f"sweep {sweep} did not see whether it was there, or how",
            customer_id=change.customer_id,
            project_id=change.project_id,
            id=change.id,
            key=change.key,
            maybe=what,
            fields=change.fields,
        )

    def _of_most(self, changed: Sequence[Change], resource: str, kept: int) -> list[NewProperty]:
        """Properties that all items have got or lost, or most of many: of few, people may have changed most.

        Args:
            changed: what has changed.
            resource: its kind.
            kept: items of which the two sweeps know different versions.
        """
        found: Counter[tuple[str, str]] = Counter()
        for change in changed:
            for name, pair in (change.fields or {}).items():
                kind = _evolution(pair)
                if kind:
                    found[name, kind] += 1
        often = {kind: count for kind, count in found.items() if count >= 2}
        both = kept + self._unchanged(resource) if often else 0
        return [
            NewProperty(resource=resource, account=self._account, field=name, change=kind, items=count, of=both)
            for (name, kind), count in often.items()
            if count == both or (count >= _MANY and count * 2 > both)
        ]

    def _unchanged(self, resource: str) -> int:
        """Items that both sweeps know in the same version. Counted by three indices: a walk would read the whole
        table."""
        (found,) = self._db.execute(
            f'SELECT (SELECT count(*) FROM "{resource}" WHERE to_sweep IS NULL AND account = :account) '
            f'- (SELECT count(*) FROM "{resource}" WHERE from_sweep > :a AND to_sweep IS NULL AND +account = :account) '
            f'+ (SELECT count(*) FROM "{resource}" WHERE to_sweep > :b AND from_sweep <= :a AND account = :account)',
            {"account": self._account, "a": self._before.id, "b": self._after.id},
        ).fetchone()
        return int(found)

    # Lists

    def _unread(self, resource: str) -> Iterator[Undecided]:
        """What the two sweeps have not read of a resource."""
        for coverage, record in ((self._seen_before, self._before), (self._seen_after, self._after)):
            if resource not in coverage.resources:
                yield self._list_unknown(resource, record, "was not asked for")
            else:
                if not record.target.whole:
                    only = record.target.customers or record.target.projects or ()
                    yield self._list_unknown(resource, record, f"was asked for of {', '.join(only)} only")
                if not coverage.complete(resource):
                    yield from self._unread_lists(resource, record)

    def _unread_lists(self, resource: str, record: SweepRecord) -> Iterator[Undecided]:
        found = False
        for operation, owner, customer, project, status, error in self._db.execute(
            "SELECT operation, owner, customer_id, project_id, status, error FROM failures "
            "WHERE sweep = ? AND resource = ?",
            (record.id, resource),
        ):
            found = True
            yield msgspec.structs.replace(
                self._list_unknown(resource, record, error),
                operation=operation,
                owner=owner,
                customer_id=customer,
                project_id=project,
                status=status,
            )
        for operation, owner, moved in self._db.execute(
            "SELECT operation, owner, moved FROM lists WHERE sweep = ? AND resource = ? AND (moved OR NOT done)",
            (record.id, resource),
        ):
            found = True
            reason = "changed while it was read" if moved else "was not read to its end"
            yield msgspec.structs.replace(
                self._list_unknown(resource, record, reason), operation=operation, owner=owner or None
            )
        if record.rolling is not None:
            read = self._lists_read(resource, record.id)
            yield self._list_unknown(
                resource, record, f"a rolling sweep read {read:,} of its lists and carried the others forward"
            )
        elif not found:
            yield self._list_unknown(resource, record, "was not read completely")

    def _lists_read(self, resource: str, sweep: int) -> int:
        found = self._db.execute(
            "SELECT count(*) FROM lists WHERE sweep = ? AND resource = ? AND done", (sweep, resource)
        ).fetchone()
        return int(found[0])

    def _list_unknown(self, resource: str, record: SweepRecord, reason: str) -> Undecided:
        return Undecided(resource=resource, account=self._account, sweep=record.id, reason=reason)


_MANY = 10
"""Items. From this number on, a property that changed in more than half of them was not changed by hand."""


def _evolution(pair: tuple[Any, Any]) -> str:
    """Whether a property appeared or disappeared; empty where it only has another value."""
    if MISSING not in pair:
        return ""
    return "appeared" if pair[0] is MISSING else "disappeared"


def _is_nothing(pair: tuple[Any, Any]) -> bool:
    """Whether a property is null in one version and left out in the other: of a single item, that says the same."""
    return MISSING in pair and None in pair


_NAMES = ("name", "description", "domain", "hostname", "address", "shortId", "userName")


def _name(data: str) -> str | None:
    """What people would call an item, by the first property that looks like a name."""
    try:
        item = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None
    if not isinstance(item, dict):
        return None
    return next((item[name] for name in _NAMES if isinstance(item.get(name), str) and item[name]), None)  # pyright: ignore
