"""`mw.dns`: single DNS entries, though the API knows whole record sets only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from ..api.groups import Groups
from ..models import dns
from ..runtime.clock import SYSTEM_CLOCK, Clock
from ..runtime.errors import InvalidArgumentError, NotFoundError
from .changes import Add, AnyChange, Remove, Replace
from .editor import Editor
from .names import canonical
from .record_sets import SET_OF, Entry, record_set
from .values import TYPES, checked_type, normal
from .zones import Zones

if TYPE_CHECKING:
    from .visible import Resolver
    from .zonefile import ZoneImport

T = TypeVar("T")
_SHORTEST_TTL, _LONGEST_TTL = 60, 86400
"""Seconds, as the document says."""


class Dns:
    """DNS entries by host name.

        await mw.dns.add("_acme-challenge.example.org", "TXT", token)
        await mw.dns.remove("_acme-challenge.example.org", "TXT", token)

    The API replaces the records of a name and type as a whole. `add` and `remove` change one of them, and see to it
    that others who write at the same time, in this program or elsewhere, lose nothing: they read, change, write, check,
    and begin again where another program wrote in between. A change that was written takes at least one second for
    that.

    Names may be in any script and case. Types are A, AAAA, CNAME, MX (`10 mx.example.org`), SRV
    (`10 5 5060 sip.example.org`), CAA (`0 issue "letsencrypt.org"`) and TXT (the text itself, or quoted as in a zone
    file; from 256 bytes on it is split as DNS demands).

    Raises (all methods):
        InvalidArgumentError: a name, type, value or TTL cannot be used.
        NotFoundError: the account has no zone for the name.
        ConflictError: others undo a change again and again.
        MittwaldError: as any call.

    Args:
        groups: the client's groups.
        clock: time, for tests.
        project_id: see `in_project`.
    """

    def __init__(self, groups: Groups, *, clock: Clock = SYSTEM_CLOCK, project_id: str | None = None) -> None:
        self._groups = groups
        self._clock = clock
        self._zones = Zones(groups, project_id)
        self._editor = Editor(groups, clock)

    def in_project(self, project_id: str) -> Dns:
        """The same for the zones of one project: for tokens that do not see the whole account."""
        return Dns(self._groups, clock=self._clock, project_id=project_id)

    async def zone_of(self, hostname: str) -> dns.Zone:
        """The zone that a host name is in: the one with the longest name that is its own or above it."""
        return await self._zones.covering(canonical(hostname, "hostname"))

    async def entries(self, name: str, type: str | None = None) -> list[Entry]:
        """The entries of a name; records that mittwald manages come as one entry without a value.

        Args:
            name: a host name.
            type: of this type only.
        """
        types = TYPES if type is None else (checked_type(type),)
        host = canonical(name)

        async def read() -> list[Entry]:
            zone_id = await self._zones.existing_id(host)
            if zone_id is None:
                return []
            zone = await self._groups.domain.dns_get_dns_zone(zone_id)
            sets = [record_set(zone, set_name) for set_name in dict.fromkeys(SET_OF[one] for one in types)]
            return [entry for one in sets for entry in one.entries(host) if entry.type in types]

        return await self._found(host, read)

    async def add(self, name: str, type: str, value: str, *, ttl: int | None = None) -> bool:
        """Add an entry, beside those that are there.

        Args:
            name: a host name. Below a zone of the account, its own zone is made if there is none yet.
            type, value: as for all.
            ttl: seconds, 60 to 86400, for all records of this name and type; without it, it stays as it is.

        Returns:
            False: it was there already.

        Raises:
            InvalidArgumentError: also where mittwald manages the records, or another CNAME is there.
        """
        kind = checked_type(type)
        return await self._change(name, lambda: Add(kind, normal(kind, value), _checked_ttl(ttl)))

    async def remove(self, name: str, type: str, value: str | None = None) -> bool:
        """Remove an entry, or all of a type.

        Args:
            name: a host name.
            type, value: as for all; without a value, all entries of the type.

        Returns:
            False: there was none.
        """
        kind = checked_type(type)
        return await self._change(
            name, lambda: Remove(kind, None if value is None else normal(kind, value)), create=False
        )

    async def set(self, name: str, type: str, values: str | Iterable[str], *, ttl: int | None = None) -> bool:
        """Replace all entries of a type, also those that mittwald manages.

        Args:
            name: a host name. Below a zone of the account, its own zone is made if there is none yet.
            type: as for all.
            values: one value or several; none removes all.
            ttl: seconds, 60 to 86400; without it, it stays as it is.

        Returns:
            False: it was like that already.
        """
        kind = checked_type(type)
        texts = [values] if isinstance(values, str) else list(values)

        def replace() -> Replace:
            return Replace(kind, tuple(dict.fromkeys(normal(kind, text) for text in texts)), _checked_ttl(ttl))

        return await self._change(name, replace, create=bool(texts))

    async def import_zone(self, text: str, *, origin: str | None = None) -> ZoneImport:
        """Read a zone file, and find out what it would change. Nothing is written before `apply`.

            preview = await mw.dns.import_zone(Path("example.org.zone").read_text(), origin="example.org")
            print(preview)
            await preview.apply()

        Needs dnspython (`pip install "mittwald-async[dns]"`).

        Args:
            text: the zone file. Its records replace those of the same name and type; all others stay.
            origin: the zone's name, where the file does not say (`$ORIGIN`).

        Raises:
            InvalidArgumentError: it cannot be read; the message names the line.
            ConfigurationError: dnspython is missing.
        """
        from .zonefile import import_zone

        return await import_zone(self, text, origin)

    async def wait_until_visible(
        self,
        name: str,
        type: str,
        value: str,
        *,
        timeout: float = 300.0,
        resolver: Resolver | None = None,
    ) -> None:
        """Wait until all name servers of the zone answer with an entry. They are asked directly, past every cache.

        Needs dnspython (`pip install "mittwald-async[dns]"`).

        Args:
            name, type, value: the entry.
            timeout: seconds to wait at most.
            resolver: finds the name servers; a `dns.asyncresolver.Resolver` or alike, by default the system's.

        Raises:
            WaitTimeout: it did not show up in time; the message says which servers lack it.
            ConfigurationError: dnspython is missing.
        """
        from .visible import wait_until_visible

        kind = checked_type(type)
        wanted = normal(kind, value)
        await wait_until_visible(canonical(name), kind, wanted, timeout, self._clock, resolver)

    async def _change(self, name: str, make: Callable[[], AnyChange], *, create: bool = True) -> bool:
        host = canonical(name)
        change = make()

        async def write() -> bool:
            zone_id = await (self._zones.own_id(host) if create else self._zones.existing_id(host))
            return False if zone_id is None else await self._editor.make(zone_id, SET_OF[change.type], change)

        return await self._found(host, write)

    async def _found(self, host: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do it, and retry if the remembered zone no longer exists."""
        try:
            return await work()
        except NotFoundError:
            if not self._zones.knows(host):
                raise
            self._zones.forget(host)
            return await work()


def _checked_ttl(ttl: Any) -> int | None:
    whole = isinstance(ttl, int) and not isinstance(ttl, bool)
    if ttl is not None and not (whole and _SHORTEST_TTL <= ttl <= _LONGEST_TTL):
        raise InvalidArgumentError("ttl", f"must be {_SHORTEST_TTL} to {_LONGEST_TTL} seconds, not {ttl!r}")
    return ttl if whole else None
