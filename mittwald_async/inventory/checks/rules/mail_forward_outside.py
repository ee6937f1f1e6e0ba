"""An address forwards mail to another domain."""

from __future__ import annotations

from collections.abc import Sequence, Set

import msgspec

from ..check import Check
from ._dns import Name, registered
from ._json import texts


class _Forwards(msgspec.Struct, frozen=True):
    own: Set[Name]

    def __call__(self, account: str, address: str, targets: str) -> Sequence[str]:
        home = address.lower().rpartition("@")[2]
        domains = {target: target.rpartition("@")[2] for target in map(str.lower, texts(targets))}
        outside = [one for one, domain in domains.items() if domain != home and not self._within(account, domain)]
        return [f"forwards to {', '.join(outside)}"] if outside else []

    def _within(self, account: str, domain: str) -> bool:
        parts = domain.split(".")
        return any((account, ".".join(parts[start:])) in self.own for start in range(len(parts)))


CHECK = Check(
    id="mail-forward-outside",
    family="mail",
    severity="medium",
    title="An address forwards mail to another domain",
    why="Mail leaves the account, often to private mailboxes; forwarded spam harms the reputation of the domain.",
    fix="Check with the owner that the target is wanted and still theirs.",
    table="mail_address",
    absent_anywhere=("domain",),
    subject="r.address",
    detail="json_extract(r.data, '$.forwardAddresses')",
    where="json_array_length(r.data, '$.forwardAddresses') > 0",
    judge=lambda state: _Forwards(state.once(registered)),
)
