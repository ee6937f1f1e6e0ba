"""Lists inside of items, taken apart here: `json_each` for each of 10⁵ rows costs more than reading them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec


@lru_cache(4096)
def texts(array: str | None) -> tuple[str, ...]:
    """The texts of a JSON array, as `json_extract` gives it; none for anything else."""
    try:
        found: list[Any] = _decode(array or "[]")
    except msgspec.DecodeError:
        return ()
    return tuple(text for text in found if isinstance(text, str))


_decode = msgspec.json.Decoder(list[Any]).decode
