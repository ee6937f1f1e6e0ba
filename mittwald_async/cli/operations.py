"""`operations`: what can be called, and with what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ..operations import OPERATIONS
from ..runtime.codec import resolve
from ..runtime.errors import InvalidArgumentError, did_you_mean
from ..runtime.operation import Operation, Parameter
from .arguments import names, typed
from .common import OK, Json
from .fields import FieldLine, fields_of, is_secret, shape, skeleton, type_of
from .output import count, emit, folded, message, put_json, put_table
from .yaml_text import commented


def find(name: str) -> Operation[Any]:
    """An operation by its id, or by its Python name with group: `project.get_project`.

    Raises:
        InvalidArgumentError: there is none; the message names the nearest.
    """
    found = OPERATIONS.get(name)
    if found is None and "." in name:
        group, _, method = name.removeprefix("mw.").partition(".")
        found = next((one for one in OPERATIONS.values() if (one.group, one.name) == (group, method)), None)
    if found is None:
        words = did_you_mean(name, OPERATIONS) or "; `mittwald-async operations WORD` finds one"
        raise InvalidArgumentError("OPERATION", f"unknown operation {name!r}{words}")
    return found


def operation_ids(incomplete: str) -> list[str]:
    """For completion."""
    return [name for name in OPERATIONS if name.startswith(incomplete)]


def operations(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="Show only operations with all of these words; an id alone shows its arguments.",
            metavar="WORD",
            autocompletion=operation_ids,
        ),
    ] = None,
    skeleton_form: Annotated[
        str | None,
        typer.Option(
            "--skeleton",
            help="Print a body to fill in, for `call --body @FILE`: json (what is required) or yaml (all).",
            metavar="FORM",
        ),
    ] = None,
    deprecated: Annotated[
        bool, typer.Option("--deprecated", help="Include deprecated and removed operations.", metavar="")
    ] = False,
    as_json: Json = False,
) -> int:
    """List operations: id, method and path, and the Python method.

    [bold]Examples[/bold]

      mittwald-async operations mysql user

      mittwald-async operations database-create-mysql-database

      mittwald-async operations database-create-mysql-database --skeleton yaml

      mittwald-async operations --json
    """
    wanted = words or []
    if skeleton_form is not None:
        return _show_skeleton(wanted, skeleton_form)
    exact = _exact(wanted)
    if exact is not None and not as_json:
        return _show(exact)
    matching = [exact] if exact is not None else [one for one in OPERATIONS.values() if _has(one, wanted)]
    found = [one for one in matching if deprecated or one is exact or not _retired(one)]
    if not matching:
        raise InvalidArgumentError("WORD", f"no operation has {' and '.join(map(repr, wanted))}{_nearest(wanted)}")
    if as_json:
        put_json(found, indent=2)
        return OK
    hidden = len(matching) - len(found)
    if found:
        rows = [(one.operation_id + _mark(one), f"{one.method} {one.path}", _method(one)) for one in found]
        put_table(("operation", "request", "method"), rows, shorten=("request",))
    if hidden and wanted:
        message(f"{count(hidden, 'deprecated one')} left out; --deprecated shows {'it' if hidden == 1 else 'them'}")
    return OK


def reference_link(operation: Operation[Any]) -> str:
    """Where the provider's reference has it."""
    tag = re.sub(r"[^a-z0-9]", "", operation.tag.lower())
    return f"https://developer.mittwald.de/docs/v2/reference/{tag}/{operation.operation_id}/"


def _has(operation: Operation[Any], words: list[str]) -> bool:
    text = f"{operation.operation_id} {operation.path} {operation.tag} {_method(operation)}".lower()
    return all(word.lower() in text for word in words)


def _retired(operation: Operation[Any]) -> bool:
    return operation.deprecated or operation.removed_upstream


def _mark(operation: Operation[Any]) -> str:
    return " (removed)" if operation.removed_upstream else " (deprecated)" if operation.deprecated else ""


