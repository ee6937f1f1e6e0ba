"""What checks of DNS share: which domains send mail, and whose zones are served from elsewhere.

Host names are compared in memory: the file has no index of them, and a nested loop over 10⁵ zones takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    found = state.rows("mail_address", "lower(r.address)", where="r.address IS NOT NULL")
    return {(account, address.rpartition("@")[2]) for account, _, address in found}


def registered(state: InventoryReader) -> set[Name]:
    """Registered domains that were not deleted."""
    found = state.rows("domain", "lower(r.domain)", where="coalesce(r.deleted, 0) = 0")
    return {(account, domain) for account, _, domain in found}


def zones_of(state: InventoryReader, names: set[Name], detail: str, where: str = "1") -> Iterator[Hit]:
    """The zones of these domains; `detail` is an expression, `where` a condition over the zone's row `r`."""
    for hit in state.hits("dns_zone", "r.domain", detail, where):
        if (hit.account, hit.subject.lower()) in names:
            yield hit


def served_here(state: InventoryReader, hits: Iterable[Hit]) -> Iterator[tuple[Hit, Name]]:
    """Zones or hosts, named by their subject, whose domain is not known to use name servers elsewhere: of one that does,
    the zone here says nothing."""
    elsewhere = state.once(_served_elsewhere)
    for hit in hits:
        domain = hit.subject.lower()
        if not elsewhere or not any((hit.account, parent) in elsewhere for parent in parents(domain)):
            yield hit, (hit.account, domain)


def _served_elsewhere(state: InventoryReader) -> set[Name]:
    if not state.has("domain"):
        return set()
    found = state.rows("domain", "lower(r.domain)", where="r.uses_default_nameserver = 0")
    return {(account, domain) for account, _, domain in found}
