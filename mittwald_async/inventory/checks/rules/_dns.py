"""What checks of DNS share: which domains send mail, and whose zones are served from elsewhere.

Host names are compared in memory: the file has no index of them, and a nested loop over 10⁵ zones takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import NamedTuple

from ..check import InventoryReader

Name = tuple[str, str]
"""Account, and a domain in lower case."""

TXT = "json_extract(r.data, '$.recordSet.txt.entries')"
"""The TXT records of a zone's row."""
_AFTER_AT = "lower(substr(r.address, instr(r.address, '@') + 1))"


def parents(domain: str) -> Iterator[str]:
    """A domain and all above it, without the top-level domain."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:])


def is_spf(text: str) -> bool:
    return text.lower().startswith("v=spf1")


def mail_domains(state: InventoryReader) -> Set[Name]:
    """Domains that have a mail address."""
    found = state.tally("mail_address", _AFTER_AT, where="r.address IS NOT NULL")
    # SQL finds the first @; a quoted local part may have others.
    return {(account, rest.rpartition("@")[2]) for account, rest in found}


def registered(state: InventoryReader) -> Set[Name]:
    """Registered domains that were not deleted."""
    return _names(state, "domain", "lower(r.domain)", "coalesce(r.deleted, 0) = 0")


def zones(state: InventoryReader, where: str) -> Set[Name]:
    """Zones that meet a condition."""
    return _names(state, "dns_zone", "lower(r.domain)", where)


def _names(state: InventoryReader, table: str, domain: str, where: str) -> Set[Name]:
    found = state.tally(table, domain, where=where)
    return {(account, name) for account, name in found}


class Elsewhere(NamedTuple):
    """Domains that are known to use other name servers: of those, the zone here says nothing."""

    domains: Set[Name]

    def serves(self, account: str, domain: str) -> bool:
        return bool(self.domains) and any((account, parent) in self.domains for parent in parents(domain))


def elsewhere(state: InventoryReader) -> Elsewhere:
    if not state.has("domain"):
        return Elsewhere(frozenset())
    return Elsewhere(_names(state, "domain", "lower(r.domain)", "r.uses_default_nameserver = 0"))
