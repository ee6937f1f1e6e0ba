"""Requests against the facts: everything wrong with one becomes an issue of a 400."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from ..runtime.operation import Body, Parameter
from ..runtime.structs import UNSET, Constraints
from .handlers import UploadedPart
from .replies import Fail, Issue
from .routes import Route
from .shapes import Choice, Field, Fixed, FreeObject, Many, Record, Scalar, Shape, Shapes, Words

_MOST_ISSUES = 20
"""Issues one answer lists."""


class Checker:
    """Reads and checks requests of one set of shapes; knows the shapes of all parameters after the first look."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._known: dict[str, tuple[dict[str, Shape], dict[str, Shape], dict[str, Shape], Shape | None]] = {}

    def parameters(
        self, route: Route, path: Mapping[str, str], query: str, headers: Mapping[str, str], *, strict: bool = True
    ) -> dict[str, Any]:
        """The query, converted. Raises Fail (400), unless not `strict`: then what is wrong is left out."""
        path_shapes, query_shapes, header_shapes, _ = self._shapes_of(route)
        issues: list[Issue] = []
        for name, text in path.items():
            shape = path_shapes.get(name)
            if shape is not None:
                _read(shape, [text], name, issues)
        parsed = self._query(query_shapes, query, issues) if query else {}
        for name, parameter in route.query.items():
            if parameter.required and name not in parsed and not any(issue.path == name for issue in issues):
                issues.append(Issue(name, "is required", "required"))
        for name, shape in header_shapes.items():
            header = headers.get(name)
            if header is not None and name != "accept":
                _read(shape, [header], name, issues)
            elif header is None and route.headers[name].required:
                issues.append(Issue(name, "is required", "required"))
        if strict:
            _complain(issues)
        return parsed

    def _query(self, shapes: Mapping[str, Shape], query: str, issues: list[Issue]) -> dict[str, Any]:
        given: dict[str, list[str]] = {}
        for name, text in parse_qsl(query, keep_blank_values=True):
            given.setdefault(name[:-2] if name.endswith("[]") and name[:-2] in shapes else name, []).append(text)
        parsed: dict[str, Any] = {}
        for name, texts in given.items():
            shape = shapes.get(name)
            if shape is None:
                issues.append(Issue(name, "is not a parameter of this operation", "additionalProperties"))
                continue
            before = len(issues)
            value = _read(shape, texts, name, issues)
            if len(issues) == before:
                parsed[name] = value
        return parsed

    def body(self, route: Route, data: bytes, content_type: str, *, strict: bool = True) -> Any:
        """The body's value, `UNSET` if there is none. Raises Fail (400), unless not `strict`: then it is taken as it
        is.

        JSON that may be left out counts as an object without properties.
        """
        body = route.operation.body
        if body is None:
            return UNSET
        if not data:
            if body.required and strict:
                _complain([Issue("body", "is required", "required")])
            if "json" not in body.content_type:
                return UNSET
            data = b"{}"
        if body.content_type.startswith("multipart/"):
            value, issues = _multipart(data, content_type)
        elif body.content_type == "application/x-www-form-urlencoded":
            value, issues = dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True)), list[Issue]()
        elif "json" not in body.content_type:
            return data
        else:
            value, issues = _json(data)
        shape = self.body_shape(route)
        if not issues and shape is not None:
            try:
                check(shape, value, "", issues)
            except RecursionError:
                issues.append(Issue("body", "is nested too deeply", "depth"))
        if strict:
            _complain(issues)
        return value

    def body_shape(self, route: Route) -> Shape | None:
        """What the operation's body looks like."""
        return self._shapes_of(route)[3]

    def parameter_shapes(self, route: Route) -> tuple[dict[str, Shape], dict[str, Shape], dict[str, Shape]]:
        """Of path, query and headers, by wire name."""
        return self._shapes_of(route)[:3]

    def _shapes_of(self, route: Route) -> tuple[dict[str, Shape], dict[str, Shape], dict[str, Shape], Shape | None]:
        key = route.operation.operation_id
        known = self._known.get(key)
        if known is None:
            body = route.operation.body
            known = self._known[key] = (
                self._all(route.path),
                self._all(route.query),
                self._all(route.headers),
                None if body is None else self._body_shape(body),
            )
        return known

    def _all(self, parameters: Mapping[str, Parameter]) -> dict[str, Shape]:
        return {wire: self._shapes.parameter(parameter) for wire, parameter in parameters.items()}

    def _body_shape(self, body: Body) -> Shape:
        if not body.flat:
            return self._shapes.expression("bytes" if body.type == "Upload" else body.type)
        return Fixed({p.wire: Field(p.wire, self._shapes.parameter(p), p.required) for p in body.properties})


