"""How full a mailbox is, as expressions over a row of `mail_address`."""

from __future__ import annotations

LIMIT = "json_extract(r.data, '$.mailbox.storageInBytes.limit')"
"""Bytes it may hold."""
USED = "json_extract(r.data, '$.mailbox.storageInBytes.current.value')"
"""Bytes it holds."""
FILLED = f"CAST(100.0 * {USED} / {LIMIT} AS INTEGER) || ' % of ' || CAST({LIMIT} / 1048576 AS INTEGER) || ' MiB'"
"""What a finding says of it."""
