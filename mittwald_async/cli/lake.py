"""An inventory as commands look at it: a file, or a data set of many accounts."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def inventory_file(place: Path, *, runs: int | None = 2) -> Generator[Path]:
    """A SQLite inventory to look at. One of a data set is made for the length of the block.

    Args:
        place: what was typed: a file, or a data set's folder or URL.
        runs: newest runs of each account that are taken over from a data set; `None`: all.
    """
    from ..fleet.history import inventory_of, is_lake

    if not is_lake(place):
        yield place
        return
    with inventory_of(place, runs=runs) as path:
        yield path