def _complain(issues: list[Issue]) -> None:
    if issues:
        raise Fail(400, "ValidationError", "request validation failed", issues[:_MOST_ISSUES])


def _json(data: bytes) -> tuple[Any, list[Issue]]:
    try:
        return msgspec.json.decode(data), []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UNSET, [Issue("body", "is not JSON", "json")]


def _multipart(data: bytes, content_type: str) -> tuple[Any, list[Issue]]:
    if not content_type.lower().startswith("multipart/form-data"):
        return UNSET, [Issue("body", "must be multipart/form-data", "contentType")]
    message = message_from_bytes(
        b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + data, policy=policy.HTTP
    )
    fields: dict[str, Any] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = UploadedPart(content, part.get_filename(), part.get_content_type())
    return (fields, []) if fields else (UNSET, [Issue("body", "has no parts", "multipart")])


def _read(shape: Shape, texts: list[str], path: str, issues: list[Issue]) -> Any:
    """A value from the text of a query, path or header."""
    if isinstance(shape, Many):
        values = [part for text in texts for part in (text.split(",") if len(texts) == 1 else [text])]
        read = [_read(shape.item, [text], f"{path}[{at}]", issues) for at, text in enumerate(values)]
        _check_length(shape.limits, read, path, issues, "elements")
        return read
    value = _converted(shape, texts[-1])
    check(shape, value, path, issues)
    return value


def _converted(shape: Shape, text: str) -> Any:
    if isinstance(shape, Scalar):
        return _SCALAR_READERS.get(shape.kind, str)(text)
    if isinstance(shape, Choice):
        for option in shape.options:
            value = _converted(option, text)
            if not isinstance(option, Scalar) or not isinstance(value, str) or option.kind == "str":
                return value
    if isinstance(shape, Words):
        return next((word for word in shape.values if str(word) == text), text)
    if isinstance(shape, Record | FreeObject | Fixed):
        value, issues = _json(text.encode("utf-8", "surrogatepass"))
        return text if issues else value
    return text


def _int(text: str) -> int | str:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text


def _float(text: str) -> float | str:
    return float(text) if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?", text) else text


def _bool(text: str) -> bool | str:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)


_SCALAR_READERS: dict[str, Callable[[str], Any]] = {"int": _int, "float": _float, "bool": _bool}


def check(shape: Shape, value: Any, path: str, issues: list[Issue]) -> None:
    """Append what is wrong with a JSON value."""
    if isinstance(shape, Scalar):
        _check_scalar(shape, value, path, issues)
    elif isinstance(shape, Words):
        if value not in shape.values or isinstance(value, bool) != any(isinstance(word, bool) for word in shape.values):
            issues.append(Issue(path, f"must be one of {', '.join(map(str, shape.values))}", "enum"))
    elif isinstance(shape, Many):
        _check_many(shape, value, path, issues)
    elif isinstance(shape, Choice):
        _check_choice(shape, value, path, issues)
    elif isinstance(shape, FreeObject):
        if not isinstance(value, dict):
            issues.append(Issue(path, "must be object", "type"))
            return
        items: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        for key, item in items.items():
            check(shape.value, item, _under(path, key), issues)
    else:
        _check_fields(shape.fields, value, path, issues, closed=isinstance(shape, Fixed))


