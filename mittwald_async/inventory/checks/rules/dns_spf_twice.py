"""A domain has more than one SPF record."""

from __future__ import annotations

from collections.abc import Sequence

from ..check import Check
from ._dns import TXT, is_spf
from ._json import texts


def judge(_account: str, _zone: str, entries: str) -> Sequence[str]:
    found = sum(map(is_spf, texts(entries)))
    return [f"{found} records"] if found > 1 else []


CHECK = Check(
    id="dns-spf-twice",
    family="dns",
    severity="high",
    title="A domain has more than one SPF record",
    why="With two records SPF fails for every mail (RFC 7208, 3.2).",
    fix="Merge them into one TXT record.",
    table="dns_zone",
    subject="r.domain",
    detail=TXT,
    where=f"{TXT} IS NOT NULL",
    judge=lambda _: judge,
)
