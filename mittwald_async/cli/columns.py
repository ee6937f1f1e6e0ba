"""How wide the columns of a table are, and which find room: arithmetic only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rich.cells import cell_len

GAP = 2
"""Cells between two columns."""
_PROSE_WORDS = 3
"""From so many words on, a cell is prose."""
_NARROWEST = 20
"""Prose in fewer cells is hard to read, and what is shortened says little in fewer."""


@dataclass(eq=False)
class ShownColumn:
    """A column, and how wide it is drawn. Where it is `shortened`, cells that are too long end in `…`."""

    head: str
    cells: Sequence[str]
    shortened: bool = False
    width: int = field(init=False)

    def __post_init__(self) -> None:
        self.width = max(map(cell_len, (self.head, *self.cells)))

    def may_shorten(self, cell: str) -> bool:
        """Whether a cell may end in `…`: what is nested is too long for any table, and nothing one would copy."""
        return self.shortened or cell.startswith(("{", "["))

    @cached_property
    def is_flexible(self) -> bool:
        """Whether it may be narrower than its longest cell: wrapped between words, or shortened."""
        return any(self.may_shorten(cell) or len(cell.split()) >= _PROSE_WORDS for cell in self.cells)

    @cached_property
    def narrowest(self) -> int:
        """The least width at which no word is broken."""
        natural = max(map(cell_len, (self.head, *self.cells)))
        if not self.is_flexible:
            return natural
        words = (word for cell in (self.head, *self.cells) if not self.may_shorten(cell) for word in cell.split())
        return max(min(_NARROWEST, natural), cell_len(self.head), *(cell_len(word) for word in words), 0)


def fit(columns: Sequence[ShownColumn], width: int, *, keep: int = 1) -> list[ShownColumn]:
    """The columns that find room, with their widths set.

    All of them at their natural width, if that fits; else prose is wrapped and what may be is shortened; else columns
    go, from the right, first those that can be neither. The first `keep` always stay.
    """
    shown = list(columns)
    while len(shown) > keep and _least(shown) > width:
        # The last column that is not flexible; where there is none behind those that stay, the last one.
        plain = [column for column in shown[keep:] if not column.is_flexible]
        shown.remove((plain or shown)[-1])
    _share(shown, width)
    return shown


def _least(columns: Sequence[ShownColumn]) -> int:
    return sum(column.narrowest for column in columns) + GAP * (len(columns) - 1)


def _share(columns: Sequence[ShownColumn], width: int) -> None:
    """Take from the widest column that can be narrower until everything fits."""
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
