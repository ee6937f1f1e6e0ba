"""A large inventory file: the emulator's account swept once, then stored many times over under other ids and host
names."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from mittwald_async import Mittwald
from mittwald_async.inventory import Known, Row, Store, SweepJob, chosen, sink_for, target

from .sweep import TOKEN, emulator

PROJECTS = 100
"""Projects of the account that is copied."""

_SOURCE = "https://api.example.org"
_OF_SOFTWARE = b"".join(rb'(?<!"%s":")' % name for name in (b"appId", b"systemSoftwareId", b"current", b"desired"))
"""Ids of apps, of system software and of their versions are the provider's, and the same in every account."""
_UUID = re.compile(_OF_SOFTWARE + rb"\b[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)")
_HOST = re.compile(rb"\b([a-z0-9-]+)\.(de|com|net|org|eu|info|shop|example)\b")
_CHANGED = 1000
"""Of so many copied rows, the later sweep sees one changed."""


def make_copies(path: Path, projects: int, resources: Sequence[str] | None = None) -> int:
    """Make an inventory file of two complete sweeps; the later one saw one row in a thousand changed.

    Args:
        path: the file, which must not exist.
        projects: how many it has, in hundreds.
        resources: only these; by default what a sweep delivers by default.

    Returns:
        The number of rows that are valid now.
    """
    wanted = chosen(resources)
    names = [one.name for one in wanted]
    base = path.with_name(f"{path.stem}-base.sqlite")
    asyncio.run(_sweep(base, resources))
    with Store(base, writable=False) as source:
        swept = source.sweeps()[-1]
        rows = {name: list(source.rows_at(name, swept.account, swept.id)) for name in names}
    base.unlink()
    copies = projects // PROJECTS
    with Store(path) as store:
        account = store.account_for(_SOURCE, "agency", None)
        for evening in range(2):
            store.begin(wanted, names, target(), Known(), _SOURCE, account)
            for copy in range(copies):
                store.write(_copied(rows, copy, evening), ())
            store.finish("done", requests=1)
    return copies * sum(map(len, rows.values()))


async def _sweep(path: Path, resources: Sequence[str] | None) -> None:
    async with emulator(PROJECTS) as url, Mittwald(TOKEN, base_url=url) as mw:
        job = SweepJob(sink_for(path), chosen(resources), target())
        try:
            await job.run(mw)
        finally:
            job.close()


def _copied(rows: Mapping[str, Sequence[Row]], copy: int, evening: int) -> Iterator[Row]:
    """One copy of the account. Ids that belonged together still do."""
    start = b"%08x" % copy

    def other(own: str | None) -> str | None:
        return None if own is None else _UUID.sub(start, own.encode()).decode()

    place = 0
    for found in rows.values():
        for row in found:
            place += 1
            raw = _HOST.sub(rb"\1-%d.\2" % copy, _UUID.sub(start, row.raw))
            if evening and (place + copy) % _CHANGED == 0:
                raw = raw[:-1] + b',"note":"changed"}'
            yield replace(
                row,
                id=other(row.id),
                key=other(row.key) or row.key,
                customer_id=other(row.customer_id),
                project_id=other(row.project_id),
                parent_id=other(row.parent_id),
                raw=raw,
            )
