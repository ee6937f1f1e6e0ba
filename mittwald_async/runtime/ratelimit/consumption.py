"""How much others draw on the same budget while we do, judged by what falls from one of our calls to a later one."""

from __future__ import annotations

QUIET = 0.25
"""With fewer calls of others for each of our own, they are taken for gone."""
_CHUNK = 4
"""Calls of our own from one look to the next."""
_STRETCH, _STRETCH_TIME = 16, 2.0
"""Calls of our own, and seconds, for which others must have been quiet to be taken for gone altogether."""


class Consumption:
    """Others' calls for each of our own lately, and the speed at which what remains falls. Pure, like `Window`."""

    __slots__ = ("_at", "_from", "_from_remaining", "_from_turn", "_remaining", "_turn", "fall", "ratio")

    def __init__(self) -> None:
        self.ratio: float | None = None
        """Calls of others for each of ours; `None`: not known yet."""
        self.fall: float = 0.0
        """Calls per second, our own included."""
        self._remaining: int | None = None
        self._at = 0.0
        self._turn = 0
        self._from = 0.0
        self._from_remaining = 0
        self._from_turn = 0

    def restart(self) -> None:
        """What remains starts anew; what was learned stays."""
        self._remaining = None

    def forget(self) -> None:
        """Nobody is there."""
        self.ratio = self._remaining = None

    def see(self, remaining: int, now: float, turn: int) -> bool:
        """An answer to our call number `turn` says what remains.

        Returns:
            Whether nobody of our kind has been there for a while: for sixteen calls of ours and two seconds others made
            less than a quarter of our calls. Paced as we are, they would have made as many.
        """
        if self._remaining is None:
            self._begin_stretch(remaining, now, turn)
        else:
            ours, fell = turn - self._turn, self._remaining - remaining
            if ours < _CHUNK or now <= self._at:
                return False
            ratio = max(0.0, fell / ours - 1)
            self.ratio = ratio if self.ratio is None else (self.ratio + ratio) / 2
            self.fall = fell / (now - self._at)
        self._remaining, self._at, self._turn = remaining, now, turn
        ours = turn - self._from_turn
        if self._from_remaining - remaining - ours > QUIET * max(ours, _STRETCH):
            self._begin_stretch(remaining, now, turn)
        return ours >= _STRETCH and now - self._from >= _STRETCH_TIME

    def _begin_stretch(self, remaining: int, now: float, turn: int) -> None:
        self._from, self._from_remaining, self._from_turn = now, remaining, turn