def _check_fields(fields: Mapping[str, Field], value: Any, path: str, issues: list[Issue], *, closed: bool) -> None:
    if not isinstance(value, dict):
        issues.append(Issue(path, "must be object", "type"))
        return
    items: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
    for wire, field in fields.items():
        if wire in items:
            check(field.shape, items[wire], _under(path, wire), issues)
        elif field.required:
            issues.append(Issue(_under(path, wire), "is required", "required"))
    if closed:
        unknown = (name for name in items if name not in fields)
        issues.extend(
            Issue(_under(path, name), "is not a property of this body", "additionalProperties") for name in unknown
        )


def _check_many(shape: Many, value: Any, path: str, issues: list[Issue]) -> None:
    if not isinstance(value, list):
        issues.append(Issue(path, "must be array", "type"))
        return
    items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
    _check_length(shape.limits, items, path, issues, "elements")
    for at, item in enumerate(items):
        check(shape.item, item, f"{path}[{at}]", issues)


def _check_choice(shape: Choice, value: Any, path: str, issues: list[Issue]) -> None:
    """The complaints of the option that comes nearest, judged by their number."""
    nearest: list[Issue] | None = None
    for option in shape.options:
        own: list[Issue] = []
        check(option, value, path, own)
        if not own:
            return
        if nearest is None or (any(i.type != "type" or i.path != path for i in own) and len(own) <= len(nearest)):
            nearest = own
    issues.extend(nearest or ())


_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "string"),
    "int": ((int,), "integer"),
    "float": ((int, float), "number"),
    "bool": ((bool,), "boolean"),
    "null": ((type(None),), "null"),
    "bytes": ((str, bytes, UploadedPart), "binary"),
}


def _check_scalar(shape: Scalar, value: Any, path: str, issues: list[Issue]) -> None:
    if shape.kind == "any":
        return
    allowed, name = _TYPES[shape.kind]
    if shape.kind == "int" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, allowed) or (isinstance(value, bool) and shape.kind in ("int", "float")):
        issues.append(Issue(path, f"must be {name}", "type"))
        return
    limits = shape.limits
    if isinstance(value, str):
        _check_length(limits, value, path, issues, "characters")
        _check_format(limits.format, value, path, issues)
        if limits.pattern is not None and re.search(limits.pattern, value) is None:
            issues.append(Issue(path, f"must match pattern {limits.pattern}", "pattern"))
    elif isinstance(value, int | float):
        if limits.minimum is not None and value < limits.minimum:
            issues.append(Issue(path, f"must be >= {limits.minimum:g}", "minimum"))
        if limits.maximum is not None and value > limits.maximum:
            issues.append(Issue(path, f"must be <= {limits.maximum:g}", "maximum"))


def _check_length(limits: Constraints, value: str | list[Any], path: str, issues: list[Issue], what: str) -> None:
    if limits.min_length is not None and len(value) < limits.min_length:
        issues.append(Issue(path, f"must have at least {limits.min_length} {what}", "minLength"))
    if limits.max_length is not None and len(value) > limits.max_length:
        issues.append(Issue(path, f"must have at most {limits.max_length} {what}", "maxLength"))


def _check_format(format: str | None, value: str, path: str, issues: list[Issue]) -> None:
    test = _FORMATS.get(format or "")
    if test is not None and not test(value):
        issues.append(Issue(path, f"must be a valid {format}", "format"))


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return len(value) == 36


def _is_moment(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None and len(value) > 10
    except ValueError:
        return False


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return len(value) == 10


_FORMATS: dict[str, Callable[[str], Any]] = {
    "uuid": _is_uuid,
    "date-time": _is_moment,
    "date": _is_date,
    "email": re.compile(r"[^@\s]+@[^@\s]+").fullmatch,
    "idn-email": re.compile(r"[^@\s]+@[^@\s]+").fullmatch,
}
"""Formats that are insisted on; the others are looser in reality than in their RFCs."""


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
