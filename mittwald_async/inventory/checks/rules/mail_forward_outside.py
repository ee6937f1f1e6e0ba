"""An address forwards mail to another domain."""

from __future__ import annotations

from collections.abc import Iterator, Set

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader
from ._dns import registered
from ._json import texts


def find(state: InventoryReader) -> Iterator[Hit]:
    own: dict[str, set[str]] = {}
    for account, domain in state.once(registered):
        own.setdefault(account, set()).add(domain)
    targets = "json_extract(r.data, '$.forwardAddresses')"
    for hit in state.hits("mail_address", "r.address", targets, "json_array_length(r.data, '$.forwardAddresses') > 0"):
        home = hit.subject.lower().rpartition("@")[2]
        listed = own.get(hit.account, set[str]())
        domains = {target: target.rpartition("@")[2] for target in map(str.lower, texts(hit.detail))}
        outside = [one for one, domain in domains.items() if domain != home and not _within(domain, listed)]
        if outside:
            yield replace(hit, detail=f"forwards to {', '.join(outside)}")


def _within(domain: str, home: Set[str]) -> bool:
    parts = domain.split(".")
    return any(".".join(parts[start:]) in home for start in range(len(parts)))


CHECK = Check(
    id="mail-forward-outside",
    family="mail",
    severity="medium",
    title="An address forwards mail to another domain",
    why="Mail leaves the account, often to private mailboxes; forwarded spam harms the reputation of the domain.",
    fix="Check with the owner that the target is wanted and still theirs.",
    table="mail_address",
    absent_anywhere=("domain",),
    find=find,
)
