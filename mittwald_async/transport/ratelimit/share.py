"""How much others draw on the same budget while we do, judged by what falls from one of our calls to a later one."""

from __future__ import annotations

_CHUNK = 4
"""Calls of our own from one look to the next."""


class Share:
    """Others' calls for each of our own lately, and the speed at which what remains falls. Pure, like `Window`."""

    __slots__ = ("_at", "_remaining", "_turn", "fall", "ratio")

    def __init__(self) -> None:
        self.ratio: float | None = None
        """Calls of others for each of ours; `None`: not known yet."""
        self.fall: float = 0.0
        """Calls per second, our own included."""
        self._remaining: int | None = None
        self._at = 0.0
        self._turn = 0

    def new_window(self) -> None:
        """What remains starts anew; what was learned stays."""
        self._remaining = None

    def see(self, remaining: int, now: float, turn: int) -> None:
        """An answer to our call number `turn` says what remains."""
        if self._remaining is not None:
            ours, fell = turn - self._turn, self._remaining - remaining
            if ours < _CHUNK or now <= self._at:
                return
            ratio = max(0.0, fell / ours - 1)
            self.ratio = ratio if self.ratio is None else (self.ratio + ratio) / 2
            self.fall = fell / (now - self._at)
        self._remaining, self._at, self._turn = remaining, now, turn
