"""NAME=VALUE from a command line, sorted into where an operation wants it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from ..runtime.errors import InvalidArgumentError, did_you_mean
from ..runtime.operation import Operation, Parameter
from ..runtime.structs import UNSET
from .fields import Shape, body_properties, is_secret, shape, type_at, type_of
from .reading import asked, file_text, one_line_less, stdin_text

_HEAD = re.compile(r"([^.\[]*)((?:\.[^.\[\]]+|\[\d*\])*)", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d*)\]")
_MOST_ELEMENTS = 10_000

Step = str | int | None
"""The name of a property, the index of an element, `None` for the last element or a new one."""


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
        given: `NAME=VALUE`, by wire or Python name; several times where it is a list; with dots and brackets for what
            is inside.
        body: JSON, `@FILE`, or `-` for standard input; instead of its properties one by one.

    Raises:
        InvalidArgumentError: not NAME=VALUE, no such name, not of its type, a secret in plain sight, or a required one
            is missing.
        ConfigurationError: a file or standard input cannot be read.
    """
    return _ArgumentReader(operation).read(given, body)


def names(operation: Operation[Any]) -> dict[str, Parameter]:
    """Every argument by its names. Where two share one, the parameter has it, and the body's goes by its Python
    name."""
    properties = operation.body.properties if operation.body is not None else ()
    known: dict[str, Parameter] = {}
    for kind in ("wire", "name"):
        for parameter in (*operation.parameters, *properties):
            known.setdefault(getattr(parameter, kind), parameter)
    return known


def typed(parameter: Parameter, known: dict[str, Parameter]) -> str:
    """The name an argument is given by."""
    return next((name for name, other in known.items() if other is parameter), parameter.name)


