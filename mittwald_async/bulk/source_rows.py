"""What every source of rows gives, and what it raises."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..runtime.errors import ConfigurationError

ESCAPED = re.compile("[\udc80-\udcff]")
"""Replacement for bytes that are not UTF-8."""
NOT_TEXT = "is not UTF-8 text; save the file as UTF-8"


class SourceError(ConfigurationError):
    """The rows cannot be read. Names the file and, where it is known, the row."""


class SourceRow(NamedTuple):
    """One row of a source.

    Attributes:
        number: as people count it: the line of a spreadsheet or of a JSON Lines file, the heads of a table being 1; the
            record of a query, from 1.
        values: by column. Text from CSV, JSON values otherwise; what is empty is left out.
        surplus: cells beyond the last column that are not empty.
        problems: what cannot be read, as column and problem; the column is empty where it is the whole row.
        exact: values have the types that they are meant to have, as in JSON. Elsewhere a number may stand for text, and
            text for anything.
        columns: of the table; 0 where the source is none.
    """

    number: int
    values: dict[str, Any]
    surplus: int = 0
    problems: tuple[tuple[str, str], ...] = ()
    exact: bool = False
    columns: int = 0


def check_heads(path: Path, heads: Sequence[str]) -> None:
    """Make sure that every column has a name of its own.

    Raises:
        SourceError: one has not; all such columns are named.
    """
    if not any(heads):
        raise SourceError(f"{path}: has no heads of columns in its first row")
    if any("\0" in head or ESCAPED.search(head) for head in heads):
        raise SourceError(f"{path}: row 1: {NOT_TEXT}")
    problems = [f"column {position} has no head" for position, head in enumerate(heads, 1) if not head]
    twice = dict.fromkeys(head for position, head in enumerate(heads) if head and head in heads[:position])
    problems += [f"has two columns {head!r}" for head in twice]
    if problems:
        raise SourceError(f"{path}: {'; '.join(problems)}")


def open_binary(path: Path) -> io.BufferedReader:
    """Open a file of rows.

    Raises:
        SourceError: it cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None