def _method(operation: Operation[Any]) -> str:
    return f"mw.{operation.group}.{operation.name}"


def _exact(words: list[str]) -> Operation[Any] | None:
    """The operation that one word names, by its id or its Python name."""
    if len(words) != 1:
        return None
    name = words[0]
    if name in OPERATIONS:
        return OPERATIONS[name]
    return next((one for one in OPERATIONS.values() if name.removeprefix("mw.") == f"{one.group}.{one.name}"), None)


def _nearest(words: list[str]) -> str:
    """What the words that no operation has may have been meant for."""
    known = {part for one in OPERATIONS.values() for part in (*one.operation_id.split("-"), one.operation_id)}
    odd = [word for word in words if not any(_has(one, [word]) for one in OPERATIONS.values())]
    guesses = [did_you_mean(word.lower(), sorted(known)) for word in odd]
    return next((guess for guess in guesses if guess), "; try fewer words" if len(words) > 1 else "")


def _show(operation: Operation[Any]) -> int:
    """One operation with its arguments."""
    emit(f"{operation.operation_id}{_mark(operation)}\n{operation.method} {operation.path}\n{_method(operation)}\n")
    if not operation.removed_upstream:
        emit(f"{reference_link(operation)}\n")
    rows = list(_rows(operation))
    if rows:
        emit("\n")
        put_table(("argument", "in", "type", ""), rows)
    if operation.method not in ("GET", "HEAD"):
        from ..bulk.verifier_table import how_verified  # brings the client along

        how = how_verified(operation.operation_id)
        emit(folded(f"\nlost answers: {how or 'nothing in the API tells whether it was carried out'}\n"))
    return OK


def _rows(operation: Operation[Any]) -> Iterator[tuple[str, str, str, str]]:
    """Every argument, followed by what is inside of it."""
    body, known = operation.body, names(operation)
    properties = body.properties if body is not None and body.flat else ()
    for parameter in (*operation.parameters, *properties):
        name = typed(parameter, known)
        yield (name, *_facts(operation, parameter))
        if parameter.type != "bytes":
            yield from map(_inner, fields_of(type_of(operation, parameter), name))
    if body is not None and not body.flat:
        whole = resolve(body.type, models=operation.models)
        yield "--body", "body", shape(whole).words, "required" if body.required else ""
        yield from map(_inner, fields_of(whole, ""))


def _inner(field: FieldLine) -> tuple[str, str, str, str]:
    facts = ["required"] if field.required else []
    if field.variant:
        facts.append(f"of {field.variant}")
    if field.enum:
        facts.append("one of " + ", ".join(map(str, field.enum)))
    return field.path, "body", field.type, "; ".join(facts)


def _facts(operation: Operation[Any], parameter: Parameter) -> tuple[str, str, str]:
    facts = ["required"] if parameter.required else []
    found = shape(type_of(operation, parameter))
    enum = parameter.enum or found.enum
    if enum:
        facts.append("one of " + ", ".join(map(str, enum)))
    if parameter.default is not None:
        facts.append(f"default {parameter.default}")
    if parameter.where != "path" and is_secret(parameter.wire, operation):
        facts.append(f"a secret: {parameter.wire}=? asks for it")
    plain = parameter.format if parameter.format and found.kind is str else found.words
    return parameter.where, "file" if parameter.type == "bytes" else plain, "; ".join(facts)


def _show_skeleton(words: list[str], form: str) -> int:
    if len(words) != 1:
        raise InvalidArgumentError("--skeleton", "name one operation by its id")
    if form not in ("json", "yaml"):
        raise InvalidArgumentError("--skeleton", f"{form!r} is not json or yaml")
    operation = find(words[0])
    required = skeleton(operation)
    if form == "json":
        put_json(required or skeleton(operation, optional=True), indent=2)
    else:
        emit(f"# {operation.operation_id}: {operation.method} {operation.path}\n")
        emit(commented(skeleton(operation, optional=True), required))
    return OK
