"""Bytes to values and back.

`decode` picks the documented result by status and content type and turns the body into it: the fast way is strict and
runs in C; what it refuses goes the tolerant way (`tolerant`). `encode` writes request bodies.

Numbers keep their form where the models say `int | float`: 5 stays 5 and 5.5 stays 5.5. Where they say `int`, 1000.0
and 1e3 are the integer 1000. Date-times keep their instant and their zone's offset; digits beyond microseconds are cut,
which is all Python's `datetime` holds. A date-time without zone stays text: no machine's zone is put in its place.
Where a key comes twice in an object, the last one counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from ..errors import ResponseDecodeError, body_excerpt
from ..operation import Operation, Result
from ..schema.types import resolve
from ..schema.unions import hook
from .decoders import TooPreciseError, decoder_of, holds_times, too_precise
from .tolerant import coerce, forget_reports, render, report
from .tolerant_json import parse
from .writing import dump, encode

__all__ = [
    "convert",
    "decode",
    "dump",
    "encode",
    "forget_reports",
    "loads",
    "loads_quietly",
    "resolve",
    "strict_decoder",
]

_REFUSED = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""What msgspec raises at a body it cannot take: wrong types, no JSON, invalid UTF-8, too deep, numbers out of range."""

_BOM = b"\xef\xbb\xbf"
_NONE = Result(status=0, type="None")

_decoders: dict[tuple[str, str], Callable[[bytes], Any]] = {}


def decode(
    operation: Operation[Any], status: int, content_type: str | None, body: bytes, *, strict: bool = False
) -> Any:
    """The value of a successful answer.

    Args:
        operation: what was called.
        status: HTTP status; picks the documented result. One that is not documented is read like the first documented
            result that has a body.
        content_type: as the header came, `None` where there was none.
        body: all of it, content encodings undone.
        strict: deviations from the document are errors instead of being kept.

    Returns:
        What the result's type says: structs, lists, `str` for text, `bytes` for files, `None` for no content.

    Raises:
        ResponseDecodeError: the body is not JSON where JSON is due; or, with `strict`, it deviates from the document.

    Warns:
        DriftWarning: once per operation and place, where the body deviates and was kept as it came.
    """
    result = _result(operation, status, content_type, body)
    expression = result.type
    if expression == "None":
        return None
    if expression == "bytes":
        return body
    if expression == "str" and not _is_json(result.content_type or content_type):
        return _text(operation, content_type, body)
    if content_type is not None and "charset" in content_type.lower():
        body = _in_utf8(content_type, body)
    return loads(expression, body, models=operation.models, operation_id=operation.operation_id, strict=strict)


def loads(type_expr: str, body: bytes, *, models: str = "", operation_id: str = "", strict: bool = False) -> Any:
    """JSON as a value of a type: what `decode` does once it knows the type.

    Args:
        type_expr: type expression, domain modules of the models as roots.
        models: the package that has these modules.
        body: JSON in UTF-8.
        operation_id: what errors and warnings name.
        strict: deviations from the document are errors instead of being kept.

    Returns:
        The value.

    Raises:
        ResponseDecodeError: as for `decode`.
    """
    decoder = _decoders.get((models, type_expr)) or strict_decoder(type_expr, models=models)
    try:
        return decoder(body)
    except _REFUSED as error:
        return _rescue(operation_id, type_expr, models, body, error, strict)


def loads_quietly(type_expr: str, body: bytes, *, models: str = "") -> Any:
    """JSON as a value of a type, as tolerant as `loads`, without a warning where it deviates: for the bodies of errors,
    which are seldom as documented.

    Args:
        type_expr: type expression, domain modules of the models as roots.
        body: JSON in UTF-8.
        models: the package that has these modules.

    Returns:
        The value.

    Raises:
        msgspec.MsgspecError, ValueError, RecursionError: the body is not JSON.
    """
    try:
        return strict_decoder(type_expr, models=models)(body)
    except _REFUSED:
        return coerce(resolve(type_expr, models=models), msgspec.json.decode(body))[0]


def strict_decoder(type_expr: str, *, models: str = "") -> Callable[[bytes], Any]:
    """The strict decoder of a type: as fast as it gets. What it refuses may still be what the document says, written in
    another form (`1e3` for an integer, nanoseconds): `loads` with `strict` decides.

    Args:
        type_expr: type expression, domain modules of the models as roots.
        models: the package that has these modules.

    Returns:
        A function from JSON to a value; the same one for the same expression. It raises what msgspec raises.
    """
    key = (models, type_expr)
    decoder = _decoders.get(key)
    if decoder is None:
        decoder = _decoders[key] = decoder_of(resolve(type_expr, models=models))
    return decoder


