"""`operations`: what can be called, and with what."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from ..operations import OPERATIONS
from ..runtime.errors import InvalidArgumentError, did_you_mean
from ..runtime.operation import Operation, Parameter
from .arguments import names, typed
from .common import OK, Json
from .output import count, emit, message, put_json, put_table


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
        raise InvalidArgumentError("OPERATION", f"there is no {name!r}{words}")
    return found


def operations(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Show only those that have all of these; an id alone shows its arguments.", metavar="WORD"),
    ] = None,
    deprecated: Annotated[
        bool, typer.Option("--deprecated", help="Also those that are deprecated or gone.", metavar="")
    ] = False,
    as_json: Json = False,
) -> int:
    """List operations: id, method and path, and the Python method.

    [bold]Examples[/bold]

      mittwald-async operations mysql user

      mittwald-async operations database-create-mysql-database

      mittwald-async operations --json
    """
    wanted = words or []
    exact = OPERATIONS.get(wanted[0]) if len(wanted) == 1 else None
    if exact is not None and not as_json:
        return _show(exact)
    matching = [exact] if exact is not None else [one for one in OPERATIONS.values() if _has(one, wanted)]
    found = [one for one in matching if deprecated or one is exact or not _retired(one)]
    if as_json:
        put_json(found, indent=2)
        return OK
    hidden = len(matching) - len(found)
    if found:
        rows = [(one.operation_id + _mark(one), f"{one.method} {one.path}", _method(one)) for one in found]
        put_table(("operation", "request", "method"), rows)
    else:
        message(f"no operation has {' and '.join(map(repr, wanted))}")
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


def _show(operation: Operation[Any]) -> int:
    """One operation with its arguments."""
    emit(f"{operation.operation_id}{_mark(operation)}\n{operation.method} {operation.path}\n{_method(operation)}\n")
    body, known = operation.body, names(operation)
    properties = body.properties if body is not None and body.flat else ()
    rows = [(typed(parameter, known), *_facts(parameter)) for parameter in (*operation.parameters, *properties)]
    if body is not None and not body.flat:
        rows.append(("--body", "body", body.type, "required" if body.required else ""))
    if rows:
        emit("\n")
        put_table(("argument", "in", "type", ""), rows)
    if operation.method not in ("GET", "HEAD"):
        from ..bulk.verifier_table import how_verified  # brings the client along

        how = how_verified(operation.operation_id)
        emit(f"\nlost answers: {how or 'nothing in the API tells whether it was carried out'}\n")
    return OK


def _facts(parameter: Parameter) -> tuple[str, str, str]:
    facts = ["required"] if parameter.required else []
    if parameter.enum:
        facts.append("one of " + ", ".join(map(str, parameter.enum)))
    if parameter.default is not None:
        facts.append(f"default {parameter.default}")
    kind = "file" if parameter.type == "bytes" else parameter.type
    return parameter.where, kind, "; ".join(facts)
