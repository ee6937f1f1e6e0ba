"""The styles of OpenAPI: how lists and objects become text in a path, a query, a header, a cookie or a form.

Only parameters whose facts name a style come here; all others are a text, a number, or a list that is repeated.
Delimiters stand as they are, in names and values everything but letters, digits and `-._~` is percent-encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote

import msgspec

from ..errors import InvalidArgumentError
from ..operation import Parameter
from ..structs import UNSET

Text = Callable[[object, str], str]
"""One value as text; the name is for errors."""

_DELIMITERS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


def parts_of(value: object) -> object:
    """A struct as a mapping by wire name, a set as a list; everything else as it is."""
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    if isinstance(value, tuple | set | frozenset):
        return list(cast("tuple[object, ...]", value))
    return value


def in_query(parameter: Parameter, value: object, text: Text) -> Iterator[tuple[str, str]]:
    """Names and values of a query string or form, percent-encoded.

    Args:
        parameter: what is documented.
        value: a text, number, list, mapping or struct.
        text: how one value becomes text.

    Raises:
        InvalidArgumentError: a value cannot be sent.
    """
    name = _encoded(parameter.wire, parameter.name)
    value = parts_of(value)
    style, explode = parameter.style or "form", parameter.explode is not False
    write = _writer(parameter, text)
    if parameter.content_type is not None:
        yield name, _encoded(msgspec.json.encode(value).decode(), parameter.name)
    elif style == "deepObject" and isinstance(value, dict | list):
        yield from _deep(name, value, write)
    elif isinstance(value, dict):
        given = list(_given(cast("Mapping[str, object]", value)))
        if explode and style == "form":
            yield from ((_encoded(key, parameter.name), write(part)) for key, part in given)
        elif given:
            flat = [piece for key, part in given for piece in (_encoded(key, parameter.name), write(part))]
            yield name, _DELIMITERS.get(style, ",").join(flat)
    elif isinstance(value, list):
        written = [write(part) for part in cast("list[object]", value)]
        if explode:
            yield from ((name, part) for part in written)
        elif written:
            yield name, _DELIMITERS.get(style, ",").join(written)
    else:
        yield name, write(value)


def in_path(parameter: Parameter, value: object, text: Text) -> str:
    """One segment of a path, percent-encoded: `3,4` (simple), `.3.4` (label), `;id=3;id=4` (matrix).

    Raises:
        InvalidArgumentError: a value cannot be sent, or the segment would be empty.
    """
    value = parts_of(value)
    write = _writer(parameter, text)
    explode = parameter.explode is True
    if parameter.content_type is not None:
        return _encoded(msgspec.json.encode(value).decode(), parameter.name)
    name = _encoded(parameter.wire, parameter.name)
    if isinstance(value, dict):
        given = [
            (_encoded(key, parameter.name), write(part)) for key, part in _given(cast("Mapping[str, object]", value))
        ]
        pieces = [f"{key}={part}" for key, part in given] if explode else [piece for pair in given for piece in pair]
    elif isinstance(value, list):
        pieces = [write(part) for part in cast("list[object]", value)]
    else:
        pieces = [write(value)]
    if not any(pieces):
        raise InvalidArgumentError(parameter.name, "nothing cannot be part of a path")
    match parameter.style:
        case "label":
            return "." + ("." if explode else ",").join(pieces)
        case "matrix" if explode and isinstance(value, dict):
            return "".join(f";{piece}" for piece in pieces)
        case "matrix" if explode:
            return "".join(f";{name}={piece}" for piece in pieces)
        case "matrix":
            return f";{name}={','.join(pieces)}"
        case _:
            joined = ",".join(pieces)
            if joined in (".", ".."):
                raise InvalidArgumentError(parameter.name, f"{joined!r} cannot be part of a path")
            return joined


def in_header(parameter: Parameter, value: object, text: Text) -> str:
    """The value of a header or cookie, not percent-encoded: `3,4`, `R,100,G,200`, exploded `R=100,G=200`."""
    value = parts_of(value)
    if parameter.content_type is not None:
        return msgspec.json.encode(value).decode()

    def write(part: object) -> str:
        return _plain(part, parameter, text)

    if isinstance(value, dict):
        given = [(key, write(part)) for key, part in _given(cast("Mapping[str, object]", value))]
        exploded = parameter.explode is True
        return ",".join([f"{key}={part}" for key, part in given] if exploded else [p for pair in given for p in pair])
    if isinstance(value, list):
        return ",".join(write(part) for part in cast("list[object]", value))
    return write(value)


def _writer(parameter: Parameter, text: Text) -> Callable[[object], str]:
    return lambda value: _encoded(_plain(value, parameter, text), parameter.name)


def _plain(value: object, parameter: Parameter, text: Text) -> str:
    """A value inside a list or object. What is a list or object itself has no style: it is JSON."""
    value = parts_of(value)
    if value is None:
        return ""
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else text(value, parameter.name)


def _given(value: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    return ((key, part) for key, part in value.items() if part is not None and part is not UNSET)


def _deep(name: str, value: Any, write: Callable[[object], str]) -> Iterator[tuple[str, str]]:
    """`filter[status]=new&filter[price][from]=3&filter[tags][0]=a`."""
    value = parts_of(value)
    if isinstance(value, dict):
        for key, part in _given(cast("Mapping[str, object]", value)):
            yield from _deep(f"{name}%5B{quote(str(key), safe='')}%5D", part, write)
    elif isinstance(value, list):
        for number, part in enumerate(cast("list[object]", value)):
            yield from _deep(f"{name}%5B{number}%5D", part, write)
    else:
        yield name, write(value)


def _encoded(text: str, name: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise InvalidArgumentError(name, "lone surrogates cannot be sent") from None
