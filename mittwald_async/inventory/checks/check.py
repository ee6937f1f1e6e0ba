"""What a check is, and what it finds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

import msgspec

T = TypeVar("T")

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
"""Worst first."""

INVENTORY = "inventory"
"""What checks of the inventory itself name as their resource: they need none."""

Standing = Literal["new", "still", "solved", "first"]
"""Compared with the sweep before of the same account; `first` where it has none."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One row that a check found."""

    account: str
    key: str
    customer_id: str | None
    project_id: str | None
    subject: str
    """What the finding is about, as people call it: a host name, an address, a version."""
    detail: str
    """What is wrong with it, with the numbers."""
    unseen_since: str | None = None
    """Day of the first sweep that could not see it any more: then this is what was known before."""


class InventoryReader(Protocol):
    """What a check may ask of an inventory."""

    @property
    def now(self) -> str:
        """When the inventory was seen, ISO 8601."""
        ...

    def has(self, resource: str) -> bool:
        """Was the resource ever swept into this file?"""
        ...

    def once(self, make: Callable[[InventoryReader], T]) -> T:
        """The result of a function of this state, computed once for all checks that need it."""
        ...

    def unread(self) -> list[tuple[str, str, str, int]]:
        """What could not be seen: account, resource, reason, number of lists."""
        ...

    def query(self, sql: str, **values: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a query; `:now` is bound."""
        ...

    def rows(self, table: str, *columns: str, where: str = "1") -> Iterable[tuple[Any, ...]]:
        """Account, key and further columns of a resource's view; expressions and condition are over its row `r`."""
        ...

    def tally(self, table: str, *columns: str, where: str = "1", amount: str = "1") -> Mapping[tuple[Any, ...], int]:
        """How often each account has these columns, or the sums of an integer amount; over the row `r` of the view."""
        ...

    def hits(self, table: str, subject: str, detail: str, where: str, **values: object) -> Iterator[Hit]:
        """Rows of a resource's view as hits; expressions and condition are over its row `r`."""
        ...


Finder = Callable[[InventoryReader], Iterable[Hit]]

Judge = Callable[[str, str, str], Sequence[str]]
"""From account, subject and detail of a row to what is wrong with it: the details of its findings, none where it is
fine. Judges that are equal say the same of the same row."""


class OfDetail(msgspec.Struct, frozen=True):
    """A judge that looks at the detail alone: of rows that have the same it is asked once.

    Args:
        says: from a detail to what is wrong. Functions that are equal say the same.
    """

    says: Callable[[str], Sequence[str]]

    def __call__(self, _account: str, _subject: str, detail: str) -> Sequence[str]:
        return self.says(detail)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One question to an inventory. It is asked by SQL (`where`), which a function may narrow (`judge`), or by a
    function alone (`find`). The last is asked of both states in full, so it is for what is not about single rows."""

    id: str
    family: str
    severity: Severity
    title: str
    """What is wrong, in one line."""
    why: str
    """What it can lead to."""
    fix: str
    """What to do about it."""
    table: str
    """Resource whose items are checked."""
    reads: tuple[str, ...] = ()
    """Further resources that must have been swept."""
    subject: str = "r.id"
    """SQL expression over the row `r` of the resource's view."""
    detail: str = "''"
    where: str = ""
    """SQL condition over `r`. `:now` is the time of the sweep."""
    judge: Callable[[InventoryReader], Judge] | None = None
    """Makes of a state what judges the rows that `where` admits; what it needs of other rows and of the time is in
    it."""
    find: Finder | None = None
    absent: tuple[str, ...] = ()
    """Resources whose absence is the finding. Projects whose lists of them were not read are skipped."""
    absent_anywhere: tuple[str, ...] = ()
    """Likewise where the lack in the whole account makes it: all lists of the account must have been read."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Resources without which the check cannot be made."""
        if self.table == INVENTORY:
            return ()
        return tuple(dict.fromkeys((self.table, *self.reads, *self.absent, *self.absent_anywhere)))


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that is wrong."""

    check: str
    family: str
    severity: Severity
    title: str
    account: str
    resource: str
    key: str
    customer_id: str | None
    project_id: str | None
    customer: str | None
    project: str | None
    subject: str
    detail: str
    standing: Standing = "new"

    @property
    def fresh(self) -> bool:
        """Whether no sweep before had it: it is new, or there was none."""
        return self.standing in ("new", "first")

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The same for the same thing on every night: of check, account and item, without its details."""
        return (self.check, self.account, self.resource, self.key)

    @property
    def fingerprint(self) -> str:
        """The identity as a short text for other programs."""
        text = "\0".join(self.identity)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Skipped(msgspec.Struct, frozen=True):
    """A check that could not be made, or not of everything, and why."""

    check: str
    reason: str


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What all checks said of an inventory."""

    findings: tuple[Finding, ...]
    """What is wrong now; worst first."""
    solved: tuple[Finding, ...]
    muted: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    checked_at: str
    """Time of the newest sweep that was looked at."""
    first_sweeps: tuple[str, ...] = ()
    """Accounts without a complete sweep before: there is nothing to compare their findings with."""
    compared: int = 0
    """Number of the other accounts."""

    def count(self, severity: Severity) -> int:
        """Findings of one severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def new(self) -> int:
        """Findings that the sweep before did not have."""
        return sum(finding.standing == "new" for finding in self.findings)

    @property
    def comparison(self) -> str:
        """What is new and solved, or that there was no sweep to compare with."""
        if not self.first_sweeps:
            return f"{self.new} new, {len(self.solved)} solved"
        if self.compared == 0:
            return "first sweep: nothing to compare with"
        return (
            f"{self.new} new, {len(self.solved)} solved; first sweep of {', '.join(self.first_sweeps)}: nothing to "
            "compare with"
        )
