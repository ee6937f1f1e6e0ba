"""How far a call travels: files of the package and Python calls in them, for a warm get, a list page and a sweep row.

Counted, not timed, so the figures are exact and the same on every machine: each function, method, coroutine or
generator of the package counts once when it starts, not when it is resumed. The event loop, aiohttp and msgspec are not
counted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import mittwald_async
from mittwald_async import Mittwald
from mittwald_async.inventory import sweep_to

from .call import page, project
from .frame import Settings, Table
from .responder import responder
from .sweep import emulator

TOKEN = "token-for-benchmarks"
_PACKAGE = str(Path(mittwald_async.__file__).parent)


class Trip(NamedTuple):
    """What one measured piece of work passed."""

    way: tuple[str, ...]
    """The file of each call, relative to the package."""

    @property
    def calls(self) -> int:
        return len(self.way)

    @property
    def files(self) -> tuple[str, ...]:
        """In order of their first call."""
        return tuple(dict.fromkeys(self.way))

    @property
    def changes(self) -> int:
        """Calls that went into another file than the call before."""
        return sum(before != after for before, after in zip(self.way, self.way[1:], strict=False))

    def calls_in(self, place: str) -> int:
        """Calls in the files whose names begin like this."""
        return sum(name.startswith(place) for name in self.way)


async def trip(work: Callable[[], Awaitable[object]]) -> Trip:
    """Do the work and say which way it went."""
    started: list[FrameType] = []  # kept, so that no frame takes the place of another
    known: set[int] = set()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_PACKAGE) and id(frame) not in known:
            known.add(id(frame))
            started.append(frame)

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        await work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return Trip(tuple(Path(frame.f_code.co_filename).relative_to(_PACKAGE).as_posix() for frame in started))


async def warm(work: Callable[[], Awaitable[object]]) -> Trip:
    """The way of work that was done a few times before."""
    for _ in range(5):
        await work()
    return await trip(work)


def run(settings: Settings) -> Iterator[Table]:
    table = Table("the way of a call through the package", ("work", "calls", "files", "changes of file"))
    details: list[str] = []
    for name, found in asyncio.run(_calls()):
        table.add(name, found.calls, len(found.files), found.changes)
        details.append(f"{name}: {', '.join(found.files)}")
    rows, found = asyncio.run(sweep_row(settings.pick(60, 10)))
    table.add("a sweep row", found.calls / rows, len(found.files), found.changes / rows)
    table.notes.extend(details)
    table.notes.append(
        f"the row: a warm sweep of {rows:,} rows, a list for three of them on average, everything included, divided by the rows"
    )
    yield table


async def _calls() -> list[tuple[str, Trip]]:
    from json import dumps

    async with (
        responder(dumps({**project(1), "directories": {"Web": "/html"}}).encode()) as url,
        Mittwald(TOKEN, base_url=url) as mw,
    ):
        get = await warm(lambda: mw.project.get_project("p-000001"))
    async with responder(page()) as url, Mittwald(TOKEN, base_url=url) as mw:
        listed = await warm(lambda: mw.project.list_projects())
    return [("a get", get), ("a list page", listed)]


async def sweep_row(projects: int) -> tuple[int, Trip]:
    """Rows of a first sweep of the default set, and its way: the file's thread included, what is made once apart."""
    async with emulator(projects) as url, Mittwald(TOKEN, base_url=url) as mw:
        with tempfile.TemporaryDirectory() as folder:
            await sweep_to(mw, Path(folder) / "before.sqlite")
            rows = 0

            async def work() -> None:
                nonlocal rows
                rows = sum((await sweep_to(mw, Path(folder) / "path.sqlite")).rows.values())

            found = await trip(work)
    return rows, found
