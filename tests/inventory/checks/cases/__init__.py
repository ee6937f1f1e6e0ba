"""For each check an inventory and the expected findings: one module per family."""

from __future__ import annotations

from . import access, backups, certificates, containers, cost, databases, dns, inventory, mail, software, storage
from .case import MAIL, OLD_PROJECT, PROJECT, Case, zone

CASES: dict[str, Case] = {
    **access.CASES,
    **backups.CASES,
    **certificates.CASES,
    **containers.CASES,
    **cost.CASES,
    **databases.CASES,
    **dns.CASES,
    **inventory.CASES,
    **mail.CASES,
    **software.CASES,
    **storage.CASES,
}

__all__ = ["CASES", "MAIL", "OLD_PROJECT", "PROJECT", "Case", "zone"]
