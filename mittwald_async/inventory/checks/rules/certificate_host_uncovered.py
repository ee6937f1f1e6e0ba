"""The certificate of a host name does not cover it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import msgspec

from ..check import Check, InventoryReader
from ._json import texts

_CHOSEN = "json_extract(r.data, '$.tls.certificateId')"


class _CoverageJudge(msgspec.Struct, frozen=True):
    """The host names of each certificate, by account and id."""

    of: Mapping[tuple[str, str], Set[str]]

    def __call__(self, account: str, host: str, certificate: str) -> Sequence[str]:
        covered = self.of.get((account, certificate))
        if not covered or covers(covered, host.lower()):
            return []
        return [f"the certificate names {', '.join(sorted(covered))}"]


def _names(state: InventoryReader) -> _CoverageJudge:
    chosen = state.tally("ingress", _CHOSEN, where=f"{_CHOSEN} IS NOT NULL")
    names: dict[tuple[str, str], set[str]] = {}
    if chosen:
        found = state.rows("certificate", "r.id", "r.common_name", "json_extract(r.data, '$.dnsNames')")
        for account, _, certificate, common, listed in found:
            if (account, certificate) in chosen:
                named = [*texts(listed), *([common] if isinstance(common, str) else ())]
                names.setdefault((account, certificate), set()).update(map(str.lower, named))
    return _CoverageJudge(names)


def covers(names: Set[str], host: str) -> bool:
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
    subject="r.hostname",
    detail=_CHOSEN,
    where=f"{_CHOSEN} IS NOT NULL AND r.is_enabled = 1",
    judge=_names,
)
