"""One cell, or several that belong together, as the type the document gives them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, cast, get_args, get_origin

import msgspec

from ..runtime.errors import did_you_mean
from ..runtime.schema.types import variants_of
from ..runtime.schema.typing_utils import is_stand_in, is_struct, is_union, members
from ..runtime.structs import UNSET, Constraints, Unknown, UnsetType
from ..runtime.transport.responses import is_secret

_NONE = Constraints()
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_SHORT_ID = re.compile(r"[a-z]{1,8}-[a-z0-9]{4,12}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_WORD = re.compile(r"@[^@\s]")
"""Text that looks like something that a cell may say instead of a value: a file, or a misspelled `@random`."""
_SHOWN = 40
"""Characters of a wrong value that a message shows."""


class Mistake(NamedTuple):
    """What is wrong in a cell, or, without a column, in the whole row."""

    row: int
    column: str
    problem: str

    def __str__(self) -> str:
        return f"row {self.row}{f', {self.column}' if self.column else ''}: {self.problem}"


class Problems:
    """Collects the mistakes of a row.

    Args:
        row: its number.
        make_up: gives a value for a column that says `@random`.
        exact: values have to be of the type that is expected; text is not read as numbers, lists or JSON.
    """

    def __init__(self, row: int, make_up: Callable[[str, Constraints], str], *, exact: bool = False) -> None:
        self.row = row
        self.make_up = make_up
        self.exact = exact
        self.found: list[Mistake] = []

    def add(self, column: str, problem: str) -> None:
        self.found.append(Mistake(self.row, column, problem))

    def about(self, *columns: str) -> bool:
        """Whether something is known to be wrong with one of these columns, or a part of it."""
        return any(one.column == name or one.column.startswith(f"{name}.") for one in self.found for name in columns)

    def fresh(self) -> Problems:
        """Another collection for the same row."""
        return Problems(self.row, self.make_up, exact=self.exact)


def convert(
    expected: Any,
    value: Any,
    column: str,
    problems: Problems,
    facts: Constraints = _NONE,
    enum: tuple[Any, ...] = (),
    *,
    nullable: bool = False,
) -> Any:
    """A value as JSON of the type that is expected; `UNSET` and a mistake where it cannot be.

    Args:
        expected: a type of the models.
        value: text of a cell, a JSON value, or a dictionary of what is inside.
        column: for mistakes.
        problems: takes them.
        facts: what the document says of the value beyond its type.
        enum: values it may have, where the type does not say.
        nullable: `@null` is a value.
    """
    if get_origin(expected) is Annotated:
        more: tuple[Any, ...] = get_args(expected)
        expected = more[0]
        facts = next((one for one in more if isinstance(one, Constraints)), facts)
    if is_union(expected):
        parts = members(expected)
        # `X | None` alone is what models write for a value that may be left out.
        nullable = nullable or (NoneType in parts and UnsetType in parts)
        parts = tuple(part for part in parts if part not in (NoneType, Unknown, UnsetType))
        literals: list[Any] = [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]
        if literals:
            enum = enum or tuple(literals)
            expected = cast("Any", type(literals[0]))
        elif len(parts) == 1:
            return convert(parts[0], value, column, problems, facts, enum, nullable=nullable)
        else:
            return _any_of(parts, value, column, problems, facts, enum)
    elif get_origin(expected) is Literal:
        choices: tuple[Any, ...] = get_args(expected)
        enum, expected = enum or choices, cast("Any", type(choices[0]))
    if value == "@null" or value is None:
        if not nullable:
            problems.add(column, "cannot be null")
            return UNSET
        return None
    if is_stand_in(expected):
        return _any_of(variants_of(expected), value, column, problems, facts, enum)
    if is_struct(expected):
        return _object(expected, value, column, problems)
    kind = get_origin(expected) or expected
    if kind is list:
        return _list(expected, value, column, problems, facts, enum)
    if kind is dict:
        return _mapping(expected, value, column, problems)
    if expected in (Any, msgspec.Raw, object):
        return _json(value) if isinstance(value, str) and value[:1] in "{[" and not problems.exact else value
    return _scalar(expected, value, column, problems, facts, enum)


def _any_of(
    parts: tuple[Any, ...], value: Any, column: str, problems: Problems, facts: Constraints, enum: tuple[Any, ...]
) -> Any:
    """The first type that takes the value; the mistakes of the one that comes nearest, if none does."""
    best: tuple[int, Problems] | None = None
    for part in parts:
        tried = problems.fresh()
        converted = convert(part, value, column, tried, facts, enum)
        if not tried.found:
            return converted
        # A column that the variant does not have speaks more against it than one that it lacks.
        weight = sum(10 if "no such" in one.problem else 1 for one in tried.found)
        if best is None or weight < best[0]:
            best = (weight, tried)
    assert best is not None
    problems.found.extend(best[1].found)
    return UNSET


def _object(expected: type[msgspec.Struct], value: Any, column: str, problems: Problems) -> Any:
    value = value if problems.exact else _json(value)
    if not isinstance(value, dict):
        inside = ", ".join(_dotted(column, field.encode_name) for field in msgspec.structs.fields(expected)[:4])
        problems.add(column, f"has parts: give them as columns ({inside}), or as {_objects(problems)}")
        return UNSET
    given = cast("dict[str, Any]", value)
    fields = _fields(expected)
    found: dict[str, Any] = {}
    for name, part in given.items():
        place = _dotted(column, name)
        field = fields.get(name)
        if field is None:
            near = did_you_mean(name, fields)
            problems.add(place, f"unknown argument{near or '; the arguments are ' + ', '.join(_wires(expected))}")
            continue
        nullable = field.required and is_union(field.type) and NoneType in members(field.type)
        converted = convert(field.type, part, place, problems, nullable=nullable)
        if converted is not UNSET:
            found[field.encode_name] = converted
    for field in fields.values():
        if field.required and field.encode_name not in given and field.name not in given:
            missing = Mistake(problems.row, _dotted(column, field.encode_name), "is missing")
            if missing not in problems.found:
                problems.found.append(missing)
    return found


def _objects(problems: Problems) -> str:
    return "an object, {…}" if problems.exact else "JSON"


@cache
def _fields(expected: type[msgspec.Struct]) -> dict[str, Any]:
    """Fields by both of their names; those of the wire go first."""
    found: dict[str, Any] = {field.encode_name: field for field in msgspec.structs.fields(expected)}
    for field in msgspec.structs.fields(expected):
        found.setdefault(field.name, field)
    return found


def _wires(expected: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(expected)]


def _list(expected: Any, value: Any, column: str, problems: Problems, facts: Constraints, enum: tuple[Any, ...]) -> Any:
    inner = (get_args(expected) or (Any,))[0]
    if value == "@empty":
        value = []
    elif isinstance(value, str) and not problems.exact:
        value = _json(value) if value.lstrip().startswith("[") else [part.strip() for part in value.split(";")]
    if isinstance(value, dict):
        value = _by_number(cast("dict[str, Any]", value), column, problems)
    if not isinstance(value, list):
        way = 'give it as ["a"]' if problems.exact else "separate values by ';', or give JSON like [\"a\"]"
        problems.add(column, f"is a list: {way}, not {_quote(value, column)}")
        return UNSET
    items = cast("list[Any]", value)  # type: ignore[redundant-cast]
    if facts.min_length is not None and len(items) < facts.min_length:
        problems.add(column, f"must have at least {facts.min_length} elements")
    if facts.max_length is not None and len(items) > facts.max_length:
        problems.add(column, f"may have at most {facts.max_length} elements")
    found = [convert(inner, item, f"{column}.{place}", problems, _NONE, enum) for place, item in enumerate(items)]
    return [item for item in found if item is not UNSET]


def _by_number(parts: dict[str, Any], column: str, problems: Problems) -> Any:
    if sorted(parts) != sorted(str(place) for place in range(len(parts))):
        problems.add(column, f"is a list: its columns are {column}.0, {column}.1 and so on")
        return []
    return [parts[str(place)] for place in range(len(parts))]


def _mapping(expected: Any, value: Any, column: str, problems: Problems) -> Any:
    value = value if problems.exact else _json(value)
    if not isinstance(value, dict):
        problems.add(column, f"has parts: give them as columns ({column}.NAME), or as {_objects(problems)}")
        return UNSET
    inner = (get_args(expected) or (str, Any))[1]
    pairs = cast("dict[str, Any]", value).items()
    found = {name: convert(inner, part, _dotted(column, name), problems) for name, part in pairs}
    return {name: part for name, part in found.items() if part is not UNSET}


def _scalar(
    expected: Any, value: Any, column: str, problems: Problems, facts: Constraints, enum: tuple[Any, ...]
) -> Any:
    if isinstance(value, dict | list):
        problems.add(column, f"must be {_WORDS.get(expected, 'a single value')}, and has no parts")
        return UNSET
    text = _text(value, column, problems, facts) if expected is str else _typed(expected, value, column, problems)
    if text is UNSET:
        return UNSET
    if enum and text not in enum:
        near = did_you_mean(str(text), [str(one) for one in enum])
        problems.add(column, f"{_quote(value, column)} must be one of {', '.join(map(str, enum))}{near}")
        return UNSET
    return text if _fits(text, value, column, problems, facts) else UNSET


def _text(value: Any, column: str, problems: Problems, facts: Constraints) -> Any:
    if value == "@random":
        return problems.make_up(column, facts)
    if value == "@empty":
        return ""
    if not isinstance(value, str) and (problems.exact or not isinstance(value, int | float)):
        problems.add(column, f"{_quote(value, column, spell=True)} is not text{_in_quotes(value)}")
        return UNSET
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _WORD.match(text):
        problems.add(
            column, f"{_quote(value, column)} is not @random, @null or @empty; write @@ for a text that begins with @"
        )
        return UNSET
    return text[1:] if text.startswith("@@") else text


def _in_quotes(value: Any) -> str:
    return f'; write "{msgspec.json.encode(value).decode()}"' if isinstance(value, bool | int | float) else ""


def _typed(expected: Any, value: Any, column: str, problems: Problems) -> Any:
    if expected is datetime and isinstance(value, str):
        return _time(value, column, problems)
    try:
        plain = value.strip() if isinstance(value, str) and not problems.exact else value
        if expected is bool and isinstance(plain, str) and not problems.exact:
            plain = {"yes": "true", "no": "false"}.get(plain.lower(), plain.lower())
        found = msgspec.convert(plain, expected, strict=problems.exact)
        if isinstance(found, float) and not math.isfinite(found):
            raise TypeError("JSON has no such number")
    except (msgspec.ValidationError, TypeError):
        shown = _quote(value, column, spell=problems.exact)
        problems.add(column, f"{shown} is not {_WORDS.get(expected, 'of its type')}")
        return UNSET
    return found.isoformat() if isinstance(found, date) else found


def _time(value: str, column: str, problems: Problems) -> Any:
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        problems.add(column, f"{_quote(value, column)} is not a time like 2026-01-31T12:00:00Z")
        return UNSET
    if found.tzinfo is None:
        problems.add(column, f"{_quote(value, column)} has no time zone; add Z, or +01:00")
        return UNSET
    return found.isoformat().replace("+00:00", "Z")


def _fits(found: Any, value: Any, column: str, problems: Problems, facts: Constraints) -> bool:
    """Check what the document says of a value beyond its type. Values that are made up fit by themselves."""
    if value == "@random":
        return True
    shown = _quote(value, column)
    before = len(problems.found)
    if isinstance(found, int | float) and not isinstance(found, bool):
        if facts.minimum is not None and found < facts.minimum:
            problems.add(column, f"{shown} must be {facts.minimum:g} or more")
        if facts.maximum is not None and found > facts.maximum:
            problems.add(column, f"{shown} must be {facts.maximum:g} or less")
    if isinstance(found, str):
        if facts.min_length is not None and len(found) < facts.min_length:
            problems.add(column, f"must have at least {facts.min_length} characters, has {len(found)}")
        if facts.max_length is not None and len(found) > facts.max_length:
            problems.add(column, f"may have at most {facts.max_length} characters, has {len(found)}")
        if facts.format == "uuid" and not (_UUID.fullmatch(found) or _SHORT_ID.fullmatch(found)):
            problems.add(column, f"{shown} is not an id")
        if facts.format in ("email", "idn-email") and not _EMAIL.fullmatch(found):
            problems.add(column, f"{shown} is not an e-mail address")
        if facts.pattern is not None and not _matches(facts.pattern, found):
            problems.add(column, f"{shown} does not have the form {facts.pattern}")
    return len(problems.found) == before


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:  # a pattern of another dialect says nothing here
        return True


_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    datetime: "a time like 2026-01-31T12:00:00Z",
    date: "a date like 2026-01-31",
    str: "text",
}


def _json(value: Any) -> Any:
    """Parse text that is JSON; return anything else unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def secret_name(column: str) -> bool:
    """Whether a column holds something that is not to be shown. An id of a secret thing is none itself."""
    last = column.rpartition(".")[2]
    return is_secret(last) and not last.endswith(("Id", "_id"))


def _quote(value: Any, column: str, *, spell: bool = False) -> str:
    """A value for a message. With `spell`, as JSON writes it, so that `"1"` and `1` look different."""
    if secret_name(column):
        return "the value"
    if spell and isinstance(value, bool | int | float | str):
        text = msgspec.json.encode(value).decode()
        return text[:_SHOWN] + "…" if len(text) > _SHOWN else text
    text = str(value)
    return repr(text[:_SHOWN] + "…" if len(text) > _SHOWN else text)


def _dotted(column: str, name: str) -> str:
    return f"{column}.{name}" if column else name