class _ArgumentReader:
    """Reads the arguments of one command line."""

    def __init__(self, operation: Operation[Any]) -> None:
        self._operation = operation
        self._known = names(operation)
        self._properties = body_properties(operation)
        self._stdin_for: str | None = None

    def read(self, given: list[str], body: str | None) -> Arguments:
        found = Arguments()
        places: dict[str, dict[str, Any]] = {
            "path": found.path,
            "query": found.query,
            "header": found.headers,
            "cookie": found.headers,
            "body": {},
        }
        for argument in given:
            name, equals, text = argument.partition("=")
            if not equals or not name:
                raise InvalidArgumentError(argument, "give it as NAME=VALUE")
            parameter, steps, expected = self._place(name)
            self._put(places[parameter.where], parameter, steps, expected, name, text)
        for place in places.values():
            _check_lists(place)
        found.body = self._whole_body(body, places["body"])
        self._check_required(places)
        return found

    def _place(self, name: str) -> tuple[Parameter, tuple[Step, ...], Any]:
        """The argument a name means, the place inside of it, and the type there."""
        match = _HEAD.fullmatch(name)
        head = name if name in self._known else match[1] if match is not None else re.split(r"[.\[]", name)[0]
        parameter = self._known.get(head)
        if parameter is not None:
            expected = type_of(self._operation, parameter)
        elif head in self._properties:
            parameter = Parameter(name=head, wire=head, where="body", type=head)
            expected = self._properties[head]
        else:
            raise InvalidArgumentError(head, f"{self._operation.operation_id} has no such argument{self._others(head)}")
        if head == name:
            return parameter, (), expected
        if match is None:
            raise InvalidArgumentError(name, "write what is inside as name.property, name[0] or name[]")
        steps = tuple(map(_step, _STEP.finditer(match[2])))
        return parameter, steps, type_at(expected, steps, name)

    def _put(
        self, place: dict[str, Any], parameter: Parameter, steps: tuple[Step, ...], expected: Any, name: str, text: str
    ) -> None:
        found = shape(expected)
        if found.kind is list and not (text.startswith("[") and parameter.where == "body"):
            steps, found = (*steps, None), shape(found.inside[0])
        value = self._value(parameter, found, name, text, nullable=parameter.nullable and not steps)
        _store(place, (parameter.wire, *steps), value, name)

    def _value(self, parameter: Parameter, found: Shape, name: str, text: str, *, nullable: bool) -> Any:
        """Text as the type that is expected."""
        if parameter.type == "bytes":
            if not text.startswith("@"):
                raise InvalidArgumentError(parameter.wire, "is a file: give it as @FILE")
            return Path(text[1:])
        secret = found.kind is str and self._is_secret(parameter, name)
        plain = not text.startswith("@") or text.startswith("@@")
        text = self._text(name, text, secret=secret)
        if text == "null" and (nullable or found.nullable):
            return None
        if found.kind in (int, float, bool):
            try:
                return msgspec.convert(text, int | float if found.kind is float else found.kind, strict=False)
            except msgspec.ValidationError:
                raise InvalidArgumentError(name, f"{text!r} is not {_WORDS[found.kind]}") from None
        if parameter.where == "body" and found.kind is not str and text[:1] in ("{", "["):
            decoded = _decoded(name, text)
            if plain:
                self._refuse_secrets(decoded, name)
            return decoded
        return text

    def _is_secret(self, parameter: Parameter, name: str) -> bool:
        return parameter.where != "path" and is_secret(
            name if parameter.where == "body" else parameter.wire, self._operation
        )

    def _text(self, name: str, text: str, *, secret: bool) -> str:
        """The value of an argument's text."""
        if text.startswith("@@"):
            text = text[1:]
        elif text == "@-" or (secret and text == "-"):
            return one_line_less(self._stdin(name))
        elif secret and text == "?":
            return asked(name)
        elif text.startswith("@"):
            return one_line_less(file_text(text[1:], name))
        if secret:
            raise InvalidArgumentError(name, _HIDE_IT.format(name=name))
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise InvalidArgumentError(name, "is not UTF-8 text")
        return text

    def _stdin(self, name: str) -> str:
        if self._stdin_for is not None:
            raise InvalidArgumentError(name, f"standard input is read for {self._stdin_for} already")
        self._stdin_for = name
        return stdin_text(name)

    def _refuse_secrets(self, value: Any, place: str) -> None:
        """JSON on the command line is as visible as any other argument."""
        if isinstance(value, Mapping):
            for key, part in cast("Mapping[str, Any]", value).items():
                inner = f"{place}.{key}"
                if isinstance(part, str) and is_secret(key, self._operation):
                    shown = inner.removeprefix("--body.")
                    raise InvalidArgumentError(shown, _HIDE_IT.format(name=shown))
                self._refuse_secrets(part, inner)
        elif isinstance(value, list):
            for part in cast("list[Any]", value):  # type: ignore[redundant-cast]
                self._refuse_secrets(part, f"{place}[]")

    def _whole_body(self, given: str | None, properties: dict[str, Any]) -> Any:
        body, operation_id = self._operation.body, self._operation.operation_id
        if given is not None and properties:
            raise InvalidArgumentError("--body", f"is the whole body; leave {', '.join(properties)} out, or put it in")
        if given is not None:
            if body is None:
                raise InvalidArgumentError("--body", f"{operation_id} takes none")
            if body.content_type.startswith("multipart/"):
                raise InvalidArgumentError("--body", f"this one is made of files: {self._example()}")
            return self._body(given)
        if not properties and body is not None and body.required:
            raise InvalidArgumentError("--body", f"{operation_id} needs one: {self._example()}")
        return properties or UNSET

    def _body(self, given: str) -> Any:
        if given in ("-", "@-"):
            return _decoded("--body", self._stdin("--body"))
        if not given.startswith("@"):
            decoded = _decoded("--body", given)
            self._refuse_secrets(decoded, "--body")
            return decoded
        text = file_text(given[1:], "--body")
        return _yaml("--body", text) if given.lower().endswith((".yaml", ".yml")) else _decoded("--body", text)

    def _check_required(self, places: Mapping[str, Mapping[str, Any]]) -> None:
        operation = self._operation
        for parameter in (
            *operation.parameters,
            *(operation.body.properties if operation.body and places["body"] else ()),
        ):
            if parameter.required and parameter.wire not in places[parameter.where]:
                raise InvalidArgumentError(typed(parameter, self._known), f"required by {operation.operation_id}")

    def _example(self) -> str:
        """What a body may look like."""
        properties = self._operation.body.properties if self._operation.body is not None else ()
        shown = [
            (parameter, f"{typed(parameter, self._known)}={'@FILE' if parameter.type == 'bytes' else '…'}")
            for parameter in properties
        ]
        if not shown and self._properties:
            return f"some of {', '.join(f'{name}=…' for name in list(self._properties)[:8])}"
        if not shown:
            return "--body JSON or --body @FILE"
        needed = [text for parameter, text in shown if parameter.required]
        return " ".join(needed) if needed else f"some of {', '.join(text for _, text in shown[:8])}"

    def _others(self, name: str) -> str:
        every = list(dict.fromkeys(typed(parameter, self._known) for parameter in self._known.values()))
        every += self._properties
        return did_you_mean(name, every) or (f"; it has {', '.join(every)}" if every else "; it has none")


