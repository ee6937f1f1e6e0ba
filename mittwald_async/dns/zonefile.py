"""A zone file against what is there: what it would change, and then the change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from .._install import install_hint
from ..runtime.errors import ConfigurationError, InvalidArgumentError
from .names import canonical, shown
from .record_sets import Entry
from .values import TYPES, normal

if TYPE_CHECKING:
    from collections.abc import Iterable


class Writer(Protocol):
    """What reads and replaces entries."""

    async def entries(self, name: str, type: str | None = None) -> list[Entry]:
        """The entries of a name."""
        ...

    async def set(self, name: str, type: str, values: str | Iterable[str], *, ttl: int | None = None) -> bool:
        """Replace all entries of a type."""
        ...


class SetChange(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the entries of one name and type."""

    name: str
    type: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    ttl: int | None
    """Seconds, within what the API takes."""
    managed: bool = False
    """mittwald manages these records so far."""


class ZoneImport:
    """A zone file that has been read and compared. `str()` shows it; `apply` writes it.

    Attributes:
        changes: what differs.
        same: how many names and types are as in the file already.
        skipped: records that mittwald's name servers have of their own (SOA, NS) or do not serve, and those that are
            not below the origin.
    """

    def __init__(self, writer: Writer, changes: list[SetChange], same: int, skipped: list[str]) -> None:
        self._writer = writer
        self.changes: list[SetChange] = changes
        self.same: int = same
        self.skipped: list[str] = skipped

    def __str__(self) -> str:
        lines: list[str] = []
        for change in self.changes:
            head = f"{shown(change.name)} {change.type}"
            if change.managed:
                lines.append(f"- {head} (managed by mittwald)")
            lines += [f"- {head} {value}" for value in change.before if value not in change.after]
            lines += [f"+ {head} {value}" for value in change.after if value not in change.before]
            if set(change.before) == set(change.after):
                lines.append(f"~ {head} TTL {change.ttl} s")
        lines += [f"  skipped: {record}" for record in self.skipped]
        lines.append(f"{len(self.changes)} to change, {self.same} the same, {len(self.skipped)} skipped")
        return "\n".join(lines)

    async def apply(self) -> None:
        """Write the changes, one after the other. After an interruption, import again: the result is the same."""
        for change in self.changes:
            await self._writer.set(change.name, change.type, change.after, ttl=change.ttl)


async def import_zone(writer: Writer, text: str, origin: str | None) -> ZoneImport:
    """See `Dns.import_zone`."""
    wanted, skipped = _read(text, origin)
    changes: list[SetChange] = []
    current = {name: await writer.entries(name) for name in dict.fromkeys(name for name, _ in wanted)}
    for (name, type), (values, ttl) in wanted.items():
        there = [entry for entry in current[name] if entry.type == type]
        before = tuple(entry.value for entry in there if not entry.managed)
        managed = any(entry.managed for entry in there)
        same_ttl = any(entry.ttl == ttl for entry in there)
        if managed or set(before) != set(values) or not same_ttl:
            changes.append(
                SetChange(name=name, type=type, before=before, after=tuple(values), ttl=ttl, managed=managed)
            )
    return ZoneImport(writer, changes, len(wanted) - len(changes), skipped)


def _read(text: str, origin: str | None) -> tuple[dict[tuple[str, str], tuple[list[str], int | None]], list[str]]:
    """Values and TTL by name and type, and what was skipped."""
    try:
        import dns.exception
        import dns.rdataclass
        import dns.rdatatype
        import dns.tokenizer
        import dns.zone
        import dns.zonefile
    except ModuleNotFoundError:
        raise ConfigurationError(f"reading zone files needs dnspython: {install_hint('dns')}") from None
    name = None if origin is None else canonical(origin, "origin") + "."
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgumentError("text", f"must be text, not {type(text).__name__}")
    skipped: list[str] = []

    class SkippingReader(dns.zonefile.Reader):
        def _eat_line(self) -> None:
            """dnspython leaves out what is not below the origin without a word."""
            skipped.append(f"{str(self.last_name).rstrip('.')} is not below the origin")
            super()._eat_line()  # type: ignore[no-untyped-call]

    try:
        zone: Any = dns.zone.Zone(name, relativize=False)
        with zone.writer(True) as changes:
            SkippingReader(dns.tokenizer.Tokenizer(text, "<string>"), dns.rdataclass.IN, changes).read()
    except (dns.exception.DNSException, ValueError) as problem:
        raise InvalidArgumentError("text", f"is not a zone file: {problem or type(problem).__name__}") from None
    wanted: dict[tuple[str, str], tuple[list[str], int | None]] = {}
    for owner, ttl, record in zone.iterate_rdatas():
        kind = dns.rdatatype.to_text(record.rdtype)
        if kind not in TYPES:
            skipped.append(f"{str(owner).rstrip('.')} {kind} {str(record)[:60]}")
            continue
        key = (canonical(str(owner), "text"), kind)
        values, _ = wanted.setdefault(key, ([], _within(ttl)))
        values.append(normal(kind, record.to_text()))
    return wanted, skipped


def _within(ttl: int) -> int | None:
    """The TTL, brought within what the API takes; zero is the name server's own choice."""
    return None if not ttl else min(86400, max(60, ttl))
