"""How wide the columns of a table are, and which find room: arithmetic only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len

GAP = 2
"""Cells between two columns."""
_PROSE_WORDS = 3
"""From so many words on, a cell is prose."""
_NARROWEST = 20
"""Prose in fewer cells is hard to read."""


@dataclass(eq=False)
class ShownColumn:
    """A column, and how wide it is drawn."""

    head: str
    cells: Sequence[str]
    width: int = field(init=False)

    def __post_init__(self) -> None:
        self.width = max(map(cell_len, (self.head, *self.cells)))

    @property
    def is_prose(self) -> bool:
        """Whether it may be wrapped between words."""
        return any(len(cell.split()) >= _PROSE_WORDS for cell in self.cells)

    @property
    def narrowest(self) -> int:
        """The least width at which no word is broken."""
        if not self.is_prose:
            return self.width
        words = (word for cell in (self.head, *self.cells) for word in cell.split())
        return max(min(_NARROWEST, self.width), *(cell_len(word) for word in words), 0)


def fit(columns: Sequence[ShownColumn], width: int) -> list[ShownColumn]:
    """The columns that find room, with their widths set.

    All of them at their natural width, if that fits; else prose is wrapped; else columns go, first those that are
    not prose, from the right. The first one always stays.
    """
    shown = list(columns)
    while len(shown) > 1 and _least(shown) > width:
        # The last column that is not prose; where there is none behind the first, the last one.
        plain = [column for column in shown[1:] if not column.is_prose]
        shown.remove((plain or shown)[-1])
    _share(shown, width)
    return shown


def _least(columns: Sequence[ShownColumn]) -> int:
    return sum(column.narrowest for column in columns) + GAP * (len(columns) - 1)


def _share(columns: Sequence[ShownColumn], width: int) -> None:
    """Take from the widest prose until everything fits."""
    over = sum(column.width for column in columns) + GAP * (len(columns) - 1) - width
    while over > 0:
        wide = [column for column in columns if column.width > column.narrowest]
        if not wide:
            return
        widest = max(wide, key=lambda column: column.width)
        others = [column.width for column in wide if column is not widest]
        step = min(over, widest.width - max(widest.narrowest, min(max(others, default=0), widest.width - 1)))
        widest.width -= step
        over -= step
