"""Made-up rows for tests that need no server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from mittwald_async.inventory import Failure, Row, catalog

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def row(resource: str, own: str | None, /, *, key: str | None = None, project: str | None = None, **data: Any) -> Row:
    """A row whose item has the given properties."""
    return Row(
        resource=resource,
        id=own,
        key=key or own or "#0",
        customer_id="c-1",
        project_id=project,
        fetched_at=AT,
        operation=catalog()[resource].routes[0].operation_id,
        raw=msgspec.json.encode(data),
    )


PROJECTS = [
    row(
        "project",
        f"p-{n}",
        project=f"p-{n}",
        id=f"p-{n}",
        shortId=f"p-{n}",
        description=f"Shop „{n}“",
        enabled=n % 2 == 0,
    )
    for n in range(3)
]
DOMAINS = [
    row("domain", "d-0", project="p-0", domainId="d-0", domain="müller.example", connected=True, extra={"kept": 1}),
    row("domain", "d-1", project="p-9", domainId="d-1", domain='a,b\n"c".example', connected=False),
]
FAILED = Failure(
    resource="dns_zone",
    operation="dns-list-dns-zones",
    owner="p-1",
    customer_id="c-1",
    project_id="p-1",
    status=403,
    error="403 Forbidden",
    at=AT,
)
