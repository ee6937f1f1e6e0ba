"""What can be known of an operation before it is called, made once: how its URL is built and how its responses are
decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from multidict import istr

from .. import codec
from ..codec.tolerant import report
from ..errors import InvalidArgumentError, ResponseDecodeError
from ..members import unwrapped
from ..middleware import RawResponse
from ..operation import Operation, Parameter, Result
from ..structs import UNSET
from .encoding import JSON, PLACEHOLDER, PLAIN_SEGMENT, PLAIN_VALUE, cookie_key, encoded, segment, styled_segment
from .responses import is_secret, packed

_JSON_TYPES = frozenset((JSON, "application/json; charset=utf-8", "application/json;charset=utf-8"))
_CONTENT_TYPE = istr("Content-Type")
"""A string whose folding is known is found in half the time."""
COMPILED: dict[int, CompiledOperation] = {}
"""By identity of the operation, which is kept alive here. There are finitely many: those of the document, and copies
that read it otherwise, one for each."""


def compiled(operation: Operation[Any]) -> CompiledOperation:
    """What is known of an operation of the document."""
    found = COMPILED.get(id(operation))
    if found is None:
        found = COMPILED[id(operation)] = CompiledOperation(operation)
    return found


class CompiledOperation:
    """What can be known of an operation before it is called. Made once per operation."""

    __slots__ = (
        "accept",
        "body_names",
        "cookies",
        "decoders",
        "envelopes",
        "headers",
        "loose",
        "masks",
        "method",
        "nullable",
        "odd_names",
        "operation",
        "path_names",
        "path_styles",
        "pieces",
        "query",
        "route",
        "safe",
        "scopes",
        "secret_parts",
    )

    def __init__(self, operation: Operation[Any], loose: bool = False) -> None:
        self.operation: Operation[Any] = operation
        self.loose: bool = loose
        self.decoders: dict[int, Callable[[bytes], Any] | None] = {}
        """By status, for JSON responses as documented; `None` for all others."""
        self.envelopes: dict[int, str] = {result.status: result.data for result in operation.results if result.data}
        """By documented status, the property that holds what the caller wants."""
        self.method: str = operation.method
        self.route: str = f"{operation.method} {operation.path}"
        self.safe: bool = operation.method in ("GET", "HEAD", "OPTIONS")
        parts = PLACEHOLDER.split(operation.path)
        self.pieces: tuple[str, ...] = tuple(parts[0::2])
        wires: list[str] = parts[1::2]
        self.scopes: tuple[str, ...] = tuple(wires)
        by_place: dict[str, dict[str, Parameter]] = {"path": {}, "query": {}, "header": {}, "cookie": {}, "body": {}}
        for parameter in operation.parameters:
            by_place[parameter.where][parameter.wire] = parameter
        self.path_names: tuple[str, ...] = tuple(
            by_place["path"][w].name if w in by_place["path"] else w for w in wires
        )
        styles = tuple(by_place["path"].get(wire) for wire in wires)
        self.path_styles: tuple[Parameter | None, ...] = styles if any(one and one.styled for one in styles) else ()
        """By placeholder, if any is written in an unusual way."""
        self.query: dict[str, Parameter] = by_place["query"]
        self.odd_names: frozenset[str] = frozenset(
            wire for wire, one in self.query.items() if one.styled or not PLAIN_VALUE.fullmatch(wire)
        )
        """Query parameters that are not simply name=value."""
        self.secret_parts: tuple[int, ...] = tuple(
            place for place, wire in enumerate(wires) if wire.lower().endswith("token")
        )
        """Path arguments that are secrets themselves; the id of a token is none."""
        self.masks: bool = loose or bool(self.secret_parts) or any(is_secret(name) for name in self.query)
        self.headers: dict[str, Parameter] = {name.lower(): parameter for name, parameter in by_place["header"].items()}
        self.cookies: dict[str, Parameter] = {
            cookie_key(wire, by_place["header"]): parameter for wire, parameter in by_place["cookie"].items()
        }
        properties = operation.body.properties if operation.body else ()
        self.body_names: dict[str, Parameter] = {p.wire: p for p in properties}
        self.nullable: frozenset[str] = frozenset(p.wire for p in properties if p.nullable)
        self.accept: str = _accept(operation, self.headers.get("accept"))

    def target(self, path: Sequence[object], query: Mapping[str, object] | None) -> str:
        """Path and query, percent-encoded."""
        if len(path) != len(self.path_names):
            missing = self.path_names[len(path)] if len(path) < len(self.path_names) else "path"
            raise InvalidArgumentError(missing, f"{len(self.path_names)} path arguments are needed, {len(path)} given")
        if self.path_styles:
            text = self.pieces[0] + "".join(
                styled_segment(value, name, parameter) + piece
                for value, name, parameter, piece in zip(
                    path, self.path_names, self.path_styles, self.pieces[1:], strict=True
                )
            )
        elif len(path) == 1:
            value = path[0]
            part = (
                value if type(value) is str and PLAIN_SEGMENT.fullmatch(value) else segment(value, self.path_names[0])
            )
            text = self.pieces[0] + part + self.pieces[1]
        elif not path:
            text = self.pieces[0]
        else:
            text = self.pieces[0] + "".join(
                segment(value, name) + piece
                for value, name, piece in zip(path, self.path_names, self.pieces[1:], strict=True)
            )
        if query:
            mark = "&" if "?" in text else "?"
            odd = self.odd_names
            for wire, value in query.items():
                if value is None or value is UNSET:
                    continue
                if (type(value) is int or (type(value) is str and PLAIN_VALUE.fullmatch(value))) and wire not in odd:
                    text = f"{text}{mark}{wire}={value}"
                elif pair := encoded(wire, value, self.query):
                    text = f"{text}{mark}{pair}"
                else:
                    continue
                mark = "&"
        return text

    def error_reader(self, status: int) -> Callable[[bytes], Any] | None:
        """Decodes the body of an error as documented; it can be pickled along with the error."""
        kind = self.operation.error_type(status)
        return None if kind is None else partial(codec.loads_quietly, kind, models=self.operation.models)

    def envelope(self, status: int) -> str | None:
        """The property of an answer that holds what the caller wants. `None`: it is the whole answer."""
        if not self.envelopes:
            return None
        return next((result.data for result in self.operation.results_for(status) if result.data), None)

    def unwrapped(self, status: int, value: Any) -> Any:
        """What the caller wants of a decoded answer."""
        wire = self.envelope(status)
        return value if wire is None else unwrapped(value, wire)


def _accept(operation: Operation[Any], parameter: Parameter | None) -> str:
    if parameter is not None:
        # The document wants one of its values, not a list of them.
        value = parameter.default or next(iter(parameter.enum), None)
        if value:
            return str(value)
    kinds = dict.fromkeys(result.content_type for result in operation.results if result.content_type)
    if not kinds:
        return ""  # what comes back is not documented: the profile says what is usual
    if any("json" in kind for kind in kinds):
        # Errors are JSON as well; a JSON operation without a body still wants to know what went wrong.
        return "application/json"
    return ", ".join([*kinds, "application/json;q=0.9"])


def decoded(compiled: CompiledOperation, response: RawResponse, strict: bool) -> Any:
    """The value of a successful response. Nearly all of them are JSON as documented and decoded at once; the tolerant
    decoder reads the others, and says what is wrong with them."""
    status, body, content_type = response.status, response.body, response.headers.get(_CONTENT_TYPE)
    if content_type in _JSON_TYPES:
        try:
            decoder = compiled.decoders[status]
        except KeyError:
            decoder = compiled.decoders[status] = _decoder(compiled.operation, status)
        if decoder is not None:
            try:
                return decoder(body)
            except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
                pass
    operation = compiled.operation
    check_unpacked(operation, response)
    odd = undocumented(operation, status, content_type, bool(body))
    if odd:
        if not compiled.safe:
            odd += "; something else than the API may have answered, and the write may not have been done"
        if strict or not compiled.safe:
            raise ResponseDecodeError(odd, operation_id=operation.operation_id, json_path="$", body=body)
        report(operation.operation_id, [(None, odd)])
    return codec.decode(operation, status, content_type, body, strict=strict)


def check_unpacked(operation: Operation[Any], response: RawResponse) -> None:
    """Refuse a body that is packed in a way that cannot be undone here: nothing can say whether it is whole."""
    problem = packed(response.headers) if response.body else ""
    if problem:
        raise ResponseDecodeError(
            problem, operation_id=operation.operation_id or None, json_path="$", body=response.body
        )


def undocumented(operation: Operation[Any], status: int, content_type: str | None, has_body: bool) -> str:
    """What of a success is not in the document: its status, or the type of its body. Empty where all is as documented,
    or nothing is documented."""
    results = operation.results
    if not results:
        return ""
    media = _media(content_type)
    documented = operation.results_for(status)
    if not documented:
        return (
            f"status {status}{f' with {media[:60]}' if has_body and media else ''} is not documented for this operation"
        )
    if not has_body or not media or any(_fits(media, result) for result in documented):
        return ""
    return f"a body of type {media[:60]} is not documented for status {status} of this operation"


def _fits(media: str, result: Result) -> bool:
    if result.type == "bytes":
        return True  # a file: of whatever type it is
    documented = _media(result.content_type)
    if _is_json(media):
        return not documented or _is_json(documented)
    return media == documented or documented == "*/*"


def _media(content_type: str | None) -> str:
    """The type without parameters; what is not text in it, as text, since messages name it."""
    media = (content_type or "").partition(";")[0].strip().lower()
    return media if media.isascii() else media.encode("ascii", "backslashreplace").decode()


def _is_json(media: str) -> bool:
    return media.endswith(("/json", "+json"))


def _decoder(operation: Operation[Any], status: int) -> Callable[[bytes], Any] | None:
    documented = operation.results_for(status)
    if len(documented) != 1 or documented[0].content_type != JSON or documented[0].type in ("None", "bytes", "str"):
        return None
    return codec.strict_decoder(documented[0].type, models=operation.models)
