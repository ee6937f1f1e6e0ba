"""An inventory file looked back on: its sweeps, how things were at a moment, and what changed in between."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from ..errors import ConfigurationError
from .diff import Comparison, Diff
from .errors import StoreError
from .existing import require_inventory
from .rows import Row
from .schema import tables
from .store import Store, SweepRecord

When: TypeAlias = int | datetime | SweepRecord
"""A sweep by its number, a moment, or a sweep from `History.sweeps`."""


class Snapshot:
    """How things were at a moment, as far as was known then.

    Attributes:
        sweeps: the last sweep of each account by then.
    """

    def __init__(self, store: Store, sweeps: Iterable[SweepRecord]) -> None:
        self._store = store
        self.sweeps: dict[str, SweepRecord] = {sweep.account: sweep for sweep in sweeps}

    @property
    def resources(self) -> list[str]:
        """Resources that the file has a table of."""
        return tables(self._store.database)

    def rows(self, resource: str) -> Generator[Row]:
        """The rows of a resource, of all accounts.

        Raises:
            ConfigurationError: the file has nothing of that name.
        """
        _check_resources(self._store, [resource])
        for account, sweep in self.sweeps.items():
            yield from self._store.rows_at(resource, account, sweep.id)


class History:
    """An inventory file, read only. A context manager; `close` it otherwise.

    Args:
        path: the SQLite file. One of version 1 is converted first.

    Raises:
        StoreError: it cannot be read, or is not an inventory.
    """

    def __init__(self, path: Path | str) -> None:
        self.path: Path = Path(path)
        try:
            require_inventory(self.path)
        except ConfigurationError as error:
            raise StoreError(str(error)) from None
        self._store = Store(path, writable=False)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sweeps(self, account: str | None = None) -> list[SweepRecord]:
        """Sweeps that have ended, oldest first; of one account, or of all."""
        return [
            sweep
            for sweep in self._store.sweeps()
            if sweep.state in ("done", "incomplete") and account in (None, sweep.account)
        ]

    def at(self, when: When) -> Snapshot:
        """How things were at a moment or after a sweep.

        Args:
            when: a moment: what each account's last sweep by then knew. A sweep: what it knew, of its account only.

        Raises:
            ConfigurationError: the sweep does not exist, or none had ended by then.
        """
        return Snapshot(self._store, self._by_account(when).values())

    def diff(
        self,
        a: When | None = None,
        b: When | None = None,
        *,
        resources: Iterable[str] | None = None,
        all_fields: bool = False,
    ) -> Diff:
        """What changed from one sweep of each account to a later one.

        Args:
            a: the older one; by default the sweep before `b`.
            b: the newer one; by default the last of each account.
            resources: only these; by default all that the file has.
            all_fields: count changes of volatile properties, such as storage usage, too.

        Raises:
            ConfigurationError: a sweep does not exist, they are of different accounts or in the wrong order, or no
                account has two sweeps.
        """
        if isinstance(resources, str):
            raise ConfigurationError(f"resources must be a list of names, got {resources!r}")
        if resources is not None:
            resources = list(resources)
            _check_resources(self._store, resources)
        names = tables(self._store.database) if resources is None else resources
        pairs, alone = self._pairs(a, b)
        diff = Diff(added=[], changed=[], gone=[], unknown=[], properties=[], sweeps=pairs, not_compared=alone)
        for before, after in diff.sweeps:
            comparison = Comparison(self._store.database, before, after, all_fields=all_fields)
            comparison.add_to(diff, self._of_account(names, before, after, named=resources is not None))
        for changes in (diff.added, diff.changed, diff.gone):
            changes.sort(key=lambda change: (change.account, change.resource, change.key))
        # Lists before things; the order that they were found in is another one each time.
        diff.unknown.sort(
            key=lambda one: (one.account, one.resource, one.maybe or "", one.sweep, one.owner or "", one.key or "")
        )
        return diff

    def _of_account(self, names: Iterable[str], before: SweepRecord, after: SweepRecord, *, named: bool) -> list[str]:
        """Resources that one of the sweeps asked for, or that there was something of."""
        found: list[str] = []
        for name in names:
            asked = named or self._store.covered(name, (before.id, after.id))
            if asked or self._store.has_any(name, before.account, after.id):
                found.append(name)
        return found

    def _pairs(self, a: When | None, b: When | None) -> tuple[list[tuple[SweepRecord, SweepRecord]], list[str]]:
        """The two sweeps of each account, and accounts that have one of them only."""
        newer = self._by_account(b) if b is not None else self._last_by_account()
        if a is not None:
            older = self._by_account(a)
            if isinstance(a, int | SweepRecord) and b is None:
                newer = {account: sweep for account, sweep in newer.items() if account in older}
        else:
            older = self._before(newer)
        pairs = [(older[account], newer[account]) for account in newer if account in older]
        if not pairs:
            raise ConfigurationError(self._why_no_pairs(a, older, newer))
        for before, after in pairs:
            if before.id > after.id:
                raise ConfigurationError(f"{self.path}: sweep {before.id} is later than sweep {after.id}; swap them")
        return pairs, sorted(newer.keys() ^ {after.account for _, after in pairs})

    def _why_no_pairs(self, a: When | None, older: dict[str, SweepRecord], newer: dict[str, SweepRecord]) -> str:
        if a is not None and older and newer:
            return f"{self.path}: these sweeps are of different accounts: {', '.join({*older, *newer})}"
        count = len(self.sweeps())
        if a is None and count > 1:
            last = ", ".join(f"{sweep.id} of {account}" for account, sweep in newer.items())
            return f"{self.path}: there is nothing to compare: no sweep has ended before {last}"
        return f"{self.path}: there is nothing to compare: it has {count} ended {'sweep' if count == 1 else 'sweeps'}"

    def _last_by_account(self) -> dict[str, SweepRecord]:
        return {sweep.account: sweep for sweep in self.sweeps()}

    def _before(self, newer: dict[str, SweepRecord]) -> dict[str, SweepRecord]:
        return {
            sweep.account: sweep
            for sweep in self.sweeps()
            if sweep.account in newer and sweep.id < newer[sweep.account].id
        }

    def _by_account(self, when: When) -> dict[str, SweepRecord]:
        when = _checked(when)
        if isinstance(when, datetime):
            moment = when.astimezone(UTC)
            found = {one.account: one for one in self.sweeps() if (one.finished_at or one.started_at) <= moment}
            if not found:
                raise ConfigurationError(f"{self.path}: no sweep had ended by {moment.isoformat(timespec='seconds')}")
            return found
        for one in self.sweeps():
            if one.id == when:
                return {one.account: one}
        known = ", ".join(str(one.id) for one in self.sweeps()[-10:])
        raise ConfigurationError(
            f"{self.path}: sweep {when} does not exist, has not ended or was pruned; the last ones are {known or 'none'}"
        )


def _check_resources(store: Store, names: Iterable[str]) -> None:
    present = tables(store.database)
    for name in names:
        if name not in present:
            raise ConfigurationError(f"{store.path}: has nothing of {name!r}; it has {', '.join(present)}")


def _checked(when: object) -> int | datetime:
    """A sweep's number, or a moment."""
    if isinstance(when, SweepRecord):
        return when.id
    if isinstance(when, bool) or not isinstance(when, int | datetime):
        raise ConfigurationError(
            f"a moment must be a sweep, its number or a datetime, got {type(when).__name__} {when!r}"
        )
    return when