def convert(type_expr: str, value: Any, *, models: str = "", operation_id: str = "", strict: bool = False) -> Any:
    """Builtins, as parsed from JSON, as a value of a type; as tolerant as `decode`.

    Args:
        type_expr: type expression, domain modules of the models as roots.
        models: the package that has these modules.
        value: dicts, lists, strings, numbers, booleans, `None`.
        operation_id: what errors and warnings name.
        strict: deviations are errors instead of being kept.

    Returns:
        The value.

    Raises:
        ResponseDecodeError: with `strict`, the value deviates from the document; always if it is nested too deeply.
    """
    expected = resolve(type_expr, models=models)
    try:
        if holds_times(expected) and too_precise(msgspec.json.encode(value)):
            raise TooPreciseError("a date-time has more digits than microseconds")
        return msgspec.convert(value, expected, dec_hook=hook)
    except (*_REFUSED, TypeError) as error:
        try:
            return _keep(operation_id, expected, value, error, strict, b"")
        except RecursionError as deep:
            raise _failed("nested too deeply", operation_id, b"") from deep


def _rescue(operation_id: str, expression: str, models: str, body: bytes, error: Exception, strict: bool) -> Any:
    if not body.strip():
        raise _failed("the body is empty", operation_id, body) from error
    try:
        value, forgiven = _builtins(body.removeprefix(_BOM))
        return _keep(operation_id, resolve(expression, models=models), value, error, strict, body, forgiven)
    except RecursionError as deep:
        raise _failed("nested too deeply", operation_id, body) from deep
    except (msgspec.MsgspecError, UnicodeError) as malformed:
        raise _failed(f"{malformed} in {body_excerpt(body)!r}", operation_id, body) from malformed


def _builtins(text: bytes) -> tuple[Any, str | None]:
    """JSON as builtins, and what had to be forgiven in it."""
    try:
        return msgspec.json.decode(text), None
    except (msgspec.DecodeError, UnicodeDecodeError) as malformed:
        try:
            return parse(text), f"{malformed} (read all the same, with U+FFFD for what is not a character)"
        except ValueError:
            raise malformed from None


def _keep(
    operation_id: str,
    expected: Any,
    value: Any,
    error: Exception,
    strict: bool,
    body: bytes,
    forgiven: str | None = None,
) -> Any:
    kept, notes = coerce(expected, value, cut_times=isinstance(error, TooPreciseError))
    if forgiven is not None:
        notes = [(None, forgiven), *notes]
    if notes and strict:
        path, problem = notes[0]
        raise ResponseDecodeError(problem, operation_id=operation_id, json_path=render(path), body=body) from error
    report(operation_id, notes)
    return kept


def _failed(problem: str, operation_id: str, body: bytes) -> ResponseDecodeError:
    return ResponseDecodeError(problem, operation_id=operation_id, json_path="$", body=body)


def _result(operation: Operation[Any], status: int, content_type: str | None, body: bytes) -> Result:
    """The documented result that an answer is, the nearest one where none is."""
    results = operation.results
    if not body and status in (204, 205):
        return _NONE
    same_status = operation.results_for(status)
    if len(same_status) == 1:
        return same_status[0]
    if same_status:
        media = _media(content_type)
        return next((result for result in same_status if _media(result.content_type) == media), same_status[0])
    if not body:
        return _NONE
    return next((result for result in results if result.type != "None"), _NONE)


def _media(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _is_json(content_type: str | None) -> bool:
    media = _media(content_type)
    return media == "application/json" or media.endswith("+json")


_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';]+)""", re.IGNORECASE)


def _charset(content_type: str | None) -> str:
    """The charset that a header names, in lower case."""
    found = _CHARSET.search(content_type or "")
    charset = found[1].lower() if found else "utf-8"
    # Python's own, which would read backslashes as Python source does.
    return "utf-8" if "escape" in charset else charset


def _in_utf8(content_type: str, body: bytes) -> bytes:
    """JSON in UTF-8, as it has to be, also where it came in another charset that the header names. Servers that name
    one and send UTF-8 all the same are believed to send UTF-8."""
    charset = _charset(content_type)
    wide = charset.startswith(("utf-16", "utf-32")) and b"\0" in body[:4]
    try:
        if not wide:
            body.decode()
            return body
    except UnicodeDecodeError:
        pass
    try:
        return body.decode(charset).encode()
    except (LookupError, ValueError):  # it is read as it is, and what is odd is reported
        return body


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace")
    except (LookupError, UnicodeError, ValueError):
        return body.decode("utf-8", "replace")


def _text(operation: Operation[Any], content_type: str | None, body: bytes) -> str:
    text = _decoded(body, _charset(content_type))
    # Log streams carry stray NUL bytes of the container runtime; a zone file or an export is given as it is.
    return text.replace("\0", "") if operation.path.endswith("/logs") else text
