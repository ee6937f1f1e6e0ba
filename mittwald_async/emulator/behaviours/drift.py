"""The API changes under its clients: an undocumented field, a new word in an enum. Now and then, here too."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from ..options import EmulatorOptions

FIELD = "xUndocumented"
WORD = "undocumentedValue"


class Drift:
    """Adds to some answers what the document does not know. Same seed and same calls: same additions."""

    def __init__(self, options: EmulatorOptions) -> None:
        self.options = options
        self._dice = random.Random(f"drift {options.seed}")
        self.added: int = 0

    def hits(self) -> bool:
        """Whether this answer is one of those."""
        share = self.options.drift
        return share > 0 and self._dice.random() < share

    def change(self, data: Any, enums: frozenset[str]) -> Any:
        """A changed copy of JSON data; `enums` are the properties whose values are words of an open enum."""
        self.added += 1
        if isinstance(data, msgspec.Raw):
            data = msgspec.json.decode(data)
        if isinstance(data, list):
            items: list[Any] = data  # pyright: ignore[reportUnknownVariableType]
            if not items:
                return items
            at = self._dice.randrange(len(items))
            return [*items[:at], self._change_one(items[at], enums), *items[at + 1 :]]
        return self._change_one(data, enums)

    def _change_one(self, data: Any, enums: frozenset[str]) -> Any:
        if isinstance(data, msgspec.Raw):
            data = msgspec.json.decode(data)
        if not isinstance(data, dict):
            return data
        changed: dict[str, Any] = dict(data)  # pyright: ignore[reportUnknownArgumentType]
        words = [name for name, value in changed.items() if name in enums and isinstance(value, str)]
        if words and self._dice.random() < 0.1:
            changed[self._dice.choice(words)] = WORD
        else:
            changed[FIELD] = {"since": "tomorrow"}
        return changed
