"""What a report shows, read from an inventory file: counts, findings, what expires, versions, storage, access,
changes."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..._version import __version__
from ...errors import ConfigurationError
from ..checks import SEVERITIES, Mute, all_checks
from ..checks.apart import overview_apart
from ..checks.overview import CheckOverview, overview
from ..checks.run import newest_sweep
from ..checks.software import software_of
from ..checks.state import unread
from ..checks.verdicts import opened
from ..diff import Change, Diff, Undecided
from ..existing import damaged
from ..fields import MISSING
from ..history import History
from ..schema import swept_views

LISTED = 2000
"""Rows of one table at most: what a browser sorts at once, and what keeps a report of a large account below 3 MB. What
is left out is counted, worst first."""
PEOPLE, CHANGES, CUSTOMERS, SERVERS, UNSEEN = 1000, 1000, 1000, 1000, 500
"""Rows of the tables of people, changes, customers, servers and of what could not be seen, likewise."""

_LONGEST = 100
"""Characters of an old or new value that are shown."""

WEEKS = 26
"""How far ahead the expiry timeline reaches."""

_RUNTIMES = frozenset({"php", "node"})

Row = tuple[Any, ...]


class Table(msgspec.Struct, kw_only=True):
    """A table of the report: `total` rows, of which those that follow are listed."""

    columns: list[str]
    rows: list[Row]
    total: int


class ReportFacts(msgspec.Struct, kw_only=True):
    """Everything a report shows, as it is embedded in the page."""

    version: str
    made_at: str
    seen_at: str
    accounts: list[dict[str, Any]]
    counts: dict[str, int]
    severities: dict[str, int]
    new: int | None
    solved: int | None
    """Compared with the sweep before; of a first sweep `None`."""
    checks: dict[str, dict[str, str]]
    findings: Table
    skipped: list[dict[str, str]]
    customers: Table
    servers: Table
    expiry: list[dict[str, Any]]
    """How many things of each kind expire in each week to come."""
    versions: list[dict[str, Any]]
    storage: list[dict[str, Any]]
    """Bytes of web storage by evening and customer: the largest ten, the rest together."""
    backups: list[dict[str, Any]]
    """Projects by the age of their newest backup."""
    people: Table
    changes: Table
    change_counts: dict[str, dict[str, int]]
    unseen: Table


def facts_of(path: Path, mutes: Sequence[Mute] = (), *, apart: bool = False) -> ReportFacts:
    """Read everything a report shows.

    Args:
        path: a SQLite inventory.
        mutes: findings not to show.
        apart: let another interpreter make the checks.

    Raises:
        ConfigurationError, StoreError: the file is not an inventory, or has no finished sweep.
    """
    newest = newest_sweep(path)
    # SQLite works without the interpreter's lock: the checks and the rest take a core each.
    with ThreadPoolExecutor(1) as pool:
        checking = pool.submit(overview_apart if apart else overview, path, listed=LISTED, mutes=mutes)
        try:
            with closing(opened(path)) as db:
                facts = _facts(_Reader(db, newest), _diff(path), checking)
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(f"{path}: {damaged(error)}") from None
    if len(facts.accounts) == 1:
        for table in (facts.findings, facts.customers, facts.servers, facts.changes, facts.unseen):
            _leave_out(table, "account")
    return facts


def _facts(reader: _Reader, diff: Diff | None, checking: Future[CheckOverview]) -> ReportFacts:
    read: dict[str, Any] = {
        "accounts": reader.accounts(),
        "counts": reader.counts(),
        "servers": reader.servers(),
        "expiry": reader.expiry(),
        "versions": reader.versions(),
        "storage": reader.storage(),
        "backups": reader.backups(),
        "people": reader.people(),
        "changes": reader.changes(diff),
        "unseen": reader.unseen(),
    }
    checked = checking.result()
    return ReportFacts(
        version=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seen_at=checked.checked_at,
        severities={severity: checked.severities[severity] for severity in SEVERITIES},
        new=checked.new if checked.compared else None,
        solved=checked.solved if checked.compared else None,
        checks=_checks(checked.checks),
        findings=_findings(checked),
        skipped=[{"check": skip.check, "reason": skip.reason} for skip in checked.skipped],
        customers=reader.customers(checked),
        change_counts=_change_counts(diff),
        **read,
    )


def _leave_out(table: Table, column: str) -> None:
    """Drop a column that says the same in every row."""
    place = table.columns.index(column)
    table.columns = [name for name in table.columns if name != column]
    table.rows = [(*row[:place], *row[place + 1 :]) for row in table.rows]


def _checks(found: Set[str]) -> dict[str, dict[str, str]]:
    return {
        check.id: {"title": check.title, "why": check.why, "fix": check.fix, "family": check.family}
        for check in all_checks()
        if check.id in found
    }


def _findings(checked: CheckOverview) -> Table:
    rows = [
        (
            one.severity,
            one.check,
            one.subject,
            one.detail,
            one.customer or "",
            one.project or "",
            one.account,
            "first sweep" if one.standing == "first" else one.standing,
        )
        for one in checked.findings
    ]
    columns = ["severity", "check", "what", "details", "customer", "project", "account", "standing"]
    return Table(columns=columns, rows=rows, total=checked.total)


def _diff(path: Path) -> Diff | None:
    with History(path) as history:
        accounts = [sweep.account for sweep in history.sweeps()]
        return history.diff() if len(accounts) > len(set(accounts)) else None


def _of_customer(checked: CheckOverview, account: str, customer: str | None) -> Iterable[int]:
    """A customer's critical, high and medium findings."""
    counts = None if customer is None else checked.customers.get((account, customer))
    return [0 if counts is None else counts.get(severity, 0) for severity in SEVERITIES[:3]]


