"""Models as small tables in notebooks."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

_SECRET = re.compile("password|secret|token|privatekey|private_key", re.I)
_LONGEST = 200
"""Characters of a value that are shown."""
_MOST_ROWS, _MOST_COLUMNS = 50, 12


def properties(pairs: Iterable[tuple[str, object]], title: str) -> str:
    """One object: a row for each property."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th><td style='text-align:left'>{_shown(name, value)}</td></tr>"
        for name, value in pairs
    )
    return f"<table><caption>{html.escape(title)}</caption>{rows}</table>"


def rows(names: Sequence[str], values: Sequence[Sequence[object]], title: str) -> str:
    """Several objects: a row for each, as far as there is room."""
    shown = names[:_MOST_COLUMNS]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in shown)
    body = "".join(
        "<tr>" + "".join(f"<td>{_shown(name, value)}</td>" for name, value in zip(shown, row, strict=False)) + "</tr>"
        for row in values[:_MOST_ROWS]
    )
    return f"<table><caption>{html.escape(title)}</caption><tr>{head}</tr>{body}</table>"


def _shown(name: str, value: object) -> str:
    # A notebook is saved and passed on.
    if value and _SECRET.search(name) and isinstance(value, str):
        return "***"
    text = str(value)
    return html.escape(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")
