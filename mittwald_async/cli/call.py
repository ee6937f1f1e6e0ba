"""`call`, `operations`, `limits`: single requests and facts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from .. import codec
from ..errors import ConfigurationError, InvalidArgumentError
from ..operation import Operation, Parameter
from ..operations import OPERATIONS
from ..structs import UNSET
from .shared import OK, BaseUrl, Json, TokenFile, client, out, run


def call(
    operation_id: Annotated[str, typer.Argument(help="As `operations` lists them.", metavar="OPERATION")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Parameters by wire or Python name.", metavar="NAME=VALUE")
    ] = None,
    body: Annotated[str | None, typer.Option(help="JSON, or @FILE that holds it, or @- for standard input.")] = None,
    all_pages: Annotated[bool, typer.Option("--all", help="Of a list, every page instead of the first.")] = False,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
) -> int:
    """Call one operation and print its answer as JSON.

    [bold]Examples[/bold]

      mittwald-async call project-get-project projectId=p-xxxxxx

      mittwald-async call domain-list-domains --all

      mittwald-async call project-update-project-description projectId=p-xxxxxx --body '{"description": "shop"}'
    """
    return run(_call, operation_id, arguments or [], body, all_pages, token_file, base_url)


async def _call(
    operation_id: str,
    arguments: list[str],
    body: str | None,
    all_pages: bool,
    token_file: Path | None,
    base_url: str | None,
) -> int:
    operation = _operation(operation_id)
    sorted_out = _sorted(operation, arguments)
    content = UNSET if body is None else _body(body)
    async with client(token_file, base_url) as mw:
        if all_pages and operation.paging is not None:
            from ..paging import Pages

            path = tuple(sorted_out["path"][p.wire] for p in operation.parameters if p.where == "path")
            pages = Pages[Any](mw.sender, operation, path, sorted_out["query"], sorted_out["header"], content)
            result: Any = await pages.collect()
        else:
            result = await mw.call(
                operation_id,
                path=sorted_out["path"],
                query=sorted_out["query"],
                headers=sorted_out["header"],
                body=content,
            )
    if isinstance(result, bytes):
        sys.stdout.buffer.write(result)
    elif isinstance(result, str):
        typer.echo(result)
    elif result is not None:
        typer.echo(msgspec.json.format(codec.encode(result), indent=2).decode())
    return OK


def _operation(operation_id: str) -> Operation[Any]:
    found = OPERATIONS.get(operation_id)
    if found is None:
        raise InvalidArgumentError(
            "OPERATION", f"there is no {operation_id!r}; `mittwald-async operations WORD` finds one"
        )
    return found


def _sorted(operation: Operation[Any], arguments: list[str]) -> dict[str, dict[str, Any]]:
    """Arguments by where they go. A name may be given several times where the parameter is a list.

    Raises:
        InvalidArgumentError: not NAME=VALUE, no such parameter, or a required one is missing.
    """
    by_name = {name: p for p in operation.parameters for name in (p.wire, p.name)}
    found: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise InvalidArgumentError(argument, "give it as NAME=VALUE")
        parameter = by_name.get(name)
        if parameter is None:
            known = ", ".join(p.wire for p in operation.parameters) or "none"
            raise InvalidArgumentError(name, f"{operation.operation_id} has no such parameter; it has {known}")
        place = found[parameter.where]
        if parameter.type.startswith("list["):
            place.setdefault(parameter.wire, []).append(value)
        elif parameter.wire in place:
            raise InvalidArgumentError(name, "given twice, but takes one value")
        else:
            place[parameter.wire] = _value(parameter, value)
    for parameter in operation.parameters:
        if parameter.required and parameter.wire not in found[parameter.where]:
            raise InvalidArgumentError(parameter.wire, f"required by {operation.operation_id}")
    found["header"].update(found.pop("cookie"))
    return found


def _value(parameter: Parameter, text: str) -> Any:
    """Text as the parameter's type, where that is a number or a truth value."""
    kinds = {"int": int, "float": float, "int | float": float, "bool": bool}
    kind = kinds.get(parameter.type.removesuffix(" | None"))
    if kind is None:
        return text
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        raise InvalidArgumentError(parameter.wire, f"{text!r} is no {kind.__name__}") from None


def _body(given: str) -> Any:
    if given.startswith("@"):
        try:
            given = sys.stdin.read() if given == "@-" else Path(given[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"--body {given}: {error.strerror}") from None
    try:
        return msgspec.json.decode(given)
    except msgspec.DecodeError as error:
        raise InvalidArgumentError("--body", f"no JSON: {error}") from None


def operations(
    words: Annotated[list[str] | None, typer.Argument(help="Show only operations that have all of these.")] = None,
    deprecated: Annotated[bool, typer.Option("--deprecated", help="Also deprecated ones.")] = False,
    as_json: Json = False,
) -> int:
    """List operations: id, method and path, and the Python method.

    [bold]Examples[/bold]

      mittwald-async operations mysql user

      mittwald-async operations --json
    """
    wanted = [word.lower() for word in words or []]
    found = [
        operation
        for operation in OPERATIONS.values()
        if (deprecated or not operation.deprecated)
        and all(word in f"{operation.operation_id} {operation.path} {operation.tag}".lower() for word in wanted)
    ]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return OK
    table = Table(box=None, pad_edge=False)
    for head in ("operation", "request", "method"):
        table.add_column(head, overflow="fold")
    for operation in found:
        mark = " (deprecated)" if operation.deprecated else ""
        table.add_row(
            escape(operation.operation_id + mark),
            escape(f"{operation.method} {operation.path}"),
            f"mw.{operation.group}.{operation.name}",
        )
    out.print(table)
    return OK


def limits(token_file: TokenFile = None, base_url: BaseUrl = None, as_json: Json = False) -> int:
    """Show the request budget: one request is sent to read it."""
    return run(_limits, token_file, base_url, as_json)


async def _limits(token_file: Path | None, base_url: str | None, as_json: bool) -> int:
    async with client(token_file, base_url) as mw:
        await mw.call("user-get-user", path={"userId": "self"})
        status = mw.rate_limit
    if as_json:
        typer.echo(msgspec.json.encode(status).decode())
    elif status.limit is None:
        typer.echo("the server names no limit")
    else:
        resets = "" if status.resets_in is None else f", full again in {status.resets_in:.0f} s"
        typer.echo(f"{status.remaining} of {status.limit} requests left{resets}")
    return OK