def _change_counts(diff: Diff | None) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for kind in ("added", "changed", "gone", "unknown"):
        changes: Sequence[Change | Undecided] = () if diff is None else getattr(diff, kind)
        for change in changes:
            counts = found.setdefault(change.resource, {})
            counts[kind] = counts.get(kind, 0) + 1
    return found


class _Span(NamedTuple):
    """Projects of a customer on a server that were the same from one sweep until another."""

    account: str
    customer: str | None
    server: str | None
    begin: int
    end: int | None
    projects: int
    size: int
    """Bytes of their web storage."""


class _Reader:
    """The queries. A resource that was never swept gives an empty answer."""

    def __init__(self, db: sqlite3.Connection, now: str) -> None:
        self._db = db
        self._now = now
        self._views = set(swept_views(db))
        self._running = {number for (number,) in db.execute("SELECT id FROM sweeps WHERE state = 'running'")}

    def _rows(self, sql: str, *needs: str, **values: object) -> list[tuple[Any, ...]]:
        if not {f"v_{name}" for name in needs} <= self._views:
            return []
        return self._db.execute(sql, {"now": self._now, **values}).fetchall()

    def accounts(self) -> list[dict[str, Any]]:
        rows = self._rows(
            "SELECT account, max(started_at), count(*), sum(requests), "
            "(SELECT state FROM sweeps l WHERE l.account = s.account AND state IN ('done', 'incomplete') "
            "ORDER BY id DESC LIMIT 1) "
            "FROM sweeps s WHERE state IN ('done', 'incomplete') GROUP BY account ORDER BY account"
        )
        return [dict(zip(("account", "seen_at", "sweeps", "requests", "state"), row, strict=True)) for row in rows]

    def counts(self) -> dict[str, int]:
        names = sorted(name.removeprefix("v_") for name in self._views if not name.endswith("_history"))
        tables = {row[0] for row in self._rows("SELECT name FROM resource_tables")}
        # What is valid now has an index, and only a sweep under way makes a view show something else. Names are the
        # catalog's.
        query = 'SELECT count(*) FROM "v_{}"' if self._running else 'SELECT count(*) FROM "{}" WHERE to_sweep IS NULL'
        return {name: self._rows(query.format(name))[0][0] for name in names if name in tables}

    def customers(self, checked: CheckOverview) -> Table:
        servers = {
            (account, customer): number
            for account, customer, number in self._rows(
                "SELECT account, customer_id, count(*) FROM v_server GROUP BY 1, 2", "server"
            )
        }
        sums: dict[tuple[str, str | None], tuple[int, int]] = {}
        for span in self._projects():
            before = sums.get((span.account, span.customer), (0, 0))
            sums[span.account, span.customer] = (before[0] + span.projects, before[1] + span.size)
        made = [
            (
                self._names.get((account, customer), customer or "–"),
                projects,
                servers.get((account, customer), 0),
                size,
                *_of_customer(checked, account, customer),
                account,
            )
            for (account, customer), (projects, size) in sorted(sums.items(), key=lambda item: -item[1][0])
        ]
        columns = ["customer", "projects", "servers", "storage", "critical", "high", "medium", "account"]
        return Table(columns=columns, rows=made[:CUSTOMERS], total=len(made))

    @cached_property
    def _names(self) -> dict[tuple[str, str | None], str]:
        """Customers by account and id. Looked up here: the view would look for each row's."""
        found = self._rows("SELECT account, customer_id, name FROM v_customer", "customer")
        return {(account, own): name for account, own, name in found if name}

    @cached_property
    def _spans(self) -> list[_Span]:
        """Projects of all evenings, read once."""
        return list(
            map(
                _Span._make,
                self._rows(
                    "SELECT account, customer_id, server_id, from_sweep, to_sweep, count(*), "
                    "coalesce(sum(web_storage_usage_in_bytes), 0) FROM v_project_history GROUP BY 1, 2, 3, 4, 5",
                    "project_history",
                ),
            )
        )

    def _projects(self) -> Iterator[_Span]:
        """Those that there are now."""
        for span in self._spans:
            if span.begin not in self._running and (span.end is None or span.end in self._running):
                yield span

    def servers(self) -> Table:
        projects: dict[tuple[str, str], tuple[int, int]] = {}
        for span in self._projects():
            if span.server is not None:
                before = projects.get((span.account, span.server), (0, 0))
                projects[span.account, span.server] = (before[0] + span.projects, before[1] + span.size)
        rows = [
            (
                name,
                self._names.get((account, customer), customer or "–"),
                *projects.get((account, own), (0, 0)),
                size,
                status,
                account,
            )
            for own, name, customer, size, status, account in self._rows(
                "SELECT key, short_id || coalesce(' ' || description, ''), customer_id, "
                "coalesce(storage, ''), coalesce(status, readiness, ''), account FROM v_server",
                "server",
            )
        ]
        rows.sort(key=lambda row: (-row[2], row[0] or ""))
        columns = ["server", "customer", "projects", "storage", "of", "status", "account"]
        return Table(columns=columns, rows=rows[:SERVERS], total=len(rows))

    def expiry(self) -> list[dict[str, Any]]:
        ends = {
            "certificate": ("certificates", "valid_to", "1"),
            "domain": ("domain deletions", "scheduled_deletion_date", "coalesce(deleted, 0) = 0"),
            "contract": ("contracts", "json_extract(data, '$.termination.targetDate')", "1"),
            "license": ("licenses", "expiry_date", "1"),
        }
        found: list[dict[str, Any]] = []
        for resource, (kind, when, condition) in ends.items():
            days = f"julianday({when}) - julianday(:now)"
            # BETWEEN takes the dates apart once for each row.
            rows = self._rows(
                f'SELECT CAST(({days}) / 7 AS INTEGER), count(*) FROM "v_{resource}" '
                f"WHERE {condition} AND {days} BETWEEN 0 AND {7 * WEEKS} GROUP BY 1 ORDER BY 1",
                resource,
            )
            found += [{"week": week, "kind": kind, "number": number} for week, number in rows if week < WEEKS]
        return found

    def versions(self) -> list[dict[str, Any]]:
        counted: dict[tuple[str, str, str], int] = {}
        # Most apps are one of a few combinations. SQL would sort all of them to count those.
        combinations = Counter(
            self._rows(
                "SELECT app_name, app_external_version, json_extract(data, '$.systemSoftware') FROM v_app_installation",
                "app_installation",
            )
        )
        for (app, version, listed), number in combinations.items():
            found = [("app", str(app), str(version or "?"))] if app is not None else []
            found += [
                ("runtime", one.name.lower(), ".".join(one.version.split(".")[:2]) or "?")
                for one in software_of(listed)
                if one.name.lower() in _RUNTIMES
            ]
            for key in found:
                counted[key] = counted.get(key, 0) + number
        return [
            {"kind": kind, "name": name, "version": version, "number": number}
            for (kind, name, version), number in sorted(counted.items(), key=lambda item: -item[1])[:60]
        ]

    def storage(self) -> list[dict[str, Any]]:
        """Each evening's sum from the versions that were valid then; at most the last 60 evenings."""
        evenings = self._rows(
            "SELECT id, substr(started_at, 1, 16), account FROM sweeps WHERE state = 'done' ORDER BY id DESC LIMIT 60"
        )
        sizes: dict[tuple[str, str], int] = {}
        for sweep, at, account in reversed(evenings):
            for owner, customer, _, begin, end, _, size in self._spans:
                if owner == account and begin <= sweep and (end is None or end > sweep) and size:
                    name = self._names.get((account, customer), customer or "–")
                    sizes[at, name] = sizes.get((at, name), 0) + size
        return _largest(sizes)

    def backups(self) -> list[dict[str, Any]]:
        rows = self._rows(
            "SELECT CASE WHEN age IS NULL THEN 'none' WHEN age < 1 THEN 'up to 1 day' WHEN age < 2 THEN 'up to 2 days' "
            "WHEN age < 7 THEN 'up to a week' WHEN age < 31 THEN 'up to a month' ELSE 'older' END, count(*) FROM ("
            "SELECT julianday(:now) - max(julianday(b.created_at)) AS age FROM v_project p LEFT JOIN v_backup b "
            "ON b.account = p.account AND b.project_id = p.id AND b.status = 'Completed' GROUP BY p.account, p.id) GROUP BY 1",
            "project",
            "backup",
        )
        order = ("up to 1 day", "up to 2 days", "up to a week", "up to a month", "older", "none")
        found = dict(rows)
        return [{"age": age, "projects": found[age]} for age in order if age in found]

    def people(self) -> Table:
        """Members, those without a second factor first."""
        rows: list[tuple[Any, ...]] = []
        total = 0
        for scope, condition in (("customer", "1"), ("project", "coalesce(inherited, 0) = 0")):
            resource = f"{scope}_membership"
            for (number,) in self._rows(f"SELECT count(*) FROM v_{resource} WHERE {condition}", resource):
                total += number
            rows += self._rows(
                "SELECT coalesce(email, user_id), trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), role, "
                f"mfa, coalesce({scope}, {scope}_id), '{scope}', expires_at FROM v_{resource} WHERE {condition} "
                f"ORDER BY mfa IS NULL OR mfa <> 0, CAST(coalesce(email, user_id) AS TEXT) LIMIT {PEOPLE}",
                resource,
            )
        made = [
            (
                who,
                name,
                role,
                "yes" if mfa else "no" if mfa is not None else "unknown",
                scope,
                place,
                (until or "")[:10],
            )
            for who, name, role, mfa, place, scope, until in rows
        ]
        columns = ["who", "name", "role", "second factor", "of", "place", "until"]
        made.sort(key=lambda row: (row[3] != "no", str(row[0])))
        return Table(columns=columns, rows=[*made[:PEOPLE]], total=total)

    def changes(self, diff: Diff | None) -> Table:
        """A row for each property that changed, and for each thing that came or went."""
        rows: list[Row] = []
        total = 0
        for kind in ("gone", "added", "changed"):
            changes: Sequence[Change] = () if diff is None else getattr(diff, kind)
            names = self._project_names(changes[:CHANGES])
            for change in changes:
                fields = change.fields or {"": ("", "")}
                total += len(fields)
                if len(rows) < CHANGES:
                    what = change.name or change.id or change.key
                    place = names.get((change.account, change.project_id), "") if change.resource != "project" else ""
                    rows += [
                        (kind, change.resource, what, place, name, _value(old), _value(new), change.account)
                        for name, (old, new) in fields.items()
                    ]
        columns = ["change", "resource", "what", "project", "field", "before", "now", "account"]
        return Table(columns=columns, rows=rows[:CHANGES], total=total)

    def _project_names(self, changes: Iterable[Change]) -> dict[tuple[str, str | None], str]:
        ids = sorted({change.project_id for change in changes if change.project_id is not None})
        found = self._rows(
            "SELECT account, key, description FROM v_project WHERE key IN (SELECT value FROM json_each(:ids))",
            "project",
            ids=msgspec.json.encode(ids).decode(),
        )
        return {(account, own): name for account, own, name in found}

    def unseen(self) -> Table:
        sweeps = dict(
            self._rows("SELECT account, max(id) FROM sweeps WHERE state IN ('done', 'incomplete') GROUP BY account")
        )
        rows = unread(self._db, sweeps)
        return Table(columns=["account", "resource", "reason", "lists"], rows=[*rows[:UNSEEN]], total=len(rows))


def _value(value: Any) -> str:
    """An old or new value, cut to what a table can show."""
    if value is MISSING or value is None:
        return "–"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _largest(sizes: Mapping[tuple[str, str], int], number: int = 10) -> list[dict[str, Any]]:
    totals: dict[str, int] = {}
    for (_, customer), size in sizes.items():
        totals[customer] = max(totals.get(customer, 0), size)
    named = set(sorted(totals, key=lambda customer: -totals[customer])[:number])
    summed: dict[tuple[str, str], int] = {}
    for (at, customer), size in sizes.items():
        key = (at, customer if customer in named else "others")
        summed[key] = summed.get(key, 0) + size
    return [{"at": at, "customer": customer, "bytes": size} for (at, customer), size in summed.items()]