_HIDE_IT = (
    "a secret is not given as an argument, where others on this machine can read it; "
    "{name}=? asks for it, {name}=- reads it from standard input, {name}=@FILE from a file"
)
_WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false"}


def _step(match: re.Match[str]) -> Step:
    if match[1] is not None:
        return match[1]
    return int(match[2]) if match[2] else None


def _store(place: dict[str, Any], steps: tuple[Step, ...], value: Any, name: str) -> None:
    """Put a value where the steps lead; what is on the way is made."""
    here: Any = place
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        fresh: Any = value if last else {} if isinstance(steps[number + 1], str) else []
        if isinstance(here, dict) and isinstance(step, str):
            here = _into_object(cast("dict[str, Any]", here), step, fresh, name, last=last)
        elif isinstance(here, list) and not isinstance(step, str):
            rest = steps[number + 1 :]
            here = _into_list(cast("list[Any]", here), step, fresh, name, rest, last=last)  # type: ignore[redundant-cast]
        else:
            raise InvalidArgumentError(name, "what it is inside of is given whole, too; keep one of them")


def _into_object(here: dict[str, Any], step: str, fresh: Any, name: str, *, last: bool) -> Any:
    if last and step in here:
        raise InvalidArgumentError(name, "given twice, but takes one value")
    return here.setdefault(step, fresh)


def _into_list(here: list[Any], step: int | None, fresh: Any, name: str, rest: tuple[Step, ...], *, last: bool) -> Any:
    if step is None:
        # `a[].x=1 a[].y=2` is one element, a second `a[].x=` begins the next one.
        if last or not here or _has(here[-1], rest):
            here.append(fresh)
        return here[-1]
    if step >= _MOST_ELEMENTS:
        raise InvalidArgumentError(name, f"a list has at most {_MOST_ELEMENTS:,} elements here")
    here.extend([UNSET] * (step + 1 - len(here)))
    if here[step] is UNSET:
        here[step] = fresh
    elif last:
        raise InvalidArgumentError(name, "given twice, but takes one value")
    return here[step]


def _has(element: Any, steps: tuple[Step, ...]) -> bool:
    """Whether an element has a value at this place already."""
    for step in steps:
        if step is None or isinstance(step, int):
            return False
        if not isinstance(element, dict) or step not in element:
            return not isinstance(element, dict)
        element = cast("dict[str, Any]", element)[step]
    return True


def _check_lists(value: Any, name: str = "") -> None:
    """Elements that were left out between others."""
    if isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            _check_lists(part, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for index, part in enumerate(cast("list[Any]", value)):  # type: ignore[redundant-cast]
            if part is UNSET:
                raise InvalidArgumentError(f"{name}[{index}]", "is missing before the elements that are given")
            _check_lists(part, f"{name}[{index}]")


def _decoded(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgumentError(name, f"is not JSON: {error}") from None


def _yaml(name: str, text: str) -> Any:
    from ..codegen.errors import DocumentError
    from ..codegen.yaml_text import parse_yaml

    notes: list[str] = []
    try:
        value = parse_yaml(text, name, notes)
    except DocumentError as error:
        raise InvalidArgumentError(name, error.problem.removeprefix(f"{name} ")) from None
    except RecursionError as error:
        raise InvalidArgumentError(name, f"is not YAML: {error}") from None
    if notes:
        # A document may be forgiven that; of what is sent, nothing may be lost.
        raise InvalidArgumentError(name, notes[0].removeprefix(f"{name}, ").removesuffix("; the last one counts"))
    return value
