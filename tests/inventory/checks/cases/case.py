"""The record of a case, and rows shared by several cases."""

from __future__ import annotations

from typing import Any, NamedTuple

from ....support.inventory_file import Rows

PROJECT = {"id": "p1", "shortId": "p-one", "description": "Shop", "customerId": "c1", "enabled": True}
OLD_PROJECT = {**PROJECT, "createdAt": "2024-01-01T00:00:00Z", "serverId": "s1"}


def mailbox(used: int) -> dict[str, Any]:
    return {"storageInBytes": {"limit": 1000, "current": {"value": used}}, "spamProtection": {"active": True}}


def php(version: str, **more: Any) -> dict[str, Any]:
    return {"name": "php", "externalVersion": version, "updateAvailable": False, "updatePolicy": "patchLevel", **more}


def zone(domain: str, *texts: str, **record_set: Any) -> dict[str, Any]:
    txt: dict[str, Any] = {"entries": list(texts)} if texts else {}
    return {"id": domain, "domain": domain, "recordSet": {"txt": txt, "caa": {}, "combinedARecords": {}, **record_set}}


MAIL = {"mail_address": [{"id": "m1", "address": "info@example.org"}]}


class Case(NamedTuple):
    """An inventory, and the subjects that the check must find in it."""

    rows: Rows
    found: list[str]
    detail: str = ""
    failures: tuple[dict[str, Any], ...] = ()
    skipped: str = ""
    """Part of the reason why the check is skipped elsewhere."""
