"""From the columns of a row to the arguments of a call: names, nesting, types, and every mistake by its column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec

from ..runtime.codec import resolve
from ..runtime.errors import did_you_mean
from ..runtime.operation import Operation, Parameter
from ..runtime.structs import UNSET, Constraints
from .passwords import random_password
from .source_rows import SourceRow
from .values import Mistake, Problems, convert, secret_name

RANDOM = "@random"
"""A cell that is to become a new password."""
COMMENT = "#"
"""Columns that begin with it are for people."""


class MadeUpSecret(NamedTuple):
    """A value that was made up for a row."""

    column: str
    value: str


class RowArguments(msgspec.Struct):
    """What a row says of a call, by wire name, as `Mittwald.call` takes it."""

    path: dict[str, Any]
    query: dict[str, Any]
    headers: dict[str, Any]
    body: Any
    secrets: tuple[MadeUpSecret, ...] = ()
    """Those that were made up."""

    def shown(self) -> dict[str, Any]:
        """For people: secrets masked."""
        given: dict[str, Any] = {"path": self.path, "query": self.query, "headers": self.headers}
        if self.body is not UNSET:
            given["body"] = self.body
        return {name: masked(value) for name, value in given.items() if value or name == "body"}


def masked(value: Any, name: str = "") -> Any:
    """A value with what sounds secret replaced."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        return {key: masked(part, key) for key, part in pairs.items()}
    if isinstance(value, list):
        parts = cast("list[Any]", value)  # type: ignore[redundant-cast]
        return [masked(part, name) for part in parts]
    return "***" if isinstance(value, str) and secret_name(name) else value


class RowReader:
    """Reads rows for one operation.

    Args:
        operation: what they are for.
    """

    def __init__(self, operation: Operation[Any]) -> None:
        self._operation = operation
        body = operation.body
        self._whole: Any = None
        if body is not None and not body.flat:
            self._whole = resolve(body.type, models=operation.models)
        properties = body.properties if body is not None and body.flat else ()
        self._known: dict[str, Parameter] = {}
        for kind in ("wire", "name"):
            for parameter in (*operation.parameters, *properties):
                self._known.setdefault(getattr(parameter, kind), parameter)
        self._types = {id(p): resolve(p.type, models=operation.models) for p in self._known.values()}

    def read(self, row: SourceRow, *, generate: bool = False) -> tuple[RowArguments, list[Mistake]]:
        """The call that a row describes.

        Args:
            row: of a source.
            generate: put a new password where the row says `@random`; otherwise it stays as it is.

        Returns:
            The arguments; meaningful only without mistakes.
        """
        secrets: list[MadeUpSecret] = []
        problems = Problems(row.number, self._made_up(secrets, generate), exact=row.exact)
        for column, problem in row.problems:
            problems.add(column, problem)
        if any(not column for column, _ in row.problems):
            return RowArguments({}, {}, {}, UNSET), problems.found
        if row.surplus:
            problems.add(f"column {row.columns + 1} and on", f"the row has more cells than columns ({row.surplus})")
        tree = _nested(row.values, problems)
        found = RowArguments({}, {}, {}, UNSET)
        places = {"path": found.path, "query": found.query, "header": found.headers, "cookie": found.headers}
        properties: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        for name, value in tree.items():
            if name.startswith(COMMENT):
                continue
            parameter = self._known.get(name)
            if parameter is None:
                rest[name] = value
                continue
            place = properties if parameter.where == "body" else places[parameter.where]
            if parameter.wire in place:
                problems.add(name, f"is the same argument as {parameter.wire}; keep one of them")
                continue
            converted = self._argument(parameter, name, value, problems)
            if converted is not UNSET:
                place[parameter.wire] = converted
        self._rest(rest, properties, found, problems)
        for parameter in dict.fromkeys(self._known.values()):
            given = properties if parameter.where == "body" else places[parameter.where]
            needed = parameter.required and (parameter.where != "body" or self._needs_body(properties))
            if needed and parameter.wire not in given and not problems.about(parameter.wire, parameter.name):
                problems.add(parameter.wire, "is missing")
        found.secrets = tuple(secrets)
        return found, problems.found

    def _needs_body(self, properties: dict[str, Any]) -> bool:
        body = self._operation.body
        return bool(properties) or (body is not None and body.required)

    def _rest(self, rest: dict[str, Any], properties: dict[str, Any], found: RowArguments, problems: Problems) -> None:
        """Columns that are not arguments themselves: those of a body that is a single value, or mistakes."""
        if self._whole is not None:
            if list(rest) == ["body"]:
                found.body = convert(self._whole, rest["body"], "body", problems)
            elif rest or (self._operation.body is not None and self._operation.body.required):
                found.body = convert(self._whole, rest, "", problems)
            return
        for name, value in rest.items():
            places = [f"{name}.{part}" for part in cast("dict[str, Any]", value)] if isinstance(value, dict) else [name]
            near = did_you_mean(name, self._known) or f"; it has {', '.join(self._wires())}"
            for place in places:
                problems.add(place, f"{self._operation.operation_id} has no such argument{near}")
        if properties or (self._operation.body is not None and self._operation.body.required):
            found.body = properties

    def _wires(self) -> list[str]:
        return list(dict.fromkeys(parameter.wire for parameter in self._known.values()))

    def _argument(self, parameter: Parameter, name: str, value: Any, problems: Problems) -> Any:
        if parameter.type == "bytes":
            problems.add(name, "is a file, which rows cannot carry")
            return UNSET
        before = len(problems.found)
        converted = convert(
            self._types[id(parameter)],
            value,
            name,
            problems,
            _facts(parameter),
            parameter.enum,
            nullable=parameter.nullable,
        )
        if parameter.where == "path" and len(problems.found) == before and str(converted) in (".", "..", "null"):
            problems.add(name, f"{converted!s} cannot be part of a path")
        return converted

    def _made_up(self, secrets: list[MadeUpSecret], generate: bool) -> Callable[[str, Constraints], str]:
        def make(column: str, facts: Constraints) -> str:
            value = random_password(facts.min_length, facts.max_length) if generate else RANDOM
            secrets.append(MadeUpSecret(column, value))
            return value

        return make


@cache
def _facts(parameter: Parameter) -> Constraints:
    return Constraints(
        format=parameter.format,
        minimum=parameter.minimum,
        maximum=parameter.maximum,
        min_length=parameter.min_length,
        max_length=parameter.max_length,
        pattern=parameter.pattern,
    )


def _nested(values: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """`{"a.b": 1, "a.c": 2}` as `{"a": {"b": 1, "c": 2}}`."""
    tree: dict[str, Any] = {}
    for column, value in values.items():
        *above, last = column.split(".")
        place = tree
        for name in above:
            inner = place.setdefault(name, {})
            if not isinstance(inner, dict):
                problems.add(column, f"{name} is given whole, too; keep one of them")
                break
            place = cast("dict[str, Any]", inner)
        else:
            if last in place:
                problems.add(column, "is given whole and by parts; keep one of them")
            else:
                place[last] = value
    return tree
