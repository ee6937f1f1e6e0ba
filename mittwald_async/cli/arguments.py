"""NAME=VALUE from a command line, sorted into where an operation wants it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from ..runtime.errors import ConfigurationError, InvalidArgumentError, did_you_mean
from ..runtime.operation import Operation, Parameter
from ..runtime.structs import UNSET

_PLAIN: dict[str, Any] = {"int": int, "float": float, "int | float": float, "bool": bool}


class Arguments(msgspec.Struct):
    """What goes where, by wire name."""

    path: dict[str, Any] = {}
    query: dict[str, Any] = {}
    headers: dict[str, Any] = {}
    body: Any = UNSET


def read_arguments(operation: Operation[Any], given: list[str], body: str | None) -> Arguments:
    """Sort arguments.

    Args:
        operation: what they are for.
        given: `NAME=VALUE`, by wire or Python name; several times where it is a list.
        body: JSON, `@FILE`, or `-` for standard input; instead of its properties one by one.

    Raises:
        InvalidArgumentError: not NAME=VALUE, no such name, not of its type, or a required one is missing.
        ConfigurationError: a file cannot be read.
    """
    found = Arguments()
    places = {"path": found.path, "query": found.query, "header": found.headers, "cookie": found.headers, "body": {}}
    known = names(operation)
    for argument in given:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise InvalidArgumentError(argument, "give it as NAME=VALUE")
        parameter = known.get(name)
        if parameter is None:
            raise InvalidArgumentError(name, f"{operation.operation_id} has no such argument{_others(name, known)}")
        place = places[parameter.where]
        if parameter.type.removesuffix(" | None").startswith("list[") and not _is_json(parameter, value):
            place.setdefault(parameter.wire, []).append(_value(parameter, value))
        elif parameter.wire in place:
            raise InvalidArgumentError(name, "given twice, but takes one value")
        else:
            place[parameter.wire] = _value(parameter, value)
    found.body = _whole_body(operation, body, places["body"])
    wanted = [*operation.parameters, *(operation.body.properties if operation.body and places["body"] else ())]
    for parameter in wanted:
        if parameter.required and parameter.wire not in places[parameter.where]:
            raise InvalidArgumentError(typed(parameter, known), f"required by {operation.operation_id}")
    return found


def names(operation: Operation[Any]) -> dict[str, Parameter]:
    """Every argument by its names. Where two share one, the parameter has it, and the body's goes by its Python name."""
    properties = operation.body.properties if operation.body is not None else ()
    known: dict[str, Parameter] = {}
    for kind in ("wire", "name"):
        for parameter in (*operation.parameters, *properties):
            known.setdefault(getattr(parameter, kind), parameter)
    return known


def typed(parameter: Parameter, known: dict[str, Parameter]) -> str:
    """The name an argument is given by."""
    return next((name for name, other in known.items() if other is parameter), parameter.name)


def _others(name: str, known: dict[str, Parameter]) -> str:
    every = list(dict.fromkeys(typed(parameter, known) for parameter in known.values()))
    return did_you_mean(name, every) or (f"; it has {', '.join(every)}" if every else "; it has none")


def _is_json(parameter: Parameter, value: str) -> bool:
    """Whether a list is given whole."""
    return parameter.where == "body" and value.startswith("[")


def _value(parameter: Parameter, text: str) -> Any:
    """Text as the parameter's type."""
    type_ = parameter.type.removesuffix(" | None")
    if type_ == "bytes":
        if not text.startswith("@"):
            raise InvalidArgumentError(parameter.wire, "is a file: give it as @FILE")
        return Path(text[1:])
    if text == "null" and parameter.nullable:
        return None
    kind = _PLAIN.get(type_)
    if kind is not None:
        try:
            return msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError:
            raise InvalidArgumentError(parameter.wire, f"{text!r} is no {_WORDS[kind]}") from None
    if parameter.where == "body" and type_ != "str" and text[:1] in ("{", "["):
        return _decoded(parameter.wire, text)
    return text


_WORDS: dict[Any, str] = {int: "whole number", float: "number", bool: "true or false"}


def _whole_body(operation: Operation[Any], given: str | None, properties: dict[str, Any]) -> Any:
    body = operation.body
    if given is not None and properties:
        raise InvalidArgumentError("--body", f"is the whole body; leave {', '.join(properties)} out, or put it in")
    if given is not None:
        if body is None:
            raise InvalidArgumentError("--body", f"{operation.operation_id} takes none")
        if body.content_type.startswith("multipart/"):
            raise InvalidArgumentError("--body", f"this one is made of files: {_example(operation)}")
        return _decoded("--body", _read(given))
    if not properties and body is not None and body.required:
        raise InvalidArgumentError("--body", f"{operation.operation_id} needs one: {_example(operation)}")
    return properties or UNSET


def _example(operation: Operation[Any]) -> str:
    """What a body may look like."""
    properties = operation.body.properties if operation.body is not None else ()
    known = names(operation)
    shown = [
        (parameter, f"{typed(parameter, known)}={'@FILE' if parameter.type == 'bytes' else '…'}")
        for parameter in properties
    ]
    if not shown:
        return "--body JSON or --body @FILE"
    needed = [text for parameter, text in shown if parameter.required]
    return " ".join(needed) if needed else f"some of {', '.join(text for _, text in shown[:8])}"


def _read(given: str) -> str:
    if given not in ("-", "@-") and not given.startswith("@"):
        return given
    try:
        return sys.stdin.read() if given in ("-", "@-") else Path(given[1:]).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"--body {given}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"--body {given}: is not UTF-8 text") from None


def _decoded(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgumentError(name, f"no JSON: {error}") from None
