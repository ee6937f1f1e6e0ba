"""JSON that msgspec refuses and that need not cost a whole answer.

A text that was cut in the middle of a character ends in half a surrogate pair (`"\\ud83d"`) or in half of its bytes,
which msgspec takes for malformed; so are control characters in texts, `NaN`, and numbers beyond all floats. One such
value in one item of a list must not hide the others.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_HALF = re.compile("[\ud800-\udfff]")
_BYTES = re.compile("[\udc80-\udcff]+")
"""Bytes that are not UTF-8, as `surrogateescape` decodes them."""

_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})|\\')


def parse(body: bytes) -> Any:
    """JSON as builtins: halves of characters become U+FFFD; numbers beyond all floats, `NaN` and `Infinity` stay text.

    Keys of one object that differ stay different: where two would become the same, the later one has another U+FFFD.

    Args:
        body: JSON, meant to be UTF-8.

    Raises:
        ValueError: it is not JSON for this reader either.
        RecursionError: it is nested too deeply.
    """
    found = json.loads(
        _ESCAPE.sub(_escape, body.decode("utf-8", "surrogateescape")),
        object_pairs_hook=_object,
        parse_float=_float,
        parse_int=_integer,
        parse_constant=str,
        strict=False,
    )
    return _whole(found)


def _escape(found: re.Match[str]) -> str:
    """An escape as it is; a backslash that begins none, as in `"C:\\x"`, as a backslash."""
    return found[0] if len(found[0]) > 1 else "\\\\"


def _whole(value: Any) -> Any:
    """A text, or the texts in a list, with U+FFFD for halves; objects are whole already."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", _BYTES.sub(_replaced, value))
    if isinstance(value, list):
        return [_whole(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - JSON is untyped
    return value


def _replaced(run: re.Match[str]) -> str:
    """As many U+FFFD as the usual decoder makes of the bytes: one for a character that was cut, however much is
    left."""
    return "\ufffd" * len(run[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    made: dict[str, Any] = {}
    for name, value in found.items():
        key = _whole(name)
        while key != name and (key in found or key in made):
            key += "\ufffd"
        made[key] = _whole(value)
    return made


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:  # more digits than Python converts
        return text
