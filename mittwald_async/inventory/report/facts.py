"""What a report shows, read from an inventory file: counts, findings, what expires, versions, storage, access, changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ..._version import __version__
from ..checks import SEVERITIES, CheckReport, Finding, Mute, all_checks, run_checks
from ..diff import Diff
from ..history import History

LISTED = 2000
"""Rows of one table at most: what a browser sorts at once, and what keeps a report of a large account below 3 MB. What is
left out is counted, worst first."""
PEOPLE, CHANGES, CUSTOMERS, UNSEEN = 1000, 500, 1000, 500
"""Rows of the tables of people, changes, customers and of what could not be seen, likewise."""

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
    new: int
    solved: int
    checks: dict[str, dict[str, str]]
    findings: Table
    skipped: list[dict[str, str]]
    customers: Table
    expiry: list[dict[str, Any]]
    """Certificates and domains by the week they expire in."""
    versions: list[dict[str, Any]]
    storage: list[dict[str, Any]]
    """Bytes of web storage by evening and customer: the largest ten, the rest together."""
    backups: list[dict[str, Any]]
    """Projects by the age of their newest backup."""
    people: Table
    changes: Table
    change_counts: dict[str, dict[str, int]]
    unseen: Table


def facts_of(path: Path, mutes: Sequence[Mute] = ()) -> ReportFacts:
    """Read everything a report shows.

    Raises:
        ConfigurationError, StoreError: the file is not an inventory, or has no finished sweep.
    """
    checked = run_checks(path, mutes=mutes)
    diff = _diff(path)
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        reader = _Reader(db, checked.checked_at)
        return ReportFacts(
            version=__version__,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            seen_at=checked.checked_at,
            accounts=reader.accounts(),
            counts=reader.counts(),
            severities={severity: checked.count(severity) for severity in SEVERITIES},
            new=sum(finding.standing == "new" for finding in checked.findings),
            solved=len(checked.solved),
            checks=_checks(checked.findings),
            findings=_findings(checked),
            skipped=[{"check": skip.check, "reason": skip.reason} for skip in checked.skipped],
            customers=reader.customers(checked.findings),
            expiry=reader.expiry(),
            versions=reader.versions(),
            storage=reader.storage(),
            backups=reader.backups(),
            people=reader.people(),
            changes=_changes(diff),
            change_counts=_change_counts(diff),
            unseen=reader.unseen(),
        )


def _checks(findings: Iterable[Finding]) -> dict[str, dict[str, str]]:
    found = {finding.check for finding in findings}
    return {
        check.id: {"title": check.title, "why": check.why, "fix": check.fix, "family": check.family}
        for check in all_checks()
        if check.id in found
    }


def _findings(checked: CheckReport) -> Table:
    rows = [
        (
            one.severity,
            one.check,
            one.subject,
            one.detail,
            one.customer or "",
            one.project or "",
            one.account,
            one.standing,
        )
        for one in checked.findings[:LISTED]
    ]
    columns = ["severity", "check", "what", "details", "customer", "project", "account", "standing"]
    return Table(columns=columns, rows=rows, total=len(checked.findings))


def _diff(path: Path) -> Diff | None:
    with History(path) as history:
        accounts = [sweep.account for sweep in history.sweeps()]
        return history.diff() if len(accounts) > len(set(accounts)) else None


def _changes(diff: Diff | None) -> Table:
    rows: list[Row] = []
    total = 0
    for kind in ("gone", "added", "changed"):
        changes = [] if diff is None else getattr(diff, kind)
        total += len(changes)
        for change in changes[: max(0, CHANGES - len(rows))]:
            fields = ", ".join(sorted(change.fields or ()))
            rows.append((kind, change.resource, change.name or change.id or change.key, fields, change.account))
    return Table(columns=["change", "resource", "what", "fields", "account"], rows=rows, total=total)


def _change_counts(diff: Diff | None) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for kind in ("added", "changed", "gone", "unknown"):
        for change in [] if diff is None else getattr(diff, kind):
            counts = found.setdefault(change.resource, {})
            counts[kind] = counts.get(kind, 0) + 1
    return found


class _Reader:
    """The queries. A resource that was never swept has no view, and gives an empty answer."""

    def __init__(self, db: sqlite3.Connection, now: str) -> None:
        self._db = db
        self._now = now
        self._views = {
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE 'v\\_%' ESCAPE '\\'"
            )
        }

    def _rows(self, sql: str, *needs: str, **values: object) -> list[tuple[Any, ...]]:
        if not {f"v_{name}" for name in needs} <= self._views:
            return []
        return self._db.execute(sql, {"now": self._now, **values}).fetchall()

    def accounts(self) -> list[dict[str, Any]]:
        rows = self._rows(
            "SELECT account, max(started_at), count(*), sum(requests), "
            "(SELECT state FROM sweeps l WHERE l.account = s.account ORDER BY id DESC LIMIT 1) "
            "FROM sweeps s WHERE state <> 'running' GROUP BY account ORDER BY account"
        )
        return [dict(zip(("account", "seen_at", "sweeps", "requests", "state"), row, strict=True)) for row in rows]

    def counts(self) -> dict[str, int]:
        names = sorted(name.removeprefix("v_") for name in self._views if not name.endswith("_history"))
        tables = {row[0] for row in self._rows("SELECT name FROM resource_tables")}
        # Names are the catalog's own.
        return {name: self._rows(f'SELECT count(*) FROM "v_{name}"')[0][0] for name in names if name in tables}

    def customers(self, findings: Iterable[Finding]) -> Table:
        worst: dict[str, dict[str, int]] = {}
        for finding in findings:
            if finding.customer_id:
                counts = worst.setdefault(finding.customer_id, {})
                counts[finding.severity] = counts.get(finding.severity, 0) + 1
        servers = dict(self._rows("SELECT customer_id, count(*) FROM v_server GROUP BY 1", "server"))
        rows = self._rows(
            "SELECT coalesce(max(customer), customer_id, '–'), customer_id, account, count(*), "
            "coalesce(sum(web_storage_usage_in_bytes), 0) FROM v_project GROUP BY account, customer_id ORDER BY 4 DESC",
            "project",
        )
        made = [
            (
                name,
                projects,
                servers.get(customer, 0),
                size,
                *(worst.get(customer or "", {}).get(severity, 0) for severity in ("critical", "high", "medium")),
                account,
            )
            for name, customer, account, projects, size in rows
        ]
        columns = ["customer", "projects", "servers", "storage", "critical", "high", "medium", "account"]
        return Table(columns=columns, rows=made[:CUSTOMERS], total=len(made))

    def expiry(self) -> list[dict[str, Any]]:
        weeks = "CAST((julianday(valid_to) - julianday(:now)) / 7 AS INTEGER)"
        rows = self._rows(
            f"SELECT {weeks}, count(*) FROM v_certificate "
            "WHERE julianday(valid_to) - julianday(:now) BETWEEN 0 AND 182 GROUP BY 1 ORDER BY 1",
            "certificate",
        )
        return [{"week": week, "certificates": number} for week, number in rows]

    def versions(self) -> list[dict[str, Any]]:
        software = self._rows(
            "SELECT lower(json_extract(s.value, '$.name')), json_extract(s.value, '$.externalVersion'), count(*) "
            "FROM v_app_installation r, json_each(r.data, '$.systemSoftware') s GROUP BY 1, 2",
            "app_installation",
        )
        runtimes = [
            (name, ".".join(str(version).split(".")[:2]), number)
            for name, version, number in software
            if name in ("php", "node")
        ]
        apps = self._rows(
            "SELECT app_name, app_external_version, count(*) FROM v_app_installation WHERE app_name IS NOT NULL GROUP BY 1, 2",
            "app_installation",
        )
        counted: dict[tuple[str, str, str], int] = {}
        for kind, found in (("runtime", runtimes), ("app", apps)):
            for name, version, number in found:
                key = (kind, str(name), str(version or "?"))
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
            rows = self._rows(
                "SELECT coalesce(customer, customer_id, '–'), sum(web_storage_usage_in_bytes) FROM v_project_history "
                "WHERE account = :account AND from_sweep <= :sweep AND (to_sweep IS NULL OR to_sweep > :sweep) GROUP BY 1",
                "project_history",
                account=account,
                sweep=sweep,
            )
            for customer, size in rows:
                if size:
                    sizes[at, customer] = sizes.get((at, customer), 0) + size
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
        members = self._rows(
            "SELECT coalesce(email, user_id), trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), role, mfa, "
            "coalesce(customer, customer_id), 'customer', expires_at FROM v_customer_membership",
            "customer_membership",
        )
        members += self._rows(
            "SELECT coalesce(email, user_id), trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), role, mfa, "
            "coalesce(project, project_id), 'project', expires_at FROM v_project_membership WHERE coalesce(inherited, 0) = 0",
            "project_membership",
        )
        rows = [
            (
                who,
                name,
                role,
                "yes" if mfa else "no" if mfa is not None else "unknown",
                scope,
                place,
                (until or "")[:10],
            )
            for who, name, role, mfa, place, scope, until in members
        ]
        columns = ["who", "name", "role", "second factor", "of", "place", "until"]
        rows.sort(key=lambda row: (row[3] != "no", str(row[0])))
        return Table(columns=columns, rows=rows[:PEOPLE], total=len(rows))

    def unseen(self) -> Table:
        rows = self._rows(
            "SELECT s.account, f.resource, f.error, count(*) FROM failures f JOIN sweeps s ON s.id = f.sweep WHERE s.id IN "
            "(SELECT max(id) FROM sweeps WHERE state <> 'running' GROUP BY account) GROUP BY 1, 2, 3 ORDER BY 4 DESC"
        )
        return Table(columns=["account", "resource", "reason", "lists"], rows=rows[:UNSEEN], total=len(rows))


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
