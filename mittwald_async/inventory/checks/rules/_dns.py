"""What checks of DNS share: which domains send mail, and whose zones are served from elsewhere.

Host names are compared in memory: the file has no index of them, and a nested loop over 10⁵ zones takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..check import Hit, InventoryReader

Name = tuple[str, str]
"""Account, and a domain in lower case."""

TEXTS = "json_each(r.data, '$.recordSet.txt.entries') t"


def parents(domain: str) -> Iterator[str]:
    """A domain and all above it, without the top-level domain."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        yield ".".join(labels[start:])


def mail_domains(state: InventoryReader) -> set[Name]:
    """Domains that have a mail address."""
    found = state.query("SELECT account, lower(address) FROM v_mail_address WHERE address IS NOT NULL")
    return {(account, address.rpartition("@")[2]) for account, address in found}


def registered(state: InventoryReader) -> set[Name]:
    """Registered domains that were not deleted."""
    found = state.query("SELECT account, lower(domain) FROM v_domain WHERE coalesce(deleted, 0) = 0")
    return {(account, domain) for account, domain in found}


def served_here(state: InventoryReader, hits: Iterator[Hit]) -> Iterator[tuple[Hit, Name]]:
    """Zones or hosts, named by their subject, whose domain is not known to use name servers elsewhere: of one that does,
    the zone here says nothing."""
    elsewhere = state.once(_served_elsewhere)
    for hit in hits:
        domain = hit.subject.lower()
        if not any((hit.account, parent) in elsewhere for parent in parents(domain)):
            yield hit, (hit.account, domain)


def _served_elsewhere(state: InventoryReader) -> set[Name]:
    if not state.has("domain"):
        return set()
    found = state.query("SELECT account, lower(domain) FROM v_domain WHERE uses_default_nameserver = 0")
    return {(account, domain) for account, domain in found}
