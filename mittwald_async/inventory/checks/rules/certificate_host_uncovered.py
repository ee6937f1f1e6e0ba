"""The certificate of a host name does not cover it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader


def find(state: InventoryReader) -> Iterator[Hit]:
    names: dict[tuple[str, str], set[str]] = {}
    listed = state.query(
        "SELECT r.account, r.id, lower(n.value) FROM v_certificate r, json_each(r.data, '$.dnsNames') n "
        "UNION ALL SELECT account, id, lower(common_name) FROM v_certificate WHERE common_name IS NOT NULL"
    )
    for account, certificate, name in listed:
        names.setdefault((account, certificate), set()).add(name)
    chosen = "json_extract(r.data, '$.tls.certificateId')"
    for hit in state.hits("ingress", "r.hostname", chosen, f"{chosen} IS NOT NULL AND r.is_enabled = 1"):
        covered = names.get((hit.account, hit.detail))
        if covered and not covers(covered, hit.subject.lower()):
            yield replace(hit, detail=f"the certificate names {', '.join(sorted(covered))}")


def covers(names: set[str], host: str) -> bool:
    """Does one of the names stand for the host? A wildcard stands for exactly one label (RFC 6125, 6.4.3)."""
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
