"""SQLite: the file the sweep works on is the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ..store import Store
from .base import Sink, register


@register
class SqliteSink(Sink):
    """One database with a table and views for each resource."""

    name = "sqlite"
    suffixes: ClassVar[tuple[str, ...]] = (".sqlite", ".sqlite3", ".db")
    is_exported = False

    def write(self, store: Store, path: Path, resources: Sequence[str]) -> None:
        """Nothing is left to write."""
