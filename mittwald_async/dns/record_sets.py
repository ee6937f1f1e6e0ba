"""A record set as the API has it, and as the entries in it. A set is always replaced whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..models import dns
from ..runtime.errors import InvalidArgumentError
from .values import normal, written_txt


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One DNS record."""

    name: str
    """The host name, in ASCII."""
    type: str
    value: str
    """As zone files write it; a TXT value without quotes. Empty where `managed`."""
    ttl: int | None = None
    """Seconds; `None`: the name server's own choice."""
    managed: bool = False
    """mittwald looks after the records of this type, and chooses their values."""


class RecordSet(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a name that the API keeps together: those of one type, or A and AAAA."""

    values: dict[str, tuple[str, ...]]
    """By type."""
    ttl: int | None = None
    managed: bool = False

    def entries(self, name: str) -> list[Entry]:
        """The records as entries of a name; one without a value for each type that is managed."""
        if self.managed:
            return [Entry(name=name, type=type, value="", managed=True) for type in self.values]
        return [
            Entry(name=name, type=type, value=value, ttl=self.ttl)
            for type, values in self.values.items()
            for value in values
        ]


SET_OF: dict[str, str] = {"A": "a", "AAAA": "a", "MX": "mx", "TXT": "txt", "SRV": "srv", "CNAME": "cname", "CAA": "caa"}
"""The API's name of the set a type belongs to."""
_TYPES_OF: dict[str, tuple[str, ...]] = {
    set_name: tuple(type for type, name in SET_OF.items() if name == set_name) for set_name in SET_OF.values()
}


def record_set(zone: dns.Zone, set_name: str) -> RecordSet:
    """The set of this name as it is in a zone.

    Raises:
        InvalidArgumentError: it is of a kind that is not documented; touching it could lose records.
    """
    found: Any = getattr(zone.record_set, "combined_a_records" if set_name == "a" else set_name)
    empty: dict[str, tuple[str, ...]] = dict.fromkeys(_TYPES_OF[set_name], ())
    match found:
        case dns.RecordUnset():
            return RecordSet(values=empty)
        case dns.CombinedAManaged():
            return RecordSet(values=empty, managed=True)
        case dns.RecordMXManaged():
            return RecordSet(values=empty, managed=found.managed)
        case dns.CombinedACustom():
            values = {"A": _read("A", found.a), "AAAA": _read("AAAA", found.aaaa)}
        case dns.RecordTXTComponent():
            values = {"TXT": _read("TXT", found.entries)}
        case dns.RecordCNAMEComponent():
            values = {"CNAME": _read("CNAME", [found.fqdn])}
        case dns.RecordMXCustom():
            values = {"MX": _read("MX", [f"{one.priority} {one.fqdn}" for one in found.records])}
        case dns.RecordSRVComponent():
            texts = [f"{one.priority or 0} {one.weight or 0} {one.port} {one.fqdn}" for one in found.records]
            values = {"SRV": _read("SRV", texts)}
        case dns.RecordCAAComponent():
            values = {"CAA": _read("CAA", [f"{one.flags} {one.tag} {one.value}" for one in found.records])}
        case _:
            raise InvalidArgumentError(
                "type",
                f"the {set_name.upper()} records of {zone.domain} have a form that this version does not know; "
                "they were left as they are",
            )
    return RecordSet(values=values, ttl=_ttl(found.settings))


def _read(type: str, texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_tolerant(type, text) for text in texts))


def _tolerant(type: str, text: str) -> str:
    """What is there already may be spelled in a way that would be refused here; it is kept as it is."""
    try:
        return normal(type, text)
    except InvalidArgumentError:
        return text


def _ttl(settings: dns.RecordSettings) -> int | None:
    return settings.ttl.seconds if isinstance(settings.ttl, dns.TtlSeconds) else None


def wire(state: RecordSet, set_name: str) -> Any:
    """The model to replace a set with."""
    if not any(state.values.values()):
        return dns.RecordUnset()
    ttl = dns.TtlAuto(auto=True) if state.ttl is None else dns.TtlSeconds(seconds=state.ttl)
    return _WRITE[set_name](state.values, dns.RecordSettings(ttl=ttl))


def _a(values: dict[str, tuple[str, ...]], settings: dns.RecordSettings) -> Any:
    return dns.CombinedACustom(a=list(values["A"]), aaaa=list(values["AAAA"]), settings=settings)


def _txt(values: dict[str, tuple[str, ...]], settings: dns.RecordSettings) -> Any:
    return dns.RecordTXTComponent(entries=[written_txt(text) for text in values["TXT"]], settings=settings)


def _cname(values: dict[str, tuple[str, ...]], settings: dns.RecordSettings) -> Any:
    return dns.RecordCNAMEComponent(fqdn=values["CNAME"][0], settings=settings)


def _mx(values: dict[str, tuple[str, ...]], settings: dns.RecordSettings) -> Any:
    parts = [text.split() for text in values["MX"]]
    records = [dns.RecordMXRecord(priority=int(priority), fqdn=host) for priority, host in parts]
    return dns.RecordMXCustom(records=records, settings=settings)


def _srv(values: dict[str, tuple[str, ...]], settings: dns.RecordSettings) -> Any:
    records = [
        dns.RecordSRVRecord(priority=int(priority), weight=int(weight), port=int(port), fqdn=host)
        for priority, weight, port, host in (text.split() for text in values["SRV"])
    ]
    return dns.RecordSRVComponent(records=records, settings=settings)


def _caa(values: dict[str, tuple[str, ...]], settings: dns.RecordSettings) -> Any:
    parts = [text.split(None, 2) for text in values["CAA"]]
    records = [dns.RecordCAARecord(flags=int(flags), tag=tag, value=rest.strip('"')) for flags, tag, rest in parts]
    return dns.RecordCAAComponent(records=records, settings=settings)


_WRITE: dict[str, Callable[[dict[str, tuple[str, ...]], dns.RecordSettings], Any]] = {
    "a": _a,
    "txt": _txt,
    "cname": _cname,
    "mx": _mx,
    "srv": _srv,
    "caa": _caa,
}
