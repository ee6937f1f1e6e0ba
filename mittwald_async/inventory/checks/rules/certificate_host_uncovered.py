"""The certificate of a host name does not cover it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader
from ._json import texts


def find(state: InventoryReader) -> Iterator[Hit]:
    chosen = "json_extract(r.data, '$.tls.certificateId')"
    hosts = list(state.hits("ingress", "r.hostname", chosen, f"{chosen} IS NOT NULL AND r.is_enabled = 1"))
    names = _names(state) if hosts else {}
    for hit in hosts:
        covered = names.get((hit.account, hit.detail))
        if covered and not covers(covered, hit.subject.lower()):
            yield replace(hit, detail=f"the certificate names {', '.join(sorted(covered))}")


def _names(state: InventoryReader) -> dict[tuple[str, str], set[str]]:
    """The host names of each certificate, by account and id."""
    names: dict[tuple[str, str], set[str]] = {}
    found = state.rows("certificate", "r.id", "r.common_name", "json_extract(r.data, '$.dnsNames')")
    for account, _, certificate, common, listed in found:
        named = [*texts(listed), *([common] if isinstance(common, str) else ())]
        names.setdefault((account, certificate), set()).update(map(str.lower, named))
    return names


def covers(names: set[str], host: str) -> bool:
    """Does one of the names match the host? A wildcard matches exactly one label (RFC 6125, 6.4.3)."""
    return host in names or f"*.{host.partition('.')[2]}" in names


CHECK = Check(
    id="certificate-host-uncovered",
    family="certificates",
    severity="high",
    title="The certificate of a host name does not cover it",
    why="Browsers warn of the site.",
    fix="Order a certificate that names the host, or switch to ACME.",
    table="ingress",
    reads=("certificate",),
    find=find,
)
