"""JSON that msgspec refuses and that need not cost a whole answer.

A text that somebody cut in the middle of a character ends in half a surrogate pair (`"\\ud83d"`), which JavaScript writes
and msgspec takes for malformed; so are numbers beyond all floats. One such value in one item of a list must not hide the
others.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

_HALF = re.compile("[\ud800-\udfff]")


def parse(body: bytes) -> Any:
    """JSON as builtins: halves of surrogate pairs become U+FFFD, numbers beyond all floats stay text.

    Args:
        body: JSON in UTF-8.

    Raises:
        ValueError: it is no JSON for this reader either.
        RecursionError: it is nested too deeply.
    """
    found = json.loads(body.decode(), object_pairs_hook=_object, parse_float=_number, parse_constant=_no_constant)
    return _whole(found)


def _whole(value: Any) -> Any:
    """A text, or the texts in a list, with U+FFFD for halves; objects are whole already."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - JSON is untyped
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {_whole(name): _whole(value) for name, value in pairs}


def _number(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
